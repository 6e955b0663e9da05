"""The process that tries rules on the past for the API (wiring/preview): `python -m` starts it, its pipe ends it."""

import sys


def main() -> None:
    """Answer questions on standard input until it ends."""
    from marketbell.wiring.preview import build_preview, serve

    answers = sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever prints must not come between two answers
    serve(sys.stdin.buffer, answers, build_preview)


if __name__ == "__main__":
    main()
