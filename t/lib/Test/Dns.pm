package Test::Dns;

# A small DNS server on 127.0.0.1, whose answers change while it runs.
#
#	my $dns = dns('app.test' => {A => ['127.0.0.2'], AAAA => ['::1'], ttl => 1});
#	"resolver = $dns->{address}"
#	$dns->set('app.test' => {A => ['127.0.0.3']});    # no AAAA records any more
#	$dns->set('_http._tcp.app.test' => {SRV => [[PRIORITY, WEIGHT, PORT, 'a.test']]});
#	$dns->set('app.test' => 'SERVFAIL');              # or NXDOMAIN, REFUSED
#	$dns->set('app.test' => 'silence');               # no answer
#	$dns->set('app.test' => {garbage => BYTES});      # all of the answer but its first two bytes
#	$dns->set('app.test' => {records => BYTES});      # in the place of one record
#	$dns->set('app.test' => undef);                   # NXDOMAIN, like all names that are not set
#	$dns->await_asked('app.test', 'A', 3);            # so often from now on
#
# A record set may name its types' failures: {A => [...], AAAA => 'SERVFAIL'}. The TTL is 1 s unless
# ttl says otherwise. What does not fit into 512 bytes is only told over TCP.

use strict;
use warnings;
use Exporter 'import';
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use Socket qw(AF_INET AF_INET6 inet_pton);

our @EXPORT_OK = qw(dns);

my %TYPE  = (A => 1, CNAME => 5, AAAA => 28, SRV => 33);
my %NAME  = reverse %TYPE;
my %RCODE = (SERVFAIL => 2, NXDOMAIN => 3, REFUSED => 5);

sub dns {
    my (%records) = @_;
    my ($udp, $tcp) = _sockets();
    my $dir  = File::Temp->newdir('usherd-dns-XXXXXX', TMPDIR => 1);
    my $self = bless {dir => $dir, owner => $$, records => \%records,
        address => '127.0.0.1:' . $udp->sockport}, __PACKAGE__;
    $self->_save;
    $self->{pid} = fork // die "fork: $!";
    if (!$self->{pid}) {
        $SIG{TERM} = 'DEFAULT';
        eval { _serve($udp, $tcp, "$dir") };
        print STDERR "# dns: $@" if $@;
        POSIX::_exit(0);
    }
    return $self;
}

# What is set holds for every question that comes after this call.
sub set {
    my ($self, %records) = @_;
    $self->{records}{$_} = $records{$_} for keys %records;
    $self->_save;
    return $self;
}

sub _save {
    my ($self) = @_;
    Test::Usherd::spew("$self->{dir}/new", JSON::PP->new->latin1->encode($self->{records}));
    rename "$self->{dir}/new", "$self->{dir}/records" or die "dns: $!";
    return;
}

# How often a name was asked for.
sub asked {
    my ($self, $name, $type) = @_;
    return scalar grep { $_ eq "$name $type" }
        split /\n/, Test::Usherd::slurp("$self->{dir}/asked") // '';
}

# Waits until it was asked for so often, counted from now.
sub await_asked {
    my ($self, $name, $type, $n) = @_;
    my $before = $self->asked($name, $type);
    return Test::Usherd::wait_for(sub { $self->asked($name, $type) >= $before + ($n // 1) });
}

sub DESTROY {
    my ($self) = @_;
    return unless $self->{owner} == $$ && $self->{pid};
    local $?;
    kill TERM => $self->{pid};
    waitpid $self->{pid}, 0;
    return;
}

# ---- the server

# Both at the same port.
sub _sockets {
    for (1 .. 100) {
        my $udp = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1') or next;
        my $tcp = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $udp->sockport,
            Listen => 16, ReuseAddr => 1);
        return ($udp, $tcp) if $tcp;
    }
    die "dns: $!";
}

sub _serve {
    my ($udp, $tcp, $dir) = @_;
    open my $asked, '>>', "$dir/asked" or die "$dir/asked: $!\n";
    my $select = IO::Select->new($udp, $tcp);
    my %bytes;    # of TCP connections, by their descriptors
    while (my @ready = $select->can_read) {
        for my $sock (@ready) {
            if ($sock == $udp) {
                my $peer = $udp->recv(my $query, 4096) // next;
                _reply($dir, $asked, $query, sub { $udp->send(_cut($_[0]), 0, $peer) });
            } elsif ($sock == $tcp) {
                my $c = $tcp->accept or next;
                $select->add($c);
            } elsif (sysread $sock, $bytes{fileno $sock}, 4096, length($bytes{fileno $sock} // '')) {
                while ($bytes{fileno $sock} =~ s/^(..)//s) {
                    my $query = substr $bytes{fileno $sock}, 0, unpack('n', $1), '';
                    _reply($dir, $asked, $query, sub { syswrite $sock, pack 'n/a*', $_[0] });
                }
            } else {
                delete $bytes{fileno $sock};
                $select->remove($sock);
            }
        }
    }
    return;
}

# Cuts an answer that is too long for UDP.
sub _cut {
    my ($answer) = @_;
    return $answer if length $answer <= 512;
    my $question = substr $answer, 12, index($answer, "\0", 12) + 5 - 12;
    return pack('a2 n5', $answer, 0x8380, 1, 0, 0, 0) . $question;
}

sub _reply {
    my ($dir, $asked, $query, $send) = @_;
    my ($name, $type) = _question($query) or return;
    my $records = JSON::PP->new->latin1->decode(Test::Usherd::slurp("$dir/records"));
    my $answer = _answer($query, $type, $records->{lc $name});
    $send->($answer) if defined $answer;
    # Only now: who waits for this knows that the answer is on its way.
    syswrite $asked, lc($name) . " $type\n";
    return;
}

sub _question {
    my ($query) = @_;
    return if length $query < 17;
    my ($at, @labels) = (12);
    while (my $n = ord substr $query, $at, 1) {
        push @labels, substr $query, $at + 1, $n;
        $at += 1 + $n;
    }
    my $type = unpack 'n', substr $query, $at + 1, 2;
    return (join('.', @labels), $NAME{$type} // $type);
}

sub _answer {
    my ($query, $type, $set) = @_;
    my $of = !defined $set ? 'NXDOMAIN' : ref $set ? $set->{$type} // [] : $set;
    return if $of eq 'silence';
    return substr($query, 0, 2) . $set->{garbage} if ref $set && defined $set->{garbage};
    my $question = substr $query, 12;
    # What EDNS adds behind the question is not for us.
    $question = substr $question, 0, index($question, "\0") + 5;
    my $ttl  = ref $set ? $set->{ttl} // 1 : 1;
    return pack('a2 n5', $query, 0x8180, 1, 1, 0, 0) . $question . $set->{records}
        if ref $set && defined $set->{records};
    my @data = ref $of ? map { _data($type, $_) } @$of : ();
    return pack('a2 n5', $query, 0x8180 | (ref $of ? 0 : $RCODE{$of}), 1, scalar @data, 0, 0)
        . $question . join '', map { pack('n n n N n/a*', 0xc00c, $TYPE{$type}, 1, $ttl, $_) } @data;
}

sub _data {
    my ($type, $value) = @_;
    return inet_pton(AF_INET, $value)  if $type eq 'A';
    return inet_pton(AF_INET6, $value) if $type eq 'AAAA';
    my ($priority, $weight, $port, $target) = @$value;
    return pack 'n3 a*', $priority, $weight, $port, join '', map { pack 'C/a*', $_ } split(/\./, $target), '';
}

1;
