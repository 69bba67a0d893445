"""`python -m chargeportal.runtime`: the command behind `make run`."""

import argparse
import signal
import sys

from chargeportal.runtime.children import tie_to_parent
from chargeportal.runtime.supervisor import main

parser = argparse.ArgumentParser(prog="python -m chargeportal.runtime")
parser.add_argument(
    "--stop-with-parent", action="store_true", help="stop when the process that started us dies"
)
if parser.parse_args().stop_with_parent:
    tie_to_parent(signal.SIGTERM)
sys.exit(main())
