/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* record_frames.c - frames of several operations, where these are thinned out: what
 * differs from what the reader of the stream knows. Owns what was touched since the last
 * frame.
 */
#include "record_state.h"

#include <stdlib.h>

void uzs_rec_touch(struct uzs_record *rec, uint32_t z)
{
	if (rec->zspages[z].touched ||
	    !REC_ROOM(rec, rec->touched, rec->touched_room,
		      rec->nr_touched + 1))
		return;
	rec->zspages[z].touched = true;
	rec->touched[rec->nr_touched++] = z;
}

struct by_move {
	uint32_t z, moved;
};

static int compare_moves(const void *a, const void *b)
{
	const struct by_move *x = a, *y = b;

	return x->moved < y->moved ? -1 : x->moved > y->moved;
}

static uint32_t serial_at(const struct uzs_record *rec, uint32_t at)
{
	uint32_t what = rec->place[at];

	return what < REC_OBJECT ? what
				 : rec->objects[what - REC_OBJECT].serial;
}

/* What is gone comes first, as its numbers may have been used again. */
static void flush_gone(struct uzs_record *rec, uint32_t z)
{
	struct rec_zspage *zspage = &rec->zspages[z];
	unsigned int objs = rec->classes[zspage->class].objs;

	if (!zspage->live || zspage->again) {
		if (zspage->shown) {
			uzs_rec_code(rec, UZS_RECORD_GONE);
			uzs_rec_put(rec, z);
		}
		zspage->shown = false;
		zspage->again = false;
		return;
	}
	for (uint32_t i = 0; zspage->shown && i < objs; i++) {
		uint32_t *shown = &rec->shown[zspage->base + i];
		uint32_t serial = serial_at(rec, zspage->base + i);

		/* A new object may come where a free one is kept. */
		if (*shown == REC_FREE || *shown == serial ||
		    (*shown == REC_KEPT && serial >= REC_OBJECT))
			continue;
		uzs_rec_code(rec, UZS_RECORD_CLEAR);
		uzs_rec_put(rec, z);
		uzs_rec_put(rec, i);
		*shown = REC_FREE;
	}
}

static void flush_there(struct uzs_record *rec, uint32_t z)
{
	struct rec_zspage *zspage = &rec->zspages[z];
	unsigned int objs = rec->classes[zspage->class].objs;

	if (!zspage->live)
		return;
	if (!zspage->shown)
		uzs_rec_put_new(rec, z);
	for (uint32_t i = 0; i < objs; i++) {
		uint32_t serial = serial_at(rec, zspage->base + i);

		if (rec->shown[zspage->base + i] == serial)
			continue;
		rec->shown[zspage->base + i] = serial;
		uzs_rec_put_alloc(rec,
				  rec->place[zspage->base + i] - REC_OBJECT, 0,
				  false);
	}
	/* The order of the free list is not written: it would take more than all
	 * else. */
	uzs_rec_code(rec, UZS_RECORD_GROUP);
	uzs_rec_put(rec, z);
	uzs_rec_put(rec, zspage->group);
}

void uzs_rec_flush(struct uzs_record *rec)
{
	size_t nr = rec->nr_touched, i;
	struct by_move *order;

	if (!rec->frame_ops)
		return;
	uzs_rec_put_frame(rec, rec->frame_ops, 'm');
	order = malloc((nr + 1) * sizeof(*order));
	if (!order) {
		rec->no_memory = true;
		return;
	}
	for (i = 0; i < nr; i++)
		order[i] =
			(struct by_move){ rec->touched[i],
					  rec->zspages[rec->touched[i]].moved };
	qsort(order, nr, sizeof(*order), compare_moves);
	for (i = 0; i < nr; i++)
		flush_gone(rec, order[i].z);
	for (i = 0; i < nr; i++) {
		flush_there(rec, order[i].z);
		rec->zspages[order[i].z].touched = false;
	}
	rec->nr_touched = 0;
	free(order);
	uzs_rec_code(rec, UZS_RECORD_END);
}
