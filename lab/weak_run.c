/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* weak_run.c - owns the run as weak_model.h tells it, and for each object by its
 * number (numbers.h) the word or the lock that it is in the run. The arrays
 * never shrink.
 */
#include "weak_model.h"

#include <stdlib.h>
#include <string.h>

#include "numbers.h"

struct weak_model weak;

struct entry {
	u32 run; /* that `word` and `sync` belong to */
	struct weak_word *word; /* NULL: none */
	u32 sync; /* number + 1; 0: none */
};

static struct {
	struct entry *entries; /* by number (numbers.h) */
	u32 room;
	struct weak_sync *syncs;
	u32 nr_syncs, room_syncs;
} tables;

static void *grow(void *old, u32 *room, size_t size)
{
	*room = *room ? 2 * *room : 64;
	old = realloc(old, *room * size);
	if (!old)
		abort();
	return old;
}

static struct entry *entry_of(const volatile void *addr)
{
	u32 number = lab_number_of(addr);
	struct entry *e;

	while (number >= tables.room) {
		u32 from = tables.room;

		tables.entries = grow(tables.entries, &tables.room,
				      sizeof(*tables.entries));
		memset(&tables.entries[from], 0,
		       (tables.room - from) * sizeof(*tables.entries));
	}
	e = &tables.entries[number];
	if (e->run != weak.run)
		*e = (struct entry){ .run = weak.run };
	return e;
}

struct weak_sync *weak_sync_of(const void *obj)
{
	struct entry *e = entry_of(obj);

	if (!e->sync) {
		if (tables.nr_syncs == tables.room_syncs)
			tables.syncs = grow(tables.syncs, &tables.room_syncs,
					    sizeof(*tables.syncs));
		memset(&tables.syncs[tables.nr_syncs], 0,
		       sizeof(*tables.syncs));
		e->sync = ++tables.nr_syncs;
	}
	return &tables.syncs[e->sync - 1];
}

/* ---- events and stores --------------------------------------------------------- */

struct weak_event *weak_new_event(unsigned int f, struct weak_word *word)
{
	struct weak_event *e;
	u32 clock = ++weak.nr_events[f];

	if (clock >= weak.room_events[f])
		weak.events[f] = grow(weak.events[f], &weak.room_events[f],
				      sizeof(*weak.events[f]));
	weak.view[f].at[f] = clock;
	e = &weak.events[f][clock];
	e->word = word;
	e->read = e->wrote = WEAK_NONE;
	e->before = word ? word->last[f] : 0;
	e->sc = false;
	e->role = WEAK_ALONE;
	e->view = weak.view[f];
	if (word)
		word->last[f] = clock;
	return e;
}

/* Puts a message into the word's order, so that it has that position. */
u32 weak_new_message(struct weak_word *word, u32 pos, u64 value, unsigned int f)
{
	struct weak_message *m;
	u32 id = weak.nr_messages;

	if (id == weak.room_messages)
		weak.messages = grow(weak.messages, &weak.room_messages,
				     sizeof(*weak.messages));
	weak.nr_messages++;
	if (word->nr == word->room)
		word->order =
			grow(word->order, &word->room, sizeof(*word->order));
	for (u32 i = word->nr; i > pos; i--) {
		word->order[i] = word->order[i - 1];
		weak.messages[word->order[i]].pos = i;
	}
	word->order[pos] = id;
	word->nr++;
	m = &weak.messages[id];
	memset(m, 0, sizeof(*m));
	m->value = value;
	m->pos = pos;
	m->fiber = (u8)f;
	m->step = weak.step;
	if (f != WEAK_NOBODY) {
		m->clock = weak.nr_events[f];
		m->where = uzs_lab_current->step.place;
		m->time = ++weak.time;
		weak.stored[f] = m->time;
	}
	return id;
}

static struct weak_word *new_word(const volatile void *addr, size_t size)
{
	struct weak_word *word;

	if (weak.nr_words == weak.room_words) {
		u32 from = weak.room_words;

		weak.words = grow(weak.words, &weak.room_words,
				  sizeof(struct weak_word *));
		for (; from < weak.room_words; from++) {
			weak.words[from] = calloc(1, sizeof(**weak.words));
			if (!weak.words[from])
				abort();
		}
	}
	word = weak.words[weak.nr_words++];
	word->addr = addr;
	word->size = (u8)size;
	word->dead = false;
	word->nr = 0;
	memset(word->last, 0, sizeof(word->last));
	memset(word->released, 0, sizeof(word->released));
	weak_new_message(word, 0, weak_value_at(addr, size), WEAK_NOBODY);
	return word;
}

/* A plain access has changed the word, or its memory is another's now: all see
 * what memory has. */
struct weak_word *weak_word_of(const volatile void *p, size_t size)
{
	struct entry *e = entry_of(p);
	struct weak_word *word = e->word;

	if (word && word->size == size &&
	    weak_message_at(word, word->nr - 1)->value ==
		    weak_value_at(p, size))
		return word;
	if (word)
		word->dead = true;
	e->word = new_word(p, size);
	return e->word;
}

void weak_forget(const volatile void *addr, size_t size)
{
	for (u32 i = 0; i < weak.nr_words; i++) {
		struct weak_word *word = weak.words[i];

		if (word->dead ||
		    (uintptr_t)word->addr - (uintptr_t)addr >= size)
			continue;
		word->dead = true;
		entry_of(word->addr)->word = NULL;
	}
}

void lab_weak_begin(void)
{
	weak.run++;
	tables.nr_syncs = 0;
	weak.time = 0;
	weak.barriers = 0;
	weak.step = 0;
	memset(weak.view, 0, sizeof(weak.view));
	memset(weak.acquirable, 0, sizeof(weak.acquirable));
	memset(weak.released, 0, sizeof(weak.released));
	memset(weak.seen, 0, sizeof(weak.seen));
	memset(weak.stored, 0, sizeof(weak.stored));
	memset(&weak.unmapped, 0, sizeof(weak.unmapped));
	memset(weak.nr_events, 0, sizeof(weak.nr_events));
	weak.nr_words = weak.nr_messages = weak.nr_sc = 0;
	weak.left_out = false;
}
