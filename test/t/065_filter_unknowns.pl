# What nobody has documented of the API's searches loses no row, whichever way it is: case, the type of a custom field,
# texts in lists, empty values, backslashes and wildcards, the largest page.

use strict;
use utf8;
use warnings;

use Encode qw(encode_utf8);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSession;
use PylonTest;
use Test::More;

my $node = start_node();
my $api = start_api(contacts => 30);
setup_server($node, $api);
my $session = PylonSession->new($node);
my @lists = ([ 'a, b', 'eu' ], ['eu'], ['{x}']);
$session->query(<<'SQL');
	CREATE EXTENSION citext;
	CREATE FOREIGN TABLE people (id text, name text, email text, custom_fields jsonb,
		flag boolean OPTIONS (custom_field 'answer'), answer text OPTIONS (custom_field 'answer'),
		vip boolean OPTIONS (custom_field 'vip', field_type 'boolean'),
		notes text OPTIONS (custom_field 'notes'), seats numeric OPTIONS (custom_field 'seats'),
		places text OPTIONS (custom_field 'places'), regions text OPTIONS (custom_field 'regions', field_type 'multiselect')) SERVER pylon;
SQL
api_ctl($api, 'replace', encode_utf8(<<'JSON'));
[{"id": "p1", "name": "Ann", "email": "ANN@x.com", "custom_fields": {"answer": {"value": "yes"}, "vip": {"value": "true"}, "notes": {"value": ""}}},
 {"id": "p2", "name": "ann", "email": "ann@x.com", "custom_fields": {"answer": {"value": "1"}, "vip": {"value": "false"}, "regions": {"values": ["eu", "us"]}}},
 {"id": "p3", "name": "a\\b", "email": "back\\slash@x.com", "custom_fields": {"answer": {"value": "no"}, "places": {"values": ["a, b", "eu"]}}},
 {"id": "p4", "name": "50%_off", "email": "x_y@x.com", "custom_fields": {"answer": {"value": "false"}, "regions": {"values": []}}},
 {"id": "p5", "name": "5099off", "email": "xyy@x.com", "custom_fields": {"places": {"value": "eu"}, "notes": {"value": "late, again"}}}]
JSON
api_ctl($api, 'custom-fields',
	encode_utf8('['
		  . join(',',
			map { my ($slug, $type) = @$_; qq({"slug": "$slug", "label": "$slug", "type": "$type"}) } [qw(answer text)],
			[qw(vip boolean)], [qw(notes text)], [qw(places multiselect)], [qw(regions multiselect)],
			[qw(seats number)])
		  . ']'));

# The ids that a clause finds, and what was sent for it.
sub find
{
	my ($clause, $rest) = @_;

	api_take($api);
	my $ids = $session->query(
		"SELECT string_agg(id, ' ' ORDER BY id) FROM (SELECT id FROM people WHERE $clause " . ($rest // '') . ') p');
	return ($ids, join("\n", api_take($api)), $session->error);
}

# A clause finds these contacts by one search, or with "all" by reading all of them.
sub finds
{
	my ($clause, $ids, $filter, $name) = @_;
	my ($found, $requests, $error) = find($clause);
	my $wanted =
		$filter eq 'none' ? ''
	  : $filter eq 'all' ? 'GET /contacts?limit=999'
	  : qq(POST /contacts/search {"filter":$filter,"limit":999});

	is($found, $ids, "$name: $clause: rows");
	is($requests, $wanted, "$name: $clause: request");
	is($error, '', "$name: $clause: no warning");
	return;
}

sub leaf
{
	my ($field, $operator, @values) = @_;
	my $list = $operator =~ /in$/;

	return
		qq({"field":"$field","operator":"$operator")
	  . (!@values ? '' : $list ? ',"values":[' . join(',', map { qq("$_") } @values) . ']' : qq(,"value":"$values[0]"))
	  . '}';
}

# Says what the server is told of the API.
sub alter
{
	my ($option, $value) = @_;

	$session->query(
		defined $value
		? "ALTER SERVER pylon OPTIONS (ADD $option '$value')"
		: "ALTER SERVER pylon OPTIONS (DROP $option)");
	return;
}

# ---------------------------------------------------------------- case

# Unset, the same requests and rows, whichever way the API compares.
for my $sensitive ('on', 'off')
{
	my $name = "case_sensitive unset, API $sensitive";

	api_set($api, case_sensitive => $sensitive);
	finds("email <> 'ann\@x.com'", 'p1 p3 p4 p5', 'all', $name);
	finds("name NOT IN ('ann', 'x')", 'p1 p3 p4 p5', 'all', $name);
	finds("name <> ALL ('{ann}')", 'p1 p3 p4 p5', 'all', $name);
	finds("NOT (name = 'ann' OR name = 'Zoe')", 'p1 p3 p4 p5', 'all', $name);
	finds("(name = 'ann') IS FALSE", 'p1 p3 p4 p5', 'all', $name);
	finds("name NOT IN ('ann', NULL)", '', 'none', $name);
	finds("name <> (SELECT NULL::text)", '', 'none', $name);
	finds("name <> (SELECT 'ann'::text)", 'p1 p3 p4 p5', 'all', $name);
	finds("id <> 'p1' AND id NOT IN ('p2', 'p3')", 'p4 p5',
		'{"operator":"and","subfilters":[' . leaf(qw(id not_in p1)) . ',' . leaf(qw(id not_in p2 p3)) . ']}', $name);
	finds("name ILIKE 'ANN'", 'p1 p2', 'all', $name);
	finds("lower(name) = 'ann'", 'p1 p2', 'all', $name);
	finds("name::citext = 'ANN'", 'p1 p2', 'all', $name);
	finds("name = 'ann'", 'p2', leaf(qw(name equals ann)), $name);
	finds("name IN ('ann', 'ANN')", 'p2', leaf(qw(name in ann ANN)), $name);
	finds("name LIKE '%nn%'", 'p1 p2', leaf(qw(name string_contains nn)), $name);
	# a list in batches: what several of them find comes once
	alter(lookup_batch_size => 1);
	my ($ids) = find("name IN ('ann', 'Ann', 'ANN')");
	is($ids, 'p1 p2', "$name: batches");
	alter('lookup_batch_size');
}

# Told, as far as it is true.
alter(case_sensitive => 'false');
finds("email <> 'ann\@x.com'", 'p1 p3 p4 p5', 'all', 'case ignored');
finds("name ILIKE 'ANN'", 'p1 p2', leaf(qw(name equals ANN)), 'case ignored');
finds("lower(name) = 'ann'", 'p1 p2', leaf(qw(name equals ann)), 'case ignored');
finds("id <> 'p1'", 'p2 p3 p4 p5', leaf(qw(id not_in p1)), 'case ignored');
finds("id <> 'P1'", 'p1 p2 p3 p4 p5', 'all', 'case ignored');
alter('case_sensitive');
alter(case_sensitive => 'true');
api_set($api, case_sensitive => 'on');
finds("email <> 'ann\@x.com'", 'p1 p3 p4 p5', leaf(qw(email not_in ann@x.com)), 'case heeded');
finds("name NOT IN ('ann', 'x')", 'p1 p3 p4 p5', leaf(qw(name not_in ann x)), 'case heeded');
finds("name ILIKE 'ANN'", 'p1 p2', 'all', 'case heeded');
alter('case_sensitive');

# A cached plan follows what the server is told, and what a column is.
$session->query("SET plan_cache_mode = force_generic_plan;
	PREPARE others(text) AS SELECT string_agg(id, ' ' ORDER BY id) FROM people WHERE name <> \$1;
	PREPARE flagged AS SELECT string_agg(id, ' ' ORDER BY id) FROM people WHERE vip");

# What a prepared statement gives, and what it sends.
sub run_prepared
{
	my $statement = shift;

	api_take($api);
	return $session->query("EXECUTE $statement") . ': ' . join ' ', api_take($api);
}

is(run_prepared("others('ann')"), 'p1 p3 p4 p5: GET /contacts?limit=999', 'a cached plan: unset');
is(run_prepared('others(NULL)'), ': ', 'a cached plan: NULL');
alter(case_sensitive => 'true');
is(run_prepared("others('ann')"),
	'p1 p3 p4 p5: POST /contacts/search {"filter":' . leaf(qw(name not_in ann)) . ',"limit":999}',
	'a cached plan: true');
alter('case_sensitive');
is(run_prepared("others('ann')"), 'p1 p3 p4 p5: GET /contacts?limit=999', 'a cached plan: unset again');
is(run_prepared('flagged'),
	'p1: POST /contacts/search {"filter":' . leaf(qw(vip equals true)) . ',"limit":999}', 'a cached plan: boolean');
$session->query("ALTER FOREIGN TABLE people ALTER vip OPTIONS (DROP field_type)");
is(run_prepared('flagged'),
	'p1: POST /contacts/search {"filter":' . leaf(qw(vip is_set)) . ',"limit":999}', 'a cached plan: not known');
$session->query("ALTER FOREIGN TABLE people ALTER vip OPTIONS (ADD field_type 'boolean')");

# ---------------------------------------------------------------- types of custom fields

# boolean reads "yes" and "1", too
finds('flag', 'p1 p2', leaf(qw(answer is_set)), 'a boolean column of a text field');
finds('NOT flag', 'p3 p4', leaf(qw(answer is_set)), 'a boolean column of a text field');
finds('flag = true', 'p1 p2', leaf(qw(answer is_set)), 'a boolean column of a text field');
finds('vip', 'p1', leaf(qw(vip equals true)), 'a boolean field');
finds('vip IS FALSE', 'p2', leaf(qw(vip equals false)), 'a boolean field');
is((find('flag', 'LIMIT 1'))[1], 'POST /contacts/search {"filter":{"field":"answer","operator":"is_set"},"limit":999}',
	'where more comes than is wanted, pages are whole');

# What is known to have several values is not searched for parts of its text, nor for the whole of it.
for my $lists ('refuse', 'into', 'none')
{
	api_set($api, lists_hold_text => $lists);
	finds("regions LIKE '%eu%'", 'p2', 'all', "multiselect, lists_hold_text $lists");
	finds("custom_fields->>'regions' LIKE '%eu%'", 'p2', 'all', "multiselect, lists_hold_text $lists");
	finds("strpos(custom_fields #>> '{regions}', 'eu') > 0", 'p2', 'all', "multiselect, lists_hold_text $lists");
	finds("regions = '[\"eu\",\"us\"]'", 'p2', 'all', "multiselect, lists_hold_text $lists");
}
# Where nothing says so, the API is taken to look into each value, or to refuse.
api_set($api, lists_hold_text => 'into');
finds("places LIKE '%eu%'", 'p3 p5', leaf(qw(places string_contains eu)), 'values are searched');
finds("places LIKE '[\"a, b\",\"eu\"]'", 'p3', 'all', 'the signs of JSON are not searched');
# A line break is a sign of JSON with a letter, which stands in no value.
api_ctl($api, 'add', '[{"id":"p6","name":"Six","email":"six@x.com","custom_fields":{"places":{"values":["to\\nbase"]}}}]');
finds("places LIKE '%nbase%'", 'p6', leaf(qw(places string_contains base)), 'behind a backslash');
finds("places LIKE '%o_nbase%'", 'p6', '{"operator":"and","subfilters":['
	  . leaf(qw(places string_contains o)) . ',' . leaf(qw(places string_contains base)) . ']}', 'behind a backslash');
finds("strpos(places, 'nbase') > 0", 'p6', leaf(qw(places string_contains base)), 'behind a backslash');
finds("left(places, 20) ~ 'nbase'", 'p6', leaf(qw(places string_contains base)), 'behind a backslash');
alter(case_sensitive => 'false');
api_set($api, case_sensitive => 'off');
is((find($_))[0], 'p6', "behind a backslash, in any case: $_") for "places ILIKE '%NBase%'", "places ~* 'NBase'", "places ILIKE '%Tone%' OR id = 'p6'";
alter('case_sensitive');
api_set($api, case_sensitive => 'on');
$session->query("PREPARE wide(text) AS SELECT id FROM people WHERE (places IS NOT DISTINCT FROM \$1 AND length(name) > 25) OR email = 'zzz' LIMIT 1;
	SET plan_cache_mode = force_generic_plan");
api_take($api);
is($session->query('EXECUTE wide(NULL)'), '', 'a NULL of which a part is checked here, LIMIT: rows');
is(scalar(api_take($api)), 1, 'a NULL of which a part is checked here, LIMIT: a whole page');
$session->query('RESET plan_cache_mode; DEALLOCATE wide');
finds("places LIKE 'nbase%'", '', leaf(qw(places string_contains nbase)), 'but no list begins so');
$session->query("DELETE FROM people WHERE id = 'p6'");
api_set($api, lists_hold_text => 'refuse');
my ($found, $requests, $error) = find("places LIKE '%eu%'");
is($found, 'p3 p5', 'refused: rows');
is($requests,
	'POST /contacts/search {"filter":'
	  . leaf(qw(places string_contains eu))
	  . qq(,"limit":999}\nGET /contacts?limit=999), 'refused: requests');
like($error,
	qr/WARNING: .*the API refused a condition on foreign table "people".*string_contains is not allowed on places/s,
	'refused: warning');
api_set($api, lists_hold_text => 'none');
$session->query("ALTER SERVER pylon OPTIONS (ADD page_size '998'); ALTER SERVER pylon OPTIONS (DROP page_size)");
is((find("places LIKE '%eu%'"))[0], 'p5', 'the one assumption: an API that neither looks into lists nor refuses');
api_set($api, lists_hold_text => 'refuse');

# An empty text or list: is_set goes by what an answer shows.
api_set($api, empty_is_set => 'on');
finds('notes IS NOT NULL', 'p1 p5', leaf(qw(notes is_set)), 'the empty text is set');
finds('notes IS NULL', 'p2 p3 p4', leaf(qw(notes is_unset)), 'the empty text is set');
finds("custom_fields ? 'regions'", 'p2 p4', leaf(qw(regions is_set)), 'the empty list is set');
finds("notes = ''", 'p1', 'all', 'the empty text is not asked for');
api_set($api, empty_is_set => 'off');
finds('notes IS NOT NULL',
	'p5', leaf(qw(notes is_set)), 'the other assumption: an API that takes the empty text for unset');
finds('notes IS NULL', 'p2 p3 p4', leaf(qw(notes is_unset)), 'it is not NULL for all that');
finds("notes = ''", 'p1', 'all', 'the empty text is not asked for');
api_set($api, empty_is_set => 'on');

# ---------------------------------------------------------------- signs in a text

for my $pattern ('off', 'on')
{
	my $name = "text_pattern $pattern";

	api_set($api, text_pattern => $pattern);
	finds("name LIKE '%a\\\\b%'", 'p3', '{"operator":"and","subfilters":['
		  . leaf(qw(name string_contains a)) . ','
		  . leaf(qw(name string_contains b)) . ']}', $name);
	finds("name LIKE '%\\\\b'", 'p3', leaf(qw(name string_contains b)), $name);
	finds("name LIKE '%\\\\%'", 'p3', 'all', $name);
	finds("name LIKE 'a\\\\b'", 'p3', leaf('name', 'equals', 'a\\\\b'), $name);
	finds("strpos(name, 'a\\b') > 0", 'p3', '{"operator":"and","subfilters":['
		  . leaf(qw(name string_contains a)) . ','
		  . leaf(qw(name string_contains b)) . ']}', $name);
	finds("starts_with(email, 'back\\')", 'p3', leaf(qw(email string_contains back)), $name);
	finds("name ^@ 'a\\'", 'p3', leaf(qw(name string_contains a)), $name);
	finds("name LIKE '50\\%\\_%'", 'p4', leaf(qw(name string_contains 50%_)), $name);
	finds("starts_with(name, '50%_')", 'p4', leaf(qw(name string_contains 50%_)), $name);
	finds("custom_fields->>'notes' LIKE 'late, %'", 'p5', 'all', $name);
}
api_set($api, text_pattern => 'off');

# ---------------------------------------------------------------- the largest page

# The first search of a new session.
sub first_of_session
{
	my $sql = shift;
	my $fresh = PylonSession->new($node);

	api_take($api);
	my $rows = $fresh->query($sql);
	my $message = $fresh->error;
	$fresh->quit;
	return ($rows, $message, join "\n", api_take($api));
}

api_set($api, max_limit => 500, max_search_limit => 500);
for my $sql (
	"SELECT id FROM people WHERE name = 'ann'", 'SELECT id FROM people',
	"SELECT id FROM people WHERE id IN ('p1', 'p2')")
{
	(my $rows, $error, $requests) = first_of_session($sql);
	like($error,
		qr/ERROR:  HV000: could not read foreign table "people": the API refused the request.*limit must be.*HINT: .*"page_size"/s,
		"$sql: the page is too large");
	unlike($error, qr/refused a condition/, "$sql: the condition isn't blamed");
}
is((first_of_session("SELECT id FROM people WHERE name = 'ann'"))[2],
	'POST /contacts/search {"filter":' . leaf(qw(name equals ann)) . ',"limit":999}', 'not asked again');
alter(page_size => 500);
is((first_of_session("SELECT id FROM people WHERE name = 'ann'"))[0], 'p2', 'with a smaller page');
alter('page_size');
api_set($api, max_limit => 999, max_search_limit => 999);

# Where the API gives what it was not asked for, the rows that a LIMIT wants may come after as many as it asked for.
alter(case_sensitive => 'true');
api_set($api, case_sensitive => 'off');
is((first_of_session("SELECT id FROM people WHERE name = 'ann' LIMIT 1"))[0], 'p2', 'an API that ignores case in spite of what was said of it');
alter('case_sensitive');
api_set($api, case_sensitive => 'on');

# A list that is too long is another matter, even where the word is the same.
api_fault($api, kind => 'status', status => 400, match => 'POST /contacts/search',
	body => { errors => ['the limit is 1'], request_id => 'r' });
(my $rows, $error) = first_of_session("SELECT id FROM people WHERE name IN ('ann', 'x')");
is($rows, 'p2', 'a list is too long: rows');
like($error, qr/WARNING: .*the API refused a condition/, 'a list is too long: warning');
# A condition may be refused as one that can't be processed, too.
api_fault($api, kind => 'status', status => 422, match => 'POST /contacts/search',
	body => { errors => ['no such operator'], request_id => 'r' });
($rows, $error) = first_of_session("SELECT id FROM people WHERE name = 'ann'");
is($rows, 'p2', '422: rows');
like($error, qr/WARNING: .*the API refused a condition/, '422: warning');
# So is 400 without a word about it.
api_fault($api, kind => 'status', status => 400, times => 2, match => '',
	body => { errors => ['Bad request'], request_id => 'r' });
($rows, $error) = first_of_session("SELECT id FROM people WHERE name = 'ann'");
like($error, qr/ERROR:  HV000: .*HINT: .*"page_size"/s, 'everything is refused: the size of a page may be the reason');
unlike($error, qr/WARNING/, 'everything is refused: the condition is not');

$session->quit;
done_testing();
