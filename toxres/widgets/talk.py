"""What was said and what the models made of it: turns, their agreement in words, and the history as a table."""

import dataclasses
import datetime
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from toxres.explain.record import Explanation
from toxres.labels import LABELS
from toxres.plots.style import pretty
from toxres.widgets.rulings import Ruling


@dataclasses.dataclass(eq=False)
class Turn:
    """One comment, and what was computed of it.

    Attributes:
        number: From 1, in the order they were said; 0 for a draft.
        text: As it was written.
        probs: By model, calibrated probabilities (6,).
        pinned: Clearing the history leaves it.
        label: Whose scores are explained; "" for none.
        explanations: Of that label, by model.
        failed: By model, why it can't be explained.
        at: When it was said.
    """

    number: int
    text: str
    probs: dict[str, np.ndarray]
    pinned: bool = False
    label: str = ""
    explanations: dict[str, Explanation] = dataclasses.field(default_factory=dict)
    failed: dict[str, str] = dataclasses.field(default_factory=dict)
    at: datetime.datetime = dataclasses.field(default_factory=lambda: datetime.datetime.now().astimezone())


@dataclasses.dataclass(frozen=True, eq=False)
class Judgement:
    """A turn at the thresholds of the moment.

    Attributes:
        turn: The turn.
        thresholds: By model, (6,).
        given: By model, booleans (6,): at or above the threshold.
        rulings: By model, the verdicts of its policies.
    """

    turn: Turn
    thresholds: dict[str, np.ndarray]
    given: dict[str, np.ndarray]
    rulings: dict[str, dict[str, Ruling]]

    @property
    def models(self) -> list[str]:
        """Names of the models, in order."""
        return list(self.given)

    @property
    def policies(self) -> list[str]:
        """Names of the policies, in order."""
        return list(dict.fromkeys(name for rulings in self.rulings.values() for name in rulings))

    def agree(self, label: str) -> bool:
        """Whether all models give a label, or none does."""
        return len({bool(given[LABELS.index(label)]) for given in self.given.values()}) == 1

    def verdicts_agree(self, policy: str) -> bool:
        """Whether a policy comes to one verdict whichever model is asked."""
        return len({rulings[policy].verdict for rulings in self.rulings.values() if policy in rulings}) == 1

    def labels_of(self, model: str) -> list[str]:
        """The labels that a model gives."""
        return [label for label, given in zip(LABELS, self.given[model], strict=True) if given]

    def told(self) -> str:
        """Agreement in a sentence."""
        if len(self.models) == 1:
            return f"{self.models[0]}: {_words(self.labels_of(self.models[0]))}."
        differ = [label for label in LABELS if not self.agree(label)]
        if not differ:
            return f"The models agree: {_words(self.labels_of(self.models[0]))}."
        parts = []
        for label in differ:
            giving = [name for name in self.models if self.given[name][LABELS.index(label)]]
            parts.append(f"{pretty(label)} (only {_and(giving)})")
        return f"The models differ on {_and(parts)}."


def history_table(judgements: Sequence[Judgement]) -> pd.DataFrame:
    """The history, a row a comment.

    Returns:
        `number`, `time`, `pinned`, `text`, `agree` (on all labels); for each MODEL and LABEL `MODEL.LABEL`, calibrated,
        `MODEL.LABEL.threshold` and `MODEL.LABEL.given`; for each MODEL and POLICY `MODEL.POLICY` (the verdict).
    """
    rows = []
    for each in judgements:
        turn = each.turn
        row = {
            "number": turn.number,
            "time": turn.at.isoformat(timespec="seconds"),
            "pinned": turn.pinned,
            "text": turn.text,
            "agree": all(map(each.agree, LABELS)),
        }
        for model in each.models:
            for i, label in enumerate(LABELS):
                row[f"{model}.{label}"] = round(float(turn.probs[model][i]), 6)
                row[f"{model}.{label}.threshold"] = round(float(each.thresholds[model][i]), 6)
                row[f"{model}.{label}.given"] = bool(each.given[model][i])
            row |= {f"{model}.{name}": ruling.verdict for name, ruling in each.rulings[model].items()}
        rows.append(row)
    return pd.DataFrame(rows)


def decided(probs: Mapping[str, np.ndarray], thresholds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """By model, which labels it gives: booleans (6,)."""
    return {name: np.asarray(each) >= thresholds[name] for name, each in probs.items()}


def _words(labels: Sequence[str]) -> str:
    return _and([pretty(label) for label in labels]) if labels else "no label"


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
