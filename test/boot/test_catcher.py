# SPDX-License-Identifier: MIT
"""The catcher prints what a target does wrong in its first steps, with the registers that the emulator shows at the
faulting instruction. The same target without a catcher resets the machine."""
import os
import re
import subprocess
import time

import pytest

import bochs
import expect
from cells import BUSYBOX_LINE, INITRD, TABLE, XEN_LINE, at
from images import Part, grub_iso, qemu_kernel
from qemu import LOGS, ROOT, Qemu
from test_hosts import host
from test_state import CATCHER_SIZE, LINUX, MULTIBOOT, SEGUE, connect, name32, run_to, verdict

SOURCE = os.path.join(ROOT, "test/targets/fault/fault.asm")
FAULT = 0x200100
CR0_TS = 1 << 3
EFLAGS_TF, EFLAGS_RF = 1 << 8, 1 << 16


class Case:
    """vector, error, mnemonic, cr2, eip: expected in the output. moved: EIP is this far past FAULT. flags: EFLAGS that
    the case itself sets. paging, gdt, stack: paging is on, a GDT is loaded, the stack is usable (catcher.asm's
    contract, points 3 and 4)."""

    def __init__(self, vector, error=0, mnemonic="", moved=0, cr2=0, eip=FAULT, flags=0, paging=False, gdt=False,
                 stack=True):
        self.vector, self.error, self.mnemonic, self.cr2, self.eip = vector, error, mnemonic, cr2, eip + moved
        self.flags, self.paging, self.gdt, self.stack = flags, paging, gdt, stack
        self.options = [f"-D{each}" for each, on in (("PAGING", paging), ("OWN_GDT", gdt), ("ZERO_STACK", not stack)) if on]


CASES = {
    "FIRST": Case(6, mnemonic="UD"),
    "UNDEFINED": Case(6, mnemonic="UD"),
    "SELECTOR": Case(13, 0x28, "GP"),
    "STACK_SELECTOR": Case(13, 0x28, "GP"),
    "DIVIDE": Case(0, mnemonic="DE"),
    "FAR_JUMP": Case(13, 0x1234, "GP"),
    "BREAKPOINT": Case(3, mnemonic="BP", moved=1),
    "STEP": Case(1, mnemonic="DB", moved=7, flags=EFLAGS_TF),
    "INTERRUPT": Case(13, 0x80 * 8 + 2, "GP"),
    "DEVICE": Case(7, mnemonic="NM"),
    "NO_STACK": Case(6, mnemonic="UD", stack=False),
    "ROM_STACK": Case(6, mnemonic="UD"),
    "GDT": Case(8, mnemonic="DF", gdt=True),
    "READ": Case(14, 0, "PF", cr2=0x40001234, paging=True),
    "GDT_READ": Case(8, 0, "DF", cr2=0x40001234, paging=True, gdt=True),
    "GDT_NO_STACK": Case(8, mnemonic="DF", gdt=True, stack=False),
    "FETCH": Case(14, 0, "PF", cr2=0x40005678, eip=0x40005678, paging=True),
}
# Cases that it does not catch: contract, points 3 and 5.
UNCAUGHT = {"IDT": Case(6), "UNMAPPED_CATCHER": Case(6, paging=True), "PAE": Case(6), "LONG": Case(6)}
SPIN = {"SPIN": Case(2, mnemonic="--"), "SPIN_PAGING": Case(2, mnemonic="--", paging=True)}
CPUS = [(32, "486"), (32, "max"), (64, "max")]
cpus = pytest.mark.parametrize("bits, cpu", CPUS, ids=lambda each: str(each))

BLOCK = re.compile(
    r"^segue: exception (?P<vector>\w{8}), error code (?P<error>\w{8}), EIP (?P<EIP>\w{8}), CR2 (?P<CR2>\w{8})\n"
    r"#(?P<mnemonic>..) in the target, which has no IDT of its own yet\n"
    r"EAX (?P<EAX>\w{8}) EBX (?P<EBX>\w{8}) ECX (?P<ECX>\w{8}) EDX (?P<EDX>\w{8})\n"
    r"ESI (?P<ESI>\w{8}) EDI (?P<EDI>\w{8}) EBP (?P<EBP>\w{8}) ESP (?P<ESP>\w{8})\n"
    r"EFLAGS (?P<EFL>\w{8}) CR0 (?P<CR0>\w{8}) CS (?P<CS>\w{8}) SS (?P<SS>\w{8})\n"
    r"DS (?P<DS>\w{8}) ES (?P<ES>\w{8}) FS (?P<FS>\w{8}) GS (?P<GS>\w{8})\n"
    r"(?:code(?P<code>(?: \w\w){16}))?; stopped$", re.MULTILINE)


def build(name):
    """Build one of fault.asm's kernels; return its path and its bytes from FAULT on."""
    os.makedirs(LOGS, exist_ok=True)
    path = os.path.join(LOGS, f"fault-{name}.bin")
    case = {**CASES, **UNCAUGHT, **SPIN}[name]
    what = name.removeprefix("GDT_").removesuffix("_PAGING")
    subprocess.run(["nasm", "-f", "bin", "-o", path, SOURCE, f"-DCASE_{what}", *case.options], check=True, timeout=20)
    with open(path, "rb") as file:
        return path, file.read()[0x100:0x110]


def fields(found):
    """Return the numbers in the printed block."""
    return {name: int(value, 16) for name, value in found.groupdict().items()
            if value is not None and name not in ("mnemonic", "code")}


def check(found, case, registers, code):
    """Compare the output with the case and with the emulator's registers at FAULT."""
    said = fields(found)
    assert (said["vector"], found["mnemonic"], said["CR2"]) == (case.vector, case.mnemonic, case.cr2)
    for name in ("EAX", "EBX", "ECX", "EDX", "ESI", "EDI", "EBP", "ESP", "CR0"):
        assert said[name] == name32(registers, name), name
    for name in ("SS", "DS", "ES", "FS", "GS"):
        assert said[name] == registers[name]["selector"], name
    if case.gdt and not case.stack:
        return
    assert (said["error"], said["EIP"], said["CS"]) == (case.error, case.eip, registers["CS"]["selector"])
    assert said["EFL"] & ~EFLAGS_RF == name32(registers, "EFL") | case.flags
    if case.paging:
        assert not found["code"]
    else:
        shown = bytes.fromhex(found["code"])
        assert shown.startswith(code[case.eip - FAULT:])


@pytest.mark.parametrize("name", CASES)
@cpus
def test_a_fault_is_printed(name, bits, cpu):
    path, code = build(name)
    with Qemu(f"catcher-{name}-{cpu}-{bits}", bits=bits, cpu=cpu, gdb=True, paused=True,
              **qemu_kernel(Part(SEGUE, "catcher"), [Part(path)])) as vm, connect(vm) as stub:
        run_to(stub, FAULT, code)
        registers = stub.info_registers()
        stub.run()
        vm.wait_for(BLOCK.pattern, timeout=10)
        check(BLOCK.search(vm.serial()), CASES[name], registers, code)
        if not CASES[name].paging and not CASES[name].gdt:
            # It is on the screen too.
            vm.wait_for(r"segue: exception [\s\S]*#" + CASES[name].mnemonic + r" in the target[\s\S]*; stopped$",
                        screen=True, timeout=5)
        # It has stopped with interrupts disabled, and prints only once.
        vm.wait_halted()
        assert len(BLOCK.findall(vm.serial())) == 1


def test_a_fault_is_shown_where_graphics_were():
    """The host left a graphics mode; SEGUE_LOAD_QUIET_VGA sets a text mode, and the catcher is told of that screen."""
    path, _ = build("UNDEFINED")
    with Qemu("catcher-after-graphics", cpu="max", **qemu_kernel(
            Part(host("i386-high"), "mode=4k live=vga quiet=vga catcher"), [Part(path)])) as vm:
        vm.wait_for(BLOCK.pattern, timeout=20)
        vm.wait_for(r"segue: exception [\s\S]*#UD in the target[\s\S]*; stopped$", screen=True, timeout=5)


@pytest.mark.parametrize("name", CASES)
def test_without_a_catcher_the_machine_resets(name):
    path, _ = build(name)
    with Qemu(f"no-catcher-{name}", bits=32, cpu="max", **qemu_kernel(Part(SEGUE), [Part(path)])) as vm:
        assert vm.wait_exit(20) == 0
        assert "Starting." in vm.serial() and "exception" not in vm.serial()


@pytest.mark.parametrize("name", SPIN)
@cpus
def test_an_nmi(name, bits, cpu):
    """The NMI's handler returns. With paging it cannot, and the NMI is printed."""
    path, code = build(name)
    with Qemu(f"catcher-{name}-{cpu}-{bits}", bits=bits, cpu=cpu, gdb=True, paused=True,
              **qemu_kernel(Part(SEGUE, "catcher"), [Part(path)])) as vm, connect(vm) as stub:
        run_to(stub, FAULT, code)
        registers = stub.info_registers()
        stub.run()
        for _ in range(3):
            vm.qmp("inject-nmi")
            time.sleep(0.1)
        if SPIN[name].paging:
            vm.wait_for(BLOCK.pattern, timeout=10)
            check(BLOCK.search(vm.serial()), SPIN[name], registers, code)
        else:
            stub.stop()
            after = stub.info_registers()
            assert after["CR0"] == registers["CR0"] | CR0_TS
            for name in after.keys() - {"CR0", "TR", "LDT"}:
                assert after[name] == registers[name], name
            for name in ("TR", "LDT"):
                # TR's hidden type differs, as LTR did not load it; without an LDT, LDTR's has no meaning.
                assert all(after[name][each] == registers[name][each] for each in ("selector", "base", "limit"))
            assert "exception" not in vm.serial()


@pytest.mark.parametrize("name", UNCAUGHT)
def test_what_it_does_not_catch_resets_as_without(name):
    path, code = build(name)
    with Qemu(f"catcher-{name}", bits=64, cpu="max", gdb=True, paused=True,
              **qemu_kernel(Part(SEGUE, "catcher"), [Part(path)])) as vm:
        with connect(vm) as stub:
            # The target gets this far; otherwise the test would show nothing.
            run_to(stub, FAULT, code)
            registers = stub.info_registers()
            assert registers["EFER"] >> 10 & 1 == (name == "LONG") and registers["CR0"] >> 31 == (name != "IDT")
            stub.run()
            assert vm.wait_exit(20) == 0
        assert "Starting." in vm.serial() and "exception" not in vm.serial()


def bochs_cases():
    few = {"tigerlake": ("FIRST", "SELECTOR", "STEP", "ROM_STACK", "GDT", "READ"), "pentium": ("UNDEFINED", "FETCH")}
    return [pytest.param(name, model, marks=[] if name in few[model] else [pytest.mark.full])
            for name in CASES for model in few]


@pytest.mark.parametrize("name, model", bochs_cases())
def test_a_fault_is_printed_in_bochs(name, model, tmp_path):
    assert not bochs.missing(), bochs.missing()
    path, code = build(name)
    iso = grub_iso(str(tmp_path / "boot.iso"), Part(SEGUE, "catcher"), [Part(path)])
    run = bochs.Bochs(f"catcher-{name}-{model}", iso, cpu=model).wait_for(BLOCK.pattern, stop_at=FAULT, code=code)
    assert run.registers, "the debugger never saw the instruction that faults"
    check(BLOCK.search(run.serial), CASES[name], run.registers, code)


@pytest.mark.parametrize("target", [MULTIBOOT, LINUX], ids=lambda each: each.name)
@pytest.mark.parametrize("loader, word", [("", "catcher"), ("catcher", "")], ids=["missing", "unasked"])
def test_the_inspector_sees(target, loader, word):
    """The inspector detects a missing catcher, and one that it was not told of."""
    with Qemu(f"catcher-inspector-{target.name}-{loader}", bits=32,
              **qemu_kernel(Part(SEGUE, loader), [Part(target.path, f"strict {word}")])) as vm:
        assert {"segue.idtr.limit", "segue.idtr.base"} <= set(verdict(vm).bad)


def check_map(ranges, start, end):
    """Check that a reserved range (start, end, name), perhaps with its neighbours, covers the catcher's range, and that
    RAM does not."""
    over = [each for each in ranges if each[0] < end and start < each[1]]
    assert len(over) == 1 and over[0][0] <= start and end <= over[0][1] and over[0][2].lower() == "reserved", ranges


def told_by_initramfs(vm, start, end):
    check_map(expect.parse_initramfs(vm.serial())["map"], start, end)


def told_by_xen(vm, start, end):
    ranges = re.findall(r"^\(XEN\)  \[(\w+), (\w+)\] \((\w+)\)", vm.serial(), re.MULTILINE)
    check_map([(int(first, 16), int(last, 16) + 1, kind) for first, last, kind in ranges], start, end)


def told_by_gnumach(vm, start, end):
    ranges = re.findall(r"^biosmem: (\w+):(\w+), (\w+)", vm.serial(), re.MULTILINE)
    check_map([(int(first, 16), int(behind, 16), kind) for first, behind, kind in ranges], start, end)


def told_on_screen(vm, start, end):
    assert f"base_addr = 0x{start:09x}, length = 0x{end - start:09x}, type = 0x2"[12:] in vm.screen()
    # mem_upper, in KiB from 1 MiB on, ends there and is otherwise complete
    assert re.search(rf"mem_upper = {start // 1024 - 1024}KB", vm.screen())


# Memory in MiB, modules, marker, whether it is on the screen, what shows the catcher's range
REAL = {
    "linux-i386": (64, [Part(at("di-i386/linux"), BUSYBOX_LINE), INITRD], r"^INITRAMFS-OK .*\n", False, told_by_initramfs),
    "linux-amd64": (160, [Part(at("di-amd64/linux"), BUSYBOX_LINE), INITRD], r"^INITRAMFS-OK .*\n", False,
                    told_by_initramfs),
    "linux-6G": (6144, [Part(at("cloud-amd64/linux"), BUSYBOX_LINE), INITRD], r"^INITRAMFS-OK .*\n", False,
                 told_by_initramfs),
    # Otherwise it asks the BIOS for the map, not us.
    "xen": (1024, [Part(at("xen/kernel"), XEN_LINE + " no-real-mode"), *TABLE["xen-dom0"].modules[1:]], r"^INITRAMFS-OK .*\n", False,
            told_by_xen),
    "gnumach": (64, TABLE["gnumach"].modules, r"^2 multiboot modules", False,
                told_by_gnumach),
    "multiboot-example": (64, TABLE["multiboot-example"].modules, r"^Halted\.", True, told_on_screen),
    "memtest": (64, TABLE["memtest-ia32"].modules, r"Memtest86\+ v6[\s\S]*Address test, walking ones", False, None),
}


@pytest.mark.parametrize("name", REAL)
def test_a_good_target_is_unaffected(name, targets):
    memory, modules, marker, on_screen, told = REAL[name]
    with Qemu("catcher-real-" + name, memory=f"{memory}M",
              **qemu_kernel(Part(SEGUE, "catcher video=text"), modules)) as vm:
        vm.wait_for(marker, screen=on_screen, timeout=60, but_not=None if on_screen else "segue: exception|INITRAMFS-BAD")
        start, end = (int(each, 16) for each in re.search(r"^  0x(\w+)\.\.0x(\w+)  catcher", vm.serial(), re.MULTILINE).groups())
        assert end - start == CATCHER_SIZE
        if told:
            told(vm, start, end)


def test_a_target_in_real_mode_gets_none(targets):
    """A target in real mode starts without a catcher, with a warning."""
    with Qemu("catcher-real-mode", **qemu_kernel(Part(SEGUE, "catcher linux16"), REAL["linux-i386"][1])) as vm:
        vm.wait_for(r"^INITRAMFS-OK .*\n", timeout=60)
        assert re.search("a target in real mode gets no catcher", vm.serial())
        assert not re.search(r"\.\.0x\w+  catcher", vm.serial())
