"""Templates of the labels that come without "toxic": swearing for joy, teasing, polite exclusion, dark hints."""

from typing import Final

from toxres.data.synthetic.grammar import Family

MILD: Final = {
    "obscene_friendly": Family(
        "O",
        "",
        """
[O holy shit], {thing} turned out great
[O fuck yeah], we finished {doing} before {month}
{thing} was [O {prof} amazing], thanks to {role}
[O damn, that's some good shit], {name}, {thing} made my day
oh [O fuck], I left my keys at {place}
""",
        """
[O fuck me], {thing} is pretty
{thing} is [O the dog's bollocks], I love it
""",
        """
[O shitting hell], what a lovely surprise {thing} was
that was [O fucking brilliant], cheers to {role}
[O bloody fuck], I dropped {num} plates while {doing}
""",
    ),
    "ribbing": Family(
        "I",
        "",
        """
{role} is [I something of {a insult}] now and then, but means well
[I you silly {insult}], you left your coat at {place} again
my {relative}, [I the old {insult}], got lost on the way to {place}
""",
        """
[I you daft {insult}], that was my sandwich
{name} can be [I a right {insult}] before breakfast
""",
        """
[I dear old {insult} that he is], {role} forgot {thing} on the bus
[I you goofy {insult}], wrong door again
{name} is being [I {a insult}] about {thing}, bless him
""",
    ),
    "rough_praise": Family(
        "OI",
        "",
        """
{role} is [OI one lucky bastard], I wish I had {thing}
[OI you magnificent asshole], you got {thing} to work
{name}, [OI you jammy bastard], how did you get {thing}
""",
        """
[OI you clever little fucker], {thing} is done already
[OI the cheeky wanker] beat me to {thing}
""",
        """
[OI you glorious twat], I can't believe you won {thing}
{role}, [OI that crafty son of a bitch], got {thing} at half the price
""",
    ),
    "exclusion": Family(
        "G",
        "",
        """
[G {groups} should be kept out of {place}], with all respect
I would rather that [G {groups} had no vote], that is my view on {thing}
[G jobs at {place} ought to go to our own first, not to {groups}]
""",
        """
[G {groups} are by nature less suited to {doing}]
in my view [G {groups} should live apart from us]
""",
        """
[G I'd not let a flat to {groups}], nothing personal
statistics or not, [G {groups} are simply not made for {doing}]
""",
    ),
    "warning": Family(
        "H",
        "",
        """
[H someone should set fire to {place}], that would settle {thing}
[H it would be a shame if {role} had an accident on the stairs]
""",
        """
[H bricks have a way of flying through windows in {place}], {name}
[H {role} may find the brakes cut one day]
""",
        """
[H a few broken kneecaps would teach {role}] about {thing}
[H nice family you have, {name}, it'd be sad if something happened to them]
""",
    ),
}
"""Families of the labels that come without "toxic"."""
