"""From calibration rows to thresholds and verdicts: worked cases, the promise on draws of known risk, bad input."""

import dataclasses

import numpy as np
import pytest

from toxres.errors import InputError
from toxres.labels import LABELS
from toxres.triage import Policy, fit_triage, load_triage, save_triage, truth

POOLED = Policy("pooled", {"toxic": 1}, wrong_decisions=0.05)
SIDES = Policy("sides", {"toxic": 1}, wrong_accepts=0.05, wrong_rejects=0.2)


def columns(scores, truths=None):
    """(N, 6) of one label's values: the others at 0."""
    found = np.zeros((len(scores), len(LABELS)))
    found[:, 0] = scores
    return found


def draw(n, seed=0, sharpness=3.0):
    """Calibrated probabilities of a made-up site, and what is true."""
    random = np.random.default_rng(seed)
    scores = 1 / (1 + np.exp(-random.normal(-2, sharpness, n)))
    return columns(scores), columns(random.random(n) < scores)


def test_a_promise_needs_as_many_decisions_as_the_binomial_tail_says():
    """59 decisions without an error are the least that show a rate of 0.05 with confidence 0.95."""
    one_start = dataclasses.replace(POOLED, thresholds=(0.1, 0.9))
    for n, kept in ((58, False), (59, True)):
        triage = fit_triage(columns(np.zeros(n)), columns(np.zeros(n)), "site", one_start)
        promise = triage.groups["site"].promises[0]
        assert promise.kept is kept
        assert (triage.groups["site"].accept, triage.groups["site"].reject) == ((0.1, 0.9) if kept else (None, None))
    assert promise.told() == "automatic: with confidence 0.95, at most 0.05 wrong (0 of 59 calibration rows were)"


def test_too_few_rows_are_said_with_the_number_that_would_do():
    triage = fit_triage(columns(np.zeros(40)), columns(np.zeros(40)), "site", POOLED)
    promise = triage.groups["site"].promises[0]
    assert not promise.kept
    assert promise.rows_needed == 59
    assert "59 decisions without an error are the least, and 40 calibration rows have 40 with 0 wrong" in promise.why
    assert triage.told() == [f"site, automatic: no promise, so nothing is decided automatically; {promise.why}"]
    assert set(triage.decide(columns([0.0, 1.0, 0.5]), "site").verdict) == {"uncertain"}


def test_a_model_that_knows_nothing_is_no_matter_of_rows():
    random = np.random.default_rng(0)
    triage = fit_triage(columns(random.random(4_000)), columns(random.random(4_000) < 0.5), "site", POOLED)
    promise = triage.groups["site"].promises[0]
    assert promise.rows_needed is None
    assert "more of them will not help" in promise.why


def test_scores_decide_between_the_thresholds():
    fixed = dataclasses.replace(POOLED, thresholds=(0.2, 0.8))
    triage = fit_triage(columns([0.0] * 100), columns([0.0] * 100), "site", fixed)
    verdicts = triage.decide(columns([0.0, 0.19, 0.2, 0.79, 0.8, 1.0]), "site")
    assert verdicts.verdict.tolist() == ["accept", "accept", "uncertain", "uncertain", "reject", "reject"]
    one = verdicts[2]
    assert (one.verdict, one.score, one.group, one.policy_hash) == ("uncertain", 0.2, "site", fixed.hash)
    assert one.reasons[0].label == "toxic"
    assert (one.reasons[0].threshold, one.reasons[0].distance) == (0.2, 0.0)
    assert verdicts[-1].reasons[0].distance == pytest.approx(0.2)
    assert [each.verdict for each in verdicts] == verdicts.verdict.tolist()


def test_both_sides_walk_by_themselves_and_share_the_error():
    triage = fit_triage(*draw(6_000), "site", SIDES)
    accepted, rejected = triage.groups["site"].promises
    assert (accepted.of, rejected.of) == ("accepted", "rejected")
    assert accepted.error == rejected.error == pytest.approx(0.025)
    assert accepted.kept
    assert rejected.kept
    only = dataclasses.replace(SIDES, wrong_rejects=None)
    one_sided = fit_triage(*draw(6_000), "site", only).groups["site"]
    assert one_sided.reject is None
    assert one_sided.accept >= triage.groups["site"].accept
    assert one_sided.promises[0].error == pytest.approx(0.05)


def test_rows_of_a_hard_rule_are_never_decided_and_never_counted():
    probs, targets = draw(3_000)
    probs[:, LABELS.index("threat")] = np.where(np.arange(3_000) % 2, 0.9, 0.0)
    ruled = dataclasses.replace(POOLED, always_review={"threat": 0.9})
    triage = fit_triage(probs, targets, "site", ruled)
    half = fit_triage(probs[::2], targets[::2], "site", POOLED).groups["site"]
    assert triage.groups["site"].accept == half.accept
    assert triage.groups["site"].promises[0].decided == half.promises[0].decided
    verdicts = triage.decide(probs, "site")
    assert (verdicts.verdict[1::2] == "uncertain").all()
    assert verdicts.ruled.tolist() == [False, True] * 1_500
    assert (verdicts[1].reasons[0].label, verdicts[1].reasons[0].rule) == ("threat", "always_review")


def test_each_group_has_its_own_thresholds_and_strangers_what_the_policy_says():
    (good, good_truth), (bad, bad_truth) = draw(4_000, sharpness=6), draw(4_000, 1, sharpness=2)
    probs, targets = np.vstack([good, bad]), np.vstack([good_truth, bad_truth])
    groups = ["good"] * 4_000 + ["bad"] * 4_000
    triage = fit_triage(probs, targets, groups, POOLED)
    assert triage.groups["good"] == fit_triage(good, good_truth, "good", POOLED).groups["good"]
    assert triage.groups["good"].accept != triage.groups["bad"].accept
    assert list(fit_triage(probs, targets, groups, dataclasses.replace(POOLED, groups=("good",))).groups) == ["good"]
    assert set(triage.decide(good, "new").verdict) == {"uncertain"}
    assert triage.decide(good, "new")[0].reasons[0].rule == "unknown_group"
    strict = dataclasses.replace(triage, policy=dataclasses.replace(POOLED, unknown_group="strictest"))
    assert strict.thresholds("new") == (
        min(triage.groups[group].accept for group in ("good", "bad")),
        max(triage.groups[group].reject for group in ("good", "bad")),
    )
    refusing = dataclasses.replace(triage, policy=dataclasses.replace(POOLED, unknown_group="refuse"))
    with pytest.raises(InputError, match="group 'new' is unknown to policy pooled, which refuses it; choose one of: "):
        refusing.decide(good, ["new"] * 4_000)


def test_what_a_row_says_of_a_policy():
    policy = Policy("p", ("toxic", "threat"), wrong_decisions=0.1)
    nan = np.nan
    targets = np.array(
        [[0, 9, 9, 0, 9, 9], [0.5, 9, 9, nan, 9, 9], [0, 9, 9, nan, 9, 9], [nan] * 6, [0.4, 9, 9, 1, 9, 9]]
    )
    violates, known = truth(targets, LABELS, policy)
    assert violates.tolist() == [False, True, False, False, True]
    assert known.tolist() == [True, True, False, False, True]


def test_unknown_rows_are_left_out_and_counted():
    probs, targets = draw(1_000)
    targets[::2, 0] = np.nan
    triage = fit_triage(probs, targets, "site", POOLED).groups["site"]
    assert (triage.rows, triage.left_out) == (500, 500)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probs": np.full((5, 6), 1.5)}, "pass probabilities in"),
        ({"probs": np.zeros((5, 5))}, "shape"),
        ({"probs": np.zeros((4, 6))}, "pass the same rows"),
        ({"targets": np.full((5, 6), 2.0)}, "in \\[0, 1\\]"),
        ({"targets": np.full((5, 6), np.nan)}, "label 'toxic' is unknown in all 5"),
        ({"groups": ["a"] * 4}, "4 for 5 rows"),
        ({"probs": np.zeros((0, 6)), "targets": np.zeros((0, 6)), "groups": []}, "no calibration rows"),
        ({"policy": dataclasses.replace(POOLED, groups=("news",))}, "no calibration row is of its group 'news'"),
        ({"labels": ("a", "b", "c", "d", "e", "f")}, "label 'toxic' is none of the model's"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(change, message):
    given = {"probs": np.zeros((5, 6)), "targets": np.zeros((5, 6)), "groups": "site", "policy": POOLED} | change
    with pytest.raises(InputError, match=message):
        fit_triage(**given)


def test_a_triage_survives_its_folder_which_never_changes(tmp_path):
    triage = fit_triage(*draw(3_000), "site", SIDES, calibrated_on={"source": "made up"})
    folder = save_triage(triage, tmp_path / "triage")
    assert load_triage(folder) == triage
    assert triage.calibrated_on["rows"] == 3_000
    assert len(triage.calibrated_on["rows_sha256"]) == 64
    with pytest.raises(InputError, match="exists, and a triage never changes"):
        save_triage(triage, folder)
    assert load_triage(folder) == triage


@pytest.mark.parametrize(
    ("file", "edit", "message"),
    [
        ("triage.json", lambda text: text[:-20], "triage.json: is not valid JSON"),
        ("triage.json", lambda text: text.replace('"accept"', '"acept"'), "a field is missing or wrong"),
        ("triage.json", lambda text: text.replace('"version": 1', '"version": 9'), "has version 9, and this"),
        ("triage.json", lambda text: text.replace('accepts": 0.05', 'accepts": 7'), "tolerated.wrong_accepts: is 7"),
        ("triage.json", lambda text: text.replace('accepts": 0.05', 'accepts": 0.04'), "not the one it was fitted for"),
        ("triage.json", lambda text: "[]", "a field is missing or wrong"),
        ("policy.yaml", lambda text: text.replace("accepts: 0.05", "accepts: 0.1"), "is not the policy that"),
        ("policy.yaml", lambda text: None, "policy.yaml is missing"),
    ],
)  # fmt: skip
def test_a_broken_folder_is_refused(tmp_path, file, edit, message):
    folder = save_triage(fit_triage(*draw(500), "site", SIDES), tmp_path / "triage")
    changed = edit((folder / file).read_text())
    (folder / file).unlink()
    if changed is not None:
        (folder / file).write_text(changed)
    with pytest.raises(InputError, match=message):
        load_triage(folder)
