#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""From power-on to the target: Segue's ISO and disk beside GRUB's, isolinux's, `qemu -kernel` and the bare reads.

usage: media.py [--runs N] [--virtual] [--wall] [ROW ...]

Virtual time: QEMU's -icount shift=0,sleep=off makes an instruction a nanosecond, whatever the machine. The kernel's
first instructions are replaced by entry_time.asm, which prints the time-stamp counter; all else is as for the kernel.
Wall time: the kernel itself, until its first line on the serial port; rows take turns, and the median counts.
"""
import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "test", "boot"))
import images  # noqa: E402  (the path above is what finds it)
from images import Part  # noqa: E402

BUILD = os.path.join(ROOT, "build")
T = os.path.join(BUILD, "targets")
CMDLINE = "console=ttyS0 earlyprintk=serial,ttyS0,115200 panic=1"
FIRST_LINE = re.compile(rb"early console in (setup|extract)|Linux version")
MEMORY = "512"
SECTOR = 512
GRUB_DISK_MODULES = "biosdisk part_msdos fat linux normal configfile"
PARTITION_START = 2048  # sectors


class NoBoot(Exception):
    """A row whose target did not start. The others are measured all the same."""


def run(command, **more):
    images.run(command, **more)


def assemble(source, target, *defines):
    run(["nasm", "-f", "bin", *defines, "-o", target, os.path.join(HERE, source)])


def timed_kernel(kernel, folder):
    """The kernel with its 32-bit entry replaced (boot.rst: it follows the setup sectors)."""
    stub = os.path.join(folder, "entry_time.bin")
    assemble("entry_time.asm", stub)
    with open(kernel, "rb") as file:
        image = bytearray(file.read())
    with open(stub, "rb") as file:
        code = file.read()
    at = ((image[0x1f1] or 4) + 1) * SECTOR
    image[at:at + len(code)] = code
    path = os.path.join(folder, "timed-kernel")
    images.write(path, bytes(image))
    return path


def iso(path, tree, *boot):
    run(["xorriso", "-as", "mkisofs", "-quiet", "-o", path, "-R", "-V", "BENCH", *boot, tree])
    return path


def copy(tree, **files):
    for name, source in files.items():
        os.makedirs(tree, exist_ok=True)
        shutil.copyfile(source, os.path.join(tree, name))


def cd(path):
    return ["-cdrom", path, "-boot", "d"]


def disk(path):
    return ["-drive", f"file={path},format=raw,if=none,id=d", "-device", "ide-hd,drive=d"]


def segue(command, folder, kernel, initrd, *more):
    path = os.path.join(folder, "segue." + command)
    run([os.environ.get("SEGUE", os.path.join(BUILD, "segue")), command, "--kernel", kernel, "--initrd", initrd, "--cmdline", CMDLINE,
         "-o", path, *more])
    return cd(path) if command == "iso" else disk(path)


def grub_config(prefix):
    return (f"set timeout=0\nlinux {prefix}kernel {CMDLINE}\ninitrd {prefix}initrd\nboot\n").encode()


def grub_iso(folder, kernel, initrd):
    """As grub-mkrescue makes it, with the modules that this boot needs already in the core."""
    tree = os.path.join(folder, "tree")
    copy(tree, kernel=kernel, initrd=initrd)
    images.write(os.path.join(tree, "boot/grub/grub.cfg"), grub_config("/"))
    run(["grub-mkimage", "-O", "i386-pc-eltorito", "-d", images.GRUB + "/i386-pc", "-p", "/boot/grub",
         "-o", os.path.join(tree, "boot/grub/core.img"), "biosdisk", "iso9660", "linux", "normal", "configfile"])
    path = iso(os.path.join(folder, "boot.iso"), tree, "-b", "boot/grub/core.img", "-no-emul-boot",
               "-boot-load-size", "4", "-boot-info-table")
    return cd(path)


def grub_disk(folder, kernel, initrd):
    """GRUB's boot.img in sector 0, its core behind it, and a FAT partition with the files."""
    core, fat, path = (os.path.join(folder, each) for each in ("core.img", "fat.img", "disk.img"))
    sectors = (os.path.getsize(kernel) + os.path.getsize(initrd)) // SECTOR + 16384
    run(["grub-mkimage", "-O", "i386-pc", "-d", images.GRUB + "/i386-pc", "-p", "(hd0,msdos1)/grub",
         "-o", core, *GRUB_DISK_MODULES.split()])
    run(["mformat", "-C", "-i", fat, "-T", str(sectors), "-h", "64", "-s", "32", "-F", "::"])
    config = os.path.join(folder, "grub.cfg")
    images.write(config, grub_config("(hd0,msdos1)/"))
    run(["mmd", "-i", fat, "::/grub"])
    for source, target in ((config, "grub/grub.cfg"), (kernel, "kernel"), (initrd, "initrd")):
        run(["mcopy", "-i", fat, source, "::/" + target])
    with open(images.GRUB + "/i386-pc/boot.img", "rb") as file:
        boot = bytearray(file.read())
    # GRUB's code for floppies lies where entries 2 to 4 of the partition table belong: without a valid table GRUB finds
    # no partition, and ends at its prompt.
    boot[446:510] = (bytes([0x80, 0, 0, 0, 0x0c, 0, 0, 0]) + PARTITION_START.to_bytes(4, "little")
                     + sectors.to_bytes(4, "little") + bytes(48))
    with open(path, "wb") as out:
        out.write(boot)
        with open(core, "rb") as file:
            out.write(file.read())
        out.seek(PARTITION_START * SECTOR)
        with open(fat, "rb") as file:
            shutil.copyfileobj(file, out)
    return disk(path)


def isolinux(folder, kernel, initrd):
    tree = os.path.join(folder, "tree")
    copy(tree, kernel=kernel, initrd=initrd, **{
        "isolinux.bin": os.path.join(T, "isolinux/isolinux.bin"), "ldlinux.c32": os.path.join(T, "syslinux/ldlinux.c32")})
    config = f"default x\nprompt 0\nlabel x\n kernel /kernel\n initrd /initrd\n append {CMDLINE}\n"
    images.write(os.path.join(tree, "isolinux.cfg"), config.encode())
    path = iso(os.path.join(folder, "boot.iso"), tree, "-b", "isolinux.bin", "-c", "boot.cat", "-no-emul-boot",
               "-boot-load-size", "4", "-boot-info-table")
    return cd(path)


def qemu_kernel(_folder, kernel, initrd):
    return ["-kernel", kernel, "-initrd", initrd, "-append", CMDLINE]


def floor(folder, kernel, initrd):
    """The same bytes, read and left where they are."""
    tree = os.path.join(folder, "tree")
    sectors = sum((os.path.getsize(each) + 2047) // 2048 for each in (kernel, initrd))
    copy(tree, kernel=kernel, initrd=initrd)
    assemble("floor.asm", os.path.join(tree, "floor.img"), f"-DSECTORS={sectors}", "-DFIRST=16")
    return cd(iso(os.path.join(folder, "boot.iso"), tree, "-b", "floor.img", "-no-emul-boot", "-boot-load-size", "4"))


ROWS = {
    "Segue ISO": lambda *a: segue("iso", *a),
    "Segue disk": lambda *a: segue("disk", *a),
    "Segue ISO, with a digest": lambda *a: segue("iso", *a, "--digest"),
    "isolinux": isolinux,
    "GRUB ISO": grub_iso,
    "GRUB disk": grub_disk,
    "qemu -kernel": qemu_kernel,
    "bare reads": floor,
}


def machine(arguments, folder, *more):
    return ["qemu-system-x86_64", "-accel", "tcg", "-M", "q35", "-m", MEMORY, "-display", "none", "-nic", "none",
            "-no-reboot", "-no-user-config", "-serial", f"file:{folder}/serial", *more, *arguments]


def virtual_time(arguments, folder, last, timeout):
    """What the guest prints of its time-stamp counter, as {word: nanoseconds}."""
    log = os.path.join(folder, "debug")
    command = machine(arguments, folder, "-icount", "shift=0,sleep=off", "-debugcon", f"file:{log}",
                      "-global", "isa-debugcon.iobase=0xe9")
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        end = time.monotonic() + timeout
        text = ""
        try:
            while not re.search(last + r" [0-9A-F]{16}", text):
                if time.monotonic() > end or process.poll() is not None:
                    raise NoBoot(f"nothing was printed within {timeout} s: {' '.join(command)}\n{text[-400:]}")
                time.sleep(0.05)
                if os.path.exists(log):
                    with open(log, errors="replace") as file:
                        text = file.read()
        finally:
            process.kill()
    return {word: int(number, 16) for word, number in re.findall(r"\b(BIOS|READ|TSC) ([0-9A-F]{16})", text)}


def wall_time(arguments, folder, timeout):
    """Seconds from QEMU's start to the kernel's first line."""
    log = os.path.join(folder, "serial")
    if os.path.exists(log):
        os.remove(log)
    start = time.monotonic()
    with subprocess.Popen(machine(arguments, folder), stdin=subprocess.DEVNULL) as process:
        try:
            while True:
                now = time.monotonic() - start
                if now > timeout or process.poll() is not None:
                    raise NoBoot(f"no line of the kernel within {timeout} s: {' '.join(arguments)}")
                try:
                    with open(log, "rb") as file:
                        if FIRST_LINE.search(file.read()):
                            return now
                except FileNotFoundError:
                    pass
                time.sleep(0.005)
        finally:
            process.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="of the wall time")
    parser.add_argument("--virtual", action="store_true", help="only this")
    parser.add_argument("--wall", action="store_true", help="only this")
    parser.add_argument("rows", nargs="*", help="those whose name begins so")
    options = parser.parse_args()
    kernel, initrd = os.path.join(T, "di-i386/linux"), os.path.join(T, "di-i386/initrd.gz")
    names = [name for name in ROWS if not options.rows or any(name.startswith(each) for each in options.rows)]
    failed = []

    def measured(name, measure, *arguments):
        """None, and a sentence, where the row does not come to its end."""
        try:
            return measure(*arguments)
        except (NoBoot, images.ImageError, OSError, subprocess.SubprocessError) as why:
            print(f"  {name:28} failed: {why}", flush=True)
            failed.append(name)
            return None

    with tempfile.TemporaryDirectory(prefix="segue-bench-", dir=BUILD) as top:
        if options.virtual or not options.wall:
            timed = timed_kernel(kernel, top)
            print(f"virtual ms on q35, {os.path.getsize(kernel):,} + {os.path.getsize(initrd):,} bytes")
            bios = None
            for name in ["bare reads"] + [each for each in names if each != "bare reads"]:
                folder = os.path.join(top, "v" + name.replace(" ", "-"))
                os.makedirs(folder)
                last = "READ" if name == "bare reads" else "TSC"
                found = measured(name, lambda: virtual_time(ROWS[name](folder, timed, initrd), folder, last, 300))
                if not found:
                    continue
                if name == "bare reads":
                    bios = found["BIOS"]
                    print(f"  {'the firmware, from a CD':28} {bios / 1e6:9.3f}")
                after = f"  after the firmware {(found[last] - bios) / 1e6:9.3f}" if bios else ""
                print(f"  {name:28} {found[last] / 1e6:9.3f}{after}", flush=True)
                shutil.rmtree(folder)
        if options.wall or not options.virtual:
            wanted = [each for each in names if each != "bare reads"]
            folders = {name: os.path.join(top, "w" + name.replace(" ", "-")) for name in wanted}
            arguments = {}
            for name, folder in folders.items():
                os.makedirs(folder)
                arguments[name] = measured(name, ROWS[name], folder, kernel, initrd)
            taken = {name: [] for name in wanted if arguments[name]}
            for _ in range(options.runs):
                for name in list(taken):
                    took = measured(name, wall_time, arguments[name], folders[name], 120)
                    if took:
                        taken[name].append(took)
                    else:
                        del taken[name]
            print(f"wall seconds to the kernel's first line, median of {options.runs} (least, most)")
            for name, times in taken.items():
                print(f"  {name:28} {statistics.median(times):7.2f}  ({min(times):.2f}, {max(times):.2f})")
    if failed:
        raise SystemExit(f"not measured: {', '.join(dict.fromkeys(failed))}")


if __name__ == "__main__":
    main()
