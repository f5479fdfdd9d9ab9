"""What a committed notebook must be, and what is taken out of a rendering before it is written."""

import base64
import io
import re
import statistics
from pathlib import Path

from toxres.files import ROOT

MAX_BYTES = 2 * 2**20
MAX_CELL_LINES = 25
MEDIAN_CELL_LINES = 8

_MACHINE_PATH = re.compile(r"(?<![\w./:])/(?:home|root|Users|work|tmp|mnt|private)/\w")
_BUNDLE_KEYS = ("image/png", "image/svg+xml", "image/jpeg")


def strip_volatile(notebook) -> None:
    """Remove from a notebook, in place, what differs from one clean run to the next or only a live kernel can show."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {key: value for key, value in cell.metadata.items() if key in ("tags", "jupyter")}
        for output in cell.get("outputs", ()):
            output.pop("transient", None)
            if "data" in output:
                output.metadata = {}
                output.data.pop("application/vnd.jupyter.widget-view+json", None)
        if cell.cell_type == "code":
            cell.outputs = [
                o for o in cell.outputs if o.output_type not in ("display_data", "execute_result") or o.data
            ]


def shrink_images(notebook) -> None:
    """Store a notebook's PNG images with a palette of 256 colours, in place, where they are opaque and get smaller."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                raw = base64.b64decode(output.data["image/png"])
                small = _with_palette(raw)
                if len(small) < len(raw):
                    output.data["image/png"] = base64.b64encode(small).decode("ascii")


def _with_palette(png: bytes) -> bytes:
    from PIL import Image

    image = Image.open(io.BytesIO(png))
    if "A" in image.getbands() and image.getchannel("A").getextrema()[0] < 255:
        return png
    buffer = io.BytesIO()
    palette = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    palette.save(buffer, "png", optimize=True, dpi=image.info.get("dpi", (100, 100)))
    return buffer.getvalue()


def check_notebook(path: str | Path) -> list[str]:
    """What keeps a rendered notebook from being committed; an empty list when nothing does.

    A rendering is one clean run (execution counts 1..N, no error, nothing on stderr, no widget state, no path of the
    machine it ran on) below 2 MiB, with a question as its title, a cell tagged `parameters`, at least one figure, and
    short cells (median below 8 lines, none above 25).
    """
    import nbformat

    path = Path(path)
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:
        return [f"is not a valid notebook: {' '.join(str(error).split())[:200]}"]
    return notebook_problems(notebook, path.stat().st_size)


def notebook_problems(notebook, size: int) -> list[str]:
    """`check_notebook` for a notebook in memory, of `size` bytes on disk."""
    problems = []
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    first = notebook.cells[0] if notebook.cells else None
    title = first.source.strip().splitlines()[0] if first is not None and first.source.strip() else ""
    if first is None or first.cell_type != "markdown" or not title.startswith("# ") or not title.rstrip().endswith("?"):
        problems.append("the first cell must be a title that asks a question ('# ...?')")
    if not any("parameters" in cell.metadata.get("tags", ()) for cell in cells):
        problems.append("no cell is tagged 'parameters'")
    if [cell.execution_count for cell in cells] != list(range(1, len(cells) + 1)):
        problems.append("execution counts are not 1..N: render it anew")
    lines = [len(cell.source.strip().splitlines()) for cell in cells]
    for number, count in enumerate(lines, start=1):
        if count > MAX_CELL_LINES:
            problems.append(f"code cell {number} has {count} lines, above {MAX_CELL_LINES}")
    if lines and statistics.median(lines) >= MEDIAN_CELL_LINES:
        problems.append(f"the median code cell has {statistics.median(lines):g} lines, not below {MEDIAN_CELL_LINES}")
    if "widgets" in notebook.metadata:
        problems.append("holds widget state")
    figures = 0
    for number, cell in enumerate(cells, start=1):
        for output in cell.outputs:
            data = output.get("data", {})
            figures += any(key in data for key in _BUNDLE_KEYS)
            if output.output_type == "error":
                problems.append(f"code cell {number} failed: {output.ename}")
            if output.output_type == "stream" and output.name == "stderr":
                problems.append(f"code cell {number} wrote to stderr: {output.text.strip().splitlines()[-1][:120]!r}")
            if any("widget" in key for key in data):
                problems.append(f"code cell {number} shows a widget that a viewer cannot")
            texts = [output.get("text", ""), *(str(v) for k, v in data.items() if k not in _BUNDLE_KEYS)]
            if any(_MACHINE_PATH.search(text) or str(ROOT) in text for text in texts):
                problems.append(f"code cell {number} shows a path of the machine it ran on")
    if not figures:
        problems.append("shows no figure")
    if size >= MAX_BYTES:
        problems.append(f"is {size / 2**20:.1f} MiB, not below {MAX_BYTES // 2**20}")
    return problems
