/* SPDX-License-Identifier: MIT */
/* Calls the BIOS from the host's mode and state, and checks that the host's state is unchanged. */
#include "kernel.h"

#define MAPS 15u                      /* each takes seven calls or more */
#define BIOS_RAM_END PAGE             /* vectors and data area; the BIOS changes its tick count there */
#define VECTORS_SIZE 0x400u
#define VECTOR_VIDEO 0x10u
#define VECTOR_BASE_MEMORY 0x12u
#define VECTOR_DISK 0x13u
#define TELETYPE 0x0e00u
#define LIGHT_GREY 7u
#define READ_EDD 0x4200u              /* Enhanced Disk Drive 3.0, 3.1 and 4.1: a packet at DS:SI */
#define READ_CHS 0x0201u              /* one sector */
#define VECTOR_HOSTILE 0x66u
#define HOSTILE_DONE 0x5e6eu
#define EDX_SSE BIT(25)
#define EDX_APIC BIT(9)
#define APIC_TIMER 0x320u
#define APIC_MASKED BIT(16)
#define APIC_COUNT 0x380u
#define APIC_DIVIDE 0x3e0u            /* 0: by 2 */
#define SECTOR 512u
#define SECTOR_AT 0x200u              /* in the data */
#define DRIVE 0x80u

extern const uint8_t hostile[], hostile_end[];

static struct segue_range ranges[HOST_RANGES];
static uint8_t data[SECTOR_AT + SECTOR];
static uint32_t bad;

void bios_arguments(struct segue_bios_args *args)
{
	*args = (struct segue_bios_args){.struct_size = sizeof *args};
	args->workspace = (void *)(uintptr_t)handover.bios_workspace;
	args->workspace_phys = handover.bios_workspace_phys;
	args->workspace_size = SEGUE_BIOS_WORKSPACE_SIZE;
	args->code_base = handover.code_base;
	args->data_base = handover.data_base;
	args->low_phys = (uint32_t)word_number(handover.line, "low=", 0);
	args->serial_port = 0x3f8;
	args->log = log_line;
	/* The host has interrupts enabled, with vectors that are not the BIOS's. */
	if (ticks) {
		args->flags = SEGUE_BIOS_PIC | SEGUE_BIOS_PIT;
		args->irqs = SEGUE_BIOS_IRQS;
		args->pic_vector[0] = PIC_VECTOR;
		args->pic_vector[1] = PIC_VECTOR + 8;
		args->pit_mode = PIT_MODE;
		args->pit_reload = PIT_RELOAD;
	}
}

void bios_check(bool good, const char *what)
{
	if (good)
		return;
	say("BAD: bios: %s\n", what);
	bad++;
}

void bios_map(void)
{
	struct segue_bios_args args;
	struct registers before, after;
	size_t count = 0;
	int error;

	bios_arguments(&args);
	read_registers(&before);
	error = segue_bios_memory_map(&args, ranges, HOST_RANGES, &count);
	read_registers(&after);
	bios_check(__builtin_memcmp(&before, &after, sizeof before) == 0, "registers are not as before");
	if (error != SEGUE_OK) {
		say("Refused: segue_bios_memory_map: %u %s\n", (uint32_t)error, segue_strerror(error));
		stop();
	}
	for (size_t i = 0; i < count; i++)
		say("host: BIOS %x %x %u\n", ranges[i].start, ranges[i].end, ranges[i].type);
	bios_check(count == handover.map_count, "not as many ranges as the boot loader's");
	bios_check(__builtin_memcmp(ranges, handover.map, count * sizeof ranges[0]) == 0, "a range is not the boot loader's");
	say("host: map of %u ranges from the BIOS, %u bad\n", (uint32_t)count, bad);
	__builtin_memset(handover.map, 0, sizeof handover.map);
	__builtin_memcpy(handover.map, ranges, sizeof ranges);
	handover.map_count = count;
}

/* Breakpoints for the debugger: before a call, after it, and after the last one. */
__attribute__((noinline)) void bios_before(void)
{
	__asm__ volatile("");
}

__attribute__((noinline)) void bios_after(void)
{
	__asm__ volatile("");
}

__attribute__((noinline)) void bios_end(void)
{
	__asm__ volatile("");
}

int bios_watched(bios_method *method, const struct segue_bios_args *args, uint32_t number, struct segue_bios_registers *registers)
{
	struct registers before, after;
	int error;

	read_fpu(&fpu_before);
	read_registers(&before);
	bios_before();
	error = method(args, number, registers);
	bios_after();
	read_registers(&after);
	read_fpu(&fpu_after);
	bios_check(__builtin_memcmp(&before, &after, sizeof before) == 0, "registers are not as before");
	bios_check(__builtin_memcmp(&fpu_before, &fpu_after, sizeof fpu_before) == 0, "the FPU's state is not as before");
	return error;
}

static int call_watched(uint32_t vector, struct segue_bios_registers *registers, size_t data_size)
{
	struct segue_bios_args args;

	bios_arguments(&args);
	args.data = data;
	args.data_size = data_size;
	return bios_watched(segue_bios, &args, vector, registers);
}

static void print(void)
{
	for (const char *at = "Segue by way of INT 10h\r\n"; *at; at++) {
		struct segue_bios_registers registers = {.eax = TELETYPE | (uint8_t)*at, .ebx = LIGHT_GREY};

		bios_check(call_watched(VECTOR_VIDEO, &registers, 0) == SEGUE_OK, "INT 10h is refused");
	}
}

/* Runs hostile.asm from a vector that no BIOS uses. The word direct maps the vectors. */
static void call_hostile(uint16_t segment)
{
	struct segue_bios_registers registers = {.ebx = SEGUE_BIOS_DATA_AT, .ecx = (cpuid(1, 0).edx & EDX_SSE) != 0, .ds = segment};
	uint16_t task;
	volatile uint16_t *vector = (volatile uint16_t *)(uintptr_t)(handover.direct + VECTOR_HOSTILE * 4);
	size_t size = (size_t)(hostile_end - hostile);

	__asm__ volatile("str %0" : "=m"(task));
	registers.edx = task;
	vector[0] = SEGUE_BIOS_DATA_AT;
	vector[1] = segment;
	__builtin_memcpy(data, hostile, size);
	bios_check(call_watched(VECTOR_HOSTILE, &registers, size) == SEGUE_OK, "the hostile vector is refused");
	bios_check((uint16_t)registers.eax == HOSTILE_DONE && registers.ebp == 0xdeadbeef && registers.ds == HOSTILE_DONE,
	      "the hostile vector was not called");
	vector[0] = vector[1] = 0;
}

/* An interrupt of the local APIC is pending for the host. The BIOS runs with interrupts enabled and must not receive it. */
static void call_before_apic_timer(void)
{
	volatile uint32_t *apic = (volatile uint32_t *)(uintptr_t)handover.apic;
	struct segue_bios_registers registers = {.eax = 0};
	uintptr_t flags = read_flags();

	__asm__ volatile("cli");
	apic[APIC_SPURIOUS / 4] |= APIC_ENABLE;
	apic[APIC_TIMER / 4] = VECTOR_APIC_TIMER;
	apic[APIC_DIVIDE / 4] = 0;
	apic[APIC_COUNT / 4] = 1;
	bios_check(call_watched(VECTOR_BASE_MEMORY, &registers, 0) == SEGUE_OK && (registers.eax & 0xffff) >= 512, "INT 12h");
	bios_check(apic_ticks == 0, "an interrupt while they were off");
	write_flags(flags | EFLAGS_IF);
	for (uint32_t patience = 100000000; patience && apic_ticks == 0; patience--)
		__asm__ volatile("pause");
	write_flags(flags);
	bios_check(apic_ticks == 1, "the local APIC's interrupt is lost");
	apic[APIC_TIMER / 4] = APIC_MASKED;
}

static uint64_t sum_sector(void)
{
	uint32_t a = 0, b = 0;

	for (uint32_t i = 0; i < SECTOR; i++) {
		a += data[SECTOR_AT + i] + 1;
		b += a;
	}
	return a + ((uint64_t)b << 32);
}

/* Reads sector lba of the first hard disk. */
static void read_disk(uint32_t lba, uint16_t segment)
{
	struct segue_bios_registers registers = {.eax = READ_EDD, .edx = DRIVE, .ds = segment, .esi = SEGUE_BIOS_DATA_AT};
	uint16_t packet[8] = {16, 1, SEGUE_BIOS_DATA_AT + SECTOR_AT, segment, (uint16_t)lba};

	__builtin_memset(data, 0, sizeof data);
	__builtin_memcpy(data, packet, sizeof packet);
	bios_check(call_watched(VECTOR_DISK, &registers, sizeof data) == SEGUE_OK && !(registers.eflags & SEGUE_BIOS_CARRY),
	      "INT 13h AH=42");
	say("host: sector %u: %x\n", lba, sum_sector());
	registers = (struct segue_bios_registers){.eax = READ_CHS, .ebx = SEGUE_BIOS_DATA_AT + SECTOR_AT, .ecx = lba + 1,
						  .edx = DRIVE, .es = segment};
	__builtin_memset(data, 0, sizeof data);
	bios_check(call_watched(VECTOR_DISK, &registers, sizeof data) == SEGUE_OK && !(registers.eflags & SEGUE_BIOS_CARRY),
	      "INT 13h AH=02");
	say("host: sector %u: %x\n", lba, sum_sector());
}

/* More than a hundred calls in a row. */
static void read_maps(void)
{
	struct segue_bios_args args;
	size_t count;

	bios_arguments(&args);
	for (uint32_t i = 0; i < MAPS; i++) {
		bios_check(segue_bios_memory_map(&args, ranges, HOST_RANGES, &count) == SEGUE_OK && count == handover.map_count &&
		      __builtin_memcmp(ranges, handover.map, count * sizeof ranges[0]) == 0, "another map");
	}
}

/* Checks that the host's timer still ticks. */
static void wait_for_ticks(void)
{
	uint32_t seen = ticks;

	for (uint32_t patience = 100000000; patience && ticks - seen < 3; patience--)
		__asm__ volatile("pause");
	bios_check(ticks - seen >= 3, "no more ticks");
}

static uint64_t checksum(void)
{
	return handover.direct == NO_DIRECT ? 0 : checksum_memory_from(BIOS_RAM_END);
}

void bios_calls(void)
{
	uint32_t low = (uint32_t)word_number(handover.line, "low=", SEGUE_BIOS_LOW);
	uintptr_t flags = read_flags();
	bool interrupts = flags & EFLAGS_IF;
	uint32_t at_first;
	uint64_t before;

	if (word(handover.line, "wipe"))
		__builtin_memset((void *)(uintptr_t)handover.direct, 0, VECTORS_SIZE);
	if (word_is(handover.line, "bios=", "refused") || word(handover.line, "wipe")) {
		struct segue_bios_registers registers = {.eax = TELETYPE};

		say("host: segue_bios: %u\n", (uint32_t)call_watched(VECTOR_VIDEO, &registers, 0));
		physical_refused();
		return;
	}
	/* Handlers and the reading of registers write to memory, so both run once before the checksum. */
	print();
	read_maps();
	physical_calls(interrupts);
	__asm__ volatile("cli");
	at_first = ticks;
	__builtin_memset(data, 0, sizeof data);
	before = checksum();
	write_flags(flags);
	read_maps();
	print();
	physical_calls(interrupts);
	__asm__ volatile("cli");
	ticks = at_first;
	bios_check(before == checksum(), "memory is not as before");
	write_flags(flags);
	if (word_is(handover.line, "bios=", "disk"))
		read_disk(1, (uint16_t)(low / 16));
	if (handover.direct != NO_DIRECT)
		call_hostile((uint16_t)(low / 16));
	if (interrupts)
		wait_for_ticks();
	if (interrupts && cpuid(1, 0).edx & EDX_APIC)
		call_before_apic_timer();
	bios_end();
	say("BIOS: %u bad\n", bad);
	if (word(handover.line, "stay"))
		stop();
}
