/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_html.c - a report of a simulated table in one HTML file, which needs no
 * network: the curves, a timeline of the holders of locks, the bugs that the
 * explorer found, the costs. Owns no state.
 *
 * The curves are drawn here. The page's own script draws timeline and bugs,
 * from data in the page.
 */
#include "tools/uzs.h"

#include "sim_out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report_assets.h"
#include "tools/json.h"
#include "tools/variants.h"

static void put_text(const char *text, FILE *out)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			putc(*text, out);
		}
	}
}

static void put_results(const struct sim_table *t, FILE *out)
{
	fputs("<h2>Results</h2>\n<table id=\"results\"><thead><tr>"
	      "<th>CPUs</th><th>processes</th><th class=\"t\">scope</th>"
	      "<th class=\"t\">deferral</th><th>calls, ms</th><th>ratio</th>"
	      "<th>freed, ms</th><th>calls/µs</th><th>scaling</th>"
	      "<th>memory&nbsp;%</th><th>lines&nbsp;%</th>"
	      "<th>locks&nbsp;%</th><th>at once&nbsp;%</th></tr></thead>"
	      "<tbody>\n",
	      out);
	for (unsigned int i = 0; i < t->nr; i++) {
		const struct sim_cell *c = &t->cells[i];
		const struct sim_outcome *o = &t->outcomes[i];
		double scaling = sim_scaling(t, i);
		char scales[16] = "";

		if (scaling >= 0)
			snprintf(scales, sizeof(scales), "%.3f", scaling);
		fprintf(out,
			"<tr><td>%u</td><td>%u</td><td class=\"t\">%s</td>"
			"<td class=\"t\">%s</td><td>%.3f</td><td>%.2f</td>"
			"<td>%.3f</td><td>%.2f</td><td>%s</td><td>%.1f</td>"
			"<td>%.1f</td><td>%.1f</td><td>%.1f</td></tr>\n",
			c->cpus, c->callers, sim_scope_name(c->scope),
			variant_defer_name(c->defer), sim_ms(o->call_ps),
			sim_ratio(t, i), sim_ms(o->back_ps),
			sim_calls_per_us(t, i), scales,
			100 * sim_share(t, i, o->run.line.memory_ps),
			100 * sim_share(t, i, o->run.line.moves_ps),
			100 * sim_share(t, i, o->run.time.lock_ps),
			100 * (double)(o->sync_busy + o->sync_full) /
				(double)o->ops);
	}
	fputs("</tbody></table>\n", out);
}

static void put_costs(const struct sim_costs *costs, FILE *out)
{
	fputs("<h2>What things cost</h2>\n<table id=\"costs\"><thead><tr>"
	      "<th class=\"t\">name</th><th>value</th><th class=\"t\">unit"
	      "</th><th class=\"t\">of</th><th class=\"t\">origin</th></tr>"
	      "</thead><tbody>\n",
	      out);
	for (int i = 0; i < SIM_NR_COSTS; i++) {
		enum sim_cost_id id = (enum sim_cost_id)i;

		fprintf(out,
			"<tr><td class=\"t\">%s</td><td>%g</td>"
			"<td class=\"t\">%s</td><td class=\"t\">%s</td>"
			"<td class=\"t\">%s: ",
			sim_cost_name(id), costs->value[i], sim_cost_unit(id),
			sim_cost_meaning(id), costs->origin[i]);
		put_text(costs->words[i], out);
		fputs("</td></tr>\n", out);
	}
	fputs("</tbody></table>\n", out);
}

/* A script must not contain its own end tag. */
static void put_script_text(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (*text == '<')
			fputs("\\u003c", out);
		else
			putc(*text, out);
	}
}

/* [begin ns, end ns, lock, waits] for each CPU. */
static void put_timeline(const struct sim_timeline *line, FILE *out)
{
	u64 first = UINT64_MAX, last = 0;
	const char *comma = "";

	for (unsigned int i = 0; i < line->nr; i++) {
		first = min(first, line->spans[i].begin_ps);
		last = max(last, line->spans[i].end_ps);
	}
	fprintf(out, "{\"name\":\"%s, %s\",\"cpus\":%u,\"locks\":[",
		sim_scope_name(line->cell->scope),
		variant_defer_name(line->cell->defer), line->cell->cpus);
	for (unsigned int i = 0; i < SIM_MAX_LOCKS && line->lock[i][0]; i++)
		fprintf(out, "%s\"%s\"", i ? "," : "", line->lock[i]);
	fputs("],\"spans\":[", out);
	for (unsigned int i = 0; i < line->nr; i++) {
		const struct sim_span *p = &line->spans[i];
		u64 end = p->end_ps ? p->end_ps : last;

		if (end < p->begin_ps)
			continue;
		fprintf(out, "%s[%.1f,%.1f,%u,%d,%u]", comma,
			(double)(p->begin_ps - first) / 1000,
			(double)(end - first) / 1000, p->lock, p->wait, p->cpu);
		comma = ",";
	}
	fputs("]}", out);
}

/* The whole file, terminated by 0; NULL after a message. */
static char *read_file(const char *path)
{
	FILE *in = fopen(path, "r");
	char *text = NULL;
	size_t size = 0, got;

	if (!in) {
		uzs_fail("%s: %s", path, strerror(errno));
		return NULL;
	}
	do {
		char *more = realloc(text, size + 65536 + 1);

		if (!more) {
			uzs_fail("%s: no memory", path);
			free(text);
			fclose(in);
			return NULL;
		}
		text = more;
		got = fread(text + size, 1, 65536, in);
		size += got;
	} while (got == 65536);
	text[size] = '\0';
	if (ferror(in) || !strchr("[{", text[strspn(text, " \t\r\n")]) ||
	    !size || strlen(text) != size) {
		uzs_fail("%s: is no result of uzs lab explore --json", path);
		free(text);
		text = NULL;
	}
	fclose(in);
	return text;
}

int sim_read_files(struct sim_files *files)
{
	for (unsigned int i = 0; i < files->nr; i++) {
		files->text[i] = read_file(files->path[i]);
		if (!files->text[i])
			return UZS_FAILED;
	}
	return 0;
}

/* A file's name without directory and .json. It names a result that does not
 * name itself. */
static void put_file_name(const char *path, FILE *out)
{
	const char *base = strrchr(path, '/');
	char name[64];
	size_t len;

	snprintf(name, sizeof(name), "%s", base ? base + 1 : path);
	len = strlen(name);
	if (len > 5 && !strcmp(name + len - 5, ".json"))
		name[len - 5] = '\0';
	put_text(name, out);
}

static void put_seeded(const struct sim_files *files, FILE *out)
{
	fputs("<h2>Wrong variants, and how they were found</h2>\n"
	      "<div id=\"seeded\">",
	      out);
	if (!files->nr)
		fputs("<p>No result of the explorer was given (--seeded FILE)."
		      "</p>",
		      out);
	fputs("</div>\n", out);
	for (unsigned int i = 0; i < files->nr; i++) {
		fputs("<script type=\"application/json\" class=\"seeded-data\" "
		      "data-name=\"",
		      out);
		put_file_name(files->path[i], out);
		fputs("\">", out);
		put_script_text(files->text[i], out);
		fputs("</script>\n", out);
	}
}

/* What the curves' words and colours mean. */
static void put_key(const struct sim_table *t, FILE *out)
{
	fputs("<p>The colour is the variant of zs_free (its lock scope), the "
	      "dashes are how it frees later. Where curves lie on one another, the "
	      "values are the same, and only the last is seen; the table "
	      "<a href=\"#results\">below</a> has them all.</p>\n"
	      "<ul><li><b>Until the last call returns</b>: what a call took, "
	      "with all CPUs at work; less is better.</li>\n"
	      "<li><b>Speed</b>: the time of ",
	      out);
	put_text(sim_variant_name(t, 0), out);
	fputs(" divided by this one's; 2 is twice as fast.</li>\n"
	      "<li><b>Waiting for locks and their lines</b>: how much of the "
	      "CPUs' time goes into waiting for a lock that another CPU has, or "
	      "for a cache line that another CPU wrote.</li>\n"
	      "<li><b>Scaling</b> (where one CPU was simulated, too): calls in a "
	      "microsecond over those of one CPU, divided by the CPUs.</li>"
	      "</ul>\n",
	      out);
}

void sim_print_html(const struct sim_table *t, FILE *out)
{
	static const char *const what[] = { [SIM_RELEASE] = "frees",
					    [SIM_FREE] = "frees",
					    [SIM_READ] = "reads",
					    [SIM_REPLACE] = "replaces" };

	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head>"
	      "<meta charset=\"utf-8\">\n"
	      "<title>uzsmalloc on simulated CPUs</title>\n<style>\n",
	      out);
	fputs(uzs_report_page_css, out);
	fputs(uzs_report_report_css, out);
	fputs("</style></head><body>\n", out);
	fprintf(out, "<h1>On simulated CPUs: %s</h1>\n<p>",
		sim_work_names[t->cells[0].work]);
	put_text(t->costs->platform, out);
	fprintf(out,
		". Each process %s its %u objects (sizes: %s) of one pool, "
		"all at once. Scaling is calls in a microsecond over those of "
		"one CPU, divided by the CPUs: 1 is perfect. The library's own code ran on virtual CPUs in "
		"virtual time; what is not modelled is in "
		"docs/lab-simulation.md.</p>\n"
		"<h2>By CPUs</h2>\n<div id=\"curves\">\n",
		what[t->cells[0].work], t->cells[0].objects, t->sizes_name);
	sim_print_svg(t, out);
	put_key(t, out);
	fputs("</div>\n<h2>Who has which lock</h2>\n<div id=\"timeline\">"
	      "<p>From the middle of the run on, a row for each CPU. A high bar: "
	      "the CPU has the lock; a low, pale one below: it waits for it. A "
	      "lock that is taken while another is held is drawn over that, "
	      "less high, so both are seen. Point at a bar for its name and how long it "
	      "took.</p>"
	      "<p id=\"choice\"></p><p><button id=\"in\">nearer</button> "
	      "<button id=\"out\">further</button></p>"
	      "<svg id=\"lanes\" xmlns=\"http://www.w3.org/2000/svg\" "
	      "role=\"img\" aria-label=\"Which CPU has which lock, over "
	      "time\"></svg>"
	      "<dl id=\"key\"></dl></div>\n"
	      "<script type=\"application/json\" id=\"timelines\">[",
	      out);
	for (unsigned int i = 0; i < t->nr_timelines; i++) {
		if (i)
			putc(',', out);
		put_timeline(&t->timelines[i], out);
	}
	fputs("]</script>\n", out);
	if (t->breakdowns) {
		fputs("<h2>Where the time of a call goes</h2>\n"
		      "<div id=\"breakdown\">\n",
		      out);
		sim_print_flame(t, out);
		fputs("</div>\n", out);
	}
	put_seeded(t->seeded, out);
	put_results(t, out);
	put_costs(t->costs, out);
	fputs("<script>\n'use strict';\n", out);
	fputs(uzs_report_page_js, out);
	fputs(uzs_report_report_js, out);
	fputs("</script>\n", out);
	fputs("</body></html>\n", out);
}
