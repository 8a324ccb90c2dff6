# SPDX-License-Identifier: MIT
"""Run Bochs (2.7 or 3.0) without a screen: boot an ISO, stop at an address, read the debugger's output.

Bochs models what QEMU's TCG does not: unknown MSRs fault, and reset values differ from zero. It has no CPU model
before the Pentium, and boots only ATA disks and CDs.

  run = Bochs("state", iso, cpu="tigerlake").run(stop_at=0x100010, code=b"...")
  run.registers["CR0"]; run.serial
"""
import functools
import os
import re
import shutil
import signal
import subprocess
import time

from qemu import LOGS, PATIENCE

# SeaBIOS finds RAM above 4 GiB only on QEMU.
HIGH_BIOS = ("/usr/share/bochs/BIOS-bochs-latest",)
BIOS = ("/usr/share/seabios/bios.bin", *HIGH_BIOS)
VGA_BIOS = ("/usr/share/seabios/vgabios-stdvga.bin", "/usr/share/bochs/VGABIOS-lgpl-latest")
# How often the debugger may stop at the address before the target is there.
STOPS = 6

CDROM = "ata0-master: type=cdrom, path={path}, status=inserted\nboot: cdrom"
DISK = "ata0-master: type=disk, path={path}, mode=flat, cylinders={cylinders}, heads=16, spt=63\nboot: disk"
CYLINDER = 16 * 63 * 512

CONFIGURATION = """\
memory: guest={memory}, host={host_memory}
cpu: model={cpu}, ips=50000000, ignore_bad_msrs=0, reset_on_triple_fault=0
romimage: file={bios}
vgaromimage: file={vga_bios}
{drive}
com1: enabled=1, mode=file, dev={folder}/serial.log
log: {folder}/bochs.log
debugger_log: {folder}/debugger.log
panic: action=fatal, term=report
error: action=report
display_library: term
speaker: enabled=0
sound: driver=dummy, waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
clock: sync=none
"""
# Bochs allocates guest memory as the guest touches it, up to this many MiB.
HOST_MEMORY = 1024
# The video BIOS works only as the ROM of a PCI card. The terminal cannot show graphics: that is the panic that is only
# reported.
PCI_VGA = "pci: enabled=1, chipset=i440fx, slot1=pcivga\n"


class BochsError(AssertionError):
    pass


def first_file(paths):
    return next((each for each in paths if os.path.exists(each)), None)


def missing():
    """Return a sentence that names what Bochs needs and lacks, or None."""
    if not shutil.which("bochs") or not shutil.which("script"):
        return "bochs or script is not installed"
    if not first_file(BIOS) or not first_file(VGA_BIOS):
        return "no BIOS for Bochs: the package seabios has one"
    if not first_file(HIGH_BIOS):
        return "no BIOS for Bochs with more than 4 GiB: the package bochsbios has one"
    return None


@functools.cache
def debugger_option():
    """Return the option that enables the debugger. Bochs 3.0 needs it, and otherwise silently ignores -rc and
    breakpoints. 2.7 refuses the option and always has its debugger."""
    said = subprocess.run(["bochs", "--help"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", timeout=20 * PATIENCE)
    return "-debugger " if re.search(r"^ +-debugger\b", said.stdout, re.MULTILINE) else ""


class Run:
    """The result of a run: .serial, .registers at the stop (None: never reached), .log, .seconds."""

    def __init__(self, folder, code):
        self.folder = folder
        self.serial = self.read("serial.log").replace("\r\n", "\n")
        self.log = self.read("bochs.log")
        self.registers = None
        for block in re.split(r"^x /\d+bx .*$", self.read("debugger.log"), flags=re.MULTILINE)[1:]:
            if memory_bytes(block)[:len(code)] == code and "CR0=" in block:
                self.registers = parse_registers(block)
                break

    def read(self, name):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            return ""
        with open(path, "rb") as file:
            return file.read().decode("latin-1")


def show(stop_at, code):
    """Return the debugger's commands: continue to the next stop, show the bytes there, and the registers."""
    return ["c", f"x /{len(code)}bx 0x{stop_at:x}", "r", "creg", "sreg", "dreg"]


class Bochs:
    def __init__(self, name, iso, cpu="pentium", memory=64, pci_vga=False, disk=False, floppy=None):
        """iso: the image to boot; disk: boot it as a disk, which an ISO can be too; floppy: an image in the drive."""
        self.name, self.more = name, PCI_VGA if pci_vga else ""
        if floppy:
            self.more += f"floppya: 1_44={floppy}, status=inserted\n"
        self.folder = os.path.join(LOGS, "bochs-" + re.sub(r"[^\w.+-]", "_", name))
        self.values = dict(drive=(DISK if disk else CDROM).format(path=iso, cylinders=os.path.getsize(iso) // CYLINDER),
                           cpu=cpu, memory=memory, host_memory=min(memory, HOST_MEMORY), folder=self.folder,
                           bios=first_file(BIOS if memory <= 4096 else HIGH_BIOS), vga_bios=first_file(VGA_BIOS))

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, stop_at, code, timeout=60, to_the_end=True):
        """Run until the guest writes "Shutdown" to port 0x8900.

          stop_at, code   read the registers when this linear address is executed and holds these bytes
          to_the_end      False: end the run at that stop
        """
        commands = [f"lb 0x{stop_at:x}", *(show(stop_at, code) * STOPS + ["d 1", "c"] if to_the_end else
                                           show(stop_at, code)), "q"]
        began = time.monotonic()
        process = self.start(commands, timeout)
        try:
            process.wait(timeout * PATIENCE + 10)
        except subprocess.TimeoutExpired:
            process.kill()
        self.kill()
        done = Run(self.folder, code)
        done.seconds = time.monotonic() - began
        self.assert_debugger(done)
        if not to_the_end and done.registers:
            return done
        if "shutdown requested" not in done.log and "Shutdown port" not in done.read("terminal.log"):
            raise BochsError(f"{self.name}: Bochs did not come to the end within {timeout * PATIENCE:g} s\n"
                             f"logs: {self.folder}\n--- serial, last lines\n"
                             + "\n".join(done.serial.splitlines()[-15:])
                             + "\n--- Bochs, last lines\n" + "\n".join(done.log.splitlines()[-15:]))
        return done

    def assert_debugger(self, done):
        """Check after a run with a stop that the debugger worked: it logs each command that it runs."""
        if not done.read("debugger.log"):
            raise BochsError(f"{self.name}: Bochs left no debugger log: its debugger did not run, so Bochs could not stop "
                             f"at any address\nlogs: {self.folder}\n--- the terminal, last lines\n"
                             + "\n".join(done.read("terminal.log").splitlines()[-15:]))

    def start(self, commands, timeout):
        """Start a Bochs that runs the debugger's commands."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        with open(self.path("bochsrc"), "w") as file:
            file.write(CONFIGURATION.format(**self.values) + self.more)
        with open(self.path("commands"), "w") as file:
            file.write("\n".join(commands) + "\n")
        # The terminal library needs a terminal of a known size: script provides one.
        line = f"stty cols 100 rows 40; exec bochs {debugger_option()}-q -f {self.path('bochsrc')} -rc {self.path('commands')}"
        with open(self.path("terminal.log"), "wb") as output:
            return subprocess.Popen(
                ["timeout", "--kill-after=5", str(timeout * PATIENCE), "script", "-qec", line, "/dev/null"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=self.folder)

    def kill(self):
        """Kill Bochs: `script` has put it into a separate session, where it would survive."""
        for each in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{each}/cmdline", "rb") as file:
                    if self.path("bochsrc").encode() in file.read().split(b"\0"):
                        os.kill(int(each), signal.SIGKILL)
            except OSError:
                pass

    def wait_for(self, *patterns, timeout=60, stop_at=None, code=b""):
        """Run until the regular expressions have appeared on the serial port in this order; return the Run. stop_at,
        code: as for run()."""
        expression = re.compile(r"[\s\S]*?".join(patterns), re.MULTILINE)
        stops = [f"lb 0x{stop_at:x}", *show(stop_at, code) * STOPS, "d 1"] if stop_at is not None else []
        process = self.start([*stops, "c", "q"], timeout)
        try:
            while True:
                alive = process.poll() is None
                done = Run(self.folder, code)
                if expression.search(done.serial):
                    if stop_at is not None:
                        self.assert_debugger(done)
                    return done
                if not alive:
                    raise BochsError(f"{self.name}: no {patterns} within {timeout * PATIENCE:g} s\nlogs: {self.folder}\n"
                                     "--- serial, last lines\n" + "\n".join(done.serial.splitlines()[-15:]))
                time.sleep(0.1)
        finally:
            process.terminate()
            process.wait()
            self.kill()


def memory_bytes(text):
    """Return the bytes in the output of the debugger's x /Nbx."""
    data = b""
    for line in re.findall(r"^0x[0-9a-f]+ <[^>]*>:((?:[ \t]+0x[0-9a-f]{2})+)", text, re.MULTILINE):
        data += bytes(int(each, 16) for each in line.split())
    return data


GENERAL = re.compile(r"\br([a-ds][xip]|bp|sp|si|di|ip) ?: [0-9a-f]{8}_([0-9a-f]{8})")
CONTROL = re.compile(r"^(CR[034]|DR[0-7]|EFER|XCR0)=0x([0-9a-f]+)", re.MULTILINE)
CR2 = re.compile(r"^CR2=page fault laddr=0x([0-9a-f]+)", re.MULTILINE)
FLAGS = re.compile(r"^eflags:? 0x([0-9a-f]+)", re.MULTILINE)
SEGMENT = re.compile(r"^([c-gs]s|ldtr|tr):0x([0-9a-f]+), dh=0x([0-9a-f]+), dl=0x([0-9a-f]+)", re.MULTILINE)
TABLE = re.compile(r"^([gi]dt)r:base=0x([0-9a-f]+), limit=0x([0-9a-f]+)", re.MULTILINE)


def parse_registers(text):
    """Return r, creg, sreg and dreg under the names that gdbstub.parse_registers uses for QEMU."""
    registers = {"E" + name.upper(): int(value, 16) for name, value in GENERAL.findall(text)}
    registers.update((name, int(value, 16)) for name, value in CONTROL.findall(text))
    registers["CR2"] = int(CR2.search(text)[1], 16)
    registers["EFL"] = int(FLAGS.search(text)[1], 16)
    for name, selector, high, low in SEGMENT.findall(text):
        registers[name.upper().replace("LDTR", "LDT")] = descriptor(int(selector, 16), int(high, 16), int(low, 16))
    for name, base, limit in TABLE.findall(text):
        registers[name.upper()] = {"base": int(base, 16), "limit": int(limit, 16)}
    return registers


def descriptor(selector, high, low):
    limit = low & 0xffff | high & 0xf0000
    if high & 1 << 23:
        limit = limit << 12 | 0xfff
    return {"selector": selector, "base": low >> 16 | (high & 0xff) << 16 | high & 0xff000000,
            "limit": limit, "flags": high & 0xf0ff00}
