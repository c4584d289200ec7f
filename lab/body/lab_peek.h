/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab_peek.h - poison, and reading what may be poisoned, in the lab. Included
 * by compat/os.h (UZS_BODY_OS_H).
 */
#ifndef UZS_LAB_BODY_PEEK_H
#define UZS_LAB_BODY_PEEK_H

#include "lab.h"

/* The lab's own poison, as the lab can put it back as it was. */
#define uzs_poison(addr, size) uzs_lab_poison((addr), (size))
#define uzs_unpoison(addr, size) uzs_lab_unpoison((addr), (size))

/* No step, as a step reports poison. Nor is it told as a plain load
 * (lab/plain.c). */
#ifdef UZS_ASAN
__attribute__((no_sanitize("address"), noinline)) __maybe_unused static
#else
__attribute__((no_sanitize("thread"), noinline)) __maybe_unused static
#endif
	unsigned long
	uzs_peek_word(const void *addr)
{
	return *(const volatile unsigned long *)addr;
}

/* A step, but one that does not report poison. */
__maybe_unused static unsigned long
uzs_lab_peek_head(const void *addr, const struct uzs_lab_place *place)
{
	unsigned long word;

	if (!uzs_lab_current)
		return uzs_peek_word(addr);
	uzs_lab_peek(addr, place);
	word = uzs_peek_word(addr);
	if (unlikely(uzs_lab_memory))
		uzs_lab_memory->load(addr, &word, sizeof(word),
				     __ATOMIC_ACQUIRE);
	return word;
}
#define uzs_peek_head(addr) uzs_lab_peek_head((addr), UZS_LAB_PLACE(#addr))

static inline uintptr_t uzs_lab_thread_id_of(unsigned int fiber)
{
	return fiber + 2ul; /* 1: outside of fibers */
}
uintptr_t uzs_lab_thread_id(void);
#define uzs_thread_id uzs_lab_thread_id

#endif
