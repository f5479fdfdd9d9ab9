"""How long does it take to explain a comment?

`python -m toxres.experiments.bench_explain` times one explanation of a comment of some fifty words by integrated
gradients, at the default settings and for all six labels, on this machine. The model is `custom` with the embedded
MiniLM, of a checkpoint that is named, or with a fresh head, whose integral takes the same work a step. Nothing is
written unless `--json` names a file.
"""

import argparse
import dataclasses
import statistics
import sys
import time

TEXT = (
    "I have read this page three times now and I still cannot see what the point of it is. Whoever wrote the part "
    "about the old harbour should be ashamed, it is a stupid heap of lies, and you, my friend, are an idiot if you "
    "believe a single word of it. Good night!"
)
"""A comment of fifty-four words."""


@dataclasses.dataclass(frozen=True)
class Timing:
    """How long one explanation took.

    Attributes:
        model: What was explained.
        words: Words of the comment, punctuation too.
        labels: Labels explained.
        steps: Steps of the integral that were needed.
        seconds: Median of the repetitions, wall clock.
        fastest: The fastest repetition, where the machine had other work least.
        processor_seconds: Median, of all threads together: what it takes whatever else runs.
        threads: Threads that multiplied matrices.
    """

    model: str
    words: int
    labels: int
    steps: int
    seconds: float
    fastest: float
    processor_seconds: float
    threads: int


def measure(checkpoint: str | None = None, repetitions: int = 5) -> Timing:
    """Time one explanation at the default settings, after one that is not counted.

    Args:
        checkpoint: Folder of a transformer; None takes MiniLM with a fresh head.
        repetitions: How often it is timed.
    """
    import torch

    from toxres.checkpoint import load_checkpoint
    from toxres.config import CUSTOM
    from toxres.explain import explain, explain_model
    from toxres.models import ToxicityModel

    if checkpoint is None:
        torch.manual_seed(0)
        model, tokenizer = ToxicityModel.from_recipe(CUSTOM)

        def once():
            return explain_model(model, tokenizer, [TEXT], name="fresh head on MiniLM")[0]
    else:
        opened = load_checkpoint(checkpoint)

        def once():
            return explain(opened, [TEXT])[0]

    found = once()
    wall, processor = [], []
    for _ in range(repetitions):
        started, used = time.perf_counter(), time.process_time()
        once()
        wall.append(time.perf_counter() - started)
        processor.append(time.process_time() - used)
    return Timing(
        model=found.model,
        words=len(found.words),
        labels=len(found.labels),
        steps=found.steps,
        seconds=statistics.median(wall),
        fastest=min(wall),
        processor_seconds=statistics.median(processor),
        threads=torch.get_num_threads(),
    )


def main(argv: list[str] | None = None) -> int:
    """Print the timing, and write it where `--json` says."""
    from toxres.files import need_writable, write_json

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", metavar="DIR", help="a trained transformer instead of a fresh head")
    parser.add_argument("--repetitions", type=int, default=5, metavar="N")
    parser.add_argument("--json", metavar="OUT.json", help="write the figures here as well")
    options = parser.parse_args(argv)
    if options.json:
        need_writable(options.json)
    timing = measure(options.checkpoint, options.repetitions)
    print(
        f"explained {timing.words} words, {timing.labels} labels, {timing.steps} steps of {timing.model} in "
        f"{timing.seconds:.2f} s (fastest {timing.fastest:.2f} s, processor {timing.processor_seconds:.2f} s, "
        f"{timing.threads} threads)"
    )
    if options.json:
        write_json(options.json, dataclasses.asdict(timing))
    return 0


if __name__ == "__main__":
    sys.exit(main())
