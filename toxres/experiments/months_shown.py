"""What the notebook on triage shows of the simulated months."""

from collections.abc import Mapping


def record_told(found: Mapping) -> str:
    """That the results are not there, and how to make them; or nothing."""
    return "" if found else f"*{getattr(found, 'why', 'There are no results.')}*"


def told(found: Mapping) -> list[str]:
    """The findings, a sentence each."""
    return [getattr(found, "why", "There are no results.")]
