/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* api_misuse.c - the operations of fuzz_api that are refused, and misuse of
 * handles and refs in hardened pools.
 */
#include "api_ops.h"

#include <errno.h>

void op_refused(struct actor *a)
{
	struct model *m = a->m;
	struct slot *slot = own_slot(a);
	char byte = 0;
	size_t page = m->options.page_size ? m->options.page_size : 4096;
	size_t most = m->user ? ZS_USER_MAX_SIZE : page;
	zs_ref none = ZS_REF_INIT;

	fuzz_check(zs_err(zs_malloc(m->pool, 0, GFP_KERNEL, 0)) == -EINVAL);
	fuzz_check(zs_err(zs_malloc(m->pool, most + 1 + fuzz_u16(&a->in),
				    GFP_KERNEL, 0)) == -ENOSPC);
	fuzz_check(zs_err(zs_malloc(m->pool, 1, 3 + fuzz_byte(&a->in), 0)) ==
		   -EINVAL);
	fuzz_check(zs_ref_alloc(m->pool, &none, 0) ==
		   (m->user ? -EINVAL : -EOPNOTSUPP));
	fuzz_check(zs_ref_load(m->pool, &none, &byte, 1) == -EINVAL);
	fuzz_check(!zs_ref_begin(m->pool, &none));
	zs_free(m->pool, 0);
	zs_free(m->pool, (unsigned long)-ENOMEM);
	zs_ref_free(m->pool, &none);
	if (slot->kind == HANDLE) {
		fuzz_check(zs_obj_write(m->pool, slot->handle, &byte, 0) ==
			   -ERANGE);
		fuzz_check(zs_obj_write(m->pool, slot->handle, &byte,
					slot->room + 1) == -ERANGE);
		fuzz_check(!zs_obj_read_begin(m->pool, slot->handle,
					      slot->room + 1, &byte));
	} else if (slot->kind == REF) {
		fuzz_check(zs_ref_alloc(m->pool, &slot->ref, 1) == -EINVAL);
		fuzz_check(zs_ref_load(m->pool, &slot->ref, &byte,
				       slot->room + 1) == -ERANGE);
		zs_ref_move(m->pool, &slot->ref, &none); /* does nothing */
	}
	slot_verify(m, slot, 0, 0);
}

void told(const struct zs_misuse *misuse, void *arg)
{
	struct model *m = arg;

	fuzz_say("  misuse: %s: %s\n", misuse->call, misuse->text);
	atomic_fetch_add(&m->misuses, 1);
}

static bool is_live(const struct model *m, unsigned long value)
{
	for (int i = 0; i < SLOTS; i++)
		if (m->slots[i].kind == HANDLE && m->slots[i].handle == value)
			return true;
	return false;
}

/* Any value, or one near a right one, is told and changes nothing. What is
 * queued counts as freed. With ZS_DEFER_REUSE that is found later. */
static void wrong_value(struct actor *a, unsigned long value)
{
	struct model *m = a->m;
	unsigned long before = atomic_load(&m->misuses);
	char byte;

	if (!value || zs_is_err(value) || is_live(m, value) ||
	    m->options.defer == ZS_DEFER_REUSE)
		return;
	fuzz_say("  wrong handle %#lx\n", value);
	switch (fuzz_byte(&a->in) % 6) {
	case 0:
		zs_free(m->pool, value);
		break;
	case 1:
		fuzz_check(!zs_obj_read_begin(m->pool, value, 1, &byte));
		break;
	case 2:
		fuzz_check(zs_obj_write(m->pool, value, "", 1) != 0);
		break;
	case 3:
		zs_obj_read_end(m->pool, value, 1, &byte);
		break;
	case 4:
		fuzz_check(zs_free_many(m->pool, &value, 1) == 0);
		break;
	case 5:
		zs_free_deferred(m->pool, value);
		break;
	}
	fuzz_check(atomic_load(&m->misuses) == before + 1);
}

static void wrong_ref(struct actor *a, uint64_t word)
{
	struct model *m = a->m;
	unsigned long before = atomic_load(&m->misuses);
	zs_ref ref = { word };
	char byte = 0;

	if (!word || !m->user)
		return;
	fuzz_say("  wrong ref %#llx\n", (unsigned long long)word);
	switch (fuzz_byte(&a->in) % 5) {
	case 0:
		zs_ref_free(m->pool, &ref);
		break;
	case 1:
		fuzz_check(!zs_ref_begin(m->pool, &ref));
		break;
	case 2:
		fuzz_check(zs_ref_load(m->pool, &ref, &byte, 1) == -EINVAL);
		break;
	case 3:
		fuzz_check(zs_ref_store(m->pool, &ref, &byte, 1) == -EINVAL);
		break;
	case 4:
		fuzz_check(zs_ref_room(m->pool, &ref) == 0);
		break;
	}
	fuzz_check(atomic_load(&m->misuses) == before + 1);
}

void op_misuse(struct actor *a)
{
	struct model *m = a->m;
	unsigned int what = fuzz_byte(&a->in) % 7;
	struct slot *slot = own_slot(a);
	unsigned long handle = slot->handle, before;

	if (!m->hardened)
		return;
	before = atomic_load(&m->misuses);
	switch (what) {
	case 0:
		wrong_value(a, (unsigned long)fuzz_u64(&a->in));
		break;
	case 1: /* near a right one */
		wrong_value(a, handle ^ 1ul << fuzz_byte(&a->in) %
							(8 * sizeof(long)));
		break;
	case 2: /* freed twice */
		if (slot->kind == HANDLE && !slot->nr_pins) {
			free_one(m, slot);
			wrong_value(a, handle);
		}
		break;
	case 6: /* used after it was given to the queue */
		if (slot->kind == HANDLE && !slot->nr_pins) {
			zs_free_deferred(m->pool, handle);
			slot_gone(m, slot);
			wrong_value(a, handle);
		}
		break;
	case 3: /* freed while it is read: stays */
		if (slot->nr_pins && slot->kind == HANDLE) {
			zs_free(m->pool, handle);
			fuzz_check(atomic_load(&m->misuses) == before + 1);
			slot_verify(m, slot, 0, 0);
		} else if (slot->nr_pins) {
			zs_ref_free(m->pool, &slot->ref);
			fuzz_check(atomic_load(&m->misuses) == before + 1);
			slot_verify(m, slot, 0, 0);
		}
		break;
	case 4:
		wrong_ref(a, fuzz_u64(&a->in));
		break;
	case 5: /* a copy, or near it */
		wrong_ref(a, slot->ref.word ^
				     (fuzz_byte(&a->in) % 2
					      ? 1ull << fuzz_byte(&a->in) % 64
					      : 0));
		break;
	}
	/* Told of nothing else. */
	fuzz_check(atomic_load(&m->misuses) <= before + 1);
	atomic_store(&m->misuses, before);
}
