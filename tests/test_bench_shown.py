"""What benchmarks found, as it is shown: the README's table, its sentence, and the figure."""

import matplotlib.pyplot as plt
import pytest

from toxres.bench import Benchmark, Measurement, Result, Setting, Target
from toxres.bench import command as bench_command
from toxres.bench.profile import profile_section
from toxres.bench.results import merge_result, read_results
from toxres.bench.shown import FIGURE, NOTHING, bench_section, draw, in_short
from toxres.plots.bench import bench_panels, memory_plot, paired, ratio_plot, times

FAST = Measurement(
    "scoring", [500.0, 600.0], [100.0, 100.0], "comments/s", alternative="one padded batch", target=Target(5.0),
    memory_ours=300.0, memory_theirs=900.0,
)  # fmt: skip
SLOW = Measurement("waits", [20.0], [10.0], "ms", "lower", "a loop", Target(1.0))
ALONE = Measurement("import", [0.1], unit="s", better="lower", target=Target(0.3, "value"), memory_ours=20.0)


@pytest.fixture
def results(tmp_path):
    path = tmp_path / "bench.json"
    for name, measurements in (("other", [SLOW]), ("startup", [FAST, ALONE])):
        merge_result(Benchmark(name, name, None), Result(measurements), Setting(2, 2), 1.0, path, load=0.2)
    return read_results(path)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_the_table_has_a_row_a_measurement_in_the_order_of_the_benchmarks(results):
    lines = bench_section(results, {}).splitlines()
    rows = [line for line in lines if line.startswith("| ")][2:]
    assert rows == [
        "| scoring | 550 comments/s | 100 comments/s | 5.5x [5, 6] | ≥ 5x: yes | 300 / 900 |",
        "| import | 0.1 s | – | – | ≤ 0.3 s: yes | 20 |",
        "| waits | 20 ms | 10 ms | 0.5x [0.5, 0.5] | ≥ 1x: **no** | – |",
    ]
    assert FIGURE in lines
    assert "The alternatives: scoring: one padded batch; waits: a loop." in lines
    assert lines[-1].startswith("Measured on ") and ", load 0.2 at the start, commit " in lines[-1]
    assert lines[-1].count("commit") == 1, "the same machine, commit and day are told once"


def test_the_rate_of_the_machine_is_told_with_its_range(results):
    results["other"]["machine"]["rates"] = {"before": {"bf16": 470.4}, "after": {"bf16": 1390.0}}
    assert "at 470 to 1,390 GFLOP/s before and after" in bench_section(results, {})


def test_the_profile_is_told_in_words():
    details = {
        "share_of_the_floor": {"scoring": 0.24, "training": 0.12},
        "scoring_stages": {"read": 0.1, "score": 0.9},
        "scoring_operations": {"Subgraph": 0.25, "FullyConnected": 0.7, "Gather": 0.01, "smaller ones": 0.04},
        "training_operations": {"products of matrices": 0.998, "softmax": 0.002},
    }
    lever = {"brings": 1.5, "low": 1.25, "high": 2.0}
    told = profile_section(
        {"floor": {"threads": 2, "details": details}, "training": {"details": {"levers": {"bf16": lever}}}}
    )
    assert (
        "Scoring on one core: 90% the model, 10% reading texts; of the model's time 70% products with weights" in told
    )
    assert "25% attention, 5% the rest. Training on 2 cores: 100% products of matrices. At" in told
    assert "24% of the time of scoring and 12% of that of training" in told
    assert told.endswith("bfloat16 matrices 1.50 [1.25, 2.00].")
    scores = {"macro_ap_ours": 0.5, "macro_ap_default": 0.51, "toxic_ap_ours": 0.8, "toxic_ap_default": 0.83}
    training = {"details": {"levers": {"bf16": lever}}, "measurements": [{"name": "training", "equality": scores}]}
    told = profile_section({"training": training})
    assert told.endswith("ours has macro AP 0.500 beside 0.510 and AP of `toxic` 0.800 beside 0.830 of the default.")
    assert profile_section({}) == ""


def test_nothing_measured_is_said():
    assert bench_section({}, {"bench.import_seconds": 1.0}) == NOTHING


def test_the_headline_in_a_sentence():
    headline = {"bench.score_speedup": 5.44, "bench.score_max_abs_diff": 0.0104, "bench.import_seconds": 0.002}
    assert in_short(headline) == (
        "In short: comments are scored 5.4 times as fast (probabilities differ by at most 0.010), `import toxres` "
        "takes 0.002 s."
    )
    assert in_short({"bench.score_speedup": None}) == ""


def test_the_figure_shows_ratios_spread_targets_and_memory(results):
    rows = paired(results, ["startup"])
    assert [row["name"] for row in rows] == ["scoring", "waits"], "what has no alternative has no ratio"
    ax = ratio_plot(rows, plt.subplots()[1])
    assert ax.get_xscale() == "log"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["scoring", "waits"]
    assert [text.get_text() for text in ax.texts][:2] == ["5.5x", "0.5x"]
    spans = [tuple(line.get_xdata()) for line in ax.lines if len(set(line.get_ydata())) == 1]
    assert (5.0, 6.0) in spans
    diamonds = [points.get_offsets()[0][0] for points in ax.collections if len(points.get_facecolor()) == 0]
    assert diamonds == [5.0, 1.0]
    colours = {tuple(points.get_facecolor()[0]) for points in ax.collections if len(points.get_facecolor())}
    assert len(colours) == 2, "what misses its target has another colour"
    memory = memory_plot(rows, plt.subplots()[1])
    assert [tuple(line.get_xdata()) for line in memory.lines] == [(300.0, 900.0)]


def test_a_figure_without_an_alternative_is_not_drawn(tmp_path, results):
    assert draw({"startup": results["startup"] | {"measurements": results["startup"]["measurements"][1:]}}) is None
    path = draw(results, tmp_path)
    assert path == tmp_path / "bench.png" and path.stat().st_size > 10_000
    assert len(bench_panels(results).axes) == 2


def test_the_command_draws_beside_other_results(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench_command, "FIGURES", None)
    monkeypatch.setattr(bench_command, "matrix_rates", dict)
    chosen = [Benchmark("startup", "Start", lambda setting: Result([FAST]))]
    assert bench_command.run_all(chosen, Setting(), tmp_path / "b.json") == 0
    assert (tmp_path / "bench.png").is_file()
    assert str(tmp_path / "bench.png") in capsys.readouterr().out


@pytest.mark.parametrize(("ratio", "told"), [(0.805, "0.805x"), (5.44, "5.4x"), (123.4, "123x")])
def test_ratios_as_they_are_said(ratio, told):
    assert times(ratio) == told
