/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* slab.h - caches of small objects of one size, in pages of a zone.
 *
 * Kernel origin: linux/slab.h (kmem_cache_create, _alloc, _free, _shrink,
 * _destroy). Restored: alloc and free may run anywhere at once, free never
 * fails and needs no memory. Simpler: no constructors, no debugging, one page
 * for each slab, a magazine with a lock for each CPU in place of lockless
 * per-CPU slabs. Objects do not move by themselves; a user that can move its
 * own asks which lie in sparse slabs (as in the slab-movable-objects patches
 * of 2019, which were not merged).
 */
#ifndef UZS_COMPAT_SLAB_H
#define UZS_COMPAT_SLAB_H

#include "zone.h"

/* The first word of a free object is not above this: a link, or none. */
#define UZS_SLAB_MAX_LINK 0xffffu

/* A guarded cache gives an object out again after so many others were freed on
 * that CPU. */
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

/* Bytes that kmem_cache_init wants for the magazines. */
size_t uzs_slab_bytes(void);

/* A cache without objects. @size: bytes, rounded up to whole words.
 * @mem: uzs_slab_bytes() of zeroed memory. */
void uzs_slab_init(struct kmem_cache *cache, struct zone *zone,
		   unsigned int size, void *mem);

/* The same, guarded: the zone keeps the sections of its slabs, so that the
 * address of an object can be read whenever it was freed; and a freed object is
 * as its user left it behind its first word for UZS_SLAB_DELAY frees more, unless
 * memory is short meanwhile. */
size_t uzs_slab_guarded_bytes(void);
void uzs_slab_init_guarded(struct kmem_cache *cache, struct zone *zone,
			   unsigned int size, void *mem);

/* Gives every slab back, also those with objects in use. */
void uzs_slab_destroy(struct kmem_cache *cache);

void *uzs_slab_alloc(struct kmem_cache *cache, gfp_t gfp);
void uzs_slab_free(struct kmem_cache *cache, void *obj);

/* Gives back empty slabs, magazines emptied first. Return: pages. */
unsigned int uzs_slab_shrink(struct kmem_cache *cache);

/* Is an object free in some slab? Those in magazines do not count. */
bool uzs_slab_has_free(struct kmem_cache *cache);

/* For users that can move their objects. isolate_sparse puts slabs aside that
 * are at most half full, if their objects fit into fewer; then each object of
 * which uzs_slab_is_sparse() is moved to an uzs_slab_move_target() (NULL: no
 * room) and given back by uzs_slab_put_moved(); then the rest is taken into
 * use again. Needs zone->trim_lock throughout. */
bool uzs_slab_isolate_sparse(struct kmem_cache *cache);
bool uzs_slab_is_sparse(const struct kmem_cache *cache, const void *obj);
void *uzs_slab_move_target(struct kmem_cache *cache);
void uzs_slab_put_moved(struct kmem_cache *cache, void *obj);
void uzs_slab_unisolate(struct kmem_cache *cache);

/* Calls fn with a copy of the first word of every object, free or in use, a
 * few at a time without any lock held, until fn answers non-zero. What the
 * first word of a free object is: its user's last value, or a number less
 * than 1 << 16. */
int uzs_slab_walk(struct kmem_cache *cache,
		  int (*fn)(void *arg, void *obj, unsigned long word),
		  void *arg);

/* Counts violations; every object of the cache accounted for. */
unsigned long uzs_slab_check(struct kmem_cache *cache, const char *name,
			     void (*report)(void *arg, const char *text),
			     void *arg);
/* The same, and changes nothing: objects in magazines count as used. */
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
