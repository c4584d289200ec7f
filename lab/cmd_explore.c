/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* cmd_explore.c - uzs lab run and uzs lab explore: runs the rows of a plan, and
 * prints what is found, with its table. Owns the flag that a signal interrupted
 * it.
 */
#include "plan.h"

#include <signal.h>
#include <string.h>

#include "tools/json.h"

#define PROGRAM_TEXT 8192 /* a path, in quotes */
#define AGAIN_TEXT (LAB_SCHEDULE_TEXT + PROGRAM_TEXT + 256)

struct outcome {
	struct lab_plan *plan;
	struct uzs_json json;
	unsigned int row; /* the row being run */
	unsigned int findings, incomplete;
	u64 left_out; /* schedules */
	u64 runs, steps, looks;
	double seconds;
	struct uzs_progress progress;
	char label[LAB_ROW_TEXT + 32]; /* of the progress bar */
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
	interrupted = sig;
}

static const char *words(const struct lab_result *r)
{
	if (r->finding != LAB_FOUND_NOTHING)
		return uzs_lab_finding_name(r->finding);
	return r->complete ? "nothing" : "nothing so far";
}

/* Makes the command that shows a finding again. What is checked, and how many
 * steps are a livelock, is not part of a schedule. */
static void print_again(const struct lab_plan *p, const struct lab_config *c,
			const struct lab_schedule *s, char *text, size_t size)
{
	const struct lab_explore_options usual = LAB_EXPLORE_DEFAULT;
	char schedule[LAB_SCHEDULE_TEXT], program[PROGRAM_TEXT], steps[32] = "";
	char weaken[192] = "";

	if (p->options.max_steps != usual.max_steps)
		snprintf(steps, sizeof(steps), "--max-steps %u ",
			 p->options.max_steps);
	lab_print_schedule(c, s, schedule, sizeof(schedule));
	/* Quote a path as one word. "uzs lab" is two words. */
	if (strchr(lab_program(), '/'))
		uzs_shell_word(lab_program(), program, sizeof(program));
	else
		snprintf(program, sizeof(program), "%s", lab_program());
	if (p->weaken.file[0])
		snprintf(weaken, sizeof(weaken), "--weaken %s:%d=%s ",
			 p->weaken.file, p->weaken.line,
			 p->weaken.relaxed ? "relaxed" : "acq-rel");
	snprintf(text, size, "%s replay %s%s%s%s", program,
		 p->options.between ? "" : "--check end ", steps, weaken,
		 schedule);
}

static void print_json_row(struct outcome *out, const struct lab_row *row,
			   const struct lab_result *r)
{
	const struct lab_config *c = &row->config;
	struct uzs_json *json = &out->json;
	char schedule[LAB_SCHEDULE_TEXT], again[AGAIN_TEXT];

	uzs_json_open(json, NULL, '{');
	uzs_json_string(json, "scenario", c->scenario->name);
	uzs_json_string(json, "scope", lab_scope_name(c->scope));
	uzs_json_string(json, "defer", lab_defer_name(c->defer));
	uzs_json_uint(json, "cpus", c->cpus);
	uzs_json_uint(json, "preemptions", row->preemptions);
	uzs_json_string(json, "memory", lab_memory_name(c->memory));
	if (c->memory != LAB_MEMORY_SC)
		uzs_json_uint(json, "stale", out->plan->options.stale);
	uzs_json_uint(json, "schedules", r->runs);
	uzs_json_uint(json, "cut_short", r->pruned);
	uzs_json_uint(json, "states", r->states);
	uzs_json_uint(json, "checks", r->looks);
	uzs_json_uint(json, "steps", r->steps);
	uzs_json_uint(json, "longest", r->longest);
	uzs_json_real(json, "cpu_seconds", r->seconds);
	if (c->memory != LAB_MEMORY_SC)
		uzs_json_uint(json, "stale_left_out", r->left_out);
	uzs_json_bool(json, "complete", r->complete);
	uzs_json_string(json, "found", uzs_lab_finding_name(r->finding));
	if (r->finding != LAB_FOUND_NOTHING) {
		lab_print_schedule(c, &r->schedule, schedule, sizeof(schedule));
		uzs_json_uint(json, "found_at", r->found_at);
		uzs_json_uint(json, "found_steps", r->found_steps);
		uzs_json_string(json, "schedule", schedule);
		print_again(out->plan, c, &r->schedule, again, sizeof(again));
		uzs_json_string(json, "replay", again);
		uzs_json_bool(json, "confirmed", !r->unconfirmed);
		uzs_json_string(json, "text", r->text);
	}
	uzs_json_open(json, "rewrites", '[');
	for (unsigned int i = 0; i < lab_rewrites.nr; i++)
		uzs_json_string(json, NULL, lab_rewrites.text[i]);
	uzs_json_close(json, ']');
	uzs_json_close(json, '}');
}

static void print_row(const struct lab_row *row, const struct lab_result *r)
{
	const struct lab_config *c = &row->config;

	printf("%-20s %-9s %-6s %4u %5u %10llu %9llu %9llu %7u %8.3f %8.0f  "
	       "%s\n",
	       c->scenario->name, lab_scope_name(c->scope),
	       lab_defer_name(c->defer), c->cpus, row->preemptions,
	       (unsigned long long)r->runs, (unsigned long long)r->pruned,
	       (unsigned long long)r->states, r->longest, r->seconds,
	       r->seconds > 0 ? (double)r->runs / r->seconds : 0, words(r));
}

static void print_finding(const struct lab_plan *p, const struct lab_config *c,
			  const struct lab_result *r)
{
	struct lab_trace trace = { 0 };
	char command[AGAIN_TEXT];
	struct lab_result again;

	print_again(p, c, &r->schedule, command, sizeof(command));
	printf("\n%s\nfound by schedule %llu, %u steps, %u places where it "
	       "leaves the default order; again with\n  %s\n",
	       r->text, (unsigned long long)r->found_at, r->found_steps,
	       r->schedule.nr, command);
	if (r->unconfirmed)
		printf("this schedule alone does not show it%s\n",
		       r->cut ? ": the one found left the default order at more "
				"places than can be told"
			      : "");
	if (p->table) {
		putchar('\n');
		lab_replay(c, &r->schedule, &p->options, &again, &trace);
		lab_print_table(&trace, false, stdout);
		lab_free_trace(&trace);
	}
	putchar('\n');
}

static bool go_on(void *arg, u64 runs)
{
	struct outcome *out = arg;

	uzs_progress_update(&out->progress, runs);
	return !interrupted;
}

static void do_row(struct outcome *out, const struct lab_row *row)
{
	struct lab_plan *p = out->plan;
	struct lab_explore_options o = p->options;
	char text[LAB_ROW_TEXT];
	struct lab_result r;

	lab_print_config(&row->config, text, sizeof(text));
	snprintf(out->label, sizeof(out->label), "row %u of %u, %s, schedules",
		 out->row + 1, p->nr_rows, text);
	o.preemptions = row->preemptions;
	o.go_on = go_on;
	o.arg = out;
	lab_explore(&row->config, &o, &r);
	out->runs += r.runs;
	out->steps += r.steps;
	out->looks += r.looks;
	out->seconds += r.seconds;
	out->left_out += r.left_out;
	out->findings += r.finding != LAB_FOUND_NOTHING;
	out->incomplete += r.finding == LAB_FOUND_NOTHING && !r.complete;
	uzs_progress_clear();
	if (p->json) {
		print_json_row(out, row, &r);
		return;
	}
	print_row(row, &r);
	for (unsigned int i = 0; i < lab_rewrites.nr; i++)
		printf("  changes nothing: %s\n", lab_rewrites.text[i]);
	if (r.left_out)
		printf("  a stale choice was left out in %llu schedules: more than "
		       "%d newer stores, or %d\n  sequentially consistent events\n",
		       (unsigned long long)r.left_out, LAB_MAX_OLDER,
		       LAB_MAX_SC);
	if (r.finding != LAB_FOUND_NOTHING)
		print_finding(p, &row->config, &r);
	fflush(stdout);
}

static void print_sum(const struct outcome *out)
{
	printf("%u rows, %llu schedules of %.0f steps on average, %llu checks "
	       "between steps, %.1f s of CPU time, %.0f schedules a second: "
	       "%u found something, %u not to the end\n",
	       out->row, (unsigned long long)out->runs,
	       out->runs ? (double)out->steps / (double)out->runs : 0,
	       (unsigned long long)out->looks, out->seconds,
	       out->seconds > 0 ? (double)out->runs / out->seconds : 0,
	       out->findings, out->incomplete);
}

static int exit_status(const struct outcome *out)
{
	const struct lab_plan *p = out->plan;
	char text[LAB_ROW_TEXT];

	if (interrupted && p->scenario)
		return uzs_fail("interrupted");
	if (interrupted) {
		unsigned int last = out->row ? out->row - 1 : 0;

		lab_print_config(&p->row[last].config, text, sizeof(text));
		return uzs_fail("interrupted; with --from %s it goes on with "
				"the row that it was at",
				text);
	}
	if (p->weaken.file[0] && !lab_weak_weakened())
		return uzs_fail("--weaken: no access at %s:%d is stronger in "
				"any of these runs",
				p->weaken.file, p->weaken.line);
	if (out->incomplete && !p->bound_ok && !p->options.random)
		return uzs_fail(
			"%u of %u rows were not explored to the end%s",
			out->incomplete, p->nr_rows,
			p->options.max_runs || p->options.max_seconds > 0
				? " (--bound-ok: that is no failure)"
			: out->left_out ? ": stale choices were left out"
					: ": their runs have too many choices");
	return out->findings ? UZS_FAILED : 0;
}

static int do_plan(struct lab_plan *p)
{
	struct outcome out = { .plan = p };
	int status = lab_open();

	if (status)
		return status;
	lab_weak_weaken(&p->weaken);
	signal(SIGINT, on_interrupt);
	signal(SIGTERM, on_interrupt);
	uzs_progress_start(&out.progress, out.label, 0);
	if (p->json) {
		out.json = (struct uzs_json)UZS_JSON_INIT(stdout);
		uzs_json_open(&out.json, NULL, '[');
	} else {
		printf("%-20s %-9s %-6s %4s %5s %10s %9s %9s %7s %8s %8s  %s\n",
		       "scenario", "scope", "defer", "cpus", "preem",
		       "schedules", "cut short", "states", "longest", "CPU s",
		       "per s", "found");
	}
	while (out.row < p->nr_rows && !interrupted) {
		do_row(&out, &p->row[out.row]);
		out.row++;
	}
	if (p->json) {
		uzs_json_close(&out.json, ']');
		putchar('\n');
	} else {
		print_sum(&out);
	}
	return exit_status(&out);
}

static int run_command(const char *command, int argc, char **argv)
{
	struct lab_plan p;
	int status = lab_make_plan(&p, command, argc, argv);

	if (!status)
		status = do_plan(&p);
	lab_free_plan(&p);
	return max(status, 0);
}

int lab_cmd_run(int argc, char **argv)
{
	return run_command("run", argc, argv);
}

int lab_cmd_explore(int argc, char **argv)
{
	return run_command("explore", argc, argv);
}
