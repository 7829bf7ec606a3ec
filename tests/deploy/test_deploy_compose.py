"""The image and the compose file keep what they promise about safety."""

from __future__ import annotations

import re
import tomllib

import pytest
from deployed import CHECKOUT, FILES, compose, text, variables

from modelry.settings import ServerSettings

SERVICES = sorted(compose()["services"])
STAGES = re.split(r"^(?=FROM )", text("Dockerfile"), flags=re.MULTILINE)[1:]


def test_every_variable_that_a_file_sets_is_a_setting() -> None:
    known = {f"MODELRY_{name.upper()}" for name in ServerSettings.model_fields}
    assert variables() - known == set()
    assert len(variables()) >= 8


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_no_file_holds_a_secret(path: object) -> None:
    content = text(str(path))
    assert "PRIVATE KEY" not in content
    assert not re.search(r"modelry_[a-z0-9]{12}_\S|AKIA[A-Z0-9]{12}", content)
    secrets = re.findall(
        r"^\s*-?\s*\"?(\w*(?:PASSWORD|SECRET|ACCESS_KEY)\w*)\"?\s*[:=][ ]*(.*)$",
        content, re.MULTILINE,
    )  # fmt: skip
    for name, value in secrets:
        assert value in ("", '""') or value.startswith("${"), name


def test_the_image_has_two_stages_and_the_last_one_can_install_nothing() -> None:
    build, final = STAGES
    assert "pip --python" in build
    assert "uninstall --yes --root-user-action=ignore setuptools wheel pip" in final
    assert not re.search(r"apt-get|apk |pip install|gcc|curl|wget", final)
    assert "COPY --from=build /opt/modelry /opt/modelry" in final


def test_the_image_runs_as_a_numeric_user_and_writes_to_its_volume_alone() -> None:
    final = STAGES[-1]
    assert re.search(r"^USER 10001:10001$", final, re.MULTILINE)
    assert re.search(r"^VOLUME /data$", final, re.MULTILINE)
    assert "MODELRY_HOME=/data" in final
    assert final.rindex("USER ") > final.rindex("RUN ")


def test_the_image_serves_and_says_how_it_is() -> None:
    final = STAGES[-1]
    assert 'ENTRYPOINT ["modelry"]' in final
    assert 'CMD ["serve"]' in final
    assert "/health/ready" in final
    assert "HEALTHCHECK" in final


def test_the_image_is_labelled_with_the_version_that_is_built() -> None:
    version = tomllib.loads(text("pyproject.toml"))["project"]["version"]
    assert f'org.opencontainers.image.version="{version}"' in STAGES[-1]
    assert compose()["services"]["registry"]["image"] == f"modelry:{version}"
    for label in ("title", "description", "licenses"):
        assert f"org.opencontainers.image.{label}=" in STAGES[-1]


def test_the_image_is_made_with_the_versions_that_were_tested_and_extras_that_exist() -> None:
    build = STAGES[0]
    assert "--constraint constraints.txt" in build
    extras = re.search(r'"\.\[([a-z,]+)\]"', build)
    assert extras is not None
    known = tomllib.loads(text("pyproject.toml"))["project"]["optional-dependencies"]
    assert set(extras[1].split(",")) - set(known) == set()


def test_the_context_of_the_build_is_what_the_image_copies_and_nothing_else() -> None:
    lines = text(".dockerignore").splitlines()
    assert "*" in lines
    let_in = {line[1:] for line in lines if line.startswith("!")}
    copied = set(re.findall(r"^COPY (?!--)(.+) \S+$", STAGES[0], re.MULTILINE))
    assert {name for each in copied for name in each.split()} == let_in
    assert all((CHECKOUT / name).exists() for name in let_in)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_shut_in(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    user, _, group = service["user"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc"} & set(service)
    assert not any(str(each).startswith(("/", ".", "~")) for each in service["volumes"])


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned_by_a_tag(name: str) -> None:
    image = compose()["services"][name]["image"]
    assert re.fullmatch(r"[a-z0-9/.-]+:[0-9][\w.-]*", image)


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "upgrade"])
def test_every_lasting_service_has_a_health_check(name: str) -> None:
    if name == "registry":  # the image has its own
        assert "healthcheck" not in compose()["services"][name]
        return
    assert compose()["services"][name]["healthcheck"]["test"][0] == "CMD"


def test_compose_does_not_start_without_passwords_of_your_own() -> None:
    asked = set(re.findall(r"\$\{(\w+):\?[^}]+\}", text("compose.yaml")))
    assert asked == {
        "POSTGRES_PASSWORD",
        "S3_ACCESS_KEY_ID",
        "S3_SECRET_ACCESS_KEY",
        "MODELRY_HOSTS",
    }
    example = dict(
        line.split("=", 1) for line in text(".env.example").splitlines()
        if line and not line.startswith("#")
    )  # fmt: skip
    assert set(example) == asked
    assert [name for name, value in example.items() if value] == ["MODELRY_HOSTS"]


def test_what_lasts_is_in_named_volumes() -> None:
    found = compose()
    used = {each.partition(":")[0] for service in found["services"].values()
            for each in service["volumes"]}  # fmt: skip
    assert used == set(found["volumes"]) == {"registry", "database", "objects"}


def test_scratch_folders_are_asked_for_in_words_that_docker_and_podman_know() -> None:
    for service in compose()["services"].values():
        for each in service.get("tmpfs", []):
            options = each.partition(":")[2].split(",")
            assert {option.partition("=")[0] for option in options} <= {"mode", "size"}


def test_only_the_registry_can_be_reached_and_only_from_this_machine() -> None:
    found = compose()
    open_doors = {name: service["ports"] for name, service in found["services"].items()
                  if "ports" in service}  # fmt: skip
    assert open_doors == {"registry": ["127.0.0.1:8000:8000"]}
    assert found["networks"]["inside"]["internal"] is True
    for name in ("postgres", "objects", "upgrade"):
        assert found["services"][name]["networks"] == ["inside"]


def test_the_server_starts_after_the_schema_is_upgraded() -> None:
    services = compose()["services"]
    after = services["registry"]["depends_on"]
    assert after["upgrade"]["condition"] == "service_completed_successfully"
    assert services["upgrade"]["command"] == ["db", "upgrade"]
    assert services["upgrade"]["depends_on"]["postgres"]["condition"] == "service_healthy"
