"""What was found about training at scale, in words: memory of a stream, processes, a student, a preset's cost."""

from collections.abc import Mapping
from pathlib import Path

from toxres.files import ROOT, read_json

RESULTS = ROOT / "data" / "results"


def stream_sentence(found: Mapping) -> str:
    """How memory grows with the comments.

    Args:
        found: Of `toxres.experiments.stream_memory`.
    """
    rows = [row for row in found["runs"] if row["stream"]]
    first, last = rows[0], rows[-1]
    per_row = found["growth_mib"] * 2**20 / found["growth_rows"]
    growth, heap = f"{found['growth_mib']:+,.0f} MiB", f"{found['growth_anonymous_mib']:+,.0f} MiB"
    return (
        f"Memory is nearly flat: {first['peak_mib']:,.0f} MiB at the peak for {first['rows']:,} synthetic comments, "
        f"{last['peak_mib']:,.0f} MiB for {last['rows']:,}: {growth}, {per_row:.0f} bytes a comment, or {heap} without "
        "the pages of mapped files, which the system takes back when it needs them. Of that, "
        f"{last['imported_mib']:,.0f} MiB are the libraries (`python -m toxres.experiments.stream_memory`)."
    )


def processes_sentence(found: Mapping) -> str:
    """Whether several processes learn what one does.

    Args:
        found: Of `toxres.experiments.distributed`.
    """
    parts = []
    for metric, name in (("ap", "AP"), ("auroc", "AUROC")):
        row = found["comparisons"][metric]
        interval = f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
        parts.append(f"macro {name} {interval} beside a spread over seeds of {row['spread']:.3f}")
    within = all(found["comparisons"][metric]["within"] for metric in ("ap", "auroc"))
    verdict = "learn what one does, within the luck of the seed" if within else "do not learn quite what one does"
    return (
        f"Two CPU processes {verdict}: {' and '.join(parts)}, {len(found['seeds'])} seeds on Jigsaw "
        "(`python -m toxres.experiments.distributed`); without dropout a test finds the same weights. It has not been "
        "tried on several GPUs."
    )


def student_sentence(found: Mapping) -> str:
    """What a small student keeps.

    Args:
        found: Of `toxres.experiments.distil`.
    """
    models, by = found["models"], {(row["b"], row["metric"]): row for row in found["comparisons"]}
    student, teacher = models["student"], models["custom"]

    def against(name: str) -> str:
        row = by[name, "ap"]
        return f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"

    weights = " instead of ".join(f"{one['without_word_embeddings'] / 1e6:.1f} M" for one in (student, teacher))
    row = by["same size, labels alone", "ap"]
    gained = (
        "the teachers were worth something" if row["low"] > 0 else "what the teachers were worth could not be shown"
    )
    verdict = "the labels alone do better" if row["high"] < 0 else gained
    auroc, ap = (student["intervals"][metric]["score"] for metric in ("auroc", "ap"))
    return (
        f"A student of {student['layers']} layers, taught by the mean of `baseline` and `custom` ({teacher['layers']} "
        f"layers) on {found['texts']:,} comments, has macro AUROC {auroc:.3f} and macro AP {ap:.3f} on Jigsaw's test "
        f"fold, {found['rows']:,} comments, with {weights} weights outside the word embeddings. In macro AP that is "
        f"{against('custom')} against `custom`, {against('mean of teachers')} against the teachers' mean, and "
        f"{against('same size, labels alone')} against one of its size that learned from Jigsaw's labels alone: "
        f"{verdict} "
        "(`python -m toxres.experiments.distil`)."
    )


def section(results: Path = RESULTS) -> str:
    """All of it that has been recorded, as Markdown."""
    from toxres.training.cost_told import section as cost_section

    parts = {
        "bench_stream": stream_sentence,
        "distributed": processes_sentence,
        "distil": student_sentence,
        "paper_cost": cost_section,
    }
    files = {name: results / f"{name}.json" for name in parts}
    return "\n\n".join(tell(read_json(files[name])) for name, tell in parts.items() if files[name].is_file())
