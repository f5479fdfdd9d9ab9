"""Steps that put a token for what no model can learn by heart: links, e-mail addresses, mentions, numbers."""

import bisect
import re

from toxres.text.edits import Edit, token_edits

_PLAIN_DOMAINS = (
    "com|org|net|edu|gov|info|biz|onion|pl|de|fr|ru|eu|uk|es|nl|cz|se|dk|fi|ch|jp|cn|br|au|ca|ua|sk|hu|gr|ie|nz|pt"
)
_DOMAINS_WITH_PATH = f"{_PLAIN_DOMAINS}|ly|co|io|me|tv|gl|gd|be|it|us|to|cc|app|dev|page|link|xyz|club|site|online|blog"
_PATH = r"[^\s<>\"|\]}\U0001f000-\U0001faff]"
_SCHEME = re.compile(rf"(?i)(?:(?:https?|ftps?)://|(?<![^\W_])(?:www\d?\.(?=\w)|ircs?://)){_PATH}*")
_BARE = re.compile(
    rf"(?i)[^\W_](?<![\w@.-].)[\w-]{{0,62}}\.(?:[^\W_][\w-]{{0,62}}\.){{0,5}}"
    rf"(?:(?:{_DOMAINS_WITH_PATH})/{_PATH}*|(?:{_PLAIN_DOMAINS})(?![\w@-]|\.\w))"
)
_DOT_DOMAIN = re.compile(rf"(?i)\.(?:{_DOMAINS_WITH_PATH})\b")
_EMAIL = re.compile(
    r"(?i)(?:mailto:)?(?<![\w.+%-])[\w+%-][\w.+%-]{0,63}@[^\W_][\w-]{0,62}(?:\.[\w-]{1,63}){0,8}\.[a-z]{2,24}(?![\w@])"
)
_MENTION = re.compile(
    r"@(?<![\w@.+/-]@)(?!\d+(?:[ap]m)?\b)\w+"
    r"|/u/(?<![\w/]/u/)[A-Za-z][\w-]{2,19}\b|u/(?<![\w/]u/)[A-Za-z][\w-]{2,19}\b"
)
_NUMBER = re.compile(r"(?<!\w)(?<!\d[.,:/-])(?:\d{1,3}(?: \d{3}(?!\d))++(?:[.,]\d++)?+|\d++(?:[.,:/-]\d++)*+)(?!\w)")
_DIGIT = re.compile(r"\d")

_CODES = frozenset(
    {"88", "14/88", "1488", "14-88", "18", "1312", "13/50", "13/52", "13/90", "9/11", "911", "666", "69"}
)
"""Numbers that are said for what they mean, in hate above all; they stay as they are."""


def find_links(text: str) -> list[Edit]:
    """Addresses of pages, with a scheme, with "www." or bare; punctuation after them stays."""
    found = []
    if "://" in text or "www" in text or "WWW" in text or "Www" in text:
        found = [_trimmed(match) for match in _SCHEME.finditer(text)]
    if _DOT_DOMAIN.search(text):
        taken = found
        found = list(taken)
        for match in _BARE.finditer(text):
            span = _trimmed(match)
            if not _overlaps(taken, span):
                found.append(span)
        found.sort()
    return token_edits(text, ((start, end, "<url>") for start, end in found))


def _trimmed(match: re.Match) -> tuple[int, int]:
    """The span of a link without the punctuation that ends a clause, or a bracket opened before the link."""
    link = match.group()
    end = len(link)
    unopened = link.count(")") - link.count("(")
    while end > 1 and (link[end - 1] in ".,;:!?'*_~\u2026\u201d\u2019" or (link[end - 1] == ")" and unopened > 0)):
        unopened -= link[end - 1] == ")"
        end -= 1
    return match.start(), match.start() + end


def _overlaps(taken: list[tuple[int, int]], span: tuple[int, int]) -> bool:
    at = bisect.bisect_left(taken, span)
    return any(start < span[1] and span[0] < end for start, end in taken[max(at - 1, 0) : at + 1])


def find_emails(text: str) -> list[Edit]:
    """E-mail addresses."""
    if "@" not in text:
        return []
    return token_edits(text, ((*match.span(), "<email>") for match in _EMAIL.finditer(text)))


def find_mentions(text: str) -> list[Edit]:
    """Users addressed as @name, /u/name or u/name; `@10am` is none."""
    if "@" not in text and "u/" not in text:
        return []
    return token_edits(text, ((*match.span(), "<mention>") for match in _MENTION.finditer(text)))


def find_numbers(text: str) -> list[Edit]:
    """Numbers that stand alone, dates, times, prices and versions as one; those within a word (`h2o`, `4u`) stay."""
    if not _DIGIT.search(text):
        return []
    found = ((*match.span(), "<number>") for match in _NUMBER.finditer(text) if match.group() not in _CODES)
    return token_edits(text, found)
