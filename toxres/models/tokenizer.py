"""A fast tokenizer that normalises every text first and still points into the text as it was written."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from tokenizers import AddedToken, Encoding
from transformers import BatchEncoding, PreTrainedModel, PreTrainedTokenizerBase, TokenizersBackend

from toxres.errors import InputError
from toxres.models.configuration import ToxicityConfig
from toxres.text import SPECIAL_TOKENS, STEPS, Normalised, prepare

SYNONYMS = {
    "<url>": "url link",
    "<email>": "email address",
    "<mention>": "user name",
}
"""Words whose embeddings a special token starts from, where its own name is not enough."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_KEPT = (
    "model_max_length",
    "padding_side",
    "truncation_side",
    "model_input_names",
    "clean_up_tokenization_spaces",
    "split_special_tokens",
)


class OriginalEncoding:
    """An `Encoding` of the tokenizers library whose character positions are those of the original text.

    Everything that has to do with characters is answered here; the rest is the backend's own answer about the tokens.

    Args:
        encoding: The backend's encoding of normalised texts.
        sources: For each of the one or two sequences, the normalised text, or a list of them where the input was
            split into words.
    """

    __slots__ = ("_encoding", "_offsets", "_sources")

    def __init__(self, encoding: Encoding, sources: Sequence[Normalised | list[Normalised]]) -> None:
        self._encoding = encoding
        self._sources = sources
        self._offsets: list[tuple[int, int]] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoding, name)

    def __len__(self) -> int:
        return len(self._encoding)

    def __reduce__(self) -> tuple:
        return OriginalEncoding, (self._encoding, self._sources)

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """Start and end of each token in the original text (or word); (0, 0) for tokens that no text stands behind."""
        if self._offsets is None:
            self._offsets = self._original_offsets()
        return self._offsets

    @property
    def overflowing(self) -> list["OriginalEncoding"]:
        """The windows that truncation cut off."""
        return [OriginalEncoding(encoding, self._sources) for encoding in self._encoding.overflowing]

    def token_to_chars(self, token_index: int) -> tuple[int, int] | None:
        """Start and end of a token; None for tokens that no text stands behind."""
        return None if self._encoding.sequence_ids[token_index] is None else self.offsets[token_index]

    def char_to_token(self, char_pos: int, sequence_index: int = 0) -> int | None:
        """First token of a sequence over a character; None where normalisation dropped the character."""
        for token, sequence in enumerate(self._encoding.sequence_ids):
            if sequence == sequence_index and self.offsets[token][0] <= char_pos < self.offsets[token][1]:
                return token
        return None

    def char_to_word(self, char_pos: int, sequence_index: int = 0) -> int | None:
        """Word of a sequence over a character; None where normalisation dropped the character."""
        token = self.char_to_token(char_pos, sequence_index)
        return None if token is None else self._encoding.word_ids[token]

    def word_to_chars(self, word_index: int, sequence_index: int = 0) -> tuple[int, int] | None:
        """Start and end of a word; None if there is no such word."""
        tokens = self._encoding.word_to_tokens(word_index, sequence_index)
        if tokens is None:
            return None
        offsets = self.offsets[tokens[0] : tokens[1]]
        return min(start for start, _ in offsets), max(end for _, end in offsets)

    def _original_offsets(self) -> list[tuple[int, int]]:
        positions = np.asarray(self._encoding.offsets, dtype=np.int64).reshape(-1, 2)
        original = np.zeros_like(positions)
        sequences = np.array([-1 if item is None else item for item in self._encoding.sequence_ids], dtype=np.int64)
        for number, source in enumerate(self._sources):
            rows = np.flatnonzero(sequences == number)
            if isinstance(source, Normalised):
                original[rows] = source.to_original(positions[rows])
            else:
                words = self._encoding.word_ids
                for row in rows:
                    original[row] = source[words[row]].to_original(positions[row : row + 1])[0]
        return [(start, end) for start, end in original.tolist()]


class NormalizingTokenizer(TokenizersBackend):
    """A fast tokenizer around any backend that normalises texts with `toxres.text.normalise` before the backend.

    Token ids are those of the normalised text; `offset_mapping` and the encodings' character methods point into the
    text as it was written. Lone surrogates, which the backend rejects, are read as U+FFFD. `backend_tokenizer` knows
    nothing of normalisation: give it what `prepare` returns.

    Args:
        normalisation: Names of the steps, in any order; None or empty leaves texts as they are. Saved in
            `tokenizer_config.json`.
        dummy_prefix: Put a space before every text (or word) that is not empty, as SentencePiece does.
        **kwargs: See `TokenizersBackend`.

    Raises:
        InputError: A step is unknown.

    Example:
        >>> from transformers import AutoTokenizer
        >>> from toxres.models.encoders import minilm_path
        >>> plain = AutoTokenizer.from_pretrained(minilm_path())
        >>> tokenizer = NormalizingTokenizer.from_tokenizer(plain)
        >>> text = "see https://example.org now"
        >>> encoded = tokenizer(text, return_offsets_mapping=True)
        >>> start, end = encoded["offset_mapping"][2]
        >>> text[start:end]
        'https://example.org'
    """

    def __init__(
        self, *args: Any, normalisation: Iterable[str] | None = None, dummy_prefix: bool = False, **kwargs: Any
    ) -> None:
        self.normalisation = None if normalisation is None else _ordered(list(normalisation))
        self.dummy_prefix = dummy_prefix
        super().__init__(*args, normalisation=self.normalisation, dummy_prefix=dummy_prefix, **kwargs)

    @classmethod
    def convert_to_native_format(cls, trust_remote_code: bool = False, **kwargs: Any) -> dict[str, Any]:
        """Leave `tokenizer.json` to the backend: it says everything, whatever the kind of its model."""
        return kwargs

    @classmethod
    def from_tokenizer(
        cls, tokenizer: PreTrainedTokenizerBase, normalisation: Iterable[str] | None = STEPS
    ) -> "NormalizingTokenizer":
        """The tokenizer of an encoder with normalisation before it and `SPECIAL_TOKENS` as single tokens.

        The encoder then needs more embeddings: see `extend_embeddings`. With `normalisation=None` no token is added
        and the result does what `tokenizer` does.

        Raises:
            InputError: The tokenizer isn't a fast one, or a step is unknown.
        """
        if not isinstance(tokenizer, TokenizersBackend):
            raise InputError(f"{tokenizer.name_or_path or type(tokenizer).__name__}: no fast tokenizer; choose another")
        wrapped = cls(
            tokenizer_object=tokenizer.backend_tokenizer,
            normalisation=normalisation,
            dummy_prefix=getattr(tokenizer, "dummy_prefix", False),
            extra_special_tokens=tokenizer.extra_special_tokens,
            **tokenizer.special_tokens_map,
            **{name: getattr(tokenizer, name) for name in _KEPT},
        )
        wrapped.name_or_path = tokenizer.name_or_path
        if normalisation is not None:
            wrapped.add_tokens([AddedToken(token, normalized=False) for token in SPECIAL_TOKENS])
        return wrapped

    def prepare(self, text: str) -> Normalised:
        """What the backend gets to see of a text, and where each of its characters stands in it."""
        return prepare(text, self.normalisation or (), self.dummy_prefix)

    def _encode_plus(
        self,
        text: Any,
        text_pair: Any = None,
        is_split_into_words: bool = False,
        return_tensors: Any = None,
        return_overflowing_tokens: bool = False,
        return_offsets_mapping: bool = False,
        **kwargs: Any,
    ) -> BatchEncoding:
        options = {
            "is_split_into_words": is_split_into_words,
            "return_tensors": return_tensors,
            "return_overflowing_tokens": return_overflowing_tokens,
            "return_offsets_mapping": return_offsets_mapping,
            **kwargs,
        }
        if not self.normalisation and not self.dummy_prefix:
            return super()._encode_plus(_nested(_replace, text), _nested(_replace, text_pair), **options)
        batched = isinstance(text, list | tuple)
        if is_split_into_words:
            batched = batched and len(text) > 0 and isinstance(text[0], list | tuple)
        if not batched:
            text, text_pair = [text], [text_pair] if text_pair else None
        first, second = _nested(self.prepare, text), _nested(self.prepare, text_pair)
        encoded = super()._encode_plus(_nested(_text, first), _nested(_text, second), **options)
        if return_overflowing_tokens:
            samples = np.asarray(encoded["overflow_to_sample_mapping"]).tolist()
        else:
            samples = range(len(encoded.encodings))
        pairs = [_sequences(item, is_split_into_words) for item in first]
        if second is not None:
            pairs = [(item, other) for item, other in zip(first, second, strict=True)]
        encodings = [
            OriginalEncoding(encoding, pairs[sample])
            for encoding, sample in zip(encoded.encodings, samples, strict=True)
        ]
        result = BatchEncoding(dict(encoded), encodings)
        if return_offsets_mapping:
            offsets = {"offset_mapping": [encoding.offsets for encoding in encodings]}
            result.update(BatchEncoding(offsets, tensor_type=return_tensors))
        if batched or return_tensors is not None or return_overflowing_tokens:
            return result
        single = {key: value[0] if value and isinstance(value[0], list) else value for key, value in result.items()}
        return BatchEncoding(single, encodings)


def extend_embeddings(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    """Give a pre-trained encoder an embedding for each of `SPECIAL_TOKENS` that its tokenizer got.

    A new row is the mean of the embeddings of the words of the token's name ("<url>": "url", "link"), or of all words
    where the vocabulary has none of them. Call it once, before training: it sets these rows anew.

    Args:
        model: An encoder or a `ToxicityModel`; changed in place, its configuration too.
        tokenizer: From `NormalizingTokenizer.from_tokenizer`.

    Returns:
        The same model.
    """
    encoder = model.encoder if isinstance(model.config, ToxicityConfig) else model
    known = encoder.get_input_embeddings().weight.detach().clone()  # V x D
    if len(tokenizer) > len(known):
        encoder.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    weight = encoder.get_input_embeddings().weight
    old = min(tokenizer.vocab_size, len(known))
    with torch.no_grad():
        for token in SPECIAL_TOKENS:
            row = tokenizer.convert_tokens_to_ids(token)
            if row is None or row < tokenizer.vocab_size:
                continue
            words = SYNONYMS.get(token) or re.sub(r"[\W_]+", " ", token).strip()
            ids = tokenizer.backend_tokenizer.encode(words, add_special_tokens=False).ids
            ids = [index for index in ids if index < old and index != tokenizer.unk_token_id]
            weight[row] = known[ids].mean(dim=0) if ids else known[:old].mean(dim=0)
    return model


def _ordered(steps: list[str]) -> list[str]:
    unknown = [step for step in steps if step not in STEPS]
    if unknown:
        raise InputError(f"unknown normalisation step {unknown[0]!r}; choose from: {', '.join(STEPS)}")
    return [step for step in STEPS if step in steps]


def _nested(function: Any, value: Any) -> Any:
    """Apply a function to the texts in nested lists and tuples; anything else is left for the backend to refuse."""
    if isinstance(value, str | Normalised):
        return function(value)
    if isinstance(value, list | tuple):
        return type(value)(_nested(function, item) for item in value)
    return value


def _replace(text: str) -> str:
    return _SURROGATE.sub("\ufffd", text)


def _text(normalised: Normalised) -> str:
    return normalised.text


def _sequences(sample: Any, is_split_into_words: bool) -> tuple:
    """The one or two sequences of a sample that holds a text, words, or a pair of either."""
    if isinstance(sample, Normalised):
        return (sample,)
    if not is_split_into_words or (sample and not isinstance(sample[0], Normalised)):
        return tuple(sample)
    return (sample,)
