/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* order.c - owns what is known of the objects that steps touch, by number
 * (numbers.h). A new scenario forgets it.
 */
#include "order.h"

#include <stdlib.h>
#include <string.h>

#include "numbers.h"
#include "weak.h"

struct clock {
	u32 at[LAB_FIBERS + 1];
};

struct object {
	u32 run; /* the fields below `of this run` belong to it */
	/* of all runs: which fibers did it, as bits */
	u8 looked, added, changed;
	bool conflict; /* the order matters; set by lab_order_freeze */
	/* of this run */
	u64 change; /* fingerprint of the last step that changed it */
	u64 adds; /* sum of the additions since then */
	u64 looks; /* sum of the looks since then */
	struct clock released;
	u8 store_fiber; /* fiber of the last store, + 1; 0: none */
	u8 store_seen; /* fibers that have changed the object since, as bits */
	u32 store_clock;
	const struct uzs_place *store_place;
};

static struct {
	struct object *objects; /* by number (numbers.h) */
	u32 nr, room;
	u32 run;
	bool news; /* a conflict that is not frozen yet */
	unsigned int conflicts;
	u64 print[LAB_FIBERS + 1]; /* fingerprint of each fiber */
	struct clock clock[LAB_FIBERS + 1];
	struct clock unmapped; /* all that happened before an unmap */
	u64 unmaps; /* fingerprints of the unmaps */
	u64 state;
} order;

static u64 mix(u64 a, u64 b)
{
	u64 h = (a ^ (b + 0x9e3779b97f4a7c15u)) * 0xbf58476d1ce4e5b9u;

	h ^= h >> 29;
	h *= 0x94d049bb133111ebu;
	return h ^ (h >> 32);
}

static void grow(u32 number)
{
	order.room = max(2 * order.room, max(number + 1, 1024u));
	order.objects =
		realloc(order.objects, order.room * sizeof(*order.objects));
	if (!order.objects)
		abort();
}

static struct object *find(const void *addr)
{
	u32 number = lab_number_if_any(addr);

	return number < order.nr ? &order.objects[number] : NULL;
}

static struct object *get(const void *addr)
{
	u32 number = lab_number_of(addr);
	struct object *o;

	if (number >= order.room)
		grow(number);
	/* weak.c may have numbered more. */
	if (number >= order.nr) {
		memset(&order.objects[order.nr], 0,
		       (number + 1 - order.nr) * sizeof(*order.objects));
		order.nr = number + 1;
	}
	o = &order.objects[number];
	if (o->run != order.run) {
		o->run = order.run;
		o->change = o->adds = o->looks = 0;
		memset(&o->released, 0, sizeof(o->released));
		o->store_fiber = o->store_seen = 0;
	}
	return o;
}

void lab_order_forget(void)
{
	u32 run = order.run;

	free(order.objects);
	memset(&order, 0, sizeof(order));
	order.run = run; /* watch.c remembers this number */
	lab_numbers_forget();
}

void lab_order_begin(void)
{
	order.run++;
	order.state = 0;
	memset(&order.unmapped, 0, sizeof(order.unmapped));
	order.unmaps = 0;
	for (unsigned int i = 0; i <= LAB_FIBERS; i++) {
		order.print[i] = i + 1;
		order.state += mix(i, order.print[i]);
		memset(&order.clock[i], 0, sizeof(order.clock[i]));
		order.clock[i].at[i] = 1;
	}
}

u32 lab_order_run(void)
{
	return order.run;
}

u32 lab_order_clock(unsigned int fiber)
{
	if (uzs_lab_memory)
		return lab_weak_clock(fiber);
	return order.clock[fiber].at[fiber];
}

bool lab_order_after(unsigned int fiber, unsigned int other, u32 clock)
{
	if (uzs_lab_memory)
		return lab_weak_after(fiber, other, clock);
	return order.clock[fiber].at[other] >= clock;
}

u64 lab_order_state(void)
{
	return order.state;
}

u64 lab_order_last_change(const void *addr)
{
	const struct object *o = find(addr);

	return o && o->run == order.run ? o->change : 0;
}

unsigned int lab_order_conflicts(void)
{
	return order.conflicts;
}

static bool several(u8 fibers)
{
	return (fibers & (fibers - 1)) != 0;
}

/* Are there two steps on it, by different fibers, that cannot change places? */
static bool is_conflict(const struct object *o)
{
	u8 all = o->looked | o->added | o->changed;

	if (!several(all))
		return false;
	if (o->changed)
		return true;
	return o->looked && o->added;
}

bool lab_order_matters(const struct uzs_lab_step *step)
{
	const struct object *o;

	if (!step->obj ||
	    (step->access == LAB_NOTHING && step->op != LAB_RELEASED))
		return false;
	o = find(step->obj);
	return o && o->conflict;
}

bool lab_order_freeze(void)
{
	bool news = order.news;

	order.news = false;
	if (!news)
		return false;
	order.conflicts = 0;
	for (u32 i = 0; i < order.nr; i++) {
		struct object *o = &order.objects[i];

		o->conflict = is_conflict(o);
		order.conflicts += o->conflict;
	}
	return true;
}

static void join(struct clock *a, const struct clock *b)
{
	for (unsigned int i = 0; i <= LAB_FIBERS; i++)
		a->at[i] = max(a->at[i], b->at[i]);
}

/* The fingerprint of the step, and of the object after it. */
static u64 fingerprint(struct object *o, const struct uzs_lab_step *s,
		       unsigned int id)
{
	u64 h = mix(order.print[id], (uintptr_t)s->obj ^ ((u64)s->op << 56) ^
					     ((u64)s->outcome << 55));

	if (!o)
		return h;
	switch (s->access) {
	case LAB_LOOKS:
		h = mix(h, o->change + o->adds);
		o->looks += h;
		break;
	case LAB_ADDS:
		h = mix(h, o->change + o->looks);
		o->adds += h;
		break;
	default:
		h = mix(h, o->change + o->adds + o->looks);
		o->change = h;
		o->adds = o->looks = 0;
	}
	return h;
}

static void set_print(unsigned int id, u64 print)
{
	order.state -= mix(id, order.print[id]);
	order.print[id] = print;
	order.state += mix(id, print);
}

void lab_order_chose(unsigned int fiber, u32 choice)
{
	unsigned int id = min(fiber, (unsigned int)LAB_FIBERS);

	set_print(id, mix(order.print[id], choice));
}

void lab_order_everyone(void)
{
	u64 state = order.state;

	for (unsigned int i = 0; i <= LAB_FIBERS; i++)
		set_print(i, mix(order.print[i], state));
}

/* Called right after an unlock. This is no step on the lock, but the plain
 * accesses that follow happen here. They can conflict with what others do with
 * the lock held, and with what they do right after giving it back. So its place
 * among all of these is part of the state. */
static void note_released(const struct uzs_lab_step *s, unsigned int id)
{
	struct object *o = get(s->obj);
	u64 h = mix(mix(order.print[id], (u64)s->op << 56),
		    o->change + o->adds + o->looks);

	o->looks += h;
	set_print(id, h);
}

/* Reports a store that replaces what another fiber stored, if its fiber has
 * seen neither that nor anything after it. A fiber that changes a word
 * atomically sees its value. */
static void check_race(struct object *o, const struct uzs_lab_fiber *f,
		       unsigned int id)
{
	const struct uzs_lab_step *s = &f->step;

	if (s->op == LAB_RMW)
		o->store_seen |= (u8)(1u << id);
	/* With a model of memory order, what comes of it is seen. */
	if (s->op != LAB_STORE || uzs_lab_memory)
		return;
	if (o->store_fiber && o->store_fiber != id + 1 &&
	    !(o->store_seen & (1u << id)) &&
	    o->store_clock > order.clock[id].at[o->store_fiber - 1u])
		uzs_lab_found(LAB_FOUND_RACE,
			      "two stores to %s that nothing orders: at %s:%d "
			      "and, by %s, at %s:%d",
			      s->what, o->store_place->file,
			      o->store_place->line, f->name, s->place->file,
			      s->place->line);
	o->store_fiber = (u8)(id + 1);
	o->store_seen = 0;
	o->store_clock = order.clock[id].at[id];
	o->store_place = s->place;
}

/* A fiber makes the next one. The new one comes after all that its maker has
 * done or seen so far. */
static void begin_child(unsigned int id)
{
	unsigned int child = min(uzs_lab_nr_fibers(), (unsigned int)LAB_FIBERS);

	set_print(child, mix(order.print[child], order.print[id]));
	join(&order.clock[child], &order.clock[id]);
	order.clock[id].at[id]++;
}

void lab_order_see_all(const struct uzs_lab_fiber *f)
{
	unsigned int id = min(f->id, (unsigned int)LAB_FIBERS);

	for (unsigned int i = 0; i <= LAB_FIBERS; i++)
		join(&order.clock[id], &order.clock[i]);
}

/* The last fiber comes after everything before. A fiber that waits for another
 * one's end comes after that end. */
static void come_after(const struct uzs_lab_fiber *f, unsigned int id)
{
	const struct uzs_lab_fiber *ended = f->step.obj;

	if (f->step.op == LAB_JOIN)
		join(&order.clock[id],
		     &order.clock[min(ended->id, (unsigned int)LAB_FIBERS)]);
	else if (f->last)
		lab_order_see_all(f);
}

void lab_order_step(const struct uzs_lab_fiber *f)
{
	const struct uzs_lab_step *s = &f->step;
	unsigned int id = min(f->id, (unsigned int)LAB_FIBERS);
	struct object *o = NULL;
	bool known;

	if (s->op == LAB_START || s->op == LAB_JOIN)
		come_after(f, id);
	if (s->op == LAB_RELEASED) {
		note_released(s, id);
		return;
	}
	if (s->obj && s->access != LAB_NOTHING) {
		o = get(s->obj);
		known = is_conflict(o);
		if (s->access == LAB_LOOKS)
			o->looked |= (u8)(1u << id);
		else if (s->access == LAB_ADDS)
			o->added |= (u8)(1u << id);
		else
			o->changed |= (u8)(1u << id);
		if (!known && is_conflict(o))
			order.news = true;
	}
	set_print(id, fingerprint(o, s, id));
	if (s->op == LAB_SPAWN)
		begin_child(id);
	if (!o)
		return;
	if (s->acquire)
		join(&order.clock[id], &o->released);
	check_race(o, f, id);
	if (s->release) {
		join(&o->released, &order.clock[id]);
		order.clock[id].at[id]++;
	}
}

void lab_order_note(const struct uzs_lab_fiber *f,
		    const struct uzs_lab_step *note)
{
	unsigned int id = min(f->id, (unsigned int)LAB_FIBERS);

	if (note->op == LAB_MAP) {
		join(&order.clock[id], &order.unmapped);
		/* What it has seen says what it may read. */
		if (uzs_lab_memory)
			set_print(id, mix(order.print[id], order.unmaps));
	} else if (note->op == LAB_UNMAP) {
		join(&order.unmapped, &order.clock[id]);
		order.clock[id].at[id]++;
		order.unmaps += mix(order.print[id], LAB_UNMAP);
	}
}
