"""What the side-by-side widget knows: models, policies, thresholds and the history; no display."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from toxres.errors import InputError
from toxres.files import need_writable, well_formed, write_text
from toxres.labels import LABELS
from toxres.widgets.card import page
from toxres.widgets.choice import OFFERED
from toxres.widgets.rulings import Limits, limits_of, rule, triages_by_model
from toxres.widgets.talk import Judgement, Turn, decided, history_table
from toxres.widgets.voices import Voice, voices_of

KEPT = 200
"""Comments of the history; the oldest that is not pinned makes room."""

MOST_CHARACTERS = 20_000
"""Of a comment."""

MOST_LINES = 500
"""Comments that are pasted at once."""

CHUNK = 16
"""Comments that are scored at once."""


class Conversation:
    """Models side by side over a history of comments.

    Every method may be called from any thread; models are asked outside of the lock, so that the history can be read
    meanwhile.

    Attributes:
        voices: The models, by name.
        triages: By model and policy.
        thresholds: By model, (6,) on the scale of calibrated probabilities; may differ from the tuned ones.
        limits: By model and policy, thresholds that a person set instead of the fitted ones.
        group: The group of sites that verdicts are for; None is the first that a triage knows.
        method: Of explanation.
        turns: The history, oldest first.
    """

    def __init__(
        self, models: object = None, *, triages: object = None, group: str | None = None, method: str = "occlusion"
    ) -> None:
        voices, bundle = voices_of(models)
        self.voices: dict[str, Voice] = {voice.name: voice for voice in voices}
        if triages is None and bundle is not None:
            triages = bundle.triage
        self.triages = triages_by_model(triages, list(self.voices))
        self.thresholds = {name: voice.thresholds.copy() for name, voice in self.voices.items()}
        self.limits: dict[str, dict[str, Limits]] = {name: {} for name in self.voices}
        self.group = group
        self.turns: list[Turn] = []
        self._count = 0
        self._state = threading.RLock()
        self.choose_method(method)

    @property
    def models(self) -> list[str]:
        """Names of the models, in order."""
        return list(self.voices)

    @property
    def groups(self) -> list[str]:
        """Groups of sites that some triage knows, in order."""
        triages = (triage for by_policy in self.triages.values() for triage in by_policy.values())
        return list(dict.fromkeys(group for triage in triages for group in triage.groups))

    def score(self, texts: Sequence[str]) -> list[dict[str, np.ndarray]]:
        """For each text, by model, calibrated probabilities (6,)."""
        found = {name: voice.calibrated(texts) for name, voice in self.voices.items()}
        return [{name: probs[row] for name, probs in found.items()} for row in range(len(texts))]

    def draft(self, text: str) -> Judgement:
        """What the models say of a text that does not enter the history.

        Raises:
            InputError: It is blank or too long.
        """
        text = readable(text)
        return self.judge(Turn(0, text, self.score([text])[0]))

    def say(self, *texts: str) -> list[Judgement]:
        """Score texts, and let them enter the history.

        Raises:
            InputError: One is blank or too long; none enters then.
        """
        texts = [readable(text) for text in texts]
        said = []
        for at in range(0, len(texts), CHUNK):
            part = texts[at : at + CHUNK]
            for text, probs in zip(part, self.score(part), strict=True):
                with self._state:
                    self._count += 1
                    said.append(Turn(self._count, text, probs))
                    self.turns.append(said[-1])
                    self._make_room()
        return [self.judge(turn) for turn in said]

    def judge(self, turn: Turn) -> Judgement:
        """A turn at the thresholds of the moment."""
        with self._state:
            cuts = {name: self.thresholds[name].copy() for name in self.voices}
            rulings = {
                name: {
                    policy: rule(triage, turn.probs[name], self.group, self.limits[name].get(policy))
                    for policy, triage in self.triages[name].items()
                }
                for name in self.voices
            }
        return Judgement(turn, cuts, decided(turn.probs, cuts), rulings)

    def judged(self) -> list[Judgement]:
        """The history at the thresholds of the moment, oldest first."""
        with self._state:
            return [self.judge(turn) for turn in self.turns]

    def turn(self, number: int) -> Turn:
        """The turn of a number.

        Raises:
            InputError: There is none.
        """
        with self._state:
            for turn in self.turns:
                if turn.number == number:
                    return turn
        raise InputError(f"comment {number!r} is not in the history; say one first")

    def explain(self, number: int, label: str | None = None) -> Judgement:
        """Explain a label of a comment on its words, by the chosen method; "" closes the explanation.

        Args:
            number: Of the comment.
            label: One of the six; None is the one that the models are surest of.

        Raises:
            InputError: There is no such comment or label. That a model can't be explained is part of the card.
        """
        turn = self.turn(number)
        if label is None:
            label = LABELS[int(np.max(list(turn.probs.values()), axis=0).argmax())]
        if label and label not in LABELS:
            raise InputError(f"label {label!r} is not known; choose one of: {', '.join(LABELS)}")
        found, failed = {}, {}
        for name, voice in self.voices.items() if label else ():
            try:
                found[name] = voice.explain(turn.text, label, self.method)
            except Exception as error:  # shown on the card, whatever it is: nobody sees the kernel's log
                failed[name] = one_line(error)
        with self._state:
            turn.label, turn.explanations, turn.failed = label, found, failed
        return self.judge(turn)

    def choose_method(self, method: str) -> None:
        """Explain by another method from now on.

        Raises:
            InputError: It is unknown.
        """
        if method not in OFFERED:
            raise InputError(f"method {method!r} is not known; choose one of: {', '.join(OFFERED)}")
        self.method = method

    def pin(self, number: int, pinned: bool = True) -> None:
        """Keep a comment when the history is cleared, or not.

        Raises:
            InputError: There is no such comment.
        """
        self.turn(number).pinned = bool(pinned)

    def drop(self, number: int) -> None:
        """Remove a comment, pinned or not.

        Raises:
            InputError: There is no such comment.
        """
        turn = self.turn(number)
        with self._state:
            self.turns = [each for each in self.turns if each is not turn]

    def clear(self) -> None:
        """Remove all comments but those that are pinned."""
        with self._state:
            self.turns = [turn for turn in self.turns if turn.pinned]

    def set_threshold(self, model: str, label: str, value: float) -> None:
        """Let a model give a label from another calibrated probability on.

        Raises:
            InputError: The model or label is unknown, or the value is no probability.
        """
        if model not in self.voices or label not in LABELS:
            raise InputError(f"there is no threshold of {label!r} by {model!r}; see `thresholds`")
        with self._state:
            self.thresholds[model][LABELS.index(label)] = _probability(f"threshold of {label}", value)

    def set_limits(self, model: str, policy: str, accept: float | None, reject: float | None) -> None:
        """Let a policy accept below and reject from other probabilities on; None decides nothing that way.

        Raises:
            InputError: The model has no such policy, or the values are no probabilities in order.
        """
        if policy not in self.triages.get(model, {}):
            raise InputError(f"there is no policy {policy!r} for {model!r}; see `triages`")
        limits = tuple(None if each is None else _probability(f"policy {policy}", each) for each in (accept, reject))
        if None not in limits and limits[0] > limits[1]:
            raise InputError(f"policy {policy}: accept is {limits[0]:g}, above reject, {limits[1]:g}; swap them")
        with self._state:
            self.limits[model][policy] = limits

    def limits_now(self, model: str, policy: str) -> Limits:
        """A policy's accept and reject thresholds for the group of the moment."""
        with self._state:
            if policy in self.limits[model]:
                return self.limits[model][policy]
            try:
                return limits_of(self.triages[model][policy], self.group)
            except InputError:
                return None, None

    def reset(self) -> None:
        """Go back to tuned thresholds and fitted policies."""
        with self._state:
            self.thresholds = {name: voice.thresholds.copy() for name, voice in self.voices.items()}
            self.limits = {name: {} for name in self.voices}

    def history(self) -> pd.DataFrame:
        """The history, a row a comment; see `history_table`."""
        return history_table(self.judged())

    def to_csv(self, path: str | Path) -> Path:
        """Write the history to a CSV file."""
        need_writable(path)
        write_text(path, self.csv())
        return Path(path)

    def to_html(self, path: str | Path) -> Path:
        """Write the history to a page of its own."""
        need_writable(path)
        write_text(path, self.html())
        return Path(path)

    def csv(self) -> str:
        """The history as CSV."""
        return self.history().to_csv(index=False)

    def html(self) -> str:
        """The history as a page of its own."""
        return page(self.judged(), self.title(), self.told())

    def title(self) -> str:
        """Of pages and twins."""
        names = self.models
        return f"{names[0]} says" if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}, side by side"

    def told(self) -> str:
        """What the figures are."""
        told = "Calibrated probabilities; the mark on a bar is the threshold"
        with self._state:
            changed = any((self.thresholds[name] != voice.thresholds).any() for name, voice in self.voices.items())
            by_hand = any(self.limits.values())
        told += ", set by hand" if changed else " that was tuned on validation comments"
        if by_hand:
            told += "; limits of a policy were set by hand, so that it promises nothing"
        return told

    def _make_room(self) -> None:
        """Let the oldest go that is not pinned."""
        while len(self.turns) > KEPT:
            oldest = next((turn for turn in self.turns if not turn.pinned), self.turns[0])
            self.turns.remove(oldest)


def readable(text: object) -> str:
    """A text that models can be asked about.

    Raises:
        InputError: It is no string, blank, or too long.
    """
    if not isinstance(text, str):
        raise InputError(f"a comment is a {type(text).__name__}, not a string; give a text")
    text = well_formed(text).strip()
    if not text:
        raise InputError("the comment is blank; write something")
    if len(text) > MOST_CHARACTERS:
        raise InputError(f"the comment has {len(text):,} characters; at most {MOST_CHARACTERS:,} can be compared here")
    return text


def lines_of(text: str) -> list[str]:
    """The comments of a text that has one a line; blank lines are left out.

    Raises:
        InputError: There are too many.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_LINES:
        raise InputError(f"{len(lines):,} comments at once; paste at most {MOST_LINES}, or use `toxres score`")
    return lines


def one_line(error: Exception) -> str:
    """What went wrong, in one short line."""
    line = " ".join(str(error).split())
    return (line[:199] + "…" if len(line) > 200 else line) or type(error).__name__


def _probability(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InputError(f"{name} is {value!r}; give a probability, from 0 to 1")
    return float(value)
