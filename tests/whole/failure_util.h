/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* failure_util.h - what the tests of failures share: an attempt that fails, and
 * pools afterwards.
 */
#ifndef UZS_FAILURE_UTIL_H
#define UZS_FAILURE_UTIL_H

#include "test_system.h"
#include "test_util.h"

#include "compat/fault.h"
#include "types.h"

#define MAX_LIVE 4096

static const unsigned int page_sizes[] = { 4096, 8192, 16384, 32768, 65536 };

/* What became of the attempts of one loop. */
struct tally {
	long failures; /* the call failed */
	long survived; /* something could not be had, the call found a way */
};

void no_faults(void);
int start(void **state);

/* Lets the nth attempt fail during call(arg), which answers whether it
 * succeeded. Return: was there an nth attempt? */
bool fail_nth(enum uzs_fault_kind kind, long nth, bool (*call)(void *arg),
	      void *arg, struct tally *tally);
unsigned long zone_pages_used(struct zs_pool *pool);

/* Nothing is left but the pool itself. */
void assert_empty(struct zs_pool *pool);

/* It allocates, stores, reads, compacts and frees. */
void assert_works(struct zs_pool *pool);
struct zs_pool *pool_with(unsigned int page_size, enum zs_lock_scope scope,
			  unsigned int flags);
enum zs_lock_scope nth_scope(unsigned int n);
unsigned int hoard_pages(struct zs_pool *pool);
void release_pages(struct zs_pool *pool, unsigned int n);

/* Sanitizers take some of the address space for themselves. */
#define OWN_SPACE (!SANITIZED)
/* Bytes of the process's address space, or 0 where that is not known. */
size_t address_space(void);
/* Far less than a pool, many times more than what stdio takes. */
#define assert_no_growth(before) \
	assert_true(address_space() <= (before) + (64u << 10))

#endif
