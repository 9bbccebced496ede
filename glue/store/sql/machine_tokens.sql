-- name: add
INSERT INTO machine_tokens (name, user_id, role, scopes, token_hash, hint, created_by, expires_at)
VALUES (%(name)s, %(user_id)s, %(role)s, %(scopes)s, %(token_hash)s, %(hint)s, %(created_by)s, %(expires_at)s)
ON CONFLICT DO NOTHING
RETURNING id::text, name, user_id, %(username)s::text AS username, role, scopes, hint, created_by, created_at,
          expires_at, last_used_at;

-- name: bearer
-- Of a token that holds: whose it is (NULL: a machine's), and with which role it acts.
SELECT t.id::text, t.name, t.scopes, t.last_used_at, t.user_id, u.username, u.email,
       coalesce(t.role, (users_mended(u)).role) AS role, t.created_at,
       t.last_used_at IS NULL OR t.last_used_at < now() - interval '1 minute' AS stale
  FROM machine_tokens t LEFT JOIN users u ON u.id::text = t.user_id
 WHERE t.token_hash = %(token_hash)s AND t.revoked_at IS NULL
   AND (t.expires_at IS NULL OR t.expires_at > now())
   AND (t.user_id IS NULL OR u.is_active);

-- name: why_not
SELECT t.name,
       CASE WHEN t.revoked_at IS NOT NULL THEN 'revoked'
            WHEN t.expires_at <= now() THEN 'expired' ELSE 'its user is not active' END AS reason
  FROM machine_tokens t WHERE t.token_hash = %(token_hash)s;

-- name: used
-- At most once a minute, also when many requests come at once.
UPDATE machine_tokens SET last_used_at = now()
 WHERE id = %(id)s AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute');

-- name: page
SELECT t.id::text, t.name, t.user_id, u.username, t.role, t.scopes, t.hint, t.created_by, t.created_at,
       t.expires_at, t.last_used_at, {key} AS sort_key
  FROM machine_tokens t LEFT JOIN users u ON u.id::text = t.user_id
 WHERE t.revoked_at IS NULL AND {where}
 ORDER BY {order} LIMIT %(rows)s;

-- name: if_user_id
t.user_id = %(user_id)s
-- name: by_id
t.id::text
-- name: by_name
lower(t.name)
-- name: by_created_at
t.created_at
-- name: by_expires_at
t.expires_at
-- name: by_last_used_at
t.last_used_at

-- name: one
SELECT t.id::text, t.name, t.user_id, u.username, t.role, t.scopes, t.hint, t.created_by, t.created_at,
       t.expires_at, t.last_used_at
  FROM machine_tokens t LEFT JOIN users u ON u.id::text = t.user_id
 WHERE t.id = %(id)s AND t.revoked_at IS NULL;

-- name: revoked_with_maker
-- Those for machines that this transaction has revoked by demoting or deactivating who made them.
SELECT count(*) FROM machine_tokens
 WHERE user_id IS NULL AND created_by = %(maker)s AND revoked_at = now();

-- name: revoke
UPDATE machine_tokens SET revoked_at = now(), revoked_by = %(revoked_by)s
 WHERE id = %(id)s AND revoked_at IS NULL
RETURNING name;
