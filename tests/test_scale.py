"""Experiments about training at scale: what they compute, what is committed, and what the README says of it."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers.training import trained

from toxres.checkpoint import load_checkpoint
from toxres.errors import InputError
from toxres.experiments import distil, distributed, scale_told, stream_memory
from toxres.files import ROOT, read_json
from toxres.labels import LABELS
from toxres.training.rows import select_rows

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_processes_are_compared_seed_by_seed():
    same = distributed.compare([0.50, 0.52, 0.54], [0.505, 0.515, 0.54])
    assert same["within"] and same["difference"] == pytest.approx(0) and same["spread"] == pytest.approx(0.02)
    apart = distributed.compare([0.50, 0.52, 0.54], [0.47, 0.489, 0.511])
    assert not apart["within"] and apart["high"] < 0
    half = 4.303 * np.std([-0.03, -0.031, -0.029], ddof=1) / np.sqrt(3)
    assert apart["low"] == pytest.approx(-0.03 - half)


def test_the_committed_comparison_follows_from_its_scores():
    found = read_json(distributed.RESULT)
    for metric, scores in found["scores"].items():
        assert found["comparisons"][metric] == pytest.approx(distributed.compare(scores["1"], scores["2"]))
    assert found["batch_size_of_a_process"] == {"1": 32, "2": 16}
    assert scale_told.processes_sentence(found) in README


def test_too_few_seeds_say_nothing():
    with pytest.raises(InputError, match="2 were given; give three to ten"):
        distributed.run(seeds=(0, 1))


def test_memory_of_a_stream_in_this_process(tmp_path):
    file = tmp_path / "x.parquet"
    assert stream_memory.write_synthetic(file, 400) > 380
    found = stream_memory.measure(file, tmp_path / "out", stream=True)
    assert found["rows"] == 400 and found["trained_on"] + found["validation"] < 400
    assert 0 < found["peak_anonymous_mib"] <= found["peak_mib"] and found["imported_mib"] <= found["peak_mib"]


def test_the_committed_memory_is_nearly_flat():
    found = read_json(stream_memory.RESULT)
    rows = [row for row in found["runs"] if row["stream"]]
    assert [row["rows"] for row in rows] == list(stream_memory.COUNTS)
    assert all(row["distinct"] > 0.9 * row["rows"] for row in rows)
    assert found["growth_mib"] == pytest.approx(rows[-1]["peak_mib"] - rows[0]["peak_mib"])
    assert found["growth_anonymous_mib"] < 20 and found["growth_mib"] < 100 * found["growth_rows"] / 2**20
    assert scale_told.stream_sentence(found) in README


def test_soft_labels_are_the_teachers_mean(tmp_path):
    teachers = [load_checkpoint(trained(name)) for name in ("baseline", "custom")]
    texts = ["this is crap", "all is fine"]
    mean = np.mean([one.predict_proba(texts, calibrated=True) for one in teachers], axis=0)
    soft = distil.soft_labels(texts, teachers)
    np.testing.assert_allclose(soft, mean, atol=0.02)
    rows = pd.DataFrame({"id": ["1", "1"], "text": texts, "source": ["a", "b"]})
    distil.write_soft(tmp_path / "soft.csv", rows, soft)
    read = select_rows([str(tmp_path / "soft.csv")], distil.PRESET, test_fold=None, validation_fold=None).train
    assert sorted(read["id"]) == ["a-1", "b-1"]
    np.testing.assert_allclose(read.set_index("id").loc[["a-1", "b-1"], list(LABELS)], soft, atol=1e-5)


def test_a_student_is_held_against_all_others():
    models = {name: load_checkpoint(trained(name)) for name in ("baseline", "custom")}
    models["student"] = models["custom"]
    rows = select_rows([str(models["custom"].run["sources"][0]["name"])], distil.PRESET).train
    found = distil.compare(models, rows)
    by = {(row["b"], row["metric"]): row for row in found["comparisons"]}
    assert {name for name, _ in by} == {"baseline", "custom", "mean of teachers"} and found["rows"] == len(rows)
    assert by["custom", "ap"]["difference"] == 0
    score = {name: found["models"][name]["intervals"]["auroc"]["score"] for name in ("student", "baseline")}
    assert by["baseline", "auroc"]["difference"] == pytest.approx(score["student"] - score["baseline"])
    size = found["models"]["student"]
    assert size["layers"] == 2 and size["without_word_embeddings"] < size["parameters"]


def test_the_committed_student_is_told():
    found = read_json(distil.RESULT)
    assert found["student"]["preset"]["encoder"] == "minilm:3" and found["models"]["student"]["layers"] == 3
    assert scale_told.student_sentence(found) in README
    assert json.dumps(found).count("/") == 0, "no path of a machine"
