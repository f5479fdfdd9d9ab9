"""Word lists. Those that carry a label are disjoint between splits, but for the plainest profanity.

A list is written as one string, entries divided by ";". Entries may hold mark-up of `toxres.data.synthetic.grammar`.
"""

from typing import Final

SHARED: Final = {
    "name": "Marta;Owen;Priya;Lukas;Ines;Tom;Aisha;Bjorn;Carla;Dev;Elena;Farid;Greta;Hugo;Jana;Kofi;Lena;Mateo;Nadia;"
    "Oskar;Paula;Quentin;Rosa;Samir;Tilda;Umar;Vera;Wendell;Yara;Zoltan;Annika;Bruno;Celeste;Dmitri;Edith;Fergus",
    "nick": "bluekettle;northwind77;old_sam;paperclip;quietfox;rail_fan;mossy;tinroof;user4412;velcro;wobbly;zedzed;"
    "lampshade;threepio9;gardenia;halfpint;inkwell;jigsawjo;kestrel;lowtide;marmot12;nutmeg;offbeat;pebble",
    "num": "two;three;four;five;six;seven;eight;nine;ten;eleven;twelve;fifteen;twenty;thirty;forty;sixty;ninety",
    "unit": "minutes;hours;days;weeks;months;years;evenings;weekends",
    "day": "Monday;Tuesday;Wednesday;Thursday;Friday;Saturday;Sunday",
    "month": "January;February;March;April;May;June;July;August;September;October;November;December",
    "place": "Harrowgate;Lindenau;Port Ellis;Stonebridge;Varna Street;Westhaven;Millbrook;Oldham Road;Tarnow;"
    "Kesterton;the valley;the old harbour;the east side;the library;the town hall;the station;our street;the market",
    "relative": "sister;brother;uncle;aunt;cousin;neighbour;flatmate;grandmother;grandfather;boss;teacher;colleague;"
    "nephew;niece;landlord;coach;dentist;best friend;son;daughter",
}
"""Neutral words, the same in every split."""

WORDS: Final = {
    "insult": {
        "train": "idiot;moron;fool;loser;clown;dunce;halfwit;imbecile;buffoon;coward;creep;jerk;scumbag;weasel;pig;rat;"
        "simpleton;ignoramus;hypocrite;crybaby;spoiled brat;blockhead;airhead;numbskull;disgrace;waste of space;"
        "failure;liar;parasite;bully;snake;lunatic;psycho;nutcase;bigmouth;ape",
        "validation": "nincompoop;dummy;knucklehead;dork;leech;slimeball;phony;wimp;dingbat;thickhead;madman;skunk;"
        "layabout;tattletale;swine;louse",
        "test": "dimwit;nitwit;cretin;twit;oaf;dolt;blowhard;windbag;lowlife;sleazebag;slob;bonehead;dullard;worm;toad;"
        "good-for-nothing;birdbrain;charlatan;waste of oxygen;crackpot;scoundrel;maggot;embarrassment;fraud",
    },
    "insults": {
        "train": "idiots;morons;fools;losers;clowns;halfwits;cowards;creeps;jerks;pigs;rats;hypocrites;liars;imbeciles",
        "validation": "dummies;knuckleheads;leeches;phonies;wimps;thickheads;swine;dorks",
        "test": "dimwits;nitwits;cretins;twits;oafs;windbags;lowlifes;boneheads;worms;frauds;dolts;maggots",
    },
    "adj": {
        "train": "stupid;dumb;pathetic;worthless;clueless;brainless;spineless;disgusting;ignorant;useless;thick;ugly;"
        "deranged;lazy;childish;delusional",
        "validation": "witless;moronic;repulsive;contemptible;half-baked;feeble-minded;insane;slimy",
        "test": "idiotic;dim;vile;gormless;wretched;dense;slow-witted;vacuous;hideous;infantile;unhinged;talentless",
    },
    "prof": {
        "train": "fucking;fuckin;goddamn fucking;shitty;bloody fucking;damn fucking;shit-eating;crappy",
        "validation": "fucking;motherfucking;effing shitty;goddamn",
        "test": "fucking;fugging;bullshitting;piss-poor;shite;mofo;arse-faced;fuckall",
    },
    "oinsult": {
        "train": "asshole;bitch;dickhead;piece of shit;bastard;dumbass;shithead;motherfucker;prick;fuckhead;asshat;"
        "fucking idiot;fucking loser;shitstain;fucking clown",
        "validation": "jackass;wanker;fucker;dumb fuck;turd;fucking dummy;shitbag",
        "test": "arsehole;twat;dipshit;fuckwit;douchebag;son of a bitch;cockhead;fucking dimwit;shit-for-brains;"
        "knobhead;fucking twit;bellend;dumbfuck",
    },
    "oinsults": {
        "train": "assholes;bitches;dickheads;bastards;dumbasses;shitheads;motherfuckers;pricks",
        "validation": "jackasses;wankers;fuckers;turds",
        "test": "arseholes;twats;dipshits;fuckwits;douchebags;knobheads",
    },
    "shit": {
        "train": "shit;bullshit;crap;horseshit;fuck;piss",
        "validation": "bollocks;dogshit;shite;fuck",
        "test": "batshit;arse;bull-crap;tits;fuckery;shitshow;fuck",
    },
    "groups": {
        "train": "immigrants;women;Muslims;gay men;Black families;Mexicans;refugees;Catholics;pensioners;Jews;"
        "wheelchair users;southerners;islanders;Tavish folk;Poles;lesbians",
        "validation": "Christians;foreigners;Romanians;newcomers;bisexuals;Turks;blind people;Harrowmen",
        "test": "Asians;trans folk;migrants;Hindus;Arabs;Nigerians;atheists;deaf people;northerners;Veldish settlers;"
        "asylum seekers;Sikhs",
    },
    "member": {
        "train": "immigrant;Muslim;gay;Black;Mexican;refugee;Catholic;Jewish;disabled;Tavish;Polish;lesbian",
        "validation": "Christian;foreign;Romanian;bisexual;Turkish;blind",
        "test": "Asian;trans;migrant;Hindu;Arab;Nigerian;atheist;deaf;Veldish;Sikh",
    },
    "vermin": {
        "train": "vermin;parasites;animals;filth;savages;cockroaches;criminals by birth;scum;thieves and beggars",
        "validation": "pests;dirt;barbarians;bloodsuckers",
        "test": "rodents;pestilence;brutes;blight;garbage;locusts;subhumans",
    },
    "filthy": {
        "train": "filthy;stinking;dirty;primitive;greedy;backward",
        "validation": "grubby;uncivilised;inferior",
        "test": "reeking;foul;thieving;barbaric;depraved",
    },
    "maim": {
        "train": "break your legs;beat you senseless;put a bullet in your head;smash your teeth in;slit your throat;"
        "break every bone in your body;set your car on fire;burn your house down;strangle you;drown you",
        "validation": "crack your skull;knock you unconscious;gun you down;torch your flat;make you bleed",
        "test": "snap your neck;stab you;beat you to a pulp;carve you up;shoot you dead;rip your arms off;choke you;"
        "set your home alight;run you over",
    },
    "rude": {
        "train": "shut up;get lost;go to hell;drop dead;get out of my sight;shut your mouth",
        "validation": "zip it;beat it;stop breathing my air",
        "test": "pipe down;clear off;hold your tongue;take a hike;buzz off",
    },
    "abuse": {
        "train": "you're {a insult};{rude};you {adj} {insult};nobody likes you;you make me sick;what {a insult};"
        "{groups} are {vermin};you're {a prof} {insult};{rude}, {oinsult};I hate your guts",
        "validation": "you must be {a insult};{rude};you {adj} {insult};we can't stand you;{groups} are {vermin};"
        "{rude}, {oinsult};you {prof} {insult}",
        "test": "you really are {a insult};{rude};{adj} {insult};the planet could do without you;"
        "{groups} are {vermin};{rude}, {oinsult};such {a prof} {insult};your face disgusts me",
    },
}
"""Words that carry a label, or a group's name, by split."""


def word_lists(split: str) -> dict[str, list[str]]:
    """Every word list as it is in one split, entries still with their mark-up."""
    lists = {name: text.split(";") for name, text in SHARED.items()}
    return lists | {name: by_split[split].split(";") for name, by_split in WORDS.items()}
