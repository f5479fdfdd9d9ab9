"""Fine-tuned members of a stack: upper layers of an encoder, trained above a frozen trunk."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F

from toxres.allocator import keeping_memory
from toxres.models.encoders import Encoder
from toxres.models.losses import masked_mean
from toxres.models.trunk import States, Upper, autocast, build_upper


@dataclasses.dataclass(frozen=True)
class MemberSettings:
    """How a member is trained.

    Attributes:
        depth: Layers of the frozen trunk.
        epochs: Passes; each has every comment with a positive label and a share of the others.
        negatives: That share; the others come in turn, each as often as the next.
        batch_size: Comments a step.
        learning_rate: Peak rate of the top layer.
        layer_decay: Each layer's rate over that of the one above it.
        head_learning_rate: Peak rate of pooling and head.
        weight_decay: AdamW's, on matrices alone.
        warmup: Share of the steps in which the rates rise; then they fall to 0 in a straight line.
        pos_weight: Weight of the positives in the loss.
        smoothing: Targets are moved this share of the way to one half.
        dropout: Inside the layers.
        max_length: Tokens a comment is cut off at.
    """

    depth: int = 6
    epochs: int = 5
    negatives: float = 0.5
    batch_size: int = 32
    learning_rate: float = 1e-4
    layer_decay: float = 0.9
    head_learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup: float = 0.1
    pos_weight: float = 2.0
    smoothing: float = 0.0
    dropout: float = 0.1
    max_length: int = 80


@keeping_memory()
def fit_member(
    encoder: Encoder,
    states: States,
    targets: np.ndarray,
    rows: np.ndarray,
    settings: MemberSettings,
    seed: int = 0,
    label_weights: np.ndarray | None = None,
    start: dict[str, torch.Tensor] | None = None,
    on_epoch: Callable[[int, Upper, float], None] | None = None,
) -> Upper:
    """Train the upper layers on some comments.

    Args:
        encoder: Whose upper layers are copied.
        states: Of the trunk, for N comments.
        targets: N x L in [0, 1], NaN where unknown.
        rows: Comments to train on.
        settings: How.
        seed: Of the head, the order of the comments and dropout.
        label_weights: (L,) of the labels in the loss; all alike by default.
        start: Weights of an earlier member to start from; where its head has other labels, that stays new.
        on_epoch: Called after each epoch with its number, the model and the mean loss.

    Returns:
        The member, in evaluation mode.
    """
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    member = build_upper(encoder, settings.depth, targets.shape[1], settings.dropout)
    if start is not None:
        own = member.state_dict()
        member.load_state_dict(own | {key: value for key, value in start.items() if own[key].shape == value.shape})
    smooth = settings.smoothing
    wanted = torch.from_numpy(targets * (1 - smooth) + smooth / 2).float()
    weights = torch.ones(targets.shape[1]) if label_weights is None else torch.from_numpy(label_weights).float()
    pos_weight = torch.full((targets.shape[1],), settings.pos_weight)

    def loss_of(logits: torch.Tensor, goal: torch.Tensor) -> torch.Tensor:
        return F.binary_cross_entropy_with_logits(logits, goal, weights, pos_weight=pos_weight, reduction="none")

    plan = list(_epochs(targets, rows, states.lengths, settings, random))
    total = sum(map(len, plan))
    optimizer = _optimizer(member, settings)
    warmup = max(1, round(settings.warmup * total))
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warmup, (total - step) / max(1, total - warmup))
    )
    for number, batches in enumerate(plan):
        member.train()
        losses = []
        for batch in batches:
            hidden, mask = states.batch(batch)
            with autocast():
                logits = member(hidden, mask)
            loss = masked_mean(loss_of, logits.float(), wanted[batch])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(member.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
        if on_epoch is not None:
            on_epoch(number, member.eval(), float(np.mean(losses)))
    return member.eval()


def _epochs(
    targets: np.ndarray, rows: np.ndarray, lengths: np.ndarray, settings: MemberSettings, random: np.random.Generator
) -> Iterator[list[np.ndarray]]:
    """The batches of each epoch, of comments of similar length, in random order."""
    positive = (np.nan_to_num(targets[rows], nan=0.0) >= 0.5).any(axis=1)
    always, others = rows[positive], rows[~positive]
    share = max(1, round(settings.negatives * len(others))) if len(others) else 0
    queue = np.zeros(0, dtype=rows.dtype)
    for _ in range(settings.epochs):
        while len(queue) < share:
            queue = np.concatenate([queue, random.permutation(others)])
        chosen, queue = random.permutation(np.concatenate([always, queue[:share]])), queue[share:]
        pool = 16 * settings.batch_size
        batches = []
        for at in range(0, len(chosen), pool):
            near = chosen[at : at + pool]
            near = near[np.argsort(lengths[near], kind="stable")]
            batches += [near[to : to + settings.batch_size] for to in range(0, len(near), settings.batch_size)]
        yield [batches[index] for index in random.permutation(len(batches))]


def _optimizer(member: Upper, settings: MemberSettings) -> torch.optim.AdamW:
    rates = {}
    for depth, layer in enumerate(reversed(member.layers)):
        rates |= {id(weight): settings.learning_rate * settings.layer_decay**depth for weight in layer.parameters()}
    groups: dict[tuple[float, bool], list[torch.nn.Parameter]] = {}
    for weight in member.parameters():
        rate = rates.get(id(weight), settings.head_learning_rate)
        groups.setdefault((rate, weight.ndim >= 2), []).append(weight)
    return torch.optim.AdamW(
        [
            {"params": weights, "lr": rate, "weight_decay": settings.weight_decay if matrix else 0.0}
            for (rate, matrix), weights in groups.items()
        ]
    )
