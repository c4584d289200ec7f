/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_workers.c - owns the queues of objects that workers are to free; see
 * sim_workers.h.
 *
 * A queue is an array in the simulated machine's memory, an entry a word: its
 * lines go from the caller's CPU to the worker's. A worker has the queues of every
 * n-th caller, and looks at them by turns.
 * Known limit: a worker that finds nothing looks again after a microsecond; it
 * does not sleep.
 */
#include "tools/uzs.h"

#include "sim_workers.h"

#include <stdlib.h>

#include "compat/os.h"
#include "sim_objects.h"
#include "sim_pool.h"

#define LOOK_AGAIN_PS 1000000u

static struct {
	const struct sim_cell *cell;
	unsigned long *entries; /* [caller * objects + n], in the arena */
	u64 *queued_at; /* the same: since when it is there */
	unsigned int queued[SIM_MAX_CALLERS], taken[SIM_MAX_CALLERS];
} q;

void sim_workers_init(const struct sim_cell *cell)
{
	size_t n = (size_t)cell->callers * cell->objects;

	q.cell = cell;
	q.entries = uzs_os_map(n * sizeof(*q.entries), 4096);
	q.queued_at = calloc(n, sizeof(*q.queued_at));
	if (!q.entries || !q.queued_at)
		sim_give_up("no memory for queues of %zu objects", n);
}

void sim_workers_queue(unsigned int t, unsigned int i)
{
	size_t at = (size_t)t * q.cell->objects + q.queued[t];

	sim_call(SIM_CALL_FREE_LATER);
	q.entries[at] = i;
	sim_plain(&q.entries[at], true, 0);
	sim_call(SIM_CALL_NONE);
	q.queued_at[at] = sim_now();
	q.queued[t]++;
}

/* Frees what is in the caller's queue by now. Return: is there more to come? */
static bool serve(unsigned int t)
{
	const struct sim_cell *c = q.cell;

	while (q.taken[t] < q.queued[t]) {
		size_t at = (size_t)t * c->objects + q.taken[t];

		if (q.queued_at[at] > sim_now())
			return true;
		q.taken[t]++;
		sim_plain(&q.entries[at], false, 0);
		sim_object_free(t, (unsigned int)q.entries[at]);
	}
	return q.taken[t] < c->objects;
}

void sim_worker(void *arg)
{
	unsigned int first = (unsigned int)(uintptr_t)arg;
	bool more = true;

	while (more) {
		more = false;
		for (unsigned int t = first; t < q.cell->callers;
		     t += q.cell->workers)
			more |= serve(t);
		if (!more)
			break;
		sim_wait_until(sim_now() + LOOK_AGAIN_PS);
		uzs_lab_yield();
	}
}
