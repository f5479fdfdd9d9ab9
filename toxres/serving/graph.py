"""From a checkpoint to an ONNX graph with free batch and length."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

from toxres.checkpoint import Checkpoint
from toxres.errors import InputError
from toxres.serving.engines import INPUTS, LOGITS, WEIGHTS

OPSET = 18


def need_exportable(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint itself, if a bundle can hold it.

    Raises:
        InputError: It marks spans, or is a stack.
    """
    family = checkpoint.run["recipe"]["family"]
    if family == "spans":
        raise InputError(f"{checkpoint.path}: marks spans and scores no comment, so it can't be served; leave it out")
    if family == "stack":
        raise InputError(
            f"{checkpoint.path}: {checkpoint.name} blends several models and has no ONNX form; export a transformer, "
            "a ULMFiT or a tfidf checkpoint"
        )
    return checkpoint


def has_attention(checkpoint: Checkpoint) -> bool:
    """Whether a token model has attention pooling; the shares of other poolings say nothing of the model."""
    return checkpoint.model.config.pooling == "attention"


@contextlib.contextmanager
def _plain_attention(model) -> Iterator[None]:
    """Attention as products and softmax: torch's fused one would be written with a search for masked-out rows."""
    encoder = model.encoder
    if getattr(encoder.config, "_attn_implementation", None) != "sdpa":
        yield
        return
    encoder.set_attn_implementation("eager")
    try:
        yield
    finally:
        encoder.set_attn_implementation("sdpa")


def write_graph(checkpoint: Checkpoint, path: Path) -> tuple[str, ...]:
    """Write a transformer or language model as ONNX, in float32, with its weights inside.

    The inputs are `input_ids` and `attention_mask`, B x T int64; the outputs `logits`, B x L, and for attention pooling
    `attention_weights`, B x T.

    Returns:
        Names of the outputs.
    """
    import torch

    from toxres.models.first_token import first_token_only

    model, outputs = checkpoint.model, (LOGITS, WEIGHTS) if has_attention(checkpoint) else (LOGITS,)

    class Graph(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask):
            found = self.model(input_ids=input_ids, attention_mask=attention_mask, output_attention_weights=True)
            return tuple(getattr(found, name) for name in outputs)

    device = next(model.parameters()).device
    input_ids = torch.full((2, 16), 5, device=device)
    attention_mask = torch.ones_like(input_ids)
    attention_mask[1, 9:] = 0
    free = {name: {0: "batch", 1: "length"} for name in (*INPUTS, WEIGHTS)} | {LOGITS: {0: "batch"}}
    with warnings.catch_warnings(), _plain_attention(model), first_token_only(model):
        # The tracer warns of every branch on a size, and of its successor, which can't do LSTMs of any length.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Graph().eval(),
            (input_ids, attention_mask),
            str(path),
            input_names=list(INPUTS),
            output_names=list(outputs),
            dynamic_axes={name: axes for name, axes in free.items() if name in (*INPUTS, *outputs)},
            opset_version=OPSET,
            dynamo=False,
        )
    return outputs
