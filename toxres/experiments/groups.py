"""Does each group of sites need a language model and a classifier of its own?

`python -m toxres.experiments.groups [--seeds N]` starts or goes on; `--summary` puts what is there into
`data/results/groups.json`. Three ways to serve several groups are trained on the same comments, ULMFiT at a small size:
"own" (a vocabulary, a language model and a classifier a group), "pooled" (one of each for all groups) and "shared" (the
pooled language model, a classifier a group). A bag of n-grams, the floor, is trained in the first two ways. Every model
scores the test fold of every group. The language models are trained once, and read every comment of the training folds;
the classifiers are trained anew for each seed, on as many labelled comments of each group as the smallest group has. A
step whose record stands in `data/results/groups` is done.
"""

import argparse
import dataclasses
import functools
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from toxres.config import FULL, Preset, get_recipe
from toxres.data import SOURCES, load_comments
from toxres.data.duplicates import overlaps
from toxres.data.splits import TEST_FOLD
from toxres.evaluation.groups import POOLED, STRATEGIES
from toxres.files import ROOT, atomic_path, read_json, write_json
from toxres.labels import LABELS

RESULTS = ROOT / "data" / "results" / "groups"
WORK = ROOT / "build" / "experiments" / "groups"

GROUPS: Mapping[str, str] = {SOURCES[name].group: name for name in ("jigsaw", "civil_spans", "davidson")}
"""Group of sites to the source that stands for it."""

RECIPE, FLOOR = "ulmfit", "tfidf"

MOST_TESTED = 2_400
"""Comments of a group's test fold that are scored, drawn at random where there are more."""

BLOCK_TEXTS = 40
"""Test comments whose nats are added up: the blocks that intervals of bits per character are drawn from."""


@dataclasses.dataclass(frozen=True)
class Step:
    """A model of the experiment: trained, then scored on every group.

    Attributes:
        strategy: "language" (a language model), or one of `STRATEGIES` (a classifier).
        group: Whose comments it is trained on; `POOLED` is all of them.
        seed: Of weights, order and dropout.
        recipe: `RECIPE`, or `FLOOR`.
    """

    strategy: str
    group: str
    seed: int = 0
    recipe: str = RECIPE

    @property
    def name(self) -> str:
        """Of its results and its folder."""
        kind = self.strategy if self.strategy == self.group else f"{self.strategy}-{self.group}"
        return f"{'' if self.recipe == RECIPE else f'{self.recipe}-'}{kind}-seed{self.seed}"

    @property
    def folder(self) -> Path:
        """Where the model is."""
        return WORK / self.name

    @property
    def record(self) -> Path:
        """What says that it is done."""
        return RESULTS / f"{self.name}.json"

    @property
    def sources(self) -> list[str]:
        """Sources it is trained on."""
        return list(GROUPS.values()) if self.group == POOLED else [GROUPS[self.group]]


def steps(seeds: int = 1) -> list[Step]:
    """Every step, in an order in which each finds what it needs; the floor comes first, later seeds last.

    The floor has no chance in it, so one seed.
    """
    floor = [Step(*pair, recipe=FLOOR) for pair in _pairs() if pair[0] != "shared"]
    languages = [Step("language", group) for group in (*GROUPS, POOLED)]
    return [*floor, *languages, *(Step(*pair, seed) for seed in range(seeds) for pair in _pairs())]


def _pairs() -> list[tuple[str, str]]:
    """Strategy and group of the training comments of every classifier."""
    return [(name, group) for name in STRATEGIES for group in ((POOLED,) if name == POOLED else GROUPS)]


@functools.cache
def preset() -> Preset:
    """The settings of every classifier: `full` with a small language model and equal numbers of comments a group."""
    fewest = min(int((load_comments(source)["fold"] != TEST_FOLD).sum()) for source in GROUPS.values())
    return dataclasses.replace(
        FULL, epochs=3, epochs_auxiliary=0, max_rows=fewest, max_rows_auxiliary=fewest, language_model="quick",
        vocab_size=8_000,
    )  # fmt: skip


@functools.cache
def tested(group: str) -> pd.DataFrame:
    """The comments of a group that every model is scored on: of its test fold, and in no other group's training.

    `attrs["dropped"]` says how many were left out for being a duplicate of a training comment of another group.
    """
    comments = load_comments(GROUPS[group], split="test")
    others = [load_comments(source) for name, source in GROUPS.items() if name != group]
    texts = [text for other in others for text in other.loc[other["fold"] != TEST_FOLD, "text"]]
    seen = overlaps(comments["text"].tolist(), texts)
    comments = comments[~seen]
    if len(comments) > MOST_TESTED:
        rows = np.random.default_rng(0).choice(len(comments), MOST_TESTED, replace=False)
        comments = comments.iloc[np.sort(rows)]
    comments = comments.reset_index(drop=True).assign(group=group)
    comments.attrs["dropped"] = int(seen.sum())
    return comments


def execute(step: Step) -> None:
    """Train the model of a step, score it on every group and write what came out."""
    if step.strategy == "language":
        _language_step(step)
    else:
        _classifier_step(step)


def learn(step: Step) -> Path:
    """Folder of a language model, which is trained if it is not there."""
    from toxres.training.rows import select_rows
    from toxres.training.ulmfit import learn_language
    from toxres.training.work import has_key

    if step.record.is_file() and has_key(step.folder, read_json(step.record)["key"]):
        return step.folder
    everything = dataclasses.replace(preset(), max_rows=None, max_rows_auxiliary=None)
    rows = select_rows(step.sources, everything, step.seed, validation_fold=None, need_labels=False)
    texts = rows.train["text"].tolist()
    return learn_language(
        get_recipe(RECIPE), everything, texts, step.folder, seed=step.seed, resume=True, replace=True, progress=False
    )


def _language_step(step: Step) -> None:
    from transformers import AutoTokenizer

    from toxres.models import AwdLstmForCausalLM

    folder = learn(step)
    run = read_json(folder / "run.json")
    model, tokenizer = AwdLstmForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    scores = {group: _nats(model, tokenizer, tested(group)["text"].tolist()) for group in GROUPS}
    wanted = ("key", "config", "corpus", "vocabulary", "seed", "seconds", "commit", "date", "versions")
    write_json(step.record, {"step": dataclasses.asdict(step), **{key: run[key] for key in wanted}, "tested": scores})


def _nats(model, tokenizer, texts: list[str]) -> dict:
    """Nats and characters of held-out texts, block by block."""
    from toxres.models.perplexity import perplexity

    order = np.random.default_rng(0).permutation(len(texts))
    blocks = [order[start : start + BLOCK_TEXTS] for start in range(0, len(order), BLOCK_TEXTS)]
    found = [perplexity(model, tokenizer, [texts[row] for row in block]) for block in blocks]
    tokens = sum(each.tokens for each in found)
    return {
        "texts": len(texts),
        "tokens": tokens,
        "unknown": sum(each.unknown * each.tokens for each in found) / tokens,
        "nats": [round(each.nats, 4) for each in found],
        "characters": [each.characters + each.texts for each in found],
    }


def _classifier_step(step: Step) -> None:
    from toxres.checkpoint import load_checkpoint
    from toxres.training import train

    options = {}
    if step.recipe == RECIPE:
        options["language_model"] = learn(Step("language", step.group if step.strategy == "own" else POOLED))
    path = train(
        step.recipe, step.sources, preset(), step.seed, step.folder,
        resume=True, replace=True, validation_fold=None, progress=False, **options,
    )  # fmt: skip
    checkpoint = load_checkpoint(path)
    comments = pd.concat([tested(group) for group in GROUPS], ignore_index=True)
    probs = checkpoint.predict_proba(comments["text"].tolist())
    _write_probs(step.record.with_suffix(".csv"), comments, probs)
    write_json(step.record, _told(step, checkpoint.run))
    if step.seed:
        shutil.rmtree(path)


def _write_probs(path: Path, comments: pd.DataFrame, probs: np.ndarray) -> None:
    table = pd.DataFrame(probs, columns=list(LABELS)).map("{:.5g}".format)
    table.insert(0, "id", comments["id"].to_numpy())
    table.insert(1, "group", comments["group"].to_numpy())
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def _told(step: Step, run: dict) -> dict:
    """What a committed result says of its run; `labels` are those that a training comment knew."""
    wanted = ("key", "preset", "rows_train", "rows_sha256", "seconds", "commit", "date", "versions")
    known = {label for source in step.sources for label in LABELS if not load_comments(source)[label].isna().all()}
    return {
        "step": dataclasses.asdict(step),
        "recipe": run["recipe"]["name"],
        "sources": [{key: entry[key] for key in ("name", "sha256", "rows")} for entry in run["sources"]],
        "labels": [label for label in LABELS if label in known],
        "dropped_from_tests": {group: tested(group).attrs["dropped"] for group in GROUPS},
        **{key: run[key] for key in wanted},
        **{key: run[key] for key in ("language_model",) if key in run},
    }


def continue_experiment(seeds: int = 1, only: str | None = None) -> int:
    """Do what is left, one step after the other in this process.

    Args:
        seeds: Trainings of each classifier.
        only: Begin of the names of the steps to do: "language", "own-news", ...; None does all.

    Returns:
        How many steps were done.
    """
    left = [step for step in steps(seeds) if not step.record.exists() and step.name.startswith(only or "")]
    print(f"groups: {len(left)} steps to do", flush=True)
    for step in left:
        started = time.monotonic()
        execute(step)
        print(f"{step.name}: done after {time.monotonic() - started:.0f} s", flush=True)
    return len(left)


def main(arguments: list[str] | None = None) -> int:
    """Start or go on with the experiment, or sum it up."""
    parser = argparse.ArgumentParser(prog="python -m toxres.experiments.groups", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="trainings of each classifier; 1")
    parser.add_argument("--only", metavar="NAME", help="only steps whose name begins so, such as language or own-news")
    parser.add_argument("--summary", action="store_true", help="write data/results/groups.json from what is there")
    options = parser.parse_args(arguments)
    if options.summary:
        from toxres.experiments.groups_summary import write_summary

        for recipe, found in write_summary()["recipes"].items():
            print(*(f"{recipe}: {winner['sentence']}" for winner in found["winners"]), sep="\n")
        return 0
    continue_experiment(options.seeds, options.only)
    return 0


if __name__ == "__main__":
    sys.exit(main())
