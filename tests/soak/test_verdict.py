#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""How much must go wrong until the verdict of scripts/soak says so: figures as a
soak has them, with noise, and with what is to be found in them. Needs python3."""
import random
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import soak_verdict

INTERVALS = 60


def rows(seed, **grows):
    """grows: a column, and by how much it grows from the first to the last
    interval, as a factor."""
    chance = random.Random(seed)
    usual = {"steps": (700000, 0.05), "refused": (1000, 0.3),
             "rss_kib": (70000, 0.01), "resident_kib": (70000, 0.01),
             "live_kib": (56000, 0.01), "rss_over_live": (1.25, 0.01),
             "calls": (800000, 0.05), "p50_ns": (400, 0.05),
             "p99_ns": (4000, 0.1), "p9999_ns": (300000, 1),
             "ran_p9999_ns": (60000, 0.2), "waited": (80, 0.5),
             "control_p50_ns": (150, 0.05), "control_p9999_ns": (30000, 1),
             "control_ran_p9999_ns": (20000, 0.3), "control_waited": (20, 0.5),
             "max_ns": (20000000, 1), "moved_kib": (5000, 0.2),
             "cpu_ms": (1500, 0.1), "cpu_wait_ms": (6000, 0.3),
             "forks": (2, 0), "checks": (1, 0)}
    out = []
    for n in range(INTERVALS):
        row = {"pool": "user/none", "seconds": str(60 * (n + 1)),
               "interval": str(n)}
        # What the machine does, others' work included, is the same for both.
        busy = chance.choice((1, 1, 1, 3))
        for name, (value, noise) in usual.items():
            value *= grows.get(name, 1) ** (n / (INTERVALS - 1))
            value *= chance.lognormvariate(0, noise)
            if "9999" in name or "waited" in name:
                value *= busy
            row[name] = f"{value:.4f}" if name == "rss_over_live" \
                else str(int(value))
        row["resident_kib"] = row["rss_kib"]
        out.append(row)
    return out


def wrong(seed, **grows):
    return " ".join(soak_verdict.judge(rows(seed, **grows))[0].wrong)


class Verdict(unittest.TestCase):
    def test_noise_is_nothing(self):
        for seed in range(30):
            self.assertEqual(wrong(seed), "", seed)

    def test_memory_that_shrinks_is_nothing(self):
        self.assertEqual(wrong(1, rss_over_live=0.8), "")

    def test_creeping_is_found(self):
        # A seventh more in the whole time.
        for seed in range(30):
            self.assertIn("RSS creeps", wrong(seed, rss_over_live=1.15))

    def test_memory_that_the_pool_does_not_tell(self):
        figures = rows(1)
        figures[40]["rss_kib"] = str(int(figures[40]["rss_kib"]) + 6000)
        self.assertIn("more than the pool says",
                      soak_verdict.judge(figures)[0].wrong[0])

    def test_slower_work_is_found(self):
        for seed in range(30):
            self.assertIn("p99.99 of calls that do not wait grows",
                          wrong(seed, ran_p9999_ns=16))

    def test_more_waits_are_found(self):
        # From 100 to 1700 in a million, half way.
        for seed in range(30):
            self.assertIn("waits", wrong(seed, waited=300))

    def test_long_waits_are_found(self):
        for seed in range(30):
            self.assertIn("p99.99 grows", wrong(seed, p9999_ns=3000))

    def test_slower_machine_is_nothing(self):
        for seed in range(30):
            self.assertEqual(wrong(
                seed, p9999_ns=6, control_p9999_ns=6, ran_p9999_ns=3,
                control_ran_p9999_ns=3, waited=30, control_waited=30,
                p50_ns=3, control_p50_ns=3), "", seed)

    def test_slower_middle_is_found(self):
        self.assertIn("p50 grows", wrong(1, p50_ns=3))

    def test_what_begins_near_the_end(self):
        for seed in range(30):
            figures = rows(seed)
            for row in figures[51:]:
                row["p9999_ns"] = "250000000"
            self.assertIn("p99.99 is 250.0 ms in intervals",
                          soak_verdict.judge(figures)[0].wrong[0])

    def test_threads_that_do_less(self):
        figures = []
        for number, pool in enumerate(("a", "b", "c", "d")):
            own = rows(number)
            for n, row in enumerate(own):
                row["pool"] = pool
                if n > 50 and pool == "b":
                    row["steps"] = "180000"
                if 35 < n < 45:  # the whole machine has other work
                    row["steps"] = "200000"
            figures += own
        judged = soak_verdict.judge(figures)
        self.assertEqual([j.pool for j in judged if j.wrong], ["b"])
        self.assertIn("of their steps", judged[1].wrong[0])

    def test_no_cpu(self):
        figures = rows(1)
        for n, row in enumerate(figures):
            if n > 50:
                row["p9999_ns"], row["steps"] = "250000000", "180000"
                row["cpu_wait_ms"] = "200000"
        judged = soak_verdict.judge(figures)[0]
        self.assertEqual((judged.wrong, len(judged.starved)), ([], 9))
        for row in figures[20:]:
            row["cpu_wait_ms"] = "200000"
        self.assertIn("no verdict", soak_verdict.judge(figures)[0].wrong[0])

    def test_what_is_no_figure(self):
        with self.assertRaises(ValueError):
            soak_verdict.judge([{"pool": "a"}] * 10)
        with self.assertRaises(ValueError):
            soak_verdict.judge(rows(1)[:5])
        self.assertEqual(soak_verdict.judge([]), [])


if __name__ == "__main__":
    unittest.main()
