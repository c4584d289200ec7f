/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* pool.h - the allocator under test, as the frame of a run (world.c) knows it:
 * ours (pool_uzs.c), or a kernel tree's mm/zsmalloc.c (kernel/lab_pool.c). One
 * of the two is linked to a program. scenario.h has the calls for scenarios.
 */
#ifndef UZS_LAB_POOL_H
#define UZS_LAB_POOL_H

#include "scenario.h"

struct zone;

/* Makes the pool of a run. False: there is no memory. */
bool lab_pool_make(struct lab_world *w, const struct lab_config *c);
/* The zone that its objects' pages come from. */
struct zone *lab_pool_zone(struct lab_world *w);

/* A handle, or an error value. */
unsigned long lab_pool_malloc(struct lab_world *w, size_t size);
void lab_pool_free(struct lab_world *w, unsigned long handle);
void lab_pool_free_later(struct lab_world *w, unsigned long handle);
void lab_pool_flush(struct lab_world *w);
/* False: the handle has no object. */
bool lab_pool_write(struct lab_world *w, unsigned long handle, const void *data,
		    size_t len);
/* NULL: the handle has no object. `copy` has room for the object. */
const void *lab_pool_read_begin(struct lab_world *w, unsigned long handle,
				size_t len, void *copy);
void lab_pool_read_end(struct lab_world *w, unsigned long handle, size_t len,
		       const void *data);
/* The page in which the object begins. */
struct page *lab_pool_page(struct lab_world *w, unsigned long handle);
/* All handles that have an object. */
void lab_pool_for_each_live(struct lab_world *w,
			    int (*fn)(unsigned long handle, void *arg),
			    void *arg);

/* Checks what must be true after every run, except for the objects. What is not
 * true is a finding. */
void lab_pool_check(struct lab_world *w);
/* The same after the pool was destroyed. `own` bytes belong to the frame. */
void lab_pool_check_gone(struct lab_world *w, size_t own);

/* If the allocator promises something at this place between two steps, checks
 * it, and scenario->quiet. `state` is the state's fingerprint. Unless `again`,
 * each state is checked only once since the last lab_pool_new_search. Return:
 * was it checked? (Ours: quiet.c. An allocator that promises nothing returns
 * false.) */
bool lab_pool_check_between(struct lab_world *w,
			    const struct lab_scenario *scenario, u64 state,
			    bool again);
void lab_pool_new_search(void);

/* Describes the memory at that address in a word or two, if it is the
 * pool's. */
bool lab_pool_name(struct lab_world *w, uintptr_t addr, char *buf, size_t size);

#endif
