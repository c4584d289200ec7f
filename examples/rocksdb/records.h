/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* records.h - keys and values of real data, for tests and the benchmark: pieces of
 * this machine's files, in the order of their paths, so that neighbours are alike. */
#ifndef UZS_ROCKSDB_RECORDS_H
#define UZS_ROCKSDB_RECORDS_H

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

/* Record n's key: 12 digits. */
std::string record_key(uint64_t n);
/* Is it a value that was made for this key? Its last 8 bytes tell. */
bool record_right(const std::string &key, const char *value, size_t bytes);

class record_source
{
public:
	record_source() = default;
	record_source(const record_source &) = delete;
	record_source &operator=(const record_source &) = delete;
	~record_source();

	/* @roots: directories, separated by colons.
	 * Return: false: there is nothing to read. */
	bool open(const std::string &roots);
	/* The next value, of 9 to 711 bytes, for this key. Begins again when all
	 * files were read. Return: false: no file can be read. */
	bool next(const std::string &key, std::string *value);

private:
	bool open_next();

	std::vector<std::string> paths_;
	size_t at_ = 0;
	FILE *file_ = nullptr;
	uint64_t random_ = 1;
};

#endif
