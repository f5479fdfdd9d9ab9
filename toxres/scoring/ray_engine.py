"""The same chunks, scored by the workers of a Ray cluster, by way of Ray Data.

One task on this machine reads the file and numbers its texts; actors score the new texts of a chunk each; chunks come
back in the file's order and are committed here. What a chunk holds, and with which texts a text is scored, is that of
`toxres.scoring.chunks`, so the output is the same; a worker that is lost is started anew, and its chunk scored again.
"""

import contextlib
import functools
import logging
import os
import pickle
import secrets
import shutil
import socket
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from toxres.errors import InputError, RunError
from toxres.scoring.chunks import Chunk, Plan, read_chunks
from toxres.scoring.models import Asked, open_scorer, predict_sorted

STORE_BYTES = 512 << 20
"""Shared memory of a cluster that is started here: chunks on their way."""

START_SECONDS = 120
"""How long a cluster that is started here may take to start."""

_INSTALL = "--engine ray: Ray is not installed; run pip install 'toxres[ray]', or leave --engine out"


def ray_scored(
    plan: Plan, asked: Asked, done: int, workers: int, address: str | None
) -> Iterator[tuple[Chunk, np.ndarray]]:
    """Every chunk of a file with the probabilities (M, L) of its new texts; those that are done come without.

    Args:
        plan: How the file is cut.
        asked: The model, and what it is asked for; each worker opens its own.
        done: How many chunks are done.
        workers: How many score, one processor each; one more reads.
        address: Of a cluster that runs, to whose machines the model's folder has to be known; None starts one here.

    Raises:
        InputError: As `read_chunks`; Ray is not installed, or the file is standard input.
        RunError: Ray fails.
    """
    if str(plan.source) == "-":
        raise InputError("--engine ray: standard input can't be read by another process; write it to a file first")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        from ray.data import DataContext
    except ImportError:
        raise InputError(_INSTALL) from None
    plan = plan._replace(source=Path(plan.source).absolute())
    if isinstance(asked.checkpoint, str | Path):
        asked = asked._replace(checkpoint=Path(asked.checkpoint).absolute())
    with _cluster(ray, workers, address), _said_when_ray_fails(ray):
        context = DataContext.get_current().copy()
        context.execution_options.preserve_order = True
        context.target_max_block_size = 1  # every chunk is a block, which one worker gets
        context.enable_progress_bars = context.print_on_execution_start = False
        with DataContext.current(context):
            rows = _dataset(ray, plan, asked, done, workers).iter_batches(
                batch_size=1, batch_format="pyarrow", prefetch_batches=0
            )
            for row in rows:
                payload, complaint = _unpacked(row)
                if complaint:
                    raise InputError(complaint)
                yield payload


def _dataset(ray, plan: Plan, asked: Asked, done: int, workers: int):
    """A data set of one row a chunk, scored."""
    from ray.data.block import BlockMetadata
    from ray.data.datasource import Datasource, ReadTask

    class Chunks(Datasource):
        def estimate_inmemory_data_size(self) -> int | None:
            return None

        def get_read_tasks(self, parallelism: int, per_task_row_limit: int | None = None, **_) -> list[ReadTask]:
            metadata = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
            return [ReadTask(lambda: _read(plan, done), metadata)]

    here = {"ray.io/node-id": ray.get_runtime_context().get_node_id()}
    return ray.data.read_datasource(Chunks(), override_num_blocks=1, label_selector=here).map_batches(
        _Worker,
        batch_size=1,
        batch_format="pyarrow",
        fn_constructor_args=(asked,),
        concurrency=workers,
        num_cpus=1,
    )


class _Worker:
    """Scores chunks in a process of its own."""

    def __init__(self, asked: Asked) -> None:
        self.opened = open_scorer(asked)

    def __call__(self, row):
        chunk, complaint = _unpacked(row)
        if complaint:
            return row
        try:
            probs = predict_sorted(self.opened, chunk.texts, chunk.groups)
        except InputError as error:
            return _packed(complaint=str(error))
        return _packed((chunk._replace(texts=[], groups=[]), probs))


def _read(plan: Plan, done: int) -> Iterator:
    """Chunks as rows; of those that are done no more than what tells them, at the end perhaps what went wrong."""
    with tempfile.TemporaryDirectory(prefix="toxres-") as folder:
        try:
            for chunk in read_chunks(plan, Path(folder) / "index"):
                if chunk.number < done:
                    chunk = chunk._replace(keys=[], numbers=chunk.numbers[:0], texts=[], groups=[], rejected=[])
                yield _packed(chunk)
        except InputError as error:
            yield _packed(complaint=str(error))


def _packed(value: object = None, complaint: str = ""):
    """An Arrow table of one row."""
    import pyarrow

    payload = pyarrow.array([pickle.dumps(value, pickle.HIGHEST_PROTOCOL)], pyarrow.large_binary())
    return pyarrow.table({"payload": payload, "complaint": pyarrow.array([complaint], pyarrow.string())})


def _unpacked(row) -> tuple:
    """The value of a row, and what went wrong."""
    return pickle.loads(row["payload"][0].as_buffer()), row["complaint"][0].as_py()


@contextlib.contextmanager
def _cluster(ray, workers: int, address: str | None) -> Iterator[None]:
    """A connection to a cluster: one that this process has already, one that runs, or one for the block alone."""
    if ray.is_initialized():
        yield
        return
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is not None:
        host, _, port = address.rpartition(":")
        try:
            if host and port.isdecimal():  # Ray itself would try for many minutes
                socket.create_connection((host.rpartition("/")[2], int(port)), timeout=10).close()
            ray.init(address=address, **quiet)
        except (OSError, RuntimeError, ValueError) as error:
            raise RunError(f"--ray-address {address}: no cluster answers ({_first_line(error)})") from None
        try:
            yield
        finally:
            ray.shutdown()
        return
    folder = tempfile.mkdtemp(prefix="toxres-ray-")  # sockets are made in it, so that its name has to be short
    wanted = {
        "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path),
        "RAY_BACKEND_LOG_LEVEL": "fatal",
        "RAY_AUTH_TOKEN": _token(),
        "RAY_agent_register_timeout_ms": f"{START_SECONDS}000",
        "RAY_raylet_start_wait_time_s": f"{START_SECONDS}",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        try:
            with _ports_chosen(), _silent():
                ray.init(
                    num_cpus=workers + 1,
                    object_store_memory=STORE_BYTES,
                    include_dashboard=False,
                    _node_ip_address="127.0.0.1",
                    _temp_dir=folder,
                    **quiet,
                )
        except Exception as error:  # Ray raises no narrower one where its processes do not start
            raise RunError(f"--engine ray: no cluster could be started here ({_first_line(error)})") from error
        yield
    finally:
        ray.shutdown()
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
        shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def _token() -> str:
    """What keeps others out of a cluster that is started here; Ray reads it once a process."""
    return secrets.token_hex(32)


@contextlib.contextmanager
def _ports_chosen() -> Iterator[None]:
    """Choose the ports of Ray's agents before they start.

    Otherwise they choose, and Ray 2.60 gives up if it does not hear of it within 15 seconds, which a busy machine takes
    to start them (https://github.com/ray-project/ray/issues/65983). One port it does not even hand on when it knows it.
    """
    from ray._private import parameter, services

    usual, usual_start = parameter.RayParams, services.start_ray_process
    names = ("metrics_agent_port", "metrics_export_port", "runtime_env_agent_port", "dashboard_agent_listen_port")
    with contextlib.ExitStack() as opened:
        sockets = [opened.enter_context(socket.socket()) for _ in names]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        ports = [each.getsockname()[1] for each in sockets]

    class Params(usual):
        def __init__(self, *arguments, **options) -> None:
            super().__init__(*arguments, **options)
            vars(self).update(zip(names, ports, strict=True))

    def start(command: list[str], *arguments, **options):
        if command[0] == services.RAYLET_EXECUTABLE:
            command = [*command, f"--{names[-1]}={ports[-1]}"]
        return usual_start(command, *arguments, **options)

    parameter.RayParams, services.start_ray_process = Params, start
    try:
        yield
    finally:
        parameter.RayParams, services.start_ray_process = usual, usual_start


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Nothing is written to standard error, not even by compiled code: Ray tells there how it was told to log."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def _said_when_ray_fails(ray) -> Iterator[None]:
    level = logging.getLogger("ray.data").level
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"ray\.")
            yield
    except ray.exceptions.RayError as error:
        raise RunError(
            f"--engine ray: {_first_line(error)}; what was scored is kept: run the same command again"
        ) from error
    finally:
        logging.getLogger("ray.data").setLevel(level)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
