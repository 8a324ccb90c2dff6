# SPDX-License-Identifier: MIT
"""QEMU's gdb stub by raw packets: stop at an instruction, read registers and memory.

gdb itself is not used: it disagrees with QEMU about register sets when the mode changes.

with Qemu("state", args, gdb=True, paused=True) as vm, GdbStub(vm.gdb_port) as cpu:
    cpu.break_at(0x100000)
    cpu.cont(timeout=20)
    registers = cpu.info_registers()     # {"EAX": ..., "CR0": ..., "CS": {"selector": ...}, ...}
"""
import re
import socket
import time


STOPPED = re.compile("[ST][0-9a-f]{2}")


class GdbError(AssertionError):
    pass


class GdbStub:
    def __init__(self, port, timeout=10):
        end = time.monotonic() + timeout
        while True:
            try:
                self.socket = socket.create_connection(("127.0.0.1", port), timeout)
                # Acknowledgements are separate TCP packets: without this option each costs 40 ms.
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                break
            except OSError:
                if time.monotonic() > end:
                    raise GdbError(f"the gdb stub at port {port} does not answer")
                time.sleep(0.02)
        self.timeout = timeout
        self.buffer = b""
        self.asked_registers = False
        self.ask("qSupported:xmlRegisters=i386")
        # Connecting stops a running CPU, and QEMU may send that stop before or after its answer to "?". Both come before
        # the answer to a later question, and ask() drops them.
        self.ask("?")
        self.ask("qAttached")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, payload):
        data = payload.encode("latin-1")
        self.socket.sendall(b"$%s#%02x" % (data, sum(data) & 255))

    def receive(self, timeout=None):
        """Return the next packet's payload and acknowledge it."""
        self.socket.settimeout(timeout or self.timeout)
        end = time.monotonic() + (timeout or self.timeout)
        while True:
            found = re.search(rb"\$([^#]*)#[0-9a-fA-F]{2}", self.buffer)
            if found:
                self.buffer = self.buffer[found.end():]
                self.socket.sendall(b"+")
                return found[1].decode("latin-1")
            if time.monotonic() > end:
                raise GdbError("the gdb stub does not answer")
            try:
                more = self.socket.recv(65536)
            except socket.timeout:
                raise GdbError("the gdb stub does not answer")
            if not more:
                raise GdbError("the gdb stub closed: QEMU ended")
            self.buffer += more

    def ask(self, payload):
        """Send a packet and return the answer."""
        self.send(payload)
        answer = self.receive()
        while STOPPED.match(answer) and payload != "?":
            answer = self.receive()
        if re.fullmatch("E[0-9a-f]{2}", answer):
            raise GdbError(f"gdb packet {payload[:40]}: error {answer}")
        return answer

    def monitor(self, line):
        """Run a line of QEMU's monitor by qRcmd; return its output."""
        self.send("qRcmd," + line.encode().hex())
        text = ""
        while True:
            answer = self.receive()
            if answer == "OK":
                return text
            if STOPPED.match(answer):
                continue
            if answer.startswith("O"):
                text += bytes.fromhex(answer[1:]).decode("latin-1")
            elif re.fullmatch("E[0-9a-f]{2}", answer):
                raise GdbError(f"monitor {line}: error {answer}")
            elif answer:
                return text + bytes.fromhex(answer).decode("latin-1")
            else:
                raise GdbError("the gdb stub has no qRcmd")

    def break_at(self, address):
        """Set a hardware breakpoint. It writes nothing to memory, so the code may be copied there later."""
        self.ask(f"Z1,{address:x},1")

    def clear_break(self, address):
        self.ask(f"z1,{address:x},1")

    def watch(self, address, size=1):
        """Stop when memory is written (a virtual address, as in QEMU)."""
        self.ask(f"Z2,{address:x},{size:x}")

    def cont(self, timeout=30):
        """Run until a breakpoint; return the stop packet."""
        self.send("c")
        return self.stopped(timeout)

    def run(self):
        """Let the CPU run and return at once; call stop() or stopped() next."""
        self.send("c")

    def stopped(self, timeout=30):
        try:
            return self.receive(timeout)
        except GdbError as why:
            if "closed" in str(why):
                raise
            raise GdbError(f"no breakpoint was reached within {timeout:g} s")

    def step(self, timeout=10):
        self.send("s")
        return self.stopped(timeout)

    def sstep(self, flags):
        """Set QEMU's single-step flags: 1 enable, 2 no interrupts, 4 no timers."""
        self.ask(f"Qqemu.sstep={flags:x}")

    def stop(self, timeout=10):
        """Interrupt a running CPU."""
        self.socket.sendall(b"\x03")
        return self.stopped(timeout)

    def physical(self, on=True):
        """Make read_mem and write_mem take physical addresses."""
        self.ask(f"Qqemu.PhyMemMode:{int(on)}")

    def read_mem(self, address, size):
        data = b""
        while len(data) < size:
            part = min(size - len(data), 1024)
            data += bytes.fromhex(self.ask(f"m{address + len(data):x},{part:x}"))
        return data

    def write_mem(self, address, data):
        for at in range(0, len(data), 1024):
            part = data[at:at + 1024]
            self.ask(f"M{address + at:x},{len(part):x}:{part.hex()}")

    def write_registers(self, bits, **values):
        """Write general registers by name ("eip", "esp", ...); bits: 32 or 64, for the QEMU, not its CPU mode."""
        # QEMU accepts writes of single registers only after a client has asked for its register description.
        if not self.asked_registers:
            self.ask("qXfer:features:read:target.xml:0,fff")
            self.asked_registers = True
        for name, value in values.items():
            number = REGISTERS[bits].index(name)
            if self.ask(f"P{number:x}={value.to_bytes(bits // 8, 'little').hex()}") != "OK":
                raise GdbError(f"the gdb stub does not write {name}")

    def info_registers(self):
        return parse_registers(self.monitor("info registers"))


# In gdb's order, which differs for x86_64.
REGISTERS = {32: ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip", "eflags"),
             64: ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "r8", "r9", "r10", "r11", "r12", "r13",
                  "r14", "r15", "eip", "eflags")}
FLAG = re.compile(r"\[[-A-Z]*\]")
SEGMENT = re.compile(r"^(ES|CS|SS|DS|FS|GS|LDT|TR) *= *([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+)", re.MULTILINE)
TABLE = re.compile(r"^(GDT|IDT) *= *([0-9a-f]+) ([0-9a-f]+)", re.MULTILINE)
PAIR = re.compile(r"\b([A-Z][A-Z0-9]{1,5}) *= *([0-9a-f]+)\b")


def parse_registers(text):
    """QEMU's "info registers" as a dict: numbers by register name (EAX or RAX, EIP, EFL, CR0..., EFER,
    DR0..., CPL, HLT), and for segments {"selector", "base", "limit", "flags"} with the hidden parts
    (flags as in the descriptor's second doubleword), for GDT and IDT {"base", "limit"}.
    """
    registers = {}
    for found in SEGMENT.finditer(text):
        values = [int(each, 16) for each in found.groups()[1:]]
        registers[found[1]] = dict(zip(("selector", "base", "limit", "flags"), values))
    for found in TABLE.finditer(text):
        registers[found[1]] = {"base": int(found[2], 16), "limit": int(found[3], 16)}
    rest = FLAG.sub("", TABLE.sub("", SEGMENT.sub("", text)))
    for name, value in PAIR.findall(rest):
        registers.setdefault(name, int(value, 16))
    return registers
