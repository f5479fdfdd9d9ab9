"""Steps that mend how a text was encoded: mojibake, HTML entities, invisible characters, combining marks."""

import functools
import html
import html.entities
import re
import unicodedata
from typing import Final, NamedTuple

from toxres.text.edits import Edit

_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]")
_FOREIGN_RUN = re.compile(r"[^\x00-\x7f]+")
_FOREIGN_PAIR = re.compile(r"[^\x00-\x7f]{2}")
_CODECS = ("sloppy-windows-1252", "sloppy-windows-1250", "latin-1")

_ENTITY = re.compile(
    r"&#(5[56]\d{3});&#(5[67]\d{3});"
    r"|&(?:amp;)*(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});(?!=)"
    r"|&(?:amp|lt|gt|quot|nbsp)(?![\w;=])"
)
_ESCAPE = re.compile(r"\\(?:n(?![a-z](?<!h))|\"|u[0-9a-fA-F]{4})")

EMOJI_LIKE: Final = "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
"""Ranges that hold every emoji, for a character class."""

_JOINING = "\u0600-\u109f\u1780-\u18af\ua840-\ua87f\uaa60-\uaa7f"
_IN_EMOJI = EMOJI_LIKE + "\ufe0f\u20e3\U000e0020-\U000e007f"
_INVISIBLE = re.compile(
    "(?P<flag>\U0001f3f4[\U000e0061-\U000e007a\U000e0030-\U000e0039]{2,6}\U000e007f)"
    "|(?P<line>\r\n?|[\x0b\x0c\x85\u2028\u2029])"
    "|(?P<space>[\t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000])"
    "|[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
    f"|\u200d(?!(?<=[{_IN_EMOJI}]\u200d)[{_IN_EMOJI}])(?!(?<=[{_JOINING}]\u200d)[{_JOINING}])"
    f"|\u200c(?!(?<=[{_JOINING}]\u200c)[{_JOINING}])"
    f"|(?<![{_IN_EMOJI}0-9#*])[\ufe0e\ufe0f]|(?<=[0-9#*])[\ufe0e\ufe0f](?!\u20e3)"
)
_ASCII_INVISIBLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")

_OVERLAY = re.compile("[\u0334-\u0338\u20d2\u20d3\u20d8-\u20da\u20e5-\u20eb]")
_STACKABLE = re.compile("[\u0300-\u0333\u0339-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\ufe20-\ufe2f]")
_STACK = re.compile(f"{_OVERLAY.pattern}|{_STACKABLE.pattern}{{2}}")
_MOST_MARKS = 3


def find_mojibake(text: str) -> list[Edit]:
    """Stretches that were decoded with the wrong codec (ftfy; Speer 2019), surrogate pairs, and lone surrogates."""
    if text.isascii():
        return []
    edits = []
    if _SURROGATES.search(text):
        for match in _SURROGATES.finditer(text):
            pair = match.group()
            new = pair.encode("utf-16", "surrogatepass").decode("utf-16") if len(pair) == 2 else "\ufffd"
            edits.append(Edit(*match.span(), new))
        return edits
    if not _FOREIGN_PAIR.search(text):
        return []
    import ftfy
    from ftfy.badness import is_bad

    if not is_bad(text):
        return []
    for match in _FOREIGN_RUN.finditer(text):
        run = match.group()
        fixed = ftfy.fix_encoding(run)
        if fixed == run and len(run) > 1 and "\ufffd" not in run:
            fixed = _redecoded(run)
        if fixed != run:
            edits += _aligned(match.start(), run, fixed)
    return edits


def _redecoded(run: str) -> str:
    """What a run in a damaged text was, where it is no proof of damage by itself but reads as UTF-8 throughout."""
    for codec in _CODECS:
        try:
            return run.encode(codec).decode("utf-8")
        except UnicodeError:
            continue
    return run


def _aligned(start: int, run: str, fixed: str) -> list[Edit]:
    """One edit a character where each comes of as many characters as it has bytes, else one for the run."""
    widths = [len(char.encode("utf-8", "surrogatepass")) for char in fixed]
    if sum(widths) != len(run):
        return [Edit(start, start + len(run), fixed)]
    edits = []
    for char, width in zip(fixed, widths, strict=True):
        edits.append(Edit(start, start + width, char))
        start += width
    return edits


def find_entities(text: str) -> list[Edit]:
    """HTML entities, doubly escaped ones and surrogate pairs of them too; what a backslash escapes in JSON."""
    edits = []
    if "\\" in text:
        edits += (Edit(*match.span(), _unescaped(match.group())) for match in _ESCAPE.finditer(text))
    if "&" not in text:
        return edits
    for match in _ENTITY.finditer(text):
        if match[1]:
            code = 0x10000 + ((int(match[1]) - 0xD800) << 10) + int(match[2]) - 0xDC00
            new = chr(code) if 0x10000 <= code <= 0x10FFFF else "\ufffd\ufffd"
        else:
            new = _entity(match.group())
        if new != match.group():
            edits.append(Edit(*match.span(), new))
    return sorted(edits)


def _unescaped(written: str) -> str:
    return {"n": "\n", '"': '"'}.get(written[1]) or chr(int(written[2:], 16))


def _entity(written: str) -> str:
    name = written[1:].removesuffix(";")
    while name.startswith("amp;"):
        name = name[4:]
    if name.startswith("#"):
        return html.unescape(f"&{name};")
    return html.entities.html5.get(f"{name};", written)


def find_invisible(text: str) -> list[Edit]:
    """Characters without a shape; spaces and line ends of every kind become " " and a newline.

    Joiners stay where a script is written with them (Persian, Indic) and within emoji, as do variation selectors.
    """
    if text.isascii() and not _ASCII_INVISIBLE.search(text):
        return []
    edits = []
    for match in _INVISIBLE.finditer(text):
        kind = match.lastgroup
        if kind != "flag":
            edits.append(Edit(*match.span(), "\n" if kind == "line" else " " if kind == "space" else ""))
    return edits


class _Marks(NamedTuple):
    """Patterns of combining marks: any one; more than a script needs; a character with all that may compose with it."""

    any: re.Pattern
    too_many: re.Pattern
    cluster: re.Pattern


@functools.cache
def _marks() -> _Marks:
    marks = "".join(chr(code) for code in range(0x300, 0x20000) if unicodedata.combining(chr(code)))
    seconds = set(marks)
    for code in range(0xC0, 0x20000):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            seconds.add(chr(int(parts[1], 16)))
    tail = "".join(sorted(seconds)) + "\u1161-\u1175\u11a8-\u11c2"
    return _Marks(
        re.compile(f"[{marks}]"), re.compile(f"(?<=[{marks}]{{8}})[{marks}]+"), re.compile(f"(?s:.)[{tail}]*")
    )


def find_compositions(text: str) -> list[Edit]:
    """Letters with combining marks as one character (NFC); overlays and accents piled on a letter go."""
    if text.isascii():
        return []
    marks = _marks()
    edits: list[Edit] = []
    if marks.any.search(text):
        edits += (Edit(*match.span(), "") for match in marks.too_many.finditer(text))
        if edits:
            return edits
        settled = not _STACK.search(text)
    else:
        settled = True
    if settled and unicodedata.is_normalized("NFC", text):
        return []
    for match in marks.cluster.finditer(text):
        old = match.group()
        if not old.isascii() and (new := _composed(old)) != old:
            edits.append(Edit(*match.span(), new))
    return edits


def _composed(cluster: str) -> str:
    """A character and its marks as one, without overlays, and without what is piled on it beyond any spelling."""
    parts = unicodedata.normalize("NFD", cluster)
    if _OVERLAY.search(parts):
        parts = _OVERLAY.sub("", parts)
    if len(_STACKABLE.findall(parts)) > _MOST_MARKS:
        parts = _STACKABLE.sub("", parts)
    new = unicodedata.normalize("NFC", parts)
    return _STACKABLE.sub("", new) if len(_STACKABLE.findall(new)) > 1 else new
