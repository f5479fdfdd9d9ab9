"""The synthetic corpus: a seeded grammar of comments, with the phrase that makes each label true."""

from toxres.data.synthetic.generate import generate, stream

__all__ = ["generate", "stream"]
