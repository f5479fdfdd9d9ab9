"""Each step of normalisation by itself: what it rewrites, and that it does nothing when it is switched off."""

import pytest

from toxres.text import STEPS, normalise

CASES = {
    "mojibake": [
        ("kÃ³zka i wÅ‚aÅ›nie", "kózka i właśnie"),
        ("itâ€™s", "it’s"),
        ("ðŸ˜‚", "\U0001f602"),
        ("\ud83d\ude02 \ud800", "\U0001f602 \ufffd"),
        ("a \ufffd\ufffd b", "a \ufffd\ufffd b"),
    ],
    "entities": [
        ("&lt;b&gt; &amp;amp;quot; &#8217; &#x41;", '<b> " ’ A'),
        ("&#55357;&#56834;", "\U0001f602"),
        ("R&amp D &notit; &foo; a&sql;=1", "R& D &notit; &foo; a&sql;=1"),
        ('one\\n\\"Two\\" \\u0105 C:\\new', 'one\n"Two" ą C:\\new'),
    ],
    "invisible": [
        ("f\u200bu\u2060c\ufeffk \u202eidiot\u202c s\xadoft \x00\x1b", "fuck idiot soft "),
        ("a\xa0b\u3000c\td\r\ne\u2028f", "a b c d\ne\nf"),
        ("می\u200cخواهم क\u200dष a\u200cb", "می\u200cخواهم क\u200dष ab"),
        ("\U0001f468\u200d\U0001f469 \u2764\ufe0f x\ufe0f 1\ufe0f\u20e3 1\ufe0f", None),
        ("a\U000e0062c", "ac"),
    ],
    "compose": [
        ("z\u0307o\u0301\u0142c\u0301", "\u017c\u00f3\u0142\u0107"),
        ("i\u0336d\u0336i\u0336o\u0336t\u0336", "idiot"),
        ("i\u0335\u0321\u031b\u0331\u0354d\u0337\u0322\u031bi", "idi"),
        ("\u1112\u1161\u11ab \u212b e\u0323\u0301", "\ud55c \u00c5 \u1eb9\u0301"),
    ],
    "lookalikes": [
        ("\u0430n id\u0456\u043et, \u0430 \u0455\u0441\u0430\u0440\u0435", "an idiot, a scape"),
        ("\u0430 \u0441\u0430p", "\u0430 \u0441\u0430\u0440"),
        (
            "id\u0456\u043et \u0441\u043a\u0430\u0437\u0430\u043b \u0430",
            "idiot \u0441\u043a\u0430\u0437\u0430\u043b \u0430",
        ),
        ("idi\u043et \u0455tu\u0440id \u0456d\u0456\u043et", "idiot stupid idiot"),
        ("\u0434\u0443\u0440a\u043a", "\u0434\u0443\u0440\u0430\u043a"),
        ("\U0001d4f2\U0001d4ed\U0001d4f2\U0001d4f8\U0001d4fd ｉｄｉｏｔ！ ⓘⓓⓘⓞⓣ", "idiot idiot! idiot"),
        ("\U0001f178\U0001f173 \U0001f171\ufe0fitch \U0001f1ee\U0001f1e9\U0001f1ee", "ID Bitch IDI"),
        ("\U0001f1f5\U0001f1f1 \U0001f171", "\U0001f1f5\U0001f1f1 \U0001f171"),
        ("ɪᴅɪᴏᴛ ﬁn wait… 1\ufe0f\u20e3", "idiot fin wait... 1"),
        ("VIPы Δx µm \u0430", "VIPы Δx µm \u0430"),
    ],
    "links": [
        ("(http://a.org/b_(c)), www.x.pl! ftp://x", "(<url>), <url>! <url>"),
        ("sayhttps://t.co/x bit.ly/abc news.com.", "say <url> <url> <url>."),
        ("stop.it now.Then e.g. a.b", "stop.it now.Then e.g. a.b"),
        ("http://x.org\U0001f602", "<url> \U0001f602"),
    ],
    "emails": [
        ("a.b+c@d-e.co.uk, mailto:me@x.org", "<email>, <email>"),
        ("me@localhost @me a@b", "me@localhost @me a@b"),
    ],
    "emoticons": [
        (":) :-( ;-) :D xD XDDD <3 </3", None),
        ("nice:) http://x (see:(a)) 4:3 8) :Please ::(", None),
        (">:( :'( :')", "<anger> angry face <sadness> crying face <joy> tears of joy"),
        ("¯\\_(ツ)_/¯ ( ͡° ͜ʖ ͡°)", "<surprise> shrugging <playfulness> smirking face"),
        ("<url>:( <url>_<", "<url> <sadness> sad face <url>_<"),
        ("1 <3 2<3", "1 <3 2<3"),
    ],
    "emoji": [
        ("so\U0001f602\U0001f602!", "so <laughter> face with tears of joy!"),
        ("\U0001f602\U0001f621", "<laughter> face with tears of joy <anger> enraged face"),
        ("\U0001f44d\U0001f3fd \U0001f1f5\U0001f1f1", "<approval> thumbs up <emoji> poland"),
        ("\U0001f926\U0001f3fb\u200d\u2642\ufe0f", "<contempt> man facepalming"),
        ("© → ★", "© → ★"),
        ("\U0001f602\U0001f621" * 3, "<laughter> face with tears of joy <anger> enraged face"),
    ],
    "leet": [
        ("1d10t sh1t b1tch @sshole a$$ $hit n00b B00BS", "idiot shit bitch asshole ass shit noob BOOBS"),
        ("y0urs3lf st00pid ev3ryb0dy k1ll f0r", "yourself stoopid everybody kill for"),
        (
            "h2o mp3player c3po just4you user1name #E1F1DE 100k a5",
            "h2o mp3player c3po just4you user1name #E1F1DE 100k a5",
        ),
        ("Wow!idiot f@ck", "Wow!idiot f@ck"),
        ("th3 w17h t41k", "the w17h t41k"),
        ("th3 w0rd5 sh1t w17h t41k @nd tr4in5, 5kg of c3po", "the words shit with talk and trains, 5kg of c3po"),
    ],
    "stars": [
        (
            "f*ck F*CK sh!t b**** f***ing a**hole f-ck sp**rdalaj",
            "fuck FUCK shit bitch fucking asshole fuck spierdalaj",
        ),
        ("f@ck f*****k kn*w w*men", "fuck fuck know women"),
        ("g*** p*per t** l*mp by f*** id**ts", "g*** p*per t** l*mp by f*** idiots"),
        ("g*** and f*** of id**ts", "gook and fuck of idiots"),
        ("*it* a*b word** 2*3 co-op s-t ****", "*it* a*b word** 2*3 co-op s-t ****"),
    ],
    "mentions": [
        ("@user_1: hi @ŁucjA /u/some u/other", "<mention>: hi <mention> <mention> <mention>"),
        ("@10am a@b.org @ x", "@10am a@b.org @ x"),
    ],
    "numbers": [
        ("10,5 $5.99 2019-03-01 10:30 50% 1 000 000", "<number> $<number> <number> <number> <number>% <number>"),
        ("10-year 4-2-3-1 192.168.0.1 ١٢٣", "<number>-year <number> <number> <number>"),
        ("h2o 1st v1.2.3 3-4x 1488 14/88", "h2o 1st v1.2.3 3-4x 1488 14/88"),
    ],
    "spaced": [
        ("an i d i o t, f.u.c.k y o u", "an idiot, fuck you"),
        ("W E L C O M E s-t-u-p-i-d", "WELCOME stupid"),
        ("f u c k y o u", "fuck you"),
        ("f.u.c.k.y.o.u", "fuck you"),
        ("you fu ck ing id iot, a fuc k e r, STUP ID, th is wh en", "you fucking idiot, a fucker, STUPID, this when"),
        (
            "it's hit, a bout, the n word, little s.l.u.t, fuck wit us",
            "it's hit, a bout, the n word, little slut, fuck wit us",
        ),
        ("Plan B lack, scum bag, worth less, stu Pid", "Plan B lack, scum bag, worth less, stu Pid"),
        ("A B C D E F i w z U.S.S.R. x y z d'e f g h", "A B C D E F i w z U.S.S.R. x y z d'e f g h"),
    ],
    "whitespace": [("a  b \n\n c", "a b\nc")],
    "repeats": [
        ("sooooo gooood fuuuuck heyyyy meeessage", "so good fuck hey meessage"),
        ("siiixtttyyy commmplaaints, wwwhat, CCCP", "sixty commplaaints, what, CCP"),
        ("!!!! ???? ..... ?!?!?!?! ----", "!! ?? ... ?!?! --"),
        ("hahahaha xaxaxax", "haha xaxax"),
        ("#FFFFFF #F5FFFA", "#FFFFFF #F5FFFA"),
        ("III VIII www AAA zzzzzz 1111", "III VIII www AAA zzzz 1111"),
    ],
}


def test_every_step_has_cases():
    assert tuple(CASES) == STEPS


@pytest.mark.parametrize(
    ("step", "text", "wanted"),
    [(step, *case) for step, cases in CASES.items() for case in cases if case[1] is not None],
)
def test_a_step_rewrites_what_it_should(step, text, wanted):
    assert normalise(text, [step]).text == wanted


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_is_off_does_nothing(step):
    others = [name for name in STEPS if name != step]
    text, wanted = CASES[step][0]
    if wanted is None:
        wanted = normalise(text, [step]).text
    assert wanted != text
    assert normalise(text, []).text == text
    assert normalise(text, others).text != normalise(text, STEPS).text


def test_emoji_keep_their_parts_until_they_are_read():
    text = "\U0001f468\u200d\U0001f469 \u2764\ufe0f x\ufe0f 1\ufe0f\u20e3 1\ufe0f"
    assert normalise(text, ["invisible"]).text == "\U0001f468\u200d\U0001f469 \u2764\ufe0f x 1\ufe0f\u20e3 1"


def test_western_emoticons_and_their_emotions():
    assert normalise(":) :-( ;-) :D xD XDDD <3 </3", ["emoticons"]).text == (
        "<joy> smiling face <sadness> sad face <playfulness> winking face <laughter> laughing face "
        "<laughter> laughing face <laughter> laughing face <love> red heart <sadness> broken heart"
    )


def test_only_the_plain_emoticon_of_a_line_is_one():
    text = "nice:) http://x (see:(a)) 4:3 8) :Please ::("
    assert normalise(text, ["emoticons"]).text == text.replace(":)", " <joy> smiling face", 1)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("&lt;3 &#128514;", "<love> red heart <laughter> face with tears of joy"),
        ("f\u200b*\u200bck", "fuck"),
        ("\U0001d4ef*\U0001d4ec\U0001d4f4", "fuck"),
        ("fu\u0441k\u0441\u0441\u0441", "fuckcc"),
        ("@sshole @someone", "asshole <mention>"),
        ("x@y.org/z http://a@b.org", "<email>/z <url>"),
    ],
)
def test_steps_work_together(text, wanted):
    assert normalise(text).text == wanted
