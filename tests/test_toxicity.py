"""The model: parity with a hand-assembled one, every pooling and head, any encoder, Hugging Face's interfaces."""

import itertools
import json

import pytest
import torch
import transformers
from helpers.training import TEXTS, save_encoder, tiny_bert
from torch import nn
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, BertModel, pipeline

from toxres.config import CUSTOM, Recipe
from toxres.errors import InputError
from toxres.labels import LABELS
from toxres.models import ToxicityConfig, ToxicityModel, load_encoder
from toxres.models.heads import LinearHead, ResidualHead

COMBINATIONS = list(itertools.product(("cls", "mean", "attention"), ("linear", "residual")))
NAN = float("nan")


def model_of(pooling: str = "attention", head: str = "residual", seed: int = 0, **encoder) -> ToxicityModel:
    """A random model in evaluation mode whose last layer and scorer are not near zero."""
    torch.manual_seed(seed)
    config = ToxicityConfig(encoder=tiny_bert(), pooling=pooling, head=head)
    model = ToxicityModel(config).eval()
    for name, parameter in model.named_parameters():
        if not name.startswith("encoder."):
            nn.init.normal_(parameter, std=0.3)
    return model


def batch_of(lengths=(7, 3, 5), width: int | None = None, seed: int = 0) -> dict[str, torch.Tensor]:
    width = width or max(lengths)
    ids = torch.randint(5, 100, (len(lengths), max(lengths)), generator=torch.Generator().manual_seed(seed))
    ids = nn.functional.pad(ids, (0, width - max(lengths)))
    mask = (torch.arange(width)[None, :] < torch.tensor(lengths)[:, None]).long()
    return {"input_ids": ids * mask, "attention_mask": mask}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A saved custom model with MiniLM's tokenizer."""
    torch.manual_seed(1)
    model, tokenizer = ToxicityModel.from_recipe(CUSTOM, encoder="tiny")
    for parameter in [*model.pooling.parameters(), *model.head.parameters()]:
        nn.init.normal_(parameter, std=0.5)
    folder = tmp_path_factory.mktemp("saved") / "model"
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model, tokenizer, folder


@torch.no_grad()
def test_cls_and_linear_are_an_encoder_and_a_linear_layer():
    model, batch = model_of("cls", "linear"), batch_of()
    encoder = BertModel(tiny_bert(), add_pooling_layer=False).eval()
    encoder.load_state_dict(model.encoder.state_dict())
    hidden = encoder(**batch).last_hidden_state
    expected = hidden[:, 0] @ model.head.out.weight.T + model.head.out.bias
    torch.testing.assert_close(model(**batch).logits, expected)


@torch.no_grad()
def test_residual_head_by_hand():
    torch.manual_seed(0)
    head = ResidualHead(4, 6, dropout=0.5).eval()
    for parameter in head.parameters():
        nn.init.normal_(parameter)
    pooled = torch.randn(3, 4)
    centred = pooled - pooled.mean(dim=1, keepdim=True)
    normal = centred / torch.sqrt((centred**2).mean(dim=1, keepdim=True) + 1e-5) * head.norm.weight + head.norm.bias
    dense = normal @ head.dense.weight.T + head.dense.bias
    gelu = dense * 0.5 * (1 + torch.erf(dense / 2**0.5))
    expected = (pooled + gelu) @ head.out.weight.T + head.out.bias
    torch.testing.assert_close(head(pooled), expected)


@pytest.mark.parametrize("kind", [LinearHead, ResidualHead])
def test_heads_drop_out_in_training_alone(kind):
    torch.manual_seed(0)
    head, pooled = kind(16, 6, dropout=0.5), torch.ones(1, 16)
    assert torch.equal(head.eval()(pooled), head(pooled))
    head.train()
    assert not torch.equal(head(pooled), head(pooled))


@torch.no_grad()
@pytest.mark.parametrize("pooling, head", COMBINATIONS)
def test_saved_and_loaded_gives_the_same_logits(pooling, head, tmp_path):
    model, batch = model_of(pooling, head), batch_of()
    model.save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    expected = model(**batch).logits
    for auto in (ToxicityModel, AutoModel, AutoModelForSequenceClassification):
        loaded, problems = auto.from_pretrained(tmp_path, output_loading_info=True)
        assert type(loaded) is ToxicityModel
        assert not problems["missing_keys"] and not problems["unexpected_keys"]
        assert torch.equal(loaded.eval()(**batch).logits, expected)
    config = AutoConfig.from_pretrained(tmp_path)
    assert (type(config), config.pooling, config.head) == (ToxicityConfig, pooling, head)
    assert type(config.encoder) is transformers.BertConfig
    assert config.encoder.num_hidden_layers == 2


def test_config_names_the_six_labels(tmp_path):
    model_of().save_pretrained(tmp_path)
    raw = json.loads((tmp_path / "config.json").read_text())
    assert [raw["id2label"][str(index)] for index in range(6)] == list(LABELS)
    assert raw["problem_type"] == "multi_label_classification"
    assert AutoConfig.from_pretrained(tmp_path).label2id == {label: index for index, label in enumerate(LABELS)}


@torch.no_grad()
def test_pipeline_gives_six_sigmoid_probabilities(saved):
    model, tokenizer, folder = saved
    classify = pipeline("text-classification", model=str(folder), top_k=None)
    for text, found in zip(TEXTS, classify(list(TEXTS)), strict=True):
        expected = torch.sigmoid(model(**tokenizer(text, return_tensors="pt")).logits[0])
        by_label = {entry["label"]: entry["score"] for entry in found}
        assert [by_label[label] for label in LABELS] == pytest.approx(expected.tolist(), abs=1e-5)
        assert sum(by_label.values()) != pytest.approx(1)


@torch.no_grad()
@pytest.mark.parametrize("pooling, head", COMBINATIONS)
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_neither_padding_nor_neighbours_change_a_row(pooling, head, attention):
    model = model_of(pooling, head)
    model.set_attn_implementation(attention)
    together = model(**batch_of((7, 3, 5)), output_attention_weights=True)
    padded = model(**batch_of((7, 3, 5), width=16), output_attention_weights=True)
    torch.testing.assert_close(padded.logits, together.logits, atol=1e-5, rtol=1e-5)
    assert (padded.attention_weights[:, 7:] == 0).all()
    for row, length in enumerate((7, 3, 5)):
        ids = batch_of((7, 3, 5))["input_ids"][row : row + 1, :length]
        torch.testing.assert_close(model(input_ids=ids).logits[0], together.logits[row], atol=1e-5, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("pooling", ["cls", "mean", "attention"])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_a_row_of_padding_is_finite(pooling, attention):
    model = model_of(pooling)
    model.set_attn_implementation(attention)
    batch = batch_of((4, 0))
    found = model(**batch, output_attention_weights=True)
    assert torch.isfinite(found.logits).all()
    assert (found.attention_weights[1] == 0).all()
    assert (found.pooled[1] == 0).all()
    torch.testing.assert_close(found.logits[:1], model(**batch_of((4,))).logits)


@torch.no_grad()
def test_embeddings_can_stand_in_for_ids():
    model, batch = model_of(), batch_of()
    embeds = model.get_input_embeddings()(batch["input_ids"])
    found = model(inputs_embeds=embeds, attention_mask=batch["attention_mask"])
    torch.testing.assert_close(found.logits, model(**batch).logits)
    torch.testing.assert_close(model(inputs_embeds=embeds[:1]).logits, model(batch["input_ids"][:1]).logits)
    with pytest.raises(ValueError, match="either input_ids or inputs_embeds"):
        model()
    with pytest.raises(ValueError, match="either input_ids or inputs_embeds"):
        model(**batch, inputs_embeds=embeds)


@torch.no_grad()
def test_outputs_are_given_when_asked_for():
    model, batch = model_of("attention"), batch_of()
    model.set_attn_implementation("eager")
    plain = model(**batch)
    assert list(plain.keys()) == ["logits"]
    full = model(**batch, output_attention_weights=True, output_hidden_states=True, output_attentions=True)
    assert full.attention_weights.shape == (3, 7)
    torch.testing.assert_close(full.attention_weights.sum(dim=1), torch.ones(3))
    weights = full.attention_weights[:, :, None]
    torch.testing.assert_close(full.pooled, (weights * full.hidden_states[-1]).sum(dim=1))
    torch.testing.assert_close(model.head(full.pooled), full.logits)
    assert len(full.hidden_states) == 3
    assert [attention.shape for attention in full.attentions] == [(3, 2, 7, 7)] * 2
    (logits,) = model(**batch, return_dict=False)
    assert torch.equal(logits, plain.logits)


def test_loss_with_labels_is_over_the_known_ones():
    model, batch = model_of(), batch_of()
    labels = torch.tensor([[1, 0, NAN, 0.5, 0, 1], [NAN] * 6, [0, NAN, 1, 0, 0, 0.25]])
    found = model(**batch, labels=labels)
    known = ~torch.isnan(labels)
    p = torch.sigmoid(found.logits[known])
    expected = -(labels[known] * p.log() + (1 - labels[known]) * (1 - p).log()).mean()
    torch.testing.assert_close(found.loss, expected)
    assert torch.equal(model(**batch, labels=labels, return_dict=False)[0], found.loss)


def test_loss_without_a_known_label_is_zero():
    model = model_of()
    loss = model(**batch_of(), labels=torch.full((3, 6), NAN)).loss
    loss.backward()
    assert loss.item() == 0
    assert all((parameter.grad == 0).all() for parameter in model.head.parameters())


def test_gradients_reach_every_weight():
    model = model_of("attention", "residual")
    model.train()
    model(**batch_of(), labels=torch.ones(3, 6)).loss.backward()
    without = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert without == []
    assert (model.pooling.score.weight.grad != 0).all()


def test_attention_starts_at_the_mean():
    torch.manual_seed(0)
    fresh = ToxicityModel(ToxicityConfig(encoder=tiny_bert(), pooling="attention")).eval()
    assert not fresh.pooling.score.weight.any() and not fresh.pooling.score.bias.any()
    weights = fresh(**batch_of((4, 2)), output_attention_weights=True).attention_weights
    torch.testing.assert_close(weights, torch.tensor([[0.25] * 4, [0.5, 0.5, 0, 0]]))


def test_prior_is_what_a_fresh_model_predicts():
    model = model_of()
    nn.init.zeros_(model.head.out.weight)
    before = model.head.out.bias[4].item()
    model.set_prior(torch.tensor([0.1, 0.0, 1.0, 0.5, NAN, 0.003]))
    found = torch.sigmoid(model(**batch_of()).logits)
    expected = torch.tensor([0.1, 0.001, 0.999, 0.5, torch.tensor(before).sigmoid(), 0.003])
    torch.testing.assert_close(found, expected.expand(3, 6))
    assert model.head.out.bias.requires_grad


def test_unknown_parts_are_named():
    with pytest.raises(ValueError, match="unknown pooling 'max'; choose one of: cls, mean, attention"):
        ToxicityModel(ToxicityConfig(encoder=tiny_bert(), pooling="max"))
    with pytest.raises(ValueError, match="unknown head 'deep'; choose one of: linear, residual"):
        ToxicityModel(ToxicityConfig(encoder=tiny_bert(), head="deep"))


@torch.no_grad()
@pytest.mark.parametrize("kind", ["roberta", "distilbert"])
def test_any_encoder(kind, tmp_path):
    encoder = save_encoder(kind, tmp_path / kind)
    torch.manual_seed(0)
    model, tokenizer = ToxicityModel.from_recipe(Recipe("any", pooling="attention", head="residual"), encoder)
    for parameter in [*model.pooling.parameters(), *model.head.parameters()]:
        nn.init.normal_(parameter, std=0.3)
    texts = ["the old table", "Ada says the blue river and the quiet song of Ivo are fine", "crap"]
    rows = [tokenizer(text)["input_ids"] for text in texts]
    width = max(map(len, rows))
    single = [model.eval()(input_ids=torch.tensor([row])).logits[0] for row in rows]
    for extra in (0, 5):
        ids = torch.tensor([row + [tokenizer.pad_token_id] * (width + extra - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (width + extra - len(row)) for row in rows])
        found = model(input_ids=ids, attention_mask=mask).logits
        torch.testing.assert_close(found, torch.stack(single), atol=1e-5, rtol=1e-5)
    model.save_pretrained(tmp_path / "saved")
    tokenizer.save_pretrained(tmp_path / "saved")
    classify = pipeline("text-classification", model=str(tmp_path / "saved"), top_k=None)
    for text, logits in zip(texts, single, strict=True):
        by_label = {entry["label"]: entry["score"] for entry in classify([text])[0]}
        assert [by_label[label] for label in LABELS] == pytest.approx(torch.sigmoid(logits).tolist(), abs=1e-5)


@torch.no_grad()
def test_encoder_weights_are_the_pretrained_ones(tmp_path):
    encoder = save_encoder("roberta", tmp_path / "roberta")
    model, _ = ToxicityModel.from_recipe(CUSTOM, encoder)
    own, pretrained = model.encoder.state_dict(), AutoModel.from_pretrained(encoder).state_dict()
    assert own.keys() == {name for name in pretrained if not name.startswith("pooler.")}
    assert all(torch.equal(own[name], pretrained[name]) for name in own)


def test_encoder_dropout_can_be_set(tmp_path):
    assert load_encoder("tiny", dropout=0.0).model.config.hidden_dropout_prob == 0.0
    assert load_encoder("tiny").model.config.attention_probs_dropout_prob == 0.1
    for kind, fields in (
        ("roberta", ("hidden_dropout_prob", "attention_probs_dropout_prob")),
        ("distilbert", ("dropout", "attention_dropout")),
    ):
        encoder = save_encoder(kind, tmp_path / kind)
        config = load_encoder(encoder, dropout=0.3).model.config
        assert [getattr(config, field) for field in fields] == [0.3, 0.3]


def test_encoder_can_be_cut_to_its_first_layers():
    torch.manual_seed(0)
    whole = load_encoder("tiny").model
    for count in (0, 1):
        torch.manual_seed(0)
        model = load_encoder(f"tiny:{count}").model
        assert len(model.encoder.layer) == model.config.num_hidden_layers == count
        ids = torch.tensor([[101, 2017, 102]])
        states = whole.eval()(ids, output_hidden_states=True).hidden_states
        torch.testing.assert_close(model.eval()(ids).last_hidden_state, states[count])
    with pytest.raises(InputError, match="'tiny:9': has 2 layers"):
        load_encoder("tiny:9")


def test_tiny_encoder_is_seeded_by_torch():
    weights = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        weights.append(load_encoder("tiny").model.embeddings.word_embeddings.weight)
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("content", [None, {}, {"config.json": "{}"}, {"config.json": "no json"}])
def test_encoder_that_is_not_there_is_one_line(content, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = tmp_path / "encoder"
    if content is not None:
        folder.mkdir()
        for name, text in content.items():
            (folder / name).write_text(text)
    with pytest.raises(InputError) as caught:
        load_encoder(str(folder))
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_encoder_with_torn_weights_is_one_line(tmp_path):
    folder = tmp_path / "encoder"
    save_encoder("roberta", folder)
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(InputError) as caught:
        load_encoder(str(folder))
    assert "\n" not in str(caught.value)
