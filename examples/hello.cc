// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
#include <cstdio>
#include <string>
#include <unordered_map>
#include <uzsmalloc.hpp>

int main()
{
	zs::pool pool("hello"); // before what has refs in it
	std::unordered_map<std::string, zs::ref> cache;
	const char text[] = "small objects, packed tightly";

	for (int i = 0; i < 10000; i++)
		cache[std::to_string(i)] =
			pool.store(text, sizeof(text)).value();
	std::printf("%lu pages, ", pool.info().pages);
	for (int i = 0; i < 10000; i++)
		if (i % 10 != 0)
			cache.erase(std::to_string(i));

	pool.compact(); // objects move, refs follow them
	pool.trim(); // and their memory goes back to the OS
	std::printf("then %lu\n", pool.info().pages);

	if (zs::pin value = cache["990"].pin()) // stays in place, in this block
		std::printf("%s\n", value.as<const char>());
	if (!cache["990"].store("", 0)) // an error is a value; .value() throws
		std::printf("an object has 1 byte to 1 MiB\n");
}
