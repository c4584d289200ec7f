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
 *
 * A store is told before it is done. What it has changed is looked at when the
 * next access or step comes (settle). Where uzs_lab_rewrites_pass is set, a race
 * with a store that has left the word as it was is no finding, but told apart
 * (lab_rewrites), as with the kernel's KCSAN_REPORT_VALUE_CHANGE_ONLY.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore.h"
#include "order.h"
#include "watch.h"
#include "weak.h"

#define WORD 4 /* bytes of a word: the unit that is watched */
#define PLACES (1u << 17)
#define PENDING 2048 /* words: two pages */

struct access {
	u32 clock; /* 0: never */
	u8 by; /* fiber */
	u8 bytes; /* of the word, as bits */
	const void *at; /* lab_plain_at */
	const struct uzs_place *after; /* the fiber's last step */
};

struct word {
	uintptr_t addr; /* 0: an unused entry */
	u32 run;
	struct access read[LAB_FIBERS + 1];
	struct access wrote; /* the last store, and the last that changed it */
	struct access changed;
};

static struct word words[PLACES];

/* Stores that may not be done yet. */
static struct pending {
	struct word *word;
	u32 before;
	struct access access;
} pending[PENDING];
static unsigned int nr_pending;

const void *lab_plain_at;
extern const char __executable_start[]; /* the linker's */

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

static bool unordered(const struct access *a, unsigned int id)
{
	return a->clock && a->by != id && !lab_order_after(id, a->by, a->clock);
}

/* "CPU 0 at (+0x1234), after its step at FILE:LINE"; the number is a place in
 * the program, as the C library writes it in a backtrace. */
static void describe(const struct access *a, char *text, size_t size)
{
	char at[40] = "";

	if (a->at)
		snprintf(at, sizeof(at), " at (+%#lx)",
			 (unsigned long)((uintptr_t)a->at -
					 (uintptr_t)__executable_start));
	snprintf(text, size, "%s%s, after its step at %s:%d",
		 uzs_lab_fiber(a->by)->name, at, a->after->file,
		 a->after->line);
}

/* Two accesses that nothing orders; `second` is the later one. `harmless`: a
 * store that changed nothing. */
static void race(const struct word *w, const struct access *second, bool write,
		 const struct access *first, bool first_wrote, bool harmless)
{
	struct lab_rewrites *r = &lab_rewrites;
	char a[200], b[200];

	for (unsigned int i = 0; harmless && i < r->nr; i++)
		if (r->at[i][0] == first->at && r->at[i][1] == second->at)
			return;
	describe(second, a, sizeof(a));
	describe(first, b, sizeof(b));
	if (!harmless)
		uzs_lab_found(LAB_FOUND_RACE,
			      "nothing orders a plain %s of %#lx by %s, and a "
			      "%s by %s",
			      write ? "store" : "load", (unsigned long)w->addr,
			      a, first_wrote ? "store" : "load", b);
	if (r->nr == LAB_REWRITES)
		return;
	r->at[r->nr][0] = first->at;
	r->at[r->nr][1] = second->at;
	snprintf(r->text[r->nr++], sizeof(r->text[0]),
		 "a plain %s by %s, and a %s by %s", write ? "store" : "load",
		 a, first_wrote ? "store" : "load", b);
}

static void look_at_load(struct word *w, const struct access *load)
{
	if (unordered(&w->changed, load->by))
		race(w, load, false, &w->changed, true, false);
	if (unordered(&w->wrote, load->by))
		race(w, load, false, &w->wrote, true, true);
	w->read[load->by] = *load;
}

static void look_at_store(struct word *w, const struct access *store,
			  bool changed)
{
	if (unordered(&w->changed, store->by))
		race(w, store, true, &w->changed, true, false);
	if (unordered(&w->wrote, store->by))
		race(w, store, true, &w->wrote, true, !changed);
	for (unsigned int i = 0; i <= LAB_FIBERS; i++)
		if (unordered(&w->read[i], store->by))
			race(w, store, true, &w->read[i], false, !changed);
	w->wrote = *store;
	if (changed)
		w->changed = *store;
}

/* Before the next access or step: the stores are done. */
static void settle(void)
{
	unsigned int nr = nr_pending;

	nr_pending = 0; /* a finding ends the run */
	for (unsigned int i = 0; i < nr; i++) {
		const struct pending *p = &pending[i];

		if (p->word->run == lab_order_run())
			look_at_store(p->word, &p->access,
				      *(const u32 *)p->word->addr != p->before);
	}
}

void uzs_lab_plain_done(void)
{
	settle();
}

/* The bytes of the word at `word` that are from `addr` on, as bits. */
static u8 bytes_of(uintptr_t word, uintptr_t addr, size_t size)
{
	u8 bytes = 0;

	for (unsigned int i = 0; i < WORD; i++)
		if (word + i - addr < size)
			bytes |= (u8)(1u << i);
	return bytes;
}

static void look(const struct access *access, uintptr_t addr, bool write)
{
	struct word *w = word_at(addr);

	if (!write)
		look_at_load(w, access);
	else if (uzs_lab_rewrites_pass && nr_pending < PENDING)
		pending[nr_pending++] =
			(struct pending){ w, *(const u32 *)addr, *access };
	else
		look_at_store(w, access, true);
}

void uzs_lab_plain(const volatile void *addr, size_t size, bool write)
{
	struct uzs_lab_fiber *me = uzs_lab_current;
	uintptr_t word = (uintptr_t)addr & ~(uintptr_t)(WORD - 1);
	uintptr_t end = (uintptr_t)addr + size;
	struct access access;

	if (!me || !uzs_lab_in_arena(addr))
		return;
	settle();
	if (uzs_lab_is_poisoned(addr, size))
		uzs_lab_found(LAB_FOUND_FREED_MEMORY,
			      "a plain %s at %p, which is free, by %s after "
			      "its step at %s:%d",
			      write ? "store" : "load", (const void *)addr,
			      me->name, place_of(me)->file, place_of(me)->line);
	access.by = (u8)min(me->id, (unsigned int)LAB_FIBERS);
	access.clock = lab_order_clock(access.by);
	access.at = lab_plain_at;
	access.after = place_of(me);
	for (; word < end; word += WORD) {
		access.bytes = bytes_of(word, (uintptr_t)addr, size);
		look(&access, word, write);
	}
	if (!uzs_lab_memory)
		return;
	lab_weak_plain(addr, size, write);
	if (write)
		uzs_lab_memory->forget(addr, size);
}

/* The word, if a plain access was there in this run. */
static const struct word *find_word(uintptr_t addr)
{
	u32 run = lab_order_run();
	size_t at = (addr / WORD * 0x9e3779b1u) >> 7 & (PLACES - 1);

	for (size_t tries = 0; tries < PLACES; tries++) {
		const struct word *w = &words[at];

		if (w->run != run)
			return NULL;
		if (w->addr == addr)
			return w;
		at = (at + 1) & (PLACES - 1);
	}
	return NULL;
}

/* An atomic access: does anything order it with the plain ones there? */
void lab_watch_atomic(const volatile void *addr, size_t size, bool write)
{
	const struct uzs_lab_fiber *me = uzs_lab_current;
	uintptr_t at = (uintptr_t)addr & ~(uintptr_t)(WORD - 1);
	unsigned int id = min(me->id, (unsigned int)LAB_FIBERS);
	char text[200];

	for (; at < (uintptr_t)addr + size; at += WORD) {
		const struct word *w = find_word(at);
		u8 bytes = bytes_of(at, (uintptr_t)addr, size);
		const struct access *other = NULL;

		if (w && w->changed.bytes & bytes && unordered(&w->changed, id))
			other = &w->changed;
		for (unsigned int i = 0; w && write && i <= LAB_FIBERS; i++)
			if (w->read[i].bytes & bytes &&
			    unordered(&w->read[i], id))
				other = &w->read[i];
		if (!other)
			continue;
		describe(other, text, sizeof(text));
		uzs_lab_found(LAB_FOUND_RACE,
			      "nothing orders an atomic %s of %#lx by %s, at "
			      "%s:%d, and a plain %s by %s",
			      write ? "store" : "load", (unsigned long)at,
			      me->name, place_of(me)->file, place_of(me)->line,
			      other == &w->changed ? "store" : "load", text);
	}
}
