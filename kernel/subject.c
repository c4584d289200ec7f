/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* subject.c - a kernel tree's mm/zsmalloc.c as a subject of the tests
 * (tests/conformance/subject.h), for all generations of its interface.
 *
 * Compiled into a shared object for one page size and one chain size. It
 * exports only uzs_kernel_subject(). uzs-tree.h, written by
 * scripts/kernel-test, has the calls whose arguments differ.
 */
#include "kernel.h"
#include "lab_kernel.h"

#include <linux/debugfs.h>
#include <linux/pagemap.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/zsmalloc.h>

#include "uzs-tree.h"
#if UZS_SIM
#include "lab/sim_subject.h"
#endif

struct subject_pool {
	struct zs_pool *zs;
	unsigned long compacted; /* pages that zs_compact() told of so far, where
				  * it tells of all; atomic */
#if UZS_K_EVICTS
	struct zpool zpool;
#endif
	struct uzs_k_env env;
};

/* ---- life ---------------------------------------------------------------- */

static struct subject_pool *create(unsigned int page_size,
				   unsigned int chain_size, bool worker)
{
	struct subject_pool *pool;

	if ((page_size && page_size != PAGE_SIZE) ||
	    (chain_size && chain_size != uzs_k_chain_size)) {
		errno = EINVAL;
		return NULL;
	}
	pool = uzs_k_zalloc(sizeof(*pool));
	if (!pool || !uzs_k_enter(&pool->env, worker)) {
		uzs_k_free(pool);
		errno = ENOMEM;
		return NULL;
	}
#if UZS_K_EVICTS
	pool->zs = uzs_k_zpool_create("subject", &pool->zpool);
#else
	pool->zs = UZS_K_CREATE("subject");
#endif
	uzs_k_entered();
	if (!pool->zs) {
		unsigned long left = uzs_k_leave(&pool->env);

		uzs_k_free(pool);
		/* No caller could report it. */
		VM_BUG_ON(left);
		errno = ENOMEM;
		return NULL;
	}
	return pool;
}

/* Live objects are found by what they leave behind. Work in flight is the
 * file's own task. */
static unsigned long destroy(struct subject_pool *pool)
{
	unsigned long left;

	if (pool->zs)
		zs_destroy_pool(pool->zs);
	left = uzs_k_leave(&pool->env);
	uzs_k_free(pool);
	return left;
}

/* ---- objects ------------------------------------------------------------- */

static unsigned long subject_malloc(struct subject_pool *pool, size_t size)
{
	/* With the flags that zram uses. */
	unsigned long handle = UZS_K_MALLOC(
		pool->zs, size, GFP_KERNEL | __GFP_HIGHMEM | __GFP_MOVABLE);

#if UZS_K_FAILS_WITH_0
	if (!handle)
		handle = (unsigned long)(!size || size > PAGE_SIZE ? -EINVAL
								   : -ENOMEM);
#endif
	return handle;
}

static void subject_free(struct subject_pool *pool, unsigned long handle)
{
#if UZS_K_FAILS_WITH_0
	if (IS_ERR_VALUE(handle))
		handle = 0; /* what subject_malloc() got */
#endif
	zs_free(pool->zs, handle);
}

static void drain(struct subject_pool *pool)
{
	uzs_workqueue_drain(&pool->env.queue);
}

#if UZS_K_HAVE_DEFERRED
static void free_deferred(struct subject_pool *pool, unsigned long handle)
{
	zs_free_deferred(pool->zs, handle);
}

static void flush(struct subject_pool *pool)
{
	zs_free_deferred_flush(pool->zs);
}
#endif

/* ---- access -------------------------------------------------------------- */

#if UZS_K_MAP_API
static const void *read_begin(struct subject_pool *pool, unsigned long handle,
			      size_t len, void *copy)
{
	(void)len;
	(void)copy;
	return zs_map_object(pool->zs, handle, ZS_MM_RO);
}

static void read_end(struct subject_pool *pool, unsigned long handle,
		     size_t len, const void *data)
{
	(void)len;
	(void)data;
	zs_unmap_object(pool->zs, handle);
}

static void subject_read(struct subject_pool *pool, unsigned long handle,
			 void *buf, size_t len)
{
	memcpy(buf, zs_map_object(pool->zs, handle, ZS_MM_RO), len);
	zs_unmap_object(pool->zs, handle);
}

static void subject_write(struct subject_pool *pool, unsigned long handle,
			  const void *bytes, size_t len)
{
	memcpy(zs_map_object(pool->zs, handle, ZS_MM_WO), bytes, len);
	zs_unmap_object(pool->zs, handle);
}
#else
#if UZS_K_READ_WHOLE
/* The call has no length: for an object in two pages it copies the whole
 * object, with the handle before it. */
static const void *read_begin(struct subject_pool *pool, unsigned long handle,
			      size_t len, void *copy)
{
	char whole[PAGE_SIZE];
	const void *data = UZS_K_READ_BEGIN(pool->zs, handle, len, whole);

	if ((uintptr_t)data - (uintptr_t)whole >= sizeof(whole))
		return data;
	return memcpy(copy, data, len);
}
#else
static const void *read_begin(struct subject_pool *pool, unsigned long handle,
			      size_t len, void *copy)
{
	return UZS_K_READ_BEGIN(pool->zs, handle, len, copy);
}
#endif

static void read_end(struct subject_pool *pool, unsigned long handle,
		     size_t len, const void *data)
{
	UZS_K_READ_END(pool->zs, handle, len, (void *)data);
}

static void subject_read(struct subject_pool *pool, unsigned long handle,
			 void *buf, size_t len)
{
	const void *data = read_begin(pool, handle, len, buf);

	if (data != buf)
		memcpy(buf, data, len);
	read_end(pool, handle, len, data);
}

static void subject_write(struct subject_pool *pool, unsigned long handle,
			  const void *bytes, size_t len)
{
	zs_obj_write(pool->zs, handle, (void *)bytes, len);
}
#endif

#if UZS_K_HAVE_SEGMENTS
static unsigned int read_sg_begin(struct subject_pool *pool,
				  unsigned long handle,
				  struct subject_segment segments[2],
				  size_t len)
{
	struct scatterlist table[2], *at;
	unsigned int nr = 0;

	zs_obj_read_sg_begin(pool->zs, handle, table, len);
	for (at = table; at; at = sg_next(at)) {
		BUG_ON(nr == ARRAY_SIZE(table));
		segments[nr].data = sg_virt(at);
		segments[nr++].len = at->length;
	}
	return nr;
}

static void read_sg_end(struct subject_pool *pool, unsigned long handle)
{
	zs_obj_read_sg_end(pool->zs, handle);
}
#endif

/* ---- giving back, looks --------------------------------------------------- */

static unsigned long compact(struct subject_pool *pool)
{
	unsigned long freed = zs_compact(pool->zs), told;

	if (!UZS_K_COMPACT_TELLS_ALL)
		return freed;
	/* With threads a call may tell of another one's, which then tells of
	 * none. */
	told = READ_ONCE(pool->compacted);
	while (freed > told)
		if (__atomic_compare_exchange_n(&pool->compacted, &told, freed,
						true, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return freed - told;
	return 0;
}

static unsigned long shrink_count(struct subject_pool *pool)
{
	return uzs_k_shrink_count(uzs_k_pool_shrinker(pool->zs));
}

static unsigned long shrink_scan(struct subject_pool *pool,
				 unsigned long nr_pages)
{
	unsigned long freed =
		uzs_k_shrink_scan(uzs_k_pool_shrinker(pool->zs), nr_pages);

	/* These are told. */
	if (UZS_K_COMPACT_TELLS_ALL && freed != SHRINK_STOP)
		__atomic_fetch_add(&pool->compacted, freed, __ATOMIC_RELAXED);
	return freed;
}

#ifdef CONFIG_COMPACTION
static unsigned long move_pages(struct subject_pool *pool, unsigned long most)
{
	return uzs_k_move_pages(pool->zs, most);
}

/* As migration holds it. */
static void *hold_page(struct subject_pool *pool, unsigned long handle)
{
	struct page *page = uzs_k_page_of(handle);

	(void)pool;
	get_page(page);
	lock_page(page);
	return page;
}

static void release_page(struct subject_pool *pool, void *page)
{
	(void)pool;
	unlock_page(page);
	put_page(page);
}
#endif

#if UZS_K_EVICTS
static void set_evict(struct subject_pool *pool,
		      int (*evict)(unsigned long handle, void *arg), void *arg)
{
	pool->zpool.evict = evict;
	pool->zpool.arg = arg;
}

static int reclaim(struct subject_pool *pool, unsigned int nr,
		   unsigned int *given_back)
{
	return uzs_k_zpool_shrink(pool->zs, nr, given_back);
}
#endif

static unsigned long trim(struct subject_pool *pool)
{
	(void)pool;
	return uzs_k_compact_zone();
}

static unsigned long total_pages(struct subject_pool *pool)
{
	return zs_get_total_pages(pool->zs);
}

static unsigned long pages_compacted(struct subject_pool *pool)
{
	struct zs_pool_stats counts;

	zs_pool_stats(pool->zs, &counts);
	return (unsigned long)atomic_long_read(&counts.pages_compacted);
}

static unsigned long huge_class_size(struct subject_pool *pool)
{
	return zs_huge_class_size(pool->zs);
}

static unsigned int lookup_class_index(struct subject_pool *pool,
				       unsigned int size)
{
	return uzs_k_lookup_class_index(pool->zs, size);
}

static unsigned int class_count(struct subject_pool *pool)
{
	(void)pool;
	return uzs_k_class_count();
}

static void class_info(struct subject_pool *pool, unsigned int index,
		       struct subject_class *info)
{
	uzs_k_class_info(pool->zs, index, info);
}

static int for_each_zspage(struct subject_pool *pool, unsigned int index,
			   int (*callback)(const struct subject_zspage *,
					   void *arg),
			   void *arg)
{
	return uzs_k_for_each_zspage(pool->zs, index, callback, arg);
}

static int print_classes(struct subject_pool *pool, FILE *out)
{
	return uzs_k_debugfs_show(uzs_k_pool_dentry(pool->zs), "classes", out);
}

static unsigned long check(struct subject_pool *pool, FILE *out)
{
	return uzs_k_check(pool->zs, out);
}

#ifdef UZS_TESTING
static void run_out(enum subject_lack lack, long nth)
{
	static const enum uzs_fault_kind kinds[] = {
		[SUBJECT_NO_MEMORY] = UZS_FAULT_OS,
		[SUBJECT_NO_PAGE] = UZS_FAULT_PAGE,
		[SUBJECT_NO_SLAB] = UZS_FAULT_SLAB,
	};

	if (lack == SUBJECT_NO_DEBUGFS)
		uzs_k_debugfs_run_out(nth);
	else
		uzs_fault_set_from(kinds[lack], nth);
}
#endif

#if UZS_LAB
struct zs_pool *uzs_k_lab_pool(struct subject_pool *pool)
{
	return pool->zs;
}

void uzs_k_lab_destroy_pool(struct subject_pool *pool)
{
	zs_destroy_pool(pool->zs);
	pool->zs = NULL;
}
#endif

__attribute__((visibility("default"))) const struct subject *
uzs_kernel_subject(void)
{
	static const struct subject subject = {
		.abi = SUBJECT_ABI,
		.struct_size = sizeof(struct subject),
		.name = UZS_K_NAME,
		.description = UZS_K_DESCRIPTION,
		.page_size = PAGE_SIZE,
		.chain_size = UZS_K_CHAIN_SIZE,
		.groups = UZS_K_GROUPS,
		.traits = UZS_K_TRAITS,
		.create = create,
		.destroy = destroy,
		.malloc = subject_malloc,
		.free = subject_free,
#if UZS_K_HAVE_DEFERRED
		.free_deferred = free_deferred,
		.flush = flush,
#endif
		.read = subject_read,
		.write = subject_write,
		.read_begin = read_begin,
		.read_end = read_end,
#if UZS_K_HAVE_SEGMENTS
		.read_sg_begin = read_sg_begin,
		.read_sg_end = read_sg_end,
#endif
		.compact = compact,
		.shrink_count = shrink_count,
		.shrink_scan = shrink_scan,
#ifdef CONFIG_COMPACTION
		.move_pages = move_pages,
#endif
		.drain = drain,
		.total_pages = total_pages,
		.pages_compacted = pages_compacted,
		.huge_class_size = huge_class_size,
		.lookup_class_index = lookup_class_index,
		.class_count = class_count,
		.class_info = class_info,
		.for_each_zspage = for_each_zspage,
		.print_classes = print_classes,
		.check = check,
		.trim = trim,
#ifdef CONFIG_COMPACTION
		.hold_page = hold_page,
		.release_page = release_page,
#endif
#if UZS_K_EVICTS
		.set_evict = set_evict,
		.reclaim = reclaim,
#endif
#ifdef UZS_TESTING
		.run_out = run_out,
#endif
	};

	return &subject;
}

#if UZS_SIM
static const char *field(struct subject_pool *pool, const void *addr)
{
	return uzs_k_sim_field(pool->zs, addr);
}

__attribute__((visibility("default"))) const struct uzs_k_sim *
uzs_kernel_sim(void)
{
	static struct uzs_k_sim sim = { .abi = UZS_K_SIM_ABI, .field = field };

	sim.subject = uzs_kernel_subject();
	return &sim;
}
#endif
