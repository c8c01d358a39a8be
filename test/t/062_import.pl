# IMPORT FOREIGN SCHEMA with custom fields as columns: however many there are, whatever they are called, page by page.

use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSession;
use PylonTest;
use Test::More;

my $node = start_node();
my $api = start_api(contacts => 20);
my $json = JSON::PP->new->canonical;
my $path = 'GET /custom-fields?object_type=contact';

setup_server($node, $api);
my $session = PylonSession->new($node);
$session->query('CREATE SCHEMA i');

# Columns of the table that setup_server imports, custom_fields included, and how many more a table has room for.
my $fixed = $session->query("SELECT count(*) FROM pg_attribute WHERE attrelid = 'contacts'::regclass AND attnum > 0");
my $room = 1600 - $fixed;

# Fields that the API has besides its own.
sub define { my $fields = shift; api_ctl($api, 'custom-fields', $json->encode($fields)); return; }

sub import_as
{
	my $mode = shift;
	return "IMPORT FOREIGN SCHEMA pylon LIMIT TO (contacts) FROM SERVER pylon INTO i OPTIONS (custom_fields '$mode')";
}

# Imports, and gives the columns beside the fixed ones, as name, type and options.
sub columns
{
	my ($mode) = @_;

	$session->query('DROP FOREIGN TABLE IF EXISTS i.contacts');
	api_take($api);
	$session->query(import_as($mode));
	is($session->error, '', 'IMPORT: no error');
	return $session->query(
		"SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attfdwoptions), E'\\n'
			ORDER BY attnum)
		FROM pg_attribute WHERE attrelid = 'i.contacts'::regclass
			AND attnum > " . ($mode eq 'both' ? $fixed : $fixed - 1));
}

sub fails
{
	my ($mode, $sqlstate, $pattern, $requests, $name) = @_;

	api_take($api);
	fails_with($session, 'DROP FOREIGN TABLE IF EXISTS i.contacts; ' . import_as($mode), $sqlstate, $pattern, $name);
	is_deeply([ api_take($api) ], $requests, "$name: requests") if ref $requests;
	is(scalar(api_take($api)), $requests, "$name: number of requests") if defined $requests && !ref $requests;
	api_clear($api);
	return;
}

# ---------------------------------------------------------------- types

my @types = qw(text number decimal boolean date datetime user url select multiselect);
define([ map { { slug => "f_$_", type => $_ } } @types, 'formula', 'relationship', '' ]);
is(columns('columns'), join("\n",
		'f_text text {custom_field=f_text,field_type=text}',
		'f_number numeric {custom_field=f_number,field_type=number}',
		'f_decimal numeric {custom_field=f_decimal,field_type=decimal}',
		'f_boolean boolean {custom_field=f_boolean,field_type=boolean}',
		'f_date date {custom_field=f_date,field_type=date}',
		'f_datetime timestamp with time zone {custom_field=f_datetime,field_type=datetime}',
		'f_user text {custom_field=f_user,field_type=user}',
		'f_url text {custom_field=f_url,field_type=url}',
		'f_select text {custom_field=f_select,field_type=select}',
		'f_multiselect text[] {custom_field=f_multiselect,field_type=multiselect}',
		'f_formula text {custom_field=f_formula}',
		'f_relationship text {custom_field=f_relationship}',
		'f_ text {custom_field=f_}'),
	'each type of custom field');
define([
		{ slug => 'a', type => 'number', is_read_only => \1 }, { slug => 'b' },
		{ slug => 'c', type => 7, is_read_only => 'yes' }
	]);
is(columns('both'),
	"a numeric {custom_field=a,field_type=number,readonly=true}\nb text {custom_field=b}\nc text {custom_field=c}",
	'read-only, and definitions that lack something');

# ---------------------------------------------------------------- pages

define([ map { { slug => "s$_", type => 'text' } } 1 .. 30 ]);
for my $size (1, 7, 30)
{
	api_set($api, short_pages => $size);
	is(scalar(split /\n/, columns('columns')), 30, "30 fields, $size a page");
	is(scalar(api_take($api)), int((29 + $size) / $size), "30 fields, $size a page: requests");
}
api_set($api, short_pages => 10);
api_fault($api, kind => 'repeat_cursor', match => "$path&cursor");
fails('columns', '08P01', qr/A cursor came a second time/, [ $path, "$path&cursor=after%3D9%2F%2B" ],
	'a cursor that repeats itself');
api_fault($api, kind => 'wrong_shape', skip => 2,
	body => { data => [ { slug => 'x' } ], pagination => { cursor => 'after=9/+', has_next_page => \1 } });
fails('columns', '08P01', qr/A cursor came a second time/, 3, 'a cursor that leads back');
api_fault($api, kind => 'wrong_shape',
	body => { data => [ { slug => 'x' } ], pagination => { cursor => 'c' x 9000, has_next_page => \1 } });
fails('columns', '08P01', qr/cursor is too long/, 1, 'a cursor that is longer than a request can be');
api_set($api, short_pages => 0);

for my $body (
	'[]', '"x"', '{"data":{}}', '{"data":[1]}',
	'{"data":[{"type":"text"}]}', '{"data":[{"slug":""}]}', '{"data":[{"slug":1}]}')
{
	api_fault($api, kind => 'wrong_shape', body => $body);
	fails('columns', '08P01', qr/It is no list of custom fields/, 1, "definitions $body");
}
for my $body ('{}', '{"data":null}', '{"data":[]}')
{
	api_fault($api, kind => 'wrong_shape', body => $body);
	is(columns('columns'), '', "no definitions: $body");
}

# ---------------------------------------------------------------- as many as a table can have columns

# All alike, which took hours when each name was looked for from the beginning.
define([ ({ slug => 'name', type => 'text' }) x ($room + 1) ]);
is(scalar(split /\n/, columns('columns')), $room + 1, 'fields of one slug, without the jsonb column');
like(columns('columns'), qr/^name_2 text .*\nname_@{[ $room + 2 ]} text \S+\z/s, 'fields of one slug: their names');
fails('both', '54011', qr/more custom fields than a table can have columns.*\nDETAIL:  .*room for $room\./,
	1, 'one more than beside the jsonb column');
define([ map { { slug => 'x' x 70 . $_, type => 'text' } } 1 .. $room ]);
is(scalar(split /\n/, columns('both')), $room, 'fields whose slugs are cut to one name');
is($session->query('SELECT count(*) FROM (SELECT * FROM i.contacts) a'), 20, 'and the table can be read');
define([ ({ slug => 's' }) x 20_000 ]);
fails('columns', '54011', qr/more custom fields/, 1, '20,000 fields');
define([ map { { slug => "s$_" } } 1 .. 20_000 ]);
api_set($api, short_pages => 500);
fails('columns', '54011', qr/more custom fields/,
	4, '20,000 fields, 500 a page: no more are read than it takes to know');
is($session->query("IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO i; SELECT count(*) FROM i.contacts"),
	20, 'the jsonb column has no such limit');

# Pages without end, of one field each: the columns are the bound.
define([ map { { slug => "s$_" } } 1 .. 2000 ]);
api_set($api, short_pages => 1);
fails('columns', '54011', qr/more custom fields/, $room + 2, 'pages without end');

$session->quit;
done_testing();
