"""A faithful local WeChat platform: the API of api.weixin.qq.com, its pushes, and an admin interface."""

from __future__ import annotations

from simulator.app import SIMULATOR, create_simulator
from simulator.config import AccountConfig, ConfigError, SimulatorConfig, Template

__all__ = ["SIMULATOR", "AccountConfig", "ConfigError", "SimulatorConfig", "Template", "create_simulator"]
