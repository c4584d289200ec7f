/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* scratch.h - a buffer for the time of a call: small ones are on the stack. */
#ifndef UZS_ROCKSDB_SCRATCH_H
#define UZS_ROCKSDB_SCRATCH_H

#include <cstddef>
#include <cstdlib>

namespace uzs
{

class scratch
{
public:
	explicit scratch(size_t bytes)
		: data_(bytes <= sizeof(small_)
				? small_
				: static_cast<char *>(malloc(bytes)))
	{
	}
	scratch(const scratch &) = delete;
	scratch &operator=(const scratch &) = delete;
	~scratch()
	{
		if (data_ != small_)
			free(data_);
	}
	/* NULL: no memory. */
	char *data()
	{
		return data_;
	}

private:
	char small_[8192];
	char *data_;
};

} // namespace uzs

#endif
