/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lockclass.h - the lock classes of the checked body, and the order in which
 * they were taken so far. For the files of the checked body and the lab's.
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
	bool unordered; /* a collection of unrelated locks: in no order */
	bool nests; /* several may be held, in any order: page locks */
	struct uzs_lockstat stat[2]; /* [1]: readers */
};

/* Never NULL. */
struct uzs_lock_class *uzs_lock_class_of(const struct uzs_lock_map *map,
					 enum uzs_lock_kind kind);
/* The class of a key. The first call makes it. */
struct uzs_lock_class *uzs_lock_class_get(struct uzs_lock_key *key,
					  unsigned int subclass);
/* The nth class. NULL: there are no more. */
struct uzs_lock_class *uzs_lock_class_at(unsigned int n);
/* The name as given where its locks are initialized, without &. */
const char *uzs_lock_class_name(const struct uzs_lock_class *class);
/* Writes "name (file:line)", with the subclass if there is one, into buf. */
void uzs_lock_class_describe(const struct uzs_lock_class *class, char *buf,
			     size_t size);

/* A pair of classes: `to` was taken while `from` was held. Has the places where
 * that was first seen. */
struct uzs_lock_edge {
	const struct uzs_place *from;
	const struct uzs_place *to; /* set last, atomic; NULL: not seen */
};
const struct uzs_lock_edge *uzs_lock_edge(const struct uzs_lock_class *from,
					  const struct uzs_lock_class *to);
/* Adds an edge, unless that closes a cycle.
 * Return: 0, or if it would close a cycle the length of the path from `to` to
 * `from`. The classes of the path are then in via[0..length]. */
unsigned int uzs_lock_edge_learn(struct uzs_lock_class *from,
				 const struct uzs_place *from_place,
				 struct uzs_lock_class *to,
				 const struct uzs_place *to_place,
				 struct uzs_lock_class **via);

/* Take and release the one mutex, which protects classes, edges and the list of
 * threads. A leaf. A thread that forks holds it, and may then take it again. */
void uzs_lockdep_enter(void);
void uzs_lockdep_leave(void);
void uzs_lockdep_fork(bool begins);

/* Ends the process: a table is full. */
__attribute__((noreturn)) void uzs_lockdep_out_of(const char *what);

#endif
