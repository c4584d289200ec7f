/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* record.c - follows single operations: where the pool puts each object (it is asked
 * for each), and what that does to zspages and lists. Owns the record's state.
 *
 * What follows from an operation is the allocator's rule: a free object is handed out
 * last in, first out; a zspage whose fullness group changes goes to the head of the new
 * list. record_look.c compares all of it with the pool, at each compaction, each trim
 * and at the end. A difference is written as what it is, and counted: the state shown
 * is the pool's from there on.
 */
#include "record_state.h"

#include <stdlib.h>

/* A class with no more places than this is looked at after each operation in a pool
 * of the user profile, which keeps some of what is freed. */
#define LOOK_PLACES 4096u

/* ---- operations ------------------------------------------------------------------ */

/* Return: as in an ALLOC record. */
static uint32_t fix_group(struct uzs_record *rec, uint32_t z)
{
	uint32_t group = uzs_rec_group(rec, z);

	if (rec->zspages[z].group == group)
		return 0;
	uzs_rec_list(rec, z, group);
	return group + 1;
}

static int check_word(struct uzs_record *rec, const struct zs_obj_place *place,
		      uint32_t class)
{
	const struct rec_class *c = &rec->classes[class];
	unsigned long start = (unsigned long)place->index * c->size;
	unsigned int nr = (unsigned int)(start >> rec->page_shift);
	unsigned long pfn = nr < ZS_PLACE_PAGES ? place->pfns[nr]
						: place->pfns[0] + nr;
	unsigned long class_bits = 0, word;

	rec->pfn_shift = place->pfn_shift;
	rec->class_shift = place->class_shift;
	if (place->class_shift)
		class_bits = (unsigned long)place->class_index
			     << place->class_shift;
	if (rec->user)
		word = class_bits | ((place->pfns[0] << rec->page_shift) +
				     start - (c->huge ? 8 : 0)) >>
					    3;
	else
		word = pfn << place->pfn_shift | class_bits | place->index;
	if (word != place->word)
		return uzs_fail("an object's word is 0x%lx, not 0x%lx",
				place->word, word);
	return 0;
}

static uint32_t new_object(struct uzs_record *rec)
{
	uint32_t n = rec->objects_unused;

	if (n) {
		rec->objects_unused = rec->objects[n - 1].unused;
		return n - 1;
	}
	if (!REC_ROOM(rec, rec->objects, rec->objects_room,
		      rec->nr_objects + 1))
		return REC_NONE;
	return (uint32_t)rec->nr_objects++;
}

/* Has the pool moved objects by itself since this was asked last? */
static bool has_own_steps(struct uzs_record *rec)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;
	bool more;

	if (!rec->user)
		return false;
	zs_pool_info(rec->pool, &info);
	more = info.own_steps != rec->own_steps;
	rec->own_steps = info.own_steps;
	return more;
}

/* The pool has moved objects by itself, or something else looks different. Within the
 * frame of the operation. */
static int look_around(struct uzs_record *rec, uint32_t class)
{
	const struct rec_class *c = &rec->classes[class];

	if (!rec->user)
		return 0;
	if (has_own_steps(rec))
		return uzs_rec_look(rec, true, false);
	if (c->zspages * c->objs > LOOK_PLACES)
		return 0;
	return uzs_rec_look_class(rec, class, false, false);
}

/* Writes what the pool did by itself, in a frame without operations. @class: only this
 * one; REC_NONE: all. */
static int catch_up(struct uzs_record *rec, uint32_t class)
{
	int status;

	uzs_rec_flush(rec);
	uzs_rec_put_frame(rec, 0, 'o');
	if (class == REC_NONE)
		status = uzs_rec_look(rec, true, false);
	else
		status = uzs_rec_look_class(rec, class, true, false);
	uzs_rec_code(rec, UZS_RECORD_END);
	return status;
}

/* The zspage that begins with this page, as far as is known; REC_NONE. */
static uint32_t zspage_at(const struct uzs_record *rec, unsigned long pfn)
{
	uint32_t z;

	return uzs_objtable_ids(&rec->by_pfn, &pfn, 1, &z) ? z - 1 : REC_NONE;
}

/* Counts it, and ends the frame that is due. */
static int operation_done(struct uzs_record *rec, uint64_t line)
{
	rec->ops++;
	rec->lines = line;
	if (rec->frame_ops >= rec->every)
		uzs_rec_flush(rec);
	if (rec->ops >= rec->next_sample && uzs_rec_sample(rec, false))
		return UZS_FAILED;
	if (uzs_rec_check_size(rec))
		return UZS_FAILED;
	return uzs_rec_memory(rec);
}

/* May the operation be a frame of its own? */
static bool is_single(const struct uzs_record *rec, uint64_t line)
{
	return rec->every == 1 && line == rec->lines + 1 && !rec->user;
}

/* Does the rule say that an object of this size gets this place? */
static bool is_by_rule(const struct uzs_record *rec, uint32_t class, uint32_t z,
		       uint32_t place, uint32_t size)
{
	const struct rec_class *c = &rec->classes[class];
	uint64_t want = (uint64_t)size + sizeof(unsigned long);
	unsigned int g = ZS_NR_FULLNESS_GROUPS - 2;

	if ((class && c[-1].size >= want) ||
	    (class + 1 < rec->nr_classes && c->size < want))
		return false;
	while (g && c->head[g] == REC_NONE)
		g--;
	return c->head[g] == z && rec->zspages[z].free_head == place;
}

int uzs_record_alloc(struct uzs_record *rec, unsigned long handle, uint32_t id,
		     uint32_t size, uint64_t line)
{
	struct zs_obj_place place = ZS_OBJ_PLACE_INIT;
	uint32_t n = rec->full ? 0 : new_object(rec), class, z, g;
	struct uzs_object found = { .handle = handle, .id = n, .size = 1 };
	struct rec_object *object;
	bool single;

	if (rec->full)
		return 0;
	line = line ? line : rec->lines + 1;
	single = is_single(rec, line);
	if (n == REC_NONE || !uzs_objtable_add(&rec->by_handle, &found)) {
		rec->no_memory = true;
		return uzs_rec_memory(rec);
	}
	if (zs_obj_place(rec->pool, handle, &place))
		return uzs_fail("the pool does not know a handle of its own");
	class = rec->class_of[place.class_index];
	if (check_word(rec, &place, class))
		return UZS_FAILED;
	z = zspage_at(rec, place.pfns[0]);
	/* A pool of the user profile has freed that one, and nobody has looked. */
	if (z != REC_NONE && rec->zspages[z].class != class) {
		if (catch_up(rec, rec->zspages[z].class))
			return UZS_FAILED;
		z = zspage_at(rec, place.pfns[0]);
		if (z != REC_NONE && rec->zspages[z].class != class)
			return uzs_fail("two zspages begin with one page");
	}
	if (z == REC_NONE)
		z = uzs_rec_new_zspage(rec, class, place.pfns, ZS_PLACE_PAGES);
	if (z == REC_NONE)
		return uzs_rec_memory(rec);
	single = single && is_by_rule(rec, class, z, place.index, size);
	object = &rec->objects[n];
	*object = (struct rec_object){ .handle = handle,
				       .id = id,
				       .size = size,
				       .z = z,
				       .place = place.index,
				       .serial = rec->serial++ };
	uzs_rec_take(rec, z, place.index, n + REC_OBJECT);
	rec->live_objs++;
	rec->live_bytes += size;
	rec->used_bytes += rec->classes[class].size;
	g = fix_group(rec, z);
	rec->frame_lines += line - rec->lines;
	rec->frame_ops++;
	if (rec->every > 1) {
		uzs_rec_touch(rec, z);
		if (has_own_steps(rec) && catch_up(rec, REC_NONE))
			return UZS_FAILED;
	} else {
		bool begins = !rec->zspages[z].shown;

		if (!single || begins)
			uzs_rec_put_frame(rec, 1, 'a');
		if (begins)
			uzs_rec_put_new(rec, z);
		uzs_rec_put_alloc(rec, n, g, single && !begins);
		rec->shown[rec->zspages[z].base + place.index] = object->serial;
		if (look_around(rec, class))
			return UZS_FAILED;
		if (!single || begins)
			uzs_rec_code(rec, UZS_RECORD_END);
		else
			rec->frames++;
		rec->frame_lines = 0;
		rec->frame_ops = 0;
	}
	return operation_done(rec, line);
}

int uzs_record_free(struct uzs_record *rec, unsigned long handle, uint64_t line)
{
	uint32_t n, z, place, g, class;
	struct rec_object *object;
	bool single, ends;

	if (rec->full)
		return 0;
	line = line ? line : rec->lines + 1;
	single = is_single(rec, line);
	if (!uzs_objtable_ids(&rec->by_handle, &handle, 1, &n))
		return uzs_fail("a handle is freed that was not recorded");
	n--;
	object = &rec->objects[n];
	z = object->z;
	place = object->place;
	class = rec->zspages[z].class;
	uzs_objtable_remove(&rec->by_handle,
			    uzs_objtable_find(&rec->by_handle, n));
	rec->live_objs--;
	rec->live_bytes -= object->size;
	rec->used_bytes -= rec->classes[class].size;
	object->size = 0;
	object->unused = rec->objects_unused;
	rec->objects_unused = n + 1;
	uzs_rec_clear(rec, z, place);
	ends = !rec->user && !rec->zspages[z].inuse;
	g = ends ? 0 : fix_group(rec, z);
	if (ends)
		uzs_rec_drop_zspage(rec, z);
	rec->frame_lines += line - rec->lines;
	rec->frame_ops++;
	if (rec->every > 1) {
		uzs_rec_touch(rec, z);
		return 0;
	}
	if (!single || ends)
		uzs_rec_put_frame(rec, 1, 'f');
	uzs_rec_put(rec, (uint64_t)UZS_RECORD_FREE << 1 | (single && !ends));
	uzs_rec_put(rec, n);
	uzs_rec_put(rec, g);
	rec->shown[rec->zspages[z].base + place] = REC_FREE;
	if (ends) {
		uzs_rec_code(rec, UZS_RECORD_GONE);
		uzs_rec_put(rec, z);
		rec->zspages[z].shown = false;
	}
	if (single && !ends)
		rec->frames++;
	rec->freed_class = class;
	rec->freed_open = !single || ends;
	return 0;
}

int uzs_record_freed(struct uzs_record *rec, uint64_t line)
{
	if (rec->full)
		return 0;
	line = line ? line : rec->lines + 1;
	if (rec->every == 1) {
		if (look_around(rec, rec->freed_class))
			return UZS_FAILED;
		if (rec->freed_open)
			uzs_rec_code(rec, UZS_RECORD_END);
		rec->frame_lines = 0;
		rec->frame_ops = 0;
	}
	return operation_done(rec, line);
}

/* ---- what concerns the whole pool ------------------------------------------------ */

int uzs_record_begin(struct uzs_record *rec, char kind)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;

	if (rec->full)
		return 0;
	uzs_rec_flush(rec);
	if (kind != 'e' && uzs_rec_sample(rec, true))
		return UZS_FAILED;
	if (kind != 'e' && rec->nr_events >= REC_EVENTS) {
		rec->full = true;
		return uzs_rec_memory(rec);
	}
	zs_pool_info(rec->pool, &info);
	rec->event = (struct rec_event){ .ops = rec->ops,
					 .kind = kind,
					 .pages_freed = info.pages_compacted,
					 .objs_moved = info.objs_moved,
					 .bytes_moved = info.bytes_moved,
					 .bytes_given = info.bytes_given_back,
					 .pages_moved = info.pages_migrated };
	return uzs_rec_memory(rec);
}

int uzs_record_done(struct uzs_record *rec, char kind, uint64_t line)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;
	struct rec_event *event;

	if (rec->full)
		return 0;
	line = line ? line : rec->lines + 1;
	if (kind != 'e') {
		rec->frame_lines = line - rec->lines;
		rec->ops++;
		rec->lines = line;
	}
	uzs_rec_put_frame(rec, kind != 'e', kind);
	if (uzs_rec_look(rec, kind == 'c', kind == 't'))
		return UZS_FAILED;
	uzs_rec_code(rec, UZS_RECORD_END);
	zs_pool_info(rec->pool, &info);
	rec->own_steps = info.own_steps;
	if (kind != 'e' &&
	    REC_ROOM(rec, rec->events, rec->events_room, rec->nr_events + 1)) {
		event = &rec->events[rec->nr_events++];
		*event = rec->event;
		event->line = line;
		event->pages_freed = info.pages_compacted - event->pages_freed;
		event->objs_moved = info.objs_moved - event->objs_moved;
		event->bytes_moved = info.bytes_moved - event->bytes_moved;
		event->bytes_given = info.bytes_given_back - event->bytes_given;
		event->pages_moved = info.pages_migrated - event->pages_moved;
	}
	if (uzs_rec_sample(rec, true))
		return UZS_FAILED;
	return uzs_rec_memory(rec);
}

/* ---- life ------------------------------------------------------------------------- */

static bool init_classes(struct uzs_record *rec)
{
	unsigned int *indices, i, g;

	rec->nr_classes = uzs_class_indices(rec->pool, &indices);
	rec->nr_indices = zs_class_count(rec->pool);
	rec->classes = calloc(rec->nr_classes, sizeof(*rec->classes));
	rec->class_of = calloc(rec->nr_indices, sizeof(*rec->class_of));
	if (!rec->nr_classes || !rec->classes || !rec->class_of) {
		free(indices);
		return false;
	}
	for (i = 0; i < rec->nr_classes; i++) {
		struct zs_class_info info = ZS_CLASS_INFO_INIT;
		struct rec_class *c = &rec->classes[i];

		zs_class_info(rec->pool, indices[i], &info);
		rec->class_of[info.index] = i;
		*c = (struct rec_class){ .index = info.index,
					 .size = info.size,
					 .pages = info.pages_per_zspage,
					 .objs = info.objs_per_zspage,
					 .huge = info.huge };
		for (g = 0; g < ZS_NR_FULLNESS_GROUPS; g++)
			c->head[g] = REC_NONE;
	}
	free(indices);
	return true;
}

struct uzs_record *uzs_record_open(struct zs_pool *pool, const char *label,
				   uint64_t every, unsigned int sharers)
{
	struct uzs_record *rec = calloc(1, sizeof(*rec));
	unsigned int size;

	if (!rec) {
		uzs_fail("out of memory for the record");
		return NULL;
	}
	rec->pool = pool;
	rec->label = label;
	rec->every = rec->first_every = every;
	rec->sharers = sharers;
	rec->user = zs_profile(pool) == ZS_PROFILE_USER;
	rec->info = (struct zs_pool_info)ZS_POOL_INFO_INIT;
	zs_pool_info(pool, &rec->info);
	for (size = rec->info.page_size; size > 1; size /= 2)
		rec->page_shift++;
	rec->serial = REC_OBJECT;
	rec->sample_every = 1;
	rec->last_id = 0;
	if (!init_classes(rec) || !uzs_objtable_init(&rec->by_handle) ||
	    !uzs_objtable_init(&rec->by_pfn)) {
		uzs_fail("out of memory for the record");
		uzs_record_close(rec);
		return NULL;
	}
	if (uzs_rec_sample(rec, false)) {
		uzs_record_close(rec);
		return NULL;
	}
	return rec;
}

void uzs_record_close(struct uzs_record *rec)
{
	if (!rec)
		return;
	for (size_t i = 0; i < rec->nr_samples; i++)
		uzs_rec_drop_sample(rec, &rec->samples[i]);
	uzs_objtable_destroy(&rec->by_handle);
	uzs_objtable_destroy(&rec->by_pfn);
	free(rec->samples);
	free(rec->events);
	free(rec->stream.bytes);
	free(rec->packed_to.handles);
	free(rec->sections);
	free(rec->touched);
	free(rec->page);
	free(rec->link);
	free(rec->shown);
	free(rec->place);
	free(rec->zspages);
	free(rec->objects);
	free(rec->class_of);
	free(rec->classes);
	free(rec);
}
