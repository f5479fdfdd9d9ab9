"""The words of the command line. Nothing heavy is imported here, so that `toxres --help` answers at once."""

import argparse
import sys
from typing import NoReturn

from toxres import __version__
from toxres.cli import moderation, triage, verbs
from toxres.config import PRESETS, RECIPES, SPANS

CORPUS = ".txt (one a line), .csv, .jsonl or .parquet"


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, allow_abbrev=False, **kwargs)

    def error(self, message: str) -> NoReturn:
        """Print `toxres train: ... (see toxres train --help)` and exit with code 2."""
        print(f"{self.prog}: {' '.join(message.split())} (see {self.prog} --help)", file=sys.stderr)
        sys.exit(2)


def build_parser() -> argparse.ArgumentParser:
    """The parser of `toxres`; `options.verb` of what it parses is the function to call with `options`."""
    parser = Parser(prog="toxres", description="A research lab for toxic comment classification.")
    parser.add_argument("--version", action="version", version=f"toxres {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _data(commands)
    _train(commands)
    _pretrain(commands)
    _evaluate(commands)
    _compare(commands)
    _router(commands)
    _score(commands)
    _explain(commands)
    _triage(commands)
    _export(commands)
    _serve(commands)
    moderation.add_words(commands, _add, _natural, _positive)
    return parser


def _add(commands, name: str, verb, summary: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
    command.set_defaults(verb=verb, prog=command.prog)
    return command


def _data(commands) -> None:
    parser = commands.add_parser("data", help="the sources of comments", description="The sources of comments.")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    _add(actions, "list", verbs.data_list, "every source, and whether it is at hand")
    describe = _add(actions, "describe", verbs.data_describe, "what one source is: files, sizes, licence, citation")
    describe.add_argument("name", metavar="NAME")
    pull = _add(actions, "pull", verbs.data_pull, "download public sources, verified, into the cache")
    pull.add_argument("names", nargs="*", metavar="NAME", help="all that can be downloaded when none is named")


def _train(commands) -> None:
    parser = _add(commands, "train", verbs.train, "train a recipe into a checkpoint folder")
    parser.add_argument(
        "recipe",
        metavar="RECIPE",
        help=f"one of: {', '.join(RECIPES)}; or {SPANS.name}: learns from toxic_spans, civil_spans or synthetic which "
        "words make a comment toxic",
    )
    parser.add_argument("--source", required=True, metavar="NAME[,NAME...]", help="where the comments come from")
    parser.add_argument("--preset", metavar="P", help=f"one of: {', '.join(PRESETS)} (TOXRES_PRESET, or quick)")
    parser.add_argument("--seed", type=_natural, default=0, metavar="N", help="0 unless told otherwise")
    parser.add_argument("--out", required=True, metavar="DIR", help="the checkpoint folder")
    parser.add_argument(
        "--encoder", metavar="NAME", help="minilm, e5 (multilingual), a folder or a hub name, instead of the preset's"
    )
    parser.add_argument(
        "--init", metavar="DIR", help="start from this checkpoint's weights; for spans: from a classifier's encoder"
    )
    parser.add_argument(
        "--patience", type=_positive, metavar="N", help="stop after N epochs without a better validation score"
    )
    parser.add_argument(
        "--batch-size", type=_positive, metavar="N", help="comments a batch and process, instead of the preset's"
    )
    parser.add_argument(
        "--gradient-accumulation", type=_positive, metavar="N", help="batches a step, for GPUs that hold small ones; 1"
    )
    parser.add_argument(
        "--gradient-checkpointing", action="store_true", help="less memory for a third more work, the same gradients"
    )
    parser.add_argument(
        "--precision",
        choices=("auto", "fp32", "bf16", "fp16"),
        help="auto, unless the preset says otherwise: what the device multiplies in hardware",
    )
    parser.add_argument(
        "--language-model", metavar="DIR", help="for ulmfit: start from this one (of `toxres pretrain`), as it is"
    )
    parser.add_argument("--corpus", metavar="FILE", help=f"for ulmfit: learn the language from this too: {CORPUS}")
    parser.add_argument("--vocab-size", type=_positive, metavar="N", help="for ulmfit: pieces of its vocabulary")
    parser.add_argument(
        "--enforce", metavar="LABEL[,LABEL...]", help="for the *_decision recipes: what the policy rejects comments for"
    )
    parser.add_argument("--max-steps", type=_positive, metavar="N", help="stop after N steps")
    parser.add_argument(
        "--stream",
        action="store_true",
        help="for millions of comments: read sources row by row (also .jsonl, .parquet, a folder or hub:NAME), train "
        "from a file of tokens",
    )
    parser.add_argument("--resume", action="store_true", help="go on where a killed run stopped")


def _pretrain(commands) -> None:
    parser = _add(
        commands, "pretrain", verbs.pretrain, "learn a language model from unlabelled text, or adapt an encoder"
    )
    parser.add_argument("--source", metavar="NAME[,NAME...]", help="sources whose training comments are read")
    parser.add_argument("--corpus", metavar="FILE", help=f"unlabelled text of any amount: {CORPUS}")
    parser.add_argument(
        "--encoder", metavar="NAME", help="adapt this transformer by masked language modelling: minilm, e5 or a folder"
    )
    parser.add_argument("--recipe", default="ulmfit", metavar="RECIPE", help="whose normalisation is used; ulmfit")
    parser.add_argument("--preset", metavar="P", help=f"one of: {', '.join(PRESETS)} (TOXRES_PRESET, or quick)")
    parser.add_argument("--vocab-size", type=_positive, metavar="N", help="pieces of the vocabulary")
    parser.add_argument("--language-model", metavar="DIR", help="go on with this one and its vocabulary")
    parser.add_argument("--seed", type=_natural, default=0, metavar="N", help="0 unless told otherwise")
    parser.add_argument("--out", required=True, metavar="DIR", help="the language model's folder")
    parser.add_argument("--resume", action="store_true", help="go on where a killed run stopped")


def _evaluate(commands) -> None:
    parser = _add(commands, "evaluate", verbs.evaluate, "score a checkpoint's predictions against known labels")
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="or a router: each row by its group's model")
    _rows(parser)
    parser.add_argument("--json", metavar="OUT.json", help="write the figures here as well")


def _router(commands) -> None:
    parser = _add(commands, "router", verbs.router, "one folder of checkpoints, one for each group of sites")
    parser.add_argument("routes", nargs="+", metavar="GROUP=DIR", help="which checkpoint answers for which group")
    parser.add_argument("--fallback", metavar="DIR", help="the checkpoint for every other group; none is refused")
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder to make")


def _compare(commands) -> None:
    parser = _add(commands, "compare", verbs.compare, "two checkpoints on the same rows, with paired intervals")
    parser.add_argument("first", metavar="CHECKPOINT")
    parser.add_argument("second", metavar="CHECKPOINT")
    _rows(parser)
    parser.add_argument("--resamples", type=_positive, default=1_000, metavar="N", help="of the bootstrap; 1,000")
    parser.add_argument("--seed", type=_natural, default=0, metavar="N", help="of the bootstrap; 0")
    parser.add_argument("--json", metavar="OUT.json", help="write the figures here as well")


def _rows(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source", required=True, metavar="NAME|FILE.csv", help="a source, or a CSV file in Kaggle's format"
    )
    parser.add_argument(
        "--split",
        default="test",
        metavar="S",
        help="train, validation, test (the default) or fold:0..4; for jigsaw also kaggle_test, Kaggle's own test files",
    )


def _score(commands) -> None:
    parser = _add(commands, "score", verbs.score, "score every comment of a file: one column a label")
    parser.add_argument("input", metavar="INPUT", help=".csv, .jsonl, .txt (packed or not), .parquet, or - for lines")
    parser.add_argument("--checkpoint", required=True, metavar="DIR", help="a checkpoint, router or bundle")
    parser.add_argument("--model", metavar="NAME", help="for a bundle of several models: which one scores")
    parser.add_argument("--out", required=True, metavar="OUT", help=".csv, .jsonl, .parquet, or - for CSV")
    parser.add_argument("--text-column", metavar="NAME", help="comment_text or text unless told otherwise")
    groups = parser.add_mutually_exclusive_group()
    groups.add_argument("--group", metavar="NAME", help="for a router: all comments are of this group of sites")
    groups.add_argument("--group-column", metavar="NAME", help="for a router: column of the groups; group")
    parser.add_argument("--calibrated", action="store_true", help="recalibrated probabilities")
    parser.add_argument(
        "--cut", action="store_true", help="for a bundle: read long comments as far as checkpoints do, not to their end"
    )
    parser.add_argument(
        "--strict", action="store_true", help="a bad row is an error; else it is listed in OUT.rejected.jsonl"
    )
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="go on where a broken run stopped: the default")
    again.add_argument("--replace", action="store_true", help="replace OUT, and what a broken run left")
    parser.add_argument(
        "--chunk", type=_positive, default=8_192, metavar="N", help="rows scored and kept at a time; 8,192"
    )
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help="this process, or a Ray cluster")
    parser.add_argument("--workers", type=_positive, metavar="N", help="of the cluster; 2")
    parser.add_argument("--ray-address", metavar="ADDRESS", help="of a cluster that runs, instead of one for the call")


def _explain(commands) -> None:
    parser = _add(commands, "explain", verbs.explain, "a page that shows which words give a comment its scores")
    parser.add_argument("checkpoint", metavar="CHECKPOINT")
    parser.add_argument("second", nargs="?", metavar="CHECKPOINT2", help="another, to be shown beside it")
    parser.add_argument("--text", required=True, metavar="TEXT", help="the comment, or - to read it from stdin")
    parser.add_argument(
        "--method",
        default="integrated_gradients",
        metavar="M",
        help="integrated_gradients (the default), gradient_x_input, attention, occlusion, shapley, supervised, "
        "lexicon, random",
    )
    parser.add_argument("--spans", metavar="DIR", help="for supervised: the span model, of `toxres train spans`")
    parser.add_argument(
        "--labels", metavar="LABEL[,LABEL...]", help="which labels to explain; all unless told otherwise"
    )
    parser.add_argument("--out", required=True, metavar="PAGE.html", help="the page to write; it needs no other file")
    parser.add_argument("--json", metavar="OUT.json", help="write the attributions here as well")


def _export(commands) -> None:
    parser = _add(commands, "export", verbs.export, "one folder of models that a service runs on")
    parser.add_argument(
        "checkpoints", nargs="+", metavar="CHECKPOINT", help="transformers, ULMFiT or tfidf, of one task"
    )
    parser.add_argument("--out", required=True, metavar="BUNDLE", help="the folder to make")
    verdicts = parser.add_mutually_exclusive_group()
    verdicts.add_argument("--triage", metavar="DIR", help="a fitted triage, of `toxres triage fit`, to go along")
    verdicts.add_argument(
        "--policy",
        metavar="NAME|FILE",
        help="fit one for this policy now, on --source, for the last model with attention",
    )
    parser.add_argument(
        "--source",
        metavar="NAME|FILE.csv",
        help="validation comments that the runtime and precision are chosen on; those of the first run by default",
    )
    parser.add_argument("--rows", type=_positive, metavar="N", help="at most so many of them")
    parser.add_argument("--runtime", choices=("onnxruntime", "openvino"), help="choose among its precisions alone")
    parser.add_argument("--precision", choices=("fp32", "bf16", "int8"), help="choose among the runtimes alone")
    parser.add_argument(
        "--threads", type=_positive, metavar="N", help="of one batch, in service; shared out by default"
    )


def _serve(commands) -> None:
    parser = _add(commands, "serve", verbs.serve, "the page and the API of a bundle, over HTTP")
    parser.add_argument(
        "bundle", nargs="?", metavar="BUNDLE", help="of `toxres export`; one of the newest checkpoints if none is named"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="H", help="address to listen at; 127.0.0.1, this machine"
    )
    parser.add_argument("--port", type=_natural, default=8000, metavar="N", help="8000; 0 takes a free one")
    parser.add_argument("--triage", metavar="DIR", help="of `toxres triage fit`, instead of the bundle's own")
    parser.add_argument("--decides", metavar="MODEL", help="whose scores verdicts come from; the one the triage is of")
    parser.add_argument("--database", metavar="FILE|URL", help="the moderators': a SQLite file, or postgresql://...")
    parser.add_argument("--api-key-file", metavar="FILE", help="API keys, one a line; requests then have to show one")
    parser.add_argument("--origin", action="append", metavar="URL", help="browsers may call from there too (CORS)")
    parser.add_argument("--languages", default="en", metavar="LIST", help="served by the Perspective-like route; en")
    parser.add_argument("--log-text", action="store_true", help="write the comments themselves into the log")
    for name, what in verbs.SERVE_LIMITS.items():
        kind = _seconds if name.endswith("seconds") else _positive
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="N", help=what)


def _seconds(word: str) -> float:
    number = float(word)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be above 0, not {word}")
    return number


def _triage(commands) -> None:
    told = "Accept, reject, or ask a person: a policy's thresholds."
    parser = commands.add_parser(
        "triage", help="accept, reject, or ask a person: a policy's thresholds", description=told
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    fit = _add(actions, "fit", triage.fit, "choose thresholds that keep a policy's promise, or say why nobody can")
    fit.add_argument("checkpoint", metavar="CHECKPOINT", help="or a router: each row by its group's model")
    fit.add_argument(
        "--policy", required=True, metavar="FILE|NAME", help="a YAML file, or children, forum, gossip or news"
    )
    fit.add_argument("--out", required=True, metavar="DIR", help="the folder to make; a triage never changes")
    report = _add(actions, "report", triage.report, "coverage, errors and workload on comments whose labels are known")
    report.add_argument("triage", metavar="TRIAGE", help="a folder of `toxres triage fit`")
    report.add_argument("checkpoint", metavar="CHECKPOINT", help="the model that it was fitted for")
    report.add_argument("--json", metavar="OUT.json", help="write the figures here as well")
    for command, split in ((fit, "validation"), (report, "test")):
        command.add_argument(
            "--source", required=True, metavar="NAME|FILE.csv", help="a source, or a CSV file in Kaggle's format"
        )
        command.add_argument(
            "--split", default=split, metavar="S", help=f"of a named source: {split} unless told otherwise"
        )
        command.add_argument("--group", metavar="NAME", help="all rows are of this group, whatever the source says")


def _natural(word: str) -> int:
    number = int(word)
    if number < 0:
        raise argparse.ArgumentTypeError(f"must be 0 or more, not {word}")
    if number >= 1 << 32:
        raise argparse.ArgumentTypeError(f"must be at most {(1 << 32) - 1}, not {word}")
    return number


def _positive(word: str) -> int:
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, not {word}")
    return number


for _type in (_natural, _positive):
    _type.__name__ = "whole number"
_seconds.__name__ = "number"
