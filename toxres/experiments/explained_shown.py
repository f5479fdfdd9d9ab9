"""What notebooks show of explanations: models of the scoreboard, and whether attributions add up."""

import dataclasses
from collections.abc import Mapping, Sequence

import pandas as pd

from toxres import lab
from toxres.checkpoint import Checkpoint, load_checkpoint
from toxres.config import get_preset
from toxres.evaluation.seeds import is_shown
from toxres.experiments.explained_cells import ALONE, CONTROLS, MODELS, VARIANTS, WORK, is_trained, settings_of
from toxres.experiments.explained_told import LESS_IS_BETTER, MEASURES, RIVALS, agreement_sentence, answer
from toxres.explain import METHODS, Explanation, explain
from toxres.files import read_json
from toxres.findings import RESULTS
from toxres.plots.scoreboard import model_name, published_spans

PUBLISHED = RESULTS / "published.json"

PLAUSIBLE = 0.65
"""Character F1 that was aimed at without any model of people's marks."""


def model_to_show(model: str, source: str, preset: str, seed: int = 0) -> Checkpoint:
    """A model of the scoreboard: the very one where the experiment has left it here, else one trained on `source`.

    The experiment's own is taken if it is of this preset and seed, and if `source` is its first source, whose
    validation and test comments it has not seen. Of `VARIANTS`, which are asked about sentences of the reader's, any
    of its sources will do.

    Args:
        model: Out of `explained_cells.MODELS`.
        source: Name of a source.
        preset: Name of a preset.
        seed: Of the training.
    """
    recipe, settings, sources = settings_of(model, get_preset(preset))
    if is_trained(WORK / model):
        found = load_checkpoint(WORK / model)
        fits = source in (sources if model in VARIANTS else sources[:1])
        if fits and (found.run["preset"]["name"], found.run["seed"]) == (preset, seed):
            return found
    return lab.train_once(recipe, source, settings, seed, name=model)


def trained_told(checkpoints: Mapping[str, Checkpoint]) -> pd.DataFrame:
    """A row a model: its name in figures, its recipe, and what it was trained on."""
    rows = {
        model_name(model): {
            "recipe": found.run["recipe"]["name"],
            "encoder": found.run["preset"]["encoder"],
            "trained on": lab.trained_on(found),
        }
        for model, found in checkpoints.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def explained(
    checkpoints: Mapping[str, Checkpoint], texts: Sequence[str], methods: Sequence[str], label: str
) -> dict[str, list[list[Explanation]]]:
    """Explanations by model, for each text one by each method, with the models' names as figures have them.

    Args:
        checkpoints: Models out of `explained_cells.MODELS`.
        texts: Comments.
        methods: Out of `METHODS`.
        label: Whose score is explained.
    """
    found = {}
    for model, checkpoint in checkpoints.items():
        by_method = [explain(checkpoint, texts, method, [label]) for method in methods]
        named = [[dataclasses.replace(each, model=model_name(model)) for each in row] for row in by_method]
        found[model] = [list(row) for row in zip(*named, strict=True)]
    return found


def side_by_side(
    checkpoints: Mapping[str, Checkpoint], text: str, method: str, labels: Sequence[str]
) -> list[Explanation]:
    """One comment explained by several models, for `explain.html.view` and `plots.explanation.static`."""
    return [
        dataclasses.replace(explain(checkpoint, [text], method, labels)[0], model=model_name(model))
        for model, checkpoint in checkpoints.items()
    ]


def sums_table(explanations: Mapping[str, Sequence[Explanation]], label: str) -> pd.DataFrame:
    """Whether attributions add up to what they explain, in logits: a row a model and comment, by its number.

    Args:
        explanations: By model, of the same comments, by a method that makes such a promise.
        label: Whose attributions.
    """
    rows = {}
    for model, several in explanations.items():
        for number, each in enumerate(several, start=1):
            column = each.labels.index(label)
            score, base, delta = (
                float(values[column]) for values in (each.scores, each.baseline_scores, each.convergence_delta)
            )
            rows[f"{model_name(model)}: sentence {number}"] = {
                "f(x)": score,
                "f(baseline)": base,
                "f(x) - f(baseline)": score - base,
                "sum of the attributions": score - base + delta,
                "convergence delta": delta,
                "steps": each.steps,
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def attention_table(summary: Mapping, rivals: Sequence[str] = RIVALS) -> pd.DataFrame:
    """Attention against other methods of the same model: a row a model and rival, a column a measure.

    A cell is the difference, attention minus rival, and whether it is shown after Holm's correction and which way.
    """
    cells: dict[str, dict[str, str]] = {}
    chosen = [row for row in summary["differences"] if row["a"] == "attention" and row["b"] in rivals]
    for row in sorted(chosen, key=lambda row: (MODELS.index(row["model"]), rivals.index(row["b"]))):
        verdict = "not shown"
        if is_shown(row):
            verdict = "better" if (row["difference"] > 0) != (row["measure"] in LESS_IS_BETTER) else "worse"
        name = f"{model_name(row['model'])}: against {METHODS[row['b']]}"
        cells.setdefault(name, {})[MEASURES[row["measure"]]] = f"{row['difference']:+.3f}, {verdict}"
    table = pd.DataFrame.from_dict(cells, orient="index")
    return table.reindex(columns=[name for name in MEASURES.values() if name in table]).fillna("–")


def record_told(summary: Mapping) -> str:
    """Which models were explained, trained when, by which methods; or that nothing is there to say so of."""
    if not summary:
        return getattr(summary, "why", "Nothing has been explained.")
    run = summary["run"]
    cells = {(row["model"], row["method"]) for key in ("plausibility", "faithfulness") for row in summary[key]}
    models = list(dict.fromkeys(row["model"] for row in summary["faithfulness"]))
    methods = [name for name in METHODS if name in {method for _, method in cells}]
    named = ", ".join(f"“{model_name(model)}”" for model in models)
    return (
        f"{len(models)} model{'s' * (len(models) != 1)} ({named}), trained until {run['trained_on']}, explained by "
        f"{len(methods)} methods ({', '.join(METHODS[name] for name in methods)}) until {run['explained_on']}."
    )


def found(summary: Mapping) -> dict[str, list[str]]:
    """The findings in short: whether attention explains, who marks best, and whether what was aimed at is reached."""
    if not summary:
        return {"Explanations": [getattr(summary, "why", "Nothing has been explained.")]}
    return {"Explanations": [answer(summary), *_aims(summary), agreement_sentence(summary)]}


def _aims(summary: Mapping) -> list[str]:
    """The best classifier, attention and span-supervised head on the marked posts, against what was aimed at."""
    scores = summary["headline"]
    alone = [name for name in scores if name not in CONTROLS]
    rivals = published_spans(read_json(PUBLISHED))
    best = {"attention": max(rivals["attention"].items(), key=lambda item: item[1])}
    best["supervised"] = max(rivals["supervised"].items(), key=lambda item: item[1])
    told = []
    if alone:
        name = max(alone, key=lambda method: scores[method]["f1"])
        told.append(f"Without people's marks: {_scored(name, scores[name])}; {_reached(scores[name], PLAUSIBLE)}.")
    for method in ("attention", "supervised"):
        if method in scores:
            system, value = best[method]
            told.append(f"{_scored(method, scores[method])}; {_reached(scores[method], value)} ({system}).")
    return [line[0].upper() + line[1:] for line in told]


def _scored(method: str, row: Mapping) -> str:
    of = "" if row["model"] == ALONE else f" of “{model_name(row['model'])}”"
    interval = f"[{row['low']:.3f}, {row['high']:.3f}]"
    return f"{METHODS[method]}{of} marks what people marked with a character F1 of {row['f1']:.3f} {interval}"


def _reached(row: Mapping, aim: float) -> str:
    if row["low"] > aim:
        return f"above the {aim:.3f} aimed at"
    if row["high"] < aim:
        return f"below the {aim:.3f} aimed at"
    return f"not shown to differ from the {aim:.3f} aimed at"
