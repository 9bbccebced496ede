-- name: in_force
-- What the rules apply now.
SELECT robot_id, metric, warning, warning_recovery, critical, critical_recovery, source,
       true AS enabled, true AS watched
  FROM effective_limits
 WHERE (%(robot_id)s::text IS NULL OR robot_id = %(robot_id)s)
   AND (%(metric)s::text IS NULL OR metric = %(metric)s)
 ORDER BY robot_id COLLATE natural_order, metric;

-- name: configured
-- Also of robots that are not watched, and of metrics that are switched off.
SELECT robot_id, metric, warning, warning_recovery, critical, critical_recovery, source,
       enabled, watched
  FROM configured_limits
 WHERE (%(robot_id)s::text IS NULL OR robot_id = %(robot_id)s)
   AND (%(metric)s::text IS NULL OR metric = %(metric)s)
 ORDER BY robot_id COLLATE natural_order, metric;

-- name: page
SELECT l.robot_id, l.metric, l.warning, l.warning_recovery, l.critical, l.critical_recovery,
       l.source, l.enabled, l.enabled AND l.watched AS in_force, {key} AS sort_key
  FROM configured_limits l
 WHERE l.robot_id IN (SELECT robot_id FROM robots WHERE removed_at IS NULL) AND {where}
 ORDER BY {order}
 LIMIT %(rows)s;

-- name: by_key
-- No id and no metric has a slash.
(l.robot_id || '/' || l.metric) COLLATE natural_order
-- name: by_robot_id
l.robot_id COLLATE natural_order
-- name: by_metric
l.metric
-- name: by_source
l.source
-- name: by_warning
l.warning
-- name: by_critical
l.critical
-- name: if_robot_id
l.robot_id = ANY (%(robot_id)s)
-- name: if_metric
l.metric = ANY (%(metric)s)
-- name: if_source
l.source = ANY (%(source)s)
-- name: if_in_force
(l.enabled AND l.watched) = %(in_force)s
