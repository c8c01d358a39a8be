# Random INSERT and UPDATE of accounts and on a local copy: both must end up the same, and give the same rows.
#
# PYLON_ORACLE_STATEMENTS is how many statements there are, PYLON_ORACLE_SEED is where the random numbers begin.  Only the
# ids of new accounts are taken from the foreign table, by a mark in their names; all else is worked out on the copy by a
# trigger that follows the API's rules and those of domains.

use strict;
use warnings;
use utf8;

use Encode qw(decode_utf8 encode_utf8);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;
use WriteOracle;

my $statements = $ENV{PYLON_ORACLE_STATEMENTS} // 70;
my $seed = $ENV{PYLON_ORACLE_SEED} // 1;
my $every = 25;
my $node = start_node();
my $api = start_api(contacts => 60, accounts => 40, seed => 3);
my $new = 0;
my $both = 0;
my ($wrote, $refused, $failed) = (0, 0, 0);

# ---------------------------------------------------------------- values

sub domain { return 'oracle' . ++$new . one_of('.example', '.Example', '.co.example'); }

sub owner { return one_of("u-'1", map { sprintf '00000000-0000-4000-b000-%012d', $_ } 1 .. 9); }

sub tags { return grep { chance(0.3) } 'eu', 'EU', 'enterprise', 'a,b', 'say "hi"', 'Größe', '{}', '\\', ''; }

sub external_ids { return [ map { ++$new; { external_id => "e-$new", label => "l$new" } } 1 .. int rand 4 ]; }

# Custom fields: slug, type, and a value as the API keeps it.
my %custom = (
	plan => [ 'text', sub { return one_of('free', 'team', 'enterprise'); } ],
	seats => [ 'bigint', sub { return one_of(0, -3, 12, 4_000_000_000) . ''; } ],
	is_trial => [ 'boolean', sub { return one_of('true', 'false'); } ],
	renewal_date => [ 'date', sub { return sprintf '2027-%02d-%02d', 1 + int rand 12, 1 + int rand 28; } ],
	products => [ 'text[]', sub { return [ grep { chance(0.5) } 'chat', 'email', 'portal' ]; } ],
	notes => [ 'text', sub { return one_of(@TEXTS, ''); } ],
	tags => [ 'text', sub { return one_of(@TEXTS); } ]);
my @slugs = sort keys %custom;

sub custom_value { my $slug = shift; return $custom{$slug}[1]->(); }

sub custom_object { my $share = shift; return { map { $_ => custom_value($_) } grep { chance($share) } @slugs }; }

# ---------------------------------------------------------------- tables

# "renamed" has other names and a column for each custom field; on the copy, the statement is another one.
my %renamed = (
	name => 'title', type => 'kind', primary_domain => 'site', domains => 'hosts', tags => 'labels', external_ids => 'known_as',
	map { $_ => "my_$_" } @slugs);
$renamed{tags} = 'labels';
my $renamed_columns = join ', ',
  (map { "$renamed{$_} " . (/tags|domains/ ? 'text[]' : /ids/ ? 'jsonb' : 'text') . " OPTIONS (field '$_')" } qw(name type primary_domain domains tags external_ids)),
  map { "my_$_ $custom{$_}[0] OPTIONS (custom_field '$_')" } @slugs;

# What both have; the order of what was written, and which form of nothing a list has, is the API's own.
my $shown = "id, name, type, primary_domain, nullif(domains, '{}'), nullif(tags, '{}'), owner_id, owner_email,
	nullif(external_ids, '[]'), is_disabled, logo_url, custom_fields";

setup_server($node, $api, page_size => 20, lookup_batch_size => 7);
load_accounts($node, $api, 'expected');
load_contacts($node, $api, 'expected_contacts');
$node->safe_psql('postgres', encode_utf8(qq{
	ALTER DATABASE postgres SET timezone = 'UTC';
	CREATE FOREIGN TABLE renamed (id text, $renamed_columns) SERVER pylon OPTIONS (object 'accounts');
	ALTER TABLE expected ADD PRIMARY KEY (id);
	CREATE TABLE users AS SELECT DISTINCT owner_id, owner_email FROM expected WHERE owner_email IS NOT NULL;

	CREATE FUNCTION counted(statement text) RETURNS bigint LANGUAGE plpgsql AS \$\$
	DECLARE
		n bigint;
	BEGIN
		EXECUTE statement;
		GET DIAGNOSTICS n = ROW_COUNT;
		RETURN n;
	END \$\$;
	-- each domain once; one in another case is another one
	CREATE FUNCTION once(domains text[]) RETURNS text[] LANGUAGE sql IMMUTABLE AS \$\$
		SELECT coalesce(array_agg(d ORDER BY n), '{}')
			FROM (SELECT DISTINCT ON (d) d, n FROM unnest(domains) WITH ORDINALITY u (d, n) ORDER BY d, n) s \$\$;
	-- as a list has it: just so, else in another case
	CREATE FUNCTION spelling(domains text[], domain text) RETURNS text LANGUAGE sql IMMUTABLE AS \$\$
		SELECT d FROM unnest(domains) WITH ORDINALITY u (d, n) WHERE lower(d) = lower(domain) ORDER BY d <> domain, n LIMIT 1 \$\$;
	CREATE FUNCTION as_the_api() RETURNS trigger LANGUAGE plpgsql AS \$\$
	DECLARE
		was expected := CASE WHEN TG_OP = 'UPDATE' THEN OLD END;
		list boolean;
		main boolean;
	BEGIN
		NEW.custom_fields := coalesce((SELECT jsonb_object_agg(key, value) FROM jsonb_each(NEW.custom_fields) WHERE value <> 'null'), '{}');
		NEW.logo_url := nullif(NEW.logo_url, '');
		NEW.owner_id := nullif(NEW.owner_id, '');
		NEW.owner_email := (SELECT u.owner_email FROM users u WHERE u.owner_id = NEW.owner_id);
		NEW.primary_domain := nullif(NEW.primary_domain, '');
		IF TG_OP = 'INSERT' THEN
			NEW.type := coalesce(nullif(NEW.type, ''), 'customer');
			NEW.is_disabled := false;
		END IF;
		-- which types can be written
		IF NEW.type IS DISTINCT FROM was.type
			AND coalesce(NEW.type, '') <> ALL (CASE TG_OP WHEN 'INSERT' THEN '{customer,partner,internal,community}' ELSE '{customer,partner}' END::text[]) THEN
			RAISE EXCEPTION 'no such type' USING ERRCODE = '22023';
		END IF;
		-- domains and the primary one
		list := coalesce(NEW.domains, '{}') <> coalesce(was.domains, '{}');
		main := NEW.primary_domain IS DISTINCT FROM was.primary_domain;
		IF NOT list AND NOT main THEN
			RETURN NEW;
		END IF;
		NEW.domains := coalesce(NEW.domains, '{}');
		IF array_position(NEW.domains, NULL) IS NOT NULL THEN
			RAISE EXCEPTION 'no NULL in a list' USING ERRCODE = '22004';
		END IF;
		IF NEW.primary_domain IS NOT NULL AND spelling(NEW.domains, NEW.primary_domain) IS NOT NULL THEN
			IF main THEN
				NEW.domains[array_position(NEW.domains, spelling(NEW.domains, NEW.primary_domain))] := NEW.primary_domain;
			ELSE
				NEW.primary_domain := spelling(NEW.domains, NEW.primary_domain);
			END IF;
		ELSIF NEW.primary_domain IS NOT NULL THEN
			IF list AND main THEN
				RAISE EXCEPTION 'the primary domain is not among all of them' USING ERRCODE = '22023';
			ELSIF main THEN
				NEW.domains := NEW.domains || NEW.primary_domain;
			ELSE
				NEW.primary_domain := NULL;
			END IF;
		END IF;
		IF NEW.primary_domain IS NULL AND NEW.domains <> '{}' THEN
			IF NOT list THEN
				RAISE EXCEPTION 'one of them is primary' USING ERRCODE = '22023';
			END IF;
			NEW.primary_domain := NEW.domains[1];
		END IF;
		NEW.domains := once(NEW.domains);
		RETURN NEW;
	END \$\$;
	CREATE TRIGGER as_the_api BEFORE INSERT OR UPDATE ON expected FOR EACH ROW EXECUTE FUNCTION as_the_api()}));

# ---------------------------------------------------------------- statements

# Which rows, for the foreign table and the copy alike.
sub condition
{
	my $ids = $_[0];
	my $kind = rand;

	return 'true' if $kind < 0.04;
	return 'id IN (' . join(', ', map { quoted(one_of(@$ids)) } 0 .. int rand 9) . ')' if $kind < 0.5;
	return 'length(name) % 7 = ' . int rand 7 if $kind < 0.6;
	return "primary_domain LIKE '%" . int(rand 10) . ".example'" if $kind < 0.7;
	return quoted(one_of('eu', 'enterprise', 'say "hi"')) . ' = ANY (tags)' if $kind < 0.8;
	return "owner_id IS NULL AND name > 'M'" if $kind < 0.9;
	return 'NOT is_disabled AND primary_domain IN (SELECT primary_domain FROM expected WHERE length(name) % 5 = ' . int(rand 5) . ')';
}

# Columns and values of the account itself.
sub plain_assignments
{
	my ($one) = @_;
	my @domains = map { domain() } 1 .. int rand 4;
	my @all = (
		[ name => quoted(name()) ], [ name => 'upper(name)' ], [ name => "name || '!'" ], [ type => quoted(one_of('customer', 'partner')) ],
		[ type => 'type' ], [ tags => text_array(tags()) ], [ tags => "tags || ARRAY['x']" ], [ tags => "array_remove(tags, 'eu')" ],
		[ tags => one_of('NULL', "'{}'") ], [ owner_id => quoted(owner()) ], [ owner_id => one_of('NULL', "''") ],
		[ is_disabled => one_of('true', 'false', 'NOT is_disabled') ], [ logo_url => quoted(url()) ], [ logo_url => one_of('NULL', "''") ],
		[ external_ids => one_of('NULL', "'[]'") ], [ custom_fields => 'custom_fields || ' . json(custom_object(0.3)) ],
		[ custom_fields => 'custom_fields - ' . quoted(one_of(@slugs)) . '::text' ],
		[ custom_fields => 'custom_fields || ' . json({ map { $_ => undef } grep { chance(0.3) } @slugs }) ],
		[ custom_fields => "jsonb_set(custom_fields, '{products}', " . json(custom_value('products')) . ')' ],
		[ domains => one_of("'{}'", 'NULL') ], [ domains => "domains[2:]" ], [ domains => 'domains || domains' ],
		[ primary_domain => 'upper(primary_domain)' ], [ domains => "array_remove(domains || upper(primary_domain), NULL)" ],
		[ domains => 'domains || (id || \'.example\')' ], [ primary_domain => 'id || \'.test\'' ]);
	# A domain is of one account, and an error, as of a primary domain that isn't among new ones, would leave some written.
	push @all, [ domains => text_array(@domains) ], [ primary_domain => quoted(domain()) ], [ primary_domain => one_of('NULL', "''") ],
	  [ primary_domain => 'domains[2]' ], [ external_ids => json(external_ids()) ], [ external_ids => "coalesce(external_ids, '[]') || " . json(external_ids()) ],
	  [ domains => 'domains || upper(primary_domain)' ], [ domains => 'domains || primary_domain' ],
	  [ type => one_of("'prospect'", "'internal'", 'NULL', "''") ],
	  [ both => @domains ? ([ domains => text_array(@domains) ], [ primary_domain => one_of(quoted(one_of(@domains)), quoted(uc one_of(@domains)), 'NULL', quoted(domain())) ]) : ([ domains => 'NULL' ], [ primary_domain => one_of('NULL', "''") ]) ]
	  if $one;
	my (%set, @set);
	for (0 .. int rand 4)
	{
		my ($column, @values) = @{ one_of(@all) };
		if ($column eq 'both')
		{
			next if $set{domains}++ || $set{primary_domain}++;
			push @set, @values;
		}
		elsif (!$set{ $one ? $column : $column =~ s/primary_domain/domains/r }++) { push @set, [ $column => $values[0] ]; }
	}
	return @set;
}

# The same for "renamed" and the copy.
sub renamed_assignments
{
	my ($one) = @_;
	my @plain = grep { $_->[0] =~ /^(?:name|type|domains|primary_domain|tags|external_ids)$/ } plain_assignments($one);
	my $names = join '|', qw(name type primary_domain domains tags external_ids);
	my @foreign = map { [ map { s/\b($names)\b/$renamed{$1}/gr } @$_ ] } @plain;
	my $local = 'custom_fields';

	for my $slug (grep { chance(0.25) } @slugs)
	{
		my $value = chance(0.25) ? undef : custom_value($slug);
		push @foreign, [ "my_$slug" => defined $value ? (ref $value ? text_array(@$value) : quoted($value)) . "::$custom{$slug}[0]" : 'NULL' ];
		$local = "(($local - '$slug') || " . json(defined $value ? { $slug => $value } : {}) . ')';
	}
	return (\@foreign, [ @plain, $local eq 'custom_fields' ? () : [ custom_fields => $local ] ]);
}

# The values of a new account: column => SQL.
sub new_account
{
	my ($columns) = @_;
	my @domains = map { domain() } 1 .. int rand 4;
	my %value = (
		name => sub { return quoted(name()); },
		type => sub { return one_of("'partner'", "'internal'", "'customer'", 'NULL', "''"); },
		domains => sub { return chance(0.8) ? text_array(@domains, chance(0.2) ? map { uc } @domains : ()) : one_of('NULL', "'{}'"); },
		# of a list that isn't assigned, or is nothing, it is the only one
		primary_domain => sub { my $given = shift; return $given =~ /oracle/i ? one_of('NULL', quoted(one_of(@domains))) : one_of('NULL', "''", quoted(domain())); },
		tags => sub { return chance(0.7) ? text_array(tags()) : 'NULL'; },
		owner_id => sub { return chance(0.7) ? quoted(owner()) : one_of('NULL', "''"); },
		external_ids => sub { return chance(0.7) ? json(external_ids()) : 'NULL'; },
		logo_url => sub { return chance(0.6) ? quoted(url()) : one_of('NULL', "''"); },
		custom_fields => sub { return chance(0.7) ? json(custom_object(0.4)) : 'NULL'; });
	my @row;
	my $given = '';

	for my $column (@$columns)
	{
		push @row, $value{$column}->($given);
		$given = $row[-1] if $column eq 'domains';
	}
	return '(' . join(', ', @row) . ')';
}

my $session = PylonSession->new($node);

# Runs a statement; what it gives.  An error is one that is expected, or a failure.
sub run
{
	my ($sql, $expected) = @_;
	my $result = $session->query(encode_utf8($sql));

	return $result unless $session->error =~ /ERROR/;
	return 'refused' if $expected && $session->error =~ $expected;
	$failed++;
	diag(encode_utf8("$sql\n"), $session->error);
	return 'error';
}

# A statement, and what RETURNING gives.
sub returned
{
	my ($sql, $columns) = @_;
	my $rows = ($columns // '*') =~ /\*/ ? "row($shown)" : 'id';

	return "WITH w AS ($sql RETURNING " . ($columns // '*') . ") SELECT count(*), array_agg($rows ORDER BY id COLLATE \"C\") FROM w";
}

sub differs
{
	my ($what, $foreign, $local) = @_;

	return if $foreign eq $local;
	$failed++;
	diag(encode_utf8("$what\n"), "gives      $foreign\ninstead of $local\n");
	return;
}

# New accounts.  Of several no RETURNING, so that several creates are in flight; a mark in the name tells which row got which id.
sub insert
{
	my @columns = ('name', grep { chance(0.6) } qw(type domains primary_domain tags owner_id external_ids logo_url custom_fields));
	my $columns = join ', ', @columns;
	my $count = chance(0.5) ? 1 : 2 + int rand 9;
	my @rows = map { new_account(\@columns) } 1 .. $count;
	my $mark = 'mark ' . ++$new;
	my $n = 0;
	s/^\(E'/"(E'$mark-" . ++$n . ' '/e for @rows;
	my $insert = "INSERT INTO accounts ($columns) VALUES " . join(', ', @rows);
	my $returned = run($count == 1 ? returned($insert) : $insert);

	return if $returned eq 'error';
	my %ids = map { /^(.*)\|(.*)$/ ? ($2 => $1) : () } split /\n/,
	  run("SELECT id, split_part(split_part(name, ' ', 2), '-', 2) FROM accounts WHERE name LIKE '$mark-%'");
	return differs($insert, scalar(keys %ids) . ' rows', $count) if keys %ids != $count;
	$n = 0;
	my $copied = run(returned("INSERT INTO expected (id, $columns) VALUES " . join ', ', map { s/^\(/'(' . quoted($ids{ ++$n }) . ', '/er } @rows));
	differs($insert, $returned, $copied) if $count == 1;
	$wrote++;
	return;
}

# The same on both, or a statement of its own for the copy; what RETURNING gives must be the same.  Every other one has no
# RETURNING, so that several updates are in flight; the rows that it counts must be the same.
sub both
{
	my ($sql, $local, $returning) = @_;
	my $counts = $both++ % 2;
	my ($foreign, $copied) =
	  map { run($counts ? "SELECT counted(\$do\$$_\$do\$)" : returned($_, $returning), qr/ERROR:  220(?:23|04)/) } $sql, $local;

	$refused++ if $copied eq 'refused';
	$wrote++ if $copied =~ /^[1-9]/;
	return differs($sql, $foreign, $copied);
}

sub update
{
	my @ids = @_;
	my $one = chance(0.5);
	my @set = plain_assignments($one);
	my $rest = several('FROM') . ' WHERE ' . ($one ? 'id = ' . quoted(one_of(@ids)) : condition(\@ids));
	my $renamed = chance(0.3);

	return if !@set;
	return both(map { "UPDATE $_ SET " . set_clause(@set) . $rest } 'accounts', 'expected') unless $renamed;
	my ($foreign, $local) = renamed_assignments($one);
	return unless @$foreign;
	$rest = ' WHERE id IN (SELECT id FROM expected' . ($one ? '' : ' WHERE length(id || name) % 4 = 1') . ' ORDER BY id LIMIT ' . ($one ? 1 : 9) . ')';
	return both('UPDATE renamed SET ' . set_clause(@$foreign) . $rest, 'UPDATE expected SET ' . set_clause(@$local) . $rest, 'id');
}

# By what is known of contacts, of whom an account may have several.
sub by_contacts
{
	my $set = one_of("tags = ARRAY['asked', 'eu']", "custom_fields = a.custom_fields || '{\"notes\": \"has contacts\"}'", "owner_id = NULL",
		"name = a.name || ' *'");
	my $from = one_of("c.email LIKE '%" . one_of('a', 'e', '1', 'umbrella') . "%'", "c.custom_fields->>'tier' = 'gold'", 'c.email IS NULL');

	my $joined = chance(0.5);
	my ($foreign, $local) = map {
		"UPDATE $_->[0] a SET $set "
		  . ($joined ? "FROM $_->[1] c WHERE c.account_id = a.id AND $from" : "WHERE a.id IN (SELECT c.account_id FROM $_->[1] c WHERE $from)")
	} [ 'accounts', 'contacts' ], [ 'expected', 'expected_contacts' ];
	return both($foreign, $local, 'a.*');
}

# Saves a row as a tool does that assigns all columns: on the copy, only those that it changes.
sub save
{
	my ($id) = @_;
	my ($columns, $values) = shown_row(sub { return run(@_) }, 'accounts', $id);
	my @changes = chance(0.2) ? () : plain_assignments(1);
	my %changed = map { $_->[0] => 1 } @changes;
	my @shown = map { $changed{ $columns->[$_] } ? () : [ $columns->[$_] => quoted($values->[$_]) ] } 0 .. $#$columns;

	return unless @$columns;
	return both('UPDATE accounts SET ' . set_clause(@shown, @changes) . ' WHERE id = ' . quoted($id),
		'UPDATE expected SET ' . set_clause(@changes ? @changes : [ id => 'id' ]) . ' WHERE id = ' . quoted($id));
}

# An account is never removed, whatever the condition.
sub delete_some
{
	my $sql = 'DELETE FROM accounts WHERE ' . condition([@_]);

	return if run($sql, qr/ERROR:  0A000/) eq 'refused';
	$failed++;
	diag("$sql: it is not refused");
	return;
}

# What the API holds must be what the copy has.
sub compare
{
	my ($done) = @_;

	load_accounts($node, $api, 'held');
	my $difference = $node->safe_psql('postgres', "
		SELECT 'held', h::text FROM (SELECT $shown FROM held EXCEPT SELECT $shown FROM expected) h
		UNION ALL SELECT 'copy', c::text FROM (SELECT $shown FROM expected EXCEPT SELECT $shown FROM held) c ORDER BY 2, 1 LIMIT 6");
	is($difference, '', "after $done statements from seed $seed: what the API holds");
	return $difference eq '';
}

srand $seed;
for my $done (1 .. $statements)
{
	my @ids = split /\n/, decode_utf8($node->safe_psql('postgres', 'SELECT id FROM expected ORDER BY id COLLATE "C"'));
	my $kind = rand;

	if ($kind < 0.25) { insert(); }
	elsif ($kind < 0.72) { update(@ids); }
	elsif ($kind < 0.82) { by_contacts(); }
	elsif ($kind < 0.97) { save(one_of(@ids)); }
	else { delete_some(@ids); }
	last if ($done % $every == 0 || $done == $statements) && !compare($done);
}
is($failed, 0, "$statements statements from seed $seed: each gives the same rows, and none fails that shouldn't");
note("$wrote wrote, $refused were refused");
cmp_ok($wrote, '>=', $statements / 2, 'many write') if $statements >= 30;
is(scalar(grep { /^DELETE/ } api_take($api)), 0, 'no account is deleted');
$session->quit;
done_testing();
