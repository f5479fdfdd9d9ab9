"""The harness of the benchmarks, by sides that take no time: pairing, turns, merging, failures, usage."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from toxres.bench import Benchmark, Measurement, Result, Sample, Setting, Side, Target, alternate, compare
from toxres.bench import command as bench_command
from toxres.bench import results as bench_results
from toxres.bench.command import main, run_all, told
from toxres.bench.measure import max_difference
from toxres.bench.registry import MODULES, benchmarks
from toxres.bench.results import describe_machine, headline_for, merge_result, read_results
from toxres.bench.worker import peak_memory
from toxres.errors import InputError, RunError
from toxres.files import ROOT, read_json

FAKE = """
import contextlib, os, pathlib
from toxres.bench.measure import Sample

def prepare(name, log, mib=0, memory=None):
    held = bytearray(mib << 20)
    count = 0

    def once():
        nonlocal count
        count += 1
        with open(log, "a") as file:
            file.write(name)
        print("chatter")
        told = {"rate": count, "threads": int(os.environ["OMP_NUM_THREADS"]), "cores": len(os.sched_getaffinity(0)),
                "variable": float(os.environ.get("FAKE", 0))}
        return Sample(told, outputs=[name, count], memory=memory)

    return once

@contextlib.contextmanager
def opened(mark):
    yield lambda: Sample({"rate": 1.0})
    pathlib.Path(mark).write_text("closed")

def broken():
    raise ValueError("no model\\nat hand")

def breaks():
    def once():
        raise KeyError("gone")
    return once

def dies():
    def once():
        import sys
        print("the last words", file=sys.stderr)
        os._exit(3)
    return once

def hangs():
    import time
    return lambda: time.sleep(60)
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    (tmp_path / "fake_sides.py").write_text(textwrap.dedent(FAKE))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return lambda work, threads=1, environment=None, **options: Side(
        f"fake_sides:{work}", options, threads, environment or {}
    )


def test_sides_run_in_turns_after_a_warm_up_each_in_a_process_of_its_own(fake, tmp_path):
    log = tmp_path / "log"
    sides = {
        "a": fake("prepare", name="A", log=str(log), mib=200, environment={"FAKE": "7"}),
        "b": fake("prepare", name="B", log=str(log), memory=12.5),
    }
    runs = alternate(sides, 3)
    assert log.read_text() == "AB" + "ABABAB"
    assert runs["a"].figures("rate") == runs["b"].figures("rate") == [2, 3, 4]
    assert runs["a"].outputs == ["A", 4]
    assert runs["a"].figures("threads") == runs["a"].figures("cores") == [1, 1, 1]
    assert (runs["a"].figures("variable")[0], runs["b"].figures("variable")[0]) == (7, 0)
    assert runs["a"].memory > 200 and runs["b"].prepared_memory < 200
    assert runs["b"].memory == 12.5
    assert len(runs["a"].seconds) == len(runs["a"].processor_seconds) == 3


def test_what_a_side_opened_is_closed(fake, tmp_path):
    mark = tmp_path / "mark"
    alternate({"only": fake("opened", mark=str(mark))}, 1, warmups=0)
    assert mark.read_text() == "closed"


@pytest.mark.parametrize(
    ("work", "reason"),
    [
        ("broken", "ValueError: no model at hand"),
        ("breaks", "KeyError: 'gone'"),
        ("dies", r"ended \(code 3.*the last words"),
        ("missing", "has no attribute 'missing'"),
    ],
)
def test_a_side_that_fails_says_why(fake, work, reason):
    with pytest.raises(RunError, match=f"side 'x'.*{reason}"):
        alternate({"x": fake(work)}, 1)


def test_a_side_that_hangs_is_ended(fake):
    with pytest.raises(RunError, match="limit 2 s"):
        alternate({"x": fake("hangs")}, 1, limit=2)


def test_ratios_are_of_pairs_and_above_one_is_better():
    rates = Measurement("m", [10.0, 40.0, 30.0], [10.0, 10.0, 10.0], target=Target(2.5))
    assert rates.ratios == [1, 4, 3] and rates.ratio == 3 and rates.reached
    seconds = Measurement("m", [10.0, 40.0, 30.0], [10.0, 10.0, 10.0], better="lower", target=Target(2.5))
    assert seconds.ratios == [1, 0.25, pytest.approx(1 / 3)] and not seconds.reached
    paired = Measurement("m", [1.0, 100.0], [2.0, 100.0])
    assert paired.ratio == 0.75, "of pairs, not of medians"
    plain = rates.to_dict()
    assert (plain["ratio_low"], plain["ratio"], plain["ratio_high"]) == (1, 3, 4)
    assert (plain["median_ours"], plain["median_theirs"], plain["reached"]) == (30, 10, True)
    assert plain["target"] == {"value": 2.5, "of": "ratio"}
    json.dumps(plain)


def test_a_target_of_our_own_figure():
    assert Measurement("m", [0.1, 0.2, 9.0], better="lower", target=Target(0.3, "value")).reached
    assert not Measurement("m", [0.4], better="lower", target=Target(0.3, "value")).reached
    assert Measurement("m", [0.4], target=Target(0.3, "value")).reached
    assert Measurement("m", [0.4]).reached is None
    assert Measurement("m", [0.4]).ratio is None and Measurement("m", [0.4]).ratios == []


@pytest.mark.parametrize(("ours", "theirs"), [([], []), ([1.0], [1.0, 2.0])])
def test_figures_that_can_not_be_paired_are_refused(ours, theirs):
    with pytest.raises(ValueError, match="figures of ours"):
        Measurement("m", ours, theirs)


def test_compare_takes_a_figure_of_both(fake, tmp_path):
    log = str(tmp_path / "log")
    runs = alternate({name: fake("prepare", name=name, log=log, memory=len(name)) for name in ("a", "bb")}, 2)
    found = compare("rates", runs["a"], runs["bb"], unit="x/s", target=2, equality={"max_abs_difference": 0.5})
    assert (found.ours, found.theirs, found.target, found.threads) == ([2, 3], [2, 3], Target(2), 1)
    assert (found.memory_ours, found.memory_theirs) == (1, 2)
    assert told(found) == (
        "rates: 2.5 x/s against 2.5: 1.00x [1.00, 1.00]; target 2x: NOT reached; 1 MiB against 2; "
        "max abs difference 0.5"
    )
    assert told(compare("rates", runs["a"], unit="x/s")) == "rates: 2.5 x/s; 1 MiB"


def test_difference_is_the_largest():
    assert max_difference([[1.0, 2.0]], [[1.5, -1.0]]) == 3.0


def result(value: float) -> Result:
    return Result(
        [Measurement("m", [value], [1.0])], {"import_seconds": value}, preset="quick", sources={"jigsaw": "ab"}
    )


def part(name: str, run) -> Benchmark:
    return Benchmark(name, name.title(), run)


def test_results_merge_and_say_where_they_come_from(tmp_path):
    path, headline = tmp_path / "bench.json", tmp_path / "headline.json"
    headline.write_text('{"other": 1}')
    for name, value in (("first", 2.0), ("second", 3.0), ("first", 4.0)):
        merge_result(part(name, None), result(value), Setting(1, 2), 1.23, path, headline, load=0.1)
    found = read_results(path)
    assert list(found) == ["first", "second"]
    assert found["first"]["measurements"][0]["ratio"] == 4 and found["second"]["measurements"][0]["ratio"] == 3
    for each in found.values():
        assert {"cpu", "cores", "instructions", "memory_gib", "load_at_start"} <= set(each["machine"])
        assert {"commit", "date", "python", "versions"} <= set(each)
    assert read_json(headline)["other"] == 1 and read_json(headline)["bench.import_seconds"] == 4
    assert read_json(headline)["bench._run"]["sources"] == {"jigsaw": "ab"}


def test_headline_figures_go_along_with_the_committed_results_alone(tmp_path):
    assert headline_for(tmp_path / "bench.json") is None
    assert headline_for(bench_results.RESULTS) == bench_results.HEADLINE


def test_one_that_fails_leaves_the_others_and_what_it_found_before(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (3.0, 0, 0))
    rates = iter(range(1, 9))
    monkeypatch.setattr(bench_command, "matrix_rates", lambda: {"bf16": next(rates)})
    path = tmp_path / "bench.json"
    merge_result(part("fails", None), result(5.0), Setting(), 1, path)

    def fails(setting):
        raise RunError("the card\nis out")

    chosen = [part("fails", fails), part("works", lambda setting: result(float(setting.repeats)))]
    assert run_all(chosen, Setting(repeats=7), path) == 1
    found = read_results(path)
    assert found["fails"]["measurements"][0]["ratio"] == 5 and found["works"]["measurements"][0]["ratio"] == 7
    assert found["works"]["machine"]["rates"] == {"before": {"bf16": 1}, "after": {"bf16": 2}}
    told = capsys.readouterr()
    assert "toxres.bench: fails: failed: RunError: the card is out" in told.err.splitlines()
    assert "the machine is busy (load 3.00)" in told.err and "load of the machine: 3.00" in told.out
    assert run_all(chosen[1:], Setting(), path) == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["speed"], "unknown benchmark 'speed'; choose among: "),
        (["--json", str(ROOT)], "is a folder; name a file"),
        (["--threads", "4096"], "--threads 4096: this machine has"),
        (["--repeats", "0"], "must be 1 or more"),
    ],
)
def test_bad_usage_is_one_line_and_runs_nothing(arguments, told, capsys, monkeypatch):
    monkeypatch.setattr(bench_command, "run_all", None)
    assert main(arguments) == 2
    assert told in capsys.readouterr().err.splitlines()[-1]


def test_broken_results_are_refused_before_anything_runs(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(bench_command, "run_all", None)
    path = tmp_path / "bench.json"
    for content in ("{", "[1]"):
        path.write_text(content)
        assert main(["--json", str(path)]) == 2
        assert "remove it, or name another" in capsys.readouterr().err
        assert path.read_text() == content


def test_the_command_passes_on_what_it_was_told(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(bench_command, "run_all", lambda chosen, setting, path: seen.append((chosen, setting, path)))
    main(["startup", "--repeats", "3", "--threads", "1", "--build", str(tmp_path), "--json", str(tmp_path / "b.json")])
    chosen, setting, path = seen[0]
    assert [each.name for each in chosen] == ["startup"]
    assert setting == Setting(3, 1, tmp_path) and path == tmp_path / "b.json"


@pytest.mark.parametrize("name", MODULES)
def test_every_benchmark_has_its_name(name):
    assert benchmarks([name])[0].name == name and callable(benchmarks([name])[0].run)


def test_all_benchmarks_by_default():
    assert [each.name for each in benchmarks()] == list(MODULES)
    with pytest.raises(InputError, match="unknown benchmark 'none'"):
        benchmarks(["none"])


def test_peak_memory_is_the_process_own():
    held = bytearray(300 << 20)
    script = "from toxres.bench.worker import peak_memory; print(peak_memory())"
    child = float(subprocess.check_output([sys.executable, "-c", script], cwd=ROOT))
    assert child < 200 < peak_memory(), len(held)


def test_the_machine_is_described():
    told = describe_machine()
    assert told["cpu"] and told["cores"] >= 1 and isinstance(told["instructions"], list)


def test_samples_need_nothing_but_figures():
    assert Sample({"a": 1.0}) == ({"a": 1.0}, None, None)
