"""What happens to a text before a model sees it: normalisation, and tokenisation in batches."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from toxres.bench.measure import Benchmark, Result, Sample, Setting, compare
from toxres.bench.sides import Side, alternate
from toxres.bench.subjects import comments, subjects

COUNT = 1_000
"""Comments that are tokenised; a quarter of them is normalised."""


REPEATS = 3
"""Most runs of each side."""


def prepare_normalise(count: int) -> Callable[[], Sample]:
    """All steps of `toxres.text.normalise`."""
    from toxres.text import normalise

    texts = comments(count).texts

    def once() -> Sample:
        start = time.perf_counter()
        for text in texts:
            normalise(text)
        return Sample({"rate": len(texts) / (time.perf_counter() - start)})

    return once


def prepare_reader(checkpoint: str, count: int) -> Callable[[], Sample]:
    """Texts to windows of tokens as the scorer and the service read them, all at once."""
    from toxres.checkpoint import load_checkpoint
    from toxres.serving.reading import Reader, write_reader

    texts = comments(count).texts
    with tempfile.TemporaryDirectory(prefix="toxres-bench-") as folder:
        write_reader(load_checkpoint(checkpoint), Path(folder))
        reader = Reader.load(Path(folder))

    def once() -> Sample:
        start = time.perf_counter()
        found = reader.read(texts)
        figures = {"rate": len(texts) / (time.perf_counter() - start)}
        return Sample(figures, [each.windows[0].ids.tolist() for each in found])

    return once


def prepare_tokenizer(checkpoint: str, count: int) -> Callable[[], Sample]:
    """Texts to token ids one by one, by the tokenizer of transformers."""
    from toxres.checkpoint import load_checkpoint

    opened = load_checkpoint(checkpoint)
    tokenizer, texts = opened.tokenizer, comments(count).texts

    def once() -> Sample:
        start = time.perf_counter()
        ids = [tokenizer(text, truncation=True, max_length=opened.max_length)["input_ids"] for text in texts]
        return Sample({"rate": len(texts) / (time.perf_counter() - start)}, ids)

    return once


def run(setting: Setting) -> Result:
    """Normalisation alone; tokenisation beside transformers, text by text."""
    found, used = subjects(setting), comments(COUNT)
    options = {"checkpoint": str(found.custom), "count": COUNT}
    sides = {
        "ours": Side(f"{__name__}:prepare_reader", options, setting.threads, {"TOKENIZERS_PARALLELISM": "true"}),
        "theirs": Side(f"{__name__}:prepare_tokenizer", options, setting.threads),
        "normalise": Side(f"{__name__}:prepare_normalise", {"count": COUNT // 4}, setting.threads),
    }
    runs = alternate(sides, min(setting.repeats, REPEATS))
    same = sum(a == b for a, b in zip(runs["ours"].outputs, runs["theirs"].outputs, strict=True))
    read = compare(
        "tokenisation", runs["ours"], runs["theirs"], unit="texts/s",
        alternative="tokenizer(text) of transformers, one by one", equality={"same_token_ids": same / COUNT},
        notes=["ours gives windows over the whole text, the other cuts it off"],
    )  # fmt: skip
    normal = compare("normalisation", runs["normalise"], unit="texts/s", notes=["all steps, with offsets; one thread"])
    return Result([read, normal], notes=[f"comments of {used.source}"], preset=found.preset, sources=used.sources)


BENCHMARK = Benchmark("texts", "Before the model: how many texts a second?", run)
