/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* handles.h - handles in the user profile. For struct profile, which describes
 * the functions. */
#ifndef UZS_USER_HANDLES_H
#define UZS_USER_HANDLES_H

#include "user/layout.h"

unsigned long uzs_user_malloc(struct zs_pool *pool, size_t size, gfp_t gfp);
void uzs_user_free(struct zs_pool *pool, unsigned long handle);
void uzs_user_free_many(struct zs_pool *pool, const unsigned long *handles,
			unsigned int n);
void uzs_user_fetch_many(struct zs_pool *pool, const unsigned long *handles,
			 unsigned int n);
void *uzs_user_read_begin(struct zs_pool *pool, unsigned long handle,
			  size_t len, void *local_copy, const char *call);
unsigned int uzs_user_read_sg_begin(struct zs_pool *pool, unsigned long handle,
				    struct iovec iov[2], size_t len,
				    const char *call);
void uzs_user_read_end(struct zs_pool *pool, unsigned long handle,
		       const char *call);
int uzs_user_write(struct zs_pool *pool, unsigned long handle, const void *data,
		   size_t len, const char *call);
size_t uzs_user_room(struct zs_pool *pool, unsigned long handle,
		     const char *call);
void uzs_user_place(struct zs_pool *pool, unsigned long handle,
		    struct zs_obj_place *place);

#endif
