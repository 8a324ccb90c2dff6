/* SPDX-License-Identifier: MIT */
/*
 * Multiboot 1: finds the header and places the kernel.
 *
 * A header is the magic number at a multiple of 4 in the first 8 KiB, with a correct checksum. The first one counts. If
 * there is none, a magic number with a wrong checksum is a broken header. In an ELF file it is one only if its flags
 * are plausible: an ELF file can be loaded without a header, and its code may contain the magic number.
 *
 * If no loader recognises a file, or it is loaded as a plain ELF, it may still contain a header that was meant to
 * count. A message then says where it is and why it does not count (nearly()).
 *
 * Bit 16 says that the address fields are valid and replace the file's own headers (section 3.1.1). This also holds for
 * an ELF file, as in GRUB and QEMU. No section headers are passed then.
 */
#include "common/bytes.h"
#include "multiboot.h"

enum found { FOUND_NOTHING, FOUND_HEADER, FOUND_BROKEN, FOUND_VERSION_2 };

/* The bits that version 0.6.96 defines, and those that a loader must know and a later version may define. */
#define PLAUSIBLE_FLAGS (MULTIBOOT_MUST_KNOW | MULTIBOOT_ADDRESS_FIELDS)

static IN_LINE uint32_t field(const uint8_t *header, size_t offset)
{
	return le32(header + offset);
}
#define FIELD(header, name) field(header, offsetof(struct multiboot_header, name))

/* One past the last offset at which size bytes fit into the file's first limit bytes; 0 if they do not fit. */
static size_t search_end(const struct bytes *file, size_t limit, size_t size)
{
	size_t end = file->size < limit ? file->size : limit;

	return end < size ? 0 : end - size + 1;
}

static bool has_version_2(const struct bytes *file)
{
	size_t end = search_end(file, MULTIBOOT2_SEARCH, 16), i;

	for (i = 0; i < end; i += MULTIBOOT2_ALIGN) {
		const uint8_t *p = file->data + i;

		/* magic, architecture, length, checksum: their sum is 0 */
		if (le32(p) == MULTIBOOT2_HEADER_MAGIC && le32(p) + le32(p + 4) + le32(p + 8) + le32(p + 12) == 0)
			return true;
	}
	return false;
}

#if SEGUE_SENTENCES
static const char *nearly(const struct bytes *file, size_t *offset)
{
	/* Far enough for a first segment that is aligned to 2 MiB in the file. */
	size_t end = search_end(file, MULTIBOOT_NEARLY_SEARCH, MULTIBOOT_HEADER_MAGIC_FIELDS), i;

	for (i = 0; i < end; i++) {
		const uint8_t *p = file->data + i;
		bool aligned = i % MULTIBOOT_ALIGN == 0;

		/* test the first byte before the function call: this may be millions of bytes */
		if (*p != (MULTIBOOT_HEADER_MAGIC & 0xff) || FIELD(p, magic) != MULTIBOOT_HEADER_MAGIC)
			continue;
		*offset = i;
		/* the flags word is missing: the word after the magic is the checksum for plausible flags */
		if (segue_has_multiboot_sum(p))
			return aligned ? "is not in the first 8192 bytes" : "is not at a multiple of 4";
		if (aligned && !((0u - FIELD(p, magic) - FIELD(p, flags)) & ~PLAUSIBLE_FLAGS))
			return "has no flags";
		if (aligned && i < MULTIBOOT_SEARCH)
			return "has a wrong checksum";
	}
	return NULL;
}
#endif

static enum found find_header(const struct bytes *file, size_t *offset)
{
	enum found found = FOUND_NOTHING;
	size_t i = 0;

	for (; segue_next_multiboot(file, &i); i += MULTIBOOT_ALIGN) {
		const uint8_t *p = file->data + i;

		if (segue_has_multiboot_sum(p)) {
			*offset = i;
			return FOUND_HEADER;
		}
		if (found == FOUND_NOTHING && (!segue_is_elf(file) || !(FIELD(p, flags) & ~PLAUSIBLE_FLAGS))) {
			*offset = i;
			found = FOUND_BROKEN;
		}
	}
	if (found == FOUND_NOTHING && has_version_2(file))
		found = FOUND_VERSION_2;
	return found;
}

static bool recognise(const struct bytes *kernel)
{
	size_t offset;

	return find_header(kernel, &offset) != FOUND_NOTHING;
}

/* With log NULL no message is logged. */
static int check_header(const struct log *log, const struct bytes *kernel, enum found found, size_t offset, uint32_t flags)
{
	size_t size = MULTIBOOT_HEADER_MAGIC_FIELDS;
	uint32_t unknown = flags & MULTIBOOT_MUST_KNOW & ~(MULTIBOOT_PAGE_ALIGN | MULTIBOOT_MEMORY_INFO | MULTIBOOT_VIDEO_MODE);
	uint32_t bit;

	if (found == FOUND_VERSION_2)
		return segue_refuse(log, SEGUE_E_MULTIBOOT_2, NULL);
	if (found == FOUND_BROKEN)
		return segue_refuse(log, SEGUE_E_MULTIBOOT_CHECKSUM, "header at offset %x", (addr_t)offset);
	if (unknown) {
		for (bit = 0; !(unknown >> bit & 1); bit++)
			;
		return segue_refuse(log, SEGUE_E_MULTIBOOT_FLAGS, "bit %u in flags %x of the header at offset %x",
				    bit, (addr_t)flags, (addr_t)offset);
	}
	if (flags & MULTIBOOT_ADDRESS_FIELDS)
		size = MULTIBOOT_HEADER_ADDRESS_FIELDS;
	if (flags & MULTIBOOT_VIDEO_MODE)
		size = sizeof(struct multiboot_header);
	if (!fits(offset, size, kernel->size))
		return segue_refuse(log, SEGUE_E_MULTIBOOT_TRUNCATED,
				    "%z bytes at offset %x, file's end %x",
				    (addr_t)size, (addr_t)offset, (addr_t)kernel->size);
	return SEGUE_OK;
}

static IN_LINE int refuse_address(const struct log *log, const char *what, uint32_t value, const char *why, addr_t limit)
{
	return segue_refuse(log, SEGUE_E_MULTIBOOT_ADDRESS, "%s %x %s %x", what, (addr_t)value, why, limit);
}

/* The segment that the address fields describe. */
struct flat {
	struct bytes source;
	addr_t load, end;
	uint32_t entry;
};

/*
 * Section 3.1.2. The header lies at header_addr in memory, which determines the part of the file that lies at
 * load_addr. With log NULL no message is logged.
 */
static int read_addresses(const struct log *log, const struct bytes *kernel, size_t offset, struct flat *flat)
{
	const uint8_t *header = kernel->data + offset;
	uint32_t header_addr = FIELD(header, header_addr), load_addr = FIELD(header, load_addr);
	uint32_t load_end_addr = FIELD(header, load_end_addr), bss_end_addr = FIELD(header, bss_end_addr);
	uint32_t entry = FIELD(header, entry_addr);
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

static int load_by_addresses(struct job *job, size_t offset, uint32_t *entry)
{
	struct flat flat;
	int error = read_addresses(&job->log, &job->bundle.kernel, offset, &flat);

	if (error)
		return error;
	*entry = flat.entry;
	return segue_add_segment(job, "Multiboot image", NO_NUMBER, flat.load, &flat.source,
				 flat.end - flat.load - flat.source.size, flat.end - flat.load);
}

static bool is_stray(const struct bytes *kernel)
{
	size_t offset = 0;
	enum found found = find_header(kernel, &offset);
	uint32_t flags = found == FOUND_HEADER ? FIELD(kernel->data + offset, flags) : 0;
	struct flat flat;

	return !segue_is_elf(kernel) && (check_header(NULL, kernel, found, offset, flags) != SEGUE_OK ||
					 !(flags & MULTIBOOT_ADDRESS_FIELDS) || read_addresses(NULL, kernel, offset, &flat) != SEGUE_OK);
}

/*
 * Section 3.1.3: the mode is a preference, not a requirement. The kernel is passed the mode that the machine has; only
 * the host can set one.
 */
static void ask_video(struct job *job, const uint8_t *header)
{
	const struct segue_framebuffer *screen = segue_screen(job);
	uint32_t width = FIELD(header, width), height = FIELD(header, height), depth = FIELD(header, depth);
	bool wants_text = FIELD(header, mode_type) == 1;

	job->asks_video = wants_text ? SEGUE_VIDEO_TEXT : SEGUE_VIDEO_GRAPHICS;
	if (!wants_text) {
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

static int load(struct job *job)
{
	const struct bytes *kernel = &job->bundle.kernel;
	struct elf_file elf;
	size_t offset = 0;
	enum found found = find_header(kernel, &offset);
	const uint8_t *header = kernel->data + offset;
	bool by_addresses;
	uint32_t flags = found == FOUND_HEADER ? FIELD(header, flags) : 0;
	uint32_t entry, info;
	int error = check_header(&job->log, kernel, found, offset, flags);

	if (error)
		return error;
	job->is_64_bit = segue_elf_is_64_bit(kernel);
	by_addresses = flags & MULTIBOOT_ADDRESS_FIELDS;
	if (by_addresses) {
		error = load_by_addresses(job, offset, &entry);
	} else if (segue_is_elf(kernel)) {
		error = segue_elf_open(job, kernel, &elf, 0);
		if (!error)
			error = segue_elf_load(job, &elf, &entry);
	} else {
		error = segue_refuse(&job->log, SEGUE_E_MULTIBOOT_FORMAT,
				     "header at offset %x, flags %x", (addr_t)offset, (addr_t)flags);
	}
	if (error)
		return error;
	if (flags & MULTIBOOT_VIDEO_MODE)
		ask_video(job, header);
	error = segue_multiboot_pass(job, by_addresses ? NULL : &elf, &info);
	if (error)
		return error;
	/* Section 3.2 */
	job->entry = (struct entry_state){
		.eax = MULTIBOOT_BOOTLOADER_MAGIC,
		.ebx = info,
		.eip = entry,
		.selectors = ENTRY_CODE_08_DATA_10,
	};
	return SEGUE_OK;
}

static const struct searched_header searched = {
	.name = "Multiboot",
	.is_stray = is_stray,
#if SEGUE_SENTENCES
	.nearly = nearly,
#endif
};

const struct segue_loader segue_loader_multiboot = {
	.protocol = "Multiboot 1",
	.recognise = recognise,
	.load = load,
	.searched = &searched,
	.family = FAMILY_MULTIBOOT,
};
