/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* slab.c - owns the kernel file's caches and its other memory.
 *
 * Kernel origin: mm/slub.c, mm/slab_common.c; differs: a cache has its own
 * zone, because compat allows only 255 caches in the life of a zone, and a
 * kernel file makes some for each pool; kmalloc() is the C library's.
 * Calls: compat's slab and zone.
 * Locks: none of its own. Sleeps: as compat's allocation.
 */
#include "kernel.h"

#include <malloc.h>

#include <linux/slab.h>
#include <linux/sprintf.h>

#if UZS_SIM
#include "lab_kernel.h"
#include "sim_zone.h"
#endif

/* The alignment of larger pieces, like that of the kernel's kmalloc()
 * caches. */
#define LINE 64

struct kmem_cache {
	struct uzs_kmem_cache cache;
	struct zone zone;
	void *zone_memory;
	void *cache_memory;
	size_t size; /* bytes, as asked for */
	char name[32];
#if UZS_SIM
	struct kmem_cache *next; /* all that are there */
#endif
};

static atomic_long_t lost_slabs;

#if UZS_LAB && !UZS_SIM /* only one thread runs, so no atomics */
long uzs_k_live_objects;
#define uzs_k_count_object(obj, n) (uzs_k_live_objects += (obj) ? (n) : 0)
#else
#define uzs_k_count_object(obj, n) ((void)0)
#endif

unsigned long uzs_k_lost_slabs(void)
{
	return (unsigned long)atomic_long_xchg(&lost_slabs, 0);
}

#if UZS_SIM
static struct kmem_cache *caches;

const char *uzs_k_sim_cache_field(const void *addr, const void **obj,
				  size_t *size)
{
	const size_t in_section = (uintptr_t)addr & (UZS_SECTION_SIZE - 1);

	for (struct kmem_cache *c = caches; c; c = c->next) {
		if (sim_is_in(addr, &c->zone, sizeof(c->zone)))
			return "slab cache's zone";
		if (sim_is_in(addr, c, sizeof(*c)))
			return "slab cache";
		if (sim_is_in(addr, c->cache_memory, uzs_slab_bytes()))
			return "slab cache CPU list";
		if (sim_is_in(addr, c->zone_memory, uzs_zone_bytes()))
			return "slab cache's zone";
		if (!sim_in_zone(&c->zone, addr))
			continue;
		if (in_section >> PAGE_SHIFT < c->zone.first)
			return "slab's descriptor";
		*size = c->size;
		*obj = (const char *)addr -
		       ((uintptr_t)addr & ~PAGE_MASK) % c->cache.size;
		return "slab";
	}
	return NULL;
}

static void know(struct kmem_cache *cache)
{
	cache->next = caches;
	caches = cache;
}

/* Only the caches that a simulation begins with matter: none goes before it. */
static void freed(const struct kmem_cache *cache)
{
	if (cache->size == sizeof(unsigned long))
		sim_freed(); /* a handle: see sim_price.c */
}
#else
#define know(cache) ((void)(cache))
#define freed(cache) ((void)(cache))
#endif

struct kmem_cache *uzs_k_cache_create(const char *name, size_t size,
				      size_t align)
{
	struct zone_options options = { .page_shift = PAGE_SHIFT,
					.retained = SIZE_MAX };
	struct kmem_cache *cache = uzs_k_zalloc(sizeof(*cache));

	if (!cache)
		return NULL;
	cache->zone_memory = uzs_k_zalloc(uzs_zone_bytes());
	cache->cache_memory = uzs_k_zalloc(uzs_slab_bytes());
	if (!cache->zone_memory || !cache->cache_memory) {
		uzs_k_free(cache->zone_memory);
		uzs_k_free(cache->cache_memory);
		uzs_k_free(cache);
		return NULL;
	}
	snprintf(cache->name, sizeof(cache->name), "%s", name);
	cache->size = size;
	uzs_zone_init(&cache->zone, cache->zone_memory, &options);
	uzs_slab_init(&cache->cache, &cache->zone,
		      (unsigned int)round_up(size, align ? align : 8),
		      cache->cache_memory);
	know(cache);
	return cache;
}

void uzs_k_cache_destroy(struct kmem_cache *cache)
{
	unsigned long slabs;

	if (!cache)
		return;
	uzs_slab_shrink(&cache->cache);
	slabs = READ_ONCE(cache->cache.nr_slabs);
	if (slabs) {
		uzs_k_printk(3, "cache %s: %lu slabs with live objects\n",
			     cache->name, slabs);
		atomic_long_add((long)slabs, &lost_slabs);
	}
	uzs_slab_destroy(&cache->cache);
	uzs_zone_destroy(&cache->zone);
	uzs_k_free(cache->zone_memory);
	uzs_k_free(cache->cache_memory);
	uzs_k_free(cache);
}

void *uzs_k_cache_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	void *obj = uzs_slab_alloc(&cache->cache, (gfp_t)uzs_k_may(gfp));

	uzs_k_count_object(obj, 1);
	if (obj && gfp & __GFP_ZERO)
		memset(obj, 0, cache->size);
	else if (obj)
		uzs_k_fill(obj, cache->size);
	return obj;
}

void *uzs_k_cache_zalloc(struct kmem_cache *cache, gfp_t gfp)
{
	return uzs_k_cache_alloc(cache, gfp | __GFP_ZERO);
}

void uzs_k_cache_free(struct kmem_cache *cache, void *obj)
{
	VM_BUG_ON(!obj); /* the kernel looks up its slab here */
	uzs_k_count_object(obj, -1);
	uzs_slab_free(&cache->cache, obj);
	freed(cache);
}

#if !UZS_LAB /* in the lab: lab_memory.c */
void *uzs_k_malloc(size_t size)
{
	void *ptr;

	if (uzs_should_fail(UZS_FAULT_OS) || size > SIZE_MAX - LINE)
		return NULL;
	if (size < LINE)
		ptr = malloc(size);
	else
		ptr = aligned_alloc(LINE, ALIGN(size, (size_t)LINE));
	if (ptr)
		uzs_k_fill(ptr, size);
	return ptr;
}

void uzs_k_free(const void *ptr)
{
	if (!ptr)
		return;
	uzs_k_work_freed(ptr, malloc_usable_size((void *)ptr));
	free((void *)ptr);
}
#endif

void *uzs_k_zalloc(size_t size)
{
	void *ptr = uzs_k_malloc(size);

	if (ptr)
		memset(ptr, 0, size);
	return ptr;
}

char *uzs_k_strdup(const char *s)
{
	size_t size = s ? strlen(s) + 1 : 0;
	char *copy = s ? uzs_k_malloc(size) : NULL;

	if (copy)
		memcpy(copy, s, size);
	return copy;
}

char *uzs_k_asprintf(const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	text = n < 0 ? NULL : uzs_k_malloc((size_t)n + 1);
	if (!text)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(text, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return text;
}
