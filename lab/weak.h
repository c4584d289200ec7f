/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* weak.h - memory order as an axis of the search: which store an atomic load
 * may read, and where among the stores to its word a store may be placed.
 *
 * Memory itself always has the last store of each word, in the order of the
 * word's stores (its modification order). A load that reads an older store gets
 * that one's value from here; a store that is placed before others does not
 * change memory. So checks that read memory, and plain accesses that something
 * orders, need to know nothing of it.
 *
 *   sc         none of this: a load reads the last store
 *   tso        x86: stores become visible in the order of the run, and a load
 *              may read what was there before, as if it had been done earlier
 *   c11        C11 as repaired by RC11 (Lahav, Vafeiadis, Kang, Hur, Dreyer,
 *              "Repairing sequential consistency in C/C++11", 2017), which has
 *              no load buffering
 *   lkmm-ish   c11, with each READ_ONCE an acquire, as dependencies are not
 *              tracked, and full barriers around atomics that return a value
 *
 * A choice other than "the last store" is a *stale* one. Their number in a run
 * is bounded, as that of preemptions is.
 */
#ifndef UZS_LAB_WEAK_H
#define UZS_LAB_WEAK_H

#include "body/lab.h"

enum lab_memory {
	LAB_MEMORY_SC,
	LAB_MEMORY_TSO,
	LAB_MEMORY_C11,
	LAB_MEMORY_LKMM,
	LAB_NR_MEMORIES
};
const char *lab_memory_name(enum lab_memory memory);
bool lab_parse_memory(const char *name, enum lab_memory *memory);

/* Of stores that are newer than the one chosen, at most so many. */
#define LAB_MAX_OLDER 15

/* A run with more sequentially consistent events than that has no stale choice
 * that depends on their order. */
#define LAB_MAX_SC 128

/* What a stale choice was, in words. */
#define LAB_STALE_TEXT 240

/* How the search takes part. */
struct lab_weak_search {
	/* Might a choice be stale now? False saves looking for them. */
	bool (*may_choose)(void);
	/* Bit k: the store with k newer ones may be chosen. Bit 0 is set. */
	u32 (*choose)(u32 mask);
	/* The choice was stale. `text` is NULL if wants_text() says so. */
	bool (*wants_text)(void);
	void (*tell)(const char *text);
};

/* Accesses at one place of the source count as weaker than they are. */
struct lab_weaken {
	char file[128]; /* empty: none */
	int line;
	bool relaxed; /* else sc as acquire and release */
};
/* FILE:LINE=relaxed or FILE:LINE=acq-rel. */
bool lab_parse_weaken(const char *text, struct lab_weaken *weaken);
void lab_weak_weaken(const struct lab_weaken *weaken);
/* Was there such an access, in any run? */
bool lab_weak_weakened(void);

/* From the next run on. */
void lab_weak_use(enum lab_memory memory, const struct lab_weak_search *search);
void lab_weak_begin(void);
/* A fiber does that step of the run. */
void lab_weak_step(const struct uzs_lab_fiber *f, u32 step);
void lab_weak_note(const struct uzs_lab_fiber *f,
		   const struct uzs_lab_step *note);
/* A fiber's clock, and: has `fiber` seen what `other` did at that clock? As in
 * order.h, but by what really orders the two. */
u32 lab_weak_clock(unsigned int fiber);
bool lab_weak_after(unsigned int fiber, unsigned int other, u32 clock);
/* A plain access by the running fiber. Makes a finding if nothing orders it
 * with an atomic one of another. */
void lab_weak_plain(const volatile void *addr, size_t size, bool write);
/* The same from the other side: an atomic access. Does nothing, except in
 * programs that look at plain accesses (watch.c). */
void lab_watch_atomic(const volatile void *addr, size_t size, bool write);
/* Was there a stale choice in this run that was not offered, because there are
 * more newer stores than LAB_MAX_OLDER, or more sequentially consistent events
 * than LAB_MAX_SC? */
bool lab_weak_left_out(void);
/* tso: a hash of the order in time of the stores, as far as a fiber may still
 * read what was before them, and of where in it each fiber is. Stores to
 * different words are in this order, too, which order.h knows nothing of. Else 0.
 */
u64 lab_weak_times(void);
/* A hash of all histories and of what each fiber may read, to compare runs. */
u64 lab_weak_print(void);

#endif
