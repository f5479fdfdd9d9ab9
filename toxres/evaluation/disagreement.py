"""Where models disagree: who alone is right, on which comments, which label sets are confused, what is hardest.

Decisions are those at tuned thresholds. A comment is right where every label whose target is known is decided right.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from toxres.errors import InputError
from toxres.evaluation.arrays import as_probs, as_targets, known, label_names, positives
from toxres.evaluation.proportions import share_table
from toxres.text import normalise

Decisions = Mapping[str, np.ndarray]
"""By model: booleans (N, L), the labels it gives to the same comments."""

DISGUISES: Final = ("invisible", "lookalikes", "leet", "stars", "spaced")
"""Steps of normalisation that undo what letters were disguised with."""

NONE: Final = "none"
"""The label set of a comment without a label."""

OTHER: Final = "other"
"""Label sets that are too rare for a row of their own."""

LENGTHS: Final = ((0, "up to 50"), (50, "51 to 150"), (150, "151 to 400"), (400, "401 to 1,000"), (1_000, "over 1,000"))
"""Bins of a comment's length in characters: where each begins, and its name."""

_SHORT: Final = {
    "toxic": "toxic", "severe_toxic": "severe", "obscene": "obscene", "threat": "threat", "insult": "insult",
    "identity_hate": "hate",
}  # fmt: skip


def rightness(targets: np.ndarray, decisions: Decisions) -> pd.DataFrame:
    """Which comments each model has wholly right: booleans, a column a model.

    Args:
        targets: (N, L) in [0, 1]; NaN is unknown and cannot be wrong.
        decisions: Of at least one model.

    Raises:
        InputError: Shapes do not match.
    """
    targets = as_targets(targets)
    mask, truth = known(targets), positives(targets)
    columns = {}
    for name, decided in decisions.items():
        if np.shape(decided) != targets.shape:
            raise InputError(f"decisions of {name!r} have shape {np.shape(decided)}, targets {targets.shape}")
        columns[name] = ((np.asarray(decided, dtype=bool) == truth) | ~mask).all(axis=1)
    if not columns:
        raise InputError("decisions: of no model; give those of at least one")
    return pd.DataFrame(columns)


def pattern(right: pd.DataFrame) -> pd.Series:
    """What each comment is a case of: "all right", "all wrong", "only A right", or "only A wrong" among three or more.

    Args:
        right: Of `rightness`.
    """
    names, count = list(right.columns), right.sum(axis=1)
    found = pd.Series("mixed", index=right.index)
    found[count == len(names)] = "all right"
    found[count == 0] = "all wrong"
    for name in names:
        if len(names) > 2:
            found[(count == len(names) - 1) & ~right[name]] = f"only {name} wrong"
        if len(names) > 1:
            found[(count == 1) & right[name]] = f"only {name} right"
    return found


def pattern_names(models: Sequence[str]) -> list[str]:
    """Names of `pattern` in a fixed order, those that cannot occur left out."""
    alone = [f"only {name} right" for name in models] if len(models) > 1 else []
    alone += [f"only {name} wrong" for name in models] if len(models) > 2 else []
    return ["all right", *alone, *(["mixed"] if len(models) > 3 else []), "all wrong"]


def patterns_by_label(targets: np.ndarray, decisions: Decisions, labels: Sequence[str] | None = None) -> pd.DataFrame:
    """Comments by `pattern`, a row a label and first a row "all labels" for whole comments.

    Columns: `n` (comments whose target is known), then a count each of `pattern_names`.
    """
    targets = as_targets(targets, labels)
    names = label_names(labels, targets.shape[1])
    order = pattern_names(list(decisions))
    mask = known(targets)
    rows = {"all labels": pattern(rightness(targets, decisions))}
    for i, label in enumerate(names):
        one = {name: np.asarray(decided)[mask[:, i], i : i + 1] for name, decided in decisions.items()}
        rows[label] = pattern(rightness(targets[mask[:, i], i : i + 1], one))
    table = pd.DataFrame.from_dict(
        {row: {"n": len(found), **found.value_counts().to_dict()} for row, found in rows.items()}, orient="index"
    )
    return table.reindex(columns=["n", *order]).fillna(0).astype(int)


def label_sets(values: np.ndarray, labels: Sequence[str] | None = None) -> pd.Series:
    """The labels of each comment in one string, in short names: "toxic+insult"; `NONE` without any.

    Args:
        values: (N, L) booleans, or targets of which NaN counts as no label.
        labels: Names of the columns.
    """
    values = np.asarray(values)
    chosen = values if values.dtype == bool else positives(values.astype(np.float64))
    names = [_SHORT.get(name, name) for name in label_names(labels, chosen.shape[1])]
    sets = [[name for name, here in zip(names, row, strict=True) if here] for row in chosen]
    return pd.Series(["+".join(each) or NONE for each in sets], dtype=object)


def set_confusion(
    targets: np.ndarray, decided: np.ndarray, top: int = 8, labels: Sequence[str] | None = None
) -> pd.DataFrame:
    """Counts of comments by true and by predicted label set; rows are true sets.

    The `top` sets that occur most often, as true and predicted ones together, have a row and a column; the others are
    `OTHER`. Comments with an unknown target are left out.
    """
    targets = as_targets(targets, labels)
    whole = known(targets).all(axis=1)
    true, predicted = (label_sets(each[whole], labels) for each in (positives(targets), np.asarray(decided, bool)))
    common = pd.concat([true, predicted]).value_counts(sort=False)
    common = sorted(common.index, key=lambda name: (-common[name], name))[:top]
    order = sorted(common, key=lambda name: (name != NONE, name.count("+"), common.index(name)))
    true, predicted = (each.where(each.isin(common), OTHER) for each in (true, predicted))
    table = pd.crosstab(true, predicted)
    order += [OTHER] if OTHER in {*table.index, *table.columns} else []
    return table.reindex(index=order, columns=order, fill_value=0).rename_axis(index="true", columns="predicted")


def is_disguised(texts: Sequence[str]) -> np.ndarray:
    """Which texts (N,) have letters disguised: those that a step of `DISGUISES` changes by itself."""
    return np.array([any(normalise(text, [step]).text != text for step in DISGUISES) for text in texts], dtype=bool)


def length_bins(texts: Sequence[str]) -> pd.Categorical:
    """Bin of `LENGTHS` of each text, ordered."""
    lengths = np.array([len(text) for text in texts])
    starts = [start for start, _ in LENGTHS]
    codes = np.searchsorted(starts, lengths, side="left") - 1
    return pd.Categorical.from_codes(np.maximum(codes, 0), [name for _, name in LENGTHS], ordered=True)


def rater_disagreement(targets: np.ndarray) -> pd.Categorical:
    """How divided raters were about `toxic`, from the share that said so: (N,), NaN where it is unknown.

    "divided" is a share between a quarter and three quarters, "leaning" any other but 0 and 1, "of one mind" those.
    """
    share = as_targets(targets)[:, 0]
    codes = np.select([np.isnan(share), (share == 0) | (share == 1), np.abs(share - 0.5) <= 0.25], [-1, 0, 2], 1)
    return pd.Categorical.from_codes(codes, ["of one mind", "leaning", "divided"], ordered=True)


def slices(comments: pd.DataFrame, targets: np.ndarray, terms: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """What each comment belongs to, for `errors_by_slice`.

    Args:
        comments: With columns `text` and `group`.
        targets: (N, 6).
        terms: Identity terms to booleans (N,), of `data.identity_terms.mentioned_terms`.

    Returns:
        Columns `length`, `group`, `labels` (how many), `disguised`, `identity`, and `raters` if a target is a fraction;
        it is NaN in groups without any, where nothing is known of single raters.
    """
    texts = comments["text"].tolist()
    disguised, mentions = is_disguised(texts), np.any(list(terms.values()), axis=0)
    count = np.minimum(positives(as_targets(targets)).sum(axis=1), 3)
    table = pd.DataFrame(
        {
            "length": length_bins(texts),
            "group": comments["group"].astype(str).to_numpy(),
            "labels": pd.Categorical.from_codes(count, ["no label", "1 label", "2 labels", "3 labels or more"]),
            "disguised": np.where(disguised, "letters disguised", "plain letters"),
            "identity": np.where(mentions, "mentions an identity", "mentions none"),
        }
    )
    share = np.asarray(targets, dtype=float)[:, 0]
    fractions = set(table["group"][(share > 0) & (share < 1)])
    if fractions:
        table["raters"] = rater_disagreement(np.where(table["group"].isin(fractions), share, np.nan)[:, None])
    return table


def errors_by_slice(right: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """How often each model is wrong about a comment of each kind.

    Args:
        right: Of `rightness`.
        table: Of `slices`; a comment with NaN in a column is left out there.

    Returns:
        A row a value and model: `slice`, `value`, `model`, `n`, `hits` (wrong comments), `rate`, `low`, `high`
        (Wilson), and `alone`, the comments this model alone has right.
    """
    rows = []
    for name in table:
        column = table[name]
        ordered = column.cat.categories if hasattr(column, "cat") else sorted(column.dropna().unique())
        for value in ordered:
            here = (column == value).to_numpy()
            if not here.any():
                continue
            found = right[here]
            count = found.sum(axis=1)
            for model in right:
                wrong = share_table(~found[model].to_numpy(), pd.Series(np.zeros(len(found), int)), "rate").iloc[0]
                alone = int(((count == 1) & found[model]).sum()) if len(right.columns) > 1 else 0
                rows.append({"slice": name, "value": str(value), "model": model, **wrong.to_dict(), "alone": alone})
    frame = pd.DataFrame(rows)
    return frame.astype({"n": int, "hits": int})


def losses(targets: np.ndarray, probs: np.ndarray, labels: Sequence[str] | None = None) -> np.ndarray:
    """Binary cross-entropy of each comment and label, in nats: (N, L), 0 where the target is unknown.

    Probabilities are kept `1e-7` away from 0 and 1, so that no loss is infinite.

    Args:
        targets: (N, L) in [0, 1]; NaN is unknown.
        probs: (N, L).
        labels: Names of the columns.

    Raises:
        InputError: Shapes do not match, or a value is outside of [0, 1].
    """
    targets = as_targets(targets, labels)
    probs = as_probs(probs, targets.shape, label_names(labels, targets.shape[1])).clip(1e-7, 1 - 1e-7)
    return np.nan_to_num(-(targets * np.log(probs) + (1 - targets) * np.log1p(-probs)))


def hardest(
    ids: Sequence[str],
    targets: np.ndarray,
    probs: np.ndarray,
    top: int = 20,
    *,
    texts: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
) -> pd.DataFrame:
    """The comments with the highest loss (sum of the binary cross-entropies over the known labels, in nats).

    Args:
        ids: N comment ids.
        targets: (N, L); NaN is unknown.
        probs: (N, L), best recalibrated ones.
        top: So many.
        texts: N texts, for the reader's own screen; without them the table has none. They belong into no file.
        labels: Names of the columns.

    Returns:
        Columns `id`, `loss`, `worst` (the label that costs most), `true` and `probable` (label sets; of the second
        those with at least 0.5), and `text` if texts were given.

    Raises:
        InputError: Shapes do not match.
    """
    targets = as_targets(targets, labels)
    names = label_names(labels, targets.shape[1])
    probs = as_probs(probs, targets.shape, names)
    if len(ids) != len(targets) or (texts is not None and len(texts) != len(targets)):
        raise InputError(f"{len(ids)} ids and {len(targets)} rows of targets; give one id (and text) a row")
    found = losses(targets, probs, labels)
    total = found.sum(axis=1)
    rows = np.argsort(-total, kind="stable")[:top]
    table = pd.DataFrame(
        {
            "id": np.asarray(ids, dtype=object)[rows],
            "loss": total[rows],
            "worst": [names[i] for i in found[rows].argmax(axis=1)],
            "true": label_sets(targets[rows], labels),
            "probable": label_sets(probs[rows] >= 0.5, labels),
        }
    )
    return table if texts is None else table.assign(text=[texts[row] for row in rows])
