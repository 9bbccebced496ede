-- name: bounds
SELECT lowest, highest FROM metrics WHERE metric = %(metric)s;

-- name: reached
-- The fleet, and whom the fleet's limits do not reach: robots with limits of their own, and those
-- for which the metric is switched off.
SELECT r.robot_id, l.source = 'robot' AS own, l.enabled
  FROM robots r
  JOIN configured_limits l ON l.robot_id = r.robot_id AND l.metric = %(metric)s
 WHERE r.removed_at IS NULL
 ORDER BY r.robot_id COLLATE natural_order;

-- name: happened
-- Episodes of the record that were open at any time from since to until.
SELECT a.robot_id, coalesce(a.worst_severity, a.severity) AS severity,
       coalesce(a.starts_at, a.created_at) AS starts_at, a.resolved_at AS ended_at,
       a.resolve_reason AS reason, a.value, NULL::float8 AS worst
  FROM alerts a
 WHERE a.metric = %(metric)s AND a.robot_id = ANY (%(robot_ids)s)
   AND coalesce(a.starts_at, a.created_at) < %(until)s
   AND (NOT a.resolved OR a.resolved_at >= %(since)s)
 ORDER BY starts_at DESC, a.id DESC;
