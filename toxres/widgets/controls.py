"""The controls of the browser of errors."""

import ipywidgets as widgets

from toxres.labels import LABELS
from toxres.plots.style import pretty
from toxres.widgets.choice import ANY, ORDERS, Choice, outcome_names
from toxres.widgets.shown import FIELDS, functionality_name
from toxres.widgets.table import Judged

STYLE = {"description_width": "84px"}
FIELD = {"width": "300px"}
WIDE = {"width": "calc(100% - 4px)"}
"""Layouts of what stands beside others, and of what takes all of the width."""


class Told:
    """Of a widget: it knows whether it changes because a front end says so."""

    told = False

    def set_state(self, sync_data: dict) -> None:
        """Take a state from the front end."""
        self.told = True
        try:
            super().set_state(sync_data)
        finally:
            self.told = False


class Picks(Told, widgets.Select):
    """The list of comments."""


class Place(Told, widgets.BoundedIntText):
    """The place in the list of the comment that is shown, from 1; 0 where none is.

    JupyterLab takes the arrow keys from a list, not from a field that is written in.
    """


def filters(each: Judged, start: Choice) -> dict[str, widgets.DOMWidget]:
    """The controls of what is listed, by the field of `Choice`.

    Args:
        each: The table, whose groups and functional tests can be chosen.
        start: What they say at first.
    """
    table = each.table
    groups = sorted(table["group"].astype(str).unique())
    tests = sorted(set(table["functionality"].astype(str)) - {""}, key=functionality_name)
    outcomes = [(name if name != ANY else FIELDS["outcome"], name) for name in outcome_names(each.models)]
    options = {
        "label": ("Label", [(FIELDS["label"], ANY), *((pretty(name), name) for name in LABELS)]),
        "outcome": ("Outcome", outcomes),
        "group": ("Group", [(FIELDS["group"], ANY), *((name, name) for name in groups)]),
        "functionality": (
            "Tests", [(FIELDS["functionality"], ANY), *((functionality_name(name), name) for name in tests)],
        ),
        "order": ("Sort by", [(name, name) for name in ORDERS]),
    }  # fmt: skip
    hints = {
        "label": "Judge comments by one label, or as a whole",
        "outcome": "Who is right or wrong",
        "group": "Group of sites",
        "functionality": "What a test case tests",
        "order": "What is listed first",
    }
    made = {
        field: dropdown(name, values, getattr(start, field), f"te-{field}", hints[field])
        for field, (name, values) in options.items()
    }
    made["search"] = widgets.Text(
        description="Search", placeholder="id or text, then Enter", continuous_update=False, layout=FIELD,
        tooltip="Part of an id or of a text", style=STYLE,
    )  # fmt: skip
    made["search"].add_class("te-search")
    return made


def dropdown(name: str, options: list[tuple[str, str]], value: str, hook: str, tooltip: str) -> widgets.Dropdown:
    """A choice among (name, value) pairs, with a class as a hook."""
    made = widgets.Dropdown(options=options, value=value, description=name, tooltip=tooltip, layout=FIELD, style=STYLE)
    made.add_class(hook)
    return made
