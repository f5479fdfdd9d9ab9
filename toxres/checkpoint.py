"""A checkpoint: a folder that says everything about a trained model."""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from toxres.errors import InputError
from toxres.evaluation.arrays import sigmoid
from toxres.evaluation.calibration import Calibration
from toxres.files import read_json
from toxres.labels import LABELS

RUN = "run.json"
CALIBRATION = "calibration.json"
THRESHOLDS = "thresholds.json"
LABELS_FILE = "labels.json"


class Checkpoint:
    """A trained model with its tokenizer, calibration, thresholds and the record of its run.

    The weights are read when they are first needed.

    Attributes:
        path: The folder.
        run: What `run.json` says.
        thresholds: One threshold a label (6,), tuned on validation, for probabilities before recalibration.
        calibration: Maps logits to recalibrated probabilities.
    """

    def __init__(self, path: Path, run: dict, calibration: Calibration, thresholds: np.ndarray) -> None:
        self.path = path
        self.run = run
        self.calibration = calibration
        self.thresholds = thresholds

    @property
    def name(self) -> str:
        """What tables call it: the recipe's name."""
        return self.recipe

    @property
    def recipe(self) -> str:
        """The recipe's name."""
        return self.run["recipe"]["name"]

    @property
    def max_length(self) -> int:
        """Tokens a comment is cut off at."""
        return int(self.run["preset"]["max_length"])

    @functools.cached_property
    def model(self):
        """The model: a `ToxicityModel` in evaluation mode, or a `TfidfModel`."""
        if self.run["recipe"]["family"] == "tfidf":
            from toxres.models.tfidf import TfidfModel

            return TfidfModel.load(self.path)
        import torch
        import transformers

        from toxres.models import ToxicityModel

        transformers.utils.logging.disable_progress_bar()
        try:
            model, problems = ToxicityModel.from_pretrained(self.path, output_loading_info=True, use_safetensors=True)
        except Exception as error:
            raise InputError(f"{self.path}: the weights are broken ({_first_line(error)}); train it again") from error
        for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            if problems.get(problem):
                names = ", ".join(sorted(map(str, problems[problem]))[:3])
                raise InputError(
                    f"{self.path}: model.safetensors has {problem.replace('_', ' ')} ({names}); train it again"
                )
        return model.eval().to("cuda" if torch.cuda.is_available() else "cpu")

    @functools.cached_property
    def tokenizer(self):
        """The model's tokenizer; None for a bag of n-grams."""
        if self.run["recipe"]["family"] == "tfidf":
            return None
        from transformers import AutoTokenizer

        import toxres.models  # noqa: F401  registers the configuration that AutoTokenizer looks up

        try:
            return AutoTokenizer.from_pretrained(self.path)
        except Exception as error:
            raise InputError(f"{self.path}: the tokenizer is broken ({_first_line(error)}); train it again") from error

    def predict_logits(self, texts: Sequence[str]) -> np.ndarray:
        """Logits, not probabilities, of N comments: N x 6, float32, in their order."""
        if self.tokenizer is None:
            return self.model.predict_logits(texts)
        from toxres.models.predict import predict_logits

        return predict_logits(self.model, self.tokenizer, texts, max_length=self.max_length)

    def predict_proba(self, texts: Sequence[str], calibrated: bool = False) -> np.ndarray:
        """Probabilities of N comments: N x 6; `calibrated` recalibrates them on the run's validation rows."""
        logits = self.predict_logits(texts)
        return self.calibration.apply(logits) if calibrated else sigmoid(logits)


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Open a checkpoint folder that `toxres train` wrote.

    Raises:
        InputError: There is no such folder, a file is missing or broken, or the labels are not the six of this project.
    """
    path = Path(path)
    if not path.is_dir():
        raise InputError(f"{path}: no such checkpoint folder; name one that `toxres train ... --out` wrote")
    contents = {}
    for file in (RUN, LABELS_FILE, CALIBRATION, THRESHOLDS):
        if not (path / file).is_file():
            raise InputError(f"{path}: {file} is missing, so this is no whole checkpoint; train it again")
        try:
            contents[file] = read_json(path / file)
        except ValueError as error:
            raise InputError(f"{path / file}: not valid JSON ({_first_line(error)}); train it again") from error
    if contents[LABELS_FILE] != list(LABELS):
        raise InputError(f"{path / LABELS_FILE}: the labels are not {', '.join(LABELS)} in this order; train it again")
    try:
        thresholds = np.array([contents[THRESHOLDS][label] for label in LABELS], dtype=np.float64)
        calibration = Calibration.from_dict(contents[CALIBRATION])
        if calibration.labels != LABELS or not ((thresholds >= 0) & (thresholds <= 1)).all():
            raise ValueError("the calibration needs the six labels in order, and each threshold is in [0, 1]")
        contents[RUN]["recipe"]["family"], contents[RUN]["preset"]["max_length"]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: a field is missing or wrong ({_first_line(error)}); train it again") from error
    return Checkpoint(path, contents[RUN], calibration, thresholds)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
