"""Routing each comment to the model of its group of sites."""

import numpy as np
import pytest
from helpers.training import trained

from toxres.checkpoint import load_checkpoint
from toxres.errors import InputError
from toxres.router import ROUTES, load_router, make_router

TEXTS = ["what a fool", "a fine old bridge", "you utter crap", "thanks for the map"]


@pytest.fixture(scope="module")
def models():
    return {name: trained(name) for name in ("baseline", "custom", "tfidf")}


@pytest.fixture(scope="module")
def folder(models, tmp_path_factory):
    groups = {"wikipedia": models["baseline"], "news": models["custom"], "forum": models["custom"]}
    return make_router(groups, tmp_path_factory.mktemp("router") / "out", models["tfidf"])


def test_each_comment_goes_to_its_groups_model(folder, models):
    probs = load_router(folder).predict_proba(TEXTS, ["news", "wikipedia", "elsewhere", "forum"])
    for row, name in enumerate(["custom", "baseline", "tfidf", "custom"]):
        alone = load_checkpoint(models[name]).predict_proba([TEXTS[row]])[0]
        assert np.allclose(probs[row], alone, atol=1e-5), name


def test_one_group_for_all_and_calibrated(folder, models):
    probs = load_router(folder).predict_proba(TEXTS, "news", calibrated=True)
    assert np.allclose(probs, load_checkpoint(models["custom"]).predict_proba(TEXTS, calibrated=True))
    assert load_router(folder).predict_proba([], "news").shape == (0, 6)


def test_a_model_of_two_groups_is_copied_once(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["model-0", "model-1", "model-2", ROUTES]


def test_an_unknown_group_without_a_fallback(models, tmp_path):
    router = load_router(make_router({"news": models["tfidf"]}, tmp_path / "out"))
    with pytest.raises(InputError, match=r"group 'chess' has no model; choose one of: news"):
        router.predict_proba(["hello"], "chess")


def test_as_many_groups_as_texts(folder):
    with pytest.raises(InputError, match="1 for 4 texts"):
        load_router(folder).predict_proba(TEXTS, ["news"])


@pytest.mark.parametrize(
    ("groups", "problem"),
    [
        ({}, "no group is given"),
        ({" ": "tfidf"}, "name is empty"),
        ({"news": "nowhere"}, "nowhere: no such checkpoint"),
    ],
)
def test_what_can_not_be_made_leaves_nothing(groups, problem, models, tmp_path):
    with pytest.raises(InputError, match=problem):
        make_router({group: models.get(name, name) for group, name in groups.items()}, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_replaced(folder, models):
    with pytest.raises(InputError, match="exists"):
        make_router({"news": models["tfidf"]}, folder)


@pytest.mark.parametrize("text", ["{", "[]", '{"groups": {}}', '{"groups": {"a": "gone"}, "fallback": null}'])
def test_broken_routes(text, tmp_path):
    with pytest.raises(InputError, match="is missing"):
        load_router(tmp_path)
    (tmp_path / ROUTES).write_text(text)
    with pytest.raises(InputError, match="make the router again"):
        load_router(tmp_path)
