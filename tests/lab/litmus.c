/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* litmus.c - small programs in the lab, and what came of them beside what the
 * enumerators of axioms.c allow. Owns the program that is run.
 */
#include "litmus.h"

#include <string.h>

static const struct litmus *program;
static u64 got[LITMUS_CPUS][LITMUS_OPS];
struct litmus_outcomes litmus_found;

/* ---- a program in the lab --------------------------------------------------------- */

static u64 do_op(unsigned long *word, const struct litmus_op *op)
{
	unsigned long expected = op->expected;

	switch (op->kind) {
	case LITMUS_LOAD:
		return __atomic_load_n(word, op->order);
	case LITMUS_STORE:
		__atomic_store_n(word, op->value, op->order);
		return 0;
	case LITMUS_EXCHANGE:
		return __atomic_exchange_n(word, op->value, op->order);
	case LITMUS_ADD:
		return __atomic_fetch_add(word, op->value, op->order);
	case LITMUS_CAS:
		__atomic_compare_exchange_n(word, &expected, op->value, false,
					    op->order, __ATOMIC_RELAXED);
		return expected;
	default:
		__atomic_thread_fence(op->order);
		return 0;
	}
}

static void run_cpu(struct lab_world *w, unsigned int cpu)
{
	for (unsigned int i = 0; i < program->nr[cpu]; i++) {
		const struct litmus_op *op = &program->op[cpu][i];

		got[cpu][i] = do_op(&w->word[op->word], op);
	}
}

static void run_3(void *arg)
{
	run_cpu(arg, 3);
}

static void run_0(struct lab_world *w)
{
	if (program->cpus == 4) {
		uzs_lab_point(LAB_SPAWN, LAB_CHANGES, NULL, NULL, UZS_HERE);
		uzs_lab_spawn("CPU 3", 3, run_3, w);
	}
	run_cpu(w, 0);
}

static void run_1(struct lab_world *w)
{
	run_cpu(w, 1);
}

static void run_2(struct lab_world *w)
{
	run_cpu(w, 2);
}

static void note_outcome(struct lab_world *w)
{
	u64 outcome = 0;

	for (unsigned int c = 0; c < program->cpus; c++)
		for (unsigned int i = 0; i < program->nr[c]; i++)
			if (litmus_reads(program->op[c][i].kind))
				outcome = outcome << 4 | got[c][i];
	for (unsigned int i = 0; i < program->words; i++)
		outcome = outcome << 4 | w->word[i];
	litmus_note(&litmus_found, outcome);
}

static const struct lab_scenario litmus = {
	.name = "litmus",
	.setup = no_setup,
	.cpu = { run_0, run_1, run_2 },
	.check = note_outcome,
	.flags = LAB_BARE,
};

u64 litmus_schedules[2];

void litmus_explore(const struct litmus *p, enum lab_memory memory,
		    unsigned int preemptions, unsigned int stale, bool reduce)
{
	const struct lab_config c = { .scenario = &litmus,
				      .scope = ZS_SCOPE_CLASS_IDX,
				      .defer = ZS_DEFER_NONE,
				      .cpus = min(p->cpus, 3u),
				      .memory = memory };
	struct lab_explore_options o = LAB_EXPLORE_DEFAULT;
	struct lab_result r;

	program = p;
	litmus_found.nr = 0;
	o.preemptions = preemptions;
	o.stale = stale;
	o.at_once = true;
	o.between = false;
	o.reduce = reduce;
	o.every_step = !reduce;
	o.verify = reduce;
	lab_explore(&c, &o, &r);
	if (r.finding != LAB_FOUND_NOTHING)
		fail_msg("%s: %s", p->name, r.text);
	assert_true(r.complete);
	litmus_schedules[reduce] += r.runs;
	litmus_sort(&litmus_found);
}

static const char *order_name(int order)
{
	switch (order) {
	case __ATOMIC_RELAXED:
		return "rlx";
	case __ATOMIC_ACQUIRE:
		return "acq";
	case __ATOMIC_RELEASE:
		return "rel";
	case __ATOMIC_ACQ_REL:
		return "acq-rel";
	default:
		return "sc";
	}
}

void litmus_print(const struct litmus *p)
{
	static const char *const kinds[] = { "load", "store", "exchange",
					     "add",  "cas",   "fence" };

	print_message("%s\n", p->name);
	for (unsigned int c = 0; c < p->cpus; c++) {
		print_message("  CPU %u:", c);
		for (unsigned int i = 0; i < p->nr[c]; i++) {
			const struct litmus_op *op = &p->op[c][i];

			print_message(" %s.%s", kinds[op->kind],
				      order_name(op->order));
			if (op->kind != LITMUS_FENCE)
				print_message("(%c, %u, %u)", 'x' + op->word,
					      op->expected, op->value);
			print_message(";");
		}
		print_message("\n");
	}
}

void litmus_compare(const struct litmus *p, const char *what,
		    const struct litmus_outcomes *allowed)
{
	if (litmus_found.nr == allowed->nr &&
	    !memcmp(litmus_found.at, allowed->at,
		    litmus_found.nr * sizeof(litmus_found.at[0])))
		return;
	litmus_print(p);
	for (unsigned int i = 0; i < allowed->nr; i++)
		print_message("  allowed %llx\n",
			      (unsigned long long)allowed->at[i]);
	for (unsigned int i = 0; i < litmus_found.nr; i++)
		print_message("  found   %llx\n",
			      (unsigned long long)litmus_found.at[i]);
	fail_msg("%s: %s: %u outcomes, not %u", p->name, what, litmus_found.nr,
		 allowed->nr);
}

void litmus_check(const struct litmus *p, bool unreduced)
{
	static struct litmus_outcomes c11, tso;

	litmus_rc11(p, &c11);
	litmus_tso(p, &tso);
	litmus_explore(p, LAB_MEMORY_C11, 50, 50, true);
	litmus_compare(p, "c11", &c11);
	litmus_explore(p, LAB_MEMORY_TSO, 50, 50, true);
	litmus_compare(p, "tso", &tso);
	if (!unreduced)
		return;
	litmus_explore(p, LAB_MEMORY_C11, 50, 50, false);
	litmus_compare(p, "c11 without reduction", &c11);
	litmus_explore(p, LAB_MEMORY_TSO, 50, 50, false);
	litmus_compare(p, "tso without reduction", &tso);
}

int litmus_access_order(enum litmus_kind kind, unsigned int n)
{
	static const int load[] = { __ATOMIC_RELAXED, __ATOMIC_ACQUIRE,
				    __ATOMIC_SEQ_CST };
	static const int store[] = { __ATOMIC_RELAXED, __ATOMIC_RELEASE,
				     __ATOMIC_SEQ_CST };

	return kind == LITMUS_LOAD ? load[n] : store[n];
}
