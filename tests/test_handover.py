"""From models to a service: policies of validation rows, disagreements without texts, a bundle that is made once."""

from helpers.fakes import fake_checkpoint
from helpers.training import trained

from toxres import handover
from toxres.checkpoint import load_checkpoint
from toxres.data.schema import make_comments
from toxres.labels import LABELS
from toxres.serving import load_bundle
from toxres.widgets import error_table


def test_disagreements_stand_by_their_ids():
    texts = {"a-1": "Quillfeather is here", "a-2": "Quillfeather is there", "a-3": "Quillfeather is away"}
    says = {
        "one": {"a-1": (0.9,) + (0.1,) * 5, "a-2": (0.8, 0.1, 0.7, 0.1, 0.1, 0.1), "a-3": (0.9,) + (0.1,) * 5},
        "two": {"a-1": (0.6,) + (0.1,) * 5, "a-2": (0.4, 0.1, 0.1, 0.1, 0.1, 0.1), "a-3": (0.2,) + (0.1,) * 5},
    }
    models = {
        name: fake_checkpoint(name, {texts[key]: probs for key, probs in said.items()}) for name, said in says.items()
    }
    truth = {label: [1, 1, 0] if label == "toxic" else [0, 1, 0] for label in LABELS}
    comments = make_comments(list(texts), list(texts.values()), "made", truth, name="made")
    table = error_table(comments.assign(source="made", functionality=""), models)
    found = handover.disagreements(table, list(models))
    assert found["id"].tolist() == ["a-3", "a-2"], "a-1 is far apart and decided alike"
    assert found["label"].tolist() == ["toxic", "obscene"] and found["true"].tolist() == ["no", "yes"]
    assert found["one"].tolist() == ["0.90 given", "0.70 given"] and found["two"].iat[1] == "0.10 not given"
    assert found["outcome"].iat[0] == "only two right" and "Quillfeather" not in found.to_string()
    assert handover.disagreements(table, list(models), top=1, texts=True)["text"].tolist() == [texts["a-3"]]


def test_policies_are_fitted_and_a_bundle_is_made_once(tmp_path, monkeypatch):
    monkeypatch.setenv("TOXRES_BUILD", str(tmp_path))
    monkeypatch.setattr(handover, "EXPORT_ROWS", 8)
    models = {"tfidf": load_checkpoint(trained("tfidf"))}
    forum, children = handover.fit_policies(models["tfidf"], "synthetic", ("forum", "children"))
    assert forum.policy.name == "forum" and children.policy.name == "children"
    assert forum.calibrated_on["checkpoint"] == "tfidf" and forum.calibrated_on["split"] == "validation"
    assert forum.calibrated_on["rows"] == 2 * 96, "as many rows as the preset scores"
    table = handover.promises_table({"tfidf": [forum, children]})
    kinds = {(policy, of) for policy, _, of in table.index}
    assert kinds == {("forum", "automatic"), ("children", "accepted"), ("children", "rejected")}
    kept = [each.kept for group in forum.groups.values() for each in group.promises]
    assert [value != "none" for key, value in table["tfidf"].items() if key[0] == "forum"] == kept
    folder = handover.export_once(models, "synthetic", forum)
    bundle = load_bundle(folder)
    assert bundle.triage.policy.hash == forum.policy.hash and list(bundle.models) == ["tfidf"]
    stamp = (folder / "manifest.json").stat().st_mtime_ns
    assert handover.export_once(models, "synthetic", forum) == folder
    assert (folder / "manifest.json").stat().st_mtime_ns == stamp
    (folder / "card.json").write_text("{}", encoding="utf-8")
    handover.export_once(models, "synthetic", forum)
    assert load_bundle(folder).version == load_bundle(folder).version, "a damaged bundle is made anew"
