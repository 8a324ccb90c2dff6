# SPDX-License-Identifier: MIT
"""The table of cells: which real target boots through segue.elf, in which way, with how much memory.

A target's marker is text that only the target prints. ABSENT lists the cells that cannot exist, with reasons. A
plain run has enough cells that every target, every way and both ends of memory occur; the others are marked full
(pytest --full)."""
import collections
import gzip
import os
import re
import subprocess

from images import BOCHS_MEDIA, BUILD, MEDIA, TARGETS, Part, make_cpio, pack_bundle, pack_fiwix, there, write
import expect
import sectors

# kernel   qemu -kernel segue.elf -initrd "...": Multiboot 1
# grub1    GRUB on BIOS, multiboot;   grub2  GRUB on BIOS, multiboot2
# uefi2    GRUB on UEFI, multiboot2;  uefi1  GRUB on UEFI, multiboot
# ipxe     iPXE on BIOS by TFTP: Multiboot 1 with the RAM ranges of the memory map only
# ide-cd ... scsi-cd  without another boot loader: images.MEDIA says on what; `segue iso` and `segue disk` make them
# bochs-cd, bochs-disk  the same in Bochs, which has ATA only
WAYS = ("kernel", "grub1", "grub2", "uefi2", "uefi1", "ipxe", *MEDIA, *BOCHS_MEDIA)

#   modules  the parts for segue.elf: the target, and the files that belong to it
#   marker   regular expressions that must appear in this order on the serial port, or on the screen
#   check    a function(vm, cell, run) that checks the target's output; see expect.py
#   seconds  measured from power-on by "kernel" on an idle machine; time-outs are derived from it
#   segue    segue.elf's own arguments
#   pack     a function(folder) that makes the parts, instead of modules
#   machine  more arguments for QEMU
#   line     the target's arguments, if not those of the first part
Target = collections.namedtuple("Target", "modules marker screen check seconds segue pack machine line",
                                defaults=(False, None, 3, "", None, (), None))


def at(name):
    """Return a target's file; see images.there()."""
    return there(os.path.join(TARGETS, name))


# The names in test/targets/fetch of the busybox in our initramfs, and of what `make run` boots.
BUSYBOX = "busybox-i386"
RUN = ["run-linux", "run-busybox"]
INITRD = Part(at("initramfs.cpio.gz"))
LARGE = Part(at("initramfs-large.cpio.gz"))
# Linux's tests of its own ciphers take a third of an i386 kernel's boot here.
NO_SELF_TESTS = "cryptomgr.notests"
BUSYBOX_LINE = f'console=ttyS0 quiet {NO_SELF_TESTS} segue.test=wait word="two words" comma=a,b'
XEN_LINE = "com1=115200,8n1 console=com1 noreboot dom0_mem=512M"
DOM0_LINE = "console=hvc0 earlyprintk=xen quiet segue.test=wait"
MEMTEST_LINE = "console=ttyS0,115200"
# memtest86+ calibrates a clock at its start and waits by it; counting instructions keeps that accurate under load.
STEADY = ("-icount", "shift=6,sleep=off")
NOISE = b"\x00\xff\x1f\x8b\x7fELF\x02\xb0\xad\x1b070701" * 4096


def gnumach_bundle(folder):
    path = pack_bundle(os.path.join(folder, "gnumach.cpio"), at("gnumach/kernel"), "console=com0",
                       modules=[("00-first", at("grub-invaders/kernel"), "one two"),
                                ("01-second", at("memtest/ia32.bin"), "three")])
    return [Part(path)]


def linux_bundle(folder):
    path = pack_bundle(os.path.join(folder, "linux.cpio"), at("di-amd64/linux"), BUSYBOX_LINE, INITRD.path)
    return [Part(path)]


def linux_fiwix(folder):
    # Fiwix hands over a whole RAM disk: bytes after the two files must not matter.
    return [Part(pack_fiwix(os.path.join(folder, "linux.fiwix"), at("di-i386/linux"), INITRD.path, NOISE), BUSYBOX_LINE)]


def segue_pack(path, *words):
    """Pack a blob with the segue command."""
    done = subprocess.run([os.path.join(BUILD, "segue"), "pack", *words, "-o", path],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    return path


def packed_linux(folder):
    return [Part(segue_pack(os.path.join(folder, "packed.bundle"), "--kernel", at("di-i386/linux"),
                            "--initrd", LARGE.path, "--cmdline", BUSYBOX_LINE))]


def packed_vmlinux(folder):
    """A compressed vmlinux, which `segue pack` unpacks."""
    packed = os.path.join(folder, "vmlinux.lz4")
    subprocess.run(["lz4", "-q", "-1", "-f", at("vmlinux-i386/vmlinux"), packed], check=True)
    return [Part(segue_pack(os.path.join(folder, "packed.bundle"), "--kernel", packed, "--initrd", INITRD.path, "--cmdline", BUSYBOX_LINE))]


def packed_fiwix(folder):
    return [Part(segue_pack(os.path.join(folder, "packed.fiwix"), "--format", "fiwix", "--kernel", at("di-i386/linux"),
                            "--initrd", INITRD.path), BUSYBOX_LINE)]


def packed_dom0(folder):
    return [Part(segue_pack(os.path.join(folder, "packed.bundle"), "--kernel", at("xen/kernel"), "--cmdline", XEN_LINE,
                            "--module", f"{at('di-amd64/linux')}={DOM0_LINE}", "--module", INITRD.path))]


def joined_initrds(folder):
    """Make two initrds. The first has an odd size. The second is not compressed, so it must start at a multiple of 4."""
    write(os.path.join(folder, "extra"), b"here")
    archive = make_cpio(folder, ["extra"])
    # Zeros may follow an archive; add some until the compressed size is odd.
    odd = next(each for each in (gzip.compress(archive + bytes(512 * n), mtime=0) for n in range(64)) if len(each) % 4 == 1)
    write(os.path.join(folder, "extra.cpio.gz"), odd)
    with gzip.open(INITRD.path) as file:
        write(os.path.join(folder, "initramfs.cpio"), file.read())
    return [Part(at("di-i386/linux"), BUSYBOX_LINE), Part(os.path.join(folder, "extra.cpio.gz")),
            Part(os.path.join(folder, "initramfs.cpio"))]


def linux_fiwix_alone(folder):
    return [Part(pack_fiwix(os.path.join(folder, "alone.fiwix"), at("di-i386/linux")), f"console=ttyS0 {NO_SELF_TESTS} panic=-1")]


def memdisk_floppy(folder):
    """Make memdisk with our floppy image as its initrd."""
    path = os.path.join(folder, "floppy.img")
    return [Part(at("syslinux/memdisk")), Part(sectors.floppy(path))]


TABLE = {
    "di-i386": Target(
        [Part(at("di-i386/linux"), f"console=ttyS0 {NO_SELF_TESTS} priority=critical"), Part(at("di-i386/initrd.gz"))],
        [r"Select a language"], seconds=25),
    "di-amd64": Target(
        [Part(at("di-amd64/linux"), f"console=ttyS0 {NO_SELF_TESTS} priority=critical"), Part(at("di-amd64/initrd.gz"))],
        [r"Select a language"], seconds=40),
    "busybox-i386": Target(
        [Part(at("di-i386/linux"), BUSYBOX_LINE), INITRD],
        [r"^INITRAMFS-(OK|BAD) .*\n"], check=expect.initramfs, seconds=6),
    "busybox-amd64": Target(
        [Part(at("di-amd64/linux"), BUSYBOX_LINE), INITRD],
        [r"^INITRAMFS-(OK|BAD) .*\n"], check=expect.initramfs, seconds=6),
    "vmlinux-i386": Target(
        [Part(at("vmlinux-i386/vmlinux"), BUSYBOX_LINE), INITRD],
        [r"^INITRAMFS-(OK|BAD) .*\n"], check=expect.initramfs, seconds=5),
    "packed-vmlinux": Target(
        None, [r"^INITRAMFS-(OK|BAD) .*\n"], check=expect.initramfs, seconds=5, pack=packed_vmlinux, line=BUSYBOX_LINE),
    "smp-amd64": Target(
        [Part(at("di-amd64/linux"), BUSYBOX_LINE), INITRD],
        [r"^INITRAMFS-(OK|BAD) .*\n"], check=expect.initramfs, seconds=7, machine=("-smp", "3")),
    "cloud-amd64": Target(
        [Part(at("cloud-amd64/linux"), BUSYBOX_LINE), INITRD],
        [r"^INITRAMFS-(OK|BAD) .*\n"], check=expect.initramfs, seconds=3),
    "large-i386": Target(
        [Part(at("di-i386/linux"), BUSYBOX_LINE), LARGE],
        [r"^INITRAMFS-(OK|BAD) .*\n"], check=expect.initramfs, seconds=11),
    "large-amd64": Target(
        [Part(at("di-amd64/linux"), BUSYBOX_LINE), LARGE],
        [r"^INITRAMFS-(OK|BAD) .*\n"], check=expect.initramfs, seconds=10),
    "memtest-ia32": Target(
        [Part(at("memtest/ia32.bin"), MEMTEST_LINE)],
        [r"Memtest86\+ v6", r"\.x32", r"Address test, walking ones"], seconds=4, machine=STEADY),
    "memtest-x64": Target(
        [Part(at("memtest/x64.bin"), MEMTEST_LINE)],
        [r"Memtest86\+ v6", r"\.x64", r"Address test, walking ones"], seconds=4, machine=STEADY),
    "memtest-ia32-screen": Target(
        [Part(at("memtest/ia32.bin"))],
        [r"Memtest86\+ v6[\s\S]*\.x32$"], screen=True, seconds=2, segue="video=text"),
    "multiboot-example": Target(
        [Part(at("multiboot-example/kernel"), "alpha beta"), Part(at("grub-invaders/kernel"), "gamma delta"),
         Part(at("kexec-test/kernel"))],
        [r"^Halted\."], screen=True, check=expect.multiboot_example, seconds=1, segue="video=text"),
    "grub-invaders": Target(
        [Part(at("grub-invaders/kernel"))], [r"(-\*-.*){4}"], screen=True, seconds=1, segue="video=text"),
    "gnumach": Target(
        [Part(at("gnumach/kernel"), "console=com0"), Part(at("grub-invaders/kernel"), "one two"),
         Part(at("memtest/ia32.bin"), "three")],
        [r"^2 multiboot modules"], check=expect.gnumach, seconds=2),
    "xen": Target(
        [Part(at("xen/kernel"), "com1=115200,8n1 console=com1 noreboot")],
        [r"dom0 kernel not specified"], check=expect.xen, seconds=2),
    "xen-dom0": Target(
        [Part(at("xen/kernel"), XEN_LINE), Part(at("di-amd64/linux"), DOM0_LINE), INITRD],
        [r"^\(XEN\) Xen version", r"^INITRAMFS-(OK|BAD) .*\n"], check=expect.dom0, seconds=10),
    "kexec-test": Target(
        [Part(at("kexec-test/kernel"))], [r"In protected mode\."], seconds=2),
    "bundle-linux": Target(
        None, [r"^INITRAMFS-(OK|BAD) .*\n"], check=expect.initramfs, seconds=6, pack=linux_bundle,
        line=BUSYBOX_LINE),
    "bundle-gnumach": Target(
        None, [r"^2 multiboot modules"], check=expect.gnumach, seconds=2, pack=gnumach_bundle),
    "fiwix-linux": Target(
        None, [r"^INITRAMFS-(OK|BAD) .*\n"], check=expect.initramfs, seconds=6, pack=linux_fiwix),
    "packed-linux": Target(
        None, [r"^INITRAMFS-(OK|BAD) .*\n"], check=expect.initramfs, seconds=11, pack=packed_linux,
        line=BUSYBOX_LINE),
    "packed-fiwix": Target(
        None, [r"^INITRAMFS-(OK|BAD) .*\n"], check=expect.initramfs, seconds=6, pack=packed_fiwix),
    "packed-dom0": Target(
        None, [r"^\(XEN\) Xen version", r"^INITRAMFS-(OK|BAD) .*\n"], check=expect.dom0, seconds=10,
        pack=packed_dom0, line=XEN_LINE),
    "fiwix-alone": Target(
        None, [r"VFS: Unable to mount root fs"], seconds=5, pack=linux_fiwix_alone),
    "joined-initrds": Target(
        None, [r"^extra: here\n", r"^INITRAMFS-(OK|BAD) .*\n"], check=expect.initramfs, seconds=6,
        pack=joined_initrds),
    # segue.elf's option cmdline="..." replaces the module's string.
    "override": Target(
        [Part(at("di-i386/linux"), "console=tty0 wrong"), INITRD],
        [r"^INITRAMFS-(OK|BAD) .*\n"], check=expect.initramfs, seconds=6,
        segue=f'console=ttyS0 quiet cmdline="console=ttyS0 quiet {NO_SELF_TESTS} segue.test=wait second"',
        line=f"console=ttyS0 quiet {NO_SELF_TESTS} segue.test=wait second"),
}

# Targets that start in real mode, or are made to start there.
TABLE.update({
    "ipxe": Target(
        [Part(at("ipxe/ipxe.lkrn"))], [r"iPXE initialising devices", r"Open Source Network Boot Firmware"],
        screen=True, seconds=2),
    "memdisk": Target(
        None, [r"^Loading boot sector\.\.\. booting\.\.\.", r"^This is the second sector of a floppy\.$"], screen=True,
        seconds=2, pack=memdisk_floppy),
    "linux16-i386": Target(
        [Part(at("di-i386/linux"), BUSYBOX_LINE), INITRD],
        [r"^INITRAMFS-(OK|BAD) .*\n"], check=expect.initramfs, seconds=7, segue="linux16"),
    "linux16-amd64": Target(
        [Part(at("di-amd64/linux"), BUSYBOX_LINE), INITRD],
        [r"^INITRAMFS-(OK|BAD) .*\n"], check=expect.initramfs, seconds=7, segue="linux16"),
    "memtest16": Target(
        [Part(at("memtest/ia32.bin"), MEMTEST_LINE)],
        [r"Memtest86\+ v6", r"\.x32", r"Address test, walking ones"], seconds=4, segue="linux16", machine=STEADY),
})
REAL_MODE = "ipxe memdisk linux16-i386 linux16-amd64 memtest16"

# The least memory in MiB in which cloud-amd64 boots. It is the fastest kernel here, and so the reference: what a plain boot
# has been told by the firmware is the same for every kernel.
REFERENCE_MEMORY = 96


def reference_kernel(cell):
    """Return the kernel of the plain boot that a cell is compared with."""
    return "cloud-amd64" if cell.memory >= REFERENCE_MEMORY and cell.bits == 64 else "di-i386"


# bits: the emulator, qemu-system-i386 or qemu-system-x86_64
Cell = collections.namedtuple("Cell", "target way memory full bits", defaults=(False, 64))

CELLS = [Cell(*row) for row in (
    # 64 MiB is the minimum for these targets; with 6 GiB there is RAM above 4 GiB.
    ("di-i386", "kernel", 512),
    ("di-i386", "grub1", 512, True),
    ("di-i386", "ipxe", 1024, True),
    ("di-i386", "uefi2", 1024, True),
    ("di-i386", "grub2", 6144, True),
    ("di-amd64", "kernel", 1024),
    ("di-amd64", "uefi2", 1536, True),
    ("di-amd64", "grub1", 6144, True),

    ("busybox-i386", "kernel", 64),
    ("busybox-i386", "kernel", 6144, True),
    ("busybox-i386", "grub1", 64),
    ("busybox-i386", "grub2", 6144),
    ("busybox-i386", "uefi2", 192),
    ("busybox-i386", "uefi1", 256, True),
    ("busybox-i386", "ipxe", 64),
    ("busybox-amd64", "kernel", 96),
    ("busybox-amd64", "kernel", 6144),
    ("busybox-amd64", "grub1", 6144, True),
    ("busybox-amd64", "grub2", 256),
    ("busybox-amd64", "uefi2", 256, True),
    ("busybox-amd64", "uefi2", 6144),
    ("busybox-amd64", "uefi1", 1024, True),
    ("busybox-amd64", "ipxe", 6144, True),
    ("vmlinux-i386", "kernel", 64),
    ("vmlinux-i386", "grub2", 6144, True),
    ("vmlinux-i386", "uefi2", 256, True),
    ("packed-vmlinux", "kernel", 96),
    ("packed-vmlinux", "ide-cd", 96, True),
    ("smp-amd64", "kernel", 256),
    ("smp-amd64", "uefi2", 512, True),
    ("cloud-amd64", "kernel", 256),
    ("cloud-amd64", "ipxe", 256, True),
    ("large-i386", "kernel", 160),
    ("large-i386", "ipxe", 256, True),
    ("large-i386", "grub2", 6144, True),
    ("large-amd64", "kernel", 192),
    ("large-amd64", "grub2", 256, True),
    ("large-amd64", "uefi2", 512, True),
    ("joined-initrds", "kernel", 64),
    ("joined-initrds", "grub1", 128, True),
    ("override", "kernel", 64),
    ("override", "grub1", 128),
    ("override", "grub2", 128, True),
    ("override", "ipxe", 128, True),

    ("memtest-ia32", "kernel", 64),
    ("memtest-ia32", "grub2", 64, True),
    ("memtest-ia32", "ipxe", 64, True),
    ("memtest-ia32", "uefi2", 256, True),
    ("memtest-x64", "kernel", 64),
    ("memtest-x64", "kernel", 6144, True),
    ("memtest-x64", "grub1", 6144, True),
    ("memtest-x64", "uefi2", 256, True),
    ("memtest-ia32-screen", "kernel", 64),
    ("memtest-ia32-screen", "grub1", 64, True),
    ("memtest-ia32-screen", "grub2", 64, True),

    ("multiboot-example", "kernel", 64),
    ("multiboot-example", "grub1", 64),
    ("multiboot-example", "grub1", 6144),
    ("multiboot-example", "grub2", 64, True),
    ("multiboot-example", "ipxe", 64),
    ("grub-invaders", "kernel", 64),
    ("grub-invaders", "grub1", 64),
    ("grub-invaders", "grub2", 64),
    ("grub-invaders", "ipxe", 6144, True),

    ("gnumach", "kernel", 64),
    ("gnumach", "grub1", 128),
    ("gnumach", "grub2", 2048, True),
    ("gnumach", "ipxe", 128, True),
    ("xen", "kernel", 128),
    ("xen", "grub2", 6144, True),
    ("xen-dom0", "kernel", 1024),
    ("xen-dom0", "grub1", 6144, True),
    ("xen-dom0", "grub2", 1024, True),
    ("xen-dom0", "ipxe", 1024, True),
    ("kexec-test", "kernel", 64),
    ("kexec-test", "grub1", 64),
    ("kexec-test", "grub2", 6144, True),
    ("kexec-test", "ipxe", 64),

    ("bundle-linux", "kernel", 128),
    ("bundle-linux", "uefi2", 512, True),
    ("bundle-linux", "grub2", 256, True),
    ("bundle-gnumach", "kernel", 64),
    ("bundle-gnumach", "grub1", 128, True),
    ("bundle-gnumach", "ipxe", 128, True),
    ("packed-linux", "kernel", 160),
    ("packed-linux", "grub2", 256, True),
    ("packed-fiwix", "kernel", 64),
    ("packed-dom0", "kernel", 1024, True),
    ("packed-dom0", "grub2", 1024),
    ("fiwix-linux", "kernel", 64),
    ("fiwix-linux", "grub2", 128, True),
    ("fiwix-linux", "uefi2", 256, True),
    ("fiwix-alone", "kernel", 64),

    ("ipxe", "kernel", 64),
    ("ipxe", "grub1", 6144),
    ("ipxe", "grub2", 64, True),
    ("memdisk", "kernel", 16),
    ("memdisk", "grub2", 64),
    ("memdisk", "grub1", 6144, True),
    ("linux16-i386", "kernel", 64),
    ("linux16-i386", "grub1", 6144, True),
    ("linux16-amd64", "grub1", 256, True),
    ("memtest16", "grub1", 64, True),
    ("ipxe", "ide-cd", 64),
    ("ipxe", "virtio-disk", 16, True),
    ("memdisk", "ahci-cd", 16, False, 32),
    ("memdisk", "usb-stick", 6144, True),
    ("memtest16", "ide-disk", 16),
    ("linux16-i386", "ahci-disk", 64, True),

    # From our own media: each target, each kind of medium, both emulators, from the minimum of memory to 6 GiB.
    ("di-i386", "ahci-cd", 512, True),
    ("di-i386", "ide-disk", 6144, True, 32),
    ("large-i386", "ide-cd", 160, False, 32),
    ("large-i386", "ahci-disk", 6144),
    ("large-i386", "usb-stick", 256),
    ("large-amd64", "virtio-disk", 192),
    ("large-amd64", "iso-disk", 256),
    ("large-amd64", "scsi-cd", 6144, True),
    ("busybox-i386", "scsi-cd", 64),
    ("busybox-i386", "ahci-disk", 64, False, 32),
    ("busybox-i386", "usb-stick", 64, True, 32),
    ("busybox-amd64", "ide-disk", 6144),
    ("busybox-amd64", "ide-iso-disk", 96),
    ("bundle-linux", "ahci-cd", 128),
    ("fiwix-linux", "ahci-cd", 64, False, 32),
    ("packed-fiwix", "virtio-disk", 64, True),
    ("joined-initrds", "ahci-cd", 64),
    ("override", "ahci-disk", 64),
    ("memtest-ia32", "ide-cd", 16, False, 32),
    ("memtest-ia32", "ahci-disk", 16),
    ("memtest-ia32", "usb-stick", 6144, True),
    ("memtest-x64", "scsi-cd", 6144, True),
    ("memtest-x64", "virtio-disk", 16),
    ("multiboot-example", "ahci-cd", 16),
    ("multiboot-example", "ide-disk", 6144, False, 32),
    ("grub-invaders", "iso-disk", 16, False, 32),
    ("gnumach", "ahci-cd", 64),
    ("gnumach", "ide-disk", 64, True),
    ("kexec-test", "usb-stick", 16),
    ("kexec-test", "ide-cd", 16, False, 32),
    ("xen-dom0", "ahci-cd", 1024),
    ("xen-dom0", "ahci-disk", 6144, True),
    ("xen-dom0", "usb-stick", 1024, True),
    ("packed-dom0", "iso-disk", 1024, True),
    ("memtest-ia32", "bochs-disk", 32),
    ("memtest-ia32", "bochs-cd", 32),
)]

# (targets, ways, memory, reason)
ABSENT = (
    ("busybox-i386", "bochs-cd bochs-disk", "any",
     "Linux panics where Bochs has no machine-check MSRs, as it has to be set for the tests of the entry state"),
    ("gnumach", "bochs-cd bochs-disk", "any", "it faults in Bochs's 64-bit models, booted by GRUB directly, too"),
    ("kexec-test", "bochs-cd bochs-disk", "any", "Bochs stops with a panic at the way in which it programs the slave PIC"),
    ("multiboot-example grub-invaders memtest-ia32-screen", "uefi1 uefi2", "any",
     "they write to the VGA text screen, which a UEFI machine does not show"),
    ("gnumach", "uefi1 uefi2", "any",
     "it stops before its console when it is booted by GRUB directly, too"),
    ("gnumach", "all", "3G and more",
     "it stops before its console when it is booted by GRUB directly, too"),
    ("xen xen-dom0", "uefi1 uefi2", "any",
     "by Multiboot 1 Xen takes its real-mode memory from the BIOS data area, calls the BIOS and finds no ACPI"),
    ("kexec-test", "uefi1 uefi2", "any",
     "it goes to real mode and uses the BIOS's interrupt vectors, which a UEFI machine does not have"),
    (REAL_MODE, "uefi1 uefi2", "any", "they call the BIOS, which a UEFI machine does not have: refused (test_real_mode.py)"),
    (REAL_MODE, "ipxe", "any", "iPXE passes no screen's state, and the same paths are shown by GRUB"),
    ("di-i386", "all", "below 512M", "the installer's unpacked initrd does not fit"),
    ("di-amd64", "all", "below 1G", "the installer asks about low memory instead of the language"),
    ("busybox-amd64 cloud-amd64", "all", "below 96M", "the kernel's init_size is 64 MB, from 16 MB on"),
    ("xen-dom0", "all", "below 1G", "Xen and a dom0 of 512 MB do not fit"),
)

# Seconds that a way adds to a target's own time, for firmware, loader and transfer. Measured.
WAY_SECONDS = {"kernel": 1, "grub1": 3, "grub2": 3, "uefi1": 9, "uefi2": 9, "ipxe": 10, **dict.fromkeys(MEDIA, 3),
               **dict.fromkeys(BOCHS_MEDIA, 20)}


def cell_id(cell):
    memory = f"{cell.memory // 1024}G" if cell.memory % 1024 == 0 else f"{cell.memory}M"
    return f"{cell.target}-{cell.way}-{memory}{'-i386' if cell.bits == 32 else ''}"


def cell_seconds(cell):
    return TABLE[cell.target].seconds + WAY_SECONDS[cell.way]


def ordered():
    """Return the cells, longest first, so that two workers end at about the same time."""
    return sorted(CELLS, key=cell_seconds, reverse=True)


def needed_targets():
    """Return the names to pass to test/targets/fetch."""
    paths = [part.path for target in TABLE.values() for part in target.modules or ()]
    names = {os.path.relpath(path, TARGETS).split("/")[0] for path in paths}
    return sorted({name for name in names if not re.search(r"\.gz$", name)} | {"ipxe", "syslinux", BUSYBOX, "vmlinux-amd64", *RUN})
