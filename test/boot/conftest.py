# SPDX-License-Identifier: MIT
"""The options of pytest, the fixtures for what must be built before, and the table at the end."""
import collections
import os
import re
import subprocess

import pytest

import cells
import host_matrix
import order
import quick
import images
from qemu import BUILD, ROOT, ovmf

COLUMNS = "{:34} {:8} {:>7}  {}"
# Files in which every cell that goes from a host into a target has a row in the table (fixture row); the others are
# counted.
HOST_FILES = ("test_hosts", "test_cpus", "test_devices", "test_catcher", "test_bios_host", "test_window", "test_fiwix",
              "test_calls", "test_call_state", "test_call_window", "test_linux_calls", "test_jump", "test_crash")
# File -> number of its tests that only --full runs
LEFT = collections.Counter()


def pytest_addoption(parser):
    group = parser.getgroup("segue")
    group.addoption("--full", action="store_true", help="the whole matrix of boots")
    group.addoption("--quick", action="store_true", help="those of make check-quick (quick.py)")
    group.addoption("--segue", default=os.path.join(BUILD, "segue.elf"), help="the segue.elf to test")


def pytest_configure(config):
    config.addinivalue_line("markers", "full: only in the whole matrix")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--full") and not config.getoption("markexpr"):
        left = [item for item in items if item.get_closest_marker("full")]
        config.hook.pytest_deselected(items=left)
        LEFT.update(item.path.stem for item in left)
        items[:] = [item for item in items if not item.get_closest_marker("full")]
    if config.getoption("--quick"):
        keep = quick.chosen(items)
        config.hook.pytest_deselected(items=[item for item in items if item not in keep])
        items[:] = [item for item in items if item in keep]
    if hasattr(config, "workerinput"):
        items[:] = order.dealt(items, config.workerinput["workercount"])


def pytest_sessionfinish(session):
    """Pass the counts on: xdist's workers select the tests, and another process prints."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left"] = dict(LEFT)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    LEFT.clear()
    LEFT.update(getattr(node, "workeroutput", {}).get("left", {}))


@pytest.fixture(scope="session")
def segue(request):
    """The path of segue.elf. If it is missing, the test fails and is not skipped."""
    path = os.path.abspath(request.config.getoption("--segue"))
    assert os.path.exists(path), f"{path} is not there: run make"
    return path


@pytest.fixture(scope="session")
def targets():
    """The real targets and our initramfs, fetched if missing. If a target cannot be had, a test that asks for its file
    is skipped with fetch's reason."""
    done = subprocess.run([os.path.join(ROOT, "test/targets/fetch"), *cells.needed_targets()],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lacking = dict(re.findall(r"^fetch: ([\w-]+): (.*)$", done.stderr, re.MULTILINE))
    assert done.returncode == (1 if lacking else 0), done.stdout + done.stderr
    images.LACKING.update(lacking)
    if cells.BUSYBOX in lacking:
        images.LACKING.update((os.path.basename(each[0]), lacking[cells.BUSYBOX]) for each in (cells.INITRD, cells.LARGE))
    else:
        done = subprocess.run([os.path.join(ROOT, "test/targets/initramfs/build")], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout
    assert ovmf(), "OVMF is missing: install the package ovmf"


@pytest.fixture
def note(record_property):
    """note(seconds, text): shown beside a cell in the table at the end."""
    def put(seconds, text=""):
        record_property("seconds", f"{seconds:.1f} s")
        record_property("note", text or "")
    return put


@pytest.fixture
def row(record_property):
    """row(seconds): puts the cell into the table of hosts at the end."""
    def put(seconds, text=""):
        record_property("seconds", f"{seconds:.1f} s")
        record_property("note", text)
    return put


def pytest_terminal_summary(terminalreporter, config):
    rows, hosts, counts, cells_met = [], [], collections.defaultdict(collections.Counter), 0
    for outcome in ("passed", "failed", "error", "skipped", "xfailed"):
        for report in terminalreporter.stats.get(outcome, ()):
            properties = dict(getattr(report, "user_properties", ()))
            file = os.path.basename(report.nodeid.partition("::")[0])[:-3]
            seconds, text = properties.get("seconds", ""), properties.get("note", "")
            cells_met += "::test_host_state[" in report.nodeid
            if file in HOST_FILES:
                if outcome == "passed" and "seconds" not in properties:
                    counts[file][row_name(report.nodeid, file).partition(":")[0]] += 1
                else:
                    text = report.longrepr[2].removeprefix("Skipped: ") if outcome == "skipped" else text
                    hosts.append((row_name(report.nodeid, file), outcome, seconds, text))
            elif seconds or (outcome in ("failed", "error") and file == "test_boots"):
                name = report.nodeid.split("[")[-1].rstrip("]")
                rows.append((name, outcome, seconds, text))
    show_hosts(terminalreporter, hosts, counts)
    show_times(terminalreporter)
    if cells_met and config.getoption("--quick"):
        terminalreporter.write_line(f"  {cells_met} cells, a few of those of make check (quick.py)")
    elif cells_met:
        strength = "three" if config.getoption("--full") else "two"
        terminalreporter.write_line(f"  {cells_met} cells, chosen so that every {strength} values that can meet do")
    if cells_met and not config.getoption("--full") and not config.getoption("--quick"):
        terminalreporter.write_line("  every three, and Bochs's every two, in the whole matrix (--full)")
    if not rows:
        return
    terminalreporter.section("boots: target-way-memory")
    for row in sorted(rows):
        terminalreporter.write_line(COLUMNS.format(*row).rstrip())
    if any(row[0].split("-")[-2:-1] and row[0].split("-")[-2] in cells.WAYS for row in rows):
        terminalreporter.write_line("cells that do not exist:")
        for targets_, ways, memory, reason in cells.ABSENT:
            terminalreporter.write_line(f"  {targets_.replace(' ', ', ')}; {ways.replace(' ', ', ')}; {memory}: {reason}")
        left = sum(cell.full for cell in cells.CELLS)
        if not config.getoption("--full"):
            terminalreporter.write_line(f"  {left} cells more in the whole matrix (--full)")


def show_times(terminalreporter):
    """Print how long the workers spent in each file, so that what a run takes can be looked for where it goes."""
    spent = collections.Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            spent[os.path.basename(getattr(report, "nodeid", "").partition("::")[0])] += getattr(report, "duration", 0)
    told = ", ".join(f"{file[5:-3]} {seconds:.0f}" for file, seconds in spent.most_common() if seconds >= 1)
    if told:
        terminalreporter.write_line(f"seconds of all workers in each file: {told}")


def row_name(nodeid, file):
    """Return the cell's name, after the test's name if it is not from the matrix."""
    function, _, cell = nodeid.split("::")[-1].rstrip("]").partition("[")
    if function in ("test_host_state", "test_bochs_host"):
        return cell
    # If a whole file is skipped, there is no function name.
    what = " ".join((function[5:] if "::" in nodeid else file).split("_"))
    return f"{what}: {cell}" if cell else what


def show_hosts(terminalreporter, hosts, counts):
    """Print the table: host state x target x emulator."""
    if not hosts and not counts:
        return
    terminalreporter.section("hosts: mode emulator target, what is not plain")
    for each in sorted(hosts):
        terminalreporter.write_line("{:92} {:8} {:>7}  {}".format(*each).rstrip())
    for file in HOST_FILES:
        for what, count in counts[file].items():
            terminalreporter.write_line(f"{file[5:]}: {what}: {count} passed")
        if LEFT[file]:
            terminalreporter.write_line(f"{file[5:]}: {LEFT[file]} more in the whole matrix (--full)")
    terminalreporter.write_line("cells that do not exist:")
    for factors, _, reason in host_matrix.ABSENT:
        terminalreporter.write_line(f"  {' x '.join(factors)}: {reason}")
