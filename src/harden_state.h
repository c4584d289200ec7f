/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* harden_state.h - what a hardened pool remembers of each handle, beside its
 * obj; harden.c owns it.
 *
 * In hardened pools, and in all pools under AddressSanitizer, a handle points
 * to two words in place of one: a wide handle.
 */
#ifndef UZS_HARDEN_STATE_H
#define UZS_HARDEN_STATE_H

#include "compat/base.h"
#include "compat/lock.h"
#include "compat/os.h"
#include "uzsmalloc.h"

struct wide_handle {
	unsigned long obj; /* as in a handle of one word */
	/* state and pins; atomic. Both are in one word, because a handle is
	 * freed only if nobody reads, and read only if it is not freed. */
	u32 use;
	u32 mark; /* marks a handle of this pool at this address; atomic */
#if UINTPTR_MAX == UINT32_MAX
	u32 unused; /* makes the size a power of two, so that none straddles
		     * pages */
#endif
};

#define USE_PINS 0x3fffffffu /* reads that have begun and not ended */
#define USE_STATE 0xc0000000u
#define USE_LIVE 0x40000000u
#define USE_DEFERRED 0x80000000u /* given to zs_free_deferred */
#define USE_FREED 0xc0000000u

/* Under AddressSanitizer the memory of objects is poisoned, except between
 * begin and end. */
#if defined(UZS_ASAN) && !UZS_LAB
#define UZS_POISONS_OBJECTS 1
#else
#define UZS_POISONS_OBJECTS 0
#endif

/* For functions that read memory which may be poisoned. */
#if UZS_POISONS_OBJECTS
#define __no_asan __attribute__((no_sanitize("address"), noinline))
#else
#define __no_asan
#endif

/* At most so many misuses are noted at once: enough for what reuse checks
 * together in a few threads. */
#define HARDEN_NOTES 64u

struct harden {
	/* constant after creation */
	u32 mark; /* mixed into the marks of handles */
	/* Mixed into the first words of objects of the user profile; bit 0 is 0. */
	unsigned long key;
	/* NULL: a line on stderr, and abort */
	void (*misuse)(const struct zs_misuse *m, void *arg);
	void *misuse_arg;
	/* Misuse that was found under a lock and is not told yet. */
	spinlock_t notes_lock;
	unsigned int nr_noted; /* guard: notes_lock; read relaxed */
	struct {
		unsigned long handle;
		const char *call;
		enum zs_misuse_kind what;
	} notes[HARDEN_NOTES]; /* guard: notes_lock */
#if UZS_POISONS_OBJECTS
	spinlock_t poison_lock; /* orders begin and end of reads of one
				 * object */
#endif
};

#endif
