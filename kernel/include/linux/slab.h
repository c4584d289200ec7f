/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/slab.h - caches are compat's, each in a zone of its own; kmalloc() is
 * the C library's, with the alignment that the kernel gives. */
#ifndef UZS_KERNEL_LINUX_SLAB_H
#define UZS_KERNEL_LINUX_SLAB_H

#include <uzs/compat.h>
#include <linux/gfp.h>
#include <linux/string.h>
#include <linux/workqueue.h>

struct kmem_cache;
struct kmem_cache *uzs_k_cache_create(const char *name, size_t size,
				      size_t align);
void uzs_k_cache_destroy(struct kmem_cache *cache);
void *uzs_k_cache_alloc(struct kmem_cache *cache, gfp_t gfp);
void *uzs_k_cache_zalloc(struct kmem_cache *cache, gfp_t gfp);
void uzs_k_cache_free(struct kmem_cache *cache, void *obj);
void *uzs_k_malloc(size_t size);
void *uzs_k_zalloc(size_t size);
void uzs_k_free(const void *ptr);

#define SLAB_HWCACHE_ALIGN 1u
#define SLAB_PANIC 2u
#define kmem_cache_create(name, size, align, flags, ctor) \
	((void)(flags), (void)(ctor),                     \
	 uzs_k_cache_create((name), (size), (align)))
#define KMEM_CACHE(type, flags) \
	uzs_k_cache_create(#type, sizeof(struct type), __alignof__(struct type))
#define kmem_cache_destroy(cache) uzs_k_cache_destroy(cache)
#define kmem_cache_alloc(cache, gfp) uzs_k_cache_alloc((cache), (gfp))
#define kmem_cache_alloc_node(cache, gfp, nid) \
	((void)(nid), uzs_k_cache_alloc((cache), (gfp)))
#define kmem_cache_zalloc(cache, gfp) uzs_k_cache_zalloc((cache), (gfp))
#define kmem_cache_free(cache, obj) uzs_k_cache_free((cache), (obj))

#define kmalloc(size, gfp) ((void)(gfp), uzs_k_malloc(size))
#define kzalloc(size, gfp) ((void)(gfp), uzs_k_zalloc(size))
#define kcalloc(n, size, gfp) ((void)(gfp), uzs_k_calloc((n), (size)))
#define kmalloc_array(n, size, gfp) kcalloc((n), (size), (gfp))
#define kvmalloc(size, gfp) kmalloc((size), (gfp))
#define kvzalloc(size, gfp) kzalloc((size), (gfp))
#define kvcalloc(n, size, gfp) kcalloc((n), (size), (gfp))
#define kvmalloc_array(n, size, gfp) kcalloc((n), (size), (gfp))
#define vmalloc(size) uzs_k_malloc(size)
#define vzalloc(size) uzs_k_zalloc(size)
#define kfree(ptr) uzs_k_free(ptr)
#define kvfree(ptr) uzs_k_free(ptr)
#define vfree(ptr) uzs_k_free(ptr)
/* Newer trees: by type, or by the type that a pointer points to. */
#define kzalloc_obj(what, ...) \
	((__typeof__(what) *)uzs_k_zalloc(sizeof(__typeof__(what))))
#define kmalloc_obj(what, ...) \
	((__typeof__(what) *)uzs_k_malloc(sizeof(__typeof__(what))))

static inline void *uzs_k_calloc(size_t n, size_t size)
{
	return size && n > SIZE_MAX / size ? NULL : uzs_k_zalloc(n * size);
}

#endif
