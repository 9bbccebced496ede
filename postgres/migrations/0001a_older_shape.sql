-- An older fleet's tables get the kinds, keys and defaults of the listing. Nothing is deleted, and
-- whatever value is changed, here or later, is kept as it was in repaired_values. A column that
-- cannot be changed (somebody's own view stands on it, its values do not fit) stays as it is.
-- depends: 0001_tables

CREATE TABLE repaired_values (
    id          bigserial PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    by          text NOT NULL,
    table_name  text NOT NULL,
    row_id      text NOT NULL,
    column_name text NOT NULL,
    before      jsonb,
    after       jsonb,
    why         text NOT NULL
);
COMMENT ON TABLE repaired_values IS 'What adoption changed in older rows, with the value as it was. column_name * is a whole row, row_id * a whole column. by: upgrade, repair, or write (a program wrote to a row with an older mistake).';
CREATE INDEX repaired_values_row ON repaired_values (table_name, row_id);

-- Sets a column where `wrong` holds, and keeps what was there.
CREATE FUNCTION mend_column(of_table text, of_column text, fit text, wrong text, reason text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    mended bigint;
BEGIN
    EXECUTE format(
        'WITH found AS (SELECT id, to_jsonb(%2$I) AS before, (%3$s) AS after FROM %1$I WHERE %4$s),
              done AS (UPDATE %1$I t SET %2$I = found.after FROM found WHERE t.id = found.id)
         INSERT INTO repaired_values (by, table_name, row_id, column_name, before, after, why)
         SELECT coalesce(nullif(current_setting(''tonypi.by'', true), ''''), ''upgrade''),
                %1$L, id::text, %2$L, before, to_jsonb(after), %5$L FROM found',
        of_table, of_column, fit, wrong, reason);
    GET DIAGNOSTICS mended = ROW_COUNT;
    RETURN mended;
END $$;

CREATE TEMP TABLE other_kinds ON COMMIT DROP AS
SELECT w.*, format_type(a.atttypid, a.atttypmod) AS kind, NULL::text AS kept, z.zone,
       -- A cast to varchar(n) would cut what is longer; an assignment says no instead.
       format('ALTER COLUMN %1$I DROP DEFAULT, ALTER COLUMN %1$I TYPE %2$s USING %3$s', w.in_column, w.wanted,
              CASE WHEN a.atttypid = 'timestamp'::regtype AND w.wanted = 'timestamptz'
                   THEN format('%I AT TIME ZONE %L', w.in_column, z.zone)
                   WHEN w.wanted LIKE 'varchar%' THEN format('%I::text', w.in_column)
                   ELSE format('%I::%s', w.in_column, w.wanted) END) AS change
  FROM (VALUES
            ('users', 'id', 'varchar(36)'), ('users', 'username', 'varchar(50)'),
            ('users', 'email', 'varchar(100)'), ('users', 'password_hash', 'varchar(255)'),
            ('users', 'role', 'varchar(20)'), ('users', 'is_active', 'boolean'),
            ('users', 'created_at', 'timestamptz'), ('users', 'updated_at', 'timestamptz'),
            ('robots', 'robot_id', 'varchar(50)'), ('robots', 'name', 'varchar(100)'),
            ('robots', 'location', 'jsonb'), ('robots', 'status', 'varchar(20)'),
            ('robots', 'ip_address', 'varchar(45)'), ('robots', 'camera_url', 'varchar(255)'),
            ('robots', 'battery_threshold_low', 'float8'), ('robots', 'battery_threshold_critical', 'float8'),
            ('robots', 'temp_threshold_warning', 'float8'), ('robots', 'temp_threshold_critical', 'float8'),
            ('robots', 'settings', 'jsonb'), ('robots', 'last_seen', 'timestamptz'),
            ('robots', 'created_at', 'timestamptz'), ('robots', 'updated_at', 'timestamptz'),
            ('robots', 'is_active', 'boolean'),
            ('jobs', 'robot_id', 'varchar(50)'), ('jobs', 'start_time', 'timestamptz'),
            ('jobs', 'end_time', 'timestamptz'), ('jobs', 'percent_complete', 'float8'),
            ('jobs', 'last_item', 'jsonb'), ('jobs', 'status', 'varchar(20)'),
            ('jobs', 'created_at', 'timestamptz'), ('jobs', 'updated_at', 'timestamptz'),
            ('alerts', 'robot_id', 'varchar(50)'), ('alerts', 'alert_type', 'varchar(50)'),
            ('alerts', 'severity', 'varchar(20)'), ('alerts', 'title', 'varchar(200)'),
            ('alerts', 'source', 'varchar(100)'), ('alerts', 'value', 'float8'),
            ('alerts', 'threshold', 'float8'), ('alerts', 'acknowledged', 'boolean'),
            ('alerts', 'acknowledged_by', 'varchar(50)'), ('alerts', 'acknowledged_at', 'timestamptz'),
            ('alerts', 'resolved', 'boolean'), ('alerts', 'resolved_at', 'timestamptz'),
            ('alerts', 'details', 'jsonb'), ('alerts', 'created_at', 'timestamptz'),
            ('alert_thresholds', 'robot_id', 'varchar(50)'), ('alert_thresholds', 'metric_type', 'varchar(50)'),
            ('alert_thresholds', 'warning_threshold', 'float8'), ('alert_thresholds', 'critical_threshold', 'float8'),
            ('alert_thresholds', 'enabled', 'boolean'), ('alert_thresholds', 'created_at', 'timestamptz'),
            ('alert_thresholds', 'updated_at', 'timestamptz'),
            ('reports', 'title', 'varchar(200)'), ('reports', 'robot_id', 'varchar(50)'),
            ('reports', 'report_type', 'varchar(50)'), ('reports', 'data', 'jsonb'),
            ('reports', 'file_path', 'varchar(500)'), ('reports', 'created_at', 'timestamptz'),
            ('reports', 'created_by', 'varchar(100)'),
            ('system_logs', 'level', 'varchar(20)'), ('system_logs', 'category', 'varchar(50)'),
            ('system_logs', 'robot_id', 'varchar(50)'), ('system_logs', 'details', 'jsonb'),
            ('system_logs', 'timestamp', 'timestamptz')
          ) AS w(in_table, in_column, wanted)
  CROSS JOIN (SELECT coalesce(nullif(current_setting('tonypi.naive_times', true), ''), 'UTC')) AS z(zone)
  JOIN pg_attribute a ON a.attrelid = to_regclass(w.in_table) AND a.attname = w.in_column
                             AND NOT a.attisdropped
         WHERE a.atttypid <> regtype(split_part(w.wanted, '(', 1))
            OR (a.atttypmod = -1 AND w.wanted LIKE 'varchar(%');

DO $$
DECLARE
    t record;
    c record;
BEGIN
    -- A table is rewritten once, for all of its columns; where that fails, column by column.
    FOR t IN SELECT in_table, string_agg(change, ', ') AS changes FROM other_kinds GROUP BY in_table
    LOOP
        BEGIN
            EXECUTE format('ALTER TABLE %I %s', t.in_table, t.changes);
        EXCEPTION WHEN OTHERS THEN
            FOR c IN SELECT * FROM other_kinds WHERE in_table = t.in_table LOOP
                BEGIN
                    EXECUTE format('ALTER TABLE %I %s', c.in_table, c.change);
                EXCEPTION WHEN OTHERS THEN
                    UPDATE other_kinds SET kept = SQLERRM
                     WHERE (in_table, in_column) = (c.in_table, c.in_column);
                END;
            END LOOP;
        END;
    END LOOP;
END $$;
INSERT INTO repaired_values (by, table_name, row_id, column_name, before, after, why)
SELECT 'upgrade', in_table, '*', in_column, to_jsonb(kind), to_jsonb(wanted),
       CASE WHEN kept IS NOT NULL THEN 'stays as it is: ' || kept
            WHEN kind LIKE 'timestamp%without%' THEN 'its times have no zone: read as ' || zone
            ELSE 'the column was of another kind' END
  FROM other_kinds;

-- Keys and numbering, where the copy of a database has lost them.
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['users', 'robots', 'jobs', 'alerts', 'alert_thresholds', 'reports', 'system_logs']
    LOOP
        IF t <> 'users' AND pg_get_serial_sequence(t, 'id') IS NULL THEN
            EXECUTE format('CREATE SEQUENCE IF NOT EXISTS %I OWNED BY %I.id', t || '_id_seq', t);
            EXECUTE format('ALTER TABLE %I ALTER COLUMN id SET DEFAULT nextval(%L)', t, t || '_id_seq');
        END IF;
        CONTINUE WHEN EXISTS (SELECT FROM pg_constraint
                               WHERE conrelid = to_regclass(t) AND contype = 'p');
        IF t = 'users' THEN
            UPDATE users u SET id = gen_random_uuid()::text
             WHERE id IS NULL OR EXISTS (SELECT FROM users o WHERE o.id = u.id AND o.ctid > u.ctid);
        ELSE
            EXECUTE format('SELECT setval(%L, greatest((SELECT max(id) FROM %I), 1))', t || '_id_seq', t);
            EXECUTE format('UPDATE %1$I r SET id = DEFAULT WHERE id IS NULL OR EXISTS'
                           ' (SELECT FROM %1$I o WHERE o.id = r.id AND o.ctid > r.ctid)', t);
        END IF;
        EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (id)', t);
    END LOOP;

    -- A robot is one row. Of several that an older database let in, the one seen last keeps the id.
    IF NOT EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid
                    WHERE i.indrelid = 'robots'::regclass AND i.indisunique AND i.indpred IS NULL
                      AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum AND a.attname = 'robot_id') THEN
        PERFORM mend_column('robots', 'is_active', 'false', $q$is_active IS DISTINCT FROM false AND id IN (
            SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY robot_id
                ORDER BY last_seen DESC NULLS LAST, id DESC) AS n FROM robots) x WHERE n > 1)$q$,
            'another row of the same robot was seen later');
        PERFORM mend_column('robots', 'robot_id', $q$coalesce(left(robot_id, 30), 'robot') || ':double-' || id$q$, $q$
            robot_id IS NULL OR id IN (SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY robot_id
                ORDER BY last_seen DESC NULLS LAST, id DESC) AS n FROM robots) x WHERE n > 1)$q$,
            'another row of the same robot was seen later');
        ALTER TABLE robots ADD CONSTRAINT robots_robot_id_key UNIQUE (robot_id);
    END IF;
END $$;

ALTER TABLE users ALTER COLUMN role SET DEFAULT 'viewer', ALTER COLUMN is_active SET DEFAULT true,
    ALTER COLUMN created_at SET DEFAULT now(), ALTER COLUMN updated_at SET DEFAULT now();
ALTER TABLE robots ALTER COLUMN status SET DEFAULT 'offline', ALTER COLUMN is_active SET DEFAULT true,
    ALTER COLUMN battery_threshold_low SET DEFAULT 20, ALTER COLUMN battery_threshold_critical SET DEFAULT 10,
    ALTER COLUMN temp_threshold_warning SET DEFAULT 70, ALTER COLUMN temp_threshold_critical SET DEFAULT 80,
    ALTER COLUMN created_at SET DEFAULT now(), ALTER COLUMN updated_at SET DEFAULT now();
ALTER TABLE jobs ALTER COLUMN items_done SET DEFAULT 0, ALTER COLUMN percent_complete SET DEFAULT 0,
    ALTER COLUMN status SET DEFAULT 'active',
    ALTER COLUMN created_at SET DEFAULT now(), ALTER COLUMN updated_at SET DEFAULT now();
ALTER TABLE alerts ALTER COLUMN acknowledged SET DEFAULT false, ALTER COLUMN resolved SET DEFAULT false,
    ALTER COLUMN created_at SET DEFAULT now();
ALTER TABLE alert_thresholds ALTER COLUMN enabled SET DEFAULT true,
    ALTER COLUMN created_at SET DEFAULT now(), ALTER COLUMN updated_at SET DEFAULT now();
ALTER TABLE reports ALTER COLUMN created_at SET DEFAULT now();
ALTER TABLE system_logs ALTER COLUMN timestamp SET DEFAULT now();
