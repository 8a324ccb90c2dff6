/* SPDX-License-Identifier: MIT */
/* The kernel's other CPUs: each follows the boot CPU into its mode, and then does what the command line asks of it. */
#include "kernel.h"

#define PATIENCE 200000000u
#define ASKING 100000u
#define NMIS 2000u

static volatile uint32_t entered, busy, orders, marked;

static void wait_until(volatile uint32_t *counter, uint32_t value)
{
	for (uint32_t patience = PATIENCE; *counter != value; patience--) {
		if (patience == 0) {
			say("host: %u other CPUs entered\n", *counter);
			stop();
		}
		__asm__ volatile("pause");
	}
}

void cpus_begin(void)
{
	handover.cpus_go = 1;
	wait_until(&entered, (uint32_t)handover.cpus - 1);
}

static _Noreturn void park(void)
{
	state_apply(handover.line);
	if (word(handover.line, "othercd"))
		write_cr0(read_cr0() | CR0_CD);
	segue_park(pointer(handover.workspace));
}

/* Stays in the host's text forever, with interrupts disabled. */
static _Noreturn void stay(bool halted)
{
	for (;;) {
		if (halted)
			__asm__ volatile("hlt");
		busy++;
	}
}

_Noreturn void cpus_enter(uint32_t number)
{
	const char *line = handover.line;
	uint32_t before;

	if (handover.mode != MODE_FLAT)
		write_cr3((uintptr_t)handover.cr3);
	tables_take();
	before = orders;
	__asm__ volatile("lock incl %0" : "+m"(entered));
	while (orders == before)
		__asm__ volatile("pause");
	if (number == 1 && word_is(line, "leaver=", "other"))
		last_step();
	if (word_is(line, "others=", "park") || (number == 1 && word_is(line, "others=", "mixed")))
		park();
	if (word_is(line, "others=", "marked")) {
		__asm__ volatile("lock incl %0" : "+m"(marked));
		stay_marked(number);
	}
	stay(word_is(line, "others=", "halt") || (number == 2 && word_is(line, "others=", "mixed")));
}

void cpus_order(void)
{
	orders++;
	if (word_is(handover.line, "leaver=", "other"))
		park();
}

static void send_to_others(uint32_t what)
{
	volatile uint32_t *apic = pointer(handover.apic);

	apic[APIC_ICR_LOW / 4] = what | ICR_OTHERS;
	while (apic[APIC_ICR_LOW / 4] & ICR_PENDING)
		__asm__ volatile("pause");
}

void cpus_nmi(void)
{
	/* Not before each has its registers. */
	if (word_is(handover.line, "others=", "marked")) {
		wait_until(&marked, (uint32_t)handover.cpus - (word_is(handover.line, "leaver=", "other") ? 2 : 1));
		slowly(10000);
	}
	send_to_others(ICR_NMI);
}

/* Sends NMIs to all other CPUs, one after the other. */
static void send_nmis(void)
{
	for (uint32_t i = 0; i < NMIS; i++)
		send_to_others(ICR_NMI);
}

void cpus_restart(void)
{
	static uint32_t starts = 1;
	uint32_t others = (uint32_t)handover.cpus - 1, all = ++starts * others;

	if (others == 0)
		return;
	send_to_others(ICR_INIT);
	slowly(20000);
	/*
	 * The second SIPI only if it is needed: in QEMU, one that a CPU has not yet ignored when the next INIT comes starts it
	 * then, while the target runs.
	 */
	for (int i = 0; i < 2 && entered != all; i++) {
		send_to_others(ICR_STARTUP | TRAMPOLINE / PAGE);
		for (uint32_t patience = 1000000; patience && entered != all; patience--)
			slowly(1);
	}
	wait_until(&entered, all);
}

int cpus_wait(const char **sentence)
{
	const char *line = handover.line;
	/* Where an INIT may be sent, each call checks all that is loaded, and takes 16 times as long. */
	uint32_t asking = word(line, "init") ? ASKING / 16 : ASKING, patience = word_is(line, "others=", "park") ? asking : 1;
	int error;

	do
		error = segue_ready(pointer(handover.workspace), sentence);
	while (error == SEGUE_E_READY_CPUS && --patience > 0);
	if (error == SEGUE_OK && word(line, "nmis"))
		send_nmis();
	return error;
}
