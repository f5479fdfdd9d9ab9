"""The pooling's attention as an explanation: how much of each word's tokens went into the vector that is classified."""

from collections.abc import Sequence

import numpy as np

from toxres.errors import InputError
from toxres.explain.record import Explanation
from toxres.explain.subject import Subject


def explain_attention(subject: Subject, text: str, columns: Sequence[int]) -> Explanation:
    """The attention pooling's weights of each word's tokens, the same for every label.

    They sum to 1 with those of special tokens, so to less than 1 over the words. They say where the model looked, not
    for or against what.

    Raises:
        InputError: The model has no attention pooling.
    """
    model = subject.require_model("attention")
    if model.config.pooling != "attention":
        raise InputError(
            f"{subject.name}: has {model.config.pooling} pooling, so there are no attention weights to show; choose "
            "integrated_gradients, or a model with attention pooling"
        )
    import torch

    from toxres.explain.forward import as_tensor

    reading = subject.read(text)
    if not reading.input_ids:
        return subject.explanation(reading, columns, np.zeros((len(reading.words), len(columns))), "attention")
    with torch.no_grad():
        output = model(input_ids=as_tensor(model, reading.input_ids), output_attention_weights=True)
    weights = reading.shares.to_words(output.attention_weights.double().cpu().numpy().T)  # T x 1 -> W x 1
    scores = output.logits[0].double().cpu().numpy()
    return subject.explanation(reading, columns, np.repeat(weights, len(columns), axis=1), "attention", scores=scores)
