/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab_words.c - findings and steps in words. Owns no state. */
#include "lab.h"

#include <stdio.h>
#include <string.h>

const char *uzs_lab_finding_name(enum uzs_lab_finding kind)
{
	static const char *const names[LAB_NR_FINDINGS] = {
		[LAB_FOUND_NOTHING] = "nothing",
		[LAB_FOUND_DEADLOCK] = "deadlock",
		[LAB_FOUND_LOST_WAKEUP] = "lost wakeup",
		[LAB_FOUND_ORDER] = "lock order",
		[LAB_FOUND_LOCK_RULE] = "lock rule",
		[LAB_FOUND_RACE] = "data race",
		[LAB_FOUND_FREED_MEMORY] = "use of freed memory",
		[LAB_FOUND_DOUBLE_FREE] = "double free",
		[LAB_FOUND_ASSERTION] = "assertion",
		[LAB_FOUND_CRASH] = "crash",
		[LAB_FOUND_LIVELOCK] = "livelock",
		[LAB_FOUND_INVARIANT] = "invariant",
		[LAB_FOUND_LEAK] = "leak",
		[LAB_FOUND_LOST_HANDLE] = "lost handle",
	};

	return names[kind];
}

const char *uzs_lab_op_name(enum uzs_lab_op op)
{
	static const char *const names[LAB_NR_OPS] = {
		[LAB_START] = "begin",
		[LAB_LOCK] = "lock",
		[LAB_TRYLOCK] = "trylock",
		[LAB_UNLOCK] = "unlock",
		[LAB_READ_LOCK] = "read_lock",
		[LAB_READ_TRYLOCK] = "read_trylock",
		[LAB_READ_UNLOCK] = "read_unlock",
		[LAB_WRITE_LOCK] = "write_lock",
		[LAB_WRITE_TRYLOCK] = "write_trylock",
		[LAB_WRITE_UNLOCK] = "write_unlock",
		[LAB_PIN] = "pin",
		[LAB_UNPIN] = "unpin",
		[LAB_PIN_TRYWRITE] = "pin_write_trylock",
		[LAB_PIN_UNWRITE] = "pin_write_unlock",
		[LAB_LOCK_PAGE] = "lock_page",
		[LAB_TRYLOCK_PAGE] = "trylock_page",
		[LAB_UNLOCK_PAGE] = "unlock_page",
		[LAB_WAIT_PAGE] = "wait_on_page_locked",
		[LAB_LOAD] = "load",
		[LAB_STORE] = "store",
		[LAB_ADD] = "add",
		[LAB_RMW] = "change",
		[LAB_FENCE] = "barrier of all threads",
		[LAB_CONTENDED] = "is_contended",
		[LAB_WAIT] = "wait",
		[LAB_WOKEN] = "woken",
		[LAB_WAKE] = "wake",
		[LAB_SPAWN] = "start thread",
		[LAB_JOIN] = "join thread",
		[LAB_RELEASED] = "has unlocked",
		[LAB_RESCHED] = "cond_resched",
		[LAB_CPU] = "which CPU",
		[LAB_SET_CPU] = "change CPU",
		[LAB_RCU_READ] = "rcu_read_lock",
		[LAB_RCU_UNREAD] = "rcu_read_unlock",
		[LAB_RCU_SYNC] = "synchronize_rcu",
		[LAB_COPY] = "copy",
		[LAB_PAGE_FREE] = "free page",
		[LAB_QUEUE_WORK] = "queue work",
		[LAB_MAP] = "map",
		[LAB_UNMAP] = "unmap",
	};

	return names[op];
}

int uzs_lab_describe_step(const struct uzs_lab_step *step, char *buf,
			  size_t size)
{
	const char *what = step->what ? step->what : "";
	int len = (int)strlen(what);

	/* READ_ONCE(x) is an access to &(x). */
	if (len > 3 && !strncmp(what, "&(", 2) && what[len - 1] == ')') {
		what += 2;
		len -= 3;
	} else if (len > 1 && what[0] == '&') {
		what++;
		len--;
	}
	return snprintf(buf, size, "%s%s%.*s", uzs_lab_op_name(step->op),
			len ? " " : "", len, what);
}
