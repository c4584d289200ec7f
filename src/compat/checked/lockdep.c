/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lockdep.c - owns the list of locks that each thread holds, and checks the
 * rules.
 *
 * Kernel origin: kernel/locking/lockdep.c; differs: see lockdep.h.
 * Locks: lockclass.c's mutex, for the list of threads. Sleeps: no.
 * Guarantees: only the thread itself writes what it holds; other threads read
 * it for reports only.
 * Known limits: a thread can hold 4096 locks; with more the process ends with a
 * message. Address space for these, 160 KiB, is reserved for each thread.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "lockclass.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MAX_HELD 4096
#define REPORT_BYTES 4096

struct thread {
	struct thread *next; /* in threads, or spare_threads */
	unsigned int nr; /* atomic */
	unsigned int no_free_rank; /* uzs_forbid_page_free */
	const struct uzs_place *no_free_place;
	struct uzs_held held[MAX_HELD]; /* [0..nr), in the order of taking */
};

static struct thread *threads; /* guard: uzs_lockdep_enter */
/* Of threads that have ended. Their memory is kept, so that other threads can
 * still read it. Same guard. */
static struct thread *spare_threads;
static __thread struct thread *me;
static pthread_key_t thread_end;
static bool have_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static struct {
	void (*fn)(void *arg, const struct uzs_report *r);
	void *arg;
} handler; /* guard: set while no other thread runs */

/* ---- reports ------------------------------------------------------------- */

void uzs_set_report_handler(void (*fn)(void *arg, const struct uzs_report *r),
			    void *arg)
{
	handler.arg = arg;
	__atomic_store_n(&handler.fn, fn, __ATOMIC_RELEASE);
}

/* The text of a report. It is large, so functions that are called for each lock
 * do not have one on their stack. */
struct text {
	size_t len;
	char buf[REPORT_BYTES];
};

__attribute__((format(printf, 2, 3))) static void say(struct text *text,
						      const char *format, ...)
{
	size_t room = sizeof(text->buf) - text->len;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text->buf + text->len, room, format, args);
	va_end(args);
	if (n > 0)
		text->len += min((size_t)n, room - 1);
}

static void say_place(struct text *text, const char *what,
		      const struct uzs_place *place)
{
	if (place)
		say(text, "%s %s:%d\n", what, place->file, place->line);
	else
		say(text, "%s nowhere\n", what);
}

static void say_class(struct text *text, const char *what,
		      const struct uzs_lock_class *class)
{
	char name[128];

	uzs_lock_class_describe(class, name, sizeof(name));
	say(text, "  %s %s", what, name);
}

static void deliver(enum uzs_report_kind kind, const struct uzs_place *here,
		    const struct uzs_place *other, const struct text *text)
{
	struct uzs_report report = { kind, here, other, text->buf };
	void (*fn)(void *arg, const struct uzs_report *r) =
		__atomic_load_n(&handler.fn, __ATOMIC_ACQUIRE);

	if (fn) {
		fn(handler.arg, &report);
		return;
	}
	fputs(text->buf, stderr);
	abort();
}

/* ---- threads ------------------------------------------------------------- */

static struct uzs_held *find_held(struct thread *t, const void *lock)
{
	for (unsigned int i = t->nr; i-- > 0;)
		if (t->held[i].lock == lock)
			return &t->held[i];
	return NULL;
}

static void unlink_thread(struct thread *t)
{
	struct thread **link = &threads;

	while (*link != t)
		link = &(*link)->next;
	*link = t->next;
	t->next = spare_threads;
	spare_threads = t;
}

static void report_end(const struct uzs_held *h)
{
	struct text text = { .len = 0 };

	say(&text, "uzsmalloc: a thread ends and holds a lock\n");
	say_class(&text, "holds", h->class);
	say_place(&text, ", taken at", h->place);
	deliver(UZS_REPORT_GONE, h->place, h->place, &text);
}

static void end_thread(void *arg)
{
	struct thread *t = arg;

	if (t->nr)
		report_end(&t->held[t->nr - 1]);
	uzs_lockdep_enter();
	WRITE_ONCE(t->nr, 0);
	unlink_thread(t);
	uzs_lockdep_leave();
	/* If a later destructor takes a lock, it gets a new one. */
	me = NULL;
}

static void before_fork(void)
{
	uzs_lockdep_fork(true);
}

static void after_fork(void)
{
	uzs_lockdep_fork(false);
}

/* In a child only the thread that forked lives. */
static void after_fork_in_child(void)
{
	for (struct thread *t = threads, *next; t; t = next) {
		next = t->next;
		if (t == me)
			continue;
		t->nr = 0;
		unlink_thread(t);
	}
	uzs_lockdep_fork(false);
}

static void init_once(void)
{
	if (pthread_key_create(&thread_end, end_thread))
		uzs_lockdep_out_of("thread keys");
	have_key = true;
	pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

static void unmap_list(struct thread *t)
{
	for (struct thread *next; t; t = next) {
		next = t->next;
		munmap(t, sizeof(*t));
	}
}

/* A library may be unloaded while its program continues. Then no thread may
 * call end_thread any more. At the end of a program other threads may still
 * run, so their memory is not unmapped. */
__attribute__((destructor)) static void unload(void)
{
	if (have_key)
		pthread_key_delete(thread_end);
	if (threads && (threads != me || me->next))
		return;
	unmap_list(threads);
	unmap_list(spare_threads);
	threads = spare_threads = me = NULL;
	have_key = false;
}

static struct thread *new_me(void)
{
	struct thread *t;

	pthread_once(&once, init_once);
	uzs_lockdep_enter();
	t = spare_threads;
	if (t) {
		spare_threads = t->next;
	} else {
		t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (t == MAP_FAILED)
			uzs_lockdep_out_of("memory");
	}
	t->no_free_rank = 0;
	t->next = threads;
	threads = t;
	uzs_lockdep_leave();
	if (have_key)
		pthread_setspecific(thread_end, t);
	me = t;
	return t;
}

static struct thread *get_me(void)
{
	return likely(me != NULL) ? me : new_me();
}

/* Where the lock's holder took it. NULL: no thread holds it. */
static const struct uzs_place *holder_place(const void *lock)
{
	const struct uzs_place *place = NULL;

	uzs_lockdep_enter();
	for (struct thread *t = threads; t && !place; t = t->next)
		for (unsigned int i = READ_ONCE(t->nr); i-- > 0;)
			if (READ_ONCE(t->held[i].lock) == lock)
				place = READ_ONCE(t->held[i].place);
	uzs_lockdep_leave();
	return place;
}

/* ---- N1, N2 -------------------------------------------------------------- */

static void report_order(const struct uzs_held *h,
			 const struct uzs_lock_class *class,
			 const struct uzs_place *here,
			 struct uzs_lock_class **via, unsigned int n)
{
	struct text text = { .len = 0 };

	say(&text, "uzsmalloc: lock order inversion\n");
	say_class(&text, "takes", class);
	say_place(&text, " at", here);
	say_class(&text, "holds", h->class);
	say_place(&text, ", taken at", h->place);
	for (unsigned int i = 0; i < n; i++) {
		const struct uzs_lock_edge *e =
			uzs_lock_edge(via[i], via[i + 1]);

		say_class(&text, "before, held", via[i]);
		say_place(&text, ", taken at", e->from);
		say_class(&text, "        and took", via[i + 1]);
		say_place(&text, " at", e->to);
	}
	deliver(UZS_REPORT_ORDER, here, h->place, &text);
}

/* Remembers that `class` was taken while h was held. Reports it if that closes
 * a cycle. */
static void learn_edge(const struct uzs_held *h, struct uzs_lock_class *class,
		       const struct uzs_place *here)
{
	struct uzs_lock_class *via[UZS_MAX_LOCK_CLASSES];
	unsigned int n =
		uzs_lock_edge_learn(h->class, h->place, class, here, via);

	if (n)
		report_order(h, class, here, via, n);
}

/* A report of a held lock and of the lock (NULL: the place) that conflicts. */
static void report_pair(enum uzs_report_kind kind, const char *headline,
			const struct uzs_lock_class *class,
			const struct uzs_place *here, const struct uzs_held *h)
{
	struct text text = { .len = 0 };

	say(&text, "uzsmalloc: %s\n", headline);
	if (class)
		say_class(&text, "takes", class);
	else
		say(&text, "  noticed");
	say_place(&text, " at", here);
	say_class(&text, "holds", h->class);
	say_place(&text, ", taken at", h->place);
	deliver(kind, here, h->place, &text);
}

static void check_order(const struct uzs_held *h, struct uzs_lock_class *class,
			u32 order, const struct uzs_place *here)
{
	unsigned int rank = READ_ONCE(class->rank);

	if (h->class == class) {
		if (!class->nests && !class->unordered &&
		    (!h->order || h->order >= order))
			report_pair(UZS_REPORT_NESTED,
				    "locks of one class nested, not in "
				    "ascending order",
				    class, here, h);
		return;
	}
	if (h->class->unordered)
		return;
	if (rank && READ_ONCE(h->class->rank) > rank)
		report_pair(UZS_REPORT_RANK,
			    "locks taken against the documented order", class,
			    here, h);
	else if (!uzs_lock_edge(h->class, class))
		learn_edge(h, class, here);
}

/* ---- taking and releasing ------------------------------------------------ */

void uzs_lock_register(struct uzs_lock_map *map, const void *lock,
		       struct uzs_lock_key *key, const struct uzs_place *here)
{
	struct uzs_held *h = find_held(get_me(), lock);

	if (h) {
		report_pair(UZS_REPORT_GONE, "init of a lock that is held",
			    NULL, here, h);
		uzs_lockdep_forget(lock);
	}
	map->class = uzs_lock_class_get(key, 0);
	map->order = 0;
}

bool uzs_lockdep_take(const void *lock, struct uzs_lock_class *class, u32 order,
		      enum uzs_lock_kind kind, const struct uzs_place *here)
{
	struct thread *t = get_me();
	struct uzs_held *h = find_held(t, lock);

	if (h) {
		report_pair(UZS_REPORT_RECURSION,
			    "a lock taken by the thread that has it", class,
			    here, h);
		h->again++;
		return false;
	}
	if (here->for_others)
		return true;
	if (kind == UZS_LOCK_MUTEX || kind == UZS_LOCK_PAGE)
		uzs_check_sleep(here);
	if (class->unordered)
		return true;
	for (unsigned int i = t->nr; i-- > 0;)
		if (!t->held[i].parked)
			check_order(&t->held[i], class, order, here);
	return true;
}

void uzs_lockdep_taken(const void *lock, struct uzs_lock_class *class,
		       u32 order, enum uzs_lock_kind kind,
		       const struct uzs_place *here, u64 now)
{
	struct thread *t = get_me();
	struct uzs_held *h = &t->held[t->nr];

	if (t->nr == MAX_HELD)
		uzs_lockdep_out_of("room for locks held by a thread");
	WRITE_ONCE(h->lock, lock);
	h->class = class;
	WRITE_ONCE(h->place, here);
	h->since = now;
	h->order = order;
	h->again = 0;
	h->kind = (u8)kind;
	h->parked = here->for_others;
	WRITE_ONCE(t->nr, t->nr + 1);
}

static void remove_held(struct thread *t, struct uzs_held *h)
{
	const struct uzs_held *last = &t->held[t->nr - 1];

	for (; h < last; h++) {
		const struct uzs_held *next = h + 1;
		const void *lock = next->lock;
		const struct uzs_place *place = next->place;

		/* Other threads may read these two. */
		WRITE_ONCE(h->lock, lock);
		WRITE_ONCE(h->place, place);
		h->class = next->class;
		h->since = next->since;
		h->order = next->order;
		h->again = next->again;
		h->kind = next->kind;
		h->parked = next->parked;
	}
	WRITE_ONCE(t->nr, t->nr - 1);
}

static void report_owner(const void *lock, const struct uzs_held *h,
			 const struct uzs_place *here)
{
	const struct uzs_place *place = h ? h->place : holder_place(lock);
	struct text text = { .len = 0 };

	say(&text, "uzsmalloc: a lock given back that this thread has not\n");
	say_place(&text, "  given back at", here);
	if (h)
		say_place(&text,
			  "  held for the other of reading and writing"
			  ", taken at",
			  place);
	else if (place)
		say_place(&text, "  held by another thread, taken at", place);
	else
		say(&text, "  held by nobody\n");
	deliver(UZS_REPORT_OWNER, here, place, &text);
}

bool uzs_lockdep_drop(const void *lock, enum uzs_lock_kind kind,
		      const struct uzs_place *here, struct uzs_held *was)
{
	struct thread *t = get_me();
	struct uzs_held *h = find_held(t, lock);

	if (likely(h && h->kind == kind && !h->again)) {
		*was = *h;
		remove_held(t, h);
		return true;
	}
	if (h && h->again)
		h->again--;
	else
		report_owner(lock, h, here);
	return false;
}

void uzs_lockdep_forget(const void *lock)
{
	struct thread *t = get_me();
	struct uzs_held *h = find_held(t, lock);

	if (h)
		remove_held(t, h);
}

void uzs_park_locks(void)
{
	struct thread *t = get_me();

	for (unsigned int i = 0; i < t->nr; i++)
		t->held[i].parked = true;
}

/* ---- questions ----------------------------------------------------------- */

bool uzs_holds(const void *lock)
{
	return find_held(get_me(), lock) != NULL;
}

unsigned int uzs_count_held(const char *name)
{
	struct thread *t = get_me();
	unsigned int n = 0;

	for (unsigned int i = 0; i < t->nr; i++)
		n += !name ||
		     strcmp(uzs_lock_class_name(t->held[i].class), name) == 0;
	return n;
}

static void report_not_held(const void *lock, const char *name,
			    const struct uzs_place *here)
{
	const struct uzs_place *place = holder_place(lock);
	struct text text = { .len = 0 };

	say(&text, "uzsmalloc: %s is not held by this thread\n", name);
	say_place(&text, "  needed at", here);
	if (place)
		say_place(&text, "  held by another thread, taken at", place);
	deliver(UZS_REPORT_NOT_HELD, here, place, &text);
}

void uzs_check_held(const void *lock, const char *name, bool held,
		    const struct uzs_place *here)
{
	struct uzs_held *h = find_held(get_me(), lock);

	if ((h != NULL) == held)
		return;
	if (h)
		report_pair(UZS_REPORT_HELD, "a lock held that must not be",
			    NULL, here, h);
	else
		report_not_held(lock, name, here);
}

/* Must the holder of such a lock not sleep? */
static bool is_atomic_kind(const struct uzs_held *h)
{
	return h->kind == UZS_LOCK_SPIN || h->kind == UZS_LOCK_READ ||
	       h->kind == UZS_LOCK_WRITE || h->kind == UZS_LOCK_PIN;
}

void uzs_check_sleep(const struct uzs_place *here)
{
	struct thread *t = get_me();

	for (unsigned int i = t->nr; i-- > 0;)
		if (is_atomic_kind(&t->held[i]) && !t->held[i].parked) {
			report_pair(UZS_REPORT_SLEEP,
				    "may sleep under a lock that must not be "
				    "held then",
				    NULL, here, &t->held[i]);
			return;
		}
}

void uzs_check_alloc(gfp_t gfp, const struct uzs_place *here)
{
	struct thread *t = get_me();

	if (gfp != GFP_NOWAIT)
		uzs_check_sleep(here);
	for (unsigned int i = t->nr; i-- > 0;)
		if (is_atomic_kind(&t->held[i]) && !t->held[i].parked &&
		    READ_ONCE(t->held[i].class->rank)) {
			report_pair(UZS_REPORT_ALLOC,
				    "allocates under a lock that must not be "
				    "held then",
				    NULL, here, &t->held[i]);
			return;
		}
}

void uzs_set_page_free_rule(unsigned int rank, const struct uzs_place *here)
{
	struct thread *t = get_me();

	t->no_free_rank = rank;
	t->no_free_place = here;
}

static void report_page_free(const struct thread *t, const struct uzs_held *h,
			     const struct uzs_place *here)
{
	struct text text = { .len = 0 };

	say(&text, "uzsmalloc: pages freed under a lock under which that was "
		   "ruled out\n");
	say_place(&text, "  freed at", here);
	say_class(&text, "holds", h->class);
	say_place(&text, ", taken at", h->place);
	say_place(&text, "  ruled out at", t->no_free_place);
	deliver(UZS_REPORT_PAGE_FREE, here, h->place, &text);
}

void uzs_check_page_free(const struct uzs_place *here)
{
	struct thread *t = get_me();

	if (!t->no_free_rank)
		return;
	for (unsigned int i = t->nr; i-- > 0;) {
		struct uzs_held *h = &t->held[i];

		if (!h->parked &&
		    READ_ONCE(h->class->rank) == t->no_free_rank) {
			report_page_free(t, h, here);
			return;
		}
	}
}

void uzs_check_no_locks_in(const void *addr, size_t size,
			   const struct uzs_place *here)
{
	struct thread *t = get_me();

	for (unsigned int i = t->nr; i-- > 0;) {
		struct uzs_held *h = &t->held[i];

		if ((uintptr_t)h->lock - (uintptr_t)addr >= size)
			continue;
		report_pair(UZS_REPORT_GONE,
			    "memory given back with a lock in it that is held",
			    NULL, here, h);
		return;
	}
}

/* ---- the lab ------------------------------------------------------------- */

void *uzs_lockdep_new(void)
{
	struct thread *was = get_me();
	struct thread *t = new_me();

	me = was;
	return t;
}

void uzs_lockdep_switch(void *thread)
{
	static struct thread *real;

	if (!real)
		real = get_me();
	me = thread ? thread : real;
}

void uzs_lockdep_drop_all(void *thread)
{
	struct thread *t = thread ? thread : get_me();

	t->nr = 0;
	t->no_free_rank = 0;
}
