"""Prediction: the logits of each comment alone, in the order asked for."""

import numpy as np
import pytest
import torch
from helpers.training import TEXTS, comments_rows, trained
from torch import nn

from toxres.checkpoint import load_checkpoint
from toxres.config import CUSTOM
from toxres.models import ToxicityModel
from toxres.models.predict import predict_logits


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    model, tokenizer = ToxicityModel.from_recipe(CUSTOM, encoder="tiny")
    for parameter in [*model.pooling.parameters(), *model.head.parameters()]:
        nn.init.normal_(parameter, std=0.5)
    return model, tokenizer


def alone(model, tokenizer, text, **options):
    with torch.no_grad():
        return model.eval()(**tokenizer(text, return_tensors="pt", **options)).logits[0].numpy()


@pytest.mark.parametrize("max_tokens", [1, 40, 4096])
def test_order_and_batches_do_not_matter(encoder, max_tokens):
    model, tokenizer = encoder
    texts = [*TEXTS, *reversed(TEXTS), TEXTS[3] * 4]
    found = predict_logits(model, tokenizer, texts, max_tokens=max_tokens)
    assert found.dtype == np.float32
    expected = np.stack([alone(model, tokenizer, text) for text in texts])
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert np.ptp(expected, axis=0).min() > 1e-2


def test_texts_are_cut_off_at_max_length(encoder):
    model, tokenizer = encoder
    found = predict_logits(model, tokenizer, [TEXTS[3]], max_length=6)
    np.testing.assert_allclose(found[0], alone(model, tokenizer, TEXTS[3], truncation=True, max_length=6), atol=2e-5)


def test_no_texts(encoder):
    found = predict_logits(*encoder, [])
    assert found.shape == (0, 6) and found.dtype == np.float32


def test_dropout_is_off(encoder):
    model, tokenizer = encoder
    model.train()
    first, second = (predict_logits(model, tokenizer, TEXTS) for _ in range(2))
    assert np.array_equal(first, second)
    assert not model.training


@pytest.mark.parametrize("recipe", ["custom", "tfidf"])
def test_checkpoint_predicts_logits_probabilities_and_recalibrated_ones(recipe):
    checkpoint = load_checkpoint(trained(recipe))
    texts = [row["comment_text"] for row in comments_rows(20, seed=3)]
    logits = checkpoint.predict_logits(texts)
    assert logits.shape == (20, 6) and logits.dtype == np.float32
    np.testing.assert_allclose(checkpoint.predict_proba(texts), 1 / (1 + np.exp(-logits.astype(float))), atol=1e-6)
    slope, intercept = checkpoint.calibration.slope, checkpoint.calibration.intercept
    assert not np.allclose(slope, 1)
    recalibrated = 1 / (1 + np.exp(-(slope * logits + intercept)))
    np.testing.assert_allclose(checkpoint.predict_proba(texts, calibrated=True), recalibrated, atol=1e-6)
    shuffled = checkpoint.predict_logits(texts[::-1])
    np.testing.assert_allclose(shuffled[::-1], logits, atol=2e-5)
    assert checkpoint.predict_proba([]).shape == (0, 6)


def test_checkpoint_cuts_off_as_in_training():
    checkpoint = load_checkpoint(trained("custom"))
    assert checkpoint.max_length == 32
    long = "crap " * 200
    expected = alone(checkpoint.model, checkpoint.tokenizer, long, truncation=True, max_length=32)
    np.testing.assert_allclose(checkpoint.predict_logits([long])[0], expected, atol=2e-5)
