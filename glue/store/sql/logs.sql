-- name: add
-- A message that comes again after a crash has its line already: same robot, time and text.
INSERT INTO system_logs (level, category, message, robot_id, details, timestamp)
SELECT n.level, n.category, n.message, n.robot_id, n.details, n.timestamp
  FROM jsonb_to_recordset(%(rows)s) AS n(
       level text, category text, message text, robot_id text, details jsonb, timestamp timestamptz)
 WHERE NOT EXISTS (
       SELECT FROM system_logs s
        WHERE s.robot_id = n.robot_id AND s.timestamp = n.timestamp
          AND s.category = n.category AND s.message = n.message);
