"""What a benchmark finds: figures of two sides that ran in turns, and how many times better one is."""

import dataclasses
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from toxres.paths import build_dir

if TYPE_CHECKING:
    from toxres.bench.sides import Run


class Sample(NamedTuple):
    """What one run of a side gives.

    Attributes:
        figures: By name, such as {"real": 812.0} comments a second.
        outputs: What equality is judged by, such as probabilities: plain values, or an array.
        memory: Peak in MiB where it is not that of the side's own process, such as a server's.
    """

    figures: Mapping[str, float]
    outputs: Any = None
    memory: float | None = None


@dataclasses.dataclass(frozen=True)
class Setting:
    """How benchmarks are run.

    Attributes:
        repeats: Runs of each side that count, after one that doesn't.
        threads: Processor cores, and threads, of each side.
        build: Where checkpoints stand (in `checkpoints/`), and where what benchmarks make is kept (in `bench/`).
    """

    repeats: int = 5
    threads: int = 2
    build: Path = dataclasses.field(default_factory=build_dir)


class Target(NamedTuple):
    """What a measurement is to reach.

    Attributes:
        value: The number.
        of: "ratio" of the alternative, at least; or "value", our own figure, no worse.
    """

    value: float
    of: Literal["ratio", "value"] = "ratio"


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One figure of ours beside the alternative's.

    Attributes:
        name: What was measured.
        ours: Our figures, run by run.
        theirs: The alternative's, each of the run next to ours; empty where there is none.
        unit: Of both, such as "comments/s".
        better: Which figures are better.
        alternative: What it is.
        target: What is to be reached; None promises nothing.
        threads: Processor cores, and threads, of each side.
        memory_ours: Peak of our process in MiB; None where it is not known.
        memory_theirs: Peak of the alternative's.
        equality: How far both do the same, such as {"max_abs_difference": 0.004}.
        notes: What has to be known to read the figures.
    """

    name: str
    ours: Sequence[float]
    theirs: Sequence[float] = ()
    unit: str = ""
    better: Literal["higher", "lower"] = "higher"
    alternative: str = ""
    target: Target | None = None
    threads: int | None = None
    memory_ours: float | None = None
    memory_theirs: float | None = None
    equality: Mapping[str, float] = dataclasses.field(default_factory=dict)
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse figures that can't be paired.

        Raises:
            ValueError: There is none, or the two sides did not run equally often.
        """
        if not self.ours or (self.theirs and len(self.theirs) != len(self.ours)):
            raise ValueError(f"{self.name}: {len(self.ours)} figures of ours, {len(self.theirs)} of the alternative")

    @property
    def ratios(self) -> list[float]:
        """How many times better ours is, pair by pair; above 1 is better, whatever `better` says."""
        pairs = zip(self.ours, self.theirs, strict=True) if self.theirs else ()
        return [a / b if self.better == "higher" else b / a for a, b in pairs]

    @property
    def ratio(self) -> float | None:
        """The median of `ratios`; None without an alternative."""
        return statistics.median(self.ratios) if self.theirs else None

    @property
    def reached(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        if self.target is None:
            return None
        if self.target.of == "ratio":
            return self.ratio is not None and self.ratio >= self.target.value
        ours = statistics.median(self.ours)
        return ours >= self.target.value if self.better == "higher" else ours <= self.target.value

    def to_dict(self) -> dict:
        """Plain values, ready for JSON, with medians and the spread of the ratio (lowest and highest pair)."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        fields["target"] = None if self.target is None else self.target._asdict()
        ratios = self.ratios
        return fields | {
            "median_ours": statistics.median(self.ours),
            "median_theirs": statistics.median(self.theirs) if self.theirs else None,
            "ratio": self.ratio,
            "ratio_low": min(ratios) if ratios else None,
            "ratio_high": max(ratios) if ratios else None,
            "reached": self.reached,
        }


@dataclasses.dataclass(frozen=True)
class Result:
    """All that a benchmark found.

    Attributes:
        measurements: In the order they are shown.
        headline: Figures for `bench.*` of the headline, such as {"score_speedup": 5.4}.
        notes: What was run, on what.
        details: Plain values that belong beside, such as an ablation or a profile.
        preset: Of the models that were run, for the record.
        sources: SHA-256 by source that texts came from.
    """

    measurements: Sequence[Measurement]
    headline: Mapping[str, float | None] = dataclasses.field(default_factory=dict)
    notes: Sequence[str] = ()
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    preset: str = ""
    sources: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """A part of `make bench`.

    Attributes:
        name: What the command line calls it.
        title: What it asks.
        run: Does it.
    """

    name: str
    title: str
    run: Callable[[Setting], Result]


def compare(
    name: str,
    ours: "Run",
    theirs: "Run | None" = None,
    figure: str = "rate",
    *,
    unit: str = "",
    better: Literal["higher", "lower"] = "higher",
    alternative: str = "",
    target: float | Target | None = None,
    equality: Mapping[str, float] | None = None,
    notes: Sequence[str] = (),
) -> Measurement:
    """The measurement of one figure of two sides that `alternate` ran.

    Args:
        name: What was measured.
        ours: Our side's runs.
        theirs: The alternative's; None where there is none.
        figure: Name of the figure in the samples.
        unit: As of `Measurement`.
        better: As of `Measurement`.
        alternative: As of `Measurement`.
        target: A number is the ratio to be reached.
        equality: As of `Measurement`.
        notes: As of `Measurement`.
    """
    return Measurement(
        name,
        ours.figures(figure),
        [] if theirs is None else theirs.figures(figure),
        unit,
        better,
        alternative,
        Target(target) if isinstance(target, int | float) else target,
        ours.threads,
        ours.memory,
        None if theirs is None else theirs.memory,
        dict(equality or {}),
        list(notes),
    )


def max_difference(ours: Any, theirs: Any) -> float:
    """Largest absolute difference of two arrays, or nested lists, of the same shape."""
    import numpy as np

    return float(np.abs(np.asarray(ours, dtype=np.float64) - np.asarray(theirs, dtype=np.float64)).max())
