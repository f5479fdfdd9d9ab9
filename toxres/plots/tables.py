"""Tables of the notebooks: like figures they carry a title that says where their numbers came from."""

import dataclasses
import html
from collections.abc import Collection

import numpy as np
import pandas as pd

from toxres.plots.style import percent as as_percent


@dataclasses.dataclass(frozen=True)
class Table:
    """A table that Jupyter shows with its title, escaped.

    Attributes:
        cells: What is shown, as strings.
        title: What the table says.
        origin: Where its data came from.
    """

    cells: pd.DataFrame
    title: str
    origin: str

    def __repr__(self) -> str:
        return f"{self.title} ({self.origin})\n{self.cells.to_string() if len(self.cells) else 'no rows'}"

    def _repr_html_(self) -> str:
        with pd.option_context("display.max_colwidth", None):
            body = self.cells.to_html(escape=True) if len(self.cells) else "<p>no rows</p>"
        return f"<p><b>{html.escape(self.title)}</b><br>{html.escape(self.origin)}</p>\n{body}"


def titled_table(
    frame: pd.DataFrame, title: str, origin: str = "", *, percent: Collection[str] | bool = (), digits: int = 2
) -> Table:
    """A table as notebooks show it: whole numbers with separators, shares as percentages, unknowns as a dash.

    Args:
        frame: The numbers.
        title: What they say.
        origin: Where the data came from.
        percent: Columns that hold shares; True for all of them.
        digits: Decimals of other fractions.
    """
    shares = set(frame.columns) if percent is True else set(percent or ())
    columns = {name: [_cell(value, name in shares, digits) for value in frame[name]] for name in frame.columns}
    return Table(pd.DataFrame(columns, index=list(frame.index)), title, origin)


def _cell(value: object, is_share: bool, digits: int) -> str:
    if isinstance(value, str):
        return value
    if value is None or np.isnan(value):
        return "–"
    if is_share:
        return as_percent(float(value))
    return f"{value:,}" if isinstance(value, (int, np.integer)) else f"{value:,.{digits}f}"
