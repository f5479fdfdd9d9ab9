"""How each source is read: Kaggle's files, tweets, the synthetic corpus, datasets of the hub."""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from toxres.data.csvfiles import (
    kaggle_comments,
    keep_task_columns,
    label_columns,
    parse_label,
    parse_table,
    read_table,
    refuse_misspelt,
    unpack,
    zip_members,
)
from toxres.data.paths import JIGSAW_ZIP, data_folders, how_to_get, need_columns, needed, not_at_hand, with_origin
from toxres.data.schema import check_rows, make_comments
from toxres.errors import InputError, RunError
from toxres.labels import LABELS

if TYPE_CHECKING:
    import datasets

SYNTHETIC_ROWS = 6_000
"""Comments in the synthetic source: 60 % train, 20 % validation, 20 % test."""


def load_jigsaw(data_dir: str | Path | None = None) -> pd.DataFrame:
    """Kaggle's `train.csv`, whose six labels are ours.

    Raises:
        InputError: The file is not at hand, or broken.
    """
    data, path = _jigsaw_member("train.csv", data_dir)
    if data is None:
        raise not_at_hand("jigsaw")
    comments = kaggle_comments(parse_table(data, str(path)), str(path), group="wikipedia")
    return with_origin(comments, "jigsaw", [path])


def load_jigsaw_test(data_dir: str | Path | None = None) -> pd.DataFrame:
    """Kaggle's `test.csv` joined with `test_labels.csv` by id, without the rows that Kaggle did not score (all -1).

    Raises:
        InputError: A file is not at hand or broken, or an id has no labels.
    """
    texts, path = _jigsaw_member("test.csv", data_dir)
    labels, labels_path = _jigsaw_member("test_labels.csv", data_dir)
    if texts is None or labels is None:
        raise InputError(f"jigsaw: test.csv and test_labels.csv are not both at hand; {how_to_get('jigsaw')}")
    text_table, label_table = parse_table(texts, str(path)), parse_table(labels, str(labels_path))
    for table, name in ((text_table, path), (label_table, labels_path)):
        if "id" not in table.columns:
            raise InputError(f"{name}: no column 'id'; fetch the file from Kaggle again")
        check_rows(table["id"].duplicated(), str(name), "id", "repeats an earlier id", "fetch the file again")
    for label in LABELS:
        if label not in label_table.columns:
            raise InputError(f"{labels_path}: no column {label!r}; fetch the file from Kaggle again")
    unlabelled = ~text_table["id"].isin(set(label_table["id"]))
    check_rows(unlabelled, str(path), "id", f"has no labels in {labels_path}", "fetch both again")
    scored = label_table[~(label_table[list(LABELS)] == "-1").all(axis=1)]
    table = text_table.merge(scored, on="id", how="inner", suffixes=("", "_labels"))
    return with_origin(kaggle_comments(table, str(path), group="wikipedia"), "jigsaw", [path, labels_path])


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


def load_davidson(data_dir: str | Path | None = None) -> pd.DataFrame:
    """Tweets with the share of raters who called them hate speech or offensive; the text is left as it is.

    Raises:
        InputError: The file is not at hand or broken.
    """
    path = needed("davidson/labeled_data.csv", "davidson", data_dir)
    table = read_table(path)
    need_columns(table, path, ("count", "hate_speech", "offensive_language", "tweet"))
    counts = {}
    for column in ("count", "hate_speech", "offensive_language"):
        counts[column] = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float)
        bad = ~(counts[column] >= (1 if column == "count" else 0))
        check_rows(bad, str(path), column, "is no count of raters", "fetch the file again")
    hate = counts["hate_speech"] / counts["count"]
    toxic = (counts["hate_speech"] + counts["offensive_language"]) / counts["count"]
    ids = table[table.columns[0]] if table.columns[0] == "" else [str(row) for row in range(len(table))]
    comments = make_comments(ids, table["tweet"], "twitter", {"toxic": toxic, "identity_hate": hate}, name=str(path))
    return with_origin(comments, "davidson", [path])


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


def load_balanced(data_dir: str | Path | None = None) -> pd.DataFrame:
    """The identity-balanced comments, with a column `split` of their own three splits."""
    from toxres.data.balanced import balanced_comments

    table = balanced_comments()
    labels = {label: table[label] for label in LABELS}
    comments = make_comments(table["id"], table["text"], table["group"], labels, name="balanced")
    comments = comments.assign(case=table["case"], term=table["term"], split=table["split"])
    text = "\n".join(comments["id"] + "\t" + comments["text"])
    digest = hashlib.sha256(text.encode()).hexdigest()
    comments.attrs = {"source": "balanced", "origin": "embedded", "sha256": digest}
    return comments


@contextlib.contextmanager
def _quiet(datasets) -> Iterator[None]:
    """Without progress bars and warnings on stderr, where a complaint is one line."""
    bars, verbosity = not datasets.are_progress_bars_disabled(), datasets.logging.get_verbosity()
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    try:
        yield
    finally:
        datasets.logging.set_verbosity(verbosity)
        if bars:
            datasets.enable_progress_bars()


def open_hub(name: str) -> Mapping[str, "datasets.Dataset"]:
    """The splits of a dataset on the Hugging Face hub, or of a local dataset folder, by `datasets.load_dataset`.

    Raises:
        InputError: The dataset cannot be loaded.
        RunError: The hub cannot be reached.
    """
    import datasets

    try:
        with _quiet(datasets):
            return datasets.load_dataset(name)
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        kind = RunError if isinstance(error, ConnectionError) else InputError
        raise kind(f"hub:{name}: cannot be loaded ({reason}); check name and network") from None


def load_hub(name: str) -> pd.DataFrame:
    """Comments from a dataset on the Hugging Face hub, or a local dataset folder, through `datasets.load_dataset`.

    Its texts stand in a column `comment_text` or `text`, its labels in columns named as ours or as in Civil Comments
    (numbers; missing or -1 is unknown). The split `train` is read where there is one, else all of them.

    Args:
        name: As `datasets.load_dataset` takes it, such as "owner/name" or a folder with CSV or Parquet files.

    Raises:
        InputError: The dataset cannot be loaded, or has no such column.
        RunError: The hub cannot be reached.
    """
    loaded = open_hub(name)
    parts = [loaded["train"]] if "train" in loaded else list(loaded.values())
    frame = pd.concat([part.to_pandas() for part in parts], ignore_index=True)
    refuse_misspelt(frame.columns, f"hub:{name}", ("comment_text", "text", *LABELS))
    column = next((column for column in ("comment_text", "text") if column in frame.columns), None)
    if column is None:
        raise InputError(f"hub:{name}: no column 'comment_text' or 'text' (found {', '.join(map(str, frame.columns))})")
    texts = frame[column].to_numpy(dtype=object)
    check_rows(
        [not isinstance(text, str) for text in texts],
        f"hub:{name}",
        column,
        "is not a string",
        "give it a text or drop the row",
    )
    labels = {}
    for label, field in label_columns(frame.columns).items():
        strings = frame[field].astype(object).where(frame[field].notna(), "").astype(str)
        labels[label] = parse_label(strings, f"hub:{name}", field)
    ids = frame["id"].astype(str) if "id" in frame.columns else [f"row-{row}" for row in range(1, len(frame) + 1)]
    comments = make_comments(ids, texts, "hub", labels, name=f"hub:{name}", field=column)
    comments = keep_task_columns(comments, frame)
    digest = hashlib.sha256("\n".join(comments["text"]).encode()).hexdigest()
    comments.attrs = {"source": f"hub:{name}", "origin": f"hub:{name}", "sha256": digest}
    return comments
