"""Small comments files, tiny encoders in local folders, and smoke runs that are trained once."""

import csv
import dataclasses
import functools
import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    DistilBertConfig,
    DistilBertModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
)

from toxres.config import RECIPES, SMOKE, Preset
from toxres.labels import LABELS

QUICKER = dataclasses.replace(SMOKE, name="quicker", batch_size=8, epochs=2, max_length=16, learning_rate=3e-3)
"""Enough steps to be interrupted in the middle, still a second."""

NAMES = ["Ada", "Bert", "Carol", "Dan", "Emil", "Fay", "Gus", "Hana", "Ivo", "Jana", "Karl", "Lena"]
NOUNS = ["table", "page", "bridge", "river", "song", "atlas", "garden", "engine", "letter", "museum", "harbour"]
WORDS = ["old", "new", "long", "short", "blue", "wooden", "local", "second", "first", "quiet", "famous", "broken"]

TEXTS = (
    "What a lovely day for the museum.",
    "You are an idiot.",
    "no",
    "The second paragraph of this article is about bridges, rivers and a very long history of engineering in general.",
    "I will find you.",
    "This is crap, but thanks 😀 for trying!",
)
"""Comments of different lengths."""


def comments_rows(count: int = 200, seed: int = 0) -> list[dict]:
    """Rows in Kaggle's format: every second one has the word "crap", which makes it toxic, obscene and an insult."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        bad = number % 2
        pick = [pool[random.integers(len(pool))] for pool in (NAMES, WORDS, NOUNS, WORDS, NOUNS, NAMES)]
        text = "{} says the {} {} and the {} {} of {} are ".format(*pick) + ("crap" if bad else "fine")
        labels = dict.fromkeys(LABELS, 0) | dict.fromkeys(("toxic", "obscene", "insult"), bad)
        rows.append({"id": f"c{seed}-{number}", "comment_text": text, **labels, "threat": int(number % 10 == 1)})
    return rows


def tagged_rows(count: int = 200, seed: int = 0) -> list[dict]:
    """Rows with a column `tag` and no labels: "crap" is hate speech, "bosh" cyberbullying, every tenth is unknown."""
    rows = []
    for number, row in enumerate(comments_rows(count, seed)):
        kind = number % 3
        text = row["comment_text"].rsplit(" ", 1)[0] + " " + ("fine", "bosh", "crap")[kind]
        tag = ("0", "cyberbullying", "Hate Speech")[kind]
        rows.append({"id": row["id"], "comment_text": text, "tag": "" if number % 10 == 9 else tag})
    return rows


def write_comments(path: Path, rows: list[dict]) -> str:
    """Write rows as a CSV file; returns its path as a source."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def tensors(checkpoint: Path) -> dict[str, torch.Tensor]:
    """The weights of a checkpoint folder."""
    return load_file(checkpoint / "model.safetensors")


def same_weights(first: Path, second: Path) -> bool:
    """Whether two checkpoints have the same tensors, bit for bit."""
    a, b = tensors(first), tensors(second)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def word_tokenizer(roberta: bool = False) -> PreTrainedTokenizerFast:
    """A lower-casing word tokenizer over the vocabulary of `comments_rows`, with BERT's or RoBERTa's special tokens."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"] if roberta else ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    function_words = ["says", "the", "and", "of", "are", "crap", "fine", "a", "day", "."]
    words = sorted({word.lower() for word in [*NAMES, *NOUNS, *WORDS, *function_words]})
    vocabulary = {word: number for number, word in enumerate([*special, *words])}
    unknown, start, end, pad, mask = (
        ("<unk>", "<s>", "</s>", "<pad>", "<mask>") if roberta else ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")
    )
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=unknown))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=[(start, vocabulary[start]), (end, vocabulary[end])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token=unknown, pad_token=pad, cls_token=start, sep_token=end, mask_token=mask
    )


def save_encoder(kind: str, folder: Path, seed: int = 0) -> str:
    """Save a random two-layer "roberta" or "distilbert" with a tokenizer; returns the folder's name."""
    tokenizer = word_tokenizer(roberta=kind == "roberta")
    torch.manual_seed(seed)
    if kind == "roberta":
        config = RobertaConfig(
            vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=64, max_position_embeddings=140, type_vocab_size=1, pad_token_id=tokenizer.pad_token_id,
        )  # fmt: skip
        model = RobertaModel(config)
    else:
        config = DistilBertConfig(
            vocab_size=len(tokenizer), dim=32, n_layers=2, n_heads=2, hidden_dim=64,
            max_position_embeddings=140, pad_token_id=tokenizer.pad_token_id,
        )  # fmt: skip
        model = DistilBertModel(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def tiny_bert(vocab_size: int = 100) -> BertConfig:
    """Configuration of a two-layer BERT with 32 hidden units, without dropout."""
    return BertConfig(
        vocab_size=vocab_size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip


@functools.cache
def _temporary() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="toxres-tests-")


def folder() -> Path:
    """A folder of this test process, removed when it ends."""
    return Path(_temporary().name)


@functools.cache
def source() -> str:
    """A CSV file with the 200 rows of `comments_rows`."""
    return write_comments(folder() / "comments.csv", comments_rows())


@functools.cache
def tagged_source() -> str:
    """A CSV file with the 200 rows of `tagged_rows`."""
    return write_comments(folder() / "tagged.csv", tagged_rows())


def source_of(recipe: str) -> str:
    """A file that a recipe can learn its task from."""
    return tagged_source() if RECIPES[recipe].task == "types" else source()


@functools.cache
def preset_of(recipe: str) -> Preset:
    """`smoke`, with a vocabulary that the comments of `source()` can fill."""
    return dataclasses.replace(SMOKE, vocab_size=330) if RECIPES[recipe].language_model else SMOKE


def trained(recipe: str, seed: int = 0) -> Path:
    """A smoke checkpoint of a recipe on `source_of` it, trained once a test process; do not write into it."""
    from toxres.training import train

    data = os.environ.pop("TOXRES_DATA_DIR", None)
    try:
        return train(
            recipe, [source_of(recipe)], preset_of(recipe), seed, folder() / f"{recipe}-{seed}", progress=False
        )
    finally:
        if data is not None:
            os.environ["TOXRES_DATA_DIR"] = data
