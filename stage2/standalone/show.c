/* SPDX-License-Identifier: MIT */
#include "show.h"
#include "standalone.h"

#define ROWS_SHOWN 8                  /* of modules and of segments, without verbose */

void show_size(uint64_t size, uint32_t *number, const char **unit)
{
	*unit = "bytes";
	if (size >= 10240) {
		size >>= 10;
		*unit = "KiB";
	}
	if (size >= 10240) {
		size >>= 10;
		*unit = "MiB";
	}
	*number = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
}

/* The first rows of a list are always shown, the rest only with verbose. */
static int row_level(size_t index)
{
	return index < ROWS_SHOWN ? SEGUE_LOG_INFO : SEGUE_LOG_DEBUG;
}

static void show_rest(size_t count, bool verbose)
{
	if (count > ROWS_SHOWN && !verbose)
		say(SEGUE_LOG_INFO, "  and %u more", (unsigned)(count - ROWS_SHOWN));
}

static uint64_t memory_in_all(const struct boot_info *boot)
{
	struct segue_range range;
	uint64_t size = 0;

	for (size_t i = 0; boot_range_at(boot, i, &range); i++)
		if (range.type == SEGUE_MEMORY_RAM)
			size += range.end - range.start;
	return size;
}

void show_boot_info(const struct boot_info *boot, bool verbose)
{
	const struct segue_framebuffer *framebuffer = &boot->machine.framebuffer;
	struct boot_module module;
	struct segue_range range;
	const char *unit;
	uint32_t number;

	show_size(memory_in_all(boot), &number, &unit);
	if (boot->protocol == BOOT_STAGE1)
		say(SEGUE_LOG_INFO, "Segue %s, from BIOS drive 0x%02x; %u %s of memory.", SEGUE_VERSION_STRING,
			boot->machine.boot_device >> 24, number, unit);
	else
		say(SEGUE_LOG_INFO, "Segue %s, started by %s (Multiboot %u); %u %s of memory.", SEGUE_VERSION_STRING,
			boot->loader_name ? boot->loader_name : "a loader without a name", boot->protocol, number, unit);
	for (size_t i = 0; boot_range_at(boot, i, &range); i++)
		say(SEGUE_LOG_DEBUG, "Memory 0x%09llx..0x%09llx type %u", (unsigned long long)range.start,
			(unsigned long long)range.end, range.type);
	if (framebuffer->type != SEGUE_FRAMEBUFFER_NONE)
		say(SEGUE_LOG_DEBUG, "Screen: type %u, %ux%u, %u bits, 0x%llx", framebuffer->type,
			framebuffer->width, framebuffer->height, framebuffer->bpp,
			(unsigned long long)framebuffer->addr);
	for (size_t i = 0; boot_module_at(boot, i, &module); i++) {
		show_size(module.size, &number, &unit);
		say(row_level(i), "Module %u: 0x%08x, %u %s: %s", (unsigned)i, module.addr, number, unit,
			module.string);
	}
	show_rest(boot->module_count, verbose);
}

static void show_segments(const void *workspace, const struct segue_description *description, bool verbose)
{
	struct segue_segment segment;
	const char *unit;
	uint32_t number;

	for (size_t i = 0; segue_segment_at(workspace, i, &segment) == SEGUE_OK; i++) {
		show_size(segment.size, &number, &unit);
		say(row_level(i), "  0x%08llx..0x%08llx  %s %u, %u %s",
			(unsigned long long)segment.dest, (unsigned long long)(segment.dest + segment.size),
			segment.name, segment.number, number, unit);
	}
	show_rest(description->segment_count, verbose);
}

static void show_moves(const void *workspace)
{
	struct segue_move_description move;

	for (size_t i = 0; segue_move_at(workspace, i, &move) == SEGUE_OK; i++) {
		const char *kind = move.kind == SEGUE_MOVE_KIND_COPY ? "copy" :
			move.kind == SEGUE_MOVE_KIND_ZERO ? "zero" : "swap";

		say(SEGUE_LOG_DEBUG, "  %s 0x%08llx <- 0x%08llx, 0x%llx bytes%s", kind,
			(unsigned long long)move.dest, (unsigned long long)move.source,
			(unsigned long long)move.size, move.descending ? ", from the end" : "");
	}
}

void show_target(const void *workspace, bool verbose)
{
	struct segue_description description = { .struct_size = sizeof description };

	if (segue_describe(workspace, &description) != SEGUE_OK)
		return;
	say(SEGUE_LOG_INFO, "Target: %s%s%s, %sentry 0x%08x, %u segment%s:", description.protocol,
		*description.container ? " in " : "", description.container, description.long_mode ? "64-bit " : "", description.entry,
		(unsigned)description.segment_count, description.segment_count == 1 ? "" : "s");
	show_segments(workspace, &description, verbose);
	say(SEGUE_LOG_INFO, "Plan: %u move%s: %llu bytes of payload, %llu in place, %llu moved, "
		"%llu set aside, %llu zeroed.", (unsigned)description.move_count,
		description.move_count == 1 ? "" : "s",
		(unsigned long long)description.payload, (unsigned long long)description.in_place,
		(unsigned long long)description.moved, (unsigned long long)description.set_aside,
		(unsigned long long)description.zeroed);
	if (description.has_digest)
		say(SEGUE_LOG_INFO, "Digest: SHA-256, checked after all moves.");
	say(SEGUE_LOG_DEBUG, "Purgatory: 0x%08x, %u bytes; workspace: 0x%08x", description.purgatory,
		description.purgatory_size, physical_address(workspace));
	show_moves(workspace);
}
