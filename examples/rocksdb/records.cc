// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// records.cc - see records.h.
#include <algorithm>
#include <cstring>
#include <filesystem>

#include "records.h"

static uint64_t sum(uint64_t seed, const char *data, size_t bytes)
{
	uint64_t hash = 0xcbf29ce484222325u ^ seed; // FNV-1a

	while (bytes--)
		hash = (hash ^ static_cast<unsigned char>(*data++)) *
		       0x100000001b3u;
	return hash;
}

static uint64_t sum_of(const std::string &key, const char *value, size_t bytes)
{
	return sum(sum(0, key.data(), key.size()), value, bytes);
}

std::string record_key(uint64_t n)
{
	char key[32];

	snprintf(key, sizeof(key), "%012llu",
		 static_cast<unsigned long long>(n));
	return key;
}

bool record_right(const std::string &key, const char *value, size_t bytes)
{
	uint64_t end;

	if (bytes < sizeof(end))
		return false;
	bytes -= sizeof(end);
	memcpy(&end, value + bytes, sizeof(end));
	return end == sum_of(key, value, bytes);
}

record_source::~record_source()
{
	if (file_)
		fclose(file_);
}

bool record_source::open(const std::string &roots)
{
	namespace fs = std::filesystem;

	for (size_t from = 0; from <= roots.size();) {
		size_t to = std::min(roots.find(':', from), roots.size());
		std::error_code err;
		fs::recursive_directory_iterator at(
			roots.substr(from, to - from),
			fs::directory_options::skip_permission_denied, err);

		for (; !err && at != fs::recursive_directory_iterator();
		     at.increment(err)) {
			std::error_code ignored;

			if (at->is_regular_file(ignored) &&
			    !at->is_symlink(ignored))
				paths_.push_back(at->path().string());
		}
		from = to + 1;
	}
	std::sort(paths_.begin(), paths_.end());
	return !paths_.empty();
}

bool record_source::open_next()
{
	if (file_)
		fclose(file_);
	file_ = nullptr;
	for (size_t n = 0; !file_ && n < paths_.size(); n++)
		file_ = fopen(paths_[at_++ % paths_.size()].c_str(), "rb");
	return file_ != nullptr;
}

bool record_source::next(const std::string &key, std::string *value)
{
	size_t want, got, empty = 0;
	uint64_t end;

	random_ = random_ * 6364136223846793005u + 1442695040888963407u;
	want = 64 + (random_ >> 33) % 640;
	value->resize(want);
	while (!file_ || (got = fread(&(*value)[0], 1, want, file_)) == 0)
		if (empty++ > paths_.size() || !open_next())
			return false;
	value->resize(got);
	end = sum_of(key, value->data(), got);
	value->append(reinterpret_cast<const char *>(&end), sizeof(end));
	return true;
}
