/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* fuzz_shrink.c - what makes traces short in uzs-compare
 * (tests/conformance/shrink.c), with a subject that is made up: a trace "shows
 * it" if it has operations of some kinds, in that order.
 *
 * Input: what is to be found, up to four operations; then the trace. The
 * shrunk trace must show it still, with no operation that could be left out.
 */
#define _GNU_SOURCE
#include "compare.h"
#include "fuzz.h"
#include "tools/uzs.h"

#define MOST_OPS 200u
#define IDS 24u
#define MOST_WANTED 4u

const char *const uzs_program = "fuzz_shrink";

/* An operation of that kind; of an object of at least that size. The end of the
 * trace is in it, too, where all that lives is freed. */
static struct wanted {
	struct {
		char kind; /* 'a', 'f', 'c' */
		uint32_t size;
	} ops[MOST_WANTED];
	unsigned int nr;
	bool dies; /* it is a death, not a difference */
	bool at_end;
} wanted;

static unsigned long trials;

/* Return: operations up to that which shows it, 0: it does not. */
static size_t finds(const struct trace_ops *ops)
{
	static uint32_t sizes[2 * MOST_OPS + 2];
	unsigned int met = 0;

	for (size_t i = 0; i < ops->nr; i++) {
		const struct trace_op *op = &ops->op[i];

		fuzz_check(op->kind == 'c' || op->id < 2 * MOST_OPS);
		if (op->kind == 'a')
			sizes[op->id] = op->size;
		if (op->kind != wanted.ops[met].kind ||
		    (op->kind != 'c' && sizes[op->id] < wanted.ops[met].size))
			continue;
		if (++met == wanted.nr)
			return i + 1;
	}
	return 0;
}

/* Every free is of what lives, every allocation of what does not. */
static void check_trace(const struct trace_ops *ops)
{
	bool lives[2 * MOST_OPS + 2] = { false };

	for (size_t i = 0; i < ops->nr; i++) {
		const struct trace_op *op = &ops->op[i];

		if (op->kind == 'c')
			continue;
		fuzz_check(op->kind == 'a' || op->kind == 'f');
		fuzz_check(op->id < 2 * MOST_OPS);
		fuzz_check(lives[op->id] == (op->kind == 'f'));
		lives[op->id] = op->kind == 'a';
	}
}

/* In the place of isolate.c's. */
enum compare_result compare_isolated(const struct compare_options *opt,
				     const struct trace_ops *ops,
				     struct compare_end *end,
				     struct compare_counts *counts,
				     FILE *report, bool quiet)
{
	size_t at = finds(ops);

	(void)opt, (void)counts, (void)report, (void)quiet;
	trials++;
	check_trace(ops);
	end->side = 0;
	end->status = 6;
	if (!at)
		return COMPARE_SAME;
	end->at = wanted.at_end ? ops->nr : at - 1;
	return wanted.dies ? COMPARE_DIED : COMPARE_DIFFERENT;
}

static void read_trace(struct trace_ops *ops, struct fuzz_input *in)
{
	bool lives[IDS] = { false };

	while (fuzz_more(in) && ops->nr < MOST_OPS) {
		unsigned int what = fuzz_byte(in), id = what / 4 % IDS;
		bool ok;

		if (what % 4 == 3) {
			ok = trace_add(ops, 'c', 0, 0);
		} else if (lives[id]) {
			ok = trace_add(ops, 'f', id, 0);
			lives[id] = false;
		} else {
			ok = trace_add(ops, 'a', id, 1 + fuzz_byte(in));
			lives[id] = true;
		}
		fuzz_check(ok);
	}
}

/* Without one operation (an allocation: without its free, too) it does not show
 * it any more. */
static void check_shortest(const struct trace_ops *ops)
{
	for (size_t without = 0; without < ops->nr; without++) {
		const struct trace_op *gone = &ops->op[without];
		struct trace_ops shorter = { 0 };

		for (size_t i = 0; i < ops->nr; i++) {
			const struct trace_op *op = &ops->op[i];

			if (i == without ||
			    (gone->kind == 'a' && op->kind == 'f' &&
			     i > without && op->id == gone->id))
				continue;
			fuzz_check(trace_add(&shorter, op->kind, op->id,
					     op->size));
		}
		if (finds(&shorter))
			fuzz_fail("operation %zu of %zu could be left out",
				  without, ops->nr);
		trace_drop(&shorter);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, data + size };
	struct compare_options opt = { .page_size = 4096, .chain_size = 8 };
	struct compare_end death = { .status = 6 };
	struct trace_ops ops = { 0 };
	unsigned int how = fuzz_byte(&in);
	uint32_t next = 0;
	size_t before, at;

	wanted.nr = how % MOST_WANTED + 1;
	wanted.dies = how & 4;
	wanted.at_end = wanted.dies && how & 8;
	for (unsigned int i = 0; i < wanted.nr; i++) {
		wanted.ops[i].kind = "afc"[fuzz_byte(&in) % 3];
		wanted.ops[i].size = fuzz_byte(&in);
	}
	read_trace(&ops, &in);
	at = finds(&ops);
	if (!at) {
		trace_drop(&ops);
		return 0;
	}
	/* As compare_shrink asks for it: the last operation shows it. */
	if (!wanted.at_end)
		ops.nr = at;
	death.at = wanted.at_end ? ops.nr : at - 1;
	before = ops.nr;
	trials = 0;
	fuzz_check(
		compare_shrink(&opt, &ops, 3600, wanted.dies ? &death : NULL));
	fuzz_say("%zu operations to %zu, %lu trials\n", before, ops.nr, trials);
	fuzz_check(ops.nr <= before && finds(&ops));
	check_trace(&ops);
	for (size_t i = 0; i < ops.nr; i++)
		if (ops.op[i].kind == 'a')
			fuzz_check(ops.op[i].id == next++);
	check_shortest(&ops);
	trace_drop(&ops);
	return 0;
}
