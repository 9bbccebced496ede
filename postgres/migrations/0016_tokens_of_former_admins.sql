-- A token that an admin made for a machine is over when its maker is no active admin any more: the
-- maker has seen it. The database does it, whichever door the demotion came through.
-- depends: 0009_sign_in 0014_idempotency

CREATE FUNCTION revoke_tokens_made_by(maker text, why text, whom jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    actor text := nullif(current_setting('tonypi.actor', true), '');
    names text[];
BEGIN
    WITH revoked AS (
        UPDATE machine_tokens SET revoked_at = now(), revoked_by = why
         WHERE user_id IS NULL AND created_by = maker AND revoked_at IS NULL
        RETURNING name)
    SELECT array_agg(name ORDER BY lower(name)) INTO names FROM revoked;
    IF names IS NOT NULL THEN
        INSERT INTO system_logs (level, category, message, details)
        VALUES ('WARNING', 'auth',
                format('revoked tokens of machines that %s made (%s): %s', maker, why,
                       array_to_string(names, ', ')),
                jsonb_build_object('by', actor, 'tokens', to_jsonb(names), 'reason', why) || whom);
    END IF;
END $$;

-- Under a new name the tokens stay the maker's, so that nobody who gets the old name is taken for it.
CREATE FUNCTION tokens_made_by_user() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    whom jsonb := jsonb_build_object('username', OLD.username, 'user_id', OLD.id);
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM revoke_tokens_made_by(OLD.username, 'maker removed', whom);
        RETURN NULL;
    END IF;
    IF OLD.username IS DISTINCT FROM NEW.username THEN
        UPDATE machine_tokens SET created_by = NEW.username WHERE created_by = OLD.username;
    END IF;
    IF OLD.is_active AND NOT NEW.is_active THEN
        PERFORM revoke_tokens_made_by(NEW.username, 'maker deactivated', whom);
    ELSIF OLD.role IS DISTINCT FROM NEW.role AND NEW.role IS DISTINCT FROM 'admin' THEN
        PERFORM revoke_tokens_made_by(NEW.username, 'maker no admin any more', whom);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER users_80_tokens_made AFTER UPDATE ON users FOR EACH ROW
    WHEN ((OLD.username, OLD.role, OLD.is_active)
          IS DISTINCT FROM (NEW.username, NEW.role, NEW.is_active))
    EXECUTE FUNCTION tokens_made_by_user();
CREATE TRIGGER users_80_tokens_made_deleted AFTER DELETE ON users FOR EACH ROW
    EXECUTE FUNCTION tokens_made_by_user();

-- Those whose makers are known, and were demoted or deactivated before.
SELECT revoke_tokens_made_by(u.username, 'maker no admin any more',
                             jsonb_build_object('username', u.username, 'user_id', u.id))
  FROM users u
 WHERE NOT u.is_active OR (users_mended(u)).role <> 'admin';
