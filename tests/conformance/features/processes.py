"""Other processes: forked, spawned, run; signals; the environment."""

from __future__ import annotations

STEADY = {
    "subprocess": "import subprocess, time, os, sys\n_ = subprocess.run(['echo', 'below']); time.sleep(0.5)",
    "its errors": "_ = subprocess.run(['sh', '-c', 'echo wrong >&2']); time.sleep(0.5)",
    "captured": "subprocess.run(['echo', 'kept'], capture_output=True, text=True).stdout",
    "fails": "subprocess.run(['false'], check=True)",
    "missing": "subprocess.run(['no-such-program'])",
    "system": "status = os.system('echo system'); time.sleep(0.5)\nstatus",
    "popen": "os.popen('echo popen').read()",
    "stdin": "subprocess.run(['cat'], stdin=subprocess.DEVNULL).returncode",
    "stdin of ours": "subprocess.run(['cat'], capture_output=True).stdout",
    "python below": "subprocess.run([sys.executable, '-c', 'print(1 + 1)'], capture_output=True, text=True).stdout",
    "printing below": "_ = subprocess.run([sys.executable, '-c', 'print(\"child\")']); time.sleep(0.5)",
    "async subprocess": "import asyncio\n"
    "p = await asyncio.create_subprocess_exec('echo', 'async', stdout=asyncio.subprocess.PIPE)\n"
    "(await p.communicate())[0]",
    "shell": "!echo shell",
    "shell error": "!ls /no/such/folder",
    "shell status": "_exit_code",
    "shell value": "v = !printf 'a\\nb'\nv",
    "shell list": "v.n, v.s, v.fields(0)",
    "shell variable": "word = 'w'\n!echo {word} $word $HOME_NOT_SET",
    "shell long": "!for i in 1 2 3; do echo $i; done",
    "shell background": "!sleep 0 &",
    "double": "!!echo twice",
    "bash": "%%bash\necho bash; echo err >&2",
    "bash fails": "%%bash\nexit 3",
    "bash captured": "%%bash --out kept --err wrong\necho one; echo two >&2",
    "bash kept": "kept, wrong",
    "sh": "%%sh\necho sh",
    "script": "%%script cat\nthrough cat",
    "script without error": "%%bash --no-raise-error\nexit 4",
    "python": "%%python\nimport sys; print(sys.version_info[0])",
    "env": "%env NBD=1",
    "env read": "!echo $NBD",
    "env by Python": "os.environ['NBD2'] = 'two'\n!echo $NBD2",
    "env below": "subprocess.run(['sh', '-c', 'echo $NBD'], capture_output=True, text=True).stdout",
    "env value": "%env NBD",
    "env unset": "del os.environ['NBD']\n%env NBD",
    "set env": "%set_env NBD3=three",
    "kernel's own": "[os.environ.get(n) for n in ('TERM', 'CLICOLOR', 'PAGER', 'GIT_PAGER', "
    "'MPLBACKEND', 'FORCE_COLOR')]",
    "time zone": "os.environ['TZ'] = 'Asia/Tokyo'; time.tzset()\ntime.localtime(0).tm_hour",
    "fork": "pid = os.fork()\nif pid == 0:\n    os._exit(7)\nos.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])",
    "fork prints": "pid = os.fork()\nif pid == 0:\n    os.write(1, b'from the child\\n'); os._exit(0)\n"
    "os.waitpid(pid, 0)[1]",
    "wait": "pid = os.fork()\nif pid == 0:\n    os._exit(3)\nos.waitstatus_to_exitcode(os.wait()[1])",
    "wait for nobody": "os.wait()",
    "fork of mp": "import multiprocessing as mp\nwith mp.get_context('fork').Pool(1) as p:\n"
    "    print(p.map(abs, [-1]))",
    "fork of a cell's function": "def square(n): return n * n\nwith mp.get_context('fork').Pool(2) as p:\n"
    "    print(p.map(square, range(4)))",
    "process": "p = mp.get_context('fork').Process(target=print, args=('process',)); p.start(); p.join(); p.exitcode",
    "process raises": "def falls(): raise ValueError('in a process')\n"
    "p = mp.get_context('fork').Process(target=falls, name='P')\n"
    "p.start(); p.join(); time.sleep(0.3); p.exitcode",
    "pool raises": "with mp.get_context('fork').Pool(1) as p:\n    p.map(falls_too := abs, ['a'])",
    "queue": "q = mp.get_context('fork').Queue()\n"
    "p = mp.get_context('fork').Process(target=q.put, args=(5,)); p.start()\n"
    "r = q.get(timeout=20); p.join(); r",
    "default method": "mp.get_start_method()",
    "name": "mp.current_process().name, mp.parent_process()",
    "executor": "from concurrent.futures import ProcessPoolExecutor\n"
    "with ProcessPoolExecutor(1, mp.get_context('fork')) as p:\n"
    "    print(p.submit(square, 5).result())",
    "shared memory": "from multiprocessing import shared_memory\nm = shared_memory.SharedMemory(create=True, size=4)\n"
    "m.buf[0] = 9; print(m.buf[0]); m.close(); m.unlink()",
    "signal": "import signal\nold = signal.signal(signal.SIGUSR1, lambda *_: print('signalled'))\n"
    "os.kill(os.getpid(), signal.SIGUSR1)",
    "alarm": "signal.signal(signal.SIGALRM, lambda *_: print('alarm'))\n"
    "signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(0.2)",
    "interrupted": "os.kill(os.getpid(), signal.SIGINT); time.sleep(1)",
    "handlers": "[getattr(signal.getsignal(s), '__name__', str(signal.getsignal(s))) for s in "
    "(signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE, signal.SIGHUP)]",
    "child signals": "def gone(*_): print('child gone')\nold = signal.signal(signal.SIGCHLD, gone)\n"
    "_ = subprocess.run(['true']); time.sleep(0.1); signal.signal(signal.SIGCHLD, old);",
    "blocked": "signal.pthread_sigmask(signal.SIG_BLOCK, [])",
    "timer": "import threading\nt = threading.Timer(0.05, print, ['timer']); t.start(); t.join()",
    "atexit": "import atexit\natexit.register(print, 'never seen');",
    "socket": "import socket\na, b = socket.socketpair(); a.send(b'x'); b.recv(1)",
    "server": "s = socket.create_server(('127.0.0.1', 0)); c = "
    "socket.create_connection(s.getsockname()); s.accept()[0].send(b'hi')\nc.recv(2)",
    "children": "import psutil\n[p.name() for p in psutil.Process().children()]",
    "umask": "old = os.umask(0o22); os.umask(old); oct(old)",
    "nice": "os.nice(0) >= 0, os.getpid() != os.getppid()",
    "last": "print('alive')",
}

#: Starting another interpreter takes long.
SLOW = {
    "import": "import multiprocessing as mp, time, sys",
    "spawn": "with mp.get_context('spawn').Pool(1) as p:\n    print(p.map(abs, [-1]))",
    "spawn prints": "p = mp.get_context('spawn').Process(target=print, args=('spawned',)); p.start(); "
    "p.join(); time.sleep(0.5)\np.exitcode",
    "spawn of a cell's function": "def square(n): return n * n\n"
    "p = mp.get_context('spawn').Process(target=square, args=(2,)); p.start(); p.join(); time.sleep(0.5)\np.exitcode",
    "forkserver": "with mp.get_context('forkserver').Pool(1) as p:\n    print(p.map(abs, [-2]))",
    "forkserver prints": "p = mp.get_context('forkserver').Process(target=print, args=('served',)); "
    "p.start(); p.join(); time.sleep(0.5)\np.exitcode",
    "module": "open('work.py', 'w').write('def cube(n): return n ** 3\\n')\nimport work\n"
    "with mp.get_context('spawn').Pool(1) as p:\n    print(p.map(work.cube, [2]))",
    "manager": "with mp.get_context('fork').Manager() as m:\n    d = m.dict(); d['a'] = 1; print(dict(d))",
    "set method": "mp.set_start_method('spawn', force=True); mp.get_start_method()",
    "executor": "from concurrent.futures import ProcessPoolExecutor\nwith ProcessPoolExecutor(1) as p:\n"
    "    print(p.submit(abs, -5).result())",
    "last": "print('alive')",
}
