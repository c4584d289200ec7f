/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/const.h - the C library includes a header of this name, too. */
#include_next <linux/const.h>
