/* SPDX-License-Identifier: MIT */
/*
 * Other CPUs, for the lines of include/README.md: they are started by the local APIC, wait with interrupts on, and get an
 * IPI whose handler parks them, and sends no EOI before (Intel SDM vol. 3, 8.4.4 and 10.6.1). i386, paging off.
 */
#include "segue.h"

void print(const char *text);
void kernel_main(uint32_t information_at);
void single_main(uint32_t information_at);
void other_cpu(void);
void park_this_cpu(void);
void interrupt_others(void);
void pause_a_moment(void);

#define APIC 0xfee00000u
#define SPURIOUS 0xf0u
#define ICR 0x300u
#define ENABLE 0x100u
#define PENDING 0x1000u
#define TO_OTHERS 0xc0000u
#define INIT 0x4500u
#define STARTUP 0x4600u
#define FIXED 0x4000u
#define VECTOR 0x40u
#define START_PAGE 0x8000u
#define GATE 0x8e00u

extern const uint8_t other_start[], other_start_end[], park_handler[]; /* start.asm */
static volatile uint32_t running;
static uint32_t idt[(VECTOR + 1) * 2];

static volatile uint32_t *apic(uint32_t at) { return (volatile uint32_t *)(uintptr_t)(APIC + at); }

static void send(uint32_t what)
{
	*apic(ICR) = TO_OTHERS | what;
	while (*apic(ICR) & PENDING)
		;
}

void pause_a_moment(void)
{
	for (volatile uint32_t i = 0; i < 200000; i++)
		__asm__ volatile("pause");
}

void interrupt_others(void) { send(FIXED | VECTOR); }

/* On each of the others, with a stack of its own. */
void other_cpu(void)
{
	struct {
		uint16_t limit;
		uint32_t base;
	} __attribute__((packed)) idtr = {sizeof idt - 1, (uint32_t)idt};

	__asm__ volatile("lidt %0" : : "m"(idtr));
	*apic(SPURIOUS) |= ENABLE;
	__atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
	for (;;)
		__asm__ volatile("sti\n\thlt");
}

void kernel_main(uint32_t information_at)
{
	uint8_t *low = (uint8_t *)START_PAGE;
	uint16_t cs;

	__asm__ volatile("movw %%cs, %0" : "=r"(cs));
	idt[VECTOR * 2] = ((uint32_t)park_handler & 0xffff) | (uint32_t)cs << 16;
	idt[VECTOR * 2 + 1] = ((uint32_t)park_handler & 0xffff0000) | GATE;
	for (uint32_t i = 0; i < (uint32_t)(other_start_end - other_start); i++)
		low[i] = other_start[i];
	*apic(SPURIOUS) |= ENABLE;
	send(INIT);
	pause_a_moment();
	send(STARTUP | START_PAGE / 4096);
	for (uint32_t tries = 0; running < CPUS - 1 && tries < 1000; tries++)
		pause_a_moment();
	print(running == CPUS - 1 ? "others run" : "others do not run");
	single_main(information_at);
}
