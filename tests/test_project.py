"""The project's outer shell: Makefile, environment.yml, pyproject.toml, licence and the CI script."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from toxres.files import ROOT

VERBS = {"help", "setup", "run", "test", "stress", "render", "app", "data", "bench", "clean"}


@pytest.fixture(scope="module")
def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def requirements(pyproject) -> list[Requirement]:
    extras = pyproject["optional-dependencies"].values()
    lines = [*pyproject["dependencies"], *(line for extra in extras for line in extra)]
    return [item for item in map(Requirement, lines) if item.name != pyproject["name"]]


def test_every_requirement_is_pinned(requirements):
    loose = [str(item) for item in requirements if [spec.operator for spec in item.specifier] != ["=="]]
    assert loose == []
    assert not any("*" in spec.version for item in requirements for spec in item.specifier)


def test_no_requirement_is_named_twice(requirements):
    names = [item.name.lower().replace("_", "-") for item in requirements]
    assert len(names) == len(set(names))


def test_environment_cannot_drift_from_pyproject(pyproject):
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert set(environment) == {"name", "dependencies"}
    python, pip, section = environment["dependencies"]
    assert re.fullmatch(r"python=\d+\.\d+", python)
    assert f"{python.removeprefix('python=')}.0" in SpecifierSet(pyproject["requires-python"])
    assert pip == "pip"
    assert section == {"pip": ["-e .[dev]"]}
    assert "dev" in pyproject["optional-dependencies"]


def test_the_command_is_installed_under_its_name(pyproject):
    assert pyproject["scripts"] == {"toxres": "toxres.cli:main"}


def test_licence():
    text = (ROOT / "LICENSE").read_text()
    assert text.startswith("MIT License") and "toxres maintainers" in text


def make(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=cwd, env={**kept, **environment}, capture_output=True, text=True, check=False)


def test_make_without_a_verb_lists_every_verb():
    listed = make()
    assert listed.returncode == 0
    assert set(re.findall(r"^  make (\w+) +\w", listed.stdout, re.MULTILINE)) == VERBS


def test_every_verb_of_the_makefile_is_listed():
    text = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", text, re.MULTILINE))
    assert targets == VERBS
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE).group(1).split()
    assert set(phony) >= VERBS


@pytest.fixture
def workplace(tmp_path) -> Path:
    folder = tmp_path / "a project"
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "pyproject.toml").write_text('[project]\nname = "nothing"\nversion = "1"\n')
    return folder


FAKE_PIP = "PIP=echo pip >> pip.log; true"


@pytest.fixture
def quick_python(workplace) -> str:
    """For `make PYTHONS=...`: this Python, which leaves pip out of the environments it makes."""
    script = workplace / "quick-python"
    without_pip = '[ "$2" = venv ] && shift 2 && set -- -m venv --without-pip "$@"'
    script.write_text(f'#!/bin/sh\n{without_pip}\nexec {sys.executable} "$@"\n')
    script.chmod(0o755)
    return "PYTHONS=./quick-python"


def installations(folder: Path) -> int:
    log = folder / "pip.log"
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_setup_installs_once_and_mends_what_is_broken(workplace, quick_python):
    def setup() -> int:
        done = make("setup", quick_python, FAKE_PIP, cwd=workplace)
        assert done.returncode == 0, done.stderr
        return installations(workplace)

    python, stamp = workplace / ".venv" / "bin" / "python", workplace / ".venv" / ".installed"
    assert setup() == 1 and python.exists() and stamp.exists()
    assert setup() == 1, "a second call installs nothing"
    os.utime(workplace / "pyproject.toml", (2**31, 2**31))
    assert setup() == 2, "pyproject.toml changed"
    os.utime(workplace / "pyproject.toml", (1, 1))
    assert setup() == 2
    python.unlink()
    assert setup() == 3 and python.exists(), "a .venv without its Python is made anew"
    stamp.unlink()
    assert setup() == 4, "an installation that was cut off is repeated"
    stamp.write_text("/elsewhere\n")
    assert setup() == 5, "a folder that was moved installs itself again"
    shutil.rmtree(workplace / ".venv")
    assert setup() == 6 and python.exists()


def test_setup_that_fails_leaves_no_stamp(workplace, quick_python):
    failed = make("setup", quick_python, "PIP=false", cwd=workplace)
    assert failed.returncode != 0
    assert not (workplace / ".venv" / ".installed").exists()


def test_an_old_python_is_refused_in_words(workplace):
    old = workplace / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    refused = make("setup", "PYTHONS=./old-python no-such-python", FAKE_PIP, cwd=workplace)
    assert refused.returncode != 0
    assert "Python 3.11 or newer" in refused.stderr
    assert installations(workplace) == 0 and not (workplace / ".venv").exists()


def fake_python(folder: Path, code: int) -> None:
    """A `.venv` that counts as installed, whose Python exits with `code` when it is to run pytest."""
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\necho "$@" >> calls.log\ncase "$*" in *pytest*) exit {code};; esac\n')
    python.chmod(0o755)
    (folder / ".venv" / ".installed").write_text(f"{folder}\n")


@pytest.mark.parametrize(
    ("verb", "code", "passes"),
    [
        ("test", 0, True),
        ("test", 1, False),
        ("test", 5, False),
        ("stress", 0, True),
        ("stress", 1, False),
        ("stress", 5, True),
    ],
)
def test_a_verb_fails_with_its_tests_and_stress_may_be_empty(workplace, verb, code, passes):
    fake_python(workplace, code)
    assert (make(verb, cwd=workplace).returncode == 0) is passes
    pytest_call = [line for line in (workplace / "calls.log").read_text().splitlines() if "pytest" in line][-1]
    assert ("not stress" in pytest_call) == (verb == "test")


def test_make_test_fails_on_lint(workplace):
    fake_python(workplace, 0)
    python = workplace / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\ncase "$*" in *ruff*) exit 1;; esac\n')
    assert make("test", cwd=workplace).returncode != 0


def test_make_run_passes_the_preset(workplace):
    fake_python(workplace, 0)
    assert make("run", "PRESET=full", cwd=workplace).returncode == 0
    call = (workplace / "calls.log").read_text().splitlines()[-1]
    assert "toxres.render" in call and "--preset full" in call and "--in-place" not in call


@pytest.mark.parametrize(
    ("words", "environment", "preset"),
    [
        ([], {"TOXRES_PRESET": "smoke"}, "smoke"),
        (["PRESET=full"], {"TOXRES_PRESET": "smoke"}, "full"),
        ([], {"TOXRES_PRESET": ""}, "quick"),
    ],
)
def test_make_run_takes_the_preset_of_the_environment(workplace, words, environment, preset):
    fake_python(workplace, 0)
    assert make("run", *words, cwd=workplace, **environment).returncode == 0
    assert f"--preset {preset} " in (workplace / "calls.log").read_text().splitlines()[-1]


CASE = '<testcase classname="tests.test_x" name="test_y">{}</testcase>'


@pytest.mark.parametrize(
    ("inside", "passes"),
    [
        ("", True),
        ('<skipped type="pytest.skip" message="no GPU"/>', True),
        ('<skipped type="pytest.skip" message="TOXRES_DATA_DIR is not set"/>', False),
        ('<skipped type="pytest.xfail" message="known"/>', True),
    ],
)
def test_ci_fails_on_a_test_skipped_without_leave(workplace, inside, passes):
    (workplace / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", workplace / ".ci")
    python = workplace / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    report = f'<testsuites><testsuite tests="1" skipped="0">{CASE.format(inside)}</testsuite></testsuites>'
    (workplace / "report.xml").write_text(report)
    (workplace / "Makefile").write_text("test stress:\n\tcp report.xml build/ci-$@.xml\n")
    done = subprocess.run([workplace / ".ci" / "run"], capture_output=True, text=True, cwd="/", check=False)
    assert (done.returncode == 0) is passes, done.stdout + done.stderr
    assert ("skipped without leave" in done.stdout) is not passes


def test_ci_fails_when_the_tests_fail(workplace):
    (workplace / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", workplace / ".ci")
    (workplace / "Makefile").write_text("test:\n\tfalse\nstress:\n\ttouch stressed\n")
    assert subprocess.run([workplace / ".ci" / "run"], capture_output=True, check=False).returncode != 0
    assert not (workplace / "stressed").exists()


def test_only_the_ci_script_knows_the_shared_data():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        paths = [path for folder in ("toxres", "tests", "notebooks") for path in (ROOT / folder).rglob("*.*")]
    else:
        paths = [ROOT / line for line in listed.stdout.splitlines()]
    needle = "../" + "shared"
    named = [str(path.relative_to(ROOT)) for path in paths if path.is_file() and needle.encode() in path.read_bytes()]
    assert [name for name in named if "__pycache__" not in name] == [".ci/run"]
