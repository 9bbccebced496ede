-- name: lock
-- One writer of episodes at a time, so that what was read is still true when it is written.
SELECT pg_advisory_xact_lock(hashtext('tonypi:episodes'));

-- name: instances
-- What each rule last said of the given (metric, robot) pairs.
SELECT i.*
  FROM alert_instances i
  JOIN unnest(%(metrics)s::text[], %(robots)s::text[]) AS p(metric, robot_id)
    ON i.metric = p.metric AND i.robot_id = p.robot_id;

-- name: open_episodes
-- The open episodes of the given pairs; a system-wide one has the pair's robot ''.
SELECT a.id, a.metric, coalesce(a.robot_id, '') AS robot_id, a.severity, a.starts_at
  FROM alerts a
  JOIN unnest(%(metrics)s::text[], %(robots)s::text[]) AS p(metric, robot_id)
    ON a.metric = p.metric AND coalesce(a.robot_id, '') = p.robot_id
 WHERE NOT a.resolved;

-- name: firing
SELECT * FROM alert_instances WHERE firing;

-- name: new_ids
SELECT nextval(pg_get_serial_sequence('alerts', 'id')) AS id FROM generate_series(1, %(count)s);

-- name: close_or_change
-- Changes of episodes that have a row. What a person wrote (acknowledged, comment) stays; only who
-- acknowledged a warning has not seen that it became critical.
UPDATE alerts a
   SET severity = c.severity,
       acknowledged = a.acknowledged AND NOT unseen.it,
       acknowledged_at = CASE WHEN NOT unseen.it THEN a.acknowledged_at END,
       acknowledged_by = CASE WHEN NOT unseen.it THEN a.acknowledged_by END,
       value = coalesce(c.value, a.value),
       threshold = coalesce(c.threshold, a.threshold),
       message = coalesce(c.message, a.message),
       resolved = c.resolved,
       resolved_at = c.resolved_at,
       resolve_reason = c.resolve_reason
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS c(
         id int, severity text, value float8, threshold float8, message text, resolved bool,
         resolved_at timestamptz, resolve_reason text, raised bool)
 CROSS JOIN LATERAL (
       SELECT c.raised AND c.severity = 'critical' AND NOT c.resolved
              AND (SELECT k.severity FROM alert_timeline k
                    WHERE k.alert_id = c.id AND k.kind = 'acknowledged'
                    ORDER BY k.id DESC LIMIT 1) IS DISTINCT FROM 'critical' AS it) AS unseen
 WHERE a.id = c.id;

-- name: open
INSERT INTO alerts (id, robot_id, alert_type, severity, title, message, source, value, threshold,
                    resolved, resolved_at, resolve_reason, details, metric, rule_uid, fingerprint,
                    starts_at, origin)
SELECT id, nullif(robot_id, ''), alert_type, severity, title, message, source, value, threshold,
       resolved, resolved_at, resolve_reason, details, metric, rule_uid, fingerprint,
       starts_at, origin
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(
         id int, robot_id text, alert_type text, severity text, title text, message text,
         source text, value float8, threshold float8, resolved bool, resolved_at timestamptz,
         resolve_reason text, details jsonb, metric text, rule_uid text, fingerprint text,
         starts_at timestamptz, origin text);

-- name: add_to_timeline
INSERT INTO alert_timeline (alert_id, at, kind, severity, value, threshold, source, origin, actor,
                            note, details)
SELECT alert_id, at, kind, severity, value, threshold, source, origin, actor, note, details
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS t(
         alert_id int, at timestamptz, kind text, severity text, value float8, threshold float8,
         source text, origin text, actor text, note text, details jsonb);

-- name: keep_instances
INSERT INTO alert_instances (metric, robot_id, severity, firing, starts_at, ended_at, seen_at,
                             fingerprint, origin, alert_id)
SELECT metric, robot_id, severity, firing, starts_at, ended_at, seen_at, fingerprint, origin,
       alert_id
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS i(
         metric text, robot_id text, severity text, firing bool, starts_at timestamptz,
         ended_at timestamptz, seen_at timestamptz, fingerprint text, origin text, alert_id int)
    ON CONFLICT (metric, robot_id, severity) DO UPDATE
   SET firing = excluded.firing, starts_at = excluded.starts_at, ended_at = excluded.ended_at,
       seen_at = excluded.seen_at, fingerprint = excluded.fingerprint, origin = excluded.origin,
       alert_id = excluded.alert_id;

-- name: circumstances
-- What is true of the robot now: why its alert may have ended.
SELECT p.metric, p.robot_id,
       coalesce(NOT r.in_use, false) AS removed,
       coalesce(r.in_maintenance, false) AS in_maintenance,
       l.robot_id IS NOT NULL AS has_limit
  FROM unnest(%(metrics)s::text[], %(robots)s::text[]) AS p(metric, robot_id)
  LEFT JOIN robot_watch r USING (robot_id)
  LEFT JOIN effective_limits l ON l.robot_id = p.robot_id AND l.metric = p.metric;

-- name: limits
SELECT robot_id, metric, warning, critical
  FROM effective_limits
 WHERE metric = ANY(%(metrics)s::text[]) AND robot_id = ANY(%(robots)s::text[]);

-- name: row_for_update
-- An older row's mistake is read as what its repair will write.
SELECT m.*, coalesce(m.robot_id, '') AS pair_robot
  FROM alerts a, LATERAL alerts_mended(a) m
 WHERE a.id = %(id)s FOR UPDATE OF a;

-- name: acknowledge
UPDATE alerts
   SET acknowledged = true, acknowledged_by = %(who)s, acknowledged_at = %(at)s,
       comment = coalesce(%(comment)s, comment)
 WHERE id = %(id)s
RETURNING *;

-- name: resolve
UPDATE alerts
   SET resolved = true, resolved_at = %(at)s, resolved_by = %(who)s, resolve_reason = 'by hand',
       comment = coalesce(%(comment)s, comment)
 WHERE id = %(id)s
RETURNING *;

-- name: hold_many
-- In one order, so that two who hold the same alerts do not wait for each other.
SELECT id, acknowledged FROM alerts WHERE id = ANY (%(ids)s) ORDER BY id FOR UPDATE;

-- name: acknowledge_many
WITH seen AS (
    UPDATE alerts
       SET acknowledged = true, acknowledged_by = %(who)s, acknowledged_at = %(at)s,
           comment = coalesce(%(comment)s, comment)
     WHERE id = ANY (%(ids)s)
    RETURNING id, severity)
INSERT INTO alert_timeline (alert_id, at, kind, severity, origin, actor, note)
SELECT id, %(at)s, 'acknowledged', severity, 'person', %(who)s, %(comment)s FROM seen;

-- name: close_others
-- Open alerts of a robot that no rule looks after, and what is held as firing with them.
WITH closed AS (
    UPDATE alerts
       SET resolved = true, resolved_at = now(), resolve_reason = %(reason)s
     WHERE robot_id = %(robot_id)s AND NOT resolved
       AND NOT coalesce(metric = ANY (%(ruled)s), false)
    RETURNING id, severity),
told AS (
    INSERT INTO alert_timeline (alert_id, at, kind, severity, origin, actor, note)
    SELECT id, now(), 'resolved', severity, 'person', %(who)s, %(reason)s FROM closed),
quiet AS (
    UPDATE alert_instances i SET firing = false, ended_at = now(), seen_at = now()
      FROM closed WHERE i.alert_id = closed.id AND i.firing)
SELECT id FROM closed ORDER BY id;
