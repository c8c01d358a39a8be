# Several workspaces: one foreign table each, read at the same time as partitions of one table or through UNION ALL.

use strict;
use warnings;

use JSON::PP;
use List::Util qw(max min);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;
use Time::HiRes qw(time);

use constant WORKSPACES => 8;
use constant PAGE => 20;

# Milliseconds that each answer takes.
use constant LATENCY => 100;

my $node = start_node();
my @workspaces = map { "w$_" } 1 .. WORKSPACES;
my %contacts = map { $_ => 100 } @workspaces;
my %api;

# The last one is the slowest.
$contacts{w8} = 160;

# The contacts of a workspace; a custom field tells which one it is, as the partition's bound says.
sub contacts_of
{
	my $workspace = shift;

	return map {
		{
			id => sprintf('%s-%03d', $workspace, $_),
			name => "Name $_",
			email => "p$_\@$workspace.example",
			custom_fields => { notes => { slug => 'notes', value => $workspace } }
		}
	} 1 .. $contacts{$workspace};
}

$node->safe_psql(
	'postgres', "
	CREATE TABLE people (id text, name text, email text, workspace text) PARTITION BY LIST (workspace);
	CREATE TABLE expected (id text, name text, email text, workspace text)");
for my $workspace (@workspaces)
{
	my @all = contacts_of($workspace);

	$api{$workspace} = start_api(contacts => 1);
	api_ctl($api{$workspace}, 'replace', encode_json(\@all));
	api_set($api{$workspace}, latency => LATENCY);
	$node->safe_psql(
		'postgres', "
		CREATE SERVER $workspace FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url '$api{$workspace}{url}',
			page_size '" . PAGE . "', lookup_batch_size '10', max_retries '0');
		CREATE USER MAPPING FOR PUBLIC SERVER $workspace OPTIONS (api_token '$PylonTest::TOKEN');
		CREATE FOREIGN TABLE people_$workspace (id text, name text, email text,
			workspace text OPTIONS (custom_field 'notes'))
			SERVER $workspace;
		ALTER TABLE people ATTACH PARTITION people_$workspace FOR VALUES IN ('$workspace');
		INSERT INTO expected VALUES " . join(', ', map { "('$_->{id}', '$_->{name}', '$_->{email}', '$workspace')" } @all));
}

sub pages_of
{
	my $workspace = shift;

	return list_requests(limit => PAGE, contacts => $contacts{$workspace});
}

# A search as the log shows it; the limit is left to the caller's pattern.
sub search
{
	my ($field, $value) = @_;

	return search_request(equals($field, $value), PAGE);
}

sub take_all { return map { $_ => [ api_take($api{$_}) ] } @workspaces; }

# Checks what a query gives on "people", that this is what it gives on a local table of the same rows, and the requests
# of each server: a hash, or a function from the workspace to a list.
sub same_as_local
{
	my ($before, $sql, $requests, $name) = @_;
	my $result = $node->safe_psql('postgres', "$before " . ($sql =~ s/\bpeople\b/expected/gr));

	isnt($result, '', "$name: there is something to compare");
	take_all();
	is($node->safe_psql('postgres', "$before $sql"), $result, "$name: result");
	my %taken = take_all();
	is_deeply(\%taken, { map { $_ => [ $requests->($_) ] } @workspaces }, "$name: requests") if $requests;
	return;
}

my $off = 'SET enable_async_append = off;';

# ---------------------------------------------------------------- the plan

my $plan = $node->safe_psql('postgres', 'EXPLAIN (COSTS OFF) SELECT * FROM people');
is(scalar(() = $plan =~ /->  Async Foreign Scan on people_w\d/g), WORKSPACES, 'all partitions are read asynchronously');
is_deeply({ take_all() }, { map { $_ => [] } @workspaces }, 'the plan makes no request');
unlike($node->safe_psql('postgres', "$off EXPLAIN (COSTS OFF) SELECT * FROM people"), qr/Async/,
	'it can be turned off');

# ---------------------------------------------------------------- all rows, in the time of the slowest

# Nothing in these queries gains from sorted rows: no Merge Append, which isn't asynchronous.
my $all = 'SELECT workspace, count(*), min(id), max(id), min(email), max(name) FROM people GROUP BY 1 ORDER BY 1';
same_as_local('', $all, \&pages_of, 'all contacts');
same_as_local($off, $all, \&pages_of, 'all contacts, one after the other');
same_as_local('', 'WITH p AS MATERIALIZED (SELECT * FROM people) SELECT * FROM p ORDER BY id', \&pages_of, 'all rows');

my $session = PylonSession->new($node);

sub seconds
{
	my $sql = shift;
	my $start = time;

	$session->query($sql);
	return time - $start;
}

# The best of three, in the same session and in turns.
$session->query('SELECT count(*) FROM people');
with_patience('all workspaces take the time of the slowest', sub {
	my $factor = shift;
	my (@together, @alone);

		api_set($api{$_}, latency => LATENCY * $factor) for @workspaces;
		for (1 .. 3)
		{
			push @together, seconds('SELECT count(*) FROM people');
			push @alone, seconds('SELECT count(*) FROM people_w8');
		}
		my $ratio = min(@together) / min(@alone);
		note(sprintf 'together %.2f s, the slowest alone %.2f s', min(@together), min(@alone));
		return $ratio <= 1.3 ? () : sprintf '%.2f times', $ratio;
	});
is_deeply([ map { api_connections($api{$_})->{open} } @workspaces ], [ (1) x WORKSPACES ],
	'one connection each is kept');
$session->quit;

api_set($api{$_}, latency => 10) for @workspaces;

# ---------------------------------------------------------------- WHERE

same_as_local('', "SELECT * FROM people WHERE name = 'Name 7' ORDER BY id", sub { search('name', 'Name 7') },
	'a pushed condition');
same_as_local('', "SELECT * FROM people WHERE right(id, 2) = '99' ORDER BY id",
	\&pages_of, 'a local condition that few rows pass');
same_as_local('', "SELECT count(*) FROM people WHERE right(id, 2) = 'no'",
	\&pages_of, 'a local condition that no row passes');
same_as_local('', "SELECT * FROM people WHERE id = 'w3-005'", sub { 'GET /contacts/w3-005' }, 'one id');
same_as_local('', "SELECT * FROM people WHERE workspace = 'w2' AND name = 'Name 8'", undef, 'one workspace');

my @ids = map { sprintf 'w%d-%03d', 1 + $_ % 8, $_ } 1 .. 25;
my $list = join ', ', map { "'$_'" } @ids;
same_as_local('', "SELECT * FROM people WHERE id IN ($list) ORDER BY id", undef, 'a list in batches');
$node->safe_psql('postgres', "SELECT count(*) FROM people WHERE id IN ($list)");
my %taken = take_all();
is_deeply([ map { scalar @$_ } values %taken ], [ (3) x WORKSPACES ], 'a list in batches: three searches each');

is($node->safe_psql('postgres', "SET plan_cache_mode = force_generic_plan;
	PREPARE by_id AS SELECT count(*) FROM people WHERE id = \$1; EXECUTE by_id(NULL); EXECUTE by_id('w1-001')"), "0\n1",
	'no value at all, then one');
%taken = take_all();
is_deeply([ map { @$_ } values %taken ], [ ('GET /contacts/w1-001') x WORKSPACES ], 'no value: no request');

# ---------------------------------------------------------------- each has its turn

# A scan whose next page is there before it is wanted never has to wait. Still, another one comes to its second page
# before that one is read to its end.
$api{fast} = start_api(contacts => 500);
$node->safe_psql(
	'postgres', "
	CREATE SERVER fast FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url '$api{fast}{url}', page_size '100');
	CREATE USER MAPPING FOR PUBLIC SERVER fast OPTIONS (api_token '$PylonTest::TOKEN');
	CREATE FOREIGN TABLE people_fast (id text) SERVER fast");
my $both = '(SELECT id FROM people_fast UNION ALL SELECT id FROM people_w8 OFFSET 0) s';
api_set($api{w8}, latency => 50);
for my $sql ("SELECT count(pg_sleep(0.001)) FROM $both",
	"SELECT count(*) FROM " . ($both =~ s/OFFSET 0//r) . ' WHERE pg_sleep(0.001) IS NULL')
{
	with_patience("page by page in turns: $sql", sub {
		my $factor = shift;

		api_clear($api{$_}) for 'fast', 'w8';
		$node->safe_psql('postgres', $sql =~ s/0\.001/0.001 * $factor/er);
		my %log = map { $_ => [ map { $_->{time} } api_log($api{$_}) ] } 'fast', 'w8';
		return $log{w8}[1] < $log{fast}[4] ? () : "$log{w8}[1] is not before $log{fast}[4]";
	});
	api_clear($api{$_}) for 'fast', 'w8';
}
api_set($api{w8}, latency => 10);

# ---------------------------------------------------------------- LIMIT, cursors

is($node->safe_psql('postgres', 'SELECT count(*) FROM (SELECT * FROM people LIMIT 1) s'), 1, 'LIMIT 1');
%taken = take_all();
is_deeply([ map { scalar @$_ } values %taken ], [ (1) x WORKSPACES ], 'LIMIT 1: one page each is asked for at most');
is($node->safe_psql('postgres', 'SELECT count(DISTINCT id) FROM (SELECT * FROM people LIMIT 330) s'), 330, 'LIMIT 330');
%taken = take_all();
cmp_ok(max(map { scalar @$_ } values %taken), '<=', 8, 'LIMIT 330: none twice');

$session = PylonSession->new($node);
is($session->query(
		"BEGIN; DECLARE c CURSOR FOR SELECT 1 FROM people; FETCH 3 FROM c; CLOSE c; SELECT count(*) FROM "
		  . "people_w1; COMMIT"
	), "1\n1\n1\n100", 'a cursor closed early');
is($session->query(
		"BEGIN; DECLARE c SCROLL CURSOR FOR SELECT id FROM people; MOVE 600 FROM c; MOVE BACKWARD 600 FROM c; MOVE 859 FROM c;
	FETCH 2 FROM c; SELECT count(*) FROM people; COMMIT") =~ s/^w.*\n//r, 860, 'a cursor that goes back');
is($session->error, '', 'cursors: no error');

# Two at once share the session's connections.
is($session->query(
		"BEGIN; DECLARE c CURSOR FOR SELECT id FROM people; MOVE 10 FROM c; SELECT count(*) FROM people;
	DECLARE d CURSOR FOR SELECT id FROM people; MOVE 300 FROM d; MOVE 849 FROM c; FETCH 2 FROM c; MOVE 559
		FROM d; FETCH 2 FROM d; COMMIT"
	) =~ s/w\d-\d+/id/gr, "860\nid\nid", 'two cursors and a query');

# ---------------------------------------------------------------- rescans

take_all();
same_as_local('',
	"SELECT n, count(*), min(id) FROM generate_series(1, 3) n, LATERAL (SELECT * FROM people
		WHERE name = 'Name ' || n OFFSET 0) p
	GROUP BY n ORDER BY n",
	sub {
		map { search('name', "Name $_") } 1 .. 3;
	}, 'rescans with a parameter');
same_as_local(
	'SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off; SET enable_memoize = off;',
	'SELECT n, count(p.id) FROM generate_series(1, 2) n LEFT JOIN people p ON length(p.id) > n GROUP BY n ORDER BY n',
	sub { pages_of(shift) }, 'rescans without: the rows are kept');
is($node->safe_psql(
		'postgres', "SELECT count(x) FROM (SELECT (SELECT p.name FROM people p WHERE name = 'Name ' || n LIMIT 1) AS x
	FROM generate_series(1, 50) n OFFSET 0) s WHERE x IS NOT NULL"), 50, 'rescans with requests in flight');
is($node->safe_psql(
		'postgres',
		"SELECT string_agg(x, ' ') FROM (SELECT (SELECT p.name FROM people p WHERE name = 'Name ' || n LIMIT 1) AS x
	FROM generate_series(1, 9) n OFFSET 0) s"),
	join(' ', map { "Name $_" } 1 .. 9), 'each has its own answer');

# The first page, in hand or on its way, serves all scans that ask for the same.
take_all();
is($node->safe_psql(
		'postgres', "SELECT count(x) FROM (SELECT (SELECT p.id FROM people p WHERE length(p.id) > n % 2 LIMIT 1) AS x
	FROM generate_series(1, 10) n OFFSET 0) s"), 10, 'rescans broken off at the first row');
%taken = take_all();
is_deeply([ map { scalar @$_ } values %taken ], [ (1) x WORKSPACES ],
	'rescans broken off at the first row: one request each');

# What a rescan has no use for isn't waited for, nor read on.
my $slowest = patience($node, 3);
api_set($api{w8}, latency => int(1000 * $slowest));
my $start = time;
is($node->safe_psql(
		'postgres',
		"SELECT string_agg(x, ' ') FROM (SELECT (SELECT p.name FROM people p WHERE name = 'Name ' || n LIMIT 1) AS x
	FROM generate_series(1, 5) n OFFSET 0) s"),
	join(' ', map { "Name $_" } 1 .. 5), 'rescans while one is slow');
cmp_ok(time - $start, '<', $slowest, 'rescans while one is slow: nobody waits for it');
api_set($api{w8}, latency => 10);
take_all();
is($node->safe_psql(
		'postgres',
		"SELECT count(x) FROM (SELECT (SELECT p.id FROM people p WHERE workspace <> 'w8' AND length(p.id) > n % 2
	OR length(p.id) + n = 0 LIMIT 1) AS x FROM generate_series(1, 10) n OFFSET 0) s"), 10,
	'rescans while one gives no row');
%taken = take_all();
cmp_ok(scalar @{ $taken{w8} }, '<', 8, 'rescans while one gives no row: it is not read to its end for that');

# Which partitions are read depends on the outer row.
is($node->safe_psql(
		'postgres',
		"SELECT n, count(*) FROM generate_series(1, 3) n, LATERAL (SELECT * FROM people
			WHERE workspace IN ('w' || n, 'w8') OFFSET 0) p
	GROUP BY n ORDER BY n"), "1|260\n2|260\n3|260", 'partitions pruned at each rescan');
take_all();

# ---------------------------------------------------------------- joins

same_as_local('',
	'SELECT count(*), count(DISTINCT a.id) FROM people a JOIN people b ON a.name = b.name AND a.id < b.id',
	undef, 'a join of two');
same_as_local('',
	"SELECT id, workspace FROM people WHERE name = 'Name 3' UNION ALL SELECT id, name FROM people WHERE name = 'Name 4'
	ORDER BY 1, 2", undef, 'two in one Append');
take_all();

# The same without a partitioned table: the workspace is a constant of each branch.
$node->safe_psql('postgres', 'CREATE VIEW contacts AS '
	. join(' UNION ALL ', map { "SELECT '$_' AS workspace, id, name, email FROM people_$_" } @workspaces));
$plan = $node->safe_psql('postgres', 'EXPLAIN (COSTS OFF) SELECT * FROM contacts');
is(scalar(() = $plan =~ /->  Async Foreign Scan on people_w\d/g),
	WORKSPACES, 'a view with UNION ALL is read asynchronously');
is($node->safe_psql('postgres', 'SELECT workspace, count(*) FROM contacts GROUP BY 1 ORDER BY 1'),
	$node->safe_psql('postgres', 'SELECT workspace, count(*) FROM expected GROUP BY 1 ORDER BY 1'), 'a view: rows');
is_deeply({ take_all() }, { map { $_ => [ pages_of($_) ] } @workspaces }, 'a view: requests');
is($node->safe_psql('postgres', "SELECT * FROM contacts WHERE workspace = 'w3' AND name = 'Name 7'"),
	'w3|w3-007|Name 7|p7@w3.example',
	'a view: one workspace');
is_deeply({ take_all() },
	{ (map { $_ => [] } @workspaces), w3 => [ search('name', 'Name 7') ] }, 'a view: only that one is asked');

# Many at once, here of the same server: the connections are used again for the next pages.
my $before = api_connections($api{w1})->{accepted};
is($node->safe_psql(
		'postgres', 'SELECT count(*) FROM (' . join(' UNION ALL ', ('SELECT * FROM people_w1') x 20) . ') s'),
	2000,
	'20 scans of one server');
is(scalar(api_take($api{w1})), 100, '20 scans of one server: requests');
cmp_ok(api_connections($api{w1})->{accepted} - $before, '<=', 20, '20 scans of one server: connections');

# ---------------------------------------------------------------- EXPLAIN ANALYZE

$plan = $node->safe_psql('postgres', 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM people');
is(scalar(() = $plan =~ /Async Foreign Scan on people_w[1-7] .*actual rows=100(?:\.00)? loops=1/g),
	7, 'EXPLAIN ANALYZE: rows');
like($plan, qr/Async Foreign Scan on people_w8 .*actual rows=160(?:\.00)? loops=1/,
	'EXPLAIN ANALYZE: rows of the last');
is_deeply([ sort $plan =~ /requests=(\d+)/ig ], [ (5) x 7, 8 ], 'EXPLAIN ANALYZE: requests') or diag($plan);
take_all();

# ---------------------------------------------------------------- one of them fails

api_fault($api{w4}, kind => 'status', status => 403, skip => 1);
fails_with($node, 'SELECT count(*) FROM people', '42501', qr/people_w4/, 'no permission on the second page of one');
api_clear($api{$_}) for @workspaces;
same_as_local('', $all, \&pages_of, 'after an error');

$session->query('SELECT 1');
api_fault($api{w5}, kind => 'cut');
$session->query('SELECT count(*) FROM people');
like($session->error, qr/ERROR:  08006: .*people_w5/, 'one breaks off');
is($session->query('SELECT count(*) FROM people'), 860, 'the same session goes on');
api_fault($api{w5}, kind => 'cut');
is($session->query(q{DO $$ BEGIN PERFORM count(*) FROM people; EXCEPTION WHEN OTHERS THEN RAISE NOTICE 'caught'; END $$;
	SELECT count(*) FROM people}), 860, 'an error that is caught');
like($session->error, qr/NOTICE: .*caught/, 'an error that is caught: was raised');

# What the API refuses is asked for in another way.
api_clear($api{$_}) for @workspaces;
api_fault($api{w2}, kind => 'status', status => 400, match => 'POST /contacts/search');
is($session->query("SELECT count(*), count(DISTINCT workspace) FROM people WHERE name = 'Name 7'"),
	'8|8', 'one refuses a condition');
like($session->error, qr/WARNING: .*refused a condition on foreign table "people_w2"/,
	'one refuses a condition: warning');
is_deeply({ take_all() },
	{ (map { $_ => [ search('name', 'Name 7') ] } @workspaces), w2 => [ search('name', 'Name 7'), pages_of('w2') ] },
	'one refuses a condition: requests');
$session->quit;

# Another one has to be waited for.
api_fault($api{w6}, kind => 'status', status => 429, headers => { 'X-Retry-After' => '1' });
is($node->safe_psql('postgres', 'SELECT count(*) FROM people'), 860, 'one is at its rate limit');
my ($status, $out, $err) = (0);
api_fault($api{w6}, kind => 'status', status => 429, headers => { 'X-Retry-After' => '2' });
$node->psql('postgres', "SET pylon_fdw.progress_interval = '300ms'; SELECT count(*) FROM people", stdout => \$out,
	stderr => \$err);
is($out, 860, 'progress: result');
like($err, qr/NOTICE:  read foreign table "people_w6": 0 pages, .*\n.*Waiting \d s for the rate limit/,
	'progress: what is waited for');
take_all();

# ---------------------------------------------------------------- cancel

api_fault($api{w7}, kind => 'slow', delay => 600);
$session = PylonSession->new($node);
my $pid = $session->pid;
$session->begin('SELECT count(*) FROM people');
wait_for_requests($api{w7}, 1);
wait_for_requests($api{w8}, 8);
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
$session->result;
like($session->error, qr/ERROR:  57014/, 'cancel while one is waited for');
api_clear($api{w7});
is($session->query('SELECT count(*) FROM people'), 860, 'after a cancel');
take_all();

# ---------------------------------------------------------------- beside local partitions

$node->safe_psql('postgres', "CREATE TABLE people_w0 PARTITION OF people FOR VALUES IN ('w0');
	INSERT INTO people SELECT 'w0-' || n, 'Name ' || n, NULL, 'w0' FROM generate_series(1, 500) n;
	INSERT INTO expected SELECT * FROM people_w0");
same_as_local('', $all, \&pages_of, 'with a local partition');
same_as_local('', "SELECT * FROM people WHERE name = 'Name 7' ORDER BY id", sub { search('name', 'Name 7') },
	'with a local partition: a pushed condition');
same_as_local('', "SELECT count(*) FROM people WHERE right(id, 2) = '99'",
	\&pages_of, 'with a local partition: a local condition');

# EvalPlanQual: the row of the local table has changed meanwhile, and is looked at again.
$node->safe_psql('postgres',
	"CREATE TABLE visits (id text, n int); INSERT INTO visits VALUES ('w1-001', 1), ('w8-160', 1)");
$session->query("BEGIN; UPDATE visits SET n = n + 10 WHERE id = 'w1-001'");
my $second = PylonSession->new($node);
$pid = $second->pid;
$second->begin(
	'UPDATE visits v SET n = v.n + 1 FROM people p WHERE p.id = v.id AND p.email IS NOT NULL RETURNING v.id, v.n, '
	  . 'p.workspace'
);
$node->poll_query_until('postgres', "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $pid");
$session->query('COMMIT');
is(join("\n", sort split /\n/, $second->result), "w1-001|12|w1\nw8-160|2|w8", 'EvalPlanQual');
$second->quit;
$session->quit;
take_all();

# ---------------------------------------------------------------- beside postgres_fdw

SKIP:
{
	skip 'no postgres_fdw', 3
	  if $node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'") == 0;

	my ($host, $port) = ($node->host, $node->port);
	my $user = $node->safe_psql('postgres', 'SELECT current_user');

	# Scans of both wrappers wait below one Append; each gives its rows.
	$node->safe_psql(
		'postgres', "
		CREATE FUNCTION slow() RETURNS text LANGUAGE plpgsql AS \$\$ BEGIN PERFORM pg_sleep(0.2); RETURN 'slow'; END \$\$;
		CREATE VIEW slow AS SELECT 'pg-1' AS id, slow() AS name, NULL::text AS email, 'pg'::text AS workspace;
		CREATE EXTENSION postgres_fdw;
		CREATE SERVER pg FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres', async_capable 'true');
		CREATE USER MAPPING FOR PUBLIC SERVER pg OPTIONS (user '$user');
		CREATE FOREIGN TABLE people_pg PARTITION OF people FOR VALUES IN ('pg') SERVER pg OPTIONS (table_name 'slow')");
	my $sql = 'SELECT count(*), max(name) FILTER (WHERE workspace = $$pg$$) FROM people';
	like($node->safe_psql('postgres', "EXPLAIN (COSTS OFF) $sql"), qr/(?:Async Foreign Scan.*){9}/s,
		'postgres_fdw: the plan');
	is($node->safe_psql('postgres', $sql), '1361|slow', 'with a partition of postgres_fdw');
	is(scalar(@{ [ api_log($api{w8}) ] }), 8, 'with a partition of postgres_fdw: requests');
	$node->safe_psql('postgres', 'DROP SERVER pg CASCADE');
	take_all();
}

# ---------------------------------------------------------------- writes

is($node->safe_psql(
		'postgres', "WITH u AS (UPDATE people SET name = 'Changed' WHERE right(id, 1) = '7' RETURNING workspace)
	SELECT workspace, count(*) FROM u GROUP BY 1 ORDER BY 1"),
	join("\n", 'w0|50', map { "$_|" . $contacts{$_} / 10 } @workspaces),
	'UPDATE');
%taken = take_all();
is_deeply([
		map {
			scalar grep { /^PATCH/ } @{ $taken{$_} }
		} @workspaces
	], [ map { $contacts{$_} / 10 } @workspaces ], 'UPDATE: requests');
for my $workspace (@workspaces)
{
	my @before = grep { !/^PATCH/ } @{ $taken{$workspace} }[ 0 .. 4 ];

	is_deeply(\@before, [ (pages_of($workspace))[ 0 .. 4 ] ], "UPDATE: $workspace is read before it is written");
}
is($node->safe_psql('postgres', "SELECT count(*) FROM people WHERE name = 'Changed'"), 136, 'UPDATE: the rows');
is($node->safe_psql(
		'postgres',
		"WITH d AS (DELETE FROM people WHERE name = 'Changed' RETURNING *)
			SELECT count(*), min(id), max(workspace), min(name) FROM d"
	), '136|w0-107|w8|Changed', 'DELETE');
is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT id) FROM people'), '1224|1224', 'DELETE: the rows');
take_all();

# ---------------------------------------------------------------- memory

api_set($api{$_}, latency => 0) for @workspaces;
$session = PylonSession->new($node);
$session->query("CREATE TEMP TABLE memory (n int, bytes bigint);
	CREATE FUNCTION watch(n int) RETURNS boolean LANGUAGE plpgsql AS \$\$
	BEGIN INSERT INTO memory SELECT n, sum(total_bytes) FROM pg_backend_memory_contexts; RETURN true; END \$\$");
$session->query("SELECT count(*) FROM people WHERE name = 'no'; SELECT watch(0); TRUNCATE memory");
is($session->query(
		"SELECT count(*), count(x) FROM (SELECT (SELECT p.id FROM people p WHERE name = 'Name ' || (n % 9)
			AND workspace IN ('w1', 'w2') LIMIT 1) AS x
	FROM generate_series(1, 2000) n WHERE n % 200 <> 0 OR watch(n) OFFSET 0) s"), '2000|' . (2000 - 222 - 222),
	'2,000 rescans, each broken off') or diag($session->error);
my ($first, @later) = split /\n/, $session->query('SELECT bytes FROM memory ORDER BY n');
is(scalar @later, 9, 'memory was watched');
cmp_ok(max(@later) - $first, '<=', 64 * 1024, 'memory does not grow') or diag("$first @later");
$session->quit;

done_testing();
