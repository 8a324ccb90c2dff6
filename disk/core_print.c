/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "common/bytes.h"
#include "core_crash.h"
#include "core_print.h"
#include "disk.h"
#include "kernel_facts.h"

struct register_name {
	const char *name;
	unsigned index;               /* in user_regs_struct */
};

/* Linux, arch/x86/include/asm/user_64.h and user_32.h: user_regs_struct */
static const struct register_name names_64[] = {
	{ "rip", 16 }, { "rsp", 19 }, { "rbp", 4 }, { "rflags", 18 },
	{ "rax", 10 }, { "rbx", 5 }, { "rcx", 11 }, { "rdx", 12 },
	{ "rsi", 13 }, { "rdi", 14 }, { "r8", 9 }, { "r9", 8 },
	{ "r10", 7 }, { "r11", 6 }, { "r12", 3 }, { "r13", 2 },
	{ "r14", 1 }, { "r15", 0 }, { "fs_base", 21 }, { "gs_base", 22 }
};
static const struct register_name selectors_64[] = {
	{ "cs", 17 }, { "ss", 20 }, { "ds", 23 }, { "es", 24 }, { "fs", 25 }, { "gs", 26 }
};
static const struct register_name names_32[] = {
	{ "eip", 12 }, { "esp", 15 }, { "ebp", 5 }, { "eflags", 14 },
	{ "eax", 6 }, { "ebx", 0 }, { "ecx", 1 }, { "edx", 2 },
	{ "esi", 3 }, { "edi", 4 }
};
static const struct register_name selectors_32[] = {
	{ "cs", 13 }, { "ss", 16 }, { "ds", 7 }, { "es", 8 }, { "fs", 9 }, { "gs", 10 }
};

static void print_names(const struct core_cpu *cpu, const struct register_name *names, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (i % 4 == 0)
			fact("");
		printf(cpu->is_64 ? "%-7s %016" PRIx64 : "%-6s %08" PRIx64, names[i].name, core_cpu_register(cpu, names[i].index));
		fputs(i % 4 == 3 || i + 1 == count ? "\n" : "  ", stdout);
	}
}

static void print_selectors(const struct core_cpu *cpu, const struct register_name *names, size_t count)
{
	size_t i;

	fact("");
	for (i = 0; i < count; i++)
		printf("%s %04" PRIx64 "%s", names[i].name, core_cpu_register(cpu, names[i].index) & 0xffff, i + 1 == count ? "\n" : "  ");
}

/* Its number at the host is pr_pid less 1 (segue_core.h). Other cores have the numbers of processes there. */
static void print_cpu(const struct core *core, size_t index)
{
	const struct core_cpu *cpu = &core->cpus[index];
	uint32_t pid = core_cpu_pid(cpu);
	char label[32];

	snprintf(label, sizeof label, "CPU %zu", core->has_host && pid ? (size_t)pid - 1 : index);
	fact(label);
	printf("pr_pid %" PRIu32 "\n", pid);
	if (cpu->is_64) {
		print_names(cpu, names_64, sizeof names_64 / sizeof *names_64);
		print_selectors(cpu, selectors_64, sizeof selectors_64 / sizeof *selectors_64);
	} else {
		print_names(cpu, names_32, sizeof names_32 / sizeof *names_32);
		print_selectors(cpu, selectors_32, sizeof selectors_32 / sizeof *selectors_32);
	}
}

static void print_entry(const char *label, uint32_t entry, const char *none)
{
	fact(label);
	if (entry)
		printf("entry 0x%08" PRIx32 " (physical)\n", entry);
	else
		printf("%s\n", none);
}

static void print_host(const struct core *core)
{
	const struct segue_core_host *host = &core->host;
	const char *why = core_why_not_restored(core);

	fact("workspace");
	printf("0x%08" PRIx64 " - 0x%08" PRIx64 "\n", host->workspace, host->workspace + host->workspace_size);
	if (why) {
		fact("restore");
		printf("no: %s\n", why);
	} else {
		print_entry("restore", host->restore_entry, "");
	}
	print_entry("return", host->return_entry, "no: the target does not come back");
	fact("paging");
	if (host->cr0)
		printf("%s; CR0 0x%" PRIx64 ", CR3 0x%" PRIx64 ", CR4 0x%" PRIx64 ", EFER 0x%" PRIx64 "\n",
		       core_paging_name(core_paging_of(host)), host->cr0, host->cr3, host->cr4, host->efer);
	else
		printf("unknown: the note has no control registers, so the host had not been left\n");
}

static void print_notes(const struct core *core)
{
	size_t i;

	for (i = 0; i < core->note_count; i++) {
		const struct core_note *note = &core->notes[i];

		fact(i ? "" : "notes");
		print_text(note->name, note->name_size);
		printf(" %#" PRIx32 ", %zu bytes%s\n", note->type, note->desc_size, note->cpu ? ": registers of a CPU" : "");
	}
}

static void print_damages(const struct core *core)
{
	size_t i;

	for (i = 0; i < core->damage_count && i < CORE_DAMAGES; i++) {
		fact("warning");
		printf("%s\n", core->damages[i]);
	}
	if (i < core->damage_count) {
		fact("warning");
		printf("and %zu more\n", core->damage_count - i);
	}
}

static void print_ranges(const struct core_list *list, bool has_offsets)
{
	struct core_list merged = { 0 };
	size_t i;

	for (i = 0; i < list->count; i++)
		core_add_merged(&merged, list->at[i], has_offsets);
	printf("\n  %-37s  %-18s  %s%16s\n", "physical", "virtual", has_offsets ? "offset      " : "", "bytes");
	for (i = 0; i < merged.count; i++) {
		const struct core_range *range = &merged.at[i];
		char text[64];

		snprintf(text, sizeof text, "0x%08" PRIx64 " - 0x%08" PRIx64, range->phys, range->phys + range->size);
		printf("  %-37s  ", text);
		snprintf(text, sizeof text, "0x%08" PRIx64, range->virt);
		printf("%-18s  ", range->virt == CORE_NOWHERE ? "nowhere" : text);
		if (has_offsets)
			printf("0x%08" PRIx64 "  ", range->offset);
		printf("%16" PRIu64 "\n", range->size);
	}
	core_list_free(&merged);
}

static uint64_t size_of(const struct core_list *list)
{
	uint64_t size = 0;
	size_t i;

	for (i = 0; i < list->count; i++)
		size += list->at[i].size;
	return size;
}

void core_print(const struct core *core, const struct core_list *mapped)
{
	const struct segue_core_host *host = &core->host;

	printf("%s: ", core->path);
	if (core->has_host)
		printf("core of a %u-bit host of Segue %" PRIu32 ".%" PRIu32 ".%" PRIu32, core->width, host->version / 10000,
		       host->version / 100 % 100, host->version % 100);
	else
		printf("foreign core: an ELF core without a note of Segue, of a %u-bit machine", core->width);
	printf("; ELF%d, %s of memory\n", core->is_64 ? 64 : 32, human_size(size_of(&core->memory)));
	if (core->has_host)
		print_host(core);
	core_print_crash(core);
	for (size_t i = 0; i < core->cpu_count; i++) {
		print_cpu(core, i);
		core_print_control(core, core_cpu_pid(&core->cpus[i]) - 1);
	}
	print_notes(core);
	if (core->left_out) {
		fact("left out");
		printf("%s of its ranges, by the program that made the file\n", human_size(core->left_out));
	}
	print_damages(core);
	print_ranges(mapped ? mapped : &core->segments, !mapped);
	core_print_log(core);
}
