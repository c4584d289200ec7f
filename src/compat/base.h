/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* base.h - the small words of kernel C: types, single accesses, error
 * pointers, assertions.
 *
 * Kernel origin: linux/compiler.h, linux/err.h, linux/bug.h, linux/minmax.h,
 * linux/log2.h. Same meaning unless a line says "differs".
 * Internal: never included by a public header.
 */
#ifndef UZS_COMPAT_BASE_H
#define UZS_COMPAT_BASE_H

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* A number, as the kernel's: the preprocessor has no sizeof. */
#if LONG_MAX == 0x7fffffff
#define BITS_PER_LONG 32
#else
#define BITS_PER_LONG 64
#endif

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define __must_check __attribute__((warn_unused_result))
#define __maybe_unused __attribute__((unused))
#define __aligned(n) __attribute__((aligned(n)))
#ifndef __always_inline /* glibc has it as well */
#define __always_inline inline __attribute__((always_inline))
#endif

#ifndef container_of
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr)-offsetof(type, member)))
#endif

/* One access: the compiler neither splits nor repeats nor invents it. Orders
 * nothing. Differs: a relaxed C11 atomic rather than a volatile access, so that
 * TSan knows of it. */
#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
/* The compiler moves no access across it. The CPU may. */
#define barrier() __asm__ volatile("" ::: "memory")
#define smp_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

#define min(a, b)                       \
	({                              \
		__typeof__(a) a_ = (a); \
		__typeof__(b) b_ = (b); \
		a_ < b_ ? a_ : b_;      \
	})
#define max(a, b)                       \
	({                              \
		__typeof__(a) a_ = (a); \
		__typeof__(b) b_ = (b); \
		a_ > b_ ? a_ : b_;      \
	})
#define DIV_ROUND_UP(n, d) (((n) + (d)-1) / (d))
#define ALIGN(x, a) (((x) + (a)-1) & ~((__typeof__(x))(a)-1))

static inline bool is_power_of_2(unsigned long n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

static inline unsigned int ilog2(unsigned long n)
{
	return (unsigned int)(BITS_PER_LONG - 1 - __builtin_clzl(n));
}

/* Error pointers. */
#define MAX_ERRNO 4095
#define IS_ERR_VALUE(x) ((unsigned long)(x) >= (unsigned long)-MAX_ERRNO)
static inline void *ERR_PTR(long error)
{
	return (void *)error; /* NOLINT(performance-no-int-to-ptr) */
}
static inline long PTR_ERR(const void *ptr)
{
	return (long)ptr;
}
static inline bool IS_ERR(const void *ptr)
{
	return IS_ERR_VALUE(ptr);
}
static inline bool IS_ERR_OR_NULL(const void *ptr)
{
	return !ptr || IS_ERR(ptr);
}

/* An assertion. It checks in builds with UZS_DEBUG (debug builds and tests).
 * Every build compiles the expression, so that it stays correct.
 * Differs: the kernel's stops the machine, ours the process. A release build
 * never stops. */
#ifndef UZS_DEBUG
#define UZS_DEBUG 0
#endif
__attribute__((noreturn, cold)) void uzs_bug(const char *file, int line,
					     const char *what);
#define VM_BUG_ON(cond)                                     \
	do {                                                \
		if (UZS_DEBUG && unlikely(cond))            \
			uzs_bug(__FILE__, __LINE__, #cond); \
	} while (0)

/* How memory may be obtained. A public header that has these names gives them
 * the same values; compat does not include it. */
#ifndef GFP_KERNEL
typedef unsigned int gfp_t;
#define GFP_KERNEL ((gfp_t)0x1)
#define GFP_NOWAIT ((gfp_t)0x2)
#endif
/* As GFP_KERNEL, but the shrinkers are not called: the caller does that itself.
 * Kernel: no such name; GFP_KERNEL without __GFP_DIRECT_RECLAIM. */
#define GFP_GROW ((gfp_t)0x4)

#endif
