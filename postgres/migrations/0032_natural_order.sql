-- h2 before h10: the order in which people count, for lists of robots (ORDER BY … COLLATE
-- natural_order). Nothing is stored or indexed by it, so that a new version of ICU changes no index.
-- depends: 0026a_new_robots
DO $$
BEGIN
    BEGIN
        CREATE COLLATION natural_order (provider = icu, locale = 'und-u-kn-true');
        PERFORM 'h2' < 'h10' COLLATE natural_order;
    EXCEPTION WHEN feature_not_supported OR invalid_parameter_value OR undefined_object THEN
        -- PostgreSQL without ICU, or an encoding that ICU does not know: the order of the bytes.
        CREATE COLLATION natural_order FROM "C";
    END;
END $$;
