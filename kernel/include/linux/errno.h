/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/errno.h - the C library's, which includes this one. */
#include <asm/errno.h>
