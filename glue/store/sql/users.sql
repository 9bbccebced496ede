-- name: by_username
-- Whatever the case of the letters: Ada and ada are one person.
SELECT id, username, email, password_hash, role, is_active, created_at, updated_at
  FROM users
 WHERE lower(username) = lower(%(username)s);

-- name: by_id
SELECT id, username, email, password_hash, role, is_active, created_at, updated_at
  FROM users
 WHERE id = %(id)s;

-- name: listed
SELECT id, username, email, password_hash, role, is_active, created_at, updated_at
  FROM users
 ORDER BY username;

-- name: only_one_makes_the_first
-- Two services that start at once must not both find the table empty.
SELECT pg_advisory_xact_lock(hashtext('tonypi:first user'));

-- name: any_user
SELECT EXISTS (SELECT FROM users) AS found;

-- name: add
INSERT INTO users (id, username, email, password_hash, role)
VALUES (%(id)s, %(username)s, %(email)s, %(password_hash)s, %(role)s)
ON CONFLICT DO NOTHING
RETURNING id, username, email, password_hash, role, is_active, created_at, updated_at;

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
 WHERE lower(username) = lower(%(username)s)
RETURNING id, username, email, password_hash, role, is_active, created_at, updated_at;
