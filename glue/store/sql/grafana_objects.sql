-- name: owned
SELECT kind, name, grafana_id FROM grafana_objects;

-- name: own
INSERT INTO grafana_objects (kind, name, grafana_id) VALUES (%(kind)s, %(name)s, %(id)s)
ON CONFLICT (kind, name) DO UPDATE SET grafana_id = excluded.grafana_id, written_at = now();

-- name: disown
DELETE FROM grafana_objects WHERE kind = %(kind)s AND name = %(name)s;

-- name: repairs
-- What the reconciler wrote, newest first.
SELECT timestamp, message FROM system_logs
 WHERE category = 'system' AND details ? 'grafana'
 ORDER BY timestamp DESC, id DESC
 LIMIT %(most)s;
