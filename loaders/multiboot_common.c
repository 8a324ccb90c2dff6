/* SPDX-License-Identifier: MIT */
/*
 * What Multiboot 1 and 2 have in common: strings, address fields, the wish for a video mode.
 *
 * argv[0]: the string of the kernel and of each module is its name, then a space and its arguments if it has any. The
 * names come from the bundle or the caller; the defaults are "kernel" and "module". A bundle's initrd is the first
 * module, "initrd". With SEGUE_LOAD_NO_ARGV0, or an empty name, the string is the arguments alone.
 */
#include "common/memory_functions.h"
#include "common/bytes.h"
#include "multiboot.h"

const char segue_multiboot_loader_name[sizeof "Segue " SEGUE_VERSION_STRING] = "Segue " SEGUE_VERSION_STRING;

IN_REGISTER const struct member *segue_multiboot_member(const struct bundle *bundle, size_t i, struct member *made)
{
	bool initrd = bundle->initrd.size != 0;

	if (i > initrd)
		return &bundle->modules[i - 1 - initrd];
	if (i == 0)
		*made = (struct member){.name = bundle->kernel_name, .args = bundle->cmdline};
	else
		*made = (struct member){
			.file = bundle->initrd,
			.name = {.data = (const uint8_t *)"initrd", .size = 6, .part = PART_WORKSPACE},
		};
	return made;
}

IN_REGISTER size_t segue_multiboot_put_string(const struct job *job, uint8_t *p, size_t i)
{
	struct member made;
	const struct member *member = segue_multiboot_member(&job->bundle, i, &made);
	size_t size = job->args->flags & SEGUE_LOAD_NO_ARGV0 ? 0 : member->name.size;

	if (p && size)
		memcpy(p, member->name.data, size);
	if (size && member->args.size) {
		if (p)
			p[size] = ' ';
		size++;
	}
	if (p && member->args.size)
		memcpy(p + size, member->args.data, member->args.size);
	/* the table is zeroed, so the NUL is already there */
	return size + member->args.size + 1;
}

static IN_LINE int refuse_address(const struct log *log, const char *what, uint32_t value, const char *why, addr_t limit)
{
	return segue_refuse(log, SEGUE_E_MULTIBOOT_ADDRESS, "%s %x %s %x", what, (addr_t)value, why, limit);
}

/*
 * Multiboot 1, section 3.1.2; Multiboot 2, the address tag. The header lies at header_addr in memory, which determines the part
 * of the file that lies at load_addr.
 */
IN_REGISTER int segue_multiboot_read_addresses(const struct log *log, const struct bytes *kernel, size_t offset, const uint8_t *fields,
					       struct flat *flat)
{
	uint32_t header_addr = le32(fields), load_addr = le32(fields + 4);
	uint32_t load_end_addr = le32(fields + 8), bss_end_addr = le32(fields + 12), entry = le32(fields + 16);
	addr_t load_end, end;
	size_t start;

	if (load_addr > header_addr)
		return refuse_address(log, "load_addr", load_addr, "is above header_addr", header_addr);
	if (header_addr - load_addr > offset)
		return refuse_address(log, "load_addr", load_addr,
				      "is further below header_addr than", offset);
	start = offset - (header_addr - load_addr);
	if (!add_addr(load_addr, kernel->size - start, &end))
		end = ADDRESS_MAX;
	load_end = load_end_addr ? load_end_addr : end;
	if (load_end < load_addr)
		return refuse_address(log, "load_end_addr", load_end_addr, "is below load_addr", load_addr);
	if (load_end > end)
		return refuse_address(log, "load_end_addr", load_end_addr, "is past the file's end", end);
	end = bss_end_addr ? bss_end_addr : load_end;
	if (end < load_end)
		return refuse_address(log, "bss_end_addr", bss_end_addr, "is below the data's end", load_end);
	if (entry < load_addr || entry >= load_end)
		return refuse_address(log, "entry_addr", entry, "is outside what is loaded, which ends at", load_end);
	*flat = (struct flat){
		.source = segue_bytes_at(*kernel, start, (size_t)(load_end - load_addr)),
		.load = load_addr, .end = end, .entry = entry,
	};
	return SEGUE_OK;
}

/*
 * Multiboot 1, section 3.1.3: the mode is a preference, not a requirement. The kernel is passed the mode that the machine has;
 * only the host can set one.
 */
IN_REGISTER void segue_multiboot_ask_video(struct job *job, const uint8_t *fields, bool wants_text)
{
	const struct segue_framebuffer *screen = segue_screen(job);
	uint32_t width = le32(fields), height = le32(fields + 4), depth = le32(fields + 8);

	job->asks_video = SEGUE_VIDEO_GRAPHICS;
	if (wants_text) {
		job->asks_video = SEGUE_VIDEO_TEXT;
	} else {
		job->video_width = width;
		job->video_height = height;
		job->video_depth = depth;
	}
	if (job->args->flags & SEGUE_LOAD_VIDEO)
		return;
	if (screen) {
		if (wants_text != (screen->type == SEGUE_FRAMEBUFFER_EGA_TEXT) || (width && width != screen->width) ||
		    (height && height != screen->height) || (!wants_text && depth && depth != screen->bpp))
			segue_say(&job->log, SEGUE_LOG_WARNING, "the kernel asks for video mode %ux%ux%u and gets %ux%ux%u", width,
				  height, depth, screen->width, screen->height, (uint32_t)screen->bpp);
	} else if (!wants_text && !(job->machine && job->machine->vbe)) {
		segue_say(&job->log, SEGUE_LOG_WARNING, "the kernel asks for video mode %ux%ux%u and gets none", width, height, depth);
	}
}
