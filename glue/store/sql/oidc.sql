-- name: only_one_makes_a_key
-- Two services that start at once must not sign with two new keys.
SELECT pg_advisory_xact_lock(hashtext('tonypi:signing key'));

-- name: keys
-- Newest first. `signs`: young enough.
SELECT kid, public, sealed, made_at > now() - make_interval(secs => %(signs)s) AS signs
  FROM oidc_keys ORDER BY made_at DESC, kid;

-- name: add_key
INSERT INTO oidc_keys (kid, public, sealed) VALUES (%(kid)s, %(public)s, %(sealed)s);

-- name: forget_keys
-- Those that were replaced so long ago that nothing signed with them is in force any more.
DELETE FROM oidc_keys k
 WHERE EXISTS (SELECT FROM oidc_keys newer
                WHERE newer.made_at > k.made_at
                  AND newer.made_at < now() - make_interval(secs => %(kept)s));

-- name: add_browser
INSERT INTO oidc_browsers (token_hash, session_id) VALUES (%(token_hash)s, %(session_id)s);

-- name: session
SELECT s.id::text, s.created_at, u.id AS user_id, u.username
  FROM oidc_browsers b
  JOIN sessions s ON s.id = b.session_id
  JOIN users u ON u.id::text = s.user_id
 WHERE b.token_hash = %(token_hash)s
   AND s.ended_at IS NULL AND s.expires_at > now() AND u.is_active;

-- name: end_session
UPDATE sessions
   SET ended_at = now(), end_reason = 'signed out'
 WHERE id = %(id)s AND ended_at IS NULL;

-- name: add_code
INSERT INTO oidc_codes (code_hash, session_id, client_id, redirect_uri, challenge, scope, nonce,
                        expires_at)
VALUES (%(code_hash)s, %(session_id)s, %(client_id)s, %(redirect_uri)s, %(challenge)s, %(scope)s,
        %(nonce)s, now() + make_interval(secs => %(lives)s));

-- name: session_used
UPDATE sessions SET last_used_at = now() WHERE id = %(session_id)s;

-- name: forget_codes
-- Kept for a day, so that one that comes again is known.
DELETE FROM oidc_codes WHERE expires_at < now() - interval '1 day';

-- name: code
-- Locked: of two posts with one code the second waits, and finds it used.
SELECT c.id::text, c.client_id, c.redirect_uri, c.challenge, c.scope, c.nonce,
       c.expires_at <= now() AS expired, c.used_at IS NOT NULL AS used,
       s.id::text AS session_id, s.created_at AS signed_in_at, s.expires_at AS ends_at, s.user_id,
       s.ended_at IS NOT NULL OR s.expires_at <= now() AS over
  FROM oidc_codes c JOIN sessions s ON s.id = c.session_id
 WHERE c.code_hash = %(code_hash)s
   FOR UPDATE OF c;

-- name: code_came
UPDATE oidc_codes
   SET replayed_at = CASE WHEN used_at IS NULL THEN replayed_at ELSE now() END,
       used_at = coalesce(used_at, now())
 WHERE id = %(id)s;

-- name: holder
-- Whose access token it is: of a session that goes on, from a code that came only once.
SELECT u.id AS user_id
  FROM oidc_codes c
  JOIN sessions s ON s.id = c.session_id
  JOIN users u ON u.id::text = s.user_id
 WHERE c.id = %(code_id)s AND c.replayed_at IS NULL
   AND s.ended_at IS NULL AND s.expires_at > now() AND u.is_active;

-- name: ours_in_grafana
-- Whether a sign-in in Grafana finds the account that we made there for this person: by our subject
-- where they signed in before, else by e-mail address, which could be somebody else's.
SELECT EXISTS (SELECT FROM grafana_objects o JOIN users u ON u.id::text = o.user_id
                WHERE o.kind = 'user' AND o.user_id = %(user_id)s
                  AND (o.external OR lower(o.email) = lower(u.email))) AS found;
