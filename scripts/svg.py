# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Pieces of SVG pictures that scripts draw. Needs python3's standard library."""
from html import escape


def text(x, y, string, size=12, anchor="middle", extra=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" '
            f'text-anchor="{anchor}" {extra}>{escape(string)}</text>')


def line(x1, y1, x2, y2, colour):
    return (f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" '
            f'y2="{y2:.1f}" stroke="{colour}"/>')


def path(points, colour):
    """A line through points. In steps of a tenth, from point to point: short."""
    tenths = [(round(10 * x), round(10 * y)) for x, y in points]
    steps = [(x - a, y - b)
             for (x, y), (a, b) in zip(tenths[1:], tenths[:-1])]
    return (f'<path transform="scale(.1)" fill="none" stroke="{colour}" '
            f'stroke-width="10" d="m{tenths[0][0]} {tenths[0][1]}'
            + "".join(f" {x}{y}" if y < 0 else f" {x} {y}"
                      for x, y in steps) + '"/>')


def legend(x, y, entries):
    """Squares with names, one beside the other. entries: (name, colour)."""
    out = []
    for name, colour in entries:
        out.append(f'<rect x="{x}" y="{y}" width="12" height="12" '
                   f'fill="{colour}"/>')
        out.append(text(x + 17, y + 11, name, 12, "start"))
        x += 32 + 6.6 * len(name)
    return out


def picture(width, height, parts):
    return "\n".join(
        [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
         f'height="{height}" viewBox="0 0 {width} {height}" '
         'font-family="sans-serif">',
         '<rect width="100%" height="100%" fill="#fff"/>']
        + parts + ["</svg>"]) + "\n"
