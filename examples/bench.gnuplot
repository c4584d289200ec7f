# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Draws what the programs "bench" of the examples write: called by those.
#   gnuplot -e "csv='zram.csv'; svg='zram.svg'; panels='in_s iops'; \
#           array titles[2] = ['copied in, s', 'requests a second']; \
#           logarithmic=''" bench.gnuplot
# Bars are medians of the rounds, whiskers minimum and maximum; one for each
# variant, one panel for each column. The panel named logarithmic is that, from
# 10 on.
if (!exists("csv") || !exists("svg") || !exists("panels")) {
	print "bench.gnuplot: set csv, svg, panels, titles, logarithmic with -e"
	exit status 2
}
set datafile separator ","
set datafile columnheaders

# Names may have spaces: they are counted by number.
array names[64]
nr = 0
know(name) = (k = 0, sum [i = 1:nr] (names[i] eq name ? (k = i) : 0), \
	k ? k : (nr = nr + 1, names[nr] = name, nr))
stats csv using (know(strcol("variant"))) nooutput
pick(v, name) = strcol("variant") eq names[v] ? column(name) : NaN

set terminal svg size 1040, 640 dynamic font "sans-serif,11" \
	background "white"
set output svg
set multiplot layout 2, 2
set style fill solid noborder
set boxwidth 0.7
set grid xtics lc rgb "#dddddd"
set border 3
set tics nomirror
set lmargin 22
set rmargin 4
set yrange [nr + 0.6:0.4]
unset key

array low[64]
array middle[64]
array high[64]
do for [nr_panel = 1:words(panels)] {
	panel = word(panels, nr_panel)
	set title titles[nr_panel]
	set datafile columnheaders
	set datafile separator ","
	set autoscale x
	set yrange [*:*]
	do for [v = 1:nr] {
		stats csv using (pick(v, panel)) nooutput
		low[v] = STATS_min
		middle[v] = STATS_median
		high[v] = STATS_max
	}
	# latencies lie far from each other
	if (panel eq logarithmic) {
		set logscale x
		set xrange [10:*]
	} else {
		set xrange [0:*]
	}
	set yrange [nr + 0.6:0.4]
	unset datafile columnheaders
	set datafile separator whitespace
	plot sample [i = 1:nr:1] '+' using (middle[int(i)]):(i): \
			(panel eq logarithmic ? 10 : 0): \
			(middle[int(i)]):(i - 0.35):(i + 0.35): \
			ytic(names[int(i)]) \
			with boxxyerror lc rgb "#1b6ca8", \
		[i = 1:nr:1] '+' using (middle[int(i)]):(i): \
			(low[int(i)]):(high[int(i)]) \
			with xerrorbars lc rgb "#000000" pt 7 ps 0.2
}
unset multiplot
