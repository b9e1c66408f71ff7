package Test::Origin;

# An origin server that plays a script per connection and records what it was sent.
#
#	origin("HTTP/1.1 200 OK\r\n...")           answers every request of every connection with this
#	origin(sub { my ($request) = @_; ... })    with what the function returns (bytes)
#	origin([STEP...], [STEP...])               the n-th connection plays the n-th script, later ones
#	                                           the last; a script that is through closes
#
# Steps: 'request' (read one whole request), 'head' (read up to the empty line), [until => qr/.../]
# (read until it matches), [send => BYTES], [slow => BYTES, SECONDS] (byte by byte, with pauses),
# [stall => SECONDS], [tls => as the option below] (from here on), 'eof' (read to the end), 'shut' (close the sending side), 'close', 'reset',
# 'cut' (close, over TLS without saying so), 'loop' (from the start again), or a function, called with the connection and its last request.

use strict;
use warnings;
use Exporter 'import';
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use IO::Socket::SSL qw($SSL_ERROR);
use IO::Socket::UNIX;
use POSIX ':sys_wait_h';
use Socket qw(SOL_SOCKET SO_LINGER IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(sleep time);
use Test::Wire qw(take_request);

our @EXPORT_OK = qw(origin answer);

my $PATIENCE = 90;

# answer($body, @fields): the bytes of a 200 with that body.
sub answer {
    my ($body, @fields) = @_;
    return join "\r\n", 'HTTP/1.1 200 OK', 'Content-Length: ' . length $body, @fields, '', $body;
}

# Options can stand before the scripts, as a hash reference: port, path (a Unix socket), backlog,
# address, tls (a certificate of Test::Certs, or options of IO::Socket::SSL).
sub origin {
    my %opt     = ref $_[0] eq 'HASH' ? %{+shift} : ();
    my @scripts = map { _script($_) } @_ ? @_ : answer('ok');
    my $dir     = File::Temp->newdir('usherd-origin-XXXXXX', TMPDIR => 1);
    my $sock =
        $opt{path}
        ? IO::Socket::UNIX->new(Local => $opt{path}, Listen => 128)
        : IO::Socket::INET->new(LocalAddr => $opt{address} // '127.0.0.1', ReuseAddr => 1,
        LocalPort => $opt{port} // Test::Usherd::free_port(), Listen => $opt{backlog} // 128);
    die "origin: $!" unless $sock;
    chmod 0777, $opt{path} if $opt{path};
    my $tls = $opt{tls} && _tls_context($opt{tls});
    my $self = bless {dir => $dir, owner => $$,
        $opt{path} ? (address => "unix:$opt{path}")
        : (port => $sock->sockport, address => $sock->sockhost . ':' . $sock->sockport)}, __PACKAGE__;
    $self->{pid} = fork // die "fork: $!";
    if (!$self->{pid}) {
        eval { _accept_loop($sock, "$dir", \@scripts, $tls) };
        print STDERR "# origin: $@" if $@;
        POSIX::_exit(0);
    }
    return $self;
}

# One context for all connections, so that they resume each other's sessions.
sub _tls_context {
    my ($tls) = @_;
    my %opt = $tls->{cert} ? (SSL_cert_file => $tls->{cert}, SSL_key_file => $tls->{key}) : %$tls;
    return IO::Socket::SSL::SSL_Context->new(SSL_server => 1, SSL_session_id_context => 'origin', %opt)
        || die "origin: $SSL_ERROR\n";
}

sub _script {
    my ($s) = @_;
    return $s if ref $s eq 'ARRAY';
    return ['request', $s, 'loop'] if ref $s eq 'CODE';
    return ['request', [send => $s], 'loop'];
}

sub _accept_loop {
    my ($sock, $dir, $scripts, $tls) = @_;
    $SIG{CHLD} = 'IGNORE';
    $SIG{PIPE} = 'IGNORE';
    $SIG{TERM} = 'DEFAULT';
    for (my $n = 1; ; $n++) {
        my $peer;
        until ($peer = $sock->accept) {
            die "accept: $!\n" unless $!{EINTR};
        }
        my $script = $scripts->[$n <= @$scripts ? $n - 1 : -1];
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            close $sock;
            my $c = Test::Origin::Connection->new($peer, $dir, $n);
            eval { $c->start_tls($tls) if $tls; $c->play($script) };
            $c->event("fault $@") if $@ && $@ !~ /^end/;
            $c->event('done');
            POSIX::_exit(0);
        }
        close $peer;
    }
}

# ---- what was seen

sub events { my ($self) = @_; return split /\n/, Test::Usherd::slurp("$self->{dir}/events") // '' }

# The number of connections that were accepted.
sub connections { my ($self) = @_; return scalar grep { /^\d+ open/ } $self->events }

# The raw bytes that connection n (from 1) was sent so far.
sub raw { my ($self, $n) = @_; return Test::Usherd::slurp("$self->{dir}/$n.in") // '' }

# All complete requests, in the order of connections, as Test::Wire reads them; each with {conn}.
sub requests {
    my ($self) = @_;
    my @out;
    for my $n (1 .. $self->connections) {
        my $buf = $self->raw($n);
        while (length $buf && (my $r = take_request(\$buf))) {
            push @out, {%$r, conn => $n};
        }
    }
    return @out;
}

sub last_request { return ($_[0]->requests)[-1] }

# Waits until so many requests have arrived; returns them.
sub await_requests {
    my ($self, $n, $seconds) = @_;
    Test::Usherd::wait_for(sub { $self->requests >= $n }, $seconds);
    return $self->requests;
}

# Waits for an event line that matches, such as qr/^1 eof/: "CONNECTION open|request|eof|done", and
# with TLS "tls VERSION full|resumed sni=NAME alpn=NAME cn=NAME-OF-CLIENT", or "refused REASON".
sub await_event {
    my ($self, $pattern, $seconds) = @_;
    my $line;
    Test::Usherd::wait_for(sub { ($line) = grep { /$pattern/ } $self->events }, $seconds);
    return $line;
}

sub stop {
    my ($self) = @_;
    return unless $self->{pid} && $self->{owner} == $$;
    kill TERM => $self->{pid};
    waitpid $self->{pid}, 0;
    $self->{pid} = undef;
    return;
}

sub DESTROY { my ($self) = @_; local ($?, $!); $self->stop; return }

package Test::Origin::Connection;

use strict;
use warnings;
use IO::Socket::SSL qw($SSL_ERROR);
use Socket qw(SOL_SOCKET SO_LINGER IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(sleep time);
use Test::Wire qw(take_request);

sub new {
    my ($class, $sock, $dir, $n) = @_;
    binmode $sock;
    $sock->blocking(1);
    setsockopt $sock, IPPROTO_TCP, TCP_NODELAY, 1;
    open my $record, '>>:raw', "$dir/$n.in"    or die "$dir/$n.in: $!";
    open my $events, '>>:raw', "$dir/events" or die "$dir/events: $!";
    my $self = bless {sock => $sock, n => $n, buf => '', record => $record, events => $events}, $class;
    $self->event('open');
    return $self;
}

sub start_tls {
    my ($self, $context) = @_;
    my $raw = $self->{sock};
    my $tls = IO::Socket::SSL->start_SSL($raw, SSL_server => 1, SSL_reuse_ctx => $context, Timeout => $PATIENCE);
    if (!$tls) {
        $self->event("refused $SSL_ERROR");
        die "end\n";
    }
    $self->{sock} = $tls;
    $self->event(sprintf 'tls %s %s sni=%s alpn=%s cn=%s', $tls->get_sslversion,
        $tls->get_session_reused ? 'resumed' : 'full', $tls->get_servername // '', $tls->alpn_selected // '',
        $tls->peer_certificate ? $tls->peer_certificate('commonName') : '');
    return;
}

sub event { my ($self, $text) = @_; syswrite $self->{events}, "$self->{n} $text\n"; return }

# Reads more; dies with 'end' when the peer has closed or is silent for too long.
sub fill {
    my ($self) = @_;
    my $pending = $self->{sock}->isa('IO::Socket::SSL') && $self->{sock}->pending;
    die "end: silent\n" unless $pending || IO::Select->new($self->{sock})->can_read($PATIENCE);
    my $n = sysread $self->{sock}, my $data, 262144;
    if (!$n) {
        $self->event(defined $n ? 'eof' : "reset");
        die "end\n";
    }
    syswrite $self->{record}, $data;
    $self->{buf} .= $data;
    return;
}

sub send {
    my ($self, $data) = @_;
    for (my $at = 0; $at < length $data;) {
        my $n = syswrite $self->{sock}, $data, length($data) - $at, $at;
        next if !defined $n && $!{EINTR};
        if (!defined $n) {
            $self->event("reset");
            die "end\n";
        }
        $at += $n;
    }
    return;
}

sub request {
    my ($self) = @_;
    my $r;
    until (length $self->{buf} && ($r = take_request(\$self->{buf}))) {
        $self->fill;
    }
    $self->event("request $r->{method} $r->{target}");
    $self->{request} = $r;
    return $r;
}

sub until {
    my ($self, $pattern) = @_;
    while (1) {
        return substr $self->{buf}, 0, $+[0], '' if $self->{buf} =~ $pattern;
        $self->fill;
    }
}

sub play {
    my ($self, $script) = @_;
    for (my $i = 0; $i < @$script; $i++) {
        my $step = $script->[$i];
        $i = -1 if $step eq 'loop';
        $self->step($step);
    }
    close $self->{sock};
    return;
}

sub cut {
    my ($self) = @_;
    my $tls = $self->{sock}->isa('IO::Socket::SSL');
    $self->{sock}->close($tls ? (SSL_no_shutdown => 1) : ());
    die "end\n";
}

sub step {
    my ($self, $step) = @_;
    if (ref $step eq 'CODE') {
        my $bytes = $step->($self->{request}, $self);
        $self->send($bytes) if defined $bytes;
        return;
    }
    my ($verb, @args) = ref $step ? @$step : $step;
    if    ($verb eq 'request') { $self->request }
    elsif ($verb eq 'head')    { $self->until(qr/\r\n\r\n/) }
    elsif ($verb eq 'until')   { $self->until($args[0]) }
    elsif ($verb eq 'send')    { $self->send($args[0]) }
    elsif ($verb eq 'slow')    { for (split //, $args[0]) { $self->send($_); sleep $args[1] } }
    elsif ($verb eq 'stall')   { sleep $args[0] }
    elsif ($verb eq 'tls')     { $self->start_tls(Test::Origin::_tls_context($args[0])) }
    elsif ($verb eq 'eof')     { eval { $self->{buf} = '', $self->fill while 1 } }
    elsif ($verb eq 'shut')    { shutdown $self->{sock}, 1 }
    elsif ($verb eq 'close')   { close $self->{sock}; die "end\n" }
    elsif ($verb eq 'cut')     { $self->cut }
    elsif ($verb eq 'reset') {
        setsockopt $self->{sock}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
        $self->cut;
    }
    elsif ($verb ne 'loop') { die "unknown step $verb\n" }
    return;
}

1;
