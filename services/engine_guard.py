"""Runs beside an engine and ends it when the process that started it is gone, however it went.

    python engine_guard.py PID [FOLDER …]

Standard input is a pipe from that process: a byte says that it ended the engine itself, the end of
the pipe alone that it died. Then the engine is killed and its folders are removed. Standard library
only; started as a file, without this package.
"""

import contextlib
import os
import shutil
import signal
import sys


def main() -> None:
    process, folders = int(sys.argv[1]), sys.argv[2:]
    if sys.stdin.buffer.read(1):
        return
    with contextlib.suppress(OSError):
        if os.name == "posix":
            os.killpg(process, signal.SIGKILL)  # it leads a session of its own
        else:
            os.kill(process, signal.SIGTERM)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
