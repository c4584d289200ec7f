/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab_fiber.c - owns the stacks of fibers. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "lab_fiber.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "compat/os.h"

#if defined(__x86_64__) || defined(__aarch64__)
#define UZS_FIBER_ASM 1
#else
#define UZS_FIBER_ASM 0
#include <ucontext.h>
#endif

#ifdef UZS_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

struct uzs_fiber_context {
	void *sp; /* while it does not run */
	char *stack;
	size_t size; /* bytes */
	void (*entry)(void *arg);
	void *arg;
	void *fake; /* ASan's, while it does not run */
	struct uzs_fiber_context *next;
#if !UZS_FIBER_ASM
	ucontext_t context;
#endif
};

static struct uzs_fiber_context thread_context; /* the thread's own stack */
static struct uzs_fiber_context *all;
static struct uzs_fiber_context *running; /* NULL: thread_context */

#if UZS_FIBER_ASM
/* Stores the stack pointer in *from and continues where `to` was stored. */
void uzs_fiber_swap(void **from, void *to);
/* Where a fiber begins: calls the function that is stored on its stack. */
void uzs_fiber_begin(void);

#if defined(__x86_64__)
/* Saves the six registers that a function has to preserve. The rounding mode is
 * never changed here. */
__asm__(".text\n"
	".globl uzs_fiber_swap\n"
	".hidden uzs_fiber_swap\n"
	".type uzs_fiber_swap, @function\n"
	"uzs_fiber_swap:\n"
	"	push %rbp\n"
	"	push %rbx\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	push %r15\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r15\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbx\n"
	"	pop %rbp\n"
	"	ret\n"
	".size uzs_fiber_swap, . - uzs_fiber_swap\n"
	".globl uzs_fiber_begin\n"
	".hidden uzs_fiber_begin\n"
	".type uzs_fiber_begin, @function\n"
	"uzs_fiber_begin:\n"
	"	mov %r12, %rdi\n"
	"	xor %ebp, %ebp\n"
	"	call *%rbx\n"
	"	ud2\n"
	".size uzs_fiber_begin, . - uzs_fiber_begin\n");

static void *first_frame(char *top, void (*entry)(void *arg), void *arg)
{
	uintptr_t *sp = (uintptr_t *)((uintptr_t)top & ~(uintptr_t)15);

	*--sp = 0; /* keeps the stack aligned at the call */
	*--sp = 0;
	*--sp = (uintptr_t)uzs_fiber_begin; /* returned to */
	*--sp = 0; /* rbp */
	*--sp = (uintptr_t)entry; /* rbx */
	*--sp = (uintptr_t)arg; /* r12 */
	*--sp = 0;
	*--sp = 0;
	*--sp = 0;
	return sp;
}
#else
__asm__(".text\n"
	".globl uzs_fiber_swap\n"
	".hidden uzs_fiber_swap\n"
	".type uzs_fiber_swap, %function\n"
	"uzs_fiber_swap:\n"
	"	sub sp, sp, #160\n"
	"	stp x19, x20, [sp, #0]\n"
	"	stp x21, x22, [sp, #16]\n"
	"	stp x23, x24, [sp, #32]\n"
	"	stp x25, x26, [sp, #48]\n"
	"	stp x27, x28, [sp, #64]\n"
	"	stp x29, x30, [sp, #80]\n"
	"	stp d8, d9, [sp, #96]\n"
	"	stp d10, d11, [sp, #112]\n"
	"	stp d12, d13, [sp, #128]\n"
	"	stp d14, d15, [sp, #144]\n"
	"	mov x9, sp\n"
	"	str x9, [x0]\n"
	"	mov sp, x1\n"
	"	ldp x19, x20, [sp, #0]\n"
	"	ldp x21, x22, [sp, #16]\n"
	"	ldp x23, x24, [sp, #32]\n"
	"	ldp x25, x26, [sp, #48]\n"
	"	ldp x27, x28, [sp, #64]\n"
	"	ldp x29, x30, [sp, #80]\n"
	"	ldp d8, d9, [sp, #96]\n"
	"	ldp d10, d11, [sp, #112]\n"
	"	ldp d12, d13, [sp, #128]\n"
	"	ldp d14, d15, [sp, #144]\n"
	"	add sp, sp, #160\n"
	"	ret\n"
	".size uzs_fiber_swap, . - uzs_fiber_swap\n"
	".globl uzs_fiber_begin\n"
	".hidden uzs_fiber_begin\n"
	".type uzs_fiber_begin, %function\n"
	"uzs_fiber_begin:\n"
	"	mov x0, x20\n"
	"	mov x29, xzr\n"
	"	blr x19\n"
	"	brk #0\n"
	".size uzs_fiber_begin, . - uzs_fiber_begin\n");

static void *first_frame(char *top, void (*entry)(void *arg), void *arg)
{
	uintptr_t *sp = (uintptr_t *)(((uintptr_t)top & ~(uintptr_t)15) - 160);

	for (int i = 0; i < 20; i++)
		sp[i] = 0;
	sp[0] = (uintptr_t)entry; /* x19 */
	sp[1] = (uintptr_t)arg; /* x20 */
	sp[11] = (uintptr_t)uzs_fiber_begin; /* x30 */
	return sp;
}
#endif
#endif

/* An earlier run may have left parts of the stack poisoned. */
static void unpoison_stack(struct uzs_fiber_context *f)
{
#ifdef UZS_ASAN
	__asan_unpoison_memory_region(f->stack, f->size);
#else
	(void)f;
#endif
}

/* A page of the real OS: that of the library's is lab_os.c's. */
static size_t guard_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

struct uzs_fiber_context *uzs_fiber_new(size_t stack_bytes)
{
	size_t guard = guard_bytes();
	size_t head = ALIGN(sizeof(struct uzs_fiber_context), (size_t)64);
	struct uzs_fiber_context *f;
	char *mem = mmap(NULL, stack_bytes + guard, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (mem == MAP_FAILED)
		return NULL;
	if (mprotect(mem, guard, PROT_NONE)) {
		munmap(mem, stack_bytes + guard);
		return NULL;
	}
	/* The structure is above the stack: an overflow does not reach it. */
	f = (struct uzs_fiber_context *)(mem + guard + stack_bytes - head);
	f->stack = mem + guard;
	f->size = stack_bytes - head;
	f->next = all;
	all = f;
	return f;
}

bool uzs_fiber_overflow(const void *addr)
{
	for (const struct uzs_fiber_context *f = all; f; f = f->next)
		if ((uintptr_t)f->stack - (uintptr_t)addr <= guard_bytes())
			return true;
	return false;
}

#if !UZS_FIBER_ASM
static void begin(void)
{
	running->entry(running->arg);
}
#endif

void uzs_fiber_prepare(struct uzs_fiber_context *f, void (*entry)(void *arg),
		       void *arg)
{
	f->entry = entry;
	f->arg = arg;
	f->fake = NULL;
	unpoison_stack(f);
#if UZS_FIBER_ASM
	f->sp = first_frame(f->stack + f->size, entry, arg);
#else
	getcontext(&f->context);
	f->context.uc_stack.ss_sp = f->stack;
	f->context.uc_stack.ss_size = f->size;
	f->context.uc_link = NULL;
	makecontext(&f->context, begin, 0);
#endif
}

#ifdef UZS_ASAN
static void asan_leave(struct uzs_fiber_context *from,
		       const struct uzs_fiber_context *to)
{
	__sanitizer_start_switch_fiber(&from->fake, to->stack, to->size);
}

static void asan_arrive(struct uzs_fiber_context *self)
{
	const void *bottom;
	size_t size;

	__sanitizer_finish_switch_fiber(self->fake, &bottom, &size);
}

/* Finds the thread's own stack, before the first switch. */
static void asan_know_thread(void)
{
	pthread_attr_t attr;
	void *addr;
	size_t size;

	if (thread_context.stack)
		return;
	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstack(&attr, &addr, &size);
	pthread_attr_destroy(&attr);
	thread_context.stack = addr;
	thread_context.size = size;
}
#else
static inline void asan_leave(struct uzs_fiber_context *from,
			      const struct uzs_fiber_context *to)
{
	(void)from;
	(void)to;
}
static inline void asan_arrive(struct uzs_fiber_context *self)
{
	(void)self;
}
static inline void asan_know_thread(void)
{
}
#endif

void uzs_fiber_switch(struct uzs_fiber_context *from,
		      struct uzs_fiber_context *to)
{
	running = to;
	if (!from) {
		from = &thread_context;
		asan_know_thread();
	}
	if (!to)
		to = &thread_context;
	asan_leave(from, to);
#if UZS_FIBER_ASM
	uzs_fiber_swap(&from->sp, to->sp);
#else
	swapcontext(&from->context, &to->context);
#endif
	asan_arrive(from);
}

void uzs_fiber_entered(void)
{
#ifdef UZS_ASAN
	__sanitizer_finish_switch_fiber(NULL, NULL, NULL);
#endif
}

void uzs_fiber_left(void)
{
	if (!running)
		return;
	running = NULL;
#ifdef UZS_ASAN
	{
		/* After the jump ASan still believes in the fiber's stack. */
		void *fake = NULL;

		__sanitizer_start_switch_fiber(&fake, thread_context.stack,
					       thread_context.size);
		__sanitizer_finish_switch_fiber(thread_context.fake, NULL,
						NULL);
	}
#endif
}

void uzs_fiber_cut(void)
{
#ifdef UZS_ASAN
	const struct uzs_fiber_context *on = running ? running
						     : &thread_context;
	const char *here = __builtin_frame_address(0);

	asan_know_thread();
	if (here > (const char *)on->stack &&
	    here < (const char *)on->stack + on->size)
		__asan_unpoison_memory_region(
			on->stack, (size_t)(here - (const char *)on->stack));
#endif
}
