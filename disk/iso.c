/* SPDX-License-Identifier: MIT */
/*
 * segue iso: El Torito without emulation, and an MBR for an image that is written to a stick. xorriso makes it. Blob and
 * options are ordinary files, so that xorriso alone can replace them later.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "boot_image.h"
#include "media_make.h"
#include "staging.h"
#include "container/media_format.h"

_Static_assert(sizeof ISO_BLOB_PATH == sizeof "/segue/blob" && sizeof ISO_OPTIONS_PATH == sizeof "/segue/options",
	       "the names below, without the first slash");

/* The time of all files without SOURCE_DATE_EPOCH: 1 January 1980. */
#define USUAL_TIME "315532800"
/* SeaBIOS ignores a disk that is smaller than a cylinder, 504 KiB. */
#define LEAST_SIZE "1m"
/* Nine digits end in 2001. Eleven digits begin after the last year of ISO 9660. */
#define TIME_DIGITS 10u

static bool find_time(char *time, size_t size)
{
	const char *wish = getenv("SOURCE_DATE_EPOCH");

	if (!wish || !*wish)
		wish = USUAL_TIME;
	if (strspn(wish, "0123456789") != strlen(wish) || strlen(wish) > TIME_DIGITS) {
		complain(NULL, "SOURCE_DATE_EPOCH must be a number of seconds since 1970, not %s", wish);
		return false;
	}
	snprintf(time, size, "%s", wish);
	return true;
}

static bool stage_files(const struct medium *image)
{
	char line[DISK_OPTIONS_SIZE + 1];
	int length = snprintf(line, sizeof line, "%s\n", image->options);

	return staging_folder("segue") &&
	       staging_write("mbr", disk_boot_sector, BOOT_SECTOR_SIZE) &&
	       staging_write("segue/boot.img", disk_boot_image, (size_t)(disk_boot_image_end - disk_boot_image)) &&
	       staging_write("segue/blob", image->blob.data, image->blob.size) &&
	       (!*image->options || staging_write("segue/options", line, (size_t)length));
}

static bool run_xorriso(const char *time)
{
	char dates[32], epoch[48];
	char zone[] = "TZ=UTC", locale[] = "LC_ALL=C";
	char *environment[] = { epoch, zone, locale, NULL };
	/* -no_rc: no start-up files. -r: owner, group and rights do not depend on the user. */
	const char *const argv[] = {
		"xorriso", "-no_rc", "-as", "mkisofs", "-quiet", "-V", "SEGUE", "-r", "-iso-level", "3",
		"--set_all_file_dates", dates,
		"-b", "segue/boot.img", "-c", "segue/boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table",
		"--grub2-mbr", "mbr", "--protective-msdos-label",
		"-o", "image", "-graft-points", "/segue=segue",
		"--", "-padding", LEAST_SIZE, NULL
	};
	char *words[sizeof argv / sizeof *argv];

	snprintf(dates, sizeof dates, "=%s", time);
	snprintf(epoch, sizeof epoch, "SOURCE_DATE_EPOCH=%s", time);
	memcpy(words, argv, sizeof words);
	return staging_run(words, environment);
}

static bool write_iso(const struct medium *image)
{
	char time[TIME_DIGITS + 1];
	bool good = find_time(time, sizeof time) && staging_open(image->out);

	if (good) {
		const char *path = staging_add("image");

		good = stage_files(image) && run_xorriso(time) && staging_finish(path);
	}
	staging_close();
	return good;
}

static int run(int argc, char **argv)
{
	return media_make(&command_iso, argc, argv, write_iso);
}

const struct command command_iso = {
	.name = "iso",
	.summary = "make an ISO that boots by itself, as a CD or on a stick",
	.help =
	IMAGE_USAGE("iso")
	IMAGE_HELP
	OUTPUT_HELP
	"\n"
	"OUT boots as a CD and, written to a stick, as a disk, on a PC with a BIOS or a UEFI with a CSM. The\n"
	"program xorriso makes it and must be in PATH. The same input makes the same bytes, in any time zone,\n"
	"for any user and locale. Files have the time SOURCE_DATE_EPOCH, else 1980. The ISO holds these files:\n"
	"\n"
	"  /segue/blob            the blob; its last 32 bytes are the seal, which is checked at the boot\n"
	"  /segue/options         the --options\n"
	"  /segue/boot.img        stage 1 and segue.elf\n"
	"\n"
	"A blob that Segue would refuse to start is refused here.\n",
	.run = run
};
