"""What a model decides: the six labels, one of three classes, or a site's accept or reject."""

import dataclasses
from typing import TYPE_CHECKING, Final

from toxres.errors import InputError
from toxres.labels import LABELS

if TYPE_CHECKING:
    from toxres.config import Recipe


@dataclasses.dataclass(frozen=True)
class Task:
    """The columns of a model's logits and targets, and how they belong together.

    Attributes:
        name: What `Recipe.task` calls it.
        labels: One a column.
        exclusive: Exactly one of the labels is true of a comment (softmax), else each is on its own (sigmoid).
        enforced: For decisions: the labels, of the six, that a policy rejects a comment for.
    """

    name: str
    labels: tuple[str, ...]
    exclusive: bool = False
    enforced: tuple[str, ...] = ()

    @property
    def problem_type(self) -> str:
        """What transformers calls it; its pipelines apply softmax or sigmoid by it."""
        return "single_label_classification" if self.exclusive else "multi_label_classification"

    def __str__(self) -> str:
        told = f" (rejects {', '.join(self.enforced)})" if self.enforced else ""
        return f"{self.name}{told}"


TOXICITY: Final = Task("toxicity", LABELS)
"""The six labels of Jigsaw's challenge."""

TYPES: Final = Task("types", ("none", "cyberbullying", "hate_speech"), exclusive=True)
"""The three classes of PolEval 2019 task 6-2, in the order of its tags 0, 1 and 2."""

DECISION: Final = Task("decision", ("reject",), enforced=("toxic", "identity_hate"))
"""A policy's accept (0) or reject (1); the default policy enforces the two labels that every source knows."""

SPANS: Final = Task("spans", ("toxic",))
"""Which characters of a comment make it toxic: a logit a token, and no score of the comment."""

TASKS: Final = {task.name: task for task in (TOXICITY, TYPES, DECISION, SPANS)}

TAG_COLUMNS: Final = ("tag", "class")
"""Columns of a file that may name a comment's class, by number or name."""

TASK_COLUMNS: Final = (*TAG_COLUMNS, *TYPES.labels, *DECISION.labels)
"""Columns of a file that are kept, as they are, for the tasks that read them."""


def get_task(name: str) -> Task:
    """The named task.

    Raises:
        InputError: No task has this name.
    """
    if name not in TASKS:
        raise InputError(f"unknown task {name!r}; choose one of: {', '.join(TASKS)}")
    return TASKS[name]


def task_of(recipe: "Recipe | dict") -> Task:
    """The task of a recipe, or of one as a run's record has it, with the labels that its policy enforces.

    Raises:
        InputError: The task is unknown, another task than a decision enforces labels, or a label is none of the six.
    """
    fields = recipe if isinstance(recipe, dict) else vars(recipe)
    task, enforced = get_task(fields.get("task", TOXICITY.name)), tuple(fields.get("enforced", ()))
    if not enforced:
        return task
    if task.name != DECISION.name:
        raise InputError(f"task {task.name!r} enforces no labels; leave them out, or take a recipe that decides")
    for label in enforced:
        if label not in LABELS or enforced.count(label) > 1:
            raise InputError(f"enforced label {label!r}: name some of {', '.join(LABELS)}, each only once")
    return dataclasses.replace(task, enforced=enforced)
