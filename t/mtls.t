# Certificates of clients: off, optional, on, per host; revocation; who the client is for servers.

use strict;
use warnings;
use IO::Socket::SSL;
use Test::More;
use Test::Certs 'certs';
use Test::Client 'tls_client';
use Test::Usherd;

my $pki = certs();
my $ca  = $pki->ca('people', subject => {commonName => 'People CA'});
$pki->ca('team', issuer => 'people');
$pki->ca('strangers');
my $site   = $pki->leaf(site => names => ['one.test', 'two.test', 'three.test']);
my $ann    = $pki->leaf(ann => issuer => 'people', subject => {commonName => 'ann', organizationName => 'Example, Inc.'});
my $ben    = $pki->leaf(ben => issuer => 'people', subject => {commonName => 'ben'});
my $tim    = $pki->leaf(tim => issuer => 'team', chain => ['team'], subject => {commonName => 'tim'});
my $old    = $pki->leaf(old => issuer => 'people', days => -1, since => 30);
my $mallory = $pki->leaf(mallory => issuer => 'strangers', subject => {commonName => 'ann'});
my $selfie = $pki->leaf(selfie => issuer => 'self', subject => {commonName => 'ann'});
my $server = $pki->leaf(server => issuer => 'people', purpose => 'server');

# One listener at PORT1; text for [listen] and the hosts. Every request is logged with what is known
# of its client.
sub mtls_proxy {
    my ($listen, $hosts, $origin, %opt) = @_;
    $hosts //= '';
    $origin //= origin();
    my $usherd = usherd(<<"END", %opt);
[global]
workers = 1
[listen secure]
bind = 127.0.0.1:%%PORT1%%
tls = on
certificate = $site->{pair}
$listen
$hosts
[route all]
path = /*
backend = app
access_log = log
[backend app]
server = $origin->{address}
[log log]
path = %%DIR%%/access.log
format = \$status \$ssl_client_verify \$ssl_client_s_dn | \$ssl_client_serial \$ssl_client_fingerprint
END
    $usherd->{origins} = $origin;
    return $usherd;
}

# What becomes of a request with a certificate (undef: none): its status, or 'refused'. In TLS 1.3 a
# client learns only after its handshake that it was refused.
sub ask {
    my ($usherd, $cert, %opt) = @_;
    my $name = delete $opt{name} // 'one.test';
    my $host = delete $opt{host} // $name;
    my $c = tls_client($usherd->port(1), $name, $cert ? (SSL_cert_file => $cert->{cert}, SSL_key_file => $cert->{key}) : (), %opt);
    return 'refused' unless $c;
    $c->send("GET / HTTP/1.1\r\nHost: $host\r\nConnection: close\r\n\r\n");
    my $r = $c->response;
    return 'refused' unless $r;
    is $c->end, 'closed', 'a clean end';
    return $r->{status};
}

my @VERSIONS = ([SSL_version => 'TLSv1_3'], [SSL_version => 'TLSv1_2']);

subtest 'on' => sub {
    my $usherd = mtls_proxy("tls_client_ca = $ca->{cert}\ntls_client_verify = on");
    for my $v (@VERSIONS) {
        is ask($usherd, $ann, @$v), 200, "$v->[1]: a good certificate";
        is ask($usherd, $tim, @$v), 200, 'one by an intermediate that comes with it';
        is ask($usherd, undef, @$v), 'refused', 'none';
        is ask($usherd, $mallory, @$v), 'refused', 'one of another authority';
        is ask($usherd, $selfie, @$v), 'refused', 'a self-signed one';
        is ask($usherd, $old, @$v), 'refused', 'an expired one';
        is ask($usherd, $server, @$v), 'refused', 'one that is not for clients';
    }
    my @lines = grep { /\[info\].*handshake/i } split /\n/, $usherd->log_text;
    is scalar @lines, 10, 'each refusal costs an info line' or diag @lines;
    ok scalar(grep { /expired/i } @lines), 'with the reason';
    $usherd->stop;
    my @log = split /\n/, slurp($usherd->dir . '/access.log');
    is scalar @log, 4, 'what was refused never became a request';
    like $log[0], qr/\A200 SUCCESS (?:O=Example\\x5c, Inc\.,CN=ann|CN=ann,O=Example\\x5c, Inc\.) \|/, 'the subject as RFC 2253 has it, escaped';
    like $log[0], qr/\| 0?$ann->{serial} /i, 'the serial number';
    my $sha1 = lc `openssl x509 -in $ann->{cert} -noout -fingerprint -sha1`;
    $sha1 =~ s/.*=|[:\s]//g;
    like $log[0], qr/ $sha1\z/, 'the fingerprint';
};

subtest 'optional' => sub {
    my $usherd = mtls_proxy("tls_client_ca = $ca->{cert}\ntls_client_verify = optional");
    for my $v (@VERSIONS) {
        is ask($usherd, undef, @$v), 200, "$v->[1]: none is fine";
        is ask($usherd, $ann, @$v), 200, 'a good one too';
        # Whether a bad one is refused or served as FAILED is for the access log to tell.
        my $bad = ask($usherd, $mallory, @$v);
        ok $bad eq 'refused' || $bad == 200 || $bad == 400, "a bad one: $bad";
    }
    $usherd->stop;
    my @log = split /\n/, slurp($usherd->dir . '/access.log');
    like $log[0], qr/\A200 NONE - \| - -\z/, 'who shows none is nobody';
    like $log[1], qr/\A200 SUCCESS .*CN=ann/, 'who shows one has a name';
    is scalar(grep { /SUCCESS/ && !/CN=ann/ } @log), 0, 'nobody else has';
    is scalar(grep { /SUCCESS/ } @log), 2, 'a bad one is no success';
};

subtest 'off' => sub {
    my $usherd = mtls_proxy('');
    for my $v (@VERSIONS) {
        is ask($usherd, $mallory, @$v), 200, "$v->[1]: nobody asks for a certificate";
    }
    $usherd->stop;
    like slurp($usherd->dir . '/access.log'), qr/\A200 NONE - \| - -$/m, 'and none is believed';
};

subtest 'revocation' => sub {
    my $crl = $pki->crl('people', 'ben');
    my $text = "tls_client_ca = $ca->{cert}\ntls_client_crl = $crl\ntls_client_verify = on";
    my $usherd = mtls_proxy($text);
    for my $v (@VERSIONS) {
        is ask($usherd, $ann, @$v), 200, "$v->[1]: a certificate that is not on the list";
        is ask($usherd, $ben, @$v), 'refused', 'one that is';
    }
    ok $usherd->await_log(qr/\[info\].*handshake.*revoked/i), 'the log says so';
    $usherd->stop;
};

subtest 'by host' => sub {
    my $origin = origin();
    my $hosts = <<"END";
[host one]
names = one.test
certificate = $site->{pair}
tls_client_ca = $ca->{cert}
tls_client_verify = on
[host two]
names = two.test
certificate = $site->{pair}
[host three]
names = three.test
certificate = $site->{pair}
tls_client_ca = $pki->{made}{strangers}{cert}
tls_client_verify = on
END
    my $usherd = mtls_proxy('', $hosts, $origin);
    for my $v (@VERSIONS) {
        is ask($usherd, undef, @$v, name => 'one.test'), 'refused', "$v->[1]: this host asks for a certificate";
        is ask($usherd, $ann, @$v, name => 'one.test'), 200, 'gets one';
        is ask($usherd, undef, @$v, name => 'two.test'), 200, 'that host does not';
        is ask($usherd, $mallory, @$v, name => 'three.test'), 200, 'a third trusts other authorities';
        is ask($usherd, $ann, @$v, name => 'three.test'), 'refused', 'and none else';
        is ask($usherd, undef, @$v, name => 'two.test', host => 'one.test'), 421, 'the name of one host is no way into the other';
        is ask($usherd, $mallory, @$v, name => 'three.test', host => 'one.test'), 421, 'nor is another authority\'s certificate';
        is ask($usherd, $ann, @$v, name => 'one.test', host => 'two.test'), 421, 'another policy is another policy';
    }
    is scalar $origin->requests, 6, 'no server saw what was refused';
    $usherd->stop;

    $usherd = mtls_proxy("tls_client_ca = $ca->{cert}\ntls_client_verify = on", <<"END", $origin);
[host one]
names = one.test
certificate = $site->{pair}
[host two]
names = two.test
certificate = $site->{pair}
tls_client_verify = off
END
    is ask($usherd, undef, name => 'one.test'), 'refused', 'a host without a word of its own has the listener\'s policy';
    is ask($usherd, $ann, name => 'one.test'), 200, 'and its authority';
    is ask($usherd, undef, name => 'two.test'), 200, 'a host may turn it off';
    is ask($usherd, undef, name => 'two.test', host => 'one.test'), 421, 'which does not open the others';
    $usherd->stop;
};

# ---- sessions

sub s_client {
    my ($port, $host, @args) = @_;
    open my $out, '-|', 'sh', '-c',
        'printf "GET / HTTP/1.1\r\nHost: $1\r\nConnection: close\r\n\r\n" | { shift; timeout 20 openssl s_client -ign_eof -connect "$@" 2>&1; }',
        'sh', $host, "127.0.0.1:$port", '-servername', $host, @args or die "s_client: $!";
    local $/;
    return scalar <$out>;
}

subtest 'a session is resumed under its own policy only' => sub {
    my $dir = scratch();
    my $hosts = <<"END";
[host one]
names = one.test
certificate = $site->{pair}
tls_client_ca = $ca->{cert}
tls_client_verify = on
[host two]
names = two.test
certificate = $site->{pair}
tls_client_verify = off
END
    my $usherd = mtls_proxy('', $hosts);
    my @ann = ('-cert', $ann->{cert}, '-key', $ann->{key});
    for my $v ('-tls1_3', '-tls1_2') {
        unlink "$dir/ann", "$dir/none";
        like s_client($usherd->port(1), 'one.test', $v, @ann, '-sess_out', "$dir/ann"), qr{^HTTP/1.1 200}m, "$v: a session with a certificate";
        my $text = s_client($usherd->port(1), 'one.test', $v, @ann, '-sess_in', "$dir/ann");
        like $text, qr/^Reused/m, 'is resumed';
        like $text, qr{^HTTP/1.1 200}m, 'and served';
        like s_client($usherd->port(1), 'two.test', $v, '-sess_out', "$dir/none"), qr{^HTTP/1.1 200}m, 'a session without one';
        $text = s_client($usherd->port(1), 'one.test', $v, '-sess_in', "$dir/none");
        unlike $text, qr/^Reused/m, 'is not resumed where one is asked for';
        unlike $text, qr{^HTTP/1.1 200}m, 'and not served';
    }
    # After the authority has changed, or its list of the revoked, nobody gets in with an old session.
    unlink "$dir/ann";
    s_client($usherd->port(1), 'one.test', '-tls1_3', @ann, '-sess_out', "$dir/ann");
    my $crl = $pki->crl('people', 'ann');
    (my $text = $usherd->{text}) =~ s/^(tls_client_ca = .*)$/$1\ntls_client_crl = $crl/m;
    ok $usherd->reload($text), 'reloaded with a list of the revoked';
    $text = s_client($usherd->port(1), 'one.test', '-tls1_3', @ann, '-sess_in', "$dir/ann");
    unlike $text, qr/^Reused/m, 'a session from before is not resumed';
    unlike $text, qr{^HTTP/1.1 200}m, 'and its client is turned away';
    $usherd->stop;
    my @lines = grep { /SUCCESS .*CN=ann/ } split /\n/, slurp($usherd->dir . '/access.log');
    is scalar @lines, 5, 'a resumed session knew its client';
};

subtest 'identity in headers' => sub {
    my $origin = origin(sub { answer('x') });
    my $usherd = usherd(<<"END");
[listen s]
bind = 127.0.0.1:%%PORT1%%
tls = on
certificate = $site->{pair}
tls_client_ca = $ca->{cert}
tls_client_verify = optional
[headers identity]
request_set = X-Client-DN: \$ssl_client_s_dn
request_set = X-Client-Verify: \$ssl_client_verify
[route all]
path = /*
backend = app
headers = identity
[backend app]
server = $origin->{address}
END
    my $lie = "X-Client-DN: CN=root\nx-client-dn: CN=admin\nX-Client-Verify: SUCCESS";
    my @with = (tls => {SSL_cert_file => $ann->{cert}, SSL_key_file => $ann->{key}});
    get($usherd->port(1), '/', 'Host: a.test', split(/\n/, $lie), {@with});
    my $raw = $origin->raw(1);
    my @dn = $raw =~ /^X-Client-DN: (.*)\r$/img;
    is scalar(@dn), 1, 'one subject';
    like $dn[0], qr/CN=ann/, 'that of the certificate';
    get($usherd->port(1), '/', 'Host: a.test', split(/\n/, $lie), {tls => {}});
    $raw = $origin->raw(1) . $origin->raw(2);
    is scalar(() = $raw =~ /^X-Client-DN:/img), 1, 'none without a certificate';
    like $raw, qr/^X-Client-Verify: NONE\r$/im, 'which the server is told';
    unlike $raw, qr/CN=(?:root|admin)/, 'and never what the client made up';
    $usherd->stop;
};

subtest 'what the configuration may say' => sub {
    for my $case (
        ["tls_client_verify = on", qr/tls_client_ca/, 'verification needs an authority'],
        ["tls_client_verify = maybe\ntls_client_ca = $ca->{cert}", qr/tls_client_verify/, 'one of three words'],
        ["tls_client_verify = on\ntls_client_ca = %%DIR%%/nowhere.pem", qr/nowhere\.pem/, 'a file that exists'],
        ["tls_client_verify = on\ntls_client_ca = $ann->{key}", qr/\.key|certificate/, 'with certificates in it'],
        ["tls_client_verify = on\ntls_client_ca = $ca->{cert}\ntls_client_crl = $ca->{cert}", qr/tls_client_crl/, 'and a list of the revoked with one']) {
        my ($text, $pattern, $name) = @$case;
        my $r = run_usherd({config => "[listen s]\nbind = 127.0.0.1:%%PORT1%%\ntls = on\ncertificate = $site->{pair}\n$text\n"
            . "[route all]\npath = /*\nrespond = 200 \"x\"\n"}, '-t');
        is $r->{status}, 1, $name;
        like $r->{err} . $r->{out}, qr/usherd\.ini:\d+: .*$pattern/, 'an error with its line' or diag $r->{err};
    }
};

done_testing;
