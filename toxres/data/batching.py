"""From comments to padded batches: tokenised once, padded to the longest comment of each batch."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerBase

if TYPE_CHECKING:
    import datasets

TOKENS_FILE = "tokens.arrow"
LENGTHS_FILE = "lengths.npy"


class CommentDataset(Dataset):
    """Comments tokenised once, without padding.

    Each item is a dictionary of `input_ids`, `length` and, where targets were given, `labels` (L floats, NaN unknown).

    Args:
        texts: N comments.
        tokenizer: A fast tokenizer.
        max_length: Tokens a comment is cut off at, special tokens included.
        targets: N x L, NaN where unknown.
    """

    def __init__(
        self,
        texts: Sequence[str],
        tokenizer: PreTrainedTokenizerBase,
        max_length: int,
        targets: np.ndarray | None = None,
    ) -> None:
        encoded = tokenizer(list(texts), truncation=True, max_length=max_length) if len(texts) else {"input_ids": []}
        self.input_ids = encoded["input_ids"]
        self.lengths = [len(ids) for ids in self.input_ids]
        self.targets = None if targets is None else np.asarray(targets, dtype=np.float32)

    def __len__(self) -> int:
        return len(self.input_ids)

    def __getitem__(self, index: int) -> dict:
        item = {"input_ids": self.input_ids[index], "length": self.lengths[index]}
        if self.targets is not None:
            item["labels"] = self.targets[index]
        return item


class MappedComments(Dataset):
    """Tokenised comments in a file that is mapped into memory: items as those of `CommentDataset`, none of them held.

    Args:
        data: A table of `datasets` with the columns `input_ids` and `labels`.
        lengths: Tokens of each comment.
    """

    def __init__(self, data: "datasets.Dataset", lengths: np.ndarray) -> None:
        self.data, self.lengths = data, lengths

    @classmethod
    def open(cls, folder: Path) -> "MappedComments":
        """Open the files that `toxres.training.mapped.TokenWriter` wrote into a folder."""
        import datasets

        return cls(datasets.Dataset.from_file(str(folder / TOKENS_FILE)), np.load(folder / LENGTHS_FILE))

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> dict:
        return self.__getitems__([index])[0]

    def __getitems__(self, rows: Sequence[int]) -> list[dict]:
        """A batch at once, as torch's data loader asks for it."""
        batch = self.data[list(rows)]
        labels = np.asarray(batch["labels"], dtype=np.float32)
        return [
            {"input_ids": ids, "length": len(ids), "labels": labels[place]}
            for place, ids in enumerate(batch["input_ids"])
        ]


class PadCollator:
    """Pads a batch to its longest comment, rounded up to a multiple of 8, and stacks the labels.

    Args:
        pad_token_id: The tokenizer's id of padding.
    """

    def __init__(self, pad_token_id: int) -> None:
        self.pad_token_id = pad_token_id

    def __call__(self, items: Sequence[dict]) -> dict[str, Tensor]:
        """`input_ids` and `attention_mask` (B, T), and `labels` (B, L) where the items have them."""
        longest = max(1, max(len(item["input_ids"]) for item in items))
        width = -(-longest // 8) * 8
        input_ids = torch.full((len(items), width), self.pad_token_id, dtype=torch.long)
        attention_mask = torch.zeros((len(items), width), dtype=torch.long)
        for row, item in enumerate(items):
            ids = torch.as_tensor(item["input_ids"], dtype=torch.long)
            input_ids[row, : len(ids)] = ids
            attention_mask[row, : len(ids)] = 1
        batch = {"input_ids": input_ids, "attention_mask": attention_mask}
        if "labels" in items[0]:
            batch["labels"] = torch.from_numpy(np.stack([item["labels"] for item in items]))
        return batch
