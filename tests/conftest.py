"""What all tests share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Machines are noisy: how long an example takes says nothing about the law it tries.
settings.register_profile("modelyard", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("modelyard")
