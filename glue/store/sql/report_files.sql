-- name: add
INSERT INTO reports (title, description, robot_id, report_type, data, file_path, created_by)
VALUES (%(title)s, %(description)s, %(robot_id)s, %(report_type)s, %(data)s, %(file_path)s,
        %(created_by)s)
RETURNING id;

-- name: hold
SELECT id, title, file_path, created_by FROM reports WHERE id = %(id)s FOR UPDATE;

-- name: delete
DELETE FROM reports WHERE id = %(id)s;

-- name: old
-- Files of reports that we made, and that are kept no longer.
UPDATE reports r SET file_path = NULL
  FROM (SELECT id, file_path FROM reports
         WHERE file_path IS NOT NULL AND data ->> 'version' IS NOT NULL
           AND created_at < now() - make_interval(days => %(days)s)
         ORDER BY id LIMIT %(rows)s FOR UPDATE) o
 WHERE r.id = o.id
RETURNING r.id, o.file_path;

-- name: add_link
INSERT INTO report_links (token_hash, report_id, format, expires_at)
VALUES (%(token_hash)s, %(report_id)s, %(format)s, now() + make_interval(days => %(days)s));

-- name: link
SELECT report_id, format FROM report_links WHERE token_hash = %(token_hash)s AND expires_at > now();

-- name: prune_links
DELETE FROM report_links WHERE expires_at < now();
