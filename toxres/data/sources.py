"""Where comments come from, and how each source's own labels become the six: one `Source` record each."""

import dataclasses
import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from toxres.data.csvfiles import kaggle_comments, parse_label, parse_table, read_table, unpack, zip_members
from toxres.data.schema import check_rows, make_comments
from toxres.errors import InputError
from toxres.files import ROOT, sha256
from toxres.labels import LABELS

JIGSAW_ZIP = "jigsaw-toxic-comment-classification-challenge.zip"
"""The archive as Kaggle names it."""

SYNTHETIC_ROWS = 6_000
"""Comments in the synthetic source: 60 % train, 20 % validation, 20 % test."""

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


@dataclasses.dataclass(frozen=True)
class Source:
    """A source of labelled comments.

    Attributes:
        name: What `--source` calls it.
        title: One line saying what it is.
        group: The register of its comments.
        licence: Of labels and text.
        citation: Whom to cite.
        files: Files it is read from, relative to a data folder.
        mapping: Label to how it is made from the source's own annotation; labels that are missing are unknown.
        notes: What a reader should know about the raw files.
        load: Reads everything in the source: `load(data_dir) -> comments`.
    """

    name: str
    title: str
    group: str
    licence: str
    citation: str
    files: tuple[str, ...]
    mapping: Mapping[str, str]
    notes: tuple[str, ...]
    load: Callable[[str | Path | None], pd.DataFrame]


def data_folders(data_dir: str | Path | None = None) -> list[Path]:
    """Folders in which files are looked for: `data_dir`, TOXRES_DATA_DIR, data/raw, data/cache.

    Raises:
        InputError: `data_dir` or TOXRES_DATA_DIR names no folder.
    """
    folders = []
    for value, said_by in ((data_dir, "data_dir"), (os.environ.get("TOXRES_DATA_DIR"), "TOXRES_DATA_DIR")):
        if value:
            folder = Path(value).expanduser()
            if not folder.is_dir():
                raise InputError(f"{said_by}={value}: no such folder; point it at a folder with data files or unset it")
            folders.append(folder)
    return [*folders, ROOT / "data" / "raw", ROOT / "data" / "cache"]


def resolve(file: str, data_dir: str | Path | None = None) -> Path | None:
    """The first existing path of a data file, such as "jigsaw/train.csv", in the order of `data_folders`, or None."""
    return next((folder / file for folder in data_folders(data_dir) if (folder / file).is_file()), None)


def load_jigsaw(data_dir: str | Path | None = None) -> pd.DataFrame:
    """Kaggle's `train.csv`, whose six labels are ours.

    Raises:
        InputError: The file is not at hand, or broken.
    """
    data, path = _jigsaw_member("train.csv", data_dir)
    if data is None:
        raise _not_at_hand("jigsaw")
    comments = kaggle_comments(parse_table(data, str(path)), str(path), group="wikipedia")
    return _from(comments, "jigsaw", [path])


def load_jigsaw_test(data_dir: str | Path | None = None) -> pd.DataFrame:
    """Kaggle's `test.csv` joined with `test_labels.csv` by id, without the rows that Kaggle did not score (all -1).

    Raises:
        InputError: A file is not at hand or broken, or an id has no labels.
    """
    texts, path = _jigsaw_member("test.csv", data_dir)
    labels, labels_path = _jigsaw_member("test_labels.csv", data_dir)
    if texts is None or labels is None:
        raise InputError(f"jigsaw: test.csv and test_labels.csv are not both at hand; {_how_to_get('jigsaw')}")
    text_table, label_table = parse_table(texts, str(path)), parse_table(labels, str(labels_path))
    for table, name in ((text_table, path), (label_table, labels_path)):
        if "id" not in table.columns:
            raise InputError(f"{name}: no column 'id'; fetch the file from Kaggle again")
        check_rows(table["id"].duplicated(), str(name), "id", "repeats an earlier id; fetch the file again, see")
    for label in LABELS:
        if label not in label_table.columns:
            raise InputError(f"{labels_path}: no column {label!r}; fetch the file from Kaggle again")
    unlabelled = ~text_table["id"].isin(set(label_table["id"]))
    check_rows(unlabelled, str(path), "id", f"has no labels in {labels_path}; fetch both files again, see")
    scored = label_table[~(label_table[list(LABELS)] == "-1").all(axis=1)]
    table = text_table.merge(scored, on="id", how="inner", suffixes=("", "_labels"))
    return _from(kaggle_comments(table, str(path), group="wikipedia"), "jigsaw", [path, labels_path])


def _jigsaw_member(file: str, data_dir: str | Path | None) -> tuple[bytes | None, Path | None]:
    for folder in data_folders(data_dir):
        for name in (f"jigsaw/{file}", f"jigsaw/{file}.zip", f"jigsaw/{file}.gz"):
            if (folder / name).is_file():
                return unpack((folder / name).read_bytes(), str(folder / name)), folder / name
        for archive in (folder / JIGSAW_ZIP, folder / "jigsaw" / JIGSAW_ZIP):
            if archive.is_file():
                members = zip_members(archive.read_bytes(), str(archive))
                for member, data in members.items():
                    if Path(member).name in (file, f"{file}.zip"):
                        return unpack(data, f"{archive}/{member}"), archive
    return None, None


def load_civil_spans(data_dir: str | Path | None = None) -> pd.DataFrame:
    """Posts of Civil Comments with the share of raters per label, and the character spans the raters marked.

    A rater who marks a span of a type says its label; `SPAN_LABELS` folds types into labels. See `SOURCES` for the
    mapping of the raters' flags. Spans of all raters are kept, one entry each; 76 of 46,784 begin beyond the end of
    their text and are dropped, 18 more are cut off at it.

    Raises:
        InputError: A file is not at hand or broken.
    """
    paths = [_needed(file, "civil_spans", data_dir) for file in SOURCES["civil_spans"].files]
    tables = [read_table(path) for path in paths]
    needed = (
        ("comment_id", "comment_text"),
        ("annotation", "comment_id", "not toxic"),
        ("annotation", "type", "start", "end"),
    )
    for path, table, columns in zip(paths, tables, needed, strict=True):
        _need_columns(table, path, columns)
    posts, annotations, spans = tables
    spans = spans.merge(annotations[["annotation", "comment_id"]], on="annotation", how="inner")
    spans["label"] = spans["type"].str.strip().map(SPAN_LABELS)
    check_rows(spans["label"].isna(), str(paths[2]), "type", f"is not one of {', '.join(SPAN_LABELS)}; mend")
    raters = annotations.groupby("comment_id").size().reindex(posts["comment_id"])
    check_rows(raters.isna(), str(paths[0]), "comment_id", f"has no row in {paths[1].name}; fetch both again, see")
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
    return _from(comments, "civil_spans", paths)


def _spans_by_comment(spans: pd.DataFrame, texts: dict[str, str], name: str) -> dict[str, list[tuple[int, int, str]]]:
    marked: dict[str, list[tuple[int, int, str]]] = {}
    starts, ends = (pd.to_numeric(spans[column], errors="coerce") for column in ("start", "end"))
    check_rows(starts.isna() | ends.isna() | (starts < 0), name, "start or end", "is no character offset; mend")
    for identifier, start, end, label in zip(
        spans["comment_id"], starts.astype(int), ends.astype(int), spans["label"], strict=True
    ):
        end = min(end, len(texts.get(identifier, "")))
        if start < end:
            marked.setdefault(identifier, []).append((start, end, label))
    return {identifier: sorted(entries) for identifier, entries in marked.items()}


def load_davidson(data_dir: str | Path | None = None) -> pd.DataFrame:
    """Tweets with the share of raters who called them hate speech or offensive; the text is left as it is.

    Raises:
        InputError: The file is not at hand or broken.
    """
    path = _needed("davidson/labeled_data.csv", "davidson", data_dir)
    table = read_table(path)
    _need_columns(table, path, ("count", "hate_speech", "offensive_language", "tweet"))
    counts = {}
    for column in ("count", "hate_speech", "offensive_language"):
        counts[column] = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float)
        bad = ~(counts[column] >= (1 if column == "count" else 0))
        check_rows(bad, str(path), column, "is no count of raters; fetch the file again, see")
    hate = counts["hate_speech"] / counts["count"]
    toxic = (counts["hate_speech"] + counts["offensive_language"]) / counts["count"]
    ids = table[table.columns[0]] if table.columns[0] == "" else [str(row) for row in range(len(table))]
    comments = make_comments(ids, table["tweet"], "twitter", {"toxic": toxic, "identity_hate": hate}, name=str(path))
    return _from(comments, "davidson", [path])


def load_synthetic(data_dir: str | Path | None = None) -> pd.DataFrame:
    """The synthetic corpus, `SYNTHETIC_ROWS` comments, with a column `split` of its own three splits."""
    from toxres.data.synthetic import generate

    parts = []
    for split, share in (("train", 0.6), ("validation", 0.2), ("test", 0.2)):
        parts.append(generate(round(SYNTHETIC_ROWS * share), seed=0, split=split).assign(split=split))
    comments = pd.concat(parts, ignore_index=True)
    text = "\n".join(comments["id"] + "\t" + comments["text"])
    digest = hashlib.sha256(text.encode()).hexdigest()
    comments.attrs = {"source": "synthetic", "origin": "embedded", "sha256": digest}
    return comments


def load_hub(name: str) -> pd.DataFrame:
    """Comments from a dataset on the Hugging Face hub, or a local dataset folder, through `datasets.load_dataset`.

    Its texts stand in a column `comment_text` or `text`, its labels in columns named as ours (numbers; missing or -1 is
    unknown). The split `train` is read where there is one, else all of them.

    Args:
        name: As `datasets.load_dataset` takes it, such as "owner/name" or a folder with CSV or Parquet files.

    Raises:
        InputError: The dataset cannot be loaded, or has no such column.
    """
    import datasets

    try:
        loaded = datasets.load_dataset(name)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"hub:{name}: cannot be loaded ({type(error).__name__}: {reason}); check name and network"
        ) from None
    parts = [loaded["train"]] if "train" in loaded else list(loaded.values())
    frame = pd.concat([part.to_pandas() for part in parts], ignore_index=True)
    column = next((column for column in ("comment_text", "text") if column in frame.columns), None)
    if column is None:
        raise InputError(f"hub:{name}: no column 'comment_text' or 'text' (found {', '.join(map(str, frame.columns))})")
    texts = frame[column].to_numpy(dtype=object)
    check_rows([not isinstance(text, str) for text in texts], f"hub:{name}", column, "is not a string; mend or drop")
    labels = {}
    for label in LABELS:
        if label in frame.columns:
            strings = frame[label].astype(object).where(frame[label].notna(), "").astype(str)
            labels[label] = parse_label(strings, f"hub:{name}", label)
    ids = frame["id"].astype(str) if "id" in frame.columns else [f"row-{row}" for row in range(1, len(frame) + 1)]
    comments = make_comments(ids, texts, "hub", labels, name=f"hub:{name}")
    digest = hashlib.sha256("\n".join(comments["text"]).encode()).hexdigest()
    comments.attrs = {"source": f"hub:{name}", "origin": f"hub:{name}", "sha256": digest}
    return comments


OFFICIAL_TESTS: Mapping[str, str] = {
    "toxic_spans/tsd_test.csv": "text",
    "hatecheck/test_suite_cases.csv": "test_case",
    "madlibs/bias_madlibs_77k.csv": "Text",
    "poleval2019/task6-1/test_set_clean_only_text.txt": "",
}
"""Files for final figures only, and the column their texts stand in ("" for one text a line)."""


def load_official_texts(data_dir: str | Path | None = None) -> dict[str, list[str]]:
    """Texts of the official test files that are at hand, by file: never to be trained or tuned on.

    Raises:
        InputError: A file is broken.
    """
    texts = {}
    for file, column in OFFICIAL_TESTS.items():
        path = resolve(file, data_dir)
        if path is None:
            continue
        if column:
            table = read_table(path)
            _need_columns(table, path, (column,))
            texts[file] = table[column].tolist()
        else:
            texts[file] = [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    return texts


def _need_columns(table: pd.DataFrame, path: Path, columns: tuple[str, ...]) -> None:
    for column in columns:
        if column not in table.columns:
            raise InputError(f"{path}: no column {column!r}; fetch the file again: toxres data pull")


def _needed(file: str, source: str, data_dir: str | Path | None) -> Path:
    path = resolve(file, data_dir)
    if path is None:
        raise _not_at_hand(source, file)
    return path


def _not_at_hand(source: str, file: str = "train.csv") -> InputError:
    return InputError(f"{source}: {file} is not at hand; {_how_to_get(source)}")


def _how_to_get(source: str) -> str:
    if source == "jigsaw":
        return (
            f"accept the rules of kaggle.com/c/{JIGSAW_ZIP.removesuffix('.zip')}, download its zip and put it into "
            "data/raw (or set TOXRES_DATA_DIR)"
        )
    return f"run `toxres data pull {source}` or set TOXRES_DATA_DIR to a folder that has it"


def _from(comments: pd.DataFrame, source: str, paths: list[Path]) -> pd.DataFrame:
    digests = [sha256(path) for path in dict.fromkeys(paths)]
    together = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    comments.attrs = {"source": source, "origin": ", ".join(map(str, dict.fromkeys(paths))), "sha256": together}
    return comments


SOURCES: Mapping[str, Source] = {
    source.name: source
    for source in (
        Source(
            "jigsaw",
            "Wikipedia talk page comments of Kaggle's Toxic Comment Classification Challenge (2018)",
            "wikipedia",
            "labels CC0, text CC BY-SA 3.0",
            "cjadams, J. Sorensen, J. Elliott, L. Dixon, M. McDonald, nithum, W. Cukierski: Toxic Comment Classification "
            "Challenge. Kaggle, 2017",
            ("jigsaw/train.csv",),
            {label: f"`{label}` (0 or 1)" for label in LABELS},
            ("test.csv and test_labels.csv, where at hand, are the split `kaggle_test`; rows of all -1 are dropped",),
            load_jigsaw,
        ),
        Source(
            "civil_spans",
            "Posts on news sites (Civil Comments), three or more raters each, with the character spans they marked",
            "news",
            "CC0",
            "J. Pavlopoulos, L. Laugier, A. Xenos, J. Sorensen, I. Androutsopoulos: From the Detection of Toxic Spans in "
            "Online Discussions to the Analysis of Toxic-to-Civil Transfer. ACL 2022",
            ("toxic_spans/comments.csv", "toxic_spans/annotations.csv", "toxic_spans/spans.csv"),
            {
                "toxic": "1 - share of raters who flagged `not toxic`",
                "obscene": "share of raters with a span `Profane/Obscene`",
                "threat": "share of raters with a span `Threat`",
                "insult": "share of raters with a span `Insult`",
                "identity_hate": "share of raters with a span `Identity based Attack`",
            },
            (),
            load_civil_spans,
        ),
        Source(
            "davidson",
            "Tweets with words of a hate speech lexicon, three or more raters each",
            "twitter",
            "MIT",
            "T. Davidson, D. Warmsley, M. Macy, I. Weber: Automated Hate Speech Detection and the Problem of Offensive "
            "Language. ICWSM 2017",
            ("davidson/labeled_data.csv",),
            {
                "toxic": "(`hate_speech` + `offensive_language`) / `count`",
                "identity_hate": "`hate_speech` / `count`",
            },
            ("HTML entities (&amp;, &#8220;) stand in a quarter of the tweets and are left as they are",),
            load_davidson,
        ),
        Source(
            "synthetic",
            "Comments written by a seeded grammar of this project, with the spans that make each label true",
            "synthetic",
            "MIT",
            "this project",
            (),
            dict.fromkeys(LABELS, "by construction (0 or 1)"),
            ("the one corpus whose reasons are known; templates are disjoint across its splits",),
            load_synthetic,
        ),
    )
}
"""Every named source."""
