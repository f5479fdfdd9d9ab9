"""What the notebook on triage shows of a policy: comments to fit it on, verdicts on examples, promises on splits."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy.special import logit

from toxres import findings, lab
from toxres.checkpoint import Checkpoint
from toxres.data.splits import TEST_FOLD
from toxres.errors import InputError
from toxres.evaluation.calibration import Calibration, fit_calibration
from toxres.evaluation.oof import cross_fitted
from toxres.experiments import triage_told
from toxres.experiments.triage_told import METHOD_NAMES, SET_NAMES
from toxres.labels import LABELS
from toxres.plots import triage as plots
from toxres.plots.style import pretty
from toxres.plots.tables import Table, titled_table
from toxres.training.out_of_fold import read_out_of_fold
from toxres.triage.curves import coverage_curve
from toxres.triage.fit import fit_triage, truth
from toxres.triage.policy import Policy
from toxres.triage.policy_file import load_policy
from toxres.triage.resplits import resplit, resplit_summary
from toxres.triage.verdicts import Triage, violation_scores
from toxres.widgets.policy_outcome import ScoredRows

CLIP = 1e-7
"""Probabilities are kept this far from 0 and 1 where their logits are taken."""

CURVES = ("tfidf", "baseline", "custom", "ulmfit", "all")
"""Sets of models whose curves are drawn."""

DESIGNS = {"draws": "true error rate", "resplits": "error rate of the held-out half"}
"""How calibration rows are drawn, and what is then known of the decisions."""

DESIGN_TITLES = {"draws": "Promised and true, draws with replacement", "resplits": "Promised and seen, held-out halves"}
GROUP = "site"
"""What the comments' group of sites is called where the policy names none."""


@dataclasses.dataclass(frozen=True)
class Site:
    """Labelled comments as a site would have them, scored by one model.

    Attributes:
        calibration: Thresholds are chosen on these; neither the model nor its recalibration has seen them.
        held_out: Others, on which errors are counted.
        checkpoint: The model that scores what is typed.
        recalibration: Turns its logits into probabilities.
        origin: Whose comments these are.
    """

    calibration: ScoredRows
    held_out: ScoredRows
    checkpoint: Checkpoint
    recalibration: Calibration
    origin: str

    def score(self, texts: Sequence[str]) -> np.ndarray:
        """Calibrated probabilities (N, 6) of texts."""
        return self.recalibration.apply(self.checkpoint.predict_logits(list(texts)))


def site_at_hand(checkpoint: Checkpoint, source: str, seed: int = 0) -> Site:
    """Comments to choose thresholds on, and others to try them on.

    A model of preset `full` has out-of-fold scores of all of Jigsaw, by models of its own recipe: folds 1 to 4 are for
    thresholds then, fold 0, which is `test`, is held out. Else half of the validation comments recalibrate the model,
    the other half is for thresholds, and the test comments are held out.

    Args:
        checkpoint: Of the six labels.
        source: Name of a source.
        seed: Of the halves.
    """
    if source == "jigsaw" and checkpoint.run["preset"]["name"] == "full":
        try:
            return _out_of_fold(checkpoint)
        except InputError:
            pass  # nobody has scored this recipe out of fold
    validation, test = (lab.score_split(checkpoint, source, split) for split in ("validation", "test"))
    order = np.random.default_rng(seed).permutation(len(validation.targets))
    first, second = order[: len(order) // 2], order[len(order) // 2 :]
    scaling = fit_calibration(validation.targets[first], _logits(validation.probs[first]), labels=LABELS)
    rows = ScoredRows(scaling.apply(_logits(validation.probs[second])), validation.targets[second])
    held_out = ScoredRows(scaling.apply(_logits(test.probs)), test.targets)
    told = f"{lab.origin(source, len(second), 'validation')} for thresholds, {len(test.targets):,} held out"
    return Site(rows, held_out, checkpoint, scaling, f"{told}; model of {lab.trained_on(checkpoint)}")


def _out_of_fold(checkpoint: Checkpoint) -> Site:
    scores = read_out_of_fold("oof", checkpoint.name)
    here = scores.folds != TEST_FOLD
    known = scores.targets[here], scores.logits[here]
    rows = ScoredRows(cross_fitted(*known, scores.folds[here]).calibrated, known[0])
    scaling = fit_calibration(*known, labels=LABELS)
    held_out = ScoredRows(scaling.apply(scores.logits[~here]), scores.targets[~here])
    name = findings.source_name("jigsaw", len(scores.ids))
    told = f"{name}, {here.sum():,} comments for thresholds, {(~here).sum():,} test comments held out"
    return Site(rows, held_out, checkpoint, checkpoint.calibration, f"{told}; {checkpoint.name}, out of fold")


def _logits(probs: np.ndarray) -> np.ndarray:
    return logit(np.clip(probs, CLIP, 1 - CLIP))


def fitted(site: Site, policy: Policy) -> Triage:
    """The policy's thresholds for the site, under `GROUP` whatever groups the policy names."""
    return fit_triage(*site.calibration, GROUP, dataclasses.replace(policy, groups=(GROUP,)))


def verdict_table(triage: Triage, site: Site, texts: Sequence[str]) -> pd.DataFrame:
    """A row a text: its verdict, the probability that it violates the policy, and the label that says most."""
    rows = {}
    for text, each in zip(texts, triage.decide(site.score(texts), GROUP), strict=True):
        reason = each.reasons[0]
        ruled = "a rule: " if reason.rule == "always_review" else ""
        rows[text] = {
            "verdict": each.verdict,
            "probability of a violation": each.score,
            "because of": f"{ruled}{pretty(reason.label)} {reason.probability:.3f}",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def verdicts_by_policy(policies: Iterable[str], site: Site, texts: Sequence[str]) -> pd.DataFrame:
    """A row a text, a column a policy: the verdicts, and last the share of held-out comments that each decides."""
    columns, probs = {}, site.score(texts)
    for name in policies:
        triage = fitted(site, load_policy(name))
        decided = triage.decide(site.held_out.probs, GROUP).verdict != "uncertain"
        columns[name] = [*triage.decide(probs, GROUP).verdict, f"{decided.mean():.1%}"]
    return pd.DataFrame(columns, index=[*texts, "held-out comments decided without a person"])


def violations(rows: ScoredRows, policy: Policy) -> tuple[np.ndarray, np.ndarray]:
    """Scores and truth (N,) of the rows whose answer is known."""
    violates, answered = truth(rows.targets, LABELS, policy)
    return violation_scores(rows.probs, LABELS, policy)[answered], violates[answered]


def local_curve(site: Site, policy: Policy) -> Mapping[str, Sequence[float]]:
    """Coverage and accuracy of the held-out comments along the certainties, from the first twentieth on."""
    curve = coverage_curve(*violations(site.held_out, policy))
    return curve[curve["coverage"] >= 0.05][["coverage", "accuracy"]].to_dict(orient="list")


def local_resplits(site: Site, policy: Policy, tolerated: float, splits: int, seed: int = 0) -> pd.DataFrame:
    """All of the site's comments split again and again: a row a method, as `plots.triage.promises` shows them."""
    parts = [violations(rows, policy) for rows in (site.calibration, site.held_out)]
    scores, violates = (np.concatenate(pair) for pair in zip(*parts, strict=True))
    found = resplit(scores, violates, tolerated=tolerated, confidence=policy.confidence, n_splits=splits, seed=seed)
    summary = resplit_summary(found)
    return pd.DataFrame(
        {
            "coverage": summary["coverage"],
            "accuracy": summary["accuracy"],
            "seen above, held-out rows": summary["broken_share"],
            "nothing decided": summary["silent_share"],
        }
    ).rename(index=METHOD_NAMES)


def percent_table(table: pd.DataFrame, title: str, origin: str) -> Table:
    """A table of shares in percent with a decimal each: 99.3 and 99 are not the same accuracy."""
    return titled_table(100 * table, f"{title}, in %", origin, digits=1)


def label_table(found: Mapping) -> pd.DataFrame:
    """What becomes of the comments with each label, of the audit in `data/results/triage.json`."""
    rows = {
        pretty(label): {
            "comments": int(row["n"]),
            "published": row["accepted"],
            "for a person": row["uncertain"],
            "rejected": row["rejected"],
            "published, 95% interval": f"{row['accepted_low']:.1%} to {row['accepted_high']:.1%}",
        }
        for label, row in found["audit"]["labels"].items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def committed_curves(found: Mapping) -> Axes:
    """Coverage and accuracy of every set of models out of fold, and what is promised of the best."""
    curves = {name: model["curve"] for name, model in found["models"].items() if name in CURVES}
    promised = found["models"]["all"]["resplits"]["promised"]
    place = promised["coverage"], promised["accuracy"]
    names = {name: SET_NAMES[name] for name in curves}
    return plots.coverage_accuracy(curves, names=names, promised=place, origin=origin(found))


def shift_figure(found: Mapping, tolerated: str) -> Axes:
    """Thresholds of the home group on every group, at one tolerated share."""
    home = found["shift"]["home"]
    table = pd.DataFrame(found["shift"]["cross"][tolerated])
    return plots.shift_errors(table, tolerated=float(tolerated), home=home, origin=origin(found, "shift"))


def repair_figure(found: Mapping, tolerated: str) -> Axes:
    """What local labels repair at one tolerated share."""
    table = pd.DataFrame(found["shift"]["repair"][tolerated])
    title = f"What local labels repair: twitter, at most {float(tolerated):.0%} wrong"
    return plots.repair_curves(table, title=title, origin=origin(found, "shift"))


def origin(found: Mapping, part: str = "") -> str:
    """What stands under a figure of `data/results/triage.json`.

    Args:
        found: Its content.
        part: "shift" for the other groups of sites.
    """
    if part == "shift":
        rows = found["shift"]["rows"]["tested"]
        told = ", ".join(f"{count:,} of {group}" for group, count in rows.items())
        return f"{found['shift']['model']}; test comments: {told}"
    name = findings.source_name("jigsaw", found["rows"])
    return f"{name}, {found['rows']:,} comments out of fold; toxic or not"


def record_told(found: Mapping) -> str:
    """Where the committed results come from, as a sentence; or that they are not there."""
    if not found:
        return f"*{getattr(found, 'why', 'There are no results.')}*"
    return (
        f"{origin(found)}: {found['violations']:,} are toxic. Split {found['n_splits']} times; the promise is at most "
        f"{found['tolerated']:.0%} wrong decisions, with confidence {found['confidence']:.0%}."
    )


def local_told(site: Site, policy: Policy, triage: Triage) -> list[str]:
    """What this run's own site comes to."""
    verdict = triage.decide(site.held_out.probs, GROUP).verdict
    violates, answered = truth(site.held_out.targets, LABELS, policy)
    decided = answered & (verdict != "uncertain")
    wrong = int((((verdict == "accept") & violates) | ((verdict == "reject") & ~violates))[decided].sum())
    if not decided.any():
        return [
            f"In this run nothing can be promised under the policy “{policy.name}”, so every comment goes to a person "
            f"({site.origin}). {triage.groups[GROUP].promises[0].why.capitalize()}."
        ]
    return [
        f"In this run the policy “{policy.name}” decides {decided.sum() / len(verdict):.1%} of the held-out comments, "
        f"{wrong:,} of {decided.sum():,} wrongly ({wrong / decided.sum():.2%}; {site.origin})."
    ]


def answer(results: Mapping) -> str:
    """Whether half of the comments or more can be decided without a person, as a sentence."""
    model, allowed = results["models"]["all"], 1 - results["confidence"]
    coverage, broken = model["resplits"]["promised"]["coverage"], model["draws"]["promised"]["broken_share"]
    word = "Yes" if coverage >= 0.5 and broken <= allowed else "No"
    return (
        f"**{word}**, for comments that are drawn as the calibration comments were: {coverage:.1%} of them are decided "
        f"under the promise of at most {results['tolerated']:.0%} wrong, which was broken in {broken:.1%} of "
        f"{results['n_splits']} draws, with {allowed:.0%} allowed. Another group of sites was promised nothing."
    )


def found(results: Mapping, site: Site, policy: Policy, triage: Triage) -> dict[str, list[str]]:
    """The findings: of this run, and of the committed results."""
    parts = {"This run": local_told(site, policy, triage)}
    if not results:
        return parts | {"Committed results": [getattr(results, "why", "There are none.")]}
    return (
        {"The answer": [answer(results)]}
        | parts
        | {
            "Coverage": triage_told.coverage_told(results),
            "Promises": triage_told.promises_told(results),
            "Who waits": triage_told.audit_told(results)[:3],
            "Other groups of sites": triage_told.shift_told(results),
        }
    )
