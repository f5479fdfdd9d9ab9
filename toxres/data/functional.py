"""Suites of written test cases: HateCheck's functional tests and the identity templates of madlibs.

Evaluation only: nothing may be trained, tuned or chosen on either.
"""

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from toxres.data.csvfiles import read_table
from toxres.data.identity_terms import TERMS
from toxres.data.memory import copy_table, fingerprint, remembered
from toxres.data.paths import need_columns, needed, with_origin
from toxres.data.schema import check_rows, make_comments
from toxres.errors import InputError

HATECHECK_FILE: Final = "hatecheck/test_suite_cases.csv"
MADLIBS_FILE: Final = "madlibs/bias_madlibs_77k.csv"


class Functionality(NamedTuple):
    """What a set of HateCheck's cases tests.

    Attributes:
        code: As the file calls it.
        name: In words.
        kind: What it belongs to.
        hateful: The label of its cases.
    """

    code: str
    name: str
    kind: str
    hateful: bool


_ROWS = """
derog_neg_emote_h | strong negative emotions | derogation
derog_neg_attrib_h | negative attributes | derogation
derog_dehum_h | dehumanisation | derogation
derog_impl_h | implicit derogation | derogation
threat_dir_h | direct threat | threat
threat_norm_h | threat as a norm | threat
slur_h | slur | slurs
slur_homonym_nh | homonym of a slur | slurs
slur_reclaimed_nh | reclaimed slur | slurs
profanity_h | hate with profanity | profanity
profanity_nh | profanity without hate | profanity
ref_subs_clause_h | reference in a later clause | reference
ref_subs_sent_h | reference in a later sentence | reference
negate_pos_h | negated positive statement | negation
negate_neg_nh | negated hate | negation
phrase_question_h | hate as a question | phrasing
phrase_opinion_h | hate as an opinion | phrasing
ident_neutral_nh | neutral about an identity | identity
ident_pos_nh | positive about an identity | identity
counter_quote_nh | counter-speech that quotes | counter-speech
counter_ref_nh | counter-speech that refers | counter-speech
target_obj_nh | abuse of objects | other targets
target_indiv_nh | abuse of individuals | other targets
target_group_nh | abuse of other groups | other targets
spell_char_swap_h | swapped characters | spelling
spell_char_del_h | missing characters | spelling
spell_space_del_h | missing spaces | spelling
spell_space_add_h | added spaces | spelling
spell_leet_h | leet speak | spelling
"""

FUNCTIONALITIES: Final[Mapping[str, Functionality]] = {
    code: Functionality(code, name, kind, code.endswith("_h"))
    for code, name, kind in ([cell.strip() for cell in line.split("|")] for line in _ROWS.strip().splitlines())
}
"""HateCheck's 29 functionalities in the paper's order (Roettger et al. 2021, table 1); the names are ours."""


def load_hatecheck(data_dir: str | Path | None = None) -> pd.DataFrame:
    """HateCheck's 3,728 cases. Evaluation only: nothing may be trained, tuned or chosen on them.

    Args:
        data_dir: Folder searched before TOXRES_DATA_DIR, data/raw and data/cache.

    Returns:
        Columns `id`, `text`, `functionality` (a code of `FUNCTIONALITIES`), `hateful` (bool), `target` (the protected
        group; "" for none) and `template` (the id of the template a case was made from, so that cases of one template
        can be resampled together). `attrs` say where they come from.

    Raises:
        InputError: The file is not at hand, or broken.
    """
    path = needed(HATECHECK_FILE, "hatecheck", data_dir)
    return remembered("hatecheck", fingerprint([path]), functools.partial(_read_hatecheck, path), copy=copy_table)


def _read_hatecheck(path: Path) -> pd.DataFrame:
    table = read_table(path)
    need_columns(table, path, ("functionality", "case_id", "test_case", "label_gold", "target_ident", "templ_id"))
    remedy = "fetch the file again: toxres data pull hatecheck"
    unknown = ~table["functionality"].isin(list(FUNCTIONALITIES))
    check_rows(unknown, str(path), "functionality", "is not one of the 29 functionalities", remedy)
    check_rows(table["case_id"].duplicated(), str(path), "case_id", "repeats an earlier id", remedy)
    check_rows(table["test_case"].str.strip() == "", str(path), "test_case", "is empty", remedy)
    wanted = table["functionality"].map(lambda code: "hateful" if FUNCTIONALITIES[code].hateful else "non-hateful")
    check_rows(table["label_gold"] != wanted, str(path), "label_gold", "is not its functionality's label", remedy)
    cases = pd.DataFrame(
        {
            "id": table["case_id"].astype(str),
            "text": table["test_case"],
            "functionality": table["functionality"],
            "hateful": table["label_gold"] == "hateful",
            "target": table["target_ident"].replace({"nan": ""}),
            "template": table["templ_id"].astype(str),
        }
    )
    return with_origin(cases, "hatecheck", [path])


def hatecheck_comments(cases: pd.DataFrame) -> pd.DataFrame:
    """Cases as comments in the schema, as far as a case says something of the six labels.

    A hateful case is `toxic` and `identity_hate`, another one is not `identity_hate`; the rest is unknown.

    Args:
        cases: Of `load_hatecheck`, or some of its rows.

    Returns:
        Comments with the group of people that a case is about as their `group` ("none" where there is none), and a
        column `functionality`.
    """
    hateful = cases["hateful"].to_numpy()
    labels = {"toxic": np.where(hateful, 1.0, np.nan), "identity_hate": hateful.astype(float)}
    groups = cases["target"].replace("", "none").to_numpy()
    comments = make_comments(cases["id"], cases["text"], groups, labels, name="hatecheck")
    return comments.assign(functionality=cases["functionality"].to_numpy())


def load_madlibs(data_dir: str | Path | None = None) -> pd.DataFrame:
    """Madlibs' 76,564 filled templates. Evaluation only: nothing may be trained, tuned or chosen on them.

    Args:
        data_dir: Folder searched before TOXRES_DATA_DIR, data/raw and data/cache.

    Returns:
        In the file's order, columns `id` (row-1, row-2, ...), `text`, `bad` (bool), `template` (its name), `term` (the
        identity term out of `TERMS`; "" where a template is about an occupation) and `frame` (the sentence with a gap
        in the term's place: what all terms share). `attrs` say where they come from.

    Raises:
        InputError: The file is not at hand, or broken.
    """
    path = needed(MADLIBS_FILE, "madlibs", data_dir)
    return remembered("madlibs", fingerprint([path]), functools.partial(_read_madlibs, path), copy=copy_table)


_NO_TERM: Final = ("you_occupation",)
"""Templates that are filled with an occupation in place of an identity term."""


def _read_madlibs(path: Path) -> pd.DataFrame:
    table = read_table(path)
    need_columns(table, path, ("Text", "Label", "Template"))
    remedy = "fetch the file again: toxres data pull madlibs"
    check_rows(~table["Label"].isin(["BAD", "NOT_BAD"]), str(path), "Label", "is neither BAD nor NOT_BAD", remedy)
    check_rows(table["Text"].str.strip() == "", str(path), "Text", "is empty", remedy)
    terms, frames = [], []
    for text, template in zip(table["Text"], table["Template"], strict=True):
        term, frame = ("", text) if template in _NO_TERM else _split(text)
        terms.append(term)
        frames.append(frame)
    check_rows([term is None for term in terms], str(path), "Text", "holds no identity term of the list", remedy)
    sentences = pd.DataFrame(
        {
            "id": [f"row-{number}" for number in range(1, len(table) + 1)],
            "text": table["Text"],
            "bad": table["Label"] == "BAD",
            "template": table["Template"],
            "term": terms,
            "frame": frames,
        }
    )
    if sentences["bad"].all() or not sentences["bad"].any():
        raise InputError(f"{path}: all sentences have one label; {remedy}")
    return with_origin(sentences, "madlibs", [path])


def _split(text: str) -> tuple[str | None, str]:
    """The term a sentence was filled with, and the sentence with a gap in its place."""
    lower = text.lower()
    match = _term_pattern().search(lower)
    if match is None:
        return None, text
    return match.group(), f"{lower[: match.start()]}_{lower[match.end() :]}"


@functools.cache
def _term_pattern() -> re.Pattern[str]:
    """Any term as whole words; of two that begin at the same place the longer."""
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(TERMS, key=len, reverse=True)))})(?!\w)")
