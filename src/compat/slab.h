/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* slab.h - caches of small objects of one size, in pages of a zone.
 *
 * Kernel origin: linux/slab.h (kmem_cache_create, _alloc, _free, _shrink,
 * _destroy). Same: any threads may allocate and free at once; free never fails
 * and needs no memory. Simpler: no constructors, no debugging; a slab is one
 * page; each CPU has a magazine, an array of free objects with a lock, in place
 * of lockless per-CPU slabs. The cache moves no objects. A user that can move
 * its own objects asks which of them are in sparse slabs (as in the
 * slab-movable-objects patches of 2019, which were not merged).
 */
#ifndef UZS_COMPAT_SLAB_H
#define UZS_COMPAT_SLAB_H

#include "zone.h"

/* While an object is in its slab's free list, its first word is at most this:
 * the index of the next free object, or "none". */
#define UZS_SLAB_MAX_LINK 0xffffu

/* A guarded cache reuses an object only after this many others were freed on
 * the same CPU. */
#define UZS_SLAB_DELAY 256u

struct kmem_cache {
	struct zone *zone; /* const */
	bool guarded; /* const */
	unsigned int size; /* const: bytes of an object, multiple of a word */
	unsigned int objs_per_slab; /* const */
	u32 mark; /* const: flags of its slabs' pages */
	struct uzs_percpu magazines; /* struct slab_magazine */

	spinlock_t lock;
	unsigned int nr_empty; /* wholly free slabs kept; guard: lock */
	struct list_head partial; /* slabs with a free object; guard: lock */
	struct list_head full; /* guard: lock */
	struct list_head sparse; /* slabs to be emptied; guard: lock */
	unsigned long nr_slabs; /* guard: lock; read relaxed */
};

/* Bytes that uzs_slab_init needs for the magazines. */
size_t uzs_slab_bytes(void);

/* Makes a cache without objects. @size: bytes, rounded up to whole words. @mem:
 * uzs_slab_bytes() of zeroed memory. */
void uzs_slab_init(struct kmem_cache *cache, struct zone *zone,
		   unsigned int size, void *mem);

/* The same, guarded. The zone keeps the sections of its slabs, so the memory of
 * an object can be read even after it was freed. And for UZS_SLAB_DELAY further
 * frees a freed object stays as its user left it, from its second word on; not
 * if memory becomes short meanwhile. @mem: uzs_slab_guarded_bytes() of zeroed
 * memory. */
size_t uzs_slab_guarded_bytes(void);
void uzs_slab_init_guarded(struct kmem_cache *cache, struct zone *zone,
			   unsigned int size, void *mem);

/* Frees every slab, also those with objects in use. */
void uzs_slab_destroy(struct kmem_cache *cache);

void *uzs_slab_alloc(struct kmem_cache *cache, gfp_t gfp);
void uzs_slab_free(struct kmem_cache *cache, void *obj);

/* Empties the magazines, then frees all empty slabs. Return: pages freed. */
unsigned int uzs_slab_shrink(struct kmem_cache *cache);

/* Is an object free in a slab? Objects in magazines do not count. */
bool uzs_slab_has_free(struct kmem_cache *cache);

/* For users that can move their objects. All of it under zone->trim_lock:
 * 1. uzs_slab_isolate_sparse() sets the slabs aside that are at most half full.
 *    Return: false, with nothing done, if their objects need as many slabs.
 * 2. The user moves each object for which uzs_slab_is_sparse() is true to an
 *    uzs_slab_move_target() (NULL: no room), and frees the old one with
 *    uzs_slab_put_moved().
 * 3. uzs_slab_unisolate() returns the slabs that are still there to use. */
bool uzs_slab_isolate_sparse(struct kmem_cache *cache);
bool uzs_slab_is_sparse(const struct kmem_cache *cache, const void *obj);
void *uzs_slab_move_target(struct kmem_cache *cache);
void uzs_slab_put_moved(struct kmem_cache *cache, void *obj);
void uzs_slab_unisolate(struct kmem_cache *cache);

/* Calls fn for every object, free or in use, with a copy of its first word,
 * until fn returns non-zero. The words of a few objects are copied at a time;
 * fn is called without a lock. For the first word of a free object see B1 in
 * slab.c.
 */
int uzs_slab_walk(struct kmem_cache *cache,
		  int (*fn)(void *arg, void *obj, unsigned long word),
		  void *arg);

/* Checks that every object of the cache is either free or in use, and reports
 * each violation. Empties the magazines first. Return: how many violations. */
unsigned long uzs_slab_check(struct kmem_cache *cache, const char *name,
			     void (*report)(void *arg, const char *text),
			     void *arg);
/* The same, but changes nothing: objects in magazines count as in use. */
unsigned long uzs_slab_look(struct kmem_cache *cache, const char *name,
			    void (*report)(void *arg, const char *text),
			    void *arg);

void uzs_slab_fork_prepare(struct kmem_cache *cache);
void uzs_slab_fork_parent(struct kmem_cache *cache);
void uzs_slab_fork_child(struct kmem_cache *cache);

static inline void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	return uzs_slab_alloc(cache, gfp);
}
static inline void kmem_cache_free(struct kmem_cache *cache, void *obj)
{
	uzs_slab_free(cache, obj);
}
static inline unsigned int kmem_cache_shrink(struct kmem_cache *cache)
{
	return uzs_slab_shrink(cache);
}

#endif
