/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* subject_uzs.h - our own allocator as subjects: each lock scope with each
 * kind of deferral.
 */
#ifndef UZS_SUBJECT_UZS_H
#define UZS_SUBJECT_UZS_H

#include "subject.h"
#include "tools/variants.h"

struct zs_pool;
struct zs_pool_options;

/* Of each lock scope, one behind the other. */
#define SUBJECT_UZS_DEFERRALS VARIANT_NR_DEFERS
#define SUBJECT_UZS_COUNT (VARIANT_NR_SCOPES * SUBJECT_UZS_DEFERRALS)

/* "held", "held+array", "held+percpu", "held+reuse", "unlocked", ...
 * "class-idx+reuse". */
extern const struct subject subject_uzs[SUBJECT_UZS_COUNT];

/* A pool with these options, completed by what all subjects have. */
struct subject_pool *subject_uzs_create(struct zs_pool_options *opt,
					unsigned int page_size,
					unsigned int chain_size, bool worker);

/* A class as a program sees it: what a CPU keeps is not in use. */
void subject_uzs_class_info(struct subject_pool *pool, unsigned int index,
			    struct subject_class *info);

/* The pool behind one of theirs. */
static inline struct zs_pool *subject_uzs_pool(struct subject_pool *pool)
{
	return (struct zs_pool *)(void *)pool;
}

#endif
