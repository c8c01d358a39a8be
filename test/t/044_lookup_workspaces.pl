# Lookup joins with the contacts of several workspaces, as partitions of a table and as branches of a view: each workspace
# is asked for the keys of a batch, all at the same time.

use strict;
use warnings;

use JSON::PP;
use List::Util qw(min sum sum0);
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;
use Time::HiRes qw(time);

use constant BATCH => 10;

my $node = start_node();
my @workspaces = ('w1', 'w2', 'w3');
my %contacts = (w1 => 60, w2 => 40, w3 => 0);
my %api;

# Some addresses and names are those of contacts in both workspaces that have any; "notes" tells which one it is.
sub contacts_of
{
	my $workspace = shift;
	my $own = sub { my ($text, $n) = @_; return $n % 5 == 0 ? $text : "$workspace$text"; };

	return map {
		{
			id => sprintf('%s-%03d', $workspace, $_),
			name => 'Name ' . ($_ % 7),
			email => $own->("p$_\@acme.example", $_),
			custom_fields => {
				notes => { slug => 'notes', value => $workspace },
				$_ % 3 ? (tier => { slug => 'tier', value => $_ % 2 ? 'gold' : 'silver' }) : ()
			}
		}
	} 1 .. $contacts{$workspace};
}

my $columns =
  "id text, name text, email text, tier text OPTIONS (custom_field 'tier'), workspace text OPTIONS (custom_field "
  . "'notes')";
$node->safe_psql('postgres',
	"CREATE TABLE people (id text, name text, email text, tier text, workspace text) PARTITION BY LIST (workspace);
	CREATE TABLE copies (id text, name text, email text, tier text, workspace text)");
for my $workspace (@workspaces)
{
	my @all = contacts_of($workspace);
	my @rows = map { my $tier = $_->{custom_fields}{tier}{value};
		"('$_->{id}', '$_->{name}', '$_->{email}', " . ($tier ? "'$tier'" : 'NULL') . ", '$workspace')" } @all;

	$api{$workspace} = start_api(contacts => 1);
	api_ctl($api{$workspace}, 'replace', encode_json(\@all));
	$node->safe_psql('postgres', "
		CREATE SERVER $workspace FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url '$api{$workspace}{url}',
			lookup_batch_size '" . BATCH . "', max_retries '0');
		CREATE USER MAPPING FOR PUBLIC SERVER $workspace OPTIONS (api_token '$PylonTest::TOKEN');
		CREATE FOREIGN TABLE people_$workspace ($columns) SERVER $workspace OPTIONS (estimated_contacts '1000000');
		ALTER TABLE people ATTACH PARTITION people_$workspace FOR VALUES IN ('$workspace');
		" . (@rows ? 'INSERT INTO copies VALUES ' . join(', ', @rows) : ''));
}
$node->safe_psql('postgres', q{
	CREATE VIEW contacts AS SELECT 'w1' AS workspace, id, name, email, tier FROM people_w1
		UNION ALL SELECT 'w2', id, upper(name), email, tier FROM people_w2
			UNION ALL SELECT 'w3', id, name, email, tier FROM people_w3;
	CREATE VIEW contact_copies AS SELECT workspace, id, CASE workspace WHEN 'w2' THEN upper(name) ELSE name END AS name, email, tier FROM copies;
	CREATE TABLE leads AS SELECT row_number() OVER (ORDER BY md5(id))::int AS n, id, email, name, tier FROM copies
		WHERE right(id, 1) < '6';
	INSERT INTO leads SELECT 1000 + g, 'no-' || g, 'nobody' || g || '@acme.example', 'Nobody', 'none'
		FROM generate_series(1, 5) g;
	INSERT INTO leads VALUES (2001, NULL, NULL, NULL, NULL), (2002, '', '', '', ''), (2003, 'x', 'P5@ACME.EXAMPLE', 'NAME 1', 'GOLD');
	INSERT INTO leads SELECT 3000 + n, id, email, name, tier FROM leads WHERE n < 10;
	ANALYZE leads, copies});
my $session = PylonSession->new($node);
$session->query(
	'SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_nestloop = off; SET enable_material = off; '
	  . 'SET enable_memoize = off'
);

sub take_all { return map { $_ => [ api_take($api{$_}) ] } @workspaces; }

# The rows of a query on "people" or "contacts" must be those of the same on the local copies.
sub same
{
	my ($query, $name) = @_;
	my $copy = $query =~ s/\bpeople\b/copies/gr =~ s/\bcontacts\b/contact_copies/gr;
	my $expected = $session->query($copy);

	isnt($expected, '', "$name: there is something to compare");
	like($session->query("EXPLAIN $query"), qr/Pylon Lookup Join/, "$name: the plan");
	take_all();
	is($session->query($query), $expected, "$name: rows");
	is($session->error, '', "$name: no error");
	return;
}

# The numbers of keys in the searches that were made, by workspace, the longest lists first: several are in flight, and
# come in any order.  All must be searches for such keys, none twice.
sub keys_asked
{
	my %taken = take_all();
	my %lengths;

	for my $workspace (@workspaces)
	{
		my %seen;

		for my $request (@{ $taken{$workspace} })
		{
			my ($body) = $request =~ m{^POST /contacts/search (.*)} or return "$workspace: $request";
			my $filter = JSON::PP->new->utf8->decode($body)->{filter};
			my ($list) = grep { ($_->{operator} // '') =~ /^(?:in|equals)$/ } $filter, @{ $filter->{subfilters} // [] };
			my @values = $list->{operator} eq 'in' ? @{ $list->{values} } : $list->{value};

			return "$workspace is asked again: $body" if grep { $seen{$_}++ } @values;
			push @{ $lengths{$workspace} }, scalar @values;
		}
		@{ $lengths{$workspace} } = sort { $b <=> $a } @{ $lengths{$workspace} } if $lengths{$workspace};
	}
	return \%lengths;
}

sub is_within { my ($some, $all) = map { $_ // [] } @_; return @$some <= @$all && sum0(@$some) <= sum0(@$all); }

sub lists { my $keys = shift; return [ ((BATCH) x int($keys / BATCH)), $keys % BATCH ? $keys % BATCH : () ]; }

# ---------------------------------------------------------------- the same rows, each key asked for once in each workspace

for my $table ('people', 'contacts')
{
	for my $case (
		[
			'inner',
			"SELECT l.n, c.id, c.name, c.workspace FROM leads l JOIN $table c ON c.email = l.email ORDER BY 1, 2"
		],
		[
			'left',
			"SELECT l.n, c.id, c.name, c.workspace FROM leads l LEFT JOIN $table c ON c.email = l.email ORDER BY 1, 2"
		],
		[ 'semi', "SELECT l.n FROM leads l WHERE EXISTS (SELECT FROM $table c WHERE c.email = l.email) ORDER BY 1" ],
		[
			'anti', "SELECT l.n FROM leads l WHERE NOT EXISTS (SELECT FROM $table c WHERE c.email = l.email) ORDER BY 1"
		])
	{
		my ($name, $sql) = @$case;
		my $keys = $session->query("SELECT count(DISTINCT email) FROM leads WHERE email <> ''");

		same($sql, "$table, $name");
		my $asked = keys_asked();
		my $all = { map { $_ => lists($keys) } @workspaces };

		# where one contact will do, a workspace isn't asked for keys that another one has decided before
		if (ref $asked && $name =~ /^(?:semi|anti)$/)
		{
			is_deeply([ grep { !is_within($asked->{$_}, $all->{$_}) } @workspaces ],
				[], "$table, $name: requests, no more than lists and keys");
			next;
		}
		is_deeply($asked, $all, "$table, $name: requests");
	}
	same("SELECT l.n, c.workspace, c.id FROM leads l JOIN $table c ON c.id = l.id ORDER BY 1, 2", "$table, by id");
	same(
		"SELECT l.n, c.workspace, c.id FROM leads l JOIN $table c ON c.tier = l.tier
			AND c.name >= l.name ORDER BY 1, 2, 3",
		"$table, by custom field");
	same(
		"SELECT l.n, c.id FROM leads l LEFT JOIN $table c ON c.email = l.email AND c.workspace <> 'w2'
			AND l.n % 2 = 0 ORDER BY 1, 2",
		"$table, further conditions");
	is_deeply((take_all())[3], [], "$table, further conditions: a workspace that they exclude isn't asked");
	same("SELECT l.n, c.id FROM leads l JOIN $table c ON c.email = l.email WHERE c.tier = 'gold' ORDER BY 1, 2",
		"$table, a condition that is pushed");
	like(
		(take_all())[1][0], qr/"tier","operator":"equals","value":"gold"/,
		"$table, a condition that is pushed: requests");
	same("SELECT id, name, workspace FROM $table WHERE email IN (SELECT email FROM leads) ORDER BY 1",
		"$table, contacts for which there is a row");
	same(
		"SELECT l.n, c.id, d.id FROM leads l JOIN $table c ON c.email = l.email
			LEFT JOIN $table d ON d.id = c.id ORDER BY 1, 2",
		"$table, two joins");
	same(
		"SELECT l.n, (SELECT string_agg(c.id, ' ' ORDER BY c.id) FROM leads m JOIN $table c ON c.email = m.email
			AND c.name > l.name WHERE m.n < 9)
		FROM leads l WHERE l.n < 12 ORDER BY 1", "$table, rescans");
	same(
		"SELECT count(*), max(c.name) FROM leads l LEFT JOIN (SELECT *, coalesce(name, 'none') || workspace AS w
			FROM $table) c ON c.email = l.email
		WHERE coalesce(c.w, 'x') > 'a'", "$table, an expression below an outer join");
}
is($session->query(
		'SELECT count(*) FROM leads l JOIN people c ON c.email = l.email WHERE c.tableoid::regclass::text <> '
		  . '$$people_$$ || c.workspace'
	), '0', 'tableoid');
is($session->query(
		'SELECT count((c).id), count(DISTINCT (c).workspace) FROM (SELECT c FROM leads l JOIN people c ON c.email = '
		  . 'l.email) q'
	),
	$session->query('SELECT count(c.id), count(DISTINCT c.workspace) FROM leads l JOIN copies c ON c.email = l.email'),
	'whole rows');
take_all();
is($session->query(
		"PREPARE by_email(text) AS SELECT count(*) FROM leads l JOIN people c ON c.email = l.email AND c.tier = \$1;
	SET plan_cache_mode = force_generic_plan; EXECUTE by_email('gold'); EXECUTE by_email('silver'); EXECUTE by_email(NULL); RESET plan_cache_mode"
	),
	$session->query("SELECT count(*) FROM leads l JOIN copies c ON c.email = l.email AND c.tier = 'gold'") . "\n"
	  . $session->query("SELECT count(*) FROM leads l JOIN copies c ON c.email = l.email AND c.tier = 'silver'")
	  . "\n0", 'a generic plan');
take_all();

# A LIMIT makes the first batch small, here as well.
is($session->query('SELECT l.n FROM leads l LEFT JOIN people c ON c.email = l.email ORDER BY l.n LIMIT 1'),
	'1', 'LIMIT');
my %taken = take_all();
is_deeply([ map { scalar @{ $taken{$_} } } @workspaces ], [ 1, 1, 1 ], 'LIMIT: requests');

# ---------------------------------------------------------------- at the same time

sub seconds { my $sql = shift; my $start = time; $session->query($sql); return time - $start; }

my $join = 'SELECT count(*) FROM leads l JOIN %s c ON c.email = l.email WHERE l.n < 40';

# The best of three each, in turns.
sub takes_no_longer
{
	my ($together, $alone, $name) = @_;

	with_patience($name, sub {
		my $factor = shift;
		my (@together, @alone);

		api_set($api{$_}, latency => 100 * $factor) for @workspaces;
		for (1 .. 3)
		{
			push @together, seconds($together);
			push @alone, seconds($alone);
		}
		note(sprintf 'together %.2f s, one alone %.2f s', min(@together), min(@alone));
		my $ratio = min(@together) / min(@alone);
		return $ratio <= 1.3 ? () : sprintf '%.2f times', $ratio;
	});
	api_set($api{$_}, latency => 0) for @workspaces;
	return;
}

takes_no_longer(sprintf($join, 'people'), sprintf($join, 'people_w1'), 'all workspaces take the time of one');

# So do the further pages where one batch of keys has many contacts.
$node->safe_psql('postgres',
	"CREATE VIEW twice AS SELECT id, email, tier FROM people_w1 UNION ALL SELECT id, email, tier FROM people_w1");
$node->safe_psql('postgres', "ALTER FOREIGN TABLE people_w1 OPTIONS (ADD page_size '8')");
$join = 'SELECT count(*) FROM (VALUES ($$gold$$), ($$silver$$)) v (tier) JOIN %s c ON c.tier = v.tier';
like($session->query('EXPLAIN ' . sprintf $join, 'twice'), qr/Pylon Lookup Join/,
	'several pages for a batch: the plan');
is($session->query(sprintf $join, 'twice'),
	2 * $session->query(sprintf $join, 'people_w1'), 'several pages for a batch: rows');
takes_no_longer(
	sprintf($join, 'twice'),
	sprintf($join, 'people_w1'), 'several pages for a batch: all take the time of one');
$node->safe_psql('postgres', 'ALTER FOREIGN TABLE people_w1 OPTIONS (DROP page_size)');
api_set($api{$_}, latency => 0) for @workspaces;
take_all();

# ---------------------------------------------------------------- EXPLAIN

like($session->query("EXPLAIN (COSTS off) SELECT c.name FROM leads l JOIN contacts c USING (email)"),
	qr/^Custom Scan \(Pylon Lookup Join\)
  Join Type: Inner
  Pylon Key: c.email = l.email
  Pylon Request: POST \/contacts\/search
  Pylon Filter: \{"field":"email","operator":"in","values":\["l.email"\]\}
  ->  Seq Scan on leads l
  ->  Foreign Scan on people_w1
  ->  Foreign Scan on people_w2
  ->  Foreign Scan on people_w3$/, 'EXPLAIN');
is_deeply({ take_all() }, { map { $_ => [] } @workspaces }, 'EXPLAIN asks nothing');
my $plan = $session->query(
	'EXPLAIN (ANALYZE, TIMING off, FORMAT json) SELECT c.name FROM leads l JOIN contacts c USING (email) WHERE l.n <= 5'
);
my $top = decode_json($plan)->[0]{Plan};
is($top->{'Pylon Calls'}{Requests}, 3, 'EXPLAIN ANALYZE: the requests of all');
is($top->{'Pylon Batches'}, 1, 'EXPLAIN ANALYZE: batches');

# Where a field has another name in one of them, each filter is shown.
$session->query("CREATE VIEW mixed AS SELECT email AS key, id FROM people_w1 UNION ALL SELECT tier, id FROM people_w2");
like($session->query("EXPLAIN (COSTS off) SELECT FROM leads l JOIN mixed m ON m.key = l.email"),
	qr/Pylon Filter: \{"field":"email",.*\}, \{"field":"tier",/, 'EXPLAIN: a filter for each');
# '' is no address, but may be the value of a custom field, for which the API can't be asked
$session->query(
	'CREATE VIEW mixed_copies AS SELECT email AS key, id FROM copies WHERE workspace = $$w1$$ UNION ALL SELECT tier, '
	  . 'id FROM copies WHERE workspace = $$w2$$'
);
my $mixed =
  'SELECT l.n, m.id FROM (SELECT n, email AS key FROM leads UNION ALL SELECT n + 5000, tier FROM leads WHERE n < 20) '
  . 'l LEFT JOIN mixed m USING (key) ORDER BY 1, 2';
is($session->query($mixed), $session->query($mixed =~ s/\bmixed\b/mixed_copies/r), 'keys of different kinds');
is($session->error, '', 'keys of different kinds: no error');
take_all();

# ---------------------------------------------------------------- what differs between servers

$session->query("ALTER SERVER w2 OPTIONS (SET lookup_batch_size '4')");
same('SELECT l.n, c.id FROM leads l JOIN people c ON c.email = l.email WHERE l.n < 20 ORDER BY 1, 2',
	'a server that takes shorter lists');
my $lengths = keys_asked();
cmp_ok($_, '<=', 4, 'a server that takes shorter lists: all ask for as much') for map { @$_ } values %$lengths;
$session->query('ALTER SERVER w2 OPTIONS (SET lookup_batch_size \'' . BATCH . '\')');

# An API that refuses to be asked is read in full, and the rows stay right.
api_fault($api{w2}, kind => 'status', status => 400, body => { errors => ['no'], request_id => 'r' },
	match => 'POST /contacts/search', times => 0, skip => 1);
my $again = 'SELECT l.n, c.id FROM leads l LEFT JOIN people c ON c.email = l.email ORDER BY 1, 2';
my $expected = $session->query($again =~ s/people/copies/r);
my $other = PylonSession->new($node);
$other->query('SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_nestloop = off');
is($other->query($again), $expected, 'one refuses the second batch: rows');
like($other->error, qr/WARNING: .*refused a condition on foreign table "people_w2"/,
	'one refuses the second batch: warning');
is($other->query($again), $expected, 'one has refused: rows');
$other->quit;
api_ctl($api{w2}, 'faults-clear');
take_all();

# A column of one workspace cuts blanks off that stand in the API; that of the other has room for them.
for my $workspace ('w1', 'w2')
{
	api_ctl($api{$workspace}, 'add',
		encode_json([
				map {
					{
						id => "$workspace-9$_->[0]", name => 'Site',
						custom_fields => { website => { value => $_->[1] } }
					}
				} [ 1, 'abc  ' ], [ 2, 'xy' ], [ 3, 'abc' ]
			]));
}
$session->query(
	"CREATE FOREIGN TABLE sites_w1 (id text, site varchar(3) OPTIONS (custom_field 'website'))
		SERVER w1 OPTIONS (estimated_contacts '1000000');
	CREATE FOREIGN TABLE sites_w2 (id text, site varchar(9) OPTIONS (custom_field 'website'))
		SERVER w2 OPTIONS (estimated_contacts '1000000');
	CREATE VIEW sites AS TABLE sites_w1 UNION ALL TABLE sites_w2;
	CREATE TABLE keys AS SELECT * FROM (VALUES ('xy'), ('abc'), ('z')) k (site); ANALYZE keys");
for my $case ([ "'xy', 'z'", 'w1-92 w2-92' ], [ "'xy', 'abc'", 'w1-91 w1-92 w1-93 w2-92 w2-93' ])
{
	my $sql =
	  "SELECT string_agg(c.id, ' ' ORDER BY c.id) FROM keys k JOIN sites c ON c.site = k.site
		WHERE k.site IN ($case->[0])";

	like($session->query("EXPLAIN $sql"), qr/Pylon Lookup Join/, "columns of different lengths, $case->[0]: the plan");
	is($session->query($sql), $case->[1], "columns of different lengths, $case->[0]: rows");
}
take_all();

# A foreign table that differs in how it compares is no part of a key.
$session->query("ALTER SERVER w3 OPTIONS (ADD case_sensitive 'false')");
unlike($session->query('EXPLAIN SELECT FROM leads l JOIN people c ON lower(c.email) = l.email'), qr/Pylon Lookup Join/,
	'lower() can not be asked everywhere');
$session->query(
	'CREATE VIEW folded AS SELECT lower(email) AS key, id FROM people_w3 UNION ALL SELECT email, id FROM people_w1');
unlike($session->query('EXPLAIN SELECT FROM leads l JOIN folded c ON c.key = l.email'), qr/Pylon Lookup Join/,
	'nor can a key that stands for different texts');
$session->query('ALTER SERVER w3 OPTIONS (DROP case_sensitive)');

# ---------------------------------------------------------------- rows that are no contacts

# Where other rows stand beside the contacts, they are read for each batch.
$session->query("CREATE TABLE people_local PARTITION OF people FOR VALUES IN ('local');
	INSERT INTO people_local SELECT 'l' || n, 'Local', email, tier, 'local' FROM leads WHERE n % 7 = 0;
	INSERT INTO copies TABLE people_local; ANALYZE people_local");
same('SELECT l.n, c.id, c.workspace FROM leads l LEFT JOIN people c ON c.email = l.email ORDER BY 1, 2',
	'a local partition');
is_deeply(
	keys_asked(),
	{ map { $_ => lists($session->query("SELECT count(DISTINCT email) FROM leads WHERE email <> ''")) } @workspaces },
	'a local partition: requests');
like($session->query("EXPLAIN SELECT FROM leads l JOIN people c ON c.email = l.email AND c.workspace <> 'local'"),
	qr/Lookup Join(?!.*people_local)/s,
	'a local partition that is pruned');
unlike($session->query("EXPLAIN SELECT FROM leads l JOIN people c ON c.email = l.email AND c.workspace = 'local'"),
	qr/Lookup Join/,
	'a local partition alone');
$session->query("DELETE FROM copies WHERE workspace = 'local'; DROP TABLE people_local");

# Children of a table that has no rows of its own, or some.
$session->query("CREATE TABLE family (id text, name text, email text);
	CREATE FOREIGN TABLE son () INHERITS (family) SERVER w1; CREATE FOREIGN TABLE daughter () INHERITS (family)
		SERVER w2;
	CREATE TABLE family_copies AS SELECT id, name, email FROM copies WHERE workspace <> 'w3'");
my $family = 'SELECT l.n, c.id, c.name FROM leads l JOIN family c ON c.email = l.email ORDER BY 1, 2';
for my $rows ('no rows', 'rows')
{
	my $children = $session->query($family =~ s/family/family_copies/r);
	like($session->query("EXPLAIN $family"), qr/Lookup Join.*family.*son.*daughter/s, "a parent with $rows: the plan");
	is($session->query($family), $children, "a parent with $rows: rows");
	is($session->error, '', "a parent with $rows: no error");
	$session->query(
		"INSERT INTO family SELECT 'f' || n, 'Parent', email FROM leads WHERE n % 11 = 0; INSERT INTO family_copies
			SELECT 'f' || n, 'Parent', email FROM leads WHERE n % 11 = 0"
	);
}
take_all();

# A branch of a view that is a query of its own.
$session->query(
	"CREATE VIEW counted AS SELECT id, email FROM people_w2 UNION ALL SELECT max(id), email FROM leads GROUP BY email;
	CREATE VIEW counted_copies AS SELECT id, email FROM copies WHERE workspace = 'w2' UNION ALL SELECT max(id), email
		FROM leads GROUP BY email"
);
my $counted = 'SELECT l.n, c.id FROM leads l LEFT JOIN counted c ON c.email = l.email ORDER BY 1, 2';
like($session->query("EXPLAIN $counted"), qr/Lookup Join.*Aggregate/s, 'an aggregate as a branch: the plan');
is($session->query($counted), $session->query($counted =~ s/counted/counted_copies/r),
	'an aggregate as a branch: rows');
take_all();

# A table of tables: workspaces below a branch of a view.
$session->query("CREATE VIEW nested AS SELECT id, email FROM people UNION ALL SELECT id, email FROM people_w2");
$session->query(
	"CREATE VIEW nested_copies AS SELECT id, email FROM copies UNION ALL SELECT id, email FROM copies
		WHERE workspace = 'w2'"
);
my $nested = 'SELECT l.n, c.id FROM leads l JOIN nested c ON c.email = l.email ORDER BY 1, 2';
like($session->query("EXPLAIN $nested"), qr/Lookup Join.*(?:people_w\d.*){4}/s, 'partitions in a branch: the plan');
is($session->query($nested), $session->query($nested =~ s/nested/nested_copies/r), 'partitions in a branch: rows');
take_all();

# ---------------------------------------------------------------- failures

api_fault($api{w2}, kind => 'status', status => 403, match => 'POST /contacts/search', skip => 1, times => 1);
$session->query("SELECT count(*) FROM leads l JOIN people c ON c.email = l.email");
like($session->error, qr/ERROR:  42501: .*people_w2/, 'one denies the second batch');
is($session->query($again), $expected, 'the same session goes on');
my $latency = patience($node, 3);
api_set($api{w3}, latency => int(1000 * $latency));
my $start = time;
$session->query("SET statement_timeout = '300ms'; SELECT count(*) FROM leads l JOIN people c ON c.email = l.email");
like($session->error, qr/57014/, 'cancelled while one doesn\'t answer');
cmp_ok(time - $start, '<', $latency, 'cancelled: no answer is waited for');
api_set($api{w3}, latency => 0);
is($session->query("RESET statement_timeout; $again"), $expected, 'after it was cancelled');

# ---------------------------------------------------------------- locked rows, writes

$session->query("CREATE TABLE orders AS SELECT n, email, 'new' AS state FROM leads WHERE n <= 6");
$other = PylonSession->new($node);
$other->query("BEGIN; UPDATE orders SET state = 'old' WHERE n = 2; UPDATE orders SET email = 'nobody' WHERE n = 3");
my $locked =
  'SELECT o.n, o.state, c.id FROM orders o LEFT JOIN people c ON c.email = o.email ORDER BY 1, 3 FOR UPDATE OF o';
like($session->query("EXPLAIN $locked"), qr/Pylon Lookup Join/, 'FOR UPDATE: the plan');
$session->begin($locked);
$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')")
  or die 'nobody waits';
$other->query('COMMIT');
my $found = $session->result;
is($session->error, '', 'FOR UPDATE of rows that have changed: no error');
like($found, qr/^2\|old\|w/m, 'FOR UPDATE: a changed row');
like($found, qr/^3\|new\|$/m, 'FOR UPDATE: a row that no longer joins');
$other->quit;

like($session->query('EXPLAIN UPDATE orders o SET state = c.id FROM people c WHERE c.email = o.email'),
	qr/Pylon Lookup Join/, 'UPDATE ... FROM: the plan');
$session->query('UPDATE orders o SET state = c.id FROM people c WHERE c.email = o.email AND c.workspace = $$w1$$');
is($session->query(
		'SELECT count(*) FROM orders o JOIN copies c ON c.email = o.email AND c.workspace = $$w1$$ WHERE o.state '
		  . '<> c.id'
	), '0', 'UPDATE ... FROM');
$session->query(
	"INSERT INTO people_w3 (name, email, workspace) SELECT DISTINCT 'New', l.email, 'w3' FROM leads l WHERE l.n < 4
	AND NOT EXISTS (SELECT FROM people c WHERE c.email = l.email AND c.workspace = 'w3')");
is($session->error, '', 'INSERT of those that one has not: no error');
is($session->query("SELECT count(*) FROM people_w3"), '3', 'INSERT of those that one has not');

# A partitioned target: each workspace is asked for the keys, and each contact is written to where it is.
$session->query('CREATE TABLE renamed AS SELECT email, min(n) AS n FROM leads WHERE email IS NOT NULL AND n <= 45
	GROUP BY email; ANALYZE renamed; TRUNCATE copies; INSERT INTO copies SELECT id, name, email, tier, workspace FROM people');
my $keys = $session->query('SELECT count(*) FROM renamed');
my %targets = (
	UPDATE => q{UPDATE people p SET name = 'renamed ' || r.n FROM renamed r WHERE r.email = p.email},
	'UPDATE with a further condition' =>
	  q{UPDATE people p SET name = 'again ' || r.n FROM renamed r WHERE r.email = p.email AND r.n > length(p.name)},
	'DELETE with IN' => q{DELETE FROM people p WHERE p.email IN (SELECT email FROM renamed WHERE n % 4 = 1)});
api_take($_) for values %api;
for my $name (sort { $b cmp $a } keys %targets)
{
	my $sql = $targets{$name};
	my $asked = $name =~ /IN/ ? $session->query('SELECT count(*) FROM renamed WHERE n % 4 = 1') : $keys;

	like($session->query("EXPLAIN (VERBOSE, COSTS OFF) $sql"), qr/Append.*(?:Pylon Lookup Join.*){3}/s, "$name: the plan");
	$session->query($sql);
	is($session->error, '', "$name: no error");
	$session->query($sql =~ s/people p/copies p/r);
	for my $workspace (@workspaces)
	{
		my @requests = api_take($api{$workspace});
		my $searches = grep { m{^POST /contacts/search} } @requests;
		my @writes = grep { /^(?:PATCH|DELETE) / } @requests;

		is($searches, POSIX::ceil($asked / BATCH), "$name: searches of $workspace");
		is_deeply([ grep { !m{/contacts/$workspace-} } @writes ], [], "$name: contacts of $workspace alone are written")
		  if $workspace ne 'w3';
	}
	for my $tables ([ 'people', 'copies' ], [ 'copies', 'people' ])
	{
		my ($some, $others) = @$tables;

		is($session->query("SELECT count(*) FROM (SELECT id, name, email FROM $some
			EXCEPT SELECT id, name, email FROM $others) d"), '0', "$name: $some");
	}
	api_take($_) for values %api;
}
unlike($session->query('EXPLAIN UPDATE people p SET name = $$x$$ FROM (SELECT * FROM renamed WHERE n > random()) r
	WHERE r.email = p.email'), qr/Pylon Lookup Join/, 'what may be others the second time is not read for each workspace');

# What the planner expects without ANALYZE: hardly two contacts share an address, in each of the workspaces.
cmp_ok(
	decode_json($session->query('EXPLAIN (FORMAT json) SELECT FROM leads l JOIN people c ON c.email = l.email'))
	  ->[0]{Plan}{'Plan Rows'}, '<', 500, 'as many rows as there may be');

$session->quit;
done_testing();
