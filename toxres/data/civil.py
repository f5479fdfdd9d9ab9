"""Civil Comments posts with the spans their raters marked (Pavlopoulos et al., ACL 2022)."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from toxres.data.csvfiles import read_table
from toxres.data.paths import need_columns, needed, with_origin
from toxres.data.schema import check_rows, make_comments

CIVIL_FILES = ("toxic_spans/comments.csv", "toxic_spans/annotations.csv", "toxic_spans/spans.csv")
"""Posts, one row a rater and post, one row a span of a rater."""

SPAN_LABELS: Mapping[str, str] = {
    "Insult": "insult",
    "Insu": "insult",
    "Threat": "threat",
    "Profane/Obscene": "obscene",
    "Identity based Attack": "identity_hate",
    "Identity based": "identity_hate",
    "Other Toxicity": "toxic",
    "": "toxic",
}
"""Span type in `civil_spans` (white space stripped; two are cut off upstream) to label."""


def load_civil_spans(data_dir: str | Path | None = None) -> pd.DataFrame:
    """Posts of Civil Comments with the share of raters per label, and the character spans the raters marked.

    A rater who marks a span of a type says its label; `SPAN_LABELS` folds types into labels. See `SOURCES` for the
    mapping of the raters' flags. Spans of all raters are kept, one entry each; 76 of 46,784 begin beyond the end of
    their text and are dropped, 18 more are cut off at it.

    Raises:
        InputError: A file is not at hand or broken.
    """
    paths = [needed(file, "civil_spans", data_dir) for file in CIVIL_FILES]
    tables = [read_table(path) for path in paths]
    fields = (
        ("comment_id", "comment_text"),
        ("annotation", "comment_id", "not toxic"),
        ("annotation", "type", "start", "end"),
    )
    for path, table, columns in zip(paths, tables, fields, strict=True):
        need_columns(table, path, columns)
    posts, annotations, spans = tables
    spans = spans.merge(annotations[["annotation", "comment_id"]], on="annotation", how="inner")
    spans["label"] = spans["type"].str.strip().map(SPAN_LABELS)
    check_rows(spans["label"].isna(), str(paths[2]), "type", "is no known span type", "fetch the file again")
    raters = annotations.groupby("comment_id").size().reindex(posts["comment_id"])
    check_rows(raters.isna(), str(paths[0]), "comment_id", f"has no row in {paths[1].name}", "fetch both again")
    flagged = annotations[annotations["not toxic"] == "True"].groupby("comment_id").size()
    labels = {"toxic": 1 - (flagged.reindex(raters.index, fill_value=0) / raters)}
    for label in ("obscene", "threat", "insult", "identity_hate"):
        said = spans[spans["label"] == label].groupby("comment_id")["annotation"].nunique()
        labels[label] = said.reindex(raters.index, fill_value=0) / raters
    marked = _spans_by_comment(spans, dict(zip(posts["comment_id"], posts["comment_text"], strict=True)), str(paths[2]))
    comments = make_comments(
        posts["comment_id"],
        posts["comment_text"],
        "news",
        {label: values.to_numpy() for label, values in labels.items()},
        [marked.get(identifier, []) for identifier in posts["comment_id"]],
        name=str(paths[0]),
    )
    return with_origin(comments, "civil_spans", paths)


def _spans_by_comment(spans: pd.DataFrame, texts: dict[str, str], name: str) -> dict[str, list[tuple[int, int, str]]]:
    marked: dict[str, list[tuple[int, int, str]]] = {}
    starts, ends = (pd.to_numeric(spans[column], errors="coerce") for column in ("start", "end"))
    check_rows(
        starts.isna() | ends.isna() | (starts < 0),
        name,
        "start or end",
        "is no character offset",
        "fetch the file again",
    )
    for identifier, start, end, label in zip(
        spans["comment_id"], starts.astype(int), ends.astype(int), spans["label"], strict=True
    ):
        end = min(end, len(texts.get(identifier, "")))
        if start < end:
            marked.setdefault(identifier, []).append((start, end, label))
    return {identifier: sorted(entries) for identifier, entries in marked.items()}
