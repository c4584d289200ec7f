/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_process.h - threads and children of a test. */
#ifndef UZS_TEST_PROCESS_H
#define UZS_TEST_PROCESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static inline pthread_t start(void *(*func)(void *), void *arg)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, func, arg), 0);
	return thread;
}

static inline void join(pthread_t thread)
{
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* Waits for a child. Return: its wait status. */
static inline int child_status(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* Runs func in a child, for so many seconds at most. Return: its wait
 * status. */
static inline int in_child(void (*func)(void), unsigned int seconds)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(seconds);
		func();
		_exit(0);
	}
	return child_status(pid);
}

#endif
