/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* api_model.c - see api_model.h. */
#define _GNU_SOURCE
#include "api_model.h"

#include <time.h>

#include "compat/fault.h"
#include "test_random.h"

/* Random bytes, made once: patterns are taken from there, for time. Objects with
 * other keys begin at other places. */
#define PATTERN_BYTES (1u << 20)
static unsigned char random_bytes[PATTERN_BYTES + ZS_USER_MAX_SIZE];

static void fill(struct model *m, unsigned char *bytes, size_t len)
{
	uint64_t key = atomic_fetch_add(&m->key, 1);

	memcpy(bytes, random_bytes + key * 4099 % PATTERN_BYTES, len);
}

void model_start(void)
{
	if (!random_bytes[0] && !random_bytes[1])
		pattern_fill(random_bytes, sizeof(random_bytes), 1);
}

void slot_fill(struct model *m, struct slot *slot, size_t size)
{
	unsigned char *bytes = malloc(size);

	fuzz_check(bytes);
	fill(m, bytes, size);
	free(slot->bytes);
	atomic_fetch_add(&m->bytes, size - slot->size);
	slot->bytes = bytes;
	slot->size = size;
}

static void write_in_place(struct model *m, struct slot *slot, size_t len)
{
	void *mem = zs_ref_begin(m->pool, &slot->ref);

	fuzz_check(mem);
	memcpy(mem, slot->bytes, len);
	zs_ref_end(m->pool, &slot->ref);
}

void slot_write(struct model *m, struct slot *slot, size_t len)
{
	if (len >= slot->size)
		slot_fill(m, slot, len);
	else
		fill(m, slot->bytes, len);
	if (slot->kind == REF)
		write_in_place(m, slot, len);
	else
		fuzz_check(zs_obj_write(m->pool, slot->handle, slot->bytes,
					len) == 0);
}

void slot_born(struct model *m, struct slot *slot, enum slot_kind kind,
	       size_t size)
{
	slot->kind = kind;
	slot->room = kind == REF ? zs_ref_room(m->pool, &slot->ref)
				 : zs_obj_room(m->pool, slot->handle);
	fuzz_check(slot->room >= size);
	slot_write(m, slot, size);
}

void slot_gone(struct model *m, struct slot *slot)
{
	fuzz_check(!slot->nr_pins);
	atomic_fetch_sub(&m->bytes, slot->size);
	free(slot->bytes);
	if (slot->kind == REF)
		fuzz_check(slot->ref.word == 0);
	memset(slot, 0, sizeof(*slot));
}

/* ---- reading ------------------------------------------------------------- */

static void verify_segments(struct model *m, const struct slot *slot,
			    size_t len)
{
	struct iovec iov[2];
	unsigned int n = zs_obj_read_sg_begin(m->pool, slot->handle, iov, len);

	fuzz_check(n == 1 || (n == 2 && !m->user));
	fuzz_check(iov[0].iov_len <= len);
	fuzz_check(memcmp(iov[0].iov_base, slot->bytes, iov[0].iov_len) == 0);
	if (n == 2) {
		fuzz_check(iov[0].iov_len + iov[1].iov_len == len);
		fuzz_check(memcmp(iov[1].iov_base, slot->bytes + iov[0].iov_len,
				  iov[1].iov_len) == 0);
	} else {
		fuzz_check(iov[0].iov_len == len);
	}
	zs_obj_read_sg_end(m->pool, slot->handle);
}

static void verify_handle(struct model *m, const struct slot *slot,
			  unsigned int how, size_t len)
{
	void *copy = NULL, *mem;

	fuzz_check(zs_obj_room(m->pool, slot->handle) == slot->room);
	if (how % 3 == 0) {
		verify_segments(m, slot, len);
		return;
	}
	if (how % 3 == 1) {
		copy = malloc(len);
		fuzz_check(copy);
	}
	mem = zs_obj_read_begin(m->pool, slot->handle, len, copy);
	/* Without a buffer there may be no way. */
	fuzz_check(mem || (!copy && !m->user));
	if (mem) {
		fuzz_check(memcmp(mem, slot->bytes, len) == 0);
		zs_obj_read_end(m->pool, slot->handle, len, mem);
	}
	free(copy);
}

static void verify_ref(struct model *m, const struct slot *slot,
		       unsigned int how, size_t len)
{
	zs_ref *ref = (zs_ref *)(uintptr_t)&slot->ref;
	void *mem;

	fuzz_check(zs_ref_room(m->pool, ref) == slot->room);
	if (how % 2) {
		mem = malloc(len);
		fuzz_check(mem);
		fuzz_check(zs_ref_load(m->pool, ref, mem, len) == 0);
		fuzz_check(memcmp(mem, slot->bytes, len) == 0);
		free(mem);
		return;
	}
	mem = zs_ref_begin(m->pool, ref);
	fuzz_check(mem && (uintptr_t)mem % 8 == 0);
	fuzz_check(memcmp(mem, slot->bytes, len) == 0);
	zs_ref_end(m->pool, ref);
}

void slot_verify(struct model *m, const struct slot *slot, unsigned int how,
		 size_t len)
{
	if (!len || len > slot->size)
		len = slot->size;
	if (slot->kind == HANDLE)
		verify_handle(m, slot, how, len);
	else if (slot->kind == REF)
		verify_ref(m, slot, how, len);
}

void slot_pin(struct model *m, struct slot *slot, size_t len, bool copy)
{
	struct pin *pin = &slot->pins[slot->nr_pins];

	if (slot->kind == EMPTY || slot->nr_pins == PINS)
		return;
	if (!len || len > slot->size)
		len = slot->size;
	*pin = (struct pin){ .len = len };
	if (slot->kind == REF) {
		pin->mem = zs_ref_begin(m->pool, &slot->ref);
		fuzz_check(pin->mem);
	} else {
		pin->copy = copy ? malloc(len) : NULL;
		pin->mem = zs_obj_read_begin(m->pool, slot->handle, len,
					     pin->copy);
		fuzz_check(pin->mem || (!copy && !m->user));
	}
	if (pin->mem)
		slot->nr_pins++;
	else
		free(pin->copy);
}

void slot_unpin(struct model *m, struct slot *slot)
{
	struct pin *pin;

	if (!slot->nr_pins)
		return;
	pin = &slot->pins[--slot->nr_pins];
	fuzz_check(memcmp(pin->mem, slot->bytes, pin->len) == 0);
	/* There, who alone uses an object may write: what is written must be in
	 * the object, wherever that is. */
	if (m->user) {
		fill(m, slot->bytes, pin->len);
		memcpy(pin->mem, slot->bytes, pin->len);
	}
	if (slot->kind == REF)
		zs_ref_end(m->pool, &slot->ref);
	else
		zs_obj_read_end(m->pool, slot->handle, pin->len, pin->mem);
	free(pin->copy);
	*pin = (struct pin){ 0 };
	slot_verify(m, slot, 1, 0);
}

/* ---- the whole ----------------------------------------------------------- */

unsigned long model_live(const struct model *m, bool handles_only)
{
	unsigned long live = 0;

	for (int i = 0; i < SLOTS; i++)
		live += m->slots[i].kind == HANDLE ||
			(m->slots[i].kind == REF && !handles_only);
	return live;
}

/* Return: what does not hold, or NULL. */
static const char *wrong_in_info(const struct model *m)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;

	fuzz_check(zs_pool_info(m->pool, &info) == 0);
#define HOLDS(what)                   \
	do {                          \
		if (!(what))          \
			return #what; \
	} while (0)
	HOLDS(info.memory_limit_bytes == m->limit);
	HOLDS(info.objs_inuse <= info.objs_capacity);
	HOLDS(info.objs_inuse >= model_live(m, false));
	HOLDS(info.pages <= info.peak_pages);
	HOLDS((info.pages + info.slab_pages) * info.page_size <=
	      info.bytes_resident);
	HOLDS(info.bytes_resident <= info.bytes_mapped);
	HOLDS(info.bytes_free <= info.bytes_resident);
	HOLDS(zs_get_total_pages(m->pool) == info.pages);
#undef HOLDS
	return NULL;
}

/* The figures are read one after the other, and the worker, if there is one, may
 * change some between two reads. What is wrong for a second is wrong. */
#define LOOKS 1000

void model_check_info(struct model *m)
{
	const int looks = m->options.flags & ZS_POOL_NO_WORKER ? 0 : LOOKS;
	const struct timespec rest = { .tv_nsec = 1000000 };
	const char *wrong = wrong_in_info(m);

	for (int n = 0; wrong && n < looks; n++) {
		nanosleep(&rest, NULL);
		wrong = wrong_in_info(m);
	}
	if (wrong)
		fuzz_fail("not in %d looks: %s", 1 + looks, wrong);
}

struct walk {
	unsigned long handles[SLOTS], nr;
};

static int walk_one(unsigned long handle, void *arg)
{
	struct walk *walk = arg;

	if (walk->nr < SLOTS)
		walk->handles[walk->nr] = handle;
	walk->nr++;
	return 0;
}

static int compare_handles(const void *a, const void *b)
{
	unsigned long left = *(const unsigned long *)a,
		      right = *(const unsigned long *)b;

	return left < right ? -1 : left > right;
}

static void check_walk(struct model *m)
{
	struct walk seen = { .nr = 0 }, want = { .nr = 0 };

	fuzz_check(zs_for_each_live(m->pool, walk_one, &seen) == 0);
	for (int i = 0; i < SLOTS; i++)
		if (m->slots[i].kind == HANDLE)
			want.handles[want.nr++] = m->slots[i].handle;
	if (seen.nr != want.nr)
		fuzz_fail("the pool shows %lu live handles, there are %lu",
			  seen.nr, want.nr);
	qsort(seen.handles, seen.nr, sizeof(long), compare_handles);
	qsort(want.handles, want.nr, sizeof(long), compare_handles);
	fuzz_check(memcmp(seen.handles, want.handles, want.nr * sizeof(long)) ==
		   0);
}

void model_check(struct model *m)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;
	unsigned long broken;

	for (int kind = 0; kind < UZS_NR_FAULT_KINDS; kind++)
		uzs_fault_set((enum uzs_fault_kind)kind, 0);
	zs_free_deferred_flush(m->pool);
	broken = zs_pool_check(m->pool, fuzz_out);
	if (broken)
		fuzz_fail("%lu invariants of the pool are broken", broken);
	for (int i = 0; i < SLOTS; i++)
		slot_verify(m, &m->slots[i], (unsigned int)i, 0);
	check_walk(m);
	model_check_info(m);
	zs_pool_info(m->pool, &info);
	if (info.objs_inuse != model_live(m, false))
		fuzz_fail("objs_inuse is %lu, there are %lu objects",
			  info.objs_inuse, model_live(m, false));
}
