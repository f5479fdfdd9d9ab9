"""All of Civil Comments, 2 million comments on news sites with shares of raters (Borkan et al., WWW 2019)."""

from pathlib import Path

import pandas as pd

from toxres.data.loaders import open_hub
from toxres.data.paths import needed, with_origin
from toxres.data.schema import make_comments
from toxres.data.tables import Part, comments_of, file_part
from toxres.errors import RunError
from toxres.files import atomic_path
from toxres.labels import LABELS

SOURCE = "civil_comments"
HUB = "google/civil_comments"
"""Its name on the Hugging Face hub, where it is published as Parquet: 422 MB (the dataset's card)."""

ROWS = {"train": 1_804_874, "validation": 97_320, "test": 97_320}
"""Comments of its splits, as the dataset's card says."""

FILES = tuple(f"{SOURCE}/{split}.parquet" for split in ROWS)


def civil_comments_parts(data_dir: str | Path | None = None) -> dict[str, Part]:
    """Its splits, to be read some rows at a time.

    Raises:
        InputError: A file is not at hand.
    """
    return {Path(file).stem: file_part(needed(file, SOURCE, data_dir)) for file in FILES}


def load_civil_comments(data_dir: str | Path | None = None) -> pd.DataFrame:
    """All comments with a column `split` of their own splits: gigabytes of memory; a stream takes next to none.

    Raises:
        InputError: A file is not at hand or broken.
    """
    frames, paths = [], []
    for split, part in civil_comments_parts(data_dir).items():
        first = 1
        for table in part:
            comments = comments_of(table, part.name, "news", first)
            first += len(comments)
            comments["id"] = split + "-" + comments["id"].str.removeprefix("row-")
            frames.append(comments.assign(split=split))
        paths.append(Path(part.name))
    whole = pd.concat(frames, ignore_index=True)
    comments = make_comments(
        whole["id"], whole["text"], whole["group"], {label: whole[label] for label in LABELS}, name=SOURCE
    ).assign(split=whole["split"])
    return with_origin(comments, SOURCE, paths)


def pull_civil_comments(dest: Path) -> tuple[list[Path], list[Path]]:
    """Fetch it from the hub into `dest`, a Parquet file a split; whole splits that are there are kept.

    Returns:
        The files fetched now, and those that were there.

    Raises:
        InputError: The dataset cannot be loaded.
        RunError: The hub cannot be reached, or a split has another number of comments than it should.
    """
    from pyarrow import parquet

    paths = {split: dest / file for split, file in zip(ROWS, FILES, strict=True)}
    present = [path for path in paths.values() if path.is_file()]
    if len(present) == len(paths):
        return [], present
    loaded = open_hub(HUB)
    for split, count in ROWS.items():
        found = len(loaded[split]) if split in loaded else 0
        if found != count:
            raise RunError(f"hub:{HUB}: split {split!r} has {found:,} comments instead of {count:,}; try again later")
    fetched = [path for path in paths.values() if path not in present]
    for split, path in paths.items():
        if path in fetched:
            with atomic_path(path) as temporary:
                loaded[split].to_parquet(temporary, batch_size=10_000)
                if parquet.ParquetFile(temporary).metadata.num_rows != ROWS[split]:
                    raise RunError(f"{path}: was not written whole; try again")
    return fetched, present
