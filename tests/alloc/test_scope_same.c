/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_scope_same.c - scope.c: in each scope, and whether handles are freed
 * one by one or in runs, the pool ends up the same, and its figures are right
 * after every free.
 */
#include "class.h"
#include "test_defer.h"
#include "test_layout.h"

#define SLOTS 1500u
#define NR_COPIES 3

/* A pool, and what lies in it, by slot. */
struct copy {
	struct zs_pool *pool;
	size_t way;
	unsigned long handles[SLOTS];
	struct layout layout;
	char *table;
};

/* As layout_take, but objects by their first bytes, which tell the slot. */
static int add_zspage(const struct zs_zspage_info *info, void *arg)
{
	struct copy *c = arg;

	layout_add(&c->layout, info->group);
	for (unsigned int i = 0; i < info->objs; i++) {
		struct iovec iov[2];

		if (!info->handles[i]) {
			layout_add(&c->layout, ~0ul);
			continue;
		}
		assert_int_equal(zs_obj_read_sg_begin(c->pool, info->handles[i],
						      iov, sizeof(u32)),
				 1);
		layout_add(&c->layout, *(u32 *)iov[0].iov_base);
		zs_obj_read_sg_end(c->pool, info->handles[i]);
	}
	for (unsigned int i = 0; i < info->objs - info->inuse; i++)
		layout_add(&c->layout, info->free_list[i]);
	return 0;
}

static void look_at(struct copy *c)
{
	struct zs_pool_info info = info_of(c->pool);
	size_t size;
	FILE *out;

	c->layout.n = 0;
	for (unsigned int i = 0; i < zs_class_count(c->pool); i++)
		if (uzs_class_is_own(c->pool, i))
			assert_int_equal(zs_for_each_zspage(c->pool, i,
							    add_zspage, c),
					 0);
	layout_add(&c->layout, info.pages);
	layout_add(&c->layout, info.peak_pages);
	layout_add(&c->layout, info.objs_inuse);
	layout_add(&c->layout, info.objs_capacity);
	layout_add(&c->layout, info.freeable_pages);
	layout_add(&c->layout, info.pages_compacted);
	layout_add(&c->layout, info.objs_moved);
	free(c->table);
	out = open_memstream(&c->table, &size);
	assert_non_null(out);
	assert_int_equal(zs_print_classes(c->pool, out), 0);
	fclose(out);
}

/* Slots whose objects go at this step, in a random order. */
static unsigned int pick_victims(struct rng *rng, const struct copy *c,
				 unsigned int *victims)
{
	unsigned int n = 0, most = rng_range(rng, 1, 200);

	for (unsigned int k = 0; k < 4 * most && n < most; k++) {
		unsigned int slot = rng_below(rng, SLOTS), i = 0;

		while (i < n && victims[i] != slot)
			i++;
		if (i == n && c->handles[slot])
			victims[n++] = slot;
	}
	return n;
}

static void free_slots(struct copy *c, const unsigned int *slots,
		       unsigned int n)
{
	unsigned long handles[200];
	struct helper h = { .pool = c->pool, .handles = handles, .n = n };

	for (unsigned int i = 0; i < n; i++) {
		handles[i] = c->handles[slots[i]];
		c->handles[slots[i]] = 0;
	}
	free_ways[c->way](&h);
}

/* The same trace as in the scope held, freed one by one and in runs: every
 * object ends up at the same place, and every figure is the same. */
static void test_all_scopes_leave_the_same_layout(void **state)
{
	static struct copy copies[NR_COPIES];
	const enum zs_lock_scope scope = test_scope;
	unsigned int victims[200], n, size;
	struct rng rng;

	memset(copies, 0, sizeof(copies));
	for (size_t i = 0; i < NR_COPIES; i++) {
		test_scope = i ? scope : ZS_SCOPE_HELD;
		copies[i].pool =
			make_deferring(ZS_DEFER_NONE, ZS_POOL_NO_WORKER);
		copies[i].way = i == 2;
	}
	test_scope = scope;
	rng_seed(&rng, test_page_size);
	for (int step = uzs_test_scale(60); step > 0; step--) {
		for (u32 slot = 0; slot < SLOTS; slot++) {
			if (copies[0].handles[slot] || rng_below(&rng, 3))
				continue;
			size = rng_below(&rng, 3)
				       ? test_page_size / 32 *
						 rng_range(&rng, 1, 6)
				       : rng_range(&rng, 4, test_page_size);
			for (size_t i = 0; i < NR_COPIES; i++) {
				struct copy *c = &copies[i];

				c->handles[slot] = must_malloc(c->pool, size);
				assert_int_equal(
					zs_obj_write(c->pool, c->handles[slot],
						     &slot, sizeof(slot)),
					0);
			}
		}
		for (int rounds = 0; rounds < 6; rounds++) {
			n = pick_victims(&rng, &copies[0], victims);
			for (size_t i = 0; i < NR_COPIES; i++)
				free_slots(&copies[i], victims, n);
		}
		if (rng_below(&rng, 2))
			for (size_t i = 0; i < NR_COPIES; i++)
				zs_compact(copies[i].pool);
		for (size_t i = 0; i < NR_COPIES; i++) {
			look_at(&copies[i]);
			assert_true(layout_same(&copies[i].layout,
						&copies[0].layout));
			assert_string_equal(copies[i].table, copies[0].table);
		}
	}
	assert_true(info_of(copies[0].pool).objs_moved > 0);
	for (size_t i = 0; i < NR_COPIES; i++) {
		assert_sound(copies[i].pool);
		zs_destroy_pool(copies[i].pool);
		layout_drop(&copies[i].layout);
		free(copies[i].table);
	}
}

/* Zspages in which some object lives. */
static unsigned int count_zspages(struct zs_pool *pool,
				  const unsigned long *handles, unsigned int n)
{
	struct zspage *seen[100];
	unsigned int zspages = 0, i;

	for (; n; n--, handles++) {
		if (!*handles)
			continue;
		for (i = 0; i < zspages; i++)
			if (seen[i] == zspage_of(pool, *handles))
				break;
		if (i == zspages) {
			assert_true(zspages < ARRAY_SIZE(seen));
			seen[zspages++] = zspage_of(pool, *handles);
		}
	}
	return zspages;
}

/* After every single free the capacity and the pages are right. */
static void test_figures_are_exact_after_each_free(void **state)
{
	struct zs_pool *pool = make_deferring(ZS_DEFER_NONE, ZS_POOL_NO_WORKER);
	struct size_class *classes[3] = {
		class_of_few(pool, 3), class_of_few(pool, 2),
		pool->size_class[pool->nr_classes - 1]
	};
	unsigned long handles[3][60] = { 0 }, pages;
	unsigned int live[3] = { 0 }, zspages;
	struct rng rng;

	rng_seed(&rng, 3);
	for (int step = uzs_test_scale(4000); step > 0; step--) {
		unsigned int k = rng_below(&rng, 3), i = rng_below(&rng, 60);
		struct helper h = { .pool = pool,
				    .handles = &handles[k][i],
				    .n = 1 };

		if (handles[k][i]) {
			free_ways[rng_below(&rng, 2)](&h);
			handles[k][i] = 0;
			live[k]--;
		} else if (rng_below(&rng, 2)) {
			handles[k][i] = must_malloc(pool, room_of(classes[k]));
			live[k]++;
		}
		pages = 0;
		for (unsigned int c = 0; c < 3; c++) {
			struct size_class *class = classes[c];

			zspages = count_zspages(pool, handles[c], 60);
			pages += zspages * class->pages_per_zspage;
			assert_int_equal(class->objs_capacity,
					 zspages * class->objs_per_zspage);
			assert_int_equal(class->objs_inuse, live[c]);
		}
		assert_int_equal(zs_get_total_pages(pool), pages);
	}
	assert_sound(pool);
	zs_destroy_pool(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_scopes_leave_the_same_layout),
		cmocka_unit_test(test_figures_are_exact_after_each_free),
	};

	return run_in_every_variant(tests);
}
