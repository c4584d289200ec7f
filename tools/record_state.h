/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* record_state.h - the state of a record, shared by record.c, which follows single
 * operations, record_zspages.c and record_stream.c, which have the two parts of it,
 * record_frames.c, which puts several operations together, record_sample.c, which notes
 * figures, record_look.c, which compares with what the pool shows, and view.c, which
 * writes it.
 */
#ifndef UZS_RECORD_STATE_H
#define UZS_RECORD_STATE_H

#include "objtable.h"
#include "record.h"
#include "record_page.h"

#define REC_SECTION_SHIFT 22
#define REC_SECTIONS (1u << (32 - (REC_SECTION_SHIFT - 2)))
#define REC_NONE UINT32_MAX
/* What a place holds: nothing, a free object that is kept, or object n + REC_OBJECT. */
#define REC_FREE 0u
#define REC_KEPT 1u
#define REC_OBJECT 2u
/* A sample has been left out of two, when there are so many. */
#define REC_SAMPLES 1024u
/* Compactions and trims: each is some 250 bytes of the file that are not compressed, a
 * mark on the page, and two samples. */
#define REC_EVENTS 4096u
/* What pages are used for, of all samples together. */
#define REC_USE_BYTES ((size_t)64 << 20)

struct rec_object {
	unsigned long handle;
	uint32_t id;
	uint32_t size; /* bytes asked for; 0: unused */
	uint32_t z;
	uint32_t place;
	uint32_t serial; /* of its allocation: n is used again */
	uint32_t unused; /* next of the unused, plus 1 */
};

struct rec_zspage {
	uint32_t class; /* position in classes */
	uint32_t base; /* of its places in rec->place and the like */
	uint32_t page_base;
	uint32_t inuse; /* kept ones included */
	uint32_t group;
	uint32_t prev, next; /* in its list; REC_NONE */
	uint32_t free_head; /* place, REC_NONE */
	uint32_t unused; /* next of the unused of its class, plus 1 */
	uint32_t seen; /* number of the look that saw it */
	uint32_t stands; /* for the order of moves */
	uint32_t moved; /* serial of its last move in the lists */
	bool live;
	bool shown; /* to the reader of the stream */
	bool again; /* it was another one then */
	bool touched;
};

struct rec_class {
	unsigned int index, size, pages, objs;
	bool huge;
	uint32_t unused; /* zspages, plus 1 */
	uint32_t head[ZS_NR_FULLNESS_GROUPS];
	uint32_t zspages;
	uint32_t inuse; /* kept ones included */
};

struct rec_sample {
	uint64_t ops;
	uint64_t live_bytes; /* asked for */
	uint64_t used_bytes; /* class size of what is in use */
	uint64_t objs;
	uint64_t pages, freeable, slab_pages;
	uint64_t resident, free_bytes;
	bool event; /* taken because of one */
	uint32_t *classes; /* zspages and inuse of each */
	unsigned char *use; /* of pages, as sections are numbered; NULL */
	unsigned int sections;
};

struct rec_event {
	uint64_t ops; /* done before it */
	uint64_t line;
	char kind;
	uint64_t pages_freed, objs_moved, bytes_moved, bytes_given, pages_moved;
};

struct uzs_record {
	struct zs_pool *pool;
	const char *label;
	struct zs_pool_info info; /* at the last look */
	bool user;
	unsigned int page_shift;
	unsigned int pfn_shift, class_shift; /* of the obj word */
	uint64_t every, first_every;
	unsigned int thinnings;
	uint64_t thinned_from; /* operation; 0: not */

	struct rec_class *classes;
	unsigned int nr_classes;
	unsigned int *class_of; /* position by class index */
	unsigned int nr_indices;

	struct rec_object *objects;
	size_t nr_objects, objects_room;
	uint32_t objects_unused;
	struct uzs_objtable by_handle; /* ID: n */
	uint32_t serial;
	uint64_t live_bytes, live_objs, used_bytes;

	struct rec_zspage *zspages;
	size_t nr_zspages, zspages_room;
	struct uzs_objtable by_pfn; /* handle: its first page; ID: z */
	uint32_t *place; /* what it holds */
	uint32_t *shown; /* what the reader of the stream knows; when a frame
			  * has several operations: serial of the object, or
			  * REC_FREE */
	uint32_t *link; /* free list */
	size_t nr_places, places_room;
	uint32_t *page; /* numbers */
	size_t nr_pages, pages_room;
	uint32_t looks, moves;
	uint32_t *touched;
	size_t nr_touched, touched_room;

	unsigned long *sections; /* address >> REC_SECTION_SHIFT, in the order
				  * in which they were seen */
	size_t nr_sections, sections_room;

	struct uzs_numbers stream;
	uint64_t ops, frames, lines, frame_lines, frame_ops;
	uint32_t last_id, last_handle;
	unsigned int sharers; /* records in the page, this one included */
	struct uzs_shortened packed_to; /* when its size was looked at last */
	uint64_t packed; /* what a page has of it until there, compressed */

	struct rec_sample *samples;
	size_t nr_samples, samples_room;
	size_t nr_event_samples;
	size_t use_bytes; /* of all samples */
	uint64_t sample_every, next_sample;
	struct rec_event *events;
	size_t nr_events, events_room;
	struct rec_event event; /* that is under way: figures before */
	uint64_t corrections; /* what a look found to be other than the
			       * operations made it */
	unsigned long own_steps;
	uint32_t freed_class; /* of the free that is under way */
	bool freed_open; /* its frame is not ended */
	bool full; /* the stream is: nothing more is recorded */
	bool too_many_sections;
	bool no_memory;
};

/* record_stream.c */
int uzs_rec_memory(const struct uzs_record *rec);
void *uzs_rec_room(struct uzs_record *rec, void *array, size_t *room,
		   size_t want, size_t size);
/* Room for `want` entries? The array may be another then. */
#define REC_ROOM(rec, array, room, want)                         \
	((array) = uzs_rec_room((rec), (array), &(room), (want), \
				sizeof(*(array))),               \
	 (want) <= (room))
void uzs_rec_put(struct uzs_record *rec, uint64_t value);
void uzs_rec_code(struct uzs_record *rec, enum uzs_record_code code);
void uzs_rec_put_frame(struct uzs_record *rec, uint64_t ops, char kind);
void uzs_rec_put_alloc(struct uzs_record *rec, uint32_t n, uint32_t g,
		       bool single);
/* Records NEW and CHAIN, of the zspage as it is now. */
void uzs_rec_put_new(struct uzs_record *rec, uint32_t z);
void uzs_rec_put_chain(struct uzs_record *rec, uint32_t z);
/* Thins out, if the file would be too large. Return: 0 or an exit status. */
int uzs_rec_check_size(struct uzs_record *rec);

/* record_zspages.c: number of the section of an address. */
uint32_t uzs_rec_section(struct uzs_record *rec, unsigned long address);
/* Numbers of a page and of a handle (a word in a page), from 0 on, the same in
 * each run. */
uint32_t uzs_rec_page(struct uzs_record *rec, unsigned long pfn);
uint32_t uzs_rec_word(struct uzs_record *rec, unsigned long address);
/* A zspage without objects, in no list; its number, or REC_NONE. */
uint32_t uzs_rec_new_zspage(struct uzs_record *rec, uint32_t class,
			    const unsigned long *pfns, unsigned int known);
void uzs_rec_drop_zspage(struct uzs_record *rec, uint32_t z);
void uzs_rec_set_pfn(struct uzs_record *rec, uint32_t z, unsigned long pfn);
void uzs_rec_unlist(struct uzs_record *rec, uint32_t z);
void uzs_rec_list(struct uzs_record *rec, uint32_t z, uint32_t group);
/* Places and the free list. */
void uzs_rec_take(struct uzs_record *rec, uint32_t z, uint32_t place,
		  uint32_t what);
void uzs_rec_clear(struct uzs_record *rec, uint32_t z, uint32_t place);

/* record_frames.c: frames of several operations. Notes that a zspage is another. */
void uzs_rec_touch(struct uzs_record *rec, uint32_t z);
/* Writes what is not written of the operations so far. */
void uzs_rec_flush(struct uzs_record *rec);

/* record_sample.c */
int uzs_rec_sample(struct uzs_record *rec, bool event);
void uzs_rec_drop_sample(struct uzs_record *rec, struct rec_sample *sample);

/* record_look.c: compares one class, or all, with the pool, writes what differs,
 * and takes it over. @moves: objects are expected to have moved; @pages: pages
 * are. */
int uzs_rec_look_class(struct uzs_record *rec, uint32_t class, bool moves,
		       bool pages);
int uzs_rec_look(struct uzs_record *rec, bool moves, bool pages);

static inline uint32_t uzs_rec_group(const struct uzs_record *rec, uint32_t z)
{
	uint32_t objs = rec->classes[rec->zspages[z].class].objs;
	uint32_t inuse = rec->zspages[z].inuse;

	if (!inuse)
		return 0;
	return inuse == objs ? 11 : 100 * inuse / objs / 10 + 1;
}

#endif
