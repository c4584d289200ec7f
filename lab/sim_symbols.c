/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_symbols.c - asks addr2line for places; see sim_symbols.h. Owns no state.
 *
 * Of functions that the compiler has put into each other the innermost is named
 * that is not one of the stand-in kernel's own.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tools/uzs.h"

#include "sim_symbols.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *object_of(uintptr_t pc, uintptr_t *offset)
{
	static char program[4096];
	Dl_info info;
	ssize_t len;

	/* (A return address is behind the call.) */
	if (!dladdr((void *)(pc - 1), &info) || !info.dli_fname)
		return NULL;
	*offset = pc - 1 - (uintptr_t)info.dli_fbase;
	/* The program's own name may be relative to elsewhere. */
	if (info.dli_fname[0] == '/')
		return info.dli_fname;
	len = readlink("/proc/self/exe", program, sizeof(program) - 1);
	program[len > 0 ? len : 0] = '\0';
	return program;
}

const char *sim_symbols_file(const char *path)
{
	/* The first that it has, and the last time that it has it. */
	static const char *const folders[] = { "mm/", "src/", "kernel/", "lab/",
					       "bench/" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		const char *best = NULL, *at = path;

		for (; (at = strstr(at, folders[i])); at++)
			if (at == path || at[-1] == '/')
				best = at;
		if (best)
			return best;
	}
	return path;
}

static bool is_stand_in(const char *file)
{
	return strstr(file, "compat/") || strstr(file, "kernel/include/") ||
	       strstr(file, "lab/") || file[0] == '/';
}

/* The two lines of a frame: a function, and a file with a line. Takes the first
 * frame, or the first that is no stand-in's. */
static void take_frame(struct sim_symbol *s, const char *function, char *place)
{
	char *colon = strrchr(place, ':');
	const char *file;

	if (!colon || !strcmp(function, "??"))
		return;
	*colon = '\0';
	file = sim_symbols_file(place);
	if (s->file[0] && (!is_stand_in(s->file) || is_stand_in(file)))
		return;
	snprintf(s->function, sizeof(s->function), "%.47s", function);
	snprintf(s->file, sizeof(s->file), "%.63s", file);
	s->line = (unsigned int)strtoul(colon + 1, NULL, 10);
}

static void read_answer(FILE *in, struct sim_symbol **asked, unsigned int nr)
{
	char function[512], place[4096];
	unsigned int at = 0;

	while (fgets(function, sizeof(function), in)) {
		function[strcspn(function, "\n")] = '\0';
		if (!strncmp(function, "0x", 2)) {
			at++;
			continue;
		}
		if (!at || at > nr || !fgets(place, sizeof(place), in))
			return;
		take_frame(asked[at - 1], function, place);
	}
}

static void quote(const char *text, FILE *out)
{
	putc('\'', out);
	for (; *text; text++)
		if (*text == '\'')
			fputs("'\\''", out);
		else
			putc(*text, out);
	putc('\'', out);
}

/* Asks for those of one object, all at once. */
static void ask(const char *object, struct sim_symbol **asked, unsigned int nr)
{
	char *command = NULL;
	size_t size = 0;
	uintptr_t offset = 0;
	FILE *out = open_memstream(&command, &size), *in;

	if (!out)
		return;
	fputs("addr2line -a -f -i -e ", out);
	quote(object, out);
	for (unsigned int i = 0; i < nr; i++) {
		object_of(asked[i]->pc, &offset);
		fprintf(out, " 0x%lx", (unsigned long)offset);
	}
	fputs(" 2>/dev/null", out);
	if (!fclose(out) && (in = popen(command, "r"))) {
		read_answer(in, asked, nr);
		pclose(in);
	}
	free(command);
}

static void name_by_offset(struct sim_symbol *s)
{
	uintptr_t offset = s->pc;
	const char *object = object_of(s->pc, &offset);
	const char *base = object ? strrchr(object, '/') : NULL;

	snprintf(s->function, sizeof(s->function), "%.32s+0x%lx",
		 base ? base + 1 : "?", (unsigned long)offset);
}

void sim_symbols_name(struct sim_symbol *symbols, unsigned int nr)
{
	struct sim_symbol **asked = calloc(nr + 1, sizeof(struct sim_symbol *));
	bool *done = calloc(nr + 1, sizeof(*done));
	uintptr_t offset = 0;
	char object[4096];

	fflush(NULL);
	for (unsigned int i = 0; asked && done && i < nr; i++) {
		const char *of = done[i] ? NULL
					 : object_of(symbols[i].pc, &offset);
		unsigned int n = 0;

		if (!of)
			continue;
		snprintf(object, sizeof(object), "%s", of);
		for (unsigned int j = i; j < nr; j++) {
			of = object_of(symbols[j].pc, &offset);
			if (!of || strcmp(of, object) != 0)
				continue;
			done[j] = true;
			asked[n++] = &symbols[j];
		}
		ask(object, asked, n);
	}
	for (unsigned int i = 0; i < nr; i++)
		if (!symbols[i].function[0])
			name_by_offset(&symbols[i]);
	free(done);
	free(asked);
}
