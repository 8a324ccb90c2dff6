/* SPDX-License-Identifier: MIT */
/*
 * Reads the blob from a medium to its places. segue_load() must give the same result for these pieces as for the whole blob.
 * Both run on the build machine, with physical addresses in a machine of 64 MiB.
 */
#define MEMORY_SIZE 0x4000000u
#include "standalone_medium.h"
#include "blob_job.h"
#include "container/media_format.h"
#include "container/seal.h"
#include "stage1.h"
#include "boot_info.c"
#include "boot_map.c"
#undef AT
#undef PAGE
#include "room.c"
#include "drive.c"
#include "refuse.c"
#include "iso9660.c"
#include "partition.c"
#include "media.c"
#include "media_open.c"
#undef SECTOR
#include "bzimage.c"
#include "seal_check.c"
#include "show.c"
#include "progress.c"
#include "stream.c"
#define least fetch_least
#include "fetch.c"
#undef least

#define MIB 0x100000u
#define RAM_END 0x3fe0000u
#define BLOB_SECTOR 30u               /* on every medium here */
#define WORKSPACE 0x3000000u          /* for both calls of segue_load(); nothing else is placed in this MiB */
#define WHOLE 0x1800000u              /* place of the whole blob, for comparison */

static struct boot_info boot;
static struct room room;
static struct media media;
static struct parts parts;
static struct blob blob;
static const struct segue_range *map;
static size_t map_count;

static const struct segue_range usual[] = {
	{ 0, 0x9fc00, 1, 0 }, { 0x9fc00, MIB, 2, 0 }, { MIB, RAM_END, 1, 0 }, { RAM_END, 0x4000000, 2, 0 }
};

/* ---- blobs ---- */
static void blob_start(void)
{
	free(blob.data);
	blob = (struct blob){ NULL, 0 };
	map = usual;
	map_count = 4;
}

static uint8_t *noise(size_t size, uint32_t seed)
{
	uint8_t *bytes = malloc(size + 1);

	for (size_t i = 0; i < size; i++, seed = seed * 1664525 + 1013904223)
		bytes[i] = (uint8_t)(seed >> 24);
	return bytes;
}

static void add_noise(const char *name, size_t size, uint32_t seed)
{
	uint8_t *bytes = noise(size, seed);

	newc_add(&blob, name, bytes, size);
	free(bytes);
}

/* boot.rst: a relocatable bzImage of protocol 2.10 for 16 MiB; setup of 2 sectors */
static uint8_t *bzimage(size_t size)
{
	uint8_t *kernel = noise(size, 7), *header = kernel + 0x1f1;

	memset(kernel, 0, 1536);
	header[0] = 2;
	put_le32(header + 3, (uint32_t)(size - 1536 + 15) / 16); /* syssize */
	put_le16(kernel + 0x1fe, 0xaa55);
	memcpy(kernel + 0x200, "\xeb\x6aHdrS", 6);
	put_le16(kernel + 0x206, 0x20a);
	kernel[0x211] = 1;            /* LOADED_HIGH */
	put_le32(kernel + 0x214, 0x100000);
	put_le32(kernel + 0x22c, 0x37ffffff);
	put_le32(kernel + 0x230, 0x200000);
	kernel[0x234] = 1;
	kernel[0x235] = 21;
	put_le32(kernel + 0x238, 2047);
	put_le64(kernel + 0x258, 0x1000000);
	put_le32(kernel + 0x260, 0x500000);
	return kernel;
}

static void add_bzimage(const char *name, size_t size)
{
	uint8_t *kernel = bzimage(size);

	newc_add(&blob, name, kernel, size);
	free(kernel);
}

/* Multiboot 1 with address fields, all of it at 2 MiB */
static void add_multiboot(const char *name, size_t size)
{
	uint8_t *kernel = noise(size, 3);
	const uint32_t header[] = { 0x1badb002, 0x10000, 0u - (0x1badb002 + 0x10000), 0x200000, 0x200000,
		0x200000 + (uint32_t)size, 0x200000 + (uint32_t)size, 0x200020 };

	memcpy(kernel, header, sizeof header);
	newc_add(&blob, name, kernel, size);
	free(kernel);
}

/* As `segue pack` pads: names are padded with NULs until the data starts on a page boundary. */
static void add_padded(const char *name, const uint8_t *data, size_t size)
{
	char padded[PAGE * 2] = { 0 };
	size_t name_size = strlen(name) + 1;

	while ((blob.size + 110 + name_size) % PAGE)
		name_size++;
	strcpy(padded, name);
	newc_add_raw(&blob, "070701", NEWC_FILE, 1, padded, name_size, data, size);
}

/* container/seal.h: the seal of what is in blob */
static void seal(void)
{
	uint8_t bytes[32] = SEAL_MAGIC;
	uint32_t sum = 0, sums = 0;
	size_t end = (blob.size + 2047) & ~(size_t)2047;

	for (size_t i = 0; i < end; i += 4) {
		for (size_t j = i; j < i + 4 && j < blob.size; j++)
			sum += (uint32_t)blob.data[j] << 8 * (j - i);
		if (i % 2048 == 2044)
			sums += sum;
	}
	put_le64(bytes + 12, blob.size);
	put_le32(bytes + 20, sum);
	put_le32(bytes + 24, sums);
	blob_add(&blob, bytes, sizeof bytes);
}

/* ---- fetching ---- */
static uint8_t *image;

static void insert(uint32_t sector_size, uint32_t largest)
{
	size_t size = (blob.size + sector_size - 1) / sector_size * sector_size;

	free(image);
	image = calloc(1, BLOB_SECTOR * sector_size + size);
	/* the rest of the last sector is not zero on purpose */
	memset(image + BLOB_SECTOR * sector_size, 0x5a, size);
	memcpy(image + BLOB_SECTOR * sector_size, blob.data, blob.size);
	memset(&drive, 0, sizeof drive);
	drive.data = image;
	drive.size = BLOB_SECTOR * sector_size + size;
	drive.sector_size = sector_size;
	drive.largest = largest;
	drive.status = 0x10;
	unguard_buffer();
	memset(memory, 0xcc, MIB + 0x20000);
	memset(memory, 0, 0x1000);
	memset(&fetch, 0, sizeof fetch);
	memset(&parts, 0, sizeof parts);
	memset(&boot, 0, sizeof boot);
	boot_info_set_map(&boot, map, map_count);
	room = (struct room){ .boot = &boot };
	room_take(&room, MIB, MIB + 0x20000);
	room_take(&room, WORKSPACE, WORKSPACE + MIB);
	assert_true(disk_open(&media.disk, DRIVE, sector_size == 2048, MEDIA_BUFFER));
	media.path = "/segue/blob";
	media.sector = BLOB_SECTOR;
	media.size = blob.size;
	drive.reads = 0;
}

static bool fetches(void)
{
	return GOES_ON(fetch_parts(&media, &room, &parts));
}

static void assert_refused(const char *sentence)
{
	insert(2048, 32);
	if (fetches())
		fail_msg("not refused: %s", sentence);
	assert_said(sentence);
	assert_said("Waiting; Enter reboots.");
}

/* ---- the result of segue_load() ---- */
static struct loaded_view {
	struct segue_load_args args;
	struct segue_part modules[8];
	struct segue_extent extents[9];
	uint8_t *workspace;
	size_t count;
	struct segue_segment segments[32];
} pieces, whole;

static struct segue_part with_extent(const struct segue_part *part, struct segue_extent *extent, uint64_t addr)
{
	struct segue_part copy = *part;

	*extent = (struct segue_extent){ addr, part->size };
	copy.extents = extent;
	copy.extent_count = 1;
	return copy;
}

static int view_load(struct loaded_view *view)
{
	int code;

	view->workspace = aligned_alloc(PAGE, MIB);
	view->args.struct_size = sizeof view->args;
	view->args.memory_map = map;
	view->args.memory_map_count = map_count;
	view->args.workspace = view->workspace;
	view->args.workspace_phys = WORKSPACE;
	view->args.workspace_size = MIB;
	code = segue_load(&view->args);
	for (view->count = 0; code == SEGUE_OK && segue_segment_at(view->workspace, view->count,
	     &view->segments[view->count]) == SEGUE_OK; view->count++)
		;
	return code;
}

static int load_pieces(void)
{
	const struct segue_part *part = parts.parts;

	memset(&pieces, 0, sizeof pieces);
	pieces.args.blob = with_extent(part, &pieces.extents[0], physical_address(part->data));
	for (size_t i = 1; i < parts.count; i++)
		pieces.modules[i - 1] = with_extent(&part[i], &pieces.extents[i], physical_address(part[i].data));
	pieces.args.modules = pieces.modules;
	pieces.args.module_count = parts.count - 1;
	pieces.args.cmdline = parts.cmdline;
	pieces.args.digest = parts.digest;
	return view_load(&pieces);
}

static int load_whole(void)
{
	struct segue_part part = { .data = blob.data, .size = blob.size };

	memset(&whole, 0, sizeof whole);
	whole.args.blob = with_extent(&part, &whole.extents[0], WHOLE);
	return view_load(&whole);
}

/* The bytes that a segment takes from the blob, or from the workspace. */
static const uint8_t *bytes_of(const struct loaded_view *view, const struct segue_segment *segment)
{
	if (segment->source >= WORKSPACE && segment->source < WORKSPACE + MIB)
		return view->workspace + (segment->source - WORKSPACE);
	return view == &whole ? blob.data + (segment->source - WHOLE) : memory + segment->source;
}

/* Counts the occurrences of a text in the protocol's tables. */
static unsigned texts(const struct loaded_view *view, const char *text)
{
	unsigned count = 0;

	for (size_t i = 0; i < view->count; i++) {
		const struct segue_segment *segment = &view->segments[i];

		if (segment->source < WORKSPACE || segment->source >= WORKSPACE + MIB)
			continue;
		for (size_t j = 0; j + strlen(text) < segment->file_size; j++)
			count += !memcmp(bytes_of(view, segment) + j, text, strlen(text) + 1);
	}
	return count;
}

/* A bundle's initrd is a module for Multiboot, also as a separate piece. */
static const char *name_of(const struct segue_segment *segment)
{
	return strcmp(segment->name, "initrd") ? segment->name : "module";
}

static void assert_same_view(void)
{
	struct segue_description one = { .struct_size = sizeof one }, other = one;

	assert_int_equal(load_whole(), SEGUE_OK);
	assert_int_equal(load_pieces(), SEGUE_OK);
	assert_int_equal(pieces.count, whole.count);
	for (size_t i = 0; i < whole.count; i++) {
		const struct segue_segment *a = &pieces.segments[i], *b = &whole.segments[i];

		assert_string_equal(name_of(a), name_of(b));
		assert_int_equal(a->size, b->size);
		assert_int_equal(a->file_size, b->file_size);
		assert_int_equal(a->number, b->number);
		if (a->source < WORKSPACE || a->source >= WORKSPACE + MIB)
			assert_memory_equal(bytes_of(&pieces, a), bytes_of(&whole, b), a->file_size);
	}
	assert_int_equal(segue_describe(pieces.workspace, &one), SEGUE_OK);
	assert_int_equal(segue_describe(whole.workspace, &other), SEGUE_OK);
	assert_int_equal(one.has_digest, other.has_digest);
	assert_int_equal(one.payload, other.payload);
	assert_string_equal(one.protocol, other.protocol);
	free(pieces.workspace);
	free(whole.workspace);
}

static void assert_texts(const char *const *list)
{
	load_whole();
	load_pieces();
	for (; *list; list++) {
		assert_true(texts(&whole, *list) >= 1);
		assert_int_equal(texts(&pieces, *list), texts(&whole, *list));
	}
	free(pieces.workspace);
	free(whole.workspace);
}

/* ---- tests ---- */
static void linux_bundle(bool kernel_first)
{
	uint8_t *kernel = bzimage(3 * MIB + 77), *initrd = noise(5 * MIB + 3, 9);

	blob_start();
	if (!kernel_first)
		add_padded("initrd", initrd, 5 * MIB + 3);
	add_padded("kernel", kernel, 3 * MIB + 77);
	newc_add_text(&blob, "./cmdline", "console=ttyS0 quiet\n");
	newc_add_text(&blob, "digest", "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF\n");
	if (kernel_first)
		add_padded("initrd", initrd, 5 * MIB + 3);
	newc_end(&blob);
	free(kernel);
	free(initrd);
}

/* Every byte is read to its final place, in 64 KiB steps, and no move is left. */
static void linux_lies_where_it_should(void **state)
{
	static const char *const list[] = { "console=ttyS0 quiet", NULL };
	struct segue_description description = { .struct_size = sizeof description };

	(void)state;
	linux_bundle(true);
	seal();
	insert(2048, 32);
	assert_true(fetches());
	assert_int_equal(drive.reads, (blob.size + 65535) / 65536);
	assert_null(strstr(spoken, "seal"));
	assert_int_equal(parts.count, 2);
	assert_int_equal(physical_address(parts.parts[0].data), 0x1000000 - 1536);
	/* the highest place below the MiB of WORKSPACE, with the lists */
	assert_true(physical_address(parts.parts[1].data) >= 0x1500000);
	assert_int_equal(parts.digest[0], 0);
	assert_int_equal(parts.digest[31], 0xff);
	load_pieces();
	assert_int_equal(segue_describe(pieces.workspace, &description), SEGUE_OK);
	/* except the protocol's table, which must be low for this kernel */
	assert_true(description.moved < 8192 && description.payload > 8 * MIB);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pieces.segments[i].dest, pieces.segments[i].source);
	free(pieces.workspace);
	assert_same_view();
	assert_texts(list);
}

static void linux_any_order(void **state)
{
	(void)state;
	linux_bundle(false);
	insert(2048, 32);
	assert_true(fetches());
	assert_said("/segue/blob has no seal");
	assert_same_view();
}

static void linux_with_modules(void **state)
{
	(void)state;
	blob_start();
	add_bzimage("kernel", 100000);
	add_noise("modules/10-second", 5001, 2);
	add_noise("initrd", 7777, 3);
	add_noise("modules/09-first", 3, 4);
	newc_end(&blob);
	seal();
	insert(512, 128);
	assert_true(fetches());
	assert_int_equal(parts.count, 4);
	assert_same_view();
}

static void multiboot_modules(void **state)
{
	static const char *const list[] = { "kernel root=/dev/x", "zeta one two", "alpha", "initrd", "beta", NULL };

	(void)state;
	blob_start();
	newc_add_raw(&blob, "070701", NEWC_FOLDER, 2, ".", 2, "", 0);
	newc_add_raw(&blob, "070701", NEWC_FOLDER, 2, "modules", 8, "", 0);
	newc_add_text(&blob, "modules/01-zeta.cmdline", "one two\r\n\n");
	add_noise("modules/02-alpha", 12345, 5);
	add_multiboot("kernel", 70001);
	newc_add_text(&blob, "cmdline", "root=/dev/x");
	add_noise("modules/01-zeta", 65536 * 3 + 1, 6);
	add_noise("modules/03-beta", 0, 6);
	newc_add_text(&blob, "modules/03-beta.cmdline", "");
	add_noise("initrd", 4096, 6);
	newc_end(&blob);
	seal();
	insert(2048, 32);
	assert_true(fetches());
	assert_same_view();
	assert_texts(list);
}

/* A file with several names. The NUL of a command line must not overwrite the piece next to a file of whole pages. */
static void hard_links(void **state)
{
	static char text[4097];
	static const char *const list[] = { "twin", "other", NULL };

	(void)state;
	memset(text, 'a', 4096);
	blob_start();
	newc_add_raw(&blob, "070701", NEWC_FILE, 2, "cmdline", 8, "", 0);
	newc_add_raw(&blob, "070701", NEWC_FILE, 3, "modules/01-twin", 16, "", 0);
	newc_add_raw(&blob, "070701", NEWC_FILE, 3, "modules/02-other", 17, "", 0);
	add_noise("modules/00-neighbour", 4096 - 12, 0x12345678);
	newc_add_raw(&blob, "070701", NEWC_FILE, 3, "initrd", 7, text, 4096);
	add_multiboot("kernel", 70001);
	newc_end(&blob);
	seal();
	insert(2048, 32);
	assert_true(fetches());
	assert_string_equal(parts.cmdline, text);
	assert_same_view();
	assert_texts(list);
}

/* Memory below 1 MiB is used by the BIOS and segue.elf, even if the map calls it RAM and a header asks for it. */
static void low_kernel(void **state)
{
	uint8_t *kernel = bzimage(70000);

	(void)state;
	put_le16(kernel + 0x206, 0x204);
	kernel[0x234] = 0;
	put_le32(kernel + 0x214, 0x10000);
	blob_start();
	blob_add(&blob, kernel, 70000);
	free(kernel);
	insert(2048, 32);
	assert_true(fetches());
	assert_true(physical_address(parts.parts[0].data) >= MIB);
	assert_memory_equal(parts.parts[0].data, blob.data, blob.size);
}

/* Pieces with a gap up to the next page boundary still count as adjacent. */
static void many_modules(void **state)
{
	char name[40];

	(void)state;
	blob_start();
	add_multiboot("kernel", 70001);
	for (unsigned i = 0; i < 3 * ROOM_TAKEN_MAX; i++) {
		snprintf(name, sizeof name, "modules/%03u-m", i);
		add_noise(name, 10 + 37 * i, i);
		snprintf(name, sizeof name, "modules/%03u-m.cmdline", i);
		newc_add_text(&blob, name, "x");
	}
	newc_end(&blob);
	insert(2048, 32);
	if (!fetches())
		fail_msg("%s", spoken);
	assert_int_equal(parts.count, 1 + 3 * ROOM_TAKEN_MAX);
}

/* Any sizes of sectors and steps give the same sums and pieces. */
static void any_steps(void **state)
{
	static const uint32_t largest[] = { 1, 2, 3, 5, 7, 31, 63, 100, 127 };

	(void)state;
	for (size_t i = 0; i < sizeof largest / sizeof *largest; i++)
		for (size_t size = 70000; size < 70000 + 7 * 613; size += 613) {
			blob_start();
			add_multiboot("kernel", size);
			add_noise("modules/00-m", 150001, 1);
			newc_end(&blob);
			seal();
			insert(512, largest[i]);
			assert_true(fetches());
			assert_null(strstr(spoken, "seal"));
			assert_int_equal(parts.parts[0].size, size);
			assert_memory_equal(parts.parts[0].data, blob.data + 120, size);
		}
}

/* Plain kernels, with sizes that put the seal before, across and after the ends of sectors and chunks. */
static void whole_kernels(void **state)
{
	static const size_t ends[] = { 65536, 131072, 67584 };

	(void)state;
	for (size_t e = 0; e < sizeof ends / sizeof *ends; e++)
		for (size_t size = ends[e] - 70; size < ends[e] + 40; size += 2) {
			uint8_t *kernel = bzimage(size);

			blob_start();
			blob_add(&blob, kernel, size);
			if (size % 4)
				seal();
			insert(2048, 32);
			assert_true(fetches());
			assert_int_equal(!strstr(spoken, "no seal"), size % 4 != 0);
			assert_int_equal(parts.count, 1);
			assert_int_equal(parts.parts[0].size, size);
			assert_memory_equal(parts.parts[0].data, kernel, size);
			assert_null(parts.cmdline);
			assert_null(parts.digest);
			free(kernel);
		}
}

static void fiwix(size_t initrd_size, bool trailing)
{
	uint8_t *kernel = bzimage(100001), *initrd = noise(initrd_size, 4);
	uint8_t header[8];

	blob_start();
	put_le32(header, 100001);
	put_le32(header + 4, (uint32_t)initrd_size);
	blob_add(&blob, header, 8);
	blob_add(&blob, kernel, 100001);
	blob_add(&blob, initrd, initrd_size);
	if (trailing)
		blob_add(&blob, kernel, 90001);
	free(kernel);
	free(initrd);
}

static void fiwix_blobs(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		fiwix(i % 2 ? 300001 : 0, i / 2);
		if (i / 2)
			seal();
		insert(2048, 32);
		assert_true(fetches());
		assert_int_equal(parts.count, 1 + i % 2);
		assert_same_view();
	}
	fiwix(300001, false);
	put_le32(blob.data, (uint32_t)blob.size - 7);
	assert_refused("/segue/blob on drive 0xe0:\nRefused: ");
	assert_said("Code 30:");
	fiwix(300001, false);
	put_le32(blob.data + 4, 300002);
	assert_refused("Code 31:");
	/* truncated before it was sealed: the bytes after the rest are not an initramfs */
	fiwix(300001, false);
	blob.size -= 32;
	seal();
	assert_refused("Refused: /segue/blob: its pieces overlap its seal");
}

static void damaged(void **state)
{
	(void)state;
	linux_bundle(true);
	seal();
	for (size_t at = 0; at < 3; at++) {
		blob.data[(at + 1) * 1500007]++;
		assert_refused("Refused: /segue/blob: what was read is not what was written");
		blob.data[(at + 1) * 1500007]--;
	}
	/* two sectors are exchanged */
	for (size_t i = 0; i < 2048; i++) {
		uint8_t byte = blob.data[2 * MIB + i];

		blob.data[2 * MIB + i] = blob.data[3 * MIB + i];
		blob.data[3 * MIB + i] = byte;
	}
	assert_refused("what was read is not what was written");
	linux_bundle(true);
	seal();
	blob.data[blob.size - 32 + 12]++;
	assert_refused("Refused: /segue/blob: it is not as long as its seal says.");
}

static void unreadable(void **state)
{
	(void)state;
	linux_bundle(true);
	seal();
	insert(2048, 32);
	drive.bad_sector = BLOB_SECTOR + 1000;
	drive.bad_times = 1;
	assert_true(fetches());
	assert_same_view();
	insert(2048, 32);
	drive.bad_sector = BLOB_SECTOR + 1000;
	drive.bad_times = 0xffffffff;
	assert_false(fetches());
	assert_said("Refused: /segue/blob: sector 1030 of drive 0xe0 cannot be read: checksum wrong (status 0x10).");
	insert(2048, 32);
	drive.size -= 5 * 2048;
	media.disk.sector_count = drive.size / 2048;
	assert_false(fetches());
	assert_said("it was cut short");
}

static void broken_bundles(void **state)
{
	(void)state;
	linux_bundle(true);
	blob.size = 6 * MIB;
	assert_refused("/segue/blob on drive 0xe0:\nRefused: ");
	assert_said("Code 41:");
	blob_start();
	add_bzimage("kernel", 5000);
	assert_refused("Code 41:");   /* no trailer */
	blob_start();
	add_bzimage("kernle", 5000);
	assert_refused("Code 42:");
	blob_start();
	add_bzimage("kernel", 5000);
	add_bzimage("kernel", 5000);
	assert_refused("Code 43:");
	blob_start();
	newc_end(&blob);
	assert_refused("Code 44:");
	blob_start();
	add_bzimage("kernel", 5000);
	newc_add_text(&blob, "modules/00-x.cmdline", "none");
	newc_end(&blob);
	assert_refused("Code 45:");
	blob_start();
	newc_add_text(&blob, "kernel", "070701");
	newc_end(&blob);
	assert_refused("Code 46:");
	blob_start();
	newc_add_text(&blob, "digest", "12");
	assert_refused("Code 47:");
	blob_start();
	add_bzimage("kernel", 5000);
	blob.data[20] = 'g';
	assert_refused("Code 40:");
	/* a length that wraps: nothing is read beyond the end of memory */
	blob_start();
	add_bzimage("kernel", 5000);
	memcpy(blob.data + 6 + 6 * 8, "FFFFFFF0", 8);
	assert_refused("Code 41:");
	blob_start();
	add_bzimage("kernel", 5000);
	memcpy(blob.data + 6 + 11 * 8, "FFFFFFF0", 8);
	assert_refused("Code 41:");
}

/* A name that is padded with NULs beyond the buffer for names. */
static void long_names(void **state)
{
	char name[20000] = "kernel";
	uint8_t *kernel = bzimage(5000);

	(void)state;
	blob_start();
	newc_add_raw(&blob, "070701", NEWC_FILE, 1, name, sizeof name, kernel, 5000);
	newc_end(&blob);
	insert(2048, 32);
	assert_true(fetches());
	assert_same_view();
	blob_start();
	name[sizeof name - 1] = 'x';
	newc_add_raw(&blob, "070701", NEWC_FILE, 1, name, sizeof name, kernel, 5000);
	assert_refused("Code 40:");
	blob_start();
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = 0;
	memcpy(name, "modules/00-", 11);
	newc_add_raw(&blob, "070701", NEWC_FILE, 1, name, sizeof name, kernel, 5000);
	assert_refused("Refused: /segue/blob: a member's name has more than 8190 bytes.");
	free(kernel);
}

static void memory_too_small(void **state)
{
	static const struct segue_range small[] = { { 0, 0x9fc00, 1, 0 }, { MIB, 0x800000, 1, 0 } };

	(void)state;
	linux_bundle(true);
	seal();
	map = small;
	map_count = 2;
	assert_refused("Refused: /segue/blob: an initrd of 5242883 bytes does not fit; "
		"the largest free piece of memory has ");
	blob_start();
	map = small;
	map_count = 2;
	add_bzimage("kernel", 9 * MIB);
	assert_refused("Refused: /segue/blob: a kernel of 9437184 bytes does not fit");
	/* no room at its place, but elsewhere */
	blob_start();
	add_bzimage("kernel", 2 * MIB);
	newc_end(&blob);
	map = small;
	map_count = 2;
	insert(2048, 32);
	assert_true(fetches());
	assert_int_equal(parts.parts[0].size, 2 * MIB);
	media.size = UINT32_MAX;
	assert_false(fetches());
	assert_said("larger than the 4 GiB");
}

static void kernel_place(void **state)
{
	static const struct {
		uint32_t at, size, value;
		bool found;
		uint64_t from, end;
	} cases[] = {
		{ 0x211, 1, 1, true, 0x1000000 - 1536, 0x1500000 }, /* unchanged */
		{ 0x260, 4, 0x1000, true, 0x1000000 - 1536, 0x1000000 + 10000 }, /* init_size less than the code */
		{ 0x234, 1, 0, true, 0x100000 - 1536, 0x1500000 }, /* not relocatable: to code32_start */
		{ 0x230, 4, 0x2000000, true, 0x1000000 - 1536, 0x2500000 }, /* it runs at a higher address than it is loaded */
		{ 0x206, 2, 0x204, true, 0x100000 - 1536, 0x100000 + 40000 }, /* four times the code, before 2.10 */
		{ 0x1f1, 1, 0, true, 0x1000000 - 2560, 0x1500000 },  /* four sectors of setup code */
		{ 0x211, 1, 0, false, 0, 0 }, { 0x214, 4, 0, false, 0, 0 }, { 0x202, 4, 0, false, 0, 0 },
		{ 0x1fe, 2, 0, false, 0, 0 }, { 0x206, 2, 0x1ff, false, 0, 0 }, { 0x25c, 4, 1, false, 0, 0 },
		{ 0x1f1, 1, 22, false, 0, 0 }, { 0x258, 4, 512, false, 0, 0 }, { 0x260, 4, 0xffffffff, false, 0, 0 },
	};
	struct bzimage_place found;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint8_t *kernel = bzimage(11536);

		/* 16 MiB is a multiple of each of these */
		put_le32(kernel + 0x230, 0x1000);
		if (cases[i].size == 4)
			put_le32(kernel + cases[i].at, cases[i].value);
		else
			put_le16(kernel + cases[i].at, (uint16_t)(cases[i].value | (cases[i].size == 1 ?
				(uint32_t)kernel[cases[i].at + 1] << 8 : 0)));
		assert_int_equal(bzimage_place(kernel, 1024, 11536, &found), cases[i].found);
		if (cases[i].found) {
			assert_int_equal(found.start, cases[i].from);
			assert_int_equal(found.end, cases[i].end);
		}
		assert_false(bzimage_place(kernel, BZIMAGE_HEAD - 1, 11536, &found));
		free(kernel);
	}
}

/* The kernel's limit for the initrd, and the memory that it needs itself. */
static void initrd_place(void **state)
{
	static const struct segue_range tight[] = { { 0, 0x9fc00, 1, 0 }, { MIB, 0x1500000, 1, 0 }, { 0x1500000, 0x4000000, 2, 0 } };
	uint32_t start;

	(void)state;
	linux_bundle(true);
	put_le32(blob.data + PAGE + 0x22c, 0x2ffffff); /* initrd_addr_max */
	insert(2048, 32);
	assert_true(fetches());
	start = physical_address(parts.parts[1].data);
	assert_true(start >= 0x2a00000 && start + parts.parts[1].size <= 0x3000000);
	/* the only room above the kernel is where it unpacks itself */
	linux_bundle(true);
	map = tight;
	map_count = 3;
	insert(2048, 32);
	assert_true(fetches());
	start = physical_address(parts.parts[1].data);
	assert_int_equal(physical_address(parts.parts[0].data), 0x1000000 - 1536);
	assert_true(start + parts.parts[1].size <= 0x1000000 - 1536);
	assert_same_view();
}

/* No piece overlaps another, or memory that was taken before. */
static void apart(void **state)
{
	(void)state;
	for (int kernel_first = 0; kernel_first < 2; kernel_first++) {
		uint32_t start[2], end[2];

		linux_bundle(kernel_first);
		insert(2048, 32);
		assert_true(fetches());
		for (int i = 0; i < 2; i++) {
			start[i] = physical_address(parts.parts[i].data);
			end[i] = start[i] + (uint32_t)parts.parts[i].size;
			assert_true(start[i] >= MIB + 0x20000 && end[i] <= RAM_END);
			assert_true(end[i] <= WORKSPACE || start[i] >= WORKSPACE + MIB);
		}
		assert_true(end[0] <= start[1] || end[1] <= start[0]);
		for (uint32_t at = MIB; at < MIB + 0x20000; at++)
			assert_int_equal(memory[at], 0xcc);
		/* below the transfer buffer only the packet is written, and nothing between the buffer and the EBDA */
		for (uint32_t at = 0x20000; at < MIB; at++)
			assert_int_equal(memory[at], 0xcc);
	}
}

/* Thirty ticks per read, so every step is shown; each line replaces the previous one, and the last one stays. */
static void progress_line(void **state)
{
	(void)state;
	memory[TICKS] = 0;
	spoken[0] = 0;
	put32(TICKS, TICKS_A_DAY - 10);
	progress_start(30 * MIB);
	progress_update(MIB);
	put32(TICKS, TICKS_A_DAY - 7);
	progress_update(2 * MIB);
	assert_string_equal(spoken, "");
	put32(TICKS, TICKS_A_DAY - 6);
	progress_update(3 * MIB);
	progress_update(4 * MIB);
	assert_string_equal(spoken, "Reading: 3072 KiB of 30 MiB, 10%, 13977 KiB/s\r");
	spoken[0] = 0;
	put32(TICKS, 172);            /* across midnight: 182 ticks in all */
	progress_update(15 * MIB);
	progress_end(30 * MIB);
	assert_string_equal(spoken, "Reading: 15360 KiB of 30 MiB, 50%, 1536 KiB/s\rRead: 30 MiB in 10.0 s, 3072 KiB/s.\r");
	spoken[0] = 0;
	progress_start(4294967295u);
	put32(TICKS, 172 + 182 * 60);
	progress_update(4294967295u);
	progress_start(100);
	progress_end(100);
	assert_string_equal(spoken, "Reading: 4194303 KiB of 4095 MiB, 100%, 6990 KiB/s\rRead: 100 bytes in less than 0.3 s.\r");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(linux_lies_where_it_should),
		cmocka_unit_test(linux_any_order),
		cmocka_unit_test(linux_with_modules),
		cmocka_unit_test(multiboot_modules),
		cmocka_unit_test(hard_links),
		cmocka_unit_test(low_kernel),
		cmocka_unit_test(many_modules),
		cmocka_unit_test(any_steps),
		cmocka_unit_test(whole_kernels),
		cmocka_unit_test(fiwix_blobs),
		cmocka_unit_test(damaged),
		cmocka_unit_test(unreadable),
		cmocka_unit_test(broken_bundles),
		cmocka_unit_test(long_names),
		cmocka_unit_test(memory_too_small),
		cmocka_unit_test(kernel_place),
		cmocka_unit_test(initrd_place),
		cmocka_unit_test(apart),
		cmocka_unit_test(progress_line),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(blob.data);
	free(image);
	return failed;
}
