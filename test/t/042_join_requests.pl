# What a join with a million contacts costs: a request for each hundred of the other side's keys with a lookup join, and
# what is left without it.

use strict;
use warnings;

use JSON::PP;
use POSIX qw(ceil);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonPlans;
use PylonTest;
use Test::More;

use constant CONTACTS => 1_000_000;
use constant PAGE => 999;
use constant BATCH => 100;

my @sizes = (1, 10, 1000, 10_000);
my $json = JSON::PP->new->utf8;
my $node = start_node();
my $api = start_api(contacts => CONTACTS);
setup_server($node, $api);
setup();
my $has_lookups = $node->safe_psql('postgres', "SELECT pylon_fdw_version() <> '' AND count(*) = 1
	FROM pg_settings WHERE name = 'pylon_fdw.enable_lookup_join' AND vartype = 'bool'") eq 't';
my @figures;

# ---------------------------------------------------------------- set-up

# "copy" holds the first contacts; "local_N" addresses of theirs, each once, in no order.
sub setup
{
	my $tables = join '', map { "CREATE TABLE local_$_ AS SELECT n, email FROM addresses WHERE n <= $_;" } @sizes;

	$node->safe_psql('postgres', "
		ALTER FOREIGN TABLE contacts OPTIONS (ADD estimated_contacts '@{[ CONTACTS ]}');
		CREATE TABLE first (position serial, id text, email text, name text);
		INSERT INTO first (id, email, name) SELECT id, email, name FROM contacts LIMIT 11988;
		CREATE TABLE copy AS SELECT id, email, name FROM first;
		-- the contact behind the last one may have the address of that one
		CREATE TABLE addresses AS SELECT row_number() OVER (ORDER BY md5(email)) AS n, email
			FROM (SELECT DISTINCT email FROM first WHERE email IS NOT NULL AND position < 11500) e;
		$tables
		CREATE TABLE repeated AS SELECT g AS n, CASE WHEN g % 10 > 0 THEN email END AS email
			FROM generate_series(0, 9999) g JOIN addresses a ON a.n = g / 10 + 1 ORDER BY g;
		CREATE TABLE strangers AS SELECT g AS n, CASE g % 3 WHEN 0 THEN 'nobody' || g || '\@nowhere.example' WHEN 1 THEN a.email END AS email
			FROM generate_series(1, 300) g JOIN addresses a ON a.n = g ORDER BY g;
		CREATE TABLE known_ids AS SELECT id FROM first WHERE position % 50 = 7 LIMIT 200;
		ALTER TABLE copy ADD PRIMARY KEY (id);
		CREATE INDEX ON copy (email);
		ANALYZE");
	is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT email) FROM local_10000'),
		'10000|10000', 'there are 10,000 addresses');
	return;
}

# ---------------------------------------------------------------- plans and requests

# The joins and scans of a plan, from the top.
sub joins_of
{
	my ($settings, $sql) = @_;

	return
	  grep { ($_->{'Custom Plan Provider'} // $_->{'Node Type'}) =~ /Join|Loop|Memoize|Foreign Scan/ }
	  plan_of($node, $sql, $settings);
}

sub name_of { my $node = shift; return $node->{'Custom Plan Provider'} // $node->{'Node Type'}; }

# The lengths of the lists that were asked for, in order.  All requests must be searches on this field, none for a value
# that was asked for before.
sub lists_of
{
	my ($field, @requests) = @_;
	my (@lengths, %asked);

	for my $request (@requests)
	{
		my ($body) = $request =~ m{^POST /contacts/search (.*)} or return "not a search: $request";
		my $filter = $json->decode($body)->{filter};
		return "another filter: $body"
		  if ($filter->{field} // '') ne $field || $filter->{operator} !~ /^(?:in|equals)$/;
		my @values = $filter->{operator} eq 'in' ? @{ $filter->{values} } : $filter->{value};
		return "asked for again: $body" if grep { $asked{$_}++ } @values;
		push @lengths, scalar @values;
	}
	return @lengths;
}

# Checks the rows of a query, by the same on the copy, and the keys of each of its requests.
sub asks_for
{
	my ($name, $settings, $sql, $field, @lengths) = @_;
	my $expected = $node->safe_psql('postgres', $sql =~ s/\bcontacts\b/copy/gr);

	api_take($api);
	is($node->safe_psql('postgres', "$settings $sql"), $expected, "$name: rows");
	my @requests = api_take($api);
	# those on their way together may arrive in any order
	is_deeply([ sort(lists_of($field, @requests)) ], [ sort @lengths ], "$name: requests");
	return scalar @requests;
}

sub join_of
{
	my $table = shift;
	return
	  "SELECT count(*), count(DISTINCT c.id), min(c.id), max(c.name) FROM $table l
		JOIN contacts c ON c.email = l.email";
}

# So many keys in as few lists as there can be.
sub lists
{
	my ($keys, $batch) = @_;

	$batch //= BATCH;
	return ((($batch) x int($keys / $batch)), $keys % $batch ? $keys % $batch : ());
}

# ---------------------------------------------------------------- a list of all addresses

# The same without a join, as a measure for those that follow: the lists are as long as may be.
for my $size (@sizes)
{
	asks_for("a list of $size addresses", '',
		"SELECT count(*), count(DISTINCT id), min(id), max(name) FROM contacts WHERE email = ANY (ARRAY(SELECT email
			FROM local_$size))",
		'email',
		lists($size));
}

# ---------------------------------------------------------------- with the lookup join

sub with_lookups
{
	for my $size (@sizes)
	{
		my @plan = joins_of('', join_of("local_$size"));
		is(name_of($plan[0]), 'Pylon Lookup Join', "a join of $size rows: a lookup join") if $size > 1;
		my $requests = asks_for("a join of $size rows", '', join_of("local_$size"), 'email', lists($size));
		push @figures, [ 'on', $size, name_of($plan[0]), $requests ];
	}
	for my $case (
		[
			'LEFT JOIN' =>
			  'SELECT count(*), count(c.id), max(c.name) FROM local_1000 l LEFT JOIN contacts c ON c.email = l.email',
			1000
		],
		[
			'EXISTS' =>
			  'SELECT count(*), max(l.n) FROM local_1000 l WHERE EXISTS (SELECT FROM contacts c WHERE c.email = '
			  . 'l.email)',
			1000
		],
		[
			'NOT EXISTS' =>
			  'SELECT count(*), max(l.n) FROM local_1000 l WHERE NOT EXISTS (SELECT FROM contacts c WHERE c.email = '
			  . 'l.email)',
			1000
		],
		[ 'IN' => 'SELECT count(*), max(id) FROM contacts c WHERE email IN (SELECT email FROM local_1000)', 1000 ],
		[ 'repeated addresses and NULL' => join_of('repeated'), 1000 ],
		[
			'addresses that nobody has, and NULL' =>
			  'SELECT count(*), count(c.id), max(c.name) FROM strangers l LEFT JOIN contacts c ON c.email = l.email',
			200
		],
		[
			'a further condition' =>
			  'SELECT count(*), max(c.id) FROM local_1000 l JOIN contacts c ON c.email = l.email AND length(c.name) '
			  . '> l.n % 20',
			1000
		],
		[
			'a subquery' =>
			  'SELECT count(*), max(c.id) FROM (SELECT * FROM local_10000 WHERE n % 50 = 3 OFFSET 0) l LEFT JOIN '
			  . 'contacts c ON c.email = l.email',
			200
		])
	{
		my ($name, $sql, $keys) = @$case;
		is(scalar(grep { name_of($_) eq 'Pylon Lookup Join' } joins_of('', $sql)), 1, "$name: a lookup join");
		asks_for($name, '', $sql, 'email', lists($keys));
	}
	asks_for('ids', '', 'SELECT count(*), max(c.name) FROM known_ids l JOIN contacts c ON c.id = l.id',
		'id', lists(200));
	# few enough that the contacts of a list fit a page, although some share an address
	$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (ADD lookup_batch_size '800')");
	asks_for('longer lists', '', join_of('local_10000'), 'email', lists(10_000, 800));
	$node->safe_psql('postgres', 'ALTER SERVER pylon OPTIONS (DROP lookup_batch_size)');
	writes();
	return;
}

# The join of a write asks for its keys in the same way; nothing is written that did not meet a row.
sub writes
{
	my $before = 'SET pylon_fdw.dry_run = on; SET client_min_messages = warning;';
	my @searches;

	api_take($api);
	$node->safe_psql('postgres', "$before UPDATE contacts c SET name = 'x' FROM local_1000 l WHERE c.email = l.email");
	@searches = grep { /^POST \S+search/ } api_take($api);
	is_deeply([ lists_of('email', @searches) ], [ lists(1000) ], 'UPDATE ... FROM: searches');
	$node->safe_psql('postgres', "$before DELETE FROM contacts c USING local_1000 l WHERE c.email = l.email");
	@searches = grep { /^POST \S+search/ } api_take($api);
	is_deeply([ lists_of('email', @searches) ], [ lists(1000) ], 'DELETE ... USING: searches');
	$node->safe_psql('postgres',
		'CREATE TABLE found AS SELECT l.n, c.id FROM local_1000 l JOIN contacts c ON c.email = l.email');
	is_deeply([ lists_of('email', api_take($api)) ], [ lists(1000) ], 'CREATE TABLE AS: searches');
	is($node->safe_psql(
			'postgres',
			'SELECT count(*) FROM (TABLE found EXCEPT SELECT l.n, c.id FROM local_1000 l JOIN copy c ON c.email = '
			  . 'l.email) d'
		), '0', 'CREATE TABLE AS: rows');
	return;
}

# ---------------------------------------------------------------- without

# What a plan costs by its shape: a search for each row outside, or all the pages.
sub requests_by_plan
{
	my ($size, @plan) = @_;
	my ($scan) = grep { $_->{'Node Type'} eq 'Foreign Scan' } @plan;

	return $plan[0]{'Node Type'} eq 'Nested Loop' && $scan->{'Pylon Filter'} ? $size : ceil(CONTACTS / PAGE);
}

sub without_lookups
{
	my $off = $has_lookups ? 'SET pylon_fdw.enable_lookup_join = off;' : '';
	# 1,000 searches and 1,002 pages are the same to the planner
	my %join = (
		1 => qr/^Nested Loop$/, 10 => qr/^Nested Loop$/, 1000 => qr/^(?:Nested Loop|Hash Join)$/,
		10_000 => qr/^Hash Join$/);

	for my $size (@sizes)
	{
		my @plan = joins_of($off, join_of("local_$size"));
		my $requests = requests_by_plan($size, @plan);
		like(name_of($plan[0]), $join{$size}, "without lookup joins, $size rows: the plan");
		cmp_ok($requests, '<=', $size < 1000 ? $size : ceil(CONTACTS / PAGE),
			"without lookup joins, $size rows: requests by the plan");
		is(asks_for("without lookup joins, $size rows", $off, join_of("local_$size"), 'email', (1) x $size),
			$requests, "without lookup joins, $size rows: the plan is right about them")
		  if $size <= 10;
		push @figures, [ 'off', $size, name_of($plan[0]), $requests . ($size <= 10 ? '' : ' by the plan') ];
	}
	return;
}

without_lookups();
SKIP:
{
	skip 'there is no lookup join', 1 unless $has_lookups;
	with_lookups();
}
note(sprintf '%-11s %10s  %-18s %s', @$_) for [ 'lookup join', 'local rows', 'plan', 'requests' ], @figures;

done_testing();
