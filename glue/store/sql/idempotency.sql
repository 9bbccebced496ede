-- name: take
-- The key is ours when it is new, over, or its holder has been at work for longer than anything
-- takes: that one was killed. Nothing comes back when somebody else holds it.
INSERT INTO idempotency_keys AS k (user_id, key, method, path, fingerprint)
VALUES (%(user_id)s, %(key)s, %(method)s, %(path)s, %(fingerprint)s)
ON CONFLICT (user_id, key) DO UPDATE
   SET method = excluded.method, path = excluded.path, fingerprint = excluded.fingerprint,
       status = NULL, headers = NULL, body = NULL, created_at = excluded.created_at
 WHERE k.created_at < clock_timestamp() - make_interval(secs => %(keep)s)
    OR (k.status IS NULL AND k.fingerprint = excluded.fingerprint
        AND k.created_at < clock_timestamp() - make_interval(secs => %(longest)s))
RETURNING created_at;

-- name: kept
SELECT fingerprint, status, headers, body
  FROM idempotency_keys
 WHERE user_id = %(user_id)s AND key = %(key)s;

-- name: finish
-- Only by who took it: created_at tells one holder from the next.
UPDATE idempotency_keys
   SET status = %(status)s, headers = %(headers)s, body = %(body)s
 WHERE user_id = %(user_id)s AND key = %(key)s AND created_at = %(taken_at)s;

-- name: release
DELETE FROM idempotency_keys
 WHERE user_id = %(user_id)s AND key = %(key)s AND created_at = %(taken_at)s AND status IS NULL;

-- name: withdraw
-- Also where an answer is kept already.
DELETE FROM idempotency_keys
 WHERE user_id = %(user_id)s AND key = %(key)s AND created_at = %(taken_at)s;

-- name: expire
DELETE FROM idempotency_keys
 WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM idempotency_keys
        WHERE created_at < clock_timestamp() - make_interval(secs => %(keep)s)
        LIMIT %(rows)s));
