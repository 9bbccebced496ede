-- name: add
-- Nothing comes back when the command is there already: whoever records later bears repetition.
INSERT INTO commands (id, robot_id, type, payload, asked_by, asked_at, sent_at, deadline, state)
VALUES (%(id)s, %(robot_id)s, %(type)s, %(payload)s, %(asked_by)s, %(asked_at)s, %(sent_at)s,
        %(deadline)s, %(state)s)
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- name: expect
INSERT INTO command_answers (command_id, robot_id, expected)
SELECT %(id)s, robot_id, true FROM unnest(%(robots)s::text[]) AS robot_id
ON CONFLICT (command_id, robot_id) DO UPDATE SET expected = true;

-- name: unsent
UPDATE commands SET state = 'unsent', sent_at = NULL
 WHERE id = %(id)s AND state IN ('sent', 'timed out');

-- name: answered_one
-- The first answer counts, also one that comes late, or to a command that we thought had not left.
UPDATE commands c
   SET state = CASE WHEN n.success THEN 'answered' ELSE 'refused' END, answer = n.message,
       data = n.data, answered_at = n.at, sent_at = coalesce(c.sent_at, c.asked_at)
  FROM jsonb_to_recordset(%(rows)s) AS n(
       command_id uuid, robot_id text, success boolean, message text, at timestamptz, data jsonb)
 WHERE c.id = n.command_id AND c.robot_id = n.robot_id AND c.answered_at IS NULL
RETURNING c.id, c.robot_id;

-- name: answered_by_each
INSERT INTO command_answers AS a (command_id, robot_id, success, message, answered_at)
SELECT DISTINCT ON (n.command_id, n.robot_id)
       n.command_id, n.robot_id, n.success, n.message, n.at
  FROM jsonb_to_recordset(%(rows)s) AS n(
       command_id uuid, robot_id text, success boolean, message text, at timestamptz)
  JOIN commands c ON c.id = n.command_id AND c.robot_id IS NULL
 ORDER BY n.command_id, n.robot_id
ON CONFLICT (command_id, robot_id) DO UPDATE
   SET success = excluded.success, message = excluded.message, answered_at = excluded.answered_at
 WHERE a.answered_at IS NULL;

-- name: answered_by_all
-- A command to all is answered when all have answered who were there.
UPDATE commands c
   SET state = CASE WHEN t.done THEN 'answered' ELSE 'refused' END, answered_at = t.at,
       sent_at = coalesce(c.sent_at, c.asked_at)
  FROM (SELECT command_id, bool_and(success) AS done, max(answered_at) AS at
          FROM command_answers
         WHERE command_id = ANY(%(ids)s) AND expected
         GROUP BY command_id
        HAVING bool_and(answered_at IS NOT NULL)) t
 WHERE c.id = t.command_id AND c.robot_id IS NULL AND c.answered_at IS NULL;

-- name: hold_robots
-- Like every change of a robot's jobs: after the robot's row, in the order of ids.
SELECT robot_id FROM robots WHERE robot_id = ANY(%(robots)s) ORDER BY robot_id FOR UPDATE;

-- name: overdue
SELECT id, robot_id FROM commands WHERE state = 'sent' AND deadline < now();

-- name: timed_out
UPDATE commands SET state = 'timed out' WHERE id = ANY(%(ids)s) AND state = 'sent'
RETURNING id;

-- name: present
-- Robots that should answer: heard of late, and they have not said goodbye.
SELECT r.robot_id
  FROM robots r JOIN robot_watch w USING (robot_id)
 WHERE w.in_use AND NOT r.clean_offline AND r.status <> 'offline'
   AND (r.status <> 'maintenance' OR r.last_seen > now() - interval '2 minutes')
 ORDER BY r.robot_id COLLATE natural_order;

-- name: addressed
-- Its own word of the emergency stop may be older than its yes to a resume.
SELECT r.robot_id, w.status, w.in_maintenance, r.is_active, r.removed_at IS NOT NULL AS removed,
       r.registration, r.last_seen,
       r.emergency_stopped AND NOT EXISTS (
           SELECT FROM commands c
             LEFT JOIN command_answers a ON a.command_id = c.id AND a.robot_id = r.robot_id
            WHERE c.asked_at > coalesce(r.emergency_at, '-infinity') AND c.type = 'resume'
              AND (c.robot_id = r.robot_id AND c.state = 'answered'
                   OR c.robot_id IS NULL AND a.success)) AS emergency_stopped
  FROM robots r JOIN robot_watch w USING (robot_id)
 WHERE r.robot_id = %(robot_id)s;

-- name: one
SELECT id, robot_id, type, payload, asked_by, asked_at, sent_at, deadline, state, answer, data,
       answered_at
  FROM commands WHERE id = %(id)s;

-- name: answers
SELECT robot_id, expected, success, message, answered_at
  FROM command_answers WHERE command_id = %(id)s
 ORDER BY robot_id COLLATE natural_order;

-- name: page
SELECT {key} AS sort_key, id, robot_id, type, payload, asked_by, asked_at, sent_at, deadline, state,
       answer, data, answered_at
  FROM commands
 WHERE {where}
 ORDER BY {order}
 LIMIT %(rows)s;

-- name: if_robot_id
robot_id = ANY (%(robot_id)s::text[])

-- name: if_type
type = ANY (%(type)s::text[])

-- name: if_state
state = ANY (%(state)s::text[])

-- name: if_asked_by
asked_by = %(asked_by)s

-- name: if_since
asked_at >= %(since)s::timestamptz

-- name: if_until
asked_at < %(until)s::timestamptz

-- name: by_asked_at
asked_at

-- name: by_robot_id
(robot_id COLLATE natural_order)

-- name: by_type
(type COLLATE "C")

-- name: by_state
(state COLLATE "C")

-- name: by_id
(id::text COLLATE "C")
