# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""What others published of zs_free (bench/published.tsv), and how it is simulated:
for scripts/lab-validate and scripts/kernel-test --simulate. Needs python3's
standard library."""
import os
import struct
import typing

from bench_common import ROOT

# Of the published work: few sizes, as a program writes them that fills its
# pages all alike; which, nobody says.
FEW_SIZES = (775, 1525, 2275, 3025)


class Platform(typing.NamedTuple):
    name: str  # in bench/published.tsv
    cpus: int
    fitted: str  # the one number of its table that is
    least: float
    most: float
    change: tuple  # scope, deferral and processes of the value it is fitted to
    what: str


PLATFORMS = {
    "pi-4b": Platform("Raspberry Pi 4B", 4, "line_retry", 0, 1000,
                      ("class-idx", "none", "4"), "ms before"),
    "i7-12700": Platform("i7-12700", 12, "line_retry", 0, 300,
                         ("class-idx", "none", "4"), "ms before"),
    "radxa-o6": Platform("RADXA O6", 12, "page_free", 0, 1500,
                         ("unlocked", "none", "12"), "ratio"),
}


def published():
    names = ("scope", "defer", "platform", "cores", "processes", "mib",
             "before", "after", "source")
    with open(ROOT / "bench/published.tsv") as file:
        for line in file:
            if not line.startswith("#"):
                yield dict(zip(names, line.rstrip("\n").split("\t")))


def few_sizes(directory):
    """The file of sizes, in a directory for such things."""
    path = os.path.join(directory, "few.u16")
    with open(path, "wb") as file:
        file.write(struct.pack(f"<{len(FEW_SIZES)}H", *FEW_SIZES))
    return path


def off(found, want):
    return f"{100 * (found / want - 1):+.0f} %"
