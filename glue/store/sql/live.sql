-- name: since
-- Changes by transactions that were not over when somebody last looked, and how far this look
-- reaches: a row without a change where there is none. One statement, so one snapshot.
SELECT d.oid::bigint AS database, txid_snapshot_xmin(txid_current_snapshot()) AS upto,
       (SELECT min(txid) FROM live_changes) AS oldest, c.id, c.txid, c.topic, c.key
  FROM pg_database d
  LEFT JOIN LATERAL (
        SELECT id, txid, topic, key FROM live_changes
         WHERE txid >= %(txid)s AND topic = ANY(%(topics)s) ORDER BY id LIMIT %(most)s) AS c ON true
 WHERE d.datname = current_database();

-- name: prune
-- By transaction, so that what is left is without a gap: who knows the oldest left has missed none.
-- The oldest one goes whole, however large it is.
DELETE FROM live_changes
 WHERE txid < least(
       (SELECT max(txid) FROM live_changes WHERE at < now() - make_interval(secs => %(keep_s)s)),
       greatest((SELECT min(txid) + 1 FROM live_changes),
                coalesce((SELECT txid FROM live_changes ORDER BY txid OFFSET %(most)s LIMIT 1),
                         2::bigint ^ 62)));
