# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""A page in headless Chromium: opens a file, runs scripts in it, presses keys, makes
pictures. Through a pipe, with nothing but Python's own library. No test starts a
browser but by this.

usage: browser.py find                  its path; status 1: there is none
       browser.py elements FILE         the page's elements, when its scripts are done
       browser.py picture FILE PNG [WIDTHxHEIGHT] [dark] [SCRIPT...]
                                        a picture, after these scripts; "key NAME"
                                        presses a key

Pages with scripts say by data-ready of their body when they are done.
Example: browser.py picture /tmp/pool.html /tmp/pool.png 1340x1000 "key PageDown"
"""

import base64
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find():
    """The path of a browser, or None."""
    return next((p for p in map(shutil.which, NAMES) if p), None)


class Page:
    def __init__(self, path, width=1280, height=900, dark=False, wait=60):
        self.home = tempfile.mkdtemp(prefix="uzs-browser.")
        self.number = 0
        self.buffer = b""
        down_read, self.down = os.pipe()
        self.up, up_write = os.pipe()
        # The browser reads descriptor 3 and writes to 4.
        def descriptors():
            a, b = os.dup(down_read), os.dup(up_write)
            os.dup2(a, 3)
            os.dup2(b, 4)
        self.log = open(os.path.join(self.home, "log"), "w+b")
        self.process = subprocess.Popen(
            [find(), "--headless", "--no-sandbox", "--disable-gpu",
             "--disable-dev-shm-usage", "--no-first-run",
             "--proxy-server=127.0.0.1:9", f"--user-data-dir={self.home}/p",
             f"--window-size={width},{height}", "--remote-debugging-pipe"],
            env={**os.environ, "HOME": self.home}, preexec_fn=descriptors,
            close_fds=False, stderr=self.log, stdin=subprocess.DEVNULL)
        os.close(down_read)
        os.close(up_write)
        try:
            target = self.call("Target.createTarget",
                               url="about:blank")["targetId"]
            self.session = self.call("Target.attachToTarget", targetId=target,
                                     flatten=True)["sessionId"]
            self.call("Page.enable")
            # Of the page's main thread, whatever else the machine does.
            self.call("Performance.enable", timeDomain="threadTicks")
            self.call("Emulation.setDeviceMetricsOverride", width=width,
                      height=height, deviceScaleFactor=1, mobile=False)
            if dark:
                self.call("Emulation.setEmulatedMedia", features=[
                    {"name": "prefers-color-scheme", "value": "dark"}])
            self.call("Page.navigate", url="file://" + os.path.abspath(path))
            self.until("location.protocol === 'file:'", wait)
            self.until("document.readyState === 'complete' && "
                       "(document.body.dataset.ready || !document.scripts.length)", wait)
        except BaseException:
            self.close()
            raise

    session = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.process.kill()
        self.process.wait()
        for fd in (self.down, self.up):
            os.close(fd)
        self.log.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.down, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + 120
        while True:
            answer = self.read(end)
            if answer.get("id") != self.number:
                continue
            if "error" in answer:
                raise RuntimeError(f"{method}: {answer['error']}")
            return answer["result"]

    def read(self, end):
        while b"\0" not in self.buffer:
            if not select.select([self.up], [], [], end - time.monotonic())[0]:
                raise TimeoutError("the browser does not answer")
            part = os.read(self.up, 1 << 20)
            if not part:
                self.log.seek(0)
                sys.stderr.buffer.write(self.log.read()[-2000:])
                raise RuntimeError("the browser has ended")
            self.buffer += part
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def run(self, script):
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=script,
                           returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def cpu_ms(self, name="TaskDuration"):
        """CPU time that the page's main thread has taken so far; ProcessTime: its
        process, with its start, workers and helpers."""
        metrics = self.call("Performance.getMetrics")["metrics"]
        return 1000 * next(m["value"] for m in metrics if m["name"] == name)

    def until(self, script, seconds):
        end = time.monotonic() + seconds
        while not self.run(script):
            if time.monotonic() > end:
                raise TimeoutError(script)
            time.sleep(0.02)

    def key(self, key, text=""):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key,
                      text=text if kind == "keyDown" else "")

    def click(self, x, y):
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y,
                      button="left", clickCount=1)

    def picture(self, path):
        """A picture of what is visible, as PNG. Return: its bytes."""
        data = base64.b64decode(self.call("Page.captureScreenshot",
                                          format="png")["data"])
        if path:
            with open(path, "wb") as out:
                out.write(data)
        return data


def main():
    what, *words = sys.argv[1:] or ["--help"]
    if what not in ("find", "elements", "picture") or \
            len(words) < ("find", "elements", "picture").index(what):
        print(__doc__.split("\n\n", 1)[1].strip(),
              file=sys.stdout if what == "--help" else sys.stderr)
        return 0 if what == "--help" else 2
    if not find():
        return "browser.py: no Chromium here" if what != "find" else 1
    if what == "find":
        print(find())
        return 0
    size, dark, scripts = (1280, 900), False, words[2:]
    if scripts and re.fullmatch(r"\d+x\d+", scripts[0]):
        size = tuple(map(int, scripts.pop(0).split("x")))
    if scripts and scripts[0] == "dark":
        dark = bool(scripts.pop(0))
    if not os.path.isfile(words[0].split("#")[0]):
        return f"browser.py: {words[0]}: no such file"
    with Page(words[0], *size, dark=dark) as page:
        if what == "elements":
            print(page.run("document.documentElement.outerHTML"))
            return 0
        for script in scripts:
            if script.startswith("key "):
                page.key(script[4:], script[4:] if len(script) == 5 else "")
            else:
                page.run(f"(() => {{ {script}; }})()")
        page.run("new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")
        page.picture(words[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
