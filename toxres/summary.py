"""The table that `make run` ends with: the newest checkpoints side by side, and what to do next."""

from pathlib import Path

from toxres.api import Rows, caution
from toxres.config import get_preset
from toxres.evaluation import compare_table
from toxres.lab import score_split, scored_rows
from toxres.newest import newest_checkpoints

SUMMARISED = ("tfidf", "baseline", "custom", "ulmfit")
"""The recipes in the table that `make run` ends with."""


def summary(folder: str | Path, source: str, preset: str) -> str:
    """The newest checkpoints of one source and preset side by side on its test split, and what to do next.

    Of a large split so many comments are drawn as in the notebooks, whose scores are used where they are there.

    Args:
        folder: Where the checkpoints stand.
        source: Name of a source.
        preset: Name of a preset.
    """
    from toxres.checkpoint import load_checkpoint

    newest = newest_checkpoints(folder, source, preset)
    chosen = {name: newest[name] for name in SUMMARISED if name in newest}
    shown = {name: _relative(path) for name, path in chosen.items()}
    if not chosen:
        out = _relative(Path(folder) / "baseline")
        return f"nothing was trained yet; next: toxres train baseline --source {source} --preset {preset} --out {out}"
    checkpoints = {name: load_checkpoint(path) for name, path in chosen.items()}
    scores = {name: score_split(checkpoint, source, "test") for name, checkpoint in checkpoints.items()}
    count, most = len(next(iter(scores.values())).targets), scored_rows({"max_rows": get_preset(preset).max_rows})
    title = f"{Rows(source, 'test', '', '', count).title()}; trained at preset {preset}"
    title += "; comments drawn at random" if count == most else ""
    table = compare_table({name: scored.evaluation for name, scored in scores.items()}, title=title)
    said = {name: caution(checkpoint.run, source, "test", "") for name, checkpoint in checkpoints.items()}
    cautions = [f"{name}: {why}" for name, why in said.items() if why]
    pair = [shown[name] for name in ("baseline", "custom") if name in shown]
    steps = ["next: .venv/bin/jupyter lab notebooks                     play with what you have just read"]
    if len(pair) == 2:
        steps.append("      make app                                              both models as a page and an API")
        steps.append(f"      .venv/bin/toxres compare {' '.join(pair)} --source {source}")
    scorer = pair[-1] if pair else list(shown.values())[-1]
    steps.append(f"      .venv/bin/toxres score YOUR.csv --checkpoint {scorer} --out scores.csv")
    if source == "synthetic":
        steps.append(
            "      real comments: put Kaggle's files into data/raw/jigsaw or set TOXRES_DATA_DIR, and make run"
        )
    return "\n".join(["", table, *cautions, "", *steps])


def _relative(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
