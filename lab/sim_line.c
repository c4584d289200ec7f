/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_line.c - owns the state of every cache line of the simulated machine; see
 * sim_line.h.
 *
 * Known limits: caches have no sets, and drop the line that the clock algorithm
 * finds unused for longest. The hardware prefetcher only foresees the line
 * behind one that was just missed (a stream). A load waits at once, not where
 * its value is needed.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "sim_line.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NOBODY 0xff
#define PAGE_SHIFT 12
#define NR_STREAMS 32
#define MAX_MISSES 64
#define MAX_WALKS 16
/* Slots of memory's time: how many lines one has, and how many slots are
 * remembered. */
#define SLOT_LINES 32u
#define NR_SLOTS 4096u

struct line {
	u64 have[2]; /* bits of the CPUs whose cache has it */
	u64 used[2]; /* of these, used since the clock's hand last passed */
	u64 listed[2]; /* CPUs whose ring lists it, also after losing it */
	u64 moves_at; /* time from which it may move again */
	u64 leaves_at; /* time at which it leaves `prev` for the next CPU */
	u64 ready_at; /* for ready_cpu: time at which it is fetched */
	u64 free_at; /* time at which a lock in it was given back */
	u32 left; /* when it last left a CPU's cache (m.left); 0: never */
	u8 owner; /* CPU that wrote to it, or had it first and alone */
	u8 ready_cpu;
	u8 prev; /* owner before that */
	u8 spinner; /* 1 + a CPU that reads it all the time; 0: none */
};

struct cpu {
	u32 *cache; /* numbers of lines + 1, 0: empty; a ring */
	u32 hand;
	u32 *pages; /* pages whose translation is cached, by hash */
	u32 stream[NR_STREAMS]; /* 1 + the lines behind those missed lately */
	u32 next_stream;
	u64 miss[MAX_MISSES]; /* for each miss under way: when it ends */
	u32 next_miss;
	u64 store[MAX_MISSES]; /* for each store under way: when it ends; nobody
				* waits for it */
	u32 next_store;
	u64 walk[MAX_WALKS]; /* for each translation under way: when it ends */
	u32 next_walk;
	u64 stored_at; /* all stores are done at that time */
	const volatile void *stored_addr; /* of the store that is done then */
	bool stored_moved; /* its line was another CPU's */
	struct sim_line_stat stat;
};

static struct {
	uintptr_t base;
	size_t bytes;
	struct line *lines;
	size_t table_bytes;
	struct cpu cpu[SIM_MAX_CPUS];
	unsigned int cpus;
	u32 cache_lines, shared_lines, pages, misses, walks;
	u32 left; /* lines that left any CPU's cache so far */
	u64 bus_free;
	bool bus_slots;
	struct {
		u64 number;
		u32 lines; /* that it has given out */
	} slot[NR_SLOTS];
	u64 line_ps, gap_ps, near_ps, miss_ps, tlb_ps, bus_ps, atomic_ps,
		retry_ps, ahead_ps;
	bool drain, unlock_stores;
	struct sim_line_wait last;
} m;

static u64 ps(double ns)
{
	return (u64)(ns * 1000 + 0.5);
}

static void *map_zeroed(size_t bytes)
{
	void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

bool sim_lines_init(const struct sim_costs *costs, unsigned int cpus,
		    const void *base, size_t bytes)
{
	const double *v = costs->value;

	m.base = (uintptr_t)base;
	m.bytes = bytes;
	m.cpus = cpus;
	m.cache_lines = (u32)v[SIM_cache_lines];
	m.shared_lines = (u32)v[SIM_shared_lines];
	m.pages = (u32)v[SIM_tlb_pages];
	m.misses = (u32)v[SIM_misses];
	m.walks = (u32)v[SIM_walks];
	m.line_ps = ps(v[SIM_line] / v[SIM_overlap]);
	m.retry_ps = ps(v[SIM_line_retry]);
	m.gap_ps = ps(v[SIM_line_gap]);
	m.near_ps = ps(v[SIM_near]);
	m.ahead_ps = ps(v[SIM_ahead]);
	m.miss_ps = ps(v[SIM_miss]);
	m.tlb_ps = ps(v[SIM_tlb]);
	m.bus_ps = ps(v[SIM_bus]);
	m.atomic_ps = ps(v[SIM_atomic]);
	m.drain = v[SIM_drain] != 0;
	m.unlock_stores = v[SIM_unlock_stores] != 0;
	m.table_bytes = (bytes >> SIM_LINE_SHIFT) * sizeof(struct line);
	m.lines = map_zeroed(m.table_bytes);
	if (!m.lines)
		return false;
	for (unsigned int i = 0; i < cpus; i++) {
		struct cpu *c = &m.cpu[i];

		c->cache = calloc(m.cache_lines, sizeof(*c->cache));
		c->pages = calloc(m.pages, sizeof(*c->pages));
		if (!c->cache || !c->pages)
			return false;
	}
	sim_lines_clear();
	return true;
}

void sim_lines_clear(void)
{
	madvise(m.lines, m.table_bytes, MADV_DONTNEED);
	for (unsigned int i = 0; i < m.cpus; i++) {
		struct cpu old = m.cpu[i];

		memset(old.cache, 0, m.cache_lines * sizeof(*old.cache));
		memset(old.pages, 0, m.pages * sizeof(*old.pages));
		m.cpu[i] =
			(struct cpu){ .cache = old.cache, .pages = old.pages };
	}
	m.left = 0;
	m.bus_free = 0;
	memset(m.slot, 0, sizeof(m.slot));
}

void sim_lines_bus_slots(bool slots)
{
	m.bus_slots = slots;
}

void sim_lines_settle(void)
{
	size_t n = m.bytes >> SIM_LINE_SHIFT;

	for (size_t i = 0; i < n; i++) {
		struct line *line = &m.lines[i];

		/* Do not write to those that nobody ever touched: they would
		 * take memory. */
		if (!(line->moves_at | line->leaves_at | line->ready_at |
		      line->free_at))
			continue;
		line->moves_at = line->leaves_at = 0;
		line->ready_at = line->free_at = 0;
	}
	for (unsigned int i = 0; i < m.cpus; i++) {
		struct cpu *c = &m.cpu[i];

		memset(c->miss, 0, sizeof(c->miss));
		memset(c->store, 0, sizeof(c->store));
		memset(c->walk, 0, sizeof(c->walk));
		c->stored_at = 0;
		c->stat = (struct sim_line_stat){ 0 };
	}
	m.bus_free = 0;
	memset(m.slot, 0, sizeof(m.slot));
}

void sim_lines_destroy(void)
{
	munmap(m.lines, m.table_bytes);
	for (unsigned int i = 0; i < m.cpus; i++) {
		free(m.cpu[i].cache);
		free(m.cpu[i].pages);
	}
	memset(&m, 0, sizeof(m));
}

bool sim_is_memory(const volatile void *addr)
{
	return (uintptr_t)addr - m.base < m.bytes;
}

static u32 number_of(const volatile void *addr)
{
	return (u32)(((uintptr_t)addr - m.base) >> SIM_LINE_SHIFT);
}

/* ---- who has it --------------------------------------------------------------- */

static bool test(const u64 *bits, unsigned int cpu)
{
	return bits[cpu / 64] >> cpu % 64 & 1;
}

static void set(u64 *bits, unsigned int cpu)
{
	bits[cpu / 64] |= 1ull << cpu % 64;
}

static void clear(u64 *bits, unsigned int cpu)
{
	bits[cpu / 64] &= ~(1ull << cpu % 64);
}

static bool is_alone(const struct line *line, unsigned int cpu)
{
	u64 other[2] = { line->have[0], line->have[1] };

	clear(other, cpu);
	return !other[0] && !other[1];
}

/* A new line is all zero: it has no owner. */
static unsigned int owner_of(const struct line *line)
{
	return line->have[0] | line->have[1] ? line->owner : NOBODY;
}

static void drop(unsigned int cpu, u32 number)
{
	struct line *line = &m.lines[number];

	clear(line->listed, cpu);
	if (!test(line->have, cpu))
		return; /* another CPU took it before */
	clear(line->have, cpu);
	if (line->owner == cpu)
		line->owner = NOBODY;
	if (!line->have[0] && !line->have[1])
		line->left = ++m.left;
}

/* Puts a line into the CPU's cache, and drops another one. */
static void insert(unsigned int cpu, u32 number)
{
	struct cpu *c = &m.cpu[cpu];

	set(m.lines[number].have, cpu);
	if (test(m.lines[number].listed, cpu))
		return;
	set(m.lines[number].listed, cpu);
	for (;;) {
		u32 old = c->cache[c->hand];

		if (!old)
			break;
		if (!test(m.lines[old - 1].used, cpu)) {
			drop(cpu, old - 1);
			break;
		}
		clear(m.lines[old - 1].used, cpu);
		c->hand = (c->hand + 1) % m.cache_lines;
	}
	c->cache[c->hand] = number + 1;
	c->hand = (c->hand + 1) % m.cache_lines;
}

/* ---- from where it comes --------------------------------------------------------- */

/* Return: when the address is translated. */
static u64 translate(struct cpu *c, u32 number, u64 now)
{
	u32 page = number >> (PAGE_SHIFT - SIM_LINE_SHIFT);
	u32 *entry = &c->pages[(page * 2654435761u >> 8) % m.pages];
	u64 *slot;

	if (*entry == page + 1)
		return now;
	*entry = page + 1;
	slot = &c->walk[c->next_walk++ % m.walks];
	*slot = max(now, *slot) + m.tlb_ps;
	return *slot;
}

/* Is it the next line of a stream? Also notes the line as missed. */
static bool is_foreseen(struct cpu *c, u32 number)
{
	for (unsigned int i = 0; i < NR_STREAMS; i++) {
		if (c->stream[i] != number + 1)
			continue;
		c->stream[i] = number + 2;
		return true;
	}
	c->stream[c->next_stream++ % NR_STREAMS] = number + 2;
	return false;
}

/* Return: when memory begins with the line: in the first slot from then on that
 * has room. */
static u64 take_bus_slot(u64 start)
{
	u64 length = SLOT_LINES * m.bus_ps;

	for (u64 n = length ? start / length : 0; length; n++) {
		u64 number = n + 1; /* 0: never used */

		if (m.slot[n % NR_SLOTS].number < number) {
			m.slot[n % NR_SLOTS].number = number;
			m.slot[n % NR_SLOTS].lines = 0;
		}
		/* One so long ago is forgotten. */
		if (m.slot[n % NR_SLOTS].number == number &&
		    m.slot[n % NR_SLOTS].lines++ >= SLOT_LINES)
			continue;
		return max(start, n * length);
	}
	return start;
}

static u64 from_memory(struct cpu *c, u64 now)
{
	u64 *slot = &c->miss[c->next_miss++ % m.misses];
	u64 start = max(now, *slot);

	if (m.bus_slots) {
		start = take_bus_slot(start);
	} else {
		start = max(start, m.bus_free);
		/* Count from `now`, not from `start`: another CPU may use the
		 * bus before that. */
		m.bus_free = max(now, m.bus_free) + m.bus_ps;
	}
	*slot = start + m.miss_ps;
	c->stat.misses++;
	return *slot;
}

/* `atomic`: takes longer, also for CPUs that want the line next. */
static u64 from_cpu(struct cpu *c, struct line *line, unsigned int owner,
		    bool atomic, u64 now)
{
	u64 start = max(now, line->moves_at);

	if (atomic)
		start += m.retry_ps;
	line->prev = (u8)owner;
	line->leaves_at = start;
	line->moves_at = start + m.line_ps + m.gap_ps;
	c->stat.moves++;
	return start + m.line_ps;
}

static bool in_shared_cache(const struct line *line)
{
	return line->left && m.left - line->left < m.shared_lines;
}

/* Brings a line into the CPU's cache. `alone`: removes it from all others.
 * *moved is set if another CPU had written to it. Return: when it is there. */
static u64 fetch(unsigned int cpu, u32 number, bool alone, bool atomic,
		 bool *moved, u64 now)
{
	struct line *line = &m.lines[number];
	struct cpu *c = &m.cpu[cpu];
	bool have = test(line->have, cpu);
	unsigned int owner = owner_of(line);
	u64 done = now;

	*moved = false;
	/* The line will move to another CPU, but has not left yet. This access
	 * may be simulated later than the move, although its time is
	 * earlier. */
	if (line->prev == cpu && now < line->leaves_at && owner != cpu)
		return now;
	if (have) {
		set(line->used, cpu);
		if (line->ready_cpu == cpu)
			done = max(now, line->ready_at);
		if (!alone || owner == cpu)
			return done;
		if (is_alone(line, cpu)) {
			line->owner = (u8)cpu;
			return done;
		}
		/* the other CPUs must drop it */
		done = from_cpu(c, line, NOBODY, atomic, done);
		*moved = true;
	} else {
		now = translate(c, number, now);
		if (owner != NOBODY || (alone && !is_alone(line, cpu))) {
			done = from_cpu(c, line, owner, atomic, now);
			*moved = true;
		} else if (line->have[0] | line->have[1] ||
			   in_shared_cache(line)) {
			done = now + m.near_ps;
		} else if (is_foreseen(c, number)) {
			c->stat.misses++;
			done = now + m.ahead_ps;
		} else {
			done = from_memory(c, now);
		}
	}
	if (alone) {
		memset(line->have, 0, sizeof(line->have));
		line->owner = (u8)cpu;
	} else if (line->have[0] | line->have[1]) {
		line->owner = NOBODY;
	} else {
		line->owner = (u8)cpu;
	}
	if (have)
		set(line->have, cpu);
	else
		insert(cpu, number);
	line->ready_at = done;
	line->ready_cpu = (u8)cpu;
	return done;
}

static void account(struct cpu *c, bool moved, u64 spent)
{
	if (moved)
		c->stat.moves_ps += spent;
	else
		c->stat.memory_ps += spent;
}

u64 sim_load(unsigned int cpu, const volatile void *addr, u64 now)
{
	bool moved;
	u64 done = fetch(cpu, number_of(addr), false, false, &moved, now);

	m.last = (struct sim_line_wait){ .moved = moved };
	account(&m.cpu[cpu], moved, done - now);
	return done;
}

/* `cpu` wrote to the line, and the spinner reads it at once. */
static void show_spinner(unsigned int cpu, struct line *line)
{
	if (likely(!line->spinner) || line->spinner == cpu + 1)
		return;
	set(line->have, line->spinner - 1u);
	line->owner = NOBODY;
}

/* Queues a store whose line is there at `done`. Return: when the CPU can go on,
 * that is, when it has room for another store. */
static u64 queue_store(struct cpu *c, u64 done, u64 now)
{
	u64 *slot = &c->store[c->next_store++ % m.misses];
	u64 go_on = max(now, *slot);

	account(c, false, go_on - now);
	*slot = done;
	return go_on;
}

u64 sim_store(unsigned int cpu, const volatile void *addr, u64 now)
{
	struct cpu *c = &m.cpu[cpu];
	bool moved;
	u64 done = fetch(cpu, number_of(addr), true, false, &moved, now);

	m.last = (struct sim_line_wait){ .moved = moved };
	if (done > c->stored_at) {
		c->stored_at = done;
		c->stored_addr = addr;
		c->stored_moved = moved;
	}
	show_spinner(cpu, &m.lines[number_of(addr)]);
	return done > now ? queue_store(c, done, now) : now;
}

u64 sim_atomic(unsigned int cpu, const volatile void *addr, u64 now)
{
	struct cpu *c = &m.cpu[cpu];
	bool moved;
	u64 done;

	m.last = (struct sim_line_wait){ .atomic_ps = m.atomic_ps };
	if (m.drain && c->stored_at > now) {
		m.last.drain_ps = c->stored_at - now;
		m.last.drain_addr = c->stored_addr;
		m.last.drain_moved = c->stored_moved;
		c->stat.memory_ps += c->stored_at - now;
		now = c->stored_at;
	}
	done = fetch(cpu, number_of(addr), true, true, &moved, now);
	m.last.moved = moved;
	account(c, moved, done - now);
	c->stat.atomic_ps += m.atomic_ps;
	return done + m.atomic_ps;
}

u64 sim_unlock(unsigned int cpu, const volatile void *addr, u64 *seen, u64 now)
{
	if (!m.unlock_stores) {
		*seen = sim_atomic(cpu, addr, now);
		return *seen;
	}
	/* An unlock is seen only after all stores before it. */
	sim_store(cpu, addr, now);
	*seen = max(now, m.cpu[cpu].stored_at);
	return now;
}

u64 sim_prefetch(unsigned int cpu, const volatile void *addr, bool alone,
		 u64 now)
{
	bool moved;

	fetch(cpu, number_of(addr), alone, false, &moved, now);
	return now;
}

void sim_set_spinner(const void *lock, unsigned int cpu)
{
	if (sim_is_memory(lock))
		m.lines[number_of(lock)].spinner =
			cpu == SIM_NO_CPU ? 0 : (u8)(cpu + 1);
}

u64 sim_free_at(const void *lock)
{
	return sim_is_memory(lock) ? m.lines[number_of(lock)].free_at : 0;
}

void sim_set_free_at(const void *lock, u64 now)
{
	if (sim_is_memory(lock))
		m.lines[number_of(lock)].free_at = now;
}

const struct sim_line_stat *sim_line_stat(unsigned int cpu)
{
	return &m.cpu[cpu].stat;
}

const struct sim_line_wait *sim_line_last(void)
{
	return &m.last;
}
