# A bar of fewest requests: each query is run with each plan that settings can bring about, and the plan that is chosen
# must make no more requests than the best of these, whether or not anyone has counted contacts and local rows.
#
# PYLON_FEWEST_ONLY is a pattern of the queries to try; PYLON_FEWEST_SHOW shows all plans of these.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonTest;
use Test::More;

my $only = $ENV{PYLON_FEWEST_ONLY} // '';
my $node = start_node("autovacuum = off\n");
my $api = start_api(contacts => 2500);
setup_server($node, $api, page_size => 100, lookup_batch_size => 50);

# What is known of contacts (nothing, their number, all that ANALYZE finds out) and of the local tables.
my @contacts = qw(plain counted analyzed);
my @locals = qw(fresh known);
my $columns = "id text, account_id text, name text, email text, portal_role text, custom_fields jsonb,
	tier text OPTIONS (custom_field 'tier'), vip boolean OPTIONS (custom_field 'vip', field_type 'boolean'),
	regions text[] OPTIONS (custom_field 'regions', field_type 'multiselect')";
my %tables = (
	people => 'SELECT n, email AS v, account_id FROM copy WHERE email IS NOT NULL AND n % 25 = 3',
	ids => 'SELECT n, id AS v FROM copy WHERE n % 20 = 3',
	five => "SELECT n, email AS v FROM copy WHERE email IS NOT NULL AND n % 500 = 3",
	clients => 'SELECT DISTINCT account_id AS v FROM copy WHERE account_id IS NOT NULL',
	roles => 'SELECT DISTINCT portal_role AS v FROM copy WHERE portal_role IS NOT NULL',
	most => 'SELECT n, email AS v FROM copy WHERE email IS NOT NULL');
$node->safe_psql('postgres', "CREATE TABLE copy AS SELECT row_number() OVER () AS n, c.* FROM contacts c;
	ALTER TABLE copy ADD tier text, ADD vip boolean, ADD regions text[];
	UPDATE copy SET tier = custom_fields->>'tier', vip = (custom_fields->>'vip')::boolean,
		regions = CASE WHEN custom_fields ? 'regions'
			THEN ARRAY(SELECT jsonb_array_elements_text(custom_fields->'regions')) END;
	CREATE SCHEMA local; CREATE TABLE local.contacts AS TABLE copy; CREATE TABLE local.accounts AS TABLE accounts;
	ANALYZE");
for my $schema (@contacts)
{
	my $options = $schema eq 'counted' ? "OPTIONS (estimated_contacts '2500')" : '';
	my $account_options = $schema eq 'counted' ? "OPTIONS (estimated_contacts '200')" : '';
	$node->safe_psql('postgres', "CREATE SCHEMA $schema;
		CREATE FOREIGN TABLE $schema.contacts ($columns) SERVER pylon $options;
		CREATE FOREIGN TABLE $schema.accounts (id text, name text, domains text[], primary_domain text, owner_id text,
			custom_fields jsonb) SERVER pylon $account_options");
}
for my $schema (@locals)
{
	$node->safe_psql('postgres', "CREATE SCHEMA $schema;"
		. join '', map { "CREATE TABLE $schema.$_ AS $tables{$_};" } sort keys %tables);
}
$node->safe_psql('postgres', 'ANALYZE ' . join ', ', 'analyzed.contacts', 'analyzed.accounts',
	map { "known.$_" } sort keys %tables);

# Each kind of join alone, and each two of them.
my @kinds = qw(enable_hashjoin enable_nestloop pylon_fdw.enable_lookup_join);
my @settings = map {
	my %on = map { $_ => 1 } @$_;
	join ' ', 'SET enable_mergejoin = off;', map { "SET $_ = off;" } grep { !$on{$_} } @kinds
} map({ [$_] } @kinds), [ @kinds[ 0, 1 ] ], [ @kinds[ 0, 2 ] ], [ @kinds[ 1, 2 ] ];

# ---------------------------------------------------------------- plans and requests

my %requests;    # by query and plan
my $digest = 'SELECT count(*), sum(hashtext(q::text)) FROM';

# The plan that a query has then, and how many requests that makes.  Each plan is tried once, and must give these rows.
sub try_plan
{
	my ($name, $before, $sql, $rows) = @_;
	my $plan = $node->safe_psql('postgres', "$before EXPLAIN (COSTS OFF) $sql");

	unless (defined $requests{$sql}{$plan})
	{
		api_take($api);
		is($node->safe_psql('postgres', "$before $digest ($sql) q"), $rows, "$name: rows") or diag($plan);
		$requests{$sql}{$plan} = () = api_take($api);
	}
	return [ $requests{$sql}{$plan}, $plan ];
}

sub show_plans
{
	my ($sql, $chosen) = @_;
	my $plans = $requests{$sql};

	return join "\n", $sql, map({ "chosen ($_): $chosen->{$_}[0]\n$chosen->{$_}[1]" } sort keys %$chosen),
	  map { "$plans->{$_} requests:\n$_" } sort { $plans->{$a} <=> $plans->{$b} } keys %$plans;
}

# Some plans can't be known to be the best: how many requests may be made in which circumstances.
sub fewest
{
	my ($name, $sql, %allowed) = @_;
	my %chosen;

	return if $name !~ /$only/;
	my $rows = $node->safe_psql('postgres', "SET search_path = local, known, public; $digest ($sql) q");
	for my $contacts (@contacts)
	{
		for my $local (@locals)
		{
			my $before = "SET search_path = $contacts, $local, public;";

			$chosen{"$contacts contacts, $local rows"} = try_plan($name, $before, $sql, $rows);
			try_plan($name, "$before $_", $sql, $rows) for @settings;
		}
	}
	my ($best) = sort { $a <=> $b } values %{ $requests{$sql} };
	for my $case (sort keys %chosen)
	{
		my ($reason) = grep { $case =~ /$_/ } sort keys %allowed;

		cmp_ok($chosen{$case}[0], '<=', defined $reason ? $allowed{$reason} : $best, "$name, $case: fewest")
		  or diag(show_plans($sql, \%chosen));
	}
	note(show_plans($sql, \%chosen)) if $ENV{PYLON_FEWEST_SHOW};
	return;
}

# ---------------------------------------------------------------- conditions whose share of contacts is a guess

my $gold = "c.custom_fields->>'tier' = 'gold'";
my %guesses = (
	"->>" => $gold, "->> IN" => "c.custom_fields->>'tier' IN ('gold', 'silver')",
	"#>>" => "c.custom_fields #>> '{tier}' = 'gold'", "jsonb \@>" => "c.custom_fields \@> '{\"tier\": \"gold\"}'",
	"jsonb ?" => "c.custom_fields ? 'tier'", "LIKE" => "c.name LIKE '%a%'", "typed" => "c.tier = 'gold'",
	"typed IN" => "c.tier IN ('gold', 'silver')", "typed LIKE" => "c.tier LIKE '%o%'",
	"IS NULL" => 'c.tier IS NULL', "IS NOT NULL" => 'c.tier IS NOT NULL', "boolean" => 'c.vip',
	"NOT boolean" => 'NOT c.vip', "= ANY" => "'eu' = ANY (c.regions)", "array \@>" => "c.regions \@> '{eu}'",
	"array &&" => "c.regions && '{eu,us}'", "OR" => "($gold OR c.name LIKE '%a%')", "NOT" => "NOT ($gold)");
# ANALYZE has counted the elements, so 3 searches are certain; 100 new rows that fill a page may be twice as many
my %counted = map { $_ => [ 'analyzed contacts, fresh rows' => 3 ] } '= ANY', 'array @>';

for my $kind (sort keys %guesses)
{
	my @allowed = @{ $counted{$kind} // [] };
	my $guess = $guesses{$kind};

	fewest("join, $kind", "SELECT l.n, c.id FROM people l JOIN contacts c ON c.email = l.v WHERE $guess", @allowed);
	fewest("join with few, $kind", "SELECT l.n, c.id FROM five l JOIN contacts c ON c.email = l.v WHERE $guess");
	fewest("NOT EXISTS, $kind",
		"SELECT l.n FROM people l WHERE NOT EXISTS (SELECT FROM contacts c WHERE c.email = l.v AND $guess)", @allowed);
}
fewest('LEFT JOIN', "SELECT l.n, c.id FROM people l LEFT JOIN contacts c ON c.email = l.v AND $gold");
fewest('EXISTS', "SELECT l.n FROM people l WHERE EXISTS (SELECT FROM contacts c WHERE c.email = l.v AND $gold)");
fewest('IN', "SELECT l.n FROM ids l WHERE l.v IN (SELECT c.id FROM contacts c WHERE c.custom_fields->>'vip' = 'true')");
# The keys aren't certain here either: each account has as many contacts as it likes.
fewest('contacts of accounts, LEFT JOIN',
	"SELECT l.v, c.id FROM clients l LEFT JOIN contacts c ON c.account_id = l.v AND $gold", '.' => 7);
# Most of the addresses: a search for tier gold is better by far, but where neither side has been counted.
fewest('most addresses, ->>', "SELECT l.n, c.id FROM most l JOIN contacts c ON c.email = l.v WHERE $gold",
	'plain contacts, fresh rows' => 49);

# 15 lists are certain.  Of 2,500 contacts a search can't take more than 25 pages, so it is tried; of contacts that
# nobody has counted there may be many more than the default says.
$node->safe_psql('postgres',
	'CREATE TABLE known.half AS SELECT * FROM known.most ORDER BY n LIMIT 750; ANALYZE known.half');
for my $schema ('counted', 'plain')
{
	my $plan = $node->safe_psql('postgres', "SET search_path = $schema, known;
		EXPLAIN (COSTS OFF) SELECT l.n FROM half l JOIN contacts c ON c.email = l.v WHERE $gold");

	is($plan =~ /Lookup Join/ ? 'lists' : 'a search', $schema eq 'plain' ? 'lists' : 'a search', "15 lists, $schema");
}

# ---------------------------------------------------------------- joins

# Nobody knows here that there are fewer than 10,000 contacts.
fewest('most addresses', 'SELECT l.n, c.id FROM most l JOIN contacts c ON c.email = l.v', plain => 49);
fewest('contacts of accounts', 'SELECT l.v, c.id FROM clients l JOIN contacts c ON c.account_id = l.v');
fewest('IN, contacts outside', 'SELECT c.id FROM contacts c WHERE c.email IN (SELECT v FROM people)');
fewest('EXISTS, contacts outside',
	'SELECT c.id FROM contacts c WHERE EXISTS (SELECT FROM people l WHERE l.v = c.email)');
fewest('contacts LEFT JOIN', 'SELECT l.n, c.id FROM contacts c LEFT JOIN people l ON c.email = l.v');
fewest('FULL JOIN', 'SELECT l.n, c.id FROM people l FULL JOIN contacts c ON c.email = l.v');
fewest('colleagues of one',
	"SELECT c.id, d.id AS other FROM contacts c JOIN contacts d ON d.account_id = c.account_id
		WHERE c.email = 'ada\@acme.com'"
);
fewest('colleagues of few',
	'SELECT l.n, c.id, d.id AS other FROM five l JOIN contacts c ON c.email = l.v
		JOIN contacts d ON d.account_id = c.account_id'
);
fewest('colleagues of all',
	'SELECT c.id, d.id AS other FROM contacts c JOIN contacts d ON d.account_id = c.account_id WHERE c.id < d.id');
fewest('two local tables',
	'SELECT l.n, i.n AS m, c.name FROM people l JOIN contacts c ON c.email = l.v JOIN ids i ON i.v = c.id');
fewest('by role', 'SELECT l.v, c.id FROM roles l JOIN contacts c ON c.portal_role = l.v');
fewest('by tier', "SELECT c.id FROM (VALUES ('gold'), ('silver')) l (v) JOIN contacts c ON c.tier = l.v");
fewest('LATERAL', 'SELECT l.n, x.id FROM people l, LATERAL (SELECT c.id FROM contacts c WHERE c.email = l.v) x');
fewest('LATERAL with LIMIT',
	'SELECT l.n, x.id FROM five l,
		LATERAL (SELECT c.id FROM contacts c WHERE c.email = l.v ORDER BY c.id LIMIT 1) x'
);
fewest('scalar subquery', 'SELECT l.n, (SELECT max(c.id) FROM contacts c WHERE c.email = l.v) AS c FROM five l');
fewest('CTE',
	'WITH x AS MATERIALIZED (SELECT * FROM people WHERE n < 1000)
		SELECT x.n, c.id FROM x JOIN contacts c ON c.email = x.v'
);
fewest('CTE of contacts',
	"WITH x AS MATERIALIZED (SELECT c.* FROM contacts c WHERE $gold)
		SELECT x.id, l.n FROM x JOIN people l ON l.v = x.email"
);
fewest('UNION ALL',
	"SELECT l.n, u.id FROM people l JOIN (SELECT id, email FROM contacts c WHERE $gold
		UNION ALL SELECT id, email FROM contacts c WHERE c.vip) u ON u.email = l.v"
);

# A sample can't be read twice: it would be another one.
is(() = $node->safe_psql('postgres', "SET search_path = counted, known; EXPLAIN (COSTS OFF) SELECT c.id FROM contacts c
		WHERE EXISTS (SELECT FROM people l TABLESAMPLE bernoulli (50) WHERE l.v = c.email AND l.n > length(c.name))") =~ /Sample Scan/g,
	1, 'EXISTS with a sample: one of it');

# ---------------------------------------------------------------- contacts and accounts

# One more, where nobody has said that there are two pages of accounts, or how many new rows there are on one page of a
# local table.  How many keys come from a search for tier gold is a guess that is trusted.

fewest('accounts of contacts',
	"SELECT a.name, count(*) FROM contacts c JOIN accounts a ON a.id = c.account_id WHERE c.email LIKE '%\@acme.com'
		GROUP BY 1"
);
fewest('contacts of an account',
	"SELECT c.id, a.name FROM contacts c JOIN accounts a ON a.id = c.account_id WHERE a.name = 'Acme'");
fewest('contacts of a domain',
	"SELECT c.id, a.name FROM accounts a JOIN contacts c ON c.account_id = a.id WHERE 'acme.com' = ANY (a.domains)");
fewest('contacts of a primary domain',
	"SELECT c.id, a.name FROM accounts a JOIN contacts c ON c.account_id = a.id WHERE a.primary_domain = 'acme.com'");
fewest('an account of one contact',
	"SELECT a.name FROM contacts c LEFT JOIN accounts a ON a.id = c.account_id WHERE c.email = 'ada\@acme.com'");
fewest('accounts of people',
	'SELECT l.n, a.name FROM people l JOIN contacts c ON c.email = l.v JOIN accounts a ON a.id = c.account_id',
	fresh => 4);
fewest('accounts of few',
	'SELECT l.n, a.name FROM five l JOIN contacts c ON c.email = l.v LEFT JOIN accounts a ON a.id = c.account_id',
	fresh => 3);
fewest('accounts of all contacts',
	'SELECT c.id, a.name FROM contacts c JOIN accounts a ON a.id = c.account_id', plain => 28);
fewest('accounts by a guess',
	"SELECT c.id, a.name FROM contacts c JOIN accounts a ON a.id = c.account_id WHERE $gold", '.' => 9);
fewest('accounts without contacts',
	'SELECT a.id, a.name FROM accounts a WHERE NOT EXISTS (SELECT FROM contacts c WHERE c.account_id = a.id)',
	plain => 27);
fewest('accounts without contacts of tier gold',
	"SELECT a.id FROM accounts a WHERE NOT EXISTS (SELECT FROM contacts c WHERE c.account_id = a.id AND $gold)");
fewest('contacts without account',
	'SELECT c.id FROM contacts c WHERE NOT EXISTS (SELECT FROM accounts a WHERE a.id = c.account_id)', plain => 28);
fewest('local plans of accounts',
	'SELECT l.v, a.name FROM clients l LEFT JOIN accounts a ON a.id = l.v', plain => 3);

# ---------------------------------------------------------------- contacts for which there is a row

# More than equality decides, so the rows can't be made unique: their keys can, and what is found by them is joined.
my $more = 'SELECT c.id FROM contacts c
	WHERE EXISTS (SELECT FROM people l WHERE l.v = c.email AND l.n > length(c.name))';

fewest('EXISTS and more', $more);
fewest('EXISTS and more, ->>', "$more AND $gold");
fewest('EXISTS and more, by an expression', $more =~ s/l\.v =/lower(l.v) =/r);

sub has_rows
{
	my ($name, $sql, $requests) = @_;
	my $path = 'SET search_path = counted, known, public;';
	my $rows = $node->safe_psql('postgres', "SET search_path = local, known; $digest ($sql) q");
	my ($found) = try_plan($name, $path, $sql, $rows);

	return is($found->[0], $requests, "$name: requests") || diag($found->[1]);
}

has_rows('contacts for which there is a row and more', $more, 2);
has_rows('a subquery is not read twice',
	$more =~ s/people l/(SELECT v, n FROM people, generate_series(1, 3) OFFSET 0) l/r, 25);
$node->safe_psql('postgres', 'CREATE TABLE known.repeated AS SELECT p.* FROM known.people p, generate_series(1, 3)
	UNION ALL SELECT 1, NULL, NULL; ANALYZE known.repeated');
has_rows('a table that repeats its keys', $more =~ s/people/repeated/r, 2);
has_rows('rows that may be others the second time', $more =~ s/l\.n >/l.n > random() * 0 AND l.n >/r, 25);
has_rows('beside a join', "SELECT count(*) FROM contacts c JOIN ids i ON i.v = c.id WHERE EXISTS
	(SELECT FROM people l WHERE l.v = c.email AND l.n > length(i.v))", 3);

# ---------------------------------------------------------------- statistics of an expression

# One contact has this web site, and a search for it is a request, but who knows that?
my ($site) = $node->safe_psql('postgres', "SELECT custom_fields->>'website' FROM copy
	WHERE custom_fields->>'website' IS NOT NULL AND email IS NOT NULL ORDER BY n LIMIT 1");
my $with_site = "SELECT l.n, c.id FROM known.people l JOIN analyzed.contacts c ON c.email = l.v
	WHERE c.custom_fields->>'website' = '$site'";

sub requests_of
{
	my $sql = shift;

	api_take($api);
	$node->safe_psql('postgres', $sql);
	return scalar(() = api_take($api));
}

is(requests_of($with_site), 2, 'a guess is not trusted: two lists of keys');
$node->safe_psql('postgres', "CREATE STATISTICS sites ON (custom_fields->>'website') FROM analyzed.contacts");
is(requests_of($with_site), 2, 'nor are statistics that ANALYZE has yet to fill');
$node->safe_psql('postgres', 'ANALYZE analyzed.contacts');
is(requests_of($with_site), 1, 'CREATE STATISTICS and ANALYZE make it known: one search');

done_testing();
