/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* harness.c - memory, clock, random numbers, RSS, threads and child processes
 * for the measurements; see harness.h.
 *
 * Callers: all of bench/.   Calls: only the OS and the C library.
 * Guarantees: nothing here calls malloc while something is measured (stdio and
 * pthread_create may, before).
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

struct team_member {
	struct team *team;
	unsigned int thread;
	uint64_t start_ns;
	uint64_t end_ns;
} __attribute__((aligned(CACHE_LINE_BYTES)));

struct team {
	unsigned int nr;
	pthread_barrier_t begin;
	pthread_barrier_t end;
	void (*job)(void *arg, unsigned int thread);
	void *arg;
	struct team_member members[HARNESS_MAX_THREADS];
};

void die(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	/* not exit(): other threads of the team may be running */
	_exit(1);
}

static void *map_touched(size_t bytes, int flags)
{
	void *p;

	if (!bytes)
		bytes = 1;
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1,
		 0);
	if (p == MAP_FAILED)
		die("no memory for %zu bytes of the benchmark's own: %s", bytes,
		    strerror(errno));
	/* A plain memset() to 0 of fresh memory is a write all the same. */
	memset(p, 0, bytes);
	return p;
}

void *harness_alloc(size_t bytes)
{
	return map_touched(bytes, MAP_PRIVATE);
}

void *harness_alloc_shared(size_t bytes)
{
	return map_touched(bytes, MAP_SHARED);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts))
		die("a clock is missing: %s", strerror(errno));
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t thread_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* What still counts as quiet: a hundredth of the time. */
#define QUIET_SHARE 100u
#define REST_MOST_NS (20 * 1000000000ull)

void rest(unsigned int ms)
{
	struct timespec wait = { .tv_sec = ms / 1000,
				 .tv_nsec = (long)(ms % 1000) * 1000000 };
	uint64_t end = now_ns() + REST_MOST_NS, before;

	do {
		before = cpu_ns();
		nanosleep(&wait, NULL);
	} while (cpu_ns() - before > (uint64_t)ms * 1000000 / QUIET_SHARE &&
		 now_ns() < end);
}

uint64_t minor_faults(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage))
		return 0;
	return (uint64_t)usage.ru_minflt;
}

/* Reads a whole small file without stdio, which would call malloc. */
static bool read_small_file(const char *path, char *buf, size_t room)
{
	size_t len = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	while (len < room - 1) {
		ssize_t got = read(fd, buf + len, room - 1 - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		len += (size_t)got;
	}
	close(fd);
	buf[len] = '\0';
	return len > 0;
}

size_t process_rss_bytes(void)
{
	char buf[4096];
	unsigned long long value;
	const char *p;

	/* smaps_rollup counts page table entries: exact. statm reads counters
	 * that the kernel keeps per CPU and adds up now and then. */
	if (read_small_file("/proc/self/smaps_rollup", buf, sizeof(buf))) {
		p = strstr(buf, "\nRss:");
		if (p && sscanf(p, "\nRss: %llu", &value) == 1)
			return (size_t)(value * 1024);
	}
	if (read_small_file("/proc/self/statm", buf, sizeof(buf)) &&
	    sscanf(buf, "%*u %llu", &value) == 1)
		return (size_t)(value * (unsigned long)sysconf(_SC_PAGESIZE));
	die("the memory use of this process is neither in "
	    "/proc/self/smaps_rollup nor in /proc/self/statm");
}

void touch_mapped_files(void)
{
#ifdef MADV_POPULATE_READ
	unsigned long long from, to, inode;
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "re");

	if (!maps)
		return;
	while (fgets(line, sizeof(line), maps)) {
		/* best effort: a mapping that may not be read is refused */
		if (sscanf(line, "%llx-%llx %*s %*x %*s %llu", &from, &to,
			   &inode) == 3 &&
		    inode)
			madvise((void *)(uintptr_t)from, (size_t)(to - from),
				MADV_POPULATE_READ);
	}
	fclose(maps);
#endif
}

/* A Weyl sequence through a mixing function: small, and good enough that no
 * allocator can see a pattern. */
uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15u;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

uint32_t random_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)(((random_next(state) >> 32) * n) >> 32);
}

static void run_member(struct team_member *member)
{
	struct team *team = member->team;

	member->start_ns = now_ns();
	team->job(team->arg, member->thread);
	member->end_ns = now_ns();
}

static void *team_thread(void *arg)
{
	struct team_member *member = arg;

	for (;;) {
		pthread_barrier_wait(&member->team->begin);
		run_member(member);
		pthread_barrier_wait(&member->team->end);
	}
	return NULL;
}

struct team *team_start(unsigned int nr)
{
	struct team *team = harness_alloc(sizeof(*team));
	pthread_t id;
	unsigned int i;
	int err;

	team->nr = nr;
	if (pthread_barrier_init(&team->begin, NULL, nr) ||
	    pthread_barrier_init(&team->end, NULL, nr))
		die("cannot make a barrier for %u threads", nr);
	for (i = 0; i < nr; i++) {
		team->members[i].team = team;
		team->members[i].thread = i;
		if (!i)
			continue;
		err = pthread_create(&id, NULL, team_thread, &team->members[i]);
		if (err)
			die("cannot start thread %u: %s", i, strerror(err));
		pthread_detach(id);
	}
	return team;
}

struct team_time team_run(struct team *team,
			  void (*job)(void *arg, unsigned int thread),
			  void *arg)
{
	struct team_time time = { 0, 0 };
	uint64_t first = UINT64_MAX, last = 0;
	unsigned int i;

	team->job = job;
	team->arg = arg;
	if (team->nr > 1)
		pthread_barrier_wait(&team->begin);
	run_member(&team->members[0]);
	if (team->nr > 1)
		pthread_barrier_wait(&team->end);
	for (i = 0; i < team->nr; i++) {
		const struct team_member *member = &team->members[i];

		if (member->start_ns < first)
			first = member->start_ns;
		if (member->end_ns > last)
			last = member->end_ns;
		time.busy_ns += member->end_ns - member->start_ns;
	}
	time.wall_ns = last - first;
	return time;
}

void run_in_child(void (*job)(void *arg), void *arg)
{
	int status;
	pid_t pid;

	/* what is buffered now must not be printed twice */
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		die("cannot start a process for a measurement: %s",
		    strerror(errno));
	if (!pid) {
#ifdef __linux__
		/* who interrupts the program means this process too */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
		job(arg);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			die("lost the measuring process: %s", strerror(errno));
	}
	if (WIFSIGNALED(status))
		die("the measuring process was ended by signal %d (%s)",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	/* a child that exits with an error has said why */
	if (status)
		_exit(1);
}
