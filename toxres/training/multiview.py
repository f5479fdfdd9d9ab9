"""Train a stack on any labelled comments: views of n-grams, of frozen layers and of fine-tuned ones, cross-fitted."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save

from toxres.config import MINILM, Preset
from toxres.data import targets
from toxres.data.splits import make_folds, stratify
from toxres.errors import InputError
from toxres.files import atomic_path
from toxres.models.encoders import E5, Encoder, load_encoder, without_pooler
from toxres.models.stack import Blend, Reading, StackModel, cross_fitted_blend, first_logits, load_member, prepare
from toxres.models.trunk import Upper, member_logits, read_comments
from toxres.models.views import FeatureView, NgramSettings, NgramView
from toxres.training.members import MemberSettings, fit_member
from toxres.training.rows import TrainingRows


@dataclasses.dataclass(frozen=True)
class StackSettings:
    """What a stack is made of.

    Attributes:
        ngrams: Views of n-grams.
        layers: The encoder's layers that the frozen view sees; 1 is the first.
        layers_C: Inverse strength of that view's L2 penalty.
        member: How the fine-tuned members are trained, one a fold.
        first_rows: Comments of the further sources that members learn from first, half of them toxic; 0 is none.
        seeds: Members a fold, whose logits are averaged.
        folds: Parts the comments are cross-fitted in.
        blend_C: Inverse strength of the blend's L2 penalty.
    """

    ngrams: tuple[NgramSettings, ...]
    layers: tuple[int, ...]
    layers_C: float
    member: MemberSettings
    first_rows: int = 8_000
    seeds: int = 1
    folds: int = 5
    blend_C: float = 1.0


class FittedStack(NamedTuple):
    """A stack and what it said of the comments it was trained on, out of fold.

    Attributes:
        model: The stack.
        view_logits: (V, N, L) of each view, by models that were not trained on the row's fold.
        member_logits: (S, N, L) of the members of each seed.
        logits: (N, L) of the blend, fitted on the other folds.
    """

    model: StackModel
    view_logits: np.ndarray
    member_logits: np.ndarray
    logits: np.ndarray


NGRAMS = (
    NgramSettings("char_wb", 2, 5, "nb", 1.0),
    NgramSettings("word", 1, 2, "tfidf", 4.0),
    NgramSettings("word", 1, 2, "tfidf", 2.0, stem=5, plain=True),
)
SETTINGS = {
    "smoke": StackSettings(NGRAMS, (1, 2), 0.01, MemberSettings(depth=1, epochs=1, max_length=32), 96, folds=3),
    "quick": StackSettings(NGRAMS, (6, 8, 10, 12), 0.001, MemberSettings(depth=8, epochs=2), 1_000, folds=3),
    "full": StackSettings(NGRAMS, (6, 8, 10, 12), 0.001, MemberSettings(epochs=3)),
}
"""Of the presets; another preset's are those of "full"."""


def fit_multiview(
    preset: Preset, rows: TrainingRows, seed: int = 0, work: Path | None = None, progress: bool = False
) -> FittedStack:
    """The stack of a preset on the training comments of a run; further sources are what members learn from first.

    Args:
        preset: Its name chooses the settings; its encoder is used, but for MiniLM, which knows English alone: there
            multilingual E5 takes its place.
        rows: Of `select_rows`.
        seed: Of everything random.
        work: Folder in which finished members are kept, so that an interrupted run goes on.
        progress: Print a line a finished part.

    Raises:
        InputError: The encoder can't be loaded, or the comments are too few.
    """
    settings = SETTINGS.get(preset.name, SETTINGS["full"])
    torch.manual_seed(seed)
    main = rows.train[rows.train["source"] == rows.sources[0]["name"]]
    others = rows.train[rows.train["source"] != rows.sources[0]["name"]]
    goals, first = targets(main, rows.labels), None
    if len(others) and settings.first_rows:
        texts = others["text"].to_numpy(dtype=object)
        first = draw_first(texts, targets(others, rows.labels), settings.first_rows, seed)
    if settings.folds == 5:
        folds = make_folds(main.reset_index(drop=True))["fold"].to_numpy()
    else:
        known = np.nan_to_num(goals) >= 0.5
        folds = stratify(np.column_stack([known, np.ones(len(main))]).astype(np.int64), settings.folds, seed)
    encoder = load_encoder(E5 if preset.encoder == MINILM else preset.encoder, dropout=0.0)
    return fit_stack(
        main["text"].tolist(), goals, folds, encoder, settings, seed=seed, first=first, work=work,
        say=print if progress else None,
    )  # fmt: skip


def fit_stack(
    texts: Sequence[str],
    targets: np.ndarray,
    folds: np.ndarray,
    encoder: Encoder,
    settings: StackSettings,
    *,
    seed: int = 0,
    first: tuple[Sequence[str], np.ndarray] | None = None,
    label_weights: np.ndarray | None = None,
    work: Path | None = None,
    say: Callable[[str], None] | None = None,
) -> FittedStack:
    """Cross-fit every view, blend them, and fit the views of the final model.

    Views of n-grams and of frozen layers are fitted again on all comments. Of the members, each trained without one
    fold, all are kept: on a new comment their logits are averaged.

    Args:
        texts: N comments.
        targets: N x L in [0, 1], NaN where unknown; any labels.
        folds: (N,), at least two.
        encoder: A BERT-like encoder.
        settings: What the stack is made of.
        seed: Of the members.
        first: Texts and targets (M x K; any labels) that the members learn from first.
        label_weights: (L,) of the labels in the members' loss.
        work: Folder in which finished members are kept, so that an interrupted run goes on.
        say: Called with a line a finished part.

    Raises:
        InputError: One fold alone, or the encoder has too few layers.
    """
    if len(np.unique(folds)) < 2:
        raise InputError(f"{len(texts)} comments are in one fold; a stack is cross-fitted, so give it more comments")
    say = say or (lambda line: None)
    prepared = [prepare(text) for text in texts]
    encoder = ready_encoder(encoder, prepared)
    reading = Reading(settings.member.depth, settings.layers, settings.member.max_length)
    read = read_comments(encoder, prepared, *reading)
    say(f"read {len(prepared):,} comments")
    ngrams = [(NgramView(view), prepared) for view in settings.ngrams]
    linear = [*ngrams, *((FeatureView(settings.layers_C), part) for part in read[1:])]
    views = [cross_fit_view(view, inputs, targets, folds) for view, inputs in linear]
    say(f"cross-fitted {len(linear)} linear views")
    start = beginner = None
    if first is not None:
        start = _cached(
            work, "first.safetensors", lambda: _first_stage(encoder, first, settings.member, seed).state_dict()
        )
        beginner = load_member(encoder, settings.member.depth, start)
        views.append(first_logits(beginner, read.states, targets.shape[1]))
        say("learned from the further sources")
    members, own = [], np.zeros((settings.seeds, *targets.shape), dtype=np.float32)
    labelled = ~np.isnan(targets).all(axis=1)
    for number, fold in itertools.product(range(settings.seeds), np.unique(folds)):
        rows, here = np.flatnonzero((folds != fold) & labelled), np.flatnonzero(folds == fold)

        def fit(rows=rows, member_seed=seed + 100 * number + int(fold)) -> dict[str, torch.Tensor]:
            return fit_member(
                encoder, read.states, targets, rows, settings.member, member_seed, label_weights, start
            ).state_dict()

        state = _cached(work, f"member{fold}-{number}.safetensors", fit)
        members.append(load_member(encoder, settings.member.depth, state))
        own[number, here] = member_logits(members[-1], read.states, here)
        say(f"member {number} without fold {fold}")
    view_logits = np.stack([*views, own.mean(axis=0)])
    logits = cross_fitted_blend(view_logits, targets, folds, settings.blend_C)
    blend = Blend().fit(view_logits, targets, settings.blend_C)
    for view, inputs in linear:
        view.fit(inputs, targets)
    layers = (linear[-2][0], linear[-1][0])
    model = StackModel(reading, encoder, [view for view, _ in ngrams], layers, members, beginner, blend)
    return FittedStack(model, view_logits, own, logits)


def cross_fit_view(view: NgramView | FeatureView, inputs, targets: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Logits (N, L) of a linear view, each row's by a fit without its fold. The view is left fitted to the last.

    Args:
        view: What to fit.
        inputs: N texts, or features (N, D).
        targets: (N, L), NaN unknown.
        folds: (N,).
    """
    logits = np.zeros(targets.shape, dtype=np.float32)
    for fold in np.unique(folds):
        here, others = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        view.fit(_take(inputs, others), targets[others])
        logits[here] = view.predict_logits(_take(inputs, here))
    return logits


def ready_encoder(encoder: Encoder, texts: Sequence[str]) -> Encoder:
    """The encoder without its own pooling layer, and with a unigram vocabulary cut down to what these texts need."""
    if encoder.model.config.name_or_path == E5:
        from toxres.models.e5 import prune_vocabulary

        encoder = prune_vocabulary(encoder, texts)
        encoder.model.config.name_or_path = E5
    return Encoder(without_pooler(encoder.model), encoder.tokenizer)


def has_members(work: Path) -> bool:
    """Whether an interrupted run has finished a part that need not be trained again."""
    return any(work.glob("*.safetensors"))


def draw_first(texts: np.ndarray, targets: np.ndarray, most: int, seed: int) -> tuple[list[str], np.ndarray]:
    """At most so many comments, half of them with a positive label as far as there are, drawn at random."""
    random = np.random.default_rng(seed)
    positive = (np.nan_to_num(targets, nan=0.0) >= 0.5).any(axis=1)
    drawn = [random.permutation(np.flatnonzero(kind))[: -(-most // 2)] for kind in (positive, ~positive)]
    rows = np.sort(np.concatenate(drawn))
    return texts[rows].tolist(), targets[rows]


def _first_stage(encoder: Encoder, first: tuple[Sequence[str], np.ndarray], member: MemberSettings, seed: int) -> Upper:
    """One pass over the further sources."""
    texts, goals = [prepare(text) for text in first[0]], first[1]
    settings = dataclasses.replace(
        member, epochs=1, negatives=1.0, pos_weight=1.0, max_length=min(64, member.max_length)
    )
    states = read_comments(encoder, texts, settings.depth, (), settings.max_length).states
    return fit_member(encoder, states, goals, np.arange(len(texts)), settings, seed)


def _cached(work: Path | None, name: str, make: Callable[[], dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    if work is None:
        return make()
    if not (work / name).is_file():
        state = {key: value.contiguous() for key, value in make().items()}
        with atomic_path(work / name) as temporary:
            temporary.write_bytes(save(state))
    return load_file(work / name)


def _take(inputs, rows: np.ndarray):
    return inputs[rows] if isinstance(inputs, np.ndarray) else [inputs[row] for row in rows]
