/* SPDX-License-Identifier: MIT */
/* Prints a fault in the standalone host itself, which would otherwise be a silent reset. */
#include "standalone.h"

#define EXCEPTION_COUNT 32
#define GATE_PRESENT_INTERRUPT_32 0x8e /* Intel SDM 3A, section 6.11 */

struct gate {
	uint16_t offset_low;
	uint16_t selector;
	uint8_t zero;
	uint8_t access;
	uint16_t offset_high;
};
_Static_assert(sizeof(struct gate) == 8, "Intel SDM 3A, figure 6-2");
_Static_assert(offsetof(struct gate, selector) == 2, "Intel SDM 3A, figure 6-2");
_Static_assert(offsetof(struct gate, access) == 5, "Intel SDM 3A, figure 6-2");
_Static_assert(offsetof(struct gate, offset_high) == 6, "Intel SDM 3A, figure 6-2");

struct idt_pointer {
	uint16_t limit;
	uint32_t base;
} __attribute__((packed));
_Static_assert(sizeof(struct idt_pointer) == 6, "Intel SDM 3A, section 2.4.3");

/* The frame that entry.asm and the CPU push. */
struct exception_frame {
	uint32_t vector, error_code;
	uint32_t eip, cs, eflags;
};

extern const uint32_t exception_stubs[EXCEPTION_COUNT];
SEGUE_NORETURN void exception_report(const struct exception_frame *frame);

static struct gate idt[EXCEPTION_COUNT];

void exceptions_install(void)
{
	struct idt_pointer pointer = { sizeof idt - 1, physical_address(idt) };
	uint16_t code;

	__asm__ volatile("mov %%cs, %0" : "=r"(code));
	for (size_t i = 0; i < EXCEPTION_COUNT; i++) {
		idt[i].offset_low = (uint16_t)(exception_stubs[i] & 0xffff);
		idt[i].selector = code;
		idt[i].zero = 0;
		idt[i].access = GATE_PRESENT_INTERRUPT_32;
		idt[i].offset_high = (uint16_t)(exception_stubs[i] >> 16);
	}
	__asm__ volatile("lidt %0" : : "m"(pointer));
}

void exception_report(const struct exception_frame *frame)
{
	static bool reporting;
	uint32_t cr2;

	/* A second fault while the first is printed: the console cannot be trusted. */
	if (reporting)
		for (;;)
			__asm__ volatile("cli\n\thlt");
	reporting = true;
	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	console_open_default();
	say(SEGUE_LOG_ERROR, "Exception %u in segue.elf: error code 0x%x, EIP 0x%08x, EFLAGS 0x%08x, CR2 0x%08x.",
		frame->vector, frame->error_code, frame->eip, frame->eflags, cr2);
	give_up();
}
