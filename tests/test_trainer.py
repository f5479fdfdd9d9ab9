"""A step of several batches is the step of one large one; layers computed again give the same gradients."""

import dataclasses

import numpy as np
import pytest
import torch
import transformers
from helpers.training import comments_rows, save_encoder, source, word_tokenizer

from toxres.config import BASELINE_TYPES, CUSTOM, SMOKE
from toxres.data.batching import CommentDataset
from toxres.errors import InputError
from toxres.models import AwdLstmConfig, Encoder, ToxicityConfig, ToxicityModel, build_loss
from toxres.tasks import task_of
from toxres.training import train
from toxres.training.trainer import build_trainer

PRESET = dataclasses.replace(SMOKE, batch_size=16, precision="fp32", max_grad_norm=1e9, group_by_length=False, epochs=1)


def unequal_targets(count: int, labels: int, exclusive: bool = False) -> np.ndarray:
    """Targets of which the first comments know nearly nothing, so that means of means go wrong."""
    random = np.random.default_rng(0)
    if exclusive:
        targets = np.eye(labels, dtype=np.float32)[random.integers(labels, size=count)]
        targets[: count // 2] = np.nan
    else:
        targets = (random.random((count, labels)) < 0.4).astype(np.float32)
        targets[: count // 2, 1:] = np.nan
    return targets


def gradients(tmp_path, recipe=CUSTOM, encoder="tiny", rows=16, **changes) -> list[dict[str, torch.Tensor]]:
    """The gradients of every step of a run, by parameter, without dropout."""
    transformers.set_seed(0)
    model, tokenizer = ToxicityModel.from_recipe(recipe, encoder, 0.0)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    task = task_of(recipe)
    texts = [row["comment_text"] for row in comments_rows(rows)]
    data = CommentDataset(texts, tokenizer, 32, unequal_targets(rows, len(task.labels), task.exclusive))
    preset = dataclasses.replace(PRESET, **changes)
    trainer = build_trainer(model, recipe, preset, data, None, build_loss(recipe), 0, tmp_path / "t", 0, progress=False)
    steps = []

    class Keep(transformers.TrainerCallback):
        def on_pre_optimizer_step(self, args, state, control, **kwargs):
            named = trainer.model.named_parameters()
            steps.append({name: value.grad.clone() for name, value in named if value.grad is not None})

    trainer.add_callback(Keep())
    trainer.train()
    return steps


def same(first: dict, second: dict) -> None:
    assert first.keys() == second.keys() and len(first) > 10
    largest = max(value.abs().max() for value in first.values())
    for name, value in first.items():
        assert (value - second[name]).abs().max() < 1e-5 * largest, name


@pytest.mark.parametrize("recipe", [CUSTOM, BASELINE_TYPES], ids=["labels", "classes"])
def test_accumulated_gradients_are_those_of_the_large_batch(recipe, tmp_path):
    (whole,) = gradients(tmp_path / "whole", recipe)
    (summed,) = gradients(tmp_path / "summed", recipe, batch_size=4, gradient_accumulation=4)
    same(whole, summed)


def test_the_last_step_of_an_epoch_may_have_fewer_batches(tmp_path):
    options = {"rows": 22, "encoder": "tiny"}
    large = gradients(tmp_path / "whole", **options)
    small = gradients(tmp_path / "summed", batch_size=4, gradient_accumulation=4, **options)
    assert len(large) == len(small) == 2
    same(large[0], small[0])


def test_checkpointing_computes_again_and_gives_the_same_gradients(tmp_path, monkeypatch):
    (kept,) = gradients(tmp_path / "kept")
    calls, original = [], torch.utils.checkpoint.checkpoint
    monkeypatch.setattr(
        "transformers.modeling_utils.checkpoint", lambda *args, **kwargs: calls.append(1) or original(*args, **kwargs)
    )
    (again,) = gradients(tmp_path / "again", gradient_checkpointing=True)
    assert len(calls) == 2, "a layer each"
    same(kept, again)


def saved_bytes(checkpointing: bool) -> int:
    """Bytes that a forward pass keeps for the way back, each storage once."""
    transformers.set_seed(0)
    model = ToxicityModel.from_recipe(CUSTOM, "tiny", 0.0).model.train()
    if checkpointing:
        model.activation_checkpointing_enable()
    storages = {}

    def pack(tensor):
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = model(input_ids=torch.ones(8, 64, dtype=torch.long))
    parameters = {value.untyped_storage().data_ptr() for value in model.parameters()}
    assert output.logits.requires_grad
    return sum(size for place, size in storages.items() if place not in parameters)


def test_checkpointing_keeps_less():
    assert saved_bytes(True) < 0.5 * saved_bytes(False)


def test_a_language_model_has_nothing_to_compute_again(tmp_path, monkeypatch):
    encoder = AwdLstmConfig(vocab_size=9, hidden_size=4, lstm_size=4, num_hidden_layers=1)
    model = ToxicityModel(ToxicityConfig(encoder=encoder, pooling="concat"))
    monkeypatch.setattr(ToxicityModel, "from_recipe", lambda *args: Encoder(model, word_tokenizer()))
    preset = dataclasses.replace(SMOKE, gradient_checkpointing=True)
    with pytest.raises(InputError, match="gradient_checkpointing: AwdLstmModel has no layers to compute again; leave"):
        train("custom", source(), preset, 0, tmp_path / "out", progress=False)
    assert not list(tmp_path.iterdir())


def test_other_encoders_take_checkpointing(tmp_path):
    for kind in ("roberta", "distilbert"):
        encoder = save_encoder(kind, tmp_path / kind)
        (kept,) = gradients(tmp_path, encoder=encoder)
        (again,) = gradients(tmp_path, encoder=encoder, gradient_checkpointing=True)
        same(kept, again)


def test_both_are_recorded_where_they_are_not_the_default():
    assert not {"gradient_accumulation", "gradient_checkpointing"} & SMOKE.to_dict().keys()
    changed = dataclasses.replace(SMOKE, gradient_accumulation=2, gradient_checkpointing=True).to_dict()
    assert (changed["gradient_accumulation"], changed["gradient_checkpointing"]) == (2, True)
