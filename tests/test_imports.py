"""The one-way ladder, and what an import may cost: a file imports only from the rows above its own."""

import ast
import json
import subprocess
import sys
from graphlib import TopologicalSorter

import pytest

import toxres
from toxres.files import ROOT

LADDER = [
    ["errors", "lazy", "allocator", "lengths"],
    ["files", "labels", "colours"],
    ["config", "results", "paths", "tasks"],
    ["text", "perturb"],
    ["data"],
    ["models"],
    ["evaluation"],
    ["training", "checkpoint"],
    ["router", "newest"],
    ["explain"],
    ["triage"],
    ["serving"],
    ["plots", "widgets", "scoring"],
    ["findings"],
    ["lab", "vocabulary"],
    ["handover"],
    ["experiments", "bench"],
    ["api", "rules", "readme", "triaging"],
    ["summary", "standings"],
    ["render", "cli"],
    ["__main__"],
]
ROW = {name: row for row, names in enumerate(LADDER) for name in names}
HEAVY = ["torch", "transformers", "datasets", "pandas", "numpy", "sklearn", "scipy", "matplotlib", "seaborn", "pyarrow"]
TORCH_AT_TOP = ("models", "training", "checkpoint", "explain")
PACKAGE = ROOT / "toxres"
FILES = sorted(PACKAGE.rglob("*.py"))


def module_name(path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


def imported(name: str, path, top_only: bool = False) -> set[str]:
    """Modules of toxres that a file imports, at its top or in a function; `toxres` itself for a lazy export."""
    found = set()
    package = (name if path.name == "__init__.py" else name.rpartition(".")[0]).split(".")
    tree = ast.parse(path.read_text())
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "toxres"}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            if base.split(".")[0] == "toxres":
                found |= {f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base for alias in node.names}
    return found - {name}


def roots(path, top_only: bool = False) -> set[str]:
    """Top-level packages that a file imports, at its top or anywhere."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_only else list(ast.walk(tree))
    found = {alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return found | {node.module.split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


def unit(name: str) -> str:
    return name.split(".")[1]


def test_every_file_has_a_row():
    units = {unit(name) for name in MODULES if name != "toxres"}
    assert units - set(ROW) == set(), "give it a row in LADDER, or move it"


@pytest.mark.parametrize("name", [name for name in MODULES if name != "toxres"])
def test_a_file_imports_only_from_above(name):
    path = MODULES[name]
    for target in imported(name, path):
        if target == "toxres":
            assert unit(name) == "cli", f"{name} imports the lazy package; name the module it wants"
        elif unit(target) != unit(name):
            assert ROW[unit(target)] <= ROW[unit(name)], f"{name} imports {target}, which stands below it"


def test_no_import_goes_round_in_a_circle():
    TopologicalSorter({name: imported(name, path, top_only=True) for name, path in MODULES.items()}).prepare()


@pytest.mark.parametrize("name", [name for name in MODULES if name != "toxres"])
def test_torch_is_imported_at_the_top_only_where_models_live(name):
    if unit(name) not in TORCH_AT_TOP and name != "toxres.data.batching":
        assert roots(MODULES[name], top_only=True) & {"torch", "transformers"} == set()


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("toxres.evaluation")])
def test_evaluation_knows_neither_torch_nor_models(name):
    assert roots(MODULES[name]) & {"torch", "transformers"} == set()
    assert {unit(target) for target in imported(name, MODULES[name]) - {"toxres"}} & {"models"} == set()


def probe(code: str) -> dict:
    """Run code in a fresh interpreter that reports what got loaded, whether a socket was made, and log handlers."""
    script = (
        "import json, socket, sys\n"
        "def refuse(*args, **kwargs): raise AssertionError('an import reached for the network')\n"
        "socket.socket.connect = refuse\n"
        f"{code}\n"
        "import logging\n"
        f"heavy = [name for name in {HEAVY} if name in sys.modules]\n"
        "print(json.dumps({'heavy': heavy, 'handlers': len(logging.root.handlers)}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "code",
    [
        "import toxres; dir(toxres)",
        "import toxres; toxres.LABELS, toxres.RECIPES, toxres.InputError",
        "from toxres.cli import main\nassert main(['--help']) == 0",
        "from toxres.cli import main\nassert main(['train', '--help']) == 0",
        "import toxres.render",
    ],
)
def test_a_light_import_loads_nothing_heavy(code):
    assert probe(code) == {"heavy": [], "handlers": 0}


def test_importing_everything_neither_connects_nor_logs():
    names = [name for name in MODULES if not name.endswith("__main__")]
    assert (
        probe("import importlib\n" + "\n".join(f"importlib.import_module({name!r})" for name in names))["handlers"] == 0
    )


def test_import_takes_less_than_a_third_of_a_second():
    script = "import time; start = time.perf_counter(); import toxres; print(time.perf_counter() - start)"
    seconds = [float(subprocess.check_output([sys.executable, "-c", script])) for _ in range(3)]
    assert min(seconds) < 0.3


@pytest.mark.parametrize("name", toxres.__all__)
def test_every_export_exists_where_it_is_said_to_be(name):
    value = getattr(toxres, name)
    assert name in dir(toxres)
    assert getattr(toxres, name) is value


def test_an_unknown_export_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'tranin'"):
        toxres.tranin  # noqa: B018
