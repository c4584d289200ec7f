/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* plain.c - tells watch.c every plain load and store of the code under test.
 * Its sources are compiled with -fsanitize=thread, and the compiler calls these
 * functions. Nothing else of ThreadSanitizer is linked. (The simulator uses
 * kernel-address. That does not fit here: of x += 1 it reports only the load.)
 * Owns no state.
 *
 * Atomic accesses come here, too. They are done, but not told: they are steps.
 */
#include "body/lab.h"
#include "watch.h"

/* With a sanitizer gcc knows these names, with other types of the same size. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wbuiltin-declaration-mismatch"
#endif

static void tell(void *addr, size_t size, bool write, const void *at)
{
	lab_plain_at = at;
	uzs_lab_plain(addr, size, write);
	lab_plain_at = NULL;
}

/* The names and types are the compiler's. */
#define ACCESS(name, size, write)                                     \
	void __tsan_##name##size(void *addr);                         \
	void __tsan_##name##size(void *addr)                          \
	{                                                             \
		tell(addr, size, write, __builtin_return_address(0)); \
	}
#define ACCESSES(size)                      \
	ACCESS(read, size, false)           \
	ACCESS(write, size, true)           \
	ACCESS(unaligned_read, size, false) \
	ACCESS(unaligned_write, size, true) \
	ACCESS(volatile_read, size, false)  \
	ACCESS(volatile_write, size, true)
ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)

void __tsan_read_range(void *addr, size_t size);
void __tsan_read_range(void *addr, size_t size)
{
	tell(addr, size, false, __builtin_return_address(0));
}

void __tsan_write_range(void *addr, size_t size);
void __tsan_write_range(void *addr, size_t size)
{
	tell(addr, size, true, __builtin_return_address(0));
}

void __tsan_init(void);
void __tsan_init(void)
{
}

void __tsan_func_entry(void *from);
void __tsan_func_entry(void *from)
{
	(void)from;
}

void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
}

/* Only one thread runs, so any memory order is right. */
#define FETCH(bits, name, builtin)                                  \
	uint##bits##_t __tsan_atomic##bits##_##name(                \
		uint##bits##_t *addr, uint##bits##_t v, int order); \
	uint##bits##_t __tsan_atomic##bits##_##name(                \
		uint##bits##_t *addr, uint##bits##_t v, int order)  \
	{                                                           \
		(void)order;                                        \
		return builtin(addr, v, __ATOMIC_SEQ_CST);          \
	}
#define EXCHANGE_IF(bits, name)                                              \
	int __tsan_atomic##bits##_compare_exchange_##name(                   \
		uint##bits##_t *addr, uint##bits##_t *old, uint##bits##_t v, \
		int order, int failed);                                      \
	int __tsan_atomic##bits##_compare_exchange_##name(                   \
		uint##bits##_t *addr, uint##bits##_t *old, uint##bits##_t v, \
		int order, int failed)                                       \
	{                                                                    \
		(void)order;                                                 \
		(void)failed;                                                \
		return __atomic_compare_exchange_n(addr, old, v, false,      \
						   __ATOMIC_SEQ_CST,         \
						   __ATOMIC_SEQ_CST);        \
	}
#define ATOMIC(bits)                                                        \
	uint##bits##_t __tsan_atomic##bits##_load(uint##bits##_t *addr,     \
						  int order);               \
	uint##bits##_t __tsan_atomic##bits##_load(uint##bits##_t *addr,     \
						  int order)                \
	{                                                                   \
		(void)order;                                                \
		return __atomic_load_n(addr, __ATOMIC_SEQ_CST);             \
	}                                                                   \
	void __tsan_atomic##bits##_store(uint##bits##_t *addr,              \
					 uint##bits##_t v, int order);      \
	void __tsan_atomic##bits##_store(uint##bits##_t *addr,              \
					 uint##bits##_t v, int order)       \
	{                                                                   \
		(void)order;                                                \
		__atomic_store_n(addr, v, __ATOMIC_SEQ_CST);                \
	}                                                                   \
	uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(          \
		uint##bits##_t *addr, uint##bits##_t old, uint##bits##_t v, \
		int order, int failed);                                     \
	uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(          \
		uint##bits##_t *addr, uint##bits##_t old, uint##bits##_t v, \
		int order, int failed)                                      \
	{                                                                   \
		(void)order;                                                \
		(void)failed;                                               \
		__atomic_compare_exchange_n(addr, &old, v, false,           \
					    __ATOMIC_SEQ_CST,               \
					    __ATOMIC_SEQ_CST);              \
		return old;                                                 \
	}                                                                   \
	EXCHANGE_IF(bits, strong)                                           \
	EXCHANGE_IF(bits, weak)                                             \
	FETCH(bits, exchange, __atomic_exchange_n)                          \
	FETCH(bits, fetch_add, __atomic_fetch_add)                          \
	FETCH(bits, fetch_sub, __atomic_fetch_sub)                          \
	FETCH(bits, fetch_and, __atomic_fetch_and)                          \
	FETCH(bits, fetch_or, __atomic_fetch_or)                            \
	FETCH(bits, fetch_xor, __atomic_fetch_xor)
ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_thread_fence(int order)
{
	(void)order;
}
