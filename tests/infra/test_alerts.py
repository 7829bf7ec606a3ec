"""Alerts reach who is to be told, and never fail whoever sends them (S1.6)."""

from __future__ import annotations

import io
import logging
import time

import pytest
from receivers import receiver

from modelry.core.errors import Invalid
from modelry.infra import AlertsService

pytestmark = pytest.mark.filterwarnings(
    "ignore:'imghdr' is deprecated:DeprecationWarning"  # apprise's mail imports it before 3.13
)

LINKS = [
    "slack://TokenA1234/TokenB1234/TokenC123412341234123412/#general",
    "workflows://prod-1.logic.azure.com:443/workflow1/signature1",
    "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
    "mailto://user:sesame@example.com",
    "json://127.0.0.1/alerts?token=sesame",
]


def test_an_alert_reaches_every_receiver() -> None:
    with receiver() as one, receiver() as other:
        with AlertsService((one.url, other.url)) as alerts:
            assert alerts.notify("Deployed", "churn:3 is in production")
        for each in (one, other):
            (got,) = each.got
            assert (got["title"], got["message"]) == ("Deployed", "churn:3 is in production")


def test_where_nobody_is_to_be_told_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()
    assert AlertsService(out=out, app_name="trainer").notify("Deployed", "churn:3")
    assert out.getvalue() == "[trainer] Deployed: churn:3\n"
    AlertsService().notify("Done")
    assert capsys.readouterr().err == "[modelry] Done\n"


@pytest.mark.parametrize("url", LINKS, ids=lambda url: url.partition(":")[0])
def test_chat_mail_and_webhooks_are_known_by_their_address(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with AlertsService((url,)) as alerts:
        assert repr(alerts) == f"<AlertsService of modelry: {url.partition(':')[0]}>"
    assert caplog.text == ""


def test_a_receiver_that_refuses_is_logged_and_fails_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with receiver(500) as broken, receiver() as fine:
        assert not AlertsService((broken.url, fine.url)).notify("Deployed", "churn:3")
        assert len(fine.got) == 1
    assert "an alert to json was not taken" in caplog.text


def test_a_receiver_that_says_nothing_costs_no_more_than_the_timeout(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with receiver(silent=True) as silent:
        patient = f"{silent.url}?rto=60"
        with AlertsService((patient,) * 30, timeout=0.5) as alerts:
            begun = time.monotonic()
            assert not alerts.notify("Deployed")
            assert time.monotonic() - begun < 10  # one after the other would take 15
    assert "an alert to json had no answer in 0.5 seconds" in caplog.text


def test_an_address_that_means_nothing_is_logged_without_what_is_in_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with receiver() as fine:
        logging.getLogger("apprise").setLevel(logging.DEBUG)
        alerts = AlertsService(("nothing://user:sesame@host", "${ABSENT_ADDRESS}", fine.url))
        assert not alerts.notify("Deployed")
        assert len(fine.got) == 1
    assert "Unparseable URL nothing://********" in caplog.text
    assert "no alert can be sent to nothing from here" in caplog.text
    assert "ABSENT_ADDRESS, which is not set" in caplog.text
    assert "sesame" not in caplog.text + repr(alerts)


def test_addresses_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as one:
        monkeypatch.setenv("ALERTS_AT", one.url)
        monkeypatch.setenv("MODELRY_ALERT_URLS", "${ALERTS_AT}")
        assert AlertsService().notify("Deployed")
        assert len(one.got) == 1


def test_secrets_are_not_told_to_receivers() -> None:
    out = io.StringIO()
    AlertsService(out=out).notify("Failed", "https://ada:sesame@host/x?token=sesame refused")
    assert out.getvalue() == "[modelry] Failed: https://********@host/x?token=******** refused\n"


def test_the_desktop_is_asked_where_there_is_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "modelry.infra.alerts")
    with AlertsService(("desktop",), timeout=2) as alerts:
        reached = alerts.notify("Deployed")
    assert reached or "desktop" in caplog.text


def test_an_alert_waits_for_some_time() -> None:
    with pytest.raises(Invalid, match="waits for more than 0 seconds"):
        AlertsService(("json://127.0.0.1",), timeout=0).start()
