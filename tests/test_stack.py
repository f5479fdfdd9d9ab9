"""Stacks: naive Bayes weights by hand, a trunk that reads as the whole encoder does, cross-fitting, the round trip."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from helpers.training import comments_rows, save_encoder, trained, write_comments

from toxres.checkpoint import load_checkpoint
from toxres.config import SMOKE
from toxres.errors import InputError
from toxres.labels import LABELS
from toxres.models.encoders import Encoder, load_encoder, without_pooler
from toxres.models.stack import Blend, StackModel, cross_fitted_blend, prepare
from toxres.models.trunk import build_upper, encoder_layers, member_logits, read_comments
from toxres.models.views import FeatureView, NgramSettings, NgramView, log_count_ratio, without_accents
from toxres.training import train
from toxres.training.members import MemberSettings, fit_member
from toxres.training.multiview import NGRAMS, StackSettings, cross_fit_view, draw_first, fit_stack

ROWS = comments_rows(60)
TEXTS = [row["comment_text"] for row in ROWS]
TARGETS = np.array([[row[label] for label in LABELS] for row in ROWS], dtype=np.float32)
FOLDS = np.arange(60) // 2 % 3
SMALL = StackSettings(NGRAMS[:1], (1, 2), 0.01, MemberSettings(depth=1, epochs=1, max_length=32), folds=3)


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    loaded = load_encoder("tiny", dropout=0.0)
    return Encoder(without_pooler(loaded.model), loaded.tokenizer)


def test_naive_bayes_weights_are_those_computed_by_hand():
    present = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 0]])
    from scipy.sparse import csr_matrix

    ratio = log_count_ratio(csr_matrix(present) > 0, np.array([True, True, False]))
    # p = 1 + [2, 1, 1] of 7, q = 1 + [0, 1, 0] of 4
    np.testing.assert_allclose(ratio, np.log([(3 / 7) / (1 / 4), (2 / 7) / (2 / 4), (2 / 7) / (1 / 4)]))


@pytest.mark.parametrize("settings", [NgramSettings(), NgramSettings("word", 1, 2, "tfidf", 4.0, stem=5, plain=True)])
def test_a_view_of_ngrams_separates_what_words_separate_and_ignores_unknown_targets(settings):
    known = TARGETS[:, :1].copy()
    view = NgramView(settings).fit(TEXTS, known)
    logits = view.predict_logits(TEXTS)[:, 0]
    assert logits[known[:, 0] == 1].min() > logits[known[:, 0] == 0].max()
    hidden = np.where(np.arange(60)[:, None] < 40, known, np.nan)
    wrong = np.where(np.arange(60)[:, None] < 40, known, 1 - known)
    some = NgramView(settings).fit(TEXTS, np.column_stack([hidden, wrong]))
    assert not np.allclose(some.coef[0], some.coef[1]), "wrong targets matter, unknown ones do not"
    both = NgramView(settings).fit(TEXTS, np.column_stack([hidden, np.full(60, np.nan)]))
    np.testing.assert_array_equal(both.coef[0], some.coef[0])
    assert both.intercept[1] == 0 and not both.coef[1].any()


def test_tfidf_is_scikit_learns():
    from sklearn.feature_extraction.text import TfidfVectorizer

    view = NgramView(NgramSettings("char_wb", 2, 3, "tfidf")).fit(TEXTS, TARGETS[:, :1])
    theirs = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3), sublinear_tf=True, min_df=2).fit(TEXTS)
    counts = view._counter(view.vocabulary).transform([text.lower() for text in TEXTS]).astype(float)
    np.testing.assert_allclose(
        view._weighted(counts).toarray(), theirs.transform(TEXTS).toarray()[:, :], rtol=1e-5, atol=1e-7
    )


def test_accents_come_off():
    assert without_accents("Zażółć gęślą jaźń, Łódź, naïve") == "Zazolc gesla jazn, Lodz, naive"


def test_weights_of_features_are_for_features_as_they_come():
    random = np.random.default_rng(0)
    features = random.normal(5, 3, (60, 4)).astype(np.float32)
    view = FeatureView(C=1.0).fit(features, TARGETS[:, :1])
    other = FeatureView(C=1.0).fit(features * 10 - 7, TARGETS[:, :1])
    np.testing.assert_allclose(view.predict_logits(features), other.predict_logits(features * 10 - 7), atol=1e-3)


def test_the_trunk_and_the_layers_above_read_as_the_whole_encoder_does(encoder):
    read = read_comments(encoder, TEXTS, depth=1, layers=(2,), max_length=32)
    batch = encoder.tokenizer(TEXTS, padding=True, truncation=True, max_length=32, return_tensors="pt")
    with torch.no_grad():
        hidden = encoder.model(batch["input_ids"], batch["attention_mask"]).last_hidden_state
    mask = batch["attention_mask"][..., None]
    mean = ((hidden * mask).sum(1) / mask.sum(1)).numpy()
    np.testing.assert_allclose(read.means, mean, atol=0.03)
    peak = torch.where(mask == 1, hidden, -torch.inf).amax(1).numpy()
    np.testing.assert_allclose(read.peaks, peak, atol=0.05)
    upper = build_upper(encoder, 1, 3, dropout=0.0, pooling="mean")
    torch.nn.init.eye_(upper.head.out.weight)
    torch.nn.init.zeros_(upper.head.out.bias)
    np.testing.assert_allclose(member_logits(upper, read.states), mean[:, :3], atol=0.03)


def test_a_shorter_comment_does_not_feel_the_padding(encoder):
    read = read_comments(encoder, TEXTS, depth=1, max_length=32)
    upper = build_upper(encoder, 1, 2, dropout=0.0)
    together, alone = member_logits(upper, read.states), member_logits(upper, read.states, np.array([3]))
    np.testing.assert_allclose(together[3], alone[0], atol=0.02)


def test_training_leaves_the_encoder_and_the_rows_it_is_not_given_alone(encoder):
    before = [weight.clone() for weight in encoder.model.parameters()]
    states = read_comments(encoder, TEXTS, depth=1, max_length=32).states
    rows = np.arange(40)
    settings = MemberSettings(depth=1, epochs=2)
    changed = TARGETS.copy()
    changed[40:] = 1 - changed[40:]
    first = fit_member(encoder, states, TARGETS, rows, settings)
    second = fit_member(encoder, states, changed, rows, settings)
    for one, two in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)
    assert all(torch.equal(old, new) for old, new in zip(before, encoder.model.parameters(), strict=True))


def test_a_member_learns_and_can_start_from_another(encoder):
    states = read_comments(encoder, TEXTS, depth=1, max_length=32).states
    settings = MemberSettings(depth=1, epochs=12, learning_rate=1e-2, head_learning_rate=1e-2, batch_size=8)
    losses = []
    member = fit_member(
        encoder, states, TARGETS[:, :1], np.arange(60), settings, on_epoch=lambda n, m, loss: losses.append(loss)
    )
    assert losses[-1] < 0.5 * losses[0]
    slow = dataclasses.replace(settings, epochs=1, learning_rate=1e-9, head_learning_rate=1e-9)
    again = fit_member(encoder, states, TARGETS[:, :1], np.arange(60), slow, start=member.state_dict())
    np.testing.assert_allclose(member_logits(again, states), member_logits(member, states), atol=0.05)
    wider = fit_member(encoder, states, TARGETS[:, :2], np.arange(60), slow, start=member.state_dict())
    assert member_logits(wider, states).shape == (60, 2), "a head of other labels stays new"


def test_every_positive_comes_each_epoch_and_the_others_in_turn():
    from toxres.training.members import _epochs

    goals = (np.arange(50) < 5).astype(np.float32)[:, None]
    settings = MemberSettings(epochs=4, negatives=0.5, batch_size=4)
    seen = [
        np.concatenate(batches)
        for batches in _epochs(goals, np.arange(50), np.full(50, 7), settings, np.random.default_rng(0))
    ]
    assert all(set(range(5)) <= set(rows) and len(rows) == 5 + 22 == len(set(rows)) for rows in seen)
    counts = np.bincount(np.concatenate(seen), minlength=50)[5:]
    assert counts.min() >= 1 and counts.max() <= 2


def test_no_row_is_scored_by_a_fit_that_saw_it():
    targets = np.zeros((60, 1), dtype=np.float32)
    targets[::7] = 1
    texts = [f"word{number} shared" for number in range(60)]
    view = NgramView(NgramSettings("word", 1, 1, "tfidf", 100.0, min_count=1))
    apart = cross_fit_view(view, texts, targets, FOLDS)
    own = view.fit(texts, targets).predict_logits(texts)
    assert own[targets[:, 0] == 1].min() > own[targets[:, 0] == 0].max(), "the words of its own say it all"
    for fold in range(3):
        assert np.ptp(apart[fold == FOLDS]) < 1e-6, "unseen words say nothing"


def test_a_blend_is_fitted_without_the_rows_it_scores():
    random = np.random.default_rng(0)
    logits = random.normal(size=(2, 60, 1)).astype(np.float32)
    targets = (logits[0] > 0).astype(np.float32)
    blended = cross_fitted_blend(logits, targets, FOLDS)
    flipped = np.where(FOLDS[:, None] == 1, 1 - targets, targets)
    again = cross_fitted_blend(logits, flipped, FOLDS)
    np.testing.assert_array_equal(blended[FOLDS == 1], again[FOLDS == 1])
    assert not np.allclose(blended[FOLDS == 0], again[FOLDS == 0])


def test_a_blend_is_a_logistic_regression_and_takes_unknown_targets():
    random = np.random.default_rng(1)
    logits = random.normal(size=(2, 500, 2)).astype(np.float32)
    odds = 2 * logits[0, :, 0] - 1
    targets = (random.random(500) < 1 / (1 + np.exp(-odds))).astype(np.float32)
    blend = Blend().fit(logits, np.column_stack([targets, np.full(500, np.nan)]), C=100)
    np.testing.assert_allclose(blend.coef[0], [2, 0], atol=0.35)
    assert blend.predict_logits(logits)[:, 1].tolist() == [0] * 500


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": np.zeros((59, 1))}, "targets"),
        ({"folds": np.zeros(60, dtype=int)}, "at least two"),
    ],
)
def test_a_blend_refuses_what_does_not_fit(change, message):
    given = {"logits": np.zeros((1, 60, 1)), "targets": np.zeros((60, 1)), "folds": FOLDS} | change
    with pytest.raises(InputError, match=message):
        cross_fitted_blend(**given)


def test_the_encoder_has_to_have_the_layers(encoder):
    with pytest.raises(InputError, match="layer 3 is asked for, but the encoder has 2"):
        encoder_layers(encoder, 3)


def test_an_encoder_without_a_list_of_layers_is_refused(tmp_path):
    other = load_encoder(save_encoder("distilbert", tmp_path / "other"))
    with pytest.raises(InputError, match="has no list of layers"):
        encoder_layers(other, 1)


def test_the_draw_is_half_positive_where_it_can_be():
    texts = np.array(TEXTS, dtype=object)
    chosen, goals = draw_first(texts, TARGETS, 20, seed=0)
    assert len(chosen) == 20 and (goals >= 0.5).any(axis=1).sum() == 10
    assert len(draw_first(texts, TARGETS, 500, seed=0)[0]) == 60


def test_mentions_and_links_become_one_short_word():
    assert prepare("@ktos_tam  zobacz https://example.org/a?b=c") == "@ zobacz http"


def test_a_stack_is_saved_and_loaded_whole_and_an_interrupted_one_goes_on(encoder, tmp_path, monkeypatch):
    work = tmp_path / "work"
    work.mkdir()
    fitted = fit_stack(TEXTS, TARGETS, FOLDS, encoder, SMALL, work=work)
    assert fitted.view_logits.shape == (4, 60, 6) and fitted.logits.shape == (60, 6)
    assert fitted.model.view_names == ["nb-char_wb-2-5", "layers-mean", "layers-max", "members"]
    monkeypatch.setattr("toxres.training.multiview.fit_member", None)
    again = fit_stack(TEXTS, TARGETS, FOLDS, encoder, SMALL, work=work)
    np.testing.assert_array_equal(again.view_logits, fitted.view_logits)
    (tmp_path / "model").mkdir()
    fitted.model.save(tmp_path / "model")
    loaded = StackModel.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_logits(TEXTS), fitted.model.predict_logits(TEXTS))
    (tmp_path / "model" / "members.safetensors").write_bytes(b"cut")
    with pytest.raises(InputError, match="the stack is broken"):
        StackModel.load(tmp_path / "model")


def test_one_fold_is_too_few_for_a_stack(encoder):
    with pytest.raises(InputError, match="in one fold"):
        fit_stack(TEXTS, TARGETS, np.zeros(60, dtype=int), encoder, SMALL)


def test_the_recipe_makes_a_checkpoint_that_scores(tmp_path):
    folder = trained("multiview")
    checkpoint = load_checkpoint(folder)
    probs = checkpoint.predict_proba(["Ada says the old page is crap", "Ada says the old page is fine"])
    assert probs.shape == (2, 6) and probs[0, 0] > probs[1, 0]
    assert checkpoint.predict_logits([]).shape == (0, 6)
    run = json.loads((folder / "run.json").read_text())
    assert run["recipe"]["family"] == "stack" and run["validation"]


def test_further_sources_come_first_and_one_label_is_enough(tmp_path):
    alone = [{"id": row["id"], "comment_text": row["comment_text"], "toxic": row["toxic"]} for row in comments_rows(90)]
    main = write_comments(tmp_path / "main.csv", alone)
    other = write_comments(tmp_path / "other.csv", comments_rows(60, seed=5))
    folder = train("multiview", [main, other], SMOKE, 0, tmp_path / "out", progress=False)
    probs = load_checkpoint(folder).predict_proba(["Bert says it is crap"])
    assert probs[0, 0] != 0.5 and probs[0, 1:].tolist() == [0.5] * 5
