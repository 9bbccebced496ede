-- Before and after every upgrade: the numbering of the six numbered tables that another program may
-- have made or filled. Each has a sequence that its id owns and takes its default from, and whose
-- next number is above the highest id: rows copied with their ids, or a dump of the data alone, leave
-- it behind, and then every insert fails until it has caught up. Harmless twice.
DO $$
DECLARE
    t text;
    kind text;
    is_identity boolean;
    used oid;
    owned regclass;
    candidate text;
    highest bigint;
    upcoming bigint;
BEGIN
    FOREACH t IN ARRAY ARRAY['robots', 'jobs', 'alerts', 'alert_thresholds', 'reports', 'system_logs']
    LOOP
        SELECT format_type(a.atttypid, NULL), a.attidentity <> '', d.refobjid
          INTO kind, is_identity, used
          FROM pg_attribute a
          LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
          LEFT JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
                AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> a.attrelid
         WHERE a.attrelid = to_regclass(t) AND a.attname = 'id' AND NOT a.attisdropped;
        CONTINUE WHEN kind IS NULL OR kind NOT IN ('smallint', 'integer', 'bigint');

        owned := pg_get_serial_sequence(t, 'id');
        -- The one that the default takes, else the usual name; one of another column stays there.
        FOREACH candidate IN ARRAY ARRAY[used::regclass::text, t || '_id_seq', t || '_id_seq_1']
        LOOP
            EXIT WHEN owned IS NOT NULL;
            CONTINUE WHEN candidate IS NULL OR EXISTS (
                SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass
                   AND objid = to_regclass(candidate) AND deptype IN ('a', 'i'));
            BEGIN
                IF to_regclass(candidate) IS NULL THEN
                    EXECUTE format('CREATE SEQUENCE %I AS %s', candidate, kind);
                END IF;
                EXECUTE format('ALTER SEQUENCE %s OWNED BY %I.id', to_regclass(candidate), t);
                owned := candidate;
            EXCEPTION WHEN OTHERS THEN
                NULL;  -- another owner's, or no sequence at all: the next
            END;
        END LOOP;
        CONTINUE WHEN owned IS NULL;
        IF NOT is_identity AND used IS DISTINCT FROM owned::oid THEN
            EXECUTE format('ALTER TABLE %I ALTER COLUMN id SET DEFAULT nextval(%L)', t, owned);
        END IF;

        EXECUTE format('SELECT (SELECT max(id) FROM %I), last_value + is_called::int FROM %s', t, owned)
           INTO highest, upcoming;
        IF highest >= upcoming THEN
            -- Nobody numbers a row between the look and the step.
            EXECUTE format('LOCK TABLE %I IN SHARE ROW EXCLUSIVE MODE', t);
            EXECUTE format('SELECT setval(%L, greatest(max(id), nextval(%L))) FROM %I', owned, owned, t);
        END IF;
    END LOOP;
END $$;
