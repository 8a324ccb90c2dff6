/* SPDX-License-Identifier: MIT */
/* The host kernel: loads a target, sets up the state it was asked for, and leaves. */
#include "kernel.h"

enum { PIC1 = 0x20, PIC2 = 0xa0, PIT = 0x40, VECTOR_IRQ0 = PIC_VECTOR };
enum { VECTOR_DB = 1, VECTOR_NMI = 2, VECTOR_DF = 8, VECTOR_GP = 13 };
enum { APIC_EOI = 0xb0 };
#define STACK_PATTERN 0x5a

void kernel_main(uint32_t number);

/* Written by the boot stage. */
__attribute__((section(".data"))) struct handover handover = {.mode = MODE_FLAT};

volatile uint32_t ticks, apic_ticks;
static volatile uint32_t steps;
void (*at_breakpoint)(void);
volatile bool timer_stays_in_service;
static volatile bool leave_from_irq, leave_from_nmi;

uint64_t physical_of(const void *at)
{
	return (uintptr_t)at - handover.base + word_number(handover.line, "shift=", 0);
}

void *pointer(uint64_t offset)
{
	return (void *)(uintptr_t)offset;
}

void log_line(void *context, int level, const char *sentence)
{
	(void)context;
	say("host: segue says (%u) %s\n", (uint32_t)level, sentence);
}

/* QEMU puts a file's path before a module's words; GRUB does not. */
const char *behind_path(const char *line)
{
	if (*line == '/')
		while (*line && *line != ' ')
			line++;
	while (*line == ' ')
		line++;
	return line;
}

static void fill_part(struct segue_part *to, const struct host_part *from)
{
	to->data = pointer(from->data);
	to->size = (size_t)from->size;
	to->extents = pointer(from->extents);
	to->extent_count = (size_t)from->extent_count;
	to->name = "module";
	to->cmdline = behind_path(from->line);
}

/* Passes wrong facts that only segue_ready() can detect. */
static void tell_wrongly(struct segue_load_args *args)
{
	if (word_is(handover.line, "wrong=", "code"))
		args->code_base += PAGE;
	if (word_is(handover.line, "wrong=", "data"))
		args->data_base += PAGE;
	if (word_is(handover.line, "wrong=", "phys"))
		args->workspace_phys += PAGE;
}

/* Passes a map of one entry: the RAM above 1 MiB. */
static void tell_one_range(struct segue_load_args *args)
{
	for (size_t i = 0; i < args->memory_map_count; i++)
		if (args->memory_map[i].type == SEGUE_MEMORY_RAM && args->memory_map[i].start == 0x100000) {
			args->memory_map += i;
			args->memory_map_count = 1;
			return;
		}
	say("host: out of ranges\n");
	stop();
}

/* within=START-END,START-END: target memory */
static void tell_within(struct segue_load_args *args)
{
	static struct segue_range ranges[4];

	args->target_memory = ranges;
	args->target_memory_count = read_ranges(handover.line, "within=", ranges, sizeof ranges / sizeof *ranges);
}

/* digest=: 64 hexadecimal digits */
static void tell_digest(struct segue_load_args *args)
{
	static uint8_t digest[32];
	const char *text = word(handover.line, "digest=");

	if (!text)
		return;
	for (size_t i = 0; i < 2 * sizeof digest; i++) {
		uint32_t digit = text[i] <= '9' ? (uint32_t)(text[i] - '0') : (uint32_t)(text[i] - 'a' + 10);

		digest[i / 2] = (uint8_t)(digest[i / 2] << 4 | digit);
	}
	args->digest = digest;
}

void load_arguments(struct segue_load_args *args, struct segue_part *modules, struct segue_machine *machine)
{
	const struct handover *h = &handover;

	*machine = (struct segue_machine){.serial_port = 0x3f8};
	machine->bios_pic_masks = (uint32_t)word_number(h->line, "masks=", 0);
	machine->framebuffer = (struct segue_framebuffer){
		.addr = 0xb8000, .pitch = 160, .width = 80, .height = 25, .bpp = 16, .type = SEGUE_FRAMEBUFFER_EGA_TEXT};
	if (h->rsdp) {
		machine->rsdp = h->rsdp;
		machine->rsdp_copy = h->rsdp_copy;
		machine->rsdp_copy_size = (size_t)h->rsdp_size;
	}
	*args = (struct segue_load_args){.struct_size = sizeof *args};
	fill_part(&args->blob, &h->part[0]);
	args->blob.name = "kernel";
	args->cmdline = args->blob.cmdline;
	for (uint64_t i = 1; i < h->part_count; i++)
		fill_part(&modules[i - 1], &h->part[i]);
	args->modules = modules;
	args->module_count = (size_t)h->part_count - 1;
	args->memory_map = h->map;
	args->memory_map_count = (size_t)h->map_count;
	args->workspace = pointer(h->workspace);
	args->workspace_phys = h->workspace_phys;
	args->workspace_size = (size_t)h->workspace_size;
	args->machine = machine;
	args->log = log_line;
	args->flags = devices_quiet(h->line) | (word(h->line, "catcher") ? SEGUE_LOAD_CATCHER : 0) |
		      (word(h->line, "search") ? SEGUE_LOAD_SEARCH_TABLES : 0);
	if (word(h->line, "linux64"))
		args->flags |= SEGUE_LOAD_LINUX_64;
	if (word(h->line, "vmlinux"))
		args->flags |= SEGUE_LOAD_VMLINUX;
	if (word(h->line, "noname"))
		args->flags |= SEGUE_LOAD_NO_ARGV0;
	if (word_is(h->line, "map=", "one"))
		tell_one_range(args);
	if (word_is(h->line, "multiboot=", "2"))
		args->flags |= SEGUE_LOAD_MULTIBOOT_2;
	if (word(h->line, "columns="))
		machine->framebuffer.width = (uint32_t)word_number(h->line, "columns=", 0);
	args->code_base = h->code_base;
	args->data_base = h->data_base;
	args->cpu_count = (uint32_t)word_number(h->line, "told=", h->cpus);
	if (word(h->line, "init"))
		args->flags |= SEGUE_LOAD_INIT_CPUS;
	if (word(h->line, "any"))
		args->flags |= SEGUE_LOAD_ANY_CPU;
	tell_within(args);
	tell_digest(args);
	if (h->call_count)
		calls_arguments(args, 0);
	tell_wrongly(args);
}

/* Fills the extents above 4 GiB, which the boot stage cannot reach. */
static void fill_high(void)
{
	for (uint64_t i = 0; i < handover.part_count; i++) {
		struct host_part *part = &handover.part[i];
		const struct segue_extent *extents = pointer(part->extents);
		uint64_t from = part->data;

		for (uint64_t k = 0; k < part->extent_count; from += extents[k++].size)
			if (extents[k].addr >= HIGH_START)
				__builtin_memcpy(pointer(handover.high + (extents[k].addr - HIGH_START)), pointer(from),
						 (size_t)extents[k].size);
		if (part->separate)
			continue;
		__builtin_memset(pointer(part->data), 0xa5, (size_t)part->size);
		part->data = handover.high + (extents[0].addr - HIGH_START);
	}
}

static uint64_t read_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return low | (uint64_t)high << 32;
}

static void load(void)
{
	struct segue_load_args args;
	struct segue_part modules[HOST_PARTS];
	struct segue_machine machine;
	uint64_t ticks_before;
	int error;

	if (handover.high)
		fill_high();
	load_arguments(&args, modules, &machine);
	if (word(handover.line, "nogdt"))
		tables_hide_gdt(true);
	ticks_before = word(handover.line, "cost") ? read_tsc() : 0;
	error = segue_load(&args);
	if (error == SEGUE_OK && word(handover.line, "crash") && crash_place()) {
		load_arguments(&args, modules, &machine);
		error = segue_load(&args);
	}
	if (word(handover.line, "nogdt"))
		tables_hide_gdt(false);
	if (word(handover.line, "cost"))
		say("host: segue_load took %x\n", read_tsc() - ticks_before);
	if (error != SEGUE_OK) {
		say("Refused: segue_load: %u %s\n", (uint32_t)error, segue_strerror(error));
		stop();
	}
	if (handover.call_count > 1)
		calls_load_second();
	if (word(handover.line, "crash"))
		crash_say_moves();
	for (uint64_t i = 0; i < handover.part_count; i++)
		if (handover.part[i].separate)
			__builtin_memset(pointer(handover.part[i].data), 0xa5, (size_t)handover.part[i].size);
}

void pic_start(void)
{
	/* ICW1 to ICW4 (8259A): vectors 20h and 28h, all lines but the timer's masked */
	out8(PIC1, 0x11);
	out8(PIC2, 0x11);
	out8(PIC1 + 1, VECTOR_IRQ0);
	out8(PIC2 + 1, VECTOR_IRQ0 + 8);
	out8(PIC1 + 1, 4);
	out8(PIC2 + 1, 2);
	out8(PIC1 + 1, 1);
	out8(PIC2 + 1, 1);
	out8(PIC1 + 1, 0xfe);
	out8(PIC2 + 1, 0xff);
	/* 8254: counter 0, both bytes, rate generator */
	out8(PIT + 3, 0x30 | PIT_MODE << 1);
	out8(PIT, PIT_RELOAD & 0xff);
	out8(PIT, PIT_RELOAD >> 8);
}

static void send_nmi(void)
{
	volatile uint32_t *apic = pointer(handover.apic);

	/* to itself by APIC ID: the self shorthand does not send NMIs (Intel SDM vol. 3, 10.6.1) */
	apic[APIC_SPURIOUS / 4] |= APIC_ENABLE;
	apic[APIC_ICR_HIGH / 4] = apic[APIC_ID / 4] & 0xff000000;
	apic[APIC_ICR_LOW / 4] = ICR_NMI;
}

void handle_vector(uintptr_t vector, uintptr_t error, uintptr_t ip, uintptr_t *flags)
{
	switch (vector) {
	case VECTOR_DB:
		/* a single step or a breakpoint; RF passes an instruction breakpoint once */
		steps++;
		if (at_breakpoint)
			at_breakpoint();
		*flags |= BIT(16);
		return;
	case VECTOR_NMI:
		if (leave_from_nmi)
			last_step();
		if (word(handover.line, "crash"))
			crash_noted(flags);
		return;
	case VECTOR_DF:
		if (!word_is(handover.line, "from=", "df"))
			break;
		last_step();
	case VECTOR_IRQ0:
		ticks++;
		if (leave_from_irq)
			last_step();
		if (!timer_stays_in_service)
			out8(PIC1, 0x20);
		return;
	case VECTOR_APIC_TIMER:
		apic_ticks++;
		*(volatile uint32_t *)pointer(handover.apic + APIC_EOI) = 0;
		return;
	default:
		if (vector > VECTOR_IRQ0)
			return;
	}
	if (word(handover.line, "crash") && word(handover.line, "fault="))
		crash_fault((uint32_t)vector, flags);
	say("host: exception %u error %x at %x\n", (uint32_t)vector, (uint64_t)error, (uint64_t)ip);
	stop();
}

static uint32_t stack_used(void)
{
	const uint8_t *at = page_stack;

	while (*at == STACK_PATTERN)
		at++;
	return (uint32_t)(page_stack_top - at);
}

/* A CPU without CPUID has no CR4 that matters here. */
static bool has_cr4(void)
{
	return cpuid(1, 0).edx != 0;
}

void last_step(void)
{
	const char *line = handover.line, *sentence;
	struct leaving leaving = {.workspace = (uintptr_t)handover.workspace, .keep_stack = 1};
	int error;

	if (word_is(line, "stack=", "page"))
		say("host: %u bytes used of a stack of one page\n", stack_used());
	/* Starting devices takes interrupts, whose handlers must not leave again. */
	leave_from_irq = leave_from_nmi = false;
	devices_start(line);
	say("host: leaving after %u ticks\n", ticks);
	state_apply(line);
	/* From here on every RET needs its CALL: this function never returns. */
	if (state_prepare_shadow_stack(line)) {
		write_msr(MSR_S_CET, S_CET_SHSTK);
		__asm__ volatile("setssbsy");
	}
	say("host: CR0 %x CR3 %x CR4 %x\n", (uint64_t)read_cr0(), (uint64_t)read_cr3(),
	    has_cr4() ? (uint64_t)read_cr4() : (uint64_t)0);
	if (word(line, "bios="))
		bios_calls();
	if (word_is(line, "calls=", "refused")) {
		call_refusals();
		stop();
	}
	if (word(line, "crash"))
		crash();
	if (word(line, "snapshot"))
		snapshot();
	if (word(line, "calls=")) {
		if (word(line, "core") && !word(line, "linux="))
			cores((uint32_t)word_number(line, "calls=", 1));
		else
			calls((uint32_t)word_number(line, "calls=", 1));
		/* exec: then the target is entered once more, and has nobody to come back to. */
		if (!word(line, "exec"))
			stop();
	}
	error = word(line, "blind=") ? SEGUE_OK : cpus_wait(&sentence);
	if (error != SEGUE_OK) {
		say("Refused: segue_ready: %u %s\n", (uint32_t)error, sentence);
		stop();
	}
	if (word_is(line, "blind=", "null"))
		leaving.workspace = 0;
	if (word_is(line, "blind=", "wiped"))
		__builtin_memset(pointer(handover.workspace), 0xa5, PAGE);
	if (word(line, "parks"))
		segue_park(pointer(leaving.workspace));
	leaving.flags = state_flags(line);
	leaving.data = state_data_selector(line);
	leaving.jump = word(line, "jump") != NULL;
	leaving.indirect = word(line, "indirect") != NULL;
	leaving.gif = word(line, "clgi") == NULL;
	leaving.endbranch = word(line, "cet") != NULL;
	if (word_is(line, "stack=", "zero") || word_is(line, "stack=", "unmapped")) {
		leaving.keep_stack = 0;
		leaving.jump = 1;
		leaving.stack = word_is(line, "stack=", "zero") ? 0 : (uintptr_t)handover.unmapped;
	}
	leave_now(&leaving);
}

#ifndef __x86_64__
void fault_begin(void)
{
	if (word(handover.line, "crash") && word(handover.line, "fault="))
		crash_task();
	last_step();
}
#endif

static void start_timer(void)
{
	pic_start();
	__asm__ volatile("sti");
	while (ticks < 3)
		__asm__ volatile("pause");
}

static void run(void)
{
	const char *line = handover.line;

	if (word(line, "fiwix=") && fiwix_stop_kernel) {
		start_timer();
		fiwix_stop_kernel();
	}
	if (word(line, "refusals")) {
		refusals();
		stop();
	}
	if (word_is(line, "map=", "bios"))
		bios_map();
	if (!word_is(line, "blind=", "empty"))
		load();
	say("host: loaded\n");
	cpus_order();
	if (word_is(line, "wrong=", "unloaded") || word_is(line, "blind=", "unloaded"))
		segue_unload(pointer(handover.workspace));
	if (word(line, "pit") || word_is(line, "from=", "irq"))
		start_timer();
	if (word_is(line, "from=", "irq")) {
		leave_from_irq = true;
		for (;;)
			__asm__ volatile("hlt");
	}
	if (word_is(line, "from=", "nmi")) {
		leave_from_nmi = true;
		send_nmi();
		for (uint32_t patience = 100000000; patience; patience--)
			__asm__ volatile("pause");
		say("host: no NMI came\n");
		stop();
	}
	if (word_is(line, "from=", "df")) {
		/* a fault without a present handler is a double fault (Intel SDM vol. 3, table 6-5) */
		gate_absent(VECTOR_GP);
		__asm__ volatile("mov %0, %%fs" : : "r"(0xfff8));
	}
	last_step();
}

void kernel_main(uint32_t number)
{
	const char *line = handover.line;

	if (number > 0)
		cpus_enter(number);
	say("host: entered\n");
	if (handover.mode != MODE_FLAT)
		write_cr3((uintptr_t)handover.cr3);
	tables_load();
	if (handover.high_root) {
		__builtin_memcpy(pointer(handover.high_root), pointer(handover.root), PAGE);
		handover.cr3 = handover.high_root_phys;
		write_cr3((uintptr_t)handover.cr3);
	}
	cpus_begin();
	if (word(line, "tss") || word_is(line, "from=", "df"))
		tables_load_task();
	if (!word_is(line, "stack=", "page"))
		run();
	__builtin_memset(page_stack, STACK_PATTERN, PAGE);
	call_on_stack(run, page_stack_top);
}
