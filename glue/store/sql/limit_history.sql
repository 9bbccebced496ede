-- name: page
SELECT c.id, c.at, c.actor, c.robot_id, c.metric, c.before, c.after, {key} AS sort_key
  FROM fleet_changes c
 WHERE c.kind = 'limits' AND {where}
 ORDER BY {order}
 LIMIT %(rows)s;

-- name: by_id
c.id
-- name: by_at
c.at
-- name: by_robot_id
c.robot_id COLLATE natural_order
-- name: by_metric
c.metric
-- name: by_actor
c.actor
-- name: if_robot_id
c.robot_id = ANY (%(robot_id)s)
-- name: if_fleet
(c.robot_id IS NULL) = %(fleet)s
-- name: if_metric
c.metric = ANY (%(metric)s)
-- name: if_actor
c.actor = ANY (%(actor)s)
-- name: if_since
c.at >= %(since)s
-- name: if_until
c.at < %(until)s
