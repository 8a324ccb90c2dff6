/* SPDX-License-Identifier: MIT */
/*
 * segue disk: the MBR in sector 0; stage 1's second part and segue.elf from sector 1; the one partition from sector 2048,
 * with a header of one sector (container/media_format.h) and the blob.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include "boot_image.h"
#include "common/bytes.h"
#include "media_make.h"
#include "staging.h"
#include "container/media_format.h"

#define SECTOR 512u
#define PARTITION_START 2048u         /* sectors: 1 MiB, as partitioning tools place the first partition */
#define ACTIVE 0x80u
#define BOOT_SIGNATURE 0xaa55u

/* The geometry of the partition table, which BIOSes use. */
#define HEADS 255u
#define TRACK 63u
#define CYLINDERS_MAX 1024u
/* The geometry of a BIOS without translation. */
#define PLAIN_HEADS 16u

/* The usual MBR from byte 440 on. */
struct partition {
	uint8_t active;
	uint8_t first[3];             /* head, sector with the cylinder's bits 8 and 9, cylinder */
	uint8_t type;
	uint8_t last[3];
	uint8_t start[4];             /* sectors */
	uint8_t size[4];
};
_Static_assert(sizeof(struct partition) == 16, "MBR");
_Static_assert(offsetof(struct partition, first) == 1, "MBR");
_Static_assert(offsetof(struct partition, type) == 4, "MBR");
_Static_assert(offsetof(struct partition, last) == 5, "MBR");
_Static_assert(offsetof(struct partition, start) == 8, "MBR");
_Static_assert(offsetof(struct partition, size) == 12, "MBR");
struct boot_sector {
	uint8_t code[BOOT_SECTOR_PATCH];
	uint8_t loader_start[8];      /* sector */
	uint8_t disk_signature[4];
	uint8_t zero[2];
	struct partition partitions[4];
	uint8_t boot_signature[2];
};
_Static_assert(sizeof(struct boot_sector) == SECTOR && BOOT_SECTOR_SIZE == SECTOR, "MBR");
_Static_assert(offsetof(struct boot_sector, loader_start) == 0x1b0, "stage1/mbr.asm");
_Static_assert(offsetof(struct boot_sector, disk_signature) == 440, "MBR");
_Static_assert(offsetof(struct boot_sector, zero) == 444, "MBR");
_Static_assert(offsetof(struct boot_sector, partitions) == 446, "MBR");
_Static_assert(offsetof(struct boot_sector, boot_signature) == 510, "MBR");

struct sizes {
	uint32_t partition, disk;     /* sectors */
};

static uint64_t round_up(uint64_t value, uint32_t unit)
{
	return (value + unit - 1) / unit * unit;
}

/*
 * The partition ends at a cylinder boundary, and the disk also at one of the geometry without translation, so that every
 * sector of the partition can be reached by either. A blob below 4 GiB keeps both far below the table's 32 bits.
 */
static struct sizes find_sizes(const struct medium *image)
{
	uint64_t used = PARTITION_START + 1 + ((uint64_t)image->blob.size + SECTOR - 1) / SECTOR;
	uint64_t end = round_up(used, HEADS * TRACK);

	_Static_assert((UINT32_MAX / SECTOR + PARTITION_START) / (HEADS * TRACK) + 1 < CYLINDERS_MAX, "cylinders of a table");
	return (struct sizes){ (uint32_t)(end - PARTITION_START), (uint32_t)round_up(end, PLAIN_HEADS * TRACK) };
}

static void put_chs(uint8_t *field, uint32_t sector)
{
	uint32_t cylinder = sector / (HEADS * TRACK);

	field[0] = (uint8_t)(sector / TRACK % HEADS);
	field[1] = (uint8_t)(sector % TRACK + 1 + (cylinder >> 8 << 6));
	field[2] = (uint8_t)cylinder;
}

static void make_header(const struct medium *image, struct disk_header *header)
{
	*header = (struct disk_header){ .version = { 1 } };
	memcpy(header->magic, DISK_HEADER_MAGIC, sizeof header->magic);
	put_le32(header->blob_size, (uint32_t)image->blob.size);
	put_le32(header->header_size, sizeof *header);
	memcpy(header->options, image->options, strlen(image->options));
}

/* Operating systems identify a disk by its signature, so it is computed from the content. */
static uint32_t find_signature(const struct medium *image, const struct disk_header *header)
{
	uLong sum = crc32_z(0, (const uint8_t *)header, sizeof *header);

	return (uint32_t)crc32_z(sum, image->blob.data, image->blob.size);
}

static void make_boot_sector(const struct sizes *sizes, uint32_t signature, struct boot_sector *sector)
{
	struct partition *partition = &sector->partitions[0];

	memcpy(sector, disk_boot_sector, sizeof *sector);
	put_le32(sector->loader_start, 1);
	put_le32(sector->loader_start + 4, 0);
	put_le32(sector->disk_signature, signature);
	*partition = (struct partition){ .active = ACTIVE, .type = DISK_PARTITION_TYPE };
	put_chs(partition->first, PARTITION_START);
	put_chs(partition->last, PARTITION_START + sizes->partition - 1);
	put_le32(partition->start, PARTITION_START);
	put_le32(partition->size, sizes->partition);
}

static bool put_at(FILE *out, uint64_t sector, const void *data, size_t size)
{
	return !fseeko(out, (off_t)(sector * SECTOR), SEEK_SET) && fwrite(data, 1, size, out) == size;
}

static bool put_all(FILE *out, const struct medium *image)
{
	const uint8_t *loader = disk_boot_image + CD_SECTOR_SIZE;
	const struct sizes sizes = find_sizes(image);
	struct boot_sector boot_sector;
	struct disk_header header;

	make_header(image, &header);
	make_boot_sector(&sizes, find_signature(image, &header), &boot_sector);
	return put_at(out, 0, &boot_sector, sizeof boot_sector) &&
	       put_at(out, 1, loader, (size_t)(disk_boot_image_end - loader)) &&
	       put_at(out, PARTITION_START, &header, sizeof header) &&
	       put_at(out, PARTITION_START + 1, image->blob.data, image->blob.size) &&
	       !fflush(out) && !ftruncate(fileno(out), (off_t)sizes.disk * (off_t)SECTOR);
}

static bool write_file(const struct medium *image, const char *path)
{
	FILE *out = fopen(path, "wbx");
	bool good = out && put_all(out, image);

	if (!good)
		complain(image->out, "%s", strerror(errno));
	if (out && fclose(out) && good)
		good = !complain(image->out, "%s", strerror(errno));
	return good;
}

static bool write_disk(const struct medium *image)
{
	bool good = staging_open(image->out);

	if (good) {
		const char *path = staging_add("image");

		good = write_file(image, path) && staging_finish(path);
	}
	staging_close();
	return good;
}

static int run(int argc, char **argv)
{
	return media_make(&command_disk, argc, argv, write_disk);
}

const struct command command_disk = {
	.name = "disk",
	.summary = "make a disk image that boots by itself",
	.help =
	IMAGE_USAGE("disk")
	IMAGE_HELP
	OUTPUT_HELP
	"\n"
	"OUT boots from a disk or stick, on a PC with a BIOS or a UEFI with a CSM. It is the image of a whole disk:\n"
	"\n"
	"  sector 0               the boot sector, with the partition table\n"
	"  sectors 1 to 2047      stage 1's second part and segue.elf\n"
	"  sector 2048            the one partition, active, of type 0x7f: a header of one sector with the\n"
	"                         options, then the blob. Its last 32 bytes are a seal that is checked at the\n"
	"                         boot. There is no file system\n"
	"\n"
	"The same input makes the same bytes. A blob that Segue would refuse to start is refused here.\n",
	.run = run
};
