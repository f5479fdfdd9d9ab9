"""Training a language model by truncated backpropagation through time, over a stream of texts, resumable."""

import itertools
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm
from transformers import PreTrainedTokenizerBase

from toxres.allocator import keeping_memory
from toxres.data.documents import Corpus, encode_pieces, open_corpus, shuffled, text_pieces, window_lengths, windows
from toxres.errors import InputError
from toxres.files import atomic_path
from toxres.models.awd_dropout import State
from toxres.models.awd_lstm import AwdLstmForCausalLM
from toxres.models.perplexity import perplexity
from toxres.models.softmax import softmax_cross_entropy
from toxres.training.language_config import LanguageModelConfig
from toxres.training.precision import multiplies_bf16
from toxres.training.schedules import SCHEDULES, discriminative

ADAM_BETAS = (0.8, 0.99)
"""As fastai trains ULMFiT."""

_COUNTERS = ("epoch", "step", "total_steps", "seen", "loss")


class BpttTraining:
    """A run at work: what is saved in a state, and what moves it on.

    Args:
        model: The language model to train.
        tokenizer: Its tokenizer.
        config: Optimiser, windows and epochs.
        tokens: Tokens of the corpus, from which the schedule knows how far the run is.
        seed: Of the order of the texts and the lengths of the windows.
        folder: Where the states go.
        save_steps: Save one every so many steps, and after each epoch.

    Attributes:
        history: One entry an epoch: mean training loss in nats, tokens a second, validation perplexity.
    """

    def __init__(
        self,
        model: AwdLstmForCausalLM,
        tokenizer: PreTrainedTokenizerBase,
        config: LanguageModelConfig,
        tokens: int,
        seed: int,
        folder: Path,
        save_steps: int,
    ) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model, self.tokenizer, self.config = model.to(self.device), tokenizer, config
        self.tokens, self.seed, self.folder, self.save_steps = tokens, seed, folder, save_steps
        self.optimizer = _optimizer(model, config)
        self.bf16 = multiplies_bf16(self.device.type)
        self.epoch = self.step = self.total_steps = self.seen = 0
        self.loss = 0.0
        self.state: tuple[State, ...] | None = None
        self.history: list[dict] = []

    @keeping_memory()
    def fit(self, corpus: Corpus, validation: Sequence[str] | None, progress: bool) -> None:
        """Train to the end, from the newest state where there is one."""
        self._resume()
        done = self.epoch * self.tokens + self.seen
        with tqdm(total=self.config.epochs * self.tokens, initial=done, unit="tok", disable=not progress) as bar:
            while self.epoch < self.config.epochs:
                self.model.train()
                for window in itertools.islice(self._windows(corpus), self.step, None):
                    loss = self._train_on(torch.from_numpy(window).to(self.device))
                    bar.update(window.shape[0] * (window.shape[1] - 1))
                    bar.set_postfix(epoch=self.epoch + 1, loss=f"{loss:.3f}", refresh=False)
                    if self.total_steps % self.save_steps == 0:
                        self._save()
                self._end_epoch(validation)

    def _windows(self, corpus: Corpus) -> Iterator[np.ndarray]:
        """The windows of this epoch; the same whenever they are asked for."""
        config, generator = self.config, random.Random(f"{self.seed}-{self.epoch}")
        size = config.shuffle_buffer if callable(corpus) else max(config.shuffle_buffer, len(corpus))
        lengths = itertools.repeat(config.bptt)
        if config.variable_bptt:
            lengths = window_lengths(config.bptt, random.Random(f"{self.seed}-{self.epoch}-bptt"))
        pieces = shuffled(text_pieces(open_corpus(corpus)), size, generator)
        return windows(encode_pieces(pieces, self.tokenizer), config.batch_size, lengths)

    def _train_on(self, window: Tensor) -> float:
        """One step on a window (B, T + 1); returns the mean loss of a token in nats."""
        config, inputs, targets = self.config, window[:, :-1], window[:, 1:]
        progress = min(1.0, (self.epoch + self.seen / self.tokens) / config.epochs)
        rate = config.learning_rate * SCHEDULES[config.schedule](progress) * inputs.shape[1] / config.bptt
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        loss, penalty, self.state = language_model_loss(self.model, inputs, targets, self.state, config, self.bf16)
        self.optimizer.zero_grad()
        (loss + penalty).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.max_grad_norm)
        self.optimizer.step()
        value = loss.item()
        if not np.isfinite(value):
            raise InputError(f"training diverged in step {self.total_steps + 1}; give a lower learning_rate")
        self.loss += value * inputs.numel()
        self.seen += inputs.numel()
        self.step += 1
        self.total_steps += 1
        return value

    def _end_epoch(self, validation: Sequence[str] | None) -> None:
        if not self.seen:
            raise InputError("corpus: too short for a single step; give more text or a smaller batch_size")
        entry = {"epoch": self.epoch + 1, "steps": self.step, "tokens": self.seen, "loss": self.loss / self.seen}
        if validation is not None:
            entry["validation"] = perplexity(self.model, self.tokenizer, validation, "validation")._asdict()
        self.history.append(entry)
        self.epoch, self.step, self.seen, self.loss, self.state = self.epoch + 1, 0, 0, 0.0, None
        self._save()

    def _save(self) -> None:
        counters = {name: getattr(self, name) for name in _COUNTERS}
        cuda = torch.cuda.get_rng_state() if self.device.type == "cuda" else None
        content = {
            "counters": counters,
            "history": json.dumps(self.history),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": (torch.get_rng_state(), cuda),
            "state": self.state,
        }
        with atomic_path(self.folder / f"{self.epoch:04d}-{self.total_steps:09d}.pt") as temporary:
            torch.save(content, temporary)
        for old in saved_states(self.folder)[:-2]:
            old.unlink()

    def _resume(self) -> None:
        for path in reversed(saved_states(self.folder)):
            try:
                content = torch.load(path, map_location="cpu", weights_only=True)
                break
            except Exception:
                path.unlink()
        else:
            return
        self.model.load_state_dict(content["model"])
        self.optimizer.load_state_dict(content["optimizer"])
        cpu, cuda = content["random"]
        torch.set_rng_state(cpu)
        if cuda is not None and self.device.type == "cuda":
            torch.cuda.set_rng_state(cuda)
        for name in _COUNTERS:
            setattr(self, name, content["counters"][name])
        self.history = json.loads(content["history"])
        if content["state"] is not None:
            self.state = tuple((hidden.to(self.device), cell.to(self.device)) for hidden, cell in content["state"])


def saved_states(folder: Path) -> list[Path]:
    """The states in a folder, the oldest first; each is there as a whole or not at all."""
    return sorted(folder.glob("[0-9]*.pt"))


def _optimizer(model: AwdLstmForCausalLM, config: LanguageModelConfig) -> torch.optim.Optimizer:
    """AdamW with weight decay on matrices alone; each group keeps its share of the learning rate in `factor`."""
    groups = model.layer_groups()
    settings = []
    for parameters, factor in zip(groups, discriminative(len(groups), config.discriminative), strict=True):
        for decay in (0.0, config.weight_decay):
            chosen = [parameter for parameter in parameters if (parameter.ndim >= 2) == (decay > 0)]
            settings.append({"params": chosen, "weight_decay": decay, "factor": factor})
    return torch.optim.AdamW([group for group in settings if group["params"]], lr=0.0, betas=ADAM_BETAS, fused=True)


def language_model_loss(
    model: AwdLstmForCausalLM,
    inputs: Tensor,
    targets: Tensor,
    state: tuple[State, ...] | None,
    config: LanguageModelConfig,
    bf16: bool = False,
) -> tuple[Tensor, Tensor, tuple[State, ...]]:
    """Loss of a window, and what regularises it.

    Args:
        model: A language model.
        inputs: B x T token ids.
        targets: B x T, the token after each.
        state: Where the window before this one ended; None starts from zeros.
        config: Its `ar` and `tar` are read.
        bf16: Multiply matrices in bfloat16.

    Returns:
        The mean cross-entropy of a token in nats, the penalty to be added to it (activation regularisation of the
        dropped states and temporal activation regularisation of the raw ones), and the state after the window, cut
        off from its past.
    """
    dtype = torch.bfloat16 if bf16 else torch.float32
    with torch.autocast(inputs.device.type, torch.bfloat16, enabled=bf16):
        output = model.encoder(inputs, state=state)
    raw = output.last_hidden_state.float()
    dropped = model.output_dropout(raw)
    loss = softmax_cross_entropy(
        dropped.flatten(0, 1), model.decoder.weight, model.decoder.bias, targets.flatten(), dtype
    )
    penalty = config.ar * dropped.square().mean()
    if raw.shape[1] > 1:
        penalty = penalty + config.tar * (raw[:, 1:] - raw[:, :-1]).square().mean()
    return loss, penalty, tuple((hidden.detach(), cell.detach()) for hidden, cell in output.state)
