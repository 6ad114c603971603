"""How senders write, by the name that `HOOK_NAME_FORMAT` has for it."""

from collections.abc import Mapping

from bot.sources.hook.formats.alertmanager import Alertmanager
from bot.sources.hook.formats.grafana import Grafana
from bot.sources.hook.formats.own import Own
from bot.sources.hook.told import Format

FORMATS: Mapping[str, Format] = {
    "own": Own(),
    "zabbix": Own(),  # our media type writes it
    "alertmanager": Alertmanager(),
    "grafana": Grafana(),
}
