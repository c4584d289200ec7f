/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zone.h - the page allocator: pages of one size, in sections of memory from
 * the OS.
 *
 * Kernel origin: mm/page_alloc.c, mm/compaction.c, linux/mmzone.h,
 * linux/page-flags.h. As in the kernel: free blocks with orders, which are
 * split and merged under zone->lock; per-CPU lists of pages, filled and emptied
 * in batches; pages grouped by mobility, so that pages that cannot move do not
 * keep a section that could become empty; a type ISOLATE for memory that is
 * being emptied.
 * Simpler: each user has a zone of its own; callers get single pages (orders
 * are internal); no reference counts: a page has one owner, and its page lock
 * and PG_movable say who may touch it.
 * Ours: sections come from the OS and go back to it, and a page remembers
 * whether the OS has filled it (PG_warm): *warm*, else *cold*.
 *
 *   section, 4 MiB, aligned to 4 MiB
 *   +--------+---------------------+-------+-------+--- ... ---+
 *   | header | struct page [first | page  | page  |           |
 *   |        |    .. nr)          | first |       |  nr - 1   |
 *   +--------+---------------------+-------+-------+--- ... ---+
 *   |<--- `first` pages, never handed out >|
 *
 * Guarantees:
 *  Z1 address -> section -> descriptor -> PFN is arithmetic: no table.
 *  Z2 a section is unmapped only under zone->trim_lock, and not while a walk
 *     is in it.
 *  Z3 a page that is locked and has PG_movable is neither freed nor reused
 *     until it is unlocked: its owner locks it to free it.
 *  Z4 bytes_resident is never less than what the OS has filled.
 *  Z5 only growing needs memory: freeing, moving and giving back cannot fail
 *     for lack of it.
 *  Z6 while more is free than is to be retained, a give-back is wanted or queued.
 *
 * Lock order: zone->trim_lock, gate and page lock before all locks of the user;
 * slot lock, then zone->lock after all of them. Ranks: checked/lockdep.h.
 */
#ifndef UZS_COMPAT_ZONE_H
#define UZS_COMPAT_ZONE_H

#include "atomic.h"
#include "base.h"
#include "list.h"
#include "lock.h"
#include "percpu.h"
#include "shrinker.h"
#include "turn.h"

#ifndef UZS_SECTION_SHIFT /* the lab has smaller ones */
#define UZS_SECTION_SHIFT 22
#endif
#define UZS_SECTION_SIZE ((size_t)1 << UZS_SECTION_SHIFT)
#define UZS_SECTION_HEADER 128
/* Orders of a section of 4 KiB pages. */
#define UZS_NR_ORDERS 11
/* Bytes of a batch, which a per-CPU list takes or gives at once. The list may
 * hold two batches. */
#ifndef UZS_PCP_BATCH_BYTES
#define UZS_PCP_BATCH_BYTES (128u << 10)
#endif

/* Bits of page->flags. All changes are atomic, as the bits have different
 * guards. */
#define PG_locked (1u << 0) /* page lock */
#define PG_waiters (1u << 1) /* a thread sleeps for the page lock */
#define PG_buddy (1u << 2) /* head of a free block; guard: zone->lock */
#define PG_slab (1u << 3) /* a slab; guard: the cache's lock */
#define PG_movable \
	(1u << 4) /* its owner can move it; guard: page lock to
			      * clear, the owner sets it last */
#define PG_isolated (1u << 5) /* being moved; guard: page lock */
#define PG_warm \
	(1u << 6) /* the OS may have filled it; guard: zone->lock
			   * while free */
/* With PG_slab: the number of the slab's cache in the zone; same guard. */
#define PG_CACHE_SHIFT 24
#define PG_SLAB_MASK (PG_slab | 0xffu << PG_CACHE_SHIFT)

#ifndef UZS_PAGE_OWNER_BYTES
#define UZS_PAGE_OWNER_BYTES 0
#endif

/* A page's descriptor. While the page is allocated, all fields but flags belong
 * to its owner. 32 bytes on 64-bit. */
struct page {
	u32 flags; /* atomic */
	u32 aux; /* free block: order; guard: zone->lock */
	struct list_head lru; /* free: free list, or per-CPU list */
	unsigned long private; /* free block: number of warm pages in it */
	/* For builds whose owners need more (kernel/). Theirs while the page is
	 * allocated. */
	unsigned char owner[UZS_PAGE_OWNER_BYTES];
};

enum migratetype {
	MIGRATE_UNMOVABLE, /* slabs */
	MIGRATE_MOVABLE, /* pages that the movable operations can move */
	MIGRATE_PCPTYPES,
	MIGRATE_ISOLATE = MIGRATE_PCPTYPES, /* sections being emptied */
	MIGRATE_TYPES
};

struct section {
	struct list_head list; /* guard: zone->lock; order has no meaning */
	struct zone *zone; /* const after creation */
	u32 nr_free; /* pages in the buddy lists; guard: zone->lock */
	u32 type; /* enum migratetype; written under zone->lock, atomic */
	u32 cursor; /* of zone_compact.c; guard: trim_lock */
	u32 walkers; /* how many walks are in it; guard: zone->lock */
	struct list_head walk; /* youngest first; guard: zone->lock */
};

struct free_area {
	struct list_head free_list[MIGRATE_TYPES];
};

/* Kernel: the same name. The first three are called with the page locked. */
struct movable_operations {
	/* Return: can this page be moved? If so, its owner leaves it as it is
	 * until migrate_page or putback_page. */
	bool (*isolate_page)(struct zone *zone, struct page *page);
	/* Moves contents and role of `src` to `dst`, a new page that is locked
	 * too. Return: 0, or -EAGAIN or -EBUSY, with nothing changed. */
	int (*migrate_page)(struct zone *zone, struct page *dst,
			    struct page *src);
	/* Undoes isolate_page: the page was not moved. */
	void (*putback_page)(struct zone *zone, struct page *page);
	/* For owners that count references to their pages; for others both are
	 * NULL. get_page is called before the page lock is tried (false: the
	 * page is being freed), put_page at the end. A page whose contents were
	 * moved away is then freed with its last reference. */
	bool (*get_page)(struct zone *zone, struct page *page);
	void (*put_page)(struct zone *zone, struct page *page);
};

struct zone_slot {
	local_lock_t lock;
	u32 count[MIGRATE_PCPTYPES]; /* guard: lock; read relaxed */
	/* If there are more pages than this in the lists, it is checked whether
	 * more is free than is to be retained. guard: lock and zone->lock to
	 * write, one of them to read */
	u32 ceiling;
	struct list_head list[MIGRATE_PCPTYPES]; /* guard: lock */
};

/* Is more free than is to be retained? */
enum uzs_give_back_state {
	UZS_GIVE_BACK_NONE, /* no, as far as is known */
	UZS_GIVE_BACK_WANTED, /* perhaps: a give-back should be queued */
	UZS_GIVE_BACK_QUEUED, /* a give-back is queued: no need to check */
};

/* The set of kept sections: a bit for each, in leaves, for all addresses that a
 * process can have: 48 bits on 64-bit machines. */
#define UZS_KEEP_LEAF_SHIFT 15
#define UZS_KEEP_LEAF_BITS (1u << UZS_KEEP_LEAF_SHIFT)
#if UINTPTR_MAX > UINT32_MAX
#define UZS_KEEP_LEAVES (1u << (48 - UZS_SECTION_SHIFT - UZS_KEEP_LEAF_SHIFT))
#else
#define UZS_KEEP_LEAVES 1u
#endif

struct zone_options {
	unsigned int page_shift; /* 12 to 16 */
	size_t limit; /* bytes, 0: none */
	size_t retained; /* bytes */
	const struct movable_operations *movable; /* or NULL */
	bool one_by_one; /* pages are seldom needed: a CPU takes one at a time,
			  * as what it keeps counts for the limit */
};

struct zone {
	/* constant after creation */
	unsigned int page_shift;
	unsigned int first; /* index of the first page handed out */
	unsigned int nr_pages; /* page indices in a section */
	unsigned int max_order;
	unsigned int pcp_batch; /* pages */
	/* descriptor: section + desc_offset + index * sizeof(struct page) */
	ptrdiff_t desc_offset;
	size_t os_page;
	size_t head_resident; /* bytes of a section's header and descriptors */
	size_t retained;
	const struct movable_operations *movable;
	struct uzs_percpu slots; /* struct zone_slot */
	u32 nr_caches; /* slab caches ever made in it, at most 255 */
	unsigned long **keep; /* NULL, or leaves, each set once, atomic */
	size_t keep_bytes; /* of the leaves; atomic, relaxed */

	/* seldom changed. limit: what holds now, never less than what the zone
	 * has; 0: none. limit_wanted: what it comes down to. above_limit: it is
	 * still to come down. Guard of all: lock; the last two are also read
	 * relaxed */
	size_t limit;
	size_t limit_wanted;
	bool above_limit;
	u32 give_back; /* enum uzs_give_back_state; atomic */

	spinlock_t lock __aligned(64);
	struct free_area free_area[UZS_NR_ORDERS]; /* guard: lock */
	struct list_head sections; /* guard: lock */
	struct list_head walk; /* the same, in order of walks; guard: lock */
	/* Written under lock, read relaxed by statistics. */
	unsigned long nr_sections;
	unsigned long nr_out; /* pages not in the buddy lists: used + pcp */
	unsigned long nr_free; /* pages in the buddy lists */
	unsigned long nr_warm; /* of those, warm */
	unsigned long ceilings; /* sum of all slots' ceilings */
	size_t charged; /* other memory that counts for the limit, bytes */
	unsigned long bytes_given_back; /* atomic, relaxed */
	unsigned long pages_migrated; /* guard: trim_lock; read relaxed */
	unsigned long migrations_busy; /* same */

	/* trim_lock: for the one thread that unmaps or moves, as long as that
	 * takes. It also takes gate while sections or pages are out of the
	 * lists, and drops gate between two steps if another thread wants it.
	 * So a thread that needs the whole zone (fork, check) waits for one
	 * step only. */
	struct mutex trim_lock;
	struct mutex gate;
	u32 gate_wanted; /* see turn.h; with gate */
	struct section *trimmed; /* the user's walk under trim_lock is in it;
				  * guard: gate */
	struct shrinker_list shrinkers;
};

/* Bytes that uzs_zone_init needs for the per-CPU lists. */
size_t uzs_zone_bytes(void);

/* Makes a zone without pages. @mem: uzs_zone_bytes() of zeroed memory. Takes no
 * memory from the OS. */
void uzs_zone_init(struct zone *zone, void *mem,
		   const struct zone_options *options);

/* Unmaps everything. Return: how many pages were still allocated. */
unsigned long uzs_zone_destroy(struct zone *zone);

/* The least bytes_resident of a zone with an allocated page. */
size_t uzs_zone_min_bytes(const struct zone_options *options);

/* Allocates `n` pages; their contents are undefined. GFP_NOWAIT: only what the
 * zone has. GFP_GROW: may map a section. GFP_KERNEL: also gives free memory
 * back if the limit requires it, and calls the shrinkers before it fails; so
 * the caller must not hold a lock that a shrinker takes.
 * Return: true with all n pages, or false with none. */
bool uzs_alloc_pages_bulk(struct zone *zone, gfp_t gfp, enum migratetype type,
			  unsigned int n, struct page **pages) __must_check;

/* Frees pages. They must not be locked or have PG_movable. May be called under
 * any lock. */
void uzs_free_pages_bulk(struct zone *zone, unsigned int n,
			 struct page **pages);

static inline struct page *alloc_page(struct zone *zone, gfp_t gfp,
				      enum migratetype type)
{
	struct page *page;

	return uzs_alloc_pages_bulk(zone, gfp, type, 1, &page) ? page : NULL;
}

static inline void __free_page(struct zone *zone, struct page *page)
{
	uzs_free_pages_bulk(zone, 1, &page);
}

/* Gives free memory above `target` bytes back to the OS; the per-CPU lists
 * count too. Empty sections go first, then runs of free pages, the largest
 * first. Takes trim_lock unless the caller has it (`locked`), and gate.
 * Return: bytes given back. */
size_t uzs_zone_give_back(struct zone *zone, size_t target, bool locked);

/* Empties the per-CPU lists into the buddy lists. */
void uzs_zone_drain_pcp(struct zone *zone);

/* Walks over all sections. Return: the section behind `section`, or the first
 * if that is NULL; NULL at the end. Sections that are mapped meanwhile are not
 * seen. The returned section stays (Z2) until the next call or
 * uzs_zone_end_walk. Needs no lock, and holds none between two calls. */
struct section *uzs_zone_next_section(struct zone *zone,
				      struct section *section);
/* Ends a walk early. */
void uzs_zone_end_walk(struct zone *zone, struct section *section);

/* For a thread that needs the whole zone. Waits for one step of the thread that
 * has trim_lock, at most. */
static inline void uzs_zone_lock_gate(struct zone *zone)
{
	uzs_turn_lock(&zone->gate, &zone->gate_wanted);
}

/* For the holder of gate, between two steps: gives others their turn. */
static inline bool uzs_zone_gate_is_wanted(const struct zone *zone)
{
	return unlikely(READ_ONCE(zone->gate_wanted));
}
static inline void uzs_zone_give_way(struct zone *zone)
{
	if (!uzs_zone_gate_is_wanted(zone))
		return;
	mutex_unlock(&zone->gate);
	uzs_turn_give(&zone->gate_wanted);
	mutex_lock(&zone->gate);
}

/* The same, for a walk that is in a section: the child of a fork leaves it. */
static inline void uzs_zone_give_way_in(struct zone *zone,
					struct section *section)
{
	zone->trimmed = section;
	uzs_zone_give_way(zone);
	zone->trimmed = NULL;
}

/* zone_compact.c: moves pages from sparse sections to dense ones. Needs
 * trim_lock, takes gate. Return: how many pages were moved. */
unsigned long uzs_zone_compact(struct zone *zone);

/* Should a call of uzs_zone_give_back(zone, zone->retained, false) be queued, as
 * more may be free than is to be retained? The thread that queues it first
 * calls uzs_zone_give_back_queued. If the give-back does not run soon, this becomes
 * true again, so that the user can check that it is still queued. The thread
 * that calls uzs_zone_give_back holds no other lock. */
static inline bool uzs_zone_wants_give_back(struct zone *zone)
{
	return unlikely(READ_ONCE(zone->give_back) == UZS_GIVE_BACK_WANTED);
}
/* How much free memory stays: none while the limit is still to come down. */
static inline size_t uzs_zone_retained(const struct zone *zone)
{
	return unlikely(READ_ONCE(zone->above_limit)) ? 0 : zone->retained;
}
/* Does the zone hold more than the limit that was set? Its user should allocate
 * nothing then, but what it needs to free memory. */
static inline bool uzs_zone_is_above(const struct zone *zone)
{
	return unlikely(READ_ONCE(zone->above_limit));
}
/* For users that have other memory to give back as well. */
static inline void uzs_zone_want_give_back(struct zone *zone)
{
	WRITE_ONCE(zone->give_back, (u32)UZS_GIVE_BACK_WANTED);
}
/* Bytes of what is to be retained that the zone's own free pages leave. */
static inline size_t uzs_zone_retained_left(const struct zone *zone)
{
	size_t own = READ_ONCE(zone->nr_warm) << zone->page_shift;

	return uzs_zone_retained(zone) - min(own, uzs_zone_retained(zone));
}
static inline void uzs_zone_give_back_queued(struct zone *zone)
{
	WRITE_ONCE(zone->give_back, (u32)UZS_GIVE_BACK_QUEUED);
}

/* ---- zone_keep.c: kept sections, which are never unmapped. So any address can
 * be tested, and one in such a section read, without a lock. Only in zones for
 * which uzs_zone_keep_init is called before their first section. */

/* Bytes of zeroed memory that uzs_zone_keep_init needs. Bytes of a leaf; most
 * zones need one leaf. */
size_t uzs_zone_keep_bytes(void);
size_t uzs_zone_keep_leaf_bytes(void);
void uzs_zone_keep_init(struct zone *zone, void *mem);
void uzs_zone_keep_destroy(struct zone *zone);
bool uzs_zone_keep_prepare(struct zone *zone,
			   const struct section *section) __must_check;
/* Keeps the section of an address in a page of the caller's, for ever. */
void uzs_zone_keep(struct zone *zone, const void *addr);

static inline bool uzs_keep_has_room(uintptr_t nr)
{
	return nr < (uintptr_t)UZS_KEEP_LEAVES * UZS_KEEP_LEAF_BITS;
}

/* Is this address in a kept section? It may be any address. */
static inline bool uzs_zone_keeps(const struct zone *zone, const void *addr)
{
	uintptr_t nr = (uintptr_t)addr >> UZS_SECTION_SHIFT;
	const unsigned long *leaf;

	if (unlikely(!uzs_keep_has_room(nr)))
		return false;
	leaf = smp_load_acquire(&zone->keep[nr / UZS_KEEP_LEAF_BITS]);
	if (unlikely(!leaf))
		return false;
	nr %= UZS_KEEP_LEAF_BITS;
	return smp_load_acquire(&leaf[nr / (uintptr_t)BITS_PER_LONG]) >>
		       nr % (uintptr_t)BITS_PER_LONG &
	       1;
}

/* Changes the limit; 0: none. If the zone has more, that stays, and the limit
 * comes down with it. Return: is that so? */
bool uzs_zone_set_limit(struct zone *zone, size_t bytes);
/* Counts other memory for the zone's limit. Return: false, with nothing
 * counted, if it exceeds the limit. */
bool uzs_zone_charge(struct zone *zone, size_t bytes) __must_check;
void uzs_zone_uncharge(struct zone *zone, size_t bytes);
/* Maps zeroed memory and counts it in this way. @bytes: whole OS pages. Return:
 * NULL: the OS has none, or it exceeds the limit. */
void *uzs_zone_map(struct zone *zone, size_t bytes) __must_check;
void uzs_zone_unmap(struct zone *zone, void *mem, size_t bytes);

struct zone_stat {
	unsigned long pages_used; /* allocated */
	size_t bytes_mapped;
	size_t bytes_resident;
	size_t bytes_free; /* resident and free */
};
/* Figures of one moment. Pages that are just moving into or out of the per-CPU
 * lists may be counted in either place. */
void uzs_zone_stat(struct zone *zone, struct zone_stat *stat);

/* zone_look.c: what a page is used for. */
enum uzs_zone_use {
	UZS_LOOK_HEAD, /* of the section */
	UZS_LOOK_ZSPAGE, /* allocated, and no slab */
	UZS_LOOK_SLAB,
	UZS_LOOK_WARM, /* free */
	UZS_LOOK_COLD
};
/* Fills in enum uzs_zone_use for each page index of a section that the caller's
 * walk is in. */
void uzs_zone_look(struct zone *zone, const struct section *section,
		   unsigned char *use);

/* Checks the zone's invariants and reports each violation to `report`. Needs
 * gate; takes every slot lock and zone->lock. Return: how many violations. */
unsigned long uzs_zone_check(struct zone *zone,
			     void (*report)(void *arg, const char *text),
			     void *arg);

/* Takes and drops every lock but trim_lock and gate: for fork, and for a thread
 * that needs the whole zone at one moment. In the child of a fork they are
 * renewed. */
void uzs_zone_lock_all(struct zone *zone);
void uzs_zone_unlock_all(struct zone *zone);
void uzs_zone_fork_child(struct zone *zone);

/* Z1 */
static inline struct section *uzs_section_of(const void *addr)
{
	return (struct section *)((uintptr_t)addr & ~(UZS_SECTION_SIZE - 1));
}

static inline struct page *uzs_section_page(const struct zone *zone,
					    const struct section *section,
					    unsigned int index)
{
	return (struct page *)((uintptr_t)section +
			       (uintptr_t)zone->desc_offset +
			       index * sizeof(struct page));
}

static inline unsigned int uzs_page_index(const struct zone *zone,
					  const struct page *page)
{
	return (unsigned int)(((uintptr_t)page -
			       (uintptr_t)uzs_section_of(page) -
			       (uintptr_t)zone->desc_offset) /
			      sizeof(struct page));
}

static inline struct page *virt_to_page(const struct zone *zone,
					const void *addr)
{
	return uzs_section_page(
		zone, uzs_section_of(addr),
		(unsigned int)(((uintptr_t)addr & (UZS_SECTION_SIZE - 1)) >>
			       zone->page_shift));
}

static inline void *page_address(const struct zone *zone,
				 const struct page *page)
{
	return (void *)((uintptr_t)uzs_section_of(page) +
			((uintptr_t)uzs_page_index(zone, page)
			 << zone->page_shift));
}

static inline unsigned long page_to_pfn(const struct zone *zone,
					const struct page *page)
{
	return (unsigned long)((uintptr_t)page_address(zone, page) >>
			       zone->page_shift);
}

static inline struct page *pfn_to_page(const struct zone *zone,
				       unsigned long pfn)
{
	return virt_to_page(zone,
			    (const void *)((uintptr_t)pfn << zone->page_shift));
}

static inline u32 page_flags(const struct page *page)
{
	return __atomic_load_n(&page->flags, __ATOMIC_ACQUIRE);
}

static inline void page_set(struct page *page, u32 bits)
{
	__atomic_fetch_or(&page->flags, bits, __ATOMIC_RELEASE);
}

static inline void page_clear(struct page *page, u32 bits)
{
	__atomic_fetch_and(&page->flags, ~bits, __ATOMIC_RELEASE);
}

static inline bool trylock_page(struct page *page)
{
	return uzs_bit_trylock(&page->flags, PG_locked);
}

/* May sleep. */
static inline void lock_page(struct page *page)
{
	uzs_bit_lock(&page->flags, PG_locked, PG_waiters);
}

static inline void unlock_page(struct page *page)
{
	uzs_bit_unlock(&page->flags, PG_locked, PG_waiters);
}

static inline bool PageLocked(const struct page *page)
{
	return (page_flags(page) & PG_locked) != 0;
}

#if UZS_CHECKED && !defined(UZS_LOCK_NATIVE)
#define trylock_page(page) uzs_checked_trylock_page((page), UZS_HERE)
#define lock_page(page) uzs_checked_lock_page((page), UZS_HERE)
#define unlock_page(page) uzs_checked_unlock_page((page), UZS_HERE)
#define page_clear(page, bits) uzs_checked_page_clear((page), (bits))
#define uzs_free_pages_bulk(zone, n, pages) \
	(uzs_page_is_freed(), uzs_free_pages_bulk((zone), (n), (pages)))
#define __free_page(zone, page) \
	(uzs_page_is_freed(), __free_page((zone), (page)))
#endif

#endif
