"""AWD-LSTM (Merity et al. 2018) as a Hugging Face encoder and language model: the network of ULMFiT.

ULMFiT is Howard and Ruder 2018, "Universal Language Model Fine-tuning for Text Classification".
"""

import dataclasses
import itertools
from typing import Any

import torch.nn.functional as F
from huggingface_hub.dataclasses import strict
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.utils import ModelOutput

from toxres.models.awd_dropout import DroppedEmbedding, LockedDropout, State, WeightDropLSTM

LANGUAGE_MODEL_DROPOUTS = {
    "embedding_dropout": 0.02,
    "input_dropout": 0.25,
    "layer_dropout": 0.15,
    "weight_dropout": 0.2,
    "output_dropout": 0.1,
}
"""The proportions fastai's ULMFiT trains language models with."""

CLASSIFIER_DROPOUTS = {
    "embedding_dropout": 0.05,
    "input_dropout": 0.4,
    "layer_dropout": 0.3,
    "weight_dropout": 0.5,
    "output_dropout": 0.4,
}
"""The proportions fastai's ULMFiT trains classifiers with; the last is for the classifier's head."""


@strict
class AwdLstmConfig(PreTrainedConfig):
    """What an AWD-LSTM is made of; the default is the published size.

    Attributes:
        vocab_size: V.
        hidden_size: D, the size of the embeddings and of the states that come out.
        lstm_size: Units of every LSTM layer but the last, which has `hidden_size`, so that the softmax can be tied.
        num_hidden_layers: LSTM layers.
        embedding_dropout: Share of the words dropped from a batch.
        input_dropout: Locked dropout of the embeddings.
        layer_dropout: Locked dropout between the LSTM layers.
        weight_dropout: DropConnect of the hidden-to-hidden weights.
        output_dropout: Locked dropout of the states before the softmax of the language model.
        dropout_multiplier: All five are multiplied by it; 0 trains without any.
    """

    model_type = "awd_lstm"

    vocab_size: int = 30_000
    hidden_size: int = 400
    lstm_size: int = 1_152
    num_hidden_layers: int = 3
    embedding_dropout: float = LANGUAGE_MODEL_DROPOUTS["embedding_dropout"]
    input_dropout: float = LANGUAGE_MODEL_DROPOUTS["input_dropout"]
    layer_dropout: float = LANGUAGE_MODEL_DROPOUTS["layer_dropout"]
    weight_dropout: float = LANGUAGE_MODEL_DROPOUTS["weight_dropout"]
    output_dropout: float = LANGUAGE_MODEL_DROPOUTS["output_dropout"]
    dropout_multiplier: float = 1.0
    pad_token_id: int | None = 0
    bos_token_id: int | None = None
    eos_token_id: int | None = None
    tie_word_embeddings: bool = True

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        for name in LANGUAGE_MODEL_DROPOUTS:
            if not 0 <= self.rate(name) < 1:
                raise ValueError(f"{name} times dropout_multiplier is {self.rate(name)}; it must be in [0, 1)")

    def rate(self, name: str) -> float:
        """A dropout's rate after the multiplier."""
        return getattr(self, name) * self.dropout_multiplier


@dataclasses.dataclass
class AwdLstmOutput(ModelOutput):
    """Output of an `AwdLstmModel`.

    Attributes:
        last_hidden_state: B x T x D, of the last layer, before any dropout.
        hidden_states: Embeddings (B, T, D) and each layer's states before dropout, only when asked for.
        attentions: None; there are none.
        state: Hidden and cell state of each layer after the last step, to go on from.
    """

    last_hidden_state: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None
    state: tuple[State, ...] | None = None


@dataclasses.dataclass
class AwdLstmCausalOutput(ModelOutput):
    """Output of an `AwdLstmForCausalLM`.

    Attributes:
        loss: Mean cross-entropy of the next token, in nats, only when `labels` are given.
        logits: B x T x V, of the token that follows each position.
        hidden_states: As in `AwdLstmOutput`.
        state: As in `AwdLstmOutput`.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    state: tuple[State, ...] | None = None


class AwdLstmPreTrainedModel(PreTrainedModel):
    """What the encoder and the language model share: configuration and initial weights."""

    config_class = AwdLstmConfig
    base_model_prefix = "encoder"
    main_input_name = "input_ids"

    def _init_weights(self, module: nn.Module) -> None:
        """Uniform, as Merity et al. (2018, section 5) start: embeddings within 0.1, LSTMs within 1 / sqrt(H)."""
        if isinstance(module, nn.Embedding | nn.Linear):
            nn.init.uniform_(module.weight, -0.1, 0.1)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)
            elif module.padding_idx is not None:
                nn.init.zeros_(module.weight[module.padding_idx])
        elif isinstance(module, nn.LSTM):
            bound = module.hidden_size**-0.5
            for parameter in module.parameters():
                nn.init.uniform_(parameter, -bound, bound)


class AwdLstmModel(AwdLstmPreTrainedModel):
    """The encoder: embeddings and LSTM layers with their dropouts.

    It reads from left to right only, so that padding on the right changes no state of a real token; padding on the
    left would, and is not supported.

    Example:
        >>> import torch
        >>> from toxres.models.awd_lstm import AwdLstmConfig, AwdLstmModel
        >>> config = AwdLstmConfig(vocab_size=50, hidden_size=8, lstm_size=16, num_hidden_layers=2)
        >>> tuple(AwdLstmModel(config).eval()(torch.tensor([[4, 9, 7]])).last_hidden_state.shape)
        (1, 3, 8)
    """

    # The folder of a language model has its softmax too.
    _keys_to_ignore_on_load_unexpected = (r"^decoder\.",)

    def __init__(self, config: AwdLstmConfig) -> None:
        super().__init__(config)
        sizes = [config.hidden_size, *[config.lstm_size] * (config.num_hidden_layers - 1), config.hidden_size]
        self.embeddings = DroppedEmbedding(
            config.vocab_size, config.hidden_size, config.pad_token_id, config.rate("embedding_dropout")
        )
        self.input_dropout = LockedDropout(config.rate("input_dropout"))
        self.layers = nn.ModuleList(
            WeightDropLSTM(size, out, config.rate("weight_dropout")) for size, out in itertools.pairwise(sizes)
        )
        self.layer_dropout = LockedDropout(config.rate("layer_dropout"))
        self.post_init()

    def get_input_embeddings(self) -> nn.Embedding:
        """The word embeddings."""
        return self.embeddings

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        """Replace the word embeddings."""
        self.embeddings = value

    def layer_groups(self) -> list[list[nn.Parameter]]:
        """The parameters from the lowest layer up, embeddings first: what is unfrozen or slowed down layer by layer."""
        return [list(module.parameters()) for module in (self.embeddings, *self.layers)]

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        state: tuple[State, ...] | None = None,
        output_hidden_states: bool = False,
        return_dict: bool = True,
        **ignored: Any,
    ) -> AwdLstmOutput | tuple:
        """Hidden states for a batch.

        Args:
            input_ids: B x T token ids; or give `inputs_embeds`, B x T x D.
            attention_mask: Not needed: padding stands on the right, where it is read after all that counts.
            inputs_embeds: B x T x D.
            state: Where an earlier part of the same sequences ended; None starts from zeros.
            output_hidden_states: Also return the embeddings and the states of every layer.
            return_dict: False returns a tuple of the values that are not None.
            **ignored: What other encoders take: `token_type_ids`, `position_ids`, `output_attentions`.

        Raises:
            ValueError: Neither or both of `input_ids` and `inputs_embeds` were given.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        hidden = self.embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        seen, after = [hidden], []
        hidden = self.input_dropout(hidden)
        for index, layer in enumerate(self.layers):
            if index > 0:
                hidden = self.layer_dropout(hidden)
            hidden, end = layer(hidden, None if state is None else state[index])
            seen.append(hidden)
            after.append(end)
        output = AwdLstmOutput(
            last_hidden_state=hidden, hidden_states=tuple(seen) if output_hidden_states else None, state=tuple(after)
        )
        return output if return_dict else output.to_tuple()


class AwdLstmForCausalLM(AwdLstmPreTrainedModel):
    """The language model: the encoder and a softmax tied to its embeddings (Inan et al. 2017; Press and Wolf 2017)."""

    _tied_weights_keys = {"decoder.weight": "encoder.embeddings.weight"}

    def __init__(self, config: AwdLstmConfig) -> None:
        super().__init__(config)
        self.encoder = AwdLstmModel(config)
        self.output_dropout = LockedDropout(config.rate("output_dropout"))
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)
        self.post_init()

    def get_input_embeddings(self) -> nn.Embedding:
        """The word embeddings."""
        return self.encoder.embeddings

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        """Replace the word embeddings."""
        self.encoder.embeddings = value

    def get_output_embeddings(self) -> nn.Linear:
        """The softmax layer."""
        return self.decoder

    def set_output_embeddings(self, value: nn.Linear) -> None:
        """Replace the softmax layer."""
        self.decoder = value

    def layer_groups(self) -> list[list[nn.Parameter]]:
        """The parameters from the lowest layer up; the embeddings, which are the softmax too, come last."""
        embeddings, *layers = self.encoder.layer_groups()
        return [*layers, [*embeddings, self.decoder.bias]]

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        state: tuple[State, ...] | None = None,
        output_hidden_states: bool = False,
        return_dict: bool = True,
        **ignored: Any,
    ) -> AwdLstmCausalOutput | tuple:
        """Logits of the next token for a batch.

        Args:
            input_ids: B x T token ids; or give `inputs_embeds`, B x T x D.
            attention_mask: See `AwdLstmModel.forward`.
            inputs_embeds: B x T x D.
            labels: B x T, the same tokens again (they are shifted here), -100 where none counts.
            state: See `AwdLstmModel.forward`.
            output_hidden_states: See `AwdLstmModel.forward`.
            return_dict: False returns a tuple of the values that are not None.
            **ignored: What other models take.
        """
        encoded = self.encoder(
            input_ids, inputs_embeds=inputs_embeds, state=state, output_hidden_states=output_hidden_states
        )
        logits = self.decoder(self.output_dropout(encoded.last_hidden_state))
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten(), ignore_index=-100)
        output = AwdLstmCausalOutput(loss, logits, encoded.hidden_states, encoded.state)
        return output if return_dict else output.to_tuple()
