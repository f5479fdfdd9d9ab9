"""The classifier: any encoder, one of four poolings, one of two heads."""

import dataclasses

import torch
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel
from transformers.utils import ModelOutput

from toxres.config import Recipe
from toxres.models.configuration import ToxicityConfig
from toxres.models.encoders import Encoder, load_encoder, without_pooler
from toxres.models.heads import HEADS
from toxres.models.losses import binary_cross_entropy, class_cross_entropy, masked_mean
from toxres.models.pooling import POOLINGS
from toxres.models.tokenizer import NormalizingTokenizer, extend_embeddings
from toxres.tasks import TYPES, task_of


@dataclasses.dataclass
class ToxicityOutput(ModelOutput):
    """Output of a `ToxicityModel`.

    Attributes:
        loss: Masked cross-entropy, binary or of exclusive classes as the configuration's `problem_type` says, only when
            `labels` are given (a recipe's own loss is the trainer's).
        logits: B x L, logits, not probabilities.
        pooled: B x D, only when asked for.
        attention_weights: B x T, the pooling's share of each token; sums to 1, 0 on padding; only when asked for.
        hidden_states: The encoder's, only when asked for.
        attentions: The encoder's own heads, only when asked for.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    pooled: Tensor | None = None
    attention_weights: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class ToxicityModel(PreTrainedModel):
    """An encoder, a pooling and a head over the labels of a task: the six, unless the configuration names others.

    Example:
        >>> from toxres.config import CUSTOM
        >>> from toxres.models import ToxicityModel
        >>> model, tokenizer = ToxicityModel.from_recipe(CUSTOM, encoder="tiny")
        >>> batch = tokenizer(["what a lovely day"], return_tensors="pt")
        >>> output = model.eval()(**batch, output_attention_weights=True)
        >>> tuple(output.logits.shape)
        (1, 6)
        >>> bool(output.attention_weights.sum().isclose(torch.tensor(1.0)))
        True
    """

    config_class = ToxicityConfig
    base_model_prefix = "encoder"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True

    def __init__(self, config: ToxicityConfig) -> None:
        super().__init__(config)
        for field, known in (("pooling", POOLINGS), ("head", HEADS)):
            if getattr(config, field) not in known:
                raise ValueError(f"unknown {field} {getattr(config, field)!r}; choose one of: {', '.join(known)}")
        self.encoder = without_pooler(AutoModel.from_config(config.encoder))
        hidden_size = config.encoder.hidden_size
        self.pooling = POOLINGS[config.pooling](hidden_size)
        self.head = HEADS[config.head](self.pooling.out_size(hidden_size), config.num_labels, config.head_dropout)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            zero = any(module is layer for layer in self.pooling.children())
            nn.init.normal_(module.weight, std=0.0 if zero else 0.02)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)

    @classmethod
    def from_recipe(
        cls,
        recipe: Recipe,
        encoder: str = "minilm",
        dropout: float | None = None,
    ) -> Encoder:
        """A model with a pre-trained encoder and a fresh pooling and head (seeded by torch's generator).

        Args:
            recipe: Its `task`, `pooling`, `head` and `normalisation` are read. With normalisation the encoder gets
                embeddings for the tokens it puts in, unless it is a language model that has learned with them.
            encoder: See `load_encoder`.
            dropout: Dropout inside the encoder; None keeps the encoder's own.

        Returns:
            The model and its tokenizer.

        Raises:
            InputError: The encoder can't be loaded.
        """
        loaded = load_encoder(encoder, dropout=dropout)
        if recipe.normalisation and not recipe.language_model:
            tokenizer = NormalizingTokenizer.from_tokenizer(loaded.tokenizer, recipe.normalisation)
            loaded = Encoder(extend_embeddings(loaded.model, tokenizer), tokenizer)
        task = task_of(recipe)
        config = ToxicityConfig(
            encoder=loaded.model.config,
            pooling=recipe.pooling,
            head=recipe.head,
            id2label=dict(enumerate(task.labels)),
            problem_type=task.problem_type,
        )
        model = cls(config)
        model.encoder = without_pooler(loaded.model)
        return Encoder(model, loaded.tokenizer)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        output_attention_weights: bool = False,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        return_dict: bool = True,
    ) -> ToxicityOutput | tuple[Tensor, ...]:
        """Logits for a batch of comments.

        Args:
            input_ids: B x T token ids; or give `inputs_embeds`, B x T x D.
            attention_mask: B x T, 1 on tokens, 0 on padding; all ones by default.
            token_type_ids: B x T, for encoders that have them.
            position_ids: B x T; None lets the encoder count.
            labels: B x L targets in [0, 1], NaN where unknown; of exclusive classes too.
            output_attention_weights: Also return `pooled` and the pooling's `attention_weights`.
            output_hidden_states: Also return the encoder's hidden states.
            output_attentions: Also return the encoder's own attentions (attention must be "eager").
            return_dict: False returns a tuple of the values that are not None.

        Returns:
            See `ToxicityOutput`.

        Raises:
            ValueError: Neither or both of `input_ids` and `inputs_embeds` were given.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        if attention_mask is None:
            reference = input_ids if input_ids is not None else inputs_embeds[..., 0]
            attention_mask = torch.ones_like(reference, dtype=torch.long)
        optional = {"token_type_ids": token_type_ids, "position_ids": position_ids}
        encoded = self.encoder(
            input_ids=input_ids,
            attention_mask=attention_mask,
            inputs_embeds=inputs_embeds,
            output_hidden_states=output_hidden_states,
            output_attentions=output_attentions,
            **{name: value for name, value in optional.items() if value is not None},
        )
        pooled = self.pooling(encoded.last_hidden_state, attention_mask)
        logits = self.head(pooled.pooled)
        loss = None
        if labels is not None:
            exclusive = self.config.problem_type == TYPES.problem_type
            loss = (
                class_cross_entropy(logits, labels) if exclusive else masked_mean(binary_cross_entropy, logits, labels)
            )
        output = ToxicityOutput(
            loss=loss,
            logits=logits,
            pooled=pooled.pooled if output_attention_weights else None,
            attention_weights=pooled.attention_weights if output_attention_weights else None,
            hidden_states=encoded.hidden_states if output_hidden_states else None,
            attentions=encoded.attentions if output_attentions else None,
        )
        return output if return_dict else output.to_tuple()

    def set_prior(self, prevalence: Tensor) -> None:
        """Start the last layer's bias at each label's log-odds (Lin et al. 2017, section 4.1), or each class's log.

        Args:
            prevalence: L shares of positives in training, in [0, 1]; kept between 0.001 and 0.999. NaN leaves a label.
        """
        bias = self.head.out.bias
        prevalence = prevalence.to(bias)
        exclusive = self.config.problem_type == TYPES.problem_type
        logits = torch.log(prevalence.clamp(min=1e-3)) if exclusive else torch.logit(prevalence, eps=1e-3)
        with torch.no_grad():
            bias.copy_(torch.where(torch.isnan(logits), bias, logits))
