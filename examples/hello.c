/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
#include <stdio.h>
#include <uzsmalloc.h>

struct record {
	int key;
	zs_ref value; /* 8 bytes, which the pool rewrites when it moves it */
};

int main(void)
{
	static struct record cache[10000];
	struct zs_pool_options options = ZS_POOL_OPTIONS_INIT;
	char text[] = "small objects, packed tightly", copy[sizeof(text)];
	struct zs_pool *pool;
	unsigned long before;

	options.profile = ZS_PROFILE_USER;
	pool = zs_create_pool_with("hello", &options);
	if (!pool)
		return 1;
	for (int i = 0; i < 10000; i++)
		if (zs_ref_store(pool, &cache[i].value, text, sizeof(text)))
			return 1;
	before = zs_get_total_pages(pool);
	for (int i = 0; i < 10000; i++)
		if (i % 10 != 0)
			zs_ref_free(pool, &cache[i].value);

	zs_compact(pool); /* objects move, refs follow them */
	zs_trim(pool); /* and their memory goes back to the OS */
	printf("%lu pages, then %lu\n", before, zs_get_total_pages(pool));

	char *p = zs_ref_begin(pool, &cache[990].value); /* stays in place */
	printf("%s\n", p);
	zs_ref_end(pool, &cache[990].value);
	if (zs_ref_load(pool, &cache[990].value, copy, sizeof(copy)))
		return 1;
	printf("%lu objects were still live\n", zs_destroy_pool(pool));
	return 0;
}
