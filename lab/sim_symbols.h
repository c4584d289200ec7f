/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_symbols.h - function and line of places in the program and in the shared
 * objects that it has loaded, by addr2line.
 */
#ifndef UZS_LAB_SIM_SYMBOLS_H
#define UZS_LAB_SIM_SYMBOLS_H

#include <stdint.h>

struct sim_symbol {
	uintptr_t pc; /* return address */
	char function[48]; /* "": unknown */
	char file[64]; /* from src/, mm/ and the like on; "": unknown */
	unsigned int line;
};

/* Names them. Those that cannot be named have the object's name and the offset in
 * it as their function. */
void sim_symbols_name(struct sim_symbol *symbols, unsigned int nr);
/* A source's name from its folder in the tree on. */
const char *sim_symbols_file(const char *path);

#endif
