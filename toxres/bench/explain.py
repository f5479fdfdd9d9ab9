"""How many comments are explained in a second?

A comment of some fifty words, all six labels, at the default settings of each method. Integrated gradients stand beside
Captum's own, as its tutorials call it: the same steps, one label after the other.
"""

import time
from collections.abc import Callable

from toxres.bench.measure import Benchmark, Measurement, Result, Sample, Setting, compare, max_difference
from toxres.bench.sides import Side, alternate
from toxres.bench.subjects import subjects

TEXT = (
    "I have read this page three times now and I still cannot see what the point of it is. Whoever wrote the part "
    "about the old harbour should be ashamed, it is a stupid heap of lies, and you, my friend, are an idiot if you "
    "believe a single word of it. Good night!"
)
"""A comment of fifty-four words."""

REPEATS = 3
"""Most runs of each side: one takes seconds."""

METHODS = ("integrated_gradients", "occlusion", "attention")


def prepare(checkpoint: str, methods: list[str] = METHODS) -> Callable[[], Sample]:
    """Explain by our methods: the figures are explanations a second, by method."""
    from toxres.checkpoint import load_checkpoint
    from toxres.explain import explain

    opened = load_checkpoint(checkpoint)

    def once() -> Sample:
        figures, outputs = {}, {}
        for method in methods:
            start = time.perf_counter()
            found = explain(opened, [TEXT], method)[0]
            figures[method] = 1 / (time.perf_counter() - start)
            outputs[method] = {"labels": list(found.labels), "words": len(found.words), "steps": found.steps}
            outputs[method] |= {"sums": found.attributions.sum(axis=0).tolist()}
        return Sample(figures, outputs)

    return once


def prepare_captum(checkpoint: str, steps: int) -> Callable[[], Sample]:
    """Explain by Captum's integrated gradients with so many steps, a label at a time, in one batch each."""
    import torch
    from captum.attr import LayerIntegratedGradients

    from toxres.checkpoint import load_checkpoint

    opened = load_checkpoint(checkpoint)
    model, tokenizer = opened.model.eval(), opened.tokenizer
    gradients = LayerIntegratedGradients(
        lambda ids: model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits,
        model.encoder.get_input_embeddings(),
    )

    def once() -> Sample:
        start = time.perf_counter()
        read = tokenizer(TEXT, truncation=True, max_length=opened.max_length, return_special_tokens_mask=True)
        ids = torch.tensor([read["input_ids"]])
        special = torch.tensor([read["special_tokens_mask"]], dtype=torch.bool)
        baseline = torch.where(special, ids, tokenizer.pad_token_id)
        sums = [
            gradients.attribute(ids, baseline, target=column, n_steps=steps, method="riemann_middle").sum().item()
            for column in range(len(opened.labels))
        ]
        return Sample({"integrated_gradients": 1 / (time.perf_counter() - start)}, {"sums": sums})

    return once


def run(setting: Setting) -> Result:
    """Our three methods, and Captum's integrated gradients."""
    found = subjects(setting)
    options = {"checkpoint": str(found.custom)}
    steps = _steps(options, setting)
    sides = {
        "ours": Side(f"{__name__}:prepare", options, setting.threads),
        "captum": Side(f"{__name__}:prepare_captum", options | {"steps": steps}, setting.threads),
    }
    runs = alternate(sides, min(setting.repeats, REPEATS))
    ours, theirs = runs["ours"], runs["captum"]
    told = ours.outputs["integrated_gradients"]
    first = compare(
        "integrated gradients", ours, theirs, "integrated_gradients", unit="explanations/s",
        alternative=f"Captum, {steps} steps a label, one label after the other",
        equality={"max_abs_difference_of_sums": max_difference(told["sums"], theirs.outputs["sums"])},
        notes=[f"{told['words']} words, {len(told['labels'])} labels, {told['steps']} steps"],
    )  # fmt: skip
    others: list[Measurement] = [
        compare(method, ours, None, method, unit="explanations/s", notes=[f"{told['words']} words"])
        for method in METHODS[1:]
    ]
    return Result([first, *others], notes=[note for note in [found.note] if note], preset=found.preset)


def _steps(options: dict, setting: Setting) -> int:
    """The steps that our integral needs, for Captum to take as many."""
    side = Side(f"{__name__}:prepare", options | {"methods": ["integrated_gradients"]}, setting.threads)
    return alternate({"ours": side}, 1, warmups=0)["ours"].outputs["integrated_gradients"]["steps"]


BENCHMARK = Benchmark("explain", "Explanations: how many a second?", run)
