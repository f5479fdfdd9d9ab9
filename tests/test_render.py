"""The notebook runner, on notebooks made here."""

import base64
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat import v4
from PIL import Image

from toxres import render as runner
from toxres.errors import InputError
from toxres.render import NotebookError, check_notebook, find_notebooks, main, render
from toxres.rules import MAX_BYTES, shrink_images

FIGURE = (
    "import base64\n"
    "from IPython.display import Image, display\n"
    "display(Image(base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==')))"
)


def notebook(*sources: str):
    """A notebook with a question, a parameters cell and the given code."""
    cells = [v4.new_markdown_cell("# Does it run?"), v4.new_code_cell("SIZE = 1", metadata={"tags": ["parameters"]})]
    return v4.new_notebook(cells=cells + [v4.new_code_cell(source) for source in sources])


@pytest.fixture
def run(tmp_path):
    """Write a notebook to tmp_path/in and render it to tmp_path/out."""

    def run(*sources: str, **options):
        path = tmp_path / "in" / "01_it.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(notebook(*sources), path)
        settings = {"preset": "smoke", "build": tmp_path / "build", "figures": tmp_path / "figures"}
        return render(path, tmp_path / "out" / path.name, **{**settings, **options})

    return run


def stdout(path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "".join(out.text for cell in cells for out in cell.get("outputs", ()) if out.output_type == "stream")


def test_a_kernel_is_this_python_with_the_preset_and_the_folders(run, tmp_path, monkeypatch):
    home = tmp_path / "kernels" / "kernels" / "python3"
    home.mkdir(parents=True)
    spec = {"argv": ["/nowhere/python", "{connection_file}"], "display_name": "x", "language": "python"}
    (home / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "kernels"))
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "mine")
    monkeypatch.setenv("TOXRES_DATA_DIR", "some/data")
    monkeypatch.delenv("MALLOC_TOP_PAD_", raising=False)
    names = ("TOXRES_PRESET", "TOXRES_BUILD", "TOXRES_DATA_DIR", "MALLOC_TOP_PAD_", "TOKENIZERS_PARALLELISM")
    done = run(
        f"import os, sys, pathlib\nprint(sys.executable)\nfor name in {names}:\n    print(os.environ[name])\n"
        "print(pathlib.Path.cwd().name)\n"
        "pathlib.Path(os.environ['TOXRES_FIGURES'], '01_a.svg').write_text('<svg/>')"
    )
    lines = stdout(done.path).splitlines()
    assert lines[0] == sys.executable
    assert lines[1:3] == ["smoke", str(tmp_path / "build")]
    assert lines[3].startswith("/") and lines[3].endswith("some/data"), "a relative folder is the caller's"
    assert lines[4:] == ["500000000", "mine", "in"]
    assert (tmp_path / "figures" / "01_a.svg").read_text() == "<svg/>"
    assert [path.name for path in (tmp_path / "build").iterdir()] == [], "no temporary folder is left"


@pytest.mark.parametrize(("preset", "offline"), [("quick", "1"), ("paper", "None")])
def test_only_a_preset_without_an_embedded_encoder_may_ask_the_hub(run, monkeypatch, preset, offline):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert stdout(run("import os\nprint(os.environ.get('HF_HUB_OFFLINE'))", preset=preset).path) == f"{offline}\n"


def test_a_rendering_is_a_clean_run_and_the_same_twice(run, tmp_path):
    first = run(FIGURE, "SIZE + 1").path.read_text()
    assert without_ids(first) == without_ids(run(FIGURE, "SIZE + 1").path.read_text())
    assert check_notebook(tmp_path / "out" / "01_it.ipynb") == []
    rendered = nbformat.reads(first, as_version=4)
    assert [cell.execution_count for cell in rendered.cells if cell.cell_type == "code"] == [1, 2, 3]
    assert set(rendered.metadata) == {"kernelspec", "language_info"}
    assert all(set(cell.metadata) <= {"tags", "jupyter"} for cell in rendered.cells)


def without_ids(text: str) -> list:
    return [{key: value for key, value in cell.items() if key != "id"} for cell in json.loads(text)["cells"]]


def test_a_failing_cell_is_named_and_nothing_is_written(run, tmp_path):
    with pytest.raises(NotebookError, match=r"^01_it\.ipynb, code cell 3 of 4 failed: ValueError: no such thing$"):
        run(
            "import os, pathlib\npathlib.Path(os.environ['TOXRES_FIGURES'], 'f.svg').write_text('')",
            "raise ValueError('no such\\nthing')",
            "1",
        )
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "figures" / "f.svg").exists()


def test_a_dead_kernel_is_named(run):
    with pytest.raises(NotebookError, match=r"code cell 2 of 2 failed: the kernel died"):
        run("import os\nos._exit(3)")


def test_a_rendering_unfit_to_commit_leaves_the_committed_one(run, tmp_path):
    committed = tmp_path / "out" / "01_it.ipynb"
    committed.parent.mkdir()
    committed.write_text("as it was")
    with pytest.raises(NotebookError, match=r"not fit to commit.*stderr.*shows no figure"):
        run("import sys\nprint('careful', file=sys.stderr)", check=True)
    assert committed.read_text() == "as it was"
    assert "careful" in stdout(tmp_path / "build" / "notebooks" / "01_it.ipynb")


def test_figures_of_the_plots_package_end_where_the_runner_says(run, tmp_path):
    run(
        "import matplotlib.pyplot as plt\nfrom toxres.plots import save_figure\n"
        "figure = plt.figure(figsize=(1, 1))\nsave_figure(figure, '01_line')\nplt.close(figure)"
    )
    assert [path.stem for path in (tmp_path / "figures").iterdir()] == ["01_line"]


def test_a_kernel_that_does_not_start_is_named(run, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(NotebookError, match=r"^01_it\.ipynb: no kernel could be started: Kernel died"):
        run("1")


def test_no_kernel_and_no_socket_is_left(run, tmp_path):
    done = run("import os\nprint(os.getpid())")
    assert not Path("/proc", stdout(done.path).strip()).exists()
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["01_it.ipynb"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_is_130_and_ends_the_kernel(tmp_path, number):
    pid = tmp_path / "pid"
    wait = f"import os, pathlib, time\npathlib.Path({str(pid)!r}).write_text(str(os.getpid()))\ntime.sleep(60)"
    nbformat.write(notebook(wait), tmp_path / "01_it.ipynb")
    script = (
        "import sys, pathlib\nfrom toxres import render\n"
        f"render.NOTEBOOKS = pathlib.Path({str(tmp_path)!r})\n"
        f"sys.exit(render.main(['--preset', 'smoke', '--out', {str(tmp_path / 'out')!r}]))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    while not (pid.exists() and pid.read_text()):
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (130, "toxres.render: interrupted\n")
    assert not Path("/proc", pid.read_text()).exists()
    assert not (tmp_path / "out").exists()


def test_progress_counts_cells(run):
    seen = []
    run("1", on_cell=lambda cell, cells: seen.append((cell, cells)))
    assert seen == [(1, 2), (2, 2)]


@pytest.fixture
def committed(tmp_path):
    """A rendering fit to commit, to be broken by each test: `save(change)` gives its path."""
    rendered = notebook("SIZE + 1", "SIZE + 2")
    codes = [cell for cell in rendered.cells if cell.cell_type == "code"]
    for number, cell in enumerate(codes, start=1):
        cell.execution_count = number
    codes[-1].outputs = [v4.new_output("display_data", data={"image/png": "iVBORw0KGgo="})]

    def save(change=lambda cells, rendered: None):
        change([cell for cell in rendered.cells if cell.cell_type == "code"], rendered)
        path = tmp_path / "01_it.ipynb"
        nbformat.write(rendered, path)
        return path

    return save


def test_a_good_rendering_has_no_problems(committed):
    assert check_notebook(committed()) == []


BREAKS = {
    "asks a question": lambda cells, rendered: rendered.cells[0].update(source="# It runs."),
    "must be a title": lambda cells, rendered: rendered.cells.pop(0),
    "'parameters'": lambda cells, rendered: cells[0].metadata.clear(),
    "1..N": lambda cells, rendered: cells[2].update(execution_count=7),
    "has 26 lines": lambda cells, rendered: cells[1].update(source="\n".join(["1"] * 26)),
    "median code cell has 8": lambda cells, rendered: [c.update(source="\n".join(["1"] * 8)) for c in cells[:2]],
    "widget state": lambda cells, rendered: rendered.metadata.update(widgets={}),
    "a widget that": lambda cells, rendered: cells[0].outputs.append(
        v4.new_output("display_data", data={"application/vnd.jupyter.widget-view+json": {"model_id": "1"}})
    ),
    "failed: ValueError": lambda cells, rendered: cells[0].outputs.append(v4.new_output("error", ename="ValueError")),
    "stderr": lambda cells, rendered: cells[0].outputs.append(v4.new_output("stream", name="stderr", text="oh\n")),
    "path of the machine": lambda cells, rendered: cells[0].outputs.append(
        v4.new_output("stream", name="stdout", text="in /home/someone/data\n")
    ),
    "no figure": lambda cells, rendered: cells[2].outputs.clear(),
    "not below 2": lambda cells, rendered: cells[2].outputs[0].data.update({"image/png": "A" * MAX_BYTES}),
}


@pytest.mark.parametrize("complaint", BREAKS)
def test_each_rule_of_a_committed_notebook(committed, complaint):
    problems = check_notebook(committed(BREAKS[complaint]))
    assert len(problems) == 1 and complaint in problems[0], problems


def test_what_is_no_notebook(tmp_path):
    path = tmp_path / "x.ipynb"
    path.write_text("{")
    assert "not a valid notebook" in check_notebook(path)[0]


def test_find_notebooks(tmp_path):
    for name in ("02_b.ipynb", "01_a.ipynb", ".hidden.ipynb", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in find_notebooks(folder=tmp_path)] == ["01_a.ipynb", "02_b.ipynb"]
    assert [path.name for path in find_notebooks(["02", "notebooks/02_b.ipynb"], tmp_path)] == ["02_b.ipynb"]
    with pytest.raises(InputError, match="'03'; there are: 01_a, 02_b"):
        find_notebooks(["03"], tmp_path)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """`main` at work in tmp_path: one notebook, committed renderings that no test may touch unless in place."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    write = "import os, pathlib\npathlib.Path(os.environ['TOXRES_FIGURES'], '01_a.svg').write_text('new')"
    nbformat.write(notebook(write, FIGURE), folder / "01_it.ipynb")
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "01_a.svg").write_text("old")
    monkeypatch.setattr(runner, "ROOT", tmp_path)
    monkeypatch.setattr(runner, "NOTEBOOKS", folder)
    return tmp_path


def test_a_lower_preset_never_touches_what_is_committed(project, capsys):
    before = (project / "notebooks" / "01_it.ipynb").read_bytes()
    out = project / "build" / "notebooks"
    assert main(["--preset", "quick", "--out", str(out)]) == 0
    assert (project / "notebooks" / "01_it.ipynb").read_bytes() == before
    assert (project / "figures" / "01_a.svg").read_text() == "old"
    assert (project / "build" / "figures" / "01_a.svg").read_text() == "new"
    assert check_notebook(out / "01_it.ipynb") == []
    assert "[1/1] 01_it: " in capsys.readouterr().out


@pytest.mark.parametrize(("preset", "source"), [("quick", "jigsaw"), ("full", "synthetic")])
def test_in_place_needs_full_and_real_data(project, monkeypatch, capsys, preset, source):
    monkeypatch.setattr("toxres.data.best_source", lambda: source)
    before = (project / "notebooks" / "01_it.ipynb").read_bytes()
    assert main(["--in-place", "--preset", preset]) == 2
    assert "--preset full and the real data" in capsys.readouterr().err
    assert (project / "notebooks" / "01_it.ipynb").read_bytes() == before


def test_in_place_writes_notebooks_and_figures(project, monkeypatch):
    monkeypatch.setattr("toxres.data.best_source", lambda: "jigsaw")
    assert main(["--in-place", "--preset", "full"]) == 0
    assert check_notebook(project / "notebooks" / "01_it.ipynb") == []
    assert (project / "figures" / "01_a.svg").read_text() == "new"


def test_a_failing_notebook_is_exit_code_1_in_one_line(project, capsys):
    nbformat.write(notebook("1 / 0"), project / "notebooks" / "01_it.ipynb")
    assert main(["--preset", "smoke", "--out", str(project / "out")]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "toxres.render: 01_it.ipynb, code cell 2 of 2 failed: ZeroDivisionError: division by zero"
    ]


@pytest.mark.parametrize("arguments", [["--preset", "enormous"], ["99"]])
def test_bad_usage_is_exit_code_2(project, capsys, arguments):
    assert main(arguments) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_images_are_stored_with_a_palette_where_that_is_smaller():
    noise = np.random.default_rng(0).integers(0, 3, (64, 64)).astype(np.uint8) * 90
    opaque = Image.fromarray(np.stack([noise, noise.T, noise], axis=-1))
    clear = opaque.copy()
    clear.putalpha(100)
    sources = {}
    for name, image in (("opaque", opaque.convert("RGBA")), ("clear", clear)):
        buffer = io.BytesIO()
        image.save(buffer, "png")
        sources[name] = base64.b64encode(buffer.getvalue()).decode("ascii")
    outputs = [v4.new_output("display_data", data={"image/png": source}) for source in sources.values()]
    made = v4.new_notebook(cells=[v4.new_markdown_cell("# No?"), v4.new_code_cell("1", outputs=outputs)])
    shrink_images(made)
    first, second = (output.data["image/png"] for output in made.cells[1].outputs)
    assert len(first) < 0.7 * len(sources["opaque"]) and second == sources["clear"], "what shines through stays so"
    kept = Image.open(io.BytesIO(base64.b64decode(first)))
    assert kept.mode == "P" and np.array_equal(np.asarray(kept.convert("RGB")), np.asarray(opaque))
