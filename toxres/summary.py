"""The table that `make run` ends with: the newest checkpoints side by side, and what to do next."""

from pathlib import Path

from toxres.api import evaluate
from toxres.errors import InputError
from toxres.evaluation import compare_table

SUMMARISED = ("tfidf", "baseline", "custom", "ulmfit")
"""The recipes in the table that `make run` ends with."""


def newest_checkpoints(folder: str | Path) -> dict[str, Path]:
    """The newest finished checkpoint of each recipe anywhere under a folder, by recipe name."""
    from toxres.checkpoint import RUN, load_checkpoint

    newest: dict[str, Path] = {}
    for file in sorted(Path(folder).rglob(RUN), key=lambda file: file.stat().st_mtime):
        try:
            newest[load_checkpoint(file.parent).recipe] = file.parent
        except InputError:
            continue
    return newest


def summary(folder: str | Path, source: str) -> str:
    """The newest tfidf, baseline and custom checkpoints side by side on a source's test split, and what to do next.

    Args:
        folder: Where the checkpoints stand.
        source: Name of a source.
    """
    newest = newest_checkpoints(folder)
    chosen = {name: newest[name] for name in SUMMARISED if name in newest}
    if not chosen:
        return (
            f"no checkpoints under {folder} yet; next: toxres train baseline --source {source} --out {folder}/baseline"
        )
    reports = [evaluate(path, source) for path in chosen.values()]
    table = compare_table({report.name: report.evaluation for report in reports}, title=reports[0].rows.title())
    cautions = [f"{report.name}: {report.caution}" for report in reports if report.caution]
    last = list(chosen.values())[-2:]
    steps = [
        "next: open the rendered notebooks in build/notebooks, or play with them: .venv/bin/jupyter lab notebooks",
        f"      toxres compare {' '.join(map(str, last))} --source {source}" if len(last) == 2 else "",
        f"      toxres score YOUR.csv --checkpoint {last[-1]} --out scores.csv",
    ]
    if source == "synthetic":
        steps.append(
            "      real comments: put Kaggle's files under data/raw/jigsaw, or set TOXRES_DATA_DIR; then run again"
        )
    return "\n".join(["", table, *cautions, "", *filter(None, steps)])
