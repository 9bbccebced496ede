-- name: record
INSERT INTO system_logs (level, category, message, robot_id, details)
VALUES (%(level)s, %(category)s, %(message)s, %(robot_id)s, %(details)s);

-- name: acting
SELECT set_config('tonypi.actor', %(username)s, true);
