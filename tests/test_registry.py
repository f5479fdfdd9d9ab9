"""The registry of public files, and downloads from a loopback server that misbehaves on request."""

import hashlib
import http.server
import re
import threading

import pytest

from toxres.data import SOURCES, civil_comments
from toxres.data import registry as registry_module
from toxres.data.download import DownloadError, download
from toxres.data.official import OFFICIAL_TESTS
from toxres.data.registry import COLLECTIONS, RemoteFile, describe, list_sources, pull, remote_files
from toxres.errors import InputError
from toxres.files import sha256

BODY = bytes(range(256)) * 1_000


class Server(http.server.ThreadingHTTPServer):
    """Serves BODY; `mode` says how, `seen` records the ranges it was asked for."""

    mode = "good"
    seen: list[str | None]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args) -> None:
        pass

    def do_GET(self) -> None:
        mode, asked = self.server.mode, self.headers.get("Range")
        self.server.seen.append(asked)
        start = int(re.fullmatch(r"bytes=(\d+)-", asked).group(1)) if asked else 0
        if mode == "missing" or self.path.endswith("absent"):
            return self.send_error(404)
        if mode == "overloaded":
            return self.send_error(503)
        if asked and mode == "refuses ranges":
            return self.send_error(416)
        body = BODY[::-1] if mode == "wrong" else BODY + b"more" if mode == "too long" else BODY
        if asked and mode not in ("no ranges", "wrong", "cut off, no ranges", "refuses ranges"):
            self.send_response(206)
            first = start + 1 if mode == "other range" else start
            self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
            body = body[first:]
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut = len(body) // 3 if mode.startswith("cut off") else len(body)
        self.wfile.write(body[:cut])
        if cut < len(body):
            self.close_connection = True


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server(("127.0.0.1", 0), Handler) as server:
        server.seen = []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def fetch(server, path, body: bytes = BODY, **options) -> None:
    digest = hashlib.sha256(body).hexdigest()
    download(f"{server.url}/file", path, size=len(body), sha256=digest, progress=False, **options)


def leftovers(path) -> list[str]:
    return sorted(item.name for item in path.parent.iterdir())


def test_download_and_verify(server, tmp_path):
    path = tmp_path / "folder" / "file"
    fetch(server, path)
    assert path.read_bytes() == BODY
    assert leftovers(path) == ["file"]
    assert server.seen == [None]


def test_a_truncated_body_is_never_put_in_place_and_the_next_call_resumes(server, tmp_path):
    path = tmp_path / "file"
    server.mode = "cut off"
    with pytest.raises(DownloadError, match=r"broke off after 85,333 of 256,000 bytes.*goes on from there"):
        fetch(server, path, attempts=1)
    assert leftovers(path) == [".file.part"]
    server.mode = "good"
    fetch(server, path)
    assert path.read_bytes() == BODY
    assert server.seen == [None, "bytes=85333-"]
    assert leftovers(path) == ["file"]


def test_broken_connections_are_taken_up_again_in_one_call(server, tmp_path):
    server.mode = "cut off"
    with pytest.raises(DownloadError, match=r"broke off after 180,148 of 256,000"):
        fetch(server, tmp_path / "file", attempts=3)
    assert server.seen == [None, "bytes=85333-", "bytes=142222-"]


@pytest.mark.parametrize("mode", ["no ranges", "refuses ranges", "other range"])
def test_restart_where_the_server_cannot_resume(server, tmp_path, mode):
    (tmp_path / ".file.part").write_bytes(BODY[:1_000])
    server.mode = mode
    fetch(server, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == BODY
    assert server.seen[0] == "bytes=1000-"


def test_a_truncated_body_without_ranges(server, tmp_path):
    server.mode = "cut off, no ranges"
    with pytest.raises(DownloadError, match="broke off after 85,333"):
        fetch(server, tmp_path / "file")
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("mode", ["wrong", "too long"])
def test_another_body_is_thrown_away(server, tmp_path, mode):
    server.mode = mode
    with pytest.raises(DownloadError, match=r"sent another file \(sha256 .* nothing was kept"):
        fetch(server, tmp_path / "file")
    assert leftovers(tmp_path / "file") == []


def test_a_wrong_beginning_from_an_earlier_call_does_not_survive(server, tmp_path):
    (tmp_path / ".file.part").write_bytes(b"x" * 1_000)
    with pytest.raises(DownloadError, match="another file"):
        fetch(server, tmp_path / "file")
    fetch(server, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == BODY


def test_a_complete_part_is_not_fetched_again(server, tmp_path):
    (tmp_path / ".file.part").write_bytes(BODY)
    fetch(server, tmp_path / "file")
    assert server.seen == []


def test_an_existing_file_stays_when_a_download_fails(server, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    server.mode = "wrong"
    with pytest.raises(DownloadError):
        fetch(server, path)
    assert path.read_bytes() == b"old"


def test_no_such_file_overload_and_no_connection(server, tmp_path):
    server.mode = "missing"
    with pytest.raises(DownloadError, match=r"/file: HTTP 404.*by hand"):
        fetch(server, tmp_path / "file")
    server.mode = "overloaded"
    with pytest.raises(DownloadError, match=r"broke off after 0 of .*HTTP 503"):
        fetch(server, tmp_path / "file")
    with pytest.raises(DownloadError, match="no connection"):
        download("http://127.0.0.1:9/file", tmp_path / "file", size=1, sha256="", progress=False)
    assert leftovers(tmp_path / "file") == []


@pytest.fixture
def registered(monkeypatch):
    """Two files of the size and hash that the server sends, one the registry has no URL for."""
    digest = hashlib.sha256(BODY).hexdigest()
    files = (
        RemoteFile("davidson", "davidson/labeled data.csv", "http://127.0.0.1:9/x", len(BODY), digest, "MIT", "-"),
        RemoteFile("madlibs", "madlibs/absent", "http://127.0.0.1:9/x", len(BODY), digest, "MIT", "-"),
        RemoteFile("poleval2019", "poleval2019/text.txt", None, len(BODY), digest, "BSD", "-"),
    )
    monkeypatch.setattr(registry_module, "remote_files", lambda: files)


def test_pull_fetches_once(server, registered, tmp_path):
    report = pull(["davidson"], base_url=server.url, dest=tmp_path, progress=False)
    path = tmp_path / "davidson" / "labeled data.csv"
    assert report.downloaded == (path,)
    assert path.read_bytes() == BODY
    again = pull(["davidson"], base_url=server.url, dest=tmp_path, progress=False)
    assert (again.downloaded, again.present) == ((), (path,))
    assert len(server.seen) == 1
    path.write_bytes(BODY[:-1])
    assert pull(["davidson"], base_url=server.url, dest=tmp_path, progress=False).downloaded == (path,)


def test_pull_shows_progress_when_asked(server, registered, tmp_path, capsys):
    pull(["davidson"], base_url=server.url, dest=tmp_path, progress=True)
    assert "labeled data.csv: 100%" in capsys.readouterr().err


def test_pull_names_the_file_that_is_not_there(server, registered, tmp_path):
    with pytest.raises(DownloadError, match=r"madlibs/absent: HTTP 404"):
        pull(["madlibs"], base_url=server.url, dest=tmp_path, progress=False)
    assert not list(tmp_path.rglob("*.*"))


def test_pull_says_what_only_a_person_can_fetch(registered, tmp_path, monkeypatch):
    monkeypatch.setattr(registry_module, "download", lambda url, path, **options: None)
    report = pull(dest=tmp_path, progress=False)
    assert len(report.downloaded) == 2
    assert [line.split(":")[0] for line in report.manual] == ["poleval2019/text.txt", "jigsaw", "civil_comments"]
    assert "2 files downloaded" in str(report)
    assert "kaggle.com" in str(report)
    with pytest.raises(InputError, match="jigsaw cannot be downloaded without a person: accept the rules"):
        pull(["jigsaw"], dest=tmp_path)
    with pytest.raises(InputError, match="'synthetic' cannot be pulled; choose from: toxic_spans"):
        pull(["synthetic"], dest=tmp_path)


def test_pull_goes_to_the_cache_by_default(server, registered, bare_data):
    pull(["davidson"], base_url=server.url, progress=False)
    assert (bare_data.parent / "cache" / "davidson" / "labeled data.csv").read_bytes() == BODY


def test_every_file_is_registered_completely():
    paths = [file.path for file in remote_files()]
    assert len(set(paths)) == len(paths) == 15
    wanted = {path for source in SOURCES.values() for path in source.files} | set(OFFICIAL_TESTS)
    without_hash = {"jigsaw/train.csv", *civil_comments.FILES}
    assert wanted - set(paths) == without_hash, "Kaggle's rules have to be accepted by a person; the hub has no file"
    for file in remote_files():
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert file.size > 0 and file.licence and file.citation
        assert file.url is None or re.fullmatch(r"https://raw\.githubusercontent\.com/[\w./%-]+", file.url)
        assert (file.url is None) == file.path.endswith("text.txt")


def test_registry_matches_the_files_at_hand(data_dir):
    for file in remote_files():
        path = data_dir / file.path
        if path.is_file():
            assert (path.stat().st_size, sha256(path)) == (file.size, file.sha256), file.path


def test_list_and_describe(bare_data):
    table = list_sources().splitlines()
    assert len(table) == 1 + len(SOURCES) + len(COLLECTIONS) - 2
    assert re.match(r"jigsaw +train +no ", table[1])
    assert any(re.match(r"hatecheck +evaluate +no +CC BY 4.0", line) for line in table)
    text = describe("civil_spans")
    assert "severe_toxic   unknown" in text
    assert "toxic_spans/spans.csv (1,016,622 bytes" in text
    assert text.endswith("to get it: toxres data pull civil_spans")
    assert "never train" in describe("hatecheck")
    assert "kaggle.com" in describe("jigsaw")
    with pytest.raises(InputError, match="unknown source 'nothing'; choose one of: jigsaw"):
        describe("nothing")
