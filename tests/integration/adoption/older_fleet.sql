-- A fleet's database as an older backend left it: the seven tables in their plain shape, nothing
-- that says no, and each kind of mistake that was found in such databases. Times have no zone, texts
-- no length, and most indexes are missing.
CREATE TABLE users (
    id varchar(36) PRIMARY KEY, username text NOT NULL UNIQUE, email text NOT NULL UNIQUE,
    password_hash text NOT NULL, role text, is_active boolean DEFAULT true,
    created_at timestamp DEFAULT now(), updated_at timestamp DEFAULT now());
CREATE TABLE robots (
    id serial PRIMARY KEY, robot_id text NOT NULL UNIQUE, name text, description text,
    location json, status text DEFAULT 'offline', ip_address text, camera_url text,
    battery_threshold_low real DEFAULT 20, battery_threshold_critical real DEFAULT 10,
    temp_threshold_warning real DEFAULT 70, temp_threshold_critical real DEFAULT 80,
    settings json, last_seen timestamp, created_at timestamp DEFAULT now(),
    updated_at timestamp DEFAULT now(), is_active boolean);
CREATE TABLE jobs (
    id serial PRIMARY KEY, robot_id text NOT NULL, start_time timestamp NOT NULL, end_time timestamp,
    items_total integer, items_done integer, percent_complete real, last_item json,
    status text DEFAULT 'active', created_at timestamp, updated_at timestamp);
CREATE TABLE alerts (
    id serial PRIMARY KEY, robot_id varchar(50), alert_type varchar(50) NOT NULL,
    severity varchar(20) NOT NULL, title varchar(200) NOT NULL, message text, source varchar(100),
    value double precision, threshold double precision, acknowledged boolean,
    acknowledged_by varchar(50), acknowledged_at timestamp, resolved boolean, resolved_at timestamp,
    details json, created_at timestamp DEFAULT now());
CREATE TABLE alert_thresholds (
    id serial PRIMARY KEY, robot_id varchar(50), metric_type varchar(50) NOT NULL,
    warning_threshold double precision, critical_threshold double precision, enabled boolean,
    created_at timestamp DEFAULT now(), updated_at timestamp DEFAULT now());
CREATE TABLE reports (
    id serial PRIMARY KEY, title varchar(200) NOT NULL, description text, robot_id varchar(50),
    report_type varchar(50) NOT NULL, data json, file_path varchar(500),
    created_at timestamp DEFAULT now(), created_by varchar(100));
CREATE TABLE system_logs (
    id serial PRIMARY KEY, level varchar(20) NOT NULL, category varchar(50) NOT NULL,
    message text NOT NULL, robot_id varchar(50), details json, timestamp timestamp DEFAULT now());

-- The hash is bcrypt's, of the password "an old password".
INSERT INTO users (id, username, email, password_hash, role, is_active, created_at, updated_at) VALUES
    ('u1', 'admin', 'admin@example.org', ':bcrypt:', 'ADMIN', true, '2024-01-01 12:00', '2024-01-01 12:00'),
    ('u2', 'Ada', 'Ada@example.org', ':bcrypt:', 'operator', true, '2024-01-02', '2024-03-01'),
    ('u3', 'ada', 'ada@example.org', ':bcrypt:', 'viewer', true, '2024-01-03', '2024-02-01'),
    ('u4', 'root', 'root@example.org', ':bcrypt:', 'superuser', true, '2024-01-04', '2024-01-04'),
    ('u5', ' bob ', 'nowhere', ':bcrypt:', NULL, NULL, NULL, NULL);

INSERT INTO robots (robot_id, name, location, status, settings, battery_threshold_low,
                    battery_threshold_critical, temp_threshold_warning, temp_threshold_critical,
                    last_seen, is_active) VALUES
    ('r_good', 'Good', '{"x": 1, "y": 2}', 'online', '{}', 20, 10, 70, 80, '2024-05-01 12:00', true),
    ('r_upper', 'Upper', NULL, 'ONLINE', NULL, 20, 10, 70, 80, '2024-05-01 12:00', NULL),
    ('r_maint', 'In repair', NULL, ' Maintenance', NULL, 20, 10, 70, 80, NULL, true),
    ('r_dances', 'Dances', '[1, 2]', 'dancing', '"fast"', 20, 10, 70, 80, NULL, true),
    ('r 2', 'A space', NULL, 'offline', NULL, 20, 10, 65, 75, NULL, true),
    ('r_2', 'Has that id', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true),
    ('r_own', 'Own limits', NULL, 'offline', NULL, 35, 10, 60, 80, NULL, true),
    ('r_inverted', 'Inverted columns', NULL, 'offline', NULL, 10, 20, 90, 70, NULL, true),
    ('r_row', 'Row and columns', NULL, 'offline', NULL, 40, 30, 70, 80, NULL, true);

INSERT INTO alert_thresholds (robot_id, metric_type, warning_threshold, critical_threshold, enabled,
                              updated_at) VALUES
    (NULL, 'cpu', 50, 60, true, '2024-01-01'),
    (NULL, 'cpu', 65, 85, NULL, '2024-06-01'),
    (NULL, 'CPU', 51, 61, true, '2023-01-01'),
    (NULL, 'battery', 20, 10, true, '2024-01-01'),
    (NULL, 'mood', 1, 2, true, '2024-01-01'),
    (NULL, 'memory', 'NaN', 90, true, '2024-01-01'),
    ('r_good', 'cpu', 90, 70, true, '2024-01-01'),
    ('r_good', 'battery', 15, 25, true, '2024-01-01'),
    ('r_good', 'memory', 80, 140, true, '2024-01-01'),
    ('r_good', 'temperature', 70, 70, true, '2024-01-01'),
    ('r_row', 'battery', 25, 15, true, '2024-01-01'),
    ('gone', 'cpu', 50, 60, true, '2024-01-01');

INSERT INTO jobs (robot_id, start_time, end_time, items_total, items_done, percent_complete, status,
                  created_at) VALUES
    ('r_good', '2024-05-01 10:00', NULL, 10, 3, 30, 'active', '2024-05-01 10:00'),
    ('r_good', '2024-05-01 11:00', NULL, 10, 3, 30, 'ACTIVE', '2024-05-01 11:00'),
    ('r_good', '2024-04-01 10:00', '2024-04-01 11:00', 10, 5, 50, 'cancelled', NULL),
    ('r_good', '2024-04-02 10:00', '2024-04-02 11:00', 10, 14, 140, 'completed', NULL),
    ('r_good', '2024-04-03 10:00', '2024-04-03 09:00', -1, -5, -3, 'done', NULL),
    ('r 2', '2024-04-03 10:00', '2024-04-03 11:00', NULL, NULL, NULL, NULL, NULL),
    ('gone', '2024-04-03 10:00', '2024-04-03 11:00', 1, 1, 'NaN', 'Failed', NULL);

INSERT INTO alerts (robot_id, alert_type, severity, title, acknowledged, acknowledged_by,
                    acknowledged_at, resolved, resolved_at, details, created_at) VALUES
    ('r_good', 'battery', 'warning', 'fine', false, NULL, NULL, false, NULL, '{}', '2024-05-01'),
    ('r_good', 'BATTERY', 'Critical', 'case', NULL, NULL, NULL, NULL, NULL, NULL, '2024-05-01'),
    ('r_good', 'servo_temperature', 'fatal', 'words', false, NULL, NULL, false, NULL, '[1]', '2024-05-01'),
    ('r_good', 'weather', 'medium', 'unknown', false, NULL, NULL, false, NULL, NULL, '2024-05-01'),
    ('r_good', 'system', 'info', 'half acknowledged', true, 'ada', NULL, false, NULL, NULL, '2024-05-01'),
    ('r_good', 'system', 'info', 'half resolved', false, NULL, NULL, true, NULL, NULL, '2024-05-01'),
    ('ghost', 'battery', 'critical', 'no such robot', false, NULL, NULL, false, NULL, NULL, '2024-05-01'),
    ('r 2', 'battery', 'info', 'a space', true, 'ada', '2024-05-02', true, '2024-05-03', NULL, NULL);

INSERT INTO reports (title, report_type, robot_id) VALUES
    ('fine', 'job', 'r_good'), ('case', 'Battery', 'r 2'), ('unknown', 'gossip', NULL);
INSERT INTO system_logs (level, category, message, robot_id, timestamp) VALUES
    ('INFO', 'mqtt', 'fine', 'r_good', '2024-05-01 12:00'), ('info', 'MQTT', 'case', 'r 2', NULL),
    ('WARN', 'gossip', 'unknown', 'ghost', '2024-05-01');
