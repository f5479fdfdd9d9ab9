"""What notebooks share: models trained once, scores computed once, captions that say which comments were used."""

import dataclasses
from types import SimpleNamespace

import pytest

from toxres import lab
from toxres.config import SMOKE


def test_training_once_gives_scores_and_pooling_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("TOXRES_BUILD", str(tmp_path))
    checkpoint = lab.train_once("custom", "synthetic", "smoke")
    stamp = (checkpoint.path / "run.json").stat().st_mtime_ns
    again = lab.train_once("custom", "synthetic", "smoke")
    assert (again.path / "run.json").stat().st_mtime_ns == stamp
    tokens, weights = lab.pooling_weights(checkpoint, "so kind")
    assert tokens == ["[CLS]", "so", "kind", "[SEP]"]
    assert list(weights) == ["[CLS]", "mean", "attention"]
    for values in weights.values():
        assert len(values) == len(tokens) and sum(values) == pytest.approx(1, abs=1e-5)

    scored = lab.score_split(checkpoint, "synthetic", "test")
    assert len(scored.probs) == lab.SCORED_PER_TRAINED * SMOKE.max_rows
    assert scored.origin == "synthetic corpus, 192 test comments drawn at random; preset smoke"
    assert lab.trained_on(checkpoint) == "synthetic corpus, 96 training comments drawn at random; preset smoke"
    monkeypatch.setattr(type(checkpoint), "predict_logits", lambda *_: pytest.fail("scored twice"))
    assert (lab.score_split(again, "synthetic", "test").probs == scored.probs).all()
    assert lab.settings_table(checkpoint).loc["training comments", "custom"] == 96
    assert lab.selected_by(checkpoint.run) == "macro_ap"
    other = lab.load_checkpoint(checkpoint.path)
    other.run = other.run | {"date": "later"}
    with pytest.raises(pytest.fail.Exception, match="scored twice"):
        lab.score_split(other, "synthetic", "test")


def test_only_presets_that_limit_the_rows_limit_the_scores():
    assert lab.scored_rows(dataclasses.asdict(SMOKE)) == 192
    assert lab.scored_rows({"max_rows": None}) is None


def test_an_origin_says_whose_comments_they_are():
    assert lab.origin("synthetic", 1_200, "test") == "synthetic corpus, 1,200 test comments"
    assert lab.origin("jigsaw", 159_571) == "Jigsaw, 159,571 comments"
    assert lab.origin("jigsaw", 31_914, "test") == "Jigsaw, 31,914 test comments"
    assert lab.origin("jigsaw", 1_172, "test") == "Jigsaw sample, 1,172 test comments"
    told = lab.origin("jigsaw", 1_000, "train", drawn=True)
    assert told == "Jigsaw sample, 1,000 training comments drawn at random"


def test_a_browser_gets_real_comments_and_cases_where_they_are(tmp_path, monkeypatch):
    monkeypatch.setenv("TOXRES_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("toxres.data.paths.ROOT", tmp_path)
    alone = lab.comments_to_browse("synthetic", most=5)
    assert len(alone) == 5 and set(alone["source"]) == {"synthetic"} and set(alone["functionality"]) == {""}
    assert lab.browsed_origin(alone, "synthetic") == "synthetic corpus, 5 of its validation comments"
    (tmp_path / "hatecheck").mkdir()
    head = "functionality,case_id,test_case,label_gold,target_ident,templ_id\n"
    rows = "derog_dehum_h,7,Martians are vermin.,hateful,Martians,1\nprofanity_nh,8,Damn the rain.,non-hateful,,2\n"
    (tmp_path / "hatecheck" / "test_suite_cases.csv").write_text(head + rows, encoding="utf-8")
    both = lab.comments_to_browse("synthetic", most=5).iloc[5:]
    assert both[["id", "group", "functionality", "source"]].values.tolist() == [
        ["7", "Martians", "derog_dehum_h", "hatecheck"], ["8", "none", "profanity_nh", "hatecheck"],
    ]  # fmt: skip
    whole = lab.comments_to_browse("synthetic", most=5)
    assert lab.browsed_origin(whole, "synthetic").endswith("5 of its validation comments; 2 of HateCheck's cases")
    assert both["toxic"].isna().tolist() == [False, True] and both["identity_hate"].tolist() == [1, 0]
    assert both[["severe_toxic", "obscene", "threat", "insult"]].isna().all(axis=None)


def test_results_that_are_not_there_say_what_to_run(tmp_path, monkeypatch):
    monkeypatch.setattr("toxres.findings.RESULTS", tmp_path)
    missing = lab.results_at_hand("explained")
    assert not missing and missing.get("fix") is None
    assert repr(missing) == missing.why and missing._repr_markdown_() == f"*{missing.why}*"
    assert "python -m toxres.experiments.explained" in missing.why and str(tmp_path) not in missing.why
    (tmp_path / "explained.json").write_text('{"run": 1}', encoding="utf-8")
    assert lab.results_at_hand("explained") == {"run": 1}


def test_a_caption_tells_of_a_first_stage():
    run = {"preset": {"name": "full", "max_rows": None}, "sources": [{"name": "jigsaw", "rows": 3_517}]}
    told = "Jigsaw sample, 3,517 training comments"
    assert lab.trained_on(SimpleNamespace(run=run)) == f"{told}; preset full"
    run |= {"initial": {"sources": [{"name": "civil_spans"}, {"name": "davidson"}]}}
    expected = f"{told} after a first stage on civil_spans and davidson; preset full"
    assert lab.trained_on(SimpleNamespace(run=run)) == expected
