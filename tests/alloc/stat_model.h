/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* stat_model.h - what the tests of statistics know of a pool: each object, and
 * random changes.
 */
#ifndef UZS_STAT_MODEL_H
#define UZS_STAT_MODEL_H

#include "test_util.h"

#include "kernel/geometry.h"
#include "kernel/obj.h"

#define MODEL_OBJS 4096

struct model {
	struct zs_pool *pool;
	struct rng rng;
	unsigned int page_size;
	unsigned long handle[MODEL_OBJS];
	unsigned int size[MODEL_OBJS];
	unsigned int nr;
	unsigned long compactions;
	unsigned long pages_compacted;
	unsigned long peak_pages;
	size_t trimmed; /* bytes */
	struct zs_pool_info last;
};

struct zs_class_info class_of(struct zs_pool *pool, unsigned int index);
void model_init(struct model *m, struct zs_pool *pool, uint64_t seed);
void model_alloc(struct model *m);
void model_free(struct model *m);
void model_verify(struct model *m);

/* One step of random work. */
void model_step(struct model *m);
void model_free_all(struct model *m);
size_t sum_of_sizes(const struct model *m);

#endif
