"""`toxres explain`: a page, the figures behind it, and bad usage in one line."""

import io
import json
import sys

import numpy as np
import pytest
from helpers.training import trained

from toxres.cli import main
from toxres.explain import explain
from toxres.files import read_json
from toxres.labels import LABELS

TEXT = "Ada says the <b>old</b> page is crap 👍🏽"


def fails(capsys, *words: str) -> str:
    """The one line that bad usage ends in."""
    capsys.readouterr()
    assert main(["explain", *map(str, words)]) == 2
    line = capsys.readouterr().err
    assert line.startswith("toxres explain: ") and line.count("\n") == 1
    return line


def test_the_whole_way(tmp_path, capsys):
    page, figures = tmp_path / "page.html", tmp_path / "page.json"
    trained("custom"), trained("baseline_types"), capsys.readouterr()
    words = [str(trained("custom")), str(trained("baseline_types")), "--text", TEXT, "--out", str(page)]
    assert main(["explain", *words, "--json", str(figures)]) == 0
    assert capsys.readouterr().out == f"page: {page}\n"
    html = page.read_text(encoding="utf-8")
    assert "<!doctype html>" in html.lower()
    assert "<b>old</b>" not in html and "👍🏽" in html and "custom" in html and "baseline_types" in html
    found = read_json(figures)["explanations"]
    assert [(each["model"], len(each["labels"])) for each in found] == [("custom", 6), ("baseline_types", 3)]
    expected = explain(trained("custom"), [TEXT])[0]
    assert found[0]["text"] == TEXT and found[0]["word_texts"] == list(expected.word_texts())
    assert [tuple(span) for span in found[0]["words"]] == list(expected.words)
    np.testing.assert_allclose(found[0]["attributions"], expected.attributions, atol=1e-6)
    assert {"scores", "baseline_scores", "convergence_delta", "steps", "note", "read"} <= set(found[0])


def test_text_from_stdin_with_a_method_and_labels(tmp_path, monkeypatch, capsys):
    given = io.TextIOWrapper(io.BytesIO(b"the old\nbridge is crap\n"))
    monkeypatch.setattr(sys, "stdin", given)
    figures = tmp_path / "found.json"
    words = ["explain", str(trained("tfidf")), "--text", "-", "--method", "occlusion", "--labels", "insult, toxic"]
    assert main([*words, "--out", str(tmp_path / "page.html"), "--json", str(figures)]) == 0
    found = json.loads(figures.read_text())["explanations"][0]
    assert (found["text"], found["labels"]) == ("the old\nbridge is crap", ["insult", "toxic"])
    assert found["baseline_scores"] == [None, None] and found["method"] == "occlusion"


def test_two_of_one_name_are_called_by_their_folders(tmp_path, capsys):
    first, second = trained("tfidf"), trained("tfidf", seed=1)
    figures = tmp_path / "found.json"
    words = ["explain", str(first), str(second), "--text", "crap", "--method", "lexicon", "--json", str(figures)]
    assert main([*words, "--out", str(tmp_path / "page.html")]) == 0
    assert [each["model"] for each in read_json(figures)["explanations"]] == [str(first), str(second)]


def test_a_note_is_told(tmp_path, capsys, monkeypatch):
    import dataclasses

    import toxres.explain

    found = dataclasses.replace(explain(trained("tfidf"), ["crap"], "lexicon")[0], note="not converged")
    monkeypatch.setattr(toxres.explain, "explain", lambda *given: [found])
    capsys.readouterr()
    assert main(["explain", "anywhere", "--text", "crap", "--out", str(tmp_path / "page.html")]) == 0
    assert capsys.readouterr().err == "tfidf: not converged\n"
    assert "Careful: not converged." in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--text", " "], "--text: is blank"),
        (["--text", "you", "--method", "guess"], "unknown method 'guess'"),
        (["--text", "you", "--method", "attention"], "has no gradients and no tokens that 'attention'"),
        (["--text", "you", "--method", "lexicon", "--labels", "spam"], "unknown label 'spam'; choose out of: toxic,"),
        (["--text", "you", "--method", "lexicon", "--labels", ","], "names an empty label"),
        ([], "the following arguments are required: --text"),
    ],
)
def test_bad_usage(tmp_path, capsys, words, told):
    page = tmp_path / "page.html"
    assert told in fails(capsys, trained("tfidf"), "--out", page, *words)
    assert not page.exists()


def test_a_page_that_cannot_be_written_and_no_checkpoint(tmp_path, capsys):
    assert "is a folder; name a file" in fails(capsys, trained("tfidf"), "--text", "you", "--out", tmp_path)
    line = fails(capsys, tmp_path / "nowhere", "--text", "you", "--out", tmp_path / "page.html")
    assert "no such checkpoint folder" in line
    assert LABELS[0] not in line
