/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* model.h - random operations on a subject, and after every step the whole
 * pool is compared with a model of it: class table, counts, the place of every
 * object and of every free one, the data. The model knows the rules and
 * nothing of pages; it is written to be plain, not fast.
 *
 * A subject whose placement differs by design (differences.h) is compared in
 * what does not depend on it: the objects in each class, who is in its zspages,
 * sums, data. Where freed objects keep their places, sums are bounds until they
 * were drained.
 */
#ifndef UZS_MODEL_H
#define UZS_MODEL_H

#include "differences.h"
#include "test_util.h"

#define MODEL_MAX_PAGE 65536u
/* Objects of more than a page have up to so many. */
#define MODEL_MAX_PAGES 4u

struct m_class;

struct m_object {
	unsigned long handle; /* 0: not live */
	unsigned int size; /* bytes asked for */
	unsigned char *data; /* what should be in it; `size` bytes */
	struct m_class *class;
	struct m_zspage *zspage; /* NULL where the place is not known */
	unsigned int idx; /* place in zspage */
	unsigned int pins; /* begun reads */
	const void *mapped; /* of the read begun by m_op_pin */
	unsigned char *copy; /* for it */
	struct subject_segment segments[2]; /* or of this one */
	unsigned int nr_segments;
};

struct m_zspage {
	struct m_zspage *prev, *next; /* in its group; NULL at the ends */
	struct m_class *class;
	unsigned int group;
	unsigned int inuse;
	unsigned int pins; /* of its objects */
	unsigned int locks; /* its pages that are locked */
	struct m_object **objs; /* by index; NULL is free */
	unsigned int *free; /* stack of free indices: the last is next */
};

struct m_class {
	unsigned int index, size, pages, objs;
	bool huge;
	struct m_zspage *first[SUBJECT_MAX_GROUPS];
	unsigned long zspages[SUBJECT_MAX_GROUPS];
	unsigned long capacity, inuse;
	unsigned long handles; /* of the objects in use, by exclusive or */
};

struct model;

/* Of 100 steps, in phases of growth, shrinking and neither. */
struct m_op {
	void (*op)(struct model *m);
	unsigned char share[3];
};

struct m_run {
	const struct subject *subject;
	unsigned int page_size, chain_size;
	uint64_t seed;
	unsigned int steps, max_live;
	unsigned int every; /* steps between comparisons */
	const struct m_op *ops;
	size_t nr_ops;
	/* More to compare, or before objects are freed at the end; or NULL. */
	void (*compare)(struct model *m);
	void (*finish)(struct model *m);
};

struct model {
	const struct m_run *run;
	const struct subject *s;
	struct subject_pool *pool;
	struct expected expected;
	struct rng rng;
	unsigned int page_size, step;
	unsigned int max_size; /* bytes of an object */
	struct m_class classes[1024]; /* the distinct ones, by size */
	unsigned int nr_classes;
	unsigned long pages, peak; /* where the placement is known */
	size_t bytes; /* asked for, of all live objects, with their words */
	bool kept; /* freed objects may have their places still, or places that
		    * are free may be kept */
	bool holes; /* an object was freed: that leaves free places between */
	unsigned long compactions, compacted, moved, moved_bytes, async_freed;
	struct m_object *objects;
	struct m_object **live; /* all: nr_live live ones, then the others */
	unsigned int nr_live, max_live;
	struct m_object *pinned[8];
	unsigned int sizes[6]; /* most objects have one of these */
	unsigned char buffer[MODEL_MAX_PAGES * MODEL_MAX_PAGE];
	void *more; /* of the caller's operations */
};

/* Fails the test, and prints how to repeat it alone. */
void m_must(const struct model *m, bool what, const char *text);
#define MUST(m, cond) m_must(m, cond, #cond)

/* A whole run: pool, steps, comparisons, end. `more`: model.more. */
void m_run(const struct m_run *run, void *more);

/* A run as UZS_TEST_MODEL names it: SUBJECT,PAGE_SIZE,CHAIN_SIZE,SEED,STEPS,
 * MAX_LIVE,EVERY. The subject must be that one. Return: is it set? */
bool m_repeat(struct m_run *run, char subject[64]);

/* ---- the rules ----------------------------------------------------------- */

struct m_object *m_some_live(struct model *m);
unsigned long m_freeable(const struct m_class *c);
unsigned long m_freeable_all(const struct model *m);
/* The work that frees empty zspages. */
void m_drain(struct model *m);

/* Does it hold these bytes from `at` on? */
bool m_holds(const struct m_object *o, size_t at, const void *data, size_t len);

/* ---- operations ---------------------------------------------------------- */

void m_op_malloc(struct model *m);
void m_op_free(struct model *m);
void m_op_write(struct model *m);
void m_op_read(struct model *m);
void m_op_read_all(struct model *m);
void m_op_compact(struct model *m);
/* Begins or ends a read that others work around. */
void m_op_pin(struct model *m);
/* Moves some pages; nothing else changes. */
void m_op_move_pages(struct model *m);
void m_op_drain(struct model *m);

#endif
