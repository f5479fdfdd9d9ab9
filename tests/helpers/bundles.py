"""A bundle of smoke models, exported once a test process."""

import functools
from pathlib import Path

from helpers.training import folder, source, trained
from toxres.serving import Bundle, export_bundle, load_bundle
from toxres.serving.candidates import Candidate

PLAIN = Candidate("onnxruntime", "fp32")


@functools.cache
def exported(*recipes: str) -> Path:
    """A bundle of smoke checkpoints run by ONNX Runtime in float32; do not write into it."""
    recipes = recipes or ("baseline", "custom")
    out = folder() / "-".join(["bundle", *recipes])
    return export_bundle([trained(recipe) for recipe in recipes], out, source=source(), limit=8, candidates=[PLAIN])


@functools.cache
def opened(*recipes: str) -> Bundle:
    """The same bundle, loaded."""
    return load_bundle(exported(*recipes), threads=1)
