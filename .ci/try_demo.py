"""Run the README's first command as a person does: see the page, press Ctrl-C, leave nothing behind.

The command is the only argument. Exit code 0 where the page came up within five minutes (the virtual
environment is made anew), the first card within ten seconds after it, and Ctrl-C ended everything.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request

INSTALL_SECONDS, CARD_SECONDS, STOP_SECONDS = 300, 10, 20


def main(command: str) -> int:
    demo = subprocess.Popen(
        ["bash", "-c", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        address = wait_for_address(demo)
        shown = first_card(address)
        print(f"{address}: first card after {shown:.1f} s")
    finally:
        os.killpg(demo.pid, signal.SIGINT)
        rest, _ = demo.communicate(timeout=STOP_SECONDS)
        print(rest)
    if "Traceback" in rest:
        return 1
    try:
        os.killpg(demo.pid, 0)
    except ProcessLookupError:
        return 0
    print("Ctrl-C left a process behind")
    return 1


def wait_for_address(demo: subprocess.Popen[str]) -> str:
    until = time.monotonic() + INSTALL_SECONDS
    while time.monotonic() < until and (line := demo.stdout.readline()):
        print(line, end="")
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    raise SystemExit("the demo never said where its page is")


def first_card(address: str) -> float:
    """Seconds until the page's own stream of events brings a card with buttons."""
    began = time.monotonic()
    with urllib.request.urlopen(address, timeout=CARD_SECONDS) as page:
        if b"<html" not in page.read():
            raise SystemExit("the page is no page")
    with urllib.request.urlopen(f"{address}/events", timeout=CARD_SECONDS) as events:
        while time.monotonic() - began < CARD_SECONDS:
            line = events.readline().decode()
            if line.startswith("data:") and "ok:1:" in json.dumps(json.loads(line[5:])):
                return time.monotonic() - began
    raise SystemExit(f"no card within {CARD_SECONDS} s")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
