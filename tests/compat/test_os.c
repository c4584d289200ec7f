/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_os.c - compat/os.h: what a pool takes from the OS goes back also when
 * the OS refuses to change its mappings. Memory is filled only when it is
 * used, also with mlockall. (test_zone.c tests mapping and giving back.)
 */
#include "test_system.h"
#include "test_process.h"
#include "test_util.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compat/fault.h"
#include "compat/os.h"
#include "compat/zone.h"

#define MIB ((size_t)1 << 20)

/* ---- what a process has ------------------------------------------------------ */

struct usage {
	size_t mapped, resident; /* bytes */
};

static struct usage usage(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long mapped;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu", &mapped), 1);
	fclose(file);
	return (struct usage){ mapped * uzs_os_page_size(),
			       exact_resident_bytes() };
}

/* In a child, as what is done to a process lasts. */
static void must_end_well(void (*func)(void))
{
	int status = in_child(func, 120);

	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* In the child, where cmocka is not. */
#define MUST(condition)                                                      \
	do {                                                                 \
		if (condition)                                               \
			break;                                               \
		fprintf(stderr, "test_os.c:%d: %s\n", __LINE__, #condition); \
		_exit(1);                                                    \
	} while (0)

/* ---- pools that are filled and emptied ---------------------------------------- */

#define MOST 8192u

static unsigned long handles[MOST];

static struct zs_pool *create(enum zs_defer_mode mode)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;

	o.flags = ZS_POOL_NO_WORKER;
	o.defer = mode;
	return zs_create_pool_with("os", &o);
}

/* Pages, written, as many as can be had. Return: their number. */
static unsigned int fill(struct zs_pool *pool, unsigned int n)
{
	static char data[4096];

	memset(data, 0xa5, sizeof(data));
	for (unsigned int i = 0; i < n; i++) {
		handles[i] =
			zs_malloc(pool, sizeof(data), GFP_KERNEL, NUMA_NO_NODE);
		if (zs_is_err(handles[i]))
			return i;
		zs_obj_write(pool, handles[i], data, sizeof(data));
	}
	return n;
}

static void empty(struct zs_pool *pool, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		zs_free_deferred(pool, handles[i]);
	zs_free_deferred_flush(pool);
}

static struct zs_pool_info look(struct zs_pool *pool)
{
	struct zs_pool_info i = ZS_POOL_INFO_INIT;

	MUST(zs_pool_info(pool, &i) == 0);
	return i;
}

/* ---- refusals, one by one ------------------------------------------------------ */

/* A mapping that cannot be cut or opened is none, and leaves nothing. */
static void test_refused_mapping_leaves_nothing(void **state)
{
	struct usage before = usage();
	void *mem = NULL;
	long n;

	for (n = 1; !mem; n++) {
		uzs_fault_set(UZS_FAULT_UNMAP, n);
		mem = uzs_os_map(UZS_SECTION_SIZE, UZS_SECTION_SIZE);
		uzs_fault_set(UZS_FAULT_UNMAP, 0);
		if (!mem)
			assert_int_equal(usage().mapped, before.mapped);
	}
	/* Cut at one end or both, then opened. */
	assert_in_range(n - 2, 2, 3);
	/* Where all is refused, address space is all that is lost. */
	uzs_fault_set_from(UZS_FAULT_UNMAP, 1);
	for (int i = 0; i < 4; i++)
		assert_null(uzs_os_map(UZS_SECTION_SIZE, UZS_SECTION_SIZE));
	uzs_fault_set(UZS_FAULT_UNMAP, 0);
	assert_true(usage().resident < before.resident + MIB);
	assert_true(uzs_os_unmap(mem, UZS_SECTION_SIZE));
}

/* The Nth change of a mapping is refused, in a pool's whole life. */
static void test_each_refused_change_loses_nothing(void **state)
{
	for (int mode = 0; mode <= VARIANT_NR_DEFERS; mode++) {
		long n = 1, seen = 0;

		do {
			struct zs_pool *pool;
			unsigned int got;

			uzs_fault_set(UZS_FAULT_UNMAP, n);
			pool = create((enum zs_defer_mode)mode);
			if (pool) {
				got = fill(pool, 3000);
				empty(pool, got);
				zs_trim(pool);
				assert_sound(pool);
				if (!os_pages_are_large())
					assert_int_equal(
						info_of(pool).bytes_free, 0);
				got = fill(pool, 100);
				empty(pool, got);
				assert_sound(pool);
				assert_int_equal(zs_destroy_pool(pool), 0);
			}
			seen = uzs_fault_seen(UZS_FAULT_UNMAP);
			uzs_fault_set(UZS_FAULT_UNMAP, 0);
		} while (n++ < seen);
		assert_true(n > 10);
	}
}

/* ---- refusals, all of them ------------------------------------------------------- */

static void refuse_all(void)
{
	for (int mode = 0; mode <= VARIANT_NR_DEFERS; mode++) {
		struct usage before = usage();
		struct zs_pool *pool = create((enum zs_defer_mode)mode);
		struct zs_pool_info full, i;
		unsigned int got;

		MUST(pool);
		got = fill(pool, 5 * 1024);
		MUST(got == 5 * 1024);
		full = look(pool);
		uzs_fault_set_from(UZS_FAULT_UNMAP, 1);
		/* None can be unmapped: all of them go back all the same. */
		empty(pool, got);
		MUST(zs_trim(pool) >= 20 * MIB);
		i = look(pool);
		MUST(i.bytes_mapped == full.bytes_mapped);
		MUST(i.bytes_free == 0 || os_pages_are_large());
		MUST(i.bytes_given_back >= 20 * MIB);
		/* Shadow memory grows along. */
		MUST(SANITIZED || usage().resident < before.resident +
							     i.bytes_resident +
							     MIB / 2);
		MUST(zs_pool_check(pool, stderr) == 0);
		/* What is mapped is used again. */
		MUST(fill(pool, got) == got);
		MUST(look(pool).bytes_mapped == full.bytes_mapped);
		MUST(zs_destroy_pool(pool) == got);
		uzs_fault_set(UZS_FAULT_UNMAP, 0);
		/* But for address space, nothing is left. */
		MUST(SANITIZED || usage().resident < before.resident + MIB / 2);
	}
}

static void test_all_refused_loses_nothing(void **state)
{
	must_end_well(refuse_all);
}

/* ---- the limit of mappings, for real ------------------------------------------- */

static long most_mappings(void)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
	long n = 0;

	if (file && fscanf(file, "%ld", &n) != 1)
		n = 0;
	if (file)
		fclose(file);
	return n;
}

/* Pages of 4 KiB in a section: all but the head, of a descriptor for each. */
static unsigned int zone_pages(void)
{
	unsigned int nr = UZS_SECTION_SIZE / 4096, first = 1;

	while (UZS_SECTION_HEADER + (nr - first) * sizeof(struct page) >
	       first * 4096)
		first++;
	return nr - first;
}

/* Every second page is another mapping, until there can be no more. */
static void use_up_mappings(void)
{
	size_t page = uzs_os_page_size(), n = (size_t)most_mappings() + 64;
	char *mem = mmap(NULL, n * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	MUST(mem != MAP_FAILED);
	for (size_t i = 1; i < n; i += 2)
		if (mprotect(mem + i * page, page, PROT_READ))
			break;
	MUST(errno == ENOMEM);
	/* And one of the other kind, which takes only one more. */
	while (mmap(NULL, page, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) !=
	       MAP_FAILED)
		MUST(n--);
}

static void live_at_limit(void)
{
	struct zs_pool *pool = create(ZS_DEFER_ARRAY), *second;
	struct usage before = usage();
	struct zs_pool_info full, i;
	unsigned long handle;

	MUST(pool);
	MUST(fill(pool, MOST) == MOST);
	full = look(pool);
	use_up_mappings();
	/* The pool's sections lie side by side: to unmap one of them is to
	 * split a mapping. */
	for (unsigned int n = 0; n < MOST; n++)
		if (n / 1024 % 2)
			zs_free_deferred(pool, handles[n]);
	zs_free_deferred_flush(pool);
	MUST(zs_trim(pool) >= 14 * MIB);
	i = look(pool);
	MUST(i.bytes_free == 0 || os_pages_are_large());
	MUST(i.bytes_resident < full.bytes_resident - 14 * MIB);
	MUST(usage().resident < before.resident + i.bytes_resident + MIB / 2);
	MUST(zs_pool_check(pool, stderr) == 0);
	/* It goes on with what it has, to the last page; more than that fails,
	 * and does no harm. */
	do {
		handle = zs_malloc(pool, 4096, GFP_KERNEL, NUMA_NO_NODE);
	} while (!zs_is_err(handle));
	MUST(zs_err(handle) == -ENOMEM);
	full = look(pool);
	MUST(full.bytes_mapped == i.bytes_mapped);
	MUST(full.pages + full.slab_pages ==
	     full.bytes_mapped / UZS_SECTION_SIZE * zone_pages());
	second = create(ZS_DEFER_NONE);
	MUST(!second || zs_destroy_pool(second) == 0);
	MUST(zs_pool_check(pool, stderr) == 0);
	MUST(zs_destroy_pool(pool) > MOST / 2);
	MUST(usage().resident < before.resident + MIB / 2);
}

static void test_works_at_the_limit_of_mappings(void **state)
{
#if SANITIZED
	skip(); /* which need mappings of their own */
#endif
	/* More would take seconds. */
	if (most_mappings() < 1000 || most_mappings() > 200000)
		skip();
	must_end_well(live_at_limit);
}

/* ---- mlockall --------------------------------------------------------------------- */

/* Memory enough to be locked, or there is nothing to test. */
static void lock_or_skip(int what)
{
	struct rlimit limit;

	getrlimit(RLIMIT_MEMLOCK, &limit);
	if (geteuid() && limit.rlim_cur != RLIM_INFINITY)
		_exit(77);
	if (mlockall(what))
		_exit(77);
}

/* All that is mapped from now on is filled at once: but not a pool's. */
static void live_locked(void)
{
	lock_or_skip(MCL_FUTURE);
	for (int mode = 0; mode <= VARIANT_NR_DEFERS; mode++) {
		struct usage before = usage();
		struct zs_pool *pool = create((enum zs_defer_mode)mode);
		unsigned int got;

		MUST(pool);
		got = fill(pool, 1);
		MUST(got == 1);
		MUST(usage().resident <
		     before.resident + look(pool).bytes_resident + MIB / 4);
		/* What is freed goes back. */
		MUST(fill(pool, 3000) == 3000);
		empty(pool, 3000);
		MUST(zs_trim(pool) > 10 * MIB);
		MUST(look(pool).bytes_free == 0 || os_pages_are_large());
		MUST(usage().resident <
		     before.resident + look(pool).bytes_resident + MIB / 4);
		zs_destroy_pool(pool);
	}
}

static void test_mlockall_future_fills_nothing_early(void **state)
{
#if SANITIZED
	skip(); /* which let nothing be locked */
#endif
	must_end_well(live_locked);
}

/* A live pool is locked, and filled, as it is. What is freed goes back. */
static void live_before_locked(void)
{
	struct usage before;
	struct zs_pool *pool = create(ZS_DEFER_NONE);
	size_t page = uzs_os_page_size();
	unsigned long kept;
	void *mem;

	MUST(pool);
	MUST(fill(pool, 3000) == 3000);
	lock_or_skip(MCL_CURRENT);
	before = usage();
	/* Not before Linux 5.18. */
	mem = mmap(NULL, page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(mem != MAP_FAILED && !mlock(mem, page));
	if (madvise(mem, page, 24 /* MADV_DONTNEED_LOCKED */))
		_exit(77);
	/* One in each section stays. */
	kept = handles[0];
	for (unsigned int n = 0; n < 3000; n++)
		if (n % 1000)
			zs_free(pool, handles[n]);
	MUST(zs_trim(pool) > 10 * MIB);
	MUST(look(pool).bytes_free == 0 || os_pages_are_large());
	MUST(usage().resident + 10 * MIB < before.resident);
	zs_free(pool, kept);
	MUST(zs_pool_check(pool, stderr) == 0);
	zs_destroy_pool(pool);
}

static void test_mlockall_current_is_given_back(void **state)
{
#if SANITIZED
	skip();
#endif
	must_end_well(live_before_locked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_mapping_leaves_nothing),
		cmocka_unit_test(test_each_refused_change_loses_nothing),
		cmocka_unit_test(test_all_refused_loses_nothing),
		cmocka_unit_test(test_works_at_the_limit_of_mappings),
		cmocka_unit_test(test_mlockall_future_fills_nothing_early),
		cmocka_unit_test(test_mlockall_current_is_given_back),
	};

	return cmocka_run_group_tests_name("os", tests, NULL, NULL);
}
