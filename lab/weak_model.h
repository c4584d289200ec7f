/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* weak_model.h - the run as weak.c and weak_sc.c see it: for each fiber its
 * events, for each word its stores in modification order.
 *
 * An event is an atomic access, a fence, or a step on a lock. A fiber's events
 * are numbered from 1; that number is its clock. The view of an event has for
 * each fiber the clock of its last event that happened before, or is, this one.
 */
#ifndef UZS_LAB_WEAK_MODEL_H
#define UZS_LAB_WEAK_MODEL_H

#include <string.h>

#include "order.h"
#include "weak.h"

#define WEAK_FIBERS (LAB_FIBERS + 1)
#define WEAK_NOBODY LAB_FIBERS /* stored what was there at first */

struct weak_view {
	u32 at[WEAK_FIBERS];
};

/* A store. */
struct weak_message {
	u64 value;
	u32 pos; /* in its word's modification order, from 0 */
	u32 clock; /* of its event */
	u32 time; /* number of the store in the run: tso */
	u32 step;
	u8 fiber;
	bool followed; /* an RMW read it: nothing comes between */
	const struct uzs_place *where;
	struct weak_view own; /* what the store itself releases */
	struct weak_view release; /* what who acquires it has seen */
};

/* A word, from when it is first accessed until its memory is freed, or
 * written to by a plain access. */
struct weak_word {
	const volatile void *addr;
	u8 size;
	bool dead;
	u32 nr, room;
	u32 *order; /* messages by position */
	u32 last[WEAK_FIBERS]; /* clock of each fiber's last event here; 0 */
	u32 released[WEAK_FIBERS]; /* its last message that releases, + 1; 0 */
};

#define WEAK_NONE UINT32_MAX

/* Which part of a barrier of all threads a fence is. */
enum weak_role { WEAK_ALONE, WEAK_BEGINS, WEAK_PASSES, WEAK_ENDS };

struct weak_event {
	struct weak_word *word; /* NULL: a fence, or a step on a lock */
	u32 read, wrote; /* messages; WEAK_NONE */
	u32 before; /* clock of the fiber's event before at this word; 0 */
	bool sc; /* sequentially consistent; a fence if `word` is NULL */
	enum weak_role role;
	u32 barrier; /* its number, if it has a role */
	struct weak_view view;
};

struct weak_model {
	enum lab_memory memory;
	u32 run, step; /* numbers of the present ones */
	u32 barriers; /* of all threads, so far */
	struct weak_view view[WEAK_FIBERS];
	struct weak_view acquirable[WEAK_FIBERS]; /* by a fence */
	struct weak_view released[WEAK_FIBERS]; /* at the last fence */
	struct weak_view unmapped; /* all that happened before an unmap */
	/* tso: times are numbers of stores */
	u32 time; /* of the last store */
	u32 seen[WEAK_FIBERS];
	u32 stored[WEAK_FIBERS]; /* of the fiber's own last store */
	u32 nr_events[WEAK_FIBERS], room_events[WEAK_FIBERS];
	struct weak_event *events[WEAK_FIBERS]; /* [clock]; 0 is unused */
	struct weak_word **words; /* in use by this run, and spare ones */
	u32 nr_words, room_words;
	struct weak_message *messages;
	u32 nr_messages, room_messages;
	u32 nr_sc; /* sequentially consistent events */
	bool left_out; /* a stale choice was not offered: no room for it */
};
extern struct weak_model weak;

static inline bool weak_saw(const struct weak_view *view, unsigned int fiber,
			    u32 clock)
{
	return view->at[fiber] >= clock;
}

static inline unsigned int weak_self(void)
{
	return min(uzs_lab_current->id, (unsigned int)WEAK_NOBODY - 1);
}

static inline struct weak_message *weak_message_at(const struct weak_word *word,
						   u32 pos)
{
	return &weak.messages[word->order[pos]];
}

/* Of the store that the event is, or else reads. */
static inline u32 weak_position_of(const struct weak_event *e)
{
	return weak.messages[e->wrote != WEAK_NONE ? e->wrote : e->read].pos;
}

static inline u64 weak_value_at(const volatile void *addr, size_t size)
{
	u64 value = 0;

	memcpy(&value, (const void *)addr, size);
	return value;
}

static inline void weak_join(struct weak_view *a, const struct weak_view *b)
{
	for (unsigned int i = 0; i < WEAK_FIBERS; i++)
		a->at[i] = max(a->at[i], b->at[i]);
}

/* What a lock, or what else orders fibers, gives to who takes it. */
struct weak_sync {
	struct weak_view writers, readers;
};

/* ---- weak_run.c -------------------------------------------------------------- */

struct weak_sync *weak_sync_of(const void *obj);
/* `word` may be NULL. */
struct weak_event *weak_new_event(unsigned int fiber, struct weak_word *word);
/* Puts a store into the word's order, at that position. Return: its number. */
u32 weak_new_message(struct weak_word *word, u32 pos, u64 value,
		     unsigned int fiber);
/* Its last store is what memory has. */
struct weak_word *weak_word_of(const volatile void *p, size_t size);
void weak_forget(const volatile void *addr, size_t size);

/* ---- weak.c, weak_sc.c ------------------------------------------------------- */

void weak_fence(int order);

/* The last event of the fiber is new, and reads or is placed before the last
 * store of its word. Is there an order of all sequentially consistent events
 * that agrees with that? (weak_sc.c) */
bool weak_sc_allows(unsigned int fiber);

#endif
