/* SPDX-License-Identifier: MIT */
/* Turns a Multiboot loader's modules into parts for segue_load(). */
#include "parts.h"
#include "standalone.h"
#include "words.h"

static size_t tables_size(const struct boot_info *boot)
{
	struct boot_module module;
	size_t size = boot->module_count * sizeof(struct segue_part);

	for (size_t i = 0; boot_module_at(boot, i, &module); i++)
		size += string_length(module.string) + 2;
	return size;
}

static const char *copy_string(char **at, const char *text, size_t length)
{
	const char *copy = *at;

	for (size_t i = 0; i < length; i++)
		*(*at)++ = text[i];
	*(*at)++ = 0;
	return copy;
}

/* "/boot/vmlinuz quiet" is the name "vmlinuz" and the arguments "quiet". */
static void split_string(const struct boot_info *boot, struct segue_part *part, char **at, const char *string)
{
	const char *name, *end;

	if (!boot_strings_name_file(boot)) {
		part->cmdline = copy_string(at, string, string_length(string));
		return;
	}
	name = skip_blanks(string);
	end = skip_word(name);
	for (const char *c = name; c < end; c++)
		if (*c == '/')
			name = c + 1;
	if (name < end)
		part->name = copy_string(at, name, (size_t)(end - name));
	end = skip_blanks(end);
	part->cmdline = copy_string(at, end, string_length(end));
}

static void fill(const struct boot_info *boot, struct parts *parts, uint32_t addr)
{
	struct segue_part *part = physical(addr);
	char *strings = (char *)(part + boot->module_count);
	struct boot_module module;

	parts->parts = part;
	parts->count = boot->module_count;
	for (size_t i = 0; boot_module_at(boot, i, &module); i++, part++) {
		*part = (struct segue_part){ .data = physical(module.addr), .size = module.size };
		split_string(boot, part, &strings, module.string);
	}
	if (*parts->parts->cmdline)
		parts->cmdline = parts->parts->cmdline;
}

/* The end of RAM below 4 GiB in the loader's map; 4 GiB if there is no map. */
static uint64_t ram_end(const struct boot_info *boot)
{
	struct segue_range range;
	uint64_t end = 0;

	for (size_t i = 0; boot->map_kind != BOOT_MAP_NONE && boot_range_at(boot, i, &range); i++)
		if (range.type == SEGUE_MEMORY_RAM && range.start < ROOM_CEILING && range.end > end)
			end = range.end;
	return end && end < ROOM_CEILING ? end : ROOM_CEILING;
}

/* QEMU silently puts modules beyond the end of RAM if they do not fit. */
static void check_modules(const struct boot_info *boot)
{
	struct boot_module module;
	uint64_t end = ram_end(boot);

	for (size_t i = 0; boot_module_at(boot, i, &module); i++) {
		if (module.addr + (uint64_t)module.size <= end)
			continue;
		say(SEGUE_LOG_ERROR, "Refused: module %u, 0x%08x to 0x%08llx, is beyond RAM, which ends at 0x%08llx.", (unsigned)i,
			module.addr, (unsigned long long)module.addr + module.size, (unsigned long long)end);
		refuse_with_code(SEGUE_E_NO_PLACE);
	}
}

void parts_from_modules(struct room *room, struct parts *parts)
{
	size_t size = tables_size(room->boot);
	uint32_t addr = room_find(room, ROOM_FLOOR, ROOM_CEILING, (uint32_t)size);

	check_modules(room->boot);
	if (!addr) {
		say(SEGUE_LOG_ERROR, "Refused: no free memory for the list of %u modules, %u bytes; the largest free piece has %u.",
			(unsigned)room->boot->module_count, (unsigned)size, room_largest(room, ROOM_FLOOR, ROOM_CEILING));
		refuse_with_code(SEGUE_E_NO_PLACE);
	}
	room_take(room, addr, addr + (uint64_t)size);
	fill(room->boot, parts, addr);
}
