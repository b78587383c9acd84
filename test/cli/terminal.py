"""Runs a command at a pseudo-terminal: a job in JSON on stdin, what happened in JSON on stdout.

The job: argv, cwd, env, steps as [what must have appeared, what is typed then, and a pattern if what
its group found is typed before that], files for stdin and stderr, if these are not the terminal,
and the rows and columns that it has. In place of what is
typed, a step may have a new size, as `{"size": [rows, columns]}`, or a signal that the command gets,
as `{"signal": "SIGTERM"}`, or a file that it makes, as `{"makes": path}`, or waits for, as `{"awaits": path}`. What happened: everything that the terminal was sent, the exit code, and
whether the terminal was left as it was found; or is so in the end, for a command that is `outlived`
by who sees to that.
"""

import fcntl
import json
import os
import re
import select
import signal
import struct
import sys
import termios
import time

# As long as only a hang takes.
SECONDS = 300


def main():
    job = json.load(sys.stdin)
    # Ours stays open: what the settings were is lost when the last user of a terminal closes it.
    terminal, own = os.openpty()
    resize(terminal, job.get("size", [0, 0]))
    before = termios.tcgetattr(own)
    pid = os.fork()
    if pid == 0:
        start(job, own)
    shown, status = converse(terminal, pid, job["steps"])
    while job.get("outlived") and termios.tcgetattr(own) != before:
        time.sleep(0.02)
    after = termios.tcgetattr(own)
    result = {
        "shown": shown.decode("utf-8", "replace").replace("\r\n", "\n"),
        "code": os.waitstatus_to_exitcode(status),
        "restored": after == before,
    }
    json.dump(result, sys.stdout)


def start(job, own):
    """Becomes the program, with the terminal as the one that controls it."""
    os.setsid()
    fcntl.ioctl(own, termios.TIOCSCTTY, 0)
    for descriptor in range(3):
        os.dup2(own, descriptor)
    os.closerange(3, 1024)
    os.chdir(job["cwd"])
    if job.get("stdin"):
        os.dup2(os.open(job["stdin"], os.O_RDONLY), 0)
    if job.get("stderr"):
        os.dup2(os.open(job["stderr"], os.O_WRONLY | os.O_CREAT), 2)
    os.execvpe(job["argv"][0], job["argv"], job["env"])


def converse(terminal, pid, steps):
    """Types, and returns what was shown and how the program ended. It has the last word: settings
    may still change after the last byte was shown."""
    shown, read_to, status, typed = b"", 0, None, b""
    os.set_blocking(terminal, False)
    deadline = time.monotonic() + SECONDS
    while True:
        if steps and steps[0][0].encode() in shown[read_to:]:
            _, action, *pattern = steps.pop(0)
            found = [re.search(each.encode(), shown[read_to:]).group(1) for each in pattern]
            read_to = len(shown)
            typed += b"".join(found) + act(terminal, pid, action)
        readable, writable, _ = select.select([terminal], [terminal] if typed else [], [], 0.05)
        if writable:
            typed = typed[os.write(terminal, typed) :]
        if readable:
            shown += os.read(terminal, 65536)
        elif status is not None:
            return shown, status
        elif time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            return shown + b"(no answer in time)", os.waitpid(pid, 0)[1]
        else:
            ended, code = os.waitpid(pid, os.WNOHANG)
            status = code if ended else None


def act(terminal, pid, action):
    """Returns what is to be typed; or does what a window or a user does besides, or a test waits for."""
    if isinstance(action, str):
        return action.encode()
    if "size" in action:
        resize(terminal, action["size"])
    elif "makes" in action:
        open(action["makes"], "w").close()
    elif "awaits" in action:
        while not os.path.exists(action["awaits"]):
            time.sleep(0.02)
    else:
        os.kill(pid, getattr(signal, action["signal"]))
    return b""


def resize(terminal, size):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))


main()
