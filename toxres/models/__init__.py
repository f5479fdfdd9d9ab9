"""The models; importing this package registers them with transformers' Auto classes."""

from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)

from toxres.models.awd_lstm import AwdLstmConfig, AwdLstmForCausalLM, AwdLstmModel
from toxres.models.configuration import ToxicityConfig
from toxres.models.encoders import Encoder, load_encoder
from toxres.models.losses import (
    build_loss,
    class_cross_entropy,
    class_weights,
    loss_weights,
    masked_mean,
    positive_weights,
    sigmoid_focal_loss,
)
from toxres.models.spans import SpanConfig, SpanModel, SpanOutput
from toxres.models.tokenizer import NormalizingTokenizer, extend_embeddings
from toxres.models.toxicity import ToxicityModel, ToxicityOutput

AutoConfig.register("toxicity", ToxicityConfig, exist_ok=True)
AutoModel.register(ToxicityConfig, ToxicityModel, exist_ok=True)
AutoModelForSequenceClassification.register(ToxicityConfig, ToxicityModel, exist_ok=True)
AutoTokenizer.register(ToxicityConfig, tokenizer_class=NormalizingTokenizer, exist_ok=True)
AutoConfig.register("toxic_spans", SpanConfig, exist_ok=True)
AutoModel.register(SpanConfig, SpanModel, exist_ok=True)
AutoModelForTokenClassification.register(SpanConfig, SpanModel, exist_ok=True)
AutoTokenizer.register(SpanConfig, tokenizer_class=NormalizingTokenizer, exist_ok=True)
AutoConfig.register("awd_lstm", AwdLstmConfig, exist_ok=True)
AutoModel.register(AwdLstmConfig, AwdLstmModel, exist_ok=True)
AutoModelForCausalLM.register(AwdLstmConfig, AwdLstmForCausalLM, exist_ok=True)
AutoTokenizer.register(AwdLstmConfig, tokenizer_class=NormalizingTokenizer, exist_ok=True)

__all__ = [
    "AwdLstmConfig",
    "AwdLstmForCausalLM",
    "AwdLstmModel",
    "Encoder",
    "NormalizingTokenizer",
    "SpanConfig",
    "SpanModel",
    "SpanOutput",
    "ToxicityConfig",
    "ToxicityModel",
    "ToxicityOutput",
    "build_loss",
    "class_cross_entropy",
    "class_weights",
    "extend_embeddings",
    "load_encoder",
    "loss_weights",
    "masked_mean",
    "positive_weights",
    "sigmoid_focal_loss",
]
