"""Servers for the network test: one honest, many hostile, each at a name.

Usage: servers.py DIR ADDRESS. DIR gets the CA and certificates; prints "ready".
Every hostile server is a function of the connection; which one runs is chosen
by the Host of the request (plain) or by the server name (TLS).
"""
import gzip
import http.server
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time


def openssl(*args):
    subprocess.run(['openssl', *args], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def make_certificates(d):
    def p(name):
        return os.path.join(d, name)
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
            '-nodes', '-keyout', p('ca.key'), '-out', p('ca.pem'), '-days', '30',
            '-subj', '/CN=Test Root', '-addext', 'keyUsage=critical,keyCertSign')
    names = ['good', 'other', 'cdn', 'tlscut'] + ['h%d' % i for i in range(7)]
    for name, san in (('good', ','.join('DNS:%s.test' % n for n in names) + ',IP:203.0.113.10'),
                      ('other', 'DNS:elsewhere.example')):
        openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                '-keyout', p(name + '.key'), '-out', p(name + '.csr'), '-subj', '/CN=' + name)
        with open(p('ext'), 'w') as f:
            f.write('subjectAltName=%s\nbasicConstraints=CA:FALSE\n' % san)
        openssl('x509', '-req', '-in', p(name + '.csr'), '-CA', p('ca.pem'), '-CAkey',
                p('ca.key'), '-CAcreateserial', '-out', p(name + '.pem'), '-days', '30',
                '-extfile', p('ext'))
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
            '-nodes', '-keyout', p('self.key'), '-out', p('self.pem'), '-days', '30',
            '-subj', '/CN=self', '-addext', 'subjectAltName=DNS:selfsigned.test')


class Good(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def answer(self, body, status=200, headers=()):
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        for k, v in headers:
            self.send_header(k, v)
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def do_GET(self):
        path, _, query = self.path.partition('?')
        if path == '/headers':
            self.answer(json.dumps({k.lower(): v for k, v in self.headers.items()}).encode())
        elif path == '/target':
            self.answer(self.path.encode())
        elif path == '/redirect':
            self.answer(b'', 302, [('Location', 'https://cdn.test/hello?token=CANARY-location')])
        elif path == '/chunked':
            self.send_response(200)
            self.send_header('Transfer-Encoding', 'chunked')
            self.send_header('Trailer', 'X-Sum')
            self.end_headers()
            for i in range(100):
                self.wfile.write(b'%x;ext=1\r\n%s\r\n' % (i + 1, b'c' * (i + 1)))
            self.wfile.write(b'0\r\nX-Sum: 1\r\n\r\n')
        elif path == '/big':
            n = int(query)
            self.send_response(200)
            self.send_header('Content-Length', str(n))
            self.end_headers()
            block = bytes(range(256)) * 256
            while n > 0:
                self.wfile.write(block[:n])
                n -= len(block[:n])
        elif path == '/gzip':
            self.answer(gzip.compress(bytes(20 << 20)), headers=[('Content-Encoding', 'gzip')])
        elif path == '/invite':
            self.answer(b'x', headers=[('Alt-Svc', 'h3=":443"'), ('Keep', 'me'),
                                       ('Strict-Transport-Security', 'max-age=1'),
                                       ('Connection', 'X-Private'), ('X-Private', 'no')])
        elif path.startswith('/status/'):
            self.send_response(int(path[8:]))
            if path[8:] not in ('204', '304'):
                self.send_header('Content-Length', '0')
            self.end_headers()
        elif path == '/close':
            self.send_response(200)
            self.send_header('Connection', 'close')
            self.end_headers()
            self.wfile.write(b'until the end')
            if isinstance(self.connection, ssl.SSLSocket):
                self.connection.unwrap()
            self.close_connection = True
        elif path == '/slow':
            time.sleep(1)
            self.answer(b'slow')
        else:
            self.answer(b'hello from ' + self.headers['Host'].encode())

    do_HEAD = do_GET

    def do_POST(self):
        if self.headers.get('Transfer-Encoding') == 'chunked':
            body = b''
            while True:
                n = int(self.rfile.readline().split(b';')[0], 16)
                body += self.rfile.read(n)
                self.rfile.readline()
                if n == 0:
                    break
        else:
            body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        self.answer(body)

    do_PUT = do_POST


def drip(c, data, gap):
    for b in data:
        c.sendall(bytes([b]))
        time.sleep(gap)


def endless(c, head, block):
    c.sendall(head)
    while True:
        c.sendall(block)


OK = b'HTTP/1.1 200 OK\r\n'
HOSTILE = {
    'slowhead': lambda c: drip(c, OK + b'X: ' + b'y' * 1000, 0.1),
    'silent': lambda c: time.sleep(30),
    'closes': lambda c: None,
    'endlesshead': lambda c: endless(c, OK, b'X: ' + b'y' * 4000 + b'\r\n'),
    'endlessline': lambda c: endless(c, OK + b'X: ', b'y' * 4096),
    'manyheaders': lambda c: c.sendall(OK + b'A: b\r\n' * 200 + b'\r\n'),
    'short': lambda c: c.sendall(OK + b'Content-Length: 1000\r\n\r\nonly this'),
    'smuggle': lambda c: (c.sendall(OK + b'Content-Length: 5\r\n\r\nhello' + OK +
                                    b'Content-Length: 4\r\n\r\nevil'), time.sleep(1)),
    'hugechunks': lambda c: endless(c, OK + b'Transfer-Encoding: chunked\r\n\r\n',
                                    b'1000\r\n' + b'z' * 4096 + b'\r\n'),
    'hugelength': lambda c: (c.sendall(OK + b'Content-Length: 1099511627776\r\n\r\n'),
                             time.sleep(5)),
    'hugeend': lambda c: endless(c, OK + b'\r\n', b'z' * 4096),
    'slowbody': lambda c: drip(c, OK + b'Content-Length: 5000\r\n\r\n' + b'b' * 5000, 0.05),
    'telength': lambda c: c.sendall(OK + b'Transfer-Encoding: chunked\r\nContent-Length: 3\r\n'
                                    b'\r\n0\r\n\r\n'),
    'twolengths': lambda c: c.sendall(OK + b'Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde'),
    'coding': lambda c: c.sendall(OK + b'Transfer-Encoding: gzip\r\n\r\nabc'),
    'upgrade': lambda c: c.sendall(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n'
                                   b'Connection: upgrade\r\n\r\nfree for all'),
    'badchunk': lambda c: c.sendall(OK + b'Transfer-Encoding: chunked\r\n\r\nzz\r\nabc'),
    'extensions': lambda c: endless(c, OK + b'Transfer-Encoding: chunked\r\n\r\n',
                                    b'1;' + b'e' * 4000 + b'\r\nx\r\n'),
    'trailers': lambda c: endless(c, OK + b'Transfer-Encoding: chunked\r\n\r\n0\r\n',
                                  b'T: ' + b'e' * 4000 + b'\r\n'),
    'garbage': lambda c: c.sendall(b'\x00\x01SSH-2.0-nope\r\n'),
    'fold': lambda c: c.sendall(OK + b'X: a\r\n b\r\nContent-Length: 0\r\n\r\n'),
    'barelf': lambda c: c.sendall(b'HTTP/1.1 200 OK\nContent-Length: 2\n\nok'),
    'hints': lambda c: c.sendall(b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n'
                                 b'Link: x\r\n\r\n' + OK + b'Content-Length: 5\r\n\r\nhints'),
    'http10': lambda c: c.sendall(b'HTTP/1.0 200 OK\r\n\r\nold style'),
    'escape': lambda c: c.sendall(b'HTTP/1.1 200 \x1b[31mred\r\nContent-Length: 0\r\n\r\n'),
    'tlscut': lambda c: c.sendall(OK + b'\r\ncut without notice'),
    'stale': None,
}
stale_seen = []


def stale(c):
    """Answers once, then closes the kept connection when the next request comes."""
    c.sendall(OK + b'Content-Length: 2\r\n\r\nok')
    stale_seen.append(1)
    if len(stale_seen) == 1:
        c.recv(65536)


HOSTILE['stale'] = stale


def read_head(c):
    head = b''
    while b'\r\n\r\n' not in head and len(head) < 65536:
        data = c.recv(65536)
        if not data:
            break
        head += data
    return head


def hostile(c, name):
    try:
        if name == 'silent' or read_head(c):
            HOSTILE[name](c)
    except OSError:
        pass
    if name == 'tlscut':
        socket.socket(fileno=os.dup(c.fileno())).shutdown(socket.SHUT_RDWR)
    try:
        c.close()
    except OSError:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address, port, contexts):
        self.contexts = contexts
        super().__init__((address, port), Good)

    def handle_error(self, request, client_address):
        pass

    def process_request_thread(self, request, client_address):
        name = ''
        try:
            if self.contexts:
                seen = []
                ctx = self.contexts['good']

                def choose(sock, sni, _):
                    seen.append(sni or '')
                    label = (sni or '').split('.')[0]
                    sock.context = self.contexts.get(label, ctx)
                ctx.sni_callback = choose
                request.settimeout(20)
                request = ctx.wrap_socket(request, server_side=True)
                name = seen[0] if seen else ''
            else:
                head = request.recv(4096, socket.MSG_PEEK)
                for line in head.split(b'\r\n'):
                    if line.lower().startswith(b'host:'):
                        name = line[5:].strip().decode()
        except OSError:
            request.close()
            return
        label = name.split('.')[0]
        if label in HOSTILE:
            hostile(request, label)
        else:
            super().process_request_thread(request, client_address)


def context(d, name):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(os.path.join(d, name + '.pem'), os.path.join(d, name + '.key'))
    return ctx


def main():
    d, address = sys.argv[1:3]
    make_certificates(d)
    contexts = {'good': context(d, 'good'), 'wrongname': context(d, 'other'),
                'selfsigned': context(d, 'self')}
    for port, tls in ((80, None), (443, contexts)):
        server = Server(address, port, tls)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print('ready', flush=True)
    while True:
        time.sleep(60)


main()
