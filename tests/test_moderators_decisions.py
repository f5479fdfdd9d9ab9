"""Decisions as labels, the moderators' agreement, and texts drawn for a purpose."""

import math

import numpy as np
import pytest
from helpers.databases import scored
from sklearn.metrics import cohen_kappa_score

from toxres.data import load_comments, targets
from toxres.errors import InputError
from toxres.labels import LABELS
from toxres.triage.decisions import (
    agreement,
    decision_targets,
    export_decisions,
    moderators_agreement,
    read_decisions,
    usable,
)
from toxres.triage.gates import draw_roles
from toxres.triage.intake import record_comments
from toxres.triage.overview import agreements, queue_table
from toxres.triage.queue import claim_next, decide
from toxres.triage.value import expected_change, uncertainty, values

UNKNOWN = float("nan")


def moderate(database, name, verdicts: dict[str, tuple], **options) -> None:
    for each in claim_next(database, name, limit=99, **options):
        if each.comment_id in verdicts:
            decide(database, each.comment_id, name, *verdicts[each.comment_id])


def known(row) -> dict:
    return {label: float(row[label]) for label in LABELS if not math.isnan(row[label])}


def test_a_decision_is_a_label():
    enforced = ("toxic", "threat")
    assert np.array_equal(
        decision_targets("accept", (), enforced), [0, UNKNOWN, UNKNOWN, 0, UNKNOWN, UNKNOWN], equal_nan=True
    )
    assert np.array_equal(
        decision_targets("reject", ("insult",), enforced), [UNKNOWN] * 4 + [1, UNKNOWN], equal_nan=True
    )


def test_decisions_become_comments(database, tmp_path):
    record_comments(database, [scored(n) for n in (1, 2, 3)] + [scored(4, text=scored(1).text.upper())])
    moderate(database, "anna", {"c1": ("accept",), "c2": ("reject", ["insult"])})
    found = read_decisions(database).set_index("id")
    assert known(found.loc["c1"]) == {"toxic": 0, "threat": 0}
    assert known(found.loc["c2"]) == {"insult": 1}
    assert found.loc["c1", ["copies", "verdict", "moderator", "role"]].tolist() == [2, "accept", "anna", "train"]
    assert export_decisions(read_decisions(database), tmp_path / "out.csv") == 2
    again = load_comments(str(tmp_path / "out.csv"))
    assert np.array_equal(targets(again), targets(read_decisions(database)), equal_nan=True)
    assert again["text"].tolist() == read_decisions(database)["text"].tolist()


def test_nothing_decided_is_an_empty_table_and_no_export(database, tmp_path):
    record_comments(database, [scored(1)])
    found = read_decisions(database)
    assert found.empty and list(found.columns[:3]) == ["id", "text", "group"] and usable(found).empty
    with pytest.raises(InputError, match="nothing to export"):
        export_decisions(found, tmp_path / "out.csv")
    assert list(tmp_path.glob("*.csv")) == []


def test_a_correction_replaces_what_was_said_before(database):
    record_comments(database, [scored(1)])
    moderate(database, "anna", {"c1": ("reject", ["toxic"])})
    moderate(database, "ben", {"c1": ("reject", ["threat"])}, second=True)
    assert known(read_decisions(database).iloc[0]) == {"toxic": 1, "threat": 1}
    decide(database, "c1", "carl", "accept", correct=True)
    row = read_decisions(database).iloc[0]
    assert known(row) == {"toxic": 0, "threat": 0} and row["moderator"] == "carl"
    decide(database, "c1", "anna", "reject", ["insult"], correct=True)
    assert known(read_decisions(database).iloc[0]) == {"insult": 1}


def test_two_opinions_are_a_share(database):
    record_comments(database, [scored(1)])
    moderate(database, "anna", {"c1": ("reject", ["toxic"])})
    moderate(database, "ben", {"c1": ("accept",)}, second=True)
    assert known(read_decisions(database).iloc[0]) == {"toxic": 0.5, "threat": 0}


def test_agreement_counts_independent_pairs_alone(database):
    record_comments(database, [scored(n) for n in range(6)])
    moderate(database, "anna", {f"c{n}": ("accept",) if n % 2 else ("reject", ["toxic"]) for n in range(6)})
    moderate(database, "ben", {f"c{n}": ("accept",) if n in (1, 2, 3) else ("reject", ["toxic"]) for n in range(4)},
             second=True)  # fmt: skip
    decide(database, "c5", "ben", "reject", ["toxic"], correct=True)
    found = moderators_agreement(database)
    assert (found.pairs, found.same) == (4, 3)
    assert found.kappa == pytest.approx(cohen_kappa_score([1, 0, 1, 0], [1, 0, 0, 0]))
    assert found.low < found.rate < found.high
    assert set(agreements(database)) == {"all", "news"}
    assert "3 of 4, 0.75" in str(found)


def test_agreement_of_nothing_and_of_one_verdict_is_undefined():
    assert math.isnan(agreement([]).rate) and "unknown" in str(agreement([]))
    same = agreement([("accept", "accept")] * 5)
    assert same.rate == 1 and math.isnan(same.kappa) and "undefined" in str(same)


def test_kappas_interval_covers_its_value_in_most_draws():
    """Verdicts that agree with chance-corrected 0.6: at least 85 of 100 intervals of 95% hold it (seeded)."""
    random, held = np.random.default_rng(0), 0
    for seed in range(100):
        first = random.random(150) < 0.5
        second = np.where(random.random(150) < 0.6, first, random.random(150) < 0.5)
        words = np.where(np.column_stack([first, second]), "reject", "accept")
        found = agreement(words.tolist(), seed)
        held += found.kappa_low <= 0.6 <= found.kappa_high
    assert held >= 85


def test_a_draw_takes_any_verdict_goes_first_and_is_kept_from_training(database):
    verdicts = ("accept", "uncertain", "reject")
    record_comments(database, [scored(n, verdict=verdicts[n % 3]) for n in range(30)])
    assert draw_roles(database, "news", gate=6, calibration=4, seed=3) == (6, 4, 0)
    row = queue_table(database).loc["news"]
    assert row[["gate", "calibration", "gate_decided"]].tolist() == [6, 4, 0]
    first = claim_next(database, "anna", limit=10)
    assert {each.verdict for each in first} == set(verdicts)
    for each in first:
        decide(database, each.comment_id, "anna", "accept")
    moderate(database, "ben", {f"c{n}": ("accept",) for n in range(30)})
    by_role = read_decisions(database)["role"].value_counts()
    assert by_role["gate"] == 6 and by_role["calibration"] == 4
    assert set(read_decisions(database, roles=["train"])["id"]).isdisjoint({each.comment_id for each in first})


def test_a_gate_is_drawn_once_and_calibration_rows_may_be_added(database):
    record_comments(database, [scored(n) for n in range(12)])
    draw_roles(database, "news", gate=3)
    with pytest.raises(InputError, match="its gate is drawn and frozen"):
        draw_roles(database, "news", gate=3)
    draw_roles(database, "news", calibration=2)
    draw_roles(database, "news", calibration=2, seed=1)
    assert queue_table(database).loc["news", ["gate", "calibration"]].tolist() == [3, 4]


def test_draws_that_cannot_be_leave_nothing(database):
    record_comments(database, [scored(n) for n in range(5)])
    moderate(database, "anna", {"c0": ("accept",)})
    for group, sizes, said in [
        ("news", {"gate": 5}, "5 texts are wanted and 4 undecided ones are there"),
        ("chess", {"gate": 1}, "group 'chess': has no comments"),
        ("news", {}, "nothing to draw"),
        ("news", {"gate": -1, "calibration": 2}, "nothing to draw"),
    ]:
        with pytest.raises(InputError, match=said):
            draw_roles(database, group, **sizes)
    assert queue_table(database).loc["news", ["gate", "calibration"]].tolist() == [0, 0]
    assert draw_roles(database, "news", gate=4) == (4, 0, 1)


def test_values_of_comments():
    assert uncertainty([[0.5, 0.1]])[0] == 1 and uncertainty([[0.0, 1.0]])[0] == pytest.approx(0, abs=1e-9)
    assert uncertainty([[0.9, 0.4]])[0] == uncertainty([[0.4]])[0]
    assert expected_change([[0.2, 0.5]], [0.2, 0.1])[0] == pytest.approx(1 + 0.25 / 0.09)
    with pytest.raises(InputError, match="above 0 and below 1"):
        expected_change([[0.2]], [0.0])
    found = values([{"toxic": 0.5, "insult": 0.9}] * 2, [("toxic",), ("insult",)])
    assert found[0, 0] == 1 and found[1, 0] == uncertainty([[0.9]])[0]
