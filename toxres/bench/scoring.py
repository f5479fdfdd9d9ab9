"""How many comments a second are scored, beside what people would write: torch on padded batches, and a pipeline."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from toxres.bench.measure import Benchmark, Measurement, Result, Sample, Setting, compare, max_difference
from toxres.bench.sides import Run, Side, alternate
from toxres.bench.subjects import comments, exported, served_bundle, subjects, with_tokens

TOKENS = (16, 64, 128)
"""Lengths in tokens, special ones included, at which all comments are cut to be equally long."""

SIZES = {"real": 256, "16": 512, "64": 256, "128": 128}
"""Comments a run, by their length."""

BATCH = 32
"""Comments a batch of the alternatives."""

TARGET = 5.0
"""Times faster than torch on padded batches, on real lengths."""


def prepare(
    bundle: str, model: str, threads: int, names: Sequence[str], precision: str | None = None
) -> Callable[[], Sample]:
    """The scorer of `toxres score --cut`: a batch on each core, of similar lengths; in another precision if asked."""
    from toxres.serving import load_bundle
    from toxres.serving.manifest import read_manifest
    from toxres.serving.models import open_model

    predictor = load_bundle(bundle, threads=1, only=model, streams=threads, whole=False).models[model]
    if precision is not None:
        entry = read_manifest(Path(bundle))["models"][model] | {"precision": precision}
        predictor._model = open_model(predictor.path, entry, 1, threads)
    return _timed(predictor.predict_proba, _texts(names))


def prepare_padded(checkpoint: str, names: Sequence[str]) -> Callable[[], Sample]:
    """As Detoxify's `predict`: torch in float32, each batch padded to its longest comment, in the order it came."""
    import torch

    from toxres.checkpoint import load_checkpoint

    opened = load_checkpoint(checkpoint)
    model, tokenizer = opened.model, opened.tokenizer

    @torch.inference_mode()
    def predict(texts: list[str]) -> np.ndarray:
        parts = []
        for at in range(0, len(texts), BATCH):
            inputs = tokenizer(
                texts[at : at + BATCH], return_tensors="pt", truncation=True, padding=True, max_length=opened.max_length
            )
            parts.append(torch.sigmoid(model(**inputs).logits).numpy())
        return np.concatenate(parts)

    return _timed(predict, _texts(names))


def prepare_pipeline(checkpoint: str, names: Sequence[str]) -> Callable[[], Sample]:
    """`transformers.pipeline` as it is by default: one comment after the other, without padding."""
    from transformers import pipeline

    from toxres.checkpoint import load_checkpoint

    opened = load_checkpoint(checkpoint)
    classify = pipeline(
        "text-classification", model=opened.model, tokenizer=opened.tokenizer, top_k=None, function_to_apply="sigmoid"
    )

    def predict(texts: list[str]) -> np.ndarray:
        found = classify(texts, truncation=True, max_length=opened.max_length)
        rows = [{each["label"]: each["score"] for each in scores} for scores in found]
        return np.array([[row[label] for label in opened.labels] for row in rows])

    return _timed(predict, _texts(names))


def _texts(names: Sequence[str]) -> dict[str, list[str]]:
    """Comments by the name of their length: "real", "all" (every validation comment), or a number of tokens."""
    from transformers import AutoTokenizer

    from toxres.models.encoders import minilm_path

    everything = comments().texts
    tokenizer = AutoTokenizer.from_pretrained(minilm_path()) if {*names} - {"real", "all"} else None
    found = {}
    for name in names:
        if name == "all":
            found[name] = everything
        elif name == "real":
            found[name] = everything[: SIZES[name]]
        else:
            found[name] = with_tokens(everything * 4, SIZES[name], int(name), tokenizer)
    return found


def _timed(predict: Callable[[list[str]], np.ndarray], texts: dict[str, list[str]]) -> Callable[[], Sample]:
    def once() -> Sample:
        figures, outputs = {}, {}
        for name, group in texts.items():
            start = time.perf_counter()
            outputs[name] = np.asarray(predict(group))
            figures[name] = len(group) / (time.perf_counter() - start)
        return Sample(figures, {name: probs.tolist() for name, probs in outputs.items()})

    return once


def run(setting: Setting) -> Result:
    """Throughput at real and at fixed lengths, and how far scores differ on all validation comments."""
    from toxres.serving.manifest import read_manifest

    found = subjects(setting)
    bundle = str(served_bundle(setting, found))
    ours = {"bundle": bundle, "model": "custom", "threads": setting.threads}
    theirs = {"checkpoint": str(found.custom)}
    rust = {"TOKENIZERS_PARALLELISM": "true"}  # for all of them

    def side(function: str, options: dict, names: Sequence[str]) -> Side:
        return Side(f"{__name__}:{function}", options | {"names": names}, setting.threads, rust)

    sizes = ["real", *map(str, TOKENS)]
    sides = {
        "ours": side("prepare", ours, sizes),
        "padded": side("prepare_padded", theirs, sizes),
        "pipeline": side("prepare_pipeline", theirs, ["real"]),
        "fp32": side("prepare", ours | {"precision": "fp32"}, ["real"]),
    }
    entry = read_manifest(Path(bundle))["models"]["custom"]
    if student := _student(setting, entry):
        sides["student"] = side("prepare", ours | student, ["real"])
    runs = alternate(sides, min(setting.repeats, 3))
    once = alternate(
        {"ours": side("prepare", ours, ["all"]), "padded": side("prepare_padded", theirs, ["all"])}, 1, warmups=0
    )
    equality = _equality(once["ours"], once["padded"])
    measured = [_measured(runs, equality, size) for size in sizes]
    measured.append(_beside_pipeline(runs))
    if student:
        measured.append(_beside_teacher(runs))
    note = f"ours: {entry['runtime']} {entry['precision']}, chosen by the export's own measurement"
    return Result(
        measured,
        headline={"score_speedup": measured[0].ratio, "score_max_abs_diff": equality["max_abs_difference"]},
        notes=[note, *filter(None, [found.note])],
        details={"rate_without_bf16": 1 / compare("", runs["ours"], runs["fp32"], "real").ratio},
        preset=found.preset,
        sources=comments(1).sources,
    )


def _student(setting: Setting, entry: Mapping) -> dict[str, str]:
    """A bundle of the student that `toxres.experiments.distil` taught, and its name there; empty where it has not."""
    from toxres.data import best_source
    from toxres.serving.candidates import Candidate
    from toxres.serving.manifest import read_manifest

    checkpoint = setting.build / "experiments/distil/student"
    if not checkpoint.is_dir():
        return {}
    ways = [Candidate(entry["runtime"], precision) for precision in dict.fromkeys([entry["precision"], "fp32"])]
    bundle = exported([checkpoint], setting.build / "bench" / "student", source=best_source(), candidates=ways)
    return {"bundle": str(bundle), "model": next(iter(read_manifest(bundle)["models"]))}


def _beside_pipeline(runs: dict[str, Run]) -> Measurement:
    return compare(
        "scoring by a pipeline, real lengths", runs["ours"], runs["pipeline"], "real", unit="comments/s",
        alternative="transformers.pipeline, float32, one comment after the other",
        equality={"max_abs_difference": _difference(runs["ours"], runs["pipeline"], "real")},
    )  # fmt: skip


def _beside_teacher(runs: dict[str, Run]) -> Measurement:
    return compare(
        "scoring by a student of half the layers, real lengths", runs["student"], runs["ours"], "real",
        unit="comments/s", alternative="custom, its teacher, scored in the same way",
    )  # fmt: skip


def _measured(runs: dict[str, Run], equality: dict[str, float], size: str) -> Measurement:
    real = size == "real"
    return compare(
        "scoring, real lengths" if real else f"scoring, {size} tokens each",
        runs["ours"], runs["padded"], size, unit="comments/s", target=TARGET if real else None,
        alternative=f"as Detoxify predicts: torch, float32, padded batches of {BATCH}",
        equality=equality if real else {"max_abs_difference": _difference(runs["ours"], runs["padded"], size)},
        notes=["one model, cut off at the same length"],
    )  # fmt: skip


def _difference(ours: Run, theirs: Run, name: str) -> float:
    return max_difference(ours.outputs[name], theirs.outputs[name])


def _equality(ours: Run, theirs: Run) -> dict[str, float]:
    """How far scores differ on all validation comments, and the macro AUROC of both."""
    from toxres.data import best_source, load_comments
    from toxres.labels import LABELS
    from toxres.serving.choice import macro_auroc

    frame = load_comments(best_source(), split="validation")
    probs = [np.asarray(each.outputs["all"]) for each in (ours, theirs)]
    auroc = [macro_auroc(frame, each, LABELS) for each in probs]
    return {
        "comments": len(frame),
        "max_abs_difference": max_difference(*probs),
        "macro_auroc_ours": auroc[0],
        "macro_auroc_theirs": auroc[1],
    }


BENCHMARK = Benchmark("scoring", "Scoring throughput", run)
