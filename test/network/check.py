"""Does the record account for what client.py did? check.py network.json [schema]"""
import hashlib
import json
import sys

text = open(sys.argv[1]).read()
d = json.loads(text)
count = 0
bad = 0


def ok(good, what, detail=''):
    global count, bad
    count += 1
    bad += not good
    print('%sok record %d - %s' % ('' if good else 'not ', count, what))
    if not good:
        print('#   ' + repr(detail)[:800])


def exchanges(part):
    return [x for x in d['exchanges'] if part in x['url']]


def refused(kind, target, reason):
    return [r for r in d['refused'] if r['kind'] == kind and target in r['target'] and
            reason in r['reason']]


def sha(data):
    return hashlib.sha256(data).hexdigest()


ok(d['recorded'] is True and d['complete'] is True and d['mode'] == 'record',
   'recorded and complete', {k: d[k] for k in ('recorded', 'complete', 'mode')})
x = exchanges('https://good.test/hello')[0]
ok(x['status'] == 200 and x['size'] == 20 and x['sha256'] == sha(b'hello from good.test'),
   'size and digest of a body', x)
ok(x['tls']['version'] == 'TLSv1.3' and x['tls']['subject'] == 'CN=good' and
   x['tls']['issuer'] == 'CN=Test Root', 'who the server was', x)
x = exchanges('http://good.test/hello')[0]
ok(x.get('plain') is True and 'tls' not in x, 'plain HTTP is marked', x)
ok(len(exchanges('https://good.test/hello?n=')) == 50, 'each request of a kept connection')
ok(len(exchanges('/hello?p=')) == 5, 'each pipelined request')
big = exchanges('/big?30000000')[0]
ok(big['size'] == 30000000 and
   big['sha256'] == sha((bytes(range(256)) * 117188)[:30000000]), '30 MB: the digest', big)
x = exchanges('/chunked')[0]
ok(x['sha256'] == sha(b''.join(b'c' * i for i in range(1, 101))),
   'a chunked body is hashed without its chunks', x)
puts = [x for x in d['exchanges'] if x['method'] == 'PUT']
ok(len(puts) == 1 and puts[0]['requestSize'] == 70001 and
   puts[0]['requestSha256'] == sha(b'a' * 70000 + b'b'), 'a request body: size and digest', puts)
x = exchanges('/gzip')[0]
ok(x['contentEncoding'] == 'gzip' and x['size'] < 100000, 'a coding that was not asked for', x)
ok(exchanges('/redirect')[0]['location'].startswith('https://cdn.test/hello?token=redacted-'),
   'a redirect with its secret hidden', exchanges('/redirect'))
ok('CANARY' not in text, 'no secret anywhere in the record',
   text[max(0, text.find('CANARY') - 100):][:200])
ok(any('access_token=redacted-' in x['url'] and 'v=1' in x['url'] for x in d['exchanges']),
   'a secret is hidden, the rest of the query is not')
ok(any('/npm/redacted-' in x['url'] for x in d['exchanges']), 'a token in a path is hidden')
ok(any('?x=redacted-' in x['url'] for x in d['exchanges']), 'what looks random is hidden')
ok(any(x.get('credentials') for x in d['exchanges']), 'that credentials were sent is said')
x = exchanges('/big?40000000')[0]
ok('client went away' in x.get('error', '') and x['size'] < 40000000, 'a client that left early', x)
x = exchanges('http://good.test/slow')[0]
ok('build ended' in x.get('error', ''), 'under way at the end', x)

ok(exchanges('https://good.test/hello/info/refs?service=git-upload-pack'), 'git over https')
for kind, target, reason in (
        ('tcp', '203.0.113.10:8443', 'only ports 80 and 443'),
        ('tcp', '8.8.8.8:22', 'use https'),
        ('udp', '8.8.8.8:53', 'only the resolver'),
        ('udp', '203.0.113.10:443', 'QUIC'),
        ('udp', '1.1.1.1:123', 'only TCP'),
        ('http', 'http://169.254.169.254/', 'link-local (cloud metadata)'),
        ('http', 'http://10.0.0.1/', 'private'),
        ('http', 'http://rebind.test/', 'loopback'),
        ('http', 'good.test', 'CONNECT'),
        ('http', 'good.test', 'the request is for other.test'),
        ('http', 'good.test', 'HTTP/2 without negotiation'),
        ('http', 'good.test', 'WebSocket'),
        ('tls', 'https://good.test', 'HTTP/2 or another protocol only'),
        ('tls', 'https://good.test', 'roots of its own'),
        ('http', 'https://wrongname.test', 'ostname mismatch'),
        ('http', 'https://selfsigned.test', 'self-signed'),
        ('http', 'smuggle.test', 'bytes')):
    ok(refused(kind, target, reason), 'refused and listed: %s %s' % (kind, reason),
       [r for r in d['refused'] if target in r['target']])
for name, reason in (
        ('slowhead', 'did not begin'), ('endlesshead', '64 KiB'), ('short', 'middle of a message'),
        ('hugechunks', 'larger than 50000000'), ('hugeend', 'larger than 50000000'),
        ('slowbody', 'less than 1024 bytes'), ('badchunk', 'not proper'),
        ('extensions', '64 KiB'), ('trailers', '64 KiB'), ('tlscut', 'connection broke'),
        ('upgrade', 'switches'), ('telength', 'not proper')):
    e = exchanges(name + '.test')
    ok(e and reason in e[0].get('error', ''), 'server %s: the error is named' % name, e)
tunnel = [n for n in d['names'] if n['name'].endswith('.tunnel.test')]
ok(len(tunnel) == 300 and all(n['asked'] >= 1 for n in tunnel), 'every name asked is listed')
ok(d['summary']['badQueries'] >= 2, 'garbage for the resolver is counted', d['summary'])
ok('"8.8.8.8' in text and '\\u001b' not in text, 'no terminal escape in the record')
if len(sys.argv) > 2:
    import jsonschema
    try:
        jsonschema.validate(d, json.load(open(sys.argv[2])))
        ok(True, 'the record is what its schema says')
    except jsonschema.ValidationError as e:
        ok(False, 'the record is what its schema says', str(e)[:400])
sys.exit(bad != 0)
