-- name: listed
SELECT topic, reason, count, last_at, last_detail FROM refused_messages
 ORDER BY last_at DESC NULLS LAST, topic, reason;

-- name: count
INSERT INTO refused_messages (topic, reason, count, last_at, last_detail)
SELECT topic, reason, count, now(), detail
  FROM jsonb_to_recordset(%(rows)s) AS n(topic text, reason text, count bigint, detail text)
ON CONFLICT (topic, reason) DO UPDATE
   SET count = refused_messages.count + excluded.count,
       last_at = excluded.last_at, last_detail = excluded.last_detail;
