"""What is in each source, in numbers: counts, lengths, raters, vocabulary. No text of a data set comes out of here."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from toxres.data.csvfiles import read_table
from toxres.data.duplicates import clusters, normalise_for_duplicates
from toxres.data.loading import available, load_comments
from toxres.data.paths import how_to_get, resolve
from toxres.data.schema import targets
from toxres.data.sources import SOURCES
from toxres.labels import LABELS

LENGTHS = (16, 32, 64, 96, 128, 192, 256, 384, 512)
"""Lengths, in tokens, at which `truncation` cuts."""

TRAINING_FOLDS = (2, 3, 4)

ENGLISH = tuple(
    name
    for name, source in SOURCES.items()
    if source.language == "English" and name not in ("balanced", "civil_comments")
)
"""The sources that are looked at side by side; the balanced comments show nothing but how they were balanced, and
`civil_comments` is too large to be looked at as a whole."""

_SPECIAL_TOKENS, _EXAMPLE_LENGTH = 2, 120


def sources_at_hand() -> dict[str, pd.DataFrame]:
    """Every English source that can be loaded here, whole (comments of official tests too), by name.

    The synthetic corpus is split by templates; its duplicate clusters are looked for here as the others' were.
    """
    sources = {name: load_comments(name, keep_official=True) for name in ENGLISH if available(name)}
    written = sources["synthetic"]
    written["cluster"] = clusters(written["id"].tolist(), written["text"].tolist())
    return sources


def missing_sources() -> str:
    """One line for each English source that is not at hand, saying how to get it; "" if none is missing."""
    return "\n".join(f"{name} is not at hand: {how_to_get(name)}" for name in ENGLISH if not available(name))


def name_sources(sources: Mapping[str, pd.DataFrame]) -> str:
    """What stands under a title: "jigsaw 5,861, davidson 24,783 comments"."""
    counts = ", ".join(f"{name} {len(comments):,}" for name, comments in sources.items())
    return f"{counts} comments" if counts else "no source at hand"


def overview(sources: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row a source: its comments, groups, how many of the labels it knows, and how its targets were given."""
    rows = {}
    for name, comments in sources.items():
        values = targets(comments)
        is_soft = ((values > 0) & (values < 1)).any()
        rows[name] = {
            "comments": len(comments),
            "groups": ", ".join(sorted(set(comments["group"]))),
            "known labels": int((~np.isnan(values)).any(axis=0).sum()),
            "targets": "shares of raters" if is_soft else "0 or 1",
            "with spans": int((comments["spans"].str.len() > 0).sum()) if "spans" in comments else 0,
            "any label": (np.nan_to_num(values) >= 0.5).any(axis=1).mean(),
            "licence": SOURCES[name].licence,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def mapping_table(names: Iterable[str] = ENGLISH) -> pd.DataFrame:
    """How each source's own annotation becomes the six labels: a row a label, a column a source."""
    return pd.DataFrame({name: SOURCES[name].mapping_of_all() for name in names}, index=list(LABELS))


def prevalence(sources: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Share of positives (at least 0.5) among known targets: a row a label, a column a source; NaN unknown."""
    columns = {}
    for name, comments in sources.items():
        values = targets(comments)
        known = ~np.isnan(values)
        positives = (np.nan_to_num(values) >= 0.5).sum(axis=0)
        columns[name] = np.where(known.any(axis=0), positives / np.maximum(known.sum(axis=0), 1), np.nan)
    return pd.DataFrame(columns, index=list(LABELS))


def by_group(sources: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Comments by group. Where real comments are at hand the synthetic corpus is one group, else its registers are."""
    real = {name: comments for name, comments in sources.items() if name != "synthetic"}
    groups = {}
    for comments in real.values() or sources.values():
        groups |= {str(group): part for group, part in comments.groupby("group", sort=True)}
    return groups | ({"synthetic": sources["synthetic"]} if real and "synthetic" in sources else {})


def example_table(comments: pd.DataFrame) -> pd.DataFrame:
    """The shortest synthetic comment of each hard case, none above 120 characters, with labels and marked phrases."""
    lengths = comments["text"].str.len()
    order = lengths[lengths <= _EXAMPLE_LENGTH].sort_values(kind="stable").index
    chosen = comments.loc[order].groupby("case").head(1).sort_values("case")
    rows = [
        {
            "comment": comment["text"],
            "labels": ", ".join(label for label in LABELS if comment[label] >= 0.5) or "none",
            "marked": " | ".join(dict.fromkeys(comment["text"][start:end] for start, end, _ in comment["spans"])),
        }
        for _, comment in chosen.iterrows()
    ]
    return pd.DataFrame(rows, index=[case or "plain" for case in chosen["case"]])


def with_lengths(comments: pd.DataFrame, tokenizer) -> pd.DataFrame:
    """The comments with two columns more, `words` (as white space divides them) and `tokens` (see `token_counts`)."""
    texts = comments["text"].tolist()
    words = np.array([len(text.split()) for text in texts], dtype=np.int64)
    return comments.assign(words=words, tokens=token_counts(texts, tokenizer))


def token_counts(texts: Sequence[str], tokenizer) -> np.ndarray:
    """Tokens of each text (N,), special tokens included, nothing cut off.

    Args:
        texts: N comments.
        tokenizer: A fast tokenizer of transformers.
    """
    return np.array([len(encoded) for encoded in _whole(tokenizer).encode_batch_fast(list(texts))], dtype=np.int64)


def truncation(tokens: np.ndarray, lengths: Sequence[int] = LENGTHS) -> pd.DataFrame:
    """What is lost if comments are cut off at a length: shares of `comments` cut and of `tokens` lost, a row a length.

    Args:
        tokens: (N,) tokens of each comment.
        lengths: Where to cut.
    """
    lost = np.maximum(np.asarray(tokens)[:, None] - np.asarray(lengths), 0)
    table = {"comments": (lost > 0).mean(axis=0), "tokens": lost.sum(axis=0) / max(np.sum(tokens), 1)}
    return pd.DataFrame(table, index=pd.Index(lengths, name="length"))


def spans_cut_off(comments: pd.DataFrame, tokenizer, max_length: int) -> pd.DataFrame:
    """Spans that begin where the model no longer reads: a row a label, with `spans` and the share `cut off`.

    Args:
        comments: With a column `spans`; without one the table has no rows.
        tokenizer: A fast tokenizer of transformers.
        max_length: Tokens a comment is cut off at, special tokens included.
    """
    marked = comments["spans"].tolist() if "spans" in comments else []
    encoded = _whole(tokenizer).encode_batch(comments["text"].tolist()) if marked else []
    rows = []
    for spans, encoding in zip(marked, encoded, strict=True):
        offsets = [pair for pair in encoding.offsets if pair[1] > pair[0]]
        seen = max_length - _SPECIAL_TOKENS
        end = offsets[seen - 1][1] if len(offsets) > seen else float("inf")
        rows += [(label, start >= end) for start, _, label in spans]
    grouped = pd.DataFrame(rows, columns=["label", "cut"]).astype({"cut": float}).groupby("label")["cut"]
    table = pd.DataFrame({"spans": grouped.size(), "cut off": grouped.mean()})
    return table.reindex([label for label in LABELS if label in table.index])


def _whole(tokenizer):
    """The tokenizer's own engine, set to neither cut off nor pad; it is a copy."""
    engine = type(tokenizer.backend_tokenizer).from_str(tokenizer.backend_tokenizer.to_str())
    engine.no_truncation()
    engine.no_padding()
    return engine


def rater_counts(source: str) -> pd.Series:
    """Raters of each comment by id; empty where a source does not say, or is not at hand."""
    files = {"civil_spans": "toxic_spans/annotations.csv", "davidson": "davidson/labeled_data.csv"}
    path = resolve(files[source]) if source in files else None
    if path is None:
        return pd.Series(dtype=int)
    table = read_table(path)
    if source == "civil_spans":
        return table.groupby("comment_id").size()
    return table.set_index(table.columns[0])["count"].astype(int)


def krippendorff_alpha(positives: np.ndarray, raters: np.ndarray) -> float:
    """Krippendorff's alpha of yes/no ratings with any number of raters a comment: 1 is agreement, 0 is chance.

    "Computing Krippendorff's Alpha-Reliability" (2011), nominal data. Comments with one rater are left out.

    Args:
        positives: (N,) raters who said yes.
        raters: (N,) raters.

    Returns:
        NaN where nobody, or everybody, ever said yes.
    """
    positives, raters = (np.asarray(values, dtype=float) for values in (positives, raters))
    positives, raters = positives[raters > 1], raters[raters > 1]
    total, said = raters.sum(), positives.sum()
    if not 0 < said < total:
        return float("nan")
    observed = (2 * positives * (raters - positives) / (raters - 1)).sum() / total
    return float(1 - observed / (2 * said * (total - said) / (total * (total - 1))))


def agreement(sources: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """How often raters agree: a row for each source and label whose raters are known, none where no source says."""
    columns = ["source", "label", "raters", "no rater", "they differ", "every rater", "majority, if any", "alpha"]
    rows = []
    for name, comments in sources.items():
        counts = rater_counts(name)
        if counts.empty:
            continue
        raters = counts.reindex(comments["id"]).to_numpy()
        for label in LABELS:
            share = comments[label].to_numpy(dtype=float)
            if np.isnan(share).all():
                continue
            split = (share > 0) & (share < 1)
            alpha = krippendorff_alpha(np.round(share * raters), raters)
            shares = [(share == 0).mean(), split.mean(), (share == 1).mean(), (share[share > 0] >= 0.5).mean()]
            rows.append([name, label, int(np.median(raters)), *shares, alpha])
    return pd.DataFrame(rows, columns=columns)


def group_profile(groups: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row a group: how long and how it writes.

    Args:
        groups: Comments by group, with the columns `words` and `tokens` of `with_lengths`.
    """
    rows = {}
    for name, comments in groups.items():
        text = "".join(comments["text"])
        rows[name] = {
            "comments": len(comments),
            "median words": float(comments["words"].median()),
            "median tokens": float(comments["tokens"].median()),
            "tokens per word": comments["tokens"].sum() / comments["words"].sum(),
            "capital letters": sum(map(str.isupper, text)) / max(sum(map(str.isalpha, text)), 1),
            "with a link": comments["text"].str.contains(r"https?://|www\.", case=False).mean(),
            "with a mention": comments["text"].str.contains(r"(?<!\w)@\w").mean(),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def vocabulary_shares(groups: Mapping[str, pd.DataFrame], seed: int = 0) -> pd.DataFrame:
    """Share of the running words of one group (row) that stand in the vocabulary of another one (column).

    Each vocabulary is that of the same number of running words, drawn from the training folds (2 to 4); what is read
    are the same number of words of the others, so that the diagonal is a group's own new comments. Links, mentions,
    case and punctuation are taken out first. `attrs["words"]` is that number.
    """
    random = np.random.default_rng(seed)
    learnt, read = {}, {}
    for name, comments in groups.items():
        comments = comments.iloc[random.permutation(len(comments))]
        is_training = comments["fold"].isin(TRAINING_FOLDS)
        learnt[name] = _words(comments.loc[is_training, "text"])
        read[name] = _words(comments.loc[comments["fold"].isin((0, 1)), "text"])
    size = min(len(words) for words in [*learnt.values(), *read.values()])
    known = {name: set(words[:size]) for name, words in learnt.items()}
    table = pd.DataFrame(
        {
            column: {row: float(np.mean([word in vocabulary for word in read[row][:size]])) for row in groups}
            for column, vocabulary in known.items()
        }
    )
    table.attrs["words"] = size
    return table


def _words(texts: Iterable[str]) -> list[str]:
    return [word for text in texts for word in normalise_for_duplicates(text).split()]
