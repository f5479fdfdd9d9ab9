"""The span model: any encoder and a logit a token, for whether the token is part of what makes a comment toxic."""

import dataclasses
from typing import Any

import torch
from huggingface_hub.dataclasses import strict
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.configuration_utils import SubConfigSpec
from transformers.utils import ModelOutput

from toxres.errors import InputError
from toxres.models.awd_lstm import AwdLstmConfig
from toxres.models.encoders import Encoder, load_encoder, without_pooler
from toxres.models.losses import binary_cross_entropy, masked_mean
from toxres.tasks import SPANS


@strict
class SpanConfig(PreTrainedConfig):
    """What a `SpanModel` is made of.

    Attributes:
        encoder: Configuration of any `AutoModel` encoder, as an object or as the dictionary in `config.json`.
        head_dropout: Dropout before the head.
    """

    model_type = "toxic_spans"
    sub_configs_defaults = {"encoder": SubConfigSpec(config_class=AutoConfig, model_type="bert")}

    encoder: PreTrainedConfig | dict | None = None
    head_dropout: float = 0.1

    def __post_init__(self, **kwargs: Any) -> None:
        if self.id2label is None:
            self.id2label = dict(enumerate(SPANS.labels))
        if self.label2id is None:
            self.label2id = {label: int(index) for index, label in self.id2label.items()}
        super().__post_init__(**kwargs)


@dataclasses.dataclass
class SpanOutput(ModelOutput):
    """Output of a `SpanModel`.

    Attributes:
        loss: Masked binary cross-entropy, only when `labels` are given.
        logits: B x T, logits, not probabilities, that a token is part of a toxic span; of padding too.
        hidden_states: The encoder's, only when asked for.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None


class SpanModel(PreTrainedModel):
    """An encoder, then dropout and one linear layer from each hidden state to a logit.

    Token classification as Devlin et al. 2019 (section 5.3) do it, with one sigmoid in place of the B, I and O of
    chunks: toxic spans are sets of characters, in which no span touches another.

    Example:
        >>> from toxres.models.spans import SpanModel
        >>> model, tokenizer = SpanModel.from_encoder("tiny")
        >>> batch = tokenizer(["what a lovely day"], return_tensors="pt")
        >>> tuple(model.eval()(**batch).logits.shape)
        (1, 6)
    """

    config_class = SpanConfig
    base_model_prefix = "encoder"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True

    def __init__(self, config: SpanConfig) -> None:
        super().__init__(config)
        self.encoder = without_pooler(AutoModel.from_config(config.encoder))
        self.dropout = nn.Dropout(config.head_dropout)
        self.out = nn.Linear(config.encoder.hidden_size, 1)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)

    @classmethod
    def from_encoder(cls, encoder: str | Encoder = "minilm", dropout: float | None = None) -> Encoder:
        """A model with a pre-trained encoder and a fresh head (seeded by torch's generator).

        Args:
            encoder: See `load_encoder`; or an encoder at hand, such as a classifier's, with its tokenizer.
            dropout: Dropout inside the encoder that is loaded; None keeps the encoder's own.

        Returns:
            The model and its tokenizer.

        Raises:
            InputError: The encoder can't be loaded, or it is an AWD-LSTM, which reads from left to right.
        """
        loaded = load_encoder(encoder, dropout=dropout) if isinstance(encoder, str) else encoder
        if loaded.model.config.model_type == AwdLstmConfig.model_type:
            raise InputError("spans: an AWD-LSTM reads no word that follows; start from a transformer")
        model = cls(SpanConfig(encoder=loaded.model.config))
        model.encoder = without_pooler(loaded.model)
        return Encoder(model, loaded.tokenizer)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool = False,
        return_dict: bool = True,
    ) -> SpanOutput | tuple[Tensor, ...]:
        """A logit for each token of a batch.

        Args:
            input_ids: B x T token ids; or give `inputs_embeds`, B x T x D.
            attention_mask: B x T, 1 on tokens, 0 on padding; all ones by default.
            token_type_ids: B x T, for encoders that have them.
            inputs_embeds: B x T x D.
            labels: B x T targets in [0, 1], NaN where unknown, as on special tokens and padding.
            output_hidden_states: Also return the encoder's hidden states.
            return_dict: False returns a tuple of the values that are not None.

        Raises:
            ValueError: Neither or both of `input_ids` and `inputs_embeds` were given.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        if attention_mask is None:
            reference = input_ids if input_ids is not None else inputs_embeds[..., 0]
            attention_mask = torch.ones_like(reference, dtype=torch.long)
        encoded = self.encoder(
            input_ids=input_ids,
            attention_mask=attention_mask,
            inputs_embeds=inputs_embeds,
            output_hidden_states=output_hidden_states,
            **({} if token_type_ids is None else {"token_type_ids": token_type_ids}),
        )
        logits = self.out(self.dropout(encoded.last_hidden_state))[..., 0]  # B x T
        output = SpanOutput(
            loss=None if labels is None else masked_mean(binary_cross_entropy, logits, labels),
            logits=logits,
            hidden_states=encoded.hidden_states if output_hidden_states else None,
        )
        return output if return_dict else output.to_tuple()

    @torch.no_grad()
    def set_prior(self, prevalence: float) -> None:
        """Start the bias at the log-odds of a token's being toxic (Lin et al. 2017, section 4.1)."""
        self.out.bias.copy_(torch.logit(torch.tensor(float(prevalence)), eps=1e-3))
