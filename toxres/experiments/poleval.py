"""PolEval 2019 task 6: a stack of views, chosen by cross-validation, scored on the test file once.

`python -m toxres.experiments.poleval` fits the views (resumable, members under build/poleval) and writes the
cross-validation of every candidate to data/results/poleval.json. `--test` then scores the test file, once.
"""

import argparse
import dataclasses
import datetime
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from toxres.data import load_comments, targets
from toxres.data.poleval import load_poleval, poleval_folds
from toxres.errors import InputError
from toxres.evaluation.arrays import sigmoid
from toxres.evaluation.poleval import poleval_scores
from toxres.evaluation.thresholds import best_f1_threshold
from toxres.experiments.poleval_choice import (
    Decision,
    choose_biases,
    cross_fitted_softmax,
    expected_f1_cut,
    fit_softmax,
    prior_shift,
    scores_by_fold,
    types_by_fold,
)
from toxres.files import ROOT, atomic_path, read_json, write_json
from toxres.results import HEADLINE, current_commit, update_headline

if TYPE_CHECKING:
    from toxres.training.multiview import FittedStack, StackSettings

RESULT = ROOT / "data" / "results" / "poleval.json"
"""Every candidate's cross-validation, and the test figures."""

WORK = ROOT / "build" / "poleval"
"""Finished members and the fitted stack."""

FIRST: Final = ("davidson", "jigsaw", "civil_spans")
"""English sources the members learn from before they see a Polish tweet."""

LABEL_WEIGHTS: Final = (1.0, 0.5, 0.5)
"""Of harmful, cyberbullying and hate speech in the members' loss."""


def settings() -> "StackSettings":
    """What the stack is made of: the `full` preset's views."""
    from toxres.training.multiview import SETTINGS

    return SETTINGS["full"]


def goals(tags: np.ndarray) -> np.ndarray:
    """Targets (N, 3) of 6-2's tags: harmful, cyberbullying, hate speech."""
    return np.stack([tags > 0, tags == 1, tags == 2], axis=1).astype(np.float32)


def fit(work: Path = WORK) -> "FittedStack":
    """The stack on all training tweets; what is finished in `work` is not fitted again."""
    from toxres.models.encoders import E5, load_encoder
    from toxres.models.stack import StackModel
    from toxres.training.multiview import FittedStack, draw_first, fit_stack

    comments = load_poleval("6-2")
    others = [load_comments(name) for name in FIRST]
    key = {
        "settings": json.loads(json.dumps(dataclasses.asdict(settings()))),
        "label_weights": list(LABEL_WEIGHTS),
        "sources": [frame.attrs["sha256"] for frame in (comments, *others)],
    }
    done = work / "stack"
    if (done / "key.json").is_file() and read_json(done / "key.json") == key:
        with np.load(done / "out_of_fold.npz") as saved:
            return FittedStack(StackModel.load(done), saved["views"], saved["members"], saved["logits"])
    others = [frame[frame["fold"] != 0] for frame in others]
    texts = np.concatenate([frame["text"].to_numpy(dtype=object) for frame in others])
    first = draw_first(texts, np.concatenate([targets(frame) for frame in others]), settings().first_rows, seed=0)
    work.mkdir(parents=True, exist_ok=True)
    fitted = fit_stack(
        comments["text"].tolist(),
        goals(comments["tag"].to_numpy()),
        poleval_folds(comments),
        load_encoder(E5, dropout=0.0),
        settings(),
        first=first,
        label_weights=np.array(LABEL_WEIGHTS),
        work=work,
        say=lambda line: print(f"{datetime.datetime.now():%H:%M:%S} {line}", file=sys.stderr, flush=True),
    )
    with atomic_path(done) as folder:
        folder.mkdir()
        fitted.model.save(folder)
        logits = {"views": fitted.view_logits, "members": fitted.member_logits, "logits": fitted.logits}
        np.savez(folder / "out_of_fold.npz", **logits)
        write_json(folder / "key.json", key)
    return fitted


def cross_validate(names: list[str], view_logits: np.ndarray, member_logits: np.ndarray) -> dict:
    """Every candidate's figures on the training file, and which of them is chosen.

    Args:
        names: Of the views.
        view_logits: (V, N, 3), out of fold.
        member_logits: (S, N, 3), of each seed's members.
    """
    from toxres.models.stack import cross_fitted_blend

    comments = load_poleval("6-2")
    tags, folds = comments["tag"].to_numpy(), poleval_folds(comments)
    wanted = goals(tags)
    views = {name: scores_by_fold(view_logits[index, :, 0], tags > 0, folds) for index, name in enumerate(names)}
    for seed, logits in enumerate(member_logits):
        views[f"members, seed {seed}"] = scores_by_fold(logits[:, 0], tags > 0, folds)
    steps = {}
    for count in range(1, len(names) + 1):
        blended = cross_fitted_blend(view_logits[:count], wanted, folds)[:, 0]
        steps[f"+ {names[count - 1]}" if count > 1 else names[0]] = scores_by_fold(blended, tags > 0, folds)
    logs = cross_fitted_softmax(view_logits, tags, folds)
    candidates = {"blend": blended, "softmax": np.log1p(-np.exp(logs[:, 0])) - logs[:, 0]}
    harmful = {name: scores_by_fold(logits, tags > 0, folds) for name, logits in candidates.items()}
    chosen = max(harmful, key=lambda name: harmful[name]["ap"])
    threshold = best_f1_threshold(tags > 0, sigmoid(candidates[chosen]))
    kinds = types_by_fold(logs, tags, folds)
    return {
        "rows": len(tags),
        "harmful": int((tags > 0).sum()),
        "views": views,
        "steps": steps,
        "candidates": harmful,
        "chosen": chosen,
        "threshold": threshold,
        "6-2": kinds,
        "biases": choose_biases(logs, tags).tolist(),
    }


def score_test(fitted: "FittedStack", cv: Mapping) -> dict:
    """The test file, decided by what cross-validation chose: figures of both tasks, and of the second row of 6-1.

    The second row moves the prior to the one that the scores of the unlabelled tweets suggest (`prior_shift`), then
    cuts where the expected F1 is highest; it was laid down before the test file was scored, beside the plain threshold
    that is the headline.
    """
    comments = load_poleval("6-2")
    tags = comments["tag"].to_numpy()
    test = {task: load_poleval(task, "test") for task in ("6-1", "6-2")}
    logits = fitted.model.view_logits(test["6-1"]["text"].tolist())
    softmax = fit_softmax(fitted.view_logits, tags)
    logs = softmax.log_probs(logits)
    if cv["chosen"] == "blend":
        probs = sigmoid(fitted.model.blend.predict_logits(logits)[:, 0])
    else:
        probs = 1 - np.exp(logs[:, 0])
    plain = Decision(probs >= cv["threshold"])
    prior, shifted = prior_shift(probs, float((tags > 0).mean()))
    moved = Decision(shifted >= expected_f1_cut(shifted))
    kinds = (logs + np.array(cv["biases"])).argmax(axis=1)
    result = {
        "6-1": poleval_scores("6-1", test["6-1"]["tag"].to_numpy(), plain.tags)._asdict(),
        "6-1, prior shift": poleval_scores("6-1", test["6-1"]["tag"].to_numpy(), moved.tags)._asdict()
        | {"estimated_prior": prior},
        "6-2": poleval_scores("6-2", test["6-2"]["tag"].to_numpy(), kinds)._asdict(),
    }
    sources = {name: test[task].attrs["sha256"] for task, name in (("6-1", "poleval-6-1"), ("6-2", "poleval-6-2"))}
    return {"scores": result, "rows": len(kinds), "sources": sources, "commit": current_commit()}


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m toxres.experiments.poleval", description=__doc__.splitlines()[0])
    parser.add_argument("--test", action="store_true", help="score the test file, once")
    parser.add_argument("--again", action="store_true", help="score it although it was scored")
    options = parser.parse_args(arguments)
    try:
        run(test=options.test, again=options.again)
    except InputError as error:
        print(f"poleval: {error}", file=sys.stderr)
        return 2
    return 0


def run(test: bool = False, again: bool = False, result: Path = RESULT, work: Path = WORK) -> dict:
    """Fit, cross-validate and, if asked, score the test file; returns what stands in the result file.

    Raises:
        InputError: The test file was scored before and `again` is not set, or data is not at hand.
    """
    known = read_json(result) if result.exists() else {}
    if test and "test" in known and not again:
        raise InputError(
            f"{result}: the test file was scored already; what is chosen now would be chosen on it. Add --again to "
            "reproduce the figures"
        )
    fitted = fit(work)
    cv = cross_validate(fitted.model.view_names, fitted.view_logits, fitted.member_logits)
    known = known | {"cv": cv, "settings": dataclasses.asdict(settings()), "first": list(FIRST)}
    write_json(result, known)
    if test:
        known["test"] = score_test(fitted, cv)
        write_json(result, known)
        scores = known["test"]["scores"]
        figures = {
            "poleval.6-1.test": {name: scores["6-1"][name] for name in ("f1", "precision", "recall", "accuracy")},
            "poleval.6-2.test": {name: scores["6-2"][name] for name in ("micro_f", "macro_f")},
        }
        told = {name: known["test"][name] for name in ("sources", "commit")}  # of before the result was written
        update_headline(figures, {"preset": "full", **told}, HEADLINE)
    return known


if __name__ == "__main__":
    sys.exit(main())
