"""Layer groups of encoders, freezing, layer-wise learning rates and gradual unfreezing."""

import dataclasses

import pytest
import torch
from torch import nn

from toxres.config import CUSTOM, SMOKE, ULMFIT
from toxres.errors import InputError
from toxres.models import AwdLstmConfig, ToxicityConfig, ToxicityModel
from toxres.training.layers import freeze, layer_groups
from toxres.training.trainer import build_optimizer, build_scheduler


@pytest.fixture
def bert() -> ToxicityModel:
    return ToxicityModel.from_recipe(CUSTOM, "tiny").model


@pytest.fixture
def ulmfit() -> ToxicityModel:
    encoder = AwdLstmConfig(vocab_size=50, hidden_size=8, lstm_size=12, num_hidden_layers=3)
    return ToxicityModel(ToxicityConfig(encoder=encoder, pooling="concat", head="residual"))


def names_of(model: ToxicityModel, group: list[nn.Parameter]) -> set[str]:
    wanted = {id(parameter) for parameter in group}
    return {name for name, parameter in model.named_parameters() if id(parameter) in wanted}


def test_groups_go_up_from_the_embeddings(bert, ulmfit):
    low, first, second = (names_of(bert, group) for group in layer_groups(bert.encoder))
    assert all(name.startswith("encoder.embeddings.") for name in low)
    assert all(name.startswith("encoder.encoder.layer.0.") for name in first)
    assert all(name.startswith("encoder.encoder.layer.1.") for name in second)
    prefixes = ["encoder.embeddings", "encoder.layers.0", "encoder.layers.1", "encoder.layers.2"]
    for group, prefix in zip(layer_groups(ulmfit.encoder), prefixes, strict=True):
        assert names_of(ulmfit, group) and all(name.startswith(prefix) for name in names_of(ulmfit, group))


def test_every_parameter_is_in_one_group(bert):
    bert.encoder.extra = nn.Linear(2, 2)
    groups = layer_groups(bert.encoder)
    found = [id(parameter) for group in groups for parameter in group]
    assert sorted(found) == sorted(id(parameter) for parameter in bert.encoder.parameters())
    assert any(parameter is bert.encoder.extra.weight for parameter in groups[-1])


def test_an_encoder_without_layers_is_one_group():
    assert [len(group) for group in layer_groups(nn.Linear(2, 3))] == [2]


def test_more_frozen_layers_than_there_are(bert):
    with pytest.raises(InputError, match="freeze_layers is 9, but the encoder has 2 layers"):
        freeze(bert, dataclasses.replace(SMOKE, freeze_layers=9))


def test_each_layer_learns_slower_than_the_one_above(ulmfit):
    preset = dataclasses.replace(SMOKE, language_model_learning_rate=0.1)
    recipe = dataclasses.replace(ULMFIT, layer_decay=2.6)
    rates = {group["depth"]: group["lr"] for group in build_optimizer(ulmfit, recipe, preset).param_groups}
    assert rates == {depth: pytest.approx(0.1 / 2.6**depth) for depth in range(5)}


def test_layer_decay_below_a_pretrained_encoder(bert):
    recipe = dataclasses.replace(CUSTOM, layer_decay=2.0)
    preset = dataclasses.replace(SMOKE, learning_rate=0.4, head_learning_rate=0.9)
    rates = {group["depth"]: group["lr"] for group in build_optimizer(bert, recipe, preset).param_groups}
    assert rates == {0: 0.9, 1: pytest.approx(0.4), 2: pytest.approx(0.2), 3: pytest.approx(0.1)}


def test_layers_unfreeze_in_order_from_the_top(ulmfit):
    """Steps after which each layer had moved: the head at once, the embeddings last, at half of the run."""
    steps, recipe = 40, dataclasses.replace(ULMFIT, unfreezing=0.5)
    optimizer = build_optimizer(ulmfit, recipe, SMOKE)
    scheduler = build_scheduler(optimizer, recipe, steps)
    groups = [list(ulmfit.head.parameters()), *reversed(layer_groups(ulmfit.encoder))]
    before = [group[0].detach().clone() for group in groups]
    moved = {}
    ids, mask = torch.tensor([[4, 9, 7, 3]]), torch.ones(1, 4, dtype=torch.long)
    for step in range(steps):
        optimizer.zero_grad()
        ulmfit(input_ids=ids, attention_mask=mask, labels=torch.ones(1, 6)).loss.backward()
        optimizer.step()
        scheduler.step()
        for index, group in enumerate(groups):
            if index not in moved and not torch.equal(group[0], before[index]):
                moved[index] = step
    assert moved == {0: 0, 1: 5, 2: 10, 3: 15, 4: 20}


def test_slanted_triangle_over_the_run(ulmfit):
    optimizer = build_optimizer(ulmfit, ULMFIT, SMOKE)
    scheduler = build_scheduler(optimizer, dataclasses.replace(ULMFIT, unfreezing=0.0), 100)
    shares = []
    for _ in range(100):
        shares.append(optimizer.param_groups[0]["lr"] / optimizer.param_groups[0]["initial_lr"])
        optimizer.step()
        scheduler.step()
    assert shares.index(max(shares)) == 10 and max(shares) == pytest.approx(1.0)
    assert shares[0] == pytest.approx(1 / 32) and shares[55] == pytest.approx((1 + 0.5 * 31) / 32)


def test_a_plain_recipe_leaves_the_schedule_to_the_trainer(bert):
    assert build_scheduler(build_optimizer(bert, CUSTOM, SMOKE), CUSTOM, 10) is None
