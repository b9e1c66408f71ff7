# Links that another user places lead root nowhere: not at the control socket, not for logs, the pid
# file and its list, nor for certificates and other files that the configuration names. Links that
# only root can have placed are followed.

use strict;
use warnings;
use Cwd 'abs_path';
use Test::Certs 'certs';
use Test::More;
use Test::Usherd;

plan skip_all => 'needs root' if $>;

my $OTHER = 65534;
my $pki   = certs();
my $cert  = $pki->leaf(site => names => ['a.test']);

# A directory of root's alone, and in it one that belongs to another user, and what it must not get at.
sub place {
    my $dir = scratch();
    chmod 0755, $dir;
    mkdir "$dir/theirs" or die;
    chown $OTHER, $OTHER, "$dir/theirs";
    mkdir "$dir/target" or die;
    spew("$dir/target/file", "secret\n");
    chmod 0600, "$dir/target/file";
    return $dir;
}

sub theirs {
    my ($target, $link) = @_;
    symlink $target, $link or die "$link: $!";
    system('chown', '-h', "$OTHER:$OTHER", $link) == 0 or die;
    return;
}

sub config {
    my ($more, $global) = @_;
    return "[global]\nworkers = 1\nmax_connections = 1000\n" . ($global // '') . <<"END" . ($more // '');
[listen web]
bind = 127.0.0.1:%%PORT1%%
[route all]
path = /*
respond = 200 text/plain "x"
END
}

sub mode { return sprintf '%04o', (lstat $_[0])[2] & 07777 }
sub group { return (lstat $_[0])[5] }

# Starts or not, and says why.
sub refused {
    my ($dir, $config, $why, $name) = @_;
    my $r = run_usherd({dir => $dir, config => $config}, '-g', "global.pid_file=$dir/u.pid", '-g', "global.error_log=$dir/refused.log");
    is $r->{status}, 1, "$name: refused";
    like $r->{err}, $why, "$name: and why";
    return;
}

my $FOLLOWED = qr/root does not follow it/;

subtest 'the control socket' => sub {
    my $dir    = place();
    my $daemon = getgrnam 'daemon';
    my $socket = "$dir/theirs/control";
    my $config = config("[admin]\nsocket = $socket\n", "user = nobody\ngroup = daemon\n");
    my $usherd = usherd($config, dir => $dir);
    is mode($socket), '0660', 'its mode';
    is group($socket), $daemon, 'its group';
    is run_usherctl($dir, '-s', $socket, 'generations')->{status}, 0, 'it works';
    ok $usherd->reload($config =~ s/^group.*\n//mr), 'a reload without a group';
    is mode($socket), '0600', 'it is the master\'s alone';
    ok $usherd->reload($config), 'and back';
    is mode($socket) . group($socket), "0660$daemon", 'it is the group\'s again';

    for my $way ('a symbolic link', 'a hard link', 'another socket', 'nothing') {
        unlink $socket;
        theirs("$dir/target/file", $socket) if $way eq 'a symbolic link';
        link "$dir/target/file", $socket if $way eq 'a hard link';
        my $other = $way eq 'another socket' ? IO::Socket::UNIX->new(Local => $socket, Listen => 1) : undef;
        chmod 0640, $socket if $other;
        my $before = join ' ', mode($socket), group($socket) if $other;
        ok $usherd->reload, "$way in its place: a reload";
        is mode("$dir/target/file"), '0600', '... the mode of the target is what it was';
        is group("$dir/target/file"), 0, '... and its group';
        is join(' ', mode($socket), group($socket)), $before, '... and those of the socket' if $other;
    }
    my $warnings = () = $usherd->log_text =~ /control socket \Q$socket\E: (?:its file was removed or replaced|a symbolic link)/g;
    is $warnings, 4, 'each is a warning';
    spew($socket, 'theirs');
    $usherd->expect_log(qr/control socket/);
    $usherd->stop;
    is slurp($socket), 'theirs', 'what is there at the end stays';
};

subtest 'sockets behind links' => sub {
    my $dir = place();
    theirs("$dir/target", "$dir/theirs/way");
    refused($dir, config("[admin]\nsocket = $dir/theirs/way/control\n"), qr{usherd\.ini:\d+: bind \S+/way/control: .*$FOLLOWED}, 'a control socket');
    refused($dir, config('') =~ s{^bind.*}{bind = unix:$dir/theirs/way/web}mr, qr{bind unix:\S+/way/web: .*$FOLLOWED}, 'a listener');
    is join(' ', map { s{.*/}{}r } glob "$dir/target/*"), 'file', 'nothing was made there';

    symlink "$dir/target", "$dir/way" or die;
    my $usherd = usherd(config("[admin]\nsocket = $dir/way/control\n"), dir => $dir);
    is run_usherctl($dir, '-s', "$dir/target/control", 'generations')->{status}, 0, 'a link of root is followed';
    $usherd->stop;
    ok !-e "$dir/target/control", '... also at the end';
};

subtest 'logs' => sub {
    my $dir = place();
    theirs("$dir/target", "$dir/theirs/way");
    link "$dir/target/file", "$dir/theirs/hard";
    my $log = sub { config() =~ s/^(path = .*)/$1\naccess_log = main/mr . "[log main]\npath = $_[0]\n" };
    refused($dir, $log->("$dir/theirs/way/access"), qr{log \S+/way/access: is a symbolic link, or behind one}, 'a directory that is a link');
    refused($dir, $log->("$dir/theirs/way/file"), qr{log \S+/way/file: is a symbolic link, or behind one}, 'with a file');
    refused($dir, $log->("$dir/theirs/hard"), qr{log \S+/hard: has another name}, 'a hard link');
    is slurp("$dir/target/file"), "secret\n", 'nothing was written there';
    ok !-e "$dir/target/access", 'nor anything made';

    symlink "$dir/target", "$dir/way" or die;
    my $usherd = usherd($log->("$dir/way/access"), dir => $dir);
    get($usherd->port(1), '/');
    ok -e "$dir/target/access", 'a directory of root\'s may be a link';
    unlink "$dir/way";
    symlink "$dir/theirs", "$dir/way" or die;
    theirs("$dir/target/file", "$dir/theirs/access");
    $usherd->signal('USR1');
    ok $usherd->await_log(qr/\[error\].* log \S+access: is a symbolic link/), 'USR1 does not follow another\'s';
    get($usherd->port(1), '/');
    $usherd->expect_log(qr/log \S+access: is a symbolic link/);
    $usherd->stop;
    is slurp("$dir/target/file"), "secret\n", 'and nothing was written there';
};

subtest 'the pid file' => sub {
    my $dir = place();
    theirs("$dir/target", "$dir/theirs/way");
    my $r = run_usherd({dir => $dir, config => config()}, '-g', "global.pid_file=$dir/theirs/way/file", '-g', "global.error_log=$dir/error.log");
    is $r->{status}, 1, 'in a directory that is a link: refused';
    like $r->{err}, qr{pid file \S+/way/file: .*$FOLLOWED}, 'and why';

    my $pidfile = "$dir/theirs/u.pid";
    theirs("$dir/target/file", $_) for $pidfile, "$pidfile.new", "$pidfile.workers", "$pidfile.workers.new";
    my @command = ('-c', "$dir/usherd.ini", '-g', "global.pid_file=$pidfile", '-g', "global.error_log=$dir/error.log");
    is run_usherd(@command)->{status}, 0, 'links in its place and in that of the list: it starts';
    is slurp("$dir/target/file"), "secret\n", 'nothing was written through them';
    ok !-l $_, "$_ is a file" for $pidfile, "$pidfile.workers";
    my ($pid) = slurp($pidfile) =~ /(\d+)/;
    is run_usherd(@command, '-s', 'status')->{out}, "$pid\n", 'and -s finds it';

    # The owner of the directory may write what he likes.
    rename $pidfile, "$pidfile.good";
    theirs("$pidfile.good", $pidfile);
    is run_usherd(@command, '-s', 'stop')->{status}, 1, 'not through a link';
    unlink $pidfile;
    spew($pidfile, "$pid\n");
    chown $OTHER, $OTHER, $pidfile;
    is run_usherd(@command, '-s', 'stop')->{status}, 1, 'nor by a file of another user';
    ok kill(0, $pid), 'it was not signalled';
    rename "$pidfile.good", $pidfile;
    is run_usherd(@command, '-s', 'stop')->{status}, 0, 'but by its own';
    ok wait_for { !-e $pidfile }, 'it ends';

    theirs("$dir/target/file", "$dir/theirs/v.pid.lock");
    $r = run_usherd({dir => $dir, config => config()}, '-g', "global.pid_file=$dir/theirs/v.pid", '-g', "global.error_log=$dir/error.log");
    is $r->{status}, 1, 'a link in the place of the lock';
    is mode("$dir/target/file"), '0600', 'and its target is as before';
};

subtest 'certificates' => sub {
    my $dir = place();
    my $tls = sub { config() =~ s/^(bind = .*)/$1\ntls = on\ncertificate = $_[0]/mr };
    my $shown = sub {
        my $c = client($_[0]->port(1), tls => {SSL_hostname => 'a.test', SSL_ca_file => $pki->file('root'), SSL_verifycn_name => 'a.test'});
        $c->send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        return $c->response->{body};
    };

    # As certbot has them.
    mkdir "$dir/$_" or die for qw(archive live live/site);
    link $cert->{cert}, "$dir/archive/cert1.pem" or die "$!";
    link $cert->{key},  "$dir/archive/key1.pem"  or die "$!";
    symlink "../../archive/$_", "$dir/live/site/$_" =~ s/1\././r or die for qw(cert1.pem key1.pem);
    symlink 'live', "$dir/now" or die;
    my $usherd = usherd($tls->("$dir/now/site/cert.pem $dir/now/site/key.pem"), dir => $dir);
    is $shown->($usherd), 'x', 'links of root are followed';

    theirs("$dir/live/site/$_", "$dir/theirs/$_") for qw(cert.pem key.pem);
    refused($dir, $tls->("$dir/theirs/cert.pem $dir/live/site/key.pem"), qr{theirs/cert\.pem: .*$FOLLOWED}, 'a certificate');
    refused($dir, $tls->("$dir/live/site/cert.pem $dir/theirs/key.pem"), qr{theirs/key\.pem: .*$FOLLOWED}, 'a key');
    theirs("$dir/live", "$dir/theirs/live");
    refused($dir, $tls->("$dir/theirs/live/site/cert.pem $dir/theirs/live/site/key.pem"), qr{live/site/cert\.pem: .*$FOLLOWED}, 'on the way');
    # What runs may look just then, and keeps what it has.
    $usherd->allow_log(qr/site\/\w+\.pem: .*$FOLLOWED.*the one before stays in use/);
    chmod 0775, "$dir/live/site";
    refused($dir, $tls->("$dir/now/site/cert.pem $dir/now/site/key.pem"), qr{site/cert\.pem: .*$FOLLOWED}, 'in a directory that a group may write');
    chmod 0755, "$dir/live/site";
    spew($usherd->{ini}, $tls->("$dir/now/site/cert.pem $dir/now/site/key.pem") =~ s/%%PORT1%%/free_port_at(1)/er);
    ok $usherd->reload, 'a reload';
    is $shown->($usherd), 'x', 'with links of root';
    $usherd->stop;
};

subtest 'other files that the configuration names' => sub {
    my $dir = place();
    theirs("$dir/target/file", "$dir/theirs/file");
    theirs($pki->file('root'), "$dir/theirs/ca.pem");
    my $test = sub { run_usherd({dir => $dir, config => $_[0]}, '-t') };
    my %with = (
        'an error page'      => config() =~ s{^(path = .*)}{$1\nerror_page = 404 $dir/theirs/file}mr,
        'authorities'        => config("[defaults]\ntls_ca = $dir/theirs/ca.pem\n"),
        'a secret'           => config("[defaults]\ntls_ticket_secret = \@$dir/theirs/file\n"),
        'an included file'   => config('', "include = $dir/theirs/file\n"),
    );
    for my $name (sort keys %with) {
        my $r = $test->($with{$name});
        is $r->{status}, 1, "$name: refused";
        like $r->{err}, $FOLLOWED, '... and why';
        unlike $r->{err}, qr/^\S+: .*"secret/, '... without a word of its content';
    }
};

subtest 'chroot' => sub {
    my $dir = place();
    theirs("$dir/target", "$dir/theirs/root");
    my $usherd = usherd(config('', "chroot = $dir/theirs/root\n"), dir => $dir, fails => 1);
    ok defined $usherd->{status}, 'is not entered by another\'s link';
    $usherd->expect_log(qr/chroot \S+: .*root does not follow it/, qr/did not start/);
    $usherd->allow_log(qr/died: exit status 70/);
    $usherd->judge;
};

done_testing;
