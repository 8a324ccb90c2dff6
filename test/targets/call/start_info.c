/* SPDX-License-Identifier: MIT */
/* PVH's start info: Xen, include/public/arch-x86/hvm/start_info.h, version 1. */
#include <stddef.h>
#include "read_core.h"
#include "start_info.h"

#define RAM 1u
#define ELF_MAGIC 0x464c457fu
#define RSDP_MAGIC_1 0x20445352u
#define RSDP_MAGIC_2 0x20525450u

/* struct hvm_start_info, hvm_modlist_entry, hvm_memmap_table_entry */
struct start_info {
	uint32_t magic, version, flags, module_count;
	uint64_t modules, line, rsdp, map;
	uint32_t map_count, reserved;
};
struct module {
	uint64_t start, size, line, reserved;
};
struct map_entry {
	uint64_t start, size;
	uint32_t type, reserved;
};

static const void *at(uint64_t physical)
{
	must_be("high half of an address", (uint32_t)(physical >> 32), 0);
	return (const void *)(uint32_t)physical;
}

static void must_be_ram(const char *what, const struct start_info *info, uint64_t start, uint64_t size)
{
	const struct map_entry *map = at(info->map);

	for (uint32_t i = 0; i < info->map_count; i++)
		if (map[i].type == RAM && start >= map[i].start && start - map[i].start + size <= map[i].size)
			return;
	fail(what, (uint32_t)start, 0);
}

const char *start_info_line(const uint32_t *start)
{
	return at(((const struct start_info *)start)->line);
}

static uint32_t ram_size(const struct start_info *info)
{
	const struct map_entry *map = at(info->map);
	uint32_t size = 0;

	for (uint32_t i = 0; i < info->map_count; i++)
		if (map[i].type == RAM)
			size += (uint32_t)map[i].size;
	return size;
}

void check_start_info(const uint32_t *start, uint32_t ram, bool with_module, bool with_rsdp)
{
	const struct start_info *info = (const struct start_info *)start;
	const struct module *module = at(info->modules);
	const uint32_t *rsdp = at(info->rsdp);

	must_be("the start info's magic", info->magic, START_INFO_MAGIC);
	must_be("its version", info->version, 1);
	must_be("its flags", info->flags, 0);
	must_be("its reserved field", info->reserved, 0);
	must_be("its modules", info->module_count, with_module);
	must_be("the RAM in its map", ram_size(info), ram);
	must_be_ram("no RAM: the target", info, (uint32_t)check_start_info, 1);
	must_be_ram("no RAM: the start info", info, (uint32_t)info, sizeof *info);
	must_be_ram("no RAM: the command line", info, info->line, 1);
	must_be_ram("no RAM: the memory map", info, info->map, info->map_count * sizeof(struct map_entry));
	if (with_module) {
		must_be_ram("no RAM: the list of modules", info, info->modules, sizeof *module);
		must_be_ram("no RAM: the module", info, module->start, module->size);
		must_be("the module", *(const uint32_t *)at(module->start), ELF_MAGIC);
	}
	must_be("the RSDP's place", rsdp != NULL, with_rsdp);
	if (with_rsdp) {
		must_be("the RSDP", rsdp[0], RSDP_MAGIC_1);
		must_be("the RSDP, second part", rsdp[1], RSDP_MAGIC_2);
	}
}
