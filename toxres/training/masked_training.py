"""Adapting a transformer encoder by masked language modelling: the stream it reads, and a run that can be resumed."""

import copy
import dataclasses
import itertools
import json
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm.auto import tqdm
from transformers import PreTrainedTokenizerBase

from toxres.allocator import keeping_memory
from toxres.config import Preset
from toxres.data.batching import PadCollator
from toxres.data.documents import ENCODED_AT_ONCE, Corpus, Pieces, open_corpus, shuffled, text_pieces
from toxres.errors import InputError
from toxres.files import atomic_path
from toxres.lengths import length_batches
from toxres.models.encoders import Encoder
from toxres.models.masked import IGNORED, MaskedHead, mask_tokens
from toxres.models.softmax import softmax_cross_entropy, token_losses
from toxres.training.bptt import saved_states
from toxres.training.precision import multiplies_bf16
from toxres.training.schedules import slanted_triangular

_COUNTERS = ("epoch", "step", "total_steps", "seen", "loss", "guessed")


@dataclasses.dataclass(frozen=True)
class MaskedConfig:
    """How an encoder is adapted.

    Attributes:
        name: Of this configuration.
        epochs: Passes over the corpus.
        max_length: Tokens of a window, special tokens included; a longer text is read in several.
        batch_tokens: Tokens a step, padding included.
        learning_rate: Peak learning rate of the encoder.
        head_learning_rate: Peak learning rate of the head, which starts from nothing.
        weight_decay: AdamW's, on matrices only.
        warmup: Share of the run in which the rates rise; then they fall in a straight line.
        max_grad_norm: Gradient norm is clipped to this.
        share: Of the tokens that are to be guessed.
        pool: Windows among which batches of similar length are made.
        shuffle_buffer: Pieces of text that are shuffled in memory; a list is shuffled as a whole.
    """

    name: str
    epochs: int = 1
    max_length: int = 128
    batch_tokens: int = 4_096
    learning_rate: float = 1e-4
    head_learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup: float = 0.1
    max_grad_norm: float = 1.0
    share: float = 0.15
    pool: int = 4_096
    shuffle_buffer: int = 20_000

    def __post_init__(self) -> None:
        for field, least in (("epochs", 1), ("max_length", 8), ("batch_tokens", 1), ("pool", 1), ("shuffle_buffer", 1)):
            if getattr(self, field) < least:
                raise InputError(f"{self.name}: {field} is {getattr(self, field)}; give at least {least}")
        for field in ("learning_rate", "head_learning_rate", "max_grad_norm"):
            if not getattr(self, field) > 0:
                raise InputError(f"{self.name}: {field} is {getattr(self, field)}; give more than 0")
        for field in ("share", "warmup"):
            if not 0 < getattr(self, field) < 1:
                raise InputError(f"{self.name}: {field} is {getattr(self, field)}; give a share between 0 and 1")


def masked_config(preset: Preset) -> MaskedConfig:
    """As a preset trains a classifier, so it adapts the encoder: its epochs, lengths and learning rate."""
    return MaskedConfig(
        preset.name,
        epochs=preset.epochs,
        max_length=preset.max_length,
        batch_tokens=preset.batch_size * preset.max_length,
        learning_rate=preset.learning_rate,
        weight_decay=preset.weight_decay,
    )


class Window(NamedTuple):
    """What the encoder reads at once: a text, or a part of it.

    Attributes:
        ids: T token ids, with the special tokens around the text.
        special: T flags, 1 on those.
    """

    ids: list[int]
    special: list[int]


def text_windows(pieces: Pieces, tokenizer: PreTrainedTokenizerBase, max_length: int) -> Iterator[Window]:
    """The pieces as windows; what holds special tokens only is left out.

    Args:
        pieces: See `text_pieces`.
        tokenizer: A fast tokenizer; its state of truncation is changed.
        max_length: Tokens a window at most.
    """
    stream = iter(pieces)
    while block := list(itertools.islice(stream, ENCODED_AT_ONCE)):
        # A lone surrogate, which no tokenizer takes, becomes a question mark.
        texts = [piece.text.encode("utf-8", "replace").decode() for piece in block]
        encoded = tokenizer(
            texts, truncation=True, max_length=max_length, return_overflowing_tokens=True,
            return_special_tokens_mask=True, return_attention_mask=False, verbose=False,
        )  # fmt: skip
        for ids, special in zip(encoded["input_ids"], encoded["special_tokens_mask"], strict=True):
            if not all(special):
                yield Window(ids, special)


def window_batches(windows: Iterable[Window], config: MaskedConfig, generator: random.Random) -> Iterator[list[Window]]:
    """Batches of windows of similar length, in random order within each pool."""
    stream = iter(windows)
    while pool := list(itertools.islice(stream, config.pool)):
        groups = length_batches([len(window.ids) for window in pool], config.batch_tokens)
        generator.shuffle(groups)
        for group in groups:
            yield [pool[index] for index in group]


class MaskedTraining:
    """A run at work: what is saved in a state, and what moves it on.

    Args:
        encoder: The encoder to adapt; every weight of it learns.
        config: Optimiser, windows and epochs.
        counts: How often each token of the vocabulary is in the corpus (V).
        seed: Of the order of the texts and the choice of tokens.
        folder: Where the states go.
        save_steps: Save one every so many steps, and after each epoch.

    Attributes:
        head: Guesses the hidden tokens; it is thrown away at the end.
        history: An entry before training and one an epoch: mean loss in nats, held-out masked perplexity.
    """

    def __init__(
        self, encoder: Encoder, config: MaskedConfig, counts: Tensor, seed: int, folder: Path, save_steps: int
    ) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        # In evaluation mode it has no dropout: a short run on much text has nothing to learn by heart.
        self.model, self.tokenizer = encoder.model.eval(), copy.deepcopy(encoder.tokenizer)
        embeddings = self.model.get_input_embeddings().weight
        self.head = MaskedHead(self.model.config.hidden_size, embeddings.shape[1], len(embeddings))
        self.head.set_prior(counts)
        self.modules = torch.nn.ModuleDict({"encoder": self.model, "head": self.head}).to(self.device)
        if self.device.type == "cpu":
            self.model.set_attn_implementation("eager")
        self.config, self.tokens, self.seed = config, int(counts.sum()), seed
        self.folder, self.save_steps = folder, save_steps
        self.collate = PadCollator(self.tokenizer.pad_token_id)
        self.optimizer = self._optimizer()
        self.bf16 = multiplies_bf16(self.device.type)
        self.epoch = self.step = self.total_steps = self.seen = self.guessed = 0
        self.loss = 0.0
        self.history: list[dict] = []

    @keeping_memory()
    def fit(self, corpus: Corpus, validation: Sequence[str] | None, progress: bool) -> None:
        """Train to the end, from the newest state where there is one."""
        if not self._resume():
            self.history.append({"epoch": 0, **self._scores(validation)})
        done = self.epoch * self.tokens + self.seen
        with tqdm(total=self.config.epochs * self.tokens, initial=done, unit="tok", disable=not progress) as bar:
            while self.epoch < self.config.epochs:
                for batch in itertools.islice(self._batches(corpus), self.step, None):
                    before = self.seen
                    loss = self._train_on(batch)
                    bar.update(self.seen - before)
                    bar.set_postfix(epoch=self.epoch + 1, loss=f"{loss:.3f}", refresh=False)
                    if self.total_steps % self.save_steps == 0:
                        self._save()
                entry = {"epoch": self.epoch + 1, "steps": self.step, "tokens": self.seen, "guessed": self.guessed}
                self.history.append(entry | {"loss": self.loss / self.guessed, **self._scores(validation)})
                self.epoch, self.step, self.seen, self.loss, self.guessed = self.epoch + 1, 0, 0, 0.0, 0
                self._save()

    def batch_loss(self, batch: Sequence[Window], generator: torch.Generator) -> tuple[Tensor, int]:
        """Mean loss in nats of the tokens chosen from a batch, and how many they are."""
        found, targets = self._guess(batch, generator)
        weight, dtype = self.model.get_input_embeddings().weight, torch.bfloat16 if self.bf16 else torch.float32
        return softmax_cross_entropy(found, weight, self.head.bias, targets, dtype), len(targets)

    def perplexity(self, texts: Sequence[str]) -> dict[str, float]:
        """Masked perplexity a token, of tokens that are chosen in the same way whenever they are asked for."""
        nats, guessed = 0.0, 0
        generator = torch.Generator().manual_seed(0)
        windows = text_windows(text_pieces(texts, "validation"), self.tokenizer, self.config.max_length)
        with torch.inference_mode():
            for batch in window_batches(windows, self.config, random.Random(0)):
                found, targets = self._guess(batch, generator)
                weight = self.model.get_input_embeddings().weight
                nats += token_losses(found, weight, self.head.bias, targets).double().sum().item()
                guessed += len(targets)
        return {"per_token": math.exp(min(nats / guessed, 700)), "nats": nats, "guessed": guessed}

    def _guess(self, batch: Sequence[Window], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """What the head makes of the chosen tokens of a batch (N x D), and their ids (N)."""
        padded = self.collate([{"input_ids": window.ids} for window in batch])
        maskable = torch.zeros(padded["input_ids"].shape, dtype=torch.bool)
        for row, window in enumerate(batch):
            maskable[row, : len(window.ids)] = ~torch.tensor(window.special, dtype=torch.bool)
        masked = mask_tokens(
            padded["input_ids"], maskable, self.tokenizer.mask_token_id, len(self.head.bias), generator,
            self.config.share,
        )  # fmt: skip
        chosen = (masked.targets != IGNORED).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            hidden = self.model(
                input_ids=masked.input_ids.to(self.device), attention_mask=padded["attention_mask"].to(self.device)
            ).last_hidden_state
            found = self.head(hidden[chosen])
        return found.float(), masked.targets.to(self.device)[chosen]

    def _scores(self, validation: Sequence[str] | None) -> dict:
        return {} if validation is None else {"validation": self.perplexity(validation)}

    def _batches(self, corpus: Corpus) -> Iterator[list[Window]]:
        """The batches of this epoch; the same whenever they are asked for."""
        generator, config = random.Random(f"{self.seed}-{self.epoch}"), self.config
        size = config.shuffle_buffer if callable(corpus) else max(config.shuffle_buffer, len(corpus))
        pieces = shuffled(text_pieces(open_corpus(corpus)), size, generator)
        return window_batches(text_windows(pieces, self.tokenizer, config.max_length), config, generator)

    def _train_on(self, batch: Sequence[Window]) -> float:
        progress = min(1.0, (self.epoch + self.seen / self.tokens) / self.config.epochs)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * slanted_triangular(progress, self.config.warmup)
        # One generator a step: a resumed run chooses the tokens an unbroken one does.
        choice = random.Random(f"{self.seed}-{self.total_steps}-tokens").getrandbits(63)
        loss, guessed = self.batch_loss(batch, torch.Generator().manual_seed(choice))
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.modules.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        value = loss.item()
        if not math.isfinite(value):
            raise InputError(f"training diverged in step {self.total_steps + 1}; give a lower learning_rate")
        self.loss += value * guessed
        self.guessed += guessed
        self.seen += sum(len(window.ids) for window in batch)
        self.step += 1
        self.total_steps += 1
        return value

    def _optimizer(self) -> torch.optim.Optimizer:
        """AdamW with weight decay on matrices alone; each group keeps its highest learning rate in `peak`."""
        groups = []
        for module, peak in ((self.model, self.config.learning_rate), (self.head, self.config.head_learning_rate)):
            for matrices in (False, True):
                chosen = [parameter for parameter in module.parameters() if (parameter.ndim >= 2) == matrices]
                decay = self.config.weight_decay if matrices else 0.0
                groups.append({"params": chosen, "weight_decay": decay, "peak": peak})
        return torch.optim.AdamW(groups, lr=0.0, fused=True)

    def _save(self) -> None:
        content = {
            "counters": {name: getattr(self, name) for name in _COUNTERS},
            "history": json.dumps(self.history),
            "modules": self.modules.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        with atomic_path(self.folder / f"{self.epoch:04d}-{self.total_steps:09d}.pt") as temporary:
            torch.save(content, temporary)
        for old in saved_states(self.folder)[:-2]:
            old.unlink()

    def _resume(self) -> bool:
        for path in reversed(saved_states(self.folder)):
            try:
                content = torch.load(path, map_location="cpu", weights_only=True)
                break
            except Exception:
                path.unlink()
        else:
            return False
        self.modules.load_state_dict(content["modules"])
        self.optimizer.load_state_dict(content["optimizer"])
        for name in _COUNTERS:
            setattr(self, name, content["counters"][name])
        self.history = json.loads(content["history"])
        return True
