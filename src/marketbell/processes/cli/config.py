"""`marketbell config`: what is set, and where it came from."""

from pathlib import Path
from typing import Annotated

import typer

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Where everything is kept.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="Settings file (DATA_DIR/marketbell.toml).")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Show and check settings.", no_args_is_help=True)
    app.add_typer(group, name="config")

    @group.command("show", epilog="Example: marketbell config show --origin")
    def show(
        origin: Annotated[bool, typer.Option("--origin", help="Say where each value came from.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
        data_dir: DataDir = None,
        config: ConfigFile = None,
    ) -> None:
        """Print every setting; passwords inside URLs are covered."""
        import json

        from marketbell.settings import load

        settings = load(config, data_dir=data_dir)
        values, origins = settings.shown(), settings.origins()
        if as_json:
            found = {
                name: {"value": value, "origin": origins[name]} if origin else value for name, value in values.items()
            }
            typer.echo(json.dumps(found, indent=2))
            return
        for name, value in values.items():
            text = "" if value is None else f"{str(value).lower() if isinstance(value, bool) else value}"
            typer.echo(f"{name} = {text}".ljust(52 if origin else 0) + (f"  # {origins[name]}" if origin else ""))

    @group.command("check", epilog="Example: marketbell config check --config marketbell.toml")
    def check(
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
        data_dir: DataDir = None,
        config: ConfigFile = None,
    ) -> None:
        """Exit 0 where the settings can be used, else 2 with the first thing that is wrong."""
        import json

        from marketbell.processes.up import preflight
        from marketbell.settings import load
        from marketbell.wiring.up import check_feed

        settings = preflight.with_source(load(config, data_dir=data_dir))
        check_feed(settings)
        preflight.check_host(settings)
        chosen = sum(origin != "default" for origin in settings.origins().values())
        typer.echo(json.dumps({"ok": True, "set": chosen}) if as_json else f"settings are good ({chosen} set by you)")
