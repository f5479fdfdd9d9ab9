"""PolEval 2019 task 6: Polish tweets, harmful or not (6-1), cyberbullying or hate speech (6-2).

M. Ptaszynski, A. Pieciukiewicz, P. Dybala: Results of the PolEval 2019 Shared Task 6. One tweet stands on a line of the
text file, its tag on the same line of the tag file; both tasks have the same tweets. The test file is for final
figures: nothing is trained, tuned or chosen on it, so it has to be asked for by name.
"""

import re
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from toxres.data.paths import how_to_get, needed, resolve, with_origin
from toxres.data.schema import make_comments
from toxres.data.splits import TEST_FOLD, VALIDATION_FOLD, load_folds, make_folds
from toxres.errors import InputError

POLEVAL_TAGS: Final = {
    "6-1": ("non-harmful", "harmful"),
    "6-2": ("non-harmful", "cyberbullying", "hate speech"),
}
"""The tasks, and what their tags 0, 1 and 2 mean."""

SOURCE: Final = "poleval"
"""What `--source` calls the tweets of task 6-2."""

_FILES = {"train": "training_set_clean_only", "test": "test_set_clean_only"}
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "n": "\n", "r": "\r", "t": "\t"}
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/nrt]))')
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def load_poleval(task: str = "6-1", split: str = "train", data_dir: str | Path | None = None) -> pd.DataFrame:
    r"""Tweets of one task and official split, in the schema of `toxres.data.schema`, with a column `tag`.

    The raw files keep the escapes of the JSON they were cut from (`\"`, `\n`, `\u00e9`); they are resolved. `toxic` is
    1 where the tag is not 0; the other labels are unknown, as the task's classes are about whom a tweet is aimed at.

    Args:
        task: "6-1" or "6-2".
        split: "train", or "test" for final figures only.
        data_dir: Folder searched before TOXRES_DATA_DIR, data/raw and data/cache.

    Returns:
        Comments in the order of the file, ids "poleval-train-1" and so on by line, `tag` int64; `attrs` have the
        further entries `task` and `split`.

    Raises:
        InputError: Unknown task or split, a file is not at hand, the files have not the same number of lines, or a line
            is no tag of the task, empty or not UTF-8.
    """
    if task not in POLEVAL_TAGS:
        raise InputError(f"unknown PolEval task {task!r}; choose one of: {', '.join(POLEVAL_TAGS)}")
    if split not in _FILES:
        raise InputError(f"unknown PolEval split {split!r}; choose train, or test for final figures only")
    text_path = _text_path(task, split, data_dir)
    tag_path = needed(f"poleval2019/task{task}/{_FILES[split]}_tags.txt", "poleval", data_dir)
    lines, tag_lines = _lines(text_path), _lines(tag_path)
    if len(lines) != len(tag_lines):
        raise InputError(
            f"{tag_path}: {len(tag_lines)} tags for the {len(lines)} lines of {text_path}, so line "
            f"{min(len(lines), len(tag_lines)) + 1} has no partner; fetch both files again"
        )
    for line, text in enumerate(lines, start=1):
        if not text.strip():
            raise InputError(f"{text_path}: line {line} is empty; fetch the file again")
    tags = _tags(tag_lines, tag_path, task)
    texts = [unescape(line) for line in lines]
    ids = [f"poleval-{split}-{line}" for line in range(1, len(lines) + 1)]
    comments = make_comments(ids, texts, "twitter", {"toxic": tags > 0}, name=str(text_path)).assign(tag=tags)
    comments = with_origin(comments, f"poleval-{task}", [text_path, tag_path])
    comments.attrs |= {"task": task, "split": split}
    return comments


def load_poleval_source(data_dir: str | Path | None = None) -> pd.DataFrame:
    """The training tweets with the tags of task 6-2 and folds 1-4, stratified by tag; fold 0 is the test file's.

    Raises:
        InputError: As `load_poleval` does.
    """
    comments = load_poleval("6-2", "train", data_dir)
    comments.attrs["source"] = SOURCE
    folds = load_folds(_by_tag(comments), data_dir)
    fold = folds["fold"].to_numpy()
    return _placed(comments, folds["cluster"].to_numpy(), np.where(fold == TEST_FOLD, VALIDATION_FOLD + 1, fold))


def load_poleval_test(data_dir: str | Path | None = None) -> pd.DataFrame:
    """The official test tweets with the tags of task 6-2, as fold 0 of the source: for final figures only.

    Raises:
        InputError: As `load_poleval` does.
    """
    comments = load_poleval("6-2", "test", data_dir)
    comments.attrs["source"] = SOURCE
    return _placed(comments, comments["id"].to_numpy(), np.full(len(comments), TEST_FOLD))


def _placed(comments: pd.DataFrame, clusters: np.ndarray, folds: np.ndarray) -> pd.DataFrame:
    attrs = dict(comments.attrs)
    comments = comments.assign(cluster=clusters, fold=folds)
    comments.attrs = attrs
    return comments


def poleval_folds(comments: pd.DataFrame, seed: int = 0) -> np.ndarray:
    """Fold 0-4 of each training tweet (N,), for all choices: stratified by tag, no duplicate cluster crosses a fold.

    Args:
        comments: What `load_poleval` gave for the split "train".
        seed: Of the ties.

    Raises:
        InputError: These are test tweets.
    """
    if comments.attrs.get("split") == "test":
        raise InputError("the PolEval test file is for final figures only; make folds of the training file")
    return make_folds(_by_tag(comments), seed=seed)["fold"].to_numpy()


def _by_tag(comments: pd.DataFrame) -> pd.DataFrame:
    """The comments with the tags in the place of labels, for stratified folds."""
    tagged = comments.assign(threat=comments["tag"] == 1, insult=comments["tag"] == 2)
    tagged.attrs = dict(comments.attrs)
    return tagged


def unescape(text: str) -> str:
    """Resolve JSON's escapes in a line, white space among them to a space; a backslash before anything else stays."""

    def character(match: re.Match) -> str:
        code, single = match.groups()
        value = chr(int(code, 16)) if code else _ESCAPES[single]
        return " " if value.isspace() else value

    joined = _SURROGATES.sub(
        lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), _ESCAPE.sub(character, text)
    )
    return joined.encode("utf-8", "replace").decode("utf-8").strip()


def _text_path(task: str, split: str, data_dir: str | Path | None) -> Path:
    names = [f"poleval2019/task{folder}/{_FILES[split]}_text.txt" for folder in dict.fromkeys((task, "6-1"))]
    path = next((path for path in (resolve(name, data_dir) for name in names) if path is not None), None)
    if path is None:
        raise InputError(
            f"poleval: {names[-1]} is not at hand; get it from the PolEval 2019 site (task 6) into "
            f"data/raw/{Path(names[-1]).parent}, or {how_to_get('poleval').partition(' or ')[2]}"
        )
    return path


def _lines(path: Path) -> list[str]:
    """Lines of a file that ends in one newline or none; only a newline ends a line, other separators are text."""
    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    lines = []
    for number, line in enumerate(data.removesuffix(b"\n").split(b"\n") if data else [], start=1):
        try:
            lines.append(line.removesuffix(b"\r").decode("utf-8"))
        except UnicodeDecodeError:
            raise InputError(f"{path}: line {number} is not UTF-8; fetch the file again") from None
    return lines


def _tags(lines: list[str], path: Path, task: str) -> np.ndarray:
    known = {str(tag): tag for tag in range(len(POLEVAL_TAGS[task]))}
    for number, line in enumerate(lines, start=1):
        if line.strip() not in known:
            raise InputError(
                f"{path}: line {number} is {line.strip()[:20]!r}, no tag of task {task}; give one of {', '.join(known)}"
            )
    return np.array([known[line.strip()] for line in lines], dtype=np.int64)
