# The searches of a long list, and of a lookup join, are in flight together: the same requests as one after another, the same
# rows, and none that a statement which ends early wouldn't have made.

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

my $node = start_node();
# Long enough that a request is on its way while those behind it are sent; nothing is measured by it.
my $latency = patience_ms($node, 120);
my $api = start_api(contacts => 3000);
setup_server($node, $api);
load_contacts($node, $api, 'copies');
$node->safe_psql('postgres', "
	ALTER FOREIGN TABLE contacts OPTIONS (ADD estimated_contacts '1000000');
	CREATE TABLE people AS SELECT row_number() OVER (ORDER BY md5(email))::int AS n, email, account_id
		FROM (SELECT DISTINCT ON (email) * FROM copies WHERE email IS NOT NULL ORDER BY email, id) c LIMIT 950;
	INSERT INTO people SELECT 950 + g, 'nobody' || g || '\@nowhere.example' FROM generate_series(1, 50) g;
	CREATE TABLE firms AS SELECT row_number() OVER (ORDER BY account_id)::int AS n, account_id
		FROM (SELECT DISTINCT account_id FROM copies WHERE account_id IS NOT NULL) a;
	ANALYZE");
my $session;

# A session with lookup joins, at a server that takes so many requests at once.
sub at_once
{
	my ($most) = @_;

	$session->quit if $session;
	$node->safe_psql('postgres', 'ALTER SERVER pylon OPTIONS (DROP max_concurrent_requests)')
	  if $node->safe_psql('postgres', "SELECT 'max_concurrent_requests' ~ '' AND array_to_string(srvoptions, ' ')
		LIKE '%max_concurrent_requests%' FROM pg_foreign_server WHERE srvname = 'pylon'") eq 't';
	$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (ADD max_concurrent_requests '$most')");
	$session = PylonSession->new($node);
	$session->query('SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off;
		SET enable_memoize = off; SET enable_async_append = off');
	return;
}

# Runs a query with the API's answers late; gives the requests as the API got them.
sub requests_of
{
	my ($sql) = @_;

	api_set($api, latency => $latency =~ s/ms//r);
	api_ctl($api, 'clear');
	my $result = $session->query($sql);
	my @log = api_log($api);
	api_set($api, latency => 0);
	return ($result, @log);
}

sub texts { return map { "$_->{method} $_->{path} $_->{body}" } @_; }

# The query gives the rows that it gives on the copy, and makes so many requests, as many of them at a time as it may; the
# same ones where that is one.
sub is_at_once
{
	my ($name, $sql, $requests) = @_;
	my $at_once = min($requests, 4);
	my $expected = $session->query($sql =~ s/\bcontacts\b/copies/gr);
	my %made;

	for my $most (1, 4, 64)
	{
		at_once($most);
		my ($result, @log) = requests_of($sql);
		is($session->error, '', "$name, $most at once: no error");
		is($result, $expected, "$name, $most at once: rows");
		is(scalar @log, $requests, "$name, $most at once: requests");
		is(max(map { $_->{in_flight} } @log), min($most, $at_once), "$name, $most at once: requests in flight")
		  if $most < 64;
		cmp_ok(max(map { $_->{in_flight} } @log), '>=', $at_once, "$name, $most at once: not fewer") if $most == 64;
		$made{$most} = [ sort(texts(@log)) ];
	}
	is_deeply($made{4}, $made{1}, "$name: the requests are those that are made one after another");
	is_deeply($made{64}, $made{1}, "$name: and the same if all are made at once");
	at_once(4);
	return;
}

at_once(4);

# ---------------------------------------------------------------- what is certain to be needed

my $list = $session->query("SELECT array_agg(email ORDER BY n) FROM people") =~ s/'/''/gr;
my $ids = $session->query("SELECT array_agg(id ORDER BY md5(id)) FROM (SELECT id FROM copies LIMIT 1000) i");

is_at_once('a list of 1,000 addresses',
	"SELECT count(*), count(DISTINCT id), max(id), min(name) FROM contacts WHERE email = ANY ('$list')", 10);
is_at_once('a list of 1,000 ids, sorted', "SELECT id, name FROM contacts WHERE id = ANY ('$ids') ORDER BY id", 10);
is_at_once('two searches', "SELECT count(*) FROM contacts WHERE id = ANY (('$ids'::text[])[1:150])", 2);
is_at_once('a list in a WITH that is read once',
	"WITH c AS MATERIALIZED (SELECT * FROM contacts WHERE id = ANY ('$ids')) SELECT count(*), max(name) FROM c", 10);
is_at_once('a list in the place of a value',
	"SELECT n, (SELECT max(name) FROM contacts WHERE id = ANY ('$ids')) FROM generate_series(1, 2) n", 10);
is_at_once('a lookup join of 1,000 rows',
	'SELECT l.n, c.id, c.name FROM people l LEFT JOIN contacts c ON c.email = l.email ORDER BY 1, 2', 10);
is_at_once('a lookup join, EXISTS',
	'SELECT count(*), max(l.n) FROM people l WHERE EXISTS (SELECT FROM contacts c WHERE c.email = l.email)', 10);
is_at_once('a lookup join, NOT EXISTS',
	'SELECT count(*), max(l.n) FROM people l WHERE NOT EXISTS (SELECT FROM contacts c WHERE c.email = l.email)', 10);
$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (ADD page_size '60')");
is_at_once('lists whose answers have several pages',
	"SELECT count(*), count(DISTINCT id), max(id), min(name) FROM contacts WHERE email = ANY ('$list')", 19);
# What is asked for behind a page in hand counts, too: no list is begun where those that are may ask for as many.
$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (SET page_size '20')");
is_at_once('lists whose answers have many pages', "SELECT count(*), max(id), min(name) FROM contacts WHERE email = ANY ('$list')",
	$session->query('SELECT sum(ceil(found / 20.0)) FROM (SELECT count(c.id) AS found FROM people p JOIN copies c USING (email)
		GROUP BY (p.n - 1) / 100) lists'));
$node->safe_psql('postgres', 'ALTER SERVER pylon OPTIONS (DROP page_size)');

# The rows of a lookup join come in the order of the other side, although the answers don't come in any.
is(
	$session->query('SELECT string_agg(n::text, $$ $$) FROM
		(SELECT l.n FROM (SELECT * FROM people ORDER BY n OFFSET 0) l LEFT JOIN contacts c ON c.email = l.email) q')
	  =~ s/\b(\d+)(?: \1\b)+/$1/gr, join(' ', 1 .. 1000), 'the order of the other side');

# Each row of the other side is computed once, however far that is read before the first row is given.
$session->query('CREATE SEQUENCE counted');
is($session->query('SELECT count(DISTINCT l.x) FROM (SELECT email, nextval($$counted$$) AS x FROM people OFFSET 0) l
	LEFT JOIN contacts c ON c.email = l.email'), 1000, 'a volatile function on the other side: each row');
is($session->query('SELECT last_value FROM counted'), 1000, 'a volatile function on the other side: is called once for each');

# ---------------------------------------------------------------- pages

# Each search follows its cursor; the others go on meanwhile: the second page of the second list is asked for before the
# last page of the first.
sub page_order
{
	my (@log) = @_;
	my (%first, %last);

	for my $i (0 .. $#log)
	{
		my ($values) = $log[$i]{body} =~ /"values":\[("[^"]*")/;
		my $is_cursor = $log[$i]{body} =~ /"cursor"/;

		$first{$values} //= $i if $is_cursor;
		$last{$values} = $i;
	}
	return (\%first, \%last);
}

$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (ADD page_size '20')");
for my $case (
	[ 'a list', "SELECT count(*) FROM contacts WHERE id = ANY (('$ids'::text[])[1:200])" ],
	[ 'a lookup join', "SELECT count(*) FROM (SELECT unnest(('$ids'::text[])[1:200]) AS id OFFSET 0) l JOIN contacts c ON c.id = l.id" ])
{
	my ($name, $sql) = @$case;
	my ($result, @log) = requests_of($sql);
	my ($first, $last) = page_order(@log);
	my @lists = keys %$last;

	is($result, 200, "$name, five pages each: rows");
	is(scalar @log, 10, "$name, five pages each: requests");
	is(scalar @lists, 2, "$name, five pages each: two lists");
	cmp_ok($first->{$_->[0]}, '<', $last->{$_->[1]}, "$name, five pages each: a list goes on beside the other")
	  for [ @lists ], [ reverse @lists ];
}
$node->safe_psql('postgres', 'ALTER SERVER pylon OPTIONS (DROP page_size)');

# ---------------------------------------------------------------- what may not be needed is not asked for

sub asks
{
	my ($name, $sql, $requests) = @_;
	my ($result, @log) = requests_of($sql);

	is($session->error, '', "$name: no error");
	is(scalar @log, $requests, "$name: requests");
	is(max(0, map { $_->{in_flight} } @log), $requests ? 1 : 0, "$name: one at a time");
	return $result;
}

my $by_list = "FROM contacts WHERE email = ANY ('$list')";
my $by_join = 'FROM people l JOIN contacts c ON c.email = l.email';
asks('a list, LIMIT', "SELECT name $by_list LIMIT 3", 1);
asks('a list, LIMIT of what is checked here', "SELECT name $by_list AND length(name) > 3 LIMIT 3", 1);
asks('a list, the first rows of a window', "SELECT * FROM (SELECT name, row_number() OVER () AS n $by_list) w WHERE n <= 3", 1);
$session->query('SET enable_hashjoin = on; SET pylon_fdw.enable_lookup_join = off; SET enable_nestloop = off');
$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (ADD request_cost '0.1')");
asks('a list, a hash join with nothing', "SELECT c.name FROM (SELECT md5(g::text) AS email FROM generate_series(1, 3000) g
	WHERE md5(g::text) = 'x' OFFSET 0) n JOIN (SELECT * $by_list) c USING (email)", 1);
$node->safe_psql('postgres', 'ALTER SERVER pylon OPTIONS (DROP request_cost)');
$session->query('SET enable_hashjoin = off; RESET pylon_fdw.enable_lookup_join; RESET enable_nestloop');
asks('a list, EXISTS', "SELECT EXISTS (SELECT $by_list)", 1);
asks('a list, a cursor', "BEGIN; DECLARE c CURSOR FOR SELECT name $by_list; FETCH 10 FROM c; COMMIT", 1);
asks('a list, SELECT INTO', "DO \$\$ DECLARE x text; BEGIN SELECT name INTO x $by_list; END \$\$", 1);
asks('a list, a loop that is left',
	"DO \$\$ DECLARE x record; BEGIN FOR x IN SELECT name $by_list LOOP EXIT; END LOOP; END \$\$", 1);
asks('a list below a semijoin',
	"SELECT count(*) FROM generate_series(1, 3) n WHERE EXISTS (SELECT $by_list AND length(name) + n > 3)", 1);
asks('a list in a WITH that is not read to its end',
	"WITH c AS MATERIALIZED (SELECT name $by_list) SELECT * FROM c LIMIT 3", 1);
asks('a lookup join, LIMIT', "SELECT c.name $by_join LIMIT 3", 1);
asks('a lookup join, a cursor', "BEGIN; DECLARE c CURSOR FOR SELECT c.name $by_join; FETCH 3 FROM c; COMMIT", 1);
asks('a lookup join, EXISTS', "SELECT EXISTS (SELECT $by_join)", 1);
asks('nothing to ask for', "SELECT name FROM contacts WHERE email = ANY ('{}')", 0);

# A cursor that is read to its end takes up what was not asked for.
my ($first, @log) = requests_of("BEGIN; DECLARE c CURSOR FOR SELECT id FROM contacts WHERE id = ANY ('$ids'); MOVE 10 FROM c;
	DECLARE d CURSOR FOR SELECT 1; MOVE ALL FROM c; COMMIT");
is(scalar @log, 10, 'a cursor that is read on: requests');
is(max(map { $_->{in_flight} } @log), 4, 'MOVE ALL: the rest is in flight together');

# What the reference page doesn't promise is tried once, before several go out.
$node->safe_psql('postgres',
	"CREATE FOREIGN TABLE tiered (id text, tier text OPTIONS (custom_field 'tier')) SERVER pylon
		OPTIONS (estimated_contacts '1000000')");
my $tiers = join ',', 'gold', 'silver', 'bronze', map { "tier $_" } 1 .. 600;
($first, @log) = requests_of("SELECT count(*) FROM tiered WHERE tier = ANY ('{$tiers}')");
is($first, $session->query("SELECT count(*) FROM copies WHERE custom_fields->>'tier' = ANY ('{$tiers}')"),
	'a custom field: rows');
my @searches = grep { $_->{body} !~ /cursor/ } @log;
is(scalar @searches, 7, 'a custom field: searches');
is($searches[0]{in_flight}, 1, 'a custom field: the first one goes out alone');
is(max(map { $_->{in_flight} } @log), 4, 'a custom field: the others together');

# ---------------------------------------------------------------- writes read their rows so

($first, @log) = requests_of("SET pylon_fdw.dry_run = on; SET client_min_messages = warning;
	UPDATE contacts SET name = 'x' WHERE id = ANY ('$ids'); DELETE FROM contacts WHERE id = ANY ('$ids');
	RESET pylon_fdw.dry_run; RESET client_min_messages");
is(scalar @log, 20, 'UPDATE and DELETE of 1,000 ids: searches');
is(max(map { $_->{in_flight} } @log), 4, 'UPDATE and DELETE of 1,000 ids: searches in flight');

# ---------------------------------------------------------------- several tables of a server

$session->query('CREATE VIEW twice AS SELECT * FROM contacts UNION ALL SELECT * FROM contacts');
my $of_twice = 'SELECT count(*) FROM people l JOIN twice c ON c.email = l.email';
like($session->query("EXPLAIN $of_twice"), qr/Pylon Lookup Join/, 'two tables of a server: the plan');
($first, @log) = requests_of($of_twice);
is($first, 2 * $session->query('SELECT count(*) FROM people l JOIN copies c ON c.email = l.email'),
	'two tables of a server: rows');
is(scalar @log, 20, 'two tables of a server: requests');
is(max(map { $_->{in_flight} } @log), 4, 'two tables of a server: no more in flight than the server takes');

# ---------------------------------------------------------------- EXPLAIN

my $explained = (requests_of("EXPLAIN (ANALYZE, COSTS off, TIMING off) SELECT $by_join" =~ s/SELECT /SELECT count(*) /r))[0];
like($explained, qr/Pylon Batches: 10\n.*Pylon Keys: 1000\n.*requests=10 pages=10/s, 'EXPLAIN ANALYZE of a lookup join');
$explained = (requests_of("EXPLAIN (ANALYZE, COSTS off, TIMING off) SELECT count(*) $by_list"))[0];
like($explained, qr/requests=10 pages=10/, 'EXPLAIN ANALYZE of a list');

# ---------------------------------------------------------------- refusals in the middle

my %refusal = (kind => 'status', status => 400, match => 'POST /contacts/search', body => { errors => ['no'], request_id => 'r' });
for my $case (
	[ 'a list', "SELECT count(*), count(DISTINCT id), max(id) $by_list" ],
	[ 'a lookup join', "SELECT count(*), count(DISTINCT l.n), max(c.id) $by_join" ],
	[ 'a left lookup join', 'SELECT count(*), count(c.id), max(l.n) FROM people l LEFT JOIN contacts c ON c.email = l.email' ],
	[
		'an anti lookup join',
		'SELECT count(*), max(l.n) FROM people l WHERE NOT EXISTS (SELECT FROM contacts c WHERE c.email = l.email)'
	],
	[ 'a lookup join of two tables', "SELECT count(*), count(DISTINCT c.id) FROM people l JOIN twice c ON c.email = l.email" ])
{
	my ($name, $sql) = @$case;
	my $local = $sql =~ s/\bcontacts\b/copies/gr
	  =~ s/\btwice\b/(SELECT * FROM copies UNION ALL SELECT * FROM copies)/gr;
	my $expected = $session->query($local);

	for my $skip (0, 1, 3, 6)
	{
		for my $times (1, 0)
		{
			at_once(4);
			api_faults($api, { %refusal, skip => $skip, times => $times });
			is($session->query($sql), $expected, "$name, refused after $skip, " . ($times ? 'once' : 'from then on') . ': rows');
			# a table that is read by two scans may have two refusals
			my $warnings = () = $session->error =~ /WARNING/g;
			cmp_ok($warnings, '==', 1, "$name, refused after $skip: one warning") unless $sql =~ /twice/;
			cmp_ok($warnings, '<=', 2, "$name, refused after $skip: a warning for each scan") if $sql =~ /twice/;
			api_clear($api);
		}
	}
}

# ---------------------------------------------------------------- errors and cancels in the middle

at_once(4);
for my $case ([ 'a list', "SELECT count(*) $by_list" ], [ 'a lookup join', "SELECT count(*) $by_join" ])
{
	my ($name, $sql) = @$case;
	my $expected = $session->query($sql =~ s/\bcontacts\b/copies/gr);

	for my $skip (0, 2, 5)
	{
		api_faults($api, { kind => 'status', status => 403, match => 'POST /contacts/search', skip => $skip, times => 1 });
		requests_of($sql);
		like($session->error, qr/ERROR:  42501/, "$name, denied after $skip");
		is($session->query($sql), $expected, "$name, denied after $skip: the session goes on");
	}
	api_clear($api);

	# Several are on their way when a subtransaction is rolled back.
	api_faults($api, { kind => 'status', status => 403, match => 'POST /contacts/search', skip => 1, times => 1 });
	my $perform = $sql =~ s/^SELECT/PERFORM/r;
	my ($result) = requests_of("DO \$\$ BEGIN $perform; EXCEPTION WHEN insufficient_privilege THEN
		RAISE NOTICE 'caught'; END \$\$; $sql");
	like($session->error, qr/NOTICE:.*caught/, "$name, denied in a block");
	is($result, $expected, "$name, denied in a block: the same statement then works");
	api_clear($api);

	# The connection is lost in one of several: it alone is sent again.
	api_faults($api, { kind => 'close', match => 'POST /contacts/search', skip => 2, times => 1 });
	($result, @log) = requests_of($sql);
	is($result, $expected, "$name, a connection is lost: rows");
	is(scalar @log, 11, "$name, a connection is lost: one request more");
	api_clear($api);

	# Waits for longer than the statement may take, and is canceled before.
	my $long = patience($node, 4);
	api_set($api, latency => int(1000 * $long));
	my $start = time;
	$session->query("SET statement_timeout = '300ms'; $sql; RESET statement_timeout");
	like($session->error, qr/ERROR:  57014/, "$name, canceled with four in flight");
	cmp_ok(time - $start, '<', $long, "$name, canceled: no answer is waited for");
	$session->query('RESET statement_timeout');
	api_set($api, latency => 0);
	is($session->query($sql), $expected, "$name, after it was canceled");
}
is(wait_for_open_connections($api, api_connections($api)->{open}) <= 64, 1, 'connections are kept within bounds');

$session->quit;
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal|leak/, 'no backend crashed, and nothing leaked');

done_testing();
