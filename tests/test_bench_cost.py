"""What a million comments cost: the arithmetic, and nothing said before it was measured."""

import pytest

from toxres.bench.cost import MACHINES, cost_section, costs

RESULTS = {"scoring": {"details": {"rate_without_bf16": 0.25}, "machine": {"cores": 2}}}


def test_two_hardware_threads_are_a_core_and_float32_is_slower():
    found = {cost.machine: cost for cost in costs(800.0, 2, 0.25)}
    here = found["this machine, measured"]
    assert here.hours == pytest.approx(1e6 / 800 / 3_600) and here.dollars is None
    assert found["AWS c7i.large"].rate == pytest.approx(400)
    assert found["AWS c7i.4xlarge"].rate == pytest.approx(3_200)
    assert found["AWS c6i.large"].rate == pytest.approx(100)
    for machine in MACHINES:
        cost = found[machine.name]
        assert cost.dollars == pytest.approx(machine.dollars * 1e6 / cost.rate / 3_600)


def test_long_comments_are_told_apart():
    alone = {"name": "scoring, real lengths", "median_ours": 123.4}
    results = {"scoring": RESULTS["scoring"] | {"measurements": [alone]}}
    assert "Wikipedia's alone are scored at 123 a second" in cost_section(results, {"bench.rows_per_second": 800.0})


def test_the_section_says_which_figures_are_estimates():
    text = cost_section(RESULTS, {"bench.rows_per_second": 800.0})
    assert "| this machine, measured | 800 | 0.35 | – |" in text
    assert "| AWS c7i.large | 400 | 0.69 | 0.062 |" in text
    assert "estimates" in text and "25% of the rate" in text


@pytest.mark.parametrize(
    ("results", "headline"),
    [({}, {"bench.rows_per_second": 800.0}), (RESULTS, {}), ({"scoring": {}}, {"bench.rows_per_second": 1.0})],
)
def test_nothing_is_said_before_it_was_measured(results, headline):
    assert cost_section(results, headline) == ""
