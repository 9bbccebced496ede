-- name: in_force
-- What the rules apply now.
SELECT robot_id, metric, warning, warning_recovery, critical, critical_recovery, source,
       true AS enabled, true AS watched
  FROM effective_limits
 WHERE (%(robot_id)s::text IS NULL OR robot_id = %(robot_id)s)
   AND (%(metric)s::text IS NULL OR metric = %(metric)s)
 ORDER BY robot_id, metric;

-- name: configured
-- Also of robots that are not watched, and of metrics that are switched off.
SELECT robot_id, metric, warning, warning_recovery, critical, critical_recovery, source,
       enabled, watched
  FROM configured_limits
 WHERE (%(robot_id)s::text IS NULL OR robot_id = %(robot_id)s)
   AND (%(metric)s::text IS NULL OR metric = %(metric)s)
 ORDER BY robot_id, metric;
