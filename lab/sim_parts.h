/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_parts.h - where the callers' time goes, as parts: in which call, waiting
 * for what or doing what, for which field or lock, at which place of the source.
 *
 * Guarantee:
 *  P1 the parts of a run are all of the callers' time: whatever moves a task's
 *     clock is told before it moves again.
 */
#ifndef UZS_LAB_SIM_PARTS_H
#define UZS_LAB_SIM_PARTS_H

#include "sim_line.h"

struct uzs_lab_step;
struct uzs_place;
struct sim_task;

#define SIM_MAX_PARTS 8192u

/* The call that a caller is in. */
#define SIM_CALLS(X)                      \
	X(NONE, "caller")                 \
	X(FREE, "zs_free")                \
	X(FREE_LATER, "zs_free_deferred") \
	X(MALLOC, "zs_malloc")            \
	X(WRITE, "zs_obj_write")          \
	X(READ, "zs_obj_read")            \
	X(REF, "zs_ref")                  \
	X(WORKER, "worker")
enum sim_call {
#define SIM_CALL_ID(word, text) SIM_CALL_##word,
	SIM_CALLS(SIM_CALL_ID)
#undef SIM_CALL_ID
		SIM_NR_CALLS
};

#define SIM_PART_KINDS(X)                                                  \
	X(LOCK, "lock", "waits for a lock that another CPU has")           \
	X(LINE, "line", "waits for a cache line that other CPUs wrote to") \
	X(MEMORY, "memory", "waits for memory, caches and translations")   \
	X(ATOMIC, "atomic", "the atomic access itself")                    \
	X(WORK, "work", "its own work")                                    \
	X(ZONE, "zone", "the page allocator's work beyond ours")           \
	X(CPU, "cpu", "waits for a CPU")                                   \
	X(OS, "os", "sleeping, waking, changing threads")
enum sim_part_kind {
#define SIM_PART_ID(word, text, meaning) SIM_PART_##word,
	SIM_PART_KINDS(SIM_PART_ID)
#undef SIM_PART_ID
		SIM_NR_PARTS
};

struct sim_part {
	enum sim_call call;
	enum sim_part_kind kind;
	char what[32]; /* the field or lock; "": none */
	const struct uzs_place *place; /* in the program or its shared objects;
					* NULL: see pc */
	uintptr_t pc; /* behind the access; 0: no place */
	u64 ps, times;
};

const char *sim_call_name(enum sim_call call);
const char *sim_kind_name(enum sim_part_kind kind);
const char *sim_kind_meaning(enum sim_part_kind kind);

/* Collects from here on, into room for SIM_MAX_PARTS; NULL: does not. */
void sim_parts_init(struct sim_part *parts);
/* How many there are. */
unsigned int sim_nr_parts(void);

/* All that the task's clock has moved since the last call is of that kind. what
 * must be the same pointer each time; NULL: nothing. place NULL: see pc. */
void sim_tell(struct sim_task *t, enum sim_part_kind kind, const char *what,
	      const struct uzs_place *place, uintptr_t pc);
/* The task comes to its step: it has waited for it. */
void sim_tell_wait(struct sim_task *t);
/* The access to that address was made: see sim_line_last(). `what`: its name if
 * the allocator does not know the address. */
void sim_tell_line(struct sim_task *t, const volatile void *addr,
		   const char *what, const struct uzs_place *place,
		   uintptr_t pc);

#endif
