-- Who knows the oldest change that is left has missed none. In a fleet where nothing had changed yet
-- there was none to know, and the first change was told as if others had been missed: read it all
-- again. This row is there before the first; nobody listens to its topic.
-- depends: 0012_live

INSERT INTO live_changes (topic, key)
SELECT 'beginning', '*' WHERE NOT EXISTS (SELECT FROM live_changes);
