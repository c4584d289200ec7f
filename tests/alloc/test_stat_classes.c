/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_stat_classes.c - src/stat.c: the table of the kernel's `classes` file: its
 * columns, letters and totals, and what a file that takes no more answers.
 */
#include "test_system.h"
#include "stat_model.h"

#include <errno.h>

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

static void test_table_has_the_pools_figures(void **state)
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
static void test_first_lines_to_the_letter(void **state)
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

static void test_failing_file_is_told(void **state)
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_has_the_pools_figures),
		cmocka_unit_test(test_first_lines_to_the_letter),
		cmocka_unit_test(test_failing_file_is_told),
	};

	return cmocka_run_group_tests_name("stat_classes", tests, NULL, NULL);
}
