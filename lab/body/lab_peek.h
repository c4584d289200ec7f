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

static inline uintptr_t uzs_lab_thread_id_of(unsigned int fiber)
{
	return fiber + 2ul; /* 1: outside of fibers */
}
uintptr_t uzs_lab_thread_id(void);
#define uzs_thread_id uzs_lab_thread_id

#endif
