"""What each verb of the command line does. Imports stand inside the functions: the parser loads this module."""

import argparse
import dataclasses
import sys
import tempfile
from pathlib import Path


def data_list(options: argparse.Namespace) -> None:
    """`toxres data list`."""
    from toxres.data.registry import list_sources

    print(list_sources())


def data_describe(options: argparse.Namespace) -> None:
    """`toxres data describe NAME`."""
    from toxres.data.registry import describe

    print(describe(options.name))


def data_pull(options: argparse.Namespace) -> None:
    """`toxres data pull [NAME...]`."""
    from toxres.data.registry import pull

    pulled = pull(options.names)
    print(f"{len(pulled.downloaded)} files downloaded, {len(pulled.present)} were there and verified")
    for line in pulled.manual:
        print(f"by hand: {line}")


def train(options: argparse.Namespace) -> None:
    """`toxres train RECIPE --source NAME[,NAME...] --out DIR`."""
    from toxres.config import MINILM, SPANS, get_preset, get_recipe
    from toxres.data import SOURCES
    from toxres.data.poleval import SOURCE as POLEVAL
    from toxres.errors import InputError

    if options.recipe == SPANS.name:
        _train_spans(options)
        return
    recipe, preset = get_recipe(options.recipe), get_preset(options.preset)
    sources = _names(options.source)
    if options.init and recipe.family != "transformer":
        raise InputError(f"--init: {recipe.name} starts from no other checkpoint; leave it out")
    for option in ("language_model", "corpus", "vocab_size"):
        if getattr(options, option) and not recipe.language_model:
            raise InputError(f"--{option.replace('_', '-')}: {recipe.name} has no language model; leave it out")
    if options.vocab_size:
        preset = dataclasses.replace(preset, vocab_size=options.vocab_size)
    if options.encoder:
        if recipe.family == "tfidf" or recipe.language_model:
            raise InputError(f"--encoder: {recipe.name} has no pre-trained encoder; leave it out")
        encoder = options.encoder
        if recipe.family == "stack" and encoder == MINILM:
            from toxres.models.encoders import minilm_path

            encoder = minilm_path()  # by name it would stand for a preset's default, in whose place a stack takes e5
        preset = dataclasses.replace(preset, encoder=encoder)
    if options.enforce:
        if recipe.task != "decision":
            raise InputError(f"--enforce: {recipe.name} learns no policy's decision; leave it out")
        recipe = dataclasses.replace(recipe, enforced=tuple(_names(options.enforce, "--enforce")))
    if options.patience is not None:
        if recipe.family != "transformer":
            raise InputError(f"--patience: {recipe.name} is not trained in epochs; leave it out")
        preset = dataclasses.replace(preset, patience=options.patience)
    preset = _for_the_device(preset, options, recipe)
    from toxres.training import train as run

    folder = run(
        recipe if options.enforce else recipe.name,
        sources,
        preset=preset,
        seed=options.seed,
        out=options.out,
        resume=options.resume,
        init=options.init,
        language_model=options.language_model,
        corpus=_corpus(options.corpus),
        stream=options.stream,
    )
    print(f"checkpoint: {folder}")
    if sources[0] in SOURCES:  # others have no test rows: all of their comments would be scored
        final = " --split validation" if sources[0] == POLEVAL else ""  # its test split is the official test file
        print(f"next: toxres evaluate {folder} --source {sources[0]}{final}")


def _for_the_device(preset, options: argparse.Namespace, recipe):
    """The preset with the options that fit a training to its device."""
    from toxres.errors import InputError

    names = ("batch_size", "gradient_accumulation", "gradient_checkpointing", "precision", "max_steps")
    given = {name: getattr(options, name) for name in names if getattr(options, name)}
    if given and recipe.family in ("tfidf", "stack"):
        raise InputError(f"--{next(iter(given)).replace('_', '-')}: {recipe.name} takes no such option; leave it out")
    if "precision" in given:
        from toxres.training.precision import need_precision

        need_precision(given["precision"])
    return dataclasses.replace(preset, **given)


def _train_spans(options: argparse.Namespace) -> None:
    """`toxres train spans --source NAME[,NAME...] --out DIR [--init CHECKPOINT]`."""
    from toxres.config import SPANS, get_preset
    from toxres.errors import InputError
    from toxres.files import read_json

    for option in ("language_model", "corpus", "vocab_size", "enforce", "patience", "stream"):
        if getattr(options, option) not in (None, False):
            raise InputError(f"--{option.replace('_', '-')}: {SPANS.name} has no use for it; leave it out")
    if options.encoder and options.init:
        raise InputError("--encoder: the encoder is that of --init; leave one of them out")
    preset = _for_the_device(get_preset(options.preset), options, SPANS)
    if options.encoder:
        preset = dataclasses.replace(preset, encoder=options.encoder)
    from toxres.training.spans import train_spans

    folder = train_spans(
        _names(options.source), preset, options.seed, options.out, init=options.init, resume=options.resume
    )
    found = read_json(folder / "run.json")["validation"]
    print(f"checkpoint: {folder}")
    print(
        f"validation: character F1 {found['character_f1']:.3f} on {found['posts']:,} posts, which the rule was tuned on"
    )


def pretrain(options: argparse.Namespace) -> None:
    """`toxres pretrain [--source NAME[,NAME...]] [--corpus FILE] --out DIR`."""
    from toxres.config import get_preset, get_recipe
    from toxres.errors import InputError

    if options.encoder:
        usual = {"recipe": "ulmfit", "vocab_size": None, "language_model": None}
        for option in [option for option, value in usual.items() if getattr(options, option) != value]:
            raise InputError(
                f"--{option.replace('_', '-')}: is for ulmfit's language model, not --encoder; leave it out"
            )
    recipe, preset = get_recipe(options.recipe), get_preset(options.preset)
    if options.vocab_size:
        preset = dataclasses.replace(preset, vocab_size=options.vocab_size)
    if not options.source and not options.corpus:
        raise InputError("nothing to read; name sources with --source, or a file of texts with --corpus, or both")
    if not recipe.language_model:
        raise InputError(f"--recipe: {recipe.name} has no language model; take ulmfit")
    from toxres.tasks import task_of
    from toxres.training.rows import select_rows
    from toxres.training.ulmfit import learn_language

    texts, validation = [], None
    if options.source:
        rows = select_rows(_names(options.source), preset, options.seed, need_labels=False, task=task_of(recipe))
        texts, validation = rows.train["text"].tolist(), rows.validation["text"].tolist()
    if options.encoder:
        _adapt(options, preset, texts, validation)
        return
    folder = learn_language(
        recipe,
        preset,
        texts,
        options.out,
        seed=options.seed,
        corpus=_corpus(options.corpus),
        init=options.language_model,
        validation=validation,
        resume=options.resume,
    )
    print(f"language model: {folder}")
    print(f"next: toxres train {recipe.name} --source NAME --language-model {folder} --out DIR")


def _adapt(options: argparse.Namespace, preset, texts: list[str], validation: list[str] | None) -> None:
    """`toxres pretrain --encoder NAME`."""
    import itertools

    from toxres.training.masked_language_model import adapt_encoder, masked_config

    corpus = _corpus(options.corpus)
    folder = adapt_encoder(
        texts if corpus is None else lambda: itertools.chain(texts, corpus()),
        options.encoder,
        masked_config(preset),
        options.out,
        seed=options.seed,
        resume=options.resume,
        validation=validation,
    )
    print(f"encoder: {folder}")
    print(f"next: toxres train baseline --source NAME --encoder {folder} --out DIR")


def _names(words: str, option: str = "--source") -> list[str]:
    from toxres.errors import InputError

    names = [name.strip() for name in words.split(",")]
    if not all(names):
        what = {"--enforce": "label", "--labels": "label"}.get(option, option.removeprefix("--"))
        raise InputError(f"{option} {words!r} names an empty {what}; separate names by single commas")
    return names


def _corpus(path: str | None):
    """A function that begins to read a file of texts, or None without a file."""
    from toxres.scoring import read_texts

    if path is None:
        return None
    if path == "-":
        from toxres.errors import InputError

        raise InputError("--corpus: is read several times, so it can't be standard input; name a file")
    read_texts(path)
    return lambda: read_texts(path)


def evaluate(options: argparse.Namespace) -> None:
    """`toxres evaluate CHECKPOINT --source NAME|FILE.csv`."""
    from toxres.api import evaluate as run
    from toxres.files import need_writable, write_json

    if options.json is not None:
        need_writable(options.json)
    report = run(options.checkpoint, options.source, split=options.split)
    print(report.table())
    if options.json:
        write_json(options.json, report.to_dict())


def compare(options: argparse.Namespace) -> None:
    """`toxres compare CHECKPOINT CHECKPOINT --source NAME|FILE.csv`."""
    from toxres.api import compare as run
    from toxres.files import need_writable, write_json

    if options.json is not None:
        need_writable(options.json)
    comparison = run(
        options.first,
        options.second,
        options.source,
        split=options.split,
        n_resamples=options.resamples,
        seed=options.seed,
    )
    print(comparison.table())
    if options.json:
        write_json(options.json, comparison.to_dict())


def router(options: argparse.Namespace) -> None:
    """`toxres router GROUP=DIR [GROUP=DIR...] --out DIR`."""
    from toxres.errors import InputError
    from toxres.router import make_router

    routes: dict[str, str] = {}
    for word in options.routes:
        group, equals, folder = (part.strip() for part in word.partition("="))
        if not (group and equals and folder):
            raise InputError(f"{word!r}: is no route; write GROUP=DIR, such as news=build/checkpoints/news")
        if group in routes:
            raise InputError(f"{word!r}: group {group!r} has a checkpoint already, {routes[group]}; name it once")
        routes[group] = folder
    folder = make_router(routes, options.out, options.fallback)
    print(f"router: {folder}")
    print(f"next: toxres score INPUT --checkpoint {folder} --out OUT.csv")


def score(options: argparse.Namespace) -> None:
    """`toxres score INPUT --checkpoint DIR --out OUT`."""
    from toxres.scoring import Asked, score_file

    done = score_file(
        options.input,
        Asked(
            options.checkpoint,
            options.model,
            options.calibrated,
            options.group,
            options.group_column,
            whole=not options.cut,
        ),
        options.out,
        text_column=options.text_column,
        strict=options.strict,
        replace=options.replace,
        chunk=options.chunk,
        engine=options.engine,
        workers=options.workers,
        ray_address=options.ray_address,
        progress=True,
    )
    print(done.told(), file=sys.stderr)


def explain(options: argparse.Namespace) -> None:
    """`toxres explain CHECKPOINT [CHECKPOINT2] --text TEXT --out PAGE.html`."""
    from toxres.errors import InputError
    from toxres.files import need_writable, write_json, write_text

    for path in filter(None, (options.out, options.json)):
        need_writable(path)
    text = options.text
    if text == "-":
        text = sys.stdin.buffer.read().decode("utf-8", "replace").removesuffix("\n")
    if not text.strip():
        raise InputError("--text: is blank, so there is no word to explain; give it a comment")
    labels = _names(options.labels, "--labels") if options.labels is not None else None
    from toxres.explain import explain as run
    from toxres.explain.html import page

    folders = [folder for folder in (options.checkpoint, options.second) if folder is not None]
    further = {} if options.spans is None else {"spans": options.spans}
    found = [run(folder, [text], options.method, labels, **further)[0] for folder in folders]
    if len(found) > 1 and found[0].model == found[1].model:
        found = [dataclasses.replace(each, model=str(folder)) for each, folder in zip(found, folders, strict=True)]
    write_text(options.out, page([found]))
    if options.json:
        write_json(options.json, {"explanations": [each.to_dict() for each in found]})
    for each in found:
        if each.note:
            print(f"{each.model}: {each.note}", file=sys.stderr)
    print(f"page: {options.out}")


def export(options: argparse.Namespace) -> None:
    """`toxres export CHECKPOINT [CHECKPOINT...] --out BUNDLE`."""
    from toxres.errors import InputError
    from toxres.files import read_json
    from toxres.serving import export_bundle
    from toxres.serving.bundle import CHOICE
    from toxres.serving.candidates import CANDIDATES
    from toxres.serving.card import choice_table

    wanted = [
        candidate
        for candidate in CANDIDATES
        if options.runtime in (None, candidate.runtime) and options.precision in (None, candidate.precision)
    ]
    if not wanted:
        raise InputError(f"{options.runtime} has no {options.precision}; choose openvino, or another --precision")
    with tempfile.TemporaryDirectory(prefix="toxres-") as work:
        triage = options.triage
        if options.policy is not None:
            triage = _fit_policy(options, Path(work) / "triage")
        folder = export_bundle(
            options.checkpoints,
            options.out,
            triage=triage,
            source=options.source,
            limit=options.rows,
            candidates=wanted,
            threads=options.threads,
            say=lambda line: print(line, file=sys.stderr),
        )
    choice = read_json(folder / CHOICE)
    if choice["candidates"]:
        print(f"{choice_table(choice)}\n")
    print(choice["why"])
    print(f"bundle: {folder}")
    print(f"next: toxres serve {folder}")


def _fit_policy(options: argparse.Namespace, out: Path) -> Path:
    """A triage for `--policy`, fitted for the model that the service takes verdicts from."""
    from toxres.checkpoint import load_checkpoint
    from toxres.triaging import fit_policy

    opened = [load_checkpoint(folder) for folder in options.checkpoints]
    seeing = [each for each in opened if each.run["recipe"].get("pooling") == "attention"]
    chosen = (seeing or opened)[-1]
    source = options.source or chosen.run["sources"][0]["name"]
    fitted = fit_policy(chosen, options.policy, source, out=out)
    for line in (*fitted.triage.told(), fitted.caution):
        if line:
            print(f"{chosen.name}: {line}", file=sys.stderr)
    return fitted.folder


SERVE_LIMITS = {
    "body_bytes": "bytes of a request; 1 MiB",
    "comments": "comments of a request; 128",
    "characters": "characters of a comment; 50,000",
    "words": "words that an explanation asks about; 200",
    "in_flight": "requests at once; 256",
    "waiting_seconds": "how long a request may wait for the models; 10",
    "request_seconds": "how long a request may take; 60",
}
"""Limits of a service that the command line sets, and what it says of them."""


def serve(options: argparse.Namespace) -> None:
    """`toxres serve [BUNDLE] [--host H] [--port N] [--database URL]`."""
    from toxres.serving.server import serve as run
    from toxres.serving.settings import Limits, Settings, read_keys

    given = {name: getattr(options, name) for name in SERVE_LIMITS if getattr(options, name) is not None}
    settings = Settings(
        Limits(**given),
        read_keys(options.api_key_file) if options.api_key_file else (),
        tuple(options.origin or ()),
        tuple(name.lower() for name in _names(options.languages, "--languages")),
        options.log_text,
    )
    bundle = options.bundle
    if bundle is None:
        from toxres.cli.newest import newest_bundle
        from toxres.paths import build_dir

        bundle = newest_bundle(build_dir())
    run(
        bundle,
        host=options.host,
        port=options.port,
        settings=settings,
        triage=options.triage,
        database=options.database,
        decides=options.decides,
    )
