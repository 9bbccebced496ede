-- name: by_username
-- Whatever the case of the letters: Ada and ada are one person. In an adopted database they may be
-- two until it is repaired: then the name as it is written comes first.
SELECT id, username, email, password_hash, (users_mended(users)).role, is_active, created_at,
       updated_at
  FROM users
 WHERE lower(username) = lower(%(username)s)
 ORDER BY username = %(username)s DESC, is_active DESC, updated_at DESC, id
 LIMIT 1;

-- name: by_id
SELECT id, username, email, password_hash, (users_mended(users)).role, is_active, created_at,
       updated_at
  FROM users
 WHERE id = %(id)s;

-- name: is_active
SELECT id FROM users WHERE id = %(id)s AND is_active;

-- name: listed
SELECT id, username, email, password_hash, (users_mended(users)).role, is_active, created_at,
       updated_at
  FROM users
 ORDER BY username;

-- name: only_one_makes_the_first
-- Two services that start at once must not both find the table empty.
SELECT pg_advisory_xact_lock(hashtext('tonypi:first user'));

-- name: any_user
SELECT EXISTS (SELECT FROM users) AS found;

-- name: add
INSERT INTO users (id, username, email, password_hash, role)
SELECT %(id)s, %(username)s::text, %(email)s::text, %(password_hash)s, %(role)s
 WHERE NOT EXISTS (SELECT FROM users
                    WHERE lower(username) = lower(%(username)s::text) OR lower(email) = lower(%(email)s::text))
ON CONFLICT DO NOTHING
RETURNING id, username, email, password_hash, role, is_active, created_at, updated_at;

-- name: same_password
SELECT set_config('tonypi.rehash', %(same)s, true);

-- name: replace_hash
-- Only if the hash is still the one that was checked: a password changed meanwhile stays changed.
UPDATE users
   SET password_hash = %(renewed)s, updated_at = now()
 WHERE id = %(id)s AND password_hash = %(checked)s;

-- name: change
-- NULL leaves a column as it is.
UPDATE users
   SET password_hash = coalesce(%(password_hash)s, password_hash),
       role = coalesce(%(role)s, role),
       is_active = coalesce(%(is_active)s, is_active),
       updated_at = now()
 WHERE id = (SELECT id FROM users
              WHERE lower(username) = lower(%(username)s)
              ORDER BY username = %(username)s DESC, is_active DESC, updated_at DESC, id
              LIMIT 1)
RETURNING id, username, email, password_hash, role, is_active, created_at, updated_at;
