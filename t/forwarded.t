# What a server is told about the client, and whom the proxy believes.

use strict;
use warnings;
use Test::More;
use Test::Usherd;

# One GET with the given fields; returns what the server got.
sub ask {
    my ($usherd, $origin, @fields) = @_;
    my $r = get($usherd->port(1), '/', @fields);
    is $r->{status}, 200, 'answered' or diag $r->{body};
    return $origin->last_request;
}

subtest 'from an ordinary client' => sub {
    my $origin = origin();
    my $usherd = proxy($origin);
    my $seen = ask($usherd, $origin, 'Host: shop.test');
    is_deeply [fields($seen, 'x-forwarded-for')], ['127.0.0.1'], 'X-Forwarded-For';
    is_deeply [fields($seen, 'x-forwarded-proto')], ['http'], 'X-Forwarded-Proto';
    is_deeply [fields($seen, 'x-forwarded-host')], ['shop.test'], 'X-Forwarded-Host';
    my $id = field($seen, 'x-request-id');
    like $id, qr/^[0-9A-Za-z-]{16,64}$/, 'X-Request-ID';
    isnt field(ask($usherd, $origin), 'x-request-id'), $id, 'another one for the next request';

    $seen = ask($usherd, $origin, 'X-Forwarded-For: 6.6.6.6', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: evil.test',
        'X-Request-ID: forged', 'Forwarded: for=6.6.6.6', 'x-forwarded-FOR: 7.7.7.7', 'Host: shop.test');
    is_deeply [fields($seen, 'x-forwarded-for')], ['127.0.0.1'], 'what it claims itself is dropped: For';
    is field($seen, 'x-forwarded-proto'), 'http', 'Proto';
    is field($seen, 'x-forwarded-host'), 'shop.test', 'Host';
    isnt field($seen, 'x-request-id'), 'forged', 'X-Request-ID';
    is field($seen, 'forwarded'), undef, 'Forwarded';
    $seen = ask($usherd, $origin, 'X-Real-IP: 6.6.6.6', 'x-real-ip: 7.7.7.7', 'X-Forwarded-Port: 443', 'X-Forwarded-Prefix: /admin',
        'X-Forwarded: yes', 'X-Forwarder: me', 'CF-Connecting-IP: 6.6.6.6');
    is field($seen, $_), undef, "$_ is dropped, too" for qw(x-real-ip x-forwarded-port x-forwarded-prefix);
    is field($seen, $_->[0]), $_->[1], "$_->[0] passes"
        for ['x-forwarded', 'yes'], ['x-forwarder', 'me'], ['cf-connecting-ip', '6.6.6.6'];
    $usherd->stop;
};

subtest 'the header of client_ip_from' => sub {
    my $origin = origin();
    my @fields = ('CF-Connecting-IP: 6.6.6.6', 'X-Real-IP: 7.7.7.7', 'X-Forwarded-Port: 443');
    for my $trusted (0, 1) {
        my $usherd = proxy($origin, listen => 'client_ip_from = cf-connecting-ip' . ($trusted ? "\ntrusted_proxies = 127.0.0.1" : ''));
        my $seen = ask($usherd, $origin, @fields);
        is field($seen, $_->[0]), $trusted ? $_->[1] : undef, ($trusted ? 'kept' : 'dropped') . ": $_->[0]"
            for ['cf-connecting-ip', '6.6.6.6'], ['x-real-ip', '7.7.7.7'], ['x-forwarded-port', '443'];
        $usherd->stop;
    }
};

subtest 'from a trusted proxy' => sub {
    my $origin = origin();
    my $usherd = proxy($origin, listen => "trusted_proxies = 127.0.0.1 10.0.0.0/8\nclient_ip_from = x-forwarded-for",
        route => 'access_log = log', more => "[log log]\npath = %%DIR%%/access.log\nformat = \$remote_addr \$peer_addr");
    my $seen = ask($usherd, $origin, 'X-Forwarded-For: 6.6.6.6, 9.9.9.9, 10.1.2.3', 'X-Forwarded-Proto: https',
        'X-Forwarded-Host: public.test', 'X-Request-ID: abc-123');
    is field($seen, 'x-forwarded-for'), '6.6.6.6, 9.9.9.9, 10.1.2.3, 127.0.0.1', 'For is appended to';
    is field($seen, 'x-forwarded-proto'), 'https', 'Proto is kept';
    is field($seen, 'x-forwarded-host'), 'public.test', 'Host is kept';
    is field($seen, 'x-request-id'), 'abc-123', 'X-Request-ID is kept';
    ask($usherd, $origin);
    ask($usherd, $origin, 'X-Forwarded-For: nonsense');
    ask($usherd, $origin, 'X-Forwarded-For: 2001:db8::1');
    ask($usherd, $origin, 'X-Forwarded-For: 1.1.1.1', 'X-Forwarded-For: 2.2.2.2');
    $usherd->stop;
    is_deeply [split /\n/, slurp($usherd->dir . '/access.log')],
        ['9.9.9.9 127.0.0.1', '127.0.0.1 127.0.0.1', '127.0.0.1 127.0.0.1', '2001:db8::1 127.0.0.1', '2.2.2.2 127.0.0.1'],
        'the client is the first untrusted address from the right';
};

# The id of a request is the same in logs, in error pages and towards the server.
subtest 'request id' => sub {
    my $origin = origin();
    my $log = "[log log]\npath = %%DIR%%/access.log\nformat = \$request_id\nbuffer = 0";
    my $files = "[route files]\npath = /files/*\nfiles = %%DIR%%\naccess_log = log";
    my $long = 'x' x 200;
    my @kept = ('abc-123', 'Root=1-67891233-abc;Self=<&">', $long);
    my %replaced = ('too long' => "X-Request-ID: ${long}x", 'empty' => 'X-Request-ID:', 'two words' => 'X-Request-ID: a b',
        'beyond ASCII' => "X-Request-ID: a\xe4", 'none' => 'X-Nothing: 1');
    for my $trusted (1, 0) {
        my $usherd = proxy($origin, listen => $trusted ? 'trusted_proxies = 127.0.0.1' : '',
            route => 'access_log = log', more => "$log\n$files");
        my $n = 0;
        my $next = sub {
            my @lines;
            wait_for { (@lines = split /\n/, slurp($usherd->dir . '/access.log') // '') > $n };
            return $lines[$n++];
        };
        for my $id (@kept) {
            my $seen = ask($usherd, $origin, "X-Request-ID: $id", 'X-Request-ID: another');
            my @sent = fields($seen, 'x-request-id');
            is @sent, 1, 'the server gets one id';
            is $next->(), $sent[0] =~ s/"/\\x22/gr, 'which is the one in the log';
            is $sent[0], $id, 'that of a trusted proxy' if $trusted;
            like $sent[0], qr/^[0-9a-f]{32}$/, 'not that of a stranger' if !$trusted;
            my $page = get($usherd->port(1), '/files/missing', "X-Request-ID: $id", 'Accept: text/html');
            my ($shown) = $page->{body} =~ m{<small>Request ([^<]*)</small>};
            is $shown =~ s/&#(\d+);/chr $1/ger, $next->() =~ s/\\x22/"/gr, 'an error page has the one in the log, too';
        }
        for my $what (sort keys %replaced) {
            my @sent = fields(ask($usherd, $origin, $replaced{$what}), 'x-request-id');
            like "@sent", qr/^[0-9a-f]{32}$/, "$what: a new id";
            is $next->(), $sent[0], 'which is the one in the log';
        }
        $usherd->stop;
    }
};

subtest 'client_ip_from' => sub {
    my $origin = origin();
    for my $case (['forwarded', 'Forwarded: for=1.2.3.4;proto=https', '1.2.3.4'],
        ['forwarded', 'Forwarded: for="[2001:db8::7]:4711"', '2001:db8::7'],
        ['X-Real-IP', 'X-Real-IP: 5.6.7.8', '5.6.7.8']) {
        my ($from, $field, $want) = @$case;
        my $usherd = proxy($origin, listen => "trusted_proxies = 127.0.0.1\nclient_ip_from = $from",
            route => 'access_log = log', more => "[log log]\npath = %%DIR%%/access.log\nformat = \$remote_addr");
        ask($usherd, $origin, $field);
        $usherd->stop;
        is slurp($usherd->dir . '/access.log'), "$want\n", "$from: $field";
    }
    my $usherd = proxy($origin, listen => 'client_ip_from = x-forwarded-for',
        route => 'access_log = log', more => "[log log]\npath = %%DIR%%/access.log\nformat = \$remote_addr");
    ask($usherd, $origin, 'X-Forwarded-For: 6.6.6.6');
    $usherd->stop;
    is slurp($usherd->dir . '/access.log'), "127.0.0.1\n", 'an untrusted peer is not believed';
};

subtest 'forwarded_headers' => sub {
    my %want = (off => [0, 0], 'x-forwarded' => [1, 0], forwarded => [0, 1], both => [1, 1]);
    for my $value (sort keys %want) {
        my $origin = origin();
        my $usherd = proxy($origin, route => "forwarded_headers = $value");
        my $seen = ask($usherd, $origin, 'Host: shop.test');
        is defined field($seen, 'x-forwarded-for') ? 1 : 0, $want{$value}[0], "$value: X-Forwarded-For";
        is defined field($seen, 'forwarded') ? 1 : 0, $want{$value}[1], "$value: Forwarded";
        if ($want{$value}[1]) {
            like field($seen, 'forwarded'), qr/for="?127\.0\.0\.1/, 'with the client';
            like field($seen, 'forwarded'), qr/proto=http\b/, 'the scheme';
            like field($seen, 'forwarded'), qr/host="?shop\.test/, 'and the host';
        }
        $usherd->stop;
    }
};

subtest 'header_names' => sub {
    my $origin = origin();
    my $usherd = proxy($origin);
    my $seen = ask($usherd, $origin, 'X_Under: 1', 'X.Dot: 2', 'X-Dash: 3', 'X_Forwarded_For: 6.6.6.6');
    is field($seen, $_), undef, "$_ is dropped: it could be taken for another" for qw(x_under x.dot x_forwarded_for);
    is field($seen, 'x-dash'), 3, 'others pass';
    ask($usherd, $origin, 'X_Under: 1');
    my $lines = () = $usherd->log_text =~ /X_Under/gi;
    is $lines, 1, 'logged once per name';
    $usherd->allow_log(qr/x[_.]/i);
    $usherd->stop;

    $usherd = proxy($origin, listen => 'header_names = any');
    is field(ask($usherd, $origin, 'X_Under: 1'), 'x_under'), 1, 'any lets them pass';
    $usherd->stop;
};

done_testing;
