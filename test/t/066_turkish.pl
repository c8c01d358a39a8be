# In a database that folds I to a dotless i, and a dotted one to i, contacts are found as in any other.
#
# SQL decides what is equal ignoring case, by its own collation. The API is asked just for what it folds in the same way
# for sure; what SQL folds to other letters is looked for among all contacts.

use strict;
use utf8;
use warnings;

use Encode qw(decode_utf8 encode_utf8);
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSession;
use PylonTest;
use Test::More;

my $node = start_node();
my $api = start_api(contacts => 1, set => { case_sensitive => 'off' });
my @people = (
	[ 'c1', 'INFO@X.COM', 'Info' ], [ 'c2', 'info@x.com', 'info' ], [ 'c3', "\x{131}nfo\@x.com", 'INFO' ],
	[ 'c4', "\x{130}nfo\@x.com", "\x{130}NFO" ], [ 'c5', "kelvin\@x.com", 'kelvin' ],
	[ 'c6', "\x{212a}elvin\@x.com", "\x{212a}ELVIN" ], [ 'c7', 'ada@x.com', 'Ada' ], [ 'c8', 'ADA@X.COM', 'ADA' ]);

api_ctl($api, 'replace',
	JSON::PP->new->utf8->encode([
			map {
				{ id => $_->[0], email => $_->[1], name => $_->[2], custom_fields => { code => { value => $_->[2] } } }
			} @people
		]));
api_ctl($api, 'custom-fields', '[{"slug": "code", "label": "Code", "type": "text"}]');

# What a query gives, and the requests that it makes.
sub ask
{
	my ($session, $sql) = @_;

	api_take($api);
	my $rows = $session->query(encode_utf8($sql));
	diag($session->error) if $session->error =~ /ERROR/;
	return ($rows, map { decode_utf8($_) } api_take($api));
}

# The foreign table finds what a local copy has, with so many searches; -1 stands for all contacts.
sub same
{
	my ($session, $name, $clause, $searches) = @_;
	my $query = 'SELECT string_agg(id, \' \' ORDER BY id) FROM %s WHERE ';
	my $wanted = $session->query(encode_utf8(sprintf($query, 'copy') . $clause));
	my ($found, @requests) = ask($session, sprintf($query, 'people') . $clause);

	is($found, $wanted, encode_utf8("$name: $clause: rows"));
	is(scalar(grep { /^POST/ } @requests), $searches, encode_utf8("$name: $clause: searches")) if $searches >= 0;
	is_deeply(\@requests, ['GET /contacts?limit=999'], encode_utf8("$name: $clause: all contacts")) if $searches < 0;
	return;
}

my %locales = (
	turkish => "LOCALE_PROVIDER icu ICU_LOCALE 'tr' LOCALE 'C.UTF-8'",
	other => "LOCALE_PROVIDER icu ICU_LOCALE 'und' LOCALE 'C.UTF-8'", plain => "LOCALE 'C'");
for my $name ('turkish', 'other', 'plain')
{
	my $turkish = $name eq 'turkish';
	my $dotless = $turkish ? -1 : undef;

	$node->safe_psql('postgres', "CREATE DATABASE $name TEMPLATE template0 ENCODING 'UTF8' $locales{$name}");
	my $session = PylonSession->new($node, $name);
	$session->query(encode_utf8(<<"SQL"));
		CREATE EXTENSION pylon_fdw;
		CREATE EXTENSION citext;
		CREATE SERVER pylon FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url '$api->{url}', case_sensitive 'false', lookup_batch_size '2');
		CREATE USER MAPPING FOR PUBLIC SERVER pylon OPTIONS (api_token '$PylonTest::TOKEN');
		CREATE FOREIGN TABLE people (id text, email citext, mail text OPTIONS (field 'email'), name text,
			code citext OPTIONS (custom_field 'code'), custom_fields jsonb) SERVER pylon OPTIONS (estimated_contacts '1000000');
		CREATE TABLE copy AS SELECT * FROM people;
		CREATE TABLE leads (n int, email citext, mail text);
		INSERT INTO leads VALUES (1, 'INFO\@X.COM', 'info\@x.com'), (2, 'info\@x.com', '\x{131}nfo\@x.com'), (3, 'Ada\@x.com', 'ada\@x.com'), (4, '\x{130}nfo\@x.com', 'INFO\@X.COM'),
			(5, 'KELVIN\@X.COM', 'kelvin\@x.com'), (6, NULL, NULL);
		ANALYZE leads;
SQL
	is($session->error, '', "$name: set-up");
	is($session->query("SELECT lower('I')"), encode_utf8($turkish ? "\x{131}" : 'i'), "$name: how SQL folds");

	# the very contact that was asked for, in a list that takes several searches
	same($session, $name, "email IN ('INFO\@X.COM', 'ada\@x.com', 'x')", $dotless // 2);
	same($session, $name, "email IN ('info\@x.com', 'ADA\@X.COM', 'x')", $dotless // 2);
	same($session, $name, "email IN ('\x{130}NFO\@X.COM', 'ADA\@X.COM', 'x')", -1);
	same($session, $name, "email IN ('kara\@x.com', 'ADA\@X.COM', 'x')", 2);
	same($session, $name, "code IN ('INFO', 'ada', 'x')", $dotless // 2);
	same($session, $name, "lower(mail) IN ('ada\@x.com', 'x', 'nobody')", 2);
	same($session, $name, "lower(mail) IN ('\x{131}nfo\@x.com', 'x', 'nobody')", -1);
	same($session, $name, "lower(custom_fields->>'code') IN ('ada', 'x', 'nobody')", 2);
	# one value
	same($session, $name, "email = 'INFO\@X.COM'", $dotless // 1);
	same($session, $name, "email = 'ada\@x.com'", 1);
	same($session, $name, "mail ILIKE 'ADA@%'", 1);
	same($session, $name, "name ILIKE 'INF_'", 1);
	same($session, $name, "name ILIKE 'INFO'", 1);
	same($session, $name, "name ILIKE 'i%'", $dotless // 1);
	same($session, $name, "name ILIKE '%\x{130}%'", -1);
	# a collation of the expression, not the database's
	same($session, $name, "lower(name COLLATE \"tr-x-icu\") = '\x{131}nfo'", -1);
	same($session, $name, "name COLLATE \"tr-x-icu\" ILIKE 'INFO'", 1);
	same($session, $name, "lower(name COLLATE \"C\") IN ('ada', 'x', 'nobody')", 2);

	# lookup joins fold both sides alike
	$session->query("SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_nestloop = off");
	for my $on ('c.email = l.email', 'lower(c.mail) = l.mail', 'c.code = l.email')
	{
		my $query = "SELECT string_agg(l.n || ':' || c.id, ' ' ORDER BY l.n, c.id) FROM leads l JOIN %s c ON $on";

		like($session->query('EXPLAIN ' . sprintf $query, 'people'), qr/Pylon Lookup Join/, "$name: $on: plan");
		is((ask($session, sprintf $query, 'people'))[0],
			$session->query('SET enable_hashjoin = on; ' . sprintf $query, 'copy'), "$name: $on: rows");
		$session->query('SET enable_hashjoin = off');
	}
	$session->quit;
}

# Two letters fold into ASCII: the Kelvin sign, and outside of Turkish in some databases a dotted I. Contacts with these are
# found where the API folds them as well, and wherever SQL asks for all contacts.
my $session = PylonSession->new($node, 'turkish');
is((ask($session, "SELECT string_agg(id, ' ' ORDER BY id) FROM people WHERE name ILIKE 'k%n'"))[0],
	'c5 c6', 'a Kelvin sign, where the API folds it as well');
is((ask($session, "SELECT string_agg(id, ' ' ORDER BY id) FROM people WHERE lower(mail) = 'info\@x.com'"))[0],
	'c2 c4', 'a dotted I in Turkish');
$session->quit;

done_testing();
