"""Policies as files: YAML that is checked field by field, and the examples that come with the package."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from toxres.errors import InputError
from toxres.triage.policy import FieldError, Policy

EXAMPLES = Path(__file__).parent / "policies"
"""The example policies, a file each."""


def example_policies() -> tuple[str, ...]:
    """Names of the policies that come with the package."""
    return tuple(sorted(file.stem for file in EXAMPLES.glob("*.yaml")))


def load_policy(path: str | Path) -> Policy:
    """Read a policy from a YAML file, or an example policy by its name (`example_policies`).

    Raises:
        InputError: There is no such file, it is no YAML, or a field is unknown, missing, twice there or cannot be; the
            line says the file, its line and the field.
    """
    if isinstance(path, str) and path in example_policies():
        path = EXAMPLES / f"{path}.yaml"
    file = Path(path)
    if not file.is_file():
        raise InputError(
            f"{path}: no such policy; name a YAML file, or one of those that come with toxres: "
            f"{', '.join(example_policies())}"
        )
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); give another file") from None
    return parse_policy(text, str(file))


def parse_policy(text: str, name: str = "policy") -> Policy:
    """The policy that a YAML text says.

    Args:
        text: As `Policy.to_yaml` writes it.
        name: What an error calls it, e.g. the file.

    Raises:
        InputError: As `load_policy` does.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines = dict(_lines(node)) if node else {}
        value = yaml.safe_load(text)
    except FieldError as error:
        raise InputError(f"{name}, {error.problem}") from None
    except RecursionError:
        raise InputError(f"{name}: is nested too deeply for a policy; write its fields plainly") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise InputError(f"{name}{where}: is not valid YAML ({problem}); see the policies in toxres/triage") from None
    except ValueError as error:  # such as an impossible date
        raise InputError(f"{name}: holds a value that YAML cannot read ({error}); put it in quotes") from None
    if value is None:
        raise InputError(f"{name}: is empty; write a policy, such as those in toxres/triage/policies")
    try:
        return Policy.from_dict(value)
    except FieldError as error:
        if not error.field:
            raise InputError(f"{name}: {error.problem}") from None
        line = lines.get(error.field, lines.get(error.field.partition(".")[0]))
        where = f", line {line}" if line else ""
        raise InputError(f"{name}{where}, field {error.field!r}: {error.problem}") from None


def _lines(node: yaml.Node, path: str = "") -> Iterator[tuple[str, int]]:
    """Each field's path with its line, from 1.

    Raises:
        FieldError: A field stands twice, of which YAML would quietly keep the last.
    """
    if not isinstance(node, yaml.MappingNode):
        return
    seen = {}
    for key, value in node.value:
        field = f"{path}.{key.value}" if path else str(key.value)
        line = key.start_mark.line + 1
        if field in seen:
            raise FieldError(
                field, f"line {line}, field {field!r}: stands on line {seen[field]} already; keep one of the two"
            )
        seen[field] = line
        yield field, line
        if path.count(".") < 3:
            yield from _lines(value, field)
