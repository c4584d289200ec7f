/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* address.h - Unix sockets at paths of any length. The address of a socket has
 * room for 107 bytes; a longer path is reached through a descriptor in /proc.
 */
#ifndef UZRAM_ADDRESS_H
#define UZRAM_ADDRESS_H

/* Makes a listening socket at `path`, for its owner only. Replaces a socket
 * whose server has ended. Changes the umask meanwhile, so call it from one
 * thread only. Return: a descriptor or a negative errno. */
int address_listen(const char *path);
/* Return: a connected descriptor, or a negative errno. */
int address_connect(const char *path);

#endif
