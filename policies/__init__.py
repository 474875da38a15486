"""County packs: what differs between counties, as data, each value with its source."""

from __future__ import annotations

from policies.loader import load_packs
from policies.pack import Explained, Pack, Packs, PolicyError

__all__ = ["Explained", "Pack", "Packs", "PolicyError", "load_packs"]
