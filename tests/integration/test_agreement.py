"""Grafana and the standby evaluator give the same verdicts on the same past.

``python -m tests.bench.agreement`` does it at 1,000 instants, and live.
"""

from glue import store
from glue.series import Query
from tests import agreement


async def test_sixty_instants_of_all_ten_rules_say_the_same(grafana):
    settings = grafana.settings
    robots = agreement.fleet("agree")
    agreement.register(settings.postgres.dsn, robots)
    instants = agreement.instants(60)
    last = instants[-1] + 6 * agreement.STEP
    agreement.write(settings, agreement.past(robots, last, 60 * 10))
    async with store.open_pool(settings.postgres) as pool, Query(settings.influx) as series:
        found = await agreement.compare(settings, pool, series, instants)
    assert found.differences == []
    assert found.verdicts > 60 * 10 * 7
    # The walk differs with the time of day, about one in twenty is between its limits.
    assert found.beyond > 500
    assert found.in_the_band > 50, "the recovery limit must matter"
