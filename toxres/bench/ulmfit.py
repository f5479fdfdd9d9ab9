"""The language model of ULMFiT: tokens a second, read and trained on.

Fresh weights of the size that preset full trains. Beside our training step stands the same network as PyTorch's
examples train it: float32, a linear layer and cross-entropy over the whole vocabulary, AdamW.
"""

import time
from collections.abc import Callable

from toxres.bench.measure import Benchmark, Result, Sample, Setting, compare
from toxres.bench.sides import Side, alternate

WINDOWS = 2
"""Windows of `bptt` tokens a row that a run reads or trains on."""


REPEATS = 3
"""Most runs of each side: one takes seconds."""


def _model():
    """Fresh weights, the configuration, and windows of random tokens, rows x (tokens + 1) each."""
    import torch

    from toxres.config import get_preset
    from toxres.models.awd_lstm import AwdLstmConfig, AwdLstmForCausalLM
    from toxres.training.language_config import get_language_config

    preset = get_preset("full")
    config = get_language_config(preset.language_model)
    torch.manual_seed(0)
    sizes = {"hidden_size": config.embedding_size, "lstm_size": config.lstm_size, "num_hidden_layers": config.layers}
    model = AwdLstmForCausalLM(AwdLstmConfig(vocab_size=preset.vocab_size, **sizes, **config.dropouts))
    shape = (config.batch_size, config.bptt + 1)
    return model, config, [torch.randint(5, preset.vocab_size, shape) for _ in range(WINDOWS)]


def prepare_training(ours: bool) -> Callable[[], Sample]:
    """Training steps: as `toxres pretrain` takes them, or plainly."""
    import torch

    from toxres.training.bptt import language_model_loss
    from toxres.training.precision import has_bf16

    model, config, given = _model()
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, fused=ours)

    def once() -> Sample:
        state, start = None, time.perf_counter()
        for window in given:
            inputs, targets = window[:, :-1], window[:, 1:]
            if ours:
                loss, penalty, state = language_model_loss(model, inputs, targets, state, config, has_bf16())
                loss = loss + penalty
            else:
                output = model(inputs, state=state)
                loss = torch.nn.functional.cross_entropy(output.logits.flatten(0, 1), targets.flatten())
                state = tuple((hidden.detach(), cell.detach()) for hidden, cell in output.state)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
            optimizer.step()
        return Sample({"rate": WINDOWS * config.batch_size * config.bptt / (time.perf_counter() - start)})

    return once


def prepare_reading() -> Callable[[], Sample]:
    """The encoder alone, as the classifier reads comments."""
    import torch

    model, config, given = _model()
    model.eval()

    def once() -> Sample:
        start = time.perf_counter()
        with torch.inference_mode():
            for window in given:
                model.encoder(window[:, :-1])
        return Sample({"rate": WINDOWS * config.batch_size * config.bptt / (time.perf_counter() - start)})

    return once


def run(setting: Setting) -> Result:
    """Training beside the plain way; reading alone."""
    sides = {
        "ours": Side(f"{__name__}:prepare_training", {"ours": True}, setting.threads),
        "plain": Side(f"{__name__}:prepare_training", {"ours": False}, setting.threads),
        "reading": Side(f"{__name__}:prepare_reading", {}, setting.threads),
    }
    runs = alternate(sides, min(setting.repeats, REPEATS))
    trained = compare(
        "ULMFiT: training the language model", runs["ours"], runs["plain"], unit="tokens/s",
        alternative="the same network in float32, softmax over the whole vocabulary at once",
    )  # fmt: skip
    read = compare("ULMFiT: reading", runs["reading"], unit="tokens/s", notes=["the encoder, float32"])
    return Result([trained, read], notes=["fresh weights of the size of preset full"], preset="full")


BENCHMARK = Benchmark("ulmfit", "ULMFiT: how many tokens a second?", run)
