/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_lab_litmus.c - the classic litmus tests, with each mix of orders: what the
 * lab shows is what the models allow.
 *
 * A shape has up to 91,125 mixes. RC11's axioms are asked about each. The lab
 * runs one of each class of mixes: those that are the same but for
 *   - the names of CPUs and words, where the shape is symmetric;
 *   - orders that have no partner: a release that no CPU can acquire, and the
 *     other way round; a fence with no read before it to acquire, or no store
 *     behind it to release; a single sequentially consistent access or fence.
 * The axioms give all of a class the same outcomes, or the test fails. That the
 * lab does is seen on some hundred mixes of each shape, which it runs as they are.
 * x86 knows only sequentially consistent stores and fences, and others.
 */
#include "litmus.h"

#include <stdlib.h>
#include <string.h>

#include "test_util.h"

static const struct litmus shapes[] = {
	{ "MP", 2, 2, { 2, 2 }, { { W(X, 1), W(Y, 1) }, { R(Y), R(X) } } },
	{ "SB", 2, 2, { 2, 2 }, { { W(X, 1), R(Y) }, { W(Y, 1), R(X) } } },
	{ "LB", 2, 2, { 2, 2 }, { { R(X), W(Y, 1) }, { R(Y), W(X, 1) } } },
	{ "S", 2, 2, { 2, 2 }, { { W(X, 2), W(Y, 1) }, { R(Y), W(X, 1) } } },
	{ "R", 2, 2, { 2, 2 }, { { W(X, 1), W(Y, 1) }, { W(Y, 2), R(X) } } },
	{ "2+2W",
	  2,
	  2,
	  { 2, 2 },
	  { { W(X, 1), W(Y, 2) }, { W(Y, 1), W(X, 2) } } },
	{ "WRC",
	  3,
	  2,
	  { 1, 2, 2 },
	  { { W(X, 1) }, { R(X), W(Y, 1) }, { R(Y), R(X) } } },
	{ "ISA2",
	  3,
	  3,
	  { 2, 2, 2 },
	  { { W(X, 1), W(Y, 1) }, { R(Y), W(Z, 1) }, { R(Z), R(X) } } },
	{ "IRIW",
	  4,
	  2,
	  { 1, 1, 2, 2 },
	  { { W(X, 1) }, { W(Y, 1) }, { R(X), R(Y) }, { R(Y), R(X) } } },
	{ "CoRR", 2, 1, { 1, 2 }, { { W(X, 1) }, { R(X), R(X) } } },
	{ "CoWW", 2, 1, { 2, 1 }, { { W(X, 1), W(X, 2) }, { R(X) } } },
	{ "CoRW", 2, 1, { 2, 1 }, { { R(X), W(X, 1) }, { W(X, 2) } } },
	{ "CoWR", 2, 1, { 2, 1 }, { { W(X, 1), R(X) }, { W(X, 2) } } },
};

/* The same programs after these renamings: old names by new ones. */
static const struct renaming {
	const char *shape;
	u8 cpu[LITMUS_CPUS], word[LITMUS_WORDS];
} renamings[] = {
	{ "SB", { 1, 0 }, { 1, 0 } },
	{ "LB", { 1, 0 }, { 1, 0 } },
	{ "2+2W", { 1, 0 }, { 1, 0 } },
	{ "IRIW", { 1, 0, 3, 2 }, { 1, 0 } },
};

static const struct renaming *renaming_of(const struct litmus *shape)
{
	for (size_t i = 0; i < NR(renamings); i++)
		if (!strcmp(renamings[i].shape, shape->name))
			return &renamings[i];
	return NULL;
}

/* ---- mixes -------------------------------------------------------------------------- */

enum { NONE, HALF, SC }; /* of an access; half: acquire, release */
enum { NO_FENCE, ACQUIRES, RELEASES, BOTH, SC_FENCE };

#define ACCESSES 2 /* of a CPU */

/* The orders of the accesses, and of the fences before them. */
struct mix {
	u8 access[LITMUS_CPUS][ACCESSES];
	u8 fence[LITMUS_CPUS][ACCESSES]; /* none before the first */
};

/* By the digits of `n`. False: there are not so many. */
static bool get_mix(const struct litmus *shape, unsigned int n, struct mix *m)
{
	memset(m, 0, sizeof(*m));
	for (unsigned int c = 0; c < shape->cpus; c++)
		for (unsigned int i = 0; i < shape->nr[c]; i++) {
			if (i) {
				m->fence[c][i] = (u8)(n % 5);
				n /= 5;
			}
			m->access[c][i] = (u8)(n % 3);
			n /= 3;
		}
	return !n;
}

static u32 key_of(const struct litmus *shape, const struct mix *m)
{
	u32 key = 0;

	for (unsigned int c = 0; c < shape->cpus; c++)
		for (unsigned int i = 0; i < shape->nr[c]; i++)
			key = (i ? key << 3 | m->fence[c][i] : key) << 2 |
			      m->access[c][i];
	return key;
}
#define KEYS (1u << 21) /* ISA2's: six accesses and three fences */

static void make_program(const struct litmus *shape, const struct mix *m,
			 struct litmus *p)
{
	static const int fences[] = { __ATOMIC_RELAXED, __ATOMIC_ACQUIRE,
				      __ATOMIC_RELEASE, __ATOMIC_ACQ_REL,
				      __ATOMIC_SEQ_CST };

	*p = *shape;
	for (unsigned int c = 0; c < shape->cpus; c++) {
		unsigned int n = 0;

		for (unsigned int i = 0; i < shape->nr[c]; i++) {
			struct litmus_op *op = &p->op[c][n];

			if (m->fence[c][i]) {
				*op = (struct litmus_op){
					.kind = LITMUS_FENCE,
					.order = fences[m->fence[c][i]]
				};
				op = &p->op[c][++n];
			}
			*op = shape->op[c][i];
			op->order =
				litmus_access_order(op->kind, m->access[c][i]);
			n++;
		}
		p->nr[c] = n;
	}
}

/* ---- classes ------------------------------------------------------------------------ */

static bool does_acquire(const struct mix *m, unsigned int c, unsigned int i)
{
	return m->fence[c][i] == ACQUIRES || m->fence[c][i] >= BOTH;
}

static bool does_release(const struct mix *m, unsigned int c, unsigned int i)
{
	return m->fence[c][i] >= RELEASES;
}

/* Can another CPU than c release by a store to the word? */
static bool is_released(const struct litmus *shape, const struct mix *m,
			unsigned int not, unsigned int word)
{
	for (unsigned int c = 0; c < shape->cpus; c++) {
		bool fenced = false;

		for (unsigned int i = 0; c != not &&i < shape->nr[c]; i++) {
			const struct litmus_op *op = &shape->op[c][i];

			fenced |= does_release(m, c, i);
			if (op->kind == LITMUS_STORE && op->word == word &&
			    (fenced || m->access[c][i]))
				return true;
		}
	}
	return false;
}

/* Can another CPU than c acquire by a load of the word? */
static bool is_acquired(const struct litmus *shape, const struct mix *m,
			unsigned int not, unsigned int word)
{
	for (unsigned int c = 0; c < shape->cpus; c++) {
		bool fenced = false;

		for (unsigned int i = shape->nr[c]; c != not &&i-- > 0;) {
			const struct litmus_op *op = &shape->op[c][i];

			if (op->kind == LITMUS_LOAD && op->word == word &&
			    (fenced || m->access[c][i]))
				return true;
			fenced |= does_acquire(m, c, i);
		}
	}
	return false;
}

/* What is left of the fence before access i. */
static u8 fence_with_partners(const struct litmus *shape, const struct mix *m,
			      unsigned int c, unsigned int i)
{
	bool acquires = false, releases = false;

	if (m->fence[c][i] == SC_FENCE)
		return SC_FENCE;
	for (unsigned int j = 0; j < shape->nr[c]; j++) {
		const struct litmus_op *op = &shape->op[c][j];

		if (j < i && op->kind == LITMUS_LOAD)
			acquires |= is_released(shape, m, c, op->word);
		if (j >= i && op->kind == LITMUS_STORE)
			releases |= is_acquired(shape, m, c, op->word);
	}
	acquires &= does_acquire(m, c, i);
	releases &= does_release(m, c, i);
	return (u8)(acquires   ? releases ? BOTH : ACQUIRES
		    : releases ? RELEASES
			       : NO_FENCE);
}

static u8 access_with_partner(const struct litmus *shape, const struct mix *m,
			      unsigned int c, unsigned int i)
{
	const struct litmus_op *op = &shape->op[c][i];

	if (m->access[c][i] != HALF)
		return m->access[c][i];
	return op->kind == LITMUS_LOAD ? is_released(shape, m, c, op->word)
				       : is_acquired(shape, m, c, op->word);
}

static void weaken_single_sc(const struct litmus *shape, struct mix *m)
{
	u8 *single = NULL, weaker = 0;
	unsigned int nr = 0;

	for (unsigned int c = 0; c < shape->cpus; c++)
		for (unsigned int i = 0; i < shape->nr[c]; i++) {
			if (m->fence[c][i] == SC_FENCE) {
				single = &m->fence[c][i];
				weaker = BOTH;
				nr++;
			}
			if (m->access[c][i] == SC) {
				single = &m->access[c][i];
				weaker = HALF;
				nr++;
			}
		}
	if (nr == 1)
		*single = weaker;
}

/* Leaves out what has no partner. What is left out may have been another one's
 * partner. */
static void weaken(const struct litmus *shape, struct mix *m)
{
	struct mix before;

	weaken_single_sc(shape, m);
	do {
		before = *m;
		for (unsigned int c = 0; c < shape->cpus; c++)
			for (unsigned int i = 0; i < shape->nr[c]; i++) {
				m->fence[c][i] =
					fence_with_partners(shape, m, c, i);
				m->access[c][i] =
					access_with_partner(shape, m, c, i);
			}
	} while (memcmp(&before, m, sizeof(*m)));
}

static void rename_mix(const struct renaming *r, const struct litmus *shape,
		       struct mix *m)
{
	struct mix old = *m;

	for (unsigned int c = 0; c < shape->cpus; c++) {
		memcpy(m->access[c], old.access[r->cpu[c]], ACCESSES);
		memcpy(m->fence[c], old.fence[r->cpu[c]], ACCESSES);
	}
}

/* The outcomes under the new names: digits in another order. */
static void rename_outcomes(const struct renaming *r,
			    const struct litmus *shape,
			    struct litmus_outcomes *o)
{
	unsigned int first[LITMUS_CPUS], reads[LITMUS_CPUS], digits = 0;

	for (unsigned int c = 0; c < shape->cpus; c++) {
		first[c] = digits;
		reads[c] = 0;
		for (unsigned int i = 0; i < shape->nr[c]; i++)
			reads[c] += shape->op[c][i].kind == LITMUS_LOAD;
		digits += reads[c];
	}
	for (unsigned int n = 0; n < o->nr; n++) {
		u64 old = o->at[n], new = 0;
		unsigned int all = digits + shape->words;

		for (unsigned int c = 0; c < shape->cpus; c++)
			for (unsigned int i = 0; i < reads[c]; i++)
				new = new << 4 |
				      (old >> 4 * (all - 1 - first[r->cpu[c]] -
						   i) &
				       15);
		for (unsigned int w = 0; w < shape->words; w++)
			new = new << 4 |
			      (old >> 4 * (shape->words - 1 - r->word[w]) & 15);
		o->at[n] = new;
	}
	litmus_sort(o);
}

static void test_renamings_give_the_same_program(void **state)
{
	for (size_t s = 0; s < NR(shapes); s++) {
		const struct litmus *p = &shapes[s];
		const struct renaming *r = renaming_of(p);

		for (unsigned int c = 0; r && c < p->cpus; c++) {
			assert_int_equal(p->nr[c], p->nr[r->cpu[c]]);
			for (unsigned int i = 0; i < p->nr[c]; i++) {
				const struct litmus_op *a = &p->op[c][i];
				const struct litmus_op *b =
					&p->op[r->cpu[c]][i];

				assert_int_equal(a->kind, b->kind);
				assert_int_equal(a->value, b->value);
				assert_int_equal(r->word[a->word], b->word);
			}
		}
	}
}

/* ---- every mix ---------------------------------------------------------------------- */

static u64 hash_of(const struct litmus_outcomes *o)
{
	u64 h = o->nr + 1;

	for (unsigned int i = 0; i < o->nr; i++)
		h = (h ^ o->at[i]) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 29 ? h ^ h >> 29 : 1;
}

/* By key: 0, or a hash of the outcomes. */
static u64 *known_c11;
static bool *known_tso;

static void run_tso(const struct litmus *shape, struct mix m)
{
	static struct litmus_outcomes allowed;
	struct litmus p;

	for (unsigned int c = 0; c < shape->cpus; c++)
		for (unsigned int i = 0; i < shape->nr[c]; i++) {
			if (m.fence[c][i] != SC_FENCE)
				m.fence[c][i] = NO_FENCE;
			if (m.access[c][i] != SC ||
			    shape->op[c][i].kind == LITMUS_LOAD)
				m.access[c][i] = NONE;
		}
	if (known_tso[key_of(shape, &m)])
		return;
	known_tso[key_of(shape, &m)] = true;
	make_program(shape, &m, &p);
	litmus_tso(&p, &allowed);
	litmus_explore(&p, LAB_MEMORY_TSO, 50, 50, true);
	litmus_compare(&p, "tso", &allowed);
}

/* Return: was it the first one of its class? */
static bool run_c11(const struct litmus *shape, const struct mix *mix)
{
	static struct litmus_outcomes allowed, own;
	const struct renaming *r = renaming_of(shape);
	struct mix m = *mix, other;
	struct litmus p;
	bool is_new;
	u64 *known;

	make_program(shape, &m, &p);
	litmus_rc11(&p, &own);
	weaken(shape, &m);
	other = m;
	if (r)
		rename_mix(r, shape, &other);
	if (key_of(shape, &other) < key_of(shape, &m)) {
		m = other;
		rename_outcomes(r, shape, &own);
	}
	known = &known_c11[key_of(shape, &m)];
	is_new = !*known;
	if (is_new) {
		struct litmus one;

		make_program(shape, &m, &one);
		litmus_rc11(&one, &allowed);
		litmus_explore(&one, LAB_MEMORY_C11, 50, 50, true);
		litmus_compare(&one, "c11", &allowed);
		*known = hash_of(&allowed);
	}
	if (*known != hash_of(&own)) {
		litmus_print(&p);
		fail_msg("%s: it is not what its class is", p.name);
	}
	return is_new;
}

/* Where instruments make it slow (UZS_TEST_SCALE below 100), some. */
static void test_every_mix_has_its_outcomes(void **state)
{
	unsigned int step = 100 / (unsigned int)max(uzs_test_scale(100), 1);

	/* Without the factors of the numbers of mixes. */
	while (step > 1 && (step % 3 == 0 || step % 5 == 0))
		step++;
	for (size_t s = 0; s < NR(shapes); s++) {
		unsigned int mixes = 0, classes = 0;
		struct mix m;

		known_c11 = calloc(KEYS, sizeof(*known_c11));
		known_tso = calloc(KEYS, sizeof(*known_tso));
		assert_non_null(known_c11);
		assert_non_null(known_tso);
		for (unsigned int n = 0; get_mix(&shapes[s], n, &m);
		     n += max(step, 1u)) {
			classes += run_c11(&shapes[s], &m);
			run_tso(&shapes[s], m);
			mixes++;
		}
		free(known_c11);
		free(known_tso);
		print_message("%s: %u mixes of orders, %u classes\n",
			      shapes[s].name, mixes, classes);
	}
}

/* As they are, with no classes; each eighth by brute force, too. Each so many-th
 * mix: a number without the factors 3 and 5, so that each access and each fence
 * has all its orders. */
#define MIXES 120

static unsigned int times; /* 1; more: so many times as much */

static void test_some_mixes_as_they_are(void **state)
{
	for (size_t s = 0; s < NR(shapes); s++) {
		unsigned int mixes = 0, step = 1, n = 0;
		struct litmus p;
		struct mix m;

		while (get_mix(&shapes[s], mixes, &m))
			mixes++;
		if (mixes > MIXES * times)
			step = mixes / (MIXES * times) + 1;
		while (step > 1 && (step % 3 == 0 || step % 5 == 0))
			step++;
		for (unsigned int mix = 0; mix < mixes; mix += step) {
			get_mix(&shapes[s], mix, &m);
			make_program(&shapes[s], &m, &p);
			litmus_check(&p, n++ % 8 == 0 && p.cpus < 4);
		}
	}
}

/* ---- what they are known for -------------------------------------------------------- */

/* What the tests are known for: is the outcome that no order of steps gives
 * allowed, by c11 and on x86? So that not both sides are wrong alike. */
static void test_known_outcomes(void **state)
{
	enum { RLX, REL_ACQ, SC };
	static const struct {
		const char *shape;
		int orders;
		u64 outcome; /* reads, then the words */
		bool c11, tso;
	} known[] = {
		{ "MP", RLX, 0x1011, true, false },
		{ "MP", REL_ACQ, 0x1011, false, false },
		{ "SB", RLX, 0x0011, true, true },
		{ "SB", REL_ACQ, 0x0011, true, true },
		{ "SB", SC, 0x0011, false, false },
		{ "LB", RLX, 0x1111, false, false }, /* C11 has it */
		{ "S", RLX, 0x121, true, false },
		{ "S", REL_ACQ, 0x121, false, false },
		{ "R", RLX, 0x012, true, true },
		{ "R", REL_ACQ, 0x012, true, true },
		{ "R", SC, 0x012, false, false },
		{ "2+2W", RLX, 0x11, true, false },
		{ "2+2W", REL_ACQ, 0x11, true, false },
		{ "2+2W", SC, 0x11, false, false },
		{ "WRC", RLX, 0x11011, true, false },
		{ "WRC", REL_ACQ, 0x11011, false, false },
		{ "ISA2", RLX, 0x110111, true, false },
		{ "ISA2", REL_ACQ, 0x110111, false, false },
		{ "IRIW", REL_ACQ, 0x101011, true, false },
		{ "IRIW", SC, 0x101011, false, false },
		{ "CoRR", RLX, 0x101, false, false },
		{ "CoWW", RLX, 0x01, false, false },
		{ "CoRW", RLX, 0x22, false, false },
		{ "CoWR", RLX, 0x01, false, false },
	};
	static const int load[] = { __ATOMIC_RELAXED, __ATOMIC_ACQUIRE,
				    __ATOMIC_SEQ_CST };
	static const int store[] = { __ATOMIC_RELAXED, __ATOMIC_RELEASE,
				     __ATOMIC_SEQ_CST };

	for (size_t k = 0; k < NR(known); k++) {
		struct litmus p = { 0 };

		for (size_t s = 0; s < NR(shapes); s++)
			if (!strcmp(shapes[s].name, known[k].shape))
				p = shapes[s];
		for (unsigned int c = 0; c < p.cpus; c++)
			for (unsigned int i = 0; i < p.nr[c]; i++)
				p.op[c][i].order =
					p.op[c][i].kind == LITMUS_LOAD
						? load[known[k].orders]
						: store[known[k].orders];
		for (int tso = 0; tso < 2; tso++) {
			bool allowed = tso ? known[k].tso : known[k].c11;
			bool shown = false;

			litmus_explore(&p,
				       tso ? LAB_MEMORY_TSO : LAB_MEMORY_C11,
				       50, 50, true);
			for (unsigned int i = 0; i < litmus_found.nr; i++)
				shown |= litmus_found.at[i] == known[k].outcome;
			if (shown != allowed)
				fail_msg("%s, %s: %llx is %s", known[k].shape,
					 tso ? "tso" : "c11",
					 (unsigned long long)known[k].outcome,
					 shown ? "shown" : "not shown");
		}
	}
}

/* With an argument: more of them as they are. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_outcomes),
		cmocka_unit_test(test_renamings_give_the_same_program),
		cmocka_unit_test(test_some_mixes_as_they_are),
		cmocka_unit_test(test_every_mix_has_its_outcomes),
	};

	(void)argv;
	times = argc > 1 ? 20 : 1;
	return cmocka_run_group_tests(tests, open_lab, NULL);
}
