/* SPDX-License-Identifier: MIT */
/*
 * Leaves devices running, as a kernel does that never starts another one (live=), and tells Segue what to quiet
 * (quiet=).
 */
#include "kernel.h"

enum { PIC_1_DATA = 0x21, PIC_2_DATA = 0xa1, PIT_0 = 0x40, PIT_CONTROL = 0x43, SYSTEM_B = 0x61 };
enum { RTC_INDEX = 0x70, RTC_DATA = 0x71, UART = 0x3f8 };
enum { VECTOR_LEVEL = 0x24, VECTOR_SERVED = 0x2e, VECTOR_TIMER = 0x2f };

static volatile uint32_t *registers(uint64_t offset)
{
	return (volatile uint32_t *)(uintptr_t)offset;
}

/* Enables interrupts until the pending ones have arrived. */
static void take_interrupts(void)
{
	__asm__ volatile("sti");
	for (uint32_t i = 0; i < 1000000; i++)
		__asm__ volatile("pause");
	__asm__ volatile("cli");
}

/* PICs at the host's vectors, the timer's interrupt in service without an EOI, all lines unmasked. */
static void start_pics(void)
{
	timer_stays_in_service = true;
	pic_start();
	take_interrupts();
	out8(PIC_1_DATA, 0);
	out8(PIC_2_DATA, 0);
}

static void start_pit(void)
{
	out8(PIT_CONTROL, 0x34);
	out8(PIT_0, 100);
	out8(PIT_0, 0);
	out8(SYSTEM_B, in8(SYSTEM_B) | 3);
}

/*
 * As xv6 programs it, with one interrupt in service, so that the timer's interrupt stays pending (Intel SDM vol. 3,
 * chapter 10).
 */
static void start_local_apic(void)
{
	volatile uint32_t *apic = registers(handover.apic);

	apic[0xf0 / 4] = 0x1ff;
	apic[0x350 / 4] = BIT(16);
	apic[0x360 / 4] = BIT(16);
	apic[0x330 / 4] = 2 << 8;      /* SMIs, as some firmware has it */
	apic[0x340 / 4] = 0xfe;
	apic[0x310 / 4] = 0;
	apic[0x300 / 4] = BIT(18) | VECTOR_SERVED; /* to itself */
	take_interrupts();
	apic[0x3e0 / 4] = 0xb;
	apic[0x320 / 4] = BIT(17) | VECTOR_TIMER;
	apic[0x380 / 4] = 100000;
	apic[0x80 / 4] = 0x10;
}

/* Sends itself every vector from 16 to 31, which exceptions use too. They stay pending, since interrupts are disabled. */
static void start_low_vectors(void)
{
	volatile uint32_t *apic = registers(handover.apic);

	__asm__ volatile("cli");
	apic[0xf0 / 4] = 0x1ff;
	for (uint32_t vector = 16; vector < 32; vector++)
		apic[0x300 / 4] = BIT(18) | vector;
}

/*
 * Not part of live=all: QEMU's TCG has no x2APIC. LINT0 and LINT1 masked, the timer periodic (Intel SDM vol. 3,
 * 10.12.1).
 */
static void start_x2apic(void)
{
	if (!(cpuid(1, 0).ecx & BIT(21))) {
		say("host: this CPU has no x2APIC\n");
		stop();
	}
	write_msr(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) | BIT(10));
	write_msr(0x80f, 0x1ff);
	write_msr(0x835, BIT(16));
	write_msr(0x836, BIT(16));
	write_msr(0x83e, 0xb);
	write_msr(0x832, BIT(17) | VECTOR_TIMER);
	write_msr(0x838, 100000);
}

static void route(uint32_t pin, uint32_t low)
{
	volatile uint32_t *io_apic = registers(handover.io_apic);

	io_apic[0] = 0x10 + 2 * pin;
	io_apic[4] = low;
	io_apic[0] = 0x11 + 2 * pin;
	io_apic[4] = 0;
}

/* The serial port's interrupt is level-triggered and gets no EOI: 82093AA, remote IRR. */
static void start_io_apic(void)
{
	registers(handover.apic)[0xf0 / 4] |= BIT(8);
	route(1, 0x21);
	route(14, 0x2e);
	route(23, 2 << 8);             /* SMIs, as some firmware has it */
	route(4, BIT(15) | VECTOR_LEVEL);
	out8(UART + 4, in8(UART + 4) | 8);
	out8(UART + 1, 2);
	out8(UART + 1, 0);
}

/* IA-PC HPET 1.0a, 2.3: legacy replacement of PIT and RTC, two comparators on. */
static void start_hpet(void)
{
	volatile uint32_t *hpet = registers(handover.hpet);

	hpet[0x10 / 4] = 0;
	hpet[0xf0 / 4] = 0;
	hpet[0xf4 / 4] = 0;
	hpet[0x100 / 4] = BIT(2) | BIT(3) | BIT(6);
	hpet[0x108 / 4] = 100000;
	hpet[0x108 / 4] = 100000;
	hpet[0x120 / 4] = BIT(2);
	hpet[0x128 / 4] = 100000;
	hpet[0x10 / 4] = 3;
}

static void start_rtc(void)
{
	out8(RTC_INDEX, 0x8a);
	out8(RTC_DATA, 0x26);
	out8(RTC_INDEX, 0x8b);
	out8(RTC_DATA, in8(RTC_DATA) | 0x70);
}

/* 800 x 600 through the display interface of QEMU and Bochs. Before that it destroys font, colours and registers. */
static void start_vga(void)
{
	static const uint16_t mode[][2] = {{4, 0}, {1, 800}, {2, 600}, {3, 32}, {4, 0x41}};
	volatile uint8_t *planes = (volatile uint8_t *)(uintptr_t)handover.vga;

	out16(0x3c4, 0x0402);
	out16(0x3c4, 0x0604);
	out16(0x3ce, 0x0005);
	out16(0x3ce, 0x0406);
	for (uint32_t i = 0; i < 2 * PAGE; i++)
		planes[i] = 0x55;
	out8(0x3c8, 0);
	for (uint32_t i = 0; i < 768; i++)
		out8(0x3c9, 0x3f);
	for (uint32_t i = 0; i < sizeof mode / sizeof mode[0]; i++) {
		out16(0x1ce, mode[i][0]);
		out16(0x1cf, mode[i][1]);
	}
}

static uint32_t pci_register(uint32_t function, uint32_t number)
{
	out32(0xcf8, 0x80000000 | function << 8 | number);
	return in32(0xcfc);
}

/* Enables all bus masters on the first buses. */
static void start_bus_masters(void)
{
	for (uint32_t function = 0; function < 4 << 8; function++) {
		if ((pci_register(function, 0) & 0xffff) == 0xffff)
			continue;
		out32(0xcfc, (pci_register(function, 4) & 0xffff) | 4);
	}
}

/*
 * Receives all frames into a ring of 8 KiB at dma=, which nothing reads (Realtek RTL8139 data sheet). With the word
 * frames, waits until the ring is no longer empty.
 */
static void start_rtl8139(void)
{
	for (uint32_t function = 0; function < 256; function += 8) {
		uint16_t io = (uint16_t)(pci_register(function, 0x10) & 0xfffc);

		if (pci_register(function, 0) != 0x813910ec)
			continue;
		pci_register(function, 4);
		out32(0xcfc, 5);
		out8(io + 0x37, 0x10);
		out32(io + 0x30, (uint32_t)word_number(handover.line, "dma=", 0));
		out8(io + 0x37, 0x08);
		out32(io + 0x44, 0x8f);
		while (word(handover.line, "frames") && in8(io + 0x37) & 1)
			;
		return;
	}
	say("host: no RTL8139\n");
	stop();
}

static const struct {
	char name[8];
	void (*start)(void);
	uint32_t quiet;
} devices[] = {
	{"pic", start_pics, SEGUE_LOAD_QUIET_PIC},
	{"pit", start_pit, SEGUE_LOAD_QUIET_PIT},
	{"rtc", start_rtc, SEGUE_LOAD_QUIET_RTC},
	{"ioapic", start_io_apic, SEGUE_LOAD_QUIET_IOAPIC},
	{"lapic", start_local_apic, SEGUE_LOAD_QUIET_LAPIC},
	{"hpet", start_hpet, SEGUE_LOAD_QUIET_HPET},
	{"vga", start_vga, SEGUE_LOAD_QUIET_VGA},
	{"dma", start_bus_masters, SEGUE_LOAD_QUIET_BUS_MASTERS},
};
#define DEVICES (sizeof devices / sizeof devices[0])

void devices_start(const char *line)
{
	if (word(line, "x2apic"))
		start_x2apic();
	if (word(line, "lowvectors"))
		start_low_vectors();
	if (word(line, "dma="))
		start_rtl8139();
	for (uint32_t i = 0; i < DEVICES; i++)
		if (word_names(line, "live=", "all") || word_names(line, "live=", devices[i].name))
			devices[i].start();
}

uint32_t devices_quiet(const char *line)
{
	uint32_t flags = word(line, "bios") ? SEGUE_LOAD_BIOS : 0;

	if (word_names(line, "quiet=", "all"))
		flags |= SEGUE_LOAD_QUIET_ALL;
	for (uint32_t i = 0; i < DEVICES; i++)
		if (word_names(line, "quiet=", devices[i].name))
			flags |= devices[i].quiet;
	return flags;
}
