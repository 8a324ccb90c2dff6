# SPDX-License-Identifier: MIT
"""The state in which a target is entered: the inspector's verdict, and what QEMU and Bochs show at the target's first
instruction, including the hidden parts of the segment registers."""
import os
import re
import struct
import subprocess
import zlib

import pytest

import bochs
from gdbstub import GdbError, GdbStub
from images import Part, grub_iso, qemu_kernel
from qemu import BUILD, Qemu, ROOT

SEGUE = os.path.join(BUILD, "segue.elf")
SEGUE_DEBUG = os.path.join(BUILD, "segue.debug.elf")
INSPECT = os.path.join(BUILD, "inspect")
SPOIL = os.path.join(ROOT, "test/targets/inspect/spoil.asm")
SPOIL_AT = 0x60000
LINUX_PREF_ADDRESS = 0x1000000      # test/targets/inspect/layout.inc
EFLAGS_ID = 1 << 21
CATCHER_SIZE = 16384                # loaders/common/loader.h


class Target:
    """One of the inspector's images: .entry, .code (its first bytes), the selectors that the protocol requires."""

    def __init__(self, name, file, code_selector, few):
        self.name, self.path, self.code_selector = name, os.path.join(INSPECT, file), code_selector
        self.few = few      # a verdict on fewer items is incomplete

    def load(self):
        with open(self.path, "rb") as file:
            data = file.read()
        if data[:4] == b"\x7fELF":
            self.entry, = struct.unpack_from("<I", data, 24)
            program, = struct.unpack_from("<I", data, 28)
            _, offset, _, address = struct.unpack_from("<IIII", data, program)
            kind, notes, _, _, size = struct.unpack_from("<IIIII", data, program + 32)
            if kind == 4:
                # PVH: the last note's contents
                self.entry, = struct.unpack_from("<I", data, notes + size - 4)
            at = self.entry - address + offset
        else:
            self.entry = LINUX_PREF_ADDRESS
            at = (data[0x1f1] + 1) * 512
        self.code = data[at:at + 16]
        return self


MULTIBOOT = Target("multiboot", "inspect.mb.elf", 0x08, 60)
MULTIBOOT2 = Target("multiboot2", "inspect.mb2.elf", 0x08, 60)
PVH = Target("pvh", "inspect.pvh.elf", 0x08, 70)
LINUX = Target("linux", "inspect.bzimage", 0x10, 80)
VMLINUX = Target("vmlinux", "inspect.vmlinux.elf", 0x10, 80)
VIDEO = Target("video", "inspect.mb-video.elf", 0x08, 60)
PLAIN = Target("elf", "inspect.plain.elf", 0x08, 40)
TARGETS = [MULTIBOOT, LINUX, PLAIN]


class Cpu:
    """A CPU model, and what spoil.asm may change on it."""

    def __init__(self, name, bits, *spoil):
        self.model, self.bits, self.spoil = name, bits, spoil
        self.name = name + ("-64" if bits == 64 else "")


DE, TSD, PSE, MCE, PGE, OSFXSR, OSXSAVE = (1 << bit for bit in (3, 2, 4, 6, 7, 9, 18))
NXE, SCE = 1 << 11, 1 << 0
CPUS = [
    # QEMU's 486 has CPUID and PSE, and so CR4: a late model
    Cpu("486", 32, f"CR4={PSE}"),
    Cpu("pentium", 32, f"CR4={DE | TSD | PSE | MCE}"),
    Cpu("qemu32", 32, f"CR4={DE | TSD | PSE | MCE | PGE | OSFXSR}", "SYSENTER", "PAT"),
    Cpu("max", 32, f"CR4={DE | TSD | PSE | MCE | PGE | OSFXSR | OSXSAVE}", "SYSENTER", "PAT", f"EFER={NXE}", "XCR0"),
    Cpu("max", 64, f"CR4={DE | TSD | PSE | MCE | PGE | OSFXSR | OSXSAVE}", "SYSENTER", "PAT",
        f"EFER={NXE | SCE}", "SYSCALL", "XCR0"),
]
CPU_486 = CPUS[0]

targets = pytest.mark.parametrize("target", TARGETS, ids=lambda each: each.name)
cpus = pytest.mark.parametrize("cpu", CPUS, ids=lambda each: each.name)


class Verdict:
    """The inspector's lines: .values by name, .good and .bad items in order."""

    def __init__(self, text):
        text = text[text.index("Segue's inspector"):]
        self.values = dict(re.findall(r"^([\w.]+) = (.*)$", text, re.MULTILINE))
        self.good = re.findall(r"^ok: ([\w.]+)", text, re.MULTILINE)
        self.bad = dict(re.findall(r"^BAD: ([\w.]+): (.*)$", text, re.MULTILINE))
        self.skipped = re.findall(r"^n/a: ([\w.]+)", text, re.MULTILINE)
        last = re.search(r"^INSPECT: (\d+) ok, (\d+) bad$", text, re.MULTILINE)
        assert last, "the inspector did not come to its end"
        assert (int(last[1]), int(last[2])) == (len(self.good), len(re.findall("^BAD: ", text, re.MULTILINE)))

    def number(self, name):
        return int(self.values[name], 16)


def segue(target, args="strict", kernel=SEGUE):
    """Return QEMU's arguments for Segue with the target as its only module."""
    return qemu_kernel(Part(kernel), [Part(target.path, args)])


def start(request, target, cpu, boot, memory="64M"):
    name = re.sub(r"[\[\]]", "-", request.node.name).strip("-")
    return Qemu("state-" + name, memory=memory, cpu=cpu.model, bits=cpu.bits, gdb=True, paused=True, **boot)


def connect(vm):
    stub = GdbStub(vm.gdb_port)
    # QEMU allows writes of single registers only after its description has been asked for.
    stub.ask("qXfer:features:read:target.xml:0,ffb")
    return stub


def set_register(stub, cpu, name, value):
    # gdb's register numbers, for i386 and amd64
    number = {"EAX": (0, 0), "EBX": (3, 1), "ESI": (6, 4), "EIP": (8, 16), "EFL": (9, 17)}[name][cpu.bits == 64]
    wide = cpu.bits == 64 and name != "EFL"
    stub.ask(f"P{number:x}=" + struct.pack("<Q" if wide else "<I", value).hex())


def run_to(stub, address, code, timeout=30):
    """Run until the address is executed while it holds this code; then remove the breakpoint."""
    stub.break_at(address)
    for _ in range(20):
        stub.cont(timeout)
        assert stub.info_registers().get("EIP", stub.info_registers().get("RIP")) == address
        if stub.read_mem(address, len(code)) == code:
            stub.clear_break(address)
            return
        stub.clear_break(address)
        stub.step()
        stub.break_at(address)
    raise GdbError(f"0x{address:x} is executed, but never holds the target")


def verdict(vm, timeout=30):
    vm.wait_for(r"^INSPECT: \d+ ok, \d+ bad$", timeout=timeout)
    return Verdict(vm.serial())


def name32(registers, name):
    """Return a register by its 32-bit name, for either QEMU."""
    return registers[name] if name in registers else registers["R" + name[1:]]


def check_entry(registers, target, passed, catcher=False):
    """Check the emulator's registers at the first instruction. passed: the registers that the protocol uses. catcher:
    the descriptor tables are the catcher's."""
    wrong = []

    def same(what, got, want):
        if got != want:
            wrong.append(f"{what} is {got:#x}, not {want:#x}")

    for name in ("EAX", "EBX", "ECX", "EDX", "ESI", "EDI", "EBP", "ESP"):
        if name not in passed:
            same(name, name32(registers, name), 0)
    same("EFLAGS", name32(registers, "EFL"), 2)
    same("EIP", name32(registers, "EIP"), target.entry)
    for name, want in dict(CR0=0x11, CR2=0, CR3=0, DR0=0, DR1=0, DR2=0, DR3=0, DR7=0x400).items():
        same(name, registers[name], want)
    same("DR6's causes", registers["DR6"] & 0xe00f, 0)
    for name in ("CR4", "EFER"):
        if name in registers:
            same(name, registers[name], 0)
    for name in ("CS", "DS", "ES", "FS", "GS", "SS"):
        code = name == "CS"
        same(name, registers[name]["selector"], target.code_selector + (0 if code else 8))
        same(f"{name}'s base", registers[name]["base"], 0)
        same(f"{name}'s limit", registers[name]["limit"], 0xffffffff)
        # present, ring 0, accessed; readable code or writable data; 32-bit, page granularity
        same(f"{name}'s type", registers[name]["flags"] & 0xf0ff00, 0xc09b00 if code else 0xc09300)
    same("LDTR", registers["LDT"]["selector"], 0)
    same("TR's limit", registers["TR"]["limit"], 0x67)
    # QEMU's LTR sets the busy bit only in memory, which the inspector reads; Bochs's sets it in the hidden part too.
    same("TR's type", registers["TR"]["flags"] & 0xff00, 0x8900 if "A20" in registers else 0x8b00)
    if catcher:
        home = registers["GDT"]["base"] // CATCHER_SIZE
        same("IDT's place", registers["IDT"]["base"] // CATCHER_SIZE, home)
        same("TR's place", registers["TR"]["base"] // CATCHER_SIZE, home)
        same("IDT's limit", registers["IDT"]["limit"], 32 * 8 - 1)
    else:
        same("TR's base", registers["TR"]["base"], 0)
        same("IDT's base", registers["IDT"]["base"], 0)
        same("IDT's limit", registers["IDT"]["limit"], 0)
    assert not wrong, "\n".join(wrong)


PASSED = {"multiboot": {"EAX", "EBX"}, "multiboot2": {"EAX", "EBX"}, "pvh": {"EBX", "ESP"}, "linux": {"ESI"}, "vmlinux": {"ESI"}, "elf": set()}


def check_verdict(seen, target, registers):
    assert not seen.bad
    assert len(seen.good) >= target.few, f"only {len(seen.good)} items were judged"
    # The inspector reads the same values as the emulator shows.
    for name in ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "eflags"):
        assert seen.number(name) == name32(registers, {"eflags": "EFL"}.get(name, name.upper())), name
    assert seen.number("gdtr.base") == registers["GDT"]["base"]
    assert seen.number("gdtr.limit") == registers["GDT"]["limit"]
    assert seen.number("tr") == registers["TR"]["selector"]


def check_reserved(seen, registers):
    """Check that the target's memory map reports the catcher's memory as reserved and not as RAM."""
    start = registers["GDT"]["base"] // CATCHER_SIZE * CATCHER_SIZE
    ranges = [[int(each, 0) for each in value.split()[:3]] for name, value in seen.values.items()
              if re.fullmatch(r"(mmap|e820)\.\d+", name)]
    assert [start, CATCHER_SIZE, 2] in ranges
    assert not [each for each in ranges if each[2] == 1 and each[0] < start + CATCHER_SIZE and start < each[0] + each[1]]


@targets
@cpus
def test_entry_state(request, target, cpu):
    target.load()
    with start(request, target, cpu, segue(target)) as vm, connect(vm) as stub:
        run_to(stub, target.entry, target.code)
        registers = stub.info_registers()
        assert registers.get("A20") == 1
        stub.run()
        seen = verdict(vm)
    check_entry(registers, target, PASSED[target.name])
    check_verdict(seen, target, registers)


def symbol(name):
    """Return the address of a symbol in segue.elf."""
    listed = subprocess.run(["nm", SEGUE_DEBUG], capture_output=True, text=True, check=True).stdout
    return int(re.search(rf"^([0-9a-f]+) \w {name}$", listed, re.MULTILINE)[1], 16)


def spoil(stub, cpu, *more):
    """Run spoil.asm from a stopped instruction and return there; memory is unchanged."""
    registers = stub.info_registers()
    back = name32(registers, "EIP")
    path = os.path.join(BUILD, f"spoil-{os.getpid()}.bin")
    subprocess.run(["nasm", "-f", "bin", "-o", path, SPOIL, f"-DORIGIN={SPOIL_AT}", f"-DBACK={back}",
                    *(f"-D{each}" for each in (*cpu.spoil, *more))], check=True, timeout=20)
    with open(path, "rb") as file:
        code = file.read()
    os.remove(path)
    before = stub.read_mem(SPOIL_AT, len(code))
    stub.write_mem(SPOIL_AT, code)
    set_register(stub, cpu, "EIP", SPOIL_AT)
    stub.break_at(back)
    stub.cont(10)
    stub.clear_break(back)
    stub.write_mem(SPOIL_AT, before)
    spoilt = stub.info_registers()
    assert name32(spoilt, "EIP") == back
    # Check that it worked; otherwise the tests that use it would show nothing.
    assert spoilt["CR0"] != 0x11 and spoilt["DR7"] != 0x400 and spoilt["CR4"] != 0 and spoilt["CR3"] != 0
    assert name32(spoilt, "EFL") & EFLAGS_ID and spoilt["FCW"] != 0x37f
    assert spoilt["LDT"]["selector"] and spoilt["IDT"]["limit"] and spoilt["FS"]["limit"] != 0xffffffff
    if any(each.startswith("EFER") for each in cpu.spoil):
        assert spoilt["EFER"] != 0


@targets
@cpus
def test_spoilt_host(request, target, cpu):
    """Enter segue_exec() with everything set that a host may leave: none of it reaches the target."""
    target.load()
    exec_at = symbol("segue_exec")
    with start(request, target, cpu, segue(target)) as vm, connect(vm) as stub:
        stub.break_at(exec_at)
        stub.cont(30)
        stub.clear_break(exec_at)
        spoil(stub, cpu)
        run_to(stub, target.entry, target.code)
        registers = stub.info_registers()
        stub.run()
        seen = verdict(vm)
    check_entry(registers, target, PASSED[target.name])
    check_verdict(seen, target, registers)


def test_a20_shut(request):
    """A20 is disabled when purgatory starts, and enabled when the target does."""
    MULTIBOOT.load()
    # Purgatory, at the end of memory, must be in an even megabyte to run with A20 disabled.
    with start(request, MULTIBOOT, CPUS[2], segue(MULTIBOOT), memory="63M") as vm, connect(vm) as stub:
        stub.break_at(symbol("segue_exec"))
        stub.cont(30)
        purgatory = stub.info_registers()["EAX"]
        assert not purgatory & 1 << 20, f"purgatory at {purgatory:#x} cannot run with A20 shut"
        stub.break_at(purgatory)
        stub.clear_break(symbol("segue_exec"))
        stub.cont(10)
        stub.clear_break(purgatory)
        stub.monitor("o /b 0x92 0")
        assert stub.info_registers()["A20"] == 0
        run_to(stub, MULTIBOOT.entry, MULTIBOOT.code)
        assert stub.info_registers()["A20"] == 1
        stub.run()
        seen = verdict(vm)
    assert not seen.bad


def log_of_segue(vm, stub, target, hold_id=()):
    """log_to() from Segue's first instruction on."""
    with open(SEGUE, "rb") as file:
        entry, = struct.unpack_from("<I", file.read(28), 24)
    run_to(stub, entry, stub.read_mem(entry, 0))
    return log_to(vm, stub, target, hold_id)


def log_to(vm, stub, target, hold_id=()):
    """Run to the target's first instruction; return [(address, mnemonic)] of all code that QEMU translated on the way.
    hold_id: addresses after POPFD at which EFLAGS.ID is set back to 0."""
    log = vm.path("instructions.log")
    stub.monitor(f"logfile {log}")
    stub.monitor("log in_asm")
    held = 0
    stops = {*hold_id, target.entry}
    for each in stops:
        stub.break_at(each)
    while True:
        stub.cont(30)
        registers = stub.info_registers()
        at = name32(registers, "EIP")
        assert at in stops
        if at == target.entry and stub.read_mem(at, len(target.code)) == target.code:
            break
        if at in hold_id:
            flags = name32(registers, "EFL") & ~EFLAGS_ID
            set_register(stub, CPU_486, "EFL", flags)
            held += 1
        stub.clear_break(at)
        stub.step()
        stub.break_at(at)
    stub.monitor("log none")
    for each in stops:
        stub.clear_break(each)
    with open(log) as file:
        listed = re.findall(r"^0x([0-9a-f]{8}):  (?:[0-9a-f]{2} )+ *(.*)$", file.read(), re.MULTILINE)
    assert bool(held) == bool(hold_id), "no breakpoint behind a POPFD was met"
    return [(int(address, 16), text.strip()) for address, text in listed]


CPUID = re.compile(r"\bcpuid\b")
CR4 = re.compile(r"%cr4\b|\bcr4\b")
MSR = re.compile(r"\b(rdmsr|wrmsr|xsetbv|xgetbv|rdtsc|rdpmc)\b")


def found(listed, pattern):
    return [f"{address:#x}: {text}" for address, text in listed if pattern.search(text)]


@targets
def test_486_instructions(request, target):
    """Check an instruction log of Segue's code (segue.elf and purgatory) on a 486.

    QEMU's 486 lets EFLAGS.ID be toggled and has CPUID, so it is a late model: the first run. The second run holds ID
    at 0 after each POPFD, as a 386 or early 486 does; then CPUID, CR4 and MSRs must not be tried."""
    target.load()
    boot = segue(target)
    with start(request, target, CPU_486, boot) as vm, connect(vm) as stub:
        late = log_of_segue(vm, stub, target)
        stub.run()
        assert not verdict(vm).bad
    # The log covers the intended code: purgatory's steps are in it.
    for step in (r"^fninit", r"^l[gi]dt", r"^ltr", r"%dr7", r"%cr0"):
        assert found(late, re.compile(step)), f"no {step} in the log"
    assert found(late, CPUID), "no CPUID in the log of a CPU that has it"
    assert not found(late, MSR)

    behind = {late[i + 1][0] for i, (_, text) in enumerate(late[:-1]) if text.startswith("popf")}
    with start(request, target, CPU_486, boot) as vm, connect(vm) as stub:
        early = log_of_segue(vm, stub, target, behind)
        stub.run()
        assert not verdict(vm).bad
    assert found(early, re.compile("^fninit"))
    for pattern in (CPUID, CR4, MSR):
        assert not found(early, pattern)


@pytest.mark.parametrize("model", ["pentium", "tigerlake"])
# A plain ELF gets no command line, so it cannot be told to end Bochs.
@pytest.mark.parametrize("target", [MULTIBOOT, LINUX], ids=lambda each: each.name)
def test_bochs(target, model, tmp_path):
    assert not bochs.missing(), bochs.missing()
    target.load()
    iso = grub_iso(str(tmp_path / "boot.iso"), Part(SEGUE), [Part(target.path, "strict exit")])
    run = bochs.Bochs(f"state-{target.name}-{model}", iso, cpu=model).run(target.entry, target.code)
    seen = Verdict(run.serial)
    assert run.registers, "the debugger never saw the target's first instruction"
    check_entry(run.registers, target, PASSED[target.name])
    check_verdict(seen, target, run.registers)


# What the inspector must report when the state is spoilt at its first instruction.
SPOILT = """segue.cr0 segue.cr2 segue.cr3 segue.cr4 segue.dr0 segue.dr1 segue.dr2 segue.dr3 segue.dr6 segue.dr7
    segue.ecx segue.edx segue.edi segue.ebp segue.esp segue.eflags segue.cs segue.ds segue.es segue.fs segue.gs
    segue.ss segue.ldtr segue.tr segue.idtr.limit segue.idtr.base
    protocol.cs.flat protocol.ds.flat protocol.es.flat protocol.ss.flat""".split()
SPOILT_BY = {
    "SYSENTER": ["segue.sysenter_cs", "segue.sysenter_esp", "segue.sysenter_eip"],
    "PAT": ["segue.pat"],
    "EFER": ["segue.efer"],
    "SYSCALL": ["segue.star", "segue.lstar", "segue.cstar", "segue.fmask"],
    "XCR0": ["segue.xcr0"],
}
SPOILT_FOR = {
    "multiboot": ["segue.esi", "protocol.fs.flat", "protocol.gs.flat"],
    "linux": ["protocol.cs", "protocol.ds", "protocol.es", "protocol.ss", "protocol.edi", "protocol.ebp",
              "segue.fs.flat", "segue.gs.flat"],
    "elf": ["segue.esi", "segue.ebx", "protocol.fs.flat", "protocol.gs.flat"],
}


@targets
@cpus
def test_inspector_sees(request, target, cpu):
    """The inspector finds everything that is wrong, so its verdicts above mean something."""
    target.load()
    keep = ["KEEP"] if target is not PLAIN else []
    with start(request, target, cpu, segue(target)) as vm, connect(vm) as stub:
        run_to(stub, target.entry, target.code)
        if target is MULTIBOOT:
            set_register(stub, cpu, "ESI", 0x51)
        spoil(stub, cpu, "TABLES", *keep)
        stub.run()
        seen = verdict(vm)
    want = set(SPOILT) | set(SPOILT_FOR[target.name])
    for each in cpu.spoil:
        want |= set(SPOILT_BY.get(each.split("=")[0], []))
    missed = want - set(seen.bad)
    assert not missed
    # and nothing else
    assert set(seen.bad) <= want


@pytest.mark.parametrize("option, want", [
    ("X87", {"segue.x87.control", "segue.x87.status", "segue.x87.tags"}),
    ("PAGING", {"protocol.cr0"}),
])
def test_inspector_sees_more(request, option, want):
    """Cases that the inspector cannot see, or that are not in the spoilt state, when everything is spoilt at once."""
    MULTIBOOT.load()
    cpu = CPUS[2]
    with start(request, MULTIBOOT, cpu, segue(MULTIBOOT)) as vm, connect(vm) as stub:
        run_to(stub, MULTIBOOT.entry, MULTIBOOT.code)
        spoil(stub, cpu, "KEEP", option)
        stub.run()
        seen = verdict(vm)
    assert want <= set(seen.bad)


def test_inspector_sees_interrupts(request):
    MULTIBOOT.load()
    cpu = CPUS[2]
    with start(request, MULTIBOOT, cpu, segue(MULTIBOOT)) as vm, connect(vm) as stub:
        run_to(stub, MULTIBOOT.entry, MULTIBOOT.code)
        # no interrupt may come: there is no IDT
        stub.monitor("o /b 0x21 0xff")
        stub.monitor("o /b 0xa1 0xff")
        set_register(stub, cpu, "EFL", 0x202)
        stub.run()
        seen = verdict(vm)
    assert set(seen.bad) == {"protocol.eflags", "segue.eflags"}


def test_inspector_sees_a20(request):
    LINUX.load()
    # ESI = boot_params must be in an even megabyte to be readable with A20 disabled.
    with start(request, LINUX, CPUS[2], segue(LINUX), memory="63M") as vm, connect(vm) as stub:
        run_to(stub, LINUX.entry, LINUX.code)
        stub.monitor("o /b 0x92 0")
        stub.run()
        seen = verdict(vm)
    assert set(seen.bad) == {"protocol.a20"}


class Patches:
    """Memory of a stopped guest, to be changed before the inspector runs."""

    def __init__(self, stub, base):
        self.stub, self.base = stub, base

    def get(self, offset, base=None):
        at = (self.base if base is None else base) + offset
        return struct.unpack("<I", self.stub.read_mem(at, 4))[0]

    def put(self, offset, value, size=4, base=None):
        self.stub.write_mem((self.base if base is None else base) + offset, value.to_bytes(size, "little"))


def patched(name, target, modules, change, args="strict"):
    """Return the verdict on a target whose tables change(patches, stub) has altered at its first instruction."""
    target.load()
    cpu = CPUS[2]
    boot = qemu_kernel(Part(SEGUE), [Part(target.path, args), *modules])
    with Qemu("state-" + name, cpu=cpu.model, bits=cpu.bits, gdb=True, paused=True, **boot) as vm, connect(vm) as stub:
        run_to(stub, target.entry, target.code)
        base = stub.info_registers()["ESI" if target is LINUX else "EBX"]
        change(Patches(stub, base), stub)
        stub.run()
        return set(verdict(vm).bad)


def image_of(path):
    """Return the end of the last segment of an ELF32 file: of its bytes from the file, and in memory."""
    with open(path, "rb") as file:
        data = file.read()
    programs, = struct.unpack_from("<I", data, 28)
    size, count = struct.unpack_from("<HH", data, 42)
    address, filled, whole = struct.unpack_from("<III", data, programs + size * (count - 1) + 12)
    return address + filled, address + whole


def test_inspector_sees_lost_bytes():
    """The inspector detects a byte that was not copied, and one that was not zeroed."""
    filled, end = image_of(MULTIBOOT.path)

    def change(patches, _):
        patches.put(filled - 1, 0x55, 1, 0)
        patches.put(end - 1, 0x55, 1, 0)

    assert patched("lost-bytes", MULTIBOOT, [], change) == {
        "protocol.image.wrong_words", "protocol.image.nonzero_bss_bytes"}


def test_inspector_sees_exception():
    listed = subprocess.run(["nm", MULTIBOOT.path], capture_output=True, text=True, check=True).stdout
    at = int(re.search(r"^([0-9a-f]+) \w multiboot_judge$", listed, re.MULTILINE)[1], 16)
    assert patched("exception", MULTIBOOT, [], lambda patches, _: patches.put(0, 0x0b0f, 2, at)) == {"inspector"}


@pytest.fixture
def two_modules(tmp_path):
    """Make two small files, as modules."""
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(name.encode() * 3000)
    return [Part(str(tmp_path / "one"), "words"), Part(str(tmp_path / "two"))]


# Multiboot 0.6.96, 3.3: offsets into the information structure
FLAGS, MEM_LOWER, MEM_UPPER, MODS_ADDR = 0, 4, 8, 24
SHDR_NUM, SHDR_ADDR, SHDR_SHNDX, MMAP_LENGTH, MMAP_ADDR, LOADER_NAME = 28, 36, 40, 44, 48, 64


def wrong_fields(info, _):
    modules, sections = info.get(MODS_ADDR), info.get(SHDR_ADDR)
    info.put(MEM_LOWER, 0)
    info.put(MEM_UPPER, 0x3fffffff)
    info.put(0, info.get(0, modules) + 1, base=modules)
    info.put(8, MULTIBOOT.entry, base=modules)
    info.put(16, info.get(0, modules), base=modules)
    info.put(28, 1, base=modules)
    info.put(LOADER_NAME, MULTIBOOT.entry)
    info.put(SHDR_SHNDX, info.get(SHDR_NUM))
    info.put(40 * 2 + 12, 0, base=sections)
    info.put(40 * 3 + 12, 0xfffff000, base=sections)
    for i in range(info.get(SHDR_NUM)):
        if info.get(40 * i + 4, sections) == 2:
            info.put(40 * i + 4, 0x70000000, base=sections)


def wrong_map(info, _):
    entry = info.get(MMAP_ADDR)
    info.put(12, 0, 8, entry)                                           # the first entry is empty
    info.put(24 + 4, info.get(24 * 2 + 4, entry) + 4096, 8, entry)      # the second starts in the third
    info.put(MMAP_LENGTH, info.get(MMAP_LENGTH) + 4)
    info.put(FLAGS, info.get(FLAGS) | 1 << 4 | 1 << 13)


def wrong_places(info, _):
    modules = info.get(MODS_ADDR)
    info.put(MEM_UPPER, 0)
    info.put(0, LINUX_PREF_ADDRESS * 2, base=modules)                   # ends before it starts
    info.put(SHDR_ADDR - 4, 64)                                         # entry size
    info.put(SHDR_NUM, 0)


def tables_in_kernel(info, stub):
    # This is inside the pattern, which is then wrong too. The command line contains "strict" there as well.
    at = image_of(MULTIBOOT.path)[0] - 400
    for field, size in ((16, 8), (MODS_ADDR, 32)):
        stub.write_mem(at, stub.read_mem(info.get(field), 200))
        info.put(field, at)
        at += 200
    # empty sections, also in the kernel
    stub.write_mem(at - 2000, bytes(40 * info.get(SHDR_NUM)))
    info.put(SHDR_ADDR, at - 2000)


def no_memory(info, _):
    entry = info.get(MMAP_ADDR)
    for i in range(info.get(MMAP_LENGTH) // 24):
        info.put(24 * i + 20, 2, base=entry)


def no_flags(info, _):
    info.put(FLAGS, 1 << 2)


def info_in_kernel(info, stub):
    at = image_of(MULTIBOOT.path)[0] - 400
    stub.write_mem(at, stub.read_mem(info.base, 116))
    set_register(stub, CPUS[2], "EBX", at)


WRONG_MULTIBOOT = {
    wrong_fields: """protocol.mem_lower protocol.mem_upper.in_map protocol.module.start protocol.module.string
        protocol.module.overlaps protocol.module.reserved protocol.boot_loader_name protocol.elf.shndx
        protocol.elf.sections_without_address protocol.elf.sections_outside_ram protocol.elf.landmark""",
    wrong_map: """protocol.mmap.end protocol.map.empty_entries protocol.map.overlaps protocol.flags.symbols
        segue.flags.unknown segue.ebx.in_ram""",
    wrong_places: """protocol.mem_upper protocol.module protocol.elf.size protocol.elf.shndx
        protocol.elf.landmark""",
    tables_in_kernel: """protocol.cmdline protocol.mods_addr protocol.elf.addr protocol.elf.landmark
        protocol.image.wrong_words""",
    no_memory: """protocol.map.available protocol.image.in_ram protocol.mem_upper.in_map protocol.module.in_ram
        protocol.elf.sections_outside_ram segue.ebx.in_ram""",
    no_flags: """protocol.flags.memory segue.flags.mmap segue.flags.elf segue.flags.boot_loader_name
        segue.ebx.in_ram""",
    info_in_kernel: "protocol.ebx protocol.image.wrong_words",
    lambda _, stub: set_register(stub, CPUS[2], "EAX", 0x36d76289): "protocol.eax",
}


@pytest.mark.parametrize("change", WRONG_MULTIBOOT, ids=lambda each: each.__name__)
def test_inspector_sees_multiboot(change, two_modules):
    assert patched("mb-" + change.__name__.strip("<>"), MULTIBOOT, two_modules, change) == set(
        WRONG_MULTIBOOT[change].split())


# Linux's zero-page.rst and boot.rst: offsets into boot_params
UNUSED = {0x54: "protocol.zero.0x54", 0x78: "protocol.zero.0x78", 0x13b: "protocol.zero.0xcc",
          0x1ee: "protocol.zero.0x1ed", 0x1ef: "protocol.sentinel", 0x1f0: "protocol.zero.0x1f0",
          0x26c: "protocol.zero.behind_hdr", 0xccf: "protocol.zero.behind_e820", 0xcd0: "protocol.zero.0xcd0",
          0xfff: "protocol.zero.0xeec", 0x40: "segue.zero.apm_bios_info", 0x58: "segue.zero.tboot",
          0xd00: "segue.zero.edd"}
HEADER = {(0x1fe, 2): "boot_flag", (0x206, 2): "version", (0x230, 4): "kernel_alignment", (0x258, 8): "pref_address",
          (0x260, 4): "init_size", (0x234, 1): "relocatable_kernel", (0x210, 1): "type_of_loader",
          (0x214, 4): "code32_start", (0x211, 1): "loadflags"}
E820_ENTRIES, E820, RAMDISK_IMAGE, INITRD_ADDR_MAX, CMDLINE_SIZE = 0x1e8, 0x2d0, 0x218, 0x22c, 0x238


def nonzero(params, _):
    for offset in UNUSED:
        params.put(offset, 1, 1)


def header_lost(params, _):
    for offset, size in HEADER:
        params.put(offset, 0, size)
    params.put(0x23c, 1)


def misplaced(params, _):
    params.put(RAMDISK_IMAGE, LINUX_PREF_ADDRESS - 10)
    params.put(INITRD_ADDR_MAX, LINUX_PREF_ADDRESS)
    params.put(CMDLINE_SIZE, 3)
    params.put(0x211, 0x81, 1)
    params.put(E820 + 8, 0, 8)
    params.put(E820 + 20, params.get(E820 + 40) + 4096, 8)


def empty_ramdisk(params, stub):
    params.put(RAMDISK_IMAGE + 4, 0)
    params.put(0x228, LINUX_PREF_ADDRESS + 0x30000)
    stub.write_mem(LINUX_PREF_ADDRESS + 0x30000, b"strict\0")
    set_register(stub, CPUS[2], "EBX", 1)
    set_register(stub, CPUS[2], "EAX", 1)


def long_e820(params, _):
    params.put(E820_ENTRIES, 255, 1)


def odd_place(params, stub):
    at = 0x8008
    stub.write_mem(at, stub.read_mem(params.base, 4096))
    set_register(stub, CPUS[2], "ESI", at)


def no_e820(params, _):
    for i in range(params.get(E820_ENTRIES) & 0xff):
        params.put(E820 + 20 * i + 16, 2)


def params_in_kernel(params, stub):
    at = LINUX_PREF_ADDRESS + 0x20000
    stub.write_mem(at, stub.read_mem(params.base, 4096))
    set_register(stub, CPUS[2], "ESI", at)


WRONG_LINUX = {
    nonzero: " ".join(UNUSED.values()),
    header_lost: " ".join("protocol.hdr." + each for each in [*HEADER.values(), "hardware_subarch"]),
    misplaced: """protocol.ramdisk.addr_max protocol.ramdisk.apart protocol.cmdline.length segue.hdr.can_use_heap
        protocol.map.empty_entries protocol.map.overlaps""",
    no_e820: """protocol.load.in_ram protocol.ramdisk.in_ram protocol.map.available protocol.image.in_ram
        segue.boot_params.in_ram""",
    empty_ramdisk: "protocol.ramdisk_image protocol.cmdline.apart protocol.ebx segue.ebx segue.eax",
    odd_place: "segue.boot_params.aligned",
    params_in_kernel: "protocol.boot_params",
    lambda _, stub: set_register(stub, CPUS[2], "ESI", 0x8000): "protocol.esi",
}


def test_inspector_sees_long_e820():
    """There is room for only 128 entries: the bytes after them are read as more entries, with any result."""
    assert "protocol.e820_entries" in patched("linux-long-e820", LINUX, [], long_e820)


@pytest.mark.parametrize("change", WRONG_LINUX, ids=lambda each: each.__name__)
def test_inspector_sees_linux(change, two_modules):
    assert patched("linux-" + change.__name__.strip("<>"), LINUX, two_modules[:1], change) == set(
        WRONG_LINUX[change].split())


def test_inspector_walks_setup_data():
    """E820 entries beyond 128 are in setup_data: here two nodes, the second with two entries."""
    LINUX.load()
    with Qemu("state-setup-data", bits=32, gdb=True, paused=True, **segue(LINUX)) as vm, connect(vm) as stub:
        run_to(stub, LINUX.entry, LINUX.code)
        params = stub.info_registers()["ESI"]
        stub.write_mem(0x8000, struct.pack("<QII4s", 0x8100, 9, 4, b"data"))
        stub.write_mem(0x8100, struct.pack("<QIIQQIQQI", 0, 1, 40, 1 << 40, 4096, 2, 1 << 41, 8192, 1))
        stub.write_mem(params + 0x250, struct.pack("<Q", 0x8000))
        stub.run()
        seen = verdict(vm)
    assert not seen.bad
    first = int(seen.values["e820_entries"])
    assert seen.values[f"e820.{first}"] == "0x0000010000000000 0x0000000000001000 2"
    assert seen.values[f"e820.{first + 1}"] == "0x0000020000000000 0x0000000000002000 1"
    assert seen.values["setup_data.0"].endswith(f"len 0x00000004 crc32 {zlib.crc32(b'data'):#010x}")


@pytest.mark.parametrize("option", ["reboot", "exit"])
def test_inspector_ends(option):
    boot = qemu_kernel(Part(MULTIBOOT.path, option))
    boot["args"] += ["-device", "isa-debug-exit,iobase=0xf4"]
    with Qemu("state-" + option, bits=32, **boot) as vm:
        vm.wait_for("^INSPECT: ", timeout=20)
        assert vm.wait_exit() == {"reboot": 0, "exit": 33}[option]


def test_video():
    """The variant that asks for a video mode: QEMU's own loader sets none, Segue passes what the user says."""
    with Qemu("state-video-qemu", bits=32, **qemu_kernel(Part(VIDEO.path))) as vm:
        assert set(verdict(vm).bad) == {"protocol.flags.video"}
    text = qemu_kernel(Part(SEGUE, "video=text"), [Part(VIDEO.path, "strict")])
    for boot, kind in ((segue(VIDEO), "1"), (text, "2")):
        with Qemu("state-video-segue-" + kind, bits=32, **boot) as vm:
            seen = verdict(vm)
        assert not seen.bad
        assert seen.values["framebuffer.type"] == kind


def test_inspector_sees_video():
    def change(info, _):
        info.put(88, 0, 8)      # framebuffer_addr
        info.put(96, 10)        # framebuffer_pitch
        info.put(109, 7, 1)     # framebuffer_type

    assert patched("video", VIDEO, [], change) == {
        "protocol.framebuffer.addr", "protocol.framebuffer.size", "protocol.framebuffer.type"}


@pytest.mark.parametrize("target", [MULTIBOOT, LINUX], ids=lambda each: each.name)
def test_inspector_direct(target):
    """QEMU's own loaders follow the protocols; the Linux loader runs the image's 16-bit setup code."""
    with Qemu("state-direct-" + target.name, bits=32, **qemu_kernel(Part(target.path, "x"))) as vm:
        seen = verdict(vm)
    assert not seen.bad and len(seen.good) > 25
    assert seen.values.get("entered_by") == ("16-bit setup" if target is LINUX else None)


def test_inspector_sees_grub(tmp_path):
    """GRUB follows the Multiboot protocol, but not Segue's contract."""
    MULTIBOOT.load()
    for args, want in (("x", set()), ("x strict", {"segue.cs", "segue.eflags", "segue.tr"})):
        iso = grub_iso(str(tmp_path / "boot.iso"), Part(MULTIBOOT.path, args))
        with Qemu("state-grub-" + args.replace(" ", "-"), ["-cdrom", iso, "-boot", "d"], bits=32) as vm:
            seen = verdict(vm, timeout=60)
        assert want <= set(seen.bad) and (want or not seen.bad)


def test_modules_arrive(request, tmp_path):
    """Modules and initrd arrive complete, with their strings, by the inspector's checksum."""
    MULTIBOOT.load()
    LINUX.load()
    files = [tmp_path / "one", tmp_path / "two", tmp_path / "empty"]
    files[0].write_bytes(bytes(i * 7 & 255 for i in range(12345)))
    files[1].write_bytes(os.urandom(300000))
    files[2].write_bytes(b"")
    cpu = CPUS[2]
    boot = qemu_kernel(Part(SEGUE), [Part(MULTIBOOT.path, "strict"), Part(str(files[0]), "with words"),
                                     Part(str(files[1]))])
    with Qemu("state-modules", cpu=cpu.model, bits=32, **boot) as vm:
        seen = verdict(vm)
    assert not seen.bad
    assert int(seen.values["multiboot.mods_count"]) == 2
    for i, each in enumerate(files[:2]):
        data = each.read_bytes()
        assert seen.number(f"module.{i}.end") - seen.number(f"module.{i}.start") == len(data)
        assert seen.number(f"module.{i}.crc32") == zlib.crc32(data)
    assert seen.values["module.0.string"].endswith('one with words"')
    boot = qemu_kernel(Part(SEGUE), [Part(LINUX.path, "strict"), Part(str(files[1]))])
    with Qemu("state-initrd", cpu=cpu.model, bits=32, **boot) as vm:
        seen = verdict(vm)
    assert not seen.bad
    assert seen.number("ramdisk_size") == 300000
    assert seen.number("ramdisk_crc32") == zlib.crc32(files[1].read_bytes())
