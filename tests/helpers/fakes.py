"""Models without weights: what they say of a text is written down."""

import types
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from toxres.labels import LABELS
from toxres.tasks import TOXICITY


def fake_checkpoint(
    name: str, says: Mapping[str, Sequence[float]], thresholds: Sequence[float] = (0.5,) * 6
) -> types.SimpleNamespace:
    """What the parts of a checkpoint that score comments look like, for `explain` too.

    Args:
        name: Of the model.
        says: By text, six probabilities; of any other text they are all 0.5.
        thresholds: Six.

    Returns:
        An object whose `asked` counts the texts it has scored.
    """
    fake = types.SimpleNamespace(name=name, labels=LABELS, task=TOXICITY, tokenizer=None, path=Path(name), asked=0)

    def predict_logits(texts: Sequence[str]) -> np.ndarray:
        fake.asked += len(texts)
        probs = np.array([says.get(text, (0.5,) * 6) for text in texts], dtype=float)
        return np.log(probs / (1 - probs))

    fake.predict_logits, fake.thresholds = predict_logits, np.array(thresholds, dtype=float)
    return fake
