"""AWD-LSTM: parity with `nn.LSTM`, masks that hold, tied weights, and its place among the encoders."""

import gc
import warnings

import pytest
import torch
from helpers.training import TEXTS
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

from toxres.models import AwdLstmConfig, AwdLstmForCausalLM, AwdLstmModel, ToxicityConfig, ToxicityModel
from toxres.models.awd_dropout import DroppedEmbedding, LockedDropout, WeightDropLSTM
from toxres.models.pooling import POOLINGS

SIZES = {"vocab_size": 40, "hidden_size": 6, "lstm_size": 10, "num_hidden_layers": 3}


def config(**changes) -> AwdLstmConfig:
    return AwdLstmConfig(**SIZES | {"bos_token_id": 1, "eos_token_id": 2} | changes)


def flat_weights_are_the_parameters(layer: torch.nn.LSTM) -> bool:
    names = layer._flat_weights_names
    return all(flat is getattr(layer, name) for flat, name in zip(layer._flat_weights, names, strict=True))


def encoder(seed: int = 0, **changes) -> AwdLstmModel:
    torch.manual_seed(seed)
    return AwdLstmModel(config(**changes))


def language_model(seed: int = 0, **changes) -> AwdLstmForCausalLM:
    torch.manual_seed(seed)
    return AwdLstmForCausalLM(config(**changes))


def tokens(rows: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(3, 40, (rows, width), generator=torch.Generator().manual_seed(seed))


def paired_lstms(rate: float) -> tuple[WeightDropLSTM, torch.nn.LSTM]:
    """A weight-dropped layer and an `nn.LSTM` with the same weights."""
    torch.manual_seed(0)
    ours, reference = WeightDropLSTM(5, 7, rate), torch.nn.LSTM(5, 7, batch_first=True)
    reference.load_state_dict(ours.state_dict())
    return ours, reference


@pytest.mark.parametrize(("rate", "training"), [(0.0, True), (0.0, False), (0.6, False)])
def test_no_weight_drop_is_nn_lstm_exactly(rate, training):
    ours, reference = paired_lstms(rate)
    ours.train(training)
    inputs, state = torch.randn(3, 9, 5), (torch.randn(1, 3, 7), torch.randn(1, 3, 7))
    for hx in (None, state):
        found, (hidden, cell) = ours(inputs, hx)
        expected, (expected_hidden, expected_cell) = reference(inputs, hx)
        assert torch.equal(found, expected)
        assert torch.equal(hidden, expected_hidden) and torch.equal(cell, expected_cell)
        ours.zero_grad(), reference.zero_grad()
        found.square().sum().backward(), expected.square().sum().backward()
        for one, other in zip(ours.parameters(), reference.parameters(), strict=True):
            assert torch.equal(one.grad, other.grad)


def test_one_mask_holds_across_the_time_steps():
    """Step by step through `nn.LSTMCell` with the one mask that the pass drew; only the recurrent matrix has it."""
    ours, _ = paired_lstms(0.5)
    inputs = torch.randn(2, 8, 5)
    torch.manual_seed(3)
    found, _ = ours(inputs)
    torch.manual_seed(3)
    mask = torch.nn.functional.dropout(torch.ones_like(ours.weight_hh_l0), 0.5)
    assert 0.3 < (mask == 0).float().mean() < 0.7
    cell = torch.nn.LSTMCell(5, 7)
    with torch.no_grad():
        cell.weight_ih.copy_(ours.weight_ih_l0), cell.weight_hh.copy_(ours.weight_hh_l0 * mask)
        cell.bias_ih.copy_(ours.bias_ih_l0), cell.bias_hh.copy_(ours.bias_hh_l0)
        state = (torch.zeros(2, 7), torch.zeros(2, 7))
        for step in range(8):
            state = cell(inputs[:, step], state)
            torch.testing.assert_close(found[:, step], state[0])


def test_dropped_weights_get_no_gradient_and_stay_as_they_are():
    ours, _ = paired_lstms(0.5)
    before = {name: value.clone() for name, value in ours.state_dict().items()}
    torch.manual_seed(3)
    ours(torch.randn(2, 8, 5))[0].square().sum().backward()
    torch.manual_seed(3)
    torch.randn(2, 8, 5)
    mask = torch.nn.functional.dropout(torch.ones_like(ours.weight_hh_l0), 0.5)
    assert torch.equal(ours.weight_hh_l0.grad == 0, mask == 0)
    for name, value in ours.state_dict().items():
        assert torch.equal(value, before[name])


def test_weight_drop_draws_anew_each_pass_and_the_same_from_one_seed():
    ours, _ = paired_lstms(0.5)
    inputs = torch.randn(2, 8, 5)

    def two_passes():
        torch.manual_seed(1)
        return ours(inputs)[0], ours(inputs)[0]

    first, second = two_passes()
    assert not torch.equal(first, second)
    assert all(torch.equal(one, other) for one, other in zip(two_passes(), (first, second), strict=True))


def test_passes_leave_nothing_behind_and_warn_of_nothing():
    ours = encoder()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        counts = []
        for _ in range(4):
            ours(tokens(2, 5)).last_hidden_state.sum().backward()
            ours.zero_grad()
            gc.collect()
            counts.append(sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects()))
    assert len(set(counts[1:])) == 1
    assert all(map(flat_weights_are_the_parameters, ours.layers))


def test_locked_dropout_has_one_mask_a_sequence():
    torch.manual_seed(0)
    dropout = LockedDropout(0.4)
    ones = torch.ones(50, 7, 30)
    found = dropout(ones)
    assert torch.equal(found, found[:, :1].expand_as(found)), "the same at every step"
    assert not torch.equal(found[0], found[1]), "another for every sequence"
    torch.testing.assert_close(found.unique(), torch.tensor([0.0, 1 / 0.6]))
    assert 0.35 < (found == 0).float().mean() < 0.45
    assert dropout.eval()(ones) is ones
    assert LockedDropout(0.0)(ones) is ones


def test_embedding_dropout_drops_whole_words_of_the_whole_batch():
    torch.manual_seed(0)
    embedding = DroppedEmbedding(40, 6, 0, 0.5)
    ids = tokens(30, 20)
    plain, found = torch.nn.functional.embedding(ids, embedding.weight), embedding(ids)
    kept = {word: (found[ids == word] != 0).any().item() for word in ids.unique().tolist()}
    assert 5 < sum(kept.values()) < len(kept) - 5
    for word, keep in kept.items():
        expected = plain[ids == word] * (2.0 if keep else 0.0)
        torch.testing.assert_close(found[ids == word], expected)
    assert torch.equal(embedding.eval()(ids), plain)


@pytest.mark.parametrize("name", ["embedding", "input", "layer", "weight", "output"])
def test_the_multiplier_scales_every_dropout(name):
    scaled = config(**{f"{name}_dropout": 0.4}, dropout_multiplier=0.5)
    assert scaled.rate(f"{name}_dropout") == pytest.approx(0.2)
    model = AwdLstmForCausalLM(scaled)
    found = {
        "embedding": model.encoder.embeddings.rate,
        "input": model.encoder.input_dropout.rate,
        "layer": model.encoder.layer_dropout.rate,
        "weight": model.encoder.layers[2].rate,
        "output": model.output_dropout.rate,
    }
    assert found[name] == pytest.approx(0.2)
    with pytest.raises(ValueError, match=f"{name}_dropout times dropout_multiplier is 1.2"):
        config(**{f"{name}_dropout": 0.4}, dropout_multiplier=3.0)


def test_a_multiplier_of_zero_trains_as_it_evaluates():
    model = language_model(dropout_multiplier=0.0)
    ids = tokens(3, 9)
    assert torch.equal(model.train()(ids).logits, model.eval()(ids).logits)
    model = language_model()
    assert not torch.equal(model.train()(ids).logits, model.eval()(ids).logits)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(0, 6), st.integers(0, 1000))
def test_padding_on_the_right_changes_no_real_state(lengths, extra, seed):
    model = encoder().eval()
    width = max(lengths)
    ids = tokens(len(lengths), width + extra, seed)
    mask = (torch.arange(width + extra)[None, :] < torch.tensor(lengths)[:, None]).long()
    with torch.no_grad():
        found = model(ids * mask, attention_mask=mask).last_hidden_state
        for row, length in enumerate(lengths):
            alone = model(ids[row : row + 1, :length]).last_hidden_state
            torch.testing.assert_close(found[row, :length], alone[0], atol=1e-6, rtol=1e-5)


def test_a_sequence_read_in_parts_is_the_sequence_read_at_once():
    model, ids = encoder().eval(), tokens(3, 11)
    whole = model(ids)
    first = model(ids[:, :4])
    second = model(ids[:, 4:], state=first.state)
    torch.testing.assert_close(torch.cat([first.last_hidden_state, second.last_hidden_state], 1), whole[0])
    for (hidden, cell), (expected_hidden, expected_cell) in zip(second.state, whole.state, strict=True):
        torch.testing.assert_close(hidden, expected_hidden)
        torch.testing.assert_close(cell, expected_cell)


def test_sizes_and_hidden_states():
    model = encoder()
    assert [(layer.input_size, layer.hidden_size) for layer in model.layers] == [(6, 10), (10, 10), (10, 6)]
    output = model.eval()(tokens(2, 5), output_hidden_states=True)
    assert [state.shape[-1] for state in output.hidden_states] == [6, 10, 10, 6]
    assert torch.equal(output.hidden_states[-1], output.last_hidden_state)
    assert output.last_hidden_state.shape == (2, 5, model.config.hidden_size)
    assert AwdLstmConfig().hidden_size == 400 and AwdLstmConfig().lstm_size == 1152
    with pytest.raises(ValueError, match="either input_ids or inputs_embeds"):
        model()


def test_word_vectors_may_be_given_instead_of_words():
    model, ids = encoder().eval(), tokens(2, 5)
    vectors = model.get_input_embeddings()(ids)
    assert torch.equal(model(inputs_embeds=vectors).last_hidden_state, model(ids).last_hidden_state)


def test_tied_weights_share_storage_before_and_after_saving(tmp_path):
    model = language_model()
    assert model.decoder.weight is model.encoder.embeddings.weight
    model.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert isinstance(loaded, AwdLstmForCausalLM)
    assert loaded.decoder.weight.data_ptr() == loaded.encoder.embeddings.weight.data_ptr()
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    with torch.no_grad():
        loaded.get_input_embeddings().weight[5] += 1
    assert torch.equal(loaded.get_output_embeddings().weight[5], loaded.encoder.embeddings.weight[5])
    assert all(map(flat_weights_are_the_parameters, loaded.encoder.layers))


def test_an_encoder_is_read_from_a_language_model(tmp_path):
    model = language_model()
    model.save_pretrained(tmp_path)
    assert isinstance(AutoConfig.from_pretrained(tmp_path), AwdLstmConfig)
    loaded, ids = AutoModel.from_pretrained(tmp_path), tokens(2, 7)
    assert isinstance(loaded, AwdLstmModel)
    expected = model.eval().encoder(ids).last_hidden_state
    assert torch.equal(loaded.eval()(ids).last_hidden_state, expected)


def test_the_language_models_loss_is_of_the_next_token():
    model, ids = language_model().eval(), tokens(2, 6)
    labels = ids.clone()
    labels[1, 3:] = -100
    output = model(ids, labels=labels)
    logs = torch.log_softmax(output.logits, dim=-1)
    losses = [-logs[row, step, ids[row, step + 1]] for row, last in ((0, 5), (1, 2)) for step in range(last)]
    torch.testing.assert_close(output.loss, torch.stack(losses).mean())


def test_layer_groups_hold_every_parameter_once():
    for model in (encoder(), language_model()):
        groups = model.layer_groups()
        assert len(groups) == 4
        found = [id(parameter) for group in groups for parameter in group]
        assert sorted(found) == sorted(map(id, model.parameters()))
        assert len(found) == len(set(found))
    assert language_model().layer_groups()[-1][0].shape == (40, 6)
    assert encoder().layer_groups()[0][0].shape == (40, 6)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_it_is_an_encoder_like_any_other(pooling, tmp_path):
    torch.manual_seed(0)
    model = ToxicityModel(ToxicityConfig(encoder=config(), pooling=pooling, head="residual")).eval()
    ids = tokens(2, 7)
    mask = torch.tensor([[1] * 7, [1] * 4 + [0] * 3])
    output = model(ids, attention_mask=mask, output_attention_weights=True)
    assert output.logits.shape == (2, 6) and output.attention_weights.shape == (2, 7)
    alone = model(ids[1:, :4]).logits
    torch.testing.assert_close(output.logits[1:], alone)
    model.save_pretrained(tmp_path)
    loaded = ToxicityModel.from_pretrained(tmp_path).eval()
    assert torch.equal(loaded(ids, attention_mask=mask).logits, output.logits)
    loaded.set_attn_implementation("eager")


@pytest.mark.parametrize("training", [False, True])
def test_gradients_reach_the_word_vectors(training):
    torch.manual_seed(0)
    model = ToxicityModel(ToxicityConfig(encoder=config(), pooling="concat")).train(training)
    vectors = model.encoder.get_input_embeddings()(tokens(2, 7)).detach().requires_grad_()
    model(inputs_embeds=vectors).logits.sum().backward()
    assert vectors.grad.abs().sum(dim=-1).gt(0).all()


def test_integrated_gradients_are_complete_in_evaluation_mode():
    from captum.attr import LayerIntegratedGradients

    torch.manual_seed(0)
    model = ToxicityModel(ToxicityConfig(encoder=config(), pooling="mean")).eval()
    ids, baseline = tokens(1, 6), torch.zeros(1, 6, dtype=torch.long)
    method = LayerIntegratedGradients(lambda given: model(given).logits[:, 0], model.encoder.embeddings)
    _, delta = method.attribute(ids, baseline, n_steps=64, return_convergence_delta=True)
    assert delta.abs().item() < 1e-3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cudnn_neither_warns_nor_refuses_a_backward_pass_in_evaluation_mode():
    model = encoder().cuda()
    ids = tokens(2, 7).cuda()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.train()(ids).last_hidden_state.sum().backward()
        vectors = model.get_input_embeddings()(ids).detach().requires_grad_()
        model.eval()(inputs_embeds=vectors).last_hidden_state.sum().backward()
    assert vectors.grad.abs().sum() > 0
    torch.testing.assert_close(
        model(ids).last_hidden_state.cpu(), model.cpu()(ids.cpu()).last_hidden_state, atol=1e-3, rtol=1e-3
    )


def test_it_goes_through_our_tokenizers_batches():
    from toxres.models.encoders import load_encoder
    from toxres.models.predict import predict_logits

    tokenizer = load_encoder("tiny").tokenizer
    torch.manual_seed(0)
    model = ToxicityModel(ToxicityConfig(encoder=config(vocab_size=len(tokenizer)), pooling="concat"))
    together = predict_logits(model, tokenizer, TEXTS)
    for row, text in enumerate(TEXTS):
        assert together[row] == pytest.approx(predict_logits(model, tokenizer, [text])[0], abs=1e-5)
