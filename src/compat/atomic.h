/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* atomic.h - counters that several threads change.
 *
 * Kernel origin: linux/atomic.h. Same guarantees: operations that return
 * nothing order nothing, and neither do read and set. Operations that return a
 * value are full barriers. Differs: C11 atomics, so that TSan knows of them;
 * only atomic_long_t, and only the calls that are used.
 */
#ifndef UZS_COMPAT_ATOMIC_H
#define UZS_COMPAT_ATOMIC_H

#include "base.h"

typedef struct {
	long counter;
} atomic_long_t;

static inline long atomic_long_read(const atomic_long_t *v)
{
	return __atomic_load_n(&v->counter, __ATOMIC_RELAXED);
}
static inline void atomic_long_set(atomic_long_t *v, long i)
{
	__atomic_store_n(&v->counter, i, __ATOMIC_RELAXED);
}
static inline void atomic_long_add(long i, atomic_long_t *v)
{
	__atomic_fetch_add(&v->counter, i, __ATOMIC_RELAXED);
}
static inline void atomic_long_sub(long i, atomic_long_t *v)
{
	__atomic_fetch_sub(&v->counter, i, __ATOMIC_RELAXED);
}
static inline void atomic_long_inc(atomic_long_t *v)
{
	atomic_long_add(1, v);
}
static inline void atomic_long_dec(atomic_long_t *v)
{
	atomic_long_sub(1, v);
}
static inline long atomic_long_add_return(long i, atomic_long_t *v)
{
	return __atomic_add_fetch(&v->counter, i, __ATOMIC_SEQ_CST);
}

/* Counters that many add to. Orders nothing. */
static inline void uzs_count(unsigned long *counter, unsigned long n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

/* For fields that a lock guards and statistics read without it. */
static inline void uzs_add(unsigned long *field, long n)
{
	WRITE_ONCE(*field, *field + (unsigned long)n);
}

/* Raises *p to v if it is less. Orders nothing: for statistics. */
static inline void uzs_atomic_max_long(long *p, long v)
{
	long old = __atomic_load_n(p, __ATOMIC_RELAXED);

	while (old < v &&
	       !__atomic_compare_exchange_n(p, &old, v, true, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED))
		;
}

#endif
