"""The six labels of Jigsaw's challenge: their order, their colours, and how other schemas map onto them."""

from typing import Final

LABELS: Final = ("toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate")
"""The labels in Jigsaw's order and spelling."""

RARE_LABELS: Final = ("severe_toxic", "threat", "identity_hate")
"""The labels that fewer than one in fifty of Jigsaw's comments carry."""

LABEL_COLOURS: Final = {
    "toxic": "#0072B2",
    "severe_toxic": "#D55E00",
    "obscene": "#CC79A7",
    "threat": "#000000",
    "insult": "#E69F00",
    "identity_hate": "#009E73",
}
"""One colour a label, the same in every plot, widget and page.

Okabe and Ito's colour-blind safe set ("Color Universal Design", 2008).
"""

JIGSAW_PREVALENCE: Final = {
    "toxic": 15_294 / 159_571,
    "severe_toxic": 1_595 / 159_571,
    "obscene": 8_449 / 159_571,
    "threat": 478 / 159_571,
    "insult": 7_877 / 159_571,
    "identity_hate": 1_405 / 159_571,
}
"""Share of positives in the full training file of Kaggle's challenge (159,571 comments)."""

CIVIL_COLUMNS: Final = {
    "toxicity": "toxic",
    "target": "toxic",
    "severe_toxicity": "severe_toxic",
    "identity_attack": "identity_hate",
}
"""Columns of the Civil Comments data that mean one of our labels under another name, as shares of raters.

`obscene`, `threat` and `insult` have the same names, `sexual_explicit` has no label here. `toxicity` is called `target`
in the training file of Kaggle's challenge on unintended bias (2019).
"""
