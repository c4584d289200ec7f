/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* page.c - owns the zone that the kernel file's pages come from: allocation,
 * references, migration.
 *
 * Kernel origin: mm/page_alloc.c, mm/swap.c (__folio_put), mm/migrate.c
 * (isolate_movable_ops_page, migrate_movable_ops_page; until 5.19 operations are
 * those of an address space); differs: one zone for
 * all pools of the process; only movable_ops pages are migrated; compat's
 * compaction keeps a page locked from isolation to putback (uzs_k_move_pages
 * does not, like the kernel).
 * Locks: takes trim_lock, page locks. Sleeps: in migration.
 * Guarantees:
 *  Y1 a page with a reference is neither freed nor reused, even if it was moved
 *     away meanwhile.
 *  Y2 a page goes back to the zone without flags, type and references: in
 *     builds that test, the process ends if the file left it locked, typed,
 *     private, mapped or charged. (The kernel calls that a bad page.)
 *  Y3 in a new page only those fields are cleared that the kernel clears, and
 *     its contents are not 0 (K_FILL) unless that is asked for.
 */
#include "kernel.h"
#include "lab_kernel.h"

#include <linux/fs.h>
#include <linux/migrate.h>
#include <linux/slab.h>

#include "uzs-tree.h"

/* All the memory that pages may take in builds that test: a file that loses
 * pages runs out of memory before the machine does. */
#define UZS_K_TEST_BYTES ((size_t)1 << 30)

static struct zone own_zone;
static struct zone *zone = &own_zone;
static void *zone_memory;
/* Operations by page type, in trees that have them so, not by page. */
static const struct movable_operations *type_ops;

struct zone *uzs_k_zone(void)
{
	return zone;
}

/* ---- allocation and references ------------------------------------------- */

static void reset(struct page *page)
{
	page->mapping = NULL;
	page->private = 0;
	page->page_type = ~0u;
	page->memcg_data = 0;
	/* Any value: what the last owner left there. */
	uzs_k_fill(&page->index, sizeof(page->index));
}

struct page *uzs_k_alloc_page(gfp_t gfp)
{
	struct uzs_page *p = uzs_zone_alloc_page(
		zone, uzs_k_may(gfp),
		gfp & __GFP_MOVABLE ? MIGRATE_MOVABLE : MIGRATE_UNMOVABLE);
	struct page *page;

	/* Who asks for that promises that the page can move. */
	VM_BUG_ON(!IS_ENABLED(CONFIG_COMPACTION) && gfp & __GFP_MOVABLE);
	if (!p)
		return NULL;
	page = uzs_page_as_kernel(p);
	reset(page);
	if (gfp & __GFP_ZERO)
		memset(page_address(page), 0, PAGE_SIZE);
	else
		uzs_k_fill(page_address(page), PAGE_SIZE);
	/* A walk over the section sees it in get_page_unless_zero. */
	__atomic_store_n(&page->_refcount.counter, 1, __ATOMIC_RELEASE);
	return page;
}

/* Called when the last reference is gone. */
void uzs_k_put_last(struct page *page)
{
	VM_BUG_ON(PagePrivate(page));
	VM_BUG_ON(PagePrivate2(page));
	VM_BUG_ON(page->memcg_data);
	/* With a mark in it, as movable pages have, it is cleared. */
	VM_BUG_ON(page->mapping &&
		  !((unsigned long)page->mapping & UZS_K_MAPPING_MARKS));
	VM_BUG_ON(page->uzs_flags & PG_locked); /* no other thread has it */
	/* Where operations go by type, the page has its type until now. */
	VM_BUG_ON(!UZS_K_OPS_BY_TYPE && ~page->page_type);
	page_clear(uzs_page_of(page), PG_movable | UZS_K_OWNER_PRIV_1);
	uzs_zone_free_page(zone, uzs_page_of(page));
}

void uzs_k_free_page(struct page *page)
{
	put_page(page);
}

#if !UZS_LAB
void uzs_k_wait_on_page_locked(struct page *page)
{
	u32 flags;

	while ((flags = page_flags(uzs_page_of(page))) & PG_locked) {
		/* Unlocking wakes the waiters only if it sees PG_waiters. */
		if (!(flags & PG_waiters) &&
		    !__atomic_compare_exchange_n(
			    &page->uzs_flags, &flags, flags | PG_waiters, false,
			    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			continue;
		uzs_wait_on(&page->uzs_flags, flags | PG_waiters);
	}
}
#endif

/* ---- migration ----------------------------------------------------------- */

int uzs_k_set_movable_ops(const struct movable_operations *ops,
			  enum pagetype type)
{
	(void)type;
	if (ops && type_ops)
		return -EBUSY;
	type_ops = ops;
	return 0;
}

#if UZS_K_ADDRESS_SPACE
static const struct address_space_operations *ops_of(const struct page *page)
{
	return page_mapping(page) ? page_mapping(page)->a_ops : NULL;
}

static int call_migrate(struct page *to, struct page *from)
{
	return ops_of(from)->migratepage(page_mapping(from), to, from,
					 MIGRATE_SYNC);
}
#else
static const struct movable_operations *ops_of(const struct page *page)
{
	unsigned long mapping = (unsigned long)page->mapping;

	if (mapping > UZS_K_MAPPING_MOVABLE)
		return (void *)(mapping & ~UZS_K_MAPPING_MOVABLE);
	return type_ops;
}

static int call_migrate(struct page *to, struct page *from)
{
	return ops_of(from)->migrate_page(to, from, MIGRATE_SYNC);
}
#endif

static bool isolate(struct zone *z, struct uzs_page *p)
{
	struct page *page = uzs_page_as_kernel(p);

	(void)z;
	return ops_of(page) && ops_of(page)->isolate_page(page, 0);
}

/* Return 0: the caller has a reference to `to`, and puts it when `to` is
 * unlocked. It may be the only one, if the page was not wanted any more. */
static int migrate_to(struct uzs_page *to, struct uzs_page *from)
{
	struct page *dst = uzs_page_as_kernel(to);
	struct page *src = uzs_page_as_kernel(from);
	int rc;

	reset(dst);
	/* The migrator's reference; the owner takes its own. */
	__atomic_store_n(&dst->_refcount.counter, 1, __ATOMIC_RELEASE);
	rc = call_migrate(dst, src);
	if (!rc) {
		page_clear(from, PG_movable);
		return 0;
	}
	VM_BUG_ON(page_count(dst) != 1);
	atomic_set(&dst->_refcount, 0);
	return rc;
}

/* For compat's compaction, which has kept `from` locked since it was isolated:
 * its zspage still exists, and takes the new page. */
static int migrate(struct zone *z, struct uzs_page *to, struct uzs_page *from)
{
	int rc = migrate_to(to, from);

	(void)z;
	if (!rc)
		put_page(uzs_page_as_kernel(to));
	return rc;
}

static void putback(struct zone *z, struct uzs_page *p)
{
	struct page *page = uzs_page_as_kernel(p);

	(void)z;
	ops_of(page)->putback_page(page);
}

static bool get(struct zone *z, struct uzs_page *p)
{
	(void)z;
	return get_page_unless_zero(uzs_page_as_kernel(p));
}

static void put(struct zone *z, struct uzs_page *p)
{
	(void)z;
	put_page(uzs_page_as_kernel(p));
}

static const struct uzs_movable_operations zone_ops = {
	.isolate_page = isolate,
	.migrate_page = migrate,
	.putback_page = putback,
	.get_page = get,
	.put_page = put,
};

/* Isolates a page as the kernel does: it stays isolated when its lock is
 * dropped. */
static bool isolate_held(struct zs_pool *pool, struct page *src)
{
	struct uzs_page *from = uzs_page_of(src);
	bool done;

	if (!trylock_page(src))
		return false;
	done = PageMovable(src) && !PageIsolated(src) &&
	       (!pool || uzs_k_page_owner(src) == pool) && isolate(zone, from);
	if (done)
		page_set(from, PG_isolated);
	unlock_page(src);
	return done;
}

/* Moves an isolated page to a new one, or puts it back. The caller has a
 * reference to `src`. Return: 1 if it moved, 0 if not, -ENOMEM. */
static int move_isolated(struct page *src)
{
	struct uzs_page *from = uzs_page_of(src), *to;
	int rc = -ENOMEM;

	to = uzs_zone_alloc_page(zone, UZS_MAY_MAP, MIGRATE_MOVABLE);
	lock_page(src);
	if (to && PageMovable(src)) {
		lock_page(uzs_page_as_kernel(to));
		rc = migrate_to(to, from);
		unlock_page(uzs_page_as_kernel(to));
		if (!rc)
			put_page(uzs_page_as_kernel(to));
	}
	if (rc && PageMovable(src))
		putback(zone, from);
	page_clear(from, PG_isolated);
	unlock_page(src);
	if (!to)
		return -ENOMEM;
	if (rc)
		uzs_zone_free_page(zone, to);
	return !rc;
}

/* Moves one page to a new one, as the kernel does: it is isolated under its
 * lock, and the lock is dropped meanwhile, so its zspage may be freed then. The
 * caller has a reference to `src`. pool NULL: of any pool. Return: 1 if it
 * moved, 0 if not, -ENOMEM. */
static int move_held(struct zs_pool *pool, struct page *src)
{
	return isolate_held(pool, src) ? move_isolated(src) : 0;
}

bool uzs_k_move_page(struct page *page)
{
	bool moved;

	if (!PageMovable(page) || !get_page_unless_zero(page))
		return false;
	moved = move_held(NULL, page) > 0;
	put_page(page);
	return moved;
}

#if UZS_LAB
bool uzs_k_lab_move_page(void *page)
{
	return uzs_k_move_page(page);
}

bool uzs_k_lab_isolate_page(void *page)
{
	get_page(page);
	if (isolate_held(NULL, page))
		return true;
	put_page(page);
	return false;
}

void uzs_k_lab_move_isolated(void *page)
{
	move_isolated(page);
	put_page(page);
}
#endif

unsigned long uzs_k_move_pages(struct zs_pool *pool, unsigned long most)
{
	struct section *section = NULL;
	unsigned long moved = 0;
	int rc = 0;

	mutex_lock(&zone->trim_lock);
	while ((section = uzs_zone_next_section(zone, section)))
		for (unsigned int i = zone->first; i < zone->nr_pages; i++) {
			struct page *src = uzs_page_as_kernel(
				uzs_section_page(zone, section, i));

			if (moved == most || rc < 0)
				goto out;
			if (!PageMovable(src) || !get_page_unless_zero(src))
				continue;
			rc = move_held(pool, src);
			moved += rc > 0;
			put_page(src);
		}
out:
	if (section)
		uzs_zone_end_walk(zone, section);
	mutex_unlock(&zone->trim_lock);
	return moved;
}

unsigned long uzs_k_compact_zone(void)
{
	unsigned long moved;

	mutex_lock(&zone->trim_lock);
	moved = uzs_zone_compact(zone);
	uzs_zone_give_back(zone, 0, true);
	mutex_unlock(&zone->trim_lock);
	return moved;
}

/* ---- life ---------------------------------------------------------------- */

bool uzs_k_zone_init(void)
{
	/* No worker gives memory back in the background. */
	struct zone_options options = {
		.page_shift = PAGE_SHIFT,
		.limit = UZS_DEBUG ? UZS_K_TEST_BYTES : 0,
		.retained = SIZE_MAX,
		.movable = &zone_ops,
	};

	zone_memory = uzs_k_zalloc(uzs_zone_bytes());
	if (!zone_memory)
		return false;
#if UZS_SIM /* its cache lines are the simulated machine's */
	zone = uzs_k_zalloc(sizeof(*zone));
	if (!zone)
		return false;
#endif
	uzs_zone_init(zone, zone_memory, &options);
	BUG_ON(zone->first != UZS_K_FIRST_PAGE ||
	       zone->desc_offset != (ptrdiff_t)UZS_K_DESC_OFFSET);
	return true;
}

unsigned long uzs_k_zone_destroy(void)
{
	unsigned long out;

	uzs_zone_drain_pcp(zone);
	out = uzs_zone_destroy(zone);
	uzs_k_free(zone_memory);
	return out;
}
