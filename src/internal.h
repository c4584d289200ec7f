/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* internal.h - every call between the files of the allocator, by the file
 * that defines it, lowest layer first; and the order of locks.
 *
 * Includes and calls point down: pool, check, stat, fork -> relief -> compact,
 * deferred -> reuse -> scope, object, migrate -> zspage -> class, handle,
 * harden -> compat. One call goes up: the zone calls the movable operations (migrate.c)
 * through pointers, holding no lock of theirs but the page's.
 *
 * LOCK ORDER (outer first; the checked body of compat sees to it, by rank)
 *  rank lock            protects                          may sleep inside?
 *   10  drain_lock      the right to drain                yes
 *   12  hand_lock       handles between queue and freed   yes
 *   15  reuse slot lock what a CPU keeps for reuse        yes
 *   20  zone->trim_lock the right to give memory back     yes
 *   25  compact_lock    the right to compact              yes
 *   30  free_work_lock  zspages in the async work's hand  yes
 *   35  zone->gate      sections between lists and OS     yes
 *   40  page lock       page identity                     yes
 *   50  pool->lock      handle -> obj (rd: use, wr: move) no
 *   60  class->lock     fullness lists, inuse, free lists no
 *    -  zspage->lock    contents (rd: pin, wr: trylock)   reader only
 *   80  cache, slot and zone locks of compat              no
 *   85  deferred lock, its slot locks, bufs_lock          no
 *   85  notes_lock, poison_lock (of harden.c)             no
 *   90  locks of work queue                               no
 *
 * No lock is held during a callback of the user's, but for push. The three
 * rights may be had for long (a whole pool is compacted), and who has one may
 * wait for those below; nobody waits for a right with anything below it. So
 * zs_malloc, which has no lock when it finds no memory, may wait for all of
 * them. Fork and check wait for none: for them is what is shorter.
 * No allocation of pages or slabs and no call back under pool->lock or
 * class->lock; freeing pages there is allowed (scope `held` does). Of several
 * class locks the one of the lower index comes first.
 * Exceptions to the order, safe because they only try, never wait:
 *  - trylock_zspage() locks pages under class->lock;
 *  - uzs_reuse_take() tries a slot, also for who has the rights;
 *  - zspage->lock is only tried for writing, so a reader's pin, which spans
 *    calls of the user, cannot be waited for by anybody.
 */
#ifndef UZS_INTERNAL_H
#define UZS_INTERNAL_H

#include "types.h"

/* The others are compat's: UZS_RANK_TRIM, _GATE, _PAGE, _ALLOC, _LEAF. */
#define RANK_DRAIN 10
#define RANK_HAND 12
#define RANK_REUSE 15
#define RANK_COMPACT 25
#define RANK_FREE_WORK 30
#define RANK_POOL 50
#define RANK_CLASS 60
#define RANK_DEFERRED 85

static inline void uzs_count(unsigned long *counter, unsigned long n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

/* For fields that a lock guards and statistics read without it. */
static inline void uzs_add(unsigned long *field, long n)
{
	WRITE_ONCE(*field, *field + (unsigned long)n);
}

/* ---- class.c: size classes, fullness groups and their lists ------------ */

/* Geometry of a class size (semantics: the pages for which the rest of the
 * zspage is least). */
unsigned int uzs_pages_per_zspage(unsigned int size, unsigned int page_size,
				  unsigned int chain_size);
/* Walks the class indices of a geometry, largest first, and calls fn for each
 * with whether it shares the class of the index before. */
struct class_geometry {
	unsigned int index;
	unsigned int size;
	unsigned int pages;
	unsigned int objs;
	bool merged;
};
void uzs_walk_geometry(const struct zs_pool *pool,
		       void (*fn)(const struct class_geometry *geometry,
				  void *arg),
		       void *arg);
/* Fills in the pool's derived constants from page_size and chain_size. */
void uzs_set_geometry(struct zs_pool *pool);
unsigned int uzs_count_distinct_classes(const struct zs_pool *pool);
/* Builds the table in `mem`, zeroed, room for the distinct classes. */
void uzs_init_classes(struct zs_pool *pool, struct size_class *mem);
unsigned int uzs_class_index(const struct zs_pool *pool, size_t size);
/* Is `index` the one that gives its class its number (not merged away)? */
static inline bool uzs_class_is_own(const struct zs_pool *pool,
				    unsigned int index)
{
	return pool->size_class[index]->index == index;
}
unsigned int uzs_fullness_group(const struct size_class *class,
				unsigned int inuse);
void uzs_insert_zspage(struct size_class *class, struct zspage *zspage,
		       unsigned int group);
void uzs_remove_zspage(struct size_class *class, struct zspage *zspage);
unsigned int uzs_fix_fullness_group(struct size_class *class,
				    struct zspage *zspage);
struct zspage *uzs_find_zspage(struct size_class *class);
unsigned long uzs_freeable_pages(struct size_class *class);
unsigned long uzs_pool_freeable_pages(const struct zs_pool *pool);

/* ---- handle.c: handle words -------------------------------------------- */

unsigned long uzs_alloc_handle(struct zs_pool *pool, gfp_t gfp);
void uzs_free_handle(struct zs_pool *pool, unsigned long handle);
static inline unsigned long handle_to_obj(unsigned long handle)
{
	return READ_ONCE(*(unsigned long *)handle);
}
/* Who finds the obj finds the object, and in a wide handle that it is live. */
static inline void record_obj(unsigned long handle, unsigned long obj)
{
	smp_store_release((unsigned long *)handle, obj);
}
/* Is this first word of a slab object a live handle's? */
static inline bool uzs_handle_word_live(const struct zs_pool *pool,
					unsigned long word)
{
	/* No page lies in the first 64 KiB of the address space, so an obj is
	 * above any link, on 32-bit too. */
	(void)pool;
	return word > UZS_SLAB_MAX_LINK;
}

/* ---- harden.c: wide handles ----------------------------------------------- */

/* Tells of a call that was given what it must not be given: no lock held. */
void uzs_tell_misuse(const struct zs_pool *pool, unsigned long handle,
		     const char *call, enum zs_misuse_kind what);
/* For hardened pools. They answer false when they have told of misuse; then
 * nothing is to be done.
 * claim: the handle is to be freed, now or later, by who gets true. */
bool uzs_harden_claim(const struct zs_pool *pool, unsigned long handle,
		      bool later, const char *call);
/* As claim for later, where locks are held: what is wrong is told by the next
 * tell_noted, by whomsoever. */
bool uzs_harden_keep(struct zs_pool *pool, unsigned long handle,
		     const char *call);
void uzs_harden_tell_all_noted(struct zs_pool *pool);
static inline void uzs_harden_tell_noted(struct zs_pool *pool)
{
	if (unlikely(pool->hardened) && READ_ONCE(pool->harden.nr_noted))
		uzs_harden_tell_all_noted(pool);
}
void uzs_harden_init(struct zs_pool *pool, const struct zs_pool_options *o);
void uzs_harden_fork_child(struct zs_pool *pool);
/* Does it lie where handles do? Does not touch it. */
bool uzs_harden_is_place(const struct zs_pool *pool, unsigned long handle,
			 const char *call);
/* Sets the state of a handle that nobody else may use now; new: of a word that
 * becomes one, too. */
static inline void uzs_harden_set(unsigned long handle, u32 state)
{
	smp_store_release(&((struct wide_handle *)handle)->use, state);
}
void uzs_harden_new(const struct zs_pool *pool, unsigned long handle);
/* Tells of reads that were not ended; nobody else uses the pool. */
void uzs_harden_tell_unended(struct zs_pool *pool, const char *call);

static inline void uzs_lock_poison(struct zs_pool *pool)
{
	(void)pool;
#if UZS_POISONS_OBJECTS
	spin_lock(&pool->harden.poison_lock);
#endif
}
static inline void uzs_unlock_poison(struct zs_pool *pool)
{
	(void)pool;
#if UZS_POISONS_OBJECTS
	spin_unlock(&pool->harden.poison_lock);
#endif
}

/* ---- zspage.c: page chains, objects in them, page locks ---------------- */

static inline struct zpdesc *page_zpdesc(struct page *page)
{
	return (struct zpdesc *)page;
}
static inline struct page *zpdesc_page(struct zpdesc *zpdesc)
{
	return (struct page *)zpdesc;
}
static inline void *zpdesc_address(const struct zs_pool *pool,
				   const struct zpdesc *zpdesc)
{
	return page_address(&pool->zone, (const struct page *)zpdesc);
}
static inline struct size_class *zpdesc_class(const struct zs_pool *pool,
					      const struct zpdesc *zpdesc)
{
	return pool->size_class[zpdesc->class];
}
/* Locks: the chain must be stable. */
static inline struct size_class *zspage_class(const struct zs_pool *pool,
					      const struct zspage *zspage)
{
	return pool->size_class[zspage->first_zpdesc->class];
}
static inline struct zpdesc *get_next_zpdesc(const struct zpdesc *zpdesc)
{
	return zpdesc->huge ? NULL : zpdesc->next;
}
static inline unsigned long location_to_obj(const struct zs_pool *pool,
					    const struct zpdesc *zpdesc,
					    unsigned int obj_idx)
{
	unsigned long class = zpdesc->class & pool->obj_class_mask;

	return page_to_pfn(&pool->zone, (const struct page *)zpdesc)
		       << pool->obj_index_bits |
	       class << pool->obj_class_shift | obj_idx;
}
static inline struct zpdesc *obj_to_zpdesc(const struct zs_pool *pool,
					   unsigned long obj)
{
	return page_zpdesc(
		pfn_to_page(&pool->zone, obj >> pool->obj_index_bits));
}
static inline unsigned int obj_to_index(const struct zs_pool *pool,
					unsigned long obj)
{
	return (unsigned int)(obj & ((1UL << pool->obj_class_shift) - 1));
}
/* Only in scopes whose obj word carries it. It never changes for an object. */
static inline struct size_class *obj_to_class(const struct zs_pool *pool,
					      unsigned long obj)
{
	return pool->size_class[(obj >> pool->obj_class_shift) &
				pool->obj_class_mask];
}
/* Bytes from the start of its page to object `idx`. */
static inline unsigned int obj_page_offset(const struct zs_pool *pool,
					   const struct size_class *class,
					   unsigned int idx)
{
	return (class->size * idx) & (pool->page_size - 1);
}

struct zspage *uzs_alloc_zspage(struct zs_pool *pool, struct size_class *class,
				gfp_t gfp);
/* Gives the pages of a new zspage to page migration. */
void uzs_set_zspage_movable(struct zspage *zspage);
/* Page locks of a whole zspage: tries, or waits. */
bool uzs_trylock_zspage(struct zspage *zspage);
void uzs_lock_zspage(struct zspage *zspage);
/* Frees the pages of an empty zspage, whose pages are locked and which is in
 * no list, and the zspage. No accounting. */
void uzs_free_zspage_pages(struct zs_pool *pool, struct zspage *zspage);
/* The two halves of freeing an empty zspage. detach: locks all of its pages,
 * takes it out of its list, subtracts its capacity from the class; false, and
 * nothing done, if a page is locked already. release: frees the pages (whose
 * locks are held until each is reset) and the zspage, and subtracts
 * pages_allocated. */
bool uzs_detach_zspage(struct size_class *class, struct zspage *zspage);
void uzs_release_zspage(struct zs_pool *pool, const struct size_class *class,
			struct zspage *zspage);
/* Both at once. */
bool uzs_free_zspage(struct zs_pool *pool, struct size_class *class,
		     struct zspage *zspage);
unsigned long uzs_obj_malloc(struct zs_pool *pool, struct size_class *class,
			     struct zspage *zspage, unsigned long handle);
/* Puts an object at the head of the free list. fetch: get what the zspage's
 * next free will probably write. Locks: needs class->lock. */
void uzs_obj_free(struct zs_pool *pool, struct size_class *class,
		  struct zspage *zspage, unsigned long obj, bool fetch);
/* First word of an object: tagged handle, or link of the free list. */
static inline unsigned long *uzs_obj_head(const struct zs_pool *pool,
					  struct zpdesc *zpdesc,
					  unsigned int offset)
{
	if (unlikely(zpdesc->huge))
		return &zpdesc->handle;
	return (unsigned long *)((char *)zpdesc_address(pool, zpdesc) + offset);
}
/* The word behind such a pointer: what lies in zspages may be poisoned. */
#if UZS_POISONS_OBJECTS
__no_asan __maybe_unused static unsigned long
uzs_read_head(const unsigned long *head)
{
	return READ_ONCE(*head); /* or gcc reads it in the caller */
}
__no_asan __maybe_unused static void uzs_write_head(unsigned long *head,
						    unsigned long value)
{
	WRITE_ONCE(*head, value);
}
#else
static inline unsigned long uzs_read_head(const unsigned long *head)
{
	return *head;
}
static inline void uzs_write_head(unsigned long *head, unsigned long value)
{
	*head = value;
}
#endif
/* The same, by index: walks the chain. */
unsigned long *uzs_obj_head_at(const struct zs_pool *pool,
			       const struct zspage *zspage, unsigned int idx);
/* Poisons an object, wherever it lies, with its word. */
#if UZS_POISONS_OBJECTS
void uzs_poison_object(const struct zs_pool *pool, unsigned long obj);
#else
static inline void uzs_poison_object(const struct zs_pool *pool,
				     unsigned long obj)
{
	(void)pool;
	(void)obj;
}
#endif
/* Walks the objects of a zspage by index. */
struct obj_iter {
	const struct zs_pool *pool;
	const struct size_class *class;
	struct zspage *zspage;
	struct zpdesc *zpdesc; /* in which object idx starts */
	unsigned int idx;
	unsigned int offset; /* of object idx in zpdesc */
};
static inline void uzs_obj_iter_start(struct obj_iter *it,
				      const struct zs_pool *pool,
				      struct zspage *zspage)
{
	it->pool = pool;
	it->class = zspage_class(pool, zspage);
	it->zspage = zspage;
	it->zpdesc = zspage->first_zpdesc;
	it->idx = 0;
	it->offset = 0;
}
/* False at the end. */
static inline bool uzs_obj_iter_next(struct obj_iter *it)
{
	if (++it->idx >= it->class->objs_per_zspage)
		return false;
	it->offset += it->class->size;
	while (it->offset >= it->pool->page_size) {
		it->offset -= it->pool->page_size;
		it->zpdesc = get_next_zpdesc(it->zpdesc);
	}
	return true;
}
/* The handle of the object under the iterator, 0 if that is free. */
static inline unsigned long uzs_obj_iter_handle(const struct obj_iter *it)
{
	unsigned long head =
		uzs_read_head(uzs_obj_head(it->pool, it->zpdesc, it->offset));

	return head & OBJ_ALLOCATED_TAG ? head & ~OBJ_ALLOCATED_TAG : 0;
}

/* ---- migrate.c: page migration ------------------------------------------ */

extern const struct movable_operations uzs_movable_ops;
/* Moves zspage structures together, so that their slabs empty out. Needs
 * trim_lock. */
void uzs_compact_zspage_slabs(struct zs_pool *pool);

/* ---- object.c: access --------------------------------------------------- */

/* Copies the contents of one object (its whole class size) to another. */
void uzs_obj_copy(const struct zs_pool *pool, const struct size_class *class,
		  unsigned long dst, unsigned long src);

/* ---- compact.c ----------------------------------------------------------- */

/* As zs_compact, passing over what is being read. Needs compact_lock. Return:
 * pages freed. */
unsigned long uzs_compact_for_memory(struct zs_pool *pool);

/* ---- scope.c: the variants of zs_free ------------------------------------ */

/* The scope for an option; one that falls back if the obj word has no room. */
const struct lock_scope *uzs_find_scope(const struct zs_pool *pool,
					enum zs_lock_scope id);
/* Starts fetching what freeing these handles will touch; no locks needed. */
void uzs_fetch_objects(struct zs_pool *pool, const unsigned long *handles,
		       unsigned int n);
/* Frees many handles, class->lock held over runs of the same class. */
void uzs_free_handles(struct zs_pool *pool, const unsigned long *handles,
		      unsigned int n);
/* The same for handles all of one class. */
void uzs_free_alike(struct zs_pool *pool, const unsigned long *handles,
		    unsigned int n);
/* The class of a live handle. Takes pool->lock where the scope needs it. */
struct size_class *uzs_class_of(struct zs_pool *pool, unsigned long handle);
/* Starts fetching an object of that class, for writing: its descriptor and its
 * first bytes, as far as they are in its first page. No locks needed. */
void uzs_fetch_object(struct zs_pool *pool, const struct size_class *class,
		      unsigned long handle, unsigned int bytes);
/* Lays out the obj word. */
void uzs_set_scope(struct zs_pool *pool, const struct lock_scope *scope);

/* ---- reuse.c ------------------------------------------------------------- */

/* Memory that it takes, in a pool of which only the geometry is known. */
size_t uzs_reuse_bytes(const struct zs_pool *pool);
/* Makes the pool keep what it is given; 0 or -ENOMEM. */
int uzs_reuse_init(struct zs_pool *pool);
void uzs_reuse_destroy(struct zs_pool *pool);
/* Keeps a handle whose object the user has done with. BUSY: he must free it,
 * as the CPU's slot is; MISUSED: nothing, that was told. */
enum reuse_kept { REUSE_IS_KEPT, REUSE_BUSY, REUSE_MISUSED };
enum reuse_kept uzs_reuse_keep(struct zs_pool *pool, unsigned long handle);
/* A handle of that class which was kept, or 0. */
unsigned long uzs_reuse_take(struct zs_pool *pool,
			     const struct size_class *class);
/* Frees all that was kept before the call. Return: did it find any? Misuse that
 * it meets is noted, not told. */
bool uzs_reuse_flush(struct zs_pool *pool);
/* Objects of that class that a CPU keeps at most, but for those staged. */
unsigned int uzs_reuse_room(const struct zs_pool *pool,
			    const struct size_class *class);
/* Handles kept, and taken, so far; relaxed. */
unsigned long uzs_reuse_kept(struct zs_pool *pool);
unsigned long uzs_reuse_taken(struct zs_pool *pool);
/* Every slot, in order; below drain_lock. */
void uzs_reuse_lock(struct zs_pool *pool);
void uzs_reuse_unlock(struct zs_pool *pool);
void uzs_reuse_fork_child(struct zs_pool *pool);

/* ---- deferred.c ----------------------------------------------------------- */

int uzs_deferred_init(struct zs_pool *pool, enum zs_defer_mode mode);
/* Frees what is queued in full buffers; or everything, until nothing is. */
void uzs_deferred_drain_queued(struct zs_pool *pool);
void uzs_deferred_empty(struct zs_pool *pool);
void uzs_deferred_destroy(struct zs_pool *pool);
/* Are there handles that wait to be freed? The caller's own values do not
 * count. */
bool uzs_deferred_waits(struct zs_pool *pool);
/* For want of memory: frees them. Return: were there any? Needs drain_lock. */
bool uzs_deferred_relieve(struct zs_pool *pool);
/* Objects freed in the pool so far; relaxed. */
unsigned long uzs_objs_freed(struct zs_pool *pool);
/* Memory that a mode takes for itself from the beginning, in a pool of which
 * only the geometry is known. */
size_t uzs_deferred_need(const struct zs_pool *pool, enum zs_defer_mode mode);
/* Memory of its own; handles or values queued so far. */
size_t uzs_deferred_bytes(struct zs_pool *pool);
unsigned long uzs_deferred_full(struct zs_pool *pool);
unsigned long uzs_deferred_queued(struct zs_pool *pool);
/* hand takes hand_lock, first of all locks but drain_lock, which no fork needs;
 * prepare takes the rest. */
void uzs_deferred_fork_hand(struct zs_pool *pool);
void uzs_deferred_fork_prepare(struct zs_pool *pool);
void uzs_deferred_fork_parent(struct zs_pool *pool);
void uzs_deferred_fork_child(struct zs_pool *pool);

/* ---- relief.c ------------------------------------------------------------ */

/* What one zs_malloc that found no memory does about it. */
struct relief {
	struct zs_pool *pool;
	unsigned long relieved, trims; /* the pool's, before the last try */
	unsigned int step; /* the next one of a round */
	unsigned int rounds; /* so far */
	bool any; /* something was done in this round */
	bool slabs_tried, sections_tried; /* see relief.c, worth_one */
	bool rights; /* to give back and to compact are held */
	unsigned int last; /* tries at the end of this round */
};
/* relieved, trims: the pool's, before the try that failed. */
void uzs_relief_start(struct relief *r, struct zs_pool *pool,
		      unsigned long relieved, unsigned long trims);
/* Return: was anything freed, so that it is worth while to try again? If not
 * there is no memory. */
bool uzs_relief_next(struct relief *r);
void uzs_relief_end(struct relief *r);
/* Frees the zspages that were emptied while one of their pages was locked.
 * Return: zspages. */
unsigned long uzs_free_empty_zspages(struct zs_pool *pool);
/* What zs_trim does; needs trim_lock. Return: bytes given back. */
size_t uzs_trim_locked(struct zs_pool *pool);

/* ---- pool.c ---------------------------------------------------------------- */

/* zs_free, of a handle that is the caller's to free: in hardened pools he has
 * claimed it. */
void uzs_free_one(struct zs_pool *pool, unsigned long handle);

/* Queues what is due; no locks held. */
void uzs_kick_free(struct zs_pool *pool);
void uzs_kick_reclaim(struct zs_pool *pool);

/* ---- check.c ------------------------------------------------------------- */

/* Every lock of the allocator but the rights and hand_lock, in order, for whom
 * must have all to himself. */
void uzs_lock_pool(struct zs_pool *pool);
void uzs_unlock_pool(struct zs_pool *pool);
/* What zs_pool_check looks at, for who keeps everybody else away without its
 * locks: the lab stops all CPUs. */
struct pool_check {
	struct size_class *const *class; /* NULL: all of the pool's */
	unsigned int nr_classes;
	unsigned long other_pages; /* in zspages of those left out */
	bool slabs, zone; /* I9 */
	bool kept; /* I12 */
	bool as_is; /* I9 of slabs without emptying the magazines */
	bool used_pages; /* I10 */
};
unsigned long uzs_check_pool(struct zs_pool *pool,
			     const struct pool_check *what, FILE *out);

#endif
