/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/const.h - the C library asks for the one of the same name too. */
#include_next <linux/const.h>
