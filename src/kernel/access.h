/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* access.h - reads and writes the contents of objects. */
#ifndef UZS_KERNEL_ACCESS_H
#define UZS_KERNEL_ACCESS_H

#include "types.h"

/* For struct profile. */
void *uzs_kernel_read_begin(struct zs_pool *pool, unsigned long handle,
			    size_t len, void *local_copy, const char *call);
unsigned int uzs_kernel_read_sg_begin(struct zs_pool *pool,
				      unsigned long handle, struct iovec iov[2],
				      size_t len, const char *call);
void uzs_kernel_read_end(struct zs_pool *pool, unsigned long handle,
			 const char *call);
int uzs_kernel_write(struct zs_pool *pool, unsigned long handle,
		     const void *data, size_t len, const char *call);
void uzs_kernel_place(struct zs_pool *pool, unsigned long handle,
		      struct zs_obj_place *place);
size_t uzs_kernel_room(struct zs_pool *pool, unsigned long handle,
		       const char *call);

/* Copies the contents of one object (its whole class size) to another. */
void uzs_obj_copy(const struct zs_pool *pool, const struct size_class *class,
		  unsigned long dst, unsigned long src);

#endif
