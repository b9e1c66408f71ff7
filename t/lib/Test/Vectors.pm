package Test::Vectors;

# Plays raw requests and responses through a proxy and judges what comes out at both ends.
#
#	client (here) --- case bytes ---> proxy ---> origin (here)
#
# Both ends live in one select loop of one process, so that a case has a definite end. What a case
# means: expect is `reject` (an error or a close, and nothing reaches the other side or is served
# after it), `accept` (forwarded, well-formed) or `normalise` (either of the two); fwd is what must
# arrive; status, n, methods, half_close, any_status, maybe_first, partial, lax, alt and must_close
# refine requests; status, body, has, not_has, absent, lines, client10 and close responses.

use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);
use Test::Wire qw(take_request take_response field fields status_line is_final);

my $AFTER = "GET /__after HTTP/1.1\r\nHost: a.test\r\n\r\n";
my $SAME  = "GET /same HTTP/1.1\r\nHost: a.test\r\n\r\n";

# After one of these nobody can know where the next request begins.
my %FATAL = map { $_ => 1 } 400, 408, 413, 414, 431, 500, 501, 505;

# load($path): the cases of a file; bytes are made of strings and {"rep": s, "n": k}.
sub load {
    my ($path) = @_;
    my @cases;
    open my $f, '<:raw', $path or die "$path: $!";
    while (my $line = <$f>) {
        my $case = decode_json($line);
        my $bytes = $case->{bytes};
        $case->{bytes} = join '', map { ref ? $_->{rep} x $_->{n} : $_ } ref $bytes ? @$bytes : $bytes;
        utf8::downgrade($case->{bytes});
        push @cases, $case;
    }
    return @cases;
}

# new($proxy, $origin_port): the proxy is HOST:PORT and forwards everything to that port on loopback.
sub new {
    my ($class, $proxy, $port) = @_;
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 128,
        ReuseAddr => 1, Blocking => 0) or die "origin on port $port: $!";
    return bless {proxy => $proxy, listener => $listener, conns => {}, requests => [], partial => []}, $class;
}

# ---- the origin's side of the loop

sub _accept {
    my ($self) = @_;
    my $sock = $self->{listener}->accept or return;
    $sock->blocking(0);
    setsockopt $sock, IPPROTO_TCP, TCP_NODELAY, 1;
    $self->{conns}{fileno $sock} = {sock => $sock, in => '', out => ''};
    return;
}

sub _drop {
    my ($self, $conn) = @_;
    push @{$self->{partial}}, $conn->{in} if length $conn->{in};
    delete $self->{conns}{fileno $conn->{sock}};
    close $conn->{sock};
    return;
}

sub _write {
    my ($sock, $out) = @_;
    while (length $$out) {
        my $n = syswrite $sock, $$out;
        return $!{EAGAIN} || $!{EINTR} if !defined $n;
        substr $$out, 0, $n, '';
    }
    return 1;
}

sub _serve {
    my ($self, $conn) = @_;
    my $n = sysread $conn->{sock}, $conn->{in}, 262144, length $conn->{in};
    return if !defined $n && ($!{EAGAIN} || $!{EINTR});
    return $self->_drop($conn) if !$n;
    while (1) {
        $conn->{in} =~ s/\A(?:\r\n)+//;    # RFC 9112 2.2
        last unless length $conn->{in};
        my $request = take_request(\$conn->{in}) or last;
        push @{$self->{requests}}, $request;
        my ($bytes, $close) = $request->{broken}
            ? ("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 1)
            : $self->{handler}->($request);
        $conn->{out} .= $bytes;
        $conn->{done} = 1, last if $close;
    }
    $conn->{out} .= "HTTP/1.1 100 Continue\r\n\r\n"
        if !$conn->{done} && $conn->{in} =~ /\A[^\n]*\n(?:.*\n)*?expect: *100-continue\r\n(?:.*\n)*\r\n\z/i;
    return;
}

# One turn of the loop for at most so many seconds; true if the client's socket is readable.
sub _turn {
    my ($self, $seconds, $client) = @_;
    my ($read, $write) = (IO::Select->new($self->{listener}), IO::Select->new);
    for my $conn (values %{$self->{conns}}) {
        $read->add($conn->{sock});
        $write->add($conn->{sock}) if length $conn->{out};
    }
    if ($client) {
        $read->add($client->{sock}) if $client->{state} eq 'open';
        $seconds = _feed($client, $seconds, $write);
    }
    my ($r) = IO::Select->select($read, $write, undef, $seconds < 0 ? 0 : $seconds);
    my %readable = map { fileno $_ => 1 } @{$r // []};
    $self->_accept if $readable{fileno $self->{listener}};
    for my $conn (values %{$self->{conns}}) {
        $self->_serve($conn) if $readable{fileno $conn->{sock}};
        next unless $conn->{sock}->opened;
        my $alive = _write($conn->{sock}, \$conn->{out});
        $self->_drop($conn) if !$alive || ($conn->{done} && !length $conn->{out});
    }
    return $client && $readable{fileno $client->{sock}};
}

# ---- the client's side

sub _connect {
    my ($self, $bytes, %opt) = @_;
    my $sock = IO::Socket::INET->new(PeerAddr => $self->{proxy}, Timeout => 5) or die "$self->{proxy}: $!";
    $sock->blocking(0);
    setsockopt $sock, IPPROTO_TCP, TCP_NODELAY, 1;
    my $step = $opt{step} || 0;
    return {sock => $sock, in => '', out => $bytes, state => 'open', next => 0, step => $step,
        pause => $step && length $bytes < 4096 ? 0.001 : 0, half_close => $opt{half_close}};
}

# Sends what may be sent now; returns how long the loop may sleep.
sub _feed {
    my ($client, $seconds, $write) = @_;
    if (!length $client->{out}) {
        shutdown $client->{sock}, 1 if delete $client->{half_close};
        return $seconds;
    }
    my $wait = $client->{next} - time;
    return $wait < $seconds ? $wait : $seconds if $wait > 0;
    local $SIG{PIPE} = 'IGNORE';
    my $piece = $client->{step} ? substr($client->{out}, 0, $client->{step}) : $client->{out};
    my $n = syswrite $client->{sock}, $piece;
    if (defined $n) {
        substr $client->{out}, 0, $n, '';
        $client->{next} = time + $client->{pause};
        return 0;
    }
    if ($!{EAGAIN}) {
        $write->add($client->{sock});
        return $seconds;
    }
    $client->{out} = '';    # the peer has closed; what it answered can still be read
    return 0;
}

sub _receive {
    my ($client) = @_;
    my $n = sysread $client->{sock}, $client->{in}, 262144, length $client->{in};
    return if !defined $n && ($!{EAGAIN} || $!{EINTR});
    $client->{state} = defined $n ? 'closed' : 'reset' if !$n;
    return;
}

# Sends a request case and gathers: answers, left (bytes that are no answer), state of the
# connection, and what the origin got (requests, partial). After `want` answers it waits a little
# longer for what should not come, and sends `after` to see whether the connection is still served.
sub _talk {
    my ($self, $bytes, %opt) = @_;
    my $client  = $self->_connect($bytes, %opt);
    my $end     = time + $opt{patience} + ($opt{step} ? length($bytes) * 0.003 : 0);
    my $want    = $opt{want};
    my $after   = $opt{after};
    my (@answers, $final);
    $final = 0;
    while ($client->{state} eq 'open' && (my $left = $end - time) > 0) {
        next unless $self->_turn($left, $client);
        _receive($client);
        my $closed = $client->{state} eq 'closed' || $client->{state} eq 'reset';
        while (length $client->{in}) {
            my $answer = take_response(\$client->{in}, $opt{methods}[$final] // 'GET', $closed) or last;
            push @answers, $answer;
            $final++ if $answer->{status} >= 200 || $answer->{status} == 101;
        }
        next if $final < $want || $client->{state} ne 'open';
        $want = 1e9;
        if (defined $after) {
            $client->{out} .= $after;
            $after = undef;
            $end = time + 0.4 + ($opt{step} ? length($client->{out}) * 0.003 : 0);
        } else {
            $end = time + 0.25 if time + 0.25 < $end;
        }
    }
    my $state = $client->{state};
    close $client->{sock};
    $self->_turn(0.01) for 1 .. 3;
    return {answers => \@answers, left => $client->{in}, state => $state, $self->_take};
}

# What the origin got since the last time.
sub _take {
    my ($self) = @_;
    my %seen = (requests => $self->{requests},
        partial => [@{$self->{partial}}, grep { length } map { $_->{in} } values %{$self->{conns}}]);
    ($self->{requests}, $self->{partial}) = ([], []);
    return %seen;
}

# ---- requests

# Plays a request case, `step` bytes at a time (0: at once). Returns the faults found, none for a
# pass; the first is 'hang' if the proxy neither answered nor closed.
sub request_case {
    my ($self, $case, $step) = @_;
    $self->{handler} = sub {
        my ($request) = @_;
        my $close = $request->{close} ? "Connection: close\r\n" : '';
        my $body = $request->{method} eq 'HEAD' ? '' : "origin-ok\n";
        return ("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n$close\r\n$body", $request->{close});
    };
    $self->_turn(0);
    $self->_take;
    my $expect = $case->{expect};
    my $seen = $self->_talk($case->{bytes}, step => $step, half_close => $case->{half_close},
        want => $expect eq 'reject' ? 1 : $case->{n} // 1, patience => $expect eq 'wait' ? 0.6 : 2.5,
        methods => $case->{methods} // [],
        after => $expect =~ /^(?:accept|wait)$/ || $case->{half_close} ? undef : $AFTER);
    return _judge_request($case, $seen);
}

sub _judge_request {
    my ($case, $seen) = @_;
    my @answers = grep { is_final($_) && $_->{status} } @{$seen->{answers}};
    my @status  = map { $_->{status} } @answers;
    my @served  = grep { $_->{target} ne '/__after' } @{$seen->{requests}};
    my $silent  = !@status && $seen->{state} eq 'open' && $seen->{left} eq '';
    my @faults  = map { "answer malformed: $_" }
        grep { /\A(?:cr|lf|name|fold|cl|te|broken|statusline)/ } map { @{$_->{problems}} } @{$seen->{answers}};

    if ($case->{expect} eq 'wait') {
        return $silent && !@served ? () : "did not wait: @status $seen->{state}";
    }
    if ($case->{expect} eq 'reject' || ($case->{expect} eq 'normalise' && !@served)) {
        push @faults, _rejection_faults($case, $seen, \@served, \@status);
        return !@faults && $silent ? ('hang', 'no answer, connection left open') : @faults;
    }

    my $n = $case->{n} // 1;
    push @faults, _forward_faults($case, @served);
    push @faults, 'connection left open' if $case->{must_close} && $seen->{state} eq 'open';
    if ($case->{expect} eq 'normalise') {
        push @faults, @served . " requests forwarded, at most $n" if @served > $n;
        return @faults;
    }
    return () if !@served && @status && grep { $_ == $status[0] } @{$case->{alt} // []};
    return ('no answer', @faults) if !@status && $seen->{state} eq 'open';
    push @faults, @served . " of $n forwarded, answers @status" if @served != $n;
    push @faults, "answers @status" if @served == $n && (@status < $n || grep { $_ != 200 } @status[0 .. $n - 1]);
    return @faults;
}

# What keeps this from being a clean rejection.
sub _rejection_faults {
    my ($case, $seen, $served, $status) = @_;
    my @requests = @{$seen->{requests}};
    my @faults;
    if ($case->{maybe_first}) {
        # The part before the fault is a good request, which may have been served.
        push @faults, _forward_faults({%$case, n => 1}, @requests);
        push @faults, @$served . ' requests forwarded' if @$served > 1;
        push @faults, "second answer $status->[1]" if @$status > 1 && $status->[1] < 400;
        return @faults;
    }
    push @faults, 'went on serving the connection after the error'
        if grep({ $_->{target} eq '/__after' } @requests) && (@$served || !@$status || $FATAL{$status->[0]});
    push @faults, 'forwarded: ' . status_line($served->[0]), _forward_faults($case, @requests) if @$served;
    # The head of a request whose body is bad may have gone out, if it was never completed.
    push @faults, 'partly forwarded'
        if @{$seen->{partial}} && !@$served && !$case->{partial} && $case->{expect} eq 'reject' && $case->{id} !~ /eof|body/;
    if (@$status && $status->[0] < 400) {
        push @faults, "answered $status->[0]"
            unless $case->{any_status} || grep { $_ == $status->[0] } @{$case->{status} // [400]};
    } elsif (!@$status && $seen->{left} ne '' && @$served && !$case->{h2}) {
        push @faults, 'answer is not HTTP/1';
    }
    return @faults;
}

# What is wrong with what the origin got.
sub _forward_faults {
    my ($case, @requests) = @_;
    my %lax = map { $_ => 1 } 'note:chunk-ext', @{$case->{lax} // []};
    my @faults;
    for my $r (@requests) {
        push @faults, map { "forwarded malformed: $_" } grep { !$lax{$_} } @{$r->{problems}};
        push @faults, "forwarded broken framing: $r->{broken}" if $r->{broken} && !grep { $lax{$_} } @{$r->{problems}};
        push @faults, 'SMUGGLED request reached the origin' if $r->{target} =~ m{\A/smuggled} && ($case->{n} // 1) < 2;
    }
    my ($r, $want) = ($requests[0], $case->{fwd}) or return @faults;
    return @faults unless $r && $want;
    push @faults, "method $r->{method}" if defined $want->{method} && $r->{method} ne $want->{method};
    push @faults, "target $r->{target}" if defined $want->{target} && !_one_of($r->{target}, $want->{target});
    push @faults, "body " . substr($r->{body}, 0, 40) if defined $want->{body} && !$r->{broken} && $r->{body} ne $want->{body};
    for my $name (sort keys %{$want->{has} // {}}) {
        my @got = fields($r, $name);
        push @faults, "$name is @got"
            unless _one_of(@got ? $got[0] : undef, $want->{has}{$name}) || _one_of(join(', ', @got), $want->{has}{$name});
    }
    push @faults, map { "$_ forwarded" } grep { defined field($r, $_) } @{$want->{absent} // []};
    return @faults;
}

sub _one_of {
    my ($got, $want) = @_;
    return scalar grep { defined $_ && defined $got ? $_ eq $got : !defined $_ && !defined $got }
        ref $want ? @$want : $want;
}

# ---- responses

# Serves a response case to the proxy, whose client then asks for more, on the same connection if it
# is still open and on a new one: each must get its own answer, or bytes that were left over have
# become somebody's answer. Returns the faults found.
sub response_case {
    my ($self, $case) = @_;
    $self->{handler} = sub {
        my ($request) = @_;
        return ($case->{bytes}, $case->{close}) if $request->{target} eq "/r/$case->{id}";
        my $body = "mark:$request->{target}";
        my $head = "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: " . length($body) . "\r\n\r\n";
        return ($request->{method} eq 'HEAD' ? $head : $head . $body, 0);
    };
    my ($method, $version) = @{$case->{request} // ['GET', 'HTTP/1.1']};
    my $seen = $self->_fetch("$method /r/$case->{id} $version\r\nHost: a.test\r\n\r\n", $method,
        $version eq 'HTTP/1.1' ? $SAME : undef);
    my $fresh = $self->_fetch("GET /new HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n", 'GET');
    return _judge_response($case, $seen, $fresh->{final});
}

sub _fetch {
    my ($self, $bytes, $method, $follow) = @_;
    my $client = $self->_connect($bytes);
    my $end    = time + 3;
    my %seen   = (interim => [], more => [], final => undef);
    while ($client->{state} eq 'open' && (my $left = $end - time) > 0) {
        next unless $self->_turn($left, $client);
        _receive($client);
        my $had = $seen{final};
        while (length $client->{in}) {
            my $r = take_response(\$client->{in}, $seen{final} ? 'GET' : $method, $client->{state} ne 'open') or last;
            if ($r->{status} && $r->{status} < 200 && $r->{status} != 101) {
                push @{$seen{interim}}, $r;
            } elsif (!$seen{final}) {
                $seen{final} = $r;
            } else {
                push @{$seen{more}}, $r;
            }
        }
        last if @{$seen{more}};
        next if $had || !$seen{final};
        my $over = $seen{final}{close} || $seen{final}{how} eq 'close' || !$follow;
        $client->{out} .= $follow unless $over;
        $end = time + ($over ? 0.3 : 1);
    }
    close $client->{sock};
    $self->_turn(0.01);
    $self->_take;
    return {%seen, state => $client->{state}, left => $client->{in}, cut => length $client->{in} && !$seen{final}};
}

sub _judge_response {
    my ($case, $seen, $fresh) = @_;
    my $final  = $seen->{final};
    my $broken = $final && grep { /\Abroken/ } @{$final->{problems}};
    my $expect = $case->{expect};
    my @faults = _answer_faults($case, $seen, $broken);
    push @faults, 'DESYNC new connection got ' . ($fresh ? substr $fresh->{body}, 0, 60 : 'nothing')
        unless $fresh && $fresh->{body} eq 'mark:/new';

    my $status = $final ? $final->{status} : 0;
    my $rejected = $broken || (!$final && ($seen->{cut} || $seen->{state} ne 'open'))
        || ($status =~ /\A50[0234]\z/ && $status != ($case->{status} // 0));
    if ($expect eq 'reject') {
        # An answer that ends with the connection and was cut looks whole, unless by a reset.
        push @faults, "client got a complete-looking $status"
            unless $rejected || ($final && $final->{how} eq 'close' && $seen->{state} eq 'reset');
        return @faults;
    }
    return @faults if $expect eq 'normalise' && $rejected;
    return (@faults, "no complete answer ($seen->{state})") unless $final;
    return (@faults, _content_faults($case, $final));
}

# What no answer may be, whatever the case.
sub _answer_faults {
    my ($case, $seen, $broken) = @_;
    my %lax = map { $_ => 1 } @{$case->{lax} // []};
    my $final = $seen->{final};
    my @faults = map { "client got malformed: $_" } grep { !$lax{$_} && !/\A(?:note:|broken)/ }
        map { @{$_->{problems}} } @{$seen->{interim}}, $final // ();
    push @faults, 'client got broken framing' if $broken && $case->{expect} eq 'accept';
    push @faults, map { 'DESYNC same connection got ' . substr $_->{body}, 0, 40 }
        grep { $_->{body} ne 'mark:/same' && $_->{status} == 200 } @{$seen->{more}};
    push @faults, 'no answer to the next request on the connection'
        if $final && !$final->{close} && $seen->{state} eq 'open' && !@{$seen->{more}} && $final->{how} ne 'close';
    push @faults, 'DESYNC bytes after the answer: ' . substr $seen->{left}, 0, 40 if $final && $seen->{left} ne '';
    return @faults;
}

sub _content_faults {
    my ($case, $final) = @_;
    my @faults;
    push @faults, "status $final->{status}" if $final->{status} != $case->{status};
    push @faults, 'body ' . substr $final->{body}, 0, 40
        if defined $case->{body} && !$case->{any_body} && $final->{body} ne $case->{body};
    for my $name (sort keys %{$case->{has} // {}}) {
        push @faults, "$name is " . (field($final, $name) // 'absent')
            unless grep { $_ eq $case->{has}{$name} } fields($final, $name);
    }
    for my $name (sort keys %{$case->{not_has} // {}}) {
        push @faults, "$name passed" if grep { $_ eq $case->{not_has}{$name} } fields($final, $name);
    }
    push @faults, map { "$_ passed" } grep { defined field($final, $_) } @{$case->{absent} // []};
    for my $name (sort keys %{$case->{lines} // {}}) {
        my $n = () = fields($final, $name);
        push @faults, "$n $name lines" if $n != $case->{lines}{$name};
    }
    push @faults, 'chunked sent to an HTTP/1.0 client' if $case->{client10} && defined field($final, 'transfer-encoding');
    return @faults;
}

1;
