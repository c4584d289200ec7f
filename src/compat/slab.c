/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* slab.c - owns the slabs of a cache: which objects of which page are free.
 *
 * Kernel origin: mm/slub.c; differs: see slab.h.
 * Locks: takes a magazine's lock, then cache->lock, then the zone's.
 * Sleeps: only in allocation with GFP_KERNEL.
 * Guarantees:
 *  B1 the first word of a free object is at most UZS_SLAB_MAX_LINK, or what its
 *     user left there. So a user that zeroes it before it frees can tell free
 *     objects from used ones (uzs_slab_walk).
 *  B2 a slab that has just stopped being full is used first, so that sparse
 *     slabs can become empty.
 * Known limits: a cache shrinks only when slabs become empty: by frees, or by a
 * user that moves its objects out of sparse slabs.
 */
#include "slab.h"

#include <stdio.h>
#include <string.h>

#include "fault.h"
#include "os.h"

/* Chosen so that a magazine is about 512 bytes. Half of it is moved at once. */
#define MAGAZINE_OBJS 60
/* How many empty slabs are kept, so that a cache whose last slab is just empty
 * or just in use does not free and allocate a page each time. */
#define KEEP_EMPTY 1
#define NO_OBJ UZS_SLAB_MAX_LINK
#define WALK_BATCH 64

struct slab_magazine {
	local_lock_t lock;
	u32 count; /* guard: lock; read relaxed */
	void *objs[MAGAZINE_OBJS]; /* guard: lock */
	/* In guarded caches: the objects freed last, as a ring, and the place
	 * of the oldest. guard: lock */
	u32 oldest;
	void *delayed[];
};

/* A slab's page: flags say which cache it belongs to; lru is in one of the
 * cache's lists; aux holds the number of objects in use and the index of the
 * first free one: */
static unsigned int slab_inuse(const struct page *page)
{
	return page->aux & 0xffff;
}
static unsigned int slab_free(const struct page *page)
{
	return page->aux >> 16;
}
static void slab_set(struct page *page, unsigned int inuse, unsigned int free)
{
	page->aux = inuse | free << 16;
}

static bool is_slab_of(const struct kmem_cache *cache, const struct page *page)
{
	return (page_flags(page) & PG_SLAB_MASK) == cache->mark;
}

static size_t magazine_bytes(bool guarded)
{
	return sizeof(struct slab_magazine) +
	       (guarded ? UZS_SLAB_DELAY * sizeof(void *) : 0);
}

size_t uzs_slab_bytes(void)
{
	return uzs_percpu_bytes(magazine_bytes(false));
}

size_t uzs_slab_guarded_bytes(void)
{
	return uzs_percpu_bytes(magazine_bytes(true));
}

static void init_cache(struct kmem_cache *cache, struct zone *zone,
		       unsigned int size, void *mem, bool guarded)
{
	memset(cache, 0, sizeof(*cache));
	cache->zone = zone;
	cache->guarded = guarded;
	cache->mark = PG_slab | ++zone->nr_caches << PG_CACHE_SHIFT;
	cache->size = ALIGN(size, (unsigned int)sizeof(unsigned long));
	cache->objs_per_slab = (1u << zone->page_shift) / cache->size;
	uzs_percpu_init(&cache->magazines, mem, magazine_bytes(guarded));
	for (unsigned int i = 0; i < cache->magazines.slots; i++) {
		struct slab_magazine *m = uzs_per_cpu(&cache->magazines, i);

		local_lock_init(&m->lock);
		/* A thread that needs all locks takes those of one cache, then
		 * those of the next. */
		lock_set_subclass(&m->lock, zone->nr_caches);
		lock_set_rank(&m->lock, UZS_RANK_ALLOC);
		lock_set_order(&m->lock, i + 1);
	}
	spin_lock_init(&cache->lock);
	lock_set_subclass(&cache->lock, zone->nr_caches);
	lock_set_rank(&cache->lock, UZS_RANK_ALLOC);
	INIT_LIST_HEAD(&cache->partial);
	INIT_LIST_HEAD(&cache->full);
	INIT_LIST_HEAD(&cache->sparse);
}

void uzs_slab_init(struct kmem_cache *cache, struct zone *zone,
		   unsigned int size, void *mem)
{
	init_cache(cache, zone, size, mem, false);
}

void uzs_slab_init_guarded(struct kmem_cache *cache, struct zone *zone,
			   unsigned int size, void *mem)
{
	init_cache(cache, zone, size, mem, true);
}

static void *slab_obj(const struct kmem_cache *cache, const struct page *page,
		      unsigned int index)
{
	return (char *)page_address(cache->zone, page) +
	       (size_t)index * cache->size;
}

static unsigned long *first_word(void *obj)
{
	uzs_unpoison(obj, sizeof(unsigned long));
	return obj;
}

/* Makes a page a slab of free objects. */
static void slab_init_page(struct kmem_cache *cache, struct page *page)
{
	if (cache->guarded)
		uzs_zone_keep(cache->zone, page);
	for (unsigned int i = 0; i < cache->objs_per_slab; i++) {
		unsigned long *word = slab_obj(cache, page, i);

		WRITE_ONCE(*word,
			   i + 1 < cache->objs_per_slab ? i + 1 : NO_OBJ);
	}
	slab_set(page, 0, 0);
	uzs_poison(page_address(cache->zone, page),
		   (size_t)1 << cache->zone->page_shift);
	/* From here on uzs_slab_walk sees it. */
	page_set(page, cache->mark);
}

/* Takes a free object out of a slab. Locks: cache->lock. */
static void *slab_take(struct kmem_cache *cache, struct page *page)
{
	void *obj = slab_obj(cache, page, slab_free(page));

	if (!slab_inuse(page))
		cache->nr_empty--;
	slab_set(page, slab_inuse(page) + 1,
		 (unsigned int)READ_ONCE(*first_word(obj)));
	if (slab_free(page) == NO_OBJ)
		list_move(&page->lru, &cache->full);
	return obj;
}

static void slab_remove(struct kmem_cache *cache, struct page *page)
{
	list_del(&page->lru);
	WRITE_ONCE(cache->nr_slabs, cache->nr_slabs - 1);
	page_clear(page, cache->mark | PG_isolated);
	uzs_unpoison(page_address(cache->zone, page),
		     (size_t)1 << cache->zone->page_shift);
	__free_page(cache->zone, page);
}

/* Puts an object back into its slab. Locks: cache->lock. */
static void slab_put(struct kmem_cache *cache, void *obj)
{
	struct page *page = virt_to_page(cache->zone, obj);
	unsigned int index =
		(unsigned int)(((uintptr_t)obj -
				(uintptr_t)page_address(cache->zone, page)) /
			       cache->size);
	bool was_full = slab_free(page) == NO_OBJ;

	VM_BUG_ON(!is_slab_of(cache, page));
	WRITE_ONCE(*first_word(obj), (unsigned long)slab_free(page));
	uzs_poison(obj, cache->size);
	slab_set(page, slab_inuse(page) - 1, index);
	if (was_full)
		list_move(&page->lru, &cache->partial); /* B2 */
	if (slab_inuse(page))
		return;
	if (cache->nr_empty >= KEEP_EMPTY || (page_flags(page) & PG_isolated)) {
		slab_remove(cache, page);
	} else {
		cache->nr_empty++;
		list_move_tail(&page->lru, &cache->partial);
	}
}

/* Fills half of a magazine from partial slabs. Locks: m->lock. */
static void refill(struct kmem_cache *cache, struct slab_magazine *m)
{
	spin_lock(&cache->lock);
	while (m->count < MAGAZINE_OBJS / 2 && !list_empty(&cache->partial)) {
		struct page *page =
			list_first_entry(&cache->partial, struct page, lru);

		m->objs[m->count] = slab_take(cache, page);
		WRITE_ONCE(m->count, m->count + 1);
	}
	spin_unlock(&cache->lock);
}

/* Adds a slab. Locks: none. */
static bool grow(struct kmem_cache *cache, gfp_t gfp)
{
	struct page *page = alloc_page(cache->zone, gfp, MIGRATE_UNMOVABLE);

	if (!page)
		return false;
	slab_init_page(cache, page);
	spin_lock(&cache->lock);
	list_add_tail(&page->lru, &cache->partial);
	cache->nr_empty++;
	WRITE_ONCE(cache->nr_slabs, cache->nr_slabs + 1);
	spin_unlock(&cache->lock);
	return true;
}

/* Puts the oldest `n` objects of a magazine back into their slabs. Locks:
 * m->lock. */
static void flush(struct kmem_cache *cache, struct slab_magazine *m,
		  unsigned int n)
{
	spin_lock(&cache->lock);
	for (unsigned int i = 0; i < n; i++)
		slab_put(cache, m->objs[i]);
	spin_unlock(&cache->lock);
	WRITE_ONCE(m->count, m->count - n);
	memmove(m->objs, m->objs + n, m->count * sizeof(m->objs[0]));
}

/* Puts all delayed objects back into their slabs. Locks: m->lock. */
static void flush_delayed(struct kmem_cache *cache, struct slab_magazine *m)
{
	spin_lock(&cache->lock);
	for (unsigned int i = 0; i < UZS_SLAB_DELAY; i++) {
		if (m->delayed[i])
			slab_put(cache, m->delayed[i]);
		m->delayed[i] = NULL;
	}
	spin_unlock(&cache->lock);
}

/* Empties the magazines of all CPUs. */
static void flush_all(struct kmem_cache *cache, bool delayed)
{
	for (unsigned int i = 0; i < cache->magazines.slots; i++) {
		struct slab_magazine *m = uzs_per_cpu(&cache->magazines, i);

		local_lock(&m->lock);
		flush(cache, m, m->count);
		if (delayed && cache->guarded)
			flush_delayed(cache, m);
		local_unlock(&m->lock);
	}
}

void *uzs_slab_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	bool flushed = false;

	might_alloc(gfp);
	if (uzs_should_fail(UZS_FAULT_SLAB))
		return NULL;
	for (;;) {
		struct slab_magazine *m = uzs_this_cpu(&cache->magazines);
		void *obj = NULL;

		local_lock(&m->lock);
		if (unlikely(!m->count))
			refill(cache, m);
		if (likely(m->count)) {
			obj = m->objs[m->count - 1];
			WRITE_ONCE(m->count, m->count - 1);
		}
		local_unlock(&m->lock);
		if (likely(obj)) {
			uzs_unpoison(obj, cache->size);
			return obj;
		}
		if (grow(cache, gfp))
			continue;
		if (flushed)
			return NULL;
		flush_all(cache, true);
		flushed = true;
	}
}

/* Adds a freed object to the ring. Return: the object that was freed
 * UZS_SLAB_DELAY frees before, or NULL. Locks: m->lock. */
static void *delay(struct slab_magazine *m, void *obj)
{
	void *oldest = m->delayed[m->oldest];

	m->delayed[m->oldest] = obj;
	m->oldest = (m->oldest + 1) % UZS_SLAB_DELAY;
	return oldest;
}

void uzs_slab_free(struct kmem_cache *cache, void *obj)
{
	struct slab_magazine *m = uzs_this_cpu(&cache->magazines);

	uzs_poison(obj, cache->size);
	local_lock(&m->lock);
	if (unlikely(cache->guarded)) {
		obj = delay(m, obj);
		if (!obj) {
			local_unlock(&m->lock);
			return;
		}
	}
	if (unlikely(m->count == MAGAZINE_OBJS))
		flush(cache, m, MAGAZINE_OBJS / 2);
	m->objs[m->count] = obj;
	WRITE_ONCE(m->count, m->count + 1);
	local_unlock(&m->lock);
}

unsigned int uzs_slab_shrink(struct kmem_cache *cache)
{
	struct page *page, *next;
	unsigned int pages = 0;

	flush_all(cache, true);
	spin_lock(&cache->lock);
	list_for_each_entry_safe(page, next, &cache->partial, lru) {
		if (!cache->nr_empty)
			break;
		if (slab_inuse(page))
			continue;
		cache->nr_empty--;
		slab_remove(cache, page);
		pages++;
	}
	spin_unlock(&cache->lock);
	return pages;
}

bool uzs_slab_has_free(struct kmem_cache *cache)
{
	bool any;

	spin_lock(&cache->lock);
	any = !list_empty(&cache->partial);
	spin_unlock(&cache->lock);
	return any;
}

bool uzs_slab_isolate_sparse(struct kmem_cache *cache)
{
	unsigned int half = cache->objs_per_slab / 2;
	unsigned long sparse = 0, objs = 0, room = 0;
	struct page *page, *next;

	flush_all(cache, true);
	spin_lock(&cache->lock);
	list_for_each_entry(page, &cache->partial, lru) {
		if (slab_inuse(page) > half)
			room += cache->objs_per_slab - slab_inuse(page);
		else if (slab_inuse(page)) {
			sparse++;
			objs += slab_inuse(page);
		}
	}
	if (!sparse || objs > room + (sparse - 1) * cache->objs_per_slab) {
		spin_unlock(&cache->lock);
		return false;
	}
	list_for_each_entry_safe(page, next, &cache->partial, lru) {
		if (!slab_inuse(page) || slab_inuse(page) > half)
			continue;
		page_set(page, PG_isolated);
		list_move(&page->lru, &cache->sparse);
	}
	spin_unlock(&cache->lock);
	return true;
}

bool uzs_slab_is_sparse(const struct kmem_cache *cache, const void *obj)
{
	return (page_flags(virt_to_page(cache->zone, obj)) & PG_isolated) != 0;
}

/* Not from a magazine, as a magazine may hold objects of sparse slabs. */
void *uzs_slab_move_target(struct kmem_cache *cache)
{
	void *obj = NULL;

	for (;;) {
		spin_lock(&cache->lock);
		if (!list_empty(&cache->partial))
			obj = slab_take(cache,
					list_first_entry(&cache->partial,
							 struct page, lru));
		spin_unlock(&cache->lock);
		if (obj) {
			uzs_unpoison(obj, cache->size);
			return obj;
		}
		if (!grow(cache, GFP_NOWAIT))
			return NULL;
	}
}

void uzs_slab_put_moved(struct kmem_cache *cache, void *obj)
{
	spin_lock(&cache->lock);
	slab_put(cache, obj);
	spin_unlock(&cache->lock);
}

void uzs_slab_unisolate(struct kmem_cache *cache)
{
	struct page *page;

	spin_lock(&cache->lock);
	list_for_each_entry(page, &cache->sparse, lru)
		page_clear(page, PG_isolated);
	list_splice_init(&cache->sparse, &cache->partial);
	spin_unlock(&cache->lock);
}

void uzs_slab_destroy(struct kmem_cache *cache)
{
	struct page *page, *next;

	flush_all(cache, true);
	list_splice_init(&cache->full, &cache->partial);
	list_for_each_entry_safe(page, next, &cache->partial, lru)
		slab_remove(cache, page);
}

/* Copies the first words of up to n objects of a page, if the page is still a
 * slab of the cache. Return: how many. */
static unsigned int copy_words(struct kmem_cache *cache, struct page *page,
			       unsigned int from, unsigned int n,
			       unsigned long *words)
{
	unsigned int got = 0;

	spin_lock(&cache->lock);
	if (is_slab_of(cache, page))
		for (; got < n && from + got < cache->objs_per_slab; got++)
			words[got] = uzs_peek_word(
				slab_obj(cache, page, from + got));
	spin_unlock(&cache->lock);
	return got;
}

struct slab_walk {
	struct kmem_cache *cache;
	int (*fn)(void *arg, void *obj, unsigned long word);
	void *arg;
};

static int walk_page(const struct slab_walk *walk, struct page *page)
{
	unsigned long words[WALK_BATCH];
	unsigned int from = 0, got;
	int rc = 0;

	if (!is_slab_of(walk->cache, page))
		return 0;
	do {
		got = copy_words(walk->cache, page, from, WALK_BATCH, words);
		for (unsigned int w = 0; !rc && w < got; w++)
			rc = walk->fn(walk->arg,
				      slab_obj(walk->cache, page, from + w),
				      words[w]);
		from += got;
	} while (!rc && got == WALK_BATCH);
	return rc;
}

int uzs_slab_walk(struct kmem_cache *cache,
		  int (*fn)(void *arg, void *obj, unsigned long word),
		  void *arg)
{
	const struct slab_walk walk = { cache, fn, arg };
	struct zone *zone = cache->zone;
	struct section *section = NULL;
	int rc = 0;

	while (!rc && (section = uzs_zone_next_section(zone, section)))
		for (unsigned int i = zone->first; !rc && i < zone->nr_pages;
		     i++)
			rc = walk_page(&walk,
				       uzs_section_page(zone, section, i));
	if (section)
		uzs_zone_end_walk(zone, section);
	return rc;
}

/* Does the slab's free list contain all objects that are not in use? */
static bool slab_is_sound(const struct kmem_cache *cache,
			  const struct page *page, unsigned int *links)
{
	unsigned int i = slab_free(page);

	*links = 0;
	/* A list that contains an entry twice never ends: stop after too many
	 * entries. */
	while (i < cache->objs_per_slab && *links <= cache->objs_per_slab) {
		++*links;
		i = (unsigned int)uzs_peek_word(slab_obj(cache, page, i));
	}
	return i == NO_OBJ && *links + slab_inuse(page) == cache->objs_per_slab;
}

unsigned long uzs_slab_look(struct kmem_cache *cache, const char *name,
			    void (*report)(void *arg, const char *text),
			    void *arg)
{
	struct list_head *const lists[] = { &cache->partial, &cache->full,
					    &cache->sparse };
	unsigned long bad = 0, slabs = 0, empty = 0;
	char text[128];

	spin_lock(&cache->lock);
	for (unsigned int l = 0; l < 3; l++) {
		bool full = lists[l] == &cache->full;
		struct page *page;

		list_for_each_entry(page, lists[l], lru) {
			unsigned int links;

			slabs++;
			empty += !slab_inuse(page);
			if (slab_is_sound(cache, page, &links) &&
			    is_slab_of(cache, page) && (links == 0) == full)
				continue;
			snprintf(
				text, sizeof(text),
				"slab %s: %u in use and %u on the free list of %u, in the list of %s",
				name, slab_inuse(page), links,
				cache->objs_per_slab,
				full ? "full ones" : "others");
			report(arg, text);
			bad++;
		}
	}
	if (slabs != cache->nr_slabs || empty != cache->nr_empty) {
		snprintf(text, sizeof(text),
			 "slab %s: %lu slabs, %lu empty, recorded %lu and %u",
			 name, slabs, empty, cache->nr_slabs, cache->nr_empty);
		report(arg, text);
		bad++;
	}
	spin_unlock(&cache->lock);
	return bad;
}

unsigned long uzs_slab_check(struct kmem_cache *cache, const char *name,
			     void (*report)(void *arg, const char *text),
			     void *arg)
{
	/* Delayed objects count as in use. */
	flush_all(cache, false);
	return uzs_slab_look(cache, name, report, arg);
}

void uzs_slab_fork_prepare(struct kmem_cache *cache)
{
	for (unsigned int i = 0; i < cache->magazines.slots; i++) {
		struct slab_magazine *m = uzs_per_cpu(&cache->magazines, i);

		local_lock(&m->lock);
	}
	spin_lock(&cache->lock);
}

void uzs_slab_fork_parent(struct kmem_cache *cache)
{
	spin_unlock(&cache->lock);
	for (unsigned int i = 0; i < cache->magazines.slots; i++) {
		struct slab_magazine *m = uzs_per_cpu(&cache->magazines, i);

		local_unlock(&m->lock);
	}
}

void uzs_slab_fork_child(struct kmem_cache *cache)
{
	spin_lock_renew(&cache->lock);
	/* The thread that was emptying them is not in the child. */
	uzs_slab_unisolate(cache);
	for (unsigned int i = 0; i < cache->magazines.slots; i++) {
		struct slab_magazine *m = uzs_per_cpu(&cache->magazines, i);

		spin_lock_renew(&m->lock);
	}
}
