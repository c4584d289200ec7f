/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lockclass.c - owns the lock classes and the order between them.
 *
 * Kernel origin: kernel/locking/lockdep.c; differs: see lockdep.h.
 * Locks: one mutex, a leaf, which lockdep.c uses too. Sleeps: no.
 * Guarantees: classes and edges are added, never removed.
 * Known limits: UZS_MAX_LOCK_CLASSES classes. If there are more, the process
 * ends with a message.
 */
#include "lockclass.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static __thread bool forking;

static struct uzs_lock_class classes[UZS_MAX_LOCK_CLASSES];
static unsigned int nr_classes; /* guard: mutex to write, atomic */
/* same guard */
static struct uzs_lock_edge edges[UZS_MAX_LOCK_CLASSES][UZS_MAX_LOCK_CLASSES];

/* Classes of locks that were not initialized, and of locks without room for a
 * map. Page locks nest. That is safe if each holder of a page lock only tries
 * others; or waits for one that no other thread knows (the target of a
 * migration); or if only one thread at a time waits for several. */
static struct uzs_lock_key kind_keys[UZS_LOCK_KINDS] = {
	[UZS_LOCK_SPIN] = UZS_LOCK_KEY("spinlock without init"),
	[UZS_LOCK_READ] = UZS_LOCK_KEY("rwlock without init"),
	[UZS_LOCK_WRITE] = UZS_LOCK_KEY("rwlock without init"),
	[UZS_LOCK_MUTEX] = UZS_LOCK_KEY("mutex without init"),
	[UZS_LOCK_PAGE] = UZS_LOCK_KEY("page lock"),
	[UZS_LOCK_PIN] = UZS_LOCK_KEY("pinlock"),
};

void uzs_lockdep_out_of(const char *what)
{
	fprintf(stderr, "uzsmalloc: lock check: out of %s\n", what);
	abort();
}

void uzs_lockdep_enter(void)
{
	if (!forking)
		pthread_mutex_lock(&mutex);
}

void uzs_lockdep_leave(void)
{
	if (!forking)
		pthread_mutex_unlock(&mutex);
}

/* Other handlers of a fork take locks too, and may run before or after this. */
void uzs_lockdep_fork(bool begins)
{
	if (begins)
		uzs_lockdep_enter();
	forking = begins;
	if (!begins)
		uzs_lockdep_leave();
}

/* ---- classes ------------------------------------------------------------- */

const char *uzs_lock_class_name(const struct uzs_lock_class *class)
{
	const char *name = class->key->name;

	return name[0] == '&' ? name + 1 : name;
}

static bool is_kind_key(const struct uzs_lock_key *key)
{
	return key >= kind_keys && key < kind_keys + UZS_LOCK_KINDS;
}

void uzs_lock_class_describe(const struct uzs_lock_class *class, char *buf,
			     size_t size)
{
	const struct uzs_lock_key *key = class->key;
	char subclass[16] = "";

	if (class->subclass)
		snprintf(subclass, sizeof(subclass), "#%u", class->subclass);
	if (is_kind_key(key))
		snprintf(buf, size, "%s", uzs_lock_class_name(class));
	else
		snprintf(buf, size, "%s%s (%s:%d)", uzs_lock_class_name(class),
			 subclass, key->init.file, key->init.line);
}

struct uzs_lock_class *uzs_lock_class_at(unsigned int n)
{
	return n < smp_load_acquire(&nr_classes) ? &classes[n] : NULL;
}

/* Locks: the mutex. */
static struct uzs_lock_class *new_class(struct uzs_lock_key *key,
					unsigned int subclass)
{
	struct uzs_lock_class *class;

	if (nr_classes == UZS_MAX_LOCK_CLASSES)
		uzs_lockdep_out_of("lock classes");
	class = &classes[nr_classes];
	class->key = key;
	class->id = nr_classes;
	class->subclass = subclass;
	if (key == &kind_keys[UZS_LOCK_PAGE]) {
		class->rank = UZS_RANK_PAGE;
		class->nests = true;
	} else {
		class->unordered = is_kind_key(key);
	}
	smp_store_release(&nr_classes, nr_classes + 1);
	return class;
}

struct uzs_lock_class *uzs_lock_class_get(struct uzs_lock_key *key,
					  unsigned int subclass)
{
	struct uzs_lock_class **slot = &key->class[subclass];
	struct uzs_lock_class *class = smp_load_acquire(slot);

	if (likely(class != NULL))
		return class;
	uzs_lockdep_enter();
	class = *slot;
	if (!class) {
		class = new_class(key, subclass);
		smp_store_release(slot, class);
	}
	uzs_lockdep_leave();
	return class;
}

struct uzs_lock_class *uzs_lock_class_of(const struct uzs_lock_map *map,
					 enum uzs_lock_kind kind)
{
	if (map && likely(map->class != NULL))
		return map->class;
	return uzs_lock_class_get(&kind_keys[kind], 0);
}

void uzs_lock_set_rank(struct uzs_lock_map *map, unsigned int rank)
{
	WRITE_ONCE(map->class->rank, rank);
}

void uzs_lock_set_subclass(struct uzs_lock_map *map, unsigned int subclass)
{
	map->class = uzs_lock_class_get(
		map->class->key, min(subclass, UZS_LOCK_SUBCLASSES - 1u));
}

/* ---- order --------------------------------------------------------------- */

static bool seen(unsigned int from, unsigned int to)
{
	return smp_load_acquire(&edges[from][to].to) != NULL;
}

const struct uzs_lock_edge *uzs_lock_edge(const struct uzs_lock_class *from,
					  const struct uzs_lock_class *to)
{
	return seen(from->id, to->id) ? &edges[from->id][to->id] : NULL;
}

/* Finds a path along the edges: via[0] is `from`, via[n] is `to`. Return: n, or
 * 0 if there is none. Locks: the mutex. */
static unsigned int find_path(unsigned int from, unsigned int to,
			      struct uzs_lock_class **via)
{
	bool visited[UZS_MAX_LOCK_CLASSES] = { false };
	u8 before[UZS_MAX_LOCK_CLASSES], queue[UZS_MAX_LOCK_CLASSES];
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
	for (unsigned int at = to, i = n; i > 0; at = before[at])
		via[i--] = &classes[at];
	via[0] = &classes[from];
	return n;
}

unsigned int uzs_lock_edge_learn(struct uzs_lock_class *from,
				 const struct uzs_place *from_place,
				 struct uzs_lock_class *to,
				 const struct uzs_place *to_place,
				 struct uzs_lock_class **via)
{
	struct uzs_lock_edge *e = &edges[from->id][to->id];
	unsigned int n;

	uzs_lockdep_enter();
	n = find_path(to->id, from->id, via);
	if (!n && !e->to) {
		e->from = from_place;
		smp_store_release(&e->to, to_place);
	}
	uzs_lockdep_leave();
	return n;
}

void uzs_lockdep_forget_order(void)
{
	uzs_lockdep_enter();
	memset(edges, 0, sizeof(edges));
	uzs_lockdep_leave();
}
