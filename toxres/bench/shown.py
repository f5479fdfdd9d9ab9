"""What the benchmarks found, as the README shows it: a table, and a figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from toxres.bench.cost import cost_section
from toxres.bench.profile import profile_section
from toxres.bench.registry import MODULES

NOTHING = "Nothing has been measured yet; `make bench` does."

FIGURE = "![How many times better than the alternatives, and the memory of both](figures/bench.png)"

SHORT = {
    "score_speedup": "comments are scored {:.1f} times as fast",
    "score_max_abs_diff": "(probabilities differ by at most {:.3f})",
    "service_speedup": "the service answers {:.1f} times as many requests of 16 clients",
    "service_p99_ratio": "(with {:.2f} of the 99th percentile of their waits)",
    "train_speedup": "training takes {:.1f} times as many tokens a second",
    "import_seconds": "`import toxres` takes {:.3f} s",
    "rows_per_second": "`toxres score` does {:,.0f} rows a second",
}
"""Headline figures in words; those in brackets belong to the one before."""


def bench_section(results: Mapping[str, Mapping], headline: Mapping[str, object]) -> str:
    """The generated part of the README about speed, in Markdown.

    Args:
        results: As in `data/results/bench.json`.
        headline: As in `data/results/headline.json`.
    """
    if not results:
        return NOTHING
    lines = [
        "| | toxres | alternative | times better [worst, best pair] | target | MiB, ours / theirs |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in ordered(results):
        lines += [_row(each) for each in results[name]["measurements"]]
    alternatives = dict.fromkeys(
        f"{each['name'].partition(':')[0].partition(',')[0]}: {each['alternative']}"
        for name in ordered(results)
        for each in results[name]["measurements"]
        if each["alternative"]
    )
    parts = [in_short(headline), "\n".join(lines), _machines(results)]
    parts += [profile_section(results), cost_section(results, headline)]
    if alternatives:
        parts[1:1] = [FIGURE]
        parts.insert(3, "The alternatives: " + "; ".join(alternatives) + ".")
    return "\n\n".join(filter(None, parts))


def in_short(headline: Mapping[str, object]) -> str:
    """The headline figures as a sentence; "" where there are none."""
    found: list[str] = []
    for key, words in SHORT.items():
        value = headline.get(f"bench.{key}")
        if value is None:
            continue
        told = words.format(value)
        if told.startswith("(") and found:
            found[-1] += f" {told}"
        else:
            found.append(told.strip("()"))
    return f"In short: {', '.join(found)}." if found else ""


def ordered(results: Mapping[str, Mapping]) -> list[str]:
    """Names of the benchmarks in the order they run in; those that are gone last."""
    return [*(name for name in MODULES if name in results), *(name for name in results if name not in MODULES)]


def _row(each: Mapping) -> str:
    unit, ratio, theirs, target = each["unit"], "–", "–", "–"
    if each["ratio"] is not None:
        ratio = f"{_number(each['ratio'])}x [{_number(each['ratio_low'])}, {_number(each['ratio_high'])}]"
        theirs = f"{_number(each['median_theirs'])} {unit}"
    if each["target"] is not None:
        value, better = each["target"]["value"], each["better"]
        sign = "≥" if each["target"]["of"] == "ratio" or better == "higher" else "≤"
        told = f"{value:g}x" if each["target"]["of"] == "ratio" else f"{value:g} {unit}"
        target = f"{sign} {told}: {'yes' if each['reached'] else '**no**'}"
    memory = [each["memory_ours"], each["memory_theirs"]]
    shown = " / ".join(f"{value:,.0f}" for value in memory if value is not None) or "–"
    cells = [each["name"], f"{_number(each['median_ours'])} {unit}", theirs, ratio, target, shown]
    return "| " + " | ".join(cells) + " |"


def _machines(results: Mapping[str, Mapping]) -> str:
    """On which machines, by which commits, on which days."""
    loads: dict[str, list[float]] = {}
    commits: dict[str, dict[str, None]] = {}
    rates: list[float] = []
    for name in ordered(results):
        part, machine = results[name], results[name]["machine"]
        sets = ", ".join(machine["instructions"]) or "no instruction set for matrices that we know"
        where = f"{machine['cpu']} ({sets}), {part['threads']} cores a side, {part['date'][:10]}"
        loads.setdefault(where, []).extend([] if machine.get("load_at_start") is None else [machine["load_at_start"]])
        commits.setdefault(where, {})[str(part["commit"])] = None
        rates += [rate for measured in machine.get("rates", {}).values() if (rate := measured.get("bf16"))]
    told = []
    for where, found in commits.items():
        span = dict.fromkeys(f"{load:.1f}" for load in (min(loads[where]), max(loads[where]))) if loads[where] else ()
        load = f", load {' to '.join(span)} at the start" if span else ""
        told.append(f"{where}{load}, commit{'s' * (len(found) > 1)} {', '.join(found)}")
    moved = ""
    if rates:
        moved = (
            f" One core multiplied bfloat16 matrices at {min(rates):,.0f} to {max(rates):,.0f} GFLOP/s before and "
            "after the parts of the run: others use the machine too, and the ratios move with it."
        )
    return f"Measured on {'; '.join(told)}.{moved}"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def draw(results: Mapping[str, Mapping], folder: str | Path | None = None, order: Sequence[str] = ()) -> Path | None:
    """`bench.png`; None where nothing has an alternative.

    Args:
        results: As in `data/results/bench.json`.
        folder: Where it goes; `toxres.plots.style.figures_folder()` by default.
        order: Of the benchmarks; as they run, by default.
    """
    from toxres.plots.bench import bench_panels, paired
    from toxres.plots.style import save_figure

    order = order or ordered(results)
    if not paired(results, order):
        return None
    return save_figure(bench_panels(results, order, origin=_machines(results)), "bench", folder)
