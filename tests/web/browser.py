"""Chromium under the control of a test, through its debugging pipe."""

import base64
import fcntl
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from programs import require_program

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
DARK = "--blink-settings=preferredColorScheme=0"
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
TIMEOUT_SECONDS = 90.0
_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
          "--disable-extensions", "--remote-debugging-pipe")  # fmt: skip
# Chromium expects the ends of its pipes at these two numbers.
_START = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4);"
    " os.execv(sys.argv[3], sys.argv[3:])"
)


class Browser:
    """A process of Chromium; its answers and events come in one stream."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader, self._writer = reader, writer
        self._buffer = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        message |= {"sessionId": session} if session else {}
        os.write(self._writer, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            assert select.select([self._reader], (), (), TIMEOUT_SECONDS)[0], "no answer"
            part = os.read(self._reader, 1 << 20)
            assert part, "Chromium has ended"
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        result: dict[str, Any] = json.loads(message)
        return result


class Tab:
    """One page in the browser, which shares no cookie and no storage with others."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._place = browser.call("Target.createBrowserContext")
        target = browser.call("Target.createTarget", url="about:blank", **self._place)["targetId"]
        attached = browser.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        return self._browser.call(method, self._session, **params)

    def open(self, url: str, *, width: int = 1400, height: int = 900, dark: bool = False) -> None:
        self.resize(width, height)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=url)

    def resize(self, width: int, height: int) -> None:
        metrics = {"deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, **metrics)

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression, or of the promise that it is."""
        answer = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str) -> Any:
        """Wait until an expression is true, and return its value."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        # Before a page is loaded, its elements do not exist.
        script = f"(() => {{ try {{ return {condition}; }} catch {{ return false; }} }})()"
        while not (value := self.evaluate(script)):
            if time.monotonic() > deadline:
                shown = self.evaluate("document.body.innerText")
                raise AssertionError(f"never true: {condition}: {shown}")
            time.sleep(0.05)
        return value

    def click(self, selector: str) -> None:
        self.wait(f"!!document.querySelector({json.dumps(selector)})")
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def fill(self, selector: str, text: str) -> None:
        found = f"document.querySelector({json.dumps(selector)})"
        self.evaluate(
            f"{found}.value = {json.dumps(text)};"
            f" {found}.dispatchEvent(new Event('input', {{bubbles: true}}))"
        )

    def press(self, key: str, code: int = 0) -> None:
        event = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        event |= {"text": "\r"} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **event)
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def screenshot(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def problems(self) -> list[str]:
        """Return the errors of scripts, and what the content security policy refused."""
        self.evaluate("0")
        found = []
        for event in self._browser.events:
            if event.get("sessionId") != self._session:
                continue
            if event["method"] == "Runtime.exceptionThrown":
                found.append(json.dumps(event["params"]["exceptionDetails"]))
            if event["method"] == "Log.entryAdded":
                entry = event["params"]["entry"]
                # A status of an error is an answer, and the page shows it.
                if entry["level"] == "error" and entry["source"] != "network":
                    found.append(entry["text"])
        return found

    def close(self) -> None:
        self._browser.call("Target.disposeBrowserContext", **self._place)


@contextmanager
def running_browser(directory: Path) -> Iterator[Browser]:
    """Yield a browser with an empty profile in ``directory``."""
    program = require_program(*BROWSERS, purpose="the pages")
    pipes = [os.pipe(), os.pipe()]
    # The numbers 3 and 4 must be free in the new process.
    theirs = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (pipes[0][0], pipes[1][1])]
    ours = pipes[1][0], pipes[0][1]
    command = [sys.executable, "-S", "-c", _START, *map(str, theirs), program, *_FLAGS,
               f"--user-data-dir={directory / 'profile'}"]  # fmt: skip
    process = subprocess.Popen(
        command, pass_fds=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    for end in (*theirs, pipes[0][0], pipes[1][1]):
        os.close(end)
    browser = Browser(*ours)
    try:
        yield browser
        browser.call("Browser.close")
        process.wait(TIMEOUT_SECONDS)
    finally:
        process.kill()
        process.wait()
        for end in ours:
            os.close(end)
