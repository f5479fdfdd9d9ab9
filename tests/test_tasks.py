"""Heads other than the six labels: three exclusive classes, and a policy's decision."""

import csv
import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from helpers.training import comments_rows, source_of, trained, write_comments
from scipy.optimize import minimize_scalar
from sklearn.metrics import f1_score
from sklearn.utils.class_weight import compute_class_weight
from transformers import pipeline

from toxres.api import compare, evaluate
from toxres.checkpoint import CALIBRATION, CONFIG, LABELS_FILE, RUN, load_checkpoint
from toxres.cli import main
from toxres.config import BASELINE, BASELINE_TYPES, RECIPES, SMOKE, ULMFIT_DECISION
from toxres.data import load_comments, read_kaggle_csv, targets
from toxres.data.tasks import decision_targets, with_task
from toxres.errors import InputError
from toxres.evaluation.arrays import decide, softmax
from toxres.evaluation.calibration import Calibration, fit_calibration
from toxres.evaluation.metrics import evaluate_probs
from toxres.evaluation.poleval import type_scores
from toxres.evaluation.thresholds import tune_class_thresholds
from toxres.labels import LABELS
from toxres.models import ToxicityModel, build_loss, class_cross_entropy, class_weights, loss_weights
from toxres.router import make_router
from toxres.scoring import score
from toxres.tasks import DECISION, TASKS, TOXICITY, TYPES, get_task, task_of
from toxres.training import train
from toxres.training.record import describe_run
from toxres.training.rows import select_rows

OTHERS = ("baseline_types", "ulmfit_types", "tfidf_types", "baseline_decision", "ulmfit_decision", "tfidf_decision")
TEXTS = ["Ada says the old page is crap", "Bert says the long river is fine", "Dan's garden", "😀"]


@pytest.fixture(autouse=True)
def no_data(monkeypatch):
    monkeypatch.delenv("TOXRES_DATA_DIR", raising=False)


def complaint(call, *arguments, **options) -> str:
    with pytest.raises(InputError) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# The records and names.


def test_recipes_of_the_six_labels_are_described_as_before():
    for name in ("baseline", "custom", "ulmfit", "tfidf"):
        fields = RECIPES[name].to_dict()
        assert {"task", "enforced"} & fields.keys() == set()
        assert dataclasses.asdict(RECIPES[name]) == fields | {"task": "toxicity", "enforced": ()}
        assert task_of(fields) is task_of(RECIPES[name]) is TOXICITY
    fields = dataclasses.replace(ULMFIT_DECISION, enforced=("insult",)).to_dict()
    assert (fields["task"], fields["enforced"]) == ("decision", ("insult",))
    assert task_of(json.loads(json.dumps(fields))) == dataclasses.replace(DECISION, enforced=("insult",))


def test_the_key_of_a_run_is_what_it_was_before_there_were_tasks():
    """The key of a checkpoint that was trained by an older version: `make run` and the service go on reading it."""
    rows = select_rows([source_of("baseline")], SMOKE)
    run = describe_run(BASELINE, SMOKE, rows, 0, 0, 1, None)
    fields = {field.name for field in dataclasses.fields(BASELINE)}
    assert set(run["recipe"]) == fields - {"task", "enforced"}
    assert rows.sha256 == rows._replace(labels=LABELS).sha256
    assert run["key"] != describe_run(RECIPES["baseline_decision"], SMOKE, rows, 0, 0, 1, None)["key"]


def test_every_recipe_has_a_known_task_and_a_loss_for_it():
    for recipe in RECIPES.values():
        assert task_of(recipe).name == recipe.task
        if recipe.family == "transformer":
            build_loss(recipe, torch.ones(len(task_of(recipe).labels)))
    with pytest.raises(ValueError, match=r"'focal' is not for exclusive classes; choose one of: ce, weighted_ce"):
        build_loss(dataclasses.replace(BASELINE_TYPES, loss="focal"))
    with pytest.raises(ValueError, match=r"'ce' is not for independent labels; choose one of: bce"):
        build_loss(dataclasses.replace(BASELINE, loss="ce"))
    with pytest.raises(ValueError, match=r"needs pos_weight; compute it with class_weights"):
        build_loss(RECIPES["ulmfit_types"])


def test_bad_tasks():
    assert "unknown task 'spam'; choose one of: toxicity, types, decision, spans" in complaint(get_task, "spam")
    assert "'toxicity' enforces no labels" in complaint(task_of, {"enforced": ["toxic"]})
    for labels in (["toxi"], ["toxic", "toxic"]):
        assert "name some of toxic" in complaint(task_of, {"task": "decision", "enforced": labels})


# The loss.


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(40, 3, generator=generator) * 3
    soft = torch.softmax(torch.randn(40, 3, generator=generator), dim=1)
    return logits, soft


@pytest.mark.parametrize("weights", [None, torch.tensor([0.4, 3.0, 7.0])])
def test_cross_entropy_of_soft_and_hard_classes_is_torchs(batch, weights):
    logits, soft = batch
    torch.testing.assert_close(
        class_cross_entropy(logits, soft, weights), F.cross_entropy(logits, soft, weight=weights)
    )
    hard = F.one_hot(soft.argmax(dim=1), 3).float()
    each = F.cross_entropy(logits, soft.argmax(dim=1), weight=weights, reduction="none")
    torch.testing.assert_close(class_cross_entropy(logits, hard, weights), each.mean())


def test_unknown_rows_have_no_gradient_and_are_not_counted(batch):
    logits, soft = batch
    masked = soft.clone()
    masked[5:9] = float("nan")
    masked[20, 1] = float("nan")
    out = [5, 6, 7, 8, 20]
    kept = [row for row in range(40) if row not in out]
    for recipe in ("baseline_types", "ulmfit_types"):
        loss = build_loss(RECIPES[recipe], torch.tensor([1.0, 2.0, 3.0]))
        leaf = logits.clone().requires_grad_()
        value = loss(leaf, masked)
        value.backward()
        torch.testing.assert_close(value, loss(logits[kept], soft[kept]))
        assert (leaf.grad[out] == 0).all() and (leaf.grad[kept] != 0).all()
    leaf = logits.clone().requires_grad_()
    value = class_cross_entropy(leaf, torch.full_like(logits, float("nan")))
    value.backward()
    assert value == 0 and (leaf.grad == 0).all()


def test_weights_are_balanced_and_capped():
    tags = np.repeat([0, 1, 2], [900, 70, 30])
    hot = torch.tensor(np.eye(3)[tags])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=tags)
    np.testing.assert_allclose(class_weights(hot), expected)
    np.testing.assert_allclose(class_weights(hot, 5.0), np.minimum(expected, 5.0))
    with_unknown = torch.cat([hot, torch.full((50, 3), torch.nan, dtype=hot.dtype)])
    np.testing.assert_allclose(class_weights(with_unknown), expected)
    assert class_weights(hot[:900], 30.0).tolist() == pytest.approx([1 / 3, 30, 30])
    assert class_weights(torch.full((4, 3), torch.nan)).tolist() == [1, 1, 1]
    reject = torch.tensor([[1.0]] * 26 + [[0.0]] * 74)
    assert loss_weights(ULMFIT_DECISION, reject).tolist() == pytest.approx([74 / 26])
    np.testing.assert_allclose(loss_weights(RECIPES["ulmfit_types"], hot), expected)


def test_loss_compensation_makes_both_decisions_weigh_the_same():
    """Under 74/26 accepts and rejects of one sure wrongness pull a constant score as strongly, so 0.5 stays put."""
    reject = torch.tensor([[1.0]] * 26 + [[0.0]] * 74)
    logit = torch.zeros(1, 1, requires_grad=True)
    build_loss(ULMFIT_DECISION, loss_weights(ULMFIT_DECISION, reject))(logit.expand(100, 1), reject).backward()
    assert abs(float(logit.grad)) < 1e-6


@pytest.mark.parametrize("recipe", ["baseline", "baseline_types", "baseline_decision"])
def test_the_models_own_loss_and_prior_are_the_tasks(recipe):
    task = task_of(RECIPES[recipe])
    model, tokenizer = ToxicityModel.from_recipe(RECIPES[recipe], "tiny")
    batch = tokenizer(TEXTS, return_tensors="pt", padding=True)
    labels = torch.rand(len(TEXTS), len(task.labels))
    labels = labels / labels.sum(dim=1, keepdim=True) if task.exclusive else labels
    output = model.eval()(**batch, labels=labels)
    assert output.logits.shape == labels.shape
    reference = F.cross_entropy if task.exclusive else F.binary_cross_entropy_with_logits
    torch.testing.assert_close(output.loss, reference(output.logits, labels))
    share = torch.tensor([0.7, 0.2, 0.1] if task.exclusive else [0.26] * len(task.labels))
    model.set_prior(share)
    bias = model.head.out.bias.detach()
    torch.testing.assert_close(torch.softmax(bias, 0) if task.exclusive else torch.sigmoid(bias), share)


# Calibration, thresholds, scores.


@pytest.fixture(scope="module")
def scores():
    """True classes of 3,000 rows, 90 % of one class, and overconfident logits."""
    random = np.random.default_rng(3)
    logits = random.normal(size=(3_000, 3)) + np.log([0.9, 0.06, 0.04])
    tags = np.array([random.choice(3, p=row) for row in softmax(logits)])
    truth = np.eye(3)[tags]
    truth[::50] = np.nan
    return tags, truth, 3 * logits


def test_one_temperature_is_fitted_for_all_classes(scores):
    tags, truth, logits = scores
    known = ~np.isnan(truth).any(axis=1)
    fitted = fit_calibration(truth, logits, "softmax", labels=TYPES.labels, penalty=0.0)

    def loss(slope):
        return -np.log(softmax(slope * logits[known])[np.arange(known.sum()), tags[known]]).mean()

    best = minimize_scalar(loss, bounds=(0.01, 10), method="bounded", options={"xatol": 1e-8}).x
    assert fitted.slope.tolist() == pytest.approx([best] * 3, rel=1e-4) and not fitted.intercept.any()
    assert 0.3 < best < 0.37, "the logits are three times what they should be"
    probs = fitted.apply(logits)
    np.testing.assert_allclose(probs.sum(axis=1), 1)
    assert (probs.argmax(axis=1) == logits.argmax(axis=1)).all()
    assert Calibration.from_dict(fitted.to_dict()).apply(logits).tolist() == probs.tolist()
    one = np.where(np.isnan(truth), np.nan, np.eye(3)[0])
    assert fit_calibration(one, logits, "softmax", labels=TYPES.labels).slope.tolist() == [1, 1, 1]


def test_class_thresholds_find_more_than_the_argmax(scores):
    tags, truth, logits = scores
    known = ~np.isnan(truth).any(axis=1)
    probs = softmax(logits / 3)
    thresholds = tune_class_thresholds(truth, probs, labels=TYPES.labels)
    assert thresholds.sum() == pytest.approx(1) and (thresholds > 0).all()

    def macro(cut):
        return f1_score(tags[known], decide(probs[known], cut, True).argmax(axis=1), average="macro")

    found = macro(thresholds)
    assert found > macro(np.full(3, 1 / 3)) + 0.02
    grid = np.exp(np.linspace(-4, 4, 21))
    for label in range(3):
        for factor in grid:
            changed = thresholds * np.where(np.arange(3) == label, factor, 1)
            assert macro(changed) <= found + 1e-12, "a local maximum"
    assert tune_class_thresholds(truth[tags == 0], probs[tags == 0], labels=TYPES.labels).tolist() == [1 / 3] * 3


def test_decisions_of_exclusive_classes():
    probs = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [0.34, 0.33, 0.33]])
    assert decide(probs, np.full(3, 0.5), True).tolist() == np.eye(3, dtype=bool)[[0, 2, 0]].tolist()
    assert decide(probs, np.array([0.8, 0.1, 0.1]), True).argmax(axis=1).tolist() == [1, 2, 1]
    assert decide(probs, np.array([0.8, 0.1, 0.1])).tolist() == (probs >= [0.8, 0.1, 0.1]).tolist()


def test_evaluation_of_exclusive_classes_is_the_official_one(scores):
    tags, truth, logits = scores
    known = ~np.isnan(truth).any(axis=1)
    probs = softmax(logits)
    thresholds = np.array([0.9, 0.05, 0.05])
    found = evaluate_probs(truth, probs, thresholds, labels=TYPES.labels, exclusive=True)
    for cut, micro, macro in (
        (np.full(3, 0.5), "micro_f1_at_half", "f1_at_half"),
        (thresholds, "micro_f1_tuned", "f1_tuned"),
    ):
        official = type_scores(tags[known], decide(probs[known], cut, True).argmax(axis=1))
        assert found.macro[micro] == pytest.approx(official.micro_f)
        assert found.macro[macro] == pytest.approx(official.macro_f)
    assert "F1 argmax" in found.table() and "F1@0.5" not in found.table()
    assert type(found).from_dict(json.loads(json.dumps(found.to_dict()))).exclusive
    assert "exclusive" not in evaluate_probs(truth, probs, labels=TYPES.labels).to_dict()


# Rows.


def frame(columns: dict, path) -> pd.DataFrame:
    """A CSV file with these columns, as it is read."""
    count = len(next(iter(columns.values())))
    rows = [{"comment_text": f"comment {row}", **{k: v[row] for k, v in columns.items()}} for row in range(count)]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return read_kaggle_csv(path)


@pytest.mark.parametrize("column", ["tag", "class"])
def test_tags_by_number_or_name(column, tmp_path):
    comments = frame({column: ["0", "2", "hate speech", "Cyberbullying", "", "-1", "1.0"]}, tmp_path / "a.csv")
    values = targets(with_task(comments, TYPES, "a.csv"), TYPES.labels)
    assert values[[0, 1, 2, 3, 6]].argmax(axis=1).tolist() == [0, 2, 2, 1, 1]
    assert (values[[0, 1, 2, 3, 6]].sum(axis=1) == 1).all() and np.isnan(values[4:6]).all()
    assert values.dtype == np.float32


def test_shares_of_classes(tmp_path):
    shares = {
        "none": ["1", "0.33", "", "0"],
        "cyberbullying": ["0", "0.33", "0", "0.5"],
        "hate_speech": ["0", "0.33", "1", "0.5"],
    }
    values = targets(with_task(frame(shares, tmp_path / "a.csv"), TYPES, "a.csv"), TYPES.labels)
    np.testing.assert_allclose(values, [[1, 0, 0], [1 / 3] * 3, [np.nan] * 3, [0, 0.5, 0.5]], atol=1e-6)
    shares["none"][3] = "0.5"
    text = complaint(with_task, frame(shares, tmp_path / "b.csv"), TYPES, "b.csv")
    assert text.startswith("b.csv: row 4, field") and "do not sum to 1" in text


@pytest.mark.parametrize("value", ["3", "-2", "1.5", "harmful", "nan", "inf"])
def test_an_unknown_tag_names_its_row(value, tmp_path):
    comments = frame({"tag": ["0", "1", value, "2"]}, tmp_path / "a.csv")
    text = complaint(with_task, comments, TYPES, "a.csv")
    assert text.startswith("a.csv: row 3, field 'tag': is no class of the task types; give 0 to 2, or one of none")


def test_a_file_for_the_six_labels_may_have_any_column_tag(tmp_path):
    comments = frame({"toxic": ["0", "1"], "class": ["spam", "ham"], "tag": ["x", ""]}, tmp_path / "a.csv")
    assert with_task(comments, TOXICITY, "a.csv") is comments
    assert targets(comments)[:, 0].tolist() == [0, 1]


def test_no_column_says_the_class(tmp_path):
    comments = frame({"toxic": ["0", "1"]}, tmp_path / "a.csv")
    assert "no column 'tag' says which of none, cyberbullying, hate_speech" in complaint(
        with_task, comments, TYPES, "a"
    )
    assert np.isnan(targets(with_task(comments, TYPES, "a", need=False), TYPES.labels)).all()


def test_a_policys_decision_is_known_where_it_can_be(tmp_path):
    columns = {"toxic": ["1", "0.5", "0", "0", "", "0.4"], "insult": ["", "0", "0", "", "1", "0.4"]}
    comments = frame(columns, tmp_path / "a.csv")
    expected = [1, 1, 0, np.nan, 1, 0]
    np.testing.assert_array_equal(decision_targets(comments, ("toxic", "insult")), expected)
    task = dataclasses.replace(DECISION, enforced=("toxic", "insult"))
    np.testing.assert_array_equal(targets(with_task(comments, task, "a"), task.labels)[:, 0], expected)
    assert np.isnan(decision_targets(comments)).any(), "identity_hate is not in the file"
    said = frame(columns | {"reject": ["0", "1", "", "0.3", "1", "-1"]}, tmp_path / "b.csv")
    np.testing.assert_allclose(targets(with_task(said, task, "b"), task.labels)[:, 0], [0, 1, np.nan, 0.3, 1, np.nan])
    said = frame(columns | {"reject": ["0", "1", "yes", "0", "1", "0"]}, tmp_path / "c.csv")
    assert "c: row 3, field 'reject': is no number in [0, 1]" in complaint(with_task, said, task, "c")


@pytest.mark.parametrize(
    ("recipe", "column", "values", "problem"),
    [
        ("baseline_types", "tag", ["0", "0", ""], "is 'none'; add comments of another class"),
        ("tfidf_decision", "reject", ["0", "0.2", "-1"], "is 'accept' (a policy that enforces toxic, identity_hate)"),
        ("baseline_decision", "reject", ["1", "1", "1"], "is 'reject' (a policy"),
        ("baseline_types", "tag", ["", "-1", ""], "no label of any training comment is known"),
        ("tfidf_decision", "insult", ["1", "0", "0"], "no label of any training comment is known; add at least one of"),
        ("baseline_types", "tag", ["0", "1", "7"], "field 'tag': is no class of the task types"),
    ],
)
def test_nothing_can_be_learned(recipe, column, values, problem, tmp_path):
    rows = [{"comment_text": row["comment_text"], column: values[n % 3]} for n, row in enumerate(comments_rows(60))]
    source = write_comments(tmp_path / "a.csv", rows)
    assert problem in complaint(train, recipe, [source], SMOKE, 0, tmp_path / "out", progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv"]


def test_folds_of_a_file_have_every_class(tmp_path):
    rows = [
        {"comment_text": row["comment_text"], "tag": "2" if n < 5 else "0"} for n, row in enumerate(comments_rows(60))
    ]
    source = write_comments(tmp_path / "a.csv", rows)
    rows = select_rows([source], dataclasses.replace(SMOKE, max_rows=None), task=TYPES)
    found = [targets(part, TYPES.labels)[:, 2].sum() for part in (rows.train, rows.validation)]
    assert found == [3, 1], "one in each of five folds"


def test_polevals_test_file_is_the_test_split(bare_data):
    for split, count in (("train", 60), ("test", 7)):
        for task, kind in (("6-1", "text"), ("6-2", "tags")):
            path = (
                bare_data
                / "poleval2019"
                / f"task{task}"
                / f"{split.replace('train', 'training')}_set_clean_only_{kind}.txt"
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            words = [row["comment_text"] for row in comments_rows(count, seed=count)]
            path.write_text("".join(f"{words[n] if kind == 'text' else n % 3}\n" for n in range(count)))
    comments = load_comments("poleval")
    assert len(comments) == 60 and set(comments["fold"]) == {1, 2, 3, 4} and set(comments["tag"]) == {0, 1, 2}
    assert comments.attrs["source"] == "poleval"
    for fold in (1, 2, 3, 4):
        assert set(load_comments("poleval", split=f"fold:{fold}")["tag"]) == {0, 1, 2}
    for name in ("test", "fold:0"):
        test = load_comments("poleval", split=name)
        assert len(test) == 7 and set(test["fold"]) == {0} and test["id"].str.startswith("poleval-test").all()
    rows = select_rows(["poleval"], SMOKE, task=TYPES)
    assert not rows.train["id"].str.startswith("poleval-test").any()
    assert not set(rows.train["fold"]) & {0, 1} and set(rows.validation["fold"]) == {1}


# From training to scores.


@pytest.mark.parametrize("recipe", OTHERS)
def test_train_evaluate_score_compare(recipe, tmp_path, capsys):
    path, task = trained(recipe), get_task(RECIPES[recipe].task)
    checkpoint = load_checkpoint(path)
    assert checkpoint.task == task and checkpoint.labels == task.labels
    assert json.loads((path / LABELS_FILE).read_text()) == list(task.labels)
    probs = checkpoint.predict_proba(TEXTS)
    calibrated = checkpoint.predict_proba(TEXTS, calibrated=True)
    assert probs.shape == calibrated.shape == (4, len(task.labels))
    if task.exclusive:
        np.testing.assert_allclose([probs.sum(axis=1), calibrated.sum(axis=1)], 1)
        assert (checkpoint.decide(TEXTS).sum(axis=1) == 1).all()
    else:
        np.testing.assert_array_equal(checkpoint.decide(TEXTS), probs >= checkpoint.thresholds)

    report = evaluate(path, source_of(recipe))
    assert list(report.evaluation.per_label.index) == list(task.labels)
    assert set(report.decisions) == ({"argmax", "tuned"} if task.exclusive else {"at 0.5", "tuned"})
    truth = targets(with_task(load_comments(source_of(recipe)), task, ""), task.labels)
    known = ~np.isnan(truth).any(axis=1)
    assert 0 < known.sum() == report.evaluation.per_label["support"].iloc[0]
    given = checkpoint.decide(load_comments(source_of(recipe))["text"].tolist())[known]
    if task.exclusive:
        expected = type_scores(truth[known].argmax(axis=1), given.argmax(axis=1))._asdict()
    else:
        expected = {"accuracy": np.mean(given == (truth[known] >= 0.5))}
    assert report.decisions["tuned"] == pytest.approx(expected)
    assert "decisions" in report.table() and json.dumps(report.to_dict()["decisions"])

    lines = tmp_path / "in.txt"
    lines.write_text("\n".join(TEXTS) + "\n")
    for kind, read in (
        ("csv", pd.read_csv),
        ("jsonl", lambda p: pd.read_json(p, lines=True)),
        ("parquet", pd.read_parquet),
    ):
        score(lines, path, tmp_path / f"out.{kind}")
        table = read(tmp_path / f"out.{kind}")
        assert list(table.columns) == ["row", *task.labels]
        np.testing.assert_allclose(table[list(task.labels)], probs, atol=1e-5)

    other = trained({"types": "tfidf_types", "decision": "tfidf_decision"}[task.name])
    found = compare(path, other, source_of(recipe), n_resamples=20)
    f1 = found.differences["f1"]
    assert f1.score_a == pytest.approx(report.evaluation.macro["f1_tuned"])
    assert list(f1.per_label.index) == list(task.labels) and "minus" in found.table()
    assert main(["evaluate", str(path), "--source", source_of(recipe), "--json", str(tmp_path / "a.json")]) == 0
    assert "decisions" in json.loads((tmp_path / "a.json").read_text()) and "decisions" in capsys.readouterr().out


@pytest.mark.parametrize(
    "recipe", ["baseline", "baseline_types", "ulmfit_types", "baseline_decision", "ulmfit_decision"]
)
def test_the_pipelines_scores_are_those_of_predict_proba(recipe):
    path = trained(recipe)
    checkpoint = load_checkpoint(path)
    classify = pipeline("text-classification", model=str(path), top_k=None, truncation=True)
    for text, probs in zip(TEXTS, checkpoint.predict_proba(TEXTS), strict=True):
        found = {entry["label"]: entry["score"] for entry in classify([text])[0]}
        assert set(found) == set(checkpoint.labels)
        np.testing.assert_allclose([found[label] for label in checkpoint.labels], probs, atol=1e-5)


def test_a_finished_run_of_another_task_or_policy_is_refused(tmp_path):
    recipe = dataclasses.replace(RECIPES["tfidf_decision"], enforced=("insult",))
    out, source = tmp_path / "out", source_of("tfidf")
    path = train(recipe, [source], SMOKE, 0, out, progress=False)
    assert train(recipe, [source], SMOKE, 0, out, progress=False) == path
    other = dataclasses.replace(recipe, enforced=("threat",))
    assert "is no finished run of these settings" in complaint(train, other, [source], SMOKE, 0, out, progress=False)
    assert load_checkpoint(path).task.enforced == ("insult",)
    report = evaluate(path, source)
    assert report.evaluation.per_label.loc["reject", "prevalence"] == 0.5
    assert "enforces insult" not in complaint(compare, path, trained("tfidf_decision"), source)


def test_mixed_tasks_are_refused(tmp_path):
    types, decision, six = trained("tfidf_types"), trained("tfidf_decision"), trained("tfidf")
    for first, second in ((types, decision), (six, types), (decision, six)):
        text = complaint(compare, first, second, source_of("tfidf"))
        assert "its task is" in text and text.endswith("compare models of one task")
        text = complaint(make_router, {"a": first, "b": second}, tmp_path / "out")
        assert text.endswith("route to models of one task") and not (tmp_path / "out").exists()
    assert "no column 'tag'" in complaint(evaluate, types, source_of("tfidf"))


def test_a_checkpoint_of_other_labels_than_its_task_is_refused(tmp_path):
    def changed(name, file, **fields):
        copy = shutil.copytree(trained(name), tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}")
        value = json.loads((copy / file).read_text())
        (copy / file).write_text(json.dumps(fields["value"] if "value" in fields else value | fields))
        return complaint(load_checkpoint, copy)

    for labels in (list(LABELS), ["none", "hate_speech", "cyberbullying"], ["spam"]):
        assert "the labels are not none, cyberbullying, hate_speech in this order" in changed(
            "baseline_types", LABELS_FILE, value=labels
        )
    assert "problem_type is not single_label_classification" in changed(
        "baseline_types", CONFIG, problem_type="multi_label_classification"
    )
    assert "'platt' is not for the task types" in changed("baseline_types", CALIBRATION, method="platt")
    assert "'softmax' is not for the task decision" in changed("tfidf_decision", CALIBRATION, method="softmax")
    run = json.loads((trained("tfidf_types") / RUN).read_text())
    assert "unknown task 'spam'" in changed("tfidf_types", RUN, recipe=run["recipe"] | {"task": "spam"})
    assert "the labels are not reject" in changed("tfidf_types", RUN, recipe=run["recipe"] | {"task": "decision"})


def test_command_line(tmp_path, capsys):
    source = source_of("tfidf")
    words = ["train", "tfidf_decision", "--source", source, "--preset", "smoke", "--out", str(tmp_path / "out")]
    assert main([*words, "--enforce", "insult,threat"]) == 0
    assert load_checkpoint(tmp_path / "out").task.enforced == ("insult", "threat")
    capsys.readouterr()
    for recipe, given, problem in (
        ("tfidf_decision", "insult,spam", "enforced label 'spam': name some of toxic"),
        ("tfidf_decision", "insult,", "names an empty label"),
        ("tfidf_types", "insult", "learns no policy's decision; leave it out"),
    ):
        words[1], words[-1] = recipe, str(tmp_path / "other")
        assert main([*words, "--enforce", given]) == 2
        error = capsys.readouterr().err
        assert problem in error and error.count("\n") == 1
    assert set(TASKS) == {"toxicity", "types", "decision", "spans"}
