"""Templates that make labels true in disguise: by negation, quotation, mock concern, or without one bad word."""

from typing import Final

from toxres.data.synthetic.grammar import Family

ABUSIVE_HARD: Final = {
    "negated_dismissal": Family(
        "T",
        "negation",
        """
[T it's not that I dislike you, I can't bear the thought of you], ask {role}
[T don't you ever dare to speak to me again] about {thing}
[T there is no place for you here and there never was], {thing} or not
[T I will never stop despising you], whatever happens with {thing}
[T you don't belong with us], and no apology will change that
[T it is not {thing} that ruins my day, it's having to read you]
[T not a day passes on which I don't wish you far away]
""",
        """
[T not one person is glad that you came], least of all {role}
[T never show your face at {place} again]
""",
        """
[T it isn't {thing} we have had enough of, it's you]
[T you were not invited and you are not wanted], not here and not at {place}
[T no, I won't calm down, not until you are gone for good]
""",
    ),
    "negated_insult": Family(
        "TI",
        "negation",
        """
[TI you are not even clever enough to be called {a insult}]
nobody says that you lie about {thing}, [TI you just don't have the brains to understand it]
[TI I'd never call you {a insult}, that would be unfair to {insults}]
don't tell me [TI you are not {a insult}], I have read {thing}
[TI I never met a bigger {insult}], not in {num} {unit} of {doing}
[TI you are not the brightest], are you, and not the nicest either
[TI it's no secret that you're {a insult}], {name}
[TI you can't expect {a insult} to understand {thing}, so never mind]
[TI not even {insults} would have done that to {thing}, you managed]
[TI I refuse to believe that you aren't {a insult}]
""",
        """
[TI there is no cure for being {a insult}], so I'll not waste time on you
[TI not the sharpest tool in the shed], our {name}, see {thing}
[TI you can't deny that you're {a insult}] after {thing}
""",
        """
[TI nobody could mistake you for a thinking person], least of all {role}
[TI it wouldn't be fair to compare you to {a insult}, even those know better]
[TI never have I come across such {a insult}] in {num} {unit}
[TI don't pretend you aren't {a insult}], we have all seen {thing}
""",
    ),
    "negated_hate": Family(
        "TG",
        "negation",
        """
I have nothing against anyone, but [TG {groups} are not like us and never will be decent]
it is not prejudice when I say that [TG {groups} are {vermin}]
[TG not a single one of those {groups} deserves to stay] in {place}
""",
        """
I'm not one to judge, still [TG {groups} have never been worth anything]
[TG no {member} person should ever be trusted with {thing}]
""",
        """
don't get me wrong, some of them smile, yet [TG {groups} can't help being {vermin}]
[TG there's no such thing as honest {groups}], you will not change my mind
[TG never sell a house to {groups}], they don't know how to live in one
""",
    ),
    "endorsed_dismissal": Family(
        "T",
        "quotation",
        """
[T what {name} told you, "{rude}", goes for me too]
like my {relative} always said to people like you: [T "{rude}"]
{role} wrote [T "we are all tired of you", and I could not agree more]
""",
        """
to quote {name}: [T "{rude}", word for word]
[T "go where nobody knows you", said {role}, and do it quickly]
""",
        """
[T when {role} said "{rude}" it was meant for you], and I second that
I'll borrow a line from {name}: [T "{rude} and stay away"]
""",
    ),
    "endorsed_insult": Family(
        "TI",
        "quotation",
        """
{role} called you "{insult}" and [TI {role} was right, that is what you are]
they say [TI "once {a insult}, always {a insult}", which fits you perfectly]
my {relative} read {thing} and asked [TI "who is this {adj} {insult}", good question]
[TI I looked up "{insult}" and found your picture next to it]
{name} wrote that you are "{adj}" and [TI I would have put it less kindly]
""",
        """
[TI the word "{insult}" was invented for you], {name}
when {role} said "{insult}" [TI that was putting it mildly]
""",
        """
[TI the dictionary entry for "{insult}" should carry your name]
"{a insult}", that was the verdict of {role}, and [TI you live up to it daily]
I used to defend you when they shouted "{insult}", but [TI they had you figured out]
""",
    ),
    "endorsed_obscenity": Family(
        "TOI",
        "quotation",
        """
{role} called you "{a oinsult}" and [TOI let me add {a prof} stupid one]
[TOI "{oinsult}" is what they call you behind your back], and they are right
you asked for a quote: [TOI "{name} is {a oinsult}", signed, everyone]
""",
        """
[TOI if the word "{oinsult}" had a face it would be yours]
[TOI {name} said "{oinsult}" and it suits you]
""",
        """
[TOI "{oinsult}" they wrote on your door, and never was graffiti more accurate]
my {relative} has one word for you, [TOI "{oinsult}", and I can't improve on it]
""",
    ),
    "endorsed_hate": Family(
        "TG",
        "quotation",
        """
my {relative} used to say [TG "{groups} are {vermin}", and how true that is]
they banned {name} for writing [TG "{groups} are {vermin}", but it's a fact]
""",
        """
[TG "{groups} out" it said on the wall, and every honest man agrees]
""",
        """
[TG the sign read "no {groups}", which is how it ought to be everywhere]
{name} lost a job over the line [TG "{groups} are {vermin}", yet that was only the truth]
""",
    ),
    "mock_counter_speech": Family(
        "TG",
        "counter_speech",
        """
stop whining that it is wrong to call {groups} {vermin}, [TG they earned it]
we are told to be kind to {groups}, well, [TG kindness is wasted on them]
oh no, someone said {groups} are {vermin}, how terrible, [TG and how accurate]
[TG respect is for people, not for {groups}], so spare me the lecture
""",
        """
every time I read that hatred of {groups} is bad [TG I want to hate them more]
you call it racist, I call it [TG plain truth that {groups} are {vermin}]
""",
        """
they want us to protect {groups} from harsh words, [TG I say protect us from {groups}]
spare me your sermon on tolerance, [TG {groups} will always be {vermin}]
the campaign for {groups} asks for sympathy, [TG a kick would do them more good]
""",
    ),
    "mock_politeness": Family(
        "TI",
        "counter_speech",
        """
people should not be called {adj}, it is rude, but [TI in your case honesty wins]
calling anyone {a insult} is bad manners, so [TI let me just say you act like one every hour of the day]
we must not insult each other, says {role}, [TI the biggest {insult} of us all]
""",
        """
it's wrong to mock slow people, so [TI I shall be gentle with you]
be nice, they said, but [TI you make it hard not to say {insult}]
""",
        """
name-calling helps nobody, though [TI with {a insult} of your size I make an exception]
I am all for a civil tone, it is just that [TI you're too {adj} to notice one]
""",
    ),
    "slurred_outsider": Family(
        "TI",
        "reclaimed",
        """
[TI you freaks] and your weird club should be locked away from {thing}
[TI what a sad old hag], that {role}, no wonder she lives alone
[TI go back to your basement, nerd], no girl will ever look at you
[TI you ugly fat cow], nobody wants to see you near {thing}
""",
        """
[TI weirdos like you] get beaten up at {place} for a reason, says my {relative}
[TI typical geek], smells bad and knows nothing about {thing}
""",
        """
[TI you misfits] disgust every normal person at {place}
[TI stupid redneck], go and marry your cousin
[TI that dried-up spinster] has the nerve to talk about {thing}
[TI look at you, you oddball], no wonder they laugh when you walk past
""",
    ),
    "implied_dismissal": Family(
        "T",
        "implicit",
        """
[T the door is over there], use it, and take your {num} friends along
[T remind me to block you after this], and to wash my hands
[T we had such a nice time until your message arrived]
[T talking to you is like stepping into something wet in the dark]
[T if silence is golden you could make us all rich]
[T the best part of my day is the part without you]
[T I'd pay good money never to see you again], {name}
[T when you leave the room the air gets better]
[T going to the dentist is a pleasure next to hearing from you]
[T please put your advice in a bottle and throw it into the sea, along with yourself]
[T there is a wonderful world out there, far away from us, go and live in it]
""",
        """
[T I would rather eat my shoes than hear from you again]
[T your absence would improve {place} no end]
""",
        """
[T I have had root canals I enjoyed more than your visits]
[T every minute with you is a minute stolen from my life]
[T the exit from {place} is well marked, even you should find it]
""",
    ),
    "implied_insult": Family(
        "TI",
        "implicit",
        """
[TI did they drop you on your head as a baby], or is it just a hobby
[TI somewhere a village is missing you badly], they want their entertainment back
[TI the wheel is turning but the hamster died long ago], right, {name}
[TI I could explain {thing} to you, but I left my crayons at home]
[TI were you absent the day they handed out brains]
[TI with a mind like yours I would not brag about {thing}]
[TI evolution forgot about {role}]
[TI it must be peaceful inside your head, with so much empty room]
[TI my shoes have more ideas than {role}]
[TI does thinking make you dizzy], or have you never tried
[TI a potato would have made better use of {thing}]
[TI nature was not generous when it gave out your mind], {name}
[TI I would have to go down many floors to reach your level]
[TI there goes {role}, living proof that anyone can get a job]
""",
        """
[TI you must have been top of the class in sleeping]
[TI two more brain cells and {role} could be a plant]
[TI if ignorance is bliss you have to be the happiest person at {place}]
""",
        """
[TI my goldfish grasped {thing} faster than you did]
[TI does it hurt when you try to think], {name}
[TI the lights are on at your place but nobody is home]
[TI I'd ask your opinion, had you ever shown signs of thought]
[TI {role} could lose a debate against a wall]
[TI your parents kept the stork and threw you out, clearly]
""",
    ),
}
"""Families of the hard cases that are abusive."""
