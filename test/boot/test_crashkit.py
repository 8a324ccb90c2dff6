# SPDX-License-Identifier: MIT
"""A crash kit (segue crashkit), by `make crashkit`: a host loads it at boot and panics; the kit saves the host's memory to a
disk or sends it; segue core and gdb read what was saved."""
import gzip
import os
import re
import shutil
import subprocess

import pytest

from host_matrix import MODES
from images import Part, comma, have, qemu_kernel, run, write
from qemu import BUILD, ROOT, Qemu
from test_crash import Symbols, gdb
from test_hosts import host

# The kit gets the memory that it asks for. The host's blob lies in it, and so is not in the core, which is small.
START, HOST = 0x200000, 22 << 20
BAD = r"^(Refused: .*|BAD: .*|host: exception .*|host: out of .*|segue: .*|.*Kernel panic.*)"
OLD = b"an older core"
DISKS = {
    "virtio": ("pc", ["-drive", "if=virtio,format=raw,file={}"]),
    "ide": ("pc", ["-drive", "if=ide,format=raw,file={}"]),
    "ahci": ("q35", ["-drive", "if=none,id=disk,format=raw,file={}", "-device", "ide-hd,drive=disk"]),
    "nvme": ("q35", ["-drive", "if=none,id=disk,format=raw,file={}", "-device", "nvme,serial=1,drive=disk"]),
    "usb": ("q35", ["-drive", "if=none,id=disk,format=raw,file={}", "-device", "qemu-xhci", "-device", "usb-storage,drive=disk"]),
}


@pytest.fixture(scope="module")
def kit(targets, tmp_path_factory):
    """kit(WORDS..., kernel=""): what `make crashkit` makes with these options: its path, and how many bytes of memory it needs."""
    folder = tmp_path_factory.mktemp("kits")
    made = {}

    def make(*words, kernel=""):
        path = str(folder / re.sub(r"\W", "_", " ".join(["kit" + kernel, *words])))
        if path not in made:
            have("fetch", f"crashkit-{kernel}".rstrip("-"))
            done = subprocess.run(["make", "-s", "crashkit", f"CRASHKIT={path}", f"CRASHKIT_KERNEL={kernel}",
                                   f"CRASHKIT_OPTIONS={' '.join(words)}"], cwd=ROOT, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            made[path] = int(re.search(r"^  memory +(\d+) MiB at least, and 64 KiB to 640 KiB$", done.stdout, re.MULTILINE)[1]) << 20
        return path, made[path]
    return make


def boot(name, mode, kit, disk=None, bus="virtio", **more):
    build, words = MODES[mode]
    path, size = kit
    line = f"{words} direct pit quiet=all crash core lowtoo target={START:x} tsize={size:x}"
    machine, args = DISKS[bus]
    qemu = qemu_kernel(Part(host(build), line), [Part(path)])
    qemu["args"] += [each.format(comma(disk)) for each in args] if disk else []
    return Qemu("crashkit-" + name, memory=f"{(START + size + HOST) >> 20}M", cpu="max", machine=machine, **qemu, **more)


def says(vm):
    """What the kit has said, without its name."""
    return re.findall(r"^crashkit: (.*?)\s*$", vm.serial(), re.MULTILINE)


def make_ext4(path, label="SEGUECORE", size=32):
    """An ext4 with an older core in it."""
    write(path, b"")
    os.truncate(path, size << 20)
    run(["/sbin/mkfs.ext4", "-q", "-F", "-L", label, path])
    write(path + ".old", OLD)
    run(["/sbin/debugfs", "-w", "-R", f"write {path}.old vmcore-1.gz", path])


def from_ext4(path, name):
    run(["/sbin/debugfs", "-R", f"dump {name} {path}.out", path])
    with open(path + ".out", "rb") as file:
        return file.read()


def make_fat(path, label="SEGUECORE", size=32):
    write(path, b"")
    os.truncate(path, size << 20)
    run(["mformat", "-i", path, "-v", label, "-h", "64", "-s", "32", "-T", str(size * 2048), "::"])


def from_fat(path, name):
    run(["mcopy", "-n", "-i", path, "::" + name, path + ".out"])
    with open(path + ".out", "rb") as file:
        return file.read()


def check_core(data, mode, tmp_path):
    """It is the core of the host that has panicked; gdb knows where, and finds a variable."""
    core = str(tmp_path / "vmcore")
    write(core, data)
    done = subprocess.run([os.path.join(BUILD, "segue"), "core", core], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^  crash +as asked for; CPU 0 was noted first$", done.stdout, re.MULTILINE), done.stdout
    if shutil.which("gdb"):
        run([os.path.join(BUILD, "segue"), "core", core, "-o", core + ".gdb"])
        text = gdb(Symbols(MODES[mode][0]), core + ".gdb")
        assert re.findall(r"^#\d+ .*?(panic|third|second|crash) \(", text, re.MULTILINE) == ["panic", "third", "second", "crash"], text
        assert "counter = 4711" in text and '"the host\'s witness"' in text, text


def test_ext4(kit, tmp_path):
    """Beside an older core, which stays as it is; the machine is turned off."""
    disk = str(tmp_path / "disk")
    make_ext4(disk)
    with boot("ext4", "long", kit("--digest"), disk) as vm:
        vm.wait_for("^crashkit: The machine will now turn off", timeout=90, but_not=BAD)
        vm.wait_exit(timeout=20)
        said = says(vm)
    assert re.fullmatch(r"Saving (\d+) MiB, compressed, as vmcore-2\.gz on SEGUECORE \(/dev/vda, ext4\)\.", said[0])
    total = said[0].split()[1]
    assert f"{total} of {total} MiB, " in said[-3] and re.fullmatch(r"Saved: vmcore-2\.gz on SEGUECORE, \d+ KiB\.", said[-2]), said
    run(["/sbin/e2fsck", "-fn", disk])
    assert from_ext4(disk, "vmcore-1.gz") == OLD
    check_core(gzip.decompress(from_ext4(disk, "vmcore-2.gz")), "long", tmp_path)


def reading_lines():
    """The lines of disk/README.md that put a core together."""
    with open(os.path.join(ROOT, "disk/README.md")) as file:
        return re.search(r"^(    sed -n '/BEGIN SEGUE CORE.*\n(?:    .*\n)*)", file.read(), re.MULTILINE)[1]


def test_no_disk_and_a_serial_port(kit, tmp_path):
    """A sentence names what was looked for and what is there; then the core goes through the console's own port."""
    disk = str(tmp_path / "disk")
    make_ext4(disk, "OTHER", 8)
    words = "--label", "NOWHERE", "--wait", "1", "--serial", "ttyS0", "--then", "reboot"
    with boot("serial", "4k-high", kit(*words), disk) as vm:
        vm.wait_for("^crashkit: The machine will now restart", timeout=120, but_not=BAD)
        vm.wait_exit(timeout=20)
        said = says(vm)
        shutil.copy(vm.path("serial.log"), tmp_path / "serial.log")
    assert said[0] == "No file system or partition has the label NOWHERE after 1 seconds. The disks are: vda (8 MiB)."
    assert re.fullmatch(r"Sending \d+ MiB, compressed, through ttyS0\.", said[-3]) and said[-2].startswith("Sent: "), said
    done = subprocess.run(["sh", "-ec", reading_lines()], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    data = (tmp_path / "vmcore").read_bytes()
    with open(tmp_path / "serial.log", "rb") as log:
        assert int(re.search(rb"^-----END SEGUE CORE (\d+)-----\r?$", log.read(), re.MULTILINE)[1]) == len(data)
    check_core(data, "4k-high", tmp_path)


@pytest.mark.full
@pytest.mark.parametrize("bus", ("ide", "ahci", "nvme", "usb"))
def test_fat(bus, kit, tmp_path):
    """On each kind of disk of a PC, with the kernel for PCs."""
    disk = str(tmp_path / "disk")
    make_fat(disk)
    with boot("fat-" + bus, "pae-high", kit("--append", "crashkit.wait=60", kernel="pc"), disk, bus) as vm:
        vm.wait_for("^crashkit: The machine will now turn off", timeout=120, but_not=BAD)
        vm.wait_exit(timeout=20)
        assert re.fullmatch(r"Saved: vmcore-1\.gz on SEGUECORE, \d+ KiB\.", says(vm)[-2]), says(vm)
    check_core(gzip.decompress(from_fat(disk, "vmcore-1.gz")), "pae-high", tmp_path)


def test_a_full_disk(kit, tmp_path):
    """It keeps what was saved, under another name."""
    disk = str(tmp_path / "disk")
    make_fat(disk, size=8)
    listed = subprocess.run(["mdir", "-i", disk, "::"], stdout=subprocess.PIPE, text=True, check=True).stdout
    # Room for one piece, but not for a second: the first one has some KiB.
    room = int(re.search(r"([\d ]+) bytes free", listed)[1].replace(" ", "")) - (5 << 20) - (100 << 10)
    write(disk + ".other", bytes(room))
    run(["mcopy", "-i", disk, disk + ".other", "::other"])
    with boot("full", "long", kit("--append", "crashkit.pause=1"), disk) as vm:
        vm.wait_for("^crashkit: The machine will now turn off", timeout=90, but_not=BAD)
        vm.wait_exit(timeout=20)
        said = says(vm)
    found = next(filter(None, (re.fullmatch(r"The disk is full: SEGUECORE has \d+ MiB left, and the next piece may need 5\. "
                                            r"(\d+) of \d+ MiB are saved\.", each) for each in said)))
    assert "vmcore-1.part has what was saved: gunzip and segue core read it." in said and "The core is not saved." in said
    assert "Press Enter for a shell. The machine will turn off in 1 seconds." in said
    data = gzip.decompress(from_fat(disk, "vmcore-1.part"))
    assert len(data) == int(found[1]) << 20 == 4 << 20 and data[:4] == b"\x7fELF"


@pytest.mark.full
def test_a_partition(kit, tmp_path):
    """Without a file system, found by its name. It is written once; then it no longer begins with zeros."""
    disk = str(tmp_path / "disk")
    write(disk, b"")
    os.truncate(disk, 40 << 20)
    subprocess.run(["/sbin/sfdisk", "-q", disk], input=b"label: gpt\nstart=1MiB, size=4MiB\nsize=32MiB, name=SEGUECORE\n", check=True)
    with boot("partition", "long", kit("--append", "crashkit.pause=1"), disk) as vm:
        vm.wait_for("^crashkit: The machine will now turn off", timeout=90, but_not=BAD)
        vm.wait_exit(timeout=20)
        assert re.fullmatch(r"Saved: partition SEGUECORE, \d+ KiB\.", says(vm)[-2]), says(vm)
    with open(disk, "rb") as file:
        file.seek(5 << 20)
        before = file.read(32 << 20)
    check_core(gzip.decompress(before), "long", tmp_path)
    with boot("partition-again", "long", kit("--append", "crashkit.pause=1"), disk) as vm:
        vm.wait_for("^crashkit: The machine will now turn off", timeout=90, but_not=BAD)
        said = says(vm)
    assert "SEGUECORE (/dev/vda2) cannot be mounted: Invalid argument. It is not written to either: that needs 1 MiB of zeros at its " \
        "beginning." in said, said
    with open(disk, "rb") as file:
        file.seek(5 << 20)
        assert file.read(32 << 20) == before


@pytest.mark.full
def test_a_shell(kit):
    """Without a disk, for a user at one of the consoles. After exit the machine is turned off."""
    with boot("shell", "long", kit("--wait", "0", "--then", "shell"), writable=True) as vm:
        vm.wait_for("^crashkit: This is a shell. The core is /proc/vmcore", timeout=90, but_not=BAD)
        vm.send("head -c 4 /proc/vmcore | hexdump -c; echo it is $((4711 + 1))\n")
        vm.wait_for(r"177 +E +L +F", timeout=20)
        vm.wait_for(r"^it is 4712", timeout=20)
        assert "crashkit: This is a shell." in vm.screen()
        vm.send("exit\n")
        vm.wait_exit(timeout=30)
        assert "The disks are: none." in says(vm)[0]


@pytest.mark.full
def test_enter_at_the_screen(kit):
    """Instead of the wait; the last console= is the serial port."""
    with boot("enter", "long", kit("--wait", "0", "--then", "reboot", "--append", "crashkit.pause=600", kernel="pc")) as vm:
        vm.wait_for("^crashkit: Press Enter for a shell. The machine will restart in 600 seconds.", timeout=90, but_not=BAD)
        keys = lambda *names: [vm.qmp("send-key", keys=[{"type": "qcode", "data": each}]) for each in names]
        keys("ret")
        vm.wait_for("^crashkit: This is a shell.", timeout=20)
        vm.wait_for(r"/ # *$", screen=True, timeout=20)
        keys("p", "w", "d", "ret")
        vm.wait_for(r"# pwd\n/$", screen=True, timeout=20)
        keys("e", "x", "i", "t", "ret")
        vm.wait_exit(timeout=30)
