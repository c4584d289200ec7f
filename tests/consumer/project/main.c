/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* A program of somebody else's, found and linked as its build says. */
#include <stdio.h>
#include <string.h>
#include <uzsmalloc.h>

int main(void)
{
	char in[] = "consumer", out[sizeof(in)];
	struct zs_pool *pool = zs_create_pool("consumer");
	unsigned long handle;
	void *p;

	if (!pool)
		return 1;
	handle = zs_malloc(pool, sizeof(in), GFP_KERNEL, NUMA_NO_NODE);
	if (zs_is_err(handle) || zs_obj_write(pool, handle, in, sizeof(in)))
		return 1;
	p = zs_obj_read_begin(pool, handle, sizeof(out), out);
	if (!p || strcmp((char *)p, in) != 0)
		return 1;
	zs_obj_read_end(pool, handle, sizeof(out), p);
	printf("uzsmalloc %s: ok\n", zs_version());
	return zs_destroy_pool(pool) == 1 ? 0 : 1;
}
