/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/bitops.h - bit operations on words. */
#ifndef UZS_KERNEL_LINUX_BITOPS_H
#define UZS_KERNEL_LINUX_BITOPS_H

#include <uzs/compat.h>
#define BIT(n) (1UL << (n))
#define BITS_PER_BYTE 8
#define GENMASK(h, l) ((~0UL << (l)) & (~0UL >> (BITS_PER_LONG - 1 - (h))))

static inline bool test_bit(unsigned int n, const unsigned long *word)
{
	return READ_ONCE(word[n / 64]) >> n % 64 & 1;
}
static inline void set_bit(unsigned int n, unsigned long *word)
{
	__atomic_fetch_or(&word[n / 64], 1UL << n % 64, __ATOMIC_RELAXED);
}
static inline void clear_bit(unsigned int n, unsigned long *word)
{
	__atomic_fetch_and(&word[n / 64], ~(1UL << n % 64), __ATOMIC_RELAXED);
}
static inline bool test_and_set_bit(unsigned int n, unsigned long *word)
{
	return __atomic_fetch_or(&word[n / 64], 1UL << n % 64,
				 __ATOMIC_SEQ_CST) >>
		       n % 64 &
	       1;
}
static inline bool test_and_clear_bit(unsigned int n, unsigned long *word)
{
	return __atomic_fetch_and(&word[n / 64], ~(1UL << n % 64),
				  __ATOMIC_SEQ_CST) >>
		       n % 64 &
	       1;
}

#endif
