/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_layout.h - the place of every object of a pool, as one sequence of
 * words, through the public API: for comparing before and after.
 */
#ifndef UZS_TEST_LAYOUT_H
#define UZS_TEST_LAYOUT_H

#include "test_util.h"

struct layout {
	unsigned long *words;
	size_t n;
	size_t room;
};

static inline void layout_add(struct layout *layout, unsigned long word)
{
	if (layout->n == layout->room) {
		layout->room = layout->room ? 2 * layout->room : 1024;
		layout->words =
			realloc(layout->words, layout->room * sizeof(word));
		assert_non_null(layout->words);
	}
	layout->words[layout->n++] = word;
}

static inline int layout_add_zspage(const struct zs_zspage_info *info,
				    void *arg)
{
	struct layout *layout = arg;

	layout_add(layout, info->group);
	layout_add(layout, info->inuse);
	for (unsigned int i = 0; i < info->objs; i++)
		layout_add(layout, info->handles[i]);
	for (unsigned int i = 0; i < info->objs - info->inuse; i++)
		layout_add(layout, info->free_list[i]);
	return 0;
}

/* For each class with zspages its index; for each zspage, by group and from
 * the head of the list, group and objects in use, the handle or 0 at each
 * index, the free list from its head. */
static inline void layout_take(struct layout *layout, struct zs_pool *pool)
{
	layout->n = 0;
	for (unsigned int i = 0; i < zs_class_count(pool); i++) {
		struct zs_class_info class = ZS_CLASS_INFO_INIT;

		assert_int_equal(zs_class_info(pool, i, &class), 0);
		if (class.index != i || !class.objs_capacity)
			continue;
		layout_add(layout, i);
		assert_int_equal(zs_for_each_zspage(pool, i, layout_add_zspage,
						    layout),
				 0);
	}
}

static inline bool layout_same(const struct layout *a, const struct layout *b)
{
	return a->n == b->n &&
	       !memcmp(a->words, b->words, a->n * sizeof(*a->words));
}

static inline void layout_drop(struct layout *layout)
{
	free(layout->words);
	*layout = (struct layout){ 0 };
}

#endif
