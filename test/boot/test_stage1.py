# SPDX-License-Identifier: MIT
"""Stage 1, from the firmware's jump to 0x7c00 to segue.elf's first instruction: the state that QEMU and Bochs show
there, the results of bad firmware and bad media, and memory that is never written. The media are built here byte by
byte, so that anything in them can be wrong."""
import os
import struct
import subprocess

import pytest

import bochs
from gdbstub import GdbError, GdbStub
from images import run
from qemu import BUILD, Qemu

MBR = os.path.join(BUILD, "mbr.bin")
BOOT_IMAGE = os.path.join(BUILD, "boot.img")
SEGUE = os.path.join(BUILD, "segue.elf")
BAD_BIOS_SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bad_bios.asm")

# stage1.h, stage1.inc
CD, DISK, ISO_ON_DISK = 1, 2, 3
STAGE1_MAGIC = 0x31676553
BOOT_SECTOR, LOADER_AT, NEVER_WRITTEN = 0x7c00, 0x20000, 0x40000
BPB, SIGNATURE_AND_TABLE = (3, 62), (0x1b8, 0x1fe)
PATCHED_LBA, SUMS_AT, CD_SECTOR, SUM_SECTOR = 0x1b0, 8, 2048, 2048
BDA_END, BASE_MEMORY_END = 0x500, 0xa0000
EBDA_SEGMENT = 0x40e
BAD_BIOS = 0x600

CR0_PE, CR0_PG = 1 << 0, 1 << 31
EFLAGS_IF, EFLAGS_DF = 1 << 9, 1 << 10
# All of a descriptor's second doubleword except base and limit, which are checked separately.
ATTRIBUTES = 0xf0ff00
FLAT_CODE, FLAT_DATA = 0xc09b00, 0xc09300
# At least one cylinder, since SeaBIOS otherwise finds no geometry for a disk.
DISK_SIZE = 4 << 20


class Elf:
    """segue.elf's entry, and the bytes that belong at each address."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        self.entry, = struct.unpack_from("<I", self.data, 24)
        self.headers_at, = struct.unpack_from("<I", self.data, 28)
        count, = struct.unpack_from("<H", self.data, 44)
        self.segments = []
        for index in range(count):
            kind, offset, _, address, filesz, memsz = struct.unpack_from("<6I", self.data, self.headers_at + 32 * index)
            if kind == 1:
                self.segments.append((address, self.data[offset:offset + filesz].ljust(memsz, b"\0")))


def loader():
    """Return what follows the CD's sector in the boot image, and the MBR on a disk."""
    with open(BOOT_IMAGE, "rb") as file:
        return file.read()[CD_SECTOR:]


def sums(data):
    """Compute the sums of container/seal.h."""
    total = of_sums = 0
    for at in range(0, len(data), SUM_SECTOR):
        total = (total + sum(struct.unpack(f"<{SUM_SECTOR // 4}I", data[at:at + SUM_SECTOR]))) & 0xffffffff
        of_sums = (of_sums + total) & 0xffffffff
    return total, of_sums


def with_sums(data):
    data = data[:SUMS_AT] + bytes(8) + data[SUMS_AT + 8:]
    return data[:SUMS_AT] + struct.pack("<2I", *sums(data)) + data[SUMS_AT + 8:]


def changed(data, at, new):
    assert data[at:at + len(new)] != new
    return data[:at] + new + data[at + len(new):]


def in_elf(offset):
    return loader().index(Elf(SEGUE).data) + offset


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)
    return str(path)


def make_disk(path, part=None, lba=1, size=DISK_SIZE):
    """Write a disk with the MBR, and the second part at lba."""
    with open(MBR, "rb") as file:
        mbr = file.read()
    data = bytearray(max(size, (lba + 256) * 512))
    data[:512] = changed(mbr, PATCHED_LBA, struct.pack("<Q", lba))
    part = loader() if part is None else part
    data[lba * 512:lba * 512 + len(part)] = part
    return write(path, bytes(data[:size]))


def make_iso(folder, part=None, table=True):
    """Make a hybrid ISO with xorriso from mbr.bin and boot.img."""
    with open(BOOT_IMAGE, "rb") as file:
        sector = file.read()[:CD_SECTOR]
    boot = write(folder / "boot.img", sector + (loader() if part is None else part))
    filler = write(folder / "filler", bytes(DISK_SIZE))
    path = str(folder / "stage1.iso")
    run(["xorriso", "-as", "mkisofs", "-quiet", "-o", path, "-R", "-V", "SEGUE", "-graft-points",
         "-b", "segue/boot.img", "-no-emul-boot", "-boot-load-size", "4", *(["-boot-info-table"] if table else []),
         "--grub2-mbr", MBR, f"/segue/boot.img={boot}", f"/segue/filler={filler}"])
    return path


def cdrom(path):
    return ["-cdrom", path, "-boot", "d"]


def ide(path):
    return ["-drive", f"if=ide,format=raw,file={path}", "-boot", "c"]


def virtio(path):
    return ["-drive", f"if=virtio,format=raw,file={path}", "-boot", "c"]


def usb(path):
    return ["-device", "qemu-xhci", "-drive", f"if=none,id=stick,format=raw,file={path}",
            "-device", "usb-storage,drive=stick"]


def scsi_cd(path):
    return ["-device", "virtio-scsi-pci", "-drive", f"if=none,id=cd,media=cdrom,format=raw,file={path}",
            "-device", "scsi-cd,drive=cd"]


def floppy(path):
    return ["-drive", f"if=floppy,format=raw,file={path}", "-boot", "a"]


class Way:
    def __init__(self, name, make, drive, medium, machine="pc", bits=32):
        self.name, self.make, self.drive, self.medium, self.machine, self.bits = name, make, drive, medium, machine, bits

    def medium_file(self, folder):
        return make_disk(folder / "disk.img") if self.medium == DISK else make_iso(folder)


WAYS = [
    Way("cd-ahci", cdrom, 0xe0, CD, "q35", 64),
    Way("cd-ide", cdrom, 0xe0, CD),
    Way("cd-scsi", scsi_cd, 0xe0, CD),
    Way("disk-ide", ide, 0x80, DISK),
    Way("disk-virtio", virtio, 0x80, DISK),
    Way("disk-usb", usb, 0x80, DISK),
    Way("floppy", floppy, 0x00, DISK),
    Way("iso-ahci", ide, 0x80, ISO_ON_DISK, "q35", 64),
    Way("iso-usb", usb, 0x80, ISO_ON_DISK),
]
ways = pytest.mark.parametrize("way", WAYS, ids=lambda each: each.name)


class Start:
    """A machine at the firmware's jump to 0x7c00; .registers at segue.elf's entry after run()."""

    def __init__(self, name, args, machine="pc", bits=32, memory="64M", **more):
        self.bits = bits
        self.vm = Qemu("stage1-" + name, args, machine=machine, bits=bits, memory=memory, gdb=True, paused=True, **more)

    def __enter__(self):
        self.vm.__enter__()
        self.cpu = GdbStub(self.vm.gdb_port)
        self.cpu.break_at(BOOT_SECTOR)
        self.cpu.cont(20)
        self.cpu.clear_break(BOOT_SECTOR)
        return self

    def __exit__(self, *_):
        self.cpu.close()
        self.vm.__exit__(*_)

    def spoil(self, folder, *definitions):
        """Replace the firmware's services with those of bad_bios.asm."""
        path = str(folder / "bad_bios.bin")
        run(["nasm", "-f", "bin", *(f"-D{each}" for each in definitions), "-o", path, BAD_BIOS_SOURCE])
        with open(path, "rb") as file:
            self.cpu.write_mem(BAD_BIOS, file.read())
        self.cpu.write_registers(self.bits, eip=BAD_BIOS)

    def counts(self):
        return dict(zip(("by_packet", "by_cylinder", "most", "failures", "resets", "crossings"),
                        struct.unpack("<6H", self.cpu.read_mem(BAD_BIOS + 4, 12))))

    def run(self, timeout=15):
        self.cpu.break_at(Elf(SEGUE).entry)
        self.cpu.cont(timeout)
        self.registers = self.cpu.info_registers()
        return self.registers

    def stage1(self):
        return dict(zip(("size", "medium", "drive", "a20_was_shut"),
                        struct.unpack("<4I", self.cpu.read_mem(register(self.registers, "BX"), 16))))


def register(registers, name):
    return registers.get("E" + name, registers.get("R" + name, 0)) & 0xffffffff


def assert_entered(registers):
    """Check the contract at the top of loader.asm."""
    elf = Elf(SEGUE)
    assert register(registers, "IP") == elf.entry
    assert register(registers, "AX") == STAGE1_MAGIC
    assert registers["CR0"] & (CR0_PE | CR0_PG) == CR0_PE
    assert registers["EFL"] & (EFLAGS_IF | EFLAGS_DF) == 0
    for name in ("CS", "DS", "ES", "FS", "GS", "SS"):
        segment = registers[name]
        assert (segment["base"], segment["limit"]) == (0, 0xffffffff), name
        assert segment["flags"] & ATTRIBUTES == (FLAT_CODE if name == "CS" else FLAT_DATA), name


def assert_placed(read):
    for address, bytes_there in Elf(SEGUE).segments:
        assert read(address, len(bytes_there)) == bytes_there, hex(address)


@ways
def test_enters_segue(way, tmp_path):
    with Start(way.name, way.make(way.medium_file(tmp_path)), way.machine, way.bits) as start:
        registers = start.run()
        assert_entered(registers)
        assert registers["A20"] == 1
        assert start.stage1() == {"size": 16, "medium": way.medium, "drive": way.drive, "a20_was_shut": 0}
        assert_placed(start.vm.memory_at)


def wraps(start):
    """Return the current contents of memory that must not be written."""
    return start.vm.memory_at(0, BDA_END), start.vm.memory_at(NEVER_WRITTEN, BASE_MEMORY_END - NEVER_WRITTEN)


@pytest.mark.parametrize("way", [WAYS[1], WAYS[3]], ids=lambda each: each.name)
def test_writes_nothing_of_the_firmware(way, tmp_path):
    """Stop at each write to the first 0x500 bytes and to 0x40000 to 0xa0000: it must be the firmware that writes."""
    with Start("writes-" + way.name, way.make(way.medium_file(tmp_path)), way.machine, way.bits) as start:
        cpu = start.cpu
        _, before = wraps(start)
        for base, end in ((0, BDA_END), (NEVER_WRITTEN, BASE_MEMORY_END)):
            cpu.watch(base, end - base)
        cpu.break_at(Elf(SEGUE).entry)
        for stops in range(5000):
            cpu.cont(20)
            registers = cpu.info_registers()
            at = registers["CS"]["base"] + register(registers, "IP")
            if at == Elf(SEGUE).entry:
                break
            assert at >= 0xc0000, f"code at 0x{at:x} writes there"
        assert_entered(registers)
        # The firmware's writes were seen, so stage 1's would have been.
        assert 0 < stops < 4999
        # And DMA has changed nothing.
        _, after = wraps(start)
        ebda = struct.unpack("<H", start.vm.memory_at(EBDA_SEGMENT, 2))[0] * 16 - NEVER_WRITTEN
        assert after[:ebda] == before[:ebda]


def test_file_leaves_the_partition_table_alone():
    with open(MBR, "rb") as file:
        mbr = file.read()
    assert len(mbr) == 512
    assert mbr[PATCHED_LBA:] == bytes(510 - PATCHED_LBA) + b"\x55\xaa"


def test_jump_and_room_for_a_parameter_block():
    """BIOSes expect a bootable sector to start with a jump; it leads past the parameter block."""
    with open(MBR, "rb") as file:
        mbr = file.read()
    assert mbr[0] == 0xeb and BPB[1] <= 2 + mbr[1] < PATCHED_LBA and mbr[2] == 0x90
    assert not any(mbr[slice(*BPB)])


# What a BIOS may write into the sector: a BIOS parameter block, and what tools put at the end.
FOREIGN = {"ones": lambda size: b"\xff" * size, "zeros": bytes,
           "noise": lambda size: bytes((each * 167 + 89) & 0xff for each in range(size))}


def with_foreign_bytes(sector, name):
    sector = bytearray(sector)
    for start, end in (BPB, SIGNATURE_AND_TABLE):
        sector[start:end] = FOREIGN[name](end - start)
    return bytes(sector)


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("way", [each for each in WAYS if each.medium != CD], ids=lambda each: each.name)
def test_firmware_writes_into_the_sector(way, name, tmp_path):
    with Start(f"foreign-{name}-{way.name}", way.make(way.medium_file(tmp_path)), way.machine, way.bits) as start:
        before = start.vm.memory_at(BOOT_SECTOR, 512)
        written = with_foreign_bytes(before, name)
        start.cpu.write_mem(BOOT_SECTOR, written)
        assert_entered(start.run())
        assert start.stage1() == {"size": 16, "medium": way.medium, "drive": way.drive, "a20_was_shut": 0}
        assert_placed(start.vm.memory_at)
        # Stage 1 does not write there either.
        after = start.vm.memory_at(BOOT_SECTOR, 512)
        assert after[:BPB[1]] == written[:BPB[1]] and after[PATCHED_LBA:] == written[PATCHED_LBA:]


@pytest.mark.parametrize("name", FOREIGN)
def test_firmware_writes_into_the_sector_of_a_cd(name, tmp_path):
    """A CD's sector has no BIOS parameter block: only the five bytes before the boot information table."""
    with Start(f"foreign-{name}-cd", cdrom(make_iso(tmp_path))) as start:
        start.cpu.write_mem(BOOT_SECTOR + BPB[0], FOREIGN[name](8 - BPB[0]))
        assert_entered(start.run())
        assert start.stage1()["medium"] == CD


# Not the last bytes: whether a firmware boots at all depends on the partitions there.
@pytest.mark.parametrize("name", ["ones", "noise"])
@pytest.mark.parametrize("way", [each for each in WAYS if each.medium != CD], ids=lambda each: each.name)
def test_parameter_block_on_the_medium(way, name, tmp_path):
    path = way.medium_file(tmp_path)
    fill_parameter_block(path, name)
    with Start(f"block-{name}-{way.name}", way.make(path), way.machine, way.bits) as start:
        assert_entered(start.run())
        assert_placed(start.vm.memory_at)


def fill_parameter_block(path, name):
    with open(path, "r+b") as file:
        file.seek(BPB[0])
        file.write(FOREIGN[name](BPB[1] - BPB[0]))


# Firmwares with harmless errors: definitions of bad_bios.asm, and the expected counters.
CLUMSY = {
    "07c0": (["CODE=0x7c0"], lambda c: c["by_packet"] == 1 + -(-len(loader()) // 32768)),
    "drive-0": (["DRIVE=0"], lambda c: c["by_packet"] == 1 + -(-len(loader()) // 32768)),
    "no-edd": (["NO_41", "NO_42"], lambda c: c["by_cylinder"] > 1 and c["by_packet"] == 0),
    "edd-that-is-none": (["NO_42"], lambda c: c["by_cylinder"] > 1 and c["by_packet"] == 0),
    "seven-sectors": (["MOST=7"], lambda c: c["by_packet"] > 8 and c["most"] == 4),
    "one-sector": (["MOST=1"], lambda c: c["by_packet"] > 100 and c["most"] == 1),
    "fails-once": (["FAIL=1", "STATUS=0x10"], lambda c: c["failures"] == 0 and c["resets"] == 1),
    "fails-ten-times": (["FAIL=10", "STATUS=0x10"], lambda c: c["failures"] == 0 and c["resets"] == 10),
}


@pytest.mark.parametrize("name", CLUMSY)
def test_clumsy_firmware(name, tmp_path):
    definitions, expected = CLUMSY[name]
    with Start("clumsy-" + name, ide(make_disk(tmp_path / "disk.img"))) as start:
        start.spoil(tmp_path, *definitions)
        assert_entered(start.run())
        assert start.stage1()["drive"] == 0x80
        assert expected(start.counts()), start.counts()
        assert start.counts()["crossings"] == 0
        assert_placed(start.vm.memory_at)


def test_clumsy_firmware_of_a_cd(tmp_path):
    """The wrong drive, an entry at 07C0:0000, and at most 3 sectors at once."""
    with Start("clumsy-cd", cdrom(make_iso(tmp_path))) as start:
        start.spoil(tmp_path, "CODE=0x7c0", "DRIVE=0x9f", "MOST=3", "NO_41")
        assert_entered(start.run())
        assert start.stage1() == {"size": 16, "medium": CD, "drive": 0xe0, "a20_was_shut": 0}
        assert start.counts()["most"] == 2
        assert_placed(start.vm.memory_at)


@pytest.mark.parametrize("definitions", [["SHUT_A20"], ["SHUT_A20", "NO_2401"]], ids=["by-bios", "by-port"])
def test_a20(definitions, tmp_path):
    with Start("a20-" + "-".join(definitions), ide(make_disk(tmp_path / "disk.img"))) as start:
        start.spoil(tmp_path, *definitions)
        registers = start.run()
        assert_entered(registers)
        assert registers["A20"] == 1
        assert start.stage1()["a20_was_shut"] == 1
        assert_placed(start.vm.memory_at)


def broken_elf(offset, new):
    return with_sums(changed(loader(), in_elf(offset), new))


def paddr(address):
    """Return segue.elf with its first segment at another address."""
    return broken_elf(Elf(SEGUE).headers_at + 12, struct.pack("<I", address))


DAMAGED = "Segue: the boot image is damaged or was not read as it was written"
NO_ELF = "Segue: the boot image's segue.elf is no ELF for an i386 from 1 MiB on"
BAD_PARTS = {
    "byte": (lambda: changed(loader(), in_elf(20000), b"\x5a\xa5\x5a"), DAMAGED),
    "first-byte": (lambda: changed(loader(), in_elf(0), b"\0"), DAMAGED),
    "last-byte": (lambda: loader()[:-1] + b"\1", DAMAGED),
    "sectors-swapped": (lambda: loader()[:8192] + loader()[10240:12288] + loader()[8192:10240] + loader()[12288:], DAMAGED),
    "magic": (lambda: changed(loader(), 0, b"s"), "Segue: no boot image"),
    "length": (lambda: changed(loader(), 4, b"\xff\xff"), "Segue: no boot image"),
    "no-elf": (lambda: broken_elf(0, b"\0"), NO_ELF),
    "elf-64": (lambda: broken_elf(4, b"\2"), NO_ELF),
    "machine": (lambda: broken_elf(18, b"\x3e"), NO_ELF),
    "headers": (lambda: broken_elf(28, b"\0\0\xff\xff"), NO_ELF),
    "offset": (lambda: broken_elf(Elf(SEGUE).headers_at + 4, b"\0\xf0\xff\xff"), NO_ELF),
    "below-1-mib": (lambda: paddr(0x9f000), NO_ELF),
    "above-memory": (lambda: paddr(0xd0000000), "Segue: too little memory for segue.elf"),
    "wraps": (lambda: paddr(0xfffff000), NO_ELF),
}


@pytest.mark.parametrize("name", BAD_PARTS)
def test_bad_second_part(name, tmp_path):
    make, sentence = BAD_PARTS[name]
    refuses(name, ide(make_disk(tmp_path / "disk.img", make())), sentence)


@pytest.mark.parametrize("name", ["byte", "magic"])
def test_bad_second_part_of_a_cd(name, tmp_path):
    make, sentence = BAD_PARTS[name]
    refuses("cd-" + name, cdrom(make_iso(tmp_path, make())), sentence)


def refuses(name, args, sentence, **more):
    """Check the sentence on the serial port and the screen, and that the CPU waits and has not continued."""
    with Qemu("stage1-bad-" + name, args, bits=32, **more) as vm:
        vm.wait_for(sentence.replace(".", r"\."), timeout=15, but_not="Segue [0-9]")
        vm.wait_for(sentence.replace(".", r"\."), screen=True, timeout=5)
        vm.wait_halted()
        assert vm.running()


def test_iso_without_boot_information(tmp_path):
    refuses("no-table", cdrom(make_iso(tmp_path, table=False)), "Segue: this ISO was made without -boot-info-table")


def test_truncated_disk(tmp_path):
    path = make_disk(tmp_path / "disk.img", lba=DISK_SIZE // 512, size=DISK_SIZE + len(loader()) - 8192)
    refuses("truncated", ide(path), "Segue: disk read error [0-9A-F]{2}$")


def blkdebug(path, folder, sector, once):
    config = write(folder / "blkdebug", f'[inject-error]\nevent = "read_aio"\nerrno = "5"\nsector = "{sector}"\n'
                   f'once = "{"on" if once else "off"}"\n'.encode())
    return f"format=raw,file.driver=blkdebug,file.config={config},file.image.filename={path}"


@pytest.mark.parametrize("sector", [1, 90], ids=["first", "later"])
def test_unreadable_sector(sector, tmp_path):
    drive = blkdebug(make_disk(tmp_path / "disk.img"), tmp_path, sector, once=False)
    refuses(f"sector-{sector}", ["-drive", "if=ide," + drive, "-boot", "c"], "Segue: disk read error [0-9A-F]{2}$")


def test_sector_unreadable_once(tmp_path):
    drive = blkdebug(make_disk(tmp_path / "disk.img"), tmp_path, 90, once=True)
    with Start("once", ["-drive", "if=ide," + drive, "-boot", "c"]) as start:
        assert_entered(start.run())
        assert_placed(start.vm.memory_at)


def test_nothing_can_be_read(tmp_path):
    """The firmware's error is shown."""
    with Start("unreadable", ide(make_disk(tmp_path / "disk.img"))) as start:
        start.spoil(tmp_path, "FAIL=0xffff", "STATUS=0xaa")
        start.cpu.run()
        start.vm.wait_for("Segue: disk read error AA$", timeout=10)
        start.vm.wait_for("Segue: disk read error AA$", screen=True)


class WithoutSerialPort(Qemu):
    def command(self):
        command = super().command()
        command[command.index("-serial") + 1] = "none"
        return command


def test_refuses_without_a_serial_port(tmp_path):
    disk = make_disk(tmp_path / "disk.img", changed(loader(), 0, b"s"))
    with WithoutSerialPort("stage1-no-serial", ide(disk), bits=32) as vm:
        vm.wait_for("^Segue: no boot image$", screen=True, timeout=10)
        assert vm.serial() == ""


# The disks' boot sectors with bytes of a BIOS parameter block.
BOCHS = {"cd": (CD, False), "disk": (DISK, True), "iso-on-disk": (ISO_ON_DISK, True)}


@pytest.mark.parametrize("name", BOCHS)
def test_bochs(name, tmp_path):
    assert not bochs.missing(), bochs.missing()
    medium, disk = BOCHS[name]
    elf = Elf(SEGUE)
    path = make_disk(tmp_path / "disk.img") if medium == DISK else make_iso(tmp_path)
    if disk:
        # Bochs needs whole cylinders.
        os.truncate(path, -(-os.path.getsize(path) // bochs.CYLINDER) * bochs.CYLINDER)
    start = elf.entry - elf.segments[0][0]
    if disk:
        fill_parameter_block(path, "noise")
    machine = bochs.Bochs("stage1-" + name, path, disk=disk)
    assert_entered(machine.run(elf.entry, elf.segments[0][1][start:start + 16], to_the_end=False).registers)
