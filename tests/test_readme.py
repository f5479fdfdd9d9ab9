"""README.md: its table is the recorded figures, its examples run, its commands exist."""

import doctest
import importlib
import json
import re
import shlex

import pytest

from toxres import readme
from toxres.bench.results import read_results
from toxres.bench.shown import bench_section
from toxres.cli import build_parser
from toxres.errors import InputError
from toxres.files import ROOT, read_json
from toxres.readme import (
    BEGIN,
    END,
    NOTHING,
    SCALE_BEGIN,
    SCALE_END,
    SPEED_BEGIN,
    SPEED_END,
    main,
    results_section,
    with_results,
)
from toxres.results import read_headline

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
RUN = {"preset": "full", "sources": {"jigsaw": "ab" * 32}, "commit": "123", "date": "2030-01-02"}
FIGURES = {
    "jigsaw.oof.custom.macro_auroc": 0.98765,
    "jigsaw.oof.custom.macro_ap": None,
    "jigsaw.oof.custom._run": RUN,
    "jigsaw.oof.tfidf.macro_auroc": 0.5,
    "jigsaw.oof.tfidf._run": RUN,
}
PUBLISHED = [
    {
        "section": "jigsaw.oof",
        "name": "Theirs",
        "values": {"macro_auroc": 0.75},
        "differs": "other rows",
        "source": "Someone 2020",
        "url": "https://example.org",
    },
]


def test_the_readme_shows_the_recorded_figures():
    assert readme.up_to_date(TEXT) == TEXT, "run python -m toxres.readme"


def test_verdicts_are_those_of_the_committed_comparisons():
    row = {"a": "custom", "b": "baseline", "metric": "ap", "difference": -0.02, "low": -0.05, "high": 0.01}
    rows = [{**row, "p_value": 0.2, "label": "macro"}, {**row, "p_value": 0.01, "label": "threat", "high": -0.01}]
    told = readme.verdicts_section({"oof": {"comparisons": rows}})
    assert told.count("\n- ") == 1
    assert "custom against baseline: no difference in macro AP could be shown, -0.020 [-0.050, +0.010]." in told
    assert "not of the seed. These are 1 tests" in told
    assert readme.verdicts_section({}) == readme.verdicts_section({"oof": {"comparisons": []}}) == ""


def test_the_readme_corrects_for_all_tests_of_an_experiment():
    row = {"a": "custom", "b": "baseline", "label": "macro", "difference": 0.02, "low": 0.01, "high": 0.03}
    rows = [{**row, "metric": metric, "p_value": 0.03} for metric in ("ap", "auroc")]
    assert "better in macro AP" in readme.verdicts_section({"oof": {"comparisons": rows[:1]}})
    assert "among 2 tests (Holm p = 0.060)" in readme.verdicts_section({"oof": {"comparisons": rows}})


def test_published_figures_name_their_sources():
    for row in read_json(readme.PUBLISHED):
        assert set(row) == {"section", "name", "values", "differs", "source", "url"}
        assert row["section"] in readme.TITLES and (row["url"] is None or row["url"].startswith("https://"))
        assert set(row["values"]) <= set(readme.COLUMNS) and all(0 < value < 1 for value in row["values"].values())


def test_rows_are_ours_in_order_then_theirs_with_the_source():
    lines = results_section(FIGURES, PUBLISHED).splitlines()
    assert lines[2] == "|  | macro AUROC | macro AP |"
    assert [line.split("|")[1].split()[0] for line in lines[4:7]] == ["TF-IDF", "custom:", "*Theirs*"]
    assert lines[5].endswith("| 0.988 | – |")
    assert lines[6].endswith("(1) | 0.750 | – |")
    assert "preset full on jigsaw abababab (sha256), commit 123, 2030-01-02" in lines[8]
    assert lines[8].count("commit") == 1
    assert lines[9].endswith("(1) [Someone 2020](https://example.org): other rows.")


def test_numbers():
    assert [readme._number(value) for value in (0.12345, 1.0, 3.0, 1234.0, 2, 12.5, None)] == [
        *("0.123", "1.000", "3", "1,234", "2", "12.500", "–")
    ]


def test_the_two_calibration_errors_are_told_apart():
    groups = {"jigsaw.oof.tfidf.macro_ece": 0.1, "ablation.cls_bce.macro_ece": 0.2, "ablation.cls_bce.seeds": 5.0}
    headers = [line for line in results_section(groups, []).splitlines() if line.startswith("|  |")]
    assert headers == ["|  | macro ECE, recalibrated |", "|  | macro ECE, raw | seeds |"]


def test_figures_of_others_alone_are_no_result():
    assert results_section({}, PUBLISHED) == NOTHING


def test_a_figure_without_a_table_of_its_own_is_still_shown():
    section = results_section({"other.seconds": 0.25, "jigsaw.oof.custom.new": 3, "other._run": RUN}, [])
    assert "| `other.seconds` | 0.250 |" in section and "| `jigsaw.oof.custom.new` | 3 |" in section
    assert "_run" not in section
    assert results_section({"bench.import_seconds": 0.25}, []) == NOTHING, "speed has a part of its own"


def test_only_the_part_between_the_markers_changes():
    assert with_results(f"a\n{BEGIN}\nold\n{END}\nb", "new") == f"a\n{BEGIN}\n\nnew\n\n{END}\nb"


def test_each_part_has_its_own_markers():
    text = f"{BEGIN}\n{END}\n{SPEED_BEGIN}\n{SPEED_END}\n{SCALE_BEGIN}\n{SCALE_END}\n"
    shown = readme.up_to_date(text)
    assert shown.index(SPEED_BEGIN) > shown.index(END)
    assert bench_section(read_results(), read_headline()) in shown.partition(SPEED_BEGIN)[2]
    with pytest.raises(InputError, match="bench:begin"):
        readme.up_to_date(text.replace(SPEED_END, ""))


@pytest.mark.parametrize("text", ["", BEGIN, END + BEGIN, BEGIN + BEGIN + END, BEGIN + END + END])
def test_lost_markers_are_named(text):
    with pytest.raises(InputError, match=r"README\.md: needs one line"):
        with_results(text, "new")


def test_the_command_writes_and_checks(tmp_path, monkeypatch, capsys):
    path = tmp_path / "README.md"
    path.write_text(f"{BEGIN}\n{END}\n{SPEED_BEGIN}\n{SPEED_END}\n{SCALE_BEGIN}\n{SCALE_END}\n")
    monkeypatch.setattr(readme, "README", path)
    monkeypatch.setattr(readme, "read_headline", lambda: FIGURES)
    assert main(["--check"]) == 1 and "run python -m toxres.readme" in capsys.readouterr().err
    assert main([]) == 0 and "0.988" in path.read_text()
    assert main(["--check"]) == 0
    assert main(["--chek"]) == 2 and len(capsys.readouterr().err.splitlines()) == 1


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_every_python_example_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOXRES_DATA_DIR", raising=False)
    examples, names = blocks("python"), {}
    assert examples
    for example in examples:
        exec(compile(example, "README.md", "exec"), names)
    assert names["probs"].shape == (2, 6)
    assert "macro" in capsys.readouterr().out


COMMANDS = [line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_exists(command):
    program, *arguments = shlex.split(command)
    if program == "make":
        makefile = (ROOT / "Makefile").read_text()
        assert all("=" in word or re.search(rf"^{word}:", makefile, re.MULTILINE) for word in arguments)
    else:
        assert program == "toxres"
        options = build_parser().parse_args(arguments)
        assert callable(options.verb)
        if hasattr(options, "recipe"):
            from toxres.config import get_preset, get_recipe

            get_recipe(options.recipe), get_preset(options.preset)


def test_the_two_commands_come_first():
    assert COMMANDS[:2] == ["make run", "make test"]


def test_blocks_are_of_a_kind_that_is_tested():
    assert set(re.findall(r"^```(\w*)$", TEXT, re.MULTILINE)) <= {"python", "console", ""}


def test_presets_and_recipes_in_prose_exist():
    from toxres.config import PRESETS

    assert set(re.findall(r"preset `(\w+)`", TEXT)) <= set(PRESETS)


WITH_EXAMPLES = [path for path in sorted((ROOT / "toxres").rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_example_in_a_docstring_holds(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOXRES_DATA_DIR", raising=False)
    parts = path.relative_to(ROOT).with_suffix("").parts
    module = importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0 and result.failed == 0


def test_headline_is_flat():
    for key, value in read_headline().items():
        if key.endswith("._run"):
            assert {"preset", "sources", "commit", "date"} <= set(value), key
        else:
            assert value is None or isinstance(value, int | float), key
    assert json.dumps(read_headline(), allow_nan=False)
