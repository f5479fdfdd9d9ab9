"""Exporting: what is refused, what stands at `out` afterwards, the card, and the verb."""

import json
import shutil
from pathlib import Path

import pytest
from helpers.bundles import PLAIN, exported, opened
from helpers.training import comments_rows, source, trained, write_comments

from toxres.checkpoint import load_checkpoint
from toxres.cli import main
from toxres.errors import InputError, RunError
from toxres.serving import export, export_bundle, load_bundle
from toxres.serving.candidates import CANDIDATES
from toxres.serving.choice import Quality


def export_plain(checkpoints, out: Path, **options) -> Path:
    return export_bundle(checkpoints, out, **{"source": source(), "limit": 8, "candidates": [PLAIN], **options})


def complaint(checkpoints, out: Path, **options) -> str:
    """The one line that an export ends in; nothing is left of it."""
    before = sorted(out.parent.iterdir())
    with pytest.raises(InputError) as caught:
        export_plain(checkpoints, out, **options)
    assert sorted(out.parent.iterdir()) == before
    line = str(caught.value)
    assert "\n" not in line
    return line


def renamed(recipe: str, to: Path, **recipe_fields) -> Path:
    """A copy of a smoke checkpoint, its recipe changed."""
    shutil.copytree(trained(recipe), to)
    run = json.loads((to / "run.json").read_text())
    run["recipe"] |= recipe_fields
    (to / "run.json").write_text(json.dumps(run))
    return to


def test_two_of_one_recipe_are_named_by_their_folders(tmp_path):
    again = renamed("custom", tmp_path / "again")
    bundle = load_bundle(export_plain([trained("custom"), again], tmp_path / "bundle"), threads=1)
    assert list(bundle.models) == [trained("custom").name, "again"]
    (tmp_path / "other").mkdir()
    twice = renamed("custom", tmp_path / "other" / "again")
    assert "another checkpoint is called 'again' too; rename its folder" in complaint([again, twice], tmp_path / "b")


def test_what_cannot_be_exported_is_said(tmp_path):
    out = tmp_path / "bundle"
    assert "no checkpoint to export; train one" in complaint([], out)
    assert "no such checkpoint folder" in complaint([tmp_path / "none"], out)
    stack = renamed("tfidf", tmp_path / "stack", family="stack")
    assert f"{stack}: tfidf blends several models and has no ONNX form; export a transformer" in complaint([stack], out)
    reject = load_checkpoint(trained("custom"))
    reject.task = load_checkpoint(trained("tfidf_decision")).task
    assert "export models of one task" in complaint([trained("baseline"), reject], out)
    odd = renamed("custom", tmp_path / "odd", name="a/b")
    assert "'a/b' can't be the name of a model; use letters" in complaint([odd], out)
    assert "no/such.csv" in complaint([trained("custom")], out, source="no/such.csv")


def test_an_unnamed_source_that_is_not_at_hand_is_said(tmp_path):
    lost = renamed("custom", tmp_path / "lost")
    run = json.loads((lost / "run.json").read_text())
    run["sources"][0]["name"] = "gone.csv"
    (lost / "run.json").write_text(json.dumps(run))
    assert f"{lost} was validated on are not at hand" in complaint([lost], tmp_path / "bundle", source=None)


def test_what_is_no_bundle_is_not_replaced(tmp_path):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "letter.txt").write_text("dear")
    assert "exists and is no bundle; remove it or choose another --out" in complaint([trained("custom")], out)
    assert (out / "letter.txt").read_text() == "dear"


def test_a_bundle_is_replaced_only_by_a_whole_one(tmp_path, monkeypatch):
    out = export_plain([trained("custom")], tmp_path / "bundle")
    before = load_bundle(out, threads=1).version
    with monkeypatch.context() as patch:
        patch.setattr(export, "write_manifest", lambda *words: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            export_plain([trained("baseline")], out)
    assert load_bundle(out, threads=1).version == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle"]
    export_plain([trained("baseline")], out)
    assert list(load_bundle(out, threads=1).models) == ["baseline"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle"]


def test_models_that_decide_otherwise_than_in_torch_are_not_exported(tmp_path, monkeypatch):
    monkeypatch.setattr(Quality, "refused", "everything flips")
    with pytest.raises(RunError, match=r"everything flips.*nothing was exported"):
        export_plain([trained("custom")], tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


def test_the_chosen_precision_is_the_one_that_is_stored(tmp_path, monkeypatch):
    monkeypatch.setattr(Quality, "refused", "")
    out = export_plain([trained("custom")], tmp_path / "bundle", candidates=[CANDIDATES[1]])
    model = load_bundle(out, threads=1).models["custom"]
    assert (model.runtime, model.precision) == ("onnxruntime", "int8")
    size = (exported() / "models" / "custom" / "model.onnx").stat().st_size
    assert (out / "models" / "custom" / "model.onnx").stat().st_size < 0.4 * size


def test_bags_of_n_grams_need_no_choice(tmp_path):
    bundle = load_bundle(export_plain([trained("tfidf")], tmp_path / "bundle"), threads=1)
    assert (bundle.models["tfidf"].runtime, bundle.choice["candidates"]) == ("scikit-learn", [])


def test_the_choice_says_what_was_measured():
    choice = opened().choice
    (candidate,) = choice["candidates"]
    assert candidate["accepted"] and candidate["quality"].keys() == {"baseline", "custom"}
    assert "onnxruntime fp32 was chosen of 1 candidates" in choice["why"]
    assert (choice["rows"]["source"], choice["rows"]["count"]) == ("comments.csv", 8)
    assert choice["long_texts"]["custom"]["rows"] == 8


def test_a_triage_goes_along_with_the_model_it_was_fitted_for(tmp_path):
    import numpy as np

    from toxres.triage import Policy, fit_triage, save_triage

    random = np.random.default_rng(0)
    probs = random.random((400, 6))
    policy = Policy("forum", {"toxic": 1.0}, wrong_decisions=0.2)
    kept = {}
    for name, said in [("of", {"checkpoint": str(trained("custom"))}), ("other", {"checkpoint": "build/other"})]:
        triage = fit_triage(probs, (probs > random.random((400, 6))).astype(float), "site", policy, calibrated_on=said)
        kept[name] = save_triage(triage, tmp_path / name)
    bundle = load_bundle(
        export_plain([trained("baseline"), trained("custom")], tmp_path / "bundle", triage=kept["of"]), threads=1
    )
    assert bundle.triage_model == "custom"
    assert bundle.triage.policy.hash == policy.hash
    assert policy.hash[:12] in bundle.card_text
    assert bundle.choice["candidates"][0]["quality"]["custom"]["verdicts_flipped"] == 0
    line = complaint([trained("custom")], tmp_path / "more", triage=kept["other"])
    assert "was fitted for none of the models that are exported (custom); export the checkpoint" in line
    assert "triage.json is missing" in complaint([trained("custom")], tmp_path / "more", triage=tmp_path)


def test_the_card_says_data_metrics_limits_and_use():
    bundle = opened()
    for part in ("## Intended use", "Not intended:", "## Data", "## Metrics", "## Limits", "## Runtime and precision"):
        assert part in bundle.card_text
    validation = load_checkpoint(trained("custom")).run["validation"]["per_label"]["toxic"]
    assert bundle.card["models"]["custom"]["validation"]["per_label"]["toxic"] == validation
    assert f"| toxic | {validation['positives']} | {validation['auroc']:.3f} |" in bundle.card_text
    assert "| comments.csv | a file of the user |" in bundle.card_text
    assert "| onnxruntime fp32 | custom | chosen |" in bundle.card_text


def test_the_verb(tmp_path, capsys):
    out = tmp_path / "bundle"
    words = [
        "export", str(trained("custom")), "--out", str(out), "--source", source(), "--rows", "8",
        "--runtime", "onnxruntime", "--precision", "fp32", "--threads", "1",
    ]  # fmt: skip
    assert main(words) == 0
    told = capsys.readouterr()
    assert f"bundle: {out}\nnext: toxres serve {out}\n" in told.out
    assert "| onnxruntime fp32 | custom | chosen |" in told.out
    assert load_bundle(out, threads=1).models["custom"].runtime == "onnxruntime"
    assert main([*words[:-4], "--runtime", "onnxruntime", "--precision", "bf16"]) == 2
    assert capsys.readouterr().err.strip().endswith("choose openvino, or another --precision")


def test_a_bundle_scores_a_file(tmp_path, capsys):
    (tmp_path / "in.csv").write_text("comment_text\nyou are crap\n")
    words = ["score", str(tmp_path / "in.csv"), "--checkpoint", str(exported()), "--out", "-"]
    assert main([*words, "--model", "custom"]) == 0
    header, row = capsys.readouterr().out.splitlines()
    expected = load_checkpoint(trained("custom")).predict_proba(["you are crap"])[0, 0]
    assert float(row.split(",")[header.split(",").index("toxic")]) == pytest.approx(expected, abs=1e-5)
    assert main(words) == 2
    assert "holds several models; name one with --model: baseline, custom" in capsys.readouterr().err
    assert main([*words, "--model", "x"]) == 2
    assert "holds no model 'x'; name another with --model: baseline, custom" in capsys.readouterr().err
    assert main([*words[:3], str(trained("custom")), *words[4:], "--model", "x"]) == 2
    assert "is no bundle of several models; leave it out" in capsys.readouterr().err


def test_the_verb_fits_a_policy_for_the_model_with_attention(tmp_path, capsys):
    fresh = write_comments(tmp_path / "fresh.csv", comments_rows(60, seed=5))
    words = ["export", str(trained("custom")), str(trained("baseline")), "--out", str(tmp_path / "bundle")]
    plain = ["--rows", "8", "--runtime", "onnxruntime", "--precision", "fp32", "--policy", "forum"]
    assert main([*words, *plain, "--source", fresh]) == 0
    assert "custom: " in capsys.readouterr().err
    bundle = load_bundle(tmp_path / "bundle", threads=1)
    assert (bundle.triage_model, bundle.triage.policy.name) == ("custom", "forum")
    assert main([*words, *plain, "--source", source()]) == 2
    assert "was trained on rows of this split" in capsys.readouterr().err
