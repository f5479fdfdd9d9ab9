"""Routing each comment to the model of its group of sites."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers.training import trained

import toxres
from toxres.api import evaluate
from toxres.checkpoint import load_checkpoint
from toxres.cli import main
from toxres.errors import InputError
from toxres.evaluation import evaluate_probs
from toxres.labels import LABELS
from toxres.router import ROUTES, Router, load_router, make_router, open_model

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


def test_predictions_carry_each_models_own_thresholds_and_calibration(folder, models):
    groups = ["news", "wikipedia", "elsewhere", "forum"]
    found = load_router(folder).predict(TEXTS, groups)
    for row, name in enumerate(["custom", "baseline", "tfidf", "custom"]):
        alone = load_checkpoint(models[name])
        logits = alone.predict_logits([TEXTS[row]])
        assert np.allclose(found.logits[row], logits[0], atol=1e-4)
        assert np.allclose(found.calibrated[row], alone.calibration.apply(logits)[0], atol=1e-4)
        assert np.array_equal(found.thresholds[row], alone.thresholds)
    assert not np.array_equal(found.thresholds[0], found.thresholds[1])


def test_a_folder_is_opened_as_what_it_is(folder, models):
    assert isinstance(open_model(folder), Router)
    assert open_model(models["tfidf"]).recipe == "tfidf"
    with pytest.raises(InputError, match="no such checkpoint"):
        open_model(folder / "nowhere")


ROWS = [
    ("a", "what a fool", "news", 1),
    ("b", "a fine old bridge", "wikipedia", 0),
    ("c", "you utter crap", "wikipedia", 1),
    ("d", "thanks for the map", "forum", 0),
]


@pytest.fixture(params=["in.csv", "in.jsonl", "in.parquet"])
def comments(request, tmp_path):
    frame = pd.DataFrame(ROWS, columns=["id", "comment_text", "group", "toxic"])
    path = tmp_path / request.param
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_parquet(path)
    return path


def test_score_routes_each_row_by_its_own_group(comments, folder, tmp_path, capsys):
    command = ["score", str(comments), "--checkpoint", str(folder), "--out", str(tmp_path / "out.csv")]
    assert main([*command, "--chunk", "3"]) == 0
    capsys.readouterr()
    scores = pd.read_csv(tmp_path / "out.csv")
    assert list(scores.columns) == ["id", *LABELS] and list(scores["id"]) == ["a", "b", "c", "d"]
    texts, groups = [row[1] for row in ROWS], [row[2] for row in ROWS]
    wanted = load_router(folder).predict_proba(texts, groups)
    np.testing.assert_allclose(scores[list(LABELS)], wanted, rtol=1e-4)
    alone = [load_checkpoint(trained("custom" if g != "wikipedia" else "baseline")) for g in groups]
    direct = np.concatenate([model.predict_proba([text]) for model, text in zip(alone, texts, strict=True)])
    np.testing.assert_allclose(scores[list(LABELS)], direct, rtol=1e-3, atol=1e-5)


def test_one_group_for_all_rows_and_a_named_column(comments, folder, models, tmp_path):
    out = tmp_path / "out.csv"
    texts = [row[1] for row in ROWS]
    toxres.score(comments, folder, out, group="news", calibrated=True)
    wanted = load_checkpoint(models["custom"]).predict_proba(texts, calibrated=True)
    np.testing.assert_allclose(pd.read_csv(out)[list(LABELS)], wanted, rtol=1e-3, atol=1e-5)
    toxres.score(
        comments, toxres.load_router(folder), out, group_column="id", replace=True
    )  # no id is a group: the fallback
    wanted = load_checkpoint(models["tfidf"]).predict_proba(texts)
    np.testing.assert_allclose(pd.read_csv(out)[list(LABELS)], wanted, rtol=1e-3, atol=1e-5)


def test_lines_of_text_need_one_group(folder, tmp_path, capsys):
    (tmp_path / "in.txt").write_text("what a fool\n\nfine\n")
    command = ["score", str(tmp_path / "in.txt"), "--checkpoint", str(folder), "--out", str(tmp_path / "out.csv")]
    assert main(command) == 2
    assert "in.txt: lines of text have no column 'group'; name the column" in capsys.readouterr().err
    assert main([*command, "--group", "news"]) == 0
    assert list(pd.read_csv(tmp_path / "out.csv")["row"]) == [1, 3]


@pytest.fixture
def strict(models, tmp_path):
    """A router of two groups without a fallback."""
    return make_router({"news": models["tfidf"], "wikipedia": models["baseline"]}, tmp_path / "strict")


BROKEN = {
    "in.csv": (
        "comment_text,group\na,news\nb, wikipedia \nc,chess\n",
        "in.csv: row 3: group 'chess' has no model; choose one of: news, wikipedia",
    ),
    "empty.csv": ("comment_text,group\na,news\nb, \n", "empty.csv: row 2, field 'group' is empty; name the group"),
    "none.csv": ("comment_text\na\n", "none.csv: no column 'group'; name the column of groups with --group-column"),
    "in.jsonl": (
        '{"text": "a", "group": "news"}\n\n{"text": "b", "group": "go"}\n',
        "in.jsonl: line 3: group 'go' has no model",
    ),
    "part.jsonl": ('{"text": "a", "group": "news"}\n{"text": "b"}\n', "part.jsonl: line 2: no column 'group'"),
    "number.jsonl": ('{"text": "a", "group": 7}\n', "number.jsonl: line 1, 'group' is not text; name the group"),
    "null.jsonl": ('{"text": "a", "group": null}\n', "null.jsonl: line 1, 'group' is not text"),
}


@pytest.mark.parametrize("out", ["out.csv", "-"])
@pytest.mark.parametrize("name", BROKEN)
def test_rows_without_a_model_are_refused_before_any_is_scored(name, out, strict, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Router, "predict_proba", lambda *arguments: pytest.fail("scored"))
    content, complaint = BROKEN[name]
    (tmp_path / name).write_text(content)
    wanted = out if out == "-" else str(tmp_path / out)
    command = ["score", str(tmp_path / name), "--checkpoint", str(strict), "--out", wanted, "--strict", "--chunk", "1"]
    assert main(command) == 2
    printed = capsys.readouterr()
    assert complaint in printed.err and len(printed.err.splitlines()) == 1 and printed.out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "strict"])


def test_groups_of_a_plain_checkpoint_and_two_ways_to_name_them(models, strict, tmp_path, capsys):
    (tmp_path / "in.csv").write_text("comment_text,group\na,news\n")
    command = ["score", str(tmp_path / "in.csv"), "--out", str(tmp_path / "out.csv"), "--checkpoint"]
    for option in ("--group", "--group-column"):
        assert main([*command, str(models["tfidf"]), option, "news"]) == 2
        line = capsys.readouterr().err
        assert f"{option}: {models['tfidf']} is one checkpoint for all groups; leave {option} out" in line
    assert main([*command, str(strict), "--group", "chess"]) == 2
    assert "group 'chess' has no model; choose one of: news, wikipedia" in capsys.readouterr().err
    assert main([*command, str(strict), "--group", "news", "--group-column", "group"]) == 2
    assert "not allowed with argument --group" in capsys.readouterr().err
    with pytest.raises(InputError, match="both given"):
        toxres.score(tmp_path / "in.csv", strict, tmp_path / "out.csv", group="news", group_column="group")
    assert not (tmp_path / "out.csv").exists()
    assert main([*command, str(models["tfidf"])]) == 0, "a column called group means nothing to one checkpoint"


def test_evaluate_uses_the_rows_own_groups(folder, models, tmp_path, capsys):
    frame = pd.DataFrame(ROWS, columns=["id", "comment_text", "group", "toxic"])
    frame.to_csv(tmp_path / "mine.csv", index=False)
    command = ["evaluate", str(folder), "--source", str(tmp_path / "mine.csv"), "--json", str(tmp_path / "out.json")]
    assert main(command) == 0
    assert capsys.readouterr().out.startswith("router (run ")
    report = json.loads((tmp_path / "out.json").read_text())
    found = load_router(folder).predict(frame["comment_text"].tolist(), frame["group"].tolist())
    truth = np.full((4, 6), np.nan)
    truth[:, 0] = frame["toxic"]
    probs = load_router(folder).predict_proba(frame["comment_text"].tolist(), frame["group"].tolist())
    wanted = evaluate_probs(truth, probs, found.thresholds, found.calibrated)
    assert report["evaluation"]["macro"]["auroc"] == pytest.approx(wanted.macro["auroc"])
    assert report["evaluation"]["macro"]["ece_calibrated"] == pytest.approx(wanted.macro["ece_calibrated"])
    assert report["run"]["preset"] == "smoke" and report["caution"] == ""


def test_evaluate_names_the_comment_without_a_model(strict, tmp_path):
    (tmp_path / "mine.csv").write_text("id,comment_text,group,toxic\n1,a,news,1\n2,b,chess,0\n")
    with pytest.raises(InputError, match=r"mine.csv: comment '2': group 'chess' has no model; choose one of: news"):
        evaluate(strict, tmp_path / "mine.csv")


def test_evaluate_warns_of_every_model_that_answered(models, tmp_path):
    router = make_router({"a": models["baseline"], "b": models["tfidf"]}, tmp_path / "router")
    source = load_checkpoint(models["baseline"]).run["sources"][0]["name"]
    mine = pd.read_csv(source).assign(group="a")
    mine.to_csv(tmp_path / "mine.csv", index=False)
    assert evaluate(router, tmp_path / "mine.csv").caution == ""
    for run in load_router(router).runs(["a", "b"]):
        assert run["sources"][0]["name"] == source
    pd.read_csv(source).to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(InputError, match="group 'csv' has no model"):
        evaluate(router, tmp_path / "other.csv")
    fallback = make_router({"a": models["tfidf"]}, tmp_path / "fallback", models["baseline"])
    assert "baseline was trained on rows of" in evaluate(fallback, source).caution


def test_a_router_is_compared_like_a_checkpoint(folder, models, tmp_path):
    pd.DataFrame(ROWS, columns=["id", "comment_text", "group", "toxic"]).to_csv(tmp_path / "mine.csv", index=False)
    found = toxres.compare(folder, folder, tmp_path / "mine.csv", n_resamples=10)
    assert found.first.name == "router" and found.differences["ap"].difference == 0


def test_the_verb_makes_a_router(models, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["router", f"news={models['tfidf']}", f"forum = {models['baseline']}", "--out", str(out)]
    assert main([*command, "--fallback", str(models["custom"])]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"router: {out}"
    router = load_router(out)
    assert [router.checkpoint(router.route(group)).recipe for group in ("news", "forum", "else")] == [
        *("tfidf", "baseline", "custom")
    ]
    assert main(command) == 2
    assert "exists; remove it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("routes", "complaint"),
    [
        (["news"], "'news': is no route; write GROUP=DIR"),
        (["news="], "'news=': is no route"),
        (["=x"], "'=x': is no route"),
        (["news=a", "news=b"], "group 'news' has a checkpoint already, a; name it once"),
        (["news=/no/where"], "/no/where: no such checkpoint folder"),
    ],
)
def test_broken_routes_of_the_verb(routes, complaint, tmp_path, capsys):
    assert main(["router", *routes, "--out", str(tmp_path / "out")]) == 2
    assert complaint in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
