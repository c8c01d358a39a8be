package PylonPlans;

# What a plan is made of.
#
#	my ($top, @others) = plan_of($node, 'SELECT * FROM contacts');
#	is($top->{'Node Type'}, 'Foreign Scan');

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP;

our @EXPORT = qw(nodes plan_of);

# The nodes of a plan, from the top.
sub nodes { my $plan = shift; return ($plan, map { nodes($_) } @{ $plan->{Plans} // [] }); }

# The nodes of the plan that a statement has with these settings.
sub plan_of
{
	my ($node, $sql, $settings) = @_;
	my $explained = $node->safe_psql('postgres', ($settings // '') . " EXPLAIN (FORMAT JSON) $sql");

	return nodes(decode_json($explained)->[0]{Plan});
}

1;
