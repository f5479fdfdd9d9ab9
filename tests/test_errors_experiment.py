"""The error analysis as a whole: unseen validation comments, scores by id, the summary, its sentences and figures."""

import csv
import dataclasses
import json
import shutil

import matplotlib

matplotlib.use("agg")

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from toxres.config import FULL, TFIDF
from toxres.data import load_comments
from toxres.errors import InputError
from toxres.evaluation.hatecheck import PUBLISHED
from toxres.experiments import errors, errors_fix, errors_labels, errors_rows, errors_summary, errors_told, errors_where
from toxres.files import ROOT, read_json
from toxres.labels import LABELS
from toxres.training import run as training
from toxres.training.out_of_fold import OutOfFold

SETTINGS = dataclasses.replace(FULL, max_rows=300, max_rows_auxiliary=200)


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    """Two sources of 700 synthetic comments each; every toxic one counts as hate, so that there is enough of it."""
    whole = load_comments("synthetic")
    order = np.random.default_rng(0).permutation(len(whole))
    found = {"balanced": load_comments("balanced")}
    for source, rows in (("jigsaw", order[:700]), ("civil_spans", order[700:1_400])):
        found[source] = (
            whole.iloc[np.sort(rows)].reset_index(drop=True).assign(identity_hate=lambda frame: frame["toxic"])
        )
        found[source].attrs = {"source": source, "origin": "embedded", "sha256": source}
    return found


@pytest.fixture
def corpus(tables) -> pd.DataFrame:
    return tables["jigsaw"]


@pytest.fixture
def data(tmp_path, monkeypatch, tables):
    """The suites as small files, and the two sources in place of the real ones."""

    def load(source, *, split=None, limit=None, **options):
        found = tables[source]
        if split is not None:
            found = found[found["fold"] == int(split.removeprefix("fold:"))]
        found = found.head(limit or len(found)).reset_index(drop=True)
        found.attrs = dict(tables[source].attrs)
        return found

    for module in (errors_rows, errors_summary, errors_where, errors_labels):
        monkeypatch.setattr(module, "load_comments", load)
    monkeypatch.setattr("toxres.training.rows.load_comments", load)
    folder = tmp_path / "data"
    (folder / "hatecheck").mkdir(parents=True)
    (folder / "madlibs").mkdir()
    with (folder / "hatecheck" / "test_suite_cases.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["functionality", "case_id", "test_case", "label_gold", "target_ident", "templ_id"])
        for number in range(12):
            hateful, target = number % 2 == 0, ("Martians", "Venusians")[number % 4 // 2]
            text = f"{target} are vermin, all {number} of them." if hateful else f"I met {number} {target} today."
            code, label = ("derog_dehum_h", "hateful") if hateful else ("ident_neutral_nh", "non-hateful")
            writer.writerow([code, number, text, label, target, number // 4])
    lines = [
        f"Being {term} is {word}.,{'BAD' if word == 'vile' else 'NOT_BAD'},being_adj"
        for term in ("deaf", "gay", "old") for word in ("vile", "fun", "neat")
    ]  # fmt: skip
    (folder / "madlibs" / "bias_madlibs_77k.csv").write_text("Text,Label,Template\n" + "\n".join(lines) + "\n", "utf-8")
    monkeypatch.setenv("TOXRES_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def checkpoints(tmp_path, data, monkeypatch):
    """A small TF-IDF checkpoint, under the names of two models."""
    monkeypatch.setattr(errors, "SOURCES", ("jigsaw", "civil_spans"))
    monkeypatch.setattr(errors_rows, "SOURCES", ("jigsaw", "civil_spans"))
    monkeypatch.setattr(errors_rows.tested_rows, "__defaults__", (("jigsaw", "civil_spans"), 60))
    folder = tmp_path / "checkpoints"
    training.train(TFIDF, ["jigsaw", "civil_spans"], SETTINGS, 0, folder / "tfidf", progress=False)
    for name in ("custom", "custom_balanced"):
        shutil.copytree(folder / "tfidf", folder / name)
    return folder


@pytest.fixture
def oof(monkeypatch, corpus):
    """Out-of-fold scores of three models: right, but for noise of its own each."""
    from toxres.evaluation.oof import cross_fitted

    truth, folds = corpus[list(LABELS)].to_numpy(dtype=float), corpus["fold"].to_numpy()
    rng = np.random.default_rng(0)
    models = {}
    for name in errors_where.MODELS:
        logits = rng.normal(np.where(truth > 0.5, 2.0, -2.0), 1.0)
        models[name] = OutOfFold(
            name, corpus["id"].to_numpy(), folds, truth, logits, cross_fitted(truth, logits, folds), []
        )
    monkeypatch.setattr(errors_where, "read_out_of_fold", lambda experiment, name: models[name])
    return models


def test_validation_comments_were_not_trained_on(checkpoints, tables):
    from toxres.checkpoint import load_checkpoint

    run = load_checkpoint(checkpoints / "tfidf").run
    trained = errors_rows.trained_ids(run)
    assert {source: len(ids) for source, ids in trained.items()} == {"jigsaw": 300, "civil_spans": 200}
    found = errors_rows.validation_rows(run)
    rows = found.comments.assign(plain=found.comments["id"].str.split(":", n=1).str[1])
    for source, part in rows.groupby("source"):
        folds = tables[source].set_index("id")["fold"]
        assert (folds.loc[part["plain"]] == 1).all() and not set(part["plain"]) & trained.get(source, set())
        if source == errors_rows.BALANCED:
            assert len(part) == (rows["source"] == "jigsaw").sum(), "as many as of the first"
        else:
            assert len(part) == (folds == 1).sum() - found.left_out[source]
    assert found.left_out["jigsaw"] == 0 < found.left_out["civil_spans"]
    with pytest.raises(InputError, match="not those the checkpoint was trained on"):
        errors_rows.trained_ids(run | {"rows_sha256": "0" * 64})


def test_what_a_first_stage_learned_is_left_out_too(data):
    first = dataclasses.replace(SETTINGS, max_rows=SETTINGS.max_rows_auxiliary, epochs_auxiliary=0)
    final = errors_rows.select_rows(["jigsaw"], SETTINGS, 0, 0, 1)
    auxiliary = errors_rows.select_rows(["civil_spans"], first, 0, 0, None, ["jigsaw"])
    run = {
        "preset": dataclasses.asdict(SETTINGS) | {"unheard_of": 1}, "seed": 0, "test_fold": 0, "validation_fold": 1,
        "sources": final.sources, "rows_sha256": final.sha256, "initial": {"key": "k", "sources": auxiliary.sources},
    }  # fmt: skip
    found = errors_rows.validation_rows(run)
    assert errors_rows.trained_ids(run)["civil_spans"] == set(auxiliary.train["id"])
    assert found.left_out["civil_spans"] == (auxiliary.train["fold"] == 1).sum() > 0
    changed = [entry | {"rows": entry["rows"] + 1} for entry in auxiliary.sources]
    with pytest.raises(InputError, match="first stage"):
        errors_rows.trained_ids(run | {"initial": {"key": "k", "sources": changed}})


def test_a_model_without_a_checkpoint_says_how_to_make_it(tmp_path):
    with pytest.raises(InputError, match=r"no checkpoint of 'baseline'; run `toxres train baseline --source jigsaw"):
        errors.open_checkpoint("baseline", tmp_path)


def test_scores_summary_sentences_and_figures(checkpoints, oof, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(errors_summary, "MIN_MENTIONS", 1)
    results = tmp_path / "results" / "errors"
    names = ["tfidf", "custom", "custom_balanced"]
    assert errors.continue_experiment(names, checkpoints, results) == names
    assert errors.continue_experiment(names, checkpoints, results) == []
    before = {path.name: path.stat().st_mtime_ns for path in results.glob("custom-*.csv")}
    (results / "custom-validation.csv").unlink()
    assert errors.continue_experiment(names, checkpoints, results) == ["custom"], "what is missing is scored again"
    after = {path.name: path.stat().st_mtime_ns for path in results.glob("custom-*.csv")}
    assert {name for name in after if after[name] != before[name]} == {"custom-validation.csv"}
    texts = {text for source in ("jigsaw", "civil_spans") for text in errors_rows.load_comments(source)["text"]}
    written = "".join(path.read_text(encoding="utf-8") for path in results.iterdir())
    assert not any(text in written for text in texts) and "vermin" not in written and str(tmp_path) not in written
    probs = pd.read_csv(results / "tfidf-hatecheck.csv", dtype={"id": str})
    assert list(probs) == ["id", *LABELS] and len(probs) == 12
    assert len((results / "tfidf-madlibs.csv").read_text().split()) == 1 + 9

    errors_labels.check_search(results / errors.LABEL_CHECK, ["jigsaw"])
    headline = tmp_path / "headline.json"
    found = errors_summary.summarise(results, headline=headline, n_resamples=20)
    assert read_json(tmp_path / "results" / "errors.json") == found
    overall = found["hatecheck"]["models"]["tfidf"]["overall"]
    assert (
        overall["total"]["n"] == 12
        and overall["total"]["hits"] == overall["hateful"]["hits"] + overall["non_hateful"]["hits"]
    )
    decision = errors_summary.HateDecision(**found["hatecheck"]["models"]["tfidf"]["decision"])
    decided = decision.decide(probs[list(LABELS)].to_numpy())
    assert overall["hateful"]["hits"] == decided[::2].sum()
    pairs = {(pair["a"], pair["b"]): pair["parts"]["total"] for pair in found["hatecheck"]["comparisons"]}
    assert pairs.keys() == {("custom", "tfidf"), ("custom_balanced", "custom")}
    assert all(pair["difference"] == 0 for pair in pairs.values())
    check_fix(found, probs)
    figures = read_json(headline)
    assert figures["hatecheck.custom.total"] == overall["total"]["accuracy"]
    assert figures["madlibs.tfidf.auc"] == found["madlibs"]["models"]["tfidf"]["auc"]["overall"]
    assert figures["hatecheck.tfidf._run"]["preset"].startswith("full") and figures["madlibs.custom._run"]["rows"] == 21
    assert found["disagreement"]["tested"]["comments"] == 120 and found["disagreement"]["oof"]["comments"] == 700
    assert "text" not in found["disagreement"]["oof"]["hardest"]["custom"][0]

    sentences = errors_told.findings(found)
    assert any("calling everything hateful (50.0%)" in sentence for sentence in sentences)
    assert any(sentence.startswith("In the Jigsaw sample, 2% of all labels flipped") for sentence in sentences)
    assert not any("nan" in sentence.lower().split() or "{" in sentence for sentence in sentences)
    draw(found)


def check_fix(found: dict, probs: pd.DataFrame) -> None:
    """Two models that are one differ by the comments alone that their decision is chosen on."""
    fix = found["fix"]
    before, anew, other, after = fix["steps"]
    assert [step["model"] for step in fix["steps"]] == ["custom", "custom", "custom_balanced", "custom_balanced"]
    assert before["rows"] == other["rows"] < anew["rows"] == after["rows"]
    assert before["overall"] == other["overall"] and anew["overall"] == after["overall"]
    gain = after["overall"]["total"]["accuracy"] - before["overall"]["total"]["accuracy"]
    assert fix["hatecheck"]["total"]["difference"] == pytest.approx(gain)
    own = found["hatecheck"]["models"]["custom_balanced"]
    assert after["rule"] == own["decision"]["rule"] and after["overall"] == own["overall"]
    sets = {row["set"] for row in fix["costs"]}
    assert sets == {"jigsaw, validation", "jigsaw, test", "civil_spans, test"}
    assert all(row["difference"] == 0 for row in fix["costs"])
    table = errors_fix.cost_table(fix, "auroc", "toxic")
    assert set(table.index) == sets and (table["score_a"] == table["score_b"]).all()
    told = errors_told.fix_told(found)
    assert any("change HateCheck's all cases by" in sentence for sentence in told)
    assert not errors_told.fix_told(found | {"fix": None})


def draw(found: dict) -> None:
    """Every figure of the summary, drawn from what it holds."""
    from toxres.plots import errors as plots
    from toxres.plots import hatecheck, identity

    frame = errors_told.frame
    models = found["hatecheck"]["models"]
    tables = {name: frame(one["functionality"]) for name, one in models.items()}
    matrix = hatecheck.functionality_matrix(tables)
    assert list(matrix)[:3] == list(models) and set(list(matrix)[3:]) < set(PUBLISHED)
    ax = hatecheck.functionality_heatmap(matrix, ours=3, origin="tests")
    shown = {text.get_text() for text in ax.texts}
    assert f"{100 * tables['tfidf']['accuracy'].iloc[0]:.0f}" in shown
    cells = frame(models["custom"]["cells"], ["functionality", "target"])
    assert list(hatecheck.group_matrix(cells)) == ["Martians", "Venusians"]
    overall = {name: frame(one["overall"]) for name, one in models.items()}
    ax = hatecheck.system_dots(overall, found["hatecheck"]["always_hateful"])
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "TF-IDF", "custom", "custom, balanced", *PUBLISHED, "always hateful",
    ]  # fmt: skip
    madlibs = {name: frame(one["terms"]) for name, one in found["madlibs"]["models"].items()}
    fig = identity.bias_dots(madlibs, {term: found["kinds"][term] for term in madlibs["tfidf"].index}, origin="tests")
    assert [label.get_text() for label in fig.axes[0].get_yticklabels()] == ["gay", "deaf", "old"]
    first = fig.axes[0].collections[1].get_offsets()[0]
    assert first[0] == pytest.approx(madlibs["tfidf"].loc["gay", "subgroup"])
    rates = {name: frame(one["toxic"]["kind"]) for name, one in found["statements"]["models"].items()}
    ax = identity.flagged_bars(rates)
    assert ax.get_yticklabels()[-1].get_text().startswith("no group (120)")
    oof = found["disagreement"]["oof"]
    patterns = frame(oof["patterns"])
    ax = plots.disagreement_bars(patterns)
    assert any(text.get_text().endswith("of 700") for text in ax.texts)
    ax = plots.slice_dots(frame(oof["slices"]))
    assert "synthetic (700)" not in [label.get_text() for label in ax.get_yticklabels()]  # one value divides nothing
    confusion = oof["confusion"]["custom"]
    table = pd.DataFrame(confusion["counts"], index=confusion["sets"], columns=confusion["sets"])
    ax = plots.set_confusion_heatmap(table)
    assert sum(int(text.get_text().replace(",", "")) for text in ax.texts if text.get_text()[:1].isdigit()) == 700
    ax = plots.label_error_bars(frame(found["label_errors"]["models"]["custom"]["labels"]))
    assert len(ax.patches) == 12
    trials = {f"{one['noise']}": frame(one["labels"]) for one in found["label_errors"]["check"]["corpora"]["jigsaw"]}
    ax = plots.recovery_dots(trials)
    assert ax.collections[0].get_offsets()[0][0] == pytest.approx(trials["balanced"].loc["all labels", "recall"])
    plt.close("all")


def test_scores_of_other_comments_are_refused(checkpoints, tmp_path):
    results = tmp_path / "results" / "errors"
    with pytest.raises(InputError, match="no model has been scored"):
        errors_summary.summarise(results)
    errors.continue_experiment(["tfidf"], checkpoints, results)
    path = results / "tfidf-validation.csv"
    path.write_text(path.read_text().replace("jigsaw:", "jigsaw:x", 1))
    with pytest.raises(InputError, match=r"scored comments are not at hand, e\.g\. jigsaw:x"):
        errors_summary.read_scores("tfidf", results)
    path.unlink()
    assert not errors.is_done("tfidf", errors.open_checkpoint("tfidf", checkpoints), results)
    with pytest.raises(InputError, match=r"tfidf-validation\.csv: is not there"):
        errors_summary.read_scores("tfidf", results)


def test_the_committed_published_rows_are_those_of_the_module():
    rows = {row["name"]: row["values"] for row in read_json(ROOT / "data" / "results" / "published.json")
            if row["section"] == "hatecheck"}  # fmt: skip
    assert rows == {name: dict(values) for name, values in PUBLISHED.items()}


def test_committed_scores_give_the_committed_figures():
    """The summary that is committed is the one its own scores give, as far as no data are needed."""
    path = errors.RESULTS.with_name("errors.json")
    if not path.is_file():
        pytest.skip("the experiment has not been summed up")
    found = read_json(path)
    for name, one in found["hatecheck"]["models"].items():
        probs = pd.read_csv(errors.RESULTS / f"{name}-hatecheck.csv")[list(LABELS)].to_numpy()
        decided = errors_summary.HateDecision(**one["decision"]).decide(probs)
        hits = one["overall"]["hateful"]["hits"] + (
            one["overall"]["non_hateful"]["n"] - one["overall"]["non_hateful"]["hits"]
        )
        assert decided.sum() == hits and len(decided) == found["hatecheck"]["cases"]
        assert found["run"]["models"][name] == read_json(errors.RESULTS / f"{name}.json")
    assert all(file.stat().st_size < 1 << 20 for file in errors.RESULTS.iterdir())
    assert errors_told.findings(found) == errors_told.findings(json.loads(json.dumps(found)))
