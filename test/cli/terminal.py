"""Runs a command at a pseudo-terminal: a job in JSON on stdin, what happened in JSON on stdout.

The job: argv, cwd, env, steps as [what must have appeared, what is typed then], and a file for
stdin, if that is not the terminal. What happened: everything that the terminal was sent, the exit
code, and whether the terminal was left as it was found.
"""

import json
import os
import pty
import select
import signal
import sys
import termios
import time

# As long as only a hang takes.
SECONDS = 300


def main():
    job = json.load(sys.stdin)
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(job["cwd"])
        if job.get("stdin"):
            os.dup2(os.open(job["stdin"], os.O_RDONLY), 0)
        os.execvpe(job["argv"][0], job["argv"], job["env"])
    before = termios.tcgetattr(terminal)
    shown, after = converse(terminal, pid, job["steps"])
    _, status = os.waitpid(pid, 0)
    result = {
        "shown": shown.decode("utf-8", "replace").replace("\r\n", "\n"),
        "code": os.waitstatus_to_exitcode(status),
        "restored": after == before,
    }
    json.dump(result, sys.stdout)


def converse(terminal, pid, steps):
    shown, read_to = b"", 0
    after = termios.tcgetattr(terminal)
    deadline = time.monotonic() + SECONDS
    while True:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            shown += b"(no answer in time)"
            return shown, None
        if steps and steps[0][0].encode() in shown[read_to:]:
            read_to = len(shown)
            os.write(terminal, steps.pop(0)[1].encode())
        if not select.select([terminal], [], [], 0.05)[0]:
            continue
        try:
            chunk = os.read(terminal, 65536)
        except OSError:
            return shown, after
        if not chunk:
            return shown, after
        shown += chunk
        after = termios.tcgetattr(terminal)


main()
