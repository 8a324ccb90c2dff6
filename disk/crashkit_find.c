/* SPDX-License-Identifier: MIT */
/* Finds the kernel and the busybox of a crash kit, and checks them. */
#define _GNU_SOURCE                    /* strverscmp() */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/bytes.h"
#include "container/magic.h"
#include "crashkit.h"
#include "elf.h"
#include "elf_look.h"
#include "linux_header.h"

#define XLF_KERNEL_64 1u              /* boot.rst, xloadflags */
#define IMAGE "vmlinuz"

static char *join(const char *root, const char *folder, const char *name)
{
	size_t size = strlen(root) + strlen(folder) + strlen(name) + 3;
	char *path = allocate(size);

	snprintf(path, size, "%s%s%s%s%s", root, *root && root[strlen(root) - 1] == '/' ? "" : "/", folder, *name ? "/" : "", name);
	return path;
}

/* Takes path in place of *best if release is higher. */
static void take_if_higher(char **best, char **best_release, char *path, const char *release)
{
	if (access(path, F_OK) || (*best && strverscmp(release, *best_release) <= 0)) {
		free(path);
		return;
	}
	free(*best);
	free(*best_release);
	*best = path;
	*best_release = copy_string(release);
}

/* The kernel with the highest release: boot/vmlinuz-RELEASE, or lib/modules/RELEASE/vmlinuz. */
static char *find_image(const char *root)
{
	static const char *const folders[] = { "boot", "lib/modules", "usr/lib/modules" };
	char *best = NULL, *release = NULL;
	size_t i;

	for (i = 0; i < sizeof folders / sizeof *folders; i++) {
		char *folder = join(root, folders[i], "");
		DIR *listed = opendir(folder);
		struct dirent *each;

		while (listed && (each = readdir(listed))) {
			if (i && each->d_name[0] != '.')
				take_if_higher(&best, &release, join(folder, each->d_name, IMAGE), each->d_name);
			else if (!i && !strncmp(each->d_name, IMAGE "-", sizeof IMAGE))
				take_if_higher(&best, &release, join(folder, each->d_name, ""), each->d_name + sizeof IMAGE);
		}
		if (listed)
			closedir(listed);
		free(folder);
	}
	free(release);
	return best;
}

/* boot.rst, kernel_version: "6.1.0-57-cloud-amd64 (debian-kernel@...) #1 ...". The release is the first word. */
static bool read_release(struct crashkit *kit, const struct file *kernel)
{
	size_t at = 0x200u + le16(LINUX_AT(kernel->data, hdr.kernel_version)), length = 0;

	if (at == 0x200u || at >= kernel->size)
		return false;
	while (at + length < kernel->size && length < RELEASE_SIZE && kernel->data[at + length] > ' ' && kernel->data[at + length] < 127)
		length++;
	if (!length || length == RELEASE_SIZE || at + length == kernel->size || memchr(kernel->data + at, '/', length))
		return false;
	memcpy(kit->release, kernel->data + at, length);
	kit->release[length] = 0;
	return true;
}

static bool look_at_kernel(struct crashkit *kit, const struct file *kernel)
{
	struct bytes bytes = { kernel->data, kernel->size, 0 };
	unsigned version;

	if (!segue_is_linux(&bytes) || kernel->size < sizeof(struct linux_boot_params)) {
		complain(kernel->path, "not a Linux (bzImage), and only Linux has /proc/vmcore");
		return false;
	}
	version = le16(LINUX_AT(kernel->data, hdr.version));
	if (version < 0x20a || !read_release(kit, kernel)) {
		complain(kernel->path, "its header does not say which release of Linux this is");
		return false;
	}
	kit->is_64 = version >= 0x20c && le16(LINUX_AT(kernel->data, hdr.xloadflags)) & XLF_KERNEL_64;
	kit->init_size = le32(LINUX_AT(kernel->data, hdr.init_size));
	return true;
}

bool crashkit_find_kernel(struct crashkit *kit)
{
	struct file kernel;
	bool good;

	kit->kernel_found = kit->kernel_path ? copy_string(kit->kernel_path) : find_image(kit->root);
	if (!kit->kernel_found) {
		complain(kit->root, "no boot/" IMAGE "-RELEASE is there; name a kernel with --kernel, or a folder with an unpacked package of one "
				    "with --root (`make crashkit` fetches one)");
		return false;
	}
	if (!file_read_kernel(kit->kernel_found, &kernel))
		return false;
	good = look_at_kernel(kit, &kernel);
	file_free(&kernel);
	return good;
}

/* What crashkit.sh runs. busybox has a table of its programs' names, each ended by a NUL. */
static const char *const programs[] = {
	"base64", "cat", "cp", "dd", "df", "findfs", "grep", "gzip", "head", "insmod", "mount", "mv",
	"poweroff", "reboot", "rm", "sed", "setsid", "sh", "sleep", "stat", "stty", "sync", "tr", "umount", "wc"
};

static bool has_program(const struct file *busybox, const char *name)
{
	size_t length = strlen(name) + 1;
	const uint8_t *at = busybox->data, *end = busybox->data + busybox->size;

	while ((at = memchr(at, 0, (size_t)(end - at))) && (size_t)(end - at) > length) {
		if (!memcmp(++at, name, length))
			return true;
	}
	return false;
}

static bool look_at_busybox(const struct crashkit *kit)
{
	const struct file *busybox = &kit->busybox;
	unsigned machine = elf_machine(busybox);
	size_t i;

	if (!machine) {
		complain(busybox->path, "not a program for i386 or x86-64");
		return false;
	}
	if (elf_is_dynamic(busybox)) {
		complain(busybox->path, "this busybox needs shared libraries; a static one is needed (Debian's package busybox-static)");
		return false;
	}
	if (machine == EM_X86_64 && !kit->is_64) {
		complain(busybox->path, "a 64-bit program, and %s is a 32-bit kernel", kit->kernel_found);
		return false;
	}
	for (i = 0; i < sizeof programs / sizeof *programs; i++)
		if (!has_program(busybox, programs[i])) {
			complain(busybox->path, "this busybox has no %s, which the crash kit runs", programs[i]);
			return false;
		}
	return true;
}

bool crashkit_find_busybox(struct crashkit *kit)
{
	static const char *const folders[] = { "bin", "usr/bin", "usr/sbin" };
	size_t i;

	if (kit->busybox_path)
		kit->busybox_found = copy_string(kit->busybox_path);
	for (i = 0; !kit->busybox_found && i < sizeof folders / sizeof *folders; i++) {
		kit->busybox_found = join(kit->root, folders[i], "busybox");
		if (access(kit->busybox_found, F_OK)) {
			free(kit->busybox_found);
			kit->busybox_found = NULL;
		}
	}
	if (!kit->busybox_found) {
		complain(kit->root, "no bin/busybox is there; name a static busybox with --busybox (Debian's package busybox-static)");
		return false;
	}
	return file_read(kit->busybox_found, &kit->busybox) && look_at_busybox(kit);
}

void crashkit_free(struct crashkit *kit)
{
	while (kit->driver_count) {
		struct driver *driver = &kit->drivers[--kit->driver_count];

		free(driver->name);
		file_free(&driver->file);
	}
	free(kit->drivers);
	free(kit->more);
	free(kit->missing);
	free(kit->kernel_found);
	free(kit->busybox_found);
	file_free(&kit->busybox);
}
