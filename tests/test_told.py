"""What notebooks say of the committed experiments."""

from toxres.evaluation.poleval import PUBLISHED
from toxres.experiments import told
from toxres.files import write_json


def row(kind: str, share: float, difference: float, spread: float = 0.01, figure: str = "toxic_auroc") -> dict:
    low, high = difference - spread, difference + spread
    return {"kind": kind, "share": share, "figure": figure, "difference": difference, "low": low, "high": high}


def test_stress_tells_clean_text_first_and_then_the_mean_of_the_kinds():
    table = [
        row("mean of kinds", 0.4, 0.1),
        row("leet", 0.4, 0.9),
        row("clean", 0.0, 0.001),
        row("clean", 0, 5, 1, "x"),
    ]
    clean, stressed = told.stress_sentences({"differences": {"tfidf": {"table": table}}})
    assert clean == (
        "Normalised TF-IDF, as written: no difference in toxic AUROC could be shown, +0.001 [-0.009, +0.011]."
    )
    assert stressed == (
        "Normalised TF-IDF, 40% of the letters obfuscated: better in toxic AUROC, +0.100 [+0.090, +0.110]."
    )


def test_efficiency_counts_all_its_tests():
    common = {"arm": "ulmfit", "metric": "toxic_ap", "p_value": 0.02}
    rows = [
        {**common, "labels": 100, "difference": 0.2, "low": 0.1, "high": 0.3, "p_holm": 0.04},
        {**common, "labels": 1_000, "difference": 0.05, "low": 0.01, "high": 0.1, "p_holm": 0.06},
        {**common, "labels": 100, "difference": 0.2, "low": 0.1, "high": 0.3, "p_holm": 0.04, "metric": "macro_ap"},
    ]
    first, second = told.efficiency_sentences({"differences": rows})
    assert "against random weights, 100 labels: better in toxic AP, +0.200" in first
    assert "1,000 labels: no difference in toxic AP could be shown among 2 tests (Holm p = 0.060)" in second


def test_decisions_are_compared_with_holms_correction():
    metrics = {name: [0.5, 0.4, 0.6] for name in told.DECISION_METRICS}
    pair = {"a": "weighted", "b": "plain", "difference": 0.1, "low": 0.05, "high": 0.15, "p_value": 0.03}
    decision = {
        "arms": {"weighted": {"metrics": metrics}, "plain": {"metrics": metrics}},
        "comparisons": [{**pair, "metric": "ap"}, {**pair, "metric": "f1_tuned"}, {**pair, "metric": "recall"}],
    }
    table = told.decision_table(decision)
    assert table.loc["decision, plain loss", "AP"] == "0.500 [0.400, 0.600]"
    sentences = told.decision_sentences(decision)
    assert len(sentences) == 2, "recall at 0.5 is not among the questions"
    assert "no difference in AP could be shown among 2 tests (Holm p = 0.060)" in sentences[0]


def test_poleval_puts_ours_beside_the_published():
    harmful = {"f1": 0.6, "precision": 0.5, "recall": 0.75, "accuracy": 0.9}
    types = {"micro_f": 0.9, "macro_f": 0.5, "macro_f_of_means": 0.51}
    poleval = {
        "test": {"scores": {"6-1": harmful, "6-1, prior shift": {**harmful, "estimated_prior": 0.1}, "6-2": types}}
    }
    assert set(told.poleval_ours(poleval, "6-1")) == {"ours: multiview", "ours, prior re-estimated from the scores"}
    sentences = told.poleval_sentences(poleval)
    assert sentences[0] == "6-1, ours: multiview: F1 of harmful 60.0 (precision 50.0, recall 75.0)."
    assert sentences[2] == "6-2, ours: multiview: macro-F 50.0, micro-F 90.0."
    assert len(sentences) == 3 + len(PUBLISHED)


def test_steps_have_names_that_can_be_read():
    steps = told.poleval_steps({"cv": {"steps": {"nb-char_wb-2-5": 1, "+ members": 2, "+ new": 3}}})
    assert steps == {"letters, weighted by class": 1, "+ encoder fine-tuned": 2, "+ new": 3}


def test_lists_are_markdown():
    assert told.as_lists({"One": ["a", "b"], "Two": ["c"]}) == "**One**\n\n- a\n- b\n\n**Two**\n\n- c"


def test_headlines_are_of_the_experiments_that_are_done(tmp_path):
    table = [row("clean", 0.0, 0.001), row("mean of kinds", 0.2, 0.5), row("mean of kinds", 0.4, 0.1)]
    write_json(tmp_path / "stress.json", {"differences": {"tfidf": {"table": table}}})
    write_json(tmp_path / "efficiency.json", {"differences": []})
    write_json(tmp_path / "groups.json", {"recipes": {"tfidf": {"winners": [{"sentence": "never told"}]}}})
    (title, sentences), *others = told.headlines(tmp_path).items()
    assert others == [] and len(sentences) == 2, "the shares between are not told"
    assert "+0.100" in told.as_lists({title: sentences}) and "+0.500" not in "".join(sentences)
    assert told.headlines(tmp_path / "nothing") == {}
