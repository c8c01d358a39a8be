"""The sample API tested over HTTP: endpoints, filters, writes, every switch, every fault, command line.

    python3 test/sample_api/selftest.py
"""

import sys

sys.dont_write_bytecode = True

import unittest
from pathlib import Path

from faults import KINDS
from selftest_accounts import AccountFilters, Accounts, AccountWrites
from selftest_api import Endpoints, Filters, Writes
from selftest_behaviour import Faults, Switches
from selftest_case import EXERCISED
from selftest_command import CommandLine
from switches import SWITCHES

README = Path(__file__).with_name("README.md")


class Complete(unittest.TestCase):
    """Runs last: nothing is without a test, nor without its line in README.md."""

    def test_everything_was_exercised(self) -> None:
        self.assertEqual({switch.name for switch in SWITCHES} - EXERCISED["switches"], set())
        self.assertEqual({kind.name for kind in KINDS} - EXERCISED["faults"], set())

    def test_readme(self) -> None:
        text = README.read_text(encoding="utf-8")
        for switch in SWITCHES:
            self.assertIn(f"| `{switch.name}` | {switch.kind.label} | {switch.default} | {switch.doc} |\n", text)
        for kind in KINDS:
            self.assertIn(f"| `{kind.name}` | {', '.join(kind.options)} | {kind.doc} |\n", text)


if __name__ == "__main__":
    suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromTestCase(case) for case in (
        Endpoints, Filters, Writes, Accounts, AccountFilters, AccountWrites, Switches, Faults, CommandLine, Complete))
    sys.exit(not unittest.TextTestRunner().run(suite).wasSuccessful())
