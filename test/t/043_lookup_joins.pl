# Lookup joins under hard conditions: little memory, rescans, changed rows, consumers that keep rows, failures.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;

my $node = start_node("log_temp_files = 0\n");
my $api = start_api(contacts => 2000);
setup_server($node, $api);
load_contacts($node, $api, 'copies');
$node->safe_psql('postgres', "
	ALTER FOREIGN TABLE contacts OPTIONS (ADD estimated_contacts '1000000');
	CREATE TABLE people AS SELECT row_number() OVER (ORDER BY id)::int AS n, id, email, account_id, name FROM copies;
	CREATE TABLE customers AS SELECT DISTINCT account_id FROM copies WHERE account_id IS NOT NULL;
	ANALYZE");
my $session = PylonSession->new($node);
$session->query("SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_nestloop = off;
	SET enable_material = off; SET enable_memoize = off");

# The rows of a query, which must take its contacts from a lookup join, and the same of the local copy.
sub same
{
	my ($query, $name) = @_;
	my $plan = $session->query("EXPLAIN $query");
	like($plan, qr/Pylon Lookup Join/, "$name: the plan");
	my $got = $session->query($query);
	is($session->error, '', "$name: no error");
	(my $copy = $query) =~ s/\bcontacts\b/copies/g;
	is($got, $session->query($copy), "$name: rows");
	return $got;
}

# ---------------------------------------------------------------- who keeps the rows

# A partitioned table makes the row its own, and with it what it points to.
$session->query("CREATE TABLE kept (a text, b text, n text) PARTITION BY HASH (b);
	CREATE TABLE kept_0 PARTITION OF kept FOR VALUES WITH (MODULUS 2, REMAINDER 0);
	CREATE TABLE kept_1 PARTITION OF kept FOR VALUES WITH (MODULUS 2, REMAINDER 1)");
for my $join ('JOIN', 'LEFT JOIN')
{
	my $rows =
	  "SELECT a.account_id, c.account_id, c.name FROM customers a $join contacts c ON c.account_id = a.account_id";
	$session->query("TRUNCATE kept; INSERT INTO kept $rows");
	(my $copy = $rows) =~ s/\bcontacts\b/copies/;
	is($session->query("SELECT count(*) FROM kept"),
		$session->query("SELECT count(*) FROM ($copy) x"), "$join into partitions: as many rows");
	is($session->query("SELECT count(*) FROM (TABLE kept EXCEPT ALL $copy) x"), '0', "$join into partitions: the same");
}

# ---------------------------------------------------------------- memory

# The answers don't fit: they go to a file, and what they answer is forgotten.
$session->query("SET work_mem = '64kB'");
same(
	'SELECT p.n, c.name, c.custom_fields FROM people p LEFT JOIN contacts c ON c.account_id = p.account_id WHERE p.n '
	  . '< 400 ORDER BY 1, 2, 3',
	'answers that need a file');
same('SELECT o, (SELECT count(c.name || c.custom_fields::text) FROM people p JOIN contacts c ON c.email = p.email
	WHERE p.n <= 700 AND p.n + o > 0) FROM generate_series(1, 6) o', 'rescans with a full table');

# However many contacts have the same key, they take no memory.
my $tiers = "(VALUES ('gold'), ('silver'), ('bronze')) p (tier) JOIN contacts c ON c.custom_fields->>'tier' = p.tier";
same("SELECT p.tier, c.id, c.custom_fields FROM $tiers ORDER BY 1, 2", 'many contacts with a key');
$session->query("BEGIN; DECLARE c CURSOR FOR SELECT p.tier, c.id FROM $tiers; MOVE 3 FROM c");
# a third of work_mem, since there may be three such tables at a time, the block in which that is passed, and the file's
cmp_ok($session->query("SELECT sum(total_bytes) FROM pg_backend_memory_contexts WHERE name = 'pylon_fdw lookups'"),
	'<=', 64 * 1024 / 3 + 16 * 1024, 'many contacts with a key: memory');
$session->query('COMMIT');
$session->query('RESET work_mem');
unlike(slurp_file($node->logfile), qr/temporary file leak/, 'no file is left open');

# Each rescan has two batches, and another one on its way at its end.
my $contexts = "SELECT count(*) FROM pg_backend_memory_contexts WHERE name LIKE 'pylon_fdw%'";
my $rescans =
  "DECLARE c CURSOR FOR SELECT o, (SELECT count(*) FROM people p JOIN contacts c ON c.email = p.email
	AND c.name <> o::text
	WHERE p.n <= 220) FROM generate_series(1, 400) o";
$session->query("BEGIN; $rescans; MOVE 10 FROM c");
my $few = $session->query($contexts);
$session->query('MOVE 300 FROM c');
is($session->query($contexts), $few, 'memory contexts after 300 rescans');
$session->query('COMMIT');

# A semijoin that has found its row leaves the rest, with the second batch on its way, and starts anew for the next one.
$session->query('SET enable_nestloop = on');
same('SELECT q.n FROM people q WHERE q.n <= 60 AND EXISTS (SELECT FROM people p JOIN contacts c ON c.email = p.email
	WHERE p.n <= 450 AND p.n BETWEEN q.n * 7 AND q.n * 7 + 3) ORDER BY 1', 'rescans while a batch is on its way');
$session->query('SET enable_nestloop = off');

# Keys of which two rows each come one after the other are asked for once, though hardly a batch fits.
$session->query(
	"CREATE TABLE twice AS SELECT 'k' || g || '\@acme.com' AS email
		FROM generate_series(1, 3000) g, generate_series(1, 2) ORDER BY g;
	INSERT INTO twice SELECT email FROM people WHERE n < 5; ANALYZE twice; SET work_mem = '64kB'");
api_clear($api);
same('SELECT count(c.id) FROM twice t LEFT JOIN contacts c ON c.email = t.email', '3,000 keys in two rows each');
is(scalar(my @lists = api_take($api)), 31, '3,000 keys in two rows each: requests');
$session->query('RESET work_mem');

# A batch of such long keys fills its table, and is known while the next one is asked for.
$session->query("CREATE TABLE long_names AS
	SELECT row_number() OVER () AS n, lpad(k || '', 400, 'x') AS name FROM (SELECT generate_series(1, 150)
		UNION ALL SELECT generate_series(1, 50) UNION ALL SELECT generate_series(151, 200)) g (k);
	ANALYZE long_names; SET work_mem = '64kB'");
api_clear($api);
same('SELECT count(*), count(c.id) FROM (SELECT name FROM long_names ORDER BY n) l LEFT JOIN contacts c ON c.name = l.name',
	'keys of the batch before');
is(scalar(@lists = api_take($api)), 2, 'keys of the batch before: requests');
$session->query('RESET work_mem');

# A key that can't be asked for, after others that were: all contacts are read, once, and answer the rows before and after it.
$session->query(
	"CREATE TABLE tiers AS SELECT g AS n, CASE WHEN g IN (3, 130, 220, 260) THEN 'gold' WHEN g IN (110, 240) THEN 'silver' WHEN g = 150 THEN '[\"gold\"]'
	WHEN g = 210 THEN 'bronze' ELSE 'none ' || g END AS tier FROM generate_series(1, 300) g; ANALYZE tiers");
api_clear($api);
same(
	"SELECT t.n, count(c.id) FROM tiers t LEFT JOIN contacts c ON c.custom_fields->>'tier' = t.tier GROUP BY 1 "
	  . "HAVING count(c.id) > 0 ORDER BY 1",
	'a key that can not be asked for');
is(join(' ', map { /^(\S+ [^? ]+)/ } api_take($api)),
	'POST /contacts/search GET /contacts GET /contacts GET /contacts', 'a key that can not be asked for: requests');

# One key for a hundred thousand rows: asked for once, and the rows go to a file.
api_clear($api);
is($session->query(
		"SELECT count(*), count(DISTINCT c.id) FROM (SELECT 'ada\@acme.com' AS email FROM generate_series(1, 100000)) p
	JOIN contacts c ON c.email = p.email"), '100000|1', 'many rows with one key');
is(scalar(my @requests = api_take($api)), 1, 'many rows with one key: requests');

# ---------------------------------------------------------------- the next batch

# While the first rows are used, the second batch is on its way; where the query may end early, it isn't.
my $loop = "DO \$\$ DECLARE r record; BEGIN
	FOR r IN SELECT p.n FROM people p JOIN contacts c ON c.email = p.email WHERE p.n <= 450 %s LOOP
		RAISE NOTICE 'sent %%', (SELECT requests FROM pylon_fdw_stats());
		EXIT;
	END LOOP;
END \$\$";
for my $case ([ '', 2, 'the second batch is on its way' ], [ 'LIMIT 400', 1, 'with a LIMIT it is not' ])
{
	my ($limit, $sent, $name) = @$case;
	$session->query('SELECT pylon_fdw_stats_reset()');
	$session->query(sprintf $loop, $limit);
	like($session->error, qr/sent $sent$/m, "at the first row, $name");
}
for my $format ('xml', 'yaml', 'json', 'text')
{
	my $plan = $session->query(
		"EXPLAIN (ANALYZE, TIMING off, FORMAT $format) SELECT c.name FROM people p JOIN contacts c USING (email)
			WHERE p.n <= 5"
	);
	like($plan, qr/Pylon.Key(>|":|:) ?"?c\.email = p\.email/, "EXPLAIN, format $format: key");
	like($plan, qr/Pylon.Keys(>|":|:) ?\d+/, "EXPLAIN, format $format: keys");
	like($plan, qr/Pylon.Batches(>|":|:) ?1/, "EXPLAIN, format $format: batches");
	like($plan, qr/(Requests(>|":|:) ?|requests=)1\b/, "EXPLAIN, format $format: calls");
}

# ---------------------------------------------------------------- requests of a query that may end early

$session->query(
	"CREATE TABLE sorted AS SELECT email FROM people, generate_series(1, 2000) WHERE n <= 50 AND email IS NOT NULL
		ORDER BY email"
);
$session->query('ANALYZE sorted');
my $keys = $session->query('SELECT count(DISTINCT email) FROM sorted');
api_clear($api);
$session->query(
	'BEGIN; DECLARE c CURSOR FOR SELECT c.id FROM sorted s LEFT JOIN contacts c ON c.email = s.email; MOVE ALL FROM '
	  . 'c; COMMIT'
);
cmp_ok(scalar(@requests = api_take($api)), '<=', 2, "a cursor over $keys keys: requests");
$session->query(
	"BEGIN; DECLARE c SCROLL CURSOR FOR SELECT p.n, c.email FROM people p LEFT JOIN contacts c ON c.email = p.email; "
	  . "FETCH 3 FROM c"
);
is($session->query('FETCH ABSOLUTE 2 FROM c'),
	$session->query('SELECT n, email FROM people WHERE n = 2'), 'a cursor goes back');
is(scalar(@requests = api_take($api)), 1, 'a cursor goes back: requests');
$session->query('COMMIT');

# ---------------------------------------------------------------- EvalPlanQual

# A locked row that another transaction has changed is joined once more, to the contact that was found before.
$session->query("CREATE TABLE orders (id int PRIMARY KEY, email text, state text)");
for my $case (
	[ 'JOIN', "state = 'old'", "1|old|Ada Lovelace\n2|new|Grace Hopper", 'a changed row' ],
	[ 'JOIN', "email = 'alan\@acme.com'", '2|new|Grace Hopper', 'a row that no longer joins' ],
	[
		'LEFT JOIN', "email = 'alan\@acme.com'", "1|new|\n2|new|Grace Hopper\n3|new|",
		'a row that no longer joins, left join'
	])
{
	my ($join, $change, $result, $name) = @$case;
	my $other = PylonSession->new($node);

	$node->safe_psql('postgres', "TRUNCATE orders;
		INSERT INTO orders VALUES (1, 'ada\@acme.com', 'new'), (2, 'grace\@acme.com', 'new'), (3, 'nobody\@acme.com', 'new'); ANALYZE orders"
	);
	$other->query("BEGIN; UPDATE orders SET $change WHERE id = 1");
	api_clear($api);
	my $query =
	  "SELECT o.id, o.state, c.name FROM orders o $join contacts c ON c.email = o.email ORDER BY o.id FOR UPDATE OF o";
	like($session->query("EXPLAIN $query"), qr/Pylon Lookup Join/, "FOR UPDATE: $name: the plan");
	$session->begin($query);
	$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')")
	  or die 'nobody waits';
	is(scalar(@requests = api_take($api)), 1, "FOR UPDATE: $name: one request");
	$other->query('COMMIT');
	is($session->result, $result, "FOR UPDATE: $name");
	is($session->error, '', "FOR UPDATE: $name: no error");
	is_deeply([ api_take($api) ], [], "FOR UPDATE: $name: nothing is asked again");
	$other->quit;
}

my $update = "UPDATE orders o SET state = o.state || ' ' || c.name FROM contacts c WHERE c.email = o.email";
my $other = PylonSession->new($node);
$node->safe_psql('postgres', "TRUNCATE orders;
	INSERT INTO orders VALUES (1, 'ada\@acme.com', 'new'), (2, 'grace\@acme.com', 'new'); ANALYZE orders");
$other->query("BEGIN; UPDATE orders SET state = 'old' WHERE id = 1");
like($session->query("EXPLAIN $update"), qr/Pylon Lookup Join/, 'UPDATE ... FROM contacts of a changed row: the plan');
$session->begin($update);
$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')")
  or die 'nobody waits';
$other->query('COMMIT');
$session->result;
is($session->error, '', 'UPDATE ... FROM contacts of a changed row: no error');
is($session->query('SELECT id, state FROM orders ORDER BY id'), "1|old Ada Lovelace\n2|new Grace Hopper",
	'UPDATE ... FROM contacts of a changed row');
$other->quit;

# ---------------------------------------------------------------- local targets

$session->query("RESET enable_nestloop; RESET enable_hashjoin;
	CREATE TABLE ranged (n int, id text, name text) PARTITION BY RANGE (n);
	CREATE TABLE ranged_1 PARTITION OF ranged FOR VALUES FROM (0) TO (100);
	CREATE TABLE ranged_2 PARTITION OF ranged FOR VALUES FROM (100) TO (200);
	INSERT INTO ranged SELECT n, id FROM people WHERE n BETWEEN 90 AND 110; ANALYZE ranged");
for my $query ('UPDATE ranged r SET name = c.name FROM contacts c WHERE c.id = r.id',
	"MERGE INTO ranged r USING contacts c ON c.id = r.id AND c.name > 'A' WHEN MATCHED THEN UPDATE SET name = c.name",
	'DELETE FROM ranged r USING contacts c WHERE c.id = r.id')
{
	my ($verb) = $query =~ /(\w+)/;
	like($session->query("EXPLAIN (VERBOSE, COSTS off) $query"),
		qr/ranged_2/, "$verb of a partitioned table: EXPLAIN VERBOSE");
	$session->query($query);
	is($session->error, '', "$verb of a partitioned table");
	is($session->query('SELECT count(*) FROM ranged r JOIN copies c USING (id) WHERE r.name IS DISTINCT FROM c.name'),
		'0', "$verb of a partitioned table: the rows");
}
like($session->query("EXPLAIN MERGE INTO orders o USING contacts c ON c.email = o.email WHEN MATCHED THEN DELETE"),
	qr/Pylon Lookup Join/, 'MERGE into a local table: the plan');
$session->query(
	"MERGE INTO orders o USING contacts c ON c.email = o.email WHEN MATCHED THEN UPDATE SET state = 'merged ' || c.name"
);
is($session->query('SELECT id, state FROM orders ORDER BY id'),
	"1|merged Ada Lovelace\n2|merged Grace Hopper", 'MERGE into a local table');
$session->query('SET enable_nestloop = off; SET enable_hashjoin = off');

# ---------------------------------------------------------------- failures in the middle

# The third of five batches fails, in a block that catches that; the same statement then works.
my $count = "SELECT count(*) FROM people p JOIN contacts c ON c.email = p.email WHERE p.n <= 450";
my $expected = $session->query($count =~ s/contacts/copies/r);
api_clear($api);
api_fault($api, kind => 'status', status => 403, match => 'POST /contacts/search', skip => 2, times => 1);
is($session->query(
		"DO \$\$ BEGIN PERFORM count(*) FROM people p JOIN contacts c ON c.email = p.email WHERE p.n <= 450;
	EXCEPTION WHEN insufficient_privilege THEN RAISE NOTICE 'denied'; END \$\$; $count"), $expected,
	'after a batch that failed');
like($session->error, qr/denied/, 'a batch that failed');

# The server breaks off in a batch: asked for again, since reading can be repeated.
api_clear($api);
api_fault($api, kind => 'close', match => 'POST /contacts/search', skip => 1, times => 1);
is($session->query($count), $expected, 'a batch that was broken off');

# The API refuses the second search of the first batch: what the first one has found doesn't come again, so that this
# batch gets no more rows.
my $listed = $session->query("SELECT string_agg(quote_literal(email), ', ') FROM people WHERE n <= 240");
my $of_accounts = "SELECT count(*), count(DISTINCT c.id) FROM customers a JOIN contacts c ON c.account_id = a.account_id
	WHERE c.email IN ($listed)";
like($session->query("EXPLAIN $of_accounts"), qr/Pylon Lookup Join/, 'refused within a batch: the plan');
api_clear($api);
api_fault($api, kind => 'status', status => 400, match => 'POST /contacts/search', skip => 1, times => 1);
my $joined = $session->query($of_accounts);
like($session->error, qr/refused a condition/, 'refused within a batch: warning');
is($joined, $session->query($of_accounts =~ s/contacts/copies/r), 'refused within a batch: rows');

# Cancelled while many contacts with the row's key fail another condition.
my $expensive = "SELECT count(*) FROM (VALUES ('gold'), ('silver')) p (tier)
	LEFT JOIN contacts c ON c.custom_fields->>'tier' = p.tier
		AND sha512(convert_to(lpad(c.name, 10000000, p.tier), 'UTF8')) = ''";
$session->query("SET statement_timeout = '" . patience_ms($node, 300) . "'; $expensive");
like($session->error, qr/statement timeout/, 'cancelled among the contacts with a key');
$session->query('RESET statement_timeout');

# Cancelled while a batch is on its way.
my $latency = patience($node, 3);
api_set($api, latency => int(1000 * $latency));
my $start = time;
$session->query("SET statement_timeout = '300ms'; $count");
like($session->error, qr/statement timeout/, 'cancelled in a batch');
cmp_ok(time - $start, '<', $latency, 'cancelled: no answer is waited for');
$session->query('RESET statement_timeout');
api_set($api, latency => 0);
is($session->query($count), $expected, 'after it was cancelled');

# ---------------------------------------------------------------- as somebody else, in a function, by a view

$node->safe_psql('postgres', "DROP USER MAPPING FOR PUBLIC SERVER pylon;
	CREATE USER MAPPING FOR CURRENT_USER SERVER pylon OPTIONS (api_token 'sample-token');
		CREATE ROLE visitor LOGIN; GRANT SELECT ON people, copies TO visitor;
	CREATE VIEW known AS SELECT p.n, c.name FROM people p JOIN contacts c ON c.email = p.email; GRANT
		SELECT ON known TO visitor;
	GRANT SELECT ON contacts TO visitor");
$session->query('SET ROLE visitor');
is($session->query('SELECT name FROM known WHERE n = 1'), 'Ada Lovelace', "by a view: its owner's token");
$session->query('SELECT c.name FROM people p JOIN contacts c ON c.email = p.email WHERE n = 1');
like($session->error, qr/user mapping/, 'the visitor has no token');
$session->query('RESET ROLE');
is($session->query("CREATE FUNCTION names(int) RETURNS SETOF text LANGUAGE sql STABLE AS
	'SELECT c.name FROM people p JOIN contacts c ON c.email = p.email WHERE p.n <= \$1 ORDER BY p.n';
	SELECT count(*) FROM people p, names(p.n) WHERE p.n <= 3"), $session->query(
		'SELECT count(*) FROM people p JOIN people q ON q.n <= p.n
	JOIN copies c ON c.email = q.email WHERE p.n <= 3'), 'in a function, within another query');

# What follows from a policy comes before a function that may leak, though the query has it the other way round.
$session->query("CREATE USER MAPPING FOR visitor SERVER pylon OPTIONS (api_token 'sample-token');
	CREATE TABLE files AS SELECT n, id, account_id AS a, account_id AS b FROM people WHERE account_id IS NOT NULL
		ORDER BY n LIMIT 3;
	UPDATE files SET a = 'x', b = CASE WHEN n = (SELECT max(n) FROM files) THEN 'y' ELSE 'x' END
		WHERE n > (SELECT min(n) FROM files);
	ALTER TABLE files ENABLE ROW LEVEL SECURITY;
	CREATE POLICY same ON files USING (a = b);
	GRANT SELECT ON files TO visitor;
	CREATE FUNCTION leak(text, text) RETURNS bool LANGUAGE plpgsql AS
		\$\$ BEGIN RAISE NOTICE 'leak: %', \$1; RETURN true; END \$\$");
my $leaks = 'SELECT f.id FROM files f JOIN contacts c ON leak(f.id, c.name) AND c.account_id = f.a AND c.id = f.id';
$session->query('SET ROLE visitor');
like($session->query("EXPLAIN $leaks"), qr/Pylon Lookup Join.*Pylon Key: c\.id = f\.id/s, 'a policy: the plan');
my $seen = $session->query($leaks);
is_deeply([ $session->error =~ /leak: (\S+)/g ], [$seen], 'a policy: what leaks is in the result');
$session->query('RESET ROLE');

# A row that somebody else changes meanwhile is looked at again, alone, and each local table gives its row once then.
$session->query("CREATE TABLE notes AS SELECT 1 AS id, 'old' AS note;
	CREATE TABLE wanted AS SELECT email AS v, 1000 AS n FROM people WHERE n = 1; ANALYZE notes; ANALYZE wanted;
	ALTER FOREIGN TABLE contacts OPTIONS (ADD estimated_contacts '1000000')");
my $writer = PylonSession->new($node);
$writer->query("BEGIN; UPDATE notes SET note = 'new'");
$session->begin("UPDATE notes l SET note = note || c.name FROM contacts c WHERE l.id = 1 AND c.name > left(l.note, 0)
	AND EXISTS (SELECT FROM wanted r WHERE r.v = c.email AND r.n > length(c.name)) RETURNING l.note");
$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted");
$writer->query('COMMIT');
is($session->result, 'newAda Lovelace', 'a row that was changed meanwhile is updated');
$writer->query("BEGIN; UPDATE notes SET note = 'newer'");
$session->begin("SELECT l.note || c.name FROM notes l, contacts c WHERE l.id = 1 AND c.name > left(l.note, 0)
	AND EXISTS (SELECT FROM wanted r WHERE r.v = c.email AND r.n > length(c.name)) FOR UPDATE OF l");
$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted");
$writer->query('COMMIT');
is($session->result, 'newerAda Lovelace', 'a row that was changed meanwhile is locked');
my $looked_up = 'SELECT 2, c.name FROM contacts c WHERE EXISTS (SELECT FROM wanted r WHERE r.v = c.email AND r.n > length(c.name))';
for my $statement ($looked_up, "INSERT INTO notes $looked_up")
{
	like($session->query("EXPLAIN $statement"), qr/Pylon Lookup Join/, "nothing is changed meanwhile: $statement");
}
$writer->quit;

$session->quit;
done_testing();
