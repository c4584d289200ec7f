/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* object.h - reads and writes the contents of objects. */
#ifndef UZS_OBJECT_H
#define UZS_OBJECT_H

#include "types.h"

/* Copies the contents of one object (its whole class size) to another. */
void uzs_obj_copy(const struct zs_pool *pool, const struct size_class *class,
		  unsigned long dst, unsigned long src);

#endif
