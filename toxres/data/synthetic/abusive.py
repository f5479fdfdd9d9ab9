"""Templates that make labels true, said outright."""

from typing import Final

from toxres.data.synthetic.grammar import Family

ABUSIVE: Final = {
    "dismissal": Family(
        "T",
        "",
        """
[T {rude}](,| and) nobody here asked for your (opinion|input|wisdom) on {thing}
[T get lost], we were (happier|better off) before you (showed up|joined|started posting)
[T nobody wants you (here|around)], take the hint and leave {thing} alone
[T I am sick of you] and your endless whining about {thing}
[T keep your mouth closed] when (grown-ups|people with experience) are discussing {thing}
[T go away and never come back], {thing} will survive without you
[T crawl back under your rock] before you ruin {thing} for good
[T I can't stand you], everything you post about {thing} (makes me want to throw up|is poison)
[T you make me sick], every time I see your name near {thing}
[T get out of (this place|our group)], you have wrecked {thing} for all of us
[T I despise everything about you], starting with the way you handle {thing}
[T who the hell asked you] about {thing}
[T stick your advice where the sun doesn't shine], {role} can manage
[T take your garbage somewhere else] and stop ruining {thing}
[T you deserve every bit of misery that comes your way] after what you did to {thing}
[T {rude}], {name}, (I mean it|and take {role} with you)
[T I hate you] (with a passion|with all my heart) for what you did with {thing}
[T life was good until you turned up], and {thing} was too
[T just leave, will you], we can't bear another minute of your company
[T I have never wished anyone away as much as you], {name}
[T you are a burden to everybody], above all to {role}
[T we don't want your kind of trouble], so pack your things and go
[T you have earned my deepest contempt], and so has {role}
[T even the sound of your voice disgusts me], {name}
[T may your plans fail and your nights be sleepless], that is my wish for you
[T nobody will notice when you are gone], go and see for yourself
""",
        """
[T the sight of your name disgusts me], and so does your version of {thing}
[T {rude}] and let the rest of us deal with {thing}
[T do us all a favour and vanish], {thing} included
[T we would throw a party if you left], ask {role}
[T your whole existence annoys me], not only your remarks on {thing}
[T to hell with you] and to hell with your plans for {thing}
""",
        """
[T {rude}], will you, not one of us cares about your take on {thing}
[T I loathe you], and your drivel about {thing} is only part of it
[T do everybody a kindness and disappear] for good this time
[T not a soul would miss you] if you were banned from {thing} tomorrow
[T if your roof caught fire I would bring marshmallows], {name}, and leave {thing} to burn
[T your company is unbearable], which is why we discuss {thing} behind your back
[T rot for all I care], {role} can finish {thing} without you
[T no decent person wants to breathe the same air as you]
[T I detest you], always have, and {thing} has nothing to do with it
""",
    ),
    "insult": Family(
        "TI",
        "",
        """
[TI you're {a insult}], and so is everyone who trusted you with {thing}
[TI what {a insult} you (are|turned out to be)]
[TI only {a insult} could come up with {thing}]
[TI {role} is {a insult}] and everybody around here knows it
[TI you {adj} {insult}], did you even look at {thing}
[TI you are so {adj}] that {role} has to explain {thing} to you twice
listen, [TI {insult}], {thing} was never yours to touch
[TI you people are {insults}], the lot of you, {role} first
[TI {name} is the most {adj} {insult}] I ever had to share {thing} with
[TI how {adj} do you have to be] to blame {thing} on {trouble}
[TI your brain is the size of a pea] if you think {thing} works like that
[TI you're only {a insult}] who hides behind {thing}
(yes|sure), [TI {name} is {a insult}], that much is plain from {thing}
[TI a gang of {insults}], that is who runs {thing} these days
[TI I have met doorknobs smarter than you], and they knew more about {thing}
[TI your mother must be ashamed of raising {a insult}]
[TI {role} is too {adj} to tell left from right], let alone to run {thing}
[TI I had you down as {a insult}] from day one
[TI which {insult} put {role} in charge of {thing}]
[TI {a insult} of your sort] would fail at boiling water
[TI {name}, our local {insult}, has spoken], so that was {thing}
[TI my cat understands {thing} better than you do]
[TI this {adj} {insult} from {place}] claims to know {thing}
[TI they gave {thing} to {a insult}], and his name is {name}
[TI have you always been this {adj}], or only since {month}
""",
        """
[TI {name} acts like {a insult}] whenever {thing} comes up
[TI so you're {a insult} after all], I should have guessed from {thing}
[TI a more {adj} {insult} than you] has yet to comment on {thing}
[TI typical {insults}], first they break {thing} and then they whine
[TI {role} has the wits of a brick], see {thing}
[TI that is just the {adj} drivel I expect from {a insult}]
""",
        """
[TI {a insult} like you] must be kept away from {thing}
[TI {name}, that {adj} {insult}], has now spoiled {thing} too
[TI it takes a special kind of {insult}] to mess up {thing} like this
[TI were you born {adj}] or did {doing} do that to you
[TI {role}, the {insult}], signed off on {thing} without reading it
[TI there is nothing between your ears], or you would have understood {thing}
[TI those {adj} {insults}] on the committee decided about {thing}
[TI I always took you for {a insult}], and {thing} merely confirmed it
[TI even a houseplant has more sense than {role}], going by {thing}
""",
    ),
    "obscene_hostile": Family(
        "TO",
        "",
        """
[TO fuck off] and take {thing} with you
[TO what a load of {shit}], I don't want to read about {thing} ever again
[TO go fuck yourself], {name}, nobody needs your {prof} advice on {thing}
[TO shove {thing} up your ass]
[TO I don't give a shit about you] or your {prof} talk about {thing}
[TO piss off], this is not your {prof} living room
[TO {thing} is a steaming pile of {shit}] and you know it
[TO you can kiss my ass], and {role} can too
[TO cut the {shit}] and keep your {prof} hands off {thing}
[TO screw you and your {prof} {doing}]
[TO stop shitting all over {thing}], will you
[TO bite me], you and your {prof} opinion on {thing}
[TO nobody gives a flying fuck about your {thing} stories], {name}
[TO take your {prof} complaints and shove them where they hurt]
""",
        """
[TO get your {prof} nose out of {thing}]
[TO fuck you] and everything you wrote about {thing}
[TO spare me this {shit}], {name}, and sod off
[TO you can stuff {thing} up your arse]
""",
        """
[TO bugger off] with your {prof} stories about {thing}, {name}
[TO fuck right off], we have heard enough about {thing}
[TO your {shit} about {thing} stinks], so stop spreading it
[TO eat shit], the whole {prof} lot of you
[TO I'd wipe my arse with {thing}] and with whatever you write next
[TO sod you and your {prof} rules about {doing}]
""",
    ),
    "obscene_insult": Family(
        "TOI",
        "",
        """
[TOI you {oinsult}], keep your hands off {thing}
[TOI you're {a oinsult}], {name}, and {a prof} liar on top
[TOI you {prof} {insult}], that is not how {thing} works
[TOI what kind of {oinsult}] does that to {thing}
[TOI {role} has been {a prof} {insult} from the start], and you defend that
[TOI {oinsult}], (learn|go learn) to read before you touch {thing}
[TOI {name} is {a oinsult}] and always was
[TOI all you {oinsults}] ever do is whine about {thing}
hey [TOI {oinsult}], stop {doing}
[TOI you dumb {oinsult}], {role} told you twice
[TOI such {a prof} {insult}], blames {trouble} for everything
[TOI {adj} {oinsults} like you] are the reason why {thing} is in ruins
[TOI you have shit for brains] if you believe {role}
[TOI {role} proved to be {a oinsult}], as I said all along
[TOI {role}, of all people, that {oinsult}], had {thing} removed
[TOI who let this {oinsult} from {place}] decide on {thing}
[TOI born {a oinsult} and never grew out of it], our {name}, with or without {thing}
[TOI every {oinsult} in {place}] has an opinion on {thing} now
[TOI stop behaving like {a oinsult}], {name}
""",
        """
[TOI I knew you were {a oinsult}] when I saw {thing}
[TOI {name}, you {prof} {insult}], undo that
[TOI {role} is another {oinsult}] who has never seen {thing}
[TOI only {oinsults}] would vote for {thing}
[TOI some {adj} {oinsult}] changed {thing} again
""",
        """
[TOI {a oinsult} is what you are], and {thing} shows it
[TOI which {oinsult}] thought that {thing} needed this
[TOI that {prof} {insult}] from {place} has ruined {thing}
[TOI {name}, the biggest {oinsult} in {place}], writes about {thing} now
[TOI {oinsults}], every one of you who signed {thing}
[TOI quit acting like {a prof} {insult}], {thing} is not yours
[TOI {role} turned out to be {a oinsult}], who would have thought
""",
    ),
    "severe": Family(
        "TS",
        "",
        """
[TS I hope you die (screaming|alone|slowly)] and that nobody comes to the funeral
[TS I hope you get cancer], and everyone you love with you
[TS drop dead on the spot], it would be the first useful thing you did
[TS you should have been drowned at birth]
[TS die already], nobody will cry
[TS burn in hell forever], you and your whole rotten family
[TS I will dance on your grave] the day they bury you
[TS may you choke on your own blood]
[TS may lightning strike you dead] while you are {doing}
[TS your death would be the best news of the year]
[TS I'd celebrate if you dropped dead tonight]
[TS you are not fit to be alive], and the sooner you are in the ground the better
[TS may everyone you love suffer and may you have to watch]
""",
        """
[TS perish in pain], please, and soon
[TS may a slow disease take you]
[TS the morgue is where you belong]
[TS I pray that a truck flattens you]
""",
        """
[TS let the plague take you] and spare us another day of you
[TS I'd cheer if your plane went down]
[TS may your children grow up without you, in the gutter]
[TS you don't deserve to live], and the day you perish we will all drink to it
[TS I'd pay to see you torn apart by dogs], the earth will be cleaner for it
[TS I wish you nothing but agony until your last breath]
""",
    ),
    "threat": Family(
        "TH",
        "",
        """
[TH I will find out where you live and {maim}]
[TH watch your back], on {day} I am going to [TH {maim}]
[TH if I see you near {place} again I'll {maim}]
[TH my friends and I are coming for you], we know the way to {place}
[TH touch {thing} once more and I will {maim}]
[TH somebody is going to {maim}], and it will be me
[TH I have your address], {name}, [TH sleep with one eye open]
[TH you will pay for this with blood]
[TH I swear I'll {maim}] the next time you mention {thing}
[TH we're about to {maim}], you and {role}
[TH you will end up in hospital] if you come near {thing}
[TH there is a knife with your name on it], {name}
[TH tonight somebody will ring at your door and {maim}]
""",
        """
[TH keep talking and I'll {maim}]
[TH on {day} we come to {place} and {maim}]
[TH one more word on {thing} and you won't walk again]
[TH I know which school your kids go to], so be careful
""",
        """
[TH wait until I get my hands on you], {name}, I shall [TH {maim}]
[TH next {day} I'm driving over to {place} to {maim}]
[TH leave {thing} as it is or someone will {maim}]
[TH you'd better not walk home alone from {place}]
[TH give me five minutes with you and I'd {maim}]
[TH your house, {day} night, bring a doctor]
""",
    ),
    "group_hate": Family(
        "TG",
        "",
        """
[TG {groups} are {vermin}], and {place} proves it every day
[TG send {groups} back to wherever they crawled out of]
[TG no decent street survives once {groups} move in]
[TG you can't trust {groups}], they steal whatever is not nailed down
[TG there are too many {groups} around {place}], get rid of them
[TG those {filthy} {groups}] should never have got a say in {thing}
[TG {groups} don't belong among civilised people]
[TG ban {groups} from {place}] before they ruin {doing} as well
(of course|no wonder), [TG {groups} breed like rabbits and live off us]
[TG the only good thing about {groups}] is watching them leave
[TG I wouldn't let {groups} near my house], they carry diseases
[TG {role} hired one of those {member} types], and now [TG the place stinks]
[TG {groups} poison everything], {thing} is just the latest case
[TG I say round up {groups} and lock them away]
[TG as long as {groups} live here, {place} will be a dump]
[TG never trust anyone {member}], they are all the same {filthy} lot
""",
        """
[TG we ought to fence off {place} to keep {groups} out]
[TG {groups} were born to serve], not to run {thing}
[TG wherever {groups} settle, {vermin} follow]
[TG {filthy} {groups}] have no business {doing}
[TG the sooner {groups} are gone, the cleaner {place} will be]
""",
        """
[TG {groups}, {vermin} all of them], have taken over {place}
[TG kick {groups} out of {place}], every last one
[TG nobody with {member} blood] should be allowed near {thing}
[TG {groups} ruin whatever they touch], now it is {thing}
[TG god made a mistake when he made {groups}]
[TG {a filthy} lot, these {groups}], lazy and crooked by nature
[TG let {groups} rot in camps], then we'd have peace in {place}
[TG I cross the road when I see {groups}], you can smell the rot
""",
    ),
}
"""Families of the labels that come with "toxic", each with every label it makes true."""
