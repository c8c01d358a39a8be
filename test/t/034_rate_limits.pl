# Requests in flight together at the rate limit: one that is told to wait speaks for all, and one at a time goes on.

use strict;
use warnings;

use JSON::PP;
use List::Util qw(max);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonSession;
use PylonTest;
use Test::More;

my $node = start_node();
my $api = start_api(contacts => 10);

sub id { return sprintf 'contact-%04d', shift; }

sub populate
{
	my ($count) = @_;

	api_faults($api);
	control($api, 'PUT', '_contacts', [ map { +{ id => id($_), name => "Name $_" } } 1 .. $count ]);
	return;
}

# The requests that a statement makes with this method, all that is known of each.
sub requests
{
	my ($sql, $method) = @_;

	api_take($api);
	$node->safe_psql('postgres', $sql);
	return grep { $_->{method} eq $method } api_log($api);
}

# ---------------------------------------------------------------- fewer refusals

# Twenty writes at five a window take four windows.  At the end of the first, as many are refused as are in flight; at the
# end of the second and the third just the one that goes on.
my %statement = (
	POST => "INSERT INTO contacts (name) SELECT 'New ' || i FROM generate_series(1, 20) i",
	PATCH => "UPDATE contacts SET name = 'New ' || id",
	DELETE => 'DELETE FROM contacts');
for my $method (sort keys %statement)
{
	for my $most ($method eq 'PATCH' ? (4, 16) : 4)
	{
		my $limit = $most < 15 ? $most : 15;

		setup_server($node, $api, max_concurrent_requests => $most);
		with_patience("$method, $most at once", sub {
			my ($factor) = @_;

			populate(20);
			api_set($api, rate_limit => 5, rate_window => $factor);
			my @requests = requests($statement{$method}, $method);
			my @refused = grep { $requests[$_]{status} == 429 } 0 .. $#requests;
			return 'nothing was refused' unless @refused;
			my $after = max(map { $_->{in_flight} } @requests[ $refused[-1] + 1 .. $#requests ]);
			return ((@requests - @refused == 20 ? () : @requests - @refused . ' requests passed'),
				(@refused <= $limit + 2 ? () : @refused . ' were refused'),
				($after == 1 ? () : "$after went on"));
		});
		api_set($api, rate_limit => 0);
	}
}

# It grows again: sixteen that pass let one more go along.
setup_server($node, $api, max_concurrent_requests => 8);
with_patience('after the limit: in flight', sub {
	my ($factor) = @_;

	populate(100);
	api_set($api, write_latency => 20 * $factor);
	api_fault($api, kind => 'status', status => 429, headers => { 'X-Retry-After' => '0' }, match => 'PATCH /contacts/' . id(20));
	my @requests = requests($statement{PATCH}, 'PATCH');
	my ($told) = grep { $requests[$_]{status} == 429 } 0 .. $#requests;
	my @after = map { $_->{in_flight} } @requests[ $told + 8 .. $#requests ];
	return ((@requests == 101 ? () : scalar(@requests) . ' requests'),
		(max(@after[ 0 .. 9 ]) == 1 ? () : 'not one at first: ' . join ' ', @after),
		(max(@after) == 5 ? () : 'not five at the end: ' . join ' ', @after));
});
api_set($api, write_latency => 0);

# ---------------------------------------------------------------- who waits, and who doesn't

# Another endpoint goes on: what reads rows again, for example.
populate(6);
api_set($api, patch_answer => 'empty');
api_fault($api, kind => 'status', status => 429, headers => { 'X-Retry-After' => '1' }, match => 'PATCH', skip => 3);
is($node->safe_psql('postgres', "$statement{PATCH}; SELECT sum(rate_limited) FROM pylon_fdw_stats()"), '1',
	'one is refused: the others are read back');
api_set($api, patch_answer => 'full');

# Another server does, too: all its pages are there before the first one asks again.
my $other = start_api(contacts => 60, set => { search_lag => 0 });
$node->safe_psql('postgres', "
	CREATE SERVER other FOREIGN DATA WRAPPER pylon_fdw OPTIONS (base_url '$other->{url}', page_size '10');
	CREATE USER MAPPING FOR PUBLIC SERVER other OPTIONS (api_token 'sample-token');
	CREATE TABLE everybody (id text, name text, workspace text) PARTITION BY LIST (workspace);
	CREATE FOREIGN TABLE mine (id text, name text) SERVER pylon;
	CREATE FOREIGN TABLE others (id text, name text) SERVER other");
populate(10);
api_fault($api, kind => 'status', status => 429, headers => { 'X-Retry-After' => '2' }, match => 'GET /contacts');
api_take($_) for $api, $other;
is($node->safe_psql('postgres', 'SELECT count(*) FROM (SELECT id FROM mine UNION ALL SELECT id FROM others) u'), '70',
	'one of two servers is at its limit');
my ($first, $second) = api_log($api);
cmp_ok(max(map { $_->{time} } api_log($other)), '<', $second->{time}, 'the other one is not held up');
is(scalar(api_take($other)), 6, 'the other one: requests');

# ---------------------------------------------------------------- giving up, and starting anew

# Who is told to wait for too long gives up; what isn't on its way yet is taken back.
setup_server($node, $api, max_retry_wait => '5s');
populate(12);
api_set($api, rate_limit => 5, rate_window => 60);
{
	my $session = PylonSession->new($node);

	api_take($api);
	$session->query($statement{PATCH});
	like($session->error, qr/ERROR:  53400:.*0 creates, 5 updates and 0 deletes were done/s, 'for too long');
	cmp_ok(scalar(grep { /^PATCH/ } api_take($api)), '<=', 9, 'for too long: requests');

	# one that waits for the limit is not waited for where another one fails
	populate(12);
	api_set($api, rate_limit => 0);
	$session->query('SELECT FROM contacts LIMIT 1');
	api_faults($api, { kind => 'status', status => 400, match => 'PATCH /contacts/' . id(5) },
		map { +{ kind => 'status', status => 429, headers => { 'X-Retry-After' => '4' }, match => 'PATCH /contacts/' . id($_) } } 6 .. 8);
	api_take($api);
	$session->query($statement{PATCH});
	like($session->error, qr/ERROR:  22023:.*contact-0005.*0 creates, 4 updates and 0 deletes were done/s,
		'another one fails: what is done');
	my %sent;
	m{^PATCH /contacts/(\S+)} && $sent{$1}++ for api_take($api);
	is_deeply([ grep { $sent{$_} > 1 || $_ gt id(8) } sort keys %sent ], [], 'another one fails: nothing is sent again');
	api_faults($api);

	# the next statement knows nothing of it
	api_set($api, rate_limit => 0, write_latency => 50);
	api_take($api);
	$session->query("UPDATE contacts SET name = 'Newer'");
	is($session->error, '', 'the next statement');
	is(scalar(grep { /^PATCH/ } api_take($api)), 12, 'the next statement: requests');

	# a cancel leaves nothing behind either
	api_faults($api, { kind => 'status', status => 429, headers => { 'X-Retry-After' => '4' }, match => 'PATCH' });
	$session->query("SET statement_timeout = '" . patience_ms($node, 500) . "'");
	$session->query("UPDATE contacts SET name = 'Newest'");
	like($session->error, qr/ERROR:  57014/, 'cancel while all wait');
	unlike($session->error, qr/unknown/, 'cancel while all wait: nothing is unknown');
	$session->query("SET statement_timeout = 0; SET pylon_fdw.progress_interval = '100ms'");
	$session->query("UPDATE contacts SET name = 'At last'");
	unlike($session->error, qr/ERROR|Waiting/, 'after the cancel: nobody waits');

	# nor does one that is told to wait for less
	api_faults($api, { kind => 'status', status => 429, headers => { 'X-Retry-After' => '4' }, match => 'PATCH' });
	$session->query("SET statement_timeout = '" . patience_ms($node, 500) . "'");
	$session->query("UPDATE contacts SET name = 'Once more'");
	like($session->error, qr/ERROR:  57014/, 'another cancel while all wait');
	api_faults($api, { kind => 'status', status => 429, headers => { 'X-Retry-After' => '0' }, match => 'PATCH', times => 1 });
	$session->query("SET statement_timeout = 0");
	$session->query("UPDATE contacts SET name = 'At very last'");
	unlike($session->error, qr/ERROR|Waiting [2-9] s/, 'after that, told to wait for less: nobody waits for longer');
	api_set($api, write_latency => 0);
	$session->quit;
}

# ---------------------------------------------------------------- each endpoint by itself

# One that has to wait holds up no other, though its name is as long: all contacts are there before the accounts.
setup_server($node, $api, page_size => 10);
populate(40);
api_fault($api, kind => 'status', status => 429, headers => { 'X-Retry-After' => '30' }, match => 'GET /accounts');
my $session = PylonSession->new($node);
api_take($api);
$session->query('BEGIN; DECLARE all_of_them CURSOR FOR SELECT id FROM accounts UNION ALL SELECT id FROM contacts');
is(scalar(grep { /^contact-/ } split /\n/, $session->query('FETCH 40 FROM all_of_them')), 40, 'contacts come while accounts wait');
is(scalar(grep { m{^GET /accounts} } api_take($api)), 1, 'accounts still wait');
$session->query('ROLLBACK');
$session->quit;

done_testing();
