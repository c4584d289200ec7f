/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* scenarios_ref.h - what scenarios of the user profile do with an object that is
 * named by a zs_ref in the world.
 *
 * A record whose ref was freed or moved is gone: from then on its memory is
 * poisoned, so that who still follows an object's first word there is found.
 */
#ifndef UZS_LAB_SCENARIOS_REF_H
#define UZS_LAB_SCENARIOS_REF_H

#include "order.h"
#include "scenarios.h"

#include "user/hazard.h"
#include "user/layout.h"

#define ONLY_REFS LAB_DEFER(ZS_DEFER_NONE)

/* Two objects, or four, in a zspage of one page. */
#define HALF 2040
#define QUARTER 1016

static inline u8 *buffer(struct lab_world *w)
{
	return w->buffer[lab_cpu_entry()];
}

static inline void compare(const struct lab_object *o, const u8 *data,
			   const char *when)
{
	u32 i = lab_wrong_byte(o, data);

	if (i < o->size)
		uzs_lab_found(LAB_FOUND_LOST_HANDLE,
			      "byte %u of an object is %#x, not %#x, %s", i,
			      data[i], o->fill, when);
}

static inline void store_bytes(struct lab_world *w, unsigned int slot,
			       size_t size)
{
	struct lab_object *o = &w->object[slot];
	u8 *bytes = buffer(w);
	int err;

	o->handle = (unsigned long)&w->ref[slot];
	o->freed = false;
	o->size = (u32)size;
	o->fill += 0x31;
	memset(bytes, o->fill, size);
	err = zs_ref_store(w->pool, &w->ref[slot], bytes, size);
	if (err)
		uzs_lab_found(LAB_FOUND_INVARIANT, "zs_ref_store: error %d",
			      err);
}

static inline void load(struct lab_world *w, unsigned int slot)
{
	const struct lab_object *o = &w->object[slot];
	u8 *bytes = buffer(w);
	int err = zs_ref_load(w->pool, &w->ref[slot], bytes, o->size);

	if (err)
		uzs_lab_found(LAB_FOUND_LOST_HANDLE, "zs_ref_load: error %d",
			      err);
	compare(o, bytes, "in a copy");
}

static inline u8 *begin(struct lab_world *w, unsigned int slot)
{
	u8 *data = zs_ref_begin(w->pool, &w->ref[slot]);

	if (!data)
		uzs_lab_found(LAB_FOUND_LOST_HANDLE, "zs_ref_begin: NULL");
	return data;
}

/* A step on the word: others may go on while it is read. */
static inline void stay(struct lab_world *w, unsigned int slot, const u8 *data)
{
	u64 word = READ_ONCE(w->ref[slot].word);

	if (ref_address(word) + USER_HEAD != (const char *)data)
		uzs_lab_found(
			LAB_FOUND_LOST_HANDLE,
			"the word of an object that is read changes: %#lx",
			(unsigned long)word);
}

static inline void read_in_place(struct lab_world *w, unsigned int slot)
{
	const struct lab_object *o = &w->object[slot];
	u8 *bytes = buffer(w);
	const u8 *data = begin(w, slot);

	memcpy(bytes, data, o->size);
	compare(o, bytes, "in place");
	stay(w, slot, data);
	memcpy(bytes, data, o->size);
	compare(o, bytes, "before the end of a read");
	zs_ref_end(w->pool, &w->ref[slot]);
}

static inline void write_in_place(struct lab_world *w, unsigned int slot)
{
	struct lab_object *o = &w->object[slot];
	u8 *data = begin(w, slot);

	o->fill += 0x31;
	memset(data, o->fill, o->size / 2);
	stay(w, slot, data);
	memset(data + o->size / 2, o->fill, o->size - o->size / 2);
	zs_ref_end(w->pool, &w->ref[slot]);
}

/* The program gives the record up. */
static inline void drop_record(struct lab_world *w, unsigned int slot)
{
	if (w->ref[slot].word)
		uzs_lab_found(LAB_FOUND_LOST_HANDLE,
			      "a ref that was given up is %#lx",
			      (unsigned long)w->ref[slot].word);
	uzs_lab_poison(&w->ref[slot], sizeof(w->ref[slot]));
}

static inline void free_ref(struct lab_world *w, unsigned int slot)
{
	w->object[slot].freed = true;
	zs_ref_free(w->pool, &w->ref[slot]);
	drop_record(w, slot);
}

static inline void move_ref(struct lab_world *w, unsigned int to,
			    unsigned int from)
{
	w->object[to] = w->object[from];
	w->object[to].handle = (unsigned long)&w->ref[to];
	w->object[from].handle = 0;
	zs_ref_move(w->pool, &w->ref[to], &w->ref[from]);
	drop_record(w, from);
}

/* CPUs 0 and 1 have read before: their threads have rows, so they read by the
 * usual way, without a call. CPU 2 has not. */
static inline void give_rows(struct lab_world *w)
{
	for (unsigned int cpu = 0; cpu < 2; cpu++) {
		uintptr_t id = uzs_lab_thread_id_of(cpu);

#if UINTPTR_MAX > UINT32_MAX /* else there is no user profile */
		uzs_hazard_give_row(&w->pool->user->hazards, id);
#else
		(void)w;
		(void)id;
#endif
	}
}

static inline void nothing(struct lab_world *w)
{
	(void)w;
}

/* Of a fork: in the child there is no other thread. */
static inline void end_all_others(void)
{
	for (unsigned int i = 0; i < uzs_lab_nr_fibers(); i++) {
		struct uzs_lab_fiber *f = uzs_lab_fiber(i);

		if (f != uzs_lab_current && !f->last)
			f->state = LAB_DONE;
	}
	lab_order_see_all(uzs_lab_current);
	if (uzs_lab_memory)
		uzs_lab_memory->see_all();
}

#endif
