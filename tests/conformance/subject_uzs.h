/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* subject_uzs.h - our own allocator as subjects: each lock scope with each
 * kind of deferral.
 */
#ifndef UZS_SUBJECT_UZS_H
#define UZS_SUBJECT_UZS_H

#include "subject.h"

struct zs_pool;

#define SUBJECT_UZS_COUNT 9

/* "held", "held+array", "held+percpu", "unlocked", ... "class-idx+percpu". */
extern const struct subject subject_uzs[SUBJECT_UZS_COUNT];

/* The pool behind one of theirs. */
static inline struct zs_pool *subject_uzs_pool(struct subject_pool *pool)
{
	return (struct zs_pool *)(void *)pool;
}

#endif
