"""Predictors: the checkpoint's scores, the maximum over windows, attention, and the same from any thread or batch."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from helpers.bundles import exported, opened
from helpers.training import TEXTS, trained
from scipy.special import expit

from toxres.checkpoint import load_checkpoint
from toxres.errors import InputError
from toxres.labels import LABELS
from toxres.serving import export_bundle, load_bundle
from toxres.serving import predictor as module
from toxres.serving.candidates import Candidate

LONG = " ".join(["the museum is old and the table of Ada is broken"] * 12 + ["crap"] + ["and the song is long"] * 12)
ALL = ("baseline", "custom", "ulmfit", "tfidf")


@pytest.fixture(params=ALL)
def name(request) -> str:
    return request.param


def model(name: str):
    return opened(*ALL).models[name]


def test_short_texts_get_what_their_checkpoint_says(name):
    checkpoint = load_checkpoint(trained(name))
    texts = ["You are an idiot.", "no", "", "The old museum", "\ud800"]
    found = model(name).predict(texts)
    np.testing.assert_allclose(found.logits, checkpoint.predict_logits(texts), atol=1e-5)
    np.testing.assert_allclose(found.probs, checkpoint.predict_proba(texts), atol=1e-5)
    np.testing.assert_allclose(found.calibrated, checkpoint.predict_proba(texts, calibrated=True), atol=1e-5)
    assert (found.decisions == (found.probs >= checkpoint.thresholds)).all()
    assert found.windows.tolist() == [1] * 5
    np.testing.assert_array_equal(model(name).predict_logits(texts), found.logits)
    np.testing.assert_array_equal(model(name).predict_proba(texts), found.probs)
    np.testing.assert_array_equal(model(name).predict_proba(texts, calibrated=True), found.calibrated)
    np.testing.assert_array_equal(model(name).decide(texts), found.decisions)


@pytest.mark.parametrize("name", ["baseline", "custom", "ulmfit"])
def test_a_long_text_gets_the_maximum_over_its_windows(name):
    predictor = model(name)
    (reading,) = predictor.read([LONG])
    alone = np.stack([predictor.score([window])[0].logits for window in reading.windows])
    found = predictor.predict(["no", LONG])
    assert found.windows.tolist() == [1, len(reading.windows)] and len(reading.windows) > 2
    np.testing.assert_allclose(found.logits[1], alone.max(axis=0), atol=1e-5)
    assert (alone[found.deciding[1], range(6)] == alone.max(axis=0)).all()
    np.testing.assert_allclose(alone[0], load_checkpoint(trained(name)).predict_logits([LONG])[0], atol=1e-5)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_several_batches_at_once_and_beginnings_alone(runtime, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_TOKENS", 40)
    folder = export_bundle([trained("custom")], tmp_path / "bundle", limit=8, candidates=[Candidate(runtime, "fp32")])
    texts = ["no", LONG, *TEXTS, LONG + " no"]
    one, two = load_bundle(folder, threads=1), load_bundle(folder, threads=1, streams=2)
    np.testing.assert_array_equal(
        two.models["custom"].predict_logits(texts), one.models["custom"].predict_logits(texts)
    )
    begun = load_bundle(folder, only="custom", streams=2, whole=False).models["custom"].predict(texts)
    assert set(begun.windows) == {1}
    np.testing.assert_allclose(begun.logits, load_checkpoint(trained("custom")).predict_logits(texts), atol=1e-5)


def test_a_bag_of_n_grams_reads_a_text_as_a_whole():
    np.testing.assert_allclose(
        model("tfidf").predict_logits([LONG]), load_checkpoint(trained("tfidf")).predict_logits([LONG]), atol=1e-6
    )


def test_no_text_depends_on_its_neighbours(name, monkeypatch):
    texts = [*TEXTS, LONG]
    together = model(name).predict_logits(texts)
    alone = np.concatenate([model(name).predict_logits([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    monkeypatch.setattr(module, "CHUNK", 2)
    monkeypatch.setattr(module, "MAX_TOKENS", 40)
    np.testing.assert_allclose(model(name).predict_logits(texts), together, atol=1e-5)


def test_batches_hold_no_more_than_they_may(monkeypatch):
    monkeypatch.setattr(module, "MAX_TOKENS", 20)
    predictor, seen = model("custom"), []
    score = predictor._model.score
    monkeypatch.setattr(predictor._model, "score", lambda windows: seen.append(windows) or score(windows))
    predictor.predict_logits(["a b c"] * 9 + ["a " * 30])
    sizes = [len(windows) * max(window.length for window in windows) for windows in seen]
    assert len(seen[0]) == 1 < len(seen) < 10 and max(sizes[1:]) <= 20


def test_many_threads_get_what_one_gets(name):
    predictor, texts = model(name), [*TEXTS, LONG] * 2
    expected = predictor.predict_logits(texts)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: predictor.predict_logits(texts[number % 7 :]), range(32)))
    for number, logits in enumerate(found):
        np.testing.assert_allclose(logits, expected[number % 7 :], atol=1e-5)


def test_no_text_gives_no_rows(name):
    found = model(name).predict([])
    assert found.logits.shape == found.probs.shape == found.decisions.shape == (0, 6)
    assert model(name).score([]) == []


def test_attention_is_the_checkpoints():
    checkpoint, text = load_checkpoint(trained("custom")), "You are an idiot, Ada."
    encoded = checkpoint.tokenizer([text], return_tensors="pt", return_offsets_mapping=True)
    with torch.no_grad():
        weights = checkpoint.model(
            input_ids=encoded["input_ids"],
            attention_mask=encoded["attention_mask"],
            output_attention_weights=True,
        ).attention_weights[0]
    (found,) = model("custom").attention([text])
    np.testing.assert_allclose(found.weights, weights[1:-1], atol=1e-6)
    assert found.spans.tolist() == encoded["offset_mapping"][0][1:-1].tolist()
    assert (found.text, found.window, found.windows) == (text, 0, 1)
    words = {text[start:end]: weight for start, end, weight in found.words()}
    assert list(words) == ["You", "are", "an", "idiot", ",", "Ada", "."]
    assert sum(words.values()) == pytest.approx(found.weights.sum(), abs=1e-9)
    assert words["You"] == pytest.approx(found.weights[0], abs=1e-9)


def test_attention_of_a_long_text_is_of_the_window_that_decided():
    predictor = model("custom")
    decided = predictor.predict([LONG])
    for label in LABELS:
        (found,) = predictor.attention([LONG], label)
        assert found.window == decided.deciding[0, LABELS.index(label)]
        assert found.windows == decided.windows[0]
    (found,) = predictor.attention([LONG])
    above = decided.probs[0] - predictor.thresholds
    assert found.window == decided.deciding[0, above.argmax()]


def test_attention_of_a_model_without_it_is_refused():
    assert [name for name in ALL if model(name).has_attention] == ["custom"]
    with pytest.raises(InputError, match="baseline: has no attention pooling"):
        model("baseline").attention(["no"])
    with pytest.raises(InputError, match="label 'rude': the model knows toxic, "):
        model("custom").attention(["no"], "rude")


def test_calibrated_thresholds_decide_alike(name):
    predictor = model(name)
    found = predictor.predict([*TEXTS, LONG])
    assert ((found.calibrated >= predictor.calibrated_thresholds) == found.decisions).all()
    logits = np.log(predictor.thresholds / (1 - predictor.thresholds))
    scaled = expit(predictor.calibration.slope * logits + predictor.calibration.intercept)
    np.testing.assert_allclose(predictor.calibrated_thresholds, scaled)


@pytest.mark.parametrize("texts", ["one text", [b"bytes"], [None]])
def test_what_is_no_text_is_refused(texts):
    with pytest.raises(InputError, match="texts"):
        model("custom").predict(texts)


def test_a_bundle_is_served_without_torch_pandas_or_scipy():
    script = (
        "import sys\n"
        "from toxres.serving import load_bundle\n"
        f"bundle = load_bundle({str(exported())!r})\n"
        "for model in bundle.models.values(): model.predict(['What a lovely day'])\n"
        "bundle.models['custom'].attention(['What a lovely day'])[0].words()\n"
        "print([name for name in ('torch', 'transformers', 'pandas', 'scipy', 'sklearn') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "[]"
