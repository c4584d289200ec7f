/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* fault.h - forced failures, for tests: the Nth attempt of a kind fails. Only
 * in builds with UZS_TESTING. In other builds uzs_should_fail() is a constant
 * and costs nothing.
 *
 * Kernel origin: linux/fault-inject.h (should_failslab and the like); differs:
 * counted, never random, and the same for the whole process (tests run one at a
 * time).
 */
#ifndef UZS_COMPAT_FAULT_H
#define UZS_COMPAT_FAULT_H

#include "base.h"

enum uzs_fault_kind {
	UZS_FAULT_OS, /* memory or a thread from the OS */
	UZS_FAULT_PAGE, /* a page from a zone */
	UZS_FAULT_SLAB, /* an object from a slab cache */
	UZS_NR_ALLOC_FAULTS,
	/* a trylock; in the checked body only */
	UZS_FAULT_TRYLOCK = UZS_NR_ALLOC_FAULTS,
	UZS_FAULT_UNMAP, /* a change of a mapping: the OS may need memory for
			  * it, or have reached a limit */
	UZS_FAULT_DISCARD, /* giving memory back */
	UZS_FAULT_BARRIER, /* a memory barrier of all threads */
	UZS_NR_FAULT_KINDS
};

#ifdef UZS_TESTING
/* From now on the nth attempt of this kind (from 1) fails, and no other.
 * 0: none fails. */
void uzs_fault_set(enum uzs_fault_kind kind, long nth);
/* The nth and all later ones fail, until uzs_fault_set. */
void uzs_fault_set_from(enum uzs_fault_kind kind, long nth);
/* Attempts of this kind since uzs_fault_set. */
long uzs_fault_seen(enum uzs_fault_kind kind);
bool uzs_should_fail(enum uzs_fault_kind kind);
/* For UZS_FAULT_TRYLOCK: only locks of that class count (the name that is given
 * where they are initialized, without &; NULL: all). */
void uzs_fault_set_trylock(const char *class_name, long nth);
bool uzs_should_fail_trylock(const char *class_name);
#else
static inline bool uzs_should_fail(enum uzs_fault_kind kind)
{
	(void)kind;
	return false;
}
static inline bool uzs_should_fail_trylock(const char *class_name)
{
	(void)class_name;
	return false;
}
#endif

#endif
