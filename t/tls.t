# TLS towards clients: versions, ciphers, names, certificates, and clients that misbehave.

use strict;
use warnings;
use IO::Select;
use IPC::Open2;
use Net::SSLeay;
use Test::More;
use Test::Certs 'certs';
use Test::Client 'tls_client';
use Test::Usherd;
use Time::HiRes qw(sleep time);

my $pki  = certs();
my $shop = $pki->leaf(shop => names => ['shop.test', 'www.shop.test']);
my $wide = $pki->leaf(wide => names => ['shop.test', '*.shop.test']);
my $both = $pki->leaf(both => names => ['one.test', 'two.test']);
my $lone = $pki->leaf(lone => names => ['plain.test']);
my $GET  = "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n";

# One TLS listener at PORT2, a plain one at PORT1, one worker; options as those of proxy(). Without
# `hosts` everything belongs to no host and is answered under the certificate of shop.
sub tls_proxy {
    my ($origin, %text) = @_;
    my $listen = delete $text{tls} // '';
    my $hosts  = delete $text{hosts} // '';
    $listen .= "\ncertificate = $shop->{pair}" unless $hosts;
    $text{more} = ($text{more} // '')
        . "\n[listen secure]\nbind = 127.0.0.1:%%PORT2%%\ntls = on\n$listen\n$hosts\n";
    return proxy($origin, %text);
}

sub took(&) { my ($code) = @_; my $start = time; $code->(); return time - $start }

# Runs openssl s_client with one GET; returns all it printed.
sub s_client {
    my ($port, @args) = @_;
    my $host = 'shop.test';
    ($host) = $args[$_ + 1] for grep { $args[$_] eq '-servername' } 0 .. $#args;
    unshift @args, '-servername', $host unless grep { /^-(?:no)?servername$/ } @args;
    open my $out, '-|', 'sh', '-c',
        'printf "GET / HTTP/1.1\r\nHost: $1\r\nConnection: close\r\n\r\n" | { shift; timeout 20 openssl s_client -ign_eof -connect "$@" 2>&1; }',
        'sh', $host, "127.0.0.1:$port", @args or die "s_client: $!";
    local $/;
    return scalar <$out>;
}

# The bytes of a ClientHello, and a client that moves bytes by hand: [ssl, from the peer, to it].
sub by_hand {
    my ($name) = @_;
    my $ctx = Net::SSLeay::CTX_new() or die;
    my $ssl = Net::SSLeay::new($ctx) or die;
    my ($in, $out) = map { Net::SSLeay::BIO_new(Net::SSLeay::BIO_s_mem()) } 1 .. 2;
    Net::SSLeay::set_bio($ssl, $in, $out);
    Net::SSLeay::set_tlsext_host_name($ssl, $name) if defined $name;
    Net::SSLeay::set_connect_state($ssl);
    return {ctx => $ctx, ssl => $ssl, in => $in, out => $out};
}

sub hello {
    my $h = by_hand(@_);
    Net::SSLeay::do_handshake($h->{ssl});
    return Net::SSLeay::BIO_read($h->{out});
}

sub rss_kib {
    my ($usherd) = @_;
    my $sum = 0;
    for my $pid ($usherd->workers) {
        my ($kib) = (slurp("/proc/$pid/status") // '') =~ /^VmRSS:\s+(\d+)/m;
        $sum += $kib // 0;
    }
    return $sum;
}

sub failures { my ($usherd) = @_; return grep { /\[info\].*handshake/i } split /\n/, $usherd->log_text }

subtest 'versions' => sub {
    my $usherd = tls_proxy(origin());
    my $old = 'DEFAULT:@SECLEVEL=0';
    for my $case ([TLSv1_3 => 1], [TLSv1_2 => 1], [TLSv1_1 => 0], [TLSv1 => 0]) {
        my ($version, $good) = @$case;
        my $c = tls_client($usherd->port(2), 'shop.test', SSL_version => $version, SSL_cipher_list => $old,
            SSL_ca_file => $pki->file('root'));
        is $c ? 1 : 0, $good, "$version is " . ($good ? 'spoken' : 'refused') or diag $@;
        next unless $c;
        is $c->{sock}->get_sslversion, $version, 'and agreed on';
        $c->send($GET);
        is $c->response->{body}, 'ok', 'a request is answered';
    }
    like $@, qr/protocol version/i, 'with the alert that says so';
    ok wait_for { failures($usherd) == 2 }, 'a refused handshake costs one info line';
    like $_, qr/version|protocol/i, 'with the reason' for failures($usherd);
    $usherd->stop;

    $usherd = tls_proxy(origin(), tls => 'tls_min = 1.3');
    ok tls_client($usherd->port(2), 'shop.test', SSL_version => 'TLSv1_3'), 'tls_min = 1.3: 1.3 is spoken';
    ok !tls_client($usherd->port(2), 'shop.test', SSL_version => 'TLSv1_2'), '1.2 is not';
    $usherd->stop;
};

subtest 'cipher suites' => sub {
    my $usherd = tls_proxy(origin());
    my $port = $usherd->port(2);
    my $suite = sub {
        my $c = tls_client($port, 'shop.test', @_) or return 'refused';
        return $c->{sock}->get_cipher;
    };
    my @v13 = (SSL_version => 'TLSv1_3', SSL_ciphersuites =>);
    is $suite->(@v13, 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256'),
        'TLS_AES_128_GCM_SHA256', '1.3: the server chooses AES-128';
    is $suite->(@v13, 'TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256'), 'TLS_CHACHA20_POLY1305_SHA256',
        'unless the client puts ChaCha20 first';
    is $suite->(@v13, 'TLS_AES_256_GCM_SHA384'), 'TLS_AES_256_GCM_SHA384', 'AES-256 if it must be';
    my @v12 = (SSL_version => 'TLSv1_2', SSL_cipher_list =>);
    is $suite->(@v12, 'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256'),
        'ECDHE-ECDSA-AES128-GCM-SHA256', '1.2: likewise';
    is $suite->(@v12, 'ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256'),
        'ECDHE-ECDSA-CHACHA20-POLY1305', 'ChaCha20 too';
    is $suite->(@v12, $_), 'refused', "$_ is refused"
        for 'ECDHE-ECDSA-AES128-SHA256', 'ECDHE-ECDSA-AES256-SHA', 'ECDHE-ECDSA-AES128-CCM8';
    $usherd->stop;

    my $rsa = $pki->leaf(rsa => names => ['shop.test'], type => 'rsa');
    $usherd = tls_proxy(origin(), hosts => "[host shop]\nnames = shop.test\ncertificate = $rsa->{pair}");
    is $suite->(@v12, $_), 'refused', "$_ has no forward secrecy or no AEAD"
        for 'AES128-GCM-SHA256', 'AES256-SHA', 'ECDHE-RSA-AES128-SHA';
    is $suite->(@v12, 'ECDHE-RSA-AES256-GCM-SHA384'), 'ECDHE-RSA-AES256-GCM-SHA384', 'ECDHE with RSA is fine';
    $usherd->stop;

    $usherd = tls_proxy(origin(), tls => "tls_ciphers = ECDHE-ECDSA-AES256-GCM-SHA384\ntls_ciphersuites = TLS_AES_256_GCM_SHA384");
    is $suite->(SSL_version => 'TLSv1_3'), 'TLS_AES_256_GCM_SHA384', 'tls_ciphersuites chooses';
    is $suite->(@v13, 'TLS_AES_128_GCM_SHA256'), 'refused', 'and excludes';
    is $suite->(SSL_version => 'TLSv1_2'), 'ECDHE-ECDSA-AES256-GCM-SHA384', 'tls_ciphers chooses';
    is $suite->(@v12, 'ECDHE-ECDSA-AES128-GCM-SHA256'), 'refused', 'and excludes';
    $usherd->stop;
};

subtest 'curves' => sub {
    my $usherd = tls_proxy(origin());
    my $port = $usherd->port(2);
    like s_client($port), qr/Server Temp Key: X25519/, 'X25519';
    like s_client($port, '-groups', 'P-256'), qr/Server Temp Key: ECDH, (?:P-256|prime256v1)/, 'P-256';
    unlike s_client($port, '-groups', 'X448'), qr/^HTTP/m, 'nothing in common: refused';
    like s_client($port, '-tls1_2', '-groups', 'P-256'), qr/Server Temp Key: ECDH, (?:P-256|prime256v1)/, '1.2: P-256';
    $usherd->stop;

    $usherd = tls_proxy(origin(), tls => 'tls_curves = P-256');
    my $text = s_client($port, '-groups', 'X25519:P-256');
    like $text, qr/Server Temp Key: ECDH, (?:P-256|prime256v1)/, 'tls_curves: the client is asked for another share';
    like $text, qr{^HTTP/1.1 200}m, 'and gets its answer';
    unlike s_client($port, '-groups', 'X25519'), qr/^HTTP/m, 'or is refused';
    $usherd->stop;
};

subtest 'ALPN' => sub {
    my $usherd = tls_proxy(origin());
    my $port = $usherd->port(2);
    for my $version (qw(TLSv1_3 TLSv1_2)) {
        my $alpn = sub {
            my $c = tls_client($port, 'shop.test', SSL_version => $version, @_ ? (SSL_alpn_protocols => [@_]) : ()) or return 'refused';
            return $c->{sock}->alpn_selected // 'none';
        };
        is $alpn->('http/1.1'), 'http/1.1', "$version: http/1.1";
        is $alpn->('h2', 'http/1.1'), 'http/1.1', 'what both know';
        is $alpn->('http/1.0'), 'http/1.0', 'a client that speaks the old version only';
        is $alpn->(), 'none', 'a client that does not ask';
        is $alpn->('spdy/3', 'imap'), 'refused', 'nothing in common';
        like $@, qr/no application protocol/i, 'with the alert of RFC 7301';
    }
    ok wait_for { (() = failures($usherd)) == 2 }, 'one info line each';
    like $_, qr/protocol|alpn/i, 'with the reason' for failures($usherd);
    $usherd->stop;
};

subtest 'renegotiation and compression' => sub {
    my $usherd = tls_proxy(origin());
    my $c = tls_client($usherd->port(2), 'shop.test', SSL_version => 'TLSv1_2') or die $@;
    $c->send($GET);
    is $c->response->{body}, 'ok', 'a connection of TLS 1.2';
    my $text = s_client($usherd->port(2), '-tls1_2');
    like $text, qr/Compression: NONE/, 'does not compress';
    like $text, qr/Secure Renegotiation IS supported/, 'tells that it is safe from injected renegotiation (RFC 5746)';
    open my $out, '-|', 'sh', '-c',
        '{ sleep 0.3; echo R; sleep 1; } | timeout 10 openssl s_client -tls1_2 -servername shop.test -connect "$1" 2>&1',
        'sh', '127.0.0.1:' . $usherd->port(2) or die;
    $text = do { local $/; <$out> };
    like $text, qr/RENEGOTIATING/, 'a client that renegotiates';
    like $text, qr/no renegotiation|handshake failure|unexpected|closed|errno/i, 'is turned down';
    $usherd->stop;
};

subtest 'server names' => sub {
    my %leaf = map { $_->[0] => $pki->leaf($_->[0], names => $_->[1]) }
        ['exact', ['a.shop.test']], ['wild', ['*.shop.test', '*.eu.shop.test']], ['deep', ['*.eu.shop.test']],
        ['other', ['other.test']], ['fallback', ['fallback.test']];
    my $hosts = join '', map { "[host $_->[0]]\nnames = $_->[1]\ncertificate = $leaf{$_->[0]}{pair}\n" }
        ['exact', 'a.shop.test'], ['wild', '*.shop.test'], ['deep', '*.eu.shop.test'], ['other', 'other.test'];
    my $origin = origin();
    my $usherd = tls_proxy($origin, hosts => $hosts, tls => "certificate = $leaf{fallback}{pair}");
    my $port = $usherd->port(2);
    my %name_of = map { $leaf{$_}{fingerprint} => $_ } keys %leaf;
    my $shown = sub {
        my ($name, %opt) = @_;
        my $c = tls_client($port, $name, %opt) or return 'refused';
        return $name_of{unpack 'H*', $c->{sock}->get_fingerprint_bin('sha256')};
    };
    for my $case (['a.shop.test', 'exact'], ['A.Shop.TEST', 'exact'], ['b.shop.test', 'wild'], ['x.eu.shop.test', 'deep'],
        ['other.test', 'other'], [undef, 'fallback'], ['wrong.test', 'refused'], ['shop.test', 'refused'],
        ['sub.other.test', 'refused'], ['fallback.test', 'refused'], ['test', 'refused'], ['a' x 63 . '.test', 'refused']) {
        my ($name, $want) = @$case;
        for my $version (qw(TLSv1_3 TLSv1_2)) {
            is $shown->($name, SSL_version => $version), $want, "$version " . ($name // 'no name') . ": $want";
        }
    }
    ok !tls_client($port, 'wrong.test'), 'a wrong name';
    like $@, qr/unrecognized name/i, 'is refused with unrecognized_name';
    ok scalar(grep { /wrong\.test/ } failures($usherd)), 'and the name is in the info line';

    my $c = tls_client($port, 'a.shop.test', SSL_ca_file => $pki->file('root'), SSL_verifycn_scheme => 'http',
        SSL_verifycn_name => 'a.shop.test');
    ok $c, 'the client may verify name and chain' or diag $@;

    # A name is chosen by each connection; the Host of a request must fit it.
    my $ask = sub {
        my ($name, $host) = @_;
        my $r = get($port, '/', "Host: $host", {tls => {SSL_hostname => $name // ''}});
        return $r ? $r->{status} : 'none';
    };
    is $ask->('a.shop.test', 'a.shop.test'), 200, 'the Host of the server name';
    is $ask->('a.shop.test', "a.shop.test:$port"), 200, 'with a port';
    is $ask->('b.shop.test', 'c.shop.test'), 200, 'another name of the same certificate';
    is $ask->('a.shop.test', 'other.test'), 421, 'a Host that the certificate does not cover';
    is $ask->('a.shop.test', 'b.shop.test'), 421, 'another one';
    is $ask->('a.shop.test', 'nobody.test'), 421, 'a Host that no [host] has';
    is $ask->(undef, 'other.test'), 421, 'without a name: the listener\'s certificate does not cover it';
    my $seen = scalar $origin->requests;
    is $seen, 3, 'the server sees nothing of what is misdirected';
    $usherd->stop;

    # Host covered by the certificate of another host.
    $usherd = tls_proxy($origin, hosts =>
        "[host one]\nnames = one.test\ncertificate = $both->{pair}\n[host two]\nnames = two.test\ncertificate = $both->{pair}\n");
    $port = $usherd->port(2);
    is $ask->('one.test', 'two.test'), 200, 'a Host that the certificate covers may share a connection';
    ok !tls_client($port, undef), 'no name, and no certificate of the listener: refused';
    like $@, qr/unrecognized name|handshake failure/i, 'with an alert';
    $usherd->stop;

    $usherd = tls_proxy($origin, hosts => $hosts, tls => 'default_host = other');
    is $shown->('wrong.test'), 'other', 'default_host: its certificate for every other name';
    is $shown->(undef), 'refused', 'but not without one: that is the listener\'s certificate\'s part';
    is $ask->('wrong.test', 'wrong.test'), 200, 'and it answers';
    is $ask->('a.shop.test', 'a.shop.test'), 200, 'others as before';
    is $ask->('a.shop.test', 'other.test'), 421, 'also where they are confused';
    $usherd->stop;

    $usherd = tls_proxy($origin);
    is $ask->('any.test', 'any.test'), 200, 'no [host] at all: any name';
    is $ask->(undef, '127.0.0.1'), 200, 'and none';
    $usherd->stop;
};

subtest 'RSA and ECDSA side by side' => sub {
    my $ec  = $pki->leaf(dual_ec => names => ['shop.test']);
    my $rsa = $pki->leaf(dual_rsa => names => ['shop.test'], type => 'rsa');
    my $usherd = tls_proxy(origin(), hosts =>
        "[host shop]\nnames = shop.test\ncertificate = $rsa->{pair}\ncertificate = $ec->{pair}");
    my $port = $usherd->port(2);
    my %type = ($ec->{fingerprint} => 'ec', $rsa->{fingerprint} => 'rsa');
    my $shown = sub {
        my $c = tls_client($port, 'shop.test', @_) or return 'refused';
        return $type{unpack 'H*', $c->{sock}->get_fingerprint_bin('sha256')};
    };
    my @v12 = (SSL_version => 'TLSv1_2', SSL_cipher_list =>);
    is $shown->(@v12, 'ECDHE-RSA-AES128-GCM-SHA256'), 'rsa', '1.2: RSA for who knows only that';
    is $shown->(@v12, 'ECDHE-ECDSA-AES128-GCM-SHA256'), 'ec', '1.2: ECDSA';
    is $shown->(@v12, 'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256'), 'ec', '1.2: ECDSA is the cheaper of both';
    is $shown->(SSL_version => 'TLSv1_3'), 'ec', '1.3: likewise';
    like s_client($port, '-sigalgs', 'RSA-PSS+SHA256'), qr/Peer signature type: RSA-PSS/, '1.3: RSA for who knows only that';
    like s_client($port, '-sigalgs', 'ECDSA+SHA256'), qr/Peer signature type: ECDSA/, '1.3: ECDSA';
    $usherd->stop;
};

subtest 'chains' => sub {
    $pki->ca('mid', issuer => 'root');
    my $leaf = $pki->leaf(chained => names => ['shop.test'], issuer => 'mid', chain => ['mid']);
    my $usherd = tls_proxy(origin(), hosts => "[host shop]\nnames = shop.test\ncertificate = $leaf->{pair}");
    my $text = s_client($usherd->port(2), '-CAfile', $pki->file('root'), '-verify_return_error', '-showcerts');
    like $text, qr/Verify return code: 0 \(ok\)/, 'the client finds its way to the root';
    is scalar(() = $text =~ /BEGIN CERTIFICATE/g), 2, 'leaf and intermediate are sent' or diag $text;
    $usherd->stop;
};

subtest 'keep-alive, pipelining and bodies' => sub {
    my $origin = origin(sub {
        my ($r) = @_;
        return answer("$r->{method} $r->{target} " . length $r->{body}) if $r->{target} ne '/big';
        return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            . join('', map { sprintf "%x\r\n%s\r\n", 70_000, chr(97 + $_ % 26) x 70_000 } 1 .. 60) . "0\r\n\r\n";
    });
    my $usherd = tls_proxy($origin);
    for my $version (qw(TLSv1_3 TLSv1_2)) {
        my $c = tls_client($usherd->port(2), 'shop.test', SSL_version => $version) or die $@;
        for my $n (1 .. 3) {
            $c->send("GET /$n HTTP/1.1\r\nHost: shop.test\r\n\r\n");
            is $c->response->{body}, "GET /$n 0", "$version: request $n of a connection";
        }
        $c->send(join '', map { "GET /p$_ HTTP/1.1\r\nHost: shop.test\r\n\r\n" } 1 .. 20);
        is_deeply [map { $c->response->{body} } 1 .. 20], [map { "GET /p$_ 0" } 1 .. 20], 'pipelined ones are answered in order';
        $c->send("GET /slow HTTP/1.1\r\nHost: shop.test\r\n\r\n", step => 1);
        is $c->response->{body}, 'GET /slow 0', 'a record per byte';
        $c->send("HEAD /h HTTP/1.1\r\nHost: shop.test\r\n\r\n");
        is $c->response->{status}, 200, 'HEAD';
        my $mib = 5 << 20;
        $c->send("POST /up HTTP/1.1\r\nHost: shop.test\r\nContent-Length: $mib\r\n\r\n" . 'x' x $mib);
        is $c->response->{body}, "POST /up $mib", 'a body of 5 MiB up';
        $c->send("POST /up HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n"
            . join('', map { sprintf "%x\r\n%s\r\n", 50_000, 'y' x 50_000 } 1 .. 20) . "0\r\n\r\n");
        is $c->response->{body}, 'POST /up 1000000', 'in chunks';
        $c->send("GET /big HTTP/1.1\r\nHost: shop.test\r\n\r\n");
        my $body = $c->response->{body};
        is length $body, 60 * 70_000, 'a body of 4 MB down';
        ok $body eq join('', map { chr(97 + $_ % 26) x 70_000 } 1 .. 60), 'is what the server sent';
    }
    is field($origin->last_request, 'x-forwarded-proto'), 'https', 'the server hears of https';
    $usherd->stop;
};

subtest 'the end of a connection' => sub {
    my $origin = origin(sub {
        my ($r) = @_;
        return answer('fine') if $r->{target} eq '/';
        return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end";
    });
    my $usherd = tls_proxy($origin, tls => 'keepalive_timeout = 400ms');
    for my $version (qw(TLSv1_3 TLSv1_2)) {
        my @to = ($usherd->port(2), 'shop.test', SSL_version => $version);
        my $c = tls_client(@to) or die $@;
        $c->send("GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n");
        is $c->response->{body}, 'fine', "$version: the last answer";
        is $c->end, 'closed', 'is followed by close_notify';
        $c = tls_client(@to);
        $c->send($GET);
        $c->response;
        is $c->end, 'closed', 'so is an idle connection\'s end';
        $c = tls_client(@to);
        $c->send("GARBAGE\r\n\r\n");
        is $c->response->{status}, 400, 'a bad request';
        is $c->end, 'closed', 'likewise';
    }
    # A body that is cut off has not ended. The first answer brings the tickets: with them unread, the
    # client's kernel would send a reset.
    my $c = tls_client($usherd->port(2), 'shop.test');
    $c->send($GET);
    $c->response;
    $c->send("POST /cut HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    $origin->await_event(qr/open/);
    sleep 0.2;
    $c->cut;
    sleep 0.3;
    is scalar(grep { $_->{target} eq '/cut' } $origin->requests), 0, 'a request that was cut off never completes';
    ok $usherd->await_log(qr/\[info\].*client 127\.0\.0\.1: tls: closed without close_notify$/m), 'which is logged';

    # What is no record, after a sound handshake.
    $c = tls_client($usherd->port(2), 'shop.test');
    open my $below, '>&', $c->{sock}->fileno or die $!;
    syswrite $below, "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n";
    isnt $c->end, 'open', 'plain text in the middle ends the connection';
    ok $usherd->await_log(qr/\[info\].*client 127\.0\.0\.1: tls: (?!closed|handshake)/), 'and the log says why';
    $usherd->stop;
};

subtest 'a server whose answer is cut off' => sub {
    my $origin = origin(['request', [send => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"], 'close']);
    my $usherd = tls_proxy($origin);
    for my $version (qw(TLSv1_3 TLSv1_2)) {
        for my $http ('1.1', '1.0') {
            my $c = tls_client($usherd->port(2), 'shop.test', SSL_version => $version);
            $c->send("GET / HTTP/$http\r\nHost: shop.test\r\n\r\n");
            $c->read_until(qr/half/);
            my $end = $c->end;
            ok $end ne 'closed' || ($http eq '1.1' && $c->rest !~ /\r\n0\r\n\r\n\z/),
                "$version, HTTP/$http: neither a last chunk nor close_notify: the client can tell" or diag "$end: ", $c->rest;
        }
    }
    $usherd->allow_log(qr/./);
    $usherd->stop;
};

subtest 'redirect_https' => sub {
    my $origin = origin(answer('page'));
    my $usherd = tls_proxy($origin, listen => 'trusted_proxies = 127.0.0.2',
        hosts => "[host shop]\nnames = shop.test *.shop.test\ncertificate = $wide->{pair}\nredirect_https = on\n"
        . "[host plain]\nnames = plain.test\ncertificate = $lone->{pair}\n",
        more => "[route open]\npath = /open/*\nredirect_https = off\nbackend = app\n"
        . "[route closed]\nhost = plain\npath = /closed/*\nredirect_https = on\nrespond = 200 closed\n"
        . "[route same]\npath = /same/*\nredirect_https = host\nbackend = app\n");
    is get($usherd->port(1), '/open/x', 'Host: shop.test')->{body}, 'page', 'a route may be left out';
    is get($usherd->port(1), '/same/x', 'Host: shop.test')->{status}, 308, '... or do as the host says';
    is get($usherd->port(1), '/same/x', 'Host: plain.test')->{body}, 'page', '... whatever that is';
    is get($usherd->port(1), '/closed/x', 'Host: plain.test')->{status}, 308, 'a route alone may be redirected';
    is get($usherd->port(2), '/closed/x', 'Host: plain.test', {tls => {SSL_hostname => 'plain.test'}})->{body}, 'closed', '... to where it is served';
    my $r = get($usherd->port(1), '/a/b%20c?d=e&f=g', 'Host: shop.test');
    is $r->{status}, 308, 'plain HTTP is sent away';
    like field($r, 'location'), qr{\Ahttps://shop\.test(?::\d+)?/a/b%20c\?d=e&f=g\z}, 'to the same path and query';
    $r = request($usherd->port(1), "POST /x HTTP/1.1\r\nHost: w.shop.test:8080\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    is $r->{status}, 308, 'POST too';
    like field($r, 'location'), qr{\Ahttps://w\.shop\.test(?::\d+)?/x\z}, 'on the host that was asked for';
    unlike field($r, 'location'), qr/:8080/, 'without the port of plain HTTP';
    is get($usherd->port(2), '/', 'Host: shop.test', {tls => {SSL_hostname => 'shop.test'}})->{body}, 'page', 'TLS is served';
    is get($usherd->port(1), '/', 'Host: plain.test')->{body}, 'page', 'another host is not concerned';
    is get($usherd->port(1), '/', 'Host: shop.test', 'X-Forwarded-Proto: https', {from => '127.0.0.2'})->{body}, 'page',
        'a trusted proxy says that it was https';
    is get($usherd->port(1), '/', 'Host: shop.test', 'X-Forwarded-Proto: http', {from => '127.0.0.2'})->{status}, 308,
        'or that it was not';
    is get($usherd->port(1), '/', 'Host: shop.test', 'X-Forwarded-Proto: https')->{status}, 308, 'others are not believed';
    $usherd->stop;

    $usherd = tls_proxy($origin, more => "[route closed]\npath = /closed/*\nredirect_https = on\nrespond = 200 closed\n");
    my $port = $usherd->port(2);
    $r = get($usherd->port(1), '/closed/x', 'Host: any.test');
    is "$r->{status} " . field($r, 'location'), "308 https://any.test:$port/closed/x", 'a route where there are no hosts';
    is get($usherd->port(1), '/', 'Host: any.test')->{body}, 'page', '... and not the others';
    is request($usherd->port(1), "GET /closed/x HTTP/1.0\r\n\r\n")->{status}, 400, '... needs a Host to send to';
    $usherd->stop;
};

subtest 'preset = security' => sub {
    my $usherd = tls_proxy(origin(), route => 'headers = public', more => "[headers public]\npreset = security");
    my $tls   = get($usherd->port(2), '/', 'Host: shop.test', {tls => {SSL_hostname => 'shop.test'}});
    my $plain = get($usherd->port(1), '/', 'Host: shop.test');
    like field($tls, 'strict-transport-security'), qr/\Amax-age=\d{7,}/, 'HSTS over TLS';
    is field($plain, 'strict-transport-security'), undef, 'and nowhere else (RFC 6797 7.2)';
    for my $r ($tls, $plain) {
        is field($r, 'x-content-type-options'), 'nosniff', 'nosniff';
        like field($r, 'x-frame-options'), qr/\A(?:SAMEORIGIN|DENY)\z/i, 'frame options';
        ok field($r, $_), $_ for 'referrer-policy', 'permissions-policy';
    }
    $usherd->stop;

    my $origin = origin(answer('x', 'Strict-Transport-Security: max-age=1', 'X-Frame-Options: DENY'));
    $usherd = tls_proxy($origin, route => 'headers = public', more => "[headers public]\npreset = security");
    my $r = get($usherd->port(2), '/', 'Host: shop.test', {tls => {SSL_hostname => 'shop.test'}});
    is scalar(fields($r, $_)), 1, "one $_" for 'strict-transport-security', 'x-frame-options';
    $usherd->stop;
    $usherd = tls_proxy(origin());
    $r = get($usherd->port(2), '/', 'Host: shop.test', {tls => {SSL_hostname => 'shop.test'}});
    is field($r, 'strict-transport-security'), undef, 'nothing that was not asked for';
    $usherd->stop;
};

subtest 'variables and metrics' => sub {
    my $usherd = tls_proxy(origin(), route => 'access_log = log', more => "[admin]\nlisten = 127.0.0.1:%%PORT3%%\nnames = a.test\n"
        . "[log log]\npath = %%DIR%%/access.log\nformat = \$scheme \$ssl_protocol \$ssl_cipher \$ssl_server_name \$ssl_client_verify \$server_port");
    get($usherd->port(2), '/', 'Host: shop.test', {tls => {SSL_hostname => 'shop.test', SSL_version => 'TLSv1_3'}});
    get($usherd->port(2), '/', 'Host: shop.test', {tls => {SSL_hostname => 'Shop.test', SSL_version => 'TLSv1_2'}});
    get($usherd->port(1), '/', 'Host: shop.test');
    tls_client($usherd->port(2), 'shop.test', SSL_alpn_protocols => ['nonsense']);
    my $metrics;
    wait_for { $metrics = get($usherd->port(3), '/metrics')->{body}; $metrics =~ /tls.*handshake\S* 2\b/i } 5;
    like $metrics, qr/^usherd_\w*tls\w*handshake\S* 2\b/m, 'handshakes are counted' or diag grep { /tls/i } split /^/, $metrics;
    like $metrics, qr/^usherd_\w*tls\w*fail\S* 1\b/m, 'and failed ones';
    like $metrics, qr/^usherd_\w*tls\w*resum\S* 0\b/m, 'and resumed ones';
    like $metrics, qr/^usherd_\w*certificate\w*\{[^}]*\} [0-9.e+]+$/m, 'the expiry of certificates is there';
    like get($usherd->port(3), '/status.json')->{body}, qr/certificate/, 'in /status.json too';
    $usherd->stop;
    my @lines = split /\n/, slurp($usherd->dir . '/access.log');
    my $port = $usherd->port(2);
    is $lines[0], "https TLSv1.3 TLS_AES_128_GCM_SHA256 shop.test NONE $port", 'TLS 1.3';
    like $lines[1], qr/\Ahttps TLSv1\.2 ECDHE-ECDSA-\S+ [Ss]hop\.test NONE $port\z/, 'TLS 1.2';
    like $lines[2], qr/\Ahttp - - - \S+ \d+\z/, 'plain HTTP has none of it';
};

subtest 'resumption' => sub {
    my $dir = scratch();
    for my $case (['on', 1], ['off', 0]) {
        my ($tickets, $want) = @$case;
        my $usherd = tls_proxy(origin(), tls => "tls_tickets = $tickets");
        for my $version ('-tls1_3', '-tls1_2') {
            unlink "$dir/s";
            my $text = s_client($usherd->port(2), $version, '-sess_out', "$dir/s");
            like $text, qr/^New, TLS/m, "tls_tickets = $tickets, $version: a full handshake";
            is scalar(() = $text =~ /Post-Handshake New Session Ticket/g), $want, 'one ticket' if $version eq '-tls1_3' && $want;
            next unless -s "$dir/s";
            $text = s_client($usherd->port(2), $version, '-sess_in', "$dir/s");
            like $text, $want ? qr/^Reused, TLS/m : qr/^New, TLS/m, $want ? 'then a resumed one' : 'then another';
            like $text, qr{^HTTP/1.1 200}m, 'answered';
        }
        $usherd->stop;
    }
    # A session belongs to the name it was made for (RFC 6066, 3).
    my $usherd = tls_proxy(origin(), hosts => "[host one]\nnames = one.test\ncertificate = $both->{pair}\n"
        . "[host two]\nnames = two.test\ncertificate = $both->{pair}\n");
    for my $version ('-tls1_3', '-tls1_2') {
        unlink "$dir/s";
        s_client($usherd->port(2), $version, '-servername', 'one.test', '-sess_out', "$dir/s");
        my $text = s_client($usherd->port(2), $version, '-servername', 'two.test', '-sess_in', "$dir/s");
        like $text, qr{^HTTP/1.1 200}m, "$version: a ticket under another name is no obstacle";
        like $text, qr/^New, TLS/m, 'but no session either' if $version eq '-tls1_2';
        $text = s_client($usherd->port(2), $version, '-servername', 'One.TEST', '-sess_in', "$dir/s");
        like $text, qr/^Reused/m, 'and is good under its own';
    }
    $usherd->stop;
};

# Something must go out when the handshake is complete: a client with Nagle's algorithm holds its
# request back until its last flight is acknowledged, which the kernel puts off otherwise.
subtest 'tickets do not wait for a request' => sub {
    my $usherd = tls_proxy(origin());
    my $pid = open2(my $out, my $in, qw(stdbuf -oL openssl s_client -ign_eof -tls1_3 -servername shop.test -connect),
        '127.0.0.1:' . $usherd->port(2));
    my ($text, $ready) = ('', IO::Select->new($out));
    while ($text !~ /New Session Ticket arrived/ && $ready->can_read(10)) {
        sysread $out, $text, 4096, length $text or last;
    }
    like $text, qr/New Session Ticket arrived/, 'they came without one';
    kill TERM => $pid;
    waitpid $pid, 0;
    $usherd->stop;
};

# ---- clients that misbehave

subtest 'plain HTTP on a TLS port' => sub {
    my $usherd = tls_proxy(origin());
    for my $bytes ($GET, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" . 'x' x 100_000, "GET / HTTP/1.0\r\n\r\n",
        'G') {
        my $c = client($usherd->port(2));
        $c->send($bytes);
        my $r = $c->response(lax => 1);
        is $r && $r->{status}, 400, 'is answered with 400';
        like $r && $r->{body}, qr/https|TLS/i, 'and told why';
        isnt $c->end, 'open', 'then closed';
    }
    ok get($usherd->port(2), '/', 'Host: shop.test', {tls => {}}), 'TLS goes on';
    $usherd->stop;
};

subtest 'garbage' => sub {
    my $usherd = tls_proxy(origin(), tls => 'handshake_timeout = 2s');
    my $hello = hello('shop.test');
    srand 4711;
    my %garbage = (
        'zeros'                  => "\0" x 5000,
        'random bytes'           => join('', map { chr(128 + int rand 128) } 1 .. 5000),
        'SSLv2'                  => "\x80\x2e\x01\x00\x02" . "\x00" x 41,
        'a record of 64 KB'      => "\x16\x03\x01\xff\xff" . 'x' x 65535,
        'application data'       => "\x17\x03\x03\x00\x10" . 'x' x 16,
        'an alert'               => "\x15\x03\x01\x00\x02\x02\x28",
        'empty records'          => "\x16\x03\x01\x00\x00" x 1000,
        'a hello of 16 MB'       => join('', map { "\x16\x03\x01\x40\x00" . ($_ ? '' : "\x01\xff\xff\xff") . 'x' x ($_ ? 16384 : 16380) } 0 .. 100),
        'half a hello'           => substr($hello, 0, length($hello) / 2),
        'a hello with bad sizes' => substr($hello, 0, 43) . "\xff" x (length($hello) - 43),
    );
    my $many = 0;
    for my $name (sort keys %garbage) {
        my $c = client($usherd->port(2));
        $c->send($garbage{$name});
        my $end;
        my $time = took { $end = $c->end };
        isnt $end, 'open', "$name: closed";
        cmp_ok $time, '<', 9, 'in time';
        unlike $c->rest, qr/HTTP/, 'without HTTP';
    }
    # Any byte of a hello may be wrong.
    for my $at (map { int rand length $hello } 1 .. 60) {
        my $bad = $hello;
        substr($bad, $at, 1) = chr(ord(substr $bad, $at, 1) ^ (1 << int rand 8));
        my $c = client($usherd->port(2));
        $c->send($bad)->shut;
        $c->end(5);
        $many++ if $c->{state} eq 'open';
    }
    is $many, 0, 'hellos with a wrong bit are all dealt with';
    my $c = client($usherd->port(2));
    $c->send(substr $hello, 0, 20)->shut;
    isnt $c->end, 'open', 'a hello that ends early: closed';
    ok get($usherd->port(2), '/', 'Host: shop.test', {tls => {}}), 'others are served';
    cmp_ok rss_kib($usherd), '<', 64 << 10, 'in bounded memory' unless sanitized();
    is scalar(my @w = $usherd->workers), 1, 'by the worker that was there';
    $usherd->stop;
};

subtest 'a handshake in pieces' => sub {
    my $usherd = tls_proxy(origin());
    my $h = by_hand('shop.test');
    my $c = client($usherd->port(2));
    $c->{sock}->blocking(0);
    my $end = time + 20;
    my $done = 0;
    while (!$done && time < $end) {
        $done = Net::SSLeay::do_handshake($h->{ssl}) == 1;
        $c->send(Net::SSLeay::BIO_read($h->{out}), step => 1) if Net::SSLeay::BIO_pending($h->{out});
        last if $done;
        IO::Select->new($c->{sock})->can_read(0.5);
        my $n = sysread $c->{sock}, my $bytes, 16384;
        last if defined $n && !$n;
        Net::SSLeay::BIO_write($h->{in}, $bytes) if $n;
    }
    ok $done, 'one byte at a time succeeds';
    Net::SSLeay::write($h->{ssl}, $GET);
    $c->send(Net::SSLeay::BIO_read($h->{out}), step => 1);
    my $got = '';
    while ($got !~ /ok\z/ && time < $end) {
        IO::Select->new($c->{sock})->can_read(0.5);
        my $n = sysread $c->{sock}, my $bytes, 16384;
        last if defined $n && !$n;
        Net::SSLeay::BIO_write($h->{in}, $bytes) if $n;
        while (defined(my $piece = Net::SSLeay::read($h->{ssl}))) {
            last if $piece eq '';
            $got .= $piece;
        }
    }
    like $got, qr{\AHTTP/1.1 200 .*ok\z}s, 'so does a request';
    $usherd->stop;
};

# What a client is told whose last flight is followed by a record that no key fits, or by garbage.
subtest 'alerts reach the client' => sub {
    my $usherd = tls_proxy(origin());
    my $h = by_hand('shop.test');
    my $c = client($usherd->port(2));
    my $end = time + 20;
    Net::SSLeay::do_handshake($h->{ssl});
    $c->send(Net::SSLeay::BIO_read($h->{out}));
    while (!Net::SSLeay::BIO_pending($h->{out}) && time < $end) {
        my $n = sysread $c->{sock}, my $bytes, 16384 or last;
        Net::SSLeay::BIO_write($h->{in}, $bytes);
        Net::SSLeay::do_handshake($h->{ssl});
    }
    ok Net::SSLeay::BIO_pending($h->{out}), 'a handshake comes to its last flight';
    $c->send(Net::SSLeay::BIO_read($h->{out}) . "\x17\x03\x03\x00\x20" . 'x' x 32);
    $c->end;
    Net::SSLeay::BIO_write($h->{in}, $c->rest);
    1 while defined Net::SSLeay::read($h->{ssl});
    like Net::SSLeay::ERR_error_string(Net::SSLeay::ERR_get_error()), qr/alert bad record mac/, 'a bad record behind it';
    $c = client($usherd->port(2));
    $c->send("\0" x 200_000);
    is $c->end, 'closed', 'garbage without end: no reset';
    like $c->rest, qr/\A\x15\x03\x03\0\x02\x02.\z/s, 'but an alert';
    $usherd->stop;
};

subtest 'handshake_timeout' => sub {
    my $usherd = tls_proxy(origin(), tls => 'handshake_timeout = 500ms');
    my $c = client($usherd->port(2));
    my $time = took { isnt $c->end(9), 'open', 'a silent client is closed' };
    ok $time > 0.3 && $time < 9, 'in time' or diag $time;

    my $hello = hello('shop.test');
    $c = client($usherd->port(2));
    $time = took {
        for my $byte (split //, $hello) {
            $c->send($byte);
            last unless $c->quiet(0.05);
        }
    };
    cmp_ok $time, '<', 9, 'a hello that drips is cut off';
    isnt $c->end, 'open', 'really';

    $c = client($usherd->port(2));
    $c->send($hello);
    ok $c->read_until(qr/./s), 'a client that stops after the server\'s flight';
    isnt $c->end(9), 'open', 'is closed in time';
    ok scalar(grep { /tim(?:e|ed)/i } failures($usherd)), 'an info line says so' or diag $usherd->log_text;

    $c = tls_client($usherd->port(2), 'shop.test') or die $@;
    sleep 0.8;
    $c->send($GET);
    is $c->response->{status}, 200, 'the clock stops with the handshake';
    $usherd->stop;
};

subtest 'a flood of half handshakes' => sub {
    my $many = 700;
    my $usherd = tls_proxy(origin(), tls => 'handshake_timeout = 4s');
    tls_client($usherd->port(2), 'shop.test');
    my $before = rss_kib($usherd);
    my $hello = hello('shop.test');
    my @flood;
    for my $n (1 .. $many) {
        my $c = client($usherd->port(2));
        $c->send($n % 2 ? $hello : substr $hello, 0, 100);
        push @flood, $c;
    }
    my $r = get($usherd->port(2), '/', 'Host: shop.test', {tls => {SSL_hostname => 'shop.test'}});
    is $r->{body}, 'ok', 'another client is served meanwhile';
    my $grown = rss_kib($usherd) - $before;
    cmp_ok $grown, '<', 100 * $many, "memory: $grown KiB for $many" unless sanitized();
    my $open = 0;
    for my $c (@flood) {
        $open++ if $c->end(15) eq 'open';
    }
    is $open, 0, 'all of them are closed';
    is get($usherd->port(2), '/', 'Host: shop.test', {tls => {SSL_hostname => 'shop.test'}})->{body}, 'ok', 'and all is well';
    $usherd->stop;
};

done_testing;
