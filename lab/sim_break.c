/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_break.c - makes rows of the parts of a cell's time, and prints them; see
 * sim_break.h. Owns no state.
 */
#include "tools/uzs.h"

#include "sim_break.h"

#include <stdlib.h>
#include <string.h>

#include "compat/checked/lockdep.h"
#include "sim_out.h"
#include "sim_symbols.h"
#include "tools/variants.h"

#define MOST_ROWS 14 /* of a table */

int sim_break_keep(struct sim_breakdown *b, const struct sim_result *result)
{
	size_t bytes = result->nr_parts * sizeof(*b->parts);

	b->parts = malloc(bytes + 1);
	if (!b->parts)
		return uzs_fail("no memory for %u parts", result->nr_parts);
	memcpy(b->parts, result->parts, bytes);
	b->nr_parts = result->nr_parts;
	b->callers_ps = result->callers_ps;
	return 0;
}

/* ---- rows ------------------------------------------------------------------------ */

static int by_pc(const void *a, const void *b)
{
	const struct sim_symbol *x = a, *y = b;

	return x->pc < y->pc ? -1 : x->pc > y->pc;
}

/* All places of all cells, each once. */
static unsigned int collect(struct sim_symbol *s, const struct sim_breakdown *b,
			    unsigned int nr)
{
	unsigned int n = 0, kept = 0;

	for (unsigned int i = 0; i < nr; i++)
		for (unsigned int p = 0; p < b[i].nr_parts; p++)
			if (b[i].parts[p].pc)
				s[n++].pc = b[i].parts[p].pc;
	qsort(s, n, sizeof(*s), by_pc);
	for (unsigned int i = 0; i < n; i++)
		if (!kept || s[kept - 1].pc != s[i].pc)
			s[kept++] = s[i];
	return kept;
}

static int compare_keys(const struct sim_row *a, const struct sim_row *b)
{
	int order = (int)a->call - (int)b->call;

	if (!order)
		order = (int)a->kind - (int)b->kind;
	if (!order)
		order = strcmp(a->what, b->what);
	if (!order)
		order = strcmp(a->function, b->function);
	if (!order)
		order = strcmp(a->file, b->file);
	return order ? order : (int)a->line - (int)b->line;
}

static int by_key(const void *a, const void *b)
{
	return compare_keys(a, b);
}

static int by_time(const void *a, const void *b)
{
	const struct sim_row *x = a, *y = b;

	if (x->ps != y->ps)
		return x->ps < y->ps ? 1 : -1;
	return compare_keys(x, y);
}

static void make_row(struct sim_row *row, const struct sim_part *part,
		     const struct sim_symbol *symbols, unsigned int nr)
{
	const struct sim_symbol key = { .pc = part->pc }, *s = NULL;

	*row = (struct sim_row){ .call = part->call,
				 .kind = part->kind,
				 .ps = part->ps,
				 .times = part->times };
	memcpy(row->what, part->what, sizeof(row->what));
	if (part->place) {
		snprintf(row->function, sizeof(row->function), "%s",
			 part->place->function ? part->place->function : "");
		snprintf(row->file, sizeof(row->file), "%s",
			 sim_symbols_file(part->place->file));
		row->line = (unsigned int)part->place->line;
		return;
	}
	if (part->pc)
		s = bsearch(&key, symbols, nr, sizeof(*symbols), by_pc);
	if (!s)
		return;
	memcpy(row->function, s->function, sizeof(row->function));
	memcpy(row->file, s->file, sizeof(row->file));
	row->line = s->line;
}

static int make_rows(struct sim_breakdown *b, const struct sim_symbol *symbols,
		     unsigned int nr)
{
	b->rows = calloc(b->nr_parts + 1, sizeof(*b->rows));
	if (!b->rows)
		return uzs_fail("no memory for %u rows", b->nr_parts);
	for (unsigned int i = 0; i < b->nr_parts; i++)
		make_row(&b->rows[i], &b->parts[i], symbols, nr);
	qsort(b->rows, b->nr_parts, sizeof(*b->rows), by_key);
	for (unsigned int i = 0; i < b->nr_parts; i++) {
		struct sim_row *last = b->nr ? &b->rows[b->nr - 1] : NULL;

		if (!last || compare_keys(last, &b->rows[i])) {
			b->rows[b->nr++] = b->rows[i];
			continue;
		}
		last->ps += b->rows[i].ps;
		last->times += b->rows[i].times;
	}
	qsort(b->rows, b->nr, sizeof(*b->rows), by_time);
	free(b->parts);
	b->parts = NULL;
	return 0;
}

int sim_break_finish(struct sim_breakdown *b, unsigned int nr)
{
	struct sim_symbol *symbols;
	unsigned int all = 0, nr_symbols;
	int status = 0;

	for (unsigned int i = 0; i < nr; i++)
		all += b[i].nr_parts;
	symbols = calloc(all + 1, sizeof(*symbols));
	if (!symbols)
		return uzs_fail("no memory for %u places", all);
	nr_symbols = collect(symbols, b, nr);
	sim_symbols_name(symbols, nr_symbols);
	for (unsigned int i = 0; !status && i < nr; i++)
		status = make_rows(&b[i], symbols, nr_symbols);
	free(symbols);
	return status;
}

unsigned int sim_break_group(const struct sim_table *t)
{
	unsigned int best = 0;

	for (unsigned int i = 0; i < t->nr; i += t->variants)
		if (t->cells[i].cpus > t->cells[best].cpus ||
		    (t->cells[i].cpus == t->cells[best].cpus &&
		     t->cells[i].callers > t->cells[best].callers))
			best = i;
	return best;
}

/* ---- the tables --------------------------------------------------------------------- */

/* What a line of the first table has in common. */
struct line {
	enum sim_call call;
	enum sim_part_kind kind;
	char what[32];
	double ns; /* of a call, the most in any group */
};

static double per_op(const struct sim_table *t, unsigned int i, u64 ps)
{
	return (double)ps / 1000 / (double)t->outcomes[i].ops;
}

static double sum_of(const struct sim_table *t, unsigned int i,
		     const struct line *line)
{
	const struct sim_breakdown *b = &t->breakdowns[i];
	u64 ps = 0;

	for (unsigned int r = 0; r < b->nr; r++)
		if (sim_row_counts(&b->rows[r]) &&
		    (!line || (b->rows[r].call == line->call &&
			       b->rows[r].kind == line->kind &&
			       !strcmp(b->rows[r].what, line->what))))
			ps += b->rows[r].ps;
	return per_op(t, i, ps);
}

static int by_ns(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	return x->ns < y->ns ? 1 : x->ns > y->ns ? -1 : 0;
}

/* The lines of a variant, longest first. */
static unsigned int find_lines(const struct sim_table *t, unsigned int variant,
			       struct line *lines, unsigned int room)
{
	unsigned int nr = 0, l;

	for (unsigned int i = variant; i < t->nr; i += t->variants) {
		const struct sim_breakdown *b = &t->breakdowns[i];

		for (unsigned int r = 0; r < b->nr; r++) {
			const struct sim_row *row = &b->rows[r];

			for (l = 0; l < nr; l++)
				if (lines[l].call == row->call &&
				    lines[l].kind == row->kind &&
				    !strcmp(lines[l].what, row->what))
					break;
			if (l < nr || nr == room || !sim_row_counts(row))
				continue;
			lines[nr] = (struct line){ .call = row->call,
						   .kind = row->kind };
			memcpy(lines[nr].what, row->what, sizeof(row->what));
			nr++;
		}
	}
	for (l = 0; l < nr; l++)
		for (unsigned int i = variant; i < t->nr; i += t->variants)
			lines[l].ns = max(lines[l].ns, sum_of(t, i, &lines[l]));
	qsort(lines, nr, sizeof(*lines), by_ns);
	return nr;
}

static void print_numbers(const struct sim_table *t, unsigned int variant,
			  const struct line *lines, unsigned int nr, FILE *out)
{
	for (unsigned int i = variant; i < t->nr; i += t->variants) {
		double ns = 0;

		for (unsigned int l = 0; l < nr; l++)
			ns += sum_of(t, i, &lines[l]);
		fprintf(out, " %9.1f", ns);
	}
	putc('\n', out);
}

static void print_by_field(const struct sim_table *t, unsigned int variant,
			   FILE *out)
{
	static struct line lines[512];
	unsigned int nr = find_lines(t, variant, lines, 512);
	unsigned int shown = min(nr, (unsigned int)MOST_ROWS);

	fprintf(out,
		"\n%s: ns of a call, by CPUs (processes)\n%-16s %-6s %-24s",
		sim_variant_name(t, variant), "in", "what", "of");
	for (unsigned int i = variant; i < t->nr; i += t->variants) {
		char head[24];

		snprintf(head, sizeof(head), "%u (%u)", t->cells[i].cpus,
			 t->cells[i].callers);
		fprintf(out, " %9s", head);
	}
	putc('\n', out);
	for (unsigned int l = 0; l < shown; l++) {
		fprintf(out, "%-16s %-6s %-24s", sim_call_name(lines[l].call),
			sim_kind_name(lines[l].kind), lines[l].what);
		print_numbers(t, variant, &lines[l], 1, out);
	}
	if (shown < nr) {
		fprintf(out, "%-16s %-6s %-24s", "the rest", "", "");
		print_numbers(t, variant, lines + shown, nr - shown, out);
	}
	fprintf(out, "%-16s %-6s %-24s", "all", "", "");
	print_numbers(t, variant, lines, nr, out);
}

static void print_by_place(const struct sim_table *t, unsigned int i, FILE *out)
{
	const struct sim_breakdown *b = &t->breakdowns[i];
	unsigned int shown = 0;

	fprintf(out,
		"\n%s, %u CPUs, %u processes: by line\n%9s %6s  %-6s %-24s %s\n",
		sim_variant_name(t, i), t->cells[i].cpus, t->cells[i].callers,
		"ns", "%", "what", "of", "where");
	for (unsigned int r = 0; r < b->nr && shown < MOST_ROWS; r++) {
		const struct sim_row *row = &b->rows[r];

		if (!sim_row_counts(row))
			continue;
		shown++;
		fprintf(out, "%9.1f %6.1f  %-6s %-24s ", per_op(t, i, row->ps),
			100 * (double)row->ps / (double)b->callers_ps,
			sim_kind_name(row->kind), row->what);
		if (row->function[0])
			fprintf(out, "%s() %s:%u\n", row->function, row->file,
				row->line);
		else
			fprintf(out, "%s\n", sim_call_name(row->call));
	}
}

void sim_break_print(const struct sim_table *t, FILE *out)
{
	unsigned int group = sim_break_group(t);

	fputs("\nWhere the callers' time goes, as ns of each call of theirs. ",
	      out);
	for (int k = 0; k < SIM_NR_PARTS; k++)
		fprintf(out, "%s\n  %s: %s", k ? ";" : "",
			sim_kind_name((enum sim_part_kind)k),
			sim_kind_meaning((enum sim_part_kind)k));
	putc('\n', out);
	for (unsigned int v = 0; v < t->variants; v++)
		print_by_field(t, v, out);
	for (unsigned int v = 0; v < t->variants; v++)
		print_by_place(t, group + v, out);
}

void sim_break_print_csv(const struct sim_table *t, FILE *out)
{
	fputs("costs,work,cpus,processes,scope,defer,in,what,of,function,file,"
	      "line,ns,times,share,ns_of_a_call,all_ns\n",
	      out);
	for (unsigned int i = 0; i < t->nr; i++) {
		const struct sim_breakdown *b = &t->breakdowns[i];
		const struct sim_cell *c = &t->cells[i];

		for (unsigned int r = 0; r < b->nr; r++) {
			const struct sim_row *row = &b->rows[r];

			fprintf(out, "%s,%s,%u,%u,%s,%s,%s,%s,%s,%s,%s,%u",
				t->costs->name, sim_work_names[c->work],
				c->cpus, c->callers, sim_scope_name(c->scope),
				variant_defer_name(c->defer),
				sim_call_name(row->call),
				sim_kind_name(row->kind), row->what,
				row->function, row->file, row->line);
			fprintf(out, ",%.3f,%llu,%.6f,%.4f,%.3f\n",
				(double)row->ps / 1000,
				(unsigned long long)row->times,
				(double)row->ps / (double)b->callers_ps,
				per_op(t, i, row->ps),
				(double)b->callers_ps / 1000);
		}
	}
}
