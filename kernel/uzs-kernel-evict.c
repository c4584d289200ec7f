/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* uzs-kernel-evict.c - reclaim through zpool, which the files of 6.2 to 6.4 have:
 * the pool picks the zspage in which nothing was stored for the longest time, and
 * asks its owner to evict the objects. What the owner does here is what zswap did:
 * it maps the object, finds in its beginning which one it is, looks that up in its
 * own table, and frees it; or does nothing, if the object was freed meanwhile; or
 * refuses.
 *
 * First alone: each zspage that is picked, and what is left after a refusal, is
 * compared with a model. Then beside threads that store, read and free the same
 * objects, page migration, and compaction. Last, all that is left is evicted.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "stress.h"

#define SLOTS 1200
#define WORKERS 2
#define THREADS (WORKERS + 4) /* and the main one, and three beside */
#define ROUNDS 2000l /* of evictions, alone */
#define STEPS 400000l /* for each worker; fewer with larger pages */
#define ATTEMPTS 8 /* zspages that one call tries */
#define HEADER sizeof(struct header)

/* How an object begins. */
struct header {
	uint32_t slot, generation;
};

/* An object, or none, of the owner's table. */
struct slot {
	pthread_mutex_t lock;
	unsigned long handle; /* 0: none */
	uint32_t generation; /* one more after each free */
	unsigned int size;
	unsigned long stored; /* when; the first part's model */
	bool keeps_young; /* no other of its zspage was stored later */
};

static struct slot slots[SLOTS];
static struct activity activities[THREADS];
static unsigned long clock_now; /* of `stored` */
/* An object that is stored is not looked at before it is written. (In zswap, an
 * entry that is not in the tree yet is left alone.) */
static pthread_rwlock_t storing = PTHREAD_RWLOCK_INITIALIZER;

static int fill(const struct slot *s)
{
	return (int)(((unsigned int)(s - slots) * 31 + s->generation) & 0xff);
}

/* ---- the owner --------------------------------------------------------------- */

/* The caller has the slot's lock, where threads run. buf: a page. */
static void store(struct slot *s, unsigned int size, unsigned char *buf)
{
	struct header header = { (uint32_t)(s - slots), s->generation };

	memset(buf, fill(s), size);
	memcpy(buf, &header, HEADER);
	pthread_rwlock_rdlock(&storing);
	s->handle = subject->malloc(pool, size);
	if (stress_is_error(s->handle)) {
		s->handle = 0;
		stress_fail("out of memory");
	} else {
		subject->write(pool, s->handle, buf, size);
		s->size = size;
	}
	pthread_rwlock_unlock(&storing);
}

static void verify(struct slot *s, unsigned char *buf)
{
	struct header header;
	int want = fill(s);

	subject->read(pool, s->handle, buf, s->size);
	memcpy(&header, buf, HEADER);
	if (header.slot != (uint32_t)(s - slots) ||
	    header.generation != s->generation)
		stress_fail("an object is another one");
	for (size_t i = HEADER; i < s->size; i++)
		if (buf[i] != want) {
			stress_fail(
				"an object has other data than was written");
			return;
		}
}

static void forget(struct slot *s)
{
	subject->free(pool, s->handle);
	s->handle = 0;
	s->generation++;
}

/* ---- evict ---------------------------------------------------------------------- */

/* What evict() does, and what it was called for. */
struct eviction {
	struct activity *activity;
	unsigned char *buf; /* a page */
	uint32_t state; /* random numbers */
	unsigned int refuses; /* one of so many; 0: none */
	long most; /* refuses all after so many; negative: no limit */
	unsigned long evicted, gone, refused;
	unsigned int nr_evicted, nr_refused; /* in this call, of these: */
	unsigned int evicted_slot[SLOTS], refused_slot[SLOTS];
};

static struct eviction eviction;

static bool refuses(struct eviction *e)
{
	if (e->most >= 0)
		return e->nr_evicted >= (unsigned long)e->most;
	return e->refuses && !(stress_random(&e->state) % e->refuses);
}

static int evict_slot(struct eviction *e, struct slot *s, unsigned long handle,
		      const struct header *header)
{
	if (s->generation != header->generation) {
		if ((int32_t)(s->generation - header->generation) < 0)
			stress_fail("an object that was never stored");
		e->gone++; /* freed meanwhile */
		return 0;
	}
	if (s->handle != handle) {
		stress_fail("evicted by another handle than its own");
		return -EINVAL;
	}
	activity_do(e->activity, "evicts", header->slot, s->size);
	if (refuses(e)) {
		e->refused_slot[e->nr_refused++ % SLOTS] = header->slot;
		e->refused++;
		return e->refused % 2 ? -EAGAIN : -EBUSY;
	}
	verify(s, e->buf);
	forget(s);
	e->evicted_slot[e->nr_evicted++ % SLOTS] = header->slot;
	e->evicted++;
	return 0;
}

static int evict(unsigned long handle, void *arg)
{
	struct eviction *e = arg;
	struct header header;
	struct slot *s;
	int rc;

	activity_do(e->activity, "maps what is to be evicted", 0, 0);
	pthread_rwlock_wrlock(&storing);
	subject->read(pool, handle, &header, HEADER);
	pthread_rwlock_unlock(&storing);
	if (header.slot >= SLOTS) {
		stress_fail("what is to be evicted is no object");
		return -EINVAL;
	}
	s = &slots[header.slot];
	pthread_mutex_lock(&s->lock);
	rc = evict_slot(e, s, handle, &header);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

static int reclaim(struct eviction *e, unsigned int nr,
		   unsigned int *given_back)
{
	e->nr_evicted = e->nr_refused = 0;
	*given_back = 0;
	activity_do(e->activity, "reclaims", 0, 0);
	return subject->reclaim(pool, nr, given_back);
}

/* ---- alone: a model -------------------------------------------------------------- */

/* A zspage as it was before a call. */
struct model {
	unsigned long stored; /* the last one in it */
	unsigned int nr; /* objects */
	unsigned int slot[SLOTS];
};

/* All zspages that have objects, by age, the oldest first. */
static struct model *models;
static unsigned int nr_models;

static int add_zspage(const struct subject_zspage *zspage, void *arg)
{
	struct model *m = &models[nr_models];
	struct slot *young = NULL;
	struct header header;

	(void)arg;
	m->nr = 0;
	m->stored = 0;
	for (unsigned int i = 0; i < zspage->objs; i++) {
		struct slot *s;

		if (!zspage->handles[i])
			continue;
		subject->read(pool, zspage->handles[i], &header, HEADER);
		s = header.slot < SLOTS ? &slots[header.slot] : NULL;
		if (!s || s->handle != zspage->handles[i] || m->nr == SLOTS ||
		    nr_models == SLOTS) {
			stress_fail("an object in a zspage is not the owner's");
			return 1;
		}
		s->keeps_young = false;
		if (s->stored >= m->stored) {
			m->stored = s->stored;
			young = s;
		}
		m->slot[m->nr++] = header.slot;
	}
	if (young) {
		young->keeps_young = true;
		nr_models++;
	}
	return 0;
}

static int by_age(const void *left, const void *right)
{
	const struct model *a = left, *b = right;

	return a->stored < b->stored ? -1 : a->stored > b->stored;
}

static void look(void)
{
	nr_models = 0;
	for (unsigned int i = 0; i < subject->class_count(pool); i++) {
		struct subject_class info;

		subject->class_info(pool, i, &info);
		if (info.index == i && info.objs_inuse)
			subject->for_each_zspage(pool, i, add_zspage, NULL);
	}
	qsort(models, nr_models, sizeof(*models), by_age);
}

/* That zspage is now the youngest. */
static void make_young(struct model *m)
{
	m->stored = ++clock_now;
	for (unsigned int i = 0; i < m->nr; i++)
		slots[m->slot[i]].stored = clock_now;
}

static bool has(const struct model *m, unsigned int slot)
{
	for (unsigned int i = 0; i < m->nr; i++)
		if (m->slot[i] == slot)
			return true;
	return false;
}

/* The oldest one was evicted, the first `most` of its objects, or all. */
static void check_evicted(const struct eviction *e, const struct model *oldest)
{
	for (unsigned int i = 0; i < e->nr_evicted; i++)
		if (!has(oldest, e->evicted_slot[i])) {
			stress_fail(
				"an object was evicted that is not in the oldest zspage");
			return;
		}
}

/* Each attempt takes the zspage that is the oldest then, and makes it the youngest
 * when an object stays. */
static void check_refused(const struct eviction *e)
{
	unsigned int n = nr_models < ATTEMPTS ? nr_models : ATTEMPTS;

	if (e->nr_refused != ATTEMPTS) {
		stress_fail("not as many zspages were tried as should be");
		return;
	}
	for (unsigned int i = 0; i < ATTEMPTS; i++)
		if (!has(&models[i % n], e->refused_slot[i])) {
			stress_fail("zspages were not tried in order of age");
			return;
		}
	for (unsigned int i = 0; i < ATTEMPTS; i++)
		make_young(&models[i % n]);
}

static void evict_once(struct eviction *e)
{
	unsigned int given_back, all;
	int rc;

	look();
	if (!nr_models || stress_failed())
		return;
	all = models[0].nr;
	e->most = stress_random(&e->state) % 2
			  ? -1
			  : (long)(stress_random(&e->state) % all);
	rc = reclaim(e, 1, &given_back);
	check_evicted(e, &models[0]);
	if (e->most < 0) {
		if (rc || given_back != 1 || e->nr_evicted != all)
			stress_fail("not all of the oldest zspage was evicted");
		return;
	}
	if (rc != -EAGAIN || given_back ||
	    e->nr_evicted != (unsigned long)e->most)
		stress_fail("a zspage was given back though an object stays");
	else
		check_refused(e);
}

static unsigned int any_size(uint32_t *state)
{
	unsigned int max = subject->page_size;

	/* Some sizes, so that zspages have several objects; one is huge. */
	return max / 12 * (1 + stress_random(state) % 12);
}

/* What makes a zspage young, and frees what leaves its age alone. */
static void churn_some(struct eviction *e)
{
	look(); /* who keeps whom young */
	for (unsigned int i = 0; i < SLOTS / 8; i++) {
		struct slot *s = &slots[stress_random(&e->state) % SLOTS];

		if (s->handle && !s->keeps_young)
			forget(s);
	}
	for (unsigned int i = 0; i < SLOTS / 8; i++) {
		struct slot *s = &slots[stress_random(&e->state) % SLOTS];

		if (s->handle)
			continue;
		store(s, any_size(&e->state), e->buf);
		s->stored = ++clock_now;
	}
}

static void verify_all(struct eviction *e)
{
	for (struct slot *s = slots; s < slots + SLOTS; s++)
		if (s->handle && !stress_failed())
			verify(s, e->buf);
}

static void alone(struct eviction *e)
{
	long rounds = stress_scaled(ROUNDS);

	models = calloc(SLOTS, sizeof(*models));
	if (!models) {
		stress_fail("out of memory");
		return;
	}
	for (long i = 0; i < rounds && !stress_failed(); i++) {
		if (i % 16 == 0)
			churn_some(e);
		evict_once(e);
		if (i % 16 == 0)
			verify_all(e);
		if (subject->check(pool, stderr))
			stress_fail("the pool is not sound");
	}
	free(models);
	if (!stress_failed() && (!e->evicted || !e->refused))
		stress_fail("nothing was evicted or refused");
}

/* ---- beside threads --------------------------------------------------------------- */

struct worker {
	struct activity *activity;
	uint32_t state;
	unsigned char *buf;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	long steps = stress_scaled(STEPS) / (long)(subject->page_size / 4096);

	activity_enter(w->activity);
	for (long i = 0; i < steps && !stress_stopped(); i++) {
		unsigned int k = stress_random(&w->state) % SLOTS;
		struct slot *s = &slots[k];

		pthread_mutex_lock(&s->lock);
		if (!s->handle) {
			unsigned int size = any_size(&w->state);

			activity_do(w->activity, "stores", k, size);
			store(s, size, w->buf);
		} else if (stress_random(&w->state) % 2) {
			activity_do(w->activity, "reads", k, s->size);
			verify(s, w->buf);
		} else {
			activity_do(w->activity, "frees", k, s->size);
			forget(s);
		}
		pthread_mutex_unlock(&s->lock);
	}
	return NULL;
}

static void *evict_some(void *arg)
{
	struct eviction *e = arg;
	unsigned int given_back;

	activity_enter(e->activity);
	while (!stress_stopped()) {
		int rc = reclaim(e, 1 + stress_random(&e->state) % 4,
				 &given_back);

		if (rc && rc != -EAGAIN && rc != -EINVAL)
			stress_fail("reclaim answers another error");
	}
	return NULL;
}

static void *migrate(void *arg)
{
	struct activity *activity = &activities[WORKERS + 1];

	activity_enter(activity);
	while (!stress_stopped()) {
		activity_do(activity, "migrates pages", 0, 0);
		if (subject->move_pages)
			*(unsigned long *)arg += subject->move_pages(pool, 500);
		*(unsigned long *)arg += subject->trim(pool);
	}
	return NULL;
}

static void *compact(void *arg)
{
	struct activity *activity = &activities[WORKERS + 2];

	activity_enter(activity);
	while (!stress_stopped()) {
		activity_do(activity, "compacts", 0, 0);
		*(unsigned long *)arg += subject->compact(pool);
	}
	return NULL;
}

static void beside_threads(struct eviction *e, uint32_t seed)
{
	struct worker workers[WORKERS];
	pthread_t threads[WORKERS], evictor, migrator, compactor;
	unsigned long moved = 0, freed = 0;

	*e = (struct eviction){ .activity = &activities[WORKERS],
				.buf = e->buf,
				.state = e->state,
				.refuses = 16,
				.most = -1 };
	for (unsigned int i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){ &activities[i], seed + i,
					      malloc(subject->page_size) };
		activities[i].seed = (long)workers[i].state;
		if (!workers[i].buf) {
			stress_fail("out of memory");
			return;
		}
	}
	stress_start(&evictor, evict_some, e);
	stress_start(&migrator, migrate, &moved);
	stress_start(&compactor, compact, &freed);
	for (unsigned int i = 0; i < WORKERS; i++)
		stress_start(&threads[i], work, &workers[i]);
	for (unsigned int i = 0; i < WORKERS; i++) {
		pthread_join(threads[i], NULL);
		free(workers[i].buf);
	}
	stress_stop();
	pthread_join(evictor, NULL);
	pthread_join(migrator, NULL);
	pthread_join(compactor, NULL);
	printf("%lu objects evicted, %lu refused, %lu were freed meanwhile, %lu pages migrated, %lu freed by compaction\n",
	       e->evicted, e->refused, e->gone, moved, freed);
	if (!stress_failed() &&
	    (!e->evicted || !e->refused || (!moved && subject->move_pages)))
		stress_fail("nothing was evicted, refused or migrated");
}

/* Whatever happened to its objects, each zspage can be reached, and then there is
 * nothing left. */
static void evict_all(struct eviction *e)
{
	unsigned int given_back;
	int rc;

	if (subject->check(pool, stderr))
		stress_fail("the pool is not sound");
	verify_all(e);
	e->refuses = 0;
	do
		rc = reclaim(e, 1, &given_back);
	while (!rc && !stress_failed());
	for (unsigned int i = 0; i < SLOTS; i++)
		if (slots[i].handle) {
			stress_fail(
				"an object is left that was never asked to go");
			break;
		}
	subject->drain(pool);
	if (!stress_failed() &&
	    (rc != -EINVAL || given_back || subject->total_pages(pool)))
		stress_fail("pages are left when all objects were evicted");
}

/* ---- command line ----------------------------------------------------------------- */

static const char help[] =
	"usage: uzs-kernel-evict [--seed N] SUBJECT.so\n"
	"Reclaims the objects of a file that zpool can shrink (Linux 6.2 to 6.4), as\n"
	"zswap did: alone, and beside threads that use them.\n"
	"Example: uzs-kernel-evict build/kernel/kernel/kernel-4096-8.so\n";

static void run(uint32_t seed)
{
	static const char *const names[THREADS] = { "worker 1",	 "worker 2",
						    "evictor",	 "migrator",
						    "compactor", "main" };

	for (unsigned int i = 0; i < THREADS; i++)
		activities[i] =
			(struct activity){ .name = names[i], .seed = -1 };
	for (unsigned int i = 0; i < SLOTS; i++)
		pthread_mutex_init(&slots[i].lock, NULL);
	activity_report_signals("uzs-kernel-evict", activities, THREADS);
	activities[THREADS - 1].seed = seed;
	eviction = (struct eviction){ .activity = &activities[THREADS - 1],
				      .buf = malloc(subject->page_size),
				      .state = seed };
	activity_enter(eviction.activity);
	if (!eviction.buf) {
		stress_fail("out of memory");
		return;
	}
	subject->set_evict(pool, evict, &eviction);
	alone(&eviction);
	if (!stress_failed())
		beside_threads(&eviction, seed);
	if (!stress_failed())
		evict_all(&eviction);
	free(eviction.buf);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	uint32_t seed = 1;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
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
	if (!stress_begin(argv[optind]))
		return 1;
	if (!subject->reclaim) {
		fprintf(stderr, "%s: %s: zpool cannot shrink its pools\n",
			program_invocation_short_name, subject->name);
		return 1;
	}
	run(seed);
	if (stress_failed())
		return 1; /* other threads may have objects left */
	stress_end();
	return stress_failed() ? 1 : 0;
}
