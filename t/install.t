# ./configure, make install and make uninstall: what lies where, what stands in it, and that nothing
# stays; two builds in two directories are the same.

use strict;
use warnings;
use File::Find 'find';
use Test::More;
use Test::Usherd;

plan skip_all => 'sanitizers write into what is built where it was built' if $ENV{USHERD_SAN};

# These makes are on their own, not parts of one that runs the tests.
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES)};

# The sources alone, in a directory of their own: configure writes into it.
sub sources {
    my $dir = scratch();
    system('cp', '-r', qw(Makefile configure README COPYING HACKING contrib etc man src t), $dir) == 0
        or die;
    return $dir;
}

sub sh {
    my ($dir, $command) = @_;
    my $out = `cd '$dir' && { $command; } 2>&1`;
    return ($? >> 8, $out);
}

sub done {
    my ($dir, $command, $name) = @_;
    my ($status, $out) = sh($dir, $command);
    is $status, 0, $name or BAIL_OUT("$command: $out");
    return $out;
}

# {path below the directory => mode}, of all but directories.
sub files {
    my ($dir) = @_;
    my %files;
    find({no_chdir => 1, wanted => sub {
        $files{substr $_, length $dir} = sprintf '%o', (lstat)[2] & 07777 if !-d || -l;
    }}, $dir);
    return \%files;
}

# Quick: no optimisation, and not those of the linker.
sub build {
    my ($dir, $options) = @_;
    done($dir, "./configure $options CFLAGS='-O0 -g1 -ffile-prefix-map=$dir=/x'", "./configure $options");
    done($dir, "sed -i 's/^LTO_CFLAGS =.*/LTO_CFLAGS =/' config.mk && make -j2", 'make');
    return;
}

my %PLACES = (
    sbindir      => ['--sbindir',      '/opt/u/bin'],
    sysconfdir   => ['--sysconfdir',   '/opt/u/conf'],
    runstatedir  => ['--runstatedir',  '/opt/u/now'],
    local        => ['--localstatedir', '/opt/u/keep'],
    initdir      => ['--initdir',      '/opt/u/rc.d'],
    logrotatedir => ['--logrotatedir', '/opt/u/rotate'],
    unitdir      => ['--unitdir',      '/opt/u/units'],
    sysusersdir  => ['--sysusersdir',  '/opt/u/users'],
    tmpfilesdir  => ['--tmpfilesdir',  '/opt/u/dirs'],
);
my $options = join ' ', '--prefix=/opt/u', map { "$PLACES{$_}[0]=$PLACES{$_}[1]" } sort keys %PLACES;
my $tree    = sources();
my $root    = scratch();
build($tree, $options);

my %expected = (
    '/opt/u/bin/usherd'            => 755,
    '/opt/u/bin/usherctl'          => 755,
    '/opt/u/rc.d/usherd'           => 755,
    '/opt/u/rotate/usherd'         => 644,
    '/opt/u/units/usherd.service'  => 644,
    '/opt/u/users/usherd.conf'     => 644,
    '/opt/u/dirs/usherd.conf'      => 644,
    '/opt/u/conf/usherd.ini'       => 640,
    (map { ("/opt/u/share/usherd/$_" => 644) } qw(usherd.ini usherd.minimal.ini demo.ini)),
    (map { ("/opt/u/share/bash-completion/completions/$_" => 644) } qw(usherd usherctl)),
    (map { ("/opt/u/share/doc/usherd/$_" => 644) } qw(README COPYING)),
    (map { ("/opt/u/share/man/man8/$_" => 644) } qw(usherd.8 usherctl.8)),
    '/opt/u/share/man/man5/usherd.ini.5' => 644,
);

my $said = done($tree, "umask 077; make install DESTDIR=$root", 'make install');
is_deeply files($root), \%expected, 'every file, and its mode';
is_deeply [map { sprintf '%o', (stat "$root$_")[2] & 07777 } qw(/opt/u/bin /opt/u/keep/log/usherd)],
    [755, 755], 'directories can be entered, whatever the umask';

my @lines = split /\n/, $said =~ s/\A.*\n\n//sr;
is @lines, 5, 'it ends with five lines' or diag $said;
like $lines[0], qr{Edit +/opt/u/conf/usherd\.ini}, '... what to edit';
like $lines[1], qr{Check +/opt/u/bin/usherd -t\z}, '... how to check it';
like $lines[2], qr{Start +.*systemctl enable --now usherd}, '... how to start it';
like $lines[3], qr{update-rc\.d usherd defaults},           '... without systemd too';

subtest 'the directories stand in every text' => sub {
    for my $path (sort grep { !m{/bin/} } keys %expected) {
        my $text = slurp("$root$path");
        unlike $text, qr{(?<!/opt/u)/etc/usherd|(?<![\w/])/run/usherd|/var/(?:log|lib)/usherd|/usr/local/\S+/usherd},
            $path;
        unlike $text, qr/\@\d\@/, '... and no mark is left';
    }
    like slurp("$root/opt/u/rc.d/usherd"), qr{^DAEMON=/opt/u/bin/usherd\nCONFIG=/opt/u/conf/usherd\.ini$}m,
        'the init script';
    like slurp("$root/opt/u/rotate/usherd"), qr{^/opt/u/keep/log/usherd.*^\s+! /opt/u/bin/usherd -s}ms,
        'logrotate';
    like slurp("$root/opt/u/units/usherd.service"), qr{^ExecStart=/opt/u/bin/usherd -f -c /opt/u/conf/usherd\.ini}m,
        'the unit';
    like slurp("$root/opt/u/dirs/usherd.conf"), qr{^d /opt/u/now/usherd }m, 'tmpfiles';
};

subtest 'programs' => sub {
    for my $program (qw(usherd usherctl)) {
        my (undef, $sections) = sh($root, "readelf -SW opt/u/bin/$program");
        like $sections, qr/\.text/, "$program is a program";
        unlike $sections, qr/\.symtab|\.debug/, '... without symbols';
    }
    my $version = done($root, 'opt/u/bin/usherd -V', 'usherd -V');
    like $version, qr{^built with: \S+ -O0 -g1$}m, '... does not name the directory of the build';
    like $version, qr{^configuration: /opt/u/conf/usherd\.ini$}m, '... names the configuration';
    my $other = scratch();
    done($tree, "make install DESTDIR=$other STRIP=true", 'make install STRIP=true');
    like +(sh($other, 'readelf -SW opt/u/bin/usherd'))[1], qr/\.symtab/, 'keeps the symbols';
};

subtest 'again, and away' => sub {
    spew("$root/opt/u/conf/usherd.ini", "mine\n");
    spew("$root/opt/u/share/usherd/notes", "mine too\n");
    spew("$root/opt/u/keep/log/usherd/access.log", "a log\n");
    spew("$root/opt/u/rc.d/other", "of others\n");
    done($tree, "make install DESTDIR=$root", 'make install');
    is slurp("$root/opt/u/conf/usherd.ini"), "mine\n", 'a configuration stays as it is';
    done($tree, "make uninstall DESTDIR=$root", 'make uninstall');
    is_deeply [sort keys %{files($root)}], [qw(/opt/u/conf/usherd.ini /opt/u/keep/log/usherd/access.log
        /opt/u/rc.d/other /opt/u/share/usherd/notes)], 'what is not of make install stays';
    done($tree, "make uninstall DESTDIR=$root", 'a second time');

    my $clean = scratch();
    done($tree, "make install DESTDIR=$clean && make uninstall DESTDIR=$clean", 'into nothing and away');
    is_deeply files($clean), {}, 'no file stays';
    my @own;
    find(sub { push @own, $File::Find::name if -d && /usherd/ }, $clean);
    is "@own", '', 'nor a directory of usherd';
};

subtest 'two builds in two directories' => sub {
    my $second = sources();
    build($second, $options);
    for my $program (qw(usherd usherctl)) {
        is system('cmp', "$tree/build/$program", "$second/build/$program"), 0, "$program: the same bytes";
    }
};

subtest 'what ./configure refuses' => sub {
    for (['--sbindir=bin', qr/--sbindir must be an absolute path, not bin/],
        ['--sysconfdir="/a b"', qr/--sysconfdir: letters, digits and/],
        ['--prefix="/a\"b"', qr/--prefix: letters, digits and/]) {
        my ($status, $out) = sh($tree, "./configure $_->[0]");
        is $status, 1, $_->[0];
        like $out, $_->[1], '... and why';
    }

    # A system with nothing but what sh needs.
    my $bin = scratch();
    for my $tool (qw(sh sed cat mktemp rm dirname paste)) {
        my ($path) = grep { -x } map { "$_/$tool" } split /:/, $ENV{PATH};
        symlink $path, "$bin/$tool";
    }
    my ($status, $out) = sh($tree, "PATH=$bin ./configure --with-llhttp=$bin");
    is $status, 1, 'nothing is there';
    my @packages = $out =~ /^    apt-get install (.*)$/m ? split(/ /, $1) : ();
    my ($build) = slurp('contrib/deps') =~ /^build="(.*?)"/ms;
    is_deeply [sort @packages], [sort split ' ', $build], 'all packages are named at once' or diag $out;
    like $out, qr/not found: a C compiler that works, make, pkg-config, OpenSSL 3, .*zstd, llhttp$/m,
        'and all that is missing';
};

done_testing;
