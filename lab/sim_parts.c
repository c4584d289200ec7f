/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_parts.c - owns the parts of the callers' time; see sim_parts.h.
 *
 * A worker's time is told too, as a call of its own. That of the fiber which
 * flushes at the end is not.
 */
#include "sim_task.h"

#include <stdio.h>
#include <string.h>

#include "sim_pool.h"

#define SLOTS (2 * SIM_MAX_PARTS)

/* What a part is found by: pointers, where struct sim_part has the text. */
struct key {
	const char *what;
	const void *place; /* struct uzs_place, or a PC */
	u32 kind, call;
};

static struct {
	struct sim_part *parts;
	unsigned int nr;
	struct key key[SIM_MAX_PARTS];
	u32 slot[SLOTS]; /* 1 + a part; 0: none */
} a;

const char *sim_call_name(enum sim_call call)
{
	static const char *const names[] = {
#define NAME(word, text) text,
		SIM_CALLS(NAME)
#undef NAME
	};

	return names[call];
}

static const char *const kinds[][2] = {
#define KIND(word, text, meaning) { text, meaning },
	SIM_PART_KINDS(KIND)
#undef KIND
};

const char *sim_kind_name(enum sim_part_kind kind)
{
	return kinds[kind][0];
}

const char *sim_kind_meaning(enum sim_part_kind kind)
{
	return kinds[kind][1];
}

void sim_parts_init(struct sim_part *parts)
{
	memset(&a, 0, sizeof(a));
	a.parts = parts;
}

unsigned int sim_nr_parts(void)
{
	return a.nr;
}

static u32 hash(const struct key *k)
{
	u64 h = (uintptr_t)k->what * 0x9e3779b97f4a7c15u;

	h = (h ^ (uintptr_t)k->place) * 0x9e3779b97f4a7c15u;
	h = (h ^ (k->kind << 8 | k->call)) * 0x9e3779b97f4a7c15u;
	return (u32)(h >> 40) % SLOTS;
}

static bool same(const struct key *k, const struct key *l)
{
	return k->what == l->what && k->place == l->place &&
	       k->kind == l->kind && k->call == l->call;
}

/* Finds a part, or makes it. The last one takes what there is no room for. */
static struct sim_part *part_of(const struct key *k,
				const struct uzs_place *place, uintptr_t pc)
{
	u32 at = hash(k);
	struct sim_part *part;

	for (; a.slot[at]; at = (at + 1) % SLOTS)
		if (same(&a.key[a.slot[at] - 1], k))
			return &a.parts[a.slot[at] - 1];
	if (a.nr == SIM_MAX_PARTS)
		return &a.parts[a.nr - 1];
	a.key[a.nr] = *k;
	part = &a.parts[a.nr];
	*part = (struct sim_part){
		.call = (enum sim_call)k->call,
		.kind = (enum sim_part_kind)k->kind,
		.place = place,
		.pc = place ? 0 : pc,
	};
	snprintf(part->what, sizeof(part->what), "%s", k->what ? k->what : "");
	a.slot[at] = ++a.nr;
	return part;
}

static void add(struct sim_task *t, enum sim_part_kind kind, const char *what,
		const struct uzs_place *place, uintptr_t pc, u64 n_ps)
{
	struct key k = { .what = what, .kind = kind, .call = t->call };
	struct sim_part *part;

	t->told += n_ps;
	if (!n_ps || t->fiber->last)
		return;
	if (!strcmp(t->fiber->name, SIM_WORKER_NAME))
		k.call = SIM_CALL_WORKER;
	/* Called from the file under test: that line is what a reader knows. */
	if (t->fiber->from)
		place = t->fiber->from;
	k.place = place ? (const void *)place : (const void *)pc;
	part = part_of(&k, place, pc);
	part->ps += n_ps;
	part->times++;
}

void sim_tell(struct sim_task *t, enum sim_part_kind kind, const char *what,
	      const struct uzs_place *place, uintptr_t pc)
{
	if (a.parts)
		add(t, kind, what, place, pc, t->clock - t->told);
}

void sim_tell_wait(struct sim_task *t)
{
	const struct uzs_lab_step *step = &t->fiber->step;
	u64 queue = t->time.queue_ps - t->told_queue;
	u64 os = t->time.os_ps - t->told_os;

	t->told_queue = t->time.queue_ps;
	t->told_os = t->time.os_ps;
	if (!a.parts || t->told == t->clock)
		return;
	queue = min(queue, t->clock - t->told);
	add(t, SIM_PART_CPU, NULL, step->place, 0, queue);
	os = min(os, t->clock - t->told);
	add(t, SIM_PART_OS, NULL, step->place, 0, os);
	if (sim_is_lock(step->op))
		sim_tell(t, SIM_PART_LOCK, step->what, step->place, 0);
	else
		sim_tell(t, SIM_PART_OS, NULL, step->place, 0);
}

void sim_tell_line(struct sim_task *t, const volatile void *addr,
		   const char *what, const struct uzs_place *place,
		   uintptr_t pc)
{
	const struct sim_line_wait *w = sim_line_last();
	const char *name = NULL;

	if (!a.parts || t->told == t->clock)
		return;
	if (w->drain_ps) {
		name = sim_pool_field(w->drain_addr);
		add(t, w->drain_moved ? SIM_PART_LINE : SIM_PART_MEMORY,
		    name ? name : "a store before", place, pc, w->drain_ps);
	}
	if (t->told == t->clock)
		return;
	name = sim_pool_field(addr);
	if (!name)
		name = what;
	add(t, SIM_PART_ATOMIC, name, place, pc,
	    min(w->atomic_ps, t->clock - t->told));
	sim_tell(t, w->moved ? SIM_PART_LINE : SIM_PART_MEMORY, name, place,
		 pc);
}

void sim_call(enum sim_call call)
{
	if (uzs_lab_current)
		sim_task_of(uzs_lab_current)->call = call;
}
