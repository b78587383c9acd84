"""Runs a command at a pseudo-terminal: {"args": [...], "answers": [[question, line], ...]}.

Types each line once its question has appeared; LETTERS stands for those that it says to type.
Prints what the terminal got; ends as the command.
"""

import json
import os
import pty
import re
import sys

job = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(job["args"][0], job["args"])

shown = b""
read_to = 0
answers = list(job["answers"])
while True:
    try:
        chunk = os.read(terminal, 65536)
    except OSError:
        break
    if not chunk:
        break
    shown += chunk
    while answers and answers[0][0].encode() in shown[read_to:]:
        question, line = answers.pop(0)
        read_to = shown.index(question.encode(), read_to) + len(question.encode())
        letters = re.findall(rb"type (\w+)", shown)
        if line == "LETTERS":
            line = letters[-1].decode()
        os.write(terminal, line.encode() + b"\r")
sys.stdout.buffer.write(shown)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
