"""Where the time goes, as the README says it: the floor, the profile, and what each lever of training brings."""

from collections.abc import Mapping, Sequence

WORDS = {
    "FullyConnected": "products with weights",
    "Subgraph": "attention",
    "Transpose": "transposes",
    "MVN": "LayerNorm",
    "Add": "residuals",
}
"""OpenVINO's kinds of operation, in the encoder's own words."""

LEVERS = {
    "bf16": "bfloat16 matrices",
    "lengths": "batches of similar length instead of 128 tokens each",
    "frozen": "word embeddings as they were",
    "attention": "attention in one precision",
    "memory": "memory that is kept, in large pages",
    "threads": "a second core",
}
"""What `toxres.bench.training` leaves out in turn."""

REST = ("smaller ones", "the rest")
FEWEST = 0.02
"""Shares below it are told together with `REST`."""


def profile_section(results: Mapping[str, Mapping]) -> str:
    """Two paragraphs of Markdown; "" where nothing behind them was measured.

    Args:
        results: As in `data/results/bench.json`.
    """
    return "\n\n".join(filter(None, [_floor(results.get("floor", {})), _levers(results.get("training", {}))]))


def _floor(found: Mapping) -> str:
    details = found.get("details", {})
    if not details:
        return ""
    floor, stages = details["share_of_the_floor"], details["scoring_stages"]
    return (
        f"**Where the time goes.** Scoring on one core: {_parts(stages)}; of the model's time "
        f"{_parts(details['scoring_operations'])}. Training on {found['threads']} cores: "
        f"{_parts(details['training_operations'])}. At the best rate that this machine multiplied matrices with in the "
        f"same run, the products that have to be done would take {floor['scoring']:.0%} of the time of scoring and "
        f"{floor['training']:.0%} of that of training (`python -m toxres.bench floor`)."
    )


def _levers(found: Mapping) -> str:
    levers = found.get("details", {}).get("levers", {})
    told = [
        f"{LEVERS.get(name, name)} {each['brings']:.2f} [{each['low']:.2f}, {each['high']:.2f}]"
        for name, each in levers.items()
    ]
    if not told:
        return ""
    return (
        f"What each lever of training brings, times as fast as without it [worst, best pair]: {'; '.join(told)}."
        + _scores(found.get("measurements", ()))
    )


def _scores(measurements: Sequence[Mapping]) -> str:
    """What both runs of training learned, which is what makes their speeds comparable."""
    found = next((each["equality"] for each in measurements if each["name"] == "training"), {})
    told = [
        f"{words} {found[f'{name}_ours']:.3f} beside {found[f'{name}_default']:.3f}"
        for name, words in (("macro_ap", "macro AP"), ("toxic_ap", "AP of `toxic`"))
        if f"{name}_ours" in found
    ]
    return (
        f" On validation comments, after as many epochs, ours has {' and '.join(told)} of the default." if told else ""
    )


def _parts(shares: Mapping[str, float]) -> str:
    """The shares in words, the largest first."""
    named = {"read": "reading texts", "score": "the model", "combine": "what follows it"} | WORDS
    large = {name: share for name, share in shares.items() if share >= FEWEST and name not in REST}
    rest = sum(shares.values()) - sum(large.values())
    told = [f"{share:.0%} {named.get(name, name)}" for name, share in sorted(large.items(), key=lambda one: -one[1])]
    return ", ".join(told + ([f"{rest:.0%} the rest"] if rest >= 0.005 else []))
