/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* record.h - records what operations do to a pool, for the viewer: where each
 * object lies, how the zspages stand in their lists, what compaction and trim
 * move. Sees a pool as any program does.
 *
 * A record is a stream of numbers (7 bits in a byte, the low ones first; bit 7:
 * more follow), made of frames. A frame is what one operation did, or what
 * several did where operations are thinned out:
 *   ALLOC or FREE, with bit 0 set: a frame of its own
 *   FRAME ops kind lines, then any records, then END: all others
 * Each record begins with its code << 1 | bit 0. `z` is a zspage, `n` an object:
 * numbers that are used again. Places in a zspage are counted from 0.
 * A fullness list gets new entries at its head.
 *
 * A frame of its own does what the rule says, and in a page it has only the numbers
 * that do not follow from it: ALLOC id, size, handle, FREE n. The rule:
 *   n       of the numbers that are free, the one freed last; else the next new one
 *   class   the first that has room for the size and a word, or else the last
 *   z       at the head of the fullest list of zspages with free places
 *   place   the head of the zspage's free list: what was freed last is taken first
 *   g       the group of as many places as are in use then; the zspage goes to the
 *           head of that list, if it is in another
 *   handle  the difference to the last one of this n; if n is new, to the last of all
 */
#ifndef UZS_RECORD_H
#define UZS_RECORD_H

#include "uzs.h"

/* X(WORD, "name", arguments): numbers that follow. g: 0: the zspage stays in its
 * list; else its fullness group + 1, and it goes to the head of that list.
 * id, handle: the difference to the last one of these, zigzag (0, -1, 1, -2...). */
#define UZS_RECORDS(X)                                                        \
	X(FRAME, "frame", 3) /* ops, kind, lines */                           \
	X(END, "end", 0)                                                      \
	X(ALLOC, "alloc", 7) /* n, id, size, handle, z, place, g */           \
	X(FREE, "free", 2) /* n, g */                                         \
	X(NEW, "new", 1) /* z, without objects, in no list; then its pages */ \
	X(GONE, "gone", 1) /* z */                                            \
	X(MOVE, "move", 3) /* n, z, place: from where it is */                \
	X(KEEP, "keep", 2) /* z, place: free, but kept for the next use */    \
	X(CLEAR, "clear", 2) /* z, place: free */                             \
	X(GROUP, "group", 2) /* z, group: goes to the head of its list */     \
	X(PAGE, "page", 3) /* z, which of its pages, page */                  \
	X(CHAIN, "chain", 2) /* z, how many; then these: its free list */     \
	X(ORDER, "order", 2) /* class, how many; then z and group of each:   \
			      * the lists of the class, from their tails */

enum uzs_record_code {
#define UZS_RECORD_CODE(word, name, args) UZS_RECORD_##word,
	UZS_RECORDS(UZS_RECORD_CODE)
#undef UZS_RECORD_CODE
};

struct uzs_record;

/* Records `pool`, which must be empty, and must have no worker. @label: of this pool;
 * must live as long as the record. @every: operations in a frame, at least 1.
 * @sharers: records that go in one page, this one included.
 * Return: NULL after a line on stderr. */
struct uzs_record *uzs_record_open(struct zs_pool *pool, const char *label,
				   uint64_t every, unsigned int sharers);
void uzs_record_close(struct uzs_record *rec);

/* The pool has allocated an object, or is just going to free it. @line: of the
 * operation, as in the trace; 0: the next. These return 0 or an exit status. */
int uzs_record_alloc(struct uzs_record *rec, unsigned long handle, uint32_t id,
		     uint32_t size, uint64_t line);
int uzs_record_free(struct uzs_record *rec, unsigned long handle,
		    uint64_t line);
/* After the free. */
int uzs_record_freed(struct uzs_record *rec, uint64_t line);
/* Something that looks at the whole pool begins, and is done. @kind: 'c' compacted,
 * 't' trimmed, 'e' the end. */
int uzs_record_begin(struct uzs_record *rec, char kind);
int uzs_record_done(struct uzs_record *rec, char kind, uint64_t line);

/* view.c: both write a whole file or none. */
struct uzs_view {
	const char *title;
	struct uzs_record *const *records;
	unsigned int nr;
};
int uzs_view_html(const struct uzs_view *view, const char *path);
int uzs_view_json(const struct uzs_view *view, const char *path);

#endif
