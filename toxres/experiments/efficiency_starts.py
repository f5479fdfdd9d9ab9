"""What the arms of `toxres.experiments.efficiency` start from: an encoder or a language model, trained or not."""

import dataclasses
import hashlib
import json
from pathlib import Path

from toxres.config import ULMFIT
from toxres.data import load_comments
from toxres.data.splits import TEST_FOLD, VALIDATION_FOLD
from toxres.errors import InputError
from toxres.experiments.efficiency_design import RANDOM_SPREAD, Settings
from toxres.files import atomic_path, read_json, write_json


def unlabelled(settings: Settings, sources: tuple[str, ...]) -> list[str]:
    """The beginnings of all training comments of some sources, none of which stands, nearly, in the test fold."""
    from toxres.training.rows import select_rows

    preset = dataclasses.replace(settings.preset, max_rows=None, max_rows_auxiliary=None)
    validation = VALIDATION_FOLD if settings.test_fold == VALIDATION_FOLD else None
    rows = select_rows(sources, preset, 0, TEST_FOLD, validation, need_labels=False)
    return [text[: settings.read] for text in rows.train["text"]]


def adapted_encoder(settings: Settings) -> Path:
    """MiniLM after masked language modelling on every training comment of all sources; made once."""
    from toxres.training.masked_language_model import MaskedConfig, adapt_encoder

    out = settings.work / "adapted"
    if (out / "run.json").is_file():
        return out
    preset = settings.preset
    config = MaskedConfig("efficiency", epochs=1, max_length=preset.max_length, batch_tokens=4_096)
    held_out = load_comments((settings.auxiliary or (settings.source,))[0], split="test", limit=500)["text"]
    return adapt_encoder(
        unlabelled(settings, (settings.source, *settings.auxiliary)), preset.encoder, config, out,
        validation=[text[: settings.read] for text in held_out], resume=True, save_steps=60, progress=False,
    )  # fmt: skip


def adapted_language(settings: Settings, seed: int = 0) -> Path:
    """The language model of the other sources after the source's training comments; made once, for every seed."""
    from toxres.training.ulmfit import learn_language

    out = settings.work / "language"
    if (out / "run.json").is_file():
        return out
    if not (settings.language_model / "run.json").is_file():
        raise InputError(f"{settings.language_model}: is not there yet; run toxres.training.experiments oof first")
    texts = unlabelled(settings, (settings.source,))
    return learn_language(
        ULMFIT, settings.preset, texts, out, init=settings.language_model, resume=True, progress=False
    )


def random_language(settings: Settings, seed: int) -> Path:
    """A language model with the same vocabulary and sizes that has learned nothing, its embeddings drawn wider."""
    import torch
    import transformers

    from toxres.training.language_config import LanguageModelConfig
    from toxres.training.language_start import load_start, new_model

    out = settings.work / f"random-seed{seed}"
    if (out / "run.json").is_file():
        return out
    run = read_json(settings.language_model / "run.json")
    config = LanguageModelConfig(**run["config"])
    start = load_start(settings.language_model, None, config)
    torch.manual_seed(seed)
    transformers.utils.logging.disable_progress_bar()
    model = new_model(start.tokenizer, config)
    with torch.no_grad():
        model.get_input_embeddings().weight.mul_(RANDOM_SPREAD)
    defining = {"config": run["config"], "vocabulary": run["vocabulary"], "random": seed, "spread": RANDOM_SPREAD}
    key = hashlib.sha256(json.dumps(defining, sort_keys=True).encode()).hexdigest()[:16]
    with atomic_path(out) as folder:
        model.save_pretrained(folder)
        start.tokenizer.save_pretrained(folder)
        write_json(folder / "run.json", {"key": key, **defining})
    return out
