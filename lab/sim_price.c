/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_price.c - the cost of each step and each plain access. Owns the prices.
 *
 * Calls: sim_line.c, sim_sched.c, sim_trace.c.
 * Known limits: between two steps a fiber's plain accesses happen all at once,
 * so others may see them out of order by that time; a trylock can succeed that
 * would just come before another fiber's unlock.
 */
#include "sim_task.h"

#include <string.h>

static struct {
	struct sim_run *run;
	u64 ps[SIM_NR_COSTS];
	u64 work_ps; /* of one plain access */
	bool drain;
} p;

void sim_prices_init(const struct sim_costs *costs, u64 work_ps,
		     struct sim_run *run)
{
	p.run = run;
	p.work_ps = work_ps;
	p.drain = costs->value[SIM_drain] != 0;
	for (int i = 0; i < SIM_NR_COSTS; i++)
		p.ps[i] = sim_cost_ps(costs, (enum sim_cost_id)i);
}

static void os(struct sim_task *t, enum sim_cost_id id)
{
	t->clock += p.ps[id];
	t->time.os_ps += p.ps[id];
	t->told_os = t->time.os_ps;
	sim_tell(t, SIM_PART_OS, sim_cost_name(id), t->fiber->step.place, 0);
}

/* what: NULL, or whose work it is; place NULL: see pc. */
static void work(struct sim_task *t, u64 n_ps, enum sim_part_kind kind,
		 const char *what, const struct uzs_place *place, uintptr_t pc)
{
	t->clock += n_ps;
	t->time.work_ps += n_ps;
	sim_tell(t, kind, what, place, pc);
}

static void atomic(struct sim_task *t, const struct uzs_lab_step *step)
{
	if (sim_is_memory(step->obj)) {
		t->clock = sim_atomic(t->fiber->cpu, step->obj, t->clock);
		sim_tell_line(t, step->obj, step->what, step->place, 0);
		return;
	}
	t->clock += p.ps[SIM_atomic];
	sim_tell(t, SIM_PART_ATOMIC, step->what, step->place, 0);
}

/* The old value is not used. So where stores are not waited for, this is not
 * waited for either. */
static void add(struct sim_task *t, const struct uzs_lab_step *step)
{
	if (p.drain || !sim_is_memory(step->obj)) {
		atomic(t, step);
		return;
	}
	t->clock = sim_store(t->fiber->cpu, step->obj, t->clock);
	sim_tell_line(t, step->obj, step->what, step->place, 0);
	t->clock += p.ps[SIM_atomic];
	sim_tell(t, SIM_PART_ATOMIC, step->what, step->place, 0);
}

static void taken(struct sim_task *t, const struct uzs_lab_step *step)
{
	if (sim_trace_taken(t, step))
		work(t, p.ps[SIM_contended], SIM_PART_LOCK, step->what,
		     step->place, 0);
	sim_trace_held(t, step);
}

static bool is_zone_lock(const struct uzs_lab_step *step)
{
	return step->what && strstr(step->what, "zone->lock");
}

static void give_back(struct sim_task *t, const struct uzs_lab_step *step)
{
	u64 seen;

	if (step->op == LAB_UNLOCK && is_zone_lock(step))
		work(t, p.ps[SIM_zone_batch], SIM_PART_ZONE, "zone",
		     step->place, 0);
	if (step->op == LAB_UNLOCK && sim_is_memory(step->obj)) {
		t->clock =
			sim_unlock(t->fiber->cpu, step->obj, &seen, t->clock);
		sim_tell_line(t, step->obj, step->what, step->place, 0);
	} else {
		/* A change of a word that others change, too: readers are
		 * counted, and a page has several flags. */
		atomic(t, step);
		seen = t->clock;
	}
	if (step->op == LAB_UNLOCK || step->op == LAB_WRITE_UNLOCK)
		sim_set_free_at(step->obj, seen);
	sim_trace_given(t, step);
	sim_changed(step->obj, step->op != LAB_UNLOCK, seen);
}

void sim_granted(void *arg, struct uzs_lab_fiber *fiber)
{
	const struct uzs_lab_step *step = &fiber->step;
	struct sim_task *t = sim_task_of(fiber);
	u64 begin = t->clock;

	(void)arg;
	p.run->steps++;
	sim_tell_wait(t);
	uzs_lab_clock_ns = t->clock / 1000 + 1;
	switch (step->op) {
	case LAB_LOCK:
	case LAB_READ_LOCK:
	case LAB_WRITE_LOCK:
	case LAB_LOCK_PAGE:
	case LAB_PIN:
		taken(t, step);
		atomic(t, step);
		break;
	case LAB_TRYLOCK:
	case LAB_READ_TRYLOCK:
	case LAB_WRITE_TRYLOCK:
	case LAB_TRYLOCK_PAGE:
	case LAB_PIN_TRYWRITE:
		atomic(t, step);
		if (step->outcome && step->op != LAB_TRYLOCK_PAGE)
			taken(t, step);
		break;
	case LAB_UNLOCK:
	case LAB_READ_UNLOCK:
	case LAB_WRITE_UNLOCK:
	case LAB_UNPIN:
	case LAB_PIN_UNWRITE:
	case LAB_UNLOCK_PAGE:
		give_back(t, step);
		break;
	case LAB_LOAD:
	case LAB_CONTENDED:
		if (sim_is_memory(step->obj))
			t->clock = sim_load(fiber->cpu, step->obj, t->clock);
		sim_tell_line(t, step->obj, step->what, step->place, 0);
		break;
	case LAB_STORE:
		if (sim_is_memory(step->obj))
			t->clock = sim_store(fiber->cpu, step->obj, t->clock);
		sim_tell_line(t, step->obj, step->what, step->place, 0);
		break;
	case LAB_ADD:
		add(t, step);
		break;
	case LAB_RMW:
		atomic(t, step);
		break;
	case LAB_CPU:
		work(t, p.ps[SIM_percpu], SIM_PART_WORK, "which CPU",
		     step->place, 0);
		break;
	case LAB_WAIT:
		os(t, SIM_sleep);
		break;
	case LAB_WAKE:
		os(t, SIM_wake);
		sim_woke(t->clock);
		break;
	case LAB_SPAWN:
		os(t, SIM_thread);
		break;
	case LAB_RCU_UNREAD:
		sim_changed(step->obj, true, t->clock);
		break;
	default:
		break;
	}
	t->spent += t->clock - begin;
}

void sim_note(void *arg, struct uzs_lab_fiber *fiber,
	      const struct uzs_lab_step *step)
{
	struct sim_task *t = sim_task_of(fiber);

	(void)arg;
	if (step->op == LAB_COPY)
		work(t, step->n * p.ps[SIM_memcpy_kib] / 1024, SIM_PART_WORK,
		     "copying", fiber->step.place, 0);
	else if (step->op == LAB_PAGE_FREE)
		work(t, p.ps[SIM_page_free], SIM_PART_ZONE, "page_free",
		     fiber->step.place, 0);
}

/* ---- told by the compiler and the linker: sim_mem.c --------------------------------- */

void sim_plain(const volatile void *addr, bool write, uintptr_t pc)
{
	struct sim_task *t;

	if (!uzs_lab_current)
		return;
	t = sim_task_of(uzs_lab_current);
	work(t, p.work_ps, SIM_PART_WORK, NULL, NULL, pc);
	if (write)
		p.run->stores++;
	else
		p.run->loads++;
	if (!sim_is_memory(addr))
		return;
	t->clock = write ? sim_store(t->fiber->cpu, addr, t->clock)
			 : sim_load(t->fiber->cpu, addr, t->clock);
	sim_tell_line(t, addr, NULL, NULL, pc);
}

void sim_bulk(const volatile void *addr, size_t size, bool write, uintptr_t pc)
{
	uintptr_t line = (uintptr_t)addr >> SIM_LINE_SHIFT;
	uintptr_t last = ((uintptr_t)addr + size - 1) >> SIM_LINE_SHIFT;
	struct sim_task *t;

	if (!uzs_lab_current || !size || !sim_is_memory(addr))
		return;
	t = sim_task_of(uzs_lab_current);
	for (; line <= last; line++) {
		const void *at = (const void *)max((uintptr_t)addr,
						   line << SIM_LINE_SHIFT);

		t->clock = write ? sim_store(t->fiber->cpu, at, t->clock)
				 : sim_load(t->fiber->cpu, at, t->clock);
		sim_tell_line(t, at, NULL, NULL, pc);
	}
}

void sim_plain_prefetch(const volatile void *addr, int alone)
{
	struct sim_task *t;

	if (!uzs_lab_current || !sim_is_memory(addr))
		return;
	t = sim_task_of(uzs_lab_current);
	t->clock = sim_prefetch(t->fiber->cpu, addr, alone, t->clock);
}

void sim_freed(void)
{
	if (uzs_lab_current)
		work(sim_task_of(uzs_lab_current), p.ps[SIM_free_more],
		     SIM_PART_WORK, "free_more", NULL, 0);
}

/* The linker makes the library call this one (-Wl,--wrap). */
struct zs_pool;
void __real_uzs_free_handle(struct zs_pool *pool, unsigned long handle);
void __wrap_uzs_free_handle(struct zs_pool *pool, unsigned long handle);
void __wrap_uzs_free_handle(struct zs_pool *pool, unsigned long handle)
{
	__real_uzs_free_handle(pool, handle);
	sim_freed();
}

/* ---- told by the fibers ---------------------------------------------------------------- */

void sim_spend(u64 n_ps)
{
	work(sim_task_of(uzs_lab_current), n_ps, SIM_PART_WORK, NULL, NULL, 0);
}

void sim_shared_count(unsigned long *counter)
{
	uzs_lab_access(LAB_ADD, counter, __ATOMIC_RELAXED,
		       UZS_LAB_PLACE("callers' counter"));
	++*counter;
}
