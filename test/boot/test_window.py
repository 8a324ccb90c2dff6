# SPDX-License-Identifier: MIT
"""The window between segue_exec()'s first instruction and the target's first. An NMI at any instruction leaves every
register unchanged; an exception or a machine check is printed. Up to the gate's LIDT the host's own handlers run.
The two instructions after purgatory's last LIDT, and the target itself, have no handlers (purgatory.asm, point 13).
The same for segue_park(), up to where the CPU waits."""
import collections
import os
import re
import struct
import subprocess
import time

import pytest

from images import Part, qemu_kernel, small_elf
from other_cpus import WAIT
from purgatory_blocks import number
from qemu import BUILD, LOGS, PATIENCE, Qemu
from test_hosts import high_memory
from test_purgatory import RESET_CPU
from test_state import connect

LONG_BASE = 0xffffffff80000000
# Name: host kernel, its words, the address at which it is linked
HOSTS = {
    "flat": ("i386-low", "mode=flat mce", 0),
    "4k": ("i386-high", "mode=4k mce", 0),
    "pae": ("i386-high", "mode=pae mce", 0),
    "long": ("x86_64", "mode=long mce", LONG_BASE),
    "la57": ("x86_64", "mode=la57 mce", LONG_BASE),
    "high": ("x86_64", "mode=long mce blob=high", LONG_BASE),
}
ENTRY = 0x200000
LEAVE_AT = 5 * 4096     # stage2/leave/leave.h
BLOCKS_AT = 2 * 4096    # purgatory.asm
VECTOR_UD, VECTOR_MC = 6, 18
CR4_MCE = 1 << 6
CR0_TARGET, CR0_TS = 0x11, 1 << 3
# Positions in gdb's hexadecimal digits: EFLAGS after 16 registers and RIP; CR0 after six segments and the bases of FS,
# GS and KernelGS
EFLAGS_AT = 2 * 17 * 8
EFLAGS_RF = 1 << 16
CR0_AT = 2 * (17 * 8 + 7 * 4 + 3 * 8)
UD2 = bytes.fromhex("0f0b")
JUMP_TO_ITSELF = bytes.fromhex("ebfe")
# lidt [address] with its 32-bit address, then mov esp
LAST_LIDT = re.compile(rb"\x0f\x01\x1d....\xbc", re.DOTALL)
LAST_LIDT_SIZE = 7
PRINTED = (r"exception 0*{:X}, error code 0+, [ER]IP 0*{:X}, CR2 [0-9A-F]+ "
           r"(?:between host and target|before the target was entered|on the way out of the host or back); stopped")
BY_THE_HOST = r"host: exception {} error \w+ at {}\b"
WIDTH = (1 << 64) - 1
# "info registers" takes 20 times as long: gdb's numbers of RIP and RSP in qemu-system-x86_64
RIP, RSP = "p10", "p7"
# A bank with a valid, uncorrected error whose context is corrupt makes QEMU raise vector 18.
MACHINE_CHECK = "mce 0 1 0xb200000000000000 0x4 0 0"


def target(name):
    """Make an ELF32 of one instruction, jmp $: it has few bytes to move, which would take long in single steps."""
    return small_elf(os.path.join(LOGS, f"window-{name}.elf"), ENTRY)


class Window:
    """A host stopped at the first instruction of segue_exec() or segue_park(). snapshot: it can be restored to there.
    more: words for the host."""

    words = ""
    target = staticmethod(target)

    def __init__(self, name, which, entry="segue_exec", snapshot=False, more=""):
        host, words, self.base = HOSTS[which]
        words = f"{words}{self.words} {more}".strip()
        self.entry = entry
        if entry == "segue_park":
            name += "-park"
            words += " told=2 leaver=other"
        path = os.path.join(BUILD, "hosts", host)
        symbols = subprocess.run(["nm", path + ".kernel.elf"], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.at = {found[2]: int(found[1], 16) + self.base & WIDTH
                   for found in re.finditer(r"^([0-9a-f]+) \w (segue_\w+|(?:cross_)?handlers|exchange\.next|quiet_apic)$", symbols, re.MULTILINE)}
        name += "-" + which
        small = self.target(name)
        boot = qemu_kernel(Part(path + ".elf", words), [Part(small)])
        self.snapshot = snapshot
        if snapshot:
            # QEMU keeps snapshots in a disk image: in the temporary file that takes the writes to this one.
            boot["args"] += ["-drive", f"if=none,file={small},format=raw,snapshot=on"]
        self.high = "blob=high" in words
        if self.high:
            boot.update(high_memory("16M"))
        self.vm = Qemu(f"window-{name}", **{"memory": "16M", "bits": 64, "cpu": "max", "gdb": True, "paused": True, **boot})

    def __enter__(self):
        self.vm.__enter__()
        self.stub = connect(self.vm)
        self.stub.break_at(self.at[self.entry])
        self.stub.cont(30)
        self.stub.clear_break(self.at[self.entry])
        assert self.ip() == self.at[self.entry]
        self.begin(self.stub.info_registers())
        # By default QEMU hides NMIs during single steps.
        self.stub.sstep(1)
        if self.snapshot:
            said = self.stub.monitor("savevm start")
            assert not said.strip(), said
        return self

    def begin(self, registers):
        workspace = registers.get("RDI") if self.base else registers["EAX"]
        pages = self.stub.read_mem(workspace, LEAVE_AT)
        page = pages[:4096]
        self.tables, = struct.unpack_from("<I", page, number("PURGATORY_PARAMS_AT") + number("params.tables"))
        assert bool(self.tables) == self.high
        # params.home: purgatory does not move for a target this small
        self.workspace_phys, = struct.unpack_from("<I", page, 12)
        self.last = self.workspace_phys + LAST_LIDT.search(page).start() + LAST_LIDT_SIZE
        self.reset_cpu = self.workspace_phys + page.index(RESET_CPU)
        if self.entry == "segue_park":
            assert pages.count(WAIT) == 1
            self.last = self.workspace_phys + pages.index(WAIT)

    def __exit__(self, *why):
        self.stub.close()
        self.vm.__exit__(*why)

    def ip(self):
        return int.from_bytes(bytes.fromhex(self.stub.ask(RIP)), "little")

    def place(self):
        """Return the address and the stack pointer: a handler that interrupts itself returns to the same address."""
        return self.stub.ask(RIP), self.stub.ask(RSP)

    def in_handlers(self, at):
        """Is this in the gate or its copy? They have the same offset in their pages."""
        page = at & ~0xfff
        start, end = (self.at[name] & 0xfff for name in ("handlers", "segue_gate_end"))
        return page in (self.at["segue_gate"] & ~0xfff, self.workspace_phys + LEAVE_AT) and start <= at & 0xfff < end

    def in_blocks(self, at):
        return self.workspace_phys + BLOCKS_AT <= at < self.workspace_phys + LEAVE_AT

    def restart(self):
        said = self.stub.monitor("loadvm start")
        assert not said.strip(), said

    def step(self):
        said = self.stub.step()
        assert said.startswith(("T05", "S05")), f"at {self.ip():#x}: {said}"

    def run_back(self, at, place):
        """Run from a handler until it has returned to this place, without a stop at each of its instructions."""
        self.stub.break_at(at)
        for _ in range(100):
            if self.place() == place:
                break
            # The handler may be this code itself, on a deeper stack. The stub does not continue from a breakpoint.
            if self.ip() == at:
                self.step()
            else:
                self.stub.cont(10 * PATIENCE)
        self.stub.clear_break(at)

    def boundaries(self, limit=20000):
        """Step to the target; yield the address at which each step begins, up to the last LIDT, or up to where the CPU
        waits and three loops there."""
        turns = 0
        for _ in range(limit):
            at = self.ip()
            if at == self.last and self.entry == "segue_park":
                turns += 1
                if turns > 3:
                    return
            elif at == self.last:
                for _ in range(2):
                    self.step()
                assert self.ip() == ENTRY
                return
            yield at
            assert self.ip() == at
            self.step()
        raise AssertionError(f"{limit} instructions and no target; at {self.ip():#x}\n" + self.vm.serial()[-1000:])


# stage2/bios/bios.h: the page of struct crossing, and the offset of the ground in it; the pages after it are exchanged
GROUND_AT, BIOS_LOW_AT, BIOS_CALL_SIZE = 512, 17 * 4096, 0x2000


class BiosWindow(Window):
    """A host stopped at segue_cross()'s first instruction: to real mode and back."""

    words = " bios=run tss ldt"

    def begin(self, registers):
        crossing = self.stub.read_mem(registers.get("RDI") if self.base else registers["EAX"], GROUND_AT)
        image, self.low = (struct.unpack_from("<I", crossing, number(f"bios.{name}", "bios"))[0] for name in ("image", "low"))
        ground = image - BIOS_LOW_AT + GROUND_AT - self.at["segue_bios_ground"]
        self.turn, self.turned = (self.at[name] + ground & 0xffffffff for name in ("exchange.next", "quiet_apic"))
        self.end = self.pop()

    def pop(self):
        """Return the return address on the stack."""
        size = 8 if self.base and self.ip() > 0xffffffff else 4
        return int.from_bytes(self.stub.read_mem(int.from_bytes(bytes.fromhex(self.stub.ask(RSP)), "little"), size), "little")

    def run_to(self, address):
        self.stub.break_at(address)
        self.stub.cont(10)
        self.stub.clear_break(address)
        assert self.ip() == address

    def boundaries(self, limit=20000):
        """As above, up to the return; skips the exchange's loop except its first turn, and the real-mode part."""
        turns = 0
        for _ in range(limit):
            at = self.ip()
            if at == self.end:
                return
            if self.low <= at < self.low + BIOS_CALL_SIZE:
                self.run_to(self.pop())
                continue
            turns = turns + 1 if at == self.turn else turns
            if at == self.turn and turns % 2 == 0:
                self.run_to(self.turned - 1)
                continue
            yield at
            assert self.ip() == at
            self.step()
        raise AssertionError(f"{limit} instructions and no end; at {self.ip():#x}")


def windows(function):
    return pytest.mark.parametrize("which, entry", [
        pytest.param(which, entry, id=which + ("-park" if entry == "segue_park" else ""))
        for entry in ("segue_exec", "segue_park") for which in HOSTS])(function)


@windows
def test_an_nmi_at_every_instruction(which, entry, request):
    """Send an NMI at each boundary; in the short run only in the first two turns of a loop."""
    with Window("nmi", which, entry) as window:
        times, handlers = send_nmis(window, request.config.getoption("--full"))
    assert len(times) > 300
    # the host's; the gate's where the host has it, and its copy's (with long mode left, another one); purgatory's
    assert len(handlers) == {"flat": 4, "4k": 4, "pae": 4}.get(which, 5), [hex(each) for each in handlers]


@pytest.mark.parametrize("which", HOSTS)
def test_an_nmi_at_each_of_the_last_instructions_with_a_catcher(which):
    """From purgatory's reset of the CPU until after the target's first instruction, an NMI is always handled and leaves
    every register unchanged except CR0.TS, which a task switch sets (catcher.asm, point 2)."""
    times, handlers = collections.Counter(), collections.defaultdict(list)
    with Window("nmi-catcher", which, more="catcher") as window:
        stub = window.stub
        stub.break_at(window.reset_cpu)
        stub.cont(30)
        stub.clear_break(window.reset_cpu)
        while times[ENTRY] < 3:
            at, before, place = window.ip(), every_register(stub), window.place()
            times[at] += 1
            # Only the first turns of a loop.
            if times[at] > 3:
                window.step()
                continue
            stub.monitor("nmi")
            for _ in range(3):
                if window.place() == place:
                    window.step()
            assert window.place() != place, f"no NMI came at {at:#x}"
            handlers[window.ip()].append(at)
            for _ in range(20):
                if window.place() == place:
                    break
                window.step()
            assert without_cr0(every_register(stub)) == without_cr0(before), f"the NMI at {at:#x} changed a register"
            if at == ENTRY:
                assert stub.info_registers()["CR0"] == CR0_TARGET | CR0_TS
            window.step()
    # Purgatory's handler up to the last LIDT, then the catcher's task, which resumes after its IRET
    purgatory, first, later = handlers.values()
    assert len(purgatory) > 100 and first == [window.last] and later[-3:] == [ENTRY] * 3


def every_register(stub):
    """Return gdb's packet of all registers, without EFLAGS.RF: since 9.1 QEMU sets it in an NMI's frame, as a CPU may,
    and the handler's IRET loads it."""
    packet = stub.ask("g")
    flags = int.from_bytes(bytes.fromhex(packet[EFLAGS_AT:EFLAGS_AT + 8]), "little") & ~EFLAGS_RF
    return packet[:EFLAGS_AT] + flags.to_bytes(4, "little").hex() + packet[EFLAGS_AT + 8:]


def without_cr0(packet):
    """Return gdb's registers of qemu-system-x86_64 without CR0: 8 bytes, after three bases."""
    return packet[:CR0_AT] + packet[CR0_AT + 16:]


@pytest.mark.parametrize("which", HOSTS)
def test_an_nmi_at_every_instruction_to_the_bios(which):
    """NMIs on the way there and back, except in the real-mode part; then the calls continue, and the target starts."""
    with BiosWindow("bios-nmi", which, "segue_cross") as window:
        times, handlers = send_nmis(window, False)
        window.stub.run()
        window.vm.wait_for(r"^BIOS: 0 bad", timeout=30, but_not="^BAD: .*|^segue: .*")
    assert len(times) > 250
    # the host's; the gate's, where the host has it and in its copy (with long mode left, another one)
    assert len(handlers) == {"flat": 3, "4k": 3, "pae": 3}.get(which, 4), [hex(each) for each in handlers]


def send_nmis(window, full):
    """Return how often each address was reached, and where the NMIs went."""
    times, handlers = {}, set()
    stub = window.stub
    for at in window.boundaries():
        times[at] = times.get(at, 0) + 1
        if times[at] > 2 and not full:
            continue
        before, place = every_register(stub), window.place()
        stub.monitor("nmi")
        # QEMU sometimes reports a stop before the step has begun.
        for _ in range(3):
            if window.place() == place:
                window.step()
        assert window.place() != place, f"no NMI came at {at:#x}"
        handlers.add(window.ip())
        window.run_back(at, place)
        assert every_register(stub) == before, f"the NMI at {at:#x} changed a register"
    return times, handlers


def addresses(window):
    seen = []
    known = set()
    for at in window.boundaries():
        if at not in known:
            known.add(at)
            seen.append(at)
    return seen


def printed(window, at, vector, timeout=10):
    """Run; an exception at this address must be printed, by the host's handlers or Segue's."""
    pattern = re.compile(BY_THE_HOST.format(vector, format(at, "x")) + "|" + PRINTED.format(vector, at), re.MULTILINE)
    window.stub.run()
    end = time.monotonic() + timeout * PATIENCE
    while not pattern.search(window.vm.serial()):
        assert time.monotonic() < end, f"vector {vector} at {at:#x} was not printed\n" + window.vm.serial()[-500:]
        time.sleep(0.005)
    window.stub.stop()


def each_address(window, sampled, least=300):
    """Bring the window to one of its addresses after the other, from the start each time."""
    seen = list(dict.fromkeys(window.boundaries()))
    assert len(seen) > least
    # More of high.asm, which is short.
    blocks = list(filter(window.in_blocks, seen)) if window.tables else []
    assert blocks or not window.tables
    for at in dict.fromkeys(seen[::sampled] + blocks[::min(sampled, 4)]):
        window.restart()
        if window.ip() != at:
            window.stub.break_at(at)
            window.stub.cont(10)
            window.stub.clear_break(at)
        assert window.ip() == at
        yield at


def sampling(request):
    return 1 if request.config.getoption("--full") else 24


@windows
def test_an_exception_at_an_instruction(which, entry, request):
    """Replace an instruction by UD2."""
    with Window("ud2", which, entry, snapshot=True) as window:
        for at in each_address(window, sampling(request)):
            # The #UD of VMXOFF and STGI goes to the gate's handlers, which cannot report their own exceptions.
            if window.in_handlers(at):
                continue
            window.stub.write_mem(at, UD2)
            printed(window, at, VECTOR_UD)


@windows
def test_a_machine_check_at_an_instruction(which, entry, request):
    """Up to where CR4.MCE is cleared: without it a machine check is a shutdown."""
    count = 0
    with Window("mce", which, entry, snapshot=True) as window:
        for at in each_address(window, sampling(request)):
            if not window.stub.info_registers()["CR4"] & CR4_MCE:
                continue
            said = window.stub.monitor(MACHINE_CHECK)
            assert not said.strip(), said
            printed(window, at, VECTOR_MC)
            count += 1
    assert count > 10


MOV_CR3 = bytes.fromhex("0f22d8")
CR0_PG, CR4_PAE, EFER_LMA = 1 << 31, 1 << 5, 1 << 10
LARGE = 1 << 21


@pytest.mark.parametrize("wrong", [False, True], ids=["as it is", "of another frame"])
def test_what_lies_above_4_gib_comes_through_a_window(wrong):
    """While the windows are in use there is PAE paging without long mode, and an entry above 4 GiB: what it maps is
    what moves."""
    with Window("frame", "high") as window:
        stub = window.stub
        slides = (at for at in window.boundaries()
                  if window.in_blocks(at) and stub.read_mem(at, len(MOV_CR3)) == MOV_CR3)
        next(slides)
        next(slides)
        registers = stub.info_registers()
        assert registers["CR0"] & CR0_PG and registers["CR4"] & CR4_PAE and not registers["EFER"] & EFER_LMA
        entries = struct.unpack("<512Q", stub.read_mem(window.tables, 4096))
        high = [index for index, entry in enumerate(entries) if entry >> 32]
        assert len(high) == 2 and sum(map(bool, entries)) == 6
        if wrong:
            for index in high:
                stub.write_mem(window.tables + index * 8, struct.pack("<Q", entries[index] + 2 * LARGE))
        stub.break_at(ENTRY)
        stub.cont(10)
        assert window.ip() == ENTRY
        assert (stub.read_mem(ENTRY, 2) == JUMP_TO_ITSELF) != wrong
