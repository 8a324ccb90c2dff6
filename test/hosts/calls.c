/* SPDX-License-Identifier: MIT */
/* segue_call() from the host's mode and state: the host is unchanged after each call. Words of the command line: calls=. */
#include "kernel.h"
#include "rules.h"

#define WHOLE_EVERY 100u

static struct fpu fpu_before, fpu_after;
static uint32_t bad;

static void check(bool good, const char *what, uint32_t call)
{
	if (good)
		return;
	say("BAD: call %u: %s\n", call, what);
	if (++bad > 10)
		stop();
}

/* Breakpoints for the debugger. */
__attribute__((noinline)) void calls_before(void)
{
	__asm__ volatile("");
}

__attribute__((noinline)) void calls_after(void)
{
	__asm__ volatile("");
}

void calls(uint32_t count)
{
	struct segue_call_args args = {.struct_size = sizeof args, .workspace = pointer(handover.workspace), .log = log_line};
	struct registers before, after;
	uint64_t sum, sum_after;
	uintptr_t flags;
	uint32_t was;
	int error;

	if (ticks) {
		args.flags = SEGUE_CALL_PIC | SEGUE_CALL_PIT;
		args.pic_vector[0] = PIC_VECTOR;
		args.pic_vector[1] = PIC_VECTOR + 8;
		args.pit_mode = PIT_MODE;
		args.pit_reload = PIT_RELOAD;
	}
	for (uint32_t i = 0; i < count; i++) {
		bool whole = i % WHOLE_EVERY == 0 || i + 1 == count;

		args.word = host_word(i);
		/* An interrupt would change memory between the sums. */
		flags = read_flags();
		write_flags(flags & ~(uintptr_t)EFLAGS_IF);
		read_fpu(&fpu_before);
		fpu_after = fpu_before;
		sum = whole && handover.direct != NO_DIRECT ? checksum_memory() : 0;
		read_registers(&before);
		calls_before();
		error = segue_call(&args);
		calls_after();
		read_registers(&after);
		sum_after = whole && handover.direct != NO_DIRECT ? checksum_memory() : 0;
		read_fpu(&fpu_after);
		write_flags(flags);
		if (error != SEGUE_OK) {
			say("Refused: segue_call: %u %s\n", (uint32_t)error, segue_strerror(error));
			stop();
		}
		check(args.word == target_word(i, host_word(i)), "the target's word", i);
		/* A null TR cannot be loaded again. */
		if (before.tr == 0)
			before.tr = after.tr;
		check(__builtin_memcmp(&before, &after, sizeof before) == 0, "registers are not as before", i);
		check(__builtin_memcmp(&fpu_before, &fpu_after, sizeof fpu_before) == 0, "the FPU's state is not as before", i);
		check(sum == sum_after, "memory is not as before", i);
	}
	was = ticks;
	for (uint32_t patience = 100000000; was && patience && ticks == was; patience--)
		__asm__ volatile("pause");
	check(!was || ticks != was, "the timer has stopped", count);
	say("host: %u calls, %u bad\n", count, bad);
}
