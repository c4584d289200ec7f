# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Draws the rows of uzs-soak: memory and times of each pool, over time. Needs
python3's standard library."""
import math

from svg import legend, line, path, picture, text

COLUMNS = 3
WIDTH, HEIGHT, LEFT, GAP, TOP = 300, 110, 52, 20, 40
CELL = 2 * HEIGHT + 74  # a pool: memory, and times below
# (column, name, colour)
MEMORY = [("rss_kib", "the process's RSS", "#b0356b"),
          ("resident_kib", "what the pool says", "#e0a030"),
          ("live_kib", "bytes stored", "#1b6ca8")]
TIMES = [("max_ns", "longest", "#c9c9c9"), ("p9999_ns", "p99.99", "#b0356b"),
         ("ran_p9999_ns", "p99.99 without waits", "#e0a030"),
         ("p99_ns", "p99", "#20808d"), ("p50_ns", "p50", "#1b6ca8"),
         ("control_p9999_ns", "p99.99 without the library", "#5a9e5a")]
TICKS_NS = [(100, "0.1 us"), (10000, "10 us"), (1000000, "1 ms"),
            (100000000, "0.1 s"), (10000000000, "10 s")]


def frame(x, top, hours):
    """The axis of time, and a word below it."""
    unit, name = (60, "minutes") if hours * 60 >= 2 else (3600, "seconds")
    return [line(x, top + HEIGHT, x + WIDTH, top + HEIGHT, "#000"),
            text(x + WIDTH, top + HEIGHT + 12, f"{hours * unit:.0f} {name}",
                 9, "end")]


def curves(rows, series, x, at):
    end = float(rows[-1]["seconds"])
    return [path([(x + WIDTH * float(row["seconds"]) / end,
                   at(float(row[column]))) for row in rows], colour)
            for column, _, colour in series]


def memory_panel(rows, x, top):
    high = 1.1 * max(float(row[column]) for row in rows
                     for column, _, _ in MEMORY) / 1024
    step = 10 ** math.floor(math.log10(max(high, 1)))
    step = step if high / step < 5 else 2 * step

    def at(kib):
        return top + HEIGHT - kib / 1024 / high * HEIGHT

    out = frame(x, top, float(rows[-1]["seconds"]) / 3600)
    for tick in range(0, int(high / step) + 1):
        y = at(tick * step * 1024)
        out.append(line(x, y, x + WIDTH, y, "#ddd"))
        out.append(text(x - 5, y + 3, f"{tick * step:g} MiB", 9, "end"))
    return out + curves(rows, MEMORY, x, at)


def times_panel(rows, x, top):
    high = math.log(max(10000.0, 1.5 * max(
        float(row[column]) for row in rows for column, _, _ in TIMES)) / 50)

    def at(ns):
        return top + HEIGHT - math.log(max(ns, 50) / 50) / high * HEIGHT

    out = frame(x, top, float(rows[-1]["seconds"]) / 3600)
    for tick, name in TICKS_NS:
        if math.log(tick / 50) <= high:
            out.append(line(x, at(tick), x + WIDTH, at(tick), "#ddd"))
            out.append(text(x - 5, at(tick) + 3, name, 9, "end"))
    return out + curves(rows, TIMES, x, at)


def draw(judged, rows):
    """judged: of soak_verdict; rows: of all pools."""
    out = legend(LEFT, 12, [(name, colour) for _, name, colour in MEMORY])
    out += legend(LEFT + 480, 12, [(name, colour) for _, name, colour in TIMES])
    for number, pool in enumerate(judged):
        own = [row for row in rows if row["pool"] == pool.pool]
        x = LEFT + number % COLUMNS * (WIDTH + LEFT + GAP)
        top = TOP + number // COLUMNS * CELL + 20
        out.append(text(x, top - 6, pool.pool + (" FAILED" if pool.wrong
                                                 else ""), 12, "start",
                        'font-weight="bold"'))
        out += memory_panel(own, x, top)
        out += times_panel(own, x, top + HEIGHT + 24)
    rows_of_cells = -(-len(judged) // COLUMNS)
    width = max(LEFT + COLUMNS * (WIDTH + LEFT + GAP), 1160)
    return picture(width, TOP + rows_of_cells * CELL + 10, out)
