"""``geovehicle info``: what is installed."""

from __future__ import annotations

from typing import Any

import click

from .events import json_option, one_line, plain


@click.command("info")
@click.option("--weights", metavar="NAME|FILE", help="Tell about these weights alone.")
@json_option("Print one line of JSON, with the whole provenance.")
def command(weights: str | None, as_json: bool) -> None:
    """Tell about this installation, its devices and weights."""
    from geovehicle.environment import describe_weights, devices, shipped_weights, versions

    facts: dict[str, Any]
    if weights is not None:
        facts = {"weights": [describe_weights(weights)]}
    else:
        facts = {"versions": versions(), "devices": devices(), "weights": shipped_weights()}
    if as_json:
        click.echo(one_line(facts))
    else:
        click.echo("\n".join(map(plain, _lines(facts))))


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = [f"{name} {version}" for name, version in facts.get("versions", {}).items()]
    lines += [
        f"device {device['device']}: {device['name']}, {device['precision']}"
        for device in facts.get("devices", [])
    ]
    for weights in facts["weights"]:
        lines.append(f"weights {weights['name']}")
        lines += [f"  {name}: {value}" for name, value in _about(weights).items()]
    return lines


def _about(weights: dict[str, Any]) -> dict[str, str]:
    """Return the facts about weights that fit a line each."""
    if "error" in weights:
        return {"error": weights["error"]}
    config, provenance = weights["config"], weights["provenance"]
    return {
        "classes": ", ".join(weights["classes"]),
        "ground sampling distance": f"{weights['gsd']:g} m",
        "finest search": f"{weights['finest_gsd']:.3g} m",
        "licence": weights["licence"],
        "size": f"{weights['bytes'] / 1e6:.1f} MB",
        **({"backbone": config["backbone"]} if "backbone" in config else {"model": "HOG + SVM"}),
        "boxes": "oriented" if config.get("oriented") else "horizontal",
        **({"types": ", ".join(config["types"])} if config.get("types") else {}),
        **({"int8": "prepared"} if weights.get("int8") else {}),
        "score": f"{config['score_threshold']:g}",
        **{name: _short(value) for name, value in provenance.items() if _fits(value)},
    }


def _fits(value: Any) -> bool:
    return value is not None and not isinstance(value, dict)


def _short(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
