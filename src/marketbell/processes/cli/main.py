"""The command line: joins the commands and turns errors into one line and an exit code.

0 done, 2 something the person can mend (also a wrong option), 1 anything else, 130 interrupted. A traceback is
shown only with --debug or MARKETBELL_DEBUG=1. Every command lives in a module of its own with `register(app)`, and
imports what is heavy inside the command.
"""

import os
import sys
from collections.abc import Sequence

import typer

from marketbell import __version__
from marketbell.core.primitives.errors import MarketbellError, UserError
from marketbell.processes.cli import (
    alerts,
    bench,
    channels,
    config,
    doctor,
    jobs,
    openapi,
    options,
    replay,
    rules,
    screen,
    status,
    up,
)
from marketbell.processes.cli import eval as evaluate

EXIT_USER = 2
EXIT_FAULT = 1
EXIT_INTERRUPTED = 130

COMMANDS = (
    up, status, replay, evaluate, rules, screen, options, alerts, channels, doctor, config, openapi, jobs, bench,
)  # fmt: skip
PANELS = {
    "Run": ("up", "status"),
    "Work on data and rules": ("replay", "eval", "rules", "screen", "options"),
    "Look after": ("alerts", "dead-letters", "channels", "jobs", "doctor", "config", "openapi"),
    "Measure": ("bench",),
}
"""The help's groups, in its order."""


def _version(value: bool) -> None:
    if value:
        typer.echo(f"marketbell {__version__}")
        raise typer.Exit


def build() -> typer.Typer:
    """The whole application."""
    app = typer.Typer(
        name="marketbell",
        help="Real-time market intelligence, alerts and paper trading on your own machine.",
        epilog="Example: marketbell up --feed demo",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def _top(
        version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
        debug: bool = typer.Option(False, "--debug", help="Show tracebacks."),
    ) -> None:
        """Real-time market intelligence, alerts and paper trading on your own machine."""
        del version
        if debug:
            os.environ["MARKETBELL_DEBUG"] = "1"

    for command in COMMANDS:
        command.register(app)
    panel_of = {name: panel for panel, names in PANELS.items() for name in names}
    for entry in app.registered_commands:
        name = entry.name or (entry.callback.__name__ if entry.callback else "")
        entry.rich_help_panel = panel_of.get(name, "More")
    for group in app.registered_groups:
        group.rich_help_panel = panel_of.get(str(group.name), "More")
    return app


def run(arguments: Sequence[str] | None = None) -> int:  # noqa: PLR0911 — one exit code a line
    """Run one command line and give back its exit code."""
    try:
        code = build()(args=None if arguments is None else list(arguments), standalone_mode=False)
    except typer.TyperException as error:
        hint = getattr(getattr(error, "ctx", None), "command_path", "marketbell")
        return _say(f"{error.format_message().rstrip('.')} (see {hint} --help)", error, EXIT_USER)
    except UserError as error:
        return _say(error.message, error, EXIT_USER)
    except MarketbellError as error:
        return _say(error.message, error, EXIT_FAULT)
    except (KeyboardInterrupt, typer.Abort):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # the reader of our output (head, less) left: that is its right
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAULT
    except Exception as error:  # noqa: BLE001 — the edge: one line for a person, the whole story with --debug
        return _say(f"unexpected {type(error).__name__}: {error} (--debug shows where)", error, EXIT_FAULT)
    return code if isinstance(code, int) else 0


def _say(text: str, error: BaseException, code: int) -> int:
    if os.environ.get("MARKETBELL_DEBUG", "") not in {"", "0"}:
        import traceback

        traceback.print_exception(error)
    line = " ".join(text.split())
    sys.stderr.write(line + "\n" if getattr(error, "line", None) else f"marketbell: {line}\n")
    return code


def main() -> None:
    """Entry point of the installed command."""
    sys.exit(run())
