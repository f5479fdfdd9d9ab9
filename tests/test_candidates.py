"""Candidates: 8-bit graphs, the torch reference, and times that are taken in turns."""

import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from helpers.bundles import PLAIN, exported
from helpers.training import TEXTS, trained

from toxres.checkpoint import load_checkpoint
from toxres.serving import engines
from toxres.serving.bundle import MODELS
from toxres.serving.candidates import CANDIDATES, Candidate, TorchEngine, open_candidate, time_engines, write_candidate
from toxres.serving.engines import OpenVinoEngine, open_engine
from toxres.serving.models import GRAPH


def graph_of(name: str) -> Path:
    """The float32 graph of a smoke model."""
    return exported() / MODELS / name / GRAPH


def batch(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The texts, padded, and where they are not padding."""
    tokenizer = load_checkpoint(trained(name)).tokenizer
    encoded = tokenizer(list(TEXTS), truncation=True, max_length=32, padding=True, return_tensors="np")
    return encoded["input_ids"].astype(np.int64), encoded["attention_mask"].astype(np.int64)


@pytest.mark.parametrize("candidate, name", [*((each, "custom") for each in CANDIDATES), (PLAIN, "baseline")])
def test_every_candidate_is_near_torch(candidate, name, tmp_path):
    path = tmp_path / "graph.onnx"
    write_candidate(graph_of(name), candidate, path)
    engine = open_candidate(path, candidate, threads=1)
    if isinstance(engine, str):
        assert candidate.precision == "bf16" and "no bf16 in hardware" in engine
        return
    found = engine.run(*batch(name))
    expected = TorchEngine(load_checkpoint(trained(name)).model, name == "custom").run(*batch(name))
    exact = candidate.precision == "fp32"
    np.testing.assert_allclose(found.logits, expected.logits, atol=1e-5 if exact else 0.05)
    assert (found.attention_weights is None) == (expected.attention_weights is None) == (name == "baseline")
    if name == "custom":
        np.testing.assert_allclose(found.attention_weights, expected.attention_weights, atol=1e-6 if exact else 0.01)
        assert (found.attention_weights[batch(name)[1] == 0] == 0).all()
    if candidate.precision == "int8":
        assert path.stat().st_size < 0.4 * graph_of(name).stat().st_size
        assert np.abs(found.logits - expected.logits).max() > 1e-6


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_padding_changes_nothing(runtime):
    engine = open_engine(graph_of("custom"), runtime, "fp32")
    ids, mask = batch("custom")
    wider = [np.pad(part, ((0, 0), (0, 24))) for part in (ids, mask)]
    found, padded = engine.run(ids, mask), engine.run(*wider)
    np.testing.assert_allclose(padded.logits, found.logits, atol=1e-5)
    np.testing.assert_allclose(padded.attention_weights[:, : ids.shape[1]], found.attention_weights, atol=1e-6)


def test_openvino_has_run_before_threads_can_be_the_first(monkeypatch):
    ran, run = [], OpenVinoEngine.run

    def noted(self, *given):
        ran.append(threading.current_thread())
        return run(self, *given)

    monkeypatch.setattr(OpenVinoEngine, "run", noted)
    open_engine(graph_of("custom"), "openvino", "fp32")
    assert ran == [threading.current_thread()]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system can't tell which cores a thread may use")
def test_openvino_binds_no_thread_to_a_core_that_another_model_needs():
    both, seen = [open_engine(graph_of("custom"), "openvino", "fp32") for _ in range(2)], set()
    large, enough = np.ones((2, 32, 32), dtype=np.int64), threading.Event()

    def run(engine):
        while not enough.is_set():
            engine.run(*large)

    threads = [threading.Thread(target=run, args=(engine,)) for engine in both]
    for thread in threads:
        thread.start()
    try:
        for _ in range(200):
            seen |= {frozenset(os.sched_getaffinity(thread.native_id)) for thread in threads}
            time.sleep(0.001)
    finally:
        enough.set()
        for thread in threads:
            thread.join()
    assert seen == {frozenset(os.sched_getaffinity(0))}


def test_bfloat16_is_asked_for_only_where_it_is_in_hardware(monkeypatch):
    import openvino

    real = openvino.Core.get_property
    monkeypatch.setattr(
        openvino.Core,
        "get_property",
        lambda self, *words: ["FP32"] if words[-1] == "OPTIMIZATION_CAPABILITIES" else real(self, *words),
    )
    said = open_candidate(graph_of("custom"), Candidate("openvino", "bf16"), 1)
    assert said == "this machine has no bf16 in hardware"


def test_a_runtime_that_is_not_installed_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr(engines, "openvino_core", engines.openvino_core.__wrapped__)
    said = open_candidate(graph_of("custom"), Candidate("openvino", "fp32"), 1)
    assert said.startswith("openvino is not installed; pip install openvino")


def test_times_are_the_least_and_taken_in_turns():
    order, now = [], [0.0]

    class Engine:
        def __init__(self, name: str, seconds: list[float]) -> None:
            self.name, self.seconds = name, seconds

        def run(self, ids, mask):
            assert ids.max() < 50 and mask.all() and ids.shape == mask.shape
            order.append((self.name, ids.shape))
            now[0] += self.seconds[len(order) % len(self.seconds)]

    engines = {"slow": Engine("slow", [0.4, 0.2, 0.3]), "fast": Engine("fast", [0.002])}
    found = time_engines(engines, vocab_size=50, max_length=32, clock=lambda: now[0])
    assert list(found["slow"]) == ["1x16", "1x32", "32x32"]
    assert found["slow"] == pytest.approx(dict.fromkeys(found["slow"], 200.0))
    assert found["fast"] == pytest.approx(dict.fromkeys(found["fast"], 2.0))
    assert [name for name, _ in order[:4]] == ["slow", "fast", "slow", "fast"]


def test_the_first_candidate_is_the_plain_one():
    assert CANDIDATES[0] == PLAIN
