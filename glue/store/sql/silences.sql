-- name: all
SELECT id, matchers, starts_at, ends_at, created_by, comment, alert_id
  FROM grafana_silences WHERE ends_at > now() ORDER BY starts_at, id;

-- name: keep
-- What Grafana has by now, and nothing else.
WITH found AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS s(
           id text, matchers jsonb, starts_at timestamptz, ends_at timestamptz, created_by text,
           comment text, alert_id int)),
gone AS (
    DELETE FROM grafana_silences s WHERE NOT EXISTS (SELECT FROM found WHERE found.id = s.id))
INSERT INTO grafana_silences (id, matchers, starts_at, ends_at, created_by, comment, alert_id,
                              seen_at)
SELECT id, matchers, starts_at, ends_at, created_by, comment, alert_id, %(at)s FROM found
    ON CONFLICT (id) DO UPDATE
   SET matchers = excluded.matchers, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
       created_by = excluded.created_by, comment = excluded.comment,
       alert_id = excluded.alert_id, seen_at = excluded.seen_at;

-- name: looked_after
-- Open alerts that somebody acknowledged or muted, one by one.
SELECT id, coalesce(metric, '') AS metric, coalesce(robot_id, '') AS robot_id, severity,
       coalesce(CASE WHEN acknowledged THEN acknowledged_by END, muted_by) AS by,
       CASE jsonb_typeof(details -> 'labels') WHEN 'object' THEN details -> 'labels' END AS labels
  FROM alerts
 WHERE NOT resolved
   AND (acknowledged OR muted_by IS NOT NULL AND coalesce(muted_until > now(), true))
 ORDER BY id LIMIT 1000;
