# SPDX-License-Identifier: MIT
"""Bootable media for the tests: GRUB on an ISO for BIOS and UEFI, a folder for iPXE's TFTP, and QEMU's own Multiboot
loader. All of them take a kernel and modules, each a Part.

Images are written where the caller says; only GRUB itself is kept, in build/test-images."""
import collections
import fcntl
import hashlib
import os
import re
import shutil
import struct
import subprocess
import tempfile

from qemu import BUILD, ROOT, comma

IMAGES = os.path.join(BUILD, "test-images")
GRUB = "/usr/lib/grub"
BIOS_MODULES = "biosdisk iso9660 part_msdos multiboot multiboot2 configfile normal search echo all_video vbe gfxterm terminal serial"
UEFI_MODULES = "iso9660 part_msdos fat multiboot multiboot2 configfile normal search echo all_video gfxterm terminal serial"
EARLY = "search --no-floppy --set=root --file /segue-test/grub.cfg\nconfigfile ($root)/segue-test/grub.cfg\n"

TARGETS = os.path.join(BUILD, "targets")
# Real targets and initramfs archives that this machine cannot have: name in build/targets -> reason. Filled by the
# fixture targets (conftest.py).
LACKING = {}


def there(path):
    """Return the path; if the target cannot be had, skip the test."""
    name = os.path.relpath(path, TARGETS).split("/")[0]
    if name in LACKING:
        import pytest  # not at the top: test/bench has no fixtures and does without pytest
        pytest.skip(f"no target {name}: {LACKING[name]}")
    return path


class Part(collections.namedtuple("Part", "path args", defaults=("",))):
    """A file, and the words after its name on its command line."""

    @property
    def path(self):
        return there(self[0])


def have(program, *names):
    """Let a program of test/targets make these; if it cannot, skip the test with its reason."""
    done = subprocess.run([os.path.join(ROOT, "test/targets", program), *names], capture_output=True, text=True)
    if done.returncode:
        import pytest
        pytest.skip((done.stderr or done.stdout).strip())


class ImageError(AssertionError):
    pass


def run(command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, **more)
    if done.returncode:
        raise ImageError(f"{command[0]} failed:\n{done.stdout[-2000:]}")


def cached(name, ingredients, make):
    """Return build/test-images/NAME-DIGEST, made by make(path) if missing; safe between processes."""
    os.makedirs(IMAGES, exist_ok=True)
    digest = hashlib.sha256(repr(ingredients).encode()).hexdigest()[:16]
    stem, suffix = os.path.splitext(name)
    path = os.path.join(IMAGES, f"{stem}-{digest}{suffix}")
    with open(os.path.join(IMAGES, ".lock-" + stem), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path):
            part = path + ".part"
            make(part)
            os.replace(part, path)
    return path


def identity(path):
    """Return what tells one version of a file from another."""
    facts = os.stat(path)
    return os.path.realpath(path), facts.st_size, facts.st_mtime_ns


def grub_core(platform):
    """Make a GRUB that reads /segue-test/grub.cfg from the medium: an El Torito image or an EFI binary."""
    def make(path):
        with tempfile.NamedTemporaryFile("w", suffix=".cfg") as early:
            early.write(EARLY)
            early.flush()
            if platform == "bios":
                run(["grub-mkimage", "-O", "i386-pc-eltorito", "-d", f"{GRUB}/i386-pc", "-p", "/boot/grub",
                     "-c", early.name, "-o", path, *BIOS_MODULES.split()])
            else:
                efi = path + ".efi"
                run(["grub-mkimage", "-O", "x86_64-efi", "-d", f"{GRUB}/x86_64-efi", "-p", "/boot/grub",
                     "-c", early.name, "-o", efi, *UEFI_MODULES.split()])
                run(["mformat", "-C", "-i", path, "-T", "8192", "-h", "64", "-s", "32", "::"])
                run(["mmd", "-i", path, "::/EFI", "::/EFI/BOOT"])
                run(["mcopy", "-i", path, efi, "::/EFI/BOOT/BOOTX64.EFI"])
                os.remove(efi)
    return cached(f"grub-{platform}.img", (EARLY, BIOS_MODULES, UEFI_MODULES), make)


def grub_says(args):
    """Return the words as GRUB passes them on: its shell removes quotes, and adds them again around a word with a blank."""
    words = [each.replace('"', "") for each in re.findall(r'(?:[^\s"]|"[^"]*")+', args)]
    return " ".join(f'"{each}"' if " " in each else each for each in words)


def grub_iso(path, kernel, modules=(), protocol="multiboot", before="", platform="bios"):
    """Write an ISO on which GRUB loads kernel and modules by Multiboot 1 ("multiboot") or 2 ("multiboot2")."""
    suffix = {"multiboot": "", "multiboot2": "2"}[protocol]
    lines = ["set timeout=0", before]
    files = []
    for number, part in enumerate([kernel, *modules]):
        word = f"module{suffix}" if number else protocol
        name = f"/segue-test/{number}-{os.path.basename(part.path)}"
        files.append(f"{name}={part.path}")
        lines.append(f"{word} {name} {part.args}".rstrip())
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        written = os.path.join(folder, "grub.cfg")
        write(written, "\n".join([*lines, "boot", ""]).encode())
        graft = [f"/segue-test/grub.cfg={written}", *files, f"/boot/grub.img={grub_core(platform)}"]
        if platform == "bios":
            boot = ["-b", "boot/grub.img", "-no-emul-boot", "-boot-load-size", "4",
                    "-boot-info-table", "--grub2-boot-info"]
        else:
            boot = ["-e", "boot/grub.img", "-no-emul-boot"]
        run(["xorriso", "-as", "mkisofs", "-quiet", "-o", path, "-R", "-J", "-V", "SEGUE",
             "-graft-points", *boot, *graft])
    return path


def grub_bios(path, kernel, modules=(), protocol="multiboot", before=""):
    """Return a machine whose BIOS boots GRUB from an ISO written to path."""
    return dict(args=["-cdrom", grub_iso(path, kernel, modules, protocol, before), "-boot", "d"])


def grub_uefi(path, kernel, modules=(), protocol="multiboot2", before=""):
    """Return a machine whose UEFI boots GRUB from an ISO written to path."""
    return dict(args=["-cdrom", grub_iso(path, kernel, modules, protocol, before, "uefi"), "-boot", "d"], uefi=True)


def ipxe(folder, kernel, modules=()):
    """Return a machine where iPXE (Debian's ipxe.lkrn) fetches all files from QEMU's TFTP server, which serves folder."""
    os.makedirs(folder, exist_ok=True)
    lines = ["#!ipxe"]
    for number, part in enumerate([kernel, *modules]):
        name = f"{number}-{os.path.basename(part.path)}"
        target = os.path.join(folder, name)
        if os.path.lexists(target):
            os.remove(target)
        os.symlink(part.path, target)
        word = "module" if number else "kernel"
        lines.append(f"{word} {name} {part.args}".rstrip() + " || goto failed")
    lines += ["boot || goto failed", ":failed", "echo iPXE could not boot this", "sleep 600", ""]
    with open(os.path.join(folder, "boot.ipxe"), "w") as file:
        file.write("\n".join(lines))
    lkrn = there(os.path.join(TARGETS, "ipxe/ipxe.lkrn"))
    return dict(args=["-kernel", lkrn, "-netdev", f"user,id=net,tftp={comma(folder)},bootfile=boot.ipxe",
                      "-device", "virtio-net-pci,netdev=net,romfile="], nic=True)


# Media that the segue command makes, and the drives for them: (command, QEMU's machine, arguments). Disks have
# snapshot=on, so that two QEMUs can use the same one.
AHCI_DISK = "-drive", "if=none,id=medium,snapshot=on,format=raw,file={}", "-device", "ide-hd,drive=medium"
MEDIA = {
    "ide-cd": ("iso", "pc", ("-cdrom", "{}", "-boot", "d")),
    "ahci-cd": ("iso", "q35", ("-cdrom", "{}", "-boot", "d")),
    "scsi-cd": ("iso", "q35", ("-device", "virtio-scsi-pci", "-drive", "if=none,id=medium,media=cdrom,format=raw,file={}",
                               "-device", "scsi-cd,drive=medium")),
    "iso-disk": ("iso", "q35", AHCI_DISK),
    "ide-iso-disk": ("iso", "pc", ("-drive", "if=ide,snapshot=on,format=raw,file={}")),
    "usb-stick": ("iso", "q35", ("-device", "qemu-xhci", "-drive", "if=none,id=medium,snapshot=on,format=raw,file={}",
                                 "-device", "usb-storage,drive=medium")),
    "ide-disk": ("disk", "pc", ("-drive", "if=ide,snapshot=on,format=raw,file={}")),
    "ahci-disk": ("disk", "q35", AHCI_DISK),
    "virtio-disk": ("disk", "q35", ("-drive", "if=virtio,snapshot=on,format=raw,file={}")),
}

BOCHS_MEDIA = {"bochs-cd": "iso", "bochs-disk": "disk"}


def segue_command(*words):
    """Run the segue command; a refusal's message becomes the error."""
    run([os.path.join(BUILD, "segue"), *words])


def segue_medium(way, path, kernel, modules=(), options="", protocol="Linux"):
    """Return a machine that boots a medium of MEDIA with kernel and modules on it, written to path.

    protocol: "Linux" takes modules as initrds; "Multiboot"; "blob": the first part is a ready blob"""
    command, machine, args = MEDIA.get(way) or (BOCHS_MEDIA[way], None, ())
    if protocol == "blob":
        words = [kernel.path]
        if kernel.args:
            quoted = kernel.args.replace("\\", "\\\\").replace('"', '\\"')
            options = f'{options} cmdline="{quoted}"'.strip()
    else:
        words = ["--kernel", kernel.path, *(["--cmdline", kernel.args] if kernel.args else [])]
        for part in modules:
            words += ["--initrd", part.path] if protocol == "Linux" else \
                ["--module", f"{part.path}={part.args}" if part.args else part.path]
    segue_command(command, *words, *(["--options", options] if options else []), "-o", path)
    return dict(args=[each.format(comma(path)) for each in args], machine=machine)


def qemu_kernel(kernel, modules=()):
    """QEMU's own loader: a Multiboot 1 ELF32 with modules, each as "file words"."""
    args = ["-kernel", kernel.path]
    if kernel.args:
        args += ["-append", kernel.args]
    if modules:
        args += ["-initrd", ",".join(comma(f"{part.path} {part.args}".rstrip()) for part in modules)]
    return dict(args=args)


def qemu_linux(kernel, initrd=None):
    """QEMU's own loader for Linux: the reference that the same kernel through Segue is compared with."""
    args = ["-kernel", kernel.path, "-append", kernel.args]
    return dict(args=args + (["-initrd", initrd.path] if initrd else []))


def small_elf(path, entry, code=b"\xeb\xfe", size=None):
    """Write an ELF32 with one segment at its entry: code (by default jmp $), then zeros up to size."""
    header = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\1\1\1", 2, 3, 1, entry, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    segment = struct.pack("<8I", 1, 96, entry, entry, len(code), size or len(code), 7, 4)
    write(path, (header + segment).ljust(96, b"\0") + code.ljust(512 - 96, b"\0"))
    return path


def pack_fiwix(path, kernel, initrd=None, trailing=b""):
    """Write Fiwix's length-prefixed blob, followed by bytes that a reader must ignore."""
    with open(kernel, "rb") as file:
        one = file.read()
    two = b""
    if initrd:
        with open(initrd, "rb") as file:
            two = file.read()
    write(path, struct.pack("<II", len(one), len(two)) + one + two + trailing)
    return path


def make_cpio(folder, names):
    """Make a newc archive of files in folder, with cpio as a user would."""
    done = subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0", "--reproducible"], cwd=folder,
                          input="\n".join(names).encode(), stdout=subprocess.PIPE, check=True, timeout=60)
    return done.stdout


def pack_bundle(path, kernel, cmdline=None, initrd=None, modules=()):
    """Make a bundle with cpio alone, as a user would. modules is a list of (NN-NAME, file, command line)."""
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        names = []

        def put(name, source=None, text=None):
            target = os.path.join(folder, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if source:
                shutil.copyfile(source, target)
            else:
                write(target, text.encode())
            names.append(name)

        put("kernel", kernel)
        if cmdline is not None:
            put("cmdline", text=cmdline)
        if initrd:
            put("initrd", initrd)
        for name, source, line in modules:
            put(f"modules/{name}", source)
            if line is not None:
                put(f"modules/{name}.cmdline", text=line)
        archive = make_cpio(folder, names)
    write(path, archive)
    return path


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".part", "wb") as file:
        file.write(data)
    os.replace(path + ".part", path)
