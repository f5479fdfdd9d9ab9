"""A checkpoint: a folder that says everything about a trained model."""

import functools
import typing
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from toxres.config import Recipe
from toxres.errors import InputError
from toxres.evaluation.arrays import decide, to_probs
from toxres.evaluation.calibration import Calibration
from toxres.files import read_json, well_formed
from toxres.labels import LABELS
from toxres.tasks import SPANS, TOXICITY, Task, task_of

RUN = "run.json"
CALIBRATION = "calibration.json"
THRESHOLDS = "thresholds.json"
LABELS_FILE = "labels.json"
CONFIG = "config.json"


class Checkpoint:
    """A trained model with its tokenizer, calibration, thresholds and the record of its run.

    The weights are read when they are first needed.

    Attributes:
        path: The folder.
        run: What `run.json` says.
        thresholds: One threshold a label (L,), tuned on validation, for probabilities before recalibration.
        calibration: Maps logits to recalibrated probabilities.
        task: What it decides; its `labels` are the columns of logits and probabilities.
    """

    def __init__(self, path: Path, run: dict, calibration: Calibration, thresholds: np.ndarray) -> None:
        self.path = path
        self.run = run
        self.calibration = calibration
        self.thresholds = thresholds
        self.task = task_of(run["recipe"])

    @property
    def labels(self) -> tuple[str, ...]:
        """The L labels of its task."""
        return self.task.labels

    @property
    def name(self) -> str:
        """What tables call it: the recipe's name."""
        return self.recipe

    @property
    def recipe(self) -> str:
        """The recipe's name."""
        return self.run["recipe"]["name"]

    @property
    def marks_spans(self) -> bool:
        """Whether it marks what makes a comment toxic, and scores no comment."""
        return self.run["recipe"]["family"] == "spans"

    @property
    def max_length(self) -> int:
        """Tokens a comment is cut off at; a span model reads longer ones in several windows of so many."""
        return int(self.run["preset"]["max_length"])

    @functools.cached_property
    def model(self):
        """The model: a `ToxicityModel` or `SpanModel` in evaluation mode, a `TfidfModel` or a `StackModel`."""
        if self.run["recipe"]["family"] == "tfidf":
            from toxres.models.tfidf import TfidfModel

            return TfidfModel.load(self.path)
        if self.run["recipe"]["family"] == "stack":
            from toxres.models.stack import StackModel

            return StackModel.load(self.path)
        import torch
        import transformers

        from toxres.models import SpanModel, ToxicityModel

        transformers.utils.logging.disable_progress_bar()
        kind = SpanModel if self.marks_spans else ToxicityModel
        try:
            model, problems = kind.from_pretrained(self.path, output_loading_info=True, use_safetensors=True)
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
        """The model's tokenizer; None for a model that reads texts itself, a bag of n-grams or a stack."""
        if self.run["recipe"]["family"] not in ("transformer", "spans"):
            return None
        from transformers import AutoTokenizer

        import toxres.models  # noqa: F401  registers the configuration that AutoTokenizer looks up

        try:
            return AutoTokenizer.from_pretrained(self.path)
        except Exception as error:
            raise InputError(f"{self.path}: the tokenizer is broken ({_first_line(error)}); train it again") from error

    def predict_logits(self, texts: Sequence[str]) -> np.ndarray:
        """Logits, not probabilities, of N comments: N x L, float32, in their order.

        A lone surrogate, which no encoding can hold, is read as U+FFFD.

        Raises:
            InputError: `texts` is a single text or one of them is no string, the weights are broken, or the checkpoint
                marks spans and scores no comments.
        """
        texts = check_texts(texts)
        need_scores(self)
        if self.tokenizer is None:
            logits = self.model.predict_logits(texts)
        else:
            from toxres.models.predict import predict_logits

            logits = predict_logits(self.model, self.tokenizer, texts, max_length=self.max_length)
        if not np.isfinite(logits).all():
            kind = "NaN" if np.isnan(logits).any() else "infinite"
            raise InputError(f"{self.path}: the weights give {kind} logits, so they are broken; train it again")
        return logits

    def predict_proba(self, texts: Sequence[str], calibrated: bool = False) -> np.ndarray:
        """Probabilities of N comments: N x L; `calibrated` recalibrates them on the run's validation rows.

        Those of exclusive classes sum to 1.

        Raises:
            InputError: As `predict_logits` does.
        """
        logits = self.predict_logits(texts)
        return self.calibration.apply(logits) if calibrated else to_probs(logits, self.task.exclusive)

    def decide(self, texts: Sequence[str]) -> np.ndarray:
        """Which labels N comments get by the tuned thresholds: N x L booleans, one a comment of exclusive classes."""
        return decide(self.predict_proba(texts), self.thresholds, self.task.exclusive)


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Open a checkpoint folder that `toxres train` wrote.

    Raises:
        InputError: There is no such folder, a file is missing or broken, or the labels are not those of the task that
            its recipe names.
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
    try:
        _check_run(contents[RUN])
        task = task_of(contents[RUN]["recipe"])
        _check_labels(contents[LABELS_FILE], task, path / LABELS_FILE)
        thresholds = np.array([contents[THRESHOLDS][label] for label in task.labels], dtype=np.float64)
        calibration = Calibration.from_dict(contents[CALIBRATION])
        if calibration.labels != task.labels or not ((thresholds >= 0) & (thresholds <= 1)).all():
            raise ValueError("the calibration needs the task's labels in order, and each threshold is in [0, 1]")
        if calibration.exclusive != task.exclusive:
            raise ValueError(f"the calibration's method {calibration.method!r} is not for the task {task.name}")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: a field is missing or wrong ({_first_line(error)}); train it again") from error
    if contents[RUN]["recipe"]["family"] in ("transformer", "spans"):
        _check_config(path, task)
    return Checkpoint(path, contents[RUN], calibration, thresholds)


def need_scores(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint itself, if it scores comments.

    Raises:
        InputError: It marks spans.
    """
    if getattr(checkpoint, "marks_spans", False):
        raise InputError(
            f"{checkpoint.path}: marks toxic spans and scores no comments; name a classifier's checkpoint here, and "
            "this one to the explanation method 'supervised'"
        )
    return checkpoint


def _check_run(run: dict) -> None:
    """Raises KeyError, TypeError or ValueError where a field that a checkpoint is read by is missing or wrong."""
    name, family, max_length = run["recipe"]["name"], run["recipe"]["family"], run["preset"]["max_length"]
    if not isinstance(name, str) or not name:
        raise ValueError(f"{RUN}: recipe.name is {name!r}, not a name")
    if family not in typing.get_args(typing.get_type_hints(Recipe)["family"]):
        raise ValueError(f"{RUN}: recipe.family is {family!r}, which this version doesn't know")
    if (family == "spans") != (run["recipe"].get("task") == SPANS.name):
        raise ValueError(f"{RUN}: recipe.family is {family!r}, but recipe.task is {run['recipe'].get('task')!r}")
    if not isinstance(max_length, int) or isinstance(max_length, bool) or max_length < 1:
        raise ValueError(f"{RUN}: preset.max_length is {max_length!r}, not a whole number above 0")


def _check_labels(labels: object, task: Task, file: Path) -> None:
    """Refuse labels that are not the task's, in its order."""
    if labels != list(task.labels):
        raise InputError(f"{file}: the labels are not {', '.join(task.labels)} in this order; train it again")


def _check_config(path: Path, task: Task) -> None:
    """Refuse a `config.json` that is missing, broken, or not of a model of the task."""
    file = path / CONFIG
    if not file.is_file():
        raise InputError(f"{path}: {CONFIG} is missing, so this is no whole checkpoint; train it again")
    try:
        config = read_json(file)
    except ValueError as error:
        raise InputError(f"{file}: not valid JSON ({_first_line(error)}); train it again") from error
    if not isinstance(config, dict) or config.get("model_type") != ("toxic_spans" if task == SPANS else "toxicity"):
        raise InputError(f"{file}: is not of a model that `toxres train` makes; train it again")
    names = config.get("id2label", {str(index): label for index, label in enumerate(LABELS)})
    if names != {str(index): label for index, label in enumerate(task.labels)}:
        wanted = ", ".join(task.labels)
        raise InputError(f"{file}: the labels (id2label) are not {wanted} in this order; train it again")
    if task != SPANS and config.get("problem_type", TOXICITY.problem_type) != task.problem_type:
        raise InputError(f"{file}: problem_type is not {task.problem_type}, as {task.name} needs; train it again")


def check_texts(texts: Sequence[str]) -> list[str]:
    """The texts of a call, without lone surrogates.

    Raises:
        InputError: It is a single text, or one of them is no string.
    """
    if isinstance(texts, str | bytes):
        raise InputError("texts: is a single text; give a list of texts, such as [text]")
    texts = list(texts)
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"texts[{number}]: is a {type(text).__name__}, not a string; give it a text or drop it")
    return [well_formed(text) for text in texts]


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
