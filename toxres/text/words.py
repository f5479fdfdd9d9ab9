"""Steps for disguised words, folded where the word is plainly meant: leet speak, starred letters, spaced-out words."""

import functools
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from toxres.text.edits import Edit

_FILE = Path(__file__).resolve().parent / "words.txt"
_TRIPLE = re.compile(r"(.)\1\1")
_ENDINGS = ("s", "es", "ed", "er", "ers", "ing", "in", "y")

_LEET: Final = {
    "0": "o",
    "1": "il",
    "3": "e",
    "4": "a",
    "5": "s",
    "6": "gb",
    "7": "t",
    "8": "b",
    "9": "g",
    "@": "a",
    "$": "s",
    "!": "il",
    "|": "il",
    "\u20ac": "e",
}
"""Signs to the letters they may stand for."""

_STARS = "*#%&\u2022\u25a0\u2588\u2217\u2731"
_MASKS = frozenset(_STARS + "@$?!-_.")
_IN_LEET = frozenset(_LEET)
_BARRIERS = frozenset("#&=<_@/")
_LONGEST = 24

_MAYBE_LEET = re.compile(r"[0-9@$!|\u20ac](?:(?<=[^\W\d_].)|(?=[^\W\d_]))")
_VOWELS = frozenset("aeiouyąęóAEIOUYĄĘÓ")
_NAMES = re.compile(
    r"(?i)mp[34]|ps\d|3d|r2d2|c3po|h\dn\d|k8s|l10n|i18n|covid|win\d|mh\d|p2p|b2b|[345]g|w3|web|md5|y2k|o2"
)
_QUANTITY = re.compile(r"[$\u20ac]?\d+[^\W\d_]{1,2}|[$\u20ac]\w|[^\W\d_]\d+")
_SLOPPY: Final = {"0": "o", "3": "e", "1": "i", "4": "a", "5": "s", "7": "t"}

_MAYBE_STARRED = re.compile(rf"[{re.escape(_STARS)}@$?!\-_.](?<=[^\W\d_].)(?=[^\W\d_]|[{re.escape(_STARS)}@$?!])")
_STARRED = re.compile(
    rf"[^\W\d_]+(?:[{re.escape(_STARS)}@$?!]+[^\W\d_]+|[-_.][^\W\d_]+)*(?:[{re.escape(_STARS)}]{{2,}})?"
)
_MAYBE_SPACED = re.compile(r"[ .\-_*|/][^\W\d_][ .\-_*|/][^\W\d_](?![^\W_])")
_SPACED = re.compile(
    r"[^\W\d_](?<![\w'\u2019].)(?<!\w[-_.*|/].)([ .\-_*|/])[^\W\d_](?:\1[^\W\d_])+(?![\w'\u2019]|[-_.*|/]\w)"
)
_CLUSTERS = re.compile(r"(?i)[^aeiouyąęó]{5}|[aeiouyąęó]{4}")


@functools.cache
def lexicon() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Words that people disguise and words common beside them, each the plainest first."""
    lists: dict[str, list[str]] = {}
    current: list[str] = []
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            current = lists.setdefault(line.strip("[] "), [])
        elif not line.startswith("#"):
            current += line.split()
    plain = [word.rstrip("+") for word in lists["abuse"]]
    ended = [word.rstrip("+") + ending for word in lists["abuse"] if word.endswith("+") for ending in _ENDINGS]
    others = [
        word + ending for ending in ("", "s", "ed", "ing") for word in lists["common"] if not ending or len(word) > 3
    ]
    abuse = [word for word in [*plain, *ended] if not _TRIPLE.search(word)]
    return tuple(dict.fromkeys(abuse)), tuple(dict.fromkeys(word for word in others if not _TRIPLE.search(word)))


@functools.cache
def _by_length(*, common: bool) -> dict[int, str]:
    abuse, others = lexicon()
    table: dict[int, list[str]] = {}
    for word in dict.fromkeys([*abuse, *(others if common else ())]):
        table.setdefault(len(word), []).append(word)
    return {length: "\n".join(words) for length, words in table.items()}


@functools.cache
def known_words() -> frozenset[str]:
    """All words of the lexicon."""
    return frozenset(word for words in lexicon() for word in words)


@functools.cache
def abuse_words() -> frozenset[str]:
    """The words that people disguise, without those common beside them."""
    return frozenset(lexicon()[0])


def _fitting(letters: list[str], *, common: bool, only: bool = False) -> str | None:
    """The first word, or the only one, whose letters are each among those allowed at their place ("" allows any)."""
    words = _by_length(common=common).get(len(letters), "")
    pattern = "".join("." if not allowed else f"[{re.escape(allowed)}]" for allowed in letters)
    fitting = re.findall(f"^{pattern}$", words, re.MULTILINE)
    return fitting[0] if fitting and (len(fitting) == 1 or not only) else None


def _cased(letter: str, word: str) -> str:
    """The letter in the case of the word's own letters: capital only if they all are, and there are two."""
    own = [char for char in word if char.isalpha()]
    return letter.upper() if len(own) > 1 and all(char.isupper() for char in own) else letter


def find_leet(text: str) -> list[Edit]:
    """Digits and signs that stand for letters within a word.

    A word of the lexicon is meant wherever it fits, letter by letter. Elsewhere two signs or more between letters are
    read as vowels in a word of five letters or more, as is a single 0 or 3; names such as `mp3` and `c3po` stay. In a
    text with two such words, and four that have signs beside letters, all of these are read so.
    """
    edits = []
    tokens = [(start, token.rstrip("!|")) for start, token in _tokens(text, _MAYBE_LEET, _IN_LEET)]
    tokens = [(start, token) for start, token in tokens if not token.isalpha()]
    written_so = len(tokens) > 3 and sum(_unleet(token) is not None for _, token in tokens) > 1
    for start, token in tokens:
        word = _unleet(token) or (_read_leet(token) if written_so else None)
        if word:
            edits += [
                Edit(start + at, start + at + 1, _cased(new, token))
                for at, (old, new) in enumerate(zip(token, word, strict=True))
                if old in _LEET
            ]
    return edits


def _tokens(text: str, hint: re.Pattern, inside: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Stretches of letters and the signs `inside` around each hint, that are no part of a code or another token."""
    done = 0
    for match in hint.finditer(text):
        if match.start() < done:
            continue
        start, end = match.span()
        low, high = max(done, start - _LONGEST), min(len(text), end + _LONGEST)
        while start > low and (text[start - 1].isalpha() or text[start - 1] in inside):
            start -= 1
        while end < high and (text[end].isalpha() or text[end] in inside):
            end += 1
        done = end
        before, after = text[start - 1 : start], text[end : end + 1]
        if 1 < end - start <= _LONGEST and before not in _BARRIERS and not (after.isalnum() or before.isalnum()):
            yield start, text[start:end]


@functools.lru_cache(maxsize=1 << 15)
def _unleet(token: str) -> str | None:
    lower = token.lower()
    if len(lower) != len(token) or not any(char.isalpha() for char in token):
        return None
    if not any(char in _LEET for char in token) or not all(char in _LEET or char.isalpha() for char in token):
        return None
    if len(token) < 3 or _QUANTITY.fullmatch(token):
        return None
    signs = sum(char in _LEET for char in token)
    word = _fitting([_LEET.get(char, char) for char in lower], common=signs < len(token) - signs)
    if word:
        return word
    return _sloppy(lower) if _is_sloppy(token) else None


def _read_leet(token: str) -> str | None:
    """A word that is not known, in a text that is written in leet; numbers, quantities, names and mentions stay."""
    lower = token.lower()
    letters = sum(char.isalpha() for char in token)
    if len(lower) != len(token) or len(token) < 3 or not letters or token[0] == "@" or 3 * letters < len(token):
        return None
    if _QUANTITY.fullmatch(token) or _NAMES.search(token) or not all(char in _LEET or char.isalpha() for char in token):
        return None
    word = _fitting([_LEET.get(char, char) for char in lower], common=True)
    if word:
        return word
    read = ""
    for char in lower:
        options = _LEET.get(char, char)
        read += "l" if options == "il" and read[-1:] in _VOWELS and read else options[0]
    return read


def _is_sloppy(token: str) -> bool:
    """Whether a word that no lexicon knows is plainly written in leet: see `find_leet`."""
    digits = re.findall(r"\d+", token)
    letters = len(token) - sum(map(len, digits))
    if len(token) < 5 or not token.isalnum() or not (token[0].isalpha() and token[-1].isalpha()):
        return False
    if not (token.islower() or token.isupper() or token.istitle() or token[1:].islower()):
        return False
    if not all(run in _SLOPPY or run == "00" for run in digits) or letters < 2 * len("".join(digits)):
        return False
    return (len(digits) > 1 or digits[0] in ("0", "3", "00")) and not _NAMES.search(token)


def _sloppy(token: str) -> str:
    return "".join(_SLOPPY.get(char, char) for char in token)


def find_starred(text: str) -> list[Edit]:
    """Words of the lexicon with letters masked by stars and the like: `f*ck`, `sh!t`, `a**hole`, `b*tch`, `f***`.

    Where three masked words and more, and no fewer than the others, can be no abuse, masks do not tell abuse: there
    half of a word must show, and no other of the lexicon may fit.
    """
    edits = []
    found: list[tuple[int, str, str | None]] = []
    for start, token in _tokens(text, _MAYBE_STARRED, _MASKS):
        stripped = token.lstrip("".join(_MASKS - {"*"}))
        start += len(token) - len(stripped)
        token = stripped.rstrip("@$?!-_.")
        if not _STARRED.fullmatch(token) or token.isalpha():
            continue
        found.append((start, token, _unmask(token)))
    harmless = sum(word not in abuse_words() and any(char in _STARS for char in token) for _, token, word in found)
    for start, token, word in found:
        if word is None or (harmless >= max(3, len(found) - harmless) and not _is_plain(token)):
            continue
        if len(word) == len(token):
            edits += [
                Edit(start + at, start + at + 1, _cased(word[at], token))
                for at, char in enumerate(token)
                if char in _MASKS
            ]
        else:
            head = re.match(r"[^\W\d_]+", token).end()
            tail = len(token) - re.search(r"[^\W\d_]+$", token).start()
            hidden = word[head : len(word) - tail]
            edits.append(Edit(start + head, start + len(token) - tail, _cased(hidden, token)))
    return edits


def _is_plain(token: str) -> bool:
    """Whether a masked word can be read wherever it stands: half of it shows, and one word of the lexicon fits."""
    hidden = sum(char in _MASKS for char in token)
    letters = ["" if char in _MASKS else char for char in token.lower()]
    return len(token) > 3 and len(token) >= 2 * hidden and _fitting(letters, common=True, only=True) is not None


@functools.lru_cache(maxsize=1 << 15)
def _unmask(token: str) -> str | None:
    lower = token.lower()
    if len(lower) != len(token):
        return None
    shown = sum(char not in _MASKS for char in token)
    strong = any(char in _STARS for char in token)
    weak = any(char in "-_." for char in token)
    if (weak and (shown < 3 or len(token) - shown > 1)) or shown < (1 if strong and len(token) > 3 else 2):
        return None
    if lower.rstrip(_STARS) in known_words():
        return None
    letters = ["" if char in _MASKS else char for char in lower]
    word = _fitting(letters, common=False)
    if word is None and strong and shown >= max(3, 2 * (len(token) - shown)) and lower[-1].isalpha():
        word = _fitting(letters, common=True, only=True)
    parts = re.fullmatch(rf"([^\W\d_]+)([{re.escape(_STARS)}]{{2,}})([^\W\d_]+)", lower)
    if word is None and parts:
        pattern = f"^{parts[1]}.{{1,{len(parts[2])}}}{parts[3]}$"
        match = re.search(pattern, "\n".join(lexicon()[0]), re.MULTILINE)
        word = match and match.group()
    return word


def find_spaced(text: str) -> list[Edit]:
    """Words written letter by letter (`i d i o t`, `s.t.u.p.i.d`): of the lexicon, or a long one that can be said.

    Initials (`U.S.A.`), lists of letters and single-letter words of a language in a row stay.
    """
    if not _MAYBE_SPACED.search(text):
        return []
    edits = []
    for match in _SPACED.finditer(text):
        letters = match.group()[::2]
        breaks = _breaks(letters) if len(letters) <= 200 else None
        if breaks is None:
            continue
        for at in range(1, len(letters)):
            gap = match.start() + 2 * at - 1
            if at not in breaks:
                edits.append(Edit(gap, gap + 1, ""))
            elif text[gap] != " ":
                edits.append(Edit(gap, gap + 1, " "))
    return edits


@functools.lru_cache(maxsize=4096)
def _breaks(letters: str) -> frozenset[int] | None:
    """Where words begin among letters that are words of the lexicon throughout; none if they are one long word."""
    lower = letters.lower()
    if len(lower) != len(letters):
        return None
    breaks = _split(lower)
    if breaks is not None:
        lengths = _lengths(breaks, len(lower))
        return breaks if max(lengths) >= 3 and lengths.count(1) <= 2 else None
    if len(lower) < 5 or not (letters.islower() or letters.isupper()):
        return None
    alphabetical = sum(ord(after) - ord(before) == 1 for before, after in itertools.pairwise(lower)) > len(lower) // 3
    sayable = set(lower) & _VOWELS and len(set(lower)) > 2 and not _CLUSTERS.search(lower)
    return frozenset() if sayable and not alphabetical else None


def _split(letters: str) -> frozenset[int] | None:
    """The fewest words of the lexicon that make up the letters, as the places where all but the first begin."""
    best: list[tuple[int, frozenset[int]] | None] = [(0, frozenset())]
    for end in range(1, len(letters) + 1):
        options = []
        for start in range(max(0, end - _LONGEST), end):
            before = best[start]
            if before is not None and letters[start:end] in known_words():
                options.append((before[0] + 1, before[1] | ({start} if start else frozenset())))
        best.append(min(options, key=lambda option: option[0]) if options else None)
    return best[-1] and best[-1][1]


def _lengths(breaks: frozenset[int], total: int) -> list[int]:
    edges = [0, *sorted(breaks), total]
    return [after - before for before, after in itertools.pairwise(edges)]
