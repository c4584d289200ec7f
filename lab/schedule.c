/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* schedule.c - schedules as text, and runs as tables. Owns no state. */
#include "explore.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lab_print_schedule(const struct lab_config *c,
			const struct lab_schedule *s, char *text, size_t size)
{
	bool sc = c->memory == LAB_MEMORY_SC;
	int len = snprintf(text, size, "%s/%s/%s/%u/%s%s%s", c->scenario->name,
			   lab_scope_name(c->scope), lab_defer_name(c->defer),
			   c->cpus, sc ? "" : lab_memory_name(c->memory),
			   sc ? "" : "/", s->nr ? "" : "-");

	for (unsigned int i = 0; i < s->nr && len < (int)size; i++) {
		const struct lab_deviation *d = &s->at[i];

		len += snprintf(text + len, size - (size_t)len, "%s%u%c",
				i ? "." : "", d->step,
				d->older ? 's' : 'a' + (int)d->fiber);
		if (d->older && len < (int)size)
			len += snprintf(text + len, size - (size_t)len, "%u",
					d->older);
	}
}

/* Copies the part of *text up to the next slash, and moves *text behind
 * that. */
static bool next_part(const char **text, char *part, size_t size)
{
	const char *slash = strchr(*text, '/');
	size_t len = slash ? (size_t)(slash - *text) : 0;

	if (!slash || !len || len >= size)
		return false;
	memcpy(part, *text, len);
	part[len] = '\0';
	*text = slash + 1;
	return true;
}

#define STRING_OF(x) #x
#define STRING(x) STRING_OF(x)

/* How many newer stores there are, behind the letter s. */
static bool parse_older(const char **text, struct lab_deviation *d)
{
	char *end;
	unsigned long older = strtoul(*text, &end, 10);

	if (!isdigit((unsigned char)**text) || !older || older > LAB_MAX_OLDER)
		return false;
	d->fiber = 0;
	d->older = (u32)older;
	*text = end;
	return true;
}

/* NULL, or what is wrong. */
static const char *parse_deviations(const char *text, struct lab_schedule *s)
{
	static const char form[] = "the steps are not numbers with letters a "
				   "to g, or with s and a number, and dots "
				   "between";

	s->nr = 0;
	if (!strcmp(text, "-"))
		return NULL;
	for (;;) {
		char *end;
		unsigned long long step;

		if (!isdigit((unsigned char)*text))
			return form;
		errno = 0;
		step = strtoull(text, &end, 10);
		if ((*end < 'a' || *end > 'g') && *end != 's')
			return form;
		if (errno || step > UINT32_MAX)
			return "the number of a step is larger than that of "
			       "any run's";
		if (s->nr == LAB_MAX_DEVIATIONS)
			return "there are more than " STRING(
				LAB_MAX_DEVIATIONS) " steps";
		s->at[s->nr] = (struct lab_deviation){ (u32)step,
						       (u32)(*end - 'a'), 0 };
		text = end + 1;
		if (*end == 's' && !parse_older(&text, &s->at[s->nr]))
			return form;
		s->nr++;
		if (!*text)
			return NULL;
		if (*text++ != '.')
			return form;
	}
}

bool lab_parse_schedule(const char *text, struct lab_config *c,
			struct lab_schedule *s, const char **error)
{
	char part[LAB_PART_TEXT];

	*error = "it is not SCENARIO/SCOPE/DEFER/CPUS/STEPS";
	if (!next_part(&text, part, sizeof(part)))
		return false;
	c->scenario = lab_find_scenario(part);
	if (!c->scenario) {
		*error = "there is no such scenario";
		return false;
	}
	if (!next_part(&text, part, sizeof(part)))
		return false;
	if (!lab_parse_scope(part, &c->scope)) {
		*error = "there is no such scope";
		return false;
	}
	if (!next_part(&text, part, sizeof(part)))
		return false;
	if (!lab_parse_defer(part, &c->defer)) {
		*error = "there is no such deferral";
		return false;
	}
	if (!next_part(&text, part, sizeof(part)))
		return false;
	c->cpus = part[1] ? 0 : (unsigned int)(part[0] - '0');
	c->memory = LAB_MEMORY_SC;
	if (strchr(text, '/')) {
		if (!next_part(&text, part, sizeof(part)) ||
		    !lab_parse_memory(part, &c->memory)) {
			*error = "there is no such memory order";
			return false;
		}
	}
	if (!lab_config_fits(c)) {
		*error = "the scenario does not go with that deferral or that "
			 "number of CPUs";
		return false;
	}
	*error = parse_deviations(text, s);
	return !*error;
}

/* ---- the table ---------------------------------------------------------------- */

#define COLUMN 34 /* characters */

bool lab_is_shared_step(const struct lab_trace *t, u32 n)
{
	const struct lab_trace_step *s = &t->step[n];

	if (s->step.op == LAB_RESCHED || s->step.op == LAB_RELEASED)
		return false;
	if (!s->step.obj || s->step.access == LAB_NOTHING)
		return true;
	for (u32 i = 0; i < t->nr; i++)
		if (t->step[i].fiber != s->fiber &&
		    t->step[i].step.obj == s->step.obj)
			return true;
	return false;
}

static bool is_try(enum uzs_lab_op op)
{
	return op == LAB_TRYLOCK || op == LAB_READ_TRYLOCK ||
	       op == LAB_WRITE_TRYLOCK || op == LAB_PIN_TRYWRITE ||
	       op == LAB_TRYLOCK_PAGE;
}

static bool is_word(enum uzs_lab_op op)
{
	return op == LAB_LOAD || op == LAB_STORE || op == LAB_ADD ||
	       op == LAB_RMW || op == LAB_LOCK_PAGE || op == LAB_TRYLOCK_PAGE ||
	       op == LAB_UNLOCK_PAGE;
}

void lab_name_steps(const struct lab_config *c, struct lab_trace *t)
{
	for (u32 n = 0; n < t->nr; n++) {
		struct lab_trace_step *s = &t->step[n];
		char name[40];

		if (is_word(s->step.op) &&
		    lab_name_step(c, s->step.obj, name, sizeof(name)))
			s->step.what = name;
		uzs_lab_describe_step(&s->step, s->words, sizeof(s->words) - 4);
		if (is_try(s->step.op) && !s->step.outcome)
			strcat(s->words, ": no");
		s->step.what = NULL;
	}
}

static void print_place(const struct lab_trace_step *s, FILE *out)
{
	const struct uzs_place *at = s->step.place;

	/* First the place that a reader knows: the call that this step is a
	 * part of. */
	if (s->from && strcmp(s->from->file, at->file) != 0) {
		const char *slash = strrchr(at->file, '/');

		fprintf(out, "%s:%d (%s:%d)", s->from->file, s->from->line,
			slash ? slash + 1 : at->file, at->line);
	} else if (at->line) {
		fprintf(out, "%s:%d", at->file, at->line);
	}
}

static void print_row(const struct lab_trace *t, u32 n, FILE *out)
{
	const struct lab_trace_step *s = &t->step[n];

	fprintf(out, "%4u  ", n);
	for (u32 f = 0; f < t->nr_fibers; f++)
		fprintf(out, "%-*.*s ", COLUMN, COLUMN,
			f == s->fiber ? s->words : "");
	print_place(s, out);
	fputc('\n', out);
	if (s->stale[0])
		fprintf(out, "      %*s^ %s\n", (int)s->fiber * (COLUMN + 1),
			"", s->stale);
}

void lab_print_table(const struct lab_trace *t, bool all, FILE *out)
{
	u32 left_out = 0;

	fprintf(out, "step  ");
	for (u32 f = 0; f < t->nr_fibers; f++)
		fprintf(out, "%-*s ", COLUMN, t->name[f]);
	fprintf(out, "source\n");
	for (u32 n = 0; n < t->nr; n++) {
		if (all || lab_is_shared_step(t, n))
			print_row(t, n, out);
		else
			left_out++;
	}
	if (left_out)
		fprintf(out,
			"(%u steps on objects of one fiber alone are left "
			"out)\n",
			left_out);
}
