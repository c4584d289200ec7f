/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_objects.h - the objects of a cell, and what a caller does to one of them
 * through the calls of the pool's profile: handles in the kernel profile, zs_ref
 * in the user profile. Only for sim_work.c.
 */
#ifndef UZS_LAB_SIM_OBJECTS_H
#define UZS_LAB_SIM_OBJECTS_H

#include "sim_work.h"

/* Address space that the callers' records and buffers need in the arena. */
size_t sim_objects_bytes(const struct sim_cell *cell);

/* Draws the sizes. The machine is open. */
void sim_objects_init(const struct sim_cell *cell);
/* From here on each caller goes through its objects in a random order. */
void sim_objects_shuffle(void);

/* What caller `t` does with the i-th of its objects, within a fiber or not. */
void sim_object_make(unsigned int t, unsigned int i);
void sim_object_read(unsigned int t, unsigned int i);
void sim_object_replace(unsigned int t, unsigned int i);
void sim_object_free(unsigned int t, unsigned int i);

/* For work that reads or replaces, outside of a run: looks whether every object
 * is there with what was last written to it, and frees it. */
void sim_objects_check_and_free(void);

#endif
