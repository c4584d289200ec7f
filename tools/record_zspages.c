/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* record_zspages.c - the zspages of a record: their pages and places, their free lists, and
 * how they stand in the fullness lists. Owns them, and the numbers of sections.
 */
#include "record_state.h"

#include <stdlib.h>

/* ---- numbers of pages and words ------------------------------------------------- */

uint32_t uzs_rec_section(struct uzs_record *rec, unsigned long address)
{
	unsigned long section = address >> REC_SECTION_SHIFT;
	size_t i;

	for (i = rec->nr_sections; i > 0; i--)
		if (rec->sections[i - 1] == section)
			return (uint32_t)(i - 1);
	if (!REC_ROOM(rec, rec->sections, rec->sections_room,
		      rec->nr_sections + 1))
		return 0;
	/* Words are numbered by 32 bits. */
	rec->too_many_sections |= rec->nr_sections >= REC_SECTIONS;
	rec->sections[rec->nr_sections] = section;
	return (uint32_t)rec->nr_sections++;
}

uint32_t uzs_rec_page(struct uzs_record *rec, unsigned long pfn)
{
	unsigned int bits = REC_SECTION_SHIFT - rec->page_shift;
	uint32_t section = uzs_rec_section(rec, pfn << rec->page_shift);

	return section << bits | (uint32_t)(pfn & ((1ul << bits) - 1));
}

uint32_t uzs_rec_word(struct uzs_record *rec, unsigned long address)
{
	unsigned long offset = address & ((1ul << REC_SECTION_SHIFT) - 1);

	return uzs_rec_section(rec, address) << (REC_SECTION_SHIFT - 2) |
	       (uint32_t)(offset >> 2);
}

/* ---- zspages -------------------------------------------------------------------- */

static uint32_t make_zspage(struct uzs_record *rec, uint32_t class)
{
	struct rec_class *c = &rec->classes[class];
	struct rec_zspage *zspage;
	size_t want = rec->nr_places + c->objs;
	size_t rooms[2] = { rec->places_room, rec->places_room };

	if (c->unused) {
		uint32_t z = c->unused - 1;

		c->unused = rec->zspages[z].unused;
		return z;
	}
	if (!REC_ROOM(rec, rec->zspages, rec->zspages_room,
		      rec->nr_zspages + 1) ||
	    !REC_ROOM(rec, rec->shown, rooms[0], want) ||
	    !REC_ROOM(rec, rec->link, rooms[1], want) ||
	    !REC_ROOM(rec, rec->place, rec->places_room, want) ||
	    !REC_ROOM(rec, rec->page, rec->pages_room,
		      rec->nr_pages + c->pages))
		return REC_NONE;
	zspage = &rec->zspages[rec->nr_zspages];
	*zspage = (struct rec_zspage){
		.class = class,
		.base = (uint32_t)rec->nr_places,
		.page_base = (uint32_t)rec->nr_pages,
		.group = REC_NONE,
	};
	rec->nr_places += c->objs;
	rec->nr_pages += c->pages;
	return (uint32_t)rec->nr_zspages++;
}

uint32_t uzs_rec_new_zspage(struct uzs_record *rec, uint32_t class,
			    const unsigned long *pfns, unsigned int known)
{
	struct rec_class *c = &rec->classes[class];
	uint32_t z = make_zspage(rec, class);
	struct uzs_object first = { .size = 1, .id = z, .handle = pfns[0] };
	struct rec_zspage *zspage;
	unsigned int i;

	if (z == REC_NONE)
		return z;
	if (!uzs_objtable_add(&rec->by_pfn, &first)) {
		rec->no_memory = true;
		return REC_NONE;
	}
	zspage = &rec->zspages[z];
	zspage->live = true;
	zspage->again = zspage->shown;
	zspage->group = REC_NONE;
	zspage->inuse = 0;
	zspage->free_head = 0;
	zspage->seen = rec->looks;
	for (i = 0; i < c->objs; i++) {
		rec->place[zspage->base + i] = REC_FREE;
		rec->shown[zspage->base + i] = REC_FREE;
		rec->link[zspage->base + i] = i + 1 < c->objs ? i + 1
							      : REC_NONE;
	}
	/* Of zspages with many pages these lie side by side. */
	for (i = 0; i < c->pages; i++)
		rec->page[zspage->page_base + i] =
			uzs_rec_page(rec, i < known ? pfns[i] : pfns[0] + i);
	c->zspages++;
	return z;
}

void uzs_rec_set_pfn(struct uzs_record *rec, uint32_t z, unsigned long pfn)
{
	struct uzs_object *first = uzs_objtable_find(&rec->by_pfn, z);
	struct uzs_object again = { .size = 1, .id = z, .handle = pfn };

	if (first)
		uzs_objtable_remove(&rec->by_pfn, first);
	if (pfn && !uzs_objtable_add(&rec->by_pfn, &again))
		rec->no_memory = true;
}

/* It has no objects. */
void uzs_rec_drop_zspage(struct uzs_record *rec, uint32_t z)
{
	struct rec_zspage *zspage = &rec->zspages[z];
	struct rec_class *c = &rec->classes[zspage->class];

	uzs_rec_unlist(rec, z);
	uzs_rec_set_pfn(rec, z, 0);
	c->inuse -= zspage->inuse;
	zspage->inuse = 0;
	zspage->live = false;
	c->zspages--;
	zspage->unused = c->unused;
	c->unused = z + 1;
}

void uzs_rec_unlist(struct uzs_record *rec, uint32_t z)
{
	struct rec_zspage *zspage = &rec->zspages[z];

	if (zspage->group == REC_NONE)
		return;
	if (zspage->prev != REC_NONE)
		rec->zspages[zspage->prev].next = zspage->next;
	else
		rec->classes[zspage->class].head[zspage->group] = zspage->next;
	if (zspage->next != REC_NONE)
		rec->zspages[zspage->next].prev = zspage->prev;
	zspage->group = REC_NONE;
}

void uzs_rec_list(struct uzs_record *rec, uint32_t z, uint32_t group)
{
	struct rec_zspage *zspage = &rec->zspages[z];
	uint32_t *head = &rec->classes[zspage->class].head[group];

	uzs_rec_unlist(rec, z);
	zspage->group = group;
	zspage->prev = REC_NONE;
	zspage->next = *head;
	if (*head != REC_NONE)
		rec->zspages[*head].prev = z;
	*head = z;
	zspage->moved = ++rec->moves;
}

void uzs_rec_take(struct uzs_record *rec, uint32_t z, uint32_t place,
		  uint32_t what)
{
	struct rec_zspage *zspage = &rec->zspages[z];
	uint32_t *from = &zspage->free_head;

	if (rec->place[zspage->base + place] == REC_FREE) {
		zspage->inuse++;
		rec->classes[zspage->class].inuse++;
		/* Nearly always the first. */
		while (*from != place && *from != REC_NONE)
			from = &rec->link[zspage->base + *from];
		if (*from == place)
			*from = rec->link[zspage->base + place];
	}
	rec->place[zspage->base + place] = what;
}

void uzs_rec_clear(struct uzs_record *rec, uint32_t z, uint32_t place)
{
	struct rec_zspage *zspage = &rec->zspages[z];

	if (rec->place[zspage->base + place] == REC_FREE)
		return;
	rec->place[zspage->base + place] = REC_FREE;
	rec->link[zspage->base + place] = zspage->free_head;
	zspage->free_head = place;
	zspage->inuse--;
	rec->classes[zspage->class].inuse--;
}
