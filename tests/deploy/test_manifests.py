"""The Kubernetes manifests against Kubernetes' own schemas, and against what the service says of itself."""

from __future__ import annotations

import copy
import json
from typing import Any

import kubernetes_validate
import pytest
import yaml

from deploy.board import DOCKER
from keystep.settings import Settings

VERSION = kubernetes_validate.latest_version()
RESOURCES = {
    (resource["kind"], resource["metadata"]["name"]): resource
    for path in sorted((DOCKER / "k8s").glob("*.yaml"))
    for resource in yaml.safe_load_all(path.read_text())
}
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
DEPLOYMENT = RESOURCES["Deployment", "keystep"]
POD = DEPLOYMENT["spec"]["template"]["spec"]
CONTAINER = POD["containers"][0]
SETTINGS = {f"KEYSTEP_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize("name", RESOURCES, ids="/".join)
def test_kubernetes_would_accept_it(name: tuple[str, str]) -> None:
    kubernetes_validate.validate(RESOURCES[name], VERSION, strict=True)


def test_the_validator_refuses_what_kubernetes_would() -> None:
    broken = copy.deepcopy(DEPLOYMENT)
    broken["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readinesProbe"):
        kubernetes_validate.validate(broken, VERSION, strict=True)


def test_what_is_asked_for_is_there() -> None:
    ours = {kind for kind, name in RESOURCES if name == "keystep"}
    assert ours == {"ConfigMap", "Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"}
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= CONTAINER.keys()


def test_everything_selects_the_pods_of_the_deployment() -> None:
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    selectors = [
        DEPLOYMENT["spec"]["selector"]["matchLabels"],
        RESOURCES["Service", "keystep"]["spec"]["selector"],
        RESOURCES["PodDisruptionBudget", "keystep"]["spec"]["selector"]["matchLabels"],
        RESOURCES["NetworkPolicy", "keystep"]["spec"]["podSelector"]["matchLabels"],
    ]
    assert selectors == [labels] * 4
    assert RESOURCES["HorizontalPodAutoscaler", "keystep"]["spec"]["scaleTargetRef"]["name"] == DEPLOYMENT["metadata"]["name"]


def test_it_runs_as_little_as_it_can() -> None:
    assert POD["securityContext"]["runAsNonRoot"]
    assert f"USER {POD['securityContext']['runAsUser']}\n" in (DOCKER / "service.Dockerfile").read_text()
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_a_pod_is_given_the_time_that_its_stop_takes() -> None:
    before = CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"]
    stop = Settings.model_fields["drain_seconds"].default + Settings.model_fields["grace_seconds"].default
    assert POD["terminationGracePeriodSeconds"] > before + stop
    assert int(COMPOSE["services"]["keystep"]["stop_grace_period"].removesuffix("s")) > stop


def test_only_settings_that_exist_are_set() -> None:
    assert RESOURCES["ConfigMap", "keystep"]["data"].keys() <= SETTINGS
    assert {variable["name"] for variable in CONTAINER["env"]} <= SETTINGS
    assert COMPOSE["services"]["keystep"]["environment"].keys() <= SETTINGS
    # The service looks for these names of hosts.
    assert ("Service", "redis") in RESOURCES
    assert "redis" in COMPOSE["services"]


def test_the_autoscaler_counts_what_the_service_exposes(service: Any) -> None:
    metric = RESOURCES["HorizontalPodAutoscaler", "keystep"]["spec"]["metrics"][0]["pods"]["metric"]["name"]
    assert f"\n{metric} " in service.get("/metrics").text


def test_the_overlay_gives_gpus_to_services_that_there_are() -> None:
    overlay = yaml.safe_load((DOCKER / "compose.gpu.yaml").read_text())["services"]
    assert overlay.keys() <= COMPOSE["services"].keys()
    for service in overlay.values():
        (device,) = service["deploy"]["resources"]["reservations"]["devices"]
        assert (device["driver"], device["capabilities"], len(device["device_ids"])) == ("nvidia", ["gpu"], 1)


def test_profiles_hold_what_not_everybody_wants() -> None:
    profiles = {name: service.get("profiles", []) for name, service in COMPOSE["services"].items()}
    assert profiles == {
        "gateway": [], "keystep": [], "redis": [], "prometheus": [], "grafana": ["observability"], "worker": ["train"], "llm": ["llm"],
    }  # fmt: skip


def test_grafana_finds_its_board_and_its_prometheus() -> None:
    grafana = COMPOSE["services"]["grafana"]
    mounted = dict(volume.removesuffix(":ro").split(":") for volume in grafana["volumes"])
    (provider,) = yaml.safe_load((DOCKER / "grafana/provisioning/dashboards/keystep.yaml").read_text())["providers"]
    assert mounted["./grafana/boards"] == provider["options"]["path"]
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == f"{provider['options']['path']}/keystep.json"
    (source,) = yaml.safe_load((DOCKER / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    board = json.loads((DOCKER / "grafana/boards/keystep.json").read_text())
    assert {target["datasource"]["uid"] for panel in board["panels"] for target in panel.get("targets", [])} == {source["uid"]}
    assert source["url"].startswith("http://prometheus:")


def test_a_full_redis_gives_up_extractions_and_no_job() -> None:
    """docs/redis.md: volatile-lru, for jobs have no time to live; appendonly, so that those accepted survive."""
    args = RESOURCES["StatefulSet", "redis"]["spec"]["template"]["spec"]["containers"][0]["args"]
    for given in (args, COMPOSE["services"]["redis"]["command"]):
        options = dict(zip(given[1::2], given[2::2], strict=True))
        assert options["--maxmemory-policy"] == "volatile-lru"
        assert options["--appendonly"] == "yes"
        assert "--maxmemory" in options
