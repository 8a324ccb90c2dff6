/* SPDX-License-Identifier: MIT */
/* CPU state: registers, descriptors, MSRs, x87, A20, interrupt controllers. */
#include "state.h"
#include "inspect_output.h"

/* EFLAGS, CR0, CR4: Intel SDM vol. 3A, 2.3 and 2.5 */
#define EFLAGS_RESERVED_ONE	(1u << 1)
#define EFLAGS_TF		(1u << 8)
#define EFLAGS_IF		(1u << 9)
#define EFLAGS_VM		(1u << 17)
#define EFLAGS_AC		(1u << 18)
#define EFLAGS_ID		(1u << 21)
#define CR0_PE			(1u << 0)
#define CR0_EM			(1u << 2)
#define CR0_TS			(1u << 3)
#define CR0_ET			(1u << 4)
#define CR0_PG			(1u << 31)
/* MP EM TS NE WP AM NW CD PG, and PE */
#define CR0_WRITABLE		(0xe005002eu | CR0_PE)
#define CR4_OSXSAVE		(1u << 18)
#define DR6_CAUSES		0xe00fu		/* B0 to B3, BD, BS, BT */
#define DR7_RESET		0x400u
#define PAT_RESET		0x0007040600070406u	/* vol. 3A, 11.12.4 */

/* CPUID leaf 1: vol. 2A, table 3-11 */
#define EDX_MSR			(1u << 5)
#define EDX_APIC		(1u << 9)
#define EDX_SEP			(1u << 11)
#define EDX_PAT			(1u << 16)
/* VME DE PSE TSC PAE MCE PGE FXSR: each adds a bit to CR4 */
#define EDX_NEEDS_CR4		(1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 6 | 1u << 7 | \
				 1u << 13 | 1u << 24)
#define ECX_XSAVE		(1u << 26)
/* Leaf 0x80000001 */
#define EXT_EDX_SYSCALL		(1u << 11)
#define EXT_EDX_NX		(1u << 20)
#define EXT_EDX_LM		(1u << 29)
#define EXT_ECX_SVM		(1u << 2)

enum {
	MSR_APIC_BASE = 0x1b,
	MSR_SYSENTER_CS = 0x174,
	MSR_SYSENTER_ESP = 0x175,
	MSR_SYSENTER_EIP = 0x176,
	MSR_PAT = 0x277,
	MSR_PERF_GLOBAL_CTRL = 0x38f,
	MSR_XSS = 0xda0,
};
#define MSR_EFER	0xc0000080u
#define MSR_STAR	0xc0000081u
#define MSR_LSTAR	0xc0000082u
#define MSR_CSTAR	0xc0000083u
#define MSR_FMASK	0xc0000084u

enum {
	APIC_LVT_LINT0 = 0x350,
	APIC_LVT_LINT1 = 0x360,
	X87_CONTROL_INIT = 0x37f,
	X87_TAGS_EMPTY = 0xffff,
	X87_ENVIRONMENT = 28,
	TSS_LIMIT = 0x67,
	CATCHER_VECTORS = 32,
	CATCHER_SIZE = 16384,		/* aligned to that */
	TYPE_TSS32_BUSY = 0xb,
	BDA_EBDA_SEGMENT = 0x40e,
	BDA_BASE_MEMORY = 0x413,
};

struct msr {
	bool there;
	uint64_t value;
};

static struct {
	bool has_cpuid, has_ac, has_cr4, has_msr, has_x87, has_xcr0;
	uint32_t signature, edx, ecx, ext_edx, ext_ecx, max_leaf;
	uint32_t cr4;
	struct msr efer, pat, star, lstar, cstar, fmask, xss, perf_global_ctrl, apic_base;
	struct msr sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t xcr0;
	uint16_t x87_control, x87_status, x87_tags;
	bool a20;
} cpu;

extern int try_rdmsr(uint32_t msr, uint32_t value[2]);

static bool flag_toggles(uint32_t flag)
{
	uint32_t before, after;

	__asm__ volatile(
		"pushfl\n\t"
		"pushfl\n\t"
		"popl %0\n\t"
		"movl %0, %1\n\t"
		"xorl %2, %1\n\t"
		"pushl %1\n\t"
		"popfl\n\t"
		"pushfl\n\t"
		"popl %1\n\t"
		"popfl"
		: "=&r"(before), "=&r"(after) : "r"(flag) : "cc");
	return ((before ^ after) & flag) != 0;
}

static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
	__asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
			 : "a"(leaf), "c"(subleaf));
}

static struct msr read_msr(uint32_t number)
{
	struct msr msr = { false, 0 };
	uint32_t value[2];

	if (cpu.has_msr && try_rdmsr(number, value)) {
		msr.there = true;
		msr.value = value[0] + ((uint64_t)value[1] << 32);
	}
	return msr;
}

static void read_cpuid(void)
{
	uint32_t r[4];

	cpuid(0, 0, r);
	cpu.max_leaf = r[0];
	if (cpu.max_leaf == 0)
		return;
	cpuid(1, 0, r);
	cpu.signature = r[0];
	cpu.ecx = r[2];
	cpu.edx = r[3];
	/* a CPU without extended leaves returns its last basic leaf */
	cpuid(0x80000000, 0, r);
	if (r[0] > 0x80000000 && r[0] <= 0x8000ffff) {
		cpuid(0x80000001, 0, r);
		cpu.ext_ecx = r[2];
		cpu.ext_edx = r[3];
	}
}

static void read_msrs(void)
{
	uint32_t r[4];

	if (cpu.ext_edx & (EXT_EDX_SYSCALL | EXT_EDX_NX | EXT_EDX_LM) || cpu.ext_ecx & EXT_ECX_SVM)
		cpu.efer = read_msr(MSR_EFER);
	if (cpu.ext_edx & (EXT_EDX_SYSCALL | EXT_EDX_LM))
		cpu.star = read_msr(MSR_STAR);
	if (cpu.ext_edx & EXT_EDX_LM) {
		cpu.lstar = read_msr(MSR_LSTAR);
		cpu.cstar = read_msr(MSR_CSTAR);
		cpu.fmask = read_msr(MSR_FMASK);
	}
	if (cpu.edx & EDX_SEP) {
		cpu.sysenter_cs = read_msr(MSR_SYSENTER_CS);
		cpu.sysenter_esp = read_msr(MSR_SYSENTER_ESP);
		cpu.sysenter_eip = read_msr(MSR_SYSENTER_EIP);
	}
	if (cpu.edx & EDX_PAT)
		cpu.pat = read_msr(MSR_PAT);
	if (cpu.edx & EDX_APIC)
		cpu.apic_base = read_msr(MSR_APIC_BASE);
	if (cpu.max_leaf >= 0xd) {
		cpuid(0xd, 1, r);
		if (r[0] & 1u << 3)
			cpu.xss = read_msr(MSR_XSS);
	}
	if (cpu.max_leaf >= 0xa) {
		cpuid(0xa, 0, r);
		if ((r[0] & 0xff) >= 2)
			cpu.perf_global_ctrl = read_msr(MSR_PERF_GLOBAL_CTRL);
	}
}

static void read_x87(const struct saved *state)
{
	uint8_t environment[X87_ENVIRONMENT];

	if (state->cr0 & (CR0_EM | CR0_TS))
		return;
	/* without a coprocessor FNSTENV stores nothing */
	for (uint32_t i = 0; i < X87_ENVIRONMENT; i++)
		environment[i] = 0x5a;
	__asm__ volatile("fnstenv %0" : "+m"(environment));
	cpu.x87_control = (uint16_t)(environment[0] + 256 * environment[1]);
	cpu.x87_status = (uint16_t)(environment[4] + 256 * environment[5]);
	cpu.x87_tags = (uint16_t)(environment[8] + 256 * environment[9]);
	cpu.has_x87 = cpu.x87_control != 0x5a5a;
}

static void read_xcr0(void)
{
	uint32_t low, high;

	__asm__ volatile("mov %0, %%cr4" : : "r"(cpu.cr4 | CR4_OSXSAVE));
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cpu.cr4));
	cpu.xcr0 = low + ((uint64_t)high << 32);
	cpu.has_xcr0 = true;
}

/* Is the byte one megabyte away a different byte? Writes only to our own byte. */
static bool a20_open(void)
{
	static volatile uint32_t ours;
	uint32_t away = (uint32_t)(uintptr_t)&ours ^ 1u << 20;

	for (uint32_t i = 0; i < 2; i++) {
		ours = ~peek32(away);
		if (peek32(away) != ours)
			return true;
	}
	return false;
}

void cpu_read(const struct saved *state)
{
	cpu.has_ac = flag_toggles(EFLAGS_AC);
	cpu.has_cpuid = flag_toggles(EFLAGS_ID);
	if (cpu.has_cpuid)
		read_cpuid();
	cpu.has_cr4 = (cpu.edx & EDX_NEEDS_CR4) != 0;
	cpu.has_msr = (cpu.edx & EDX_MSR) != 0;
	if (cpu.has_cr4)
		__asm__ volatile("mov %%cr4, %0" : "=r"(cpu.cr4));
	read_msrs();
	read_x87(state);
	if (cpu.ecx & ECX_XSAVE)
		read_xcr0();
	cpu.a20 = a20_open();
}

struct descriptor {
	bool there;
	uint32_t base, limit, access, flags;	/* flags: G D/B L AVL in bits 3 to 0 */
};

static struct descriptor descriptor_of(const struct saved *state, uint32_t selector)
{
	struct descriptor d = { false, 0, 0, 0, 0 };
	uint32_t offset = selector & 0xfff8, low, high;

	if (offset == 0 || selector & 4 || offset + 7 > state->gdt_limit)
		return d;
	low = peek32(state->gdt_base + offset);
	high = peek32(state->gdt_base + offset + 4);
	d.there = true;
	d.base = low >> 16 | (high & 0xff) << 16 | (high & 0xff000000);
	d.limit = (low & 0xffff) | (high & 0xf0000);
	if (high & 1u << 23)
		d.limit = d.limit << 12 | 0xfff;
	d.access = high >> 8 & 0xff;
	d.flags = high >> 20 & 15;
	return d;
}

static void print_segment(const struct saved *state, const char *name, uint32_t selector)
{
	struct descriptor d = descriptor_of(state, selector & 0xffff);

	print("%s = %x\n", name, selector & 0xffff);
	if (!d.there) {
		print("%s.descriptor = none\n", name);
		return;
	}
	print("%s.descriptor.base = %x\n", name, d.base);
	print("%s.descriptor.limit = %x\n", name, d.limit);
	print("%s.descriptor.access = %x\n", name, d.access);
	print("%s.descriptor.flags = %x\n", name, d.flags);
}

static void print_msr(const char *name, struct msr msr)
{
	if (msr.there)
		print("%s = %X\n", name, msr.value);
	else
		print("%s = n/a\n", name);
}

static void print_interrupt_controllers(void)
{
	print("pic1.mask = %x\n", in8(0x21));
	print("pic2.mask = %x\n", in8(0xa1));
	/* in xAPIC mode, globally enabled, and at the default address */
	if (cpu.apic_base.there && (cpu.apic_base.value & ~(uint64_t)0x3ff) == 0xfee00800) {
		uint32_t base = 0xfee00000;

		print("apic.lint0 = %x\n", *(volatile uint32_t *)(uintptr_t)(base + APIC_LVT_LINT0));
		print("apic.lint1 = %x\n", *(volatile uint32_t *)(uintptr_t)(base + APIC_LVT_LINT1));
	}
}

void cpu_print(const struct saved *state)
{
	print("entry = %x\n", state->entry);
	print("eax = %x\n", state->eax);
	print("ebx = %x\n", state->ebx);
	print("ecx = %x\n", state->ecx);
	print("edx = %x\n", state->edx);
	print("esi = %x\n", state->esi);
	print("edi = %x\n", state->edi);
	print("ebp = %x\n", state->ebp);
	print("esp = %x\n", state->esp);
	print("eflags = %x\n", state->eflags);
	print("cr0 = %x\n", state->cr0);
	print("cr2 = %x\n", state->cr2);
	print("cr3 = %x\n", state->cr3);
	if (cpu.has_cr4)
		print("cr4 = %x\n", cpu.cr4);
	else
		print("cr4 = n/a\n");
	for (uint32_t i = 0; i < 4; i++)
		print("dr%u = %x\n", i, state->dr[i]);
	print("dr6 = %x\n", state->dr6);
	print("dr7 = %x\n", state->dr7);
	print("gdtr.base = %x\n", state->gdt_base);
	print("gdtr.limit = %x\n", state->gdt_limit);
	print("idtr.base = %x\n", state->idt_base);
	print("idtr.limit = %x\n", state->idt_limit);
	print_segment(state, "cs", state->cs);
	print_segment(state, "ds", state->ds);
	print_segment(state, "es", state->es);
	print_segment(state, "fs", state->fs);
	print_segment(state, "gs", state->gs);
	print_segment(state, "ss", state->ss);
	print_segment(state, "ldtr", state->ldtr);
	print_segment(state, "tr", state->tr);
	print("cpuid = %s\n", cpu.has_cpuid ? "yes" : cpu.has_ac ? "no, 486" : "no, 386");
	if (cpu.has_cpuid) {
		print("cpuid.1.eax = %x\n", cpu.signature);
		print("cpuid.1.edx = %x\n", cpu.edx);
		print("cpuid.1.ecx = %x\n", cpu.ecx);
	}
	print_msr("efer", cpu.efer);
	print_msr("pat", cpu.pat);
	print_msr("sysenter_cs", cpu.sysenter_cs);
	print_msr("sysenter_esp", cpu.sysenter_esp);
	print_msr("sysenter_eip", cpu.sysenter_eip);
	print_msr("star", cpu.star);
	print_msr("lstar", cpu.lstar);
	print_msr("cstar", cpu.cstar);
	print_msr("fmask", cpu.fmask);
	print_msr("xss", cpu.xss);
	print_msr("perf_global_ctrl", cpu.perf_global_ctrl);
	print_msr("apic_base", cpu.apic_base);
	if (cpu.has_xcr0)
		print("xcr0 = %X\n", cpu.xcr0);
	else
		print("xcr0 = n/a\n");
	if (cpu.has_x87) {
		print("x87.control = %x\n", cpu.x87_control);
		print("x87.status = %x\n", cpu.x87_status);
		print("x87.tags = %x\n", cpu.x87_tags);
	} else {
		print("x87 = n/a\n");
	}
	print("a20 = %s\n", cpu.a20 ? "open" : "closed");
	print_interrupt_controllers();
	print("bda.ebda_segment = %x\n", peek16(BDA_EBDA_SEGMENT));
	print("bda.base_memory_kib = %u\n", peek16(BDA_BASE_MEMORY));
	print("ivt.crc32 = %x\n", crc32(0, 0x400));
}

static bool is_flat(struct descriptor d, bool code)
{
	/* present, DPL 0, code/data, not system; code: execute/read, not conforming;
	   data: read/write, expand up; accessed or not. 4 GiB of 32-bit. */
	return d.there && d.base == 0 && d.limit == 0xffffffff &&
	       (d.access & 0xfe) == (code ? 0x9a : 0x92) && (d.flags & 0xe) == 0xc;
}

/* Multiboot leaves GDTR undefined: only the hidden parts of segments count, which software cannot read. */
static void judge_flat(const struct saved *state, const char *name, uint32_t selector, bool code,
		       bool gdt_promised)
{
	struct descriptor d = descriptor_of(state, selector & 0xffff);

	if (!gdt_promised && !is_flat(d, code))
		not_applicable(name, "not in the GDT in memory, as the protocol allows");
	else
		expect_that(is_flat(d, code), name, code ? "a flat 32-bit code segment" :
			    "a flat 32-bit data segment", "base %x limit %x access %x flags %x",
			    d.base, d.limit, d.access, d.flags);
}

/*
 * Xen, docs/misc/pvh.pandoc: the registers of the boot processor. With the catcher TR's base is the catcher's, as stage2/LIMITS.md
 * says.
 */
static void judge_pvh(const struct saved *state, bool catcher)
{
	struct descriptor task = descriptor_of(state, state->tr);

	expect_masked("protocol.pvh.cr0", state->cr0, CR0_PE, CR0_WRITABLE);
	if (cpu.has_cr4)
		expect("protocol.pvh.cr4", cpu.cr4, 0);
	else
		not_applicable("protocol.pvh.cr4", "this CPU has no CR4");
	expect_masked("protocol.pvh.eflags", state->eflags, 0, EFLAGS_VM | EFLAGS_IF | EFLAGS_TF);
	expect_that(task.there && (task.access & 0x9f) == (0x80 | TYPE_TSS32_BUSY) && task.limit == TSS_LIMIT, "protocol.pvh.tr",
		    "an active 32-bit TSS of limit 0x67", "selector %x limit %x access %x", state->tr, task.limit, task.access);
	if (!catcher)
		expect("protocol.pvh.tr.base", task.base, 0);
}

static void judge_protocol(const struct saved *state, enum variant variant, bool strict)
{
	bool linux_variant = variant == VARIANT_LINUX;
	bool gdt_promised = linux_variant || strict;

	expect_masked("protocol.cr0", state->cr0, CR0_PE, CR0_PE | CR0_PG);
	expect_masked("protocol.eflags", state->eflags, 0, EFLAGS_IF | EFLAGS_VM);
	judge_flat(state, "protocol.cs.flat", state->cs, true, gdt_promised);
	judge_flat(state, "protocol.ds.flat", state->ds, false, gdt_promised);
	judge_flat(state, "protocol.es.flat", state->es, false, gdt_promised);
	judge_flat(state, "protocol.ss.flat", state->ss, false, gdt_promised);
	expect_that(cpu.a20, "protocol.a20", "open", "%s", cpu.a20 ? "open" : "closed");
	if (linux_variant) {
		/* Linux's Documentation/x86/boot.rst, "32-bit Boot Protocol" */
		expect("protocol.cs", state->cs & 0xffff, 0x10);
		expect("protocol.ds", state->ds & 0xffff, 0x18);
		expect("protocol.es", state->es & 0xffff, 0x18);
		expect("protocol.ss", state->ss & 0xffff, 0x18);
		expect("protocol.ebx", state->ebx, 0);
		expect("protocol.edi", state->edi, 0);
		expect("protocol.ebp", state->ebp, 0);
	} else {
		judge_flat(state, "protocol.fs.flat", state->fs, false, gdt_promised);
		judge_flat(state, "protocol.gs.flat", state->gs, false, gdt_promised);
	}
}

static void judge_msr(const char *name, struct msr msr, uint64_t want)
{
	if (msr.there)
		expect64(name, msr.value, want);
	else
		not_applicable(name, "this CPU has no such MSR");
}

static void judge_segue_registers(const struct saved *state, enum variant variant)
{
	bool linux_variant = variant == VARIANT_LINUX;
	bool multiboot = variant == VARIANT_MULTIBOOT || variant == VARIANT_MULTIBOOT_VIDEO || variant == VARIANT_MULTIBOOT2;

	if (!multiboot)
		expect("segue.eax", state->eax, 0);
	if (!multiboot && variant != VARIANT_PVH)
		expect("segue.ebx", state->ebx, 0);
	expect("segue.ecx", state->ecx, 0);
	expect("segue.edx", state->edx, 0);
	if (!linux_variant)
		expect("segue.esi", state->esi, 0);
	expect("segue.edi", state->edi, 0);
	expect("segue.ebp", state->ebp, 0);
	/* Of PVH: pvh.c */
	if (variant != VARIANT_PVH)
		expect("segue.esp", state->esp, 0);
	expect("segue.eflags", state->eflags, EFLAGS_RESERVED_ONE);
}

static void judge_segue_tables(const struct saved *state, enum variant variant, bool catcher)
{
	uint32_t code = variant == VARIANT_LINUX ? 0x10 : 0x08;
	struct descriptor task = descriptor_of(state, state->tr);

	expect("segue.cs", state->cs & 0xffff, code);
	expect("segue.ds", state->ds & 0xffff, code + 8);
	expect("segue.es", state->es & 0xffff, code + 8);
	expect("segue.fs", state->fs & 0xffff, code + 8);
	expect("segue.gs", state->gs & 0xffff, code + 8);
	expect("segue.ss", state->ss & 0xffff, code + 8);
	if (variant == VARIANT_LINUX) {
		judge_flat(state, "segue.fs.flat", state->fs, false, true);
		judge_flat(state, "segue.gs.flat", state->gs, false, true);
	}
	expect("segue.ldtr", state->ldtr, 0);
	expect_that(task.there && task.limit == TSS_LIMIT && (task.access & 0x1f) == TYPE_TSS32_BUSY,
		    "segue.tr", "a busy 32-bit TSS of limit 0x67", "selector %x limit %x access %x",
		    state->tr, task.limit, task.access);
	if (catcher) {
		expect("segue.idtr.limit", state->idt_limit, CATCHER_VECTORS * 8 - 1);
		expect("segue.idtr.base", state->idt_base / CATCHER_SIZE, state->gdt_base / CATCHER_SIZE);
		expect("segue.catcher", task.base / CATCHER_SIZE, state->gdt_base / CATCHER_SIZE);
	} else {
		expect("segue.idtr.limit", state->idt_limit, 0);
		expect("segue.idtr.base", state->idt_base, 0);
	}
}

static void judge_segue_control(const struct saved *state)
{
	expect("segue.cr0", state->cr0, CR0_PE | CR0_ET);
	expect("segue.cr2", state->cr2, 0);
	expect("segue.cr3", state->cr3, 0);
	if (cpu.has_cr4)
		expect("segue.cr4", cpu.cr4, 0);
	else
		not_applicable("segue.cr4", "this CPU has no CR4");
	judge_msr("segue.efer", cpu.efer, 0);
}

static void judge_segue_cpu(const struct saved *state)
{
	expect("segue.dr0", state->dr[0], 0);
	expect("segue.dr1", state->dr[1], 0);
	expect("segue.dr2", state->dr[2], 0);
	expect("segue.dr3", state->dr[3], 0);
	expect_masked("segue.dr6", state->dr6, 0, DR6_CAUSES);
	expect("segue.dr7", state->dr7, DR7_RESET);
	judge_msr("segue.pat", cpu.pat, PAT_RESET);
	judge_msr("segue.sysenter_cs", cpu.sysenter_cs, 0);
	judge_msr("segue.sysenter_esp", cpu.sysenter_esp, 0);
	judge_msr("segue.sysenter_eip", cpu.sysenter_eip, 0);
	judge_msr("segue.star", cpu.star, 0);
	judge_msr("segue.lstar", cpu.lstar, 0);
	judge_msr("segue.cstar", cpu.cstar, 0);
	judge_msr("segue.fmask", cpu.fmask, 0);
	judge_msr("segue.xss", cpu.xss, 0);
	judge_msr("segue.perf_global_ctrl", cpu.perf_global_ctrl, 0);
	if (cpu.has_xcr0)
		expect64("segue.xcr0", cpu.xcr0, 1);
	else
		not_applicable("segue.xcr0", "this CPU has no XSAVE");
	if (cpu.has_x87) {
		expect("segue.x87.control", cpu.x87_control, X87_CONTROL_INIT);
		expect("segue.x87.status", cpu.x87_status, 0);
		expect("segue.x87.tags", cpu.x87_tags, X87_TAGS_EMPTY);
	} else {
		not_applicable("segue.x87", "no x87, or CR0 forbids its instructions");
	}
}

void cpu_judge(const struct saved *state, enum variant variant, bool strict, bool catcher)
{
	/* wide.c judges what the 64-bit entry has changed since. */
	bool wide = variant == VARIANT_LINUX64;

	if (!wide)
		judge_protocol(state, variant, strict);
	if (wide)
		expect_that(cpu.a20, "protocol.a20", "open", "%s", cpu.a20 ? "open" : "closed");
	if (variant == VARIANT_PVH)
		judge_pvh(state, catcher);
	if (!strict)
		return;
	if (!wide) {
		judge_segue_registers(state, variant);
		judge_segue_tables(state, variant, catcher);
		judge_segue_control(state);
	}
	judge_segue_cpu(state);
}
