/* SPDX-License-Identifier: MIT */
/*
 * Linux' zero page and what it points to. One table holds the page, the command line, and the part of the memory map
 * that does not fit into the page.
 */
#include "common/memory_functions.h"
#include "common/bytes.h"
#include "linux.h"

#define SETUP_E820_EXT 1u             /* bootparam.h */
#define VIDEO_VGA_TEXT 1u
#define VIDEO_VESA_FRAMEBUFFER 0x23u  /* screen_info.h: VIDEO_TYPE_VLFB */
#define VIDEO_64BIT_BASE 0x2u         /* screen_info.h: VIDEO_CAPABILITY_64BIT_BASE */
#define TEXT_MODE_3 3u
#define MAP_SPLITS 6u                 /* entries that tables, catcher and RSDP add to the map: two each */
#define EGA_256K 3u                   /* int 0x10, AH=0x12, BL=0x10: 256 KiB of video memory, colour */

/* Offsets in the table. */
struct layout {
	size_t command_line;
	size_t more_e820;             /* a setup_data node; 0: none */
	size_t size;
};

static uint8_t within(uint32_t position, uint32_t size)
{
	return (uint8_t)(position < size ? position : size - 1);
}

/* screen_info has 8 bits for columns and lines. If the screen has more, Linux is told of no screen and leaves it alone. */
static void fill_text(const struct job *job, uint8_t *page)
{
	const struct segue_machine *m = job->machine;
	uint32_t columns = 80, lines = 25;

	if (m && m->framebuffer.type == SEGUE_FRAMEBUFFER_EGA_TEXT && m->framebuffer.width != 0 && m->framebuffer.height != 0) {
		columns = m->framebuffer.width;
		lines = m->framebuffer.height;
	}
	if ((columns | lines) > 0xff) {
		segue_say(&job->log, SEGUE_LOG_WARNING, "no text screen of %u by %u for Linux, which takes 255 by 255", columns, lines);
		return;
	}
	if (m) {
		*LINUX_AT(page, screen_info.orig_x) = within(m->cursor_column, columns);
		*LINUX_AT(page, screen_info.orig_y) = within(m->cursor_row, lines);
	}
	*LINUX_AT(page, screen_info.orig_video_mode) = TEXT_MODE_3;
	*LINUX_AT(page, screen_info.orig_video_cols) = (uint8_t)columns;
	*LINUX_AT(page, screen_info.orig_video_lines) = (uint8_t)lines;
	*LINUX_AT(page, screen_info.orig_video_is_vga) = VIDEO_VGA_TEXT;
	put_le16(LINUX_AT(page, screen_info.orig_video_ega_bx), EGA_256K);
	/* 400 scan lines: 25 rows of 16, 50 of 8 */
	put_le16(LINUX_AT(page, screen_info.orig_video_points), lines > 40 ? 8 : 16);
}

/*
 * The type is VESA's, not EFI's (0x70). Linux drives both alike (simplefb; vesafb, efifb), but there may be no EFI to
 * ask, and GRUB on a BIOS leaves a VESA framebuffer.
 */
static OUT_OF_LINE void fill_framebuffer(uint8_t *page, const struct segue_framebuffer *f)
{
	uint32_t size = f->pitch * f->height; /* 16 bits each */
	uint32_t colours = (uint32_t)f->red_size + f->green_size + f->blue_size;

	*LINUX_AT(page, screen_info.orig_video_is_vga) = VIDEO_VESA_FRAMEBUFFER;
	put_le16(LINUX_AT(page, screen_info.lfb_width), (uint16_t)f->width);
	put_le16(LINUX_AT(page, screen_info.lfb_height), (uint16_t)f->height);
	put_le16(LINUX_AT(page, screen_info.lfb_depth), f->bpp);
	put_le16(LINUX_AT(page, screen_info.lfb_linelength), (uint16_t)f->pitch);
	put_le32(LINUX_AT(page, screen_info.lfb_base), (uint32_t)f->addr);
	put_le32(LINUX_AT(page, screen_info.ext_lfb_base), (uint32_t)(f->addr >> 32));
	if (f->addr >> 32 != 0)
		put_le32(LINUX_AT(page, screen_info.capabilities), VIDEO_64BIT_BASE);
	/* in units of 64 KiB for this type */
	put_le32(LINUX_AT(page, screen_info.lfb_size), (size - 1) / 65536 + 1);
	if (f->type != SEGUE_FRAMEBUFFER_RGB)
		return;
	*LINUX_AT(page, screen_info.red_size) = f->red_size;
	*LINUX_AT(page, screen_info.red_pos) = f->red_position;
	*LINUX_AT(page, screen_info.green_size) = f->green_size;
	*LINUX_AT(page, screen_info.green_pos) = f->green_position;
	*LINUX_AT(page, screen_info.blue_size) = f->blue_size;
	*LINUX_AT(page, screen_info.blue_pos) = f->blue_position;
	/* Linux computes a pixel's size from the highest bit of all four fields. */
	if (f->bpp > colours) {
		*LINUX_AT(page, screen_info.rsvd_size) = (uint8_t)(f->bpp - colours);
		if (f->red_position == 0 || f->green_position == 0 || f->blue_position == 0)
			*LINUX_AT(page, screen_info.rsvd_pos) = (uint8_t)colours;
	}
}

static void fill_screen(const struct job *job, uint8_t *page)
{
	const struct segue_framebuffer *f = segue_screen(job);

	if (f && f->type != SEGUE_FRAMEBUFFER_EGA_TEXT) {
		if (f->addr != 0 && (f->width | f->height | f->pitch) <= 0xffff) {
			fill_framebuffer(page, f);
			return;
		}
		segue_say(&job->log, SEGUE_LOG_WARNING, "no framebuffer of %u by %u, %u bytes a line, for Linux", f->width, f->height,
			  f->pitch);
	}
	fill_text(job, page);
}

/* KiB of contiguous RAM from 1 MiB on, as the BIOS calls before E820 reported them. */
static void fill_old_sizes(uint8_t *page, const struct segue_range *map, size_t count)
{
	uint32_t kib = (uint32_t)((segue_ram_end(map, count, ONE_MIB) - ONE_MIB) / 1024);

	put_le32(LINUX_AT(page, alt_mem_k), kib);
	put_le16(LINUX_AT(page, screen_info.ext_mem_k), (uint16_t)(kib > 0xffff ? 0xffff : kib));
}

/*
 * Linux ignores a map of one entry and uses the sizes of the older BIOS calls: append_e820_table() in
 * arch/x86/kernel/e820.c. Splitting the entry in two gives the same map.
 */
static OUT_OF_LINE size_t split_only_range(struct segue_range *map, size_t count)
{
	uint64_t at = ONE_MIB;

	if (count != 1)
		return count;
	if (at <= map->start || at >= map->end)
		at = (map->start + (map->end - map->start) / 2) & ~(uint64_t)(PAGE - 1);
	if (at <= map->start)
		return count;
	map[1] = map[0];
	map[0].end = map[1].start = at;
	return 2;
}

static void put_e820(uint8_t *entries, const struct segue_range *map, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint8_t *e = entries + i * sizeof(struct linux_e820_entry);

		put_le64(e + offsetof(struct linux_e820_entry, addr), map[i].start);
		put_le64(e + offsetof(struct linux_e820_entry, size), map[i].end - map[i].start);
		put_le32(e + offsetof(struct linux_e820_entry, type), map[i].type);
	}
}

static OUT_OF_LINE void fill_header(uint8_t *page, const struct linux_kernel *k, const struct layout *layout)
{
	memcpy(LINUX_AT(page, hdr), k->header, k->header_end - offsetof(struct linux_boot_params, hdr));
	put_le16(LINUX_AT(page, hdr.vid_mode), LINUX_VIDEO_NORMAL);
	*LINUX_AT(page, hdr.type_of_loader) = LINUX_LOADER_UNDEFINED;
	/* No setup code is loaded, so it needs no heap: CAN_USE_HEAP is clear. So are KEEP_SEGMENTS and QUIET. */
	*LINUX_AT(page, hdr.loadflags) = LINUX_LOADED_HIGH;
	/* The 64-bit entry does not use it. */
	if (!is_high(k->load))
		put_le32(LINUX_AT(page, hdr.code32_start), (uint32_t)k->load);
	put_le32(LINUX_AT(page, hdr.ramdisk_image), (uint32_t)k->initrd);
	put_le32(LINUX_AT(page, hdr.ramdisk_size), (uint32_t)k->initrd_size);
	if (HIGH_LIMIT > ADDRESS_LIMIT) {
		put_le32(LINUX_AT(page, ext_cmd_line_ptr), (uint32_t)((uint64_t)(k->page + layout->command_line) >> 32));
		put_le32(LINUX_AT(page, ext_ramdisk_image), (uint32_t)((uint64_t)k->initrd >> 32));
		put_le32(LINUX_AT(page, ext_ramdisk_size), (uint32_t)((uint64_t)k->initrd_size >> 32));
	}
	if (k->minor >= 2) {
		put_le32(LINUX_AT(page, hdr.cmd_line_ptr), (uint32_t)(k->page + layout->command_line));
	} else {
		put_le16(LINUX_AT(page, screen_info.cl_magic), LINUX_OLD_LINE_MAGIC);
		put_le16(LINUX_AT(page, screen_info.cl_offset), (uint16_t)layout->command_line);
	}
	if (k->alignment != 0)
		put_le32(LINUX_AT(page, hdr.kernel_alignment), k->alignment);
	if (layout->more_e820 != 0)
		put_le64(LINUX_AT(page, hdr.setup_data), k->page + layout->more_e820);
}

static void lay_out(const struct job *job, const struct linux_kernel *k, size_t e820_count, struct layout *layout)
{
	layout->command_line = PAGE;
	layout->size = PAGE + job->bundle.cmdline.size + 1;
	if (e820_count <= LINUX_E820_MAX)
		return;
	if (k->minor < 9) {
		segue_say(&job->log, SEGUE_LOG_WARNING, "this Linux gets %u of %z memory ranges", LINUX_E820_MAX, (addr_t)e820_count);
		return;
	}
	layout->more_e820 = (layout->size + 7) & ~(size_t)7;
	layout->size = layout->more_e820 + sizeof(struct linux_setup_data) +
		       (e820_count - LINUX_E820_MAX) * sizeof(struct linux_e820_entry);
}

#if ADDRESS_MAX > UINT32_MAX
addr_t segue_linux_room(const struct job *job)
{
	const struct linux_kernel newest = {.minor = 15};
	struct layout layout = {0};
	size_t count;

	segue_target_map(job, NULL, 0, &count);
	lay_out(job, &newest, count + MAP_SPLITS, &layout);
	return segue_linux_pages(layout.size);
}
#endif

int segue_linux_boot_params(struct job *job, struct linux_kernel *k)
{
	struct place place = {.min = ONE_MIB, .max = ADDRESS_LIMIT, .align = PAGE, .error = SEGUE_E_NO_PLACE};
	struct bytes line = job->bundle.cmdline;
	struct layout layout = {0};
	struct arena before;
	struct segue_range *map;
	size_t count, in_page;
	uint8_t *page;
	int error;

	/* The table below has no target_type, so it does not change this count. */
	segue_target_map(job, NULL, 0, &count);
	lay_out(job, k, count, &layout);
	/* Kernels before 2.02 look there and ignore ESI. */
	if (k->minor < 2) {
		place.min = LINUX_OLD_SETUP;
		place.max = LINUX_OLD_SETUP + layout.size;
	}
	/* Use the lowest address: x86_64 kernels before 3.9 (2.12) have only low memory mapped when they read the page. */
	place.not_in_place = k->minor < 12;
	if (segue_linux_is_above(k)) {
		place.min = k->page;
		place.max = HIGH_LIMIT;
	}
	if ((error = segue_add_table(job, "Linux boot parameters", layout.size, &place, &page, &k->page)) != SEGUE_OK)
		return error;

	before = job->arena;
	map = segue_arena_take(&job->arena, (count + 1) * sizeof *map, sizeof(uint64_t));
	if (!map)
		return SEGUE_E_WORKSPACE_SMALL;
	segue_target_map(job, map, count, &count);
	count = split_only_range(map, count);
	in_page = count < LINUX_E820_MAX ? count : LINUX_E820_MAX;
	*LINUX_AT(page, e820_entries) = (uint8_t)in_page;
	put_e820(LINUX_AT(page, e820_table), map, in_page);
	if (layout.more_e820 != 0) {
		uint8_t *node = page + layout.more_e820;
		size_t size = (count - in_page) * sizeof(struct linux_e820_entry);

		put_le64(node + offsetof(struct linux_setup_data, next), le64(LINUX_HEADER_AT(k, setup_data)));
		put_le32(node + offsetof(struct linux_setup_data, type), SETUP_E820_EXT);
		put_le32(node + offsetof(struct linux_setup_data, len), (uint32_t)size);
		put_e820(node + sizeof(struct linux_setup_data), map + in_page, count - in_page);
	}
	fill_old_sizes(page, map, count);
	job->arena = before;

	fill_screen(job, page);
	put_le64(LINUX_AT(page, acpi_rsdp_addr), k->rsdp);
	if (line.size > 0)
		memcpy(page + layout.command_line, line.data, line.size);
	fill_header(page, k, &layout);
	return SEGUE_OK;
}
