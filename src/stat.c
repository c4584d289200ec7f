/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* stat.c - shows what a pool holds: figures, tables, walks. Owns no state.
 *
 * Kernel origin: mm/zsmalloc.c zs_get_total_pages, zs_pool_stats,
 * zs_stats_size_show (the `classes` table); the rest is ours.
 * Locks: takes class->lock, one class at a time (to copy a class, with what the
 * profile has before it), and zone->lock for a short time; none during a
 * callback. Sleeps: only on output.
 */
#include <stdlib.h>
#include <string.h>

#include "class.h"
#include "compat/fault.h"
#include "deferred.h"
#include "kernel/reuse.h"
#include "profile.h"
#include "words.h"

#define SIZE_OF_VERSION_1(type, last) \
	(offsetof(type, last) + sizeof(((type *)NULL)->last))

unsigned long zs_get_total_pages(struct zs_pool *pool)
{
	return (unsigned long)READ_ONCE(pool->pages_allocated);
}

void zs_pool_stats(struct zs_pool *pool, struct zs_pool_stats *stats)
{
	stats->pages_compacted = READ_ONCE(pool->stat.pages_compacted);
}

size_t zs_huge_class_size(struct zs_pool *pool)
{
	return pool->huge_class_size;
}

unsigned int zs_lookup_class_index(struct zs_pool *pool, unsigned int size)
{
	return pool->size_class[pool->profile->class_index(pool, size)]->index;
}

unsigned int zs_class_count(const struct zs_pool *pool)
{
	return pool->nr_classes;
}

enum zs_lock_scope zs_pool_scope(const struct zs_pool *pool)
{
	return pool->scope ? pool->scope->id : ZS_SCOPE_DEFAULT;
}

/* Copies a structure to a caller whose version of it may be older. */
static void copy_sized(void *to, const void *from, size_t size,
		       size_t their_size)
{
	size_t n = min(size, their_size) - sizeof(size_t);

	memcpy((char *)to + sizeof(size_t), (const char *)from + sizeof(size_t),
	       n);
}

/* Objects that are free, and still count as in use. */
static unsigned long nr_kept(struct zs_pool *pool,
			     const struct size_class *class)
{
	return pool->profile->nr_kept ? pool->profile->nr_kept(pool, class) : 0;
}

int zs_pool_info(struct zs_pool *pool, struct zs_pool_info *info)
{
	struct zs_pool_info i = { 0 };
	struct zone *zone = &pool->zone;
	struct zone_stat z;
	struct profile_memory own_sections = { 0 };
	unsigned long kept = 0;
	size_t own;

	if (info->struct_size <
	    SIZE_OF_VERSION_1(struct zs_pool_info, bytes_given_back))
		return -EINVAL;
	uzs_zone_stat(zone, &z);
	i.page_size = pool->page_size;
	i.chain_size = pool->chain_size;
	i.memory_limit_bytes = uzs_memory_limit(pool);
	i.retained_bytes = zone->retained;

	i.pages = zs_get_total_pages(pool);
	i.peak_pages = (unsigned long)READ_ONCE(pool->peak_pages);
	i.slab_pages = READ_ONCE(pool->handle_cache.nr_slabs) +
		       READ_ONCE(pool->zspage_cache.nr_slabs);
	own = pool->meta_bytes + uzs_deferred_bytes(pool) +
	      READ_ONCE(zone->keep_bytes);
	if (pool->profile->memory)
		pool->profile->memory(pool, &own_sections);
	i.bytes_mapped = z.bytes_mapped + own_sections.mapped + own +
			 uzs_idle_rows_bytes(pool);
	i.bytes_resident = z.bytes_resident + own_sections.resident + own;
	i.bytes_free = z.bytes_free + own_sections.free;

	for (unsigned int n = 0; n < pool->nr_classes; n++) {
		struct size_class *class = pool->size_class[n];

		if (!uzs_class_is_own(pool, n))
			continue;
		kept += nr_kept(pool, class);
		i.objs_inuse += READ_ONCE(class->objs_inuse);
		i.objs_capacity += READ_ONCE(class->objs_capacity);
		i.freeable_pages += uzs_freeable_pages(class);
	}
	i.objs_inuse -= min(kept, i.objs_inuse);
	i.compactions = READ_ONCE(pool->stat.compactions);
	i.pages_compacted = READ_ONCE(pool->stat.pages_compacted);
	i.objs_moved = READ_ONCE(pool->stat.objs_moved);
	i.bytes_moved = READ_ONCE(pool->stat.bytes_moved);
	i.compact_hold_ns_max =
		(unsigned long)READ_ONCE(pool->stat.compact_hold_ns_max);
	i.own_steps = READ_ONCE(pool->stat.own_steps);
	i.own_bytes_moved = READ_ONCE(pool->stat.own_bytes_moved);
	i.own_us = READ_ONCE(pool->stat.own_us);
	i.pages_migrated = READ_ONCE(zone->pages_migrated);
	i.migrations_busy = READ_ONCE(zone->migrations_busy);
	i.zspages_async_freed = READ_ONCE(pool->stat.zspages_async_freed);
	i.bytes_given_back = READ_ONCE(zone->bytes_given_back);

	i.deferred_queued = uzs_deferred_nr_queued(pool);
	i.deferred_sync_busy = uzs_deferred_nr_busy(pool);
	i.deferred_sync_full = uzs_deferred_nr_full(pool);
	i.deferred_drained = uzs_deferred_nr_drained(pool);
	i.deferred_scheduled = READ_ONCE(pool->deferred.nr_scheduled);
	i.deferred_reused = uzs_reuse_nr_taken(pool);
	i.bytes_huge = own_sections.huge;
	copy_sized(info, &i, sizeof(i), info->struct_size);
	return 0;
}

/* Locks: takes class->lock. */
static void read_class(struct zs_pool *pool, struct size_class *class,
		       struct zs_class_info *i)
{
	unsigned long kept;

	i->index = class->index;
	i->size = class->size;
	i->pages_per_zspage = class->pages_per_zspage;
	i->objs_per_zspage = class->objs_per_zspage;
	i->huge = class->huge;
	spin_lock(&class->lock);
	memcpy(i->zspages, class->groups->zspages, sizeof(i->zspages));
	i->objs_capacity = class->objs_capacity;
	kept = nr_kept(pool, class);
	i->objs_inuse = class->objs_inuse - min(kept, class->objs_inuse);
	i->freeable_pages = uzs_freeable_pages(class);
	spin_unlock(&class->lock);
	i->pages_used =
		i->objs_capacity / i->objs_per_zspage * i->pages_per_zspage;
}

int zs_class_info(struct zs_pool *pool, unsigned int index,
		  struct zs_class_info *info)
{
	struct zs_class_info i = { 0 };

	if (info->struct_size <
	    SIZE_OF_VERSION_1(struct zs_class_info, freeable_pages))
		return -EINVAL;
	if (index >= pool->nr_classes)
		return -ERANGE;
	read_class(pool, pool->size_class[index], &i);
	copy_sized(info, &i, sizeof(i), info->struct_size);
	return 0;
}

/* The columns of one line of the `classes` table after class and size. The
 * widths are the kernel's. */
static void print_figures(FILE *out, const struct zs_class_info *i,
			  bool with_chain)
{
	for (int g = ZS_INUSE_RATIO_10; g <= ZS_INUSE_RATIO_100; g++)
		fprintf(out, "%9lu ", i->zspages[g]);
	fprintf(out, "%13lu %10lu %10lu ", i->objs_capacity, i->objs_inuse,
		i->pages_used);
	if (with_chain)
		fprintf(out, "%16u ", i->pages_per_zspage);
	else
		fprintf(out, "%16s ", "");
	fprintf(out, "%8lu\n", i->freeable_pages);
}

int zs_print_classes(struct zs_pool *pool, FILE *out)
{
	static const char *const groups[] = { "10%", "20%", "30%", "40%",
					      "50%", "60%", "70%", "80%",
					      "90%", "99%", "100%" };
	struct zs_class_info total = { 0 };

	fprintf(out, " %5s %5s ", "class", "size");
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		fprintf(out, "%9s ", groups[g]);
	fprintf(out, "%13s %10s %10s %16s %8s\n", "obj_allocated", "obj_used",
		"pages_used", "pages_per_zspage", "freeable");
	for (unsigned int n = 0; n < pool->nr_classes; n++) {
		struct zs_class_info i = { 0 };

		if (!uzs_class_is_own(pool, n))
			continue;
		read_class(pool, pool->size_class[n], &i);
		fprintf(out, " %5u %5u ", i.index, i.size);
		print_figures(out, &i, true);
		for (int g = 0; g < NR_FULLNESS_GROUPS; g++)
			total.zspages[g] += i.zspages[g];
		total.objs_capacity += i.objs_capacity;
		total.objs_inuse += i.objs_inuse;
		total.pages_used += i.pages_used;
		total.freeable_pages += i.freeable_pages;
	}
	fprintf(out, "\n %5s %5s ", "Total", "");
	print_figures(out, &total, false);
	if (fflush(out) || ferror(out))
		return errno ? -errno : -EIO;
	return 0;
}

struct live_walk {
	struct zs_pool *pool;
	int (*callback)(unsigned long handle, void *arg);
	void *arg;
};

static int show_live(void *arg, void *obj, unsigned long word)
{
	struct live_walk *walk = arg;

	if (!uzs_handle_word_live(walk->pool, word))
		return 0;
	return walk->callback((unsigned long)obj, walk->arg);
}

int zs_for_each_live(struct zs_pool *pool,
		     int (*callback)(unsigned long handle, void *arg),
		     void *arg)
{
	struct live_walk walk = { pool, callback, arg };

	return uzs_slab_walk(&pool->handle_cache, show_live, &walk);
}

/* A copy of one class's zspages: `n` infos, then the arrays they point to. */
struct class_copy {
	struct zs_zspage_info *infos;
	unsigned long *handles;
	unsigned int *links;
	unsigned long *pfns;
	unsigned long room; /* zspages */
	unsigned long n;
};

static void copy_zspage(const struct zs_pool *pool,
			const struct size_class *class, struct class_copy *copy,
			struct zspage *zspage)
{
	unsigned long at = copy->n * class->objs_per_zspage;
	unsigned long *pfns = copy->pfns + copy->n * class->pages_per_zspage;
	struct zs_zspage_info *info = &copy->infos[copy->n++];

	*info = (struct zs_zspage_info){
		.class_index = class->index,
		.group = zspage->fullness,
		.inuse = zspage->inuse,
		.objs = class->objs_per_zspage,
		.pages = class->pages_per_zspage,
		.handles = copy->handles + at,
		.free_list = copy->links + at,
		.pfns = pfns,
	};
	pool->profile->copy_zspage(pool, class, zspage, copy->handles + at,
				   copy->links + at);
	pool->profile->copy_pfns(pool, zspage, info->pages, pfns);
}

/* False if the class has grown beyond the room. Locks: takes class->lock, and
 * before it what the profile has. */
static bool copy_class(struct zs_pool *pool, struct size_class *class,
		       struct class_copy *copy)
{
	struct zspage *zspage;
	bool fits;

	copy->n = 0;
	if (pool->profile->copy_lock)
		pool->profile->copy_lock(pool);
	spin_lock(&class->lock);
	fits = class->objs_capacity / class->objs_per_zspage <= copy->room;
	for (int g = 0; fits && g < NR_FULLNESS_GROUPS; g++)
		list_for_each_entry(zspage, &class->groups->list[g], list)
			copy_zspage(pool, class, copy, zspage);
	spin_unlock(&class->lock);
	if (pool->profile->copy_unlock)
		pool->profile->copy_unlock(pool);
	return fits;
}

int zs_for_each_zspage(struct zs_pool *pool, unsigned int index,
		       int (*callback)(const struct zs_zspage_info *info,
				       void *arg),
		       void *arg)
{
	struct size_class *class;
	struct class_copy copy = { 0 };
	int rc = 0;

	if (index >= pool->nr_classes)
		return -ERANGE;
	class = pool->size_class[index];
	do {
		unsigned int objs = class->objs_per_zspage;
		unsigned int pages = class->pages_per_zspage;
		size_t zspage_bytes =
			sizeof(*copy.infos) + pages * sizeof(*copy.pfns) +
			objs * (sizeof(*copy.handles) + sizeof(*copy.links));
		void *mem;

		/* A few more than now, because others may add zspages
		 * meanwhile. */
		copy.room = READ_ONCE(class->objs_capacity) / objs + 2 +
			    copy.room / 8;
		mem = uzs_should_fail(UZS_FAULT_OS)
			      ? NULL
			      : realloc(copy.infos, copy.room * zspage_bytes);
		if (!mem) {
			free(copy.infos);
			return -ENOMEM;
		}
		copy.infos = mem;
		copy.handles = (unsigned long *)(copy.infos + copy.room);
		copy.pfns = copy.handles + copy.room * objs;
		copy.links = (unsigned int *)(copy.pfns + copy.room * pages);
	} while (!copy_class(pool, class, &copy));

	for (unsigned long i = 0; !rc && i < copy.n; i++)
		rc = callback(&copy.infos[i], arg);
	free(copy.infos);
	return rc;
}

_Static_assert((int)UZS_LOOK_ZSPAGE == (int)ZS_PAGE_ZSPAGE &&
		       (int)UZS_LOOK_SLAB == (int)ZS_PAGE_SLAB &&
		       (int)UZS_LOOK_WARM == (int)ZS_PAGE_WARM &&
		       (int)UZS_LOOK_COLD == (int)ZS_PAGE_COLD,
	       "the zone's words are the header's");

int zs_for_each_section(struct zs_pool *pool,
			int (*callback)(const struct zs_section_info *info,
					void *arg),
			void *arg)
{
	struct zs_section_info info = { .pages = pool->zone.nr_pages };
	struct section *section = NULL;
	unsigned char *use;
	int rc = 0;

	use = uzs_should_fail(UZS_FAULT_OS) ? NULL : malloc(info.pages);
	if (!use)
		return -ENOMEM;
	info.use = use;
	while (!rc && (section = uzs_zone_next_section(&pool->zone, section))) {
		info.pfn =
			(unsigned long)((uintptr_t)section >> pool->page_shift);
		uzs_zone_look(&pool->zone, section, use);
		rc = callback(&info, arg);
	}
	if (section)
		uzs_zone_end_walk(&pool->zone, section);
	free(use);
	return rc;
}
