import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from toxres.data.statistics import truncation
from toxres.plots.imbalance import rater_panels, share_bars, spread_panels, truncation_curves, vocabulary_heatmap
from toxres.plots.tables import titled_table

matplotlib.use("Agg")

LENGTHS = {name: truncation(np.random.default_rng(0).integers(3, top, 50)) for name, top in (("a", 90), ("b", 900))}
SHARES = pd.DataFrame({"random": [0.0231, 0.5], "folds": [0.0, np.nan]}, index=["jigsaw", "civil_spans"])
WORDS = pd.DataFrame([[0.9, 0.72], [0.61, 1.0]], index=["news", "chat"], columns=["news", "chat"])
SOFT = pd.DataFrame({"toxic": [0, 0.5, 1, np.nan]})
FIGURES = {
    "truncation_curves": lambda **k: truncation_curves(LENGTHS, cut=128, **k),
    "share_bars": lambda **k: share_bars(SHARES, quantity="leaked", title="A title", **k),
    "vocabulary_heatmap": lambda **k: vocabulary_heatmap(WORDS, **k),
}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def texts(figure):
    return [item.get_text() for item in figure.findobj(matplotlib.text.Text) if item.get_text()]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_says_where_its_data_came_from(name, recwarn):
    ax = FIGURES[name](origin="synthetic corpus (50)")
    assert "synthetic corpus (50)" in texts(ax.figure)
    assert ax.get_title("left")
    ax.figure.canvas.draw()
    assert not recwarn.list
    _, given = plt.subplots()
    assert FIGURES[name](ax=given) is given


def test_the_curves_are_the_tables():
    lines = truncation_curves(LENGTHS, cut=128).lines
    np.testing.assert_allclose(lines[0].get_ydata(), LENGTHS["a"]["comments"])
    np.testing.assert_allclose(lines[3].get_ydata(), LENGTHS["b"]["tokens"])
    assert any(line.get_label() == "cut at 128" and line.get_xdata()[0] == 128 for line in lines)


def test_shares_are_written_zero_and_unknown_too():
    told = texts(share_bars(SHARES, quantity="leaked", title="A title").figure)
    assert {"2.3%", "50%", "0%", "–", "civil spans", "A title"} <= set(told)


def test_the_heatmap_reads_row_in_column():
    known = WORDS.copy()
    known.attrs["words"] = 1234
    ax = vocabulary_heatmap(known)
    assert ax.get_xlabel() == "… that stand in the vocabulary of (1,234 running words each)"
    cells = {item.get_position(): item.get_text() for item in ax.texts}
    assert cells[(1, 0)] == "72%"
    assert cells[(0, 1)] == "61%"


def test_raters_get_a_panel_a_source_and_a_note_where_there_is_none():
    hard = pd.DataFrame({"toxic": [0.0, 1.0]})
    fig = rater_panels({"hard": hard, "civil_spans": SOFT, "davidson": SOFT})
    assert len(fig.axes) == 2
    assert {"civil_spans, 3 comments", "davidson, 3 comments"} <= set(texts(fig))
    assert "no source at hand says how its raters voted" in texts(rater_panels({"hard": hard}))


def test_the_spread_is_drawn_from_end_to_end(recwarn):
    table = pd.DataFrame({"ap": [0.5, np.nan], "f1": [0.4, np.nan]}, index=["toxic", "threat"])
    table = table.join(table.add_suffix("_low") - 0.1).join(table.add_suffix("_high") + 0.2)
    fig = spread_panels({"one fold": table, "all": table}, origin="jigsaw")
    fig.canvas.draw()
    ends = [path.vertices[:, 0] for lines in fig.axes[1].collections for path in lines.get_paths()]
    assert any(len(end) == 2 and np.allclose(end, [0.3, 0.6]) for end in ends)
    assert {"jigsaw", "one fold", "all", "F1: the middle 95%"} <= set(texts(fig))
    assert not recwarn.list


def test_a_table_is_escaped_and_says_whose_numbers_it_holds():
    frame = pd.DataFrame({"n": [1234, 5], "share": [0.0957, np.nan], "x": [0.123, 2.0], "t": ["<b>", "y" * 80]})
    table = titled_table(frame, "A <title>", "synthetic & more", percent=["share"])
    html = table._repr_html_()
    assert "A &lt;title&gt;" in html and "synthetic &amp; more" in html
    assert "&lt;b&gt;" in html and "<b>A" in html and "y" * 80 in html
    assert table.cells.iloc[0].tolist() == ["1,234", "9.6%", "0.12", "<b>"]
    assert table.cells.iloc[1].tolist()[:3] == ["5", "–", "2.00"]
    assert repr(table).startswith("A <title> (synthetic & more)\n")
    assert titled_table(frame[["share"]], "t", percent=True).cells.iloc[0, 0] == "9.6%"
    assert "no rows" in titled_table(frame.head(0), "t")._repr_html_()
