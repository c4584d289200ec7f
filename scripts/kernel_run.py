# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Runs the programs of scripts/kernel-test, deep and soak, side by side, each with
a log and a limit of time. Needs python3's standard library."""
import contextlib
import os
import signal
import subprocess
import sys
import time

JOBS = os.cpu_count() or 2


def end_on_signals():
    """With an exception, so that what was started ends and what was made is
    removed."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, lambda n, _: sys.exit(128 + n))


class Child:
    """A process with its own group, whose output goes to a log; what it prints
    on stdout to a file of its own, if one is given."""

    def __init__(self, command, log, env=None, rows=None):
        log.parent.mkdir(parents=True, exist_ok=True)
        self.command = [str(c) for c in command]
        with contextlib.ExitStack() as files:
            errors = files.enter_context(open(log, "w"))
            out = files.enter_context(open(rows, "w")) if rows else errors
            self.process = subprocess.Popen(
                self.command, env=env, stdin=subprocess.DEVNULL,
                stdout=out, stderr=errors, start_new_session=True)
        self.began = time.monotonic()
        self.status = None  # as long as there is none
        self.seconds = 0.0

    def ended(self, limit):
        """Has it ended by itself, or been ended after limit seconds?"""
        self.status = self.process.poll()
        self.seconds = time.monotonic() - self.began
        late = self.status is None and limit and self.seconds > limit
        if late:
            self.end()
        return late or self.status is not None

    def end(self):
        """Whatever it has started ends, too."""
        if self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def run_children(jobs, limit=None):
    """Runs jobs, the arguments of Child, as many at a time as there are CPUs.
    Returns the children. Whatever ends the wait, a signal too, all that was
    started ends."""
    children, running, waiting = [], [], list(jobs)
    try:
        while waiting or running:
            while waiting and len(running) < JOBS:
                running.append(Child(*waiting.pop(0)))
                children.append(running[-1])
            time.sleep(0.01)
            running = [c for c in running if not c.ended(limit)]
    finally:
        for child in running:
            child.end()
    return children


def execute(command, log, limit=None, env=None):
    """Returns the exit status, None if there was none after limit seconds."""
    return run_children([(command, log, env)], limit)[0].status


def execute_all(jobs, limit):
    """The same for jobs as (command, log): a list."""
    return [child.status for child in run_children(jobs, limit)]
