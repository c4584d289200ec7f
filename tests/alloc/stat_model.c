/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* stat_model.c - see stat_model.h. */
#include "stat_model.h"

struct zs_class_info class_of(struct zs_pool *pool, unsigned int index)
{
	struct zs_class_info info = ZS_CLASS_INFO_INIT;

	assert_int_equal(zs_class_info(pool, index, &info), 0);
	return info;
}

void model_init(struct model *m, struct zs_pool *pool, uint64_t seed)
{
	memset(m, 0, sizeof(*m));
	m->pool = pool;
	m->last = info_of(pool);
	m->page_size = m->last.page_size;
	rng_seed(&m->rng, seed);
}

static uint64_t key_of(unsigned long handle)
{
	return handle * 31;
}

void model_alloc(struct model *m)
{
	/* Few classes, so that they fill; now and then any. */
	unsigned int size =
		rng_below(&m->rng, 8)
			? m->page_size / 8 * rng_range(&m->rng, 1, 8)
			: rng_range(&m->rng, 1, m->page_size);
	unsigned long handle;

	if (m->nr == MODEL_OBJS)
		return;
	handle = must_malloc(m->pool, size);
	assert_true(object_fill(m->pool, handle, size, key_of(handle)));
	m->handle[m->nr] = handle;
	m->size[m->nr++] = size;
}

void model_free(struct model *m)
{
	unsigned int i;

	if (!m->nr)
		return;
	i = rng_below(&m->rng, m->nr);
	zs_free(m->pool, m->handle[i]);
	m->handle[i] = m->handle[--m->nr];
	m->size[i] = m->size[m->nr];
}

void model_verify(struct model *m)
{
	for (unsigned int i = 0; i < m->nr; i++)
		assert_true(object_ok(m->pool, m->handle[i], m->size[i],
				      key_of(m->handle[i])));
}

static void model_compact(struct model *m)
{
	unsigned long expected = zs_shrink_count(m->pool);
	unsigned long freed = zs_compact(m->pool);

	/* "about that": never more, and all of it unless something is read. */
	assert_int_equal(freed, expected);
	m->compactions++;
	m->pages_compacted += freed;
}

void model_step(struct model *m)
{
	unsigned int dice = rng_below(&m->rng, 100);
	unsigned int n = 1 + rng_below(&m->rng, 40);

	if (dice < 48)
		while (n--)
			model_alloc(m);
	else if (dice < 94)
		while (n--)
			model_free(m);
	else if (dice < 97)
		model_compact(m);
	else if (dice < 99)
		m->trimmed += zs_trim(m->pool);
	else
		zs_drain(m->pool);
}

void model_free_all(struct model *m)
{
	while (m->nr)
		model_free(m);
}

size_t sum_of_sizes(const struct model *m)
{
	size_t sum = 0;

	for (unsigned int i = 0; i < m->nr; i++)
		sum += m->size[i];
	return sum;
}
