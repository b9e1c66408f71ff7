# Certificates that are replaced while usherd runs, and sessions that outlive all that happens.

use strict;
use warnings;
use File::Copy 'copy';
use POSIX ();
use Test::Certs 'certs';
use Test::Client 'tls_client';
use Test::More;
use Test::Usherd;
use Time::HiRes qw(sleep time);

my $RENEWED = qr/\[notice\] .* renewed, ends on 20/;
my $KEPT    = qr/\[warn\] .*the one before stays in use/;

# Two workers that answer with their process number, and the pair of files that they show.
sub shop {
    my ($pair, %text) = @_;
    return usherd(config_of($pair, %text), %{$text{options} // {}});
}

sub config_of {
    my ($pair, %text) = @_;
    $text{$_} //= '' for qw(global listen more);
    return <<"END";
[global]
workers = 2
$text{global}
[listen secure]
bind = 127.0.0.1:%%PORT1%%
tls = on
$text{listen}
[host shop]
names = shop.test
certificate = $pair
[route all]
path = /*
respond = 200 text/plain "\$worker"
$text{more}
END
}

# The certificate of a new connection, as its fingerprint.
sub shown {
    my ($usherd, $name) = @_;
    my $c = tls_client($usherd->port(1), $name // 'shop.test') or return "none: $@";
    my $print = $c->{sock}->get_fingerprint('sha256');
    $c->close;
    return $print =~ s/\Asha256\$//r;
}

# Whether every one of so many new connections that every worker has some shows that certificate.
sub all_show {
    my ($usherd, $cert, $name) = @_;
    for (1 .. 8) {
        return 0 if shown($usherd, $name) ne $cert->{fingerprint};
    }
    return 1;
}

sub soon_shows {
    my ($usherd, $cert, $what, $name) = @_;
    return ok(wait_for { all_show($usherd, $cert, $name) }, $what);
}

sub still_shows {
    my ($usherd, $cert, $what, $name) = @_;
    return ok(all_show($usherd, $cert, $name), $what);
}

sub place {
    my ($from, $to) = @_;
    copy($from, "$to.new") or die "$to.new: $!";
    rename "$to.new", $to or die "$to: $!";
    return;
}

sub relink {
    my ($target, $path) = @_;
    symlink $target, "$path.new" or die "$path.new: $!";
    rename "$path.new", $path or die "$path: $!";
    return;
}

subtest 'new files, under traffic' => sub {
    my $pki    = certs();
    my %old    = %{$pki->leaf('shop', names => ['shop.test'])};
    my $usherd = shop($old{pair});
    still_shows($usherd, \%old, 'the one of the start');
    my $kept = tls_client($usherd->port(1), 'shop.test');
    $kept->send("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    my $worker = $kept->response->{body};

    # Somebody else connects all the time; the exit status says how often that failed.
    pipe my $until, my $stop;
    my $pid = fork // die;
    if (!$pid) {
        close $stop;
        my $failed = 0;
        until (IO::Select->new($until)->can_read(0)) {
            my $c = tls_client($usherd->port(1), 'shop.test');
            $c->send("GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n") if $c;
            my $r = $c && $c->response;
            $failed++ unless $r && $r->{status} == 200;
        }
        POSIX::_exit($failed > 100 ? 100 : $failed);
    }
    my $new = $pki->leaf('shop', names => ['shop.test']);
    isnt $new->{fingerprint}, $old{fingerprint}, 'another certificate';
    soon_shows($usherd, $new, 'new connections get it from every worker');
    $new = $pki->leaf('shop', names => ['shop.test'], type => 'rsa');
    soon_shows($usherd, $new, 'and the next, with another kind of key');
    close $stop;
    waitpid $pid, 0;
    is $? >> 8, 0, 'no connection failed meanwhile';
    $kept->send("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    is $kept->response->{body}, $worker, 'an open connection goes on in its worker';
    ok $usherd->await_log($RENEWED), 'the log says so';
    unlike $usherd->log_text, qr/reload|generation 2/, 'nothing was reloaded';
    # Between the two renames the pair does not fit, which may be seen or not.
    $usherd->allow_log($KEPT);
    $usherd->stop;
};

subtest 'links to files, as certbot has them' => sub {
    my $dir = scratch();
    mkdir "$dir/$_" for qw(archive archive/shop live live/shop);
    my $pki = certs();
    my @certs = map { $pki->leaf("shop$_", names => ['shop.test']) } 1 .. 3;
    my $renew = sub {
        my ($n) = @_;
        place($certs[$n - 1]{cert}, "$dir/archive/shop/fullchain$n.pem");
        place($certs[$n - 1]{key},  "$dir/archive/shop/privkey$n.pem");
        relink("../../archive/shop/fullchain$n.pem", "$dir/live/shop/fullchain.pem");
        relink("../../archive/shop/privkey$n.pem",   "$dir/live/shop/privkey.pem");
    };
    $renew->(1);
    my $usherd = shop("$dir/live/shop/fullchain.pem $dir/live/shop/privkey.pem");
    still_shows($usherd, $certs[0], 'the first');
    for my $n (2, 3) {
        $renew->($n);
        soon_shows($usherd, $certs[$n - 1], "renewal $n");
    }
    place($certs[0]{cert}, "$dir/archive/shop/fullchain3.pem");
    place($certs[0]{key},  "$dir/archive/shop/privkey3.pem");
    soon_shows($usherd, $certs[0], 'a target that is replaced in its place');
    $usherd->allow_log($KEPT);
    $usherd->stop;
};

subtest 'links to directories, as Kubernetes has them' => sub {
    my $dir = scratch();
    my $pki = certs();
    my @certs = map { $pki->leaf("shop$_", names => ['shop.test']) } 1 .. 3;
    mkdir "$dir/tls";
    my $renew = sub {
        my ($n) = @_;
        mkdir "$dir/tls/..2026_$n";
        copy($certs[$n - 1]{cert}, "$dir/tls/..2026_$n/tls.crt");
        copy($certs[$n - 1]{key},  "$dir/tls/..2026_$n/tls.key");
        relink("..2026_$n", "$dir/tls/..data");
        my $before = $n - 1;
        system 'rm', '-rf', "$dir/tls/..2026_$before";
    };
    $renew->(1);
    symlink "..data/$_", "$dir/tls/$_" for qw(tls.crt tls.key);
    my $usherd = shop("$dir/tls/tls.crt $dir/tls/tls.key");
    still_shows($usherd, $certs[0], 'the first');
    for my $n (2, 3) {
        $renew->($n);
        soon_shows($usherd, $certs[$n - 1], "renewal $n");
    }
    $usherd->stop;
};

subtest 'half-written and wrong pairs' => sub {
    my $pki = certs();
    my %old = %{$pki->leaf('shop', names => ['shop.test'])};
    my $new = $pki->leaf('next', names => ['shop.test']);
    my $alien = $pki->leaf('alien', names => ['other.test']);
    my $usherd = shop($old{pair});
    $usherd->expect_log($KEPT);
    my $lines = 0;
    my $kept = sub {
        my ($what) = @_;
        $lines++;
        ok wait_for { (() = $usherd->log_text =~ /$KEPT/g) >= $lines }, "$what: the log says why";
        still_shows($usherd, \%old, "$what: the one before is shown");
        return;
    };
    place($new->{cert}, $old{cert});
    $kept->('a certificate without its key');
    ok $usherd->await_log(qr/does not fit/), 'in plain words';
    spew($old{key}, substr slurp($new->{key}), 0, 100);
    $kept->('a key that is half there');
    unlink $old{key};
    $kept->('no key');
    ok $usherd->reload, 'a reload works meanwhile';
    $lines++;
    still_shows($usherd, \%old, 'and keeps the one before');
    ok wait_for { $usherd->workers == 2 }, 'the old workers end';
    kill KILL => $usherd->workers;
    $usherd->expect_log(qr/died: signal 9/);
    ok wait_for { all_show($usherd, \%old) }, 'as do workers that come after';
    place($new->{key}, $old{key});
    soon_shows($usherd, $new, 'a whole pair at last');
    place($alien->{key}, $old{key});
    place($alien->{cert}, $old{cert});
    ok $usherd->await_log(qr/does not cover the name shop\.test/), 'one for other names is refused';
    still_shows($usherd, $new, 'and not shown');
    my $lines_then = () = $usherd->log_text =~ /$KEPT/g;
    utime undef, undef, $old{cert}, $old{key};
    sleep 0.5;
    is scalar(() = $usherd->log_text =~ /$KEPT/g), $lines_then, 'the same content is logged once';
    $usherd->stop;

    my $refused = run_usherd({config => config_of($old{pair})}, '-t');
    is $refused->{status}, 1, 'for a start it is an error';
};

subtest 'a worker that comes later' => sub {
    my $pki = certs();
    my %old = %{$pki->leaf('shop', names => ['shop.test'])};
    my $usherd = shop($old{pair});
    my $new = $pki->leaf('shop', names => ['shop.test']);
    soon_shows($usherd, $new, 'renewed');
    my %before = map { $_ => 1 } $usherd->workers;
    $usherd->expect_log(qr/died: signal 9/);
    kill KILL => keys %before;
    ok wait_for { my @w = $usherd->workers; @w == 2 && !grep { $before{$_} } @w }, 'other workers';
    soon_shows($usherd, $new, 'show the new one');
    ok $usherd->reload, 'a reload';
    still_shows($usherd, $new, 'too');
    $usherd->allow_log($KEPT);
    $usherd->stop;
};

subtest 'workers without rights' => sub {
    plan skip_all => 'not root' if $> != 0;
    my $pki = certs();
    my $old = {%{$pki->leaf('shop', names => ['shop.test'], mode => 0600)}};
    my $usherd = shop($old->{pair}, global => 'user = nobody');
    still_shows($usherd, $old, 'show what only root can read');
    my $new = $pki->leaf('shop', names => ['shop.test'], mode => 0600);
    soon_shows($usherd, $new, 'and what replaces it');
    $usherd->allow_log($KEPT);
    $usherd->stop;
};

# More than fit into a channel at once.
subtest 'many at a time' => sub {
    my $pki = certs();
    my $dir = scratch();
    chmod 0755, $dir;    # root follows no links where others can place them
    my $n = 400;
    $pki->leaf('key');
    my (@old, @new);
    for my $set (\@old, \@new) {
        my $at = "$dir/" . ($set == \@old ? 1 : 2);
        mkdir $at;
        for my $i (1 .. $n) {
            $set->[$i] = {%{$pki->leaf('one', names => ["h$i.test"], key => 'key')}};
            copy($set->[$i]{cert}, "$at/$i.pem");
        }
        copy($pki->{made}{key}{key}, "$at/key");
        $pki->leaf('key') if $set == \@old;
    }
    symlink '1', "$dir/now";
    my $hosts = join '', map { "[host h$_]\nnames = h$_.test\ncertificate = $dir/now/$_.pem $dir/now/key\n" } 1 .. $n;
    my $main = $pki->leaf('shop', names => ['shop.test']);
    my $usherd = shop($main->{pair}, more => $hosts);
    still_shows($usherd, $old[$n], 'before', "h$n.test");
    relink('2', "$dir/now");
    soon_shows($usherd, $new[$n], 'the last', "h$n.test");
    my @wrong = grep { shown($usherd, "h$_.test") ne $new[$_]{fingerprint} } map { $_ * 7 } 1 .. 50;
    is_deeply \@wrong, [], 'and the others';
    $usherd->stop;
};

# ---- sessions

my $sessions = scratch();

# One request over a connection that brings the session of that name if there is one, and keeps the
# new one: (whether it was resumed, the worker).
sub visit {
    my ($usherd, $name, @args) = @_;
    my $file = "$sessions/$name";
    unshift @args, '-sess_in', $file if -s $file;
    my $port = $usherd->port(1);
    my $text = `printf 'GET / HTTP/1.1\\r\\nHost: shop.test\\r\\nConnection: close\\r\\n\\r\\n' |
        timeout 20 openssl s_client -ign_eof -connect 127.0.0.1:$port -servername shop.test -sess_out $file.new @args 2>&1`;
    my ($worker) = $text =~ /\r\n\r\n(\d+)/ or diag $text;
    rename "$file.new", $file if -s "$file.new";
    return ($text =~ /^Reused, TLS/m ? 'resumed' : 'new', $worker);
}

for my $version (qw(tls1_3 tls1_2)) {
    subtest "sessions of $version" => sub {
        my $pki = certs();
        my $cert = $pki->leaf('shop', names => ['shop.test']);
        my $usherd = shop($cert->{pair});
        my ($how, $first) = visit($usherd, $version, "-$version");
        is $how, 'new', 'the first visit';
        my ($visits, $resumed, $other) = (0, 0, 0);
        while ($visits++ < 40 && !$other) {
            my ($again, $worker) = visit($usherd, $version, "-$version");
            $resumed++ if $again eq 'resumed';
            $other++ if $worker ne $first;
        }
        ok $other, 'a visit at another worker';
        is $resumed, $visits - 1, 'every visit is resumed';
        is +(visit($usherd, $version, "-$version"))[0], 'resumed', 'once more';
        $usherd->reload;
        is +(visit($usherd, $version, "-$version"))[0], 'resumed', 'after a reload';
        my $new = $pki->leaf('shop', names => ['shop.test']);
        soon_shows($usherd, $new, 'renewed');
        is +(visit($usherd, $version, "-$version"))[0], 'resumed', 'after a renewal';
        my %before = map { $_ => 1 } $usherd->workers;
        $usherd->expect_log(qr/died: signal 9/);
        kill KILL => keys %before;
        ok wait_for { my @w = $usherd->workers; @w == 2 && !grep { $before{$_} } @w }, 'other workers';
        soon_shows($usherd, $new, 'that serve');
        is +(visit($usherd, $version, "-$version"))[0], 'resumed', 'after the death of all workers';
        $usherd->allow_log($KEPT);
        $usherd->stop;
    };
}

subtest 'a secret in common' => sub {
    my $pki = certs();
    my $dir = scratch();
    my $cert = $pki->leaf('shop', names => ['shop.test']);
    spew("$dir/$_", "$_ is thirty-two bytes of secret, or more\n") for qw(ours theirs);
    my $one = shop($cert->{pair}, listen => "tls_ticket_secret = \@$dir/ours");
    visit($one, 'secret');
    is +(visit($one, 'secret'))[0], 'resumed', 'a session of the same process';
    $one->stop;
    my $two = shop($cert->{pair}, listen => "tls_ticket_secret = \@$dir/ours");
    is +(visit($two, 'secret'))[0], 'resumed', 'one of another with the same secret';
    $two->stop;
    my $three = shop($cert->{pair}, listen => "tls_ticket_secret = \@$dir/theirs");
    is +(visit($three, 'secret'))[0], 'new', 'none of one with another secret';
    $three->stop;
    my $four = shop($cert->{pair});
    is +(visit($four, 'secret'))[0], 'new', 'none without a secret';
    $four->stop;
};

subtest 'tickets off' => sub {
    my $pki = certs();
    my $cert = $pki->leaf('shop', names => ['shop.test']);
    my $usherd = shop($cert->{pair}, listen => 'tls_tickets = off');
    visit($usherd, 'off');
    is +(visit($usherd, 'off'))[0], 'new', 'nothing is resumed';
    $usherd->stop;
};

subtest 'the end of a certificate' => sub {
    my $pki = certs();
    my %old = %{$pki->leaf('shop', names => ['shop.test'], days => 6.5)};
    my $usherd = shop($old{pair}, more => "[admin]\nlisten = 127.0.0.1:%%PORT2%%\nnames = a.test\n");
    my $days = sub {
        my ($end) = get($usherd->port(2), '/metrics')->{body} =~ /^usherd_certificate_expiry_timestamp_seconds\{.* (\d+)$/m;
        return sprintf '%.1f', (($end // 0) - time) / 86400;
    };
    is $days->(), 6.5, 'the metrics tell when';
    $usherd->expect_log(qr/\[warn\] .*shop\.pem: ends in less than 7 days, on 20/);
    $usherd->allow_log(qr/\[warn\] .*expires in 6 days/, $KEPT);
    ok $usherd->reload, 'a reload';
    is scalar(() = $usherd->log_text =~ /ends in less than/g), 1, 'one warning, also after a reload';
    my $new = $pki->leaf('shop', names => ['shop.test']);
    soon_shows($usherd, $new, 'renewed');
    is $days->(), '90.0', 'then, too';
    $usherd->stop;
};

done_testing;
