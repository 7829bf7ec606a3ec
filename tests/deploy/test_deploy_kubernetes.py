"""The manifests keep to the restricted standard of pods, and the rules to figures that exist."""

from __future__ import annotations

import re

import pytest
import yaml
from deployed import CHECKOUT, KUBERNETES, documents, kustomization, manifests, pods, text
from prometheus_client import CollectorRegistry

from modelry.core.errors import RegistryError
from modelry.telemetry.metrics import REASONS, Metrics

CONTAINERS = [(kind, each) for kind, pod in pods().items() for each in pod["containers"]]
LITERALS = dict(each.split("=", 1) for each in kustomization()["configMapGenerator"][0]["literals"])


def test_the_kustomization_names_every_manifest_but_the_example_of_a_secret() -> None:
    named = set(kustomization()["resources"])
    found = {path.name for path in KUBERNETES.iterdir()}
    assert found - named == {"kustomization.yaml", "secret.example.yaml"}
    assert set(manifests()) == {
        "Namespace", "ServiceAccount", "Job", "Deployment", "Service",
        "PodDisruptionBudget", "NetworkPolicy",
    }  # fmt: skip


@pytest.mark.parametrize("kind", sorted(pods()))
def test_every_pod_is_restricted(kind: str) -> None:
    pod = pods()[kind]
    context = pod["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] == context["runAsGroup"] == 10001
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert all(set(each) & {"emptyDir", "secret"} for each in pod["volumes"])
    level = manifests()["Namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
    assert level == "restricted"


@pytest.mark.parametrize(("kind", "container"), CONTAINERS, ids=[kind for kind, _ in CONTAINERS])
def test_every_container_is_shut_in(kind: str, container: dict[str, object]) -> None:
    assert kind in pods()
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    resources = container["resources"]
    assert isinstance(resources, dict)
    assert {"cpu", "memory"} <= set(resources["requests"])
    assert "memory" in resources["limits"]
    mounts = container["volumeMounts"]
    assert isinstance(mounts, list)
    writable = {each["mountPath"] for each in mounts if not each.get("readOnly")}
    assert writable == {"/data", "/tmp"}  # noqa: S108 - the mount of a pod


def test_the_image_is_pinned_by_a_tag() -> None:
    (image,) = kustomization()["images"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", image["newTag"])
    assert {each["image"] for _, each in CONTAINERS} == {image["name"]}


def test_two_servers_are_asked_how_they_are_and_replaced_one_by_one() -> None:
    spec = manifests()["Deployment"]["spec"]
    (server,) = spec["template"]["spec"]["containers"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert server["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert server["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert manifests()["PodDisruptionBudget"]["spec"]["minAvailable"] == 1


def test_service_budget_and_policy_are_about_the_pods_of_the_deployment() -> None:
    found = manifests()
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert found["Deployment"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert found["Service"]["spec"]["selector"].items() <= labels.items()
    budget = found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]
    assert budget.items() <= labels.items()
    shut = found["NetworkPolicy"]["spec"]
    assert shut["podSelector"]["matchLabels"].items() <= labels.items()
    assert sorted(shut["policyTypes"]) == ["Egress", "Ingress"]
    upgrade = found["Job"]["spec"]["template"]["metadata"]["labels"]
    assert not found["Service"]["spec"]["selector"].items() <= upgrade.items()


def test_several_servers_share_a_database_an_object_store_and_a_key() -> None:
    assert LITERALS["MODELRY_URI"].startswith("postgresql://")
    assert "sslmode=verify-full" in LITERALS["MODELRY_URI"]
    assert LITERALS["MODELRY_BLOBS"].startswith("s3://")
    assert LITERALS["MODELRY_CHECKPOINTS"].startswith("s3://")
    (server,) = pods()["Deployment"]["containers"]
    (keys,) = [each for each in server["volumeMounts"] if each["name"] == "keys"]
    assert LITERALS["MODELRY_CHECKPOINT_KEY"] == f"{keys['mountPath']}/checkpoints.key"
    assert keys["readOnly"] is True


def test_secrets_come_from_secrets_and_the_example_has_none() -> None:
    for _, container in CONTAINERS:
        assert {"secretRef": {"name": "modelry"}} in container["envFrom"]
    example = documents(KUBERNETES / "secret.example.yaml")
    assert {value for each in example for value in each["stringData"].values()} == {""}
    assert not any("PASSWORD" in name or "SECRET" in name for name in LITERALS)
    assert "@" not in LITERALS["MODELRY_URI"].partition("//")[2].partition("@")[2]
    assert ":" not in LITERALS["MODELRY_URI"].partition("//")[2].partition("@")[0]


RULES = [rule for group in yaml.safe_load(text("deploy/prometheus/alerts.yaml"))["groups"]
         for rule in group["rules"]]  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_is_about_figures_labels_and_values_that_exist(rule: dict[str, object]) -> None:
    expression = str(rule["expr"])
    figures = Metrics(CollectorRegistry())
    names = {metric.name for metric in figures.registry.collect()}
    told = set(re.findall(r"modelry_\w+", expression)) - {"modelry"}
    assert {re.sub(r"_(total|count|bucket)$", "", name) for name in told} <= names
    codes = {kind.code for kind in RegistryError.__subclasses__()}
    assert set(re.findall(r'code="(\w+)"', expression)) <= codes
    assert set(re.findall(r'reason="(\w+)"', expression)) <= REASONS
    assert expression.count("(") == expression.count(")")
    assert rule["annotations"]
    assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"})


def test_the_proxy_passes_bytes_on_as_they_come_and_no_forged_addresses() -> None:
    nginx = text("deploy/proxy/nginx.conf")
    for line in ("client_max_body_size    0;", "proxy_request_buffering off;",
                 "proxy_buffering         off;", "X-Forwarded-For   $remote_addr;"):  # fmt: skip
        assert line in nginx
    assert "$proxy_add_x_forwarded_for" not in nginx


def test_the_unit_is_shut_in_and_leaves_time_to_stop() -> None:
    unit = text("deploy/systemd/modelry.service")
    for line in ("DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes",
                 "CapabilityBoundingSet=\n", "StateDirectory=modelry", "UMask=0077"):  # fmt: skip
        assert line in unit
    stop = re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert stop is not None
    assert int(stop[1]) > 30  # the server lets requests go on for so long
    assert (CHECKOUT / "docs" / "operate.md").is_file()
