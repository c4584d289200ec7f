/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* os.h - what compat asks of the operating system: address space, giving
 * memory back, a clock. A port to another system is os.c and the futex part
 * of lock.c.
 */
#ifndef UZS_COMPAT_OS_H
#define UZS_COMPAT_OS_H

#include "base.h"

/* Bytes in a page of the OS. */
size_t uzs_os_page_size(void);

/* Maps `size` bytes of zeroed, private memory at a multiple of `align` (a
 * power of two, at least the OS page). Costs no memory until touched. Asks
 * the OS not to use huge pages, which would count as used as a whole. Not
 * locked either, whatever mlockall said: it would be filled as a whole.
 * Return: the address, or NULL. */
void *uzs_os_map(size_t size, size_t align) __must_check;

/* Return: false if the OS refuses (it may need memory to split a mapping, and
 * has a limit for these); the mapping then still exists. */
bool uzs_os_unmap(void *addr, size_t size);

/* Gives the memory of [addr, addr + size) back, both multiples of the OS
 * page; it stays mapped and reads as zero. Return: false if not done. */
bool uzs_os_discard(void *addr, size_t size);

/* For memory of no more use: unmaps it, or at least gives it back. */
static inline void uzs_os_release(void *addr, size_t size)
{
	if (!uzs_os_unmap(addr, size))
		uzs_os_discard(addr, size);
}

/* Nanoseconds of a clock that never goes back. */
u64 uzs_clock_ns(void);

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
/* A body from outside has poison and uzs_peek_word() of its own, in the header
 * that its build names. */
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
#endif

#endif
