-- ====================================================================
-- What did all this cost?
-- ====================================================================
-- The API counts requests, and takes 20 to 300 a minute; most went into reading all contacts.
SELECT object, requests, rows_read, rows_created, rows_updated,
		pg_size_pretty(bytes_received) AS received
	FROM pylon_fdw_stats() ORDER BY object;
