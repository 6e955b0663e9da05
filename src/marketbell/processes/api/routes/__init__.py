"""One blueprint a resource."""

from apiflask import APIBlueprint

from marketbell.processes.api.routes import (
    alerts,
    channels,
    data,
    health,
    language,
    market,
    rules,
    screens,
    series,
    session,
    stocks,
    symbol,
    watchlists,
)

BLUEPRINTS: tuple[APIBlueprint, ...] = (
    session.bp,
    stocks.bp,
    series.bp,
    symbol.bp,
    market.bp,
    language.bp,
    data.bp,
    rules.bp,
    screens.bp,
    alerts.bp,
    channels.bp,
    watchlists.bp,
    health.bp,
)
