"""What the experiment `explained` consists of: its cells, and the posts they are tuned and scored on."""

import dataclasses
import functools
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from toxres.config import FULL, MINILM, TINY, Preset, get_recipe
from toxres.data import load_comments
from toxres.data.duplicates import normalise_for_duplicates
from toxres.data.spans import load_toxic_spans
from toxres.data.splits import OFFICIAL_FOLD, TEST_FOLD
from toxres.errors import InputError
from toxres.explain import METHODS
from toxres.files import ROOT

RESULTS = ROOT / "data" / "results" / "explained"
WORK = ROOT / "build" / "experiments" / "explained"

LABEL = "toxic"
SEED = 0

MODELS = ("custom", "attention_bce", "attention_shallow", "baseline", "cls_bce", "cls_focal", "ulmfit")
"""Classifiers whose scores are explained: recipes and `VARIANTS`; `ulmfit` takes part where its checkpoint is there."""


class Variant(NamedTuple):
    """A model that is a recipe trained otherwise than `toxres train RECIPE --source jigsaw,civil_spans,davidson` does.

    Attributes:
        recipe: Its name.
        changes: Settings other than the preset's.
        sources: What it is trained on, the most important first.
    """

    recipe: str
    changes: dict
    sources: tuple[str, ...]


VARIANTS = {
    "attention_shallow": Variant(
        "attention_bce",
        {"encoder": "minilm:1", "freeze_embeddings": False},
        ("civil_spans", "jigsaw", "davidson"),
    )
}
"""By name.

`attention_shallow` pools over one layer: its tokens have looked at each other once, so a weight on a token is a weight
on little else than its word. With one layer to learn in, its embeddings learn too, and it learns last from comments of
the kind that people marked; not from their marks. Both were chosen on the posts that rules are tuned on.
"""

MADE_BY_HAND = ("ulmfit",)
"""Models that take so long to train that the experiment does not do it unasked."""

ALONE = "none"
"""In place of a model: what a method marks that asks no classifier."""

CONTROLS = ("lexicon", "random", "supervised")
"""Methods that say nothing of a classifier: what they mark is scored once, how faithful that is for each model."""

SPAN_MODEL = "spans"
"""Folder of the model that learned from marked spans: the method `supervised`."""

SOURCES = ("jigsaw", "civil_spans", "davidson")
"""What the classifiers are trained on, as `toxres train` does it; texts of official tests are in none."""

SPAN_START = "custom"
"""The classifier whose encoder the span model starts from."""

SPAN_MEMBERS = 1
"""Runs whose weights are averaged into the span model."""

SPAN_SOURCES = ("toxic_spans", "civil_spans")
"""What the span model is trained on: the train file of the task, and its raters one by one."""


class Sizes(NamedTuple):
    """How many posts a model's explanations are tuned and scored on.

    Attributes:
        tuning: Most posts that rules are tuned on: what can be used of the trial file, then a draw from the train file.
        scored: Most test posts, drawn at random; None is all.
        faithful: Comments that faithfulness is measured on, half of them from each source where it has so many.
    """

    tuning: int
    scored: int | None
    faithful: int


EVERY_POST = Sizes(700, None, 300)
"""For what is quick: models of one layer, and marks that ask no classifier."""

DRAWN_POSTS = Sizes(200, 400, 150)
"""For models of six layers, of which an explanation of a post is hundreds of passes; the same draw for all of them."""

FAITHFUL_SOURCES = ("jigsaw", "civil_spans")

OPTIONS = {"integrated_gradients": {"n_steps": 16, "max_steps": 32}}
"""Options of methods; these steps leave some comments with a convergence delta of more than 5%, which are counted."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """A model explained by a method.

    Attributes:
        model: One of `MODELS`, or `ALONE`.
        method: One of `toxres.explain.METHODS`.
    """

    model: str
    method: str

    @property
    def name(self) -> str:
        """Of its results."""
        return f"{self.model}-{self.method}"

    @property
    def marks(self) -> bool:
        """Whether the words it marks are compared with people's."""
        return self.model == ALONE or self.method not in CONTROLS

    @property
    def faithful(self) -> bool:
        """Whether words are deleted and the model is asked anew."""
        return self.model != ALONE


class MarkedPosts(NamedTuple):
    """Posts whose toxic characters are known.

    Attributes:
        ids: N names.
        texts: N texts.
        gold: N tuples of intervals (start, end).
        sources: SHA-256 of the files by name.
    """

    ids: list[str]
    texts: list[str]
    gold: list[tuple[tuple[int, int], ...]]
    sources: dict[str, str]


def cells(models: Sequence[str] | None = None, methods: Sequence[str] | None = None) -> list[Cell]:
    """The cells in the order they are done: what is cheap first.

    Args:
        models: Out of `MODELS` and `ALONE`; None takes all but those of `MADE_BY_HAND` that have not been trained.
        methods: Out of `METHODS`; None is all. Attention is explained of models that pool by it alone.

    Raises:
        InputError: A model or method that does not exist.
    """
    for kind, wanted, known in (("model", models, (*MODELS, ALONE)), ("method", methods, tuple(METHODS))):
        if unknown := [name for name in wanted or () if name not in known]:
            raise InputError(f"unknown {kind} {unknown[0]!r}; choose out of: {', '.join(known)}")
    if models is None:
        models = [ALONE, *(name for name in MODELS if name not in MADE_BY_HAND or is_trained(WORK / name))]
    cheap = ("lexicon", "random", "supervised", "attention", "gradient_x_input", "occlusion", "shapley")
    return [
        Cell(model, method)
        for method in (*cheap, "integrated_gradients")
        if methods is None or method in methods
        for model in (ALONE, *MODELS)
        if model in models and _can_be(model, method)
    ]


def _can_be(model: str, method: str) -> bool:
    if model == ALONE:
        return method in CONTROLS
    return method != "attention" or get_recipe(settings_of(model)[0]).pooling == "attention"


def settings_of(model: str, preset: Preset = FULL) -> tuple[str, Preset, tuple[str, ...]]:
    """The recipe, preset and sources that a model is trained with; changes of `VARIANTS` go before the preset's own."""
    recipe, changes, sources = VARIANTS.get(model, Variant(model, {}, SOURCES))
    settings = dataclasses.replace(preset, **changes)
    if preset.encoder == TINY:
        settings = dataclasses.replace(settings, encoder=settings.encoder.replace(MINILM, TINY))
    return recipe, settings, sources


def is_trained(folder: Path) -> bool:
    """Whether a finished checkpoint is there."""
    return (folder / "run.json").is_file()


def sizes_of(model: str) -> Sizes:
    """How many posts a model, or `ALONE`, is tuned and scored on."""
    return EVERY_POST if model in (ALONE, *VARIANTS) else DRAWN_POSTS


def tuning_posts(limit: int = EVERY_POST.tuning, files: Collection[str] = ("trial", "train")) -> MarkedPosts:
    """Posts of SemEval-2021 Task 5 that rules are tuned on: none from its test file, nor from a test fold of ours.

    The models have read most of these posts, with their label but without their spans.

    Args:
        limit: Most posts.
        files: "trial", "train" or both; a span model has learned from the latter.
    """
    comments = load_comments("civil_spans")
    kept_out = comments.loc[comments["fold"].isin([TEST_FOLD, OFFICIAL_FOLD]), "text"]
    refused = set(map(normalise_for_duplicates, kept_out))
    refused |= set(map(normalise_for_duplicates, load_toxic_spans("test")["text"]))
    tables, left = [], limit
    for file in files:
        posts = load_toxic_spans(file)
        sha256 = posts.attrs["sha256"]
        posts = posts[~posts["text"].map(normalise_for_duplicates).isin(refused)]
        posts = _drawn(posts, left)
        left -= len(posts)
        tables.append((f"tsd_{file}", sha256, posts))
    return _marked([posts for *_, posts in tables], {name: sha256 for name, sha256, _ in tables})


def scored_posts(limit: int | None = None) -> MarkedPosts:
    """The test posts of SemEval-2021 Task 5; scored by rules that are fixed by then."""
    posts = load_toxic_spans("test")
    return _marked([_drawn(posts, limit)], {"tsd_test": posts.attrs["sha256"]})


def planted_posts(split: str, limit: int | None = None) -> MarkedPosts:
    """Comments of the synthetic corpus that a phrase makes toxic, with that phrase; rules are tuned on "validation"."""
    comments = load_comments("synthetic", split=split)
    spans = [
        tuple((start, end) for start, end, label in sorted(marked) if label == LABEL) for marked in comments["spans"]
    ]
    posts = pd.DataFrame({"id": comments["id"].to_numpy(), "text": comments["text"].to_numpy()})
    posts["spans"] = pd.Series(spans, dtype=object)
    posts = posts[posts["spans"].map(len) > 0]
    return _marked([_drawn(posts, limit)], {"synthetic": comments.attrs["sha256"]})


def toxic_comments(checkpoint, limit: int = EVERY_POST.faithful) -> pd.DataFrame:
    """Validation comments that a model calls toxic, drawn at random: `id`, `text`, `source`.

    Those of its first source the model has not read. Those of the other it may have, as an auxiliary source is left out
    of training by its test fold alone; what a score depends on can be asked there too.

    Args:
        checkpoint: Of a classifier.
        limit: Most comments.

    Raises:
        InputError: It calls none toxic.
    """
    share = -(-limit // len(FAITHFUL_SOURCES))
    column, tables = checkpoint.labels.index(LABEL), []
    for source in FAITHFUL_SOURCES:
        comments = load_comments(source, split="validation")
        order = np.random.default_rng(SEED).permutation(len(comments))
        found: list[int] = []
        for block in np.array_split(order, max(1, len(order) // 200)):
            probs = checkpoint.predict_proba(comments["text"].iloc[block].tolist())[:, column]
            found += block[probs >= 0.5].tolist()
            if len(found) >= share:
                break
        tables.append(comments.iloc[found[:share]][["id", "text"]].assign(source=source))
    chosen = pd.concat(tables, ignore_index=True)
    if chosen.empty:
        raise InputError(f"{checkpoint.path}: calls no validation comment toxic, so nothing can be explained; train it")
    return chosen


@functools.cache
def data_sources() -> dict[str, str]:
    """SHA-256 of the comments that faithfulness is measured on, by source."""
    return {source: load_comments(source).attrs["sha256"] for source in FAITHFUL_SOURCES}


def _drawn(posts: pd.DataFrame, most: int | None) -> pd.DataFrame:
    if most is None or len(posts) <= most:
        return posts
    return posts.iloc[np.sort(np.random.default_rng(SEED).choice(len(posts), most, replace=False))]


def _marked(tables: Sequence[pd.DataFrame], sources: dict[str, str]) -> MarkedPosts:
    posts = pd.concat(tables, ignore_index=True)
    return MarkedPosts(posts["id"].tolist(), posts["text"].tolist(), posts["spans"].tolist(), sources)
