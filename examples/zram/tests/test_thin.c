/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* A device far larger than its contents: its cost depends on the contents.
 * First the summary of the slot table alone; then memory and page tables of the
 * process, which a walk over the whole table would use up. */
#include "util.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define BLOCK 4096
#define CHUNKS 300000 /* enough for four levels */
#define THREADS 4
#define TURNS 20000
/* 4 GiB of slots: reading all of them makes 8 MiB of page tables */
#define THIN (UINT64_C(1) << 40)
#define KIB_ALLOWED 4096 /* AddressSanitizer keeps half of it */

/* ---- the summary -------------------------------------------------------- */

static void test_chunks(void **state)
{
	static const size_t sizes[] = { 1, 63, 64, 65, 4096, 4097, CHUNKS };
	unsigned char *counts = malloc(CHUNKS);
	uint64_t seed = 5;

	assert_non_null(counts);
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		size_t nr = sizes[s], next = nr;
		void *memory = calloc(1, chunks_bytes(nr));
		struct chunks chunks;

		assert_non_null(memory);
		chunks_init(&chunks, nr, memory);
		assert_int_equal((char *)(chunks.counts + nr) - (char *)memory,
				 chunks_bytes(nr));
		assert_int_equal(chunks_next(&chunks, 0), nr);
		memset(counts, 0, nr);
		for (int i = 0; i < 3000; i++) {
			/* near each other, or anywhere */
			size_t chunk =
				random_below(&seed, random_below(&seed, 2) ? nr
						    : nr < 200		   ? nr
							       : 200);

			if (counts[chunk] && random_below(&seed, 3)) {
				counts[chunk]--;
				chunks_leave(&chunks, chunk);
			} else if (counts[chunk] < 255) {
				counts[chunk]++;
				chunks_enter(&chunks, chunk);
			}
		}
		for (size_t chunk = nr; chunk-- > 0;) {
			if (counts[chunk])
				next = chunk;
			assert_int_equal(chunks_used(&chunks, chunk),
					 counts[chunk] != 0);
			assert_int_equal(chunks_next(&chunks, chunk), next);
		}
		assert_int_equal(chunks_next(&chunks, nr), nr);
		for (size_t chunk = 0; chunk < nr; chunk++)
			for (; counts[chunk]; counts[chunk]--)
				chunks_leave(&chunks, chunk);
		/* all bits are cleared, in the levels above, too */
		for (size_t at = 0; at < chunks_bytes(nr); at++)
			assert_int_equal(((char *)memory)[at], 0);
		chunks_destroy(&chunks);
		free(memory);
	}
	free(counts);
}

struct contest {
	struct chunks chunks;
	_Atomic unsigned int wrong;
};

/* Two chunks whose numbers differ only in the top bit come and go. Each must be
 * found as long as a thread is in it. */
static void *contender(void *arg)
{
	struct contest *contest = arg;
	uint64_t seed = (uintptr_t)&seed;

	for (int i = 0; i < TURNS; i++) {
		size_t chunk = 4095 + random_below(&seed, 2);

		chunks_enter(&contest->chunks, chunk);
		if (!chunks_used(&contest->chunks, chunk) ||
		    chunks_next(&contest->chunks, chunk) != chunk)
			contest->wrong++;
		chunks_leave(&contest->chunks, chunk);
	}
	return NULL;
}

static void test_chunks_threads(void **state)
{
	struct contest contest = { .wrong = 0 };
	void *memory = calloc(1, chunks_bytes(8192));
	pthread_t threads[THREADS];

	assert_non_null(memory);
	chunks_init(&contest.chunks, 8192, memory);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, contender,
						&contest),
				 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(contest.wrong, 0);
	for (size_t at = 0; at < chunks_bytes(8192); at++)
		assert_int_equal(((char *)memory)[at], 0);
	chunks_destroy(&contest.chunks);
	free(memory);
}

/* ---- memory ------------------------------------------------------------- */

/* Page tables and memory of this process, KiB. */
static unsigned long process_kib(void)
{
	static const char *const names[] = { "VmPTE:", "VmRSS:" };
	FILE *in = fopen("/proc/self/status", "r");
	unsigned long sum = 0, found = 0;
	char line[256];

	assert_non_null(in);
	while (fgets(line, sizeof(line), in))
		for (size_t i = 0; i < 2; i++)
			if (!strncmp(line, names[i], 6)) {
				sum += strtoul(line + 6, NULL, 10);
				found++;
			}
	fclose(in);
	assert_int_equal(found, 2);
	return sum;
}

static void everything_that_walks(struct uzram *dev)
{
	struct uzram_job job = { UZRAM_IDLE, ULONG_MAX, 0, NULL };
	struct uzram_done done;

	assert_int_equal(uzram_mark_idle(dev, 0), 3);
	assert_int_equal(uzram_recompress(dev, &job, &done), 0);
	assert_int_equal(done.blocks, 3);
	assert_int_equal(uzram_mark_idle(dev, 0), 3);
	assert_int_equal(uzram_writeback(dev, &job, &done), 0);
	assert_int_equal(done.blocks, 3);
}

/* Requests to an empty range, and a client's view of the whole device. */
static void everything_that_asks(struct uzram *dev)
{
	static const unsigned char zeroes[BLOCK];
	unsigned char back[BLOCK];
	unsigned long holes = 0, others = 0;
	uint64_t seed = 9;

	for (size_t i = 0; i < 2000; i++) {
		/* not the filled blocks */
		uint64_t at = random_below(&seed, THIN / 3 - 1) + THIN / 3 +
			      BLOCK * 300;

		memset(back, 1, sizeof(back));
		assert_int_equal(uzram_read(dev, back, sizeof(back), at), 0);
		assert_memory_equal(back, zeroes, sizeof(back));
		assert_false(uzram_zero_is_slow(dev, 100, at));
		uzram_trim(dev, 3 * BLOCK, at);
		assert_int_equal(uzram_zero(dev, 3 * BLOCK, at, true), 0);
	}
	/* this must take neither memory nor many steps */
	uzram_trim(dev, THIN / 3 - BLOCK, THIN / 3 + BLOCK);
	assert_int_equal(uzram_zero(dev, THIN / 3, BLOCK, true), 0);
	for (size_t i = 0, end; i < dev->table.nr; i = end) {
		enum uzram_extent type = uzram_extent(dev, i, &end);

		assert_true(end > i);
		holes += type == UZRAM_HOLE;
		others += type != UZRAM_HOLE;
	}
	assert_int_equal(others, 3);
	assert_in_range(holes, 2, 3 * SLOT_CHUNK + 2);
}

/* Blocks at both ends, and in the middle of an empty range. */
static void test_thin(void **state)
{
	struct uzram_config config = test_config(BLOCK, "lz4", "zstd");
	static const size_t at[] = { 0, THIN / BLOCK / 3 * 2 + 99,
				     THIN / BLOCK - 1 };
	unsigned char noise[BLOCK];
	unsigned long before;
	struct uzram *dev;
	uint64_t seed = 4;
	char path[512];

	config.size = THIN;
	config.all_classes = true; /* so that a slightly smaller size makes a
				    * difference */
	test_backing_file(&config, path, sizeof(path), 8 * BLOCK);
	dev = test_device(&config);
	before = process_kib();
	for (int turn = 0; turn < 3; turn++) {
		for (size_t i = 0; i < 3; i++)
			put(dev, at[i], MIXED, i + 1);
		everything_that_walks(dev);
		everything_that_asks(dev);
		for (size_t i = 0; i < 3; i++)
			assert_block(dev, at[i], MIXED, i + 1);
		assert_int_equal(uzram_reset(dev), 0);
		assert_int_equal(slot_table_first(&dev->table, 0),
				 dev->table.nr);
	}
	assert_in_range(process_kib(), 0, before + KIB_ALLOWED);

	/* the device is full: all writes fail, of whole blocks and of parts */
	contents_fill(noise, BLOCK, NOISE, &seed);
	put(dev, 0, NOISE, 1);
	uzram_set_limit(
		dev, uzram_pages_to_bytes(dev, zs_get_total_pages(dev->pool)));
	for (size_t i = 0; i < 2000; i++) {
		uint64_t to =
			(random_below(&seed, THIN / BLOCK - 1) + 1) * BLOCK;
		uint64_t in = i % 2 ? 5 : 0;

		assert_int_equal(uzram_write(dev, noise, BLOCK - in, to + in),
				 -ENOSPC);
	}
	assert_in_range(process_kib(), 0, before + KIB_ALLOWED);
	uzram_destroy(dev);
	unlink(path);
}

/* A chunk that was filled and is empty again costs nothing: no walk looks at
 * it, and a reset gives its memory back. */
static void test_emptied(void **state)
{
	struct uzram_config config = test_config(BLOCK, "lz4", NULL);
	static const unsigned char one[BLOCK] = { [0 ... BLOCK - 1] = 1 };
	const size_t chunks = 1000;
	size_t bytes = chunks * SLOT_CHUNK * sizeof(struct slot), resident = 0;
	unsigned char *pages;
	struct uzram *dev;

	config.size = chunks * SLOT_CHUNK * BLOCK;
	dev = test_device(&config);
	for (size_t i = 0; i < chunks; i++)
		assert_int_equal(
			uzram_write(dev, one, BLOCK,
				    (i * SLOT_CHUNK + i % SLOT_CHUNK) * BLOCK),
			0);
	for (size_t i = 0; i < chunks; i++)
		assert_int_equal(slot_table_first(&dev->table, i * SLOT_CHUNK),
				 i * SLOT_CHUNK);
	uzram_trim(dev, config.size / 2, 0);
	assert_int_equal(slot_table_first(&dev->table, 0),
			 chunks / 2 * SLOT_CHUNK);
	assert_int_equal(uzram_zero(dev, config.size - 2 * BLOCK, BLOCK, true),
			 0);
	assert_int_equal(slot_table_first(&dev->table, 0), dev->table.nr);
	assert_figures(dev);
	assert_int_equal(uzram_reset(dev), 0);
	pages = malloc(bytes / (size_t)sysconf(_SC_PAGESIZE));
	assert_non_null(pages);
	assert_int_equal(mincore(dev->table.slots, bytes, pages), 0);
	for (size_t i = 0; i < bytes / (size_t)sysconf(_SC_PAGESIZE); i++)
		resident += pages[i] & 1;
	assert_int_equal(resident, 0);
	free(pages);
	put(dev, 7, MIXED, 1);
	assert_block(dev, 7, MIXED, 1);
	uzram_destroy(dev);
}

static bool is_locked(void *at)
{
	return msync(at, 1, MS_ASYNC | MS_INVALIDATE) && errno == EBUSY;
}

/* Runs in its own process, in which all future memory is locked, as nbdkit
 * --swap does: the table takes only used memory, and keeps it locked.
 * Return: what is wrong, or NULL. */
static const char *lock_and_make_table(void)
{
	const size_t nr = (size_t)1 << 16, page = (size_t)sysconf(_SC_PAGESIZE);
	size_t bytes = nr * sizeof(struct slot), resident = 0;
	unsigned char pages[(1 << 20) / 4096];
	struct slot_table table;
	void *probe;

	/* not allowed, or a sanitizer ignores it: then nothing can be tested */
	mlockall(MCL_FUTURE);
	probe = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (probe == MAP_FAILED || !is_locked(probe))
		return NULL;
	if (slot_table_init(&table, nr))
		return "no table";
	slot_set(&table.slots[nr / 2], SLOT_SAME);
	if (mincore(table.slots, bytes, pages))
		return "mincore";
	for (size_t i = 0; i < bytes / page; i++)
		resident += pages[i] & 1;
	if (resident != 1)
		return "more than what is used is in memory";
	if (!is_locked(table.slots))
		return "the table is not locked";
	slot_table_destroy(&table);
	return NULL;
}

static void test_locked_memory(void **state)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		const char *wrong = lock_and_make_table();

		if (wrong)
			fprintf(stderr, "%s\n", wrong);
		_exit(wrong != NULL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_chunks_threads),
		cmocka_unit_test(test_thin),
		cmocka_unit_test(test_emptied),
		cmocka_unit_test(test_locked_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
