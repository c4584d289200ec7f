/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* suite_golden.c - conformance: what the real allocator of 6.12 did, class
 * tables and traces down to the place of every object; the files are described
 * in tests/data/README.md and those it names.
 *
 * A subject with places of its own replays the traces too: its data and sums are
 * looked at then, and what compaction leaves.
 */
#include <inttypes.h>
#include <zlib.h>

#include "suite.h"

/* The files are of 64-bit machines, where a handle word has 8 bytes. A request
 * that is as much larger as the word is smaller finds the same class. */
#define HANDLE_DIFFERENCE ((unsigned int)(8 - sizeof(unsigned long)))

static size_t request(size_t size)
{
	size += HANDLE_DIFFERENCE;
	return size < suite.page_size ? size : suite.page_size;
}

/* Why a subject's classes or places are not the recorded ones. */
static const unsigned int not_exact = SUBJECT_FOUR_GROUPS |
				      SUBJECT_PERCENT_CHAINS |
				      SUBJECT_OWN_CLASSES | SUBJECT_OWN_PLACES;

/* Geometries of which class tables and outcomes of traces are recorded. */
static bool is_recorded(void)
{
	static const struct {
		unsigned int page_size, chain_size;
	} recorded[] = { { 4096, 4 },
			 { 4096, 8 },
			 { 4096, 16 },
			 { 16384, 8 },
			 { 65536, 8 } };

	for (size_t i = 0; i < ARRAY_SIZE(recorded); i++)
		if (recorded[i].page_size == suite.page_size &&
		    recorded[i].chain_size == suite.chain_size)
			return suite.expected.exact;
	return false;
}

/* ---- class tables -------------------------------------------------------- */

/* Return: is the line of this geometry? */
static bool check_chain_size(const char *line)
{
	unsigned int page_size, chain_size, indices, distinct, largest, huge;
	unsigned int is_distinct = 0, is_largest = 0;
	struct subject_pool *pool;

	assert_int_equal(sscanf(line, "%u %u %u %u %u %u", &page_size,
				&chain_size, &indices, &distinct, &largest,
				&huge),
			 6);
	if (page_size != suite.page_size || chain_size != suite.chain_size)
		return false;
	pool = suite_pool(false);
	assert_int_equal(suite.s->class_count(pool), indices);
	assert_int_equal(suite.s->huge_class_size(pool),
			 huge + HANDLE_DIFFERENCE);
	for (unsigned int i = 0; i < indices; i++) {
		struct subject_class info = suite_class(pool, i);

		is_distinct += info.index == i;
		if (!info.huge)
			is_largest = info.size;
	}
	if (is_distinct != distinct || is_largest != largest)
		fail_msg(
			"page size %u, chain size %u: %u classes, %u the largest that is not huge; should be %u and %u",
			page_size, chain_size, is_distinct, is_largest,
			distinct, largest);
	suite_end(pool);
	return true;
}

static void test_chain_size(void **state)
{
	unsigned int rows = 0;
	char line[512];
	FILE *file;

	if (suite.expected.own_classes)
		skip_for(SUBJECT_OWN_CLASSES);
	file = data_open("chain-size.tsv");
	while (fgets(line, sizeof(line), file))
		if (line[0] >= '0' && line[0] <= '9')
			rows += check_chain_size(line);
	fclose(file);
	if (!rows)
		skip_for(LACKS_RECORD);
	assert_int_equal(rows, 1);
}

/* One line "INDEX SIZE PAGES OBJS". Return: was it one? */
static bool check_class_line(struct subject_pool *pool, const char *line,
			     unsigned int *first)
{
	unsigned int index, size, pages, objs;

	if (sscanf(line, "%u %u %u %u", &index, &size, &pages, &objs) != 4)
		return false;
	/* It serves all the indices from the one before on. */
	for (; *first <= index; ++*first) {
		struct subject_class info = suite_class(pool, *first);

		assert_int_equal(info.index, index);
		assert_int_equal(info.size, size);
		assert_int_equal(info.pages_per_zspage, pages);
		assert_int_equal(info.objs_per_zspage, objs);
		assert_int_equal(info.huge, pages == 1 && objs == 1);
	}
	return true;
}

/* zs_malloc takes the class that lookup says. */
static void expect_class_of(struct subject_pool *pool, size_t size,
			    unsigned int index)
{
	unsigned long handle = suite_malloc(pool, size);

	assert_int_equal(suite_class(pool, index).objs_inuse, 1);
	suite_free(pool, handle);
	suite_settle(pool);
	assert_int_equal(suite_class(pool, index).objs_inuse, 0);
}

/* One line "map FIRST LAST INDEX": all the requests from FIRST to LAST. */
static bool check_map_line(struct subject_pool *pool, const char *line,
			   unsigned int *next)
{
	unsigned int first, last, index;

	if (sscanf(line, "map %u %u %u", &first, &last, &index) != 3)
		return false;
	assert_int_equal(first, *next);
	for (unsigned int size = first; size <= last; size++)
		assert_int_equal(suite.s->lookup_class_index(
					 pool,
					 size + 8 - suite.expected.lookup_adds),
				 index);
	/* That zs_malloc goes there, too, costs more: both ends of it. */
	expect_class_of(pool, request(first), index);
	expect_class_of(pool, request(last), index);
	*next = last + 1;
	return true;
}

/* The table is the subject's own: every class of it that is used serves some sizes,
 * in order, and up to its last byte. */
static void own_class_table(void)
{
	struct subject_pool *pool = suite_pool(false);
	unsigned int index = suite_class(pool, 0).index;
	unsigned int nr = suite.s->class_count(pool);
	const size_t word = sizeof(long);
	size_t first = 1;

	for (; index < nr; index++) {
		struct subject_class class = suite_class(pool, index);
		size_t last = class.size - (class.huge ? 0 : word);

		assert_int_equal(class.index, index);
		if (!suite_is_used(pool, &class))
			continue;
		if (last > suite.max_size)
			last = suite.max_size;
		assert_true(last >= first);
		assert_int_equal(subject_class_of(suite.s, pool, first), index);
		assert_int_equal(subject_class_of(suite.s, pool, last), index);
		expect_class_of(pool, first, index);
		expect_class_of(pool, last, index);
		first = last + 1;
	}
	assert_int_equal(first, suite.max_size + 1);
	suite_end(pool);
}

static void test_class_table(void **state)
{
	unsigned int classes = 0, index = 0, size = 1;
	struct subject_pool *pool;
	char name[64], line[256];
	FILE *file;

	if (suite.expected.own_classes) {
		own_class_table();
		return;
	}
	if (!is_recorded())
		skip_for(suite.expected.exact ? LACKS_RECORD : not_exact);
	pool = suite_pool(false);
	snprintf(name, sizeof(name), "classes/classes-p%u-c%u.txt",
		 suite.page_size, suite.chain_size);
	file = data_open(name);
	while (fgets(line, sizeof(line), file)) {
		unsigned int n;

		if (check_map_line(pool, line, &size))
			continue;
		if (sscanf(line, "distinct_classes %u", &n) == 1)
			classes = n;
		else if (sscanf(line, "huge_class_size %u", &n) == 1)
			assert_int_equal(suite.s->huge_class_size(pool),
					 n + HANDLE_DIFFERENCE);
		else if (check_class_line(pool, line, &index))
			classes--;
	}
	fclose(file);
	assert_int_equal(classes, 0);
	assert_int_equal(index, suite.s->class_count(pool));
	assert_int_equal(size, suite.page_size + 1);
	suite_end(pool);
}

/* ---- traces -------------------------------------------------------------- */

struct object {
	unsigned long handle; /* 0: not live */
	uint32_t id;
	uint32_t size; /* bytes */
	uint64_t key;
};

struct replay {
	struct subject_pool *pool;
	char name[64]; /* of the outcome */
	FILE *outcome; /* NULL: the subject has places of its own */
	unsigned int line; /* of the outcome */
	unsigned int op; /* line of the trace */
	unsigned int compactions;
	unsigned long live;
	unsigned long peak_pages;
	struct object *objects; /* by ID */
	unsigned int ids;
	struct object *by_handle; /* the live ones, sorted */
	uint64_t hash;
};

/* The next line of the outcome must be that. */
__attribute__((format(printf, 2, 3))) static void
expect(struct replay *r, const char *format, ...)
{
	char is[4096], should[4096] = "";
	va_list args;

	if (!r->outcome)
		return;
	va_start(args, format);
	vsnprintf(is, sizeof(is), format, args);
	va_end(args);
	r->line++;
	if (fgets(should, sizeof(should), r->outcome))
		should[strcspn(should, "\n")] = '\0';
	if (strcmp(is, should))
		fail_msg(
			"%s:%u, after line %u of the trace:\nis     %s\nshould %s",
			r->name, r->line, r->op, is, should);
}

static void hash_byte(struct replay *r, unsigned char byte)
{
	r->hash = (r->hash ^ byte) * 0x100000001b3u;
}

static void hash_start(struct replay *r)
{
	r->hash = 0xcbf29ce484222325u;
}

static void hash_word(struct replay *r, uint32_t word)
{
	for (int i = 0; i < 4; i++)
		hash_byte(r, (unsigned char)(word >> 8 * i));
}

static void class_line(const struct subject_class *c, char *line, size_t size)
{
	int n = snprintf(line, size, "%u %u %lu %lu %lu %u %lu", c->index,
			 c->size, c->objs_capacity, c->objs_inuse,
			 c->objs_capacity / c->objs_per_zspage *
				 c->pages_per_zspage,
			 c->pages_per_zspage, c->freeable_pages);

	for (int g = 0; g < SUBJECT_MAX_GROUPS; g++)
		n += snprintf(line + n, size - (size_t)n, " %lu",
			      c->zspages[g]);
}

static uint64_t table_hash(struct replay *r)
{
	char line[512];

	hash_start(r);
	for (unsigned int i = 0; i < suite.s->class_count(r->pool); i++) {
		struct subject_class info = suite_class(r->pool, i);

		if (info.index != i || !info.objs_capacity)
			continue;
		class_line(&info, line, sizeof(line));
		for (char *c = line; *c; c++)
			hash_byte(r, (unsigned char)*c);
		hash_byte(r, '\n');
	}
	return r->hash;
}

static int by_handle(const void *a, const void *b)
{
	const struct object *x = a, *y = b;

	return (x->handle > y->handle) - (x->handle < y->handle);
}

static int hash_zspage(const struct subject_zspage *info, void *arg)
{
	struct replay *r = arg;

	hash_word(r, info->group);
	hash_word(r, info->inuse);
	for (unsigned int i = 0; i < info->objs; i++) {
		struct object key = { .handle = info->handles[i] }, *found;

		if (!key.handle) {
			hash_word(r, 0);
			continue;
		}
		found = bsearch(&key, r->by_handle, r->live, sizeof(key),
				by_handle);
		assert_non_null(found);
		hash_word(r, found->id + 1);
	}
	for (unsigned int i = 0; i < info->objs - info->inuse; i++)
		hash_word(r, info->free_list[i]);
	return 0;
}

static uint64_t layout_hash(struct replay *r)
{
	unsigned long n = 0;

	for (unsigned int i = 0; i < r->ids; i++)
		if (r->objects[i].handle)
			r->by_handle[n++] = r->objects[i];
	assert_int_equal(n, r->live);
	qsort(r->by_handle, n, sizeof(*r->by_handle), by_handle);
	hash_start(r);
	for (unsigned int i = 0; i < suite.s->class_count(r->pool); i++) {
		struct subject_class info = suite_class(r->pool, i);

		if (info.index != i || !info.objs_capacity)
			continue;
		hash_word(r, i);
		assert_int_equal(suite.s->for_each_zspage(r->pool, i,
							  hash_zspage, r),
				 0);
	}
	return r->hash;
}

static void expect_state(struct replay *r, const char *when)
{
	unsigned long groups[SUBJECT_MAX_GROUPS] = { 0 };
	unsigned long capacity = 0, inuse = 0, freeable = 0;
	char list[512];
	int len = 0;

	if (!r->outcome) {
		suite_settle(r->pool);
		suite_sums(r->pool, r->live);
		return;
	}
	for (unsigned int i = 0; i < suite.s->class_count(r->pool); i++) {
		struct subject_class info = suite_class(r->pool, i);

		if (info.index != i)
			continue;
		capacity += info.objs_capacity;
		inuse += info.objs_inuse;
		freeable += info.freeable_pages;
		for (int g = 0; g < SUBJECT_MAX_GROUPS; g++)
			groups[g] += info.zspages[g];
	}
	for (int g = 0; g < SUBJECT_MAX_GROUPS; g++)
		len += snprintf(list + len, sizeof(list) - (size_t)len, "%s%lu",
				g ? "," : "", groups[g]);
	expect(r,
	       "%s %u op %u pages %lu live %lu obj_allocated %lu obj_used %lu freeable %lu groups %s table %016" PRIx64
	       " layout %016" PRIx64,
	       when, r->compactions, r->op, suite.s->total_pages(r->pool),
	       r->live, capacity, inuse, freeable, list, table_hash(r),
	       layout_hash(r));
}

static unsigned long pages_used(const struct replay *r, unsigned int index)
{
	struct subject_class c = suite_class(r->pool, index);

	return c.objs_capacity / c.objs_per_zspage * c.pages_per_zspage;
}

/* All that could be freed is, and nothing else. */
static void compact_own(struct replay *r)
{
	unsigned long pages = suite_zspage_pages(r->pool);
	unsigned long count = suite.s->shrink_count(r->pool);

	assert_int_equal(suite.s->compact(r->pool), count);
	assert_int_equal(suite_zspage_pages(r->pool), pages - count);
	assert_int_equal(suite.s->shrink_count(r->pool), 0);
	suite_sound(r->pool);
}

static void expect_compaction(struct replay *r)
{
	unsigned int n = suite.s->class_count(r->pool);
	unsigned long *pages, freed;
	char list[4096] = "";
	int len = 0;

	if (!r->outcome) {
		compact_own(r);
		return;
	}
	pages = calloc(n, sizeof(*pages));
	assert_non_null(pages);
	for (unsigned int i = 0; i < n; i++)
		pages[i] = pages_used(r, i);
	freed = suite.s->compact(r->pool);
	for (unsigned int i = 0; i < n; i++) {
		if (suite_class(r->pool, i).index != i ||
		    pages[i] == pages_used(r, i))
			continue;
		len += snprintf(list + len, sizeof(list) - (size_t)len,
				" %u:%lu", i, pages[i] - pages_used(r, i));
	}
	free(pages);
	expect(r, "compact %u freed %lu by_class%s", r->compactions, freed,
	       list);
}

static void allocate(struct replay *r, unsigned int id, unsigned int size)
{
	struct object *o;

	if (id >= r->ids) {
		unsigned int ids = 2 * id + 1024;

		r->objects = realloc(r->objects, ids * sizeof(*r->objects));
		r->by_handle =
			realloc(r->by_handle, ids * sizeof(*r->by_handle));
		assert_non_null(r->objects);
		assert_non_null(r->by_handle);
		memset(r->objects + r->ids, 0,
		       (ids - r->ids) * sizeof(*r->objects));
		r->ids = ids;
	}
	o = &r->objects[id];
	assert_int_equal(o->handle, 0);
	o->id = id;
	o->size = size;
	o->key = r->op;
	o->handle = suite_malloc(r->pool, request(size));
	suite_fill(r->pool, o->handle, size, o->key);
	r->live++;
	if (suite.s->total_pages(r->pool) > r->peak_pages)
		r->peak_pages = suite.s->total_pages(r->pool);
}

static void release(struct replay *r, unsigned int id)
{
	struct object *o = &r->objects[id];

	assert_true(id < r->ids && o->handle);
	if (!suite_holds(r->pool, o->handle, o->size, o->key))
		fail_msg(
			"%s: line %u of the trace: the data of object %u is wrong",
			r->name, r->op, id);
	suite_free(r->pool, o->handle);
	if (suite.s->flush)
		suite.s->flush(r->pool);
	o->handle = 0;
	r->live--;
}

static void run_line(struct replay *r, const char *line)
{
	unsigned int id, size;

	r->op++;
	if (sscanf(line, "a %u %u", &id, &size) == 2) {
		allocate(r, id, size);
	} else if (sscanf(line, "f %u", &id) == 1) {
		release(r, id);
	} else {
		assert_int_equal(line[0], 'c');
		r->compactions++;
		expect_state(r, "before");
		expect_compaction(r);
		expect_state(r, "after");
	}
}

static void expect_end(struct replay *r)
{
	char line[512];

	expect_state(r, "end");
	expect(r, "peak_pages %lu pages_compacted %lu failed_allocs 0",
	       r->peak_pages, suite.s->pages_compacted(r->pool));
	for (unsigned int i = 0; i < suite.s->class_count(r->pool); i++) {
		struct subject_class class = suite_class(r->pool, i);

		if (class.index != i || !class.objs_capacity)
			continue;
		class_line(&class, line, sizeof(line));
		expect(r, "class %s", line);
	}
	suite_sound(r->pool);
	for (unsigned int id = 0; id < r->ids; id++)
		if (r->objects[id].handle)
			release(r, id);
	suite_end(r->pool);
	expect(r, "data_ok leaks_none");
}

static void replay(unsigned int trace)
{
	struct replay r = { 0 };
	char name[64], path[4096], line[128];
	bool recorded = true;
	gzFile file;

	if (suite.expected.own_places)
		recorded = false;
	else if (!is_recorded() || !suite.s->for_each_zspage)
		skip_for(suite.expected.exact ? LACKS_RECORD | LACKS_PLACES
					      : not_exact);
	snprintf(name, sizeof(name), "traces/s%u.trace.gz", trace);
	file = gzopen(data_path(path, sizeof(path), name), "r");
	if (!file)
		fail_msg("%s: cannot be opened", path);
	snprintf(r.name, sizeof(r.name), "traces/s%u-p%u-c%u.txt", trace,
		 suite.page_size, suite.chain_size);
	if (recorded)
		r.outcome = data_open(r.name);
	r.pool = suite_pool(false);

	while (gzgets(file, line, sizeof(line)))
		run_line(&r, line);
	assert_int_equal(gzclose(file), Z_OK);
	assert_true(r.op > 1000);
	expect_end(&r);
	/* Nothing is left of the outcome. */
	if (recorded) {
		assert_int_equal(fgetc(r.outcome), EOF);
		fclose(r.outcome);
	}
	free(r.objects);
	free(r.by_handle);
}

#define TRACE_TEST(n)                            \
	static void test_trace_##n(void **state) \
	{                                        \
		replay(n);                       \
	}

TRACE_TEST(1) /* fill */
TRACE_TEST(2) /* fill, free half, compact */
TRACE_TEST(3) /* churn, with compactions */
TRACE_TEST(4) /* all sizes from 1 to 4096 */
TRACE_TEST(5) /* bursts, freed in LIFO and FIFO order */
TRACE_TEST(6) /* fill, free 90 %, compact, fill */
TRACE_TEST(7) /* churn, never compacted */

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_chain_size), cmocka_unit_test(test_class_table),
	cmocka_unit_test(test_trace_1),	   cmocka_unit_test(test_trace_2),
	cmocka_unit_test(test_trace_3),	   cmocka_unit_test(test_trace_4),
	cmocka_unit_test(test_trace_5),	   cmocka_unit_test(test_trace_6),
	cmocka_unit_test(test_trace_7),
};

const struct suite_part suite_golden = { "golden", tests, ARRAY_SIZE(tests) };
