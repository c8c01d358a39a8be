# Pages that announce another one and hold nothing, or have no cursor: no row is lost, none comes twice.
#
# The API has been seen to do this.  Asked again, it gives the page; who follows the cursor passes by what the page
# should have held.  Every way of reading goes through the same few lines, and each of them is tried here.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;
use Time::HiRes qw(time);

my $contacts = 100;
my $node = start_node();
my $api = start_api(contacts => $contacts);
my @pages = list_requests(limit => 30, contacts => $contacts);
my $sum = 'SELECT count(*), count(DISTINCT id) FROM contacts';

setup_server($node, $api, page_size => 30);
my $session = PylonSession->new($node);

# Checks what a statement gives, and which requests it makes, with these faults: [ page, further options ].
sub reads
{
	my ($faults, $sql, $result, $requests, $name) = @_;

	api_clear($api);
	api_fault($api, kind => 'hollow', match => $_->[0], %{ $_->[1] // {} }) for @$faults;
	is($session->query($sql), $result, "$name: result");
	is($session->error, '', "$name: no error");
	is_deeply([ api_take($api) ], $requests, "$name: requests") if defined $requests;
	is(api_ctl($api, 'faults'), "[]\n", "$name: the faults have happened");
	return;
}

# ---------------------------------------------------------------- a list

# The page of number $n was hollow so many times.
sub again
{
	my ($n, $times) = @_;

	return [ map { ($pages[$_]) x ($_ == $n ? $times + 1 : 1) } 0 .. $#pages ];
}

for my $n (0 .. $#pages)
{
	reads([ [ "$pages[$n]\$" ] ], $sum, '100|100', again($n, 1), "page $n hollow once");
}
reads([ [ "$pages[1]\$", { times => 2 } ] ], $sum, '100|100', again(1, 2), 'page 1 hollow twice');
reads([ [ "$pages[1]\$", { times => 3 } ] ], $sum, '100|100', again(1, 3), 'page 1 hollow three times');
reads([ map { [ "$_\$" ] } @pages ], $sum, '100|100', [ map { ($_, $_) } @pages ], 'each page hollow once');
for my $cursor ('next', 'empty', 'null', 'absent')
{
	for my $data ('empty', 'null', 'absent', 'kept')
	{
		next if $data eq 'kept' && $cursor eq 'next';
		reads([ [ "$pages[1]\$", { data => $data, cursor => $cursor } ] ], $sum, '100|100', again(1, 1),
			"data $data, cursor $cursor");
	}
}
for my $switches (
	{ page_order => 'pagination_first' }, { chunked => 'on' }, { compress => 'on' }, { zero_matches => 'null' },
	{ end_page => 'trailing', last_page => 'empty_cursor' }, { extra_keys => 'on', pretty => 'on' })
{
	my $name = join ', ', map { "$_ $switches->{$_}" } sort keys %$switches;
	api_ctl($api, 'reset');
	api_set($api, %$switches);
	reads([ [ "$pages[0]\$", { data => 'null' } ], [ "$pages[2]\$" ] ], $sum, '100|100',
		[ @pages[ 0, 0, 1, 2, 2, 3 ] ], "with $name");
}
api_ctl($api, 'reset');

# with rows read ahead of the page, and one page at a time
$session->query('BEGIN; DECLARE c CURSOR FOR SELECT id FROM contacts');
api_clear($api);
api_fault($api, kind => 'hollow', match => "$pages[1]\$");
is(scalar(split /\n/, $session->query('FETCH 20 FROM c')), 20, 'a cursor: rows of the first page');
is(scalar(split /\n/, $session->query('FETCH 20 FROM c')), 20, 'a cursor: over the hollow page');
is(scalar(split /\n/, $session->query('FETCH ALL FROM c; COMMIT')), 60, 'a cursor: the rest');
is_deeply([ api_take($api) ], again(1, 1), 'a cursor: requests');
reads([ [ "$pages[0]\$" ] ], 'SELECT count(*) FROM (SELECT id FROM contacts WHERE length(id) > 0 LIMIT 40) a', 40,
	[ @pages[ 0, 0, 1 ] ], 'LIMIT above a local condition');
reads([ ['GET /contacts?limit=7$'] ], 'SELECT count(*) FROM (SELECT id FROM contacts LIMIT 7) a', 7,
	[ ('GET /contacts?limit=7') x 2 ], 'LIMIT');
reads([ [ "$pages[1]\$" ] ], 'SELECT count(*), sum(n) FROM (VALUES (0), (1), (2)) v (i), LATERAL
	(SELECT count(*) AS n FROM contacts WHERE length(name) >= v.i OFFSET 0) a', '3|300', undef, 'scans that start over');
reads([ ["$pages[1]\$"] ], "ANALYZE contacts; SELECT reltuples FROM pg_class WHERE relname = 'contacts'",
	100, again(1, 1), 'ANALYZE');

is($session->query('SELECT pylon_fdw_stats_reset(); SELECT 1'), "\n1", 'counters from zero');
reads([ [ "$pages[1]\$", { times => 2 } ] ], "$sum; SELECT requests, retries, rows_read FROM pylon_fdw_stats()",
	"100|100\n6|2|100", undef, 'a page asked for again is a retry');
api_fault($api, kind => 'hollow', match => "$pages[1]\$");
like($session->query('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT id FROM contacts'),
	qr/Pylon Calls: requests=5 pages=4 contacts=100 retries=1 /, 'EXPLAIN ANALYZE');

# between other troubles
api_clear($api);
api_fault($api, kind => 'hollow', match => "$pages[1]\$");
api_fault($api, kind => 'status', status => 503, match => "$pages[1]\$");
api_fault($api, kind => 'status', status => 429, headers => { 'X-Retry-After' => '0' }, match => "$pages[1]\$");
api_fault($api, kind => 'hollow', match => "$pages[1]\$", times => 2);
is($session->query($sum), '100|100', 'hollow, then 503, then 429, then hollow twice');
is_deeply([ api_take($api) ], again(1, 5), 'hollow, then 503, then 429, then hollow twice: requests');

# ---------------------------------------------------------------- for ever

sub fails
{
	my ($sql, $sqlstate, $pattern, $requests, $name) = @_;

	fails_with($session, $sql, $sqlstate, $pattern, $name);
	is_deeply([ api_take($api) ], $requests, "$name: requests") if defined $requests;
	api_clear($api);
	return;
}

for my $options ({}, { data => 'absent' }, { cursor => 'null' }, { data => 'kept', cursor => 'absent' })
{
	my $name = 'for ever' . join '', map { ", $_ $options->{$_}" } sort keys %$options;
	api_fault($api, kind => 'hollow', match => "$pages[1]\$", times => 0, %$options);
	fails($sum, '08P01',
		qr/a page that announces another one is empty, or has no cursor.*\QGET \/contacts?limit=30&cursor=after\E.*tries: 4/s,
		[ $pages[0], ($pages[1]) x 4 ], $name);
}
api_fault($api, kind => 'hollow', times => 0);
$session->query("SET statement_timeout = '900ms'");
fails($sum, '57014', qr/statement timeout/, undef, 'statement_timeout in the wait for another try');
$session->query('RESET statement_timeout');
$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (ADD max_retry_wait '0')");
api_fault($api, kind => 'hollow', times => 0);
fails($sum, '08P01', qr/announces another one/, [ $pages[0] ], 'without time to wait');
$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (DROP max_retry_wait)");
is($session->query($sum), '100|100', 'and all is well again');

# ---------------------------------------------------------------- searches and joins

my $search = 'POST /contacts/search';
my @ids = split /\n/, $session->query('SELECT id FROM contacts');
$session->query("CREATE TABLE local (id text, email text, name text);
	INSERT INTO local SELECT id, email, name FROM contacts;
	ANALYZE local");
my $known = $session->query('SELECT count(*) FROM local WHERE email IS NOT NULL');

# What a search gives, with its first answer hollow, its second one, both.
for my $case (
	[ "SELECT count(*) FROM contacts WHERE email LIKE '%example%'", 'a search of several pages' ],
	[ "SELECT count(*) FROM contacts WHERE id = ANY (ARRAY(SELECT id FROM local)::text[])", 'a list of ids' ],
	[ "SELECT count(*) FROM contacts WHERE email = 'ada\@acme.com'", 'a search that finds one' ],
	[ "SELECT count(*) FROM contacts WHERE email = 'nobody\@nowhere.example'", 'a search that finds none' ],
	[
		"SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SELECT count(*) FROM local l
			JOIN contacts c ON c.id = l.id",
		'a join'
	],
	[ 'SELECT count(*) FROM local l WHERE EXISTS (SELECT FROM contacts c WHERE c.email = l.email)', 'a semi-join' ],
	[
		'SELECT count(c.id) FROM local l LEFT JOIN contacts c ON c.email = l.email AND c.name = l.name', 'an outer join'
	])
{
	my ($sql, $name) = @$case;
	my $right = $session->query("BEGIN; $sql; COMMIT");

	api_take($api);
	for my $fault ({}, { skip => 1 }, { times => 2 }, { data => 'kept', cursor => 'null' })
	{
		my $options = join '', map { ", $_ $fault->{$_}" } sort keys %$fault;
		api_fault($api, kind => 'hollow', match => $search, %$fault);
		is($session->query("BEGIN; $sql; COMMIT"), $right, "$name$options");
		is($session->error, '', "$name$options: no error");
		api_clear($api);
	}
}

# Nobody who is there is created again.
$session->query('SET enable_hashjoin = off; SET enable_mergejoin = off');
like($session->query('EXPLAIN SELECT FROM local l WHERE NOT EXISTS (SELECT FROM contacts c WHERE c.email = l.email)'),
	qr/Pylon Lookup Join/, 'who is not there is found by a lookup join');
for my $batch (100, 7)
{
	$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (ADD lookup_batch_size '$batch')");
	api_fault($api, kind => 'hollow', match => $search, skip => $_) for 0 .. 1;
	is($session->query("INSERT INTO contacts (name, email) SELECT name, email FROM local l
			WHERE email IS NOT NULL AND NOT EXISTS (SELECT FROM contacts c WHERE c.email = l.email) RETURNING email"),
		'', "INSERT of who is not there, $batch keys at a time: nobody");
	is($session->error, '', "INSERT of who is not there, $batch keys at a time: no error");
	is_deeply([ grep { /^POST \/contacts / } api_take($api) ], [],
		"INSERT of who is not there, $batch keys at a time: no create");
	api_clear($api);
	$node->safe_psql('postgres', 'ALTER SERVER pylon OPTIONS (DROP lookup_batch_size)');
}
api_fault($api, kind => 'hollow', match => $search, times => 0);
fails("SELECT count(*) FROM contacts WHERE email LIKE '%example%'",
	'08P01', qr/tries: 4/, undef, 'a search that stays hollow');
api_fault($api, kind => 'hollow', match => $search, times => 0);
fails("INSERT INTO contacts (name, email) SELECT name, email FROM local l
	WHERE email IS NOT NULL AND NOT EXISTS (SELECT FROM contacts c WHERE c.email = l.email)", '08P01', qr/tries: 4/, undef,
	'INSERT of who is not there, and searches that stay hollow');
$session->query('RESET enable_hashjoin; RESET enable_mergejoin');

# A scan that feeds a write reads all of its rows.
api_fault($api, kind => 'hollow', match => $pages[1], skip => 0);
is($session->query("SET pylon_fdw.dry_run = on; SET client_min_messages = warning;
	WITH written AS (UPDATE contacts SET name = name || '!' RETURNING id) SELECT count(*) FROM written;
	RESET pylon_fdw.dry_run; RESET client_min_messages"), 100, 'UPDATE of all contacts');
api_clear($api);

# Scans that are read at the same time.
$session->query('CREATE SCHEMA again; IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO again');
my $both =
  'SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM contacts UNION ALL SELECT id FROM again.contacts) a';
like($session->query("EXPLAIN $both"), qr/Async Foreign Scan/, 'two scans at the same time');
for my $fault (
	{ match => $pages[0], times => 2 }, { match => $pages[1], times => 2 }, { match => $pages[1], skip => 1 },
	{ match => $pages[3], times => 3 }, { match => $pages[2], data => 'kept', cursor => 'empty' })
{
	api_fault($api, kind => 'hollow', %$fault, match => "$fault->{match}\$");
	my $name = 'two scans at the same time' . join '', map { ", $_ $fault->{$_}" } sort keys %$fault;
	is($session->query($both), '200|100', $name);
	is(scalar(api_take($api)), 8 + ($fault->{times} // 1), "$name: requests");
	api_clear($api);
}
api_fault($api, kind => 'hollow', match => "$pages[2]\$", times => 0);
fails($both, '08P01', qr/announces another one/, undef, 'two scans at the same time, hollow for ever');
is($session->query($both), '200|100', 'two scans at the same time: all is well again');

# ---------------------------------------------------------------- custom fields

my $definitions = 'GET /custom-fields?object_type=contact';
$session->query('CREATE SCHEMA fields');
my $columns =
  12 + $session->query("SELECT count(*) FROM pg_attribute WHERE attrelid = 'contacts'::regclass AND attnum > 0");
for my $case (
	[ {}, 0, {}, 'at once' ], [ {}, 0, { times => 3 }, 'at once, three times' ],
	[ {}, 0, { data => 'kept', cursor => 'null' }, 'at once, without a cursor' ],
	[ { short_pages => 5 }, 0, {}, 'the first page' ],
	[ { short_pages => 5 }, 1, { data => 'absent' }, 'the second page' ],
	[ { short_pages => 5 }, 2, { data => 'null' }, 'the last page' ])
{
	my ($switches, $skip, $fault, $name) = @$case;
	api_set($api, short_pages => 0, %$switches);
	api_take($api);
	api_fault($api, kind => 'hollow', match => $definitions, skip => $skip, %$fault);
	$session->query("IMPORT FOREIGN SCHEMA pylon LIMIT TO (contacts) FROM SERVER pylon INTO fields OPTIONS (custom_fields 'columns')");
	is($session->error, '', "IMPORT, hollow: $name");
	is($session->query("SELECT count(*) FROM pg_attribute WHERE attrelid = 'fields.contacts'::regclass AND attnum > 0"),
		$columns, "IMPORT, hollow: $name: all columns");
	is(scalar(api_take($api)), (%$switches ? 3 : 1) + ($fault->{times} // 1), "IMPORT, hollow: $name: requests");
	$session->query('DROP FOREIGN TABLE fields.contacts');
	api_clear($api);
}
api_set($api, short_pages => 0);
api_fault($api, kind => 'hollow', match => $definitions, times => 0);
fails("IMPORT FOREIGN SCHEMA pylon LIMIT TO (contacts) FROM SERVER pylon INTO fields OPTIONS (custom_fields 'columns')", '08P01',
	qr/could not read the custom fields.*tries: 4/s, [ ($definitions) x 4 ], 'IMPORT, hollow for ever');

$session->quit;
done_testing();
