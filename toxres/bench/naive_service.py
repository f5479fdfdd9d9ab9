"""What people write first: a FastAPI endpoint that asks the torch models, one after the other, for each request.

It is written well: models are loaded once, run in inference mode and cut texts off where ours does, and nothing waits
for the network while it holds a core. `python -m toxres.bench.naive_service PORT KIND CHECKPOINT...` serves it.
"""

import contextlib
import sys
import threading
from collections.abc import Sequence

KINDS = ("threads", "lock")
"""Requests run side by side in FastAPI's thread pool, or one at a time."""


def create_app(folders: Sequence[str], kind: str):
    """The app.

    Args:
        folders: Of checkpoints.
        kind: One of `KINDS`.
    """
    import numpy as np
    import torch
    from fastapi import FastAPI
    from pydantic import BaseModel

    from toxres.checkpoint import load_checkpoint

    class Comment(BaseModel):
        text: str

    loaded = [load_checkpoint(folder) for folder in folders]
    models = [(each, each.model, each.tokenizer) for each in loaded]  # loaded now, not with the first request
    turn = threading.Lock() if kind == "lock" else contextlib.nullcontext()
    app = FastAPI()

    @app.get("/readyz")
    def ready() -> dict:
        return {"ready": True}

    @app.post("/predict")
    def predict(comment: Comment) -> dict:
        answer = {}
        with turn, torch.inference_mode():
            for each, model, tokenizer in models:
                read = tokenizer(comment.text, truncation=True, max_length=each.max_length, return_tensors="pt")
                logits = model(input_ids=read["input_ids"], attention_mask=read["attention_mask"]).logits
                probs = each.calibration.apply(np.asarray(logits.float().numpy()))[0]
                answer[each.name] = dict(zip(each.labels, map(float, probs), strict=True))
        return answer

    return app


def main(argv: Sequence[str]) -> None:
    """Serve it at 127.0.0.1 until a signal ends it."""
    import uvicorn

    port, kind, *folders = argv
    uvicorn.run(create_app(folders, kind), host="127.0.0.1", port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main(sys.argv[1:])
