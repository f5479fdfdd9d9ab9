"""What the notebook shows of the simulated months: tables and findings, from figures written by hand."""

import pytest

from toxres.experiments import months_shown
from toxres.lab import Missing


def arm(automatic: int, wrong: int, first: float, last: float, promotions: int = 0, chances: int = 0) -> dict:
    return {
        "automatic": automatic, "wrong": wrong, "comments": 200, "decisions": 30, "promotions": promotions,
        "chances": chances, "accuracy": [[first, 0.1, 0.9], [last, 0.1, 0.9]],
    }  # fmt: skip


def compared(a: str, b: str, difference: float, low: float, high: float, p_value: float) -> dict:
    return {
        "source": "davidson", "a": a, "b": b, "figure": "accuracy", "difference": difference, "low": low, "high": high,
        "p_value": p_value,
    }  # fmt: skip


@pytest.fixture
def found() -> dict:
    return {
        "settings": {
            "home": "jigsaw", "streams": {"davidson": 6_000}, "months": 2, "decided": 60, "audited": 40, "wrong": 0.05,
            "tolerated": 0.1, "seeds": 5,
        },
        "figures": {
            "davidson": {
                "never": arm(100, 30, 0.6, 0.6),
                "thresholds": arm(0, 0, 0.6, 0.6),
                "uncertain": arm(150, 6, 0.6, 0.8),
                "gated": arm(150, 6, 0.6, 0.7, 3, 10),
            },
        },
        "comparisons": [
            compared("uncertain", "never", 0.2, 0.1, 0.3, 0.001),
            compared("uncertain", "random", 0.01, 0.001, 0.02, 0.04),
        ],
    }  # fmt: skip


def test_the_arms_in_a_table(found):
    table = months_shown.arms_table(found)
    assert table.loc["tweets: never learns"].tolist() == [50.0, 30.0, 60.0, 60.0, 30, 0]
    assert table.loc["tweets: learns thresholds only"].isna()["of these, wrong"]
    assert table.loc["tweets: most uncertain first, promoted by a gate", "new champions"] == 3


def test_comparisons_are_corrected_for_being_several(found):
    table = months_shown.comparison_table(found)
    name = "tweets: learns, most uncertain first against never learns"
    assert table.loc[name, "accuracy"] == "+20.0 [+10.0, +30.0] (p = 0.002)"
    found["comparisons"].append(compared("change", "random", 0.0, -0.1, 0.1, 0.03))
    lines = months_shown.told(found)
    assert lines[0] == (
        "Tweets, 10% wrong of either kind tolerated: never learns, 30.0% wrong of 50% decided; learns thresholds only, "
        "nothing decided; learns, most uncertain first, 4.0% wrong of 75% decided."
    )
    assert lines[1].endswith("against never learns, in points: accuracy +20.0 [+10.0, +30.0].")
    assert lines[2].endswith("in random order, in points: accuracy +1.0 [+0.1, +2.0], not shown.")
    assert lines[3] == "Tweets: the gate let 3 of 10 challengers pass."


def test_where_they_come_from_and_that_they_are_missing(found):
    assert months_shown.origin(found) == (
        "model of jigsaw; training comments: 6,000 of davidson; mean and 95% interval of 5 runs"
    )
    assert "Moderators decide 60 comments of each month's queue, and 40 drawn" in months_shown.record_told(found)
    missing = Missing("It is not there.")
    assert (
        months_shown.told(missing) == ["It is not there."] and months_shown.record_told(missing) == "*It is not there.*"
    )
