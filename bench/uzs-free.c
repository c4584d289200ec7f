/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* uzs-free - what freeing costs in each lock scope, with each kind of
 * deferral.
 *
 * Reads the command line, makes the table's cells of it, has each measured in
 * turn (cell.c), round after round, and printed (cell_print.c).
 */
#include <getopt.h>
#include <stdio.h>

#include <uzsmalloc.h>

#include "cell.h"
#include "cell_print.h"
#include "cli.h"
#include "harness.h"
#include "options.h"
#include "report.h"
#include "target.h"
#include "tools/uzs.h"
#include "tools/variants.h"
#include "work.h"

#define MAX_LIST 8

const char program_name[] = "uzs-free";

static const char usage_text[] =
	"Usage: uzs-free [OPTION]...\n"
	"Measures freeing: every lock scope with every kind of deferral. Each has\n"
	"a process of its own; they take turns, round after round. Threads free\n"
	"what they allocated in one pool. Items of a LIST are separated by commas.\n"
	"Without an option all of its list is done, unless a default is given.\n"
	"\n"
	"  --work LIST       what is done:\n"
	"      free     objects of one size are freed\n"
	"      queue    objects are freed while the deferral is not half full\n"
	"               and nobody drains it; it is emptied in between, untimed\n"
	"      release  each thread fills its part of the pool with compressed\n"
	"               pages, then all free all at once\n"
	"  --scopes LIST     " VARIANT_SCOPES_TEXT "each by default\n"
	"  --defers LIST     none (zs_free), " VARIANT_QUEUES_TEXT
	"by default; and\n"
	"                    reuse, which keeps a few objects for whoever\n"
	"                    allocates next and frees the rest in the call, so\n"
	"                    that it has nothing to queue: --work free,release\n"
	"  --threads LIST    1 to 64 (default: 1,2)\n"
	"  --pages LIST      free memory: kept by the pool, or given back to the\n"
	"                    OS beyond the library's default (default: kept)\n"
	"  --order fill|random  objects are freed as they were stored (default),\n"
	"                    or shuffled\n"
	"  --reps N          rounds (default: 5)\n"
	"  --seed N          of sizes and orders (default: 1)\n"
	"  --page-size N     bytes, 4096 to 65536 (default: 4096)\n"
	"  --chain-size N    pages, 4 to 16 (default: 8)\n"
	"  --verify          check every object and the pool; slow\n"
	"  --locks           instead of times, which locks were taken, waited for\n"
	"                    and held; needs a checked build (UZS_CHECKED)\n"
	"  --csv, --json     every round, for programs\n"
	"  --help, --version\n"
	"free only:\n"
	"  --classes LIST    the threads' objects: own (a class for each thread)\n"
	"                    or shared; the same with one thread\n"
	"  --zspages LIST    emptied, or one object of each is kept\n"
	"  --objects N       for each thread (default: 200000)\n"
	"  --size N          bytes (default: 1000)\n"
	"queue and release only:\n"
	"  --bytes N[K|M|G]  of objects for each thread (default: 256M)\n"
	"  --objects N       instead: how many objects. 65536 are 256 MiB of 4\n"
	"                    KiB pages before compression\n"
	"  --sizes FILE      object sizes: little-endian 16-bit numbers (default:\n"
	"                    made up like pages of a Python process's memory,\n"
	"                    compressed with LZ4)\n"
	"\n"
	"Example: two processes exit at once, by scope:\n"
	"  uzs-free --work release --threads 2 --defers none\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage.\n";

/* Some of a list of choices. */
struct choice {
	const char *option;
	const char *const *names;
	unsigned int values[MAX_LIST];
	unsigned int nr;
};

struct request {
	struct choice works, scopes, defers, threads, classes, zspages, pages;
	struct options opt; /* of every cell; its sizes those of pages */
	struct sizes one_size; /* of CELL_FREE */
	uint64_t bytes; /* of each thread; 0: not given */
	uint64_t objects; /* same */
	const char *sizes_path;
	bool random_order;
	bool locks; /* instead of times */
};

static void add_choice(void *arg, const char *name)
{
	struct choice *choice = arg;

	choice->values[choice->nr++] =
		choice->names
			? find_name(choice->option, choice->names, name)
			: (unsigned int)parse_number(choice->option, name, 1,
						     HARNESS_MAX_THREADS);
}

static void parse_choice(struct choice *choice, const char *text)
{
	choice->nr = 0;
	parse_list(choice->option, text, MAX_LIST, add_choice, choice);
}

static void choose_all(struct choice *choice)
{
	for (unsigned int i = 0; choice->names[i]; i++)
		choice->values[choice->nr++] = i;
}

/* What is not for whoever allocates next: where all is freed and nothing
 * allocated, reuse is measured when it is asked for. */
static void choose_usual_defers(struct choice *defers)
{
	for (unsigned int mode = ZS_DEFER_NONE; mode <= VARIANT_LAST_DEFER;
	     mode++)
		if (mode != ZS_DEFER_REUSE)
			defers->values[defers->nr++] = mode - 1;
}

static bool chosen(const struct choice *choice, unsigned int value)
{
	for (unsigned int i = 0; i < choice->nr; i++)
		if (choice->values[i] == value)
			return true;
	return false;
}

/* Objects that are freed in the call are not in a queue. */
static void check_reuse(struct request *request)
{
	struct choice *works = &request->works;

	if (!chosen(&request->defers, ZS_DEFER_REUSE - 1))
		return;
	if (!works->nr) {
		works->values[works->nr++] = CELL_FREE;
		works->values[works->nr++] = CELL_RELEASE;
	}
	if (chosen(works, CELL_QUEUE))
		usage_error("--defers reuse: not with --work queue, as it "
			    "frees in the call what it does not keep");
}

/* The names of a library's enumeration without its default. */
static struct choice without_default(const char *option,
				     const char *const *names)
{
	return (struct choice){ .option = option, .names = names + 1 };
}

enum {
	OPT_WORK = CLI_OWN,
	OPT_SCOPES,
	OPT_DEFERS,
	OPT_THREADS,
	OPT_PAGES,
	OPT_ORDER,
	OPT_CLASSES,
	OPT_ZSPAGES,
	OPT_OBJECTS,
	OPT_SIZE,
	OPT_BYTES,
	OPT_SIZES,
	OPT_LOCKS
};

static const struct option long_options[] = {
	{ "work", required_argument, NULL, OPT_WORK },
	{ "scopes", required_argument, NULL, OPT_SCOPES },
	{ "defers", required_argument, NULL, OPT_DEFERS },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "pages", required_argument, NULL, OPT_PAGES },
	{ "order", required_argument, NULL, OPT_ORDER },
	{ "locks", no_argument, NULL, OPT_LOCKS },
	{ "classes", required_argument, NULL, OPT_CLASSES },
	{ "zspages", required_argument, NULL, OPT_ZSPAGES },
	{ "objects", required_argument, NULL, OPT_OBJECTS },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "bytes", required_argument, NULL, OPT_BYTES },
	{ "sizes", required_argument, NULL, OPT_SIZES },
	CLI_RUN_OPTIONS,
	CLI_OPTIONS
};

static void parse_option(struct request *request, int option, const char *arg)
{
	struct options *opt = &request->opt;

	switch (option) {
	case OPT_WORK:
		parse_choice(&request->works, arg);
		break;
	case OPT_SCOPES:
		parse_choice(&request->scopes, arg);
		break;
	case OPT_DEFERS:
		parse_choice(&request->defers, arg);
		break;
	case OPT_THREADS:
		parse_choice(&request->threads, arg);
		break;
	case OPT_PAGES:
		parse_choice(&request->pages, arg);
		break;
	case OPT_ORDER:
		request->random_order = find_name("--order", order_names, arg);
		break;
	case OPT_LOCKS:
		if (!locks_counted())
			usage_error("--locks: not in this build, which does "
				    "not count them (build with "
				    "-DUZS_CHECKED=ON, static)");
		request->locks = true;
		break;
	case OPT_CLASSES:
		parse_choice(&request->classes, arg);
		break;
	case OPT_ZSPAGES:
		parse_choice(&request->zspages, arg);
		break;
	case OPT_OBJECTS:
		request->objects =
			parse_number("--objects", arg, 100, UINT32_MAX / 2);
		break;
	case OPT_SIZE:
		request->one_size.max =
			(uint32_t)parse_number("--size", arg, 1, 65536);
		break;
	case OPT_BYTES:
		request->bytes = parse_bytes("--bytes", arg);
		break;
	case OPT_SIZES:
		request->sizes_path = arg;
		break;
	default:
		cli_option(option, arg, usage_text, opt);
	}
}

/* Leaves out the scopes that are another one in disguise on this machine, and
 * finds out early what the library says of the other options. */
static void check_scopes(struct request *request)
{
	struct choice *scopes = &request->scopes;
	struct options opt = request->opt;
	struct target target;
	unsigned int nr = 0;

	for (unsigned int i = 0; i < scopes->nr; i++) {
		opt.lock_scope = scopes->values[i] + 1;
		target_open(&target, &opt);
		if (zs_pool_scope(target.pool) ==
		    (enum zs_lock_scope)opt.lock_scope)
			scopes->values[nr++] = scopes->values[i];
		else
			fprintf(stderr,
				"uzs-free: %s is left out: not on this "
				"machine\n",
				scope_names[opt.lock_scope]);
		zs_destroy_pool(target.pool);
	}
	if (!nr)
		die("no scope is left");
	scopes->nr = nr;
}

static void check_amount(const struct cell *cell)
{
	const struct options *opt = &cell->opt;

	if (opt->sizes.max > opt->page_size)
		die("sizes %s: an object of %u bytes is larger than a page "
		    "of %u",
		    opt->sizes.name, (unsigned int)opt->sizes.max,
		    opt->page_size);
	if (!work_slots(opt))
		die("more objects than the benchmark can number");
	if (work_slots(opt) < opt->threads * 100)
		die("%zu objects are too few, each thread needs 100",
		    work_slots(opt));
}

/* The cells of one kind of work and one number of threads, which are to be
 * compared: all scopes and deferrals. Return: how many. */
static unsigned int add_variants(const struct request *request,
				 const struct cell *group, struct cell *cells)
{
	unsigned int nr = 0;

	check_amount(group);
	for (unsigned int s = 0; s < request->scopes.nr; s++) {
		for (unsigned int d = 0; d < request->defers.nr; d++) {
			cells[nr] = *group;
			cells[nr].opt.lock_scope =
				request->scopes.values[s] + 1;
			cells[nr].opt.defer = request->defers.values[d] + 1;
			nr++;
		}
	}
	return nr;
}

/* The work of each thread, in bytes. */
static uint64_t thread_bytes(const struct request *request,
			     const struct cell *cell)
{
	uint64_t objects = request->objects;

	if (cell->work == CELL_FREE)
		return (objects ? objects : 200000) * cell->opt.sizes.max;
	if (objects)
		return (uint64_t)((double)objects * cell->opt.sizes.mean);
	return request->bytes ? request->bytes : (uint64_t)256 << 20;
}

/* One digit of a number whose digits are places in lists. */
static unsigned int take_digit(unsigned int *number, const struct choice *list)
{
	unsigned int digit = *number % list->nr;

	*number /= list->nr;
	return digit;
}

/* Group number i: what the variants do that are compared. Return: is it
 * another group than those before? What makes no difference is done once. */
static bool make_group(const struct request *request, unsigned int i,
		       struct cell *group)
{
	unsigned int p = take_digit(&i, &request->pages);
	unsigned int z = take_digit(&i, &request->zspages);
	unsigned int c = take_digit(&i, &request->classes);
	unsigned int t = take_digit(&i, &request->threads);
	enum cell_work work = request->works.values[i];
	bool free = work == CELL_FREE, queue = work == CELL_QUEUE;

	*group = (struct cell){ .opt = request->opt, .work = work };
	if (free)
		group->opt.sizes = request->one_size;
	group->opt.threads = request->threads.values[t];
	group->opt.bytes = group->opt.threads * thread_bytes(request, group);
	group->opt.no_worker = queue;
	group->opt.retained_bytes =
		!queue && request->pages.values[p] ? 0 : SIZE_MAX;
	group->own_class = free && !request->classes.values[c];
	group->keep_zspages = free && request->zspages.values[z];
	group->random_order = request->random_order;
	return !(queue && p) && !(!free && (z || c)) &&
	       !(group->opt.threads == 1 && c);
}

/* The whole table, group by group. Return: how many cells. */
static unsigned int make_cells(const struct request *request,
			       struct cell **cells)
{
	unsigned int groups = request->works.nr * request->threads.nr *
			      request->classes.nr * request->zspages.nr *
			      request->pages.nr;
	unsigned int variants = request->scopes.nr * request->defers.nr;
	unsigned int nr = 0;
	struct cell group;

	*cells = harness_alloc(groups * variants * sizeof(**cells));
	for (unsigned int i = 0; i < groups; i++)
		if (make_group(request, i, &group))
			nr += add_variants(request, &group, *cells + nr);
	return nr;
}

static void measure_all(const struct request *request)
{
	struct cell *cells;
	unsigned int nr = make_cells(request, &cells);
	unsigned int of = request->opt.reps * nr;
	struct cell_result *results =
		harness_alloc_shared(of * sizeof(*results));

	/* back and forth, so that a machine that gets slower does so for all */
	for (unsigned int i = 0; i < of; i++) {
		unsigned int rep = i / nr, at = i % nr;
		unsigned int cell = rep % 2 ? nr - 1 - at : at;

		progress("cell", i, of);
		cell_measure(&cells[cell], &results[rep * nr + cell]);
	}
	progress(NULL, 0, 0);
	cell_print(cells, nr, results, request->scopes.nr * request->defers.nr,
		   request->locks);
}

int main(int argc, char **argv)
{
	struct request request = {
		.works = { .option = "--work", .names = work_names },
		.scopes = without_default("--scopes", scope_names),
		.defers = without_default("--defers", defer_names),
		.threads = { .option = "--threads",
			     .values = { 1, 2 },
			     .nr = 2 },
		.classes = { .option = "--classes", .names = class_names },
		.zspages = { .option = "--zspages", .names = zspages_names },
		.pages = { .option = "--pages", .names = pages_names, .nr = 1 },
		.opt = { .seed = 1,
			 .reps = 5,
			 .page_size = 4096,
			 .chain_size = 8 },
		.one_size = { .nr = 1, .max = 1000 },
	};
	struct choice *all[] = { &request.works, &request.scopes,
				 &request.classes, &request.zspages };
	struct sizes *one = &request.one_size;
	int option;

	uzs_start();
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		parse_option(&request, option, optarg);
	if (optind < argc)
		usage_error("%s: not understood", argv[optind]);
	if (request.bytes && request.objects)
		usage_error("--bytes and --objects: one of them");
	if (!request.defers.nr)
		choose_usual_defers(&request.defers);
	check_reuse(&request);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!all[i]->nr)
			choose_all(all[i]);
	if (request.sizes_path)
		sizes_load(&request.opt.sizes, request.sizes_path);
	else
		sizes_built_in(&request.opt.sizes);
	snprintf(one->name, sizeof(one->name), "%u", (unsigned int)one->max);
	one->values = &one->max;
	one->mean = one->max;
	check_scopes(&request);
	measure_all(&request);
	return 0;
}
