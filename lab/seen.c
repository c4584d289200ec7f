/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* seen.c - owns the states that the search has seen, and how many preemptions
 * were left there. A hash with open addressing, which never shrinks within a
 * search.
 */
#include "seen.h"

#include <stdlib.h>
#include <string.h>

/* For each fiber that ran: how many preemptions were left, + 1. */
struct seen {
	u64 state; /* 0: an unused entry */
	u8 left[8];
};

#define MEMORIES (1u << 18)

struct memory {
	u64 state; /* 0: an unused entry */
	u64 print;
};

static struct {
	struct seen *table;
	size_t room; /* a power of two */
	size_t nr;
	struct memory *memory; /* NULL: not asked for */
	u8 most_stale; /* stale choices that were left anywhere */
} seen;

void lab_seen_forget(void)
{
	free(seen.memory);
	seen.memory = NULL;
	if (seen.table)
		memset(seen.table, 0, seen.room * sizeof(*seen.table));
	seen.nr = 0;
	seen.most_stale = 0;
}

size_t lab_seen_states(void)
{
	return seen.nr;
}

static struct seen *place_of(struct seen *table, size_t room, u64 state)
{
	size_t at = (size_t)state & (room - 1);

	while (table[at].state && table[at].state != state)
		at = (at + 1) & (room - 1);
	return &table[at];
}

static void grow(void)
{
	size_t room = seen.room ? 2 * seen.room : 4096;
	struct seen *table = calloc(room, sizeof(*table));

	if (!table)
		abort();
	for (size_t i = 0; i < seen.room; i++)
		if (seen.table[i].state)
			*place_of(table, room, seen.table[i].state) =
				seen.table[i];
	free(seen.table);
	seen.table = table;
	seen.room = room;
}

/* With other numbers of stale choices left, it is another state. */
static u64 with_stale(u64 state, u8 stale)
{
	state += stale * 0x9e3779b97f4a7c15u;
	return state ? state : 1;
}

/* Was it visited with more stale choices left? */
static bool seen_with_more(u64 state, u8 current, u8 left, u8 stale)
{
	for (u8 more = (u8)(stale + 1); more <= seen.most_stale; more++) {
		u64 key = with_stale(state, more);
		const struct seen *s = place_of(seen.table, seen.room, key);

		if (s->state && s->left[current] > left)
			return true;
	}
	return false;
}

bool lab_seen_visit(u64 state, u8 current, u8 left, u8 stale)
{
	struct seen *s;

	if (2 * (seen.nr + 1) > seen.room)
		grow();
	seen.most_stale = max(seen.most_stale, stale);
	if (seen_with_more(state, current, left, stale))
		return true;
	state = with_stale(state, stale);
	s = place_of(seen.table, seen.room, state);
	if (!s->state) {
		s->state = state;
		seen.nr++;
	}
	if (s->left[current] > left)
		return true;
	s->left[current] = (u8)(left + 1);
	return false;
}

bool lab_seen_same_memory(u64 state, u64 memory)
{
	struct memory *m;

	if (!seen.memory)
		seen.memory = calloc(MEMORIES, sizeof(*seen.memory));
	if (!seen.memory)
		abort();
	state = state ? state : 1;
	m = &seen.memory[state % MEMORIES];
	if (m->state == state)
		return m->print == memory;
	*m = (struct memory){ state, memory };
	return true;
}
