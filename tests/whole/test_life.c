/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_life.c - pools that were made and destroyed leave nothing behind: no
 * mapping, memory, thread or file descriptor, and nothing that LeakSanitizer
 * finds. The same when a program loads the library and unloads it.
 */
#include "test_system.h"
#include "test_util.h"

#include <dlfcn.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <pthread.h>
#include <time.h>
#include <unistd.h>

/* ---- what a process has ---------------------------------------------------- */

struct belongings {
	unsigned int maps;
	unsigned int threads;
	unsigned int fds;
	unsigned long size_pages; /* address space */
	unsigned long rss_pages;
};

static unsigned int count_lines_with(const char *path, const char *text)
{
	FILE *file = fopen(path, "r");
	char line[8192];
	unsigned int n = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		n += strstr(line, text) != NULL;
	fclose(file);
	return n;
}

static void *nothing(void *arg)
{
	return arg;
}

/* glibc keeps the stacks of threads that ended, 40 MiB of them (2.36), and
 * which ones is chance. A larger one drives them all out, itself too. */
static void forget_stacks(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	assert_int_equal(pthread_attr_init(&attr), 0);
	assert_int_equal(pthread_attr_setstacksize(&attr, 64 << 20), 0);
	assert_int_equal(pthread_create(&thread, &attr, nothing, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attr);
}

static void look(struct belongings *b)
{
	FILE *file;

	b->maps = count_lines_with("/proc/self/maps", "");
	b->threads = count_entries("/proc/self/task");
	b->fds = count_entries("/proc/self/fd");
	file = fopen("/proc/self/statm", "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu %lu", &b->size_pages, &b->rss_pages),
			 2);
	fclose(file);
}

/* The threads there are without any pool: a sanitizer may have one. */
static unsigned int alone = 1;

/* A thread that was joined is listed for another moment. */
static void look_when_quiet(struct belongings *b, unsigned int threads)
{
	const struct timespec ms = { 0, 1000000 };

	forget_stacks();
	for (int i = 0; i < 5000; i++) {
		look(b);
		if (b->threads <= threads)
			break;
		nanosleep(&ms, NULL);
	}
}

/* After many rounds nothing is more than after a few. */
static void assert_nothing_grew(const struct belongings *before)
{
	struct belongings now;

	look_when_quiet(&now, before->threads);
	assert_int_equal(now.threads, before->threads);
	assert_int_equal(now.fds, before->fds);
	/* Where a sanitizer's shadow is mapped in pieces, these grow along. */
#if !SANITIZED
	/* The mappings of a process are merged and split by whatever lies
	 * beside them, stacks and arenas are kept: a few more or less. */
	if (now.maps > before->maps + 3)
		fail_msg("%u mappings became %u", before->maps, now.maps);
	if (now.rss_pages > before->rss_pages + 64)
		fail_msg("%lu resident pages became %lu", before->rss_pages,
			 now.rss_pages);
	/* Less than one section. */
	if (now.size_pages > before->size_pages + 1000)
		fail_msg("%lu mapped pages became %lu", before->size_pages,
			 now.size_pages);
#endif
}

/* ---- a pool's life, through whichever library -------------------------------- */

struct library {
	const char *(*version)(void);
	struct zs_pool *(*create_pool_with)(const char *name,
					    const struct zs_pool_options *o);
	unsigned long (*destroy_pool)(struct zs_pool *pool);
	unsigned long (*malloc)(struct zs_pool *pool, size_t size, gfp_t gfp,
				int nid);
	void (*free)(struct zs_pool *pool, unsigned long handle);
	bool (*free_deferred)(struct zs_pool *pool, unsigned long handle);
	void *(*obj_read_begin)(struct zs_pool *pool, unsigned long handle,
				size_t mem_len, void *local_copy);
	void (*obj_read_end)(struct zs_pool *pool, unsigned long handle,
			     size_t mem_len, void *handle_mem);
	int (*obj_write)(struct zs_pool *pool, unsigned long handle,
			 const void *handle_mem, size_t mem_len);
	unsigned long (*compact)(struct zs_pool *pool);
	size_t (*trim)(struct zs_pool *pool);
	int (*pool_info)(struct zs_pool *pool, struct zs_pool_info *info);
	unsigned long (*pool_check)(struct zs_pool *pool, FILE *out);
};

static const struct library linked = {
	zs_version,    zs_create_pool_with, zs_destroy_pool,   zs_malloc,
	zs_free,       zs_free_deferred,    zs_obj_read_begin, zs_obj_read_end,
	zs_obj_write,  zs_compact,	    zs_trim,	       zs_pool_info,
	zs_pool_check,
};

#define NR_OBJS 1500u

/* Everything that a pool can do in a life, worker included. */
static void live_once(const struct library *lib, unsigned int seed)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	static unsigned char data[65536], copy[65536];
	static unsigned long handles[NR_OBJS];
	static unsigned int sizes[NR_OBJS];
	struct zs_pool_info i = ZS_POOL_INFO_INIT;
	struct zs_pool *pool;
	unsigned int live = 0;
	struct rng rng;

	rng_seed(&rng, seed);
	o.page_size = 4096u << seed % 5;
	o.chain_size = 4 + seed % 13;
	o.retained_bytes = seed % 2 ? 1 : 0;
	o.lock_scope = (enum zs_lock_scope)(seed % 4);
	o.defer = (enum zs_defer_mode)(seed / 4 % 5);
	o.flags = seed % 7 == 0 ? ZS_POOL_NO_WORKER : 0;
	pool = lib->create_pool_with("life", &o);
	assert_non_null(pool);
	for (unsigned int n = 0; n < NR_OBJS; n++) {
		sizes[n] = rng_range(&rng, 8, o.page_size / 4);
		handles[n] =
			lib->malloc(pool, sizes[n], GFP_KERNEL, NUMA_NO_NODE);
		assert_false(zs_is_err(handles[n]));
		memcpy(data, &handles[n], sizeof(handles[n]));
		assert_int_equal(
			lib->obj_write(pool, handles[n], data, sizes[n]), 0);
	}
	for (unsigned int n = 0; n < NR_OBJS; n++) {
		if (rng_below(&rng, 4) == 0) {
			void *mem = lib->obj_read_begin(pool, handles[n],
							sizes[n], copy);

			assert_non_null(mem);
			assert_memory_equal(mem, &handles[n],
					    sizeof(handles[n]));
			lib->obj_read_end(pool, handles[n], sizes[n], mem);
			live++;
		} else if (n % 9 == 0) {
			lib->free_deferred(pool, handles[n]);
		} else {
			lib->free(pool, handles[n]);
		}
	}
	if (seed % 3 == 0)
		lib->compact(pool);
	if (seed % 3 == 1)
		lib->trim(pool);
	assert_int_equal(lib->pool_info(pool, &i), 0);
	assert_true(i.objs_inuse >= live);
	if (seed % 4 == 0)
		assert_int_equal(lib->pool_check(pool, stderr), 0);
	assert_int_equal(lib->destroy_pool(pool), live);
}

static void test_used_pools_leave_nothing(void **state)
{
	const unsigned int rounds = (unsigned int)uzs_test_scale(150) + 25;
	struct belongings before;

	for (unsigned int n = 0; n < rounds; n++) {
		live_once(&linked, n);
		/* Each geometry once: what the process keeps, it has. */
		if (n == 20)
			look_when_quiet(&before, alone);
	}
	assert_nothing_grew(&before);
}

/* Created and destroyed, nothing else: with all there is to allocate. */
static void test_unused_pools_leave_nothing(void **state)
{
	struct belongings before;

	for (int n = uzs_test_scale(3000) + 20; n > 0; n--) {
		struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;

		o.defer = (enum zs_defer_mode)(n % 5);
		assert_int_equal(zs_destroy_pool(zs_create_pool_with("", &o)),
				 0);
		if (n == uzs_test_scale(3000))
			look_when_quiet(&before, alone);
	}
	assert_nothing_grew(&before);
}

/* Creations that fail leave as little. */
static void test_failed_creations_leave_nothing(void **state)
{
	struct zs_pool_options bad[4] = { ZS_POOL_OPTIONS_INIT,
					  ZS_POOL_OPTIONS_INIT,
					  ZS_POOL_OPTIONS_INIT,
					  ZS_POOL_OPTIONS_INIT };
	struct belongings before;

	bad[0].page_size = 5000;
	bad[1].memory_limit = 8192;
	bad[2].flags = ~0u;
	bad[3].struct_size = 3;
	look_when_quiet(&before, alone);
	for (int n = uzs_test_scale(1000); n > 0; n--)
		assert_null(zs_create_pool_with("bad", &bad[n % 4]));
	assert_nothing_grew(&before);
}

struct user {
	pthread_t thread;
	unsigned int seed;
	unsigned long wrong;
};

static void *use_and_exit(void *arg)
{
	struct user *u = arg;
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_pool *pool;

	o.retained_bytes = 1;
	o.defer = (enum zs_defer_mode)(ZS_DEFER_ARRAY + u->seed % 3);
	pool = zs_create_pool_with("thread", &o);
	if (!pool) {
		u->wrong++;
		return NULL;
	}
	for (unsigned int n = 0; n < 800; n++) {
		unsigned long handle =
			zs_malloc(pool, 4096, GFP_KERNEL, NUMA_NO_NODE);

		u->wrong += zs_is_err(handle);
		if (n % 10)
			zs_free_deferred(pool, handle);
	}
	u->wrong += zs_destroy_pool(pool) != 80;
	return NULL;
}

/* Threads that use a pool for the first and last time: nothing is kept for a
 * thread. */
static void test_threads_leave_nothing(void **state)
{
	struct belongings before;

	for (int round = 0; round < uzs_test_scale(40) + 4; round++) {
		struct user u[3];

		for (unsigned int i = 0; i < 3; i++) {
			u[i] = (struct user){ .seed = i };
			assert_int_equal(pthread_create(&u[i].thread, NULL,
							use_and_exit, &u[i]),
					 0);
		}
		for (unsigned int i = 0; i < 3; i++) {
			assert_int_equal(pthread_join(u[i].thread, NULL), 0);
			assert_int_equal(u[i].wrong, 0);
		}
		if (round == 3)
			look_when_quiet(&before, alone);
	}
#if SANITIZED
	(void)before; /* it keeps something for each thread that ever was */
#else
	assert_nothing_grew(&before);
#endif
}

/* ---- the library's life -------------------------------------------------------- */

/* Where the shared library is. */
static const char *library_path(void)
{
	const char *path = getenv("UZS_SHARED_LIB");

	return path && *path ? path : UZS_SHARED_LIB;
}

/* Return: were all found? */
static bool find_symbols(void *lib, struct library *l)
{
	const struct {
		const char *name;
		void *function; /* a pointer to one; ISO C has no type for any */
	} symbols[] = {
		{ "zs_version", &l->version },
		{ "zs_create_pool_with", &l->create_pool_with },
		{ "zs_destroy_pool", &l->destroy_pool },
		{ "zs_malloc", &l->malloc },
		{ "zs_free", &l->free },
		{ "zs_free_deferred", &l->free_deferred },
		{ "zs_obj_read_begin", &l->obj_read_begin },
		{ "zs_obj_read_end", &l->obj_read_end },
		{ "zs_obj_write", &l->obj_write },
		{ "zs_compact", &l->compact },
		{ "zs_trim", &l->trim },
		{ "zs_pool_info", &l->pool_info },
		{ "zs_pool_check", &l->pool_check },
	};

	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
		void *found = dlsym(lib, symbols[i].name);

		if (!found)
			return false;
		memcpy(symbols[i].function, &found, sizeof(found));
	}
	return true;
}

static void *load(void)
{
	void *lib = dlopen(library_path(), RTLD_NOW | RTLD_LOCAL);

	if (!lib)
		fail_msg("%s", dlerror());
	return lib;
}

static bool is_loaded(void)
{
	return count_lines_with("/proc/self/maps", "libuzsmalloc") != 0;
}

/* A thread's name, of which there is one. */
static bool has_thread(const char *name)
{
	char path[300], line[32];
	bool found = false;
	DIR *d = opendir("/proc/self/task");

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm",
			 e->d_name);
		file = fopen(path, "r");
		if (file && fgets(line, sizeof(line), file))
			found |= strcmp(line, name) == 0;
		if (file)
			fclose(file);
	}
	closedir(d);
	return found;
}

/* A pool outlives what loaded the library: its worker goes on, and whoever
 * loads the library again finds the same one, and can destroy the pool. */
static void test_pool_outlives_dlclose(void **state)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	const struct timespec ms = { 0, 1000000 };
	struct zs_pool_info i = ZS_POOL_INFO_INIT;
	static unsigned long handles[4096];
	struct zs_pool *pool;
	struct library l;
	void *lib = load();

	assert_true(find_symbols(lib, &l));
	o.retained_bytes = 1;
	pool = l.create_pool_with("outlives", &o);
	assert_non_null(pool);
	for (unsigned int n = 0; n < 4096; n++)
		handles[n] = l.malloc(pool, 4096, GFP_KERNEL, NUMA_NO_NODE);
	/* The worker is to give back in a tenth of a second: after dlclose. */
	for (unsigned int n = 1; n < 4096; n++)
		l.free(pool, handles[n]);
	assert_int_equal(dlclose(lib), 0);
	for (int n = 0; n < 500; n++)
		nanosleep(&ms, NULL);
	assert_true(is_loaded());
	assert_true(has_thread("uzs/outlives\n"));
	lib = load();
	assert_true(find_symbols(lib, &l));
	for (int n = 0; !i.bytes_given_back; n++) {
		assert_true(n < 20000);
		nanosleep(&ms, NULL);
		assert_int_equal(l.pool_info(pool, &i), 0);
	}
	assert_int_equal(l.pool_check(pool, stderr), 0);
	assert_int_equal(l.destroy_pool(pool), 1);
	assert_int_equal(dlclose(lib), 0);
}

static void test_loaded_library_leaves_nothing(void **state)
{
	const unsigned int rounds = (unsigned int)uzs_test_scale(60) + 22;
	struct belongings before;

	assert_false(is_loaded());
	for (unsigned int n = 0; n < rounds; n++) {
		void *lib = load();
		struct library l;

		assert_true(find_symbols(lib, &l));
		assert_true(is_loaded());
		/* It is not the one that this program is linked with. */
		assert_ptr_not_equal((void *)(uintptr_t)l.malloc,
				     (void *)(uintptr_t)zs_malloc);
		assert_string_equal(l.version(), zs_version());
		live_once(&l, n);
		live_once(&l, n + 1);
		assert_int_equal(dlclose(lib), 0);
		assert_true(is_loaded());
		if (n == 20)
			look_when_quiet(&before, alone);
	}
	assert_nothing_grew(&before);
}

/* Loaded by several threads that let go of it, pools in each. */
static void *load_and_use(void *arg)
{
	struct user *u = arg;

	for (int round = uzs_test_scale(10); round > 0; round--) {
		void *lib = dlopen(library_path(), RTLD_NOW | RTLD_LOCAL);
		struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
		struct zs_pool *pool = NULL;
		struct library l;

		if (!lib || !find_symbols(lib, &l)) {
			u->wrong++;
			continue;
		}
		o.retained_bytes = 1;
		pool = l.create_pool_with("loaded", &o);
		u->wrong += !pool;
		for (int n = 0; pool && n < 1000; n++) {
			unsigned long handle =
				l.malloc(pool, 4000, GFP_KERNEL, NUMA_NO_NODE);

			u->wrong += zs_is_err(handle);
			if (n)
				l.free(pool, handle);
		}
		u->wrong += l.destroy_pool(pool) != 1;
		u->wrong += dlclose(lib) != 0;
	}
	return NULL;
}

static void test_library_loaded_by_threads_works(void **state)
{
	struct user u[3];

#if UNDER_TSAN
	skip(); /* it does not see how the loader locks its own memory */
#endif
	for (unsigned int i = 0; i < 3; i++) {
		u[i] = (struct user){ .seed = i };
		assert_int_equal(pthread_create(&u[i].thread, NULL,
						load_and_use, &u[i]),
				 0);
	}
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(pthread_join(u[i].thread, NULL), 0);
		assert_int_equal(u[i].wrong, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_used_pools_leave_nothing),
		cmocka_unit_test(test_unused_pools_leave_nothing),
		cmocka_unit_test(test_failed_creations_leave_nothing),
		cmocka_unit_test(test_threads_leave_nothing),
		cmocka_unit_test(test_loaded_library_leaves_nothing),
		cmocka_unit_test(test_library_loaded_by_threads_works),
		cmocka_unit_test(test_pool_outlives_dlclose),
	};

	forget_stacks(); /* ThreadSanitizer's begins with the first one */
	nanosleep(&(struct timespec){ 0, 100000000 }, NULL);
	alone = count_entries("/proc/self/task");
#ifdef M_ARENA_MAX
	/* One more, of 64 MiB, is made by chance. */
	mallopt(M_ARENA_MAX, 1);
#endif
	return cmocka_run_group_tests_name("life", tests, NULL, NULL);
}
