-- name: owned
SELECT kind, name, grafana_id FROM grafana_objects;

-- name: own
INSERT INTO grafana_objects (kind, name, grafana_id, user_id, email)
VALUES (%(kind)s, %(name)s, %(id)s, %(user_id)s, %(email)s)
ON CONFLICT (kind, name) DO UPDATE
   SET grafana_id = excluded.grafana_id, user_id = excluded.user_id, email = excluded.email,
       external = false, written_at = now();

-- name: shown
UPDATE grafana_objects o SET email = s.email, external = s.external
  FROM jsonb_to_recordset(%(rows)s) AS s(id bigint, email text, external boolean)
 WHERE o.kind = 'user' AND o.grafana_id = s.id
   AND (o.email, o.external) IS DISTINCT FROM (s.email, s.external);

-- name: forget_gone
DELETE FROM grafana_objects WHERE kind = 'user' AND grafana_id <> ALL (%(ids)s);

-- name: sign_outs
SELECT name, sign_out_at FROM grafana_objects WHERE kind = 'user' AND sign_out_at IS NOT NULL;

-- name: signed_out
UPDATE grafana_objects SET sign_out_at = NULL
 WHERE kind = 'user' AND name = %(name)s AND sign_out_at <= %(since)s::timestamptz;

-- name: disown
DELETE FROM grafana_objects WHERE kind = %(kind)s AND name = %(name)s;

-- name: repairs
-- What the reconciler wrote, newest first.
SELECT timestamp, message FROM system_logs
 WHERE category = 'system' AND details ? 'grafana'
 ORDER BY timestamp DESC, id DESC
 LIMIT %(most)s;
