"""What the image, the compose file and the example settings name is there."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from bot.config import Settings

ROOT = Path(__file__).parents[2]
SETTINGS = {f"TIANXIN_{field.name.upper()}" for field in fields(Settings)}
OF_COMPOSE = {"TIANXIN_VERSION"}
FILES = ("compose.yaml", "Dockerfile", ".env.example", "docs/runbook.md")


def named(file: str) -> set[str]:
    return set(re.findall(r"TIANXIN_[A-Z_]+", (ROOT / file).read_text(encoding="utf-8")))


def test_every_setting_that_is_named_is_one() -> None:
    """A process refuses to start with a setting nobody knows."""
    for file in FILES:
        assert named(file) <= SETTINGS | OF_COMPOSE, file


def test_what_compose_asks_for_stands_in_the_example() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "compose.yaml").read_text(encoding="utf-8")))
    given = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    assert asked == given


def test_the_image_takes_every_room_and_nothing_that_is_not_there() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    taken = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    paths = {path for line in taken for path in line.split()}
    assert all((ROOT / path).exists() for path in paths)
    packaged = re.search(
        r"^packages = \[(.+?)\]", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M | re.S
    )
    assert packaged is not None
    rooms = set(re.findall(r'"([a-z]+)"', packaged[1]))
    assert rooms <= paths
