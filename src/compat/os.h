/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* os.h - what compat needs from the operating system: address space, giving
 * memory back, a clock. A port to another system changes os.c and the futex
 * part of lock.c.
 */
#ifndef UZS_COMPAT_OS_H
#define UZS_COMPAT_OS_H

#include "base.h"

/* Users pack an address into a word, beside other bits. 52: the physical
 * addresses of x86-64, for which kernel code leaves room. */
#define UZS_OS_ADDRESS_BITS 52

/* Bytes in a page of the OS. */
size_t uzs_os_page_size(void);

/* Maps `size` bytes of zeroed, private memory at a multiple of `align` (a
 * power of two, at least the OS page). Costs no memory until it is touched: the
 * OS is asked not to use huge pages, and not to lock the memory even after
 * mlockall. Either would fill more than is touched.
 * On 64-bit, no address has more than UZS_OS_ADDRESS_BITS bits.
 * Return: the address, or NULL. */
void *uzs_os_map(size_t size, size_t align) __must_check;

/* As uzs_os_map, of huge pages. The OS fills all of it at once.
 * Return: NULL also where the OS has none, or none left. */
void *uzs_os_map_huge(size_t size, size_t align) __must_check;

/* Makes a mapping such a one, at the same address. What is there is lost. Return:
 * false: not done; *is_lost: the memory was given back all the same. Where it is lost,
 * nothing is poisoned. */
bool uzs_os_make_huge(void *addr, size_t size, bool *is_lost) __must_check;

/* Before the first piece of such a mapping is discarded: the OS must not fill it
 * with huge pages again. Return: false if it refuses: then nothing may be
 * discarded. */
bool uzs_os_end_huge(void *addr, size_t size);

/* Return: false if the OS refuses; the mapping then still exists. The OS may
 * need memory to split a mapping, and limits the number of mappings. */
bool uzs_os_unmap(void *addr, size_t size);

/* Gives the memory of [addr, addr + size) back to the OS. Both are multiples of
 * the OS page. It stays mapped and reads as zero. Return: false: not done. */
bool uzs_os_discard(void *addr, size_t size);

/* Pieces of a mapping that was made of huge pages were discarded. Linux counts them as
 * given back (RSS), but has each such page whole as long as a piece of it is in use
 * and memory is not short. This makes it free them now. Who uses the rest of such a
 * page meanwhile waits: for 0.1 to 0.4 ms, or until this thread has a CPU again. */
void uzs_os_split_huge(void *addr, size_t size);

/* For memory that is no longer needed: unmaps it. If the OS refuses, gives the
 * memory back and leaves it mapped. */
static inline void uzs_os_release(void *addr, size_t size)
{
	if (!uzs_os_unmap(addr, size))
		uzs_os_discard(addr, size);
}

/* Nanoseconds of a clock that never goes backwards. */
u64 uzs_clock_ns(void);

/* Prepares uzs_os_barrier() for this process. Return: false: the OS has none. */
bool uzs_os_barrier_register(void);

/* All threads of this process pass a full memory barrier before this returns.
 * Return: false if the OS refuses. */
bool uzs_os_barrier(void) __must_check;

/* AddressSanitizer reports accesses to poisoned memory. UZS_NO_ASAN: it is not
 * there, though the compiler says so. */
#if defined(UZS_NO_ASAN)
#elif defined(__SANITIZE_ADDRESS__)
#define UZS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UZS_ASAN 1
#endif
#endif
#ifdef UZS_ASAN
#include <sanitizer/asan_interface.h>
#endif

#ifdef UZS_BODY_OS_H
/* A body from outside has poison, uzs_peek_word() and uzs_peek_head() of its own, in
 * the header that its build names. */
#include UZS_BODY_OS_H
#else
#ifdef UZS_ASAN
#define uzs_poison(addr, size) __asan_poison_memory_region((addr), (size))
#define uzs_unpoison(addr, size) __asan_unpoison_memory_region((addr), (size))
#else
#define uzs_poison(addr, size) ((void)(addr), (void)(size))
#define uzs_unpoison(addr, size) ((void)(addr), (void)(size))
#endif

/* Reads a word that may be poisoned, and that others may change meanwhile.
 * Who reads a pointer so also sees what was written before it was stored. */
#ifdef UZS_ASAN
__attribute__((no_sanitize("address"), noinline)) __maybe_unused static
#else
static inline
#endif
	unsigned long
	uzs_peek_word(const void *addr)
{
	return smp_load_acquire((const unsigned long *)addr);
}
/* The same where a thread goes on as the word says. */
#define uzs_peek_head(addr) uzs_peek_word(addr)
#endif

#endif
