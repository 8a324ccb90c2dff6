# SPDX-License-Identifier: MIT
"""Video modes that segue.elf sets through VBE: the target is told of the screen that the emulator shows."""
import re
import time

import pytest

import bochs
import images
from cells import INITRD, NO_SELF_TESTS, at
from images import Part, grub_iso, qemu_kernel
from qemu import BUILD, PATIENCE, Qemu
from test_state import VIDEO, verdict

INSPECTOR = Part(f"{BUILD}/inspect/inspect.mb-video.elf", "strict")
EXAMPLE = Part(at("multiboot-example/kernel"), "alpha")
LINUX_LINE = f"console=ttyS0 quiet {NO_SELF_TESTS} segue.test=wait"
BLUE = b"\0\0\xff"
GREY = b"\xc0\xc0\xc0"


def machine(segue, parts, options="", extra=()):
    made = qemu_kernel(Part(segue, f"console=ttyS0,screen {options}".strip()), parts)
    made["args"] += extra
    return made


def pixel(picture, x, y):
    width, _, data = picture
    return data[(y * width + x) * 3:(y * width + x) * 3 + 3]


def bar(vm):
    """Return the address of the emulated graphics card's memory."""
    found = re.search(r"VGA controller:.*?BAR0: 32 bit prefetchable memory at 0x([0-9a-f]+)", vm.hmp("info pci"), re.DOTALL)
    return int(found[1], 16)


def wait_for_diagonal(vm, size):
    """Wait until the example kernel has drawn its line of blue pixels on a screen of that size."""
    end = time.monotonic() + 10 * PATIENCE
    while True:
        picture = vm.screenshot()
        blue = sum(pixel(picture, each, each) == BLUE for each in range(min(picture[:2])))
        if picture[:2] == size and blue == min(size):
            return
        assert time.monotonic() < end, vm.report(f"{picture[:2]}, {blue} pixels are blue")
        time.sleep(0.2)


def test_target_asks(segue, targets):
    """A kernel whose header asks for 800x600x32 gets that mode: every field is compared with the emulated card."""
    with Qemu("video-asks", **machine(segue, [INSPECTOR])) as vm:
        seen = verdict(vm)
        picture = vm.screenshot()
        assert not seen.bad
        assert picture[:2] == (800, 600)
        told = {name: int(seen.values["framebuffer." + name], 0)
                for name in ("addr", "pitch", "width", "height", "bpp", "type")}
        assert told == dict(addr=bar(vm), pitch=3200, width=800, height=600, bpp=32, type=1)
        assert seen.values["framebuffer.colours_at_112"] == "red 16 8 green 8 8 blue 0 8"
        control = vm.memory_at(int(seen.values["vbe.control_info"], 0), 512)
        mode = vm.memory_at(int(seen.values["vbe.mode_info"], 0), 256)
        assert control[:6] == b"VESA\0\3"
        assert [int.from_bytes(mode[each:each + 2], "little") for each in (16, 18, 20)] == [3200, 800, 600]
        assert mode[25] == 32 and int.from_bytes(mode[40:44], "little") == bar(vm)
        assert int(seen.values["vbe.mode"], 0) & 0x4000
        assert re.search(r"^Video: 800x600x32\.\nStarting\.\n", vm.serial(), re.MULTILINE)
        # Segue's last two lines, 20 pixels high each, at the top of the new screen.
        lit = {y // 20 for y in range(600) for x in range(800) if pixel(picture, x, y) == GREY}
        assert lit == {0, 1}


@pytest.mark.parametrize("options, extra, size", [
    ("", (), (1024, 768)),
    ("video=640x480x16", (), (640, 480)),
    ("video=auto", (), (1280, 800)),          # the EDID of QEMU's monitor
    ("", ("-vga", "cirrus"), (1024, 768)),    # supports it with at most 24 bits
], ids=["asked", "option", "auto", "cirrus"])
def test_target_draws(options, extra, size, segue, targets):
    """The specification's kernel, which asks for 1024x768x32, draws a blue diagonal with the pixel format it was told."""
    with Qemu(f"video-draws-{options}{''.join(extra)}", **machine(segue, [EXAMPLE], options, extra)) as vm:
        vm.wait_for(r"^Starting\.", timeout=15)
        wait_for_diagonal(vm, size)
        said = re.search(r"^Video: (.*)\.$", vm.serial(), re.MULTILINE)[1]
    if extra:
        assert said == "1024x768x32 is asked for, the nearest available is 1024x768x24"
    else:
        assert said == f"{size[0]}x{size[1]}x{16 if options.endswith('16') else 32}"


@pytest.mark.parametrize("kernel, options, line, mode", [
    ("di-i386", "video=800x600x32", "", (800, 600, 32)),
    ("di-amd64", "", " vga=0x317", (1024, 768, 16)),
    ("di-i386", "video=text", " vga=791", None),
], ids=["option-i386", "vga-amd64", "text-i386"])
def test_linux(kernel, options, line, mode, segue, targets):
    """Linux finds the framebuffer for its own vga=, or for segue.elf's option, which has priority."""
    parts = [Part(at(kernel + "/linux"), LINUX_LINE + line), INITRD]
    with Qemu(f"video-linux-{kernel}-{options}", memory="128M", **machine(segue, parts, options)) as vm:
        vm.wait_for(r"^INITRAMFS-OK .*\n", timeout=60, but_not=r"^Refused: .*")
        said = re.findall(r"^framebuffer: (.*)$", vm.serial(), re.MULTILINE)
        size = vm.screenshot()[:2]
        console = re.findall(r"^console: (.*)$", vm.serial(), re.MULTILINE)
    if mode:
        assert said == ["VESA VGA {},{} {}".format(*mode)] and size == mode[:2]
    else:
        assert said == [] and size == (720, 400) and console == ["colour VGA+ 80x25"]


def test_no_vbe(segue, targets):
    """A machine without a video BIOS: a warning, and the target runs."""
    with Qemu("video-none", **machine(segue, [INSPECTOR], extra=("-vga", "none"))) as vm:
        seen = verdict(vm)
        assert re.search(r"^Video: 800x600x32 is asked for, but the BIOS has no VESA BIOS Extensions: no screen\.$",
                         vm.serial(), re.MULTILINE)
    assert set(seen.bad) == {"protocol.flags.video"}


def test_uefi(segue, targets, tmp_path):
    """UEFI has no BIOS to ask: one warning, and the kernel draws on the framebuffer that GRUB passes."""
    made = images.grub_uefi(str(tmp_path / "boot.iso"), Part(segue), [EXAMPLE])
    with Qemu("video-uefi", memory="256M", **made) as vm:
        said = vm.wait_for(r"^Video: (.*): (\d+)x(\d+)x\d+\.\nStarting\.", timeout=60)
        size = int(said[2]), int(said[3])
        assert said[1] == "1024x768x32 is asked for, but there is no BIOS to set it with" and size != (1024, 768)
        wait_for_diagonal(vm, size)
        assert vm.serial().count("1024x768x32") == 1


def test_bochs(segue, tmp_path):
    """Another VBE, and another CPU model that switches to real mode and back."""
    assert not bochs.missing(), bochs.missing()
    VIDEO.load()
    iso = grub_iso(str(tmp_path / "boot.iso"), Part(segue, "video=640x480x16"), [Part(VIDEO.path, "strict exit")])
    run = bochs.Bochs("video", iso, pci_vga=True).run(VIDEO.entry, VIDEO.code)
    assert run.registers, "the target's first instruction was never reached"
    assert re.search(r"^Video: 640x480x16\.$", run.serial, re.MULTILINE)
    for line in ("width = 640", "height = 480", "bpp = 16", "type = 1", "pitch = 1280",
                 "colours_at_112 = red 11 5 green 5 6 blue 0 5"):
        assert f"\nframebuffer.{line}\n" in run.serial
    assert re.search(r"^INSPECT: \d+ ok, 0 bad$", run.serial, re.MULTILINE)
