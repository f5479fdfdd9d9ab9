"""Configuration of a `ToxicityModel`: the encoder's own configuration, pooling and head."""

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

from toxres.labels import LABELS


@strict
class ToxicityConfig(PreTrainedConfig):
    """What a `ToxicityModel` is made of.

    Attributes:
        encoder: Configuration of any `AutoModel` encoder, as an object or as the dictionary in `config.json`.
        pooling: "cls", "mean" or "attention": how `hidden_states` (B, T, D) become `pooled` (B, D).
        head: "linear" or "residual": how `pooled` (B, D) becomes `logits` (B, L).
        head_dropout: Dropout before the last layer of the head.

    `id2label` names the six labels and `problem_type` is "multi_label_classification" unless told otherwise.
    """

    model_type = "toxicity"
    sub_configs_defaults = {"encoder": SubConfigSpec(config_class=AutoConfig, model_type="bert")}

    encoder: PreTrainedConfig | dict | None = None
    pooling: str = "cls"
    head: str = "linear"
    head_dropout: float = 0.1

    def __post_init__(self, **kwargs: Any) -> None:
        if self.id2label is None:
            self.id2label = dict(enumerate(LABELS))
        if self.label2id is None:
            self.label2id = {label: int(index) for index, label in self.id2label.items()}
        if self.problem_type is None:
            self.problem_type = "multi_label_classification"
        super().__post_init__(**kwargs)
