/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* shrink.c - makes a trace that shows a difference short; see compare.h.
 *
 * Delta debugging (Zeller, ddmin): takes away parts of the trace, half of it
 * first, then smaller and smaller ones, and keeps what is left whenever that
 * still shows a difference, up to the operation where it shows. First parts
 * are whole lives of objects, allocation and free together, then single
 * operations. The difference may become another one on the way; it is a
 * difference. A crash stays a crash, and by the same signal. Each trial has a
 * process of its own, as it may die of either.
 */
#include "compare.h"

#include <stdlib.h>
#include <string.h>

#include "tools/uzs.h"

struct shrink {
	const struct compare_options *opt;
	struct trace_ops *ops; /* the shortest so far; every ID is of one life */
	struct trace_ops trial;
	uint32_t *part; /* by operation: the number of its part */
	uint32_t *renamed; /* by ID */
	bool *lives; /* by ID, in the trial */
	uint32_t ids;
	uint64_t until_ns;
	const struct compare_end *death; /* to look for; NULL: a difference */
	bool at_end; /* it is where all is freed, after the operations */
	bool failed;
};

/* One ID for each life, as otherwise a free taken away would make the next
 * allocation of the ID an error. Return: false when there is no memory. */
static bool name_lives(struct shrink *s)
{
	uint32_t *current;
	uint32_t most = 0;

	for (size_t i = 0; i < s->ops->nr; i++)
		if (s->ops->op[i].id > most)
			most = s->ops->op[i].id;
	current = calloc((size_t)most + 1, sizeof(*current));
	if (!current)
		return false;
	for (size_t i = 0; i < s->ops->nr; i++) {
		struct trace_op *op = &s->ops->op[i];

		if (op->kind == 'a')
			current[op->id] = s->ids++;
		if (op->kind != 'c')
			op->id = current[op->id];
	}
	free(current);
	return true;
}

/* Numbers the parts: lives and compactions, or frees and compactions, or
 * all operations. Return: how many. */
enum parts { LIVES, NOT_ALLOCS, ALL };

#define NO_PART UINT32_MAX

static uint32_t number_parts(struct shrink *s, enum parts parts)
{
	uint32_t nr = 0;

	for (uint32_t id = 0; id < s->ids; id++)
		s->renamed[id] = NO_PART;
	for (size_t i = 0; i < s->ops->nr; i++) {
		const struct trace_op *op = &s->ops->op[i];

		if (parts == LIVES && op->kind == 'f') {
			s->part[i] = s->renamed[op->id];
			continue;
		}
		if (parts == NOT_ALLOCS && op->kind == 'a') {
			s->part[i] = NO_PART;
			continue;
		}
		s->part[i] = nr++;
		if (parts == LIVES && op->kind == 'a')
			s->renamed[op->id] = s->part[i];
	}
	return nr;
}

/* Does the trial show it? *at: where. */
static bool shows(struct shrink *s, size_t *at)
{
	struct compare_counts counts;
	struct compare_end end = { 0 };
	enum compare_result result;

	result = compare_isolated(s->opt, &s->trial, &end, &counts, NULL, true);
	*at = end.at;
	switch (result) {
	case COMPARE_DIFFERENT:
		return !s->death;
	case COMPARE_DIED:
		/* Not at the end: an operation says more than its absence. */
		return s->death && s->death->status == end.status &&
		       (s->at_end || end.at < s->trial.nr);
	case COMPARE_FAILED:
		uzs_fail("a shorter trace cannot be tried");
		s->failed = true;
		return false;
	default:
		return false;
	}
}

/* Tries the trace without the parts from..to-1; if it still shows it, it
 * becomes the shortest. */
static bool try_without(struct shrink *s, uint32_t from, uint32_t to)
{
	struct trace_ops shorter;
	size_t at;

	memset(s->lives, 0, s->ids * sizeof(*s->lives));
	s->trial.nr = 0;
	for (size_t i = 0; i < s->ops->nr; i++) {
		const struct trace_op *op = &s->ops->op[i];

		if (s->part[i] >= from && s->part[i] < to)
			continue;
		if (op->kind == 'a')
			s->lives[op->id] = true;
		else if (op->kind == 'f' && !s->lives[op->id])
			continue; /* its allocation is gone */
		if (!trace_add(&s->trial, op->kind, op->id, op->size)) {
			s->failed = true;
			return false;
		}
	}
	if (!shows(s, &at))
		return false;
	if (at < s->trial.nr)
		s->trial.nr = at + 1;
	shorter = s->trial;
	s->trial = *s->ops;
	*s->ops = shorter;
	return true;
}

static bool out_of_time(const struct shrink *s)
{
	return s->failed || uzs_now_ns() > s->until_ns;
}

/* Return: did it get shorter? */
static bool shrink_by(struct shrink *s, enum parts parts)
{
	uint32_t nr = number_parts(s, parts);
	uint32_t chunk = nr / 2 ? nr / 2 : nr;
	bool shorter = false;

	while (chunk && nr && !out_of_time(s)) {
		bool any = false;

		/* From the end: what is there did less. */
		for (uint32_t to = nr; to && !out_of_time(s);) {
			uint32_t from = to > chunk ? to - chunk : 0;

			if (try_without(s, from, to)) {
				any = true;
				nr = number_parts(s, parts);
				to = from < nr ? from : nr;
			} else {
				to = from;
			}
		}
		shorter |= any;
		if (chunk > nr)
			chunk = nr;
		else if (!any || chunk > 1)
			chunk /= 2;
	}
	return shorter;
}

/* IDs from 0 on, in order. */
static void name_anew(struct shrink *s)
{
	uint32_t next = 0;

	for (size_t i = 0; i < s->ops->nr; i++) {
		struct trace_op *op = &s->ops->op[i];

		if (op->kind == 'a')
			s->renamed[op->id] = next++;
		if (op->kind != 'c')
			op->id = s->renamed[op->id];
	}
}

bool compare_shrink(const struct compare_options *opt, struct trace_ops *ops,
		    unsigned int seconds, const struct compare_end *death)
{
	struct compare_options all = *opt;
	struct shrink s = {
		.opt = &all,
		.ops = ops,
		.death = death,
		.at_end = death && death->at == ops->nr,
		.until_ns = uzs_now_ns() + seconds * (uint64_t)1000000000,
	};
	bool shorter;

	all.every = 1;
	all.data_every = 1;
	all.layout_from = SIZE_MAX;
	if (name_lives(&s)) {
		s.part = calloc(ops->nr + 1, sizeof(*s.part));
		s.renamed = calloc((size_t)s.ids + 1, sizeof(*s.renamed));
		s.lives = calloc((size_t)s.ids + 1, sizeof(*s.lives));
	}
	if (s.part && s.renamed && s.lives) {
		do {
			shorter = shrink_by(&s, LIVES);
			shorter |= shrink_by(&s, NOT_ALLOCS);
			shorter |= shrink_by(&s, ALL);
		} while (shorter);
		name_anew(&s);
	} else {
		uzs_fail("out of memory for shrinking a trace");
		s.failed = true;
	}
	trace_drop(&s.trial);
	free(s.part);
	free(s.renamed);
	free(s.lives);
	return !s.failed;
}
