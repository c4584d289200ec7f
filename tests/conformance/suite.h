/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* suite.h - what the files of the conformance suite share: the subject and
 * the geometry that are tested now, pools and objects of it.
 *
 * A test that fails jumps out of itself; its pools are then left, as the
 * process will end.
 */
#ifndef UZS_SUITE_H
#define UZS_SUITE_H

#include "differences.h"
#include "test_util.h"

struct suite {
	const struct subject *s;
	struct expected expected;
	unsigned int page_size, chain_size;
	size_t max_size; /* bytes of the largest object */
	/* Most bytes of objects where many are at work: max_size if that is a
	 * page, else some pages. */
	size_t span;
	unsigned int skipped; /* tests, for the summary */
};
extern struct suite suite;

#define SUITE_SPAN 4 /* pages */

/* Skips a test for what the subject does differently: rows of the table of
 * differences, which are printed. A test that is skipped for something that the
 * subject does not do fails instead. */
#undef skip
#define skip_for(rows) (suite_skips(rows), _skip(__FILE__, __LINE__))
void suite_skips(unsigned int rows);

/* The tests of each file. */
struct suite_part {
	const char *name;
	const struct CMUnitTest *tests;
	size_t nr;
};
extern const struct suite_part suite_objects, suite_access, suite_stats,
	suite_compact, suite_memory, suite_random, suite_golden, suite_threads;

/* A pool of the subject, that does nothing by itself unless `worker`. */
struct subject_pool *suite_pool(bool worker);
/* Destroys a pool in which nothing lives any more, and nothing is left. */
void suite_end(struct subject_pool *pool);

/* An object that cannot fail to be allocated. */
unsigned long suite_malloc(struct subject_pool *pool, size_t size);
/* Frees it: later, where the subject can. */
void suite_free(struct subject_pool *pool, unsigned long handle);
/* Waits for all that was to be freed later. */
void suite_settle(struct subject_pool *pool);

/* Writes and compares a pattern, all of the object. */
void suite_fill(struct subject_pool *pool, unsigned long handle, size_t size,
		uint64_t key);
bool suite_holds(struct subject_pool *pool, unsigned long handle, size_t size,
		 uint64_t key);

/* The same of an object's segments, as read_sg_begin gave them. */
bool segments_hold(const struct subject_segment *segments, unsigned int nr,
		   size_t size, uint64_t key);

/* The class that serves an index, and that of a request. */
struct subject_class suite_class(struct subject_pool *pool, unsigned int index);
struct subject_class suite_class_for(struct subject_pool *pool, size_t size);
/* Do objects go to it now? */
bool suite_is_used(struct subject_pool *pool,
		   const struct subject_class *class);

/* Pages in zspages: their own count, and what the classes' zspages have. The
 * second is no less; it is the same unless only pages are counted that were
 * used. */
unsigned long suite_zspage_pages(struct subject_pool *pool);
/* Are as many pages in zspages as these zspages have, of which objects of that
 * many bytes in all, words included, need memory? */
void suite_pages(struct subject_pool *pool, unsigned long pages, size_t bytes);

/* Does what the classes say add up to what the pool says? Settled. */
void suite_sums(struct subject_pool *pool, unsigned long live);

/* Its own check, if it has one. */
void suite_sound(struct subject_pool *pool);

/* Is nothing in it, by what it tells of itself? */
void suite_empty(struct subject_pool *pool);

#endif
