"""What must hold when a world has come to rest: nothing lost, nothing told twice, every end accounted for."""

from collections import Counter

from simulation.world import ACCEPTING, POLICY, World

from marketbell.core.alerts.plan import IN_APP
from marketbell.ports.ledger import ENDED_STATES, Delivery, Firing
from marketbell.ports.stores import LOCAL_OWNER


def broken(world: World, *, is_replayed: bool = False) -> list[str]:
    """Every law that this world breaks, in words. A replay begins to count attempts anew."""
    found = world.stores.ledger.firings(LOCAL_OWNER, 1_000_000)
    deliveries = {one.delivery_id: one for _, several in found for one in several}
    return [
        *world.faults,
        *_ledger(world, [firing for firing, _ in found]),
        *_ends(world, found),
        *_told(world, deliveries),
        *([] if is_replayed else _attempts(world, deliveries)),
    ]


def still_dead(world: World) -> list[str]:
    """Dead letters that a replay with everything in order did not empty, but for those without any channel."""
    found = world.stores.ledger.firings(LOCAL_OWNER, 1_000_000)
    return [
        f"{one.channel} {one.delivery_id} is dead still: {one.error}"
        for _, several in found
        for one in several
        if one.state == "dead" and "there is no channel" not in one.error and "removed" not in one.error
    ]


def _ledger(world: World, found: list[Firing]) -> list[str]:
    """The ledger is what the log says: each firing once, as the engine derived it."""
    wanted = {firing.firing_id: firing for entry in world.log for firing in entry}
    mine = {firing.firing_id: firing for firing in found}
    said = [f"the firing {key} is lost" for key in wanted.keys() - mine.keys()]
    said += [f"the firing {key} came from nowhere" for key in mine.keys() - wanted.keys()]
    said += [
        f"the firing {key} is another than the log's"
        for key in wanted.keys() & mine.keys()
        if (mine[key].values, mine[key].event_time) != (wanted[key].values, wanted[key].event_time)
    ]
    if len(found) != len(mine):
        said.append("a firing stands in the ledger twice")
    return said


def _ends(world: World, found: list[tuple[Firing, list[Delivery]]]) -> list[str]:
    """Every firing has its plan, every delivery its end, and every end that is no success its reason."""
    said = []
    if world.stores.ledger.oldest_unsent() is not None:
        said.append("something waits still, an hour after the last fault")
    for firing, deliveries in found:
        if not firing.suppressed and IN_APP not in {one.channel for one in deliveries}:
            said.append(f"the firing {firing.firing_id} has no place in the inbox")
        for one in deliveries:
            if one.state not in ENDED_STATES:
                said.append(f"{one.channel} {one.delivery_id} is left {one.state}")
            elif one.state != "sent" and not one.error and one.state != "carried":
                said.append(f"{one.channel} {one.delivery_id} is {one.state} without a word why")
            if one.state == "maybe_sent" and one.delivery_id not in world.unsure:
                said.append(f"{one.channel} {one.delivery_id} is maybe_sent, and nothing happened to it")
    return said


def _told(world: World, deliveries: dict[str, Delivery]) -> list[str]:
    """What is said to be sent was told; one key a message; without keys nothing is told twice."""
    said = []
    for provider in (world.hook, world.slack):
        kind = provider.kind
        told = Counter(call.key for call in provider.calls if call.way in ACCEPTING)
        mine = {key: one for key, one in deliveries.items() if one.channel == kind}
        heard = {(call.key, firing) for call in provider.calls if call.way in ACCEPTING for firing in call.firings}
        for key, one in mine.items():
            carrier = one.carried_by or key
            if one.state == "carried" and deliveries[carrier].state not in {"sent", "maybe_sent", "dead"}:
                said.append(f"{kind} {key} is carried by {carrier}, which is {deliveries[carrier].state}")
            is_said = one.state == "sent" or (one.state == "carried" and deliveries[carrier].state == "sent")
            if is_said and (carrier, one.firing_id) not in heard:
                said.append(f"{kind} {key} is {one.state}, and was not told")
        said += [f"{kind} was told {key}, of which the outbox knows nothing" for key in told.keys() - mine.keys()]
        keys = {(firing, call.key) for call in provider.calls for firing in call.firings}
        twice = [firing for firing, count in Counter(firing for firing, _ in keys).items() if count > 1]
        said += [f"{kind} was told {firing} under two keys" for firing in twice]
        if not provider.honours_key:
            said += [f"{kind} was told {key} {times} times" for key, times in told.items() if times > 1]
        said += [
            f"{kind} {key} was told, and is called {mine[key].state}"
            for key in told.keys() & mine.keys()
            if mine[key].state not in {"sent", "maybe_sent", "dead"}
            or (mine[key].state == "dead" and key not in world.unsure)
        ]
    return said


def _attempts(world: World, deliveries: dict[str, Delivery]) -> list[str]:
    """Nobody is asked more often than the policy allows, nor oftener than is written down."""
    asked = Counter(call.key for provider in (world.hook, world.slack) for call in provider.calls)
    said = [
        f"{one.channel} {key} was tried {one.attempts} times"
        for key, one in deliveries.items()
        if one.attempts > POLICY.attempts
    ]
    said += [
        f"{deliveries[key].channel} {key} was asked {times} times and tried {deliveries[key].attempts}"
        for key, times in asked.items()
        if key in deliveries and times > deliveries[key].attempts
    ]
    return said
