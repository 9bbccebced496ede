-- name: page
-- First which rows, then what they say: sorting carries ids only. An older row's mistake is shown as
-- what its repair will write.
SELECT m.id, j.robot_id, m.task_name, m.status, m.phase, m.reason, m.start_time, m.end_time,
       m.items_total, m.items_done, m.percent_complete, m.last_item,
       coalesce(m.details, '{{}}') AS details, m.created_at, m.updated_at, {key} AS sort_key
  FROM (SELECT j.id FROM jobs j WHERE {where} ORDER BY {order} LIMIT %(rows)s) p
  JOIN jobs j ON j.id = p.id
 CROSS JOIN LATERAL jobs_mended(j) m
 ORDER BY {order};

-- name: by_id
j.id
-- name: by_start_time
j.start_time
-- name: by_end_time
j.end_time
-- name: by_created_at
j.created_at
-- name: by_robot_id
j.robot_id COLLATE natural_order
-- name: by_status
j.status
-- name: by_task_name
j.task_name
-- name: by_items_done
j.items_done

-- name: if_robot_id
j.robot_id = ANY (%(robot_id)s)
-- name: if_status
j.status = ANY (%(status)s)
-- name: if_task_name
j.task_name = ANY (%(task_name)s)
-- name: if_asked_by
j.details ->> 'asked_by' = %(asked_by)s
-- name: if_since
j.start_time >= %(since)s
-- name: if_until
j.start_time < %(until)s

-- name: one
SELECT (m).id, j.robot_id, (m).task_name, (m).status, (m).phase, (m).reason, (m).start_time,
       (m).end_time, (m).items_total, (m).items_done, (m).percent_complete, (m).last_item,
       coalesce((m).details, '{}') AS details, (m).created_at, (m).updated_at
  FROM jobs j, LATERAL jobs_mended(j) m
 WHERE j.id = %(id)s;

-- name: active
SELECT id FROM jobs WHERE robot_id = %(robot_id)s AND status = 'active';

-- name: statistics
-- A row of each robot, and one of all (robot_id NULL) also where there is no job. Durations in
-- seconds, of jobs that completed; throughput over the time that jobs were at work.
SELECT t.robot_id, count(*) AS jobs,
       count(*) FILTER (WHERE t.status = 'active') AS active,
       count(*) FILTER (WHERE t.status = 'completed') AS completed,
       count(*) FILTER (WHERE t.status = 'failed') AS failed,
       count(*) FILTER (WHERE t.status = 'failed' AND t.reason = 'cancelled') AS cancelled,
       count(*) FILTER (WHERE t.status = 'completed')::float8
           / nullif(count(*) FILTER (WHERE t.status <> 'active'), 0) AS success_rate,
       coalesce(sum(t.items_done), 0)::bigint AS items_done,
       sum(t.items_done) FILTER (WHERE t.seconds > 0)
           / (nullif(sum(t.seconds) FILTER (WHERE t.seconds > 0), 0) / 3600) AS items_per_hour,
       avg(t.seconds) FILTER (WHERE t.status = 'completed') AS duration_mean_s,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY t.seconds)
           FILTER (WHERE t.status = 'completed') AS duration_median_s,
       count(*) FILTER (WHERE t.status = 'completed' AND t.estimated IS NOT NULL) AS estimated_jobs,
       avg(t.estimated) FILTER (WHERE t.status = 'completed' AND t.estimated IS NOT NULL)
           AS estimated_mean_s,
       avg(t.seconds / t.estimated) FILTER (WHERE t.status = 'completed' AND t.estimated IS NOT NULL)
           AS duration_of_estimated
  FROM (SELECT j.robot_id, j.status, j.reason, greatest(j.items_done, 0) AS items_done,
               greatest(0, extract(epoch FROM j.end_time - j.start_time))::float8 AS seconds,
               CASE jsonb_typeof(j.details -> 'estimated_duration') WHEN 'number' THEN
                   CASE WHEN (j.details ->> 'estimated_duration')::numeric BETWEEN 0.01 AND 1e9
                        THEN (j.details ->> 'estimated_duration')::float8 END
               END AS estimated
          FROM jobs j
         WHERE {where}) t
 GROUP BY GROUPING SETS ((t.robot_id), ())
 ORDER BY t.robot_id COLLATE natural_order NULLS FIRST;
