/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* work.c - the working set and the timed loops; see work.h.
 *
 * Callers: speed.c, memory.c, pair.c.   Calls: target.h, harness.c.
 * Guarantees: W1 a job touches no memory that was not touched before, except
 * the allocator's. W2 with the same options the same calls are made with the
 * same sizes and bytes in the same order on every allocator.
 */
#include "work.h"

#include <string.h>

/* What objects hold: a piece of random bytes, from a place that depends on
 * slot, size and salt, so that an object in the wrong place is noticed. Small
 * enough to stay in the nearest caches, as a page does that was compressed
 * just now. */
#define PAYLOAD_SPAN 16384u
#define PAYLOAD_STEP 64u

static const unsigned char *payload_of(const struct work *work, uint32_t slot,
				       uint32_t bytes)
{
	uint32_t x = slot * 0x9e3779b1u ^ bytes * 0x85ebca6bu ^
		     work->salt * 0xc2b2ae35u;

	x ^= x >> 15;
	return work->payload + x % (PAYLOAD_SPAN / PAYLOAD_STEP) * PAYLOAD_STEP;
}

static uint32_t draw_size(struct work *work)
{
	const struct sizes *sizes = &work->opt->sizes;

	return sizes->values[random_below(&work->rng, sizes->nr)];
}

size_t work_slots(const struct options *opt)
{
	double nr = (double)opt->bytes / opt->sizes.mean;

	if (nr >= (double)(UINT32_MAX / 2))
		return 0;
	return nr < 1 ? 1 : (size_t)(nr + 0.5);
}

void work_open(struct work *work, const struct options *opt,
	       unsigned int plan_rounds)
{
	size_t payload_bytes = PAYLOAD_SPAN + opt->sizes.max;
	unsigned char *payload;
	uint64_t random;
	size_t i;

	memset(work, 0, sizeof(*work));
	work->opt = opt;
	work->rng = opt->seed;
	work->nr = work_slots(opt);
	work->slots = harness_alloc(work->nr * sizeof(*work->slots));
	work->order = harness_alloc(work->nr * sizeof(*work->order));
	work->plan_room = work->nr * plan_rounds;
	work->victims = harness_alloc(work->plan_room * sizeof(*work->victims));
	work->new_bytes =
		harness_alloc(work->plan_room * sizeof(*work->new_bytes));
	payload = harness_alloc(payload_bytes + sizeof(random));
	for (i = 0; i < payload_bytes; i += sizeof(random)) {
		random = random_next(&work->rng);
		memcpy(payload + i, &random, sizeof(random));
	}
	work->payload = payload;
	for (i = 0; i < work->nr; i++) {
		work->slots[i].bytes = draw_size(work);
		work->order[i] = (uint32_t)i;
	}
	for (i = 0; i < opt->threads; i++) {
		struct share *share = &work->shares[i];

		share->begin = work->nr * i / opt->threads;
		share->end = work->nr * (i + 1) / opt->threads;
		share->buf = harness_alloc(opt->sizes.max);
	}
	work->team = team_start(opt->threads);
}

void work_shuffle(struct work *work)
{
	unsigned int t;
	size_t i, j;

	for (t = 0; t < work->opt->threads; t++) {
		const struct share *share = &work->shares[t];

		for (i = share->end; i > share->begin + 1; i--) {
			uint32_t swap = work->order[i - 1];

			j = share->begin +
			    random_below(&work->rng,
					 (uint32_t)(i - share->begin));
			work->order[i - 1] = work->order[j];
			work->order[j] = swap;
		}
	}
}

size_t work_plan(struct work *work, unsigned int rounds)
{
	size_t live, at = 0, first;
	unsigned int t;

	for (t = 0; t < work->opt->threads; t++) {
		struct share *share = &work->shares[t];

		first = share->begin + share->freed;
		live = share->end - first;
		share->plan_begin = at;
		share->plan_end = at + live * rounds;
		for (; at < share->plan_end; at++) {
			size_t pick = first +
				      random_below(&work->rng, (uint32_t)live);

			work->victims[at] = work->order[pick];
			work->new_bytes[at] = draw_size(work);
		}
	}
	return at;
}

uint64_t work_planned_bytes(const struct work *work)
{
	uint64_t bytes = 0;
	unsigned int t;
	size_t i;

	for (t = 0; t < work->opt->threads; t++) {
		const struct share *share = &work->shares[t];

		for (i = share->plan_begin; i < share->plan_end; i++)
			bytes += work->new_bytes[i];
	}
	return bytes;
}

void work_free_goal(struct work *work, unsigned int percent)
{
	unsigned int t;

	for (t = 0; t < work->opt->threads; t++) {
		struct share *share = &work->shares[t];

		share->goal = (size_t)((uint64_t)(share->end - share->begin) *
				       percent / 100);
	}
}

uint64_t work_goal_bytes(const struct work *work, uint64_t *objects)
{
	uint64_t bytes = 0;
	unsigned int t;
	size_t i;

	*objects = 0;
	for (t = 0; t < work->opt->threads; t++) {
		const struct share *share = &work->shares[t];

		for (i = share->freed; i < share->goal; i++) {
			uint32_t slot = work->order[share->begin + i];

			bytes += work->slots[slot].bytes;
			++*objects;
		}
	}
	return bytes;
}

uint64_t work_live(const struct work *work, uint64_t *objects)
{
	uint64_t bytes = 0;
	size_t i;

	*objects = 0;
	for (i = 0; i < work->nr; i++) {
		if (!slot_is_used(&work->target, &work->slots[i]))
			continue;
		bytes += work->slots[i].bytes;
		++*objects;
	}
	return bytes;
}

uint64_t work_take_sum(struct work *work)
{
	uint64_t sum = 0;
	unsigned int t;

	for (t = 0; t < work->opt->threads; t++) {
		sum += work->shares[t].sum;
		work->shares[t].sum = 0;
	}
	return sum;
}

void job_alloc(void *arg, unsigned int thread)
{
	struct work *work = arg;
	struct share *share = &work->shares[thread];
	size_t i;

	for (i = share->begin; i < share->end; i++) {
		struct slot *slot = &work->slots[i];

		if (!slot_is_used(&work->target, slot))
			slot_alloc(&work->target, slot);
	}
	share->freed = 0;
}

void job_fill(void *arg, unsigned int thread)
{
	struct work *work = arg;
	struct share *share = &work->shares[thread];
	size_t i;

	for (i = share->begin; i < share->end; i++) {
		struct slot *slot = &work->slots[i];

		if (slot_is_used(&work->target, slot))
			continue;
		slot_store(&work->target, slot,
			   payload_of(work, (uint32_t)i, slot->bytes));
	}
	share->freed = 0;
}

void job_write(void *arg, unsigned int thread)
{
	struct work *work = arg;
	struct share *share = &work->shares[thread];
	size_t i;

	for (i = share->begin + share->freed; i < share->end; i++) {
		uint32_t at = work->order[i];
		struct slot *slot = &work->slots[at];

		slot_write(&work->target, slot,
			   payload_of(work, at, slot->bytes));
	}
}

void job_read(void *arg, unsigned int thread)
{
	struct work *work = arg;
	struct share *share = &work->shares[thread];
	unsigned char *buf = share->buf;
	uint64_t sum = 0;
	size_t i;

	for (i = share->begin + share->freed; i < share->end; i++) {
		struct slot *slot = &work->slots[work->order[i]];

		slot_read(&work->target, slot, buf);
		sum += buf[0] + 256u * buf[slot->bytes - 1];
	}
	share->sum += sum;
}

void job_peek(void *arg, unsigned int thread)
{
	struct work *work = arg;
	struct share *share = &work->shares[thread];
	uint64_t sum = 0;
	size_t i;

	for (i = share->begin + share->freed; i < share->end; i++) {
		sum += slot_peek(&work->target, &work->slots[work->order[i]]);
	}
	share->sum += sum;
}

void job_peek_one(void *arg, unsigned int thread)
{
	struct work *work = arg;
	struct share *share = &work->shares[thread];
	uint64_t sum = 0;
	size_t i;

	for (i = share->begin + share->freed; i < share->end; i++)
		sum += slot_peek_one(&work->target,
				     &work->slots[work->order[i]]);
	share->sum += sum;
}

static void finish(const struct work *work)
{
	if (!work->leave_deferred)
		target_finish_frees(&work->target);
}

void job_free(void *arg, unsigned int thread)
{
	struct work *work = arg;
	struct share *share = &work->shares[thread];
	size_t i;

	for (i = share->freed; i < share->goal; i++)
		slot_free(&work->target,
			  &work->slots[work->order[share->begin + i]]);
	finish(work);
	share->freed = share->goal;
}

void job_free_many(void *arg, unsigned int thread)
{
	struct work *work = arg;
	struct share *share = &work->shares[thread];
	size_t i = share->freed, nr;

	for (; i < share->goal; i += nr) {
		nr = share->goal - i;
		if (nr > SLOT_FREE_MANY)
			nr = SLOT_FREE_MANY;
		slot_free_many(&work->target, work->slots,
			       &work->order[share->begin + i], nr);
	}
	finish(work);
	share->freed = share->goal;
}

void work_replace(struct work *work, uint32_t number, uint32_t bytes)
{
	slot_replace(&work->target, &work->slots[number], bytes,
		     payload_of(work, number, bytes));
}

void job_replace(void *arg, unsigned int thread)
{
	struct work *work = arg;
	struct share *share = &work->shares[thread];
	size_t i;

	for (i = share->plan_begin; i < share->plan_end; i++)
		work_replace(work, work->victims[i], work->new_bytes[i]);
	finish(work);
}

void work_verify(struct work *work, const char *after)
{
	unsigned char *buf = work->shares[0].buf;
	unsigned long violations;
	size_t i;

	for (i = 0; i < work->nr; i++) {
		struct slot *slot = &work->slots[i];

		if (!slot_is_used(&work->target, slot))
			continue;
		memset(buf, 0, slot->bytes);
		slot_read(&work->target, slot, buf);
		if (memcmp(buf, payload_of(work, (uint32_t)i, slot->bytes),
			   slot->bytes))
			die("after %s: object %zu of %u bytes does not hold "
			    "what was written to it",
			    after, i, (unsigned int)slot->bytes);
	}
	violations = target_check(&work->target);
	if (violations)
		die("after %s: the pool violates %lu invariants", after,
		    violations);
}
