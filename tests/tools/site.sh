#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# The documentation as HTML: what scripts/site makes of Markdown, that it finds links
# that lead nowhere, and that a browser shows the pages without a network, light and
# dark. Without Chromium the last is left out, unless UZS_NEED_BROWSER is set. The
# usual arguments are not looked at.
. "$(dirname "$0")/common.inc"
root=$(dirname "$0")/../..
site=$work/site

# The project's own.
runs_well python3 "$root/scripts/site" --output "$site"
cp "$work/out" "$work/said"
check "nothing from a network" sh -c "! grep -rlE \
	'<(img|script|link|iframe)[^>]+(src|href)=\"(https?:)?//|@import|url\((https?:)?//' '$site'"
for name in $(sed -n 's/^\t\(zs_[a-z_]*[a-z]\);$/\1/p' "$root/src/uzsmalloc.syms"); do
	check "$name is in the reference" grep -rq "id=\"$name\"" "$site/api"
done
check "docs/lab.md is a page" [ -s "$site/docs/lab.html" ]
check "a drawing was copied" [ -s "$site/docs/floors.svg" ]
check "docs lead to the reference" grep -q \
	'<a href="../api/objects.html#zs_free"><code>zs_free</code></a>' \
	"$site/docs/how-it-works.html"
runs_well python3 "$root/scripts/site" --output "$site"
check "again the same" cmp "$work/said" "$work/out"
mkdir "$work/mine"
echo kept >"$work/mine/file"
fails_with 2 "site: $work/mine: is there, and no site" \
	python3 "$root/scripts/site" --output "$work/mine"
check "what is no site stays" [ -s "$work/mine/file" ]

# A project with what is wrong, and with each form of Markdown.
mkdir -p "$work/p/scripts" "$work/p/include" "$work/p/docs"
cp "$root/scripts/site" "$root/scripts/"*_doc.py "$root/scripts/bench_common.py" \
	"$work/p/scripts/"
cp "$root/include/uzsmalloc.h" "$work/p/include/"
cat >"$work/p/README.md" <<'END'
# A *title* with `zs_free`
See [one](docs/one.md#second-part), [no file](docs/none.md), [no
heading](docs/one.md#none), [below](#a-list), [away](https://example.org/).
## A list
- first
  goes on
  - inner `a|b` & <b>
- **bold**, *italic*, 2 * 3 * 4

1. one
2. two

| left | right `x|y` |
|---|---:|
| a | [b](docs/one.md) |

    code & <more>

```c
int f(void);	/* [no](link) */
```
END
printf '# One\n## Second part\ntext\n## Second part\n' >"$work/p/docs/one.md"
run python3 "$work/p/scripts/site" --output "$work/p/out"
equal "a link that leads nowhere" 1 "$status"
check "no file" grep -qx 'site: README.md: docs/none.md: no such file' "$work/err"
check "no heading" grep -qx \
	'site: README.md: docs/one.md#none: no such heading' "$work/err"
equal "nothing else in the text" 2 "$(grep -c '^site: README' "$work/err")"
has() {
	check "$1" grep -qF -- "$2" "$work/p/out/$3"
}
has "title" '<h1 id="a-title-with-zs_free">A <em>title</em> with <a ' index.html
has "link" '<a href="docs/one.html#second-part">one</a>' index.html
has "away" '<a href="https://example.org/">away</a>' index.html
has "list" 'first
goes on' index.html
has "inner list" '<li>inner <code>a|b</code> &amp; &lt;b&gt;</li>' index.html
has "bold" '<strong>bold</strong>, <em>italic</em>, 2 * 3 * 4' index.html
has "numbers" '<ol>' index.html
has "head of a table" '<th class="right">right <code>x|y</code></th>' index.html
has "cell of a table" '<td class="right"><a href="docs/one.html">b</a></td>' index.html
has "indented code" '<pre><code>code &amp; &lt;more&gt;</code></pre>' index.html
has "fenced code" '/* [no](link) */</code></pre>' index.html
has "a heading again" '<h2 id="second-part-1">' docs/one.html
has "back" '<a href="../index.html">' docs/one.html

need_browser
# The first pixel of a picture: it is the background's.
pixel() {
	python3 - "$1" <<'END'
import struct, sys, zlib
data, at, image = open(sys.argv[1], "rb").read(), 8, b""
while at < len(data):
    size, kind = struct.unpack(">I4s", data[at:at + 8])
    image += data[at + 8:at + 8 + size] if kind == b"IDAT" else b""
    at += size + 12
print(zlib.decompress(image)[1:4].hex())
END
}
for scheme in dark light; do
	set -- 1280x900
	[ "$scheme" = light ] || set -- 1280x900 dark
	browser picture "$site/api/objects.html" "$work/$scheme.png" "$@" || {
		fail "no picture of it, $scheme"
		finish
	}
	[ "$scheme" = dark ] && wanted=14171b || wanted=ffffff
	equal "background, $scheme" "$wanted" "$(pixel "$work/$scheme.png")"
	size=$(wc -c <"$work/$scheme.png" | tr -d ' ')
	check "a picture of $size bytes, $scheme" [ "$size" -gt 30000 ]
done
finish
