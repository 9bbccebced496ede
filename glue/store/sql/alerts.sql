-- name: lock
-- One writer of episodes at a time, so that what was read is still true when it is written. No plan is
-- kept: the checks of foreign keys, planned while the tables were small, would read them whole for
-- each row of a first flood.
SELECT pg_advisory_xact_lock(hashtext('tonypi:episodes')),
       set_config('plan_cache_mode', 'force_custom_plan', true);

-- name: occurrences
-- What fired at the given times or later, the last of each rule before that, and all that the
-- episodes of these are made of.
WITH asked AS (
    SELECT * FROM unnest(%(metrics)s::text[], %(robots)s::text[], %(since)s::timestamptz[])
                  AS p(metric, robot_id, since)),
near AS (
    SELECT o.alert_id
      FROM asked p
      JOIN alert_occurrences o ON o.metric = p.metric AND o.robot_id = p.robot_id
       AND coalesce(o.ended_at, 'infinity') >= p.since
    UNION
    SELECT b.alert_id
      FROM asked p
     CROSS JOIN unnest(ARRAY['info', 'warning', 'critical']) AS s(severity)
     CROSS JOIN LATERAL (
        SELECT o.alert_id
          FROM alert_occurrences o
         WHERE o.metric = p.metric AND o.robot_id = p.robot_id AND o.severity = s.severity
           AND o.starts_at < p.since
         ORDER BY o.starts_at DESC LIMIT 1) b)
SELECT o.id, o.metric, o.robot_id, o.severity, o.starts_at, o.ended_at, o.start_known, o.end_known,
       o.origin, o.ended_by, o.reason, o.threshold AS "limit", o.recovery, o.fingerprint, o.alert_id
  FROM alert_occurrences o
 WHERE o.alert_id IN (SELECT alert_id FROM near)
 ORDER BY o.starts_at, o.id;

-- name: episodes
-- Those of the given ids, and the open one of each pair; a system-wide one has the robot ''.
SELECT a.id, a.metric, coalesce(a.robot_id, '') AS robot_id, a.severity,
       coalesce(a.starts_at, a.created_at) AS starts_at,
       CASE WHEN a.resolved THEN coalesce(a.resolved_at, a.created_at) END AS resolved_at,
       CASE WHEN a.resolved THEN a.resolve_reason END AS reason, a.resolved_by,
       coalesce(a.worst_severity, a.severity) AS worst,
       CASE WHEN a.acknowledged THEN coalesce(a.acknowledged_at, a.created_at) END AS acknowledged_at,
       a.acknowledged_by,
       (SELECT k.severity FROM alert_timeline k
         WHERE k.alert_id = a.id AND k.kind = 'acknowledged'
         ORDER BY k.id DESC LIMIT 1) AS acknowledged_as
  FROM alerts a
 WHERE a.id IN (SELECT unnest(%(ids)s::int[])
                UNION ALL
                SELECT o.id
                  FROM alerts o
                  JOIN unnest(%(metrics)s::text[], %(robots)s::text[]) AS p(metric, robot_id)
                    ON o.metric = p.metric AND coalesce(o.robot_id, '') = p.robot_id
                 WHERE NOT o.resolved);

-- name: firing
-- What fires as far as we know. An open alert of which nobody wrote when it fired does.
SELECT id, metric, robot_id, severity, starts_at, origin, threshold AS "limit", recovery,
       fingerprint, alert_id
  FROM alert_occurrences
 WHERE ended_at IS NULL
UNION ALL
SELECT NULL, a.metric, coalesce(a.robot_id, ''), a.severity, coalesce(a.starts_at, a.created_at),
       coalesce(a.origin, 'pull'), a.threshold, NULL, coalesce(a.fingerprint, ''), a.id
  FROM alerts a
 WHERE NOT a.resolved AND a.metric IS NOT NULL
   AND NOT EXISTS (SELECT FROM alert_occurrences o WHERE o.alert_id = a.id);

-- name: new_ids
SELECT nextval(pg_get_serial_sequence('alerts', 'id')) AS id FROM generate_series(1, %(count)s);

-- name: close_or_change
-- Changes of episodes that have a row. What a person wrote (acknowledged, comment) stays; only who
-- acknowledged a warning has not seen that it became critical.
UPDATE alerts a
   SET severity = c.severity,
       worst_severity = c.worst,
       starts_at = c.starts_at,
       acknowledged = a.acknowledged AND NOT unseen.it,
       acknowledged_at = CASE WHEN NOT unseen.it THEN a.acknowledged_at END,
       acknowledged_by = CASE WHEN NOT unseen.it THEN a.acknowledged_by END,
       value = coalesce(c.value, a.value),
       threshold = coalesce(c.threshold, a.threshold),
       message = coalesce(c.message, a.message),
       resolved = c.resolved,
       resolved_at = c.resolved_at,
       resolved_by = CASE WHEN c.resolved THEN a.resolved_by END,
       resolve_reason = c.resolve_reason
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS c(
         id int, severity text, worst text, starts_at timestamptz, value float8, threshold float8, message text,
         resolved bool, resolved_at timestamptz, resolve_reason text, raised bool)
 CROSS JOIN LATERAL (
       SELECT c.raised AND c.severity = 'critical' AND NOT c.resolved
              AND (SELECT k.severity FROM alert_timeline k
                    WHERE k.alert_id = c.id AND k.kind = 'acknowledged'
                    ORDER BY k.id DESC LIMIT 1) IS DISTINCT FROM 'critical' AS it) AS unseen
 WHERE a.id = c.id;

-- name: open
INSERT INTO alerts (id, robot_id, alert_type, severity, worst_severity, title, message, source, value, threshold,
                    resolved, resolved_at, resolve_reason, resolved_by, acknowledged,
                    acknowledged_at, acknowledged_by, details, metric, rule_uid, fingerprint,
                    starts_at, origin)
SELECT id, nullif(robot_id, ''), alert_type, severity, worst, title, message, source, value,
       threshold, resolved, resolved_at, resolve_reason, resolved_by, acknowledged_at IS NOT NULL,
       acknowledged_at, acknowledged_by, details, metric, rule_uid, fingerprint, starts_at, origin
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(
         id int, robot_id text, alert_type text, severity text, worst text, title text, message text,
         source text, value float8, threshold float8, resolved bool, resolved_at timestamptz,
         resolve_reason text, resolved_by text, acknowledged_at timestamptz, acknowledged_by text,
         details jsonb, metric text, rule_uid text, fingerprint text, starts_at timestamptz,
         origin text);

-- name: at_their_worst
-- Alerts that are over speak of the highest severity that they reached, and of the value and the
-- limit of then.
UPDATE alerts a
   SET severity = a.worst_severity, value = coalesce(w.value, a.value),
       threshold = coalesce(w.threshold, a.threshold),
       message = coalesce(w.details ->> 'message', a.message)
  FROM alerts b
  LEFT JOIN LATERAL (
       SELECT t.value, t.threshold, t.details
         FROM alert_timeline t
        WHERE t.alert_id = b.id AND t.severity = b.worst_severity
          AND t.kind IN ('opened', 'raised')
        ORDER BY t.id DESC LIMIT 1) w ON true
 WHERE a.id = b.id AND b.id = ANY (%(ids)s) AND b.worst_severity <> b.severity
RETURNING a.*;

-- name: repeated
-- Alerts of rules that are not ours whose sender says that they fire; not written down at every look.
UPDATE alerts
   SET repeated_at = %(at)s, stale_since = NULL, listed = listed OR %(listed)s
 WHERE metric = ANY (%(metrics)s) AND NOT resolved
   AND (repeated_at IS NULL OR repeated_at < %(at)s::timestamptz - interval '5 minutes'
        OR stale_since IS NOT NULL OR listed < %(listed)s);

-- name: listed
-- What fires by a rule that is not ours and that our Grafana has listed.
SELECT DISTINCT o.metric
  FROM alert_occurrences o
  JOIN alerts a ON a.id = o.alert_id
 WHERE o.ended_at IS NULL AND a.listed;

-- name: mark_stale
WITH stale AS (
    UPDATE alerts SET stale_since = %(at)s
     WHERE NOT resolved AND stale_since IS NULL AND repeated_at < %(before)s
    RETURNING id, metric, severity, repeated_at),
noted AS (
    INSERT INTO alert_timeline (alert_id, at, kind, severity, note)
    SELECT id, %(at)s, 'stale', severity, 'its sender has not repeated it for long' FROM stale)
SELECT id, metric, repeated_at FROM stale;

-- name: move_what_joined
-- An episode turned out to be part of another one: what happened to it happened to that one.
WITH told AS (
    UPDATE alert_timeline SET alert_id = %(into)s WHERE alert_id = %(id)s),
seen AS (
    UPDATE alerts a
       SET acknowledged = true, acknowledged_at = o.acknowledged_at,
           acknowledged_by = o.acknowledged_by, comment = coalesce(a.comment, o.comment)
      FROM alerts o
     WHERE a.id = %(into)s AND o.id = %(id)s AND o.acknowledged AND NOT a.acknowledged),
fired AS (
    UPDATE alert_occurrences SET alert_id = %(into)s WHERE alert_id = %(id)s)
UPDATE notification_outbox SET alert_id = %(into)s WHERE alert_id = %(id)s;

-- name: remove
DELETE FROM alerts WHERE id = %(id)s;

-- name: add_to_timeline
INSERT INTO alert_timeline (alert_id, at, kind, severity, value, threshold, source, origin, actor,
                            note, details)
SELECT alert_id, at, kind, severity, value, threshold, source, origin, actor, note, details
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS t(
         alert_id int, at timestamptz, kind text, severity text, value float8, threshold float8,
         source text, origin text, actor text, note text, details jsonb);

-- name: change_occurrences
UPDATE alert_occurrences o
   SET starts_at = c.starts_at, ended_at = c.ended_at, start_known = c.start_known,
       end_known = c.end_known, origin = c.origin, ended_by = c.ended_by, reason = c.reason,
       threshold = c."limit", recovery = c.recovery, alert_id = c.alert_id
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS c(
         id bigint, starts_at timestamptz, ended_at timestamptz, start_known bool, end_known bool,
         origin text, ended_by text, reason text, "limit" float8, recovery float8, alert_id int)
 WHERE o.id = c.id;

-- name: add_occurrences
INSERT INTO alert_occurrences (metric, robot_id, severity, starts_at, ended_at, start_known,
                               end_known, origin, ended_by, reason, threshold, recovery,
                               fingerprint, alert_id)
SELECT metric, robot_id, severity, starts_at, ended_at, start_known, end_known, origin, ended_by,
       reason, "limit", recovery, fingerprint, alert_id
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(
         metric text, robot_id text, severity text, starts_at timestamptz, ended_at timestamptz,
         start_known bool, end_known bool, origin text, ended_by text, reason text, "limit" float8,
         recovery float8, fingerprint text, alert_id int);

-- name: circumstances
-- What is true of the robots now: why their alerts may have ended.
SELECT robot_id, NOT in_use AS removed, in_maintenance
  FROM robot_watch
 WHERE robot_id = ANY (%(robots)s::text[]);

-- name: limits
SELECT robot_id, metric, warning, warning_recovery, critical, critical_recovery
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
   SET resolved = true, resolved_at = %(at)s, resolved_by = %(who)s,
       resolve_reason = %(reason)s, comment = coalesce(%(comment)s, comment)
 WHERE id = %(id)s
RETURNING *;

-- name: end_occurrences
-- At the latest then: nobody knows when they ended.
UPDATE alert_occurrences
   SET ended_at = greatest(%(at)s, starts_at), ended_by = 'person', reason = %(reason)s
 WHERE alert_id = %(id)s AND ended_at IS NULL;

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
    UPDATE alert_occurrences o
       SET ended_at = greatest(now(), starts_at), end_known = true, ended_by = 'person',
           reason = %(reason)s
      FROM closed WHERE o.alert_id = closed.id AND o.ended_at IS NULL)
SELECT id FROM closed ORDER BY id;
