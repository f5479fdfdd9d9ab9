import numpy as np
import pandas as pd
import pytest

from toxres.data.leaks import duplicate_table, leakage, leaked_share, official_table


def test_duplicates_and_official_texts(small_comments):
    comments = small_comments.assign(
        cluster=["a1", "a2", "a2", "a4", "a5", "a6", "a7", "a8"], fold=[0, 1, 1, -1, 2, 3, 4, 2]
    )
    row = duplicate_table({"small": comments}).loc["small"]
    assert row.tolist() == [8, 2, 2, 1, 2, 1]
    table = official_table({"small": comments}, {"a.csv": [comments["text"][1].upper(), "something else", "x y z"]})
    assert table.loc["a.csv"].to_dict() == {"texts": 3, "small": 1}
    assert list(official_table({"small": comments}, {}).columns) == ["texts", "small"]


def test_a_leak_is_a_held_out_row_with_a_twin_outside():
    cluster = np.array(["a", "a", "b", "c", "c", "d"])
    assert leaked_share(cluster, [1, 0, 1, 1, 1, 0]) == 1 / 4
    assert np.isnan(leaked_share(cluster, [0] * 6))
    comments = pd.DataFrame({"cluster": np.repeat(np.arange(500), 2), "fold": np.tile([0, 1], 500)})
    table = leakage({"pairs": comments}, n_draws=50)
    assert table.loc["pairs", "our folds"] == 1
    assert table.loc["pairs", "random 90/10"] == pytest.approx(0.9, abs=0.02)
    held = leakage({"pairs": comments.assign(fold=np.where(comments["fold"] == 0, 0, -1))})
    assert held.loc["pairs", "our folds"] == 0
