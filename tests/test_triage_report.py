"""What a triage does to known comments: counts by hand, audits, shift, and what a report says of promises."""

import dataclasses
import json

import numpy as np
import pytest

from toxres.errors import InputError
from toxres.files import write_json
from toxres.labels import LABELS
from toxres.triage import Policy, fit_triage
from toxres.triage.audit import audit, label_audit, mentions
from toxres.triage.report import report_triage, severities
from toxres.triage.shift import Scored, cross_table, repair

POLICY = Policy("p", {"toxic": 1, "threat": 10}, wrong_decisions=0.05, thresholds=(0.2, 0.8), daily_queue=50)


def rows(scores, toxic, threat=None):
    probs, targets = np.zeros((len(scores), 6)), np.zeros((len(scores), 6))
    probs[:, 0], targets[:, 0] = scores, toxic
    if threat is not None:
        targets[:, LABELS.index("threat")] = threat
    return probs, targets


@pytest.fixture(scope="module")
def triage():
    return fit_triage(*rows([0.0] * 100, [0] * 100), "site", POLICY)


def test_a_report_by_hand(triage):
    scores = [0.1] * 6 + [0.5] * 2 + [0.9] * 2
    toxic = [0] * 5 + [1] + [1, 0] + [1, 0]
    probs, targets = rows(scores, toxic, threat=[0] * 5 + [1] + [0] * 4)
    report = report_triage(triage, probs, targets, "site")
    row = report.groups.loc["site"]
    assert (row["n"], row["violations"], row["accepted"], row["rejected"], row["uncertain"]) == (10, 3, 6, 2, 2)
    assert row["coverage"] == 0.8
    assert row["accuracy"] == pytest.approx(6 / 8)
    assert (row["wrong_accepts"], row["wrong_rejects"]) == (pytest.approx(1 / 6), 0.5)
    assert row["wrong_accepts_low"] < 1 / 6 < row["wrong_accepts_high"]
    assert report.groups.loc["all"].equals(row.rename("all"))
    assert report.workload == 0.2
    assert report.daily_comments == pytest.approx(250)
    # A published threat (severity 10), a spoilt comment, two reviews: (10 * 10 + 10 + 2) / 10.
    assert report.cost["now"] == pytest.approx(11.2)
    assert report.cost["least"] <= report.cost["review_all"] == 1
    assert report.labels.loc["threat"][["n", "accepted"]].tolist() == [1, 1]
    assert report.labels.index.tolist() == ["toxic", "threat"]
    table = report.table()
    assert "the daily queue of 50 is full at 250 comments a day" in table
    assert "A person sees 20.0% of the comments" in table
    assert report.parts is None


@pytest.mark.parametrize(
    ("n_wrong", "verdict"),
    [(5, "kept: 5 of 100"), (6, "above, but no more than luck allows"), (20, "broken: 20 of 100")],
)
def test_what_new_comments_say_of_a_promise(triage, n_wrong, verdict):
    probs, targets = rows([0.1] * 100, [1] * n_wrong + [0] * (100 - n_wrong))
    promise = report_triage(triage, probs, targets, "site").promises.iloc[0]
    assert promise["seen"].startswith(verdict)
    assert (promise["decided"], promise["wrong"]) == (100, n_wrong)


def test_no_promise_and_nothing_decided_are_said():
    silent = fit_triage(*rows([0.0] * 10, [0] * 10), "site", POLICY)
    report = report_triage(silent, *rows([0.1] * 4, [0] * 4), "site")
    assert report.promises.iloc[0]["seen"].startswith("no promise, so nothing is decided automatically; to show")
    assert report.workload == 1
    assert "–" in report.table()
    ruled = dataclasses.replace(silent, policy=dataclasses.replace(POLICY, daily_queue=None))
    assert report_triage(ruled, *rows([0.1] * 4, [0] * 4), "site").daily_comments is None


def test_unknown_answers_count_for_the_workload_alone(triage):
    probs, targets = rows([0.1, 0.1, 0.5, 0.5], [0, np.nan, np.nan, 1])
    report = report_triage(triage, probs, targets, "site")
    assert (report.left_out, report.groups.loc["all", "n"]) == (2, 2)
    assert report.workload == 0.5
    with pytest.raises(InputError, match="no row has all of toxic, threat"):
        report_triage(triage, probs, np.full((4, 6), np.nan), "site")
    with pytest.raises(InputError, match="pass the same rows"):
        report_triage(triage, probs, targets[:2], "site")


def test_a_report_is_plain_json(triage, tmp_path):
    texts = ["women write", "nobody", "gay men sing", "none"] * 20
    report = report_triage(triage, *rows([0.1, 0.5, 0.9, 0.1] * 20, [0, 1, 1, 0] * 20), "site", texts=texts)
    write_json(tmp_path / "report.json", report.to_dict())
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["groups"]["site"]["n"] == 80
    assert told["parts"]["any group"]["n"] == 40
    assert "| any group" in report.table()


def test_severity_is_that_of_the_worst_label(triage):
    _, targets = rows([0] * 3, [1, 1, 0], threat=[0, 1, 0])
    assert severities(targets, triage).tolist() == [1, 10, 0]


def test_an_audit_by_hand():
    verdict = np.array(["accept", "accept", "uncertain", "reject", "reject", "uncertain"])
    violates = np.array([False, True, False, True, False, True])
    parts = {"none": np.array([1, 1, 1, 0, 0, 0], bool), "some": np.array([0, 0, 0, 1, 1, 1], bool)}
    table = audit(verdict, violates, parts)
    assert table["coverage"].tolist() == pytest.approx([2 / 3, 2 / 3])
    assert table["error"].tolist() == [0.5, 0.5]
    assert table.loc["none", "wrong_accepts"] == table.loc["some", "wrong_rejects"] == 0.5
    assert np.isnan(table.loc["none", "wrong_rejects"])
    assert table["harmless_reviewed"].tolist() == [0.5, 0]
    assert np.isnan(table.loc["none", "coverage_p"])
    assert table.loc["some", "coverage_p"] == 1


def test_an_audit_finds_the_part_that_waits_and_corrects_for_looking_often():
    random = np.random.default_rng(0)
    waits = np.array([True] * 60 + [False] * 940)
    verdict = np.where(random.random(1_000) < np.where(waits, 0.5, 0.1), "uncertain", "accept")
    parts = {"none": ~waits, "waits": waits} | {f"part {i}": random.random(1_000) < 0.1 for i in range(8)}
    table = audit(verdict, np.zeros(1_000, bool), parts)
    assert table.loc["waits", "coverage_p"] < 0.001
    assert (table["coverage_p"].drop(["none", "waits"]) > 0.05).all()


def test_mentions_are_listed_by_kind_and_by_frequent_term():
    found = mentions(["Women and men", "a Muslim", "nothing", "women"] * 6, least=12)
    assert list(found) == ["none", "any group", "kind: gender", "female"]
    assert found["none"].sum() == 6
    assert (found["none"] != found["any group"]).all()


def test_labels_by_verdict():
    verdict = np.array(["accept", "uncertain", "reject", "accept"])
    targets = np.zeros((4, 6))
    targets[:3, 0] = [1, 0.5, 1]
    targets[3, 0] = np.nan
    row = label_audit(verdict, targets, LABELS).loc["toxic"]
    assert row[["n", "accepted", "uncertain", "rejected"]].tolist() == pytest.approx([3, 1 / 3, 1 / 3, 1 / 3])


def site(seed, n, shift=0.0):
    """Scores that are calibrated without a shift, and too low with one."""
    random = np.random.default_rng(seed)
    logits = random.normal(-2, 3, n)
    return Scored(1 / (1 + np.exp(-logits)), random.random(n) < 1 / (1 + np.exp(-logits - shift)))


def test_thresholds_fail_on_another_group_and_local_labels_mend_them():
    policy = Policy("p", {"toxic": 1}, wrong_decisions=0.05)
    old, new = site(0, 4_000), site(1, 4_000, shift=2.0)
    table = cross_table({"old": old}, {"old": site(2, 4_000), "new": new}, policy).set_index("applied_to")
    assert not table.loc["old", "above"]
    assert table.loc["new", "low"] > 0.05
    mended = repair(old, new, site(3, 4_000, shift=2.0), policy, n_labels=(100, 2_500), n_draws=6)
    assert mended["way"].tolist() == ["old", "local", "recalibrated", "local", "recalibrated"]
    best = mended[mended["labels"] == 2_500].set_index("way")
    assert best.loc["recalibrated", "promised_share"] >= 0.9
    assert best.loc["recalibrated", "coverage"] > best.loc["local", "coverage"]
    assert best.loc["recalibrated", "error"] < 0.05 < mended.loc[0, "error"]
    with pytest.raises(InputError, match="only 4000 local rows"):
        repair(old, new, new, policy, n_labels=(5_000,))
    with pytest.raises(InputError, match="share of all automatic decisions"):
        cross_table({"old": old}, {"new": new}, Policy("p", {"toxic": 1}, wrong_accepts=0.1))
