# SPDX-License-Identifier: MIT
"""Run one QEMU under TCG: serial port to a file, screen and CPU through QMP, killed at the end.

with Qemu("name", ["-kernel", "x"], memory="64M") as vm:
    vm.wait_for(r"Halted\\.", screen=True, timeout=10)
"""
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("SEGUE_BUILD", os.path.join(ROOT, "build"))
LOGS = os.path.join(BUILD, "test-logs")
OVMF = (("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
        ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"))
# Multiplies every time-out, for a slow or busy machine.
PATIENCE = float(os.environ.get("SEGUE_PATIENCE", "1"))
VGA_TEXT = 0xb8000
CONTROL = re.compile(r"\x1b(\[[0-9;?=]*[A-Za-z]|[()][A-Z0-9]|[a-zA-Z=>])")


class QemuError(AssertionError):
    """The expected text did not come, or QEMU exited; the message ends with what could be seen."""


def ovmf():
    """Return the code and variables files of the firmware in Debian's ovmf, or None."""
    for code, variables in OVMF:
        if os.path.exists(code) and os.path.exists(variables):
            return code, variables
    return None


def comma(text):
    """Double commas, as QEMU's option parser needs them inside a value."""
    return text.replace(",", ",,")


class Qemu:
    """A QEMU that runs from __enter__ to __exit__.

    name      names the log folder build/test-logs/NAME
    args      what is special about this machine
    bits      32: qemu-system-i386, 64: qemu-system-x86_64
    uefi      boot OVMF instead of SeaBIOS
    gdb       open a gdb stub; its port is in .gdb_port
    paused    do not start the CPU until cont()
    writable  the serial port can be written to by send()
    one_thread  all CPUs share a thread of QEMU; for a Linux that starts more than one

    With a thread for each CPU, QEMU 7.2 can hang a Linux, with or without Segue. Linux changes an instruction that
    other CPUs may be running by putting an INT3 there meanwhile (static keys: one in alg_test(), for example, while the
    self-tests of crypto run). A CPU that translates the INT3 just as another replaces it keeps that translation. It
    takes the INT3 for ever: Linux finds none in memory, so it was just removed, and returns to the same place.
    """

    def __init__(self, name, args=(), memory="64M", bits=64, uefi=False, gdb=False, paused=False,
                 writable=False, machine="pc", cpu=None, nic=False, reboot=False, one_thread=False):
        self.name, self.memory = name, memory
        self.folder = os.path.join(LOGS, re.sub(r"[^\w.+-]", "_", name))
        self.args, self.bits, self.uefi, self.gdb, self.paused = list(args), bits, uefi, gdb, paused
        self.writable, self.machine, self.cpu, self.nic, self.reboot = writable, machine, cpu, nic, reboot
        self.one_thread = one_thread
        self.process = self.scratch = self.monitor = self.port = None
        self.gdb_port = None
        self.started = None

    def command(self):
        command = [f"qemu-system-{'x86_64' if self.bits == 64 else 'i386'}",
                   "-accel", "tcg,thread=single" if self.one_thread else "tcg",
                   "-M", self.machine, "-m", str(self.memory),
                   "-display", "none", "-vga", "std", "-no-user-config",
                   "-qmp", f"unix:{self.scratch}/qmp,server=on,wait=off"]
        log = self.path("serial.log")
        if self.writable:
            # Pipes, not a socket: a socket is full after some 300 characters that come one by one.
            command += ["-chardev", f"pipe,id=com1,path={self.scratch}/com1,logfile={comma(log)}",
                        "-serial", "chardev:com1"]
        else:
            command += ["-serial", f"file:{comma(log)}"]
        if not self.nic:
            command += ["-nic", "none"]
        if not self.reboot:
            command += ["-no-reboot"]
        if self.cpu:
            command += ["-cpu", self.cpu]
        if self.paused:
            command += ["-S"]
        if self.gdb:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.gdb_port = probe.getsockname()[1]
            command += ["-gdb", f"tcp:127.0.0.1:{self.gdb_port}"]
        if self.uefi:
            code, variables = ovmf()
            mine = os.path.join(self.scratch, "vars.fd")
            shutil.copyfile(variables, mine)
            command += ["-drive", f"if=pflash,format=raw,readonly=on,file={code}",
                        "-drive", f"if=pflash,format=raw,file={mine}"]
        return command + self.args

    def path(self, name):
        return os.path.join(self.folder, name)

    def __enter__(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.scratch = tempfile.mkdtemp(prefix="segue-qemu-")
        try:
            if self.writable:
                for end in ("in", "out"):
                    os.mkfifo(os.path.join(self.scratch, "com1." + end))
                self.port = [os.open(os.path.join(self.scratch, "com1." + end), os.O_RDWR | os.O_NONBLOCK)
                             for end in ("in", "out")]
            command = self.command()
            with open(self.path("command"), "w") as file:
                file.write(" ".join(f"'{each}'" if re.search(r"[^\w./:=,+-]", each) else each
                                    for each in command) + "\n")
            self.started = time.monotonic()
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                            stdout=open(self.path("qemu.log"), "w"), stderr=subprocess.STDOUT)
            self.monitor = Monitor(self.connect("qmp"))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            try:
                with open(self.path("screen.txt"), "w") as file:
                    file.write(self.screen() + "\n")
                with open(self.path("registers.txt"), "w") as file:
                    file.write(self.hmp("info registers"))
            except (QemuError, OSError, ValueError):
                pass
            self.process.kill()
        if self.process:
            self.process.wait()
        if self.monitor:
            self.monitor.socket.close()
        for each in self.port or ():
            os.close(each)
        shutil.rmtree(self.scratch, ignore_errors=True)

    def connect(self, name):
        end = time.monotonic() + 15 * PATIENCE
        while True:
            link = socket.socket(socket.AF_UNIX)
            try:
                link.connect(os.path.join(self.scratch, name))
                return link
            except OSError:
                link.close()
                if self.process.poll() is not None:
                    raise QemuError(f"{self.name}: QEMU ended at once: {self.qemu_says()}")
                if time.monotonic() > end:
                    raise QemuError(f"{self.name}: QEMU's socket {name} does not answer")
                time.sleep(0.02)

    def qemu_says(self):
        with open(self.path("qemu.log"), errors="replace") as file:
            return file.read().strip()[-2000:]

    def qmp(self, execute, **arguments):
        """Run one QMP command and return its answer."""
        return self.monitor.run(execute, arguments)

    def hmp(self, line):
        """Run one line of the human monitor and return what it prints."""
        return self.qmp("human-monitor-command", **{"command-line": line})

    def cont(self):
        self.qmp("cont")

    def running(self):
        """True while QEMU lives and its CPU is not stopped (shutdown, guest panic)."""
        if self.process.poll() is not None:
            return False
        try:
            return self.qmp("query-status")["running"]
        except QemuError:
            return False

    def memory_at(self, address, size):
        """Return bytes of guest-physical memory."""
        path = os.path.join(self.scratch, "memory")
        self.qmp("pmemsave", val=address, size=size, filename=path)
        with open(path, "rb") as file:
            return file.read()

    def screen(self):
        """Return the VGA text page as lines."""
        cells = self.memory_at(VGA_TEXT, 80 * 25 * 2)[::2]
        text = "".join(chr(each) if 32 <= each < 127 else " " for each in cells)
        return "\n".join(text[at:at + 80].rstrip() for at in range(0, 2000, 80)).rstrip()

    def screenshot(self, name="screen.ppm"):
        """Write the picture, whatever the video mode is, and return (width, height, rgb bytes)."""
        self.qmp("screendump", filename=self.path(name))
        with open(self.path(name), "rb") as file:
            data = file.read()
        found = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
        return int(found[1]), int(found[2]), data[found.end():]

    def serial(self):
        """Return all output of the serial port, without terminal control sequences."""
        try:
            with open(self.path("serial.log"), "rb") as file:
                text = file.read().decode("latin-1")
        except FileNotFoundError:
            return ""
        return re.sub(r"\r+\n?", "\n", CONTROL.sub("", text))

    def send(self, text):
        os.write(self.port[0], text.encode())

    def elapsed(self):
        return time.monotonic() - self.started

    def wait_for(self, pattern, screen=False, timeout=30, but_not=None):
        """Wait until the regular expression is on the serial port, or on the screen; return the match.

        but_not: an expression that ends the wait as a failure, on the same medium.
        """
        end = time.monotonic() + timeout * PATIENCE
        regex = re.compile(pattern, re.MULTILINE)
        bad = but_not and re.compile(but_not, re.MULTILINE)
        while True:
            # Check that QEMU lives before reading its output, so that its last output is still seen.
            alive = self.process.poll() is None
            late = time.monotonic() > end
            try:
                text = self.screen() if screen and alive else "" if screen else self.serial()
            except QemuError:
                text, alive = "", False
            found = regex.search(text)
            if found:
                return found
            stop = bad and bad.search(text)
            if stop:
                raise QemuError(self.report(f"found {stop[0]!r} while waiting for {pattern!r}"))
            if not alive:
                raise QemuError(self.report(f"QEMU ended (status {self.process.poll()}) before {pattern!r} came"))
            if late:
                raise QemuError(self.report(f"no {pattern!r} within {timeout * PATIENCE:g} s"))
            self.drain()
            # Most tests end within half a second. Reading the screen costs more than reading the serial port.
            time.sleep(0.1 if screen else 0.02)

    def wait_halted(self, timeout=5):
        """Wait until the CPU halts, as it does some instructions after it has printed its last character; return its registers."""
        end = time.monotonic() + timeout * PATIENCE
        while True:
            registers = self.hmp("info registers")
            if "HLT=1" in registers:
                return registers
            if time.monotonic() > end:
                raise QemuError(self.report(f"the CPU has not halted within {timeout * PATIENCE:g} s"))
            time.sleep(0.02)

    def drain(self):
        """Empty the pipe; the log already has its bytes."""
        try:
            while self.port and os.read(self.port[1], 65536):
                pass
        except BlockingIOError:
            pass

    def wait_exit(self, timeout=10):
        """Wait until QEMU ends by itself (power-off, or a reset under -no-reboot)."""
        try:
            return self.process.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            raise QemuError(self.report(f"still running after {timeout * PATIENCE:g} s"))

    def report(self, what):
        """Return a failure's text: the message, the machine, the end of the serial log, the screen."""
        parts = [f"{self.name}: {what}", f"logs: {self.folder}"]
        if self.qemu_says():
            parts.append("--- QEMU says\n" + self.qemu_says())
        parts.append("--- serial, last lines\n" + "\n".join(self.serial().splitlines()[-25:]))
        if self.process.poll() is None:
            try:
                parts.append("--- screen\n" + self.screen())
                parts.append("--- registers\n" + self.hmp("info registers").split("ES =")[0])
            except QemuError:
                pass
        return "\n".join(parts)


class Monitor:
    """The QMP socket: one command, one answer; events are dropped."""

    def __init__(self, link):
        self.socket = link
        self.socket.settimeout(20 * PATIENCE)
        self.lines = link.makefile("r")
        self.read()
        self.run("qmp_capabilities", {})

    def read(self):
        try:
            line = self.lines.readline()
        except OSError as why:
            raise QemuError(f"QEMU's monitor does not answer: {why}")
        if not line:
            raise QemuError("QEMU's monitor closed")
        return json.loads(line)

    def run(self, execute, arguments):
        try:
            self.socket.sendall(json.dumps({"execute": execute, "arguments": arguments}).encode())
        except OSError as why:
            raise QemuError(f"QEMU's monitor closed: {why}")
        while True:
            answer = self.read()
            if "error" in answer:
                raise QemuError(f"QMP {execute}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
