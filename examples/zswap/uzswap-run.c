/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* uzswap-run.c - demonstrates and measures uzswap: reads the command line, runs
 * run_sort.c and run_exit.c.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "run.h"

static const char usage_text[] =
	"Usage: uzswap-run [OPTION]...\n"
	"Sorts records in a region of memory of which only a part may be resident;\n"
	"the rest is compressed, by the process itself, through userfaultfd. Checks\n"
	"the result, and reports what it took. Then times the unmapping of regions\n"
	"that are all compressed, with and without deferred free.\n"
	"\n"
	"Sizes are bytes, or have K, M, G.\n"
	"  --resident SIZE     resident limit (default: 64M; 1M at least)\n"
	"  --data SIZE         of the records (default: 4 times that)\n"
	"  --pool SIZE         most compressed memory; beyond that pages are written\n"
	"                      to the swap file (default: a quarter of the data)\n"
	"  --swap PATH         swap file; a directory: one without a name in there;\n"
	"                      none (default: /tmp)\n"
	"  --compressor NAME   lz4 (default), zstd, zstd:LEVEL\n"
	"  --profile NAME      of the pool in which the records are: kernel\n"
	"                      (default), user\n"
	"  --handlers N        threads that serve faults (default: 1)\n"
	"  --touches N         random touches, for latency (default: 20000)\n"
	"  --exit SIZE         regions to unmap; 0: do not (default: as --resident)\n"
	"  --regions LIST      how many at once (default: 1,2)\n"
	"  --defer LIST        of the kernel profile; none, array, percpu: the\n"
	"                      default; reuse keeps a few objects for the next store\n"
	"                      and frees the others in the call\n"
	"  --reps N            rounds of unmapping (default: 3)\n"
	"  --seed N            of the records (default: 1)\n"
	"  --no-sort           unmapping only\n"
	"  --json              one object a line\n"
	"  --help, --version\n"
	"\n"
	"Example: 1 GiB of data in 256 MiB, no swap file, the user profile:\n"
	"  uzswap-run --resident 256M --data 1G --pool 1G --swap none \\\n"
	"    --profile user\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage.\n";

int run_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("uzswap-run: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return 1;
}

double run_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct uzswap *run_pager(const struct run_options *options, size_t bytes,
			 size_t resident_bytes, size_t pool_bytes,
			 const struct zswap_options *pool)
{
	const struct uzswap_options uzswap = {
		.resident_bytes = resident_bytes,
		.max_bytes = bytes + 65536, /* whole pages */
		.handlers = options->handlers,
		.zswap = {
			.budget_bytes = pool_bytes,
			.max_pool_percent = 100,
			.compressor = options->compressor,
			.profile = pool->profile,
			.lock_scope = pool->lock_scope,
			.defer = pool->defer,
		},
		.path = options->swap,
	};
	char message[256];
	struct uzswap *u = uzswap_create(&uzswap, message, sizeof(message));
	static bool told;

	if (!u) {
		run_fail("%s", message);
	} else if (*message && !told) {
		run_fail("note: %s", message);
		told = true;
	}
	return u;
}

static int wrong_usage(const char *option, const char *takes, const char *text)
{
	run_fail("--%s takes %s, not '%s' (--help)", option, takes, text);
	exit(2);
}

static size_t parse_size(const char *option, const char *text, size_t least)
{
	static const char units[] = "KMG";
	unsigned long long value;
	const char *unit;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (end == text || *text == '-' || errno)
		wrong_usage(option, "a size", text);
	if (*end) {
		unit = strchr(units, *end);
		if (!unit || end[1])
			wrong_usage(option, "a size", text);
		for (long i = unit - units; i >= 0; i--) {
			if (value > SIZE_MAX / 1024)
				wrong_usage(option, "a smaller size", text);
			value *= 1024;
		}
	}
	if (value < least || value > SIZE_MAX / 4)
		wrong_usage(option,
			    value < least ? "a larger size" : "a smaller size",
			    text);
	return (size_t)value;
}

static unsigned int parse_number(const char *option, const char *text,
				 unsigned int least, unsigned int most)
{
	char takes[64], *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (end == text || *end || *text == '-' || errno || value < least ||
	    value > most) {
		snprintf(takes, sizeof(takes), "%u to %u", least, most);
		wrong_usage(option, takes, text);
	}
	return (unsigned int)value;
}

/* Calls a function for each part of a list with commas. */
static void parse_list(struct run_options *o, const char *option,
		       const char *text,
		       void (*add)(struct run_options *o, const char *part))
{
	char copy[128], *part, *rest = copy;
	unsigned int nr = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	while ((part = strsep(&rest, ","))) {
		if (++nr > MAX_LIST)
			wrong_usage(option, "at most 8", text);
		add(o, part);
	}
}

static void add_regions(struct run_options *o, const char *part)
{
	o->exit_regions[o->nr_exit_regions++] =
		parse_number("regions", part, 1, 16);
}

static void add_defer(struct run_options *o, const char *part)
{
	enum zs_defer_mode mode = ZS_DEFER_DEFAULT;

	if (!strcmp(part, "none"))
		mode = ZS_DEFER_NONE;
	else if (!strcmp(part, "array"))
		mode = ZS_DEFER_ARRAY;
	else if (!strcmp(part, "percpu"))
		mode = ZS_DEFER_PERCPU;
	else if (!strcmp(part, "reuse"))
		mode = ZS_DEFER_REUSE;
	else
		wrong_usage("defer", "none, array, percpu, reuse", part);
	o->defers[o->nr_defers++] = mode;
}

static enum zs_profile parse_profile(const char *text)
{
	enum zs_profile profile = ZS_PROFILE_KERNEL;

	while (zs_profile_name(profile)) {
		if (!strcmp(text, zs_profile_name(profile)))
			return profile;
		profile = (enum zs_profile)(profile + 1);
	}
	wrong_usage("profile", "kernel, user", text);
	return ZS_PROFILE_DEFAULT;
}

enum {
	OPT_RESIDENT = 256,
	OPT_DATA,
	OPT_POOL,
	OPT_SWAP,
	OPT_COMPRESSOR,
	OPT_PROFILE,
	OPT_HANDLERS,
	OPT_TOUCHES,
	OPT_EXIT,
	OPT_REGIONS,
	OPT_DEFER,
	OPT_REPS,
	OPT_SEED,
	OPT_NO_SORT,
	OPT_JSON,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option options[] = {
	{ "resident", required_argument, NULL, OPT_RESIDENT },
	{ "data", required_argument, NULL, OPT_DATA },
	{ "pool", required_argument, NULL, OPT_POOL },
	{ "swap", required_argument, NULL, OPT_SWAP },
	{ "compressor", required_argument, NULL, OPT_COMPRESSOR },
	{ "profile", required_argument, NULL, OPT_PROFILE },
	{ "handlers", required_argument, NULL, OPT_HANDLERS },
	{ "touches", required_argument, NULL, OPT_TOUCHES },
	{ "exit", required_argument, NULL, OPT_EXIT },
	{ "regions", required_argument, NULL, OPT_REGIONS },
	{ "defer", required_argument, NULL, OPT_DEFER },
	{ "reps", required_argument, NULL, OPT_REPS },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "no-sort", no_argument, NULL, OPT_NO_SORT },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

int main(int argc, char **argv)
{
	struct run_options o = {
		.resident_bytes = (size_t)64 << 20,
		.swap = "/tmp",
		.compressor = "lz4",
		.handlers = 1,
		.touches = 20000,
		.reps = 3,
		.seed = 1,
	};
	size_t exit_bytes = SIZE_MAX;
	bool sort = true;
	int c, status = 0;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case OPT_RESIDENT:
			o.resident_bytes =
				parse_size("resident", optarg, 1 << 20);
			break;
		case OPT_DATA:
			o.data_bytes = parse_size("data", optarg, 4096);
			break;
		case OPT_POOL:
			o.pool_bytes = parse_size("pool", optarg, 1);
			break;
		case OPT_SWAP:
			o.swap = strcmp(optarg, "none") ? optarg : NULL;
			break;
		case OPT_COMPRESSOR:
			o.compressor = optarg;
			break;
		case OPT_PROFILE:
			o.profile = parse_profile(optarg);
			break;
		case OPT_HANDLERS:
			o.handlers = parse_number("handlers", optarg, 1, 64);
			break;
		case OPT_TOUCHES:
			o.touches =
				parse_number("touches", optarg, 0, 100000000);
			break;
		case OPT_EXIT:
			exit_bytes = parse_size("exit", optarg, 0);
			break;
		case OPT_REGIONS:
			o.nr_exit_regions = 0;
			parse_list(&o, "regions", optarg, add_regions);
			break;
		case OPT_DEFER:
			o.nr_defers = 0;
			parse_list(&o, "defer", optarg, add_defer);
			break;
		case OPT_REPS:
			o.reps = parse_number("reps", optarg, 1, 1000);
			break;
		case OPT_SEED:
			o.seed = parse_number("seed", optarg, 0, UINT32_MAX);
			break;
		case OPT_NO_SORT:
			sort = false;
			break;
		case OPT_JSON:
			o.json = true;
			break;
		case OPT_HELP:
			fputs(usage_text, stdout);
			return 0;
		case OPT_VERSION:
			printf("uzswap-run, uzsmalloc %s\n", zs_version());
			return 0;
		default:
			fputs("uzswap-run: see --help\n", stderr);
			return 2;
		}
	}
	if (optind < argc) {
		run_fail("takes no '%s' (--help)", argv[optind]);
		return 2;
	}
	if (!o.data_bytes)
		o.data_bytes = 4 * o.resident_bytes;
	if (!o.pool_bytes)
		o.pool_bytes = o.data_bytes / 4;
	/* Whole pages with whole records in them. */
	o.exit_bytes = exit_bytes == SIZE_MAX ? o.resident_bytes : exit_bytes;
	o.exit_bytes -= o.exit_bytes % 65536;
	if (!o.nr_exit_regions)
		parse_list(&o, "regions", "1,2", add_regions);
	if (!o.nr_defers)
		parse_list(&o, "defer", "none,array,percpu", add_defer);

	if (sort)
		status = run_sort(&o);
	if (!status && o.exit_bytes)
		status = run_exit(&o);
	if (fflush(stdout) || ferror(stdout))
		status = run_fail("cannot write: %s", strerror(errno));
	return status;
}
