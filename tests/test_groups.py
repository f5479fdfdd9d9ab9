"""Groups of sites: transfer, who wins, and the experiment itself at smoke scale on two invented groups."""

import dataclasses
import json

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from helpers.training import comments_rows
from matplotlib.colors import to_rgb
from scipy.stats import binomtest, norm
from sklearn.metrics import average_precision_score, roc_auc_score

from toxres.checkpoint import load_checkpoint
from toxres.config import FULL, SMOKE
from toxres.data import SOURCES, load_comments
from toxres.data.schema import make_comments
from toxres.errors import InputError
from toxres.evaluation import paired_bootstrap
from toxres.evaluation.groups import (
    POOLED,
    bits_matrix,
    compare_bits,
    compare_strategies,
    transfer_matrix,
    who_wins,
    with_family,
)
from toxres.evaluation.seeds import holm
from toxres.experiments import groups, groups_summary
from toxres.experiments.groups import Step, main, steps
from toxres.files import read_json
from toxres.labels import LABELS
from toxres.plots.groups import readable_ink, strategy_dots, transfer_heatmap
from toxres.plots.style import BLUES
from toxres.router import load_router, make_router

matplotlib.use("Agg")

HALF = np.repeat([0.0, 1.0], 4)
UP, DOWN = np.linspace(0.1, 0.9, 8), np.linspace(0.9, 0.1, 8)


def noisy(rng, targets, strength):
    return 1 / (1 + np.exp(-(strength * targets + rng.normal(size=len(targets)))))


def test_a_row_is_what_was_trained_on_and_a_column_what_is_tested():
    mixed = np.array([0.1, 0.9] * 4)
    scores = {"first": {"x": [UP], "y": [DOWN]}, "second": {"x": [mixed], "y": [UP]}}
    table = transfer_matrix({"x": HALF, "y": HALF}, scores, "auroc", n_resamples=50)
    assert table["score"].to_dict() == {
        ("first", "x"): 1.0, ("first", "y"): 0.0, ("second", "x"): 0.5, ("second", "y"): 1.0,
    }  # fmt: skip
    assert table.index.names == ["trained", "tested"]
    assert (table["low"] <= table["score"]).all() and (table["score"] <= table["high"]).all()
    assert (table[["n", "positives", "seeds"]] == [8, 4, 1]).all().all()


def test_scores_are_scikit_learns_and_unknown_labels_stay_out():
    rng = np.random.default_rng(1)
    truth = (rng.random(300) < 0.3).astype(float)
    probs = [noisy(rng, truth, 1.0), noisy(rng, truth, 2.0)]
    truth[:30] = np.nan
    for metric, function in (("ap", average_precision_score), ("auroc", roc_auc_score)):
        row = transfer_matrix({"g": truth}, {"m": {"g": probs}}, metric, n_resamples=20).loc[("m", "g")]
        assert row["score"] == pytest.approx(np.mean([function(truth[30:], each[30:]) for each in probs]))
        assert (row["n"], row["seeds"]) == (270, 2)


def test_a_model_that_was_not_scored_and_a_label_without_positives_are_undefined():
    table = transfer_matrix({"x": HALF, "y": np.zeros(8)}, {"m": {"y": [UP]}}, n_resamples=10)
    assert table[["score", "low", "high"]].isna().all().all()
    with pytest.raises(InputError, match="no targets of group 'z'"):
        transfer_matrix({"x": HALF}, {"m": {"z": [UP]}})
    with pytest.raises(InputError, match="of no seed"):
        transfer_matrix({"x": HALF}, {"m": {"x": []}})


def test_intervals_cover_the_true_auroc():
    """200 draws of 150 comments: fewer hits than 95% intervals allow is called at p < 0.001."""
    rng, true, hits = np.random.default_rng(3), norm.cdf(1 / np.sqrt(2)), 0
    for _ in range(200):
        truth = np.repeat([0.0, 1.0], [90, 60])
        row = transfer_matrix({"g": truth}, {"m": {"g": [noisy(rng, truth, 1.0)]}}, n_resamples=300).iloc[0]
        hits += row["low"] <= true <= row["high"]
    assert binomtest(hits, 200, 0.95, alternative="less").pvalue > 0.001
    assert hits < 200, "an interval that always covers is none"


@pytest.fixture(scope="module")
def served():
    """Own is far better in x, the three are alike in y."""
    rng = np.random.default_rng(4)
    truth = {group: (rng.random(600) < 0.4).astype(float) for group in "xy"}
    same = noisy(rng, truth["y"], 1.5)
    scores = {
        "own": {"x": [noisy(rng, truth["x"], 4.0)], "y": [same]},
        POOLED: {"x": [noisy(rng, truth["x"], 1.0)], "y": [same]},
        "shared": {"x": [noisy(rng, truth["x"], 1.0)], "y": [same]},
    }
    return truth, scores


def test_comparisons_are_paired_bootstraps_with_holms_correction(served):
    truth, scores = served
    table = compare_strategies(truth, scores, n_resamples=400, seed=5)
    assert len(table) == 2 * 2 * 3 and (table["tests"] == 12).all()
    row = table[(table["group"] == "x") & (table["metric"] == "ap") & (table["b"] == POOLED)].iloc[0]
    one, other = (scores[name]["x"][0][:, None] for name in ("own", POOLED))
    direct = paired_bootstrap(truth["x"][:, None], one, other, "ap", 400, 5, labels=["toxic"])
    assert (row["difference"], row["low"], row["high"], row["p_value"]) == pytest.approx(
        (direct.difference, direct.low, direct.high, direct.p_value)
    )
    np.testing.assert_allclose(table["p_holm"], holm(table["p_value"]))
    assert (table["p_holm"] >= table["p_value"]).all()


def test_winners_in_words(served):
    table = compare_strategies(*served, n_resamples=2_000)
    won = who_wins(table, "x", "auroc")
    assert (won.best, won.shown, won.level) == ("own", True, ("own",))
    assert won.sentence.startswith("x, AUROC: one model a group (0.") and " wins, ahead of " in won.sentence
    null = who_wins(table, "y", "ap")
    assert not null.shown and set(null.level) == {"own", POOLED, "shared"}
    assert null.sentence.count("one ") == 3 and "no difference could be shown between" in null.sentence
    with pytest.raises(InputError, match="no comparison by 'f1' in group 'x'"):
        who_wins(table, "x", "f1")


def comparison(a, b, score_a, score_b, low, high, p_value=0.0001):
    return {"group": "g", "metric": "ap", "a": a, "b": b, "score_a": score_a, "score_b": score_b,
            "difference": score_a - score_b, "low": low, "high": high, "p_value": p_value}  # fmt: skip


def test_the_sign_of_a_difference_says_who_is_ahead_and_one_shown_pair_makes_no_winner():
    rows = [
        comparison("own", POOLED, 0.5, 0.8, -0.4, -0.2),
        comparison("own", "shared", 0.5, 0.7, -0.3, -0.1),
        comparison(POOLED, "shared", 0.8, 0.7, -0.05, 0.2, 0.3),
    ]
    found = who_wins(with_family(pd.DataFrame(rows)), "g", "ap")
    assert (found.best, found.shown, found.level) == (POOLED, False, (POOLED, "shared"))
    assert "no single winner; one model for all (0.800) is ahead of one model a group (0.500)" in found.sentence
    assert "no other difference could be shown" in found.sentence
    rows[2] = comparison(POOLED, "shared", 0.8, 0.7, 0.05, 0.2)
    assert who_wins(with_family(pd.DataFrame(rows)), "g", "ap").level == (POOLED,)


def test_an_interval_without_zero_is_not_enough_among_many_tests():
    rows = [
        comparison("own", POOLED, 0.8, 0.7, 0.01, 0.2, 0.04),
        comparison("own", "shared", 0.8, 0.7, 0.01, 0.2, 0.04),
    ]
    assert not who_wins(with_family(pd.DataFrame(rows)), "g", "ap").shown


def test_seeds_widen_the_intervals(served):
    truth, _ = served
    rng = np.random.default_rng(8)
    several = {
        name: {"x": [noisy(rng, truth["x"], strength) for strength in (1.0, 2.0, 3.0)]} for name in ("own", POOLED)
    }
    one = {name: {"x": [each["x"][1]]} for name, each in several.items()}
    (many,), (single,) = (
        compare_strategies({"x": truth["x"]}, found, ["auroc"], n_resamples=500).to_dict("records")
        for found in (several, one)
    )
    assert many["seeds"] == 3 and many["high"] - many["low"] > single["high"] - single["low"]


def test_bits_per_character():
    characters = np.array([100.0, 300.0, 200.0, 250.0] * 5)
    two = np.stack([2 * np.log(2) * characters, characters], axis=1)
    three = np.stack([(3 + np.tile([-0.5, 0, 0.5, 0.2], 5)) * np.log(2) * characters, characters], axis=1)
    blocks = {"x": {"x": two, "y": three}, "y": {"x": three, "y": two}, POOLED: {"x": three, "y": two}}
    table = bits_matrix(blocks, n_resamples=200)
    assert table.loc[("x", "x"), "score"] == pytest.approx(2) == table.loc[("x", "x"), "high"]
    exact = three[:, 0].sum() / np.log(2) / characters.sum()
    assert table.loc[("x", "y"), "score"] == pytest.approx(exact)
    assert table.loc[("x", "y"), "low"] < exact < table.loc[("x", "y"), "high"]
    compared = compare_bits(blocks, n_resamples=200).set_index("group")
    assert compared.loc["x", "difference"] == pytest.approx(2 - exact) and compared.loc["x", "high"] < 0
    assert compared.loc["y", "difference"] == 0 and compared.loc["y", "p_value"] == 1
    with pytest.raises(InputError, match="read different texts"):
        compare_bits({"x": {"x": two[:8]}, POOLED: {"x": two}})


def test_steps_come_after_what_they_need_and_seeds_last():
    found = steps(2)
    assert [step.name for step in found[:4]] == [
        *("tfidf-own-wikipedia-seed0", "tfidf-own-news-seed0", "tfidf-own-twitter-seed0", "tfidf-pooled-seed0")
    ]
    assert [step.strategy for step in found[4:8]] == ["language"] * 4
    assert [step.seed for step in found] == [0] * 15 + [1] * 7
    assert len({step.name for step in found}) == 22
    assert steps(2)[:15] == steps(1)


def test_the_preset_gives_each_group_as_many_comments(monkeypatch):
    folds = {"a": [0, 1, 2, 3], "b": [0, 0, 1, 1, 2], "c": [0, *range(1, 9)]}
    monkeypatch.setattr(groups, "GROUPS", {name: name for name in folds})
    monkeypatch.setattr(groups, "load_comments", lambda name: pd.DataFrame({"fold": folds[name]}))
    preset = groups.preset.__wrapped__()
    assert (preset.max_rows, preset.max_rows_auxiliary, preset.split) == (3, 3, FULL.split)


def test_test_comments_that_another_group_trained_on_are_left_out(monkeypatch):
    def comments(name, split=None):
        texts = {
            "a": ["the very same words here", "only in a, and in its tests"],
            "b": ["The very same words here!", "b"],
        }
        folds = {"a": [0, 0], "b": [3, 0]}
        return pd.DataFrame({"id": [name, name + "2"], "text": texts[name], "group": "?", "fold": folds[name]})

    monkeypatch.setattr(groups, "GROUPS", {"a": "a", "b": "b"})
    monkeypatch.setattr(groups, "load_comments", comments)
    found = groups.tested.__wrapped__("a")
    assert found["id"].tolist() == ["a2"] and found.attrs["dropped"] == 1
    assert found["group"].tolist() == ["a"]


def test_the_committed_summary_is_what_the_committed_scores_say(data_dir):
    summary = read_json(groups_summary.summary_path())
    for recipe, found in summary["recipes"].items():
        tables, records = groups_summary.read_scores(recipe)
        try:
            truth = groups_summary.read_targets(next(iter(tables.values())), records)
        except InputError as error:
            pytest.skip(str(error))
        for metric, function in (("ap", average_precision_score), ("auroc", roc_auc_score)):
            matrix = groups_summary.matrix_of(found["transfer"]["toxic"][metric]["own"])["score"]
            for (trained, tested), value in matrix.items():
                kept = [table for step, table in tables.items() if step.group == trained and step.strategy != "shared"]
                toxic = truth[tested]["toxic"] >= 0.5
                scores = [function(toxic, table.loc[table["group"] == tested, "toxic"]) for table in kept]
                assert value == pytest.approx(np.mean(scores)), (recipe, trained, tested, metric)


def invented(name: str, bad: str, seed: int, known: tuple[str, ...]) -> pd.DataFrame:
    """Comments of an invented group, with a bad word of its own."""
    rows = comments_rows(150, seed)
    texts = [row["comment_text"].replace("crap", bad) for row in rows]
    labels = {label: [float(row[label]) for row in rows] for label in known}
    comments = make_comments([f"{name}-{row['id']}" for row in rows], texts, name, labels, name=name)
    comments.attrs = {"source": name, "origin": "tests", "sha256": ""}
    return comments


SMALL = dataclasses.replace(SMOKE, max_rows=64, max_rows_auxiliary=64, language_model="smoke", vocab_size=345)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The experiment, done once with two invented groups; gives the folder of its results."""
    folder = tmp_path_factory.mktemp("groups")
    frames = {
        "chess": invented("chess", "crap", 1, LABELS),
        "cooks": invented("cooks", "rotten", 2, ("toxic", "threat")),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TOXRES_DATA_DIR", raising=False)
        for name, frame in frames.items():
            source = dataclasses.replace(SOURCES["synthetic"], name=name, group=name, load=lambda _, f=frame: f.copy())
            patch.setitem(SOURCES, name, source)
        patch.setattr(groups, "GROUPS", {"chess": "chess", "cooks": "cooks"})
        patch.setattr(groups_summary, "GROUPS", groups.GROUPS)
        patch.setattr(groups, "RESULTS", folder / "results" / "groups")
        patch.setattr(groups, "WORK", folder / "work")
        patch.setattr(groups, "preset", lambda: SMALL)
        groups.tested.cache_clear()
        assert main([]) == 0
        yield folder
    groups.tested.cache_clear()


def scores_of(step: Step) -> pd.DataFrame:
    return pd.read_csv(step.record.with_suffix(".csv"))


def test_every_model_scores_every_groups_test_fold(finished):
    names = ["own-chess", "own-cooks", POOLED, "shared-chess", "shared-cooks"]
    names += ["tfidf-own-chess", "tfidf-own-cooks", "tfidf-pooled"]
    languages = [f"language-{name}-seed0.json" for name in ("chess", "cooks", POOLED)]
    wanted = sorted([*languages, *(f"{name}-seed0.{kind}" for name in names for kind in ("csv", "json"))])
    assert sorted(path.name for path in groups.RESULTS.iterdir()) == wanted
    tested = pd.concat([load_comments(name, split="test") for name in ("chess", "cooks")])
    for name in names:
        table = pd.read_csv(groups.RESULTS / f"{name}-seed0.csv")
        assert list(table.columns) == ["id", "group", *LABELS]
        assert list(table["id"]) == list(tested["id"]) and list(table["group"]) == list(tested["group"])
    assert str(finished) not in "".join(path.read_text() for path in groups.RESULTS.glob("*.json"))


def test_the_scores_are_the_checkpoints_own(finished):
    for step in (
        Step("own", "chess"),
        Step("shared", "cooks"),
        Step(POOLED, POOLED),
        Step("own", "chess", recipe="tfidf"),
    ):
        for group in groups.GROUPS:
            probs = load_checkpoint(step.folder).predict_proba(groups.tested(group)["text"].tolist())
            rows = scores_of(step)
            np.testing.assert_allclose(rows.loc[rows["group"] == group, list(LABELS)], probs, rtol=1e-3, atol=1e-6)


def test_each_strategy_has_the_language_model_and_the_comments_it_is_named_for(finished):
    records = {step: read_json(step.record) for step in steps()}
    language = {group: records[Step("language", group)]["key"] for group in ("chess", "cooks", POOLED)}
    for step, record in records.items():
        names = list(groups.GROUPS) if step.group == POOLED else [step.group]
        if step.strategy == "language":
            unseen = [load_comments(name) for name in names]
            assert record["corpus"]["texts"] == sum((frame["fold"] != 0).sum() for frame in unseen), "all but the tests"
            continue
        assert record["recipe"] == step.recipe
        if step.recipe == "ulmfit":
            assert record["language_model"]["key"] == language[step.group if step.strategy == "own" else POOLED], step
        assert ("language_model" in record) == (step.recipe == "ulmfit")
        assert [(entry["name"], entry["rows"]) for entry in record["sources"]] == [(name, 64) for name in names]
        assert record["labels"] == (["toxic", "threat"] if names == ["cooks"] else list(LABELS))
    assert len(language) == len(set(language.values())) == 3


def test_the_language_models_are_scored_block_by_block(finished, monkeypatch):
    record = read_json(Step("language", "chess").record)
    monkeypatch.setattr(groups, "BLOCK_TEXTS", 10**6)
    from transformers import AutoTokenizer

    from toxres.models import AwdLstmForCausalLM

    folder, texts = Step("language", "chess").folder, groups.tested("cooks")["text"].tolist()
    model, tokenizer = AwdLstmForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    whole = groups._nats(model, tokenizer, texts)
    assert sum(record["tested"]["cooks"]["nats"]) == pytest.approx(whole["nats"][0], rel=1e-5)
    assert sum(record["tested"]["cooks"]["characters"]) == sum(map(len, texts)) + len(texts)
    assert record["tested"]["cooks"]["texts"] == len(texts) and record["tested"]["cooks"]["unknown"] == 0


def test_what_is_done_is_not_done_again(finished, monkeypatch, capsys):
    done = []
    monkeypatch.setattr(groups, "execute", done.append)
    assert main([]) == 0 and done == []
    assert "groups: 0 steps to do" in capsys.readouterr().out
    assert main(["--seeds", "2", "--only", "own"]) == 0
    assert done == [Step("own", "chess", 1), Step("own", "cooks", 1)]


def test_a_lost_result_is_written_anew_from_what_is_there(finished, monkeypatch):
    step = Step("own", "cooks")
    before, record = scores_of(step), read_json(step.record)
    step.record.unlink()
    monkeypatch.setattr("toxres.training.ulmfit.train_sentencepiece", lambda *a, **k: pytest.fail("learned again"))
    assert main([]) == 0
    pd.testing.assert_frame_equal(scores_of(step), before)
    assert read_json(step.record)["key"] == record["key"]


def test_a_router_of_the_own_models_answers_like_each_of_them(finished, tmp_path):
    router = load_router(
        make_router({group: Step("own", group).folder for group in groups.GROUPS}, tmp_path / "router")
    )
    comments = pd.concat([groups.tested(group) for group in groups.GROUPS]).sample(frac=1, random_state=0)
    probs = pd.DataFrame(
        router.predict_proba(comments["text"].tolist(), comments["group"].tolist()), index=comments["id"]
    )
    for group in groups.GROUPS:
        own = scores_of(Step("own", group)).set_index("id")
        own = own[own["group"] == group]
        np.testing.assert_allclose(probs.loc[own.index], own[list(LABELS)], rtol=1e-3, atol=1e-6)


def test_the_summary_has_the_right_orientation_and_nothing_unknown(finished, capsys):
    assert main(["--summary"]) == 0
    printed = capsys.readouterr().out.splitlines()
    summary = json.loads(groups_summary.summary_path().read_text())
    winners = [winner["sentence"] for recipe in ("ulmfit", "tfidf") for winner in summary["recipes"][recipe]["winners"]]
    assert [line.split(": ", 1)[1] for line in printed] == winners and len(winners) == 8
    truth = load_comments("cooks", split="test")["toxic"]
    for recipe, found in summary["recipes"].items():
        matrix = groups_summary.matrix_of(found["transfer"]["toxic"]["ap"]["own"])
        for trained in ("chess", POOLED):
            table = scores_of(Step(POOLED if trained == POOLED else "own", trained, recipe=recipe))
            wanted = average_precision_score(truth, table.loc[table["group"] == "cooks", "toxic"])
            assert matrix.loc[(trained, "cooks"), "score"] == pytest.approx(wanted)
        assert list(matrix.index) == [(row, to) for row in ("chess", "cooks", POOLED) for to in ("chess", "cooks")]
        insult = groups_summary.matrix_of(found["transfer"]["insult"]["ap"]["own"])
        assert set(insult.index) == {("chess", "chess"), (POOLED, "chess")}, "cooks knows no insult"
        assert found["record"]["seeds"] == 1 and found["record"]["rows_each"] == 64
    matrix = groups_summary.matrix_of(summary["recipes"]["ulmfit"]["transfer"]["toxic"]["ap"]["shared"])
    dots = groups_summary.strategy_scores(summary, "ap")
    assert dots.loc[("shared", "cooks"), "score"] == matrix.loc[("cooks", "cooks"), "score"]
    assert {name for name, _ in groups_summary.strategy_scores(summary, "ap", recipe="tfidf").index} == {"own", POOLED}
    assert groups_summary.told_origin(summary).startswith("ULMFiT, small; test comments: ")
    assert "64 labelled a group, one seed; " in groups_summary.told_origin(summary)
    assert "64 labelled a group; " in groups_summary.told_origin(summary, "tfidf")
    assert "language models" in groups_summary.told_language_origin(summary)
    assert len(summary["bits"]["matrix"]) == 6 and len(summary["bits"]["comparisons"]) == 2


def test_the_floor_alone_can_be_summed_up(finished, tmp_path, monkeypatch):
    for path in groups.RESULTS.glob("tfidf-*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(groups, "RESULTS", tmp_path)
    found = groups_summary.summarise(n_resamples=50)
    assert list(found["recipes"]) == ["tfidf"] and found["bits"] is None


def test_a_second_seed_counts_when_it_is_complete(finished):
    step, other = Step("own", "chess", 1), Step("own", "chess")
    copied = [step.record, step.record.with_suffix(".csv")]
    for path, source in zip(copied, [other.record, other.record.with_suffix(".csv")], strict=True):
        path.write_bytes(source.read_bytes())
    try:
        tables, _ = groups_summary.read_scores()
        assert {step.seed for step in tables} == {0}
    finally:
        for path in copied:
            path.unlink()


def test_what_does_not_belong_together_is_refused(finished, monkeypatch):
    path = Step("own", "chess").record
    before = path.read_text()
    try:
        path.write_text(before.replace('"max_rows": 64', '"max_rows": 65'))
        with pytest.raises(InputError, match="preset differs"):
            groups_summary.read_scores()
    finally:
        path.write_text(before)
    table = Step(POOLED, POOLED).record.with_suffix(".csv")
    before = table.read_text()
    try:
        table.write_text("\n".join(before.splitlines()[:-1]) + "\n")
        with pytest.raises(InputError, match="scores other comments than own-chess-seed0"):
            groups_summary.read_scores()
    finally:
        table.write_text(before)
    tables, records = groups_summary.read_scores()
    changed = {step: record | {"sources": [{"name": "chess", "sha256": "x"}]} for step, record in records.items()}
    with pytest.raises(InputError, match="chess: is not the file"):
        groups_summary.read_targets(next(iter(tables.values())), changed)
    monkeypatch.setattr(groups, "RESULTS", path.parent / "nowhere")
    with pytest.raises(InputError, match=r"5 results of ulmfit are missing, e\.g\. own-chess-seed0; run `python -m"):
        groups_summary.summarise()


MATRIX = transfer_matrix(
    {"news": HALF, "forum": HALF}, {"news": {"news": [UP], "forum": [DOWN]}, POOLED: {"news": [UP]}}, n_resamples=20
)


def drawn(ax) -> list[str]:
    return [item.get_text() for item in ax.figure.findobj(matplotlib.text.Text) if item.get_text()]


@pytest.mark.parametrize("less", [False, True])
def test_heatmap_has_value_and_interval_in_each_cell_where_it_belongs(less):
    ax = transfer_heatmap(MATRIX, origin="tests", metric="AUROC", less_is_better=less)
    ax.figure.canvas.draw()
    values = {
        tuple(map(round, text.get_position())): text.get_text() for text in ax.texts if "[" not in text.get_text()
    }
    assert values[0, 0] == "1.000" and values[1, 0] == "0.000" and values[1, 1] == "–"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["news", POOLED]
    assert [label.get_text().split("\n")[0] for label in ax.get_xticklabels()] == ["news", "forum"]
    assert "50% positive" in "".join(drawn(ax)) and "tests" in drawn(ax)
    assert sum(text.get_text().startswith("[") for text in ax.texts) == 3, "an interval for each value"
    assert len(ax.patches) == 1, "one cell is its own group's"
    plt.close("all")


def test_dots_are_filled_only_for_a_winner():
    index = [(strategy, group) for strategy in ("own", POOLED, "shared") for group in ("news", "forum")]
    scores = pd.DataFrame({"score": 0.7, "low": 0.6, "high": 0.8}, index=pd.MultiIndex.from_tuples(index))
    ax = strategy_dots(scores, winners={"news": "own"}, chance={"news": 0.5}, origin="tests")
    ax.figure.canvas.draw()
    faces = [tuple(points.get_facecolor()[0]) for points in ax.collections]
    assert sum(face != (1, 1, 1, 1) for face in faces) == 1 and len(faces) == 6
    assert "one language model, a classifier a group" in drawn(ax) and "guessing" in drawn(ax)
    plt.close("all")


def test_text_on_any_cell_can_be_read():
    def luminance(colour):
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in to_rgb(colour)]
        return np.dot([0.2126, 0.7152, 0.0722], linear)

    for place in np.linspace(0, 1, 101):
        ground, ink = luminance(BLUES(place)), luminance(readable_ink(BLUES(place)))
        assert (max(ground, ink) + 0.05) / (min(ground, ink) + 0.05) >= 3.9
