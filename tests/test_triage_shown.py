"""What the notebook on triage shows: comments at hand, verdicts, findings, and the loop on a table's scale."""

import types

import numpy as np
import pytest
from helpers.fakes import fake_checkpoint

from toxres.errors import InputError
from toxres.evaluation.arrays import sigmoid
from toxres.experiments import loop_shown, triage_shown
from toxres.lab import Missing
from toxres.labels import LABELS
from toxres.triage import Policy, Triage, claim_next, decide, open_database, queue_table, read_decisions
from toxres.triage.rescoring import Decider
from toxres.triage.verdicts import GroupThresholds
from toxres.widgets import ScoredRows

POLICY = Policy("mine", {"toxic": 1}, wrong_decisions=0.05, always_review={"threat": 0.5})
SAYS = {
    "Quillfeather is kind.": (0.001, 0.01, 0.01, 0.01, 0.01, 0.01),
    "Grumblewick is a nitwit.": (0.999, 0.01, 0.01, 0.01, 0.01, 0.01),
    "Grumblewick shall be sorry.": (0.999, 0.01, 0.01, 0.8, 0.01, 0.01),
}
RUN = {"preset": {"name": "smoke"}, "sources": [{"name": "synthetic", "rows": 40}]}


def rows(n: int, wrong: int = 0) -> ScoredRows:
    probs, targets = np.full((n, 6), 0.01), np.zeros((n, 6))
    toxic = np.arange(n) % 10 == 9
    probs[:, 0], targets[:, 0] = np.where(toxic, 0.999, 0.001), toxic
    targets[:wrong, 0] = 1
    return ScoredRows(probs, targets)


@pytest.fixture
def model():
    made = fake_checkpoint("custom", SAYS)
    made.run = RUN
    return made


@pytest.fixture
def site(model):
    recalibration = types.SimpleNamespace(apply=sigmoid)
    return triage_shown.Site(rows(200), rows(100, 3), model, recalibration, "made here")


def test_half_of_the_validation_comments_recalibrate_and_the_other_half_is_for_thresholds(model, monkeypatch):
    random = np.random.default_rng(0)
    truth = (random.random((60, 6)) < 0.3).astype(float)
    scored = {
        split: types.SimpleNamespace(targets=truth[:n], probs=np.clip(0.3 + 0.4 * truth[:n], 0, 1))
        for split, n in (("validation", 41), ("test", 60))
    }
    monkeypatch.setattr(triage_shown.lab, "score_split", lambda model, source, split: scored[split])
    found = triage_shown.site_at_hand(model, "synthetic", 3)
    assert len(found.calibration.probs) == 21 and len(found.held_out.probs) == 60
    assert found.origin.startswith("synthetic corpus, 21 validation comments for thresholds, 60 held out; ")
    used = {tuple(row) for row in found.calibration.targets.tolist()}
    assert used <= {tuple(row) for row in truth[:41].tolist()}
    assert found.score(["Quillfeather is kind."]).shape == (1, 6)


def test_verdicts_with_reasons_and_by_policy(site):
    triage = triage_shown.fitted(site, POLICY)
    table = triage_shown.verdict_table(triage, site, list(SAYS))
    assert table["verdict"].tolist() == ["accept", "reject", "uncertain"]
    assert table["because of"].tolist() == ["toxic 0.001", "toxic 0.999", "a rule: threat 0.800"]
    compared = triage_shown.verdicts_by_policy(["forum", "gossip"], site, list(SAYS))
    assert compared["gossip"].tolist()[2] == "uncertain" and compared.index[-1].startswith("held-out comments decided")
    assert triage_shown.fitted(site, Policy("n", {"toxic": 1}, wrong_decisions=0.1, groups=("news",))).groups


def test_the_run_itself_is_told(site):
    triage = triage_shown.fitted(site, POLICY)
    (told,) = triage_shown.local_told(site, POLICY, triage)
    assert told == (
        "In this run the policy “mine” decides 100.0% of the held-out comments, 3 of 100 wrongly (3.00%; made here)."
    )
    none = Triage(POLICY, {"site": GroupThresholds("site", None, None, triage.groups["site"].promises, 9, 0)})
    assert "nothing can be promised" in triage_shown.local_told(site, POLICY, none)[0]


def test_curves_and_resplits_of_the_run(site):
    curve = triage_shown.local_curve(site, POLICY)
    assert curve["coverage"][-1] == 1 and curve["accuracy"][-1] == pytest.approx(0.97)
    table = triage_shown.local_resplits(site, POLICY, 0.05, 20)
    assert next(iter(table.index)).startswith("promised") and table["coverage"].iloc[1] == 1
    assert table["nothing decided"].tolist()[1:] == [0, 0] and table["coverage"].iloc[0] < 1


def test_missing_results_are_said_and_nothing_else_is(site):
    triage = triage_shown.fitted(site, POLICY)
    missing = Missing("It is not there.")
    assert triage_shown.record_told(missing) == "*It is not there.*"
    assert triage_shown.found(missing, site, POLICY, triage)["Committed results"] == ["It is not there."]


def test_the_labels_in_a_table_and_where_figures_come_from():
    row = {"n": 13, "accepted": 0.1, "uncertain": 0.4, "rejected": 0.5, "accepted_low": 0.0, "accepted_high": 0.25}
    results = {
        "rows": 50, "violations": 5, "n_splits": 7, "tolerated": 0.01, "confidence": 0.95,
        "audit": {"labels": {"identity_hate": row}},
        "shift": {"model": "baseline", "rows": {"tested": {"wikipedia": 9, "news": 1_000}}},
    }  # fmt: skip
    table = triage_shown.label_table(results)
    assert table.loc["identity hate"].tolist() == [13, 0.1, 0.4, 0.5, "0.0% to 25.0%"]
    assert triage_shown.origin(results, "shift") == "baseline; test comments: 9 of wikipedia, 1,000 of news"
    assert triage_shown.record_told(results).startswith("Jigsaw sample, 50 comments out of fold; toxic or not: 5 are ")


@pytest.mark.parametrize(("coverage", "broken", "word"), [(0.6, 0.04, "Yes"), (0.4, 0.04, "No"), (0.6, 0.06, "No")])
def test_the_answer_is_yes_only_if_half_is_decided_and_the_promise_kept(coverage, broken, word):
    model = {"resplits": {"promised": {"coverage": coverage}}, "draws": {"promised": {"broken_share": broken}}}
    told = triage_shown.answer({"models": {"all": model}, "confidence": 0.95, "tolerated": 0.01, "n_splits": 9})
    assert told.startswith(f"**{word}**") and f"broken in {broken:.1%} of 9 draws, with 5% allowed" in told


@pytest.fixture
def loop(tmp_path):
    """A database with twelve comments that wait, and the answers to them."""
    comments = loop_shown.stream(12, "chat", 0)
    triage = Triage(loop_shown.POLICY, {"chat": GroupThresholds("chat", None, None, (), 0, 0)}, LABELS, {})
    model = types.SimpleNamespace(predict_proba=lambda texts, calibrated: np.full((len(texts), 6), 0.5))
    with open_database(tmp_path / "m.db", create=True) as database:
        assert loop_shown.add(database, comments, Decider(model, triage, "0001-tfidf")).added == 12
        yield database, loop_shown.answers(comments, ("toxic",)), comments


def test_comments_of_a_group_are_written_and_wait(loop):
    database, right, comments = loop
    assert set(comments["group"]) == {"chat"} and comments["text"].is_unique
    assert loop_shown.queue_shown(queue_table(database)).loc["chat", "waiting"] == 12
    toxic = comments.set_index("id")["toxic"]
    assert all(bool(labels) == (toxic[name] >= 0.5) for name, labels in right.items())
    with pytest.raises(InputError, match="0 of 3 comments could be written"):
        loop_shown.stream(3, "nowhere")


def test_moderators_take_turns_until_so_many_are_decided(loop):
    database, right, _ = loop
    assert loop_shown.moderate(database, right, ("anna", "ben"), 5) == 5
    decided = read_decisions(database)
    assert len(decided) == 5
    assert {row.id: bool(row.toxic) for row in decided.itertuples()} == {
        row.id: bool(right[row.id]) for row in decided.itertuples()
    }
    wrongly = loop_shown.misled(right, ("toxic",))
    assert loop_shown.moderate(database, wrongly, ("mallory",), 100) == 7, "until none waits"
    last = read_decisions(database).tail(7)
    assert all(bool(row.toxic) != bool(right[row.id]) for row in last.itertuples())


def test_claims_and_refusals_are_shown(loop):
    database, _, _ = loop
    claims = {name: claim_next(database, name, limit=2) for name in ("anna", "ben")}
    table = loop_shown.claimed_table(claims)
    assert table.index.tolist() == ["anna", "anna", "ben", "ben"] and table["text"].is_unique
    told = loop_shown.refusal(decide, database, claims["ben"][0].comment_id, "anna", "accept")
    assert told.startswith("NotClaimed: comment ") and "is claimed by 'ben', not by 'anna'" in told
    with pytest.raises(AssertionError, match="was not refused"):
        loop_shown.refusal(decide, database, claims["ben"][0].comment_id, "ben", "accept")


def test_a_rollback_without_a_version_before_is_said(tmp_path):
    (tmp_path / "versions").mkdir()
    assert loop_shown.rolled_back(tmp_path).startswith("not rolled back: has no champion")
