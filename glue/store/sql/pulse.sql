-- name: beat_ages
-- Seconds since each loop's last heartbeat, by PostgreSQL's clock.
SELECT name, greatest(0, extract(epoch FROM clock_timestamp() - beat_at))::float8 AS age
  FROM heartbeats
 WHERE beat_at IS NOT NULL;

-- name: in_charge
-- Who evaluates the rules: grafana or standby.
SELECT details ->> 'evaluator' FROM heartbeats WHERE name = 'evaluator';

-- name: refused
SELECT topic, reason, count FROM refused_messages ORDER BY topic, reason;

-- name: robots_by_status
SELECT status, count(*) AS robots
  FROM robot_watch
 WHERE in_use
 GROUP BY status;
