/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_flame.c - draws where the time of a call goes: for each variant of a group
 * a bar as wide as a call takes, below it its parts, each divided again: the call
 * it is in, what is waited for or done, the field or lock, the place. Owns no
 * state.
 */
#include "sim_break.h"
#include "sim_out.h"

#include <string.h>

#define WIDTH 1180.0
#define LEFT 10.0
#define BAR 20.0 /* height */
#define LEVELS 5
#define PANEL (LEVELS * (BAR + 1) + 34)
#define LETTER 6.3 /* how wide it is, about */
#define LEAST 1.0 /* narrower ones are not drawn */

static const char *const colours[SIM_NR_PARTS] = {
	[SIM_PART_LOCK] = "#e58b7b",   [SIM_PART_LINE] = "#f2b36b",
	[SIM_PART_MEMORY] = "#9cc3e6", [SIM_PART_ATOMIC] = "#f3dc8c",
	[SIM_PART_WORK] = "#b9d8a8",   [SIM_PART_ZONE] = "#cdb9e0",
	[SIM_PART_CPU] = "#d5d5d5",    [SIM_PART_OS] = "#c2c2c2",
};

struct panel {
	FILE *out;
	const struct sim_breakdown *b;
	double y, px_of_ps, ns_of_ps;
	char text[192]; /* of a level: see text_of() */
};

/* What the row is called on that level. */
static const char *text_of(struct panel *p, const struct sim_row *row,
			   int level)
{
	switch (level) {
	case 2:
		return sim_kind_name(row->kind);
	case 3:
		if (row->kind == SIM_PART_LINE)
			snprintf(p->text, sizeof(p->text), "%s's line",
				 row->what);
		else
			snprintf(p->text, sizeof(p->text), "%s", row->what);
		return row->what[0] ? p->text : "";
	default:
		if (row->line)
			snprintf(p->text, sizeof(p->text), "%s:%u",
				 row->function, row->line);
		else
			snprintf(p->text, sizeof(p->text), "%s", row->function);
		return p->text;
	}
}

static bool same_until(const struct sim_row *a, const struct sim_row *b,
		       int level)
{
	return a->call == b->call && (level < 2 || a->kind == b->kind) &&
	       (level < 3 || !strcmp(a->what, b->what)) &&
	       (level < 4 ||
		(!strcmp(a->function, b->function) && a->line == b->line));
}

static void put_text(const char *text, size_t most, FILE *out)
{
	for (; *text && most; text++, most--) {
		if (*text == '>')
			fputs("&gt;", out);
		else if (*text == '<')
			fputs("&lt;", out);
		else if (*text == '&')
			fputs("&amp;", out);
		else
			putc(*text, out);
	}
}

static void draw_bar(struct panel *p, double x, double width, int level,
		     const char *colour, const char *text, u64 ps)
{
	double y = p->y + level * (BAR + 1);

	if (!text[0])
		return;
	fprintf(p->out,
		"<g><title>%.1f ns, %.1f %%: ", (double)ps * p->ns_of_ps,
		100 * (double)ps / (double)p->b->callers_ps);
	put_text(text, 200, p->out);
	fprintf(p->out,
		"</title><rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" "
		"height=\"%.0f\" fill=\"%s\" stroke=\"#fff\" "
		"stroke-width=\"0.5\"/>",
		x, y, width, BAR, colour);
	if (width > 4 * LETTER) {
		fprintf(p->out, "<text x=\"%.2f\" y=\"%.1f\">", x + 3, y + 14);
		put_text(text, (size_t)((width - 6) / LETTER), p->out);
		fputs("</text>", p->out);
	}
	fputs("</g>\n", p->out);
}

/* Draws the rows that are like `row` until the level, side by side with the next
 * level below them. Each group is drawn where its longest row comes, so that long
 * ones are left. */
static double draw_level(struct panel *p, const struct sim_row *like, double x,
			 int level)
{
	const struct sim_breakdown *b = p->b;

	if (level == LEVELS)
		return x;
	for (unsigned int r = 0; r < b->nr; r++) {
		const struct sim_row *row = &b->rows[r];
		bool first = sim_row_counts(row) &&
			     same_until(row, like, level - 1);
		u64 ps = 0;

		for (unsigned int q = 0; first && q < r; q++)
			first = !same_until(&b->rows[q], row, level);
		if (!first)
			continue;
		for (unsigned int q = r; q < b->nr; q++)
			if (same_until(&b->rows[q], row, level))
				ps += b->rows[q].ps;
		if ((double)ps * p->px_of_ps >= LEAST) {
			draw_bar(p, x, (double)ps * p->px_of_ps, level,
				 colours[row->kind], text_of(p, row, level),
				 ps);
			draw_level(p, row, x, level + 1);
		}
		x += (double)ps * p->px_of_ps;
	}
	return x;
}

/* First the allocator's calls, then the caller's own time, so that variants are
 * easy to compare. */
static void draw_calls(struct panel *p)
{
	static const enum sim_call order[] = {
		SIM_CALL_FREE,	SIM_CALL_FREE_LATER, SIM_CALL_MALLOC,
		SIM_CALL_WRITE, SIM_CALL_READ,	     SIM_CALL_REF,
		SIM_CALL_NONE
	};
	double x = LEFT;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		const struct sim_row call = { .call = order[i] };
		u64 ps = 0;

		for (unsigned int r = 0; r < p->b->nr; r++)
			if (p->b->rows[r].call == order[i])
				ps += p->b->rows[r].ps;
		if (!ps)
			continue;
		draw_bar(p, x, (double)ps * p->px_of_ps, 1, "#e4e4e4",
			 sim_call_name(order[i]), ps);
		x = draw_level(p, &call, x, 2);
	}
}

static void draw_legend(double y, FILE *out)
{
	double x = LEFT;

	for (int k = 0; k < SIM_NR_PARTS; k++) {
		const char *name = sim_kind_meaning((enum sim_part_kind)k);

		if (x + LETTER * (double)strlen(name) > WIDTH) {
			x = LEFT;
			y += 18;
		}
		fprintf(out,
			"<rect x=\"%.0f\" y=\"%.0f\" width=\"12\" "
			"height=\"12\" fill=\"%s\"/><text x=\"%.0f\" "
			"y=\"%.0f\">%s</text>\n",
			x, y, colours[k], x + 16, y + 10, name);
		x += 30 + LETTER * (double)strlen(name);
	}
}

void sim_print_flame(const struct sim_table *t, FILE *out)
{
	unsigned int group = sim_break_group(t);
	const struct sim_cell *c = &t->cells[group];
	double height = 40 + t->variants * PANEL + 60, most = 1;

	for (unsigned int v = 0; v < t->variants; v++)
		most = max(most, (double)t->breakdowns[group + v].callers_ps /
					 (double)t->outcomes[group + v].ops);
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" "
		"viewBox=\"0 0 %.0f %.0f\" font-family=\"sans-serif\" "
		"font-size=\"12\" fill=\"#222\" class=\"flame\">\n"
		"<title>where the time of a call goes</title>\n"
		"<rect width=\"%.0f\" height=\"%.0f\" fill=\"#fff\"/>\n"
		"<text x=\"%.0f\" y=\"18\" font-weight=\"bold\">%s, %s, %u "
		"CPUs, %u processes: the time of a call, and below it in what, "
		"for what, of what, where</text>\n",
		WIDTH + 2 * LEFT, height, WIDTH + 2 * LEFT, height, LEFT,
		t->costs->name, sim_work_names[c->work], c->cpus, c->callers);
	for (unsigned int v = 0; v < t->variants; v++) {
		const struct sim_breakdown *b = &t->breakdowns[group + v];
		double ops = (double)t->outcomes[group + v].ops;
		struct panel p = { .out = out,
				   .b = b,
				   .y = 34 + v * PANEL,
				   .px_of_ps = WIDTH / most / ops,
				   .ns_of_ps = 1 / 1000.0 / ops };
		char name[96];

		snprintf(name, sizeof(name), "%s: %.1f ns",
			 sim_variant_name(t, group + v),
			 (double)b->callers_ps * p.ns_of_ps);
		draw_bar(&p, LEFT, (double)b->callers_ps * p.px_of_ps, 0,
			 "#cfcfcf", name, b->callers_ps);
		draw_calls(&p);
	}
	draw_legend(40 + t->variants * PANEL, out);
	fputs("</svg>\n", out);
}
