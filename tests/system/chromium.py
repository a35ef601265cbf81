"""A headless Chromium driven by its command line alone: load, run a script in the page, take a picture."""

import json
import re
import shutil
import subprocess
from html import escape, unescape

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr", "--v=0")


class Chromium:
    """Pages opened offline in a real browser."""

    def __init__(self, folder):
        found = [path for name in _NAMES if (path := shutil.which(name))]
        if not found:
            pytest.skip("there is no Chromium on PATH (Debian: apt-get install chromium)")
        self._command, self._folder = found[0], folder

    def _start(self, path, *options):
        profile = f"--user-data-dir={self._folder / 'profile'}"
        ran = subprocess.run(
            [self._command, *_FLAGS, profile, *options, path.as_uri()], capture_output=True, text=True, timeout=90
        )
        complaints = [line for line in ran.stderr.splitlines() if ":CONSOLE" in line]
        assert not complaints, complaints
        return ran.stdout

    def evaluate(self, path, script, *options, when=""):
        """The value of a script (an expression, as JSON) in a page; fails on any console message.

        ``when`` names an event of the window to wait for.
        """
        page = self._folder / "evaluated.html"
        told = f"document.body.innerHTML = '<pre>' + JSON.stringify({script}).replaceAll('<', '&lt;') + '</pre>'"
        probe = f"addEventListener('{when}', () => {{ {told} }})" if when else told
        page.write_text(path.read_text().replace("</body></html>", f"<script>{probe}</script></body></html>"))
        dumped = self._start(page, "--dump-dom", *options)
        return json.loads(unescape(re.search(r"<pre>(.*)</pre>", dumped, re.DOTALL)[1]))

    def evaluate_in_frame(self, path, function, *, width):
        """The value of a function of a page's document and window in a frame as wide as said; it may be narrow."""
        outer = self._folder / "outer.html"
        outer.write_text(
            f"<!doctype html><html><body><iframe id=view style='border:0;width:{width}px;height:800px' "
            f"srcdoc='{escape(path.read_text())}'></iframe></body></html>"
        )
        view = "document.getElementById('view')"
        return self.evaluate(outer, f"{function}({view}.contentDocument, {view}.contentWindow)", when="load")

    def picture(self, path, target, size):
        """A screenshot of a page."""
        self._start(path, f"--window-size={size[0]},{size[1]}", f"--screenshot={target}")
        return target
