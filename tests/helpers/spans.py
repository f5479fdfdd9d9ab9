"""Posts written for the tests whose toxic characters are marked, in the files of SemEval-2021 Task 5."""

import csv
import dataclasses
import functools
from pathlib import Path

import numpy as np
import pytest

from helpers.training import NAMES, NOUNS, WORDS, folder
from toxres.config import SMOKE
from toxres.models.span_reading import char_probs, token_logits, tokenize

LEARNING = dataclasses.replace(
    SMOKE, name="learning", max_rows=None, batch_size=2, max_length=24, learning_rate=2e-3, head_learning_rate=1e-2
)
"""A pass with it over the posts teaches the tiny encoder their words."""

POSTS = (
    "What a lovely day for the museum.",
    "You are an idiot, and so is he 😀 idiot!",
    "no",
    "The caf\u00e9 \U0001f468\u200d\U0001f469\u200d\U0001f467 of that moron\u2019s brother is closed.",
    "zero\u200bwidth and e\u0301 are here, fool",
    "f**k   this \t crap",
)
"""Posts of different lengths and scripts."""


def span_rows(count: int = 60, seed: int = 0) -> list[tuple[str, list[int]]]:
    """Posts of which every second one says "crap" or "utter fool", with the offsets of these words' characters."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        pick = [pool[random.integers(len(pool))] for pool in (NAMES, WORDS, NOUNS, WORDS, NOUNS)]
        said = ("fine", "crap", "nice", "utter fool")[number % 4]
        text = "{} of the {} {} and the {} {} is {} number {}".format(*pick, said, 100 * seed + number)
        start = text.index(said)
        rows.append((text, list(range(start, start + len(said))) if number % 2 else []))
    return rows


def write_span_files(target: Path, train: list, trial: list, test: list = ()) -> None:
    """The task's three files under `target`."""
    place = target / "toxic_spans"
    place.mkdir(parents=True, exist_ok=True)
    for name, rows in (("train", train), ("trial", trial), ("test", test)):
        with (place / f"tsd_{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["spans", "text"])
            writer.writerows([str(offsets), text] for text, offsets in rows)


def write_raters(target: Path, posts: list[tuple[str, str, list[list[tuple[str, int, int]]]]]) -> None:
    """`civil_spans` under `target`: posts as (id, text, raters), each rater a list of (type, start, end)."""
    place = target / "toxic_spans"
    place.mkdir(parents=True, exist_ok=True)
    comments, annotations, spans = [], [], []
    for identifier, text, raters in posts:
        comments.append((identifier, text))
        for marks in raters:
            number = len(annotations)
            annotations.append((number, identifier, number, "X", False, not marks))
            spans += [(number, *mark) for mark in marks]
    for name, head, rows in (
        ("comments", ("comment_id", "comment_text"), comments),
        ("annotations", ("annotation", "comment_id", "worker", "country", "all toxic", "not toxic"), annotations),
        ("spans", ("annotation", "type", "start", "end"), spans),
    ):
        with (place / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([head, *rows])


@functools.cache
def span_data() -> Path:
    """A data folder with 120 training and 24 trial posts of `span_rows`, made once a test process."""
    target = folder() / "span-data"
    write_span_files(target, span_rows(120), span_rows(24, seed=1), span_rows(4, seed=2))
    return target


@functools.cache
def trained_spans() -> Path:
    """A span model that learned them, made once a test process; do not write into it."""
    from toxres.training import train_spans

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOXRES_DATA_DIR", str(span_data()))
        return train_spans("toxic_spans", LEARNING, 0, folder() / "spans", members=2, progress=False)


def read_probs(model, tokenizer, texts, max_length: int) -> list[np.ndarray]:
    """Probabilities of the characters of comments, NaN where none was read."""
    tokens = tokenize(texts, tokenizer)
    logits = token_logits(model, tokenizer, tokens, max_length)
    return [char_probs(text, one.offsets, line) for text, one, line in zip(texts, tokens, logits, strict=True)]
