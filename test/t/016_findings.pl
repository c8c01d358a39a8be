# What the fuzzer (test/fuzz) and the mutants (test/mutants) found, where no other test is about it.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;

my $node = start_node();
my $api = start_api(contacts => 10);
setup_server($node, $api);

# ---------------------------------------------------------------- json-c takes more than JSON

# A hand-written column of type text takes any text, and the API must not be sent half of it.
$node->safe_psql('postgres', "CREATE FOREIGN TABLE plain (name text, external_ids text) SERVER pylon");
for my $value ('3. ,', '[] []', '[1,]', "['a']", '[NaN]', '[/* x */]', '[01]')
{
	my $quoted = $value =~ s/'/''/gr;
	fails_with($node, "INSERT INTO plain (name, external_ids) VALUES ('x', '$quoted')",
		'22023', qr/external_ids/, "no JSON: $value");
}
is_deeply([ grep { /^POST \/contacts / } api_take($api) ], [], 'nothing of that is sent');

# Nor is an answer one that holds something else behind it.
my $me = '{"data":{"name":"Acme","user":{"name":"Bot"}}}';
for my $body ("$me x", "$me$me", "{'data':{'name':'Acme'}}", $me =~ s/"Acme"/NaN/r)
{
	api_fault($api, match => 'GET /me', kind => 'wrong_shape', body => $body);
	fails_with($node, "SELECT organization FROM pylon_fdw_ping('pylon')", '08P01', qr/GET \/me/, "no answer: $body");
}
api_fault($api, match => 'GET /me', kind => 'wrong_shape', body => "\n$me \n");
is($node->safe_psql('postgres', "SELECT organization FROM pylon_fdw_ping('pylon')"), 'Acme', 'white space is no harm');

# ---------------------------------------------------------------- a zero byte is no escape

for my $body ("{\"x\":\"\\\0\",\"data\":[]}", "{\"data\":[{\"id\":\"1\",\"\\\0\":1}]}")
{
	api_fault($api, match => 'GET /contacts', kind => 'wrong_shape', body => $body);
	fails_with($node, 'SELECT id FROM contacts', '08P01', qr/GET \/contacts/, 'a backslash and a zero byte');
}

# ---------------------------------------------------------------- strings are looked at eight bytes at a time

# Wherever in eight bytes something special stands, the value is what PostgreSQL's own parser makes of it.
my @special = ('\\"', '\\\\', '\\n', '\\u0041', '\\\\\\"', "\x7f", '!', '#', '[', ']', "\x{e9}", "\x{1f680}");
my @names = map { my $before = 'a' x $_; map { ("$before$_", "$before${_}b", "$before$_$_" . 'b' x 9) } @special } 0 .. 17;
my $named = join ',', map { sprintf '{"id":"%d","n%s":"%s","name":"%s"}', $_, $names[$_], $names[$_], $names[$_] } 0 .. $#names;
my $page = "{\"data\":[$named]}";
api_fault($api, match => 'GET /contacts', kind => 'wrong_shape', body => $page);
utf8::encode($page);
is( $node->safe_psql('postgres', 'SELECT id, name FROM contacts'),
	$node->safe_psql('postgres', "SELECT o->>'id', o->>'name' FROM jsonb_array_elements('$page'::jsonb->'data') o"),
	scalar(@names) . ' strings are what jsonb has');

# What ends a string too early, or not at all, is no JSON, in a value that nobody wants as well.
my $asking = PylonSession->new($node);
for my $member ('name', 'nobody')
{
	for my $broken ("\x01", "\x1f", "\n", '\\', '\\x')
	{
		my @taken = grep
		{
			api_fault($api, match => 'GET /contacts', kind => 'wrong_shape',
				body => sprintf('{"data":[{"id":"1","%s":"%s%s"}]}', $member, 'a' x $_, $broken));
			$asking->query('SELECT name FROM contacts');
			$asking->error !~ /ERROR:  08P01:/;
		} 0 .. 17;
		is("@taken", '', sprintf('%s with %s', $member, unpack('H*', $broken)));
	}
}
$asking->quit;

# ---------------------------------------------------------------- keys in escapes

api_fault($api, match => 'GET /contacts', kind => 'wrong_shape',
	body => '{"data":[{"id":"1","name":"right","n\\u0061mes":"wrong","n\\u0061m":"wrong"}]}');
is($node->safe_psql('postgres', 'SELECT name FROM contacts'), 'right', 'a key that begins like another one');

# ---------------------------------------------------------------- many columns

# Each finds its custom field, whatever their order, and however its slug is written in the answer.
my @slugs = map { "s$_" } 1 .. 40;
$node->safe_psql('postgres',
		'CREATE FOREIGN TABLE wide (id text, '
	  . join(', ', map { "$_ text OPTIONS (custom_field '$_')" } reverse @slugs)
	  . ') SERVER pylon');
my $custom = join ',', map { sprintf '"%s":{"value":"%s"}', $_ =~ s/^s7$/\\u00737/r, "v$_" } 'a', @slugs, 'z';
api_fault($api, match => 'GET /contacts', kind => 'wrong_shape',
	body => "{\"data\":[{\"id\":\"1\",\"custom_fields\":{$custom}}]}");
is($node->safe_psql('postgres', 'SELECT * FROM wide'),
	join('|', 1, map { "v$_" } reverse @slugs), '40 columns of custom fields');

# ---------------------------------------------------------------- conditions that look like others

# A function with two arguments, of which one is a name, need not be starts_with().
is($node->safe_psql('postgres', "SELECT count(*) FROM contacts WHERE textne(name, 'Ada Lovelace')"),
	9, 'a function that is no prefix test');

# A row of NULLs is NULL to SQL; the API has a value there.
$node->safe_psql('postgres', "
	CREATE TYPE pair AS (a text, b text);
	CREATE FOREIGN TABLE pairs (id text, p pair OPTIONS (custom_field 'pair')) SERVER pylon");
api_clear($api);
api_ctl($api, 'custom-fields', '[{"slug":"pair","type":"text"}]');
api_ctl($api, 'add', '{"id":"p-1","name":"Pair","custom_fields":{"pair":{"value":"(,)"}}}');
is($node->safe_psql('postgres', "SELECT id FROM pairs WHERE p IS NULL AND id = 'p-1'"),
	'p-1', 'a row of NULLs, by its id');
is($node->safe_psql('postgres', "SELECT count(*) FROM pairs WHERE p IS NULL AND id LIKE 'p%'"), 1, 'a row of NULLs');
api_ctl($api, 'reset', 'contacts=10');

# ---------------------------------------------------------------- what a filter must not say

sub asks
{
	my ($condition, $requests, $name) = @_;

	api_clear($api);
	$node->safe_psql('postgres', "SELECT id FROM contacts WHERE $condition");
	is_deeply([ api_take($api) ], $requests, $name // $condition);
	return;
}

sub search { my ($filter, $limit) = @_; return search_request($filter, $limit // 999); }

sub contains
{
	my ($field, $text) = @_;
	return "{\"field\":\"$field\",\"operator\":\"string_contains\",\"value\":\"$text\"}";
}

my @all = ('GET /contacts?limit=999');
asks("starts_with(name, '')", \@all, 'a prefix that each text has');
asks("custom_fields->>'notes' = '$_'", \@all, "a text that a list may show as: $_") for '{x', '[x';
asks("custom_fields \@> '{\"regions\": [\"\"]}'", \@all, 'a list that holds the empty text');
# More may come than SQL wants: a page as short as the LIMIT would not do.
asks("custom_fields \@> '[]' LIMIT 1", \@all, 'a list is in no object');
asks("account_id <> 'x' LIMIT 1", [ search('{"field":"account_id","operator":"not_in","values":["x"]}') ]);
asks("name LIKE '%a%e%' LIMIT 1",
	[ search('{"operator":"and","subfilters":[' . contains('name', 'a') . ',' . contains('name', 'e') . ']}') ]);
asks("name LIKE '%a%' LIMIT 1", [ search(contains('name', 'a'), 1) ]);
asks("name LIKE '%a_%' LIMIT 1", [ search(contains('name', 'a')) ]);
asks("strpos(email, '') > 0 LIMIT 1", \@all);

# An AND that is as deep as can be is not multiplied out; one of its conditions stands for it.
asks("(account_id = 'x' AND ((name = 'a' AND email = 'b') OR name = 'c')) OR email = 'd'",
	[
		search(
			'{"operator":"or","subfilters":[{"field":"account_id","operator":"equals","value":"x"},{"field":"email",'
			  . '"operator":"equals","value":"d"}]}'
		)
	]);

# A list that is just as long as a search takes stays one.
$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (ADD lookup_batch_size '2')");
asks("account_id IN ('a', 'b') OR name = 'x'",
	[
		search(
			'{"operator":"or","subfilters":[{"field":"account_id","operator":"in","values":["a","b"]},'
			  . '{"field":"name","operator":"equals","value":"x"}]}'
		)
	]);

# Refused in the middle: contacts that lack the field come then, too.
api_clear($api);
api_fault($api, match => 'POST /contacts/search', kind => 'status', status => 400, skip => 1,
	body => { errors => ['no'], request_id => 'r' });
is($node->safe_psql(
		'postgres',
		"SET client_min_messages = error; SELECT count(*) FROM contacts
			WHERE custom_fields->>'tier' IN ('gold', 'silver', 'x')"
	), $node->safe_psql(
		'postgres', "SELECT count(*) FROM contacts WHERE custom_fields->>'tier' || '' IN ('gold', 'silver', 'x')"),
	'refused in the middle of a list on a slug');
$node->safe_psql('postgres', 'ALTER SERVER pylon OPTIONS (DROP lookup_batch_size)');

# Refused: first it goes without operators that the reference page doesn't list for the field.
api_clear($api);
api_fault($api, match => 'POST /contacts/search', kind => 'status', status => 400,
	body => { errors => ['no'], request_id => 'r' });
$node->safe_psql('postgres', "SET client_min_messages = error;
	SELECT id FROM contacts WHERE custom_fields->>'notes' LIKE '%x%' AND custom_fields->>'tier' = 'gold'
		AND email = 'x'");
my @listed = map { "{\"field\":\"$_->[0]\",\"operator\":\"equals\",\"value\":\"$_->[1]\"}" }[ 'email', 'x' ],
  [ 'tier', 'gold' ];
is((api_take($api))[1],
	search('{"operator":"and","subfilters":[' . join(',', @listed) . ']}'),
	'refused: what the reference page lists is kept');

# "(a and b ...) or c" beside another condition is multiplied out up to 16 conditions.
for my $parts (16, 17)
{
	my $ands = join ' AND ', map { "name LIKE '%$_%'" } 'a' .. chr(ord('a') + $parts - 1);
	my @ors = map {
			'{"operator":"or","subfilters":['
		  . contains('name', $_)
		  . ',{"field":"email","operator":"equals","value":"x"}]}'
	} 'a' .. ($parts == 16 ? 'p' : 'a');
	asks("account_id = 'x' AND ($ands OR email = 'x')",
		[
			search('{"operator":"and","subfilters":['
				  . join(',', '{"field":"account_id","operator":"equals","value":"x"}', @ors) . ']}')
		], "an OR with $parts conditions in a branch");
}

# ---------------------------------------------------------------- what is remembered of refusals

# A list of five is refused, then one of three: then one of four is not tried. Another server has its own memory.
my $list = sub {
	return 'SELECT count(*) FROM contacts WHERE email IN (' . join(', ', map { "'x$_'" } 1 .. shift) . ")";
};
my $session = PylonSession->new($node);
api_clear($api);
api_set($api, max_in => 4);
$session->query($list->(5));
api_set($api, max_in => 2);
$session->query($list->(3));
api_clear($api);
is($session->query($list->(4)), 0, 'a list of four');
is_deeply([ api_take($api) ], ['GET /contacts?limit=999'],
	'a list that is longer than one that was refused is not tried');
$node->safe_psql('postgres',
	'CREATE SERVER other FOREIGN DATA WRAPPER pylon_fdw; ALTER SERVER other OPTIONS (ADD page_size \'5\')');
$session->query($list->(4));
is_deeply([ api_take($api) ], ['GET /contacts?limit=999'], 'another server was altered: nothing is tried again');
$session->quit;
api_set($api, max_in => 0);

# ---------------------------------------------------------------- the first batch of a lookup join

# With a LIMIT it has twice as many keys; what is grouped needs all rows, whatever its LIMIT.
sub batches
{
	my ($sql) = @_;

	api_clear($api);
	$node->safe_psql('postgres', $sql);
	return map { scalar(() = /"x\d+"/g) } api_take($api);
}

$node->safe_psql('postgres', "CREATE TABLE keys AS SELECT 'x' || n AS email FROM generate_series(1, 90) n; ANALYZE keys");
is_deeply([ (batches('SELECT c.id FROM keys JOIN contacts c USING (email) LIMIT 20'))[0] ], [40], 'twice as many keys as rows');
is_deeply([ batches('SELECT count(c.id) FROM keys JOIN contacts c USING (email) LIMIT 20') ], [90], 'all keys for an aggregate');

# ---------------------------------------------------------------- writes that nobody knows the outcome of

# An error that is handled doesn't make them known; and not all are named.
setup_server($node, $api, max_concurrent_requests => 12);
{
	my $session = PylonSession->new($node);

	$session->query('SELECT count(*) FROM contacts');
	api_faults($api, { kind => 'slow', delay => 600, match => 'POST /contacts$', times => 0 });
	$session->query("SET statement_timeout = '" . patience_ms($node, 1000) . "'");
	$session->query(q{DO $$ BEGIN
			INSERT INTO contacts (name, email) SELECT 'n', 'lost' || i || '@x.example' FROM generate_series(1, 12) i;
		EXCEPTION WHEN query_canceled THEN NULL; END $$});
	my ($told) = $session->error =~ /unknown whether Pylon did 12 creates.*\nDETAIL:  ([^\n]*)/;
	is(scalar(() = ($told // '') =~ /lost\d+@/g), 10, 'a write of unknown outcome: so many are named')
	  or diag($session->error);
	like($told // '', qr/; and 2 more\.$/, 'a write of unknown outcome: and the others counted');
	api_clear($api);
	$session->quit;
}
setup_server($node, $api);

# ---------------------------------------------------------------- ANALYZE

# Columns that were dropped; what it takes to make a row is freed with it; contacts from all pages.  From 17 on, ANALYZE
# has a search_path of its own.
api_ctl($api, 'reset', 'contacts=2500');
$node->safe_psql('postgres', q{
	CREATE TABLE seen (bytes bigint);
	CREATE SEQUENCE converted;
	CREATE FUNCTION watch(text) RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
		IF nextval('public.converted') % 50 = 0 THEN
			INSERT INTO public.seen SELECT total_bytes FROM pg_backend_memory_contexts WHERE name = 'pylon_fdw sample row';
		END IF;
		RETURN true;
	END $$;
	CREATE DOMAIN watched AS text CHECK (public.watch(VALUE));
	CREATE FOREIGN TABLE analyzed (gone text, id text, name watched) SERVER pylon;
	ALTER FOREIGN TABLE analyzed DROP COLUMN gone;
	ANALYZE analyzed;
	SET default_statistics_target = 1;
	ANALYZE analyzed});
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stats WHERE tablename = 'analyzed'"),
	2, 'ANALYZE with a dropped column');
is($node->safe_psql('postgres', 'SELECT count(*) > 10, max(bytes) <= 16384 FROM seen'),
	't|t', 'ANALYZE: memory of a row');
# Of 2,500 contacts, 300 are taken first and then, on the average, 636 in the place of others.
$node->safe_psql('postgres', "SELECT setval('converted', 1); SET default_statistics_target = 1; ANALYZE analyzed");
cmp_ok($node->safe_psql('postgres', 'SELECT last_value FROM converted'),
	'>', 500, 'ANALYZE: the sample is of all contacts, not of the first ones');

# A workspace that was empty at the last time counts the next time.
api_ctl($api, 'reset', 'contacts=0');
$node->safe_psql('postgres',
	'CREATE TABLE parent (id text); CREATE FOREIGN TABLE child () INHERITS (parent) SERVER pylon; ANALYZE child');
api_ctl($api, 'reset', 'contacts=10');
$node->safe_psql('postgres', 'ANALYZE parent');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stats WHERE tablename = 'parent' AND inherited"),
	1, 'ANALYZE: a workspace that is no longer empty');

done_testing();
