# What `usherd -t` finds wrong in certificates, keys and settings of TLS.

use strict;
use warnings;
use Test::More;
use Test::Certs 'certs';
use Test::Usherd;

my $pki = certs();
$pki->ca('mid', issuer => 'root');
my $shop  = $pki->leaf(shop => names => ['shop.test', '*.shop.test']);
my $other = $pki->leaf(other => names => ['other.test']);

# Checks a configuration with one TLS listener and one host; the texts are added to their sections.
sub check {
    my (%text) = @_;
    $text{$_} //= '' for qw(listen names host backend);
    my $names = $text{names} || 'shop.test';
    my $host = $text{host} ? "[host shop]\nnames = $names\n$text{host}\n" : '';
    return run_usherd({config => <<"END", files => $text{files} // {}}, @{$text{args} // ['-t']});
[listen secure]
bind = 127.0.0.1:%%PORT1%%
tls = on
$text{listen}
$host
[route all]
path = /*
backend = app
[backend app]
server = https://127.0.0.1:9
$text{backend}
END
}

sub good {
    my ($name, %text) = @_;
    my $r = check(%text);
    is $r->{status}, 0, "$name: fine" or diag $r->{err};
    unlike $r->{err}, qr/usherd\.ini:\d+:/, 'without a word' unless $text{args};
    return $r;
}

sub bad {
    my ($name, $pattern, %text) = @_;
    my $r = check(%text);
    is $r->{status}, 1, "$name: an error" or diag $r->{err};
    my ($line) = grep { /$pattern/ } split /\n/, $r->{err};
    like $line // '', qr/usherd\.ini:\d+: \[\w+ \w+\] \w+: /, 'with place, section and key' or diag $r->{err};
    return $r;
}

sub doubtful {
    my ($name, $pattern, %text) = @_;
    my $r = check(%text);
    is $r->{status}, 0, "$name: no error" or diag $r->{err};
    like $r->{err}, qr/usherd\.ini:\d+: (?:warning: )?\[.*$pattern/, 'but a warning';
    return $r;
}

subtest 'pairs' => sub {
    good('a pair', host => "certificate = $shop->{pair}");
    good('of the listener', listen => "certificate = $shop->{pair}");
    for my $type (qw(rsa p384 ed25519)) {
        my $leaf = $pki->leaf($type => names => ['shop.test'], type => $type);
        good("a key of type $type", host => "certificate = $leaf->{pair}");
    }
    good('two side by side', host => "certificate = $shop->{pair}\ncertificate = $pki->{made}{rsa}{pair}");

    bad('a key of another certificate', qr/\Q$other->{key}\E|match|fit|belong/, host => "certificate = $shop->{cert} $other->{key}");
    bad('a key of another type', qr/match|fit|belong|\.key/, host => "certificate = $shop->{cert} $pki->{made}{rsa}{key}");
    bad('no certificate file', qr/nowhere\.pem.*No such file/, host => "certificate = %%DIR%%/nowhere.pem $shop->{key}");
    bad('no key file', qr/nowhere\.key.*No such file/, host => "certificate = $shop->{cert} %%DIR%%/nowhere.key");
    bad('a directory', qr/\.test|directory|certificate/i, host => "certificate = %%DIR%% $shop->{key}");
    bad('an empty file', qr/empty\.pem/, host => "certificate = %%DIR%%/empty.pem $shop->{key}", files => {'empty.pem' => ''});
    bad('an empty key', qr/empty\.key/, host => "certificate = $shop->{cert} %%DIR%%/empty.key", files => {'empty.key' => ''});
    bad('no certificate at all', qr/text\.pem/, host => "certificate = %%DIR%%/text.pem $shop->{key}", files => {'text.pem' => "hello\n"});
    my $pem = slurp($shop->{cert});
    bad('half a certificate', qr/half\.pem/, host => "certificate = %%DIR%%/half.pem $shop->{key}",
        files => {'half.pem' => substr $pem, 0, length($pem) / 2});
    (my $broken = $pem) =~ s/\n(.{20})(.)/"\n$1" . ($2 eq 'A' ? 'B' : 'A')/e;
    bad('a certificate with a wrong byte', qr/broken\.pem|match|fit|belong/, host => "certificate = %%DIR%%/broken.pem $shop->{key}",
        files => {'broken.pem' => substr($broken, 0, 100) . '!!!!' . substr $broken, 104});
    bad('files the wrong way round', qr/certificate/, host => "certificate = $shop->{key} $shop->{cert}");
    bad('one file only', qr/certificate/, host => "certificate = $shop->{cert}");
    bad('none', qr/tls|certificate/, listen => '');
    bad('none, and a host', qr/tls|certificate/, host => 'redirect_https = off');
};

subtest 'names' => sub {
    my $r = bad('a name that the certificate does not cover', qr/www\.other\.test/, names => 'shop.test www.other.test',
        host => "certificate = $shop->{pair}");
    unlike $r->{err}, qr/"shop\.test"/, 'only that one';
    good('covered by a wildcard', names => 'a.shop.test', host => "certificate = $shop->{pair}");
    good('a wildcard itself', names => 'shop.test *.shop.test', host => "certificate = $shop->{pair}");
    bad('deeper than the wildcard', qr/a\.b\.shop\.test/, names => 'a.b.shop.test', host => "certificate = $shop->{pair}");
    bad('a wildcard where the certificate has one name', qr/\*\.other\.test/, names => '*.other.test', host => "certificate = $other->{pair}");
    bad('one of two does not cover it', qr/shop\.test/, names => 'shop.test', host => "certificate = $shop->{pair}\ncertificate = $other->{pair}");
};

subtest 'time' => sub {
    my $of = sub { my $leaf = $pki->leaf(dated => names => ['shop.test'], @_); return (host => "certificate = $leaf->{pair}") };
    bad('expired', qr/expired/, $of->(days => -1, since => 90));
    doubtful('29 days left', qr/expires/, $of->(days => 29));
    doubtful('an hour left', qr/expires/, $of->(days => 1 / 24));
    good('31 days left', $of->(days => 31));
};

subtest 'chains' => sub {
    my $chained = $pki->leaf(chained => names => ['shop.test'], issuer => 'mid', chain => ['mid']);
    good('leaf, intermediate', host => "certificate = $chained->{pair}");
    my $full = $pki->leaf(full => names => ['shop.test'], issuer => 'mid', chain => ['mid', 'root']);
    good('leaf, intermediate, root', host => "certificate = $full->{pair}");
    for my $chain (['root', 'mid'], ['root'], ['mid', 'mid']) {
        my $leaf = $pki->leaf(mixed => names => ['shop.test'], issuer => 'mid', chain => $chain);
        my $r = check(host => "certificate = $leaf->{pair}");
        like $r->{err}, qr/usherd\.ini:\d+: \[host shop\] certificate: .*(?:chain|order|issue)/i, "leaf, @$chain: is reported" or diag $r->{err};
    }
    my $backwards = $pki->dir . '/backwards.pem';
    spew($backwards, slurp($pki->file('mid')), slurp($chained->{cert}) =~ /\A(.*?END CERTIFICATE-----\n)/s);
    bad('intermediate before leaf', qr/backwards\.pem/, host => "certificate = $backwards $chained->{key}");
};

subtest 'file modes' => sub {
    for my $mode (0644, 0604) {
        my $open = $pki->leaf(open => names => ['shop.test'], mode => $mode);
        doubtful(sprintf('a key of mode %04o', $mode), qr/\.key/, host => "certificate = $open->{pair}");
    }
    my $group = $pki->leaf(group => names => ['shop.test'], mode => 0640);
    good('a key that its group may read', host => "certificate = $group->{pair}");
};

subtest 'passphrases' => sub {
    my $locked = $pki->leaf(locked => names => ['shop.test'], passphrase => 'open sesame');
    my $pair = "certificate = $locked->{pair}";
    my %file = (files => {pass => "open sesame\n", wrong => "open says me\n"});
    good('the right one', listen => "tls_key_passphrase = @%%DIR%%/pass\n$pair", %file);
    good('for a host', listen => "tls_key_passphrase = @%%DIR%%/pass", host => $pair, %file);
    bad('a wrong one', qr/passphrase/i, listen => "tls_key_passphrase = @%%DIR%%/wrong\n$pair", %file);
    bad('none', qr/passphrase/i, host => $pair);
    bad('a file that is not there', qr/passphrase/i, listen => "tls_key_passphrase = @%%DIR%%/nowhere\n$pair");
    my $r = check(listen => "tls_key_passphrase = @%%DIR%%/pass\n$pair", %file, args => ['-T']);
    is $r->{status}, 0, '-T';
    unlike "$r->{out}$r->{err}", qr/sesame/, 'does not show it';
    like $r->{out}, qr/tls_key_passphrase = .*pass/, 'but where it comes from';
    $r = check(listen => "tls_ticket_secret = @%%DIR%%/pass\ncertificate = $shop->{pair}",
        files => {pass => 'an open secret of sufficient length, which is 48'}, args => ['-T']);
    unlike "$r->{out}$r->{err}", qr/sufficient/, 'nor the secret of tickets';
};

subtest 'settings' => sub {
    my $cert = "certificate = $shop->{pair}\n";
    good('all of them', listen => "${cert}tls_min = 1.3\ntls_ciphers = ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256\n"
        . "tls_ciphersuites = TLS_AES_128_GCM_SHA256\ntls_curves = X25519:P-256\ntls_tickets = off\nhandshake_timeout = 5s");
    bad('TLS 1.1', qr/tls_min/, listen => "${cert}tls_min = 1.1");
    bad('ciphers that do not exist', qr/:5: \[listen secure\] tls_ciphers: /, listen => "${cert}tls_ciphers = NO-SUCH-CIPHER");
    bad('suites that do not exist', qr/:5: \[listen secure\] tls_ciphersuites: /, listen => "${cert}tls_ciphersuites = TLS_NO_SUCH_SUITE");
    bad('curves that do not exist', qr/:6: \[listen secure\] tls_curves: /, listen => "${cert}tls_min = 1.3\ntls_curves = P-257");
    my ($root, $host) = ($pki->file('root'), "certificate = $shop->{pair}\n");
    bad('clients without a CA in its file', qr/:6: \[listen secure\] tls_client_ca: /, files => {empty => ''},
        listen => "${cert}tls_client_verify = on\ntls_client_ca = %%DIR%%/empty");
    bad('clients of a host without a CA in its file', qr/:10: \[host shop\] tls_client_ca: /, files => {empty => ''},
        listen => $cert, host => "${host}tls_client_verify = on\ntls_client_ca = %%DIR%%/empty");
    bad('a list of a host that is none', qr/:11: \[host shop\] tls_client_crl: /,
        listen => $cert, host => "${host}tls_client_verify = on\ntls_client_ca = $root\ntls_client_crl = $root");
    my $r = check(listen => $cert, host => "${host}tls_client_verify = on\ntls_client_ca = $root", args => ['-t', '-g',
        'listen secure:tls_ciphers=NO-SUCH-CIPHER']);
    is scalar(() = $r->{err} =~ /tls_ciphers/g), 1, 'what a listener and its hosts have in common is told once' or diag $r->{err};
    bad('a time without a unit', qr/handshake_timeout/, listen => "${cert}handshake_timeout = 10");
    doubtful('a CA, but nobody is asked', qr/tls_client_ca: has no effect.*tls_client_verify/, listen => "${cert}tls_client_ca = " . $pki->file('root'));
    bad('a CA that is not there', qr/tls_ca.*nowhere/, listen => $cert, backend => 'tls_ca = %%DIR%%/nowhere.pem');
    bad('a CA without a certificate', qr/:\d+: \[backend app\] tls_ca: /, listen => $cert, backend => 'tls_ca = %%DIR%%/empty', files => {empty => ''});
    bad('our certificate without its key', qr/tls_certificate/, listen => $cert, backend => "tls_certificate = $shop->{cert} $other->{key}");
    good('our certificate', listen => $cert, backend => "tls_certificate = $other->{pair}\ntls_ca = " . $pki->file('root'));
};

subtest 'all errors at once' => sub {
    my $r = check(listen => "certificate = %%DIR%%/nowhere.pem $shop->{key}\ntls_min = 1.1", names => 'shop.test',
        host => "certificate = $shop->{cert} $other->{key}", backend => 'tls_ca = %%DIR%%/nowhere.pem');
    is $r->{status}, 1, 'several';
    like $r->{err}, qr/$_/, "$_ among them" for qr/nowhere\.pem/, qr/tls_min/, qr/tls_ca/;
};

subtest 'a start and a reload are as strict' => sub {
    my $text = <<"END";
[global]
workers = 1
[listen secure]
bind = 127.0.0.1:%%PORT1%%
tls = on
certificate = $shop->{pair}
[route all]
path = /*
backend = app
[backend app]
server = 127.0.0.1:9
END
    (my $bad = $text) =~ s/\Q$shop->{key}\E/$other->{key}/;
    my $usherd = usherd($bad, fails => 1);
    ok wait_for { !defined $usherd->{status} ? $usherd->await_notify(qr/never/) || defined $usherd->{status} : 1 }, 'no start';
    is $usherd->{status}, 1, 'but exit status 1';
    $usherd->{judged} = 1;

    $usherd = usherd($text);
    my @before = $usherd->workers;
    $usherd->expect_log(qr/\[error\].*usherd\.ini:\d+/);
    spew($usherd->{ini}, $bad =~ s/%%PORT1%%/$usherd->port(1)/er);
    $usherd->signal('HUP');
    ok $usherd->await_log(qr/\[error\].*usherd\.ini:\d+.*certificate/), 'a reload reports it';
    is_deeply [$usherd->workers], \@before, 'and changes nothing';
    my $c = eval { client($usherd->port(1), tls => {SSL_hostname => 'shop.test'}) };
    ok $c, 'TLS goes on' or diag $@;
    $usherd->allow_log(qr/./);
    $usherd->stop;
};

done_testing;
