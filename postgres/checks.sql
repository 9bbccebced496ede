-- After every upgrade and repair: what the rows allow becomes a rule that PostgreSQL vouches for.
-- What they do not allow yet stays: a constraint NOT VALID (it holds for what is new), a unique
-- index missing. `tonypi db repair` shows the rows.
DO $$
DECLARE
    c record;
BEGIN
    FOR c IN SELECT conrelid::regclass AS in_table, conname FROM pg_constraint
              WHERE connamespace = 'public'::regnamespace AND NOT convalidated
              ORDER BY 1, 2
    LOOP
        BEGIN
            EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', c.in_table, c.conname);
        EXCEPTION WHEN check_violation OR foreign_key_violation THEN
            NULL;
        END;
    END LOOP;

    -- Ada and ada are one person, whatever the case of the letters. A robot has one active job.
    FOR c IN SELECT * FROM (VALUES
        ('users_username_any_case', 'users (lower(username))'),
        ('users_email_any_case', 'users (lower(email))'),
        ('jobs_one_active', 'jobs (robot_id) WHERE status = ''active''')) AS i(made, what)
    LOOP
        CONTINUE WHEN to_regclass(c.made) IS NOT NULL;
        BEGIN
            EXECUTE format('CREATE UNIQUE INDEX %I ON %s', c.made, c.what);
        EXCEPTION WHEN unique_violation THEN
            NULL;
        END;
    END LOOP;
END $$;
