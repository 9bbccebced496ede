-- name: known_address
-- Whether this user has logged in from there lately (ended sessions are kept for a while).
SELECT EXISTS (SELECT FROM sessions s
                WHERE s.address = %(address)s
                  AND s.user_id IN (SELECT id::text FROM users WHERE lower(username) = lower(%(username)s)));

-- name: hold_user
-- Until the transaction ends nobody changes the password or deactivates; nothing where that has
-- happened since the password was checked.
SELECT id FROM users
 WHERE id = %(user_id)s AND password_hash = %(checked)s AND is_active
   FOR NO KEY UPDATE;

-- name: start
INSERT INTO sessions (user_id, address, user_agent, expires_at)
VALUES (%(user_id)s, %(address)s, %(user_agent)s,
        now() + make_interval(secs => least(%(idle)s::float8, %(longest)s::float8)))
RETURNING id::text;

-- name: end_surplus
-- Those used longest ago, beyond the number that one user may have at once.
UPDATE sessions SET ended_at = now(), end_reason = 'too many sessions'
 WHERE id IN (SELECT id FROM sessions
               WHERE user_id = %(user_id)s AND ended_at IS NULL AND expires_at > now()
               ORDER BY last_used_at DESC, created_at DESC OFFSET %(most)s);

-- name: first_token
INSERT INTO refresh_tokens (session_id, token_hash) VALUES (%(session_id)s, %(token_hash)s);

-- name: of_token
-- Locks the session: of two who show its tokens at once, the second sees what the first did.
SELECT s.id::text AS session_id, s.user_id, u.username, s.ended_at IS NULL AND s.expires_at > now() AND u.is_active
       AS live
  FROM refresh_tokens t
  JOIN sessions s ON s.id = t.session_id
  JOIN users u ON u.id::text = s.user_id
 WHERE t.token_hash = %(token_hash)s
   FOR UPDATE OF s;

-- name: shown
-- After the lock: what others did meanwhile is seen.
SELECT extract(epoch FROM clock_timestamp() - t.rotated_at)::float8 AS rotated_ago,
       coalesce(n.rotated_at IS NOT NULL, false) AS successor_used,
       s.ended_at IS NULL AND s.expires_at > now() AS live
  FROM refresh_tokens t
  JOIN sessions s ON s.id = t.session_id
  LEFT JOIN refresh_tokens n ON n.token_hash = t.successor
 WHERE t.token_hash = %(token_hash)s;

-- name: rotate
UPDATE refresh_tokens SET rotated_at = clock_timestamp(), successor = %(successor)s
 WHERE token_hash = %(token_hash)s;

-- name: touch
-- Every rotation gives the session its idle time again, but never beyond its whole length.
UPDATE sessions
   SET last_used_at = now(),
       expires_at = least(now() + make_interval(secs => %(idle)s::float8),
                          created_at + make_interval(secs => %(longest)s::float8))
 WHERE id = %(session_id)s;

-- name: remaining
SELECT extract(epoch FROM expires_at - now())::float8 FROM sessions WHERE id = %(session_id)s;

-- name: caller
-- Who calls with an access token: the user, while the token's session goes on.
SELECT u.id::text, u.username, u.email, u.password_hash, (users_mended(u)).role, u.is_active, u.created_at,
       u.updated_at
  FROM users u JOIN sessions s ON s.user_id = %(user_id)s AND s.id = %(session_id)s
 WHERE u.id = %(user_id)s AND u.is_active AND s.ended_at IS NULL AND s.expires_at > now();

-- name: of_user
SELECT id::text, created_at, last_used_at, expires_at, address, user_agent
  FROM sessions
 WHERE user_id = %(user_id)s AND ended_at IS NULL AND expires_at > now()
 ORDER BY last_used_at DESC, id;

-- name: end_one
UPDATE sessions SET ended_at = now(), end_reason = %(reason)s
 WHERE id = %(session_id)s AND user_id = %(user_id)s AND ended_at IS NULL AND expires_at > now()
RETURNING id::text;

-- name: end_all
UPDATE sessions SET ended_at = now(), end_reason = %(reason)s
 WHERE user_id = %(user_id)s AND ended_at IS NULL
RETURNING expires_at > now() AS live;

-- name: sign_out_of_grafana
SELECT sign_out_of_grafana(%(user_id)s);

-- name: sign_out_browsers
-- Where the session was a browser's: it came in with a password alone, not with refresh tokens.
SELECT sign_out_of_grafana(%(user_id)s)
 WHERE NOT EXISTS (SELECT FROM refresh_tokens WHERE session_id = %(session_id)s);

-- name: forget
-- What is over, kept for as long as addresses are remembered.
DELETE FROM sessions
 WHERE id = ANY (ARRAY(
       SELECT id FROM sessions
        WHERE coalesce(ended_at, expires_at) < now() - make_interval(days => %(days)s)
        LIMIT %(rows)s));

-- name: are_kept
SELECT to_regclass('sessions') IS NOT NULL;

-- name: grafana_sign_outs_are_kept
SELECT to_regprocedure('sign_out_of_grafana(text)') IS NOT NULL;

-- name: sign_everybody_out_of_grafana
UPDATE grafana_objects SET sign_out_at = clock_timestamp() WHERE kind = 'user';

-- name: end_everybodys
UPDATE sessions SET ended_at = now(), end_reason = %(reason)s WHERE ended_at IS NULL;
