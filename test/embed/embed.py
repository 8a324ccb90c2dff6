# SPDX-License-Identifier: MIT
"""What the tests of embedding share: make, pkg-config and nm; the installed tree; the code in the READMEs."""
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "test" / "embed"
ARCHES = ("i386", "x86_64")
GCC = {"i386": ("i686-linux-gnu-gcc",) if shutil.which("i686-linux-gnu-gcc") else ("gcc", "-m32"), "x86_64": ("gcc",)}
# How a program is run here, by its architecture.
RUN = {"i386": (ROOT / "test" / "run32",), "x86_64": ()}
# As the Makefile has it: WERROR=1 makes a warning an error.
FATAL = ("-Werror",) if os.environ.get("WERROR") == "1" else ()
MEMORY = {"memcpy", "memmove", "memset", "memcmp"}


def run(*command, status=0, timeout=300, silent=False, **more):
    """Standard output; anything but the status is a failure that shows both outputs. silent: so is a warning, with
    WERROR=1."""
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    environment.update(more.pop("env", {}))
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True, timeout=timeout,
                          env=environment, **more)
    assert done.returncode == status, f"{' '.join(map(str, command))}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    assert not (silent and FATAL) or not done.stderr, done.stderr[-3000:]
    return done.stdout


def compiler(name, arch):
    """A command for make's CC and for us: gcc's is another one where it has no 32-bit libraries."""
    return " ".join(GCC[arch]) if name == "gcc" else f"{name} {'-m32' if arch == 'i386' else '-m64'}"


def install(target, prefix="/usr/local", goal="install"):
    """Of what is built, with the variables (CC32=clang) that the make around us has in its command line."""
    variables = shlex.split(os.environ.get("MAKEFLAGS", "").partition("-- ")[2])
    run("make", "--no-print-directory", goal, *variables, f"DESTDIR={target}", f"PREFIX={prefix}", cwd=ROOT)
    return Path(f"{target}{prefix}")


def pkg_config(prefix, *words):
    return run("pkg-config", *words, env={"PKG_CONFIG_PATH": str(prefix / "share" / "pkgconfig")}).strip()


def undefined(*files):
    """Names that none of the files defines."""
    wanted = {line.split()[1] for line in run("nm", "-u", *files).splitlines() if re.match(r"\s+[Uw] ", line)}
    defined = {line.split()[2] for line in run("nm", "-g", "--defined-only", *files).splitlines()
               if len(line.split()) == 3}
    return wanted - defined


def sections(*files):
    """Sections of objects that have bytes and are loaded: name -> size."""
    found = {}
    for name, size, flags in re.findall(r"^ +\d+ (\S+) +([0-9a-f]{8}) .*\n +(.*)$", run("objdump", "-h", *files),
                                        re.MULTILINE):
        if int(size, 16) and "ALLOC" in flags:
            found[name] = found.get(name, 0) + int(size, 16)
    return found


def readme_block(first):
    """The indented block whose first line begins so, of README's sections "Embed" and "Come back" or of include/README.md; there
    is one."""
    section = (ROOT / "README.md").read_text().split("\n## Embed\n")[1].split("\n## Boot\n")[0]
    blocks = [block for text in (section, (ROOT / "include/README.md").read_text())
              for block in re.findall(r"(?:^(?:    .*)?\n)+", text, re.MULTILINE)]
    found = [block for block in blocks if block.strip("\n").startswith("    " + first)]
    assert len(found) == 1, f"the READMEs have {len(found)} blocks that begin with {first}"
    return re.sub(r"^    ", "", found[0].strip("\n") + "\n", flags=re.MULTILINE)
