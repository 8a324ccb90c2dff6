/* SPDX-License-Identifier: MIT */
/* segue_call() from the host's mode and state: the host is unchanged after each call. Words of the command line: calls=, linux=, again. */
#include "kernel.h"
#include "rules.h"

#define WHOLE_EVERY 100u
#define HOST_TARGET_LEAST 0x1000000u /* below may be the host itself */

/* Intel SDM vol. 3, 10.5.1 and 10.5.4 */
#define APIC_TIMER 0x320u
#define APIC_PERIODIC BIT(17)
#define APIC_COUNT 0x380u
#define APIC_DIVIDE 0x3e0u            /* 0: by 2 */

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

void calls_arguments(struct segue_load_args *args, uint32_t which)
{
	const struct host_call *call = &handover.calls[which];

	args->target_memory = call->memory;
	args->target_memory_count = sizeof call->memory / sizeof call->memory[0];
	while (call->memory[args->target_memory_count - 1].end == 0)
		args->target_memory_count--;
	args->staging = pointer(call->staging);
	args->staging_count = (size_t)call->staging_count;
	/* The target uses the second range only. */
	if (word(handover.line, "half")) {
		args->unused = call->memory;
		args->unused_count = 1;
	}
	if (word(handover.line, "crash"))
		crash_arguments(args);
	else if (!word(handover.line, "noreturn"))
		args->flags |= SEGUE_LOAD_RETURN;
	else
		args->staging_count = 0;
	args->flags |= (word(handover.line, "clear") ? SEGUE_LOAD_CLEAR : 0);
	cores_arguments(args);
	if (word(handover.line, "digest=")) {
		static uint8_t wrong[32];

		args->digest = wrong;
	}
	if (which > 0) {
		args->workspace = pointer(call->workspace);
		args->workspace_phys = call->workspace_phys;
		args->workspace_size = (size_t)call->workspace_size;
	}
}

void calls_load_second(void)
{
	struct segue_load_args args;
	struct segue_part modules[HOST_PARTS];
	struct segue_machine machine;
	int error;

	load_arguments(&args, modules, &machine);
	calls_arguments(&args, 1);
	/* A second file is the second target; else the same one is loaded twice. */
	if (args.module_count) {
		args.blob = modules[0];
		args.cmdline = args.blob.cmdline;
	}
	args.module_count = 0;
	error = segue_load(&args);
	if (error != SEGUE_OK) {
		say("Refused: segue_load: %u %s\n", (uint32_t)error, segue_strerror(error));
		stop();
	}
}

static uint32_t wanted_word(uint32_t number)
{
	if (!word(handover.line, "linux="))
		return target_word(number, host_word(number));
	return (uint32_t)word_number(handover.line, "linux=", 0) + (word(handover.line, "again") ? number : 0);
}

/* Makes call number `number` to a target, which is as quiet about the host as it must be. */
static void call(uint32_t which, uint32_t number, bool whole)
{
	struct segue_call_args args = {.struct_size = sizeof args, .log = log_line};
	struct registers before, after;
	struct more more, more_after;
	uint64_t sum, sum_after;
	uintptr_t flags;
	int error;

	args.workspace = pointer(which ? handover.calls[which].workspace : handover.workspace);
	if (ticks) {
		args.flags = SEGUE_CALL_PIC | SEGUE_CALL_PIT;
		args.pic_vector[0] = PIC_VECTOR;
		args.pic_vector[1] = PIC_VECTOR + 8;
		args.pit_mode = PIT_MODE;
		args.pit_reload = PIT_RELOAD;
	}
	args.word = host_word(number);
	/* An interrupt would change memory between the sums. */
	flags = read_flags();
	write_flags(flags & ~(uintptr_t)EFLAGS_IF);
	read_fpu(&fpu_before);
	fpu_after = fpu_before;
	if (word(handover.line, "linux=")) {
		lend(number);
		say("host: call %u, word %x\n", number, (uint64_t)args.word);
	}
	sum = whole ? checksum_memory() : 0;
	read_more(&more);
	read_registers(&before);
	calls_before();
	error = segue_call(&args);
	calls_after();
	read_registers(&after);
	read_more(&more_after);
	if (word(handover.line, "linux="))
		take_back();
	sum_after = whole ? checksum_memory() : 0;
	read_fpu(&fpu_after);
	write_flags(flags);
	/* A null TR cannot be loaded again. */
	if (before.tr == 0)
		before.tr = after.tr;
	check(__builtin_memcmp(&before, &after, sizeof before) == 0, "registers are not as before", number);
	check(__builtin_memcmp(&more, &more_after, sizeof more) == 0, "DR6, XCR0 or an MSR is not as before", number);
	check(__builtin_memcmp(&fpu_before, &fpu_after, sizeof fpu_before) == 0, "the FPU's state is not as before", number);
	check(sum == sum_after, "memory is not as before", number);
	if (error != SEGUE_OK) {
		say("Refused: segue_call: %u %s, %u bad\n", (uint32_t)error, segue_strerror(error), bad);
		stop();
	}
	check(args.word == wanted_word(number), "the target's word", number);
}

/* A Linux without CONFIG_KEXEC_JUMP has returned, and cannot be entered again. */
static void call_is_over(void)
{
	struct segue_call_args args = {.struct_size = sizeof args, .workspace = pointer(handover.workspace), .log = log_line};

	check(segue_call(&args) == SEGUE_E_CALL_OVER, "a second segue_call()", 1);
}

/* Target memory is the host's own between the calls: it writes there. Not where its kernel is, nor what it does not use. */
static void write_target_memory(uint32_t number)
{
	const struct segue_range *range = &handover.calls[0].memory[word(handover.line, "three") ? 1 : 0];

	if (handover.direct == NO_DIRECT || range->start < HOST_TARGET_LEAST)
		return;
	for (uint64_t at = range->start; at + 4 <= range->end; at += 4)
		*(volatile uint32_t *)(uintptr_t)(handover.direct + at) = number * 0x01000193u + (uint32_t)at;
}

static void start_apic_timer(void)
{
	volatile uint32_t *apic = pointer(handover.apic);

	apic[APIC_SPURIOUS / 4] |= APIC_ENABLE;
	apic[APIC_DIVIDE / 4] = 0;
	apic[APIC_TIMER / 4] = APIC_PERIODIC | VECTOR_APIC_TIMER;
	apic[APIC_COUNT / 4] = 1000000;
}

static bool goes_on(const volatile uint32_t *counter)
{
	uint32_t was = *counter;

	for (uint32_t patience = 100000000; patience && *counter == was; patience--)
		__asm__ volatile("pause");
	return *counter != was;
}

/* The other CPUs are as they must be for a call: parked, or for SEGUE_LOAD_INIT_CPUS as they are. */
static void wait_for_cpus(void)
{
	const char *sentence;
	int error = cpus_wait(&sentence);

	if (error == SEGUE_OK)
		return;
	say("Refused: segue_ready: %u %s\n", (uint32_t)error, sentence);
	stop();
}

/* Starts the other CPUs, which a call has stopped. Until they park again neither call may be made. */
static void start_cpus(uint32_t number)
{
	struct segue_call_args args = {.struct_size = sizeof args, .workspace = pointer(handover.workspace)};

	cpus_restart();
	if (word_is(handover.line, "others=", "park")) {
		check(segue_ready(args.workspace, NULL) == SEGUE_E_READY_CPUS, "segue_ready() while no CPU is parked", number);
		check(segue_call(&args) == SEGUE_E_READY_CPUS, "segue_call() while no CPU is parked", number);
	}
	cpus_order();
}

void calls(uint32_t count)
{
	if (word(handover.line, "apictimer"))
		start_apic_timer();
	for (uint32_t i = 0; i < count; i++) {
		bool whole = (i % WHOLE_EVERY == 0 || i + 1 == count) && handover.direct != NO_DIRECT;

		if (handover.cpus > 1 && i > 0)
			start_cpus(i);
		if (handover.cpus > 1)
			wait_for_cpus();
		if (whole)
			write_target_memory(i);
		for (uint32_t which = 0; which < handover.call_count; which++)
			call(which, i, whole);
	}
	if (word(handover.line, "linux=") && !word(handover.line, "again"))
		call_is_over();
	if (handover.cpus > 1)
		cpus_restart();
	check(ticks == 0 || !(read_flags() & EFLAGS_IF) || goes_on(&ticks), "the timer has stopped", count);
	check(!word(handover.line, "apictimer") || goes_on(&apic_ticks), "the local APIC's timer has stopped", count);
	say("host: %u calls, %u bad\n", count, bad);
}
