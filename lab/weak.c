/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* weak.c - what an atomic access may read, and where its store may be placed.
 * Owns the access that is under way.
 *
 * Coherence: a load may not read a store that is older than one that happened
 * before it, or than one that was read before it; a store comes after all of
 * these in its word's modification order. Both are a *floor* in that order,
 * which follows from the views. All between the floor and the last store may be
 * chosen, less what weak_sc.c forbids. (So an execution is made in an order that
 * agrees with program order and with reads-from: all of RC11 can be made that
 * way, as it has no cycles of these two.)
 *
 * tso: all stores have one order, that of the run, and a view is a time in it.
 */
#include "weak_model.h"

#include <stdio.h>
#include <string.h>

static const struct lab_weak_search *search;
static struct lab_weaken weaken;
static bool weakened;

/* an RMW between `change` and `changed` */
static struct {
	struct weak_word *word;
	volatile const void *copy; /* NULL: memory itself */
	u32 pos; /* of the store that it reads */
	int order;
} rmw;

/* As if it had not been. */
static void drop_event(unsigned int f)
{
	struct weak_event *e = &weak.events[f][weak.nr_events[f]];

	weak.nr_sc -= e->sc;
	e->word->last[f] = e->before;
	weak.nr_events[f]--;
}

/* The last message was only tried. */
static void drop_message(struct weak_word *word, u32 pos)
{
	word->nr--;
	for (u32 i = pos; i < word->nr; i++) {
		word->order[i] = word->order[i + 1];
		weak.messages[word->order[i]].pos = i;
	}
	weak.nr_messages--;
}

/* ---- choices -------------------------------------------------------------------- */

static u32 floor_tso(const struct weak_word *word, unsigned int f)
{
	u32 pos = word->nr - 1;

	while (pos) {
		const struct weak_message *m = weak_message_at(word, pos);

		if (m->fiber == f || m->time <= weak.seen[f])
			break;
		pos--;
	}
	return pos;
}

static u32 floor_of(const struct weak_word *word, unsigned int f)
{
	u32 pos = 0;

	if (weak.memory == LAB_MEMORY_TSO)
		return floor_tso(word, f);
	for (unsigned int g = 0; g < WEAK_FIBERS; g++) {
		u32 clock = word->last[g];

		while (clock && !weak_saw(&weak.view[f], g, clock))
			clock = weak.events[g][clock].before;
		if (clock)
			pos = max(pos,
				  weak_position_of(&weak.events[g][clock]));
	}
	return pos;
}

static bool acquires(int order)
{
	return order == __ATOMIC_ACQUIRE || order == __ATOMIC_CONSUME ||
	       order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST ||
	       (weak.memory == LAB_MEMORY_LKMM && order == __ATOMIC_RELAXED);
}

static bool releases(int order)
{
	return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL ||
	       order == __ATOMIC_SEQ_CST;
}

static void mark_sc(struct weak_event *e, int order)
{
	e->sc = order == __ATOMIC_SEQ_CST;
	weak.nr_sc += e->sc;
}

/* The event reads the message. */
static void read_message(unsigned int f, struct weak_event *e, u32 id,
			 int order)
{
	const struct weak_message *m = &weak.messages[id];

	e->read = id;
	if (acquires(order))
		weak_join(&weak.view[f], &m->release);
	else
		weak_join(&weak.acquirable[f], &m->release);
	e->view = weak.view[f];
	/* What it has stored itself it may have from its own buffer. */
	if (m->fiber != f)
		weak.seen[f] = max(weak.seen[f], m->time);
}

/* What the fiber's new message releases. */
static void set_release(unsigned int f, struct weak_word *word, u32 id,
			int order, u32 read)
{
	struct weak_message *m = &weak.messages[id];

	if (releases(order)) {
		m->own = weak.view[f];
		word->released[f] = id + 1;
	} else {
		m->own = weak.released[f];
		/* a release sequence goes on with the fiber's own stores */
		if (word->released[f])
			weak_join(&m->own,
				  &weak.messages[word->released[f] - 1].own);
	}
	m->release = m->own;
	if (read != WEAK_NONE)
		weak_join(&m->release, &weak.messages[read].release);
}

/* What a choice does: reads the store at `pos`, and stores behind it. */
struct access {
	struct weak_word *word;
	bool reads, writes;
	int order;
};

/* Does the order of sequentially consistent events allow it? Tries it. */
static bool sc_allows(const struct access *a, unsigned int f, u32 pos)
{
	struct weak_view view = weak.view[f];
	struct weak_view acquirable = weak.acquirable[f];
	u32 seen = weak.seen[f], time = weak.time, stored = weak.stored[f];
	struct weak_event *e;
	bool allowed;

	if (!weak.nr_sc)
		return true;
	e = weak_new_event(f, a->word);
	mark_sc(e, a->order);
	if (a->reads)
		read_message(f, e, a->word->order[pos], a->order);
	if (a->writes)
		e->wrote = weak_new_message(a->word, pos + 1, 0, f);
	allowed = weak_sc_allows(f);
	if (a->writes)
		drop_message(a->word, pos + 1);
	drop_event(f);
	weak.view[f] = view;
	weak.acquirable[f] = acquirable;
	weak.seen[f] = seen;
	weak.time = time;
	weak.stored[f] = stored;
	return allowed;
}

static void who(const struct weak_message *m, char *text, size_t size)
{
	if (m->fiber == WEAK_NOBODY)
		snprintf(text, size, "%#llx, which was there at first",
			 (unsigned long long)m->value);
	else
		snprintf(text, size, "%#llx of %s, step %u",
			 (unsigned long long)m->value,
			 uzs_lab_fiber(m->fiber)->name, m->step);
}

static void tell(const struct access *a, u32 pos)
{
	char text[LAB_STALE_TEXT] = "", one[80];
	size_t len = 0;

	if (!search->wants_text()) {
		search->tell(NULL);
		return;
	}
	who(weak_message_at(a->word, pos), one, sizeof(one));
	len += (size_t)snprintf(text, sizeof(text), "%s %s; %s",
				a->reads ? "reads" : "is stored right after",
				one, a->reads ? "does not see " : "before ");
	for (u32 p = pos + 1; p < a->word->nr && len < sizeof(text); p++) {
		who(weak_message_at(a->word, p), one, sizeof(one));
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
					p > pos + 1 ? "; " : "", one);
	}
	search->tell(text);
}

/* The lock is in memory: what the step is about to do to it is decided. */
static bool takes_page_lock(void)
{
	enum uzs_lab_op op = uzs_lab_current->step.op;

	return op == LAB_LOCK_PAGE || op == LAB_TRYLOCK_PAGE ||
	       op == LAB_UNLOCK_PAGE;
}

/* Which one of the stores, by position. `expected`: NULL, or of a
 * compare-and-swap, which then is `a` with the orders of both its ends. */
static u32 choose(const struct access *a, unsigned int f, const u64 *expected,
		  int failed)
{
	u32 last = a->word->nr - 1, floor, mask = 1, older;

	/* x86: an RMW reads what all see, and stores are in order. */
	if (!last || !search->may_choose() || takes_page_lock() ||
	    (weak.memory == LAB_MEMORY_TSO && a->writes))
		return last;
	floor = floor_of(a->word, f);
	for (older = 1; older <= LAB_MAX_OLDER && older <= last - floor;
	     older++) {
		const struct weak_message *m =
			weak_message_at(a->word, last - older);
		struct access this = *a;

		if (expected && m->value != *expected) {
			this.writes = false;
			this.order = failed;
		}
		if (this.writes && m->followed)
			continue;
		if (weak.memory == LAB_MEMORY_TSO ||
		    sc_allows(&this, f, last - older))
			mask |= 1u << older;
	}
	weak.left_out |= last - floor > LAB_MAX_OLDER;
	if (mask == 1)
		return last;
	older = search->choose(mask);
	if (older)
		tell(a, last - older);
	return last - older;
}

/* ---- what the body calls ------------------------------------------------------------ */

/* The order that the present step's access counts as. */
static int order_of(int order, bool reads, bool writes)
{
	const struct uzs_place *at = uzs_lab_current->step.place;
	int weaker;

	if (likely(!weaken.file[0]) || at->line != weaken.line ||
	    strcmp(at->file, weaken.file) != 0)
		return order;
	weaker = !reads	  ? __ATOMIC_RELEASE
		 : writes ? __ATOMIC_ACQ_REL
			  : __ATOMIC_ACQUIRE;
	if (weaken.relaxed)
		weaker = __ATOMIC_RELAXED;
	else if (order != __ATOMIC_SEQ_CST)
		weaker = order;
	weakened |= weaker != order;
	return weaker;
}

__attribute__((weak)) void lab_watch_atomic(const volatile void *addr,
					    size_t size, bool write)
{
	(void)addr;
	(void)size;
	(void)write;
}

static void load(const volatile void *p, void *value, size_t size, int order)
{
	struct access a = { weak_word_of(p, size), true, false,
			    order_of(order, true, false) };
	unsigned int f = weak_self();
	u32 pos = choose(&a, f, NULL, a.order);
	struct weak_event *e = weak_new_event(f, a.word);

	mark_sc(e, a.order);
	read_message(f, e, a.word->order[pos], a.order);
	lab_watch_atomic(p, size, false);
	if (pos + 1 < a.word->nr)
		memcpy(value, &weak_message_at(a.word, pos)->value, size);
}

/* x86: such a store waits until all stores before it are done. */
static void see_own(unsigned int f)
{
	weak.seen[f] = max(weak.seen[f], weak.stored[f]);
}

static bool store(const volatile void *p, const void *value, size_t size,
		  int order)
{
	struct access a = { weak_word_of(p, size), false, true,
			    order_of(order, false, true) };
	unsigned int f = weak_self();
	u32 pos = choose(&a, f, NULL, a.order) + 1;
	struct weak_event *e = weak_new_event(f, a.word);

	order = a.order;
	mark_sc(e, order);
	lab_watch_atomic(p, size, true);
	e->wrote = weak_new_message(a.word, pos, weak_value_at(value, size), f);
	set_release(f, a.word, e->wrote, order, WEAK_NONE);
	if (order == __ATOMIC_SEQ_CST)
		see_own(f);
	return pos + 1 == a.word->nr;
}

void weak_fence(int order)
{
	unsigned int f = weak_self();
	struct weak_event *e;

	if (order == __ATOMIC_RELAXED)
		return;
	e = weak_new_event(f, NULL);
	mark_sc(e, order);
	if (acquires(order))
		weak_join(&weak.view[f], &weak.acquirable[f]);
	e->view = weak.view[f];
	if (releases(order))
		weak.released[f] = weak.view[f];
	if (e->sc)
		see_own(f);
}

static bool is_full(int order)
{
	return weak.memory == LAB_MEMORY_LKMM && order == __ATOMIC_SEQ_CST;
}

static volatile void *change(volatile void *p, void *copy, size_t size,
			     int order, int failed, const void *expected)
{
	struct access a = { NULL, true, true, order_of(order, true, true) };
	u64 want = expected ? weak_value_at(expected, size) : 0;
	unsigned int f = weak_self();
	struct weak_event *e;
	u32 pos, id;

	order = a.order;
	failed = order_of(failed, true, false);
	if (is_full(order))
		weak_fence(__ATOMIC_SEQ_CST);
	a.word = weak_word_of(p, size);
	pos = choose(&a, f, expected ? &want : NULL, failed);
	id = a.word->order[pos];
	e = weak_new_event(f, a.word);
	rmw.word = NULL;
	if (expected && weak.messages[id].value != want) {
		mark_sc(e, failed);
		read_message(f, e, id, failed);
		lab_watch_atomic(p, size, false);
	} else {
		mark_sc(e, order);
		read_message(f, e, id, order);
		lab_watch_atomic(p, size, true);
		rmw.word = a.word;
		rmw.pos = pos;
		rmw.order = order;
	}
	/* x86: a locked instruction is a full barrier, success or not. */
	if (weak.memory == LAB_MEMORY_TSO)
		weak.seen[f] = weak.time;
	if (pos + 1 == a.word->nr) {
		rmw.copy = NULL;
		return p;
	}
	memcpy(copy, &weak.messages[id].value, size);
	rmw.copy = copy;
	return copy;
}

static void changed(void)
{
	struct weak_word *word = rmw.word;
	const volatile void *at;
	unsigned int f = weak_self();
	struct weak_event *e;
	u32 read;

	if (word) {
		at = rmw.copy ? rmw.copy : word->addr;
		e = &weak.events[f][weak.nr_events[f]];
		read = e->read;
		weak.messages[read].followed = true;
		e->wrote = weak_new_message(word, rmw.pos + 1,
					    weak_value_at(at, word->size), f);
		set_release(f, word, e->wrote, rmw.order, read);
		if (weak.memory == LAB_MEMORY_TSO)
			weak.seen[f] = weak.time;
		if (is_full(rmw.order))
			weak_fence(__ATOMIC_SEQ_CST);
	}
	rmw.word = NULL;
}

static void pass_barrier(unsigned int f, enum weak_role role)
{
	struct weak_event *e = weak_new_event(f, NULL);

	e->sc = true;
	weak.nr_sc++;
	e->role = role;
	e->barrier = weak.barriers;
	weak_join(&weak.view[f], &weak.acquirable[f]);
	e->view = weak.view[f];
	weak.released[f] = weak.view[f];
}

/* All fibers pass a barrier between its begin and its end. */
static void barrier_all(void)
{
	unsigned int self = weak_self(), nr = uzs_lab_nr_fibers();
	u32 all = 0;

	/* relaxed: as if it were not there */
	if (order_of(__ATOMIC_SEQ_CST, true, true) == __ATOMIC_RELAXED)
		return;
	weak.barriers++;
	pass_barrier(self, WEAK_BEGINS);
	for (unsigned int f = 0; f < min(nr, (unsigned int)WEAK_NOBODY); f++) {
		if (f == self)
			continue;
		pass_barrier(f, WEAK_PASSES);
		weak.seen[f] = max(weak.seen[f],
				   max(weak.stored[f], weak.stored[self]));
		all = max(all, weak.stored[f]);
	}
	pass_barrier(self, WEAK_ENDS);
	see_own(self);
	weak.seen[self] = max(weak.seen[self], all);
	lab_order_everyone();
}

static void see_all(void)
{
	unsigned int self = weak_self();

	for (unsigned int f = 0; f < WEAK_NOBODY; f++)
		weak_join(&weak.view[self], &weak.view[f]);
	weak.seen[self] = weak.time;
}

static const struct uzs_lab_memory model = {
	.load = load,
	.store = store,
	.change = change,
	.changed = changed,
	.fence = weak_fence,
	.barrier_all = barrier_all,
	.see_all = see_all,
	.forget = weak_forget,
};

/* ---- for the search ---------------------------------------------------------------------- */

void lab_weak_use(enum lab_memory memory, const struct lab_weak_search *s)
{
	weak.memory = memory;
	search = s;
	uzs_lab_memory = memory == LAB_MEMORY_SC ? NULL : &model;
}

void lab_weak_weaken(const struct lab_weaken *w)
{
	weaken = *w;
	weakened = false;
}

bool lab_weak_weakened(void)
{
	return weakened;
}
