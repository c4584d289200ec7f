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
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "activity.h"
#include "tests/conformance/subject_load.h"

#define WORKERS 3
#define THREADS (WORKERS + 2) /* workers and the two other threads */
#define SLOTS 1000 /* objects for each worker */
#define STEPS 400000l /* for each worker; fewer with larger pages */
#define EMPTYINGS 500000l /* for each worker */
#define CHURNERS 2
#define BATCH 2000
#define ROUNDS 40

static const struct subject *subject;
static struct subject_pool *pool;
static bool stop; /* atomic */
static unsigned long failures; /* atomic */
static struct activity activities[THREADS];

static void fail(const char *what)
{
	const struct activity *a = activity_self();

	if (a)
		fprintf(stderr,
			"uzs-kernel-stress: %s (%s, seed %ld, step %lu: %s, object %u of %u bytes)\n",
			what, a->name, a->seed, a->step, a->doing, a->object,
			a->size);
	else
		fprintf(stderr, "uzs-kernel-stress: %s\n", what);
	__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
}

static bool stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&failures, __ATOMIC_RELAXED);
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static bool is_error(unsigned long handle)
{
	return handle >= (unsigned long)-4095; /* a negative errno */
}

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

	if (!subject->read_sg_begin || next_random(&w->state) % 2) {
		activity_do(w->activity, "read", k, w->size[k]);
		subject->read(pool, w->handle[k], w->buf, w->size[k]);
		return;
	}
	activity_do(w->activity, "read segments", k, w->size[k]);
	nr = subject->read_sg_begin(pool, w->handle[k], at, w->size[k]);
	for (unsigned int i = 0; i < nr; i++) {
		if (at[i].len > w->size[k] - len) {
			fail("segments are longer than their object");
			break;
		}
		memcpy(w->buf + len, at[i].data, at[i].len);
		len += (unsigned int)at[i].len;
	}
	subject->read_sg_end(pool, w->handle[k]);
	if (len != w->size[k])
		fail("segments are shorter than their object");
}

static void verify(struct worker *w, unsigned int k)
{
	int want = fill(k, w->size[k]);

	read_object(w, k);
	for (unsigned int i = 0; i < w->size[k]; i++)
		if (w->buf[i] != want) {
			fail("an object has other data than was written");
			return;
		}
}

static void step(struct worker *w)
{
	unsigned int k = next_random(&w->state) % SLOTS;

	if (w->handle[k]) {
		verify(w, k);
		if (next_random(&w->state) % 2) {
			activity_do(w->activity, "free", k, w->size[k]);
			subject->free(pool, w->handle[k]);
			w->handle[k] = 0;
		}
		return;
	}
	w->size[k] = 1 + next_random(&w->state) % subject->page_size;
	activity_do(w->activity, "malloc", k, w->size[k]);
	w->handle[k] = subject->malloc(pool, w->size[k]);
	if (is_error(w->handle[k])) {
		w->handle[k] = 0;
		fail("out of memory");
		return;
	}
	memset(w->buf, fill(k, w->size[k]), w->size[k]);
	activity_do(w->activity, "write", k, w->size[k]);
	subject->write(pool, w->handle[k], w->buf, w->size[k]);
}

/* UZS_TEST_SCALE: percent of the work to do. */
static long scaled(long n)
{
	const char *text = getenv("UZS_TEST_SCALE");
	long percent = text ? strtol(text, NULL, 10) : 100;

	return percent > 0 && percent < 100 ? n * percent / 100 : n;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	long steps = scaled(STEPS) / (long)(subject->page_size / 4096);

	activity_enter(w->activity);
	for (long i = 0; i < steps && !stopped(); i++)
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
	for (long i = scaled(EMPTYINGS); i > 0 && !stopped(); i--) {
		unsigned int size = sizes[next_random(&w->state) % 2];
		unsigned long handle;

		activity_do(w->activity, "malloc, when emptying zspages", 0,
			    size);
		handle = subject->malloc(pool, size);
		if (is_error(handle)) {
			fail("out of memory");
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
	while (!stopped()) {
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
	while (null && !stopped()) {
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

static bool start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	if (!pthread_create(thread, NULL, fn, arg))
		return true;
	fail("no thread");
	exit(1);
}

static struct worker workers[WORKERS];

static void run_workers(void *(*fn)(void *))
{
	pthread_t threads[WORKERS];

	for (unsigned int i = 0; i < WORKERS; i++)
		start(&threads[i], fn, &workers[i]);
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
			fail("out of memory");
			return;
		}
	}
	run_workers(empty);
	start(&migrator, migrate, &moved);
	start(&reclaimer, reclaim, &freed);
	run_workers(work);
	for (unsigned int i = 0; i < WORKERS; i++)
		free(workers[i].buf);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(migrator, NULL);
	pthread_join(reclaimer, NULL);
	printf("%lu pages migrated, %lu freed by compaction\n", moved, freed);
	if (!moved && subject->move_pages && !failures)
		fail("no page was ever migrated");
}

/* ---- churn ------------------------------------------------------------------ */

static void *churn_some(void *arg)
{
	static const uint32_t seed = 12345; /* the same sizes in both threads */
	unsigned long *handles = calloc(BATCH, sizeof(*handles));
	uint32_t state = seed;

	(void)arg;
	if (!handles)
		fail("out of memory");
	for (int round = 0; round < ROUNDS && !stopped(); round++) {
		for (int i = 0; i < BATCH; i++) {
			handles[i] = subject->malloc(
				pool,
				1 + next_random(&state) % subject->page_size);
			if (is_error(handles[i]))
				fail("out of memory");
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
		start(&threads[i], churn_some, NULL);
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
		fail("no lock statistics: the subject is not built with compat's checked body (UZS_CHECKED)");
}

/* ---- command line ----------------------------------------------------------- */

static const char help[] =
	"usage: uzs-kernel-stress [--seed N] [--churn] SUBJECT.so\n"
	"Runs all that a kernel may do at once with zsmalloc; --churn: only two\n"
	"threads that allocate and free, for lock statistics (UZS_KERNEL_LOCKSTAT=FILE).\n"
	"The workers' random numbers begin with N, N + 1, N + 2 (default 1); which of\n"
	"them runs when is the machine's choice. A fatal signal tells what each did.\n"
	"Example: uzs-kernel-stress build/kernel/kernel/kernel-4096-8.so\n";

static bool parse_seed(const char *text, uint32_t *seed)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || end == text || *text == '-' || n > UINT32_MAX) {
		fprintf(stderr, "uzs-kernel-stress: --seed %s: 0 to %u\n", text,
			UINT32_MAX);
		return false;
	}
	*seed = (uint32_t)n;
	return true;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "churn", no_argument, NULL, 'c' },
		{ "seed", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	char error[SUBJECT_ERROR_BYTES];
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
			if (!parse_seed(optarg, &seed))
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
	subject = subject_load(argv[optind], error);
	if (!subject) {
		fprintf(stderr, "uzs-kernel-stress: %s\n", error);
		return 1;
	}
	if (!prepare_statistics(statistics))
		return 1;
	pool = subject->create(subject->page_size, subject->chain_size, true);
	if (!pool) {
		perror("uzs-kernel-stress: create");
		return 1;
	}
	if (churns)
		churn();
	else
		stress(seed);
	if (failures)
		return 1; /* other threads may have objects left */
	subject->drain(pool);
	if (subject->check(pool, stdout))
		fail("the pool is not sound");
	if (subject->destroy(pool))
		fail("the pool left something behind");
	check_statistics(statistics);
	if (fflush(stdout) || ferror(stdout))
		fail("cannot write the output");
	return failures ? 1 : 0;
}
