/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* os.h - descriptors and memory for the pager and the swap space that also work
 * after a program has closed its standard streams or locked its memory. */
#ifndef ZSWAP_OS_H
#define ZSWAP_OS_H

#include <stddef.h>

/* @fd: the result of a system call, also -1. A program that closed its standard
 * streams may have got one of their numbers, and its output would go to the
 * file. Return: the same file with another number; or -1 with errno, and the
 * file is closed. */
int os_keep_fd(int fd);

/* Maps readable and writable memory that is only taken where it is used:
 * mlockall(MCL_FUTURE) does not fill it. Return: NULL with errno. */
void *os_map(size_t bytes);
/* Gives the memory of some pages back, even if mlockall(MCL_CURRENT) came
 * later. Return: 0 or a negative errno. */
int os_drop(void *base, size_t bytes);

#endif
