"""A model gets another name: everything goes along, and the old name never comes back."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelry.core.errors import Conflict, Invalid, NotFound, RegistryError
from modelry.core.registry import Registry
from modelry.core.selection import TITLE
from modelry.core.service import Service
from modelry.core.verbs import rename as verb
from modelry.core.verbs.world import World
from modelry.stores.memory import MemoryStore
from modelry.testing.fakes import world_on

MakeFile = Callable[..., Path]


@pytest.fixture
def service(world: World) -> Service:
    return Service(world)


@pytest.fixture
def fraud(service: Service, model_file: MakeFile) -> Service:
    """Four versions: 1 and 3 went live, 4 was deleted; an alias, tags, descriptions."""
    for number in (1, 2, 3, 4):
        service.register("fraud", model_file(f"bytes {number}"), version=f"1.{number}.0",
                         metrics={"auc": number / 10}, tags={"n": str(number)})  # fmt: skip
    service.promote("fraud:1", "production")
    service.promote("fraud:3", "production")
    service.promote("fraud:2", "staging")
    service.alias("fraud", "champion", "3")
    service.describe("fraud", "finds fraud")
    service.tag("fraud:3", {"checked": "yes"})
    service.delete("fraud:4")
    return service


def test_everything_goes_along(fraud: Service) -> None:
    before = {each.number: each for each in fraud.versions("fraud")}
    made = fraud.rename("fraud", "card-fraud", comment="clearer")
    assert (made.name, made.description, made.last_number) == ("card-fraud", "finds fraud", 4)
    assert (made.author, made.created) == (before[1].author, before[1].created)
    after = {each.number: each for each in fraud.versions("card-fraud")}
    assert after.keys() == before.keys() == {1, 2, 3}
    for number, version in after.items():
        for fact in ("version", "digest", "files", "stage", "aliases", "tags", "metrics", "author",
                     "created", "description"):  # fmt: skip
            assert getattr(version, fact) == getattr(before[number], fact), fact
    assert fraud.resolve("card-fraud@production").number == 3
    assert fraud.resolve("card-fraud@champion").number == 3
    assert fraud.resolve("card-fraud@staging").number == 2
    assert fraud.use("card-fraud:3").read_text() == "bytes 3"
    assert fraud.audit().problems == ()
    assert fraud.audit("card-fraud").problems == fraud.audit("fraud").problems == ()


def test_a_rollback_finds_its_way_under_the_new_name(fraud: Service) -> None:
    fraud.rename("fraud", "card-fraud")
    assert fraud.rollback("card-fraud").number == 1
    with pytest.raises(Conflict, match="no earlier version"):
        fraud.rollback("card-fraud")
    assert fraud.audit("card-fraud").problems == ()


def test_numbers_and_labels_are_not_given_out_again(fraud: Service, model_file: MakeFile) -> None:
    fraud.rename("fraud", "card-fraud")
    with pytest.raises(Conflict, match="was deleted and never comes back"):
        fraud.register("card-fraud", model_file("bytes 4"), version="1.4.0")
    assert fraud.register("card-fraud", model_file("bytes 5")).number == 5


def test_the_old_name_is_a_tombstone_with_its_history(fraud: Service, model_file: MakeFile) -> None:
    fraud.rename("fraud", "card-fraud")
    with pytest.raises(NotFound):
        fraud.resolve("fraud:1")
    with pytest.raises(Conflict, match="not given out again"):
        fraud.register("fraud", model_file("new"))
    with pytest.raises(Conflict, match="not given out again"):
        fraud.rename("card-fraud", "fraud")
    history = fraud.history("fraud")
    assert history.events[0].kind == "model.renamed"
    assert history.events[0].body["renamed_to"] == "card-fraud"
    new = fraud.history("card-fraud").events[-1]
    assert new.body["up_to"] == [history.events[1].seq, history.events[1].hash]


def test_the_bytes_belong_to_the_new_name_alone(fraud: Service) -> None:
    fraud.rename("fraud", "card-fraud")
    assert fraud.gc(grace=0).blobs == 0
    assert fraud.purge("card-fraud:4").blobs == 1
    fraud.delete("card-fraud:1")
    assert fraud.purge("card-fraud:1").bytes == len("bytes 1")
    fraud.rename("card-fraud", "third")
    assert fraud.audit().problems == ()
    assert fraud.verify().problems == ()


def test_an_export_carries_a_renamed_model(fraud: Service, tmp_path: Path) -> None:
    fraud.rename("fraud", "card-fraud")
    for name in (None, "card-fraud"):
        stream = io.BytesIO()
        fraud.export(stream, name)
        stream.seek(0)
        with Registry(world_on(MemoryStore(), tmp_path / f"other-{name}")) as other:
            other.import_(stream) if name else other.restore(stream)
            assert other.resolve("card-fraud@production").number == 3
            assert other.use("card-fraud:3").read_text() == "bytes 3"
            assert other.audit().problems == ()
            assert other.rollback("card-fraud").number == 1


def test_a_title_is_kept_where_it_cannot_be_the_name(fraud: Service) -> None:
    made = fraud.rename("fraud", "card.1", title="card fraud é")
    assert made.tags[TITLE] == "card fraud é"
    assert TITLE not in fraud.rename("card.1", "plain").tags


def test_what_cannot_be_renamed_is_refused(
    fraud: Service, model_file: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    fraud.register("other", model_file("other"))
    with pytest.raises(Conflict, match="there is a model other already"):
        fraud.rename("fraud", "other")
    with pytest.raises(NotFound):
        fraud.rename("nothing", "new")
    fraud.create_project("risk")
    with pytest.raises(Invalid, match="stays in its project"):
        fraud.rename("fraud", "risk/fraud")
    monkeypatch.setattr(verb, "MAX_VERSIONS", 3)
    with pytest.raises(Conflict, match="more than 3 versions"):
        fraud.rename("fraud", "card-fraud")
    assert fraud.resolve("fraud@production").number == 3


def test_a_model_without_versions_is_renamed_too(service: Service) -> None:
    service.create_model("empty", tags={"a": "b"})
    assert service.rename("empty", "full").tags == {"a": "b"}
    assert service.audit().problems == ()


def test_a_version_is_retired_with_its_aliases_but_not_while_it_is_live(fraud: Service) -> None:
    with pytest.raises(Conflict, match="production names version 3"):
        fraud.retire("fraud:3")
    fraud.promote("fraud:1", "staging", displace="keep")
    fraud.alias("fraud", "old", "1")
    fraud.retire("fraud:1")
    assert fraud.resolve("fraud@staging").number == 2
    with pytest.raises(NotFound):
        fraud.resolve("fraud@old")
    with pytest.raises(Conflict):
        fraud.retire("fraud")
    fraud.archive("fraud:3")
    fraud.retire("fraud")
    with pytest.raises(NotFound):
        fraud.model("fraud")
    assert fraud.audit().problems == ()


VERBS = ["register", "production", "archived", "alias", "unalias", "rollback", "delete", "tag"]
STEPS = st.lists(st.tuples(st.sampled_from(VERBS), st.integers(1, 4)), max_size=10)


def step(service: Service, name: str, verb: str, number: int, folder: Path) -> str | None:
    """Do something with a model; answer the kind of the refusal, if there is one."""
    path = folder / "model.bin"
    path.write_text(f"{verb} {number}")
    deeds: dict[str, Callable[[], object]] = {
        "register": lambda: service.register(name, path),
        "alias": lambda: service.alias(name, "champion", str(number)),
        "unalias": lambda: service.remove_alias(name, "champion"),
        "rollback": lambda: service.rollback(name),
        "delete": lambda: service.delete(f"{name}:{number}"),
        "tag": lambda: service.tag(f"{name}:{number}", {"k": str(number)}),
    }
    try:
        deeds.get(verb, lambda: service.promote(f"{name}:{number}", verb))()
    except RegistryError as refusal:
        return refusal.code
    return None


def standing(service: Service, name: str) -> object:
    found = service.versions(name)
    pointers = service.history(name).pointers
    return pointers, [(each.number, each.version, each.stage, each.digest, each.aliases, each.tags)
                      for each in found]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(before=STEPS, after=STEPS)
@example(before=[("register", 1), ("register", 1), ("production", 1), ("production", 2)],
         after=[("rollback", 1), ("rollback", 1)])  # fmt: skip
def test_a_renamed_model_goes_on_as_if_it_had_always_been_called_so(
    before: list[tuple[str, int]], after: list[tuple[str, int]]
) -> None:
    with TemporaryDirectory() as place:
        folder = Path(place)
        renamed = Service(world_on(MemoryStore(), folder / "renamed"))
        always = Service(world_on(MemoryStore(), folder / "always"))
        for verb, number in [("register", 1), *before]:
            told = step(renamed, "old", verb, number, folder)
            assert told == step(always, "new", verb, number, folder)
        renamed.rename("old", "new")
        for verb, number in after:
            told = step(renamed, "new", verb, number, folder)
            assert told == step(always, "new", verb, number, folder), verb
        assert standing(renamed, "new") == standing(always, "new")
        assert renamed.audit().problems == ()
