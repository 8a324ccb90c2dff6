# SPDX-License-Identifier: MIT
"""test/check, and run32, in a tree of our own with programs that misbehave: whatever they do, the last line comes."""
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PASSES = "#!/bin/sh\necho 1..1; echo ok 1 - it\n"


@pytest.fixture
def tree(tmp_path):
    """tree(FOLDER={NAME: text}): a tree in which the build has made these programs."""
    (tmp_path / "test").mkdir()
    for name in ("check", "run32", "progress.py"):
        shutil.copy(HERE / name, tmp_path / "test" / name)

    def make(**lists):
        for folder, programs in lists.items():
            (tmp_path / "build/test" / folder).mkdir(parents=True, exist_ok=True)
            for name, text in programs.items():
                path = tmp_path / "build/test" / folder / name
                path.write_bytes(text if isinstance(text, bytes) else text.encode())
                path.chmod(0o755)
            names = " ".join(f"build/test/{folder}/{name}" for name in programs)
            (tmp_path / f"build/test/{folder}.list").write_text(names + "\n")
        return tmp_path
    return make


def command(tree, *arguments):
    return [tree / "test/check", *arguments]


def check(tree, *arguments, status=1):
    done = subprocess.run(command(tree, *arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    assert done.returncode == status, done.stdout
    return done.stdout


def last(output):
    return tuple(map(int, re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", output.splitlines()[-1]).groups()))


def test_all_pass(tree):
    assert last(check(tree(unit={"one": PASSES, "two": PASSES}, unit32={"one": PASSES}), "--only", "unit", status=0)) == (3, 0, 0)


@pytest.mark.parametrize("program, sentence", [
    (b"\x7fELF\2\1\1" + bytes(57), "cannot be started: Exec format error"),
    ("#!/no/such/interpreter\n", "cannot be started: No such file or directory"),
    ("#!/bin/sh\nkill -9 $$\n", "ended by signal 9"),
    ("#!/bin/sh\nexit 3\n", "exit status 3"),
], ids=["format", "interpreter", "signal", "says nothing"])
def test_a_program_that_cannot(tree, program, sentence):
    """It is one failed test with a sentence; the others run."""
    output = check(tree(unit={"bad": program, "good": PASSES}, unit32={"good": PASSES}), "--only", "unit")
    assert sentence in output and last(output) == (2, 1, 0)


def test_a_program_that_is_gone(tree):
    """The list names it and the build has not made it."""
    made = tree(unit={"gone": PASSES, "good": PASSES}, unit32={"good": PASSES})
    (made / "build/test/unit/gone").unlink()
    output = check(made, "--only", "unit")
    assert "gone" in output and last(output) == (2, 1, 0)


def test_nothing_was_built(tree):
    output = check(tree(unit32={}), "--only", "unit,planner,fuzz")
    for folder in ("unit", "unit32", "planner", "fuzz"):
        assert f"build/test/{folder}.list names no program" in output
    assert last(output) == (0, 4, 0)


def test_the_build_failed(tree):
    output = check(tree(), "--not-built")
    assert "The build failed" in output and last(output) == (0, 1, 0)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("how", (signal.SIGINT, signal.SIGTERM))
def test_interrupted(tree, how):
    """The last line comes, and what the programs have started is ended with them."""
    made = tree(unit={"long": "#!/bin/sh\nsleep 300 & echo $! >pid.new; mv pid.new pid; wait\n"}, unit32={"good": PASSES})
    # A shell's background job, as this may be, ignores SIGINT, and hands that on.
    with subprocess.Popen(command(made, "--only", "unit"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) as process:
        try:
            end = time.monotonic() + 30
            while not (made / "pid").exists():
                assert time.monotonic() < end
                time.sleep(0.02)
            process.send_signal(how)
            output = process.communicate(timeout=30)[0]
        finally:
            process.kill()
    assert "It was interrupted" in output and last(output)[1] >= 1 and process.returncode == 1
    assert not alive(int((made / "pid").read_text()))


def test_a_time_out(tree):
    """What the program has started holds its output open: it is ended as well."""
    made = tree(unit={"long": "#!/bin/sh\nsleep 300 & echo $! >pid; wait\n"}, unit32={"good": PASSES})
    text = (made / "test/check").read_text()
    assert text.count("run(program(path), 300") == 1
    (made / "test/check").write_text(text.replace("run(program(path), 300", "run(program(path), 1"))
    output = check(made, "--only", "unit")
    assert "not done after 1 s" in output and last(output) == (1, 1, 0)
    assert not alive(int((made / "pid").read_text()))


def test_progress(tree):
    """How far a suite under pytest is, and which test has failed, before it ends."""
    made = tree()
    (made / "test/disk").mkdir()
    (made / "test/disk/test_it.py").write_text("def test_good():\n    pass\n\n\ndef test_bad():\n    assert False\n")
    output = check(made, "--only", "command")
    assert "    failed: test/disk/test_it.py::test_bad\n" in output and last(output) == (1, 1, 0)
    assert (made / "build/test-logs/command.progress").read_text().startswith("total 2\ndone test/disk/test_it.py::test_good\n")


# ---- run32 ----

@pytest.fixture
def no_native(tmp_path):
    """An environment in which the kernel runs none: the program that is tried cannot be written."""
    (tmp_path / "bin").mkdir()
    return {**os.environ, "TMPDIR": str(tmp_path / "none"), "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}


def test_run32_by_qemu(no_native, tmp_path):
    emulator = tmp_path / "bin/qemu-i386"
    emulator.write_text('#!/bin/sh\nprintf "<%s>" "$@"\nexit 7\n')
    emulator.chmod(0o755)
    done = subprocess.run([HERE / "run32", "a program", "one two", ""], env=no_native, stdout=subprocess.PIPE, text=True)
    assert (done.stdout, done.returncode) == ("<-cpu><max><a program><one two><>", 7)


def test_run32_without_qemu(no_native, tmp_path):
    for name in ("sh", "mktemp"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    done = subprocess.run([HERE / "run32", "a program"], env={**no_native, "PATH": f"{tmp_path}/bin"},
                          stderr=subprocess.PIPE, text=True)
    assert done.returncode == 126 and "a program: this kernel runs no 32-bit programs, and qemu-i386" in done.stderr
