"""`toxres serve`: an address, one line for what is wrong, an orderly end, and nothing lost when there is none."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest
from helpers.bundles import exported
from helpers.serving import fake_app, served
from helpers.training import trained

from toxres.cli import main
from toxres.cli.newest import newest_bundle
from toxres.errors import InputError
from toxres.files import ROOT
from toxres.serving.candidates import CANDIDATES
from toxres.serving.server import listening

UNSURE = "this is rubbish, see line {}"


@pytest.fixture(scope="module")
def bundle():
    return exported()


@contextlib.contextmanager
def process(*words, code=None):
    """A service in a process of its own, its address, and the process; it is killed if it still lives at the end."""
    command = [sys.executable, "-c", code, *words] if code else [sys.executable, "-m", "toxres", "serve", *words]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", "PYTHONUNBUFFERED": "1"}
    started = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    errors: list[str] = []
    reader = threading.Thread(target=lambda: errors.extend(started.stderr), daemon=True)
    reader.start()
    try:
        line = started.stdout.readline()
        address = re.search(r"http://\S+?:\d+", line)
        assert address, line + "".join(errors)
        with httpx.Client(base_url=address.group(), timeout=60, trust_env=False) as client:
            deadline = time.monotonic() + 120
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if client.get("/readyz").status_code == 200:
                        break
                assert time.monotonic() < deadline and started.poll() is None, "".join(errors)
                time.sleep(0.05)
            yield client, started, errors
    finally:
        if started.poll() is None:
            started.kill()
        started.wait(20)
        reader.join(5)
        started.stdout.close()
        started.stderr.close()


def test_a_bundle_is_served_and_ended_by_a_signal(bundle, tmp_path):
    from toxres.serving import load_bundle

    texts = ["You are an idiot.", "The old bridge is fine and " * 30, ""]
    with process(str(bundle), "--port", "0", "--database", str(tmp_path / "m.db")) as (client, started, errors):
        body = {"comments": [{"text": text} for text in texts]}
        results = client.post("/v1/predict", json=body).json()["results"]
        for name, model in load_bundle(bundle).models.items():
            found = model.predict(texts)
            for row, result in enumerate(results):
                scores = next(each for each in result["models"] if each["model"] == name)
                assert scores["version"] == model.version and scores["windows"] == found.windows[row]
                for column, (label, score) in enumerate(scores["labels"].items()):
                    assert label == model.labels[column]
                    assert score["probability"] == pytest.approx(found.calibrated[row, column], abs=1e-5)
        assert results[1]["models"][0]["windows"] > 1
        explained = client.post("/v1/explain", json={"text": texts[0]}).json()["explanations"]
        assert [each["model"] for each in explained] == ["baseline", "custom"]
        assert client.get("/v1/models").json()["models"][1]["runtime"] in ("onnxruntime", "openvino")
        assert "<title>" in client.get("/").text
        started.send_signal(signal.SIGTERM)
        assert started.wait(60) == 0
    assert all(line.startswith("{") for line in errors if line.strip()), "the log is JSON"


def test_explanations_are_those_of_the_checkpoint(bundle):
    from fastapi.testclient import TestClient

    from toxres.explain import explain
    from toxres.serving.app import create_app
    from toxres.serving.bundle import load_bundle

    text = "Ada says the old crap bridge is fine, you idiot!"
    with TestClient(create_app(load_bundle(bundle))) as client:
        for method in ("occlusion", "attention"):
            body = {"text": text, "method": method, "models": ["custom"]}
            found = client.post("/v1/explain", json=body).json()["explanations"][0]
            expected = explain(trained("custom"), [text], method)[0].to_dict()
            assert (found["words"], found["labels"]) == (expected["words"], list(expected["labels"]))
            for word, other in zip(found["attributions"], expected["attributions"], strict=True):
                assert word == pytest.approx(other, abs=2e-4)
            assert found["scores"] == pytest.approx(expected["scores"], abs=2e-4)


def complaint(capsys, *words) -> str:
    assert main(["serve", *words]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_a_port_in_use_is_one_line(bundle, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"port {port} is in use" in complaint(capsys, str(bundle), "--port", port)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere"], "no such bundle folder"),
        (["nowhere", "--port", "70000"], "0 to 65535"),
        (["nowhere", "--host", "999.1.1.1"], "no address"),
        (["nowhere", "--api-key-file", "nowhere"], "API key"),
        (["nowhere", "--languages", "en,"], "--languages"),
    ],
)
def test_what_can_not_be_served_is_one_line(capsys, words, told):
    assert told in complaint(capsys, *words, *([] if "--port" in words else ["--port", "0"]))


def test_a_changed_bundle_a_missing_triage_and_a_wrong_model_are_one_line(bundle, capsys, tmp_path):
    import shutil

    broken = shutil.copytree(bundle, tmp_path / "broken")
    file = next((broken / "models").rglob("*.onnx"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert "was changed" in complaint(capsys, str(broken), "--port", "0")
    assert "triage.json is missing" in complaint(capsys, str(bundle), "--port", "0", "--triage", str(tmp_path))
    assert "'gpt' is not in the bundle" in complaint(capsys, str(bundle), "--port", "0", "--decides", "gpt")
    other = tmp_path / "other.txt"
    other.write_text("no database, really")
    assert "database" in complaint(capsys, str(bundle), "--port", "0", "--database", str(other))


def test_without_a_checkpoint_one_line_says_what_to_do(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TOXRES_BUILD", str(tmp_path))
    assert "`make run`" in complaint(capsys, "--port", "0")


def test_the_newest_checkpoints_become_a_bundle_once(tmp_path, monkeypatch, capsys):
    import shutil

    monkeypatch.setattr("toxres.serving.export.CANDIDATES", CANDIDATES[:1])
    for name in ("baseline", "custom"):
        shutil.copytree(trained(name), tmp_path / "checkpoints" / name)
    bundle = newest_bundle(tmp_path)
    assert "polic" in capsys.readouterr().out
    first = (bundle / "manifest.json").stat()
    assert newest_bundle(tmp_path) == bundle and (bundle / "manifest.json").stat().st_ino == first.st_ino
    run = tmp_path / "checkpoints" / "custom" / "run.json"
    os.utime(run, (first.st_mtime + 60,) * 2)
    os.utime(newest_bundle(tmp_path) / "manifest.json", (first.st_mtime + 120,) * 2)
    assert (bundle / "manifest.json").stat().st_ino != first.st_ino
    (bundle / "models" / "custom" / "labels.json").write_text("[]")
    assert newest_bundle(tmp_path) == bundle, "a broken one is made anew"
    shutil.rmtree(tmp_path / "checkpoints")
    assert newest_bundle(tmp_path) == bundle


def test_all_addresses_can_be_listened_at():
    with listening("0.0.0.0", 0) as listener:
        assert listener.getsockname()[1] > 0
    with pytest.raises(InputError, match="no listening there"):
        listening("192.0.2.1", 0)


def test_what_was_accepted_is_finished_before_the_end():
    app = fake_app(seconds=0.003)
    answers = []
    with served(app) as client:
        address = str(client.base_url)

        def ask(number: int) -> None:
            answers.append(
                httpx.post(f"{address}/v1/predict", json={"text": "word " * 20}, trust_env=False, timeout=60)
            )

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        taken = app.state.service.metrics.in_flight._value
        while taken.get() + len(answers) < 8:
            time.sleep(0.001)
    for thread in threads:
        thread.join(30)
    assert [each.status_code for each in answers] == [200] * 8


KILLED = """
import sys
from helpers.serving import fake_app
from toxres.serving.server import listening, run
from toxres.serving.settings import Settings
from toxres.triage.database import open_database
listener = listening("127.0.0.1", 0)
print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
run(fake_app(database=open_database(sys.argv[1], create=True)), listener, Settings())
"""


def killed(path, rounds: int, seconds: float) -> tuple[int, set[int]]:
    """Kill a service in the middle of decisions, again and again; returns acknowledged decisions, and those found."""
    from sqlmodel import select

    from toxres.triage.database import open_database
    from toxres.triage.tables import Decision

    acknowledged: set[int] = set()
    for number in range(rounds):
        with process(str(path), code=KILLED) as (client, started, _):
            moderator = f"m{number}"
            end = threading.Timer(seconds * (1 + number % 5) / 5, started.kill)
            with contextlib.suppress(httpx.TransportError):
                for step in range(10_000):
                    text = UNSURE.format(f"{number} {'i' * (step % 50)} {'j' * (step // 50)}")
                    body = {"comments": [{"id": f"{number}-{step}", "text": text, "group": "news"}]}
                    assert client.post("/v1/moderate", json=body).status_code == 200
                    for each in client.get("/v1/queue", params={"moderator": moderator}).json()["comments"]:
                        decision = {"comment_id": each["comment_id"], "moderator": moderator, "verdict": "accept"}
                        answer = client.post("/v1/decisions", json=decision)
                        assert answer.status_code == 200, answer.text
                        acknowledged.add(answer.json()["decision"])
                        if end.ident is None:
                            end.start()
    with open_database(path) as database, database.read() as session:
        return len(acknowledged), acknowledged - set(session.exec(select(Decision.id)).all())


def test_a_killed_service_comes_back_and_has_lost_no_decision(tmp_path):
    count, lost = killed(tmp_path / "m.db", 2, 1.0)
    assert count > 0 and lost == set()


@pytest.mark.stress
def test_a_service_killed_twenty_times_has_lost_no_decision(tmp_path):
    count, lost = killed(tmp_path / "m.db", 20, 3.0)
    assert count > 100 and lost == set()


def test_answers_are_sent_at_once():
    with listening("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.proto == socket.IPPROTO_TCP, "asyncio sets TCP_NODELAY on no other"
