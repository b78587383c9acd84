"""One running program: JSON-RPC 2.0 over its stdin and stdout, a message a line.

Three threads serve it, so that no caller ever blocks on a pipe and a Ctrl-C never cuts a line in
two: one writes, one reads and matches answers to calls, one keeps the end of its stderr.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import queue
import signal
import subprocess
import threading
from concurrent.futures import Future
from typing import IO, Any, Callable, Dict, Iterator, List, Mapping, Optional

from .errors import BridgeCrashed, BridgeProtocol, VaultError, error_for

Answer = Dict[str, Any]

PROTOCOL = 1
_CHUNK = 1 << 16
_LAST_WORDS_BYTES = 4096
_LAST_WORDS_LINES = 5
_PATIENCE_S = 2.0


class Child:
    """A process, and the calls that wait for it."""

    def __init__(self, words: List[str], environment: Mapping[str, str]) -> None:
        """Starts the process. Raises OSError."""
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._waiting: Dict[int, Future[Answer]] = {}
        self._requests: queue.SimpleQueue[Optional[bytes]] = queue.SimpleQueue()
        self._last_words = b""
        self._is_over = False
        self._end: Optional[Callable[[], VaultError]] = None
        # A session of its own: a Ctrl-C in the terminal is for Python, which decides. It ends with
        # its stdin, so also when Python is killed: Python lets no other program inherit the pipe.
        self._process = subprocess.Popen(
            words,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            start_new_session=True,
        )
        self._threads = [
            threading.Thread(target=work, name="agent-vault bridge", daemon=True)
            for work in (self._listen, self._write, self._read)
        ]
        try:
            for thread in self._threads:
                thread.start()
            self.send("hello", {}).add_done_callback(self._check_protocol)
        except BaseException:
            self._kill()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        return not self._is_over and self._process.poll() is None

    def send(self, method: str, params: Mapping[str, Any]) -> Future[Answer]:
        """Sends a call. The future holds the result, or the error as one of ours."""
        future: Future[Answer] = Future()
        with self._lock:
            if self._end is not None:
                future.set_exception(self._end())
                return future
            call = next(self._ids)
            self._waiting[call] = future
        future.add_done_callback(lambda _: self._waiting.pop(call, None))
        self._requests.put(encode_request(call, method, params))
        return future

    def end(self) -> None:
        """Ends the process by ending its stdin. Waits for nothing, so anybody may call it."""
        self._requests.put(None)

    def close(self) -> None:
        """Ends the process, after it has answered what it was asked; kills it if it does not end."""
        self.end()
        listener, writer, reader = self._threads
        reader.join(_PATIENCE_S)
        if reader.is_alive():
            self._kill()
        for thread in (reader, writer, listener):
            thread.join(_PATIENCE_S)

    def leave_to_parent(self) -> None:
        """After a fork, in the new process: the pipes belong to the one it came from."""
        for stream in self._streams():
            stream.close()
        # Nothing here waits for it, or warns that nobody did.
        self._process.returncode = 0

    def _write(self) -> None:
        stdin = self._streams()[0]
        try:
            for line in iter(self._requests.get, None):
                rest = memoryview(line)
                while rest:
                    rest = rest[os.write(stdin.fileno(), rest) :]
        except OSError:
            pass  # It has ended, or closed its stdin: who reads its stdout finds out.
        finally:
            stdin.close()

    def _read(self) -> None:
        stdout = self._streams()[1]
        why: Optional[Callable[[], VaultError]] = None
        try:
            for line in _lines(stdout.fileno()):
                if not self._settle(_decode(line)):
                    why = self._not_understood
                    break
        finally:
            self._is_over = True
            stdout.close()
            self._finish(why)

    def _listen(self) -> None:
        stderr = self._streams()[2]
        for chunk in iter(lambda: os.read(stderr.fileno(), _CHUNK), b""):
            self._last_words = (self._last_words + chunk)[-_LAST_WORDS_BYTES:]
        stderr.close()

    def _settle(self, answer: Optional[Answer]) -> bool:
        """Hands an answer to who waits for it. False for what no such program says."""
        if answer is None or not isinstance(answer.get("id"), int):
            return False
        future = self._waiting.pop(answer["id"], None)
        # Nobody waits for what was cancelled, or took too long.
        if future is None or not future.set_running_or_notify_cancel():
            return True
        result = answer.get("result")
        if isinstance(result, dict):
            future.set_result(result)
        else:
            future.set_exception(_error_in(answer.get("error")))
        return True

    def _check_protocol(self, hello: Future[Answer]) -> None:
        """Each call gets the error that kept the program from saying hello: a missing key, say."""
        if hello.exception() is None and hello.result().get("protocol") != PROTOCOL:
            self._is_over = True
            self._set_end(self._not_understood)
            self._kill()

    def _finish(self, why: Optional[Callable[[], VaultError]]) -> None:
        """Reaps the process, and fails every call that waits."""
        self._requests.put(None)
        if why is not None:
            self._kill()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._kill()
            self._process.wait()
        self._threads[0].join(_PATIENCE_S)
        self._set_end(why or self._crashed)
        for future in list(self._waiting.values()):
            if future.set_running_or_notify_cancel() and self._end is not None:
                future.set_exception(self._end())

    def _kill(self) -> None:
        """Kills what was started, and what that started: a script that runs the program, say."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._process.poll() is None:
                if hasattr(os, "killpg"):
                    os.killpg(self._process.pid, signal.SIGKILL)
                else:
                    self._process.kill()

    def _set_end(self, why: Callable[[], VaultError]) -> None:
        with self._lock:
            if self._end is None:
                self._end = why

    def _crashed(self) -> VaultError:
        lines = self._last_words.decode("utf-8", "replace").splitlines()[-_LAST_WORDS_LINES:]
        said = " / ".join(line.strip() for line in lines if line.strip())
        return BridgeCrashed(
            "agent-vault bridge ended in the middle of a call (%s)" % self._how(),
            "the next call starts it anew" + ("; its last words: %s" % said if said else ""),
        )

    def _how(self) -> str:
        code = self._process.returncode
        if code is None or code >= 0:
            return "exit code %s" % code
        try:
            return "killed by %s" % signal.Signals(-code).name
        except ValueError:
            return "killed by signal %d" % -code

    def _not_understood(self) -> VaultError:
        return BridgeProtocol(
            "what answers does not speak version %d of the bridge's protocol" % PROTOCOL,
            "bring the program agent-vault and this package to the same version",
        )

    def _streams(self) -> List[IO[bytes]]:
        process = self._process
        return [stream for stream in (process.stdin, process.stdout, process.stderr) if stream]


def encode_request(call: int, method: str, params: Mapping[str, Any]) -> bytes:
    request = {"jsonrpc": "2.0", "id": call, "method": method, "params": params}
    return json.dumps(request, separators=(",", ":")).encode("ascii") + b"\n"


def _lines(descriptor: int) -> Iterator[bytes]:
    parts: List[bytes] = []
    for chunk in iter(lambda: os.read(descriptor, _CHUNK), b""):
        first, *others = chunk.split(b"\n")
        parts.append(first)
        for other in others:
            yield b"".join(parts)
            parts = [other]


def _decode(line: bytes) -> Optional[Answer]:
    # The errors of these functions hold the line, which may hold a value: none leaves here.
    try:
        answer = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _error_in(error: Any) -> VaultError:
    details = error if isinstance(error, dict) else {}
    data = details.get("data")
    if isinstance(data, dict) and isinstance(data.get("code"), str):
        hint = data.get("hint")
        exit_code = data.get("exitCode")
        return error_for(
            data["code"],
            str(details.get("message")),
            hint if isinstance(hint, str) else None,
            exit_code if isinstance(exit_code, int) else 70,
        )
    return BridgeProtocol(
        "agent-vault bridge did not understand a call (%s)" % details.get("code"),
        "bring the program agent-vault and this package to the same version",
    )
