"""What people write while they explore is left out; what looks like it, but matters, is not."""

from __future__ import annotations

import pytest
from notebook_cells import code, markdown, notebook_of

from nbdash.model import CellKind, PlannedCell, Selection
from nbdash.notebook.selection import select_cells

IMPORTS = """import json, math
import numpy as np, pandas as pd
import matplotlib.pyplot as plt
import seaborn as sns
from IPython.display import display, HTML, Markdown
from collections import Counter
from operator import itemgetter"""
DATA = """df = pd.read_csv('sales.csv')
other = df.copy()
numbers = [1, 2, 3]
lookup = {'a': 1}
x = np.linspace(0, 1, 50)"""
SHOWN = "df.plot()\nother.plot()\nprint(numbers, lookup, x)"

FRAME = "import pandas as pd\\ndf = pd.DataFrame({'a': [1]})"
FIGURE = "import matplotlib.pyplot as plt\\nfig, ax = plt.subplots()"

#: One cell each, ``\\n`` between its lines.
EXPLORING = r"""
df
df.head()
df.tail(3)
df.info()
df.describe()
df.describe(include='all').T
df.shape
df.columns
df.dtypes
df.index
len(df)
print(df)
print(len(df), df.shape)
print(f"{len(df):,} rows")
display(df)
display(df.head(), df.tail())
display(HTML(df.to_html()))
display(Markdown('**hello**'))
df.isna().sum()
df.isnull().sum().sort_values(ascending=False)
df['region'].value_counts()
df['region'].value_counts(normalize=True).plot(kind='bar')
df.region.unique()
df.nunique()
df.corr()
df.groupby('region').mean()
df.groupby('region')['amount'].agg(['mean', 'sum'])
df.groupby(['a', 'b']).size().unstack()
df.groupby('region').amount.sum().plot.bar()
df.pivot_table(index='a', columns='b', values='c')
df.pivot_table(index='a', values='c', aggfunc='mean')
pd.crosstab(df.a, df.b)
df.sort_values('amount').head(10)
df[df.amount > 3]
df[df['amount'] > 3].head()
df.loc[3]
df.iloc[:5, :2]
df.loc[df.a > 1, ['a', 'b']]
df.sample(5, random_state=1)
df.plot()
df.plot(x='a', y='b', figsize=(8, 4))
df.plot.scatter('a', 'b')
df['amount'].hist(bins=30)
df.amount.plot(kind='kde')
df.boxplot(column='a', by='b')
plt.hist(df.amount)
plt.hist(df.amount, bins=30)\nplt.title('Amounts')\nplt.show()
plt.plot(x, np.sin(x))\nplt.xlabel('x')\nplt.grid(True)
plt.figure(figsize=(8, 4))\nplt.scatter(df.a, df.b, alpha=0.3)\nplt.tight_layout()\nplt.show()
fig, ax = plt.subplots()\nax.plot(df.a)\nax.set_title('a')\nax.legend()
fig, axes = plt.subplots(2, 2, figsize=(8, 8))\naxes[0, 0].hist(df.a)\ndf.plot(ax=axes[0, 1])\nfig.suptitle('all')
fig, axes = plt.subplots(1, 2)\nfor ax, name in zip(axes, ['a', 'b']):\n    ax.hist(df[name])
for name in df.columns:\n    print(name, df[name].nunique())
for region, group in df.groupby('region'):\n    print(region, len(group))
for i, row in df.head().iterrows():\n    print(i, row['a'])
for n in numbers:\n    print(n)
[n ** 2 for n in numbers]
{k: v for k, v in lookup.items()}
sum(numbers) / len(numbers)
sorted(numbers, reverse=True)[:3]
max(numbers), min(numbers)
type(df)
isinstance(df, pd.DataFrame)
lookup.get('a')
'a' in lookup
Counter(numbers).most_common(3)
json.dumps(lookup)
np.mean(x), np.std(x)
x.mean(), x.shape
np.percentile(x, [5, 95])
subset = df[df.a > 2]\nsubset.describe()
counts = df.region.value_counts()\ncounts.plot(kind='pie')
tmp = df.copy()\ntmp['new'] = tmp.a * 2\ntmp.head()
df.assign(c=df.a + 1).head()
df.assign(c=lambda d: d.a + 1).head()
df.apply(lambda row: row.a + 1, axis=1)
df.apply(np.sum)
df.a.map(lambda v: v * 2).head()
df.a.map({1: 'x'})
df.rename(columns={'a': 'b'})
df.drop(columns=['a']).head()
df.dropna().shape
df.fillna(0).head()
df.merge(other, on='a').head()
pd.concat([df, other]).shape
df.a.str.upper().head()
df.date.dt.year.value_counts()
df.style.format('{:.1f}')
df.style.background_gradient()
df.memory_usage(deep=True).sum()
df.to_string()
df.T
df.select_dtypes('number').columns
df.resample('D').sum().plot()
df.a.rolling(7).mean().plot()
sns.pairplot(df)
sns.heatmap(df.corr(), annot=True)
sns.histplot(data=df, x='a', hue='b')
sns.boxplot(x='a', y='b', data=df)
import os
from pathlib import Path
import scipy.stats
from sklearn.linear_model import LinearRegression
%timeit df.sum()
%time df.groupby('a').sum()
%%time\ndf.describe()
%whos
df.head?
# just a comment
df.a.mean() if len(df) else None
with pd.option_context('display.max_rows', 5):\n    display(df)
with plt.style.context('ggplot'):\n    df.plot()
x[x > 0.5].sum()
np.array([1, 2]) @ np.array([3, 4])
pd.read_csv('other.csv').head()
with open('notes.txt') as file:\n    print(file.read())
def helper(v):\n    return v * 2
class Point:\n    pass
g = lambda v: v + 1
pd.__version__
np.__version__
print(pd.__version__)
df.equals(other)
df.query('a > 3')
df.eval('a + b')
import warnings
pd.DataFrame({'a': [1]}).plot()
df.hist(figsize=(10, 8));
_ = plt.hist(df.a)
df.a.idxmax()
df.nlargest(5, 'a')
df.set_index('a').loc[3]
df.groupby('a').apply(lambda g: g.b.max())
df.duplicated().sum()
df.a.quantile([.1, .9])
df.a.astype(str)
df.value_counts()
plt.imshow(x.reshape(5, 10))\nplt.colorbar()
a, b = np.polyfit(x, x, 1)\nprint(a, b)
df.a.plot(); plt.axvline(3, color='k')
print(*numbers)
assert_like = df.a.gt(3)
df.a.gt(3).mean()
df.cumsum().plot()
df.isin([1]).any()
df.keys()
print("a", end="")
df.to_dict('records')[:2]
df.plot.hist(alpha=.5)
df.corr().style.background_gradient(cmap='coolwarm')
df.a.cat.categories
dir(df)
help(df)
vars(df)
for name in df.columns[1:]:\n    print(name)
sorted(lookup.items(), key=itemgetter(1))
pairs = list(zip(numbers, numbers))\nnp.mean(pairs)
sns.regplot(x='a', y='b', data=df)
np.exp(df.a) / np.max(x)
rng = np.random.default_rng(3)\nplt.hist(rng.normal(size=99))
df.sample(5)
df.index.name
plt.plot(x[:20].T)
with np.printoptions(precision=2):\n    print(x)
""".strip().splitlines()

#: Three cells each, separated by ``---``, the last one shown: the second changes what it shows.
MATTERING = r"""
FIGURE---ax.plot([1])---fig
FIGURE---fig---print(ax.get_position())
import matplotlib.pyplot as plt\nfig, axes = plt.subplots(2)---axes[0].set_title('x')---fig
import matplotlib.pyplot as plt\nFRAME\nfig, ax = plt.subplots()---df.plot(ax=ax)---fig
import matplotlib.pyplot as plt---plt.rcParams['font.size'] = 20---plt.plot([1])
import matplotlib.pyplot as plt---rc = plt.rcParams\nrc['font.size'] = 20---plt.plot([1])
import matplotlib.pyplot as plt---plt.rcParams.update({'font.size': 3})---plt.plot([1])
from matplotlib import rcParams---rcParams['font.size'] = 20---import matplotlib.pyplot as plt; plt.plot([1])
import numpy as np\na = np.zeros(3)---np.add(a, 1, a)---print(a)
import numpy as np\na = np.zeros(3)\nb = np.flip(a)---b[0] = 1---print(a)
import numpy as np\nr = np.random.default_rng(0)\na = [1,2]---r.shuffle(a)---print(a)
import pandas as pd, numpy as np\na = np.zeros(3)\ns = pd.Series(a)---s[0] = 1---print(a)
FRAME\nh = df.head()---h.iloc[0, 0] = 5---print(df)
FRAME\nthr = 1---thr = 0---print(df.query('a > @thr'))
FRAME\nq='a > @thr'\nthr = 1---thr = 0---print(df.query(q))
import queue\nq = queue.Queue(); q.put(1); q.put(2)---q.get()---print(q.get())
log = []\ndef f(x):\n    log.append(x)\n    return x---sorted([1], key=f)---print(log)
log = []\nclass C:\n    def key(self, x): return log.append(x) or x\nc = C()---sorted([1], key=c.key)---print(log)
FRAME\nlog = []\ndef f(x): return log.append(1) or 1---df.pivot_table(index='a', aggfunc=f)---print(log)
import re\nlog = []\ndef f(m):\n    log.append(1)\n    return ''---re.sub('a', f, 'a')---print(log)
log = []---x = [log.append(i) for i in range(3)]---print(log)
log = []---list(map(log.append, [1]))---print(log)
log = []\nm = map(lambda v: log.append(v), [1])---list(m)---print(log)
a = [1]\ndef g():\n    yield a.pop()\nit = g()---next(it)---print(a)
import random\nrandom.seed(1)\ndef g(): yield random.random()\nit = g()---next(it)---print(random.random())
import random\nrandom.seed(1)\nit = (random.random() for _ in range(9))---random.random()---print(list(it))
class A:\n    n = 0\na = A()---A.n = 5---print(a.n)
class A:\n    n = 0\na = A()\nb = A()---type(a).n = 5---print(b.n)
n = 1---class A:\n    n = n---print(A.n)
from IPython.display import display\nh = display('a', display_id=True)---h.update('b')---print(1)
import os---os.environ['A'] = '1'---print(os.environ['A'])
import sys---sys.path.append('lib')---import helper
pass---%matplotlib inline---print(1)
%config InlineBackend.close_figures = False---import matplotlib.pyplot as plt\nplt.plot([1])---print(1)
pass---%load_ext autoreload---print(1)
pass---from __future__ import annotations---x: undefined = 1
pass---import warnings\nwarnings.filterwarnings('error')---print(1)
it = iter([1, 2]); p = (it, 1)---next(p[0])---print(next(it))
a = iter([1,2]); z = zip(a, [1])---next(z)---print(list(a))
import io\nf = io.StringIO('ab')---f.readline()---print(f.read())
import csv\nf = open('/dev/null'); r = csv.reader(f)---for row in r: pass---print(list(f))
x = 1\ndef f():\n    return eval('x')---x = 2---print(f())
def f():\n    return globals()['x']---x = 2---print(f())
pass---x = 5---print(Out)
import scipy---import scipy.stats---scipy.stats.norm
def deco(f):\n    return f---@deco\ndef g(): pass---print(deco)
import atexit---atexit.register(print)---print(1)
a = [1]\nf = a.append---f(2)---print(a)
a = [1]\nb = dict(k=a)---b.get('k').append(2)---print(a)
a = [1]\nb = dict(k=a)---b.setdefault('k', []).append(2)---print(a)
a = {1}---a |= {2}---print(a)
a = [1]\nb = a or []---b.append(2)---print(a)
a = [1]\ndef f(v=a): return v---f().append(2)---print(a)
a = [1]\nf = lambda: a---f().append(2)---print(a)
a = [1]---(lambda: a.append(2))()---print(a)
a = [1]---import functools\nfunctools.partial(a.append, 2)()---print(a)
import asyncio\na = []\nasync def f(): a.append(1)---await f()---print(a)
a = [1, 2]\nb = reversed(a)---list(b)---print(list(b))
pass---x = !ls---print(x)
pass---%%bash\nexport A=1---print(1)
pass---n = 3---%timeit -n 1 -r 1 print(n)
pass---n = 3---!echo $n
import logging---logging.basicConfig(level=10)---logging.info('x')
import numpy as np---np.set_printoptions(precision=2)---print(np.pi)
import pandas as pd---pd.options.display.max_rows = 2---print(pd.Series([1]))
import pandas as pd---pd.DataFrame.total = lambda s: 1---print(pd.DataFrame().total())
pass---from helpers import *---print(thing)
import helpers\nimport json---helpers.reset()---print(helpers.x)
def f(): return 1---f.cache = 2---print(f.cache)
a = [3]\nx, *y = a, 2---y.append(1)\nx.append(2)---print(a)
a = []\nfor b in [a]:\n    pass---b.append(1)---print(a)
a = []\nwith open('/dev/null') as f:\n    b = a---b.append(1)---print(a)
a = []\nmatch [a]:\n    case [b]:\n        pass---b.append(1)---print(a)
a = []\ntry:\n    b = a\nfinally:\n    c = b---c.append(1)---print(a)
a = []\nif (b := a) is not None: pass---b.append(1)---print(a)
import threading, time\na = []\nt = threading.Timer(.01, lambda: a.append(1)); t.start()---t.join()---print(a)
a = []\nclass S:\n    def __enter__(s): a.append(1)\n    def __exit__(s, *x): pass\ns = S()---with s: pass---print(a)
a = []\nclass S:\n    def __iter__(self): return iter([a.append(1)])\ns = S()---for x in s: pass---print(a)
a = []\nclass S:\n    def __len__(self): return a.append(1) or 1\ns = S()---len(s)---print(a)
a = []\nclass S:\n    def head(self):\n        a.append(1)\ns = S()---s.head()---print(a)
a = []\nclass S:\n    def go(self): a.append(1)\n    def __repr__(self): return str(self.go())\ns = S()---s---print(a)
FRAME---df.columns = ['b']---print(df)
FRAME---del df['a']---print(df)
FRAME---df.insert(0, 'b', 1)---print(df)
FRAME---opts = {'inplace': True}\ndf.rename(columns={'a': 'b'}, **opts)---print(df)
FRAME---for c in df.columns:\n    df[c] = df[c] * 2---print(df)
FRAME---df.to_csv('x.csv')---print(pd.read_csv('x.csv'))
FRAME---s = df['a']\ns.fillna(0, inplace=True)---print(df)
import pandas as pd\nr = pd.read_csv('x.csv', chunksize=2)---next(r)---print(next(r))
a = [1]\nb = [a]---b[0] += [2]---print(a)
import matplotlib.pyplot as plt---plt.xkcd()---print(plt.rcParams['path.sketch'])
import contextlib\na = []---with contextlib.nullcontext(a) as n:\n    n.append(1)---print(a)
import numpy as np\nr = np.random.default_rng(1)\nq = np.random.default_rng(r)---q.random()---print(r.random())
import numpy as np\na = np.array([1, 5, 9])---np.clip(a, 2, 3, a)---print(a)
import numpy as np\na = np.array([1, 5, 9])---np.cumsum(a, None, None, a)---print(a)
import numpy as np\na = np.array([1, 5, 9])---a.clip(2, 3, a)---print(a)
import numpy as np\na = np.array([1, 5, 9])\nargs = (a, 1, a)---np.add(*args)---print(a)
import pandas as pd\ndf = pd.DataFrame({'a': [1], 'b': [2]})\nit = iter(['a', 'b'])---df[it]---print(list(it))
import pandas as pd\ndf = pd.DataFrame({'a': [1], 'b': [2]})\nit = iter(['a'])---df.drop(columns=it)---print(list(it))
FRAME\ncols = df.items()---list(cols)---print(list(cols))
FRAME---df.index.name = 'row'---print(df)
FRAME\nidx = df.columns---idx.name = 'row'---print(df)
log = []\nC = type('C', (), {'head': lambda self: log.append(1)})\nc = C()---c.head()---print(log)
from types import SimpleNamespace\nlog = []\nns = SimpleNamespace(head=lambda: log.append(1))---ns.head()---print(log)
from collections import defaultdict\nd = defaultdict(int)---d['missing']---print(d)
from collections import defaultdict\ndef make():\n    return defaultdict(int)\nd = make()---d['missing']---print(d)
import random\nr = random.Random(1)---r.sample([1, 2, 3], 2)---print(r.random())
import numpy as np\nlog = []\nnp.mean = lambda x: log.append(1)---np.mean([1])---print(log)
import builtins\nlog = []\nbuiltins.hex = lambda x: log.append(1)---hex(1)---import gc\nprint(log[:1])
a = []---t = %timeit -o -n1 -r1 a.append(1)---print(a)
a = []---%%timeit -n1 -r1 a.append(1)\npass---print(a)
a = []---%%time\n%%capture\na.append(1)---print(a)
x = 1---%prun -q -T prof.txt sum([1])---import os\nprint(os.path.exists('prof.txt'))
x = 1---%history -f out.py---import os\nprint(os.path.exists('out.py'))
class A:\n    def __add__(self, other): return self\na = A()\na.x = 0\nb = a + 1---b.x = 5---print(a.x)
class A:\n    n = 0\nB = A\na = A()---B.n = 5---print(a.n)
import io, pandas as pd\nbuf = io.StringIO('a\\n1\\n')---pd.read_csv(filepath_or_buffer=buf)---print(buf.read())
args = ('f.txt', 'w')---open(*args)---import os\nprint(os.path.exists('f.txt'))
FIGURE\nim = ax.imshow([[1, 2]])---plt.colorbar(im)---fig
import matplotlib.pyplot as plt\nplt.plot([1, 2])\nfig, ax = plt.gcf(), plt.gca()---ax.set_title('new')---fig
f = open('o.txt', 'w')\nf.write('hello')---f = None---print(open('o.txt').read())
f = open('o.txt', 'w')\nf.write('hello')---del f---print(open('o.txt').read())
n = []\nclass A:\n    def _repr_html_(self):\n        n.append(1)\n        return ''\na = A()---a---print(n)
n = []\nclass A:\n    x = property(lambda self: n.append(1))\na = A()---a.x---print(n)
n = []\nclass A: pass\nA.x = property(lambda self: n.append(1))\na = A()---a.x---print(n)
n = []\nclass A: pass\ndef r(self):\n    n.append(1)\n    return ''\nA.__repr__ = r\na = A()---a---print(n)
n = []\nclass A:\n    __len__ = lambda self: n.append(1) or 1\na = A()---len(a)---print(n)
import json\nlog = []\ndef d(o):\n    log.append(1)\n    return 'x'---json.dumps({'a': 1j}, default=d)---print(log)
import numpy as np\nlog = []\ndef p(*args): log.append(1)---np.pad(np.ones(2), 1, p)---print(len(log))
k = 1---class A:\n    global k\n    k = 9---print(k)
a = [1]\na---_[0] = 5---print(a)
a = [1]\na---Out[1][0] = 5---print(a)
import weakref\nclass A: pass\na = A()\nr = weakref.ref(a)---b = a---del a\nimport gc; gc.collect()\nprint(r() is None)
import tempfile, os\nt = tempfile.TemporaryDirectory()\nname = t.name---t = None---print(os.path.exists(name))
a = {}---[0 for a['k'] in range(3)]---print(a)
FRAME\nst = df.T---st.index.name = 'x'---print(df)
x = 1---%%prun -q -D prof.bin\nsum([1])---import os\nprint(os.path.exists('prof.bin'))
a = []---%%capture out\n\n%%time\n%%timeit -n1 -r1\na.append(1)---print(len(a))
import logging\nlogger = logging.getLogger()---logger.disabled = True---print(logging.getLogger().disabled)
import decimal\nctx = decimal.getcontext()---ctx.prec = 3---print(decimal.Decimal(1) / 3)
FIGURE\ndef show(): return ax.imshow([[1, 2]])\nim = show()---plt.colorbar(im)---fig
import functools\nit = iter([1, 2])---@functools.lru_cache(maxsize=next(it))\ndef f(): pass---print(list(it))
def gen():\n    yield 1\n    yield 2\nit = gen()\nx = [0]---x[:] = it---print(list(it))
import csv, io\nf = io.StringIO('a\\n1\\n')\nr = csv.DictReader(f)---r.fieldnames---print(f.read())
FRAME\nrows = df.iterrows()---for i, row in rows:\n    print(i)---print(list(rows))
import numpy as np\nFRAME---df.apply({'a': np.random.permutation})---print(np.random.rand())
import random\nFRAME\nf = random.choice---df.a.map(f)---print(random.random())
import os\nFRAME\nrm = os.remove---df.a.map(rm)---print(os.path.exists('zz'))
pass---cd---import os\nprint(os.getcwd())
pass---reset -f---print('x')
pass---x = 1---3 < 2 < (x := 5)\nprint(x)
pass---x = 1---assert True, (x := 5)\nprint(x)
pass---a = 1---del (a, b)
import io\nFRAME\nbuf = io.StringIO()---df.info(None, buf)---print(buf.getvalue())
FIGURE\nFRAME---df.boxplot('a', None, ax)---fig
FRAME\nimport matplotlib.pyplot as plt\nax = df.plot()\nfig = plt.gcf()---ax.set_title('new')---fig
import matplotlib.pyplot as plt\ndef f(): return plt.gca()\nax = f(); fig = plt.gcf()---ax.set_title('new')---fig
n = []\nclass A:\n    def __del__(self): n.append(1)\nx = A()---x = None---print(n)
class R:\n    it = iter([1])\n    @property\n    def all(self): return list(self.it)\nr = R()---r.all---print(r.all)
class R:\n    def __repr__(self):\n        for x in self.it: pass\nr = R()\nr.it = iter([1])---r---print(list(r.it))
import json\nlog = []\ndef f(o): log.append(1)---json.loads('{}', object_hook=f)---print(log)
FRAME\nlog = []\ndef f(x, y): log.append(1)---df.corr(method=f)---print(log)
try:\n    import numpy as np\nexcept ImportError:\n    np = None\nFRAME---np.random.rand()---print(df.sample(3))
%run s.py---b[0] = 5---print(c)
pass---x = 5---import sys\nprint(sys._getframe().f_globals.get('x'))
pass---x = 5---import sys\nprint(getattr(sys.modules['__main__'], 'x', None))
pass---def f():\n    '''>>> f()'''---import doctest\nprint(doctest.testmod())
import numpy as np\nFRAME\nr = np.random.RandomState(1)---df.sample(2, None, False, None, r)---print(r.rand())
FRAME\nst = df.style---st.format('{:.1f}')---st
FRAME\nst = df.style---st.map(lambda v: 'color: red')---st
FRAME---df.index.names = ['x']---print(df)
FRAME---df.index.rename('row', inplace=True)---print(df)
log = []\nclass W: pass\nfor n in ['head']: setattr(W, n, lambda _: log.append(n))\nw = W()---w.head()---print(log)
from collections import namedtuple\nT = namedtuple('T', 'head')\na = []\nt = T(a.clear)---t.head()---print(a)
a = [1]\nb = [a]\nclass O: pass\no = O(); o.v = a---o.v += [2]---print(a)
it = iter([1])\nx = []---x += it---print(list(it))
def h(): return f.n\ndef f(): pass\ng = f---g.n = 5---print(h())
""".strip().splitlines()


def plan(*parts: object, selection: Selection = Selection.NEEDED) -> tuple[PlannedCell, ...]:
    return select_cells(notebook_of(*parts), selection)  # type: ignore[arg-type]


@pytest.mark.parametrize("idiom", EXPLORING)
def test_exploring_is_left_out(idiom: str) -> None:
    explored = plan(IMPORTS, DATA, idiom.replace(r"\n", "\n"), (SHOWN, "dash"))[2]
    assert not explored.runs, explored.why


@pytest.mark.parametrize("row", MATTERING)
def test_what_matters_runs(row: str) -> None:
    text = row.replace("FRAME", FRAME).replace("FIGURE", FIGURE)
    first, middle, shown = text.replace(r"\n", "\n").split("---")
    assert plan(first, middle, (shown, "dash"))[1].runs


def test_without_a_tag_all_runs_and_shows() -> None:
    cells = plan("import math", "x = 1", markdown("text"), ("y = 2", "dash-setup"))
    assert [(cell.runs, cell.shows) for cell in cells] == [(True, True), (True, True), (False, True), (True, False)]


def test_all_but_skipped_cells() -> None:
    cells = plan("1", ("2", "dash"), ("3", "dash-skip"), ("4", "skip-execution"), selection=Selection.ALL)
    assert [cell.runs for cell in cells] == [True, True, False, False]
    assert [cell.shows for cell in cells] == [False, True, False, False]
    assert cells[2].why == "tagged dash-skip"


def test_only_tagged_cells() -> None:
    tagged = [("1", "dash"), ("2", "dash-setup"), ("p = 3", "parameters"), ("p = 4", "injected-parameters")]
    cells = plan("open('x', 'w')", *tagged, selection=Selection.TAGGED)
    assert [cell.runs for cell in cells] == [False, True, True, True, True]
    assert [cell.shows for cell in cells] == [False, True, False, False, False]


def test_markdown_shows_if_tagged() -> None:
    cells = plan(markdown("a"), markdown("b", "dash"), ("1", "dash"))
    assert [(cell.runs, cell.shows) for cell in cells] == [(False, False), (False, True), (True, True)]


def test_what_cannot_be_read_makes_all_run() -> None:
    assert [cell.runs for cell in plan("1", "this is = not Python", ("2", "dash"))] == [True, True, True]
    julia = notebook_of("1", ("2", "dash"), metadata={"language_info": {"name": "julia"}})
    assert [cell.runs for cell in select_cells(julia, Selection.NEEDED)] == [True, True]


def test_a_skipped_cell_does_not_count() -> None:
    cells = plan("x = 1", ("x = not Python", "dash-skip"), "x = 2", ("print(x)", "dash"))
    assert [cell.runs for cell in cells] == [False, False, True, True]


def test_a_cell_that_may_raise_replaces_nothing() -> None:
    cells = plan("x = 1", ("f()\nx = 2", "dash-setup", "raises-exception"), ("print(x)", "dash"))
    assert cells[0].runs


def test_reasons_are_for_people() -> None:
    cells = plan(
        "import math",
        "import json",
        "x = [1]",
        "x.append(2)",
        "x",
        "y = 2",
        "foo()",
        "open('f', 'w')",
        "%env A=1",
        "assert x",
        "# nothing",
        ("print(x, math.pi)", "dash"),
    )
    assert [cell.why for cell in cells] == [
        "makes `math`, which cell 12 reads",
        "imports only",
        "makes `x`, which cell 4 reads",
        "changes `x`, which cell 10 reads",
        "only displays",
        "binds `y`, which nothing shown reads",
        "unknown effect: `foo()`",
        "writes a file",
        "magic `%env`",
        "may stop the run",
        "empty",
        "tagged dash",
    ]
    assert all(cell.kind is CellKind.CODE for cell in notebook_of(code()).cells)
