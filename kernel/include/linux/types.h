/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/types.h - the kernel's types. The C library includes it, too. */
#ifndef UZS_KERNEL_LINUX_TYPES_H
#define UZS_KERNEL_LINUX_TYPES_H

#include_next <linux/types.h>
#include <uzs/compat.h>
#include <stdbool.h>
#include <sys/types.h>

typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef unsigned long pgoff_t;

/* Like compat's atomic_long_t: operations that return a value are ordered,
 * others are not. */
typedef struct {
	int counter;
} atomic_t;

#define ATOMIC_INIT(i) \
	{              \
		(i)    \
	}

static inline int atomic_read(const atomic_t *a)
{
	return __atomic_load_n(&a->counter, __ATOMIC_RELAXED);
}
static inline void atomic_set(atomic_t *a, int i)
{
	__atomic_store_n(&a->counter, i, __ATOMIC_RELAXED);
}
static inline void atomic_inc(atomic_t *a)
{
	__atomic_fetch_add(&a->counter, 1, __ATOMIC_RELAXED);
}
static inline void atomic_dec(atomic_t *a)
{
	__atomic_fetch_sub(&a->counter, 1, __ATOMIC_RELAXED);
}
static inline int atomic_xchg(atomic_t *a, int i)
{
	return __atomic_exchange_n(&a->counter, i, __ATOMIC_SEQ_CST);
}
static inline int atomic_cmpxchg(atomic_t *a, int old, int i)
{
	__atomic_compare_exchange_n(&a->counter, &old, i, false,
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return old;
}
static inline int atomic_add_return(int i, atomic_t *a)
{
	return __atomic_add_fetch(&a->counter, i, __ATOMIC_SEQ_CST);
}
#define atomic_inc_return(v) atomic_add_return(1, (v))
#define atomic_dec_return(v) atomic_add_return(-1, (v))
#define atomic_dec_and_test(v) (atomic_add_return(-1, (v)) == 0)
static inline bool atomic_inc_not_zero(atomic_t *a)
{
	int i = atomic_read(a);

	while (i &&
	       !__atomic_compare_exchange_n(&a->counter, &i, i + 1, true,
					    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
	return i != 0;
}
static inline long atomic_long_xchg(atomic_long_t *a, long i)
{
	return __atomic_exchange_n(&a->counter, i, __ATOMIC_SEQ_CST);
}

#endif
