/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* plan.h - which of the pool's size classes a device uses.
 *
 * Each class in use has a zspage that is partly empty: up to 8 pages, which
 * with 32 KiB pages are 256 KiB. A device of few large blocks loses more by
 * that than it wins by classes of exactly the right size. 256 MiB in 8192
 * blocks: 11 % more than the compressed bytes with all 122 classes, 5 % with
 * the 41 of the plan.
 */
#ifndef UZRAM_PLAN_H
#define UZRAM_PLAN_H

#include <stddef.h>
#include <stdint.h>
#include <uzsmalloc.h>

struct plan {
	uint32_t *sizes; /* by class index: what to ask zs_malloc for; NULL:
			  * what is needed. guard: const after create */
};

/* Chooses for a device of `blocks` blocks.
 * Return: 0 or -ENOMEM. */
int plan_init(struct plan *plan, struct zs_pool *pool, size_t page_size,
	      uint64_t blocks);
void plan_destroy(struct plan *plan);

/* Bytes to ask zs_malloc for, to store `size` of them: at least size. */
size_t plan_size(const struct plan *plan, struct zs_pool *pool, size_t size);

#endif
