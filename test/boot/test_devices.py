# SPDX-License-Identifier: MIT
"""Devices that a host left running, as QEMU's monitor shows them at the target's first instruction: quiet where it was
asked for (SEGUE_LOAD_QUIET_*), and live where not, so that each of these checks can fail."""
import contextlib
import os
import re
import socket
import struct
import threading
import time

import pytest

from images import Part, qemu_kernel
from qemu import LOGS, PATIENCE, Qemu
from test_hosts import exec_address, host
from test_state import connect, name32

ENTRY = 0x200000
TARGET_SIZE = 0x20000
PCI_BRIDGE = 6
PCI_BUS_MASTER = 4
LIVE = "live=all"
TEXT = (720, 400)


def target(name):
    """An ELF32 of one instruction, jmp $, and zeros behind it."""
    path = os.path.join(LOGS, f"devices-{name}.elf")
    os.makedirs(LOGS, exist_ok=True)
    header = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\1\1\1", 2, 3, 1, ENTRY, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    segment = struct.pack("<8I", 1, 96, ENTRY, ENTRY, 2, TARGET_SIZE, 7, 4)
    with open(path, "wb") as file:
        file.write((header + segment).ljust(96, b"\0") + b"\xeb\xfe".ljust(512 - 96, b"\0"))
    return path


class Devices:
    """A host with its words, stopped at the target's first instruction, or at segue_exec()'s."""

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

    def out(self, port, value, size="b"):
        self.vm.hmp(f"o /{size} {port:#x} {value:#x}")

    def port(self, port, size="b"):
        return int(re.search(r"= 0x(\w+)", self.vm.hmp(f"i /{size} {port:#x}"))[1], 16)

    def memory(self, address, count):
        """64-bit words of device memory."""
        said = self.vm.hmp(f"xp /{count}gx {address:#x}")
        return [int(each, 16) for each in re.findall(r"0x(\w{16})\b", said)]

    def io_apic(self):
        said = self.vm.hmp("info pic")
        pins = re.findall(r"^ +pin \d+ +0x(\w+)", said, re.MULTILINE)
        assert len(pins) == 24
        return all(int(each, 16) == 1 << 16 for each in pins) and "Remote IRR (none)" in said

    def lapic(self):
        said = self.vm.hmp("info lapic")
        entries = {name: int(value, 16) for name, value in re.findall(r"^(LVT\w*)\s+0x(\w+)", said, re.MULTILINE)}
        return entries == dict(LVT0=0x700, LVT1=0x400, LVTPC=1 << 16, LVTERR=1 << 16, LVTTHMR=1 << 16, LVTT=1 << 16) and \
            bool(re.search(r"initial_count = 0 ", said)) and bool(re.search(r"^SPIV\s+0x0000010f", said, re.MULTILINE)) and \
            bool(re.search(r"^ISR\s+\(none\)\s+IRR\s+\(none\)", said, re.MULTILINE)) and "TPR 0x00" in said

    def pics(self):
        """Both: (vectors, masks, in service)."""
        found = re.findall(r"^pic[01]: irr=\w+ imr=(\w+) isr=(\w+) hprio=\w irq_base=(\w+)", self.vm.hmp("info pic"), re.MULTILINE)
        return [tuple(int(each, 16) for each in (base, masks, served)) for masks, served, base in found]

    def pic(self):
        return self.pics() == [(0x70, 0xff, 0), (0x08, 0xff, 0)]

    def pit(self):
        # 8254: read-back of counter 0's status, then its count, which shows what it is reloaded with
        self.out(0x43, 0xe2)
        mode = self.port(0x40) & 0x3f
        counts = []
        for _ in range(8):
            self.out(0x43, 0xd2)
            counts.append(self.port(0x40) | self.port(0x40) << 8)
            self.stub.run()
            time.sleep(0.01)
            self.stub.stop()
        return mode == 0x36 and max(counts) > 0x1000 and self.port(0x61) & 3 == 0

    def rtc(self):
        self.out(0x70, 0x0b)
        return self.port(0x71) & 0x70 == 0

    def hpet(self):
        comparators = [self.memory(0xfed00100 + 0x20 * each, 1)[0] for each in range(3)]
        return self.memory(0xfed00010, 1)[0] & 3 == 0 and not any(each & (1 << 2 | 1 << 14) for each in comparators)

    def functions(self, buses=1):
        """PCI: address -> (base class, header type, command) of what there is."""
        found = {}
        for address in range(0x80000000, 0x80000000 + (buses << 16), 0x100):
            def register(number):
                self.out(0xcf8, address | number, "w")
                return self.port(0xcfc, "w")
            if register(0) & 0xffff != 0xffff:
                found[address] = (register(8) >> 24, register(12) >> 16 & 0xff, register(4) & 0xffff)
        return found

    def dma(self, buses=1):
        functions = self.functions(buses).values()
        assert len(functions) > 3
        return not any(command & PCI_BUS_MASTER for base_class, _, command in functions if base_class != PCI_BRIDGE)

    def picture(self):
        """All characters in many colours, as the screen shows them, without the cursor."""
        cells = bytes(byte for each in range(2000) for byte in (each & 0xff, each * 7 & 0x7f))
        self.stub.physical()
        self.stub.write_mem(0xb8000, cells)
        self.out(0x3d4, 0x0a)
        self.out(0x3d5, 0x20)
        return self.vm.screenshot()

    def blank(self):
        return self.vm.memory_at(0xb8000, 0x8000) == b"\x20\x07" * 0x4000


WORDS = ("ioapic", "lapic", "pic", "pit", "rtc", "hpet", "dma")
CHECKS = {"ioapic": Devices.io_apic, **{word: getattr(Devices, word) for word in WORDS[1:]}}


@pytest.fixture(scope="module")
def text_picture():
    """What the BIOS's own text mode shows."""
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
def test_all_are_quiet(build, line, text_picture):
    with Devices("all-" + line, build, f"{line} {LIVE} quiet=all") as devices:
        assert quiet_ones(devices, text_picture) == ALL


@pytest.mark.parametrize("word", ["", *WORDS, "vga"])
def test_one_is_quiet(word, text_picture):
    """Each by its own flag, and none by another's; without a flag all are live."""
    with Devices("one-" + word, "i386-high", f"mode=4k {LIVE}" + (f" quiet={word}" if word else "")) as devices:
        found = quiet_ones(devices, text_picture)
    # The HPET has taken the PIT's line: what is quiet there shows all the same.
    assert found == ({word} if word else set())


@contextlib.contextmanager
def frames(port):
    """Ethernet frames to a network card, one after the other."""
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
    """QEMU's arguments for a card, and the port that its frames go to."""
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
    """Into what becomes the target's memory: it writes there until the host leaves, and after that unless it is quieted."""
    args, port = network_card()
    line += f" live=all dma={RING:x}" + (f" quiet={word}" if word else "")
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
    """They are off, and the bridge lets through what a driver switches on again."""
    args = ["-device", "pci-bridge,id=b1,chassis_nr=1,addr=1c", "-device", "pci-bridge,id=b2,chassis_nr=2,bus=b1,addr=3",
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
