/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* slab_util.h - what the tests of compat/slab.h share: caches, and objects that
 * can be told apart. Zones and CPUs are those of zone_util.h.
 */
#ifndef UZS_SLAB_UTIL_H
#define UZS_SLAB_UTIL_H

#include "zone_util.h"

#include "compat/slab.h"

/* What slab.c moves between a magazine and the slabs at once, and the most
 * that lie in a magazine. */
#define HALF_MAGAZINE 30u
#define MAGAZINE 60u
#define MAX_OBJS 20000
#define WORD sizeof(unsigned long)

/* For checks that find something: counts, and says nothing. */
void tell_nobody(void *arg, const char *text);
struct kmem_cache *new_cache(struct zone *zone, unsigned int size);
void end_cache(struct kmem_cache *cache);
void assert_cache_sound(struct kmem_cache *cache);
unsigned long pages_used(struct zone *zone);
struct page *slab_of(const struct kmem_cache *cache, const void *obj);

/* Objects taken out of a slab: in use, or in a magazine. */
unsigned int slab_inuse(const struct page *page);
unsigned int list_length(const struct list_head *list);

/* uzs_slab_check empties the magazines: then the slabs show it all. */
void flush_magazines(struct kmem_cache *cache);
void shuffle(struct rng *rng, unsigned int n, void **objs);
void fill(const struct kmem_cache *cache, void *obj, u64 key);
bool filled(const struct kmem_cache *cache, const void *obj, u64 key);
void take(struct kmem_cache *cache, unsigned int n, void **objs);
void drop(struct kmem_cache *cache, void *obj);
void give(struct kmem_cache *cache, unsigned int n, void **objs);

#endif
