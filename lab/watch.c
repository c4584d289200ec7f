/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* watch.c - checks every plain load and store of the library in a run of the
 * explorer, as the compiler reports them (plain.c), and the bytes of each
 * memcpy and memset (lab_force.h). Is the memory free? And does anything order
 * the access with what other CPUs did there? Owns the last accesses to each
 * word.
 *
 * Only in the program uzs-lab-watch, because it is several times slower.
 * order.c knows what is ordered: by locks, and by accesses that acquire and
 * release. Accesses of the steps themselves (READ_ONCE and the like) are not
 * reported here.
 */
#include <stdlib.h>
#include <string.h>

#include "order.h"

#define WORD 4 /* bytes of a word: the unit that is watched */
#define PLACES (1u << 17)

struct word {
	uintptr_t addr; /* 0: an unused entry */
	u32 run;
	u32 wrote_clock, read_clock[LAB_FIBERS + 1]; /* 0: never */
	u8 wrote; /* fiber */
	const struct uzs_place *wrote_after, *read_after[LAB_FIBERS + 1];
};

static struct word words[PLACES];

static struct word *word_at(uintptr_t addr)
{
	u32 run = lab_order_run();
	size_t at = (addr / WORD * 0x9e3779b1u) >> 7 & (PLACES - 1);

	for (size_t tries = 0; tries < PLACES; tries++) {
		struct word *w = &words[at];

		if (w->run == run && w->addr == addr)
			return w;
		if (w->run != run) {
			memset(w, 0, sizeof(*w));
			w->run = run;
			w->addr = addr;
			return w;
		}
		at = (at + 1) & (PLACES - 1);
	}
	uzs_lab_found(LAB_FOUND_INVARIANT,
		      "the watch has room for %u words in a run", PLACES);
	abort(); /* not reached: a run is under way, and it ends */
}

/* The place of the fiber's last step; if known, the place in the file under
 * test. */
static const struct uzs_place *place_of(const struct uzs_lab_fiber *f)
{
	return f->from ? f->from : f->step.place;
}

static void race(const struct uzs_lab_fiber *me, uintptr_t addr, bool write,
		 unsigned int other, bool other_wrote,
		 const struct uzs_place *after)
{
	uzs_lab_found(LAB_FOUND_RACE,
		      "nothing orders a plain %s at %#lx by %s, after its step "
		      "at %s:%d, and a %s by %s, after its step at %s:%d",
		      write ? "store" : "load", (unsigned long)addr, me->name,
		      place_of(me)->file, place_of(me)->line,
		      other_wrote ? "store" : "load",
		      uzs_lab_fiber(other)->name, after->file, after->line);
}

static void look(const struct uzs_lab_fiber *me, uintptr_t addr, bool write)
{
	unsigned int id = min(me->id, (unsigned int)LAB_FIBERS);
	struct word *w = word_at(addr);

	if (w->wrote_clock && w->wrote != id &&
	    !lab_order_after(id, w->wrote, w->wrote_clock))
		race(me, addr, write, w->wrote, true, w->wrote_after);
	if (!write) {
		w->read_clock[id] = lab_order_clock(id);
		w->read_after[id] = place_of(me);
		return;
	}
	for (unsigned int i = 0; i <= LAB_FIBERS; i++)
		if (i != id && w->read_clock[i] &&
		    !lab_order_after(id, i, w->read_clock[i]))
			race(me, addr, true, i, false, w->read_after[i]);
	w->wrote = (u8)id;
	w->wrote_clock = lab_order_clock(id);
	w->wrote_after = place_of(me);
}

void uzs_lab_plain(const volatile void *addr, size_t size, bool write)
{
	struct uzs_lab_fiber *me = uzs_lab_current;
	uintptr_t word = (uintptr_t)addr & ~(uintptr_t)(WORD - 1);
	uintptr_t end = (uintptr_t)addr + size;

	if (!me || !uzs_lab_in_arena(addr))
		return;
	if (uzs_lab_is_poisoned(addr, size))
		uzs_lab_found(LAB_FOUND_FREED_MEMORY,
			      "a plain %s at %p, which is free, by %s after "
			      "its step at %s:%d",
			      write ? "store" : "load", (const void *)addr,
			      me->name, place_of(me)->file, place_of(me)->line);
	for (; word < end; word += WORD)
		look(me, word, write);
}
