"""Bytecode of the sources that tests import goes elsewhere: a file that appears in a layer's or a
function's folder would make `sam build --cached` build it again. Processes that tests start, such
as functions of the local cloud, are not touched by it and use the bytecode that was built.
"""

import sys
from pathlib import Path

sys.pycache_prefix = str(Path(__file__).parent / ".cache" / "bytecode")
