"""Property tests without a stop-watch: a busy machine is no bug."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("tianxin", deadline=None)
settings.load_profile("tianxin")
