"""The stage's gateways by name: what the bot must be set to for each, and the phones that it reaches."""

from collections.abc import Callable, Mapping
from typing import Literal

from bot.simulator.stage.gateways.base import Gateway
from bot.simulator.stage.gateways.cloud import Cloud
from bot.simulator.stage.gateways.matrix import Matrix
from bot.simulator.stage.gateways.opa import Opa

GatewayName = Literal["matrix", "cloud", "opa"]
GATEWAYS: Mapping[GatewayName, Callable[[int], Gateway]] = {"matrix": Matrix, "cloud": Cloud, "opa": Opa}
