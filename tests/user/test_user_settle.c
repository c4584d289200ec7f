/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_user_settle.c - full zspages move into sections of huge pages. Objects
 * keep what they hold, memory is counted as it is, and comes back; whatever
 * fails, whatever else runs, and in the child of a fork. And what a CPU keeps of
 * freed objects, of which the first word is stale, is followed by nobody.
 *
 * Where the OS has no huge pages now, most of it is skipped.
 */
#include "user_util.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>

#include "compat/fault.h"
#include "compat/os.h"
#include "test_failures.h"
#include "user/places.h"
#include "user/runs.h"
#include "user/settle.h"
#include "whole/fork_util.h"

#define MIB ((size_t)1 << 20)

/* Ends the test where not even so many sections of huge pages can be had. */
static void need_huge_pages(void)
{
	void *mem[16];
	unsigned int n = 0;

	while (n < ARRAY_SIZE(mem) &&
	       (mem[n] = uzs_os_map_huge(UZS_SECTION_SIZE, UZS_SECTION_SIZE)))
		n++;
	for (unsigned int i = 0; i < n; i++)
		uzs_os_release(mem[i], UZS_SECTION_SIZE);
	if (n == ARRAY_SIZE(mem))
		return;
	print_message("             no huge pages here, or too few\n");
	skip();
}

static unsigned long nr_huge(struct zs_pool *pool)
{
	return info_of(pool).bytes_huge / UZS_SECTION_SIZE;
}

/* Settles until there is nothing left to do. Return: how many sections. */
static unsigned int settle_all(struct zs_pool *pool)
{
	unsigned int n = 0;

	pool->user->settle.after = 0;
	while (uzs_settle(pool))
		n++;
	assert_null(pool->user->settle.src);
	assert_null(pool->user->settle.dst);
	return n;
}

/* ---- sections ------------------------------------------------------------------- */

/* Bytes behind the last run of a section. */
static size_t rest_of(const struct run_section *s)
{
	return UZS_SECTION_SIZE - s->first - (size_t)s->nr * s->stride;
}

/* What layout.h says of sections, while nobody else uses the pool. `refused`: the
 * OS may have refused to take memory back. */
static void assert_sections(struct zs_pool *pool, bool refused)
{
	struct runs *runs = &pool->user->runs;
	unsigned int nursery[USER_LENGTHS] = { 0 };
	unsigned long nr = 0, huge = 0;
	size_t heads = 0, warm = 0;
	struct run_section *s;

	list_for_each_entry(s, &runs->sections, list) {
		nr++;
		heads += s->first + s->tail;
		for (unsigned int i = 0; i < s->nr_used; i++)
			warm += (size_t)s->zspages[i].warm << pool->page_shift;
		if (s->nursery)
			nursery[s->length] += s->nr_used - s->nr_free;
		switch (s->huge) {
		case RUN_SMALL:
			assert_true(s->nursery);
			assert_int_equal(s->tail, 0);
			break;
		case RUN_HUGE:
			huge++;
			assert_int_equal(s->tail, rest_of(s));
			assert_int_equal(s->cooled, 0);
			assert_false(s->nursery);
			for (unsigned int i = 0; i < s->nr_used; i++)
				assert_int_equal(
					s->zspages[i].warm,
					runs->lengths[s->length].pages);
			break;
		case RUN_SPLIT:
			assert_true(s->tail == 0 || refused);
			/* Counted until it is a nursery. */
			if (s->nursery)
				assert_int_equal(s->cooled, 0);
			else
				assert_in_range(s->cooled, refused ? 0 : 1,
						UZS_SECTION_SIZE / 4 - 1);
			break;
		default:
			fail();
		}
	}
	assert_int_equal(nr, runs->nr_sections);
	assert_int_equal(huge, runs->nr_huge);
	assert_int_equal(heads, runs->head_bytes);
	assert_int_equal(warm, runs->warm_bytes);
	/* A hardened pool notes reads, too. */
	assert_in_range(pool->zone.charged - heads - warm, 0,
			pool->hardened ? 65536 : 0);
	for (unsigned int i = 0; i < runs->nr_lengths; i++)
		assert_int_equal(nursery[i], runs->lengths[i].nursery);
	assert_sound(pool);
}

/* Bytes of huge pages behind the last runs. */
static size_t tails(struct zs_pool *pool)
{
	struct run_section *s;
	size_t sum = 0;

	list_for_each_entry(s, &pool->user->runs.sections, list)
		sum += s->tail;
	return sum;
}

/* ---- memory --------------------------------------------------------------------- */

/* bytes_resident is never less than what the process grew by, but for pages of
 * other things; and little more. (Of a large page an object may touch a part.) */
static void compare_rss(struct zs_pool *pool, size_t base, const char *when)
{
	size_t now = resident_bytes(), grown = now > base ? now - base : 0;
	struct zs_pool_info i = info_of(pool);

	if (SANITIZED)
		return;
	if (grown > i.bytes_resident + MIB ||
	    (pool->page_size == uzs_os_page_size() &&
	     i.bytes_resident > grown + grown / 50 + MIB))
		fail_msg("%s: the process grew by %zu bytes, the pool says %zu",
			 when, grown, i.bytes_resident);
}

/* ---- many objects ----------------------------------------------------------------- */

#define MOST 40000u

/* Every second one has a handle. */
struct many {
	struct zs_pool *pool;
	unsigned int n;
	zs_ref refs[MOST];
	unsigned long handles[MOST];
	unsigned int lens[MOST];
	struct rng rng;
};

/* All of them in one test after the other. */
static struct many many;

static void many_make(struct many *m, const struct zs_pool_options *o)
{
	memset(m, 0,
	       sizeof(*m)); /* and gives it memory, before resident_bytes() */
	memset(m->refs, 0, sizeof(m->refs));
	memset(m->handles, 0, sizeof(m->handles));
	memset(m->lens, 1, sizeof(m->lens));
	rng_seed(&m->rng, 1);
	m->pool = make_user_with(o);
	m->pool->user->settle.from = 0;
}

static bool many_put(struct many *m, unsigned int i, unsigned int len)
{
	int err;

	m->lens[i] = len;
	if (i % 2) {
		m->handles[i] =
			zs_malloc(m->pool, len, GFP_KERNEL, NUMA_NO_NODE);
		err = zs_err(m->handles[i]);
		if (err)
			m->handles[i] = 0;
		else
			assert_true(
				object_fill(m->pool, m->handles[i], len, i));
	} else {
		err = ref_fill(m->pool, &m->refs[i], len, i);
	}
	assert_true(err == 0 || err == -ENOMEM);
	return err == 0;
}

static bool many_has(const struct many *m, unsigned int i)
{
	return word_of(&m->refs[i]) || m->handles[i];
}

static void many_free(struct many *m, unsigned int i)
{
	zs_ref_free(m->pool, &m->refs[i]);
	zs_free(m->pool, m->handles[i]);
	m->handles[i] = 0;
}

/* Sizes of a few classes, so that zspages become full soon. */
static unsigned int any_len(struct many *m)
{
	size_t page = m->pool->page_size;

	return (unsigned int)(page * (3 + rng_below(&m->rng, 8)) / 11);
}

/* Adds objects of `bytes` in all. Return: could they be had? */
static bool many_fill(struct many *m, size_t bytes)
{
	for (size_t sum = 0; sum < bytes; m->n++) {
		assert_true(m->n < MOST);
		if (!many_put(m, m->n, any_len(m)))
			return false;
		sum += m->lens[m->n];
	}
	return true;
}

static void many_ok(struct many *m)
{
	unsigned long live = 0;

	for (unsigned int i = 0; i < m->n; i++) {
		if (!many_has(m, i))
			continue;
		live++;
		assert_true(
			i % 2 ? object_ok(m->pool, m->handles[i], m->lens[i], i)
			      : ref_ok(m->pool, &m->refs[i], m->lens[i], i));
	}
	assert_int_equal(info_of(m->pool).objs_inuse, live);
}

/* Frees a part of them at random. */
static void many_thin(struct many *m, unsigned int percent)
{
	for (unsigned int i = 0; i < m->n; i++)
		if (rng_below(&m->rng, 100) < percent)
			many_free(m, i);
}

/* New ones where some were freed. */
static void many_refill(struct many *m)
{
	for (unsigned int i = 0; i < m->n; i++)
		if (!many_has(m, i))
			assert_true(many_put(m, i, any_len(m)));
}

/* Nothing is left but what an empty pool has. `refused` as above. */
static void many_end(struct many *m, size_t empty, bool refused)
{
	for (unsigned int i = 0; i < m->n; i++)
		many_free(m, i);
	zs_trim(m->pool);
	assert_int_equal(info_of(m->pool).pages, 0);
	assert_int_equal(info_of(m->pool).bytes_free, 0);
	assert_int_equal(nr_huge(m->pool), 0);
	assert_sections(m->pool, refused);
	/* A hardened pool keeps the heads of sections. */
	if (!m->pool->hardened)
		assert_int_equal(info_of(m->pool).bytes_resident, empty);
	assert_int_equal(zs_destroy_pool(m->pool), 0);
}

/* ---- tests: moving -------------------------------------------------------------------- */

/* Bytes that let several sections settle. Zspages of larger pages are larger, so
 * more of a class's are not full. */
static size_t fill_bytes(const struct user_geometry *g)
{
	return (g->page_size > 8192 ? 60 : 24) * MIB;
}

/* Each second of many alike, in scaled runs, which are those with slow instruments. */
static bool left_out(size_t nr)
{
	return nr % 2 && uzs_test_scale(100) < 100;
}

static void test_settled_objects_are_what_they_were(void **state)
{
	need_huge_pages();
	for (size_t g = 0; g < ARRAY_SIZE(user_geometries); g++)
		for (unsigned int hard = 0; hard < 2; hard++) {
			struct zs_pool_options o = USER_OPTIONS_INIT;
			struct zs_pool_info before, after;
			size_t empty, base, inuse;
			unsigned int n;

			if (left_out(g + hard))
				continue;
			o.page_size = user_geometries[g].page_size;
			o.chain_size = user_geometries[g].chain_size;
			o.flags = ZS_POOL_NO_WORKER;
			o.flags |= hard ? ZS_POOL_HARDENED : 0;
			many_make(&many, &o);
			base = resident_bytes();
			empty = info_of(many.pool).bytes_resident;
			assert_true(many_fill(&many,
					      fill_bytes(&user_geometries[g])));
			compare_rss(many.pool, base, "filled");
			before = info_of(many.pool);
			assert_int_equal(nr_huge(many.pool), 0);
			n = settle_all(many.pool);
			after = info_of(many.pool);
			assert_true(n > 0);
			assert_int_equal(nr_huge(many.pool), n);
			compare_rss(many.pool, base, "settled");
			assert_sections(many.pool, false);
			/* Of most geometries some lengths have too few. */
			inuse = before.pages * before.page_size;
			assert_true(g > 0 || n * UZS_SECTION_SIZE > inuse / 2);
			assert_true(after.objs_moved > before.objs_moved);
			assert_int_equal(after.objs_inuse, before.objs_inuse);
			assert_true(after.bytes_free <= before.bytes_free);
			/* Few long zspages leave much of a section. */
			if (after.bytes_resident >
			    before.bytes_resident / 100 * 103 +
				    (before.page_size > 8192 ? tails(many.pool)
							     : 0))
				fail_msg("%zu bytes, after %zu (%u, %u)",
					 after.bytes_resident,
					 before.bytes_resident, o.page_size,
					 o.chain_size);
			many_ok(&many);
			/* They can be written, replaced, freed. */
			for (unsigned int i = 0; i < many.n; i++) {
				if (i % 3 == 0)
					many_free(&many, i);
				if (i % 6 == 2)
					assert_true(many_put(&many, i,
							     many.lens[i]));
			}
			many_ok(&many);
			many_end(&many, empty, false);
		}
}

/* A class that settles alone, for each length: not before there are enough full
 * zspages for a section, and then at once. */
static void test_a_section_of_full_zspages_settles(void **state)
{
	need_huge_pages();
	for (size_t g = 0; g < ARRAY_SIZE(user_geometries); g++) {
		unsigned char done[USER_LENGTHS] = { 0 };
		struct zs_pool *pool =
			make_user_of(&user_geometries[g], ZS_POOL_NO_WORKER);
		unsigned int lengths = 0;

		use_all_classes(pool);
		for (unsigned int i = 1; i < pool->nr_classes; i++) {
			const struct size_class *class = pool->size_class[i];
			unsigned int length = pool->user->length[i];
			unsigned int most, n = 0;
			struct zs_pool_info before;
			static zs_ref refs[MOST];
			size_t len = class->size - USER_HEAD;

			/* Few objects, for time. */
			if (class->objs_per_zspage == 1 ||
			    class->objs_per_zspage > 30 || done[length])
				continue;
			done[length] = 1;
			lengths++;
			most = uzs_runs_in_section(pool, length) *
			       class->objs_per_zspage;
			assert_true(most <= MOST);
			for (; n < most - class->objs_per_zspage; n++)
				assert_int_equal(
					zs_ref_alloc(pool, &refs[n], len), 0);
			before = info_of(pool);
			assert_int_equal(uzs_settle(pool), 0);
			assert_int_equal(nr_huge(pool), 0);
			assert_int_equal(info_of(pool).bytes_mapped,
					 before.bytes_mapped);
			assert_int_equal(info_of(pool).objs_moved,
					 before.objs_moved);
			for (; n < most - 1; n++)
				assert_int_equal(
					zs_ref_alloc(pool, &refs[n], len), 0);
			/* The last is not quite full. */
			assert_int_equal(uzs_settle(pool), 0);
			assert_int_equal(zs_ref_alloc(pool, &refs[n++], len),
					 0);
			if (!uzs_settle(pool))
				fail_msg("length %u, class %u: does not settle",
					 pool->user->runs.lengths[length].pages,
					 i);
			assert_int_equal(nr_huge(pool), 1);
			assert_sections(pool, false);
			while (n > 0)
				zs_ref_free(pool, &refs[--n]);
			zs_trim(pool);
			assert_int_equal(nr_huge(pool), 0);
		}
		assert_true(lengths > 1);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

static void test_pinned_objects_stay(void **state)
{
	need_huge_pages();
	for (unsigned int hard = 0; hard < 2; hard++) {
		struct zs_pool_options o = USER_OPTIONS_INIT;
		static void *places[MOST];
		unsigned int stay = 0;
		size_t empty;

		o.flags = ZS_POOL_NO_WORKER;
		o.flags |= hard ? ZS_POOL_HARDENED : 0;
		many_make(&many, &o);
		empty = info_of(many.pool).bytes_resident;
		assert_true(many_fill(&many, 48 * MIB));
		for (unsigned int i = 0; i < many.n; i += 200)
			places[i] = zs_ref_begin(many.pool, &many.refs[i]);
		assert_true(settle_all(many.pool) > 0);
		for (unsigned int i = 0; i < many.n; i++) {
			bool pinned = i % 200 == 0;

			if (i % 2)
				continue;
			if (pinned) {
				assert_ptr_equal(places[i],
						 place_of(many.pool,
							  &many.refs[i]));
				assert_true(run_section(run_zspage(places[i]))
						    ->nursery);
			} else {
				stay += run_section(run_zspage(place_of(
							    many.pool,
							    &many.refs[i])))
						->nursery;
			}
		}
		/* Others are moved out of its zspage. */
		assert_true(stay < many.n / 2 / 3);
		many_ok(&many);
		assert_sections(many.pool, false);
		for (unsigned int i = 0; i < many.n; i += 200)
			zs_ref_end(many.pool, &many.refs[i]);
		many_ok(&many);
		/* What was pinned moves with the next. */
		many_thin(&many, 30);
		zs_compact(many.pool);
		many_refill(&many);
		settle_all(many.pool);
		many_ok(&many);
		assert_sections(many.pool, false);
		many_end(&many, empty, false);
	}
}

/* All of what could settle is pinned: nothing is lost, and nothing hangs. */
static void test_nothing_moves_where_all_is_pinned(void **state)
{
	struct zs_pool_options o = USER_OPTIONS_INIT;
	size_t empty;

	need_huge_pages();
	o.flags = ZS_POOL_NO_WORKER;
	many_make(&many, &o);
	empty = info_of(many.pool).bytes_resident;
	assert_true(many_fill(&many, 24 * MIB));
	for (unsigned int i = 0; i < many.n; i++)
		assert_non_null(i % 2 ? zs_obj_read_begin(many.pool,
							  many.handles[i],
							  many.lens[i], NULL)
				      : zs_ref_begin(many.pool, &many.refs[i]));
	uzs_settle(many.pool);
	assert_int_equal(info_of(many.pool).objs_moved, 0);
	assert_sections(many.pool, false);
	for (unsigned int i = 0; i < many.n; i++)
		if (i % 2)
			zs_obj_read_end(many.pool, many.handles[i],
					many.lens[i], NULL);
		else
			zs_ref_end(many.pool, &many.refs[i]);
	many_ok(&many);
	assert_true(settle_all(many.pool) > 0);
	assert_true(info_of(many.pool).objs_moved > 0);
	many_ok(&many);
	assert_sections(many.pool, false);
	many_end(&many, empty, false);
}

/* ---- tests: the worker ------------------------------------------------------------------- */

/* Waits until the worker has done what it wants. */
static void wait_for_worker(struct zs_pool *pool, bool want)
{
	for (unsigned int i = 0; i < 2000 && want && !nr_huge(pool); i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
		zs_drain(pool);
	}
	for (unsigned int i = 0; i < 4; i++)
		zs_drain(pool);
}

static void test_worker_settles_where_it_may(void **state)
{
	static const struct {
		unsigned int flags;
		size_t from;
		bool settles;
	} pools[] = {
		{ 0, 0, true },
		{ ZS_POOL_HARDENED, 0, true },
		{ 0, 20 * MIB, true },
		{ 0, 64 * MIB, false },
		{ ZS_POOL_NO_WORKER, 0, false },
		{ ZS_POOL_NO_HUGE_PAGES, 0, false },
		{ ZS_POOL_NO_HUGE_PAGES | ZS_POOL_NO_WORKER, 0, false },
		{ ZS_POOL_NO_HUGE_PAGES | ZS_POOL_HARDENED, 0, false },
	};

	need_huge_pages();
	for (size_t p = 0; p < ARRAY_SIZE(pools); p++) {
		struct zs_pool_options o = USER_OPTIONS_INIT;
		size_t empty;

		o.flags = pools[p].flags;
		many_make(&many, &o);
		many.pool->user->settle.from = pools[p].from;
		empty = info_of(many.pool).bytes_resident;
		assert_true(many_fill(&many, 48 * MIB));
		wait_for_worker(many.pool, pools[p].settles);
		assert_int_equal(nr_huge(many.pool) > 0, pools[p].settles);
		many_ok(&many);
		many_thin(&many, 60);
		zs_compact(many.pool);
		zs_trim(many.pool);
		many_ok(&many);
		many_refill(&many);
		wait_for_worker(many.pool, false);
		many_ok(&many);
		if (pools[p].settles) {
			/* Beside it, and in the middle of it. */
			assert_int_equal(zs_destroy_pool(many.pool), many.n);
			continue;
		}
		many_end(&many, empty, false);
	}
}

/* ---- tests: limits -------------------------------------------------------------------------- */

static void test_settling_keeps_the_limit(void **state)
{
	need_huge_pages();
	for (size_t room = 0; room < 6; room++) {
		struct zs_pool_options o = USER_OPTIONS_INIT;
		struct zs_pool_info i;
		unsigned long huge = 0;

		o.flags = ZS_POOL_NO_WORKER;
		many_make(&many, &o);
		assert_true(many_fill(&many, 24 * MIB));
		assert_int_equal(
			zs_set_memory_limit(many.pool,
					    info_of(many.pool).bytes_resident +
						    room * MIB),
			0);
		many.pool->user->settle.after = 0;
		while (uzs_settle(many.pool)) {
			i = info_of(many.pool);
			assert_true(i.bytes_resident <= i.memory_limit_bytes);
			huge++;
			assert_true(huge < 100);
		}
		/* A section has to fit, beside what it is filled from. */
		assert_int_equal(huge > 0, room * MIB >= UZS_SECTION_SIZE);
		if (!huge) {
			assert_int_equal(info_of(many.pool).objs_moved, 0);
			assert_true(many.pool->user->settle.after > 0);
		}
		many_ok(&many);
		assert_sections(many.pool, false);
		/* The rest can be had. */
		while (many_fill(&many, 1))
			;
		i = info_of(many.pool);
		assert_true(i.bytes_resident <= i.memory_limit_bytes);
		assert_true(i.bytes_resident + MIB > i.memory_limit_bytes);
		settle_all(many.pool);
		assert_true(info_of(many.pool).bytes_resident <=
			    i.memory_limit_bytes);
		many_ok(&many);
		assert_sections(many.pool, false);
		zs_destroy_pool(many.pool);
	}
}

/* Between two steps zs_trim may take memory from the zspage that is just being
 * filled, and others may take that up to the limit. Then settling ends. */
static void test_settling_ends_without_memory(void **state)
{
	unsigned char seen[USER_LENGTHS] = { 0 };
	unsigned int most = ~0u, n = 0, warm = 0;
	struct zs_pool *pool;
	struct settle *settle;
	size_t len = 0;
	zs_ref *refs;

	need_huge_pages();
	pool = make_user(ZS_POOL_NO_WORKER);
	use_all_classes(pool);
	settle = &pool->user->settle;
	/* The first class of its length, so that no other comes before; of
	 * these the one that needs the fewest objects. */
	for (unsigned int i = 1; i < pool->nr_classes; i++) {
		const struct size_class *class = pool->size_class[i];
		unsigned int length = pool->user->length[i];
		unsigned int nr = uzs_runs_in_section(pool, length) *
				  class->objs_per_zspage;

		if (seen[length] || class->objs_per_zspage == 1)
			continue;
		seen[length] = 1;
		if (nr >= most)
			continue;
		most = nr;
		len = pool->user->room[i];
		warm = (class->size + pool->page_size - 1) / pool->page_size;
	}
	refs = calloc(most + 1, sizeof(*refs));
	assert_non_null(refs);
	for (; n <= most; n++)
		assert_int_equal(ref_fill(pool, &refs[n], len, n), 0);
	/* The last zspage has one object, and memory for it alone. */
	zs_trim(pool);
	settle->dst = run_zspage(ref_address(refs[most].word));
	assert_int_equal(settle->dst->inuse, 1);
	assert_int_equal(settle->dst->warm, warm);
	/* Room for a section, and nothing else. */
	assert_int_equal(zs_set_memory_limit(pool,
					     info_of(pool).bytes_resident +
						     UZS_SECTION_SIZE),
			 0);
	uzs_settle(pool);
	assert_int_equal(info_of(pool).objs_inuse, n);
	assert_null(settle->src);
	assert_null(settle->dst);
	assert_sections(pool, false);
	for (unsigned int i = 0; i < n; i++)
		assert_true(ref_ok(pool, &refs[i], len, i));
	assert_int_equal(zs_destroy_pool(pool), n);
	free(refs);
}

/* ---- tests: giving back ----------------------------------------------------------------------- */

static unsigned int count_sections(struct zs_pool *pool, enum run_huge huge,
				   bool nursery)
{
	struct run_section *s;
	unsigned int n = 0;

	list_for_each_entry(s, &pool->user->runs.sections, list)
		n += s->huge == huge && s->nursery == nursery;
	return n;
}

/* How many huge pages Linux has split so far, of all programs. */
static unsigned long nr_split(void)
{
	FILE *file = fopen("/proc/vmstat", "r");
	unsigned long n = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "thp_split_page %lu", &n) == 1)
			break;
	if (file)
		fclose(file);
	return n;
}

/* Until then Linux has them whole, and RSS does not tell. */
static void test_huge_pages_are_split_at_rest(void **state)
{
	struct zs_pool_options o = USER_OPTIONS_INIT;
	unsigned long before;
	size_t empty;

	need_huge_pages();
	many_make(&many, &o);
	many.pool->user->settle.from = 0;
	empty = info_of(many.pool).bytes_resident;
	assert_true(many_fill(&many, 40 * MIB));
	wait_for_worker(many.pool, true);
	before = nr_split();
	many_thin(&many, 50);
	zs_compact(many.pool);
	/* Nobody frees: the worker gives back, looks, and looks again. */
	for (unsigned int i = 0;
	     i < 4000 && (nr_split() == before || uzs_runs_are_held(many.pool));
	     i++)
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	assert_true(nr_split() > before);
	assert_false(uzs_runs_are_held(many.pool));
	many_ok(&many);
	many_end(&many, empty, false);
}

static void test_settled_memory_comes_back(void **state)
{
	static const unsigned int percent[] = { 10, 50, 90, 99 };

	need_huge_pages();
	for (unsigned int hard = 0; hard < 2; hard++)
		for (size_t p = 0; p < ARRAY_SIZE(percent); p++) {
			struct zs_pool_options o = USER_OPTIONS_INIT;
			unsigned long before, moved, split;
			struct zs_pool_info i;
			size_t base, empty, full;

			if (left_out(p + hard))
				continue;
			o.flags = ZS_POOL_NO_WORKER;
			o.flags |= hard ? ZS_POOL_HARDENED : 0;
			many_make(&many, &o);
			base = resident_bytes();
			empty = info_of(many.pool).bytes_resident;
			assert_true(many_fill(&many, 40 * MIB));
			settle_all(many.pool);
			before = nr_huge(many.pool);
			assert_true(before > 4);
			full = info_of(many.pool).bytes_resident;
			many_thin(&many, percent[p]);
			assert_sections(many.pool, false);
			compare_rss(many.pool, base, "thinned");
			zs_compact(many.pool);
			assert_sections(many.pool, false);
			compare_rss(many.pool, base, "compacted");
			many_ok(&many);
			split = nr_split();
			zs_trim(many.pool);
			assert_false(uzs_runs_are_held(many.pool));
			assert_true(nr_split() > split);
			assert_sections(many.pool, false);
			compare_rss(many.pool, base, "trimmed");
			many_ok(&many);
			i = info_of(many.pool);
			assert_true(nr_huge(many.pool) < before);
			assert_true(i.bytes_resident - empty <
				    full / 100 * (106 - percent[p]) + MIB);
			/* A nursery from now on. */
			if (percent[p] == 50)
				assert_true(count_sections(many.pool, RUN_SPLIT,
							   true) > 0);
			many_refill(&many);
			assert_sections(many.pool, false);
			before = nr_huge(many.pool);
			moved = info_of(many.pool).objs_moved;
			if (percent[p] >= 50) {
				assert_true(settle_all(many.pool) > 0);
				assert_true(nr_huge(many.pool) > before);
				assert_true(info_of(many.pool).objs_moved >
					    moved);
			}
			assert_sections(many.pool, false);
			compare_rss(many.pool, base, "settled again");
			many_ok(&many);
			many_end(&many, empty, false);
		}
}

/* Hardened pools unmap no section. Those that are empty settle others. */
static void test_hardened_pools_do_not_grow(void **state)
{
	struct zs_pool_options o = USER_OPTIONS_INIT;
	size_t base, empty, mapped = 0;

	need_huge_pages();
	o.flags = ZS_POOL_NO_WORKER | ZS_POOL_HARDENED;
	many_make(&many, &o);
	base = resident_bytes();
	empty = info_of(many.pool).bytes_resident;
	for (unsigned int n = 0; n < 8; n++) {
		rng_seed(&many.rng, 1);
		many.n = 0;
		assert_true(many_fill(&many, 24 * MIB));
		settle_all(many.pool);
		assert_true(nr_huge(many.pool) > 2);
		assert_sections(many.pool, false);
		compare_rss(many.pool, base, "settled");
		many_ok(&many);
		for (unsigned int i = 0; i < many.n; i++)
			many_free(&many, i);
		/* With and without what was given back. */
		if (n % 2)
			zs_trim(many.pool);
		assert_sections(many.pool, false);
		compare_rss(many.pool, base, "freed");
		if (n == 2)
			mapped = info_of(many.pool).bytes_mapped;
		if (n > 2)
			assert_in_range(info_of(many.pool).bytes_mapped, 0,
					mapped);
	}
	many_end(&many, empty, false);
}

/* ---- tests: failures ---------------------------------------------------------------------------- */

static void no_faults(void)
{
	for (int kind = 0; kind < UZS_NR_FAULT_KINDS; kind++)
		uzs_fault_set((enum uzs_fault_kind)kind, 0);
}

static void shake(struct many *m)
{
	settle_all(m->pool);
	many_thin(m, 50);
	zs_compact(m->pool);
	zs_trim(m->pool);
	settle_all(m->pool);
}

/* Return: what the empty pool had. */
static size_t survive(enum uzs_fault_kind kind, long nth, bool all, bool hard)
{
	static const struct user_geometry large = { 65536, 16 };
	struct zs_pool_options o = USER_OPTIONS_INIT;
	size_t empty;

	o.page_size = large.page_size;
	o.chain_size = large.chain_size;
	o.flags = ZS_POOL_NO_WORKER | (hard ? ZS_POOL_HARDENED : 0);
	many_make(&many, &o);
	empty = info_of(many.pool).bytes_resident;
	assert_true(many_fill(&many, 30 * MIB));
	(all ? uzs_fault_set_from : uzs_fault_set)(kind, nth);
	shake(&many);
	/* Nothing settles without huge pages. */
	if (all && nth == 1 && kind != UZS_FAULT_DISCARD)
		assert_int_equal(nr_huge(many.pool), 0);
	many_ok(&many);
	assert_sections(many.pool, true);
	return empty;
}

static void after_failures(size_t empty)
{
	no_faults();
	many_refill(&many);
	many_ok(&many);
	settle_all(many.pool);
	many_ok(&many);
	assert_sections(many.pool, true);
	zs_trim(many.pool);
	many_end(&many, empty, true);
}

static void test_settling_survives_failures(void **state)
{
	static const enum uzs_fault_kind kinds[] = { UZS_FAULT_OS,
						     UZS_FAULT_UNMAP,
						     UZS_FAULT_DISCARD };
	unsigned long hits[UZS_NR_FAULT_KINDS] = { 0 };
	size_t empty;

	need_huge_pages();
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		bool hit = true;
		long step = 1;

		for (long nth = 1; hit; nth += step) {
			empty = survive(kinds[k], nth, false, nth % 4 == 3);
			hit = uzs_fault_seen(kinds[k]) >= nth;
			hits[kinds[k]] += hit;
			after_failures(empty);
			/* Every attempt at first, then some. */
			step = nth < uzs_test_scale(12) ? 1 : 1 + nth / 3;
		}
		/* For good. */
		for (long nth = 1; nth < uzs_test_scale(60);
		     nth += 1 + nth / 2) {
			empty = survive(kinds[k], nth, true, nth % 4 == 2);
			after_failures(empty);
		}
	}
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		assert_true(hits[kinds[k]] > 0);
}

/* ---- tests: kept objects --------------------------------------------------------------------------- */

struct walk {
	unsigned long low, high; /* where live words are */
	unsigned long seen;
	unsigned long stale;
};

static int look_at_zspage(const struct zs_zspage_info *info, void *arg)
{
	struct walk *walk = arg;

	for (unsigned int i = 0; i < info->objs; i++) {
		unsigned long handle = info->handles[i];

		if (!handle)
			continue;
		if (handle >= walk->low && handle < walk->high)
			walk->seen++;
		else
			walk->stale++;
	}
	return 0;
}

static int count_live(unsigned long handle, void *arg)
{
	(void)handle;
	++*(unsigned long *)arg;
	return 0;
}

/* The memory of records whose objects were freed is gone, and the objects wait on
 * the stacks of CPUs: nobody follows their first words. */
static void test_kept_objects_lead_nowhere(void **state)
{
	/* Free places that are bits, and lists. */
	static const size_t sizes[] = { 8, 24, 100, 700, 3000, 6000 };
	enum { NR = 400 };

	for (unsigned int hard = 0; hard < 2; hard++)
		for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
			const size_t bytes = NR * sizeof(zs_ref);
			struct zs_pool *pool =
				make_user(ZS_POOL_NO_WORKER |
					  (hard ? ZS_POOL_HARDENED : 0));
			static zs_ref live[NR];
			struct walk walk = {
				.low = (unsigned long)live,
				.high = (unsigned long)(live + NR),
			};
			unsigned int index;
			unsigned long handles = 0, kept = 0;
			zs_ref *gone;

			memset(live, 0, sizeof(live));
			gone = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			assert_true(gone != MAP_FAILED);
			for (unsigned int i = 0; i < NR; i++) {
				assert_int_equal(ref_fill(pool, &live[i],
							  sizes[s], i),
						 0);
				assert_int_equal(ref_fill(pool, &gone[i],
							  sizes[s], 1),
						 0);
			}
			for (unsigned int i = 0; i < NR; i++)
				zs_ref_free(pool, &gone[i]);
			assert_int_equal(munmap(gone, bytes), 0);
			index = class_info_for(pool, sizes[s]).index;
			kept = pool->profile->nr_kept(pool,
						      pool->size_class[index]);
			assert_true(kept > 0);
			assert_int_equal(zs_for_each_zspage(pool, index,
							    look_at_zspage,
							    &walk),
					 0);
			assert_int_equal(walk.stale, 0);
			assert_int_equal(walk.seen, NR);
			assert_int_equal(zs_for_each_live(pool, count_live,
							  &handles),
					 0);
			assert_int_equal(handles, 0);
			assert_sound(pool);
			assert_int_equal(pool->profile->nr_kept(
						 pool, pool->size_class[index]),
					 kept);
			assert_int_equal(info_of(pool).objs_inuse, NR);
			zs_compact(pool);
			assert_sound(pool);
			/* Once more, for what follows. */
			for (unsigned int i = 0; i < NR; i += 2)
				zs_ref_free(pool, &live[i]);
			zs_trim(pool);
			assert_sound(pool);
			for (unsigned int i = 1; i < NR; i += 2)
				assert_true(
					ref_ok(pool, &live[i], sizes[s], i));
			assert_int_equal(zs_destroy_pool(pool), NR / 2);
		}
}

/* The same where zspages settle, while stacks are full. */
static void test_kept_objects_do_not_settle(void **state)
{
	enum { NR = 9000, LEN = 3000 };
	static zs_ref live[NR];
	const size_t bytes = NR * sizeof(zs_ref);
	struct zs_pool *pool;
	zs_ref *gone;

	need_huge_pages();
	for (unsigned int hard = 0; hard < 2; hard++) {
		pool = make_user(ZS_POOL_NO_WORKER |
				 (hard ? ZS_POOL_HARDENED : 0));
		memset(live, 0, sizeof(live));
		gone = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_true(gone != MAP_FAILED);
		for (unsigned int i = 0; i < NR; i++)
			assert_int_equal(ref_fill(pool,
						  i % 500 ? &live[i] : &gone[i],
						  LEN, i),
					 0);
		for (unsigned int i = 0; i < NR; i += 500)
			zs_ref_free(pool, &gone[i]);
		assert_int_equal(munmap(gone, bytes), 0);
		assert_true(settle_all(pool) > 0);
		assert_sections(pool, false);
		for (unsigned int i = 0; i < NR; i++)
			if (i % 500)
				assert_true(ref_ok(pool, &live[i], LEN, i));
		assert_int_equal(zs_destroy_pool(pool), NR - NR / 500);
	}
}

/* ---- tests: threads --------------------------------------------------------------------------------- */

#define NR_WORKERS 3u
#define MOST_OWN 1200u
#define MOST_LEN 60000u

struct crew {
	struct zs_pool *pool;
	struct failures failures;
	bool stop; /* atomic */
	unsigned int settled; /* sections, by crew_settle; read after the join */
	bool shrinks; /* workers' objects are few by turns */
	bool any_size;
	unsigned int most; /* objects of each worker */
	unsigned int len; /* of the largest */
	struct crew_worker {
		struct crew *crew;
		pthread_t thread;
		struct rng rng;
		unsigned int loops;
		zs_ref refs[MOST_OWN];
		unsigned long handles[MOST_OWN];
		unsigned int lens[MOST_OWN];
		uint64_t keys[MOST_OWN];
		unsigned char data[MOST_LEN];
	} workers[NR_WORKERS];
};

static struct crew crew;

static bool own_ok(struct crew_worker *w, unsigned int i)
{
	struct zs_pool *pool = w->crew->pool;
	void *mem;
	bool ok;

	if (w->handles[i]) {
		mem = zs_obj_read_begin(pool, w->handles[i], w->lens[i], NULL);
		ok = mem && pattern_ok(mem, w->lens[i], w->keys[i]);
		zs_obj_read_end(pool, w->handles[i], w->lens[i], mem);
		return ok;
	}
	if (rng_below(&w->rng, 2))
		return zs_ref_load(pool, &w->refs[i], w->data, w->lens[i]) ==
			       0 &&
		       pattern_ok(w->data, w->lens[i], w->keys[i]);
	mem = zs_ref_begin(pool, &w->refs[i]);
	ok = mem && pattern_ok(mem, w->lens[i], w->keys[i]);
	if (mem)
		zs_ref_end(pool, &w->refs[i]);
	return ok;
}

static void own_put(struct crew_worker *w, unsigned int i, unsigned int len)
{
	struct crew *c = w->crew;

	w->lens[i] = len;
	w->keys[i] = rng_next(&w->rng);
	pattern_fill(w->data, len, w->keys[i]);
	if (word_of(&w->refs[i]) || i % 3) {
		CHECK(c, zs_ref_store(c->pool, &w->refs[i], w->data, len) == 0);
		return;
	}
	w->handles[i] = zs_malloc(c->pool, len, GFP_KERNEL, NUMA_NO_NODE);
	CHECK(c, !zs_is_err(w->handles[i]));
	if (zs_is_err(w->handles[i]))
		w->handles[i] = 0;
	else
		CHECK(c,
		      zs_obj_write(c->pool, w->handles[i], w->data, len) == 0);
}

static bool own_has(struct crew_worker *w, unsigned int i)
{
	return word_of(&w->refs[i]) || w->handles[i];
}

static void own_free(struct crew_worker *w, unsigned int i)
{
	CHECK(w->crew, own_ok(w, i));
	zs_ref_free(w->crew->pool, &w->refs[i]);
	zs_free(w->crew->pool, w->handles[i]);
	w->handles[i] = 0;
}

static unsigned int own_len(struct crew_worker *w)
{
	struct crew *c = w->crew;

	if (c->any_size && rng_below(&w->rng, 4) == 0)
		return (unsigned int)log_uniform(&w->rng, c->len);
	return c->len * (4 - rng_below(&w->rng, 3)) / 4;
}

static void own_step(struct crew_worker *w)
{
	struct crew *c = w->crew;
	unsigned int i = rng_below(&w->rng, c->most);
	zs_ref away = ZS_REF_INIT;

	if (!own_has(w, i)) {
		own_put(w, i, own_len(w));
		return;
	}
	switch (rng_below(&w->rng, 8)) {
	case 0:
		own_free(w, i);
		break;
	case 1:
	case 2:
		if (w->handles[i])
			own_free(w, i);
		own_put(w, i, own_len(w));
		break;
	case 3:
		if (w->handles[i])
			break;
		zs_ref_move(c->pool, &away, &w->refs[i]);
		zs_ref_move(c->pool, &w->refs[i], &away);
		break;
	case 4:
		if (w->handles[i])
			break;
		own_put(w, i, w->lens[i]);
		break;
	default:
		CHECK(c, own_ok(w, i));
	}
}

static void *crew_work(void *arg)
{
	struct crew_worker *w = arg;
	struct crew *c = w->crew;

	for (unsigned int n = 0; n < w->loops; n++) {
		/* By turns many of the largest, and few of any. */
		if (c->shrinks && n % (4 * c->most) == 0) {
			unsigned int percent = n / c->most / 4 % 2 ? 30 : 100;

			for (unsigned int i = 0; i < c->most; i++) {
				if (own_has(w, i))
					own_free(w, i);
				if (rng_below(&w->rng, 100) < percent)
					own_put(w, i, c->len);
			}
		}
		own_step(w);
	}
	return NULL;
}

static void *crew_settle(void *arg)
{
	struct crew *c = arg;

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		/* The job's own. */
		c->pool->user->settle.after = 0;
		if (uzs_settle(c->pool))
			c->settled++;
		else
			nanosleep(&(struct timespec){ .tv_nsec = 100000 },
				  NULL);
	}
	return NULL;
}

/* The worker's job, asked for again and again. */
static void *crew_ask(void *arg)
{
	struct crew *c = arg;

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		queue_work(&c->pool->wq, &c->pool->settle_work);
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	}
	return NULL;
}

static void *crew_look(void *arg)
{
	struct crew *c = arg;
	struct rng rng;

	rng_seed(&rng, 77);
	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		struct zs_pool_info i = ZS_POOL_INFO_INIT;

		switch (rng_below(&rng, 8)) {
		case 0:
			zs_compact(c->pool);
			break;
		case 1:
			zs_trim(c->pool);
			break;
		case 2:
			CHECK(c, zs_pool_check(c->pool, stderr) == 0);
			break;
		case 3:
			zs_free_deferred_flush(c->pool);
			break;
		case 4:
			zs_drain(c->pool);
			break;
		default:
			CHECK(c, zs_pool_info(c->pool, &i) == 0);
			CHECK(c,
			      !i.memory_limit_bytes ||
				      i.bytes_resident <= i.memory_limit_bytes);
			CHECK(c, i.bytes_resident <= i.bytes_mapped);
			sched_yield();
		}
	}
	return NULL;
}

/* Return: how many sections settled, as far as is known. */
static unsigned int crew_run(const struct zs_pool_options *o, unsigned int most,
			     unsigned int len, bool limit, bool worker)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };
	unsigned long live = 0;
	pthread_t settles, looks;

	/* The test runner's handlers are for its own thread. */
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], SIG_DFL);
	memset(&crew, 0, sizeof(crew));
	crew.pool = make_user_with(o);
	crew.pool->user->settle.from = 0;
	crew.most = most;
	crew.len = len;
	crew.shrinks = limit;
	crew.any_size = !limit;
	for (unsigned int i = 0; i < NR_WORKERS; i++) {
		struct crew_worker *w = &crew.workers[i];

		w->crew = &crew;
		w->loops = (unsigned int)uzs_test_scale(24) * most;
		rng_seed(&w->rng, i);
		assert_int_equal(pthread_create(&w->thread, NULL, crew_work, w),
				 0);
	}
	assert_int_equal(pthread_create(&settles, NULL,
					worker ? crew_ask : crew_settle, &crew),
			 0);
	assert_int_equal(pthread_create(&looks, NULL, crew_look, &crew), 0);
	for (unsigned int i = 0; i < NR_WORKERS; i++)
		assert_int_equal(pthread_join(crew.workers[i].thread, NULL), 0);
	__atomic_store_n(&crew.stop, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(settles, NULL), 0);
	assert_int_equal(pthread_join(looks, NULL), 0);
	assert_no_failures(&crew.failures);
	/* Now the worker is quiet, too. */
	cancel_work_sync(&crew.pool->wq, &crew.pool->settle_work);
	zs_drain(crew.pool);
	for (unsigned int i = 0; i < NR_WORKERS; i++) {
		struct crew_worker *w = &crew.workers[i];

		for (unsigned int n = 0; n < most; n++) {
			if (!own_has(w, n))
				continue;
			live++;
			assert_true(own_ok(w, n));
			assert_true(w->handles[n] ||
				    w->refs[n].word < REF_MOVING);
		}
	}
	assert_int_equal(info_of(crew.pool).objs_inuse, live);
	for (unsigned int i = 1; i < crew.pool->nr_classes; i++)
		assert_int_equal(crew.pool->user->class[i].moving, 0);
	assert_sections(crew.pool, false);
	assert_int_equal(zs_destroy_pool(crew.pool), live);
	return crew.settled;
}

/* Whether a pool is still to be tried, the nth. Where machines are slow and loops
 * few, the workers may end before a section is found that settles: once more. */
static bool crew_again(unsigned int n, unsigned int nr_pools,
		       unsigned int settled)
{
	return n % nr_pools || (!settled && n < 20 * nr_pools);
}

static void test_settling_runs_beside_all(void **state)
{
	static const struct {
		unsigned int page, chain, flags, most, len;
	} pools[] = {
		{ 65536, 16, 0, 200, 60000 },
		{ 65536, 16, ZS_POOL_NO_WORKER, 300, 40000 },
		{ 65536, 16, ZS_POOL_HARDENED, 200, 60000 },
		{ 4096, 16, 0, 1200, 7000 },
		{ 4096, 16, ZS_POOL_NO_WORKER, 1200, 7000 },
	};

	unsigned int settled = 0;

	need_huge_pages();
	for (unsigned int n = 0; crew_again(n, ARRAY_SIZE(pools), settled);
	     n++) {
		const unsigned int p = n % ARRAY_SIZE(pools);
		struct zs_pool_options o = USER_OPTIONS_INIT;

		o.page_size = pools[p].page;
		o.chain_size = pools[p].chain;
		o.flags = pools[p].flags;
		o.retained_bytes = p % 2;
		settled += crew_run(&o, pools[p].most, pools[p].len, false,
				    !(o.flags & ZS_POOL_NO_WORKER));
	}
	print_message("             %u sections settled\n", settled);
	assert_true(settled > 0);
}

/* All objects, as large as they may be, fit into the limit: no allocation fails,
 * though a section that is just being filled takes room for a while. */
static void test_settling_takes_room_from_nobody(void **state)
{
	static const struct {
		unsigned int page, most, len;
	} pools[] = { { 65536, 200, 50000 }, { 4096, 1200, 7000 } };
	unsigned int settled = 0;

	need_huge_pages();
	for (unsigned int k = 0; crew_again(k, ARRAY_SIZE(pools), settled); k++)
		for (unsigned int worker = 0; worker < 2; worker++) {
			const unsigned int p = k % ARRAY_SIZE(pools);
			struct zs_pool_options o = USER_OPTIONS_INIT;
			struct zs_pool *pool;
			static zs_ref refs[NR_WORKERS * MOST_OWN];
			const unsigned int n = NR_WORKERS * pools[p].most;

			/* What they take alone. */
			o.page_size = pools[p].page;
			o.chain_size = 16;
			o.flags = worker ? 0 : ZS_POOL_NO_WORKER;
			pool = make_user_with(&o);
			for (unsigned int i = 0; i < n; i++)
				assert_int_equal(zs_ref_alloc(pool, &refs[i],
							      pools[p].len),
						 0);
			/* The handles, and a zspage for each class and
			 * length. */
			o.memory_limit = info_of(pool).bytes_resident + MIB +
					 8 * 16 * (size_t)pools[p].page;
			zs_destroy_pool(pool);
			memset(refs, 0, sizeof(refs));
			settled += crew_run(&o, pools[p].most, pools[p].len,
					    true, worker);
		}
	print_message("             %u sections settled\n", settled);
	assert_true(settled > 0);
}

/* ---- tests: fork --------------------------------------------------------------------------------------- */

static bool many_ok_in_child(struct many *m)
{
	for (unsigned int i = 0; i < m->n; i++)
		if (many_has(m, i) &&
		    !(i % 2 ? object_ok(m->pool, m->handles[i], m->lens[i], i)
			    : ref_ok(m->pool, &m->refs[i], m->lens[i], i)))
			return false;
	return true;
}

static void settle_in_child(struct many *m)
{
	struct zs_pool *pool = m->pool;

	CHILD_CHECK(!pool->user->settle.src && !pool->user->settle.dst);
	for (unsigned int i = 1; i < pool->nr_classes; i++)
		CHILD_CHECK(!pool->user->class[i].moving);
	CHILD_CHECK(many_ok_in_child(m));
	CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
	for (unsigned int i = 0; i < m->n; i++)
		if (i % 5 == 0)
			many_free(m, i);
	zs_compact(pool);
	CHILD_CHECK(many_ok_in_child(m));
	pool->user->settle.after = 0;
	while (uzs_settle(pool))
		;
	CHILD_CHECK(many_ok_in_child(m));
	zs_trim(pool);
	zs_drain(pool);
	CHILD_CHECK(zs_pool_check(pool, stderr) == 0);
	CHILD_CHECK(many_ok_in_child(m));
	CHILD_CHECK(zs_destroy_pool(pool) == m->n - (m->n + 4) / 5);
}

struct churn {
	struct many *m;
	bool stop; /* atomic */
};

/* Lets zspages settle, and makes that undone. */
static void *settle_and_undo(void *arg)
{
	struct churn *churn = arg;
	struct zs_pool *pool = churn->m->pool;

	while (!__atomic_load_n(&churn->stop, __ATOMIC_RELAXED)) {
		struct run_section *s;

		pool->user->settle.after = 0;
		if (uzs_settle(pool))
			continue;
		/* All is settled: let it be as if it were not. */
		spin_lock(&pool->user->runs.lock);
		list_for_each_entry(s, &pool->user->runs.sections, list)
			if (!s->nursery) {
				struct run_length *l =
					&pool->user->runs.lengths[s->length];

				WRITE_ONCE(s->nursery, true);
				WRITE_ONCE(l->nursery, l->nursery + s->nr_used -
							       s->nr_free);
			}
		spin_unlock(&pool->user->runs.lock);
	}
	return NULL;
}

static void test_settling_meets_forks(void **state)
{
	need_huge_pages();
	for (unsigned int hard = 0; hard < 2; hard++) {
		struct zs_pool_options o = USER_OPTIONS_INIT;
		struct churn churn = { .m = &many };
		pthread_t thread;

		o.flags = ZS_POOL_NO_WORKER | (hard ? ZS_POOL_HARDENED : 0);
		many_make(&many, &o);
		assert_true(many_fill(&many, 20 * MIB));
		assert_int_equal(pthread_create(&thread, NULL, settle_and_undo,
						&churn),
				 0);
		for (int n = uzs_test_scale(12); n > 0; n--) {
			pid_t pid;

			nanosleep(&(struct timespec){ .tv_nsec = 700000L * n },
				  NULL);
			pid = prepared_fork(many.pool);
			if (pid == 0) {
				settle_in_child(&many);
				child_exit(0);
			}
			assert_child_well(pid);
		}
		__atomic_store_n(&churn.stop, true, __ATOMIC_RELAXED);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_true(info_of(many.pool).objs_moved > 0);
		many_ok(&many);
		assert_sound(many.pool);
		assert_int_equal(zs_destroy_pool(many.pool), many.n);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settled_objects_are_what_they_were),
		cmocka_unit_test(test_a_section_of_full_zspages_settles),
		cmocka_unit_test(test_pinned_objects_stay),
		cmocka_unit_test(test_nothing_moves_where_all_is_pinned),
		cmocka_unit_test(test_worker_settles_where_it_may),
		cmocka_unit_test(test_settling_keeps_the_limit),
		cmocka_unit_test(test_settling_ends_without_memory),
		cmocka_unit_test(test_huge_pages_are_split_at_rest),
		cmocka_unit_test(test_settled_memory_comes_back),
		cmocka_unit_test(test_hardened_pools_do_not_grow),
		cmocka_unit_test(test_settling_survives_failures),
		cmocka_unit_test(test_kept_objects_lead_nowhere),
		cmocka_unit_test(test_kept_objects_do_not_settle),
		cmocka_unit_test(test_settling_runs_beside_all),
		cmocka_unit_test(test_settling_takes_room_from_nobody),
		cmocka_unit_test(test_settling_meets_forks),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("user settle", tests, NULL, NULL);
}
