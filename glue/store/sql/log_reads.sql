-- name: page
-- An older row's mistake is shown as what its repair will write.
SELECT m.id, m.level, m.category, m.message, m.robot_id, m.details,
       m.timestamp, {key} AS sort_key
  FROM (SELECT s.id FROM system_logs s WHERE {where} ORDER BY {order} LIMIT %(rows)s) p
  JOIN system_logs s ON s.id = p.id
 CROSS JOIN LATERAL system_logs_mended(s) m
 ORDER BY {order};

-- name: by_id
s.id
-- name: by_timestamp
s.timestamp
-- name: by_level
-- Ascending is from INFO to CRITICAL.
array_position(ARRAY['INFO', 'WARNING', 'ERROR', 'CRITICAL'], s.level::text)
-- name: by_category
s.category
-- name: by_robot_id
s.robot_id

-- name: if_level
s.level = ANY (%(level)s)
-- name: if_at_least
s.level = ANY (%(at_least)s)
-- name: if_category
s.category = ANY (%(category)s)
-- name: if_robot_id
s.robot_id = ANY (%(robot_id)s)
-- name: if_actor
coalesce(s.details ->> 'username', s.details ->> 'by', s.details ->> 'who') = ANY (%(actor)s)
-- name: if_since
s.timestamp >= %(since)s
-- name: if_until
s.timestamp < %(until)s
-- name: if_text
-- As postgres/indexes.sql has it indexed.
lower(s.message)
    LIKE '%%' || regexp_replace(lower(%(text)s), '([\\%%_])', '\\\1', 'g') || '%%'
-- name: if_without_auth
-- Whatever an older fleet called it.
lower(left(s.category, 4)) <> 'auth'

-- name: one
SELECT m.id, m.level, m.category, m.message, m.robot_id, m.details, m.timestamp,
       s.category AS kept_category
  FROM system_logs s, LATERAL system_logs_mended(s) m
 WHERE s.id = %(id)s;

-- name: counts
-- One pass: by level, by category, by robot, and all of them together.
SELECT CASE grouping(s.level, s.category, s.robot_id)
            WHEN 3 THEN 'level' WHEN 5 THEN 'category' WHEN 6 THEN 'robot_id' ELSE 'all' END AS by,
       coalesce(s.level, s.category, s.robot_id) AS name, count(*) AS entries
  FROM system_logs s
 WHERE {where}
 GROUP BY GROUPING SETS ((s.level), (s.category), (s.robot_id), ())
 ORDER BY entries DESC, name;

-- name: hours
SELECT date_trunc('hour', s.timestamp, 'UTC') AS hour, count(*) AS entries,
       count(*) FILTER (WHERE s.level = 'WARNING') AS warnings,
       count(*) FILTER (WHERE s.level IN ('ERROR', 'CRITICAL')) AS errors
  FROM system_logs s
 WHERE {where}
 GROUP BY 1
 ORDER BY 1;
