"""A small context-free grammar whose templates say which of their phrases make which label true.

A template is a line of text with four kinds of mark-up:

- `{slot}` is replaced by one entry of the word list `slot`; `{a slot}` puts the fitting article before it.
- `(one|two|)` is one of its alternatives, any of which may hold mark-up itself; an empty one is allowed.
- `[TI phrase]` is a span: `phrase` makes the labels with the letters T and I true (see `LETTERS`).

Rendering yields *pieces* (strings) and marks on piece numbers instead of character offsets, so whatever noise does to
a piece afterwards, the offsets of the final text come out right.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

LETTERS: Final = {
    "T": "toxic",
    "S": "severe_toxic",
    "O": "obscene",
    "H": "threat",
    "I": "insult",
    "G": "identity_hate",
}
"""The letter that stands for each label in templates: H is for harm, G for group."""

SPLITS: Final = ("train", "validation", "test")

KEY_SLOTS: Final = frozenset(
    {"insult", "insults", "adj", "oinsult", "oinsults", "prof", "shit", "vermin", "maim", "rude", "filthy"}
)
"""Word lists that carry a label: what writers hide from filters, hence what obfuscation works on."""

WORD, KEY, ARTICLE, KEY_ARTICLE, BRANCH, OPEN, CLOSE, TOPIC = range(8)

Node = str | tuple[int, object]
Sequence = tuple[Node, ...]


class Family(NamedTuple):
    """Templates that do the same thing in other words, each of them in one split only.

    Attributes:
        labels: Letters of the labels that every template of the family makes true; "" for clean ones.
        case: Name of the hard case; "" for a plain one.
        train: Templates of the split "train", one a line.
        validation: Templates of the split "validation", one a line.
        test: Templates of the split "test", one a line.
    """

    labels: str
    case: str
    train: str
    validation: str
    test: str

    def lines(self, split: str) -> list[str]:
        """The templates of one split, in order."""
        return [line.strip() for line in getattr(self, split).strip().splitlines() if line.strip()]


class Rendering(NamedTuple):
    """A comment in the making.

    Attributes:
        pieces: Strings that make the text when they are joined.
        keys: Numbers of the pieces that carry a label's key word.
        marks: (letters, first piece, piece after the last) for every labelled phrase.
    """

    pieces: list[str]
    keys: list[int]
    marks: list[tuple[str, int, int]]


def parse(template: str, words: dict[str, list], topic_slots: frozenset[str]) -> Sequence:
    """Compile a template.

    Args:
        template: A line with the mark-up described above.
        words: Word lists by name; an entry is a string or, where it holds mark-up itself, a compiled sequence.
        topic_slots: Slots that are filled from the comment's topic when it is rendered.

    Raises:
        ValueError: The mark-up is broken or names an unknown slot.
    """
    nodes, end = _parse(template, 0, words, topic_slots, "")
    if end != len(template):
        raise ValueError(f"unbalanced {template[end]!r} at {end} in {template!r}")
    return nodes


def render(sequence: Sequence, random: Callable[[], float], topic: dict[str, list], out: Rendering) -> None:
    """Append one random rendering of `sequence` to `out`; `random` draws from [0, 1)."""
    pieces = out.pieces
    opened = []
    for node in sequence:
        if node.__class__ is str:
            pieces.append(node)
            continue
        code, value = node
        if code <= KEY:
            chosen = value[int(random() * len(value))]
            if chosen.__class__ is str:
                if code == KEY:
                    out.keys.append(len(pieces))
                pieces.append(chosen)
            else:
                render(chosen, random, topic, out)
        elif code == BRANCH:
            render(value[int(random() * len(value))], random, topic, out)
        elif code == TOPIC:
            choices = topic[value]
            pieces.append(choices[int(random() * len(choices))])
        elif code == OPEN:
            opened.append((value, len(pieces)))
        elif code == CLOSE:
            letters, start = opened.pop()
            out.marks.append((letters, start, len(pieces)))
        else:
            article, chosen = value[int(random() * len(value))]
            pieces.append(article)
            if code == KEY_ARTICLE:
                out.keys.append(len(pieces))
            pieces.append(chosen)


def article(word: str) -> str:
    """ "a " or "an ", by the first letter of `word` (the word lists hold no silent h and no "university")."""
    return "an " if word[0].lower() in "aeiou" else "a "


def _parse(text: str, at: int, words: dict, topic_slots: frozenset[str], stop: str) -> tuple[Sequence, int]:
    nodes: list[Node] = []
    literal = at
    while at < len(text) and text[at] not in stop:
        mark = text[at]
        if mark not in "{([})]":
            at += 1
            continue
        if literal < at:
            nodes.append(text[literal:at])
        if mark == "{":
            end = text.index("}", at)
            nodes.append(_slot(text[at + 1 : end], words, topic_slots))
        elif mark == "(":
            node, end = _branch(text, at + 1, words, topic_slots)
            nodes.append(node)
        elif mark == "[":
            letters, _, _ = text[at + 1 :].partition(" ")
            if not letters or set(letters) - set(LETTERS):
                raise ValueError(f"no label letters after '[' at {at} in {text!r}")
            inner, end = _parse(text, at + len(letters) + 2, words, topic_slots, "]")
            if end >= len(text):
                raise ValueError(f"'[' at {at} is never closed in {text!r}")
            nodes += [(OPEN, letters), *inner, (CLOSE, None)]
        else:
            return tuple(nodes), at
        at = literal = end + 1
    if literal < at:
        nodes.append(text[literal:at])
    return tuple(nodes), at


def _branch(text: str, at: int, words: dict, topic_slots: frozenset[str]) -> tuple[Node, int]:
    branches = []
    while True:
        inner, at = _parse(text, at, words, topic_slots, "|)")
        branches.append(inner)
        if at >= len(text):
            raise ValueError(f"'(' is never closed in {text!r}")
        if text[at] == ")":
            break
        at += 1
    if all(len(inner) == 0 or (len(inner) == 1 and inner[0].__class__ is str) for inner in branches):
        return (WORD, [inner[0] if inner else "" for inner in branches]), at
    return (BRANCH, branches), at


def _slot(name: str, words: dict, topic_slots: frozenset[str]) -> Node:
    with_article = name.startswith("a ")
    name = name.removeprefix("a ")
    if name in topic_slots:
        return (TOPIC, name)
    if name not in words:
        raise ValueError(f"unknown slot {name!r}")
    if with_article:
        return (KEY_ARTICLE if name in KEY_SLOTS else ARTICLE, [(article(word), word) for word in words[name]])
    return (KEY if name in KEY_SLOTS else WORD, words[name])
