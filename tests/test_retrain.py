"""Retraining from moderators' decisions: what is trained on, what judges, and what is promoted or not."""

import functools
import json
import threading

import numpy as np
import pandas as pd
import pytest
from helpers.databases import scored
from helpers.training import trained

from toxres.checkpoint import load_checkpoint
from toxres.config import SMOKE
from toxres.data import load_comments, targets
from toxres.errors import InputError
from toxres.labels import LABELS
from toxres.training.rows import select_rows, validation_comments
from toxres.triage import Policy, load_triage
from toxres.triage.database import open_database
from toxres.triage.gate_check import Gate, compare_on_gate, coverage, realised_on_gate
from toxres.triage.gates import draw_roles
from toxres.triage.intake import record_comments
from toxres.triage.judgement import judge
from toxres.triage.queue import claim_next, decide
from toxres.triage.registry import champion, rollback, verify_version
from toxres.triage.retrain import PARTS, _part_of, retrain
from toxres.triage.thresholds import Promise
from toxres.triage.verdicts import GroupThresholds, Triage

POLICY = Policy("loose", {"toxic": 1.0}, wrong_decisions=0.4)
WIDE = {"ap": 0.9, "brier": 0.9}
SYNTHETIC = ("chat", "forum", "news")
club = functools.partial(scored, group="club", enforced=("toxic",))


@pytest.fixture
def moderated(tmp_path):
    """A database of one group with a decided gate, decided calibration texts and some decisions to train on."""
    with open_database(tmp_path / "m.db", create=True) as database:
        comments = load_comments("synthetic", split="train", limit=160, seed=5)
        truth = dict(zip(comments["id"], comments["toxic"] >= 0.5, strict=True))
        record_comments(database, [club(0, id=row.id, text=row.text) for row in comments.itertuples()])
        draw_roles(database, "club", gate=55, calibration=55, seed=1)
        for each in claim_next(database, "anna", limit=130):
            labels = ["toxic"] if truth[each.comment_id] else []
            decide(database, each.comment_id, "anna", "reject" if labels else "accept", labels)
        yield database


def test_the_first_challenger_is_promoted_and_says_what_it_was_made_of(moderated, tmp_path):
    found = retrain(moderated, tmp_path / "r", POLICY, "tfidf", "synthetic", SMOKE)
    assert found.promoted and found.judgement.reasons == () and found.judgement.labels.empty
    now = champion(tmp_path / "r")
    verify_version(now)
    assert now.name == found.version == "0001-tfidf"
    assert now.record["parent"] is None and now.record["policy_hash"] == POLICY.hash
    assert len(now.record["decisions"]) == found.new_decisions > 0
    run = load_checkpoint(now.checkpoint).run
    assert run["sources"][-1]["name"] == "decisions"
    assert run["rows_train"] == run["sources"][0]["rows"] + run["sources"][-1]["rows"]
    assert set(load_triage(now.triage).groups) == {"club", *SYNTHETIC}
    assert "promoted" in "\n".join(found.told())


def test_without_new_decisions_nothing_is_trained(moderated, tmp_path):
    retrain(moderated, tmp_path / "r", POLICY, "tfidf", "synthetic", SMOKE)
    again = retrain(moderated, tmp_path / "r", POLICY, "tfidf", "synthetic", SMOKE)
    assert not again.promoted and again.path is None
    assert again.judgement.reasons[0].startswith("0 new decisions since 0001-tfidf, and 1 are wanted")


def more_decisions(database, count: int = 10) -> None:
    for each in claim_next(database, "ben", limit=count):
        decide(database, each.comment_id, "ben", "accept")


def test_a_challenger_without_a_loss_is_promoted_and_can_be_rolled_back(moderated, tmp_path):
    retrain(moderated, tmp_path / "r", POLICY, "tfidf", "synthetic", SMOKE)
    more_decisions(moderated)
    found = retrain(moderated, tmp_path / "r", POLICY, "tfidf", "synthetic", SMOKE, margins=WIDE)
    assert found.promoted, found.told()
    assert found.new_decisions == 10
    table = found.judgement.labels
    assert set(table["group"]) == {"club", *SYNTHETIC} and set(table["label"]) == {"toxic"}
    assert champion(tmp_path / "r").record["parent"] == "0001-tfidf"
    assert rollback(tmp_path / "r").name == "0001-tfidf"


def test_a_loss_that_cannot_be_ruled_out_keeps_the_champion(moderated, tmp_path):
    retrain(moderated, tmp_path / "r", POLICY, "tfidf", "synthetic", SMOKE)
    worse = trained("baseline")  # a random encoder after one epoch: it ranks like chance
    more_decisions(moderated)
    found = retrain(moderated, tmp_path / "r", POLICY, "baseline", "synthetic", SMOKE, checkpoint=worse)
    assert not found.promoted
    assert any("toxic: a loss" in reason for reason in found.judgement.reasons)
    assert champion(tmp_path / "r").name == "0001-tfidf"
    record = json.loads(found.path.read_text())
    assert record["promoted"] is False and record["reasons"] == list(found.judgement.reasons)
    assert not (tmp_path / "r" / "versions" / found.version).exists()
    more_decisions(moderated)
    assert retrain(moderated, tmp_path / "r", POLICY, "tfidf", "synthetic", SMOKE, margins=WIDE).version == "0003-tfidf"


def test_a_group_without_a_gate_keeps_the_champion(tmp_path):
    with open_database(tmp_path / "m.db", create=True) as database:
        record_comments(database, [club(n) for n in range(80)])
        draw_roles(database, "club", calibration=30)
        for each in claim_next(database, "anna", limit=40):
            decide(database, each.comment_id, "anna", "accept")
        first = retrain(database, tmp_path / "r", POLICY, "tfidf", "synthetic", SMOKE)
        assert first.promoted and "club: its gate has 0 decided texts" in first.judgement.cautions[0]
        more_decisions(database)
        found = retrain(database, tmp_path / "r", POLICY, "tfidf", "synthetic", SMOKE, margins=WIDE)
    assert not found.promoted
    assert found.judgement.reasons[0].startswith("club: its gate has 0 decided texts, and 50 are needed to judge")


def test_nothing_of_a_gate_or_of_calibration_is_trained_on(moderated, tmp_path):
    """A text of the gate, and a near copy of one in the training queue, are both kept out."""
    from toxres.triage.decisions import read_decisions

    decided = read_decisions(moderated)
    gate = decided[decided["role"] == "gate"]
    copy = max(gate["text"], key=len) + " x"
    record_comments(moderated, [club(0, id="near", text=copy)])
    for each in claim_next(moderated, "ben", limit=60, order="oldest"):
        decide(moderated, each.comment_id, "ben", "accept")
    seen = {}

    def spy(recipe, sources, preset, seed, out, *, decisions, progress):
        seen["texts"] = set(decisions["text"])
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("toxres.triage.retrain.train", spy)
        retrain(moderated, tmp_path / "r", POLICY, "tfidf", "synthetic", SMOKE)
    apart = decided[decided["role"] != "train"]
    assert seen["texts"] and seen["texts"].isdisjoint(apart["text"]) and copy not in seen["texts"]
    assert list((tmp_path / "r").glob(".*")) == []


def test_the_parts_of_the_validation_fold_are_frozen_and_disjoint():
    comments = validation_comments("synthetic")
    parts = _part_of(comments)
    assert np.array_equal(_part_of(comments.iloc[::-1]), parts[::-1])
    assert set(parts) == set(range(len(PARTS)))
    assert min(np.bincount(parts)) > len(comments) / 5


def test_retrainings_that_cannot_be(moderated, tmp_path):
    for recipe, said in [
        ("tfidf_decision", "a policy enforces some of the six labels"),
        ("nonsense", "unknown recipe"),
    ]:
        with pytest.raises(InputError, match=said):
            retrain(moderated, tmp_path / "r", POLICY, recipe, "synthetic", SMOKE)
    with pytest.raises(InputError, match="no calibration row is of its group 'chess'"):
        retrain(
            moderated, tmp_path / "r", Policy("p", {"toxic": 1.0}, 0.1, groups=("chess",)), "tfidf", "synthetic", SMOKE
        )
    assert champion(tmp_path / "r") is None
    retrain(moderated, tmp_path / "r", POLICY, "tfidf", "synthetic", SMOKE)
    file = champion(tmp_path / "r").checkpoint / "thresholds.json"
    file.chmod(0o644)
    file.write_text("{}")
    more_decisions(moderated)
    with pytest.raises(InputError, match=r"thresholds\.json is missing, was changed"):
        retrain(moderated, tmp_path / "r", POLICY, "tfidf", "synthetic", SMOKE)


def test_moderators_go_on_while_a_retraining_runs(moderated, tmp_path):
    record_comments(moderated, [club(n) for n in range(40)])
    results, failures = [], []

    def moderate(name):
        try:
            for _ in range(12):
                for each in claim_next(moderated, name, order="oldest"):
                    decide(moderated, each.comment_id, name, "accept")
                    results.append(each.comment_id)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=moderate, args=(name,)) for name in ("ben", "carl")]
    for thread in threads:
        thread.start()
    found = retrain(moderated, tmp_path / "r", POLICY, "tfidf", "synthetic", SMOKE)
    for thread in threads:
        thread.join()
    assert failures == [] and found.promoted
    assert len(results) == len(set(results)) == 24


def test_decisions_are_trained_on_whole_but_for_what_is_held_out():
    validation = validation_comments("synthetic")
    texts = [*(f"a remark of moderator {n} about something" for n in range(7)), validation["text"].iloc[0]]
    decisions = pd.DataFrame({"id": [f"d{n}" for n in range(8)], "text": texts, "group": "news"})
    decisions[list(LABELS)] = np.float32("nan")
    decisions["toxic"] = np.float32(1)
    rows = select_rows(["synthetic"], SMOKE, decisions=decisions)
    assert rows.sources[-1]["name"] == "decisions" and rows.sources[-1]["rows"] == 7
    assert (rows.train["source"] == "decisions").sum() == 7
    assert rows.sha256 != select_rows(["synthetic"], SMOKE).sha256


def gate_of(n: int = 400, better: float = 0.0, seed: int = 0, share: float = 0.3) -> Gate:
    """A gate of one label that the challenger knows more or less of than the champion."""
    random = np.random.default_rng(seed)
    truth = (random.random((n, 6)) < share).astype(float)
    noise = random.random((2, n, 6))
    challenger, champion_probs = (
        np.clip((0.35 + extra) * truth + 0.6 * each, 0, 1) for extra, each in zip((better, 0.0), noise, strict=True)
    )
    return Gate("news", truth, challenger, champion_probs)


def test_the_comparison_passes_equals_and_better_ones_and_no_worse_one():
    for better, passes in [(0.2, True), (-0.3, False)]:
        table = compare_on_gate(gate_of(better=better), ("toxic", "insult"))
        assert table["passes"].tolist() == [passes] * 2 and set(table["metric"]) == {"ap"}
        assert ((table["gain"] > 0) == passes).all()
    same = gate_of()
    same = Gate("news", same.targets, same.champion, same.champion)
    assert compare_on_gate(same, ("toxic",))["passes"].tolist() == [True]


def test_a_loss_in_brier_score_is_a_loss():
    """Labels with too few positives for a ranking: what gives all of them 0.4 is worse than what gives 0.01."""
    targets_, low, high = np.zeros((200, 6)), np.full((200, 6), 0.01), np.full((200, 6), 0.4)
    worse = compare_on_gate(Gate("news", targets_, high, low), ("threat",)).iloc[0]
    assert worse["metric"] == "brier" and worse["gain"] < 0 and worse["passes"] is False
    assert "a loss is shown" in worse["why"]
    assert compare_on_gate(Gate("news", targets_, low, high), ("threat",)).iloc[0]["passes"] is True


def test_a_label_that_is_unknown_on_the_gate_is_a_caution():
    gate = gate_of()
    gate.targets[:, LABELS.index("threat")] = np.nan
    table = compare_on_gate(gate, ("toxic", "threat"))
    assert table["passes"].tolist() == [True, None] or table["passes"].tolist() == [False, None]
    assert table["why"].iloc[1] == "unknown on every gate row"


def fixed_triage(accept, reject, kept=True) -> Triage:
    promise = Promise("automatic", 0.05, 0.05, kept, 300, 5, 0.01, 0.04)
    groups = {"news": GroupThresholds("news", accept, reject, (promise,), 300, 0)}
    return Triage(Policy("p", {"toxic": 1.0}, wrong_decisions=0.05), groups)


def test_promises_on_a_gate_are_counted_and_found_broken():
    truth = np.zeros((100, 6))
    truth[:20, 0] = 1
    probs = np.full((100, 6), 0.01)
    gate = Gate("news", truth, probs, probs)
    (broken,) = realised_on_gate(gate, fixed_triage(0.5, 0.9), probs)
    assert (broken.decided, broken.wrong, broken.broken) == (100, 20, True)
    probs = np.where(truth == 1, 0.95, 0.01)
    (held,) = realised_on_gate(gate, fixed_triage(0.5, 0.9), probs)
    assert (held.decided, held.wrong, held.broken) == (100, 0, False)
    assert coverage(gate, fixed_triage(0.5, None), probs) == 0.8


def test_the_judgement_names_each_reason():
    good = gate_of(better=0.3)
    assert judge([good], fixed_triage(0.01, None), None, set()).reasons == ()
    nothing = fixed_triage(None, None, kept=False)
    lost = judge([good], nothing, fixed_triage(0.01, None), {"news"}).reasons
    assert lost == ("news: nothing can be promised of the automatic, the champion can",)
    broken = judge([good], fixed_triage(1.0, None), fixed_triage(0.01, None), {"news"}).reasons
    assert len(broken) == 1 and "news, automatic: the promise is broken on the gate" in broken[0]
    small = judge([gate_of(n=20)], fixed_triage(0.01, None), fixed_triage(0.01, None), {"news"}).reasons
    assert "its gate has 20 decided texts" in small[0] and "no gate can compare the two" in small[1]


def test_equal_models_pass_and_a_clear_loss_never_does():
    """Of 40 draws of 300 gate rows (seeded): equal models pass in most, ones that lost 0.1 in AP or more in none."""
    passed = {0.0: 0, -0.25: 0}
    for better in passed:
        for seed in range(40):
            table = compare_on_gate(gate_of(300, better, seed), ("toxic",), n_resamples=200, margins={"ap": 0.08})
            passed[better] += bool(table["passes"].iloc[0])
    assert passed[0.0] >= 20 and passed[-0.25] == 0


def test_targets_of_the_gate_are_what_was_decided(moderated):
    from toxres.triage.decisions import read_decisions

    gate = read_decisions(moderated, roles=["gate"])
    assert len(gate) == 55 and set(np.unique(targets(gate)[:, 0])) == {0.0, 1.0}
