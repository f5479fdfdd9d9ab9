"""Glue to the Hugging Face `Trainer`: our loss, our validation scores, the order of comments, our optimiser."""

import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import average_precision_score, f1_score
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import Dataset, Sampler
from transformers import EarlyStoppingCallback, EvalPrediction, Trainer, TrainerCallback, TrainingArguments

from toxres.config import Preset, Recipe
from toxres.data.batching import MappedComments, PadCollator
from toxres.evaluation.arrays import decide, softmax
from toxres.models.losses import Loss
from toxres.tasks import task_of
from toxres.training.layers import layer_groups
from toxres.training.precision import mixed_precision
from toxres.training.samplers import LengthGroups
from toxres.training.schedules import slanted_triangular

_RANK_STEP = 1_000_003


class ToxicityTrainer(Trainer):
    """A `Trainer` whose loss is the recipe's, over all known targets of a step.

    A step may be of several batches, one after the other (gradient accumulation) or side by side (processes). The mean
    of their means is not the mean over the step where they know different numbers of targets, so each batch's mean is
    weighted by its number.

    Args:
        loss_function: Maps logits (B, L) and targets (B, L; NaN unknown) to a scalar, the mean over what is known.
        exclusive: Whether a comment counts as a whole (exclusive classes) or by its known targets.
    """

    def __init__(self, *args, loss_function: Loss, exclusive: bool = False, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.loss_function = loss_function
        self.exclusive = exclusive
        self.loss_is_scaled_for_ga = True

    def get_batch_samples(self, epoch_iterator, num_batches, device):
        """The next batches, and over all processes how many targets they know; None where one batch is the step."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        if not batches or (self.args.world_size == 1 and self.args.gradient_accumulation_steps == 1):
            return batches, None
        known = torch.stack([self._known(batch["labels"]) for batch in batches]).sum().to(device)
        return batches, self.accelerator.gather(known).sum()

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """The recipe's loss of a batch, as its share of a step's; with `return_outputs` also the model's output."""
        inputs = dict(inputs)
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        loss = self.loss_function(outputs.logits, labels)
        if num_items_in_batch is not None:
            # Gradients are summed over the batches of a process and averaged over the processes.
            loss = loss * (self._known(labels) * self.args.world_size / num_items_in_batch.clamp(min=1))
        return (loss, outputs) if return_outputs else loss

    def _known(self, labels: Tensor) -> Tensor:
        known = ~torch.isnan(labels)
        return known.all(dim=1).sum() if self.exclusive else known.sum()

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler | None:
        """Batches of similar length, drawn alike by all processes whatever their dropout has drawn."""
        dataset = self.train_dataset if train_dataset is None else train_dataset
        grouped = self.args.train_sampling_strategy == "group_by_length"
        if not isinstance(dataset, MappedComments) and (not grouped or self.args.world_size == 1):
            return super()._get_train_sampler(train_dataset)
        step = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        return LengthGroups(dataset.lengths, step, self.args.data_seed, grouped)


class OwnDropout(TrainerCallback):
    """Gives each process a dropout of its own; the first one's is that of a single process."""

    def on_train_begin(self, args, state, control, **kwargs):
        """Seed torch anew by the rank of the process."""
        if args.process_index > 0:
            torch.manual_seed(args.seed + _RANK_STEP * args.process_index)


def validation_scores(prediction: EvalPrediction) -> dict[str, float]:
    """Macro average precision and macro F1 at 0.5 over the labels that are defined, for choosing a checkpoint."""
    logits = _logits(prediction)
    return _macro_scores(logits, logits >= 0, prediction.label_ids)


def class_validation_scores(prediction: EvalPrediction) -> dict[str, float]:
    """The same of exclusive classes, with the F1 of the most probable one."""
    probs = softmax(_logits(prediction))
    return _macro_scores(probs, decide(probs, np.full(probs.shape[1], 0.5), True), prediction.label_ids)


def _logits(prediction: EvalPrediction) -> np.ndarray:
    logits = prediction.predictions
    return logits[0] if isinstance(logits, tuple) else logits


def _macro_scores(ranked: np.ndarray, decisions: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    aps, f1s = [], []
    for scores, decided, column in zip(ranked.T, decisions.T, targets.T, strict=True):
        known = ~np.isnan(column)
        positive = column[known] >= 0.5
        if positive.any() and not positive.all():
            aps.append(average_precision_score(positive, scores[known]))
            f1s.append(f1_score(positive, decided[known], zero_division=0.0))
    return {"macro_ap": float(np.mean(aps)) if aps else 0.0, "macro_f1": float(np.mean(f1s)) if f1s else 0.0}


def build_optimizer(model: nn.Module, recipe: Recipe, preset: Preset) -> torch.optim.Optimizer:
    """AdamW with weight decay on matrices alone, and learning rates of their own for pooling, head and layers.

    Each parameter group says in `depth` how many layers are above it: 0 for pooling and head, which start to learn at
    once, 1 for the encoder as a whole, or for its top layer where the recipe treats layers one by one.
    """
    one_by_one = recipe.layer_decay != 1 or recipe.unfreezing > 0
    layers = layer_groups(model.encoder) if one_by_one else [list(model.encoder.parameters())]
    depths = {id(parameter): len(layers) - index for index, layer in enumerate(layers) for parameter in layer}
    groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            groups.setdefault((depths.get(id(parameter), 0), parameter.ndim >= 2), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": peak_learning_rate(recipe, preset, depth),
                "weight_decay": preset.weight_decay if is_matrix else 0.0,
                "depth": depth,
            }
            for (depth, is_matrix), parameters in groups.items()
        ],
        fused=True,
    )


def peak_learning_rate(recipe: Recipe, preset: Preset, depth: int) -> float:
    """The highest learning rate of pooling and head (depth 0) or of an encoder's layer with `depth - 1` above it."""
    if recipe.language_model:
        return preset.language_model_learning_rate / recipe.layer_decay**depth
    if depth == 0:
        return preset.head_learning_rate or preset.learning_rate
    return preset.learning_rate / recipe.layer_decay ** (depth - 1)


def build_scheduler(optimizer: torch.optim.Optimizer, recipe: Recipe, steps: int) -> LambdaLR | None:
    """The learning rates of a run of so many steps; None leaves them to the `Trainer` (linear, with warm-up).

    Where the recipe unfreezes gradually, a layer's rate is 0 until its turn comes: from the top, in equal parts of the
    first `unfreezing` of the run (Howard and Ruder 2018, section 3.3). A rate of 0 leaves the weights as they are.
    """
    if recipe.schedule == "linear" and not recipe.unfreezing:
        return None
    shape = slanted_triangular if recipe.schedule == "slanted_triangular" else (lambda progress: 1 - progress)
    deepest = max(group["depth"] for group in optimizer.param_groups)

    def share(depth: int) -> Callable[[int], float]:
        start = recipe.unfreezing * depth / deepest if deepest else 0.0
        return lambda step: shape(min(step / steps, 1.0)) if step >= start * steps else 0.0

    return LambdaLR(optimizer, [share(group["depth"]) for group in optimizer.param_groups])


def build_trainer(
    model: nn.Module,
    recipe: Recipe,
    preset: Preset,
    train: Dataset,
    validation: Dataset | None,
    loss_function: Loss,
    pad_token_id: int,
    folder: Path,
    seed: int,
    save_steps: int | None = None,
    progress: bool = True,
    collator: Callable[[list[dict]], dict[str, Tensor]] | None = None,
) -> ToxicityTrainer:
    """A trainer for one run, which keeps its own checkpoints under `folder`.

    Args:
        model: A `ToxicityModel`, or another whose output has `logits` for the loss.
        recipe: Says which validation score chooses the checkpoint, unless the preset does.
        preset: Epochs, batch size, learning rates and so on.
        train: Training comments with labels.
        validation: Validation comments with labels; None trains to the end and keeps the last weights.
        loss_function: See `build_loss`.
        pad_token_id: The tokenizer's id of padding.
        folder: Where the trainer's own checkpoints go.
        seed: Of the order of the comments and of dropout.
        save_steps: Save a state to resume from every so many steps; None saves after each epoch.
        progress: Show a progress bar.
        collator: Makes batches of items; None pads the comments and stacks their labels (`PadCollator`).
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    batches = math.ceil(len(train) / (preset.batch_size * world))
    steps = preset.epochs * math.ceil(batches / preset.gradient_accumulation)
    exclusive = task_of(recipe).exclusive
    total = preset.max_steps if preset.max_steps > 0 else steps
    optimizer = build_optimizer(model, recipe, preset)
    select = preset.select or recipe.select
    by_epoch = save_steps is None
    patient = preset.patience is not None and validation is not None
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=preset.epochs,
        max_steps=preset.max_steps,
        per_device_train_batch_size=preset.batch_size,
        per_device_eval_batch_size=2 * preset.batch_size,
        gradient_accumulation_steps=preset.gradient_accumulation,
        activation_checkpointing=preset.gradient_checkpointing,
        learning_rate=preset.learning_rate,
        weight_decay=preset.weight_decay,
        warmup_steps=preset.warmup_ratio,
        max_grad_norm=preset.max_grad_norm,
        train_sampling_strategy="group_by_length" if preset.group_by_length else "random",
        length_column_name="length",
        eval_strategy="epoch" if validation is not None else "no",
        save_strategy="epoch" if by_epoch else "steps",
        save_steps=save_steps or 500,
        save_total_limit=2,
        load_best_model_at_end=validation is not None and by_epoch,
        metric_for_best_model=f"eval_{select}" if validation is not None else None,
        greater_is_better=True,
        logging_steps=max(1, steps // 40),
        remove_unused_columns=False,
        label_names=["labels"],
        report_to="none",
        disable_tqdm=not progress,
        seed=seed,
        data_seed=seed,
        ddp_backend="gloo" if world > 1 and not torch.cuda.is_available() else None,
        ddp_find_unused_parameters=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        **mixed_precision(preset),
    )
    return ToxicityTrainer(
        model=model,
        args=arguments,
        train_dataset=train,
        eval_dataset=validation,
        data_collator=collator or PadCollator(pad_token_id),
        compute_metrics=class_validation_scores if exclusive else validation_scores,
        loss_function=loss_function,
        exclusive=exclusive,
        optimizers=(optimizer, build_scheduler(optimizer, recipe, total)),
        callbacks=[OwnDropout(), *([EarlyStoppingCallback(preset.patience)] if patient else [])],
    )
