/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* os.h - descriptors and memory as the pager and the swap space need them,
 * whatever the program has done to its process. */
#ifndef ZSWAP_OS_H
#define ZSWAP_OS_H

#include <stddef.h>

/* @fd: what a system call returned, also -1. A program that closed its
 * standard streams may have one of their numbers, and what it prints would go
 * there. Return: the same file with another number; or -1 with errno, and the
 * file is closed. */
int os_keep_fd(int fd);

/* Address space, readable and writable, that takes memory only where it is
 * used: mlockall(MCL_FUTURE) does not fill it. Return: NULL with errno. */
void *os_map(size_t bytes);
/* Gives the memory of some pages back, even if mlockall(MCL_CURRENT) came
 * later. Return: 0 or a negative errno. */
int os_drop(void *base, size_t bytes);

#endif
