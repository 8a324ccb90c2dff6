# SPDX-License-Identifier: MIT
"""The tests that boot use test/boot's machines."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "boot"))
