# SPDX-License-Identifier: MIT
"""Targets that start in real mode: how they are entered, what the BIOS finds of its own state, drives and partitions.

cells.py also has those that are files: iPXE, memdisk, and Linux through its 16-bit entry."""
import re
import struct

import pytest

import bochs
import sectors
from cells import at
from images import Part, grub_bios, grub_iso, grub_uefi, qemu_kernel, segue_command, write
from qemu import Qemu
from test_state import CPUS, connect, run_to, spoil, symbol

LINE = r"^Boot sector: CS 0000 DX {:04x} DS 0000 SI {:04x} FLAGS 0202$"
SECOND = r"^This is the second sector of a (floppy|partition)\.$"
TICK = r"^A timer interrupt came\.$"
ENTRY = 0x7c00
# BIOS data area: what the BIOS itself changes when segue.elf moves its cursor below the last line, while interrupts are
# enabled for that, and when it reads a boot sector.
BDA_CURSOR, BDA_TICKS, BDA_DISK = range(0x450, 0x452), range(0x46c, 0x471), (0x474,)


def says(vm, drive, si, kind, timeout=15):
    """Wait for the target's lines: how it was entered, that INT 13h reads, that interrupts arrive."""
    vm.wait_for(TICK, screen=True, timeout=timeout, but_not=r"^Refused: .*")
    screen = vm.screen()
    assert re.search(LINE.format(drive, si), screen, re.MULTILINE), vm.report("entered otherwise")
    assert re.search(SECOND, screen, re.MULTILINE)[1] == kind


# ---- boot sectors ----
@pytest.mark.parametrize("bits", [32, 64])
def test_a_sector_as_a_module(bits, segue, tmp_path):
    """The 512 bytes as a file; they read from a floppy in the drive that drive= names."""
    parts = [Part(sectors.boot_sector(str(tmp_path / "sector")))]
    boot = qemu_kernel(Part(segue, "drive=fd0"), parts)
    with Qemu(f"real-module-{bits}", boot["args"] + sectors.drive(sectors.floppy(str(tmp_path / "floppy")), "floppy"),
              memory="16M", bits=bits) as vm:
        says(vm, 0x00, 0, "floppy")


@pytest.mark.parametrize("way", ["kernel", "grub1", "grub2"])
def test_a_floppy(way, segue, tmp_path):
    """chain= needs no module."""
    loader = Part(segue, "chain=fd0")
    image = str(tmp_path / "boot.iso")
    protocol = "multiboot2" if way == "grub2" else "multiboot"
    boot = qemu_kernel(loader) if way == "kernel" else grub_bios(image, loader, (), protocol)
    with Qemu(f"real-floppy-{way}", boot["args"] + sectors.drive(sectors.floppy(str(tmp_path / "floppy")), "floppy"),
              memory="64M") as vm:
        says(vm, 0x00, 0, "floppy")


@pytest.mark.parametrize("bits, number, interface", [(32, 1, "ide"), (64, 2, "ide"), (64, 4, "virtio")])
def test_a_partition(bits, number, interface, segue, tmp_path):
    """A partition's boot sector finds its own table entry at DS:SI and reads the sector it names."""
    boot = qemu_kernel(Part(segue, f"chain=hd0,{number}"))
    with Qemu(f"real-partition-{number}", boot["args"] + sectors.drive(sectors.disk(str(tmp_path / "disk")), interface),
              memory="16M", bits=bits) as vm:
        says(vm, 0x80, 0x7be, "partition")
        assert vm.memory_at(0x7be, 16) == sectors.entry(number)


def test_the_second_drive(segue, tmp_path):
    boot = qemu_kernel(Part(segue, "chain=0x81,1"))
    drives = sectors.drive(sectors.floppy(str(tmp_path / "first"))) + sectors.drive(sectors.disk(str(tmp_path / "second")))
    with Qemu("real-second-drive", boot["args"] + drives, memory="16M") as vm:
        says(vm, 0x81, 0x7be, "partition")


@pytest.mark.parametrize("option, sentence", [
    ("chain=fd0", r"drive 0x00: (sector 0 cannot be read: .*|the BIOS has no such drive)\."),
    ("chain=hd3", r"drive 0x83: the BIOS has no such drive\."),
    ("chain=hd0,3", r"partition 3 of drive 0x80: the partition table has no such entry\."),
    ("chain=hd1", r"drive 0x81: sector 0 is not a boot sector: it does not end with 55 aa\."),
    ("chain=hd2,1", r"drive 0x82: sector 4096 cannot be read: .*\."),
])
def test_what_cannot_be_chained(option, sentence, segue, tmp_path):
    empty, outside = str(tmp_path / "empty"), str(tmp_path / "outside")
    with open(empty, "wb") as file:
        file.truncate(1 << 20)
    with open(outside, "wb") as file:
        table = struct.pack("<B3sB3sII", 0, bytes(3), 0x0c, bytes(3), 4096, 4096)
        file.write(bytes(446) + table + bytes(48) + b"\x55\xaa" + bytes(1 << 20))
    boot = qemu_kernel(Part(segue, option))
    drives = sectors.drive(sectors.disk(str(tmp_path / "disk"))) + sectors.drive(empty) + sectors.drive(outside)
    with Qemu("real-refused-" + option, boot["args"] + drives, memory="16M") as vm:
        vm.wait_for(rf"^Refused: {sentence}\n", timeout=20, but_not=r"^Starting\.")


# ---- kernels of every protocol ----
def kernel_says(vm, version, high, initrd):
    """Check what test/targets/real/kernel.asm finds: boot.rst, Sample Boot Configuration."""
    vm.wait_for(r"^That is all\.$", timeout=15, but_not=r"^Refused: .*")
    said = vm.serial()[vm.serial().index("Kernel: "):].splitlines()
    low = not high or version < 0x202
    base, heap_end = (0x9000, 0x9800) if low else (0x1000, 0xe000)
    expected = [f"Kernel: CS {base + 0x20:04x} DS {base:04x} ES {base:04x} SS {base:04x} SP {heap_end:04x} FLAGS 0002",
                "This is the last setup sector.", "This is the kernel's code.", "Video mode fffd",
                "Command line: root=/dev/fd0 vga=ask two  blanks"]
    if version:
        expected.append(f"Loader and flags ff{(0x80 if version >= 0x201 else 0) + high:02x}")
        expected += ["This is the initrd."] if initrd else []
    assert said == [*expected, "That is all."]


@pytest.mark.parametrize("version, high, initrd, bits", [
    (0, False, False, 32), (0x200, False, True, 64), (0x200, True, True, 32), (0x201, False, False, 64),
    (0x201, True, True, 64), (0x202, False, True, 32), (0x202, True, True, 64), (0x203, True, False, 32),
    (0x205, True, True, 32),
], ids=lambda each: f"{each:x}" if isinstance(each, int) else each)
def test_a_kernel_of_protocol(version, high, initrd, bits, segue, tmp_path):
    define = ([f"-DVERSION={version}"] if version else []) + (["-DHIGH"] if high else [])
    sectors.assemble(str(tmp_path / "kernel"), "kernel.asm", *define)
    write(str(tmp_path / "initrd"), b"This is the initrd.\0" + bytes(5000))
    # QEMU joins two blanks into one; segue.elf's option does not
    parts = [Part(str(tmp_path / "kernel"))] + ([Part(str(tmp_path / "initrd"))] if initrd else [])
    boot = qemu_kernel(Part(segue, 'cmdline="root=/dev/fd0 vga=ask two  blanks"'), parts)
    with Qemu(f"real-protocol-{version:x}-{high}", memory="16M", bits=bits, **boot) as vm:
        kernel_says(vm, version, high, initrd)


# ---- iPXE, up to its prompt ----
def test_ipxe_prompt(segue, targets, tmp_path):
    """Its prompt reads keys through the BIOS, and finds the network card."""
    boot = grub_bios(str(tmp_path / "boot.iso"), Part(segue), [Part(at("ipxe/ipxe.lkrn"))])
    boot["args"] = boot["args"] + ["-nic", "user,model=virtio-net-pci"]
    with Qemu("real-ipxe-prompt", memory="64M", nic=True, **boot) as vm:
        vm.wait_for(r"Press Ctrl-B for the iPXE command line", screen=True, timeout=30, but_not=r"^Refused: .*")
        vm.hmp("sendkey ctrl-b")
        vm.wait_for(r"^iPXE>", screen=True, timeout=20)
        for key in ("i", "f", "s", "t", "a", "t", "ret"):
            vm.hmp(f"sendkey {key} 20")
        vm.wait_for(r"^net0: 52:54:00:12:34:56 using virtio-net", screen=True, timeout=20)


# ---- A20 ----
def test_a20_is_shut_again(segue, tmp_path):
    """Firmware that leaves A20 disabled; a disk made by Segue; a boot sector that finds A20 as the firmware left it."""
    first = str(tmp_path / "first")
    write(first, sectors.assemble(first + ".bin", "shut_a20.asm"))
    with open(first, "ab") as file:
        file.truncate(sectors.FLOPPY)
    disk, second = str(tmp_path / "disk"), sectors.floppy(str(tmp_path / "second"))
    segue_command("disk", "--kernel", sectors.boot_sector(str(tmp_path / "sector")), "--options", "chain=fd1", "-o", disk)
    args = ["-boot", "a", *sectors.drive(first, "floppy"), *sectors.drive(second, "floppy"), *sectors.drive(disk)]
    with open(second, "rb") as file:
        code = file.read(16)
    with Qemu("real-a20", args, memory="16M", bits=32, gdb=True, paused=True) as vm, connect(vm) as stub:
        run_to(stub, ENTRY, code)
        registers = stub.info_registers()
        check_registers(registers, 0, ENTRY, 0, SP=ENTRY, DX=1, EFL=0x202)
        assert registers["A20"] == 0
        stub.run()
        says(vm, 0x01, 0, "floppy")


# ---- no BIOS ----
@pytest.mark.parametrize("what, code, sentence", [
    ("ipxe", 112, r"16-bit entry, and no BIOS: code32_start 0"),
    ("linux16", 112, r"16-bit entry, and no BIOS: asked for"),
    ("sector", 125, r"boot sector, and no BIOS"),
    ("chain", None, r"drive 0x80: there is no BIOS to read it with"),
])
def test_a_uefi_machine_refuses(what, code, sentence, segue, targets, tmp_path):
    parts = {"ipxe": [Part(at("ipxe/ipxe.lkrn"))], "linux16": [Part(at("memtest/ia32.bin"))],
             "sector": [Part(sectors.boot_sector(str(tmp_path / "sector")))], "chain": []}[what]
    loader = Part(segue, {"linux16": "linux16", "chain": "chain=hd0"}.get(what, ""))
    with Qemu("real-uefi-" + what, memory="256M", **grub_uefi(str(tmp_path / "boot.iso"), loader, parts)) as vm:
        said = vm.wait_for(r"^Refused: (.*)\.\n(?:Code (\d+): .*\n)?Waiting", timeout=60, but_not=r"^Starting\.")
        assert re.search(sentence, said[1]) and (code is None or int(said[2]) == code), said[0]


# ---- the state at the first instruction ----
def elf_entry(path):
    with open(path, "rb") as file:
        return struct.unpack("<I", file.read(28)[24:])[0]


def check_registers(r, code_segment, ip, data_segment, **general):
    """Purgatory's contract, points 9 to 12 and 17 to 21."""
    wide = "RAX" in r
    for name in ("AX", "BX", "CX", "DX", "SI", "DI", "BP", "SP"):
        assert r[("R" if wide else "E") + name] == general.get(name, 0), name
    assert r["RIP" if wide else "EIP"] == ip
    assert r["EFL"] == general["EFL"]
    for name in ("CS", "DS", "ES", "FS", "GS", "SS"):
        segment = code_segment if name == "CS" else data_segment
        assert (r[name]["selector"], r[name]["base"], r[name]["limit"]) == (segment, segment * 16, 0xffff), name
        # present, not a system segment; code or writable data; no D, no G
        assert r[name]["flags"] & 0xc0f000 == 0x009000, name
    assert r["CR0"] == 0x10 and r["CR2"] == r["CR3"] == r["CR4"] == r.get("EFER", 0) == 0
    assert r["IDT"] == {"base": 0, "limit": 0x3ff}
    assert r["GDT"] == {"base": 0, "limit": 0xffff}
    assert r["LDT"]["selector"] == 0
    assert [r[f"DR{i}"] for i in (0, 1, 2, 3, 6, 7)] == [0, 0, 0, 0, 0xffff0ff0, 0x400]


def firmware_memory(vm):
    """Return the IVT, the BIOS data area, and the EBDA at the address stored there."""
    low = vm.memory_at(0, 0x500)
    start = struct.unpack_from("<H", low, 0x40e)[0] * 16
    return low, vm.memory_at(start, 0xa0000 - start)


def differing(before, after, but=()):
    return [hex(i) for i, pair in enumerate(zip(before, after)) if pair[0] != pair[1] and i not in but]


@pytest.mark.parametrize("cpu", CPUS, ids=lambda each: each.name)
@pytest.mark.parametrize("what", ["sector", "partition", "linux"])
def test_the_state(what, cpu, segue, targets, tmp_path):
    """Check every register with its hidden part, and that the BIOS's memory is as the firmware left it."""
    define = ["-DPARTITION"] if what == "partition" else []
    code, address = sectors.assemble(str(tmp_path / "code"), "boot_sector.asm", *define)[:16], ENTRY
    expected = dict(code_segment=0, ip=ENTRY, data_segment=0, SP=ENTRY, DX=0x80, EFL=0x202)
    allowed = [*BDA_CURSOR, *BDA_TICKS]
    if what == "sector":
        boot = qemu_kernel(Part(segue), [Part(sectors.boot_sector(str(tmp_path / "sector")))])
    elif what == "partition":
        boot = qemu_kernel(Part(segue, "chain=hd0,1"))
        boot["args"] = boot["args"] + sectors.drive(sectors.disk(str(tmp_path / "disk")))
        expected.update(SI=0x7be, BP=0x7be)
        allowed += [*BDA_DISK]
    else:
        boot = qemu_kernel(Part(segue), [Part(at("ipxe/ipxe.lkrn"))])
        with open(at("ipxe/ipxe.lkrn"), "rb") as file:
            address, code = 0x10200, file.read(0x210)[0x200:]
        expected = dict(code_segment=0x1020, ip=0, data_segment=0x1000, SP=0xe000, EFL=2)
    # a breakpoint is a linear address, but the stop reports an offset
    with Qemu(f"real-state-{what}-{cpu.name}", memory="16M", cpu=cpu.model, bits=cpu.bits, gdb=True, paused=True,
              **boot) as vm, connect(vm) as stub:
        start = elf_entry(segue)
        stub.break_at(start)
        stub.cont(20)
        stub.clear_break(start)
        low, high = firmware_memory(vm)
        # nothing that a host leaves may reach the target
        stub.break_at(symbol("segue_exec"))
        stub.cont(20)
        stub.clear_break(symbol("segue_exec"))
        spoil(stub, cpu)
        stub.break_at(address)
        stub.cont(20)
        # nothing patches iPXE's jump over its header
        assert vm.memory_at(address, 2) == code[:2]
        registers = stub.info_registers()
        check_registers(registers, **expected)
        assert "A20=1" in stub.monitor("info registers")
        low_now, high_now = firmware_memory(vm)
        assert differing(low[:0x400], low_now[:0x400]) == []
        assert differing(low, low_now, allowed) == []
        assert differing(high, high_now) == []


def test_the_real_check_fails_elsewhere(segue, targets, tmp_path):
    """The same checks fail on the state that a Multiboot target gets."""
    boot = qemu_kernel(Part(segue), [Part(at("multiboot-example/kernel"))])
    with open(at("multiboot-example/kernel"), "rb") as file:
        data = file.read()
    address = struct.unpack_from("<I", data, 24)[0]
    with Qemu("real-state-other", memory="16M", gdb=True, paused=True, bits=32, **boot) as vm, connect(vm) as stub:
        stub.break_at(address)
        stub.cont(20)
        with pytest.raises(AssertionError):
            check_registers(stub.info_registers(), 0, address, 0, EFL=2)


# ---- Bochs ----
def test_bochs(segue, tmp_path):
    """Another CPU's real mode and another BIOS's floppy: from GRUB's ISO to the target's last line."""
    assert not bochs.missing(), bochs.missing()
    iso = grub_iso(str(tmp_path / "boot.iso"), Part(segue, "console=ttyS0 chain=fd0"))
    code = sectors.assemble(str(tmp_path / "code"), "boot_sector.asm")[:16]
    floppy = sectors.floppy(str(tmp_path / "floppy"))
    machine = bochs.Bochs("real-mode", iso, cpu="tigerlake", floppy=floppy)
    run = machine.run(stop_at=ENTRY, code=code)
    assert run.registers, "the boot sector was never entered:\n" + run.serial
    check_registers(run.registers, 0, ENTRY, 0, SP=ENTRY, EFL=0x202)
    for line in (LINE.format(0, 0), SECOND, TICK):
        assert re.search(line, run.serial, re.MULTILINE), run.serial
