"""What a notebook asks of normalisation, of a vocabulary and of a language model: small tables, ready to be read."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from toxres.checkpoint import RUN, Checkpoint
from toxres.files import read_json
from toxres.findings import source_name
from toxres.text import SPECIAL_TOKENS, STEPS, normalise

SPACE = "\u2581"
"""What SentencePiece writes for a space: the mark of a piece that begins a word."""


def changes_table(texts: Sequence[str], steps: Sequence[str] = STEPS) -> pd.DataFrame:
    """Texts as they were written and as a model reads them.

    Args:
        texts: N texts.
        steps: Of normalisation.

    Returns:
        N rows: `as written`, `as the model reads it`, and `steps`, those without which the result would be another.
    """
    rows = []
    for text in texts:
        result = normalise(text, steps).text
        needed = [step for step in steps if normalise(text, [other for other in steps if other != step]).text != result]
        rows.append((text, result, ", ".join(needed)))
    return pd.DataFrame(rows, columns=["as written", "as the model reads it", "steps"])


def span_table(text: str, steps: Sequence[str] = STEPS) -> pd.DataFrame:
    """Which characters of a text were read as what: a row for each word that normalisation changed.

    Returns:
        `start` and `end` in the text as it was written, the characters there, and what they were `read as`.
    """
    result = normalise(text, steps)
    rows: list[tuple[int, int, str, str]] = []
    for word in re.finditer(r"\S+", result.text):
        start, end = int(result.spans[word.start(), 0]), int(result.spans[word.end() - 1, 1])
        if rows and start < rows[-1][1]:
            # Several words that stand for the same characters, such as the name of an emoji.
            rows[-1] = (rows[-1][0], max(end, rows[-1][1]), text[rows[-1][0] : end], f"{rows[-1][3]} {word[0]}")
        else:
            rows.append((start, end, text[start:end], word[0]))
    changed = [row for row in rows if row[2] != row[3]]
    return pd.DataFrame(changed, columns=["start", "end", "as written", "read as"])


def own_pieces(tokenizer, reference, texts: Sequence[str], most: int = 30, least_comments: int = 10) -> pd.DataFrame:
    """Whole words that are one piece of a vocabulary and several of another's, the most common first.

    Args:
        tokenizer: From `train_sentencepiece`.
        reference: A tokenizer trained on other text, such as BERT's on Wikipedia and books.
        texts: In which comments are counted.
        most: Rows at most.
        least_comments: A piece that stands in fewer is left out: it may be somebody's name.

    Returns:
        A row a word: index `piece`, `comments` it stands in, and `reference`, the pieces the other vocabulary needs.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        tokens = tokenizer.tokenize(text, verbose=False)
        # A word is one piece if the next piece begins another word.
        ends = [*(following.startswith(SPACE) or following in SPECIAL_TOKENS for following in tokens[1:]), True]
        counts.update({token for token, end in zip(tokens, ends, strict=True) if end})
    rows = {}
    for token, comments in counts.most_common():
        if comments < least_comments or len(rows) == most:
            break
        word = token.removeprefix(SPACE)
        if token != word and len(word) > 2 and word.isalpha() and len(pieces := reference.tokenize(word)) > 1:
            rows[word] = {"comments": comments, "reference": " ".join(pieces)}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["comments", "reference"]).rename_axis("piece")


def tokens_per_word(tokenizers: Mapping[str, object], texts: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """How many tokens a word between white space takes: a row a collection of texts, a column a tokenizer."""
    table = {
        name: {
            kind: _tokens(tokenizer, some) / max(1, sum(len(text.split()) for text in some))
            for kind, some in texts.items()
        }
        for name, tokenizer in tokenizers.items()
    }
    return pd.DataFrame(table)


def _tokens(tokenizer, texts: Sequence[str]) -> int:
    return sum(len(tokenizer.tokenize(text, verbose=False)) for text in texts)


def next_pieces(folder: str | Path, prompt: str, most: int = 8) -> pd.Series:
    """The pieces a language model expects after a prompt, the likeliest first, and their probabilities.

    Args:
        folder: Of a language model.
        prompt: A text.
        most: How many.
    """
    import torch
    from transformers import AutoTokenizer

    from toxres.models.awd_lstm import AwdLstmForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AwdLstmForCausalLM.from_pretrained(folder).eval()
    ids = tokenizer(prompt, return_tensors="pt")["input_ids"][:, :-1]  # without the end of the text
    with torch.inference_mode():
        probs, best = model(input_ids=ids).logits[0, -1].float().softmax(dim=-1).topk(most)
    pieces = [piece.replace(SPACE, " ") for piece in tokenizer.convert_ids_to_tokens(best.tolist())]
    return pd.Series(probs.tolist(), index=pieces, name="probability")


def language_model_of(checkpoint: Checkpoint) -> Path:
    """The folder of the language model that a training run learned on its way, beside its checkpoint."""
    return checkpoint.path.with_name(f"{checkpoint.path.name}.language_model")


def language_record(checkpoint: Checkpoint) -> dict:
    """The record of that language model: corpus, size, and how well it predicted held-out text after each epoch."""
    return read_json(language_model_of(checkpoint) / RUN)


def language_told(record: Mapping, source: str) -> str:
    """What stands under a figure of a language model: what it read, how large it is."""
    config, corpus = record["config"], record["corpus"]
    return (
        f"{source_name(source, corpus['texts'], 0.6)}, {corpus['texts']:,} training comments, "
        f"{corpus['tokens']:,} tokens; "
        f"{config['layers']} layers of {config['lstm_size']}, {record['vocabulary']['size']:,} pieces"
    )
