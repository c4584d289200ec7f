/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_sched.c - owns the clocks of the fibers, who has which CPU, and who
 * waits for what; see sim_sched.h.
 *
 * Callers: sim_work.c; the lab's body (pick, granted, note). Calls: sim_line.c.
 * Guarantees:
 *  V1 a step is granted to the fiber with the least clock of those that can do
 *     theirs; of equal ones to who asked first, then to the lower number.
 *  V2 a lock is not granted before the time at which it was given back.
 *  V3 the same input gives the same times.
 * Known limits: between two steps a fiber's plain accesses happen at once, so
 * that they may be seen out of order by what that takes; a try that another's
 * unlock would just miss can succeed.
 */
#include "sim_sched.h"

#include <stdio.h>
#include <string.h>

#define MAX_TASKS UZS_LAB_MAX_FIBERS

enum where {
	IN_HEAP, /* has a CPU, and can do its step as far as is known */
	RUNNING, /* is the one that the lab runs */
	PARKED, /* its step cannot be done; until `obj` changes */
	NO_CPU, /* waits for one */
	GONE
};

struct task {
	struct uzs_lab_fiber *fiber;
	enum where where;
	u64 clock;
	u64 arrived; /* at its step */
	u64 slice_end;
	u64 queued; /* for a CPU, since then */
	u64 spent; /* on CPUs, for fairness */
	bool waited; /* for a lock, at this step */
	bool has_cpu;
	struct sim_time time;
};

static struct {
	struct task task[MAX_TASKS];
	unsigned int nr; /* tasks known */
	struct task *heap[MAX_TASKS];
	unsigned int in_heap;
	unsigned int parked, no_cpu; /* how many */
	struct task *on_cpu[SIM_MAX_CPUS];
	unsigned int cpus;
	bool woke; /* somebody was, at the last step */
	u64 woke_at;
	const double *cost;
	u64 work_ps, memcpy_ps;
	struct sim_run *run;
	struct sim_span *spans;
	unsigned int nr_spans, room;
	const char *lock_name[SIM_MAX_LOCKS];
} s;

static u64 ps(enum sim_cost_id id)
{
	return (u64)(s.cost[id] * 1000 + 0.5);
}

static struct task *task_of(const struct uzs_lab_fiber *fiber)
{
	return fiber->user;
}

/* ---- the heap ------------------------------------------------------------------ */

static bool before(const struct task *a, const struct task *b)
{
	if (a->clock != b->clock)
		return a->clock < b->clock;
	if (a->arrived != b->arrived)
		return a->arrived < b->arrived;
	return a < b;
}

static void push(struct task *t)
{
	unsigned int i = s.in_heap++;

	t->where = IN_HEAP;
	while (i && before(t, s.heap[(i - 1) / 2])) {
		s.heap[i] = s.heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	s.heap[i] = t;
}

static struct task *pop(void)
{
	struct task *top = s.heap[0], *last = s.heap[--s.in_heap];
	unsigned int i = 0, child;

	while ((child = 2 * i + 1) < s.in_heap) {
		if (child + 1 < s.in_heap &&
		    before(s.heap[child + 1], s.heap[child]))
			child++;
		if (!before(s.heap[child], last))
			break;
		s.heap[i] = s.heap[child];
		i = child;
	}
	s.heap[i] = last;
	return top;
}

/* ---- CPUs ----------------------------------------------------------------------- */

static void get_cpu_at(struct task *t, unsigned int cpu, u64 at)
{
	t->has_cpu = true;
	t->fiber->cpu = cpu;
	s.on_cpu[cpu] = t;
	if (at > t->clock) {
		t->time.queue_ps += at - t->clock;
		t->clock = at;
	}
	t->slice_end = t->clock + ps(SIM_slice);
}

/* A CPU that nobody has: the task's last one, or the first. */
static int idle_cpu(const struct task *t)
{
	unsigned int last = t->fiber->cpu;

	if (last < s.cpus && !s.on_cpu[last])
		return (int)last;
	for (unsigned int i = 0; i < s.cpus; i++)
		if (!s.on_cpu[i])
			return (int)i;
	return -1;
}

/* The task can go on at its clock, when it has a CPU. */
static void make_ready(struct task *t)
{
	int cpu;

	if (!t->has_cpu) {
		cpu = idle_cpu(t);
		if (cpu < 0) {
			t->where = NO_CPU;
			t->queued = t->clock;
			s.no_cpu++;
			return;
		}
		get_cpu_at(t, (unsigned int)cpu, t->clock);
	}
	push(t);
}

/* Who waits for a CPU and has had least of them so far. */
static struct task *next_for_cpu(void)
{
	struct task *best = NULL;

	for (unsigned int i = 0; s.no_cpu && i < s.nr; i++) {
		struct task *t = &s.task[i];

		if (t->where == NO_CPU && (!best || t->spent < best->spent))
			best = t;
	}
	return best;
}

/* The task gives up its CPU at its clock, to whom it may be of use. */
static void leave_cpu(struct task *t, u64 at)
{
	unsigned int cpu = t->fiber->cpu;
	struct task *next;

	if (!t->has_cpu)
		return;
	t->has_cpu = false;
	s.on_cpu[cpu] = NULL;
	next = next_for_cpu();
	if (!next)
		return;
	s.no_cpu--;
	get_cpu_at(next, cpu, at);
	next->clock += ps(SIM_context_switch);
	next->time.os_ps += ps(SIM_context_switch);
	push(next);
}

/* Its time slice is over, and others wait. */
static void preempt(struct task *t)
{
	leave_cpu(t, t->clock);
	t->where = NO_CPU;
	t->queued = t->clock;
	s.no_cpu++;
}

/* ---- waiting ---------------------------------------------------------------------- */

static bool is_lock(enum uzs_lab_op op)
{
	switch (op) {
	case LAB_LOCK:
	case LAB_READ_LOCK:
	case LAB_WRITE_LOCK:
	case LAB_PIN:
	case LAB_LOCK_PAGE:
		return true;
	default:
		return false;
	}
}

static void park(struct task *t)
{
	const struct uzs_lab_step *step = &t->fiber->step;

	t->where = PARKED;
	s.parked++;
	if (!is_lock(step->op)) {
		leave_cpu(t, t->clock);
		return;
	}
	/* Spins on its CPU first: give_up_spinning(). To see that the lock is
	 * taken it must have its line, which the holder then lacks. */
	if (!t->waited && sim_is_memory(step->obj))
		sim_atomic(t->fiber->cpu, step->obj, t->clock);
	sim_set_spinner(step->obj, t->fiber->cpu);
	t->waited = true;
}

static void unpark(struct task *t, u64 at)
{
	s.parked--;
	t->clock = max(t->clock, at);
	make_ready(t);
}

/* What waits for a change of obj, made at that time: one, if only one can have
 * it, the longest. */
static void changed(const void *obj, bool all, u64 at)
{
	struct task *first = NULL;

	if (s.parked)
		sim_set_spinner(obj, SIM_NO_CPU);
	for (unsigned int i = 0; s.parked && i < s.nr; i++) {
		struct task *t = &s.task[i];

		if (t->where != PARKED || t->fiber->step.obj != obj ||
		    t->fiber->step.op == LAB_WOKEN)
			continue;
		if (all)
			unpark(t, at);
		else if (!first || t->arrived < first->arrived)
			first = t;
		else
			sim_set_spinner(obj, t->fiber->cpu);
	}
	if (first)
		unpark(first, at);
}

/* Those that the last step woke. */
static void admit_woken(void)
{
	u64 at = s.woke_at + ps(SIM_wake_delay);

	s.woke = false;
	for (unsigned int i = 0; s.parked && i < s.nr; i++) {
		struct task *t = &s.task[i];

		if (t->where == PARKED && t->fiber->step.op == LAB_WOKEN &&
		    t->fiber->woken)
			unpark(t, at);
	}
}

/* Fibers that were spawned since: they begin at that time. */
static void admit_new(u64 at)
{
	for (; s.nr < uzs_lab_nr_fibers(); s.nr++) {
		struct task *t = &s.task[s.nr];

		*t = (struct task){ .fiber = uzs_lab_fiber(s.nr) };
		t->fiber->user = t;
		t->clock = t->arrived = at;
		if (uzs_lab_can_run(t->fiber)) {
			make_ready(t);
		} else {
			t->where = PARKED;
			s.parked++;
		}
	}
}

/* The end of a fiber: for who joins it, or begins last. */
static void admit_after_end(u64 at)
{
	for (unsigned int i = 0; s.parked && i < s.nr; i++) {
		struct task *t = &s.task[i];

		if (t->where == PARKED && t->fiber->step.op != LAB_WOKEN &&
		    uzs_lab_can_run(t->fiber)) {
			t->arrived = at;
			unpark(t, at);
		}
	}
}

/* A sleep with a timeout: in virtual time that is an appointment. */
static struct task *next_timeout(void)
{
	struct task *next = NULL;

	for (unsigned int i = 0; s.parked && i < s.nr; i++) {
		struct task *t = &s.task[i];

		if (t->where == PARKED && t->fiber->step.op == LAB_WOKEN &&
		    t->fiber->due &&
		    (!next || t->fiber->due < next->fiber->due))
			next = t;
	}
	return next;
}

static void wake_late(struct task *t)
{
	u64 due = t->fiber->due * 1000;

	t->fiber->due = 0;
	t->fiber->woken = true;
	unpark(t, due);
}

/* Who has spun for long enough by then sleeps, if others want its CPU. */
static void give_up_spinning(u64 now)
{
	u64 spin = ps(SIM_spin);

	for (unsigned int i = 0; s.no_cpu && i < s.nr; i++) {
		struct task *t = &s.task[i];

		if (t->where == PARKED && t->has_cpu && t->clock + spin <= now)
			leave_cpu(t, t->clock + spin);
	}
}

/* ---- pick -------------------------------------------------------------------------- */

/* Everybody waits. */
static struct uzs_lab_fiber *stuck(void)
{
	struct task *late = next_timeout();
	bool left = false;

	for (unsigned int i = 0; i < s.nr; i++) {
		const struct uzs_lab_fiber *f = s.task[i].fiber;

		left |= f->state != LAB_DONE && !f->daemon;
	}
	if (!left)
		return NULL;
	if (late) {
		wake_late(late);
		return late->fiber;
	}
	return uzs_lab_stuck();
}

/* Its step, if it can be done now and is the next; it is in no heap. */
static bool is_next(struct task *t)
{
	const struct uzs_lab_step *step = &t->fiber->step;
	u64 at;

	if (is_lock(step->op)) {
		at = sim_free_at(step->obj); /* V2 */
		if (at > t->clock) {
			t->waited = true;
			t->clock = at;
		}
	}
	if (s.in_heap && before(s.heap[0], t)) {
		push(t);
		return false;
	}
	if (uzs_lab_can_run(t->fiber))
		return true;
	park(t);
	return false;
}

static struct uzs_lab_fiber *pick(void *arg, struct uzs_lab_fiber *current)
{
	struct task *t, *late;

	(void)arg;
	if (current) {
		t = task_of(current);
		t->where = RUNNING;
		t->arrived = t->clock;
		t->waited = false;
		admit_new(t->clock);
		if (unlikely(s.woke))
			admit_woken();
		if (unlikely(s.no_cpu && t->clock >= t->slice_end))
			preempt(t);
		else if (is_next(t))
			return current;
	} else if (uzs_lab_current) {
		t = task_of(uzs_lab_current); /* has ended */
		t->where = GONE;
		s.run->end_ps = max(s.run->end_ps, t->clock);
		leave_cpu(t, t->clock);
		admit_after_end(t->clock);
	} else {
		admit_new(0);
	}
	while (s.in_heap) {
		if (unlikely(s.no_cpu && s.parked))
			give_up_spinning(s.heap[0]->clock);
		late = next_timeout();
		if (late && late->fiber->due * 1000 < s.heap[0]->clock)
			wake_late(late);
		t = pop();
		t->where = RUNNING;
		if (is_next(t))
			return t->fiber;
	}
	return stuck();
}

/* ---- what it costs ------------------------------------------------------------------- */

/* The number of a name, which is the same pointer each time. */
static unsigned int lock_of(const char *name)
{
	struct sim_run *r = s.run;
	unsigned int i;

	for (i = 0; i < r->nr_locks; i++)
		if (s.lock_name[i] == name)
			return i;
	if (i == SIM_MAX_LOCKS)
		return i - 1;
	s.lock_name[i] = name;
	snprintf(r->lock[i].name, sizeof(r->lock[i].name), "%s",
		 name ? name : "");
	r->nr_locks++;
	return i;
}

static void span(const struct task *t, u64 begin, u64 end, unsigned int lock,
		 bool wait)
{
	if (s.nr_spans < s.room)
		s.spans[s.nr_spans++] = (struct sim_span){
			begin,
			end,
			(u16)lock,
			(u16)t->fiber->cpu,
			(u16)t->fiber->id,
			wait,
		};
}

/* Begins a hold: it ends with the unlock. */
static void note_taken(struct task *t, const struct uzs_lab_step *step)
{
	unsigned int lock = lock_of(step->what);
	struct sim_lock_stat *stat = &s.run->lock[lock];

	stat->taken++;
	if (t->waited && t->clock > t->arrived) {
		stat->waited++;
		stat->wait_ps += t->clock - t->arrived;
		t->time.lock_ps += t->clock - t->arrived;
		span(t, t->arrived, t->clock, lock, true);
		t->clock += ps(SIM_contended);
		t->time.work_ps += ps(SIM_contended);
	}
	if (s.nr_spans < s.room)
		span(t, t->clock, 0, lock, false);
}

static void note_given(const struct task *t, const struct uzs_lab_step *step)
{
	for (unsigned int i = s.nr_spans; i-- > 0;) {
		struct sim_span *p = &s.spans[i];

		if (p->fiber != t->fiber->id || p->end_ps || p->wait ||
		    s.lock_name[p->lock] != step->what)
			continue;
		p->end_ps = t->clock;
		return;
	}
}

static void atomic(struct task *t, const void *obj)
{
	if (sim_is_memory(obj))
		t->clock = sim_atomic(t->fiber->cpu, obj, t->clock);
	else
		t->clock += ps(SIM_atomic);
}

static void os(struct task *t, enum sim_cost_id id)
{
	t->clock += ps(id);
	t->time.os_ps += ps(id);
}

static void work(struct task *t, u64 n_ps)
{
	t->clock += n_ps;
	t->time.work_ps += n_ps;
}

static bool is_zone_lock(const struct uzs_lab_step *step)
{
	return step->what && strstr(step->what, "zone->lock");
}

static void granted(void *arg, struct uzs_lab_fiber *fiber)
{
	const struct uzs_lab_step *step = &fiber->step;
	struct task *t = task_of(fiber);
	u64 begin = t->clock;

	(void)arg;
	s.run->steps++;
	uzs_lab_clock_ns = t->clock / 1000 + 1;
	switch (step->op) {
	case LAB_LOCK:
	case LAB_READ_LOCK:
	case LAB_WRITE_LOCK:
	case LAB_LOCK_PAGE:
	case LAB_PIN:
		note_taken(t, step);
		atomic(t, step->obj);
		break;
	case LAB_TRYLOCK:
	case LAB_READ_TRYLOCK:
	case LAB_WRITE_TRYLOCK:
	case LAB_TRYLOCK_PAGE:
	case LAB_PIN_TRYWRITE:
		atomic(t, step->obj);
		if (step->outcome && step->op != LAB_TRYLOCK_PAGE)
			note_taken(t, step);
		break;
	case LAB_UNLOCK:
	case LAB_READ_UNLOCK:
	case LAB_WRITE_UNLOCK:
	case LAB_UNPIN:
	case LAB_PIN_UNWRITE:
	case LAB_UNLOCK_PAGE:
		if (step->op == LAB_UNLOCK && is_zone_lock(step))
			work(t, ps(SIM_zone_batch));
		atomic(t, step->obj);
		if (step->op == LAB_UNLOCK || step->op == LAB_WRITE_UNLOCK)
			sim_set_free_at(step->obj, t->clock);
		if (s.spans)
			note_given(t, step);
		changed(step->obj, step->op != LAB_UNLOCK, t->clock);
		break;
	case LAB_LOAD:
	case LAB_CONTENDED:
		if (sim_is_memory(step->obj))
			t->clock = sim_load(fiber->cpu, step->obj, t->clock);
		break;
	case LAB_STORE:
		if (sim_is_memory(step->obj))
			t->clock = sim_store(fiber->cpu, step->obj, t->clock);
		break;
	case LAB_ADD:
	case LAB_RMW:
		atomic(t, step->obj);
		break;
	case LAB_CPU:
		work(t, ps(SIM_percpu));
		break;
	case LAB_WAIT:
		os(t, SIM_sleep);
		break;
	case LAB_WAKE:
		os(t, SIM_wake);
		s.woke = true;
		s.woke_at = t->clock;
		break;
	case LAB_SPAWN:
		os(t, SIM_thread);
		break;
	case LAB_RCU_UNREAD:
		changed(NULL, true, t->clock);
		break;
	default:
		break;
	}
	t->spent += t->clock - begin;
}

static void note(void *arg, struct uzs_lab_fiber *fiber,
		 const struct uzs_lab_step *step)
{
	struct task *t = task_of(fiber);

	(void)arg;
	if (step->op == LAB_COPY)
		work(t, step->n * s.memcpy_ps / 1024);
	else if (step->op == LAB_PAGE_FREE)
		work(t, ps(SIM_page_free));
}

static u64 now(void *arg)
{
	(void)arg;
	return sim_now() / 1000 + 1;
}

/* A plain access, told by the compiler. Declared in sim_mem.c. */
void sim_plain(const volatile void *addr, bool write);
void sim_plain(const volatile void *addr, bool write)
{
	struct task *t;

	if (!uzs_lab_current)
		return;
	t = task_of(uzs_lab_current);
	work(t, s.work_ps);
	if (write)
		s.run->stores++;
	else
		s.run->loads++;
	if (!sim_is_memory(addr))
		return;
	t->clock = write ? sim_store(t->fiber->cpu, addr, t->clock)
			 : sim_load(t->fiber->cpu, addr, t->clock);
}

void sim_plain_prefetch(const volatile void *addr, int alone);
void sim_plain_prefetch(const volatile void *addr, int alone)
{
	struct task *t;

	if (!uzs_lab_current || !sim_is_memory(addr))
		return;
	t = task_of(uzs_lab_current);
	t->clock = sim_prefetch(t->fiber->cpu, addr, alone, t->clock);
}

/* ---- the run --------------------------------------------------------------------------- */

static void sum_up(unsigned int cpus, struct sim_run *run)
{
	for (unsigned int i = 0; i < s.nr; i++) {
		const struct sim_time *time = &s.task[i].time;

		run->time.work_ps += time->work_ps;
		run->time.lock_ps += time->lock_ps;
		run->time.queue_ps += time->queue_ps;
		run->time.os_ps += time->os_ps;
	}
	for (unsigned int i = 0; i < cpus; i++) {
		const struct sim_line_stat *stat = sim_line_stat(i);

		run->line.memory_ps += stat->memory_ps;
		run->line.moves_ps += stat->moves_ps;
		run->line.atomic_ps += stat->atomic_ps;
		run->line.misses += stat->misses;
		run->line.moves += stat->moves;
	}
}

bool sim_run(const struct sim_costs *costs, unsigned int cpus, u64 work_ps,
	     struct sim_run *run)
{
	static const struct uzs_lab_scheduler scheduler = {
		.pick = pick,
		.granted = granted,
		.note = note,
		.now = now,
	};

	memset(run, 0, sizeof(*run));
	memset(&s, 0, sizeof(s));
	s.cost = costs->value;
	s.cpus = cpus;
	s.work_ps = work_ps;
	s.memcpy_ps = ps(SIM_memcpy_kib);
	s.run = run;
	uzs_lab_clear_finding();
	uzs_lab_run(&scheduler);
	sum_up(cpus, run);
	return uzs_lab_finding() == LAB_FOUND_NOTHING;
}

u64 sim_now(void)
{
	return uzs_lab_current ? task_of(uzs_lab_current)->clock : 0;
}

void sim_spend(u64 n_ps)
{
	work(task_of(uzs_lab_current), n_ps);
}

void sim_shared_count(unsigned long *counter)
{
	uzs_lab_access(LAB_ADD, counter, __ATOMIC_RELAXED,
		       UZS_LAB_PLACE("counter of the caller"));
	++*counter;
}

void sim_wait_until(u64 at)
{
	struct task *t = task_of(uzs_lab_current);

	t->clock = max(t->clock, at);
}

void sim_record(struct sim_span *spans, unsigned int room)
{
	s.spans = spans;
	s.room = room;
	s.nr_spans = 0;
}

unsigned int sim_recorded(void)
{
	return s.nr_spans;
}
