"""The supervised explanation: probabilities of words by a span model, beside a classifier or alone, and spans."""

import json
import shutil

import numpy as np
import pytest
from helpers.spans import POSTS, read_probs, span_rows, trained_spans
from helpers.training import trained

from toxres.checkpoint import load_checkpoint
from toxres.cli import main
from toxres.errors import InputError
from toxres.explain import explain, mark_spans, words_of
from toxres.explain.supervised import open_spans
from toxres.labels import LABELS

TEXT = span_rows()[3][0]
"""A post the span model learned from, in which "utter fool" is marked."""


def probabilities(text: str) -> np.ndarray:
    checkpoint = load_checkpoint(trained_spans())
    return read_probs(checkpoint.model, checkpoint.tokenizer, [text], checkpoint.max_length)[0]


def test_attributions_are_the_mean_probability_of_each_word_s_characters():
    (found,) = explain(trained_spans(), [TEXT], "supervised")
    assert (found.method, found.model, found.labels) == ("supervised", "spans", ("toxic",))
    assert found.words == words_of(TEXT) and found.attributions.shape == (len(found.words), 1)
    probs = probabilities(TEXT)
    for (start, end), value in zip(found.words, found.of("toxic"), strict=True):
        assert value == pytest.approx(np.nanmean(probs[start:end]), abs=1e-6)
    best = np.argsort(-found.of("toxic"))[:2]
    assert {found.word_texts()[index] for index in best} == {"utter", "fool"}
    assert 1 / (1 + np.exp(-found.scores[0])) == pytest.approx(np.nanmax(probs), abs=1e-6)
    assert np.isnan(found.baseline_scores).all() and np.isnan(found.convergence_delta).all()


def test_beside_a_classifier_the_scores_are_the_classifier_s():
    classifier = load_checkpoint(trained("baseline"))
    (alone,) = explain(trained_spans(), [TEXT], "supervised")
    for spans in (trained_spans(), str(trained_spans()), load_checkpoint(trained_spans())):
        (found,) = explain(classifier, [TEXT], "supervised", spans=spans)
        assert found.labels == LABELS and found.model == "baseline"
        np.testing.assert_allclose(found.scores, classifier.predict_logits([TEXT])[0], atol=1e-5)
        np.testing.assert_allclose(found.attributions, np.repeat(alone.attributions, 6, axis=1), atol=1e-6)
    (one,) = explain(classifier, [TEXT], "supervised", ["insult"], spans=trained_spans())
    assert one.labels == ("insult",)
    np.testing.assert_allclose(one.attributions, alone.attributions, atol=1e-6)


@pytest.mark.parametrize("model", [None, "tfidf"])
def test_it_needs_no_classifier_that_can_be_looked_into(model):
    path = trained(model) if model else None
    (found,) = explain(path, [TEXT], "supervised", ["toxic"], spans=trained_spans())
    np.testing.assert_allclose(found.attributions, explain(trained_spans(), [TEXT], "supervised")[0].attributions)
    assert np.isnan(found.scores).all() == (model is None)


@pytest.mark.parametrize("text", POSTS)
def test_words_of_any_script_stay_as_they_were_written(text):
    (found,) = explain(trained_spans(), [text], "supervised")
    assert found.words == words_of(text) and found.read.all()
    assert ((found.attributions > 0) & (found.attributions < 1)).all()


def test_a_long_comment_is_read_to_its_end():
    text = "A quiet day in the local museum. " * 40 + TEXT
    classifier = load_checkpoint(trained("baseline"))
    (found,) = explain(classifier, [text], "supervised", ["toxic"], spans=trained_spans())
    (shorter,) = explain(classifier, [text], "lexicon", ["toxic"])
    assert found.read.all() and len(found.words) > 290 and not shorter.read.all()
    probs = probabilities(text)
    expected = [np.nanmean(probs[start:end]) for start, end in found.words]
    np.testing.assert_allclose(found.of("toxic"), expected, atol=1e-6)
    assert (found.of("toxic") > 0).all()


def test_a_word_that_the_tokenizer_leaves_out_is_not_read():
    (found,) = explain(trained_spans(), ["crap \u200b \u200b"], "supervised")
    assert found.word_texts() == ("crap", "\u200b", "\u200b")
    assert found.read.tolist() == [True, False, False] and found.attributions[1:].tolist() == [[0.0], [0.0]]
    (nothing,) = explain(trained_spans(), ["\u200b"], "supervised")
    assert not nothing.read.any() and np.isnan(nothing.scores).all()


def test_spans_by_the_tuned_rule_or_a_threshold():
    texts = [TEXT, "", *POSTS]
    found = mark_spans(trained_spans(), texts)
    assert [TEXT[start:end] for start, end in found[0]] == ["utter fool"] and found[1] == ()
    assert found == mark_spans(load_checkpoint(trained_spans()), texts)
    read = explain(trained_spans(), [TEXT], "supervised")[0]
    highest = read.attributions.max()
    assert mark_spans(trained_spans(), [TEXT], 1.0) == [()]
    (only,) = mark_spans(trained_spans(), [TEXT], highest - 1e-6)[0]
    assert TEXT[slice(*only)] in ("utter", "fool")
    assert mark_spans(trained_spans(), [TEXT], 0.0) == [((0, len(TEXT)),)]


def test_a_folder_is_opened_again_only_when_it_changed(tmp_path, monkeypatch):
    monkeypatch.setattr("toxres.data.memory._SETTLED_NS", 0)
    copy = shutil.copytree(trained_spans(), tmp_path / "copy")
    first = open_spans(copy)
    assert open_spans(str(copy)) is first
    run = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps(run | {"key": "another"}))
    assert open_spans(copy).run["key"] == "another"


def test_bad_input(tmp_path):
    for call, problem in (
        (lambda: explain(trained("baseline"), ["a"], "supervised"), "baseline: marks no spans; name a span model's"),
        (lambda: explain(None, ["a"], "supervised"), "marks no spans; name a span model's"),
        (
            lambda: explain(trained("baseline"), ["a"], "supervised", spans=trained("custom")),
            r"is a classifier \(custom\) and marks no spans",
        ),
        (lambda: explain(None, ["a"], "supervised", spans=tmp_path / "none"), "no such checkpoint folder"),
        (lambda: explain(None, ["a"], "supervised", spans=3), "spans: is a int"),
        (lambda: explain(trained_spans(), ["a"], "supervised", ["insult"]), "unknown label 'insult'"),
        (lambda: explain(trained_spans(), ["a"], "occlusion"), "marks toxic spans and scores no comments"),
        (lambda: explain(trained_spans(), ["a"], "attention"), "marks toxic spans and scores no comments"),
        (lambda: explain(trained("baseline"), ["a"], "random", spans=trained_spans()), "random has no option 'spans'"),
        (lambda: mark_spans(trained_spans(), "a"), "texts: is a single text"),
        (lambda: mark_spans(trained_spans(), ["a", 3]), r"texts\[1\]: is a int"),
        (lambda: mark_spans(trained_spans(), ["a"], 1.5), "threshold is 1.5"),
    ):
        with pytest.raises(InputError, match=problem):
            call()


def test_the_command(tmp_path, capsys):
    pytest.importorskip("toxres.explain.html")
    page, record = tmp_path / "page.html", tmp_path / "out.json"
    words = ["explain", str(trained("baseline")), "--text", TEXT, "--method", "supervised", "--out", str(page)]
    assert main([*words, "--spans", str(trained_spans()), "--labels", "toxic", "--json", str(record)]) == 0
    (explained,) = json.loads(record.read_text())["explanations"]
    assert explained["method"] == "supervised" and "fool" in page.read_text()
    capsys.readouterr()
    assert main(words) == 2
    error = capsys.readouterr().err
    assert "marks no spans" in error and error.count("\n") == 1
