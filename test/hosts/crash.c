/* SPDX-License-Identifier: MIT */
/* crash: the host panics, and a target that was loaded for that finds its memory and CPUs. */
#include "kernel.h"
#include "segue_core.h"

#define SUMS 4u
#ifdef __x86_64__
#define STACK_POINTER "%%rsp"
#else
#define STACK_POINTER "%%esp"
#endif

/* What the debugger is asked for. */
struct witness {
	uint32_t counter;
	const char *name;
};
volatile struct witness witness = {4711, "the host's witness"};

/* Its log: a ring that has begun anew. */
static char ring[64] = "new line\nline\nanother old line\n";
static uint32_t ring_next = 9;

void crash_arguments(struct segue_load_args *args)
{
	const struct host_call *call = &handover.calls[0];

	static const char about[] = "test host\0001.0\000free text";
	static struct segue_core_log log = {.size = sizeof log, .ring_size = sizeof ring, .next_size = sizeof ring_next};
	static const struct segue_note notes[] = {
		{SEGUE_CORE_NAME, SEGUE_CORE_KERNEL, about, sizeof about},
		{SEGUE_CORE_NAME, SEGUE_CORE_LOG, &log, sizeof log},
		{"VMCOREINFO", 0, "OSRELEASE=0.1\n", 14},
	};

	log.ring = physical_of(ring);
	log.next = physical_of(&ring_next);
	args->notes = notes;
	args->note_count = sizeof notes / sizeof notes[0];
	args->flags |= SEGUE_LOAD_CRASH | (word(handover.line, "reboots") ? SEGUE_LOAD_DIGEST_REBOOT : 0);
	/* A bundle has its own. */
	if (!*args->cmdline)
		args->cmdline = NULL;
	/* All but base memory, which is the first range. */
	args->unused = call->memory + 1;
	args->unused_count = 1;
}

/* Copies a part of the files to where the target's first segment that comes from it will be. Returns false if none does. */
static bool place_part(struct host_part *part)
{
	struct segue_extent *extent = pointer(part->extents);
	struct segue_segment segment;

	for (size_t i = 0; segue_segment_at(pointer(handover.workspace), i, &segment) == SEGUE_OK; i++) {
		if (segment.file_size == 0 || segment.source < extent->addr || segment.source >= extent->addr + extent->size)
			continue;
		extent->addr += segment.dest - segment.source;
		__builtin_memmove(pointer(handover.direct + extent->addr), pointer(part->data), (size_t)part->size);
		part->data = handover.direct + extent->addr;
		return true;
	}
	return false;
}

bool crash_place(void)
{
	if (!word(handover.line, "placed"))
		return false;
	for (uint64_t i = 0; i < handover.part_count; i++)
		if (!place_part(&handover.part[i]))
			say("BAD: no segment is from part %u\n", (uint32_t)i);
	return true;
}

void crash_say_moves(void)
{
	struct segue_description d = {.struct_size = sizeof d};

	segue_describe(pointer(handover.workspace), &d);
	say("host: a crash moves %x bytes, and %x of %x are in place\n", d.moved, d.in_place, d.payload);
}

/* Is it the word after scribble=, in which '_' is a blank? */
static bool is_scribbled(const char *name)
{
	const char *at = word(handover.line, "scribble=");

	while (*name && (*at == *name || (*at == '_' && *name == ' '))) {
		at++;
		name++;
	}
	return !*name && (*at == ' ' || !*at);
}

/* scribble=: changes one byte of a segment of the target, where it is now */
static void scribble(void)
{
	struct segue_segment segment;

	if (!word(handover.line, "scribble="))
		return;
	for (size_t i = 0; segue_segment_at(pointer(handover.workspace), i, &segment) == SEGUE_OK; i++) {
		if (!is_scribbled(segment.name))
			continue;
		*(volatile uint8_t *)pointer(handover.direct + segment.source + segment.file_size / 2) ^= 0x10;
		say("host: has written over %s, %x to %x\n", segment.name, segment.dest, segment.dest + segment.file_size);
	}
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
	return handover.cpus < 2 ? 0 : *(volatile uint32_t *)pointer(handover.apic + APIC_ID) >> 24;
}

/* What the trap in cpu_*.asm has pushed, up to the vector, the error code and the CPU's own frame */
#ifdef __x86_64__
struct trapped {
	uintptr_t r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, di, si, dx, cx, ax, vector, error, ip, cs;
};
#else
struct trapped {
	uintptr_t es, ds, di, si, bp, sp, bx, dx, cx, ax, vector, error, ip, cs;
};
#endif

/* flags: in the frame of the exception or interrupt */
static void note_trapped(const uintptr_t *flags)
{
	const struct trapped *trapped = (const struct trapped *)(const void *)flags - 1;
	struct segue_registers general = {
		.ax = trapped->ax, .bx = trapped->bx, .cx = trapped->cx, .dx = trapped->dx, .si = trapped->si, .di = trapped->di,
		.bp = trapped->bp,
#ifdef __x86_64__
		.r8 = trapped->r8, .r9 = trapped->r9, .r10 = trapped->r10, .r11 = trapped->r11, .r12 = trapped->r12,
		.r13 = trapped->r13, .r14 = trapped->r14, .r15 = trapped->r15,
#endif
	};

	segue_crash_frame(pointer(handover.workspace), cpu_number(), &trapped->ip, &general);
}

void crash_noted(const uintptr_t *flags)
{
	note_trapped(flags);
	__asm__ volatile("lock incl %0" : "+m"(noted));
	for (;;)
		__asm__ volatile("hlt");
}

__attribute__((noinline, noreturn)) static void panic(const char *why)
{
	void *workspace = pointer(handover.workspace);
	/* A boot CPU that has parked is deaf. */
	uint32_t others = (uint32_t)handover.cpus - (word_is(handover.line, "leaver=", "other") ? 2 : 1);
	int error;

	__asm__ volatile("cli");
	error = segue_crash_cpu(workspace, cpu_number(), NULL);
	segue_crash_text(workspace, why);
	segue_crash_text(workspace, "a consequence");
	if (word(handover.line, "tell")) {
		cpus_nmi();
		for (uint32_t patience = 100000000; patience && noted < others; patience--)
			__asm__ volatile("pause");
	}
	scribble();
	say("host: panic: %s (%u)\n", why, (uint32_t)error);
	segue_exec(workspace);
}

_Noreturn static void leave_after(uint32_t vector)
{
	segue_crash_text(pointer(handover.workspace), "an exception");
	say("host: crashed by exception %u\n", vector);
	segue_exec(pointer(handover.workspace));
}

void crash_fault(uint32_t vector, const uintptr_t *flags)
{
	note_trapped(flags);
	leave_after(vector);
}

#ifndef __x86_64__
void crash_task(void)
{
	struct segue_registers registers;

	tables_left_task(&registers);
	segue_crash_cpu(pointer(handover.workspace), cpu_number(), &registers);
	leave_after(8);
}
#endif

static void (*volatile nothing)(void);

__attribute__((noinline)) static void third(int number)
{
	if (word_is(handover.line, "fault=", "null"))
		nothing();
	/* No handler has a stack then but that of double faults. */
	if (word_is(handover.line, "fault=", "stack"))
		__asm__ volatile("mov %0, " STACK_POINTER "\n\tpush %0" : : "r"(guard_page + 64) : "memory");
	/* The debugger's monitor sends it. */
	if (word_is(handover.line, "fault=", "mce")) {
		write_cr4(read_cr4() | CR4_MCE);
		say("host: waits for a machine check\n");
		for (;;)
			__asm__ volatile("pause");
	}
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
