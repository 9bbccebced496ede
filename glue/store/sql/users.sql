-- name: one_by_username
-- Whatever the case of the letters: Ada and ada are one person. In an adopted database they may be
-- two until it is repaired: then the name as it is written comes first.
SELECT id, username, email, password_hash, (users_mended(users)).role, is_active, created_at,
       updated_at
  FROM users
 WHERE lower(username) = lower(%(username)s)
 ORDER BY username = %(username)s DESC, is_active DESC, updated_at DESC, id
 LIMIT 1;

-- name: one_by_id
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

-- name: hold
SELECT id, username, email, password_hash, (users_mended(users)).role, is_active, created_at,
       updated_at
  FROM users
 WHERE id = %(id)s
   FOR UPDATE;

-- name: whose
-- Which of the new values is somebody else's, if any.
SELECT CASE WHEN lower(username) = lower(%(username)s::text) THEN 'username' ELSE 'email' END
  FROM users
 WHERE id <> %(id)s AND (lower(username) = lower(%(username)s::text) OR lower(email) = lower(%(email)s::text))
 LIMIT 1;

-- name: edit
-- NULL leaves a column as it is.
UPDATE users
   SET username = coalesce(%(username)s, username),
       email = coalesce(%(email)s, email),
       role = coalesce(%(role)s, role),
       is_active = coalesce(%(is_active)s, is_active),
       password_hash = coalesce(%(password_hash)s, password_hash)
 WHERE id = %(id)s
RETURNING id, username, email, password_hash, role, is_active, created_at, updated_at;

-- name: page
SELECT u.id::text, u.username, u.email, (users_mended(u)).role, u.is_active, u.created_at, u.updated_at,
       {key} AS sort_key
  FROM users u
 WHERE {where}
 ORDER BY {order}
 LIMIT %(rows)s;

-- name: by_id
u.id::text
-- name: by_username
lower(u.username)
-- name: by_email
lower(u.email)
-- name: by_role
-- Ascending is from viewer to admin.
coalesce(array_position(ARRAY['viewer', 'operator', 'admin'], u.role::text), 1)
-- name: by_is_active
u.is_active
-- name: by_created_at
u.created_at
-- name: by_updated_at
u.updated_at

-- name: if_role
(users_mended(u)).role = ANY (%(role)s)
-- name: if_is_active
u.is_active = %(is_active)s
-- name: if_text
position(lower(%(text)s) IN lower(concat_ws(E'\n', u.username, u.email))) > 0
