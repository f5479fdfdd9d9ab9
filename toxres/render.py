"""Run notebooks top to bottom, each in a fresh kernel of this very Python, and write the rendered copies.

    python -m toxres.render --preset quick --out build/notebooks [NAME...]
    python -m toxres.render --preset full --in-place

A notebook learns how much to do and where to write from its environment: `TOXRES_PRESET`, `TOXRES_BUILD`
(checkpoints and whatever else a run produces) and `TOXRES_FIGURES`. Only `--in-place` writes to the committed
`notebooks/` and `figures/`, and only what one clean run produced.
"""

import argparse
import asyncio
import atexit
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from toxres.allocator import ENVIRONMENT
from toxres.config import MINILM, TINY, get_preset
from toxres.errors import InputError
from toxres.files import ROOT, write_text
from toxres.rules import check_notebook, notebook_problems, shrink_images, strip_volatile

__all__ = ["NotebookError", "Rendered", "check_notebook", "find_notebooks", "main", "render", "strip_volatile"]

NOTEBOOKS = ROOT / "notebooks"

OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
"""Added for presets whose encoder is embedded: nothing then waits for a hub."""

TRANSPORT = "tcp" if os.name == "nt" else "ipc"
"""How a kernel is talked to: over sockets in the file system, which no other user can read, where there are such."""

KERNEL_DEFAULTS = {
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONHASHSEED": "0",
    **ENVIRONMENT,
}
"""What a kernel's environment holds unless the caller's says otherwise; with memory that is kept, training on one CPU
thread is nearly as fast as on two.
"""


class Rendered(NamedTuple):
    """One notebook's run.

    Attributes:
        path: The rendered copy.
        seconds: Wall-clock time of the run, the kernel's start included.
    """

    path: Path
    seconds: float


class NotebookError(RuntimeError):
    """A cell failed: one line that names the notebook, the cell and the error."""


def find_notebooks(names: Sequence[str] = (), folder: Path | None = None) -> list[Path]:
    """The notebooks of a folder, by their numbers; `names` picks some ("02", "02_baseline", a path).

    Raises:
        InputError: A name fits no notebook.
    """
    notebooks = sorted(path for path in (folder or NOTEBOOKS).glob("*.ipynb") if not path.name.startswith("."))
    if not names:
        return notebooks
    chosen = []
    for name in names:
        stem = Path(name).name.removesuffix(".ipynb")
        found = [path for path in notebooks if path.stem == stem or path.stem.startswith(f"{stem}_")]
        if not found:
            known = ", ".join(path.stem for path in notebooks) or "none"
            raise InputError(f"no notebook is called {name!r}; there are: {known}")
        chosen += [path for path in found if path not in chosen]
    return sorted(chosen)


def render(
    source: str | Path,
    out: str | Path,
    *,
    preset: str,
    build: str | Path,
    figures: str | Path,
    check: bool = False,
    on_cell: Callable[[int, int], None] | None = None,
) -> Rendered:
    """Run one notebook and write its rendered copy, and its figures, only if every cell succeeds.

    Args:
        source: The notebook.
        out: Where the rendered copy goes; may be `source` itself.
        preset: Name of the preset, passed on as `TOXRES_PRESET`.
        build: Folder for checkpoints and the like, passed on as `TOXRES_BUILD`.
        figures: Folder the notebook's figures are moved to in the end.
        check: Refuse to write a rendering that `check_notebook` objects to.
        on_cell: Called with the number of the cell that starts (1-based) and the number of code cells.

    Raises:
        NotebookError: A cell failed, or `check` found something.
    """
    import nbformat

    source, out, build, figures = Path(source), Path(out), Path(build).resolve(), Path(figures).resolve()
    notebook = nbformat.read(source, as_version=4)
    data_dir = os.environ.get("TOXRES_DATA_DIR")
    started = time.monotonic()
    build.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="figures-", dir=build) as fresh, tempfile.TemporaryDirectory() as private:
        environment = {
            **KERNEL_DEFAULTS,
            **(OFFLINE if get_preset(preset).encoder in (MINILM, TINY) else {}),
            **os.environ,
            **({"TOXRES_DATA_DIR": str(Path(data_dir).resolve())} if data_dir else {}),
            "TOXRES_PRESET": preset,
            "TOXRES_BUILD": str(build),
            "TOXRES_FIGURES": fresh,
            "IPYTHONDIR": private,
        }
        _execute(notebook, source, environment, Path(private) / "kernel", on_cell)
        strip_volatile(notebook)
        shrink_images(notebook)
        text = nbformat.writes(notebook) + "\n"
        if check and (problems := notebook_problems(notebook, len(text.encode()))):
            kept = build / "notebooks" / out.name
            write_text(kept, text)
            raise NotebookError(f"{source.name}: ran, but is not fit to commit (see {kept}): " + "; ".join(problems))
        figures.mkdir(parents=True, exist_ok=True)
        for figure in Path(fresh).iterdir():
            shutil.move(figure, figures / figure.name)
    write_text(out, text)
    return Rendered(out, time.monotonic() - started)


def _execute(
    notebook, source: Path, environment: dict[str, str], socket: Path, on_cell: Callable[[int, int], None] | None
) -> None:
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    class ThisPython(KernelSpecManager):
        """Whatever kernels the user has installed, the kernel is this interpreter's own."""

        def get_kernel_spec(self, kernel_name):
            argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return KernelSpec(argv=argv, display_name="Python 3 (ipykernel)", language="python")

    code_cells = [
        index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()
    ]
    running, interrupted = [0], []

    def interrupt() -> None:
        interrupted.append(asyncio.ensure_future(client.km.shutdown_kernel(now=True)))

    def started(cell, cell_index):
        with contextlib.suppress(NotImplementedError, RuntimeError):
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, interrupt)
        if cell_index in code_cells:
            running[0] = code_cells.index(cell_index) + 1
            if on_cell is not None:
                on_cell(running[0], len(code_cells))

    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    address = {"transport": "ipc", "ip": str(socket)} if TRANSPORT == "ipc" else {}
    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_name="python3", kernel_spec_manager=ThisPython(), **address),
        timeout=None,
        startup_timeout=300,
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(source.resolve().parent)}},
        on_cell_start=started,
    )
    where = f"{source.name}, code cell"
    try:
        client.execute(env=environment, cleanup_kc=True)
    except CellExecutionError as error:
        message = " ".join(str(error.evalue).split())
        raise NotebookError(f"{where} {running[0]} of {len(code_cells)} failed: {error.ename}: {message}") from error
    except DeadKernelError as error:
        if interrupted:
            raise KeyboardInterrupt from None
        raise NotebookError(f"{where} {running[0]} of {len(code_cells)} failed: the kernel died") from error
    except RuntimeError as error:
        atexit.unregister(client._cleanup_kernel)
        raise NotebookError(f"{source.name}: no kernel could be started: {error}") from error


def main(argv: Sequence[str] | None = None) -> int:
    """`python -m toxres.render`: 0 when every notebook ran, 1 when a cell failed, 2 for bad usage."""
    parser = argparse.ArgumentParser(prog="python -m toxres.render", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="some notebooks only: 02, or 02_baseline")
    parser.add_argument("--preset", default=None, help="smoke, quick, full or paper; TOXRES_PRESET, or quick")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--out", default=str(ROOT / "build" / "notebooks"), help="folder for the rendered copies")
    where.add_argument("--in-place", action="store_true", help="write notebooks/ and figures/ themselves")
    parser.add_argument("--summary", action="store_true", help="end with the comparison of the newest checkpoints")
    options = parser.parse_args(argv)
    try:
        return _run(options)
    except (InputError, NotebookError) as error:
        print(f"toxres.render: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    except KeyboardInterrupt:
        print("toxres.render: interrupted", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace) -> int:
    from toxres.data import best_source

    preset = get_preset(options.preset).name
    source = best_source()
    if options.in_place and (preset != "full" or source == "synthetic"):
        raise InputError(
            "--in-place writes the committed renderings: it needs --preset full and the real data "
            f"(set TOXRES_DATA_DIR or fill data/raw; now: preset {preset}, source {source})"
        )
    notebooks = find_notebooks(options.names)
    out = NOTEBOOKS if options.in_place else Path(options.out).resolve()
    build = ROOT / "build" if options.in_place else out.parent
    figures = ROOT / "figures" if options.in_place else build / "figures"
    print(f"{len(notebooks)} notebooks, preset {preset}, comments from {source}", flush=True)
    started = time.monotonic()
    for number, path in enumerate(notebooks, start=1):
        head = f"[{number}/{len(notebooks)}] {path.stem}"
        done = render(
            path,
            out / path.name,
            preset=preset,
            build=build,
            figures=figures,
            check=options.in_place,
            on_cell=_progress(head),
        )
        _clear()
        print(f"{head}: {done.seconds:.0f} s", flush=True)
    print(
        f"rendered copies: {_shown(out)}; figures: {_shown(figures)}; {time.monotonic() - started:.0f} s in all",
        flush=True,
    )
    if options.summary:
        from toxres.summary import summary

        print(summary(build / "checkpoints", source, preset))
    return 0


def _progress(head: str) -> Callable[[int, int], None] | None:
    if not sys.stdout.isatty():
        return None
    started = time.monotonic()
    return lambda cell, cells: print(
        f"\r\033[K{head}: cell {cell} of {cells}, {time.monotonic() - started:.0f} s", end="", flush=True
    )


def _clear() -> None:
    if sys.stdout.isatty():
        print("\r\033[K", end="")


def _shown(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


if __name__ == "__main__":
    sys.exit(main())
