"""A vocabulary learned from one's own comments: SentencePiece, wrapped as a fast Hugging Face tokenizer."""

import io
import json
import random
import re
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import sentencepiece
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerBase

from toxres.errors import InputError
from toxres.models.tokenizer import NormalizingTokenizer
from toxres.text import SPECIAL_TOKENS, STEPS, normalise

PAD, UNK, BOS, EOS = CONTROL = ("<pad>", "<unk>", "<s>", "</s>")
"""Control pieces, with the ids 0 to 3; no text can spell them."""

_BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))
_SCORE_STEP = 2.0**-8
_TEXT_LENGTH = 100_000
_LINE_LENGTH = 1_000
# SentencePiece reads a line a sentence and keeps the tab and U+2581, U+2585 for itself.
_BREAKS = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029\u2581\u2585]+")
_SURROGATES = re.compile("[\ud800-\udfff]+")


class Piece(NamedTuple):
    """A piece of a vocabulary.

    Attributes:
        id: Its token id.
        piece: Its characters; U+2581 stands for a space.
        score: Log-probability of a learned piece, 0 for the others.
        kind: "control", "special" (one of `SPECIAL_TOKENS`), "byte" or "learned".
    """

    id: int
    piece: str
    score: float
    kind: str


def train_sentencepiece(
    texts: Iterable[str],
    vocab_size: int,
    *,
    normalisation: Iterable[str] | None = STEPS,
    seed: int = 0,
    sample_size: int = 1_000_000,
    character_coverage: float = 0.9995,
    at_most: bool = False,
) -> NormalizingTokenizer:
    """Train a unigram vocabulary (Kudo 2018; Kudo and Richardson 2018) on texts that are read once.

    `SPECIAL_TOKENS` are single pieces, and characters outside the vocabulary fall back to their UTF-8 bytes, so that
    decoding gives back the normalised text (but U+2581 as a space: SentencePiece writes spaces so). Every encoded text
    starts with `<s>` and ends with `</s>`.

    Args:
        texts: Comments as they were written; an iterator may be larger than memory.
        vocab_size: Pieces in all: the learned ones, 4 control pieces, 256 bytes and the special tokens.
        normalisation: Steps before training and before every later use (see `NormalizingTokenizer`).
        seed: Of the sample of texts; the same texts and seed give the same vocabulary.
        sample_size: Texts that are drawn at random, kept in memory and learned from.
        character_coverage: Share of the corpus's characters that become pieces of their own.
        at_most: Learn fewer pieces where the corpus supports no more, instead of refusing.

    Returns:
        The tokenizer, with ids and pieces as `sentencepiece` itself gives them.

    Raises:
        InputError: There is no text, a text isn't a string, or the corpus doesn't support the vocabulary size; the
            message then says which one it does.
    """
    steps = None if normalisation is None else list(normalisation)
    sample = sample_texts(texts, sample_size, seed)
    model = train_model(_lines(sample, steps), vocab_size, character_coverage=character_coverage, at_most=at_most)
    return wrap_model(model, steps)


def sample_texts(texts: Iterable[str], size: int, seed: int) -> list[str]:
    """At most `size` texts of a stream, each with the same chance (algorithm R, Vitter 1985).

    Texts of more than 100,000 characters count as several.

    Raises:
        InputError: A text isn't a string; the message says which.
    """
    rng = random.Random(seed)
    sample: list[str] = []
    seen = 0
    for number, text in enumerate(texts, start=1):
        if not isinstance(text, str):
            raise InputError(f"text {number} of the corpus is {type(text).__name__}, not a string; give strings only")
        for part in _parts(text, _TEXT_LENGTH):
            seen += 1
            if len(sample) < size:
                sample.append(part)
            elif (place := rng.randrange(seen)) < size:
                sample[place] = part
    return sample


def train_model(
    lines: Iterable[str], vocab_size: int, *, character_coverage: float = 0.9995, at_most: bool = False
) -> bytes:
    """A serialised SentencePiece model (what a `.model` file holds) of lines of at most about 1,000 characters.

    Its scores are rounded to multiples of 1/256, so that sums of them are exact and ties between segmentations are
    broken alike in single and in double precision.

    Raises:
        InputError: As in `train_sentencepiece`; what `lines` raises is passed on.
    """
    if not isinstance(vocab_size, int) or vocab_size < 1:
        raise InputError(f"vocab_size must be a whole number above 0, not {vocab_size!r}")
    failures: list[BaseException] = []
    counts = {"lines": 0}

    def watched() -> Iterator[str]:
        try:
            for line in lines:
                counts["lines"] += 1
                yield line
        except BaseException as error:
            failures.append(error)
            raise

    writer = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=watched(),
            model_writer=writer,
            model_type="unigram",
            vocab_size=vocab_size,
            hard_vocab_limit=not at_most,
            character_coverage=character_coverage,
            # With these characters in the vocabulary, a typed "<s>" or "<0x41>" never is the piece of that name.
            required_chars="".join(sorted(set("".join(CONTROL + _BYTES)))),
            byte_fallback=True,
            user_defined_symbols=list(SPECIAL_TOKENS),
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            num_threads=2,
            minloglevel=2,
            **{f"{name}_id": index for index, name in enumerate(("pad", "unk", "bos", "eos"))},
            **{f"{name}_piece": CONTROL[index] for index, name in enumerate(("pad", "unk", "bos", "eos"))},
        )
    except Exception as error:
        if failures:
            raise failures[0] from None
        raise _explained(error, vocab_size, counts["lines"]) from error
    return _rounded(writer.getvalue())


def wrap_model(model: bytes, normalisation: Iterable[str] | None) -> NormalizingTokenizer:
    """The fast tokenizer of a serialised model from `train_model`."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    pieces = [processor.id_to_piece(index) for index in range(len(processor))]
    scores = [processor.get_score(index) for index in range(len(processor))]
    # The backend would find control and byte pieces in a text; no way of spelling them costs as much as this.
    unlikely = 100 * min(scores) - 100
    hidden = {*CONTROL, *_BYTES}
    vocab = [(piece, unlikely if piece in hidden else score) for piece, score in zip(pieces, scores, strict=True)]
    backend = Tokenizer(models.Unigram(vocab, unk_id=processor.unk_id(), byte_fallback=True))
    backend.pre_tokenizer = pre_tokenizers.Metaspace("\u2581", prepend_scheme="never")
    backend.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    backend.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A {EOS}",
        pair=f"{BOS} $A {EOS} $B:1 {EOS}:1",
        special_tokens=[(BOS, processor.bos_id()), (EOS, processor.eos_id())],
    )
    backend.add_special_tokens([AddedToken(piece, normalized=False, special=True) for piece in CONTROL])
    backend.add_tokens([AddedToken(piece, normalized=False) for piece in SPECIAL_TOKENS])
    return NormalizingTokenizer(
        tokenizer_object=backend,
        normalisation=normalisation,
        dummy_prefix=True,
        split_special_tokens=True,
        pad_token=PAD,
        unk_token=UNK,
        bos_token=BOS,
        eos_token=EOS,
        model_input_names=["input_ids", "attention_mask"],
    )


def list_pieces(tokenizer: PreTrainedTokenizerBase) -> list[Piece]:
    """The pieces of a tokenizer from `train_sentencepiece`, by id: control, special, bytes, then learned ones."""
    vocab = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["vocab"]
    kinds = dict.fromkeys(_BYTES, "byte") | dict.fromkeys(SPECIAL_TOKENS, "special") | dict.fromkeys(CONTROL, "control")
    rows = [(index, piece, score, kinds.get(piece, "learned")) for index, (piece, score) in enumerate(vocab)]
    return [Piece(index, piece, score if kind == "learned" else 0.0, kind) for index, piece, score, kind in rows]


def _lines(texts: Iterable[str], steps: list[str] | None) -> Iterator[str]:
    """Normalised texts as lines that SentencePiece accepts: no control characters, at most 1,000 characters."""
    for text in texts:
        text = normalise(text, steps).text if steps else text
        for line in _BREAKS.split(_SURROGATES.sub(" ", text)):
            yield from (part for part in map(str.strip, _parts(line, _LINE_LENGTH)) if part)


def _parts(text: str, length: int) -> Iterator[str]:
    """Cut a text into parts of at most `length` characters, after a space or line break where there is one."""
    start = 0
    while len(text) - start > length:
        cut = max(text.rfind(mark, start, start + length) for mark in (" ", "\n")) + 1 or start + length
        yield text[start:cut]
        start = cut
    yield text[start:]


def _explained(error: Exception, vocab_size: int, lines: int) -> InputError:
    reason = " ".join(str(error).split())
    if not lines:
        return InputError("the corpus holds no text; give at least one comment that isn't empty")
    if largest := re.search(r"Vocabulary size too high .*<= (\d+)", reason):
        return InputError(
            f"vocab_size {vocab_size} is more than this corpus supports; choose at most {largest[1]}, or add text"
        )
    if smallest := re.search(r"Vocabulary size is smaller than required_chars\. \d+ vs (\d+)", reason):
        return InputError(f"vocab_size {vocab_size} is too small for this corpus; choose at least {smallest[1]}")
    return InputError(f"no vocabulary of {vocab_size} pieces can be learned from this corpus ({reason})")


def _rounded(model: bytes) -> bytes:
    """Round the scores in a serialised model; they are 4 bytes each, so nothing else moves.

    A model is a list of fields (protocol buffers, wire format): number and type, then the value. Field 1 is a piece,
    a length and the piece's own fields, of which number 2 is the score.
    """
    data = bytearray(model)
    at = 0
    while at < len(data):
        key, value, end = _field(data, at)
        if key == 0x0A:
            inner = value
            while inner < end:
                inner_key, inner_value, inner_end = _field(data, inner)
                if inner_key == 0x15:
                    (score,) = struct.unpack_from("<f", data, inner_value)
                    struct.pack_into("<f", data, inner_value, round(score / _SCORE_STEP) * _SCORE_STEP)
                inner = inner_end
        at = end
    return bytes(data)


def _field(data: bytearray, at: int) -> tuple[int, int, int]:
    """Key of the field at a position, and where its value starts and ends."""
    key, at = _varint(data, at)
    kind = key & 7
    if kind == 0:
        return key, at, _varint(data, at)[1]
    if kind == 2:
        length, at = _varint(data, at)
        return key, at, at + length
    return key, at, at + {1: 8, 5: 4}[kind]


def _varint(data: bytearray, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
