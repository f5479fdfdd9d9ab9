"""Which runtime and precision a bundle gets: the fastest that decides as the torch models do, by measurement."""

import dataclasses
import math
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from toxres.checkpoint import Checkpoint
from toxres.errors import RunError
from toxres.serving.candidates import Candidate, TorchEngine, open_candidate, time_engines, write_candidate
from toxres.serving.engines import Engine, cores
from toxres.serving.graph import has_attention
from toxres.serving.models import GRAPH, TokenModel
from toxres.serving.predictor import Predictions, Predictor
from toxres.serving.reading import Reader

if TYPE_CHECKING:
    import pandas as pd

    from toxres.triage import Triage

MAX_AUROC_FALL: Final = 0.002
"""A candidate is accepted if its macro AUROC falls by less."""

MAX_FLIPPED: Final = 0.005
"""A candidate is accepted if the decision on a smaller share of the comments changes."""

AS_FAST: Final = 1.05
"""Of candidates whose times differ by no more, the one named first in `CANDIDATES` is taken."""


@dataclasses.dataclass(frozen=True)
class Quality:
    """What a candidate changes of one model, against the torch model, on the same comments in the same windows.

    Attributes:
        auroc_fall: Torch's macro AUROC minus the candidate's, over the labels that have one; NaN without any.
        decisions_flipped: Share of the comments with another decision for any label.
        verdicts_flipped: Share of the comments with another verdict of the triage; None without one.
        max_abs_logit: Largest difference of a logit.
        max_abs_attention: Largest difference of an attention weight; None where there are none.
    """

    auroc_fall: float
    decisions_flipped: float
    verdicts_flipped: float | None
    max_abs_logit: float
    max_abs_attention: float | None

    @property
    def refused(self) -> str:
        """Why it is not accepted, or ""."""
        flipped = max(self.decisions_flipped, self.verdicts_flipped or 0.0)
        if not math.isnan(self.auroc_fall) and self.auroc_fall >= MAX_AUROC_FALL:
            return f"AUROC falls by {self.auroc_fall:.4f}"
        return f"{flipped:.2%} of the decisions flip" if flipped >= MAX_FLIPPED else ""


@dataclasses.dataclass
class Measured:
    """A candidate with all that was measured of it.

    Attributes:
        candidate: Runtime and precision.
        milliseconds: By model and shape of the batch ("1x16").
        quality: By model.
        failed: Why it could not be run, or "".
    """

    candidate: Candidate
    milliseconds: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    quality: dict[str, Quality] = dataclasses.field(default_factory=dict)
    failed: str = ""

    @property
    def refused(self) -> str:
        """Why it is not accepted, or ""."""
        reasons = [f"{name}: {each.refused}" for name, each in self.quality.items() if each.refused]
        return self.failed or "; ".join(reasons)

    @property
    def mean_milliseconds(self) -> float:
        """Geometric mean over models and shapes: twice as fast counts the same wherever it is."""
        times = [value for shapes in self.milliseconds.values() for value in shapes.values()]
        return statistics.geometric_mean(times) if times else math.inf

    def to_dict(self) -> dict:
        """Plain values, ready for JSON."""
        return {
            "runtime": self.candidate.runtime,
            "precision": self.candidate.precision,
            "accepted": not self.refused,
            "refused": self.refused,
            "mean_milliseconds": None if self.failed else self.mean_milliseconds,
            "milliseconds": self.milliseconds,
            "quality": {name: dataclasses.asdict(each) for name, each in self.quality.items()},
        }


@dataclasses.dataclass(frozen=True)
class Scored:
    """What a model says of the validation comments.

    Attributes:
        predictions: Over each comment's windows.
        first: Logits (N, L) of each comment's first window: what the checkpoint says, which reads no further.
        attention: All windows' attention weights, one after the other; None where there are none.
    """

    predictions: Predictions
    first: np.ndarray
    attention: np.ndarray | None


def measure(
    checkpoints: Mapping[str, Checkpoint],
    folders: Mapping[str, Path],
    comments: "pd.DataFrame",
    candidates: Sequence[Candidate],
    work: Path,
    *,
    threads: int,
    triage: "tuple[str, Triage] | None" = None,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[list[Measured], dict[str, Scored]]:
    """Measure all candidates on all models.

    Args:
        checkpoints: By name; those that have a graph.
        folders: By name: where the float32 graph and the tokenizer stand.
        comments: Validation comments, with the targets of the models' task.
        candidates: What to measure.
        work: Where the candidates' graphs may be written.
        threads: Of one batch.
        triage: Name of the model whose probabilities it decides on, and the triage; or None.
        say: Told what is being done.

    Returns:
        The candidates, and what the torch models say, by name.
    """
    measured, references = [Measured(candidate) for candidate in candidates], {}
    texts = comments["text"].tolist()
    for name, checkpoint in checkpoints.items():
        reader, seeing = Reader.load(folders[name]), has_attention(checkpoint)
        engines: dict[str, Engine] = {}
        for one in measured:
            path = work / f"{name}-{one.candidate.precision}.onnx"
            if not path.exists():
                write_candidate(folders[name] / GRAPH, one.candidate, path)
            engine = open_candidate(path, one.candidate, threads)
            if isinstance(engine, str):
                one.failed = one.failed or f"{name}: {engine}"
            else:
                engines[one.candidate.name] = engine
        say(f"{name}: timing {len(engines)} candidates, {threads} thread{'s' * (threads > 1)}")
        sizes = {"vocab_size": reader.vocab_size, "max_length": reader.max_length}
        times = time_engines(engines, **sizes)
        say(f"{name}: scoring {len(texts):,} comments by torch")
        torch_engine = TorchEngine(checkpoint.model, seeing)
        references[name] = _score(checkpoint, reader, torch_engine, seeing, texts)
        for one in measured:
            if engine := engines.get(one.candidate.name):
                say(f"{name}: scoring them by {one.candidate.name}")
                found = _score(checkpoint, reader, engine, seeing, texts)
                decides = triage[1] if triage and triage[0] == name else None
                one.milliseconds[name] = times[one.candidate.name]
                one.quality[name] = compare_scores(found, references[name], comments, checkpoint.labels, decides)
    return measured, references


def choose(measured: Sequence[Measured]) -> Measured:
    """The fastest accepted candidate; of those about as fast, the one named first.

    Raises:
        RunError: None is accepted.
    """
    accepted = [one for one in measured if not one.refused]
    if not accepted:
        reasons = "; ".join(f"{one.candidate.name}: {one.refused}" for one in measured)
        raise RunError(f"no way to run the models decides as they do in torch ({reasons}); nothing was exported")
    fastest = min(one.mean_milliseconds for one in accepted)
    return next(one for one in accepted if one.mean_milliseconds <= AS_FAST * fastest)


def compare_scores(
    found: Scored, reference: Scored, comments: "pd.DataFrame", labels: Sequence[str], triage: "Triage | None" = None
) -> Quality:
    """What a candidate changes, against torch, on the same comments."""
    flipped = (found.predictions.decisions != reference.predictions.decisions).any(axis=1).mean()
    verdicts = None
    if triage is not None:
        groups = [group if group in triage.groups else next(iter(triage.groups)) for group in comments["group"]]
        here, there = (triage.decide(each.predictions.calibrated, groups).verdict for each in (found, reference))
        verdicts = float((here != there).mean())
    seen = reference.attention is not None
    return Quality(
        macro_auroc(comments, reference.predictions.probs, labels)
        - macro_auroc(comments, found.predictions.probs, labels),
        float(flipped),
        verdicts,
        float(np.abs(found.predictions.logits - reference.predictions.logits).max()),
        float(np.abs(found.attention - reference.attention).max()) if seen else None,
    )


def macro_auroc(comments: "pd.DataFrame", probs: np.ndarray, labels: Sequence[str]) -> float:
    """Mean AUROC over the labels that have one; NaN without any."""
    from toxres.data import targets
    from toxres.evaluation.metrics import auroc

    values = auroc(targets(comments, labels), probs, labels=labels)
    return float(np.nanmean(values)) if not np.isnan(values).all() else math.nan


def machine(threads: int) -> dict:
    """What times depend on: processor, cores, threads, and how busy the machine was."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {"machine": platform.machine(), "cores": cores(), "threads": threads, "load_average": load}


def _score(checkpoint: Checkpoint, reader: Reader, engine: Engine, seeing: bool, texts: Sequence[str]) -> Scored:
    model = TokenModel(reader, engine, "", seeing)
    predictor = Predictor(
        checkpoint.name, "", checkpoint.path, checkpoint.run, checkpoint.task, checkpoint.calibration,
        checkpoint.thresholds, model,
    )  # fmt: skip
    readings, scores = predictor.scored(texts)
    weights = [score.attention_weights for parts in scores for score in parts] if seeing else None
    return Scored(
        predictor.combine(readings, scores),
        np.stack([parts[0].logits for parts in scores]),
        None if weights is None else np.concatenate(weights),
    )
