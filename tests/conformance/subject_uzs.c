/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* subject_uzs.c - our own allocator behind the table of subject.h, through
 * the public interface; only moving pages one by one, which that has not,
 * needs the internals of the test build.
 */
#include "subject_uzs.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "uzsmalloc.h"

#ifdef UZS_TESTING
#include "compat/fault.h"
#include "class.h"
#include "move_pages.h"
#endif

#define pool_of subject_uzs_pool

struct subject_pool *subject_uzs_create(struct zs_pool_options *opt,
					unsigned int page_size,
					unsigned int chain_size, bool worker)
{
	opt->page_size = page_size;
	opt->chain_size = chain_size;
	opt->flags = worker ? 0 : ZS_POOL_NO_WORKER;
	/* The suite makes no mistakes: it is told of none, or aborts. */
	if (getenv("UZS_SUBJECT_HARDENED"))
		opt->flags |= ZS_POOL_HARDENED;
	/* Giving memory back to the OS is not what is compared. */
	opt->retained_bytes = SIZE_MAX;
	return (struct subject_pool *)(void *)zs_create_pool_with("subject",
								  opt);
}

static unsigned long subject_destroy(struct subject_pool *pool)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;
	unsigned long left = 0;

	zs_drain(pool_of(pool));
	zs_trim(pool_of(pool)); /* and the slabs that are empty */
	zs_pool_info(pool_of(pool), &info);
	if (!info.objs_inuse)
		left = info.pages + info.slab_pages;
	return left + zs_destroy_pool(pool_of(pool));
}

static unsigned long subject_malloc(struct subject_pool *pool, size_t size)
{
	return zs_malloc(pool_of(pool), size, GFP_KERNEL, NUMA_NO_NODE);
}

static void subject_free(struct subject_pool *pool, unsigned long handle)
{
	zs_free(pool_of(pool), handle);
}

static void subject_free_deferred(struct subject_pool *pool,
				  unsigned long handle)
{
	zs_free_deferred(pool_of(pool), handle);
}

static void subject_flush(struct subject_pool *pool)
{
	zs_free_deferred_flush(pool_of(pool));
}

static void subject_read(struct subject_pool *pool, unsigned long handle,
			 void *buf, size_t len)
{
	void *data = zs_obj_read_begin(pool_of(pool), handle, len, buf);

	if (data && data != buf)
		memcpy(buf, data, len);
	zs_obj_read_end(pool_of(pool), handle, len, data);
}

static void subject_write(struct subject_pool *pool, unsigned long handle,
			  const void *buf, size_t len)
{
	zs_obj_write(pool_of(pool), handle, buf, len);
}

static const void *subject_read_begin(struct subject_pool *pool,
				      unsigned long handle, size_t len,
				      void *copy)
{
	return zs_obj_read_begin(pool_of(pool), handle, len, copy);
}

static void subject_read_end(struct subject_pool *pool, unsigned long handle,
			     size_t len, const void *data)
{
	zs_obj_read_end(pool_of(pool), handle, len, (void *)(uintptr_t)data);
}

static unsigned int subject_read_sg_begin(struct subject_pool *pool,
					  unsigned long handle,
					  struct subject_segment segments[2],
					  size_t len)
{
	struct iovec iov[2];
	unsigned int nr = zs_obj_read_sg_begin(pool_of(pool), handle, iov, len);

	for (unsigned int i = 0; i < nr; i++) {
		segments[i].data = iov[i].iov_base;
		segments[i].len = iov[i].iov_len;
	}
	return nr;
}

static void subject_read_sg_end(struct subject_pool *pool, unsigned long handle)
{
	zs_obj_read_sg_end(pool_of(pool), handle);
}

static unsigned long subject_compact(struct subject_pool *pool)
{
	return zs_compact(pool_of(pool));
}

static unsigned long subject_shrink_count(struct subject_pool *pool)
{
	return zs_shrink_count(pool_of(pool));
}

static unsigned long subject_shrink_scan(struct subject_pool *pool,
					 unsigned long nr_pages)
{
	return zs_shrink_scan(pool_of(pool), nr_pages);
}

static void subject_drain(struct subject_pool *pool)
{
	zs_free_deferred_flush(pool_of(pool));
	zs_drain(pool_of(pool));
}

#ifdef UZS_TESTING
static unsigned long move_pages(struct subject_pool *pool, unsigned long most)
{
	return subject_move_pages(&pool_of(pool)->zone, most);
}
#define MOVE_PAGES move_pages

static void subject_run_out(enum subject_lack lack, long nth)
{
	static const enum uzs_fault_kind kinds[] = {
		[SUBJECT_NO_MEMORY] = UZS_FAULT_OS,
		[SUBJECT_NO_PAGE] = UZS_FAULT_PAGE,
		[SUBJECT_NO_SLAB] = UZS_FAULT_SLAB,
	};

	if (lack != SUBJECT_NO_DEBUGFS)
		uzs_fault_set_from(kinds[lack], nth);
}
#define RUN_OUT subject_run_out
#else
#define MOVE_PAGES NULL
#define RUN_OUT NULL
#endif

static unsigned long total_pages(struct subject_pool *pool)
{
	return zs_get_total_pages(pool_of(pool));
}

static unsigned long pages_compacted(struct subject_pool *pool)
{
	struct zs_pool_stats stats;

	zs_pool_stats(pool_of(pool), &stats);
	return stats.pages_compacted;
}

static unsigned long huge_class_size(struct subject_pool *pool)
{
	return zs_huge_class_size(pool_of(pool));
}

static unsigned int lookup_class_index(struct subject_pool *pool,
				       unsigned int size)
{
	return zs_lookup_class_index(pool_of(pool), size);
}

static unsigned int class_count(struct subject_pool *pool)
{
	return zs_class_count(pool_of(pool));
}

void subject_uzs_class_info(struct subject_pool *pool, unsigned int index,
			    struct subject_class *info)
{
	struct zs_class_info i = ZS_CLASS_INFO_INIT;

	zs_class_info(pool_of(pool), index, &i);
	info->index = i.index;
	info->size = i.size;
	info->pages_per_zspage = i.pages_per_zspage;
	info->objs_per_zspage = i.objs_per_zspage;
	info->huge = i.huge;
	memcpy(info->zspages, i.zspages, sizeof(info->zspages));
	info->objs_capacity = i.objs_capacity;
	info->objs_inuse = i.objs_inuse;
	info->freeable_pages = i.freeable_pages;
}

#ifdef UZS_TESTING
/* Without the lock that zs_class_info() takes: nothing else runs, and the
 * differential looks at every class after every operation. */
static void quick_class_info(struct subject_pool *pool, unsigned int index,
			     struct subject_class *info)
{
	struct size_class *class = pool_of(pool)->size_class[index];

	info->index = class->index;
	info->size = class->size;
	info->pages_per_zspage = class->pages_per_zspage;
	info->objs_per_zspage = class->objs_per_zspage;
	info->huge = class->huge;
	memcpy(info->zspages, class->groups->zspages, sizeof(info->zspages));
	info->objs_capacity = class->objs_capacity;
	info->objs_inuse = class->objs_inuse;
	info->freeable_pages = uzs_freeable_pages(class);
}
#define CLASS_INFO quick_class_info
#else
#define CLASS_INFO subject_uzs_class_info
#endif

struct walk {
	int (*callback)(const struct subject_zspage *zspage, void *arg);
	void *arg;
};

static int walk_zspage(const struct zs_zspage_info *info, void *arg)
{
	struct walk *walk = arg;
	struct subject_zspage zspage = {
		.group = info->group,
		.inuse = info->inuse,
		.objs = info->objs,
		.handles = info->handles,
		.free_list = info->free_list,
	};

	return walk->callback(&zspage, walk->arg);
}

static int for_each_zspage(struct subject_pool *pool, unsigned int index,
			   int (*callback)(const struct subject_zspage *zspage,
					   void *arg),
			   void *arg)
{
	struct walk walk = { callback, arg };

	return zs_for_each_zspage(pool_of(pool), index, walk_zspage, &walk);
}

static int print_classes(struct subject_pool *pool, FILE *out)
{
	return zs_print_classes(pool_of(pool), out);
}

static unsigned long check(struct subject_pool *pool, FILE *out)
{
	return zs_pool_check(pool_of(pool), out);
}

static unsigned long trim(struct subject_pool *pool)
{
	struct zs_pool_info before = ZS_POOL_INFO_INIT, after = before;

	zs_pool_info(pool_of(pool), &before);
	zs_trim(pool_of(pool));
	zs_pool_info(pool_of(pool), &after);
	return after.pages_migrated - before.pages_migrated;
}

/* create_HELD_NONE and so on. */
#define CREATE(defer_, defer_name_, scope_)                                   \
	static struct subject_pool *create_##scope_##_##defer_(               \
		unsigned int page_size, unsigned int chain_size, bool worker) \
	{                                                                     \
		struct zs_pool_options opt = ZS_POOL_OPTIONS_INIT;            \
                                                                              \
		opt.lock_scope = ZS_SCOPE_##scope_;                           \
		opt.defer = ZS_DEFER_##defer_;                                \
		return subject_uzs_create(&opt, page_size, chain_size,        \
					  worker);                            \
	}
#define CREATE_ALL(scope_, name_) VARIANT_DEFERS(CREATE, scope_)
VARIANT_SCOPES(CREATE_ALL)

#define SUBJECT(name_, create_, defer_)                                       \
	{                                                                     \
		.abi = SUBJECT_ABI, .struct_size = sizeof(struct subject),    \
		.name = name_, .description = "uzsmalloc " name_,             \
		.groups = ZS_NR_FULLNESS_GROUPS, .create = create_,           \
		.destroy = subject_destroy, .malloc = subject_malloc,         \
		.free = subject_free,                                         \
		.free_deferred = (defer_) ? subject_free_deferred : NULL,     \
		.flush = (defer_) ? subject_flush : NULL,                     \
		.read = subject_read, .write = subject_write,                 \
		.read_begin = subject_read_begin,                             \
		.read_end = subject_read_end,                                 \
		.read_sg_begin = subject_read_sg_begin,                       \
		.read_sg_end = subject_read_sg_end,                           \
		.compact = subject_compact,                                   \
		.shrink_count = subject_shrink_count,                         \
		.shrink_scan = subject_shrink_scan, .move_pages = MOVE_PAGES, \
		.drain = subject_drain, .total_pages = total_pages,           \
		.pages_compacted = pages_compacted,                           \
		.huge_class_size = huge_class_size,                           \
		.lookup_class_index = lookup_class_index,                     \
		.class_count = class_count, .class_info = CLASS_INFO,         \
		.for_each_zspage = for_each_zspage,                           \
		.print_classes = print_classes, .check = check, .trim = trim, \
		.run_out = RUN_OUT,                                           \
	}

#define SUBJECT_LATE(defer_, defer_name_, scope_, name_) \
	SUBJECT(name_ "+" defer_name_, create_##scope_##_##defer_, true),
#define SUBJECTS(scope_, name_)                        \
	SUBJECT(name_, create_##scope_##_NONE, false), \
		VARIANT_LATE_DEFERS(SUBJECT_LATE, scope_, name_)

const struct subject subject_uzs[SUBJECT_UZS_COUNT] = { VARIANT_SCOPES(
	SUBJECTS) };
