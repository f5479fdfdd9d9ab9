"""The step for letters that stand for others: styled ones (bold, circled, full width), look-alikes of other scripts."""

import functools
import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from toxres.text.edits import Edit
from toxres.text.words import known_words

_STYLED_RANGES: Final = (
    (0xFF01, 0xFF5E),
    (0x1D400, 0x1D7FF),
    (0x2460, 0x2468),
    (0x24B6, 0x24E9),
    (0xFB00, 0xFB06),
    (0x2160, 0x2188),
    (0x210A, 0x2138),
    (0x1F130, 0x1F149),
)
"""Where letters and digits in some style stand: full width, mathematical, circled, ligatures, numerals, letter-like."""

_MARKS: Final = {"\u2026": "...", "\u203c": "!!", "\u2047": "??", "\u2048": "?!", "\u2049": "!?", "\u2757": "!"}
_MARKS_TOO: Final = {"\u2753": "?", "\u2754": "?", "\u2755": "!"}
_NOT_STYLED = frozenset("\u2122\u2120\u2116\u2139\u2129\u24c2")
_SMALL_CAPITALS: Final = dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘǫʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnopqrstuvwyz", strict=True))
_SQUARED_OFFSETS: Final = ((0x1F150, 0x1F169), (0x1F170, 0x1F189))

_NEARLY: Final = dict(zip("кКтмвнαεκτηωυιКТΑΕ", "kKtmbhaektnwuiKTAE", strict=True))
"""Letters that are taken for Latin ones although the Unicode table of confusables does not pair them."""

_TO_CYRILLIC: Final = dict(zip("aeocpxyikABEKMHOPCTXYI", "аеосрхуікАВЕКМНОРСТХУІ", strict=True))
_TO_GREEK: Final = dict(zip("ovaipABEZHIKMNOPTYX", "οναιρΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", strict=True))

_FROM_LATIN: Final = frozenset(_TO_CYRILLIC) | frozenset(_TO_GREEK)

_LATIN = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
_FOREIGN = "\u0370-\u03ff\u0400-\u052f\u0531-\u0587\u13a0-\u13ff\u2c80-\u2cff\ua4d0-\ua4ff"
_MIXED = re.compile(f"[{_LATIN}][{_FOREIGN}]|[{_FOREIGN}][{_LATIN}]")
_WORD = re.compile(r"[^\W\d_]+")
_IS_LATIN = re.compile(f"[{_LATIN}]")
_IS_FOREIGN = re.compile(f"[{_FOREIGN}]")
_REGIONAL = re.compile("[\U0001f1e6-\U0001f1ff]+")
_SQUARED = re.compile(r"(?:[\U0001f150-\U0001f169\U0001f170-\U0001f189\u24c2]\ufe0f?)+")
_KEYCAP = re.compile("([0-9])\ufe0f?\u20e3")
_SMALL = re.compile(f"[{''.join(_SMALL_CAPITALS)}]")
_RAISED = re.compile("[\u1d2c-\u1d6a\u2071\u207f\u2090-\u209c\u02b0-\u02b8\u02e1-\u02e3]{3,}")
_CANDIDATE = re.compile(
    "[\u2026\u203c\u2047-\u2049\u20e3\u210a-\u2138\u2160-\u2188\u2460-\u24e9\u2753-\u2757\ufb00-\ufb06\uff01-\uff5e"
    "\U0001d400-\U0001d7ff\U0001f130-\U0001f1ff]"
)


@functools.cache
def _styled() -> tuple[re.Pattern, dict[str, str]]:
    table = {**_MARKS, **_MARKS_TOO}
    for first, last in _STYLED_RANGES:
        for code in range(first, last + 1):
            plain = unicodedata.normalize("NFKC", chr(code))
            if chr(code) not in _NOT_STYLED and plain != chr(code) and (plain.isalnum() or first == 0xFF01):
                table[chr(code)] = plain
    return re.compile(f"(?:[{''.join(map(re.escape, table))}])\ufe0f?"), table


@functools.cache
def _to_latin() -> dict[str, str]:
    """Letters of other scripts to the ASCII letter, of the same case if there is one, that they are taken for."""
    from confusable_homoglyphs.confusables import confusables_data

    table = {}
    for code in [*range(0x370, 0x588), *range(0x13A0, 0x1400), *range(0x2C80, 0x2D00), *range(0xA4D0, 0xA500)]:
        char = chr(code)
        twins = [item["c"] for item in confusables_data.get(char, ())]
        plain = [twin for twin in twins if len(twin) == 1 and twin.isascii() and twin.isalpha()]
        if char.isalpha() and plain:
            table[char] = next((twin for twin in plain if twin.isupper() == char.isupper()), plain[0])
    return {**table, **_NEARLY}


def find_lookalikes(text: str) -> list[Edit]:
    """Letters that stand for others, where the word they stand in is plainly of one script.

    Styled letters become plain ones. In a word of two scripts the letters of one are folded onto the other if only that
    one has letters that could not be the other's; a word of one script, and one that both scripts claim, stays, unless
    a plainly Latin word of the text is disguised and no word is plainly of the other script.
    Keycaps and squared letters that spell a word, and small capitals, become letters too; flags stay flags.
    """
    if text.isascii():
        return []
    edits: list[Edit] = []
    if _CANDIDATE.search(text):
        pattern, table = _styled()
        edits += (Edit(*match.span(), table[match.group()[0]]) for match in pattern.finditer(text))
        edits += (Edit(*match.span(), match[1]) for match in _KEYCAP.finditer(text))
        edits += _squared(text)
        edits += _flags_that_spell(text)
    edits += (
        Edit(*match.span(), unicodedata.normalize("NFKC", match.group()))
        for match in _RAISED.finditer(text)
        if len(unicodedata.normalize("NFKC", match.group())) == len(match.group())
        and unicodedata.normalize("NFKC", match.group()) != match.group()
    )
    if (_IS_FOREIGN.search(text) and _MIXED.search(text)) or _SMALL.search(text):
        words = [match for match in _WORD.finditer(text) if not match.group().isascii()]
        disguised = _is_disguised(match.group() for match in words)
        for match in words:
            edits += _folded(match, disguised)
    edits.sort()
    return [edit for at, edit in enumerate(edits) if at == 0 or edit.start >= edits[at - 1].end]


def _is_disguised(words: Iterable[str]) -> bool:
    """Whether a word that is plainly Latin holds letters of another script, and no word is plainly of another script.

    In such a text a word that could be of either script is meant to be Latin.
    """
    table, disguised = _to_latin(), False
    for word in words:
        foreign = _IS_FOREIGN.findall(word)
        if any(char not in table for char in foreign):
            return False
        disguised |= bool(foreign) and any(char not in _FROM_LATIN for char in _IS_LATIN.findall(word))
    return disguised


def _folded(match: re.Match, disguised: bool) -> list[Edit]:
    """Edits of a word that is not ASCII throughout; `disguised` as `_is_disguised` says of its text."""
    word, start = match.group(), match.start()
    if len(_SMALL.findall(word)) >= 2 and all(char in _SMALL_CAPITALS or char.isascii() for char in word):
        return _by_table(word, start, _SMALL_CAPITALS)
    latin = _IS_LATIN.findall(word)
    foreign = _IS_FOREIGN.findall(word)
    if not foreign or len(latin) + len(foreign) < len(word):
        return []
    table = _to_latin()
    if disguised:
        return _by_table(word, start, table)
    if not latin:
        return []
    if len(word) == 2 and "".join(table.get(char, char) for char in word).lower() not in known_words():
        return []
    back = _TO_GREEK if all("\u0370" <= char <= "\u03ff" for char in foreign) else _TO_CYRILLIC
    plainly_latin = any(char not in back for char in latin)
    plainly_foreign = any(char not in table for char in foreign)
    if plainly_latin and plainly_foreign:
        return []
    if plainly_foreign or (not plainly_latin and len(foreign) > len(latin)):
        return _by_table(word, start, back)
    return _by_table(word, start, table)


def _by_table(word: str, start: int, table: dict[str, str]) -> list[Edit]:
    return [Edit(start + at, start + at + 1, table[char]) for at, char in enumerate(word) if char in table]


def _letter(char: str) -> str:
    for first, last in _SQUARED_OFFSETS:
        if first <= ord(char) <= last and ord(char) - first < 26:
            return chr(ord("A") + ord(char) - first)
    return "M" if char == "\u24c2" else char


def _squared(text: str) -> list[Edit]:
    """White letters on dark squares and circles; some are emoji, so only those that touch a letter."""
    edits = []
    for match in _SQUARED.finditer(text):
        start, end = match.span()
        beside = text[max(start - 1, 0) : start] + text[end : end + 1]
        letters = [item for item in enumerate(match.group(), start) if item[1] != "\ufe0f"]
        if len(letters) > 1 or any(char.isalpha() or "\u24b6" <= char <= "\u24e9" for char in beside):
            for at, char in letters:
                stop = at + 1 + (text[at + 1 : at + 2] == "\ufe0f")
                if _letter(char) != char:
                    edits.append(Edit(at, stop, _letter(char)))
    return edits


def _flags_that_spell(text: str) -> list[Edit]:
    """Regional indicators that are not flags throughout: their letters."""
    edits = []
    for match in _REGIONAL.finditer(text):
        run = match.group()
        if not _are_flags(run):
            edits += [
                Edit(at, at + 1, chr(ord("A") + ord(char) - 0x1F1E6)) for at, char in enumerate(run, match.start())
            ]
    return edits


def _are_flags(run: str) -> bool:
    import emoji

    return len(run) % 2 == 0 and all(run[at : at + 2] in emoji.EMOJI_DATA for at in range(0, len(run), 2))
