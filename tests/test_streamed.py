"""Training on a stream: what is held out, what a record says, and that an interrupted run goes on."""

import dataclasses
import errno
import json

import numpy as np
import pytest
import transformers
from helpers.training import QUICKER, comments_rows, same_weights, write_comments

from toxres.checkpoint import load_checkpoint
from toxres.cli import main
from toxres.config import CUSTOM, SMOKE
from toxres.errors import InputError, RunError
from toxres.files import sha256
from toxres.tasks import TOXICITY
from toxres.training import streamed, train
from toxres.training.stream_inputs import streaming_tokenizer
from toxres.training.streamed import select_streamed

ALL = dataclasses.replace(SMOKE, max_rows=None, max_rows_auxiliary=None, max_steps=2)


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    monkeypatch.delenv("TOXRES_DATA_DIR", raising=False)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


def dataset(folder, train_rows=(), counts=(200, 40, 40)) -> str:
    """A folder with three splits, disjoint but for what is put into its training rows."""
    folder.mkdir()
    for seed, (split, count) in enumerate(zip(("train", "validation", "test"), counts, strict=True)):
        rows = comments_rows(count, seed=seed)
        for row in rows:
            row["comment_text"] += f", says the {split}"
        write_comments(folder / f"{split}.csv", rows + list(train_rows if split == "train" else ()))
    return f"hub:{folder}"


def row(identifier: str, text: str) -> dict:
    return comments_rows(1)[0] | {"id": identifier, "comment_text": text}


def select(sources, out, preset=ALL, test_fold=0, validation_fold=1, held_out=(), decisions=None):
    tokenizer = streaming_tokenizer(CUSTOM, preset, None)
    return select_streamed(
        [sources] if isinstance(sources, str) else sources,
        preset, 0, test_fold, validation_fold, held_out, TOXICITY, decisions, tokenizer, out / "x.stream",
    )  # fmt: skip


def test_held_out_texts_are_dropped_from_training(tmp_path, monkeypatch):
    validation, test = comments_rows(40, seed=1)[3]["comment_text"], comments_rows(40, seed=2)[5]["comment_text"]
    copies = [
        row("a", validation.upper() + ", says the VALIDATION!"),
        row("b", test + ", says the test"),
        row("c", "The official line."),
        row("d", "Nobody else's line."),
    ]
    official = {"test.csv": ["the OFFICIAL line"]}
    for module in ("toxres.training.streamed", "toxres.training.stream_inputs"):
        monkeypatch.setattr(f"{module}.load_official_texts", lambda: official)
    rows = select(dataset(tmp_path / "set", copies), tmp_path)
    (entry,) = rows.sources
    assert (entry["rows"], entry["read"], entry["dropped"]) == (201, 284, {"official": 1, "held_out": 2})
    assert len(rows.train) == 201 and len(rows.validation) == 40
    assert rows.validation["id"].str.startswith("c1-").all()
    assert rows.known.tolist() == [201] * 6 and rows.positives[0] == 100


def test_a_dataset_s_own_test_split_is_never_trained_on(tmp_path):
    rows = select(dataset(tmp_path / "set"), tmp_path, test_fold=None, validation_fold=None)
    assert len(rows.train) == 240 and rows.validation is None
    paper = dataclasses.replace(ALL, split="90/10")
    rows = select(f"hub:{tmp_path / 'set'}", tmp_path, paper, test_fold=None, validation_fold=None)
    assert (len(rows.train), len(rows.validation)) == (200, 40)


def test_further_sources_know_nothing_of_the_first_one_s_held_out_texts(tmp_path):
    first = write_comments(tmp_path / "first.csv", comments_rows(300))
    second = write_comments(tmp_path / "second.csv", [one | {"id": f"again{one['id']}"} for one in comments_rows(300)])
    rows = select([first, second], tmp_path)
    held_out = 300 - rows.sources[0]["rows"]
    assert held_out > 60
    # The second keeps its own test fold out, which is the first's: the texts are the same.
    assert rows.sources[1]["rows"] == rows.sources[0]["rows"]
    assert rows.sources[1]["dropped"]["held_out"] == len(rows.validation)


def test_nothing_of_a_held_out_source_is_trained_on(tmp_path):
    first = write_comments(tmp_path / "first.csv", comments_rows(300))
    half = write_comments(tmp_path / "half.csv", comments_rows(150))
    whole, without = select(first, tmp_path), select(first, tmp_path, held_out=[half])
    dropped = without.sources[0]["dropped"]["held_out"]
    assert 50 < dropped < 150 and len(without.train) == len(whole.train) - dropped
    with pytest.raises(InputError, match="no training comments are left"):
        select(first, tmp_path / "new", held_out=[first])
    assert not (tmp_path / "new" / "x.stream").exists(), "nothing is left of rows that were refused"


def test_limits_draw_the_same_rows_again(tmp_path):
    source = write_comments(tmp_path / "x.csv", comments_rows(400))
    first = select(source, tmp_path, dataclasses.replace(ALL, max_rows=60))
    other = select(source, tmp_path, dataclasses.replace(ALL, max_rows=61))
    again = select(source, tmp_path, dataclasses.replace(ALL, max_rows=60))
    assert (len(first.train), len(first.validation)) == (60, 20) and len(other.train) == 61
    assert again.sha256 == first.sha256 != other.sha256


def test_few_validation_rows_are_drawn_of_many(tmp_path, monkeypatch):
    monkeypatch.setattr(streamed, "VALIDATION_ROWS", 30)
    rows = select(write_comments(tmp_path / "x.csv", comments_rows(400)), tmp_path)
    assert len(rows.validation) == 30 and len(rows.train) > 200


def test_a_run_on_a_stream_is_recorded_whole(tmp_path):
    source = write_comments(tmp_path / "mine.csv", comments_rows(300))
    out = train("custom", source, ALL, 0, tmp_path / "out", stream=True, progress=False)
    run = json.loads((out / "run.json").read_text())
    (entry,) = run["sources"]
    assert entry["sha256"] == sha256(source) and entry["read"] == 300 and entry["rows"] == run["rows_train"]
    assert run["rows_validation"] > 40 and len(run["rows_sha256"]) == 64 and len(run["stream"]["inputs"]) == 16
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.csv", "out"]
    checkpoint = load_checkpoint(out)
    assert checkpoint.predict_proba(["crap"]).shape == (1, 6) and (checkpoint.thresholds != 0.5).any()
    assert [one["step"] for one in run["history"] if "loss" in one] == [1, 2]
    assert train("custom", source, ALL, 0, out, stream=True, progress=False) == out
    with pytest.raises(InputError, match="exists and is no finished run of these settings"):
        train("custom", source, ALL, 0, out, stream=True, test_fold=3, progress=False)


def test_two_stages_on_streams(tmp_path):
    names = [write_comments(tmp_path / f"{seed}.csv", comments_rows(100, seed=seed)) for seed in range(2)]
    preset = dataclasses.replace(ALL, epochs_auxiliary=1)
    out = train("custom", names, preset, 0, tmp_path / "out", stream=True, progress=False)
    run = json.loads((out / "run.json").read_text())
    assert [entry["name"] for entry in run["sources"]] == names[:1]
    assert [entry["name"] for entry in run["initial"]["sources"]] == names[1:]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.csv", "1.csv", "out", "out.auxiliary"]
    assert train("custom", names, preset, 0, tmp_path / "out", stream=True, progress=False) == out


class Stop(transformers.TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 8:
            raise KeyboardInterrupt


def test_an_interrupted_run_goes_on_with_what_was_read(tmp_path, monkeypatch):
    source = write_comments(tmp_path / "mine.csv", comments_rows(200))
    preset = dataclasses.replace(QUICKER, max_rows=None, epochs=1)
    options = {"stream": True, "save_steps": 5, "progress": False}
    whole = train("custom", source, preset, 0, tmp_path / "whole", **options)
    from toxres.training import fitting

    original = fitting.build_trainer

    def stopping(*args, **kwargs):
        trainer = original(*args, **kwargs)
        trainer.add_callback(Stop())
        return trainer

    monkeypatch.setattr(fitting, "build_trainer", stopping)
    with pytest.raises(KeyboardInterrupt):
        train("custom", source, preset, 0, tmp_path / "out", **options)
    assert (tmp_path / "out.stream" / "rows").is_dir() and not (tmp_path / "out").exists()
    monkeypatch.setattr(fitting, "build_trainer", original)
    monkeypatch.setattr(streamed._Reader, "read", None)
    resumed = train("custom", source, preset, 0, tmp_path / "out", resume=True, **options)
    assert same_weights(resumed, whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.csv", "out", "whole"]


def test_rows_of_other_settings_are_read_anew_and_leftovers_removed(tmp_path):
    source = write_comments(tmp_path / "x.csv", comments_rows(200))
    first = select(source, tmp_path)
    (tmp_path / "x.stream" / ".rows.1234.tmp").mkdir()
    write_comments(tmp_path / "x.csv", comments_rows(100))
    second = select(source, tmp_path)
    assert (first.sources[0]["read"], second.sources[0]["read"]) == (200, 100)
    assert sorted(path.name for path in (tmp_path / "x.stream").iterdir()) == ["lock", "rows"]
    np.testing.assert_array_equal(first.train.lengths[:3] > 0, True)


def test_a_full_disk_is_a_failed_run_that_leaves_nothing(tmp_path, monkeypatch):
    def full(self, comments, labels):
        raise OSError(errno.ENOSPC, "No space left on device")

    source = write_comments(tmp_path / "x.csv", comments_rows(200))
    monkeypatch.setattr(streamed.TokenWriter, "write", full)
    with pytest.raises(
        RunError, match=r"x\.stream: cannot be written \(No space left on device\); make room or choose"
    ):
        select(source, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]


@pytest.mark.parametrize("recipe", ["tfidf", "multiview", "ulmfit"])
def test_recipes_that_read_all_at_once_are_refused(tmp_path, recipe):
    with pytest.raises(InputError, match="all comments at once"):
        train(recipe, "synthetic", SMOKE, 0, tmp_path / "out", stream=True, progress=False)
    assert not list(tmp_path.iterdir())


def test_the_command_line(tmp_path, capsys):
    rows = comments_rows(200)
    source = write_comments(tmp_path / "mine.csv", rows)
    words = ["train", "custom", "--preset", "smoke", "--stream", "--max-steps", "1", "--gradient-accumulation", "2"]
    words += ["--batch-size", "8", "--gradient-checkpointing", "--precision", "fp32", "--out", str(tmp_path / "out")]
    assert main([*words, "--source", source]) == 0
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    preset = run["preset"]
    assert (preset["batch_size"], preset["gradient_accumulation"], preset["gradient_checkpointing"]) == (8, 2, True)
    assert (preset["max_steps"], run["device"]["precision"], "stream" in run) == (1, "fp32", True)
    rows[150]["threat"] = "maybe"
    bad = write_comments(tmp_path / "bad.csv", rows)
    capsys.readouterr()
    assert main([*words[:-1], str(tmp_path / "other"), "--source", bad]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "bad.csv: row 151, field 'threat': is no number in [0, 1]" in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.csv", "mine.csv", "out"]
