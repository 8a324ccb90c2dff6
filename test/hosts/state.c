/* SPDX-License-Identifier: MIT */
/* Host states, one word of the command line each. If the CPU lacks a feature, the host says so and stops. */
#include "kernel.h"

/* CPUID.1:EDX and ECX */
#define EDX_VME BIT(1)
#define EDX_DE BIT(2)
#define EDX_PSE BIT(3)
#define EDX_TSC BIT(4)
#define EDX_MSR BIT(5)
#define EDX_MCE BIT(7)
#define EDX_SEP BIT(11)
#define EDX_PGE BIT(13)
#define EDX_PAT BIT(16)
#define EDX_FXSR BIT(24)
#define EDX_SSE BIT(25)
#define ECX_VMX BIT(5)
#define ECX_PCID BIT(17)
#define ECX_X2APIC BIT(21)
#define ECX_XSAVE BIT(26)
#define ECX_AVX BIT(28)
/* CPUID.7:EBX and ECX */
#define EBX7_FSGSBASE BIT(0)
#define EBX7_SMEP BIT(7)
#define EBX7_SMAP BIT(20)
#define ECX7_UMIP BIT(2)
#define ECX7_PKU BIT(3)
#define ECX7_CET_SS BIT(7)
#define ECX7_PKS BIT(31)
/* CPUID.80000001H:EDX and ECX */
#define EXT_EDX_SYSCALL BIT(11)
#define EXT_EDX_NX BIT(20)
#define EXT_EDX_RDTSCP BIT(27)
#define EXT_EDX_LM BIT(29)
#define EXT_ECX_SVM BIT(2)

#define XSS_CET_U BIT(11)             /* CPUID.(0DH,1):ECX has the same bits */

#define APIC_BASE_EXTD BIT(10)
#define APIC_BASE_EN BIT(11)
#define FEATURE_CONTROL_LOCK BIT(0)
#define FEATURE_CONTROL_VMX BIT(2)
#define PCID 5u
/* Slots 1 to 7 as an operating system might set them; slot 0 stays write-back. */
#define PAT_CHANGED 0x0407050600070106u
#define DR6_CHANGED 0xffff4ff5u       /* its bits that can be set: a single step, breakpoints 0 and 2 */
#define CR2_CHANGED 0x0badc0deu
#define MXCSR_UNMASKED 0x0000u

static struct {
	struct cpuid one, seven, extended;
} cpu;

static __attribute__((aligned(4096))) uint32_t vmxon_region[1024];

static void need(bool there, const char *what)
{
	if (there)
		return;
	say("host: this CPU has no %s\n", what);
	stop();
}

static void read_cpu(void)
{
	cpu.one = cpuid(1, 0);
	cpu.seven = cpuid(7, 0);
	cpu.extended = cpuid(0x80000001, 0);
}

static bool long_mode(void)
{
	return handover.mode >= MODE_LONG;
}

/* CR4 bits that the CPU offers beyond those of the mode. VMXE and CET have words of their own. */
static uint32_t cr4_offered(void)
{
	const struct {
		uint32_t there, bits;
	} table[] = {
		{cpu.one.edx & EDX_VME, CR4_VME | CR4_PVI},
		{cpu.one.edx & EDX_TSC, CR4_TSD},
		{cpu.one.edx & EDX_DE, CR4_DE},
		{cpu.one.edx & EDX_PSE, CR4_PSE},
		{cpu.one.edx & EDX_MCE, CR4_MCE},
		{cpu.one.edx & EDX_PGE, CR4_PGE},
		{cpu.one.edx & EDX_FXSR, CR4_OSFXSR},
		{cpu.one.edx & EDX_SSE, CR4_OSXMMEXCPT | CR4_PCE},
		{cpu.seven.ecx & ECX7_UMIP, CR4_UMIP},
		{cpu.seven.ebx & EBX7_FSGSBASE && long_mode(), CR4_FSGSBASE},
		{cpu.one.ecx & ECX_PCID && long_mode(), CR4_PCIDE},
		{cpu.one.ecx & ECX_XSAVE, CR4_OSXSAVE},
		{cpu.seven.ebx & EBX7_SMEP, CR4_SMEP},
		{cpu.seven.ebx & EBX7_SMAP, CR4_SMAP},
		{cpu.seven.ecx & ECX7_PKU && long_mode(), CR4_PKE},
		{cpu.seven.ecx & ECX7_PKS && long_mode(), CR4_PKS},
	};
	uint32_t offered = 0;

	for (uint32_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (table[i].there)
			offered |= table[i].bits;
	return offered;
}

static uint32_t cr4_wanted(const char *line)
{
	static const struct {
		char word[12];
		uint32_t bits;
	} words[] = {
		{"pge", CR4_PGE}, {"smep", CR4_SMEP}, {"smap", CR4_SMAP}, {"umip", CR4_UMIP}, {"pcide", CR4_PCIDE},
		{"fsgsbase", CR4_FSGSBASE}, {"osxsave", CR4_OSXSAVE}, {"pke", CR4_PKE}, {"pks", CR4_PKS},
		{"mce", CR4_MCE}, {"globals", CR4_PGE},
	};
	uint32_t wanted = word(line, "cr4=all") ? cr4_offered() : 0;

	for (uint32_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (!word(line, words[i].word))
			continue;
		need((cr4_offered() & words[i].bits) == words[i].bits, words[i].word);
		wanted |= words[i].bits;
	}
	return wanted;
}

static void apply_cr4(const char *line)
{
	uint32_t wanted = cr4_wanted(line);

	if (wanted)
		write_cr4(read_cr4() | wanted);
	if (wanted & CR4_PCIDE)
		write_cr3(read_cr3() | PCID);
}

/* Loads the TLBs with the global pages of RETs, whose linear addresses are the workspace's physical ones. */
static void touch_globals(void)
{
	for (uint64_t at = 0; at < handover.workspace_size; at += PAGE) {
		uintptr_t linear = (uintptr_t)(handover.workspace_phys + at);

		*(volatile uint8_t *)(linear - (uintptr_t)handover.data_base) = 0xc3;
		((void (*)(void))(linear - (uintptr_t)handover.code_base))();
	}
}

static void apply_msrs(void)
{
	need(cpu.one.edx & EDX_MSR, "MSRs");
	if (cpu.one.edx & EDX_SEP) {
		write_msr(MSR_SYSENTER_CS, SELECTOR_CODE);
		write_msr(MSR_SYSENTER_ESP, 0x55555550);
		write_msr(MSR_SYSENTER_EIP, 0x66666660);
	}
	if (cpu.one.edx & EDX_PAT)
		write_msr(MSR_PAT, PAT_CHANGED);
	if (cpu.extended.edx & EXT_EDX_NX)
		write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_NXE);
	if (!(cpu.extended.edx & EXT_EDX_LM))
		return;
	write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_SCE);
	write_msr(MSR_STAR, 0x0018000881818181);
	write_msr(MSR_LSTAR, 0x82828282);
	write_msr(MSR_CSTAR, 0x03838383);
	write_msr(MSR_FMASK, 0x4700);
	if (cpu.extended.edx & EXT_EDX_RDTSCP)
		write_msr(MSR_TSC_AUX, 0x51515151);
	if (cpu.one.ecx & ECX_XSAVE && cpuid(0xd, 1).ecx & XSS_CET_U)
		write_msr(MSR_XSS, XSS_CET_U);
#ifdef __x86_64__
	write_msr(MSR_KERNEL_GS_BASE, 0xffffafafafafa000);
	write_msr(MSR_FS_BASE, 0xffff8f8f8f8f8000);
	write_msr(MSR_GS_BASE, 0xffff9f9f9f9f9000);
#endif
}

/* Leaves an unmasked divide-by-zero exception pending for the next x87 instruction. */
static void x87_pending(void)
{
	static const uint16_t unmasked = 0x0340;

	__asm__ volatile("fninit\n\tfldcw %0\n\tfld1\n\tfldz\n\tfdivrp" : : "m"(unmasked));
}

static void dirty_sse(void)
{
	static const uint32_t mxcsr = MXCSR_UNMASKED;
	static const uint8_t bytes[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

	need(cpu.one.edx & EDX_SSE, "SSE");
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
	__asm__ volatile("ldmxcsr %0\n\tmovups %1, %%xmm0\n\tmovups %1, %%xmm7" : : "m"(mxcsr), "m"(bytes));
}

static void dirty_avx(void)
{
	struct cpuid offered = cpuid(0xd, 0);

	need(cpu.one.ecx & ECX_AVX && cpu.one.ecx & ECX_XSAVE, "AVX");
	write_cr4(read_cr4() | CR4_OSXSAVE);
	__asm__ volatile("xsetbv" : : "c"(0), "a"(offered.eax), "d"(offered.edx));
	dirty_sse();
	__asm__ volatile("vcmpps $15, %ymm1, %ymm1, %ymm1\n\tvmovaps %ymm1, %ymm6");
}

static void apply_fpu(const char *line)
{
	/* a task switch has set CR0.TS */
	__asm__ volatile("clts");
	if (word_is(line, "fpu=", "x87"))
		x87_pending();
	if (word_is(line, "fpu=", "sse"))
		dirty_sse();
	if (word_is(line, "fpu=", "avx"))
		dirty_avx();
}

static void enter_vmx(void)
{
	uint64_t at = physical_of(vmxon_region);
	uint8_t failed;

	need(cpu.one.ecx & ECX_VMX, "VMX");
	if (!(read_msr(MSR_FEATURE_CONTROL) & FEATURE_CONTROL_LOCK))
		write_msr(MSR_FEATURE_CONTROL, FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX);
	write_cr0(read_cr0() | CR0_NE);
	write_cr4(read_cr4() | CR4_VMXE);
	vmxon_region[0] = (uint32_t)read_msr(MSR_VMX_BASIC);
	__asm__ volatile("vmxon %1\n\tsetna %0" : "=q"(failed) : "m"(at) : "cc", "memory");
	need(!failed, "way into VMX root");
}

static void apply_cr0(const char *line)
{
	static const struct {
		char word[4];
		uint32_t bits;
	} words[] = {{"mp", CR0_MP}, {"em", CR0_EM}, {"ts", CR0_TS}, {"ne", CR0_NE}, {"wp", CR0_WP},
		     {"am", CR0_AM}, {"nw", CR0_NW | CR0_CD}, {"cd", CR0_CD}};
	uintptr_t cr0 = read_cr0();

	for (uint32_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (word(line, words[i].word))
			cr0 |= words[i].bits;
	write_cr0(cr0);
}

static void apply_segments(const char *line)
{
	/* segue_ready() is called with these; for segue_exec() state_data_selector() gives DS and ES */
	if (word(line, "userseg"))
		__asm__ volatile("mov %0, %%ds\n\tmov %0, %%es" : : "r"(SELECTOR_USER_DATA | 3));
	if (word(line, "nullseg"))
		__asm__ volatile("mov %0, %%fs\n\tmov %0, %%gs" : : "r"(0));
	if (word(line, "cs=")) {
		code_selector_put((uint32_t)word_number(line, "cs=", 0));
		load_code((uint16_t)word_number(line, "cs=", 0));
	}
	if (word(line, "ldt") || word(line, "ldtcode")) {
		tables_load_ldt();
		__asm__ volatile("mov %0, %%fs\n\tmov %0, %%gs" : : "r"(SELECTOR_IN_LDT));
	}
	if (word(line, "ldtcode")) {
		__asm__ volatile("mov %0, %%ds\n\tmov %0, %%ss" : : "r"(SELECTOR_LDT_DATA));
		load_code(SELECTOR_LDT_CODE);
	}
}

/* Sets breakpoints on what purgatory executes and writes: its entry, its stack at both addresses, the target's entry. */
static void arm_breakpoints(const char *line)
{
	/* DR7 (vol. 3, 17.2.4): all four enabled globally; 0 on execution, 1 to 3 on writes of four bytes */
	uint32_t dr7 = BIT(10) | 0xffu | 0xdu << 20 | 0xdu << 24 | 0xdu << 28;

	write_dr0((uintptr_t)handover.workspace_phys);
	write_dr1((uintptr_t)(handover.workspace + handover.data_base + 2 * PAGE - 4));
	write_dr2((uintptr_t)handover.workspace_phys + 2 * PAGE - 4);
	write_dr3(0x100010);
	write_dr6(DR6_CHANGED);
	if (word_is(line, "dr=", "gd"))
		dr7 |= BIT(13);
	write_dr7(dr7);
}

void state_apply(const char *line)
{
	read_cpu();
	apply_segments(line);
	if (word(line, "msr"))
		apply_msrs();
	apply_cr4(line);
	if (word(line, "globals"))
		touch_globals();
	apply_fpu(line);
	if (word(line, "svm") || word(line, "clgi")) {
		need(cpu.extended.ecx & EXT_ECX_SVM, "SVM");
		write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_SVME);
	}
	if (word(line, "x2apic")) {
		need(cpu.one.ecx & ECX_X2APIC, "x2APIC");
		write_msr(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) | APIC_BASE_EN | APIC_BASE_EXTD);
	}
	if (word(line, "vmx"))
		enter_vmx();
	write_cr2(CR2_CHANGED);
	apply_cr0(line);
	if (word(line, "dr="))
		arm_breakpoints(line);
}

uintptr_t state_flags(const char *line)
{
	static const struct {
		char word[4];
		uint32_t bits;
	} words[] = {{"tf", EFLAGS_TF}, {"nt", EFLAGS_NT}, {"ac", EFLAGS_AC}, {"df", EFLAGS_DF}, {"pit", EFLAGS_IF}};
	uintptr_t flags = 0;

	for (uint32_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (word(line, words[i].word))
			flags |= words[i].bits;
	return flags;
}

uint32_t state_data_selector(const char *line)
{
	if (word(line, "userseg"))
		return SELECTOR_NARROW_DATA | 3;
	return word(line, "nullseg") ? 0 : SELECTOR_DATA;
}

bool state_prepare_shadow_stack(const char *line)
{
	if (!word(line, "cet"))
		return false;
	need(cpu.seven.ecx & ECX7_CET_SS, "CET");
	write_cr4(read_cr4() | CR4_CET);
	write_msr(MSR_PL0_SSP, (uintptr_t)shadow_stack + (uintptr_t)handover.data_base + PAGE - 8);
	return true;
}
