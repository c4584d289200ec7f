/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* weak_look.c - looks at the run of weak_model.h from outside: what orders two
 * accesses, is it the same as another one; and the names of what can be asked
 * for. Owns no state.
 */
#include "weak_model.h"

#include <stdlib.h>
#include <string.h>

bool lab_weak_left_out(void)
{
	return weak.left_out;
}

u32 lab_weak_clock(unsigned int fiber)
{
	return weak.nr_events[fiber] + 1;
}

bool lab_weak_after(unsigned int fiber, unsigned int other, u32 clock)
{
	return weak_saw(&weak.view[fiber], other, clock);
}

void lab_weak_plain(const volatile void *addr, size_t size, bool write)
{
	unsigned int f = weak_self();

	for (u32 i = 0; i < weak.nr_words; i++) {
		const struct weak_word *word = weak.words[i];

		if (word->dead ||
		    (uintptr_t)word->addr >= (uintptr_t)addr + size ||
		    (uintptr_t)addr >= (uintptr_t)word->addr + word->size)
			continue;
		for (unsigned int g = 0; g < WEAK_FIBERS; g++) {
			u32 clock = word->last[g];

			/* For a load, the last one that stored. */
			while (clock && !write &&
			       weak.events[g][clock].wrote == WEAK_NONE)
				clock = weak.events[g][clock].before;
			if (g != f && clock &&
			    !weak_saw(&weak.view[f], g, clock))
				uzs_lab_found(
					LAB_FOUND_RACE,
					"nothing orders a plain %s of %#lx by "
					"%s, after its step at %s:%d, and an "
					"atomic access by %s",
					write ? "store" : "load",
					(unsigned long)addr,
					uzs_lab_current->name,
					uzs_lab_current->step.place->file,
					uzs_lab_current->step.place->line,
					uzs_lab_fiber(g)->name);
		}
	}
}

static u64 stir(u64 h, u64 x)
{
	h = (h ^ x) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 29;
}

static u64 print_view(u64 h, const struct weak_view *view)
{
	for (unsigned int i = 0; i < WEAK_FIBERS; i++)
		h = stir(h, view->at[i]);
	return h;
}

static u64 print_word(const struct weak_word *word)
{
	u64 h = stir(1, (uintptr_t)word->addr);

	for (u32 p = 0; p < word->nr; p++) {
		const struct weak_message *m = weak_message_at(word, p);

		h = stir(stir(stir(h, m->value), m->fiber), m->clock);
		h = print_view(stir(h, m->followed), &m->release);
	}
	for (unsigned int f = 0; f < WEAK_FIBERS; f++)
		h = stir(h, word->last[f]
				    ? weak_position_of(
					      &weak.events[f][word->last[f]])
				    : 0);
	return h;
}

u64 lab_weak_print(void)
{
	u64 sum = 0;

	if (weak.memory == LAB_MEMORY_SC)
		return 0;
	for (u32 i = 0; i < weak.nr_words; i++)
		if (!weak.words[i]->dead)
			sum += print_word(weak.words[i]);
	for (unsigned int f = 0; f < WEAK_FIBERS; f++) {
		u64 h = print_view(f, &weak.view[f]);

		h = print_view(h, &weak.acquirable[f]);
		sum += print_view(h, &weak.released[f]);
	}
	return sum;
}

/* Has the fiber's next step seen all stores, or does it have none? */
static bool sees_all(const struct uzs_lab_fiber *f)
{
	return f->state == LAB_DONE || f->step.op == LAB_WOKEN ||
	       (f->last && f->step.op == LAB_START);
}

/* Time goes by one with each store. */
u64 lab_weak_times(void)
{
	unsigned int nr = min(uzs_lab_nr_fibers(), (unsigned int)WEAK_NOBODY);
	u32 all_saw = weak.time; /* up to there, all fibers have seen all */
	u64 h = 1;

	if (weak.memory != LAB_MEMORY_TSO)
		return 0;
	for (unsigned int f = 0; f < nr; f++)
		if (!sees_all(uzs_lab_fiber(f)))
			all_saw = min(all_saw, weak.seen[f]);
	for (u32 i = weak.nr_messages; i-- > 0;) {
		const struct weak_message *m = &weak.messages[i];

		if (m->fiber == WEAK_NOBODY)
			continue;
		if (m->time <= all_saw)
			break;
		h = stir(stir(h, m->fiber), m->clock);
	}
	for (unsigned int f = 0; f < nr; f++) {
		u32 seen = sees_all(uzs_lab_fiber(f)) ? weak.time
						      : weak.seen[f];

		h = stir(h, max(seen, all_saw) - all_saw);
		h = stir(h, max(weak.stored[f], all_saw) - all_saw);
	}
	return h;
}

/* ---- names --------------------------------------------------------------------------------- */

static const char *const names[LAB_NR_MEMORIES] = {
	[LAB_MEMORY_SC] = "sc",
	[LAB_MEMORY_TSO] = "tso",
	[LAB_MEMORY_C11] = "c11",
	[LAB_MEMORY_LKMM] = "lkmm-ish",
};

const char *lab_memory_name(enum lab_memory memory)
{
	return names[memory];
}

bool lab_parse_memory(const char *name, enum lab_memory *memory)
{
	for (int i = 0; i < LAB_NR_MEMORIES; i++)
		if (!strcmp(name, names[i])) {
			*memory = (enum lab_memory)i;
			return true;
		}
	return false;
}

bool lab_parse_weaken(const char *text, struct lab_weaken *w)
{
	const char *colon = strrchr(text, ':');
	char *end;

	if (!colon || colon == text ||
	    (size_t)(colon - text) >= sizeof(w->file))
		return false;
	memset(w, 0, sizeof(*w));
	memcpy(w->file, text, (size_t)(colon - text));
	w->line = (int)strtol(colon + 1, &end, 10);
	w->relaxed = !strcmp(end, "=relaxed");
	return w->line > 0 && (w->relaxed || !strcmp(end, "=acq-rel"));
}
