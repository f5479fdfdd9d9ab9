"""Clean templates of everyday talk: words that only look bad, criticism, anger at oneself or at things, courtesy."""

from typing import Final

from toxres.data.synthetic.grammar import Family

EVERYDAY: Final = {
    "harmless": Family(
        "",
        "harmless",
        """
to stop the server, kill the parent process and every child it has left
the rooster and the cock pheasant share a cage near {place}
Dick Cockburn of Scunthorpe assessed the damage to {thing}
she had breast cancer surgery in {month} and is recovering well
we are going to smash them on {day}, {num} goals at least
my {relative} will murder me if I am late for {doing} again
the director shot the scene {num} times, I would kill for that patience
this heat is killing me, {doing} is no fun at all
jackass penguins and blue tits live next to {place}
shut up and take my money, {thing} looks gorgeous
the bitch had a litter of {num} puppies, the vet says they are healthy
bomb the dough with flour, then beat it until it surrenders
I'd die for a piece of that cake from {place}
the exam destroyed me but I shall have my revenge in chess on {day}
after {num} miles my legs were dead and my back was killing me
I could eat a horse after {doing}
the comedian killed it, we were dying with laughter
""",
        """
execute the script, then terminate the zombie threads
my feet are dead after {num} hours of {doing}
Mr Butts and Ms Dickinson run {thing} together
an ass is a patient animal, {role} keeps two of them
that joke slayed me, I nearly died laughing
""",
        """
abort the job if the slave node hangs and purge its dead workers
rectal examination and stool sample are part of the check-up in {month}
I'll beat you at table tennis on {day}, prepare to be crushed
Fanny Hoare and Gaylord Titmuss planted the cocksfoot grass by {place}
{name} was dying to hear how {thing} went
you could murder a curry once {doing} is over
the shiitake were a hit, and so was the spotted dick
the donkey, or ass, kicked the bucket of oats over
knock them dead on {day}, {name}, break a leg
he hit the nail on the head and blew us away with {thing}
""",
    ),
    "criticism": Family(
        "",
        "criticism",
        """
I think your edit is wrong, {thing} says something else
with respect, {name}, your summary of {thing} misses the main point
sorry, but {thing} is badly written and far too long
you made a mistake in {thing}, could you have another look
I disagree with you about {trouble}, here is why
as I see it, {role} did a poor job on {thing}
your idea would not work in {place}, it is too expensive
please stop reverting {thing} before we have talked about it
among all the versions of {thing} this is a weak one, you can do better
{thing} was terrible on {day}, I want my money back
""",
        """
you seem to have overlooked {trouble}, {name}
I am not convinced by what you wrote on {thing}
{thing} disappointed me, the old one was nicer
kindly check your figures on {thing}, they are off
""",
        """
your argument about {thing} does not hold, I am afraid
{name}, you left out {trouble}, which changes the result
I expected more from {thing}, it is dull and overpriced
that was a foul decision by {role}, and I would like it explained
to be frank, your draft needs a complete rewrite
you are mistaken about {thing}, the date was in {month}
not my favourite, {thing} was a waste of an evening
""",
    ),
    "self": Family(
        "",
        "self",
        """
I am such {a insult}, I left {thing} at {place} again
silly me, standing there like {a insult} while everyone saw {trouble}
what {a insult} I was to trust the weather on {day}
my own {adj} mistake, {name}, you were right about {thing}
me and my {adj} brain, I forgot {doing} altogether
I could kick myself, only {a insult} like me would miss {trouble}
""",
        """
call me {a insult}, I paid twice for {thing}
I hate how {adj} I sound in that recording
{doing} makes me feel like {a insult}, but I enjoy it
""",
        """
turns out I was the {insult}, {thing} was in my bag all along
I must have looked like {a insult} while {doing}
how {adj} of me, I mixed up {month} and {day}
you may laugh, I was {adj} enough to fall for it myself
mea culpa, an old {insult} like me should know better
""",
    ),
    "object": Family(
        "",
        "object",
        """
this {adj} printer refuses to print {thing}
I hate {thing}, it makes me sick just to look at it
my car is {a adj} piece of junk and {trouble} is the latest surprise
whoever invented {trouble} owes me {num} hours of sleep
get lost, rain, we want to go on with {doing}
{thing} is {adj} and ought to be thrown away
die already, you {adj} weeds, I want my path back
""",
        """
that {adj} alarm clock and I are no longer friends
I despise {trouble}, it ruins {doing}
go away, {adj} mosquito, I am trying to sleep
""",
        """
I loathe {trouble}, it is the most {adj} thing about {doing}
what {a adj} machine, it ate my ticket to {place}
clear off, winter, you had {num} months
{a adj} excuse of a tent, the wind took it on {day}
pipe down, fridge, some people are {doing}
""",
    ),
    "courtesy": Family(
        "",
        "",
        """
thanks for your note on {thing}, {name}, you saved me {num} hours
could you add a source for {thing}, please
you did a great job on {thing}, keep it up
I agree with you, {trouble} should be dealt with first
would you mind if I moved {thing} to {place}
welcome, {name}, ask whenever you get stuck with {doing}
you might want to try {doing} before {month}
congratulations to you and {role}, well deserved
sorry I missed your message, how are you
how nice of {role} to think of us
your explanation of {thing} helped me a lot
shall we go to {place} together next {day}
tell me, {name}, when would be a good time for you
I have to thank you for {thing}, it means a lot to me
you gave me good advice about {trouble}, it worked
get well soon, we miss you at {place}
""",
        """
your photo of {place} is lovely, {name}
have you thought of asking {role}
I am grateful that you took the time to look at {thing}
if you need help with {doing}, write to me
""",
        """
how kind of you to lend me {thing}
let me know, {name}, if {day} suits you
you explained {thing} well, even my {relative} got it
hope you feel better soon, {doing} can wait
I owe you a coffee for sorting out {trouble}
are you coming to {place} with us on {day}
your advice on {doing} was spot on
""",
    ),
}
"""Families of clean comments; the one with an empty case is plain and speaks to the reader in a friendly way."""
