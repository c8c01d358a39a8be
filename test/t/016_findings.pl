# What the fuzzer (test/fuzz) and the mutants (test/mutants) found, where no other test is about it.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSample;
use PylonTest;
use Test::More;

my $node = start_node();
my $api = start_api(contacts => 10);
setup_server($node, $api);

# ---------------------------------------------------------------- json-c takes more than JSON

# A hand-written column of type text takes any text, and the API must not be sent half of it.
$node->safe_psql('postgres', "CREATE FOREIGN TABLE plain (name text, external_ids text) SERVER pylon");
for my $value ('3. ,', '[] []', '[1,]', "['a']", '[NaN]', '[/* x */]', '[01]')
{
	my $quoted = $value =~ s/'/''/gr;
	fails_with($node, "INSERT INTO plain (name, external_ids) VALUES ('x', '$quoted')", '22023', qr/external_ids/, "no JSON: $value");
}
is_deeply([ grep { /^POST \/contacts / } api_take($api) ], [], 'nothing of that is sent');

# Nor is an answer one that holds something else behind it.
my $me = '{"data":{"name":"Acme","user":{"name":"Bot"}}}';
for my $body ("$me x", "$me$me", "{'data':{'name':'Acme'}}", $me =~ s/"Acme"/NaN/r)
{
	api_fault($api, match => 'GET /me', kind => 'wrong_shape', body => $body);
	fails_with($node, "SELECT organization FROM pylon_fdw_ping('pylon')", '08P01', qr/GET \/me/, "no answer: $body");
}
api_fault($api, match => 'GET /me', kind => 'wrong_shape', body => "\n$me \n");
is($node->safe_psql('postgres', "SELECT organization FROM pylon_fdw_ping('pylon')"), 'Acme', 'white space is no harm');

# ---------------------------------------------------------------- a zero byte is no escape

for my $body ("{\"x\":\"\\\0\",\"data\":[]}", "{\"data\":[{\"id\":\"1\",\"\\\0\":1}]}")
{
	api_fault($api, match => 'GET /contacts', kind => 'wrong_shape', body => $body);
	fails_with($node, 'SELECT id FROM contacts', '08P01', qr/GET \/contacts/, 'a backslash and a zero byte');
}

done_testing();
