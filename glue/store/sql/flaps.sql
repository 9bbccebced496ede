-- name: running
SELECT id, metric, robot_id, severity, alert_id, last_opening FROM alert_flaps
 WHERE ended_at IS NULL;

-- name: openings
-- Those of the pairs of these alerts, since the time, oldest first.
SELECT DISTINCT coalesce(a.metric, '') AS metric, coalesce(a.robot_id, '') AS robot_id,
       a.id AS alert_id, coalesce(a.starts_at, a.created_at) AS at, a.severity
  FROM alerts n
  JOIN alerts a ON a.metric = n.metric AND coalesce(a.robot_id, '') = coalesce(n.robot_id, '')
 WHERE n.id = ANY (%(ids)s) AND coalesce(a.starts_at, a.created_at) > %(since)s
 ORDER BY at, alert_id;

-- name: begin
-- With that in the timeline of the alert of which people are told.
WITH made AS (
    INSERT INTO alert_flaps (metric, robot_id, severity, alert_id, openings, began_at, last_opening)
    VALUES (%(metric)s, %(robot_id)s, %(severity)s, %(alert_id)s, %(openings)s, %(now)s,
            %(last_opening)s)
    RETURNING id),
told AS (
    INSERT INTO alert_timeline (alert_id, at, kind, severity, note)
    VALUES (%(alert_id)s, %(now)s, 'flapping', %(severity)s, %(note)s))
UPDATE alerts SET flap_id = made.id FROM made WHERE alerts.id = ANY (%(ids)s)
RETURNING flap_id;

-- name: go_on
WITH joined AS (UPDATE alerts SET flap_id = %(id)s WHERE id = ANY (%(ids)s))
UPDATE alert_flaps
   SET openings = openings + cardinality(%(ids)s::int[]),
       last_opening = greatest(last_opening, %(last_opening)s)
 WHERE id = %(id)s;

-- name: worse
UPDATE alert_flaps SET severity = %(severity)s, alert_id = %(alert_id)s WHERE id = %(id)s;

-- name: end
UPDATE alert_flaps SET ended_at = %(now)s WHERE id = %(id)s;

-- name: settle
-- Those that people were told of and that are over have their end now. The one that still is open
-- goes on as any other.
INSERT INTO alert_timeline (alert_id, at, kind, severity, note)
SELECT a.id, %(now)s, 'settled', a.severity,
       CASE WHEN EXISTS (SELECT FROM alerts s WHERE s.flap_id = %(id)s AND NOT s.resolved)
            THEN 'flaps no more, but goes on' ELSE 'flaps no more' END
  FROM alerts a
 WHERE a.flap_id = %(id)s AND a.resolved
   AND EXISTS (SELECT FROM notification_outbox o
                WHERE o.alert_id = a.id AND o.occasion <> 'resolved'
                  AND o.state NOT IN ('suppressed', 'given up'));

-- name: members
-- Alerts of flaps that go on.
SELECT a.id, a.flap_id FROM alerts a
 WHERE a.id = ANY (%(ids)s) AND a.flap_id = ANY (%(flaps)s);
