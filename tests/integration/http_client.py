"""Calls with a real HTTP client: prints what an app would see of each, one line of JSON per call.

http_client.py requests|httpx whole|stream PORT|proxy CALLS

A port: api.openai.com is there on 127.0.0.1, no proxy. 'proxy': as HTTPS_PROXY says. Each call has a
connection of its own, and its number in the header X-Scene.
"""
import hashlib
import json
import socket
import sys

library, manner, where, calls = sys.argv[1:]
streaming = manner == 'stream'
URL = 'https://api.openai.com/v1/chat/completions'
BODY = json.dumps({'model': 'gpt-fake-1', 'stream': streaming, 'messages': [{'role': 'user', 'content': 'hi'}]})

if where != 'proxy':
    resolve = socket.getaddrinfo
    socket.getaddrinfo = lambda host, port, *rest, **named: resolve('127.0.0.1', int(where), *rest, **named)


def with_requests(headers, got, take):
    import requests
    with requests.Session() as session:
        answer = session.post(URL, data=BODY.encode(), headers=headers, stream=streaming, timeout=20)
        got['status'] = answer.status_code
        for piece in answer.iter_content(chunk_size=None) if streaming else [answer.content]:
            take(piece)


def with_httpx(headers, got, take):
    import httpx
    with httpx.Client(timeout=20) as client:
        if streaming:
            with client.stream('POST', URL, content=BODY.encode(), headers=headers) as answer:
                got['status'] = answer.status_code
                for piece in answer.iter_raw():
                    take(piece)
        else:
            answer = client.post(URL, content=BODY.encode(), headers=headers)
            got['status'] = answer.status_code
            take(answer.content)


def call(number):
    got = {'status': None, 'length': 0, 'error': None}
    digest = hashlib.sha256()

    def take(piece):
        got['length'] += len(piece)
        digest.update(piece)

    headers = {'Content-Type': 'application/json', 'Authorization': 'Bearer sk-made-up', 'X-Scene': str(number)}
    try:
        (with_requests if library == 'requests' else with_httpx)(headers, got, take)
    except Exception as e:
        kind = type(e)
        if library == 'requests' and kind.__name__ == 'ProxyError':
            # urllib3 says so of every connection that breaks before an answer, once there is a proxy.
            kind = kind.__base__
        got['error'] = f'{kind.__module__}.{kind.__name__}'
    got['sha256'] = digest.hexdigest()
    return got


for i in range(int(calls)):
    print(json.dumps(call(i)))
