-- A robot's status in its own word (idle, charging, ...): what is no error and no goodbye is online.
-- depends: 0026a_new_robots

ALTER TABLE robots ADD COLUMN reported_status varchar(50);
COMMENT ON COLUMN robots.reported_status IS 'The word of its newest status, as sent.';
