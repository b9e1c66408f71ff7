package Test::Client;

# A client that sends the bytes it is told to and reads the answers with the strict reader.
#
#	my $c = client($port);
#	$c->send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
#	my $r = $c->response;                  # {status, fields, body, ...}, see Test::Wire
#	is $c->end, 'closed';
#
#	my $c = client($port, tls => {SSL_hostname => 'a.test', SSL_ca_file => $file});
#	$c->{sock}->get_sslversion;            # an IO::Socket::SSL

use strict;
use warnings;
use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use IO::Socket::SSL qw($SSL_ERROR SSL_VERIFY_NONE);
use IO::Socket::UNIX;
use Net::SSLeay;
use Socket qw(IPPROTO_TCP TCP_CORK TCP_NODELAY SOL_SOCKET SO_LINGER SO_RCVBUF);
use Test::More;
use Time::HiRes qw(sleep time);
use Test::Wire qw(take_response is_final);

our @EXPORT_OK = qw(client over tls_client get request);

my $PATIENCE = 50;    # seconds; less than the longest timeouts of usherd itself

# client($where, %options): connects to a port on 127.0.0.1, "HOST:PORT" or the path of a socket.
# Options: from (the local address), rcvbuf (bytes), timeout (seconds of patience), tls (options of
# IO::Socket::SSL; a handshake that fails dies with its reason).
sub client {
    my ($where, %opt) = @_;
    my $sock;
    if ($where =~ m{^/}) {
        $sock = IO::Socket::UNIX->new(Peer => $where);
    } else {
        $where = "127.0.0.1:$where" if $where =~ /^\d+$/;
        $sock = IO::Socket::INET->new(PeerAddr => $where, Timeout => $PATIENCE,
            $opt{from} ? (LocalAddr => $opt{from}) : ());
        if ($sock) {
            setsockopt $sock, IPPROTO_TCP, TCP_NODELAY, 1;
            setsockopt $sock, SOL_SOCKET, SO_RCVBUF, $opt{rcvbuf} if $opt{rcvbuf};
        }
    }
    die "connect to $where: $!\n" unless $sock;
    $sock->autoflush(1);
    $sock = _start_tls($sock, $opt{tls}) if $opt{tls};
    return over($sock, tls => $opt{tls} ? 1 : 0, timeout => $opt{timeout} // $PATIENCE);
}

# over($handle): a client that has another way to the server than a socket of its own.
sub over {
    my ($handle, %opt) = @_;
    return bless {sock => $handle, buf => '', state => 'open', methods => [], tls => 0, timeout => $PATIENCE, %opt},
        __PACKAGE__;
}

# Without a CA nothing is verified. Never blocks afterwards: a record may hold no data for us.
sub _start_tls {
    my ($sock, $opt) = @_;
    my $tls = IO::Socket::SSL->start_SSL($sock, Timeout => $PATIENCE, SSL_hostname => '',
        $opt->{SSL_ca_file} ? (SSL_verifycn_scheme => 'none') : (SSL_verify_mode => SSL_VERIFY_NONE), %$opt)
        or die "handshake: $SSL_ERROR\n";
    $tls->blocking(0);
    return $tls;
}

# tls_client($where, $name, %options): a connection that asks for the server name (undef: none).
# Options are those of IO::Socket::SSL. Returns undef when the handshake fails, which $@ explains.
sub tls_client {
    my ($where, $name, %opt) = @_;
    return eval { client($where, tls => {SSL_hostname => $name // '', %opt}) };
}

# Sends the bytes, at most `step` at a time if that option is given. A peer that has closed is no
# error here: what it answered is what counts.
sub send {
    my ($self, $data, %opt) = @_;
    push @{$self->{methods}}, $1 while $data =~ m{^([A-Z-]+) \S+ HTTP/1\.[01]\r?$}mg;
    local $SIG{PIPE} = 'IGNORE';
    my $step = $opt{step} || length($data) || 1;
    my $end  = time + $self->{timeout};
    for (my $at = 0; $at < length $data;) {
        my $n = syswrite $self->{sock}, $data, $step < length($data) - $at ? $step : length($data) - $at, $at;
        if (!defined $n) {
            IO::Select->new($self->{sock})->can_write(0.1) if $self->{tls} && $!{EAGAIN};
            next if $!{EINTR} || ($!{EAGAIN} && time < $end);
            last;
        }
        $at += $n;
        sleep 0.0005 if $opt{step};
    }
    return $self;
}

# Reads once, waiting until the deadline at most; false if nothing came.
sub _fill {
    my ($self, $end) = @_;
    return 0 if $self->{state} ne 'open';
    my $select = IO::Select->new($self->{sock});
    while (1) {
        my $pending = $self->{tls} && $self->{sock}->pending;
        if (!$pending && !$select->can_read($end > time ? $end - time : 0)) {
            return 0 if time >= $end;    # otherwise a signal has interrupted the wait
            next;
        }
        my $n = sysread $self->{sock}, $self->{buf}, 262144, length $self->{buf};
        next if !defined $n && $self->{tls} && $!{EAGAIN};
        $self->{state} = $self->_ended(defined $n) if !$n;
        return 1;
    }
}

# How a connection ended: TLS says goodbye with close_notify, and without it was cut.
sub _ended {
    my ($self, $eof) = @_;
    return $eof ? 'closed' : 'reset' unless $self->{tls};
    my $ssl = $self->{sock}->_get_ssl_object;
    return 'closed' if $ssl && Net::SSLeay::get_shutdown($ssl) & Net::SSLeay::RECEIVED_SHUTDOWN();
    return $eof || $SSL_ERROR =~ /unexpected eof/i ? 'cut' : 'reset';
}

# The next response, or undef if none came in time; it counts as interim unless its status is final
# (or `interim` is asked for). Interim ones are kept in {interim} of the final one. Malformed answers
# fail the test unless the option lax is set.
sub response {
    my ($self, %opt) = @_;
    my $end = time + ($opt{timeout} // $self->{timeout});
    my @interim;
    while (1) {
        my $r = length $self->{buf}
            ? take_response(\$self->{buf}, $opt{method} // $self->{methods}[0] // 'GET', $self->{state} ne 'open')
            : undef;
        if (!$r) {
            next if $self->_fill($end);
            return;
        }
        my @problems = grep { !/^note:/ } @{$r->{problems}};
        fail("well-formed answer (@problems)") if @problems && !$opt{lax};
        return $r if $opt{interim};
        if (is_final($r)) {
            shift @{$self->{methods}};
            $r->{interim} = \@interim;
            return $r;
        }
        push @interim, $r;
    }
}

# Reads until the pattern matches what has come and was not taken yet, and takes up to the end of the
# match; returns it or undef.
sub read_until {
    my ($self, $pattern, $timeout) = @_;
    my $end = time + ($timeout // $self->{timeout});
    while (1) {
        return substr $self->{buf}, 0, $+[0], '' if $self->{buf} =~ $pattern;
        return unless $self->_fill($end);
    }
}

# Reads so many bytes and takes them; undef if they did not come.
sub take {
    my ($self, $n, $timeout) = @_;
    my $end = time + ($timeout // $self->{timeout});
    until (length $self->{buf} >= $n) {
        return unless $self->_fill($end);
    }
    return substr $self->{buf}, 0, $n, '';
}

# Waits for the end of the connection: 'closed', 'reset', over TLS 'cut' when it closed without saying
# so, or 'open' if it did not come in time. What was sent before it is in rest().
sub end {
    my ($self, $timeout) = @_;
    my $end = time + ($timeout // $self->{timeout});
    1 while $self->_fill($end);
    return $self->{state};
}

# Whether the connection stays open and silent for so long.
sub quiet {
    my ($self, $seconds) = @_;
    my $had = length $self->{buf};
    $self->_fill(time + $seconds);
    return $self->{state} eq 'open' && length $self->{buf} == $had;
}

sub rest { return $_[0]{buf} }

sub shut { my ($self) = @_; shutdown $self->{sock}, 1; return $self }

# The goodbye of TLS, and no more: the socket stays open in both directions.
sub notify { my ($self) = @_; Net::SSLeay::shutdown($self->{sock}->_get_ssl_object); return $self }

# What the function sends arrives together, the end too.
sub together {
    my ($self, $say) = @_;
    setsockopt $self->{sock}, IPPROTO_TCP, TCP_CORK, 1;
    $say->($self);
    setsockopt $self->{sock}, IPPROTO_TCP, TCP_CORK, 0;
    return $self;
}

sub close { my ($self) = @_; close $self->{sock}; $self->{state} = 'closed'; return }

# Closes with a reset.
sub reset {
    my ($self) = @_;
    setsockopt $self->{sock}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
    return $self->cut;
}

# Closes without the goodbye of TLS.
sub cut {
    my ($self) = @_;
    return $self->close unless $self->{tls};
    $self->{sock}->close(SSL_no_shutdown => 1);
    $self->{state} = 'closed';
    return;
}

# request($where, $bytes, %options): one connection, one request, its response.
sub request {
    my ($where, $bytes, %opt) = @_;
    my $start = time;
    my $c = client($where, %opt);
    $c->send($bytes, %opt);
    my $r = $c->response(%opt);
    diag sprintf 'no response to %.60s: %s, %d bytes, %.1f s', $bytes, $c->{state}, length $c->rest, time - $start if !$r;
    $c->close;
    return $r;
}

# get($where, $target, @fields): a GET on a connection of its own; fields as "Name: value"; a
# reference to a hash among them has options of request().
sub get {
    my ($where, $target, @fields) = @_;
    my %opt = map { %$_ } grep { ref } @fields;
    @fields = grep { !ref } @fields;
    unshift @fields, 'Host: a.test' unless grep { /^host:/i } @fields;
    return request($where, join("\r\n", "GET $target HTTP/1.1", @fields, 'Connection: close', '', ''), %opt);
}

1;
