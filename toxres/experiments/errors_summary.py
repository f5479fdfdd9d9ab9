"""From the committed scores of the error analysis to the figures of `data/results/errors.json` and the headline."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from toxres.data import load_comments, targets
from toxres.data.functional import load_hatecheck, load_madlibs
from toxres.data.identity_terms import CONTROL, TERMS, mentioned_terms, neutral_statements
from toxres.errors import InputError
from toxres.evaluation.hatecheck import always_hateful, compare_hatecheck, score_hatecheck
from toxres.evaluation.hateful import HateDecision, choose_decision
from toxres.evaluation.identity import bias_summary, bias_table, false_positives
from toxres.evaluation.metrics import auroc
from toxres.experiments import errors, errors_fix, errors_where
from toxres.experiments.errors_rows import is_balanced, is_hateful
from toxres.experiments.errors_where import label_errors, out_of_fold_disagreement, records, tested_disagreement
from toxres.files import read_json, write_json
from toxres.labels import LABELS
from toxres.results import HEADLINE, current_commit, update_headline

PAIRS = (("custom_balanced", "custom"), ("custom", "baseline"), ("baseline", "tfidf"), ("custom", "tfidf"))
"""Models that are compared on HateCheck, the first minus the second."""

MIN_MENTIONS = 25
"""A term that fewer comments of a source mention has no row there."""


class Scored(NamedTuple):
    """What one model says.

    Attributes:
        record: Of the run.
        probs: By part, probabilities (N, 6), index ids.
        madlibs: (76564,), logits of `toxic` in madlibs' order.
        decision: Hateful or not, chosen on the validation comments.
    """

    record: dict
    probs: dict[str, pd.DataFrame]
    madlibs: np.ndarray
    decision: HateDecision


def read_scores(name: str, results: Path) -> Scored:
    """The committed scores of a model, and the decision that its validation comments give.

    Raises:
        InputError: A file is missing, or scores other comments than are at hand.
    """
    record = read_json(results / f"{name}.json")
    probs = {}
    for part in errors.PARTS:
        path = results / f"{name}-{part}.csv"
        if not path.is_file():
            raise InputError(f"{path}: is not there; run `python -m toxres.experiments.errors --models {name}` first")
        if part != "madlibs":
            probs[part] = pd.read_csv(path, dtype={"id": str}).set_index("id")[list(LABELS)]
    madlibs = pd.read_csv(results / f"{name}-madlibs.csv")["toxic_logit"].to_numpy(dtype=float)
    validation = _comments(probs["validation"].index, name)
    decision = choose_decision(is_hateful(validation), probs["validation"].to_numpy(), is_balanced(validation))
    return Scored(record, probs, madlibs, decision)


def _comments(ids: pd.Index, name: str) -> pd.DataFrame:
    """Comments of the ids "source:id", in their order."""
    sources = dict.fromkeys(identifier.split(":")[0] for identifier in ids)
    frames = [frame.assign(id=source + ":" + frame["id"]) for source in sources for frame in [load_comments(source)]]
    comments = pd.concat(frames).set_index("id", drop=False)
    unknown = ids.difference(comments.index)
    if len(unknown):
        raise InputError(f"{name}: {len(unknown)} scored comments are not at hand, e.g. {unknown[0]}; score it again")
    return comments.loc[ids].reset_index(drop=True)


def _need_rows(name: str, part: str, found: object, wanted: object) -> None:
    if list(found) != list(wanted):
        raise InputError(f"{name}-{part}.csv: scores other texts than are at hand; score {name} again")


def hatecheck_figures(scores: Mapping[str, Scored]) -> dict:
    """Accuracy of each model and of calling everything hateful, comparisons of the models, and how each decides."""
    cases = load_hatecheck()
    truth = cases["hateful"].to_numpy()
    decided: dict[str, np.ndarray] = {}
    found: dict = {"cases": len(cases), "always_hateful": always_hateful(cases), "models": {}, "comparisons": []}
    for name, one in scores.items():
        probs = one.probs["hatecheck"]
        _need_rows(name, "hatecheck", probs.index, cases["id"])
        decided[name] = one.decision.decide(probs.to_numpy())
        result = score_hatecheck(cases, decided[name])
        ranks = one.decision.scores(probs.to_numpy())
        found["models"][name] = {
            "decision": dataclasses.asdict(one.decision),
            "auroc": float(auroc(truth[:, None].astype(float), ranks[:, None], labels=("hateful",))[0]),
            "overall": result.overall.to_dict(orient="index"),
            "functionality": result.functionality.to_dict(orient="index"),
            "target": records(result.target),
            "cells": records(result.cells),
        }
    for a, b in PAIRS:
        if a in decided and b in decided:
            table = compare_hatecheck(cases, decided[a], decided[b])
            found["comparisons"].append({"a": a, "b": b, "parts": table.to_dict(orient="index")})
    return found


def madlibs_figures(scores: Mapping[str, Scored], n_resamples: int = 500) -> dict:
    """Areas under the curve by term, their generalised means, and harmless sentences that are called toxic.

    Intervals come from resampling the sentences that all terms are put into, with all their terms.
    """
    sentences = load_madlibs()
    bad = sentences["bad"].to_numpy()
    terms = sorted(set(sentences["term"]) - {""})
    members = {term: (sentences["term"] == term).to_numpy() for term in terms}
    found: dict = {"sentences": len(sentences), "models": {}}
    for name, one in scores.items():
        if len(one.madlibs) != len(sentences) or one.record["files"]["madlibs"] != sentences.attrs["sha256"]:
            raise InputError(f"{name}-madlibs.csv: scores another file than is at hand; score {name} again")
        options = {"clusters": sentences["frame"].to_numpy(), "n_resamples": n_resamples}
        table = bias_table(bad, one.madlibs, members, **options)
        flagged = one.madlibs >= _logit(one.record["thresholds"]["toxic"])
        harmless = (~bad & (sentences["term"] != "")).to_numpy()
        rates = false_positives(flagged[harmless], sentences.loc[harmless, "term"])
        found["models"][name] = {
            "auc": bias_summary(table) | {key: table.loc["overall", f"subgroup_{key}"] for key in ("low", "high")},
            "terms": table.drop(index="overall").to_dict(orient="index"),
            "false_positives": rates.to_dict(orient="index"),
            "accuracy": float((flagged == bad).mean()),
        }
    return found


def _logit(threshold: float) -> float:
    return float(np.log(threshold) - np.log1p(-threshold)) if 0 < threshold < 1 else (np.inf if threshold else -np.inf)


def statement_figures(scores: Mapping[str, Scored]) -> dict:
    """Neutral sentences about people that are called toxic (tuned threshold) or hateful, by kind of group and term."""
    statements = neutral_statements()
    found: dict = {"statements": len(statements), "control": CONTROL, "models": {}}
    for name, one in scores.items():
        probs = one.probs["statements"]
        _need_rows(name, "statements", probs.index, statements["id"])
        flags = {
            "toxic": probs["toxic"].to_numpy() >= one.record["thresholds"]["toxic"],
            "hateful": one.decision.decide(probs.to_numpy()),
        }
        found["models"][name] = {
            what: {by: false_positives(flagged, statements[by]).to_dict(orient="index") for by in ("kind", "term")}
            for what, flagged in flags.items()
        }
    return found


def civil_figures(scores: Mapping[str, Scored], n_resamples: int = 1_000) -> dict:
    """The three areas on test comments of `civil_spans`, by the term they mention; toxic from a share of 0.5."""
    found: dict = {"models": {}}
    for name, one in scores.items():
        probs = one.probs["tested"]
        probs = probs[probs.index.str.startswith("civil_spans:")]
        if probs.empty:
            continue
        comments = _comments(probs.index, name)
        members = {
            term: rows
            for term, rows in mentioned_terms(comments["text"].tolist()).items()
            if rows.sum() >= MIN_MENTIONS
        }
        toxic = comments["toxic"].to_numpy() >= 0.5
        table = bias_table(toxic, probs["toxic"].to_numpy(), members, n_resamples=n_resamples)
        found["comments"] = len(comments)
        found["models"][name] = {"auc": bias_summary(table), "terms": table.to_dict(orient="index")}
    return found


def fix_figures(scores: Mapping[str, Scored], n_resamples: int = 1_000) -> dict | None:
    """What balanced comments changed: HateCheck step by step, and the cost on comments that people wrote."""
    pair = {name: scores[name] for name in (errors_fix.BEFORE, errors_fix.AFTER) if name in scores}
    if len(pair) < 2:
        return None
    cases = load_hatecheck()
    validation = {
        name: (_comments(one.probs["validation"].index, name), one.probs["validation"].to_numpy())
        for name, one in pair.items()
    }
    hatecheck = {name: one.probs["hatecheck"].to_numpy() for name, one in pair.items()}
    found: dict = {"before": errors_fix.BEFORE, "after": errors_fix.AFTER}
    found["steps"] = errors_fix.steps(cases, validation, hatecheck)
    found["hatecheck"] = errors_fix.against_before(cases, validation, hatecheck)
    found["costs"] = []
    for part, begins in (("validation", errors_fix.VALIDATED), ("tested", "")):
        tables = {name: one.probs[part] for name, one in pair.items()}
        tables = {name: table[table.index.str.startswith(begins)] for name, table in tables.items()}
        first, second = tables.values()
        _need_rows(errors_fix.AFTER, part, second.index, first.index)
        comments = _comments(first.index, errors_fix.BEFORE)
        rows = errors_fix.costs(
            comments.assign(source=comments["id"].str.split(":").str[0]),
            {name: table.to_numpy() for name, table in tables.items()},
            n_resamples,
        )
        what = "validation" if part == "validation" else "test"
        found["costs"] += [row | {"set": f"{row['source']}, {what}"} for row in rows]
    return found


def summarise(
    results: Path = errors.RESULTS, path: Path | None = None, headline: Path = HEADLINE, n_resamples: int = 500
) -> dict:
    """Compute every figure that the committed scores give; write them and the headline figures. Returns them.

    Args:
        results: Where the scores are.
        path: Where the figures go; by default `errors.json` beside that folder.
        headline: The file of the headline figures.
        n_resamples: Of madlibs' intervals.

    Raises:
        InputError: No model has been scored, or scores do not fit the data at hand.
    """
    names = [name for name in errors.MODELS if (results / f"{name}.json").is_file()]
    if not names:
        raise InputError(f"{results}: no model has been scored; run `python -m toxres.experiments.errors` first")
    scores = {name: read_scores(name, results) for name in names}
    check = results / errors.LABEL_CHECK
    found = {
        "hatecheck": hatecheck_figures(scores),
        "madlibs": madlibs_figures(scores, n_resamples),
        "statements": statement_figures(scores),
        "civil": civil_figures(scores, 2 * n_resamples),
        "disagreement": {"oof": out_of_fold_disagreement()} | _tested(scores),
        "label_errors": label_errors() | {"check": read_json(check) if check.is_file() else None},
        "fix": fix_figures(scores, 2 * n_resamples),
        "kinds": {name: term.kind for name, term in TERMS.items()},
        "run": {
            "commit": current_commit(),
            "models": {name: one.record for name, one in scores.items()},
        },
    }
    write_json(path or results.with_name("errors.json"), found)
    for name, one in scores.items():
        parts = found["hatecheck"]["models"][name]["overall"]
        figures = {
            f"hatecheck.{name}": {part: row["accuracy"] for part, row in parts.items()},
            f"madlibs.{name}": {"auc": found["madlibs"]["models"][name]["auc"]["overall"]},
        }
        update_headline(figures, _run(one.record), headline)
    return read_json(path or results.with_name("errors.json"))


def _tested(scores: Mapping[str, Scored]) -> dict:
    """Disagreement on the test comments that all models have scored."""
    tables = {name: one.probs["tested"] for name, one in scores.items() if name in errors_where.MODELS}
    first = next(iter(tables.values()))
    for name, table in tables.items():
        _need_rows(name, "tested", table.index, first.index)
    comments = _comments(first.index, next(iter(tables)))
    thresholds = {name: [scores[name].record["thresholds"][label] for label in LABELS] for name in tables}
    probs = {name: table.to_numpy() for name, table in tables.items()}
    return {"tested": tested_disagreement(comments, targets(comments).astype(float), probs, thresholds)}


def _run(record: Mapping) -> dict:
    """What the headline says of a run."""
    trained = record["checkpoint"]
    entries = [*trained["sources"], *((trained["initial"] or {}).get("sources", ()))]
    return {
        "preset": trained["preset"]["name"],
        "rows": record["rows"]["hatecheck"] + record["rows"]["madlibs"],
        "sources": {entry["name"]: entry["sha256"] for entry in entries} | record["files"],
        "trained_at_commits": [trained["commit"]],
        "trained_on": trained["date"][:10],
    }
