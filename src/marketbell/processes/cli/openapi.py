"""`marketbell openapi`: the public API description as one document."""

from pathlib import Path
from typing import Annotated

import typer

from marketbell.core.primitives.errors import UserError


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("openapi")
    def openapi(
        out: Annotated[
            Path | None, typer.Option("--out", help="Write to this file instead of standard output.")
        ] = None,
    ) -> None:
        """Print the OpenAPI 3.1 document of the whole API.

        Example: marketbell openapi --out openapi.json
        """
        import orjson

        from marketbell.processes.api.description import public_document

        data = orjson.dumps(public_document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        if out is None:
            typer.echo(data.decode(), nl=False)
            return
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_bytes(data)
        except OSError as error:
            raise UserError(f"cannot write {out}: {error.strerror}") from error
