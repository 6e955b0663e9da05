"""The few pages that we write ourselves: short words where the web app cannot speak yet."""

from html import escape

from flask import Response

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:38rem;margin:15vh auto;padding:0 1.5rem;"
    "background:Canvas;color:CanvasText;color-scheme:light dark}h1{font-size:1.4rem}"
)


def message_page(status: int, title: str, text: str, refresh_to: str | None = None) -> Response:
    """A page with one heading and one sentence, in the reader's light or dark."""
    refresh = f'<meta http-equiv="refresh" content="0;url={escape(refresh_to)}">' if refresh_to else ""
    body = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"{refresh}<title>{escape(title)} · Marketbell</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1><p>{escape(text)}</p></main></body></html>"
    )
    response = Response(body, status, content_type="text/html; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    return response


def button_page(title: str, text: str, action: str) -> Response:
    """A page that offers one thing and does it when its button is pressed, never by being looked at."""
    body = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{escape(title)} · Marketbell</title><style>{_STYLE}button{{font:inherit;padding:.6rem 1.2rem}}</style>"
        f"</head><body><main><h1>{escape(title)}</h1><p>{escape(text)}</p>"
        f'<form method="post" action="{escape(action)}"><button type="submit">{escape(title)}</button></form>'
        "</main></body></html>"
    )
    response = Response(body, 200, content_type="text/html; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    return response
