/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* fake_cpus.c - see fake_cpus.h. */
#include "fake_cpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

unsigned int fake_cpus, fake_cpu;

/* In the place of the C library's (--wrap). */
long __real_sysconf(int name);
long __wrap_sysconf(int name);
int __wrap_sched_getcpu(void);

long __wrap_sysconf(int name)
{
	return name == _SC_NPROCESSORS_CONF ? (long)fake_cpus
					    : __real_sysconf(name);
}

int __wrap_sched_getcpu(void)
{
	return (int)fake_cpu;
}

static bool run_with(unsigned int cpus, const struct CMUnitTest *tests,
		     size_t n)
{
	char name[32];
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		fake_cpus = cpus;
		snprintf(name, sizeof(name), "%u CPUs", cpus);
		exit(_cmocka_run_group_tests(name, tests, n, NULL, NULL));
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid &&
	       WIFEXITED(status) && !WEXITSTATUS(status);
}

int fake_run(const struct CMUnitTest *tests, size_t n)
{
#if UNDER_TSAN /* has little to find where there is one thread */
	static const unsigned int machines[] = { 2 };
#else
	static const unsigned int machines[] = { 1, 2, 16, 64, 1000 };
#endif
	int failed = 0;

	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
		failed += !run_with(machines[i], tests, n);
	return failed;
}
