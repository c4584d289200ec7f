/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab.c - owns the fibers of a run and the finding. Stands for fault.c, too. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define UZS_LOCK_NATIVE
#include "lab.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "compat/checked/hooks.h"
#include "compat/os.h"
#include "compat/workqueue.h"
#include "compat/zone.h"
#include "lab_fiber.h"
#include "lab_os.h"

#define TEXT_BYTES 2048
#define ALT_STACK_BYTES (64u << 10)
/* A fiber that makes no step for two of these is in an endless loop. Seconds of
 * CPU time, so that a busy machine or a debugger does not matter. */
#define WATCH_SECONDS 1

struct uzs_lab_fiber *uzs_lab_current;
u64 uzs_lab_clock_ns;
const struct uzs_lab_memory *uzs_lab_memory;

static struct {
	struct uzs_lab_options options;
	struct uzs_lab_fiber fibers[UZS_LAB_MAX_FIBERS];
	unsigned int nr;
	const struct uzs_lab_scheduler *scheduler; /* NULL: no run */
	u64 steps; /* of all runs */
	u64 watched; /* steps at the last alarm */
	sigjmp_buf back; /* to the thread's own stack */
	bool have_back;
	enum uzs_lab_finding finding;
	char text[TEXT_BYTES];
} lab;

/* ---- findings ------------------------------------------------------------ */

/* Ends the run, or the call of uzs_lab_protect. */
__attribute__((noreturn)) static void give_up(void)
{
	if (uzs_lab_current) {
		struct uzs_lab_fiber *me = uzs_lab_current;

		uzs_lab_current = NULL;
		uzs_fiber_switch(me->context, NULL);
	}
	if (lab.have_back)
		siglongjmp(lab.back, 1);
	fprintf(stderr, "uzsmalloc: lab: %s: %s\n",
		uzs_lab_finding_name(lab.finding), lab.text);
	abort();
}

static void note_finding(enum uzs_lab_finding kind, const char *format,
			 va_list args)
{
	if (lab.finding != LAB_FOUND_NOTHING)
		return;
	lab.finding = kind;
	vsnprintf(lab.text, sizeof(lab.text), format, args);
}

void uzs_lab_found(enum uzs_lab_finding kind, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	note_finding(kind, format, args);
	va_end(args);
	if (uzs_lab_current || lab.have_back)
		give_up();
}

/* As uzs_lab_found, but returns. For callers that then end the run. */
__attribute__((format(printf, 2, 3))) static void
remember(enum uzs_lab_finding kind, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	note_finding(kind, format, args);
	va_end(args);
}

enum uzs_lab_finding uzs_lab_finding(void)
{
	return lab.finding;
}

const char *uzs_lab_finding_text(void)
{
	return lab.text;
}

void uzs_lab_clear_finding(void)
{
	lab.finding = LAB_FOUND_NOTHING;
	lab.text[0] = '\0';
}

void uzs_bug(const char *file, int line, const char *what)
{
	remember(LAB_FOUND_ASSERTION, "%s:%d: %s", file, line, what);
	give_up();
}

static void lockdep_report(void *arg, const struct uzs_report *r)
{
	enum uzs_lab_finding kind = LAB_FOUND_LOCK_RULE;
	size_t len = strlen(r->text);

	(void)arg;
	if (r->kind == UZS_REPORT_ORDER || r->kind == UZS_REPORT_RANK ||
	    r->kind == UZS_REPORT_NESTED)
		kind = LAB_FOUND_ORDER;
	if (len && r->text[len - 1] == '\n')
		len--;
	uzs_lab_found(kind, "%.*s", (int)len, r->text);
}

void uzs_lab_forget_lock_order(void)
{
	uzs_lockdep_forget_order();
}

/* ---- crashes, and loops without steps ------------------------------------ */

/* Text for a message: which fiber runs, and its last step. */
static const char *where_am_i(void)
{
	static char text[256];
	const struct uzs_lab_fiber *me = uzs_lab_current;

	if (!me || !me->step.place->line)
		return "";
	snprintf(text, sizeof(text), ", %s, after its step at %s:%d", me->name,
		 me->from ? me->from->file : me->step.place->file,
		 me->from ? me->from->line : me->step.place->line);
	return text;
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (sig == SIGSEGV && uzs_lab_os_trap(info->si_addr))
		return;
	if (!lab.have_back) {
		/* Not in the lab's code: as if there were no handler. */
		signal(sig, SIG_DFL);
		return;
	}
	if (uzs_fiber_overflow(info->si_addr))
		remember(LAB_FOUND_CRASH, "a fiber's stack is too small");
	else
		remember(LAB_FOUND_CRASH, "%s at address %p%s",
			 sig == SIGSEGV ? "segmentation fault" : "bus error",
			 info->si_addr, where_am_i());
	siglongjmp(lab.back, 1);
}

static void on_alarm(int sig)
{
	(void)sig;
	if (!lab.have_back || lab.watched != lab.steps) {
		lab.watched = lab.steps;
		return;
	}
	remember(LAB_FOUND_LIVELOCK, "no step for %d second", WATCH_SECONDS);
	siglongjmp(lab.back, 1);
}

/* The handlers have a stack of their own, as a fiber's stack is small and may
 * be full. Their signals are not blocked meanwhile, as they end by a long jump.
 */
void uzs_lab_catch_faults(void)
{
	static char alt_stack[ALT_STACK_BYTES];
	const stack_t stack = { .ss_sp = alt_stack,
				.ss_size = sizeof(alt_stack) };
	const struct itimerval watch = {
		.it_interval = { .tv_sec = WATCH_SECONDS },
		.it_value = { .tv_sec = WATCH_SECONDS },
	};
	struct sigaction fault = {
		.sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER,
	};
	struct sigaction alarm = {
		.sa_handler = on_alarm,
		.sa_flags = SA_ONSTACK | SA_NODEFER | SA_RESTART,
	};

	sigaltstack(&stack, NULL);
	sigaction(SIGSEGV, &fault, NULL);
	sigaction(SIGBUS, &fault, NULL);
	sigaction(SIGVTALRM, &alarm, NULL);
	setitimer(ITIMER_VIRTUAL, &watch, NULL);
}

bool uzs_lab_protect(void (*fn)(void *arg), void *arg)
{
	enum uzs_lab_finding before = lab.finding;

	lab.steps++;
	if (sigsetjmp(lab.back, 0) == 0) {
		lab.have_back = true;
		fn(arg);
	} else {
		uzs_fiber_cut();
		if (!lab.scheduler)
			uzs_lockdep_drop_all(NULL); /* what fn had locked */
	}
	lab.have_back = false;
	return lab.finding == before;
}

/* ---- fibers -------------------------------------------------------------- */

static void page_freed(void *arg, struct zone *zone, struct page *page)
{
	(void)arg;
	uzs_lab_note(LAB_PAGE_FREE, page, 1);
	if (lab.options.track)
		uzs_lab_fill_freed(page_address(zone, page),
				   (size_t)1 << zone->page_shift);
}

static void work_scheduled(void *arg, struct workqueue_struct *wq,
			   struct work_struct *work, bool queued)
{
	(void)arg;
	(void)wq;
	uzs_lab_note(LAB_QUEUE_WORK, work, queued);
}

static const struct uzs_hooks hooks = {
	.page_freed = page_freed,
	.work_scheduled = work_scheduled,
};

bool uzs_lab_init(const struct uzs_lab_options *options)
{
	lab.options = *options;
	if (!uzs_lab_os_init(options->arena_bytes, options->track))
		return false;
	uzs_set_report_handler(lockdep_report, NULL);
	uzs_set_hooks(&hooks);
	uzs_lab_catch_faults();
	return true;
}

void uzs_lab_reset(void)
{
	lab.nr = 0;
	uzs_lab_clock_ns = 1;
}

const struct uzs_lab_options *uzs_lab_options(void)
{
	return &lab.options;
}

const struct uzs_lab_scheduler *uzs_lab_scheduler(void)
{
	return lab.scheduler;
}

unsigned int uzs_lab_nr_fibers(void)
{
	return lab.nr;
}

struct uzs_lab_fiber *uzs_lab_fiber(unsigned int id)
{
	return &lab.fibers[id];
}

static bool all_others_done(const struct uzs_lab_fiber *self)
{
	for (unsigned int i = 0; i < lab.nr; i++) {
		const struct uzs_lab_fiber *f = &lab.fibers[i];

		if (f != self && !f->daemon && f->state != LAB_DONE)
			return false;
	}
	return true;
}

bool uzs_lab_can_run(const struct uzs_lab_fiber *f)
{
	if (f->state != LAB_READY)
		return false;
	switch (f->step.op) {
	case LAB_START:
		return !f->last || all_others_done(f);
	case LAB_LOCK:
	case LAB_READ_LOCK:
	case LAB_WRITE_LOCK:
	case LAB_PIN:
	case LAB_LOCK_PAGE:
	case LAB_WAIT_PAGE:
		return uzs_lab_step_succeeds(&f->step);
	case LAB_WOKEN:
		return f->woken;
	case LAB_JOIN:
		return ((const struct uzs_lab_fiber *)f->step.obj)->state ==
		       LAB_DONE;
	case LAB_RCU_SYNC:
		return !uzs_lab_readers_before(f, f->rcu_wait);
	default:
		return true;
	}
}

static void become(struct uzs_lab_fiber *f)
{
	uzs_lab_current = f;
	uzs_lockdep_switch(f ? f->lockdep : NULL);
}

/* Switches to `next` (NULL: ends the run). Returns when it is this fiber's turn
 * again. */
static void hand_over(struct uzs_lab_fiber *me, struct uzs_lab_fiber *next)
{
	become(next);
	uzs_fiber_switch(me->context, next ? next->context : NULL);
}

/* The scheduler has chosen `f`, which now runs. */
static void grant(struct uzs_lab_fiber *f)
{
	lab.steps++;
	f->steps++;
	f->step.outcome = uzs_lab_step_succeeds(&f->step);
	lab.scheduler->granted(lab.scheduler->arg, f);
}

void uzs_lab_aside(void (*fn)(void *arg), void *arg)
{
	struct uzs_lab_fiber *me = uzs_lab_current;

	become(NULL);
	fn(arg);
	become(me);
}

static void step_here(struct uzs_lab_fiber *me)
{
	struct uzs_lab_fiber *next =
		lab.scheduler->pick(lab.scheduler->arg, me);

	if (next != me)
		hand_over(me, next);
	grant(me);
}

static void fiber_main(void *arg)
{
	struct uzs_lab_fiber *me = arg;

	uzs_fiber_entered();
	grant(me); /* LAB_START */
	if (me->thread_fn)
		me->thread_fn(me->arg);
	else
		me->fn(me->arg);
	if (uzs_count_held(NULL))
		uzs_lab_found(LAB_FOUND_LOCK_RULE, "%s ends and holds a lock",
			      me->name);
	me->state = LAB_DONE;
	hand_over(me, lab.scheduler->pick(lab.scheduler->arg, NULL));
}

struct uzs_lab_fiber *uzs_lab_spawn(const char *name, unsigned int cpu,
				    void (*fn)(void *arg), void *arg)
{
	static const struct uzs_place nowhere = { .file = "start" };
	struct uzs_fiber_context *context;
	struct uzs_lab_fiber *f;
	void *lockdep;

	if (lab.nr == UZS_LAB_MAX_FIBERS)
		return NULL;
	f = &lab.fibers[lab.nr];
	context = f->context;
	lockdep = f->lockdep;
	if (!context)
		context = uzs_fiber_new(lab.options.stack_bytes);
	if (!context)
		return NULL;
	if (!lockdep)
		lockdep = uzs_lockdep_new();
	*f = (struct uzs_lab_fiber){
		.id = lab.nr,
		.cpu = cpu,
		.state = LAB_READY,
		.step = { .op = LAB_START, .place = &nowhere },
		.name = name,
		.fn = fn,
		.arg = arg,
		.lockdep = lockdep,
		.context = context,
	};
	uzs_lockdep_drop_all(lockdep);
	uzs_fiber_prepare(context, fiber_main, f);
	lab.nr++;
	return f;
}

static void run_fibers(void *arg)
{
	struct uzs_lab_fiber *first;

	(void)arg;
	first = lab.scheduler->pick(lab.scheduler->arg, NULL);
	if (!first)
		return;
	become(first);
	uzs_fiber_switch(NULL, first->context);
}

void uzs_lab_run(const struct uzs_lab_scheduler *scheduler)
{
	lab.scheduler = scheduler;
	uzs_lab_protect(run_fibers, NULL);
	uzs_fiber_left();
	become(NULL);
	uzs_lockdep_drop_all(NULL); /* in case a check did not return */
	uzs_hooks_leave();
	lab.scheduler = NULL;
}

/* ---- steps --------------------------------------------------------------- */

void uzs_lab_point(enum uzs_lab_op op, enum uzs_lab_access access,
		   const void *obj, const char *what,
		   const struct uzs_place *place)
{
	struct uzs_lab_fiber *me = uzs_lab_current;

	if (!me)
		return;
	me->step = (struct uzs_lab_step){
		.op = op,
		.access = access,
		.acquire = true,
		.release = true,
		.obj = obj,
		.what = what,
		.place = place,
	};
	step_here(me);
}

static void access_step(enum uzs_lab_op op, const volatile void *obj, int order,
			const struct uzs_lab_place *place)
{
	static const enum uzs_lab_access accesses[] = {
		[LAB_LOAD] = LAB_LOOKS,
		[LAB_STORE] = LAB_CHANGES,
		[LAB_ADD] = LAB_ADDS,
		[LAB_RMW] = LAB_CHANGES,
	};
	struct uzs_lab_fiber *me = uzs_lab_current;

	me->step = (struct uzs_lab_step){
		.op = op,
		/* Which of two additions came first can be read. */
		.access = unlikely(uzs_lab_memory) && op == LAB_ADD
				  ? LAB_CHANGES
				  : accesses[op],
		.acquire = order != __ATOMIC_RELAXED &&
			   order != __ATOMIC_RELEASE,
		.release = order == __ATOMIC_RELEASE ||
			   order == __ATOMIC_ACQ_REL ||
			   order == __ATOMIC_SEQ_CST,
		.obj = (const void *)obj,
		.what = place->what,
		.place = &place->at,
	};
	step_here(me);
}

void uzs_lab_access(enum uzs_lab_op op, const volatile void *obj, int order,
		    const struct uzs_lab_place *place)
{
	uzs_lab_check_memory(obj, 1, &place->at);
	access_step(op, obj, order, place);
	/* Others may have freed it before this fiber was chosen. */
	uzs_lab_check_memory(obj, 1, &place->at);
}

void uzs_lab_peek(const volatile void *obj, const struct uzs_lab_place *place)
{
	access_step(LAB_LOAD, obj, __ATOMIC_ACQUIRE, place);
}

void uzs_lab_note(enum uzs_lab_op op, const void *obj, u64 n)
{
	const struct uzs_lab_step step = { .op = op, .obj = obj, .n = n };

	if (uzs_lab_current && lab.scheduler->note)
		lab.scheduler->note(lab.scheduler->arg, uzs_lab_current, &step);
}

void uzs_lab_wake(const void *word, bool all)
{
	for (unsigned int i = 0; i < lab.nr; i++) {
		struct uzs_lab_fiber *f = &lab.fibers[i];

		if (f->state != LAB_READY || f->step.op != LAB_WOKEN ||
		    f->step.obj != word || f->woken)
			continue;
		f->woken = true;
		if (!all)
			return;
	}
}

void uzs_lab_resched(const struct uzs_place *here)
{
	uzs_lab_point(LAB_RESCHED, LAB_NOTHING, NULL, NULL, here);
}

void uzs_lab_yield(void)
{
	uzs_lab_resched(UZS_HERE);
}

void uzs_lab_set_cpu(unsigned int cpu)
{
	struct uzs_lab_fiber *me = uzs_lab_current;

	uzs_lab_point(LAB_SET_CPU, LAB_CHANGES, &me->cpu, "CPU", UZS_HERE);
	me->cpu = cpu;
}

/* ---- who waits for what -------------------------------------------------- */

static bool is_asleep(const struct uzs_lab_fiber *f)
{
	return f->step.op == LAB_WOKEN;
}

static struct uzs_lab_fiber *next_timeout(void)
{
	struct uzs_lab_fiber *next = NULL;

	for (unsigned int i = 0; i < lab.nr; i++) {
		struct uzs_lab_fiber *f = &lab.fibers[i];

		if (f->state == LAB_READY && is_asleep(f) && f->due &&
		    (!next || f->due < next->due))
			next = f;
	}
	return next;
}

struct uzs_lab_fiber *uzs_lab_stuck(void)
{
	struct uzs_lab_fiber *late = next_timeout();
	enum uzs_lab_finding kind = LAB_FOUND_DEADLOCK;
	char text[TEXT_BYTES / 2] = "", step[256];
	bool left = false;
	int len = 0;

	for (unsigned int i = 0; i < lab.nr; i++) {
		struct uzs_lab_fiber *f = &lab.fibers[i];

		if (f->state == LAB_DONE || (f->daemon && is_asleep(f)))
			continue;
		left = true;
		if (is_asleep(f))
			kind = LAB_FOUND_LOST_WAKEUP;
		if (f->last && f->step.op == LAB_START)
			continue;
		uzs_lab_describe_step(&f->step, step, sizeof(step));
		if (len < (int)sizeof(text))
			len += snprintf(text + len, sizeof(text) - (size_t)len,
					"\n  %s waits: %s, at %s:%d", f->name,
					step, f->step.place->file,
					f->step.place->line);
	}
	if (!left)
		return NULL;
	if (late) {
		uzs_lab_clock_ns = max(uzs_lab_clock_ns, late->due);
		late->due = 0;
		late->woken = true;
		return late;
	}
	remember(kind, "nobody can go on%s", text);
	return NULL;
}
