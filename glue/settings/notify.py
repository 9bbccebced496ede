"""Telling people."""

from __future__ import annotations

from pydantic import SecretStr

from glue.settings.group import Group, setting


class Notify(Group):
    """Notifications: what people are told, through Apprise."""

    secret_key: SecretStr = setting(
        SecretStr(""),
        "GLUE_SECRET_KEY",
        "Seals the addresses of notification targets; generated. To replace it: new,old.",
    )
    schemes: str = setting(
        "mailto,mailtos,ntfy,ntfys,tgram,slack,discord,workflows,matrix,matrixs,gotify,"
        "gotifys,pover,rocket,rockets,mmost,mmosts,signal,signals,twilio,opsgenie,pagerduty,"
        "mqtt,mqtts,json,jsons,xml,xmls,form,forms",
        "NOTIFY_SCHEMES",
        "Kinds of targets that may be used, as Apprise names them, separated by commas.",
        pattern=r"^\s*[a-z0-9]+(\s*,\s*[a-z0-9]+)*\s*$",
    )
    timeout: float = setting(
        10.0, "NOTIFY_TIMEOUT", "How long a target may take to answer.", "s", gt=0, le=60
    )
    retry_first: float = setting(
        10.0,
        "NOTIFY_RETRY_FIRST",
        "The wait after a message that failed; then twice as long each time, at most an hour.",
        "s",
        gt=0,
    )
    tries: int = setting(
        32, "NOTIFY_TRIES", "Then a message is given up: after a day.", "tries", ge=1, le=1000
    )

    @property
    def allowed(self) -> frozenset[str]:
        """The kinds of targets."""
        return frozenset(one.strip() for one in self.schemes.split(","))
