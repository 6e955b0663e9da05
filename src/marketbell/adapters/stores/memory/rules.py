"""Rules, their versions and the commands for the log in dictionaries."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from marketbell.adapters.stores.memory.outbox import Outbox
from marketbell.core.primitives.errors import ConflictError, NotFoundError
from marketbell.ports.stores import RuleCommand, RuleVersion, StoredRule, is_same_arming


class MemoryRules:
    """Rules by uid, and commands in the order written."""

    def __init__(self, outbox: Outbox | None = None) -> None:
        self._rules: dict[str, tuple[StoredRule, int, dict[str, Any]]] = {}
        self._versions: dict[str, list[RuleVersion]] = {}
        self._armed_with: dict[tuple[str, int], dict[str, Any]] = {}
        self._outbox = outbox or Outbox()
        self._lock = threading.Lock()

    def arm(self, rule: StoredRule, instrument_id: int, payload: Mapping[str, Any]) -> StoredRule:
        """Store a rule and its command. What changed, or was disabled, becomes the next version."""
        with self._lock:
            found, place, known = self._rules.get(rule.rule_uid, (None, 0, {}))
            if found is not None:
                if found.owner_id != rule.owner_id:
                    message = f"the rule id {rule.rule_uid} is taken"
                    raise ConflictError(message)
                if is_same_arming(found, known, rule, payload):
                    kept = replace(found, group=rule.group)
                    self._rules[rule.rule_uid] = (kept, place, known)
                    return kept
                if place != int(instrument_id) and found.state != "disabled":
                    self._outbox.write(place, {"type": "disarm", "rule_uid": rule.rule_uid, "version": found.version})
            stored = replace(
                rule,
                version=found.version + 1 if found else rule.version,
                state="armed",
                created_at=found.created_at if found else rule.created_at or time.time_ns(),
                problem="",
            )
            command = {**payload, "rule_uid": stored.rule_uid, "version": stored.version}
            self._rules[stored.rule_uid] = (stored, int(instrument_id), command)
            self._armed_with[stored.rule_uid, stored.version] = command
            made_at = time.time_ns()
            self._versions.setdefault(stored.rule_uid, []).append(
                RuleVersion(stored.version, stored.text, made_at, "replaced")
            )
            self._outbox.write(instrument_id, command)
            return stored

    def disarm(self, owner_id: str, rule_uid: str) -> StoredRule:
        """Disable a rule and tell the log. Already disabled: nothing more happens."""
        with self._lock:
            rule, instrument_id, payload = self._rules.get(rule_uid, (None, 0, {}))
            if rule is None or rule.owner_id != owner_id:
                message = f"there is no rule {rule_uid}"
                raise NotFoundError(message)
            if rule.state != "disabled":
                rule = replace(rule, state="disabled")
                self._rules[rule_uid] = (rule, instrument_id, payload)
                self._outbox.write(instrument_id, {"type": "disarm", "rule_uid": rule_uid, "version": rule.version})
            return rule

    def get(self, owner_id: str, rule_uid: str) -> StoredRule | None:
        """The owner's rule of that id."""
        with self._lock:
            rule = self._rules[rule_uid][0] if rule_uid in self._rules else None
            return rule if rule is not None and rule.owner_id == owner_id else None

    def all(self, owner_id: str) -> list[StoredRule]:
        """The owner's rules, newest first."""
        with self._lock:
            rules = [rule for rule, _, _ in self._rules.values() if rule.owner_id == owner_id]
        return sorted(rules, key=lambda rule: (-rule.created_at, rule.rule_uid))

    def versions(self, owner_id: str, rule_uid: str) -> list[RuleVersion]:
        """Every wording that the owner's rule has had, newest first."""
        with self._lock:
            rule = self._rules[rule_uid][0] if rule_uid in self._rules else None
            if rule is None or rule.owner_id != owner_id:
                return []
            newest, *older = reversed(self._versions[rule_uid])
            return [replace(newest, state=rule.state), *older]

    def commands(self, versions: Sequence[tuple[str, int]]) -> dict[tuple[str, int], dict[str, Any]]:
        """The arm commands of versions, by (rule_uid, version)."""
        with self._lock:
            return {key: dict(self._armed_with[key]) for key in versions if key in self._armed_with}

    def armed(self) -> list[tuple[StoredRule, int, dict[str, Any]]]:
        """Every armed rule with its instrument and the command that armed it."""
        with self._lock:
            found = [kept for kept in self._rules.values() if kept[0].state == "armed"]
        return sorted(found, key=lambda kept: (kept[0].created_at, kept[0].rule_uid))

    def unpublished(self, limit: int = 500) -> list[RuleCommand]:
        """Commands that the log has not had, in the order written."""
        return self._outbox.unpublished(limit)

    def mark_published(self, command_ids: Sequence[int]) -> None:
        """The log has these commands."""
        self._outbox.mark_published(command_ids)

    def mark_fired(self, rule_uids: Sequence[str]) -> None:
        """These fire-once rules have had their firing."""
        with self._lock:
            for uid in rule_uids:
                if uid in self._rules and self._rules[uid][0].state == "armed":
                    rule, instrument_id, payload = self._rules[uid]
                    self._rules[uid] = (replace(rule, state="fired"), instrument_id, payload)

    def mark_problem(self, problems: Mapping[str, str]) -> None:
        """Say by uid why rules cannot be evaluated."""
        with self._lock:
            for uid, problem in problems.items():
                if uid in self._rules:
                    rule, instrument_id, payload = self._rules[uid]
                    self._rules[uid] = (replace(rule, problem=problem), instrument_id, payload)

    def wait(self, timeout_s: float) -> bool:
        """Block until a command was written since the last call, or the time is over."""
        return self._outbox.wait(timeout_s)
