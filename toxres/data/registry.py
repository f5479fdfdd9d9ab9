"""Every public file the project reads: where it lies, how large it is, what it hashes to, who may use it how."""

import csv
import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from toxres.data.civil_comments import SOURCE as CIVIL_COMMENTS
from toxres.data.civil_comments import pull_civil_comments
from toxres.data.download import download
from toxres.data.paths import jigsaw_instructions, resolve
from toxres.data.sources import SOURCES, Source
from toxres.errors import InputError
from toxres.files import ROOT, sha256

_FILES_CSV = Path(__file__).with_name("files.csv")


@dataclasses.dataclass(frozen=True)
class Collection:
    """A set of files published together.

    Attributes:
        name: Its folder, and what `toxres data pull` calls it.
        title: One line saying what it is.
        licence: Its licence.
        citation: Whom to cite.
        evaluation_only: True if nothing may be trained, tuned or chosen on it.
    """

    name: str
    title: str
    licence: str
    citation: str
    evaluation_only: bool = False


@dataclasses.dataclass(frozen=True)
class RemoteFile:
    """One public file.

    Attributes:
        name: The collection it belongs to.
        path: Relative to a data folder.
        url: Where it is downloaded from; None if it has no direct URL.
        size: Bytes.
        sha256: Hex digest of its bytes.
        licence: Its licence.
        citation: Whom to cite.
    """

    name: str
    path: str
    url: str | None
    size: int
    sha256: str
    licence: str
    citation: str


COLLECTIONS = {
    item.name: item
    for item in (
        Collection("toxic_spans", SOURCES["civil_spans"].title, "CC0", SOURCES["civil_spans"].citation),
        Collection("davidson", SOURCES["davidson"].title, "MIT", SOURCES["davidson"].citation),
        Collection(
            "hatecheck",
            "Functional tests for hate speech detection: 29 functionalities, 7 target groups",
            "CC BY 4.0",
            "P. Roettger, B. Vidgen, D. Nguyen, Z. Waseem, H. Margetts, J. Pierrehumbert: HateCheck: Functional Tests "
            "for Hate Speech Detection Models. ACL 2021",
            evaluation_only=True,
        ),
        Collection(
            "madlibs",
            "Identity terms in templates, half of them bad, half not",
            "Apache-2.0",
            "L. Dixon, J. Li, J. Sorensen, N. Thain, L. Vasserman: Measuring and Mitigating Unintended Bias in Text "
            "Classification. AIES 2018",
            evaluation_only=True,
        ),
        Collection(
            "poleval2019",
            "Polish tweets: harmful or not (task 6-1), cyberbullying or hate speech (task 6-2)",
            "BSD-3-Clause",
            "M. Ptaszynski, A. Pieciukiewicz, P. Dybala: Results of the PolEval 2019 Shared Task 6. PolEval 2019",
        ),
    )
}
"""Every collection of public files. Kaggle's is not among them: its rules have to be accepted by a person."""


@functools.cache
def remote_files() -> tuple[RemoteFile, ...]:
    """Every public file. The texts of PolEval have no direct URL; they come from the PolEval 2019 site (task 6)."""
    with _FILES_CSV.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    files = []
    for row in rows:
        collection = COLLECTIONS[row["path"].split("/")[0]]
        url, size = row["url"] or None, int(row["size"])
        files.append(
            RemoteFile(collection.name, row["path"], url, size, row["sha256"], collection.licence, collection.citation)
        )
    return tuple(files)


_ALIASES = {"civil_spans": "toxic_spans", "poleval": "poleval2019"}


@dataclasses.dataclass(frozen=True)
class Pulled:
    """What `pull` did.

    Attributes:
        downloaded: Files fetched now.
        present: Files that were there already, and verified.
        manual: One line a file or source that only a person can fetch: what it is and where it goes.
    """

    downloaded: tuple[Path, ...]
    present: tuple[Path, ...]
    manual: tuple[str, ...]

    def __str__(self) -> str:
        """Some lines to print."""
        lines = [f"{len(self.downloaded)} files downloaded, {len(self.present)} were there; all verified"]
        return "\n".join(lines + [f"by hand: {line}" for line in self.manual])


def pull(
    names: Sequence[str] | None = None,
    base_url: str | None = None,
    dest: str | Path | None = None,
    progress: bool = True,
) -> Pulled:
    """Download public files and verify them; what is there and right is not fetched again.

    Args:
        names: Collections or sources; none means all.
        base_url: A mirror: files are taken from `base_url/path` in place of their own URL.
        dest: Folder to put them into; data/cache of the project by default.
        progress: Show a progress bar for each file.

    Raises:
        InputError: No collection has this name, or only a person can fetch what was named.
        DownloadError: A download failed; what is complete stays, and a next call goes on from there.
        RunError: The hub, where Civil Comments are, cannot be reached.
    """
    dest = Path(dest) if dest is not None else ROOT / "data" / "cache"
    others = [name for name in names or () if name != CIVIL_COMMENTS]
    wanted = [_collection(name) for name in others] or ([] if names else list(COLLECTIONS))
    downloaded, present, manual = [], [], []
    for file in remote_files():
        if file.name not in wanted:
            continue
        path = dest / file.path
        url = f"{base_url.rstrip('/')}/{quote(file.path)}" if base_url else file.url
        if path.is_file() and path.stat().st_size == file.size and sha256(path) == file.sha256:
            present.append(path)
        elif url is None:
            manual.append(f"{file.path}: no direct URL; from the PolEval 2019 site (task 6), into {path.parent}")
        else:
            download(url, path, size=file.size, sha256=file.sha256, progress=progress)
            downloaded.append(path)
    if len(others) < len(names or ()):
        fetched, there = pull_civil_comments(dest)
        downloaded, present = downloaded + fetched, present + there
    if not names:
        manual.append(f"jigsaw: {jigsaw_instructions()}")
        manual.append(f"{CIVIL_COMMENTS}: 422 MB from the Hugging Face hub; name it: toxres data pull {CIVIL_COMMENTS}")
    return Pulled(tuple(downloaded), tuple(present), tuple(manual))


def _collection(name: str) -> str:
    name = _ALIASES.get(name, name)
    if name == "jigsaw":
        raise InputError(f"jigsaw cannot be downloaded without a person: {jigsaw_instructions()}")
    if name not in COLLECTIONS:
        raise InputError(f"{name!r} cannot be pulled; choose from: {', '.join((*COLLECTIONS, CIVIL_COMMENTS))}")
    return name


def list_sources(data_dir: str | Path | None = None) -> str:
    """A table of every source and collection, and whether it is at hand, to be printed."""
    from toxres.data.loading import available

    rows = [("name", "use", "at hand", "licence", "what")]
    for source in SOURCES.values():
        at_hand = "yes" if available(source.name, data_dir) else "no"
        rows.append((source.name, "train", at_hand, source.licence, source.title))
    for collection in COLLECTIONS.values():
        if collection.name in ("toxic_spans", "davidson"):
            continue
        files = [file for file in remote_files() if file.name == collection.name]
        found = sum(resolve(file.path, data_dir) is not None for file in files)
        at_hand = "yes" if found == len(files) else "no" if not found else f"{found} of {len(files)}"
        use = "evaluate" if collection.evaluation_only else "other"
        rows.append((collection.name, use, at_hand, collection.licence, collection.title))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]) for row in rows
    )


def describe(name: str, data_dir: str | Path | None = None) -> str:
    """Everything known about a source or collection, to be printed.

    Raises:
        InputError: Nothing has this name.
    """
    source: Source | None = SOURCES.get(name) or (SOURCES["civil_spans"] if name == "toxic_spans" else None)
    collection = COLLECTIONS.get(_ALIASES.get(name, name))
    if source is None and collection is None:
        known = [*SOURCES, *(item for item in COLLECTIONS if item not in SOURCES)]
        raise InputError(f"unknown source {name!r}; choose one of: {', '.join(known)}")
    about = source or collection
    lines = [f"{about.name}: {about.title}", f"licence: {about.licence}", f"cite: {about.citation}"]
    if source is not None:
        lines += [f"group: {source.group}", "labels:"]
        lines += [f"  {label:<14} {how}" for label, how in source.mapping_of_all().items()]
        lines += [f"note: {note}" for note in source.notes]
    if collection is not None and collection.evaluation_only:
        lines.append("evaluation only: never train, tune or choose a threshold on it")
    files = [file for file in remote_files() if collection is not None and file.name == collection.name]
    for file in files:
        where = resolve(file.path, data_dir)
        lines += [f"file: {file.path} ({file.size:,} bytes, sha256 {file.sha256})"]
        lines += [f"  from {file.url or 'the PolEval 2019 site (no direct URL)'}", f"  at hand: {where or 'no'}"]
    if name == "jigsaw":
        lines.append(f"to get it: {jigsaw_instructions()}")
    elif name == CIVIL_COMMENTS or any(resolve(file.path, data_dir) is None and file.url for file in files):
        lines.append(f"to get it: toxres data pull {name}")
    return "\n".join(lines)
