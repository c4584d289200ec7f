/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* pressure.h - tells a program when the machine, or its cgroup, lacks memory. Linux
 * with CONFIG_PSI (Linux documentation: accounting/psi). */
#ifndef PRESSURE_H
#define PRESSURE_H

/* Some task waits for memory for a tenth of the time, within 2 seconds. With such a
 * window newer kernels (6.5 or so) ask for no privilege. */
#define PRESSURE_TRIGGER "some 200000 2000000"

struct pressure;

/* Begins to watch, with a thread of its own, which sleeps while there is no pressure.
 * @path:   /proc/pressure/memory, or the memory.pressure of a cgroup.
 * @shrink: called in that thread, at most once in a window, until pressure_stop.
 * Return: NULL with errno: no such file, a kernel without PSI, no privilege, no
 *         memory. */
struct pressure *pressure_start(const char *path, void (*shrink)(void *arg),
				void *arg);
/* The same with an open file that can be read under pressure: a pipe, an eventfd.
 * What can be read is taken, up to 64 bytes for each call of shrink. It is closed at
 * the end, also on failure. */
struct pressure *pressure_start_fd(int fd, void (*shrink)(void *arg),
				   void *arg);
/* Waits for the thread. NULL is ignored. */
void pressure_stop(struct pressure *pressure);

#endif
