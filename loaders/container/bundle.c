/* SPDX-License-Identifier: MIT */
/*
 * A bundle is a cpio archive of the format "newc" with these members, in any order:
 *
 *   kernel                     required
 *   cmdline                    the kernel's arguments, without argv[0]
 *   initrd
 *   digest                     64 hexadecimal digits: the SHA-256 described below
 *   modules/NN-NAME            NN: two to nine digits, which give the order; NAME: argv[0]
 *   modules/NN-NAME.cmdline    the module's arguments
 *
 * Names may begin with "./". The directories that find lists may be present. Newlines at the end of a command line or
 * digest are dropped, because echo appends them. "070702" is read like "070701"; its checksums are not verified. Bytes
 * after the trailer are ignored.
 *
 * cpio stores the data of a file with several hard links only under its last name. Every name gets that data.
 *
 * newc: 6 bytes of magic, 13 fields of 8 hexadecimal digits, the name with its NUL, padding to 4, the data, padding to
 * 4. Offsets count from the start of the archive. The name's length may include more NULs; `segue pack` adds them so
 * that the data starts on a page.
 *
 * The digest covers the bytes that the target's segments take from the bundle, segment by segment in the order of
 * segue_segment_at(). So it covers the contents of the target, and depends neither on the packing nor on the placement.
 * It includes the kernel's segments, the initrd and the modules. It excludes:
 * - command lines, and a Linux kernel's setup code, which is patched: these become tables of the protocol, which depend
 *   on the machine;
 * - an ELF kernel's sections outside its segments (symbols), which are left out when there is no room;
 * - files handed over beside the bundle.
 */
#include "common/bytes.h"
#include "container/container.h"
#include "container/magic.h"

/* Takes size bytes from the rest of the archive. */
static bool take(struct bundle_reader *reader, size_t size, struct bytes *taken)
{
	struct bytes *rest = &reader->rest;

	if (size > rest->size)
		return false;
	taken->data = rest->data;
	taken->size = size;
	rest->data += size;
	rest->size -= size;
	return true;
}

static size_t padding(const struct bundle_reader *reader)
{
	return (reader->rest.size - reader->archive.size) & 3;
}

static int next_member(struct bundle_reader *reader)
{
	struct bytes bytes;
	int error;

	reader->at = reader->archive.size - reader->rest.size;
	reader->name = (struct bytes){ (const uint8_t *)"header", 6, reader->archive.part };
	if (!take(reader, BUNDLE_HEADER_SIZE, &bytes))
		return segue_bundle_refuse(reader, SEGUE_E_BUNDLE_TRUNCATED);
	error = segue_bundle_header(reader, bytes.data);
	if (error)
		return error;
	if (!take(reader, reader->field[BUNDLE_NAMESIZE], &bytes))
		return segue_bundle_refuse(reader, SEGUE_E_BUNDLE_TRUNCATED);
	error = segue_bundle_name(reader, bytes.data);
	if (error || reader->kind == BUNDLE_TRAILER)
		return error;
	if (!take(reader, padding(reader), &bytes) || !take(reader, reader->data.size, &reader->data))
		return segue_bundle_refuse(reader, SEGUE_E_BUNDLE_TRUNCATED);
	if (!take(reader, padding(reader), &bytes))
		reader->rest.size = 0;
	return segue_bundle_check(reader);
}

static int open(struct arena *arena, struct bundle *bundle, const struct bytes *blob)
{
	struct bundle_reader reader = { .arena = arena, .bundle = bundle, .archive = *blob, .rest = *blob };
	int error = segue_bundle_begin(&reader);

	while (!error) {
		error = next_member(&reader);
		/* It has no data, whatever its header says. */
		if (!error && reader.kind == BUNDLE_TRAILER)
			return segue_bundle_end(&reader);
		if (!error)
			error = segue_bundle_take(&reader);
	}
	return error;
}

const struct segue_container segue_container_bundle = {.name = "bundle", .recognise = segue_is_bundle, .open = open};
