/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lockclass.h - the classes of locks of the checked body, and the order in
 * which they were seen to be taken. For lockdep.c, lockstat.c and checked.c.
 */
#ifndef UZS_COMPAT_LOCKCLASS_H
#define UZS_COMPAT_LOCKCLASS_H

#include "lockdep.h"
#include "lockstat.h"

#define UZS_MAX_LOCK_CLASSES 128

struct uzs_lock_class {
	struct uzs_lock_key *key;
	unsigned int id; /* place in the tables */
	unsigned int subclass;
	unsigned int rank; /* atomic; 0: none */
	bool unordered; /* what is not known to belong together */
	bool nests; /* instances in any order: see the page lock */
	struct uzs_lockstat stat[2]; /* [1]: readers */
};

/* Never NULL. */
struct uzs_lock_class *uzs_lock_class_of(const struct uzs_lock_map *map,
					 enum uzs_lock_kind kind);
/* The class of a key, made when first asked for. */
struct uzs_lock_class *uzs_lock_class_get(struct uzs_lock_key *key,
					  unsigned int subclass);
/* Walks the classes: NULL at the end. */
struct uzs_lock_class *uzs_lock_class_at(unsigned int n);
/* As given where its locks are initialized, without &. */
const char *uzs_lock_class_name(const struct uzs_lock_class *class);
/* Writes "name (file:line)", with the subclass if there is one, into buf. */
void uzs_lock_class_describe(const struct uzs_lock_class *class, char *buf,
			     size_t size);

/* That one class was taken while another was held, and where that was first
 * seen. */
struct uzs_lock_edge {
	const struct uzs_place *from;
	const struct uzs_place *to; /* set last, atomic; NULL: never seen */
};
const struct uzs_lock_edge *uzs_lock_edge(const struct uzs_lock_class *from,
					  const struct uzs_lock_class *to);
/* Remembers an edge, unless that closes a cycle.
 * Return: 0; or the length of the way from `to` back to `from`, whose classes
 * are then in via[0..length]. */
unsigned int uzs_lock_edge_learn(struct uzs_lock_class *from,
				 const struct uzs_place *from_place,
				 struct uzs_lock_class *to,
				 const struct uzs_place *to_place,
				 struct uzs_lock_class **via);

/* The one lock of all this: of classes, edges and the list of threads. A leaf.
 * While a thread forks it has it, and may take it again. */
void uzs_lockdep_enter(void);
void uzs_lockdep_leave(void);
void uzs_lockdep_fork(bool begins);

/* Ends the process: a table is full. */
__attribute__((noreturn)) void uzs_lockdep_out_of(const char *what);

#endif
