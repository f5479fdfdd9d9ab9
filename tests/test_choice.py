"""The choice of runtime and precision: what is measured of a candidate, the two gates, and the fastest that passes."""

import dataclasses
import math

import numpy as np
import pytest
from helpers.training import trained

from toxres.checkpoint import load_checkpoint
from toxres.data import targets
from toxres.errors import RunError
from toxres.labels import LABELS
from toxres.serving.candidates import CANDIDATES, Candidate
from toxres.serving.choice import Measured, Quality, Scored, choose, compare_scores, macro_auroc, measure
from toxres.serving.graph import write_graph
from toxres.serving.models import GRAPH
from toxres.serving.predictor import Predictions
from toxres.serving.reading import write_reader

SAME = Quality(auroc_fall=0.0, decisions_flipped=0.0, verdicts_flipped=None, max_abs_logit=0.0, max_abs_attention=None)


def quality(**fields) -> Quality:
    return dataclasses.replace(SAME, **fields)


def measured(milliseconds: float, number: int = 0, failed: str = "", **fields) -> Measured:
    times = {"custom": {"1x16": milliseconds, "32x64": 4 * milliseconds}}
    return Measured(CANDIDATES[number], times, {"baseline": SAME, "custom": quality(**fields)}, failed)


@pytest.mark.parametrize(
    "fields, refused",
    [
        ({}, ""),
        ({"auroc_fall": 0.00199}, ""),
        ({"auroc_fall": -0.5}, ""),
        ({"auroc_fall": math.nan}, ""),
        ({"auroc_fall": 0.002}, "AUROC falls by 0.0020"),
        ({"decisions_flipped": 0.0049}, ""),
        ({"decisions_flipped": 0.005}, "0.50% of the decisions flip"),
        ({"verdicts_flipped": 0.0049}, ""),
        ({"verdicts_flipped": 0.01}, "1.00% of the decisions flip"),
        ({"auroc_fall": math.nan, "decisions_flipped": 0.25}, "25.00% of the decisions flip"),
    ],
)
def test_the_gates(fields, refused):
    assert quality(**fields).refused == refused
    assert measured(1.0, **fields).refused == (f"custom: {refused}" if refused else "")


def test_the_fastest_accepted_candidate_is_chosen():
    slow, fast, flips = measured(4.0), measured(2.0, 2), measured(1.0, 1, decisions_flipped=0.1)
    broken = measured(0.5, 3, failed="custom: not installed")
    assert choose([slow, flips, fast, broken]) is fast
    assert choose([slow, flips, broken]) is slow
    assert (slow.mean_milliseconds, broken.to_dict()["mean_milliseconds"]) == (pytest.approx(8.0), None)


def test_of_those_as_fast_the_first_is_chosen():
    first = measured(2.0)
    assert choose([first, measured(1.95, 2)]) is first
    assert choose([first, second := measured(1.8, 2)]) is second


def test_without_an_accepted_candidate_nothing_is_chosen():
    with pytest.raises(RunError, match=r"onnxruntime fp32: custom: AUROC falls by 0\.1000.*nothing was exported"):
        choose([measured(1.0, auroc_fall=0.1)])


def scored(logits: np.ndarray, attention: np.ndarray | None = None) -> Scored:
    probs = 1 / (1 + np.exp(-logits))
    ones = np.ones(len(logits), dtype=int)
    return Scored(Predictions(logits, probs, probs, probs >= 0.5, ones, np.zeros(logits.shape, int)), logits, attention)


def test_what_a_candidate_changes(small_comments):
    noise = np.random.default_rng(0).normal(size=(8, 6))
    reference = noise + 6 * np.nan_to_num(targets(small_comments)).round() - 3
    other = reference.copy()
    other[2, :2] *= -1
    other[5, 0] += 0.25
    before, after = scored(reference, np.array([0.5, 0.5])), scored(other, np.array([0.5, 0.375]))
    found = compare_scores(after, before, small_comments, LABELS)
    assert found.decisions_flipped == 1 / 8
    assert found.max_abs_logit == pytest.approx(2 * np.abs(reference[2, :2]).max())
    assert (found.max_abs_attention, found.verdicts_flipped) == (0.125, None)
    fall = macro_auroc(small_comments, before.predictions.probs, LABELS)
    fall -= macro_auroc(small_comments, after.predictions.probs, LABELS)
    assert found.auroc_fall == pytest.approx(fall) and fall > 0.01
    assert compare_scores(before, before, small_comments, LABELS) == quality(max_abs_attention=0.0)


def test_verdicts_are_held_against_each_other_too(small_comments):
    from toxres.triage import GroupThresholds, Policy, Triage

    policy = Policy("strict", {"toxic": 1.0}, wrong_decisions=0.1)
    triage = Triage(policy, {"elsewhere": GroupThresholds("elsewhere", 0.2, 0.9, (), 8, 0)})
    reference = np.full((8, 6), -3.0)
    other = reference.copy()
    other[0, 0] = -1.0  # from accepted to a person, and the decision stays
    found = compare_scores(scored(other), scored(reference), small_comments, LABELS, triage)
    assert (found.decisions_flipped, found.verdicts_flipped) == (0.0, 1 / 8)


def test_measures_every_candidate_on_the_same_comments(tmp_path, small_comments):
    checkpoint = load_checkpoint(trained("custom"))
    folder = tmp_path / "custom"
    folder.mkdir()
    write_graph(checkpoint, folder / GRAPH)
    write_reader(checkpoint, folder)
    ways, told = [CANDIDATES[0], CANDIDATES[1], Candidate("abacus", "fp32")], []
    found, references = measure(
        {"custom": checkpoint}, {"custom": folder}, small_comments, ways, tmp_path, threads=1, say=told.append
    )
    plain, int8, unknown = found
    assert plain.quality["custom"].decisions_flipped == 0 and plain.quality["custom"].max_abs_logit < 1e-5
    assert 1e-6 < int8.quality["custom"].max_abs_logit < 0.1
    assert 0 < int8.quality["custom"].max_abs_attention < 0.01
    assert unknown.refused.startswith("custom: runtime 'abacus'") and not unknown.quality
    assert plain.milliseconds["custom"].keys() == {"1x16", "1x32", "32x32"}
    logits = checkpoint.predict_logits(small_comments["text"].tolist())
    np.testing.assert_allclose(references["custom"].first, logits, atol=1e-5)
    assert told[0] == "custom: timing 2 candidates, 1 thread"
