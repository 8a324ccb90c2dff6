# SPDX-License-Identifier: MIT
"""Devices that a host left running, as QEMU's monitor shows them at the target's first instruction. They are quiet if
the host asked for it (SEGUE_LOAD_QUIET_*), and live otherwise, so that each of these checks can fail."""
import contextlib
import gzip
import os
import re
import shutil
import socket
import struct
import subprocess
import threading
import time

import pytest

import bochs
import host_matrix
import sectors
import test_window
from cells import INITRD, NO_SELF_TESTS, at
from device_state import CHECKS, PCI_BUS_MASTER, WORDS, DeviceState, pics
from images import Part, grub_iso, qemu_kernel, small_elf, write
from purgatory_blocks import blocks
from qemu import BUILD, LOGS, PATIENCE, ROOT, Qemu, QemuError
from test_hosts import exec_address, high_memory, host
from test_state import CPUID, MSR, connect, found, log_to, name32

ENTRY = 0x200000
TARGET_SIZE = 0x20000
LIVE = "live=all"
TEXT = (720, 400)


class Small:
    """The target, with the attributes that test_state's targets have."""
    entry, code = ENTRY, b"\xeb\xfe"


def target(name, code=Small.code):
    return small_elf(os.path.join(LOGS, f"devices-{name}.elf"), ENTRY, code, TARGET_SIZE)


class Devices(DeviceState):
    """A host with its words, stopped at the first instruction of the target or of segue_exec()."""

    def __init__(self, name, build, line, at_exec=False, **more):
        name = "devices-" + re.sub(r"\W+", "-", name)
        more.setdefault("cpu", "max")
        boot = qemu_kernel(Part(host(build), line), [Part(target(name))])
        boot["args"] += more.pop("args", [])
        self.first = exec_address(build) if at_exec else ENTRY
        self.vm = Qemu(name, memory="32M", gdb=True, paused=True, **boot, **more)

    def __enter__(self):
        self.vm.__enter__()
        try:
            self.stub = connect(self.vm)
            self.go_to(self.first)
        except BaseException:
            self.vm.__exit__(None, None, None)
            raise
        return self

    def go_to(self, address):
        self.stub.break_at(address)
        try:
            self.stub.cont(30 * PATIENCE)
        except AssertionError as why:
            raise AssertionError(f"{why}\n{self.vm.serial()[-1000:]}")
        self.stub.clear_break(address)
        assert name32(self.stub.info_registers(), "EIP") == address

    def __exit__(self, *why):
        self.stub.close()
        self.vm.__exit__(*why)

    def picture(self, colour=lambda each: each * 7 & 0x7f):
        """Draw all characters in many colours; return the screen's picture, without the cursor."""
        cells = bytes(byte for each in range(2000) for byte in (each & 0xff, colour(each)))
        self.stub.physical()
        self.stub.write_mem(0xb8000, cells)
        self.out(0x3d4, 0x0a)
        self.out(0x3d5, 0x20)
        return self.vm.screenshot()


@pytest.fixture(scope="module")
def text_picture():
    """The picture of the BIOS's own text mode."""
    with Devices("text", "i386-low", "mode=flat") as devices:
        picture = devices.picture()
    assert picture[:2] == TEXT
    return picture


def quiet_ones(devices, text):
    found = {word for word in WORDS if CHECKS[word](devices)}
    if devices.blank() and devices.picture() == text:
        found.add("vga")
    return found


ALL = {*WORDS, "vga"}
MODES = [("i386-low", "mode=flat"), ("i386-high", "mode=4k cr4=all blob=pages"), ("i386-high", "mode=pae from=irq pit"),
         ("x86_64", "mode=long globals cr4=all from=nmi"), ("x86_64", "mode=la57 stack=zero")]


@pytest.mark.parametrize("build, line", MODES, ids=[line.split()[0][5:] for _, line in MODES])
def test_all_are_quiet(build, line, text_picture, row):
    with Devices("all-" + line, build, f"{line} {LIVE} quiet=all") as devices:
        assert quiet_ones(devices, text_picture) == ALL
        row(devices.vm.elapsed())


def test_once_and_before_purgatory_moves(text_picture):
    """The target overwrites the workspace: purgatory runs a second time from its start, at another address and with
    less to do."""
    with Devices("moves", "i386-high", f"mode=4k wsp={ENTRY + 0x10000:x} {LIVE} quiet=all") as devices:
        assert quiet_ones(devices, text_picture) == ALL


@pytest.mark.parametrize("word", ["", *WORDS, "vga"])
def test_one_is_quiet(word, text_picture):
    """Each device is quieted by its own flag and by no other; without a flag all are live."""
    with Devices("one-" + word, "i386-high", f"mode=4k {LIVE}" + (f" quiet={word}" if word else "")) as devices:
        found = quiet_ones(devices, text_picture)
    assert found == ({word} if word else set())


@pytest.mark.parametrize("build, line", MODES[:2] + MODES[3:4], ids=["flat", "4k", "long"])
def test_waiting_vectors_that_exceptions_have(build, line):
    """With the flag all pending interrupts are taken, vectors 16 to 31 too; without it they stay pending for the target."""
    line = line.replace(" from=nmi", "")
    for quiet in (" quiet=lapic", ""):
        with Devices("low-" + line, build, f"{line} lowvectors{quiet}") as devices:
            waiting = devices.stub.monitor("info lapic")
            found = re.search(r"IRR\s+(.*)", waiting)[1]
            assert ("(none)" in found) == bool(quiet), waiting


@contextlib.contextmanager
def frames(port):
    """Send Ethernet frames to a network card, one after the other."""
    frame = bytes.fromhex("ffffffffffff0250000000010800") + b"SEGUE" * 60
    over = threading.Event()

    def send():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            while not over.wait(0.001):
                link.sendto(frame, ("127.0.0.1", port))

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        over.set()
        sender.join()


def network_card():
    """Return QEMU's arguments for a network card, and the port for its frames."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as a, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as b:
        a.bind(("127.0.0.1", 0))
        b.bind(("127.0.0.1", 0))
        here, there = a.getsockname()[1], b.getsockname()[1]
    return ["-netdev", f"socket,id=n,udp=127.0.0.1:{there},localaddr=127.0.0.1:{here}",
            "-device", "rtl8139,netdev=n"], here


RING, RING_SIZE = ENTRY + 0x4000, 0x3000


@pytest.mark.parametrize("word", ["dma", "all", ""])
@pytest.mark.parametrize("build, line", [MODES[1], MODES[3]], ids=["4k", "long"])
def test_a_card_left_receiving(build, line, word):
    """The card writes into memory of the target until the host leaves, and afterwards unless it is quieted."""
    args, port = network_card()
    line += f" live=all dma={RING:x} frames" + (f" quiet={word}" if word else "")
    with frames(port), Devices(f"card-{word}-{build}", build, line, at_exec=True, args=args) as devices:
        assert b"SEGUESEGUE" in devices.vm.memory_at(RING, RING_SIZE)
        devices.go_to(ENTRY)
        if word:
            assert not any(devices.vm.memory_at(RING, RING_SIZE))
        devices.stub.run()
        time.sleep(0.5)
        devices.stub.stop()
        after = devices.vm.memory_at(RING, RING_SIZE)
    assert any(after) == (word == "")


def test_cards_behind_a_bridge():
    """The cards are off, and the bridge passes what a driver enables again."""
    args = ["-device", "pci-bridge,id=b1,chassis_nr=1,addr=1c",
            "-device", "pci-bridge,id=b2,chassis_nr=2,bus=b1,addr=3",
            "-device", "e1000,bus=b1,addr=1", "-device", "ich9-usb-ehci1,bus=b2,addr=1d.7,multifunction=on",
            "-device", "ich9-usb-uhci1,bus=b2,addr=1d.0,multifunction=on"]
    for quiet in ("", " quiet=all"):
        with Devices("bridge" + quiet, "i386-high", f"mode=4k {LIVE}{quiet}", args=args) as devices:
            found = devices.functions(buses=3)
            bridges = [command for base_class, header, command in found.values() if header & 0x7f == 1]
            behind = [command for address, (base_class, header, command) in found.items()
                      if address & 0xff0000 and header & 0x7f == 0]
            assert len(bridges) == 2 and len(behind) == 3
            assert all(command & PCI_BUS_MASTER for command in bridges)
            assert devices.dma(buses=3) == bool(quiet)


# ---- targets in real mode, which use the BIOS ----
def bios_disk(tmp_path):
    return ["-drive", f"format=raw,if=none,id=d,file={sectors.floppy(str(tmp_path / 'disk'))}",
            "-device", "ide-hd,drive=d,bus=ide.0"]


@pytest.mark.parametrize("words, reads", [("quiet=all", True), ("quiet=all,dma", False),
                                          ("quiet=all cpus=4 others=mixed init", True)])
def test_a_boot_sector_reads_its_disk(words, reads, tmp_path):
    """The BIOS reads from an AHCI disk, a bus master; then a tick of the BIOS's timer arrives."""
    boot = qemu_kernel(Part(host("i386-high"), f"mode=4k live=all bios {words}"),
                       [Part(sectors.boot_sector(str(tmp_path / "sector")))])
    boot["args"] += bios_disk(tmp_path) + (["-smp", "4"] if "cpus=4" in words else [])
    with Qemu(f"devices-sector-{words}", memory="32M", cpu="max", machine="q35", **boot) as vm:
        vm.wait_for(r"^Boot sector: ", screen=True, timeout=20)
        if not reads:
            with pytest.raises(QemuError):
                vm.wait_for(r"^This is the second sector", screen=True, timeout=3)
            return
        vm.wait_for(r"^A timer interrupt came\.$", screen=True, timeout=20)
        assert "This is the second sector of a floppy." in vm.screen()
        assert not vm.memory_at(0x46c, 4) == bytes(4)


@pytest.mark.parametrize("words, masks", [("", (0x0e, 0xb8)), ("masks=9a3c", (0x9a, 0x3c))])
def test_the_pics_of_a_target_in_real_mode(words, masks, tmp_path):
    """The PICs have the BIOS's vectors and masks; if the host reports no masks, those that segue.h documents."""
    boot = qemu_kernel(Part(host("i386-high"), f"mode=4k live=pic bios quiet=pic {words}"),
                       [Part(sectors.boot_sector(str(tmp_path / "sector")))])
    with Qemu("devices-masks", memory="32M", cpu="max", gdb=True, paused=True, **boot) as vm, connect(vm) as stub:
        stub.break_at(0x7c00)
        stub.cont(30 * PATIENCE)
        assert pics(vm) == [(0x70, masks[0], 0), (0x08, masks[1], 0)]


def test_ipxe_goes_on(targets):
    """iPXE gets past its time-out, which the BIOS's timer ends, to where it finds no network."""
    boot = qemu_kernel(Part(host("x86_64"), "mode=long live=all bios quiet=all"), [Part(at("ipxe/ipxe.lkrn"))])
    with Qemu("devices-ipxe", memory="64M", cpu="max", **boot) as vm:
        vm.wait_for(r"^Press Ctrl-B for the iPXE", screen=True, timeout=30)
        vm.wait_for(r"^No bootable device\.", screen=True, timeout=30)


# ---- where the IO-APIC and the HPET are ----
def tables(vm):
    """Return ACPI as the firmware left it: address of the RSDP, signature -> address."""
    low = vm.memory_at(0xe0000, 0x20000)
    at_rsdp = low.index(b"RSD PTR ")
    rsdt, = struct.unpack_from("<I", low, at_rsdp + 16)
    size, = struct.unpack("<I", vm.memory_at(rsdt + 4, 4))
    found = {"RSDT": rsdt}
    for address in struct.unpack(f"<{(size - 36) // 4}I", vm.memory_at(rsdt + 36, size - 36)):
        found[vm.memory_at(address, 4).decode()] = address
    return 0xe0000 + at_rsdp, found


def workspace(devices):
    registers = devices.stub.info_registers()
    return registers["EAX"] if "EAX" in registers else registers["RDI"]


def patch(devices, address, data, checksum=None):
    """Write to physical memory. checksum: (table, size, offset of its sum); the sum is corrected."""
    devices.stub.physical()
    devices.stub.write_mem(address, data)
    if checksum:
        start, size, at_sum = checksum
        devices.stub.write_mem(start + at_sum, b"\0")
        devices.stub.write_mem(start + at_sum, bytes([-sum(devices.vm.memory_at(start, size)) & 0xff]))
    devices.stub.physical(False)


def whole(devices, table):
    size, = struct.unpack("<I", devices.vm.memory_at(table + 4, 4))
    return table, size, 9


# struct purgatory_devices in the workspace, purgatory.h
DEVICES_AT, RSDP_AT, USUAL_AT = blocks()["devices"][0], 0, 40


def forget_usual(devices):
    """Make the usual addresses unknown, so that only ACPI can tell."""
    devices.stub.write_mem(workspace(devices) + DEVICES_AT + USUAL_AT, bytes(8))


def break_madt(devices, data, offset):
    madt = tables(devices.vm)[1]["APIC"]
    patch(devices, madt + offset, data, whole(devices, madt))


def break_sum(devices, name):
    _, found = tables(devices.vm)
    patch(devices, found[name] + 9, bytes([devices.vm.memory_at(found[name] + 9, 1)[0] ^ 0xff]))


def break_length(devices, name, length):
    _, found = tables(devices.vm)
    patch(devices, found[name] + 4, struct.pack("<I", length))


def break_rsdp(devices):
    patch(devices, tables(devices.vm)[0], b"RSD PTR?")


def loop_rsdt(devices):
    """Make every entry point to the RSDT itself, or outside memory."""
    rsdt = tables(devices.vm)[1]["RSDT"]
    size = whole(devices, rsdt)[1]
    patch(devices, rsdt + 36, struct.pack("<II", rsdt, 0xfffffffc) * 20, None)
    patch(devices, rsdt + 36, (struct.pack("<II", rsdt, 0xfffffffc) * 20)[:size - 36], whole(devices, rsdt))


def add_io_apics(devices):
    """Fill the MADT with IO-APICs that do not exist, in place of the real one."""
    vm = devices.vm
    madt = tables(vm)[1]["APIC"]
    size = whole(devices, madt)[1]
    entries = b"".join(struct.pack("<BBBBII", 1, 12, 0, 0, 0xfed80000 + each * 0x1000, 0) for each in range(20))
    patch(devices, madt + 44, entries[:size - 44], whole(devices, madt))


BROKEN = {
    # change: (which of the two are still found with ACPI alone)
    "nothing": (lambda devices: None, {"ioapic", "hpet"}),
    "the RSDP": (break_rsdp, set()),
    "the RSDT's sum": (lambda devices: break_sum(devices, "RSDT"), set()),
    "the RSDT's length": (lambda devices: break_length(devices, "RSDT", 0xffffffff), set()),
    "the RSDT's entries": (loop_rsdt, set()),
    "the MADT's sum": (lambda devices: break_sum(devices, "APIC"), {"hpet"}),
    "the MADT's length": (lambda devices: break_length(devices, "APIC", 0xfffffff0), {"hpet"}),
    "the MADT's short length": (lambda devices: break_length(devices, "APIC", 0), {"hpet"}),
    "an MADT entry without length": (lambda devices: break_madt(devices, bytes(2), 44), {"hpet"}),
    "an MADT entry past the end": (lambda devices: break_madt(devices, b"\1\xff", 44), {"hpet"}),
    "IO-APICs that are not there": (add_io_apics, {"hpet"}),
    "the HPET's sum": (lambda devices: break_sum(devices, "HPET"), {"ioapic"}),
    "the HPET's space": (lambda devices: patch(devices, tables(devices.vm)[1]["HPET"] + 40, b"\1",
                                                whole(devices, tables(devices.vm)[1]["HPET"])), {"ioapic"}),
}


@pytest.mark.parametrize("usual", [False, True], ids=["acpi", "usual"])
@pytest.mark.parametrize("what", BROKEN)
def test_acpi(what, usual):
    """Broken tables provide nothing and cause no hang. Then the usual addresses serve, unless a table names others."""
    spoil, found = BROKEN[what]
    with Devices("acpi-" + what, "i386-high", f"mode=4k {LIVE} quiet=ioapic,hpet", at_exec=True) as devices:
        spoil(devices)
        if not usual:
            forget_usual(devices)
        devices.go_to(ENTRY)
        seen = {word for word in ("ioapic", "hpet") if CHECKS[word](devices)}
    if usual:
        found = {"ioapic", "hpet"} - ({"ioapic"} if "not there" in what else set())
    assert seen == found


def test_an_rsdp_that_only_the_host_knows():
    """The host passes its address; the firmware's own RSDP is destroyed."""
    with Devices("rsdp", "i386-high", f"mode=4k {LIVE} quiet=ioapic,hpet", at_exec=True) as devices:
        rsdp = tables(devices.vm)[0]
        copy = devices.vm.memory_at(rsdp, 36)
        break_rsdp(devices)
        forget_usual(devices)
        patch(devices, 0x90008, copy)
        devices.stub.write_mem(workspace(devices) + DEVICES_AT + RSDP_AT, struct.pack("<I", 0x90008))
        devices.go_to(ENTRY)
        assert devices.io_apic() and devices.hpet()


@pytest.mark.parametrize("version", [1, 2])
def test_an_xsdt(version):
    """Used if the RSDP's second checksum is correct; otherwise the RSDT is used."""
    with Devices(f"xsdt-{version}", "i386-high", f"mode=4k {LIVE} quiet=ioapic,hpet", at_exec=True) as devices:
        _, found = tables(devices.vm)
        forget_usual(devices)
        entries = struct.pack("<QQQ", 1 << 32 | found["APIC"], found["APIC"], found["HPET"])
        xsdt = b"XSDT" + struct.pack("<I", 36 + len(entries)) + bytes(28) + entries
        xsdt = xsdt[:9] + bytes([-sum(xsdt) & 0xff]) + xsdt[10:]
        rsdp = b"RSD PTR \0SEGUE.\2" + struct.pack("<IIQ", 0 if version == 2 else found["RSDT"], 36, 0x91000) + bytes(4)
        rsdp = rsdp[:8] + bytes([-sum(rsdp[:20]) & 0xff]) + rsdp[9:]
        rsdp = rsdp[:32] + bytes([-sum(rsdp) + (version == 1) & 0xff]) + rsdp[33:]
        patch(devices, 0x91000, xsdt)
        patch(devices, 0x90000, rsdp)
        devices.stub.write_mem(workspace(devices) + DEVICES_AT + RSDP_AT, struct.pack("<I", 0x90000))
        devices.go_to(ENTRY)
        assert devices.io_apic() and devices.hpet()


WITHOUT = ("i386-low", "mode=flat live=pic,pit,rtc quiet=all")


def test_a_machine_without_them():
    """No APIC, no ACPI, no HPET, no PCI, and nothing at the usual addresses."""
    with Devices("without", *WITHOUT, cpu="486", machine="isapc", bits=32) as devices:
        assert devices.pic() and devices.pit() and devices.rtc() and devices.blank()


def test_the_instructions_of_a_486():
    """A late 486 has CPUID, which reports no MSRs. An early one, simulated by holding EFLAGS.ID at 0, gets no CPUID
    instruction either."""
    logs = []
    for early in (False, True):
        with Devices(f"instructions-{early}", *WITHOUT, at_exec=True, cpu="486", machine="isapc", bits=32) as devices:
            behind = [after for late in logs for (_, text), (after, _) in zip(late, late[1:]) if text.startswith("popf")]
            logs.append(log_to(devices.vm, devices.stub, Small, behind))
    for listed in logs:
        # The log covers the block: it writes to the PITs and looks for the local APIC.
        assert len(found(listed, re.compile(r"^out"))) > 20
        assert not found(listed, MSR)
    assert found(logs[0], CPUID) and not found(logs[1], CPUID)


def test_a_pentium_in_bochs(tmp_path):
    """Its local APIC is at the usual address, without an MSR that says so; reading a missing MSR would be an exception
    there."""
    assert not bochs.missing(), bochs.missing()
    iso = grub_iso(str(tmp_path / "boot.iso"), Part(host("i386-high"), "mode=4k live=pic,pit,rtc,vga quiet=all"),
                   [Part(target("pentium"))])
    run = bochs.Bochs("devices-pentium", iso, cpu="pentium").run(ENTRY, Small.code, to_the_end=False)
    assert run.registers and "segue: exception" not in run.serial


def test_an_old_io_apic():
    """An old IO-APIC has no EOI register."""
    with Devices("old", "i386-high", f"mode=4k {LIVE} quiet=ioapic", args=["-global", "ioapic.version=17"]) as devices:
        assert devices.io_apic()


def test_a_newer_chipset(text_picture):
    with Devices("q35", "x86_64", f"mode=long {LIVE} quiet=all", machine="q35") as devices:
        assert quiet_ones(devices, text_picture) == ALL


# ---- the screen ----
def glyphs():
    """Return our font as purgatory has it (stage2/purgatory/font.inc): 96 characters of 9 lines, in bands of 16."""
    listed = open(os.path.join(ROOT, "stage2/purgatory/font.inc")).read()
    lines = re.findall(r"^\tdots '(.*)'", listed, re.MULTILINE)
    font = {}
    for number, line in enumerate(lines):
        for column, dots in enumerate(line.split()):
            font.setdefault(0x20 + number // 9 * 16 + column, []).append(dots)
    return font


def test_a_font_without_a_video_rom():
    """Nothing has initialised this VGA, and no ROM contains a font: the letters are our own."""
    args = ["-vga", "none", "-device", "VGA,romfile="]
    with Devices("font", "i386-low", "mode=flat quiet=vga", args=args) as devices:
        assert devices.blank()
        width, height, picture = devices.picture(lambda each: 7)
    assert (width, height) == TEXT
    drawn = glyphs()
    for character in range(0x100):
        row, column = divmod(character, 80)
        # blank below the first character, a box above the last
        dots = drawn[min(max(character, 0x20), 0x7f)]
        for y in range(16):
            at_line = ((row * 16 + y) * width + column * 9) * 3
            seen = "".join("#" if any(picture[at_line + x * 3:at_line + x * 3 + 3]) else "." for x in range(9))
            assert seen == (f"..{dots[y - 3]}.." if 3 <= y < 12 else "." * 9), f"character {character:#x}, line {y}"


# ---- Linux: a timer and a disk ----
MODULES = ("usb-common", "usbcore", "ehci-hcd", "ehci-pci", "scsi_common", "scsi_mod", "crct10dif_common", "crc-t10dif",
           "crc64", "crc64-rocksoft", "t10-pi", "sd_mod", "usb-storage")
ON_DISK = "read from a disk by DMA"


def disk_archive(folder, arch):
    """Make an initrd to append to the other one: kernel modules from the installer's, and an init that reads a disk."""
    with gzip.open(at(f"di-{arch}/initrd.gz")) as file:
        archive = file.read()
    names = subprocess.run(["cpio", "-t", "--quiet"], input=archive, stdout=subprocess.PIPE, check=True).stdout.decode()
    found = {os.path.basename(each)[:-3]: each for each in names.splitlines() if each.endswith(".ko")}
    tree = os.path.join(folder, "tree")
    os.makedirs(os.path.join(tree, "modules"))
    subprocess.run(["cpio", "-id", "--quiet", *(found[each] for each in MODULES)], input=archive, cwd=folder, check=True)
    for number, name in enumerate(MODULES):
        shutil.copyfile(os.path.join(folder, found[name]), os.path.join(tree, "modules", f"{number:02}-{name}.ko"))
    shutil.copyfile(os.path.join(ROOT, "test/targets/initramfs/disk"), os.path.join(tree, "init"))
    os.chmod(os.path.join(tree, "init"), 0o755)
    listed = subprocess.run(["find", "."], cwd=tree, stdout=subprocess.PIPE, check=True).stdout
    packed = subprocess.run(["cpio", "-o", "--quiet", "-H", "newc"], input=listed, cwd=tree, stdout=subprocess.PIPE,
                            check=True).stdout
    path = os.path.join(folder, "disk.cpio")
    write(path, packed)
    return path


@pytest.fixture(scope="module")
def archives(targets, tmp_path_factory):
    return {arch: disk_archive(str(tmp_path_factory.mktemp(arch)), arch) for arch in ("i386", "amd64")}


# Mode, more of the host's state, Linux, CPUs
LINUX = [
    ("flat", "", "i386", 1),
    ("4k-high", "from=irq pit", "i386", 4),
    ("4m-high", "", "amd64", 1),
    ("pae-high", "from=df", "amd64", 4),
    ("la57", "", "amd64", 1),
    # everything that a host can ask for
    ("long", "catcher cpus=4 others=mixed init blob=high cr4=all", "amd64", 4),
]
LINUX_FULL = [
    ("base", "blob=odd", "i386", 1),
    ("4k-identity", "stack=page", "i386", 1),
    ("4k-bases", "blob=pages", "i386", 1),
    ("4m-identity", "from=nmi", "i386", 1),
    ("pae-identity", "stack=zero", "i386", 1),
    ("long", "from=nmi", "i386", 1),
    ("long", "", "amd64", 4),
    ("4k-high", "catcher cpus=4 others=mixed init globals cr4=all", "amd64", 4),
    ("pae-high", "catcher cpus=4 others=park blob=pages cr4=all", "amd64", 4),
]
PIC_ONLY = "noapic nolapic acpi=off"


def linux(name, build, line, arch, archives, tmp_path, words="", cpus=1):
    write(str(tmp_path / "disk"), f"{ON_DISK}\n".encode().ljust(1 << 20, b"\0"))
    args, _ = network_card()
    args += ["-smp", str(cpus), "-device", "usb-ehci", "-drive", f"if=none,format=raw,id=d,file={tmp_path}/disk",
             "-device", "usb-storage,drive=d"]
    boot = qemu_kernel(Part(host(build), f"{line} live=all dma=1c00000"),
                       [Part(at(f"di-{arch}/linux"), f"console=ttyS0 {NO_SELF_TESTS} {words}"), INITRD, Part(archives[arch])])
    memory = high_memory("256M") if "blob=high" in line else {"memory": "256M"}
    return Qemu("devices-linux-" + re.sub(r"\W+", "-", name), [*boot["args"], *args], cpu="max",
                # On one thread, CPUs of the host that run without end leave the others too little time.
                one_thread=cpus > 1 and "others=mixed" not in line, **memory)


@pytest.mark.parametrize("mode, more, arch, cpus", [
    pytest.param(mode, more, arch, cpus, id=f"{mode} linux-{arch} {cpus} CPUs {more}".rstrip(), marks=marks)
    for cells, marks in ((LINUX, ()), (LINUX_FULL, pytest.mark.full)) for mode, more, arch, cpus in cells])
def test_linux_has_a_timer_and_a_disk(mode, more, arch, cpus, archives, tmp_path, row):
    build, line = host_matrix.MODES[mode]
    line = f"{line} {more} quiet=all"
    with linux(f"{line}-{arch}", build, line, arch, archives, tmp_path, "quiet", cpus) as vm:
        vm.wait_for(rf"^DISK-OK {ON_DISK}", timeout=90, but_not=r"^(DISK-BAD .*|Refused: .*|host: exception .*)")
        assert f"\ncpus: {cpus}\n" in vm.serial()
        row(vm.elapsed())


def test_linux_is_started_on_each_host():
    assert {mode for mode, *_ in LINUX + LINUX_FULL} == set(host_matrix.MODES)


@pytest.mark.parametrize("quiet", [True, False])
def test_linux_that_knows_the_pics_alone(quiet, archives, tmp_path):
    """Its timer's interrupt arrives through LINT0, which such a host has masked."""
    line = "mode=4k" + (" quiet=all" if quiet else " quiet=ioapic,hpet,pit,pic,rtc,dma")
    with linux(f"pics-{quiet}", "i386-high", line, "i386", archives, tmp_path, PIC_ONLY) as vm:
        if quiet:
            vm.wait_for(rf"^DISK-OK {ON_DISK}", timeout=90, but_not=r"^(DISK-BAD .*|Refused: .*|host: exception .*)")
            assert re.search(r"^ *0: +[1-9]\d+ +XT-PIC +timer", vm.serial(), re.MULTILINE)
        else:
            vm.wait_for(r"Keep in PIC mode", timeout=30)
            with pytest.raises(QemuError):
                vm.wait_for(r"Run /init", timeout=5 / PATIENCE)
            # It waits for good: the timer has asked the PIC, and its request waits where LINT0 lets none through.
            asked, masks = re.search(r"^pic0: irr=(\w+) imr=(\w+) ", vm.hmp("info pic"), re.MULTILINE).groups()
            assert int(asked, 16) & ~int(masks, 16) & 1, vm.hmp("info pic")
            assert re.search(r"^LVT0\s.*\bmasked\b", vm.hmp("info lapic"), re.MULTILINE), vm.hmp("info lapic")


# ---- devices that interrupt while the local APIC is being quieted ----
def put(devices, address, value):
    """Write to a register of a device."""
    devices.stub.write_mem(address, struct.pack("<I", value))


def test_a_level_that_stays():
    """Only the local APIC is to be quieted. The serial port's interrupt returns after each EOI, so one STI takes one
    interrupt."""
    vector = 0x60
    with Devices("level", "i386-low", "mode=flat live=lapic quiet=lapic", at_exec=True) as devices:
        devices.stub.physical()
        put(devices, 0xfec00000, 0x10 + 2 * 4)
        put(devices, 0xfec00010, 1 << 15 | vector)
        devices.out(0x3fc, 0x0b)
        devices.out(0x3f9, 2)
        log = devices.vm.path("interrupts.log")
        devices.stub.monitor("logfile " + log)
        devices.stub.monitor("log int")
        devices.go_to(ENTRY)
        devices.stub.monitor("log none")
        with open(log) as file:
            taken = len(re.findall(rf"^Servicing hardware INT=0x{vector:02x}$", file.read(), re.MULTILINE))
    assert 1 < taken <= 256


def test_an_hpet_that_sends_messages():
    """Its messages reach the local APIC without the IO-APICs. One that is under way when the HPET is stopped does not
    stay pending for the target."""
    with Devices("message", "i386-low", "mode=flat live=all quiet=all", at_exec=True) as devices:
        at_workspace = workspace(devices)
        devices.stub.physical()
        # quiet_hpet: mov ebx, [ebp + devices.hpet]
        first = devices.stub.read_mem(at_workspace, 5 * 4096).index(b"\x8b\x9d" + struct.pack("<I", DEVICES_AT + 4))
        devices.go_to(at_workspace + first)
        put(devices, 0xfee00000, 0x60)
        assert re.search(r"^IRR\t.* 96 ", devices.vm.hmp("info lapic"), re.MULTILINE)
        devices.go_to(ENTRY)
        assert devices.lapic() and devices.hpet()


# ---- a target that knows the PICs alone, and x2APIC mode ----
def ticks(name):
    path = os.path.join(LOGS, f"devices-{name}.bin")
    subprocess.run(["nasm", "-f", "bin", "-o", path, os.path.join(ROOT, "test/boot/ticks.asm")], check=True, timeout=20)
    with open(path, "rb") as file:
        return target(name, file.read())


@pytest.mark.parametrize("quiet", ["all", "lapic,pit,hpet", "pic"])
@pytest.mark.parametrize("build, line", [MODES[0], MODES[2], MODES[3]], ids=["flat", "pae", "long"])
def test_ticks(build, line, quiet):
    """The target gets the timer's interrupts if the local APIC passes them."""
    boot = qemu_kernel(Part(host(build), f"{line} live=pic,pit,ioapic,lapic quiet={quiet}"), [Part(ticks("ticks"))])
    with Qemu(f"devices-ticks-{quiet}-{build}", memory="32M", cpu="max", **boot) as vm:
        vm.wait_for(r"^ticks: APIC base FEE00900", timeout=20)
        if quiet != "pic":
            vm.wait_for(r"^ticks: ten came", timeout=10, but_not=r"^segue: .*")
            return
        with pytest.raises(QemuError):
            vm.wait_for(r"^ticks: ten came", timeout=2)


@pytest.mark.parametrize("build, line, quiet", [("x86_64", "mode=long", "all"), ("i386-high", "mode=4k", "lapic"),
                                                ("i386-low", "mode=flat", "pic")])
def test_x2apic_mode_ends(build, line, quiet, tmp_path):
    """In Bochs, as QEMU has no x2APIC. Bochs's cannot be enabled again once it was off, which leaves the CPU to the
    PICs."""
    assert not bochs.missing(), bochs.missing()
    loader = Part(host(build), f"{line} x2apic quiet={quiet}")
    iso = grub_iso(str(tmp_path / "boot.iso"), loader, [Part(ticks("x2apic"))])
    machine = bochs.Bochs(f"devices-x2apic-{build}", iso, cpu="tigerlake")
    if quiet == "pic":
        machine.wait_for(r"^ticks: APIC base FEE00D00")
    else:
        machine.wait_for(r"^ticks: APIC base FEE00100", r"^ticks: ten came")


# ---- the window ----
CODE = re.compile(r"^ *\d+ ([0-9A-F]{8}) [^ ]+ +<\d+> \t(?!d[bwd] |times )([a-z]+)", re.MULTILINE)


def block():
    """Return the offsets in the workspace of the instructions of devices.asm and its callees, from NASM's listing. The code of
    keep.asm follows, which these hosts do not ask for."""
    with open(os.path.join(BUILD, "purgatory.lst")) as file:
        listed = file.read()
    listed = listed[listed.index(" quiet_devices:"):listed.index(" keep_devices:")]
    return [blocks()["devices"][0] + int(each[1], 16) for each in CODE.finditer(listed)]


WINDOW = ("i386-high", "mode=4k mce live=pic,pit,rtc,ioapic,hpet,vga,dma quiet=all", 0)


@pytest.fixture
def window(monkeypatch, request):
    """Stop at one instruction of the block after the other; a function that yields them."""
    monkeypatch.setitem(test_window.HOSTS, "quiet", WINDOW)
    with test_window.Window("quiet-" + request.node.name, "quiet", snapshot=True) as window:
        yield window


def each_of_the_block(window, sampled):
    """Yield the instructions that are executed, which are most of them."""
    offsets = block()[::sampled]
    reached = 0
    for offset in offsets:
        at = window.workspace_phys + offset
        window.restart()
        window.stub.break_at(at)
        window.stub.break_at(ENTRY)
        window.stub.cont(20 * PATIENCE)
        window.stub.clear_break(at)
        window.stub.clear_break(ENTRY)
        if window.ip() == at:
            reached += 1
            yield at
    assert reached > len(offsets) * 0.6 and reached > 10


def sampling(request):
    return 1 if request.config.getoption("--full") else 12


def test_an_nmi_while_devices_are_quieted(window, request):
    """An NMI leaves all registers unchanged, if the local APIC passes it."""
    stub, came = window.stub, 0
    for at in each_of_the_block(window, sampling(request)):
        if not re.search(r"^LVT1\s(?!.*masked).*NMI", stub.monitor("info lapic"), re.MULTILINE):
            continue
        before, place = test_window.every_register(stub), window.place()
        stub.monitor("nmi")
        # QEMU reports a stop before the step has begun if a device's timer was due.
        for _ in range(1000):
            if window.place() != place:
                break
            window.step()
        assert window.place() != place, f"no NMI came at {at:#x}"
        window.run_back(at, place)
        assert test_window.every_register(stub) == before, f"the NMI at {at:#x} changed a register"
        came += 1
    assert came > 10


def test_an_exception_while_devices_are_quieted(window, request):
    for at in each_of_the_block(window, sampling(request)):
        window.stub.write_mem(at, test_window.UD2)
        test_window.printed(window, at, test_window.VECTOR_UD)
