# SPDX-License-Identifier: MIT
"""Options, what must be built before, and the table at the end."""
import os
import subprocess

import pytest

import cells
import host_matrix
from qemu import BUILD, ROOT, ovmf

COLUMNS = "{:34} {:8} {:>7}  {}"


def pytest_addoption(parser):
    group = parser.getgroup("segue")
    group.addoption("--full", action="store_true", help="the whole matrix of boots")
    group.addoption("--segue", default=os.path.join(BUILD, "segue.elf"), help="the segue.elf to test")


def pytest_configure(config):
    config.addinivalue_line("markers", "full: only in the whole matrix")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--full") or config.getoption("markexpr"):
        return
    config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("full")])
    items[:] = [item for item in items if not item.get_closest_marker("full")]


@pytest.fixture(scope="session")
def segue(request):
    """The path of segue.elf. That it is missing is a failure, not a reason to skip."""
    path = os.path.abspath(request.config.getoption("--segue"))
    assert os.path.exists(path), f"{path} is not there: run make"
    return path


@pytest.fixture(scope="session")
def targets():
    """The real targets and our initramfs; fetched if they are not there."""
    for command in ([os.path.join(ROOT, "test/targets/fetch"), *cells.needed_targets()],
                    [os.path.join(ROOT, "test/targets/initramfs/build")]):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout
    assert ovmf(), "OVMF is missing: install the package ovmf"


@pytest.fixture
def note(record_property):
    """note(seconds, text): what the table at the end shows beside a cell."""
    def put(seconds, text=""):
        record_property("seconds", f"{seconds:.1f} s")
        record_property("note", text or "")
    return put


def pytest_terminal_summary(terminalreporter, config):
    rows, hosts = [], []
    for outcome in ("passed", "failed", "error", "skipped", "xfailed"):
        for report in terminalreporter.stats.get(outcome, ()):
            properties = dict(getattr(report, "user_properties", ()))
            if "test_hosts" in report.nodeid:
                hosts.append((host_row(report.nodeid), outcome, properties.get("seconds", ""),
                              properties.get("note", "")))
            elif "seconds" in properties or (outcome in ("failed", "error") and "test_boots" in report.nodeid):
                name = report.nodeid.split("[")[-1].rstrip("]")
                rows.append((name, outcome, properties.get("seconds", ""), properties.get("note", "")))
    show_hosts(terminalreporter, hosts, config.getoption("--full"))
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


def host_row(nodeid):
    """The cell's name; before it what is tested, where that is not the matrix."""
    function, _, cell = nodeid.split("::")[-1].rstrip("]").partition("[")
    return cell if function in ("test_host_state", "test_bochs_host") else f"{function[5:].replace('_', ' ')}: {cell}"


def show_hosts(terminalreporter, hosts, full):
    """Host state x target x emulator."""
    if not hosts:
        return
    terminalreporter.section("hosts: mode emulator target, what is not plain")
    for row in sorted(hosts):
        terminalreporter.write_line("{:92} {:8} {:>7}  {}".format(*row).rstrip())
    terminalreporter.write_line("cells that do not exist:")
    for factors, _, reason in host_matrix.ABSENT:
        terminalreporter.write_line(f"  {' x '.join(factors)}: {reason}")
    terminalreporter.write_line("  chosen so that every three values that can meet do" if full else
                                "  chosen so that every two values that can meet do; every three, and Bochs's: --full")
