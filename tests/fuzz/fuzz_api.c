/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* fuzz_api.c - the library's calls: a pool of any kind, and any sequence of
 * calls on it, partly by two threads at once, with failures of memory in
 * between. What the pool must hold is known byte by byte (api_model.h).
 *
 * Input: what pool it is (make_pool), then operations: a byte that says which,
 * and its arguments.
 */
#include <errno.h>
#include <pthread.h>

#include "api_ops.h"
#include "compat/fault.h"
#include "compat/os.h"

#define MOST_OPS 600u

/* ---- operations ---------------------------------------------------------- */

static void op_two_threads(struct actor *a);

static const struct {
	const char *name;
	void (*run)(struct actor *a);
	bool alone; /* not by two threads */
} ops[] = {
	{ "alloc", op_alloc, false },
	{ "alloc many", op_alloc_many, false },
	{ "ref alloc", op_ref_alloc, false },
	{ "ref store", op_ref_store, false },
	{ "ref store many", op_ref_store_many, false },
	{ "ref move", op_ref_move, false },
	{ "free", op_free, false },
	{ "free every", op_free_every, false },
	{ "free many", op_free_many, false },
	{ "free later", op_free_later, false },
	{ "push", op_push, false },
	{ "enable", op_enable, true },
	{ "read", op_read, false },
	{ "read shared", op_read_shared, false },
	{ "pin", op_pin, false },
	{ "unpin", op_unpin, false },
	{ "unpin all", op_unpin_all, false },
	{ "write", op_write, false },
	{ "give back", op_give_back, false },
	{ "limit", op_limit, true },
	{ "overhead", op_overhead, false },
	{ "fail", op_fail, false },
	{ "fork locks", op_fork_locks, false },
	{ "look", op_look, false },
	{ "refused", op_refused, true },
	{ "misuse", op_misuse, true },
	{ "two threads", op_two_threads, true },
};

#define NR_OPS (sizeof(ops) / sizeof(ops[0]))

static size_t resident(const struct model *m)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;

	zs_pool_info(m->pool, &info);
	return info.bytes_resident;
}

/* Above its limit a pool may be, if that was made less; but not grow there. */
static void check_limit(const struct model *m, size_t before)
{
	size_t now = resident(m);

	if (m->limit && now > m->limit && now > before)
		fuzz_fail("%zu bytes, before %zu, the limit is %zu", now,
			  before, m->limit);
}

static void run_ops(struct actor *a)
{
	for (unsigned int n = 0; n < MOST_OPS && fuzz_more(&a->in); n++) {
		unsigned int op = fuzz_byte(&a->in) % NR_OPS;
		size_t before;

		if (!a->alone && ops[op].alone)
			continue;
		fuzz_say("%s %u: %s\n", a->name, n, ops[op].name);
		before = a->alone ? resident(a->m) : 0;
		ops[op].run(a);
		if (a->alone) {
			check_limit(a->m, before);
			model_check_info(a->m);
			fuzz_check(!atomic_load(&a->m->misuses));
		}
	}
}

static void *thread(void *arg)
{
	run_ops(arg);
	return NULL;
}

/* Both have a part of the input, and slots of their own. */
static void op_two_threads(struct actor *a)
{
	struct actor two[2];
	pthread_t threads[2];

	for (unsigned int i = 0; i < 2; i++) {
		size_t rest = (size_t)(a->in.end - a->in.at);
		size_t n = fuzz_byte(&a->in);

		rest = (size_t)(a->in.end - a->in.at);
		n = n < rest ? n : rest;
		two[i] = (struct actor){
			.m = a->m,
			.in = { a->in.at, a->in.at + n },
			.low = i * THREAD_SLOTS,
			.nr = THREAD_SLOTS,
			.name = i ? "  second" : "  first",
		};
		a->in.at += n;
	}
	for (int i = 0; i < 2; i++)
		fuzz_check(!pthread_create(&threads[i], NULL, thread, &two[i]));
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

/* ---- a run --------------------------------------------------------------- */

static void make_pool(struct model *m, struct fuzz_input *in)
{
	static const unsigned int page_sizes[] = { 0, 4096, 16384, 65536 };
	struct zs_pool_options *o = &m->options;
	unsigned int kind = fuzz_byte(in), flags = fuzz_byte(in);
	unsigned int geometry = fuzz_byte(in), limit = fuzz_byte(in);
	unsigned int more = fuzz_byte(in);

	*o = (struct zs_pool_options)ZS_POOL_OPTIONS_INIT;
	o->profile = kind % 2 && sizeof(long) == 8 ? ZS_PROFILE_USER
						   : ZS_PROFILE_KERNEL;
	o->lock_scope = (enum zs_lock_scope)(kind / 2 % 4);
	o->defer = (enum zs_defer_mode)(kind / 8 % 5);
	if (flags % 8)
		o->flags |= ZS_POOL_NO_WORKER;
	if (flags / 8 % 4 == 0)
		o->flags |= ZS_POOL_HARDENED;
	o->page_size = page_sizes[geometry % 8 > 3 ? 0 : geometry % 4];
	o->chain_size = geometry / 8 % 14 + 3;
	o->chain_size = o->chain_size < 4 ? 0 : o->chain_size;
	if (limit >= 192)
		o->memory_limit = (size_t)(limit - 191) << 15;
	o->retained_bytes = more % 4 ? (size_t)(more % 4) << 16 : 0;
	o->max_overhead_percent = more / 4 % 4 * 10;
	if (more / 16 % 4 == 3)
		o->expected_bytes = (size_t)1 << (16 + more / 64 * 2);
	o->misuse = told;
	o->misuse_arg = m;
	fuzz_say("profile %s, scope %u, defer %s, flags %#x, pages of %u, "
		 "chain %u, limit %zu, retained %zu, overhead %u, "
		 "expected %zu\n",
		 zs_profile_name(o->profile), o->lock_scope,
		 zs_defer_mode_name(o->defer), o->flags, o->page_size,
		 o->chain_size, o->memory_limit, o->retained_bytes,
		 o->max_overhead_percent, o->expected_bytes);
	/* Sometimes the OS has nothing. */
	if (more == 255)
		uzs_fault_set((enum uzs_fault_kind)(flags / 32 % 3),
			      1 + geometry % 16);
	m->pool = zs_create_pool_with("fuzz", o);
	for (int i = 0; i < UZS_NR_FAULT_KINDS; i++)
		uzs_fault_set((enum uzs_fault_kind)i, 0);
	if (!m->pool) {
		fuzz_check(errno == EINVAL ? o->memory_limit != 0
					   : errno == ENOMEM && more == 255);
		o->memory_limit = 0;
		m->pool = zs_create_pool_with("fuzz", o);
		fuzz_check(m->pool);
	}
	m->user = o->profile == ZS_PROFILE_USER;
	m->hardened = o->flags & ZS_POOL_HARDENED;
	m->percpu = o->defer == ZS_DEFER_PERCPU;
	m->limit = o->memory_limit;
	atomic_store(&m->limited, o->memory_limit != 0);
	for (int i = 0; i < SIZES; i++)
		m->sizes[i] = size_of(m, fuzz_u16(in));
}

static size_t emptied(struct model *m)
{
	for (int i = 0; i < SLOTS; i++)
		free_one(m, &m->slots[i]);
	zs_free_deferred_flush(m->pool);
	zs_compact(m->pool);
	zs_drain(m->pool);
	zs_trim(m->pool);
	return resident(m);
}

/* Some objects of each size, and half of them goes back first. */
static void fill_some(struct actor *a)
{
	struct model *m = a->m;

	for (unsigned int i = 0; i < 8 * SIZES; i++) {
		if (m->user && i % 2)
			store_one(a, &m->slots[i], m->sizes[i / 8]);
		else
			alloc_one(a, &m->slots[i], m->sizes[i / 8], GFP_KERNEL);
	}
	for (unsigned int i = 0; i < 8 * SIZES; i++)
		if (i % 8 > 3)
			free_one(m, &m->slots[i]);
	zs_trim(m->pool);
}

/* With the least limit that is accepted, an empty pool holds one object of any
 * size. */
static void check_least_limit(struct model *m)
{
	size_t refused = 0, accepted = (size_t)64 << 20;
	size_t page = m->options.page_size ? m->options.page_size : 4096;
	size_t sizes[] = { m->user ? ZS_USER_MAX_SIZE : page, 1, page / 2 };

	fuzz_check(zs_set_memory_limit(m->pool, accepted) == 0);
	while (accepted - refused > 16384) {
		size_t limit = refused + (accepted - refused) / 2;

		if (zs_set_memory_limit(m->pool, limit) == 0)
			accepted = limit;
		else
			refused = limit;
	}
	fuzz_check(zs_set_memory_limit(m->pool, accepted) == 0);
	for (int i = 0; i < 3; i++) {
		unsigned long handle =
			zs_malloc(m->pool, sizes[i], GFP_KERNEL, NUMA_NO_NODE);

		if (zs_is_err(handle))
			fuzz_fail("no object of %zu bytes with a limit of %zu",
				  sizes[i], accepted);
		zs_free(m->pool, handle);
	}
	m->limit = accepted;
}

/* An empty pool that gave all back holds little more than a new one: the queue,
 * what tells misuse, heads of sections. And no more when that is done again. */
static void check_empty(struct actor *a, size_t at_first)
{
	struct model *m = a->m;
	size_t page = max((size_t)m->options.page_size, uzs_os_page_size());
	size_t most = at_first + (320u << 10) + 64 * page;
	size_t now = emptied(m), again;

	/* What the OS does not take back stays counted. */
	if (m->refuses)
		return;
	if (now > most)
		fuzz_fail("an empty pool holds %zu bytes, a new one %zu", now,
			  at_first);
	if (m->hardened || m->sizes[0] > 65536)
		return;
	fill_some(a);
	now = emptied(m);
	fill_some(a);
	again = emptied(m);
	if (again > now)
		fuzz_fail("empty, the pool holds %zu bytes, and then %zu", now,
			  again);
	check_least_limit(a->m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct model model;
	struct model *m = &model;
	struct actor main_actor = {
		.m = m,
		.in = { data, data + size },
		.nr = SLOTS,
		.alone = true,
		.name = "main",
	};
	size_t at_first;
	unsigned long live;

	model_start();
	memset(m, 0, sizeof(*m));
	make_pool(m, &main_actor.in);
	at_first = resident(m);
	run_ops(&main_actor);
	op_unpin_all(&main_actor);
	model_check(m);
	/* Empty, with a queue that is not, or as it is. */
	if (size % 4 == 0)
		check_empty(&main_actor, at_first);
	else if (size % 4 == 2)
		op_free_later(&main_actor);
	live = model_live(m, false);
	fuzz_check(zs_destroy_pool(m->pool) == live);
	fuzz_check(!atomic_load(&m->misuses));
	for (int i = 0; i < SLOTS; i++)
		free(m->slots[i].bytes);
	return 0;
}
