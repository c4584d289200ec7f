/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* json_check.c - see json_check.h. Written by the grammar, not by what our
 * programs print.
 */
#include "json_check.h"

#include "fuzz.h"

#define DEPTH_MAX 64

struct json {
	const unsigned char *at, *end;
	unsigned int depth;
};

static bool value(struct json *j);

static int peek(const struct json *j)
{
	return j->at < j->end ? *j->at : -1;
}

static bool take(struct json *j, char c)
{
	if (peek(j) != c)
		return false;
	j->at++;
	return true;
}

static void blanks(struct json *j)
{
	while (j->at < j->end && strchr(" \t\r\n", *j->at) && *j->at)
		j->at++;
}

static bool word(struct json *j, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(j->end - j->at) < len || memcmp(j->at, text, len) != 0)
		return false;
	j->at += len;
	return true;
}

static bool digits(struct json *j)
{
	const unsigned char *first = j->at;

	while (peek(j) >= '0' && peek(j) <= '9')
		j->at++;
	return j->at > first;
}

static bool number(struct json *j)
{
	take(j, '-');
	if (!take(j, '0') && !digits(j))
		return false;
	if (take(j, '.') && !digits(j))
		return false;
	if (peek(j) == 'e' || peek(j) == 'E') {
		j->at++;
		if (!take(j, '+'))
			take(j, '-');
		return digits(j);
	}
	return true;
}

static bool escape(struct json *j)
{
	int c = peek(j);

	if (c < 0 || !strchr("\"\\/bfnrtu", c) || !c)
		return false;
	j->at++;
	for (int i = 0; c == 'u' && i < 4; i++) {
		int digit = peek(j);

		if (digit < 0 || !digit ||
		    !strchr("0123456789abcdefABCDEF", digit))
			return false;
		j->at++;
	}
	return true;
}

/* A character of more than one byte. */
static bool wide(struct json *j)
{
	unsigned int lead = *j->at++, more = 0;
	unsigned long code, least;

	if (lead >= 0xc0 && lead < 0xe0)
		more = 1;
	else if (lead >= 0xe0 && lead < 0xf0)
		more = 2;
	else if (lead >= 0xf0 && lead < 0xf8)
		more = 3;
	else
		return false;
	least = more == 1 ? 0x80 : more == 2 ? 0x800 : 0x10000;
	code = lead & (0x3fu >> more);
	while (more--) {
		if (peek(j) < 0 || (*j->at & 0xc0) != 0x80)
			return false;
		code = code << 6 | (*j->at++ & 0x3f);
	}
	return code >= least && code <= 0x10ffff &&
	       (code < 0xd800 || code > 0xdfff);
}

static bool string(struct json *j)
{
	if (!take(j, '"'))
		return false;
	while (!take(j, '"')) {
		int c = peek(j);

		if (c < ' ')
			return false;
		if (c >= 0x80) {
			if (!wide(j))
				return false;
			continue;
		}
		j->at++;
		if (c == '\\' && !escape(j))
			return false;
	}
	return true;
}

static bool member(struct json *j, bool named)
{
	blanks(j);
	if (named) {
		if (!string(j))
			return false;
		blanks(j);
		if (!take(j, ':'))
			return false;
		blanks(j);
	}
	if (!value(j))
		return false;
	blanks(j);
	return true;
}

static bool list(struct json *j, char close, bool named)
{
	j->at++;
	if (++j->depth > DEPTH_MAX)
		return false;
	blanks(j);
	if (!take(j, close)) {
		do {
			if (!member(j, named))
				return false;
		} while (take(j, ','));
		if (!take(j, close))
			return false;
	}
	j->depth--;
	return true;
}

static bool value(struct json *j)
{
	switch (peek(j)) {
	case '{':
		return list(j, '}', true);
	case '[':
		return list(j, ']', false);
	case '"':
		return string(j);
	case 't':
		return word(j, "true");
	case 'f':
		return word(j, "false");
	case 'n':
		return word(j, "null");
	default:
		return number(j);
	}
}

bool json_ok(const char *text, size_t len, size_t *at)
{
	struct json j = { (const unsigned char *)text,
			  (const unsigned char *)text + len, 0 };
	bool ok;

	blanks(&j);
	ok = value(&j);
	if (ok)
		blanks(&j);
	*at = (size_t)(j.at - (const unsigned char *)text);
	return ok && j.at == j.end;
}

void json_check_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	char *text = NULL;
	size_t len = 0, room = 0, n, at;

	fuzz_check(file);
	do {
		if (len == room) {
			room = room ? 2 * room : 65536;
			text = realloc(text, room);
			fuzz_check(text);
		}
		n = fread(text + len, 1, room - len, file);
		len += n;
	} while (n);
	fclose(file);
	if (!json_ok(text, len, &at))
		fuzz_fail("%s: no JSON at byte %zu: %.40s", path, at,
			  at < len ? text + at : "(end)");
	free(text);
}
