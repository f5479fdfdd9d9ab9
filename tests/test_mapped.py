"""Samples of a stream, and tokens that come back from the file as they were written."""

import numpy as np
import pandas as pd
import pytest
from helpers.training import comments_rows, word_tokenizer

from toxres.config import BASELINE_TYPES, RECIPES
from toxres.data.batching import CommentDataset, MappedComments, PadCollator
from toxres.data.schema import make_comments, targets
from toxres.labels import LABELS
from toxres.models import loss_weights
from toxres.models.losses import counted_weights
from toxres.training.mapped import Sample, TokenWriter


def frame(count: int = 2_500) -> pd.DataFrame:
    rows = comments_rows(count)
    labels = {label: [float(row[label]) for row in rows] for label in LABELS}
    labels["threat"][::3] = [np.nan] * len(labels["threat"][::3])
    return make_comments([row["id"] for row in rows], [row["comment_text"] for row in rows], "g", labels, name="x")


def test_a_sample_is_small_ordered_and_fair():
    counts = np.zeros(1_000)
    for seed in range(40):
        sample = Sample(100, seed)
        for start in range(0, 1_000, 125):
            sample.add(pd.DataFrame({"row": range(start, start + 125)}))
            assert sample._held <= 200
        rows = sample.drawn()["row"].to_numpy()
        assert len(rows) == 100 and (np.diff(rows) > 0).all()
        counts[rows] += 1
    # A row is drawn 4 times in the mean, with a standard deviation of 1.9: means of 500 rows differ by .12 (one sigma).
    assert abs(counts[:500].mean() - counts[500:].mean()) < 0.8


def test_a_sample_of_fewer_rows_is_all_of_them():
    sample = Sample(100, 0)
    assert sample.drawn().empty
    sample.add(pd.DataFrame({"row": range(7)}))
    assert sample.drawn()["row"].tolist() == list(range(7)) and list(sample.drawn().columns) == ["row"]


def test_tokens_come_back_as_from_memory(tmp_path):
    comments, tokenizer = frame(), word_tokenizer()
    writer = TokenWriter(tmp_path, tokenizer, 12, len(LABELS), False)
    writer.write(comments.iloc[:1_700], LABELS)
    writer.write(comments.iloc[1_700:], LABELS)
    writer.close()
    mapped, held = MappedComments.open(tmp_path), CommentDataset(comments["text"], tokenizer, 12, targets(comments))
    assert len(mapped) == len(held) == writer.rows == 2_500 and mapped.lengths.tolist() == held.lengths
    rows = [0, 2_499, 1_000, 999, 17]
    collate = PadCollator(0)
    ours, theirs = collate(mapped.__getitems__(rows)), collate([held[row] for row in rows])
    for name, value in theirs.items():
        np.testing.assert_array_equal(ours[name], value)
    assert mapped[1_000]["input_ids"] == held[1_000]["input_ids"]


@pytest.mark.parametrize("name", ["ulmfit_weighted", "baseline_decision"])
def test_weights_from_counts_are_those_of_the_targets(tmp_path, name):
    import torch

    values = targets(frame(300))[:, : 6 if name == "ulmfit_weighted" else 1]
    columns = LABELS[: values.shape[1]]
    writer = TokenWriter(tmp_path, word_tokenizer(), 12, len(columns), False)
    writer.write(frame(300), columns)
    writer.close()
    counted = counted_weights(RECIPES[name], torch.tensor(writer.positives), torch.tensor(writer.known))
    np.testing.assert_allclose(counted, loss_weights(RECIPES[name], torch.tensor(values)), rtol=1e-6)


def test_exclusive_classes_are_known_as_a_whole(tmp_path):
    import torch

    comments = frame(100)
    values = np.eye(3, dtype=np.float32)[np.arange(100) % 3]
    values[::4] = np.nan
    columns = ("none", "cyberbullying", "hate_speech")
    comments = comments.assign(**dict(zip(columns, values.T, strict=True)))
    comments.loc[1, "none"] = np.nan
    writer = TokenWriter(tmp_path, word_tokenizer(), 12, 3, True)
    writer.write(comments, columns)
    writer.close()
    assert writer.known.tolist() == [74] * 3 and writer.positives.sum() == 74
    truth = torch.tensor(targets(comments, columns))
    counted = counted_weights(BASELINE_TYPES, torch.tensor(writer.positives), torch.tensor(writer.known))
    np.testing.assert_allclose(counted, loss_weights(BASELINE_TYPES, truth), rtol=1e-6)


def test_the_digest_follows_every_text_and_target(tmp_path):
    def digest(comments):
        writer = TokenWriter(tmp_path, word_tokenizer(), 12, len(LABELS), False)
        writer.write(comments, LABELS)
        writer.close()
        return writer.digest()

    whole, changed = frame(50), frame(50)
    changed.loc[49, "insult"] = 0.5
    assert digest(whole) == digest(frame(50)) != digest(changed)
