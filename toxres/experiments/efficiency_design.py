"""The design of `toxres.experiments.efficiency`: arms, numbers of labels, settings, and the order of the runs."""

import dataclasses
from pathlib import Path

from toxres.config import BASELINE, FULL, TFIDF, ULMFIT, Preset, Recipe
from toxres.data.splits import TEST_FOLD
from toxres.files import ROOT

ALL = "all"
SIZES = (100, 300, 1_000, 3_000, ALL)

ABOVE_LANGUAGE = dataclasses.replace(ULMFIT, layer_decay=1.3, unfreezing=0.0)
"""ULMFiT's classifier as it did best on validation comments, at `LEARNING_RATE`; holding lower layers back more, as the
paper does, would be of no use to random weights."""

LEARNING_RATE = 3e-3

RANDOM_STEPS = 500
"""Optimiser steps that random weights have at least, four times those of the others; 120 taught them next to nothing on
validation comments, at rates from 1e-3 to 1e-2."""

RANDOM_SPREAD = 10.0
"""How much wider random word embeddings are drawn than for a language model: nearly twice the toxic AP of validation
comments at `RANDOM_STEPS`."""

PRESET = dataclasses.replace(FULL, name="efficiency", epochs=2, batch_size=16, max_length=96, freeze_layers=2)
"""The same for every transformer; ULMFiT has no layers that stay frozen, and its own learning rate."""


@dataclasses.dataclass(frozen=True)
class Arm:
    """What is trained on the labelled comments, and what it starts from.

    Attributes:
        name: Of its results.
        recipe: What is trained.
        start: "" as it is, "adapted" (masked language modelling), "language" (a language model) or "random".
        against: The arm it is compared with: the same without pretraining on this text; None for those.
        seeds: How many of each of `SIZES`.
        learning_rate: Peak learning rate above an AWD-LSTM; None is the preset's.
        min_steps: Optimiser steps it has at least; None is as many as all others.
    """

    name: str
    recipe: Recipe
    start: str = ""
    against: str | None = None
    seeds: tuple[int, ...] = (2, 2, 2, 1, 1)
    learning_rate: float | None = None
    min_steps: int | None = None


ARMS = {
    arm.name: arm
    for arm in (
        Arm("baseline", BASELINE),
        Arm("baseline_adapted", BASELINE, "adapted", "baseline"),
        Arm("tfidf", TFIDF, seeds=(3, 3, 3, 3, 1)),
        Arm("ulmfit_none", ABOVE_LANGUAGE, "random", learning_rate=LEARNING_RATE, min_steps=RANDOM_STEPS),
        Arm("ulmfit", ABOVE_LANGUAGE, "language", "ulmfit_none", learning_rate=LEARNING_RATE),
    )
}
"""Every arm. The encoder of both transformers has been pretrained on other text by those who published it."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Where the comments come from, how much is trained, and where things are written.

    Attributes:
        source: Source of the labelled comments.
        auxiliary: Sources whose comments are read without their labels, too.
        test_fold: Fold of the source that is scored; the test fold is never trained on.
        sizes: Numbers of labelled comments; "all" is all there are.
        preset: Of every run, as far as it goes.
        min_steps: Optimiser steps that every run has at least.
        read: Characters of a comment that are read for pretraining.
        language_model: Folder of the language model that ULMFiT starts from; it has not read the source.
        results: Where probabilities and records go.
        work: Where encoders, language models and subsets go.
    """

    source: str = "jigsaw"
    auxiliary: tuple[str, ...] = ("civil_spans", "davidson")
    test_fold: int = TEST_FOLD
    sizes: tuple[int | str, ...] = SIZES
    preset: Preset = PRESET
    min_steps: int = 120
    read: int = 300
    language_model: Path = ROOT / "build" / "experiments" / "oof" / "language"
    results: Path = ROOT / "data" / "results" / "efficiency"
    work: Path = ROOT / "build" / "experiments" / "efficiency"


@dataclasses.dataclass(frozen=True)
class Cell:
    """One training run: an arm with so many labelled comments, drawn and trained with a seed."""

    arm: Arm
    size: int | str
    seed: int

    @property
    def name(self) -> str:
        """Of its result."""
        return f"{self.arm.name}-{self.size}-seed{self.seed}"


def cells(sizes: tuple[int | str, ...] = SIZES) -> list[Cell]:
    """Every run, the most telling first: small sizes of the transformers, the floor, ULMFiT, then the large sizes."""
    small = [size for size in sizes if size != ALL and size <= 1_000]
    large = [size for size in sizes if size not in small]
    found = []
    for part in (small, large):
        for family in (("baseline", "baseline_adapted"), ("tfidf",), ("ulmfit_none", "ulmfit")):
            for seed in range(max(ARMS[family[0]].seeds)):
                for size in part:
                    arms = [ARMS[name] for name in family]
                    number = dict(zip(SIZES, arms[0].seeds, strict=True)).get(size, arms[0].seeds[0])
                    found += [Cell(arm, size, seed) for arm in arms if seed < number]
    return found
