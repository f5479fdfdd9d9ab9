"""What comments talk about, and the neutral sentences around what they have to say. All disjoint by split."""

from typing import Final

TOPIC_SLOTS: Final = ("thing", "role", "doing", "trouble")

TOPICS: Final = {
    "train": (
        (
            "the article;the lead section;the reference list;the talk page;the infobox;the page history",
            "the editor;the admin;the reviewer;the author",
            "editing pages;checking references;merging articles;writing summaries",
            "a missing source;the wrong date in the table;a broken link;an edit war",
        ),
        (
            "the match;the second half;the new stadium;the transfer list;the penalty;the away shirt",
            "the keeper;the referee;the manager;the captain;the striker",
            "watching from the stands;training with juniors;following the league;travelling to away games",
            "a late offside flag;the empty bench;a twisted knee;the price of tickets",
        ),
        (
            "the recipe;the soup;the sourdough;the oven;the pepper sauce;the cast iron pan",
            "the cook;the baker;the waiter;the butcher",
            "baking bread;chopping onions;testing recipes;cleaning the grill",
            "burnt edges;too much salt;a soggy crust;a blunt knife",
        ),
        (
            "the update;the installer;the release;the settings menu;the log file;the plugin",
            "the developer;the maintainer;the support team;the designer",
            "compiling the code;reading the manual;running the tests;restoring a backup",
            "a memory leak;the missing driver;an odd error message;slow loading times",
        ),
        (
            "the bus timetable;the cycle lane;the new bridge;the parking plan;the budget;the town square",
            "the mayor;the councillor;the planner;the bus driver",
            "commuting;reading the minutes;counting traffic;waiting at the stop",
            "the roadworks;rising rents;the noise at night;a flooded underpass",
        ),
        (
            "the film;the last episode;the soundtrack;the book;the script;the remake",
            "the director;the lead actor;the narrator;the critic",
            "watching the series;reading the novel;comparing the versions;sitting through the credits",
            "a slow second act;the flat dialogue;a plot hole;the sudden ending",
        ),
        (
            "the tomato bed;the compost heap;the hedge;the lawn;the apple tree;the greenhouse",
            "the gardener;the seed seller;the beekeeper;the farmer",
            "pruning roses;watering the beds;digging the border;sowing peas",
            "the slugs;a late frost;clay soil;the drought",
        ),
    ),
    "validation": (
        (
            "the train;the platform;the night service;the ticket app;the route map",
            "the conductor;the station manager;the inspector",
            "changing trains;booking seats;riding along the coast",
            "a cancelled connection;the delay;the signal failure",
        ),
        (
            "the album;the concert;the guitar solo;the rehearsal;the chorus",
            "the singer;the drummer;the producer",
            "practising scales;tuning the piano;listening on headphones",
            "the muffled sound;a broken string;a sold-out venue",
        ),
        (
            "the phone;the battery;the camera;the screen;the case",
            "the reviewer in the shop;the salesman;the repair man",
            "taking pictures;comparing models;charging overnight",
            "the cracked glass;a weak signal;the short warranty",
        ),
    ),
    "test": (
        (
            "the curriculum;the exam;the homework;the school trip;the timetable;the seminar",
            "the headmaster;the lecturer;the examiner;the tutor",
            "grading essays;preparing lessons;studying for finals;learning vocabulary",
            "crowded classrooms;a confusing worksheet;the lack of books;the missed deadline",
        ),
        (
            "the clinic;the diet plan;the leaflet;the vaccine study;the waiting room;the insurance form",
            "the nurse;the pharmacist;the surgeon;the therapist",
            "booking appointments;sleeping badly;jogging before work;counting calories",
            "the long queue;a sore back;the side effects;the unpaid bill",
        ),
        (
            "the flat;the kitchen floor;the boiler;the lease;the roof;the stairwell",
            "the plumber;the agent;the caretaker;the electrician",
            "painting walls;moving house;fixing pipes;hunting for flats",
            "mould in the corner;the leaking tap;a cold bedroom;the deposit",
        ),
        (
            "the board game;the expansion;the level editor;the patch;the leaderboard;the map",
            "the game master;the level designer;the moderator;the streamer",
            "levelling up;painting miniatures;playing online;drawing dungeons",
            "the lag;an unfair matchup;the unclear rulebook;lost save files",
        ),
    ),
}
"""Slots of each topic in the order of `TOPIC_SLOTS`, entries divided by ";"."""

FILLERS: Final = {
    "train": """
I (have|'ve) been {doing} for {num} {unit} now and {thing} still surprises me
(somebody|someone) should explain why {thing} (costs|takes) so much more than it did in {month}
{thing} was (a lot |much |)(better|worse|slower|clearer) before {month}
we (talked|spoke) about {thing} on {day} and (nothing|little|not much) has changed since
my {relative} (thinks|says|believes) that {trouble} is the real (problem|issue|reason)
{role} (promised|told us|announced) an answer by {day}
there is {trouble} again, which makes {doing} (harder|slower|less fun) than necessary
{role} from {place} did (some|most) of the work on {thing}
(last|this) {month} I spent {num} {unit} {doing}
(does|did) anybody (know|remember) who started {thing}
{thing} (looks|feels|seems) (fine|unfinished|too short|rather long) to me
I read (about|up on) {thing} near {place} and took notes
the numbers for {thing} do not (match|fit) what {role} said
(it|this) took {num} {unit} and a fair bit of patience
{trouble} (kept|keeps) coming back, no matter what {role} tried
in {place} they have a different way of {doing}
I (prefer|like) {thing} the way it was on {day}
{name} and {name} will look at {thing} after {day}
the (second|third|first) part of {thing} (deserves|needs) more (care|room|detail)
not everything about {thing} is (bad|good), though {trouble} does not help
as far as I can tell {role} has (never|rarely) dealt with {trouble}
what happened to {thing} between {month} and {month}
{num} of us were {doing} when the news came
compared with {place}, {thing} here is (cheap|expensive|ordinary|modern)
{role} was (tired|late|busy|away) and {thing} had to wait
you can find {thing} (next to|behind|not far from) {place}
(my|our) plan is to finish {doing} before {month}
it rained all {day}, so {doing} was out of the question
I am (angry|disappointed|happy|glad) about {thing}, and so is my {relative}
(perhaps|maybe) {trouble} was only (bad luck|an accident|a matter of time)
""",
    "validation": """
{doing} was never easy, and {trouble} (adds to it|makes it worse)
for {num} {unit} nobody had mentioned {thing}
{name} wrote down what {role} had to say
once {thing} is ready we can meet at {place}
{month} is (usually|often) a quiet time for {doing}
was {thing} (any|really) different when you saw it
{role} gave a (short|long) talk on {thing}
a friend of my {relative} had to deal with {trouble} as well
on {day} I gave up {doing} for good
there were {num} complaints regarding {thing}
(most|some) visitors come for {thing} alone
more news on {trouble} would be welcome
(every|each) {day} the same story with {thing}
""",
    "test": """
after {num} {unit} of {doing} you get used to {trouble}
{role} sent round a note concerning {thing} on {day}
has (anyone|anybody else) run into {trouble} lately
{thing} got postponed until {month}, if the poster is right
we compared notes with {name} from {place} and came to the same view
{doing} keeps my {relative} busy most {unit}
for what it's worth, {thing} worked (well|badly|so-so) on {day}
most of my (time|money) went on {thing} this {month}
{trouble} is what everyone at {place} complains of
the way {role} handles {thing} could be (improved|described better|copied elsewhere)
half of {thing} had been replaced by {month}
between {doing} and work there is hardly an hour left
people tend to overlook {trouble} when they praise {thing}
{name} lent me a guide to {doing}
it is the {num} days in {month} that decide about {thing}
so far {role} has kept quiet about {trouble}
I walked past {place} and saw {thing} for myself
""",
}
"""Neutral sentences: some pleased, some annoyed, none of them about the reader."""

OPENERS: Final = {
    "forum": "@{nick} ;{name}, ;OK, ;Well, ;Honestly, ;Also, ;FWIW, ;Hm, ;As for the rest: ;Edit: ;So, ;Look, ",
    "news": "Dear editors, ;To the writer: ;Once again, ;In reply to {name}: ;As a subscriber, let me add: ;"
    "Having read this twice: ;A word on this: ;Frankly, ",
    "chat": "lol ;omg ;ngl ;hey ;yo ;@{nick} ;so ;wait ;bruh ;ok ;haha ;dude ",
}
"""How a comment begins now and then, by register; the same in every split."""
