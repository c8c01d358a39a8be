# Paging: every shape that a page or a value may have, what goes wrong in one, reading ahead, and LIMIT.

use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;
use Time::HiRes qw(sleep);

my $contacts = 100;
my $node = start_node();
my $api = start_api(contacts => $contacts);
my $session;

# ---------------------------------------------------------------- the shapes of an answer

# Reads all columns of all contacts into table "found", and gives what is there too much and too little.
my $compare = '
	DROP TABLE IF EXISTS found;
	CREATE TABLE found AS SELECT * FROM contacts;
	SELECT (SELECT count(*) FROM found),
		(SELECT json_agg(a) FROM (TABLE found EXCEPT ALL TABLE expected) a),
		(SELECT json_agg(a) FROM (TABLE expected EXCEPT ALL TABLE found) a)';

# Checks that, with the API's switches set like this, the table has the rows that the API holds.
sub reads_all
{
	my ($switches, $requests, $name) = @_;

	api_ctl($api, 'reset');
	api_set($api, %$switches) if %$switches;
	load_contacts($node, $api, 'expected');
	is($node->safe_psql('postgres', "SET client_min_messages = warning; $compare"), "$contacts||", "$name: the rows");
	is_deeply([ api_take($api) ], $requests, "$name: the requests");
	return;
}

# Pages of 30, the last of which has 10 contacts, and of 25, of which the last one is full.
my @by_30 = list_requests(limit => 30, contacts => $contacts);
my @by_25 = list_requests(limit => 25, contacts => $contacts);

setup_server($node, $api, page_size => 25);
is(scalar @by_25, 4, '100 contacts are four pages of 25');
reads_all({}, \@by_25, 'a full last page');
reads_all({ end_page => 'trailing' }, [ list_requests(limit => 25, contacts => $contacts, trailing => 1) ],
	'a full last page that announces another one, which is empty');
for my $zero ('missing', 'null')
{
	reads_all({ end_page => 'trailing', zero_matches => $zero },
		[ list_requests(limit => 25, contacts => $contacts, trailing => 1) ],
		"the empty page behind a full last one has $zero data");
}
for my $last ('empty_cursor', 'null_cursor', 'no_has_next')
{
	reads_all({ last_page => $last }, \@by_25, "a full last page: $last");
}

setup_server($node, $api, page_size => 30);
is(scalar @by_30, 4, '100 contacts are four pages of 30');
reads_all({}, \@by_30, 'a last page of 10');
for my $last ('empty_cursor', 'null_cursor', 'no_pagination', 'no_has_next')
{
	reads_all({ last_page => $last, page_order => 'pagination_first' }, \@by_30, "pagination first, last page: $last");
	reads_all({ last_page => $last, pretty => 'on', extra_keys => 'on' }, \@by_30,
		"white space and unknown members, last page: $last");
}
reads_all({ short_pages => 7 }, [ list_requests(limit => 30, page => 7, contacts => $contacts) ],
	'pages shorter than asked for');
reads_all({ cursor => 'offset' }, [ list_requests(limit => 30, contacts => $contacts, cursor => 'offset') ],
	'another kind of cursor');
reads_all({ page_order => 'pagination_first' }, \@by_30, 'pagination first');
reads_all({ absent => $_ }, \@by_30, "unset values: $_") for 'null', 'absent', 'empty', 'mixed';
reads_all({ custom_slug => 'on' }, \@by_30, 'values of custom fields with their slug');
reads_all({ multi_valued => 'values' }, \@by_30, 'multi-valued custom fields without "value"');
reads_all({ extra_keys => 'on' }, \@by_30, 'members that nobody knows');
reads_all({ unicode_escapes => 'on' }, \@by_30, 'characters as \uXXXX');
reads_all({ pretty => 'on' }, \@by_30, 'white space');
reads_all(
	{
		pretty => 'on',
		extra_keys => 'on',
		unicode_escapes => 'on',
		custom_slug => 'on',
		absent => 'empty',
		page_order => 'pagination_first',
		chunked => 'on',
		compress => 'on',
		cursor => 'offset',
		short_pages => 9
	},
	[ list_requests(limit => 30, page => 9, contacts => $contacts, cursor => 'offset') ],
	'all at once');
reads_all({ era => $_ }, \@by_30, "state $_ of the API") for 'A', 'B';

setup_server($node, $api, page_size => 1);
reads_all({ end_page => 'trailing' },
	[ list_requests(limit => 1, contacts => $contacts, trailing => 1) ], 'pages of one');
setup_server($node, $api);
reads_all({}, [ list_requests(limit => 999, contacts => $contacts) ], 'all in one page');

# The least and the most that an answer may be. Three contacts, each in a form that no other one has.
sub reads
{
	my ($body, $result, $name) = @_;

	api_clear($api);
	api_fault($api, kind => 'wrong_shape', body => $body);
	is($node->safe_psql('postgres', 'SELECT id, name, email, emails, custom_fields FROM contacts'), $result, $name);
	is_deeply([ api_take($api) ], ['GET /contacts?limit=999'], "$name: one request");
	return;
}

reads($_, '', "an answer without contacts: $_")
  for '{}', '{"data":null}', '{"data":[]}', '{"pagination":null}', '{"data":[],"pagination":{}}',
  '{"data":[],"pagination":{"cursor":"x"}}', '{"data":[],"pagination":{"has_next_page":false,"cursor":"x"}}',
  '{"data":[],"pagination":{"has_next_page":null,"cursor":"x"}}',
  '{"data":[],"pagination":{"has_next_page":"true","cursor":"x"}}';
reads('{"data":[{"id":"1","name":"a"},{"id":"2"},{}]}', "1|a|||{}\n2||||{}\n||||{}", 'contacts without members');
reads('{"data":[{"\u0069d":"1","n\u0061me":"\u0061\n\ud83d\ude80","email":"a\/b"}]}', "1|a\n\xf0\x9f\x9a\x80|a/b||{}",
	'keys and values in escapes');
reads('{"data":[{"id":"1","name":"a","name":"b"}]}', '1|b|||{}', 'a member twice: the last one counts, as in jsonb');
reads('{"d":{"data":[{"id":"9"}]},"data":[{"x":{"id":"9"},"id":"1","name":"data","email":"id"}]}', '1|data|id||{}',
	'names of members as values and deeper down');
reads('{"data":[{"id":"1","name":"a","emails":["x",null,"y"],"custom_fields":{"s":{"value":""},"t":{"values":["u",""]},'
	  . '"v":{"value":null,"values":null},"w":{"slug":"w"},"x":null,"y":{"value":"z","values":[]}}}]}',
	'1|a||{x,NULL,y}|{"s": "", "t": ["u", ""], "y": "z"}', 'custom fields of every form');

# ---------------------------------------------------------------- a cursor that comes again

setup_server($node, $api, page_size => 30);
api_clear($api);
api_fault($api, kind => 'repeat_cursor', match => 'GET /contacts?limit=30&cursor', times => 0);
fails_with($node, 'SELECT count(*) FROM contacts', '08P01', qr/cursor/, 'a cursor that repeats itself');
is_deeply([ api_take($api) ], [ @by_30[ 0, 1 ] ], 'a cursor that repeats itself: is not followed');
api_clear($api);
api_fault($api, kind => 'wrong_shape', skip => 2,
	body => { data => [ { id => 'x' } ], pagination => { cursor => 'after=29/+', has_next_page => \1 } });
fails_with($node, 'SELECT count(*) FROM contacts', '08P01', qr/cursor/, 'a cursor that leads back');
is_deeply([ api_take($api) ], [ @by_30[ 0, 1, 2 ] ], 'a cursor that leads back: is not followed');

# What stands last in a page need not be its pagination. What was asked for ahead is left, and the true one is followed.
api_ctl($api, 'reset');
api_clear($api);
api_fault($api, kind => 'wrong_shape',
	body => '{"pagination":{"cursor":"after=29/+","has_next_page":true},"data":[{"id":"x",'
	  . '"more":{"pagination":{"cursor":"after=59/+","has_next_page":true}}}]}');
is($node->safe_psql('postgres', 'SELECT count(DISTINCT id) FROM contacts'), 1 + $contacts - 30, 'a cursor that is none: rows');
is_deeply([ sort(api_take($api)) ], [ sort(@by_30, $by_30[2]) ], 'a cursor that is none: requests');

# ---------------------------------------------------------------- what is wrong in a value

# It matters if the column is read, and then the error names it.
api_ctl($api, 'replace',
	'[{"id":"first","name":"a","email":"x@example"},{"id":"second","name":"b","email":"y@example"}]');
for my $case ([ 'nul_escape', '22P05', 'a \u0000' ], [ 'bad_utf8', '22021', 'a byte that is not UTF-8' ])
{
	my ($fault, $sqlstate, $name) = @$case;
	api_clear($api);
	api_fault($api, kind => $fault, times => 0);
	is($node->safe_psql('postgres', 'SELECT id, email FROM contacts'), "first|x\@example\nsecond|y\@example",
		"$name: a query that does not read it");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM contacts'), 2, "$name: nor does count(*)");
	is($node->safe_psql('postgres', "SELECT email FROM contacts WHERE id = 'first'"),
		'x@example', "$name: nor a look-up");
	for my $sql (
		'SELECT name FROM contacts', 'SELECT * FROM contacts', "SELECT id FROM contacts WHERE name > ''",
		"SELECT name FROM contacts WHERE id = 'first'")
	{
		fails_with($node, $sql, $sqlstate, qr/CONTEXT:  column "name" of foreign table "contacts", contact id "first"/,
			"$name: $sql");
	}
}

# Every kind of column, and the contact that it is about.
sub names_contact
{
	my ($member, $column, $sqlstate, $name) = @_;

	api_clear($api);
	api_fault($api, kind => 'wrong_shape', times => 0,
		body => "{\"data\":[{\"id\":\"first\",\"name\":\"a\"},{\"id\":\"second\",\"name\":\"b\",$member}]}");
	is($node->safe_psql('postgres', 'SELECT id, name FROM contacts'), "first|a\nsecond|b", "$name: does not matter");
	fails_with($node, "SELECT $column FROM contacts", $sqlstate,
		qr/CONTEXT:  (?:.*\n)?column "$column" of foreign table "contacts", contact id "second"/, $name);
	return;
}

names_contact('"email":"\u0000"', 'email', '22P05', 'a \u0000 in a text');
names_contact('"emails":["a","\u0000"]', 'emails', '22P05', 'a \u0000 in a list');
names_contact('"account":{"id":"\u0000"}', 'account_id', '22P05', 'a \u0000 in the account');
names_contact('"custom_fields":{"s":{"value":"\u0000"}}', 'custom_fields', '22P05', 'a \u0000 in the custom fields');
names_contact('"external_ids":[{"label":"\u0000"}]', 'external_ids', '22P05', 'a \u0000 in JSON');
names_contact('"email":"\ud83d"', 'email', '22P02', 'half of a surrogate pair');
names_contact('"email":{"a":1}', 'email', '08P01', 'an object where a text is expected');
api_clear($api);
$node->safe_psql(
	'postgres', "
	CREATE FOREIGN TABLE typed (id text, seats integer OPTIONS (custom_field 'seats'),
		short varchar(3) OPTIONS (field 'email'),
		renewal date OPTIONS (custom_field 'renewal')) SERVER pylon");
api_ctl($api, 'replace',
		'[{"id":"first","email":"a@b","custom_fields":{"seats":{"value":"7"},"renewal":{"value":"2027-01-31"}}},'
	  . '{"id":"second","email":"a@b.example","custom_fields":{"seats":{"value":"many"},'
	  . '"renewal":{"value":"2027-31-01"}}}]'
);
for my $case ([ 'seats', '22P02' ], [ 'short', '22001' ], [ 'renewal', '22008' ])
{
	my ($column, $sqlstate) = @$case;
	fails_with($node, "SELECT $column FROM typed", $sqlstate,
		qr/CONTEXT:  column "$column" of foreign table "typed", contact id "second"/,
		"a value that does not fit: $column");
}
is($node->safe_psql('postgres', 'SELECT seats, short, renewal FROM typed LIMIT 1'), '7|a@b|2027-01-31',
	'a value that does not fit is no one\'s matter who does not read so far');
is($node->safe_psql('postgres', 'SELECT id FROM typed'), "first\nsecond", 'nor who does not read the column');

# ---------------------------------------------------------------- reading ahead

api_ctl($api, 'reset');
setup_server($node, $api, page_size => 30);
$session = PylonSession->new($node);
api_clear($api);

my @ids = split /\n/, $node->safe_psql('postgres', 'SELECT id FROM contacts');
api_take($api);
$session->query('BEGIN; DECLARE c CURSOR FOR SELECT id FROM contacts');
is_deeply([ api_take($api) ], [], 'a cursor that nobody has fetched from asks nothing');
is($session->query('FETCH 1 FROM c'), $ids[0], 'FETCH 1');
is(api_ctl($api, 'log'), join('', map { "$_\n" } @by_30[ 0, 1 ]), 'FETCH 1: the page in use and the one on its way');
is($session->query('FETCH 29 FROM c'), join("\n", @ids[ 1 .. 29 ]), 'the rest of the first page');
is(api_ctl($api, 'count'), "2\n", 'the rest of the first page: no further request');
is($session->query('FETCH 1 FROM c'), $ids[30], 'the first row of the second page');
is(api_ctl($api, 'log'),
	join('', map { "$_\n" } @by_30[ 0 .. 2 ]), 'the first row of the second page: the third is asked for');
is($session->query('FETCH ALL FROM c'), join("\n", @ids[ 31 .. 99 ]), 'FETCH ALL');
is($session->query('FETCH ALL FROM c; COMMIT'), '', 'and that was all');
is_deeply([ api_take($api) ], \@by_30, 'each page was asked for once');

# The client thinks; the page on its way waits in the kernel, and the API may have hung up.
for my $longer (0, 1)
{
	my $name = 'between two FETCH the client thinks ' . ($longer ? 'longer than request_timeout' : 'a while');

	with_patience($name, sub {
		my ($factor) = @_;
		my $idle = 1.5 * $factor;
		my $timeout = $longer ? int(1000 * $idle / 3) . 'ms' : '60s';
		my @wrong;
		my $is = sub {
			my ($sql, $expected) = @_;
			push @wrong, "$sql: " . $session->error if $session->query($sql) ne $expected;
		};

		# a time-out while the client thinks is no failure of the API, for which there is no retry here
		$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (ADD request_timeout '$timeout', ADD max_retries '0')");
		api_clear($api);
		$session->query('SELECT pylon_fdw_stats_reset(); BEGIN; DECLARE c CURSOR FOR SELECT id FROM contacts');
		$is->('FETCH 1 FROM c', $ids[0]);
		sleep $idle;
		$is->('FETCH 39 FROM c', join("\n", @ids[ 1 .. 39 ]));
		sleep $idle;
		$is->('FETCH ALL FROM c', join("\n", @ids[ 40 .. 99 ]));
		$session->query('COMMIT');
		# the pages in their order, be it that one had to be asked for again
		my %seen;
		my @first = grep { !$seen{$_}++ } api_take($api);
		push @wrong, "requests: @first" if "@first" ne "@by_30";
		$node->safe_psql('postgres', 'ALTER SERVER pylon OPTIONS (DROP request_timeout, DROP max_retries)');
		return @wrong;
	});
}
$session->quit;

# ---------------------------------------------------------------- LIMIT

api_ctl($api, 'reset', 'contacts=2500');
setup_server($node, $api);
$node->safe_psql('postgres', 'CREATE TABLE all_ids AS SELECT id, row_number() OVER () AS n FROM contacts');

# Checks that a query gives the contacts from one number to another, with exactly these requests.
sub limit_is
{
	my ($sql, $from, $to, $requests, $name) = @_;

	api_take($api);
	is($node->safe_psql('postgres',
			"SET plan_cache_mode = force_generic_plan;
			PREPARE found (bigint, bigint) AS $sql;
			CREATE TEMP TABLE found AS EXECUTE found (1200, 50);
			SELECT count(*) FROM (SELECT id FROM found EXCEPT ALL SELECT id FROM all_ids WHERE n BETWEEN $from
				AND $to) a;
			SELECT count(*) FROM (SELECT id FROM all_ids WHERE n BETWEEN $from AND $to EXCEPT ALL SELECT id
				FROM found) a"),
		"0\n0", "$name: the rows");
	is_deeply([ api_take($api) ], $requests, "$name: the requests");
	return;
}

my $after_999 = 'cursor=after%3D998%2F%2B';
my @all = list_requests(limit => 999, contacts => 2500);
limit_is('SELECT id FROM contacts LIMIT 10', 1, 10, ['GET /contacts?limit=10'], 'LIMIT 10');
limit_is('SELECT id FROM contacts LIMIT 999', 1, 999, ['GET /contacts?limit=999'], 'LIMIT 999');
limit_is('SELECT id FROM contacts LIMIT 1500',
	1, 1500, [ 'GET /contacts?limit=999', "GET /contacts?limit=501&$after_999" ],
	'LIMIT 1500');
limit_is('SELECT id FROM contacts LIMIT 10 OFFSET 20', 21, 30, ['GET /contacts?limit=30'], 'LIMIT with OFFSET');
limit_is('SELECT id FROM contacts LIMIT 500 OFFSET 990', 991, 1490,
	[ 'GET /contacts?limit=999', "GET /contacts?limit=491&$after_999" ], 'LIMIT with OFFSET over the end of a page');
limit_is('SELECT id FROM contacts LIMIT $1', 1, 1200,
	[ 'GET /contacts?limit=999', "GET /contacts?limit=201&$after_999" ],
	'LIMIT $1 in a generic plan');
limit_is('SELECT id FROM contacts LIMIT $2 OFFSET $1', 1201, 1250,
	[ 'GET /contacts?limit=999', "GET /contacts?limit=251&$after_999" ], 'LIMIT $2 OFFSET $1 in a generic plan');
limit_is('SELECT id FROM contacts LIMIT (SELECT 10)', 1, 10, ['GET /contacts?limit=10'], 'LIMIT of a subquery');
limit_is('SELECT id FROM contacts FETCH FIRST 10 ROWS ONLY', 1, 10, ['GET /contacts?limit=10'], 'FETCH FIRST');
limit_is('SELECT id FROM contacts LIMIT 9999999999', 1, 2500, \@all, 'a LIMIT beyond the last contact');
limit_is('SELECT id FROM contacts LIMIT NULL', 1, 2500, \@all, 'LIMIT NULL');
limit_is('SELECT id FROM contacts LIMIT 20 OFFSET NULL', 1, 20, ['GET /contacts?limit=20'], 'OFFSET NULL');
limit_is('SELECT id FROM contacts LIMIT 0', 1, 0, [], 'LIMIT 0');
limit_is('SELECT id FROM contacts OFFSET 2490', 2491, 2500, \@all, 'OFFSET alone');
limit_is('SELECT id FROM contacts LIMIT 10 OFFSET 3000', 1, 0, \@all, 'OFFSET beyond the last contact');
limit_is('SELECT id FROM (SELECT * FROM contacts LIMIT 10) a LIMIT 20', 1, 10, ['GET /contacts?limit=10'],
	'LIMIT in a subquery');
limit_is('WITH a AS MATERIALIZED (SELECT id FROM contacts LIMIT 10) SELECT a.id FROM a, generate_series(1, 1)', 1, 10,
	['GET /contacts?limit=10'], 'LIMIT in a WITH');
limit_is('SELECT id FROM contacts ORDER BY 1 LIMIT 0', 1, 0, [], 'ORDER BY ... LIMIT 0');

# A condition that the API doesn't know leaves fewer rows of a page than came, nobody knows how many.
my $local = "length(id) = 36";
limit_is("SELECT id FROM contacts WHERE $local LIMIT 10", 1, 10, ['GET /contacts?limit=999'],
	'LIMIT with a local condition: no more than the page that was used');
limit_is("SELECT id FROM contacts WHERE $local LIMIT 1500", 1, 1500, [ @all[ 0, 1 ] ],
	'LIMIT 1500 with a local condition: the two pages that were used');

# What comes between scan and LIMIT needs all rows.
for my $case (
	[ 'ORDER BY', 'SELECT name FROM contacts ORDER BY name, id LIMIT 10', 10 ],
	[
		'ORDER BY ... FETCH FIRST WITH TIES',
		"SELECT 1 FROM contacts ORDER BY id <> '' FETCH FIRST 3 ROWS WITH TIES", 2500
	],
	[ 'GROUP BY', 'SELECT portal_role FROM contacts GROUP BY 1 LIMIT 2', 2 ],
	[ 'an aggregate', 'SELECT 1 FROM (SELECT count(*) AS n FROM contacts LIMIT 10) a WHERE n = 2500', 1 ],
	[ 'DISTINCT', 'SELECT DISTINCT substr(id, 1, 1) FROM contacts LIMIT 2', 2 ],
	[ 'a window function', 'SELECT 1 FROM (SELECT count(*) OVER () AS n FROM contacts LIMIT 10) a WHERE n = 2500', 10 ],
	[ 'DISTINCT ON', 'SELECT DISTINCT ON (portal_role) id FROM contacts ORDER BY portal_role, id LIMIT 2', 2 ])
{
	my ($name, $sql, $rows) = @$case;
	api_take($api);
	is($node->safe_psql('postgres', "SELECT count(*) FROM ($sql) a"), $rows, "LIMIT behind $name: the rows");
	is_deeply([ api_take($api) ], \@all, "LIMIT behind $name: all pages");
}

# The page on its way comes while the rows of the one in hand are used, of which each 64th gives it a chance.
$session = PylonSession->new($node);
with_patience('the second page comes while the first one is used', sub {
	my ($factor) = @_;
	my $received = 'SELECT bytes_received FROM pylon_fdw_stats()';

	api_take($api);
	$session->query('SELECT pylon_fdw_stats_reset(); BEGIN; DECLARE c CURSOR FOR SELECT id FROM contacts; MOVE 1 FROM c');
	wait_for_requests($api, 2);
	my $first = $session->query($received);
	for (1 .. 14)
	{
		sleep 0.1 * $factor;
		$session->query('MOVE 64 FROM c');
		last if $session->query($received) > $first;
	}
	my $later = $session->query($received);
	$session->query('COMMIT');
	return ((api_take($api) == 2 ? () : 'the third page was asked for'), ($later > $first ? () : "it is still $later"));
});
$session->quit;

# A search is limited like a list.
sub search
{
	my ($limit, $cursor) = @_;
	my $body =
	  JSON::PP->new->canonical->encode({ field => 'account_id', operator => 'equals', value => $cursor->{account} });

	return "POST /contacts/search {\"filter\":$body,\"limit\":$limit"
	  . ($cursor->{after} ? ",\"cursor\":\"after=$cursor->{after}/+\"" : '') . '}';
}

my $account = '00000000-0000-4000-a000-000000000001';
for my $case (
	[ 'LIMIT 2', [ search(2, { account => $account }) ], 2 ],
	[ 'LIMIT 2 OFFSET 1', [ search(3, { account => $account }) ], 2 ],
	[ '', [ search(999, { account => $account }) ], 5 ])
{
	my ($limit, $requests, $rows) = @$case;
	requests_are($node, $api, "SELECT count(*) FROM (SELECT id FROM contacts WHERE account_id = '$account' $limit) a",
		$rows, $requests, "a search with \"$limit\"");
}
setup_server($node, $api, page_size => 2);
requests_are(
	$node, $api, "SELECT count(*) FROM (SELECT id FROM contacts WHERE account_id = '$account' LIMIT 3) a", 3,
	[ search(2, { account => $account }), search(1, { account => $account, after => 1 }) ],
	'a search with a LIMIT over the end of a page');

done_testing();
