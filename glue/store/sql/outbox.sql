-- name: lock
-- One at a time decides who is told and what is one message. Plans: as for episodes.
SELECT pg_advisory_xact_lock(hashtext('tonypi:notifications')),
       set_config('plan_cache_mode', 'force_custom_plan', true);

-- name: waiting
-- Transitions of which nobody has decided yet who is told.
SELECT t.id, t.alert_id, CASE t.kind WHEN 'unmuted' THEN 'opened' WHEN 'settled' THEN 'resolved'
                                    ELSE t.kind END AS occasion,
       t.kind IN ('unmuted', 'settled') AS late, coalesce(t.severity, a.severity) AS severity,
       a.alert_type, coalesce(a.metric, '') AS metric, coalesce(a.robot_id, '') AS robot_id,
       a.resolved, coalesce(r.groups, '{}') AS groups
  FROM (SELECT transition_id FROM notification_waiting
         ORDER BY transition_id LIMIT %(rows)s) w
  JOIN alert_timeline t ON t.id = w.transition_id
  JOIN alerts a ON a.id = t.alert_id
  LEFT JOIN robots r USING (robot_id)
 ORDER BY t.id;

-- name: decided
DELETE FROM notification_waiting WHERE transition_id = ANY (%(ids)s);

-- name: told
-- Who was told, or is about to be, that these episodes began.
SELECT DISTINCT ON (alert_id, target_id) alert_id, route_id, route_name, target_id AS target,
       held AND state = 'queued' AS held
  FROM notification_outbox
 WHERE alert_id = ANY (%(ids)s) AND target_id IS NOT NULL
   AND state NOT IN ('suppressed', 'given up')
 ORDER BY alert_id, target_id, held AND state = 'queued', id;

-- name: drop_held
-- What quiet hours keep back of episodes that are over, that somebody has seen, or that became
-- critical, of which the target was told at once.
UPDATE notification_outbox o
   SET state = 'suppressed', held = false, finished_at = now(),
       reason = CASE WHEN a.resolved THEN 'over before quiet hours ended'
                     WHEN a.acknowledged THEN 'acknowledged before quiet hours ended'
                     ELSE 'told of what came after it' END
  FROM alerts a
 WHERE a.id = o.alert_id AND o.held AND o.state = 'queued' AND o.occasion <> 'resolved'
   AND (a.resolved OR a.acknowledged OR EXISTS (
        SELECT FROM notification_outbox n
         WHERE n.alert_id = o.alert_id AND n.target_id = o.target_id AND n.id > o.id
           AND NOT n.held AND n.state <> 'suppressed'));

-- name: drop_ends
-- The end of what a target was never told, since its beginning was given up after the end was queued.
UPDATE notification_outbox o
   SET state = 'suppressed', held = false, finished_at = now(),
       reason = 'its beginning was given up'
 WHERE o.state = 'queued' AND o.occasion = 'resolved'
   AND NOT EXISTS (
       SELECT FROM notification_outbox b
        WHERE b.alert_id = o.alert_id AND b.target_id = o.target_id AND b.id < o.id
          AND b.occasion <> 'resolved' AND b.state NOT IN ('suppressed', 'given up'));

-- name: last_due
-- When the newest message of each cause was due, that shares its distance with the next one.
SELECT target_id, group_key, max(due_at) AS at
  FROM notification_outbox
 WHERE target_id = ANY (%(targets)s) AND group_key = ANY (%(keys)s)
   AND state <> 'suppressed' AND NOT held AND due_at > %(since)s
 GROUP BY target_id, group_key;

-- name: add
-- A row without a target is of a transition that no route fits: nobody is told, and that is recorded.
INSERT INTO notification_outbox (alert_id, transition_id, occasion, round, target_id, target_name,
                                 route_id, route_name, group_key, state, reason, held, due_at,
                                 next_try_at, finished_at)
SELECT r.alert_id, r.transition_id, r.occasion, r.round, t.id, coalesce(t.name, ''), r.route_id,
       r.route_name, r.group_key,
       CASE WHEN r.reason IS NOT NULL OR NOT t.enabled THEN 'suppressed' ELSE 'queued' END,
       CASE WHEN r.reason IS NOT NULL THEN r.reason WHEN NOT t.enabled THEN 'target is off' END,
       r.held, r.due_at, r.due_at,
       CASE WHEN r.reason IS NOT NULL OR NOT t.enabled THEN now() END
  FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(
         alert_id int, transition_id bigint, occasion text, round int, target_id int, route_id int,
         route_name text, group_key text, reason text, held bool, due_at timestamptz)
  LEFT JOIN notification_targets t ON t.id = r.target_id
 WHERE t.id IS NOT NULL OR r.target_id IS NULL
    ON CONFLICT DO NOTHING;

-- name: unanswered
-- Open episodes that nobody acknowledged, by the route and target that told of them, with the
-- transition that was told last. A target that is off answers nothing, so what it should have told
-- is escalated.
WITH watched AS (
    SELECT o.*, max(o.transition_id) OVER (PARTITION BY o.alert_id, o.route_id) AS newest,
           NOT t.enabled AS off
      FROM notification_outbox o
      JOIN alerts a ON a.id = o.alert_id AND NOT a.resolved AND NOT a.acknowledged
       AND a.quiet_reason IS NULL
      JOIN notification_routes r ON r.id = o.route_id AND r.enabled
      JOIN notification_targets t ON t.id = o.target_id
     WHERE (o.state <> 'suppressed' OR NOT t.enabled) AND o.occasion <> 'resolved'
       AND (r.escalate_after IS NOT NULL OR r.repeat_every IS NOT NULL))
SELECT w.alert_id, w.route_id, w.target_id, w.newest AS transition_id, a.severity, a.alert_type,
       coalesce(a.metric, '') AS metric, coalesce(a.robot_id, '') AS robot_id,
       min(w.due_at) FILTER (WHERE w.transition_id = w.newest) AS since,
       max(w.due_at) AS last,
       bool_or(w.state IN ('queued', 'leased')) AS unsent, bool_or(w.off) AS off,
       coalesce(max(w.round) FILTER (WHERE w.transition_id = w.newest), 0) AS rounds,
       EXISTS (SELECT FROM notification_outbox e
                WHERE e.alert_id = w.alert_id AND e.transition_id = w.newest
                  AND e.route_id = w.route_id
                  AND e.occasion = 'escalated') AS escalated
  FROM watched w
  JOIN alerts a ON a.id = w.alert_id
 GROUP BY w.alert_id, w.route_id, w.target_id, w.newest, a.id;

-- name: lease
-- The next message of a healthy (or failing) target: a row that is due with all that are of its
-- message. What began is told before its end.
WITH first AS (
    SELECT o.id, o.target_id, o.group_key, o.batch
      FROM notification_outbox o
      JOIN notification_targets t ON t.id = o.target_id
     WHERE (o.state = 'queued' AND o.next_try_at <= now()
            OR o.state = 'leased' AND o.lease_until <= now())
       AND (t.failing_since IS NOT NULL) = %(failing)s
       AND NOT EXISTS (SELECT FROM notification_outbox b
                        WHERE b.alert_id = o.alert_id AND b.target_id = o.target_id
                          AND b.id < o.id AND b.state IN ('queued', 'leased')
                          AND b.group_key <> o.group_key)
     ORDER BY o.next_try_at, o.id LIMIT 1)
UPDATE notification_outbox o
   SET state = 'leased', attempts = attempts + 1, batch = coalesce(o.batch, first.id),
       held = false, lease_until = now() + make_interval(secs => %(lease_s)s)
  FROM first
 WHERE o.target_id = first.target_id AND o.state IN ('queued', 'leased')
   AND CASE WHEN first.batch IS NOT NULL THEN o.batch = first.batch
            ELSE o.id = first.id
                 OR o.batch IS NULL AND o.group_key = first.group_key
                    AND (NOT o.held OR o.next_try_at <= now())
                    AND NOT EXISTS (SELECT FROM notification_outbox b
                                     WHERE b.alert_id = o.alert_id AND b.target_id = o.target_id
                                       AND b.id < o.id AND b.state IN ('queued', 'leased')
                                       AND b.group_key <> o.group_key)
       END
RETURNING o.id, o.batch, o.target_id, o.attempts, o.message;

-- name: happened
-- What the rows of a message tell, as it was when it happened.
SELECT o.alert_id, o.occasion, coalesce(t.severity, a.severity) AS severity,
       coalesce(a.metric, '') AS metric, coalesce(a.robot_id, '') AS robot_id, a.title,
       coalesce(a.message, '') AS text, coalesce(t.value, a.value) AS value,
       coalesce(t.threshold, a.threshold) AS "limit", coalesce(a.starts_at, a.created_at) AS since,
       CASE WHEN t.kind = 'settled' THEN t.at
            WHEN a.resolved THEN coalesce(a.resolved_at, t.at) END AS ended_at,
       CASE WHEN t.kind = 'settled' THEN t.note WHEN a.resolved THEN a.resolve_reason END AS reason,
       (SELECT f.openings FROM alert_flaps f
         WHERE f.alert_id = a.id AND o.occasion = 'opened' ORDER BY f.id DESC LIMIT 1) AS openings,
       CASE WHEN a.acknowledged THEN a.acknowledged_by END AS acknowledged_by,
       CASE WHEN a.acknowledged THEN a.acknowledged_at END AS acknowledged_at
  FROM notification_outbox o
  JOIN alert_timeline t ON t.id = o.transition_id
  JOIN alerts a ON a.id = o.alert_id
 WHERE o.id = ANY (%(ids)s)
 ORDER BY o.id;

-- name: told_by
-- The alerts that a message to this target told of.
SELECT DISTINCT a.id, a.title, a.severity, a.robot_id, a.resolved, a.resolved_at, a.acknowledged,
       a.acknowledged_by, a.acknowledged_at, coalesce(a.starts_at, a.created_at) AS since
  FROM notification_outbox o
  JOIN alerts a ON a.id = o.alert_id
 WHERE o.batch = %(batch)s AND o.target_id = %(target)s
 ORDER BY a.id;

-- name: keep_message
UPDATE notification_outbox SET message = %(message)s WHERE id = %(id)s;

-- name: delivered
-- Those of a lease that is still ours: a row that somebody else leased since is theirs to mark.
WITH marked AS (
    UPDATE notification_outbox
       SET state = 'delivered', lease_until = NULL, finished_at = now(), last_error = NULL,
           reason = NULL
     WHERE id = ANY (%(ids)s) AND state = 'leased' AND attempts = %(attempts)s
    RETURNING target_id)
UPDATE notification_targets SET last_delivered_at = now(), failing_since = NULL, last_error = NULL
 WHERE id IN (SELECT target_id FROM marked);

-- name: failed
WITH marked AS (
    UPDATE notification_outbox
       SET state = CASE WHEN %(give_up)s THEN 'given up' ELSE 'queued' END,
           reason = CASE WHEN %(give_up)s THEN %(reason)s END,
           next_try_at = now() + make_interval(secs => %(wait_s)s),
           finished_at = CASE WHEN %(give_up)s THEN now() END,
           lease_until = NULL, last_error = %(error)s
     WHERE id = ANY (%(ids)s) AND state = 'leased' AND attempts = %(attempts)s
    RETURNING id, target_id),
ailing AS (
    UPDATE notification_targets
       SET failing_since = coalesce(failing_since, now()), last_error = %(error)s
     WHERE id IN (SELECT target_id FROM marked))
SELECT id FROM marked;

-- name: next_due
-- Seconds until something is due; none when nothing waits.
SELECT extract(epoch FROM min(CASE state WHEN 'queued' THEN next_try_at ELSE lease_until END)
               - now())::float8
  FROM notification_outbox WHERE state IN ('queued', 'leased');

-- name: retry
-- By hand: now, and from the first wait on. A message is tried again as a whole, and written anew:
-- the episode may be over by now.
UPDATE notification_outbox o
   SET state = 'queued', attempts = 0, next_try_at = now(), held = false, reason = NULL,
       finished_at = NULL, lease_until = NULL, last_error = NULL, message = NULL
 WHERE (o.id = ANY (%(ids)s)
        OR o.batch IN (SELECT batch FROM notification_outbox WHERE id = ANY (%(ids)s)))
   AND o.target_id IS NOT NULL AND o.state IN ('queued', 'given up')
RETURNING o.id;

-- name: give_up
-- By hand. One that is on its way is not stopped.
UPDATE notification_outbox o
   SET state = 'given up', reason = %(reason)s, finished_at = now()
 WHERE (o.id = ANY (%(ids)s)
        OR o.batch IN (SELECT batch FROM notification_outbox WHERE id = ANY (%(ids)s)))
   AND o.state = 'queued'
RETURNING o.id;

-- name: hold
SELECT id, state FROM notification_outbox WHERE id = ANY (%(ids)s) ORDER BY id FOR UPDATE;

-- name: prune
DELETE FROM notification_outbox
 WHERE id = ANY (ARRAY(
       SELECT o.id FROM notification_outbox o JOIN alerts a ON a.id = o.alert_id
        WHERE o.finished_at < now() - make_interval(days => %(days)s) AND a.resolved
        ORDER BY o.finished_at LIMIT %(rows)s));

-- name: counts
SELECT state, count(*) AS rows FROM notification_outbox GROUP BY state;

-- name: ids
SELECT o.id FROM notification_outbox o JOIN alerts a ON a.id = o.alert_id WHERE {where}
 ORDER BY o.id LIMIT %(rows)s;

-- name: page
SELECT o.id, o.alert_id, a.robot_id, a.metric, a.title AS alert_title, o.occasion, o.round,
       o.target_id, o.target_name, o.route_id, o.route_name, o.state, o.reason, o.held, o.attempts,
       o.due_at, o.next_try_at, o.lease_until, o.last_error, o.created_at, o.finished_at, o.batch,
       coalesce(b.message, o.message) AS message, {key} AS sort_key
  FROM notification_outbox o
  JOIN alerts a ON a.id = o.alert_id
  LEFT JOIN notification_outbox b ON b.id = o.batch
 WHERE {where}
 ORDER BY {order}
 LIMIT %(rows)s;

-- name: by_id
o.id
-- name: by_created_at
o.created_at
-- name: by_next_try_at
o.next_try_at
-- name: by_finished_at
o.finished_at
-- name: by_attempts
o.attempts

-- name: if_id
o.id = ANY (%(id)s)
-- name: if_state
o.state = ANY (%(state)s)
-- name: if_occasion
o.occasion = ANY (%(occasion)s)
-- name: if_target_id
o.target_id = ANY (%(target_id)s)
-- name: if_alert_id
o.alert_id = %(alert_id)s
-- name: if_robot_id
a.robot_id = ANY (%(robot_id)s)
-- name: if_since
o.created_at >= %(since)s
-- name: if_until
o.created_at < %(until)s
