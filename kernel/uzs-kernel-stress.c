/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* uzs-kernel-stress.c - runs at the same time all that may do so in a kernel:
 * threads that allocate, write, read back and free; one that migrates pages and
 * gives memory back; one that compacts, shrinks and reads `classes`. Then it
 * checks the pool's invariants, and that the pool leaves nothing behind.
 *
 * With --churn two threads only allocate and free, batch by batch. So zs_free
 * gives many pages back while the other thread wants the same class's lock.
 * This is for lock statistics. A subject built with compat's checked body
 * writes them to the file named by UZS_KERNEL_LOCKSTAT when its last pool is
 * destroyed. Another subject writes none, and the program fails.
 */
#include <time.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "stress.h"

#define WORKERS 3
#define THREADS (WORKERS + 2) /* workers and the two other threads */
#define SLOTS 1000 /* objects for each worker */
#define STEPS 400000l /* for each worker; fewer with larger pages */
#define EMPTYINGS 500000l /* for each worker */
#define CHURNERS 2
#define BATCH 2000
#define ROUNDS 40

static struct activity activities[THREADS];

/* ---- workers -------------------------------------------------------------- */

struct worker {
	struct activity *activity;
	uint32_t state;
	unsigned char *buf;
	unsigned long handle[SLOTS];
	unsigned int size[SLOTS];
};

/* The byte that object k of that size is filled with. */
static int fill(unsigned int k, unsigned int size)
{
	return (int)((k * 31 + size) & 0xff);
}

/* Reads into the worker's buffer: by segments if the subject has them, else
 * with a copy. */
static void read_object(struct worker *w, unsigned int k)
{
	struct subject_segment at[2];
	unsigned int nr, len = 0;

	if (!subject->read_sg_begin || stress_random(&w->state) % 2) {
		activity_do(w->activity, "read", k, w->size[k]);
		subject->read(pool, w->handle[k], w->buf, w->size[k]);
		return;
	}
	activity_do(w->activity, "read segments", k, w->size[k]);
	nr = subject->read_sg_begin(pool, w->handle[k], at, w->size[k]);
	for (unsigned int i = 0; i < nr; i++) {
		if (at[i].len > w->size[k] - len) {
			stress_fail("segments are longer than their object");
			break;
		}
		memcpy(w->buf + len, at[i].data, at[i].len);
		len += (unsigned int)at[i].len;
	}
	subject->read_sg_end(pool, w->handle[k]);
	if (len != w->size[k])
		stress_fail("segments are shorter than their object");
}

static void verify(struct worker *w, unsigned int k)
{
	int want = fill(k, w->size[k]);

	read_object(w, k);
	for (unsigned int i = 0; i < w->size[k]; i++)
		if (w->buf[i] != want) {
			stress_fail(
				"an object has other data than was written");
			return;
		}
}

static void step(struct worker *w)
{
	unsigned int k = stress_random(&w->state) % SLOTS;

	if (w->handle[k]) {
		verify(w, k);
		if (stress_random(&w->state) % 2) {
			activity_do(w->activity, "free", k, w->size[k]);
			subject->free(pool, w->handle[k]);
			w->handle[k] = 0;
		}
		return;
	}
	w->size[k] = 1 + stress_random(&w->state) % subject->page_size;
	activity_do(w->activity, "malloc", k, w->size[k]);
	w->handle[k] = subject->malloc(pool, w->size[k]);
	if (stress_is_error(w->handle[k])) {
		w->handle[k] = 0;
		stress_fail("out of memory");
		return;
	}
	memset(w->buf, fill(k, w->size[k]), w->size[k]);
	activity_do(w->activity, "write", k, w->size[k]);
	subject->write(pool, w->handle[k], w->buf, w->size[k]);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	long steps = stress_scaled(STEPS) / (long)(subject->page_size / 4096);

	activity_enter(w->activity);
	for (long i = 0; i < steps && !stress_stopped(); i++)
		step(w);
	for (unsigned int k = 0; k < SLOTS; k++) {
		activity_do(w->activity, "free, at the end", k, w->size[k]);
		subject->free(pool, w->handle[k]);
	}
	w->activity->doing = NULL;
	return NULL;
}

/* Each free empties a zspage, and each malloc takes an empty one rather than
 * make a new one. So a thread that frees an empty zspage while others can still
 * reach it meets them here. */
static void *empty(void *arg)
{
	struct worker *w = arg;
	unsigned int sizes[] = { subject->page_size, subject->page_size / 2 };

	activity_enter(w->activity);
	for (long i = stress_scaled(EMPTYINGS); i > 0 && !stress_stopped();
	     i--) {
		unsigned int size = sizes[stress_random(&w->state) % 2];
		unsigned long handle;

		activity_do(w->activity, "malloc, when emptying zspages", 0,
			    size);
		handle = subject->malloc(pool, size);
		if (stress_is_error(handle)) {
			stress_fail("out of memory");
			break;
		}
		activity_do(w->activity, "free, when emptying zspages", 0,
			    size);
		subject->free(pool, handle);
	}
	w->activity->doing = NULL;
	return NULL;
}

/* ---- beside them ------------------------------------------------------------ */

static void *migrate(void *arg)
{
	struct activity *activity = &activities[WORKERS];
	unsigned long *moved = arg;

	activity_enter(activity);
	while (!stress_stopped()) {
		activity_do(activity, "migrates pages", 0, 0);
		if (subject->move_pages)
			*moved += subject->move_pages(pool, 1000);
		activity_do(activity, "compacts memory", 0, 0);
		*moved += subject->trim(pool);
	}
	return NULL;
}

static void *reclaim(void *arg)
{
	struct activity *activity = &activities[WORKERS + 1];
	unsigned long *freed = arg;
	FILE *null = fopen("/dev/null", "w");

	activity_enter(activity);
	while (null && !stress_stopped()) {
		activity_do(activity, "compacts", 0, 0);
		*freed += subject->compact(pool);
		activity_do(activity, "shrinks", 0, 0);
		if (subject->shrink_count(pool) > 8)
			subject->shrink_scan(pool, 8);
		activity_do(activity, "reads classes", 0, 0);
		subject->print_classes(pool, null);
	}
	if (null)
		fclose(null);
	return NULL;
}

static struct worker workers[WORKERS];

static void run_workers(void *(*fn)(void *))
{
	pthread_t threads[WORKERS];

	for (unsigned int i = 0; i < WORKERS; i++)
		stress_start(&threads[i], fn, &workers[i]);
	for (unsigned int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
}

static void stress(uint32_t seed)
{
	static const char *const names[THREADS] = { "worker 1", "worker 2",
						    "worker 3", "migrator",
						    "reclaimer" };
	pthread_t migrator, reclaimer;
	unsigned long moved = 0, freed = 0;

	for (unsigned int i = 0; i < THREADS; i++) {
		activities[i].name = names[i];
		activities[i].seed = -1;
	}
	activity_report_signals("uzs-kernel-stress", activities, THREADS);
	for (unsigned int i = 0; i < WORKERS; i++) {
		workers[i].activity = &activities[i];
		workers[i].state = seed + i;
		activities[i].seed = workers[i].state;
		workers[i].buf = malloc(subject->page_size);
		if (!workers[i].buf) {
			stress_fail("out of memory");
			return;
		}
	}
	run_workers(empty);
	stress_start(&migrator, migrate, &moved);
	stress_start(&reclaimer, reclaim, &freed);
	run_workers(work);
	for (unsigned int i = 0; i < WORKERS; i++)
		free(workers[i].buf);
	stress_stop();
	pthread_join(migrator, NULL);
	pthread_join(reclaimer, NULL);
	printf("%lu pages migrated, %lu freed by compaction\n", moved, freed);
	if (!moved && subject->move_pages && !stress_failed())
		stress_fail("no page was ever migrated");
}

/* ---- churn ------------------------------------------------------------------ */

static void *churn_some(void *arg)
{
	static const uint32_t seed = 12345; /* the same sizes in both threads */
	unsigned long *handles = calloc(BATCH, sizeof(*handles));
	uint32_t state = seed;

	(void)arg;
	if (!handles)
		stress_fail("out of memory");
	for (int round = 0; round < ROUNDS && !stress_stopped(); round++) {
		for (int i = 0; i < BATCH; i++) {
			handles[i] = subject->malloc(
				pool,
				1 + stress_random(&state) % subject->page_size);
			if (stress_is_error(handles[i]))
				stress_fail("out of memory");
		}
		for (int i = 0; i < BATCH; i++)
			subject->free(pool, handles[i]);
	}
	free(handles);
	return NULL;
}

static void churn(void)
{
	const double objects = (double)CHURNERS * ROUNDS * BATCH;
	pthread_t threads[CHURNERS];
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (unsigned int i = 0; i < CHURNERS; i++)
		stress_start(&threads[i], churn_some, NULL);
	for (unsigned int i = 0; i < CHURNERS; i++)
		pthread_join(threads[i], NULL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%.0f objects, %.0f ns for each\n", objects,
	       ((double)(b.tv_sec - a.tv_sec) * 1e9 +
		(double)(b.tv_nsec - a.tv_nsec)) /
		       objects);
}

/* ---- lock statistics -------------------------------------------------------- */

/* Makes the file for lock statistics, empty, if one is wanted. */
static bool prepare_statistics(const char *path)
{
	FILE *out = path ? fopen(path, "w") : NULL;

	if (out && !fclose(out))
		return true;
	if (path)
		fprintf(stderr,
			"uzs-kernel-stress: UZS_KERNEL_LOCKSTAT: %s: %s\n",
			path, strerror(errno));
	return !path;
}

/* The subject wrote the statistics when its pool was destroyed. */
static void check_statistics(const char *path)
{
	struct stat st;

	if (!path)
		return;
	/* A pipe or terminal has no size. */
	if (stat(path, &st) || (S_ISREG(st.st_mode) && !st.st_size))
		stress_fail(
			"no lock statistics: the subject is not built with compat's checked body (UZS_CHECKED)");
}

/* ---- command line ----------------------------------------------------------- */

static const char help[] =
	"usage: uzs-kernel-stress [--seed N] [--churn] SUBJECT.so\n"
	"Runs all that a kernel may do at once with zsmalloc; --churn: only two\n"
	"threads that allocate and free, for lock statistics (UZS_KERNEL_LOCKSTAT=FILE).\n"
	"The workers' random numbers begin with N, N + 1, N + 2 (default 1); which of\n"
	"them runs when is the machine's choice. A fatal signal tells what each did.\n"
	"Example: uzs-kernel-stress build/kernel/kernel/kernel-4096-8.so\n";

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "churn", no_argument, NULL, 'c' },
		{ "seed", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	const char *statistics = getenv("UZS_KERNEL_LOCKSTAT");
	bool churns = false;
	uint32_t seed = 1;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'c') {
			churns = true;
			continue;
		}
		if (opt == 's') {
			if (!stress_parse_seed(optarg, &seed))
				return 2;
			continue;
		}
		fputs(help, opt == 'h' ? stdout : stderr);
		return opt == 'h' ? 0 : 2;
	}
	if (optind != argc - 1) {
		fputs(help, stderr);
		return 2;
	}
	if (!prepare_statistics(statistics) || !stress_begin(argv[optind]))
		return 1;
	if (churns)
		churn();
	else
		stress(seed);
	if (stress_failed())
		return 1; /* other threads may have objects left */
	stress_end();
	check_statistics(statistics);
	return stress_failed() ? 1 : 0;
}
