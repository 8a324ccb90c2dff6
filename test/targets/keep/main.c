/* SPDX-License-Identifier: MIT */
/*
 * Are devices after wake_devices as they were before (stage2/purgatory/keep.asm)? A host's devices are set up, kept, treated
 * as a target may treat them, and woken. All that can be read is compared, and the host's interrupts must arrive.
 * test/boot/test_keep.py knows the words of the command line.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "purgatory/purgatory.h"

extern const uint8_t core[], core_end[], block[], block_end[];
extern const uint32_t block_at;
void in_purgatory(uint32_t page, uint32_t tables, uint32_t idt, uint32_t routine);
void interrupt(uint32_t vector, uint32_t eip);
void main(const uint32_t *information);
void target(void);
void purgatory_keeps(void);
void purgatory_wakes(void);
void purgatory_woke(void);
void interrupts_arrive(void);
void *memset(void *to, int value, size_t size);
void *memcpy(void *to, const void *from, size_t size);

#define BIT(n) (1u << (n))
enum { HERE = 0x400000, KEPT = 0x410000, COM1 = 0x3f8, RTC = 0x70, SYSTEM_B = 0x61 };
#define IO_APIC 0xfec00000u
#define HPET 0xfed00000u
enum { MSR_APIC_BASE = 0x1b, MSR_DEADLINE = 0x6e0, BASE_EN = BIT(11), BASE_X2 = BIT(10) };
enum { VECTOR_TIMER = 0x61, VECTOR_WAITING = 0x71, VECTOR_UART = 0x64, VECTOR_RTC = 0x66 };
/* The target's */
enum { VECTOR_SERVED = 0x81, VECTOR_LEFT = 0x91 };
/* Local APIC */
enum { ID = 2, VERSION = 3, TPR = 8, EOI = 0xb, LDR = 0xd, DFR = 0xe, SPURIOUS = 0xf, ISR = 0x10, IRR = 0x20, ERRORS = 0x28,
       CMCI = 0x2f, ICR = 0x30, ICR_HIGH = 0x31, TIMER = 0x32, THERMAL = 0x33, PERFORMANCE = 0x34, LINT0 = 0x35, LINT1 = 0x36,
       ERROR = 0x37, INITIAL = 0x38, CURRENT = 0x39, DIVIDE = 0x3e };

static const char *line = "";
static volatile uint32_t came[256];
static bool ends_interrupts = true;

/* ---- the machine ---- */
static void out8(uint32_t port, uint32_t value) { __asm__ volatile("outb %b0, %w1" : : "a"(value), "Nd"(port)); }
static void out32(uint32_t port, uint32_t value) { __asm__ volatile("outl %0, %w1" : : "a"(value), "Nd"(port)); }
static uint8_t in8(uint32_t port)
{
	uint8_t value;

	__asm__ volatile("inb %w1, %0" : "=a"(value) : "Nd"(port));
	return value;
}
static uint32_t in32(uint32_t port)
{
	uint32_t value;

	__asm__ volatile("inl %w1, %0" : "=a"(value) : "Nd"(port));
	return value;
}
static uint64_t read_msr(uint32_t number)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
	return (uint64_t)high << 32 | low;
}
static void write_msr(uint32_t number, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "a"((uint32_t)value), "d"((uint32_t)(value >> 32)), "c"(number) : "memory");
}
struct features { uint32_t eax, ebx, ecx, edx; };
static struct features cpuid(uint32_t leaf)
{
	struct features f;

	__asm__ volatile("cpuid" : "=a"(f.eax), "=b"(f.ebx), "=c"(f.ecx), "=d"(f.edx) : "a"(leaf), "c"(0));
	return f;
}
static uint64_t ticks(void)
{
	uint64_t now;

	__asm__ volatile("rdtsc" : "=A"(now));
	return now;
}
static volatile uint32_t *at(uint32_t address) { return (volatile uint32_t *)(uintptr_t)address; }

void *memset(void *to, int value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((volatile uint8_t *)to)[i] = (uint8_t)value;
	return to;
}
void *memcpy(void *to, const void *from, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((volatile uint8_t *)to)[i] = ((const volatile uint8_t *)from)[i];
	return to;
}

/* ---- output ---- */
static void put(char c)
{
	while (!(in8(COM1 + 5) & 0x20))
		;
	out8(COM1, (uint8_t)c);
}
static void say(const char *text)
{
	while (*text)
		put(*text++);
}
static void say_hex(uint32_t value)
{
	put(' ');
	for (int shift = 28; shift >= 0; shift -= 4)
		put("0123456789abcdef"[value >> shift & 15]);
}
static void stop(void)
{
	while (!(in8(COM1 + 5) & 0x40))
		;
	/* Bochs's way out */
	for (const char *each = "Shutdown"; *each; each++)
		out8(0x8900, (uint8_t)*each);
	for (;;)
		__asm__ volatile("cli\n\thlt");
}
static uint32_t bad;
static void wrong(const char *what, uint32_t where, uint32_t before, uint32_t after)
{
	bad++;
	say("wrong: ");
	say(what);
	say_hex(where);
	say(" was");
	say_hex(before);
	say(" is");
	say_hex(after);
	say("\n");
}

/* ---- the command line ---- */
static const char *find(const char *name)
{
	for (const char *each = line; *each; each++) {
		size_t i = 0;

		if (each != line && each[-1] != ' ')
			continue;
		while (name[i] && each[i] == name[i])
			i++;
		if (!name[i] && (name[i - 1] == '=' || each[i] == ' ' || !each[i]))
			return each + i;
	}
	return NULL;
}
static bool word(const char *name) { return find(name) != NULL; }
static uint32_t number(const char *name)
{
	const char *digits = find(name);
	uint32_t value = 0;

	for (; digits && *digits && *digits != ' '; digits++)
		value = value * 16 + (uint32_t)(*digits <= '9' ? *digits - '0' : *digits - 'a' + 10);
	return value;
}

/* ---- the local APIC ---- */
static bool has_apic, has_base, has_deadline, has_hpet, has_io_apic, has_pci;

static bool local_is_on(void) { return has_apic && (!has_base || read_msr(MSR_APIC_BASE) & BASE_EN); }
static bool is_x2(void) { return has_base && read_msr(MSR_APIC_BASE) & BASE_X2; }
static uint32_t local_base(void) { return has_base ? (uint32_t)read_msr(MSR_APIC_BASE) & 0xfffff000 : 0xfee00000; }
static uint32_t local_read(uint32_t number_)
{
	return is_x2() ? (uint32_t)read_msr(0x800 + number_) : *at(local_base() + number_ * 16);
}
static void local_write(uint32_t number_, uint32_t value)
{
	if (is_x2())
		write_msr(0x800 + number_, value);
	else
		*at(local_base() + number_ * 16) = value;
}
static uint32_t entries(void) { return (local_read(VERSION) >> 16 & 0xff) + 1; }
static void send_self(uint32_t vector) { local_write(ICR, BIT(18) | BIT(14) | vector); }
static void wait_a_little(void)
{
	for (uint32_t i = 0; i < 2000; i++)
		in8(SYSTEM_B);
}

static uint8_t rtc(uint32_t number_)
{
	out8(RTC, number_);
	return in8(RTC + 1);
}
static void set_rtc(uint32_t number_, uint32_t value)
{
	out8(RTC, number_);
	out8(RTC + 1, value);
}

void interrupt(uint32_t vector, uint32_t eip)
{
	if (vector < 32) {
		wrong("exception", vector, eip, 0);
		stop();
	}
	came[vector]++;
	if (vector == VECTOR_UART)
		out8(COM1 + 1, 0);
	if (vector == VECTOR_RTC)
		rtc(0xc);
	if (ends_interrupts)
		local_write(EOI, 0);
}

/* ---- all that can be read ---- */
enum kind { LOCAL, IO, TIMER_HPET, PORTS, PCI, KINDS };
static const char *const names[KINDS] = {"local", "io-apic", "hpet", "port", "pci"};
struct value { enum kind kind; uint32_t where, value; };
struct shot { uint32_t count; struct value values[4096]; };
static struct shot before, after_keep, spoiled, after;

static void note(struct shot *shot, enum kind kind, uint32_t where, uint32_t value)
{
	if (shot->count < sizeof shot->values / sizeof shot->values[0])
		shot->values[shot->count++] = (struct value){kind, where, value};
}

static const uint8_t lvt[] = {TIMER, LINT0, LINT1, ERROR, PERFORMANCE, THERMAL, CMCI};

static void read_local(struct shot *shot)
{
	static const uint8_t always[] = {TPR, SPURIOUS, DIVIDE, ERRORS}, xapic[] = {ID, LDR, DFR, ICR_HIGH};

	if (has_base) {
		note(shot, LOCAL, MSR_APIC_BASE, (uint32_t)read_msr(MSR_APIC_BASE));
		note(shot, LOCAL, MSR_APIC_BASE, (uint32_t)(read_msr(MSR_APIC_BASE) >> 32));
	}
	/* Of an APIC that is off as many values, so that the lists are of equal length. */
	for (uint32_t i = 0; has_apic && i < sizeof always; i++)
		note(shot, LOCAL, always[i], local_is_on() ? local_read(always[i]) : 0xffffffff);
	for (uint32_t i = 0; has_apic && i < sizeof xapic; i++)
		note(shot, LOCAL, xapic[i], local_is_on() && !is_x2() ? local_read(xapic[i]) : 0xffffffff);
	for (uint32_t i = 0; has_apic && i < sizeof lvt; i++)
		note(shot, LOCAL, lvt[i], local_is_on() && i < entries() ? local_read(lvt[i]) & ~BIT(12) : 0xffffffff);
	for (uint32_t i = 0; has_apic && i < 8; i++) {
		note(shot, LOCAL, ISR + i, local_is_on() ? local_read(ISR + i) : 0xffffffff);
		/* The timer's and the clock's may have come in between. */
		note(shot, LOCAL, IRR + i, !local_is_on() ? 0xffffffff : local_read(IRR + i) &
				~(i == VECTOR_TIMER / 32 ? BIT(VECTOR_TIMER % 32) | BIT(VECTOR_RTC % 32) : 0));
	}
	if (has_apic && !word("expired"))
		note(shot, LOCAL, INITIAL, local_is_on() ? local_read(INITIAL) : 0xffffffff);
	if (has_apic && word("expired"))
		note(shot, LOCAL, CURRENT, local_is_on() ? local_read(CURRENT) : 0xffffffff);
	if (has_deadline && word("deadline")) {
		note(shot, LOCAL, MSR_DEADLINE, (uint32_t)read_msr(MSR_DEADLINE));
		note(shot, LOCAL, MSR_DEADLINE, (uint32_t)(read_msr(MSR_DEADLINE) >> 32));
	}
}

static uint32_t io_read(uint32_t number_)
{
	at(IO_APIC)[0] = number_;
	return at(IO_APIC)[4];
}
static void io_write(uint32_t number_, uint32_t value)
{
	at(IO_APIC)[0] = number_;
	at(IO_APIC)[4] = value;
}
static uint32_t pins(void) { return (io_read(1) >> 16 & 0xff) + 1; }

static void read_io_apic(struct shot *shot)
{
	uint32_t index = at(IO_APIC)[0];

	if (!has_io_apic)
		return;
	note(shot, IO, 0xff, index);
	note(shot, IO, 0, io_read(0));
	for (uint32_t i = 0; i < pins(); i++) {
		/* But what the entry shows of an interrupt */
		note(shot, IO, 0x10 + 2 * i, io_read(0x10 + 2 * i) & ~(BIT(12) | BIT(14)));
		note(shot, IO, 0x11 + 2 * i, io_read(0x11 + 2 * i));
	}
	at(IO_APIC)[0] = index;
}

static uint32_t comparators(void) { return (*at(HPET) >> 8 & 31) + 1; }
static volatile uint32_t *comparator(uint32_t i) { return at(HPET + 0x100 + i * 0x20); }

static void read_hpet(struct shot *shot)
{
	if (!has_hpet)
		return;
	note(shot, TIMER_HPET, 0x10, *at(HPET + 0x10));
	for (uint32_t i = 0; i < comparators(); i++) {
		bool periodic = comparator(i)[0] & BIT(3);

		note(shot, TIMER_HPET, 0x100 + i * 0x20, comparator(i)[0]);
		/* The value of a periodic one changes; what counts is its period. */
		note(shot, TIMER_HPET, 0x108 + i * 0x20, periodic ? 0 : comparator(i)[2]);
		note(shot, TIMER_HPET, 0x10c + i * 0x20, periodic ? 0 : comparator(i)[3]);
		note(shot, TIMER_HPET, 0x110 + i * 0x20, comparator(i)[4]);
		note(shot, TIMER_HPET, 0x114 + i * 0x20, comparator(i)[5]);
	}
}

static void read_ports(struct shot *shot)
{
	note(shot, PORTS, RTC + 0xa, rtc(0xa) & 0x7f);
	note(shot, PORTS, RTC + 0xb, rtc(0xb));
	note(shot, PORTS, SYSTEM_B, in8(SYSTEM_B) & 0x0f);
}

static uint32_t pci(uint32_t function, uint32_t register_)
{
	out32(0xcf8, BIT(31) | function << 8 | register_);
	return in32(0xcfc);
}

static void each_function(void (*call)(struct shot *shot, uint32_t function), struct shot *shot)
{
	uint32_t address = in32(0xcf8);

	for (uint32_t function = 0; has_pci && function < 3 << 8; function++)
		if ((pci(function & ~7u, 12) & BIT(23) || !(function & 7)) && (pci(function, 0) & 0xffff) != 0xffff)
			call(shot, function);
	if (has_pci)
		out32(0xcf8, address);
}
static void read_function(struct shot *shot, uint32_t function) { note(shot, PCI, function, pci(function, 4) & 0xffff); }

static void take(struct shot *shot)
{
	shot->count = 0;
	if (has_pci)
		note(shot, PCI, 0xcf8, in32(0xcf8));
	each_function(read_function, shot);
	read_ports(shot);
	read_hpet(shot);
	read_io_apic(shot);
	read_local(shot);
}

/* Says what differs, if say_so. Returns of how many kinds something does, as bits. */
static uint32_t compare(const struct shot *one, const struct shot *two, const char *when)
{
	uint32_t kinds = 0;

	if (one->count != two->count) {
		wrong("count", 0, one->count, two->count);
		return 0;
	}
	for (uint32_t i = 0; i < one->count; i++) {
		const struct value *a = &one->values[i], *b = &two->values[i];

		if (a->kind == b->kind && a->where == b->where && a->value == b->value)
			continue;
		kinds |= BIT(a->kind);
		if (!when)
			continue;
		say(when);
		say(": ");
		wrong(names[a->kind], a->where, a->value, b->value);
	}
	return kinds;
}

/* ---- the host ---- */
static void alternate(struct shot *shot, uint32_t function)
{
	uint32_t command = pci(function, 4) & 0xffff;

	(void)shot;
	/* Bridges stay as they are, on both sides. */
	if (pci(function, 8) >> 24 == 6 || pci(function, 12) >> 16 & 0x7f)
		return;
	pci(function, 4);
	out32(0xcfc, (function >> 3 ^ function) & 1 ? command | 4 : command & ~4u);
}
static void invert(struct shot *shot, uint32_t function)
{
	uint32_t command;

	(void)shot;
	if (pci(function, 8) >> 24 == 6 || pci(function, 12) >> 16 & 0x7f)
		return;
	command = pci(function, 4) & 0xffff;
	out32(0xcfc, command ^ 4);
}

static void set_comparator(uint32_t i, uint32_t configuration, uint32_t low, uint32_t high)
{
	comparator(i)[0] = configuration;
	comparator(i)[3] = high;
	comparator(i)[0] = configuration;
	comparator(i)[2] = low;
}

static uint32_t hpet_period;           /* of comparator 0 */

static void host_hpet(void)
{
	if (!has_hpet || word("hpet=off"))
		return;
	*at(HPET + 0x10) = 0;
	at(HPET + 0xf0)[0] = 0x12345678;
	at(HPET + 0xf0)[1] = word("hpet=wide") ? 5 : 0;
	/* A quarter of a second or more away */
	set_comparator(1, BIT(2) | (comparator(1)[0] & 0x100), 0x7fffffff, word("hpet=wide") ? 7 : 0);
	set_comparator(2, BIT(1) | BIT(8), 0xf0000000, 0);
	/* Where its messages go, if it sends some */
	comparator(2)[4] = 0x4041;
	comparator(2)[5] = 0xfee00000;
	if (word("hpet=periodic")) {
		/* 4 ms; the value's first match is soon */
		hpet_period = 400000;
		set_comparator(0, BIT(2) | BIT(3) | BIT(6) | (word("64") ? 0 : BIT(8)), 0x12345678 + 100000, 0);
		comparator(0)[2] = hpet_period;
	}
	/* Periods that cannot be measured: of 10 s in QEMU; of a counter that is stopped */
	if (word("hpet=slow"))
		set_comparator(0, BIT(2) | BIT(3) | BIT(6) | BIT(8), 1000000000, 0);
	if (word("hpet=stopped"))
		comparator(0)[0] = BIT(3) | BIT(8) | (word("interrupts") ? BIT(2) : 0);
	*at(HPET + 0x10) = !word("hpet=stopped");
}

static void host_io_apic(void)
{
	if (!has_io_apic)
		return;
	for (uint32_t i = 0; i < pins(); i++) {
		io_write(0x10 + 2 * i, BIT(16) | (0x20 + i));
		io_write(0x11 + 2 * i, i << 24);
	}
	io_write(0x12, 0x21);
	io_write(0x13, 0);
	/* The serial port's, level-triggered, to this CPU */
	io_write(0x11 + 2 * 4, has_apic && !is_x2() && local_is_on() ? local_read(ID) & 0x0f000000 : 0);
	io_write(0x10 + 2 * 4, BIT(15) | VECTOR_UART);
	io_write(0x11 + 2 * 8, io_read(0x11 + 2 * 4));
	io_write(0x10 + 2 * 8, VECTOR_RTC);
	io_write(0x10 + 2 * 14, BIT(16) | BIT(13) | BIT(11) | 1 << 8 | 0x2e);
	if (word("smi"))
		io_write(0x10 + 2 * 23, 2 << 8);
	io_write(0, 5 << 24);
	at(IO_APIC)[0] = 0x12;
}

/* QEMU sends nothing to itself where the ID has been changed. */
static bool waits(void) { return !word("ids"); }

static void host_local(void)
{
	if (word("off") && has_base)
		write_msr(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) & ~(uint64_t)BASE_EN);
	if (!local_is_on())
		return;
	if (word("base="))
		write_msr(MSR_APIC_BASE, (read_msr(MSR_APIC_BASE) & 0xfff) | number("base="));
	if (word("x2apic"))
		write_msr(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) | BASE_X2);
	local_write(SPURIOUS, 0x1ef);
	if (!is_x2()) {
		local_write(LDR, 0x04000000);
		local_write(DFR, 0x0fffffff);
		local_write(ICR_HIGH, 0x03000000);
	}
	local_write(TPR, 0x30);
	local_write(LINT0, BIT(16) | 7 << 8);
	local_write(LINT1, 4 << 8);
	local_write(ERROR, 0xfe);
	if (entries() > 4)
		local_write(PERFORMANCE, 4 << 8);
	if (entries() > 5)
		local_write(THERMAL, word("smi") ? 2 << 8 : BIT(16) | 0xfa);
	if (entries() > 6)
		local_write(CMCI, 0xf9);
	local_write(DIVIDE, 3);
	if (has_deadline && word("deadline")) {
		local_write(TIMER, BIT(18) | VECTOR_TIMER);
		write_msr(MSR_DEADLINE, ticks() + 50000000);
	} else if (word("expired") || word("oneshot")) {
		local_write(TIMER, VECTOR_TIMER);
		local_write(INITIAL, word("expired") ? 1 : 100000000);
	} else {
		local_write(TIMER, BIT(17) | VECTOR_TIMER);
		local_write(INITIAL, 100000);
	}
	if (word("expired")) {
		/* Its count may reach 0 before its interrupt arrives. */
		__asm__ volatile("sti");
		while (!came[VECTOR_TIMER] || local_read(CURRENT))
			;
		__asm__ volatile("cli");
	}
	if (waits())
		send_self(VECTOR_WAITING);
	if (word("disabled"))
		local_write(SPURIOUS, 0xef);
}

static void host(void)
{
	/* No line of the PICs */
	out8(0x21, 0xff);
	out8(0xa1, 0xff);
	set_rtc(0xa, 0x2a);
	set_rtc(0xb, 0x42);
	out8(SYSTEM_B, 0x0d);
	host_hpet();
	host_io_apic();
	host_local();
	if (has_pci) {
		each_function(alternate, NULL);
		out32(0xcf8, 0x80001204);
	}
}

/* ---- the target: it uses the devices, and stops them as Linux does before kexec ---- */
static void target_local(void)
{
	if (word("off") && has_base)
		write_msr(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) | BASE_EN);
	if (!local_is_on())
		return;
	if (word("to-x2"))
		write_msr(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) | BASE_X2);
	if (word("moves"))
		write_msr(MSR_APIC_BASE, (read_msr(MSR_APIC_BASE) & 0xfff) | 0xfe000000);
	local_write(SPURIOUS, 0x1ff);
	local_write(TPR, 0);
	memset((void *)(uintptr_t)came, 0, sizeof came);
	for (uint32_t i = 0; i < entries(); i++)
		if ((local_read(lvt[i]) & 0x700) != 0x200)
			local_write(lvt[i], BIT(16));
	__asm__ volatile("sti");
	wait_a_little();
	__asm__ volatile("cli");
	/* One interrupt in service, and one waiting; the serial port's with its remote IRR; the clock's never ended */
	ends_interrupts = false;
	if (has_io_apic)
		io_write(0x10 + 2 * 8, BIT(16));
	if (has_io_apic && !word("x2apic")) {
		io_write(0x11 + 2 * 4, is_x2() ? 0 : local_read(ID) & 0x0f000000);
		io_write(0x10 + 2 * 4, BIT(15) | VECTOR_UART);
		out8(COM1 + 4, 0x0b);
		out8(COM1 + 1, 2);
	}
	__asm__ volatile("sti");
	wait_a_little();
	send_self(VECTOR_SERVED);
	wait_a_little();
	__asm__ volatile("cli");
	if (waits())
		send_self(VECTOR_LEFT);
	ends_interrupts = true;
	if (has_io_apic && !word("x2apic") && came[VECTOR_UART] != 1)
		wrong("target's interrupt", VECTOR_UART, 1, came[VECTOR_UART]);
	if (came[VECTOR_SERVED] != 1)
		wrong("target's interrupt", VECTOR_SERVED, 1, came[VECTOR_SERVED]);
	local_write(INITIAL, 0);
	local_write(DIVIDE, 0xb);
	local_write(TPR, 0x50);
	if (!is_x2()) {
		local_write(LDR, 0);
		local_write(DFR, 0xffffffff);
		local_write(ICR_HIGH, 0);
		if (word("ids"))
			local_write(ID, 0x07000000);
	}
	/* The firmware, meanwhile */
	if (word("smi-since"))
		local_write(THERMAL, 2 << 8);
	if (!word("stays"))
		local_write(SPURIOUS, 0xff);
}

/* test_keep.py stops here and at the functions below that are not static. */
__attribute__((noinline)) void target(void)
{
	target_local();
	for (uint32_t i = 0; has_io_apic && i < pins(); i++) {
		if ((io_read(0x10 + 2 * i) & 0x700) == 0x200)
			continue;
		/* With its remote IRR, and a vector by which no end of an interrupt finds it */
		io_write(0x10 + 2 * i, i == 4 ? BIT(16) | BIT(15) | 0x10 : BIT(16));
		io_write(0x11 + 2 * i, 0xff000000);
	}
	if (has_io_apic)
		io_write(0, 0);
	if (word("smi-since"))
		io_write(0x10 + 2 * 23, 2 << 8);
	if (has_hpet) {
		*at(HPET + 0x10) = 0;
		at(HPET + 0xf0)[0] = 0;
		at(HPET + 0xf0)[1] = 0;
		for (uint32_t i = 0; i < comparators(); i++) {
			set_comparator(i, 0, 0xffffffff, 0xffffffff);
			if (i == 0)
				comparator(i)[0] = BIT(3);
			comparator(i)[2] = 77;
			comparator(i)[3] = 1;
			comparator(i)[4] = 0;
			comparator(i)[5] = 0;
		}
		*at(HPET + 0x10) = 1;
	}
	set_rtc(0xa, 0x26);
	set_rtc(0xb, 0x02);
	out8(SYSTEM_B, 0x02);
	if (has_pci && !word("nodma")) {
		each_function(invert, NULL);
		out32(0xcf8, 0);
	}
}

/* ---- purgatory ---- */
static void purgatory(const char *routine)
{
	in_purgatory(HERE, HERE + number("tables="), HERE + number("idt="), HERE + number(routine));
}

__attribute__((noinline)) void purgatory_keeps(void)
{
	purgatory("keep=");
}
__attribute__((noinline)) void purgatory_wakes(void)
{
	purgatory("wake=");
}
__attribute__((noinline)) void purgatory_woke(void)
{
	take(&after);
}

static void prepare(void)
{
	struct purgatory_params *params = (void *)(HERE + PURGATORY_PARAMS_AT);
	struct purgatory_devices *devices = (void *)(HERE + block_at);

	memset((void *)HERE, 0, PURGATORY_PAGES * PURGATORY_PAGE);
	memset((void *)KEPT, 0xcc, KEPT_SIZE + 4096);
	memcpy((void *)HERE, core, (size_t)(core_end - core));
	memcpy((void *)(HERE + block_at), block, (size_t)(block_end - block));
	params->serial = COM1;
	params->kept = KEPT;
	params->keep = word("nodma") ? 0 : PURGATORY_KEEP_BUS_MASTERS;
	if (!word("acpi")) {
		devices->usual_io_apic = IO_APIC;
		devices->usual_hpet = HPET;
	}
}

/* ---- afterwards ---- */
static void wait_for(uint32_t vector, uint32_t count)
{
	for (uint32_t i = 0; i < 30000000 && came[vector] < count; i++)
		in8(SYSTEM_B);
	if (came[vector] < count)
		wrong("interrupts", vector, count, came[vector]);
}

__attribute__((noinline)) void interrupts_arrive(void)
{
	memset((void *)(uintptr_t)came, 0, sizeof came);
	if (word("disabled"))
		local_write(SPURIOUS, 0x1ef);
	__asm__ volatile("sti");
	if (!word("expired") && !word("disabled"))
		wait_for(VECTOR_TIMER, word("oneshot") || word("deadline") ? 1 : 10);
	wait_a_little();
	if (came[VECTOR_WAITING] != waits())
		wrong("interrupts", VECTOR_WAITING, waits(), came[VECTOR_WAITING]);
	if (has_io_apic) {
		out8(COM1 + 4, 0x0b);
		out8(COM1 + 1, 2);
		wait_for(VECTOR_UART, 1);
		out8(COM1 + 4, 0x03);
		wait_for(VECTOR_RTC, 2);
	}
	__asm__ volatile("cli");
	for (uint32_t i = 32; i < 256; i++)
		if (came[i] && i != VECTOR_TIMER && i != VECTOR_WAITING && i != VECTOR_UART && i != VECTOR_RTC)
			wrong("interrupts", i, 0, came[i]);
	if (word("expired") && came[VECTOR_TIMER])
		wrong("interrupts", VECTOR_TIMER, 0, came[VECTOR_TIMER]);
}

static void hpet_goes_on(uint32_t counter)
{
	uint32_t now = at(HPET + 0xf0)[0], value;

	/* As kept, and ten seconds at most */
	if (word("hpet=stopped") && now != counter)
		wrong("hpet's counter", 0xf0, counter, now);
	if (now - counter > 1000000000)
		wrong("hpet's counter", 0xf0, counter, now);
	if (at(HPET + 0xf0)[1] != (word("hpet=wide") ? 5 : 0))
		wrong("hpet's counter", 0xf4, 0, at(HPET + 0xf0)[1]);
	if (!hpet_period)
		return;
	value = ((const struct purgatory_kept *)KEPT)->comparators[0].value[0];
	if ((comparator(0)[2] - value) % hpet_period)
		wrong("hpet's phase", 0x108, value, comparator(0)[2]);
	/* Not in an emulator whose timers may be late */
	if (word("exact") && ((const struct purgatory_kept *)KEPT)->comparators[0].period != hpet_period)
		wrong("hpet's kept period", 0, hpet_period, ((const struct purgatory_kept *)KEPT)->comparators[0].period);
	for (uint32_t i = 0; i < 3; i++) {
		value = comparator(0)[2];
		for (uint32_t j = 0; j < 10000000 && comparator(0)[2] == value; j++)
			;
		now = comparator(0)[2];
		/* A late emulator shows several steps as one. */
		if (now == value || (now - value) % hpet_period)
			wrong("hpet's period", 0x108, hpet_period, now - value);
	}
}

/* The kinds of values that the target must have changed, so that a comparison can fail. Called when it has. */
static uint32_t kinds_to_spoil(void)
{
	uint32_t kinds = BIT(PORTS);

	/* QEMU before 9.0 enables no local APIC again once it was off. */
	if (has_apic && local_is_on())
		kinds |= BIT(LOCAL);
	if (has_io_apic)
		kinds |= BIT(IO);
	if (has_hpet)
		kinds |= BIT(TIMER_HPET);
	if (has_pci && !word("nodma"))
		kinds |= BIT(PCI);
	return kinds;
}

/* Returns the HPET's counter, as kept. */
static uint32_t there_and_back(void)
{
	struct purgatory_params *params = (void *)(HERE + PURGATORY_PARAMS_AT);
	const struct purgatory_kept *kept = (void *)KEPT;
	uint32_t kinds;

	purgatory_keeps();
	take(&after_keep);
	compare(&before, &after_keep, "after keep");
	if (word("quiet")) {
		params->quiet = PURGATORY_QUIET_IOAPIC | PURGATORY_QUIET_LAPIC | PURGATORY_QUIET_HPET | PURGATORY_QUIET_RTC;
		if (!word("nodma"))
			params->quiet |= PURGATORY_QUIET_BUS_MASTERS;
		purgatory("quiet=");
	}
	target();
	take(&spoiled);
	kinds = compare(&before, &spoiled, NULL);
	if (kinds != kinds_to_spoil())
		wrong("spoiled", 0, kinds_to_spoil(), kinds);
	purgatory_wakes();
	purgatory_woke();
	kinds = compare(&before, &after, word("differs=") ? NULL : "after wake");
	if (kinds != number("differs="))
		wrong("after wake", 0, number("differs="), kinds);
	if (kept->lost != number("lost="))
		wrong("lost", 0, number("lost="), kept->lost);
	if (at(KEPT)[KEPT_SIZE / 4] != 0xcccccccc)
		wrong("written after the structure", 0, 0xcccccccc, at(KEPT)[KEPT_SIZE / 4]);
	if (word("smi-since") && (local_read(THERMAL) != 2 << 8 || io_read(0x10 + 2 * 23) != 2 << 8))
		wrong("SMIs", 0, local_read(THERMAL), io_read(0x10 + 2 * 23));
	return kept->hpet_counter[0];
}

void main(const uint32_t *information)
{
	struct features one = cpuid(1);
	uint32_t counter = 0;

	line = (const char *)information[4];
	has_apic = one.edx & BIT(9);
	has_base = has_apic && (one.eax >> 8 & 15) >= 6;
	has_deadline = has_base && one.ecx & BIT(24);
	has_hpet = *at(HPET + 4) - 1 < 100000000;
	has_io_apic = !word("isa");
	at(IO_APIC)[0] = 1;
	has_io_apic = has_io_apic && (at(IO_APIC)[4] >> 16) - 1 < 0xf0;
	out32(0xcf8, BIT(31));
	has_pci = in32(0xcf8) == BIT(31);
	out8(COM1 + 3, 0x80);
	out8(COM1, 1);                 /* 115200 */
	out8(COM1 + 1, 0);
	out8(COM1 + 3, 3);             /* 8N1 */
	say("keep: local APIC");
	say_hex(has_apic);
	say(" IO-APIC");
	say_hex(has_io_apic);
	say(" HPET");
	say_hex(has_hpet);
	say(" PCI");
	say_hex(has_pci);
	say("\n");
	if ((word("x2apic") || word("to-x2")) && !(one.ecx & BIT(21))) {
		say("keep: this CPU has no x2APIC\n");
		stop();
	}
	prepare();
	host();
	take(&before);
	for (uint32_t left = word("often") ? 4 : 1; left; left--)
		counter = there_and_back();
	if (has_hpet && !word("hpet=off"))
		hpet_goes_on(counter);
	if (local_is_on())
		interrupts_arrive();
	say("keep: values");
	say_hex(before.count);
	say(bad ? "\nkeep: BAD\n" : "\nkeep: OK\n");
	stop();
}
