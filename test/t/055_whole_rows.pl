# Tools that save whole rows: what counts is what differs, not what is assigned.  And what the errors of a row name.

use strict;
use warnings;
use utf8;

use Encode qw(decode_utf8 encode_utf8);
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;

my $ada = '00000000-0000-4000-8000-000000000001';
my $grace = '00000000-0000-4000-8000-000000000002';
my $slack = '00000000-0000-4000-8000-000000000008';
my $acme = '00000000-0000-4000-a000-000000000001';
my $globex = '00000000-0000-4000-a000-000000000002';
my $node = start_node();
my $api = start_api(contacts => 20);

setup_server($node, $api, max_concurrent_requests => 1);
$node->safe_psql('postgres', q{
	CREATE SCHEMA typed; IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO typed OPTIONS (custom_fields 'columns');
	CREATE SCHEMA two; IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO two OPTIONS (custom_fields 'both')});
my $session = PylonSession->new($node);

sub query { my $sql = shift; return decode_utf8($session->query(encode_utf8($sql))); }

# Checks what a statement gives, and exactly what it writes.
sub writes
{
	my ($sql, $result, $requests, $name) = @_;

	api_take($api);
	is(query($sql), $result, "$name: result");
	is($session->error, '', "$name: no error");
	is_deeply([ map { decode_utf8($_) } grep { is_write($_) } api_take($api) ], $requests, "$name: requests");
	return;
}

# Checks that a statement fails and writes nothing; then gives what the error says.
sub refused
{
	my ($sql, $sqlstate, $pattern, $name) = @_;

	api_take($api);
	query($sql);
	my $error = decode_utf8($session->error);
	like($error, qr/ERROR:  $sqlstate:/, "$name: SQLSTATE");
	like($error, $pattern, "$name: message");
	is_deeply([ grep { is_write($_) } api_take($api) ], [], "$name: nothing is written");
	return $error;
}

# Checks that a statement fails though it writes something.
sub refused_by_api
{
	my ($sql, $sqlstate, $pattern, $name) = @_;

	query($sql);
	like($session->error, qr/ERROR:  $sqlstate:/, "$name: SQLSTATE");
	like($session->error, $pattern, "$name: message");
	return;
}

# The columns of a table, and the row of a contact as a tool shows it: each value as text.
sub columns
{
	my $table = shift;
	return split /\n/,
	  query("SELECT attname FROM pg_attribute WHERE attrelid = '$table'::regclass AND attnum > 0 ORDER BY attnum");
}

sub shown_row
{
	my ($table, $id) = @_;
	my @columns = columns($table);
	my $row = query(
		"SELECT json_build_array(" . join(', ', map { "\"$_\"::text" } @columns) . ") FROM $table WHERE id = '$id'");
	my %row;

	@row{@columns} = @{ decode_json(encode_utf8($row)) };
	return \%row;
}

sub quoted { my $text = shift; return 'NULL' unless defined $text; return "'" . $text =~ s/'/''/gr . "'"; }

# Saves a row as Adminer does: all columns, and all of them in WHERE.  The changes are column => new text.
sub save
{
	my ($table, $row, %changes) = @_;
	my %new = (%$row, %changes);
	my @columns = columns($table);

	return
		"UPDATE $table SET\n"
	  . join(",\n", map { "\"$_\" = " . quoted($new{$_}) } @columns)
	  . "\nWHERE "
	  . join(' AND ', map { defined $row->{$_} ? "\"$_\" = " . quoted($row->{$_}) : "\"$_\" IS NULL" } @columns);
}

# ---------------------------------------------------------------- saving what was shown

my %tables = ('public.contacts' => 'jsonb', 'typed.contacts' => 'typed columns', 'two.contacts' => 'both');
for my $table (sort keys %tables)
{
	for my $id ($ada, $grace, $slack)
	{
		my $row = shown_row($table, $id);
		my $name = "$tables{$table}, contact " . substr $id, -1;

		writes(save($table, $row) . ' RETURNING id', $id, [], "$name: nothing changed");
		writes(
			save($table, $row, name => "O'Näme"), '', [ patch($id, qq({"name":"O'Näme"})) ], "$name: the name changed");
		$row = shown_row($table, $id);
		writes(
			save($table, $row, portal_role => 'admin', portal_role_id => '')
			  . ' RETURNING name, portal_role, portal_role_id', "O'Näme|admin|",
			[ $id eq $ada ? patch($id, '{"portal_role_id":""}') : patch($id, '{"portal_role":"admin"}') ],
			"$name: others changed");
		$row = shown_row($table, $id);
		refused(
			save($table, $row, id => 'x', name => 'y'), '428C9',
			qr/"id" of foreign table "contacts"\nDETAIL:.*"$id".*"x"/, "$name: another id");
		refused(save($table, $row, account_external_ids => '[{"external_id": "z"}]'),
			'428C9', qr/"account_external_ids"/, "$name: other external ids of the account");
		refused(save($table, $row, integration_user_ids => '[{"id": "z"}]'),
			'428C9', qr/"integration_user_ids"/, "$name: other ids of integrations");
	}
	api_ctl($api, 'reset');
}

# One custom field, in each of its forms.
my $row = shown_row('typed.contacts', $ada);
writes(
	save('typed.contacts', $row, seats => '26', mrr => '1250.5', vip => 'true', last_seen => '2026-11-01 09:30:00+01'),
	'', [ patch($ada, '{"custom_fields":[{"slug":"seats","value":"26"}]}') ],
	'typed columns: a number; the same number, boolean and time in other words');
$row = shown_row('typed.contacts', $ada);
refused(save('typed.contacts', $row, 'contact.salesforce.Contact_ID_for_Pylon__c' => '1'),
	'428C9', qr/readonly/, 'typed columns: a read-only field');
$row = shown_row('two.contacts', $ada);
writes(
	save('two.contacts', $row, tier => 'silver'), '',
	[ patch($ada, '{"custom_fields":[{"slug":"tier","value":"silver"}]}') ], 'both: by the column');
$row = shown_row('two.contacts', $ada);
my $fields = JSON::PP->new->decode($row->{custom_fields});
my $pretty = sub {
	my %changes = @_;
	return JSON::PP->new->pretty->canonical([ 0, 1 ]->[ int rand 2 ])->encode({ %$fields, %changes });
};
writes(save('two.contacts', $row, custom_fields => $pretty->()), '', [], 'both: the map in another layout');
writes(
	save('two.contacts', $row, custom_fields => $pretty->(tier => 'bronze')), '',
	[ patch($ada, '{"custom_fields":[{"slug":"tier","value":"bronze"}]}') ], 'both: by the map');
$row = shown_row('two.contacts', $ada);
writes(
	save('two.contacts', $row, seats => '27', custom_fields => $pretty->(tier => 'bronze', seats => '27')), '',
	[ patch($ada, '{"custom_fields":[{"slug":"seats","value":"27"}]}') ], 'both: to the same');
$row = shown_row('two.contacts', $ada);
refused(
	save('two.contacts', $row, tier => 'gold', custom_fields => $pretty->(tier => 'silver', seats => '27')), '22023',
	qr/"tier" is written by two columns.*"custom_fields" and "tier"/s, 'both: to different values');
writes("UPDATE two.contacts SET mrr = 9.50, custom_fields = custom_fields || '{\"mrr\": 9.5}' WHERE id = '$ada'", '',
	[ patch($ada, '{"custom_fields":[{"slug":"mrr","value":"9.5"}]}') ], 'both: to the same number');
writes(
	"UPDATE two.contacts SET regions = '{us}', custom_fields = custom_fields || '{\"regions\": [\"us\"]}'
		WHERE id = '$ada'",
	'', [ patch($ada, '{"custom_fields":[{"slug":"regions","values":["us"]}]}') ], 'both: to the same list');
writes("UPDATE two.contacts SET vip = NULL, custom_fields = custom_fields - 'vip'::text WHERE id = '$ada'", '',
	[ patch($ada, '{"custom_fields":[{"slug":"vip"}]}') ], 'both: cleared');
refused("UPDATE two.contacts SET notes = NULL, custom_fields = custom_fields || '{\"notes\": \"x\"}' WHERE id = '$ada'",
	'22023', qr/"notes" is written by two columns/, 'both: cleared, and not');

# A number in the map is one, however it is written; a text is as it is.
api_ctl($api, 'reset');
writes(
	"UPDATE contacts SET custom_fields = custom_fields || '{\"mrr\": 1250.5, \"seats\": 25.0, \"vip\": true}'
		WHERE id = '$ada'",
	'', [], 'numbers and booleans as JSON has them');
writes("UPDATE contacts SET custom_fields = custom_fields || '{\"mrr\": \"1250.5\"}' WHERE id = '$ada'", '',
	[ patch($ada, '{"custom_fields":[{"slug":"mrr","value":"1250.5"}]}') ], 'the text of a number');

# ---------------------------------------------------------------- the address and the list of all

api_ctl($api, 'reset');
$row = shown_row('contacts', $grace);
writes(
	save('contacts', $row, email => 'hopper@navy.example') . ' RETURNING email', 'hopper@navy.example',
	[ patch($grace, '{"email":"hopper@navy.example"}') ], 'email changed, emails shown');
api_ctl($api, 'reset');
writes(
	save('contacts', $row, emails => '{new@acme.com,grace@acme.com}') . ' RETURNING email', 'grace@acme.com',
	[
		patch($grace,
			'{"emails":[{"email":"new@acme.com","is_primary":false},{"email":"grace@acme.com","is_primary":true}]}')
	], 'emails changed, the email shown stays primary');
api_ctl($api, 'reset');
writes(
	save('contacts', $row, emails => '{new@acme.com,hopper@navy.example}') . ' RETURNING email', 'new@acme.com',
	[
		patch($grace,
			'{"emails":[{"email":"new@acme.com","is_primary":true},{"email":"hopper@navy.example","is_primary":false}]}'
		)
	], 'emails changed, without the email shown');
api_ctl($api, 'reset');
writes(
	save('contacts', $row, email => 'n@acme.com', emails => '{grace@acme.com,n@acme.com}') . ' RETURNING email',
	'n@acme.com',
	[
		patch($grace,
			'{"emails":[{"email":"grace@acme.com","is_primary":false},{"email":"n@acme.com","is_primary":true}]}')
	], 'both changed, to the same');
api_ctl($api, 'reset');
refused(
	save('contacts', $row, email => 'n@acme.com', emails => '{grace@acme.com}'), '22023',
	qr/the primary address is written by two columns/, 'both changed, not to the same');
refused(
	save('contacts', $row, email => 'n@acme.com', emails => '{}'), '22023',
	qr/the primary address is written by two columns/, 'an email, and none');

# ---------------------------------------------------------------- the account, by its external id

api_ctl($api, 'reset');
writes(
	"INSERT INTO contacts (name, account_external_id) VALUES ('A', 'globex') RETURNING account_id, account_external_id",
	"$globex|globex", ['POST /contacts {"name":"A","account_external_id":"globex"}'], 'INSERT');
writes("INSERT INTO contacts (name, account_external_id) VALUES ('A', ''), ('B', NULL)", '',
	[ map { "POST /contacts {\"name\":\"$_\"}" } 'A', 'B' ], 'INSERT without one');
refused("INSERT INTO contacts (name, account_id, account_external_id) VALUES ('A', '$acme', 'acme')", '22023',
	qr/the account is written by two columns.*"account_id" and "account_external_id"/s, 'INSERT of both');
$row = shown_row('contacts', $ada);
writes(
	save('contacts', $row, account_external_id => 'globex') . ' RETURNING account_id, account_external_ids',
	"$globex|[{\"label\": \"crm\", \"external_id\": \"globex\"}]", [ patch($ada, '{"account_external_id":"globex"}') ],
	'UPDATE');
$row = shown_row('contacts', $ada);
writes(
	save('contacts', $row, account_id => $acme) . ' RETURNING account_external_id', 'acme',
	[ patch($ada, "{\"account_id\":\"$acme\"}") ], 'account_id changed, account_external_id shown');
$row = shown_row('contacts', $ada);
refused(
	save('contacts', $row, account_id => $globex, account_external_id => 'globex'),
	'22023', qr/the account is written by two columns/, 'both changed');
refused(
	save('contacts', $row, account_id => '', account_external_id => 'globex'),
	'22023', qr/the account is written by two columns/, 'one cleared');
writes(
	save('contacts', $row, account_id => '', account_external_id => '') . ' RETURNING account_id IS NULL',
	't', [ patch($ada, '{"account_id":""}') ], 'both cleared');
query("CREATE FOREIGN TABLE twice (id text, a jsonb OPTIONS (field 'external_ids'), b jsonb OPTIONS (field 'external_ids'))
	SERVER pylon");
refused(q{UPDATE twice SET a = '[{"external_id": "q", "label": "l", "k": "1"}]', b = '[{"external_id": "q", "label": "l", "k": "2"}]'}
	  . " WHERE id = '$ada'", '22023', qr/written by two columns/, 'two columns whose lists differ in what nobody knows');
writes("UPDATE contacts SET account_external_id = NULL WHERE id = '$grace' RETURNING account_id IS NULL", 't',
	[ patch($grace, '{"account_id":""}') ], 'NULL detaches');
writes("UPDATE contacts SET account_external_id = '' WHERE id = '$grace'", '', [], 'NULL of no account');
refused_by_api("UPDATE contacts SET account_external_id = 'nobody' WHERE id = '$grace'", '22023',
	qr/no account has the external id/, 'an account that is not there');

# An account with several: the column shows the first, another one is of the same account.
my @others = (
	map {
		{
			id => "many-$_", name => "Many $_",
			account => {
				id => 'acct',
				external_ids => [ { external_id => 'first', label => 'a' }, { external_id => 'acme', label => 'b' } ]
			}
		}
	} 1, 2);
api_ctl($api, 'add', encode_json(\@others));
$node->safe_psql('postgres',
	"CREATE FOREIGN TABLE by_external_id (id text, account text OPTIONS (field 'account_external_id'), name text)
		SERVER pylon"
);
is(query("SELECT account_external_id FROM contacts WHERE id = 'many-1'"), 'first', 'the first of several');
writes("UPDATE contacts SET account_external_id = 'acme' WHERE id = 'many-1' RETURNING account_external_id",
	'first', [], 'another one of the same account');
refused("UPDATE contacts SET account_id = '$globex', account_external_id = 'acme' WHERE id = 'many-1'",
	'22023', qr/the account is written by two columns/, 'another one of the account that is left');
api_set($api, ignore_fields => 'account_external_id');
writes("UPDATE by_external_id SET account = 'acme' WHERE id = 'many-2' RETURNING account", 'first',
	[ patch('many-2', '{"account_external_id":"acme"}') ], 'the same where the table shows only the first');
refused_by_api("UPDATE by_external_id SET account = 'globex' WHERE id = 'many-2'", '22023',
	qr/ignored the value for column "account"/, 'an API that ignores it');
refused_by_api("INSERT INTO by_external_id (name, account) VALUES ('x', 'globex')", '22023',
	qr/ignored the value for column "account"/, 'an API that ignores it in a create');

# ---------------------------------------------------------------- INSERT with all columns

api_ctl($api, 'reset');

my @columns = columns('contacts');
my $insert = sub {
	my ($table, $empty, %values) = @_;
	return "INSERT INTO $table (" . join(', ', map { "\"$_\"" } columns($table)) . ")\nVALUES ("
	  . join(', ', map { exists $values{$_} ? quoted($values{$_}) : $empty->($_) } columns($table)) . ')';
};
my $as_null = sub { return 'NULL'; };
my $as_text = sub {
	return $_[0] =~ /^(?:emails|phone_numbers|regions|.*ids|custom_fields|seats|mrr|vip|renewal|last_seen)$/
	  ? 'NULL'
	  : "''";
};
for my $table (sort keys %tables)
{
	writes($insert->($table, $as_null, name => 'N1'), '', ['POST /contacts {"name":"N1"}'],
		"$tables{$table}: INSERT with NULLs");
	writes($insert->($table, $as_text, name => 'N2', email => "n2-$tables{$table}\@x.example" =~ s/ //r)
		  . ' RETURNING length(id)', '36',
		[
				'POST /contacts {"name":"N2","email":"'
			  . "n2-$tables{$table}" =~ s/ //r
			  . '@x.example"'
			  . (
				$table eq 'public.contacts'
				? ''
				: ',"custom_fields":[{"slug":"tier","value":""},{"slug":"notes","value":""},{"slug":"website",'
				  . '"value":""},{"slug":"owner","value":""},'
				  . '{"slug":"customer_success_health_score_as_reported_by_the_quarterly_review_board","value":""},'
				  . '{"slug":"email","value":""}]'
			  )
			  . '}'
		],
		"$tables{$table}: INSERT with empty texts");
	refused($insert->($table, $as_null, name => 'N3', id => 'x'),
		'428C9', qr/"id"/, "$tables{$table}: INSERT with an id");
}
refused("INSERT INTO contacts (id, email) VALUES ('', 'x\@x.example')", '23502', qr/a contact needs a name/,
	'INSERT without a name');

# Delete as Adminer does.
$row = shown_row('contacts', $grace);
writes("DELETE FROM \"contacts\"\nWHERE "
	  . join(' AND ', map { defined $row->{$_} ? "\"$_\" = " . quoted($row->{$_}) : "\"$_\" IS NULL" } @columns),
	'', ["DELETE /contacts/$grace"], 'DELETE by all columns');

# ---------------------------------------------------------------- a custom field's list in text and JSON

api_ctl($api, 'reset');
$node->safe_psql('postgres', q{
	CREATE FOREIGN TABLE lists (id text, name text, as_text text OPTIONS (custom_field 'regions'),
		notes text OPTIONS (custom_field 'notes')) SERVER pylon;
	CREATE FOREIGN TABLE known (id text, name text,
		as_text text OPTIONS (custom_field 'regions', field_type 'multiselect'),
		tier text[] OPTIONS (custom_field 'tier', field_type 'select'), notes text OPTIONS (custom_field 'notes', field_type 'text')) SERVER pylon;
	CREATE FOREIGN TABLE json_lists (id text, name text,
		as_jsonb jsonb OPTIONS (custom_field 'regions'), as_json json OPTIONS (custom_field 'regions')) SERVER pylon}
);
my $regions =
  sub { my ($id, $values) = @_; return patch($id, "{\"custom_fields\":[{\"slug\":\"regions\",\"values\":$values}]}"); };
for my $case ([ lists => 'as_text' ], [ known => 'as_text' ], [ json_lists => 'as_jsonb' ], [ json_lists => 'as_json' ])
{
	my ($table, $column) = @$case;
	my $shown = query("SELECT $column FROM $table WHERE id = '$ada'");

	is_deeply(decode_json($shown), [ 'eu', 'us' ], "$table.$column: a list");
	writes("UPDATE $table SET $column = '$shown' WHERE id = '$ada'", '', [], "$table.$column: as it was");
	writes("UPDATE $table SET $column = '[ \"apac\", \"us\" ]' WHERE id = '$ada' RETURNING ${column}::jsonb",
		'["apac", "us"]', [ $regions->($ada, '["apac","us"]') ], "$table.$column: another list");
	writes("UPDATE $table SET $column = '[]' WHERE id = '$ada'", '', [ $regions->($ada, '[]') ],
		"$table.$column: an empty list");
	writes("UPDATE $table SET $column = '[\"eu\"]' WHERE id = '$ada'", '', [ $regions->($ada, '["eu"]') ],
		"$table.$column: from an empty list");
	writes("UPDATE $table SET $column = NULL WHERE id = '$ada'", '',
		[ patch($ada, '{"custom_fields":[{"slug":"regions"}]}') ], "$table.$column: NULL");
	writes("UPDATE $table SET $column = 'null' WHERE id = '$ada'", '', [], "$table.$column: null in JSON is NULL")
	  if $column =~ /json/;
	api_ctl($api, 'reset');
}
writes("INSERT INTO json_lists (name, as_jsonb) VALUES ('l', '[\"eu\"]')", '',
	['POST /contacts {"name":"l","custom_fields":[{"slug":"regions","values":["eu"]}]}'], 'INSERT of a list as jsonb');
writes("INSERT INTO json_lists (name, as_jsonb) VALUES ('l', 'null')", '', ['POST /contacts {"name":"l"}'],
	'INSERT of null as jsonb');
writes("INSERT INTO known (name, as_text) VALUES ('k', 'eu'), ('l', ''), ('m', '[\"eu\", \"us\"]')", '',
	[
		map { "POST /contacts {\"name\":\"$_->[0]\",\"custom_fields\":[{\"slug\":\"regions\",\"values\":$_->[1]}]}" }
		  [ 'k', '["eu"]' ], [ 'l', '[]' ], [ 'm', '["eu","us"]' ]
	], 'INSERT into a text column of a multiselect');
writes("UPDATE known SET tier = '{silver}' WHERE id = '$ada' RETURNING tier", '{silver}',
	[ patch($ada, '{"custom_fields":[{"slug":"tier","value":"silver"}]}') ], 'a list of one is a single value');
for my $table ('lists', 'known')
{
	writes("UPDATE $table SET notes = '[\"$table\"]' WHERE id = '$ada' RETURNING notes", "[\"$table\"]",
		[ patch($ada, "{\"custom_fields\":[{\"slug\":\"notes\",\"value\":\"[\\\"$table\\\"]\"}]}") ],
		"$table: a text that looks like a list");
	query("UPDATE $table SET notes = 'x' WHERE id = '$ada'");
}
# In the map, a list is one.
writes("UPDATE contacts SET custom_fields = custom_fields WHERE id = '$ada'", '', [], 'the map as it was');
writes("UPDATE contacts SET custom_fields = jsonb_set(custom_fields, '{regions,0}', '\"apac\"') WHERE id = '$ada'", '',
	[ $regions->($ada, '["apac","us"]') ], 'a list in the map');

# ---------------------------------------------------------------- external ids, null in JSON

api_ctl($api, 'reset');
my $ids = sub { my ($id, $list) = @_; return patch($id, "{\"external_ids\":$list}"); };
writes(
	"UPDATE contacts SET external_ids = '[{\"external_id\": 12345678901234567890123, \"label\": \"big\"}, {\"external_id\": 1.0, \"label\": \"one\"}, {\"label\": \"e\", \"external_id\": 1e3}]' WHERE id = '$ada' RETURNING external_ids->0->>'external_id'",
	'12345678901234567890123',
	[
		$ids->($ada,
			'[{"label":"big","external_id":"12345678901234567890123"},{"label":"one","external_id":"1.0"},'
			  . '{"label":"e","external_id":"1000"}]'
		)
	], 'numbers as external ids');
writes(
	"UPDATE contacts SET external_ids = '[{\"label\": \"big\", \"external_id\": 12345678901234567890123}, {\"external_id\": 1.0, \"label\": \"one\"}, {\"external_id\": \"1000\", \"label\": \"e\"}]' WHERE id = '$ada'",
	'', [], 'the same again');
writes("UPDATE contacts SET external_ids = external_ids - 0 WHERE id = '$ada'",
	'', [ $ids->($ada, '[{"label":"one","external_id":"1.0"},{"label":"e","external_id":"1000"}]') ], 'one less');
writes("UPDATE contacts SET external_ids = 'null' WHERE id = '$ada'", '', [ $ids->($ada, '[]') ], 'external_ids null');
writes("UPDATE contacts SET external_ids = 'null', custom_fields = 'null' WHERE id = '$slack' RETURNING custom_fields",
	'{}', [ patch($slack, '{"external_ids":[],"custom_fields":[{"slug":"vip"}]}') ], 'null in JSON is NULL');
writes(
	"INSERT INTO contacts (name, external_ids, custom_fields, account_external_ids, integration_user_ids)
		VALUES ('null', 'null', 'null', 'null', 'null')",
	'', ['POST /contacts {"name":"null"}'], 'INSERT of null in JSON');
writes(
	"INSERT INTO contacts (name, external_ids) VALUES ('n', '[{\"external_id\": \"a \\\"b\\\" : {1}, [2]\", "
	  . "\"label\": null}]')",
	'', ['POST /contacts {"name":"n","external_ids":[{"label":null,"external_id":"a \"b\" : {1}, [2]"}]}'],
	'punctuation in an external id');

# ---------------------------------------------------------------- errors of a row name table and column

api_ctl($api, 'reset');
$node->safe_psql('postgres', q{
	CREATE SCHEMA "Odd Schema"; IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO "Odd Schema";
	CREATE FUNCTION named(statement text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		state text; s text; t text; c text;
	BEGIN
		EXECUTE statement;
		RETURN 'no error';
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, s = SCHEMA_NAME, t = TABLE_NAME, c = COLUMN_NAME;
		RETURN concat_ws(' ', state, s, t, nullif(c, ''));
	END $$});
query('SET search_path = "Odd Schema", public');
query('SET client_min_messages = error');

sub named
{
	my ($sql, $expected, $name) = @_;
	is(query('SELECT named(' . quoted($sql) . ')'), $expected, $name);
	return;
}
named("INSERT INTO contacts (email) VALUES ('x\@x.example')", '23502 Odd Schema contacts name', 'no name');
named("UPDATE contacts SET name = '' WHERE id = '$ada'", '23502 Odd Schema contacts name', 'an empty name');
named("INSERT INTO contacts (name, email) VALUES ('x', 'ada\@acme.com')", '23505 Odd Schema contacts', 'a duplicate');
named("UPDATE contacts SET id = 'x' WHERE id = '$ada'", '428C9 Odd Schema contacts id', 'UPDATE of id');
named("INSERT INTO contacts (name, id) VALUES ('x', 'y')", '428C9 Odd Schema contacts id', 'INSERT of id');
named("INSERT INTO contacts (name, phone_numbers) VALUES ('x', '{1,NULL}')", '22004 Odd Schema contacts phone_numbers',
	'NULL in a list');
named("INSERT INTO contacts (name, custom_fields) VALUES ('x', '[]')", '22023 Odd Schema contacts custom_fields',
	'custom_fields that are no object');
named("INSERT INTO contacts (name, phone_numbers) VALUES ('x', '{no}')", '22023 Odd Schema contacts',
	'refused by the API');
named("UPDATE contacts SET avatar_url = 'no url' WHERE id = '$ada'", '22023 Odd Schema contacts',
	'an UPDATE that the API refuses');
named(
	"UPDATE two.contacts SET tier = 'bronze', custom_fields = custom_fields || '{\"tier\": \"silver\"}'
		WHERE id = '$ada'",
	'22023 two contacts tier', 'two columns of one field');
api_set($api, ignore_fields => 'avatar_url');
named("UPDATE contacts SET avatar_url = 'https://x.example/a.png' WHERE id = '$ada'",
	'22023 Odd Schema contacts avatar_url', 'a value that the API ignores');
named("INSERT INTO contacts (name, avatar_url) VALUES ('x', 'https://x.example/a.png')",
	'22023 Odd Schema contacts avatar_url', 'a value of a new contact that the API ignores');
api_ctl($api, 'reset');
query('RESET search_path; RESET client_min_messages');

# The old value is for who may read it.
$node->safe_psql(
	'postgres', "CREATE ROLE writer; GRANT UPDATE ON contacts TO writer; GRANT SELECT (email) ON contacts TO writer;
	CREATE VIEW mine AS SELECT * FROM contacts; GRANT SELECT, UPDATE ON mine TO writer");
query('SET ROLE writer');
unlike(
	refused("UPDATE contacts SET id = 'x' WHERE email = 'ada\@acme.com'", '428C9', qr/can't become "x"/,
		'who may not read the id'),
	qr/DETAIL:.*$ada/, 'the id is not told');
refused("UPDATE mine SET id = E'x\\ny' || repeat('z', 100) WHERE email = 'ada\@acme.com'",
	'428C9', qr/can't become "x yz+\.\.\."/, 'a long value');
query('RESET ROLE');

# A value is no list of one, and null no text; what the API makes of them is its own affair.
api_ctl($api, 'reset');
for my $case (
	[
		'custom_fields', q{custom_fields || '{"tier": ["gold"]}'},
		'[{"slug":"tier","values":["gold"]}]', 'a list in place of its one value'
	],
	[
		'external_ids', q{'[{"external_id": "null", "label": null}]'},
		'[{"label":null,"external_id":"null"}]', 'null in a list'
	])
{
	my ($column, $value, $sent, $name) = @$case;

	api_take($api);
	query("UPDATE contacts SET $column = $value WHERE id = '$ada'");
	is_deeply([ grep { is_write($_) } api_take($api) ], [ patch($ada, "{\"$column\":$sent}") ], $name);
}

# Texts are what is written, however a type compares them.
query('CREATE EXTENSION citext; CREATE FOREIGN TABLE folding (id text, name citext) SERVER pylon');
writes("UPDATE folding SET name = 'ADA Lovelace' WHERE id = '$ada' RETURNING name",
	'ADA Lovelace', [qq(PATCH /contacts/$ada {"name":"ADA Lovelace"})], 'the case of a citext');
query("CREATE FOREIGN TABLE twice (id text, a jsonb OPTIONS (field 'external_ids'), b jsonb OPTIONS (field 'external_ids'))
	SERVER pylon");
refused(q{UPDATE twice SET a = '[{"external_id": "q", "label": "l", "k": "1"}]', b = '[{"external_id": "q", "label": "l", "k": "2"}]'}
	  . " WHERE id = '$ada'", '22023', qr/written by two columns/, 'two columns whose lists differ in what nobody knows');

$session->quit;
done_testing();
