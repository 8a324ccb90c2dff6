/* SPDX-License-Identifier: MIT */
/* Calls flat binaries (binaries.asm) in real mode and in 32-bit mode, from the host's mode and state. */
#include "kernel.h"

#define DONE 0xb0000000u              /* and from 1 to 7: what the binaries return in the registers */
#define HAS_CR4 1u                    /* in ECX of the 32-bit binary */
#define HAS_TASK 2u
#define HAS_APIC 4u
#define EDX_SSE BIT(25)
#define EDX_APIC BIT(9)
#define LARGE (SEGUE_BIOS_DATA_MAX + BIOS_WORKSPACE_MORE)
#define FLAGS_LEFT 0x47403u           /* the flags that the 32-bit binary returns */
#define FLAGS_CHECKED 0x47f03u        /* CF, TF, IF, DF, OF, IOPL, NT, AC */
#define FLAGS_ENTRY 0x47700u          /* TF, IF, DF, IOPL, NT, AC: 0 at a binary's entry */
#define EFLAGS_DF BIT(10)
#define EFLAGS_CF BIT(0)
#define CR0_CACHES (BIT(30) | BIT(29))
#define CR0_PE_ET (BIT(4) | BIT(0))
#define CODE_FLAT 0x08u
#define DATA_FLAT 0x10u

extern const uint8_t flat_binary[], flat_binary_enter[], flat_binary_end[];
extern const uint8_t real_binary[], real_binary_enter[], real_binary_enter_too[], real_binary_end[];

/* What the binaries begin with. */
struct general {
	uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax;
};
struct seen_flat {
	struct general general;
	uint32_t eflags, ret, cr0, cr3, cr4, cs, ds, es, fs, gs, ss;
};
struct seen_real {
	struct general general;
	uint16_t cs, ds, es, ss, flags, pad;
	uint32_t range[5];
};

static uint8_t data[LARGE];

static const struct segue_bios_registers given = {
	.eax = 0x11223344, .ebx = 0x55667788, .ecx = 0x99aabb00, .edx = 0xddeeff00, .esi = 0x12345678, .ebp = 0xfedcba9,
	.ds = 0x4444, .es = 0x5555};

static void check_given(const struct general *seen, const struct segue_bios_registers *passed)
{
	bios_check(seen->eax == passed->eax && seen->ebx == passed->ebx && seen->ecx == passed->ecx && seen->edx == passed->edx &&
		   seen->esi == passed->esi && seen->edi == passed->edi && seen->ebp == passed->ebp,
		   "the binary has not got the registers");
}

static void check_returned(const struct segue_bios_registers *r)
{
	bios_check(r->eax == DONE + 1 && r->ebx == DONE + 2 && r->ecx == DONE + 3 && r->edx == DONE + 4 && r->esi == DONE + 5 &&
		   r->edi == DONE + 6 && r->ebp == DONE + 7, "the binary's registers have not come back");
}

/* low: SEGUE_BIOS_LOW and the like. The last of size bytes is what the binary is to complement. */
static int call(const uint8_t *binary, const uint8_t *end, const uint8_t *enter, uint32_t flags, uint32_t low, uint32_t size,
		struct segue_bios_registers *registers)
{
	struct segue_bios_args args;
	int error;

	bios_arguments(&args);
	args.flags |= flags;
	args.low_phys = low;
	args.data = data;
	args.data_size = size;
	args.workspace_size = BIOS_WORKSPACE_SIZE;
	for (uint32_t i = 0; i < size; i++)
		data[i] = (uint8_t)(i * 7);
	__builtin_memcpy(data, binary, (size_t)(end - binary));
	registers->edi = size - 1;
	error = bios_watched(segue_physical_call, &args, (uint32_t)(enter - binary), registers);
	for (uint32_t i = (uint32_t)(end - binary); i < size && error == SEGUE_OK; i++)
		if (data[i] != (uint8_t)(i == size - 1 ? ~(i * 7) : i * 7)) {
			bios_check(false, "the binary's data is not as it left it");
			break;
		}
	return error;
}

static void call_flat(uint32_t low, uint32_t size, bool apic)
{
	struct segue_bios_registers registers = given, passed;
	const struct seen_flat *seen = (const void *)data;
	uint16_t task;

	__asm__ volatile("str %0" : "=m"(task));
	registers.ecx |= (cpuid(1, 0).edx & EDX_SSE ? HAS_CR4 : 0) | (task ? HAS_TASK : 0) | (apic ? HAS_APIC : 0);
	passed = registers;
	passed.edi = size - 1;
	bios_check(call(flat_binary, flat_binary_end, flat_binary_enter, SEGUE_PHYSICAL_32BIT, low, size, &registers) == SEGUE_OK,
		   "the 32-bit binary is refused");
	check_given(&seen->general, &passed);
	check_returned(&registers);
	bios_check((registers.eflags & FLAGS_CHECKED) == FLAGS_LEFT, "other flags have come back");
	/* Pushed below the return address, which is at the top of the stack: ESP is that before PUSHAD. */
	bios_check(seen->general.esp == low + SEGUE_BIOS_DATA_AT - 8, "another ESP");
	bios_check((seen->eflags & FLAGS_ENTRY) == 0, "other flags");
	bios_check((seen->cr0 & ~CR0_CACHES) == CR0_PE_ET && seen->cr4 == 0, "another CR0 or CR4");
	bios_check(seen->cs == CODE_FLAT && seen->ds == DATA_FLAT && seen->es == DATA_FLAT && seen->fs == DATA_FLAT &&
		   seen->gs == DATA_FLAT && seen->ss == DATA_FLAT, "other segments");
}

static void call_real(const uint8_t *enter, uint32_t low, uint32_t size)
{
	struct segue_bios_registers registers = given, passed = given;
	const struct seen_real *seen = (const void *)data;
	bool by_iret = enter == real_binary_enter_too;

	passed.edi = size - 1;
	bios_check(call(real_binary, real_binary_end, enter, 0, low, size, &registers) == SEGUE_OK, "the real-mode binary is refused");
	check_given(&seen->general, &passed);
	check_returned(&registers);
	bios_check(registers.ds == 0x1111 && registers.es == 0x2222, "the binary's segments have not come back");
	bios_check((registers.eflags & (EFLAGS_CF | EFLAGS_IF | EFLAGS_DF)) == (by_iret ? EFLAGS_IF : EFLAGS_CF | EFLAGS_DF),
		   "other flags have come back");
	bios_check(seen->cs == (low + SEGUE_BIOS_DATA_AT) / 16 && seen->ds == given.ds && seen->es == given.es && seen->ss == low / 16,
		   "other segments");
	bios_check((seen->flags & FLAGS_ENTRY) == 0, "other flags");
	bios_check(seen->range[0] == handover.map[0].start && seen->range[2] == handover.map[0].end && seen->range[4] == 1,
		   "the map's first range is another");
}

void physical_calls(bool interrupts)
{
	uint32_t low = (uint32_t)word_number(handover.line, "low=", SEGUE_BIOS_LOW);
	/* In the host's own kernel: the memory that it runs in is borrowed. */
	uint32_t kernel = (uint32_t)(physical_of(&handover) & ~(uint64_t)(PAGE - 1));
	bool apic = interrupts && cpuid(1, 0).edx & EDX_APIC;

	call_real(real_binary_enter, low, (uint32_t)(real_binary_end - real_binary) + 1);
	call_real(real_binary_enter_too, SEGUE_BIOS_LOW, LARGE);
	call_flat(low, (uint32_t)(flat_binary_end - flat_binary) + 1, apic);
	call_flat(kernel, LARGE, apic);
}

void physical_refused(void)
{
	struct segue_bios_registers registers = given;
	uint32_t low = (uint32_t)word_number(handover.line, "low=", SEGUE_BIOS_LOW);

	say("host: segue_physical_call, real mode: %u\n",
	    (uint32_t)call(real_binary, real_binary_end, real_binary_enter, 0, low,
			   (uint32_t)(real_binary_end - real_binary) + 1, &registers));
	registers = given;
	say("host: segue_physical_call, 32-bit: %u\n",
	    (uint32_t)call(flat_binary, flat_binary_end, flat_binary_enter, SEGUE_PHYSICAL_32BIT, low,
			   (uint32_t)(flat_binary_end - flat_binary) + 1, &registers));
}
