"""The TF-IDF floor: scikit-learn's own pipeline, saved without a pickle."""

import numpy as np
import pytest
from helpers.training import comments_rows
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline

from toxres.errors import InputError
from toxres.labels import LABELS
from toxres.models.tfidf import VOCABULARY, WEIGHTS, TfidfModel

NAN = float("nan")
NEW = ["Ada says the crap table", "fine and quiet, thanks", "日本語 😀", "", "zzz qqq"]


def data(count: int = 120) -> tuple[list[str], np.ndarray]:
    rows = comments_rows(count)
    return [row["comment_text"] for row in rows], np.array([[row[label] for label in LABELS] for row in rows], float)


@pytest.fixture(scope="module")
def fitted() -> TfidfModel:
    texts, targets = data()
    targets[::3, 0] = NAN
    targets[:, 4] = np.where(targets[:, 4] == 1, 0.5, 0.4)
    return TfidfModel().fit(texts, targets)


def test_is_scikit_learns_pipeline(fitted):
    texts, targets = data()
    known = np.arange(len(texts)) % 3 != 0
    for index, rows in ((0, known), (2, slice(None)), (3, slice(None)), (4, slice(None))):
        union = FeatureUnion(
            [
                ("w", TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)),
                ("c", TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2)),
            ]
        ).fit(texts)
        reference = make_pipeline(union, LogisticRegression(class_weight="balanced", C=4.0, solver="liblinear"))
        selected = np.asarray(texts, dtype=object)[rows]
        reference[1].fit(union.transform(selected), targets[rows, index])
        for some in (texts, NEW):
            expected = reference.decision_function(some)
            np.testing.assert_allclose(fitted.predict_logits(some)[:, index], expected, atol=1e-4)


def test_saved_and_loaded_gives_the_same_logits_without_a_pickle(fitted, tmp_path):
    fitted.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([WEIGHTS, VOCABULARY])
    loaded = TfidfModel.load(tmp_path)
    texts = [*data()[0], *NEW]
    np.testing.assert_array_equal(loaded.predict_logits(texts), fitted.predict_logits(texts))
    assert loaded.predict_logits(texts).dtype == np.float32
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        assert b"sklearn" not in content and not content.startswith(b"\x80")


def test_every_file_can_be_read_by_whom_the_umask_lets(fitted, tmp_path):
    fitted.save(tmp_path)
    (tmp_path / "plain").write_bytes(b"")
    assert len({path.stat().st_mode for path in tmp_path.iterdir()}) == 1


def test_a_label_of_one_class_predicts_its_smoothed_share(fitted):
    texts, targets = data(40)
    targets[:, 5] = 1
    targets[:, 4] = NAN
    model = TfidfModel().fit(texts, targets)
    probs = model.predict_proba([*texts[:3], *NEW])
    np.testing.assert_allclose(probs[:, 1], 1 / 42, atol=1e-6)
    np.testing.assert_allclose(probs[:, 5], 41 / 42, atol=1e-6)
    np.testing.assert_allclose(probs[:, 4], 0.5, atol=1e-6)


def test_probabilities_are_the_sigmoid_of_logits(fitted):
    logits = fitted.predict_logits(NEW).astype(float)
    np.testing.assert_allclose(fitted.predict_proba(NEW), 1 / (1 + np.exp(-logits)), rtol=1e-5)


def test_no_texts(fitted):
    assert fitted.predict_logits([]).shape == (0, 6)


def test_texts_without_a_common_ngram_are_one_line():
    with pytest.raises(InputError, match="2 comments") as caught:
        TfidfModel().fit(["ab", "yz"], np.zeros((2, 6)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [WEIGHTS, VOCABULARY])
@pytest.mark.parametrize("content", [None, b"", b"{", b'{"word": []}'])
def test_broken_files_are_one_line(name, content, fitted, tmp_path):
    fitted.save(tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        TfidfModel.load(tmp_path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_vocabulary_of_another_model_is_refused(fitted, tmp_path):
    fitted.save(tmp_path)
    text = (tmp_path / VOCABULARY).read_text()
    (tmp_path / VOCABULARY).write_text(text.replace('"ada",', ""))
    with pytest.raises(InputError, match="broken"):
        TfidfModel.load(tmp_path)
