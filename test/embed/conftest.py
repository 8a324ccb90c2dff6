# SPDX-License-Identifier: MIT
"""Options; the tests that boot use test/boot's machines."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "boot"))


def pytest_addoption(parser):
    parser.getgroup("segue").addoption("--full", action="store_true", help="the whole matrix of compilers")


def pytest_configure(config):
    config.addinivalue_line("markers", "full: only in the whole matrix")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--full"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("full")])
        items[:] = [item for item in items if not item.get_closest_marker("full")]
