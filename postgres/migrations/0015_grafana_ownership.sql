-- Whose an account of Grafana is: the row of the user, not the name, which may be changed or given
-- to somebody else. With what Grafana last showed of it, from which the sign-in knows whether the
-- account that Grafana would find is really theirs.
-- depends: 0014_idempotency

ALTER TABLE grafana_objects
    ADD COLUMN user_id varchar(36),
    ADD COLUMN email text,
    ADD COLUMN external boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN grafana_objects.user_id IS 'users.id, for kind user.';
COMMENT ON COLUMN grafana_objects.email IS 'Address that Grafana shows for the account.';
COMMENT ON COLUMN grafana_objects.external IS 'Has signed in through us: Grafana then knows it by its subject.';
UPDATE grafana_objects o SET user_id = u.id
  FROM users u WHERE o.kind = 'user' AND lower(u.username) = o.name;
CREATE UNIQUE INDEX grafana_objects_user ON grafana_objects (user_id) WHERE user_id IS NOT NULL;

-- Ada who is called Adb from now on keeps her account.
CREATE FUNCTION grafana_object_renamed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM grafana_objects
     WHERE kind = 'user' AND name = lower(NEW.username) AND user_id IS DISTINCT FROM NEW.id;
    UPDATE grafana_objects SET name = lower(NEW.username) WHERE kind = 'user' AND user_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER users_80_grafana AFTER UPDATE OF username ON users
    FOR EACH ROW WHEN (OLD.username IS DISTINCT FROM NEW.username)
    EXECUTE FUNCTION grafana_object_renamed();
