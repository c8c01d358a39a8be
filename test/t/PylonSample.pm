package PylonSample;

# What the sample API holds and what it has seen, for tests that compare with it in full.
#
#	is_deeply([ api_take($api) ], [ list_requests(limit => 30, contacts => 100) ]);
#	my @connections = map { $_->{connection} } api_log($api);
#	load_contacts($node, $api, 'expected');        # a local table with the rows that "contacts" must have
#	load_accounts($node, $api, 'expected');        # or "accounts"

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP;
use List::Util qw(max);
use PostgreSQL::Test::Utils;
use PylonTest;

our @EXPORT = qw(
  api_log api_connections most_in_flight wait_for_open_connections take_briefly is_write patch search_request equals
  list_requests stored_contacts stored_contact stored_account load_contacts load_accounts $FOREIGN_ROWS);

# The requests in the log, all that is known of each.
sub api_log
{
	my $api = shift;

	return map { decode_json($_) } split /\n/, api_ctl($api, 'log-json');
}

# The most requests with this method that the API had at a time without having answered them.
sub most_in_flight
{
	my ($api, $method) = @_;

	return max(0, map { $_->{method} eq $method ? $_->{in_flight} : () } api_log($api));
}

# Numbers of accepted and open connections.
sub api_connections { my $api = shift; return decode_json(api_ctl($api, 'connections')); }

# Waits until so many connections are open; gives how many there are in the end.
sub wait_for_open_connections
{
	my ($api, $count) = @_;
	my $open;

	for (1 .. 100)
	{
		$open = api_connections($api)->{open};
		last if $open == $count;
		select undef, undef, undef, 0.05;
	}
	return $open;
}

# The requests since the last call, a search as "search".
sub take_briefly { my $api = shift; return map { s/^POST .contacts.search .*/search/r } api_take($api); }

# Whether a line of the log is a request that changes something.
sub is_write { my $line = shift; return $line !~ /^(?:GET|POST \S+\/search)\b/; }

# The line of an update; of a search with this filter, which may be one for equality.
sub patch { my ($id, $body) = @_; return "PATCH /contacts/$id $body"; }

sub search_request { my ($filter, $limit) = @_; return "POST /contacts/search {\"filter\":$filter,\"limit\":$limit}"; }

sub equals { my ($field, $value) = @_; return "{\"field\":\"$field\",\"operator\":\"equals\",\"value\":\"$value\"}"; }

# The contacts that the API has; the one with an id.
sub stored_contacts { my $api = shift; return map { decode_json($_) } split /\n/, api_ctl($api, 'contacts'); }

sub stored_contact { my ($api, $id) = @_; return (grep { $_->{id} eq $id } stored_contacts($api))[0]; }

# The account with an id.
sub stored_account
{
	my ($api, $id) = @_;

	return (grep { $_->{id} eq $id } map { decode_json($_) } split /\n/, api_ctl($api, 'accounts'))[0];
}

# The requests of a scan without filter: limit is what it asks for, contacts how many it reads; page is how many the
# API gives at once, if fewer.  With trailing => 1 there is one more, for the page behind a full last one;
# cursor => 'offset' is for the switch of that name.
sub list_requests
{
	my (%scan) = @_;
	my $page = $scan{page} // $scan{limit};
	my @requests = ("GET /contacts?limit=$scan{limit}");

	for (my $read = $page; $read < $scan{contacts} + ($scan{trailing} // 0); $read += $page)
	{
		my $cursor = ($scan{cursor} // '') eq 'offset' ? "offset%3D$read" : 'after%3D' . ($read - 1);
		push @requests, "GET /contacts?limit=$scan{limit}&cursor=$cursor%2F%2B";
	}
	return @requests;
}

# Custom fields as they are shown: a slug's list, or its text.
my $CUSTOM_FIELDS = <<'SQL';
	(SELECT coalesce(jsonb_object_agg(slug, CASE WHEN jsonb_typeof(field->'values') = 'array'
			AND (field->'values' <> '[]' OR coalesce(field->>'value', '') = '') THEN field->'values' ELSE field->'value' END), '{}')
		FROM jsonb_each(doc->'custom_fields') AS entry (slug, field)) AS custom_fields
SQL

# A member that is a list of texts.
sub texts
{
	my $member = shift;
	return "CASE WHEN jsonb_typeof(doc->'$member') = 'array' THEN ARRAY(SELECT jsonb_array_elements_text(doc->'$member')) END";
}

# A contact as a row, from its JSON and with nothing but PostgreSQL's own functions.
our $FOREIGN_ROWS = <<'SQL';
SELECT doc->>'id' AS id,
	doc->'account'->>'id' AS account_id,
	doc->>'name' AS name,
	doc->>'email' AS email,
	CASE WHEN jsonb_typeof(doc->'emails') = 'array'
		THEN ARRAY(SELECT jsonb_array_elements_text(doc->'emails')) END AS emails,
	doc->>'avatar_url' AS avatar_url,
	doc->>'portal_role' AS portal_role,
	doc->>'portal_role_id' AS portal_role_id,
	CASE WHEN jsonb_typeof(doc->'phone_numbers') = 'array'
		THEN ARRAY(SELECT jsonb_array_elements_text(doc->'phone_numbers')) END AS phone_numbers,
	doc->>'primary_phone_number' AS primary_phone_number,
	nullif(doc->'external_ids', 'null') AS external_ids,
	doc->'account'->'external_ids'->0->>'external_id' AS account_external_id,
	nullif(doc->'account'->'external_ids', 'null') AS account_external_ids,
	nullif(doc->'integration_user_ids', 'null') AS integration_user_ids,
SQL
$FOREIGN_ROWS .= $CUSTOM_FIELDS;

# The same of an account.
my $ACCOUNT_ROWS = "SELECT doc->>'id' AS id,
	doc->>'name' AS name,
	doc->>'type' AS type,
	coalesce(doc->>'primary_domain', doc->>'domain') AS primary_domain,
	@{[ texts('domains') ]} AS domains,
	@{[ texts('tags') ]} AS tags,
	doc->'owner'->>'id' AS owner_id,
	doc->'owner'->>'email' AS owner_email,
	nullif(doc->'external_ids', 'null') AS external_ids,
	nullif(doc->'crm_settings', 'null') AS crm_settings,
	nullif(doc->'channels', 'null') AS channels,
	(doc->>'is_disabled')::boolean AS is_disabled,
	doc->>'parent_account_id' AS parent_account_id,
	doc->>'logo_url' AS logo_url,
	(doc->>'created_at')::timestamptz AS created_at,
	(doc->>'updated_at')::timestamptz AS updated_at,
	(doc->>'latest_customer_activity_time')::timestamptz AS latest_customer_activity_time,
	$CUSTOM_FIELDS";

# Make a local table of the rows that the foreign table must have, from what the API holds.
sub load_contacts { return load_rows(@_, 'contacts', $FOREIGN_ROWS); }

sub load_accounts { return load_rows(@_, 'accounts', $ACCOUNT_ROWS); }

sub load_rows
{
	my ($node, $api, $table, $command, $rows) = @_;
	# tmp_check is shared by the tests that run at the same time
	my $file = PostgreSQL::Test::Utils::tempdir() . "/$table.jsonl";

	open my $lines, '>', $file or die "$file: $!";
	print $lines api_ctl($api, $command);
	close $lines or die "$file: $!";

	# JSON has no such bytes, so each line is one value, as it stands.
	$node->safe_psql(
		'postgres', "
		DROP TABLE IF EXISTS $table;
		CREATE TEMP TABLE lines (doc jsonb);
		COPY lines FROM '$file' (FORMAT csv, DELIMITER E'\\x02', QUOTE E'\\x01');
		CREATE TABLE $table AS $rows FROM lines");
	return;
}

1;
