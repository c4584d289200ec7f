/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* The whole device against a model, which is an array of bytes: random requests
 * and post-processing. After each, every figure must agree with the slots. */
#include "util.h"

#define OPS 3000

struct model {
	struct uzram *dev;
	unsigned char *bytes;
	size_t size;
	uint64_t seed;
	bool limited;
};

static uint64_t below(struct model *m, uint64_t n)
{
	return random_below(&m->seed, n);
}

/* Chooses a range: whole blocks, or any bytes. */
static void range(struct model *m, uint64_t *offset, size_t *len)
{
	size_t block = m->dev->config.block;

	if (below(m, 2)) {
		*offset = below(m, m->size / block) * block;
		*len = (1 + below(m, 3)) * block;
	} else {
		*offset = below(m, m->size);
		*len = 1 + below(m, 2 * block);
	}
	if (*len > m->size - *offset)
		*len = m->size - *offset;
}

static void check_range(struct model *m, uint64_t offset, size_t len)
{
	unsigned char *buf = malloc(len);

	assert_non_null(buf);
	assert_int_equal(uzram_read(m->dev, buf, len, offset), 0);
	assert_memory_equal(buf, m->bytes + offset, len);
	free(buf);
}

/* A request failed at the limit: each block is as before or as requested. */
static void adopt(struct model *m, const unsigned char *wanted, size_t len,
		  uint64_t offset)
{
	size_t block = m->dev->config.block;
	unsigned char *buf = malloc(len);
	bool still_new = true;

	assert_non_null(buf);
	assert_int_equal(uzram_read(m->dev, buf, len, offset), 0);
	for (size_t at = 0; at < len;) {
		size_t n = block - (offset + at) % block;

		if (n > len - at)
			n = len - at;
		if (still_new && memcmp(buf + at, wanted + at, n) != 0)
			still_new = false; /* the blocks behind it are not
					    * written */
		if (!still_new)
			assert_memory_equal(buf + at, m->bytes + offset + at,
					    n);
		at += n;
	}
	memcpy(m->bytes + offset, buf, len);
	free(buf);
}

static void op_write(struct model *m)
{
	enum contents kind = (enum contents)below(m, NR_CONTENTS);
	unsigned char *buf;
	uint64_t offset;
	size_t len;
	int err;

	range(m, &offset, &len);
	buf = malloc(len);
	assert_non_null(buf);
	contents_fill(buf, len, kind, &m->seed);
	err = uzram_write(m->dev, buf, len, offset);
	if (err) {
		assert_true(m->limited);
		assert_int_equal(err, -ENOSPC);
		adopt(m, buf, len, offset);
	} else {
		memcpy(m->bytes + offset, buf, len);
	}
	free(buf);
	check_range(m, offset, len);
}

static void op_zero(struct model *m)
{
	bool may_trim = below(m, 2);
	unsigned char *zeroes;
	uint64_t offset;
	size_t len;
	int err;

	range(m, &offset, &len);
	err = uzram_zero(m->dev, len, offset, may_trim);
	if (err) {
		assert_true(m->limited);
		zeroes = calloc(1, len);
		assert_non_null(zeroes);
		adopt(m, zeroes, len, offset);
		free(zeroes);
	} else {
		memset(m->bytes + offset, 0, len);
	}
	check_range(m, offset, len);
}

static void op_trim(struct model *m)
{
	size_t block = m->dev->config.block, first, end;
	uint64_t offset;
	size_t len;

	range(m, &offset, &len);
	uzram_trim(m->dev, len, offset);
	/* no other thread runs, so no slot is skipped; only whole blocks count,
	 * and the last one ends where the device ends */
	first = (offset + block - 1) / block;
	end = offset + len == m->size ? m->dev->table.nr
				      : (offset + len) / block;
	for (; first < end; first++) {
		size_t at = first * block;

		memset(m->bytes + at, 0,
		       m->size - at < block ? m->size - at : block);
		assert_int_equal(extent_of(m->dev, first), UZRAM_HOLE);
	}
}

static void op_postprocess(struct model *m)
{
	struct uzram_job job = { (enum uzram_which)below(m, 5),
				 1 + below(m, 20), 0, NULL };
	struct uzram_done done;
	unsigned long stored = count_of(&m->dev->counters.stored);
	int err;

	switch (below(m, 3)) {
	case 0:
		uzram_mark_idle(m->dev, 0);
		assert_int_equal(uzram_mark_idle(m->dev, 1000), 0);
		break;
	case 1:
		err = uzram_writeback(m->dev, &job, &done);
		if (m->dev->backing.fd < 0)
			assert_int_equal(err, -ENODEV);
		else if (err)
			assert_int_equal(err, -ENOSPC);
		assert_int_equal(done.skipped, 0);
		break;
	case 2:
		job.threshold = below(m, m->dev->config.block);
		err = uzram_recompress(m->dev, &job, &done);
		if (!m->dev->recomp_streams.streams)
			assert_int_equal(err, -ENODEV);
		else
			assert_int_equal(err, 0);
		assert_true(m->limited || !done.no_room);
		assert_true(done.no_room <= done.skipped);
		assert_true(done.bytes_after <= done.bytes_before);
		break;
	}
	assert_int_equal(count_of(&m->dev->counters.stored), stored);
}

static void op_limit(struct model *m)
{
	unsigned long pages = zs_get_total_pages(m->dev->pool);

	m->limited = below(m, 2);
	uzram_set_limit(m->dev,
			m->limited ? (pages + below(m, 5)) * m->dev->page : 0);
}

static void check_extents(struct model *m)
{
	size_t block = m->dev->config.block;

	for (size_t i = 0; i < m->dev->table.nr; i++) {
		bool zero = true;

		for (size_t at = i * block;
		     at < (i + 1) * block && at < m->size; at++)
			zero = zero && !m->bytes[at];
		if (extent_of(m->dev, i) != UZRAM_DATA)
			assert_true(zero);
	}
}

static void one_op(struct model *m)
{
	unsigned long limit = count_of(&m->dev->limit_pages);

	switch (below(m, 16)) {
	case 0:
	case 1:
		op_zero(m);
		break;
	case 2:
	case 3:
		op_trim(m);
		break;
	case 4:
	case 5:
	case 6:
		op_postprocess(m);
		break;
	case 7:
		op_limit(m);
		return; /* the contents may exceed a new limit */
	case 8:
		if (below(m, 4) == 0)
			uzram_compact(m->dev);
		break;
	default:
		op_write(m);
	}
	if (limit && m->limited && count_of(&m->dev->counters.max_used_pages))
		assert_true(count_of(&m->dev->counters.max_used_pages) <=
				    limit ||
			    zs_get_total_pages(m->dev->pool) <= limit);
	assert_figures(m->dev);
}

static void run_model(struct uzram_config *config, uint64_t seed)
{
	struct model m = { .seed = seed };
	const int ops = scaled(OPS);

	/* makes the last block incomplete */
	config->size -= config->block / 2 + 13;
	m.size = (size_t)config->size;
	m.dev = test_device(config);
	m.bytes = calloc(1, m.size);
	assert_non_null(m.bytes);
	for (int i = 0; i < ops; i++) {
		one_op(&m);
		if ((i + 1) % (ops / 6) == 0) {
			check_range(&m, 0, m.size);
			check_extents(&m);
			assert_int_equal(zs_pool_check(m.dev->pool, stderr), 0);
		}
		if ((i + 1) % (ops / 2) == 0) {
			uzram_open(m.dev);
			assert_int_equal(uzram_reset(m.dev), -EBUSY);
			uzram_close(m.dev);
			assert_int_equal(uzram_reset(m.dev), 0);
			m.limited = false;
			memset(m.bytes, 0, m.size);
			check_range(&m, 0, m.size);
			assert_figures(m.dev);
		}
	}
	free(m.bytes);
	uzram_destroy(m.dev);
}

static void test_plain(void **state)
{
	struct uzram_config config = test_config(4096, "lz4", NULL);

	run_model(&config, 1);
}

static void test_everything(void **state)
{
	struct uzram_config config = test_config(4096, "lz4", "zstd:6");
	char path[512];

	/* the file is full at times */
	test_backing_file(&config, path, sizeof(path), 20 * 4096);
	config.defer = ZS_DEFER_ARRAY;
	run_model(&config, 2);
	unlink(path);
}

static void test_large_blocks(void **state)
{
	struct uzram_config config = test_config(16384, "lzo", "lz4hc");
	char path[512];

	test_backing_file(&config, path, sizeof(path), 200 * 16384);
	config.defer = ZS_DEFER_PERCPU;
	config.scope = ZS_SCOPE_HELD;
	run_model(&config, 3);
	unlink(path);
}

static void test_largest_blocks(void **state)
{
	struct uzram_config config = test_config(65536, "zstd:1", "zstd");

	config.size = 20 * 65536;
	config.all_classes = true;
	config.chain_size = 4;
	run_model(&config, 4);
}

static void test_reuse(void **state)
{
	struct uzram_config config = test_config(4096, "lz4", "zstd");
	char path[512];

	test_backing_file(&config, path, sizeof(path), 20 * 4096);
	config.defer = ZS_DEFER_REUSE;
	run_model(&config, 5);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_large_blocks),
		cmocka_unit_test(test_largest_blocks),
		cmocka_unit_test(test_reuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
