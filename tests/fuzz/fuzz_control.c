/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* fuzz_control.c - what examples/zram is told through its control socket.
 *
 * Input: a byte that says what device it is, then lines. A line that begins with
 * = writes blocks, each other one is a request; every eighth device is asked
 * through its socket, in two pieces, the others directly. No request may change
 * what is in a block, but reset.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "control.h"
#include "json_check.h"
#include "zram_device.h"

#define MOST_LINES 60
#define MOST_ASKED 12 /* through the socket: for time */

static void look_at_answer(const char *line, bool failed, const char *why,
			   const char *text, size_t len)
{
	size_t at;

	fuzz_check(!failed == !*why);
	fuzz_check(!strchr(why, '\n'));
	if (!failed && !strcmp(line, "stat json") && !json_ok(text, len, &at))
		fuzz_fail("stat json: no JSON at byte %zu", at);
	if (!failed)
		fuzz_check(len > 0);
	if (failed && !strncmp(why, "the pool breaks", 15))
		fuzz_fail("%s", why);
}

static void ask(struct device *d, const char *line)
{
	static const _Atomic bool stop = false;
	char copy[CONTROL_LINE], why[CONTROL_LINE] = "", *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int err;

	fuzz_check(out);
	snprintf(copy, sizeof(copy), "%s", line);
	err = command_run(d->dev, copy, &stop, out, why, sizeof(why));
	fclose(out);
	fuzz_say("%s: %s%s\n", line, err ? "error: " : "ok", why);
	look_at_answer(line, err, why, text, len);
	free(text);
	if (!err && !strncmp(line, "reset", 5) && !strstr(line, "max"))
		memset(d->bytes, 0, sizeof(d->bytes));
}

/* As uzramctl does, but any bytes. */
static void ask_socket(const char *path, const uint8_t *line, size_t len,
		       size_t cut)
{
	char answer[65536];
	size_t got = 0;
	ssize_t n;
	int fd = address_connect(path);

	if (fd < 0)
		fuzz_fail("%s: %s", path, strerror(-fd));
	cut = cut < len ? cut : len;
	if (cut)
		send(fd, line, cut, MSG_NOSIGNAL);
	/* It may have answered already, to what is too long. */
	if (len - cut)
		send(fd, line + cut, len - cut, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	while (got < sizeof(answer) - 1 &&
	       (n = recv(fd, answer + got, sizeof(answer) - 1 - got, 0)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break; /* what was not read resets the connection */
		got += (size_t)n;
	}
	close(fd);
	answer[got] = 0;
	if (got || len < CONTROL_LINE) {
		if (strncmp(answer, "ok\n", 3) && strncmp(answer, "error: ", 7))
			fuzz_fail("the answer is: %.60s", answer);
		fuzz_check(strchr(answer, '\n'));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct device device;
	struct fuzz_input in = { data, data + size };
	unsigned int how = fuzz_byte(&in), asked = 0;
	struct control *control = NULL;
	struct device *d = &device;
	char path[128];

	device_make(d, how & 127);
	/* A limit that is set makes later writes fail. */
	d->limited = true;
	if (how % 4 == 3 && how & 128) {
		snprintf(path, sizeof(path), "%s/control", fuzz_directory());
		unlink(path);
		fuzz_check(control_listen(path, &control) == 0);
		fuzz_check(control_start(control, d->dev) == 0);
	}
	for (int n = 0; n < MOST_LINES && fuzz_more(&in); n++) {
		const uint8_t *begin = in.at;
		const uint8_t *end =
			memchr(begin, '\n', (size_t)(in.end - begin));
		size_t len = (size_t)((end ? end : in.end) - begin);
		char line[CONTROL_LINE];

		in.at = end ? end + 1 : in.end;
		if (len > 2 && *begin == '=') {
			device_write(d, begin[1] % DEVICE_BLOCKS * DEVICE_BLOCK,
				     (1 + begin[2] / 64u) * DEVICE_BLOCK,
				     begin[2]);
			continue;
		}
		if (control) {
			if (++asked <= MOST_ASKED &&
			    !memmem(begin, len, "reset", 5))
				ask_socket(path, begin, len + (end != NULL),
					   len / 2);
			continue;
		}
		/* The server reads no more either, and to the first 0. */
		if (len >= sizeof(line))
			continue;
		memcpy(line, begin, len);
		line[len] = 0;
		ask(d, line);
	}
	control_stop(control);
	device_check(d);
	device_destroy(d);
	return 0;
}
