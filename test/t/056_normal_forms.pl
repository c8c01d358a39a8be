# An API that keeps values in forms of its own has taken them; one that keeps the old value, or none, has not.

use strict;
use warnings;
use utf8;

use Encode qw(decode_utf8 encode_utf8);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSession;
use PylonTest;
use Test::More;

my $ada = '00000000-0000-4000-8000-000000000001';
my $grace = '00000000-0000-4000-8000-000000000002';
my $node = start_node();
my $api = start_api(contacts => 40);

setup_server($node, $api);
$node->safe_psql('postgres', q{
	CREATE SCHEMA typed; IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO typed OPTIONS (custom_fields 'columns');
	CREATE FOREIGN TABLE as_text (id text, name text, mrr text OPTIONS (custom_field 'mrr'),
		last_seen text OPTIONS (custom_field 'last_seen'),
		regions text OPTIONS (custom_field 'regions', field_type 'multiselect'), external_ids text, phone_numbers jsonb) SERVER pylon}
);
my $session = PylonSession->new($node);

sub query { my $sql = shift; return decode_utf8($session->query(encode_utf8($sql))); }

# Checks that a statement succeeds, makes a PATCH, and gives this.
sub taken
{
	my ($sql, $result, $name) = @_;

	api_take($api);
	is(query($sql), $result, "$name: result");
	is($session->error, '', "$name: no error");
	is(scalar(grep { /^PATCH/ } api_take($api)), 1, "$name: one request");
	return;
}

# Checks that a statement fails since the API has ignored this column.
sub ignored
{
	my ($sql, $column, $name) = @_;

	query($sql);
	like($session->error, qr/ERROR:  22023: the API (?:ignored the value for|did not clear) column "$column"/, $name);
	return;
}

# ---------------------------------------------------------------- values that are kept in another form

# Switch, table, column, value before (which is a normal form), the same in another form as SQL.
my @forms = (
	[ blanks => 'contacts', 'name', 'Ann', "'Ann '" ], [ blanks => 'contacts', 'name', 'Ann Lee', "E' Ann \\n\\tLee'" ],
	[ case => 'contacts', 'name', 'zoë ångström', "'Zoë ÅNGSTRÖM'" ],
	[ unicode => 'contacts', 'name', "Zo\x{eb}", "U&'Zoe\\0308'" ],
	[ 'unicode,blanks' => 'contacts', 'name', 'Ann', "U&'Ann\\00a0'" ],
	[ order => 'contacts', 'phone_numbers', '{1,2,3}', "'{3,1,2}'" ],
	[
		order => 'contacts', 'external_ids', '[{"label": "x", "external_id": "a"}, {"label": "y", "external_id": "b"}]',
		q{'[{"external_id": "b", "label": "y"}, {"external_id": "a", "label": "x"}]'}
	],
	[
		blanks => 'contacts',
		'external_ids', '[{"label": "x", "external_id": "a"}]', q{'[{"external_id": " a ", "label": "x "}]'}
	],
	[ order => 'typed.contacts', 'regions', '{apac,eu}', "'{eu,apac}'" ],
	[ numbers => 'as_text', 'mrr', '12.5', "'12.50'" ], [ numbers => 'as_text', 'mrr', '100', "'1e2'" ],
	[ numbers => 'as_text', 'mrr', '0.5', "'+.5'" ],
	[ times => 'as_text', 'last_seen', '2026-11-01T08:30:00Z', "'2026-11-01T09:30:00+01:00'" ],
	[ times => 'as_text', 'last_seen', '2026-11-01T08:30:00Z', "'2026-11-01 08:30:00.000'" ],
	[ order => 'as_text', 'regions', '["apac","eu"]', q{'["eu", "apac"]'} ],
	[ order => 'as_text', 'phone_numbers', '["1", "2"]', q{'["2", "1"]'} ],
	[ 'blanks' => 'typed.contacts', 'notes', 'a b', "'a  b '" ],
	[ json => 'typed.contacts', 'notes', '{"a":[1,2]}', q{E'{ "a": [1,\n 2] }'} ]);
for my $case (@forms)
{
	my ($form, $table, $column, $before, $sql) = @$case;
	my $name = "$form: $table.$column = $sql";
	my $literal = "'" . $before =~ s/'/''/gr . "'";

	api_ctl($api, 'reset');
	query("UPDATE $table SET $column = $literal WHERE id = '$ada'");
	api_set($api, normalise => $form);
	taken("UPDATE $table SET $column = $sql WHERE id = '$ada' RETURNING $column",
		$before, encode_utf8("$name, as it was"));

	query("UPDATE $table SET $column = " . ($column eq 'name' ? "'other'" : 'NULL') . " WHERE id = '$ada'");
	taken("UPDATE $table SET $column = $sql WHERE id = '$ada' RETURNING $column", $before, encode_utf8("$name, new"));

	my %values = (name => "'x'", $column => $sql);
	is(query(
				"INSERT INTO $table ("
			  . join(', ', sort keys %values)
			  . ') VALUES ('
			  . join(', ', map { $values{$_} } sort keys %values)
			  . ") RETURNING $column"),
		$before,
		encode_utf8("$name, INSERT"));
	is($session->error, '', encode_utf8("$name: no error"));
}

# A number, boolean or time in the map of all custom fields.
for my $case (
	[ numbers => mrr => '9.5', '"9.50"' ],
	[ times => last_seen => '2026-11-01T08:30:00Z', '"2026-11-01T08:30:00+00:00"' ],
	[ blanks => notes => 'n', '" n "' ], [ unicode => notes => "\x{e9}", "\"e\x{301}\"" ])
{
	my ($form, $slug, $before, $json) = @$case;

	api_ctl($api, 'reset');
	query(
		"UPDATE contacts SET custom_fields = custom_fields || jsonb_build_object('$slug', '$before') WHERE id = '$ada'"
	);
	api_set($api, normalise => $form);
	taken(
		"UPDATE contacts SET custom_fields = custom_fields || '{\"$slug\": $json}' WHERE id = '$ada'
			RETURNING custom_fields->>'$slug'",
		$before, "$form: custom_fields");
}

# A phone number is kept with its plus, which can't be sent.
api_ctl($api, 'reset');
api_set($api, normalise => 'phones');
taken(
	"UPDATE contacts SET phone_numbers = '{4930123456,15550100}', primary_phone_number = '15550100'
		WHERE id = '$grace' RETURNING phone_numbers, primary_phone_number",
	'{+4930123456,+15550100}|+15550100', 'phones: new');
taken("UPDATE contacts SET primary_phone_number = '4930123456' WHERE id = '$grace' RETURNING primary_phone_number",
	'+4930123456', 'phones: another primary one');

# An UPDATE of all is not stopped by any of it.
api_ctl($api, 'reset');
api_set($api, normalise => 'blanks,case,json,numbers,order,phones,times,unicode', normalise_email => 'on',
	cleared_custom => 'text');
my $many =
  "UPDATE contacts SET name = '  ' || upper(name) || '  ', custom_fields = custom_fields || '{\"mrr\": \"12.50\", \"regions\": [\"us\", \"eu\"], \"notes\": \"{ \\\"a\\\": 1 }\", \"vip\": null}',
	external_ids = '[{\"external_id\": \"B\", \"label\": \"y\"}, {\"external_id\": \"A\", \"label\": \"x\"}]' RETURNING id";
for my $time ('once', 'again')
{
	is(scalar(split /\n/, query($many)), 40, "all forms at once, $time: rows");
	is($session->error, '', "all forms at once, $time: no error");
}

# In a database whose locale and encoding know little of letters.
SKIP:
{
	skip 'ICU knows letters that locale C does not', 6
	  if query("SELECT count(*) FROM pg_collation WHERE collname = 'und-x-icu'") == 0;
	api_ctl($api, 'reset');
	query("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
	my $utf8 = $session;
	$session = PylonSession->new($node, 'latin');
	query(
		"SET client_encoding = 'UTF8'; CREATE EXTENSION pylon_fdw; CREATE
			SERVER pylon FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url '$api->{url}');
		CREATE USER MAPPING FOR PUBLIC SERVER pylon OPTIONS (api_token '$PylonTest::TOKEN'); IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public"
	);
	query("UPDATE contacts SET name = 'zoë' WHERE id = '$ada'");
	api_set($api, normalise => 'case,order,json,blanks');
	taken("UPDATE contacts SET name = 'ZOË ' WHERE id = '$ada' RETURNING name", 'zoë', 'LATIN1, locale C');
	taken(
		"UPDATE contacts SET external_ids = '[{\"external_id\": \"Ü\"}]', custom_fields = custom_fields || '{\"regions\": [\"us\", \"eu\"], \"notes\": \"{ \\\"é\\\": 1}\"}' WHERE id = '$ada'
		RETURNING external_ids->0->>'external_id', custom_fields->'regions', custom_fields->>'notes'",
		'ü|["eu", "us"]|{"é":1}', 'LATIN1, lists and JSON');
	$session->quit;
	$session = $utf8;
}

# ---------------------------------------------------------------- cleared

for my $shape ('absent', 'null', 'text', 'list')
{
	api_ctl($api, 'reset');
	api_set($api, cleared_custom => $shape);
	for my $case (
		[ 'typed.contacts' => tier => 'NULL' ], [ 'typed.contacts' => regions => 'NULL' ],
		[ 'typed.contacts' => notes => 'NULL' ], [ as_text => mrr => 'NULL' ],
		[ contacts => custom_fields => "custom_fields - 'website'::text" ],
		[ contacts => custom_fields => "custom_fields || '{\"owner\": null}'" ])
	{
		my ($table, $column, $value) = @$case;
		taken("UPDATE $table SET $column = $value WHERE id = '$ada' RETURNING id",
			$ada, "cleared, then $shape: $table.$column");
	}
	# an empty text may be none
	taken("UPDATE typed.contacts SET website = '' WHERE id = '$grace' RETURNING coalesce(website, '')",
		'', "an empty text, $shape");
}
api_ctl($api, 'reset');
api_set($api, normalise => 'blanks');
taken("UPDATE typed.contacts SET notes = '  ' WHERE id = '$ada' RETURNING coalesce(notes, '')",
	'', 'nothing is left of blanks');

# … which an answer may leave out altogether.
api_set($api, absent => 'absent');
taken("UPDATE contacts SET avatar_url = ' \t' WHERE id = '$ada' RETURNING coalesce(avatar_url, '')",
	'', 'nothing is left of blanks, and nothing is shown');

# ---------------------------------------------------------------- forms that this sample API doesn't make

# The answer to the next write has these members, and nothing is kept of it.
sub answer_with
{
	my ($method, %members) = @_;

	api_ctl($api, 'reset');
	api_clear($api);
	api_fault($api, kind => 'wrong_shape', match => "$method /contacts",
		body => { data => { id => $ada, name => 'Ada Lovelace', %members } });
	return;
}

answer_with(PATCH => phone_numbers => ['+49 (30) 123-456'], primary_phone_number => '+49 (30) 123-456');
taken("UPDATE contacts SET phone_numbers = '{4930123456}' WHERE id = '$ada' RETURNING phone_numbers",
	'{"+49 (30) 123-456"}', 'a phone number as people write it');
answer_with(PATCH => phone_numbers => ['+33 1 00 00 00 00']);
ignored("UPDATE contacts SET phone_numbers = '{4930123456}' WHERE id = '$ada'",
	'phone_numbers', 'the old phone number, as people write it');
api_ctl($api, 'reset');
query("UPDATE contacts SET phone_numbers = '{33100000001}', primary_phone_number = '33100000001' WHERE id = '$ada'");
api_set($api, ignore_fields => 'phone_numbers');
ignored("UPDATE contacts SET phone_numbers = '{1}' WHERE id = '$ada'",
	'phone_numbers', 'a phone number is not its last digit');
answer_with(POST => avatar_url => 'https://pictures.example/1.png');
is(query("INSERT INTO contacts (name, avatar_url) VALUES ('Ada Lovelace', 'https://acme.com/new.png') RETURNING avatar_url"),
	'https://pictures.example/1.png', 'a picture that the API keeps itself');
is($session->error, '', 'a picture that the API keeps itself: no error');

# ---------------------------------------------------------------- ignored

for my $case (
	[ contacts => name => "'Adam'" ], [ contacts => avatar_url => "'https://acme.com/b.png'" ],
	[ contacts => portal_role => "'member'" ], [ contacts => phone_numbers => "'{33100000001}'" ],
	[ contacts => phone_numbers => "'{33100000000,1}'" ],
	[ contacts => external_ids => q{'[{"external_id": "crm-ada2", "label": "hubspot"}]'} ],
	[ contacts => external_ids => 'NULL' ], [ contacts => account_id => 'NULL' ],
	[ contacts => emails => "'{ada\@acme.com,x\@acme.com}'" ],
	[ contacts => custom_fields => "custom_fields || '{\"tier\": \"silver\"}'" ],
	[ contacts => custom_fields => "custom_fields - 'tier'::text" ],
	[ contacts => custom_fields => "custom_fields || '{\"nobody\": \"x\"}'" ], [ 'typed.contacts' => seats => '26' ],
	[ 'typed.contacts' => mrr => '1250.51' ], [ 'typed.contacts' => vip => 'false' ],
	[ 'typed.contacts' => last_seen => "'2026-11-01 08:30:01+00'" ], [ 'typed.contacts' => regions => "'{eu}'" ],
	[ 'typed.contacts' => regions => 'NULL' ], [ 'typed.contacts' => notes => "''" ],
	[ 'typed.contacts' => notes => 'NULL' ], [ as_text => mrr => "'1250.5x'" ], [ as_text => regions => q{'["eu"]'} ],
	[ as_text => external_ids => "'[]'" ])
{
	my ($table, $column, $value) = @$case;

	api_ctl($api, 'reset');
	api_set($api, ignore_fields => join ',',
		qw(name avatar_url portal_role phone_numbers external_ids account_id emails tier seats mrr vip last_seen regions notes)
	);
	ignored("UPDATE $table SET $column = $value WHERE id = '$ada'", $column, "ignored: $table.$column = $value");
	ignored("UPDATE $table SET $column = $value WHERE id = '$ada' RETURNING id",
		$column, "ignored: $table.$column = $value, RETURNING");
}
# A field that the answer doesn't carry back, where there was none before either.
api_set($api, ignore_fields => 'portal_role_id,notes,external_ids');
ignored("UPDATE contacts SET portal_role_id = 'r' WHERE id = '$grace'",
	'portal_role_id', 'ignored where there was none');
ignored("UPDATE typed.contacts SET website = 'x', notes = 'n' WHERE id = '00000000-0000-4000-8000-000000000003'",
	'notes', 'a custom field ignored where there was none');
ignored("INSERT INTO contacts (name, external_ids) VALUES ('x', '[{\"external_id\": \"q\"}]')",
	'external_ids', 'ignored in a create');
api_set($api, ignore_fields => 'portal_role');
ignored("INSERT INTO contacts (name, portal_role) VALUES ('x', 'admin')", 'portal_role',
	'a default in place of what was sent');

$session->quit;
done_testing();
