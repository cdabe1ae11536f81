#!/usr/bin/env python3
"""What each command prints where people meet it first: on a store without records, without a store,
and used wrongly. Every screen is compared with screens/NAME.txt, and no line of standard output is
wider than 80 columns. LLMREC_UPDATE_GOLDENS=1 writes the files instead.
    tests/golden/screens_test.py path/to/llmrec
"""
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent / 'screens'
UPDATE = bool(os.environ.get('LLMREC_UPDATE_GOLDENS'))
STORE = ['show last', 'ls', 'ls -o json', 'ls -o csv', 'stats', 'stats --json', 'export', 'retry-safe last',
         'note last a=b', 'db stat', 'db stat --json', 'db verify', 'db prune --retain 1d', 'db compact']
SCREENS = {
    'empty': [f'{c} --store T/empty' for c in STORE],
    'missing': [f'{c} --store T/none' for c in STORE] + ['ls --store T/file'],
    'wrong': ['', 'lss', '--foo', 'db', 'db stats', 'show', 'show a b', 'ls --since yesterday', 'ls -n many', 'ls -o yaml',
              'ls --status bad', 'ls --error rate_limits', 'ls -f -o json', 'ls -f --status open', 'stats --by colour',
              'export --after req_1', 'retry-safe', 'note req_1', 'note req_1 fact', 'db prune', 'db prune --retain x',
              'ca', 'ca env --shell tcsh', 'config', 'config check --config T/none.conf',
              'config check --config T/wrong.conf', 'doctor --pid me', 'doctor --host http://x', 'completions',
              'completions tcsh', 'serve --record a/b'],
    'ca': ['ca show --ca-dir T/none', 'ca bundle --ca-dir T/none', 'ca init --ca-dir none', 'ca init --ca-dir T/ca2 --record *.com',
           'ca init --ca-dir T/ca2 --record llm.corp.example --no-default-hosts', 'ca show --ca-dir T/ca2',
           'ca env --ca-dir T/ca2', 'ca env --ca-dir T/ca2 --shell k8s --listen 0.0.0.0:9',
           'config check --config T/good.conf'],
    'doctor': ['doctor --store T/none --ca-dir T/none --listen 127.0.0.1:1 --ascii'],
    'help': ['--help', 'ls --help', 'stats --help', 'export --help', 'retry-safe --help', 'note --help', 'db --help',
             'db stat --help', 'db verify --help', 'db prune --help', 'db compact --help', 'ca --help', 'ca init --help',
             'ca env --help', 'config check --help', 'doctor --help', 'completions --help'],
}
# What differs from run to run, or from machine to machine.
MASKS = [(r'([0-9A-F]{2}:){15}[0-9A-F]{2}:?', 'FINGERPRINT'), (r'\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d\.\d+)? UTC', 'TIME'),
         (r'"\d{4}-\d\d-\d\dT[\d:.]+Z"', '"TIME"'), (r'\d+ hosts and patterns', 'N hosts and patterns'),
         (r'(_bytes":)\d+', r'\1N'), (r'\d+(\.\d)? [KM]iB', 'SIZE')]  # pages differ between machines


def set_up(llmrec, top, environment):
    (top / 'file').write_text('not a directory')
    (top / 'wrong.conf').write_text('# a comment\nlistn = 127.0.0.1:1\n')
    (top / 'good.conf').write_text('listen = 127.0.0.1:1\nstore = /nowhere\n')
    serve = subprocess.Popen([llmrec, 'serve', '--listen', '127.0.0.1:0', '--store', top / 'empty', '--ca-dir', 'none',
                              '--ready-file', top / 'ready'], env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not (top / 'ready').exists():
        if serve.poll() is not None or time.monotonic() > deadline:
            sys.exit('llmrec serve did not start')
        time.sleep(0.01)
    serve.send_signal(signal.SIGTERM)
    if serve.wait(20) != 0:
        sys.exit('llmrec serve ended badly')


def screen(llmrec, command, top, environment):
    """One command as somebody sees it, and what is wrong with it."""
    arguments = command.replace('T/', f'{top}/').split()
    done = subprocess.run([llmrec, *arguments], env=environment, capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, cwd=top)
    faults = [f'llmrec {command}: {len(line)} columns: {line}' for line in done.stdout.splitlines()
              if len(line) > 80 and not line.startswith('{') and str(top) not in line and ',' not in line[:40]]
    if done.returncode not in (0, 1, 2, 3):
        faults.append(f'llmrec {command}: exit status {done.returncode}')
    text = f'$ llmrec {command}'.rstrip() + '\n' + done.stdout + done.stderr
    text += f'[{done.returncode}]\n' if done.returncode else ''
    text = text.replace(str(top), 'T')
    for pattern, replacement in MASKS:
        text = re.sub(pattern, replacement, text)
    return text, faults


def main():
    llmrec = pathlib.Path(sys.argv[1]).resolve()
    environment = {'PATH': os.environ['PATH'], 'TZ': 'UTC', 'LC_ALL': 'C.UTF-8', 'HOME': '/nowhere'}
    if 'ASAN_OPTIONS' in os.environ:
        environment['ASAN_OPTIONS'] = os.environ['ASAN_OPTIONS']
    faults = []
    with tempfile.TemporaryDirectory(prefix='llmrec-screens-') as directory:
        top = pathlib.Path(directory)
        set_up(llmrec, top, environment)
        for name, commands in SCREENS.items():
            shown = []
            for command in commands:
                text, wrong = screen(llmrec, command, top, environment)
                shown.append(text)
                faults += wrong
            golden = HERE / f'{name}.txt'
            text = '\n'.join(shown)
            if UPDATE:
                golden.write_text(text)
            elif not golden.exists() or golden.read_text() != text:
                faults.append(f'{golden} differs; now it is:\n{text}')
    print('\n'.join([*faults, f'screens: {len(SCREENS)} files, {len(faults)} faults']))
    return bool(faults)


sys.exit(main())
