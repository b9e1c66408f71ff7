"""A store for t/s3.t: OpenStack Swift with s3api and tempauth, all of it one process.

    swift_node.py DIRECTORY PORT

The proxy server listens on 127.0.0.1:PORT once everything is up, the servers behind it on ports
that the kernel chooses. Objects stay in memory, as the servers on disk want a filesystem with
extended attributes; all other files are in DIRECTORY. What Swift logs goes to standard output. Of
Debian's packages it needs python3-swift alone, none of those that have daemons.
"""

import os
import socket
import sys

import eventlet
import eventlet.wsgi

eventlet.monkey_patch()

from swift.common import utils, wsgi
from swift.common.ring import RingBuilder

# Timeouts are for machines that do ten other things.
DEFAULT = """
[DEFAULT]
swift_dir = {0}
devices = {0}
mount_check = false
log_address = {0}/log.socket
conn_timeout = 60
node_timeout = 60
container_update_timeout = 60
"""

STORAGE = {
    'account': '[app:main]\nuse = egg:swift#account\n',
    'container': '[app:main]\nuse = egg:swift#container\n',
    'object': '[app:main]\nuse = egg:swift#mem_object\n',
}

PROXY = """
[pipeline:main]
pipeline = catch_errors proxy-logging s3api tempauth proxy-server
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:proxy-logging]
use = egg:swift#proxy_logging
[filter:s3api]
use = egg:swift#s3api
storage_domain = 127.0.0.1
allow_multipart_uploads = false
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
user_test_guest = guessing
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
"""


class NoCache:
    """Instead of memcached, which tempauth insists on: it remembers nothing."""

    def get(self, *args, **kwargs):
        return None

    set = delete = get

    @classmethod
    def given_to(cls, app):
        def with_cache(env, start_response):
            return app({**env, 'swift.cache': cls()}, start_response)
        return with_cache


def print_log(directory):
    """Prints the datagrams that are meant for syslog."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(directory + '/log.socket')
    while True:
        print(sock.recv(65536).decode('utf-8', 'replace').rstrip('\0'), flush=True)


def load(directory, name, config):
    path = '%s/%s.conf' % (directory, name)
    with open(path, 'w') as f:
        f.write(DEFAULT.format(directory) + config)
    return wsgi.loadapp(path, {'log_name': name})


def serve(sock, app):
    """As run_server() of swift.common.wsgi does it."""
    eventlet.spawn(eventlet.wsgi.server, sock, app, utils.NullLogger(),
                   protocol=wsgi.SwiftHttpProtocol, capitalize_response_headers=False)


def save_ring(directory, name, port):
    """One replica, two partitions, one device."""
    builder = RingBuilder(1, 1, 1)
    builder.add_dev({'region': 1, 'zone': 1, 'weight': 1, 'ip': '127.0.0.1', 'port': port,
                     'device': 'disk'})
    builder.rebalance()
    builder.get_ring().save('%s/%s.ring.gz' % (directory, name))


def main(directory, port):
    os.mkdir(directory + '/disk')
    with open(directory + '/swift.conf', 'w') as f:
        f.write('[swift-hash]\nswift_hash_path_suffix = x\n')
    utils.set_swift_dir(directory)
    eventlet.spawn(print_log, directory)
    eventlet.sleep(0)
    for name, config in STORAGE.items():
        sock = eventlet.listen(('127.0.0.1', 0))
        save_ring(directory, name, sock.getsockname()[1])
        serve(sock, load(directory, name, config))
    proxy = NoCache.given_to(load(directory, 'proxy', PROXY))
    serve(eventlet.listen(('127.0.0.1', int(port)), reuse_port=False), proxy)
    eventlet.Event().wait()


main(*sys.argv[1:])
