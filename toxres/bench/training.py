"""Training on real comments: tokens a second, and seconds to a validation score, beside the `Trainer`'s defaults.

The alternative is the same model with the same loss, learning rates and steps, as `Trainer` runs it when nothing else
is said: float32, every comment padded to 128 tokens, every weight learned.
"""

from collections.abc import Sequence

from toxres.bench.measure import Benchmark, Measurement, Result, Setting, compare
from toxres.bench.sides import Run, Side, alternate
from toxres.bench.training_sides import LEVERS

ROWS, EPOCHS = 768, 3
"""Comments of an epoch, and epochs, of the runs whose scores are compared. Batches of similar length are made out of a
quarter of an epoch at most, so a shorter one would show less of them than a training has."""

LEVER_ROWS, LEVER_REPEATS = 256, 3
"""Comments of an epoch, and epochs that count, of the runs that tell what each lever brings."""

SPEEDUP = 3.0
"""Tokens a second of the default that ours is to reach."""


def run(setting: Setting) -> Result:
    """A whole run of each, epoch by epoch in turns; then ours without one lever at a time."""
    from toxres.data import best_source, load_comments

    sides = {
        "ours": _side(setting, LEVERS, ROWS, EPOCHS, validate=True),
        "default": _side(setting, (), ROWS, EPOCHS, validate=True),
    }
    runs = alternate(sides, EPOCHS, warmups=0)
    measured = _measurements(runs["ours"], runs["default"])
    ablation = _ablation(setting)
    source = best_source()
    notes = [
        f"custom, embedded MiniLM, preset quick, batches of 32, {ROWS} comments of {source}, {EPOCHS} epochs; "
        "tokens of padding don't count",
        "what each brings: " + ", ".join(f"{name} {each['brings']:.2f}x" for name, each in ablation.items()),
    ]
    details = {
        "epochs": {name: [dict(sample.figures) for sample in each.samples] for name, each in runs.items()},
        "levers": ablation,
    }
    sources = {source: str(load_comments(source).attrs.get("sha256") or "")}
    return Result(measured, {"train_speedup": measured[0].ratio}, notes, details, "quick", sources)


def _measurements(ours: Run, theirs: Run) -> list[Measurement]:
    scores = {}
    for name in ("macro_ap", "toxic_ap"):
        scores |= {f"{name}_ours": ours.figures(name)[-1], f"{name}_default": theirs.figures(name)[-1]}
    given = {"alternative": "Trainer's defaults: float32, padded to 128 tokens, every weight learned"}
    rate = compare(
        "training", ours, theirs, "tokens", unit="tokens/s", target=SPEEDUP, equality=scores, notes=["a pair an epoch"],
        **given,
    )  # fmt: skip
    level = min(ours.figures("macro_ap")[-1], theirs.figures("macro_ap")[-1])
    times = [[seconds_to(run.figures("seconds"), run.figures("macro_ap"), level)] for run in (ours, theirs)]
    told = [f"both reach a validation macro AP of {level:.3f}; seconds of training until the end of that epoch"]
    memory = {"memory_ours": ours.memory, "memory_theirs": theirs.memory}
    name, alternative = "training to the same validation AP", given["alternative"]
    return [rate, Measurement(name, *times, "s", "lower", alternative, threads=ours.threads, notes=told, **memory)]


def seconds_to(seconds: Sequence[float], scores: Sequence[float], level: float) -> float:
    """Seconds of training until the end of the first epoch whose score reaches a level; infinite if none does."""
    total = 0.0
    for spent, score in zip(seconds, scores, strict=True):
        total += spent
        if score >= level:
            return total
    return float("inf")


def _ablation(setting: Setting) -> dict[str, dict]:
    """What each lever brings: the rate with it by the rate without it.

    The last one, a second thread, is left to whoever runs it.
    """
    sides = {"all": _side(setting, LEVERS)}
    sides |= {name: _side(setting, [each for each in LEVERS if each != name]) for name in LEVERS}
    if setting.threads > 1:
        sides["threads"] = _side(setting, LEVERS, threads=1)
    runs = alternate(sides, LEVER_REPEATS)
    found = {}
    for name, each in runs.items():
        if name != "all":
            one = compare(name, runs["all"], each, "tokens")
            found[name] = {"brings": one.ratio, "low": min(one.ratios), "high": max(one.ratios)}
            found[name] |= {"with": list(one.ours), "without": list(one.theirs)}
    return found


def _side(
    setting: Setting,
    levers: Sequence[str],
    rows: int = LEVER_ROWS,
    epochs: int = LEVER_REPEATS + 1,
    *,
    validate: bool = False,
    threads: int | None = None,
) -> Side:
    options = {"rows": rows, "epochs": epochs, "levers": list(levers), "validate": validate}
    return Side("toxres.bench.training_sides:prepare", options, threads or setting.threads)


BENCHMARK = Benchmark("training", "Training: how many tokens a second, how soon how good?", run)
