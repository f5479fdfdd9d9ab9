"""The memory of a process over the rows that it has done."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from toxres.plots.style import BLUE, MUTED, bare, new_axes, titled


def memory_curve(
    rows: Sequence[int], mib: Sequence[float], ax: Axes | None = None, *, title: str = "", origin: str = ""
) -> Axes:
    """Resident memory over rows, from 0 MiB on, with its largest value written beside it.

    Args:
        rows: Rows done at each measurement.
        mib: Resident memory, MiB.
        ax: Axes to draw on; new ones by default.
        title: The title.
        origin: What was measured.
    """
    ax = new_axes(ax, 7.5, 3.6)
    ax.plot(rows, mib, color=BLUE, marker="o", markersize=3)
    top = max(mib)
    ax.axhline(top, color=MUTED, lw=0.9, ls=(0, (4, 3)))
    ax.annotate(
        f"at most {top:,.0f} MiB", (rows[-1], top), xytext=(0, 5), textcoords="offset points", ha="right", fontsize=9.5
    )
    ax.set(xlabel="rows scored", ylabel="resident memory, MiB", ylim=(0, top * 1.25), xlim=(0, rows[-1] * 1.02))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    bare(ax, grid="y")
    return titled(ax, title, origin)
