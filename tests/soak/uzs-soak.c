/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* uzs-soak.c - one pool under load for as long as one likes, and what it holds
 * and how long calls take meanwhile: a row for each interval. Here: what happens
 * in an interval, what is asked for, and the rows.
 *
 * Every interval is the same: the same things at the same times of it, so that one
 * can be compared with another. scripts/soak runs one process for each kind of
 * pool, and judges the rows.
 *
 * Return: 0; 1: something is wrong; 2: wrong arguments.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "test_system.h"
#include "load.h"
#include "tools/uzs.h"
#include "tools/variants.h"

#define SAMPLES 24 /* looks at the memory in an interval */
#define MIB ((size_t)1 << 20)
/* What a process may keep of a pool that is gone: a thread's stack, and what the
 * C library keeps of it. */
#define LEFT_MOST (3 * MIB)
#define CHILD_SECONDS 120

const char *const uzs_program = "uzs-soak";

static const char help[] =
	"usage: uzs-soak [OPTION...]\n"
	"\n"
	"Keeps one pool under load: threads make, read, write and free objects of\n"
	"changing sizes; the pool compacts by itself, its memory limit is lowered,\n"
	"refused and raised, the process forks and its child looks at the pool, free\n"
	"memory is given back. Every object must be what was written, and the pool\n"
	"sound. All of it in each interval, of which each prints a row: what the\n"
	"process holds, what is stored, how long calls took. scripts/soak runs all\n"
	"kinds of pools and judges the rows.\n"
	"\n"
	"  --profile NAME   kernel (default) or user\n"
	"  --scope NAME     kernel profile: " VARIANT_SCOPES_TEXT "default\n"
	"  --defer NAME     deferral: " VARIANT_DEFERS_TEXT "default\n"
	"  --seconds N      how long (default 60)\n"
	"  --intervals N    rows (default 60)\n"
	"  --threads N      default 8\n"
	"  --objects N      at most, of each thread (default 6000)\n"
	"  --rate N         steps a second of each thread; 0: without rest\n"
	"                   (default 1500)\n"
	"  --seed N         default 1\n"
	"  --no-fork        for a sanitizer that cannot fork with threads\n"
	"  --help, --version\n"
	"\n"
	"Example: uzs-soak --profile user --defer array --seconds 120\n";

enum {
	OPT_SCOPE = UZS_OPT_OWN,
	OPT_DEFER,
	OPT_SECONDS,
	OPT_INTERVALS,
	OPT_THREADS,
	OPT_OBJECTS,
	OPT_RATE,
	OPT_SEED,
	OPT_NO_FORK
};

struct options {
	struct load_options load;
	uint64_t seconds, intervals;
	bool no_fork;
};

/* What was seen of the memory in an interval: sums of samples, bytes. */
struct memory {
	uint64_t nr, rss, live, resident, free;
};

static struct memory memory;
static size_t base_bytes; /* of the process without the pool */
static size_t held_at_limit; /* what the pool may hold now; SIZE_MAX: anything */
static uint64_t forks, checks;
static bool no_fork;

/* ---- looking ------------------------------------------------------------- */

static struct zs_pool_info info(void)
{
	struct zs_pool_info i = ZS_POOL_INFO_INIT;

	MUST(!zs_pool_info(load_pool(), &i));
	return i;
}

static void sample(void)
{
	struct zs_pool_info i = info();
	size_t rss = exact_resident_bytes();

	MUST(i.bytes_resident <= held_at_limit);
	memory.nr++;
	memory.rss += rss > base_bytes ? rss - base_bytes : 0;
	memory.live += load_live_bytes();
	memory.resident += i.bytes_resident;
	memory.free += i.bytes_free;
}

/* What the process's threads have got of the CPUs so far, and for how long they
 * wanted more, in ns. Zeroes where the system does not tell. */
static void cpu_times(uint64_t *ran, uint64_t *waited)
{
	DIR *tasks = opendir("/proc/self/task");

	*ran = *waited = 0;
	for (struct dirent *e; tasks && (e = readdir(tasks));) {
		uint64_t own_ran, own_waited;
		char path[300];
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%s/schedstat",
			 e->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fscanf(file, "%" SCNu64 " %" SCNu64, &own_ran,
			   &own_waited) == 2) {
			*ran += own_ran;
			*waited += own_waited;
		}
		fclose(file);
	}
	if (tasks)
		closedir(tasks);
}

static void sleep_until(uint64_t ns)
{
	struct timespec until = { (time_t)(ns / 1000000000),
				  (long)(ns % 1000000000) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) ==
	       EINTR)
		;
}

/* ---- what happens in an interval ------------------------------------------ */

static void grow(void)
{
	load_set(75, LOAD_EVEN);
}

static void use_small(void)
{
	load_set(75, LOAD_SMALL);
}

static void use_large(void)
{
	load_set(60, LOAD_LARGE);
}

/* Gaps are left, which the pool closes by itself. */
static void shrink(void)
{
	load_set(25, LOAD_EVEN);
}

static void check(void)
{
	load_apart(true);
	MUST(!zs_pool_check(load_pool(), stderr));
	load_apart(false);
	checks++;
}

static void trim(void)
{
	load_apart(true);
	zs_trim(load_pool());
	load_apart(false);
}

static void live_as_child(void)
{
	alarm(CHILD_SECONDS); /* else it might hang unseen */
	zs_fork_child(load_pool());
	MUST(!zs_pool_check(load_pool(), stderr));
	load_live_in_child();
	zs_free_deferred_flush(load_pool());
	MUST(!zs_pool_check(load_pool(), stderr));
	_exit(0);
}

static void fork_child(void)
{
	int status = -1;
	pid_t child;

	if (no_fork)
		return;
	load_apart(true);
	zs_fork_prepare(load_pool());
	child = fork();
	if (!child)
		live_as_child();
	zs_fork_parent(load_pool());
	MUST(child > 0);
	MUST(waitpid(child, &status, 0) == child);
	/* It has said what is wrong. */
	if (WIFEXITED(status) && WEXITSTATUS(status))
		_exit(WEXITSTATUS(status));
	MUST(WIFEXITED(status));
	/* What was shared with it is copied as it is written. */
	load_apart(false);
	forks++;
}

static void set_limit(size_t bytes)
{
	size_t resident;

	held_at_limit = SIZE_MAX;
	MUST(!zs_set_memory_limit(load_pool(), bytes));
	resident = info().bytes_resident;
	if (bytes)
		held_at_limit = resident > bytes ? resident : bytes;
}

/* It may not grow from here on, and objects want to: allocations fail. */
static void limit(void)
{
	load_apart(true);
	load_may_lack(true);
	set_limit(info().bytes_resident + MIB);
	load_set(75, LOAD_EVEN);
}

/* Below what it holds. */
static void lower_limit(void)
{
	set_limit(info().bytes_resident / 10 * 9);
}

static void raise_limit(void)
{
	size_t old = info().memory_limit_bytes;

	/* No pool can live in one page. */
	MUST(zs_set_memory_limit(load_pool(), 4096) == -EINVAL);
	MUST(info().memory_limit_bytes == old);
	set_limit(old + old / 4);
}

static void no_limit(void)
{
	set_limit(0);
	load_may_lack(false);
	load_apart(false);
}

/* By the part of the interval that has passed. */
static const struct event {
	double at;
	void (*happen)(void);
} events[] = {
	{ 0.00, grow },	       { 0.12, fork_child }, { 0.20, use_small },
	{ 0.32, check },       { 0.35, use_large },  { 0.50, shrink },
	{ 0.66, trim },	       { 0.70, limit },	     { 0.75, lower_limit },
	{ 0.80, raise_limit }, { 0.84, no_limit },   { 0.85, grow },
	{ 0.92, fork_child },
};

/* ---- rows ---------------------------------------------------------------- */

static const char *const columns =
	"pool,interval,seconds,steps,refused,rss_kib,live_kib,resident_kib,"
	"free_kib,rss_over_live,calls,p50_ns,p99_ns,p9999_ns,max_ns,"
	"ran_p9999_ns,allocate_p9999_ns,write_p9999_ns,read_p9999_ns,"
	"free_p9999_ns,waited,waited_p50_ns,preempted,apart_calls,apart_p99_ns,"
	"apart_max_ns,control_p50_ns,control_p9999_ns,control_ran_p9999_ns,"
	"control_waited,cpu_ms,cpu_wait_ms,moved_kib,forks,checks";

static void print_number(uint64_t number)
{
	printf(",%" PRIu64, number);
}

static void print_times(const struct load_counts *counts)
{
	static struct times all, control;
	const struct times *waited = &counts->times[LOAD_WAITED];
	const struct times *apart = &counts->times[LOAD_APART];
	uint64_t ran_p9999;

	memset(&all, 0, sizeof(all));
	for (unsigned int k = 0; k < LOAD_WAITED; k++)
		times_add(&all, &counts->times[k]);
	ran_p9999 = times_quantile_ns(&all, 0.9999);
	times_add(&all, waited);
	print_number(all.nr);
	print_number(times_quantile_ns(&all, 0.5));
	print_number(times_quantile_ns(&all, 0.99));
	print_number(times_quantile_ns(&all, 0.9999));
	print_number(all.max_ns);
	print_number(ran_p9999);
	for (unsigned int k = 0; k < LOAD_WAITED; k++)
		print_number(times_quantile_ns(&counts->times[k], 0.9999));
	print_number(waited->nr);
	print_number(times_quantile_ns(waited, 0.5));
	print_number(all.preempted);
	print_number(apart->nr);
	print_number(times_quantile_ns(apart, 0.99));
	print_number(apart->max_ns);
	control = counts->times[LOAD_CONTROL];
	ran_p9999 = times_quantile_ns(&control, 0.9999);
	times_add(&control, &counts->times[LOAD_CONTROL_WAITED]);
	print_number(times_quantile_ns(&control, 0.5));
	print_number(times_quantile_ns(&control, 0.9999));
	print_number(ran_p9999);
	print_number(counts->times[LOAD_CONTROL_WAITED].nr);
}

static void print_row(unsigned int interval, double seconds)
{
	static struct load_counts counts;
	static uint64_t moved_before, ran_before, waited_before;
	uint64_t moved = info().own_bytes_moved, ran, waited;

	load_take(&counts);
	cpu_times(&ran, &waited);
	printf("%s,%u,%.1f", load_name, interval, seconds);
	print_number(counts.steps);
	print_number(counts.refused);
	print_number(memory.rss / memory.nr / 1024);
	print_number(memory.live / memory.nr / 1024);
	print_number(memory.resident / memory.nr / 1024);
	print_number(memory.free / memory.nr / 1024);
	printf(",%.4f", (double)memory.rss / (double)(memory.live + 1));
	print_times(&counts);
	print_number((ran - ran_before) / 1000000);
	print_number((waited - waited_before) / 1000000);
	print_number((moved - moved_before) / 1024);
	print_number(forks);
	print_number(checks);
	putchar('\n');
	fflush(stdout);
	moved_before = moved;
	ran_before = ran;
	waited_before = waited;
	memset(&memory, 0, sizeof(memory));
	forks = checks = 0;
}

/* Samples until then. */
static void watch_until(uint64_t end_ns, uint64_t every_ns)
{
	uint64_t now = uzs_now_ns();

	while (now + every_ns < end_ns) {
		sleep_until(now + every_ns);
		sample();
		now = uzs_now_ns();
	}
	sleep_until(end_ns);
}

static void run(const struct options *o)
{
	uint64_t start = uzs_now_ns();
	uint64_t length = o->seconds * 1000000000 / o->intervals;
	struct uzs_progress progress;

	uzs_progress_start(&progress, "soak", o->intervals);
	puts(columns);
	for (unsigned int i = 0; i < o->intervals; i++) {
		uint64_t begin = start + i * length;

		for (size_t e = 0; e < sizeof(events) / sizeof(events[0]);
		     e++) {
			watch_until(begin + (uint64_t)(events[e].at *
						       (double)length),
				    length / SAMPLES);
			events[e].happen();
		}
		watch_until(begin + length, length / SAMPLES);
		sample();
		print_row(i, (double)(uzs_now_ns() - start) / 1e9);
		uzs_progress_update(&progress, i + 1);
	}
	uzs_progress_clear();
}

/* ---- command line -------------------------------------------------------- */

/* The number of a name, counting up from 0. */
#define FIND_NAME(type, name_of, what, text, value)                            \
	({                                                                     \
		type n_ = 0;                                                   \
		while (name_of(n_) && strcmp(name_of(n_), text))               \
			n_++;                                                  \
		*(value) = n_;                                                 \
		name_of(n_)                                                    \
			? 0                                                    \
			: uzs_usage("", "--%s: there is no '%s'", what, text); \
	})

static int parse_number(const char *name, const char *text, uint64_t min,
			uint64_t max, unsigned int *value)
{
	uint64_t number = 0;
	int status = uzs_parse_number("", name, text, min, max, &number);

	*value = (unsigned int)number;
	return status;
}

static int parse_option(struct options *o, int option, const char *arg)
{
	switch (option) {
	case UZS_OPT_PROFILE:
		return uzs_profile_option("", arg, &o->load.pool.profile);
	case OPT_SCOPE:
		return FIND_NAME(enum zs_lock_scope, zs_lock_scope_name,
				 "scope", arg, &o->load.pool.lock_scope);
	case OPT_DEFER:
		return FIND_NAME(enum zs_defer_mode, zs_defer_mode_name,
				 "defer", arg, &o->load.pool.defer);
	case OPT_SECONDS:
		return uzs_parse_number("", "seconds", arg, 1, 10000000,
					&o->seconds);
	case OPT_INTERVALS:
		return uzs_parse_number("", "intervals", arg, 1, 100000,
					&o->intervals);
	case OPT_THREADS:
		return parse_number("threads", arg, 1, LOAD_MOST_THREADS,
				    &o->load.threads);
	case OPT_OBJECTS:
		return parse_number("objects", arg, 100, 10000000,
				    &o->load.objects);
	case OPT_RATE:
		return uzs_parse_number("", "rate", arg, 0, 100000000,
					&o->load.rate);
	case OPT_SEED:
		return uzs_parse_number("", "seed", arg, 0, UINT32_MAX,
					&o->load.seed);
	case OPT_NO_FORK:
		o->no_fork = true;
		return 0;
	default:
		return UZS_USAGE; /* getopt has said what is wrong */
	}
}

static void name_pool(const struct zs_pool_options *pool)
{
	if (pool->profile == ZS_PROFILE_USER)
		snprintf(load_name, sizeof(load_name), "user/%s",
			 zs_defer_mode_name(pool->defer));
	else
		snprintf(load_name, sizeof(load_name), "kernel/%s/%s",
			 zs_lock_scope_name(pool->lock_scope),
			 zs_defer_mode_name(pool->defer));
}

static int soak(struct options *o)
{
	uint64_t ran, waited;
	size_t left;
	int err;

	no_fork = o->no_fork;
	held_at_limit = SIZE_MAX;
	/* By itself; the user profile does so anyway. */
	if (o->load.pool.profile != ZS_PROFILE_USER)
		o->load.pool.max_overhead_percent = 8;
	name_pool(&o->load.pool);
	if (!load_prepare(&o->load))
		return uzs_fail("%s: out of memory", load_name);
	/* What this itself needs is there before. */
	cpu_times(&ran, &waited);
	exact_resident_bytes();
	base_bytes = exact_resident_bytes();
	err = load_start();
	if (err)
		return uzs_fail("%s: no pool or no thread: %s", load_name,
				strerror(-err));
	run(o);
	load_end();
	left = resident_bytes();
	if (left > base_bytes + LEFT_MOST && !SANITIZED)
		return uzs_fail(
			"%s: %zu KiB are left of the pool when it is gone",
			load_name, (left - base_bytes) / 1024);
	return uzs_flush_output();
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		UZS_PROFILE_OPTION,
		{ "scope", required_argument, NULL, OPT_SCOPE },
		{ "defer", required_argument, NULL, OPT_DEFER },
		{ "seconds", required_argument, NULL, OPT_SECONDS },
		{ "intervals", required_argument, NULL, OPT_INTERVALS },
		{ "threads", required_argument, NULL, OPT_THREADS },
		{ "objects", required_argument, NULL, OPT_OBJECTS },
		{ "rate", required_argument, NULL, OPT_RATE },
		{ "seed", required_argument, NULL, OPT_SEED },
		{ "no-fork", no_argument, NULL, OPT_NO_FORK },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = {
		.load = { .pool = ZS_POOL_OPTIONS_INIT,
			  .threads = 8,
			  .objects = 6000,
			  .rate = 1500,
			  .seed = 1 },
		.seconds = 60,
		.intervals = 60,
	};
	int option, status;

	uzs_start();
	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) !=
	       -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return uzs_flush_output();
		}
		if (option == 'V') {
			uzs_print_version(uzs_program);
			return uzs_flush_output();
		}
		status = parse_option(&o, option, optarg);
		if (status)
			return status;
	}
	if (optind < argc)
		return uzs_usage("", "unexpected argument '%s'", argv[optind]);
	return soak(&o);
}
