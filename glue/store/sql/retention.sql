-- name: logs
-- The oldest first and few at a time: nobody waits for this.
DELETE FROM system_logs
 WHERE id = ANY (ARRAY(
       SELECT id FROM system_logs
        WHERE timestamp < now() - make_interval(days => %(days)s)
        ORDER BY timestamp LIMIT %(rows)s));

-- name: commands
-- With the answers of each robot.
DELETE FROM commands
 WHERE id = ANY (ARRAY(
       SELECT id FROM commands
        WHERE asked_at < now() - make_interval(days => %(days)s)
        ORDER BY asked_at LIMIT %(rows)s));
