# Random INSERT, UPDATE and DELETE on the foreign table and on a local copy: both must end up the same.
#
# PYLON_ORACLE_STATEMENTS is how many statements there are, PYLON_ORACLE_SEED is where the random numbers begin.  Only the
# ids of new contacts are taken from the foreign table, by a mark in their names; all else is worked out on the copy by
# triggers that follow the API's rules.

use strict;
use warnings;
use utf8;

use Encode qw(encode_utf8);
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;
use WriteOracle;

my $statements = $ENV{PYLON_ORACLE_STATEMENTS} // 110;
my $seed = $ENV{PYLON_ORACLE_SEED} // 1;
my $every = 25;
my $node = start_node();
my $api = start_api(contacts => 60, seed => 3);
my $new = 0;
my $both = 0;

# ---------------------------------------------------------------- values

sub address { return 'oracle' . ++$new . '@' . one_of('x.example', 'Y.Example', "o'brien.example"); }

sub phones { my %seen; return grep { !$seen{$_}++ } map { 1000 + int rand 50 } 0 .. int rand 3; }

# As the API gives them: an external id and a label.
sub external_ids
{
	my $label = 0;
	return [ map { { external_id => "e-$_", label => 'l' . ++$label } } 1 .. int rand 4 ];
}

# Custom fields: slug, type, and a value as the API keeps it.
my %custom = (
	tier => [ 'text', sub { return one_of('gold', 'silver', 'bronze'); } ],
	seats => [ 'bigint', sub { return one_of(0, -3, 12, 4_000_000_000) . ''; } ],
	mrr => [ 'numeric', sub { return one_of('0', '0.10', '-12.50', '99999999999.001'); } ],
	vip => [ 'boolean', sub { return one_of('true', 'false'); } ],
	renewal => [ 'date', sub { return sprintf '2027-%02d-%02d', 1 + int rand 12, 1 + int rand 28; } ],
	last_seen =>
	  [ 'timestamptz', sub { return sprintf '2026-%02d-01T%02d:05:06+00:00', 1 + int rand 12, int rand 24; } ],
	regions => [
		'text[]',
		sub {
			my @all = ('eu', 'us', 'apac');
			return [ grep { chance(0.5) } @all ];
		}
	],
	notes => [ 'text', sub { return one_of(@TEXTS, ''); } ]);
my @slugs = sort keys %custom;

sub custom_value { my $slug = shift; return $custom{$slug}[1]->(); }

# A value as JSON that isn't only text: it is sent as text all the same.
sub json_value
{
	my ($slug) = @_;
	my $value = custom_value($slug);

	return $value eq 'true' ? JSON::PP::true : JSON::PP::false if $slug eq 'vip' && chance(0.5);
	return $value + 0 if ($slug eq 'seats' || $slug eq 'mrr') && chance(0.5);
	return $value;
}

sub custom_object { return { map { $_ => json_value($_) } grep { chance($_[0]) } @slugs }; }

# A value for a column of its own.
sub typed_value
{
	my ($slug) = @_;
	my $value = custom_value($slug);

	return (ref $value ? text_array(@$value) : quoted($value)) . "::$custom{$slug}[0]";
}

# ---------------------------------------------------------------- tables

setup_server($node, $api, page_size => 20, lookup_batch_size => 7);
api_set($api, write_latency => 3);
load_contacts($node, $api, 'expected');

# "typed" shows each custom field as a column; on the copy, it is a view that does the same.
my $typed_columns = join ', ', map { "$_ $custom{$_}[0] OPTIONS (custom_field '$_')" } @slugs;
my $shown = join ', ', map {
	$_ eq 'regions'
	  ? "CASE WHEN custom_fields ? 'regions' THEN ARRAY(SELECT jsonb_array_elements_text(custom_fields->'regions')) "
	  . "END AS regions"
	  : "(custom_fields->>'$_')::$custom{$_}[0] AS $_"
} @slugs;
my $kept = join ' || ', map {
	my $value =
		$_ eq 'last_seen' ? q{to_jsonb(to_char(NEW.last_seen AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"'))}
	  : $_ eq 'regions' ? 'to_jsonb(NEW.regions)'
	  : "to_jsonb(NEW.$_\::text)";
	"CASE WHEN NEW.$_ IS NULL THEN '{}' WHEN TG_OP = 'UPDATE' AND NEW.$_ IS NOT DISTINCT
		FROM OLD.$_ THEN jsonb_build_object('$_', f->'$_') ELSE jsonb_build_object('$_', $value) END"
} @slugs;
my $slug_list = join ', ', map { "'$_'" } @slugs;

$node->safe_psql('postgres', encode_utf8(qq{
	ALTER DATABASE postgres SET timezone = 'UTC';
	CREATE FOREIGN TABLE typed (id text, name text, email text, $typed_columns) SERVER pylon;
	CREATE FOREIGN TABLE two_forms (id text, name text, custom_fields jsonb, $typed_columns) SERVER pylon;
	CREATE FOREIGN TABLE as_json (id text, name text, email text, regions jsonb OPTIONS (custom_field 'regions'))
		SERVER pylon;
	CREATE TABLE customers AS SELECT DISTINCT account_id, account_external_id FROM expected WHERE account_id IS NOT NULL;
	CREATE FUNCTION kept(old_field jsonb, new_field jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS \$\$
		SELECT CASE WHEN jsonb_typeof(new_field) NOT IN ('number', 'boolean') THEN new_field
			WHEN jsonb_typeof(new_field) = 'number' AND old_field #>> '{}' ~ '^[-+]?[0-9]+([.][0-9]+)?\$'
				AND (old_field #>> '{}')::numeric = new_field::numeric THEN old_field
			ELSE to_jsonb(new_field #>> '{}') END \$\$;
	ALTER TABLE expected ADD PRIMARY KEY (id);
	CREATE VIEW expected_typed AS SELECT id, name, email, $shown FROM expected;

	-- Numbers and booleans become text, null is no value; the rest of a row as the API does it.
	CREATE FUNCTION as_text(old_fields jsonb, fields jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS \$\$
		SELECT coalesce(jsonb_object_agg(key, kept(old_fields->key, value)), '{}') FROM jsonb_each(fields)
			WHERE value <> 'null' \$\$;
	CREATE FUNCTION counted(statement text) RETURNS bigint LANGUAGE plpgsql AS \$\$ DECLARE n bigint; BEGIN
		EXECUTE statement; GET DIAGNOSTICS n = ROW_COUNT; RETURN n; END \$\$;
	CREATE FUNCTION as_the_api() RETURNS trigger LANGUAGE plpgsql AS \$\$
	DECLARE
		others text[];
	BEGIN
		NEW.custom_fields := as_text(CASE WHEN TG_OP = 'UPDATE' THEN OLD.custom_fields ELSE '{}' END, coalesce(NEW.custom_fields, '{}'));
		NEW.avatar_url := nullif(NEW.avatar_url, '');
		NEW.account_external_id := nullif(NEW.account_external_id, '');
		IF TG_OP = 'INSERT' THEN
			NEW.emails := CASE WHEN NEW.email IS NOT NULL THEN ARRAY[NEW.email] END;
			NEW.portal_role := coalesce(NEW.portal_role, 'no_access');
			NEW.primary_phone_number := coalesce(NEW.primary_phone_number, NEW.phone_numbers[1]);
			NEW.account_id := (SELECT a.account_id FROM customers a
				WHERE a.account_external_id = NEW.account_external_id);
			RETURN NEW;
		END IF;
		-- the account by either of its ids
		IF NEW.account_external_id IS DISTINCT FROM OLD.account_external_id THEN
			NEW.account_id := (SELECT a.account_id FROM customers a
				WHERE a.account_external_id = NEW.account_external_id);
		ELSIF NEW.account_id IS DISTINCT FROM OLD.account_id THEN
			NEW.account_external_id := (SELECT a.account_external_id FROM customers a
				WHERE a.account_id = NEW.account_id);
		END IF;
		-- all addresses, or the primary one alone
		IF NEW.emails IS DISTINCT FROM OLD.emails THEN
			IF NEW.email IS NOT DISTINCT FROM OLD.email OR NEW.email IS NULL THEN
				NEW.email := NEW.emails[1];
			ELSIF NEW.email <> ALL (NEW.emails) THEN
				RAISE EXCEPTION 'the primary address is not among all of them' USING ERRCODE = '22023';
			END IF;
		ELSIF NEW.email IS DISTINCT FROM OLD.email THEN
			others := ARRAY(SELECT e FROM unnest(OLD.emails) WITH ORDINALITY u(e, n) WHERE e NOT IN (coalesce(OLD.email, ''), NEW.email) ORDER BY n);
			NEW.emails := CASE WHEN NEW.email IS NOT NULL THEN NEW.email || others END;
		END IF;
		IF NEW.phone_numbers IS DISTINCT FROM OLD.phone_numbers
			AND NOT coalesce(NEW.primary_phone_number = ANY (NEW.phone_numbers), false) THEN
			NEW.primary_phone_number := NEW.phone_numbers[1];
		END IF;
		NEW.phone_numbers := CASE WHEN NEW.phone_numbers IS NULL AND OLD.phone_numbers IS NOT NULL THEN '{}' ELSE NEW.phone_numbers END;
		NEW.external_ids := CASE WHEN NEW.external_ids IS NULL AND OLD.external_ids IS NOT NULL THEN '[]' ELSE NEW.external_ids END;
		RETURN NEW;
	END \$\$;
	CREATE TRIGGER as_the_api BEFORE INSERT OR UPDATE ON expected FOR EACH ROW EXECUTE FUNCTION as_the_api();
	CREATE FUNCTION write_typed() RETURNS trigger LANGUAGE plpgsql AS \$\$
	DECLARE
		f jsonb;
	BEGIN
		IF TG_OP = 'UPDATE' THEN
			f := (SELECT custom_fields FROM expected WHERE id = OLD.id);
			UPDATE expected SET name = NEW.name, email = NEW.email, custom_fields = f - ARRAY[$slug_list] || $kept
				WHERE id = OLD.id;
			RETURN NEW;
		END IF;
		INSERT INTO expected (id, name, email, custom_fields) VALUES (NEW.id, NEW.name, NEW.email, $kept);
		RETURN NEW;
	END \$\$;
	CREATE TRIGGER write_typed INSTEAD OF INSERT OR UPDATE ON expected_typed FOR EACH ROW EXECUTE FUNCTION write_typed()})
);

# ---------------------------------------------------------------- statements

my @accounts = ('00000000-0000-4000-a000-000000000001', '00000000-0000-4000-a000-000000000002');

# Which rows, for the foreign table and the copy alike.
sub condition
{
	my $ids = $_[0];
	my $kind = rand;

	return 'true' if $kind < 0.04;
	return 'id = ' . quoted(one_of(@$ids)) if $kind < 0.4;
	return 'id IN (' . join(', ', map { quoted(one_of(@$ids)) } 0 .. int rand 9) . ')' if $kind < 0.7;
	return 'length(name) % 7 = ' . int rand 7 if $kind < 0.8;
	return "email LIKE 'oracle%" . int(rand 10) . "@%'" if $kind < 0.9;
	return 'email > ' . quoted(one_of('a', 'm', 'p')) . ' AND length(name) % 3 = 0';
}

# Columns and values of the contact itself.
sub plain_assignments
{
	my ($one) = @_;
	my @all = (
		[ name => quoted(name()) ], [ name => "upper(name)" ], [ name => "name || '!'" ],
		[ avatar_url => quoted(url()) ], [ avatar_url => 'NULL' ], [ avatar_url => "''" ],
		[ avatar_url => 'avatar_url' ], [ portal_role => quoted(one_of('admin', 'member', 'billing-viewer')) ],
		[ portal_role_id => quoted('role-' . int rand 5) ], [ portal_role_id => 'NULL' ],
		[ external_ids => json(external_ids()) ], [ external_ids => 'NULL' ], [ phone_numbers => text_array(phones()) ],
		[ phone_numbers => "'{}'" ], [ custom_fields => 'custom_fields || ' . json(custom_object(0.3)) ],
		[ custom_fields => 'custom_fields - ' . quoted(one_of(@slugs)) . '::text' ],
		[ custom_fields => 'custom_fields || ' . json({ map { $_ => undef } grep { chance(0.3) } @slugs }) ],
		[
			custom_fields => json(custom_object(0.5))
			  . " || CASE WHEN custom_fields ? 'contact.salesforce.Contact_ID_for_Pylon__c'
			THEN jsonb_build_object('contact.salesforce.Contact_ID_for_Pylon__c', custom_fields->'contact.salesforce.Contact_ID_for_Pylon__c') ELSE '{}' END"
		],
		[ custom_fields => "jsonb_set(custom_fields, '{regions}', " . json(custom_value('regions')) . ')' ],
		[ custom_fields => "jsonb_set(custom_fields, '{tier}', " . json(custom_value('tier')) . ')' ]);
	# An address is of one contact.
	push @all, [ email => quoted(address()) ], [ email => 'NULL' ],
	  [ emails => text_array(map { address() } 1 .. int rand 4) ],
	  [ 'emails email' => [ address(), address(), address() ] ]
	  if $one;
	my (%set, @set);
	for (0 .. int rand 4)
	{
		my ($column, $value) = @{ one_of(@all) };
		if ($column eq 'emails email')
		{
			next if $set{email}++ || $set{emails}++;
			push @set, [ emails => text_array(@$value) ], [ email => quoted(one_of(@$value)) ];
		}
		elsif (!$set{$column}++) { push @set, [ $column => $value ]; }
	}
	return @set;
}

sub typed_assignments
{
	my @some = grep { chance(0.3) } @slugs;

	@some = (one_of(@slugs)) unless @some;
	my @set = map { [ $_ => chance(0.25) ? 'NULL' : chance(0.1) ? $_ : typed_value($_) ] } @some;
	push @set, [ name => quoted(name()) ] if chance(0.3);
	return @set;
}

# The values of a new contact: column => SQL.
sub new_contact
{
	my ($columns) = @_;
	my @phones = phones();
	my %value = (
		name => sub { return quoted(name()); },
		email => sub { return chance(0.85) ? quoted(address()) : 'NULL'; },
		avatar_url => sub { return chance(0.5) ? quoted(url()) : 'NULL'; },
		portal_role => sub { return chance(0.5) ? quoted(one_of('admin', 'member')) : 'NULL'; },
		portal_role_id => sub { return chance(0.5) ? quoted('role-' . int rand 5) : 'NULL'; },
		phone_numbers => sub { return chance(0.7) ? text_array(@phones) : 'NULL'; },
		account_external_id =>
		  sub { return chance(0.5) ? quoted(one_of('acme', 'globex')) : chance(0.5) ? "''" : 'NULL'; },
		external_ids => sub { return chance(0.5) ? json(external_ids()) : 'NULL'; },
		custom_fields => sub { return chance(0.7) ? json(custom_object(0.4)) : 'NULL'; },
		map { my $slug = $_; ($slug => sub { return chance(0.6) ? typed_value($slug) : 'NULL'; }) } @slugs);

	return '(' . join(', ', map { $value{$_}->() } @$columns) . ')';
}

my $session = PylonSession->new($node);
my $failed = 0;

# Runs a statement; what it did.  An error is one that is expected, or a failure.
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

# New contacts.  No RETURNING, so that several creates are in flight; a mark in the name tells which row got which id.
sub insert
{
	my ($typed) = @_;
	my $table = $typed ? 'typed' : 'contacts';
	my $copy = $typed ? 'expected_typed' : 'expected';
	my @columns = (
		'name',
		grep { chance(0.6) } 'email', $typed
		? @slugs
		: qw(avatar_url portal_role portal_role_id phone_numbers account_external_id external_ids custom_fields));
	my $columns = join ', ', @columns;
	my $count = chance(0.5) ? 1 : 2 + int rand 9;
	my @rows = map { new_contact(\@columns) } 1 .. $count;
	my $mark = 'mark ' . ++$new;
	my $n = 0;
	s/^\(E'/"(E'$mark-" . ++$n . ' '/e for @rows;
	my $insert = "INSERT INTO $table ($columns) VALUES " . join(', ', @rows);

	return if run($insert) eq 'error';
	my %ids = map { /^(.*)\|(.*)$/ ? ($2 => $1) : () } split /\n/,
	  run("SELECT id, split_part(split_part(name, ' ', 2), '-', 2) FROM contacts WHERE name LIKE '$mark-%'");
	if (keys %ids != $count)
	{
		$failed++;
		diag(scalar(keys %ids) . " of $count rows are there: $insert");
		return;
	}
	$n = 0;
	run("INSERT INTO $copy (id, $columns) VALUES "
		  . join(', ', map { s/^\(/'(' . quoted($ids{ ++$n }) . ', '/er } @rows));
	return;
}

# The same statement on both; the rows that it counts must be the same.  Every other one has RETURNING, so that it goes
# row by row; of the others several are in flight, and the command tag counts.
sub both
{
	my ($sql) = @_;
	my ($before, $after) =
	  $both++ % 2
	  ? ('WITH w AS (', ' RETURNING id) SELECT count(*) FROM w')
	  : ('SELECT counted($do$', '$do$)');
	my ($foreign, $local) = map {
		my $copy = $_;
		my $text = $copy ? $sql =~ s/\bcontacts\b/expected/r =~ s/\btyped\b/expected_typed/r : $sql;
		run("$before$text$after", qr/ERROR:  22023: the primary address/);
	} 0, 1;

	return if $foreign eq $local;
	$failed++;
	diag(encode_utf8("$foreign instead of $local rows: $sql"));
	return;
}

# Saves a row as a tool does that assigns all columns: on the copy, only those that it changes.
sub save
{
	my ($id) = @_;
	my $typed = chance(0.5);
	my ($columns, $values) = shown_row(\&run, $typed ? 'typed' : 'contacts', $id);
	my @changes = chance(0.2) ? () : $typed ? typed_assignments() : plain_assignments(1);
	my %changed = map { $_->[0] => 1 } @changes;
	my @shown = map { $changed{ $columns->[$_] } ? () : [ $columns->[$_] => quoted($values->[$_]) ] } 0 .. $#$columns;
	my $where = 'WHERE id = ' . quoted($id);

	return unless @$columns;
	my $refused = qr/ERROR:  22023: the primary address/;
	my $foreign =
	  run(sprintf('UPDATE %s SET %s %s', $typed ? 'typed' : 'contacts', set_clause(@shown, @changes), $where),
		$refused);
	my $local =
	  @changes
	  ? run(sprintf('UPDATE %s SET %s %s', $typed ? 'expected_typed' : 'expected', set_clause(@changes), $where),
		$refused)
	  : '';
	return if $foreign eq $local;
	$failed++;
	diag("saving $id: '$foreign' instead of '$local'");
	return;
}

# Both forms of one custom field: each may change it, not to different values.
sub both_forms
{
	my ($id) = @_;
	my $slug = one_of('tier', 'notes', 'vip', 'renewal');
	my ($typed, $json) = (custom_value($slug), custom_value($slug));
	my $old = JSON::PP->new->utf8->allow_nonref->decode(
		run("SELECT coalesce(to_json(custom_fields->>'$slug'), 'null') FROM expected WHERE id = " . quoted($id)));
	my ($first, $second) = map { !defined $old || $_ ne $old } $typed, $json;
	my $new = $first ? $typed : $second ? $json : $old;

	my $result = $session->query(
		encode_utf8(
				"UPDATE two_forms SET $slug = "
			  . quoted($typed)
			  . ", custom_fields = custom_fields || "
			  . json({ $slug => $json })
			  . ' WHERE id = '
			  . quoted($id)));
	if ($first && $second && $typed ne $json)
	{
		return if $session->error =~ /ERROR:  22023: custom field "$slug" is written by two columns/;
		$failed++;
		diag("both forms of $slug are in conflict: ", $session->error);
		return;
	}
	$failed++, diag($session->error) if $session->error =~ /ERROR/;
	run(    'UPDATE expected SET custom_fields = custom_fields || '
		  . json({ $slug => $new })
		  . ' WHERE id = '
		  . quoted($id))
	  if $first || $second;
	return;
}

# A list in a jsonb column of its own.
sub json_list
{
	my ($where) = @_;
	my $list = custom_value('regions');

	run('UPDATE as_json SET regions = ' . json($list) . " WHERE $where");
	run(    "UPDATE expected SET custom_fields = custom_fields || jsonb_build_object('regions', "
		  . json($list)
		  . ") WHERE $where");
	return;
}

# What the API holds must be what the copy has; a list that is empty is one that is absent.
sub compare
{
	my ($done) = @_;
	my $canonical =
	  "id, account_id, account_external_id, name, email, nullif(emails, '{}') AS emails, avatar_url, portal_role, portal_role_id,
		nullif(phone_numbers, '{}') AS phone_numbers, primary_phone_number, nullif(external_ids, '[]') AS external_ids, custom_fields";

	load_contacts($node, $api, 'held');
	my $difference = $node->safe_psql('postgres', "
		WITH held AS (SELECT $canonical FROM held), copy AS (SELECT $canonical FROM expected)
		SELECT 'held', to_jsonb(h) FROM (SELECT * FROM held EXCEPT SELECT * FROM copy) h
		UNION ALL SELECT 'copy', to_jsonb(c) FROM (SELECT * FROM copy EXCEPT SELECT *
			FROM held) c ORDER BY 2, 1 LIMIT 6");
	is($difference, '', "after $done statements from seed $seed: what the API holds");
	return $difference eq '';
}

srand $seed;
for my $done (1 .. $statements)
{
	my @ids = split /\n/, $node->safe_psql('postgres', 'SELECT id FROM expected ORDER BY id COLLATE "C"');
	my $kind = @ids < 20 ? 0 : rand;

	if ($kind < 0.3) { insert(chance(0.4)); }
	elsif ($kind < 0.55)
	{
		my $one = chance(0.5);
		both(   'UPDATE contacts SET '
			  . set_clause(plain_assignments($one))
			  . several('FROM')
			  . ' WHERE '
			  . ($one ? 'id = ' . quoted(one_of(@ids)) : condition(\@ids)));
	}
	elsif ($kind < 0.62)
	{
		my $set =
		  chance(0.5)
		  ? 'account_id = ' . quoted(one_of(@accounts, undef))
		  : 'account_external_id = ' . quoted(one_of('acme', 'globex', undef));
		my $where = condition(\@ids);
		run("UPDATE contacts SET $set WHERE $where");
		run("UPDATE expected SET $set WHERE $where");
	}
	elsif ($kind < 0.70) { save(one_of(@ids)); }
	elsif ($kind < 0.75) { both_forms(one_of(@ids)); }
	elsif ($kind < 0.78) { json_list(condition(\@ids)); }
	elsif ($kind < 0.88) { both('UPDATE typed SET ' . set_clause(typed_assignments()) . ' WHERE ' . condition(\@ids)); }
	elsif ($kind < 0.93)
	{
		both(   'UPDATE contacts SET custom_fields = custom_fields || '
			  . json(custom_object(0.3))
			  . several('FROM')
			  . ' WHERE '
			  . condition(\@ids));
	}
	else
	{
		my $where = condition(\@ids);
		both('DELETE FROM contacts' . several('USING') . " WHERE $where") unless $where eq 'true' && chance(0.7);
	}
	last if ($done % $every == 0 || $done == $statements) && !compare($done);
}
cmp_ok(most_in_flight($api, 'PATCH'), '>', 1, 'several updates are in flight');
is($failed, 0, "$statements statements from seed $seed: none fails, each counts the same rows");
$session->quit;
done_testing();
