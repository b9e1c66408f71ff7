package Test::Wire;

# Reads HTTP/1 messages off a byte stream in the strictest reading of RFC 9110 and RFC 9112. Nothing
# is repaired: each departure is noted by a word in the message's `problems`, because what one
# recipient forgives another one reads differently.

use strict;
use warnings;
use Exporter 'import';

our @EXPORT_OK = qw(take_request take_response field fields status_line is_final);

my $TOKEN = qr/[!#\$%&'*+\-.^_`|~0-9A-Za-z]+/;
my $HOST  = qr/(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._~!\$&'()*+;=%\-]*)(?::[0-9]*)?/;
my $CTL   = qr/[\x00-\x08\x0a-\x1f\x7f]/;

# take_request(\$buf): the first request of the buffer, which it is cut off from, or undef as long as
# it is not complete. A hash: method, target, version, head (raw), fields ([lower name, value]...),
# body, framing (none | cl | chunked), trailers, close, problems, and broken: why nothing after this
# point can be trusted, in which case the buffer is emptied.
sub take_request {
    my ($buf) = @_;
    my $rest = $$buf;
    my ($m, @lines) = _head(\$rest) or return;

    my @start = split / /, shift(@lines), -1;
    _note($m, 'reqline')
        unless @start == 3 && $start[0] =~ /\A$TOKEN\z/ && $start[2] =~ m{\AHTTP/1\.[01]\z};
    @$m{qw(method target version)} = map { $_ // '' } @start[0 .. 2];
    _note($m, 'target') unless $m->{target} =~ /\A[\x21-\x7e]+\z/;
    $m->{fields} = [_fields($m, @lines)];
    _check_host($m);
    _check_connection($m, qw(upgrade te close keep-alive));
    for my $name ('keep-alive', 'proxy-connection') {
        _note($m, "hop:$name") if defined field($m, $name);
    }
    _framing($m, $m->{version} eq 'HTTP/1.0');
    _body($m, \$rest) or return;
    $m->{close} = _closes($m, $m->{version} eq 'HTTP/1.1');
    $$buf = $m->{broken} ? '' : $rest;
    return $m;
}

# take_response(\$buf, $method, $eof): likewise for the response to a request of that method; $eof
# says that the peer has closed, which ends a body without a length. Adds status, reason, version and
# how: none | cl | chunked | close.
sub take_response {
    my ($buf, $method, $eof) = @_;
    my $rest = $$buf;
    my ($m, @lines) = _head(\$rest) or return;

    my $line = shift @lines;
    my $good = $line =~ m{\A(HTTP/1\.[01]) ([1-9][0-9][0-9]) ?([\t \x21-\x7e\x80-\xff]*)\z};
    @$m{qw(version status reason)} = $good ? ($1, $2, $3) : ('', 0, '');
    $m->{fields} = [_fields($m, @lines)];
    $m->{close} = _closes($m, $line !~ m{\AHTTP/1\.0});
    $m->{how}   = 'none';
    _check_connection($m, qw(upgrade close keep-alive));
    if (!$good) {
        _note($m, 'statusline');
        $$buf = '';
        return $m;
    }
    if (_bodiless($m, $method)) {
        $$buf = $rest;
        return $m;
    }
    _framing($m, $m->{version} eq 'HTTP/1.0');
    if (!$m->{broken} && $m->{framing} =~ /\A(?:none|te-other)\z/) {
        $m->{how} = 'close';
        return unless $eof;
        ($m->{body}, $$buf) = ($rest, '');
        return $m;
    }
    $m->{how} = $m->{framing};
    _body($m, \$rest) or return;
    _note($m, "broken:$m->{broken}") if $m->{broken};
    $$buf = $m->{broken} ? '' : $rest;
    return $m;
}

# All values of a field, in order; the name in lower case.
sub fields {
    my ($m, $name) = @_;
    return map { $_->[1] } grep { $_->[0] eq $name } @{$m->{fields}};
}

# The values of a field joined by commas, or undef if there is none.
sub field {
    my @values = fields(@_);
    return @values ? join(', ', @values) : undef;
}

sub is_final { return $_[0]{status} >= 200 || $_[0]{status} == 101 || $_[0]{status} == 0 }

sub status_line { return ($_[0]{head} =~ /\A([^\r\n]*)/)[0] }

sub _note { my ($m, @words) = @_; push @{$m->{problems}}, @words; return }

# Cuts the head off: a new message and the lines of the head. A line that ends in a bare LF counts as
# ended, as a lenient recipient would see it, and is noted.
sub _head {
    my ($rest) = @_;
    return unless $$rest =~ /\r\n\r\n|\n\r?\n/;
    my ($head, $end) = (substr($$rest, 0, $-[0]), substr($$rest, $-[0], $+[0] - $-[0]));
    my $m = {head => $head, problems => [], body => '', trailers => [], framing => 'none'};
    _note($m, 'lf') if $end ne "\r\n\r\n" || $head =~ /(?<!\r)\n/;
    _note($m, 'nul') if $head =~ /\0/;
    my @lines = split /\r\n|\n/, $head, -1;
    _note($m, 'cr') if grep { /\r/ } @lines;
    $$rest = substr $$rest, $+[0] if $$rest =~ /\r\n\r\n|\n\r?\n/;
    return ($m, @lines ? @lines : '');
}

sub _fields {
    my ($m, @lines) = @_;
    my @out;
    for my $line (@lines) {
        if ($line =~ /\A[ \t]/) {
            _note($m, 'fold');
            next;
        }
        my ($name, $value) = split /:/, $line, 2;
        if (!defined $value) {
            _note($m, 'nocolon');
            next;
        }
        _note($m, 'name') unless $name =~ /\A$TOKEN\z/;
        $value =~ s/\A[ \t]+|[ \t]+\z//g;
        _note($m, 'ctl') if $value =~ $CTL;
        $name =~ s/\A\s+|\s+\z//g;
        push @out, [lc $name, $value];
    }
    return @out;
}

sub _check_host {
    my ($m) = @_;
    my @hosts = fields($m, 'host');
    _note($m, 'host-count') if @hosts > 1 || (!@hosts && $m->{version} eq 'HTTP/1.1');
    _note($m, 'host') if @hosts && $hosts[0] !~ /\A$HOST\z/;
    return;
}

sub _connection { return map { s/\A\s+|\s+\z//gr } map { split /,/, lc } fields($_[0], 'connection') }

# A field that Connection names must not have come this far, except those that are ours to send.
sub _check_connection {
    my ($m, @own) = @_;
    my %own = map { $_ => 1 } @own;
    _note($m, "hop:$_") for grep { !$own{$_} && defined field($m, $_) } _connection($m);
    return;
}

sub _closes {
    my ($m, $persistent) = @_;
    my %token = map { $_ => 1 } _connection($m);
    return $token{close} || (!$persistent && !$token{'keep-alive'}) ? 1 : 0;
}

# Whether a response has no body whatever its fields say (RFC 9112 6.3).
sub _bodiless {
    my ($m, $method) = @_;
    my $status = $m->{status};
    if ($status < 200 || $status == 204) {
        _note($m, "framing-in-$status")
            if $status != 101 && grep { $_->[0] =~ /\A(?:transfer-encoding|content-length)\z/ }
            @{$m->{fields}};
        return 1;
    }
    return 0 unless $status == 304 || $method eq 'HEAD';
    _framing({%$m, problems => $m->{problems}}, 0);
    return 1;
}

# Sets framing, and length or broken.
sub _framing {
    my ($m, $http10) = @_;
    my @cl = fields($m, 'content-length');
    my @te = fields($m, 'transfer-encoding');
    _note($m, 'cl+te') if @cl && @te;
    _note($m, 'cl-dup') if @cl > 1;
    _note($m, 'te10') if @te && $http10;
    if (@te) {
        _note($m, 'te') if @te > 1 || lc $te[0] ne 'chunked';
        my $last = (split /,/, join(',', @te), -1)[-1] // '';
        $m->{framing} = lc($last) =~ /\A\s*chunked\s*\z/ ? 'chunked' : 'te-other';
    } elsif (@cl) {
        $m->{framing} = 'cl';
        $m->{length}  = $cl[0];
        return if $cl[0] =~ /\A[0-9]{1,18}\z/;
        _note($m, 'cl');
        $m->{broken} = 'cl';
    }
    return;
}

# Takes the body; false if more bytes are needed.
sub _body {
    my ($m, $rest) = @_;
    return 1 if $m->{broken};
    return _chunks($m, $rest) if $m->{framing} eq 'chunked';
    if ($m->{framing} eq 'te-other') {
        $m->{broken} = 'te';
    } elsif ($m->{framing} eq 'cl') {
        return 0 if length $$rest < $m->{length};
        $m->{body} = substr $$rest, 0, $m->{length}, '';
    }
    return 1;
}

sub _broken {
    my ($m, $why) = @_;
    _note($m, $why);
    $m->{broken} = $why;
    return 1;
}

sub _chunks {
    my ($m, $rest) = @_;
    my ($at, $body) = (0, '');
    while (1) {
        my $nl = index $$rest, "\n", $at;
        if ($nl < 0) {
            return 0 if length($$rest) - $at <= 65536;
            $m->{broken} = 'chunk-line';
            return 1;
        }
        my $line = substr $$rest, $at, $nl + 1 - $at;
        $line =~ s/\r\n\z// or return _broken($m, 'chunk-lf');
        my ($size, $ext) = split /;/, $line, 2;
        _note($m, 'note:chunk-ext') if defined $ext;
        _note($m, 'chunk-ext-ctl') if defined $ext && $ext =~ $CTL;
        return _broken($m, 'chunk-size') unless ($size // '') =~ /\A[0-9A-Fa-f]{1,15}\z/;
        $at = $nl + 1;
        my $n = hex $size or last;
        return 0 if length $$rest < $at + $n + 2;
        $body .= substr $$rest, $at, $n;
        return _broken($m, 'chunk-end') if substr($$rest, $at + $n, 2) ne "\r\n";
        $at += $n + 2;
    }
    my @lines;
    while (1) {
        my $end = index $$rest, "\r\n", $at;
        return 0 if $end < 0;
        my $line = substr $$rest, $at, $end - $at;
        $at = $end + 2;
        last if $line eq '';
        push @lines, $line;
    }
    $m->{trailers} = [_fields($m, @lines)];
    $m->{body}     = $body;
    $$rest         = substr $$rest, $at;
    return 1;
}

1;
