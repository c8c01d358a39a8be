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

use IO::Select;
use IPC::Open3 qw(open3);
use PostgreSQL::Test::Utils;
use Symbol qw(gensym);

my $marks = 0;

sub new
{
	my ($class, $node, $database) = @_;
	my $self = bless { out => '', err => '' }, $class;
	my @streams = (undef, undef, gensym);

	$self->{pid} =
	  open3(@streams, 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $node->connstr($database // 'postgres'));
	@$self{ 'to', 'from_out', 'from_err' } = @streams;
	$self->{to}->autoflush(1);
	$self->{open} = IO::Select->new(@streams[ 1, 2 ]);
	return $self;
}

# Sends statements; result waits for them.  An error ends none of the later ones.
sub begin
{
	my ($self, $sql) = @_;

	$self->send_lines("$sql\n;");
	return;
}

# Sends lines to psql, and what tells is_finished that they have been carried out.
sub send_lines
{
	my ($self, $lines) = @_;

	$self->{mark} = 'end of statements ' . ++$marks . "\n";
	$self->{out} = $self->{err} = '';
	$self->push_text("$lines\n\\echo $self->{mark}\\warn $self->{mark}");
	return;
}

# While psql can't get rid of its output, it takes no input.
sub push_text
{
	my ($self, $text) = @_;
	my $writer = IO::Select->new($self->{to});

	local $SIG{PIPE} = 'IGNORE';
	utf8::encode($text) if utf8::is_utf8($text);
	while ($text ne '')
	{
		my $written = $writer->can_write(0) ? syswrite($self->{to}, $text, 4096) : 0;
		return unless defined $written;
		substr($text, 0, $written, '');
		$self->pull_text($written ? 0 : 0.01);
	}
	return;
}

# Takes what psql has said by now, or else what it says next within so many seconds.
sub pull_text
{
	my ($self, $seconds) = @_;

	for my $stream ($self->{open}->can_read($seconds))
	{
		my $into = $stream == $self->{from_out} ? 'out' : 'err';
		$self->{open}->remove($stream) unless sysread($stream, $self->{$into}, 65536, length $self->{$into});
	}
	return;
}

# Waits for the end of what was sent.  False if psql has ended before that.
sub is_finished
{
	my $self = shift;
	my $length = length $self->{mark};
	my $until = time + $PostgreSQL::Test::Utils::timeout_default;

	for my $stream ('out', 'err')
	{
		# the mark is last, for nothing was sent after it
		until (length $self->{$stream} >= $length && substr($self->{$stream}, -$length) eq $self->{mark})
		{
			return 0 unless $self->{open}->count;
			$self->give_up if time > $until;
			$self->pull_text(1);
		}
		substr($self->{$stream}, -$length) = '';
	}
	return 1;
}

sub give_up
{
	my $self = shift;

	kill 'KILL', $self->{pid};
	die "psql does not come to the $self->{mark}: $self->{err}";
}

# What the statements printed, without the last line feed.
sub result
{
	my $self = shift;

	$self->is_finished or die "the session has ended: $self->{err}";
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

	close $self->{to};
	$self->pull_text(1) while $self->{open}->count;
	local $?;
	waitpid $self->{pid}, 0;
	return;
}

1;
