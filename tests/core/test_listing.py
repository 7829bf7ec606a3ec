"""Lists with a total, counts, and ids: of what one may read, and of nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from modelry.core.access import EVERYWHERE, Role
from modelry.core.errors import Invalid, NotFound
from modelry.core.events import EventKind, LogFilter
from modelry.core.model import uid
from modelry.core.registry import Registry
from modelry.core.service import Service
from modelry.core.verbs.listing import MAX_SKIP
from modelry.core.verbs.world import World
from modelry.testing.fakes import acting

MakeFile = Callable[..., Path]


@pytest.fixture
def full(world: World, model_file: MakeFile) -> World:
    """A registry of two projects; `ada` reads `lab`, and `secret` is not hers."""
    registry = Registry(world)
    for project in ("lab", "secret"):
        registry.create_project(project)
        for name in ("Alpha", "alphabet", "beta", "m"):
            registry.create_model(f"{project}/{name}", description=project)
        for number in range(1, 6):
            registry.register(f"{project}/m", model_file(f"{project}{number}"), tags={"t": "same"})
        registry.promote(f"{project}/m:1", "production")
        registry.promote(f"{project}/m:2", "staging")
        registry.delete(f"{project}/m:5")
    registry.delete("secret/beta")
    return world


@pytest.fixture
def ada(full: World) -> Service:
    return Service(acting(full, "ada", {"lab": Role.READER}))


def names(found: object) -> list[str]:
    return [each.model.full_name for each in found.items]  # type: ignore[attr-defined]  # a page


def test_a_page_of_models_says_how_many_there_are(full: World) -> None:
    service = Service(full)
    whole = service.find_models()
    assert names(whole) == ["lab/Alpha", "lab/alphabet", "lab/beta", "lab/m",
                            "secret/Alpha", "secret/alphabet", "secret/m"]  # fmt: skip
    assert whole.total == 7
    part = service.find_models(skip=3, limit=2)
    assert (names(part), part.total) == (["lab/m", "secret/Alpha"], 7)
    assert service.find_models(skip=7).items == ()
    named = service.find_models("LAB", "ALPHA")
    assert (names(named), named.total) == (["lab/Alpha", "lab/alphabet"], 2)
    assert service.find_models(contains="%").total == 0
    with pytest.raises(NotFound, match="no project 'absent'"):
        service.find_models("absent")


def test_a_page_of_versions_says_how_many_there_are(full: World) -> None:
    service = Service(full)
    page = service.find_versions("lab/m", skip=1, limit=2)
    assert ([each.number for each in page.items], page.total) == ([3, 2], 4)
    staged = service.find_versions("lab/m", stage="Production")
    assert ([each.number for each in staged.items], staged.total) == ([1], 1)
    assert service.find_versions("lab/m", stage="archived").total == 0
    with pytest.raises(Invalid, match="stage"):
        service.find_versions("lab/m", stage="nowhere")
    with pytest.raises(NotFound):
        service.find_versions("lab/absent")


@pytest.mark.parametrize("skip", [-1, MAX_SKIP + 1])
def test_a_leap_has_bounds(full: World, skip: int) -> None:
    with pytest.raises(Invalid, match="follow `next` for long lists"):
        Service(full).find_models(skip=skip)
    with pytest.raises(Invalid, match="follow `next` for long lists"):
        Service(full).find_versions("lab/m", skip=skip)


def test_what_to_look_for_is_text(full: World) -> None:
    with pytest.raises(Invalid, match="the name to look for"):
        Service(full).find_models(contains="\0")
    with pytest.raises(Invalid, match="a page holds"):
        Service(full).find_models(limit=0)
    with pytest.raises(Invalid, match="the cursor holds"):
        Service(full).models(cursor="\0")


def test_counts_are_of_what_lives(full: World, ada: Service) -> None:
    found = Service(full).summary("lab")
    assert (found.models, found.versions) == (4, 4)
    assert found.stages == {"none": 2, "production": 1, "staging": 1}
    assert ada.summary() == ada.summary("lab") == found
    assert Service(full).summary().versions == 8
    with pytest.raises(NotFound, match="no project 'absent'"):
        Service(full).summary("absent")
    nothing = Service(acting(full, "eve")).summary()
    assert (nothing.models, nothing.versions, dict(nothing.stages)) == (0, 0, {})


def test_an_id_means_a_model_or_a_version(full: World, ada: Service) -> None:
    assert ada.identify_model(uid("lab", "alpha")) == "lab/Alpha"
    assert ada.identify_version(uid("lab", "m", 3)) == "lab/m:3"
    assert Service(full).identify_version(uid("secret", "m", 5)) == "secret/m:5"
    for wrong in (uid("lab", "m", 9), uid("lab", "m"), "", "\0", "m:1", uid("lab", "m").upper()):
        with pytest.raises(NotFound, match="there is no version with the id"):
            Service(full).identify_version(wrong)
    denied = LogFilter(kinds=frozenset({EventKind.DENIED}))
    assert not Registry(full).log(wanted=denied), "who reads everything was denied nothing"


def test_an_id_of_others_is_one_that_is_not_there(full: World, ada: Service) -> None:
    foreign = (uid("secret", "m"), uid("secret", "m", 1))
    absent = (uid("absent", "m"), uid("absent", "m", 1))
    words = []
    for model, version in (foreign, absent):
        for identify, each in ((ada.identify_model, model), (ada.identify_version, version)):
            with pytest.raises(NotFound) as error:
                identify(each)
            assert error.value.facts == {"id": each}
            words.append(error.value.message.replace(each, "X"))
    assert words[:2] == words[2:]
    denied = Registry(full).log(wanted=LogFilter(kinds=frozenset({EventKind.DENIED}))).items
    assert len(denied) == 4, "what is absent leaves the same record"


def test_stamps_say_when_and_who(full: World) -> None:
    service = Service(full)
    versions = service.versions("lab/m").items
    found = service.stamps([*versions, *service.versions("secret/m").items])
    assert found.keys() == {f"{project}/m:{number}" for project in ("lab", "secret")
                            for number in (1, 2, 3, 4)}  # fmt: skip
    assert found["lab/m:1"].approver == "ada"
    assert found["lab/m:1"].approved == found["lab/m:1"].updated
    assert found["lab/m:3"].approver is None
    with full.store.read() as view:
        assert service.look(lambda each: each.projects()) == view.projects()


def test_nothing_of_a_foreign_project_is_in_any_list(full: World, ada: Service) -> None:
    seen = [
        ada.projects(), names(ada.models()), names(ada.find_models()), ada.search("same"),
        ada.search("order by name"), ada.log(limit=1000).items, ada.summary(),
        ada.find_models(contains="alpha"),
    ]  # fmt: skip
    assert "secret" not in str(seen)
    assert "lab" in str(seen)
    assert ada.find_models().total == 4
    assert len(ada.search("same")) == 4
    for verb in (ada.models, ada.find_models, ada.summary, ada.stages, ada.project_history):
        for project in ("secret", "absent"):
            with pytest.raises(NotFound, match=f"^there is no project '{project}'; make it first"):
                verb(project)
    eve = Service(acting(full, "eve", {"nowhere": Role.ADMIN}))
    assert [*eve.projects(), *eve.models(), *eve.search(), *eve.log()] == []


def test_a_cursor_of_a_foreign_list_gives_nothing_foreign(full: World, ada: Service) -> None:
    boss = Service(full)
    for limit in range(1, 7):
        cursor = boss.models(limit=limit).next
        assert cursor is not None
        assert all(name.startswith("lab/") for name in names(ada.models(cursor=cursor)))
    assert names(ada.models(cursor="secret/Alpha")) == []
    for limit in range(1, 8):
        cursor = boss.search("same", limit=limit).next
        assert cursor is not None
        assert {each.project for each in ada.search("same", cursor=cursor)} <= {"lab"}
    pages, cursor = [], None
    while True:
        page = ada.models(limit=1, cursor=cursor)
        pages += names(page)
        cursor = page.next
        if cursor is None:
            break
    assert pages == ["lab/Alpha", "lab/alphabet", "lab/beta", "lab/m"]


def test_a_reader_of_everything_sees_projects_to_come(full: World) -> None:
    reader = Service(acting(full, "rae", {EVERYWHERE: Role.READER}))
    Registry(full).create_project("later")
    assert "later" in reader.projects()
    assert reader.find_models().total == 7
