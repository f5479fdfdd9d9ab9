"""Templates that make no label true although their words would suit abuse: reported, denied, rejected."""

from typing import Final

from toxres.data.synthetic.grammar import Family

HARMLESS: Final = {
    "negated": Family(
        "",
        "negation",
        """
nobody here thinks you're {a insult}, {name}, you just missed {trouble}
I never said you were {adj}, I said {thing} was hard to follow
you are not {a insult} for asking about {thing}
that does not make you {a insult} or {a oinsult}, it happens to everyone
don't worry, you're not {adj}, {thing} confuses most of us
it was never my intention to tell you to {rude}, sorry if it sounded like that
I don't hate you, {name}, and I would not want you to leave
no one is calling you {a insult} or wants you gone
I wasn't going to {maim}, I only wanted {thing} back
{role} isn't {a insult}, just overworked
you don't make me sick, far from it, stay as long as you like
it would be wrong to say that {groups} are {vermin}, and I did not say it
nobody wanted to say fuck you or anything of the kind
by no means did I mean to make you feel {adj}, {name}
we have never thought of {role} as {a insult}
there was nothing {adj} in what you said about {thing}
hardly anyone would call you {a insult} for that, so cheer up
you are neither {adj} nor {a insult}, you were just tired
I can't agree that {role} is {a insult}, quite the opposite
it's not true that I despise you, I only dislike {trouble}
nobody hates you here and nobody plans to {maim}
contrary to what you heard, I don't think {groups} are {vermin}
""",
        """
I would never call you {a insult} over {thing}
you're anything but {adj}, {name}
{role} is no {insult}, whatever they write about {thing}
we are not saying {rude}, we are saying let's talk on {day}
it is untrue that {groups} are {vermin}, nor did I ever write so
no {oinsult} jokes from me, I promise
""",
        """
far be it from me to think you {adj}, {name}
none of us took you for {a insult}, we had simply not seen {trouble}
I have no wish to see you {adj} or sad, let alone tell you to {rude}
neither you nor {role} could be called {a insult}
without wanting to suggest that you're {a oinsult}, because you aren't, please check {thing}
no, you do not disgust me, and no one loathes you
there is nothing {adj} about your question on {thing}
it isn't as if {groups} were {vermin}, and nobody here believes it
I can't imagine anyone who would {maim} over {thing}
""",
    ),
    "reported": Family(
        "",
        "quotation",
        """
someone wrote "{abuse}" under my post about {thing}, so I reported it
{role} was suspended for shouting "{abuse}" at {name}
I got a message saying "{abuse}", which I found hurtful
please remove the line "{abuse}" from {thing}, it has no place there
a stranger told my {relative} "{abuse}" and nobody stepped in
in the film the villain says "{abuse}" and the hero forgives him
{name} said {role} had threatened to {maim}, the police are looking into it
yesterday I was called {a oinsult} and {a insult} for {doing}, it still hurts
is it against the rules to write "{abuse}" to somebody
my {relative} cried because of a note with "{abuse}" on it
the moderators deleted "{abuse}" within {num} minutes, thank you
they told me to {rude} when all I did was ask about {thing}
""",
        """
who sprayed "{abuse}" on the wall at {place}, it needs to be painted over
I was sent "{abuse}" by an anonymous account and blocked it
the court heard that he had yelled "{abuse}" at {role}
chapter {num} opens with a soldier hissing "{abuse}" at the boy
a voice mail said he would {maim}, so {name} went to the police
""",
        """
an account without a picture posted "{abuse}", could a moderator have a look
{name} lost the job after texting "{abuse}" to a customer
the words "{abuse}" were found on a locker, and the school has apologised
reading "{abuse}" below a picture of my {relative} was awful
according to the witness, somebody had cried "{abuse}" before leaving {place}
he swore to {maim}, {name} testified, and the judge believed it
my {relative} was insulted as {a insult} at {place} and needs our support
in act {num} the drunk mutters "{abuse}", a line that always gets a laugh
for the record, the removed comment consisted of "{abuse}" and a smiley
""",
    ),
    "counter_speech": Family(
        "",
        "counter_speech",
        """
saying that {groups} are {vermin} is hateful and false, please stop
please don't call people {insults}, we can disagree about {thing} without that
whoever says "{abuse}" should think about how it feels
it is never fine to tell anyone to {rude}, {name}
no one deserves to be called {a oinsult}, not even {role}
I will stand up for {groups} whenever someone calls them {vermin}
if you write "{abuse}" to my {member} colleagues you will be asked to leave
words such as {insult} or {oinsult} do not win an argument
calling {member} children {filthy} says more about the speaker than about them
hate against {groups} has no place in {place}
sending {groups} away would be a crime, and I would protest against it
speak up when {groups} are treated like {vermin}, they are people like us
it is a lie that {member} people are {filthy}, and a cruel one
an apology is due for "{abuse}", whoever wrote it
""",
        """
those who treat {groups} as {vermin} are wrong, and we must tell them
let us keep "{abuse}" out of this thread
{insult} is not a word for a fellow human being
I object to the claim that {groups} are {vermin}
""",
        """
shame on anybody who still believes that {groups} are {vermin}
we don't use terms like {oinsult} for one another, thanks
there is no excuse for writing "{abuse}", apologise to {name}
the idea that {member} neighbours are {filthy} is nonsense and I reject it
can we agree that "{abuse}" is not an argument
my {member} friends hear "{abuse}" every week, let's put an end to it
to throw {groups} out of {place} would be cruel and unjust, we must speak up
""",
    ),
    "reclaimed": Family(
        "",
        "reclaimed",
        """
we freaks have to stick together, see you at {place} on {day}
proud nerd here, {num} years of {doing} and counting
as a fat girl who loves {doing} I finally feel at home
my queer book club read {thing} and loved it
calling myself a hag is half the fun of turning sixty
us old bitches had the best night out in {month}
I'm a redneck and glad of it, come and taste my cooking
my crazy cat lady life suits me fine, thanks for asking
""",
        """
weirdos of {place}, unite, we meet every {day}
once a geek always a geek, and I wouldn't change it
my fellow spinsters and I are off to {place}
""",
        """
misfits welcome, says the door of our club at {place}, and I felt at home at once
happy to be the oddball of the family since {month}
dykes on bikes ride again this {day}, bring {thing}
my girls call me their favourite bitch and I love them for it
we wear the word weirdo as a badge, {num} of us by now
""",
    ),
    "identity_mention": Family(
        "",
        "identity_mention",
        """
my {member} neighbour helped me with {thing} for {num} {unit}
{groups} have shaped {place} for generations, and {thing} shows it
as the child of {member} parents I grew up in {place}
the {member} community invites everyone to {place} on {day}
we interviewed {groups} about {doing} and learned a lot
{num} of our volunteers are {member}, the rest are not
I would love to read more by {member} writers on {thing}
the survey asked {groups} how they get to {place}
{groups} and their families are welcome at {place}, as is everybody
""",
        """
{a member} choir sang at {place} on {day}
{role} married into {a member} family and learned to cook from them
the new law gives {groups} the right to vote in {place}
how do {groups} in {place} see {thing}
""",
        """
a course for {groups} who want to try {doing} opens in {month}
the exhibition tells how {groups} came to {place} and built the market
I share a flat with {num} {member} students and we get on well
{role} is {member}, by the way, and very good at {doing}
our {member} grandmother taught us all about {doing}
more {groups} than before took part in {doing} this {month}
{name}, who happens to be {member}, wrote the part about {thing}
""",
    ),
}
"""Families of clean comments that are about abuse, or about groups of people."""
