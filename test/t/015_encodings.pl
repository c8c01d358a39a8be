# Databases in other encodings than UTF-8: what the API sends is converted, and what is sent to it is UTF-8 again.

use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonTest;
use Test::More;

my $node = start_node();
my $api = start_api(contacts => 0);
# Before 16, the lexer of JSON raises an error of its own for escapes that a database can't hold.
my $old_lexer = $node->safe_psql('postgres', 'SHOW server_version_num') < 160000;

# Each of these is a contact whose characters some encodings have and others lack: Latin, Japanese, Cyrillic, none.
my %contacts = (
	ascii => { name => 'Ada', email => 'ada@acme.com' },
	latin => { name => "Zo\x{eb} \x{c5}ngstr\x{f6}m", email => "zo\x{eb}\@acme.com" },
	japanese => { name => "\x{5c71}\x{7530}\x{592a}\x{90ce}", email => "\x{5c71}\@acme.com" },
	rocket => { name => "Launch \x{1f680}", email => 'rocket@acme.com' });
my @order = ('ascii', 'latin', 'japanese', 'rocket');
my $utf8 = JSON::PP->new->utf8->canonical;

sub as_bytes { my $text = shift; utf8::encode($text); return $text; }

# Every kind of column holds the name; one contact has a custom field whose slug is not ASCII.
sub contact
{
	my ($id) = @_;
	my $name = $contacts{$id}{name};
	my $contact = {
		id => $id,
		%{ $contacts{$id} },
		emails => [ $name, $contacts{$id}{email} ],
		account => { id => "account-$name" },
		external_ids => [ { external_id => $name, label => 'crm' } ],
		custom_fields => {
			notes => { slug => 'notes', value => $name },
			regions => { slug => 'regions', values => [$name] }
		}
	};

	$contact->{custom_fields}{"gr\x{f6}\x{df}e"} = { value => 'XL' } if $id eq 'latin';
	return $contact;
}

api_ctl($api, 'replace', $utf8->encode([ map { contact($_) } @order ]));

# The same table in each database, and the contacts that it can hold. What psql sends and shows is UTF-8, but in a
# database that knows no encodings: that takes UTF-8 as bytes, and like all of PostgreSQL no \u escapes.
my @databases = (
	{ name => 'utf8', encoding => 'UTF8', holds => [@order] },
	{ name => 'latin1', encoding => 'LATIN1', holds => [ 'ascii', 'latin' ] },
	{ name => 'euc_jp', encoding => 'EUC_JP', holds => [ 'ascii', 'latin', 'japanese' ] },
	{ name => 'sql_ascii', encoding => 'SQL_ASCII', holds => [@order], holds_escaped => ['ascii'] });
my $database;

sub run_sql
{
	my ($sql) = @_;
	my ($status, $out, $err) =
	  $node->psql($database->{name}, "SET client_encoding = 'UTF8';\n\\set VERBOSITY verbose\n$sql");

	return ($out, $err);
}

sub gives
{
	my ($sql, $result, $name, $requests) = @_;

	api_take($api) if $requests;
	my ($out, $err) = run_sql($sql);
	is($out, $result, "$database->{name}: $name");
	is($err, '', "$database->{name}: $name: no error");
	is_deeply([ api_take($api) ], $requests, "$database->{name}: $name: the requests") if $requests;
	return;
}

sub fails
{
	my ($sql, $sqlstate, $pattern, $name) = @_;
	my ($out, $err) = run_sql($sql);

	like($err, qr/ERROR:  $sqlstate:/, "$database->{name}: $name: SQLSTATE");
	like($err, $pattern, "$database->{name}: $name: message");
	return;
}

foreach my $one (@databases)
{
	$database = $one;

	$node->safe_psql('postgres',
		"CREATE DATABASE $one->{name} TEMPLATE template0 ENCODING '$one->{encoding}' LOCALE 'C'");
	my ($out, $err) = run_sql(
		"SET log_statement = none;
		CREATE EXTENSION pylon_fdw;
		CREATE SERVER pylon FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url '$api->{url}', max_retries '0');
		CREATE USER MAPPING FOR PUBLIC SERVER pylon OPTIONS (api_token '$PylonTest::TOKEN');
		IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO public;
		CREATE FOREIGN TABLE typed (id text, name varchar(40), note text OPTIONS (custom_field 'notes'),
			regions text[] OPTIONS (custom_field 'regions')) SERVER pylon;");
	is($err, '', "$one->{name}: database and table");
	gives('SHOW server_encoding', $one->{encoding}, 'the encoding');

	# ------------------------------------------------------------ values

	for my $escapes ('off', 'on')
	{
		# The \u escapes of JSON are only another way to write the same character.
		my $written = "unicode_escapes $escapes";
		my $holds = $escapes eq 'on' && $one->{holds_escaped} || $one->{holds};
		my %holds = map { $_ => 1 } @$holds;

		api_set($api, unicode_escapes => $escapes);
		gives('SELECT id, length(id) FROM contacts',
			join("\n", map { "$_|" . length } @order),
			"$written: who does not read them has no trouble with characters that the encoding lacks");
		for my $id (@order)
		{
			my ($name, $email) = map { as_bytes($contacts{$id}{$_}) } 'name', 'email';
			my %columns = (
				name => $name,
				email => $email,
				'emails[2]' => $email,
				account_id => "account-$name",
				"custom_fields->>'notes'" => $name,
				"external_ids->0->>'external_id'" => $name);
			my @columns = sort keys %columns;

			if ($holds{$id})
			{
				gives('SELECT ' . join(', ', @columns) . " FROM contacts WHERE id = '$id'",
					join('|', @columns{@columns}), "$written: the columns of $id", ["GET /contacts/$id"]);
				gives("SELECT name, note, regions FROM typed WHERE id = '$id'",
					"$name|$name|" . ($name =~ / / ? "{\"$name\"}" : "{$name}"),
					"$written: varchar, custom field and list of $id");
				next;
			}
			for my $column (grep { $columns{$_} =~ /[\x80-\xff]/ } @columns)
			{
				my ($plain) = $column =~ /^(\w+)/;
				fails("SELECT $column FROM contacts WHERE id = '$id'",
					$one->{holds_escaped} && $old_lexer ? '0A000' : '22P05',
					qr/CONTEXT:  (?:.*\n)*column "$plain" of foreign table "contacts", contact id "$id"/,
					"$written: $column of $id");
			}
		}
	}
	api_set($api, unicode_escapes => 'off');
	gives("SELECT char_length(name) FROM contacts WHERE id = 'latin'", $one->{encoding} eq 'SQL_ASCII' ? 15 : 12,
		'a character is a character');

	# ------------------------------------------------------------ keys that nobody knows

	for my $key ("\x{5c71}", '\u5c71', '\ud83d\ude80', '\u0000', '\ud83d')
	{
		my $body = qq({"$key":1,"data":[{"$key":1,"id":"1","name":"a","account":{"$key":1,"id":"2"},)
		  . qq("custom_fields":{"$key":null,"notes":{"$key":1,"value":"n"}}}],"pagination":{"$key":1}});
		api_ctl($api, 'fault', $utf8->encode({ kind => 'wrong_shape', body => $body, times => 2 }));
		gives('SELECT id, name, account_id FROM contacts; SELECT id, note FROM typed', "1|a|2\n1|n",
			'an unknown key, ' . as_bytes($key), [ ('GET /contacts?limit=999') x 2 ]);
		api_ctl($api, 'faults-clear');
	}

	# ------------------------------------------------------------ conditions

	for my $id (@{ $one->{holds} })
	{
		my $contact = $contacts{$id};
		my ($name, $email) = map { as_bytes($contact->{$_}) } 'name', 'email';

		gives("SELECT id FROM contacts WHERE email = '$email'", $id, "e-mail of $id",
			[
				"POST /contacts/search {\"filter\":{\"field\":\"email\",\"operator\":\"equals\",\"value\":\"$email\"},\"limit\":999}"
			]);
		gives("SELECT id FROM contacts WHERE account_id = ANY ('{\"account-$name\",\"b-$name\"}')", $id,
			"accounts of $id",
			[
					'POST /contacts/search {"filter":{"field":"account_id","operator":"in",'
				  . "\"values\":[\"account-$name\",\"b-$name\"]},\"limit\":999}"
			]);
		my $path = $name =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger;
		gives("SELECT count(*) FROM contacts WHERE id = '$name'", 0, "look-up of $id", ["GET /contacts/$path"]);
		gives("EXPLAIN (COSTS OFF) SELECT id FROM contacts WHERE email = '$email'",
			qq(Foreign Scan on contacts\n  Filter: (email = '$email'::text)\n  Pylon Request: POST /contacts/search\n)
			  . qq(  Pylon Filter: {"field":"email","operator":"equals","value":"$email"}), "EXPLAIN of $id");
	}

	# ------------------------------------------------------------ a slug that is not ASCII

	my $slug = as_bytes("gr\x{f6}\x{df}e");
	gives(
		"ALTER FOREIGN TABLE typed ADD COLUMN size text OPTIONS (custom_field '$slug'); SELECT id, size FROM typed
			WHERE size <> ''",
		'latin|XL',
		'a custom field whose slug is not ASCII');
	gives("SELECT custom_fields->>'$slug' FROM contacts WHERE id = 'latin'", 'XL', 'such a slug as a key');
	api_ctl($api, 'custom-fields', "[{\"slug\":\"$slug\",\"type\":\"text\",\"is_read_only\":false}]");
	gives("CREATE SCHEMA c; IMPORT FOREIGN SCHEMA pylon FROM SERVER pylon INTO c OPTIONS (custom_fields 'columns');
		SELECT \"$slug\" FROM c.contacts WHERE id = 'latin'", 'XL', 'such a slug as the name of a column');
	gives("SELECT id FROM typed WHERE size = 'XL'", 'latin', 'such a slug in a filter',
		[
			"POST /contacts/search {\"filter\":{\"field\":\"$slug\",\"operator\":\"equals\",\"value\":\"XL\"},\"limit\":999}"
		]);

	# ------------------------------------------------------------ messages

	for my $id (@order)
	{
		my $text = "before $contacts{$id}{name} after";
		for my $body ({ errors => [$text], code => $text, request_id => $text }, $text)
		{
			my $form = ref $body ? 'JSON' : 'plain text';
			api_ctl($api, 'fault', $utf8->encode({ kind => 'status', status => 403, body => $body }));
			fails('SELECT count(*) FROM contacts', '42501', qr/DETAIL:  GET \/contacts\?limit=999: .*before .* after/,
				"an error of the API with the characters of $id in $form");
		}
	}
	# Keys in escapes are compared, whatever characters they are for; in a column of that slug they are found or not.
	api_fault($api, kind => 'wrong_shape',
		body => '{"data":[{"id":"x","\\u00e9":1,"\\u65e5":2,"n\\u0061me":"y","\\u00e9mail":"z"}]}');
	gives('SELECT id, name, email FROM contacts', 'x|y|', 'keys in escapes');
	api_fault($api, kind => 'garbage');
	fails('SELECT count(*) FROM contacts', '08P01', qr/DETAIL:  GET \/contacts\?limit=999/, 'bytes of no encoding');
	api_fault($api, kind => 'bad_utf8', times => 0);
	fails("SELECT name FROM contacts", '22021',
		qr/CONTEXT:  column "name" of foreign table "contacts", contact id "ascii"/,
		'a byte that is not UTF-8');
	gives('SELECT id FROM contacts', join("\n", @order), 'a byte that is not UTF-8 where nobody reads it');
	api_clear($api);
}

done_testing();
