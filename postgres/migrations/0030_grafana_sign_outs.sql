-- Whatever ends a person's sessions ends those in Grafana, too. What ends them notes it here, in its
-- own transaction; the reconciler signs the account out in Grafana, and tries again until it is done.
-- depends: 0015_grafana_ownership

ALTER TABLE grafana_objects ADD COLUMN sign_out_at timestamptz;
COMMENT ON COLUMN grafana_objects.sign_out_at
    IS 'For kind user: sessions in Grafana that began before are to be ended; NULL: none.';

CREATE FUNCTION sign_out_of_grafana(whose text) RETURNS void LANGUAGE sql AS $$
    UPDATE grafana_objects SET sign_out_at = clock_timestamp() WHERE kind = 'user' AND user_id = whose;
$$;

CREATE FUNCTION sign_out_user_of_grafana() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sign_out_of_grafana(NEW.id::text);
    RETURN NULL;
END $$;
-- As users_80_end_access, and another role: what Grafana remembers of the old one goes with it.
CREATE TRIGGER users_80_sign_out AFTER UPDATE ON users FOR EACH ROW
    WHEN ((OLD.password_hash IS DISTINCT FROM NEW.password_hash
           AND coalesce(current_setting('tonypi.rehash', true), '') <> 'on')
          OR (OLD.is_active AND NOT NEW.is_active)
          OR OLD.role IS DISTINCT FROM NEW.role)
    EXECUTE FUNCTION sign_out_user_of_grafana();

-- The reconciler wakes at once.
CREATE TRIGGER grafana_objects_95_notify AFTER UPDATE OF sign_out_at ON grafana_objects
    FOR EACH ROW WHEN (NEW.sign_out_at IS NOT NULL)
    EXECUTE FUNCTION notify_change('name');
