"""From label letters to a comment: which families say it, in which order, in what style, and where its spans are."""

import functools
from collections.abc import Callable
from itertools import accumulate
from typing import Final, NamedTuple

from toxres.data.synthetic import noise
from toxres.data.synthetic.abusive import ABUSIVE
from toxres.data.synthetic.abusive_hard import ABUSIVE_HARD
from toxres.data.synthetic.everyday import EVERYDAY
from toxres.data.synthetic.grammar import LETTERS, Family, Rendering, Sequence, parse, render
from toxres.data.synthetic.harmless import HARMLESS
from toxres.data.synthetic.mild import MILD
from toxres.data.synthetic.topics import FILLERS, OPENERS, TOPIC_SLOTS, TOPICS
from toxres.data.synthetic.words import word_lists

FAMILIES: Final[dict[str, Family]] = ABUSIVE | MILD | ABUSIVE_HARD | HARMLESS | EVERYDAY
"""Every family of templates by name."""

GROUPS: Final = ("forum", "news", "chat")
"""The three registers: talk among regulars, letters to an editor, quick messages."""

CLEAN_CASES: Final = {
    "negation": 0.17,
    "quotation": 0.18,
    "counter_speech": 0.14,
    "reclaimed": 0.05,
    "identity_mention": 0.10,
    "harmless": 0.08,
    "criticism": 0.08,
    "self": 0.05,
    "object": 0.05,
    "obfuscation": 0.04,
    "typos": 0.03,
    "long": 0.03,
}
"""Share of each case among the clean comments that are hard."""

_CLEAN_EDGES: Final = (*zip(CLEAN_CASES, accumulate(CLEAN_CASES.values()), strict=True), ("typos", 2.0))

STRUCTURAL_SHARE: Final = 0.6
"""Share of the abusive hard comments that are said in disguise, where a family can; the others are noisy or long."""

NOISE_CASES: Final = ("obfuscation", "obfuscation", "typos", "long")

HARD_SHARE: Final = 0.30
"""Share of hard cases among labelled and among clean comments."""

FILLER_COUNTS: Final = {
    "forum": (0, 1, 1, 2, 2, 3, 3, 4, 6),
    "news": (1, 2, 3, 3, 4, 5, 6, 9),
    "chat": (0, 0, 0, 1, 1, 1, 2),
}
LATEST: Final = 6
"""Sentences that stand before the core of a comment at most, so that models which read 128 tokens get to see it."""

LOWER_SHARE: Final = {"forum": 0.15, "news": 0.01, "chat": 0.65}
GROUP_SHARES: Final = {False: (0.40, 0.72, 1.0), True: (0.40, 0.62, 1.0)}
"""Cumulative shares of the groups among clean (False) and labelled (True) comments."""


class Grammar(NamedTuple):
    """The compiled templates of one split, in plain or chat spelling.

    Attributes:
        cores: (template id, sequence) pairs by (letters, case).
        fillers: (template id, sequence) pairs of the neutral sentences.
        topics: Word lists of each topic by slot.
        openers: Beginnings by group.
    """

    cores: dict[tuple[str, str], list[tuple[str, Sequence]]]
    fillers: list[tuple[str, Sequence]]
    topics: list[dict[str, list[str]]]
    openers: dict[str, Sequence]


class Comment(NamedTuple):
    """One comment: text, spans as (start, end, label), its group, case and the ids of its templates."""

    text: str
    spans: list[tuple[int, int, str]]
    group: str
    case: str
    template: str


@functools.lru_cache
def compile_grammar(split: str, chat: bool) -> Grammar:
    """Compile all that one split may say."""
    spell = noise.slang if chat else str
    slots = frozenset(TOPIC_SLOTS)
    words: dict[str, list] = {}
    for name, entries in word_lists(split).items():
        plain = not any("{" in entry for entry in entries)
        words[name] = entries if plain else [parse(spell(entry), words, slots) for entry in entries]
    cores: dict[tuple[str, str], list] = {}
    for name, family in FAMILIES.items():
        for number, line in enumerate(family.lines(split)):
            sequence = parse(spell(line), words, slots)
            cores.setdefault((family.labels, family.case), []).append((f"{name}.{split}.{number}", sequence))
    fillers = [
        (f"filler.{split}.{number}", parse(spell(line.strip()), words, slots))
        for number, line in enumerate(FILLERS[split].strip().splitlines())
    ]
    topics = [dict(zip(TOPIC_SLOTS, (text.split(";") for text in topic), strict=True)) for topic in TOPICS[split]]
    branches = {group: "(" + text.replace(";", "|") + ")" for group, text in OPENERS.items()}
    return Grammar(cores, fillers, topics, {group: parse(text, words, slots) for group, text in branches.items()})


def compose(letters: str, split: str, random: Callable[[], float], hard: bool = False) -> Comment:
    """Write one comment, a `hard` case or a plain one, that carries exactly the labels of `letters`."""
    shares = GROUP_SHARES[bool(letters)]
    draw = random()
    group = GROUPS[0] if draw < shares[0] else GROUPS[1] if draw < shares[1] else GROUPS[2]
    grammar = compile_grammar(split, group == "chat" and random() < 0.6)
    case, units = _plan(letters, grammar, random, hard)
    cores = [_pick(grammar.cores[unit], random) for unit in units]
    counts = FILLER_COUNTS[group]
    count = counts[int(random() * len(counts))]
    if case == "long":
        count = 8 + int(random() * 7)
    if not letters and not cores:
        count += 1
    sentences = [_pick(grammar.fillers, random) for _ in range(count)]
    template = "+".join(name for name, _ in cores) or sentences[0][0]
    at = int(random() * (min(count, LATEST) + 1))
    sentences[at:at] = cores
    out = Rendering([], [], [])
    _write(sentences, grammar, group, random, out)
    _disturb(case, bool(letters), out, random)
    text, spans = _join(out)
    return Comment(text, spans, group, case, template)


def _pick(choices: list, random: Callable[[], float]):
    return choices[int(random() * len(choices))]


def _plan(letters: str, grammar: Grammar, random: Callable[[], float], hard: bool) -> tuple[str, list[tuple[str, str]]]:
    """The case of a comment and the (letters, case) of the families that together make its labels true."""
    if not letters:
        if not hard:
            return "", [("", "")] if random() < 0.5 else []
        draw = random()
        name = next(name for name, edge in _CLEAN_EDGES if draw < edge)
        return name, [("", name)] if ("", name) in grammar.cores else []
    units = _units(letters, random)
    if hard and random() < STRUCTURAL_SHARE:
        options = [
            (at, key[1]) for at, unit in enumerate(units) for key in grammar.cores if key[0] == unit and key[1] != ""
        ]
        if options:
            chosen, case = _pick(options, random)
            return case, [(unit, case if at == chosen else "") for at, unit in enumerate(units)]
    return _pick(NOISE_CASES, random) if hard else "", [(unit, "") for unit in units]


def _units(letters: str, random: Callable[[], float]) -> list[str]:
    """Families' letters that together make `letters`."""
    abuse = "O" in letters, "I" in letters
    if "T" not in letters:
        units = ["OI"] if abuse == (True, True) else [letter for letter in "OI" if letter in letters]
        units += [letter for letter in "HG" if letter in letters]
    else:
        if abuse == (True, True):
            draw = random()
            units = ["TOI"] if draw < 0.6 else ["TO", "TI"] if draw < 0.8 else ["TI", "TO"]
        else:
            units = ["TO"] if abuse[0] else ["TI"] if abuse[1] else []
        units += ["T" + letter for letter in "GHS" if letter in letters]
        units = units or ["T"]
    return units


def _write(sentences: list, grammar: Grammar, group: str, random: Callable[[], float], out: Rendering) -> None:
    topic = _pick(grammar.topics, random)
    pieces = out.pieces
    lower = random() < LOWER_SHARE[group]
    stops = noise.STOPS[group]
    stop = ""
    if random() < 0.3:
        render(grammar.openers[group], random, topic, out)
        pieces.append("")
    for number, (_, sequence) in enumerate(sentences):
        if number:
            pieces.append(stop)
        start = len(pieces)
        render(sequence, random, topic, out)
        first = next(at for at in range(start, len(pieces)) if pieces[at])
        if not lower and (start == 0 or (stop[-1:] in " \n" and stop[:1] not in " ,")):
            word = pieces[first].lstrip('"')
            quotes = pieces[first][: len(pieces[first]) - len(word)]
            pieces[first] = quotes + word[:1].upper() + word[1:]
        stop = _pick(stops, random)
        if noise.QUESTIONS.match(pieces[first]):
            stop = "? "
        if random() < 0.03:
            pieces[start:] = [piece.upper() for piece in pieces[start:]]
    pieces.append(stop.rstrip(" ,-\n"))
    pieces.append(_pick(noise.TAILS[group], random))
    if lower:
        pieces[:] = [piece.lower() for piece in pieces]


def _disturb(case: str, labelled: bool, out: Rendering, random: Callable[[], float]) -> None:
    """Apply the noise of the cases "obfuscation" (to what carries the labels, if anything) and "typos"."""
    pieces = out.pieces
    if case == "obfuscation":
        targets = list(out.keys)
        if labelled and not targets:
            targets = [at for _, start, end in out.marks for at in range(start, end) if noise.has_word(pieces[at])]
        if not labelled:
            targets = [at for at, piece in enumerate(pieces) if noise.has_word(piece)]
            targets = [_pick(targets, random) for _ in range(2)]
        for at in targets if out.keys else targets[:2]:
            pieces[at] = noise.obfuscate(pieces[at], random)
    elif case == "typos":
        targets = [at for at, piece in enumerate(pieces) if noise.has_word(piece)]
        for _ in range(2 + len(targets) // 6):
            at = _pick(targets, random)
            pieces[at] = noise.mistype(pieces[at], random)


def _join(out: Rendering) -> tuple[str, list[tuple[int, int, str]]]:
    text = "".join(out.pieces)
    spans = []
    if out.marks:
        offsets = [0, *accumulate(map(len, out.pieces))]
        for letters, start, end in out.marks:
            spans += [(offsets[start], offsets[end], LETTERS[letter]) for letter in letters]
        spans = sorted(set(spans))
    return text.rstrip(), spans
