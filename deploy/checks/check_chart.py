"""Lints and renders the Helm chart with Helm's own engine, and checks what comes out against the schemas of Kubernetes.

Run by `make deploy-check`, which installs the packages of requirements.txt: Helm as a library, and the schemas.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from helm_python import chart, errors

CHART = Path(__file__).parents[1] / "helm" / "botticelli"
VERSIONS = ("1.30", "1.37")
"""The oldest and the newest Kubernetes that the manifests are checked for."""
NOT_KUBERNETES = ("ScaledObject",)
"""Kinds of other projects, which `kubernetes_validate` has no schema of."""
CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "everything": {
        "image": {"digest": f"sha256:{'0' * 64}", "pullSecrets": [{"name": "registry"}]},
        "settings": '[worker]\nlease_seconds = 20\n\n[drivers.anthropic]\napi_key_command = "op read op://a/b"\n',
        "environment": {"BOTTICELLI_DATABASE__POOL_SIZE": 30},
        "worker": {"nodeSelector": {"disk": "ssd"}, "tolerations": [{"key": "spot", "operator": "Exists"}]},
        "serve": {
            "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "tls", "annotations": {"a": "b"}},
            "disruptionBudget": {"enabled": True},
            "allowedFrom": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}],
        },
        "keda": {"enabled": True},
        "networkPolicy": {"extraEgress": [{"to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}]}]},
        "serviceAccount": {"annotations": {"iam": "role"}},
    },
    "workers only": {
        "serve": {"enabled": False},
        "metrics": {"enabled": False},
        "migrate": {"enabled": False},
        "networkPolicy": {"enabled": False},
        "serviceAccount": {"create": False},
    },
}
REFUSED: dict[str, dict[str, Any]] = {
    "replicas": {"worker": {"replicas": -1}},
    "threads": {"worker": {"threads": "many"}},
    "replica": {"worker": {"replica": 2}},
    "digest": {"image": {"digest": "latest"}},
    "port": {"serve": {"port": 80}},
    "keys": {"secret": {"keys": ["NOT-A-VARIABLE"]}},
    "prometheus": {"keda": {"prometheus": "prometheus:9090"}},
}
"""Values that the schema must refuse, by a word of the message."""


def main() -> int:
    """Print every problem; return the exit code."""
    problems = [*_lint(), *_refusals()]
    count = 0
    with chart.Chart.load(CHART) as loaded:
        for case, values in CASES.items():
            for upgrade in (False, True):
                manifests = loaded.render(values, name="botticelli", namespace="botticelli", is_upgrade=upgrade)
                for document in _documents(manifests):
                    count += 1
                    problems += [f"{case}: {_name(document)}: {problem}" for problem in _judged(document)]
    print("\n".join(problems) or f"chart: {len(CASES)} sets of values, {count} manifests, {len(REFUSED)} refusals")
    return 1 if problems else 0


def _lint() -> Iterator[str]:
    for case, values in CASES.items():
        for message in chart.lint(CHART, values, strict=True)["messages"]:
            if message["severity"] > 1:
                yield f"lint, {case}: {message['path']}: {message['error']}"


def _refusals() -> Iterator[str]:
    with chart.Chart.load(CHART) as loaded:
        for word, values in REFUSED.items():
            try:
                loaded.validate_schema(values)
                yield f"the schema takes {values}"
            except errors.HelmError as error:
                if word not in str(error):
                    yield f"{values}: the message doesn't name {word}: {error}"


def _documents(manifests: dict[str, str]) -> Iterator[dict[str, Any]]:
    for file, text in sorted(manifests.items()):
        if not file.endswith(".txt"):
            yield from (document for document in yaml.safe_load_all(text) if document)


def _name(document: dict[str, Any]) -> str:
    return f"{document['kind']} {document['metadata']['name']}"


def _judged(document: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a manifest: its form, and what every pod must have."""
    if document["kind"] not in NOT_KUBERNETES:
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                yield f"{version}: {'.'.join(map(str, error.path))}: {error.message}"
    else:
        trigger = document["spec"]["triggers"][0]["metadata"]
        if not trigger["query"].endswith(" or vector(0)") or trigger["ignoreNullValues"] != "false":
            yield "an empty answer of Prometheus would be taken for a number"
    pod = document.get("spec", {}).get("template", {}).get("spec")
    if pod:
        yield from _judged_pod(pod)


def _judged_pod(pod: dict[str, Any]) -> Iterator[str]:
    (container,) = pod["containers"]
    if not pod["securityContext"]["runAsNonRoot"] or pod["automountServiceAccountToken"] or pod["enableServiceLinks"]:
        yield "the pod may be root, has a token of the cluster, or the variables of Services"
    secured = container["securityContext"]
    if secured["allowPrivilegeEscalation"] or not secured["readOnlyRootFilesystem"]:
        yield "the container may gain privileges, or write its own image"
    if secured["capabilities"] != {"drop": ["ALL"]}:
        yield "the container has capabilities"
    if any(variable["name"].endswith(("_URL", "_KEY", "_TOKEN")) for variable in container["env"]):
        yield "a secret is a variable, not a file"
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    if mounted != {volume["name"] for volume in pod["volumes"]}:
        yield "volumes and mounts differ"


if __name__ == "__main__":
    sys.exit(main())
