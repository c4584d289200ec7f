/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
#include <stdio.h>
#include <uzsmalloc.h>

int main(void)
{
	struct zs_pool *pool = zs_create_pool("hello");
	char text[] = "small objects, packed tightly", copy[sizeof(text)];
	unsigned long handle[1000], before;

	if (!pool)
		return 1;
	for (int i = 0; i < 1000; i++) {
		handle[i] =
			zs_malloc(pool, sizeof(text), GFP_KERNEL, NUMA_NO_NODE);
		if (zs_obj_write(pool, handle[i], text, sizeof(text)))
			return 1; /* the handle may be an error value */
	}
	for (int i = 0; i < 1000; i++)
		if (i % 10 != 0)
			zs_free(pool, handle[i]);

	before = zs_get_total_pages(pool);
	zs_compact(pool); /* objects move, handles stay valid */
	printf("%lu pages, then %lu\n", before, zs_get_total_pages(pool));

	char *p = zs_obj_read_begin(pool, handle[990], sizeof(copy), copy);
	printf("%s\n", p);
	zs_obj_read_end(pool, handle[990], sizeof(copy), p);
	printf("%lu objects were still live\n", zs_destroy_pool(pool));
	return 0;
}
