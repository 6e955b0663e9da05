"""One blueprint a resource."""

from apiflask import APIBlueprint

from marketbell.processes.api.routes import (
    alerts,
    channels,
    data,
    dead_letters,
    delivery,
    health,
    jobs,
    language,
    links,
    market,
    options,
    preferences,
    rules,
    screens,
    series,
    session,
    silences,
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
    options.bp,
    alerts.bp,
    silences.bp,
    preferences.bp,
    dead_letters.bp,
    delivery.bp,
    links.bp,
    channels.bp,
    watchlists.bp,
    jobs.bp,
    health.bp,
)
