/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* slab_util.c - see slab_util.h. */
#include "slab_util.h"

void tell_nobody(void *arg, const char *text)
{
	unsigned long *told = arg;

	(void)text;
	++*told;
}

struct kmem_cache *new_cache(struct zone *zone, unsigned int size)
{
	struct kmem_cache *cache;

	/* with the magazines behind it */
	cache = calloc(1, sizeof(*cache) + uzs_slab_bytes());
	assert_non_null(cache);
	uzs_slab_init(cache, zone, size, cache + 1);
	return cache;
}

void end_cache(struct kmem_cache *cache)
{
	uzs_slab_destroy(cache);
	assert_int_equal(cache->nr_slabs, 0);
	free(cache);
}

void assert_cache_sound(struct kmem_cache *cache)
{
	assert_int_equal(uzs_slab_check(cache, "test", zone_tell, NULL), 0);
}

unsigned long pages_used(struct zone *zone)
{
	struct zone_stat stat;

	uzs_zone_stat(zone, &stat);
	return stat.pages_used;
}

struct page *slab_of(const struct kmem_cache *cache, const void *obj)
{
	return virt_to_page(cache->zone, obj);
}

unsigned int slab_inuse(const struct page *page)
{
	return page->aux & 0xffff;
}

unsigned int list_length(const struct list_head *list)
{
	unsigned int n = 0;

	for (const struct list_head *pos = list->next; pos != list;
	     pos = pos->next)
		n++;
	return n;
}

void flush_magazines(struct kmem_cache *cache)
{
	assert_cache_sound(cache);
}

void shuffle(struct rng *rng, unsigned int n, void **objs)
{
	for (unsigned int i = n; i > 1; i--) {
		unsigned int other = rng_below(rng, i);
		void *obj = objs[i - 1];

		objs[i - 1] = objs[other];
		objs[other] = obj;
	}
}

/* The first word is the user's sign of life, the rest a pattern. */
static unsigned long live_word(u64 key)
{
	return 0x10000ul + (unsigned long)(key & 0xffffff) * 2;
}

void fill(const struct kmem_cache *cache, void *obj, u64 key)
{
	WRITE_ONCE(*(unsigned long *)obj, live_word(key));
	pattern_fill((char *)obj + WORD, min(cache->size, 256u) - WORD, key);
	if (cache->size > 256)
		((unsigned char *)obj)[cache->size - 1] =
			pattern_byte(key, cache->size);
}

bool filled(const struct kmem_cache *cache, const void *obj, u64 key)
{
	return READ_ONCE(*(const unsigned long *)obj) == live_word(key) &&
	       pattern_ok((const char *)obj + WORD,
			  min(cache->size, 256u) - WORD, key) &&
	       (cache->size <= 256 ||
		((const unsigned char *)obj)[cache->size - 1] ==
			pattern_byte(key, cache->size));
}

void take(struct kmem_cache *cache, unsigned int n, void **objs)
{
	for (unsigned int i = 0; i < n; i++) {
		objs[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		assert_non_null(objs[i]);
	}
}

void drop(struct kmem_cache *cache, void *obj)
{
	WRITE_ONCE(*(unsigned long *)obj, 0);
	kmem_cache_free(cache, obj);
}

void give(struct kmem_cache *cache, unsigned int n, void **objs)
{
	for (unsigned int i = 0; i < n; i++)
		drop(cache, objs[i]);
}
