/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lockdep.c - owns the lock classes, the order between them, and which thread
 * holds what.
 *
 * Kernel origin: kernel/locking/lockdep.c; differs: see lockdep.h.
 * Callers: checked.c; through macros everyone. Calls: lockstat.c, the OS.
 * Locks: two mutexes of its own, which are leaves: graph_lock guards classes
 * and order, threads_lock the list of threads. Sleeps: no.
 * Guarantees:
 *  D1 what a thread holds is written by that thread only; others read it for
 *     reports alone.
 *  D2 a class, once made, and an order, once learned, stay.
 * Known limits: 128 classes, 4096 locks held by a thread, then the process
 * ends with a message. That much address space is reserved for each thread.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "lockdep.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lockstat.h"

#define MAX_CLASSES 128
#define MAX_HELD 4096
#define REPORT_BYTES 4096

struct uzs_lock_class {
	const struct uzs_lock_key *key;
	unsigned int id; /* place in the tables */
	unsigned int subclass;
	unsigned int rank; /* atomic; 0: none */
	bool unordered; /* what is not known to belong together */
	bool nests; /* instances in any order: see the page lock */
	struct uzs_lockstat stat[2]; /* [1]: readers */
};

/* That `to` was taken while `from` was held, and where that was first seen. */
struct edge {
	const struct uzs_place *from;
	const struct uzs_place *to; /* set last, atomic; NULL: never seen */
};

static pthread_mutex_t graph_lock = PTHREAD_MUTEX_INITIALIZER;
static struct uzs_lock_class classes[MAX_CLASSES];
static unsigned int nr_classes; /* guard: graph_lock to write, atomic */
static struct edge edges[MAX_CLASSES][MAX_CLASSES]; /* same guard */

/* Of locks that nobody has initialized, and of those without room for a map.
 * Page locks nest: who holds one only tries others, or waits for one that
 * nobody else can know (the target of a migration), or is the only one that
 * locks several by waiting (uzs_lock_zspage, under free_work_lock). */
static struct uzs_lock_key kind_keys[UZS_LOCK_KINDS] = {
	[UZS_LOCK_SPIN] = UZS_LOCK_KEY("spinlock without init"),
	[UZS_LOCK_READ] = UZS_LOCK_KEY("rwlock without init"),
	[UZS_LOCK_WRITE] = UZS_LOCK_KEY("rwlock without init"),
	[UZS_LOCK_MUTEX] = UZS_LOCK_KEY("mutex without init"),
	[UZS_LOCK_PAGE] = UZS_LOCK_KEY("page lock"),
	[UZS_LOCK_PIN] = UZS_LOCK_KEY("pinlock"),
};

struct thread {
	struct thread *next; /* in threads, or spare_threads */
	unsigned int nr; /* atomic */
	unsigned int no_free_rank; /* uzs_forbid_page_free */
	const struct uzs_place *no_free_place;
	struct uzs_held held[MAX_HELD]; /* [0..nr), in the order of taking */
};

static pthread_mutex_t threads_lock = PTHREAD_MUTEX_INITIALIZER;
static struct thread *threads; /* guard: threads_lock */
/* Of threads that have ended: memory is kept, so that reading what others hold
 * never faults. guard: threads_lock */
static struct thread *spare_threads;
static __thread struct thread *me;
static pthread_key_t thread_end;
static bool have_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static struct {
	void (*fn)(void *arg, const struct uzs_report *r);
	void *arg;
} handler; /* guard: set while nobody else runs */

/* ---- reports ------------------------------------------------------------- */

void uzs_set_report_handler(void (*fn)(void *arg, const struct uzs_report *r),
			    void *arg)
{
	handler.arg = arg;
	__atomic_store_n(&handler.fn, fn, __ATOMIC_RELEASE);
}

struct text {
	char buf[REPORT_BYTES];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void
say(struct text *text, const char *format, ...)
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

__attribute__((noreturn)) static void out_of(const char *what)
{
	fprintf(stderr, "uzsmalloc: lock check: out of %s\n", what);
	abort();
}

/* ---- classes ------------------------------------------------------------- */

static const char *class_name(const struct uzs_lock_key *key)
{
	return key->name[0] == '&' ? key->name + 1 : key->name;
}

const char *uzs_lock_class_name(const struct uzs_lock_class *class)
{
	return class_name(class->key);
}

void uzs_lock_class_describe(const struct uzs_lock_class *class, char *buf,
			     size_t size)
{
	const struct uzs_lock_key *key = class->key;
	char subclass[16] = "";

	if (class->subclass)
		snprintf(subclass, sizeof(subclass), "#%u", class->subclass);
	if (key >= kind_keys && key < kind_keys + UZS_LOCK_KINDS)
		snprintf(buf, size, "%s", class_name(key));
	else
		snprintf(buf, size, "%s%s (%s:%d)", class_name(key), subclass,
			 key->init.file, key->init.line);
}

struct uzs_lockstat *uzs_lock_class_stat(struct uzs_lock_class *class,
					 bool reader)
{
	return &class->stat[reader];
}

struct uzs_lock_class *uzs_lock_class_at(unsigned int n)
{
	return n < smp_load_acquire(&nr_classes) ? &classes[n] : NULL;
}

static struct uzs_lock_class *new_class(struct uzs_lock_key *key,
					unsigned int subclass)
{
	struct uzs_lock_class *class;

	if (nr_classes == MAX_CLASSES)
		out_of("lock classes");
	class = &classes[nr_classes];
	class->key = key;
	class->id = nr_classes;
	class->subclass = subclass;
	smp_store_release(&nr_classes, nr_classes + 1);
	return class;
}

/* The class of a key, made when first asked for. */
static struct uzs_lock_class *get_class(struct uzs_lock_key *key,
					unsigned int subclass)
{
	struct uzs_lock_class **slot = &key->class[subclass];
	struct uzs_lock_class *class = smp_load_acquire(slot);

	if (likely(class != NULL))
		return class;
	pthread_mutex_lock(&graph_lock);
	class = *slot;
	if (!class) {
		class = new_class(key, subclass);
		if (key == &kind_keys[UZS_LOCK_PAGE]) {
			class->rank = UZS_RANK_PAGE;
			class->nests = true;
		} else if (key >= kind_keys &&
			   key < kind_keys + UZS_LOCK_KINDS) {
			class->unordered = true;
		}
		smp_store_release(slot, class);
	}
	pthread_mutex_unlock(&graph_lock);
	return class;
}

struct uzs_lock_class *uzs_lock_class_of(const struct uzs_lock_map *map,
					 enum uzs_lock_kind kind)
{
	if (map && likely(map->class != NULL))
		return map->class;
	return get_class(&kind_keys[kind], 0);
}

void uzs_lock_set_rank(struct uzs_lock_map *map, unsigned int rank)
{
	WRITE_ONCE(map->class->rank, rank);
}

void uzs_lock_set_subclass(struct uzs_lock_map *map, unsigned int subclass)
{
	map->class = get_class((struct uzs_lock_key *)map->class->key,
			       min(subclass, UZS_LOCK_SUBCLASSES - 1u));
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

static void end_thread(void *arg)
{
	struct thread *t = arg;
	struct text text = { .len = 0 };

	if (t->nr) {
		struct uzs_held *h = &t->held[t->nr - 1];

		say(&text, "uzsmalloc: a thread ends and holds a lock\n");
		say_class(&text, "", h->class);
		say_place(&text, ", taken at", h->place);
		deliver(UZS_REPORT_GONE, h->place, h->place, &text);
	}
	pthread_mutex_lock(&threads_lock);
	WRITE_ONCE(t->nr, 0);
	unlink_thread(t);
	pthread_mutex_unlock(&threads_lock);
	/* A later destructor that locks makes a new one. */
	me = NULL;
}

static void lock_all(void)
{
	pthread_mutex_lock(&graph_lock);
	pthread_mutex_lock(&threads_lock);
}

static void unlock_all(void)
{
	pthread_mutex_unlock(&threads_lock);
	pthread_mutex_unlock(&graph_lock);
}

/* In a child only the thread that forked lives. */
static void unlock_all_in_child(void)
{
	for (struct thread *t = threads, *next; t; t = next) {
		next = t->next;
		if (t == me)
			continue;
		t->nr = 0;
		unlink_thread(t);
	}
	unlock_all();
}

static void init_once(void)
{
	if (pthread_key_create(&thread_end, end_thread))
		out_of("thread keys");
	have_key = true;
	pthread_atfork(lock_all, unlock_all, unlock_all_in_child);
}

static void unmap_list(struct thread *t)
{
	for (struct thread *next; t; t = next) {
		next = t->next;
		munmap(t, sizeof(*t));
	}
}

/* A library may be unloaded while its program goes on, in this thread. (At the
 * end of a program others may still be at work: nothing is taken from them.) */
__attribute__((destructor)) static void unload(void)
{
	if (threads && (threads != me || me->next))
		return;
	if (have_key)
		pthread_key_delete(thread_end);
	unmap_list(threads);
	unmap_list(spare_threads);
	threads = spare_threads = me = NULL;
	have_key = false;
}

static struct thread *new_me(void)
{
	struct thread *t;

	pthread_once(&once, init_once);
	pthread_mutex_lock(&threads_lock);
	t = spare_threads;
	if (t) {
		spare_threads = t->next;
	} else {
		t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (t == MAP_FAILED)
			out_of("memory");
	}
	t->no_free_rank = 0;
	t->next = threads;
	threads = t;
	pthread_mutex_unlock(&threads_lock);
	if (have_key)
		pthread_setspecific(thread_end, t);
	me = t;
	return t;
}

static struct thread *get_me(void)
{
	return likely(me != NULL) ? me : new_me();
}

/* Where the lock was taken by whoever has it; NULL if that is nobody. */
static const struct uzs_place *holder_place(const void *lock)
{
	const struct uzs_place *place = NULL;

	pthread_mutex_lock(&threads_lock);
	for (struct thread *t = threads; t && !place; t = t->next)
		for (unsigned int i = READ_ONCE(t->nr); i-- > 0;)
			if (READ_ONCE(t->held[i].lock) == lock)
				place = READ_ONCE(t->held[i].place);
	pthread_mutex_unlock(&threads_lock);
	return place;
}

/* ---- R1, R2 -------------------------------------------------------------- */

static bool seen(unsigned int from, unsigned int to)
{
	return __atomic_load_n(&edges[from][to].to, __ATOMIC_ACQUIRE) != NULL;
}

/* A way along the edges: via[0] is `from`, via[n] is `to`. Return: n, or 0 if
 * there is none. Locks: graph_lock. */
static unsigned int find_path(unsigned int from, unsigned int to, u8 *via)
{
	bool visited[MAX_CLASSES] = { false };
	u8 before[MAX_CLASSES], queue[MAX_CLASSES];
	unsigned int head = 0, tail = 0, n = 0;

	queue[tail++] = (u8)from;
	visited[from] = true;
	while (head < tail && !visited[to]) {
		unsigned int at = queue[head++];

		for (unsigned int i = 0; i < nr_classes; i++) {
			if (visited[i] || !seen(at, i))
				continue;
			visited[i] = true;
			before[i] = (u8)at;
			queue[tail++] = (u8)i;
		}
	}
	if (!visited[to])
		return 0;
	for (unsigned int at = to; at != from; at = before[at])
		n++;
	for (unsigned int at = to, i = n; i-- > 0; at = before[at])
		via[i + 1] = (u8)at;
	via[0] = (u8)from;
	return n;
}

static void report_order(const struct uzs_held *h,
			 const struct uzs_lock_class *class,
			 const struct uzs_place *here, const u8 *via,
			 unsigned int n)
{
	struct text text = { .len = 0 };

	say(&text, "uzsmalloc: lock order inversion\n");
	say_class(&text, "takes", class);
	say_place(&text, " at", here);
	say_class(&text, "holds", h->class);
	say_place(&text, ", taken at", h->place);
	for (unsigned int i = 0; i < n; i++) {
		const struct edge *e = &edges[via[i]][via[i + 1]];

		say_class(&text, "before, held", &classes[via[i]]);
		say_place(&text, ", taken at", e->from);
		say_class(&text, "        and took", &classes[via[i + 1]]);
		say_place(&text, " at", e->to);
	}
	deliver(UZS_REPORT_ORDER, here, h->place, &text);
}

/* Remembers that class was taken with h held, unless that closes a cycle. */
static void learn_edge(const struct uzs_held *h,
		       const struct uzs_lock_class *class,
		       const struct uzs_place *here)
{
	struct edge *e = &edges[h->class->id][class->id];
	u8 via[MAX_CLASSES];
	unsigned int n;

	pthread_mutex_lock(&graph_lock);
	n = find_path(class->id, h->class->id, via);
	if (!n && !e->to) {
		e->from = h->place;
		__atomic_store_n(&e->to, here, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&graph_lock);
	if (n)
		report_order(h, class, here, via, n);
}

/* Two places, two classes. */
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

static void check_order(const struct uzs_held *h,
			const struct uzs_lock_class *class, u32 order,
			const struct uzs_place *here)
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
	else if (!seen(h->class->id, class->id))
		learn_edge(h, class, here);
}

/* ---- taking and giving back ---------------------------------------------- */

void uzs_lock_register(struct uzs_lock_map *map, const void *lock,
		       struct uzs_lock_key *key, const struct uzs_place *here)
{
	struct uzs_held *h = find_held(get_me(), lock);

	if (h) {
		report_pair(UZS_REPORT_GONE, "init of a lock that is held",
			    NULL, here, h);
		uzs_lockdep_forget(lock);
	}
	map->class = get_class(key, 0);
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
		out_of("room for locks held by a thread");
	WRITE_ONCE(h->lock, lock);
	h->class = class;
	WRITE_ONCE(h->place, here);
	h->since = now;
	h->order = order;
	h->again = 0;
	h->kind = (u8)kind;
	h->parked = false;
	WRITE_ONCE(t->nr, t->nr + 1);
}

static void remove_held(struct thread *t, struct uzs_held *h)
{
	unsigned int i = (unsigned int)(h - t->held);

	for (; i + 1 < t->nr; i++) {
		WRITE_ONCE(t->held[i].lock, t->held[i + 1].lock);
		WRITE_ONCE(t->held[i].place, t->held[i + 1].place);
		t->held[i].class = t->held[i + 1].class;
		t->held[i].since = t->held[i + 1].since;
		t->held[i].order = t->held[i + 1].order;
		t->held[i].again = t->held[i + 1].again;
		t->held[i].kind = t->held[i + 1].kind;
		t->held[i].parked = t->held[i + 1].parked;
	}
	WRITE_ONCE(t->nr, t->nr - 1);
}

bool uzs_lockdep_drop(const void *lock, enum uzs_lock_kind kind,
		      const struct uzs_place *here, struct uzs_held *was)
{
	struct thread *t = get_me();
	struct uzs_held *h = find_held(t, lock);
	struct text text = { .len = 0 };
	const struct uzs_place *place;

	if (h && h->again) {
		h->again--;
		return false;
	}
	if (h && h->kind == kind) {
		*was = *h;
		remove_held(t, h);
		return true;
	}
	place = h ? h->place : holder_place(lock);
	say(&text, "uzsmalloc: a lock given back that this thread has not\n");
	say_place(&text, "  given back at", here);
	if (h)
		say_place(&text, "  held for the other of reading and writing"
				 ", taken at", place);
	else if (place)
		say_place(&text, "  held by another thread, taken at", place);
	else
		say(&text, "  held by nobody\n");
	deliver(UZS_REPORT_OWNER, here, place, &text);
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

void uzs_check_held(const void *lock, const char *name, bool held,
		    const struct uzs_place *here)
{
	struct uzs_held *h = find_held(get_me(), lock);
	struct text text = { .len = 0 };
	const struct uzs_place *place;

	if ((h != NULL) == held)
		return;
	if (h) {
		report_pair(UZS_REPORT_HELD, "a lock held that must not be",
			    NULL, here, h);
		return;
	}
	place = holder_place(lock);
	say(&text, "uzsmalloc: %s is not held by this thread\n", name);
	say_place(&text, "  needed at", here);
	if (place)
		say_place(&text, "  held by another thread, taken at", place);
	deliver(UZS_REPORT_NOT_HELD, here, place, &text);
}

/* Of a lock that keeps its holder from sleeping. */
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

	if (gfp == GFP_KERNEL)
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

void uzs_check_page_free(const struct uzs_place *here)
{
	struct thread *t = get_me();
	struct text text = { .len = 0 };

	if (!t->no_free_rank)
		return;
	for (unsigned int i = t->nr; i-- > 0;) {
		struct uzs_held *h = &t->held[i];

		if (READ_ONCE(h->class->rank) != t->no_free_rank)
			continue;
		say(&text, "uzsmalloc: pages freed under a lock under which "
			   "that was ruled out\n");
		say_place(&text, "  freed at", here);
		say_class(&text, "holds", h->class);
		say_place(&text, ", taken at", h->place);
		say_place(&text, "  ruled out at", t->no_free_place);
		deliver(UZS_REPORT_PAGE_FREE, here, h->place, &text);
		return;
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
