# INSERT, UPDATE, DELETE and COPY: exactly which requests with which bodies, and which rows come back.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;

my $ada = '00000000-0000-4000-8000-000000000001';
my $grace = '00000000-0000-4000-8000-000000000002';
my $alan = '00000000-0000-4000-8000-000000000003';
my $acme = '00000000-0000-4000-a000-000000000001';
my $globex = '00000000-0000-4000-a000-000000000002';
my $node = start_node();
my $api = start_api(contacts => 10);

# Contacts and switches as after the start.
sub reset_api { api_ctl($api, 'reset'); return; }

# Checks what a statement gives, and exactly which requests it makes, those that only read left out.
sub writes
{
	my ($sql, $result, $requests, $name) = @_;

	api_take($api);
	my ($status, $out, $err) = $node->psql('postgres', $sql);
	is($err, '', "$name: no error");
	is($out, $result, "$name: result");
	is_deeply([ sort grep { is_write($_) } api_take($api) ], [ sort @$requests ], "$name: requests");
	return;
}

# The same, of a command tag in place of a result.
sub tagged
{
	my ($sql, $tag, $requests, $name) = @_;
	my $out;

	api_take($api);
	IPC::Run::run([ 'psql', '-XAt', '-d', $node->connstr('postgres'), '-c', $sql ], '>', \$out, '2>&1');
	is($out, "$tag\n", "$name: command tag");
	is_deeply([ sort grep { is_write($_) } api_take($api) ], [ sort @$requests ], "$name: requests");
	return;
}

# Checks that a statement fails before anything is written.
sub refused
{
	my ($sql, $sqlstate, $pattern, $name) = @_;

	api_take($api);
	my $text = fails_with($node, $sql, $sqlstate, $pattern, $name);
	is_deeply([ grep { is_write($_) } api_take($api) ], [], "$name: nothing is written");
	return $text;
}

setup_server($node, $api);
# Tables of other columns; they go with the server.
my $tables = q{
	CREATE FOREIGN TABLE typed (
		id text, name text, email text,
		tier text OPTIONS (custom_field 'tier'),
		seats bigint OPTIONS (custom_field 'seats'),
		mrr numeric(12, 2) OPTIONS (custom_field 'mrr'),
		vip boolean OPTIONS (custom_field 'vip'),
		renewal date OPTIONS (custom_field 'renewal'),
		last_seen timestamptz OPTIONS (custom_field 'last_seen'),
		regions text[] OPTIONS (custom_field 'regions'),
		notes text OPTIONS (custom_field 'notes'),
		synced text OPTIONS (custom_field 'contact.salesforce.Contact_ID_for_Pylon__c', readonly 'true')
	) SERVER pylon;
	CREATE FOREIGN TABLE both_forms (
		id text, name text,
		tier text OPTIONS (custom_field 'tier'),
		custom_fields jsonb) SERVER pylon;};
$node->safe_psql('postgres', "$tables
	CREATE TABLE people (n int, name text, email text, tier text);
	INSERT INTO people SELECT i, 'Person ' || i, 'person' || i || '\@x.example', 'gold' FROM generate_series(1, 5) i");

# ---------------------------------------------------------------- INSERT

writes("INSERT INTO contacts (name) VALUES ('Only a name')", '', ['POST /contacts {"name":"Only a name"}'],
	'INSERT of one column');
tagged("INSERT INTO contacts (name, email) VALUES ('One', 'one\@x.example')", 'INSERT 0 1',
	['POST /contacts {"name":"One","email":"one@x.example"}'], 'INSERT of one row');
writes("INSERT INTO contacts (name, email, avatar_url, custom_fields) VALUES ('Nulls', NULL, DEFAULT, NULL)", '',
	['POST /contacts {"name":"Nulls"}'], 'NULL and DEFAULT are not sent');
writes(
	"INSERT INTO contacts (name, email, account_id, avatar_url, portal_role, portal_role_id, phone_numbers, primary_phone_number,
		external_ids, custom_fields) VALUES ('Zoë \"Q\" \\ ' || E'\\n' || '🚀', 'all\@x.example', '$acme', 'https://x.example/a.png', 'member', 'role-1',
		ARRAY['1555', '1666'], '1666', '[{\"label\": \"crm\", \"external_id\": \"c-1\"}]',
		'{\"tier\": \"gold\", \"seats\": 7, \"vip\": true, \"regions\": [\"eu\", \"us\"], \"notes\": null}')
		RETURNING length(id), account_id, name = E'Zoë \"Q\" \\\\ \\n🚀', email, emails, avatar_url, portal_role, portal_role_id, phone_numbers,
			primary_phone_number, external_ids, account_external_ids, integration_user_ids, custom_fields",
	"36|$acme|t|all\@x.example|{all\@x.example}|https://x.example/a.png|member|role-1|{1555,1666}|1666"
	  . '|[{"label": "crm", "external_id": "c-1"}]|[{"label": "crm", "external_id": "acme"}]||'
	  . '{"vip": "true", "tier": "gold", "seats": "7", "regions": ["eu", "us"]}',
	[
			'POST /contacts {"account_id":"'
		  . $acme
		  . '","name":"Zoë \\"Q\\" \\\\ \\n🚀","email":"all@x.example","avatar_url":"https://x.example/a.png",'
		  . '"portal_role":"member","portal_role_id":"role-1","phone_numbers":["1555","1666"],"primary_phone_number":"1666",'
		  . '"external_ids":[{"label":"crm","external_id":"c-1"}],'
		  . '"custom_fields":[{"slug":"vip","value":"true"},{"slug":"tier","value":"gold"},{"slug":"seats","value":"7"},{"slug":"regions","values":["eu","us"]}]}'
	],
	'INSERT of every column');
writes(
	"SET timezone = 'UTC'; INSERT INTO typed (name, tier, seats, mrr, vip, renewal, last_seen, regions, notes)
		VALUES ('Typed', 'silver', 12, 3.5, false, '2026-02-03', '2026-02-03 04:05:06+00', '{eu,apac}', '') RETURNING tier, seats, mrr, vip, renewal, last_seen, regions, notes, synced",
	'silver|12|3.50|f|2026-02-03|2026-02-03 04:05:06+00|{eu,apac}||',
	[
		'POST /contacts {"name":"Typed","custom_fields":[{"slug":"tier","value":"silver"},{"slug":"seats","value":"12"},{"slug":"mrr","value":"3.50"},'
		  . '{"slug":"vip","value":"false"},{"slug":"renewal","value":"2026-02-03"},{"slug":"last_seen","value":"2026-02-03T04:05:06+00:00"},'
		  . '{"slug":"regions","values":["eu","apac"]},{"slug":"notes","value":""}]}' ],
	'INSERT of typed columns');
tagged("INSERT INTO contacts (name, email) SELECT name, email FROM people WHERE n <= 2", 'INSERT 0 2',
	[ map { "POST /contacts {\"name\":\"Person $_\",\"email\":\"person$_\@x.example\"}" } 1 .. 2 ],
	'INSERT ... SELECT');
writes(
	"WITH new AS (INSERT INTO contacts (name, email) VALUES ('R1', 'r1\@x.example'), ('R2', 'r2\@x.example') RETURNING name, email, portal_role)
	SELECT * FROM new ORDER BY 1", "R1|r1\@x.example|no_access\nR2|r2\@x.example|no_access",
	[ map { "POST /contacts {\"name\":\"R$_\",\"email\":\"r$_\@x.example\"}" } 1 .. 2 ],
	'INSERT ... RETURNING of several rows');

# Row by row it is the same that is sent.
$node->safe_psql('postgres', q{
	CREATE VIEW plain AS SELECT id, name, email, avatar_url FROM contacts WHERE email LIKE '%@view.example';
	CREATE VIEW checked AS SELECT * FROM plain WITH CHECK OPTION;
	CREATE TABLE parted (id text, name text, email text, tier text) PARTITION BY LIST (tier);
	CREATE FOREIGN TABLE parted_gold PARTITION OF parted FOR VALUES IN ('gold') SERVER pylon;
	ALTER FOREIGN TABLE parted_gold ALTER tier OPTIONS (ADD custom_field 'tier');
	CREATE TABLE parted_rest PARTITION OF parted DEFAULT});
writes("INSERT INTO plain (name, email) VALUES ('V1', 'v1\@view.example') RETURNING name", 'V1',
	['POST /contacts {"name":"V1","email":"v1@view.example"}'], 'a view');
writes("UPDATE plain SET name = 'V2' WHERE email = 'v1\@view.example' RETURNING name", 'V2',
	[
		patch($node->safe_psql('postgres', "SELECT id FROM contacts WHERE email = 'v1\@view.example'"), '{"name":"V2"}')
	], 'UPDATE of a view');
writes("INSERT INTO checked (name, email) VALUES ('C1', 'c1\@view.example')", '',
	['POST /contacts {"name":"C1","email":"c1@view.example"}'], 'a view with CHECK OPTION');
fails_with($node, "INSERT INTO checked (name, email) VALUES ('C2', 'c2\@elsewhere.example')", '44000', qr/check option/,
	'a view with CHECK OPTION that is violated');
# Of the row as a whole, too: its id is there when the API has answered.
$node->safe_psql('postgres', q{CREATE VIEW with_id AS SELECT name, email FROM contacts c WHERE to_jsonb(c)->>'id' > '' WITH CHECK OPTION});
writes(q{INSERT INTO with_id (name) VALUES ('c4')}, '', ['POST /contacts {"name":"c4"}'], 'CHECK OPTION on the row as a whole');
# A row's name in a message ends somewhere.
api_fault($api, kind => 'status', status => 403, match => 'POST');
fails_with($node, "INSERT INTO contacts (name) VALUES (repeat('n', 128) || 'o')", '42501', qr/could not insert contact "n{128}\.\.\." into/,
	'a long name');
api_clear($api);
# Of the map of custom fields, only the answer says what it has become.
$node->safe_psql('postgres', q{CREATE VIEW golden AS SELECT name, custom_fields FROM contacts
	WHERE custom_fields->>'tier' = 'gold' WITH CHECK OPTION});
api_set($api, normalise => 'case');
writes(q{INSERT INTO golden (name, custom_fields) VALUES ('c3', '{"tier": "GOLD"}')}, '',
	['POST /contacts {"name":"c3","custom_fields":[{"slug":"tier","value":"GOLD"}]}'], 'CHECK OPTION on the map of custom fields');
api_set($api, normalise => '');
writes(
	"INSERT INTO parted (name, email, tier) VALUES ('P1', 'p1\@x.example', 'gold'), ('P2', 'p2\@x.example', 'none'), ('P3', 'p3\@x.example', 'gold');
	SELECT name FROM parted_rest", 'P2',
	[
		map {
			"POST /contacts {\"name\":\"P$_\",\"email\":\"p$_\@x.example\",\"custom_fields\":[{\"slug\":\"tier\",\"value\":\"gold\"}]}"
		} 1, 3
	], 'partitions');
# A row can't move to where the statement writes other rows.
fails_with($node, "UPDATE parted SET tier = 'gold' WHERE name IN ('P1', 'P2')", '0A000',
	qr/cannot route tuples into foreign table to be updated "parted_gold"/, 'UPDATE that moves a row into a table that it updates');
writes(
	"COPY parted (name, email, tier) FROM PROGRAM 'printf ''P4,p4\@x.example,gold\nP5,p5\@x.example,none\n''' (FORMAT csv); SELECT count(*) FROM parted_rest",
	'2', ['POST /contacts {"name":"P4","email":"p4@x.example","custom_fields":[{"slug":"tier","value":"gold"}]}'],
	'COPY to partitions');
tagged(
	"COPY contacts (name, email, phone_numbers, custom_fields) FROM PROGRAM 'printf ''C1;;{15,16};{\"tier\":\"gold\"}\nC2;cc2\@x.example;;\n''' (FORMAT csv, DELIMITER ';', QUOTE '~')",
	'COPY 2',
	[
		'POST /contacts {"name":"C1","phone_numbers":["15","16"],"custom_fields":[{"slug":"tier","value":"gold"}]}',
		'POST /contacts {"name":"C2","email":"cc2@x.example"}'
	], 'COPY');
# core checks policies of local rows alone
$node->safe_psql('postgres', q{
	CREATE ROLE policed; GRANT ALL ON parted TO policed;
	ALTER TABLE parted ENABLE ROW LEVEL SECURITY;
	CREATE POLICY own ON parted USING (true) WITH CHECK (name LIKE 'P%')});
fails_with($node, "SET ROLE policed; INSERT INTO parted (name, tier) VALUES ('Q1', 'gold')", '42501',
	qr/row-level security policy for table "parted"/,
	'a policy of a partitioned table that an INSERT violates');
fails_with($node, "SET ROLE policed; UPDATE parted SET name = 'Q1' WHERE email = 'p1\@x.example'", '42501',
	qr/row-level security policy for table "parted"/,
	'and an UPDATE');
ok(!(grep { !/search/ } api_take($api)), 'nothing is written');
$node->safe_psql('postgres', 'ALTER TABLE parted DISABLE ROW LEVEL SECURITY');
writes(
	"PREPARE p(text, text) AS INSERT INTO contacts (name, email) VALUES (\$1, \$2); EXECUTE p('E1', 'e1\@x.example'); EXECUTE p('E2', NULL)",
	'', [ 'POST /contacts {"name":"E1","email":"e1@x.example"}', 'POST /contacts {"name":"E2"}' ], 'a prepared INSERT');

# ---------------------------------------------------------------- creates in flight at once

# COPY hands over several rows at once since PostgreSQL 16.
for my $case ([ 1, 6 ], [ 4, 24 ], [ 9, 40 ])
{
	my ($most, $count) = @$case;

	setup_server($node, $api, max_concurrent_requests => $most);
	for my $sql ("INSERT INTO contacts (name) SELECT 'f' || i FROM generate_series(1, $count) i",
		'INSERT INTO contacts (name) VALUES ' . join(', ', map { "('f$_')" } 1 .. $count),
		"COPY contacts (name) FROM PROGRAM 'seq $count'")
	{
		my $name = "max_concurrent_requests $most, " . substr $sql, 0, 35;

		my $expected = $sql =~ /^COPY/ && $node->pg_version < 16 ? 1 : $most;
		with_patience("$name: in flight at once", sub {
			api_set($api, write_latency => 30 * shift);
			api_take($api);
			$node->safe_psql('postgres', $sql);
			my $found = most_in_flight($api, 'POST');
			return $found == $expected ? () : "$found instead of $expected";
		});
		is(scalar(api_take($api)), $count, "$name: requests");
		api_set($api, write_latency => 0);
	}
}

# ---------------------------------------------------------------- what INSERT refuses

reset_api();
setup_server($node, $api);
$node->safe_psql('postgres', $tables);

refused('INSERT INTO contacts (email) VALUES (\'x@x.example\')', '23502', qr/name/, 'no name');
refused("INSERT INTO contacts (name) VALUES ('a'), ('b'), ('c'), ('d'), ('e'), ('f'), (NULL)",
	'23502', qr/name/, 'name NULL in the last row of a batch');
refused("INSERT INTO contacts (name) SELECT CASE WHEN i < 60 THEN 'x' END FROM generate_series(1, 60) i",
	'23502', qr/name/, 'name NULL in the last row of INSERT ... SELECT');
refused("COPY contacts (name) FROM PROGRAM 'printf \"a\\nb\\n\\\\\\\\N\\n\"'", '23502', qr/name/, 'name NULL in COPY')
  if $node->pg_version >= 16;
for my $column (qw(id emails account_external_ids integration_user_ids))
{
	my $value = $column eq 'id' ? "'x'" : $column eq 'emails' ? "'{a\@x.example}'" : "'[]'";
	refused("INSERT INTO contacts (name, $column) VALUES ('x', $value)", '428C9', qr/"$column"/, "INSERT of $column");
	refused("UPDATE contacts SET $column = $value WHERE id = '$ada'", '428C9', qr/"$column"/, "UPDATE of $column")
	  unless $column eq 'emails';
}
refused("INSERT INTO typed (name, synced) VALUES ('x', 'y')", '428C9',
	qr/"synced"/, 'INSERT of a column with option readonly');
refused("UPDATE typed SET synced = 'y' WHERE id = '$ada'", '428C9',
	qr/"synced"/, 'UPDATE of a column with option readonly');
refused("INSERT INTO both_forms (name, tier, custom_fields) VALUES ('x', 'gold', '{\"tier\": \"silver\"}')",
	'22023', qr/"tier"/, 'both forms of a slug in INSERT');
refused(
	"UPDATE both_forms SET tier = 'bronze', custom_fields = custom_fields || '{\"tier\": \"silver\"}' WHERE id = '$ada'",
	'22023', qr/"tier"/, 'both forms of a slug in UPDATE');
refused("INSERT INTO contacts (name, custom_fields) VALUES ('x', '[]')", '22023',
	qr/custom_fields/, 'custom_fields that are no object');
refused("INSERT INTO contacts (name, custom_fields) VALUES ('x', '{\"tier\": {}}')",
	'22023', qr/tier/, 'an object in a custom field');
refused("INSERT INTO contacts (name, phone_numbers) VALUES ('x', '{1,NULL}')", '22004',
	qr/phone_numbers/, 'NULL in a list');
refused('TRUNCATE contacts', '(?:0A000|42809|55000)', qr/truncate/i, 'TRUNCATE');
refused('MERGE INTO contacts c USING people p ON c.email = p.email WHEN NOT MATCHED THEN INSERT (name) VALUES (p.name)',
	'0A000', qr/MERGE|merge/, 'MERGE')
  if $node->pg_version >= 15;
refused("INSERT INTO contacts (name) VALUES ('x') ON CONFLICT (email) DO NOTHING", '42P10', qr/ON CONFLICT/,
	'ON CONFLICT with a column');
refused("INSERT INTO contacts (name) VALUES ('x') ON CONFLICT (email) DO UPDATE SET name = 'y'", '42P10|0A000',
	qr/ON CONFLICT/, 'ON CONFLICT DO UPDATE');

for my $status (400, 409, 422)
{
	api_set($api, duplicate_status => "$status");
	fails_with($node, "INSERT INTO contacts (name, email) VALUES ('x', 'Ada\@acme.com')", '23505',
		qr/ERROR:.*Ada\@acme\.com.*DETAIL:.*\b(?:\Q$ada\E|00000000-0000-4000-8000-000000000010)\b/s,
		"duplicate_status $status");
	writes("INSERT INTO contacts (name, email) VALUES ('x', 'ada\@acme.com') ON CONFLICT DO NOTHING RETURNING name", '',
		['POST /contacts {"name":"x","email":"ada@acme.com"}'], "duplicate_status $status: ON CONFLICT DO NOTHING");
	tagged(
		"INSERT INTO contacts (name, email) VALUES ('c1', 'c1s$status\@x.example'), ('x', 'ada\@acme.com'), ('y', 'grace\@acme.com'), ('c2', 'c2s$status\@x.example') ON CONFLICT DO NOTHING",
		'INSERT 0 2',
		[
			map { "POST /contacts {\"name\":\"$_->[0]\",\"email\":\"$_->[1]\"}" }[ 'c1', "c1s$status\@x.example" ],
			[ 'x', 'ada@acme.com' ], [ 'y', 'grace@acme.com' ], [ 'c2', "c2s$status\@x.example" ]
		],
		"duplicate_status $status: ON CONFLICT DO NOTHING of several");
}
fails_with($node, "INSERT INTO contacts (name, avatar_url) VALUES ('x', 'no url') ON CONFLICT DO NOTHING",
	'22023', qr/avatar_url/, 'ON CONFLICT DO NOTHING skips no other refusal');

# ---------------------------------------------------------------- UPDATE: only what differs

reset_api();
tagged("UPDATE contacts SET name = 'Ada L.' WHERE id = '$ada'", 'UPDATE 1', [ patch($ada, '{"name":"Ada L."}') ],
	'UPDATE by id');
tagged(
	"UPDATE contacts SET name = name, email = email, emails = emails, custom_fields = custom_fields, external_ids = external_ids,
	phone_numbers = phone_numbers, avatar_url = avatar_url", 'UPDATE 10', [], 'UPDATE of nothing');
tagged("UPDATE contacts SET avatar_url = '' WHERE avatar_url IS NULL",
	'UPDATE 9', [], 'NULL and the empty string are one');
writes(
	"UPDATE contacts SET name = 'Ada Lovelace', email = 'ada\@acme.com', avatar_url = 'https://acme.com/2.png' WHERE id = '$ada' RETURNING name, avatar_url",
	'Ada Lovelace|https://acme.com/2.png',
	[ patch($ada, '{"name":"Ada Lovelace","avatar_url":"https://acme.com/2.png"}') ],
	'UPDATE of some of the columns it assigns');
requests_are($node, $api, "UPDATE contacts SET name = 'Ada' WHERE id = '$ada' RETURNING name", 'Ada',
	[ "GET /contacts/$ada", patch($ada, '{"name":"Ada"}') ], 'UPDATE by id reads it first');
requests_are($node, $api, "DELETE FROM contacts WHERE id = '$alan' RETURNING name", 'Alan Turing',
	[ "GET /contacts/$alan", "DELETE /contacts/$alan" ], 'DELETE by id reads it first');
requests_are($node, $api, "UPDATE contacts SET name = 'K' WHERE id = 'crm-katherine'", '',
	['GET /contacts/crm-katherine'], 'an external id hits no contact');
tagged("DELETE FROM contacts WHERE id = 'crm-katherine'", 'DELETE 0', [], 'DELETE by an external id hits no contact');
tagged("DELETE FROM contacts WHERE id = 'nobody'", 'DELETE 0', [], 'DELETE of nobody');

reset_api();
writes(
	"UPDATE contacts SET account_id = NULL WHERE id = '$ada' RETURNING account_id IS NULL, account_external_ids IS NULL",
	't|t', [ patch($ada, '{"account_id":""}') ], 'account_id NULL');
writes("UPDATE contacts SET account_id = '$globex' WHERE id = '$ada' RETURNING account_id",
	$globex, [ patch($ada, "{\"account_id\":\"$globex\"}") ], 'account_id');
writes(
	"UPDATE contacts SET avatar_url = NULL, portal_role_id = NULL, external_ids = NULL WHERE id = '$ada' RETURNING avatar_url, portal_role_id, external_ids",
	'||[]', [ patch($ada, '{"avatar_url":"","portal_role_id":"","external_ids":[]}') ], 'NULL clears');
writes(
	"UPDATE contacts SET external_ids = '[{\"external_id\": \"n\", \"label\": \"l\"}]' WHERE id = '$ada' RETURNING external_ids",
	'[{"label": "l", "external_id": "n"}]', [ patch($ada, '{"external_ids":[{"label":"l","external_id":"n"}]}') ],
	'external_ids');
writes(
	"UPDATE contacts SET phone_numbers = '{1555,1666}', primary_phone_number = '1666' WHERE id = '$ada' RETURNING phone_numbers, primary_phone_number",
	'{1555,1666}|1666', [ patch($ada, '{"phone_numbers":["1555","1666"],"primary_phone_number":"1666"}') ],
	'phone_numbers');
writes("UPDATE contacts SET email = 'ada2\@acme.com' WHERE id = '$ada' RETURNING email, emails",
	'ada2@acme.com|{ada2@acme.com}', [ patch($ada, '{"email":"ada2@acme.com"}') ], 'email');
writes("UPDATE contacts SET emails = emails || 'ada3\@acme.com'::text WHERE id = '$ada' RETURNING email, emails",
	'ada2@acme.com|{ada2@acme.com,ada3@acme.com}',
	[
		patch($ada,
			'{"emails":[{"email":"ada2@acme.com","is_primary":true},{"email":"ada3@acme.com","is_primary":false}]}')
	], 'emails: the first is primary');
writes(
	"UPDATE contacts SET emails = '{a4\@acme.com,a5\@acme.com}', email = 'a5\@acme.com' WHERE id = '$ada' RETURNING email, emails",
	'a5@acme.com|{a4@acme.com,a5@acme.com}',
	[
		patch($ada, '{"emails":[{"email":"a4@acme.com","is_primary":false},{"email":"a5@acme.com","is_primary":true}]}')
	], 'emails: the new email is primary');
writes(
	"UPDATE contacts SET email = email, emails = '{a6\@acme.com,a5\@acme.com}' WHERE id = '$ada' RETURNING email, emails",
	'a5@acme.com|{a6@acme.com,a5@acme.com}',
	[
		patch($ada, '{"emails":[{"email":"a6@acme.com","is_primary":false},{"email":"a5@acme.com","is_primary":true}]}')
	], 'emails: an email assigned as it was is primary, too');
writes(
	"UPDATE contacts SET email = email, emails = '{A6\@acme.com,A5\@acme.com}' WHERE id = '$ada' RETURNING email, emails",
	'A5@acme.com|{A6@acme.com,A5@acme.com}',
	[
		patch($ada, '{"emails":[{"email":"A6@acme.com","is_primary":false},{"email":"A5@acme.com","is_primary":true}]}')
	], 'emails: another case is sent, of the primary one, too');
writes("UPDATE contacts SET emails = '{}' WHERE id = '$ada' RETURNING email IS NULL, emails",
	't|{}', [ patch($ada, '{"emails":[]}') ], 'emails: none');

# Where nothing is sent, RETURNING gives what is there, in whatever form it was assigned.
reset_api();
writes(
	"UPDATE contacts SET avatar_url = '', custom_fields = custom_fields || '{\"seats\": 5, \"none\": null}' WHERE id = '$grace' RETURNING avatar_url IS NULL, custom_fields",
	't|{"vip": "false", "tier": "silver", "notes": "", "seats": "5", "regions": ["us"]}', [],
	'UPDATE of nothing: RETURNING');

# Custom fields in the map.
my $custom = sub { my ($id, $entries) = @_; return patch($id, "{\"custom_fields\":[$entries]}"); };
my $returning = "WHERE id = '$grace' RETURNING custom_fields";
reset_api();
writes("UPDATE contacts SET custom_fields = custom_fields || '{\"tier\": \"gold\", \"seats\": \"5\"}' $returning",
	'{"vip": "false", "tier": "gold", "notes": "", "seats": "5", "regions": ["us"]}',
	[ $custom->($grace, '{"slug":"tier","value":"gold"}') ], 'custom_fields by ||');
writes("UPDATE contacts SET custom_fields = custom_fields - 'tier'::text $returning",
	'{"vip": "false", "notes": "", "seats": "5", "regions": ["us"]}', [ $custom->($grace, '{"slug":"tier"}') ],
	'custom_fields by -');
writes("UPDATE contacts SET custom_fields = jsonb_set(custom_fields, '{regions}', '[\"eu\", \"us\"]') $returning",
	'{"vip": "false", "notes": "", "seats": "5", "regions": ["eu", "us"]}',
	[ $custom->($grace, '{"slug":"regions","values":["eu","us"]}') ], 'custom_fields by jsonb_set');
writes("UPDATE contacts SET custom_fields['mrr'] = '12.50' $returning",
	'{"mrr": "12.50", "vip": "false", "notes": "", "seats": "5", "regions": ["eu", "us"]}',
	[ $custom->($grace, '{"slug":"mrr","value":"12.50"}') ], 'custom_fields by subscript');
writes("UPDATE contacts SET custom_fields = custom_fields || '{\"vip\": true, \"seats\": 6}' $returning",
	'{"mrr": "12.50", "vip": "true", "notes": "", "seats": "6", "regions": ["eu", "us"]}',
	[ $custom->($grace, '{"slug":"vip","value":"true"},{"slug":"seats","value":"6"}') ], 'custom_fields: JSON types');
writes("UPDATE contacts SET custom_fields = custom_fields || '{\"vip\": null, \"tier\": null}' $returning",
	'{"mrr": "12.50", "notes": "", "seats": "6", "regions": ["eu", "us"]}', [ $custom->($grace, '{"slug":"vip"}') ],
	'custom_fields: null unsets');
writes("UPDATE contacts SET custom_fields = '{\"tier\": \"bronze\", \"notes\": \"\"}' $returning",
	'{"tier": "bronze", "notes": ""}',
	[ $custom->($grace, '{"slug":"tier","value":"bronze"},{"slug":"mrr"},{"slug":"seats"},{"slug":"regions"}') ],
	'custom_fields as a whole');
writes("UPDATE contacts SET custom_fields = NULL $returning", '{}',
	[ $custom->($grace, '{"slug":"tier"},{"slug":"notes"}') ], 'custom_fields NULL');
is_deeply(stored_contact($api, $grace)->{custom_fields}, {}, 'custom_fields NULL: what is there');

# Columns of their own.
reset_api();
for my $case (
	[ tier => "'gold'", '"value":"gold"', 'gold' ], [ seats => '6', '"value":"6"', '6' ],
	[ mrr => '7', '"value":"7.00"', '7.00' ], [ vip => 'true', '"value":"true"', 't' ],
	[ renewal => "'2027-03-04'", '"value":"2027-03-04"', '2027-03-04' ],
	[ last_seen => "'2026-07-08 09:10:11+00'", '"value":"2026-07-08T09:10:11+00:00"', '2026-07-08 09:10:11+00' ],
	[ regions => "'{eu,apac}'", '"values":["eu","apac"]', '{eu,apac}' ], [ notes => "'n'", '"value":"n"', 'n' ])
{
	my ($column, $sql, $json, $result) = @$case;

	writes("SET timezone = 'UTC'; UPDATE typed SET $column = $sql WHERE id = '$grace' RETURNING $column", $result,
		[ $custom->($grace, "{\"slug\":\"$column\",$json}") ], "typed column $column");
	writes("UPDATE typed SET $column = $sql WHERE id = '$grace'", '', [], "typed column $column: no change");
	writes("UPDATE typed SET $column = NULL WHERE id = '$grace' RETURNING $column IS NULL", 't',
		[ $custom->($grace, "{\"slug\":\"$column\"}") ], "typed column $column: NULL");
}
writes(
	"UPDATE both_forms SET tier = 'gold', custom_fields = custom_fields || '{\"seats\": 1}' WHERE id = '$grace' RETURNING tier, custom_fields",
	'gold|{"tier": "gold", "seats": "1"}',
	[ $custom->($grace, '{"slug":"tier","value":"gold"},{"slug":"seats","value":"1"}') ],
	'both forms of different slugs');

# ---------------------------------------------------------------- UPDATE and DELETE with other tables, triggers

reset_api();
$node->safe_psql('postgres',
	"CREATE TABLE wanted (email text, name text); INSERT INTO wanted VALUES ('grace\@acme.com', 'G'), ('zoe\@globex.com', 'Z')"
);
writes(
	"WITH u AS (UPDATE contacts c SET name = w.name FROM wanted w WHERE w.email = c.email RETURNING c.id, c.name, w.email) SELECT name, email FROM u ORDER BY 1",
	"G|grace\@acme.com\nZ|zoe\@globex.com",
	[ patch($grace, '{"name":"G"}'), patch('00000000-0000-4000-8000-000000000006', '{"name":"Z"}') ],
	'UPDATE ... FROM');
writes(
	"UPDATE contacts c SET name = (SELECT max(name) FROM wanted), avatar_url = 'https://x.example/q.png' WHERE id = (SELECT id FROM contacts WHERE email = 'grace\@acme.com') RETURNING name",
	'Z', [ patch($grace, '{"name":"Z","avatar_url":"https://x.example/q.png"}') ], 'UPDATE with subqueries');
writes("UPDATE contacts SET (name, avatar_url) = (SELECT 'row', NULL) WHERE id = '$grace' RETURNING name", 'row',
	[ patch($grace, '{"name":"row","avatar_url":""}') ], 'UPDATE of a row');
my @gone = map { "00000000-0000-4000-8000-00000000000$_" } 2, 6;
writes(
	"WITH d AS (DELETE FROM contacts c USING wanted w WHERE w.email = c.email RETURNING c.*, w.name AS wanted) SELECT id, name, email, emails, account_id = '$acme', phone_numbers, custom_fields->>'vip', wanted FROM d ORDER BY id",
	"$gone[0]|row|grace\@acme.com|{grace\@acme.com,hopper\@navy.example}|t|{15550100,15550101}|false|G\n$gone[1]|Z|zoe\@globex.com|{zoe\@globex.com}|f|||Z",
	[ map { "DELETE /contacts/$_" } @gone ], 'DELETE USING, RETURNING all columns');
reset_api();
writes(
	"DELETE FROM contacts WHERE id = '$ada' RETURNING id, account_id, name, email, emails, avatar_url, portal_role, portal_role_id, primary_phone_number, external_ids, account_external_ids, integration_user_ids, custom_fields->>'mrr', tableoid::regclass",
	"$ada|$acme|Ada Lovelace|ada\@acme.com|{ada\@acme.com}|https://acme.com/ada.png|admin|role-admin|+33100000000|"
	  . '[{"label": "hubspot", "external_id": "crm-ada"}]|[{"label": "crm", "external_id": "acme"}]|[{"id": "U1", "source": "slack"}]|1250.50|contacts',
	["DELETE /contacts/$ada"], 'DELETE ... RETURNING');

reset_api();
$node->safe_psql('postgres', q{
	CREATE TABLE seen (n serial, what text);
	CREATE FUNCTION set_avatar() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.avatar_url := 'https://x.example/' || lower(NEW.name) || '.png'; RETURN NEW; END $$;
	CREATE FUNCTION note_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		INSERT INTO seen (what) VALUES (concat_ws(' ', TG_OP, OLD.name, OLD.email, NEW.name, NEW.portal_role));
		RETURN NULL; END $$;
	CREATE TRIGGER a BEFORE INSERT OR UPDATE ON contacts FOR EACH ROW EXECUTE FUNCTION set_avatar();
	CREATE TRIGGER b AFTER INSERT OR UPDATE OR DELETE ON contacts FOR EACH ROW EXECUTE FUNCTION note_row()});
writes("INSERT INTO contacts (name) VALUES ('t1'), ('t2')", '',
	[ map { "POST /contacts {\"name\":\"$_\",\"avatar_url\":\"https://x.example/$_.png\"}" } 't1', 't2' ],
	'row triggers of INSERT');
writes("COPY contacts (name) FROM PROGRAM 'echo t3'", '',
	['POST /contacts {"name":"t3","avatar_url":"https://x.example/t3.png"}'], 'row triggers of COPY');
writes("UPDATE contacts SET name = 'T5' WHERE id = '$grace'", '',
	[ patch($grace, '{"name":"T5","avatar_url":"https://x.example/t5.png"}') ],
	'row triggers of UPDATE: a column that the statement does not assign');
writes("UPDATE contacts SET name = 'T6' WHERE id IN ('$ada', '$alan')", '',
	[ map { patch($_, '{"name":"T6","avatar_url":"https://x.example/t6.png"}') } $ada, $alan ],
	'row triggers of UPDATE of several');
writes("DELETE FROM contacts WHERE id IN ('$ada', '$grace')", '', [ map { "DELETE /contacts/$_" } $ada, $grace ],
	'row triggers of DELETE');
is($node->safe_psql('postgres', 'SELECT what FROM seen ORDER BY n'),
	join("\n", 'INSERT t1 no_access', 'INSERT t2 no_access', 'INSERT t3 no_access',
		'UPDATE Grace Hopper grace@acme.com T5 member', 'UPDATE Ada Lovelace ada@acme.com T6 admin',
		'UPDATE Alan Turing alan@acme.com T6 no_access', 'DELETE T6 ada@acme.com', 'DELETE T5 grace@acme.com'),
	'what AFTER triggers see');
$node->safe_psql('postgres', q{
	DROP TRIGGER a ON contacts; DROP TRIGGER b ON contacts;
	CREATE FUNCTION skip_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.name LIKE 'K%' THEN RETURN OLD; END IF; RETURN NULL; END $$;
	CREATE TRIGGER c BEFORE DELETE ON contacts FOR EACH ROW EXECUTE FUNCTION skip_row()});
tagged('DELETE FROM contacts', 'DELETE 1', ['DELETE /contacts/00000000-0000-4000-8000-000000000004'],
	'a trigger that lets rows be');
$node->safe_psql('postgres', 'DROP TRIGGER c ON contacts');

# Generated columns are computed here and sent.
reset_api();
$node->safe_psql('postgres',
	"CREATE FOREIGN TABLE generated (id text, name text, notes text OPTIONS (custom_field 'notes') GENERATED ALWAYS AS ('N: ' || name) STORED) SERVER pylon"
);
writes("INSERT INTO generated (name) VALUES ('g') RETURNING notes", 'N: g',
	['POST /contacts {"name":"g","custom_fields":[{"slug":"notes","value":"N: g"}]}'], 'a generated column');
writes("UPDATE generated SET name = 'h' WHERE id = '$ada' RETURNING name, notes", 'h|N: h',
	[ patch($ada, '{"name":"h","custom_fields":[{"slug":"notes","value":"N: h"}]}') ], 'UPDATE of a generated column');

# A virtual one shows no field: it is computed when it is read, also where the whole row is.
SKIP:
{
	skip 'PostgreSQL 18 has virtual generated columns', 13 if $node->pg_version < 18;
	$node->safe_psql('postgres',
		"CREATE FOREIGN TABLE virtual (id text, shout text GENERATED ALWAYS AS (upper(name)) VIRTUAL, name text) SERVER pylon"
	);
	is($node->safe_psql('postgres', "SELECT shout FROM virtual WHERE id = '$ada'"), 'H', 'a virtual column');
	is($node->safe_psql('postgres', "SELECT v FROM virtual v WHERE id = '$ada'"),
		"($ada,H,h)", 'a row with a virtual column');
	is($node->safe_psql('postgres', "SELECT count(*) FROM virtual WHERE shout = 'H'"),
		'1', 'a condition on a virtual column');
	writes("INSERT INTO virtual (name) VALUES ('v') RETURNING shout, name", 'V|v', ['POST /contacts {"name":"v"}'],
		'INSERT beside a virtual column');
	writes("UPDATE virtual SET name = 'w' WHERE id = '$ada' RETURNING shout", 'W', [ patch($ada, '{"name":"w"}') ],
		'UPDATE beside a virtual column');
	writes("DELETE FROM virtual WHERE shout = 'W' RETURNING name, id",
		"w|$ada", ["DELETE /contacts/$ada"], 'DELETE by a virtual column');
	reset_api();
	is($node->safe_psql('postgres', 'ANALYZE virtual'), '', 'ANALYZE with a virtual column');
}

# Other names, another order, a dropped column.
$node->safe_psql('postgres',
	"CREATE FOREIGN TABLE other_names (gone text OPTIONS (field 'portal_role'), mail varchar(99) OPTIONS (field 'email'), \"Key\" uuid OPTIONS (field 'id'), full_name text OPTIONS (field 'name')) SERVER pylon;
	ALTER FOREIGN TABLE other_names DROP COLUMN gone");
writes(
	"INSERT INTO other_names (full_name, mail) VALUES ('o', 'o\@x.example') RETURNING mail, full_name, \"Key\" IS NOT NULL",
	'o@x.example|o|t', ['POST /contacts {"email":"o@x.example","name":"o"}'], 'other names');
writes("UPDATE other_names SET full_name = 'p' WHERE \"Key\" = '$ada' RETURNING mail, full_name", 'ada@acme.com|p',
	[ patch($ada, '{"name":"p"}') ], 'UPDATE with other names');
writes("DELETE FROM other_names WHERE \"Key\" = '$ada' RETURNING mail, full_name, \"Key\"",
	"ada\@acme.com|p|$ada", ["DELETE /contacts/$ada"], 'DELETE with other names');
$node->safe_psql('postgres', 'CREATE FOREIGN TABLE no_id (name text, email text) SERVER pylon');
writes("INSERT INTO no_id VALUES ('no id') RETURNING name", 'no id', ['POST /contacts {"name":"no id"}'],
	'a table without id');
refused("DELETE FROM no_id", '55000', qr/no_id/, 'DELETE from a table without id');

# ---------------------------------------------------------------- answers to PATCH

for my $answer ('empty', 'no_data', '204')
{
	reset_api();
	api_set($api, patch_answer => $answer);
	requests_are($node, $api,
		"UPDATE contacts SET name = 'A', custom_fields = custom_fields - 'tier'::text WHERE id = '$ada' RETURNING name, custom_fields->>'tier' IS NULL, custom_fields->>'seats', email",
		'A|t|25|ada@acme.com',
		[ "GET /contacts/$ada", patch($ada, '{"name":"A","custom_fields":[{"slug":"tier"}]}'), "GET /contacts/$ada" ],
		"patch_answer $answer");
}
reset_api();
api_fault($api, kind => 'wrong_shape', match => 'PATCH',
	body => { data => { id => $ada, name => 'as the API has it', email => 'new@api.example' } });
writes("UPDATE contacts SET name = 'sent' WHERE id = '$ada' RETURNING name, email", 'as the API has it|new@api.example',
	[ patch($ada, '{"name":"sent"}') ], 'RETURNING is of the answer');
for my $verb ('PATCH', 'DELETE')
{
	api_fault($api, kind => 'status', status => 404, match => $verb, body => { errors => ['Contact not found!'] });
	tagged($verb eq 'PATCH'
		? "UPDATE contacts SET name = 'gone' WHERE id = '$ada'"
		: "DELETE FROM contacts WHERE id = '$ada'", $verb eq 'PATCH' ? 'UPDATE 0' : 'DELETE 0',
		[ $verb eq 'PATCH' ? patch($ada, '{"name":"gone"}') : "DELETE /contacts/$ada" ],
		"$verb of a contact that is gone");
	# one that is gone is not said to remain, or to be counted, either
	api_fault($api, kind => 'status', status => 404, match => $verb, body => { errors => ['Contact not found!'] });
	my ($counted, $out, $text) = $node->psql('postgres', 'BEGIN; ' . ($verb eq 'PATCH'
			? "UPDATE contacts SET name = 'gone' WHERE id = '$ada'"
			: "DELETE FROM contacts WHERE id = '$ada'")
		  . '; SELECT sum(rows_updated), sum(rows_deleted) FROM pylon_fdw_stats(); ROLLBACK');
	is($out, '0|0', "$verb of a contact that is gone: counted");
	is($text, '', "$verb of a contact that is gone: no warning");
}

# ---------------------------------------------------------------- what the API ignores

# A value that the API leaves out, and where that shows.
my @ignored = (
	[
		'ignore_fields', 'tier',
		"INSERT INTO contacts (name, custom_fields) VALUES ('x', '{\"tier\": \"gold\"}')", qr/"custom_fields".*tier/s
	],
	[ 'ignore_fields', 'tier', "INSERT INTO typed (name, tier) VALUES ('x', 'gold')", qr/"tier"/ ],
	[
		'ignore_fields', 'avatar_url',
		"INSERT INTO contacts (name, avatar_url) VALUES ('x', 'https://x.example/x.png')", qr/"avatar_url"/
	],
	[
		'ignore_fields', 'phone_numbers',
		"INSERT INTO contacts (name, phone_numbers) VALUES ('x', '{15}')", qr/"phone_numbers"/
	],
	[
		'ignore_fields', 'external_ids',
		"INSERT INTO contacts (name, external_ids) VALUES ('x', '[{\"external_id\": \"a\", \"label\": \"b\"}]')",
		qr/"external_ids"/
	],
	[
		'ignore_fields', 'account_id', "INSERT INTO contacts (name, account_id) VALUES ('x', '$acme')", qr/"account_id"/
	],
	[
		'ignore_fields', 'portal_role',
		"INSERT INTO contacts (name, portal_role) VALUES ('x', 'admin')", qr/"portal_role"/
	],
	[ 'ignore_fields', 'name', "UPDATE contacts SET name = 'x' WHERE id = '$ada'", qr/"name"/ ],
	[ 'ignore_fields', 'email', "UPDATE contacts SET email = 'x\@x.example' WHERE id = '$ada'", qr/"email"/ ],
	[ 'ignore_fields', 'emails', "UPDATE contacts SET emails = '{x\@x.example}' WHERE id = '$ada'", qr/"emails"/ ],
	[
		'ignore_fields', 'portal_role',
		"UPDATE contacts SET portal_role = 'member' WHERE id = '$ada'", qr/"portal_role"/
	],
	[
		'ignore_fields', 'external_ids',
		"UPDATE contacts SET external_ids = '[{\"external_id\": \"a\", \"label\": \"b\"}]' WHERE id = '$ada'",
		qr/"external_ids"/
	],
	[
		'ignore_fields', 'tier',
		"UPDATE contacts SET custom_fields = custom_fields || '{\"tier\": \"silver\"}' WHERE id = '$ada'",
		qr/"custom_fields".*tier/s
	],
	[ 'ignore_fields', 'seats', "UPDATE typed SET seats = 99 WHERE id = '$ada'", qr/"seats"/ ],
	[ 'ignore_fields', 'regions', "UPDATE typed SET regions = '{apac}' WHERE id = '$ada'", qr/"regions"/ ],
	[ 'ignore_fields', 'vip', "UPDATE typed SET vip = NULL WHERE id = '$ada'", qr/"vip"/ ],
	[
		'unknown_slug_write', 'ignore',
		"INSERT INTO contacts (name, custom_fields) VALUES ('x', '{\"nonsense\": \"1\"}')",
		qr/"custom_fields".*nonsense/s
	],
	[
		'unknown_slug_write', 'ignore',
		"UPDATE contacts SET custom_fields = custom_fields || '{\"nonsense\": \"1\"}' WHERE id = '$ada'",
		qr/"custom_fields".*nonsense/s
	],
	[ 'clear_works', 'none', "UPDATE contacts SET account_id = NULL WHERE id = '$ada'", qr/"account_id"/ ],
	[ 'clear_works', 'none', "UPDATE contacts SET avatar_url = NULL WHERE id = '$ada'", qr/"avatar_url"/ ],
	[ 'clear_works', 'none', "UPDATE contacts SET phone_numbers = '{}' WHERE id = '$ada'", qr/"phone_numbers"/ ],
	[ 'clear_works', 'none', "UPDATE contacts SET external_ids = NULL WHERE id = '$ada'", qr/"external_ids"/ ]);

reset_api();
for my $case (@ignored)
{
	my ($switch, $value, $sql, $pattern) = @$case;
	my $name = "$switch $value: " . substr $sql, 0, 45;

	api_set($api, $switch => $value);
	fails_with($node, $sql, '22023', $pattern, $name);
	reset_api();
}
api_set($api, normalise_email => 'on');
writes("INSERT INTO contacts (name, email) VALUES ('n', 'Norm\@X.Example') RETURNING email", 'norm@x.example',
	['POST /contacts {"name":"n","email":"Norm@X.Example"}'], 'a normalised address');
writes("UPDATE contacts SET email = 'ADA9\@acme.com' WHERE id = '$ada' RETURNING email", 'ada9@acme.com',
	[ patch($ada, '{"email":"ADA9@acme.com"}') ], 'a normalised address in UPDATE');
writes("UPDATE contacts SET emails = '{A\@acme.com,B\@acme.com}' WHERE id = '$ada' RETURNING emails",
	'{a@acme.com,b@acme.com}',
	[ patch($ada, '{"emails":[{"email":"A@acme.com","is_primary":true},{"email":"B@acme.com","is_primary":false}]}') ],
	'normalised addresses');
reset_api();

# What comes back as it was has been ignored, however alike the two are; what the API only writes in another way has not.
$node->safe_psql('postgres',
	"CREATE FOREIGN TABLE alike (id text, name text, email text, avatar_url text, seats bigint OPTIONS (custom_field 'seats'), mrr numeric OPTIONS (custom_field 'mrr'),
	website text OPTIONS (custom_field 'website')) SERVER pylon");
api_set($api, ignore_fields => 'seats,website,name,avatar_url,mrr');
for my $case (
	[ seats => '-seats' ], [ avatar_url => "'https://x.com/new.png'" ], [ name => "'Ada-Lovelace'" ],
	[ name => "'Adalovelace'" ], [ mrr => 'mrr * 10' ], [ mrr => '-mrr' ])
{
	fails_with($node, "UPDATE alike SET $case->[0] = $case->[1] WHERE id = '$ada'", '22023',
		qr/ignored the value for column "$case->[0]"/, "ignored: $case->[0] = $case->[1]");
}
writes("UPDATE alike SET mrr = 1250.500 WHERE id = '$ada' RETURNING mrr",
	'1250.50', [], 'the same number in other digits');
reset_api();
api_set($api, normalise_email => 'on');
writes("UPDATE contacts SET email = 'ADA\@acme.com' WHERE id = '$ada' RETURNING email", 'ada@acme.com',
	[ patch($ada, '{"email":"ADA@acme.com"}') ], 'an address that is normalised to what it was');
reset_api();

# ---------------------------------------------------------------- values that are less than they seem

# Blanks that fill up a char(n).
$node->safe_psql('postgres',
	"CREATE FOREIGN TABLE padded (id char(40), name char(20) NOT NULL, email text) SERVER pylon");
writes("INSERT INTO padded (name) VALUES ('Bo')", '', ['POST /contacts {"name":"Bo"}'], 'INSERT of char(n)');
$node->safe_psql('postgres', 'ALTER FOREIGN TABLE padded ALTER id TYPE text');
tagged("UPDATE padded SET name = 'Grace2' WHERE email = 'grace\@acme.com'", 'UPDATE 1',
	[ patch($grace, '{"name":"Grace2"}') ], 'UPDATE of char(n)');

# The empty list and the empty string.
reset_api();
writes("UPDATE typed SET regions = '{}' WHERE id = '$ada' RETURNING cardinality(regions)", '0',
	[ $custom->($ada, '{"slug":"regions","values":[]}') ], 'an empty list in a column');
writes("INSERT INTO typed (name, regions) VALUES ('no regions', '{}')", '',
	['POST /contacts {"name":"no regions","custom_fields":[{"slug":"regions","values":[]}]}'],
	'INSERT of an empty list');
writes("UPDATE contacts SET custom_fields = custom_fields || '{\"regions\": []}' WHERE id = '$grace'", '',
	[ $custom->($grace, '{"slug":"regions","values":[]}') ], 'an empty list in the map');
writes("INSERT INTO contacts (name, portal_role, email) VALUES ('x', '', '')", '', ['POST /contacts {"name":"x"}'],
	'empty strings in INSERT');
refused("INSERT INTO contacts (name) VALUES ('')", '23502', qr/name/, 'INSERT of an empty name');
refused("UPDATE contacts SET name = '' WHERE id = '$ada'", '23502', qr/name/, 'UPDATE to an empty name');
refused("SET pylon_fdw.dry_run = on; UPDATE contacts SET name = '' WHERE id = '$ada'",
	'23502', qr/name/, 'dry_run of an empty name');

# Addresses.
reset_api();
writes(
	"UPDATE contacts SET email = NULL, emails = '{n1\@acme.com,ada\@acme.com}' WHERE id = '$ada' RETURNING email, emails",
	'n1@acme.com|{n1@acme.com,ada@acme.com}',
	[
		patch(
			$ada, '{"emails":[{"email":"n1@acme.com","is_primary":true},{"email":"ada@acme.com","is_primary":false}]}')
	], 'email NULL with emails');
writes("UPDATE contacts SET emails = '{a\@a.com,A\@a.com,b\@a.com,a\@a.com}' WHERE id = '$ada' RETURNING email, emails",
	'a@a.com|{a@a.com,b@a.com}',
	[ patch($ada, '{"emails":[{"email":"a@a.com","is_primary":true},{"email":"b@a.com","is_primary":false}]}') ],
	'an address twice');
writes(
	"UPDATE contacts SET email = 'N9\@acme.com', emails = '{b\@a.com,n9\@acme.com}' WHERE id = '$ada' RETURNING email, emails",
	'N9@acme.com|{b@a.com,N9@acme.com}',
	[ patch($ada, '{"emails":[{"email":"b@a.com","is_primary":false},{"email":"N9@acme.com","is_primary":true}]}') ],
	'an address in two spellings');
writes("UPDATE contacts SET email = NULL, emails = NULL WHERE id = '$ada' RETURNING email IS NULL, emails",
	't|{}', [ patch($ada, '{"emails":[]}') ], 'no address');

# Phone numbers are read with a plus and taken without.
writes("UPDATE contacts SET phone_numbers = phone_numbers || '491234'::text WHERE id = '$ada' RETURNING phone_numbers",
	'{33100000000,491234}', [ patch($ada, '{"phone_numbers":["33100000000","491234"]}') ], 'a phone number more');
writes("INSERT INTO contacts (name, phone_numbers, primary_phone_number) VALUES ('phone', '{+491234}', '+491234')", '',
	['POST /contacts {"name":"phone","phone_numbers":["491234"],"primary_phone_number":"491234"}'],
	'INSERT of a phone number');

# JSON numbers and booleans that say what is there; digits that a session doesn't show.
reset_api();
writes("UPDATE contacts SET custom_fields = custom_fields || '{\"seats\": 25, \"vip\": true}' WHERE id = '$ada'",
	'', [], 'JSON types that change nothing');
# A list in a column that is no array is a JSON array, as it is read.
$node->safe_psql('postgres',
	'CREATE FOREIGN TABLE lists (id text, name text, emails jsonb, phone_numbers text) SERVER pylon');
reset_api();
writes(
	"UPDATE lists SET emails = '[\"l1\@acme.com\", \"l2\@acme.com\"]', phone_numbers = '[\"1555\", 1666]' WHERE id = '$ada' RETURNING emails, phone_numbers::jsonb",
	'["l1@acme.com", "l2@acme.com"]|["1555", "1666"]',
	[
		patch($ada,
			'{"emails":[{"email":"l1@acme.com","is_primary":true},{"email":"l2@acme.com","is_primary":false}],"phone_numbers":["1555","1666"]}'
		)
	], 'lists as JSON');
writes("UPDATE lists SET emails = NULL, phone_numbers = '[]' WHERE id = '$ada' RETURNING emails, phone_numbers",
	'[]|[]', [ patch($ada, '{"emails":[],"phone_numbers":[]}') ], 'lists as JSON: none');
writes("INSERT INTO lists (name, phone_numbers) VALUES ('x', '[\"1777\"]') RETURNING phone_numbers", '["1777"]',
	['POST /contacts {"name":"x","phone_numbers":["1777"]}'], 'lists as JSON: INSERT');
for my $value ('{"a": 1}', '"a"', '[["a"]]', '[null]')
{
	refused("UPDATE lists SET emails = '$value' WHERE id = '$ada'", '22023',
		qr/"emails"/, "$value is no list of strings");
}

$node->safe_psql('postgres',
	"CREATE FOREIGN TABLE floats (id text, name text, mrr float8 OPTIONS (custom_field 'mrr')) SERVER pylon");
writes(
	"SET extra_float_digits = 0; INSERT INTO floats (name, mrr) VALUES ('f', 0.1::float8 + 0.2::float8) RETURNING mrr; SHOW extra_float_digits",
	"0.3\n0", ['POST /contacts {"name":"f","custom_fields":[{"slug":"mrr","value":"0.30000000000000004"}]}'],
	'all digits of a float');

reset_api();
writes("UPDATE contacts SET custom_fields = custom_fields || '{\"notes\": \"null\"}' WHERE id = '$grace'", '',
	[ $custom->($grace, '{"slug":"notes","value":"null"}') ], 'the word null');
writes("UPDATE contacts SET custom_fields = custom_fields || '{\"notes\": null}' WHERE id = '$grace'", '',
	[ $custom->($grace, '{"slug":"notes"}') ], 'null in place of the word');
writes("UPDATE contacts SET custom_fields = custom_fields || '{\"notes\": \"[ \\\"eu\\\"]\"}' WHERE id = '$grace'", '',
	[ $custom->($grace, '{"slug":"notes","value":"[ \\"eu\\"]"}') ], 'a text that looks like a list');

# Two columns of one field, or both forms of a slug.
$node->safe_psql('postgres',
	"CREATE FOREIGN TABLE twice (id text, name text, email text, mail2 text OPTIONS (field 'email'), tier text OPTIONS (custom_field 'tier'), tier2 text OPTIONS (custom_field 'tier'),
	custom_fields jsonb) SERVER pylon");
refused("UPDATE twice SET email = 'a\@t.example', mail2 = 'b\@t.example' WHERE id = '$ada'", '22023',
	qr/field "email" is written by two columns/, 'two columns of a field');
refused("INSERT INTO twice (name, email, mail2) VALUES ('t', 'a\@t.example', 'b\@t.example')", '22023',
	qr/field "email" is written by two columns/, 'two columns of a field in INSERT');
refused("UPDATE twice SET tier = 'bronze', tier2 = 'silver' WHERE id = '$ada'", '22023',
	qr/"tier" is written by two columns/, 'two columns of a slug');
writes("UPDATE twice SET tier = tier, custom_fields = custom_fields || '{\"seats\": \"26\"}' WHERE id = '$ada'", '',
	[ $custom->($ada, '{"slug":"seats","value":"26"}') ], 'both forms of different slugs, one as it was');
writes("UPDATE twice SET mail2 = 'b\@t.example' WHERE id = '$ada' RETURNING email, mail2", 'b@t.example|b@t.example',
	[ patch($ada, '{"email":"b@t.example"}') ], 'the second column of a field');
reset_api();

# ---------------------------------------------------------------- updatable, dry_run, read-only

$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (ADD updatable 'false')");
refused("INSERT INTO contacts (name) VALUES ('x')", '55000', qr/does not allow inserts/, 'updatable false, INSERT');
refused("UPDATE contacts SET name = 'x'", '55000', qr/does not allow updates/, 'updatable false, UPDATE');
refused('DELETE FROM contacts', '55000', qr/does not allow deletes/, 'updatable false, DELETE');
refused("COPY contacts (name) FROM PROGRAM 'echo x'", '55000', qr/does not allow inserts/, 'updatable false, COPY');
$node->safe_psql('postgres', "ALTER FOREIGN TABLE contacts OPTIONS (ADD updatable 'true')");
writes("UPDATE contacts SET name = 'x' WHERE id = '$ada' RETURNING name", 'x', [ patch($ada, '{"name":"x"}') ],
	'updatable true of the table');
$node->safe_psql('postgres',
	"ALTER SERVER pylon OPTIONS (SET updatable 'true'); ALTER FOREIGN TABLE contacts OPTIONS (SET updatable 'false')");
refused("UPDATE contacts SET name = 'x'", '55000', qr/does not allow updates/, 'updatable false of the table');
$node->safe_psql('postgres', 'ALTER FOREIGN TABLE contacts OPTIONS (DROP updatable)');

for my $sql (
	"INSERT INTO contacts (name) VALUES ('x')", "UPDATE contacts SET name = 'y'", 'DELETE FROM contacts',
	"COPY contacts (name) FROM PROGRAM 'echo x'")
{
	refused("SET default_transaction_read_only = on; $sql", '25006', qr/read-only/, 'read-only, ' . substr $sql, 0, 10);
}

{
	my $session = PylonSession->new($node);

	$session->query('SET pylon_fdw.dry_run = on');
	api_take($api);
	for my $case (
		[
			"INSERT INTO contacts (name, email) VALUES ('dry', 'd\@x.example'), ('run', NULL) RETURNING name",
			"dry\nrun", [ 'POST /contacts {"name":"dry","email":"d@x.example"}', 'POST /contacts {"name":"run"}' ]
		],
		[
			"UPDATE contacts SET name = 'dry' WHERE id = '$grace' RETURNING name, email",
			'dry|grace@acme.com', [ patch($grace, '{"name":"dry"}') ]
		],
		[ "UPDATE contacts SET name = name WHERE id = '$grace' RETURNING name", 'Grace Hopper', [] ],
		[
			"INSERT INTO contacts (name, email) VALUES ('dry', '') RETURNING custom_fields, email IS NULL", '{}|t',
			['POST /contacts {"name":"dry"}']
		],
		[
			"UPDATE contacts SET email = '' WHERE id = '$grace' RETURNING email IS NULL, name", 't|Grace Hopper',
			[ patch($grace, '{"email":""}') ]
		],
		[ "DELETE FROM contacts WHERE id = '$grace' RETURNING name", 'Grace Hopper', ["DELETE /contacts/$grace"] ],
		[ "COPY contacts (name) FROM PROGRAM 'seq 2'", '', [ map { "POST /contacts {\"name\":\"$_\"}" } 1, 2 ] ])
	{
		my ($sql, $result, $requests) = @$case;

		is($session->query($sql), $result, "dry_run: result of $sql");
		is_deeply([ map { s/^NOTICE:  00000: //r } grep { /^NOTICE/ } split /\n/, $session->error ],
			$requests, "dry_run: notices of $sql");
	}
	$session->query("INSERT INTO contacts (email) VALUES ('x\@x.example')");
	like($session->error, qr/23502/, 'dry_run: a row without name fails all the same');
	is_deeply([ grep { is_write($_) } api_take($api) ], [], 'dry_run: nothing is written');
	is(scalar(stored_contacts($api)), 10, 'dry_run: nothing is changed');
	$session->quit;
}

# EXPLAIN writes nothing either, EXPLAIN ANALYZE does.
writes("EXPLAIN (COSTS OFF) INSERT INTO contacts (name) VALUES ('x')",
	"Insert on contacts\n  Pylon Request: POST /contacts\n  Pylon Columns: name\n  ->  Result", [], 'EXPLAIN');
api_take($api);
$node->safe_psql('postgres',
	"EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF) UPDATE contacts SET name = 'explained' WHERE id = '$grace'");
is_deeply([ grep { is_write($_) } api_take($api) ], [ patch($grace, '{"name":"explained"}') ], 'EXPLAIN ANALYZE');

# Several statements in one, on the same contacts.
writes(
	"WITH a AS (INSERT INTO contacts (name) VALUES ('w1') RETURNING name), b AS (UPDATE contacts SET name = 'w2' WHERE id = '$grace' RETURNING name), c AS (DELETE FROM contacts WHERE id = '$alan' RETURNING name)
	SELECT * FROM a UNION ALL SELECT * FROM b UNION ALL SELECT * FROM c", "w1\nw2\nAlan Turing",
	[ 'POST /contacts {"name":"w1"}', patch($grace, '{"name":"w2"}'), "DELETE /contacts/$alan" ], 'writes in WITH');

done_testing();
