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

enum found { FOUND_NOTHING, FOUND_HEADER, FOUND_BROKEN };

/* The bits that version 0.6.96 defines, and those that a loader must know and a later version may define. */
#define PLAUSIBLE_FLAGS (MULTIBOOT_MUST_KNOW | MULTIBOOT_ADDRESS_FIELDS)

static IN_LINE uint32_t field(const uint8_t *header, size_t offset)
{
	return le32(header + offset);
}
#define FIELD(header, name) field(header, offsetof(struct multiboot_header, name))

#if SEGUE_SENTENCES
/* One past the last offset at which size bytes fit into the file's first limit bytes; 0 if they do not fit. */
static size_t search_end(const struct bytes *file, size_t limit, size_t size)
{
	size_t end = file->size < limit ? file->size : limit;

	return end < size ? 0 : end - size + 1;
}

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

static IN_LINE int read_addresses(const struct log *log, const struct bytes *kernel, size_t offset, struct flat *flat)
{
	return segue_multiboot_read_addresses(log, kernel, offset, kernel->data + offset + offsetof(struct multiboot_header, header_addr), flat);
}

static int load_by_addresses(struct job *job, size_t offset, uint32_t *entry)
{
	const struct bytes *kernel = &job->bundle.kernel;
	struct flat flat;
	int error = read_addresses(&job->log, kernel, offset, &flat);

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

static int load(struct job *job)
{
	const struct bytes *kernel = &job->bundle.kernel;
	struct elf_file elf;
	size_t offset = 0;
	enum found found = find_header(kernel, &offset);
	const uint8_t *header = kernel->data + offset;
	const struct elf_file *passed = NULL;
	uint32_t flags = found == FOUND_HEADER ? FIELD(header, flags) : 0;
	uint32_t entry, info;
	int error = check_header(&job->log, kernel, found, offset, flags);

	if (error)
		return error;
	job->is_64_bit = segue_elf_is_64_bit(kernel);
	if (flags & MULTIBOOT_ADDRESS_FIELDS) {
		error = load_by_addresses(job, offset, &entry);
	} else if (segue_is_elf(kernel)) {
		error = segue_elf_open(job, kernel, &elf, 0);
		if (!error)
			error = segue_elf_load(job, &elf, &entry);
		passed = &elf;
	} else {
		error = segue_refuse(&job->log, SEGUE_E_MULTIBOOT_FORMAT,
				     "header at offset %x, flags %x", (addr_t)offset, (addr_t)flags);
	}
	if (error)
		return error;
	if (flags & MULTIBOOT_VIDEO_MODE)
		segue_multiboot_ask_video(job, header + offsetof(struct multiboot_header, width), FIELD(header, mode_type) == 1);
	error = segue_multiboot_pass(job, passed, &info);
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
	.is_stray = is_stray,
#if SEGUE_SENTENCES
	.name = "Multiboot",
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
