"""The command line: what each verb calls, what it says, and its exit codes."""

import dataclasses
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import toxres
from toxres.cli import build_parser, main
from toxres.config import FULL, SMOKE
from toxres.errors import InputError, RunError
from toxres.evaluation import Calibration
from toxres.labels import LABELS


class Fake:
    """A checkpoint whose logits come from the text: positive for every label that the text names."""

    def __init__(self, name="baseline", shift=0.0, sources=()):
        self.name = self.recipe = name
        self.path = Path("build") / name
        self.shift = shift
        self.run = {
            "key": f"key-of-{name}",
            "recipe": {"name": name},
            "preset": {"name": "smoke"},
            "sources": list(sources),
            "test_fold": 0,
            "validation_fold": 1,
        }
        self.thresholds = np.full(len(LABELS), 0.5)
        self.calibration = Calibration.identity(LABELS)

    def predict_logits(self, texts):
        words = [text.split() for text in texts]
        return np.array([[2.0 if label in row else self.shift - 2.0 for label in LABELS] for row in words], np.float32)

    def predict_proba(self, texts, calibrated=False):
        logits = self.predict_logits(texts).astype(float)
        return 1 / (1 + np.exp(-logits / (2 if calibrated else 1)))


@pytest.fixture
def fakes(monkeypatch):
    """Checkpoints by folder name, for `load_checkpoint` to find."""
    known = {"baseline": Fake(), "custom": Fake("custom", shift=1.0)}

    def load(path):
        if str(path) not in known:
            raise InputError(f"{path}: no such checkpoint")
        return known[str(path)]

    monkeypatch.setattr("toxres.checkpoint.load_checkpoint", load)
    return known


@pytest.fixture
def kaggle(tmp_path):
    """A CSV file in Kaggle's format with only two of the label columns."""
    path = tmp_path / "mine.csv"
    rows = ["a toxic one,1,0", "an insult toxic,1,1", "a fine day,0,0", "nothing here,0,-1", "insult again,0,1"]
    path.write_text("comment_text,toxic,insult\n" + "\n".join(rows) + "\n")
    return path


@pytest.fixture
def fails(capsys):
    """Run a command that must fail with this code and one line on stderr; gives the line."""

    def fails(code: int, *arguments) -> str:
        assert main([str(argument) for argument in arguments]) == code
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1, lines
        return lines[0]

    return fails


@pytest.mark.parametrize(
    "arguments",
    [[], ["data"], ["data", "list"], ["data", "pull"], ["train"], ["evaluate"], ["compare"], ["score"], ["router"]],
    ids=lambda arguments: "-".join(arguments) or "toxres",
)
def test_help(arguments, capsys):
    assert main([*arguments, "--help"]) == 0
    assert f"usage: toxres {' '.join(arguments)}".strip() in capsys.readouterr().out


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"toxres {toxres.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "toxres: the following arguments are required: COMMAND (see toxres --help)"),
        (["train", "baseline", "--out", "x"], "toxres train: the following arguments are required: --source"),
        (["train", "baseline", "--source", "a", "--out", "x", "--seed", "-1"], "argument --seed: must be 0 or more"),
        (
            ["train", "baseline", "--source", "a", "--out", "x", "--seed", "99999999999"],
            "argument --seed: must be at most 4294967295, not 99999999999",
        ),
        (["train", "tfidf", "--source", "synthetic", "--out", ""], "'.': is no name of a folder to write"),
        (["evaluate", "d", "--source", "synthetic", "--json", ""], "'': is no name of a file to write"),
        (["evaluate", "d", "--source", "synthetic", "--json", "/dev/null/x"], "/dev/null is no folder"),
        (
            ["train", "baseline", "--source", "a", "--out", "x", "--seed", "x"],
            "--seed: invalid whole number value: 'x'",
        ),
        (["compare", "a", "b", "--source", "c", "--resamples", "0"], "argument --resamples: must be 1 or more"),
        (["data", "pul"], "toxres data: argument ACTION: invalid choice: 'pul'"),
        (["data", "describe", "nowhere"], "toxres data describe: unknown source 'nowhere'; choose one of: jigsaw"),
        (["train", "besaline", "--source", "a", "--out", "x"], "unknown recipe 'besaline'; choose one of: baseline"),
        (["train", "tfidf", "--source", "a", "--out", "x", "--preset", "big"], "unknown preset 'big'; choose one of"),
        (["train", "tfidf", "--source", "a,,b", "--out", "x"], "--source 'a,,b' names an empty source"),
        (["train", "tfidf", "--source", "nowhere", "--out", "x"], "unknown source 'nowhere'"),
        (["train", "custom", "--source", "a", "--out", "x", "--patience", "0"], "--patience: must be 1 or more"),
        (["train", "tfidf", "--source", "a", "--out", "x", "--patience", "1"], "tfidf is not trained in epochs"),
        (["train", "tfidf", "--source", "a", "--out", "x", "--batch-size", "1"], "--batch-size: tfidf takes no such"),
        (["train", "multiview", "--source", "a", "--out", "x", "--gradient-checkpointing"], "takes no such option"),
        (["train", "custom", "--source", "a", "--out", "x", "--gradient-accumulation", "0"], "must be 1 or more"),
        (
            ["train", "custom", "--source", "a", "--out", "x", "--precision", "fp8"],
            "--precision: invalid choice: 'fp8'",
        ),
        (["train", "spans", "--source", "a", "--out", "x", "--stream"], "--stream: spans has no use for it"),
        (["train", "tfidf", "--source", "a.csv", "--out", "x", "--stream"], "reads all comments at once"),
        (["evaluate", "/no/where", "--source", "synthetic"], "/no/where"),
        (["score", "x.doc", "--checkpoint", "d", "--out", "o.csv"], "x.doc: unknown ending '.doc'; use one of .csv"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(fails, arguments, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert line in fails(2, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_abbreviated_options_are_refused(fails):
    assert "--sour" in fails(2, "evaluate", "baseline", "--sour", "x", "--source", "y")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("file: row 3: mend it"), 2, "toxres data list: file: row 3: mend it"),
        (InputError("two\nlines"), 2, "toxres data list: two lines"),
        (RunError("url: no connection;\ntry again"), 1, "toxres data list: url: no connection; try again"),
        (KeyboardInterrupt(), 130, "toxres data list: interrupted"),
        (OSError(28, "No space left"), 1, "toxres data list: failed: OSError: [Errno 28] No space left (TOXRES_DEBUG"),
    ],
)
def test_exit_codes(fails, monkeypatch, error, code, line):
    def broken():
        raise error

    monkeypatch.setattr("toxres.data.registry.list_sources", broken)
    assert fails(code, "data", "list").startswith(line)


def test_a_download_without_a_network_is_a_failed_run_not_bad_usage(fails, monkeypatch):
    def refused(*arguments, **options):
        raise urllib.error.URLError("refused")

    monkeypatch.setattr("urllib.request.urlopen", refused)
    monkeypatch.setattr("toxres.data.registry.sha256", lambda path: "")
    line = fails(1, "data", "pull", "davidson")
    assert line.startswith("toxres data pull: https://") and "no connection (refused)" in line


def test_debug_shows_the_traceback(monkeypatch):
    monkeypatch.setenv("TOXRES_DEBUG", "1")
    monkeypatch.setattr("toxres.data.registry.list_sources", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["data", "list"])


def test_data_list_and_describe(capsys):
    assert main(["data", "list"]) == 0
    assert "synthetic" in capsys.readouterr().out
    assert main(["data", "describe", "jigsaw"]) == 0
    assert "licence" in capsys.readouterr().out.lower()


def test_data_pull_says_what_it_did(monkeypatch, capsys):
    from toxres.data.registry import Pulled

    asked = []

    def pull(names):
        asked.append(names)
        return Pulled((Path("a"),), (Path("b"), Path("c")), ("d: fetch it",))

    monkeypatch.setattr("toxres.data.registry.pull", pull)
    assert main(["data", "pull", "x", "y"]) == 0 and main(["data", "pull"]) == 0
    assert asked == [["x", "y"], []]
    assert capsys.readouterr().out.splitlines()[:2] == [
        "1 files downloaded, 2 were there and verified",
        "by hand: d: fetch it",
    ]


def test_train_passes_every_option(monkeypatch, capsys):
    calls = []
    monkeypatch.setattr("toxres.training.train", lambda *a, **k: calls.append((a, k)) or Path("dir"))
    monkeypatch.setenv("TOXRES_PRESET", "smoke")
    assert main(["train", "custom", "--source", "jigsaw, davidson", "--out", "dir", "--seed", "7", "--resume"]) == 0
    assert main(["train", "tfidf", "--source", "jigsaw", "--out", "dir", "--preset", "full"]) == 0
    words = ["--language-model", "lm", "--vocab-size", "9"]
    assert main(["train", "ulmfit", "--source", "jigsaw", "--out", "dir", *words]) == 0
    assert main(["train", "baseline", "--source", "jigsaw", "--out", "dir", "--encoder", "e5"]) == 0
    assert main(["train", "cls_bce", "--source", "jigsaw", "--out", "dir", "--init", "other"]) == 0
    plain = {"seed": 0, "out": "dir", "resume": False, "init": None, "language_model": None, "corpus": None}
    plain["stream"] = False
    assert calls == [
        (("custom", ["jigsaw", "davidson"]), plain | {"preset": SMOKE, "seed": 7, "resume": True}),
        (("tfidf", ["jigsaw"]), plain | {"preset": FULL}),
        (("ulmfit", ["jigsaw"]), plain | {"preset": dataclasses.replace(SMOKE, vocab_size=9), "language_model": "lm"}),
        (("baseline", ["jigsaw"]), plain | {"preset": dataclasses.replace(SMOKE, encoder="e5")}),
        (("cls_bce", ["jigsaw"]), plain | {"preset": SMOKE, "init": "other"}),
    ]
    printed = capsys.readouterr().out
    assert "checkpoint: dir" in printed and "next: toxres evaluate dir --source jigsaw" in printed


def test_patience_overrides_the_preset(tmp_path):
    out = tmp_path / "out"
    words = ["train", "custom", "--source", "synthetic", "--preset", "smoke", "--patience", "2", "--out", str(out)]
    assert main(words) == 0
    assert json.loads((out / "run.json").read_text())["preset"] == SMOKE.to_dict() | {"patience": 2}


def test_a_file_that_was_trained_on_is_not_suggested_for_evaluation(monkeypatch, capsys):
    monkeypatch.setattr("toxres.training.train", lambda *a, **k: Path("dir"))
    assert main(["train", "tfidf", "--source", "mine.csv", "--out", "dir"]) == 0
    assert capsys.readouterr().out == "checkpoint: dir\n"


def test_training_into_a_file_is_refused(tmp_path, fails):
    (tmp_path / "some.csv").write_text("as it was")
    line = fails(
        2, "train", "tfidf", "--source", "synthetic", "--preset", "smoke", "--out", tmp_path / "some.csv" / "x"
    )
    assert "some.csv is no folder; choose another place" in line
    assert [item.name for item in tmp_path.iterdir()] == ["some.csv"]


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "baseline", "--source", "mine.csv", "--json"],
        ["compare", "baseline", "custom", "--source", "mine.csv", "--json"],
        ["score", "mine.csv", "--checkpoint", "baseline", "--out"],
    ],
    ids=lambda words: words[0],
)
def test_a_folder_is_refused_as_a_result_before_the_work(fakes, kaggle, tmp_path, fails, monkeypatch, words):
    monkeypatch.setattr(Fake, "predict_logits", lambda *a: pytest.fail("worked"))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "adir.csv"
    folder.mkdir()
    (folder / "kept.txt").touch()
    assert "adir.csv: is a folder; name a file" in fails(2, *words, "adir.csv")
    assert (folder / "kept.txt").is_file()


def test_help_names_the_test_files_of_kaggle(capsys):
    assert main(["evaluate", "--help"]) == 0
    assert "kaggle_test" in capsys.readouterr().out


def test_evaluate_a_csv_with_some_label_columns(fakes, kaggle, tmp_path, capsys):
    out = tmp_path / "report.json"
    assert main(["evaluate", "baseline", "--source", str(kaggle), "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "baseline (run key-of-baseline, preset smoke) on 5 comments of" in printed
    assert "4 from AUROC" in printed, "labels that the file does not know are counted"
    report = json.loads(out.read_text())
    assert report["rows"]["count"] == 5 and len(report["rows"]["sha256"]) == 64
    assert report["run"]["key"] == "key-of-baseline" and report["date"].startswith("20")
    scores = report["evaluation"]["per_label"]
    assert scores["toxic"]["auroc"] == 1.0 and scores["insult"]["support"] == 4
    assert scores["threat"]["auroc"] is None and scores["threat"]["support"] == 0
    assert report["evaluation"]["macro"]["auroc"] == 1.0


def test_evaluate_needs_a_known_label(fakes, tmp_path, fails):
    path = tmp_path / "bare.csv"
    path.write_text("comment_text\nhello\n")
    assert "no label of any row is known" in fails(2, "evaluate", "baseline", "--source", path)


def test_a_failed_evaluation_writes_nothing(fakes, kaggle, tmp_path, fails):
    kaggle.write_text(kaggle.read_text().replace("0,-1", "0,7"))
    line = fails(2, "evaluate", "baseline", "--source", kaggle, "--json", tmp_path / "report.json")
    assert "row 4" in line and "insult" in line
    assert not (tmp_path / "report.json").exists()


def test_compare_on_the_same_rows(fakes, kaggle, tmp_path, capsys):
    out = tmp_path / "comparison.json"
    command = ["compare", "baseline", "custom", "--source", str(kaggle), "--resamples", "50", "--json", str(out)]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "baseline minus custom, 95% intervals by 50 paired resamples" in printed
    comparison = json.loads(out.read_text())
    assert comparison["differences"]["auroc"]["difference"] == 0.0
    assert comparison["differences"]["ece"]["difference"] < 0, "custom's shifted logits are further off"
    assert comparison["first"]["name"] == "baseline" and comparison["second"]["name"] == "custom"
    assert set(comparison["differences"]["ap"]["per_label"]) == set(LABELS)


def test_a_checkpoint_compared_with_itself_differs_nowhere(fakes, kaggle):
    comparison = toxres.compare("custom", "custom", kaggle, n_resamples=20)
    assert all(r.difference == r.low == r.high == 0 for r in comparison.differences.values())
    assert "*" not in comparison.table().split("minus")[1].replace("(* excludes 0)", "")


@pytest.mark.parametrize(
    ("sources", "source", "split", "expected"),
    [
        ([], "jigsaw", "test", ""),
        (["jigsaw"], "jigsaw", "test", ""),
        (["jigsaw"], "jigsaw", "fold:0", ""),
        (["jigsaw"], "jigsaw", "validation", "tuned on these rows"),
        (["jigsaw"], "jigsaw", "train", "was trained on rows of jigsaw"),
        (["jigsaw"], "jigsaw", None, "was trained on rows of jigsaw"),
        (["jigsaw"], "davidson", None, ""),
        (["jigsaw", "davidson"], "davidson", "test", ""),
        (["jigsaw", "davidson"], "davidson", "validation", "was trained on rows of davidson"),
        (["jigsaw"], "jigsaw", "kaggle_test", ""),
        (["davidson", "jigsaw"], "jigsaw", "kaggle_test", ""),
        (["mine.csv"], "mine.csv", "test", "was trained on rows of mine.csv"),
        (["mine.csv"], "mine.csv", None, "was trained on rows of mine.csv"),
        (["jigsaw", "mine.csv"], "mine.csv", "test", "was trained on rows of mine.csv"),
        (["hub:a/b"], "hub:a/b", "test", "was trained on rows of hub:a/b"),
    ],
)
def test_scores_that_flatter_are_called_so(sources, source, split, expected):
    from toxres.api import caution

    run = Fake(sources=[{"name": name, "sha256": "x"} for name in sources]).run
    said = caution(run, source, split, "y")
    assert expected in said and bool(said) == bool(expected)


def test_a_csv_that_was_trained_on_is_recognised_by_its_hash():
    from toxres.api import caution

    run = Fake(sources=[{"name": "old/name.csv", "sha256": "same"}]).run
    assert "trained on" in caution(run, "new/name.csv", None, "same")
    assert "trained on" in caution(run, "new/name.csv", "test", "same")
    assert "trained on" in caution(run, "jigsaw", "test", "same"), "the file's folds are not the source's"
    assert caution(run, "new/name.csv", None, "other") == ""


@pytest.mark.parametrize(
    ("source", "split", "expected"),
    [
        ("davidson", "test", ""),
        ("davidson", "validation", "was trained on"),
        ("mine.csv", "test", "was trained on"),
        ("jigsaw", "test", ""),
        ("jigsaw", "validation", "tuned on"),
        ("civil_spans", None, ""),
    ],
)
def test_an_earlier_stage_trained_too(source, split, expected):
    from toxres.api import caution

    earlier = [{"name": "davidson", "sha256": "d"}, {"name": "mine.csv", "sha256": "m"}]
    run = Fake(sources=[{"name": "jigsaw", "sha256": "x"}]).run | {"initial": {"key": "k", "sources": earlier}}
    said = caution(run, source, split, "y")
    assert expected in said and bool(said) == bool(expected)


def test_an_earlier_stage_on_the_tuning_rows_is_the_graver_warning():
    from toxres.api import caution

    entry = {"name": "jigsaw", "sha256": "x"}
    run = Fake(sources=[entry]).run | {"initial": {"sources": [entry]}}
    assert "trained on" in caution(run, "jigsaw", "validation", "x")


def test_no_test_rows_were_kept_out_by_a_90_10_split():
    from toxres.api import caution

    run = Fake(sources=[{"name": "jigsaw", "sha256": "x"}]).run | {"test_fold": None}
    assert "trained on" in caution(run, "jigsaw", "test", "x")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A real checkpoint of the bag of n-grams, trained through the command line at smoke size."""
    out = tmp_path_factory.mktemp("checkpoints") / "tfidf"
    assert main(["train", "tfidf", "--source", "synthetic", "--preset", "smoke", "--out", str(out)]) == 0
    return out


def test_the_whole_way_with_a_real_checkpoint(trained, tmp_path, capsys):
    assert main(["evaluate", str(trained), "--source", "synthetic", "--json", str(tmp_path / "report.json")]) == 0
    assert "synthetic comments, split test" in capsys.readouterr().out
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["caution"] == "" and report["run"]["key"]
    (tmp_path / "in.jsonl").write_text('{"id": "a", "text": "you utter fool"}\n{"id": "b", "text": "good morning"}\n')
    assert main(["score", str(tmp_path / "in.jsonl"), "--checkpoint", str(trained), "--out", "-"]) == 0
    scores = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert list(scores.columns) == ["id", *LABELS] and list(scores["id"]) == ["a", "b"]
    assert scores[list(LABELS)].to_numpy().min() >= 0 and scores[list(LABELS)].to_numpy().max() <= 1


def test_make_run_ends_with_the_newest_checkpoints(trained):
    from toxres.summary import newest_checkpoints, summary

    assert newest_checkpoints(trained.parent) == {"tfidf": trained}
    assert newest_checkpoints(trained.parent, "synthetic", "smoke") == {"tfidf": trained}
    assert newest_checkpoints(trained.parent, "jigsaw") == newest_checkpoints(trained.parent, preset="full") == {}
    text = summary(trained.parent, "synthetic", "smoke")
    assert "synthetic comments, split test; trained at preset smoke" in text and "| tfidf" in text
    assert f"toxres score YOUR.csv --checkpoint {trained}" in text
    assert "nothing was trained yet" in summary(trained.parent, "synthetic", "full")


@pytest.mark.parametrize(("earlier", "kept"), [("synthetic", True), ("davidson", False)])
def test_an_earlier_stage_on_another_source_is_not_this_source_alone(trained, tmp_path, earlier, kept):
    from toxres.summary import newest_checkpoints

    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    run = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps(run | {"initial": {"sources": [{"name": earlier}]}}))
    assert newest_checkpoints(tmp_path, "synthetic") == ({"tfidf": copy} if kept else {})
    assert newest_checkpoints(tmp_path) == {"tfidf": copy}


def test_ctrl_c_is_130_in_one_line(tmp_path):
    script = (
        "import signal, sys, time, toxres.data.registry as registry\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background job starts with it ignored
        "def wait():\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "registry.list_sources = wait\n"
        "from toxres.cli import main\nsys.exit(main(['data', 'list']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert stderr == "toxres data list: interrupted\n"


def test_a_closed_pipe_is_no_error():
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "toxres", "data", "list"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_verb_has_a_function():
    parser = build_parser()
    assert callable(parser.parse_args(["score", "a.csv", "--checkpoint", "d", "--out", "b.csv"]).verb)
