# SPDX-License-Identifier: MIT
"""A host panics, and Debian's Linux, which was loaded for that, has the host's memory and CPUs in /proc/vmcore. Its init is
test/targets/initramfs/post_mortem, which sums up some memory of the host and prints the headers and the notes.

One boot a mode; what goes wrong, and how Linux was loaded, is dealt among them.

The test then makes the core from QEMU's memory, as Linux makes /proc/vmcore. Each byte of it must be what the host's memory had
at segue_exec(). segue core and gdb read the core."""
import contextlib
import mmap
import os
import re
import shutil
import struct
import subprocess
from collections import namedtuple

import pytest

from cells import INITRD, at, segue_pack
from gdbstub import GdbStub
from host_matrix import MODES
from images import Part, qemu_kernel, write
from qemu import BUILD, PATIENCE, ROOT, Qemu
from test_devices import frames, network_card
from test_hosts import LONG_BASE, host

MEMORY = 256 << 20
# 96 MiB, and 64 KiB to 576 KiB: all that Linux gets.
START, END = 0x3000000, 0x9000000
# In base memory, which is saved; below and above what Linux gets. Each is written by the host.
SUMS = ((0x20000, 0x60000), (0x2000000, 0x2040000), (END, END + 0x40000))
# Where a card receives frames until the host is gone: its ring, and what it writes past the end.
RING, RING_SIZE = 0x2200000, 0x3000
# Besides base memory a crash moves the tables that Linux gets, and the command line.
TABLES = 0x4000
BAD = r"^(Refused: .*|BAD: .*|host: exception .*|host: out of .*|host: no NMI came|segue: .*|LINUX-BAD .*|.*Kernel panic.*)"
LINUX = {"amd64": ("cloud-amd64/linux", "x86_64"), "i386": ("di-i386/linux", "i686")}
# On a busy machine, or while QEMU's other CPUs spin, it lacks the time to deliver the interrupts of the timer that Linux waits for.
LOADED = "no_timer_check"
PAGE = 4096
HOST_NOTE, CPU_NOTE, NO_CPU, CRASH_NOTE, KERNEL_NOTE, LOG_NOTE = range(0x5301, 0x5307)
# The registers that stay_marked (test/hosts/cpu_*.asm) sets, in the order of struct segue_registers, and where they are in
# NT_PRSTATUS (Linux, struct user_regs_struct): by index in the registers, which begin at 72 or 112.
MARKS = {32: (0x84858600, 72, "I", (6, 0, 1, 2, 3, 4, 5), 12),
         64: (0x8081828384858600, 112, "Q", (10, 5, 11, 12, 13, 14, 4, None, 9, 8, 7, 6, 3, 2, 1, 0), 16)}

Program = namedtuple("Program", "type flags offset virt phys filesz memsz align")


@pytest.fixture(scope="module")
def post_mortem(targets, tmp_path_factory):
    """An initrd to append to the other one: an init."""
    tree = tmp_path_factory.mktemp("post_mortem")
    shutil.copyfile(os.path.join(ROOT, "test/targets/initramfs/post_mortem"), tree / "init")
    os.chmod(tree / "init", 0o755)
    packed = subprocess.run(["cpio", "-o", "--quiet", "-H", "newc"], input=b"init\n", cwd=tree, stdout=subprocess.PIPE,
                            check=True).stdout
    path = str(tree) + ".cpio"
    write(path, packed)
    return path


def bytes_said(text, what):
    return bytes.fromhex("".join(re.findall(rf"^{what}: ([0-9a-f]+)\s*$", text, re.MULTILINE)))


def notes_of(data):
    """Name, type, contents; as Linux reads them, to the first empty name."""
    found, offset = [], 0
    while offset + 12 <= len(data):
        name_size, size, kind = struct.unpack_from("<III", data, offset)
        if not name_size:
            break
        start = offset + 12 + -(-name_size // 4) * 4
        found.append((data[offset + 12:offset + 12 + name_size].rstrip(b"\0").decode(), kind, data[start:start + size]))
        offset = start + -(-size // 4) * 4
    return found


class Symbols:
    """Linear addresses of the host's kernel."""
    def __init__(self, build):
        self.path = os.path.join(BUILD, "hosts", build + ".kernel.elf")
        self.base = LONG_BASE if build == "x86_64" else 0
        listed = subprocess.run(["nm", self.path], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.at = {name: int(value, 16) + self.base for value, name in re.findall(r"^([0-9a-f]+) \w (\S+)$", listed, re.MULTILINE)}

    def physical(self, name):
        """The host's image is linked at its physical address plus a multiple of 1 GiB."""
        return self.at[name] & 0x3fffffff


def make_core(memory, header):
    """The file that Linux makes of a core header: the notes, then each PT_LOAD on its own (fs/proc/vmcore.c)."""
    count = struct.unpack_from("<H", memory, header + 56)[0]
    file = bytearray(memory[header:header + 64 + 56 * count])
    body, place = [], -(-len(file) // PAGE) * PAGE
    for i in range(count):
        program = Program(*struct.unpack_from("<IIQQQQQQ", file, 64 + 56 * i))
        place += program.offset % PAGE
        struct.pack_into("<Q", file, 64 + 56 * i + 8, place)
        body.append((place, program))
        place = -(-(place + program.filesz) // PAGE) * PAGE
    return file, body


def check_memory(before, after, body, workspace, left_out):
    """Every byte of the host's that the core has, less the workspace and what a CPU that was lost writes."""
    total = 0
    for _, program in body[1:]:
        for start in range(0, program.filesz, 1 << 20):
            size = min(1 << 20, program.filesz - start)
            was = before[program.phys + start:program.phys + start + size]
            now = after[program.offset + start:program.offset + start + size]
            total += size
            if was == now:
                continue
            for i, (one, other) in enumerate(zip(was, now)):
                phys = program.phys + start + i
                if one != other and not any(low <= phys < high for low, high in (workspace, *left_out)):
                    pytest.fail(f"{phys:#x} was {one:#x} and is {other:#x} in the core")
    return total


def check_marks(width, status, ranges):
    """A CPU that was in stay_marked: each register has its own value. Returns the CPU's number at the host."""
    mark, at_, form, order, ip = MARKS[width]
    value = lambda index: struct.unpack_from("<" + form, status, at_ + index * struct.calcsize(form))[0]
    number = (value(order[0]) - mark) >> 4
    for i, index in enumerate(order):
        assert index is None or value(index) == mark + 16 * number + i, (i, hex(value(index)))
    assert ranges["stay_marked"] <= value(ip) < ranges["leave_now"]
    return number


def gdb(symbols, core):
    words = ["core-file " + core, f"symbol-file -o {symbols.base:#x} {symbols.path}", "bt", "info threads", "print witness"]
    done = subprocess.run(["gdb", "-nx", "-batch", *(part for each in words for part in ("-ex", each))], capture_output=True,
                          text=True, timeout=120, stdin=subprocess.DEVNULL)
    return done.stdout + done.stderr


# lost: CPUs that do not say what they were doing. said: why the host has crashed. callers: what gdb sees, innermost first
CALLERS = ("panic", "third", "second", "crash")
Cell = namedtuple("Cell", "mode arch words cpus lost said callers bundle", defaults=(1, (), "as asked for", CALLERS, False))


def by_exception(mode, arch, words, callers, *more, **named):
    return Cell(mode, arch, words, *more, said="an exception", callers=callers, **named)


# In `make check`
CELLS = [
    # Devices are left running, a card writes to memory, the screen is in a graphics mode, and interrupts are pending.
    Cell("flat", "amd64", f"live=pit,rtc,ioapic,hpet,vga,dma lowvectors dma={RING:x} frames"),
    # The others run with interrupts off, as CPUs do that hold a lock.
    Cell("4k-high", "amd64", "others=marked tell init", 4),
    by_exception("4m-high", "i386", "fault=null from=nmi", CALLERS[1:]),
    # Its frame is not mapped.
    by_exception("pae-high", "amd64", "fault=stack tss", ("third",), bundle=True),
    # The boot CPU parks before the panic, where an NMI is ignored.
    Cell("long", "i386", "others=marked tell leaver=other", 4, (0,)),
    Cell("la57", "amd64", "others=busy from=df tss placed", 4, (1, 2, 3)),
]
# In `make check-all`: each way in each mode
WAYS = {
    "call": lambda mode, arch: Cell(mode, arch, "placed"),
    "nmi": lambda mode, arch: Cell(mode, arch, "from=nmi"),
    "null": lambda mode, arch: by_exception(mode, arch, "fault=null", CALLERS[1:]),
    "stack": lambda mode, arch: by_exception(mode, arch, "fault=stack tss", ("third",)),
    "df": lambda mode, arch: Cell(mode, arch, "from=df tss"),
    "locked": lambda mode, arch: Cell(mode, arch, "others=marked tell init", 4),
    "lost": lambda mode, arch: Cell(mode, arch, "others=busy from=nmi", 4, (1, 2, 3)),
    "other": lambda mode, arch: Cell(mode, arch, "others=marked tell leaver=other", 4, (0,)),
}
ABSENT = {
    ("flat", "null"): "address 0 has memory",
    ("flat", "stack"): "every address has memory",
    ("4m-high", "stack"): "the page below the stack cannot be left out of a large page",
}
ALL = [pytest.param(make(cell.mode, arch), marks=pytest.mark.full, id=f"{cell.mode}-{way}-{arch}")
       for cell, arch in zip(CELLS, ("amd64", "i386") * 3) for way, make in WAYS.items()
       if (cell.mode, way) not in ABSENT]


def parts_of(cell, line, post_mortem, folder):
    """Linux and its initrd: three files, or a bundle with a digest."""
    kernel = LINUX[cell.arch][0]
    if not cell.bundle:
        return [Part(at(kernel), line), INITRD, Part(post_mortem)]
    return [Part(pack(kernel, post_mortem, folder), line)]


def pack(kernel, post_mortem, folder):
    initrd = os.path.join(folder, "initrd")
    with open(initrd, "wb") as out:
        for each in (INITRD.path, post_mortem):
            out.write(bytes(-out.tell() % 4))
            with open(each, "rb") as file:
                out.write(file.read())
    return segue_pack(os.path.join(folder, "bundle"), "--kernel", at(kernel), "--initrd", initrd, "--digest")


def check_moves(cell, said):
    moved, in_place, payload = (int(each, 16) for each in re.search(
        r"^host: a crash moves (\w+) bytes, and (\w+) of (\w+) are in place$", said, re.MULTILINE).groups())
    if "placed" in cell.words:
        assert 0x80000 <= moved <= 0x80000 + TABLES and payload - in_place <= TABLES and in_place > 1 << 20
    else:
        assert moved > 0x80000 and in_place < payload


@pytest.mark.parametrize("cell", [*(pytest.param(each, id=f"{each.mode}-{each.words.split()[0]}") for each in CELLS), *ALL])
def test_crash(cell, post_mortem, row, tmp_path):
    build, words = MODES[cell.mode]
    machine = LINUX[cell.arch][1]
    width = 64 if build == "x86_64" else 32
    symbols = Symbols(build)
    sums = ",".join(f"{start:x}-{end:x}" for start, end in SUMS)
    line = (f"{words} direct pit quiet=all crash core lowtoo target={START:x} tsize={END - START:x} sums={sums} {cell.words}" +
            (f" cpus={cell.cpus}" if cell.cpus > 1 else ""))
    linux = f"console=ttyS0 quiet {LOADED} dead.sums={sums}"
    boot = qemu_kernel(Part(host(build), line), parts_of(cell, linux, post_mortem, str(tmp_path)))
    boot["args"] += ["-smp", str(cell.cpus)]
    receives = contextlib.nullcontext()
    if "dma=" in cell.words:
        card, port = network_card()
        boot["args"] += card
        receives = frames(port)
    files = [str(tmp_path / name) for name in ("before", "after")]
    name = f"crash-{cell.mode}-{cell.arch}-{cell.words.split()[0]}"
    with receives, Qemu(name, memory=f"{MEMORY >> 20}M", cpu="max", gdb=True, paused=True, **boot) as vm:
        with GdbStub(vm.gdb_port) as cpu:
            cpu.break_at(symbols.at["segue_exec"])
            cpu.cont(timeout=60 * PATIENCE)
            vm.qmp("pmemsave", val=0, size=MEMORY, filename=files[0])
            cpu.clear_break(symbols.at["segue_exec"])
            cpu.run()
            vm.wait_for("^linux: that is all", timeout=90, but_not=BAD)
        said = vm.serial()
        vm.qmp("stop")
        vm.qmp("pmemsave", val=0, size=MEMORY, filename=files[1])
        row(vm.elapsed())
    assert f"\nlinux: {machine}, 1 CPU" in said
    figures = [re.findall(rf"^{who}: crc32 0*(\w+)\s*$", said, re.MULTILINE) for who in ("host", "linux")]
    assert len(figures[0]) == len(SUMS) and figures[0] == figures[1]
    check_moves(cell, said)

    # The notes, as Linux has merged them
    notes = notes_of(bytes_said(said, "notes"))
    head, slots, crash, own = notes[0], notes[1:1 + 2 * cell.cpus], notes[1 + 2 * cell.cpus], notes[2 + 2 * cell.cpus:]
    assert head[:2] == ("Segue", HOST_NOTE) and struct.unpack_from("<II", head[2], 8) == (width, 0)
    workspace, workspace_size = struct.unpack_from("<QQ", head[2], 16)
    for i in range(cell.cpus):
        (name, kind, status), (name_2, kind_2, about) = slots[2 * i:2 * i + 2]
        assert (name_2, kind_2) == ("Segue", CPU_NOTE) and struct.unpack_from("<II", about, 4) == (i, int(i not in cell.lost))
        assert (name, kind) == (("Segue", NO_CPU) if i in cell.lost else ("CORE", 1)), i
        if i not in cell.lost:
            assert struct.unpack_from("<I", status, 24 if width == 32 else 32)[0] == i + 1
    cpus, noted, first, told = struct.unpack_from("<4I", crash[2], 4)
    assert crash[:2] == ("Segue", CRASH_NOTE) and (cpus, noted, told) == (cell.cpus, 1, 1)
    assert (first in (1, 2, 3)) if "leaver=other" in cell.words else (first == 0)
    if "others=marked" in cell.words:
        marked = [i for i in range(cell.cpus) if i != first and i not in cell.lost]
        assert len({check_marks(width, slots[2 * i][2], symbols.at) for i in marked}) == len(marked)
    assert crash[2][24:].split(b"\0")[0] == cell.said.encode()
    assert own[0] == ("Segue", KERNEL_NOTE, b"test host\x001.0\0free text\0")
    assert own[2] == ("VMCOREINFO", 0, b"OSRELEASE=0.1\n")

    # The memory, as it was at segue_exec()
    header = int(re.search(r"elfcorehdr=(\w+)", said)[1], 16)
    with open(files[0], "rb") as one, open(files[1], "rb") as other:
        before, after = (mmap.mmap(each.fileno(), 0, access=mmap.ACCESS_READ) for each in (one, other))
        file, body = make_core(after, header)
        left_out = [(symbols.physical("busy"), symbols.physical("busy") + 4)] if "others=busy" in cell.words else []
        if "dma=" in cell.words:
            assert b"SEGUESEGUE" in before[RING:RING + RING_SIZE]
            left_out.append((RING, RING + RING_SIZE))
        total = check_memory(before, after, body, (workspace, workspace + workspace_size), left_out)
        assert total > MEMORY - (END - START) - (8 << 20)
        log = struct.unpack("<IIQQQII", own[1][2])
        ring, next_ = after[log[2]:log[2] + log[3]], struct.unpack_from("<I", after, log[4])[0]
        assert own[1][:2] == ("Segue", LOG_NOTE) and ring[:next_] == b"new line\n" and b"another old line\n" in ring[next_:]
        core = str(tmp_path / "core")
        with open(core, "wb") as out:
            out.write(file)
            for place, program in body:
                out.seek(place)
                out.write(after[program.offset:program.offset + program.filesz])
        before.close(), after.close()
    for each in files:
        os.unlink(each)

    done = subprocess.run([os.path.join(BUILD, "segue"), "core", core], capture_output=True, text=True, timeout=120)
    assert re.search(rf"^  crash +{cell.said}; CPU {first} was noted first$", done.stdout, re.MULTILINE), done.stdout + done.stderr
    assert "\nanother old line\nnew line\n" in done.stdout
    assert re.search(r"^  host +test host 1\.0: free text$", done.stdout, re.MULTILINE), done.stdout
    assert re.findall(r"^  CPU (\d+) +pr_pid (\d+)$", done.stdout, re.MULTILINE) == \
        [(str(i), str(i + 1)) for i in range(cell.cpus) if i not in cell.lost]
    for line in (r"(?:eip|rip) +[0-9a-f]{8}", "CR0 0x"):
        assert len(re.findall(rf"^ {{18}}{line}", done.stdout, re.MULTILINE)) == cell.cpus - len(cell.lost), done.stdout
    done = subprocess.run([os.path.join(BUILD, "segue"), "core", core, "--gdb", symbols.path], capture_output=True, text=True, timeout=120)
    assert re.fullmatch(rf"(segue core {core} -o {core}\.gdb\n)?gdb {symbols.path} {core}(\.gdb)?\n", done.stdout), done.stdout + done.stderr
    if not shutil.which("gdb"):
        pytest.skip("gdb is not installed")
    done = subprocess.run([os.path.join(BUILD, "segue"), "core", core, "-o", core + ".gdb"], capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 0, done.stderr
    check_gdb(cell, symbols, core + ".gdb")
    if cell.mode != "flat":
        # Without the host's mappings: its page tables, from the core.
        done = subprocess.run([os.path.join(BUILD, "segue"), "core", core, "--page-tables", "note", "-o", core + ".tables"],
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        check_gdb(cell, symbols, core + ".tables")
    for name in os.listdir(tmp_path):
        os.unlink(tmp_path / name)


def check_gdb(cell, symbols, core):
    text = gdb(symbols, core)
    callers = re.findall(r"^#\d+ .*?(panic|third|second|crash) \(", text, re.MULTILINE)
    assert callers[:len(cell.callers)] == list(cell.callers), text
    assert "panic" not in cell.callers or '"as asked for"' in text, text
    assert "counter = 4711" in text and '"the host\'s witness"' in text, text
    threads = re.findall(r"^[* ] +\d+ +LWP (\d+) ", text, re.MULTILINE)
    numbers = [int(each) - 1 for each in threads]
    assert numbers == [numbers[0]] + [i for i in range(cell.cpus) if i not in (numbers[0], *cell.lost)], text


def crash_note(said, cpus):
    """Why the host has crashed, and NT_PRSTATUS of its first CPU"""
    notes = notes_of(bytes_said(said, "notes"))
    assert notes[1 + 2 * cpus][:2] == ("Segue", CRASH_NOTE)
    return notes[1 + 2 * cpus][2][24:].split(b"\0")[0].decode(), notes[1]


LONG_LINE = f"{MODES['long'][1]} direct quiet=all crash core lowtoo target={START:x} tsize={END - START:x}"


def test_linux_with_more_cpus(post_mortem, tmp_path, row):
    """The host has crashed on another CPU than the boot CPU, and Linux is told to leave that one alone, as include/README.md says."""
    line = f"console=ttyS0 quiet nr_cpus=4 disable_cpu_apicid=0 {LOADED}"
    boot = qemu_kernel(Part(host("x86_64"), f"{LONG_LINE} others=marked tell leaver=other cpus=4"),
                       parts_of(Cell("long", "amd64", ""), line, post_mortem, str(tmp_path)))
    boot["args"] += ["-smp", "4"]
    with Qemu("crash-more-cpus", memory="256M", cpu="max", one_thread=True, **boot) as vm:
        vm.wait_for("^linux: that is all", timeout=120, but_not=BAD)
        row(vm.elapsed())
        assert re.search(r"^linux: x86_64, 3 CPU, .*elfcorehdr=", vm.serial(), re.MULTILINE), vm.serial()[-3000:]
        assert "nr_cpus=1" not in vm.serial()


@pytest.mark.full
def test_a_machine_check(post_mortem, tmp_path, row):
    symbols = Symbols("x86_64")
    boot = qemu_kernel(Part(host("x86_64"), f"{LONG_LINE} fault=mce tss"),
                       parts_of(Cell("long", "amd64", ""), f"console=ttyS0 quiet {LOADED}", post_mortem, str(tmp_path)))
    with Qemu("crash-mce", memory="256M", cpu="max", **boot) as vm:
        vm.wait_for("^host: waits for a machine check", timeout=60, but_not=BAD)
        # Intel SDM vol. 3, 15.3.2.2: valid, uncorrected, enabled, and the state may be wrong; MCG_STATUS: RIPV and MCIP
        vm.hmp("mce 0 0 0xb200000000000000 0x5 0 0")
        vm.wait_for("^host: crashed by exception 18", timeout=20, but_not=BAD)
        vm.wait_for("^linux: that is all", timeout=90, but_not=BAD)
        row(vm.elapsed())
        why, (_, kind, status) = crash_note(vm.serial(), 1)
    assert (why, kind) == ("an exception", 1)
    # The compiler may have changed its name, as third.constprop.0.
    third = next(value for name, value in symbols.at.items() if name.partition(".")[0] == "third")
    assert third <= struct.unpack_from("<Q", status, 112 + 16 * 8)[0] < third + 0x200


@pytest.mark.parametrize("reboots", [False, True])
@pytest.mark.parametrize("segment", ["Linux kernel", "initrd"])
def test_an_overwritten_target_is_not_entered(segment, reboots, post_mortem, tmp_path):
    """The digest was right at segue_load(). What has been written over since is named, and the machine stops or reboots."""
    bundle = pack(LINUX["amd64"][0], post_mortem, str(tmp_path))
    line = f"{LONG_LINE} scribble={segment.replace(' ', '_')}" + (" reboots" if reboots else "")
    with Qemu("crash-digest", memory="256M", cpu="max", **qemu_kernel(Part(host("x86_64"), line), [Part(bundle)])) as vm:
        ends = "reboot in 5 s" if reboots else "stopped"
        found = vm.wait_for(rf"^segue: digest is ([0-9a-f]{{64}}), must be ([0-9a-f]{{64}})(.*); {ends}$", timeout=60,
                            but_not=r"^(Refused: .*|linux: .*|host: out of .*|segue: exception .*)")
        where = re.search(rf"^host: has written over {segment}, (\w+) to (\w+)$", vm.serial(), re.MULTILINE)
        assert found[1] != found[2]
        assert found[3] == f", changed: 0x{int(where[1], 16):08x} to 0x{int(where[2], 16):08x}"
        assert not reboots or vm.wait_exit(20) == 0


def test_a_digest_that_was_wrong_at_once(targets):
    """Then nothing has changed since segue_load(), and no range is named."""
    boot = qemu_kernel(Part(host("x86_64"), LONG_LINE + " digest=1"), [Part(at(LINUX["amd64"][0]), "console=ttyS0 quiet"), INITRD])
    with Qemu("crash-digest-wrong", memory="256M", cpu="max", **boot) as vm:
        vm.wait_for("^segue: digest is [0-9a-f]{64}, must be 0{64}; stopped", timeout=60, but_not=r"^(Refused: .*|linux: .*)")
