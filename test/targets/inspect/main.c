/* SPDX-License-Identifier: MIT */
/*
 * The inspector: a target that prints its entry state and the boot loader's tables, and checks them.
 * Options, as words of its command line (commas or spaces between them):
 *   strict   check against Segue's own contract too, not only against the protocol
 *   catcher  expect the tables of Segue's catcher
 *   exit     end QEMU by isa-debug-exit at port 0xF4 (status 33: all ok, 35: not), or Bochs
 *   reboot   reset the machine
 */
#include "state.h"
#include "inspect_output.h"

enum {
	EXIT_PORT = 0xf4,
	EXIT_GOOD = 0x10,
	EXIT_BAD = 0x11,
	BOCHS_PORT = 0x8900,
	KEYBOARD_PORT = 0x64,
	PULSE_RESET = 0xfe,
	VECTORS = 32,
	STUB_BYTES = 16,
	VECTOR_UD = 6,
	VECTOR_GP = 13,
	OUR_CODE = 0x18,
	GATE_INTERRUPT32 = 0x8e00,
	COMMAND_LINE_MAX = 4096,
};

/* The stack after PUSHAD and the CPU's pushes: save.asm, exception */
struct frame {
	uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax;
	uint32_t vector, error, eip, cs, eflags;
};

struct pseudo_descriptor {
	uint16_t pad, limit;
	uint32_t base;
};

extern const char try_rdmsr_instruction[], try_rdmsr_failed[], vector_stubs[];
extern void load_gdt_and_idt(const void *gdtr, const void *idtr);
void handle_exception(struct frame *frame);
void inspect_main(const struct saved *state, enum variant variant);

static uint32_t idt[2 * VECTORS];
/* 0x10 and 0x18 are as Linux's protocol specifies; our own code and data segments follow */
static uint32_t gdt[2 * 5];

void handle_exception(struct frame *frame)
{
	if (frame->eip == (uint32_t)(uintptr_t)try_rdmsr_instruction &&
	    (frame->vector == VECTOR_GP || frame->vector == VECTOR_UD)) {
		frame->eip = (uint32_t)(uintptr_t)try_rdmsr_failed;
		return;
	}
	expect_that(false, "inspector", "no exception", "vector %u error %x eip %x", frame->vector,
		    frame->error, frame->eip);
	verdict();
	for (;;)
		__asm__ volatile("cli\n\thlt");
}

static void take_over(void)
{
	struct pseudo_descriptor gdtr, idtr;

	/* not as initialisers, because clang would make constants with absolute addresses */
	gdtr.limit = sizeof(gdt) - 1;
	gdtr.base = (uint32_t)(uintptr_t)gdt;
	idtr.limit = sizeof(idt) - 1;
	idtr.base = (uint32_t)(uintptr_t)idt;
	gdt[6] = 0x0000ffff;
	gdt[7] = 0x00cf9b00;
	gdt[8] = 0x0000ffff;
	gdt[9] = 0x00cf9300;
	for (uint32_t i = 0; i < VECTORS; i++) {
		uint32_t stub = (uint32_t)(uintptr_t)vector_stubs + STUB_BYTES * i;

		idt[2 * i] = OUR_CODE << 16 | (stub & 0xffff);
		idt[2 * i + 1] = (stub & 0xffff0000) | GATE_INTERRUPT32;
	}
	load_gdt_and_idt(&gdtr.limit, &idtr.limit);
}

static bool is_separator(uint32_t c)
{
	return c == ' ' || c == ',' || c == 0;
}

static bool has_option(uint32_t line, const char *option)
{
	uint32_t i = 0;

	while (line && i < COMMAND_LINE_MAX) {
		uint32_t k = 0;

		while (option[k] && peek8(line + i + k) == (uint8_t)option[k])
			k++;
		if (!option[k] && is_separator(peek8(line + i + k)))
			return true;
		while (!is_separator(peek8(line + i)))
			i++;
		if (!peek8(line + i++))
			return false;
	}
	return false;
}

static void leave(bool good)
{
	const char *s = "Shutdown";

	out8(EXIT_PORT, good ? EXIT_GOOD : EXIT_BAD);
	while (*s)
		out8(BOCHS_PORT, (uint8_t)*s++);
}

static void reboot(void)
{
	static const struct pseudo_descriptor no_idt = { 0, 0, 0 };

	for (uint32_t patience = 100000; patience && in8(KEYBOARD_PORT) & 2; patience--)
		;
	out8(KEYBOARD_PORT, PULSE_RESET);
	__asm__ volatile("lidt %0\n\tint3" : : "m"(no_idt.limit));
}

static uint32_t command_line(const struct saved *state, enum variant variant)
{
	switch (variant) {
	case VARIANT_MULTIBOOT:
	case VARIANT_MULTIBOOT_VIDEO:
		return multiboot_command_line(state);
	case VARIANT_MULTIBOOT2:
		return multiboot2_command_line(state);
	case VARIANT_LINUX:
	case VARIANT_LINUX64:
		return linux_command_line(state);
	case VARIANT_ELF:
		break;
	}
	return 0;
}

static const char *variant_name(enum variant variant)
{
	switch (variant) {
	case VARIANT_MULTIBOOT:
		return "multiboot";
	case VARIANT_MULTIBOOT_VIDEO:
		return "multiboot with video";
	case VARIANT_MULTIBOOT2:
		return "multiboot2";
	case VARIANT_LINUX:
		return "linux";
	case VARIANT_LINUX64:
		return "linux64";
	case VARIANT_ELF:
		break;
	}
	return "elf";
}

void inspect_main(const struct saved *state, enum variant variant)
{
	const struct saved_wide *wide = wide_state(state, variant);
	bool linux_variant = variant == VARIANT_LINUX || wide;
	uint32_t nonzero_bss = clear_bss(), line, bad;
	bool strict, catcher;

	output_begin();
	take_over();
	cpu_read(state);
	line = command_line(state, variant);
	/* a plain ELF executable gets no command line, so it always checks Segue's contract */
	strict = variant == VARIANT_ELF || has_option(line, "strict");
	catcher = has_option(line, "catcher");
	print("Segue's inspector\n");
	print("variant = %s\n", variant_name(variant));
	print("strict = %s\n", strict ? "yes" : "no");
	print("image = %x %x\n", image_start(), image_end());
	cpu_print(state);
	if (wide)
		wide_print(wide);
	if (linux_variant)
		linux_print(state, wide);
	else if (variant == VARIANT_MULTIBOOT2)
		multiboot2_print(state);
	else if (variant != VARIANT_ELF)
		multiboot_print(state);

	cpu_judge(state, variant, strict, catcher);
	if (wide)
		wide_judge(wide, strict, catcher);
	if (linux_variant)
		linux_judge(state, wide, strict);
	else if (variant == VARIANT_MULTIBOOT2)
		multiboot2_judge(state, strict);
	else if (variant != VARIANT_ELF)
		multiboot_judge(state, variant == VARIANT_MULTIBOOT_VIDEO, strict);
	image_judge(!linux_variant || linux_is_elf(), nonzero_bss);
	bad = verdict();
	if (has_option(line, "exit"))
		leave(bad == 0);
	if (has_option(line, "reboot"))
		reboot();
}
