/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* uzs-hostile.c - puts itself into a situation that a machine or a supervisor may
 * bring about, and lets pools live there (life.h).
 *
 * Each situation is one that a process can make for itself. What needs root is
 * scripts/hostile's.
 * Return: 0; 1: something is wrong; 2: wrong arguments; 77: the situation cannot
 * be had here.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "life.h"
#include "test_system.h"

#define MIB ((size_t)1 << 20)
#define NOT_HERE 77

static void cannot(const char *what)
{
	fprintf(stderr, "uzs-hostile: %s: %s\n", what, strerror(errno));
	exit(NOT_HERE);
}

/* ---- system calls that are refused ---------------------------------------- */

/* For all threads, for good. Ends with -1. */
static void refuse(int error, const long *calls)
{
	struct sock_filter code[24];
	struct sock_fprog program = { .filter = code };
	unsigned short n = 0, nr = 0;

	while (calls[nr] >= 0)
		nr++;
	code[n++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (unsigned short i = 0; i < nr; i++)
		code[n++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)calls[i],
			(unsigned char)(nr - i), 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						 SECCOMP_RET_ALLOW);
	code[n++] = (struct sock_filter)BPF_STMT(
		BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned int)error);
	program.len = n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		    SECCOMP_FILTER_FLAG_TSYNC, &program))
		cannot("seccomp");
}

/* What a sandbox without memory hints has. */
static const long hints[] = { SYS_madvise, SYS_mincore, SYS_munlock,
			      SYS_membarrier, -1 };

static bool is_refused(void)
{
	return madvise(NULL, 0, MADV_NORMAL) != 0;
}

static int refused_from_the_start(int error)
{
	struct life life = { 0 };

	refuse(error, hints);
	MUST(is_refused());
	life_of_all(&life);
	return 0;
}

static int hints_eperm(void)
{
	return refused_from_the_start(EPERM);
}

static int hints_enosys(void)
{
	return refused_from_the_start(ENOSYS);
}

static int hints_einval(void)
{
	return refused_from_the_start(EINVAL);
}

static int hints_enomem(void)
{
	/* A mapping that the OS cannot give its properties is none. */
	struct life life = { .may_lack = true };

	refuse(ENOMEM, hints);
	life_of_all(&life);
	MUST(life_lacked());
	return 0;
}

/* A program that forbids them to itself when it has started. */
static void refuse_hints(void)
{
	refuse(EPERM, hints);
	MUST(is_refused());
}

static int hints_late(void)
{
	struct life life = { .between = refuse_hints };

	life_of_all(&life);
	return 0;
}

static void refuse_unmap(void)
{
	static const long calls[] = { SYS_munmap, SYS_madvise, -1 };

	refuse(EPERM, calls);
}

/* Nothing can be given back, in any way; and of a new mapping nothing can be cut
 * off, so there is none. */
static int unmap_late(void)
{
	struct life life = { .may_lack = true, .between = refuse_unmap };

	life_of_all(&life);
	return 0;
}

static void refuse_map(void)
{
	static const long calls[] = { SYS_mmap,
#ifdef SYS_mmap2
				      SYS_mmap2,
#endif
				      -1 };

	refuse(EPERM, calls);
}

/* What is there must do. */
static int map_late(void)
{
	struct life life = { .may_lack = true,
			     .alone = true,
			     .between = refuse_map };

	life_of_all(&life);
	MUST(life_lacked());
	return 0;
}

/* Memory that cannot be had access to is none. */
static int mprotect_refused(void)
{
	static const long calls[] = { SYS_mprotect, -1 };
	struct life life = { .may_lack = true, .alone = true };

	refuse(EACCES, calls);
	life_of_all(&life);
	MUST(life_lacked());
	return 0;
}

static int affinity_refused(void)
{
	static const long calls[] = { SYS_sched_getaffinity,
				      SYS_sched_setaffinity,
				      SYS_sched_setscheduler, SYS_getcpu, -1 };
	struct life life = { 0 };

	refuse(EPERM, calls);
	life_of_all(&life);
	return 0;
}

/* A worker that finds refused what it is to do must not try it all the time. */
static int refused_at_rest(void)
{
	unsigned int ms;

	refuse(EPERM, hints);
	ms = life_at_rest();
	if (!SANITIZED)
		MUST(ms < 60); /* of 200 */
	return 0;
}

/* ---- threads -------------------------------------------------------------- */

static void *nothing(void *arg)
{
	return arg;
}

static void live_without_threads(void)
{
	struct life life = { .alone = true };
	pthread_t thread;

	MUST(pthread_create(&thread, NULL, nothing, NULL) == EAGAIN);
	life_of_all(&life);
	MUST(count_entries("/proc/self/task") == 1);
}

static int no_threads(void)
{
	static const long calls[] = { SYS_clone,
#ifdef SYS_clone3
				      SYS_clone3,
#endif
				      -1 };

	refuse(EAGAIN, calls);
	live_without_threads();
	return 0;
}

/* The same by a limit, which does not hold for root. */
static int no_processes(void)
{
	const struct rlimit none = { 0, 0 };

	if (!geteuid() && (setgid(65534) || setuid(65534)))
		cannot("setuid");
	if (setrlimit(RLIMIT_NPROC, &none))
		cannot("RLIMIT_NPROC");
	live_without_threads();
	return 0;
}

/* ---- memory --------------------------------------------------------------- */

static size_t mapped_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	if (!file || fscanf(file, "%lu", &pages) != 1)
		cannot("/proc/self/statm");
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* @most: bytes. Little of it, and then as much as there was before. */
static void live_with(int resource, size_t most)
{
	struct life little = { .may_lack = true, .alone = true, .few = true };
	struct rlimit before, limit;

	if (getrlimit(resource, &before))
		cannot("getrlimit");
	limit = before;
	limit.rlim_cur = most;
	if (setrlimit(resource, &limit))
		cannot("setrlimit");
	life_of_all(&little);
	MUST(!setrlimit(resource, &before));
}

/* From too little for a pool on. */
static int address_space(void)
{
	size_t mapped = mapped_bytes();
	struct life enough = { 0 };

	for (size_t more = 0; more < 24; more += 3)
		live_with(RLIMIT_AS, mapped + more * MIB);
	MUST(life_lacked() && life_made());
	life_of_all(&enough);
	return 0;
}

/* Counts what may be written. */
static int data(void)
{
	struct life enough = { 0 };

	for (size_t most = 1; most < 24; most += 3)
		live_with(RLIMIT_DATA, most * MIB);
	MUST(life_lacked() && life_made());
	life_of_all(&enough);
	return 0;
}

/* Every second page is another mapping, until there can be no more. */
static void use_up_mappings(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), n = 200000;
	char *mem;

	mem = mmap(NULL, n * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		   0);
	if (mem == MAP_FAILED)
		cannot("mmap");
	for (size_t i = 1; i < n; i += 2)
		if (mprotect(mem + i * page, page, PROT_READ)) {
			MUST(errno == ENOMEM);
			return;
		}
	errno = E2BIG;
	cannot("vm.max_map_count");
}

static int mappings(void)
{
	struct life life = { .may_lack = true,
			     .alone = true,
			     .few = true,
			     .between = use_up_mappings };

	life_of_all(&life);
	MUST(life_lacked());
	return 0;
}

/* Locked memory cannot be given back by MADV_DONTNEED. */
static int locked(void)
{
	struct life life = { .may_lack = true };

	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		cannot("mlockall");
	life_of_all(&life);
	return 0;
}

static int no_huge_pages(void)
{
	struct life life = { 0 };

	if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0))
		cannot("PR_SET_THP_DISABLE");
	life_of_all(&life);
	return 0;
}

/* ---- CPUs ----------------------------------------------------------------- */

/* What the library is told, in the place of the C library's answers. */
static long told_cpus; /* 0: the truth */
static atomic_int told_cpu; /* -1: the call fails; else a part of it */
static bool lie_of_cpu;

long __real_sysconf(int name);
long __wrap_sysconf(int name);
int __real_sched_getcpu(void);
int __wrap_sched_getcpu(void);

long __wrap_sysconf(int name)
{
	return name == _SC_NPROCESSORS_CONF && told_cpus ? told_cpus
							 : __real_sysconf(name);
}

int __wrap_sched_getcpu(void)
{
	int n;

	if (!lie_of_cpu)
		return __real_sched_getcpu();
	n = atomic_load_explicit(&told_cpu, memory_order_relaxed);
	if (n < 0)
		return -1;
	/* Another one each time, nearly all of them beyond the count. */
	n = (n + 977) % 8192;
	atomic_store_explicit(&told_cpu, n, memory_order_relaxed);
	return n;
}

static int cpus(long number, int cpu)
{
	struct life life = { 0 };

	told_cpus = number;
	told_cpu = cpu;
	lie_of_cpu = true;
	life_of_all(&life);
	return 0;
}

/* CPUs were added, or are numbered with gaps. */
static int cpus_beyond_count(void)
{
	return cpus(2, 0);
}

static int cpus_unknown(void)
{
	return cpus(-1, -1);
}

/* Of each thread, the library's too. */
static void confine(const cpu_set_t *cpus)
{
	DIR *tasks = opendir("/proc/self/task");

	MUST(tasks);
	for (struct dirent *e; (e = readdir(tasks));)
		/* It may have ended. */
		if (e->d_name[0] != '.')
			sched_setaffinity(atoi(e->d_name), sizeof(*cpus), cpus);
	closedir(tasks);
}

static atomic_bool all_lived;

static void *live(void *arg)
{
	life_of_all(arg);
	all_lived = true;
	return NULL;
}

/* All threads are moved from CPU to CPU, and confined to one, all the time. */
static int affinity(void)
{
	struct life life = { 0 };
	cpu_set_t all, one;
	pthread_t thread;
	unsigned int n = 0;

	if (sched_getaffinity(0, sizeof(all), &all) || CPU_COUNT(&all) < 2) {
		errno = ENODEV;
		cannot("two CPUs");
	}
	MUST(!pthread_create(&thread, NULL, live, &life));
	while (!all_lived) {
		CPU_ZERO(&one);
		do
			n = (n + 1) % CPU_SETSIZE;
		while (!CPU_ISSET(n, &all));
		CPU_SET(n, &one);
		confine(&one);
		usleep(300);
		confine(&all);
	}
	MUST(!pthread_join(thread, NULL));
	return 0;
}

/* ---- time ----------------------------------------------------------------- */

/* Steps of the clocks, in seconds, one after the other. */
static const long steps[] = { 0, 3600, -3600, 86400L * 365, 7, -86400L, 0, -2 };
static bool clocks_step;
static atomic_uint step;

int __real_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t);

int __wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
	int result = __real_clock_gettime(clock, t);
	unsigned int n;

	if (clock == CLOCK_PROCESS_CPUTIME_ID)
		return result;
	if (clocks_step) {
		n = atomic_fetch_add_explicit(&step, 1, memory_order_relaxed);
		t->tv_sec += steps[n / 64 % (sizeof(steps) / sizeof(steps[0]))];
		/* A clock never shows less than this. */
		if (t->tv_sec < 0)
			t->tv_sec = 0;
	}
	return result;
}

static int clock_steps(void)
{
	struct life life = { 0 };

	clocks_step = true;
	life_of_all(&life);
	life_at_limit(5 * MIB, 1);
	return 0;
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* A signal each millisecond, that interrupts whatever can be interrupted. */
static int signals(void)
{
	const struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
	const struct itimerval never = { { 0, 0 }, { 0, 0 } };
	struct sigaction action = { .sa_handler = on_alarm };
	struct life life = { 0 };

	MUST(!sigaction(SIGALRM, &action, NULL));
	MUST(!setitimer(ITIMER_REAL, &often, NULL));
	life_of_all(&life);
	MUST(!setitimer(ITIMER_REAL, &never, NULL));
	return 0;
}

/* The whole process stops and goes on, at any place. */
static int stopped(void)
{
	struct life life = { 0 };
	pid_t child = fork();
	unsigned int stops = 0;
	int status;

	MUST(child >= 0);
	if (!child) {
		life_of_all(&life);
		_exit(0);
	}
	while (!waitpid(child, &status, WNOHANG)) {
		kill(child, SIGSTOP);
		usleep(700);
		kill(child, SIGCONT);
		usleep(1500);
		stops++;
	}
	MUST(WIFEXITED(status) && !WEXITSTATUS(status));
	MUST(stops > 10);
	return 0;
}

/* ---- a machine that is as it is ------------------------------------------- */

static int plain(void)
{
	struct life life = { 0 };

	life_of_all(&life);
	return 0;
}

static int lacking(void)
{
	struct life life = { .may_lack = true };

	life_of_all(&life);
	return 0;
}

static int limits(void)
{
	/* A sanitizer takes twenty times as long to look for room. */
	life_at_limit(SANITIZED ? 5 * MIB : 24 * MIB, SANITIZED ? 2 : 6);
	return 0;
}

/* ---- the program ---------------------------------------------------------- */

/* Sanitizers need these system calls and this memory themselves. */
#define BARE 1
/* So does the checked body, which ends the process where it lacks memory. */
#define TIGHT 2
#ifdef UZS_CHECKED
#define NOT_IN_THIS_BUILD (SANITIZED ? BARE : TIGHT)
#else
#define NOT_IN_THIS_BUILD (SANITIZED ? BARE : 0)
#endif

static const struct situation {
	const char *name;
	int (*func)(void);
	int flags;
	const char *what;
} situations[] = {
	{ "plain", plain, 0, "a machine as it is" },
	{ "lacking", lacking, 0, "the same; memory may be lacking" },
	{ "limits", limits, 0, "pools at their limit, 24 MiB each" },
	{ "hints-eperm", hints_eperm, BARE,
	  "madvise, mincore, munlock, membarrier: EPERM" },
	{ "hints-enosys", hints_enosys, BARE, "the same: ENOSYS" },
	{ "hints-einval", hints_einval, BARE, "the same: EINVAL" },
	{ "hints-enomem", hints_enomem, BARE, "the same: ENOMEM" },
	{ "hints-late", hints_late, BARE, "EPERM in the middle of its life" },
	{ "hints-rest", refused_at_rest, BARE,
	  "EPERM: workers do not try for ever" },
	{ "unmap-late", unmap_late, BARE | TIGHT,
	  "munmap, madvise: EPERM later" },
	{ "map-late", map_late, BARE | TIGHT, "mmap: EPERM later" },
	{ "mprotect", mprotect_refused, BARE | TIGHT, "mprotect: EACCES" },
	{ "sched", affinity_refused, BARE, "affinity, scheduler: EPERM" },
	{ "no-threads", no_threads, BARE, "no thread can be made" },
	{ "no-processes", no_processes, BARE, "the same by RLIMIT_NPROC" },
	{ "address-space", address_space, BARE | TIGHT, "RLIMIT_AS" },
	{ "data", data, BARE | TIGHT, "RLIMIT_DATA" },
	{ "mappings", mappings, BARE | TIGHT, "vm.max_map_count is used up" },
	{ "locked", locked, BARE, "mlockall" },
	{ "no-huge-pages", no_huge_pages, 0, "PR_SET_THP_DISABLE" },
	{ "cpus-beyond", cpus_beyond_count, 0, "CPUs beyond the count" },
	{ "cpus-unknown", cpus_unknown, 0, "no number of the CPU" },
	{ "affinity", affinity, 0, "threads are moved from CPU to CPU" },
	{ "clock-steps", clock_steps, 0, "clocks step by hours" },
	{ "signals", signals, 0, "a signal each millisecond" },
	{ "stopped", stopped, 0, "SIGSTOP, SIGCONT" },
};

static void usage(FILE *to)
{
	fputs("usage: uzs-hostile SITUATION\n"
	      "Lets pools of each profile and deferral live in a hostile "
	      "situation, and\n"
	      "checks every object. Answers 0; 1, if something is wrong; 77, if "
	      "the\n"
	      "situation cannot be had here.\n\n",
	      to);
	for (size_t i = 0; i < sizeof(situations) / sizeof(situations[0]); i++)
		fprintf(to, "  %-14s %s\n", situations[i].name,
			situations[i].what);
	fputs("\nExample: uzs-hostile hints-eperm\n", to);
}

int main(int argc, char **argv)
{
	if (argc == 2 &&
	    (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		usage(stdout);
		return fflush(stdout) ? 1 : 0;
	}
	for (size_t i = 0;
	     i < sizeof(situations) / sizeof(situations[0]) && argc == 2; i++) {
		if (strcmp(argv[1], situations[i].name))
			continue;
		if (situations[i].flags & NOT_IN_THIS_BUILD) {
			errno = ENOTSUP;
			cannot("in this build");
		}
		return situations[i].func();
	}
	usage(stderr);
	return 2;
}
