/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* uzs-bench - what a pool costs, in time and in memory, and what malloc costs
 * for the same work.
 *
 * Reads the command line; measuring is in speed.c, memory.c, wait.c,
 * pair.c and versus.c.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <uzsmalloc.h>

#include "cli.h"
#include "harness.h"
#include "modes.h"
#include "options.h"
#include "report.h"
#include "subject_load.h"
#include "subject_uzs.h"
#include "target.h"
#include "tools/uzs.h"
#include "tools/variants.h"
#include "work.h"

#define MAX_SIZE ((uint64_t)1 << 30)
#define MAX_SLICES 100000

const char program_name[] = "uzs-bench";

static const char usage_text[] =
	"Usage: uzs-bench [speed|memory|wait|pair] [OPTION]...\n"
	"Measures a zsmalloc pool, or malloc doing the same work, or a kernel's\n"
	"own mm/zsmalloc.c beside ours.\n"
	"\n"
	"  speed   time of each operation (the default)\n"
	"  memory  resident memory for each byte stored\n"
	"  wait    how long single replacements take, beside one who compacts\n"
	"          too, and how long nothing takes\n"
	"  pair    two allocators in one process, slice by slice in turn: their\n"
	"          ratio, also where a machine is shared and never quiet\n"
	"\n"
	"  --allocator NAME       what is measured: zs (the default); refs,\n"
	"                         a pool of the user profile whose objects are\n"
	"                         named by zs_refs; malloc, LD_PRELOAD chooses\n"
	"                         whose; or kernel\n"
	"  --sizes FILE           object sizes: little-endian 16-bit numbers\n"
	"                         (default: made up like pages of a Python\n"
	"                         process's memory, compressed with LZ4)\n"
	"  --sizes log:MIN-MAX    uniform in the logarithm, as log:64-256K\n"
	"  --sizes one:N          all of one size, in bytes. A pool's largest\n"
	"                         object is a page; of the user profile 1M\n"
	"  --bytes N[K|M|G]       stored (default: 256M; memory: 512M; wait: 64M)\n"
	"  --threads N            each works on its own share (default: 1)\n"
	"  --reps N               runs, each in fresh processes (default: 5;\n"
	"                         memory, wait: 1)\n"
	"  --seed N               of sizes and orders (default: 1)\n"
	"  --verify               check every object after every step; slow\n"
	"  --csv, --json          every run, for programs\n"
	"  --help, --version\n"
	"speed and pair only:\n"
	"  --ops LIST             of these, with commas (default: all, in this\n"
	"                         order):\n"
	"      malloc       allocate, in a fresh process; nothing is written\n"
	"      write        overwrite objects in random order\n"
	"      read         copy objects out in random order\n"
	"      peek         read first and last byte in place, random order\n"
	"      replace      free one at random, allocate another, write it\n"
	"      free         free in random order\n"
	"      malloc-warm  allocate again after everything was freed\n"
	"      fill         allocate and write, in a fresh process\n"
	"      compact      compact after a random half was freed; zs only\n"
	"                         and, not by default:\n"
	"      peek-one     read the first byte in place, random order\n"
	"      free-many    as free, 256 with one call where there is one\n"
	"  --rest MS              before what is timed, wait until the process has\n"
	"                         been quiet so long: an allocator may work in the\n"
	"                         background after it was filled (default: 0)\n"
	"pair only:\n"
	"  --against NAME         by turns with it: malloc, or a pool without\n"
	"                         options but --page-size, which is for both:\n"
	"                         zs, user (by handles) or refs (default: malloc)\n"
	"  --slices N             of each operation (default: 100); pair has no\n"
	"                         malloc, malloc-warm and compact\n"
	"memory only:\n"
	"  --free LIST            parts to free, in % (default: 50,75,90)\n"
	"  --churn N              replacements for each live object when a part\n"
	"                         is freed; 0 is none (default: 4)\n"
	"  --churn-freed N        that part, in % (default: 50)\n"
	"wait only:\n"
	"  --seconds S            of each run and phase (default: 2)\n"
	"zs and refs only:\n"
	"  --page-size N          bytes, 4096 to 65536 (default: 4096)\n"
	"  --chain-size N         pages, 4 to 16 (default: 8; profile user: 16)\n"
	"  --retained N[K|M|G]|all  free memory that the pool keeps\n"
	"                         (default: the library's)\n"
	"  --max-overhead N       the pool compacts by itself when gaps take more\n"
	"                         than N % of its objects; 10000: never, 0: the\n"
	"                         library's default (default: 0; memory: never)\n"
	"  --expected N[K|M|G]    the pool is made for so many bytes of objects\n"
	"                         (default: not known)\n"
	"  --no-worker            a pool without a thread of its own\n"
	"  --no-huge              a pool that never uses huge pages\n"
	"  --hardened             a pool that looks for misuse of handles\n"
	"zs only:\n"
	"  --profile NAME         what the pool is made for: kernel (the default)\n"
	"                         or user, with handles; refs is always user\n"
	"  --scope NAME           where zs_free's locks begin and end:\n"
	"                         " VARIANT_SCOPES_TEXT "default\n"
	"  --defer NAME           what zs_free_deferred does:\n"
	"                         " VARIANT_DEFERS_TEXT "or off, which\n"
	"                         is zs_free (the default). reuse gives freed\n"
	"                         objects out again. speed flushes at the end,\n"
	"                         within the time; memory before it compacts\n"
	"\n"
	"kernel only (speed):\n"
	"  --subject FILE.so      the kernel's, as scripts/kernel-test builds it\n"
	"                         (the one that ends in -bench.so); gives page\n"
	"                         size and chain size\n"
	"  --against LIST         ours, by turns with it: a scope alone or with a\n"
	"                         deferral, as class-idx+reuse (default:\n"
	"                         held,class-idx)\n"
	"\n"
	"Example: what replacing costs with jemalloc and with a pool:\n"
	"  LD_PRELOAD=libjemalloc.so.2 uzs-bench --allocator malloc "
	"--ops replace\n"
	"  uzs-bench --ops replace\n"
	"and with a pool of the user profile and refs:\n"
	"  uzs-bench --allocator refs --ops replace\n"
	"and what it costs that a pool looks for misuse:\n"
	"  uzs-bench pair --allocator refs --hardened --against refs\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage.\n";

static void add_op(void *arg, const char *name)
{
	struct options *opt = arg;
	unsigned int op;

	for (op = 0; op < OP_NR; op++) {
		if (!strcmp(op_name(op), name)) {
			opt->ops[opt->nr_ops++] = op;
			return;
		}
	}
	usage_error("--ops: no operation is called \"%s\"", name);
}

static void add_free_level(void *arg, const char *number)
{
	struct options *opt = arg;

	opt->free_percent[opt->nr_free++] =
		(unsigned int)parse_number("--free", number, 1, 99);
}

enum {
	OPT_ALLOCATOR = CLI_OWN,
	OPT_SIZES,
	OPT_BYTES,
	OPT_THREADS,
	OPT_OPS,
	OPT_FREE,
	OPT_CHURN,
	OPT_CHURN_FREED,
	OPT_RETAINED,
	OPT_MAX_OVERHEAD,
	OPT_EXPECTED,
	OPT_PROFILE,
	OPT_SECONDS,
	OPT_SCOPE,
	OPT_DEFER,
	OPT_NO_WORKER,
	OPT_NO_HUGE,
	OPT_REST,
	OPT_SLICES,
	OPT_HARDENED,
	OPT_SUBJECT,
	OPT_AGAINST
};

static const struct option long_options[] = {
	{ "allocator", required_argument, NULL, OPT_ALLOCATOR },
	{ "sizes", required_argument, NULL, OPT_SIZES },
	{ "bytes", required_argument, NULL, OPT_BYTES },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "ops", required_argument, NULL, OPT_OPS },
	{ "free", required_argument, NULL, OPT_FREE },
	{ "churn", required_argument, NULL, OPT_CHURN },
	{ "churn-freed", required_argument, NULL, OPT_CHURN_FREED },
	{ "retained", required_argument, NULL, OPT_RETAINED },
	{ "max-overhead", required_argument, NULL, OPT_MAX_OVERHEAD },
	{ "expected", required_argument, NULL, OPT_EXPECTED },
	{ "profile", required_argument, NULL, OPT_PROFILE },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "scope", required_argument, NULL, OPT_SCOPE },
	{ "defer", required_argument, NULL, OPT_DEFER },
	{ "no-worker", no_argument, NULL, OPT_NO_WORKER },
	{ "no-huge", no_argument, NULL, OPT_NO_HUGE },
	{ "rest", required_argument, NULL, OPT_REST },
	{ "slices", required_argument, NULL, OPT_SLICES },
	{ "hardened", no_argument, NULL, OPT_HARDENED },
	{ "subject", required_argument, NULL, OPT_SUBJECT },
	{ "against", required_argument, NULL, OPT_AGAINST },
	CLI_RUN_OPTIONS,
	CLI_OPTIONS
};

/* What was given, where it matters whether it was. */
struct given {
	bool mode, bytes, reps, ops, max_overhead;
	const char *sizes;
	/* an option's name */
	const char *timed_only, *memory_only, *wait_only, *pair_only;
	const char *pool_only, *zs_only, *scope;
	bool kernel; /* --allocator kernel */
	const char *subject, *against, *kernel_only;
};

static void parse_option(struct options *opt, struct given *given, int option,
			 const char *arg)
{
	switch (option) {
	case OPT_ALLOCATOR:
		if (strcmp(arg, "zs") && strcmp(arg, "refs") &&
		    strcmp(arg, "malloc") && strcmp(arg, "kernel"))
			usage_error(
				"--allocator %s: neither zs, refs, malloc nor kernel",
				arg);
		opt->use_malloc = arg[0] == 'm';
		opt->refs = arg[0] == 'r';
		given->kernel = arg[0] == 'k';
		break;
	case OPT_SIZES:
		given->sizes = arg;
		break;
	case OPT_BYTES:
		opt->bytes = parse_bytes("--bytes", arg);
		given->bytes = true;
		break;
	case OPT_THREADS:
		opt->threads = (unsigned int)parse_number("--threads", arg, 1,
							  HARNESS_MAX_THREADS);
		break;
	case OPT_OPS:
		opt->nr_ops = 0;
		parse_list("--ops", arg, MAX_OPS, add_op, opt);
		given->ops = true;
		given->timed_only = "--ops";
		break;
	case OPT_FREE:
		opt->nr_free = 0;
		parse_list("--free", arg, MAX_FREE_LEVELS, add_free_level, opt);
		given->memory_only = "--free";
		break;
	case OPT_CHURN:
		opt->churn = (unsigned int)parse_number("--churn", arg, 0, 100);
		given->memory_only = "--churn";
		break;
	case OPT_CHURN_FREED:
		opt->churn_freed =
			(unsigned int)parse_number("--churn-freed", arg, 0, 99);
		given->memory_only = "--churn-freed";
		break;
	case OPT_RETAINED:
		opt->retained_bytes =
			strcmp(arg, "all")
				? (size_t)parse_bytes("--retained", arg)
				: SIZE_MAX;
		given->pool_only = "--retained";
		break;
	case OPT_MAX_OVERHEAD:
		opt->max_overhead = (unsigned int)parse_number(
			"--max-overhead", arg, 0, ZS_MAX_OVERHEAD);
		given->pool_only = "--max-overhead";
		given->max_overhead = true;
		break;
	case OPT_EXPECTED:
		opt->expected_bytes = (size_t)parse_bytes("--expected", arg);
		given->pool_only = "--expected";
		break;
	case OPT_PROFILE:
		opt->profile = find_name("--profile", profile_names, arg);
		given->zs_only = "--profile";
		break;
	case OPT_SECONDS:
		opt->seconds = parse_seconds("--seconds", arg);
		given->wait_only = "--seconds";
		break;
	case OPT_SCOPE:
		opt->lock_scope = find_name("--scope", scope_names, arg);
		given->scope = given->zs_only = "--scope";
		break;
	case OPT_DEFER:
		opt->defer = find_name("--defer", defer_names, arg);
		given->zs_only = "--defer";
		break;
	case OPT_NO_WORKER:
		opt->no_worker = true;
		given->pool_only = "--no-worker";
		break;
	case OPT_NO_HUGE:
		opt->no_huge = true;
		given->pool_only = "--no-huge";
		break;
	case OPT_REST:
		opt->rest_ms =
			(unsigned int)parse_number("--rest", arg, 0, 10000);
		given->timed_only = "--rest";
		break;
	case OPT_SLICES:
		opt->slices = (unsigned int)parse_number("--slices", arg, 1,
							 MAX_SLICES);
		given->pair_only = "--slices";
		break;
	case OPT_HARDENED:
		opt->hardened = true;
		given->pool_only = "--hardened";
		break;
	case OPT_SUBJECT:
		given->subject = arg;
		given->kernel_only = "--subject";
		break;
	case OPT_AGAINST:
		given->against = arg;
		break;
	default:
		cli_option(option, arg, usage_text, opt);
		given->reps |= option == CLI_REPS;
		if (option == CLI_PAGE_SIZE)
			given->pool_only = "--page-size";
		else if (option == CLI_CHAIN_SIZE)
			given->pool_only = "--chain-size";
	}
}

static void parse_mode(struct options *opt, struct given *given,
		       const char *arg)
{
	if (given->mode)
		usage_error("one of speed, memory, wait and pair at a time");
	if (!strcmp(arg, "memory"))
		opt->mode = MODE_MEMORY;
	else if (!strcmp(arg, "wait"))
		opt->mode = MODE_WAIT;
	else if (!strcmp(arg, "pair"))
		opt->mode = MODE_PAIR;
	else if (strcmp(arg, "speed"))
		usage_error("%s: neither speed, memory, wait nor pair", arg);
	given->mode = true;
}

static void set_defaults(struct options *opt, const struct given *given)
{
	/* an order in which one process can do many, one after the other */
	static const enum bench_op default_ops[] = {
		OP_MALLOC, OP_WRITE,	   OP_READ, OP_PEEK,   OP_REPLACE,
		OP_FREE,   OP_MALLOC_WARM, OP_FILL, OP_COMPACT
	};
	static const struct {
		uint64_t bytes;
		unsigned int reps;
	} defaults[] = {
		[MODE_SPEED] = { (uint64_t)256 << 20, 5 },
		[MODE_MEMORY] = { (uint64_t)512 << 20, 1 },
		[MODE_WAIT] = { (uint64_t)64 << 20, 1 },
		[MODE_PAIR] = { (uint64_t)256 << 20, 5 },
	};
	unsigned int i;

	if (!given->bytes)
		opt->bytes = defaults[opt->mode].bytes;
	if (!given->reps)
		opt->reps = defaults[opt->mode].reps;
	if (!given->max_overhead && opt->mode == MODE_MEMORY)
		opt->max_overhead = ZS_MAX_OVERHEAD;
	if (opt->refs)
		opt->profile = ZS_PROFILE_USER;
	if (!opt->chain_size)
		opt->chain_size = opt->profile == ZS_PROFILE_USER ? 16 : 8;
	if (given->ops)
		return;
	for (i = 0; i < sizeof(default_ops) / sizeof(default_ops[0]); i++) {
		if (default_ops[i] == OP_COMPACT && opt->use_malloc)
			continue;
		if (default_ops[i] == OP_PEEK && given->kernel)
			continue;
		if (opt->mode == MODE_PAIR && !pair_takes(default_ops[i]))
			continue;
		opt->ops[opt->nr_ops++] = default_ops[i];
	}
}

static void add_subject(void *arg, const char *name)
{
	struct options *opt = arg;
	char error[SUBJECT_ERROR_BYTES];

	if (opt->nr_subjects == MAX_SUBJECTS)
		usage_error("more than %d subjects", MAX_SUBJECTS);
	opt->subjects[opt->nr_subjects] =
		subject_find(name, subject_uzs, SUBJECT_UZS_COUNT, error);
	if (!opt->subjects[opt->nr_subjects++])
		usage_error("%s", error);
}

/* The kernel's first: the others are measured by it. */
static void find_subjects(struct options *opt, const struct given *given)
{
	const struct subject *kernel;
	unsigned int i;

	if (!given->subject)
		usage_error("--allocator kernel: no --subject FILE.so");
	add_subject(opt, given->subject);
	parse_list("--against",
		   given->against ? given->against : "held,class-idx",
		   MAX_SUBJECTS - 1, add_subject, opt);
	kernel = opt->subjects[0];
	if (kernel->page_size)
		opt->page_size = kernel->page_size;
	if (kernel->chain_size)
		opt->chain_size = kernel->chain_size;
	for (i = 1; i < opt->nr_subjects; i++)
		if (!subject_takes(opt->subjects[i], opt->page_size,
				   opt->chain_size))
			usage_error("%s: another page size or chain size",
				    opt->subjects[i]->name);
}

static const char *const mode_names[] = {
	[MODE_SPEED] = "speed",
	[MODE_MEMORY] = "memory",
	[MODE_WAIT] = "wait",
	[MODE_PAIR] = "pair",
};

static void check_options(const struct options *opt, const struct given *given)
{
	unsigned int i;

	if (opt->mode != MODE_MEMORY && given->memory_only)
		usage_error("%s: only with memory", given->memory_only);
	if (opt->mode != MODE_SPEED && opt->mode != MODE_PAIR &&
	    given->timed_only)
		usage_error("%s: only with speed and pair", given->timed_only);
	if (opt->mode != MODE_PAIR && given->pair_only)
		usage_error("%s: only with pair", given->pair_only);
	if (opt->mode != MODE_PAIR && !given->kernel && given->against)
		usage_error("--against: only with pair and --allocator kernel");
	if (opt->mode != MODE_WAIT && given->wait_only)
		usage_error("%s: only with wait", given->wait_only);
	if ((opt->use_malloc || given->kernel) && given->pool_only)
		usage_error("%s: only with --allocator zs or refs",
			    given->pool_only);
	if ((opt->use_malloc || opt->refs || given->kernel) && given->zs_only)
		usage_error("%s: only with --allocator zs", given->zs_only);
	if (opt->profile == ZS_PROFILE_USER && given->scope)
		usage_error("--scope: not with --profile user");
	if (!given->kernel && given->kernel_only)
		usage_error("%s: only with --allocator kernel",
			    given->kernel_only);
	if (given->kernel && opt->mode != MODE_SPEED)
		usage_error("%s: not with --allocator kernel",
			    mode_names[opt->mode]);
	for (i = 0; given->kernel && i < opt->nr_ops; i++) {
		if (opt->ops[i] == OP_PEEK || opt->ops[i] == OP_PEEK_ONE)
			usage_error("peek: not with --allocator kernel");
	}
	for (i = 0; opt->use_malloc && i < opt->nr_ops; i++) {
		if (opt->ops[i] == OP_COMPACT)
			usage_error("malloc cannot compact");
	}
	for (i = 0; opt->mode == MODE_PAIR && i < opt->nr_ops; i++) {
		if (!pair_takes(opt->ops[i]))
			usage_error("%s: not with pair", op_name(opt->ops[i]));
	}
	if (opt->mode == MODE_MEMORY && !opt->nr_free && !opt->churn)
		usage_error("neither --free nor --churn: nothing to do");
}

/* --sizes: "log:MIN-MAX", "one:N" or a file. NULL: the built-in ones. */
static void find_sizes(struct sizes *sizes, const char *text)
{
	uint64_t min, max;
	char first[32];
	const char *dash;

	if (!text) {
		sizes_built_in(sizes);
	} else if (!strncmp(text, "one:", 4)) {
		max = parse_bytes("--sizes", text + 4);
		if (max > MAX_SIZE)
			usage_error("--sizes %s: at most 1G", text);
		sizes_log(sizes, (uint32_t)max, (uint32_t)max, text);
	} else if (!strncmp(text, "log:", 4)) {
		dash = strchr(text, '-');
		if (!dash || dash - text - 4 >= (ptrdiff_t)sizeof(first))
			usage_error("--sizes %s: not like log:64-256K", text);
		snprintf(first, sizeof(first), "%.*s", (int)(dash - text - 4),
			 text + 4);
		min = parse_bytes("--sizes", first);
		max = parse_bytes("--sizes", dash + 1);
		if (min >= max || max > MAX_SIZE)
			usage_error("--sizes %s: not in order, or above 1G",
				    text);
		sizes_log(sizes, (uint32_t)min, (uint32_t)max, text);
	} else {
		sizes_load(sizes, text);
	}
}

static void check_amount(const struct options *opt)
{
	size_t max = opt->profile == ZS_PROFILE_USER ? ZS_USER_MAX_SIZE
						     : opt->page_size;
	size_t slots = work_slots(opt);

	if (!slots)
		die("--bytes: more objects than the benchmark can number");
	/* fewer would leave a thread without one after the frees */
	if (slots < opt->threads * 100)
		die("--bytes: %zu objects are too few, each thread needs 100",
		    slots);
	if (opt->mode == MODE_PAIR && slots / opt->threads < opt->slices)
		die("--slices %u: more than the %zu objects of a thread",
		    opt->slices, slots / opt->threads);
	if (!opt->use_malloc && opt->sizes.max > max)
		die("sizes %s: an object of %u bytes is larger than %s%zu%s",
		    opt->sizes.name, (unsigned int)opt->sizes.max,
		    max == opt->page_size ? "a page of " : "", max,
		    opt->sizes.max > ZS_USER_MAX_SIZE ||
				    opt->profile == ZS_PROFILE_USER
			    ? ""
			    : " (--profile user holds it)");
}

int main(int argc, char **argv)
{
	struct options opt = {
		.seed = 1,
		.threads = 1,
		.page_size = 4096,
		.profile = ZS_PROFILE_KERNEL,
		.seconds = 2,
		.slices = 100,
		.free_percent = { 50, 75, 90 },
		.nr_free = 3,
		.churn = 4,
		.churn_freed = 50,
	};
	struct options against;
	struct target_identity identity;
	struct given given = { 0 };
	int option;

	uzs_start();
	/* "-" in front: arguments that are no options come as option 1 */
	while ((option = getopt_long(argc, argv, "-", long_options, NULL)) !=
	       -1) {
		if (option == 1)
			parse_mode(&opt, &given, optarg);
		else
			parse_option(&opt, &given, option, optarg);
	}
	if (optind < argc)
		usage_error("%s: not understood", argv[optind]);
	against = opt;
	if (opt.mode == MODE_PAIR && !given.kernel &&
	    !pair_against(&against, given.against ? given.against : "malloc"))
		usage_error("--against %s: neither malloc, zs, user nor refs",
			    given.against);
	set_defaults(&against, &given);
	set_defaults(&opt, &given);
	check_options(&opt, &given);
	if (given.kernel)
		find_subjects(&opt, &given);
	find_sizes(&opt.sizes, given.sizes);
	check_amount(&opt);
	if (opt.mode == MODE_PAIR) {
		against.sizes = opt.sizes;
		check_amount(&against);
		measure_pair(&opt, &against);
		return 0;
	}
	if (given.kernel) {
		measure_versus(&opt);
		return 0;
	}
	target_identify(&opt, &identity);
	if (opt.mode == MODE_SPEED)
		measure_speed(&opt, &identity);
	else if (opt.mode == MODE_MEMORY)
		measure_memory(&opt, &identity);
	else
		measure_wait(&opt, &identity);
	return 0;
}
