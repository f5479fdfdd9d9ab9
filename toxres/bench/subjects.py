"""What benchmarks run on: the newest checkpoints, and comments of real lengths."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from toxres.errors import InputError
from toxres.files import ROOT, read_json, sha256, write_json
from toxres.newest import belonging, newest_checkpoints

if TYPE_CHECKING:
    from toxres.bench.measure import Setting

PAIR = ("baseline", "custom")
"""Recipes of the two models that are run."""

ROWS = 600
"""Validation comments that an export decides on."""

EXPORTING = ("serving/candidates", "serving/engines", "serving/export", "serving/graph", "models/first_token")
"""Files of the package that a bundle depends on."""


class Subjects(NamedTuple):
    """The checkpoints that are run.

    Attributes:
        baseline: Its folder.
        custom: Its folder.
        preset: They were trained by.
        note: What has to be said of them, or "".
    """

    baseline: Path
    custom: Path
    preset: str
    note: str

    @property
    def both(self) -> list[str]:
        """The two folders."""
        return [str(self.baseline), str(self.custom)]


class Comments(NamedTuple):
    """Comments that models are run on.

    Attributes:
        texts: N of them.
        source: Name of their source.
        sha256: Of its file; "" of one that is made up.
    """

    texts: list[str]
    source: str
    sha256: str

    @property
    def sources(self) -> dict[str, str]:
        """For the record of a result."""
        return {self.source: self.sha256}


def subjects(setting: "Setting") -> Subjects:
    """The newest trained `baseline` and `custom` that belong together, as `make app` takes them.

    Where there are none, two are made of the embedded encoder with heads that have hardly learned anything: the work of
    a model does not depend on what it has learned. They are kept under `bench/`.
    """
    found = {}
    for folder in belonging(setting.build / "checkpoints"):
        run = read_json(folder / "run.json")
        found[run["recipe"]["name"]] = folder, run["preset"]["name"]
    if set(PAIR) <= set(found) and found["custom"][1] != "smoke":
        return Subjects(found["baseline"][0], found["custom"][0], found["custom"][1], "")
    folders = {name: _untrained(name, setting.build / "bench" / name) for name in PAIR}
    return Subjects(
        *folders.values(),
        "quick",
        f"no trained checkpoints under {setting.build.name}/checkpoints (`make run` trains some): "
        "the embedded encoder with heads that saw 64 comments",
    )


def _untrained(recipe: str, out: Path) -> Path:
    from toxres.config import get_preset
    from toxres.training import train

    if recipe not in newest_checkpoints(out.parent):
        preset = dataclasses.replace(get_preset("quick"), max_rows=64, epochs=1)
        train(recipe, "synthetic", preset, out=out, replace=True, progress=False)
    return out


def served_bundle(setting: "Setting", found: Subjects) -> Path:
    """A bundle of the two checkpoints, `bench/bundle`; its export measures what runs them best here, for minutes.

    Weights of 8 bits are not among its candidates: every export so far refused them.
    """
    from toxres.serving.candidates import CANDIDATES

    candidates = [each for each in CANDIDATES if each.precision != "int8"]
    return exported([found.baseline, found.custom], setting.build / "bench" / "bundle", candidates=candidates)


def exported(folders: Sequence[Path], out: Path, **options: object) -> Path:
    """A bundle of checkpoints: exported once, and anew when they or the exporting code change.

    Args:
        folders: Of the checkpoints.
        out: Where it is kept; what it is of stands beside it.
        **options: Of `export_bundle`.
    """
    from toxres.serving import export_bundle
    from toxres.serving.manifest import read_manifest

    made_of = out.with_name(f"{out.name}.json")
    wanted = {path.name: sha256(path / "run.json") for path in folders}
    wanted |= {name: sha256(ROOT / "toxres" / f"{name}.py") for name in EXPORTING}
    try:
        if read_json(made_of) == wanted and read_manifest(out):
            return out
    except (OSError, ValueError):
        pass
    print(f"  exporting {', '.join(path.name for path in folders)}, once", flush=True)
    export_bundle(folders, out, limit=ROWS, **options)
    write_json(made_of, wanted)
    return out


def comments(count: int | None = None, split: str = "validation") -> Comments:
    """Comments of real lengths: Jigsaw's where they are at hand, else synthetic ones.

    Args:
        count: At most so many, the first ones.
        split: Which of them. Nothing is learned from them here.
    """
    from toxres.data import best_source, load_comments

    source = best_source()
    frame = load_comments(source, split=split)
    return Comments(frame["text"].tolist()[:count], source, str(frame.attrs.get("sha256") or ""))


def with_tokens(texts: Sequence[str], count: int, tokens: int, tokenizer: object) -> list[str]:
    """Texts of exactly so many tokens, special tokens included, cut from longer ones.

    Args:
        texts: To cut them from, one after the other.
        count: How many.
        tokens: T of each.
        tokenizer: Of transformers, a fast one.

    Raises:
        InputError: The texts are too few for that.
    """
    room = tokens - tokenizer.num_special_tokens_to_add()
    found: list[str] = []
    pool = " ".join(" ".join(text.split()) for text in texts).split(" ")
    at = 0
    while len(found) < count and at < len(pool):
        words: list[str] = []
        size = 0
        while at < len(pool) and size < room:
            pieces = len(tokenizer(pool[at], add_special_tokens=False)["input_ids"])
            if pieces and size + pieces <= room:
                words.append(pool[at])
                size += pieces
            at += 1
        if size == room:
            text = " ".join(words)
            if len(tokenizer(text)["input_ids"]) == tokens:
                found.append(text)
    if len(found) < count:
        raise InputError(f"only {len(found)} texts of {tokens} tokens could be made of {len(texts)}; give more texts")
    return found
