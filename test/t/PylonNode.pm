package PylonNode;

# A node whose safe_psql and psql take one psql for all calls, since the start of psql costs many times what most
# statements do.  Each call has a new session all the same, made in advance after the one before, and that ends with
# the call: nothing is carried from one call to the next.
#
# A call that needs more than SQL (a timeout, parameters of psql, backslash commands but \set VERBOSITY) starts a psql.

use strict;
use warnings;

use parent -norequire, 'PostgreSQL::Test::Cluster';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PylonSession;
use Test::More;
use Time::HiRes qw(sleep);

my $is_measured = defined $ENV{PROFILE};
my %taken_over = map { $_ => 1 } qw(on_error_die on_error_stop stdout stderr);

sub psql
{
	my ($self, $database, $sql, %params) = @_;
	my ($stdout, $stderr) = @params{ 'stdout', 'stderr' };

	return $self->SUPER::psql($database, $sql, %params)
	  if $sql =~ /^\s*\\(?!set VERBOSITY |\.$)/m || grep { !$taken_over{$_} } keys %params
	  or !wantarray && !($stdout && $stderr);

	my ($status, $out, $err) = $self->run_script($database, $sql, $params{on_error_stop} // 1);
	die "error running SQL: '$err'\nwhile running with sql '$sql'" if $status && $params{on_error_die};
	$$stdout = $out if $stdout;
	$$stderr = $err if $stderr;
	return wantarray ? ($status, $out, $err) : $status;
}

# Runs a script as "psql -f -" does: up to the first error if wanted.  Gives what psql would exit with, and what it prints.
sub run_script
{
	my ($self, $database, $sql, $stops) = @_;
	my $file = $self->{script} //= PostgreSQL::Test::Utils::tempdir() . '/script.sql';
	my $session = $self->{shared} //= PylonSession->new($self);
	my $elsewhere = $database ne 'postgres';

	open my $script, '>', $file or die "$file: $!";
	# on one line, for psql tells the number of the line
	print $script "\\set ON_ERROR_STOP $stops \\\\ $sql";
	close $script or die "$file: $!";

	$session->send_lines(
		($elsewhere ? connect_to($self, $database) : '')
		  . "\\set VERBOSITY default\n\\set ERROR false\n\\i '$file'\n\\set ON_ERROR_STOP 0\n\\echo :ERROR");
	my $is_alive = $session->is_finished;
	my ($out, $err) = @$session{ 'out', 'err' };
	my $failed = $out =~ s/(true|false)\n\z// && $1 eq 'true';
	chomp $out;
	chomp $err;
	$err =~ s/^psql:\Q$file\E:/psql:<stdin>:/gm;

	if ($is_alive) { $session->push_text(connect_to($self, 'postgres')); }
	else { $self->end_shared; }
	return ($is_alive ? ($failed && $stops ? 3 : 0) : 2, $out, $err);
}

sub connect_to { my ($self, $database) = @_; return '\c "' . $self->connstr($database) =~ s/'//gr . "\"\n"; }

sub end_shared
{
	my $self = shift;
	my $session = delete $self->{shared};

	$session->quit if $session;
	return;
}

# One initdb serves all tests: later PostgreSQL can do that by itself.
sub init
{
	my ($self, %parameters) = @_;
	my $run = \&PostgreSQL::Test::Utils::system_or_bail;

	no warnings 'redefine';
	local *PostgreSQL::Test::Utils::system_or_bail = sub {
		return $run->(@_) if $_[0] ne 'initdb' || !$ENV{INITDB_TEMPLATE} || $parameters{extra};
		return $run->('cp', '-RPp', $ENV{INITDB_TEMPLATE}, $self->data_dir);
	};
	return $self->SUPER::init(%parameters);
}

sub stop { my ($self, @how) = @_; $self->end_shared; return $self->SUPER::stop(@how); }

# What lines a backend has reached, and what it leaks, it says when it exits: not where all are stopped at once.
sub teardown_node { my $self = shift; return $self->stop($is_measured ? 'fast' : 'immediate'); }

sub restart { my ($self, @how) = @_; $self->end_shared; return $self->SUPER::restart(@how); }

# The same but for the psql that each try would start.
sub poll_query_until
{
	my ($self, $database, $query, $expected) = @_;
	my $until = time + $PostgreSQL::Test::Utils::timeout_default;
	my @last;

	$expected //= 't';
	while (time < $until)
	{
		@last = ($self->psql($database, $query))[ 1, 2 ];
		return 1 if $last[0] eq $expected && $last[1] eq '';
		sleep 0.02;
	}
	diag("$query\ndoes not give: $expected\nbut: $last[0]\n$last[1]");
	return 0;
}

1;
