/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* target.h - the allocator that is measured: a zsmalloc pool, whatever is
 * behind malloc in this process (LD_PRELOAD chooses it), or a subject of the
 * conformance tests: a kernel's mm/zsmalloc.c, or ours behind the same table.
 *
 * The calls of the hot loops are inline, with a branch or two that are the
 * same every time: what is measured is the allocator.
 */
#ifndef UZS_BENCH_TARGET_H
#define UZS_BENCH_TARGET_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <uzsmalloc.h>

#include "options.h"
#include "subject.h"

struct target {
	struct zs_pool *pool; /* NULL: a subject or malloc */
	const struct subject *subject; /* NULL, and no pool: malloc */
	struct subject_pool *subject_pool;
	bool defer; /* objects are freed by zs_free_deferred */
	bool refs; /* objects are named by zs_refs, with a pool */
};

/* What is behind malloc, or the library: name and version for the reader. */
struct target_identity {
	char name[48]; /* "zs", with the user profile "zs-user", with refs
			* "zs-refs"; "glibc", "jemalloc", "mimalloc",
			* "tcmalloc", "malloc" for one that we do not know; a
			* subject's */
	char version[48];
};

/* Names of enum zs_lock_scope, enum zs_defer_mode and enum zs_profile, by
 * value; NULL behind the last. */
extern const char *const scope_names[];
extern const char *const defer_names[];
extern const char *const profile_names[];

void target_identify(const struct options *opt,
		     struct target_identity *identity);

/* Creates the pool if there is to be one. Dies if it cannot be. */
void target_open(struct target *target, const struct options *opt);

/* Destroys the pool, if there is one. */
void target_close(struct target *target);

/* Compacts. Return: pages freed. Dies if that is malloc. */
unsigned long target_compact(const struct target *target);

/* Its own check, telling violations on stderr. Return: how many. */
unsigned long target_check(const struct target *target);

/* Asks malloc to give back what it can: the part that each thread has to do
 * for itself, and the part that one thread does for all. */
void target_release_thread(void);
void target_release_process(void);

/* Statistics of the pool. Dies if there are none. */
void target_info(const struct target *target, struct zs_pool_info *info);

/* Tell and die. */
void target_alloc_failed(size_t bytes, int err) __attribute__((noreturn));
void target_access_failed(const char *what, size_t bytes)
	__attribute__((noreturn));

static inline uintptr_t target_alloc(const struct target *target, size_t bytes)
{
	unsigned long handle;
	void *p;

	if (target->pool) {
		handle = zs_malloc(target->pool, bytes, GFP_KERNEL,
				   NUMA_NO_NODE);
		if (zs_is_err(handle))
			target_alloc_failed(bytes, -zs_err(handle));
		return handle;
	}
	if (target->subject) {
		handle = target->subject->malloc(target->subject_pool, bytes);
		if (zs_is_err(handle))
			target_alloc_failed(bytes, -zs_err(handle));
		return handle;
	}
	p = malloc(bytes);
	if (!p)
		target_alloc_failed(bytes, ENOMEM);
	return (uintptr_t)p;
}

static inline void target_free(const struct target *target, uintptr_t handle)
{
	if (!target->pool && !target->subject)
		free((void *)handle);
	else if (target->subject && target->defer)
		target->subject->free_deferred(target->subject_pool, handle);
	else if (target->subject)
		target->subject->free(target->subject_pool, handle);
	else if (target->defer)
		zs_free_deferred(target->pool, handle);
	else
		zs_free(target->pool, handle);
}

/* Waits until what was freed is free: a part of the work, whoever does it. */
static inline void target_finish_frees(const struct target *target)
{
	if (!target->defer)
		return;
	if (target->subject)
		target->subject->flush(target->subject_pool);
	else
		zs_free_deferred_flush(target->pool);
}

static inline void target_write(const struct target *target, uintptr_t handle,
				const unsigned char *from, size_t bytes)
{
	if (target->pool) {
		/* the kernel's prototype has no const; it does not write */
		if (zs_obj_write(target->pool, handle, (void *)from, bytes))
			target_access_failed("zs_obj_write", bytes);
	} else if (target->subject) {
		target->subject->write(target->subject_pool, handle, from,
				       bytes);
	} else {
		memcpy((void *)handle, from, bytes);
	}
}

/* Copies an object to buf, as a program does that wants it for itself. */
static inline void target_read(const struct target *target, uintptr_t handle,
			       unsigned char *buf, size_t bytes)
{
	const void *p;

	if (target->pool) {
		p = zs_obj_read_begin(target->pool, handle, bytes, buf);
		if (!p)
			target_access_failed("zs_obj_read_begin", bytes);
		/* an object in two pages is in buf already */
		if (p != buf)
			memcpy(buf, p, bytes);
		zs_obj_read_end(target->pool, handle, bytes, (void *)p);
	} else if (target->subject) {
		target->subject->read(target->subject_pool, handle, buf, bytes);
	} else {
		memcpy(buf, (const void *)handle, bytes);
	}
	/* the compiler must believe that somebody looks at all of buf */
	__asm__ volatile("" : : "r"(buf) : "memory");
}

/* Looks at an object where it lies: its first and its last byte. Not with
 * subjects, of which some can only copy an object that lies in two pages. */
static inline unsigned int target_peek(const struct target *target,
				       uintptr_t handle, size_t bytes)
{
	const unsigned char *first, *last;
	unsigned int nr, value;
	struct iovec iov[2];

	if (target->pool) {
		nr = zs_obj_read_sg_begin(target->pool, handle, iov, bytes);
		if (!nr)
			target_access_failed("zs_obj_read_sg_begin", bytes);
		first = iov[0].iov_base;
		last = (const unsigned char *)iov[nr - 1].iov_base +
		       iov[nr - 1].iov_len - 1;
		value = *first + 256u * *last;
		zs_obj_read_sg_end(target->pool, handle);
		return value;
	}
	first = (const unsigned char *)handle;
	last = first + bytes - 1;
	return *first + 256u * *last;
}

/* The first byte alone. */
static inline unsigned int target_peek_one(const struct target *target,
					   uintptr_t handle)
{
	unsigned char value, copy;
	const unsigned char *p;

	if (!target->pool)
		return *(const unsigned char *)handle;
	p = zs_obj_read_begin(target->pool, handle, 1, &copy);
	if (!p)
		target_access_failed("zs_obj_read_begin", 1);
	value = *p;
	zs_obj_read_end(target->pool, handle, 1, (void *)p);
	return value;
}

#endif
