/* SPDX-License-Identifier: MIT */
#include "bzimage.h"
#include "container/bundle_reader.h"
#include "container/magic.h"
#include "copy.h"
#include "fetch.h"
#include "standalone.h"
#include "stream.h"

#define PAGE 4096u
#define LISTS_SIZE 65536u             /* of the modules, and of the parts: some 1000 */
#define NAME_MAX 8192u                /* bytes of a member's name that are looked at; `segue pack` pads to 4096 */
#define LISTS_CEILING 0xf00000u       /* above the place of most kernels, which begin at 16 MiB or below */
/* Modules are placed below this limit: many kernels map only the start of memory. */
#define NEAR 0x20000000u

static struct fetch {
	struct stream stream;
	struct room *room;
	struct log log;
	struct arena arena;
	struct bundle bundle;
	struct bundle_reader reader;
	/* The memory that the kernel needs at its start; the initrd is kept out of it, if there is room. */
	uint64_t kernel_start, kernel_end;
	uint64_t ceiling;
	uint8_t name[NAME_MAX];
} fetch;

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

SEGUE_NORETURN static void refuse_blob(int code)
{
	say(SEGUE_LOG_ERROR, "%s on drive 0x%02x:", fetch.stream.media->path, fetch.stream.media->disk.drive);
	refuse(code);
}

static void check(int code)
{
	if (code != SEGUE_OK)
		refuse_blob(code);
}

/* Rounds up to the end of the page, where the previous piece may begin, so that neighbours are one range of the room. */
static uint8_t *take_room(uint64_t start, uint32_t size)
{
	if (!room_take(fetch.room, start, (start + size + PAGE - 1) & ~(uint64_t)(PAGE - 1)))
		media_refuse(fetch.stream.media->path, "its pieces need too many separate ranges of memory");
	return physical((uint32_t)start);
}

SEGUE_NORETURN static void refuse_size(const char *what, uint32_t size)
{
	say(SEGUE_LOG_ERROR, "Refused: %s: %s of %u bytes does not fit; the largest free piece of memory has %u bytes.",
		fetch.stream.media->path, what, size, room_largest(fetch.room, ROOM_FLOOR, ROOM_CEILING));
	give_up();
}

/* Finds the highest place outside the kernel's memory; if there is none, any place. */
static uint8_t *place(const char *what, uint32_t size)
{
	uint32_t at = 0;

	if (fetch.kernel_end < fetch.ceiling)
		at = room_find(fetch.room, fetch.kernel_end, fetch.ceiling, size);
	if (!at)
		at = room_find(fetch.room, ROOM_FLOOR, fetch.kernel_start, size);
	if (!at)
		at = room_find(fetch.room, ROOM_FLOOR, fetch.ceiling, size);
	if (!at)
		at = room_find(fetch.room, ROOM_FLOOR, ROOM_CEILING, size);
	if (!at)
		refuse_size(what, size);
	return take_room(at, size);
}

/* Places a kernel where its header asks for. */
static uint8_t *place_kernel(uint32_t size)
{
	uint32_t peeked = stream_peek(&fetch.stream, STREAM_PEEK_MAX);
	struct bzimage_place wish;

	if (!bzimage_place(fetch.stream.peeked, least(size, peeked), size, &wish))
		return place("a kernel", size);
	fetch.ceiling = wish.initrd_end;
	/* Ignore a lower address in its header: the memory below is the BIOS's and segue.elf's. */
	if (wish.start < ROOM_FLOOR || !room_is_free(fetch.room, wish.start, wish.end))
		return place("a kernel", size);
	fetch.kernel_start = wish.start;
	fetch.kernel_end = wish.end;
	return take_room(wish.start, size);
}

/* ---- a bundle: the steps of bundle.c, on the bytes read so far ---- */
static void check_left(uint32_t size)
{
	if (size > stream_left(&fetch.stream))
		check(segue_refuse(&fetch.log, SEGUE_E_BUNDLE_TRUNCATED, "%b at offset %x", &fetch.reader.name,
				   (addr_t)fetch.reader.at));
}

static bool has_end(const uint8_t *name, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		if (!name[i])
			return true;
	return false;
}

/* Of a long name only the start and the last byte are read. The start must hold the name; the last byte must be a NUL. */
static void read_name(void)
{
	uint32_t size = fetch.reader.field[BUNDLE_NAMESIZE];

	check_left(size);
	if (size <= NAME_MAX) {
		stream_read(&fetch.stream, fetch.name, size);
		return;
	}
	stream_read(&fetch.stream, fetch.name, NAME_MAX);
	if (!has_end(fetch.name, NAME_MAX - 1))
		media_refuse(fetch.stream.media->path, "a member's name has more than 8190 bytes");
	stream_read(&fetch.stream, NULL, size - NAME_MAX - 1);
	stream_read(&fetch.stream, fetch.name + NAME_MAX - 1, 1);
	fetch.reader.field[BUNDLE_NAMESIZE] = NAME_MAX;
}

/* The archive may end within the padding. */
static void skip_padding(void)
{
	stream_read(&fetch.stream, NULL, least((0 - fetch.stream.at) & 3, stream_left(&fetch.stream)));
}

/* The name must be kept: it is put after the data, each with room for string()'s NUL. */
static void read_text(struct bundle_reader *reader, const char *what)
{
	uint32_t size = (uint32_t)reader->data.size, name_size = (uint32_t)reader->name.size;
	uint8_t *data = place(what, size + name_size + 2);

	stream_read(&fetch.stream, data, size);
	copy_bytes(data + size + 1, reader->name.data, name_size);
	reader->data.data = data;
	reader->name.data = data + size + 1;
}

static void read_file(struct bundle_reader *reader)
{
	uint32_t size = (uint32_t)reader->data.size;
	/* Under another name the file may be a command line: leave room for string()'s NUL. */
	uint32_t more = !size || reader->field[BUNDLE_NLINK] > 1;
	uint8_t *data = reader->kind == BUNDLE_KERNEL ? place_kernel(size) : place("an initrd", size + more);

	stream_read(&fetch.stream, data, size);
	reader->data.data = data;
}

static void read_data(struct bundle_reader *reader)
{
	check_left((uint32_t)reader->data.size);
	if (reader->kind == BUNDLE_MODULE)
		read_text(reader, "a module");
	else if (reader->kind == BUNDLE_MODULE_CMDLINE || reader->kind == BUNDLE_CMDLINE)
		read_text(reader, "a command line");
	else
		read_file(reader);
}

/* Reads one member. False: it was the trailer. */
static bool read_member(struct bundle_reader *reader)
{
	uint8_t header[BUNDLE_HEADER_SIZE];

	reader->at = fetch.stream.at;
	reader->name = (struct bytes){ (const uint8_t *)"header", 6, 0 };
	check_left(BUNDLE_HEADER_SIZE);
	stream_read(&fetch.stream, header, BUNDLE_HEADER_SIZE);
	check(segue_bundle_header(reader, header));
	read_name();
	check(segue_bundle_name(reader, fetch.name));
	if (reader->kind == BUNDLE_TRAILER)
		return false;
	check(segue_bundle_check(reader));
	skip_padding();
	read_data(reader);
	skip_padding();
	check(segue_bundle_take(reader));
	return true;
}

static void read_bundle(void)
{
	fetch.reader = (struct bundle_reader){ .arena = &fetch.arena, .bundle = &fetch.bundle };
	check(segue_bundle_begin(&fetch.reader));
	while (read_member(&fetch.reader))
		;
	check(segue_bundle_end(&fetch.reader));
}

/* ---- the others ---- */
static struct bytes read_piece(const char *what, uint32_t size, bool kernel)
{
	uint8_t *data = kernel ? place_kernel(size) : place(what, size);

	stream_read(&fetch.stream, data, size);
	return (struct bytes){ data, size, 0 };
}

static void read_fiwix(void)
{
	uint8_t header[FIWIX_HEADER_SIZE];
	uint32_t size;

	stream_read(&fetch.stream, header, sizeof header);
	check(segue_fiwix_size(&fetch.log, header, FIWIX_KERNEL, stream_left(&fetch.stream), &size));
	fetch.bundle.kernel = read_piece("a kernel", size, true);
	check(segue_fiwix_size(&fetch.log, header, FIWIX_INITRD, stream_left(&fetch.stream), &size));
	if (size)
		fetch.bundle.initrd = read_piece("an initramfs", size, false);
}

/* The rules of loaders/container/open.c. True: all of it is a kernel. */
static bool read_blob(void)
{
	uint32_t size = stream_peek(&fetch.stream, STREAM_PEEK_MAX);
	struct bytes head = { fetch.stream.peeked, size, 0 };

	if (segue_is_bundle(&head))
		read_bundle();
	else if (!segue_is_kernel(&head) && segue_is_fiwix(&head))
		read_fiwix();
	else
		fetch.bundle.kernel = read_piece("a kernel", fetch.stream.size, true);
	return fetch.bundle.kernel.size == fetch.stream.size;
}

/* ---- the arguments of segue_load() ---- */
static const char *string(const struct bytes *text)
{
	uint8_t *bytes = (uint8_t *)(uintptr_t)text->data;

	/* read_text() has left room for the NUL */
	if (bytes)
		bytes[text->size] = 0;
	return (const char *)bytes;
}

static void add_part(struct parts *parts, const struct bytes *file, const char *name, const char *cmdline)
{
	parts->parts[parts->count++] = (struct segue_part){
		.data = file->data, .size = file->size, .name = name, .cmdline = cmdline,
	};
}

static void list_parts(struct parts *parts)
{
	const struct bundle *bundle = &fetch.bundle;
	size_t size = (bundle->module_count + 2) * sizeof(struct segue_part);

	parts->parts = segue_arena_take(&fetch.arena, size, _Alignof(struct segue_part));
	if (!parts->parts)
		refuse_blob(SEGUE_E_WORKSPACE_SMALL);
	add_part(parts, &bundle->kernel, NULL, NULL);
	if (bundle->initrd.size)
		add_part(parts, &bundle->initrd, "initrd", NULL);
	for (size_t i = 0; i < bundle->module_count; i++) {
		const struct member *module = &bundle->modules[i];

		add_part(parts, &module->file, string(&module->name), string(&module->args));
	}
	if (bundle->cmdline.size)
		parts->cmdline = string(&bundle->cmdline);
	parts->digest = bundle->digest;
}

void fetch_parts(struct media *media, struct room *room, struct parts *parts)
{
	uint32_t left;
	bool whole;

	fetch.room = room;
	fetch.log.callback = take_log;
	fetch.arena.log = &fetch.log;
	fetch.arena.size = LISTS_SIZE;
	fetch.kernel_start = fetch.kernel_end = ROOM_FLOOR;
	fetch.ceiling = LISTS_CEILING;
	copy_open();
	stream_open(&fetch.stream, media);
	fetch.arena.next = place("a list", LISTS_SIZE);
	fetch.arena.end = fetch.arena.next + LISTS_SIZE;
	fetch.ceiling = NEAR;
	whole = read_blob();
	left = stream_left(&fetch.stream);
	if (!stream_close(&fetch.stream))
		say(SEGUE_LOG_WARNING, "%s has no seal: whether it was read as it was written is not checked.", media->path);
	else if (whole)
		fetch.bundle.kernel.size -= SEAL_SIZE;
	else if (left < SEAL_SIZE)
		media_refuse(media->path, "its pieces overlap its seal: it was cut short before it was sealed");
	copy_close();
	list_parts(parts);
}
