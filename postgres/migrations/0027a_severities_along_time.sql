-- How severe each alert was when: what fired, and not the highest over all of it. An older alert of
-- which that is not known had its highest severity all along.
-- depends: 0027_worst_and_stale

CREATE VIEW grafana.alert_severities AS
SELECT a.id, a.robot_id, coalesce(nullif(btrim(r.name), ''), a.robot_id) AS robot_name,
       coalesce(o.severity, a.worst_severity, a.severity) AS severity,
       coalesce(o.starts_at, a.starts_at, a.created_at) AS since,
       least(o.ended_at, a.resolved_at) AS until
  FROM public.alerts a
  LEFT JOIN public.alert_occurrences o ON o.alert_id = a.id AND o.starts_at < coalesce(a.resolved_at, 'infinity')
  LEFT JOIN public.robots r ON r.robot_id = a.robot_id;
