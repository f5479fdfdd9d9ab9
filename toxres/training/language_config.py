"""How large a language model is and how it is trained."""

import dataclasses
from typing import Literal

from toxres.errors import InputError


@dataclasses.dataclass(frozen=True)
class LanguageModelConfig:
    """Size, dropouts and optimiser of a language model.

    Attributes:
        name: Of this configuration.
        embedding_size: D, of the embeddings and the states that come out.
        lstm_size: Units of every LSTM layer but the last, which has `embedding_size`.
        layers: LSTM layers.
        embedding_dropout: Share of the words dropped from a batch.
        input_dropout: Locked dropout of the embeddings.
        layer_dropout: Locked dropout between the layers.
        weight_dropout: DropConnect of the hidden-to-hidden weights.
        output_dropout: Locked dropout before the softmax.
        dropout_multiplier: All five are multiplied by it: less than 1 for little capacity or much text.
        epochs: Passes over the corpus.
        batch_size: Parallel rows.
        bptt: Tokens through which a gradient goes back, on average.
        variable_bptt: Let it vary (Merity et al. 2018, section 4.1); else every window has `bptt` tokens.
        learning_rate: Peak learning rate of the top layer group, for a window of `bptt` tokens.
        discriminative: How much slower each layer learns than the one above it: 2.6 for fine-tuning, 1 for all alike.
        schedule: "one_cycle" or "slanted_triangular".
        weight_decay: AdamW's, on matrices only.
        max_grad_norm: Gradient norm is clipped to this.
        ar: Weight of the activation regularisation, of the dropped states (Merity et al. 2018, section 4.6).
        tar: Weight of the temporal one, of the differences between successive states.
        shuffle_buffer: Pieces of text that are shuffled in memory; a list is shuffled as a whole.
    """

    name: str
    embedding_size: int = 400
    lstm_size: int = 1_152
    layers: int = 3
    embedding_dropout: float = 0.02
    input_dropout: float = 0.25
    layer_dropout: float = 0.15
    weight_dropout: float = 0.2
    output_dropout: float = 0.1
    dropout_multiplier: float = 1.0
    epochs: int = 10
    batch_size: int = 64
    bptt: int = 70
    variable_bptt: bool = True
    learning_rate: float = 4e-3
    discriminative: float = 1.0
    schedule: Literal["one_cycle", "slanted_triangular"] = "one_cycle"
    weight_decay: float = 0.01
    max_grad_norm: float = 0.25
    ar: float = 2.0
    tar: float = 1.0
    shuffle_buffer: int = 20_000

    def __post_init__(self) -> None:
        for field in ("embedding_size", "lstm_size", "layers", "epochs", "batch_size", "bptt", "shuffle_buffer"):
            if getattr(self, field) < 1:
                raise InputError(f"{self.name}: {field} is {getattr(self, field)}; give at least 1")
        for field in ("learning_rate", "discriminative", "max_grad_norm"):
            if not getattr(self, field) > 0:
                raise InputError(f"{self.name}: {field} is {getattr(self, field)}; give more than 0")

    @property
    def dropouts(self) -> dict[str, float]:
        """The dropouts as an `AwdLstmConfig` takes them."""
        names = ("embedding", "input", "layer", "weight", "output")
        rates = {f"{name}_dropout": getattr(self, f"{name}_dropout") for name in names}
        return rates | {"dropout_multiplier": self.dropout_multiplier}


PAPER_LM = LanguageModelConfig("paper")
"""The published size, for a GPU."""

SMALL_LM = LanguageModelConfig(
    "small", embedding_size=200, lstm_size=400, dropout_multiplier=0.5, epochs=6, batch_size=32, learning_rate=5e-3
)
"""As deep, a seventh of the weights of the LSTMs: for a CPU."""

QUICK_LM = dataclasses.replace(SMALL_LM, name="quick", embedding_size=128, lstm_size=256, layers=2, epochs=3)
"""Two narrow layers: for minutes on a CPU."""

SMOKE_LM = LanguageModelConfig(
    "smoke", embedding_size=16, lstm_size=24, layers=2, dropout_multiplier=0.5, epochs=2, batch_size=4, bptt=16,
    learning_rate=1e-2,
)  # fmt: skip
"""For tests."""


LANGUAGE_MODELS = {config.name: config for config in (SMOKE_LM, QUICK_LM, SMALL_LM, PAPER_LM)}


def get_language_config(name: str) -> LanguageModelConfig:
    """The named configuration.

    Raises:
        InputError: No configuration has this name.
    """
    if name not in LANGUAGE_MODELS:
        raise InputError(f"unknown language model {name!r}; choose one of: {', '.join(LANGUAGE_MODELS)}")
    return LANGUAGE_MODELS[name]


def fine_tuning(config: LanguageModelConfig, **changes) -> LanguageModelConfig:
    """The configuration as ULMFiT goes on with a language model: slower below, slanted triangular, half the peak."""
    usual = {"discriminative": 2.6, "schedule": "slanted_triangular", "learning_rate": config.learning_rate / 2}
    return dataclasses.replace(config, **usual | changes)
