# Runs TAP test files as prove does, four at a time, since most of their time is waiting, and writes "passed failed" to
# the file named first.  A file that takes longer than PYLON_TEST_LONGEST seconds is ended, and has failed with status
# 124.
#
# The counts are of single tests.  A file that dies, or that runs fewer tests than it planned, adds one failure where
# none of its tests failed.

use strict;
use warnings;

use TAP::Harness;

STDOUT->autoflush(1);

# Those that take longest begin first: one of them at the end would run alone.  What a list forgets costs time, no more.
my @longest = qw(080_hostile 050 078 102 105 060 003 110 031 040 079 070 033 034 035 041 077 012);

my ($count_file, @files) = @ARGV;

sub place
{
	my $file = shift;
	my ($place) = grep { $file =~ m{/$longest[$_]} } 0 .. $#longest;
	return $place // @longest;
}

sub broken
{
	my $parser = shift;
	return $parser->has_problems && !$parser->failed;
}

my @perl = ('timeout', '--kill-after=60', $ENV{PYLON_TEST_LONGEST}, $^X, map { "-I$_" } @INC);
my $harness = TAP::Harness->new({ exec => \@perl, jobs => 7, timer => 1, failures => 1 });
my $result = $harness->runtests(sort { place($a) <=> place($b) } @files);
my $failed = $result->failed + grep { broken($_) } $result->parsers($result->descriptions);

open my $count, '>', $count_file or die "$count_file: $!";
printf $count "%d %d\n", scalar $result->passed, $failed;
close $count or die "$count_file: $!";
exit($result->all_passed ? 0 : 1);
