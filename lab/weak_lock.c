/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* weak_lock.c - what locks, threads, RCU and the like order, where memory is not
 * sc. Owns no state.
 *
 * Locks are what their callers may rely on: who takes a lock has seen what those
 * did that had it before; readers do not see each other.
 */
#include "weak_model.h"

/* x86: what orders fibers, but for giving back a lock, is a full barrier. */
static void acquire(unsigned int f, const struct weak_view *view)
{
	weak_join(&weak.view[f], view);
	weak.seen[f] = weak.time;
}

/* What orders fibers is an event at both its ends: psc looks from event to event
 * (weak_sc.c). */
static void end_acquire(unsigned int f)
{
	weak_new_event(f, NULL);
}

static void give_back(unsigned int f, struct weak_view *view)
{
	weak_new_event(f, NULL);
	weak_join(view, &weak.view[f]);
}

static void begin_child(unsigned int f)
{
	unsigned int child =
		min(uzs_lab_nr_fibers(), (unsigned int)WEAK_NOBODY - 1);

	weak_new_event(f, NULL);
	weak_join(&weak.view[child], &weak.view[f]);
	weak.seen[child] = weak.time;
	end_acquire(child);
}

static void come_after(const struct uzs_lab_fiber *f, unsigned int id)
{
	const struct uzs_lab_fiber *ended = f->step.obj;

	if (f->step.op == LAB_JOIN)
		acquire(id, &weak.view[min(ended->id,
					   (unsigned int)WEAK_NOBODY - 1)]);
	else if (f->last)
		for (unsigned int i = 0; i < WEAK_NOBODY; i++)
			acquire(id, &weak.view[i]);
	end_acquire(id);
}

void lab_weak_step(const struct uzs_lab_fiber *fiber, u32 step)
{
	const struct uzs_lab_step *s = &fiber->step;
	unsigned int f = min(fiber->id, (unsigned int)WEAK_NOBODY - 1);
	struct weak_sync *sync;

	weak.step = step;
	switch (s->op) {
	case LAB_START:
	case LAB_JOIN:
		come_after(fiber, f);
		return;
	case LAB_SPAWN:
		begin_child(f);
		return;
	case LAB_TRYLOCK:
	case LAB_WRITE_TRYLOCK:
	case LAB_PIN_TRYWRITE:
	case LAB_TRYLOCK_PAGE:
	case LAB_READ_TRYLOCK:
		if (!s->outcome)
			return;
		break;
	case LAB_LOAD:
	case LAB_STORE:
	case LAB_ADD:
	case LAB_RMW:
	case LAB_CONTENDED:
	case LAB_RELEASED:
	case LAB_RESCHED:
	case LAB_CPU:
	case LAB_SET_CPU:
	case LAB_FENCE:
		return;
	default:
		break;
	}
	sync = weak_sync_of(s->obj);
	switch (s->op) {
	case LAB_LOCK:
	case LAB_TRYLOCK:
	case LAB_WRITE_LOCK:
	case LAB_WRITE_TRYLOCK:
	case LAB_PIN_TRYWRITE:
	case LAB_LOCK_PAGE:
	case LAB_TRYLOCK_PAGE:
	case LAB_WAIT_PAGE:
		acquire(f, &sync->readers);
		acquire(f, &sync->writers);
		end_acquire(f);
		break;
	case LAB_READ_LOCK:
	case LAB_READ_TRYLOCK:
	case LAB_PIN:
	case LAB_RCU_READ:
		acquire(f, &sync->writers);
		end_acquire(f);
		break;
	case LAB_READ_UNLOCK:
	case LAB_UNPIN:
	case LAB_RCU_UNREAD:
		give_back(f, &sync->readers);
		break;
	case LAB_RCU_SYNC:
		weak_fence(__ATOMIC_SEQ_CST);
		acquire(f, &sync->readers);
		acquire(f, &sync->writers);
		give_back(f, &sync->writers);
		break;
	case LAB_WAIT:
	case LAB_WOKEN:
	case LAB_WAKE:
		acquire(f, &sync->writers);
		give_back(f, &sync->writers);
		break;
	default: /* an unlock */
		give_back(f, &sync->writers);
	}
}

void lab_weak_note(const struct uzs_lab_fiber *fiber,
		   const struct uzs_lab_step *note)
{
	unsigned int f = min(fiber->id, (unsigned int)WEAK_NOBODY - 1);

	if (note->op == LAB_MAP) {
		acquire(f, &weak.unmapped);
		end_acquire(f);
	} else if (note->op == LAB_UNMAP) {
		give_back(f, &weak.unmapped);
	}
}
