package PylonSession;

# A session that stays open between statements, for tests of what one session keeps: connections, cursors, plans.
#
#	my $session = PylonSession->new($node);
#	is($session->query('SELECT count(*) FROM contacts'), 2500);
#	$session->begin('SELECT pg_sleep(60)');        # doesn't wait
#	$session->result;                              # waits, and gives what was printed
#	like($session->error, qr/57014/);              # what the last statements said on stderr, errors with SQLSTATE
#	$session->quit;
#
# Fields are separated by |, lines by a line feed, as in PostgreSQL::Test::Cluster's safe_psql.

use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Utils;

my $marks = 0;

sub new
{
	my ($class, $node, $database) = @_;
	my $self = bless { in => '', out => '', err => '' }, $class;
	my @command = ('psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $node->connstr($database // 'postgres'));

	$self->{timeout} = IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default);
	$self->{run} = IPC::Run::start(\@command, '<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err},
		$self->{timeout});
	return $self;
}

# Sends statements; result waits for them.  An error ends none of the later ones.
sub begin
{
	my ($self, $sql) = @_;

	$self->{mark} = 'end of statements ' . ++$marks;
	$self->{out} = $self->{err} = '';
	$self->{in} .= "$sql\n;\n\\echo $self->{mark}\n\\warn $self->{mark}\n";
	$self->{timeout}->start($PostgreSQL::Test::Utils::timeout_default);
	$self->{run}->pump_nb;
	return;
}

# What the statements printed, without the last line feed.
sub result
{
	my $self = shift;

	for my $stream ('out', 'err')
	{
		$self->{run}->pump while $self->{$stream} !~ /^\Q$self->{mark}\E\n/m && $self->{run}->pumpable;
		$self->{$stream} =~ s/^\Q$self->{mark}\E\n//m or die "the session has ended: $self->{err}";
	}
	return $self->{out} =~ s/\n\z//r;
}

sub query
{
	my ($self, $sql) = @_;

	$self->begin($sql);
	return $self->result;
}

sub error { my $self = shift; return $self->{err}; }

sub pid { my $self = shift; return $self->query('SELECT pg_backend_pid()'); }

sub quit
{
	my $self = shift;

	$self->{in} .= "\\q\n";
	$self->{run}->finish;
	return;
}

1;
