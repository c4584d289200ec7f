/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* axioms.h - which outcomes a small program may have, by the definitions of the
 * memory models themselves: for the tests of lab/weak.c, with which it shares
 * nothing. All executions are enumerated.
 */
#ifndef UZS_TEST_AXIOMS_H
#define UZS_TEST_AXIOMS_H

#include <stdbool.h>
#include <stdint.h>

#define LITMUS_CPUS 4
#define LITMUS_OPS 6
#define LITMUS_WORDS 4
#define LITMUS_OUTCOMES 4096

enum litmus_kind {
	LITMUS_LOAD,
	LITMUS_STORE, /* of `value` */
	LITMUS_EXCHANGE, /* the same, and reads */
	LITMUS_ADD, /* `value`, and reads */
	LITMUS_CAS, /* from `expected` to `value`; relaxed if it fails */
	LITMUS_FENCE
};

struct litmus_op {
	enum litmus_kind kind;
	uint8_t word, value, expected;
	int order; /* __ATOMIC_... */
};

struct litmus {
	const char *name;
	unsigned int cpus, words;
	unsigned int nr[LITMUS_CPUS];
	struct litmus_op op[LITMUS_CPUS][LITMUS_OPS];
};

/* What a run of it read, in order of CPUs and operations, and the words at its
 * end: four bits each. */
struct litmus_outcomes {
	unsigned int nr;
	uint64_t at[LITMUS_OUTCOMES];
};
bool litmus_reads(enum litmus_kind kind);
void litmus_note(struct litmus_outcomes *o, uint64_t outcome);
void litmus_sort(struct litmus_outcomes *o);

/* RC11: Lahav, Vafeiadis, Kang, Hur, Dreyer, "Repairing sequential consistency
 * in C/C++11", PLDI 2017, section 3. */
void litmus_rc11(const struct litmus *p, struct litmus_outcomes *o);
/* x86-TSO: the abstract machine of Sewell, Sarkar, Owens, Zappa Nardelli,
 * Myreen, "x86-TSO: a rigorous and usable programmer's model for x86
 * multiprocessors", CACM 2010. What is sequentially consistent and stores, or
 * is a fence, drains the CPU's buffer, as compilers have it. */
void litmus_tso(const struct litmus *p, struct litmus_outcomes *o);

#endif
