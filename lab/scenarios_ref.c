/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* scenarios_ref.c - scenarios of the user profile: objects that are named by a
 * zs_ref in the world. In the lab a slot keeps two objects of a class. What a
 * setup frees is kept by CPU 0.
 */
#include "scenarios_ref.h"

#include "profile.h"

/* More than 64 in a zspage: their free places form a list. */
#define TINY 40
/* A zspage of its own, of three pages. Slots do not keep it. */
#define BIG 12000

static void store(struct lab_world *w, unsigned int slot)
{
	store_bytes(w, slot, HALF);
}

/* ---- what CPUs do ------------------------------------------------------------ */

static void read_0(struct lab_world *w)
{
	read_in_place(w, 0);
}

static void load_0(struct lab_world *w)
{
	load(w, 0);
}

static void load_1(struct lab_world *w)
{
	load(w, 1);
}

static void write_0(struct lab_world *w)
{
	write_in_place(w, 0);
	load(w, 0);
}

static void write_1(struct lab_world *w)
{
	write_in_place(w, 1);
	load(w, 1);
}

static void free_0(struct lab_world *w)
{
	free_ref(w, 0);
}

static void free_1(struct lab_world *w)
{
	free_ref(w, 1);
}

static void free_both(struct lab_world *w)
{
	zs_ref *const refs[] = { &w->ref[0], NULL, &w->ref[1] };

	w->object[0].freed = w->object[1].freed = true;
	if (zs_ref_free_many(w->pool, refs, 3) != 2)
		uzs_lab_found(LAB_FOUND_LOST_HANDLE,
			      "zs_ref_free_many does not free two");
	drop_record(w, 0);
	drop_record(w, 1);
}

static void store_10(struct lab_world *w)
{
	store(w, 10);
	load(w, 10);
}

static void store_11(struct lab_world *w)
{
	store(w, 11);
	load(w, 11);
}

static void store_11_on_cpu_0(struct lab_world *w)
{
	uzs_lab_set_cpu(0);
	store_11(w);
}

static void free_1_on_cpu_0(struct lab_world *w)
{
	uzs_lab_set_cpu(0);
	free_1(w);
}

static void move_0_and_write(struct lab_world *w)
{
	move_ref(w, 8, 0);
	write_in_place(w, 8);
	load(w, 8);
}

static void move_1(struct lab_world *w)
{
	move_ref(w, 9, 1);
}

static void store_over_0(struct lab_world *w)
{
	store(w, 0);
	load(w, 0);
}

/* The CPU keeps what it frees first. */
static void store_quarter_over_0(struct lab_world *w)
{
	free_ref(w, 5);
	store_bytes(w, 0, QUARTER);
	load(w, 0);
}

static void store_quarter_10(struct lab_world *w)
{
	store_bytes(w, 10, QUARTER);
	load(w, 10);
}

static void flush(struct lab_world *w)
{
	w->pool->profile->free_kept(w->pool);
}

/* ---- compaction ---------------------------------------------------------------- */

/* Objects 0 and 1 in a zspage each, which has room for another one; the two
 * others are kept. */
static void two_kept(struct lab_world *w)
{
	store(w, 0);
	store(w, 2);
	store(w, 1);
	store(w, 3);
	free_ref(w, 2);
	free_ref(w, 3);
}

static void gaps(struct lab_world *w)
{
	give_rows(w);
	two_kept(w);
	flush(w);
}

const struct lab_scenario lab_scenario_ref_read_compact = {
	.name = "ref-read-compact",
	.summary = "objects are read, in place and copied, while they move",
	.setup = gaps,
	.cpu = { read_0, lab_compact, load_1 },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

const struct lab_scenario lab_scenario_ref_read_read = {
	.name = "ref-read-read",
	.summary = "two CPUs read one object while it moves",
	.setup = gaps,
	.cpu = { read_0, load_0, lab_compact },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

const struct lab_scenario lab_scenario_ref_write_compact = {
	.name = "ref-write-compact",
	.summary = "objects are written in place while they move",
	.setup = gaps,
	.cpu = { write_0, lab_compact, write_1 },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

const struct lab_scenario lab_scenario_ref_store_compact = {
	.name = "ref-store-compact",
	.summary = "objects are allocated and filled while others move",
	.setup = gaps,
	.cpu = { store_10, lab_compact, store_11 },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

const struct lab_scenario lab_scenario_ref_take_compact = {
	.name = "ref-take-compact",
	.summary = "the same with objects that a slot keeps",
	.setup = two_kept,
	.cpu = { store_10, lab_compact, store_11_on_cpu_0 },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

const struct lab_scenario lab_scenario_ref_free_compact = {
	.name = "ref-free-compact",
	.summary = "objects are freed while they move",
	.setup = gaps,
	.cpu = { free_0, lab_compact, free_1 },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

const struct lab_scenario lab_scenario_ref_many_compact = {
	.name = "ref-many-compact",
	.summary = "two are freed in one call while they move",
	.setup = gaps,
	.cpu = { free_both, lab_compact, store_10 },
	.defers = ONLY_REFS,
	.flags = LAB_USER,
};

const struct lab_scenario lab_scenario_ref_move_compact = {
	.name = "ref-move-compact",
	.summary = "records move while their objects do",
	.setup = gaps,
	.cpu = { move_0_and_write, lab_compact, move_1 },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

const struct lab_scenario lab_scenario_ref_over_compact = {
	.name = "ref-over-compact",
	.summary = "an object is overwritten while it moves",
	.setup = gaps,
	.cpu = { store_over_0, lab_compact, free_1 },
	.defers = ONLY_REFS,
	.flags = LAB_USER,
};

/* One of the smaller class is kept, beside two in use. */
static void gaps_and_quarters(struct lab_world *w)
{
	gaps(w);
	store_bytes(w, 4, QUARTER);
	store_bytes(w, 5, QUARTER);
	store_bytes(w, 6, QUARTER);
	free_ref(w, 4);
}

const struct lab_scenario lab_scenario_ref_replace_compact = {
	.name = "ref-replace-compact",
	.summary = "an object is replaced by a smaller one while it moves",
	.setup = gaps_and_quarters,
	.cpu = { store_quarter_over_0, lab_compact, write_1 },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

/* In ref-end-compact a mistake of the program's, which does no harm. */
static void end_0(struct lab_world *w)
{
	zs_ref_end(w->pool, &w->ref[0]);
	load(w, 0);
}

const struct lab_scenario lab_scenario_ref_end_compact = {
	.name = "ref-end-compact",
	.summary = "an end without a begin while the object moves",
	.setup = gaps,
	.cpu = { end_0, lab_compact, load_1 },
	.defers = ONLY_REFS,
	.flags = LAB_USER,
};

/* The thread reads what it has begun to write. */
static void nested_0(struct lab_world *w)
{
	struct lab_object *o = &w->object[0];
	u8 *data = begin(w, 0);

	load(w, 0);
	memset(data, ++o->fill, o->size);
	zs_ref_end(w->pool, &w->ref[0]);
	load(w, 0);
}

const struct lab_scenario lab_scenario_ref_nested_compact = {
	.name = "ref-nested-compact",
	.summary = "an object is read while the thread writes it, and moves",
	.setup = gaps,
	.cpu = { nested_0, lab_compact, load_1 },
	.defers = ONLY_REFS,
	.flags = LAB_USER,
};

/* ---- reads that others have begun -------------------------------------------- */

static void begun(struct lab_world *w)
{
	gaps(w);
	begin(w, 0);
}

static void begun_twice(struct lab_world *w)
{
	begun(w);
	begin(w, 0);
}

const struct lab_scenario lab_scenario_ref_end_other = {
	.name = "ref-end-other",
	.summary = "a read ends that another thread has begun, while objects "
		   "move",
	.setup = begun,
	.cpu = { end_0, lab_compact, read_0 },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

const struct lab_scenario lab_scenario_ref_ends_other = {
	.name = "ref-ends-other",
	.summary = "two reads end that another thread has begun",
	.setup = begun_twice,
	.cpu = { end_0, end_0, lab_compact },
	.defers = ONLY_REFS,
	.flags = LAB_USER,
};

/* Begins a read that another thread ends, and then one of its own. */
static void hand_over_0(struct lab_world *w)
{
	begin(w, 0);
	smp_store_release(&w->word[0], 1ul);
	read_0(w);
}

static void take_over_0(struct lab_world *w)
{
	if (!smp_load_acquire(&w->word[0]))
		return;
	w->word[0] = 0;
	zs_ref_end(w->pool, &w->ref[0]);
}

const struct lab_scenario lab_scenario_ref_hand_over = {
	.name = "ref-hand-over",
	.summary = "a read is handed over to another thread, which ends it",
	.setup = gaps,
	.cpu = { hand_over_0, take_over_0, lab_compact },
	.after = take_over_0,
	.defers = ONLY_REFS,
	.flags = LAB_USER,
};

/* ---- trim ---------------------------------------------------------------------- */

/* Objects 0 and 1 lie at the end of a zspage, with two gaps before them. */
static void high_quarters(struct lab_world *w)
{
	store_bytes(w, 2, QUARTER);
	store_bytes(w, 3, QUARTER);
	store_bytes(w, 0, QUARTER);
	store_bytes(w, 1, QUARTER);
	free_ref(w, 2);
	free_ref(w, 3);
	flush(w);
}

const struct lab_scenario lab_scenario_ref_write_trim = {
	.name = "ref-write-trim",
	.summary = "objects are written while zs_trim moves them",
	.setup = high_quarters,
	.cpu = { write_0, lab_trim, write_1 },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

const struct lab_scenario lab_scenario_ref_free_trim = {
	.name = "ref-free-trim",
	.summary = "objects come and go while zs_trim moves others",
	.setup = high_quarters,
	.cpu = { free_0, lab_trim, store_quarter_10 },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

/* Objects 0 and 1 lie at the end of a zspage. Of two others, one has an object,
 * for which the other one has room: compaction moves that, and leaves the class to
 * zs_trim. */
static void gap_and_high_quarters(struct lab_world *w)
{
	static const unsigned int order[] = { 2, 3, 0, 1, 7, 8, 9, 4, 5, 6 };

	for (unsigned int i = 0; i < 10; i++)
		store_bytes(w, order[i], QUARTER);
	for (unsigned int i = 2; i < 6; i++)
		free_ref(w, i);
	flush(w);
}

static void compact_and_free_1(struct lab_world *w)
{
	lab_compact(w);
	free_1(w);
}

const struct lab_scenario lab_scenario_ref_compact_trim = {
	.name = "ref-compact-trim",
	.summary = "compaction and zs_trim move objects of one class",
	.setup = gap_and_high_quarters,
	.cpu = { compact_and_free_1, lab_trim, write_0 },
	.defers = ONLY_REFS,
	.flags = LAB_USER,
};

static void store_tiny_10(struct lab_world *w)
{
	store_bytes(w, 10, TINY);
	load(w, 10);
}

/* The same where free places form a list; the first is the last one. */
static void high_tiny(struct lab_world *w)
{
	static const unsigned int order[] = { 2, 3, 0, 1, 4 };

	for (unsigned int i = 0; i < 5; i++)
		store_bytes(w, order[i], TINY);
	for (unsigned int i = 2; i < 5; i++)
		free_ref(w, i);
	flush(w);
}

const struct lab_scenario lab_scenario_ref_tiny_trim = {
	.name = "ref-tiny-trim",
	.summary = "the same with tiny objects",
	.setup = high_tiny,
	.cpu = { store_tiny_10, lab_trim, write_0 },
	.defers = ONLY_REFS,
	.flags = LAB_USER,
};

/* ---- slots, zspages, runs --------------------------------------------------------- */

const struct lab_scenario lab_scenario_ref_slot = {
	.name = "ref-slot",
	.summary = "a free and a store meet at one slot, beside a compaction",
	.setup = two_kept,
	.cpu = { free_0, store_11_on_cpu_0, lab_compact },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

const struct lab_scenario lab_scenario_ref_free_free = {
	.name = "ref-free-free",
	.summary = "frees empty zspages that a store wants",
	.setup = two_kept,
	.cpu = { free_0, free_1_on_cpu_0, store_11 },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

const struct lab_scenario lab_scenario_ref_store_store = {
	.name = "ref-store-store",
	.summary = "two stores each map a section",
	.setup = nothing,
	.cpu = { store_10, store_11, lab_trim },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

static void alloc_big(struct lab_world *w, unsigned int slot)
{
	struct lab_object *o = &w->object[slot];
	u8 *data;
	int err = zs_ref_alloc(w->pool, &w->ref[slot], BIG);

	if (err) {
		uzs_lab_found(LAB_FOUND_INVARIANT,
			      "zs_ref_alloc: error %d, and memory could be had",
			      err);
		return;
	}
	o->handle = (unsigned long)&w->ref[slot];
	o->freed = false;
	o->size = BIG;
	o->fill = (u8)slot;
	data = begin(w, slot);
	memset(data, o->fill, BIG / 2);
	stay(w, slot, data);
	memset(data + BIG / 2, o->fill, BIG - BIG / 2);
	compare(o, data, "as it was written");
	zs_ref_end(w->pool, &w->ref[slot]);
	if (zs_ref_room(w->pool, &w->ref[slot]) < BIG)
		uzs_lab_found(LAB_FOUND_LOST_HANDLE,
			      "a large object has too little room");
}

static void alloc_big_10(struct lab_world *w)
{
	alloc_big(w, 10);
}

static void free_big_and_alloc(struct lab_world *w)
{
	free_ref(w, 0);
	alloc_big(w, 11);
}

/* Two in one section. */
static void two_big(struct lab_world *w)
{
	alloc_big(w, 0);
	alloc_big(w, 1);
}

const struct lab_scenario lab_scenario_ref_big_trim = {
	.name = "ref-big-trim",
	.summary = "large objects come and go while memory is given back",
	.setup = two_big,
	.cpu = { free_big_and_alloc, lab_trim, alloc_big_10 },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

static void one_big(struct lab_world *w)
{
	alloc_big(w, 0);
}

const struct lab_scenario lab_scenario_ref_big_unmap = {
	.name = "ref-big-unmap",
	.summary = "the same where sections are unmapped",
	.setup = one_big,
	.cpu = { free_big_and_alloc, lab_trim, alloc_big_10 },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

const struct lab_scenario lab_scenario_ref_big_check = {
	.name = "ref-big-check",
	.summary = "the consistency check while large objects come and go",
	.setup = two_big,
	.cpu = { free_big_and_alloc, lab_call_check, NULL },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

/* ---- at the limit ------------------------------------------------------------------ */

/* The limit is what the zone has. */
static void set_limit(struct lab_world *w)
{
	struct zone *zone = &w->pool->zone;
	struct zone_stat stat;

	uzs_zone_stat(zone, &stat);
	zone->limit = zone->limit_wanted = stat.bytes_resident + zone->charged;
}

/* Of a class whose zspages lie in the same section as those of a QUARTER, so that
 * there is one. */
static void store_eighth(struct lab_world *w)
{
	store_bytes(w, 20, 504);
}

/* A full page, and another one that is kept. */
static void limit_kept(struct lab_world *w)
{
	store_eighth(w);
	two_kept(w);
	free_ref(w, 1);
	store(w, 4);
	free_ref(w, 4);
	set_limit(w);
}

const struct lab_scenario lab_scenario_ref_limit_kept = {
	.name = "ref-limit-kept",
	.summary = "at the limit a store meets a slot that keeps much",
	.setup = limit_kept,
	.cpu = { free_0, store_quarter_10, lab_compact },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

static void limit_gaps(struct lab_world *w)
{
	store_eighth(w);
	gaps(w);
	set_limit(w);
}

const struct lab_scenario lab_scenario_ref_limit_compact = {
	.name = "ref-limit-compact",
	.summary = "at the limit a store meets somebody who compacts",
	.setup = limit_gaps,
	.cpu = { store_quarter_10, lab_compact, write_0 },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

/* The pages of a large object are free, as short runs. */
static void limit_free(struct lab_world *w)
{
	alloc_big(w, 0);
	for (unsigned int i = 2; i < 8; i++)
		store(w, i);
	set_limit(w);
	for (unsigned int i = 2; i < 8; i++)
		free_ref(w, i);
	flush(w);
}

const struct lab_scenario lab_scenario_ref_limit_trim = {
	.name = "ref-limit-trim",
	.summary = "at the limit memory of short runs is wanted for a long one",
	.setup = limit_free,
	.cpu = { alloc_big_10, lab_trim, lab_drain },
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER,
};

/* ---- destroy, fork ------------------------------------------------------------------ */

static void destroy(struct lab_world *w)
{
	unsigned long known = 0, live;

	for (unsigned int i = 0; i < LAB_SLOTS; i++)
		known += w->object[i].handle && !w->object[i].freed;
	live = zs_destroy_pool(w->pool);
	if (live != known)
		uzs_lab_found(LAB_FOUND_LOST_HANDLE,
			      "%lu objects are live, not %lu", live, known);
}

const struct lab_scenario lab_scenario_ref_destroy = {
	.name = "ref-destroy",
	.summary = "frees, a store and a compaction, then zs_destroy_pool",
	.setup = two_kept,
	.cpu = { free_0, lab_compact, store_11 },
	.after = destroy,
	.defers = ONLY_REFS,
	.flags = LAB_DESTROYS | LAB_USER,
};

/* What others could change without class->lock. */
static unsigned long count_kept(const struct lab_world *w)
{
	const struct zs_pool *pool = w->pool;
	const struct user_slot *slot;
	unsigned long n = 0;

	for_each_user_slot(slot, pool->user)
		n += slot->stacks[ref_class(w->ref[1].word)].nr;
	return n;
}

static void fork_in_parent(struct lab_world *w)
{
	unsigned long n;

	zs_fork_prepare(w->pool);
	n = count_kept(w);
	uzs_lab_yield();
	if (count_kept(w) != n)
		uzs_lab_found(LAB_FOUND_INVARIANT,
			      "a slot is used during a fork");
	zs_fork_parent(w->pool);
}

const struct lab_scenario lab_scenario_ref_fork = {
	.name = "ref-fork",
	.summary = "the parent's side of a fork beside a compaction",
	.setup = two_kept,
	.cpu = { fork_in_parent, lab_compact, free_0 },
	.defers = ONLY_REFS,
	.flags = LAB_USER,
};

const struct lab_scenario lab_scenario_ref_fork_free = {
	.name = "ref-fork-free",
	.summary = "the parent's side of a fork beside a free and a store",
	.setup = two_kept,
	.cpu = { fork_in_parent, free_0, store_11 },
	.defers = ONLY_REFS,
	.flags = LAB_USER,
};

/* Objects that calls of others had in hand are lost until now. */
static void destroy_child(struct lab_world *w)
{
	zs_destroy_pool(w->pool);
}

static void fork_in_child(struct lab_world *w)
{
	zs_fork_prepare(w->pool);
	end_all_others();
	zs_fork_child(w->pool);
	store_10(w);
	free_0(w);
	for (unsigned int i = 1; i < w->pool->nr_classes; i++)
		if (w->pool->user->class[i].moving)
			uzs_lab_found(LAB_FOUND_LEAK,
				      "in the child nobody moves objects, but "
				      "slots do not serve class %u",
				      i);
	lab_compact(w);
	load_1(w);
}

const struct lab_scenario lab_scenario_ref_fork_child = {
	.name = "ref-fork-child",
	.summary = "the child of a fork that met a compaction",
	.setup = two_kept,
	.cpu = { fork_in_child, lab_compact, store_11 },
	.after = destroy_child,
	.defers = ONLY_REFS,
	.flags = LAB_DESTROYS | LAB_USER,
};
