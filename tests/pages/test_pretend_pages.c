/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_pretend_pages.c - pretend_pages.c is preloaded: programs see pages of
 * UZS_PRETEND_PAGES bytes, and a call that a kernel with such pages would not take
 * as it is meant ends them.
 */
#include "test_system.h"
#include "test_process.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "compat/os.h"

static size_t wanted; /* bytes of a page */

static char *map(size_t len)
{
	char *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(mem != MAP_FAILED);
	return mem;
}

static void test_pages_have_the_size(void **state)
{
	assert_int_equal(sysconf(_SC_PAGESIZE), wanted);
	assert_int_equal(uzs_os_page_size(), wanted);
}

static void test_mappings_are_whole_pages(void **state)
{
	for (size_t len = 1; len <= 3 * wanted; len += wanted / 2) {
		char *mem = map(len);

		assert_int_equal((uintptr_t)mem % wanted, 0);
		/* To the end of the last page. */
		memset(mem, 1, (len + wanted - 1) / wanted * wanted);
		assert_int_equal(munmap(mem, len), 0);
	}
}

static void test_a_file_is_mapped_at_a_page(void **state)
{
	FILE *file = fopen("/proc/self/exe", "r");
	char *mem;

	assert_non_null(file);
	mem = mmap(NULL, 5000, PROT_READ, MAP_PRIVATE, fileno(file), 0);
	assert_true(mem != MAP_FAILED);
	assert_int_equal((uintptr_t)mem % wanted, 0);
	assert_memory_equal(mem, "\177ELF", 4);
	assert_int_equal(munmap(mem, 5000), 0);
	assert_true(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fileno(file),
			 4096) == MAP_FAILED);
	assert_int_equal(errno, EINVAL);
	fclose(file);
}

static void test_mincore_tells_of_pages(void **state)
{
	char *mem = map(4 * wanted);
	unsigned char there[5] = { 9, 9, 9, 9, 9 };

	mem[2 * wanted + wanted - 1] = 1;
	assert_int_equal(mincore(mem, 4 * wanted, there), 0);
	assert_memory_equal(there, "\0\0\1\0\11", 5);
	assert_int_equal(munmap(mem, 4 * wanted), 0);
}

/* ---- what must not be -------------------------------------------------------- */

static char *memory; /* four pages */

static void unmap_inside(void)
{
	munmap(memory + 4096, 4096);
}

static void unmap_too_little(void)
{
	munmap(memory, 4096);
}

static void protect_inside(void)
{
	mprotect(memory + wanted + 4096, wanted, PROT_NONE);
}

static void discard_too_much(void)
{
	/* A page of the pool that is smaller than one of the OS. */
	(void)!uzs_os_discard(memory, wanted + 4096);
}

static void discard_inside(void)
{
	(void)!uzs_os_discard(memory + 4096, wanted);
}

static void discard_whole(void)
{
	memset(memory, 1, 2 * wanted);
	if (!uzs_os_discard(memory, wanted) || memory[0] || !memory[wanted])
		_exit(1);
}

/* In silence: that it ends is right. */
static int status_of(void (*func)(void))
{
	int err = dup(STDERR_FILENO), status;
	FILE *none = fopen("/dev/null", "w");

	assert_non_null(none);
	dup2(fileno(none), STDERR_FILENO);
	status = in_child(func, 20);
	dup2(err, STDERR_FILENO);
	close(err);
	fclose(none);
	return status;
}

static void test_parts_of_pages_end_the_program(void **state)
{
	static void (*const wrong[])(void) = { unmap_inside, unmap_too_little,
					       protect_inside, discard_too_much,
					       discard_inside };

	memory = map(4 * wanted);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		int status = status_of(wrong[i]);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGABRT);
	}
	assert_int_equal(status_of(discard_whole), 0);
	assert_int_equal(munmap(memory, 4 * wanted), 0);
}

/* statm counts in pages: what it says, in bytes, is what smaps says. */
static void test_statm_counts_these_pages(void **state)
{
	FILE *file;
	unsigned long mapped, resident;
	size_t exact = exact_resident_bytes();

	file = fopen("/proc/self/statm", "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu %lu", &mapped, &resident), 2);
	fclose(file);
	assert_in_range(resident * wanted, exact / 2, exact * 2);
	assert_true(mapped > resident);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages_have_the_size),
		cmocka_unit_test(test_mappings_are_whole_pages),
		cmocka_unit_test(test_a_file_is_mapped_at_a_page),
		cmocka_unit_test(test_mincore_tells_of_pages),
		cmocka_unit_test(test_parts_of_pages_end_the_program),
		cmocka_unit_test(test_statm_counts_these_pages),
	};
	const char *bytes = getenv("UZS_PRETEND_PAGES");
	/* Which end by a signal on purpose. */
	const struct rlimit no_core = { 0, 0 };

	if (!bytes) {
		fputs("test_pretend_pages: no UZS_PRETEND_PAGES\n", stderr);
		return 2;
	}
	wanted = strtoul(bytes, NULL, 10);
	setrlimit(RLIMIT_CORE, &no_core);
	return cmocka_run_group_tests_name("pretend_pages", tests, NULL, NULL);
}
