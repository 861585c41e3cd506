"""What the Grafana board and the alerts ask of Prometheus."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

DOCKER = Path(__file__).parents[2] / "docker"


def board_queries() -> list[str]:
    """PromQL, with the values that Grafana would put in for its variables."""
    board = json.loads((DOCKER / "grafana/boards/keystep.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    return [query.replace("$instance", ".*").replace("$__rate_interval", "1m") for query in asked]


def alerts() -> dict[str, str]:
    """Their PromQL, by name."""
    rules = yaml.safe_load((DOCKER / "prometheus/alerts.yml").read_text())
    return {rule["alert"]: rule["expr"] for group in rules["groups"] for rule in group["rules"]}


def metrics_in(query: str) -> set[str]:
    return set(re.findall(r"\bkeystep_\w+", query))


def labels_in(query: str) -> set[str]:
    """Those it groups by or selects on."""
    by = {name.strip() for names in re.findall(r"\bby \(([^)]*)\)", query) for name in names.split(",")}
    return by | set(re.findall(r'(\w+)=~?"', query))
