/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* worker_tls.c - a program with TLS_KIB of thread-local storage, whose drain
 * callback wants 700 KiB of stack. usage: worker_tls
 */
#include <stdio.h>
#include <string.h>

#include "uzsmalloc.h"

#define STACK_BYTES ((size_t)700 << 10)

static __thread char storage[TLS_KIB << 10];
static struct zs_pool *pool;
static unsigned int runs;

static enum zs_push_result push(void *buf, unsigned int count,
				unsigned long value)
{
	((unsigned long *)buf)[count] = value;
	return count ? ZS_PUSH_FULL_QUEUED : ZS_PUSH_OK;
}

static void drain(void *arg, void *buf, unsigned int count)
{
	char stack[STACK_BYTES];

	(void)arg;
	memset(stack, 1, sizeof(stack));
	__asm__ volatile("" : : "r"(stack) : "memory");
	memset(storage, 1, sizeof(storage));
	__asm__ volatile("" : : "r"(storage) : "memory");
	for (unsigned int i = 0; i < count; i++)
		zs_free(pool, ((unsigned long *)buf)[i]);
	runs++;
}

int main(void)
{
	static const struct zs_deferred_ops ops = { push, drain };

	pool = zs_create_pool("tls");
	if (!pool || zs_pool_enable_deferred_free(pool, &ops, NULL))
		return 1;
	for (int i = 0; i < 2; i++)
		if (!zs_defer_push(pool, zs_malloc(pool, 100, GFP_KERNEL,
						   NUMA_NO_NODE)))
			return 2;
	/* Ran by the worker: none was left to this thread. */
	if (zs_drain(pool) || runs != 1) {
		fprintf(stderr, "worker_tls: the worker ran %u times\n", runs);
		return 3;
	}
	return zs_destroy_pool(pool) ? 4 : 0;
}
