"""Explanations by every method: completeness, brute force, and a model left as it was."""

import copy
import functools
import types

import numpy as np
import pytest
import torch
from captum.attr import LayerIntegratedGradients
from helpers.training import save_encoder, trained
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import processors
from torch import nn

from toxres.checkpoint import load_checkpoint
from toxres.config import CUSTOM
from toxres.errors import InputError
from toxres.explain import METHODS, explain, explain_model, words_of
from toxres.explain.controls import is_listed, listed_spans
from toxres.explain.methods import EXPLAINERS
from toxres.explain.occlusion import without_word
from toxres.labels import LABELS
from toxres.models import AwdLstmConfig, NormalizingTokenizer, ToxicityConfig, ToxicityModel, extend_embeddings
from toxres.models.encoders import load_encoder
from toxres.tasks import TYPES

TEXT = "You are the quiet engine of a broken bridge, you fool! 😀"
GRADIENTS = ("integrated_gradients", "gradient_x_input")
INSIDE = (*GRADIENTS, "attention")
OWN = (*INSIDE, "occlusion", "shapley", "lexicon", "random")


@functools.cache
def made(kind: str = "bert", pooling: str = "attention", normalising: bool = False):
    """A random model in double precision, with its tokenizer; heads are strong enough for scores to differ."""
    torch.manual_seed(1)
    encoder, tokenizer = load_encoder("tiny") if kind != "roberta" else load_encoder(roberta_folder())
    if normalising:
        tokenizer = NormalizingTokenizer.from_tokenizer(tokenizer)
        extend_embeddings(encoder, tokenizer)
    config = encoder.config
    if kind == "awd_lstm":
        config = AwdLstmConfig(vocab_size=len(tokenizer), hidden_size=16, lstm_size=24, num_hidden_layers=2)
    model = ToxicityModel(ToxicityConfig(encoder=config, pooling=pooling, head="residual"))
    for parameter in [*model.pooling.parameters(), *model.head.parameters()]:
        nn.init.normal_(parameter, std=0.4)
    nn.init.normal_(model.encoder.get_input_embeddings().weight, std=0.3)
    return model.double().eval(), tokenizer


@functools.cache
def roberta_folder() -> str:
    from helpers.training import folder

    return save_encoder("roberta", folder() / "roberta")


def ids_of(tokenizer, text: str) -> torch.Tensor:
    return torch.tensor(tokenizer([text])["input_ids"])


def padded(tokenizer, ids: torch.Tensor) -> torch.Tensor:
    """The baseline: padding between the first and the last token, which are special."""
    baseline = torch.full_like(ids, tokenizer.pad_token_id)
    baseline[:, [0, -1]] = ids[:, [0, -1]]
    return baseline


@torch.no_grad()
def scored(model, ids: torch.Tensor, **options) -> np.ndarray:
    return model(input_ids=ids, **options).logits[0].numpy()


def check_completeness(found) -> None:
    """The words' attributions, with no token outside of words, add up to the difference but for the recorded delta."""
    difference = found.scores - found.baseline_scores
    np.testing.assert_allclose(found.attributions.sum(axis=0) - difference, found.convergence_delta, atol=1e-5)
    assert found.note or (np.abs(found.convergence_delta) <= np.maximum(0.02, 0.05 * np.abs(difference))).all()


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(str.strip))
def test_integrated_gradients_add_up_on_any_text(text):
    model, tokenizer = made()
    found = explain_model(model, tokenizer, [text], max_steps=64)[0]
    check_completeness(found)
    ids = ids_of(tokenizer, text)
    np.testing.assert_allclose(found.scores, scored(model, ids), atol=1e-5)
    np.testing.assert_allclose(found.baseline_scores, scored(model, padded(tokenizer, ids)), atol=1e-5)


@pytest.mark.parametrize("kind", ["bert", "roberta", "awd_lstm"])
@pytest.mark.parametrize("pooling", ["cls", "mean", "attention", "concat"])
def test_every_pooling_of_every_kind_of_encoder(kind, pooling):
    model, tokenizer = made(kind, pooling)
    most = 128 if pooling == "concat" else 512
    found = explain_model(model, tokenizer, [TEXT], max_steps=most, absolute=1e-3, relative=1e-3)[0]
    check_completeness(found)
    blind = kind == "awd_lstm" and pooling == "cls"  # reads from left to right, and so nothing before its first token
    assert (np.abs(found.attributions).max(axis=0) > 1e-3).all() != blind
    assert found.labels == LABELS and found.method == "integrated_gradients"
    if pooling != "concat":  # the maximum bends too sharply for a few steps
        assert not found.note and np.abs(found.convergence_delta).max() < 2e-2


@pytest.mark.parametrize("kind", ["bert", "awd_lstm"])
def test_all_labels_at_once_are_captums_one_by_one(kind):
    model, tokenizer = made(kind, "mean")
    ids = ids_of(tokenizer, TEXT)
    found = explain_model(model, tokenizer, [TEXT], n_steps=6, max_steps=6)[0]
    assert found.steps == 6
    captum = LayerIntegratedGradients(lambda given: model(given).logits, model.encoder.get_input_embeddings())
    reading = ids_and_words(tokenizer, TEXT)
    for column, label in enumerate(LABELS):
        expected = captum.attribute(ids, padded(tokenizer, ids), target=column, n_steps=6, method="riemann_middle")[
            0
        ].sum(dim=-1)
        assert expected[[0, -1]].abs().max() == 0
        words = np.array([expected[tokens].sum().item() for tokens in reading])
        np.testing.assert_allclose(found.of(label), words, atol=1e-8)


def ids_and_words(tokenizer, text: str) -> list[list[int]]:
    """Tokens of each word, for tokenizers that cut at every word's edge."""
    offsets = tokenizer([text], return_offsets_mapping=True)["offset_mapping"][0]
    return [
        [token for token, (low, high) in enumerate(offsets) if start <= low < high <= end]
        for start, end in words_of(text)
    ]


def test_the_baseline_keeps_the_positions_of_roberta():
    model, tokenizer = made("roberta")
    ids = ids_of(tokenizer, TEXT)
    found = explain_model(model, tokenizer, [TEXT])[0]
    first = tokenizer.pad_token_id + 1
    positions = torch.arange(first, first + ids.shape[1])[None]
    baseline = padded(tokenizer, ids)
    np.testing.assert_allclose(found.baseline_scores, scored(model, baseline, position_ids=positions), atol=1e-5)
    assert np.abs(found.baseline_scores - scored(model, baseline)).max() > 1e-3
    np.testing.assert_allclose(found.scores, scored(model, ids), atol=1e-5)


def test_steps_are_put_between_steps_until_the_sum_is_right():
    model, tokenizer = made()
    few = explain_model(model, tokenizer, [TEXT], n_steps=2, max_steps=4, relative=0, absolute=0)[0]
    assert few.steps == 2 and np.abs(few.convergence_delta).max() > 1e-3
    assert few.note.startswith("not converged after 2 steps; convergence delta: ")
    assert LABELS[int(np.abs(few.convergence_delta).argmax())] in few.note
    many = explain_model(model, tokenizer, [TEXT], n_steps=2, max_steps=999, relative=0, absolute=1e-3)[0]
    assert many.steps in (5, 9, 17, 33, 65, 129, 257, 513) and many.note == ""
    assert np.abs(many.convergence_delta).max() <= 1e-3


@pytest.mark.parametrize(("most", "steps"), [(5, 5), (9, 9), (18, 17)])
def test_steps_are_those_of_the_trapezoid_rule(most, steps):
    model, tokenizer = made(pooling="mean")
    found = explain_model(
        model, tokenizer, [TEXT], labels=["insult"], n_steps=2, max_steps=most, relative=0, absolute=0
    )
    assert found[0].steps == steps
    ids = ids_of(tokenizer, TEXT)
    with torch.no_grad():
        end, start = model.encoder.get_input_embeddings()(torch.cat([ids, padded(tokenizer, ids)]))
    way = torch.linspace(0, 1, steps, dtype=torch.float64)[:, None, None]
    vectors = (start + way * (end - start)).requires_grad_()
    model(inputs_embeds=vectors).logits[:, LABELS.index("insult")].sum().backward()
    values = torch.trapezoid(vectors.grad * (end - start), dx=1 / (steps - 1), dim=0).sum(dim=-1)
    words = [values[tokens].sum().item() for tokens in ids_and_words(tokenizer, TEXT)]
    np.testing.assert_allclose(found[0].of("insult"), words, atol=1e-6)


def test_memory_is_bounded_by_passes_of_few_tokens(monkeypatch):
    model, tokenizer = made()
    whole = explain_model(model, tokenizer, [TEXT], n_steps=5, max_steps=5)[0]
    occluded = explain_model(model, tokenizer, [TEXT], "occlusion", replacement="mask")[0]
    length = len(tokenizer(TEXT)["input_ids"])
    for module in ("forward", "gradients"):
        monkeypatch.setattr(f"toxres.explain.{module}.MAX_TOKENS", 2 * length)
    rows = []
    handle = model.register_forward_pre_hook(
        lambda module, given, options: rows.append(len(options["input_ids"])), with_kwargs=True
    )
    parts = explain_model(model, tokenizer, [TEXT], n_steps=5, max_steps=5)[0]
    again = explain_model(model, tokenizer, [TEXT], "occlusion", replacement="mask")[0]
    handle.remove()
    assert max(rows) == 2
    np.testing.assert_allclose(parts.attributions, whole.attributions, atol=1e-7)
    np.testing.assert_allclose(again.attributions, occluded.attributions, atol=1e-5)


def test_gradient_x_input_is_the_gradient_times_the_vectors():
    model, tokenizer = made()
    ids = ids_of(tokenizer, TEXT)
    found = explain_model(model, tokenizer, [TEXT], "gradient_x_input", ["insult"])[0]
    vectors = model.encoder.get_input_embeddings()(ids).detach().requires_grad_()
    logits = model(inputs_embeds=vectors).logits[0]
    logits[LABELS.index("insult")].backward()
    values = (vectors.grad * vectors).sum(dim=-1)[0]
    words = [values[tokens].sum().item() for tokens in ids_and_words(tokenizer, TEXT)]
    np.testing.assert_allclose(found.of("insult"), words, atol=1e-5)
    np.testing.assert_allclose(found.scores, logits[LABELS.index("insult")].item(), atol=1e-5)
    assert np.isnan(found.baseline_scores).all() and np.isnan(found.convergence_delta).all()


@pytest.mark.parametrize("kind", ["bert", "roberta"])
@pytest.mark.parametrize("replacement", ["remove", "mask", "pad"])
def test_occlusion_is_brute_force(kind, replacement):
    model, tokenizer = made(kind)
    ids = ids_of(tokenizer, TEXT)
    found = explain_model(model, tokenizer, [TEXT], "occlusion", replacement=replacement)[0]
    first = tokenizer.pad_token_id + 1 if kind == "roberta" else 0
    for word, tokens in enumerate(ids_and_words(tokenizer, TEXT)):
        changed = ids.clone()
        options = {}
        if replacement == "remove":
            changed = ids[:, [at for at in range(ids.shape[1]) if at not in tokens]]
        else:
            changed[:, tokens] = tokenizer.mask_token_id if replacement == "mask" else tokenizer.pad_token_id
            options = {"position_ids": torch.arange(first, first + ids.shape[1])[None]}
        expected = scored(model, ids) - scored(model, changed, **options)
        np.testing.assert_allclose(found.attributions[word], expected, atol=1e-6)
    assert np.abs(found.attributions).max() > 1e-3


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_shapley_is_the_mean_of_both_ends(kind):
    model, tokenizer = made(kind)
    ids = ids_of(tokenizer, TEXT)
    words = ids_and_words(tokenizer, TEXT)
    found = explain_model(model, tokenizer, [TEXT], "shapley")[0]
    special = [at for at in range(ids.shape[1]) if not any(at in tokens for tokens in words)]
    nothing = scored(model, ids[:, special])
    np.testing.assert_allclose(found.baseline_scores, nothing, atol=1e-6)
    for word, tokens in enumerate(words):
        without = scored(model, ids[:, [at for at in range(ids.shape[1]) if at not in tokens]])
        alone = scored(model, ids[:, sorted([*special, *tokens])])
        expected = (scored(model, ids) - without + alone - nothing) / 2
        np.testing.assert_allclose(found.attributions[word], expected, atol=1e-6)
    one = explain_model(model, tokenizer, ["fool"], "shapley")[0]
    whole = scored(model, ids_of(tokenizer, "fool")) - nothing
    np.testing.assert_allclose(one.attributions[0], whole, atol=1e-6, err_msg="of one word it is exact")


def test_attention_weights_are_the_poolings():
    model, tokenizer = made()
    ids = ids_of(tokenizer, TEXT)
    found = explain_model(model, tokenizer, [TEXT], "attention")[0]
    weights = model(ids, output_attention_weights=True).attention_weights[0].detach()
    words = [weights[tokens].sum().item() for tokens in ids_and_words(tokenizer, TEXT)]
    np.testing.assert_allclose(found.attributions, np.repeat(np.array(words)[:, None], 6, axis=1), atol=1e-7)
    total = found.attributions[:, 0].sum()
    assert total == pytest.approx(1 - weights[[0, -1]].sum().item(), abs=1e-6)
    assert 0 < total < 1


def test_a_token_over_several_words_is_shared():
    model, tokenizer = made(normalising=True)
    text = "what an i d i o t he is"
    found = explain_model(model, tokenizer, [text], "integrated_gradients")[0]
    words = found.word_texts()
    assert words == ("what", "an", "i", "d", "i", "o", "t", "he", "is")
    letters = found.attributions[2:7]
    assert np.abs(letters).max() > 1e-4 and np.allclose(letters, letters[0])
    check_completeness(found)
    removed = explain_model(model, tokenizer, [text], "occlusion")[0].attributions
    assert np.allclose(removed[2:7], removed[2])
    expected = scored(model, ids_of(tokenizer, text)) - scored(model, ids_of(tokenizer, "what an he is"))
    np.testing.assert_allclose(removed[2], expected, atol=1e-6)


@pytest.mark.parametrize("method", OWN)
def test_long_text_is_explained_as_far_as_it_is_read(method):
    model, tokenizer = made()
    text = "you quiet fool, " * (6_250 if method == "integrated_gradients" else 400)
    found = explain_model(model, tokenizer, [text], method, max_length=18)[0]
    assert found.words == words_of(text) and len(found.words) == len(text) // 4
    assert found.read.tolist() == [True] * 16 + [False] * (len(found.words) - 16)
    assert not found.attributions[16:].any() and found.attributions[:16].any()
    kept = text[: found.words[15][1]]
    np.testing.assert_allclose(found.scores, explain_model(model, tokenizer, [kept], "lexicon")[0].scores, atol=1e-6)
    if method != "random":
        alone = explain_model(model, tokenizer, [kept], method)[0]
        np.testing.assert_allclose(found.attributions[:16], alone.attributions, atol=1e-6)


def test_exactly_as_long_as_is_read():
    model, tokenizer = made()
    text = "you quiet fool !"
    assert explain_model(model, tokenizer, [text], max_length=6)[0].read.all()
    assert explain_model(model, tokenizer, [text], max_length=5)[0].read.tolist() == [True, True, True, False]


@pytest.mark.parametrize("method", OWN)
@pytest.mark.parametrize("normalising", [False, True])
def test_only_emoji(method, normalising):
    model, tokenizer = made(normalising=normalising)
    found = explain_model(model, tokenizer, ["😀👍🏽", "🤡"], method)
    assert [each.word_texts() for each in found] == [("😀", "👍🏽"), ("🤡",)]
    assert all(np.isfinite(each.attributions).all() and each.read.all() for each in found)


@pytest.mark.parametrize("method", OWN)
def test_a_text_of_which_the_tokenizer_leaves_nothing(method):
    model, tokenizer = made("awd_lstm", normalising=True)
    bare = copy.deepcopy(tokenizer)
    bare.backend_tokenizer.post_processor = processors.TemplateProcessing(single="$A", special_tokens=[])
    assert bare(["\u200b"])["input_ids"] == [[]]
    found = explain_model(model, bare, ["\u200b"], method)[0]
    assert found.word_texts() == ("\u200b",)
    assert np.isfinite(found.scores).all()
    if method not in ("random", "lexicon"):
        assert not found.attributions.any()


@pytest.mark.parametrize("method", INSIDE)
@pytest.mark.parametrize("fails", [False, True])
def test_the_model_is_left_as_it_was(method, fails, monkeypatch):
    model, tokenizer = copy.deepcopy(made()[0]), made()[1]
    model.train()
    model.encoder.eval()
    frozen = model.encoder.get_input_embeddings().weight
    frozen.requires_grad_(False)

    def state():
        hooks = sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())
        flags = [weight.requires_grad for weight in model.parameters()]
        return hooks, flags, [module.training for module in model.modules()], torch.is_grad_enabled()

    before, weights = state(), {name: weight.clone() for name, weight in model.state_dict().items()}
    if fails:
        calls, forward = [], model.head.forward

        def broken(pooled):
            calls.append(len(pooled))
            if len(calls) == (4 if method == "integrated_gradients" else 1):
                raise RuntimeError("out of memory")
            return forward(pooled)

        monkeypatch.setattr(model.head, "forward", broken)
        with pytest.raises(RuntimeError, match="out of memory"):
            explain_model(model, tokenizer, [TEXT], method)
    else:
        explain_model(model, tokenizer, [TEXT], method)
    assert state() == before and frozen.requires_grad is False
    assert all(weight.grad is None for weight in model.parameters())
    assert all(torch.equal(weight, weights[name]) for name, weight in model.state_dict().items())


def test_dropout_is_off():
    model, tokenizer = copy.deepcopy(made()[0]).train(), made()[1]
    first, second = (explain_model(model, tokenizer, [TEXT])[0] for _ in range(2))
    assert np.array_equal(first.attributions, second.attributions)


@pytest.mark.parametrize("method", [*INSIDE, "occlusion", "shapley"])
def test_bfloat16_is_explained_in_float32(method):
    narrow, tokenizer = copy.deepcopy(made()[0]).bfloat16(), made()[1]
    wide = copy.deepcopy(narrow).float()
    found, expected = (explain_model(model, tokenizer, [TEXT], method)[0] for model in (narrow, wide))
    np.testing.assert_array_equal(found.attributions, expected.attributions)
    np.testing.assert_array_equal(found.scores, expected.scores)
    assert {weight.dtype for weight in narrow.parameters()} == {torch.bfloat16}
    if method == "integrated_gradients":
        check_completeness(found)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kind", ["bert", "awd_lstm"])
@pytest.mark.parametrize("method", OWN)
def test_a_gpu_says_the_same(kind, method):
    model, tokenizer = made(kind)
    expected = explain_model(model, tokenizer, [TEXT], method)[0]
    found = explain_model(copy.deepcopy(model).cuda(), tokenizer, [TEXT], method)[0]
    np.testing.assert_allclose(found.attributions, expected.attributions, atol=1e-4)


def test_lexicon_finds_disguised_words_as_they_were_written():
    text = "You 1D10T, what an i d i o t and a F**K😀 gardener!"
    found = explain(None, [text], "lexicon")[0]
    weights = dict(zip(found.words, found.of("insult"), strict=True))
    listed = [text[start:end] for (start, end), weight in weights.items() if weight == 1]
    assert listed == ["1D10T", "i", "d", "i", "o", "t", "F**K"]
    assert set(weights.values()) == {0.0, 1.0}
    assert np.isnan(found.scores).all() and found.labels == LABELS and found.read.all()


def test_the_word_list():
    assert all(is_listed(word) for word in ("idiot", "IDIOTIC", "fool", "Kurwa", "killing"))
    assert not any(is_listed(word) for word in ("table", "assist", "class", "skill", "foot", "stable", "gown", ""))
    assert [span for span in listed_spans("no idiots") if span == (3, 9)]


def test_random_depends_on_text_and_seed_alone():
    one, other = explain(None, ["you fool", "another one"], "random")
    again = explain(None, ["another one"], "random", ["insult"])[0]
    np.testing.assert_array_equal(again.of("insult"), other.of("insult"))
    assert not np.array_equal(one.attributions, other.attributions)
    assert not np.array_equal(one.of("toxic"), one.of("insult"))
    seeded = explain(None, ["you fool"], "random", seed=1)[0]
    assert not np.array_equal(one.attributions, seeded.attributions)
    many = explain(None, ["word " * 5_000], "random")[0].attributions
    assert many.min() >= 0 and many.max() < 1 and abs(many.mean() - 0.5) < 0.01


@pytest.mark.parametrize(
    ("text", "span", "left"),
    [
        ("you old fool", (4, 7), "you fool"),
        ("you fool", (0, 3), " fool"),
        ("hi👋you", (2, 3), "hi you"),
        ("fool!", (4, 5), "fool"),
        ("(fool) no", (1, 5), "( ) no"),
        ("fool", (0, 4), ""),
    ],
)
def test_a_word_cut_out_of_a_text(text, span, left):
    assert without_word(text, *span) == left


def test_a_bag_of_n_grams_is_explained_by_occlusion():
    checkpoint = load_checkpoint(trained("tfidf"))
    text = "Ada says the old page and the crap!"
    found = explain(checkpoint, [text], "occlusion", ["insult", "toxic"])[0]
    columns = [LABELS.index("insult"), LABELS.index("toxic")]
    for word, (start, end) in enumerate(found.words):
        scores = checkpoint.predict_logits([text, without_word(text, start, end)])
        np.testing.assert_allclose(found.attributions[word], (scores[0] - scores[1])[columns], atol=1e-5)
    assert found.word_texts()[int(found.of("toxic").argmax())] == "crap"
    cut = explain(checkpoint, ["the crap page"], "occlusion", max_words=2)[0]
    assert cut.read.tolist() == [True, True, False]
    np.testing.assert_allclose(cut.scores, checkpoint.predict_logits(["the crap"])[0], atol=1e-5)
    long = explain(checkpoint, ["x" * 100_000 + " crap"], "occlusion")[0]
    assert long.read.tolist() == [True, False]
    for method in ("lexicon", "random"):
        np.testing.assert_allclose(explain(checkpoint, [text], method)[0].scores, checkpoint.predict_logits([text])[0])
    for method in INSIDE:
        with pytest.raises(InputError, match=r"^tfidf: has no gradients .* choose occlusion, lexicon or random$"):
            explain(checkpoint, [text], method)


def test_marks_of_people_need_a_model_that_learned_from_them():
    with pytest.raises(InputError, match=r"^tfidf: marks no spans; name a span model's checkpoint"):
        explain(trained("tfidf"), ["you fool"], "supervised")
    with pytest.raises(InputError, match="is a classifier"):
        explain(trained("tfidf"), ["you fool"], "supervised", spans=trained("tfidf"))
    marking = types.SimpleNamespace(marks_spans=True, path="build/spans")
    with pytest.raises(InputError, match=r"^build/spans: marks toxic spans and scores no comments"):
        explain(marking, ["you fool"], "occlusion")


def test_a_checkpoint_and_its_folder():
    checkpoint = load_checkpoint(trained("custom"))
    texts = ["Ada says the old page is crap", "a quiet bridge " * 40]
    found = explain(checkpoint, texts)
    np.testing.assert_allclose([each.scores for each in found], checkpoint.predict_logits(texts), atol=1e-4)
    assert [each.model for each in found] == ["custom"] * 2 and not found[1].read.all()
    assert found[0].baseline == "every token of the text [PAD]" and found[0].read.all()
    again = explain(str(trained("custom")), texts[:1], labels=["threat", "toxic"])[0]
    assert again.labels == ("threat", "toxic")
    np.testing.assert_allclose(again.of("toxic"), found[0].of("toxic"), atol=1e-6)
    assert explain(checkpoint, []) == []


def test_classes_of_another_task():
    found = explain(trained("baseline_types"), ["Ada says bosh"])[0]
    assert found.labels == TYPES.labels and found.attributions.shape == (3, 3)
    check_completeness(found)
    with pytest.raises(InputError, match="unknown label 'toxic'; choose out of: none, cyberbullying, hate_speech"):
        explain(trained("baseline_types"), ["Ada says bosh"], labels=["toxic"])
    with pytest.raises(InputError, match="baseline_types: has cls pooling, so there are no attention weights"):
        explain(trained("baseline_types"), ["Ada says bosh"], "attention")


@pytest.mark.parametrize(
    ("texts", "method", "labels", "options", "told"),
    [
        ("you", "random", None, {}, r"^texts: is a single text; give a list of texts, such as \[text\]$"),
        (["you", None], "random", None, {}, r"^texts\[1\]: is a NoneType, not a string"),
        (["you", ""], "lexicon", None, {}, r"^texts\[1\]: is blank"),
        ([" \n\u3000"], "random", None, {}, r"^texts\[0\]: is blank"),
        (["you"], "guess", None, {}, "^unknown method 'guess'; choose one of: attention, integrated_gradients"),
        (["you"], "random", ["spam"], {}, "^unknown label 'spam'; choose out of: toxic, severe_toxic"),
        (["you"], "random", [], {}, "^labels: names none"),
        (["you"], "random", "toxic", {}, "^labels: is a single text"),
        (["you"], "random", ["toxic", "toxic"], {}, "^labels: names 'toxic' twice"),
        (["you"], "random", None, {"steps": 3}, "^random has no option 'steps'; it has seed$"),
        (["you"], "lexicon", None, {"seed": 3}, "^lexicon has no option 'seed'; it has none$"),
        (["you"], "integrated_gradients", None, {"n_steps": 1}, "^n_steps is 1; give a whole number above 1"),
        (["you"], "integrated_gradients", None, {"relative": -1}, "^relative is -1; give a number"),
        (["you"], "occlusion", None, {"replacement": "x"}, "^unknown replacement 'x'; choose one of: remove, mask"),
        (["you"], "occlusion", None, {}, "^occlusion needs a model"),
        (["you"], "integrated_gradients", None, {}, "no model"),
    ],
)
def test_bad_input_is_one_line(texts, method, labels, options, told):
    with pytest.raises(InputError, match=told) as caught:
        explain(None, texts, method, labels, **options)
    assert "\n" not in str(caught.value)


def test_a_tokenizer_without_a_mask_token():
    model, tokenizer = made("awd_lstm", "mean")
    bare = copy.deepcopy(tokenizer)
    bare.mask_token = None
    with pytest.raises(InputError, match=r"^lstm: its tokenizer has no mask token; replace words by remove or pad$"):
        explain_model(model, bare, [TEXT], "occlusion", name="lstm", replacement="mask")


def test_no_checkpoint_there(tmp_path):
    with pytest.raises(InputError, match="no such checkpoint folder"):
        explain(tmp_path / "nowhere", ["you"])
    (tmp_path / "router.json").write_text("{}")
    with pytest.raises(InputError, match="is a router of several models"):
        explain(tmp_path, ["you"])


def test_a_lone_surrogate_is_read_as_the_replacement_character():
    model, tokenizer = made()
    found = explain_model(model, tokenizer, ["you \ud83d fool"], "occlusion")[0]
    assert found.text == "you \ufffd fool"


def test_every_method_has_a_name_and_another_can_be_added(monkeypatch):
    assert set(EXPLAINERS) == set(METHODS)
    monkeypatch.setitem(EXPLAINERS, "guess", lambda subject, text, columns, *, at=0: (subject.name, columns, at))
    assert explain(None, ["you"], "guess", ["insult"], at=2) == [("", [LABELS.index("insult")], 2)]


def test_a_custom_recipe_as_it_begins():
    torch.manual_seed(0)
    model, tokenizer = ToxicityModel.from_recipe(CUSTOM, encoder="tiny")
    found = explain_model(model, tokenizer, [TEXT], name="fresh")[0]
    assert found.model == "fresh"
    check_completeness(found)
