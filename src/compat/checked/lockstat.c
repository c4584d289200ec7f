/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lockstat.c - counts, adds up and prints the figures of lock classes, which
 * lockclass.c owns.
 *
 * Kernel origin: kernel/locking/lockdep_proc.c; differs: see lockstat.h.
 * Locks: none. Sleeps: no.
 */
#include "lockstat.h"

#include <stdlib.h>
#include <string.h>

#include "compat/os.h"
#include "lockclass.h"

#define NAME_MAX_BYTES 64

static u64 (*test_clock)(void); /* atomic */

void uzs_lockstat_set_clock(u64 (*clock)(void))
{
	__atomic_store_n(&test_clock, clock, __ATOMIC_RELEASE);
}

u64 uzs_lockstat_now(void)
{
	u64 (*clock)(void) = __atomic_load_n(&test_clock, __ATOMIC_ACQUIRE);

	return unlikely(clock != NULL) ? clock() : uzs_clock_ns();
}

static void count(u64 *counter, u64 n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static void count_time(u64 *total, u64 *most, u32 *buckets, u64 ns)
{
	unsigned int b = ns ? 63 - (unsigned int)__builtin_clzll(ns) : 0;
	u64 max_so_far = __atomic_load_n(most, __ATOMIC_RELAXED);

	count(total, ns);
	while (ns > max_so_far &&
	       !__atomic_compare_exchange_n(most, &max_so_far, ns, true,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	__atomic_fetch_add(&buckets[min(b, UZS_LOCKSTAT_BUCKETS - 1u)], 1,
			   __ATOMIC_RELAXED);
}

void uzs_lockstat_count_taken(struct uzs_lockstat *stat)
{
	count(&stat->taken, 1);
}

void uzs_lockstat_count_failed(struct uzs_lockstat *stat)
{
	count(&stat->tries_failed, 1);
}

void uzs_lockstat_count_wait(struct uzs_lockstat *stat, u64 ns)
{
	count(&stat->contended, 1);
	count_time(&stat->wait_ns, &stat->wait_ns_max, stat->wait, ns);
}

void uzs_lockstat_count_hold(struct uzs_lockstat *stat, u64 ns)
{
	count_time(&stat->hold_ns, &stat->hold_ns_max, stat->hold, ns);
}

static u64 load(const u64 *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void add_up(struct uzs_lockstat *sum, const struct uzs_lockstat *s)
{
	sum->taken += load(&s->taken);
	sum->contended += load(&s->contended);
	sum->tries_failed += load(&s->tries_failed);
	sum->wait_ns += load(&s->wait_ns);
	sum->wait_ns_max = max(sum->wait_ns_max, load(&s->wait_ns_max));
	sum->hold_ns += load(&s->hold_ns);
	sum->hold_ns_max = max(sum->hold_ns_max, load(&s->hold_ns_max));
	for (unsigned int b = 0; b < UZS_LOCKSTAT_BUCKETS; b++) {
		sum->wait[b] += READ_ONCE(s->wait[b]);
		sum->hold[b] += READ_ONCE(s->hold[b]);
	}
}

bool uzs_lockstat_get(const char *name, bool reader, struct uzs_lockstat *stat)
{
	struct uzs_lock_class *class;
	bool found = false;

	memset(stat, 0, sizeof(*stat));
	for (unsigned int i = 0; (class = uzs_lock_class_at(i)); i++) {
		if (strcmp(uzs_lock_class_name(class), name) != 0)
			continue;
		found = true;
		add_up(stat, &class->stat[reader]);
	}
	return found;
}

bool uzs_lockstat_at(unsigned int n, char *name, size_t size, bool *reader,
		     struct uzs_lockstat *stat)
{
	struct uzs_lock_class *class = uzs_lock_class_at(n / 2);

	if (!class)
		return false;
	*reader = n % 2;
	memset(stat, 0, sizeof(*stat));
	add_up(stat, &class->stat[*reader]);
	uzs_lock_class_describe(class, name, size);
	return true;
}

static void clear(struct uzs_lockstat *s)
{
	u64 *const counters[] = { &s->taken,	    &s->contended,
				  &s->tries_failed, &s->wait_ns,
				  &s->wait_ns_max,  &s->hold_ns,
				  &s->hold_ns_max };

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		__atomic_store_n(counters[i], 0, __ATOMIC_RELAXED);
	for (unsigned int b = 0; b < UZS_LOCKSTAT_BUCKETS; b++) {
		WRITE_ONCE(s->wait[b], 0);
		WRITE_ONCE(s->hold[b], 0);
	}
}

void uzs_lockstat_reset(void)
{
	struct uzs_lock_class *class;

	for (unsigned int i = 0; (class = uzs_lock_class_at(i)); i++) {
		clear(&class->stat[0]);
		clear(&class->stat[1]);
	}
}

/* ---- the table ----------------------------------------------------------- */

static void print_histogram(FILE *out, const char *what, const u32 *buckets)
{
	fprintf(out, "  %s", what);
	for (unsigned int b = 0; b < UZS_LOCKSTAT_BUCKETS; b++) {
		/* The least time of the bucket, in a suitable unit. */
		const char *unit = b < 10 ? "ns" : b < 20 ? "us" : "ms";
		unsigned int shift = b < 10 ? 0 : b < 20 ? 10 : 20;

		if (buckets[b])
			fprintf(out, "  %lu%s:%u",
				(unsigned long)(1ull << (b - shift)), unit,
				buckets[b]);
	}
	fputc('\n', out);
}

static void print_figures(FILE *out, const char *name, bool reader,
			  const struct uzs_lockstat *s)
{
	fprintf(out,
		"%-44s %-5s %10llu %10llu %10llu %14llu %12llu %14llu %12llu\n",
		name, reader ? "read" : "", (unsigned long long)s->taken,
		(unsigned long long)s->contended,
		(unsigned long long)s->tries_failed,
		(unsigned long long)s->wait_ns,
		(unsigned long long)s->wait_ns_max,
		(unsigned long long)s->hold_ns,
		(unsigned long long)s->hold_ns_max);
	if (s->contended)
		print_histogram(out, "wait", s->wait);
	if (s->hold_ns)
		print_histogram(out, "hold", s->hold);
}

void uzs_lockstat_print(FILE *out)
{
	struct uzs_lockstat stat;
	char name[NAME_MAX_BYTES];
	bool reader;

	fprintf(out, "%-44s %-5s %10s %10s %10s %14s %12s %14s %12s\n", "lock",
		"", "taken", "contended", "failed", "wait ns", "max", "hold ns",
		"max");
	for (unsigned int i = 0;
	     uzs_lockstat_at(i, name, sizeof(name), &reader, &stat); i++)
		if (stat.taken || stat.tries_failed)
			print_figures(out, name, reader, &stat);
}

/* UZS_LOCKSTAT=FILE, or - for stderr: works in every program. */
__attribute__((destructor)) static void print_at_end(void)
{
	const char *path = getenv("UZS_LOCKSTAT");
	bool to_stderr = path && strcmp(path, "-") == 0;
	FILE *out;

	if (!path || !*path)
		return;
	out = to_stderr ? stderr : fopen(path, "w");
	if (out)
		uzs_lockstat_print(out);
	if (!out || (!to_stderr && fclose(out)))
		fprintf(stderr, "uzsmalloc: UZS_LOCKSTAT=%s: %s\n", path,
			strerror(errno));
}
