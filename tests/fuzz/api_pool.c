/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* api_pool.c - the operations of fuzz_api on the pool: queues, giving back, limits,
 * failures, looking at it.
 */
#include "api_ops.h"

#include <errno.h>

#include "compat/fault.h"

#define MOST_UNMAPS 10000u /* failed ones: address space that is lost */

/* ---- queues -------------------------------------------------------------- */

void op_push(struct actor *a)
{
	struct slot *slot = own_slot(a);

	if (slot->kind != HANDLE || slot->nr_pins)
		return;
	if (zs_defer_push(a->m->pool, slot->handle)) {
		fuzz_check(a->m->percpu);
		slot_gone(a->m, slot);
	} else {
		slot_verify(a->m, slot, 0, 0);
	}
}

static enum zs_push_result push_value(void *buf, unsigned int count,
				      unsigned long value)
{
	unsigned long *values = buf;

	if (count == 20)
		return ZS_PUSH_FULL;
	values[count] = value;
	return count == 19 ? ZS_PUSH_FULL_QUEUED : ZS_PUSH_OK;
}

static void drain_values(void *private_data, void *buf, unsigned int count)
{
	struct model *m = private_data;
	unsigned long *values = buf;

	fuzz_check(count <= 20);
	for (unsigned int i = 0; i < count; i++)
		zs_free(m->pool, values[i]);
}

/* No queueing at the same time is allowed: alone. */
void op_enable(struct actor *a)
{
	static const struct zs_deferred_ops ops = { push_value, drain_values },
					    half = { push_value, NULL };
	struct model *m = a->m;
	unsigned int how = fuzz_byte(&a->in) % 8;
	bool own = how % 2;
	int err;

	if (how == 7) {
		err = zs_pool_enable_deferred_free(m->pool, &half, m);
		fuzz_check(err == (m->percpu ? -EBUSY : -EINVAL) ||
			   err == -EINVAL);
		return;
	}
	err = zs_pool_enable_deferred_free(m->pool, own ? &ops : NULL, m);
	if (m->percpu) {
		fuzz_check(err == -EBUSY);
	} else if (err) {
		fuzz_check(err == -ENOMEM && may_lack(a, GFP_KERNEL));
	} else {
		m->percpu = true;
		m->callbacks = own;
	}
}

/* ---- the pool as a whole ------------------------------------------------- */

void op_give_back(struct actor *a)
{
	struct zs_pool *pool = a->m->pool;

	switch (fuzz_byte(&a->in) % 8) {
	case 0:
	case 1:
		zs_compact(pool);
		break;
	case 2:
		zs_trim(pool);
		break;
	case 3:
		zs_drain(pool);
		break;
	case 4:
		zs_free_deferred_flush(pool);
		break;
	case 5:
		if (!zs_shrink_count(pool))
			break;
		zs_shrink_scan(pool, 1);
		break;
	case 6:
		zs_compact(pool);
		zs_trim(pool);
		break;
	case 7:
		zs_drain(pool);
		zs_trim(pool);
		break;
	}
}

void op_limit(struct actor *a)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;
	unsigned int n = fuzz_byte(&a->in);
	size_t limit;

	zs_pool_info(a->m->pool, &info);
	/* From a part of what there is to a little more; or none. */
	limit = n % 16 ? info.bytes_resident / 8 * (n % 16) + (n / 16) * 4096
		       : 0;
	/* Said before: the other thread may be the first to meet it. */
	if (limit)
		atomic_store(&a->m->limited, true);
	if (zs_set_memory_limit(a->m->pool, limit) == 0) {
		if (a->alone)
			atomic_store(&a->m->limited, limit != 0);
		a->m->limit = limit;
	} else {
		fuzz_check(limit);
	}
}

void op_overhead(struct actor *a)
{
	unsigned int percent = fuzz_byte(&a->in) * 64;

	fuzz_check(zs_set_max_overhead(a->m->pool, percent) ==
		   (percent > ZS_MAX_OVERHEAD ? -EINVAL : 0));
}

static unsigned long unmaps;

void op_fail(struct actor *a)
{
	unsigned int what = fuzz_byte(&a->in), nth = fuzz_byte(&a->in) % 32;
	enum uzs_fault_kind kind =
		(enum uzs_fault_kind)(what / 2 % UZS_NR_FAULT_KINDS);

	if (kind == UZS_FAULT_UNMAP &&
	    __atomic_add_fetch(&unmaps, 1, __ATOMIC_RELAXED) > MOST_UNMAPS)
		return;
	if (nth)
		atomic_store(&a->m->faulty, true);
	if (kind == UZS_FAULT_UNMAP || kind == UZS_FAULT_DISCARD)
		a->m->refuses = true;
	if (what % 2 && kind != UZS_FAULT_UNMAP)
		uzs_fault_set_from(kind, nth);
	else
		uzs_fault_set(kind, nth);
	/* What was armed before may have been met in the other thread. */
	if (!nth && a->alone) {
		for (int i = 0; i < UZS_NR_FAULT_KINDS; i++)
			uzs_fault_set((enum uzs_fault_kind)i, 0);
		atomic_store(&a->m->faulty, false);
	}
}

void op_fork_locks(struct actor *a)
{
	zs_fork_prepare(a->m->pool);
	zs_fork_parent(a->m->pool);
}

static int see_zspage(const struct zs_zspage_info *info, void *arg)
{
	const unsigned int *index = arg;

	fuzz_check(info->inuse <= info->objs && info->group < 12);
	fuzz_check(info->class_index >= *index);
	for (unsigned int i = 0; i < info->objs - info->inuse; i++)
		fuzz_check(info->free_list[i] < info->objs);
	return 0;
}

static int see_section(const struct zs_section_info *info, void *arg)
{
	(void)arg;
	for (unsigned int i = 0; i < info->pages; i++)
		fuzz_check(info->use[i] <= ZS_PAGE_COLD);
	return 0;
}

static int see_handle(unsigned long handle, void *arg)
{
	unsigned int *left = arg;

	fuzz_check(handle && !zs_is_err(handle));
	return *left && !--*left;
}

static void look_at_class(struct actor *a)
{
	struct zs_class_info info = ZS_CLASS_INFO_INIT;
	struct zs_pool *pool = a->m->pool;
	unsigned int index = zs_lookup_class_index(pool, fuzz_u16(&a->in));
	int err;

	fuzz_check(index < zs_class_count(pool));
	fuzz_check(zs_class_info(pool, index, &info) == 0);
	fuzz_check(info.index >= index &&
		   info.objs_inuse <= info.objs_capacity);
	fuzz_check(zs_class_info(pool, zs_class_count(pool), &info) == -ERANGE);
	err = zs_for_each_zspage(pool, index, see_zspage, &index);
	fuzz_check(err == 0 || (err == -ENOMEM && atomic_load(&a->m->faulty)));
}

void op_look(struct actor *a)
{
	struct zs_obj_place place = ZS_OBJ_PLACE_INIT;
	unsigned int what = fuzz_byte(&a->in), left = what / 8;
	struct zs_pool *pool = a->m->pool;
	struct slot *slot;
	FILE *nowhere;

	switch (what % 6) {
	case 0:
		zs_for_each_live(pool, see_handle, &left);
		break;
	case 1:
		look_at_class(a);
		break;
	case 2:
		zs_for_each_section(pool, see_section, NULL);
		break;
	case 3:
		slot = own_slot(a);
		if (slot->kind == HANDLE)
			fuzz_check(zs_obj_place(pool, slot->handle, &place) ==
					   0 &&
				   place.pages);
		break;
	case 4:
		nowhere = fopen("/dev/null", "w");
		if (nowhere) {
			fuzz_check(zs_print_classes(pool, nowhere) == 0);
			fclose(nowhere);
		}
		break;
	case 5:
		if (!a->alone)
			fuzz_check(zs_pool_check(pool, fuzz_out) == 0);
		break;
	}
}
