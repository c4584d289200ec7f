/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* scenarios_hard.c - scenarios of the user profile in a pool that looks for misuse
 * (ZS_POOL_HARDENED). Right calls are never told. Wrong ones are, once each, and do
 * nothing, whatever other CPUs do meanwhile. Objects of a HALF have their first
 * words in the section's head, those of a QUARTER in themselves.
 */
#include "scenarios_ref.h"

#include <errno.h>

#include "profile.h"

/* A ref that the program has copied by hand from ref 0. No object names it. KEPT: what
 * was copied. */
#define COPY 20
#define KEPT 21

/* ---- wrong calls --------------------------------------------------------------- */

static struct lab_misuse *misuse(struct lab_world *w)
{
	return &w->misuse[lab_cpu_entry()];
}

/* The CPU's next call is wrong: it is given that ref. */
static void expect(struct lab_world *w, unsigned int slot, unsigned int what)
{
	*misuse(w) = (struct lab_misuse){ .ref = &w->ref[slot], .what = what };
}

/* The call has returned. */
static void was_told(struct lab_world *w, const char *call)
{
	if (!misuse(w)->told)
		uzs_lab_found(LAB_FOUND_LOST_HANDLE, "%s: misuse is not told",
			      call);
	misuse(w)->ref = NULL;
}

static void refused_begin(struct lab_world *w, unsigned int slot)
{
	expect(w, slot, ZS_MISUSE_NO_HANDLE);
	if (zs_ref_begin(w->pool, &w->ref[slot]))
		uzs_lab_found(LAB_FOUND_LOST_HANDLE,
			      "zs_ref_begin of a wrong ref");
	was_told(w, "zs_ref_begin");
}

/* The caller's buffer stays as it was. */
static void refused_load(struct lab_world *w, unsigned int slot)
{
	u8 *bytes = buffer(w);

	bytes[0] = 0x77;
	expect(w, slot, ZS_MISUSE_NO_HANDLE);
	if (zs_ref_load(w->pool, &w->ref[slot], bytes, 1) != -EINVAL ||
	    bytes[0] != 0x77)
		uzs_lab_found(LAB_FOUND_LOST_HANDLE,
			      "zs_ref_load of a wrong ref");
	was_told(w, "zs_ref_load");
}

static void refused_free(struct lab_world *w, unsigned int slot,
			 unsigned int what)
{
	expect(w, slot, what);
	zs_ref_free(w->pool, &w->ref[slot]);
	was_told(w, "zs_ref_free");
}

static void refused_store(struct lab_world *w, unsigned int slot, size_t size,
			  unsigned int what)
{
	expect(w, slot, what);
	if (zs_ref_store(w->pool, &w->ref[slot], buffer(w), size) != -EINVAL)
		uzs_lab_found(LAB_FOUND_LOST_HANDLE,
			      "zs_ref_store to a wrong ref");
	was_told(w, "zs_ref_store");
}

/* ---- at the beginning, at the end ----------------------------------------------- */

/* Objects 0 and 1 in a zspage each, which has room for another one. */
static void gaps(struct lab_world *w)
{
	give_rows(w);
	for (unsigned int i = 0; i < 4; i++)
		store_bytes(w, i / 2 + i % 2 * 2, HALF);
	free_ref(w, 2);
	free_ref(w, 3);
	w->pool->profile->free_kept(w->pool);
	w->ref[COPY].word = w->ref[KEPT].word = w->ref[0].word;
}

/* The same; and a place for a QUARTER is kept, beside two in use. */
static void gaps_and_quarters(struct lab_world *w)
{
	gaps(w);
	for (unsigned int i = 4; i < 7; i++)
		store_bytes(w, i, QUARTER);
	free_ref(w, 4);
}

/* A call that is refused leaves nothing: no name in a row, and the ref as it was. */
static void check_copy(struct lab_world *w)
{
#if UINTPTR_MAX > UINT32_MAX /* else there is no user profile */
	if (uzs_hazards_has(&w->pool->user->hazards, &w->ref[COPY]))
		uzs_lab_found(LAB_FOUND_LEAK,
			      "a ref that was refused is named");
#endif
	if (w->ref[COPY].word != w->ref[KEPT].word)
		uzs_lab_found(LAB_FOUND_LEAK, "a ref that was refused is %#lx",
			      (unsigned long)w->ref[COPY].word);
}

/* The same; and the word of object 0, a QUARTER, with another class is refused. No
 * mover may come meanwhile: it would put the word right. */
static void check_copy_and_class(struct lab_world *w)
{
	const u64 bit = (u64)1 << REF_ADDRESS_BITS;

	check_copy(w);
	w->ref[0].word ^= bit;
	refused_begin(w, 0);
	refused_free(w, 0, ZS_MISUSE_NO_HANDLE);
	w->ref[0].word ^= bit;
}

/* ---- what CPUs do ---------------------------------------------------------------- */

static void load_0(struct lab_world *w)
{
	load(w, 0);
}

static void write_1(struct lab_world *w)
{
	write_in_place(w, 1);
	load(w, 1);
}

static void read_0_and_copy(struct lab_world *w)
{
	read_in_place(w, 0);
	refused_begin(w, COPY);
	refused_load(w, COPY);
}

const struct lab_scenario lab_scenario_hard_read_compact = {
	.name = "hard-read-compact",
	.summary =
		"a hardened pool: an object, and a copy of its ref, are read "
		"while it moves",
	.setup = gaps,
	.cpu = { read_0_and_copy, lab_compact, load_0 },
	.check = check_copy,
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER | LAB_HARDENED,
};

/* The program puts an old copy of its record back, and frees it again. */
static void free_0_twice(struct lab_world *w)
{
	u64 old = READ_ONCE(w->ref[0].word) & (REF_MOVING - 1);

	refused_free(w, COPY, ZS_MISUSE_NO_HANDLE);
	w->object[0].freed = true;
	zs_ref_free(w->pool, &w->ref[0]);
	if (w->ref[0].word)
		uzs_lab_found(LAB_FOUND_LOST_HANDLE,
			      "a ref that was freed is %#lx",
			      (unsigned long)w->ref[0].word);
	w->ref[0].word = old;
	refused_free(w, 0, ZS_MISUSE_NO_HANDLE);
	w->ref[0].word = 0;
	drop_record(w, 0);
}

/* It gets what CPU 0 keeps. */
static void store_11_on_cpu_0(struct lab_world *w)
{
	uzs_lab_set_cpu(0);
	store_bytes(w, 11, HALF);
	load(w, 11);
}

const struct lab_scenario lab_scenario_hard_free_compact = {
	.name = "hard-free-compact",
	.summary = "a hardened pool: an object is freed, and again, while it "
		   "moves",
	.setup = gaps,
	.cpu = { free_0_twice, lab_compact, store_11_on_cpu_0 },
	.check = check_copy,
	.defers = ONLY_REFS,
	.flags = LAB_QUICK | LAB_USER | LAB_HARDENED,
};

static void drop_0_while_read(struct lab_world *w)
{
	const struct lab_object *o = &w->object[0];
	const u8 *data = begin(w, 0);

	refused_free(w, 0, ZS_MISUSE_READ);
	stay(w, 0, data);
	refused_store(w, 0, QUARTER, ZS_MISUSE_READ);
	compare(o, data, "after it was not freed");
	zs_ref_end(w->pool, &w->ref[0]);
}

const struct lab_scenario lab_scenario_hard_drop_compact = {
	.name = "hard-drop-compact",
	.summary =
		"a hardened pool: an object is freed and replaced in a read, "
		"while it moves",
	.setup = gaps_and_quarters,
	.cpu = { drop_0_while_read, lab_compact, write_1 },
	.check = check_copy,
	.defers = ONLY_REFS,
	.flags = LAB_USER | LAB_HARDENED,
};

/* The CPU keeps a place for what is stored. */
static void store_quarter_over_0(struct lab_world *w)
{
	refused_store(w, COPY, QUARTER, ZS_MISUSE_NO_HANDLE);
	store_bytes(w, 0, QUARTER);
	load(w, 0);
}

static void store_over_1(struct lab_world *w)
{
	store_bytes(w, 1, HALF);
	load(w, 1);
}

const struct lab_scenario lab_scenario_hard_store_compact = {
	.name = "hard-store-compact",
	.summary =
		"a hardened pool: objects are replaced and overwritten while "
		"they move",
	.setup = gaps_and_quarters,
	.cpu = { store_quarter_over_0, lab_compact, store_over_1 },
	.check = check_copy_and_class,
	.defers = ONLY_REFS,
	.flags = LAB_USER | LAB_HARDENED,
};

/* Begins a read that another thread ends. Then a mover comes, so that the thread's
 * next read pins, though it has named the ref already. */
static void hand_over_0(struct lab_world *w)
{
	struct compaction c = { .pool = w->pool };

	begin(w, 0);
	c.class = w->pool->size_class[ref_class(w->ref[0].word)];
	w->pool->profile->compact_begin(&c);
	smp_store_release(&w->word[0], 1ul);
	load(w, 0);
	w->pool->profile->compact_end(&c);
}

static void take_over_0(struct lab_world *w)
{
	if (!smp_load_acquire(&w->word[0]))
		return;
	w->word[0] = 0;
	zs_ref_end(w->pool, &w->ref[0]);
}

const struct lab_scenario lab_scenario_hard_hand_over = {
	.name = "hard-hand-over",
	.summary = "a hardened pool: a read is handed over to another thread, "
		   "which ends it",
	.setup = gaps,
	.cpu = { hand_over_0, take_over_0, lab_compact },
	.after = take_over_0,
	.check = check_copy,
	.defers = ONLY_REFS,
	.flags = LAB_USER | LAB_HARDENED,
};
