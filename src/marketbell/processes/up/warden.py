"""A small shell that ends every child when the supervisor itself is killed.

It reads process groups from a pipe. When the pipe breaks, because its writer died by whatever signal, it stops the
groups that are still listed, and kills what remains. It works for servers in any language and for their children,
needs no system call of one kernel only, and takes less than a megabyte. It also holds the data folder's lock
until it is done, so that the next `up` starts on clean ground.
"""

import contextlib
import subprocess

GRACE_S = 5

SCRIPT = f"""
trap '' HUP INT TERM
groups=
while read -r verb group number; do
    case $verb in
        +) groups="$groups $group:$number" ;;
        -) kept=
           for entry in $groups; do [ "${{entry%%:*}}" = "$group" ] || kept="$kept $entry"; done
           groups=$kept ;;
    esac
done
for entry in $groups; do kill -s "${{entry##*:}}" -- "-${{entry%%:*}}" 2>/dev/null; done
tries=0
while [ $tries -lt {GRACE_S * 10} ]; do
    alive=
    for entry in $groups; do kill -s 0 -- "-${{entry%%:*}}" 2>/dev/null && alive=1; done
    [ -n "$alive" ] || exit 0
    sleep 0.1
    tries=$((tries + 1))
done
for entry in $groups; do kill -s 9 -- "-${{entry%%:*}}" 2>/dev/null; done
"""


class Warden:
    """Tell it of every process group that begins and ends."""

    def __init__(self, lock_fd: int | None = None) -> None:
        self._lock_fd = lock_fd
        self._groups: dict[int, int] = {}
        self._shell = self._spawn()

    @property
    def pid(self) -> int:
        """Of the shell."""
        return self._shell.pid

    def add(self, group: int, stop_signal: int) -> None:
        """From now on the group ends with us."""
        self._groups[group] = stop_signal
        self._tell(f"+ {group} {stop_signal}\n")

    def remove(self, group: int) -> None:
        """The group is gone; its number may belong to somebody else soon."""
        if self._groups.pop(group, None) is not None:
            self._tell(f"- {group} 0\n")

    def close(self) -> None:
        """Everything is stopped: let the shell go."""
        if self._shell.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._shell.stdin.close()
        try:
            self._shell.wait(GRACE_S + 2)
        except subprocess.TimeoutExpired:
            self._shell.kill()
            self._shell.wait()

    def _tell(self, line: str) -> None:
        try:
            self._write(line)
        except BrokenPipeError:
            # somebody killed it: a new one learns the whole list
            self._shell.wait()
            self._shell = self._spawn()
            self._write("".join(f"+ {group} {number}\n" for group, number in self._groups.items()))

    def _write(self, line: str) -> None:
        if self._shell.stdin is not None:
            self._shell.stdin.write(line.encode())
            self._shell.stdin.flush()

    def _spawn(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 — our own script, no outside words
            ["/bin/sh", "-c", SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
            pass_fds=() if self._lock_fd is None else (self._lock_fd,),
        )
