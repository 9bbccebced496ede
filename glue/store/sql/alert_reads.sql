-- name: page
-- Newest first, after the row that the cursor names. A NULL filter lets everything through.
-- An older row's mistake is shown as what its repair will write.
SELECT a.id, a.robot_id, a.metric, (alerts_mended(a)).alert_type, (alerts_mended(a)).severity,
       a.title, a.message, a.source,
       a.value, a.threshold, a.acknowledged, a.acknowledged_by, a.acknowledged_at, a.comment,
       a.resolved, a.resolved_at, a.resolved_by, a.resolve_reason, a.starts_at, a.origin,
       (alerts_mended(a)).details, a.created_at
  FROM alerts a
 WHERE (%(robot_id)s::text IS NULL OR a.robot_id = %(robot_id)s::text)
   AND (%(severities)s::text[] IS NULL OR a.severity = ANY (%(severities)s::text[]))
   AND (%(types)s::text[] IS NULL OR a.alert_type = ANY (%(types)s::text[]))
   AND (%(acknowledged)s::bool IS NULL OR a.acknowledged = %(acknowledged)s::bool)
   AND (%(resolved)s::bool IS NULL OR a.resolved = %(resolved)s::bool)
   AND (%(since)s::timestamptz IS NULL OR a.created_at >= %(since)s::timestamptz)
   AND (%(until)s::timestamptz IS NULL OR a.created_at < %(until)s::timestamptz)
   AND (%(after_at)s::timestamptz IS NULL
        OR (a.created_at, a.id) < (%(after_at)s::timestamptz, %(after_id)s::bigint))
 ORDER BY a.created_at DESC, a.id DESC
 LIMIT %(rows)s;

-- name: one
SELECT a.id, a.robot_id, a.metric, (alerts_mended(a)).alert_type, (alerts_mended(a)).severity,
       a.title, a.message, a.source,
       a.value, a.threshold, a.acknowledged, a.acknowledged_by, a.acknowledged_at, a.comment,
       a.resolved, a.resolved_at, a.resolved_by, a.resolve_reason, a.starts_at, a.origin,
       (alerts_mended(a)).details, a.created_at
  FROM alerts a
 WHERE a.id = %(id)s;

-- name: timeline
SELECT at, kind, severity, value, threshold, source, origin, actor, note, details
  FROM alert_timeline
 WHERE alert_id = %(id)s
 ORDER BY at, id;

-- name: open_by_severity
SELECT severity, count(*) AS alerts FROM alerts WHERE NOT resolved GROUP BY severity;
