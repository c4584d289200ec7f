/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_main.c - the program uzs-lab-simulate, which `uzs lab simulate` calls:
 * reads the command line, simulates each cell of the table, and prints.
 */
#include "tools/uzs.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench/harness.h"
#include "bench/sizes.h"
#include "sim_out.h"
#include "sim_tables.h"
#include "tools/variants.h"

#define MAX_LIST 32
#define MAX_SETS 64

const char *const uzs_program = "uzs lab";
const char program_name[] = "uzs lab";

static const char usage_text[] =
	"usage: uzs lab simulate [OPTION...]\n"
	"\n"
	"How long freeing takes in each lock scope, with each kind of "
	"deferral, on\n"
	"as many CPUs as you like: the library's code on virtual CPUs, in "
	"virtual\n"
	"time. Each process frees all of its objects of one pool, all at "
	"once.\n"
	"\n"
	"  --cpus LIST        1 to 128; 1..64 is 1,2,4,...,64 (default: 1..16)\n"
	"  --processes LIST   1 to 128 (default: one on each CPU)\n"
	"  --scope LIST       " VARIANT_SCOPES_TEXT "or all (default)\n"
	"  --defer LIST       none (default), " VARIANT_QUEUES_TEXT "or all\n"
	"  --work release|free   compressed pages (default), or objects of one\n"
	"                     size, each caller's in a class of its own\n"
	"  --shared           free: all callers' in one class\n"
	"  --objects N        of each process (default: 4096). 65536 are 256 MiB\n"
	"                     of pages before compression\n"
	"  --sizes FILE       of release: little-endian 16-bit numbers (default:\n"
	"                     pages of a Python process's memory, with LZ4)\n"
	"  --size N           all objects have so many bytes (default of free: "
	"1000)\n"
	"  --order fill|random   freed as they were stored (default), or not\n"
	"  --fill mixed|apart objects were stored by all processes at once "
	"(default),\n"
	"                     or by one after the other\n"
	"  --reserve KIB      of pages for full per-CPU buffers (default: 256)\n"
	"  --costs NAME|FILE  what things cost (default: epyc-2); list: which "
	"there are\n"
	"  --set NAME=VALUE   one cost of it replaced; can be repeated\n"
	"  --seed N           of sizes and order (default: 1)\n"
	"  --csv, --json      instead of a table\n"
	"  --svg FILE         draws time and lock wait by CPUs\n"
	"  --html FILE        a report: curves, who holds which lock, bugs found\n"
	"  --seeded FILE      for the report: result of uzs lab explore --json; "
	"can be\n"
	"                     repeated\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage.\n"
	"\n"
	"Example: uzs lab simulate --cpus 1..64 --scope all --svg out.svg\n";

struct list {
	unsigned int value[MAX_LIST];
	unsigned int nr;
};

struct request {
	struct list cpus, processes, scopes, defers;
	struct sim_cell cell; /* the part that all cells share */
	struct sim_costs costs;
	const char *costs_name;
	const char *set[MAX_SETS]; /* applied when the table is known */
	unsigned int nr_sets;
	const char *sizes_path;
	const char *svg, *html;
	struct sim_files seeded;
	uint64_t size;
	bool shared, csv, json;
};

/* ---- the command line ----------------------------------------------------------- */

static int add(struct list *list, const char *option, unsigned int value)
{
	if (list->nr == MAX_LIST)
		return uzs_usage("simulate", "%s: more than %d", option,
				 MAX_LIST);
	for (unsigned int i = 0; i < list->nr; i++)
		if (list->value[i] == value)
			return 0;
	list->value[list->nr++] = value;
	return 0;
}

/* "8", "1..64" */
static int add_numbers(struct list *list, const char *option, char *item)
{
	char *dots = strstr(item, "..");
	uint64_t from, to;
	int status;

	if (dots)
		*dots = '\0';
	status = uzs_parse_number("simulate", option + 2, item, 1, SIM_MAX_CPUS,
				  &from);
	if (status || !dots)
		return status ? status : add(list, option, (unsigned int)from);
	status = uzs_parse_number("simulate", option + 2, dots + 2, from,
				  SIM_MAX_CPUS, &to);
	for (; !status && from < to; from *= 2)
		status = add(list, option, (unsigned int)from);
	return status ? status : add(list, option, (unsigned int)to);
}

/* Names that can be simulated. The last entry is NULL. */
static const char *const scope_names[] = { VARIANT_SCOPES(VARIANT_NAME) NULL };
static const char *const defer_names[] = { "none",
					   VARIANT_QUEUES(VARIANT_NAME) NULL };

static int add_name(struct list *list, const char *option, char *item,
		    const char *const *names)
{
	char known[128] = "";
	bool found = false;

	if (names == defer_names &&
	    !strcmp(item, variant_defer_name(ZS_DEFER_REUSE)))
		return uzs_usage("simulate",
				 "%s: reuse is not simulated: what it keeps is "
				 "for the next allocation, and all that is "
				 "simulated is freeing",
				 option);
	for (unsigned int i = 0; names[i]; i++) {
		size_t len = strlen(known);

		snprintf(known + len, sizeof(known) - len, "%s, ", names[i]);
		if (strcmp(item, "all") && strcmp(item, names[i]))
			continue;
		found = true;
		if (add(list, option, i + 1))
			return UZS_USAGE;
	}
	return found ? 0
		     : uzs_usage("simulate", "%s: '%s' is none of %sall",
				 option, item, known);
}

/* names: NULL for a list of numbers. */
static int parse_list(struct list *list, const char *option, const char *text,
		      const char *const *names)
{
	char copy[256], *item = copy, *comma;
	int status = 0;

	list->nr = 0;
	if (strlen(text) >= sizeof(copy))
		return uzs_usage("simulate", "%s: too long", option);
	strcpy(copy, text);
	while (!status && item) {
		comma = strchr(item, ',');
		if (comma)
			*comma++ = '\0';
		status = names ? add_name(list, option, item, names)
			       : add_numbers(list, option, item);
		item = comma;
	}
	return status;
}

/* Loads the table, and then applies --set, in whatever order they were
 * given. */
static int load_costs(struct request *r)
{
	int status = sim_tables_load(&r->costs, r->costs_name);

	for (unsigned int i = 0; !status && i < r->nr_sets; i++)
		status = sim_costs_set(&r->costs, r->set[i]);
	return status;
}

enum {
	OPT_CPUS = UZS_OPT_OWN,
	OPT_PROCESSES,
	OPT_SCOPE,
	OPT_DEFER,
	OPT_WORK,
	OPT_SHARED,
	OPT_OBJECTS,
	OPT_SIZES,
	OPT_SIZE,
	OPT_ORDER,
	OPT_FILL,
	OPT_RESERVE,
	OPT_COSTS,
	OPT_SET,
	OPT_SEED,
	OPT_CSV,
	OPT_JSON,
	OPT_SVG,
	OPT_HTML,
	OPT_SEEDED,
	OPT_HELP
};

static const struct option long_options[] = {
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "processes", required_argument, NULL, OPT_PROCESSES },
	{ "scope", required_argument, NULL, OPT_SCOPE },
	{ "defer", required_argument, NULL, OPT_DEFER },
	{ "work", required_argument, NULL, OPT_WORK },
	{ "shared", no_argument, NULL, OPT_SHARED },
	{ "objects", required_argument, NULL, OPT_OBJECTS },
	{ "sizes", required_argument, NULL, OPT_SIZES },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "order", required_argument, NULL, OPT_ORDER },
	{ "fill", required_argument, NULL, OPT_FILL },
	{ "reserve", required_argument, NULL, OPT_RESERVE },
	{ "costs", required_argument, NULL, OPT_COSTS },
	{ "set", required_argument, NULL, OPT_SET },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "csv", no_argument, NULL, OPT_CSV },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "svg", required_argument, NULL, OPT_SVG },
	{ "html", required_argument, NULL, OPT_HTML },
	{ "seeded", required_argument, NULL, OPT_SEEDED },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 }
};

static int number(const char *name, uint64_t min, uint64_t max, uint64_t *to)
{
	return uzs_parse_number("simulate", name, optarg, min, max, to);
}

/* Parses one of two words. Return: 0 or 1, or -1 after a message. */
static int word(const char *name, const char *zero, const char *one)
{
	if (!strcmp(optarg, zero))
		return 0;
	if (!strcmp(optarg, one))
		return 1;
	uzs_usage("simulate", "%s: '%s' is neither %s nor %s", name, optarg,
		  zero, one);
	return -1;
}

static int parse_option(struct request *r, int option)
{
	uint64_t value = 0;
	int status = 0, which;

	switch (option) {
	case OPT_CPUS:
		return parse_list(&r->cpus, "--cpus", optarg, NULL);
	case OPT_PROCESSES:
		return parse_list(&r->processes, "--processes", optarg, NULL);
	case OPT_SCOPE:
		return parse_list(&r->scopes, "--scope", optarg, scope_names);
	case OPT_DEFER:
		return parse_list(&r->defers, "--defer", optarg, defer_names);
	case OPT_WORK:
		which = word("--work", "release", "free");
		r->cell.work = which ? SIM_FREE : SIM_RELEASE;
		return which < 0 ? UZS_USAGE : 0;
	case OPT_SHARED:
		r->shared = true;
		return 0;
	case OPT_OBJECTS:
		status = number("objects", 100, 1u << 22, &value);
		r->cell.objects = (unsigned int)value;
		return status;
	case OPT_SIZES:
		r->sizes_path = optarg;
		return 0;
	case OPT_SIZE:
		return number("size", 1, 4096, &r->size);
	case OPT_ORDER:
		which = word("--order", "fill", "random");
		r->cell.random_order = which > 0;
		return which < 0 ? UZS_USAGE : 0;
	case OPT_FILL:
		which = word("--fill", "mixed", "apart");
		r->cell.apart = which > 0;
		return which < 0 ? UZS_USAGE : 0;
	case OPT_RESERVE:
		status = number("reserve", 4, 1u << 16, &value);
		r->cell.reserve_kib = (unsigned int)value;
		return status;
	case OPT_COSTS:
		r->costs_name = optarg;
		return 0;
	case OPT_SET:
		if (r->nr_sets == MAX_SETS)
			return uzs_usage("simulate", "--set: more than %d",
					 MAX_SETS);
		r->set[r->nr_sets++] = optarg;
		return 0;
	case OPT_SEED:
		return number("seed", 0, UINT64_MAX, &r->cell.seed);
	case OPT_CSV:
		r->csv = true;
		return 0;
	case OPT_JSON:
		r->json = true;
		return 0;
	case OPT_SVG:
		r->svg = optarg;
		return 0;
	case OPT_HTML:
		r->html = optarg;
		return 0;
	case OPT_SEEDED:
		if (r->seeded.nr == SIM_MAX_FILES)
			return uzs_usage("simulate",
					 "--seeded: more than %u files",
					 SIM_MAX_FILES);
		r->seeded.path[r->seeded.nr++] = optarg;
		return 0;
	default:
		/* getopt has printed what is wrong */
		return UZS_USAGE;
	}
}

static int parse(struct request *r, int argc, char **argv)
{
	int option, status;

	memset(r, 0, sizeof(*r));
	r->cell.objects = 4096;
	r->cell.seed = 1;
	r->costs_name = "epyc-2";
	r->cell.reserve_kib = SIM_RESERVE_KIB;
	for (unsigned int s = 0; s < VARIANT_NR_SCOPES; s++)
		r->scopes.value[r->scopes.nr++] = s + 1;
	r->defers = (struct list){ { ZS_DEFER_NONE }, 1 };
	r->cpus = (struct list){ { 1, 2, 4, 8, 16 }, 5 };
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) !=
	       -1) {
		if (option == OPT_HELP) {
			fputs(usage_text, stdout);
			exit(uzs_flush_output());
		}
		status = parse_option(r, option);
		if (status)
			return status;
	}
	if (optind < argc)
		return uzs_usage("simulate", "what is '%s'?", argv[optind]);
	if (r->csv && r->json)
		return uzs_usage("simulate", "--csv or --json, not both");
	if (r->seeded.nr && !r->html)
		return uzs_usage("simulate", "--seeded is for --html");
	if (r->shared && r->cell.work != SIM_FREE)
		return uzs_usage("simulate", "--shared is for --work free");
	if (r->sizes_path && r->cell.work == SIM_FREE)
		return uzs_usage("simulate", "--sizes is for --work release");
	if (r->sizes_path && r->size)
		return uzs_usage("simulate", "--size or --sizes, not both");
	if (!strcmp(r->costs_name, "list")) {
		status = sim_tables_list(stdout);
		exit(status ? status : uzs_flush_output());
	}
	return load_costs(r);
}

/* ---- the table --------------------------------------------------------------------- */

static void set_sizes(struct request *r, struct sizes *sizes)
{
	static u32 one;

	if (r->cell.work == SIM_FREE || r->size) {
		one = (u32)(r->size ? r->size : 1000);
		r->cell.sizes = &one;
		r->cell.nr_sizes = 1;
		r->cell.own_class = r->cell.work == SIM_FREE && !r->shared;
		snprintf(sizes->name, sizeof(sizes->name), "%u", one);
		return;
	}
	if (r->sizes_path)
		sizes_load(sizes, r->sizes_path); /* or ends the program */
	else
		sizes_built_in(sizes);
	r->cell.sizes = sizes->values;
	r->cell.nr_sizes = sizes->nr;
}

static void add_group(const struct request *r, struct sim_table *t,
		      unsigned int cpus, unsigned int callers)
{
	for (unsigned int s = 0; s < r->scopes.nr; s++) {
		for (unsigned int d = 0; d < r->defers.nr; d++) {
			struct sim_cell *c = &t->cells[t->nr++];

			*c = r->cell;
			c->cpus = cpus;
			c->callers = callers;
			c->scope = (enum zs_lock_scope)r->scopes.value[s];
			c->defer = (enum zs_defer_mode)r->defers.value[d];
		}
	}
}

static int make_cells(const struct request *r, struct sim_table *t)
{
	unsigned int groups = r->cpus.nr * max(r->processes.nr, 1u);

	t->variants = r->scopes.nr * r->defers.nr;
	t->cells = calloc((size_t)groups * t->variants, sizeof(*t->cells));
	t->outcomes =
		calloc((size_t)groups * t->variants, sizeof(*t->outcomes));
	t->timelines =
		calloc((size_t)groups * t->variants, sizeof(*t->timelines));
	if (!t->cells || !t->outcomes || !t->timelines)
		return uzs_fail("no memory for %u cells", groups * t->variants);
	for (unsigned int c = 0; c < r->cpus.nr; c++) {
		if (!r->processes.nr)
			add_group(r, t, r->cpus.value[c], r->cpus.value[c]);
		for (unsigned int p = 0; p < r->processes.nr; p++)
			add_group(r, t, r->cpus.value[c],
				  r->processes.value[p]);
	}
	return 0;
}

/* Chooses the group for the timelines: the one with most CPUs, but no more than
 * a reader can look at. */
static void choose_recorded(struct sim_table *t)
{
	unsigned int best = 0;

	for (unsigned int i = 0; i < t->nr; i++)
		if (t->cells[i].cpus <= 12 && t->cells[i].callers <= 12)
			best = max(best, t->cells[i].cpus);
	for (unsigned int i = 0; i < t->nr; i++)
		t->cells[i].record = t->cells[i].cpus == best &&
				     t->cells[i].callers <= 12;
}

static int keep_timeline(struct sim_table *t, const struct sim_cell *cell,
			 const struct sim_result *result)
{
	struct sim_timeline *line = &t->timelines[t->nr_timelines];
	size_t bytes = result->nr_spans * sizeof(*line->spans);

	line->spans = malloc(bytes + 1);
	if (!line->spans)
		return uzs_fail("no memory for a timeline");
	line->cell = cell;
	line->nr = result->nr_spans;
	memcpy(line->spans, result->spans, bytes);
	for (unsigned int i = 0; i < result->run.nr_locks; i++)
		memcpy(line->lock[i], result->run.lock[i].name,
		       sizeof(line->lock[i]));
	t->nr_timelines++;
	return 0;
}

static int simulate(const struct request *r, struct sim_table *t)
{
	struct sim_result *result = sim_result_new();
	struct uzs_progress progress;
	u64 price, total = 0, done = 0;
	int status;

	if (!result)
		return UZS_FAILED;
	status = sim_work_price(&r->costs, &price);
	for (unsigned int i = 0; i < t->nr; i++)
		total += t->cells[i].callers;
	uzs_progress_start(&progress, "simulated", total);
	for (unsigned int i = 0; !status && i < t->nr; i++) {
		struct sim_cell *cell = &t->cells[i];

		cell->work_ps = price;
		status = sim_measure(&r->costs, cell, result);
		if (status)
			break;
		t->outcomes[i] = (struct sim_outcome){
			.call_ps = result->call_ps,
			.back_ps = result->back_ps,
			.ops = result->ops,
			.run = result->run,
			.queued = result->queued,
			.sync_busy = result->sync_busy,
			.sync_full = result->sync_full,
		};
		if (cell->record)
			status = keep_timeline(t, cell, result);
		done += cell->callers;
		/* A cell takes long: look at the clock each time. */
		progress.calls = 0;
		uzs_progress_update(&progress, done);
	}
	uzs_progress_clear();
	munmap(result, sizeof(*result));
	return status;
}

static int print(const struct request *r, const struct sim_table *t)
{
	int status = 0;

	if (r->csv)
		sim_print_csv(t, stdout);
	else if (r->json)
		sim_print_json(t, stdout);
	else
		sim_print_table(t, stdout);
	if (r->svg)
		status = sim_print_to_file(t, r->svg, NULL);
	if (r->html && !status)
		status = sim_print_to_file(t, r->html, &r->seeded);
	return status;
}

/* Checks, before the simulation, what could fail after it. */
static int open_files(struct request *r)
{
	int status = sim_read_files(&r->seeded);

	if (!status && r->svg)
		status = sim_try_file(r->svg);
	if (!status && r->html)
		status = sim_try_file(r->html);
	return status;
}

int main(int argc, char **argv)
{
	static char output[256 * 1024];
	static struct request r;
	struct sizes sizes = { 0 };
	struct sim_table t = { 0 };
	int status;

	uzs_start();
	setvbuf(stdout, output, _IOFBF, sizeof(output));
	argv[0] = (char *)"uzs lab simulate"; /* for getopt's messages */
	status = parse(&r, argc, argv);
	if (!status)
		status = open_files(&r);
	if (status)
		return status;
	set_sizes(&r, &sizes);
	t.costs = &r.costs;
	t.sizes_name = sizes.name;
	status = make_cells(&r, &t);
	if (!status && r.html)
		choose_recorded(&t);
	if (!status)
		status = simulate(&r, &t);
	if (!status)
		status = print(&r, &t);
	return status ? status : uzs_flush_output();
}
