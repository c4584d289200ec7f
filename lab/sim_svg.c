/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_svg.c - draws a simulated table: time by CPUs, time won against the first
 * variant by CPUs, waiting by CPUs, and scaling by CPUs. Owns no state.
 */
#include "sim_out.h"

#include <math.h>
#include <string.h>

#include "tools/variants.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))

#define WIDTH 1180 /* of three charts */
#define WIDTH_OF_ALL 1570
#define HEIGHT 470
#define PLOT_W 290.0
#define PLOT_H 300.0
#define PLOT_Y 70.0

/* The last is there only where one CPU was simulated, too. */
enum chart { CHART_TIME, CHART_RATIO, CHART_WAIT, CHART_SCALING, NR_CHARTS };

static const struct {
	const char *title, *unit;
	double x;
	bool log;
} charts[NR_CHARTS] = {
	[CHART_TIME] = { "Until the last call returns", "ns for each call", 70,
			 true },
	[CHART_RATIO] = { "Speed", "times the first variant's", 460, false },
	[CHART_WAIT] = { "Waiting for locks and their lines",
			 "% of the CPUs' time", 850, false },
	[CHART_SCALING] = { "Scaling", "of perfect, which is 1", 1240, false },
};

static const char *colour(enum zs_lock_scope scope)
{
	static const char *const colours[] = { "#000", "#c0392b", "#b8860b",
					       "#1f6fb2", "#2e8b57" };

	/* Only as many scopes as there are colours look different. */
	return colours[scope % NR(colours)];
}

static const char *dashes(enum zs_defer_mode defer)
{
	static const char *const patterns[] = { "", "", "7 4", "2 3" };

	return patterns[defer % NR(patterns)];
}

static double value_of(const struct sim_table *t, enum chart chart,
		       unsigned int i)
{
	const struct sim_outcome *o = &t->outcomes[i];

	switch (chart) {
	case CHART_TIME:
		return (double)o->call_ps / 1000 / t->cells[i].objects /
		       t->cells[i].rounds;
	case CHART_RATIO:
		return sim_ratio(t, i);
	case CHART_SCALING:
		return sim_scaling(t, i);
	default:
		return 100 *
		       sim_share(t, i,
				 o->run.time.lock_ps + o->run.line.moves_ps);
	}
}

/* The quantity in which the groups differ. */
static unsigned int x_of(const struct sim_table *t, unsigned int i)
{
	bool cpus = t->cells[0].cpus != t->cells[t->nr - 1].cpus;

	return cpus ? t->cells[i].cpus : t->cells[i].callers;
}

struct axes {
	enum chart chart;
	double x0, x1; /* log2 */
	double y0, y1; /* log10, where the chart uses it */
};

static struct axes axes_of(const struct sim_table *t, enum chart chart)
{
	struct axes a = { .chart = chart,
			  .x0 = 1e9,
			  .x1 = 0,
			  .y0 = charts[chart].log ? 1e9 : 0,
			  .y1 = -1e9 };

	for (unsigned int i = 0; i < t->nr; i++) {
		double x = log2(x_of(t, i)), y = value_of(t, chart, i);

		if (charts[chart].log)
			y = log10(fmax(y, 0.01));
		a.x0 = fmin(a.x0, x);
		a.x1 = fmax(a.x1, x);
		a.y0 = fmin(a.y0, y);
		a.y1 = fmax(a.y1, y);
	}
	if (charts[chart].log) {
		a.y0 = floor(a.y0 * 2) / 2;
		a.y1 = ceil(a.y1 * 2) / 2;
	}
	if (a.x1 - a.x0 < 1)
		a.x1 = a.x0 + 1;
	if (a.y1 - a.y0 < 1e-3)
		a.y1 = a.y0 + 1;
	if (!charts[chart].log)
		a.y1 *= 1.08;
	return a;
}

static double plot_x(const struct axes *a, double cpus)
{
	return charts[a->chart].x +
	       (log2(cpus) - a->x0) / (a->x1 - a->x0) * PLOT_W;
}

static double plot_y(const struct axes *a, double y)
{
	if (charts[a->chart].log)
		y = log10(fmax(y, 0.01));
	return PLOT_Y + PLOT_H - (y - a->y0) / (a->y1 - a->y0) * PLOT_H;
}

static void tick_y(const struct axes *a, double y, FILE *out)
{
	double at = plot_y(a, y), x = charts[a->chart].x;

	if (at < PLOT_Y - 1 || at > PLOT_Y + PLOT_H + 1)
		return;
	fprintf(out,
		"<path class=\"grid\" d=\"M%.1f %.1fh%.0f\" "
		"stroke=\"#ddd\"/>"
		"<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
		x, at, PLOT_W, x - 6, at + 4, y);
}

static void draw_axes(const struct sim_table *t, const struct axes *a,
		      FILE *out)
{
	double x = charts[a->chart].x, step, decade;
	unsigned int last = 0;

	fprintf(out,
		"<text x=\"%.0f\" y=\"%.0f\" font-weight=\"bold\">%s</text>"
		"<text x=\"%.0f\" y=\"%.0f\">%s</text>\n",
		x, PLOT_Y - 32, charts[a->chart].title, x, PLOT_Y - 14,
		charts[a->chart].unit);
	if (charts[a->chart].log) {
		for (decade = 0.01; decade < 1e7; decade *= 10) {
			tick_y(a, decade, out);
			tick_y(a, decade * 2, out);
			tick_y(a, decade * 5, out);
		}
	} else {
		step = pow(10, floor(log10(a->y1)));
		if (a->y1 / step < 2.5)
			step /= 4;
		else if (a->y1 / step < 5)
			step /= 2;
		for (double y = 0; y <= a->y1; y += step)
			tick_y(a, y, out);
	}
	for (unsigned int i = 0; i < t->nr; i += t->variants) {
		unsigned int cpus = x_of(t, i);

		if (cpus == last)
			continue;
		last = cpus;
		fprintf(out,
			"<text x=\"%.1f\" y=\"%.0f\" "
			"text-anchor=\"middle\">%u</text>\n",
			plot_x(a, cpus), PLOT_Y + PLOT_H + 18, cpus);
	}
	fprintf(out,
		"<path class=\"axis\" d=\"M%.0f %.0fv%.0fh%.0f\" fill=\"none\" "
		"stroke=\"#333\"/>"
		"<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"middle\">%s</text>"
		"\n",
		x, PLOT_Y, PLOT_H, PLOT_W, x + PLOT_W / 2, PLOT_Y + PLOT_H + 36,
		t->cells[0].cpus != t->cells[t->nr - 1].cpus ? "CPUs"
							     : "processes");
}

static void draw_series(const struct sim_table *t, const struct axes *a,
			unsigned int variant, FILE *out)
{
	const struct sim_cell *c = &t->cells[variant];

	fprintf(out,
		"<g class=\"series scope-%d\" stroke=\"%s\" fill=\"%s\">"
		"<path d=\"",
		(int)c->scope, colour(c->scope), colour(c->scope));
	for (unsigned int i = variant; i < t->nr; i += t->variants)
		fprintf(out, "%c%.1f %.1f", i == variant ? 'M' : 'L',
			plot_x(a, x_of(t, i)),
			plot_y(a, value_of(t, a->chart, i)));
	fprintf(out,
		"\" fill=\"none\" stroke-width=\"2\" "
		"stroke-dasharray=\"%s\"/>\n",
		dashes(c->defer));
	for (unsigned int i = variant; i < t->nr; i += t->variants)
		fprintf(out,
			"<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\">"
			"<title>%s %s, %u: %.4g</title></circle>\n",
			plot_x(a, x_of(t, i)),
			plot_y(a, value_of(t, a->chart, i)),
			sim_scope_name(c->scope), variant_defer_name(c->defer),
			x_of(t, i), value_of(t, a->chart, i));
	fputs("</g>\n", out);
}

static void draw_legend(const struct sim_table *t, FILE *out)
{
	double x = 70, y = PLOT_Y + PLOT_H + 62;

	for (unsigned int v = 0; v < t->variants; v++) {
		const struct sim_cell *c = &t->cells[v];

		fprintf(out,
			"<path class=\"scope-%d\" d=\"M%.0f %.0fh34\" "
			"stroke=\"%s\" "
			"stroke-width=\"2\" stroke-dasharray=\"%s\"/>"
			"<text x=\"%.0f\" y=\"%.0f\">%s, %s</text>\n",
			(int)c->scope, x, y - 4, colour(c->scope),
			dashes(c->defer), x + 42, y, sim_scope_name(c->scope),
			variant_defer_name(c->defer));
		x += 200;
		if (v % 5 == 4) {
			x = 70;
			y += 20;
		}
	}
}

static double bar_row(const struct sim_table *t)
{
	return fmin(26, PLOT_H / t->nr);
}

/* With one count of CPUs there is no curve: a bar for each variant, with its value. */
static void draw_bars(const struct sim_table *t, enum chart chart, FILE *out)
{
	double x = charts[chart].x, most = 0, row;

	for (unsigned int i = 0; i < t->nr; i++)
		most = fmax(most, value_of(t, chart, i));
	row = bar_row(t);
	fprintf(out,
		"<text x=\"%.0f\" y=\"%.0f\" font-weight=\"bold\">%s</text>"
		"<text x=\"%.0f\" y=\"%.0f\">%s</text>\n",
		x, PLOT_Y - 32, charts[chart].title, x, PLOT_Y - 14,
		charts[chart].unit);
	for (unsigned int i = 0; i < t->nr; i++) {
		const struct sim_cell *c = &t->cells[i];
		double value = value_of(t, chart, i);
		double width = most > 0 ? value / most * (PLOT_W - 175) : 0;
		double y = PLOT_Y + i * row;

		fprintf(out,
			"<g class=\"series scope-%d\" stroke=\"%s\" "
			"fill=\"%s\">"
			"<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" "
			"width=\"%.1f\" height=\"%.1f\" "
			"fill-opacity=\"0.35\" stroke-dasharray=\"%s\"/></g>"
			"<text x=\"%.1f\" y=\"%.1f\">%s, %s</text>"
			"<text x=\"%.1f\" y=\"%.1f\">%.3g</text>\n",
			(int)c->scope, colour(c->scope), colour(c->scope),
			x + 122, y, fmax(width, 1), row - 6, dashes(c->defer),
			x, y + row / 2 + 1, sim_scope_name(c->scope),
			variant_defer_name(c->defer), x + 128 + width,
			y + row / 2 + 1, value);
	}
}

void sim_print_svg(const struct sim_table *t, FILE *out)
{
	bool one = x_of(t, 0) == x_of(t, t->nr - 1);
	int height = one ? (int)(PLOT_Y + t->nr * bar_row(t)) + 10 : HEIGHT;
	bool scales = sim_scaling(t, 0) >= 0;
	int width = scales ? WIDTH_OF_ALL : WIDTH;

	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" "
		"viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
		"font-size=\"12\" fill=\"#222\">\n"
		"<title>%s, %s by CPUs, simulated</title>\n"
		"<rect class=\"ground\" width=\"%d\" height=\"%d\" "
		"fill=\"#fff\"/>\n",
		width, height, t->costs->name, sim_work_names[t->cells[0].work],
		width, height);
	for (int chart = 0; chart < (scales ? NR_CHARTS : CHART_SCALING);
	     chart++) {
		struct axes a = axes_of(t, (enum chart)chart);

		fprintf(out, "<g class=\"chart\">\n");
		if (one) {
			draw_bars(t, (enum chart)chart, out);
		} else {
			draw_axes(t, &a, out);
			for (unsigned int v = 0; v < t->variants; v++)
				draw_series(t, &a, v, out);
		}
		fputs("</g>\n", out);
	}
	if (!one)
		draw_legend(t, out);
	fputs("</svg>\n", out);
}
