/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_out.c - prints a simulated table for readers, as CSV and as JSON, and
 * into files; see sim_out.h. Owns no state.
 */
#include "tools/uzs.h"

#include "sim_out.h"

#include <string.h>

#include "tools/json.h"
#include "tools/variants.h"

const char *const sim_work_names[] = { "release", "free", "read",
				       "replace", "hot",  NULL };

const char *sim_variant_name(const struct sim_table *t, unsigned int i)
{
	static char name[64];
	const struct sim_cell *c = &t->cells[i];

	if (c->defer == ZS_DEFER_NONE)
		return sim_scope_name(c->scope);
	snprintf(name, sizeof(name), "%s, %s", sim_scope_name(c->scope),
		 variant_defer_name(c->defer));
	return name;
}

double sim_ratio(const struct sim_table *t, unsigned int i)
{
	const struct sim_outcome *base = &t->outcomes[i - i % t->variants];

	return (double)base->call_ps / (double)t->outcomes[i].call_ps;
}

double sim_share(const struct sim_table *t, unsigned int i, u64 ps)
{
	double all = (double)t->outcomes[i].back_ps * t->cells[i].cpus;

	return (double)ps / all;
}

double sim_calls_per_us(const struct sim_table *t, unsigned int i)
{
	return (double)t->outcomes[i].ops /
	       ((double)t->outcomes[i].call_ps / 1e6);
}

double sim_scaling(const struct sim_table *t, unsigned int i)
{
	const struct sim_cell *c = &t->cells[i];

	for (unsigned int one = i % t->variants; one < t->nr;
	     one += t->variants) {
		if (t->cells[one].cpus != 1 || t->cells[one].callers != 1)
			continue;
		return sim_calls_per_us(t, i) / sim_calls_per_us(t, one) /
		       min(c->cpus, c->callers);
	}
	return -1;
}

/* Prints the locks whose wait took more than a hundredth of the time. */
static void print_locks(const struct sim_table *t, unsigned int i, FILE *out)
{
	const struct sim_run *r = &t->outcomes[i].run;

	for (unsigned int l = 0; l < r->nr_locks; l++) {
		double share = 100 * sim_share(t, i, r->lock[l].wait_ps);

		if (share >= 1)
			fprintf(out, " %s %.0f%%", r->lock[l].name, share);
	}
}

/* Of the column of scopes: kernel files have longer names. */
static int scope_width(const struct sim_table *t)
{
	size_t width = 9;

	for (unsigned int v = 0; v < t->variants; v++)
		width = max(width, strlen(sim_scope_name(t->cells[v].scope)));
	return (int)width;
}

void sim_print_table(const struct sim_table *t, FILE *out)
{
	int width = scope_width(t);

	fprintf(out,
		"costs %s: %s\n"
		"calls: until the last caller has made its last call; freed: "
		"until all is free;\n"
		"ratio: calls of the first line over this one's. Shares are "
		"of the time of all CPUs.\n"
		"scaling: calls/us over those of one CPU, divided by the CPUs: "
		"1 is perfect; -: one CPU\nwas not simulated\n\n"
		"%-9s %4s %4s %-*s %-6s %10s %6s %10s %9s %7s %7s %7s %7s %8s  "
		"%s\n",
		t->costs->name, t->costs->platform, "work", "cpus", "proc",
		width, "scope", "defer", "calls ms", "ratio", "freed ms",
		"calls/us", "scaling", "memory%", "lines%", "locks%",
		"at once%", "waits for");
	for (unsigned int i = 0; i < t->nr; i++) {
		const struct sim_cell *c = &t->cells[i];
		const struct sim_outcome *o = &t->outcomes[i];
		double scaling = sim_scaling(t, i);
		char scales[16] = "-";

		if (i && i % t->variants == 0)
			putc('\n', out);
		if (scaling >= 0)
			snprintf(scales, sizeof(scales), "%.3f", scaling);
		fprintf(out,
			"%-9s %4u %4u %-*s %-6s %10.3f %6.2f %10.3f %9.2f %7s "
			"%7.1f %7.1f %7.1f %8.1f ",
			sim_work_names[c->work], c->cpus, c->callers, width,
			sim_scope_name(c->scope), variant_defer_name(c->defer),
			sim_ms(o->call_ps), sim_ratio(t, i), sim_ms(o->back_ps),
			sim_calls_per_us(t, i), scales,
			100 * sim_share(t, i, o->run.line.memory_ps),
			100 * sim_share(t, i, o->run.line.moves_ps),
			100 * sim_share(t, i, o->run.time.lock_ps),
			100 * (double)(o->sync_busy + o->sync_full) /
				(double)o->ops);
		print_locks(t, i, out);
		putc('\n', out);
	}
}

void sim_print_csv(const struct sim_table *t, FILE *out)
{
	fputs("costs,work,sizes,cpus,processes,objects,order,seed,scope,defer,"
	      "call_ns,back_ns,ratio,work_ns,memory_ns,lines_ns,atomic_ns,"
	      "lock_wait_ns,cpu_wait_ns,os_ns,misses,line_moves,steps,queued,"
	      "sync_busy,sync_full,rounds,calls_per_us,scaling\n",
	      out);
	for (unsigned int i = 0; i < t->nr; i++) {
		const struct sim_cell *c = &t->cells[i];
		const struct sim_outcome *o = &t->outcomes[i];
		const struct sim_run *r = &o->run;

		fprintf(out, "%s,%s,%s,%u,%u,%u,%s,%llu,%s,%s", t->costs->name,
			sim_work_names[c->work], t->sizes_name, c->cpus,
			c->callers, c->objects,
			c->random_order ? "random" : "fill",
			(unsigned long long)c->seed, sim_scope_name(c->scope),
			variant_defer_name(c->defer));
		fprintf(out, ",%.3f,%.3f,%.4f", (double)o->call_ps / 1000,
			(double)o->back_ps / 1000, sim_ratio(t, i));
		fprintf(out, ",%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f",
			(double)r->time.work_ps / 1000,
			(double)r->line.memory_ps / 1000,
			(double)r->line.moves_ps / 1000,
			(double)r->line.atomic_ps / 1000,
			(double)r->time.lock_ps / 1000,
			(double)r->time.queue_ps / 1000,
			(double)r->time.os_ps / 1000);
		fprintf(out, ",%llu,%llu,%llu,%llu,%llu,%llu",
			(unsigned long long)r->line.misses,
			(unsigned long long)r->line.moves,
			(unsigned long long)r->steps,
			(unsigned long long)o->queued,
			(unsigned long long)o->sync_busy,
			(unsigned long long)o->sync_full);
		fprintf(out, ",%u,%.4f,", c->rounds, sim_calls_per_us(t, i));
		if (sim_scaling(t, i) >= 0)
			fprintf(out, "%.4f", sim_scaling(t, i));
		putc('\n', out);
	}
}

static void json_costs(struct uzs_json *json, const struct sim_costs *costs)
{
	uzs_json_open(json, "costs", '{');
	uzs_json_string(json, "name", costs->name);
	uzs_json_string(json, "platform", costs->platform);
	for (int i = 0; i < SIM_NR_COSTS; i++)
		uzs_json_real(json, sim_cost_name((enum sim_cost_id)i),
			      costs->value[i]);
	uzs_json_close(json, '}');
}

static void json_cell(struct uzs_json *json, const struct sim_table *t,
		      unsigned int i)
{
	const struct sim_cell *c = &t->cells[i];
	const struct sim_outcome *o = &t->outcomes[i];
	const struct sim_run *r = &o->run;

	uzs_json_open(json, NULL, '{');
	uzs_json_string(json, "work", sim_work_names[c->work]);
	uzs_json_uint(json, "cpus", c->cpus);
	uzs_json_uint(json, "processes", c->callers);
	uzs_json_uint(json, "objects", c->objects);
	uzs_json_string(json, "scope", sim_scope_name(c->scope));
	uzs_json_string(json, "defer", variant_defer_name(c->defer));
	uzs_json_real(json, "call_ms", sim_ms(o->call_ps));
	uzs_json_real(json, "back_ms", sim_ms(o->back_ps));
	uzs_json_real(json, "ratio", sim_ratio(t, i));
	uzs_json_uint(json, "rounds", c->rounds);
	uzs_json_real(json, "calls_per_us", sim_calls_per_us(t, i));
	if (sim_scaling(t, i) >= 0)
		uzs_json_real(json, "scaling", sim_scaling(t, i));
	uzs_json_real(json, "memory_ms", sim_ms(r->line.memory_ps));
	uzs_json_real(json, "lines_ms", sim_ms(r->line.moves_ps));
	uzs_json_real(json, "lock_wait_ms", sim_ms(r->time.lock_ps));
	uzs_json_uint(json, "misses", r->line.misses);
	uzs_json_uint(json, "line_moves", r->line.moves);
	uzs_json_uint(json, "queued", o->queued);
	uzs_json_uint(json, "sync_busy", o->sync_busy);
	uzs_json_uint(json, "sync_full", o->sync_full);
	uzs_json_open(json, "locks", '[');
	for (unsigned int l = 0; l < r->nr_locks; l++) {
		uzs_json_open(json, NULL, '{');
		uzs_json_string(json, "name", r->lock[l].name);
		uzs_json_uint(json, "taken", r->lock[l].taken);
		uzs_json_uint(json, "waited", r->lock[l].waited);
		uzs_json_real(json, "wait_ms", sim_ms(r->lock[l].wait_ps));
		uzs_json_close(json, '}');
	}
	uzs_json_close(json, ']');
	uzs_json_close(json, '}');
}

void sim_print_json(const struct sim_table *t, FILE *out)
{
	struct uzs_json json = UZS_JSON_INIT(out);

	uzs_json_open(&json, NULL, '{');
	json_costs(&json, t->costs);
	uzs_json_string(&json, "sizes", t->sizes_name);
	uzs_json_open(&json, "cells", '[');
	for (unsigned int i = 0; i < t->nr; i++)
		json_cell(&json, t, i);
	uzs_json_close(&json, ']');
	uzs_json_close(&json, '}');
	putc('\n', out);
}

struct to_print {
	const struct sim_table *t;
	void (*print)(const struct sim_table *t, FILE *out);
};

static int print_it(const void *arg, FILE *out)
{
	const struct to_print *what = arg;

	what->print(what->t, out);
	return 0;
}

int sim_print_to_file(const struct sim_table *t, const char *path,
		      void (*print)(const struct sim_table *t, FILE *out))
{
	struct to_print what = { t, print };

	return uzs_write_file(path, print_it, &what);
}
