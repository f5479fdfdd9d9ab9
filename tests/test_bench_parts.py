"""The parts that benchmarks are made of: clients, servers, processes, cuts, and the scores they are judged by."""

import asyncio
import json
import threading

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from toxres.bench import Setting, service, startup, subjects, training
from toxres.bench.client import Load, send
from toxres.bench.servers import launched
from toxres.bench.training import seconds_to
from toxres.bench.training_sides import LEVERS, prepare
from toxres.config import PRESETS
from toxres.errors import RunError

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def test_latencies_are_ranked():
    load = Load(1.0, [0.1 * number for number in range(1, 101)], [])
    assert load.quantile(0.5) == pytest.approx(5.0) and load.quantile(0.99) == pytest.approx(9.9)
    assert load.quantile(1.0) == pytest.approx(10.0) and Load(1.0, [3.0], []).quantile(0.99) == 3.0


@pytest.fixture
def echo():
    """A server that answers with what it got, and with 500 to `bad`; the most requests at once are in `seen`."""
    seen, started = {"most": 0, "now": 0}, threading.Event()

    async def answer(reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = int(head.lower().split("content-length: ")[1].split()[0])
                body = await reader.readexactly(length)
                seen["now"] += 1
                seen["most"] = max(seen["most"], seen["now"])
                await asyncio.sleep(0.01)
                seen["now"] -= 1
                status = "500 Sorry" if b"bad" in body else "200 OK"
                writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        except asyncio.IncompleteReadError:
            writer.close()

    async def serve():
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        seen["port"], seen["loop"] = server.sockets[0].getsockname()[1], asyncio.get_running_loop()
        seen["stop"] = asyncio.Event()
        started.set()
        await seen["stop"].wait()
        server.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    started.wait(10)
    yield seen
    seen["loop"].call_soon_threadsafe(seen["stop"].set)
    thread.join(10)


def test_clients_send_everything_once_so_many_at_a_time(echo):
    texts = [f"text {number} ü" for number in range(20)]
    load = send(echo["port"], "/p", texts, 4)
    assert [json.loads(answer)["text"] for answer in load.answers] == texts
    assert echo["most"] == 4
    assert len(load.latencies) == 20 and min(load.latencies) >= 0.01 and load.seconds >= 5 * 0.01


def test_an_answer_that_is_no_200_is_an_error(echo):
    with pytest.raises(ExceptionGroup) as caught:
        send(echo["port"], "/p", ["bad"], 1)
    assert "/p: HTTP/1.1 500" in str(caught.value.exceptions[0])


def test_a_server_is_waited_for_and_ended():
    with launched(["-c", SERVER, "{port}"]) as server:
        assert 0 < server.seconds < 60 and server.memory > 5
        port = server.port
    with pytest.raises(ConnectionRefusedError):
        send(port, "/", ["x"], 1)


def test_a_server_that_ends_says_why():
    with (
        pytest.raises(RunError, match="does not get ready: SystemExit: no models"),
        launched(["-c", "print('SystemExit: no models'); raise SystemExit(1)"]),
    ):
        pass


def test_a_process_is_timed_and_what_it_prints_is_told():
    sample = startup.prepare_process(["-c", "print('it took'); print(0.25)"])()
    assert sample.figures["told"] == 0.25 and sample.figures["process"] > 0 and sample.memory > 1
    with pytest.raises(RunError, match="exit code 3"):
        startup.prepare_process(["-c", "raise SystemExit(3)"])()


def words() -> Tokenizer:
    """A token a word, two special ones around them."""
    tokenizer = Tokenizer(models.WordLevel({"[S]": 0, "[E]": 1, "[U]": 2}, unk_token="[U]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing("[S] $A [E]", special_tokens=[("[S]", 0), ("[E]", 1)])
    return tokenizer


@pytest.mark.parametrize(("tokens", "kept"), [(9, "a bb  ccc d"), (6, "a bb  ccc d"), (5, "a bb  ccc"), (3, "a")])
def test_a_text_is_cut_where_the_tokens_end(tokens, kept):
    assert service.cut("a bb  ccc d", words(), tokens) == kept
    assert len(words().encode(kept).ids) <= tokens


def test_probabilities_of_either_service_have_one_shape():
    labels = {"toxic": {"probability": 0.5}, "threat": {"probability": 0.25}}
    ours = {"results": [{"models": [{"windows": 1, "labels": labels}] * 2}]}
    assert service.probabilities(ours) == [[0.5, 0.25]] * 2
    assert service.probabilities({"a": {"toxic": 0.5, "threat": 0.25}, "b": {"toxic": 1, "threat": 0}})[1] == [1, 0]
    with pytest.raises(RunError, match="several windows"):
        service.probabilities({"results": [{"models": [{"windows": 2, "labels": labels}]}]})


def test_time_to_a_score_is_the_end_of_the_first_epoch_that_has_it():
    assert seconds_to([1.0, 2.0, 4.0], [0.1, 0.3, 0.2], 0.2) == 3.0
    assert seconds_to([1.0, 2.0], [0.1, 0.3], 0.4) == float("inf")


@pytest.mark.parametrize("levers", [LEVERS, ()])
def test_training_goes_on_by_an_epoch_each_time(levers, monkeypatch):
    monkeypatch.delenv("TOXRES_DATA_DIR", raising=False)
    monkeypatch.setitem(PRESETS, "quick", PRESETS["smoke"])
    with prepare(48, 2, list(levers), validate=True) as once:
        first, second = once().figures, once().figures
    assert {"seconds", "tokens", "macro_ap", "toxic_ap"} == set(first)
    assert first["tokens"] * first["seconds"] == pytest.approx(second["tokens"] * second["seconds"])
    assert first["macro_ap"] != second["macro_ap"], "the model learned something in between"


def test_ours_and_the_default_are_measured_at_the_same_size(monkeypatch):
    asked = []

    def alternate(sides, repeats, warmups=1):
        asked.append((sides, repeats))
        raise RunError("enough")

    monkeypatch.setattr(training, "alternate", alternate)
    with pytest.raises(RunError, match="enough"):
        training.run(Setting(threads=1))
    ours, default = asked[0][0].values()
    assert ours.options | {"levers": []} == default.options and ours.threads == default.threads == 1
    assert ours.options["levers"] == list(LEVERS) and ours.environment == default.environment == {}


def test_texts_of_so_many_tokens_are_cut_from_others():
    class Fast:
        def num_special_tokens_to_add(self):
            return 2

        def __call__(self, text, add_special_tokens=True):
            return {"input_ids": [0] * (len(text.split()) + 2 * add_special_tokens)}

    found = subjects.with_tokens(["a b c d", "e f g"], 2, 5, Fast())
    assert found == ["a b c", "d e f"]
    with pytest.raises(Exception, match="only 2 texts of 5 tokens"):
        subjects.with_tokens(["a b c d", "e f g"], 3, 5, Fast())
