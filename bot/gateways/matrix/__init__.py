"""Matrix (MatrixGo): its settings and how it is opened. README.md of this folder has the facts of its API."""

from datetime import tzinfo

from pydantic import SecretStr, ValidationInfo, field_validator

from bot.errors import StartupError
from bot.gateways.adapter import Adapter, Advice, Sending, all_templates, sending_of
from bot.gateways.matrix.matrix import Matrix
from bot.ports import Clock
from bot.process.settings.part import setting
from bot.process.settings.templates import Templates
from bot.process.settings.values import Cookie, Key, Url
from bot.tongue import said

TEMPLATES = {"LOS": "hsm_id_los", "POWER": "hsm_id_power", "RESTORED": "hsm_id_restored"}
FASTEST, SENDS = 80.0, 20  # a second and in flight, at most: README.md says why
_URL_MEND = "URL_HSM is what the provider gave, usually it ends in /rest/v1/sendHsm"


class MatrixSettings(Templates):
    """Where its API is, and whose account and templates are used."""

    url_hsm: Url = setting(
        "",
        mend="the full URL, e.g. https://isp.matrixdobrasil.ai/rest/v1/sendHsm",
        tells="The HSM API: the full URL, e.g. https://isp.matrixdobrasil.ai/rest/v1/sendHsm, and its key "
        '(no "Bearer").',
        old="HSM_URL",
    )
    token_hsm: Key = setting(SecretStr(""), mend="the key of the HSM API, without Bearer", old="HSM_TOKEN")
    hsm_account: int | None = setting(
        None,
        ge=1,
        mend="your own account in Matrix (cod_conta), a whole number; the system before this bot had "
        "1, which may be somebody else's",
        tells="Your own account in Matrix (cod_conta) and the ids of your own approved templates for LOS and "
        "for power failures. The system before this bot had 1, 114 and 116: somebody else's, unless they are "
        "yours. To see them on your own phone: python -m bot check --send-test PHONE",
    )
    hsm_id_los: int | None = setting(
        None,
        regional=True,
        ge=1,
        mend="the id of your own approved template for LOS, a whole number; the system before this "
        "bot had 114, which may be somebody else's",
    )
    hsm_id_power: int | None = setting(
        None,
        regional=True,
        ge=1,
        mend="the id of your own approved template for power failures, a whole number; the system "
        "before this bot had 116, which may be somebody else's",
    )
    cookie_hsm: Cookie = setting(
        SecretStr(""),
        mend="a Cookie header without its name, usually empty",
        tells="A Cookie header for the HSM API; usually none.",
        old="HSM_COOKIE",
    )
    hsm_id_restored: int | None = setting(
        None,
        regional=True,
        ge=1,
        mend="the id of the template for service that is back, empty for none",
        tells="The approved template that says that service is back; empty: none, and nobody is told.",
    )

    @field_validator("hsm_id_restored")
    @classmethod
    def _template_of_its_own(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and value in {info.data.get("hsm_id_los"), info.data.get("hsm_id_power")}:
            raise ValueError("is the template that tells of an outage")
        return value


def _ids(settings: MatrixSettings) -> dict[str, int]:
    ids = {template: getattr(settings, name) for template, name in TEMPLATES.items()}
    return {template: hsm for template, hsm in ids.items() if hsm is not None}


def _sending(settings: MatrixSettings) -> Sending:
    return sending_of(settings, _ids(settings), settings.hsm_account, fastest=FASTEST, sends=SENDS)


def _open(settings: MatrixSettings, zone: tzinfo, clock: Clock) -> Matrix:
    if settings.hsm_account is None:  # no reading of the settings lets none through: whose would it be?
        raise StartupError(said("{name} is not set", name="HSM_ACCOUNT"))
    templates, variables = all_templates(settings, _sending)
    return Matrix(
        settings.url_hsm,
        settings.token_hsm.get_secret_value(),
        cookie=settings.cookie_hsm.get_secret_value(),
        account=settings.hsm_account,
        templates=templates,
        variables=variables,
        include_current=settings.hsm_include_current,
        zone=zone,
        clock=clock,
        limit=_sending(settings).sends + 1,  # the probe beside the sends
    )


ADAPTER = Adapter(
    open=_open,
    settings=MatrixSettings,
    needed=("url_hsm", "token_hsm", "hsm_account", "hsm_id_los", "hsm_id_power"),
    url="url_hsm",
    templates=TEMPLATES,
    sending=_sending,
    advice=Advice(
        refused=f"check TOKEN_HSM; {_URL_MEND}",
        unreached="check URL_HSM and the way there",
        untried="it answers, but there is no list of sent messages beside URL_HSM, so neither its path nor "
        f"the key could be tried without sending: check --send-test PHONE shows it; {_URL_MEND}",
    ),
    folder=__name__,
)
