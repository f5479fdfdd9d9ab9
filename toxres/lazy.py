"""Names of a package that are imported from its modules when they are first asked for (PEP 562)."""

import importlib
import sys
from collections.abc import Callable, Mapping


def lazy_exports(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """A `__getattr__` for a package's `__init__.py`: to import the package costs nothing, whatever its modules import.

    Args:
        package: The package's `__name__`.
        homes: By name, the module of the package that it lives in.
    """

    def find(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return find
