# A scan that is started over with the same request doesn't ask again: its rows are kept, as far as they were read, in memory
# or in a file.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;

my $node = start_node("log_temp_files = 0\n");
my $api = start_api(contacts => 300);
setup_server($node, $api, page_size => 20);
load_contacts($node, $api, 'copies');
my $session = PylonSession->new($node);
my @pages = list_requests(limit => 20, contacts => 300);
is(scalar @pages, 15, '300 contacts are 15 pages');

# The rows of a query are those of the same on the copy; gives the requests.
sub same
{
	my ($name, $sql) = @_;
	my $expected = $session->query($sql =~ s/\bcontacts\b/copies/gr);

	isnt($expected, '', "$name: there is something to compare");
	api_take($api);
	is($session->query($sql), $expected, "$name: rows");
	is($session->error, '', "$name: no error");
	return [ api_take($api) ];
}

my $twenty = 'generate_series(1, 20) n';

# ---------------------------------------------------------------- a correlated subquery whose condition stays here

is_deeply(same('a correlated subquery', "SELECT n, (SELECT count(*) FROM contacts c WHERE length(c.name) > n) FROM $twenty"),
	\@pages, 'a correlated subquery: each page once');
is_deeply(same('all columns', "SELECT n, (SELECT md5(string_agg(c::text, '' ORDER BY id)) FROM contacts c WHERE length(c.name) > n)
	FROM $twenty"), \@pages, 'all columns: each page once');
is_deeply(same('another condition is pushed',
		"SELECT n, (SELECT max(name) FROM contacts c WHERE email LIKE '%example%' AND length(c.name) > n) FROM $twenty"),
	[ map { /cursor/ ? $_ : $_ } @{ same('again', "SELECT max(name) FROM contacts WHERE email LIKE '%example%'") } ],
	'another condition is pushed: the requests of one scan');
is_deeply(same('a nested loop', "SELECT n, count(c.id), min(c.name) FROM $twenty, LATERAL
		(SELECT * FROM contacts WHERE length(name) <> n OFFSET 0) c GROUP BY n ORDER BY n"),
	\@pages, 'a nested loop: each page once');
my $list = join ',', map { "'" . $session->query("SELECT id FROM copies ORDER BY id LIMIT 1 OFFSET $_") . "'" } 0 .. 49;
$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (ADD lookup_batch_size '10')");
is(scalar @{ same('a long list', "SELECT n, (SELECT count(*) FROM contacts c WHERE id IN ($list) AND length(name) > n)
	FROM $twenty") }, 5, 'a long list: each of its searches once');
$node->safe_psql('postgres', 'ALTER SERVER pylon OPTIONS (DROP lookup_batch_size)');

# What differs from the row outside is nearly everything: asked for with each row's value, it would come anew each time.
$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (ADD case_sensitive 'true')");
is_deeply(same($_, "SELECT count(*) FROM copies k WHERE (SELECT count(*) FROM contacts c
		WHERE $_ AND c.portal_role = k.portal_role) > 5"), \@pages, "$_: each page once")
  for 'c.id <> k.id', 'NOT c.account_id = k.account_id', 'c.email <> k.email', "c.id NOT IN (k.id, 'x')",
  'c.id <> (SELECT x.id FROM copies x WHERE x.id = k.id)',
  'c.id <> (SELECT max(x.id) FROM copies x WHERE x.id <> (SELECT min(y.id) FROM copies y WHERE y.id >= k.id))';
is_deeply(same('LATERAL', "SELECT count(*), count(DISTINCT c.id) FROM copies k,
	LATERAL (SELECT * FROM contacts c WHERE c.id <> k.id AND length(c.name) < 12 OFFSET 0) c"), \@pages, 'LATERAL: each page once');
is_deeply(same('NOT IN', "SELECT count(*) FROM copies k WHERE k.id NOT IN (SELECT c.id FROM contacts c WHERE c.account_id <> k.account_id)"),
	\@pages, 'NOT IN: each page once');
$node->safe_psql('postgres', 'ALTER SERVER pylon OPTIONS (DROP case_sensitive)');

# Planning doesn't take long for it, however many subqueries there are.
my $subqueries = join ', ', ("(SELECT count(*) FROM copies WHERE id = 'x')") x 60;
like($session->query("SET statement_timeout = '60s'; EXPLAIN SELECT $subqueries FROM contacts WHERE id <> (SELECT max(id) FROM copies)"),
	qr/not_in/, '60 subqueries beside that of a condition: the plan');
$session->query('RESET statement_timeout');

# What can't be told from the plan is found out at the second start.
my $join = "SELECT n, (SELECT count(*) FROM contacts c JOIN (SELECT g FROM generate_series(1, 30) g WHERE g > n OFFSET 0) g
	ON length(c.name) = g.g) FROM generate_series(1, 5) n";
cmp_ok(scalar @{ same('below another node', $join) }, '<=', 2 * @pages, 'below another node: no more than twice');

# ---------------------------------------------------------------- with other requests between

# The request follows the outer row; it is asked again when it comes again, but not for rows in a row, once the first
# such row has shown that there are some.
$session->query("CREATE TABLE wanted AS SELECT g AS n, (ARRAY['gold', 'gold', 'gold', 'silver', 'silver'])[1 + g % 5] AS tier
	FROM generate_series(0, 9) g");
$node->safe_psql('postgres', "CREATE FOREIGN TABLE tiered (id text, name text, tier text OPTIONS (custom_field 'tier'))
	SERVER pylon OPTIONS (page_size '5')");
$session->query("CREATE VIEW tiered_copies AS SELECT id, name, custom_fields->>'tier' AS tier FROM copies");
my $tiers = "SELECT n, tier, (SELECT count(*) FROM %s c WHERE c.tier = w.tier AND length(c.name) > w.n)
	FROM (SELECT * FROM wanted ORDER BY n OFFSET 0) w";
$session->query('SET enable_memoize = off');
api_take($api);
my $expected = $session->query(sprintf $tiers, 'tiered_copies');
is($session->query(sprintf $tiers, 'tiered'), $expected, 'other requests between: rows');
my %searches;
$searches{$_}++ for grep { !/cursor/ } api_take($api);
is_deeply([ sort values %searches ], [ 2, 3 ],
	'other requests between: each is asked anew, and the first one once more before its rows are kept');

# ---------------------------------------------------------------- parts

# As much is read as the subquery needs, and goes on from there when a later row needs more.
my $exists = 'SELECT n, EXISTS (SELECT FROM contacts c WHERE length(c.name) > n OFFSET 0) FROM (VALUES (1), (2), (3)) v (n)';
is_deeply(same('EXISTS', $exists), [ $pages[0] ], 'EXISTS: the first page');
is_deeply(same('LIMIT', "SELECT n, (SELECT max(id) FROM (SELECT id FROM contacts WHERE length(id) > n LIMIT 50) c) FROM $twenty"),
	[ @pages[ 0 .. 2 ] ], 'LIMIT: the pages that it needs');
$session->query('CREATE TABLE in_order AS SELECT row_number() OVER () AS n, id FROM contacts');
for my $limits ('10, 50, 30, 110, 5, 110', '110, 5', '5, 20, 21, 40')
{
	my $most = (sort { $b <=> $a } split /, /, $limits)[0];

	api_take($api);
	is($session->query("SELECT bool_and((SELECT array_agg(id) FROM (SELECT id FROM contacts c WHERE length(id) > v.n % 2
			LIMIT v.n) c) = (SELECT array_agg(id ORDER BY n) FROM in_order WHERE n <= v.n))
			FROM unnest(ARRAY[$limits]) WITH ORDINALITY v (n)"), 't', "parts of $limits: rows");
	is_deeply([ api_take($api) ], [ @pages[ 0 .. int(($most - 1) / 20) ] ], "parts of $limits: the pages of the largest");
}

# A function that wants one row of a query gets it with the first page; nothing is asked for ahead.
sub asked_by
{
	my ($statement) = @_;

	api_take($api);
	$session->query("DO \$\$ DECLARE v text; r record; BEGIN $statement; EXCEPTION WHEN too_many_rows THEN NULL; END \$\$");
	is($session->error, '', "$statement: no error");
	return [ api_take($api) ];
}

is_deeply(asked_by($_), [ $pages[0] ], "$_: one page")
  for 'SELECT name INTO v FROM contacts', 'SELECT name INTO STRICT v FROM contacts',
  'SELECT c.name INTO v FROM contacts c, copies k WHERE length(c.name) <> length(k.email)';
is_deeply(asked_by($_), \@pages, "$_: all pages")
  for 'SELECT count(*) INTO v FROM contacts', 'SELECT name INTO v FROM contacts ORDER BY name',
  'FOR r IN SELECT name FROM contacts LOOP v := r.name; END LOOP';
is_deeply(asked_by('SELECT name INTO v FROM contacts LIMIT 2'), [ $pages[0] =~ s/limit=20/limit=2/r ], 'SELECT INTO, LIMIT: a page of its size');
is_deeply(asked_by('FOR r IN SELECT name FROM contacts LOOP EXIT; END LOOP'), [ @pages[ 0, 1 ] ],
	'a cursor of PL/pgSQL, which is read on: one page ahead');

# ---------------------------------------------------------------- memory and files

$session->query("SET work_mem = '64kB'");
my $before = () = slurp_file($node->logfile) =~ /temporary file:/g;
is_deeply(same('a file', "SELECT n, (SELECT md5(string_agg(c::text, '' ORDER BY id)) FROM contacts c WHERE length(c.name) > n)
	FROM $twenty"), \@pages, 'a file: each page once');
my $after = () = slurp_file($node->logfile) =~ /temporary file:/g;
cmp_ok($after, '>', $before, 'a file: there was one');
$session->query('RESET work_mem');
unlike(slurp_file($node->logfile), qr/temporary file leak/, 'no file is left open');

# A plain scan, of which nothing is wanted twice, keeps nothing.
$session->query("SET work_mem = '64kB'");
$before = () = slurp_file($node->logfile) =~ /temporary file:/g;
is_deeply(same('a plain scan', 'SELECT count(*), count(c::text) FROM contacts c WHERE length(name) > (SELECT 1)'), \@pages, 'a plain scan');
# nor does one whose rows' other side may be looked at again
$session->query("CREATE TABLE few AS SELECT g AS n FROM generate_series(1, 2) g; SET enable_hashjoin = off; SET enable_mergejoin = off");
is_deeply(same('FOR UPDATE', 'SELECT count(*), count(c) FROM (SELECT c::text AS c FROM few f, contacts c
		WHERE length(c.name) > f.n AND f.n = 1 FOR UPDATE OF f) q'), \@pages, 'FOR UPDATE: each page once');
$session->query('RESET enable_hashjoin; RESET enable_mergejoin');
$after = () = slurp_file($node->logfile) =~ /temporary file:/g;
is($after, $before, 'a plain scan: no file');
$session->query('RESET work_mem');

# ---------------------------------------------------------------- EXPLAIN, errors, cursors

like($session->query("EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off)
		SELECT n, (SELECT count(*) FROM contacts c WHERE length(c.name) > n) FROM $twenty"),
	qr/requests=15 pages=15 contacts=300 /, 'EXPLAIN ANALYZE: what was received, once');

# After an error in the middle, the statement is done for; the next one asks anew.
api_fault($api, kind => 'status', status => 403, skip => 7, times => 1);
$session->query("SELECT n, (SELECT count(*) FROM contacts c WHERE length(c.name) > n) FROM $twenty");
like($session->error, qr/42501/, 'an error in the middle');
api_clear($api);
is_deeply(same('after an error', "SELECT n, (SELECT count(*) FROM contacts c WHERE length(c.name) > n) FROM $twenty"),
	\@pages, 'after an error: each page once');

# The session writes to the server while a cursor is open, whose scan is started over.
$session->query("BEGIN; DECLARE c CURSOR FOR SELECT n, (SELECT count(*) FROM contacts c WHERE length(c.name) >= n)
	FROM generate_series(0, 3) n; FETCH 1 FROM c; SELECT pylon_fdw_version()");
api_take($api);
$session->query("SET pylon_fdw.dry_run = off; INSERT INTO contacts (name) VALUES ('New One')");
is($session->query('FETCH ALL FROM c'), $session->query('SELECT n || $$|$$ || (SELECT count(*) FROM copies c
	WHERE length(c.name) >= n) FROM generate_series(1, 3) n'), 'a write between: the cursor shows what it has read');
is_deeply([ grep { /^GET/ } api_take($api) ], [], 'a write between: no page is asked for again');
$session->query('COMMIT');
api_ctl($api, 'reset');
is_deeply(same('a new statement', "SELECT n, (SELECT count(*) FROM contacts c WHERE length(c.name) > n) FROM $twenty"),
	\@pages, 'a new statement asks anew');

# A cursor that goes back, and one that outlives its transaction.
$session->query("BEGIN; DECLARE c SCROLL CURSOR FOR SELECT n, (SELECT count(*) FROM contacts c WHERE length(c.name) > n) FROM $twenty");
api_take($api);
is($session->query('FETCH ABSOLUTE 15 FROM c; FETCH ABSOLUTE 3 FROM c'),
	$session->query('SELECT n || $$|$$ || (SELECT count(*) FROM copies c WHERE length(c.name) > n) FROM (VALUES (15), (3)) v (n)'),
	'a cursor goes back');
is_deeply([ api_take($api) ], \@pages, 'a cursor goes back: each page once');
$session->query('COMMIT');

# ---------------------------------------------------------------- refusals

# What is asked after a refusal is kept, too.
$node->safe_psql('postgres', 'ALTER SERVER pylon OPTIONS (ADD lookup_batch_size $$10$$)');
api_fault($api, kind => 'status', status => 400, match => 'POST /contacts/search', skip => 2, times => 0,
	body => { errors => ['no'], request_id => 'r' });
$session->query('SELECT 1');
my $refused = "SELECT n, (SELECT count(*) FROM contacts c WHERE id IN ($list) AND length(name) > n) FROM $twenty";
$expected = $session->query($refused =~ s/\bcontacts\b/copies/gr);
api_take($api);
is($session->query($refused), $expected, 'refused in the middle: rows');
is(scalar(() = $session->error =~ /WARNING/g), 1, 'refused in the middle: one warning');
cmp_ok(scalar(grep { /^GET/ } api_take($api)), '<=', 2 * @pages, 'refused in the middle: all pages no more than twice');
api_clear($api);
$node->safe_psql('postgres', 'ALTER SERVER pylon OPTIONS (DROP lookup_batch_size)');

# ---------------------------------------------------------------- lookup joins

$session->query('CREATE TABLE people AS SELECT row_number() OVER (ORDER BY id)::int AS n, email FROM copies WHERE email IS NOT NULL;
	ANALYZE people; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_nestloop = off; SET enable_material = off');
$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (SET page_size '999');
	ALTER FOREIGN TABLE contacts OPTIONS (ADD estimated_contacts '1000000')");
my $lookups = "SELECT o, (SELECT count(c.name) FROM people p JOIN contacts c ON c.email = p.email WHERE p.n + o > 0)
	FROM generate_series(1, 10) o";
like($session->query("EXPLAIN $lookups"), qr/Pylon Lookup Join/, 'a lookup join: the plan');
my $keys = $session->query('SELECT count(DISTINCT email) FROM people');
is(scalar @{ same('a lookup join', $lookups) }, int(($keys + 99) / 100), 'a lookup join: each key once');
like($session->query("EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) $lookups"),
	qr/Pylon Batches: 3\n.*Pylon Keys: $keys\n/, 'a lookup join: its batches and keys count once');

# Started over before its end, it has the first rows at hand.
my $broken_off = "SELECT o, EXISTS (SELECT FROM people p JOIN contacts c ON c.email = p.email WHERE p.n + o > 0 OFFSET 0)
	FROM generate_series(1, 5) o";
my $explained = $session->query("EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) $broken_off");
like($explained, qr/Pylon Batches: 1\n.*Pylon Keys: 10\n.*requests=1 /, 'a join that is broken off: its first rows are known');

$session->quit;
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal/, 'no backend crashed');

done_testing();
