"""Logits for any number of comments, in batches of similar length."""

from collections.abc import Sequence

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from toxres.data.batching import CommentDataset, PadCollator
from toxres.lengths import length_batches


@torch.inference_mode()
def predict_logits(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    max_length: int = 128,
    max_tokens: int = 4_096,
) -> np.ndarray:
    """Logits, not probabilities, in the order of `texts`: N x L, float32.

    Args:
        model: A `ToxicityModel`; put into evaluation mode and left there.
        tokenizer: The model's.
        texts: N comments.
        max_length: Tokens a comment is cut off at.
        max_tokens: Most tokens a batch, padding included.
    """
    model.eval()
    dataset = CommentDataset(texts, tokenizer, max_length)
    collate = PadCollator(tokenizer.pad_token_id)
    logits = np.zeros((len(dataset), model.config.num_labels), dtype=np.float32)
    for rows in length_batches(dataset.lengths, max_tokens):
        batch = collate([dataset[row] for row in rows])
        output = model(**{name: tensor.to(model.device) for name, tensor in batch.items()})
        logits[rows] = output.logits.float().cpu().numpy()
    return logits
