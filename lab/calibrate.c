/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* calibrate.c - the program uzs-lab-calibrate, which `uzs lab calibrate` calls:
 * measures costs on this machine with real threads, and writes the table for
 * uzs lab simulate.
 *
 * Known limits: two CPUs stand for all, although some are further apart than
 * others. The least of many rounds is taken, because other programs only add to
 * it.
 */
#include "calibrate.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/harness.h"
#include "sim_cost.h"
#include "uzsmalloc.h"

const char *const uzs_program = "uzs lab";
const char program_name[] = "uzs lab";

static const char usage_text[] =
	"usage: uzs lab calibrate [--output FILE] [--rounds N]\n"
	"\n"
	"Measures what locks, cache lines, memory, the OS and zs_free cost "
	"on this\n"
	"machine, with two threads on two CPUs, and writes the table of "
	"costs for\n"
	"uzs lab simulate --costs. Takes a few seconds; the machine "
	"should be quiet.\n"
	"\n"
	"  --output FILE   instead of standard output\n"
	"  --rounds N      1 to 100, the best is taken (default: 7)\n"
	"  --help, --version\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage.\n"
	"\n"
	"Example: uzs lab calibrate --output here.txt\n";

struct row {
	double value;
	char origin[16];
	char words[128];
};

static struct row rows[SIM_NR_COSTS];

__attribute__((format(printf, 4, 5))) static void set(enum sim_cost_id id,
						      double value,
						      const char *origin,
						      const char *format, ...)
{
	struct row *row = &rows[id];
	va_list args;

	row->value = value;
	snprintf(row->origin, sizeof(row->origin), "%s", origin);
	va_start(args, format);
	vsnprintf(row->words, sizeof(row->words), format, args);
	va_end(args);
}

static double value(enum sim_cost_id id)
{
	return rows[id].value;
}

/* ---- zs_free, with all at hand ---------------------------------------------------- */

#define HOT_OBJECTS 400u
#define HOT_SIZE 256u

/* As sim_work_price() does in virtual time. */
static double measure_free(unsigned int rounds)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	unsigned long handle[HOT_OBJECTS];
	double best = 1e9;
	struct zs_pool *pool;
	uint64_t begin;

	o.lock_scope = ZS_SCOPE_CLASS_IDX;
	o.defer = ZS_DEFER_NONE;
	o.retained_bytes = SIZE_MAX;
	pool = zs_create_pool_with("calibrate", &o);
	if (!pool)
		die("cannot create a pool: %s", strerror(errno));
	for (unsigned int i = 0; i < rounds * 50; i++) {
		for (unsigned int h = 0; h < HOT_OBJECTS; h++) {
			handle[h] = zs_malloc(pool, HOT_SIZE, GFP_KERNEL,
					      NUMA_NO_NODE);
			if (zs_is_err(handle[h]))
				die("zs_malloc: %s",
				    strerror(-zs_err(handle[h])));
		}
		begin = now_ns();
		for (unsigned int h = 0; h < HOT_OBJECTS; h++)
			zs_free(pool, handle[h]);
		best = calibrate_less(best,
				      (double)(now_ns() - begin) / HOT_OBJECTS);
	}
	zs_destroy_pool(pool);
	return best;
}

/* ---- the table ------------------------------------------------------------------------ */

static void measure_all(unsigned int rounds)
{
	struct calibrate_memory m;
	struct calibrate_os os;

	calibrate_memory(&m, rounds);
	calibrate_os(&os, rounds);
	set(SIM_free_hot, measure_free(rounds), "measured",
	    "%u objects of %u bytes, again and again", HOT_OBJECTS, HOT_SIZE);
	set(SIM_free_more, 0, "published", "the library is what runs");
	set(SIM_atomic, m.atomic, "measured",
	    "compare and exchange of a word at hand");
	set(SIM_line, m.line, "measured",
	    "a line that the other CPU wrote, loaded; of %u", CALIBRATE_LINES);
	set(SIM_overlap, CALIBRATE_OVERLAP, "fitted",
	    "to uzs-free on an AMD EPYC, all variants in view");
	set(SIM_line_retry,
	    m.line * CALIBRATE_ATOMIC_SHARE +
		    calibrate_more(0, m.line_atomic - m.line - m.atomic),
	    "fitted", "the same: %.2f of a line, and %.1f ns more than a load",
	    CALIBRATE_ATOMIC_SHARE,
	    calibrate_more(0, m.line_atomic - m.line - m.atomic));
	set(SIM_line_gap, m.gap, "measured",
	    "two CPUs add to one word: %.1f ns each time", m.contended_add);
	/* The measurement has three moves of the line. Two of them happen in
	 * any case: to the CPU that gives the lock back, and to the one that
	 * takes it. The third is the waiter's look in between. */
	set(SIM_contended,
	    calibrate_more(0, m.handover - m.line / CALIBRATE_OVERLAP),
	    "measured", "%.1f ns from CPU to CPU by turns, less a line",
	    m.handover);
	set(SIM_near, m.near, "measured",
	    "loads that depend on each other, "
	    "in %u MiB, 16 in a page",
	    CALIBRATE_NEAR_MIB);
	set(SIM_ahead, m.ahead, "measured", "the same, one after the other");
	set(SIM_miss, m.miss, "measured", "the same, in %u MiB",
	    CALIBRATE_FAR_MIB);
	set(SIM_tlb, m.tlb, "measured", "the same, one in a page, over that");
	set(SIM_walks, m.walks, "measured", "the same, several at once");
	set(SIM_bus, m.bus, "measured", "two CPUs, as many loads as they can");
	set(SIM_misses, m.misses, "measured", "a CPU, the same");
#if defined(__x86_64__)
	set(SIM_drain, 1, "published", "so on x86");
#else
	set(SIM_drain, 0, "published", "not on ARM");
#endif
	set(SIM_unlock_stores, 0, "published",
	    "the library exchanges the word");
	set(SIM_cache_lines, os.cache_lines, "published", "by the OS: level 2");
	set(SIM_shared_lines, os.shared_lines, "published",
	    "by the OS: level 3");
	set(SIM_tlb_pages, 2048, "assumed", "usual of such machines");
	set(SIM_percpu, os.getcpu, "measured", "sched_getcpu");
	set(SIM_page_free, 0, "published", "the library's own code does it");
	set(SIM_zone_batch, 0, "published", "the library's own code does it");
	set(SIM_memcpy_kib, m.memcpy_kib, "measured", "between caches");
	set(SIM_sleep, os.sleep, "measured", "a futex wait that need not wait");
	set(SIM_wake, os.wake, "measured", "a futex wake of one that sleeps");
	set(SIM_wake_delay, os.wake_delay, "measured",
	    "from before the wake until the other runs");
	set(SIM_thread, os.thread, "measured", "pthread_create");
	set(SIM_spin, os.spin, "measured", "100 pauses, as in compat/lock.c");
	set(SIM_slice, 3e6, "assumed", "Linux's base slice");
	set(SIM_context_switch, os.context_switch, "measured",
	    "two threads of one CPU, by turns");
	set(SIM_caller, 0, "published", "the benchmark does nothing else");
	set(SIM_caller_atomics, 0, "published", "the same");
	set(SIM_caller_lines, 0, "published", "the same");
}

static void print_table(FILE *out)
{
	char cpu[96] = "";

	calibrate_cpu_name(cpu, sizeof(cpu));
	fprintf(out,
		"# %s, %ld CPUs, measured by uzs lab calibrate\n"
		"#\n"
		"# name value origin; see docs/lab-simulation.md\n",
		cpu, sysconf(_SC_NPROCESSORS_ONLN));
	for (int i = 0; i < SIM_NR_COSTS; i++)
		fprintf(out, "%-14s %12.4g %-9s %s\n",
			sim_cost_name((enum sim_cost_id)i),
			value((enum sim_cost_id)i), rows[i].origin,
			rows[i].words);
}

static int write_table(const char *path)
{
	FILE *out;

	if (!path) {
		print_table(stdout);
		return uzs_flush_output();
	}
	out = fopen(path, "w");
	if (!out)
		return uzs_fail("%s: %s", path, strerror(errno));
	print_table(out);
	if (ferror(out) | fclose(out))
		return uzs_fail("%s: cannot be written: %s", path,
				strerror(errno));
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 }
	};
	const char *path = NULL;
	uint64_t rounds = 7;
	int option, status;

	uzs_start();
	argv[0] = (char *)"uzs lab calibrate"; /* for getopt's messages */
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'o':
			path = optarg;
			break;
		case 'r':
			status = uzs_parse_number("calibrate", "rounds", optarg,
						  1, CALIBRATE_ROUNDS, &rounds);
			if (status)
				return status;
			break;
		case 'h':
			fputs(usage_text, stdout);
			return uzs_flush_output();
		case 'V':
			uzs_print_version("uzs lab calibrate");
			return uzs_flush_output();
		default:
			return UZS_USAGE;
		}
	}
	if (optind < argc)
		return uzs_usage("calibrate", "what is '%s'?", argv[optind]);
	status = calibrate_two_cpus();
	if (status)
		return status;
	measure_all((unsigned int)rounds);
	return write_table(path);
}
