/* SPDX-License-Identifier: MIT */
/* Finds the blob on a medium: by path in ISO 9660, and in the partition of a disk that `segue disk` made. */
#include "standalone_medium.h"
#include "container/media_format.h"
#include "container/seal.h"
#include "stage1.h"
#include "drive.c"
#include "refuse.c"
#include "iso9660.c"
#include "partition.c"
#include "media.c"
#include "media_open.c"

#define BLOCKS 64u

static uint8_t image[BLOCKS * 2048];
static struct media media;

static uint8_t *block(uint32_t number)
{
	return image + number * 2048;
}

static void put(uint8_t *p, uint32_t size, uint64_t value)
{
	for (; size; size--, value >>= 8)
		*p++ = (uint8_t)value;
}

/* Writes a directory record at p. Returns the address of the next one. */
static uint8_t *add_record(uint8_t *p, const char *name, uint32_t name_size, uint32_t first, uint32_t size, uint8_t flags)
{
	uint32_t length = (33 + name_size + 1) & ~1u;

	memset(p, 0, length);
	p[0] = (uint8_t)length;
	put(p + 2, 4, first);
	put(p + 10, 4, size);
	p[25] = flags;
	p[32] = (uint8_t)name_size;
	memcpy(p + 33, name, name_size);
	return p + length;
}

static uint8_t *add_file(uint8_t *p, const char *name, uint32_t first, uint32_t size)
{
	return add_record(p, name, (uint32_t)strlen(name), first, size, 0);
}

static void descriptor(uint32_t number, uint8_t type)
{
	uint8_t *p = block(number);

	memset(p, 0, 2048);
	p[0] = type;
	memcpy(p + 1, "CD001\1", 6);
	put(p + 128, 2, 2048);
	add_record(p + 156, "", 1, 20, 2048, 2);
}

static uint8_t *folder(uint32_t number)
{
	uint8_t *p = add_record(block(number), "", 1, number, 2048, 2);

	return add_record(p, "\1", 1, 20, 2048, 2);
}

/* Blob at 30, options at 40; root at 20, /SEGUE at 21. */
static void make_iso(const char *blob, const char *options)
{
	uint8_t *p;

	memset(image, 0, sizeof image);
	descriptor(16, 0);
	descriptor(17, 1);
	descriptor(18, 255);
	p = folder(20);
	for (int i = 0; i < 35; i++) /* so that the records are not in the block's first sectors */
		p = add_file(p, "OTHER.;1", 50, 10);
	add_record(p, "SEGUE", 5, 21, 2048, 2);
	p = folder(21);
	p = add_file(p, blob, 30, 5000);
	if (options) {
		add_file(p, "OPTIONS.;1", 40, (uint32_t)strlen(options));
		memcpy(block(40), options, strlen(options));
	}
}

static void insert(uint32_t sector_size)
{
	unguard_buffer();
	memset(memory, 0, 0x100000);
	memset(&drive, 0, sizeof drive);
	drive.data = image;
	drive.size = sizeof image;
	drive.sector_size = sector_size;
	drive.largest = 65536 / sector_size;
}

static bool opens(uint32_t medium)
{
	return GOES_ON(media_open(&media, medium, DRIVE));
}

static void assert_refused(uint32_t medium, const char *sentence)
{
	insert(medium == STAGE1_CD ? 2048 : 512);
	assert_false(opens(medium));
	assert_said(sentence);
	assert_said("Waiting; Enter reboots.");
}

static void cd(void **state)
{
	static const char *const names[] = { "BLOB.;1", "BLOB;1", "BLOB", "blob", "Blob.;27", "BLOB." };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		make_iso(names[i], "console=ttyS0 quiet\r\nsecond line");
		insert(2048);
		assert_true(opens(STAGE1_CD));
		assert_int_equal(media.sector, 30);
		assert_int_equal(media.size, 5000);
		assert_string_equal(media.options, "console=ttyS0 quiet");
		assert_string_equal(media.path, "/segue/blob");
	}
	make_iso("BLOB.;1", NULL);
	insert(2048);
	assert_true(opens(STAGE1_CD));
	assert_string_equal(media.options, "");
}

static void iso_on_disk(void **state)
{
	(void)state;
	for (uint32_t largest = 1; largest <= 128; largest++) {
		make_iso("BLOB.;1", "quiet");
		insert(512);
		drive.largest = largest;
		assert_true(opens(STAGE1_ISO_ON_DISK));
		assert_int_equal(media.sector, 30 * 4);
		assert_string_equal(media.options, "quiet");
	}
}

/* The extended attributes lie before the data (ECMA-119, section 6.4.5). */
static void attributes(void **state)
{
	(void)state;
	make_iso("BLOB.;1", NULL);
	*(folder(21) + 1) = 3;
	insert(2048);
	assert_true(opens(STAGE1_CD));
	assert_int_equal(media.sector, 33);
}

static void large_folder(void **state)
{
	uint8_t *p;
	char name[16];

	(void)state;
	make_iso("BLOB.;1", NULL);
	/* 5 blocks; each ends with zeros, and the last one is not full */
	for (uint32_t b = 21; b < 26; b++) {
		p = block(b);
		memset(p, 0, 2048);
		for (uint32_t i = 0; i < 40; i++) {
			snprintf(name, sizeof name, "F%06u.X;1", b * 100 + i);
			p = add_file(p, name, 1, 1);
		}
	}
	add_file(p, "BLOB.;1", 30, 77);
	add_record(folder(20), "SEGUE", 5, 21, 4 * 2048 + 2000, 2);
	insert(2048);
	assert_true(opens(STAGE1_CD));
	assert_int_equal(media.size, 77);
	/* a record after the folder's end is ignored */
	add_record(folder(20), "SEGUE", 5, 21, 4 * 2048 + 40 * 44, 2);
	assert_refused(STAGE1_CD, "Refused: /segue/blob: there is no such file on the medium.");
}

static void bad_iso(void **state)
{
	uint8_t *record;

	(void)state;
	make_iso("BLOBS.;1", NULL);
	assert_refused(STAGE1_CD, "there is no such file");
	make_iso("BLO.;1", NULL);
	assert_refused(STAGE1_CD, "there is no such file");
	make_iso("BLOB.X;1", NULL);
	assert_refused(STAGE1_CD, "there is no such file");
	make_iso("BLOB.;1", NULL);
	memset(block(17), 0, 2048);
	assert_refused(STAGE1_CD, "no ISO 9660 file system");
	make_iso("BLOB.;1", NULL);
	put(block(17) + 128, 2, 512);
	assert_refused(STAGE1_CD, "do not have 2048 bytes");
	for (uint32_t i = 16; i < BLOCKS; i++) /* descriptors without a terminator */
		descriptor(i, 2);
	assert_refused(STAGE1_CD, "no ISO 9660 file system");

	make_iso("BLOB.;1", NULL);
	record = folder(21);
	record[25] = 2;
	assert_refused(STAGE1_CD, "there is no such file"); /* a folder */
	record[25] = 4;
	assert_refused(STAGE1_CD, "there is no such file"); /* an associated file, which is ignored */
	record[25] = 0x80;
	assert_refused(STAGE1_CD, "several pieces");
	record[25] = 0;
	record[26] = 1;
	assert_refused(STAGE1_CD, "interleaved");
	record[26] = 0;
	record[32] = 200;             /* the name exceeds its record */
	assert_refused(STAGE1_CD, "broken");
	record[32] = 7;
	record[0] = 32;               /* shorter than a record */
	assert_refused(STAGE1_CD, "broken");
	make_iso("BLOB.;1", NULL);
	record = block(21);           /* a record that exceeds its block */
	for (int i = 0; i < 8; i++, record += 250)
		add_record(record, "A", 1, 1, 1, 0)[-34] = 250;
	record[0] = 60;
	assert_refused(STAGE1_CD, "broken");
	make_iso("BLOB.;1", NULL);
	put(folder(21) + 2, 4, 0xffffffff);
	*(folder(21) + 1) = 1;
	assert_refused(STAGE1_CD, "broken");
	make_iso("BLOB.;1", NULL);
	put(folder(21) + 10, 4, 0);
	assert_refused(STAGE1_CD, "it is empty");
	make_iso("BLOB.;1", NULL);
	add_record(folder(20), "SEGUE", 5, 21, 0xffffffff, 2);
	assert_refused(STAGE1_CD, "broken");
	make_iso("BLOB.;1", "");
	put(folder(21) + 42 + 10, 4, 2048);
	assert_refused(STAGE1_CD, "Refused: /segue/options: it is longer than 2047 bytes.");
}

static void unreadable(void **state)
{
	(void)state;
	make_iso("BLOB.;1", NULL);
	insert(2048);
	drive.bad_sector = 21;
	drive.bad_times = 1000;
	drive.status = 0x11;
	assert_false(opens(STAGE1_CD));
	assert_said("Refused: /segue/blob: sector 21 of drive 0xe0 cannot be read: read error (status 0x11).");
	assert_null(strstr(spoken, "cut short"));
	/* the medium ends before the blob */
	insert(2048);
	drive.size = 21 * 2048;
	assert_false(opens(STAGE1_CD));
	assert_said("sector 21 of drive 0xe0 cannot be read: sector not found (status 0x04).");
	assert_said("The medium ends at sector 21: it was cut short.");
	insert(2048);
	drive.bad_sector = 21;
	drive.bad_times = 2;
	assert_true(opens(STAGE1_CD));
}

/* The ISO's size in its primary volume descriptor, compared with the medium's. */
static void cut_iso(void **state)
{
	char sentence[96];

	(void)state;
	for (uint32_t left = 18; left <= BLOCKS; left++) {
		for (int unknown = 0; unknown < 2; unknown++) {
			make_iso("BLOB.;1", "quiet");
			put(block(17) + 80, 4, BLOCKS);
			insert(2048);
			drive.size = left * 2048;
			drive.size_unknown = unknown;
			assert_int_equal(opens(STAGE1_CD), left > 40);
			if (left > 40)
				continue;
			snprintf(sentence, sizeof sentence, "The medium has %u of its %u sectors: it was cut short.", left, BLOCKS);
			assert_said(sentence);
		}
	}
	/* a damaged sector: later ones are readable */
	insert(2048);
	drive.size_unknown = true;
	drive.bad_sector = 40;
	drive.bad_times = 1000;
	assert_false(opens(STAGE1_CD));
	assert_said("sector 40 of drive 0xe0 cannot be read");
	assert_null(strstr(spoken, "cut short"));
	/* an ISO that is larger than it says */
	put(block(17) + 80, 4, 30);
	insert(2048);
	drive.size_unknown = true;
	drive.size = 40 * 2048;
	assert_false(opens(STAGE1_CD));
	assert_said("sector 40 of drive 0xe0 cannot be read");
	assert_null(strstr(spoken, "cut short"));
}

/* ---- a disk of our own: the second partition, at sector 40 ---- */
static uint8_t *make_disk(const char *options)
{
	uint8_t *header = image + 40 * 512;

	memset(image, 0, sizeof image);
	image[510] = 0x55;
	image[511] = 0xaa;
	image[446 + 4] = 0x7f;        /* another system's partition of the same type */
	put(image + 446 + 8, 4, 20);
	put(image + 446 + 12, 4, 10);
	image[462 + 4] = 0x7f;
	put(image + 462 + 8, 4, 40);
	put(image + 462 + 12, 4, 11);
	memcpy(header, "SegueDsk", 8);
	put(header + 8, 8, 5120);
	put(header + 16, 4, 512);
	put(header + 20, 4, 1);
	strcpy((char *)header + 24, options);
	return header;
}

static void disk_partition(void **state)
{
	uint8_t *header;

	(void)state;
	make_disk("panic=3\nmore");
	insert(512);
	assert_true(opens(STAGE1_DISK));
	assert_int_equal(media.sector, 41);
	assert_int_equal(media.size, 5120);
	assert_string_equal(media.options, "panic=3");
	header = make_disk("");
	memset(header + 24, 'x', 488);
	insert(512);
	assert_true(opens(STAGE1_DISK));
	assert_int_equal(strlen(media.options), 488);

	make_disk("")[0] = 's';
	assert_refused(STAGE1_DISK, "Refused: Segue's partition: the disk has no partition of type 7f with Segue's header.");
	make_disk("");
	image[462 + 4] = 0x83;
	assert_refused(STAGE1_DISK, "no partition of type 7f");
	make_disk("");
	image[511] = 0;
	assert_refused(STAGE1_DISK, "no partition table");
	put(make_disk("") + 16, 4, 1024);
	assert_refused(STAGE1_DISK, "another version");
	put(make_disk("") + 20, 4, 2);
	assert_refused(STAGE1_DISK, "another version");
	put(make_disk("") + 8, 8, 5121);
	assert_refused(STAGE1_DISK, "larger than the partition");
	put(make_disk("") + 8, 8, 0);
	assert_refused(STAGE1_DISK, "it is empty");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cd),
		cmocka_unit_test(iso_on_disk),
		cmocka_unit_test(attributes),
		cmocka_unit_test(large_folder),
		cmocka_unit_test(bad_iso),
		cmocka_unit_test(unreadable), cmocka_unit_test(cut_iso),
		cmocka_unit_test(disk_partition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
