#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# The report of uzs lab simulate, as a browser shows it: headless Chromium runs
# its script, and what comes of it is looked at, element by element and as a
# picture. Without Chromium only the file is looked at, unless
# UZS_NEED_BROWSER is set. Behind the usual arguments: programs
# lab-wrong-VARIANT, whose findings are to be in it.
. "$(dirname "$0")/../tools/common.inc"
shift 2
wrong=$(dirname "$0")/../wrong

cat >"$work/seeded.json" <<'END'
[
  { "variant": "obj-read-once", "scenario": "free-compact", "scope": "class-idx",
    "defer": "none", "cpus": 2, "schedules": 41, "found": "invariant",
    "found_at": 17, "schedule": "free-compact/class-idx/none/2/5b" },
  { "variant": "a </script> in a name", "found": "deadlock", "found_at": 3 }
]
END

# What the explorer says of wrong variants, and of the library as it is.
mkdir "$work/found"
for program; do
	name=${program##*/lab-wrong-}
	UZS_LAB_TABLE=$work/found "$wrong/check-lab" "$program" \
		"$wrong/lab/$name.txt" >/dev/null || fail "$name is not found"
done
"$uzs" lab run free-free --cpus 2 --scope class-idx --defer none --json \
	>"$work/found/as-it-is.json" || fail "free-free finds something"
set --
for file in "$work"/found/*.json; do
	set -- "$@" --seeded "$file"
done

report=$work/report.html
runs_well "$uzs" lab simulate --objects 600 --cpus 1,4,32 --scope all \
	--defer all --html "$report" --seeded "$work/seeded.json" "$@"
check "a report" [ -s "$report" ]
check "nothing from a network" sh -c \
	"! grep -v 'http://www.w3.org/' '$report' | grep -q '://\|<link\|@import\|src='"

fails_with 1 "uzs lab: $work/none.json: No such file or directory" \
	"$uzs" lab simulate --objects 100 --cpus 1 --html "$work/x" \
	--seeded "$work/none.json"
echo 'not JSON' >"$work/text.json"
fails_with 1 "uzs lab: $work/text.json: is no result of *" \
	"$uzs" lab simulate --objects 100 --cpus 1 --html "$work/x" \
	--seeded "$work/text.json"

need_browser
browser elements "$report" >"$work/dom" || {
	fail "the browser did not show it"
	finish
}

# has WHAT COUNT PATTERN: so many of them, at least.
has() {
	n=$(grep -o -- "$3" "$work/dom" | wc -l | tr -d ' ')
	check "$1: $n" [ "$n" -ge "$2" ]
}

has "the script came to its end" 1 'data-ready="yes"'
has "charts" 3 'class="chart"'
has "curves" 27 'class="series scope-'
has "points" 81 '<circle'
has "rows of the results" 28 '<td class="t">\(none\|array\|percpu\)</td>'
has "buttons of the timelines" 9 '<button aria-pressed="[a-z]*">[a-z-]*, [a-z]*'
has "lanes of the CPUs" 4 '>CPU [0-3]</text>'
has "locks held" 100 'class="hold"'
has "what a lane says" 100 'has it [0-9]* ns'
has "the key" 2 '<i style='
check "class->lock is in the key" grep -q 'class-&gt;lock</dt>' "$work/dom"
check "pool->lock is in the key" grep -q 'pool-&gt;lock</dt>' "$work/dom"
check "what they are" grep -q 'fullness lists, counts and free lists' "$work/dom"
check "each is explained" sh -c "! grep -q 'not explained' '$work/dom'"
has "the table of bugs" 1 'id="seeded-table"'
has "a bug" 1 '<td class="t">obj-read-once</td>'
has "a bug with a strange name" 1 'a &lt;/script&gt; in a name'

# The explorer's own rows: the cells are what it said, in their order.
row_of() {
	tr -d '\n' <"$work/dom" | sed 's/<tr>/\n<tr>/g' |
		sed 's:</tr>.*::' | grep -F "<td class=\"t\">$1</td>"
}
for file in "$work"/found/*.tsv; do
	[ -e "$file" ] || continue
	tab=$(printf '\t')
	while IFS=$tab read -r name scenario found at steps _ schedule; do
		cells="$found</td><td class=\"t\">$at</td><td class=\"t\">$steps"
		cells="$cells</td><td class=\"t\">$schedule</td>"
		row=$(row_of "$name")
		case $row in
		*"<td class=\"t\">$scenario</td>"*"$cells"*) is=0 ;;
		*) is=1 ;;
		esac
		check "$name: $cells in: $row" [ $is -eq 0 ]
	done <"$file"
done
case $(row_of as-it-is) in
*'<td class="t">free-free</td>'*'<td class="t">nothing</td>'*) is=0 ;;
*) is=1 ;;
esac
check "as it is, nothing is found: $(row_of as-it-is)" [ $is -eq 0 ]
has "costs" 20 '<td class="t">\(measured\|assumed\|published\|fitted\): '

browser picture "$report" "$work/shot.png" 1280x2000 || {
	fail "no picture of it"
	finish
}
# PNG: its signature, its width and height, and too many bytes for a page
# with nothing on it.
equal "signature" 89504e470d0a1a0a \
	"$(od -An -tx1 -N8 "$work/shot.png" | tr -d ' \n')"
equal "width and height" "00000500000007d0" \
	"$(od -An -tx1 -j16 -N8 "$work/shot.png" | tr -d ' \n')"
size=$(wc -c <"$work/shot.png" | tr -d ' ')
check "a picture of $size bytes" [ "$size" -gt 40000 ]

# One count of CPUs: bars with their values, no single dots.
report=$work/one.html
runs_well "$uzs" lab simulate --objects 300 --cpus 4 --scope all --html "$report"
browser elements "$report" >"$work/dom" || fail "the browser did not show one count"
has "the script came to its end" 1 'data-ready="yes"'
has "bars" 9 'class="bar"'
check "no dots" sh -c "! grep -q '<circle' '$work/dom'"

finish
