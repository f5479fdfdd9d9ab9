"""What writers and keyboards do to a text: obfuscation, typos, register, shouting. Works on pieces, not on offsets."""

import re
from collections.abc import Callable
from typing import Final

Random = Callable[[], float]

LEET: Final = str.maketrans("aeiostAEIOST", "431057431057")
LOOKALIKES: Final = str.maketrans(
    "aeopcxyi",
    "\u0430\u0435\u043e\u0440\u0441\u0445\u0443\u0456",
)
"""Latin letters to the Cyrillic ones that look the same."""

EMOJI: Final = (
    "\U0001f602",
    "\U0001f644",
    "\U0001f621",
    "\U0001f44d",
    "\U0001f62d",
    "\U0001f525",
    "\U0001f923",
    "\U0001f612",
    "\U0001f60a",
    "\U0001f914",
)
TAILS: Final = {
    "forum": ("", "", "", "", "", "", "", " cheers", " :)", " :/", " /rant", " (sorry for the rant)", " ;-)"),
    "news": ("", "", "", "", "", "", "", "", "", " Yours truly.", " Enough said.", " A reader."),
    "chat": ("", "", "", " lol", " lmao", " smh", " tbh", " xd", " haha", *(" " + emoji for emoji in EMOJI)),
}
"""What comments of a register end with, in abuse and courtesy alike."""

STOPS: Final = {
    "forum": (". ", ". ", ". ", ". ", "! ", "... ", ".\n"),
    "news": (". ", ". ", ". ", ". ", ". ", "! ", ".\n\n"),
    "chat": (" ", ". ", "! ", "... ", ", ", "\n", "!! ", " - "),
}
QUESTIONS: Final = re.compile(
    r"(has|have|does|did|do|is|are|was|were|who|which|what kind|what happened|how do|how are|"
    r"could you|would you|can we) ",
    re.IGNORECASE,
)

SLANG: Final = {
    "you are": "ur",
    "you're": "ur",
    "your": "ur",
    "you": "u",
    "are": "r",
    "please": "pls",
    "people": "ppl",
    "because": "cuz",
    "before": "b4",
    "thanks": "thx",
    "going to": "gonna",
    "want to": "wanna",
    "don't": "dont",
    "can't": "cant",
    "isn't": "isnt",
    "I'm": "im",
    "tomorrow": "tmrw",
    "somebody": "sb",
    "with": "w/",
    "everyone": "every1",
    "though": "tho",
    "what": "wat",
    "love": "luv",
    "really": "rly",
}
_SLANG = re.compile(r"(?<![\w{'-])(" + "|".join(sorted(map(re.escape, SLANG), key=len, reverse=True)) + r")(?![\w}'-])")
_WORD = re.compile(r"[A-Za-z]{4,}")


def slang(template: str) -> str:
    """A template as it is written in a chat; mark-up stays as it is."""
    return _SLANG.sub(lambda match: SLANG[match.group()], template)


def obfuscate(piece: str, random: Random) -> str:
    """Hide one word of `piece` from a filter: leet, spaces, asterisks, repeated letters, look-alikes or dots."""
    found = _WORD.findall(piece)
    if not found:
        return piece
    word = max(found, key=len)
    inner = 1 + int(random() * (len(word) - 2))
    way = int(random() * 7)
    if way == 0:
        hidden = word.translate(LEET)
    elif way == 1:
        hidden = " ".join([*word[:2], word[2:]])
    elif way == 2:
        hidden = word[0] + "*" * (len(word) - 2) + word[-1]
    elif way == 3:
        hidden = word[:inner] + word[inner] * (2 + int(random() * 3)) + word[inner:]
    elif way == 4:
        hidden = word.translate(LOOKALIKES)
    elif way == 5:
        hidden = ".".join([*word[:2], word[2:]])
    else:
        hidden = word[:inner] + "*@#$"[int(random() * 4)] + word[inner + 1 :]
    if hidden == word:
        hidden = word[:inner] + "*" + word[inner + 1 :]
    return piece.replace(word, hidden, 1)


def mistype(piece: str, random: Random) -> str:
    """Swap, drop, double or replace one letter inside the longest word of `piece`."""
    found = _WORD.findall(piece)
    if not found:
        return piece
    word = found[int(random() * len(found))]
    at = 1 + int(random() * (len(word) - 2))
    way = int(random() * 4)
    if way == 0:
        wrong = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    elif way == 1:
        wrong = word[:at] + word[at + 1 :]
    elif way == 2:
        wrong = word[: at + 1] + word[at:]
    else:
        wrong = word[:at] + "qwertasdfgzxcvb"[int(random() * 15)] + word[at + 1 :]
    return piece.replace(word, wrong, 1)


def has_word(piece: str) -> bool:
    """Whether there is a word of four letters that noise could work on."""
    return _WORD.search(piece) is not None
