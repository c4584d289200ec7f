/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* subject_wrong.c - our `held` as a shared object, or with UZS_WRONG_OF=user our
 * `user`, with an error if the environment asks for one: shows that the suite
 * and the differential find errors, and that shared objects can be subjects.
 *
 * UZS_WRONG=zspage   an object goes into another zspage than the first one
 *           count    a class shows one object too many in use
 *           compact  a compaction tells one page too few
 *           free     an object of the largest class is not freed, if it has four
 *           data     the last byte of an object in two pages, or of one that
 *                    is larger than a page, is lost
 *           crash    a compaction that frees three pages or more aborts
 *           huge     zs_huge_class_size() is 8 bytes too large
 *           pin      reading segments does not keep the object where it is
 *           keep     a drain does nothing
 *           pages    a third page is counted twice
 * zspage and free know only `held`. None of it, or nothing: as that one is.
 */
#include "subject.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/geometry.h"
#include "kernel/obj.h"
#include "subject_user.h"
#include "subject_uzs.h"

/* Without errors. */
static const struct subject *right;
static struct subject wrong;

#define pool_of subject_uzs_pool

static bool asked_for(const char *what)
{
	const char *wanted = getenv("UZS_WRONG");

	return wanted && !strcmp(wanted, what);
}

/* The list from which the next object comes begins with another zspage, if
 * it has one. */
static unsigned long malloc_elsewhere(struct subject_pool *pool, size_t size)
{
	struct zs_pool *p = pool_of(pool);
	struct size_class *class =
		p->size_class[uzs_class_index(p, size + sizeof(long))];

	for (int g = ZS_INUSE_RATIO_99; g > ZS_INUSE_RATIO_0; g--) {
		struct list_head *list = &class->groups->list[g];

		if (list_empty(list))
			continue;
		list_move_tail(list->next, list);
		break;
	}
	return right->malloc(pool, size);
}

static void miscount(struct subject_pool *pool, unsigned int index,
		     struct subject_class *info)
{
	right->class_info(pool, index, info);
	if (info->objs_capacity > 2 * info->objs_per_zspage)
		info->objs_inuse++;
}

static unsigned long compact_short(struct subject_pool *pool)
{
	unsigned long freed = right->compact(pool);

	return freed > 2 ? freed - 1 : freed;
}

static unsigned long compact_and_die(struct subject_pool *pool)
{
	unsigned long freed = right->compact(pool);

	if (freed > 2) {
		fputs("subject_wrong: more than two pages\n", stderr);
		abort();
	}
	return freed;
}

static void keep_huge(struct subject_pool *pool, unsigned long handle)
{
	struct zs_pool *p = pool_of(pool);
	struct size_class *last = p->size_class[p->nr_classes - 1];

	if (handle && last->objs_inuse > 3 &&
	    zpdesc_class(p, obj_to_zpdesc(p, handle_to_obj(handle))) == last)
		return;
	right->free(pool, handle);
}

static void lose_byte(struct subject_pool *pool, unsigned long handle,
		      const void *buf, size_t len)
{
	struct iovec iov[2];
	unsigned int segments =
		zs_obj_read_sg_begin(pool_of(pool), handle, iov, len);

	zs_obj_read_sg_end(pool_of(pool), handle);
	right->write(pool, handle, buf,
		     segments == 2 || len > pool_of(pool)->page_size ? len - 1
								     : len);
}

static unsigned int begin_unpinned(struct subject_pool *pool,
				   unsigned long handle,
				   struct subject_segment segments[2],
				   size_t len)
{
	unsigned int nr = right->read_sg_begin(pool, handle, segments, len);

	if (nr)
		right->read_sg_end(pool, handle);
	return nr;
}

static void end_nothing(struct subject_pool *pool, unsigned long handle)
{
	(void)pool;
	(void)handle;
}

static void drain_nothing(struct subject_pool *pool)
{
	(void)pool;
}

static unsigned long count_third_twice(struct subject_pool *pool)
{
	unsigned long pages = right->total_pages(pool);

	return pages > 2 ? pages + 1 : pages;
}

static unsigned long larger_huge_class(struct subject_pool *pool)
{
	return right->huge_class_size(pool) + 8;
}

__attribute__((visibility("default"))) const struct subject *
uzs_kernel_subject(void)
{
	const char *of = getenv("UZS_WRONG_OF");

	right = of ? subject_user(of) : &subject_uzs[0];
	if (!right)
		return NULL;
	wrong = *right;
	wrong.name = of ? "user-loaded" : "held-loaded";
	wrong.description = "one of ours, from a shared object";
	if (asked_for("zspage"))
		wrong.malloc = malloc_elsewhere;
	else if (asked_for("count"))
		wrong.class_info = miscount;
	else if (asked_for("compact"))
		wrong.compact = compact_short;
	else if (asked_for("crash"))
		wrong.compact = compact_and_die;
	else if (asked_for("free"))
		wrong.free = keep_huge;
	else if (asked_for("data"))
		wrong.write = lose_byte;
	else if (asked_for("huge"))
		wrong.huge_class_size = larger_huge_class;
	else if (asked_for("keep"))
		wrong.drain = drain_nothing;
	else if (asked_for("pages"))
		wrong.total_pages = count_third_twice;
	else if (asked_for("pin")) {
		wrong.read_sg_begin = begin_unpinned;
		wrong.read_sg_end = end_nothing;
	}
	return &wrong;
}
