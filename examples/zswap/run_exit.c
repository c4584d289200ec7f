/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* run_exit.c - the cost of a process that ends, or unmaps. Regions that were
 * taken away are freed all at once, each by a thread. Every page takes zswap's
 * invalidate path. Lock scopes and kinds of deferral take turns, round after
 * round. Published figures of the kernel are printed beside.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

#define MIB ((size_t)1 << 20)
#define MAX_REGIONS 16

/* From the authors of the 2026 series "mm/zsmalloc: reduce lock contention in
 * zs_free": munmap of processes that each mapped memory, wrote it, and had it
 * swapped out to zram (lzo-rle). Before: Linux 7.0, which is our scope held
 * without deferral. */
static const struct {
	const char *change, *platform;
	int processes, mib;
	double before_ms, after_ms, ratio; /* the ratio as published */
	const char *source;
} published[] = {
#define V6 "reply of 2026-04-30; cover of v6, 2026-06-26"
#define REPLY "reply of 2026-04-30"
	{ "class-idx/none", "Raspberry Pi 4B", 1, 256, 59.0, 56.0, 1.05, V6 },
	{ "class-idx/none", "Raspberry Pi 4B", 2, 256, 94.6, 66.7, 1.42, V6 },
	{ "class-idx/none", "Raspberry Pi 4B", 4, 256, 202.9, 110.6, 1.83, V6 },
	{ "class-idx/none", "i7-12700", 1, 256, 11.7, 9.8, 1.19, V6 },
	{ "class-idx/none", "i7-12700", 2, 256, 24.1, 17.2, 1.40, V6 },
	{ "class-idx/none", "i7-12700", 4, 256, 63.0, 45.3, 1.39, V6 },
	{ "class-idx/percpu", "Raspberry Pi 4B", 1, 256, 56.2, 17.2, 3.27,
	  REPLY },
	{ "class-idx/percpu", "Raspberry Pi 4B", 3, 256, 153.2, 51.5, 2.97,
	  REPLY },
	{ "class-idx/percpu", "Raspberry Pi 4B", 1, 64, 15.0, 4.3, 3.47,
	  REPLY },
	{ "class-idx/percpu", "Raspberry Pi 4B", 1, 128, 28.7, 8.5, 3.37,
	  REPLY },
	{ "class-idx/percpu", "Raspberry Pi 4B", 1, 192, 43.2, 13.0, 3.32,
	  REPLY },
	{ "class-idx/percpu", "Raspberry Pi 4B", 1, 512, 114.4, 38.5, 2.97,
	  REPLY },
#undef V6
#undef REPLY
};

struct cell {
	struct zswap_options pool; /* profile, lock scope, deferral */
	unsigned int regions;
	double *ms; /* time to unmap, of each round */
	double *cpu_ms; /* CPU time of one thread, of each round */
	double *freed_ms; /* time until all handles were freed */
};

static const char *const scope_names[] = { "", "held", "unlocked",
					   "class-idx" };
static const char *const defer_names[] = { "", "none", "array", "percpu",
					   "reuse" };

struct unmapper {
	pthread_t thread;
	struct uzswap *u;
	void *p;
	pthread_barrier_t *start;
	double ended, cpu;
};

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void *unmap(void *arg)
{
	struct unmapper *unmapper = arg;
	double cpu;

	pthread_barrier_wait(unmapper->start);
	cpu = cpu_seconds();
	uzswap_free(unmapper->u, unmapper->p);
	unmapper->cpu = cpu_seconds() - cpu;
	unmapper->ended = run_seconds();
	return NULL;
}

/* Frees all regions at once. */
static void unmap_all(struct uzswap *u, void **p, const struct cell *cell,
		      unsigned int rep)
{
	struct unmapper unmapper[MAX_REGIONS];
	pthread_barrier_t start;
	double began, ended = 0, cpu = 0;
	unsigned int n = 0;
	int err;

	pthread_barrier_init(&start, NULL, cell->regions + 1);
	for (; n < cell->regions; n++) {
		unmapper[n] =
			(struct unmapper){ .u = u, .p = p[n], .start = &start };
		err = pthread_create(&unmapper[n].thread, NULL, unmap,
				     &unmapper[n]);
		if (err) {
			/* The other threads would wait at the barrier for
			 * ever. */
			run_fail("no thread: %s", strerror(err));
			exit(1);
		}
	}
	began = run_seconds();
	pthread_barrier_wait(&start);
	for (n = 0; n < cell->regions; n++) {
		pthread_join(unmapper[n].thread, NULL);
		if (unmapper[n].ended > ended)
			ended = unmapper[n].ended;
		cpu += unmapper[n].cpu;
	}
	cell->ms[rep] = (ended - began) * 1e3;
	cell->cpu_ms[rep] = cpu * 1e3 / cell->regions;
	zswap_flush(swap_zswap(uzswap_swap(u)));
	cell->freed_ms[rep] = (run_seconds() - began) * 1e3;
	pthread_barrier_destroy(&start);
}

/* Return: 0 or 1. */
static int measure(const struct run_options *o, const struct cell *cell,
		   unsigned int rep)
{
	/* The pool must hold all pages: a page in the file would not be freed
	 * here. */
	struct uzswap *u = run_pager(o, cell->regions * o->exit_bytes, 8 * MIB,
				     cell->regions * o->exit_bytes * 2,
				     &cell->pool);
	struct zswap_stats z;
	void *p[MAX_REGIONS] = { NULL };
	size_t pages = o->exit_bytes / (size_t)sysconf(_SC_PAGESIZE);
	int status = 1, err;

	if (!u)
		return 1;
	for (unsigned int i = 0; i < cell->regions; i++) {
		p[i] = uzswap_alloc(u, o->exit_bytes);
		if (!p[i]) {
			run_fail("no region of %zu bytes: %s", o->exit_bytes,
				 strerror(errno));
			goto out;
		}
		run_fill(p[i], o->exit_bytes, o->seed + i);
		err = uzswap_pageout(u, p[i]);
		if (err) {
			run_fail("pages cannot be stored: %s", strerror(-err));
			goto out;
		}
	}
	zswap_stats(swap_zswap(uzswap_swap(u)), &z);
	if (z.stored_pages != cell->regions * pages) {
		run_fail("not all pages are in zswap");
		goto out;
	}
	unmap_all(u, p, cell, rep);
	zswap_stats(swap_zswap(uzswap_swap(u)), &z);
	status = z.stored_pages ? run_fail("pages were left in zswap") : 0;
out:
	uzswap_destroy(u);
	return status;
}

/* ---- report -------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *value, unsigned int nr)
{
	qsort(value, nr, sizeof(*value), by_value);
	return nr % 2 ? value[nr / 2] : (value[nr / 2 - 1] + value[nr / 2]) / 2;
}

static void print_published(void)
{
	printf("\npublished of the kernel, munmap of memory swapped out to zram; before: Linux 7.0, that is held/none\n"
	       "  %-17s %-16s %9s %9s %10s %9s %7s  %s\n",
	       "change", "platform", "processes", "MiB each", "before ms",
	       "after ms", "ratio", "source");
	for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++)
		printf("  %-17s %-16s %9d %9d %10.1f %9.1f %7.2f  %s\n",
		       published[i].change, published[i].platform,
		       published[i].processes, published[i].mib,
		       published[i].before_ms, published[i].after_ms,
		       published[i].ratio, published[i].source);
}

static void print_cells(const struct run_options *o, struct cell *cells,
			unsigned int nr)
{
	size_t pages = o->exit_bytes / (size_t)sysconf(_SC_PAGESIZE);
	double base = 0, base_cpu = 0, ms, cpu, freed;

	if (!o->json)
		printf("\nunmapping regions of %zu MiB that are all in zswap, one thread each; medians of %u rounds, by turns;\n"
		       "CPU: of a thread that unmaps, which other work on the machine does not change\n"
		       "  %-17s %7s %10s %7s %13s %9s %9s %7s\n",
		       o->exit_bytes / MIB, o->reps, "scope/deferral",
		       "regions", "unmap ms", "ratio", "all freed ms", "CPU ms",
		       "ns/page", "ratio");
	for (unsigned int i = 0; i < nr; i++) {
		struct cell *cell = &cells[i];
		const char *first;
		char name[40];

		ms = median(cell->ms, o->reps);
		cpu = median(cell->cpu_ms, o->reps);
		freed = median(cell->freed_ms, o->reps);
		/* This is the first cell with its number of regions: the
		 * base. */
		if (cell->pool.lock_scope == ZS_SCOPE_HELD) {
			base = ms;
			base_cpu = cpu;
		}
		/* The user profile has no scopes. */
		first = cell->pool.profile == ZS_PROFILE_USER
				? "user"
				: scope_names[cell->pool.lock_scope];
		snprintf(name, sizeof(name), "%s/%s", first,
			 defer_names[cell->pool.defer]);
		if (o->json)
			printf("{\"part\": \"exit\", \"scope\": \"%s\", \"defer\": \"%s\", \"regions\": %u, \"bytes_each\": %zu, \"unmap_ms\": %.3f, \"ratio\": %.3f, \"freed_ms\": %.3f, \"cpu_ms\": %.3f, \"cpu_ratio\": %.3f}\n",
			       first, defer_names[cell->pool.defer],
			       cell->regions, o->exit_bytes, ms, base / ms,
			       freed, cpu, base_cpu / cpu);
		else
			printf("  %-17s %7u %10.2f %7.2f %13.2f %9.2f %9.0f %7.2f\n",
			       name, cell->regions, ms, base / ms, freed, cpu,
			       cpu * 1e6 / (double)pages, base_cpu / cpu);
	}
	if (!o->json)
		print_published();
}

static void add_cell(struct cell *cells, unsigned int *nr, unsigned int regions,
		     enum zs_profile profile, enum zs_lock_scope scope,
		     enum zs_defer_mode defer)
{
	cells[(*nr)++] = (struct cell){
		.pool = { .profile = profile,
			  .lock_scope = scope,
			  .defer = defer },
		.regions = regions,
	};
}

int run_exit(const struct run_options *options)
{
	struct cell cells[MAX_LIST * (MAX_LIST + 2)];
	unsigned int nr = 0;
	int status = 0;

	for (unsigned int i = 0; i < options->nr_exit_regions; i++) {
		add_cell(cells, &nr, options->exit_regions[i],
			 ZS_PROFILE_KERNEL, ZS_SCOPE_HELD, ZS_DEFER_NONE);
		for (unsigned int j = 0; j < options->nr_defers; j++)
			add_cell(cells, &nr, options->exit_regions[i],
				 ZS_PROFILE_KERNEL, ZS_SCOPE_CLASS_IDX,
				 options->defers[j]);
		if (sizeof(void *) == 8)
			add_cell(cells, &nr, options->exit_regions[i],
				 ZS_PROFILE_USER, ZS_SCOPE_DEFAULT,
				 ZS_DEFER_NONE);
	}
	for (unsigned int i = 0; i < nr; i++) {
		cells[i].ms = calloc(options->reps, sizeof(double));
		cells[i].cpu_ms = calloc(options->reps, sizeof(double));
		cells[i].freed_ms = calloc(options->reps, sizeof(double));
		if (!cells[i].ms || !cells[i].cpu_ms || !cells[i].freed_ms)
			status = run_fail("no memory");
	}
	for (unsigned int rep = 0; rep < options->reps && !status; rep++)
		for (unsigned int i = 0; i < nr && !status; i++)
			status = measure(options, &cells[i], rep);
	if (!status)
		print_cells(options, cells, nr);
	for (unsigned int i = 0; i < nr; i++) {
		free(cells[i].ms);
		free(cells[i].cpu_ms);
		free(cells[i].freed_ms);
	}
	return status;
}
