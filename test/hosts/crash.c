/* SPDX-License-Identifier: MIT */
/* crash: the host panics, and a target that was loaded for that finds its memory and CPUs. */
#include "kernel.h"

#define SUMS 4u

/* What the debugger is asked for. */
struct witness {
	uint32_t counter;
	const char *name;
};
volatile struct witness witness = {4711, "the host's witness"};

void crash_arguments(struct segue_load_args *args)
{
	const struct host_call *call = &handover.calls[0];

	args->flags |= SEGUE_LOAD_CRASH;
	/* All but base memory, which is the first range. */
	args->unused = call->memory + 1;
	args->unused_count = 1;
}

/* The CRC of gzip and of busybox's crc32 (RFC 1952, 8) */
static uint32_t crc32(uint64_t start, uint64_t end)
{
	const volatile uint8_t *bytes = pointer(handover.direct);
	uint32_t crc = 0xffffffff;

	for (uint64_t at = start; at < end; at++) {
		crc ^= bytes[at];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

/* Writes to each range in sums=, and says its sum: START-END,START-END */
static void say_sums(void)
{
	const char *at = word(handover.line, "sums=");

	for (uint32_t i = 0; at && *at && *at != ' ' && i < SUMS; i++, at += *at == ',') {
		uint64_t start, end;

		at = read_hexadecimal(at, &start);
		at = read_hexadecimal(at + (*at == '-'), &end);
		for (uint64_t word_at = start; word_at < end; word_at += 4)
			*(volatile uint32_t *)pointer(handover.direct + word_at) = (uint32_t)word_at * 0x9e3779b1u;
		say("host: crc32 %x\n", (uint64_t)crc32(start, end));
	}
}

static volatile uint32_t noted;

static uint32_t cpu_number(void)
{
	return *(volatile uint32_t *)pointer(handover.apic + APIC_ID) >> 24;
}

void crash_noted(uintptr_t ip, const uintptr_t *flags)
{
	struct segue_registers registers = {.ip = ip, .cs = (uint16_t)flags[-1], .flags = flags[0]};

	registers.sp = handover.mode >= MODE_LONG ? flags[1] : (uintptr_t)(flags + 1);
	segue_crash_cpu(pointer(handover.workspace), cpu_number(), &registers);
	__asm__ volatile("lock incl %0" : "+m"(noted));
	for (;;)
		__asm__ volatile("hlt");
}

__attribute__((noinline, noreturn)) static void panic(const char *why)
{
	int error = segue_crash_cpu(pointer(handover.workspace), handover.cpus > 1 ? cpu_number() : 0, NULL);

	if (word(handover.line, "tell")) {
		cpus_nmi();
		for (uint32_t patience = 100000000; patience && noted < handover.cpus - 1; patience--)
			__asm__ volatile("pause");
	}

	say("host: panic: %s (%u)\n", why, (uint32_t)error);
	segue_exec(pointer(handover.workspace));
}

__attribute__((noinline)) static void third(int number)
{
	if (witness.counter == 4711)
		panic(number == 42 ? "as asked for" : "for no reason");
}

__attribute__((noinline)) static void second(int number)
{
	third(number * 2);
	witness.counter++;
}

_Noreturn void crash(void)
{
	say_sums();
	second(21);
	witness.counter++;
	stop();
}
