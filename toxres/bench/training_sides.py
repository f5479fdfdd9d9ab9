"""Training, as `toxres train` does it and as the `Trainer` does it by default, stopped after every epoch."""

import contextlib
import dataclasses
import queue
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from toxres.allocator import keeping_memory
from toxres.bench.measure import Sample

LEVERS = ("bf16", "lengths", "frozen", "attention", "memory")
"""What `toxres train` does that the default doesn't: bfloat16 matrices, batches of similar length without more padding
than they need, word embeddings as they were pre-trained, attention that keeps to one precision, memory that is kept.
"""

SEED = 0


@contextlib.contextmanager
def prepare(rows: int, epochs: int, levers: Sequence[str], validate: bool) -> Iterator[Callable[[], Sample]]:
    """A training run of `custom` by preset quick that goes on by one epoch each time.

    The figures: `tokens`, those of comments (not of padding) trained on a second; `seconds` of the epoch, without
    validation; and, with `validate`, `macro_ap` and `toxic_ap` on validation comments after it.

    Args:
        rows: Comments of an epoch.
        epochs: How many there will be: the learning rate falls over all of them.
        levers: Some of `LEVERS`; none is the default: float32, comments in any order, all padded to 128 tokens, every
            weight learned.
        validate: Score the validation comments after each epoch.
    """
    # Before torch takes any memory, as `toxres train` does: it looks only once whether large pages are wanted.
    with keeping_memory() if "memory" in levers else contextlib.nullcontext():
        yield from _runs(rows, epochs, levers, validate)


def _runs(rows: int, epochs: int, levers: Sequence[str], validate: bool) -> Iterator[Callable[[], Sample]]:
    from transformers import TrainerCallback

    go, done = queue.SimpleQueue(), queue.SimpleQueue()
    work = Work(rows, epochs, levers)

    class Pauses(TrainerCallback):
        """Waits before each epoch until it is asked for, and hands over what it took."""

        def on_epoch_begin(self, args, state, control, **kwargs):
            if go.get() is None:
                raise SystemExit
            self.start = time.perf_counter()

        def on_epoch_end(self, args, state, control, model=None, **kwargs):
            seconds = time.perf_counter() - self.start
            figures = {"seconds": seconds, "tokens": work.tokens / seconds}
            if validate:
                figures |= work.scores()
                model.train()
            done.put(Sample(figures))

    def train(folder: str) -> None:
        try:
            trainer = work.trainer(Path(folder))
            trainer.add_callback(Pauses())
            trainer.train()
        except SystemExit:
            pass
        except Exception as error:
            done.put(error)

    def once() -> Sample:
        go.put(True)
        found = done.get()
        if isinstance(found, Exception):
            raise found
        return found

    with tempfile.TemporaryDirectory(prefix="toxres-bench-", ignore_cleanup_errors=True) as folder:
        threading.Thread(target=train, args=(folder,), daemon=True).start()
        yield once
        go.put(None)


class Work:
    """What is trained, on what."""

    def __init__(self, rows: int, epochs: int, levers: Sequence[str]) -> None:
        import torch
        import transformers

        from toxres.config import CUSTOM, get_preset
        from toxres.data import best_source, targets
        from toxres.data.batching import CommentDataset
        from toxres.models import ToxicityModel, build_loss
        from toxres.models.attention import for_training
        from toxres.training.layers import freeze
        from toxres.training.rows import select_rows, validation_comments

        self.levers = set(levers)
        self.recipe, preset = CUSTOM, get_preset("quick")
        self.preset = dataclasses.replace(
            preset, max_rows=rows, epochs=epochs, freeze_embeddings="frozen" in levers,
            group_by_length="lengths" in levers, precision="auto" if "bf16" in levers else "fp32",
        )  # fmt: skip
        source = best_source()
        found, validation = select_rows([source], self.preset, SEED), validation_comments(source)
        transformers.set_seed(SEED)
        self.model, self.tokenizer = ToxicityModel.from_recipe(self.recipe, preset.encoder, preset.dropout)
        self.tokenizer.model_max_length = preset.max_length
        truth = targets(found.train, found.labels)
        self.model.set_prior(torch.nanmean(torch.tensor(truth), dim=0))
        if "attention" in levers:
            for_training(self.model, self.model.encoder)
        freeze(self.model, self.preset)
        self.loss = build_loss(self.recipe)
        self.dataset = CommentDataset(found.train["text"].tolist(), self.tokenizer, preset.max_length, truth)
        self.tokens = sum(self.dataset.lengths)
        self.texts, self.truth = validation["text"].tolist(), targets(validation, found.labels)

    def trainer(self, folder: Path) -> Any:
        """Ours; without levers, what the `Trainer` is by default, with our loss and learning rates."""
        from toxres.data.batching import PadCollator
        from toxres.training.trainer import build_trainer

        pad = self.tokenizer.pad_token_id
        collator = PadCollator(pad) if "lengths" in self.levers else _FullWidth(pad, self.preset.max_length)
        return build_trainer(
            self.model, self.recipe, self.preset, self.dataset, None, self.loss, pad, folder, SEED,
            save_steps=1_000_000, progress=False, collator=collator,
        )  # fmt: skip

    def scores(self) -> dict[str, float]:
        """Average precision on the validation comments, macro and of `toxic`, scored in the same way for all."""
        import numpy as np
        import torch
        from sklearn.metrics import average_precision_score

        from toxres.models.predict import predict_logits
        from toxres.training.precision import has_bf16

        with torch.autocast("cpu", torch.bfloat16, enabled=has_bf16()):
            logits = predict_logits(self.model, self.tokenizer, self.texts, self.preset.max_length)
        columns = [
            average_precision_score(truth >= 0.5, scores)
            for truth, scores in zip(self.truth.T, logits.T, strict=True)
            if (truth >= 0.5).any()
        ]
        return {"macro_ap": float(np.mean(columns)), "toxic_ap": float(columns[0])}


class _FullWidth:
    """Pads every batch to the most tokens a comment may have, as `padding="max_length"` does."""

    def __init__(self, pad_token_id: int, width: int) -> None:
        from toxres.data.batching import PadCollator

        self.pad_token_id, self.width, self.collate = pad_token_id, width, PadCollator(pad_token_id)

    def __call__(self, items: Sequence[dict]) -> dict:
        from torch.nn.functional import pad

        batch = self.collate(items)
        more = self.width - batch["input_ids"].shape[1]
        batch["input_ids"] = pad(batch["input_ids"], (0, more), value=self.pad_token_id)
        batch["attention_mask"] = pad(batch["attention_mask"], (0, more))
        return batch
