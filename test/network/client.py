"""What a build could try, run inside its network. Prints TAP lines."""
import hashlib
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time

count = 0
bad = 0


def ok(good, what, detail=''):
    global count, bad
    count += 1
    bad += not good
    print('%sok client %d - %s' % ('' if good else 'not ', count, what))
    if not good and detail != '':
        print('#   ' + repr(detail)[:600])
    sys.stdout.flush()


def tls_context():
    return ssl.create_default_context()


def get(host, path='/', tls=True, method='GET', body=None, headers={}):
    cls = http.client.HTTPSConnection if tls else http.client.HTTPConnection
    c = cls(host, timeout=25)
    try:
        c.request(method, path, body=body, headers=headers,
                  encode_chunked='Transfer-Encoding' in headers)
        r = c.getresponse()
        return r.status, r.read(), {k.lower(): v for k, v in r.getheaders()}
    finally:
        c.close()


def attempt(f, *args, **kw):
    """The result, or the exception: an exception is an outcome here."""
    try:
        return f(*args, **kw)
    except (OSError, http.client.HTTPException) as e:
        return e


def raw(host, data, tls=False, port=None, wait=25):
    """Sends bytes as they are; returns all that comes until the end."""
    s = socket.create_connection((host, port or (443 if tls else 80)), timeout=wait)
    if tls:
        s = tls_context().wrap_socket(s, server_hostname=host)
    s.sendall(data)
    out = b''
    try:
        while True:
            part = s.recv(65536)
            if not part:
                break
            out += part
    except OSError:
        out += b'<lost>'
    s.close()
    return out


def test_ordinary():
    status, body, _ = get('good.test', '/hello')
    ok(status == 200 and body == b'hello from good.test', 'HTTPS GET', body)
    status, body, _ = get('good.test', '/hello', tls=False)
    ok(status == 200 and body == b'hello from good.test', 'HTTP GET', body)
    c = http.client.HTTPSConnection('good.test', timeout=20)
    for i in range(50):
        c.request('GET', '/hello?n=%d' % i)
        body = c.getresponse().read()
    ok(body == b'hello from good.test', '50 requests on one connection')
    c.request('HEAD', '/hello')
    r = c.getresponse()
    ok(r.status == 200 and r.getheader('Content-Length') == '20' and r.read() == b'', 'HEAD')
    c.request('GET', '/hello')
    ok(c.getresponse().read() == b'hello from good.test', 'GET after HEAD')
    for code in (204, 304, 404, 500):
        c.request('GET', '/status/%d' % code)
        r = c.getresponse()
        ok(r.status == code and r.read() == b'', 'status %d on the same connection' % code)
    c.request('GET', '/chunked')
    ok(c.getresponse().read() == b''.join(b'c' * i for i in range(1, 101)), 'a chunked body')
    c.request('GET', '/close')
    r = c.getresponse()
    ok(r.read() == b'until the end', 'a body that ends with the connection')
    c.close()
    data = os.urandom(3 << 20)
    status, body, _ = get('good.test', '/echo', method='POST', body=data)
    ok(body == data, 'POST of 3 MiB with a length')
    status, body, _ = get('good.test', '/echo', method='PUT', body=iter([b'a' * 70000, b'b', b'']),
                          headers={'Transfer-Encoding': 'chunked'})
    ok(body == b'a' * 70000 + b'b', 'PUT, chunked', body[:50])
    status, body, _ = get('good.test', '/big?30000000')
    ok(hashlib.sha256(body).hexdigest() ==
       hashlib.sha256((bytes(range(256)) * 117188)[:30000000]).hexdigest(), '30 MB')
    status, _, h = get('good.test', '/redirect')
    ok(status == 302 and 'cdn.test' in h['location'], 'a redirect reaches the client')
    out = raw('good.test', b'POST /echo HTTP/1.1\r\nHost: good.test\r\nContent-Length: 4\r\n'
              b'Expect: 100-continue\r\nConnection: close\r\n\r\nbody', tls=True)
    ok(out.startswith(b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK') and out.endswith(b'body'),
       'Expect: 100-continue', out)
    out = raw('good.test', b''.join(b'GET /hello?p=%d HTTP/1.1\r\nHost: good.test\r\n%s\r\n' % (
        i, b'Connection: close\r\n' if i == 4 else b'') for i in range(5)), tls=True)
    ok(out.count(b'hello from good.test') == 5, 'five requests in one write', out)
    out = raw('good.test', b'GET /hello HTTP/1.0\r\nHost: good.test\r\n\r\n')
    ok(out.startswith(b'HTTP/1.1 200') and out.endswith(b'good.test') and
       b'Transfer-Encoding' not in out, 'an HTTP/1.0 client', out)
    out = raw('good.test', b'GET /chunked HTTP/1.0\r\nHost: good.test\r\n\r\n')
    ok(out.endswith(b'c' * 100) and b'chunked' not in out, 'chunks for an HTTP/1.0 client', out)
    out = raw('good.test', b'GET http://good.test/target?a HTTP/1.1\r\nHost: x\r\n'
              b'Connection: close\r\n\r\n')
    ok(out.endswith(b'/target?a'), 'an absolute request target', out)


def test_neutralised():
    _, body, _ = get('good.test', '/headers', headers={
        'Range': 'bytes=5-', 'If-None-Match': '"x"', 'If-Modified-Since': 'x', 'If-Range': 'x',
        'Accept-Encoding': 'gzip, br', 'TE': 'trailers', 'Upgrade': 'h2c',
        'HTTP2-Settings': 'AA', 'Connection': 'Upgrade, X-Mine', 'X-Mine': '1', 'X-Other': '2',
        'Proxy-Authorization': 'Basic CANARY'})
    h = json.loads(body)
    ok(sorted(h) == ['accept-encoding', 'host', 'x-other'] and h['accept-encoding'] == 'identity',
       'ranges, conditions, codings and hop-by-hop headers stay behind', h)
    _, _, h = get('good.test', '/invite')
    ok('alt-svc' not in h and 'strict-transport-security' not in h and 'x-private' not in h and
       h.get('keep') == 'me', 'invitations of the server stay behind', h)
    # 20 MiB of zeros as 20 KB: passed as it is, never unpacked.
    status, body, h = get('good.test', '/gzip')
    ok(status == 200 and len(body) < 100000 and h['content-encoding'] == 'gzip',
       'a compressed body is not unpacked', len(body))


def test_secrets():
    get('good.test', '/target?access_token=CANARY-query&v=1&X-Amz-Signature=CANARYamz')
    get('good.test', '/npm/ghp_CANARYCANARYCANARYCANARYCANARYCANARY/pkg')
    get('good.test', '/target?x=aZ09bY18cX27dW36eV45fU54CANARY')
    get('good.test', '/hello', headers={'Authorization': 'Bearer CANARY-header',
                                        'Cookie': 'session=CANARY-cookie'})
    get('good.test', '/echo', method='POST', body=b'CANARY-body')
    ok(True, 'requests with secrets were sent')


def refused(answer, status, text):
    return (isinstance(answer, tuple) and answer[0] == status and
            text.encode() in answer[1] and answer[1].startswith(b'hallmark: '))


def test_hostile():
    cases = [
        ('slowhead', 502, 'did not begin its answer in 2 seconds'),
        ('silent', 502, 'did not begin its answer in 2 seconds'),
        ('closes', 502, 'closed the connection without an answer'),
        ('endlesshead', 502, 'larger than 64 KiB'),
        ('endlessline', 502, 'larger than 64 KiB'),
        ('manyheaders', 502, 'more than 128 headers'),
        ('hugelength', 502, 'larger than 50000000 bytes'),
        ('telength', 502, 'not proper HTTP/1.1'),
        ('twolengths', 502, 'not proper HTTP/1.1'),
        ('coding', 502, 'transfer coding other than chunked'),
        ('upgrade', 502, 'switches to another protocol'),
        ('garbage', 502, 'not proper HTTP/1.1'),
        ('fold', 502, 'not proper HTTP/1.1'),
        ('barelf', 502, 'not proper HTTP/1.1'),
        ('nowhere', 502, 'nowhere.test: '),
    ]
    results = {}

    def one(name, tls):
        results[name] = attempt(get, name + '.test', '/evil', tls=tls)
    threads = [threading.Thread(target=one, args=(c[0], False)) for c in cases]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for name, status, text in cases:
        ok(refused(results[name], status, text), 'server %s: %s' % (name, text), results[name])
    # These begin well; then the client must not take what it has for the whole.
    for name in ('short', 'hugechunks', 'hugeend', 'slowbody', 'badchunk', 'extensions',
                 'trailers'):
        r = attempt(get, name + '.test', '/evil', tls=False)
        ok(isinstance(r, Exception), 'server %s: the client sees an error' % name, r)
    r = attempt(get, 'tlscut.test', '/evil')
    ok(isinstance(r, Exception), 'TLS cut without notice is no end of a body', r)
    out = raw('smuggle.test', b'GET /evil HTTP/1.1\r\nHost: smuggle.test\r\n\r\n'
              b'GET /second HTTP/1.1\r\nHost: smuggle.test\r\nConnection: close\r\n\r\n')
    ok(out.count(b'hello') == 2 and b'evil' not in out, 'a second answer is never delivered', out)
    out = raw('escape.test', b'GET /evil HTTP/1.1\r\nHost: escape.test\r\nConnection: close\r\n\r\n')
    ok(out.startswith(b'HTTP/1.1 200 \r\n'), 'a terminal escape for a reason is dropped', out)
    for name, text in (('hints', b'hints'), ('http10', b'old style')):
        r = attempt(get, name + '.test', '/evil', tls=False)
        ok(isinstance(r, tuple) and r[0] == 200 and r[1] == text, 'server %s is understood' % name,
           r)
    c = http.client.HTTPConnection('stale.test', timeout=20)
    c.request('GET', '/1')
    one = c.getresponse().read()
    c.request('GET', '/2')
    ok(one == b'ok' and c.getresponse().read() == b'ok',
       'a kept connection that the server dropped is opened again')
    for name, text in (('wrongname', 'ostname mismatch'), ('selfsigned', 'self-signed')):
        r = attempt(get, name + '.test', '/evil')
        ok(refused(r, 502, text), 'certificate of %s: %s' % (name, text), r)
    # More of it, at once: everything ends and memory stays.
    threads = [threading.Thread(target=attempt, args=(get, n + '.test', '/more', False))
               for n in ('hugechunks', 'endlesshead', 'extensions', 'hugeend') for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    ok(True, 'hostile servers in parallel')


def refuses_connect(family, kind, address):
    s = socket.socket(family, kind)
    s.settimeout(3)
    try:
        s.connect(address)
        if kind == socket.SOCK_DGRAM:
            s.send(b'x')
            s.recv(10)
        return 'connected'
    except ConnectionRefusedError:
        return 'refused'
    except OSError as e:
        return type(e).__name__ + str(e.errno)
    finally:
        s.close()


def test_routes():
    inet, tcp, udp = socket.AF_INET, socket.SOCK_STREAM, socket.SOCK_DGRAM
    for address in (('203.0.113.10', 8443), ('8.8.8.8', 22), ('10.66.0.1', 8080)):
        r = refuses_connect(inet, tcp, address)
        ok(r == 'refused', 'TCP to %s:%d is refused at once' % address, r)
    for address in (('8.8.8.8', 53), ('203.0.113.10', 443), ('1.1.1.1', 123)):
        r = refuses_connect(inet, udp, address)
        ok(r == 'refused', 'UDP to %s:%d is refused at once' % address, r)
    r = refuses_connect(socket.AF_INET6, tcp, ('2606:4700::1111', 443))
    ok(r.startswith('OSError'), 'IPv6 has no route', r)
    answers = socket.getaddrinfo('good.test', 443, proto=socket.IPPROTO_TCP)
    ok([a[4][0].startswith('198.18.') for a in answers] == [True], 'DNS: one synthetic address',
       answers)
    for name in ('localhost.localdomain.local', 'singlelabel', '10.in-addr.arpa'):
        r = attempt(socket.gethostbyname, name)
        ok(isinstance(r, OSError), 'no address for %s' % name, r)
    for i in range(300):
        attempt(socket.gethostbyname, '%s.tunnel.test' % hashlib.sha256(b'%d' % i).hexdigest()[:32])
    s = socket.socket(inet, udp)
    s.sendto(b'\x00' * 40, ('10.66.0.1', 53))
    s.sendto(os.urandom(400), ('10.66.0.1', 53))
    ok(attempt(socket.gethostbyname, 'good.test').startswith('198.18.'), 'DNS survives garbage')
    # By address: the name in TLS counts, and the host resolves it.
    s = tls_context().wrap_socket(socket.create_connection(('203.0.113.99', 443), 10),
                                  server_hostname='good.test')
    s.sendall(b'GET /hello HTTP/1.1\r\nHost: good.test\r\nConnection: close\r\n\r\n')
    out = s.recv(65536) + s.recv(65536)
    ok(b'hello from good.test' in out, 'a direct address with a TLS name goes to the name', out)
    ctx = tls_context()
    ctx.check_hostname = False
    s = ctx.wrap_socket(socket.create_connection(('203.0.113.10', 443), 10))
    s.sendall(b'GET /hello HTTP/1.1\r\nHost: 203.0.113.10\r\nConnection: close\r\n\r\n')
    out = s.recv(65536) + s.recv(65536)
    ok(b'hello from 203.0.113.10' in out, 'a direct address without a TLS name', out)
    # Metadata and private addresses, by number and by a name that points there.
    for host in ('169.254.169.254', '127.0.0.1.nip.test', '10.0.0.1', 'rebind.test'):
        if host.startswith('127'):
            continue
        r = attempt(get, host, '/latest/meta-data', tls=False)
        ok(refused(r, 502, 'which a build may not reach'), '%s is not reached' % host, r)
    proxy = ('CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 169.254.169.254:80\r\n\r\n').encode()
    out = raw('good.test', proxy)
    ok(b'405 ' in out and b'without a proxy' in out, 'CONNECT is refused', out)
    out = raw('good.test', b'GET / HTTP/1.1\r\nHost: other.test\r\n\r\n')
    ok(b'421 ' in out and b'for other.test' in out, 'another Host than the address means', out)
    out = raw('good.test', b'GET / HTTP/1.1\r\nHost: other.test\r\n\r\n', tls=True)
    ok(b'421 ' in out, 'domain fronting is refused', out)
    out = raw('good.test', b'GET / HTTP/1.1\r\nHost: good.test:8080\r\n\r\n')
    ok(b'421 ' in out and b'port 8080' in out, 'another port than the connection', out)
    out = raw('good.test', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    ok(b'400 ' in out and b'HTTP/2 without negotiation' in out, 'HTTP/2 prior knowledge', out)
    out = raw('good.test', b'GET /ws HTTP/1.1\r\nHost: good.test\r\nConnection: Upgrade\r\n'
              b'Upgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n')
    ok(b'501 ' in out and b'WebSocket' in out, 'a WebSocket is refused', out)
    out = raw('good.test', b'GET / HTTP/1.1\r\nHost: good.test\r\nTransfer-Encoding: chunked\r\n'
              b'Content-Length: 4\r\n\r\n0\r\n\r\n')
    ok(b'400 ' in out, 'a request with two lengths is refused', out)
    out = raw('good.test', b'SSH-2.0-OpenSSH\r\n')
    ok(b'400 ' in out, 'another protocol on port 80 is refused', out)
    out = raw('good.test', b'GET /' + b'a' * 9000 + b' HTTP/1.1\r\nHost: good.test\r\n\r\n')
    ok(b'414 ' in out, 'a URL of 9000 bytes is refused', out[:100])
    out = raw('good.test', b'GET / HTTP/1.1\r\nHost: good.test\r\nX: ' + b'a' * 70000 + b'\r\n\r\n')
    ok(b'400 ' in out and b'64 KiB' in out, 'a head of 70 KB is refused', out[:100])


def tls_fails(what, context, name='good.test'):
    try:
        s = context.wrap_socket(socket.create_connection((name, 443), 10), server_hostname=name)
        s.close()
        ok(False, what, 'handshake worked')
    except OSError as e:
        ok(True, '%s (%s)' % (what, getattr(e, 'reason', e)))


def test_tls():
    ctx = tls_context()
    ctx.set_alpn_protocols(['h2'])
    tls_fails('a client that offers HTTP/2 only fails', ctx)
    ctx = tls_context()
    ctx.set_alpn_protocols(['h2', 'http/1.1'])
    s = ctx.wrap_socket(socket.create_connection(('good.test', 443), 10),
                        server_hostname='good.test')
    ok(s.selected_alpn_protocol() == 'http/1.1', 'HTTP/1.1 is chosen when it is offered')
    cert = s.getpeercert()
    ok(('DNS', 'good.test') in cert['subjectAltName'], 'the leaf is for the name', cert)
    s.close()
    tls_fails('a client with roots of its own fails',
              ssl.create_default_context(cafile=os.environ['TEST_ROOT']))
    s = socket.create_connection(('good.test', 443), 10)
    s.sendall(b'SSH-2.0-OpenSSH_9.2\r\n')
    s.settimeout(10)
    r = attempt(s.recv, 100)
    ok(isinstance(r, OSError) or b'SSH' not in r, 'another protocol on port 443 gets no answer', r)


def test_parallel():
    results = []

    def one(i):
        results.append(get('h%d.test' % (i % 7), '/slow' if i % 9 == 0 else '/big?%d' % (i * 1000)))
    threads = [threading.Thread(target=one, args=(i,)) for i in range(60)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    ok(len(results) == 60 and all(r[0] == 200 for r in results), '60 connections at once')


def test_tools():
    for name, argv in (
            ('curl', ['curl', '-sSf', 'https://good.test/hello']),
            ('wget', ['wget', '-qO-', 'https://good.test/hello']),
            ('python', [sys.executable, '-c', 'import urllib.request as u;'
                        'print(u.urlopen("https://good.test/hello").read().decode())']),
            ('node', ['node', '-e', 'require("https").get("https://good.test/hello",'
                      'r=>r.on("data",d=>console.log(""+d)))']),
            ('java', ['java', os.path.join(os.environ['TEST_DIR'], 'Get.java'),
                      'https://good.test/hello']),
            ('git', ['git', 'ls-remote', 'https://good.test/hello'])):
        try:
            r = subprocess.run(argv, capture_output=True, timeout=60)
        except FileNotFoundError:
            print('ok client # SKIP %s is not installed' % name)
            continue
        if name == 'git':	# no repository there; check.py sees the request
            ok(b'certificate' not in r.stderr and b'SSL' not in r.stderr, 'git over https',
               r.stderr)
        else:
            ok(b'hello from good.test' in r.stdout, '%s finds the certificate authority' % name,
               r.stdout + r.stderr)


def main():
    # Client of mine that leaves early: the record shows it.
    s = socket.create_connection(('good.test', 80), 10)
    s.sendall(b'GET /big?40000000 HTTP/1.1\r\nHost: good.test\r\n\r\n')
    s.recv(1000)
    s.close()
    for f in (test_ordinary, test_neutralised, test_secrets, test_routes, test_tls, test_parallel,
              test_tools, test_hostile):
        try:
            f()
        except Exception as e:	# the rest still has something to say
            ok(False, '%s ended early' % f.__name__, '%s %s' % (type(e).__name__, e))
            import traceback
            traceback.print_exc()
    # Under way when the build ends.
    s = socket.create_connection(('good.test', 80), 10)
    s.sendall(b'GET /slow HTTP/1.1\r\nHost: good.test\r\n\r\n')
    time.sleep(0.3)
    sys.exit(bad != 0)


main()
