/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* uzsmalloc.hpp - pools of the user profile in C++17: objects that own what they
 * name. Header only; uzsmalloc.h is the reference for all that is not said here.
 *
 *   zs::pool pool("cache");                       // throws std::system_error
 *   std::unordered_map<std::string, zs::ref> map;
 *
 *   map["key"] = pool.store("value", 6).value();
 *   if (zs::pin p = map["key"].pin())             // p.data(), p.size()
 *           puts(p.as<const char>());
 *
 * WITHOUT EXCEPTIONS
 * A call that can fail returns zs::result: a value, or a std::errc. Only what has to
 * throw is left out in a program that is compiled without exceptions: the constructor
 * of a pool (zs::pool::create does the same) and result::value(). So files with and
 * without exceptions can be linked together: nothing has two bodies. No run-time type
 * information is needed. No call throws anything else than std::system_error.
 *
 * LIFETIME
 * A ref is one owner of one object, as a std::unique_ptr is. It can be moved, and so
 * can what contains it: elements of a std::vector, say. Moving a ref has the pool
 * write the ref's new place into the object: some 10 ns if objects were stored in the
 * order in which they are moved, a cache miss each if they lie at random. So reserve
 * room, or use a container that leaves its elements in place (std::deque, std::map,
 * std::unordered_map: rehashing moves none).
 *   - Refs and pins go before their pool. (In a class: declare the pool first.)
 *     Without NDEBUG the destructor of a pool asserts that no object is live.
 *   - A ref that is pinned must not be moved, stored to, reset or destroyed; nor may
 *     a container do so, by growing.
 *   - A ref lies where it was constructed: never copy its bytes (memcpy, realloc).
 *
 * THREADS
 * As in uzsmalloc.h. All calls on one pool may run at once. On one ref: the const
 * ones with each other, also load, pin and room; no other with anything. A thread that
 * begins a pin should end it: an end in another thread makes reads in this pool slower
 * from then on. Fibers and coroutines that change threads: see ZS_NO_INLINE.
 *
 * NOEXCEPT
 * Moves, reset, pins and destructors are noexcept. They may wait for a thread that
 * moves objects, for the time of a few objects; they never fail. A misuse callback
 * (ZS_POOL_HARDENED) that throws out of them ends the program.
 *
 * SIZE
 * A zs::ref has 16 bytes: the word that the pool rewrites, and the pool, which the
 * destructor and moves need. Where the pool is a variable of the program that lives
 * as long as its refs, zs::ref_in<the_pool> has 8.
 *
 * 64-bit only, as the user profile is: elsewhere a pool cannot be created (EINVAL).
 */
#ifndef UZSMALLOC_HPP
#define UZSMALLOC_HPP

#if !defined(__cplusplus) || __cplusplus < 201703L
#error "uzsmalloc.hpp needs C++17 (-std=c++17)"
#endif

#include <cassert>
#include <cerrno>
#include <cstddef>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <uzsmalloc.h>

namespace zs
{

/* ------------------------------------------------------------------------
 * Results
 */

/* A value, or why there is none. T has a default value, which is what is there in the
 * place of a value on failure. */
template <class T> class [[nodiscard]] result
{
public:
	result(T &&value) noexcept : value_(std::move(value))
	{
	}
	/* @error: not std::errc() */
	result(std::errc error) noexcept : error_(error)
	{
	}

	bool has_value() const noexcept
	{
		return error_ == std::errc();
	}
	explicit operator bool() const noexcept
	{
		return has_value();
	}
	/* An errno of uzsmalloc.h, positive: std::errc::not_enough_memory is ENOMEM.
	 * std::errc() when there is a value. */
	std::errc error() const noexcept
	{
		return error_;
	}

	/* There must be a value. */
	T &operator*() &noexcept
	{
		return value_;
	}
	const T &operator*() const &noexcept
	{
		return value_;
	}
	T &&operator*() &&noexcept
	{
		return std::move(value_);
	}
	T *operator->() noexcept
	{
		return &value_;
	}
	const T *operator->() const noexcept
	{
		return &value_;
	}

#ifdef __cpp_exceptions
	/* The value. Throws std::system_error with error() if there is none. */
	T &value() &
	{
		check();
		return value_;
	}
	T &&value() &&
	{
		check();
		return std::move(value_);
	}

private:
	void check() const
	{
		if (!has_value())
			throw std::system_error(std::make_error_code(error_),
						"uzsmalloc");
	}
#endif

private:
	T value_{};
	std::errc error_{};
};

/* Done, or why not. */
template <> class [[nodiscard]] result<void>
{
public:
	result() noexcept = default;
	result(std::errc error) noexcept : error_(error)
	{
	}

	bool has_value() const noexcept
	{
		return error_ == std::errc();
	}
	explicit operator bool() const noexcept
	{
		return has_value();
	}
	std::errc error() const noexcept
	{
		return error_;
	}

#ifdef __cpp_exceptions
	/* Throws std::system_error with error() if it is not done. */
	void value() const
	{
		if (!has_value())
			throw std::system_error(std::make_error_code(error_),
						"uzsmalloc");
	}
#endif

private:
	std::errc error_{};
};

namespace detail
{
/* From what a C function returns: 0 or a negative errno. */
inline result<void> done(int err) noexcept
{
	return err ? result<void>(static_cast<std::errc>(-err))
		   : result<void>();
}

class any_pool;
template <class Where> class basic_ref;
} // namespace detail

class pool;

/* Owns an object of any pool. */
using ref = detail::basic_ref<detail::any_pool>;

/* ------------------------------------------------------------------------
 * Pools
 */

/* Options of a pool: the fields of zs_pool_options, with the user profile. */
struct options : ::zs_pool_options {
	options() noexcept : ::zs_pool_options ZS_POOL_OPTIONS_INIT
	{
		profile = ZS_PROFILE_USER;
	}
};

/* Owns a pool, or nothing (an empty one). Refs know what it owns, and not this object:
 * it may be moved while there are refs. */
class pool
{
public:
	/* An empty one: a pool can be assigned to it. allocate and store answer
	 * EINVAL, destroy 0, c_pool nullptr; other calls are not allowed. */
	pool() noexcept = default;

	/* Creates a pool. Errors: as zs_create_pool_with. */
	static result<pool> create(const char *name,
				   const options &o = options()) noexcept
	{
		pool made;

		made.pool_ = ::zs_create_pool_with(name, &o);
		if (!made.pool_)
			return static_cast<std::errc>(errno);
		return made;
	}
#ifdef __cpp_exceptions
	/* The same. Throws std::system_error. */
	explicit pool(const char *name, const options &o = options())
		: pool(create(name, o).value())
	{
	}
#endif

	pool(pool &&from) noexcept : pool_(std::exchange(from.pool_, nullptr))
	{
	}
	/* Swaps. So in a class that has a pool and then refs, moving member by member
	 * is right: the old refs are freed while `from` still owns their pool. */
	pool &operator=(pool &&from) noexcept
	{
		std::swap(pool_, from.pool_);
		return *this;
	}
	/* No ref may be left. */
	~pool()
	{
		[[maybe_unused]] unsigned long live = destroy();

		assert(!live && "refs outlive their zs::pool");
	}

	/* Destroys the pool, and what is still live: objects with handles of
	 * zs_malloc, say. This one is empty then. No ref may be left.
	 * Return: how many objects were live; 0 for an empty one. */
	unsigned long destroy() noexcept
	{
		return ::zs_destroy_pool(std::exchange(pool_, nullptr));
	}

	explicit operator bool() const noexcept
	{
		return pool_ != nullptr;
	}
	/* For all calls of uzsmalloc.h. */
	::zs_pool *c_pool() const noexcept
	{
		return pool_;
	}

	/* A new object of @size bytes, 1 to ZS_USER_MAX_SIZE, whose contents are
	 * undefined. Errors: as zs_ref_alloc. */
	result<ref> allocate(std::size_t size) noexcept;
	/* A new object with a copy of @size bytes. Errors: as zs_ref_store. */
	result<ref> store(const void *data, std::size_t size) noexcept;
	result<ref> store(std::string_view text) noexcept;

	/* zs_compact, in pages; zs_trim, in bytes; zs_drain. */
	unsigned long compact() noexcept
	{
		return ::zs_compact(pool_);
	}
	std::size_t trim() noexcept
	{
		return ::zs_trim(pool_);
	}
	unsigned long drain() noexcept
	{
		return ::zs_drain(pool_);
	}
	/* @bytes: 0 removes the limit. Errors: as zs_set_memory_limit. */
	result<void> set_memory_limit(std::size_t bytes) noexcept
	{
		return detail::done(::zs_set_memory_limit(pool_, bytes));
	}
	/* @percent: errors: as zs_set_max_overhead. */
	result<void> set_max_overhead(unsigned int percent) noexcept
	{
		return detail::done(::zs_set_max_overhead(pool_, percent));
	}
	/* What the pool is and holds now. */
	struct ::zs_pool_info info() const noexcept
	{
		struct ::zs_pool_info now ZS_POOL_INFO_INIT;

		static_cast<void>(::zs_pool_info(pool_, &now));
		return now;
	}

private:
	::zs_pool *pool_ = nullptr;
};

/* ------------------------------------------------------------------------
 * Pins
 */

namespace detail
{

/* Keeps an object in its place while this lives, so that it can be used there: a
 * contiguous range of bytes. In C++20 `std::span bytes(p);` is its span. Keep it
 * short. The memory is aligned to 8 bytes, and may be used until this is destroyed. */
template <class Byte> class [[nodiscard]] basic_pin
{
public:
	/* Pins nothing: false, and no bytes. */
	basic_pin() noexcept = default;
	basic_pin(basic_pin &&from) noexcept
		: pool_(from.pool_), ref_(from.ref_),
		  data_(std::exchange(from.data_, nullptr))
	{
	}
	basic_pin &operator=(basic_pin &&from) noexcept
	{
		basic_pin old(std::move(*this));

		pool_ = from.pool_;
		ref_ = from.ref_;
		data_ = std::exchange(from.data_, nullptr);
		return *this;
	}
	~basic_pin()
	{
		if (data_)
			::zs_ref_end(pool_, ref_);
	}

	/* Is there an object? */
	explicit operator bool() const noexcept
	{
		return data_ != nullptr;
	}
	Byte *data() const noexcept
	{
		return data_;
	}
	/* Bytes: the object's room, which is at least what was asked for. What is
	 * behind that is undefined. A call of the library's. */
	std::size_t size() const noexcept
	{
		return data_ ? ::zs_ref_room(pool_, ref_) : 0;
	}
	Byte *begin() const noexcept
	{
		return data_;
	}
	Byte *end() const noexcept
	{
		return data_ + size();
	}
	/* The object as a T, or the first of several. Who stored it knows that it
	 * is one. nullptr if there is no object. */
	template <class T> T *as() const noexcept
	{
		static_assert(std::is_trivially_copyable_v<T> &&
			      alignof(T) <= 8);
		static_assert(!std::is_const_v<Byte> || std::is_const_v<T>,
			      "a pin of a const ref is for reading");
		return reinterpret_cast<T *>(data_);
	}

private:
	template <class Where> friend class basic_ref;
	basic_pin(::zs_pool *pool, ::zs_ref *ref) noexcept
		: pool_(pool), ref_(ref),
		  data_(pool ? static_cast<Byte *>(::zs_ref_begin(pool, ref))
			     : nullptr)
	{
	}

	::zs_pool *pool_ = nullptr;
	::zs_ref *ref_ = nullptr;
	Byte *data_ = nullptr;
};

} // namespace detail

/* To read and write; to read. */
using pin = detail::basic_pin<std::byte>;
using const_pin = detail::basic_pin<const std::byte>;

/* ------------------------------------------------------------------------
 * Refs
 */

namespace detail
{

/* Which pool a ref is of: a pointer in it, */
class any_pool
{
public:
	any_pool() noexcept = default;
	explicit any_pool(const pool &p) noexcept : pool_(p.c_pool())
	{
	}
	::zs_pool *where() const noexcept
	{
		return pool_;
	}

private:
	::zs_pool *pool_ = nullptr;
};

/* or a variable, known at compile time. */
template <pool &P> class this_pool
{
public:
	::zs_pool *where() const noexcept
	{
		return P.c_pool();
	}
};

template <class Where> class basic_ref : private Where
{
public:
	/* Names nothing; a zs::ref has no pool then. */
	basic_ref() noexcept = default;
	/* Names nothing, in this pool. */
	explicit basic_ref(const pool &p) noexcept : Where(p)
	{
	}
	/* `from` names nothing then. It has its pool still. */
	basic_ref(basic_ref &&from) noexcept : Where(from)
	{
		take(from);
	}
	/* Frees what this names, then takes what `from` names, and its pool. */
	basic_ref &operator=(basic_ref &&from) noexcept
	{
		if (this != &from) {
			reset();
			Where::operator=(from);
			take(from);
		}
		return *this;
	}
	~basic_ref()
	{
		reset();
	}

	/* Does it name an object? */
	explicit operator bool() const noexcept
	{
#ifdef __GNUC__
		/* The pool may be just rewriting it. */
		return __atomic_load_n(&ref_.word, __ATOMIC_RELAXED) != 0;
#else
		return room() != 0;
#endif
	}
	/* Frees the object, if there is one. */
	void reset() noexcept
	{
		if (*this)
			::zs_ref_free(this->where(), &ref_);
	}

	/* Names a new object of @size bytes instead, whose contents are undefined. On
	 * an error the old one stays.
	 * Errors: as zs_ref_alloc; EINVAL without a pool. */
	result<void> allocate(std::size_t size) noexcept
	{
		basic_ref fresh(static_cast<const Where &>(*this), 0);
		basic_ref &to = *this ? fresh : *this;
		result<void> err = done(
			this->where()
				? ::zs_ref_alloc(this->where(), &to.ref_, size)
				: -EINVAL);

		if (fresh)
			*this = std::move(fresh);
		return err;
	}
	/* Stores a copy of @size bytes: in a new object, or in place of the old one,
	 * which stays as it was on an error. @data must not lie in it.
	 * Errors: as zs_ref_store; EINVAL without a pool. */
	result<void> store(const void *data, std::size_t size) noexcept
	{
		return done(this->where() ? ::zs_ref_store(this->where(), &ref_,
							   data, size)
					  : -EINVAL);
	}
	result<void> store(std::string_view text) noexcept
	{
		return store(text.data(), text.size());
	}
	/* Copies the first @size bytes to @to. Errors: as zs_ref_load; EINVAL without
	 * a pool. */
	result<void> load(void *to, std::size_t size) const noexcept
	{
		return done(this->where() ? ::zs_ref_load(this->where(), &ref_,
							  to, size)
					  : -EINVAL);
	}

	/* Pins the object; false if there is none. */
	basic_pin<std::byte> pin() noexcept
	{
		return { this->where(), &ref_ };
	}
	basic_pin<const std::byte> pin() const noexcept
	{
		return { this->where(), &ref_ };
	}
	/* Bytes that the object can hold: at least what was asked for, and constant
	 * while it is not replaced; 0 if there is none. */
	std::size_t room() const noexcept
	{
		return this->where() ? ::zs_ref_room(this->where(), &ref_) : 0;
	}

	/* For calls of uzsmalloc.h; nullptr without a pool. */
	::zs_pool *c_pool() const noexcept
	{
		return this->where();
	}
	::zs_ref *c_ref() noexcept
	{
		return &ref_;
	}

private:
	basic_ref(const Where &where, int) noexcept : Where(where)
	{
	}
	void take(basic_ref &from) noexcept
	{
		if (from)
			::zs_ref_move(this->where(), &ref_, &from.ref_);
	}

	/* The library writes it, also that of a const ref: when it counts readers,
	 * and when it moves the object. */
	mutable ::zs_ref ref_ ZS_REF_INIT;
};

} // namespace detail

/* Owns an object of the pool P, a variable of static storage that lives as long as
 * its refs. 8 bytes; as a zs::ref in all else, and always with a pool. */
template <pool &P> using ref_in = detail::basic_ref<detail::this_pool<P>>;

inline result<ref> pool::allocate(std::size_t size) noexcept
{
	ref fresh(*this);
	result<void> err = fresh.allocate(size);

	if (!err)
		return err.error();
	return fresh;
}

inline result<ref> pool::store(const void *data, std::size_t size) noexcept
{
	ref fresh(*this);
	result<void> err = fresh.store(data, size);

	if (!err)
		return err.error();
	return fresh;
}

inline result<ref> pool::store(std::string_view text) noexcept
{
	return store(text.data(), text.size());
}

} // namespace zs

#endif /* UZSMALLOC_HPP */
