/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab_kernel.h - what the lab (lab_pool.c) uses of the kernel's file besides
 * the calls of a subject. Includes neither the kernel's headers nor ours,
 * because it is read together with both.
 */
#ifndef UZS_KERNEL_LAB_KERNEL_H
#define UZS_KERNEL_LAB_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct subject_pool;
struct zone;
struct zs_pool;

/* subject.c */
struct zs_pool *uzs_k_lab_pool(struct subject_pool *pool);
/* The pool alone, while others still use the machine; destroy() does the rest. */
void uzs_k_lab_destroy_pool(struct subject_pool *pool);

/* page.c */
struct zone *uzs_k_zone(void);
/* Page descriptors have the same addresses on both sides. */
bool uzs_k_lab_move_page(void *page);
/* The same in two parts: a page of a zspage is isolated, if it can move; then it
 * moves or is put back, whatever has become of its zspage. */
bool uzs_k_lab_isolate_page(void *page);
void uzs_k_lab_move_isolated(void *page);

/* peek.c */
void *uzs_k_lab_page(unsigned long handle);
/* Number of zspages; and of empty ones without queued work to free them. */
unsigned long uzs_k_lab_zspages(struct zs_pool *pool);
unsigned long uzs_k_lab_left_empty(struct zs_pool *pool);
bool uzs_k_lab_name(struct zs_pool *pool, uintptr_t addr, char *buf,
		    size_t size);

/* For the simulator's shared object (lab/sim_subject.h). peek.c: the name of a field. */
const char *uzs_k_sim_field(struct zs_pool *pool, const void *addr);
/* slab.c: what of the caches lies there; NULL: nothing. An object of one ("slab")
 * begins at *obj. */
const char *uzs_k_sim_cache_field(const void *addr, const void **obj,
				  size_t *size);
/* lab/sim_price.c: an object was freed. */
void sim_freed(void);

/* lab_memory.c */

/* Call once, before the first pool: the file's variables are then restored with
 * the arena. False: no memory. */
bool uzs_k_lab_init(void);
/* Pieces of memory in use, objects of caches, pages counted as zspages'; bytes
 * taken from the arena for the pieces. */
struct uzs_k_lab_use {
	unsigned long pieces, objects, nr_zspages;
	size_t heap_bytes;
};
void uzs_k_lab_use(struct uzs_k_lab_use *use);

#endif
