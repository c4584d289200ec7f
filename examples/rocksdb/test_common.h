/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_common.h - what the two tests share: checks that say where and end, how
 * much to do, and values that tell whose they are. */
#ifndef UZS_ROCKSDB_TEST_COMMON_H
#define UZS_ROCKSDB_TEST_COMMON_H

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#define CHECK(what)                                                      \
	do {                                                             \
		if (!(what)) {                                           \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, \
				__LINE__, #what);                        \
			exit(1);                                         \
		}                                                        \
	} while (0)
#define RUN(test)                         \
	do {                              \
		printf("%s ... ", #test); \
		fflush(stdout);           \
		test();                   \
		puts("ok");               \
	} while (0)

/* UZS_TEST_SCALE percent of that. */
inline size_t scaled(size_t n)
{
	const char *percent = getenv("UZS_TEST_SCALE");

	n = n * (percent ? strtoul(percent, nullptr, 10) : 100) / 100;
	return n ? n : 1;
}

struct random_numbers {
	uint64_t state;

	uint64_t next()
	{
		state += 0x9e3779b97f4a7c15u; /* splitmix64 */
		uint64_t z = state;
		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
		z = (z ^ z >> 27) * 0x94d049bb133111ebu;
		return z ^ z >> 31;
	}
	uint64_t below(uint64_t n)
	{
		return next() % n;
	}
};

/* A value for a key and a seed; about `percent` of it is noise. */
inline std::string make_value(const std::string &key, uint64_t seed,
			      size_t bytes, unsigned int percent)
{
	random_numbers random = { seed };
	std::string value;

	value.reserve(bytes);
	for (char c : key)
		random.state =
			random.state * 31 + static_cast<unsigned char>(c);
	while (value.size() < bytes) {
		uint64_t r = random.next();
		const char *noise = reinterpret_cast<const char *>(&r);

		/* 8 bytes of noise, or of text */
		if (r % 100 < percent)
			value.append(noise, sizeof(r));
		else
			value.append("the cache keeps it " + (r >> 32) % 11, 8);
	}
	value.resize(bytes);
	return value;
}

#endif
