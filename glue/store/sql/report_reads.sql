-- name: page
-- An older row's mistake is shown as what its repair will write. `data` may be large: one by one.
SELECT m.id, m.title, m.description, m.robot_id, m.report_type,
       m.file_path, m.created_at, m.created_by,
       coalesce(m.robot_id, m.data #>> '{{scope,title}}', 'the fleet') AS about, {key} AS sort_key
  FROM (SELECT r.id FROM reports r WHERE {where} ORDER BY {order} LIMIT %(rows)s) p
  JOIN reports r ON r.id = p.id
 CROSS JOIN LATERAL reports_mended(r) m
 ORDER BY {order};

-- name: by_id
r.id
-- name: by_created_at
r.created_at
-- name: by_title
r.title
-- name: by_type
r.report_type
-- name: by_robot_id
r.robot_id COLLATE natural_order
-- name: by_created_by
r.created_by

-- name: if_robot_id
r.robot_id = ANY (%(robot_id)s)
-- name: if_type
r.report_type = ANY (%(type)s)
-- name: if_created_by
r.created_by = %(created_by)s
-- name: if_has_file
(r.file_path IS NOT NULL AND r.file_path <> '') = %(has_file)s
-- name: if_since
r.created_at >= %(since)s
-- name: if_until
r.created_at < %(until)s
-- name: if_text
position(lower(%(text)s) IN lower(concat_ws(E'\n', r.title, r.description))) > 0

-- name: one
SELECT m.id, m.title, m.description, m.robot_id, m.report_type, m.data,
       coalesce(m.robot_id, m.data #>> '{scope,title}', 'the fleet') AS about,
       m.file_path, m.created_at, m.created_by
  FROM reports r, LATERAL reports_mended(r) m
 WHERE r.id = %(id)s;
