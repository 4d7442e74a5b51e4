"""A headless Chromium, to open pages with as a reader would: by its debugging pipe, with nothing else installed.

For tests and measurements of pages. Chromium comes from the system's packages (`apt-get install chromium`).
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome")
"""Of the program, by preference."""

_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # a container's root has none
    "--remote-debugging-pipe",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",  # WebGL without a graphics card
)
_TO_BROWSER, _FROM_BROWSER = 3, 4  # the descriptors that the pipe is expected at


def chromium() -> str | None:
    """Where Chromium is; `None` if it is not installed."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class BrowserError(Exception):
    """The browser refused a command, or has gone."""


class Browser:
    """One Chromium with one tab. A context manager; it ends the browser.

    Args:
        width: of the window, in pixels.
        height: likewise.
        is_dark: whether pages are asked for dark colours.

    Raises:
        BrowserError: Chromium is not installed.
    """

    def __init__(self, *, width: int = 1280, height: int = 800, is_dark: bool = False) -> None:
        program = chromium()
        if program is None:
            raise BrowserError(f"got none of {', '.join(NAMES)} on the path; expected Chromium installed.")
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        # The shell puts the pipe's two ends where Chromium looks for them, whatever their numbers are here.
        script = f'exec "$@" {_TO_BROWSER}<&{commands} {_FROM_BROWSER}>&{answers}'
        arguments = [*_FLAGS, f"--user-data-dir={self._folder.name}", f"--window-size={width},{height}"]
        self._process = subprocess.Popen(  # noqa: S603 - a fixed command
            ["/bin/bash", "-c", script, "bash", program, *arguments, "about:blank"],
            pass_fds=(commands, answers),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._stream = os.fdopen(self._answers, "rb")
        self._rest = b""
        self._count = 0
        self._session: str | None = None
        self.messages: list[dict[str, Any]] = []
        """Everything that the browser said by itself: requests, errors, console lines."""
        [tab, *_] = [one for one in self._call("Target.getTargets")["targetInfos"] if one["type"] == "page"]
        attached = self._call("Target.attachToTarget", targetId=tab["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self._call(f"{domain}.enable")
        self._call("Performance.enable", timeDomain="threadTicks")
        self.resize(width, height)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def resize(self, width: int, height: int) -> None:
        """Give the page another size, in pixels."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def open(self, page: Path) -> None:
        """Open a file and wait until it is loaded."""
        self.messages.clear()
        self._call("Page.navigate", url=page.resolve().as_uri())
        while not any(one["method"] == "Page.loadEventFired" for one in self.messages):
            self._read()

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for.

        Raises:
            BrowserError: it throws.
        """
        answer = self._call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserError(answer["exceptionDetails"]["exception"].get("description", "an exception"))
        return answer["result"].get("value")

    @property
    def worked_s(self) -> float:
        """Processor seconds of the page's own thread since it was opened; other programs do not count."""
        found = self._call("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in found if one["name"] == "TaskDuration"))

    def screenshot(self, file: Path) -> None:
        """Save what is seen as png."""
        picture = self._call("Page.captureScreenshot", format="png")
        file.write_bytes(base64.b64decode(picture["data"]))

    @property
    def requests(self) -> list[str]:
        """Addresses that were asked for since the page was opened, the page's own included."""
        return [
            one["params"]["request"]["url"]
            for one in self.messages
            if one["method"] == "Network.requestWillBeSent"
        ]

    @property
    def errors(self) -> list[str]:
        """What was thrown and caught by nobody since the page was opened."""
        return [
            json.dumps(one["params"]["exceptionDetails"])
            for one in self.messages
            if one["method"] == "Runtime.exceptionThrown"
        ]

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        self._process.wait()
        os.close(self._commands)
        self._stream.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give a command and wait for its answer."""
        self._count += 1
        command = {"id": self._count, "method": method, "params": parameters}
        if self._session is not None:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") != self._count:
                continue
            if "error" in answer:
                raise BrowserError(f"{method}: {answer['error']['message']}")
            return dict(answer["result"])

    def _read(self) -> dict[str, Any]:
        """The next message."""
        while b"\0" not in self._rest:
            part = os.read(self._stream.fileno(), 1 << 20)
            if not part:
                raise BrowserError("the browser has ended.")
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        if "method" in message:
            self.messages.append(message)
        return message
