"""DATA_DIR/run.json: what `up` runs now, for `status` and for the next `up` after a crash. Readable by its owner."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import psutil

RUN_NAME = "run.json"
SAME_START_S = 0.5


def write(data_dir: Path, document: dict[str, Any]) -> None:
    """Replace the file whole."""
    path = data_dir / RUN_NAME
    part = path.with_name(RUN_NAME + ".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(document, file)
    part.replace(path)


def read(data_dir: Path) -> dict[str, Any] | None:
    """What was written last; None where there is nothing to read."""
    try:
        found = json.loads((data_dir / RUN_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def remove(data_dir: Path) -> None:
    """Nothing runs any more."""
    (data_dir / RUN_NAME).unlink(missing_ok=True)


def end_left_over(data_dir: Path, wait_s: float = 5.0) -> list[str]:
    """End our own processes of a crashed run: those whose pid and start time are still the recorded ones.

    Their warden does this at once in nearly every case; here is the case that it was killed as well. Servers are
    left to their own `prepare`, which knows how to stop them without loss.
    """
    found = []
    for child in (read(data_dir) or {}).get("processes", []):
        if not child.get("pid") or child.get("is_server"):
            continue
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(child["pid"])
            if abs(process.create_time() - child.get("created", 0.0)) < SAME_START_S:
                found.append((child["name"], process))
    for _, process in found:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs([process for _, process in found], timeout=wait_s)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=1.0)
    return [name for name, _ in found]
