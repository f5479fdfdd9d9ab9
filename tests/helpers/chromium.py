"""A headless Chromium, spoken to in the DevTools protocol."""

import contextlib
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from websocket import create_connection

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    """A tab."""

    def __init__(self, address: str) -> None:
        self.socket = create_connection(address, suppress_origin=True, timeout=180)
        self.numbers, self.events = itertools.count(1), []

    def call(self, method: str, **params) -> dict:
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def value(self, expression: str):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, expression: str, what: str, seconds: float = 120):
        """The value of an expression as soon as it is true."""
        deadline = time.monotonic() + seconds
        while not (found := self.value(expression)):
            assert time.monotonic() < deadline, what
            time.sleep(0.05)
        return found

    def open(self, address: str) -> None:
        self.call("Page.navigate", url=address)
        deadline = time.monotonic() + 180
        while self.value("document.readyState + location.href") != f"complete{address}":
            assert time.monotonic() < deadline, "the page does not load"
            time.sleep(0.05)

    def press(self, key: str) -> None:
        code = {"Tab": 9, "ArrowRight": 39, "ArrowLeft": 37, "Enter": 13, "ArrowUp": 38}[key]
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    def click(self, selector: str) -> None:
        """Press and release the mouse on the first element that fits."""
        box = f"(e => (e.scrollIntoView(), e.getBoundingClientRect()))(document.querySelector('{selector}'))"
        x, y = self.value(f"(box => [box.left + box.width / 2, box.top + box.height / 2])({box})")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def theme(self, name: str) -> None:
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])


@contextlib.contextmanager
def opened(profile: Path) -> Iterator[Browser]:
    """A tab of a new Chromium, which ends with the block."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    options += ["--disable-background-networking", "--remote-debugging-port=0", f"--user-data-dir={profile}"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([CHROMIUM, *options, "--window-size=1200,900", "about:blank"], **quiet)
    try:
        tab = _first_tab(process, profile / "DevToolsActivePort")
        for domain in ("Page", "Runtime", "Network", "Log"):
            tab.call(f"{domain}.enable")
        yield tab
        tab.socket.close()
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _first_tab(process: subprocess.Popen, port_file: Path) -> Browser:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            port, path = port_file.read_text().split()
            whole = Browser(f"ws://127.0.0.1:{port}{path}")
            target = whole.call("Target.createTarget", url="about:blank")["targetId"]
            whole.socket.close()
            return Browser(f"ws://127.0.0.1:{port}/devtools/page/{target}")
        time.sleep(0.2)
    raise AssertionError("Chromium did not start")
