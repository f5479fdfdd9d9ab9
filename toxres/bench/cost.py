"""What a million comments cost: here, and on machines that can be rented."""

from collections.abc import Mapping
from typing import NamedTuple


class Rented(NamedTuple):
    """A machine that can be rented.

    Attributes:
        name: What its owner calls it.
        threads: Hardware threads ("vCPU"), two a core.
        dollars: List price of an hour on demand, in US dollars, in the owner's cheapest region of the USA, without tax.
        bf16: Whether it multiplies bfloat16 matrices in hardware (AMX).
    """

    name: str
    threads: int
    dollars: float
    bf16: bool


MACHINES = (
    Rented("AWS c7i.large", 2, 0.0893, True),
    Rented("AWS c7i.4xlarge", 16, 0.714, True),
    Rented("AWS c6i.large", 2, 0.085, False),
    Rented("Google n2-standard-2", 2, 0.0971, False),
    Rented("Azure D2s v5", 2, 0.096, False),
)
"""Prices as assumed in November 2026: owners change them, so look."""


class Cost(NamedTuple):
    """What a million comments take.

    Attributes:
        machine: Where.
        rate: Comments a second.
        hours: For a million.
        dollars: For a million; None where there is no price.
    """

    machine: str
    rate: float
    hours: float
    dollars: float | None


def costs(rate: float, cores: int, without_bf16: float) -> list[Cost]:
    """Measured here, then estimated: as many comments a second for each core, two hardware threads being one.

    Args:
        rate: Comments a second, measured on this machine, of which every core is a whole one.
        cores: Of this machine.
        without_bf16: Share of the rate that is left where matrices are multiplied in float32, measured here too.
    """
    found = [Cost("this machine, measured", rate, 1e6 / rate / 3_600, None)]
    for machine in MACHINES:
        there = rate / cores * machine.threads / 2 * (1.0 if machine.bf16 else without_bf16)
        hours = 1e6 / there / 3_600
        found.append(Cost(machine.name, there, hours, hours * machine.dollars))
    return found


def cost_section(results: Mapping[str, Mapping], headline: Mapping[str, object]) -> str:
    """A table of the costs in Markdown; "" where the figures behind it have not been measured.

    Args:
        results: As in `data/results/bench.json`.
        headline: As in `data/results/headline.json`.
    """
    rate, scoring = headline.get("bench.rows_per_second"), results.get("scoring", {})
    share = scoring.get("details", {}).get("rate_without_bf16")
    if rate is None or share is None:
        return ""
    lines = [
        "**What a million comments cost** (one model, from file to file)",
        "",
        "| | comments/s | hours | US dollars |",
        "| --- | ---: | ---: | ---: |",
    ]
    for cost in costs(float(rate), scoring["machine"]["cores"], float(share)):
        dollars = "–" if cost.dollars is None else f"{cost.dollars:.3f}"
        lines.append(f"| {cost.machine} | {cost.rate:,.0f} | {cost.hours:.2f} | {dollars} |")
    alone = next((each for each in scoring.get("measurements", ()) if each["name"] == "scoring, real lengths"), None)
    slower = ""
    if alone is not None:
        slower = (
            " The comments are those of `python -m toxres.experiments.rows`, tweets among them; in memory, Wikipedia's "
            f"alone are scored at {alone['median_ours']:,.0f} a second."
        )
    prices = ", ".join(f"{machine.name} {machine.dollars:g}" for machine in MACHINES)
    return "\n".join(lines) + (
        "\n\nAll but the first row are estimates: the rate of a core here, two hardware threads taken for one core, "
        f"and {share:.0%} of the rate (measured here, in float32) where a processor has no bfloat16 matrices. "
        f"Prices an hour on demand, as assumed: {prices}.{slower}"
    )
