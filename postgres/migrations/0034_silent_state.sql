-- A silent robot has one state and is counted once: what it last sent, `online` or `offline`, no
-- longer holds. Dashboards from before this show the new word without a colour.
CREATE OR REPLACE VIEW grafana.robots AS
SELECT r.robot_id, coalesce(nullif(btrim(r.name), ''), r.robot_id) AS name, r.description,
       w.status::varchar(20) AS status,
       CASE WHEN r.last_seen IS NULL THEN 'never seen'::varchar
            WHEN s.silent_s > s.silent_after THEN 'silent'::varchar ELSE w.status END AS state,
       r.last_seen, extract(epoch FROM now() - r.last_seen)::float8 AS last_seen_age_s,
       r.ip_address, r.camera_url,
       CASE jsonb_typeof(r.location -> 'x') WHEN 'number' THEN (r.location ->> 'x')::float8 END AS location_x,
       CASE jsonb_typeof(r.location -> 'y') WHEN 'number' THEN (r.location ->> 'y')::float8 END AS location_y,
       CASE jsonb_typeof(r.location -> 'z') WHEN 'number' THEN (r.location ->> 'z')::float8 END AS location_z,
       CASE jsonb_typeof(r.location -> 'heading') WHEN 'number'
            THEN (r.location ->> 'heading')::float8 END AS location_heading,
       r.registration, r.is_active AND r.registration = 'accepted' AS is_active,
       w.in_maintenance, r.clean_offline, r.emergency_stopped, r.time_zone, r.created_at, r.updated_at,
       r.maintenance_reason, r.maintenance_until, array_to_string(r.groups, ', ') AS groups
  FROM public.robots r JOIN public.robot_watch w USING (robot_id)
  LEFT JOIN grafana.silence s USING (robot_id)
 WHERE r.removed_at IS NULL;
