# SPDX-License-Identifier: MIT
"""segue_call()'s windows: from segue_cross()'s first instruction to the target's first, and from the instruction at which
purgatory has its IDT again, after the target has come back, to segue_cross()'s return. An NMI at any instruction leaves every
register unchanged, and the call returns as usual; an exception or a machine check is printed.

The target, from two instructions before its first one, and purgatory until it has loaded its IDT after the return have the
target's handlers (segue_target.h). Of the mover and the blocks only the first instructions are stepped."""
import os
import re
import struct

import pytest

from images import small_elf
from purgatory_blocks import number
from qemu import LOGS
from test_window import (CR4_MCE, ENTRY, HOSTS, LAST_LIDT, MACHINE_CHECK, UD2, VECTOR_MC, VECTOR_UD,
                         BiosWindow, each_address, printed, sampling, send_nmis)

PAGE = 4096
CALLS = 3
# lidt [ebp + idt_pointer], then a call
FIRST_LIDT = re.compile(rb"\x0f\x01\x9d....(?=\xe8)", re.DOTALL)
# The mover's start: mov ebx, [esi + move.op]; test ebx, ebx
MOVER = re.compile(rb"\x8b\x5e.\x85\xdb", re.DOTALL)
LONG_STEPS = 150


def target_word(count):
    """Both rules of test/targets/call/rules.h."""
    host = count * 0x9e3779b1 + 0x1234567 & 0xffffffff
    return count * 0x85ebca6b & 0xffffffff ^ (host >> 7 | host << 25 & 0xffffffff) ^ 0x5a5a5a5a


def coming_back(name):
    """Make a target of a few bytes: pop ebx; mov esp; then for each call mov eax, word; call ebx."""
    code = b"\x5b\xbc" + struct.pack("<I", ENTRY + 0xf00)
    for count in range(CALLS):
        code += b"\xb8" + struct.pack("<I", target_word(count)) + b"\xff\xd3"
    return small_elf(os.path.join(LOGS, f"window-{name}.elf"), ENTRY, code)


class CallWindow(BiosWindow):
    """A host stopped at segue_cross()'s first instruction, or with back at the instruction after purgatory's LIDT when the
    target has come back. again: in the second call, whose list is that of exchanges."""

    words = f" calls={CALLS} target={ENTRY:x} tsize=1000 tss"
    target = staticmethod(coming_back)

    def __init__(self, name, which, again=False, back=False, **more):
        # Each has its folder: two workers may run them at the same time.
        super().__init__(f"call-{name}{'-again' * again}{'-back' * back}", which, "segue_cross", **more)
        self.again, self.back = again, back

    def begin(self, registers):
        if self.again:
            self.run_to(self.pop())
            self.run_to(self.at["segue_cross"])
            registers = self.stub.info_registers()
        self.end = self.pop()
        crossing = registers.get("RDI") if self.base else registers["EAX"]
        leave, = struct.unpack("<Q", self.stub.read_mem(crossing, 8))
        physical, _, self.workspace_phys = struct.unpack("<3I", self.stub.read_mem(leave + 8, 12))
        self.leave_page = physical & -PAGE
        return_page = self.leave_page - number_of_pages() * PAGE
        # The workspace lies below, linearly too.
        workspace = crossing - PAGE - (return_page - self.workspace_phys)
        page = self.stub.read_mem(workspace, PAGE)
        # No CPU may be parking now: it uses purgatory's stack.
        lock = workspace + number("PARKING_AT") + number("parking.lock")
        assert struct.unpack("<I", self.stub.read_mem(lock, 4)) == (1,)
        self.first, self.last = (self.workspace_phys + pattern.search(page).end() for pattern in (FIRST_LIDT, LAST_LIDT))
        self.last -= 1
        self.mover = self.workspace_phys + MOVER.search(page).start()
        self.tables = 0
        if self.back:
            self.run_to(self.last)
            self.run_to(self.first)

    def in_handlers(self, at):
        start, end = (self.at[name] & 0xfff for name in ("cross_handlers", "segue_cross_end"))
        return at & -PAGE in (self.at["segue_cross"] & -PAGE, self.leave_page) and start <= at & 0xfff < end

    def boundaries(self, limit=20000):
        """Step to the target and back, or one of the two ways if there is a snapshot; yield as Window does."""
        handled, leave, steps = True, None, 0
        for _ in range(limit):
            at = self.ip()
            if at == self.end or at == self.last and self.snapshot:
                return
            handled = handled and at != self.last or at == self.first
            if not leave and (at == self.mover or self.in_blocks(at)):
                leave, steps = self.pop(), 0
            if leave:
                steps += 1
                if at == leave or steps == LONG_STEPS:
                    if at != leave:
                        self.run_to(leave)
                    leave = None
                    continue
            if handled:
                yield at
                assert self.ip() == at
            self.step()
        raise AssertionError(f"{limit} instructions and no end; at {self.ip():#x}")


def number_of_pages():
    """stage2/return/return_page.h: the return page is this many pages before the leave page."""
    return 2


def full_but(*few):
    return pytest.mark.parametrize("which, again", [
        pytest.param(which, again, id=which + ("-again" if again else ""),
                     marks=[] if (which, again) in few else [pytest.mark.full])
        for which in HOSTS if which != "high" for again in (False, True)])


@full_but(("4k", False), ("long", True))
def test_an_nmi_at_every_instruction_there_and_back(which, again):
    with CallWindow("nmi", which, again) as window:
        times, handlers = send_nmis(window, False)
        assert window.first in times and window.ip() == window.end
        window.stub.run()
        window.vm.wait_for(rf"^host: {CALLS} calls, 0 bad", timeout=30, but_not="^BAD: .*|^segue: .*|^host: exception .*")
    assert len(times) > 500
    # the host's; the gate's, where the host has it and in its copy (with long mode left, another one); purgatory's
    assert len(handlers) == {"flat": 4, "4k": 4, "pae": 4}.get(which, 5), [hex(each) for each in handlers]


def legs():
    return pytest.mark.parametrize("which, back", [
        pytest.param(which, back, id=f"{which}-{'back' if back else 'there'}",
                     marks=[] if which in ("4k", "long") else [pytest.mark.full])
        for which in HOSTS if which != "high" for back in (False, True)])


@legs()
def test_an_exception_at_an_instruction_there_or_back(which, back, request):
    with CallWindow("ud2", which, back=back, snapshot=True) as window:
        for at in each_address(window, sampling(request), 200):
            if window.in_handlers(at):
                continue
            window.stub.write_mem(at, UD2)
            printed(window, at, VECTOR_UD)


@legs()
def test_a_machine_check_there_or_back(which, back, request):
    """Where CR4.MCE is on: not from the reset of the CPU, or the return, until the host's CR4 is loaded."""
    count = 0
    with CallWindow("mce", which, back=back, snapshot=True) as window:
        for at in each_address(window, 1 if request.config.getoption("--full") else 4 if back else 12, 200):
            if not window.stub.info_registers()["CR4"] & CR4_MCE:
                continue
            said = window.stub.monitor(MACHINE_CHECK)
            assert not said.strip(), said
            printed(window, at, VECTOR_MC)
            count += 1
    assert count > (3 if back else 10)
