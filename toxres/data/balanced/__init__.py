"""Identity-balanced comments: every frame is said of every group of people, so that the group's name decides nothing.

Models take the mention of a group for abuse because in the comments they learn from the two go together (Dixon et al.,
"Measuring and Mitigating Unintended Bias in Text Classification", AIES 2018, who balance with harmless comments). Here
whole frames are written for the purpose: harmless, positive, reporting or rejecting abuse, and abusive, and each is
filled with each term (counterfactual pairs). Frames and terms are this project's own.
"""

import csv
import functools
from importlib import resources

import numpy as np
import pandas as pd

from toxres.perturb import perturb

SPLITS = ("test", "validation", *["train"] * 6)
"""Split of each case's first, second, ... frame, and so on again."""

DISGUISED = 0.15
"""Share of comments whose letters are partly obfuscated."""

KINDS = ("leet", "spaces", "stars", "typo", "repeat")

LABELS_OF = {
    "harmless": {"toxic": 0, "severe_toxic": 0, "obscene": 0, "threat": 0, "insult": 0, "identity_hate": 0},
    "abuse": {"toxic": 1, "threat": 0, "insult": 1, "identity_hate": 0},
    "hate": {"toxic": 1, "threat": 0, "identity_hate": 1},
    "threat": {"toxic": 1, "threat": 1, "identity_hate": 1},
}
"""Labels by kind of frame; those not named are unknown."""


@functools.cache
def frames() -> pd.DataFrame:
    """The frames: `case`, `kind` (of `LABELS_OF`), `text` with one slot, `split` (disjoint frames) and `frame` (id)."""
    table = pd.DataFrame(_rows("frames.csv"))
    number = table.groupby("case").cumcount()
    table["split"] = [SPLITS[at % len(SPLITS)] for at in number]
    table["frame"] = table["case"] + "-" + number.astype(str)
    return table


@functools.cache
def terms() -> pd.DataFrame:
    """The groups of people: `kind` (such as religion), `people`, `person` and `adj`."""
    return pd.DataFrame(_rows("terms.csv"))


@functools.cache
def others() -> dict[str, tuple[str, ...]]:
    """What is no group that hate is aimed at, by slot: things, people of a trade or hobby, and single persons.

    About as many of each as there are groups, so that abuse of them is as frequent.
    """
    rows = _rows("others.csv")
    return {
        slot: tuple(row["text"] for row in rows if row["slot"] == slot)
        for slot in dict.fromkeys(row["slot"] for row in rows)
    }


def balanced_comments(seed: int = 0) -> pd.DataFrame:
    """Every frame with every term that fits it, a share of them disguised.

    Returns:
        A table with `id`, `text`, `group` ("forum"), the six labels (float32, NaN where a frame says nothing of one),
        `case`, `split` ("train", "validation" or "test": no frame is in two) and `term` ("" for none). Shuffled.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for frame in frames().to_dict("records"):
        for term, filling in _fillings(frame["text"]):
            text = frame["text"].format(**filling)
            text = text[0].upper() + text[1:]
            if rng.random() < DISGUISED:
                text = perturb(text, float(rng.uniform(0.1, 0.3)), KINDS[rng.integers(len(KINDS))], seed)
            known = {"case": frame["case"], "split": frame["split"], "term": term}
            rows.append({"id": f"bal-{seed}-{len(rows):05d}", "text": text, **LABELS_OF[frame["kind"]], **known})
    table = pd.DataFrame(rows).assign(group="forum")
    names = list(LABELS_OF["harmless"])
    table[names] = table[names].astype("float32")
    return table.iloc[rng.permutation(len(table))].reset_index(drop=True)


def _fillings(text: str) -> list[tuple[str, dict[str, str]]]:
    """Names and values of what can stand in a frame's slot."""
    for slot, values in others().items():
        if f"{{{slot}}}" in text:
            return [("", {slot: value}) for value in values]
    if "{" not in text:
        return [("", {})]
    return [(term["people"], term) for term in terms().to_dict("records")]


def _rows(name: str) -> list[dict[str, str]]:
    with resources.files(__name__).joinpath(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
