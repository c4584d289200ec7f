/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* axioms.c - two memory models, straight from their definitions. */
#include "axioms.h"

#include <stdlib.h>
#include <string.h>

bool litmus_reads(enum litmus_kind kind)
{
	return kind != LITMUS_STORE && kind != LITMUS_FENCE;
}

static bool is_rmw(enum litmus_kind kind)
{
	return kind == LITMUS_EXCHANGE || kind == LITMUS_ADD ||
	       kind == LITMUS_CAS;
}

void litmus_note(struct litmus_outcomes *o, uint64_t outcome)
{
	for (unsigned int i = 0; i < o->nr; i++)
		if (o->at[i] == outcome)
			return;
	if (o->nr == LITMUS_OUTCOMES)
		abort();
	o->at[o->nr++] = outcome;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

void litmus_sort(struct litmus_outcomes *o)
{
	qsort(o->at, o->nr, sizeof(o->at[0]), compare);
}

/* ---- RC11 ---------------------------------------------------------------------------
 *
 * Events are numbered: first a store of 0 to each word, then those of the CPUs.
 * An access that reads and writes is two events, as in the paper. A relation is
 * a set of events for each event.
 */
#define MAX_EVENTS 32

typedef uint32_t set;
struct rel {
	set of[MAX_EVENTS];
};

struct event {
	int cpu; /* -1: at first */
	unsigned int word;
	bool is_read, is_write, is_fence;
	bool acquires, releases, is_sc;
	int rmw; /* of its read: the write; -1 */
	const struct litmus_op *op; /* NULL: at first */
	unsigned int value;
};

static struct {
	const struct litmus *p;
	struct litmus_outcomes *out;
	unsigned int fails; /* which compare-and-swaps fail, as bits */
	unsigned int n;
	struct event e[MAX_EVENTS];
	unsigned int nr_reads, read[MAX_EVENTS];
	int rf_of[MAX_EVENTS]; /* of a read: the write */
	unsigned int nr_writes[LITMUS_WORDS];
	unsigned int write[LITMUS_WORDS][MAX_EVENTS]; /* in mo, once chosen */
	struct rel sb, hb, rf, mo, rb, eco;
} x;

static struct rel empty(void)
{
	struct rel r;

	memset(&r, 0, sizeof(r));
	return r;
}

static struct rel seq(const struct rel *a, const struct rel *b)
{
	struct rel r = empty();

	for (unsigned int i = 0; i < x.n; i++)
		for (set s = a->of[i]; s; s &= s - 1)
			r.of[i] |= b->of[__builtin_ctz(s)];
	return r;
}

static struct rel either(const struct rel *a, const struct rel *b)
{
	struct rel r = *a;

	for (unsigned int i = 0; i < x.n; i++)
		r.of[i] |= b->of[i];
	return r;
}

static struct rel maybe(const struct rel *a)
{
	struct rel r = *a;

	for (unsigned int i = 0; i < x.n; i++)
		r.of[i] |= (set)1 << i;
	return r;
}

static struct rel plus(const struct rel *a)
{
	struct rel r = *a;

	for (unsigned int k = 0; k < x.n; k++)
		for (unsigned int i = 0; i < x.n; i++)
			if (r.of[i] >> k & 1)
				r.of[i] |= r.of[k];
	return r;
}

static bool has_loop(const struct rel *a)
{
	/* The second bound is for gcc, which does not know the first. */
	for (unsigned int i = 0; i < x.n && i < MAX_EVENTS; i++)
		if (a->of[i] >> i & 1)
			return true;
	return false;
}

static bool is_cyclic(const struct rel *a)
{
	const struct rel all = plus(a);

	return has_loop(&all);
}

/* [from]; a; [to] */
static struct rel within(set from, const struct rel *a, set to)
{
	struct rel r = empty();

	for (unsigned int i = 0; i < x.n; i++)
		if (from >> i & 1)
			r.of[i] = a->of[i] & to;
	return r;
}

static set events_that(bool (*is)(const struct event *e))
{
	set s = 0;

	for (unsigned int i = 0; i < x.n; i++)
		if (is(&x.e[i]))
			s |= (set)1 << i;
	return s;
}

static bool is_write(const struct event *e)
{
	return e->is_write;
}

static bool is_fence(const struct event *e)
{
	return e->is_fence;
}

static bool does_release(const struct event *e)
{
	return e->releases;
}

static bool does_acquire(const struct event *e)
{
	return e->acquires;
}

static bool is_sc_access(const struct event *e)
{
	return e->is_sc && !e->is_fence;
}

static bool is_sc_fence(const struct event *e)
{
	return e->is_sc && e->is_fence;
}

static struct rel at_one_word(const struct rel *a, bool same)
{
	struct rel r = empty();

	for (unsigned int i = 0; i < x.n; i++)
		for (unsigned int j = 0; j < x.n; j++)
			if ((a->of[i] >> j & 1) &&
			    (!x.e[i].is_fence && !x.e[j].is_fence &&
			     x.e[i].word == x.e[j].word) == same)
				r.of[i] |= (set)1 << j;
	return r;
}

/* Writes its value, if all that it depends on is known. */
static bool find_value(unsigned int i, unsigned int depth)
{
	struct event *e = &x.e[i];
	unsigned int from;

	if (depth > x.n)
		return false; /* a cycle */
	if (!e->op) {
		e->value = 0;
		return true;
	}
	if (e->is_read) {
		from = (unsigned int)x.rf_of[i];
		if (!find_value(from, depth + 1))
			return false;
		e->value = x.e[from].value;
		return true;
	}
	e->value = e->op->value;
	if (e->op->kind != LITMUS_ADD)
		return true;
	if (!find_value(i - 1, depth + 1)) /* its read */
		return false;
	e->value = (x.e[i - 1].value + e->op->value) & 15;
	return true;
}

static bool values_fit(void)
{
	for (unsigned int i = 0; i < x.nr_reads; i++) {
		const struct event *e = &x.e[x.read[i]];

		if (e->op->kind == LITMUS_CAS &&
		    (e->value == e->op->expected) != (e->rmw >= 0))
			return false;
	}
	return true;
}

static bool psc_is_acyclic(void)
{
	const set sc = events_that(is_sc_access), f = events_that(is_sc_fence);
	const struct rel hb_maybe = maybe(&x.hb);
	const struct rel sb_other = at_one_word(&x.sb, false);
	const struct rel hb_word = at_one_word(&x.hb, true);
	struct rel scb = either(&x.sb, &hb_word), r, before, after, base;

	r = seq(&sb_other, &x.hb);
	r = seq(&r, &sb_other);
	scb = either(&scb, &r);
	scb = either(&scb, &x.mo);
	scb = either(&scb, &x.rb);
	before = empty();
	for (unsigned int i = 0; i < x.n; i++) {
		if (sc >> i & 1)
			before.of[i] = (set)1 << i;
		if (f >> i & 1)
			before.of[i] = hb_maybe.of[i];
	}
	after = empty();
	for (unsigned int i = 0; i < x.n; i++)
		after.of[i] = (hb_maybe.of[i] & f) | (((set)1 << i) & sc);
	base = seq(&before, &scb);
	base = seq(&base, &after);
	r = seq(&x.hb, &x.eco);
	r = seq(&r, &x.hb);
	r = either(&r, &x.hb);
	r = within(f, &r, f);
	base = either(&base, &r);
	return !is_cyclic(&base);
}

static void find_hb(void)
{
	const set w = events_that(is_write), fences = events_that(is_fence);
	const set rel = events_that(does_release);
	const set acq = events_that(does_acquire);
	struct rel chain = empty(), sb_word = at_one_word(&x.sb, true), rs, sw;
	struct rel before, after;

	/* rs = [W]; sb|loc?; [W]; (rf; rmw)* */
	for (unsigned int i = 0; i < x.n; i++)
		if (x.e[i].is_read && x.e[i].rmw >= 0)
			chain.of[i] = (set)1 << x.e[i].rmw;
	chain = seq(&x.rf, &chain);
	chain = plus(&chain);
	chain = maybe(&chain);
	sb_word = maybe(&sb_word);
	rs = within(w, &sb_word, w);
	rs = seq(&rs, &chain);
	/* sw = [rel]; ([F]; sb)?; rs; rf; [R]; (sb; [F])?; [acq] */
	before = within(fences, &x.sb, ~(set)0);
	before = maybe(&before);
	after = within(~(set)0, &x.sb, fences);
	after = maybe(&after);
	sw = seq(&before, &rs);
	sw = seq(&sw, &x.rf);
	sw = seq(&sw, &after);
	sw = within(rel, &sw, acq);
	x.hb = either(&x.sb, &sw);
	x.hb = plus(&x.hb);
}

static bool is_consistent(void)
{
	struct rel r;

	x.rb = empty();
	for (unsigned int i = 0; i < x.nr_reads; i++) {
		unsigned int e = x.read[i];

		x.rb.of[e] = x.mo.of[x.rf_of[e]];
	}
	r = either(&x.rf, &x.mo);
	r = either(&r, &x.rb);
	x.eco = plus(&r);
	/* coherence */
	r = maybe(&x.eco);
	r = seq(&x.hb, &r);
	if (has_loop(&r))
		return false;
	/* atomicity: rmw is not in rb; mo */
	r = seq(&x.rb, &x.mo);
	for (unsigned int i = 0; i < x.n; i++)
		if (x.e[i].is_read && x.e[i].rmw >= 0 &&
		    (r.of[i] >> x.e[i].rmw & 1))
			return false;
	return psc_is_acyclic();
}

static void note(void)
{
	uint64_t outcome = 0;

	for (unsigned int i = 0; i < x.nr_reads; i++)
		outcome = outcome << 4 | x.e[x.read[i]].value;
	for (unsigned int w = 0; w < x.p->words; w++)
		outcome = outcome << 4 |
			  x.e[x.write[w][x.nr_writes[w] - 1]].value;
	litmus_note(x.out, outcome);
}

/* All orders of the stores of word `w`, from place `from` on, and of the words
 * behind it. */
static void try_mo(unsigned int w, unsigned int from)
{
	if (w == x.p->words) {
		if (is_consistent())
			note();
		return;
	}
	if (from == x.nr_writes[w]) {
		for (unsigned int i = 0; i < from; i++) {
			unsigned int e = x.write[w][i];

			x.mo.of[e] = 0;
			for (unsigned int j = i + 1; j < from; j++)
				x.mo.of[e] |= (set)1 << x.write[w][j];
		}
		try_mo(w + 1, 1);
		return;
	}
	for (unsigned int i = from; i < x.nr_writes[w]; i++) {
		unsigned int *order = x.write[w], t = order[from];

		order[from] = order[i];
		order[i] = t;
		try_mo(w, from + 1);
		t = order[from];
		order[from] = order[i];
		order[i] = t;
	}
}

static void try_rf(unsigned int i)
{
	struct rel r;

	if (i < x.nr_reads) {
		unsigned int e = x.read[i], w = x.e[e].word;

		for (unsigned int j = 0; j < x.nr_writes[w]; j++) {
			x.rf_of[e] = (int)x.write[w][j];
			try_rf(i + 1);
		}
		return;
	}
	x.rf = empty();
	for (unsigned int j = 0; j < x.nr_reads; j++)
		x.rf.of[x.rf_of[x.read[j]]] |= (set)1 << x.read[j];
	/* no load buffering */
	r = either(&x.sb, &x.rf);
	if (is_cyclic(&r))
		return;
	for (unsigned int e = 0; e < x.n; e++)
		if (!x.e[e].is_fence && !find_value(e, 0))
			return;
	if (!values_fit())
		return;
	find_hb();
	x.mo = empty();
	try_mo(0, 1); /* what was there at first is first */
}

static void add_event(int cpu, const struct litmus_op *op, bool read,
		      bool write, int order)
{
	struct event *e = &x.e[x.n];

	if (x.n == MAX_EVENTS)
		abort();
	*e = (struct event){ .cpu = cpu,
			     .op = op,
			     .word = op ? op->word : x.n,
			     .is_read = read,
			     .is_write = write,
			     .is_fence = !read && !write,
			     .is_sc = order == __ATOMIC_SEQ_CST,
			     .rmw = -1 };
	e->acquires = !write && (order == __ATOMIC_ACQUIRE ||
				 order == __ATOMIC_ACQ_REL || e->is_sc);
	e->releases = !read && (order == __ATOMIC_RELEASE ||
				order == __ATOMIC_ACQ_REL || e->is_sc);
	if (read)
		x.read[x.nr_reads++] = x.n;
	if (write)
		x.write[e->word][x.nr_writes[e->word]++] = x.n;
	x.n++;
}

static void add_op(int cpu, const struct litmus_op *op, unsigned int *cas)
{
	bool fails = false;

	if (op->kind == LITMUS_CAS)
		fails = x.fails >> (*cas)++ & 1;
	if (op->kind == LITMUS_FENCE) {
		add_event(cpu, op, false, false, op->order);
	} else if (op->kind == LITMUS_LOAD) {
		add_event(cpu, op, true, false, op->order);
	} else if (op->kind == LITMUS_STORE) {
		add_event(cpu, op, false, true, op->order);
	} else if (fails) {
		add_event(cpu, op, true, false, __ATOMIC_RELAXED);
	} else {
		add_event(cpu, op, true, false, op->order);
		add_event(cpu, op, false, true, op->order);
		x.e[x.n - 2].rmw = (int)x.n - 1;
	}
}

static void find_sb(void)
{
	x.sb = empty();
	for (unsigned int i = 0; i < x.n; i++)
		for (unsigned int j = i + 1; j < x.n; j++)
			if (x.e[i].cpu == x.e[j].cpu ? x.e[i].cpu >= 0
						     : x.e[i].cpu < 0)
				x.sb.of[i] |= (set)1 << j;
}

void litmus_rc11(const struct litmus *p, struct litmus_outcomes *o)
{
	unsigned int nr_cas = 0;

	o->nr = 0;
	for (unsigned int c = 0; c < p->cpus; c++)
		for (unsigned int i = 0; i < p->nr[c]; i++)
			nr_cas += p->op[c][i].kind == LITMUS_CAS;
	for (unsigned int fails = 0; fails < 1u << nr_cas; fails++) {
		unsigned int cas = 0;

		memset(&x, 0, sizeof(x));
		x.p = p;
		x.out = o;
		x.fails = fails;
		for (unsigned int w = 0; w < p->words; w++)
			add_event(-1, NULL, false, true, __ATOMIC_RELAXED);
		for (unsigned int c = 0; c < p->cpus; c++)
			for (unsigned int i = 0; i < p->nr[c]; i++)
				add_op((int)c, &p->op[c][i], &cas);
		find_sb();
		try_rf(0);
	}
	litmus_sort(o);
}

/* ---- x86-TSO: CPUs with buffers of stores ------------------------------------------- */

struct machine {
	uint8_t at[LITMUS_CPUS];
	uint8_t nr[LITMUS_CPUS]; /* stores in its buffer */
	uint8_t buffer[LITMUS_CPUS][LITMUS_OPS][2]; /* word, value */
	uint8_t memory[LITMUS_WORDS];
	uint8_t got[LITMUS_CPUS][LITMUS_OPS];
};

#define MACHINES (1u << 20)
static struct machine *machines; /* that were visited */
static uint8_t *visited;

static bool is_new(const struct machine *m)
{
	const uint8_t *bytes = (const uint8_t *)m;
	uint64_t h = 1469598103934665603u;
	unsigned int slot;

	for (size_t i = 0; i < sizeof(*m); i++)
		h = (h ^ bytes[i]) * 1099511628211u;
	slot = (unsigned int)(h >> 32) % MACHINES;
	for (unsigned int tries = 0; visited[slot]; tries++) {
		if (!memcmp(&machines[slot], m, sizeof(*m)))
			return false;
		if (tries == MACHINES / 2)
			abort();
		slot = (slot + 1) % MACHINES;
	}
	visited[slot] = 1;
	machines[slot] = *m;
	return true;
}

static void note_end(const struct litmus *p, const struct machine *m,
		     struct litmus_outcomes *o)
{
	uint64_t outcome = 0;

	for (unsigned int c = 0; c < p->cpus; c++)
		for (unsigned int i = 0; i < p->nr[c]; i++)
			if (litmus_reads(p->op[c][i].kind))
				outcome = outcome << 4 | m->got[c][i];
	for (unsigned int w = 0; w < p->words; w++)
		outcome = outcome << 4 | m->memory[w];
	litmus_note(o, outcome);
}

static void flush_one(struct machine *m, unsigned int c)
{
	m->memory[m->buffer[c][0][0]] = m->buffer[c][0][1];
	memmove(m->buffer[c][0], m->buffer[c][1],
		sizeof(m->buffer[c]) - sizeof(m->buffer[c][0]));
	m->nr[c]--;
	memset(m->buffer[c][m->nr[c]], 0, sizeof(m->buffer[c][0]));
}

static uint8_t seen_by(const struct machine *m, unsigned int c,
		       unsigned int word)
{
	for (unsigned int i = m->nr[c]; i-- > 0;)
		if (m->buffer[c][i][0] == word)
			return m->buffer[c][i][1];
	return m->memory[word];
}

/* False: it has to wait until the buffer is empty. */
static bool execute(struct machine *m, unsigned int c,
		    const struct litmus_op *op)
{
	bool sc = op->order == __ATOMIC_SEQ_CST;
	uint8_t *got = &m->got[c][m->at[c]];

	if (m->nr[c] && (is_rmw(op->kind) || (sc && op->kind != LITMUS_LOAD)))
		return false;
	m->at[c]++;
	if (litmus_reads(op->kind))
		*got = seen_by(m, c, op->word);
	if (op->kind == LITMUS_STORE && !sc) {
		m->buffer[c][m->nr[c]][0] = op->word;
		m->buffer[c][m->nr[c]++][1] = op->value;
	} else if (op->kind == LITMUS_STORE || op->kind == LITMUS_EXCHANGE ||
		   (op->kind == LITMUS_CAS && *got == op->expected)) {
		m->memory[op->word] = op->value;
	} else if (op->kind == LITMUS_ADD) {
		m->memory[op->word] = (*got + op->value) & 15;
	}
	return true;
}

static void go_on(const struct litmus *p, const struct machine *m,
		  struct litmus_outcomes *o)
{
	bool ended = true;

	if (!is_new(m))
		return;
	for (unsigned int c = 0; c < p->cpus; c++) {
		struct machine next = *m;

		if (m->nr[c]) {
			ended = false;
			flush_one(&next, c);
			go_on(p, &next, o);
			next = *m;
		}
		if (m->at[c] < p->nr[c]) {
			ended = false;
			if (execute(&next, c, &p->op[c][m->at[c]]))
				go_on(p, &next, o);
		}
	}
	if (ended)
		note_end(p, m, o);
}

void litmus_tso(const struct litmus *p, struct litmus_outcomes *o)
{
	struct machine first;

	if (!machines)
		machines = malloc(MACHINES * sizeof(*machines));
	free(visited);
	visited = calloc(MACHINES, 1);
	if (!machines || !visited)
		abort();
	memset(&first, 0, sizeof(first));
	o->nr = 0;
	go_on(p, &first, o);
	litmus_sort(o);
}
