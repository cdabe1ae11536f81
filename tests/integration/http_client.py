"""One call with a real HTTP client: prints as JSON what an app would see of it.

http_client.py requests|httpx whole|stream PORT|proxy

A port: api.openai.com is there on 127.0.0.1, no proxy. 'proxy': as HTTPS_PROXY says.
"""
import hashlib
import json
import socket
import sys

library, manner, where = sys.argv[1:]
URL = 'https://api.openai.com/v1/chat/completions'
BODY = json.dumps({'model': 'gpt-fake-1', 'stream': manner == 'stream',
                   'messages': [{'role': 'user', 'content': 'hi'}]}).encode()
HEADERS = {'Content-Type': 'application/json', 'Authorization': 'Bearer sk-made-up'}

if where != 'proxy':
    resolve = socket.getaddrinfo
    socket.getaddrinfo = lambda host, port, *rest, **named: resolve('127.0.0.1', int(where), *rest, **named)

got = {'status': None, 'length': 0, 'sha256': None, 'error': None}
digest = hashlib.sha256()


def take(piece):
    got['length'] += len(piece)
    digest.update(piece)


try:
    if library == 'requests':
        import requests
        with requests.Session() as session:
            answer = session.post(URL, data=BODY, headers=HEADERS, stream=manner == 'stream', timeout=20)
            got['status'] = answer.status_code
            if manner == 'stream':
                for piece in answer.iter_content(chunk_size=None):
                    take(piece)
            else:
                take(answer.content)
    else:
        import httpx
        with httpx.Client(timeout=20) as client:
            if manner == 'stream':
                with client.stream('POST', URL, content=BODY, headers=HEADERS) as answer:
                    got['status'] = answer.status_code
                    for piece in answer.iter_raw():
                        take(piece)
            else:
                answer = client.post(URL, content=BODY, headers=HEADERS)
                got['status'] = answer.status_code
                take(answer.content)
except Exception as e:
    kind = type(e)
    if library == 'requests' and kind.__name__ == 'ProxyError':
        # urllib3 says so of every connection that breaks before an answer, as soon as there is a proxy.
        kind = kind.__base__
    got['error'] = f'{kind.__module__}.{kind.__name__}'
got['sha256'] = digest.hexdigest()
print(json.dumps(got))
