/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab_env.c - the machine of a virtual CPU: the CPU's number, the clock,
 * threads, RCU. Owns the number of the last grace period.
 *
 * Stands for percpu.c, worker.c, liburcu and, with lab_force.h, pthread_join
 * and pthread_self.
 */
#include "lab.h"

#include "compat/os.h"
#include "compat/percpu.h"
#include "compat/worker.h"

static u64 rcu_number; /* of the last synchronize_rcu */

/* ---- percpu.h ------------------------------------------------------------ */

unsigned int uzs_nr_cpu_slots(void)
{
	return min(uzs_lab_options()->cpus, UZS_MAX_CPU_SLOTS);
}

size_t uzs_percpu_bytes(size_t size)
{
	return ALIGN(size, UZS_PERCPU_ALIGN) * uzs_nr_cpu_slots() +
	       UZS_PERCPU_ALIGN - 1;
}

void uzs_percpu_init(struct uzs_percpu *p, void *mem, size_t size)
{
	p->base = (char *)ALIGN((uintptr_t)mem, (uintptr_t)UZS_PERCPU_ALIGN);
	p->stride = ALIGN(size, UZS_PERCPU_ALIGN);
	p->slots = uzs_nr_cpu_slots();
}

unsigned int uzs_cpu_slot(unsigned int slots)
{
	struct uzs_lab_fiber *me = uzs_lab_current;

	if (!me)
		return 0;
	uzs_lab_point(LAB_CPU, LAB_LOOKS, &me->cpu, "CPU", UZS_HERE);
	return me->cpu % slots;
}

/* ---- os.h: the thread, barriers ------------------------------------------ */

uintptr_t uzs_lab_thread_id(void)
{
	return uzs_lab_current ? uzs_lab_thread_id_of(uzs_lab_current->id) : 1;
}

bool uzs_os_barrier_register(void)
{
	return true;
}

/* Without a model of memory order steps are in one order, the same for all. */
bool uzs_os_barrier(void)
{
	if (uzs_lab_memory && uzs_lab_current) {
		uzs_lab_point(LAB_FENCE, LAB_NOTHING, NULL, NULL, UZS_HERE);
		uzs_lab_memory->barrier_all();
	}
	return true;
}

/* ---- os.h: the clock; threads -------------------------------------------- */

u64 uzs_clock_ns(void)
{
	const struct uzs_lab_scheduler *s = uzs_lab_scheduler();

	return uzs_lab_current && s->now ? s->now(s->arg) : uzs_lab_clock_ns;
}

void uzs_worker_plan(struct uzs_worker_plan *plan, const char *name)
{
	(void)plan;
	(void)name;
}

void uzs_worker_begin(const struct uzs_worker_plan *plan)
{
	(void)plan;
}

int uzs_worker_create(const struct uzs_worker_plan *plan, pthread_t *thread,
		      void *(*fn)(void *arg), void *arg)
{
	struct uzs_lab_fiber *f, *me = uzs_lab_current;

	(void)plan;
	/* Outside of a run the thread could not run. Items stay queued. */
	if (!me)
		return EAGAIN;
	uzs_lab_point(LAB_SPAWN, LAB_CHANGES, NULL, NULL, UZS_HERE);
	f = uzs_lab_spawn("worker", me->cpu, NULL, arg);
	if (!f)
		return EAGAIN;
	f->thread_fn = fn;
	f->daemon = true;
	*thread = (pthread_t)(f->id + 1ul);
	return 0;
}

void uzs_lab_thread_join(void *thread)
{
	struct uzs_lab_fiber *f =
		uzs_lab_fiber((unsigned int)((uintptr_t)thread - 1));

	if (uzs_lab_current) {
		f->daemon = false; /* from here on it has to end */
		uzs_lab_point(LAB_JOIN, LAB_CHANGES, f, NULL, UZS_HERE);
	}
}

unsigned long uzs_lab_thread_self(void)
{
	return uzs_lab_current ? uzs_lab_current->id + 1ul : 0;
}

/* ---- RCU (rcu.h) --------------------------------------------------------- */

bool uzs_lab_readers_before(const struct uzs_lab_fiber *self, u64 wait)
{
	for (unsigned int i = 0; i < uzs_lab_nr_fibers(); i++) {
		const struct uzs_lab_fiber *f = uzs_lab_fiber(i);

		if (f != self && f->rcu_depth && f->rcu_since < wait)
			return true;
	}
	return false;
}

void uzs_lab_rcu_read_lock(const struct uzs_place *here)
{
	struct uzs_lab_fiber *me = uzs_lab_current;

	if (!me)
		return;
	uzs_lab_point(LAB_RCU_READ, LAB_ADDS, &rcu_number, NULL, here);
	if (!me->rcu_depth++)
		me->rcu_since = rcu_number;
}

void uzs_lab_rcu_read_unlock(const struct uzs_place *here)
{
	struct uzs_lab_fiber *me = uzs_lab_current;

	if (!me)
		return;
	uzs_lab_point(LAB_RCU_UNREAD, LAB_ADDS, &rcu_number, NULL, here);
	VM_BUG_ON(!me->rcu_depth);
	me->rcu_depth--;
}

/* Two steps. From the first on, new readers need not be waited for. The second
 * one waits until the old readers are gone. */
void uzs_lab_synchronize_rcu(const struct uzs_place *here)
{
	struct uzs_lab_fiber *me = uzs_lab_current;

	if (!me)
		return;
	uzs_check_sleep(here);
	VM_BUG_ON(me->rcu_depth);
	me->rcu_wait = 0;
	uzs_lab_point(LAB_RCU_SYNC, LAB_CHANGES, &rcu_number, NULL, here);
	me->rcu_wait = ++rcu_number;
	uzs_lab_point(LAB_RCU_SYNC, LAB_CHANGES, &rcu_number, NULL, here);
}
