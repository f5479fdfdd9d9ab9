"""The experiment `explained`: its cells, what it is tuned and scored on, what it writes, what its summary says."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from helpers.explanations import explained as explanation

from toxres.config import FULL, SMOKE
from toxres.errors import InputError
from toxres.experiments import explained, explained_cells, explained_summary, explained_told
from toxres.experiments.explained_cells import ALONE, Cell, cells
from toxres.files import read_json

BAD = ("rotten", "vile")
LABELS = ("toxic", "insult")


def comments(source, split=None, **_):
    """Written comments: those with a bad word are called toxic; a few stand in the test fold, or are official."""
    texts = [f"what a {('vile', 'fine')[number % 2]} plan number {number} this is" for number in range(40)]
    frame = pd.DataFrame({"id": [f"{source}-{number}" for number in range(40)], "text": texts})
    frame["fold"] = [number % 4 - 1 for number in range(40)]
    frame["spans"] = [[(7, 11, "toxic"), (7, 11, "insult")] if number % 2 == 0 else [] for number in range(40)]
    frame.attrs["sha256"] = "ab" * 32
    if split is not None:
        frame = frame[frame["fold"] == {"test": 0, "validation": 1}[split]].reset_index(drop=True)
        frame.loc[::2, "text"] = [text.replace("fine", "vile") for text in frame["text"][::2]]
        frame["spans"] = [[(7, 11, "toxic")] if "vile" in text else [] for text in frame["text"]]
        frame.attrs["sha256"] = "cd" * 32
    return frame


def fake_explain(checkpoint, texts, method="occlusion", labels=None, **options):
    """Attributions of 1 for bad words and a little for the others; "random" has them the other way round."""
    fake_explain.calls.append((getattr(checkpoint, "name", None), method, labels, options, len(texts)))
    made = []
    for text in texts:
        plain = explanation(text, [0.0] * len(explanation_words(text)))
        values = [1.0 if word in BAD else 0.1 for word in plain.word_texts()]
        values = [1.1 - value for value in values] if method == "random" else values
        names = LABELS if labels is None else tuple(labels)
        score = np.nan if checkpoint is None else (2.0 if any(word in text for word in BAD) else -2.0)
        made.append(explanation(text, *[values] * len(names), labels=names, score=score, method=method))
    return made


def explanation_words(text):
    import re

    return re.findall(r"\w+|[^\w\s]+", text)


def fake_checkpoint(model):
    def predict_proba(texts):
        return np.array([[0.9 if any(word in text for word in BAD) else 0.2, 0.1] for text in texts])

    run = {"key": "k", "seed": 0, "rows_train": 9, "rows_sha256": "ef" * 32, "seconds": 1.0, "commit": "c0ffee"}
    run |= {"date": "2030-01-02T00:00:00", "versions": {}, "preset": {"name": "full"}, "initial": None}
    run |= {"sources": [{"name": "jigsaw", "sha256": "ab" * 32, "origin": "/secret/train.csv"}]}
    return SimpleNamespace(name=model, labels=LABELS, predict_proba=predict_proba, run=run, path=Path(model))


@pytest.fixture
def lab(monkeypatch, bare_data, tmp_path):
    """The experiment with written data, a fake model and fake explanations; results go to a folder of the test."""
    (bare_data / "toxic_spans").mkdir()
    for split, count in (("train", 30), ("trial", 20), ("test", 12)):
        rows = [f'"[0, 1, 2, 3]","vile {split} post number {number}"' for number in range(count - 2)]
        rows += ['[],"a fine day for all"', f'[],"thanks from {split}"']
        path = bare_data / "toxic_spans" / f"tsd_{split}.csv"
        path.write_text("spans,text\n" + "\n".join(rows) + "\n")
    fake_explain.calls = []
    monkeypatch.setattr(explained_cells, "load_comments", comments)
    monkeypatch.setattr("toxres.explain.explain", fake_explain, raising=False)
    monkeypatch.setattr(explained, "checkpoint_of", fake_checkpoint)
    monkeypatch.setattr(explained_cells, "RESULTS", tmp_path / "results" / "explained")
    monkeypatch.setattr(explained, "RESULTS", tmp_path / "results" / "explained")
    monkeypatch.setattr(explained, "WORK", tmp_path / "work")
    monkeypatch.setattr(explained_cells, "WORK", tmp_path / "work")
    explained.explained_comments.cache_clear()
    explained_cells.data_sources.cache_clear()
    yield tmp_path / "results" / "explained"
    explained.explained_comments.cache_clear()
    explained_cells.data_sources.cache_clear()


def test_attention_is_explained_of_models_that_pool_by_it_and_controls_are_marked_once():
    every = cells([ALONE, *explained_cells.MODELS])
    assert {cell.model for cell in every if cell.method == "attention"} == {
        "custom", "attention_bce", "attention_shallow",
    }  # fmt: skip
    recipe, preset, sources = explained_cells.settings_of("attention_shallow")
    assert (recipe, preset.encoder, preset.freeze_embeddings) == ("attention_bce", "minilm:1", False)
    assert sources[0] == "civil_spans" and set(sources) == set(explained_cells.SOURCES)
    assert explained_cells.settings_of("custom") == ("custom", FULL, explained_cells.SOURCES)
    assert explained_cells.settings_of("attention_shallow", SMOKE)[1].encoder == "tiny:1"
    assert explained_cells.settings_of("custom", SMOKE) == ("custom", SMOKE, explained_cells.SOURCES)
    assert {cell.method for cell in every if cell.model == ALONE} == set(explained_cells.CONTROLS)
    assert [cell.name for cell in every if cell.marks and cell.method == "lexicon"] == ["none-lexicon"]
    assert not any(cell.faithful for cell in every if cell.model == ALONE)
    assert Cell("custom", "random").faithful and not Cell("custom", "random").marks
    assert len(every) == len({cell.name for cell in every})
    assert cells(["custom"], ["attention"]) == [Cell("custom", "attention")]


def test_a_model_that_takes_long_to_train_is_left_out_until_it_is_there(lab):
    assert "ulmfit" not in {cell.model for cell in cells()}
    (explained_cells.WORK / "ulmfit").mkdir(parents=True)
    (explained_cells.WORK / "ulmfit" / "run.json").write_text("{}")
    assert "ulmfit" in {cell.model for cell in cells()}


def test_names_that_do_not_exist_are_refused(capsys):
    with pytest.raises(InputError, match="unknown model 'costum'; choose out of: custom"):
        cells(["costum"])
    with pytest.raises(SystemExit):
        explained.main(["--methods", "guess"])
    assert "unknown method 'guess'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        explained.main(["--limit", "0"])
    assert "give 1 or more" in capsys.readouterr().err


def test_rules_are_tuned_on_nothing_that_is_tested(lab, monkeypatch):
    held = comments("civil_spans")
    held.loc[0, "text"], held.loc[1, "text"] = "vile trial post number 3", "Vile TRIAL post number 5"
    monkeypatch.setattr(explained_cells, "load_comments", lambda *_, **__: held)
    posts = explained_cells.tuning_posts()
    assert "vile trial post number 4" in posts.texts
    assert "vile trial post number 3" not in posts.texts, "an official test text"
    assert "vile trial post number 5" not in posts.texts, "of the test fold, but for case"
    assert "a fine day for all" not in posts.texts, "in the test file too"
    assert [post.split("-")[0] for post in posts.ids] == ["tsd_trial"] * 17 + ["tsd_train"] * 29
    assert set(posts.sources) == {"tsd_trial", "tsd_train"}
    assert {post.split("-")[0] for post in explained_cells.tuning_posts(files=("trial",)).ids} == {"tsd_trial"}
    assert len(explained_cells.tuning_posts(20).ids) == 20
    assert explained_cells.tuning_posts(20).ids == explained_cells.tuning_posts(20).ids


def test_planted_posts_are_those_with_a_toxic_phrase(lab):
    posts = explained_cells.planted_posts("validation")
    assert posts.texts and all("vile" in text for text in posts.texts) and set(posts.gold) == {((7, 11),)}


def test_comments_to_be_explained_are_what_the_model_calls_toxic(lab):
    chosen = explained_cells.toxic_comments(fake_checkpoint("custom"), 6)
    assert chosen["source"].value_counts().to_dict() == {"jigsaw": 3, "civil_spans": 3}
    assert all("vile" in text for text in chosen["text"])
    harmless = SimpleNamespace(labels=LABELS, predict_proba=lambda texts: np.zeros((len(texts), 2)), path=Path("mild"))
    with pytest.raises(InputError, match="mild: calls no validation comment toxic"):
        explained_cells.toxic_comments(harmless)


def test_a_cell_writes_figures_by_post_and_no_text(lab):
    record = explained.execute(Cell("custom", "occlusion"))
    assert record["tuned"]["tsd_test"]["f1"] == 1.0 and record["tuned"]["tsd_test"]["posts"] == 48
    spans = pd.read_csv(lab / "custom-occlusion.spans.csv")
    assert spans["set"].value_counts().to_dict() == {"tsd_test": 12, "synthetic": 5}
    assert spans.loc[spans["set"] == "tsd_test", "f1"].tolist() == [1.0] * 12
    assert spans["ap"].isna().sum() == 2, "of the two posts without a gold word"
    assert spans["probability"].max() == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-4)
    deleted = pd.read_csv(lab / "custom-occlusion.faithful.csv")
    assert deleted["comprehensiveness@0.01"].to_numpy() == pytest.approx(0.7)
    assert deleted["sufficiency@0.01"].to_numpy() == pytest.approx(0.0)
    assert deleted[["deleted@0", "deleted@0.01", "deleted@1"]].iloc[0].tolist() == pytest.approx([0.9, 0.2, 0.2])
    written = "".join(path.read_text() for path in lab.iterdir())
    assert "vile" not in written and "secret" not in written
    told = read_json(lab / "custom-occlusion.json")
    assert told["checkpoints"]["custom"]["sources"] == {"jigsaw": "ab" * 32}
    assert set(told["sources"]) == {"tsd_trial", "tsd_train", "tsd_test", "synthetic", "jigsaw", "civil_spans"}


def test_a_control_asks_no_model_and_the_span_model_is_tuned_on_what_it_has_not_learned(lab):
    explained.execute(Cell(ALONE, "lexicon"))
    assert {call[0] for call in fake_explain.calls} == {None}
    assert not (lab / "none-lexicon.faithful.csv").exists()
    fake_explain.calls.clear()
    record = explained.execute(Cell(ALONE, "supervised"))
    assert {call[0] for call in fake_explain.calls} == {"spans"}
    assert "tsd_train" not in record["sources"] and record["tuned"]["tsd_test"]["posts"] == 19
    fake_explain.calls.clear()
    explained.execute(Cell("custom", "supervised"))
    (name, method, labels, options, _), *others = fake_explain.calls
    assert (name, method, labels) == ("custom", "supervised", ["toxic"])
    assert [call[1] for call in others] == ["lexicon"], "which words the model reads is asked of the model"
    assert options["spans"].name == "spans"
    assert set(read_json(lab / "custom-supervised.json")["checkpoints"]) == {"custom", "spans"}


def test_what_is_done_is_not_repeated_and_a_trial_is_no_result(lab, capsys):
    assert explained.continue_experiment(["custom"], ["attention"], limit=5) == 1
    assert not lab.exists() and (explained.WORK / "trial" / "custom-attention.json").is_file()
    assert explained.continue_experiment(["custom"], ["attention"]) == 1
    fake_explain.calls.clear()
    assert explained.continue_experiment(["custom"], ["attention"]) == 0 and not fake_explain.calls
    assert "custom-attention: done after" in capsys.readouterr().out


def test_convergence_is_counted():
    made = explanation("so it goes", [1.0, 1.0, 1.0], score=3.0)
    ends = {"baseline_scores": np.array([0.0])}
    shares = [
        explained.converged_share([SimpleNamespace(scores=made.scores, convergence_delta=np.array([delta]), **ends)])
        for delta in (0.1, -0.2, 0.15)
    ]
    assert shares == [1.0, 0.0, 1.0]


def test_the_summary_and_its_sentences(lab, tmp_path):
    with pytest.raises(InputError, match="no cell is done"):
        explained_summary.summarise()
    chosen = ("attention", "occlusion", "random", "lexicon")
    for cell in [*cells(["custom"], chosen), *cells([ALONE], chosen)]:
        explained.execute(cell)
    headline = tmp_path / "headline.json"
    found = explained_summary.write_summary(headline_path=headline)
    assert json.loads((lab.with_suffix(".json")).read_text())["headline"] == json.loads(json.dumps(found["headline"]))
    assert found["headline"]["attention"] == {"model": "custom", "f1": 1.0, "low": 1.0, "high": 1.0}
    assert found["headline"]["random"]["model"] == ALONE and found["headline"]["random"]["f1"] < 0.7
    figures = read_json(headline)
    assert figures["spans.test.f1.attention"] == 1.0 and "spans.test.f1.supervised" not in figures
    assert figures["spans.test.f1._run"]["models"]["attention"] == "custom"
    assert set(figures["spans.test.f1._run"]) >= {"preset", "sources", "commit", "date"}
    rows = {(row["measure"], row["a"], row["b"]): row for row in found["differences"]}
    assert rows["tsd_test", "attention", "occlusion"]["difference"] == 0
    assert rows["comprehensiveness", "attention", "random"]["low"] > 0
    assert rows["sufficiency", "attention", "random"]["high"] < 0, "less is better"
    assert rows["tsd_test", "attention", "random"]["tests"] == len([key for key in rows if key[0] == "tsd_test"])
    table = explained_summary.plausibility_table(found)
    assert table.loc[("custom", "attention"), "f1"] == 1.0 and table.loc[("none", "random"), "posts"] == 12
    aopc = explained_summary.faithfulness_table(found)
    assert aopc.loc[("custom", "occlusion"), ("comprehensiveness", "score")] == pytest.approx(0.7)
    shares, probs, low, high = explained_summary.deletion_curves(found, "custom")["attention"]
    assert all(a - 1e-9 <= b <= c + 1e-9 for a, b, c in zip(low, probs, high, strict=True))
    assert shares[0] == 0 and probs[0] == pytest.approx(0.9) and probs[-1] == pytest.approx(0.2)
    assert "12 test posts of SemEval-2021 Task 5; rules tuned on 48 other posts" in explained_summary.told_origin(found)
    assert (
        explained_told.answer(found)
        == "For “custom”, its attention is as faithful an explanation as any that was tried."
    )
    sentences = explained_told.attention_sentences(found)
    assert any("attention against random: better in sufficiency (less is better)" in told for told in sentences)
    assert any("occlusion: no difference in comprehensiveness could be shown" in told for told in sentences)
    assert explained_told.plausible_sentences(found)[-1].startswith("random: character F1")
    assert len(explained_told.told(found)) == 2 + len(chosen)


@pytest.mark.parametrize(
    ("signs", "told"),
    [
        ({"random": (1, 1), "occlusion": (-1, 0)}, "says more of its scores than chance, and less than word occlusion"),
        ({"random": (1, 0)}, "more of its scores than chance by one of the two measures alone"),
        ({"random": (-1, 0)}, "is not shown to say more of its scores than chance"),
    ],
)
def test_the_answer_follows_from_the_differences(signs, told):
    rows = []
    for rival, pair in signs.items():
        for measure, sign in zip(("comprehensiveness", "sufficiency"), pair, strict=True):
            value = sign * (0.2 if measure == "comprehensiveness" else -0.2)
            ends = {"low": value - 0.1, "high": value + 0.1, "p_holm": 0.01}
            rows.append({"measure": measure, "model": "m", "a": "attention", "b": rival, "difference": value, **ends})
    assert told in explained_told.answer({"differences": rows})
    assert "No model with attention pooling" in explained_told.answer({"differences": []})


def test_models_of_six_layers_are_asked_about_a_draw_and_controls_compared_on_it(lab, monkeypatch):
    monkeypatch.setattr(explained_cells, "DRAWN_POSTS", explained_cells.Sizes(8, 5, 6))
    for cell in (Cell(ALONE, "random"), Cell("custom", "attention"), Cell("custom", "random")):
        explained.execute(cell)
    every, drawn = (pd.read_csv(lab / f"{name}.spans.csv") for name in ("none-random", "custom-attention"))
    assert (every["set"] == "tsd_test").sum() == 12 and (drawn["set"] == "tsd_test").sum() == 5
    assert set(drawn["id"]) < set(every["id"]) and len(pd.read_csv(lab / "custom-attention.faithful.csv")) == 6
    found = explained_summary.summarise()
    tests = {row["measure"]: row["n"] for row in found["differences"] if row["b"] == "random"}
    assert tests["tsd_test"] == 5 and tests["comprehensiveness"] == 6
    tuned = {row["model"]: row["tuned_on"] for row in found["plausibility"] if row["set"] == "tsd_test"}
    assert tuned == {"custom": 8, ALONE: 48}
    assert "5 to 12 test posts of SemEval-2021 Task 5; rules tuned on 8 to 48" in explained_summary.told_origin(found)


def test_cells_that_scored_other_posts_are_refused(lab):
    explained.execute(Cell("custom", "attention"))
    explained.execute(Cell("custom", "occlusion"))
    path = lab / "custom-occlusion.faithful.csv"
    path.write_text(path.read_text().replace("jigsaw-", "other-"))
    with pytest.raises(InputError, match="custom-occlusion scored other posts than custom-attention"):
        explained_summary.summarise()
    path.unlink()
    with pytest.raises(InputError, match=r"custom-occlusion\.faithful\.csv: is missing beside its record"):
        explained_summary.summarise()


def test_a_trial_put_among_the_results_is_refused(lab):
    explained.execute(Cell("custom", "attention"), limit=4, folder=lab)
    with pytest.raises(InputError, match="is a trial on few posts"):
        explained_summary.summarise()


def test_words_that_a_model_does_not_read_are_no_part_of_marks_about_it(lab, monkeypatch):
    def cut(cell, texts):
        made = [explanation(text, [0.1, 0.2, 0.9]) for text in texts]
        if cell.method == "lexicon":
            for each in made:
                each.read[-1] = False
        return made

    monkeypatch.setattr(explained, "explanations_of", cut)
    (found,) = explained._as_read_by("custom", cut(Cell("custom", "supervised"), ["a vile plan"]))
    assert found.read.tolist() == [True, True, False] and found.of("toxic").tolist() == [0.1, 0.2, 0.9]
