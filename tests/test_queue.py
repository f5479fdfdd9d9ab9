"""Recording, claiming and deciding comments, on SQLite and PostgreSQL alike."""

import dataclasses
import threading

import numpy as np
import pytest
from helpers.databases import ENFORCED, scored
from sqlmodel import func, select

from toxres.errors import InputError
from toxres.triage import intake
from toxres.triage.intake import record_comments
from toxres.triage.overview import moderators_table, queue_table
from toxres.triage.queue import claim_comment, claim_next, decide, left_today, release
from toxres.triage.refusals import AlreadyDecided, NotClaimed, UnknownComment
from toxres.triage.tables import Decision, Score


def ids(claimed) -> list[str]:
    return [each.comment_id for each in claimed]


def test_what_is_uncertain_waits_and_the_rest_does_not(database):
    verdicts = ("accept", "uncertain", "reject")
    recorded = record_comments(database, [scored(n, verdict=verdict) for n, verdict in enumerate(verdicts)])
    assert recorded == (3, 0, 0)
    row = queue_table(database).loc["news"]
    assert row[["comments", "texts", "accept", "uncertain", "reject", "waiting"]].tolist() == [3, 3, 1, 1, 1, 1]
    assert ids(claim_next(database, "anna", limit=9)) == ["c1"]


def test_a_claimed_comment_says_all_that_is_known_of_it(database, clock):
    record_comments(database, [scored(1, toxic=0.4, created=clock.now)])
    clock.move(minutes=1)
    (claimed,) = claim_next(database, "anna", minutes=10)
    want = scored(1, toxic=0.4)
    for field in ("text", "group", "verdict", "probs", "enforced", "model", "policy_hash"):
        assert getattr(claimed, field) == getattr(want, field), field
    assert (claimed.created, claimed.copies, claimed.second) == (clock.now.replace(minute=0), 1, False)
    assert claimed.until == clock.now.replace(minute=11)


def test_the_orders_of_the_queue(database, clock):
    probs = {1: (0.1, 0.001), 2: (0.55, 0.001), 3: (0.2, 0.04)}
    for number, (toxic, threat) in probs.items():
        record_comments(database, [scored(number, probs={"toxic": np.float32(toxic), "threat": threat})])
        clock.move(minutes=1)
    for order, want in {"oldest": [1, 2, 3], "uncertain": [2, 3, 1], "change": [3, 2, 1]}.items():
        assert ids(claim_next(database, order, order=order, limit=3)) == [f"c{n}" for n in want], order
        clock.move(hours=1)
    with pytest.raises(InputError, match="unknown order 'newest'; choose one of: uncertain, change, oldest"):
        claim_next(database, "anna", order="newest")


def test_asking_again_gives_the_same_comment_and_renews_the_claim(database, clock):
    record_comments(database, [scored(1), scored(2)])
    first = claim_next(database, "anna", minutes=10)
    clock.move(minutes=9)
    again = claim_next(database, "anna", minutes=10)
    assert ids(again) == ids(first)
    clock.move(minutes=9)
    assert ids(claim_next(database, "ben", limit=5)) == [f"c{3 - int(ids(first)[0][1])}"]


def test_a_claim_that_ran_out_is_given_to_another(database, clock):
    record_comments(database, [scored(1)])
    claim_next(database, "anna", minutes=10)
    assert claim_next(database, "ben") == []
    clock.move(minutes=11)
    assert ids(claim_next(database, "ben")) == ["c1"]
    with pytest.raises(NotClaimed, match="'c1': is claimed by 'ben', not by 'anna'"):
        decide(database, "c1", "anna", "accept")
    decide(database, "c1", "ben", "accept")


def test_a_claim_that_ran_out_holds_while_nobody_took_it(database, clock):
    record_comments(database, [scored(1)])
    claim_next(database, "anna", minutes=10)
    clock.move(hours=2)
    decide(database, "c1", "anna", "accept")


def test_a_comment_given_back_waits_again(database):
    record_comments(database, [scored(1)])
    claim_next(database, "anna")
    with pytest.raises(NotClaimed, match="is not claimed by 'ben'"):
        release(database, "c1", "ben")
    release(database, "c1", "anna")
    assert ids(claim_next(database, "ben")) == ["c1"]


def test_groups_have_queues_of_their_own(database):
    record_comments(database, [scored(1), scored(2, group="forum")])
    assert ids(claim_next(database, "anna", group="forum", limit=5)) == ["c2"]
    assert ids(claim_next(database, "ben", limit=5)) == ["c1"]


def test_no_two_moderators_get_the_same_comment(database):
    record_comments(database, [scored(n, toxic=0.5 + n / 1000) for n in range(60)])
    got, start = [], threading.Barrier(6)

    def moderate(name):
        start.wait()
        while claimed := claim_next(database, name, limit=2):
            for each in claimed:
                got.append(each.comment_id)
                decide(database, each.comment_id, name, "accept")

    threads = [threading.Thread(target=moderate, args=(f"moderator {n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == sorted(f"c{n}" for n in range(60))
    with database.read() as session:
        assert session.exec(select(func.count()).select_from(Decision)).one() == 60


def test_the_days_cap(database, clock):
    record_comments(database, [scored(n) for n in range(8)] + [scored(9, group="forum")])
    assert len(claim_next(database, "anna", group="news", limit=2, daily_cap=3)) == 2
    assert left_today(database, 3, "news") == 1
    assert len(claim_next(database, "ben", group="news", limit=5, daily_cap=3)) == 1
    assert claim_next(database, "carl", group="news", daily_cap=3) == []
    assert len(claim_next(database, "carl", group="forum", daily_cap=3)) == 1
    for each in claim_next(database, "anna", group="news", limit=2, daily_cap=3):
        decide(database, each.comment_id, "anna", "accept")
    clock.move(hours=1)  # ben's claim runs out: one more may be asked for, not three
    assert left_today(database, 3, "news") == 1
    clock.move(hours=23)
    assert len(claim_next(database, "carl", group="news", limit=9, daily_cap=3)) == 3


def test_the_cap_holds_for_many_at_once(database):
    record_comments(database, [scored(n) for n in range(40)])
    counts, start = [], threading.Barrier(5)

    def moderate(name):
        start.wait()
        counts.append(len(claim_next(database, name, limit=4, daily_cap=10)))

    threads = [threading.Thread(target=moderate, args=(f"m{n}",)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 10


def test_a_flood_of_one_text_is_decided_once(database):
    texts = ["Buy this NOW!!!", "buy this now", "Buy this now https://example.org/x", "Something else"]
    recorded = record_comments(database, [scored(n, text=text) for n, text in enumerate(texts)])
    assert recorded == (4, 2, 0)
    claimed = claim_next(database, "anna", limit=9)
    assert sorted((each.comment_id, each.copies) for each in claimed) == [("c0", 3), ("c3", 1)]
    decide(database, "c0", "anna", "reject", ["toxic"])
    with pytest.raises(AlreadyDecided, match="comment 'c2': was decided, as a copy of 'c0', by 'anna'"):
        decide(database, "c2", "anna", "accept")
    record_comments(database, [scored(7, text="BUY this now.")])
    assert queue_table(database).loc["news", ["comments", "texts", "waiting", "decided"]].tolist() == [5, 2, 0, 1]


def test_the_same_text_in_two_groups_is_decided_twice(database):
    record_comments(database, [scored(1, text="one text"), scored(2, text="one text", group="forum")])
    assert len(claim_next(database, "anna", limit=9)) == 2


def test_scoring_again_changes_the_verdict_and_no_decision(database):
    record_comments(database, [scored(1), scored(2, verdict="accept")])
    again = [scored(1, verdict="accept", model="m2"), scored(2, toxic=0.7, model="m2")]
    assert record_comments(database, again) == (0, 0, 2)
    (claimed,) = claim_next(database, "anna", limit=9)
    assert (claimed.comment_id, claimed.model, claimed.probs["toxic"]) == ("c2", "m2", 0.7)
    decide(database, "c2", "anna", "accept")
    record_comments(database, [scored(2, model="m3")])
    assert claim_next(database, "anna") == []
    with database.read() as session:
        assert session.exec(select(Score.model).where(Score.comment_id == "c2").order_by(Score.id)).all() == [
            "m1",
            "m2",
            "m3",
        ]


def test_an_id_keeps_its_text(database):
    record_comments(database, [scored(1)])
    with pytest.raises(InputError, match="comment 'c1': is recorded with another text or group"):
        record_comments(database, [scored(2), scored(1, text="edited since")])
    with pytest.raises(InputError, match="another text or group"):
        record_comments(database, [scored(3), scored(3, text="another in the same call")])
    assert queue_table(database).loc["news", "comments"] == 1


def test_many_chunks_are_one_result(database, monkeypatch):
    monkeypatch.setattr(intake, "CHUNK", 7)
    assert record_comments(database, [scored(n % 20) for n in range(30)]) == (20, 0, 10)
    assert record_comments(database, []) == (0, 0, 0)
    assert queue_table(database).loc["news", "comments"] == 20


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"text": "  "}, "field 'text': is empty"),
        ({"id": ""}, "field 'id': is empty"),
        ({"group": "a\0b"}, "field 'group': holds a NUL byte"),
        ({"verdict": "maybe"}, "field 'verdict': is 'maybe'"),
        ({"probs": {}}, "has no probabilities"),
        ({"probs": {"toxic": 1.5, "threat": 0.1}}, "probability of toxic: 1.5 is outside"),
        ({"probs": {"toxic": float("nan"), "threat": 0.1}}, "probability of toxic: nan is outside"),
        ({"probs": {"toxic": 0.5}}, "enforced label 'threat' has no probability"),
    ],
)
def test_a_comment_that_cannot_be_is_refused_with_its_whole_chunk(database, fields, said):
    with pytest.raises(InputError, match=said):
        record_comments(database, [scored(1), scored(2, **fields)])
    assert queue_table(database).empty


def test_a_time_needs_its_zone(database, clock):
    with pytest.raises(InputError, match="field 'created': has no time zone"):
        record_comments(database, [scored(1, created=clock.now.replace(tzinfo=None))])


def test_odd_texts_come_back_as_they_were(database):
    texts = ["emoji \U0001f600 and ünïcödé", "lone \ud800 surrogate", "'; DROP TABLE toxres_comment; --", "a\r\nb\tc"]
    record_comments(database, [scored(n, text=text) for n, text in enumerate(texts)])
    got = {each.comment_id: each.text for each in claim_next(database, "anna", limit=9)}
    assert [got[f"c{n}"] for n in range(4)] == [texts[0], "lone � surrogate", *texts[2:]]


def test_decisions_that_cannot_be(database):
    record_comments(database, [scored(1), scored(2)])
    claim_next(database, "anna", limit=1, order="oldest")
    for call, kind, said in [
        (("c9", "anna", "accept"), UnknownComment, "comment 'c9': is not in the database"),
        (("c\0", "anna", "accept"), UnknownComment, "is not in the database"),
        (("c1", "ben", "accept"), NotClaimed, "is claimed by 'anna', not by 'ben'"),
        (("c2", "ben", "accept"), NotClaimed, "is claimed by nobody, not by 'ben'; ask the queue for it first"),
        (("c1", " ", "accept"), InputError, "moderator's name is empty"),
        (("c1", "anna", "delete"), InputError, "verdict 'delete' is neither accept nor reject"),
        (("c1", "anna", "reject"), InputError, "a reject names what it is for"),
        (("c1", "anna", "accept", ["toxic"]), InputError, "an accept has no labels"),
        (("c1", "anna", "reject", ["rude"]), InputError, "unknown label 'rude'"),
        (("c1", "anna", "reject", "toxic"), InputError, "labels are a list"),
    ]:
        with pytest.raises(kind, match=said):
            decide(database, *call)
    with pytest.raises(InputError, match="not decided yet, so there is nothing to correct"):
        decide(database, "c1", "anna", "accept", correct=True)
    assert queue_table(database).loc["news", "decided"] == 0
    decide(database, "c1", "anna", "accept")


def test_a_decision_made_twice_is_refused_and_a_correction_kept_beside_it(database):
    record_comments(database, [scored(1)])
    claim_next(database, "anna")
    decide(database, "c1", "anna", "reject", ["threat", "toxic"])
    with pytest.raises(AlreadyDecided, match=r"was decided by 'anna' \(reject, 2026-03-02 09:00 UTC\); to change"):
        decide(database, "c1", "anna", "reject", ["threat", "toxic"])
    decide(database, "c1", "ben", "accept", correct=True)
    with database.read() as session:
        rows = session.exec(select(Decision).order_by(Decision.id)).all()
    assert [(row.moderator, row.verdict, row.labels, row.enforced) for row in rows] == [
        ("anna", "reject", ["toxic", "threat"], list(ENFORCED)),
        ("ben", "accept", [], list(ENFORCED)),
    ]
    assert rows[1].supersedes == rows[0].id


def test_an_automatic_verdict_is_overruled_by_claiming_the_comment(database):
    record_comments(database, [scored(1, verdict="accept"), scored(2)])
    claim_comment(database, "c1", "anna")
    with pytest.raises(NotClaimed, match="is claimed by 'anna' until 09:30 UTC"):
        claim_comment(database, "c1", "ben")
    decide(database, "c1", "anna", "reject", ["threat"])
    with pytest.raises(AlreadyDecided):
        claim_comment(database, "c1", "ben")


def test_a_second_opinion_goes_to_another_moderator_once(database):
    record_comments(database, [scored(1), scored(2)])
    for each in claim_next(database, "anna", limit=2):
        decide(database, each.comment_id, "anna", "accept")
    assert claim_next(database, "anna", second=True) == []
    first, other = claim_next(database, "ben", second=True), claim_next(database, "carl", second=True)
    assert first[0].second and other[0].second
    assert {first[0].comment_id, other[0].comment_id} == {"c1", "c2"}
    decide(database, first[0].comment_id, "ben", "reject", ["toxic"])
    with pytest.raises(AlreadyDecided):
        decide(database, first[0].comment_id, "ben", "reject", ["toxic"])
    assert claim_next(database, "dora", second=True) == []
    table = moderators_table(database)
    assert table.loc["ben", ["decisions", "rejects", "second", "corrections"]].tolist() == [1, 1, 1, 0]
    assert table.loc["anna", ["decisions", "rejects", "second", "corrections"]].tolist() == [2, 0, 0, 0]


def test_comments_are_checked_before_the_first_is_written(database, monkeypatch):
    monkeypatch.setattr(intake, "CHUNK", 1)
    with pytest.raises(InputError):
        record_comments(database, [scored(1), dataclasses.replace(scored(2), model="")])
    assert queue_table(database).empty
