/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* load.c - see load.h. Owns the pool, the threads and their objects.
 *
 * Guarantees: L1 the clock is read around calls of the library alone. L2 a call in
 * which the scheduler took the CPU away is counted apart (times.h), and so is one
 * that slept. L3 all threads
 * begin a burst at the same time, so that they meet, also where they rest most of
 * the time.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "load.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test_random.h"
#include "tools/uzs.h"

/* Steps without a rest. */
#define BURST 200u
/* Steps for one of the control. */
#define CONTROL_EVERY 4u
#define CONTROL_BYTES 1024u
#define CONTROL_LOCKS 4u
/* Slower calls are followed by a look at what the scheduler did; all, now and
 * then. */
#define SLOW_NS 5000u
#define LOOK_EVERY 64u
#define KERNEL_MOST ((size_t)4096)
#define USER_MOST ((size_t)128 << 10)
/* Looks at each thread's places, in a child. */
#define CHILD_LOOKS 200u
/* Threads that are this late hang. */
#define HANG_NS ((uint64_t)300 * 1000000000)

enum what { NOTHING, HANDLE, REF };

struct place {
	unsigned long handle;
	zs_ref ref;
	uint64_t key;
	uint32_t size;
	unsigned char what; /* enum what */
	/* A call is on its way, or has ended just now: what is here does not fit
	 * together. Only the child of a fork asks. */
	atomic_uchar busy;
};

struct counted {
	uint64_t start_ns, ns;
	unsigned int apart; /* what apart_calls was */
	struct times_stops seen; /* before it */
};

struct worker {
	pthread_t thread;
	unsigned int number;
	struct rng rng;
	struct place *places;
	unsigned int live; /* places in use */
	atomic_size_t live_bytes;
	/* The interval that its counts are of; see load_take(). */
	atomic_uint interval;
	struct load_counts counts[2]; /* by interval */
	struct load_counts *now;
	unsigned int looks;
	struct times_stops seen;
	unsigned char data[USER_MOST];
	char control[CONTROL_BYTES];
};

char load_name[64];

/* guard: const while threads run */
static struct load_options opt;
static struct zs_pool *pool;
static bool user;
static struct worker *workers[LOAD_MOST_THREADS];

static pthread_mutex_t control_lock[CONTROL_LOCKS];

/* What the director says. */
static atomic_uint percent_wanted, sizes_wanted, interval_wanted;
/* Odd: between a beginning and an end. */
static atomic_uint apart_calls, may_lack;
static atomic_bool stop;

/* ---- times --------------------------------------------------------------- */

static void count_begin(const struct worker *w, struct counted *c)
{
	c->ns = 0;
	c->seen = w->seen;
	c->apart = atomic_load(&apart_calls);
	c->start_ns = uzs_now_ns();
}

/* What follows is no call. */
static void count_pause(struct counted *c)
{
	c->ns += uzs_now_ns() - c->start_ns;
}

static void count_go_on(struct counted *c)
{
	c->start_ns = uzs_now_ns();
}

/* After count_pause(). */
static void count_end(struct worker *w, struct counted *c, enum load_kind kind)
{
	bool slow = c->ns > SLOW_NS;

	if (slow || ++w->looks % LOOK_EVERY == 0)
		w->seen = times_stops();
	if (slow && c->seen.waited != w->seen.waited)
		kind = kind == LOAD_CONTROL ? LOAD_CONTROL_WAITED : LOAD_WAITED;
	if (kind < LOAD_KINDS &&
	    (c->apart % 2 || c->apart != atomic_load(&apart_calls)))
		kind = LOAD_APART;
	times_note(&w->now->times[kind], c->ns,
		   slow && c->seen.preempted != w->seen.preempted);
}

/* ---- objects ------------------------------------------------------------- */

static size_t some_size(struct rng *rng)
{
	size_t most = user ? USER_MOST : KERNEL_MOST;
	/* One in a thousand objects of the user profile. */
	bool huge = user && !rng_below(rng, 1000);

	if (huge)
		return rng_range(rng, KERNEL_MOST, (unsigned int)most);
	switch ((enum load_sizes)atomic_load(&sizes_wanted)) {
	case LOAD_SMALL:
		return rng_range(rng, 1, rng_below(rng, 4) ? 300 : 2000);
	case LOAD_LARGE:
		return rng_range(rng, 1000,
				 user && !rng_below(rng, 8)
					 ? 16384
					 : (unsigned int)KERNEL_MOST);
	default:
		return rng_range(rng, 1, (unsigned int)KERNEL_MOST);
	}
}

/* A beginning of the pattern is enough to see whose it is, mostly. */
static size_t look_at(struct rng *rng, size_t size)
{
	return rng_below(rng, 4) && size > 256 ? 256 : size;
}

static void add_bytes(struct worker *w, size_t add, size_t sub)
{
	size_t bytes =
		atomic_load_explicit(&w->live_bytes, memory_order_relaxed);

	atomic_store_explicit(&w->live_bytes, bytes + add - sub,
			      memory_order_relaxed);
}

/* A failure is right only while the memory limit is low. */
static void refused(struct worker *w, int err, unsigned int lack)
{
	MUST(err == -ENOMEM);
	MUST(lack % 2 || lack != atomic_load(&may_lack));
	w->now->refused++;
}

/* An object of the program's own word. */
static int make_ref(struct worker *w, struct place *p, size_t size)
{
	struct counted c;
	int err;

	count_begin(w, &c);
	err = zs_ref_store(pool, &p->ref, w->data, size);
	count_pause(&c);
	count_end(w, &c, LOAD_ALLOCATE);
	return err;
}

static int make_handle(struct worker *w, struct place *p, size_t size)
{
	struct counted c;
	unsigned long handle;

	count_begin(w, &c);
	handle = zs_malloc(pool, size, GFP_KERNEL, NUMA_NO_NODE);
	count_pause(&c);
	count_end(w, &c, LOAD_ALLOCATE);
	if (zs_is_err(handle))
		return zs_err(handle);
	p->handle = handle;
	count_begin(w, &c);
	MUST(!zs_obj_write(pool, handle, w->data, size));
	count_pause(&c);
	count_end(w, &c, LOAD_WRITE);
	return 0;
}

/* Into an empty place. */
static void make(struct worker *w, struct place *p)
{
	unsigned int lack = atomic_load(&may_lack);
	size_t size = some_size(&w->rng);
	uint64_t key = rng_next(&w->rng);
	bool ref = user && rng_below(&w->rng, 2);
	int err;

	pattern_fill(w->data, size, key);
	err = ref ? make_ref(w, p, size) : make_handle(w, p, size);
	if (err) {
		refused(w, err, lack);
		return;
	}
	p->what = ref ? REF : HANDLE;
	p->size = (uint32_t)size;
	p->key = key;
	w->live++;
	add_bytes(w, size, 0);
}

static void look_ref(struct worker *w, struct place *p, size_t len)
{
	struct counted c;

	if (rng_below(&w->rng, 2)) {
		const void *mem;

		count_begin(w, &c);
		mem = zs_ref_begin(pool, &p->ref);
		count_pause(&c);
		MUST(mem && pattern_ok(mem, len, p->key));
		count_go_on(&c);
		zs_ref_end(pool, &p->ref);
	} else {
		count_begin(w, &c);
		MUST(!zs_ref_load(pool, &p->ref, w->data, len));
		count_pause(&c);
		MUST(pattern_ok(w->data, len, p->key));
		count_go_on(&c);
	}
	count_pause(&c);
	count_end(w, &c, LOAD_READ);
}

static void look_handle(struct worker *w, struct place *p, size_t len)
{
	struct counted c;
	void *mem;

	count_begin(w, &c);
	mem = zs_obj_read_begin(pool, p->handle, len, w->data);
	count_pause(&c);
	MUST(mem && pattern_ok(mem, len, p->key));
	count_go_on(&c);
	zs_obj_read_end(pool, p->handle, len, mem);
	count_pause(&c);
	count_end(w, &c, LOAD_READ);
}

static void look(struct worker *w, struct place *p, size_t len)
{
	if (p->what == REF)
		look_ref(w, p, len);
	else
		look_handle(w, p, len);
}

/* The whole object is looked at before it goes. */
static void drop(struct worker *w, struct place *p)
{
	bool later = rng_below(&w->rng, 2);
	struct counted c;

	look(w, p, p->size);
	count_begin(w, &c);
	if (p->what == REF)
		zs_ref_free(pool, &p->ref);
	else if (later)
		zs_free_deferred(pool, p->handle);
	else
		zs_free(pool, p->handle);
	count_pause(&c);
	count_end(w, &c, LOAD_FREE);
	p->what = NOTHING;
	w->live--;
	add_bytes(w, 0, p->size);
}

/* Another pattern in the same object. */
static void overwrite(struct worker *w, struct place *p)
{
	uint64_t key = rng_next(&w->rng);
	struct counted c;

	pattern_fill(w->data, p->size, key);
	count_begin(w, &c);
	if (p->what == REF) {
		void *mem = zs_ref_begin(pool, &p->ref);

		MUST(mem);
		memcpy(mem, w->data, p->size);
		zs_ref_end(pool, &p->ref);
	} else {
		MUST(!zs_obj_write(pool, p->handle, w->data, p->size));
	}
	count_pause(&c);
	count_end(w, &c, LOAD_WRITE);
	p->key = key;
}

/* Another size. With a ref in one call, which leaves the object as it was if it
 * fails. */
static void replace(struct worker *w, struct place *p)
{
	unsigned int lack = atomic_load(&may_lack);
	size_t size;
	uint64_t key;
	int err;

	if (p->what != REF) {
		drop(w, p);
		make(w, p);
		return;
	}
	size = some_size(&w->rng);
	key = rng_next(&w->rng);
	pattern_fill(w->data, size, key);
	err = make_ref(w, p, size);
	if (err) {
		refused(w, err, lack);
		return;
	}
	add_bytes(w, size, p->size);
	p->size = (uint32_t)size;
	p->key = key;
}

/* ---- threads ------------------------------------------------------------- */

static void control(struct worker *w)
{
	pthread_mutex_t *lock =
		&control_lock[rng_below(&w->rng, CONTROL_LOCKS)];
	uint64_t key = rng_next(&w->rng);
	struct counted c;

	count_begin(w, &c);
	pthread_mutex_lock(lock);
	pattern_fill(w->control, CONTROL_BYTES, key);
	pthread_mutex_unlock(lock);
	count_pause(&c);
	count_end(w, &c, LOAD_CONTROL);
}

static void step(struct worker *w)
{
	struct place *p = &w->places[rng_below(&w->rng, opt.objects)];
	unsigned int wanted =
		(unsigned int)((uint64_t)opt.objects *
			       atomic_load(&percent_wanted) / 100);

	w->now->steps++;
	if (w->now->steps % CONTROL_EVERY == 0)
		control(w);
	atomic_store(&p->busy, 1);
	if (p->what == NOTHING) {
		if (w->live < wanted)
			make(w, p);
	} else if (w->live > wanted) {
		drop(w, p);
	} else {
		switch (rng_below(&w->rng, 8)) {
		case 0:
			drop(w, p);
			break;
		case 1:
			replace(w, p);
			break;
		case 2:
			overwrite(w, p);
			break;
		default:
			look(w, p, look_at(&w->rng, p->size));
		}
	}
	atomic_store(&p->busy, 0);
}

/* Until the next burst: the same time for all threads of the process. */
static void rest(struct worker *w)
{
	uint64_t every = BURST * (uint64_t)1000000000 / opt.rate;
	/* Other processes at other times. */
	uint64_t shift = opt.seed * 7919 % 64 * every / 64;
	uint64_t next = ((uzs_now_ns() + shift) / every + 1) * every - shift;
	struct timespec until = { (time_t)(next / 1000000000),
				  (long)(next % 1000000000) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	w->seen = times_stops();
}

static void *work(void *arg)
{
	struct worker *w = arg;

	w->seen = times_stops();
	while (!atomic_load(&stop)) {
		unsigned int interval = atomic_load(&interval_wanted);

		w->now = &w->counts[interval % 2];
		atomic_store(&w->interval, interval);
		for (unsigned int i = 0; i < BURST; i++)
			step(w);
		if (opt.rate)
			rest(w);
	}
	return NULL;
}

/* ---- for the director ---------------------------------------------------- */

struct zs_pool *load_pool(void)
{
	return pool;
}

size_t load_live_bytes(void)
{
	size_t bytes = 0;

	for (unsigned int i = 0; i < opt.threads; i++)
		bytes += atomic_load_explicit(&workers[i]->live_bytes,
					      memory_order_relaxed);
	return bytes;
}

void load_set(unsigned int percent, enum load_sizes sizes)
{
	atomic_store(&sizes_wanted, (unsigned int)sizes);
	atomic_store(&percent_wanted, percent);
}

void load_apart(bool begin)
{
	unsigned int n = atomic_fetch_add(&apart_calls, 1);

	MUST(n % 2 != begin);
}

void load_may_lack(bool begin)
{
	unsigned int n = atomic_fetch_add(&may_lack, 1);

	MUST(n % 2 != begin);
}

static void add_counts(struct load_counts *sum, const struct load_counts *own)
{
	for (unsigned int k = 0; k < LOAD_ALL_KINDS; k++)
		times_add(&sum->times[k], &own->times[k]);
	sum->steps += own->steps;
	sum->refused += own->refused;
}

void load_take(struct load_counts *counts)
{
	unsigned int before = atomic_fetch_add(&interval_wanted, 1);
	uint64_t start = uzs_now_ns();

	memset(counts, 0, sizeof(*counts));
	for (unsigned int i = 0; i < opt.threads; i++) {
		struct worker *w = workers[i];

		while (atomic_load(&w->interval) == before) {
			usleep(200);
			MUST(uzs_now_ns() - start < HANG_NS);
		}
		add_counts(counts, &w->counts[before % 2]);
		memset(&w->counts[before % 2], 0, sizeof(w->counts[0]));
	}
}

bool load_prepare(const struct load_options *options)
{
	opt = *options;
	user = opt.pool.profile == ZS_PROFILE_USER;
	for (unsigned int i = 0; i < CONTROL_LOCKS; i++)
		pthread_mutex_init(&control_lock[i], NULL);
	for (unsigned int i = 0; i < opt.threads; i++) {
		struct worker *w = uzs_map_bytes(sizeof(*w));

		workers[i] = w;
		if (!w)
			return false;
		w->places = uzs_map_bytes(opt.objects * sizeof(*w->places));
		if (!w->places)
			return false;
		w->number = i;
		rng_seed(&w->rng, opt.seed << 8 ^ i);
		atomic_store(&w->interval, UINT32_MAX);
	}
	return true;
}

int load_start(void)
{
	int err;

	pool = zs_create_pool_with("soak", &opt.pool);
	if (!pool)
		return -errno;
	for (unsigned int i = 0; i < opt.threads; i++) {
		err = pthread_create(&workers[i]->thread, NULL, work,
				     workers[i]);
		if (err)
			return -err;
	}
	return 0;
}

void load_end(void)
{
	atomic_store(&stop, true);
	for (unsigned int i = 0; i < opt.threads; i++)
		MUST(!pthread_join(workers[i]->thread, NULL));
	for (unsigned int i = 0; i < opt.threads; i++)
		for (unsigned int n = 0; n < opt.objects; n++)
			if (workers[i]->places[n].what != NOTHING)
				drop(workers[i], &workers[i]->places[n]);
	MUST(!load_live_bytes());
	zs_free_deferred_flush(pool);
	zs_drain(pool);
	MUST(!zs_pool_check(pool, stderr));
	MUST(!zs_destroy_pool(pool));
	pool = NULL;
}

/* ---- in the child of a fork ---------------------------------------------- */

/* The threads are not here: some may have been in the middle of a step. */
void load_live_in_child(void)
{
	struct rng rng;

	rng_seed(&rng, uzs_now_ns());
	for (unsigned int i = 0; i < opt.threads; i++) {
		for (unsigned int n = 0; n < CHILD_LOOKS; n++) {
			struct worker *w = workers[i];
			struct place *p =
				&w->places[rng_below(&rng, opt.objects)];

			if (atomic_load(&p->busy))
				continue;
			if (p->what == NOTHING)
				make(w, p);
			else if (rng_below(&rng, 2))
				drop(w, p);
			else
				look(w, p, p->size);
		}
	}
}
