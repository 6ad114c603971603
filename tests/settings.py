"""The settings as tests look at them: the type checker knows every adapter's, too."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bot.gateways.cloud import CloudSettings
from bot.gateways.matrix import MatrixSettings
from bot.gateways.opa import OpaSettings
from bot.process.settings import reading
from bot.process.settings.composed import Settings
from bot.process.settings.given import ENV_FILE
from bot.sources.hook import HookSettings
from bot.sources.oltcloud import OltCloudSettings
from bot.sources.smartolt import SmartOltSettings

if TYPE_CHECKING:

    class Everything(
        Settings, MatrixSettings, CloudSettings, OpaSettings, OltCloudSettings, SmartOltSettings, HookSettings
    ):
        """What `Settings` has at run time, for the type checker."""

    class Reading(reading.Reading):
        """What was read, with all of them."""

        settings: Everything


def load(env_file: Path | None = ENV_FILE, environ: Mapping[str, str] = os.environ) -> "Everything":
    return cast("Everything", reading.load(env_file, environ))


def read(env_file: Path | None = ENV_FILE, environ: Mapping[str, str] = os.environ) -> "Reading":
    return cast("Reading", reading.read(env_file, environ))
