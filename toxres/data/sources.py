"""Where labelled comments come from, and how each source's own annotation becomes the six labels."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from toxres.data.civil import CIVIL_FILES, load_civil_spans
from toxres.data.civil_comments import FILES as CIVIL_COMMENTS_FILES
from toxres.data.civil_comments import SOURCE as CIVIL_COMMENTS
from toxres.data.civil_comments import load_civil_comments
from toxres.data.loaders import load_balanced, load_davidson, load_jigsaw, load_synthetic
from toxres.data.poleval import load_poleval_source
from toxres.labels import LABELS


@dataclasses.dataclass(frozen=True)
class Source:
    """A source of labelled comments.

    Attributes:
        name: What `--source` calls it.
        title: One line saying what it is.
        group: The register of its comments.
        licence: Of labels and text.
        citation: Whom to cite.
        files: Files it is read from, relative to a data folder.
        mapping: Label to how it is made from the source's own annotation; labels that are missing are unknown.
        notes: What a reader should know about the raw files.
        load: Reads everything in the source: `load(data_dir) -> comments`.
        language: Of its comments.
        beside: Trained on in the last stage too, beside the most important source, as that stage would wash out what
            one before has taught. Its validation fold is never trained on.
    """

    name: str
    title: str
    group: str
    licence: str
    citation: str
    files: tuple[str, ...]
    mapping: Mapping[str, str]
    notes: tuple[str, ...]
    load: Callable[[str | Path | None], pd.DataFrame]
    language: str = "English"
    beside: bool = False

    def mapping_of_all(self) -> dict[str, str]:
        """Each of the six labels to how it is made, "unknown" where the source says nothing about it."""
        return {label: self.mapping.get(label, "unknown") for label in LABELS}


SOURCES: Mapping[str, Source] = {
    source.name: source
    for source in (
        Source(
            "jigsaw",
            "Wikipedia talk page comments of Kaggle's Toxic Comment Classification Challenge (2018)",
            "wikipedia",
            "labels CC0, text CC BY-SA 3.0",
            "cjadams, J. Sorensen, J. Elliott, L. Dixon, M. McDonald, nithum, W. Cukierski: Toxic Comment "
            "Classification Challenge. Kaggle, 2017",
            ("jigsaw/train.csv",),
            {label: f"`{label}` (0 or 1)" for label in LABELS},
            ("test.csv and test_labels.csv, where at hand, are the split `kaggle_test`; rows of all -1 are dropped",),
            load_jigsaw,
        ),
        Source(
            "civil_spans",
            "Posts on news sites (Civil Comments), three or more raters each, with the character spans they marked",
            "news",
            "CC0",
            "J. Pavlopoulos, L. Laugier, A. Xenos, J. Sorensen, I. Androutsopoulos: From the Detection of Toxic Spans "
            "in Online Discussions to the Analysis of Toxic-to-Civil Transfer. ACL 2022",
            CIVIL_FILES,
            {
                "toxic": "1 - share of raters who flagged `not toxic`",
                "obscene": "share of raters with a span `Profane/Obscene`",
                "threat": "share of raters with a span `Threat`",
                "insult": "share of raters with a span `Insult`",
                "identity_hate": "share of raters with a span `Identity based Attack`",
            },
            (
                "the raters' form asked for a span unless both boxes were ticked, `not toxic` and `all toxic` (no "
                "span in particular): both are True in 21,189 of 59,215 annotations and mean that no span was marked, "
                "for nothing was toxic or nothing in particular was; 1,019 more are `not toxic` with a span",
                "every post had been found toxic by at least half of its first raters (on Civil Comments), so a low "
                "`toxic` says implicit or doubtful rather than clean; reading both ticks as unknown, half or toxic "
                "makes a worse auxiliary source for jigsaw",
                "span ends are exclusive, offsets count Unicode characters; of 46,784 spans 94 reach beyond the end of "
                "the text: 76 begin there and are dropped, 18 are cut off there",
                "16,100 posts, 15,934 distinct texts; 14 spans have no type and 3 a truncated one",
            ),
            load_civil_spans,
        ),
        Source(
            CIVIL_COMMENTS,
            "All of Civil Comments: 1.8 million comments on news sites, with shares of raters (train it with --stream)",
            "news",
            "CC0",
            "D. Borkan, L. Dixon, J. Sorensen, N. Thain, L. Vasserman: Nuanced Metrics for Measuring Unintended Bias "
            "with Real Data for Text Classification. WWW 2019",
            CIVIL_COMMENTS_FILES,
            {
                "toxic": "`toxicity`, share of raters",
                "severe_toxic": "`severe_toxicity`, share of raters",
                "obscene": "`obscene`, share of raters",
                "threat": "`threat`, share of raters",
                "insult": "`insult`, share of raters",
                "identity_hate": "`identity_attack`, share of raters",
            },
            (
                "its splits are its own: `test` is fold 0, `validation` fold 1; `sexual_explicit` has no label here",
                "civil_spans and the test posts of SemEval-2021 Task 5 are among its comments; those that stand in an "
                "official test file are dropped before any training",
            ),
            load_civil_comments,
        ),
        Source(
            "davidson",
            "Tweets with words of a hate speech lexicon, three or more raters each",
            "twitter",
            "MIT",
            "T. Davidson, D. Warmsley, M. Macy, I. Weber: Automated Hate Speech Detection and the Problem of Offensive "
            "Language. ICWSM 2017",
            ("davidson/labeled_data.csv",),
            {
                "toxic": "(`hate_speech` + `offensive_language`) / `count`",
                "identity_hate": "`hate_speech` / `count`",
            },
            ("HTML entities (&amp;, &#8220;) stand in a quarter of the tweets and are left as they are",),
            load_davidson,
        ),
        Source(
            "poleval",
            "Polish tweets of PolEval 2019 task 6; a column `tag` says harmless, cyberbullying or hate speech",
            "twitter",
            "BSD-3-Clause",
            "M. Ptaszynski, A. Pieciukiewicz, P. Dybala: Results of the PolEval 2019 Shared Task 6. PolEval 2019",
            (
                "poleval2019/task6-1/training_set_clean_only_text.txt",
                "poleval2019/task6-2/training_set_clean_only_tags.txt",
            ),
            {"toxic": "tag 1 or 2 of task 6-2, which is tag 1 of task 6-1"},
            (
                "the split `test` (fold 0), which `toxres evaluate` takes unless told otherwise, is the official test "
                "file, for final figures only; nothing else reads it, the training file makes folds 1 to 4",
            ),
            load_poleval_source,
            "Polish",
        ),
        Source(
            "synthetic",
            "Comments written by a seeded grammar of this project, with the spans that make each label true",
            "synthetic",
            "MIT",
            "this project",
            (),
            dict.fromkeys(LABELS, "by construction (0 or 1)"),
            ("the one corpus whose reasons are known; templates are disjoint across its splits",),
            load_synthetic,
        ),
        Source(
            "balanced",
            "Comments that say the same, kind or vile, of every group of people, so that no group's name decides",
            "synthetic",
            "MIT",
            "this project",
            (),
            {
                "toxic": "by construction (0 or 1)",
                "threat": "by construction (0 or 1)",
                "insult": "by construction; unknown where a group is abused",
                "identity_hate": "by construction (0 or 1)",
            },
            ("for training beside real comments, never alone; frames are disjoint across its splits",),
            load_balanced,
            beside=True,
        ),
    )
}
"""Every named source."""


def is_beside(name: str) -> bool:
    """Whether `name` is a named source that is trained on beside the most important one (see `Source.beside`)."""
    return name in SOURCES and SOURCES[name].beside
