-- What PostgreSQL knows for a report. `robots` NULL: the fleet, with what concerns no robot.

-- name: robots
SELECT robot_id AS id, coalesce(nullif(btrim(name), ''), robot_id) AS name, created_at AS since
  FROM robots
 WHERE (%(robots)s::text[] IS NULL OR robot_id = ANY (%(robots)s))
   AND removed_at IS NULL AND created_at < %(until)s
 ORDER BY robot_id COLLATE natural_order;

-- name: later
-- Registered, but after the period.
SELECT robot_id FROM robots
 WHERE robot_id = ANY (%(robots)s) AND removed_at IS NULL AND created_at >= %(until)s;

-- name: limits
-- In force for one robot, or what most have.
SELECT metric, mode() WITHIN GROUP (ORDER BY warning) AS warning,
       mode() WITHIN GROUP (ORDER BY critical) AS critical
  FROM configured_limits
 WHERE enabled AND (%(robots)s::text[] IS NULL OR robot_id = ANY (%(robots)s))
 GROUP BY metric;

-- name: jobs
-- Of all first, then by robot, by day and by task: `part` says which. Older rows are counted as
-- their repair will write them.
WITH begun AS (
    SELECT j.robot_id, (m).status, (m).items_done, (m).end_time,
           to_char(j.start_time AT TIME ZONE %(zone)s, 'YYYY-MM-DD') AS day,
           coalesce(nullif(btrim((m).task_name), ''), 'no name') AS task,
           CASE WHEN (m).end_time >= j.start_time
                THEN extract(epoch FROM (m).end_time - j.start_time)::float8 END AS seconds,
           CASE jsonb_typeof(j.details -> 'estimated_duration') WHEN 'number' THEN
               CASE WHEN (j.details ->> 'estimated_duration')::numeric BETWEEN 0.01 AND 1e9
                    THEN (j.details ->> 'estimated_duration')::float8 END
           END AS estimated
      FROM jobs j, LATERAL jobs_mended(j) m
     WHERE j.start_time >= %(since)s AND j.start_time < %(until)s
       AND (%(robots)s::text[] IS NULL OR j.robot_id = ANY (%(robots)s)))
SELECT CASE grouping(robot_id, day, task) WHEN 7 THEN 'whole' WHEN 3 THEN 'by_robot'
            WHEN 5 THEN 'by_day' ELSE 'by_task' END AS part,
       coalesce(robot_id, day, task, '') AS key,
       count(*) FILTER (WHERE status = 'completed')::int AS completed,
       count(*) FILTER (WHERE status = 'failed')::int AS failed,
       count(*) FILTER (WHERE status = 'active')::int AS active,
       coalesce(sum(greatest(items_done, 0)), 0)::bigint AS items,
       avg(seconds) FILTER (WHERE status = 'completed') AS seconds,
       avg(seconds / estimated) FILTER (WHERE status = 'completed') AS against_estimate
  FROM begun
 GROUP BY GROUPING SETS ((), (robot_id), (day), (task))
 ORDER BY count(*) DESC, key;

-- name: job_failures
SELECT coalesce(nullif(btrim(reason), ''), 'no reason given') AS reason, count(*)::int AS jobs
  FROM jobs
 WHERE status = 'failed' AND start_time >= %(since)s AND start_time < %(until)s
   AND (%(robots)s::text[] IS NULL OR robot_id = ANY (%(robots)s))
 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10;

-- name: alerts
WITH raised AS (
    SELECT a.robot_id, coalesce(a.worst_severity, a.severity) AS severity, a.resolved,
           coalesce(metric_of_rule(a.metric), a.alert_type) AS metric,
           to_char(a.created_at AT TIME ZONE %(zone)s, 'YYYY-MM-DD') AS day,
           CASE WHEN a.acknowledged_at >= a.created_at
                THEN extract(epoch FROM a.acknowledged_at - a.created_at)::float8 END AS until_seen,
           CASE WHEN a.resolved_at >= a.created_at
                THEN extract(epoch FROM a.resolved_at - a.created_at)::float8 END AS lasted
      FROM alerts a
     WHERE a.created_at >= %(since)s AND a.created_at < %(until)s
       AND (%(robots)s::text[] IS NULL OR a.robot_id = ANY (%(robots)s))
       AND (%(types)s::text[] IS NULL OR a.alert_type = ANY (%(types)s)))
SELECT CASE grouping(robot_id, day, metric) WHEN 7 THEN 'whole' WHEN 3 THEN 'by_robot'
            WHEN 5 THEN 'by_day' ELSE 'by_metric' END AS part,
       coalesce(robot_id, day, metric, '') AS key,
       count(*) FILTER (WHERE severity = 'critical')::int AS critical,
       count(*) FILTER (WHERE severity = 'warning')::int AS warning,
       count(*) FILTER (WHERE severity NOT IN ('critical', 'warning'))::int AS info,
       count(*) FILTER (WHERE NOT resolved)::int AS open,
       avg(until_seen) AS to_acknowledge, avg(lasted) FILTER (WHERE resolved) AS lasted
  FROM raised
 GROUP BY GROUPING SETS ((), (robot_id), (day), (metric))
 ORDER BY count(*) DESC, key;

-- name: log_levels
SELECT level, count(*)::int AS lines FROM system_logs
 WHERE timestamp >= %(since)s AND timestamp < %(until)s
   AND (%(robots)s::text[] IS NULL OR robot_id = ANY (%(robots)s))
 GROUP BY level;

-- name: log_robots
SELECT robot_id, count(*) FILTER (WHERE level IN ('ERROR', 'CRITICAL'))::int AS errors,
       count(*) FILTER (WHERE level = 'WARNING')::int AS warnings
  FROM system_logs
 WHERE timestamp >= %(since)s AND timestamp < %(until)s AND robot_id IS NOT NULL
   AND level IN ('WARNING', 'ERROR', 'CRITICAL')
   AND (%(robots)s::text[] IS NULL OR robot_id = ANY (%(robots)s))
 GROUP BY robot_id ORDER BY 2 DESC, 3 DESC, 1 LIMIT 15;

-- name: earlier
-- The newest report of the same kind about the same robots whose period is just this one.
SELECT data FROM reports
 WHERE report_type = %(kind)s AND data ->> 'version' IS NOT NULL
   AND data #>> '{period,since}' = %(since)s AND data #>> '{period,until}' = %(until)s
   AND data #>> '{scope,kind}' = %(scope)s
   AND (%(robots)s::jsonb IS NULL OR data #> '{scope,robots}' @> %(robots)s::jsonb)
 ORDER BY created_at DESC, id DESC LIMIT 1;
