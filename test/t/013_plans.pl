# Under every plan: rescans, joins, cursors, prepared statements, PL/pgSQL, partitions, altered tables, EvalPlanQual.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;
use Time::HiRes qw(sleep);

my $ada = '00000000-0000-4000-8000-000000000001';
my $node = start_node();
my $api = start_api(contacts => 100);
setup_server($node, $api, page_size => 30);
load_contacts($node, $api, 'expected');

# All contacts in four pages; in one page.
my @pages = list_requests(limit => 30, contacts => 100);
my @page = ('GET /contacts?limit=999');
my $one_page = "ALTER SERVER pylon OPTIONS (SET page_size '999')";
my $four_pages = "ALTER SERVER pylon OPTIONS (SET page_size '30')";

sub search
{
	my ($field, $value, $limit) = @_;

	return search_request(equals($field, $value), $limit // 30);
}

# Checks what a query gives on "contacts", that this is what it gives on a local table of the same rows, and its requests.
sub same_as_local
{
	my ($before, $sql, $requests, $name) = @_;
	my $local = $sql =~ s/\bcontacts\b/expected/gr;
	my $result = $node->safe_psql('postgres', "$before $local");

	isnt($result, '', "$name: there is something to compare");
	requests_are($node, $api, "$before $sql", $result, $requests, $name);
	return;
}

# Checks that the plan of a query has a node.
sub plan_has
{
	my ($before, $sql, $pattern, $name) = @_;

	like($node->safe_psql('postgres', "$before EXPLAIN (COSTS OFF) $sql"), $pattern, "$name: the plan");
	return;
}

# ---------------------------------------------------------------- rescans

my $nested_loop =
  'SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off; SET enable_memoize = off;';

# The contacts are read again for each row of the other side. One page in hand is enough for all of them; of several,
# the rows are kept.
my $again =
  'SELECT n, count(c.id), min(c.name COLLATE "C") FROM generate_series(1, 3) n LEFT JOIN contacts c ON length(c.id) > n
	GROUP BY n ORDER BY n';
plan_has($nested_loop, $again, qr/Nested Loop.*Function Scan.*\n *->  Foreign Scan on contacts/s, 'rescan');
$node->safe_psql('postgres', $one_page);
same_as_local($nested_loop, $again, \@page, 'rescan of one page');
$node->safe_psql('postgres', $four_pages);
same_as_local($nested_loop, $again, \@pages, 'rescan of four pages');

my $material = 'SET enable_hashjoin = off; SET enable_mergejoin = off;';
plan_has($material, $again, qr/Materialize\n *->  Foreign Scan on contacts/, 'materialised');
same_as_local($material, $again, \@pages, 'materialised');

# A rescan may begin before the scan before it has come to its end.
my $half = 'SELECT n, (SELECT id FROM contacts c WHERE length(c.id) > n LIMIT 1) FROM generate_series(1, 3) n';
$node->safe_psql('postgres', $one_page);
same_as_local('', $half, \@page, 'rescan of a page half read');
$node->safe_psql('postgres', $four_pages);
same_as_local('', $half, [ $pages[0] ], 'rescan of the first page half read');

# ---------------------------------------------------------------- parameters from an outer row

$node->safe_psql('postgres',
	"CREATE TABLE wanted (n int, email text); INSERT INTO wanted VALUES (1, 'ada\@acme.com'), (2, 'nobody\@acme.com'),
		(3, NULL), (4, 'grace\@acme.com'), (5, 'ada\@acme.com'), (6, ''); ANALYZE wanted");
my $correlated = 'SELECT n, (SELECT name FROM contacts c WHERE c.email = w.email) FROM wanted w ORDER BY n';
same_as_local(
	'SET enable_memoize = off;', $correlated,
	[ map { search(email => "$_\@acme.com") } 'ada', 'nobody', 'grace', 'ada' ],
	'a correlated subquery: a request for each value that can be found');
my $repeated = 'SELECT n, (SELECT name FROM contacts c WHERE c.email = w.email)
	FROM (SELECT n, \'ada@acme.com\' AS email FROM generate_series(1, 5) n OFFSET 0) w ORDER BY n';
same_as_local('', $repeated, [ search(email => 'ada@acme.com') ], 'the same parameter again: the page in hand');
# Of a list that takes two searches, the page in hand has just the second one's.
my $lists = "SELECT n, (SELECT count(*) FROM contacts c WHERE c.email = ANY (w.emails)) FROM
	(SELECT n, ARRAY['ada\@acme.com', 'grace\@acme.com', 'alan\@acme.com'] AS emails FROM generate_series(1, 3) n OFFSET 0) w
	ORDER BY n";
$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (ADD lookup_batch_size '2', ADD max_concurrent_requests '1')");
same_as_local('', $lists,
	[
		(
			'POST /contacts/search {"filter":{"field":"email","operator":"in","values":["ada@acme.com","grace@acme.com"]},"limit":30}',
			'POST /contacts/search {"filter":{"field":"email","operator":"in","values":["alan@acme.com"]},"limit":30}') x 2
	],
	'the same list again: not just its last search');
$node->safe_psql('postgres', 'ALTER SERVER pylon OPTIONS (DROP lookup_batch_size, DROP max_concurrent_requests)');
my $by_id = 'SELECT n, (SELECT name FROM contacts c WHERE c.id = w.id) FROM
	(SELECT n, \'00000000-0000-4000-8000-00000000000\' || n AS id FROM generate_series(1, 3) n OFFSET 0) w ORDER BY n';
same_as_local('', $by_id, [ map { "GET /contacts/00000000-0000-4000-8000-00000000000$_" } 1 .. 3 ],
	'a correlated look-up by id');
same_as_local(
	'SET enable_memoize = off;',
	'SELECT n, name FROM wanted w, LATERAL (SELECT name FROM contacts c WHERE c.email = w.email OFFSET 0) c ORDER BY n',
	[ map { search(email => "$_\@acme.com") } 'ada', 'nobody', 'grace', 'ada' ], 'LATERAL');
same_as_local(
	'', 'SELECT n FROM wanted w WHERE n < 3 AND EXISTS (SELECT FROM contacts c WHERE c.email = w.email OFFSET 0)',
	[ map { search(email => "$_\@acme.com") } 'ada', 'nobody' ], 'a correlated EXISTS');
same_as_local('', "SELECT name FROM contacts WHERE email = (SELECT email FROM wanted WHERE n = 1)",
	[ search(email => 'ada@acme.com') ], 'a value from a subquery');
same_as_local('', 'SELECT name FROM contacts WHERE email = ANY (ARRAY(SELECT email FROM wanted)) ORDER BY 1',
	[
			'POST /contacts/search {"filter":{"field":"email","operator":"in",'
		  . '"values":["ada@acme.com","nobody@acme.com","grace@acme.com"]},"limit":30}'
	],
	'values from a subquery');

# ---------------------------------------------------------------- several scans in a statement

# One after the other, so that the requests have an order; 040_append.pl is about scans at the same time.
my $in_turn = 'SET enable_async_append = off;';
my $union = 'SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM contacts UNION ALL SELECT id FROM contacts) a';
same_as_local($in_turn, $union, [ (@pages) x 2 ], 'UNION ALL');
same_as_local($in_turn,
	"SELECT id FROM contacts WHERE id = '$ada' UNION ALL SELECT name FROM contacts WHERE email = 'grace\@acme.com'",
	[ "GET /contacts/$ada", search(email => 'grace@acme.com') ], 'UNION ALL of two kinds of request');
same_as_local('',
	'WITH c AS MATERIALIZED (SELECT * FROM contacts) SELECT (SELECT count(*) FROM c), (SELECT count(email) FROM c)',
	\@pages, 'a WITH that is used twice');
same_as_local('', 'SELECT EXISTS (SELECT FROM contacts WHERE length(name) > 5), (SELECT count(*) FROM contacts)',
	[ $pages[0], @pages ], 'EXISTS and a whole scan');

# A table joined to itself, in every way there is, by a column that the API can't search: a merge join reads both sides
# in turns.
my $joined = 'SELECT count(*), min(a.id), max(b.id) FROM contacts a JOIN contacts b USING (avatar_url)';
my $both = $node->safe_psql('postgres', $joined =~ s/contacts/expected/gr);
for my $join ('hashjoin', 'mergejoin', 'nestloop')
{
	my $setting = join ' ', map { "SET enable_$_ = off;" } grep { $_ ne $join } 'hashjoin', 'mergejoin', 'nestloop';
	api_take($api);
	is($node->safe_psql('postgres', "$setting $joined"), $both, "a $join with itself: the rows");
	is_deeply([ sort(api_take($api)) ], [ sort((@pages) x 2) ], "a $join with itself: both sides are read once");
}

# ---------------------------------------------------------------- cursors

my $session = PylonSession->new($node);
my @ids = split /\n/, $node->safe_psql('postgres', 'SELECT id FROM contacts');
is(scalar @ids, 100, 'a hundred contacts');

sub fetches
{
	my ($sql, $from, $to, $name) = @_;
	my @expected = $from <= $to ? @ids[ $from - 1 .. $to - 1 ] : reverse @ids[ $to - 1 .. $from - 1 ];

	is_deeply([ split /\n/, $session->query($sql) ], \@expected, $name);
	is($session->error, '', "$name: no error");
	return;
}

api_take($api);
$session->query('BEGIN; DECLARE c SCROLL CURSOR FOR SELECT id FROM contacts');
fetches('FETCH 50 FROM c', 1, 50, 'a SCROLL cursor: forward');
fetches('FETCH BACKWARD 20 FROM c', 49, 30, 'a SCROLL cursor: backward');
fetches('FETCH ABSOLUTE 95 FROM c', 95, 95, 'a SCROLL cursor: there');
fetches('FETCH FIRST FROM c', 1, 1, 'a SCROLL cursor: to the first row');
fetches('FETCH ALL FROM c', 2, 100, 'a SCROLL cursor: and all');
fetches('FETCH LAST FROM c', 100, 100, 'a SCROLL cursor: to the last row');
$session->query('COMMIT');
is_deeply([ api_take($api) ], \@pages, 'a SCROLL cursor: nothing is read twice');

$session->query(
	'BEGIN; DECLARE c NO SCROLL CURSOR FOR SELECT id FROM contacts; FETCH 5 FROM c; FETCH BACKWARD 1 FROM c');
like($session->error, qr/55000/, 'a NO SCROLL cursor goes forward only');
$session->query('ROLLBACK');

api_take($api);
$session->query('BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT id FROM contacts');
fetches('FETCH 5 FROM c', 1, 5, 'a WITH HOLD cursor: in its transaction');
$session->query('COMMIT');
is_deeply([ api_take($api) ], \@pages, 'a WITH HOLD cursor: all is read at COMMIT, the page in hand not again');
fetches('FETCH ALL FROM c', 6, 100, 'a WITH HOLD cursor: after it');
is($session->query('CLOSE c'), '', 'a WITH HOLD cursor: closed');
is_deeply([ api_take($api) ], [], 'a WITH HOLD cursor: no request after COMMIT');

$session->query('BEGIN; DECLARE a CURSOR FOR SELECT id FROM contacts; DECLARE b CURSOR FOR SELECT id FROM contacts');
my ($a, $b) = (1, 1);
while ($a <= 100 || $b <= 100)
{
	my ($last_a, $last_b) = ($a + 17 > 100 ? 100 : $a + 17, $b + 23 > 100 ? 100 : $b + 23);
	fetches('FETCH 18 FROM a', $a, $last_a, "two cursors: a from $a on") if $a <= 100;
	fetches('FETCH 24 FROM b', $b, $last_b, "two cursors: b from $b on") if $b <= 100;
	($a, $b) = ($a + 18, $b + 24);
}
$session->query('COMMIT');
is_deeply([ sort(api_take($api)) ], [ sort((@pages) x 2) ], 'two cursors: each reads all pages once');

# One of two ends in the middle; the other one goes on.
$session->query('BEGIN; DECLARE a CURSOR FOR SELECT id FROM contacts; DECLARE b CURSOR FOR SELECT id FROM contacts');
fetches('FETCH 31 FROM a', 1, 31, 'two cursors: a');
fetches('FETCH 1 FROM b', 1, 1, 'two cursors: b');
$session->query('CLOSE a');
fetches('FETCH ALL FROM b', 2, 100, 'two cursors: b without a');
$session->query('COMMIT');

# A savepoint takes its own cursors with it, and no others.
$session->query('BEGIN; DECLARE a CURSOR FOR SELECT id FROM contacts');
fetches('FETCH 1 FROM a', 1, 1, 'a cursor from before a savepoint');
$session->query('SAVEPOINT s; DECLARE b CURSOR FOR SELECT id FROM contacts');
fetches('FETCH 40 FROM b', 1, 40, 'a cursor of the savepoint');
$session->query('SELECT 1/0; ROLLBACK TO s; FETCH 1 FROM b');
like($session->error, qr/34000/, 'ROLLBACK TO: that cursor is gone');
$session->query('ROLLBACK TO s');
fetches('FETCH ALL FROM a', 2, 100, 'ROLLBACK TO: the other one goes on');
$session->query('COMMIT');

# ---------------------------------------------------------------- prepared statements

# From the sixth execution on the plan may be a generic one, which must ask the same.
for my $mode ('auto', 'force_custom_plan', 'force_generic_plan')
{
	$session->query("SET plan_cache_mode = $mode;
		PREPARE by_email (text) AS SELECT name FROM contacts WHERE email = \$1;
		PREPARE by_emails (text[]) AS SELECT name FROM contacts WHERE email = ANY (\$1) ORDER BY name COLLATE \"C\";
		PREPARE by_id (text) AS SELECT name FROM contacts WHERE id = \$1;
		PREPARE by_both (text, text) AS SELECT name FROM contacts WHERE email = \$1 AND account_id = \$2;
		PREPARE all_of_them AS SELECT count(*) FROM contacts");
	api_take($api);
	for my $n (1 .. 7)
	{
		is( $session->query(
				"EXECUTE by_email ('ada\@acme.com'); EXECUTE by_emails ('{grace\@acme.com,alan\@acme.com,$n}');
				EXECUTE by_id ('$ada'); EXECUTE by_both ('ada\@acme.com', 'other'); EXECUTE all_of_them"),
			"Ada Lovelace\nAlan Turing\nGrace Hopper\nAda Lovelace\n100",
			"$mode, execution $n: the rows");
		is_deeply(
			[ api_take($api) ],
			[
				search(email => 'ada@acme.com'),
				"POST /contacts/search {\"filter\":{\"field\":\"email\",\"operator\":\"in\",\"values\":"
				  . "[\"grace\@acme.com\",\"alan\@acme.com\",\"$n\"]},\"limit\":30}",
				"GET /contacts/$ada",
				'POST /contacts/search {"filter":{"operator":"and","subfilters":['
				  . '{"field":"email","operator":"equals","value":"ada@acme.com"},'
				  . '{"field":"account_id","operator":"equals","value":"other"}]},"limit":30}',
				@pages
			],
			"$mode, execution $n: the requests");
	}
	is( $session->query(
			'SELECT DISTINCT generic_plans > 0 FROM pg_prepared_statements WHERE parameter_types <> \'{}\''),
		{ auto => 't', force_custom_plan => 'f', force_generic_plan => 't' }->{$mode}, "$mode: so the plans were");
	is( $session->query(
			"EXECUTE by_email (NULL); EXECUTE by_emails ('{NULL}'); EXECUTE by_emails (NULL); EXECUTE by_id (NULL)"),
		'', "$mode: NULL finds nothing");
	is_deeply([ api_take($api) ], [], "$mode: NULL asks nothing");
	$session->query('DEALLOCATE ALL; RESET plan_cache_mode');
}

# ---------------------------------------------------------------- PL/pgSQL

# A loop over contacts (PL/pgSQL fetches 50 rows at a time) whose body queries the same server, and fails now and then:
# its subtransaction is rolled back while the outer scan has a page on its way.
$node->safe_psql(
	'postgres', q{
	CREATE FUNCTION walk(wrong text) RETURNS TABLE (seen bigint, good bigint, failed bigint) LANGUAGE plpgsql AS $$
	DECLARE
		contact record;
		name text;
	BEGIN
		seen := 0; good := 0; failed := 0;
		FOR contact IN SELECT * FROM contacts LOOP
			seen := seen + 1;
			CONTINUE WHEN seen % 10 <> 1;
			BEGIN
				SELECT c.name INTO STRICT name FROM contacts c WHERE c.id = contact.id;
				IF name IS DISTINCT FROM contact.name THEN
					RAISE 'it is another contact';
				END IF;
				IF seen % 20 = 1 THEN
					EXECUTE wrong;
				END IF;
				good := good + 1;
			EXCEPTION WHEN division_by_zero OR insufficient_privilege THEN
				failed := failed + 1;
			END;
		END LOOP;
		RETURN NEXT;
	END $$});
api_take($api);
is($session->query("SELECT * FROM walk('SELECT 1/0')"), '100|5|5', 'a loop with an exception block');
is($session->error, '', 'a loop with an exception block: no error');
my @walk = map { "GET /contacts/$_" } @ids[ grep { $_ % 10 == 0 } 0 .. 99 ];
is_deeply([ sort(api_take($api)) ], [ sort(@walk, @pages) ], 'a loop with an exception block: the requests');

api_fault($api, match => "GET /contacts/$ids[$_]", kind => 'status', status => 403, body => { errors => ['no'] })
  for 0, 40;
is($session->query("SELECT * FROM walk('SELECT 1')"), '100|8|2', 'a loop in which requests fail');
api_clear($api);

# The error comes from a scan of many pages that was broken off, with a page of its own on its way.
is($session->query(q{SELECT * FROM walk('SELECT 1 / (length(id) - 36) FROM contacts')}),
	'100|5|5', 'a loop in which other scans are broken off');

# ---------------------------------------------------------------- after an error

for my $case (
	[ 'on the first page', { kind => 'garbage' }, '08P01' ],
	[ 'on the second page', { kind => 'garbage', skip => 1 }, '08P01' ],
	[ 'on the last page', { kind => 'status', status => 401, skip => 3 }, '28000' ])
{
	my ($name, $fault, $sqlstate) = @$case;
	api_clear($api);
	api_fault($api, %$fault);
	$session->query('SELECT * FROM contacts');
	like($session->error, qr/ERROR:  $sqlstate/, "an error $name");
	is($session->query('SELECT count(*) FROM contacts'), 100, "after an error $name");
}
$session->query('SELECT 1 / (length(id) - 36) FROM contacts');
like($session->error, qr/ERROR:  22012/, 'an error of the query itself');
is($session->query('SELECT count(*) FROM contacts'), 100, 'after an error of the query itself');
$session->query('BEGIN; DECLARE c CURSOR FOR SELECT id FROM contacts; FETCH 40 FROM c; SELECT 1/0; FETCH 1 FROM c');
like($session->error, qr/25P02/, 'an error while a cursor is open');
is($session->query('ROLLBACK; SELECT count(*) FROM contacts'), 100, 'after an error while a cursor was open');

# ---------------------------------------------------------------- partitions and children

$node->safe_psql(
	'postgres', "
	CREATE TABLE people (id text, name text, email text, kind text) PARTITION BY LIST (kind);
	CREATE TABLE people_local PARTITION OF people FOR VALUES IN ('local');
	INSERT INTO people VALUES ('l1', 'Local One', 'one\@local.example', 'local');
	CREATE FOREIGN TABLE people_remote PARTITION OF people FOR VALUES IN ('gold') SERVER pylon;
	ALTER FOREIGN TABLE people_remote ALTER COLUMN kind OPTIONS (ADD custom_field 'tier');
	CREATE TABLE parent (name text, id text);
	INSERT INTO parent VALUES ('Parent', 'p1');
	CREATE FOREIGN TABLE child (email text) INHERITS (parent) SERVER pylon");
requests_are($node, $api, "SELECT tableoid::regclass, name FROM people WHERE id IN ('$ada', 'l1') ORDER BY 2",
	"people_remote|Ada Lovelace\npeople_local|Local One",
	[
		"POST /contacts/search {\"filter\":{\"field\":\"id\",\"operator\":\"in\",\"values\":[\"$ada\",\"l1\"]},\"limit\":30}"
	],
	'a partitioned table');
requests_are($node, $api, "SELECT name FROM people WHERE kind = 'local'",
	'Local One', [], 'a partitioned table: the foreign partition is pruned');
requests_are($node, $api, "SELECT tableoid::regclass, name FROM parent WHERE id IN ('$ada', 'p1') ORDER BY 2",
	"child|Ada Lovelace\nparent|Parent",
	[
		"POST /contacts/search {\"filter\":{\"field\":\"id\",\"operator\":\"in\",\"values\":[\"$ada\",\"p1\"]},\"limit\":30}"
	],
	'an inheritance child with its columns in another order');
requests_are($node, $api, 'SELECT count(*), count(DISTINCT id) FROM parent',
	'101|101', \@pages, 'all of parent and child');
requests_are($node, $api, 'SELECT p FROM ONLY parent p', '(Parent,p1)', [], 'ONLY the parent');
requests_are($node, $api, "SELECT p FROM parent p WHERE id = '$ada'", "(\"Ada Lovelace\",$ada)",
	["GET /contacts/$ada"], 'a child as a row of its parent');

# ---------------------------------------------------------------- tables that were altered

$node->safe_psql(
	'postgres', "
	CREATE FOREIGN TABLE altered (gone text, id text, address text OPTIONS (field 'email'), also_gone int, name text,
		again text OPTIONS (field 'name'), tier text OPTIONS (custom_field 'tier'),
		tier_again varchar(4) OPTIONS (custom_field 'tier')) SERVER pylon;
	ALTER FOREIGN TABLE altered DROP COLUMN gone, DROP COLUMN also_gone");
my $row = "$ada|ada\@acme.com|Ada Lovelace|Ada Lovelace|gold|gold";
requests_are($node, $api, "SELECT * FROM altered WHERE id = '$ada'", $row, ["GET /contacts/$ada"], 'dropped columns');
requests_are($node, $api, "SELECT a FROM altered a WHERE id = '$ada'",
	"($ada,ada\@acme.com,\"Ada Lovelace\",\"Ada Lovelace\",gold,gold)", ["GET /contacts/$ada"], 'the whole row');
requests_are($node, $api, "SELECT tableoid::regclass FROM altered WHERE id = '$ada'",
	'altered', ["GET /contacts/$ada"], 'tableoid');
requests_are($node, $api, "SELECT id FROM altered WHERE address = 'ada\@acme.com'", $ada,
	[ search(email => 'ada@acme.com') ],
	'a renamed column is searched by its field');
$node->safe_psql('postgres',
	"ALTER FOREIGN TABLE altered ADD COLUMN seats int OPTIONS (custom_field 'seats'), ADD COLUMN emails text[]");
requests_are($node, $api, "SELECT * FROM altered WHERE id = '$ada'",
	"$row|25|{ada\@acme.com}", ["GET /contacts/$ada"], 'ADD COLUMN');
$node->safe_psql('postgres', 'ALTER FOREIGN TABLE altered RENAME COLUMN name TO label');
fails_with($node, 'SELECT id FROM altered', 'HV005', qr/column "label" of foreign table "altered".*HINT:.*account_id/s,
	'a column renamed to what is no field');
$node->safe_psql('postgres', "ALTER FOREIGN TABLE altered ALTER COLUMN label OPTIONS (ADD field 'name')");
requests_are($node, $api, "SELECT label, again FROM altered WHERE id = '$ada'", 'Ada Lovelace|Ada Lovelace',
	["GET /contacts/$ada"], 'until option field names it');
$node->safe_psql('postgres', 'ALTER FOREIGN TABLE altered ALTER COLUMN seats TYPE text');
requests_are($node, $api, "SELECT seats || '!' FROM altered WHERE id = '$ada'",
	'25!', ["GET /contacts/$ada"], 'another type');
$node->safe_psql('postgres', 'CREATE FOREIGN TABLE columnless () SERVER pylon');
requests_are($node, $api, 'SELECT count(*) FROM columnless', 100, \@pages, 'a table without columns');

# A session's plans follow.
$session->query(
	"SET plan_cache_mode = force_generic_plan; PREPARE a AS SELECT * FROM contacts WHERE id = '$ada'; EXECUTE a");
$node->safe_psql('postgres', 'ALTER FOREIGN TABLE contacts DROP COLUMN email');
$session->query('EXECUTE a');
like($session->error, qr/cached plan must not change result type/, 'a prepared SELECT * after DROP COLUMN');
is($session->query('DEALLOCATE a; RESET plan_cache_mode; SELECT count(name) FROM contacts'), 100, 'a new one');
setup_server($node, $api, page_size => 30);

# ---------------------------------------------------------------- EvalPlanQual

# A locked row that another transaction has changed is joined once more, to the contact that was found before: its
# columns are at hand, and the conditions on them are checked again.
$node->safe_psql('postgres',
	"CREATE TABLE orders (id int PRIMARY KEY, email text, state text);
	INSERT INTO orders VALUES (1, 'ada\@acme.com', 'new'), (2, 'grace\@acme.com', 'new')");
for my $case (
	[ "state = 'old'", "1|old|Ada Lovelace\n2|new|Grace Hopper", 'a changed row' ],
	[ "email = 'alan\@acme.com'", '2|new|Grace Hopper', 'a row that no longer joins' ])
{
	my ($change, $result, $name) = @$case;
	my $other = PylonSession->new($node);
	$other->query("BEGIN; UPDATE orders SET $change WHERE id = 1");
	api_clear($api);
	$session->begin(
		'SELECT o.id, o.state, c.name FROM orders o JOIN contacts c USING (email) ORDER BY o.id FOR UPDATE OF o');
	$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')")
	  or die 'nobody waits';
	my @requests = api_take($api);
	$other->query('COMMIT');
	is($session->result, $result, "FOR UPDATE: $name");
	is($session->error, '', "FOR UPDATE: $name: no error");
	cmp_ok(scalar @requests, '>', 0, "FOR UPDATE: $name: contacts were read before");
	is_deeply([ api_take($api) ], [], "FOR UPDATE: $name: nothing is asked again");
	$other->quit;
	$node->safe_psql('postgres', "UPDATE orders SET state = 'new', email = 'ada\@acme.com' WHERE id = 1");
}

# So it is below a node that holds what is read until the first row is written, for a partition at Pylon could be: that
# begins anew for each such row, with all below it.
$node->safe_psql('postgres',
	"CREATE TABLE wide (id text, email text, name text, tier text) PARTITION BY LIST (tier);
	CREATE TABLE wide_here PARTITION OF wide FOR VALUES IN ('here');
	CREATE FOREIGN TABLE wide_away PARTITION OF wide FOR VALUES IN ('away') SERVER pylon OPTIONS (object 'contacts');
	ALTER FOREIGN TABLE wide_away ALTER tier OPTIONS (ADD custom_field 'tier');
	INSERT INTO wide_here VALUES ('1', 'ada\@acme.com', 'one', 'here'), ('2', 'grace\@acme.com', 'two', 'here')");
$session->query('SET enable_nestloop = off; SET enable_mergejoin = off; SET pylon_fdw.enable_lookup_join = off');
my $routed = "UPDATE wide w SET name = c.name FROM contacts c WHERE c.email = w.email AND c.name LIKE '% %'";
like($session->query("EXPLAIN $routed"), qr/Pylon Spool.*Hash Join/s, 'UPDATE of a partitioned table: the plan');
my $changes = PylonSession->new($node);
$changes->query("BEGIN; UPDATE wide_here SET name = name || '!'");
$session->begin($routed);
$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')")
  or die 'nobody waits';
$changes->query('COMMIT');
$session->result;
is($session->error, '', 'UPDATE of a partitioned table, two changed rows: no error');
is($session->query('SELECT id, name FROM wide_here ORDER BY id'), "1|Ada Lovelace\n2|Grace Hopper",
	'UPDATE of a partitioned table, two changed rows');
$changes->quit;
$session->query('RESET enable_nestloop; RESET enable_mergejoin; RESET pylon_fdw.enable_lookup_join');

# The same for an UPDATE that takes its rows from contacts.
my $other = PylonSession->new($node);
$other->query("BEGIN; UPDATE orders SET state = 'old' WHERE id = 1");
$session->begin("UPDATE orders o SET state = o.state || ' ' || c.name FROM contacts c WHERE c.email = o.email");
$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')")
  or die 'nobody waits';
$other->query('COMMIT');
$session->result;
is($session->error, '', 'UPDATE ... FROM contacts of a changed row: no error');
is( $session->query('SELECT id, state FROM orders ORDER BY id'),
	"1|old Ada Lovelace\n2|new Grace Hopper",
	'UPDATE ... FROM contacts of a changed row');
$other->quit;

# The same for local rows that are updated or deleted together with contacts: each of those that have changed is joined anew,
# not to what the one before was joined to.
$node->safe_psql('postgres',
	"CREATE TABLE everybody (id text, email text, state text);
	CREATE FOREIGN TABLE everybody_else (state text OPTIONS (field 'portal_role')) INHERITS (everybody) SERVER pylon;
	INSERT INTO everybody SELECT n, n || '\@here.example', 'new' FROM generate_series(1, 3) n;
	CREATE TABLE news AS SELECT n || '\@here.example' AS email, 'news ' || n AS news FROM generate_series(1, 3) n");
for my $join (qw(hashjoin mergejoin nestloop))
{
	for
	  my $case ([ 'UPDATE everybody e SET state = e.state || news FROM news', "1|oldnews 1\n2|oldnews 2\n3|oldnews 3" ],
		[ 'DELETE FROM everybody e USING news', '' ])
	{
		my ($write, $left) = @$case;
		$other = PylonSession->new($node);
		$other->query("BEGIN; UPDATE ONLY everybody SET state = 'old'");
		$session->query(join ';',
			map { "SET enable_$_ = " . ($_ eq $join ? 'on' : 'off') } qw(hashjoin mergejoin nestloop));
		$session->begin("$write WHERE e.email = news.email");
		$node->poll_query_until('postgres',
			"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')")
		  or die 'nobody waits';
		$other->query('COMMIT');
		$session->result;
		is($session->error, '', "changed rows beside contacts, $join: $write: no error");
		is($session->query('SELECT id, state FROM ONLY everybody ORDER BY id'),
			$left, "changed rows beside contacts, $join: $write");
		$other->quit;
	}
	$node->safe_psql('postgres',
		"INSERT INTO everybody SELECT n, n || '\@here.example', 'new' FROM generate_series(1, 3) n");
}
$session->query('RESET enable_hashjoin; RESET enable_mergejoin; RESET enable_nestloop');

# ---------------------------------------------------------------- parallel query

my ($forced) =
  grep { $node->safe_psql('postgres', "SELECT count(*) FROM pg_settings WHERE name = '$_'") } 'debug_parallel_query',
  'force_parallel_mode';
my $parallel =
  "SET $forced = on; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
	SET max_parallel_workers_per_gather = 2; ALTER TABLE expected SET (parallel_workers = 2);";
same_as_local($parallel, 'SELECT count(*), count(email) FROM contacts', \@pages, 'parallel query is forced: a scan');
requests_are($node, $api,
	"$parallel SELECT count(*), min(c.id), max(e.id) FROM contacts c JOIN expected e USING (avatar_url)",
	$both, \@pages, 'parallel query is forced: a join to a local table');
requests_are($node, $api,
	"$parallel SELECT count(*) FROM (SELECT id FROM contacts UNION ALL SELECT id FROM expected) a",
	200, \@pages, 'parallel query is forced: UNION ALL');

# ---------------------------------------------------------------- plans that are copied, written and read

SKIP:
{
	my @settings = split /\n/, $node->safe_psql(
		'postgres',
		"SELECT name FROM pg_settings WHERE name IN ('debug_copy_parse_plan_trees', 'debug_write_read_parse_plan_trees',
			'debug_raw_expression_coverage_test', 'debug_discard_caches') AND (max_val IS NULL OR max_val <> '0')");
	skip 'this PostgreSQL was built without the settings that copy and write all plans', 1 unless @settings;

	my $all = join ' ', map { "SET $_ = 1;" } @settings;
	same_as_local($all, $correlated, [ map { search(email => "$_\@acme.com") } 'ada', 'nobody', 'grace', 'ada' ],
		'plans that are copied, written and read: parameters');
	same_as_local($all, 'SELECT count(*), count(email) FROM contacts',
		\@pages, 'plans that are copied, written and read: a scan');
	requests_are($node, $api, "$all PREPARE p (bigint) AS SELECT id FROM contacts LIMIT \$1; EXECUTE p (2)",
		"$ids[0]\n$ids[1]", ['GET /contacts?limit=2'], 'plans that are copied, written and read: a LIMIT');
}

$session->quit;
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal/, 'no backend crashed');

done_testing();
