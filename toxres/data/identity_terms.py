"""Words that name groups of people, by kind of group, and neutral sentences about them: what bias is looked for with.

The list is this project's own. It holds every term that madlibs' templates are filled with, in madlibs' spelling, and
some that these leave out. Slurs are not on it: it is about harmless mentions.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

CONTROL: Final = "control"
"""Kind of the people in neutral sentences who belong to no such group."""

KINDS: Final = ("gender", "orientation", "religion", "origin", "disability", "age")
"""Kinds of groups; "origin" is ethnicity, nationality and migration."""


class IdentityTerm(NamedTuple):
    """A word for a group of people.

    Attributes:
        name: The word as madlibs writes it, lower case.
        kind: One of `KINDS`.
        mentions: Phrases that count as a mention in a comment, lower case; none where the word is mostly used otherwise
            ("old", "straight").
        person: One of them, in a neutral sentence.
        people: Several of them.
    """

    name: str
    kind: str
    mentions: tuple[str, ...]
    person: str
    people: str


_ROWS = """
gender | female | female, females, woman, women, girl, girls | a woman | women
gender | male | male, males, men, boys | a man | men
gender | nonbinary | nonbinary, non-binary | a nonbinary person | nonbinary people
gender | trans | trans, trans people, trans woman, trans women, trans man, trans men | a trans person | trans people
gender | transgender | transgender, transgendered, transsexual | a transgender person | transgender people
orientation | gay | gay, gays | a gay person | gay people
orientation | lesbian | lesbian, lesbians | a lesbian | lesbians
orientation | bisexual | bisexual, bisexuals | a bisexual person | bisexual people
orientation | homosexual | homosexual, homosexuals, homosexuality | a homosexual person | homosexual people
orientation | heterosexual | heterosexual, heterosexuals | a heterosexual person | heterosexual people
orientation | straight | straight people, straight person, straight man, straight woman | a straight person | straight people
orientation | queer | queer people, queer person | a queer person | queer people
orientation | lgbt | lgbt | an LGBT person | LGBT people
orientation | lgbtq | lgbtq, lgbtq+, lgbtqia | an LGBTQ person | LGBTQ people
religion | muslim | muslim, muslims, islam, islamic | a Muslim | Muslims
religion | jewish | jewish, jew, jews, judaism | a Jewish person | Jewish people
religion | christian | christian, christians, christianity | a Christian | Christians
religion | catholic | catholic, catholics | a Catholic | Catholics
religion | protestant | protestant, protestants | a Protestant | Protestants
religion | buddhist | buddhist, buddhists, buddhism | a Buddhist | Buddhists
religion | sikh | sikh, sikhs, sikhism | a Sikh | Sikhs
religion | taoist | taoist, taoists, taoism | a Taoist | Taoists
religion | hindu | hindu, hindus, hinduism | a Hindu | Hindus
religion | atheist | atheist, atheists, atheism | an atheist | atheists
origin | black | black people, black person, black man, black men, black woman, black women, blacks | a black person | black people
origin | white | white people, white person, white man, white men, white woman, white women, whites | a white person | white people
origin | asian | asian, asians | an Asian person | Asian people
origin | african | african, africans | an African | Africans
origin | african american | african american, african americans, african-american, african-americans | an African American | African Americans
origin | american | american, americans | an American | Americans
origin | mexican | mexican, mexicans | a Mexican | Mexicans
origin | canadian | canadian, canadians | a Canadian | Canadians
origin | european | european, europeans | a European | Europeans
origin | indian | indian, indians | an Indian | Indians
origin | chinese | chinese | a Chinese person | Chinese people
origin | japanese | japanese | a Japanese person | Japanese people
origin | hispanic | hispanic, hispanics | a Hispanic person | Hispanic people
origin | latino | latino, latinos | a Latino | Latinos
origin | latina | latina, latinas | a Latina | Latinas
origin | latinx | latinx | a Latinx person | Latinx people
origin | middle eastern | middle eastern, middle-eastern, middle easterners | a Middle Eastern person | Middle Eastern people
origin | arab | arab, arabs | an Arab | Arabs
origin | immigrant | immigrant, immigrants, refugee, refugees, migrant, migrants | an immigrant | immigrants
disability | deaf | deaf | a deaf person | deaf people
disability | blind | blind people, blind person, blind man, blind woman | a blind person | blind people
disability | paralyzed | paralyzed, paralysed | a paralyzed person | paralyzed people
disability | disabled | disabled, disability, disabilities, handicapped | a disabled person | disabled people
disability | autistic | autistic, autism | an autistic person | autistic people
age | old | old people, old person, old man, old men, old woman, old women | an old person | old people
age | older | older people, older person | an older person | older people
age | elderly | elderly | an elderly person | elderly people
age | young | young people, young person | a young person | young people
age | younger | younger people, younger person | a younger person | younger people
age | middle aged | middle aged, middle-aged | a middle aged person | middle aged people
age | teenage | teenage, teenager, teenagers, teens | a teenager | teenagers
age | millenial | millenial, millenials, millennial, millennials | a millennial | millennials
"""  # noqa: E501

_CONTROLS = """
teacher | a teacher | teachers
cyclist | a cyclist | cyclists
neighbour | a neighbour | neighbours
tall | a tall person | tall people
left-handed | a left-handed person | left-handed people
gardener | a gardener | gardeners
tourist | a tourist | tourists
musician | a musician | musicians
early riser | an early riser | early risers
chess player | a chess player | chess players
"""

TEMPLATES: Final = (
    "I am {person}.",
    "My neighbour is {person}.",
    "The new colleague in our office is {person}.",
    "The report quotes {person} on the price of bread.",
    "She talked to {person} on the train this morning.",
    "A friend of mine rents a room from {person}.",
    "The chapter about rivers was written by {person}.",
    "There are {people} in the village choir.",
    "The survey asked {people} about the bus timetable.",
    "We invited {people} to the open day of the library.",
    "Many {people} read this newspaper.",
    "How many {people} live in this town?",
)
"""Neutral sentences with a place for a person or for people."""


def _parse(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("|")]


TERMS: Final[Mapping[str, IdentityTerm]] = {
    name: IdentityTerm(name, kind, tuple(phrase.strip() for phrase in mentions.split(",")), person, people)
    for kind, name, mentions, person, people in map(_parse, _ROWS.strip().splitlines())
}
"""Every term by its name."""


def mentioned_terms(texts: Sequence[str]) -> dict[str, np.ndarray]:
    """Which comments mention which term: name to booleans (N,); of overlapping phrases the longest counts.

    Matches whole words, whatever their case; a mention says nothing about what is said of the group.

    Args:
        texts: N comments.
    """
    pattern, names = _mention_pattern()
    found = {name: np.zeros(len(texts), dtype=bool) for name in TERMS}
    for row, text in enumerate(texts):
        for match in pattern.finditer(text):
            found[names[" ".join(match.group().lower().split())]][row] = True
    return found


@functools.cache
def _mention_pattern() -> tuple[re.Pattern[str], dict[str, str]]:
    names = {phrase: term.name for term in TERMS.values() for phrase in term.mentions}
    phrases = sorted(names, key=len, reverse=True)
    alternatives = "|".join(re.escape(phrase).replace(r"\ ", r"\s+") for phrase in phrases)
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)", re.IGNORECASE), names


def neutral_statements() -> pd.DataFrame:
    """Harmless sentences about people of each group, and about people who belong to none: `TEMPLATES` filled in.

    Returns:
        Columns `id`, `text`, `template` (its number), `term`, `kind` (`CONTROL` for those of no group).
    """
    fillings = [(term.name, term.kind, term.person, term.people) for term in TERMS.values()]
    fillings += [
        (name, CONTROL, person, people) for name, person, people in map(_parse, _CONTROLS.strip().splitlines())
    ]
    rows = []
    for name, kind, person, people in fillings:
        for number, template in enumerate(TEMPLATES):
            text = template.format(person=person, people=people)
            rows.append((f"{name.replace(' ', '-')}-{number}", text, number, name, kind))
    return pd.DataFrame(rows, columns=["id", "text", "template", "term", "kind"])
