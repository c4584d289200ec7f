// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// test_cpp.cc - what uzsmalloc.hpp promises: who owns what, moves, containers, errors,
// threads. It is built as C++17 and C++20, and without exceptions and run-time type
// information; without a test framework, as none is needed to be used from C++.
#include <uzsmalloc.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <type_traits>
#include <unordered_map>
#include <vector>
#if __cplusplus >= 202002L
#include <span>
#endif

namespace
{

int failures;

void check(bool ok, const char *what, int line)
{
	if (!ok) {
		std::fprintf(stderr, "test_cpp.cc:%d: not so: %s\n", line,
			     what);
		failures++;
	}
}
#define CHECK(expr) check(static_cast<bool>(expr), #expr, __LINE__)

zs::pool make(const zs::options &o = zs::options())
{
	zs::result<zs::pool> made = zs::pool::create("test", o);

	CHECK(made);
	return std::move(*made);
}

bool is_sound(const zs::pool &pool)
{
	return zs_pool_check(pool.c_pool(), stderr) == 0;
}

// What the worker has in hand counts.
unsigned long live(zs::pool &pool)
{
	pool.drain();
	return pool.info().objs_inuse;
}

// How much of the long work to do.
unsigned int scaled(unsigned int n)
{
	const char *percent = std::getenv("UZS_TEST_SCALE");

	return percent ? n * static_cast<unsigned int>(std::atoi(percent)) /
					 100 +
				 1
		       : n;
}

// A value that can be told from others, of different lengths.
std::string value(unsigned int key)
{
	return std::to_string(key) + std::string(key * 7 % 900, 'x') + "end";
}

template <class Ref> bool has(const Ref &ref, const std::string &text)
{
	std::string copy(text.size(), '?');

	return ref.load(copy.data(), copy.size()) && copy == text &&
	       ref.room() >= text.size();
}

// ---- types ---------------------------------------------------------------------

zs::pool the_pool;
using small_ref = zs::ref_in<the_pool>;

template <class T> constexpr bool moves_only()
{
	return std::is_nothrow_move_constructible_v<T> &&
	       std::is_nothrow_move_assignable_v<T> &&
	       std::is_nothrow_swappable_v<T> &&
	       std::is_nothrow_destructible_v<T> &&
	       std::is_nothrow_default_constructible_v<T> &&
	       !std::is_copy_constructible_v<T> &&
	       !std::is_copy_assignable_v<T>;
}
static_assert(moves_only<zs::ref>() && moves_only<small_ref>());
static_assert(moves_only<zs::pool>());
static_assert(moves_only<zs::pin>() && moves_only<zs::const_pin>());
static_assert(sizeof(zs::ref) == sizeof(zs_ref) + sizeof(void *) ||
	      sizeof(void *) < 8);
static_assert(sizeof(small_ref) == sizeof(zs_ref));
static_assert(sizeof(zs::pool) == sizeof(void *));
static_assert(
	std::is_same_v<decltype(std::declval<zs::pin>().data()), std::byte *>);
static_assert(std::is_same_v<decltype(std::declval<const zs::ref &>().pin()),
			     zs::const_pin>);

// ---- one ref -------------------------------------------------------------------

void test_one()
{
	zs::pool pool = make();
	zs::ref none, ref(pool);
	char copy[16];

	CHECK(!none && !ref && none.room() == 0 && !none.pin());
	CHECK(none.pin().size() == 0 && none.pin().data() == nullptr);
	CHECK(none.store("a", 1).error() == std::errc::invalid_argument);
	CHECK(none.allocate(1).error() == std::errc::invalid_argument);
	CHECK(none.load(copy, 1).error() == std::errc::invalid_argument);
	CHECK(ref.load(copy, 1).error() == std::errc::invalid_argument);
	CHECK(!ref.pin() && ref.room() == 0);

	CHECK(ref.store("text", 5));
	CHECK(ref && ref.room() >= 5 && live(pool) == 1);
	CHECK(ref.load(copy, 5) && std::strcmp(copy, "text") == 0);
	CHECK(ref.load(copy, 0).error() == std::errc::result_out_of_range);
	CHECK(ref.load(copy, ref.room() + 1).error() ==
	      std::errc::result_out_of_range);
	CHECK(ref.store("", 0).error() == std::errc::invalid_argument);
	CHECK(ref.store(copy, ZS_USER_MAX_SIZE + 1).error() ==
	      std::errc::no_space_on_device);
	CHECK(ref.allocate(ZS_USER_MAX_SIZE + 1).error() ==
	      std::errc::no_space_on_device);
	CHECK(has(ref, "text")); // an error changes nothing

	CHECK(ref.store(value(800)) && has(ref, value(800)));
	CHECK(ref.allocate(100000) && ref.room() >= 100000);
	CHECK(live(pool) == 1);
	ref.reset();
	CHECK(!ref && live(pool) == 0);
	ref.reset();
	CHECK(ref.store("again") && has(ref, "again"));

	zs::result<zs::ref> made = pool.store("one");
	CHECK(made && has(*made, "one") && made->room() >= 3);
	CHECK(made.error() == std::errc());
	ref = *std::move(made);
	CHECK(has(ref, "one") && live(pool) == 1);
	CHECK(pool.allocate(0).error() == std::errc::invalid_argument);
	CHECK(!pool.allocate(0).has_value());
	CHECK(zs_ref_room(ref.c_pool(), ref.c_ref()) == ref.room());
	ref = zs::ref();
	CHECK(!ref && !ref.c_pool() && live(pool) == 0);
	CHECK(is_sound(pool));
}

void test_pins()
{
	zs::pool pool = make();
	zs::ref ref = *pool.store("0123456789", 11);
	const zs::ref &same = ref;

	{
		zs::pin p = ref.pin();
		CHECK(p && p.size() == ref.room() && p.size() >= 11);
		CHECK(std::strcmp(p.as<char>(), "0123456789") == 0);
		p.data()[0] = std::byte{ 'x' };
		CHECK(std::count(p.begin(), p.begin() + 11, std::byte{ '1' }) ==
		      1);
		CHECK(static_cast<std::size_t>(p.end() - p.begin()) ==
		      p.size());
#if __cplusplus >= 202002L
		std::span bytes(p);
		static_assert(
			std::is_same_v<decltype(bytes), std::span<std::byte>>);
		CHECK(bytes.data() == p.data() && bytes.size() == p.size());
#endif
		zs::const_pin q = same.pin(); // reads may be nested
		CHECK(q.data() == p.data() && *q.as<const char>() == 'x');
#if __cplusplus >= 202002L
		CHECK(std::span(q).size() == p.size());
#endif
		zs::pin moved = std::move(p);
		CHECK(moved && !p && p.size() == 0 && p.data() == nullptr);
		p = std::move(moved);
		CHECK(p && !moved);
		pool.compact();
		CHECK(p.as<char>()[1] == '1');
		p = zs::pin();
		CHECK(!p);
	}
	// Nothing is pinned any more: it may be stored to.
	CHECK(has(ref, std::string("x123456789", 11)));
	CHECK(ref.store(value(700)) && has(ref, value(700)));
	{
		// Assigned to: what it had is ended.
		zs::ref other = *pool.store("other", 6);
		zs::pin p = ref.pin();

		p = other.pin();
		ref.reset();
		CHECK(std::strcmp(p.as<char>(), "other") == 0);
	}
	// Aligned, as a T of at most 8 bytes' alignment needs it.
	struct three {
		double d;
		int i;
	} in = { 1.5, 7 };
	CHECK(ref.store(&in, sizeof(in)));
	CHECK(ref.pin().as<three>()->d == 1.5 &&
	      same.pin().as<const three>()->i == 7);
	ref.pin().as<three>()->i++;
	CHECK(same.pin().as<const three>()->i == 8);
}

void test_moves()
{
	zs::pool pool = make(), second = make();
	zs::ref a = *pool.store("a"), b = *pool.store("b");

	zs::ref c = std::move(a);
	CHECK(!a && has(c, "a") && a.c_pool() == pool.c_pool());
	CHECK(a.store("new") && has(a, "new")); // it has its pool still
	a = std::move(b);
	CHECK(has(a, "b") && !b && live(pool) == 2);
	zs::ref &self = a;
	a = std::move(self);
	CHECK(has(a, "b"));
	std::swap(a, c);
	CHECK(has(a, "a") && has(c, "b"));
	std::swap(a, b);
	CHECK(!a && has(b, "a"));

	zs::ref far = *second.store("far");
	std::swap(far, b);
	CHECK(has(b, "far") && has(far, "a"));
	CHECK(b.c_pool() == second.c_pool() && far.c_pool() == pool.c_pool());
	CHECK(live(pool) == 2 && live(second) == 1);
	far = std::move(b);
	CHECK(live(pool) == 1 && live(second) == 1 && has(far, "far"));
	pool.compact();
	CHECK(is_sound(pool) && is_sound(second));
}

// A pool that tells of what is wrong: pins that do not end, refs that were copied.
void test_nothing_is_misused()
{
	int told = 0;
	zs::options o;

	o.flags = ZS_POOL_HARDENED;
	o.misuse = [](const struct zs_misuse *, void *arg) {
		++*static_cast<int *>(arg);
	};
	o.misuse_arg = &told;
	zs::pool pool = make(o);
	{
		std::vector<zs::ref> refs;
		zs::ref spare = *pool.store("spare");

		for (unsigned int i = 0; i < 300; i++) {
			refs.push_back(*pool.store(value(i)));
			zs::pin p = refs.back().pin();
			zs::pin q = std::move(p);
			p = refs[i / 2].pin();
			p = std::move(q);
			q = zs::pin();
		}
		const std::vector<zs::ref> &same = refs;
		CHECK(same[5].pin() && has(same[5], value(5)));
		refs.erase(refs.begin(), refs.begin() + 100);
		std::swap(refs[0], refs[1]);
		spare = std::move(refs[7]);
		CHECK(refs[0].store(value(3)) && refs[1].allocate(50));
	}
	CHECK(told == 0 && live(pool) == 0);

	zs::ref ref = *pool.store("told");
	{
		zs::pin p = ref.pin();
		ref.reset();
		CHECK(told == 1 && ref);
	}
	ref.reset();
	CHECK(told == 1 && !ref);
}

// ---- pools ---------------------------------------------------------------------

struct store {
	zs::pool pool;
	std::vector<zs::ref> refs;
};

void test_pools()
{
	zs::pool empty;

	CHECK(!empty && !empty.c_pool() && empty.destroy() == 0);
	CHECK(empty.store("x").error() == std::errc::invalid_argument);

	zs::options o;
	CHECK(o.profile == ZS_PROFILE_USER);
	o.page_size = 5;
	CHECK(zs::pool::create("bad", o).error() ==
	      std::errc::invalid_argument);
	o.page_size = 0;
	o.memory_limit = 8 << 20;
	zs::pool pool = make(o);
	CHECK(zs_profile(pool.c_pool()) == ZS_PROFILE_USER);
	CHECK(pool.info().memory_limit_bytes == o.memory_limit);
	CHECK(pool.set_memory_limit(1).error() == std::errc::invalid_argument);
	CHECK(pool.set_memory_limit(16 << 20));
	CHECK(pool.info().memory_limit_bytes == 16u << 20);
	CHECK(pool.set_max_overhead(5));
	CHECK(pool.set_max_overhead(ZS_MAX_OVERHEAD + 1).error() ==
	      std::errc::invalid_argument);

	// A ref knows the pool, not the zs::pool.
	zs::ref ref = *pool.store("stays");
	zs::pool moved = std::move(pool);
	CHECK(!pool && moved && has(ref, "stays") && ref.store("more"));
	pool = std::move(moved);
	CHECK(pool && !moved && has(ref, "more"));
	ref.reset();

	// Objects with handles go with it.
	CHECK(!zs_is_err(
		zs_malloc(pool.c_pool(), 50, GFP_KERNEL, NUMA_NO_NODE)));
	CHECK(pool.destroy() == 1 && !pool);

	// Members are assigned in the order of their declaration: the pool first.
	store a{ make(), {} }, b{ make(), {} };
	for (unsigned int i = 0; i < 100; i++) {
		a.refs.push_back(*a.pool.store(value(i)));
		b.refs.push_back(*b.pool.store(value(i + 100)));
	}
	a = std::move(b);
	CHECK(a.refs.size() == 100 && has(a.refs[7], value(107)));
	CHECK(live(a.pool) == 100);
	a = store{ make(), {} };
	CHECK(live(a.pool) == 0 && a.refs.empty());
	std::swap(a, b);
}

void test_no_memory()
{
	zs::options o;
	std::vector<zs::ref> refs;
	std::string big(10000, 'b');

	o.memory_limit = 8 << 20;
	zs::pool pool = make(o);
	std::vector<zs::ref> all;
	for (;;) {
		zs::result<zs::ref> made = pool.store(big);

		if (!made) {
			CHECK(made.error() == std::errc::not_enough_memory);
			break;
		}
		all.push_back(std::move(*made));
	}
	CHECK(all.size() > 500 && live(pool) == all.size());
	CHECK(all[3].store(std::string(500000, 'c')).error() ==
	      std::errc::not_enough_memory);
	CHECK(all[3].allocate(500000).error() == std::errc::not_enough_memory);
	CHECK(has(all[3], big)); // the old value is there
#ifdef __cpp_exceptions
	try {
		all[3].store(std::string(500000, 'c')).value();
		check(false, "an exception", __LINE__);
	} catch (const std::system_error &e) {
		CHECK(e.code() == std::errc::not_enough_memory);
	}
#endif
	all.clear();
	CHECK(live(pool) == 0);
	CHECK(pool.store(big));
}

#ifdef __cpp_exceptions
void test_exceptions()
{
	zs::options o;

	o.chain_size = 1000;
	try {
		zs::pool bad("bad", o);
		check(false, "an exception", __LINE__);
	} catch (const std::system_error &e) {
		CHECK(e.code() == std::errc::invalid_argument);
	}
	zs::pool pool("test");
	zs::ref ref = pool.store("value").value();
	zs::result<zs::ref> made = pool.store("other");
	CHECK(has(made.value(), "other"));
	ref.store("new").value();
	CHECK(has(ref, "new"));
	try {
		// What was made before is freed on the way out.
		zs::ref lost = pool.allocate(77).value();
		zs::ref more = pool.allocate(0).value();
		check(false, "an exception", __LINE__);
	} catch (const std::system_error &e) {
		CHECK(e.code() == std::errc::invalid_argument);
	}
	made->reset();
	CHECK(live(pool) == 1);
}
#endif

// ---- containers ----------------------------------------------------------------

// So that objects move: every other one is freed, and the rest compacted.
void stir(zs::pool &pool)
{
	std::vector<zs::ref> gone;

	for (unsigned int i = 0; i < 2000; i++)
		gone.push_back(*pool.store(value(i)));
	for (std::size_t i = 0; i < gone.size(); i += 2)
		gone[i].reset();
	pool.compact();
	pool.trim();
}

void test_vector()
{
	zs::pool pool = make();
	std::vector<std::pair<unsigned int, zs::ref>> v;
	const unsigned int n = 5000;

	for (unsigned int i = 0; i < n; i++) {
		v.emplace_back(i, *pool.store(value(i)));
		if (i % 1024 == 0)
			stir(pool);
	}
	for (unsigned int i = 0; i < n; i++)
		CHECK(has(v[i].second, value(i)));
	v.erase(v.begin() + 10, v.begin() + 1010);
	v.insert(v.begin() + 5, { 9999, *pool.store(value(9999)) });
	CHECK(live(pool) == v.size() && v.size() == n - 999);
	std::mt19937 random(1);
	std::shuffle(v.begin(), v.end(), random);
	stir(pool);
	std::sort(v.begin(), v.end(), [](const auto &a, const auto &b) {
		return a.first > b.first;
	});
	v.shrink_to_fit();
	stir(pool);
	for (const auto &[key, ref] : v)
		CHECK(has(ref, value(key)));
	v.resize(100);
	CHECK(live(pool) == 100 && is_sound(pool));
	std::vector<std::pair<unsigned int, zs::ref>> w = std::move(v);
	CHECK(w.size() == 100 && has(w[0].second, value(w[0].first)));
}

void test_maps()
{
	zs::pool pool = make();
	std::unordered_map<std::string, zs::ref> map;
	std::map<unsigned int, zs::ref> tree;
	std::deque<zs::ref> deque;
	std::size_t buckets = map.bucket_count(), rehashed = 0;

	for (unsigned int i = 0; i < 5000; i++) {
		std::string key = "key" + std::to_string(i);

		CHECK(map.try_emplace(key, pool).first->second.store(value(i)));
		tree[i] = *pool.store(value(i + 1));
		deque.push_front(*pool.store(value(i + 2)));
		if (map.bucket_count() != buckets) {
			buckets = map.bucket_count();
			rehashed++;
			stir(pool);
		}
	}
	CHECK(rehashed > 5 && live(pool) == 15000);
	for (unsigned int i = 0; i < 5000; i++) {
		CHECK(has(map.at("key" + std::to_string(i)), value(i)));
		CHECK(has(tree[i], value(i + 1)));
		CHECK(has(deque[4999 - i], value(i + 2)));
	}
	map["key1"] = *pool.store("other");
	CHECK(has(map["key1"], "other") && !map["none"]);
	auto node = map.extract("key2");
	node.key() = "key2 again";
	map.insert(std::move(node));
	CHECK(has(map["key2 again"], value(2)) && !map.count("key2"));
	map.rehash(map.bucket_count() * 4);
	for (unsigned int i = 3; i < 5000; i += 2)
		map.erase("key" + std::to_string(i));
	stir(pool);
	CHECK(has(map["key4"], value(4)));
	std::unordered_map<std::string, zs::ref> other = std::move(map);
	CHECK(has(other["key1"], "other"));
	other.clear();
	tree.clear();
	deque.clear();
	CHECK(live(pool) == 0 && is_sound(pool));
}

void test_small_refs()
{
	the_pool = make();
	std::vector<small_ref> v;

	for (unsigned int i = 0; i < 3000; i++) {
		v.emplace_back();
		CHECK(v.back().store(value(i)));
	}
	stir(the_pool);
	for (unsigned int i = 0; i < 3000; i++)
		CHECK(has(v[i], value(i)) && v[i].pin());
	CHECK(v[1].c_pool() == the_pool.c_pool());
	small_ref moved = std::move(v[5]);
	CHECK(has(moved, value(5)) && !v[5] && v[5].allocate(9));
	v.clear();
	CHECK(live(the_pool) == 1);
	moved.reset();
	CHECK(the_pool.destroy() == 0);
}

// Random work on a vector and a map, against a model of strings.
void test_model()
{
	zs::pool pool = make();
	std::vector<zs::ref> refs;
	std::vector<std::string> model;
	std::mt19937 random(7);
	const unsigned int steps = scaled(6000);

	for (unsigned int step = 0; step < steps; step++) {
		std::size_t at = refs.empty() ? 0 : random() % refs.size();
		std::string text =
			value(static_cast<unsigned int>(random() % 5000));

		switch (random() % (refs.size() < 500 ? 6 : 9)) {
		case 0:
		case 1:
			refs.push_back(*pool.store(text));
			model.push_back(text);
			break;
		case 2:
			refs.insert(refs.begin() +
					    static_cast<std::ptrdiff_t>(at),
				    *pool.store(text));
			model.insert(model.begin() +
					     static_cast<std::ptrdiff_t>(at),
				     text);
			break;
		case 3:
			if (refs.empty())
				break;
			CHECK(refs[at].store(text));
			model[at] = text;
			break;
		case 4:
			if (refs.empty())
				break;
			CHECK(has(refs[at], model[at]));
			break;
		case 5:
			if (random() % 50 == 0)
				pool.compact();
			break;
		case 6:
			std::swap(refs[at], refs.back());
			std::swap(model[at], model.back());
			break;
		default:
			refs.erase(refs.begin() +
				   static_cast<std::ptrdiff_t>(at));
			model.erase(model.begin() +
				    static_cast<std::ptrdiff_t>(at));
		}
	}
	CHECK(refs.size() == model.size() && live(pool) == refs.size());
	for (std::size_t i = 0; i < refs.size(); i++)
		CHECK(has(refs[i], model[i]));
	CHECK(is_sound(pool));
}

// ---- threads -------------------------------------------------------------------

// Readers of all, writers each of their own, and one that compacts.
void test_threads()
{
	unsigned int rounds = scaled(200);
	zs::pool pool = make();
	std::vector<zs::ref> shared;
	std::vector<std::thread> threads;
	std::atomic<int> wrong{ 0 };
	std::atomic<bool> end{ false };

	for (unsigned int i = 0; i < 500; i++)
		shared.push_back(*pool.store(value(i)));
	for (unsigned int t = 0; t < 2; t++)
		threads.emplace_back([&, t] {
			const std::vector<zs::ref> &all = shared;

			for (unsigned int r = 0; r < rounds; r++)
				for (unsigned int i = t; i < 500; i += 3) {
					std::string text = value(i);
					zs::const_pin p = all[i].pin();

					if (!all[i] || !p ||
					    std::memcmp(p.data(), text.data(),
							text.size()) != 0)
						wrong++;
				}
		});
	for (unsigned int t = 0; t < 2; t++)
		threads.emplace_back([&, t] {
			std::vector<zs::ref> own;

			for (unsigned int r = 0; r < rounds; r++) {
				for (unsigned int i = 0; i < 50; i++)
					own.push_back(
						*pool.store(value(r + i + t)));
				for (unsigned int i = 0; i < 50; i++)
					if (!has(own[own.size() - 50 + i],
						 value(r + i + t)))
						wrong++;
				if (r % 8 == 7)
					own.erase(own.begin(),
						  own.begin() + 250);
			}
		});
	std::thread mover([&] {
		while (!end) {
			pool.compact();
			pool.trim();
		}
	});
	for (std::thread &thread : threads)
		thread.join();
	end = true;
	mover.join();
	CHECK(wrong == 0);
	// A ref that went to another thread is freed there.
	zs::ref ref = *pool.store("sent");
	std::thread([sent = std::move(ref)] {
		CHECK(has(sent, "sent"));
	}).join();
	CHECK(!ref && live(pool) == 500 && is_sound(pool));
}

} // namespace

int main()
{
	if (sizeof(void *) < 8) { // no user profile
		CHECK(zs::pool::create("test").error() ==
		      std::errc::invalid_argument);
		return failures ? 1 : 0;
	}
	test_one();
	test_pins();
	test_moves();
	test_nothing_is_misused();
	test_pools();
	test_no_memory();
#ifdef __cpp_exceptions
	test_exceptions();
#endif
	test_vector();
	test_maps();
	test_small_refs();
	test_model();
	test_threads();
	return failures ? 1 : 0;
}
