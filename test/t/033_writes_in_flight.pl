# Updates and deletes in flight together: how many, when one after the other, what is counted, and what becomes of them
# when one fails.

use strict;
use warnings;

use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;

my $node = start_node("shared_preload_libraries = 'pg_stat_statements'\n");
my $api = start_api(contacts => 10);

sub id { return sprintf 'contact-%04d', shift; }

# The API has so many contacts, no faults, and an empty log.
sub populate
{
	my ($count, %more) = @_;
	my @contacts = map { +{ id => id($_), name => "Name $_", email => "c$_\@x.example", %more } } 1 .. $count;

	api_faults($api);
	control($api, 'PUT', '_contacts', \@contacts);
	api_take($api);
	return;
}

# What is written, as "METHOD id" and, of several ids, in their order.
sub written
{
	my ($method) = @_;
	return [ sort map { m{^$method /contacts/(\S+)} ? $1 : () } api_take($api) ];
}

sub ids { return [ map { id($_) } @_ ]; }

sub names { return { map { $_->{id} => $_->{name} } stored_contacts($api) }; }

# The command tag.
sub tag
{
	my ($sql) = @_;
	my $out;

	IPC::Run::run([ 'psql', '-XAt', '-d', $node->connstr('postgres'), '-c', $sql ], '>', \$out, '2>&1');
	chomp $out;
	return $out;
}

# The counts of the warnings, as "creates updates deletes"; the ids in that of what is unknown.
sub remain
{
	my $text = shift;
	return [ map { s/.* Pylon: (\d+) creates?, (\d+) updates? and (\d+) deletes? .*/$1 $2 $3/r }
		  grep { /^(?:psql:\S* )?WARNING:  .*rolled back/ } split /\n/, $text ];
}

sub unknown
{
	my $text = shift;
	my ($names) = $text =~ /unknown whether Pylon did [^\n]* that (?:was|were) on [^\n]*\n(?:psql\S* )?DETAIL:  ([^\n]*)/;

	return [ sort +($names // '') =~ /contact (\S+) of/g ];
}

my %statement = (PATCH => "UPDATE contacts SET name = 'New ' || id", DELETE => 'DELETE FROM contacts');
my %did = (PATCH => 'UPDATE', DELETE => 'DELETE');

# ---------------------------------------------------------------- how many at once

# Checks that at most, and once at least, so many of these requests are open.
sub in_flight_is
{
	my ($method, $most, $count, $sql, $name) = @_;

	with_patience("$name: in flight at once", sub {
		my ($factor) = @_;

		populate($count);
		api_set($api, write_latency => 30 * $factor);
		$node->safe_psql('postgres', $sql);
		my $found = most_in_flight($api, $method);
		return $found == $most ? () : "$found instead of $most";
	});
	api_set($api, write_latency => 0);
	is_deeply(written($method), ids(1 .. $count), "$name: each once");
	return;
}

for my $most (1, 4, 9)
{
	setup_server($node, $api, max_concurrent_requests => $most);
	in_flight_is($_, $most, 3 * $most + 2, $statement{$_}, "$did{$_}, $most at once") for 'PATCH', 'DELETE';
}
setup_server($node, $api);
is(tag("UPDATE contacts SET name = name || '!' WHERE id = 'contact-0001'"), 'UPDATE 0', 'no row');

# Where somebody looks at the row, or runs between two rows.
my $watched = q{
	CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN coalesce(NEW, OLD); END $$;
	CREATE FUNCTION count_before() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN NEW.name := (SELECT count(*) FROM contacts WHERE name ~ '^\d+$') || ''; RETURN NEW; END $$;
	CREATE VIEW checked AS SELECT * FROM contacts WHERE name <> 'wrong' WITH CHECK OPTION;
	CREATE TABLE log (line text)};
my $trigger = 'CREATE TRIGGER t %s ON contacts FOR EACH %s EXECUTE FUNCTION %s()';
$node->safe_psql('postgres', $watched);
for my $method ('PATCH', 'DELETE')
{
	my $sql = $statement{$method};

	in_flight_is($method, 1, 5, "$sql RETURNING id", "$did{$method} RETURNING");
	for my $case ([ 'BEFORE', 'ROW', 1 ], [ 'AFTER', 'ROW', 1 ], [ 'AFTER', 'STATEMENT', 4 ])
	{
		my ($when, $level, $most) = @$case;

		$node->safe_psql('postgres', sprintf $trigger, "$when $did{$method}", $level, 'nothing');
		in_flight_is($method, $most, 9, $sql, "$did{$method} with a trigger $when $level");
		$node->safe_psql('postgres', 'DROP TRIGGER t ON contacts');
	}
	my $other = $method eq 'PATCH' ? 'DELETE' : 'UPDATE';
	$node->safe_psql('postgres', sprintf $trigger, "AFTER $other", 'ROW', 'nothing');
	in_flight_is($method, 4, 9, $sql, "$did{$method} with a trigger for $other");
	$node->safe_psql('postgres', 'DROP TRIGGER t ON contacts');
}
in_flight_is('PATCH', 1, 5, 'UPDATE checked SET name = \'right\'', 'CHECK OPTION');
in_flight_is('DELETE', 4, 9, 'DELETE FROM checked', 'DELETE through a view with CHECK OPTION');
$node->safe_psql('postgres', sprintf $trigger, 'BEFORE UPDATE', 'ROW', 'count_before');
in_flight_is('PATCH', 1, 4, 'UPDATE contacts SET name = \'0\'', 'a trigger that reads');
is_deeply([ sort values %{ names() } ], [ 0 .. 3 ], 'a trigger that reads sees the rows before as written');
$node->safe_psql('postgres', 'DROP TRIGGER t ON contacts');

# A statement trigger comes after the last answer.
$node->safe_psql('postgres', q{
	CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN INSERT INTO log SELECT count(*) FROM contacts WHERE name LIKE 'New %'; RETURN NULL; END $$});
$node->safe_psql('postgres', sprintf $trigger, 'AFTER UPDATE', 'STATEMENT', 'note');
populate(6);
$node->safe_psql('postgres', $statement{PATCH});
is($node->safe_psql('postgres', 'DELETE FROM log RETURNING line'), '6', 'a statement trigger sees all rows as written');
$node->safe_psql('postgres', 'DROP TRIGGER t ON contacts');

# A function that reads a row's answer reads what is written before.
$node->safe_psql('postgres', q{
	CREATE FUNCTION seen(text) RETURNS bool LANGUAGE plpgsql AS $$ DECLARE n int; BEGIN
		IF $1 !~ '^Seen' THEN RETURN true; END IF;
		SELECT count(*) INTO n FROM contacts WHERE name LIKE 'Seen%';
		INSERT INTO log VALUES (n); RETURN true; END $$;
	CREATE DOMAIN watched AS text CHECK (seen(VALUE));
	CREATE FOREIGN TABLE watching (id text, name watched) SERVER pylon});
populate(4);
api_set($api, write_latency => 100);
$node->safe_psql('postgres', q{UPDATE watching SET name = 'Seen ' || id});
is($node->safe_psql('postgres', 'WITH d AS (DELETE FROM log RETURNING line) SELECT string_agg(DISTINCT line, \',\') FROM d'),
	'0,4', 'a check reads what is in flight as written');
api_set($api, write_latency => 0);

# Addresses: what one gives up, or has, another one in flight does not get.
in_flight_is('PATCH', 1, 6, 'UPDATE contacts SET email = \'c\' || substr(id, 12)::int + 1 || \'@x.example\'',
	'addresses move on');
in_flight_is('PATCH', 4, 9, 'UPDATE contacts SET email = \'new\' || id || \'@x.example\'', 'new addresses');

# ---------------------------------------------------------------- many

for my $most (1, 4, 64)
{
	setup_server($node, $api, max_concurrent_requests => $most);
	populate(1000);
	is(tag($statement{PATCH}), 'UPDATE 1000', "1,000 updates, $most at once: command tag");
	is_deeply(written('PATCH'), ids(1 .. 1000), "1,000 updates, $most at once: each once");
	is_deeply(names(), { map { id($_) => 'New ' . id($_) } 1 .. 1000 }, "1,000 updates, $most at once: what is there");
	is(tag('DELETE FROM contacts WHERE id > \'contact-0003\''), 'DELETE 997', "997 deletes, $most at once: command tag");
	is_deeply(written('DELETE'), ids(4 .. 1000), "997 deletes, $most at once: each once");
	is_deeply([ sort keys %{ names() } ], ids(1 .. 3), "997 deletes, $most at once: what is there");
}

# Updates and deletes use the connections that there are; each create has one of its own.
setup_server($node, $api);
for my $case ([ $statement{PATCH}, 4 ], [ $statement{DELETE}, 4 ], [ 'INSERT INTO contacts (name) SELECT i::text FROM generate_series(1, 20) i', 21 ])
{
	my ($sql, $most) = @$case;
	my $before;

	populate(20);
	$before = api_connections($api)->{accepted};
	$node->safe_psql('postgres', "SELECT FROM contacts LIMIT 1; $sql");
	# those that ask for this are not counted
	cmp_ok(api_connections($api)->{accepted} - $before, '<=', $most, "$sql: connections");
}

# ---------------------------------------------------------------- rows that are none

# Two of these contacts are gone when they are to be written.
sub two_are_gone
{
	my ($method, $count) = @_;

	populate($count);
	api_fault($api, kind => 'status', status => 404, match => "$method /contacts/" . id($_),
		body => { errors => ['Contact not found!'] }) for 2, 5;
	return;
}

setup_server($node, $api);
$node->safe_psql('postgres', q{
	CREATE FUNCTION counted(statement text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE n int; BEGIN
		EXECUTE statement; GET DIAGNOSTICS n = ROW_COUNT; RETURN n; END $$;
	CREATE FUNCTION found_any() RETURNS text LANGUAGE plpgsql AS
		$$ BEGIN UPDATE contacts SET name = 'x' WHERE id = 'contact-0002'; RETURN FOUND; END $$;
	CREATE EXTENSION pg_stat_statements;
	CREATE TABLE parts (id text, name text, portal_role_id text) PARTITION BY LIST (portal_role_id);
	CREATE FOREIGN TABLE part_a PARTITION OF parts FOR VALUES IN ('a') SERVER pylon;
	CREATE FOREIGN TABLE part_b PARTITION OF parts FOR VALUES IN ('b') SERVER pylon});
for my $method ('PATCH', 'DELETE')
{
	my $sql = $statement{$method};
	my $did = $did{$method};

	two_are_gone($method, 9);
	is(tag($sql), "$did 7", "$did where two are gone: command tag");
	is_deeply(written($method), ids(1 .. 9), "$did where two are gone: all are tried");
	two_are_gone($method, 9);
	is($node->safe_psql('postgres', "SELECT counted(\$\$$sql\$\$)"), '7', "$did where two are gone: ROW_COUNT");
	two_are_gone($method, 9);
	is(tag("WITH w AS ($sql) INSERT INTO log VALUES ('x'), ('y')"), 'INSERT 0 2', "$did where two are gone: in WITH");
	is_deeply(written($method), ids(1 .. 9), "$did where two are gone, in WITH: all are tried");
	is($node->safe_psql('postgres', "SELECT rows FROM pg_stat_statements WHERE query LIKE 'WITH w AS ($did %'"),
		'2', "$did where two are gone, in WITH: rows of the statement");
	two_are_gone($method, 9);
	is(tag("WITH w AS (INSERT INTO log VALUES ('x')) $sql"), "$did 7", "$did where two are gone: beside WITH");
	two_are_gone($method, 9);
	like($node->safe_psql('postgres', "EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) $sql"),
		qr/ on contacts \(actual rows=0(?:\.00)? loops=1\)\n.*Pylon Request: $method [^\n]*\n(?:[^\n]*Columns[^\n]*\n)?\s*Pylon Calls: requests=9 contacts=7 /s,
		"$did where two are gone: EXPLAIN ANALYZE");
}
two_are_gone('PATCH', 3);
is($node->safe_psql('postgres', 'SELECT found_any()'), 'false', 'the only one is gone: FOUND');

# Partitions share what may be in flight.
sub populate_parts
{
	populate(8);
	control($api, 'PUT', '_contacts',
		[ map { +{ id => id($_), name => "Name $_", portal_role_id => $_ % 2 ? 'a' : 'b' } } 1 .. 8 ]);
	return;
}

for my $method ('PATCH', 'DELETE')
{
	my $sql = $method eq 'PATCH' ? 'UPDATE parts SET name = \'Part \' || id' : 'DELETE FROM parts';

	with_patience("$did{$method} of partitions: in flight at once", sub {
		my ($factor) = @_;

		populate_parts();
		api_fault($api, kind => 'status', status => 404, match => "$method /contacts/" . id(3),
			body => { errors => ['Contact not found!'] });
		api_set($api, write_latency => 40 * $factor);
		my $tag = tag($sql);
		my $found = most_in_flight($api, $method);
		return (($tag eq "$did{$method} 7" ? () : $tag), ($found == 4 ? () : "$found instead of 4"));
	});
	api_set($api, write_latency => 0);
}

# A row that differs in nothing is counted, and nothing is sent for it.
populate(9);
is(tag("UPDATE contacts SET name = CASE WHEN id < 'contact-0004' THEN name ELSE 'other' END"),
	'UPDATE 9', 'some rows do not change: command tag');
is_deeply(written('PATCH'), ids(4 .. 9), 'some rows do not change: what is sent');

# A contact that is found twice is written once.
populate(5);
is(tag("UPDATE contacts c SET name = v FROM (VALUES ('a'), ('b')) t (v) WHERE c.id < 'contact-0004'"),
	'UPDATE 3', 'found twice: command tag');
is_deeply(written('PATCH'), ids(1 .. 3), 'found twice: each once');
is(tag("DELETE FROM contacts c USING (VALUES ('a'), ('b')) t (v) WHERE c.id < 'contact-0004'"),
	'DELETE 3', 'found twice, and deleted: command tag');
is_deeply(written('DELETE'), ids(1 .. 3), 'found twice, and deleted: each once');

# An answer without the contact is read back.
for my $answer ('empty', 'no_data', '204')
{
	populate(6);
	api_set($api, patch_answer => $answer);
	is(tag($statement{PATCH}), 'UPDATE 6', "answer $answer: command tag");
	my @log = api_take($api);
	is(scalar(grep { m{^PATCH } } @log), 6, "answer $answer: updates");
	is(scalar(grep { m{^GET /contacts/} } @log), 6, "answer $answer: read back");
}
api_set($api, patch_answer => 'full');

# A dry run shows each row, and counts it.
populate(3);
my ($status, $out, $err) = $node->psql('postgres', "SET pylon_fdw.dry_run = on; $statement{PATCH}");
is(scalar(() = $err =~ /NOTICE:  PATCH/g), 3, 'a dry run shows each');
is_deeply(written('PATCH'), [], 'a dry run sends nothing');

# ---------------------------------------------------------------- an error in the middle

# The fifth of twelve fails; the three behind it are in flight then.
my @failures = (
	[ 'refused', '22023', 7, { kind => 'status', status => 400 } ],
	[ 'forbidden', '42501', 7, { kind => 'status', status => 403 } ],
	[ 'an answer that makes no sense', '08P01', 7, { kind => 'garbage' }, undef, 'unknown' ],
	[ 'failing for ever', '58000', 7, { kind => 'status', status => 500, times => 0 }, undef, 'unknown' ],
	[ 'a connection that is lost for ever', '08006', 7, { kind => 'close', times => 0 }, undef, 'unknown' ]);
for my $method ('PATCH', 'DELETE')
{
	for my $case (@failures)
	{
		my ($what, $sqlstate, $done, $fault, $only, $is_unknown) = @$case;
		my $name = "$did{$method}, $what";

		next if defined $only && $only ne $method;
		setup_server($node, $api, max_retries => 1);
		populate(12);
		api_faults($api, { %$fault, match => "$method /contacts/" . id(5) });
		my $text = fails_with($node, $statement{$method}, $sqlstate,
			qr/ERROR:.* (?:update|delete) contact contact-0005 of foreign table "contacts"/, $name);
		my $counts = $method eq 'PATCH' ? "$done updates and 0 deletes" : "0 updates and $done deletes";
		like($text, qr/DETAIL:  [^\n]*Of this statement, 0 creates, $counts were done\.\n/, "$name: DETAIL");
		is_deeply(remain($text), [ $method eq 'PATCH' ? "0 $done 0" : "0 0 $done" ], "$name: the warning");
		is_deeply(unknown($text), $is_unknown ? ids(5) : [], "$name: what is unknown");
		my %sent = map { $_ => 1 } @{ written($method) };
		is_deeply([ sort keys %sent ], ids(1 .. 8), "$name: no more is sent");
	}
}

# What the API ignored.
setup_server($node, $api);
$node->safe_psql('postgres', 'CREATE FOREIGN TABLE typed (id text, tier text OPTIONS (custom_field \'tier\')) SERVER pylon');
populate(12);
api_fault($api, kind => 'wrong_shape', match => 'PATCH /contacts/' . id(5),
	body => { data => { id => id(5), name => 'Name 5', custom_fields => {} } });
my $text = fails_with($node, "UPDATE typed SET tier = 'gold'", '22023',
	qr/ignored the value for column "tier".*0 creates, 8 updates and 0 deletes.*CONTEXT:  update contact contact-0005 of/s,
	'an ignored value');
is_deeply(remain($text), ['0 8 0'], 'an ignored value: the warning');

# Of several that fail, the first one is told, and of what is unknown all.
populate(12);
api_faults($api, map { +{ kind => 'status', status => 400 + $_, match => 'PATCH /contacts/' . id($_) } } 7, 6, 5);
fails_with($node, $statement{PATCH}, '[0-9A-Z]{5}', qr/ERROR:.*contact-0005.*HTTP status 405.* 5 updates and/s, 'three fail');
setup_server($node, $api, max_retries => 0);
populate(12);
api_faults($api, { kind => 'status', status => 400, match => 'PATCH /contacts/' . id(5) },
	map { +{ kind => 'status', status => 503, match => 'PATCH /contacts/' . id($_) } } 6, 8);
$text = fails_with($node, $statement{PATCH}, '22023',
	qr/DETAIL:  [^\n]*Of this statement, 0 creates, 5 updates[^\n]*It is unknown as well whether Pylon did: update contact contact-0006[^\n]*contact-0008 of foreign table "contacts"\.\n/,
	'unknown behind a refusal');
is_deeply(unknown($text), ids(6, 8), 'unknown behind a refusal: the warning');

# A row that can't be sent: what is in flight before it comes first.
setup_server($node, $api);
my $narrow = "CASE WHEN id = 'contact-0006' THEN NULL ELSE 'New' END";
populate(12);
fails_with($node, "UPDATE contacts SET name = $narrow", '23502', qr/0 creates, 5 updates.*CONTEXT:  update contact contact-0006/s,
	'a row without a name');
is_deeply(written('PATCH'), ids(1 .. 5), 'a row without a name: no more is sent');
populate(12);
api_fault($api, kind => 'status', status => 403, match => 'PATCH /contacts/' . id(4));
fails_with($node, "UPDATE contacts SET name = $narrow", '42501', qr/contact-0004.* 4 updates/s,
	'a row without a name behind one that is refused');

# A lost answer to a delete: the contact is looked for, and only then deleted again.
for my $when ('before', 'after')
{
	populate(9);
	api_faults($api, { kind => 'close', when => $when, match => 'DELETE /contacts/' . id(5) });
	is(tag($statement{DELETE}), 'DELETE 9', "a lost answer, $when: command tag");
	my @log = grep { /contact-0005/ } api_take($api);
	is("@log", join(' ', 'DELETE /contacts/contact-0005', 'GET /contacts/contact-0005',
			$when eq 'before' ? 'DELETE /contacts/contact-0005' : ()), "a lost answer, $when: what is sent");
}

# ---------------------------------------------------------------- cancel and rollback

setup_server($node, $api);
for my $method ('PATCH', 'DELETE')
{
	my $session = PylonSession->new($node);
	my $patience = patience_ms($node, 600);

	populate(12);
	$session->query("SELECT FROM contacts LIMIT 1; SET statement_timeout = '$patience'");
	api_faults($api, map { +{ kind => 'slow', delay => 600, match => "$method /contacts/" . id($_) } } 5, 7);
	$session->query($statement{$method});
	like($session->error, qr/ERROR:  57014/, "cancel of $did{$method}");
	is_deeply(unknown($session->error), ids(5, 7), "cancel of $did{$method}: what is unknown");
	is_deeply(remain($session->error), [ $method eq 'PATCH' ? '0 6 0' : '0 0 6' ], "cancel of $did{$method}: what remains");
	is_deeply(written($method), ids(1 .. 8), "cancel of $did{$method}: no more is sent");
	$session->query('SET statement_timeout = 0');

	populate(5);
	$session->query("BEGIN; SAVEPOINT s; $statement{$method}");
	$session->query('ROLLBACK TO s');
	is_deeply(remain($session->error), [ $method eq 'PATCH' ? '0 5 0' : '0 0 5' ], "$did{$method} is rolled back");
	$session->query('COMMIT');
	is($session->error, '', "$did{$method} is rolled back: told once");
	$session->quit;
}

# ---------------------------------------------------------------- progress

# The notices of a statement.
sub notices
{
	my ($sql) = @_;
	my $session = PylonSession->new($node);

	$session->query("SET pylon_fdw.progress_interval = '20ms'; $sql");
	my @notices = $session->error =~ /^NOTICE:  00000: (write [^\n]*)$/mg;
	is($session->error =~ /ERROR/ ? $session->error : '', '', "$sql: no error");
	$session->quit;
	return @notices;
}

for my $case (
	[ $statement{PATCH}, 'of 1,200 updates' ], [ "$statement{DELETE} RETURNING id", 'of 1,200 deletes' ],
	[ "UPDATE contacts SET name = 'x' WHERE id = 'contact-0001'", 'of 1 update' ],
	[ "INSERT INTO contacts (name) SELECT 'copy of ' || name FROM contacts WHERE id < 'contact-0010'", 'of 9 creates' ],
	[ 'INSERT INTO contacts (name) SELECT \'new \' || i FROM generate_series(1, 9) i', 'creates' ])
{
	my ($sql, $of) = @$case;
	my $pattern = $of =~ /^of/ ? qr/^write foreign table "contacts": [\d,]+ \Q$of\E, \d+ s$/ : qr/: (?:1 create|\d creates), \d+ s$/;

	populate(1200);
	api_set($api, write_latency => 30) if $of !~ /,/;
	my @notices = notices($sql);
	cmp_ok(scalar @notices, '>', 0, "progress $of: there are notices");
	is_deeply([ grep { $_ !~ $pattern } @notices ], [], "progress $of: what they say");
	my %seen;
	is_deeply([ grep { $seen{$_}++ } @notices ], [], "progress $of: none twice");
	api_set($api, write_latency => 0);
}

# ---------------------------------------------------------------- a search that lags

# What is written is read again by id where a search may lag behind.
setup_server($node, $api);
populate(6, portal_role => 'no_access');
{
	my $session = PylonSession->new($node);

	api_set($api, search_lag => 600);
	$session->query("UPDATE contacts SET portal_role = 'member' WHERE email LIKE 'c%'");
	api_take($api);
	$session->query("UPDATE contacts SET portal_role = 'member', name = 'Again' WHERE email LIKE 'c%'");
	my @sent = grep { /^PATCH/ } api_take($api);
	is_deeply([ sort @sent ], [ map { patch(id($_), '{"name":"Again"}') } 1 .. 6 ], 'a search that lags: only what differs is sent');
	api_set($api, search_lag => 0);
	$session->quit;
}

done_testing();
