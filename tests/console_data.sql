-- A fleet with a past; console_data.py fills in :long, :open and :user.

INSERT INTO robots (robot_id, name, description, status, last_seen, ip_address, groups,
                     maintenance_since, maintenance_until, maintenance_reason, maintenance_by,
                     created_at)
    SELECT id, CASE id WHEN 'h1' THEN '机器人 <b>Ünï</b>' WHEN 'h2' THEN ':long' END, ':long',
           CASE id WHEN 'h1' THEN 'online' WHEN 'h10' THEN 'maintenance' WHEN 'h2' THEN 'error'
                ELSE 'offline' END,
           now() - interval '3 minutes', '10.0.0.7', ARRAY['hall-2', left(':long', 50)],
           CASE id WHEN 'h10' THEN now() - interval '2 hours' END,
           CASE id WHEN 'h10' THEN now() + interval '1 day' END,
           CASE id WHEN 'h10' THEN ':long :long' END, CASE id WHEN 'h10' THEN 'operator' END,
           now() - interval '40 days'
      FROM unnest(ARRAY['h10', 'h2', 'h1', 'a:b.c-d_e', repeat('W', 50)]) AS id;

UPDATE robots SET emergency_stopped = true, emergency_at = now() WHERE robot_id = 'h2';

INSERT INTO robots (robot_id, registration, last_seen)
    VALUES ('waiting-1', 'pending', now()), ('refused-1', 'refused', now());

INSERT INTO robots (robot_id, removed_at, removed_by, is_active)
    VALUES ('gone-1', now(), 'admin', false);

INSERT INTO alerts (robot_id, alert_type, severity, title, message, starts_at, source,
                     value, threshold, created_at)
    SELECT CASE n % 4 WHEN 0 THEN NULL WHEN 1 THEN 'h1' WHEN 2 THEN repeat('W', 50) ELSE 'h2' END,
           'system', (ARRAY['warning', 'critical', 'info'])[n % 3 + 1],
           CASE n % 5 WHEN 0 THEN '温度过高 🔥 على' WHEN 1 THEN ':long' ELSE 'Left foot sticks' END,
           ':long <script>', now() - n * interval '7 minutes',
           CASE n % 2 WHEN 0 THEN 'servo_' || n END, n, 70, now() - n * interval '7 minutes'
      FROM generate_series(1, :open) AS n;

UPDATE alerts SET acknowledged = true, acknowledged_by = 'operator', acknowledged_at = now(),
           comment = ':long' WHERE id IN (SELECT min(id) + 2 FROM alerts);

UPDATE alerts SET muted_by = 'operator', muted_until = now() + interval '1 hour',
           quiet_reason = 'muted' WHERE id IN (SELECT min(id) + 3 FROM alerts);

INSERT INTO alerts (robot_id, metric, alert_type, severity, title, starts_at, resolved,
                     resolved_at, resolve_reason, value, threshold)
    SELECT 'h1', 'cpu', 'performance', 'critical', 'CPU load too high',
           now() - n * interval '1 day', true, now() - n * interval '23 hours',
           (ARRAY['recovered', 'no data', 'by hand'])[n % 3 + 1], 97.123456, 90
      FROM generate_series(1, 5) AS n;

INSERT INTO alert_timeline (alert_id, at, kind, severity, value, threshold, source, origin,
                             actor, note)
    SELECT id, starts_at, 'opened', severity, value, threshold, source, 'pull', NULL, NULL
      FROM alerts UNION ALL
    SELECT id, now(), 'comment', NULL, NULL, NULL, NULL, 'person', 'operator', ':long'
      FROM alerts WHERE acknowledged UNION ALL
    SELECT id, resolved_at, 'resolved', severity, 12, threshold, source, 'pull', NULL, NULL
      FROM alerts WHERE resolved;

INSERT INTO refused_messages (topic, reason, count, last_at, last_detail)
    VALUES ('tonypi/sensors', 'not JSON', 1234567, now(), ':long'),
           ('tonypi/:long', 'no robot', 1, NULL, NULL);

INSERT INTO notification_targets (id, name, scheme, masked, sealed, created_by,
                                   failing_since, last_error, last_delivered_at)
    VALUES (1, 'ops', 'json', 'json://127.0.0.1/...', '', 'admin', NULL, NULL, now()),
           (2, ':long', 'mailto', 'mailto://:long', '', 'admin', now(), ':long :long', NULL);

INSERT INTO notification_routes (id, name, position, targets, robots, escalate_after,
                                  escalate_to)
    VALUES (1, 'all', 1, '{1,2}', '{}', NULL, '{}'),
           (2, ':long', 2, '{1}', ARRAY['lab-*', repeat('W', 50)], 600, '{2}');

INSERT INTO notification_outbox (alert_id, transition_id, occasion, round, target_id,
           target_name, route_id, route_name, group_key, state, reason, due_at, next_try_at,
           attempts, last_error)
    SELECT t.alert_id, t.id, 'opened', 0, 1, 'ops', 1, 'all', 'h1',
           (ARRAY['queued', 'delivered', 'given up', 'suppressed'])[t.id % 4 + 1],
           CASE t.id % 4 WHEN 3 THEN 'muted by operator' END, now(), now(), 3,
           CASE t.id % 4 WHEN 2 THEN ':long :long' END
      FROM alert_timeline AS t WHERE kind = 'opened';

INSERT INTO mutes (robots, groups, metrics, types, until, comment, created_by)
    VALUES ('{h1}', '{}', '{}', '{}', now() + interval '2 hours', ':long', 'operator'),
           ('{lab-*}', '{hall-2}', '{cpu}', '{servo}', NULL, NULL, 'admin');

INSERT INTO maintenance_windows (id, name, reason, fleet, robots, groups, zone, starts, ends,
                                  weekdays, created_by)
    VALUES (1, 'Mondays', ':long', false, '{h1,h2,h10}', '{hall-2}', 'Europe/Berlin',
            '2026-11-02 08:00', '2026-11-02 10:00', '{1}', 'operator'),
           (2, ':long', NULL, true, '{}', '{}', 'UTC', '2026-01-31 08:00',
            '2026-01-31 10:00', '{}', 'operator');

INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold, critical_threshold)
    VALUES ('h1', 'cpu', 55.55, 77.77), ('h1', 'battery', 30, 20);

UPDATE alert_thresholds SET warning_threshold = 60, critical_threshold = 85
     WHERE robot_id IS NULL AND metric_type = 'cpu';

INSERT INTO commands (id, robot_id, type, payload, asked_by, sent_at, state, answer)
    SELECT gen_random_uuid(), CASE n % 3 WHEN 0 THEN NULL ELSE 'h1' END, 'move',
           '{"distance": 2.5}', 'operator', CASE n WHEN 1 THEN NULL ELSE now() END,
           (ARRAY['unsent', 'sent', 'answered', 'refused', 'timed out'])[n],
           CASE WHEN n > 2 THEN ':long' END
      FROM generate_series(1, 5) AS n;

INSERT INTO report_jobs (request, state, progress, step, error, created_by)
    SELECT '{"kind": "performance", "robots": [], "group": "", "title": "", "sections": [],
             "paper": "a4", "zone": "UTC", "since": "2026-11-01T00:00:00Z",
             "until": "2026-11-02T00:00:00Z"}', s, 0.4, 'reading :long',
           CASE s WHEN 'failed' THEN ':long :long' END, 'admin'
      FROM unnest(ARRAY['queued', 'failed', 'cancelled']) AS s;

INSERT INTO reports (title, description, robot_id, report_type, data, file_path, created_by)
    VALUES ('Performance, last week', ':long', NULL, 'performance', '{}', NULL, 'admin'),
           (':long', NULL, 'h1', 'battery', '{}', '/gone/x.pdf', 'a schedule');

INSERT INTO report_schedules (id, name, request, cron, zone, covers, next_run_at, last_run_at,
                               targets, missed, created_by)
    VALUES (1, 'mondays', '{"kind": "performance", "robots": ["h1"], "group": "",
            "title": "", "sections": [], "paper": "a4"}', '30 6 * * 1',
            'Europe/Berlin', 'week', now() + interval '2 days', now(), '{1,2}', 3, 'admin'),
           (2, ':long', '{"kind": "custom", "robots": [], "group": "hall-2", "title": ":long",
            "sections": ["jobs"], "paper": "letter"}', '0 5 * * *', 'UTC', 'day', now(), NULL, '{}', 0, 'admin');

INSERT INTO report_deliveries (report_id, schedule_id, target_id, target_name, format, state,
                                sent_as, last_error)
    SELECT r.id, 1, t.id, t.name, 'pdf', CASE t.id WHEN 1 THEN 'delivered' ELSE 'given up' END,
           'link', CASE t.id WHEN 2 THEN ':long :long' END
      FROM reports AS r, notification_targets AS t;

INSERT INTO users (id, username, email, password_hash, role, is_active, created_at)
    VALUES ('u-1', ':user', ':user@example.org', '!', 'viewer', false,
            now() - interval '3 years');

INSERT INTO heartbeats (name, beat_at, details)
    VALUES ('evaluator', now(), '{"evaluator": "standby"}'),
           ('retention', now(), '{"deleted": {}, "errors": {}, "log_days": 30, "bucket_days": 7}')
    ON CONFLICT (name) DO NOTHING;
