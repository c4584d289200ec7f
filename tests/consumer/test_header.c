/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_header.c - what a program gets by including uzsmalloc.h: it compiles
 * first and alone, as C11 and (through test_header.cc) as C++17, with the
 * warnings that careful programs turn on; takes no name that is not its own,
 * does not mind macros with kernel names (UZS_TEST_MACROS), and its own macros
 * and inline functions do what they say.
 */
#ifdef UZS_TEST_MACROS
/* Each would break the compilation wherever the header used it. */
#define likely(x) (not usable
#define unlikely(x) (not usable
#define container_of(ptr, type, member) (not usable
#define PAGE_SIZE (not usable
#define PAGE_SHIFT (not usable
#define list_head (not usable
#define min(a, b) (not usable
#define max(a, b) (not usable
#define BIT(n) (not usable
#define READ_ONCE(x) (not usable
#define IS_ERR(x) (not usable
#endif

#include <uzsmalloc.h>

#ifndef UZS_TEST_MACROS
#if defined(likely) || defined(unlikely) || defined(container_of) ||          \
	defined(PAGE_SIZE) || defined(PAGE_SHIFT) || defined(list_head) ||    \
	defined(min) || defined(max) || defined(BIT) || defined(READ_ONCE) || \
	defined(IS_ERR)
#error "uzsmalloc.h defines a macro with a kernel name"
#endif
#endif

#include <errno.h>
#include <string.h>

static int failures;

static void check(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "test_header: not so: %s\n", what);
		failures++;
	}
}
#define CHECK(expr) check((expr), #expr)

/* By calls that may be inline, and by the functions themselves. */
static void test_refs(void)
{
	void *(*begin)(struct zs_pool *, zs_ref *) = zs_ref_begin;
	void (*end)(struct zs_pool *, zs_ref *) = zs_ref_end;
	int (*load)(struct zs_pool *, const zs_ref *, void *, size_t) =
		zs_ref_load;
	struct zs_pool_options options = ZS_POOL_OPTIONS_INIT;
	zs_ref ref = ZS_REF_INIT, none = ZS_REF_INIT;
	static char big[100000], copy[200000];
	struct zs_pool *pool;
	uint64_t word;
	struct zs_pool_info info = ZS_POOL_INFO_INIT;
	void *data;
	size_t room;

	options.profile = ZS_PROFILE_USER;
	pool = zs_create_pool_with("refs", &options);
	if (!pool) { /* 32-bit */
		CHECK(sizeof(void *) < 8);
		return;
	}
	CHECK(zs_pool_info(pool, &info) == 0);
	CHECK(zs_ref_begin(pool, &none) == NULL);
	CHECK(zs_ref_store(pool, &ref, "text", 5) == 0);
	word = ref.word;
	data = zs_ref_begin(pool, &ref);
	CHECK(data && memcmp(data, "text", 5) == 0);
	CHECK(begin(pool, &ref) == data);
	zs_ref_end(pool, &ref);
	end(pool, &ref);
	CHECK(ref.word == word);
	zs_ref_end(pool, &ref); /* ignored */
	CHECK(ref.word == word);
	for (int n = 0; n < 2; n++) {
		/* The large one is always read by a call. */
		size_t size = n ? sizeof(big) : 5;

		CHECK(zs_ref_store(pool, &ref, big, size) == 0);
		room = zs_ref_room(pool, &ref);
		CHECK(room >= size && room < size + info.page_size);
		memset(copy, 1, sizeof(copy));
		CHECK(zs_ref_load(pool, &ref, copy, size) == 0);
		CHECK(memcmp(copy, big, size) == 0 && copy[size] == 1);
		CHECK(zs_ref_load(pool, &ref, copy, 1) == 0);
		CHECK(zs_ref_load(pool, &ref, copy, 0) == -ERANGE);
		CHECK(zs_ref_load(pool, &ref, copy, room + 1) == -ERANGE);
		CHECK(zs_ref_load(pool, &ref, copy, SIZE_MAX) == -ERANGE);
		CHECK(load(pool, &ref, copy, room + 1) == -ERANGE);
		CHECK(zs_ref_load(pool, &none, copy, 1) == -EINVAL);
		CHECK(load(pool, &ref, copy, size) == 0);
		CHECK(ref.word < UINT64_C(1) << 55);
	}
	CHECK(zs_destroy_pool(pool) == 1);
}

int main(void)
{
	struct zs_pool_options options = ZS_POOL_OPTIONS_INIT;
	struct zs_pool_info info = ZS_POOL_INFO_INIT;
	struct zs_class_info class_info = ZS_CLASS_INFO_INIT;
	const char text[] = "nobody writes here";
	/* The functions behind what is inline. */
	bool (*volatile is_err)(unsigned long) = zs_is_err;
	int (*volatile err)(unsigned long) = zs_err;
	char version[32];
	struct zs_pool *pool;
	unsigned long handle;

	CHECK(!zs_is_err(0));
	CHECK(!zs_is_err(-4096UL));
	CHECK(zs_is_err(-4095UL));
	CHECK(zs_is_err(-1UL));
	CHECK(zs_err(0UL - ENOMEM) == -ENOMEM);
	CHECK(zs_err(4096) == 0);
	CHECK(zs_err(-4095UL) == -4095);
	CHECK(is_err(-4095UL) && !is_err(-4096UL) && !is_err(0));
	CHECK(err(-4095UL) == -4095 && err(4096) == 0);
	CHECK(GFP_KERNEL != GFP_NOWAIT);

	CHECK(options.struct_size == sizeof(options));
	CHECK(options.retained_bytes == 0);
	CHECK(info.struct_size == sizeof(info) && info.bytes_given_back == 0);
	CHECK(class_info.struct_size == sizeof(class_info));
	CHECK(class_info.freeable_pages == 0);

	snprintf(version, sizeof(version), "%d.%d.%d", ZS_VERSION_MAJOR,
		 ZS_VERSION_MINOR, ZS_VERSION_PATCH);
	CHECK(strcmp(version, zs_version()) == 0);
	CHECK(strcmp(version, UZS_TEST_BUILD_VERSION) == 0);

	options.page_size = 16384;
	pool = zs_create_pool_with("header", &options);
	CHECK(pool != NULL);
	CHECK(zs_pool_info(pool, &info) == 0 && info.page_size == 16384);
	CHECK(zs_class_info(pool, 0, &class_info) == 0);
	CHECK(class_info.size == 32);
	handle = zs_malloc(pool, sizeof(text), GFP_KERNEL, NUMA_NO_NODE);
	CHECK(!zs_is_err(handle));
	CHECK(zs_obj_write(pool, handle, text, sizeof(text)) == 0);
	zs_free(pool, handle);
	CHECK(zs_destroy_pool(pool) == 0);
	test_refs();
	return failures ? 1 : 0;
}
