"""The words of `toxres queue`, `toxres retrain` and `toxres rollback`, and what they do."""

import argparse
import json
import os
import sys
from collections.abc import Callable

DATABASE = "TOXRES_DATABASE"
"""Variable that names the moderation database where `--db` doesn't."""


def add_words(commands, add: Callable, natural: Callable, positive: Callable) -> None:
    """Add the verbs to the command line.

    Args:
        commands: Where verbs are added.
        add: Adds one: `add(commands, name, verb, summary)`.
        natural: Type of whole numbers from 0.
        positive: Type of whole numbers from 1.
    """
    _queue(commands, add, natural, positive)
    _retrain(commands, add, natural, positive)
    rollback = add(commands, "rollback", rollback_verb, "let an earlier champion decide again")
    rollback.add_argument("--registry", required=True, metavar="DIR", help="of `toxres retrain`")
    rollback.add_argument("--to", metavar="VERSION", help="this one; the champion before the present one by default")
    rollback.add_argument("--list", action="store_true", help="change nothing; list the versions")


def _queue(commands, add: Callable, natural: Callable, positive: Callable) -> None:
    parser = commands.add_parser(
        "queue", help="comments for moderators, and what they decide", description="The moderators' queue."
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    def action(name: str, verb: Callable, summary: str) -> argparse.ArgumentParser:
        words = add(actions, name, verb, summary)
        words.add_argument(
            "--db", metavar="FILE|URL", help=f"a SQLite file, or postgresql://user@host/name; {DATABASE} by default"
        )
        return words

    words = action("add", queue_add, "score a file's comments and record them; makes the database")
    words.add_argument("input", metavar="INPUT", help=".csv, .jsonl, .parquet, .txt, or - for lines of text")
    _scorer(words)
    groups = words.add_mutually_exclusive_group()
    groups.add_argument("--group", metavar="NAME", help="all comments are of this group of sites")
    groups.add_argument("--group-column", metavar="NAME", help="column of the groups; group")
    words.add_argument("--text-column", metavar="NAME", help="comment_text or text unless told otherwise")

    words = action("next", queue_next, "claim the next comments for a moderator")
    words.add_argument("--moderator", required=True, metavar="NAME")
    words.add_argument("--group", metavar="NAME", help="comments of this group alone")
    words.add_argument("--order", default="uncertain", metavar="O", help="uncertain (the default), change or oldest")
    words.add_argument("--limit", type=positive, default=1, metavar="N", help="so many; 1")
    words.add_argument("--minutes", type=positive, default=30, metavar="N", help="how long nobody else gets them; 30")
    words.add_argument("--policy", metavar="FILE", help="its daily_queue is the cap of a day")
    words.add_argument("--daily-cap", type=positive, metavar="N", help="most comments a day, instead of the policy's")
    words.add_argument("--second", action="store_true", help="what another has decided, for a second opinion")
    words.add_argument("--comment", metavar="ID", help="claim this comment, whatever its verdict")
    words.add_argument("--json", action="store_true", help="a JSON object a line, with scores")

    words = action("decide", queue_decide, "record a moderator's decision on a claimed comment")
    words.add_argument("comment", metavar="ID")
    words.add_argument("verdict", choices=("accept", "reject"), metavar="accept|reject")
    words.add_argument("--moderator", required=True, metavar="NAME")
    words.add_argument("--labels", metavar="LABEL[,LABEL...]", help="what it is rejected for")
    words.add_argument("--correct", action="store_true", help="change an earlier decision, which stays on record")

    words = action("release", queue_release, "give a claimed comment back undecided")
    words.add_argument("comment", metavar="ID")
    words.add_argument("--moderator", required=True, metavar="NAME")

    words = action("draw", queue_draw, "draw texts of a group for its gate or for calibration, at random")
    words.add_argument("--group", required=True, metavar="NAME")
    words.add_argument("--gate", type=natural, default=0, metavar="N", help="texts that judge challengers; drawn once")
    words.add_argument("--calibration", type=natural, default=0, metavar="N", help="texts that thresholds are set on")
    words.add_argument("--seed", type=natural, default=0, metavar="N", help="of the draw; 0")

    words = action("rescore", queue_rescore, "score undecided comments anew, such as by a new champion")
    _scorer(words)

    words = action("stats", queue_stats, "what came in, waits and is decided, and how far moderators agree")
    words.add_argument("--json", metavar="OUT.json", help="write the figures here as well")

    words = action("export", queue_export, "write the decided texts as a CSV file in Kaggle's format")
    words.add_argument("--out", required=True, metavar="OUT.csv")
    words.add_argument("--role", metavar="R", help="train, calibration or gate alone; all by default")
    words.add_argument("--group", metavar="NAME", help="of this group alone")


def _scorer(words: argparse.ArgumentParser) -> None:
    words.add_argument("--registry", metavar="DIR", help="its champion scores")
    words.add_argument("--checkpoint", metavar="DIR", help="or this checkpoint, with --triage")
    words.add_argument("--triage", metavar="DIR", help="of `toxres triage fit`, for --checkpoint")


def _retrain(commands, add: Callable, natural: Callable, positive: Callable) -> None:
    words = add(
        commands, "retrain", retrain_verb, "learn from moderators' decisions; promote the challenger if it holds"
    )
    words.add_argument("recipe", metavar="RECIPE", help="of the six labels, such as baseline, custom or tfidf")
    words.add_argument("--db", metavar="FILE|URL", help=f"the moderation database; {DATABASE} by default")
    words.add_argument("--registry", required=True, metavar="DIR", help="where champions are kept; made if missing")
    words.add_argument("--policy", required=True, metavar="FILE", help="a YAML file, or the name of an example policy")
    words.add_argument("--source", required=True, metavar="NAME[,NAME...]", help="the original training comments")
    words.add_argument("--preset", metavar="P", help="smoke, quick, full or paper (TOXRES_PRESET, or quick)")
    words.add_argument("--seed", type=natural, default=0, metavar="N", help="of training and the bootstrap; 0")
    words.add_argument("--min-decisions", type=positive, default=1, metavar="N", help="new ones that are worth it; 1")
    words.add_argument("--min-gate", type=positive, metavar="N", help="decided texts that a gate needs; 50")
    words.add_argument("--margin", type=float, metavar="X", help="loss in AP that has to be ruled out; 0.05")
    words.add_argument("--checkpoint", metavar="DIR", help="take this one as the challenger, instead of training")
    words.add_argument("--json", metavar="OUT.json", help="write the judgement here as well")


def queue_add(options: argparse.Namespace) -> None:
    """`toxres queue add INPUT --db DB --registry DIR`."""
    from toxres.triage.database import open_database
    from toxres.triage.rescoring import add_file, open_decider

    where = _where(options)
    decider = open_decider(options.registry, options.checkpoint, options.triage)
    with open_database(where, create=True) as database:
        found = add_file(
            database, options.input, decider, group=options.group, group_column=options.group_column,
            text_column=options.text_column, on_chunk=_progress("recorded"),
        )  # fmt: skip
    print(f"{found.added:,} comments added, {found.copies:,} of them copies; {found.rescored:,} scored again")


def queue_next(options: argparse.Namespace) -> None:
    """`toxres queue next --db DB --moderator NAME`."""
    from toxres.triage.queue import claim_comment, claim_next, left_today

    cap = options.daily_cap
    if cap is None and options.policy is not None:
        from toxres.triage.policy_file import load_policy

        cap = load_policy(options.policy).daily_queue
    with _opened(options) as database:
        if options.comment is not None:
            found = [claim_comment(database, options.comment, options.moderator, minutes=options.minutes)]
        else:
            found = claim_next(
                database, options.moderator, group=options.group, order=options.order, limit=options.limit,
                minutes=options.minutes, daily_cap=cap, second=options.second,
            )  # fmt: skip
        if not found and cap is not None and not left_today(database, cap, options.group):
            print(f"today's cap of {cap:,} comments is reached", file=sys.stderr)
        elif not found:
            print("no comment waits", file=sys.stderr)
    for each in found:
        if options.json:
            fields = vars(each) | {"until": each.until.isoformat(timespec="seconds"), "enforced": list(each.enforced)}
            fields["created"] = each.created and each.created.isoformat(timespec="seconds")
            print(json.dumps(fields, ensure_ascii=False))
        else:
            copies = f", {each.copies:,} copies" if each.copies > 1 else ""
            print(f"{each.comment_id} ({each.group}{copies}; yours until {each.until:%H:%M} UTC)\n{each.text}\n")


def queue_decide(options: argparse.Namespace) -> None:
    """`toxres queue decide ID accept|reject --db DB --moderator NAME`."""
    from toxres.triage.queue import decide

    labels = [label.strip() for label in options.labels.split(",")] if options.labels else []
    with _opened(options) as database:
        number = decide(database, options.comment, options.moderator, options.verdict, labels, correct=options.correct)
    print(f"decision {number}: {options.comment}, {options.verdict}{' for ' if labels else ''}{', '.join(labels)}")


def queue_release(options: argparse.Namespace) -> None:
    """`toxres queue release ID --db DB --moderator NAME`."""
    from toxres.triage.queue import release

    with _opened(options) as database:
        release(database, options.comment, options.moderator)
    print(f"{options.comment}: given back")


def queue_draw(options: argparse.Namespace) -> None:
    """`toxres queue draw --db DB --group NAME --gate N --calibration N`."""
    from toxres.triage.gates import draw_roles

    with _opened(options) as database:
        drawn = draw_roles(
            database, options.group, gate=options.gate, calibration=options.calibration, seed=options.seed
        )
    print(f"{drawn.gate:,} texts drawn for the gate, {drawn.calibration:,} for calibration; they are next in the queue")
    if drawn.passed_over:
        print(f"{drawn.passed_over:,} decided texts could not be drawn: what was drawn is not quite what comes in")


def queue_rescore(options: argparse.Namespace) -> None:
    """`toxres queue rescore --db DB --registry DIR`."""
    from toxres.triage.rescoring import open_decider, rescore

    decider = open_decider(options.registry, options.checkpoint, options.triage)
    with _opened(options) as database:
        done = rescore(database, decider, _progress("scored"))
    print(f"{done:,} undecided comments scored by {decider.version}")


def queue_stats(options: argparse.Namespace) -> None:
    """`toxres queue stats --db DB`."""
    from toxres.files import need_writable, write_json
    from toxres.triage.overview import agreements, moderators_table, queue_table

    if options.json is not None:
        need_writable(options.json)
    with _opened(options) as database:
        groups, moderators, agree = queue_table(database), moderators_table(database), agreements(database)
    print(groups.T.to_string() if len(groups) else "no comment is recorded")
    if len(moderators):
        print(f"\n{moderators.drop(columns='latest').to_string()}\n")
        print("\n".join(f"{group}: {each}" for group, each in agree.items()))
    if options.json is not None:
        told = moderators.assign(latest=[when.isoformat(timespec="seconds") for when in moderators["latest"]])
        figures = {"groups": groups.to_dict(orient="index"), "moderators": told.to_dict(orient="index")}
        write_json(options.json, figures | {"agreement": {group: vars(each) for group, each in agree.items()}})


def queue_export(options: argparse.Namespace) -> None:
    """`toxres queue export --db DB --out OUT.csv`."""
    from toxres.errors import InputError
    from toxres.files import need_writable
    from toxres.triage.decisions import export_decisions, read_decisions
    from toxres.triage.tables import ROLES

    need_writable(options.out)
    if options.role is not None and options.role not in ROLES:
        raise InputError(f"--role: {options.role!r} is none of {', '.join(ROLES)}; name one of them, or leave it out")
    with _opened(options) as database:
        roles = ROLES if options.role is None else [options.role]
        rows = export_decisions(read_decisions(database, roles=roles, group=options.group), options.out)
    print(f"{rows:,} decided texts: {options.out}")


def retrain_verb(options: argparse.Namespace) -> None:
    """`toxres retrain RECIPE --db DB --registry DIR --policy FILE --source NAME`."""
    from toxres.errors import InputError
    from toxres.files import need_writable, write_json
    from toxres.triage.policy_file import load_policy

    if options.json is not None:
        need_writable(options.json)
    if options.margin is not None and not 0 <= options.margin < 1:
        raise InputError(f"--margin: {options.margin:g} is no difference of average precisions; give one from 0 to 1")
    policy = load_policy(options.policy)
    sources = [name.strip() for name in options.source.split(",")]
    with _opened(options) as database:
        from toxres.triage.judgement import MIN_GATE
        from toxres.triage.retrain import retrain

        found = retrain(
            database, options.registry, policy, options.recipe, sources, options.preset, options.seed,
            min_decisions=options.min_decisions, min_gate=options.min_gate or MIN_GATE,
            margins=None if options.margin is None else {"ap": options.margin}, checkpoint=options.checkpoint,
            progress=sys.stderr.isatty(),
        )  # fmt: skip
    print("\n".join(found.told()))
    if options.json is not None:
        write_json(options.json, found.to_dict())
    if found.promoted:
        print(f"next: toxres queue rescore --registry {options.registry}")


def rollback_verb(options: argparse.Namespace) -> None:
    """`toxres rollback --registry DIR`."""
    from toxres.triage.registry import champion, read_version, rollback, versions

    if options.list:
        now = champion(options.registry)
        for name in versions(options.registry):
            record = read_version(options.registry, name).record
            mark = "*" if now is not None and name == now.name else " "
            print(f"{mark} {name}  after {record['parent'] or 'none'}, {len(record['decisions']):,} decisions")
        return
    version = rollback(options.registry, options.to)
    print(f"champion: {version.name} ({version.path})")
    print(f"next: toxres queue rescore --registry {options.registry}")


def _where(options: argparse.Namespace) -> str:
    from toxres.errors import InputError

    where = options.db or os.environ.get(DATABASE)
    if not where:
        raise InputError(f"no database is named; give --db FILE or a URL, or set {DATABASE}")
    return where


def _opened(options: argparse.Namespace):
    where = _where(options)
    from toxres.triage.database import open_database

    return open_database(where)


def _progress(what: str) -> Callable[[int], None]:
    def told(done: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done:,} comments {what}", end="", file=sys.stderr)

    return told
