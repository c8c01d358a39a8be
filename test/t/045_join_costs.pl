# Which plan of a join is chosen: by what is known of both sides, the one that makes the fewest requests, and where
# nothing is known, one that can't make many.

use strict;
use warnings;

use POSIX qw(ceil);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonPlans;
use PylonTest;
use Test::More;

my $node = start_node("jit = off\nautovacuum = off\n");
my $api = start_api(contacts => 2500);
setup_server($node, $api, page_size => 100);
$node->safe_psql('postgres', "
	ALTER FOREIGN TABLE contacts ADD COLUMN website text OPTIONS (custom_field 'website');
	CREATE FOREIGN TABLE unknown (id text, account_id text, name text, email text) SERVER pylon;
	CREATE FOREIGN TABLE million (id text, account_id text, name text, email text)
		SERVER pylon OPTIONS (estimated_contacts '1000000');
	CREATE TABLE copy AS SELECT row_number() OVER () AS n, id, account_id, name, email, website, portal_role
		FROM contacts;
	ANALYZE contacts");

# ---------------------------------------------------------------- plans and requests

# Checks whether contacts are looked up, how many requests that takes if it is tried, and the rows, by the same on the copy.
sub joins
{
	my ($name, $sql, $looks_up, $requests) = @_;
	my @lookups = grep { ($_->{'Custom Plan Provider'} // '') eq 'Pylon Lookup Join' } plan_of($node, $sql);

	is(scalar @lookups, $looks_up, $name . ($looks_up ? ': a lookup join' : ': no lookup join'));
	return unless defined $requests;
	api_take($api);
	is($node->safe_psql('postgres', "SELECT count(*) FROM ($sql) q"),
		$node->safe_psql(
			'postgres', "SELECT count(*) FROM ($sql) q" =~ s/\b(?:contacts|unknown|million|guessed)\b/copy/gr),
		"$name: rows");
	my @made = api_take($api);
	is(scalar @made, $requests, "$name: requests") or diag(join "\n", @made);
	return;
}

# ---------------------------------------------------------------- without statistics of the contacts

$node->safe_psql('postgres', "
	CREATE TABLE people AS SELECT n, account_id, name, email FROM copy WHERE email IS NOT NULL ORDER BY n LIMIT 50;
	CREATE TABLE clients AS SELECT 'account ' || g AS account_id, 'name ' || g AS name FROM generate_series(1, 1000) g;
	ANALYZE people, clients");

# Few contacts share an account or a name, however many there are: 1,000 of them are 10 lists, not most of the table.
joins('accounts', 'SELECT c.id FROM clients l JOIN million c ON c.account_id = l.account_id', 1);
joins('names', 'SELECT c.id FROM clients l JOIN million c ON c.name = l.name', 1);
for my $field ('account_id', 'name')
{
	my ($scan) = plan_of($node, "SELECT * FROM million WHERE $field = 'x'");

	is($scan->{'Plan Rows'}, 5, "contacts with an $field: rows");
	cmp_ok($scan->{'Total Cost'}, '>', 1000, "contacts with an $field: at least a request");
}
# A list takes a request for each hundred values; of two lists the shorter one is sent.
my $long = join ', ', map { "'p$_\@acme.com'" } 1 .. 250;
my $longer = join ', ', map { "'id $_'" } 1 .. 450;
my ($one_list) = plan_of($node, "SELECT * FROM million WHERE email IN ($long)");
my ($two_lists) = plan_of($node, "SELECT * FROM million WHERE id IN ($longer) AND email IN ($long)");
is($_->{'Plan Rows'}, 250, 'lists: rows') for $one_list;
cmp_ok(abs($_->{'Total Cost'} - 3000), '<', 200, 'lists: the cost of three requests') for $one_list, $two_lists;

# How many contacts a pattern finds is a guess; the keys of a list bound it.
joins('a pattern and keys',
	"SELECT c.id FROM people l JOIN unknown c ON c.email = l.email AND c.email LIKE '%\@initech%'", 1, 1);

# So does the number of keys where the planner thinks a search to take one page, but nothing says so: 220 of these are 3 lists,
# while 25 pages hold all contacts.  A guess that is better by far is taken: 1,500 keys are 15 lists.
$node->safe_psql('postgres', "
	CREATE FOREIGN TABLE guessed (id text, name text, email text, custom_fields jsonb,
		tier text OPTIONS (custom_field 'tier')) SERVER pylon
		OPTIONS (estimated_contacts '2500');
	ALTER TABLE copy ADD COLUMN custom_fields jsonb, ADD COLUMN tier text;
	UPDATE copy SET custom_fields = c.custom_fields, tier = c.custom_fields->>'tier' FROM contacts c
		WHERE c.id = copy.id;
	CREATE TABLE few_keys AS SELECT DISTINCT email FROM copy WHERE email IS NOT NULL ORDER BY 1 LIMIT 220;
	CREATE TABLE many_keys AS SELECT DISTINCT email FROM copy WHERE email IS NOT NULL ORDER BY 1 LIMIT 1500;
	ANALYZE few_keys, many_keys");
my $gold = ceil($node->safe_psql('postgres', "SELECT count(*) FROM copy WHERE tier = 'gold'") / 100);
cmp_ok($gold, '>', 4, 'the guess is wrong');
for my $guessed (
	"c.custom_fields->>'tier' = 'gold'", "c.custom_fields @> '{\"tier\": \"gold\"}'", "c.tier = 'gold'",
	"c.name LIKE '%a%' AND c.tier = 'gold'")
{
	joins("$guessed, 3 lists", "SELECT c.id FROM few_keys l JOIN guessed c ON c.email = l.email AND $guessed", 1, 3);
	joins("$guessed, 15 lists", "SELECT c.id FROM many_keys l JOIN guessed c ON c.email = l.email AND $guessed", 0);
}
# what ANALYZE has counted is no guess
$node->safe_psql('postgres', 'ANALYZE guessed');
joins("counted, 3 lists", "SELECT c.id FROM few_keys l JOIN guessed c ON c.email = l.email AND c.tier = 'gold'", 1, 3);
joins("counted, 15 lists", "SELECT c.id FROM many_keys l JOIN guessed c ON c.email = l.email AND c.tier = 'gold'",
	0, $gold);

# ---------------------------------------------------------------- without statistics of the other side

# Each row may have a key of its own.  Where the number of contacts isn't known either, that of the rows bounds what can
# happen.
$node->safe_psql('postgres', "
	ALTER SERVER pylon OPTIONS (SET page_size '999');
	CREATE TABLE fresh AS SELECT 'nobody' || g || '\@nowhere.example' AS email FROM generate_series(1, 10000) g");
joins('10,000 rows, 3 pages', 'SELECT c.id FROM fresh l JOIN contacts c ON c.email = l.email', 0, 3);
joins('10,000 rows in a list', 'SELECT c.id FROM contacts c WHERE c.email IN (SELECT email FROM fresh)', 0, 3);
joins('10,000 rows, a million contacts', 'SELECT c.id FROM fresh l JOIN million c ON c.email = l.email', 1);
joins('10,000 rows in a list, a million contacts',
	'SELECT c.id FROM million c WHERE c.email IN (SELECT email FROM fresh)', 1);
joins('10,000 rows, an unknown number of contacts', 'SELECT c.id FROM fresh l JOIN unknown c ON c.email = l.email', 1);

# ---------------------------------------------------------------- with statistics of both

# Most contacts have no web site, so few have one of these.
$node->safe_psql('postgres', "
	CREATE TABLE sites AS SELECT website FROM copy WHERE website IS NOT NULL ORDER BY n LIMIT 50;
	ANALYZE sites");
my ($sites) = grep { $_->{'Node Type'} eq 'Foreign Scan' }
  plan_of($node, 'SELECT c.id FROM sites l JOIN contacts c ON c.website = l.website');
cmp_ok($sites->{'Plan Rows'}, '<', 100, 'an estimate of contacts by a custom field leaves out those without it');

# ---------------------------------------------------------------- with a LIMIT

# The first batch is small, so its requests are few, even if each key finds many contacts.
$node->safe_psql('postgres', "
	ALTER SERVER pylon OPTIONS (SET page_size '100');
	CREATE TABLE customers AS SELECT row_number() OVER (ORDER BY account_id) AS n, account_id FROM copy
		WHERE account_id IS NOT NULL GROUP BY account_id;
	CREATE TABLE known AS SELECT n, email FROM copy WHERE email IS NOT NULL;
	ALTER TABLE known ADD PRIMARY KEY (n); ALTER TABLE customers ADD PRIMARY KEY (n);
	ANALYZE customers, known");
joins('a semijoin with LIMIT',
	'SELECT l.n FROM customers l WHERE EXISTS (SELECT FROM contacts c WHERE c.account_id = l.account_id) ORDER BY l.n '
	  . 'LIMIT 10',
	1, 1);

# Before the first row come the contacts of twenty accounts, not of a hundred.
my ($first_batch) = grep { ($_->{'Custom Plan Provider'} // '') eq 'Pylon Lookup Join' } plan_of($node,
	'SELECT l.n FROM customers l LEFT JOIN contacts c ON c.account_id = l.account_id AND c.name > l.account_id
		ORDER BY l.n LIMIT 10');
is(int($first_batch->{'Startup Cost'} / 1000), $node->safe_psql('postgres',
		'SELECT ceil(20.0 * count(account_id) / count(DISTINCT account_id) / 100) FROM copy'),
	'a left join with LIMIT: what the first row costs');

# A nested loop over all contacts reads them for its first row, so that the LIMIT saves nothing of their 25 pages; lists
# of 10 addresses go on to the one that finds the tenth row.
$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (ADD lookup_batch_size '10')");

sub joins_ten_rows
{
	my ($name, $sql) = @_;
	my $last = $node->safe_psql('postgres', "SELECT max(n) FROM ($sql) q" =~ s/\bcontacts\b/copy/r);
	my $lists = $node->safe_psql('postgres', "SELECT ceil(count(DISTINCT email) / 10.0) FROM known WHERE n <= $last");

	joins($name, $sql, 1, $lists);
	cmp_ok($lists, '<', 15, "$name: far less than all pages");
	return;
}

joins_ten_rows('a join with LIMIT',
	"SELECT l.n FROM known l JOIN contacts c ON c.email = l.email AND c.portal_role = 'billing-viewer'
		ORDER BY l.n LIMIT 10"
);
joins_ten_rows('an antijoin with LIMIT',
	"SELECT l.n FROM known l WHERE NOT EXISTS (SELECT FROM contacts c WHERE c.email = l.email
		AND c.portal_role <> 'billing-viewer') ORDER BY l.n LIMIT 10"
);

# ---------------------------------------------------------------- hash joins that are started over

# For each account, its contacts would be asked for and hashed: core takes a hash table for kept that follows a parameter.
$node->safe_psql('postgres', "ALTER SERVER pylon OPTIONS (SET lookup_batch_size '100');
	CREATE TABLE addresses AS SELECT email FROM copy GROUP BY email HAVING count(email) = 1 ORDER BY 1 LIMIT 300;
	CREATE TABLE segment AS SELECT DISTINCT account_id FROM copy WHERE account_id IS NOT NULL;
	ANALYZE addresses, segment");
my $restarted = 'SELECT s.account_id, c.id FROM segment s
	LEFT JOIN (contacts c JOIN addresses a ON a.email = c.email) ON c.account_id = s.account_id';
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM segment'), '>', 25, 'more accounts than pages');
joins('a hash join for each row', $restarted, 1, 3);

# Without look-ups, all pages are read for many addresses, and each of five is asked for: of 300 addresses, the contacts of
# an account would be hashed, of five it would be these, and the other side ask with the parameter.
for ([ 300, 25 ], [ 5, 5 ])
{
	my ($most, $requests) = @$_;

	$node->safe_psql('postgres', "DELETE FROM addresses
		WHERE email NOT IN (SELECT email FROM addresses ORDER BY email LIMIT $most)");
	$node->safe_psql('postgres', 'VACUUM ANALYZE addresses');
	$node->safe_psql('postgres', 'ALTER DATABASE postgres SET pylon_fdw.enable_lookup_join = off');
	joins("$most addresses without look-ups", $restarted, 0, $requests);
	$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET pylon_fdw.enable_lookup_join');
}

done_testing();
