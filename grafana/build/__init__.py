"""The dashboards as code: ``tonypi dashboards build`` writes ``grafana/dashboards/*.json`` of it.

One file a dashboard (:mod:`grafana.build.fleet`, :mod:`grafana.build.robot`), one a thing that they
share: how panels look (:mod:`.look`), what they ask (:mod:`.queries`), the variable that chooses a
robot (:mod:`.variables`), alerts drawn over charts (:mod:`.annotations`). Metrics, their units and
the panels that alert rules point to are those of :mod:`glue.core`; no limit stands in a dashboard.
"""
