/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_stat.c - src/stat.c: every figure a pool shows, against what the test
 * knows to be in it, against the other figures, and against the OS.
 */
#include "test_system.h"
#include "test_util.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <unistd.h>

#include "compat/os.h"
#include "geometry.h"
#include "words.h"

#define MIB ((size_t)1 << 20)

static struct zs_class_info class_of(struct zs_pool *pool, unsigned int index)
{
	struct zs_class_info info = ZS_CLASS_INFO_INIT;

	assert_int_equal(zs_class_info(pool, index, &info), 0);
	return info;
}

/* ---- what a test knows of a pool ------------------------------------------ */

#define MODEL_OBJS 4096

struct model {
	struct zs_pool *pool;
	struct rng rng;
	unsigned int page_size;
	unsigned long handle[MODEL_OBJS];
	unsigned int size[MODEL_OBJS];
	unsigned int nr;
	unsigned long compactions;
	unsigned long pages_compacted;
	unsigned long peak_pages;
	size_t trimmed; /* bytes */
	struct zs_pool_info last;
};

static void model_init(struct model *m, struct zs_pool *pool, uint64_t seed)
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

static void model_alloc(struct model *m)
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

static void model_free(struct model *m)
{
	unsigned int i;

	if (!m->nr)
		return;
	i = rng_below(&m->rng, m->nr);
	zs_free(m->pool, m->handle[i]);
	m->handle[i] = m->handle[--m->nr];
	m->size[i] = m->size[m->nr];
}

static void model_verify(struct model *m)
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

/* One step of random work. */
static void model_step(struct model *m)
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

static void model_free_all(struct model *m)
{
	while (m->nr)
		model_free(m);
}

static size_t sum_of_sizes(const struct model *m)
{
	size_t sum = 0;

	for (unsigned int i = 0; i < m->nr; i++)
		sum += m->size[i];
	return sum;
}

/* ---- figures --------------------------------------------------------------- */

/* One class: all its figures agree. */
static void check_class_figures(const struct zs_class_info *c)
{
	unsigned long zspages = 0;

	for (int g = 0; g < ZS_NR_FULLNESS_GROUPS; g++)
		zspages += c->zspages[g];
	assert_int_equal(c->objs_capacity, zspages * c->objs_per_zspage);
	assert_int_equal(c->pages_used, zspages * c->pages_per_zspage);
	assert_true(c->objs_inuse <= c->objs_capacity);
	/* Nobody migrates pages: nothing is left empty. */
	assert_int_equal(c->zspages[0], 0);
	assert_true(c->objs_inuse >=
		    c->zspages[ZS_NR_FULLNESS_GROUPS - 1] * c->objs_per_zspage);
	assert_int_equal(c->freeable_pages, (c->objs_capacity - c->objs_inuse) /
						    c->objs_per_zspage *
						    c->pages_per_zspage);
	assert_int_equal(c->huge,
			 c->objs_per_zspage == 1 && c->pages_per_zspage == 1);
}

static void check_figures(struct model *m)
{
	struct zs_pool *pool = m->pool;
	struct zs_pool_info i = info_of(pool);
	struct zs_pool_stats stats;
	unsigned long pages = 0, inuse = 0, capacity = 0, freeable = 0;
	unsigned int count = zs_class_count(pool);

	for (unsigned int n = 0; n < count; n++) {
		struct zs_class_info c = class_of(pool, n);

		assert_true(c.index >= n && c.index < count);
		if (c.index != n)
			continue;
		check_class_figures(&c);
		pages += c.pages_used;
		inuse += c.objs_inuse;
		capacity += c.objs_capacity;
		freeable += c.freeable_pages;
	}
	assert_int_equal(i.pages, pages);
	assert_int_equal(zs_get_total_pages(pool), pages);
	assert_int_equal(i.objs_inuse, inuse);
	assert_int_equal(i.objs_inuse, m->nr);
	assert_int_equal(i.objs_capacity, capacity);
	assert_int_equal(i.freeable_pages, freeable);
	assert_int_equal(zs_shrink_count(pool), freeable);

	/* The header's identities. */
	assert_true(i.objs_inuse <= i.objs_capacity);
	assert_true(i.freeable_pages <= i.pages);
	assert_true(i.pages <= i.peak_pages);
	assert_true((i.pages + i.slab_pages) * i.page_size <= i.bytes_resident);
	assert_true(i.bytes_resident <= i.bytes_mapped);
	/* And what else must hold. */
	assert_true(i.bytes_free + (i.pages + i.slab_pages) * i.page_size <=
		    i.bytes_resident);
	assert_true(i.pages * i.page_size >= sum_of_sizes(m));
	assert_true(i.slab_pages * i.page_size >=
		    i.objs_inuse * sizeof(unsigned long));
	assert_true(i.peak_pages >= m->last.peak_pages);

	/* Counters count what the calls answered. */
	zs_pool_stats(pool, &stats);
	assert_int_equal(stats.pages_compacted, m->pages_compacted);
	assert_int_equal(i.pages_compacted, m->pages_compacted);
	assert_int_equal(i.compactions, m->compactions);
	assert_true(i.bytes_given_back >= m->trimmed);
	assert_true(i.objs_moved >= m->last.objs_moved);
	assert_true(i.bytes_moved - m->last.bytes_moved >=
		    (i.objs_moved - m->last.objs_moved) * (i.page_size / 8));
	assert_true(i.bytes_moved - m->last.bytes_moved <=
		    (i.objs_moved - m->last.objs_moved) * i.page_size);
	assert_true(i.pages_migrated >= m->last.pages_migrated);
	assert_true(i.compact_hold_ns_max >= m->last.compact_hold_ns_max);
	assert_int_equal(i.migrations_busy, 0);
	assert_int_equal(i.zspages_async_freed, 0);
	m->last = i;
}

static void test_identities(void **state)
{
	static const struct {
		unsigned int page_size, chain_size;
	} geometry[] = { { 4096, 8 },  { 4096, 4 },   { 8192, 16 },
			 { 16384, 8 }, { 32768, 12 }, { 65536, 8 } };

	for (size_t g = 0; g < ARRAY_SIZE(geometry); g++) {
		static struct model m;
		struct zs_pool *pool = make_pool(geometry[g].page_size,
						 geometry[g].chain_size,
						 ZS_POOL_NO_WORKER);

		model_init(&m, pool, g + 1);
		assert_int_equal(m.last.page_size, geometry[g].page_size);
		assert_int_equal(m.last.chain_size, geometry[g].chain_size);
		check_figures(&m);
		for (int i = uzs_test_scale(400); i > 0; i--) {
			model_step(&m);
			check_figures(&m);
		}
		model_verify(&m);
		model_free_all(&m);
		check_figures(&m);
		assert_int_equal(m.last.pages, 0);
		assert_int_equal(m.last.objs_capacity, 0);
		assert_true(m.last.peak_pages > 0);
		m.trimmed += zs_trim(pool);
		check_figures(&m);
		assert_int_equal(m.last.slab_pages, 0);
		assert_int_equal(m.last.bytes_free, 0);
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

/* What compaction says it moved is what lies elsewhere afterwards. */
static void test_move_counters(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	unsigned long handles[600], before[600], moved = 0;
	struct zs_class_info c =
		class_of(pool, zs_lookup_class_index(pool, 700 + sizeof(long)));
	struct zs_pool_info i;

	for (int n = 0; n < 600; n++)
		handles[n] = must_malloc(pool, 700);
	for (int n = 0; n < 600; n++) {
		if (n % 3) {
			zs_free(pool, handles[n]);
			handles[n] = 0;
			continue;
		}
		before[n] = handle_to_obj(handles[n]);
	}
	assert_true(zs_compact(pool) > 0);
	for (int n = 0; n < 600; n += 3)
		moved += handle_to_obj(handles[n]) != before[n];
	i = info_of(pool);
	assert_true(moved > 50);
	assert_int_equal(i.objs_moved, moved);
	assert_int_equal(i.bytes_moved, moved * c.size);
	assert_true(i.compact_hold_ns_max > 0);
	assert_true(i.compact_hold_ns_max < 10000000000UL);
	/* A second run has nothing to do, but ran. */
	assert_int_equal(zs_compact(pool), 0);
	assert_int_equal(info_of(pool).compactions, 2);
	assert_int_equal(info_of(pool).objs_moved, moved);
	zs_destroy_pool(pool);
}

/* While one compacts, another is told 0, and not counted. */
static void test_second_compaction(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);

	mutex_lock(&pool->compact_lock);
	assert_int_equal(zs_compact(pool), 0);
	assert_int_equal(zs_shrink_scan(pool, 1), ZS_SHRINK_STOP);
	assert_int_equal(info_of(pool).compactions, 0);
	mutex_unlock(&pool->compact_lock);
	assert_int_equal(zs_compact(pool), 0);
	assert_int_equal(info_of(pool).compactions, 1);
	zs_destroy_pool(pool);
}

/* zs_shrink_scan does what zs_shrink_count foretold. */
static void test_shrink(void **state)
{
	static struct model m;
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	unsigned long count, freed, pages;

	model_init(&m, pool, 99);
	for (int i = 0; i < 2000; i++)
		model_alloc(&m);
	for (int i = 0; i < 1500; i++)
		model_free(&m);
	count = zs_shrink_count(pool);
	pages = zs_get_total_pages(pool);
	assert_true(count > 100);
	freed = zs_shrink_scan(pool, 1);
	assert_int_equal(freed, count);
	m.compactions++;
	m.pages_compacted += freed;
	assert_int_equal(zs_get_total_pages(pool), pages - freed);
	assert_int_equal(zs_shrink_count(pool), 0);
	assert_int_equal(zs_shrink_scan(pool, ULONG_MAX), ZS_SHRINK_STOP);
	m.compactions++;
	check_figures(&m);
	model_verify(&m);
	zs_destroy_pool(pool);
}

/* A read keeps its zspage: what is freed is less, and said so. */
static void test_shrink_with_readers(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	unsigned long handles[400];
	struct iovec iov[2];
	unsigned long freed, count;

	for (int i = 0; i < 400; i++) {
		handles[i] = must_malloc(pool, 1000);
		assert_true(object_fill(pool, handles[i], 1000, (unsigned)i));
	}
	for (int i = 0; i < 400; i++)
		if (i % 5)
			zs_free(pool, handles[i]);
	count = zs_shrink_count(pool);
	for (int i = 0; i < 400; i += 5)
		assert_in_range(zs_obj_read_sg_begin(pool, handles[i], iov,
						     1000),
				1, 2);
	assert_int_equal(zs_compact(pool), 0);
	assert_int_equal(zs_shrink_scan(pool, 1), ZS_SHRINK_STOP);
	assert_int_equal(zs_shrink_count(pool), count);
	for (int i = 0; i < 400; i += 5)
		zs_obj_read_sg_end(pool, handles[i]);
	freed = zs_compact(pool);
	assert_int_equal(freed, count);
	for (int i = 0; i < 400; i += 5)
		assert_true(object_ok(pool, handles[i], 1000, (unsigned)i));
	assert_sound(pool);
	zs_destroy_pool(pool);
}

static void test_class_of_merged_index(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, 0);
	unsigned int distinct = 0;

	for (unsigned int size = 100; size <= 4000; size += 300)
		must_malloc(pool, size);
	for (unsigned int n = 0; n < zs_class_count(pool); n++) {
		struct zs_class_info c = class_of(pool, n);
		struct zs_class_info own = class_of(pool, c.index);

		distinct += c.index == n;
		assert_memory_equal(&c, &own, sizeof(c));
		/* The size of the index is served by the class. */
		assert_int_equal(zs_lookup_class_index(pool, 32 + n * 16),
				 c.index);
		assert_true(c.size >= 32 + n * 16);
	}
	assert_int_equal(distinct, uzs_count_distinct_classes(pool));
	zs_destroy_pool(pool);
}

/* ---- the `classes` table --------------------------------------------------- */

static const char *const columns[] = { "class",
				       "size",
				       "10%",
				       "20%",
				       "30%",
				       "40%",
				       "50%",
				       "60%",
				       "70%",
				       "80%",
				       "90%",
				       "99%",
				       "100%",
				       "obj_allocated",
				       "obj_used",
				       "pages_used",
				       "pages_per_zspage",
				       "freeable" };
#define NR_COLUMNS ARRAY_SIZE(columns)

/* Where each word of a line ends; the number of words. */
static unsigned int words_of(const char *line, const char *words[],
			     size_t ends[], unsigned int max)
{
	unsigned int n = 0;

	for (size_t at = 0; line[at];) {
		if (line[at] == ' ') {
			at++;
			continue;
		}
		assert_true(n < max);
		words[n] = line + at;
		while (line[at] && line[at] != ' ')
			at++;
		ends[n++] = at;
	}
	return n;
}

static void check_row(const char *line, const size_t header_ends[],
		      const struct zs_class_info *c)
{
	unsigned long expected[NR_COLUMNS];
	const char *words[NR_COLUMNS];
	size_t ends[NR_COLUMNS];
	unsigned int n = 0;

	expected[n++] = c->index;
	expected[n++] = c->size;
	for (int g = 1; g < ZS_NR_FULLNESS_GROUPS; g++)
		expected[n++] = c->zspages[g];
	expected[n++] = c->objs_capacity;
	expected[n++] = c->objs_inuse;
	expected[n++] = c->pages_used;
	expected[n++] = c->pages_per_zspage;
	expected[n++] = c->freeable_pages;
	assert_int_equal(words_of(line, words, ends, NR_COLUMNS), n);
	for (unsigned int i = 0; i < n; i++) {
		assert_int_equal(strtoul(words[i], NULL, 10), expected[i]);
		assert_int_equal(ends[i], header_ends[i]);
	}
}

/* The total has no class, no size and no pages_per_zspage; its other words
 * stand under the header's. */
static void check_total(const char *line, const size_t header_ends[],
			const unsigned long sum[])
{
	const char *words[NR_COLUMNS];
	size_t ends[NR_COLUMNS];
	unsigned int n = words_of(line, words, ends, NR_COLUMNS);

	assert_int_equal(n, NR_COLUMNS - 2);
	assert_memory_equal(words[0], "Total", 5);
	assert_int_equal(ends[0], header_ends[0]);
	for (unsigned int i = 2; i < NR_COLUMNS; i++) {
		unsigned int word = i < 16 ? i - 1 : i - 2;

		if (i == 16)
			continue;
		assert_int_equal(strtoul(words[word], NULL, 10), sum[i]);
		assert_int_equal(ends[word], header_ends[i]);
	}
}

static void check_table(struct zs_pool *pool)
{
	unsigned long sum[NR_COLUMNS] = { 0 };
	const char *words[NR_COLUMNS];
	size_t ends[NR_COLUMNS], size = 0;
	char *text = NULL, *line, *next;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(zs_print_classes(pool, out), 0);
	fclose(out);

	line = text;
	next = strchr(line, '\n');
	*next++ = '\0';
	assert_int_equal(words_of(line, words, ends, NR_COLUMNS), NR_COLUMNS);
	for (unsigned int i = 0; i < NR_COLUMNS; i++)
		assert_memory_equal(words[i], columns[i], strlen(columns[i]));

	for (unsigned int n = 0; n < zs_class_count(pool); n++) {
		struct zs_class_info c = class_of(pool, n);

		if (c.index != n)
			continue;
		line = next;
		next = strchr(line, '\n');
		assert_non_null(next);
		*next++ = '\0';
		check_row(line, ends, &c);
		for (int g = 1; g < ZS_NR_FULLNESS_GROUPS; g++)
			sum[1 + g] += c.zspages[g];
		sum[13] += c.objs_capacity;
		sum[14] += c.objs_inuse;
		sum[15] += c.pages_used;
		sum[17] += c.freeable_pages;
	}
	/* An empty line, the total, nothing else. */
	assert_int_equal(*next++, '\n');
	line = next;
	next = strchr(line, '\n');
	assert_non_null(next);
	*next++ = '\0';
	check_total(line, ends, sum);
	assert_int_equal(*next, '\0');
	assert_int_equal(next - text, size);
	free(text);
}

static void test_print_classes(void **state)
{
	static struct model m;
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);

	check_table(pool);
	model_init(&m, pool, 5);
	for (int i = uzs_test_scale(100); i > 0; i--) {
		model_step(&m);
		check_table(pool);
	}
	zs_destroy_pool(pool);

	pool = make_pool(65536, 16, ZS_POOL_NO_WORKER);
	must_malloc(pool, 20000);
	check_table(pool);
	zs_destroy_pool(pool);
}

/* The first lines to the letter, as debugfs shows them. */
static void test_print_classes_letters(void **state)
{
	static const char expected[] =
		" class  size       10%       20%       30%       40%       50%"
		"       60%       70%       80%       90%       99%      100% "
		"obj_allocated   obj_used pages_used pages_per_zspage freeable\n"
		"     0    32         1         0         0         0         0"
		"         0         0         0         0         0         0 "
		"          128          1          1                1        0\n";
	struct zs_pool *pool = make_pool(0, 0, 0);
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	must_malloc(pool, 1);
	assert_int_equal(zs_print_classes(pool, out), 0);
	fclose(out);
	assert_true(size > sizeof(expected));
	text[sizeof(expected) - 1] = '\0';
	assert_string_equal(text, expected);
	free(text);
	zs_destroy_pool(pool);
}

static void test_print_classes_error(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, 0);
	FILE *out = fopen("/dev/full", "w");

	assert_non_null(out);
	errno = 0;
	assert_int_equal(zs_print_classes(pool, out), -ENOSPC);
	fclose(out);

	/* Each piece fails, not only the last. */
	out = fopen("/dev/full", "w");
	setvbuf(out, NULL, _IONBF, 0);
	errno = 0;
	assert_int_equal(zs_print_classes(pool, out), -ENOSPC);
	fclose(out);

	out = fopen("/dev/null", "r");
	errno = 0;
	assert_int_equal(zs_print_classes(pool, out), -EBADF);
	fclose(out);

	/* What went wrong with the stream before the call is not its own. */
	out = fopen("/dev/null", "w");
	assert_int_equal(zs_print_classes(pool, out), 0);
	fclose(out);
	zs_destroy_pool(pool);
}

/* ---- walks ------------------------------------------------------------------ */

struct live_seen {
	struct model *m;
	unsigned int calls;
	unsigned int stop_after;
	unsigned char seen[MODEL_OBJS];
};

static int note_live(unsigned long handle, void *arg)
{
	struct live_seen *s = arg;

	for (unsigned int i = 0; i < s->m->nr; i++)
		if (s->m->handle[i] == handle) {
			s->seen[i]++;
			break;
		}
	return ++s->calls == s->stop_after ? 42 : 0;
}

static void test_for_each_live(void **state)
{
	static struct model m;
	static struct live_seen s;
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);

	model_init(&m, pool, 7);
	s = (struct live_seen){ .m = &m };
	assert_int_equal(zs_for_each_live(pool, note_live, &s), 0);
	assert_int_equal(s.calls, 0);
	for (int round = uzs_test_scale(30); round > 0; round--) {
		for (int i = 0; i < 20; i++)
			model_step(&m);
		s = (struct live_seen){ .m = &m };
		assert_int_equal(zs_for_each_live(pool, note_live, &s), 0);
		assert_int_equal(s.calls, m.nr);
		for (unsigned int i = 0; i < m.nr; i++)
			assert_int_equal(s.seen[i], 1);
		if (m.nr < 3)
			continue;
		/* It stops where it is told to, with what it is told. */
		s = (struct live_seen){ .m = &m, .stop_after = 1 + m.nr / 2 };
		assert_int_equal(zs_for_each_live(pool, note_live, &s), 42);
		assert_int_equal(s.calls, 1 + m.nr / 2);
	}
	zs_destroy_pool(pool);
}

struct live_change {
	struct zs_pool *pool;
	unsigned long *extra; /* handles that callbacks allocated */
	unsigned int nr_extra, max_extra;
	unsigned int calls;
};

static int free_this(unsigned long handle, void *arg)
{
	struct live_change *c = arg;

	c->calls++;
	zs_free(c->pool, handle);
	return 0;
}

static int alloc_more(unsigned long handle, void *arg)
{
	struct live_change *c = arg;
	unsigned long more;

	(void)handle;
	c->calls++;
	if (c->nr_extra == c->max_extra)
		return 0;
	more = zs_malloc(c->pool, 500, GFP_KERNEL, NUMA_NO_NODE);
	if (zs_is_err(more))
		return zs_err(more);
	c->extra[c->nr_extra++] = more;
	return 0;
}

static int replace_this(unsigned long handle, void *arg)
{
	struct live_change *c = arg;
	char data[100] = "replaced";

	if (c->calls++ >= c->max_extra)
		return 0;
	/* Reading and writing are allowed as well. */
	if (zs_obj_write(c->pool, handle, data, sizeof(data)))
		return -1;
	if (!zs_obj_read_begin(c->pool, handle, 1, NULL))
		return -2;
	zs_obj_read_end(c->pool, handle, 1, data);
	zs_free(c->pool, handle);
	return zs_is_err(zs_malloc(c->pool, 100, GFP_KERNEL, NUMA_NO_NODE)) ? -3
									    : 0;
}

/* Callbacks that change what is walked over. */
static void test_for_each_live_changes(void **state)
{
	const unsigned int nr = 20000;
	struct live_change c = { .pool = make_pool(0, 0, 0),
				 .max_extra = 3 * nr };

	c.extra = malloc(c.max_extra * sizeof(*c.extra));
	for (unsigned int i = 0; i < nr; i++)
		must_malloc(c.pool, 300);

	/* Grown meanwhile: every old one is seen, the walk ends. */
	assert_int_equal(zs_for_each_live(c.pool, alloc_more, &c), 0);
	assert_true(c.calls >= nr);
	assert_true(c.nr_extra >= nr);
	assert_int_equal(info_of(c.pool).objs_inuse, nr + c.nr_extra);
	for (unsigned int i = 0; i < c.nr_extra; i++)
		zs_free(c.pool, c.extra[i]);
	assert_int_equal(info_of(c.pool).objs_inuse, nr);

	/* Each one freed and another allocated in its place. */
	c.calls = 0;
	c.max_extra = nr;
	assert_int_equal(zs_for_each_live(c.pool, replace_this, &c), 0);
	assert_int_equal(info_of(c.pool).objs_inuse, nr);

	/* Emptied by the walk: none missed, none seen twice. */
	c.calls = 0;
	assert_int_equal(zs_for_each_live(c.pool, free_this, &c), 0);
	assert_int_equal(c.calls, nr);
	assert_int_equal(info_of(c.pool).objs_inuse, 0);
	assert_sound(c.pool);
	assert_int_equal(zs_destroy_pool(c.pool), 0);
	free(c.extra);
}

struct zspage_walk {
	struct zs_pool *pool;
	struct model *m;
	struct zs_class_info c;
	unsigned long groups[ZS_NR_FULLNESS_GROUPS];
	unsigned long inuse;
	unsigned int last_group;
	unsigned int calls;
	unsigned int stop_after;
};

static int note_zspage(const struct zs_zspage_info *z, void *arg)
{
	struct zspage_walk *w = arg;
	unsigned char free_at[4096] = { 0 };
	unsigned int live = 0;

	assert_int_equal(z->class_index, w->c.index);
	assert_int_equal(z->objs, w->c.objs_per_zspage);
	assert_int_equal(z->pages, w->c.pages_per_zspage);
	assert_true(z->group >= w->last_group && z->group <= 11);
	w->last_group = z->group;
	w->groups[z->group]++;
	w->inuse += z->inuse;
	/* The free list and the handles are two views of one thing. */
	for (unsigned int i = 0; i < z->objs - z->inuse; i++) {
		assert_true(z->free_list[i] < z->objs);
		assert_int_equal(free_at[z->free_list[i]]++, 0);
	}
	for (unsigned int i = 0; i < z->objs; i++) {
		assert_int_equal(z->handles[i] == 0, free_at[i]);
		if (!z->handles[i])
			continue;
		live++;
		assert_int_equal(
			obj_to_index(w->pool, handle_to_obj(z->handles[i])), i);
	}
	assert_int_equal(live, z->inuse);
	return ++w->calls == w->stop_after ? -77 : 0;
}

static void test_for_each_zspage(void **state)
{
	static struct model m;
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);

	model_init(&m, pool, 8);
	for (int i = 0; i < 60; i++)
		model_step(&m);
	for (int round = uzs_test_scale(20); round > 0; round--) {
		unsigned long live = 0;

		model_step(&m);
		for (unsigned int n = 0; n < zs_class_count(pool); n++) {
			struct zspage_walk w = { .pool = pool,
						 .m = &m,
						 .c = class_of(pool, n) };

			assert_int_equal(zs_for_each_zspage(pool, n,
							    note_zspage, &w),
					 0);
			assert_memory_equal(w.groups, w.c.zspages,
					    sizeof(w.groups));
			assert_int_equal(w.inuse, w.c.objs_inuse);
			/* By a merged index: the same class. */
			live += w.c.index == n ? w.inuse : 0;
			if (w.calls < 2)
				continue;
			w.stop_after = w.calls - 1;
			w.calls = w.last_group = 0;
			assert_int_equal(zs_for_each_zspage(pool, n,
							    note_zspage, &w),
					 -77);
			assert_int_equal(w.calls, w.stop_after);
		}
		assert_int_equal(live, m.nr);
	}
	zs_destroy_pool(pool);
}

static int note_first_handles(const struct zs_zspage_info *z, void *arg)
{
	unsigned long **next = arg;

	*(*next)++ = z->handles[0];
	return 0;
}

static int note_free_list(const struct zs_zspage_info *z, void *arg)
{
	memcpy(arg, z->free_list, (z->objs - z->inuse) * sizeof(unsigned int));
	return 0;
}

/* List order: the zspage that came last into a group is its first; the free
 * list: what was freed last comes first. */
static void test_for_each_zspage_order(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	unsigned int index = zs_lookup_class_index(pool, 1024 + 8);
	struct zs_class_info c = class_of(pool, index);
	unsigned int objs = c.objs_per_zspage;
	unsigned long *handles = malloc(4 * objs * sizeof(*handles));
	unsigned long first[4] = { 0 }, *next = first;
	unsigned int links[256];

	assert_true(objs > 4 && objs <= ARRAY_SIZE(links));
	for (unsigned int i = 0; i < 4 * objs; i++)
		handles[i] = must_malloc(pool, 1024);
	assert_int_equal(
		zs_for_each_zspage(pool, index, note_first_handles, &next), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(first[i], handles[(3 - i) * (int)objs]);

	/* Of the first only: 1, 3, 2 freed in this order. */
	for (unsigned int i = objs; i < 4 * objs; i++)
		zs_free(pool, handles[i]);
	zs_free(pool, handles[1]);
	zs_free(pool, handles[3]);
	zs_free(pool, handles[2]);
	assert_int_equal(zs_for_each_zspage(pool, index, note_free_list, links),
			 0);
	assert_int_equal(links[0], 2);
	assert_int_equal(links[1], 3);
	assert_int_equal(links[2], 1);
	free(handles);
	zs_destroy_pool(pool);
}

struct zspage_change {
	struct zs_pool *pool;
	unsigned int calls;
	unsigned int freed;
	bool grow;
};

static int free_zspage_objects(const struct zs_zspage_info *z, void *arg)
{
	struct zspage_change *c = arg;

	c->calls++;
	for (unsigned int i = 0; i < z->objs; i++) {
		if (!z->handles[i])
			continue;
		zs_free(c->pool, z->handles[i]);
		c->freed++;
	}
	if (c->grow)
		for (unsigned int i = 0; i < 2 * z->objs; i++)
			if (zs_is_err(zs_malloc(c->pool, 1024, GFP_KERNEL,
						NUMA_NO_NODE)))
				return -1;
	return 0;
}

/* The callback sees a copy: it may empty, and refill, what is walked over. */
static void test_for_each_zspage_changes(void **state)
{
	struct zspage_change c = { .pool = make_pool(0, 0, 0) };
	unsigned int index = zs_lookup_class_index(c.pool, 1024 + 8);
	unsigned int objs = class_of(c.pool, index).objs_per_zspage;
	unsigned int nr = 100 * objs;

	for (unsigned int i = 0; i < nr; i++)
		must_malloc(c.pool, 1024);
	c.grow = true;
	assert_int_equal(
		zs_for_each_zspage(c.pool, index, free_zspage_objects, &c), 0);
	/* Those of the moment of the call, not what came since. */
	assert_int_equal(c.calls, 100);
	assert_int_equal(c.freed, nr);
	assert_int_equal(info_of(c.pool).objs_inuse, 2 * nr);
	c.grow = false;
	assert_int_equal(
		zs_for_each_zspage(c.pool, index, free_zspage_objects, &c), 0);
	assert_int_equal(c.freed, 3 * nr);
	assert_int_equal(info_of(c.pool).pages, 0);
	assert_sound(c.pool);
	assert_int_equal(zs_destroy_pool(c.pool), 0);
}

struct grower {
	struct zs_pool *pool;
	bool stop; /* atomic */
	bool failed; /* read after the join */
};

static void *grow_and_shrink(void *arg)
{
	struct grower *g = arg;
	unsigned long handles[512];

	while (!READ_ONCE(g->stop)) {
		unsigned int n;

		for (n = 0; n < ARRAY_SIZE(handles); n++) {
			handles[n] = zs_malloc(g->pool, 4096, GFP_KERNEL,
					       NUMA_NO_NODE);
			g->failed |= zs_is_err(handles[n]);
		}
		while (n)
			zs_free(g->pool, handles[--n]);
	}
	return NULL;
}

static int sum_inuse(const struct zs_zspage_info *z, void *arg)
{
	*(unsigned long *)arg += z->inuse;
	return 0;
}

/* A class that grows while room for its copy is being made. */
static void test_for_each_zspage_grows_meanwhile(void **state)
{
	struct grower g = { .pool = make_pool(0, 0, 0) };
	unsigned int index = zs_lookup_class_index(g.pool, 4096);
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, grow_and_shrink, &g), 0);
	for (int i = uzs_test_scale(2000); i > 0; i--) {
		unsigned long n = 0;

		assert_int_equal(
			zs_for_each_zspage(g.pool, index, sum_inuse, &n), 0);
		assert_true(n <= 512);
	}
	WRITE_ONCE(g.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(g.failed);
	assert_int_equal(zs_destroy_pool(g.pool), 0);
}

/* ---- memory ------------------------------------------------------------------ */

/* A sanitizer's shadow grows along. */
#if !SANITIZED
/* Bytes of the process that the OS has filled. */
static size_t rss(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long size, resident = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu %lu", &size, &resident), 2);
	fclose(file);
	return resident * uzs_os_page_size();
}

/* bytes_resident against the OS: never less than what the process grew by,
 * and little more. */
static void compare_rss(struct zs_pool *pool, size_t base, size_t slack,
			const char *when)
{
	size_t now = rss(), grown = now > base ? now - base : 0;
	struct zs_pool_info i = info_of(pool);

	if (grown > i.bytes_resident + slack ||
	    i.bytes_resident > grown + grown / 50 + slack)
		fail_msg("%s: the process grew by %zu bytes, the pool says %zu",
			 when, grown, i.bytes_resident);
}
#endif

static void test_resident_is_rss(void **state)
{
#if SANITIZED
	skip();
#else
	const size_t total = (size_t)uzs_test_scale(96) * MIB;
	/* Pages of a few other things (stdio, stack), and what the kernel has
	 * not yet added up: it batches its count for each thread. */
	const size_t slack = MIB;
	unsigned int max = (unsigned int)(total / 1500), n = 0, live;
	unsigned long *handles = malloc(max * sizeof(*handles));
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	unsigned char data[4096];
	struct zs_pool_info i;
	size_t base, stored = 0;
	struct rng rng;

	rng_seed(&rng, 11);
	memset(handles, 0x55, max * sizeof(*handles));
	memset(data, 0x77, sizeof(data));
	base = rss();
	for (; n < max && stored < total; n++) {
		unsigned int size = rng_range(&rng, 1, 4096);

		handles[n] = must_malloc(pool, size);
		assert_int_equal(zs_obj_write(pool, handles[n], data, size), 0);
		stored += size;
		if (n % 4096 == 0)
			compare_rss(pool, base, slack, "while filling");
	}
	compare_rss(pool, base, slack, "filled");
	i = info_of(pool);
	/* Evenly spread sizes cost more than real ones, but not much. */
	assert_true(i.bytes_resident < stored + stored / 8 + 4 * MIB);

	for (live = n; live > n / 4;) {
		unsigned int victim = rng_below(&rng, live);

		zs_free(pool, handles[victim]);
		handles[victim] = handles[--live];
	}
	compare_rss(pool, base, slack, "three quarters freed");
	zs_compact(pool);
	compare_rss(pool, base, slack, "compacted");
	zs_trim(pool);
	compare_rss(pool, base, slack, "trimmed");
	assert_true(info_of(pool).bytes_resident < stored / 3 + 4 * MIB);

	while (live)
		zs_free(pool, handles[--live]);
	compare_rss(pool, base, slack, "emptied");
	zs_trim(pool);
	compare_rss(pool, base, slack, "emptied and trimmed");
	assert_true(info_of(pool).bytes_resident < MIB);
	assert_int_equal(zs_destroy_pool(pool), 0);
	assert_true(rss() < base + slack);
	free(handles);
#endif
}

struct filling {
	struct zs_pool *pool;
	struct rng rng;
	unsigned long *handle;
	unsigned short *size;
	unsigned int nr, max;
	size_t stored;
};

/* Allocates until there is no memory. */
static void fill_to_limit(struct filling *f, unsigned int low,
			  unsigned int high)
{
	struct zs_pool_info i;

	for (;;) {
		unsigned int size = rng_range(&f->rng, low, high);
		unsigned long handle =
			zs_malloc(f->pool, size, GFP_KERNEL, NUMA_NO_NODE);

		if (zs_is_err(handle)) {
			assert_int_equal(zs_err(handle), -ENOMEM);
			break;
		}
		assert_true(f->nr < f->max);
		assert_true(object_fill(f->pool, handle, size, handle));
		f->handle[f->nr] = handle;
		f->size[f->nr++] = (unsigned short)size;
		f->stored += size;
		if (f->nr % 16 == 0) {
			i = info_of(f->pool);
			assert_true(i.bytes_resident <= i.memory_limit_bytes);
		}
	}
	i = info_of(f->pool);
	assert_true(i.bytes_resident <= i.memory_limit_bytes);
}

static void free_share(struct filling *f, unsigned int percent)
{
	unsigned int left = f->nr - f->nr * percent / 100;

	while (f->nr > left) {
		unsigned int i = rng_below(&f->rng, f->nr);

		zs_free(f->pool, f->handle[i]);
		f->stored -= f->size[i];
		f->handle[i] = f->handle[--f->nr];
		f->size[i] = f->size[f->nr];
	}
}

static void verify_filling(struct filling *f)
{
	for (unsigned int i = 0; i < f->nr; i++)
		assert_true(object_ok(f->pool, f->handle[i], f->size[i],
				      f->handle[i]));
}

static void run_to_limit(unsigned int page_size, size_t limit,
			 unsigned int flags)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct filling f = { .max = (unsigned int)(limit / 64) };
	struct zs_pool_info full, half, i;
	unsigned int unit, before, nr_full;
	size_t stored_full;

	o.page_size = page_size;
	o.memory_limit = limit;
	o.flags = flags;
	f.pool = zs_create_pool_with("limit", &o);
	assert_non_null(f.pool);
	f.handle = malloc(f.max * sizeof(*f.handle));
	f.size = malloc(f.max * sizeof(*f.size));
	rng_seed(&f.rng, page_size + flags);
	unit = page_size / 16;

	/* Nearly all of it can be used. Few classes, so that a small pool has
	 * many zspages of each. */
	fill_to_limit(&f, 3 * unit, 3 * unit + unit / 4);
	full = info_of(f.pool);
	assert_int_equal(full.memory_limit_bytes, limit);
	assert_true(full.bytes_resident + 32 * page_size >= limit);
	assert_true((full.pages + full.slab_pages) * page_size >
		    limit - limit / 16 - 32 * page_size);
	assert_sound(f.pool);
	verify_filling(&f);
	nr_full = f.nr;
	stored_full = f.stored;

	/* With half of the objects freed at random hardly any page is free;
	 * a new zspage can be had since compaction is tried first. */
	free_share(&f, 50);
	half = info_of(f.pool);
	assert_true(half.freeable_pages > full.pages / 4);
	before = f.nr;
	fill_to_limit(&f, 11 * unit, 11 * unit + unit / 8);
	i = info_of(f.pool);
	assert_true(i.compactions > half.compactions);
	assert_true(i.pages_compacted - half.pages_compacted >=
		    half.freeable_pages * 9 / 10);
	if ((size_t)(f.nr - before) * 11 * unit <=
	    half.freeable_pages * page_size * 3 / 4)
		fail_msg(
			"page size %u, limit %zu: %u objects fit where %lu pages were freeable",
			page_size, limit, f.nr - before, half.freeable_pages);
	assert_sound(f.pool);
	verify_filling(&f);

	/* The limit is released as objects are freed, all of it. */
	free_share(&f, 100);
	zs_drain(f.pool);
	assert_int_equal(f.stored, 0);
	assert_int_equal(info_of(f.pool).pages, 0);
	fill_to_limit(&f, 3 * unit, 3 * unit + unit / 4);
	assert_true(f.nr > nr_full - nr_full / 50);
	assert_true(f.stored > stored_full - stored_full / 50);
	verify_filling(&f);
	free_share(&f, 100);
	zs_trim(f.pool);
	i = info_of(f.pool);
	assert_int_equal(i.bytes_resident, f.pool->meta_bytes);
	assert_sound(f.pool);
	assert_int_equal(zs_destroy_pool(f.pool), 0);
	free(f.handle);
	free(f.size);
}

static void test_memory_limit(void **state)
{
	run_to_limit(4096, 8 * MIB, ZS_POOL_NO_WORKER);
	run_to_limit(4096, 20 * MIB + 12345, 0);
	run_to_limit(4096, MIB / 2, 0);
	run_to_limit(16384, 8 * MIB, ZS_POOL_NO_WORKER);
	run_to_limit(65536, 16 * MIB, 0);
}

/* A section's worth of one kind of pages does not keep the limit from the
 * other kind: many small objects, whose handles need slabs, then large. */
static void test_limit_handles_and_pages(void **state)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct filling f = { .max = 1u << 20 };
	struct zs_pool_info small, large;

	o.memory_limit = 6 * MIB;
	o.flags = ZS_POOL_NO_WORKER;
	f.pool = zs_create_pool_with("kinds", &o);
	f.handle = malloc(f.max * sizeof(*f.handle));
	f.size = malloc(f.max * sizeof(*f.size));
	rng_seed(&f.rng, 3);
	fill_to_limit(&f, 1, 8);
	small = info_of(f.pool);
	assert_true(small.slab_pages > small.pages / 8);
	assert_true(small.bytes_resident + 16 * 4096 > o.memory_limit);
	free_share(&f, 100);
	fill_to_limit(&f, 4096, 4096);
	large = info_of(f.pool);
	/* Slabs go back when they are empty, at the latest with a trim. */
	assert_true(large.pages * 4096 > o.memory_limit - o.memory_limit / 16 -
						 small.slab_pages * 4096);
	free_share(&f, 100);
	zs_trim(f.pool);
	fill_to_limit(&f, 4096, 4096);
	large = info_of(f.pool);
	assert_true(large.pages * 4096 > o.memory_limit - o.memory_limit / 16);
	verify_filling(&f);
	assert_sound(f.pool);
	zs_destroy_pool(f.pool);
	free(f.handle);
	free(f.size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identities),
		cmocka_unit_test(test_move_counters),
		cmocka_unit_test(test_second_compaction),
		cmocka_unit_test(test_shrink),
		cmocka_unit_test(test_shrink_with_readers),
		cmocka_unit_test(test_class_of_merged_index),
		cmocka_unit_test(test_print_classes),
		cmocka_unit_test(test_print_classes_letters),
		cmocka_unit_test(test_print_classes_error),
		cmocka_unit_test(test_for_each_live),
		cmocka_unit_test(test_for_each_live_changes),
		cmocka_unit_test(test_for_each_zspage),
		cmocka_unit_test(test_for_each_zspage_order),
		cmocka_unit_test(test_for_each_zspage_changes),
		cmocka_unit_test(test_for_each_zspage_grows_meanwhile),
		cmocka_unit_test(test_resident_is_rss),
		cmocka_unit_test(test_memory_limit),
		cmocka_unit_test(test_limit_handles_and_pages),
	};

	return cmocka_run_group_tests_name("stat", tests, NULL, NULL);
}
