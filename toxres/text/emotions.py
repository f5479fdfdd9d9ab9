"""Steps for emoji and emoticons: the token of the emotion they carry, then what they are called."""

import csv
import functools
import json
import re
import unicodedata
from pathlib import Path
from string import ascii_letters, digits
from typing import Final, NamedTuple

from toxres.text.edits import Edit, token_edits
from toxres.text.encoding import EMOJI_LIKE

EMOTIONS: Final = (
    "joy",
    "laughter",
    "love",
    "playfulness",
    "approval",
    "sadness",
    "anger",
    "fear",
    "surprise",
    "disgust",
    "contempt",
    "embarrassment",
)
"""Emotions that emoji and emoticons are mapped onto: Ekman's six and what else people use them for."""

_FOLDER = Path(__file__).resolve().parent

_MAYBE = re.compile(f"[{EMOJI_LIKE}\u20e3]")
_RUN = re.compile(f"(?:[#*0-9]\ufe0f?\u20e3|[{EMOJI_LIKE}\u200d\ufe0e\ufe0f\u20e3\U000e0020-\U000e007f])+")
_LEFT_OVER = re.compile("[\u200d\ufe0e\ufe0f\u20e3\U000e0020-\U000e007f]+")
_PLAIN = frozenset("\u00a9\u00ae\u2122")
_SKIN = re.compile("_(?:medium-)?(?:light|dark|medium)_skin_tone")
_PERSON = re.compile("^(?:man|woman|person|men|women|people)_(?=[a-z])")


class Emoticon(NamedTuple):
    """What an emoticon stands for: `emotion` out of `EMOTIONS`, "" for none, and its `name`."""

    emotion: str
    name: str


_MOUTHS: Final = {
    ")": Emoticon("joy", "smiling face"),
    "]": Emoticon("joy", "smiling face"),
    "}": Emoticon("joy", "smiling face"),
    ">": Emoticon("joy", "smiling face"),
    "D": Emoticon("laughter", "laughing face"),
    "(": Emoticon("sadness", "sad face"),
    "[": Emoticon("sadness", "sad face"),
    "{": Emoticon("sadness", "sad face"),
    "<": Emoticon("sadness", "sad face"),
    "c": Emoticon("sadness", "sad face"),
    "C": Emoticon("sadness", "sad face"),
    "P": Emoticon("playfulness", "face with tongue"),
    "p": Emoticon("playfulness", "face with tongue"),
    "b": Emoticon("playfulness", "face with tongue"),
    "O": Emoticon("surprise", "face with open mouth"),
    "o": Emoticon("surprise", "face with open mouth"),
    "0": Emoticon("surprise", "face with open mouth"),
    "*": Emoticon("love", "kissing face"),
    "x": Emoticon("embarrassment", "zipper mouth face"),
    "X": Emoticon("embarrassment", "zipper mouth face"),
    "/": Emoticon("contempt", "skeptical face"),
    "\\": Emoticon("contempt", "skeptical face"),
    "|": Emoticon("", "neutral face"),
    "S": Emoticon("surprise", "confused face"),
    "s": Emoticon("surprise", "confused face"),
}

_WESTERN = re.compile(
    r"(?:(?<![a-z])(?P<brow>>))?(?P<eyes>[:;=])(?P<tear>['\u2019])?(?P<nose>[-^~o])?"
    r"(?:(?P<mouth>\)+|\(+|\]+|\[+|\}+|\{+|D+|\*+)|(?P<rare>[<>cCPpbOo0xX/\\|Ss]))"
)
_FACE = re.compile(r"[:;=]['\u2019]?[-^~o]?[()\[\]{}<>DcCPpbOo0*xX/\\|Ss]")
_HEART = re.compile(r"<(?<!\d<)(?<!\d <)(?:3+(?![\d.,%]*\d|\w)|[/\\]3+(?!\w))")
_LAUGHING = re.compile(r"[xX](?<!\w[xX])['-]?(?:D+|d+)(?!\w)")
_REVERSED = re.compile(r"\((?<![\w)\]:;=]\()[-^o]?[:=](?![\w)(\]'-])")


@functools.cache
def _emotion_of() -> dict[str, str]:
    """Emotion by the emoji's name in the `emoji` package, without skin tone and gender."""
    table = json.loads((_FOLDER / "emotions.json").read_text(encoding="utf-8"))
    return {name: emotion for emotion, names in table.items() for name in names.split()}


@functools.lru_cache(maxsize=8192)
def _described(symbol: str) -> str:
    import emoji

    name = _SKIN.sub("", emoji.EMOJI_DATA[symbol]["en"].strip(":"))
    emotion = _emotion_of().get(name) or _emotion_of().get(_PERSON.sub("", name)) or "emoji"
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return f"<{emotion}> {' '.join(re.findall('[a-z]+', letters))}".rstrip()


def find_emoji(text: str) -> list[Edit]:
    """Emoji; one that comes again in a row of them counts once, skin tones and stray parts of emoji are dropped."""
    if text.isascii() or not _MAYBE.search(text):
        return []
    found: list[tuple[int, int, str]] = []
    for run in _RUN.finditer(text):
        seen: set[str] = set()
        for start, end, symbol in _symbols(run.group()):
            start, end = start + run.start(), end + run.start()
            if symbol is None:
                found.append((start, end, ""))
            elif symbol in seen and found[-1][1] == start:
                found[-1] = (found[-1][0], end, found[-1][2])
            else:
                found.append((start, end, _described(symbol)))
                seen.add(symbol)
    return _spaced_out(text, found)


def _spaced_out(text: str, found: list[tuple[int, int, str]]) -> list[Edit]:
    named = [item for item in found if item[2]]
    dropped = [Edit(start, end, "") for start, end, token in found if not token]
    return sorted([*token_edits(text, named), *dropped]) if dropped else token_edits(text, named)


def _symbols(run: str) -> list[tuple[int, int, str | None]]:
    """Emoji in a run of characters that emoji are made of, as (start, end, emoji), None for parts that make none."""
    import emoji

    found: list[tuple[int, int, str | None]] = []
    done = 0
    for item in emoji.emoji_list(run):
        found += _stray(run, done, item["match_start"])
        done = item["match_end"]
        if item["emoji"].rstrip("\ufe0f") not in _PLAIN:
            found.append((item["match_start"], done, item["emoji"]))
    return found + _stray(run, done, len(run))


def _stray(run: str, start: int, end: int) -> list[tuple[int, int, None]]:
    return [(match.start(), match.end(), None) for match in _LEFT_OVER.finditer(run, start, end)]


@functools.cache
def _fixed_forms() -> tuple[re.Pattern, re.Pattern, re.Pattern, dict[str, Emoticon]]:
    """Two cheap tests for a listed emoticon, the pattern that finds one, and what each form stands for."""
    with (_FOLDER / "emoticons.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    table = {_key(row["form"]): Emoticon(row["emotion"], row["name"]) for row in rows}
    forms = sorted((row["form"] for row in rows), key=len, reverse=True)
    alone = (re.escape(form[0]) + r"(?<![\w@/].)" + _loose(form[1:]) + r"(?![\w/])" for form in forms)
    pattern = re.compile("|".join(alone))
    ascii_hints = sorted({_loose(form.lstrip(ascii_letters + digits)) for form in forms if form.isascii()})
    others = "".join(sorted({char for form in forms for char in form if not char.isascii()}))
    return re.compile("|".join(["_", r"\^", *ascii_hints])), re.compile(f"[{re.escape(others)}]"), pattern, table


def _key(form: str) -> str:
    return "".join(form.split())


def _loose(form: str) -> str:
    return r"\s?".join(re.escape(part) for part in form.split(" "))


def find_emoticons(text: str) -> list[Edit]:
    """Western emoticons with and without noses, hearts, `xD`, and the listed ones, kaomoji among them.

    One that touches a word counts only where that is plain: `nice:)` does, `note:(see` and `http://` do not.
    """
    found: list[tuple[int, int, str]] = []
    hint, foreign_hint, pattern, table = _fixed_forms()
    if hint.search(text) or (not text.isascii() and foreign_hint.search(text)):
        found += ((*match.span(), _token(table[_key(match.group())])) for match in pattern.finditer(text))
    if "<" in text:
        found += ((*match.span(), _token(_HEARTS[match.group()[1] == "3"])) for match in _HEART.finditer(text))
    found += ((*match.span(), _token(_MOUTHS["D"])) for match in _LAUGHING.finditer(text))
    if "(" in text:
        found += ((*match.span(), _token(_MOUTHS[")"])) for match in _REVERSED.finditer(text))
    if _FACE.search(text):
        found += ((*match.span(), _token(_western(match))) for match in _WESTERN.finditer(text) if _stands(match))
    return token_edits(text, _without_overlaps(found)) if found else []


_HEARTS: Final = (Emoticon("sadness", "broken heart"), Emoticon("love", "red heart"))


def _token(emoticon: Emoticon) -> str:
    return f"<{emoticon.emotion or 'emoji'}> {emoticon.name}"


def _western(match: re.Match) -> Emoticon:
    mouth = (match["mouth"] or match["rare"])[0]
    emoticon = _MOUTHS[mouth]
    if match["tear"]:
        return Emoticon("joy", "tears of joy") if emoticon.emotion in ("joy", "laughter") else _CRYING
    if match["brow"] and emoticon.emotion in ("sadness", "contempt", "", "surprise"):
        return Emoticon("anger", "angry face")
    if match["eyes"] == ";" and emoticon.emotion in ("joy", "laughter", "playfulness"):
        return Emoticon("playfulness", "winking face")
    return emoticon


_CRYING: Final = Emoticon("sadness", "crying face")


def _stands(match: re.Match) -> bool:
    """Whether eyes and a mouth are an emoticon here, and not punctuation, an indent, a ratio or a link."""
    text = match.string
    start, end = match.span()
    before = text[start - 1] if start else " "
    after = text[end] if end < len(text) else " "
    if after.isalnum() or before in ":;=" or (after in "/\\" and match["rare"] in ("/", "\\")):
        return False
    if before.isdigit() or (match["eyes"] == "=" and before in "!<>"):
        return False
    mouth = match["mouth"] or match["rare"]
    if mouth[0].isalnum() or mouth[0] in "/\\|<>*[{]}":
        return (before.isspace() or before in ".,!?\"'*>)") and (after.isspace() or after in ".,!?\"'*<)")
    if mouth[0] == "(" and not match["nose"] and not match["tear"]:
        return after.isspace() or after in ".,!?<"
    return True


def _without_overlaps(found: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """In order; of two that overlap the one that begins first, then the longer one."""
    kept: list[tuple[int, int, str]] = []
    for item in sorted(found, key=lambda item: (item[0], -item[1])):
        if not kept or item[0] >= kept[-1][1]:
            kept.append(item)
    return kept
