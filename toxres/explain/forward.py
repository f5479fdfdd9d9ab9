"""Passes through a model for explanations: ready and put back, with other embeddings, with a gradient a label."""

import contextlib
import copy
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from toxres.data.batching import PadCollator
from toxres.lengths import length_batches
from toxres.models import ToxicityModel

MAX_TOKENS = 4_096
"""Tokens a pass, padding included: what bounds the memory, whatever the number of steps, words and labels."""


@contextlib.contextmanager
def ready(model: ToxicityModel) -> Iterator[ToxicityModel]:
    """A model in evaluation mode and float32, whose weights get no gradients; afterwards it is as it was.

    One with weights in less than 32 bits is copied, and the copy is used.
    """
    if any(weight.is_floating_point() and weight.element_size() < 4 for weight in model.parameters()):
        model = copy.deepcopy(model).float()
    modes = {module: module.training for module in model.modules()}
    needed = {weight: weight.requires_grad for weight in model.parameters()}
    try:
        yield model.eval().requires_grad_(False)
    finally:
        for module, mode in modes.items():
            module.training = mode
        for weight, need in needed.items():
            weight.requires_grad_(need)


def embedding_layer(model: ToxicityModel) -> nn.Module:
    """The layer whose output are the vectors of the tokens alone, before positions are added."""
    return model.encoder.get_input_embeddings()


@contextlib.contextmanager
def embedded_as(layer: nn.Module, vectors: Tensor) -> Iterator[None]:
    """Let an embedding layer answer with `vectors`, B x T x D, whatever tokens it is asked for.

    The tokens that the model is given stay the comment's own, so whatever else it makes of them, such as the positions
    that RoBERTa counts from the tokens that are not padding, stays too.
    """
    handle = layer.register_forward_hook(lambda module, given, output: vectors)
    try:
        yield
    finally:
        handle.remove()


def as_tensor(model: ToxicityModel, input_ids: Sequence[int]) -> Tensor:
    """Token ids 1 x T on the model's device."""
    return torch.tensor([list(input_ids)], dtype=torch.long, device=model.device)


def logits_of(model: ToxicityModel, input_ids: Tensor) -> Tensor:
    """Logits (B, L) of token ids (B, T) that all count."""
    return model(input_ids=input_ids, attention_mask=torch.ones_like(input_ids)).logits


def label_gradients(
    model: ToxicityModel, input_ids: Tensor, vectors: Tensor, columns: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Logits, and their gradients by the tokens' vectors: one forward pass, one backward pass a label.

    Args:
        model: In evaluation mode.
        input_ids: B x T.
        vectors: B x T x D, that stand for the tokens.
        columns: K labels.

    Returns:
        Logits (B, L), without a graph, and gradients (B, K, T, D).
    """
    vectors = vectors.detach().requires_grad_()
    with torch.enable_grad(), embedded_as(embedding_layer(model), vectors):
        logits = logits_of(model, input_ids)
        totals = logits[:, list(columns)].sum(dim=0).unbind()  # K, as rows of a batch do not touch
        gradients = [
            torch.autograd.grad(total, vectors, retain_graph=number < len(totals))[0]
            for number, total in enumerate(totals, start=1)
        ]
    return logits.detach(), torch.stack(gradients, dim=1)


@torch.no_grad()
def score_vectors(model: ToxicityModel, input_ids: Tensor, vectors: Tensor) -> np.ndarray:
    """Logits (B, L), float64, of B versions of one comment: its token ids (1, T) with `vectors` (B, T, D)."""
    rows = max(1, MAX_TOKENS // input_ids.shape[1])
    logits = []
    for part in vectors.split(rows):
        with embedded_as(embedding_layer(model), part):
            logits.append(logits_of(model, input_ids.expand(len(part), -1)))
    return torch.cat(logits).double().cpu().numpy()


@torch.no_grad()
def score_ids(model: ToxicityModel, pad_token_id: int, input_ids: Sequence[Sequence[int]]) -> np.ndarray:
    """Logits (N, L), float64, of N lists of token ids, in their order."""
    collate = PadCollator(pad_token_id)
    scores = np.zeros((len(input_ids), model.config.num_labels))
    for rows in length_batches([len(ids) for ids in input_ids], MAX_TOKENS):
        batch = collate([{"input_ids": list(input_ids[row])} for row in rows])
        output = model(**{name: tensor.to(model.device) for name, tensor in batch.items()})
        scores[rows] = output.logits.double().cpu().numpy()
    return scores
