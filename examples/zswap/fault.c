/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* fault.c - userfaultfd: opening it, and the threads that serve faults.
 *
 * A thread that touches a page that is away, or writes to one that is just
 * being taken away, sleeps in the kernel. A handler reads the fault from the
 * file descriptor, brings the page, and so wakes the thread.
 * Callers: uzswap.c, reclaim.c. Locks: takes the pager's; never holds it in a
 * system call that waits.
 * Guarantee: F1 every fault that was read is answered, by a page or SIGBUS.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "os.h"
#include "pager.h"

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

/* New in Linux 6.6; older headers lack it. Whether the kernel has it is asked
 * when a region is registered. */
#ifndef UFFDIO_POISON
#define _UFFDIO_POISON 0x08
#define UFFDIO_POISON_MODE_DONTWAKE ((uint64_t)1 << 0)
struct uffdio_poison {
	struct uffdio_range range;
	uint64_t mode;
	int64_t updated;
};
#define UFFDIO_POISON _IOWR(UFFDIO, _UFFDIO_POISON, struct uffdio_poison)
#endif

#define REFUSE_NS (20 * 1000000l)

#define FEATURES (UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_THREAD_ID)

struct handler {
	struct uzswap *u;
	pthread_t thread;
	void *page; /* buffer for decompression */
};

/* ---- opening ------------------------------------------------------------- */

static int open_call(int flags)
{
	return os_keep_fd(
		(int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | flags));
}

static int open_device(void)
{
#ifdef USERFAULTFD_IOC_NEW
	int device = os_keep_fd(open("/dev/userfaultfd", O_RDWR | O_CLOEXEC));
	int fd = -1;

	if (device < 0)
		return -1;
	fd = ioctl(device, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK);
	close(device);
	return os_keep_fd(fd);
#else
	return -1;
#endif
}

int fault_open(char *message, size_t bytes)
{
	struct uffdio_api api = { .api = UFFD_API, .features = FEATURES };
	int fd = open_call(0);
	int err = errno;

	if (fd < 0)
		fd = open_device();
	if (fd < 0) {
		fd = open_call(UFFD_USER_MODE_ONLY);
		if (fd >= 0)
			snprintf(
				message, bytes,
				"userfaultfd is permitted for user mode only: a "
				"system call that meets a page that is away "
				"fails with EFAULT (vm.unprivileged_userfaultfd=1 "
				"or CAP_SYS_PTRACE permits all)");
	}
	if (fd < 0) {
		snprintf(message, bytes,
			 "userfaultfd is not %s on this machine: %s",
			 err == ENOSYS ? "there" : "permitted", strerror(err));
		return -1;
	}
	if (ioctl(fd, UFFDIO_API, &api)) {
		snprintf(message, bytes,
			 "userfaultfd of this machine has no write protection "
			 "(Linux 5.7): %s",
			 strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

int fault_register(struct uzswap *u, void *base, size_t bytes)
{
	const uint64_t needed = (uint64_t)1 << _UFFDIO_WRITEPROTECT |
				(uint64_t)1 << _UFFDIO_COPY |
				(uint64_t)1 << _UFFDIO_ZEROPAGE;
	struct uffdio_register reg = {
		.range = { (uintptr_t)base, bytes },
		.mode = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP,
	};

	if (ioctl(u->uffd, UFFDIO_REGISTER, &reg))
		return -errno;
	u->can_poison = reg.ioctls >> _UFFDIO_POISON & 1;
	return (reg.ioctls & needed) == needed ? 0 : -ENOTSUP;
}

int fault_protect(struct uzswap *u, void *base, size_t bytes, bool protect)
{
	struct uffdio_writeprotect wp = {
		.range = { (uintptr_t)base, bytes },
		.mode = protect ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	while (ioctl(u->uffd, UFFDIO_WRITEPROTECT, &wp))
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	return 0;
}

/* ---- answering ----------------------------------------------------------- */

static void wake(struct uzswap *u, char *address)
{
	struct uffdio_range range = { (uintptr_t)address, u->page_size };

	ioctl(u->uffd, UFFDIO_WAKE, &range);
}

/* Puts a page into the region; NULL: zeroes. Wakes no thread: the waiters go on
 * only when the pager's state is up to date. */
static int put_page(struct uzswap *u, char *address, const void *from)
{
	struct uffdio_zeropage zero = {
		.range = { (uintptr_t)address, u->page_size },
		.mode = UFFDIO_ZEROPAGE_MODE_DONTWAKE,
	};
	struct uffdio_copy copy = {
		.dst = (uintptr_t)address,
		.src = (uintptr_t)from,
		.len = u->page_size,
		.mode = UFFDIO_COPY_MODE_DONTWAKE,
	};
	int result;

	do
		result = from ? ioctl(u->uffd, UFFDIO_COPY, &copy)
			      : ioctl(u->uffd, UFFDIO_ZEROPAGE, &zero);
	while (result && (errno == EAGAIN || errno == EINTR));
	return result ? -errno : 0;
}

/* Must a page wait before it comes in? Not if storing fails: then the limit is
 * exceeded, because the page is needed. */
static bool no_room(const struct uzswap *u)
{
	return u->used >= u->limit && !u->stuck;
}

/* Locks: needs the lock, drops it while waiting. */
static void wait_for_room(struct uzswap *u)
{
	u->stats.waits++;
	u->room_waiters++;
	while (no_room(u)) {
		pthread_cond_signal(&u->work);
		pthread_cond_wait(&u->room, &u->lock);
	}
	u->room_waiters--;
}

static void count_in(struct uzswap *u)
{
	u->used++;
	if (u->used + u->slack >= u->limit)
		pthread_cond_signal(&u->work);
	if (u->used > u->stats.resident_peak)
		u->stats.resident_peak = u->used;
}

/* Moves a page that is away into its region. @ahead: no thread waits for it.
 * Locks: needs the lock; drops it meanwhile. Return: 0 or a negative errno;
 * then the page is where it was. */
static int bring_page(struct uzswap *u, struct handler *handler, uint32_t slot,
		      char *address, bool ahead)
{
	struct page *page = &u->pages[slot];
	enum page_state from = page->state;
	void *bytes = NULL;
	int err = 0;

	page->state = PAGE_BUSY;
	if (from == PAGE_LIMBO) {
		page_list_del(u, &u->limbo, slot);
		bytes = frame_of(u, page->frame);
	} else {
		count_in(u);
	}
	pthread_mutex_unlock(&u->lock);
	if (from == PAGE_OUT) {
		bytes = handler->page;
		err = swap_in(u->swap, slot, bytes);
	}
	if (!err) {
		err = put_page(u, address, bytes);
		/* This is now the only copy: it must go back, or into the
		 * region. */
		while (err && from == PAGE_OUT &&
		       swap_out(u->swap, slot, bytes)) {
			sched_yield();
			err = put_page(u, address, bytes);
		}
	}
	pthread_mutex_lock(&u->lock);
	if (err) {
		if (from != PAGE_LIMBO)
			u->used--;
		page_settle(u, slot, from);
		return err;
	}
	page->referenced = from == PAGE_LIMBO;
	if (from == PAGE_LIMBO)
		u->free_frames[u->nr_free_frames++] = page->frame;
	else if (from == PAGE_OUT)
		u->out--;
	if (ahead)
		u->stats.read_ahead++;
	else if (from == PAGE_LIMBO)
		u->stats.soft_faults++;
	else if (from == PAGE_OUT)
		u->stats.hard_faults++;
	else
		u->stats.new_faults++;
	page_settle(u, slot, PAGE_RESIDENT);
	return 0;
}

/* Return: how many pages after that of a fault are likely to be touched next.
 * Locks: needs the lock. */
static unsigned int plan_ahead(struct uzswap *u, uint32_t slot, int *direction)
{
	struct stream *stream;

	for (unsigned int i = 0; i < NR_STREAMS; i++) {
		int64_t beyond, from_last;

		stream = &u->streams[i];
		/* Resident pages cause no faults, so a fault a little further
		 * on belongs to the stream, too. */
		beyond = ((int64_t)slot - stream->next) * stream->direction;
		from_last = (int64_t)slot - stream->last;
		if (stream->window && beyond >= 0 &&
		    beyond <= (int64_t)stream->window) {
			stream->window *= 2;
			if (stream->window > MAX_WINDOW)
				stream->window = MAX_WINDOW;
		} else if (from_last == 1 || from_last == -1) {
			stream->window = 2;
			stream->direction = (int)from_last;
		} else {
			continue;
		}
		*direction = stream->direction;
		stream->last = slot;
		stream->next =
			(uint32_t)(slot +
				   stream->direction *
					   ((int64_t)stream->window + 1));
		return stream->window;
	}
	stream = &u->streams[u->next_stream++ % NR_STREAMS];
	*stream = (struct stream){ .last = slot };
	return 0;
}

/* Brings pages that no thread waits for, as planned in an epoch.
 * Locks: needs the lock; drops it. */
static void read_ahead(struct uzswap *u, struct handler *handler, uint32_t slot,
		       int direction, unsigned int nr, unsigned long epoch)
{
	while (nr--) {
		struct region *region;
		enum page_state state;

		slot = (uint32_t)((int64_t)slot + direction);
		/* Looked up again each time, because the region may have been
		 * freed. */
		region = region_of_slot(u, slot);
		if (!region || region->dying || region->epoch != epoch ||
		    u->used + 1 >= u->limit)
			return;
		state = u->pages[slot].state;
		if ((state == PAGE_OUT || state == PAGE_EMPTY) &&
		    bring_page(u, handler, slot,
			       region->base +
				       (slot - region->slot) * u->page_size,
			       true))
			return;
	}
}

/* ---- serving ------------------------------------------------------------- */

/* A thread wrote to a page that is resident and waits: the page could not be
 * taken away, and its write protection was left. No other thread may copy the
 * page meanwhile, so it is BUSY. Locks: needs the lock; drops it. */
static void allow_writes(struct uzswap *u, uint32_t slot, char *address)
{
	page_list_del(u, &u->active, slot);
	u->pages[slot].state = PAGE_BUSY;
	pthread_mutex_unlock(&u->lock);
	fault_protect(u, address, u->page_size, false);
	pthread_mutex_lock(&u->lock);
	page_settle(u, slot, PAGE_RESIDENT);
}

static bool poison(struct uzswap *u, char *address)
{
	struct uffdio_poison poison = {
		.range = { (uintptr_t)address, u->page_size },
		.mode = UFFDIO_POISON_MODE_DONTWAKE,
	};
	int result;

	do
		result = ioctl(u->uffd, UFFDIO_POISON, &poison);
	while (result && (errno == EAGAIN || errno == EINTR));
	return !result;
}

/* Tells the threads that wait for a page that it cannot be brought. Poison does
 * so for all: SIGBUS, or EFAULT in a system call. It is removed after they had
 * time to see it; a thread that comes later asks again. Without poison a signal
 * is sent. A system call does not see that, and asks again for ever, but at
 * most as often as the handler sleeps here.
 * Locks: needs the lock; drops it. The page is BUSY meanwhile: removing the
 * poison would lose a page that another thread brought. */
static void refuse(struct uzswap *u, const struct uffd_msg *msg, uint32_t slot,
		   char *address)
{
	const struct timespec a_while = { .tv_nsec = REFUSE_NS };
	enum page_state state = u->pages[slot].state;
	bool poisoned = u->can_poison;

	if (state == PAGE_LIMBO)
		page_list_del(u, &u->limbo, slot);
	u->pages[slot].state = PAGE_BUSY;
	pthread_mutex_unlock(&u->lock);
	poisoned = poisoned && poison(u, address);
	if (!poisoned)
		syscall(SYS_tgkill, getpid(),
			(pid_t)msg->arg.pagefault.feat.ptid, SIGBUS);
	wake(u, address);
	nanosleep(&a_while, NULL);
	if (poisoned)
		os_drop(address, u->page_size);
	pthread_mutex_lock(&u->lock);
	page_settle(u, slot, state);
}

static void serve(struct uzswap *u, struct handler *handler,
		  const struct uffd_msg *msg)
{
	uintptr_t address = (uintptr_t)msg->arg.pagefault.address;
	struct region *region;
	enum page_state state;
	unsigned int ahead = 0;
	unsigned long epoch;
	int err = 0, direction = 0;
	bool brought = false;
	uint32_t slot;
	char *page;

	address -= address % u->page_size;
	page = (char *)address;
	pthread_mutex_lock(&u->lock);
	/* While this thread waits, another may bring the page and wake the
	 * thread that touched it. After that even the region may be gone. */
	while (!err) {
		region = region_of_address(u, address);
		if (!region || region->dying) {
			pthread_mutex_unlock(&u->lock);
			wake(u, page);
			return;
		}
		slot = (uint32_t)(region->slot +
				  (address - (uintptr_t)region->base) /
					  u->page_size);
		state = u->pages[slot].state;
		if (state == PAGE_RESIDENT)
			break;
		if (state == PAGE_BUSY) {
			page_wait(u, slot);
		} else if (state != PAGE_LIMBO && no_room(u)) {
			wait_for_room(u);
		} else {
			err = bring_page(u, handler, slot, page, false);
			brought = !err;
		}
	}
	if (err) {
		u->stats.load_errors++;
		u->stats.last_error = err;
		refuse(u, msg, slot, page);
		pthread_mutex_unlock(&u->lock);
		return;
	}
	if (!brought && msg->arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP)
		allow_writes(u, slot, page);
	ahead = plan_ahead(u, slot, &direction);
	epoch = region->epoch;
	pthread_mutex_unlock(&u->lock);
	wake(u, page);
	if (ahead) {
		pthread_mutex_lock(&u->lock);
		read_ahead(u, handler, slot, direction, ahead, epoch);
		pthread_mutex_unlock(&u->lock);
	}
}

static void *handle(void *arg)
{
	struct handler *handler = arg;
	struct uzswap *u = handler->u;
	struct pollfd fds[2] = { { .fd = u->uffd, .events = POLLIN },
				 { .fd = u->stop_fd, .events = POLLIN } };
	struct uffd_msg msg;

	while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
		if (fds[1].revents)
			break;
		/* Read one fault at a time and leave the others to other
		 * handlers. */
		while (read(u->uffd, &msg, sizeof(msg)) == sizeof(msg))
			if (msg.event == UFFD_EVENT_PAGEFAULT)
				serve(u, handler, &msg);
	}
	return NULL;
}

int fault_start(struct uzswap *u)
{
	unsigned int wanted = u->nr_handlers;
	sigset_t all, before;
	int err = 0;

	u->nr_handlers = 0;
	u->stop_fd = os_keep_fd(eventfd(0, EFD_CLOEXEC));
	if (u->stop_fd < 0)
		return -errno;
	u->handlers = calloc(wanted, sizeof(*u->handlers));
	if (!u->handlers)
		return -ENOMEM;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned int i = 0; i < wanted && !err; i++) {
		struct handler *handler = &u->handlers[i];

		handler->u = u;
		handler->page = aligned_alloc(u->page_size, u->page_size);
		err = handler->page ? -pthread_create(&handler->thread, NULL,
						      handle, handler)
				    : -ENOMEM;
		if (err)
			free(handler->page);
		else
			u->nr_handlers++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

void fault_stop(struct uzswap *u)
{
	uint64_t one = 1;

	if (u->stop_fd < 0)
		return;
	if (write(u->stop_fd, &one, sizeof(one)) == sizeof(one))
		for (unsigned int i = 0; i < u->nr_handlers; i++) {
			pthread_join(u->handlers[i].thread, NULL);
			free(u->handlers[i].page);
		}
	free(u->handlers);
	close(u->stop_fd);
}
