-- After every upgrade: what Grafana's role may read. The role belongs to the cluster and is made by
-- the superuser; where it does not exist (yet), its maker runs this file again.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'grafana_reader') THEN
        GRANT USAGE ON SCHEMA grafana TO grafana_reader;
        GRANT SELECT ON ALL TABLES IN SCHEMA grafana TO grafana_reader;
    END IF;
END $$;

-- Autovacuum never counts a table of five rows, and without figures of it the planner joins limits
-- badly. The others are left to autovacuum: figures of a nearly empty table would mislead it more.
ANALYZE metrics;

-- PostgreSQL warns in its log when ICU has another version than at CREATE COLLATION. Nothing is
-- stored in this order, so there is nothing to build anew.
ALTER COLLATION natural_order REFRESH VERSION;
ALTER COLLATION grafana.natural_order REFRESH VERSION;
