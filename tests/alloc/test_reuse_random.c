/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_reuse_random.c - reuse.c against a model of it, which is written from
 * its promises. Random operations; after each one the handle that is given
 * out, what is kept and all counters must be the model's, and data must be
 * what was written.
 */
#include "test_reuse.h"

#define MAX_LIVE 200u

struct model_stack {
	unsigned int nr, low;
	unsigned long handles[15];
};

static struct {
	struct zs_pool *pool;
	struct rng rng;
	/* what should be */
	struct model_stack stacks[ZS_MAX_CLASSES];
	struct {
		unsigned long handle; /* 0: none */
		unsigned int class;
	} staged[8]; /* oldest first */
	unsigned long kept, taken, drained;
	bool look_due;
	/* what is the test's */
	unsigned int nr_live;
	struct {
		unsigned long handle;
		unsigned int size;
		uint64_t key;
	} live[MAX_LIVE];
} m;

static unsigned int index_of(size_t size)
{
	return class_for(m.pool, size)->index;
}

static void model_free_oldest(struct model_stack *stack, unsigned int n)
{
	m.drained += n;
	stack->nr -= n;
	stack->low = min(stack->low, stack->nr);
	memmove(stack->handles, stack->handles + n, stack->nr * sizeof(long));
}

static void model_push(unsigned int class, unsigned long handle)
{
	struct model_stack *stack = &m.stacks[class];
	unsigned int most = most_kept(m.pool, m.pool->size_class[class]);

	if (stack->nr == most)
		model_free_oldest(stack, (most + 1) / 2);
	stack->handles[stack->nr++] = handle;
}

static void model_stage(unsigned int class, unsigned long handle)
{
	if (m.staged[0].handle)
		model_push(m.staged[0].class, m.staged[0].handle);
	memmove(m.staged, m.staged + 1, 7 * sizeof(m.staged[0]));
	m.staged[7].handle = handle;
	m.staged[7].class = class;
}

static unsigned long model_held(void)
{
	return m.kept - m.taken - m.drained;
}

static void model_unstage(void)
{
	for (unsigned int i = 0; i < 8; i++)
		model_stage(0, 0);
}

static void model_look(void)
{
	if (!m.look_due)
		return;
	model_unstage();
	for (unsigned int i = 0; i < m.pool->nr_classes; i++) {
		model_free_oldest(&m.stacks[i], m.stacks[i].low);
		m.stacks[i].low = m.stacks[i].nr;
	}
	m.look_due = model_held() != 0;
}

static void model_flush(void)
{
	model_unstage();
	for (unsigned int i = 0; i < m.pool->nr_classes; i++)
		model_free_oldest(&m.stacks[i], m.stacks[i].nr);
}

static bool model_has(unsigned long handle)
{
	for (unsigned int i = 0; i < m.nr_live; i++)
		if (m.live[i].handle == handle)
			return true;
	for (unsigned int i = 0; i < 8; i++)
		if (m.staged[i].handle == handle)
			return true;
	for (unsigned int c = 0; c < m.pool->nr_classes; c++)
		if (is_in(handle, m.stacks[c].handles, m.stacks[c].nr))
			return true;
	return false;
}

/* ---- operations ---------------------------------------------------------- */

/* Of some classes, so that there is something to take. */
static unsigned int some_size(void)
{
	return rng_below(&m.rng, 10)
		       ? (unsigned int)nth_size(rng_below(&m.rng, NR_SIZES)) -
				 rng_below(&m.rng, 3)
		       : rng_range(&m.rng, 1, test_page_size);
}

static void op_malloc(void)
{
	unsigned int size = some_size();
	struct model_stack *stack = &m.stacks[index_of(size)];
	unsigned long handle;

	if (m.nr_live == MAX_LIVE)
		return;
	handle = must_malloc(m.pool, size);
	if (stack->nr) {
		assert_int_equal(handle, stack->handles[--stack->nr]);
		stack->low = min(stack->low, stack->nr);
		m.taken++;
	} else {
		assert_false(model_has(handle));
	}
	m.live[m.nr_live].handle = handle;
	m.live[m.nr_live].size = size;
	m.live[m.nr_live].key = rng_next(&m.rng);
	assert_true(object_fill(m.pool, handle, size, m.live[m.nr_live].key));
	m.nr_live++;
}

/* One that is live no more. Return: its class. */
static unsigned int give_up(unsigned long *handle)
{
	unsigned int i = rng_below(&m.rng, m.nr_live);
	unsigned int class = index_of(m.live[i].size);

	*handle = m.live[i].handle;
	assert_true(object_ok(m.pool, *handle, m.live[i].size, m.live[i].key));
	m.live[i] = m.live[--m.nr_live];
	return class;
}

static void op_keep(void)
{
	unsigned long handle;
	unsigned int class;

	if (!m.nr_live)
		return;
	class = give_up(&handle);
	assert_true(zs_free_deferred(m.pool, handle));
	m.kept++;
	model_stage(class, handle);
	m.look_due = true;
}

static void op_free(void)
{
	unsigned long handle;

	if (!m.nr_live)
		return;
	give_up(&handle);
	zs_free(m.pool, handle);
}

static void op_look(void)
{
	zs_drain(m.pool);
	model_look();
}

static void op_flush(void)
{
	zs_free_deferred_flush(m.pool);
	model_flush();
}

static void op_relieve(void)
{
	assert_int_equal(uzs_reuse_flush(m.pool), model_held() != 0);
	model_flush();
}

static void op_compact(void)
{
	zs_compact(m.pool);
}

static void op_trim(void)
{
	zs_trim(m.pool);
}

static void op_check(void)
{
	assert_sound(m.pool);
	for (unsigned int i = 0; i < m.nr_live; i++)
		assert_true(object_ok(m.pool, m.live[i].handle, m.live[i].size,
				      m.live[i].key));
}

static const struct {
	void (*op)(void);
	unsigned int share;
} ops[] = {
	{ op_malloc, 400 }, { op_keep, 360 }, { op_free, 40 },
	{ op_look, 6 },	    { op_flush, 3 },  { op_relieve, 2 },
	{ op_compact, 12 }, { op_trim, 4 },   { op_check, 6 },
};

static void compare(void)
{
	const struct reuse_slot *slot = reuse_slot_of(m.pool, 0);
	struct zs_pool_info i = info_of(m.pool);

	assert_int_equal(i.deferred_queued, m.kept);
	assert_int_equal(i.deferred_reused, m.taken);
	assert_int_equal(i.deferred_drained, m.drained);
	assert_int_equal(i.deferred_sync_busy + i.deferred_sync_full, 0);
	assert_int_equal(i.objs_inuse, m.nr_live + model_held());
	assert_int_equal(slot->held, model_held());
	for (unsigned int c = 0; c < m.pool->nr_classes; c++) {
		assert_int_equal(slot->stacks[c].nr, m.stacks[c].nr);
		assert_int_equal(slot->stacks[c].low, m.stacks[c].low);
	}
}

static void test_agrees_with_the_model(void **state)
{
	unsigned int all = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		all += ops[i].share;
	for (unsigned int seed = 0; seed < 3; seed++) {
		memset(&m, 0, sizeof(m));
		rng_seed(&m.rng, seed);
		m.pool = make_reuse(ZS_POOL_NO_WORKER);
		for (int n = uzs_test_scale(3000); n > 0; n--) {
			unsigned int dice = rng_below(&m.rng, all);
			size_t i = 0;

			while (dice >= ops[i].share)
				dice -= ops[i++].share;
			ops[i].op();
			compare();
		}
		print_message("seed %u: %lu kept, %lu taken, %lu freed\n", seed,
			      m.kept, m.taken, m.drained);
		while (m.nr_live)
			op_keep();
		op_flush();
		compare();
		assert_nothing_left(m.pool);
		zs_destroy_pool(m.pool);
	}
	assert_true(m.taken > 0 && m.drained > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agrees_with_the_model),
	};

	return run_in_every_variant(tests);
}
