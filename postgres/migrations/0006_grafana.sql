-- What Grafana may read. Every viewer can send SQL of his own through the data source, so its role
-- (grafana_reader) sees this schema and nothing else; the views run with their owner's rights and
-- name each column, so that a new column of a table is never shown by accident.
-- depends: 0005a_checks

CREATE SCHEMA grafana;

CREATE VIEW grafana.limits AS
SELECT l.robot_id, l.metric, m.unit, m.direction, l.warning, l.warning_recovery, l.critical,
       l.critical_recovery, l.source
  FROM effective_limits l JOIN metrics m USING (metric);

-- One numeric column a query: two are an error in Grafana. The two sentinels match no series. They
-- keep a fleet of one from being joined without labels: with one series and one row, Grafana
-- combines them whatever their labels are, and fires.
CREATE VIEW grafana.rule_limits AS
SELECT l.robot_id::text, l.metric::text, s.severity,
       CASE s.severity WHEN 'warning' THEN l.warning ELSE l.critical END AS limit_value,
       CASE s.severity WHEN 'warning' THEN l.warning_recovery ELSE l.critical_recovery END AS recovery_value
  FROM effective_limits l CROSS JOIN (VALUES ('warning'), ('critical')) AS s(severity)
UNION ALL
SELECT none.robot_id, m.metric::text, s.severity, s.limit_value,
       s.limit_value - CASE m.direction WHEN 'high' THEN 1 ELSE -1 END * m.recovery_margin
  FROM metrics m
 CROSS JOIN LATERAL (VALUES ('warning', m.warning), ('critical', m.critical)) AS s(severity, limit_value)
 CROSS JOIN (VALUES ('__none_a'), ('__none_b')) AS none(robot_id);

CREATE VIEW grafana.robots AS
SELECT robot_id, coalesce(nullif(btrim(name), ''), robot_id) AS name, description, status,
       CASE WHEN last_seen IS NULL THEN 'never seen' ELSE status END AS state,
       last_seen, extract(epoch FROM now() - last_seen)::float8 AS last_seen_age_s,
       ip_address, camera_url,
       CASE jsonb_typeof(location -> 'x') WHEN 'number' THEN (location ->> 'x')::float8 END AS location_x,
       CASE jsonb_typeof(location -> 'y') WHEN 'number' THEN (location ->> 'y')::float8 END AS location_y,
       CASE jsonb_typeof(location -> 'z') WHEN 'number' THEN (location ->> 'z')::float8 END AS location_z,
       CASE jsonb_typeof(location -> 'heading') WHEN 'number'
            THEN (location ->> 'heading')::float8 END AS location_heading,
       registration, is_active AND registration = 'accepted' AS is_active,
       status = 'maintenance' AS in_maintenance, clean_offline, emergency_stopped, time_zone,
       created_at, updated_at
  FROM public.robots;

CREATE VIEW grafana.alerts AS
SELECT a.id, a.robot_id, coalesce(nullif(btrim(r.name), ''), a.robot_id) AS robot_name, a.alert_type,
       a.metric, a.severity, a.title, a.message, a.source, a.value, a.threshold,
       CASE WHEN a.resolved THEN 'resolved' WHEN a.acknowledged THEN 'acknowledged' ELSE 'open' END AS state,
       a.acknowledged, a.acknowledged_by, a.acknowledged_at, a.resolved, a.resolved_by, a.resolved_at,
       a.resolve_reason, a.comment, a.origin, a.rule_uid, a.starts_at, a.created_at,
       greatest(0, extract(epoch FROM coalesce(a.resolved_at, now())
                                      - coalesce(a.starts_at, a.created_at)))::float8 AS duration_s
  FROM public.alerts a LEFT JOIN public.robots r USING (robot_id);

CREATE VIEW grafana.alert_timeline AS
SELECT t.id, t.alert_id, a.robot_id, a.metric, t.at, t.kind, t.severity, t.value, t.threshold, t.source,
       t.origin, t.actor, t.note
  FROM public.alert_timeline t JOIN public.alerts a ON a.id = t.alert_id;

CREATE VIEW grafana.jobs AS
SELECT j.id, j.robot_id, coalesce(nullif(btrim(r.name), ''), j.robot_id) AS robot_name, j.task_name,
       j.phase, j.status, j.reason, j.start_time, j.end_time, j.items_total, j.items_done,
       j.percent_complete, j.last_item, j.created_at, j.updated_at,
       greatest(0, extract(epoch FROM coalesce(j.end_time, now()) - j.start_time))::float8 AS duration_s
  FROM public.jobs j LEFT JOIN public.robots r USING (robot_id);

-- Silence is measured on the listening clock, which stands still while we cannot hear: a stopped
-- glue neither raises nor clears one. The glue writes its setting FLEET_SILENT_AFTER into the
-- heartbeat's details.
CREATE VIEW grafana.silence AS
SELECT r.robot_id, greatest(0, h.listened - r.heard_at) AS silent_s, h.silent_after
  FROM public.robots r
 CROSS JOIN (
    SELECT listened, CASE jsonb_typeof(details -> 'silent_after') WHEN 'number'
                          THEN (details ->> 'silent_after')::float8 ELSE 60 END AS silent_after
      FROM public.heartbeats WHERE name = 'events') h
 WHERE r.is_active AND r.registration = 'accepted' AND r.status <> 'maintenance'
   AND r.heard_at IS NOT NULL AND NOT r.clean_offline;

-- Always one row; 0 as long as there never was a heartbeat, so that a new stack starts quiet.
CREATE VIEW grafana.events_age AS
SELECT coalesce(greatest(0, extract(epoch FROM now() - max(beat_at))), 0)::float8 AS age_s
  FROM public.heartbeats WHERE name = 'events';
