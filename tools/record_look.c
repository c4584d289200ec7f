/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* record_look.c - compares a record with what the pool shows, class by class, and
 * writes what differs: the moves of compaction, pages that a trim moved, what a pool
 * of the user profile keeps. Owns nothing but a look that is under way.
 *
 * The pool shows where objects are afterwards, not in which order they moved. The order
 * follows from the places: compaction fills one zspage after the other, each in the
 * order of its free list, and empties one after the other, each from its lowest place.
 * It is right if the free lists come out as the pool has them, which is compared too.
 */
#include "record_state.h"

#include <stdlib.h>
#include <string.h>

struct difference {
	uint32_t z, place, what; /* now */
	uint32_t from_z,
		from_place; /* of an object that moved; else REC_NONE */
	uint32_t rank; /* of the place in its zspage's free list */
	uint32_t target, source; /* of a move: how its zspages stand */
	bool done;
};

struct stand {
	uint32_t z, group, inuse;
	size_t chain; /* where its free places begin in chains */
	uint32_t nr_free;
	unsigned long pfn; /* its first page, if another than before; else 0 */
	bool is_new;
};

struct look {
	struct uzs_record *rec;
	uint32_t class;
	bool moves, pages;
	struct difference *diffs;
	size_t nr_diffs, diffs_room;
	struct stand *stands; /* as the lists stand, from group 0's head on */
	size_t nr_stands, stands_room;
	uint32_t *chains;
	size_t nr_chains, chains_room;
	uint32_t *ids; /* of one zspage's places: n + 1, or 0 */
	unsigned long *handles;
};

#define ROOM(look, array, room, want)                                  \
	((array) = uzs_rec_room((look)->rec, (array), &(room), (want), \
				sizeof(*(array))),                     \
	 (want) <= (room))

/* ---- what the pool shows --------------------------------------------------------- */

/* n + 1 for each place. Return: 0 or an exit status. */
static int find_objects(struct look *look, const struct zs_zspage_info *info)
{
	unsigned int i, nr = 0;

	for (i = 0; i < info->objs; i++)
		if (info->handles[i])
			look->handles[nr++] = info->handles[i];
	if (!uzs_objtable_ids(&look->rec->by_handle, look->handles, nr,
			      look->ids))
		return uzs_fail("the pool shows an object that was not "
				"recorded");
	/* From the last on, to their places. */
	for (i = info->objs; i-- > 0;)
		look->ids[i] = info->handles[i] ? look->ids[--nr] : 0;
	return 0;
}

/* Which zspage is this? By its objects, if pages have moved; else by its first page.
 * REC_NONE: a new one. */
static uint32_t find_zspage(struct look *look,
			    const struct zs_zspage_info *info)
{
	struct uzs_record *rec = look->rec;
	unsigned long pfn = info->pfns[0];
	const struct rec_object *object;
	uint32_t z;

	for (unsigned int i = 0; look->pages && i < info->objs; i++) {
		if (!look->ids[i])
			continue;
		object = &rec->objects[look->ids[i] - 1];
		if (object->place == i && rec->zspages[object->z].live &&
		    rec->zspages[object->z].seen != rec->looks)
			return object->z;
	}
	if (!uzs_objtable_ids(&rec->by_pfn, &pfn, 1, &z))
		return REC_NONE;
	z--;
	if (rec->zspages[z].class != look->class ||
	    rec->zspages[z].seen == rec->looks)
		return REC_NONE;
	return z;
}

static uint32_t state_of(const struct look *look, const bool *is_free,
			 unsigned int i)
{
	if (look->ids[i])
		return look->ids[i] - 1 + REC_OBJECT;
	return is_free[i] ? REC_FREE : REC_KEPT;
}

static void note_difference(struct look *look, uint32_t z, uint32_t place,
			    uint32_t what)
{
	struct uzs_record *rec = look->rec;
	struct difference *diff;
	uint32_t i, rank = 0;

	if (!ROOM(look, look->diffs, look->diffs_room, look->nr_diffs + 1))
		return;
	diff = &look->diffs[look->nr_diffs++];
	*diff = (struct difference){
		.z = z, .place = place, .what = what, .from_z = REC_NONE
	};
	if (what >= REC_OBJECT) {
		diff->from_z = rec->objects[what - REC_OBJECT].z;
		diff->from_place = rec->objects[what - REC_OBJECT].place;
	}
	for (i = rec->zspages[z].free_head; i != REC_NONE && i != place;
	     i = rec->link[rec->zspages[z].base + i])
		rank++;
	diff->rank = rank;
}

static void compare_pages(struct look *look, uint32_t z,
			  const struct zs_zspage_info *info,
			  struct stand *stand)
{
	struct uzs_record *rec = look->rec;
	uint32_t *page = &rec->page[rec->zspages[z].page_base];

	for (unsigned int i = 0; i < info->pages; i++) {
		uint32_t now = uzs_rec_page(rec, info->pfns[i]);

		if (page[i] == now)
			continue;
		page[i] = now;
		uzs_rec_code(rec, UZS_RECORD_PAGE);
		uzs_rec_put(rec, z);
		uzs_rec_put(rec, i);
		uzs_rec_put(rec, now);
		if (!i)
			stand->pfn = info->pfns[0];
		rec->corrections += !look->pages;
	}
}

/* For zs_for_each_zspage. */
static int see_zspage(const struct zs_zspage_info *info, void *arg)
{
	struct look *look = arg;
	struct uzs_record *rec = look->rec;
	unsigned int nr_free = 0, i;
	struct stand stand = { .group = info->group, .inuse = info->inuse };
	bool *is_free;
	uint32_t z;

	if (find_objects(look, info))
		return UZS_FAILED;
	stand.z = find_zspage(look, info);
	stand.is_new = stand.z == REC_NONE;
	if (stand.is_new) {
		stand.z = uzs_rec_new_zspage(rec, look->class, info->pfns,
					     info->pages);
		if (stand.z == REC_NONE)
			return uzs_rec_memory(rec);
		uzs_rec_put_new(rec, stand.z);
	} else {
		compare_pages(look, stand.z, info, &stand);
	}
	z = stand.z;
	rec->zspages[z].seen = rec->looks;
	is_free = calloc(info->objs, sizeof(*is_free));
	if (!is_free ||
	    !ROOM(look, look->stands, look->stands_room, look->nr_stands + 1) ||
	    !ROOM(look, look->chains, look->chains_room,
		  look->nr_chains + info->objs)) {
		free(is_free);
		rec->no_memory = true;
		return uzs_rec_memory(rec);
	}
	stand.chain = look->nr_chains;
	for (i = 0; i < info->objs - info->inuse; i++) {
		is_free[info->free_list[i]] = true;
		look->chains[look->nr_chains++] = info->free_list[i];
		nr_free++;
	}
	stand.nr_free = nr_free;
	for (i = 0; i < info->objs; i++) {
		uint32_t what = state_of(look, is_free, i);

		if (rec->place[rec->zspages[z].base + i] != what)
			note_difference(look, z, i, what);
	}
	free(is_free);
	look->stands[look->nr_stands++] = stand;
	return uzs_rec_memory(rec);
}

/* ---- the order of moves ------------------------------------------------------------ */

static bool is_move(const struct difference *diff)
{
	return diff->from_z != REC_NONE;
}

static int by_target(const void *a, const void *b)
{
	const struct difference *x = *(struct difference *const *)a;
	const struct difference *y = *(struct difference *const *)b;

	if (x->target != y->target)
		return x->target < y->target ? -1 : 1;
	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static int by_source(const void *a, const void *b)
{
	const struct difference *x = *(struct difference *const *)a;
	const struct difference *y = *(struct difference *const *)b;

	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	return x->from_place < y->from_place ? -1
					     : x->from_place > y->from_place;
}

static void do_difference(struct look *look, struct difference *diff)
{
	struct uzs_record *rec = look->rec;
	struct rec_zspage *from;
	struct rec_object *object;
	uint32_t what = diff->what;

	if (what < REC_OBJECT) {
		uzs_rec_code(rec, what == REC_KEPT ? UZS_RECORD_KEEP
						   : UZS_RECORD_CLEAR);
		uzs_rec_put(rec, diff->z);
		uzs_rec_put(rec, diff->place);
		if (what == REC_KEPT)
			uzs_rec_take(rec, diff->z, diff->place, REC_KEPT);
		else
			uzs_rec_clear(rec, diff->z, diff->place);
		rec->shown[rec->zspages[diff->z].base + diff->place] = what;
		rec->corrections += !rec->user;
		return;
	}
	object = &rec->objects[what - REC_OBJECT];
	from = &rec->zspages[object->z];
	uzs_rec_code(rec, UZS_RECORD_MOVE);
	uzs_rec_put(rec, what - REC_OBJECT);
	uzs_rec_put(rec, diff->z);
	uzs_rec_put(rec, diff->place);
	uzs_rec_take(rec, diff->z, diff->place, what);
	rec->shown[rec->zspages[diff->z].base + diff->place] = object->serial;
	if (rec->place[from->base + object->place] == what) {
		uzs_rec_clear(rec, object->z, object->place);
		rec->shown[from->base + object->place] = REC_FREE;
	}
	if (!from->inuse && from->seen != rec->looks && from->live) {
		uzs_rec_code(rec, UZS_RECORD_GONE);
		uzs_rec_put(rec, object->z);
		from->shown = false;
		uzs_rec_drop_zspage(rec, object->z);
	}
	object->z = diff->z;
	object->place = diff->place;
	rec->corrections += !look->moves && !rec->user;
	diff->done = true;
}

/* The first move in `by` of a zspage that is not done; nr: none. */
static size_t first_of(struct difference **by, size_t nr, uint32_t stands,
		       bool source)
{
	size_t low = 0, high = nr;

	while (low < high) {
		size_t mid = (low + high) / 2;
		uint32_t other = source ? by[mid]->source : by[mid]->target;

		if (other < stands)
			low = mid + 1;
		else
			high = mid;
	}
	while (low < nr && by[low]->done &&
	       (source ? by[low]->source : by[low]->target) == stands)
		low++;
	if (low < nr && (source ? by[low]->source : by[low]->target) == stands)
		return low;
	return nr;
}

/* Is it the next of its source, and of its target? */
static bool is_ready(struct difference **target, struct difference **source,
		     size_t nr, const struct difference *move)
{
	size_t t = first_of(target, nr, move->target, false);
	size_t s = first_of(source, nr, move->source, true);

	return t < nr && s < nr && target[t] == move && source[s] == move;
}

/* The next move after `last`: of the same zspages, then into the same, then out of the
 * same; else the first that is ready, of the fullest target. */
static struct difference *next_move(struct difference **target,
				    struct difference **source, size_t nr,
				    const struct difference *last, size_t *scan)
{
	size_t at;

	if (last) {
		at = first_of(target, nr, last->target, false);
		if (at < nr && is_ready(target, source, nr, target[at]))
			return target[at];
		at = first_of(source, nr, last->source, true);
		if (at < nr && is_ready(target, source, nr, source[at]))
			return source[at];
	}
	while (*scan < nr && target[*scan]->done)
		++*scan;
	for (at = *scan; at < nr; at++)
		if (!target[at]->done &&
		    is_ready(target, source, nr, target[at]))
			return target[at];
	return *scan < nr ? target[*scan] : NULL;
}

/* How the zspages stand before: the fullest first, then in list order. */
static void find_standing(struct look *look)
{
	struct uzs_record *rec = look->rec;
	const struct rec_class *c = &rec->classes[look->class];
	uint32_t nr = 0;
	size_t i;

	for (int g = ZS_NR_FULLNESS_GROUPS - 1; g >= 0; g--)
		for (uint32_t z = c->head[g]; z != REC_NONE;
		     z = rec->zspages[z].next)
			rec->zspages[z].stands = nr++;
	for (i = 0; i < look->nr_stands; i++)
		if (look->stands[i].is_new)
			rec->zspages[look->stands[i].z].stands = nr++;
	for (i = 0; i < look->nr_diffs; i++) {
		struct difference *diff = &look->diffs[i];

		if (!is_move(diff))
			continue;
		diff->target = rec->zspages[diff->z].stands;
		diff->source = rec->zspages[diff->from_z].stands;
	}
}

static int do_moves(struct look *look)
{
	struct difference **target, **source, *last = NULL;
	size_t nr = 0, scan = 0, i;

	for (i = 0; i < look->nr_diffs; i++)
		nr += is_move(&look->diffs[i]);
	if (!nr)
		return 0;
	find_standing(look);
	target = malloc(2 * nr * sizeof(*target));
	if (!target)
		return uzs_fail("out of memory for the record");
	source = target + nr;
	for (nr = 0, i = 0; i < look->nr_diffs; i++)
		if (is_move(&look->diffs[i]))
			target[nr++] = &look->diffs[i];
	memcpy(source, target, nr * sizeof(*target));
	qsort(target, nr, sizeof(*target), by_target);
	qsort(source, nr, sizeof(*source), by_source);
	for (i = 0; i < nr; i++) {
		last = next_move(target, source, nr, last, &scan);
		do_difference(look, last);
	}
	free(target);
	return 0;
}

/* ---- what is left to compare --------------------------------------------------------- */

static void drop_unseen(struct look *look)
{
	struct uzs_record *rec = look->rec;
	struct rec_class *c = &rec->classes[look->class];

	for (int g = 0; g < ZS_NR_FULLNESS_GROUPS; g++) {
		uint32_t z = c->head[g], next;

		for (; z != REC_NONE; z = next) {
			next = rec->zspages[z].next;
			if (rec->zspages[z].seen == rec->looks)
				continue;
			uzs_rec_code(rec, UZS_RECORD_GONE);
			uzs_rec_put(rec, z);
			rec->zspages[z].shown = false;
			uzs_rec_drop_zspage(rec, z);
			rec->corrections += !look->moves && !rec->user &&
					    !look->pages;
		}
	}
}

static void compare_chain(struct look *look, const struct stand *stand)
{
	struct uzs_record *rec = look->rec;
	struct rec_zspage *zspage = &rec->zspages[stand->z];
	const uint32_t *chain = &look->chains[stand->chain];
	uint32_t at = zspage->free_head, i;

	for (i = 0; i < stand->nr_free && at == chain[i]; i++)
		at = rec->link[zspage->base + at];
	if (i == stand->nr_free && at == REC_NONE)
		return;
	zspage->free_head = stand->nr_free ? chain[0] : REC_NONE;
	for (i = 0; i < stand->nr_free; i++)
		rec->link[zspage->base + chain[i]] =
			i + 1 < stand->nr_free ? chain[i + 1] : REC_NONE;
	uzs_rec_put_chain(rec, stand->z);
	rec->corrections++;
}

static void compare_order(struct look *look)
{
	struct uzs_record *rec = look->rec;
	struct rec_class *c = &rec->classes[look->class];
	size_t i = 0, nr = look->nr_stands;
	bool same = true;

	for (uint32_t g = 0; g < ZS_NR_FULLNESS_GROUPS; g++)
		for (uint32_t z = c->head[g]; z != REC_NONE && same;
		     z = rec->zspages[z].next, i++)
			same = i < nr && look->stands[i].z == z &&
			       look->stands[i].group == g;
	if (same && i == nr)
		return;
	uzs_rec_code(rec, UZS_RECORD_ORDER);
	uzs_rec_put(rec, look->class);
	uzs_rec_put(rec, nr);
	for (i = nr; i-- > 0;) {
		uzs_rec_put(rec, look->stands[i].z);
		uzs_rec_put(rec, look->stands[i].group);
		uzs_rec_list(rec, look->stands[i].z, look->stands[i].group);
	}
	rec->corrections += !look->moves && !rec->user;
}

static void take_over_pages(struct look *look)
{
	size_t i;

	/* One may have the page that another had. */
	for (i = 0; i < look->nr_stands; i++)
		if (look->stands[i].pfn)
			uzs_rec_set_pfn(look->rec, look->stands[i].z, 0);
	for (i = 0; i < look->nr_stands; i++)
		if (look->stands[i].pfn)
			uzs_rec_set_pfn(look->rec, look->stands[i].z,
					look->stands[i].pfn);
}

static int apply(struct look *look)
{
	struct uzs_record *rec = look->rec;
	size_t i;

	take_over_pages(look);
	if (do_moves(look))
		return UZS_FAILED;
	for (i = 0; i < look->nr_diffs; i++) {
		const struct difference *diff = &look->diffs[i];

		if (!is_move(diff) &&
		    rec->place[rec->zspages[diff->z].base + diff->place] !=
			    diff->what)
			do_difference(look, &look->diffs[i]);
	}
	drop_unseen(look);
	for (i = 0; i < look->nr_stands && !rec->user; i++)
		compare_chain(look, &look->stands[i]);
	compare_order(look);
	return uzs_rec_memory(rec);
}

int uzs_rec_look_class(struct uzs_record *rec, uint32_t class, bool moves,
		       bool pages)
{
	const struct rec_class *c = &rec->classes[class];
	struct look look = {
		.rec = rec, .class = class, .moves = moves, .pages = pages
	};
	int status;

	rec->looks++;
	look.ids = malloc(c->objs * sizeof(*look.ids));
	look.handles = malloc(c->objs * sizeof(*look.handles));
	if (!look.ids || !look.handles)
		status = uzs_fail("out of memory for the record");
	else
		status = zs_for_each_zspage(rec->pool, c->index, see_zspage,
					    &look);
	if (status < 0)
		status = uzs_fail("cannot walk the zspages of class %u: %s",
				  c->index, strerror(-status));
	if (!status)
		status = apply(&look);
	free(look.diffs);
	free(look.stands);
	free(look.chains);
	free(look.ids);
	free(look.handles);
	return status;
}

/* From the largest class down, as compaction goes. */
int uzs_rec_look(struct uzs_record *rec, bool moves, bool pages)
{
	int status = 0;

	for (uint32_t i = rec->nr_classes; i-- > 0 && !status;) {
		struct zs_class_info info = ZS_CLASS_INFO_INIT;

		zs_class_info(rec->pool, rec->classes[i].index, &info);
		if (info.objs_capacity || rec->classes[i].zspages)
			status = uzs_rec_look_class(rec, i, moves, pages);
	}
	return status;
}
