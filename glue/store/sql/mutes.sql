-- name: all
SELECT * FROM mutes WHERE until IS NULL OR until > now() ORDER BY id;

-- name: one
SELECT * FROM mutes WHERE id = %(id)s AND (until IS NULL OR until > now());

-- name: hold
SELECT * FROM mutes WHERE id = %(id)s AND (until IS NULL OR until > now()) FOR UPDATE;

-- name: add
INSERT INTO mutes (robots, groups, metrics, types, until, comment, created_by)
VALUES (%(robots)s, %(groups)s, %(metrics)s, %(types)s, %(until)s, %(comment)s, %(created_by)s)
RETURNING *;

-- name: change
UPDATE mutes
   SET robots = %(robots)s, groups = %(groups)s, metrics = %(metrics)s, types = %(types)s,
       until = %(until)s, comment = %(comment)s
 WHERE id = %(id)s
RETURNING *;

-- name: remove
DELETE FROM mutes WHERE id = %(id)s;

-- name: remove_over
DELETE FROM mutes WHERE until <= now() RETURNING id;

-- name: mute_alert
UPDATE alerts
   SET muted_by = %(who)s, muted_until = %(until)s, quiet_reason = %(reason)s
 WHERE id = %(id)s;

-- name: unmute_alert
-- What else keeps it quiet is found at the next look.
UPDATE alerts SET muted_by = NULL, muted_until = NULL, quiet_reason = NULL WHERE id = %(id)s;

-- name: muted_alerts
SELECT id, title, robot_id, muted_by, muted_until, quiet_reason
  FROM alerts WHERE muted_by IS NOT NULL AND NOT resolved ORDER BY id;

-- name: is_anything_quiet
-- Nearly always nothing is: then nobody has to look at the alerts.
SELECT EXISTS (SELECT FROM mutes)
    OR EXISTS (SELECT FROM alert_flaps WHERE ended_at IS NULL)
    OR EXISTS (SELECT FROM grafana_silences WHERE ends_at > now())
    OR EXISTS (SELECT FROM alerts WHERE quiet_reason IS NOT NULL AND NOT resolved);

-- name: subjects
-- Open alerts, and those of which something waits to be told.
SELECT a.id, coalesce(a.metric, '') AS metric, coalesce(a.robot_id, '') AS robot_id, a.severity,
       a.alert_type, coalesce(r.groups, '{}') AS groups, a.muted_by, a.muted_until,
       a.quiet_reason, a.flap_id, NOT a.resolved AS is_open,
       CASE jsonb_typeof(a.details -> 'labels') WHEN 'object' THEN a.details -> 'labels' END AS labels
  FROM alerts a
  LEFT JOIN robots r USING (robot_id)
 WHERE NOT a.resolved OR a.id = ANY (%(ids)s)
 ORDER BY a.id;

-- name: write
-- What keeps alerts quiet by now, and that in their timelines.
WITH changed AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS c(
           alert_id int, at timestamptz, kind text, reason text, by text, origin text, note text)),
kept AS (
    UPDATE alerts a
       SET quiet_reason = c.reason,
           muted_by = CASE WHEN a.muted_until <= c.at THEN NULL ELSE a.muted_by END,
           muted_until = CASE WHEN a.muted_until <= c.at THEN NULL ELSE a.muted_until END
      FROM changed c
     WHERE a.id = c.alert_id
    RETURNING a.id, a.severity)
INSERT INTO alert_timeline (alert_id, at, kind, severity, origin, actor, note)
SELECT c.alert_id, c.at, c.kind, kept.severity, c.origin, c.by, c.note
  FROM changed c JOIN kept ON kept.id = c.alert_id;

-- name: take_back
-- What was queued before somebody muted it, and has not been tried.
UPDATE notification_outbox o
   SET state = 'suppressed', held = false, finished_at = now(), reason = a.quiet_reason
  FROM alerts a
 WHERE a.id = o.alert_id AND a.quiet_reason IS NOT NULL AND NOT a.resolved
   AND o.state = 'queued' AND o.batch IS NULL AND o.occasion <> 'resolved';

-- name: heard
-- Who knows of these alerts as bad as they are now, or is about to be told.
SELECT a.id, o.target_id
  FROM alerts a
  JOIN notification_outbox o ON o.alert_id = a.id
  JOIN alert_timeline t ON t.id = o.transition_id
 WHERE a.id = ANY (%(ids)s) AND o.target_id IS NOT NULL AND o.occasion <> 'resolved'
   AND o.state IN ('queued', 'leased', 'delivered')
   AND array_position(ARRAY['info', 'warning', 'critical'], t.severity::text)
       >= array_position(ARRAY['info', 'warning', 'critical'], a.severity::text);

-- name: untold
-- Those of the alerts that people should hear of: open, and not seen by anybody as they are now.
SELECT a.id
  FROM alerts a
 WHERE a.id = ANY (%(ids)s) AND NOT a.resolved
   AND (NOT a.acknowledged
        OR EXISTS (SELECT FROM alert_timeline t
                    WHERE t.alert_id = a.id AND t.kind = 'raised'
                      AND t.id > (SELECT max(k.id) FROM alert_timeline k
                                   WHERE k.alert_id = a.id AND k.kind = 'acknowledged')));
