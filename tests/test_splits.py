"""Duplicate clusters, stratified folds, and what is kept out of training."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toxres.data import drop_overlap, duplicates, load_comments, make_folds, ninety_ten, targets
from toxres.data import splits as splits_module
from toxres.data.duplicates import THRESHOLD, clusters, normalise_for_duplicates, overlaps
from toxres.data.schema import make_comments
from toxres.data.splits import (
    COMMITTED,
    SPLIT_DIR,
    compute_folds,
    in_split,
    load_folds,
    read_folds,
    stratify,
    write_folds,
)
from toxres.errors import InputError
from toxres.labels import LABELS

WORDS = ("river", "stone", "window", "paper", "yellow", "bridge", "quiet", "garden", "market", "silver", "engine")


def invented(rows: int, seed: int = 0) -> pd.DataFrame:
    """Comments of random words with correlated labels, a tenth of them near duplicates of an earlier one."""
    random = np.random.default_rng(seed)
    texts = []
    for row in range(rows):
        if row > 20 and row % 10 == 0:
            texts.append(texts[int(random.integers(0, row))] + "!!")
        else:
            texts.append(" ".join(random.choice(WORDS, 12)) + f" {row}")
    toxic = random.random(rows) < 0.2
    labels = {label: toxic & (random.random(rows) < share) for label, share in zip(LABELS, SHARES, strict=True)}
    comments = make_comments([f"c{row:05d}" for row in range(rows)], texts, "t", labels, name="invented")
    comments.attrs = {"source": "invented", "sha256": "0" * 64}
    return comments


SHARES = (1.0, 0.1, 0.5, 0.05, 0.5, 0.1)


@pytest.mark.parametrize(
    "left, right",
    [
        ("You are WRONG!!!", "you are wrong"),
        ("It&#8217;s   fine &amp; good", "it s fine good"),
        ("RT @someone: what a day", "What a day."),
        ("see https://example.org/x?y=1 now", "see now"),
        ("<b>bold</b> words", "bold words"),
        ("ｆｕｌｌ ｗｉｄｔｈ", "full width"),
        ("snake_case__words", "snake case words"),
        ("STRASSE", "straße"),
    ],
)
def test_differences_that_do_not_count(left, right):
    assert normalise_for_duplicates(left) == normalise_for_duplicates(right)


def test_a_text_without_words_keeps_its_characters():
    assert normalise_for_duplicates(" 😀 😡!") == "😀😡!"
    assert normalise_for_duplicates("???") != normalise_for_duplicates("!!!")
    assert normalise_for_duplicates("@a @b") == "@a@b"


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_normalising_always_gives_something_stable(text):
    normal = normalise_for_duplicates(text)
    assert bool(normal) == bool("".join(text.split())) or not normal
    assert normal == normal.strip()


def shingles(text: str) -> set[str]:
    text = normalise_for_duplicates(text).ljust(5)
    return {text[at : at + 5] for at in range(len(text) - 4)}


def jaccard(left: str, right: str) -> float:
    a, b = shingles(left), shingles(right)
    return len(a & b) / len(a | b)


def brute_clusters(ids: list[str], texts: list[str]) -> list[str]:
    name = dict(zip(ids, ids, strict=True))
    for (i, left), (j, right) in itertools.combinations(zip(ids, texts, strict=True), 2):
        if jaccard(left, right) >= THRESHOLD and name[i] != name[j]:
            keep, lose = sorted((name[i], name[j]))
            name = {key: keep if value == lose else value for key, value in name.items()}
    return [name[identifier] for identifier in ids]


def edited(random: np.random.Generator, text: str) -> str:
    words = text.split()
    words[int(random.integers(len(words)))] = str(random.choice(WORDS))
    return " ".join(words)


@pytest.mark.parametrize("seed", range(3))
def test_clusters_are_those_of_all_pairs(seed):
    random = np.random.default_rng(seed)
    texts = [" ".join(random.choice(WORDS, int(random.integers(1, 40)))) for _ in range(60)]
    for _ in range(120):
        texts.append(edited(random, texts[int(random.integers(len(texts)))]))
    ids = [f"{row:03d}" for row in random.permutation(len(texts))]
    expected = brute_clusters(ids, texts)
    assert clusters(ids, texts).tolist() == expected
    assert 20 < len(set(expected)) < 170, "there is something to be found"


def test_copies_of_one_text_take_one_comparison_each(monkeypatch):
    compared = []
    jaccard = duplicates._Shingles.jaccard
    monkeypatch.setattr(duplicates._Shingles, "jaccard", lambda *pair: compared.append(pair) or jaccard(*pair))
    text = " ".join(np.random.default_rng(1).choice(WORDS, 60))
    copies = [f"{text} {number * 7919 % 1_000_003}" for number in range(500)]
    ids = [f"{number:03d}" for number in range(500)]
    assert set(clusters(ids, copies)) == {"000"}
    assert len(compared) < 1_000
    compared.clear()
    assert overlaps(copies, [f"{copy}0" for copy in copies]).all()
    assert len(compared) < 1_000


def test_clusters_do_not_depend_on_the_order():
    comments = invented(300)
    ids, texts = comments["id"].tolist(), comments["text"].tolist()
    forward = dict(zip(ids, clusters(ids, texts), strict=True))
    backward = dict(zip(ids[::-1], clusters(ids[::-1], texts[::-1]), strict=True))
    assert forward == backward
    assert all(forward[name] == name <= identifier for identifier, name in forward.items())


def test_overlaps_finds_exact_and_near_ones_only():
    long = "the quick brown fox jumps over the lazy dog and then it runs away into the dark wood again"
    held_out = [long, "Short one."]
    texts = [long.upper() + "!!", long.replace("quick", "quiet"), "short, ONE", "short ones here", "another text"]
    assert overlaps(texts, held_out).tolist() == [True, True, True, False, False]
    assert overlaps([], held_out).tolist() == []
    assert overlaps(texts, []).tolist() == [False] * 5


@pytest.mark.parametrize("seed", range(2))
def test_overlaps_are_those_of_all_pairs(seed):
    random = np.random.default_rng(seed)
    held_out = [" ".join(random.choice(WORDS, int(random.integers(2, 40)))) for _ in range(60)]
    texts = [edited(random, edited(random, held_out[row % 60])) for row in range(120)]
    expected = [any(jaccard(text, other) >= THRESHOLD for other in held_out) for text in texts]
    assert overlaps(texts, held_out).tolist() == expected
    assert 10 < sum(expected) < 110


def test_folds_are_a_stratified_partition_of_clusters():
    comments = invented(2_000)
    folds = make_folds(comments)
    assert folds["id"].tolist() == comments["id"].tolist()
    assert folds.groupby("cluster")["fold"].nunique().max() == 1, "no cluster crosses a fold"
    assert folds["cluster"].nunique() < 1_900
    sizes = folds["fold"].value_counts()
    assert sorted(sizes.index) == [0, 1, 2, 3, 4]
    assert sizes.max() - sizes.min() <= 10
    positives = (targets(comments) >= 0.5).astype(int)
    for column, label in enumerate(LABELS):
        per_fold = [positives[folds["fold"] == fold, column].sum() for fold in range(5)]
        assert max(per_fold) - min(per_fold) <= 2, label


def test_folds_do_not_depend_on_the_order_but_on_the_seed():
    comments = invented(500)
    folds = make_folds(comments).set_index("id")
    shuffled = make_folds(comments.sample(frac=1, random_state=3)).set_index("id").loc[folds.index]
    pd.testing.assert_frame_equal(folds, shuffled)
    assert (make_folds(comments, seed=1).set_index("id")["fold"] != folds["fold"]).any()


def test_unknown_targets_count_as_no_positive():
    comments = invented(200)
    comments[["threat", "insult"]] = np.float32("nan")
    assert sorted(make_folds(comments)["fold"].unique()) == [0, 1, 2, 3, 4]


def test_a_whole_cluster_is_kept_out_with_its_official_member():
    comments = invented(200)
    base = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    step = base.replace("sixteen", "sixteen and more")
    comments.loc[[3, 7, 9], "text"] = [step + " then some follow them", step, base]
    assert jaccard(base, comments["text"][3]) < THRESHOLD, "only a chain connects the first with the official text"
    folds = make_folds(comments, [base.upper()])
    assert folds["id"][folds["fold"] == -1].tolist() == ["c00003", "c00007", "c00009"]


def test_stratify_gives_a_rare_label_to_every_fold_and_respects_weights():
    counts = np.zeros((100, 3), dtype=int)
    counts[:5, 0] = 1
    counts[:40, 1] = 1
    counts[:, 2] = 1
    counts[99, 2] = 10
    folds = stratify(counts, 5, seed=0)
    assert sorted(folds[:5]) == [0, 1, 2, 3, 4]
    assert np.bincount(folds[:40]).tolist() == [8] * 5
    sizes = np.bincount(folds, weights=counts[:, 2])
    assert sizes.max() - sizes.min() <= 1, "the heavy item is made up for"


@pytest.mark.parametrize("seed", range(4))
def test_stratify_breaks_ties_by_rows(seed):
    counts = np.array([[1, 9], [1, 9], [1, 9], [1, 9], [1, 1], [1, 1]])
    folds = stratify(counts, 5, seed)
    assert sorted(folds[:5]) == [0, 1, 2, 3, 4]
    assert folds[4] == folds[5], "the lightest fold gets the sixth positive"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(1, 4)), max_size=40), st.integers(0, 9))
def test_stratify_places_every_item(items, seed):
    folds = stratify(np.array(items, dtype=int).reshape(-1, 3), 5, seed)
    assert len(folds) == len(items)
    assert set(folds.tolist()) <= set(range(5))


def test_splits_by_name():
    fold = np.array([-1, 0, 1, 2, 3, 4])
    assert in_split(fold, None).all()
    assert in_split(fold, "train").tolist() == [False, False, False, True, True, True], "-1 is never trained on"
    assert in_split(fold, "validation").tolist() == (fold == 1).tolist()
    assert in_split(fold, "test").tolist() == in_split(fold, "fold:0").tolist() == (fold == 0).tolist()
    assert in_split(fold, "fold:4").tolist() == (fold == 4).tolist()
    with pytest.raises(InputError, match="unknown split 'fold:5'"):
        in_split(fold, "fold:5")


def test_drop_overlap(small_comments):
    auxiliary = invented(5)
    auxiliary["text"] = ["Fuck off you filthy, lying piece of shit", *auxiliary["text"][1:]]
    kept = drop_overlap(auxiliary, small_comments)
    assert kept["id"].tolist() == auxiliary["id"].tolist()[1:]
    assert kept.index.tolist() == [0, 1, 2, 3]
    assert kept.attrs == auxiliary.attrs


def test_ninety_ten_is_scikit_learns_random_split():
    from sklearn.model_selection import train_test_split

    comments = invented(105)
    train, validation = ninety_ten(comments, seed=7)
    expected_train, expected_validation = train_test_split(list(comments["id"]), test_size=0.1, random_state=7)
    assert train["id"].tolist() == expected_train
    assert validation["id"].tolist() == expected_validation
    assert (len(train), len(validation)) == (94, 11)


def test_folds_come_back_from_a_file(tmp_path):
    folds = make_folds(invented(300))
    write_folds(folds.sample(frac=1, random_state=0), tmp_path / "folds.csv")
    back = read_folds(tmp_path / "folds.csv")
    pd.testing.assert_frame_equal(back, folds, check_dtype=False)
    assert read_folds(tmp_path / "nothing.csv") is None


def test_folds_are_committed_or_computed_once(bare_data, monkeypatch):
    comments = invented(100)
    monkeypatch.setattr(splits_module, "SPLIT_DIR", bare_data)
    computed = load_folds(comments)
    pd.testing.assert_frame_equal(computed, make_folds(comments))
    monkeypatch.setattr(splits_module, "compute_folds", lambda *args: pytest.fail("computed again"))
    pd.testing.assert_frame_equal(load_folds(comments), computed, check_dtype=False)
    comments.attrs["sha256"] = "other content"
    write_folds(computed.assign(fold=3), bare_data / "invented.csv")
    assert load_folds(comments)["fold"].unique().tolist() == [3], "the committed file goes first"


def test_cached_folds_are_of_the_official_files_at_hand(bare_data, monkeypatch):
    comments = invented(100)
    comments.attrs["sha256"] = "some content"
    monkeypatch.setattr(splits_module, "SPLIT_DIR", bare_data)
    assert (load_folds(comments)["fold"] >= 0).all()
    file = bare_data / "poleval2019" / "task6-1" / "test_set_clean_only_text.txt"
    file.parent.mkdir(parents=True)
    file.write_text(comments["text"][7] + "\n", encoding="utf-8")
    assert load_folds(comments)["fold"][7] == -1, "folds from before the file came are not served"
    file.unlink()
    assert load_folds(comments)["fold"][7] >= 0


def test_a_committed_file_without_all_ids_is_not_used(bare_data, monkeypatch):
    comments = invented(100)
    monkeypatch.setattr(splits_module, "SPLIT_DIR", bare_data)
    write_folds(make_folds(comments).iloc[1:].assign(fold=3), bare_data / "invented.csv")
    assert load_folds(comments)["fold"].nunique() == 5


@pytest.mark.parametrize("name", COMMITTED)
def test_committed_folds_are_small_and_consistent(name):
    path = SPLIT_DIR / f"{name}.csv"
    assert path.stat().st_size < 1 << 20
    assert path.read_text().splitlines()[0] == "id,cluster,fold"
    folds = read_folds(path)
    assert folds["id"].is_unique
    assert set(folds["fold"]) <= {-1, 0, 1, 2, 3, 4}
    assert folds.groupby("cluster")["fold"].nunique().max() == 1
    assert folds["cluster"].isin(set(folds["id"])).all()


@pytest.mark.parametrize("name", COMMITTED)
def test_committed_folds_are_what_the_data_gives(name, data_dir):
    comments = load_comments(name, data_dir=data_dir, keep_official=True)
    committed = read_folds(SPLIT_DIR / f"{name}.csv")
    if set(committed["id"]) != set(comments["id"]):
        pytest.skip(f"the {name} at hand is not the one the committed folds were made from")
    plain = comments.drop(columns=["cluster", "fold"]).sample(frac=1, random_state=0)
    computed = compute_folds(plain, data_dir).set_index("id").loc[committed["id"].tolist()].reset_index()
    pd.testing.assert_frame_equal(computed, committed, check_dtype=False)


def test_no_official_test_text_is_in_any_split(data_dir):
    from toxres.data import load_official_texts

    official = {normalise_for_duplicates(text) for texts in load_official_texts(data_dir).values() for text in texts}
    for name in COMMITTED:
        comments = load_comments(name, data_dir=data_dir)
        assert not set(comments["text"].map(normalise_for_duplicates)) & official, name
    dropped = {name: (read_folds(SPLIT_DIR / f"{name}.csv")["fold"] == -1).sum() for name in COMMITTED}
    assert dropped == {"jigsaw": 0, "civil_spans": 2_049, "davidson": 4}
