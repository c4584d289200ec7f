/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* weak_sc.c - the order of sequentially consistent accesses and fences. Owns no
 * state.
 *
 * RC11's condition: the relation psc of these events has no cycle. psc is
 * psc_base, from event to event by program order, by happens-before of two
 * accesses to one word, or with other words' accesses at both ends, by
 * modification order and by from-read (a load reads a store that is older);
 * and, between two fences, happens-before, with or without a chain of reads and
 * stores of one word in the middle. A fence stands for what happens before or
 * after it. The names below are those of the paper.
 *
 * It is asked only when a choice is stale. Otherwise all parts of psc go from
 * earlier to later events of the run, and there is no cycle.
 */
#include "weak_model.h"

#include <string.h>

#define SETS (LAB_MAX_SC / 64)

struct node {
	unsigned int fiber;
	u32 clock;
	const struct weak_event *event;
};

static struct {
	unsigned int nr;
	struct node node[LAB_MAX_SC];
	u64 next[LAB_MAX_SC][SETS];
} psc;

static const struct weak_event *event_at(unsigned int fiber, u32 clock)
{
	return &weak.events[fiber][clock];
}

/* a happens before b, or is b. */
static bool happens_before(const struct node *a, const struct node *b)
{
	return weak_saw(&b->event->view, a->fiber, a->clock);
}

static struct node node_at(unsigned int fiber, u32 clock)
{
	return (struct node){ fiber, clock, event_at(fiber, clock) };
}

static u32 position(u32 message)
{
	return weak.messages[message].pos;
}

/* modification order or from-read, from a to b, which are of one word */
static bool mo_or_rb(const struct weak_event *a, const struct weak_event *b)
{
	if (a == b || b->wrote == WEAK_NONE)
		return false;
	if (a->wrote != WEAK_NONE && position(a->wrote) < position(b->wrote))
		return true;
	return a->read != WEAK_NONE && position(a->read) < position(b->wrote);
}

/* eco: a chain of modification order, from-read and reads-from */
static bool eco(const struct weak_event *a, const struct weak_event *b)
{
	u32 to = b->wrote != WEAK_NONE ? b->wrote : b->read;
	u32 from = a->read != WEAK_NONE ? a->read : a->wrote;

	if (a == b)
		return false;
	/* The later one is at, or reads, a later store; or it reads this one. */
	return position(from) < position(to) ||
	       (a->wrote != WEAK_NONE && b->read == a->wrote);
}

/* Calls `fn` for each event of the word. True: one said so. */
static bool any_at(const struct weak_word *word,
		   bool (*fn)(const struct node *n, void *arg), void *arg)
{
	for (unsigned int f = 0; f < WEAK_FIBERS; f++)
		for (u32 c = word->last[f]; c; c = event_at(f, c)->before) {
			const struct node n = node_at(f, c);

			if (fn(&n, arg))
				return true;
		}
	return false;
}

/* The first event after it in its fiber that is not of its word; the last one
 * before. 0: none. */
static u32 next_other(const struct node *a)
{
	u32 c = a->clock + 1;

	while (c <= weak.nr_events[a->fiber] &&
	       event_at(a->fiber, c)->word == a->event->word)
		c++;
	return c <= weak.nr_events[a->fiber] ? c : 0;
}

static u32 last_other(const struct node *b)
{
	u32 c = b->clock - 1;

	while (c && event_at(b->fiber, c)->word == b->event->word)
		c--;
	return c;
}

/* scb between two accesses */
static bool access_to_access(const struct node *a, const struct node *b)
{
	u32 next, last;

	if (a->fiber == b->fiber)
		return a->clock < b->clock;
	if (a->event->word == b->event->word)
		return happens_before(a, b) || mo_or_rb(a->event, b->event);
	next = next_other(a);
	last = last_other(b);
	return next && last &&
	       weak_saw(&event_at(b->fiber, last)->view, a->fiber, next);
}

struct end {
	const struct node *fence, *access;
};

/* Is n an access of the word with fence before n, and scb from n to access? */
static bool leads_to(const struct node *n, void *arg)
{
	const struct end *e = arg;

	return happens_before(e->fence, n) &&
	       (mo_or_rb(n->event, e->access->event) ||
		(n->event != e->access->event && happens_before(n, e->access)));
}

/* Is n one with scb from access to n, and n before fence? */
static bool comes_from(const struct node *n, void *arg)
{
	const struct end *e = arg;

	return happens_before(n, e->fence) &&
	       (mo_or_rb(e->access->event, n->event) ||
		(n->event != e->access->event && happens_before(e->access, n)));
}

static bool fence_to_access(const struct node *a, const struct node *b)
{
	struct end e = { a, b };

	if (b->clock > 1 && weak_saw(&event_at(b->fiber, b->clock - 1)->view,
				     a->fiber, a->clock))
		return true;
	return any_at(b->event->word, leads_to, &e);
}

static bool access_to_fence(const struct node *a, const struct node *b)
{
	struct end e = { b, a };

	if (weak_saw(&b->event->view, a->fiber, a->clock + 1))
		return true;
	return any_at(a->event->word, comes_from, &e);
}

struct chain {
	const struct node *from, *to, *first;
};

static bool ends_chain(const struct node *n, void *arg)
{
	const struct chain *c = arg;

	return happens_before(n, c->to) && eco(c->first->event, n->event);
}

static bool begins_chain(const struct node *n, void *arg)
{
	struct chain c = *(const struct chain *)arg;

	c.first = n;
	return happens_before(c.from, n) &&
	       any_at(n->event->word, ends_chain, &c);
}

static bool fence_to_fence(const struct node *a, const struct node *b)
{
	struct chain c = { a, b, NULL };

	if (happens_before(a, b))
		return true;
	/* A barrier of all threads: its begin, all others', its end. */
	if (a->event->role != WEAK_ALONE && b->event->role != WEAK_ALONE &&
	    a->event->barrier == b->event->barrier &&
	    a->event->role < b->event->role)
		return true;
	for (u32 i = 0; i < weak.nr_words; i++)
		if (any_at(weak.words[i], begins_chain, &c))
			return true;
	return false;
}

static bool is_edge(const struct node *a, const struct node *b)
{
	if (a == b)
		return false;
	if (a->event->word)
		return b->event->word ? access_to_access(a, b)
				      : access_to_fence(a, b);
	return b->event->word ? fence_to_access(a, b) : fence_to_fence(a, b);
}

static bool find_nodes(void)
{
	psc.nr = 0;
	for (unsigned int f = 0; f < WEAK_FIBERS; f++)
		for (u32 c = 1; c <= weak.nr_events[f]; c++) {
			if (!event_at(f, c)->sc)
				continue;
			if (psc.nr == LAB_MAX_SC)
				return false;
			psc.node[psc.nr++] = node_at(f, c);
		}
	return true;
}

/* Warshall's way. True: there is a cycle. */
static bool has_cycle(void)
{
	for (unsigned int k = 0; k < psc.nr; k++)
		for (unsigned int i = 0; i < psc.nr; i++)
			if (psc.next[i][k / 64] >> (k % 64) & 1)
				for (int s = 0; s < SETS; s++)
					psc.next[i][s] |= psc.next[k][s];
	for (unsigned int i = 0; i < psc.nr; i++)
		if (psc.next[i][i / 64] >> (i % 64) & 1)
			return true;
	return false;
}

/* A new part of psc goes from the new event, or a fence before it. */
static bool matters(unsigned int fiber)
{
	const struct weak_event *e = event_at(fiber, weak.nr_events[fiber]);

	if (e->sc)
		return true;
	for (unsigned int f = 0; f < WEAK_FIBERS; f++)
		for (u32 c = 1; c <= e->view.at[f]; c++)
			if (event_at(f, c)->sc && !event_at(f, c)->word)
				return true;
	return false;
}

bool weak_sc_allows(unsigned int fiber)
{
	if (!weak.nr_sc || !matters(fiber))
		return true;
	if (!find_nodes()) {
		weak.left_out = true;
		return false;
	}
	memset(psc.next, 0, psc.nr * sizeof(psc.next[0]));
	for (unsigned int i = 0; i < psc.nr; i++)
		for (unsigned int j = 0; j < psc.nr; j++)
			if (is_edge(&psc.node[i], &psc.node[j]))
				psc.next[i][j / 64] |= (u64)1 << (j % 64);
	return !has_cycle();
}
