-- name: since
-- The newest first, so that a flood of changes costs the oldest marks.
SELECT id, txid, at, until, actor, kind, robot_id, metric, before, after
  FROM fleet_changes
 WHERE at >= %(since)s
 ORDER BY id DESC
 LIMIT %(most)s;
