"""Sources: from their own files and annotation to the one schema. The files here are made for the tests."""

import gzip
import io
import re
import shlex
import zipfile

import numpy as np
import pandas as pd
import pytest

from toxres.cli import build_parser
from toxres.data import COLUMNS, SOURCES, available, best_source, load_comments, load_official_texts, targets
from toxres.data.loaders import load_jigsaw_test
from toxres.data.paths import JIGSAW_ZIP, resolve
from toxres.errors import InputError, RunError
from toxres.files import ROOT
from toxres.labels import JIGSAW_PREVALENCE, LABELS

HEADER = "id,comment_text,toxic,severe_toxic,obscene,threat,insult,identity_hate\n"
TOPICS = ("bridges", "rivers", "trains", "poems", "knots", "maps", "soups", "bells", "kites", "stamps")
TRAIN = HEADER + "".join(
    f'{row:04x},"The page on {topic} number {row} needs a source, says user {row * 37}.",{row % 2},0,0,0,{row % 2},0\n'
    for row, topic in enumerate(TOPICS * 3)
)
TEST = 'id,comment_text\nt1,"What a stupid edit"\nt2,Nobody scored this\nt3,Good work\n'
TEST_LABELS = HEADER.replace("comment_text,", "") + "t1,1,0,0,0,1,0\nt2,-1,-1,-1,-1,-1,-1\nt3,0,0,0,0,0,0\n"


def zipped(members: dict[str, bytes | str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def put(folder, files: dict[str, bytes | str]) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)


FILES = {"train.csv": TRAIN, "test.csv": TEST, "test_labels.csv": TEST_LABELS}
WAYS = {
    "folder": {f"jigsaw/{name}": data for name, data in FILES.items()},
    "folder of zips": {f"jigsaw/{name}.zip": zipped({name: data}) for name, data in FILES.items()},
    "folder of gzips": {f"jigsaw/{name}.gz": gzip.compress(data.encode()) for name, data in FILES.items()},
    "zip of csv": {JIGSAW_ZIP: zipped(FILES)},
    "zip of zips": {JIGSAW_ZIP: zipped({f"{name}.zip": zipped({name: data}) for name, data in FILES.items()})},
    "zip in the folder": {f"jigsaw/{JIGSAW_ZIP}": zipped({f"jigsaw/{name}": data for name, data in FILES.items()})},
}


def test_every_example_of_the_data_readme_runs(bare_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^```(\w*)$", text, re.MULTILINE) == ["python", ""]
    names = {}
    exec(compile(re.search(r"^```python\n(.*?)^```$", text, re.M | re.S)[1], "data/README.md", "exec"), names)
    assert len(names["comments"]) and set(names["comments"]["fold"]) <= {2, 3, 4}
    commands = re.findall(r"^    (toxres .*?)(?:  .*)?$", text, re.MULTILINE)
    for command in commands:
        words = [word for word in shlex.split(command)[1:] if not word.startswith("[")]
        assert callable(build_parser().parse_args(words).verb), command
    assert len(commands) == 3


@pytest.mark.parametrize("files", WAYS.values(), ids=WAYS.keys())
def test_jigsaw_from_folder_and_zip(bare_data, files):
    put(bare_data, files)
    assert available("jigsaw")
    comments = load_comments("jigsaw")
    assert tuple(comments.columns) == (*COLUMNS, "cluster", "fold")
    assert len(comments) == 30
    assert comments["group"].unique().tolist() == ["wikipedia"]
    assert comments["toxic"].tolist() == [row % 2 for row in range(30)]
    assert comments.attrs["source"] == "jigsaw"
    assert str(bare_data) in comments.attrs["origin"]
    assert len(comments.attrs["sha256"]) == 64
    test = load_comments("jigsaw", split="kaggle_test")
    assert test["id"].tolist() == ["t1", "t3"], "rows of all -1 were not scored"
    assert test["insult"].tolist() == [1, 0]


def test_the_splits_of_a_source_are_a_partition(bare_data):
    put(bare_data, WAYS["folder"])
    whole = load_comments("jigsaw")
    parts = {split: set(load_comments("jigsaw", split=split)["id"]) for split in ("train", "validation", "test")}
    assert sorted(map(len, parts.values())) == [6, 6, 18]
    assert set().union(*parts.values()) == set(whole["id"])
    assert parts["test"] == set(load_comments("jigsaw", split="fold:0")["id"])
    assert parts["validation"] == set(load_comments("jigsaw", split="fold:1")["id"])


def test_limit_draws_by_seed_and_keeps_order(bare_data):
    put(bare_data, WAYS["folder"])
    drawn = [load_comments("jigsaw", limit=10, seed=seed)["id"].tolist() for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0] == sorted(drawn[0])
    assert len(load_comments("jigsaw", limit=1_000)) == 30
    with pytest.raises(InputError, match="limit is 0"):
        load_comments("jigsaw", limit=0)


def test_kaggle_test_files_that_do_not_fit(bare_data):
    put(bare_data, {"jigsaw/train.csv": TRAIN, "jigsaw/test.csv": TEST})
    with pytest.raises(InputError, match=r"test.csv and test_labels.csv are not both at hand"):
        load_jigsaw_test()
    put(bare_data, {"jigsaw/test_labels.csv": TEST_LABELS.replace("t3,", "t9,")})
    with pytest.raises(InputError, match=r"row 3, field 'id': has no labels"):
        load_jigsaw_test()
    put(bare_data, {"jigsaw/test_labels.csv": "id,toxic\nt1,1\n"})
    with pytest.raises(InputError, match=r"no column 'severe_toxic'"):
        load_jigsaw_test()
    with pytest.raises(InputError, match="only jigsaw has the split kaggle_test"):
        load_comments("davidson", split="kaggle_test")


def test_broken_archive_is_one_line(bare_data):
    put(bare_data, {JIGSAW_ZIP: zipped(FILES)[:100]})
    with pytest.raises(InputError, match=r"challenge.zip: the zip archive is broken"):
        load_comments("jigsaw")


POSTS = "comment_id,comment_text\n1,You silly fool of a goat\n2,I agree with this\n3,Nice 😀 but dumb\n"
ANNOTATIONS = """annotation,comment_id,worker,country,all toxic,not toxic
0,1,7,USA,False,False
1,1,8,USA,False,False
2,1,9,USA,True,True
3,1,9,USA,False,False
4,2,7,USA,True,True
5,2,8,USA,True,True
6,2,9,USA,True,True
7,3,7,USA,False,False
8,3,8,USA,False,False
9,3,9,USA,False,True
"""
SPANS = """annotation,type,start,end
0,Insult,4,14
0,Insult,20,24
0,Threat,0,3
1,Insu,4,9
1,Profane/Obscene,4,9
3,Identity based ,20,99
3,,0,3
7,Other Toxicity,11,15
8,Identity based Attack,11,15
9,Insult,40,44
"""
CIVIL = {"comments": POSTS, "annotations": ANNOTATIONS, "spans": SPANS}


def civil(folder, **changes) -> pd.DataFrame:
    put(folder, {f"toxic_spans/{name}.csv": data for name, data in {**CIVIL, **changes}.items()})
    return SOURCES["civil_spans"].load(None)


def test_civil_spans_labels_are_shares_of_raters(bare_data):
    comments = civil(bare_data)
    nan = float("nan")
    expected = [
        [3 / 4, nan, 1 / 4, 1 / 4, 2 / 4, 1 / 4],
        [0, nan, 0, 0, 0, 0],
        [2 / 3, nan, 0, 0, 1 / 3, 1 / 3],
    ]
    np.testing.assert_allclose(targets(comments), expected, rtol=1e-6)
    assert comments["group"].unique().tolist() == ["news"]


def test_civil_spans_are_kept_cut_off_and_point_into_the_text(bare_data):
    comments = civil(bare_data)
    assert comments["spans"][1] == []
    assert comments["spans"][2] == [(11, 15, "identity_hate"), (11, 15, "toxic")], "one lies wholly beyond the text"
    text, spans = comments["text"][0], comments["spans"][0]
    assert (20, len(text), "identity_hate") in spans, "cut off at the end of the text"
    assert {text[start:end] for start, end, _ in spans} == {"silly", "silly fool", "goat", "You"}
    assert comments["text"][2][11:15] == "dumb", "offsets count characters, not UTF-16 units"


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"spans": SPANS + "0,Sarcasm,1,2\n"}, r"spans.csv: row 11, field 'type'"),
        ({"spans": SPANS + "0,Insult,one,2\n"}, r"field 'start or end'"),
        ({"annotations": ANNOTATIONS.replace(",not toxic", ",nice")}, r"annotations.csv: no column 'not toxic'"),
        ({"comments": POSTS + "4,Hello there\n"}, r"comments.csv: row 4, field 'comment_id': has no row"),
    ],
)
def test_broken_civil_files(bare_data, changes, message):
    with pytest.raises(InputError, match=message):
        civil(bare_data, **changes)


TWEETS = (
    ",count,hate_speech,offensive_language,neither,class,tweet\n0,3,0,0,3,2,Tea &amp; cake\n9,4,1,2,1,1,Go away fool\n"
)


def test_davidson_labels_are_shares_of_raters(bare_data):
    put(bare_data, {"davidson/labeled_data.csv": TWEETS})
    comments = SOURCES["davidson"].load(None)
    assert comments["id"].tolist() == ["0", "9"]
    assert comments["text"][0] == "Tea &amp; cake", "left as it is"
    nan = float("nan")
    np.testing.assert_allclose(targets(comments), [[0, nan, nan, nan, nan, 0], [0.75, nan, nan, nan, nan, 0.25]])
    put(bare_data, {"davidson/labeled_data.csv": TWEETS.replace("9,4,1", "9,0,1")})
    with pytest.raises(InputError, match=r"row 2, field 'count'"):
        SOURCES["davidson"].load(None)


def test_synthetic_is_always_at_hand_and_has_splits(bare_data):
    assert available("synthetic")
    comments = load_comments("synthetic")
    assert len(comments) == 6_000
    assert comments["id"].is_unique
    parts = {split: load_comments("synthetic", split=split) for split in ("train", "validation", "test")}
    assert [len(part) for part in parts.values()] == [3_600, 1_200, 1_200]
    folds = [len(load_comments("synthetic", split=f"fold:{fold}")) for fold in range(5)]
    assert folds == [1_200] * 5
    assert comments.attrs["origin"] == "embedded"
    assert parts["test"].attrs["sha256"] == comments.attrs["sha256"]
    assert {"spans", "case", "fold", "cluster"} <= set(comments.columns)


def test_csv_files_are_sources_without_splits(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("comment_text,toxic\nHi,0\nHo,1\n")
    assert len(load_comments(str(path))) == len(load_comments(str(path), split="test")) == 2
    with pytest.raises(InputError, match=r"mine.csv: has no split 'train'"):
        load_comments(str(path), split="train")
    with pytest.raises(InputError, match=r"gone.csv: no such file"):
        load_comments(str(tmp_path / "gone.csv"))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_hub_reads_a_local_dataset_folder(tmp_path, kind, monkeypatch, capfd):
    pytest.importorskip("datasets")
    folder = tmp_path / "set"
    folder.mkdir()
    frame = pd.DataFrame({"text": ["Hello", "You fool"], "toxic": [0.0, 1.0], "insult": [None, 0.5], "other": [1, 2]})
    getattr(frame, f"to_{kind}")(folder / f"train.{kind}", index=False)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    comments = load_comments(f"hub:{folder}")
    assert comments["text"].tolist() == ["Hello", "You fool"]
    assert comments["toxic"].tolist() == [0, 1]
    np.testing.assert_array_equal(comments["insult"], [np.nan, 0.5])
    assert comments["threat"].isna().all()
    assert comments.attrs["source"] == f"hub:{folder}"
    assert capfd.readouterr().err == "", "no progress bar"
    frame.rename(columns={"insult": "Insult"}).to_csv(folder / "train.csv", index=False)
    with pytest.raises(InputError, match=r"^hub:.*'Insult', which would not be read; rename the column 'insult'"):
        load_hub_csv(folder, kind)


def load_hub_csv(folder, kind):
    """The folder with its CSV file alone."""
    if kind == "parquet":
        (folder / "train.parquet").unlink()
    return load_comments(f"hub:{folder}")


def test_a_hub_that_cannot_be_reached_is_a_failed_run(monkeypatch):
    datasets = pytest.importorskip("datasets")

    def unreachable(name):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(RunError, match=r"^hub:owner/name: cannot be loaded \(ConnectionError: no route to host\)"):
        load_comments("hub:owner/name")


def test_hub_dataset_that_is_not_there_or_does_not_fit(tmp_path, monkeypatch):
    pytest.importorskip("datasets")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    with pytest.raises(InputError, match=r"^hub:.*nothing: cannot be loaded") as caught:
        load_comments(f"hub:{tmp_path / 'nothing'}")
    assert "\n" not in str(caught.value)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.csv").write_text("sentence\nhello\n")
    with pytest.raises(InputError, match=r"no column 'comment_text' or 'text' \(found sentence\)"):
        load_comments(f"hub:{tmp_path / 'set'}")


def test_unknown_names_and_splits(bare_data):
    with pytest.raises(InputError, match="unknown source 'wikipedia'; choose jigsaw, civil_spans"):
        load_comments("wikipedia")
    with pytest.raises(InputError, match="unknown source"):
        available("wikipedia")
    with pytest.raises(InputError, match="unknown split 'dev'; choose one of: train, test"):
        load_comments("jigsaw", split="dev")


@pytest.mark.parametrize(
    "source, remedy", [("jigsaw", "accept the rules at kaggle.com"), ("davidson", "toxres data pull davidson")]
)
def test_a_source_that_is_not_at_hand_says_how_to_get_it(bare_data, source, remedy):
    assert not available(source)
    with pytest.raises(InputError, match=remedy):
        load_comments(source)


def test_order_of_resolution(bare_data, tmp_path, monkeypatch):
    cache = bare_data.parent / "cache"
    places = [tmp_path / "argument", tmp_path / "environment", bare_data, cache]
    monkeypatch.setenv("TOXRES_DATA_DIR", str(places[1]))
    for place in places:
        put(place, {"x/file.csv": "a\n1\n"})
    for place in places:
        assert resolve("x/file.csv", places[0]) == place / "x" / "file.csv"
        (place / "x" / "file.csv").unlink()
    assert resolve("x/file.csv", places[0]) is None


def test_a_data_folder_that_is_not_there_is_an_error(bare_data, monkeypatch):
    with pytest.raises(InputError, match="data_dir=/nowhere: no such folder"):
        resolve("x", "/nowhere")
    monkeypatch.setenv("TOXRES_DATA_DIR", "/nowhere/either")
    with pytest.raises(InputError, match="TOXRES_DATA_DIR=/nowhere/either"):
        available("jigsaw")


def test_best_source(bare_data):
    assert best_source() == "synthetic"
    put(bare_data, WAYS["zip of csv"])
    assert best_source() == "jigsaw"


def test_every_source_says_how_each_label_is_made():
    for source in SOURCES.values():
        assert set(source.mapping) <= set(LABELS)
        assert list(source.mapping_of_all()) == list(LABELS)
    assert SOURCES["civil_spans"].mapping_of_all()["severe_toxic"] == "unknown"


def test_real_sources(data_dir):
    """What the documentation says about the files at hand."""
    sizes = {}
    for name in ("jigsaw", "civil_spans", "davidson"):
        comments = load_comments(name, data_dir=data_dir, keep_official=True)
        sizes[name] = len(comments)
        known = ~np.isnan(targets(comments)).all(axis=0)
        assert [label for label, there in zip(LABELS, known, strict=True) if there] == list(SOURCES[name].mapping)
    assert sizes["civil_spans"] == 16_100
    assert sizes["davidson"] == 24_783
    assert sizes["jigsaw"] >= 5_861


def test_real_jigsaw_has_the_published_prevalences(data_dir):
    comments = load_comments("jigsaw", data_dir=data_dir)
    for label, published in JIGSAW_PREVALENCE.items():
        error = np.sqrt(published * (1 - published) / len(comments))
        assert abs(comments[label].mean() - published) < 4 * error + 1e-9


def test_real_civil_flags_and_offsets(data_dir):
    """Both boxes ticked means that no span was marked; span ends are exclusive."""
    flags = pd.read_csv(data_dir / "toxic_spans" / "annotations.csv")
    spans = pd.read_csv(data_dir / "toxic_spans" / "spans.csv", keep_default_na=False)
    both = flags[flags["all toxic"] & flags["not toxic"]]
    assert len(both) == 21_189
    assert both["annotation"].isin(spans["annotation"]).sum() == 4
    rest = flags[~(flags["all toxic"] & flags["not toxic"])]
    assert rest["annotation"].isin(spans["annotation"]).mean() > 0.97
    comments = load_comments("civil_spans", data_dir=data_dir, keep_official=True)
    ends = [
        (text, end) for text, marked in zip(comments["text"], comments["spans"], strict=True) for _, end, _ in marked
    ]
    assert np.mean([text[end - 1].isalnum() for text, end in ends]) > 0.99
    assert np.mean([text[end : end + 1].isalnum() for text, end in ends]) < 0.03
    assert len(ends) == 46_784 - 76


def test_real_official_texts(data_dir):
    texts = load_official_texts(data_dir)
    assert [len(texts[file]) for file in sorted(texts)] == [3_728, 76_564, 1_000, 2_000]
