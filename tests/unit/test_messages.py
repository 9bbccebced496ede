"""One message for one cause, readable, from any template, to any length."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glue.core import messages, sealing
from glue.core.messages import EXAMPLE, BadTemplate, Places, compose, group_key
from glue.core.pipeline_rules import PIPELINE_RULES
from glue.core.rules import RULES
from glue.messengers import apprise
from glue.settings.notify import Notify

NOTIFY = Notify()
PLACES = Places("http://grafana:3000", "Europe/Berlin", "http://glue:8000/acknowledge/t")
METRICS = sorted({rule.metric for rule in RULES})

happened = st.builds(
    lambda metric, robot, severity, occasion, title, value: replace(
        EXAMPLE,
        metric=metric,
        robot_id=robot,
        severity=severity,
        occasion=occasion,
        title=title,
        value=value,
        ended_at=EXAMPLE.since + timedelta(hours=1) if occasion == "resolved" else None,
    ),
    st.sampled_from([*METRICS, "", "something"]),
    st.sampled_from(["", "r1", "r2", "ä<b>{{x}}"]),
    st.sampled_from(["info", "warning", "critical"]),
    st.sampled_from(["opened", "raised", "resolved", "escalated", "repeated"]),
    st.text(min_size=1, max_size=60),
    st.none() | st.floats(allow_nan=True),
)


@settings(deadline=None)
@given(st.lists(happened, min_size=1, max_size=60))
def test_whatever_happened_is_one_title_line_and_a_list_that_is_cut_with_a_count(items):
    message = compose(items, PLACES)
    assert message.title and "\n" not in message.title and "\r" not in message.title
    assert len(message.title) <= 250 and len(message.body) <= messages.LONGEST
    assert "failed" not in message.body
    more = len(items) - messages.LISTED
    assert (f"and {more} more" in message.body) == (more > 0)


@settings(deadline=None)
@given(st.lists(happened, min_size=1, max_size=60))
def test_groups_hold_one_cause_and_beginnings_apart_from_ends(items):
    groups = {}
    for one in items:
        groups.setdefault(group_key(one.metric, one.occasion), []).append(one)
    for group in groups.values():
        assert len({messages.cause(one.metric) for one in group}) == 1
        assert len({one.occasion == "resolved" for one in group}) == 1
        if not messages.is_shared(group[0].metric):
            assert len({one.metric or "other" for one in group} - {"other"}) <= 1


def test_silent_robots_and_what_concerns_the_whole_stack_are_one_cause():
    of_stack = {rule.metric for rule in PIPELINE_RULES if not rule.per_robot}
    assert of_stack and {messages.cause(m) for m in {*of_stack, "silence"}} == {"outage"}
    assert messages.cause("temperature") == "temperature"


@pytest.mark.parametrize(
    "template",
    [
        "{{ nobody }}",
        "{% for %}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ items.append(1) }}",
        "{{ first.nothing }}",
        "{% include 'x' %}",
        "{% for i in range(10000000) %}{% endfor %}",
        "{{ 'x' * 10000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%10000000000d' % 1 }}",
        "{{ 'x'.ljust(10000000000) }}",
        "{{ 'x'|center(10000000000) }}",
    ],
)
def test_a_template_that_cannot_be_rendered_or_reaches_out_is_refused(template):
    with pytest.raises(BadTemplate):
        messages.check(template, None)
    told = compose([EXAMPLE], PLACES, body=template)
    assert "71.5 °C" in told.body and "template of this target failed" in told.body


def test_links_lead_to_the_panel_at_that_time():
    link = messages.dashboard_link(EXAMPLE, PLACES)
    at = int(EXAMPLE.since.timestamp() * 1000)
    assert f"from={at - 1_800_000}" in link and f"to={at + 1_800_000}" in link
    assert "var-robot=tonypi_01" in link and "/d/tonypi-robot?" in link
    assert messages.dashboard_link(EXAMPLE, replace(PLACES, grafana="")) == ""
    assert "09:00:00 CET" in compose([EXAMPLE], PLACES).body


def test_what_is_sealed_opens_with_its_key_and_with_a_later_one_beside_it():
    old, new = "o" * 32, "n" * 32
    sealed = sealing.seal(old, "json://u:p@h/")
    assert "json" not in sealed
    assert sealing.unseal(f"{new}, {old}", sealed) == "json://u:p@h/"
    with pytest.raises(sealing.SealedOtherwise):
        sealing.unseal(new, sealed)
    for none in ("", "short", f"{new},short"):
        with pytest.raises(sealing.NoKey):
            sealing.seal(none, "x")


secrets = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789", min_size=6, max_size=20)


@settings(deadline=None)
@given(secrets, secrets)
def test_no_credential_is_in_what_is_shown_or_told(password, token):
    url = f"json://bot:{password}@host.example:8080/hook?-token={token}"
    address = apprise.parse(url, {"json"})
    for shown in (address.masked, repr(address)):
        assert token not in shown
        assert f":{password}@" not in shown
    said = apprise.scrubbed(f"POST {url} failed for «{token}» and «{password}»", address)
    assert f"«{token}»" not in said and f"«{password}»" not in said


@pytest.mark.parametrize(
    "url",
    ["", "json", "syslog://", "exec://rm", "JSON://", "mailto://", "json://a b", "json://a\x00b/"],
)
def test_no_address_or_one_of_another_kind_is_refused(url):
    with pytest.raises(apprise.BadTarget):
        apprise.parse(url, {"json", "mailto"})


@pytest.mark.parametrize(
    "url",
    [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#robots?template=/etc/passwd",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js?Template=file:///etc/passwd",
        "tgram://123456789:abcdefg_hijklmnop/12345/?template=http://127.0.0.1/x",
        "mailto://u:p@example.org?pgppub=/etc/passwd",
        "mailto://u:p@example.org?wkd=yes",
        "ntfy://host/topic?attach=http://169.254.169.254/latest",
        "json://host/?redirect=yes",
        "json://host/?a=b;redirect=yes",
        "json://host/?a=b;%2Btemplate=/etc/passwd",
        "json://host/?%74emplate=/etc/passwd",
        "syslog://local",
        "vapid://host?keyfile=/etc/passwd",
        "json://169.254.169.254/latest",
        "jsons://[fe80::1]/",
        "json://[::ffff:169.254.169.254]/",
    ],
)
def test_what_opens_files_or_reaches_elsewhere_is_refused(url):
    allowed = {url.partition("://")[0]}
    with pytest.raises(
        apprise.BadTarget, match=r"may not be used|from being used|are not followed"
    ):
        apprise.parse(url, allowed, NOTIFY.denied)


def test_an_option_that_reached_apprise_anyway_opens_nothing(tmp_path):
    """Whatever the option is called: there is nothing that opens or fetches attachments."""
    (tmp_path / "card.json").write_text("{}")
    for place in (f"{tmp_path}/card.json", f"file://{tmp_path}/card.json", "http://127.0.0.1:9/"):
        assert (
            apprise._instance(
                f"slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/?template={place}"
            )
            is None
        )


def test_no_option_makes_apprise_follow_redirects():
    assert apprise._instance("json://host/?redirect=yes").redirects is False


def test_loopback_is_allowed_and_can_be_denied():
    """A mail or ntfy server on this machine is common."""
    assert apprise.parse("json://127.0.0.1/", {"json"}, NOTIFY.denied)
    without = Notify(NOTIFY_DENIED_NETWORKS="127.0.0.0/8, ::1")
    for host in ("127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]"):
        with pytest.raises(apprise.BadTarget, match="NOTIFY_DENIED_NETWORKS"):
            apprise.parse(f"json://{host}/", {"json"}, without.denied)
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/8"):
        Notify(NOTIFY_DENIED_NETWORKS="metadata")


def test_who_acknowledged_it_and_how_soon_is_said():
    seen = replace(EXAMPLE, occasion="resolved", acknowledged_by="ann", ended_at=EXAMPLE.since)
    for after, said in ((5, "5 s"), (600, "10 min"), (9000, "2 h"), (-3, "0 s")):
        at = EXAMPLE.since + timedelta(seconds=after)
        body = compose([replace(seen, acknowledged_at=at)], PLACES).body
        assert f"acknowledged by ann, {said} after it began" in body
    again = compose([replace(EXAMPLE, occasion="repeated")], PLACES).body
    assert "nobody has acknowledged it" in again
    assert "acknowledged" not in compose([EXAMPLE], PLACES).body
