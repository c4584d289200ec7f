# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Draws what `uzs-free --csv` prints:
#   gnuplot -e "csv='free-release.csv'; svg='free-release.svg'" bench-free.gnuplot
# One panel for each kind of work and number of threads; bars are medians of
# the rounds: dark until the calls returned (whiskers minimum and maximum),
# light until every object was free.
if (!exists("csv") || !exists("svg")) {
	print "bench-free.gnuplot: set csv and svg with -e"
	exit status 2
}
set datafile separator ","
set datafile columnheaders

# Functions of a row: gnuplot wants an argument, which means nothing.
# What there is in the file, in its order: words that are put together. An
# empty field (does not apply) is a "-".
field(name) = strlen(strcol(name)) ? strcol(name) : "-"
panel_of(row) = sprintf("%s|%s|%s|%s|%s|%s", strcol("work"), strcol("threads"), \
	field("class"), field("zspages"), strcol("pages"), \
	strcol("work") eq "release" ? strcol("ops") : "-")
variant_of(row) = strcol("lock_scope") . "|" . strcol("defer")
add(list, word) = strstrt(" " . list . " ", " " . word . " ") ? list : \
	list . (strlen(list) ? " " : "") . word
part(word, n) = word(join(word), n)
# "a|b|c" as words
join(text) = strstrt(text, "|") ? text[1:strstrt(text, "|") - 1] . " " . \
	join(text[strstrt(text, "|") + 1:*]) : text

panels = ""
variants = ""
cells = ""
stats csv using (panels = add(panels, panel_of(0)), \
	variants = add(variants, variant_of(0)), \
	cells = add(cells, panel_of(0) . "~" . variant_of(0)), 0) nooutput

# ms of a release; ns for each object and thread of other work
scale(row) = strcol("work") eq "release" ? 1e-6 : \
	column("threads") / column("ops")
pick(panel, variant, name) = \
	(panel_of(0) eq panel && variant_of(0) eq variant) ? \
	column(name) * scale(0) : NaN

columns = words(panels) > 1 ? 2 : 1
rows = (words(panels) + columns - 1) / columns
set terminal svg size 520 * columns, 300 * rows + 20 dynamic \
	font "sans-serif,11" background "white"
set output svg
set multiplot layout rows, columns
set style fill solid noborder
set boxwidth 0.8
set grid ytics lc rgb "#dddddd"
set border 3
set tics nomirror
set xtics rotate by -35
set key top right samplen 1
set tmargin 3
set bmargin 5
set rmargin 5

do for [p = 1:words(panels)] {
	panel = word(panels, p)
	array calls[words(variants)]
	array low[words(variants)]
	array high[words(variants)]
	array back[words(variants)]
	array names[words(variants)]
	nr = 0
	top = 0.0
	set autoscale # stats sees no further than the last panel's ranges
	do for [v = 1:words(variants)] {
		variant = word(variants, v)
		if (add(cells, panel . "~" . variant) eq cells) {
			stats csv using (pick(panel, variant, "call_ns")) \
				nooutput
			nr = nr + 1
			names[nr] = part(variant, 1) . " " . part(variant, 2)
			calls[nr] = STATS_median
			low[nr] = STATS_min
			high[nr] = STATS_max
			stats csv using (pick(panel, variant, "back_ns")) \
				nooutput
			back[nr] = STATS_median
			top = high[nr] > top ? high[nr] : top
			top = back[nr] > top ? back[nr] : top
		}
	}
	work = part(panel, 1)
	threads = part(panel, 2)
	set title work . ", " . threads . " thread" . \
		(threads eq "1" ? "" : "s") . \
		(part(panel, 3) eq "-" ? "" : ", class " . part(panel, 3)) . \
		(part(panel, 4) eq "-" ? "" : ", zspages " . part(panel, 4)) . \
		", free memory " . part(panel, 5) . \
		(part(panel, 6) eq "-" ? "" : \
			sprintf("\n%d objects each", part(panel, 6) / threads))
	set ylabel work eq "release" ? "ms" : "ns per object and thread"
	set xrange [0.4:nr + 0.6]
	set yrange [0:top * 1.25]
	# arrays are not read like the file
	unset datafile columnheaders
	set datafile separator whitespace
	plot back using 1:2:xtic(names[int($1)]) \
			with boxes lc rgb "#a9cfe8" title "every object free", \
		calls using 1:2 \
			with boxes lc rgb "#1b6ca8" title "calls returned", \
		calls using 1:2:(low[int($1)]):(high[int($1)]) \
			with yerrorbars lc rgb "#000000" pt 7 ps 0.2 notitle
	set datafile columnheaders
	set datafile separator ","
}
unset multiplot
