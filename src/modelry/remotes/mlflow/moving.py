"""Changes at MLflow: stages, aliases, tags, descriptions, deletions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from modelry.core.errors import Invalid, NotFound
from modelry.core.lifecycle import ARCHIVE, KEEP
from modelry.remotes.mlflow.store import Tracking
from modelry.remotes.standing import alias_key

_PLACES: Mapping[str, str | None] = {KEEP: None, ARCHIVE: "archived", "archived": "archived",
                                     "staging": "staging", "none": "none"}  # fmt: skip


class Moving:
    """Changes one MLflow registry."""

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking

    def displaced(self, stage: str, displace: str) -> str | None:
        """Answer the stage that displaced versions go to, None where they stay."""
        if displace.lower() not in _PLACES or displace.lower() == stage:
            msg = f"displaced versions cannot go to {displace}; choose archive, staging or keep"
            raise Invalid(msg, displace=displace)
        return _PLACES[displace.lower()]

    def transition(self, name: str, number: int, stage: str) -> None:
        """Put a version into a stage."""
        said = stage.capitalize()
        self._tracking.ask(
            lambda client: client.transition_model_version_stage(name, str(number), said)
        )

    def alias(self, name: str, alias: str, number: int) -> None:
        """Point an alias at a version, wherever it pointed before, in whichever letters."""
        key = alias_key(alias)
        for held in self._aliases(name):
            if held.lower() == key and held != key:
                self._tracking.ask(
                    lambda client, held=held: client.delete_registered_model_alias(name, held)  # type: ignore[misc]  # bound now
                )
        self._tracking.ask(lambda client: client.set_registered_model_alias(name, key, str(number)))

    def remove_alias(self, name: str, alias: str) -> None:
        """Take an alias away. Raises `NotFound` naming those that there are."""
        key, there = alias_key(alias), self._aliases(name)
        found = [held for held in there if held.lower() == key]
        if not found:
            msg = f"{name} has no alias {key!r}; it has: {', '.join(sorted(there)) or 'none'}"
            raise NotFound(msg, alias=key)
        self._tracking.ask(lambda client: client.delete_registered_model_alias(name, found[0]))

    def _aliases(self, name: str) -> Mapping[str, str]:
        found: Mapping[str, str] = self._tracking.registered(name).aliases
        return found

    def tag(
        self, name: str, number: int | None, tags: Mapping[str, str], gone: Iterable[str]
    ) -> None:
        """Set and remove tags, one by one: MLflow has no way to do it at once."""
        for key, value in tags.items():
            if number is None:
                self._tracking.ask(lambda client, key=key, value=value:  # type: ignore[misc]  # bound now
                                   client.set_registered_model_tag(name, key, value))  # fmt: skip
            else:
                self._tracking.ask(lambda client, key=key, value=value:  # type: ignore[misc]  # bound now
                                   client.set_model_version_tag(name, str(number), key, value))  # fmt: skip
        for key in gone:
            if number is None:
                self._tracking.ask(lambda client, key=key:  # type: ignore[misc]  # bound now
                                   client.delete_registered_model_tag(name, key))  # fmt: skip
            else:
                self._tracking.ask(lambda client, key=key:  # type: ignore[misc]  # bound now
                                   client.delete_model_version_tag(name, str(number), key))  # fmt: skip

    def describe(self, name: str, number: int | None, text: str) -> None:
        """Replace a description."""
        if number is None:
            self._tracking.ask(lambda client: client.update_registered_model(name, text))
        else:
            self._tracking.ask(lambda client: client.update_model_version(name, str(number), text))

    def delete(self, name: str, number: int | None) -> None:
        """Delete a version, or a model with all its versions."""
        if number is None:
            self._tracking.ask(lambda client: client.delete_registered_model(name))
        else:
            self._tracking.ask(lambda client: client.delete_model_version(name, str(number)))
