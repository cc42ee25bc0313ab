"""Libraries that show more than text, or that look at where they run."""

from __future__ import annotations

PANDAS = {
    "pandas": {
        "frame": "import pandas as pd\nimport matplotlib.pyplot as plt\n"
        "df = pd.DataFrame({'a': [1, 2.5], 'b': ['x', None]})\ndf",
        "printed": "print(df)",
        "series": "df.a.describe()",
        "plot": "df.plot()",
        "styler": "df.style.set_uuid('u').highlight_max(subset=['a'])",
        "many": "pd.DataFrame({'n': range(200)})",
        "wide": "pd.DataFrame([range(60)])",
        "options": "pd.set_option('display.max_rows', 4)\npd.DataFrame({'n': range(200)})",
        "no html": "pd.set_option('display.notebook_repr_html', False)\ndf",
        "info": "pd.reset_option('all', silent=True)\ndf.info()",
        "in a list": "[df, df]",
        "index": "df.index",
        "dates": "pd.date_range('2024-01-01', periods=3)",
        "markdown": "df.to_html()[:30]",
        "subplots": "pd.DataFrame({'a': [1, 2], 'b': [2, 1]}).plot(subplots=True)",
        "hist": "df.hist()",
        "warning": "df[df.a > 1]['a'] = 5",
        "table schema": "pd.options.display.html.table_schema = True\ndf",
        "table schema off": "pd.options.display.html.table_schema = False\ndf",
    }
}

UNSTEADY = {
    "styler": "import pandas as pd\npd.DataFrame({'a': [1]}).style",
}

_WIDGETS = {
    "slider": "import ipywidgets as w\nfrom IPython.display import display\n"
    "s = w.IntSlider(value=3, description='s')\ns",
    "displayed": "display(w.Text('t'))",
    "box": "w.VBox([w.Button(description='b'), w.HTML('<b>h</b>'), w.Dropdown(options=['a', 'b'])])",
    "changed": "s.value = 7; print(s.value)",
    "observed": "s.observe(lambda change: print('changed to', change['new']), 'value'); s.value = 8",
    "output": "o = w.Output()\nwith o:\n    print('inside'); display(1)\no",
    "output appended": "o.append_stdout('appended')",
    "output's error": "with o:\n    1 / 0",
    "output cleared": "o.clear_output()",
    "interact": "@w.interact(n=3)\ndef told(n): print('n', n)",
    "interactive figure": "import matplotlib.pyplot as plt\n@w.interact(n=2)\ndef drawn(n):\n"
    "    plt.figure(figsize=(1, 1)); plt.plot([n, 1]); plt.show()",
    "image": "w.Image(value=b'\\x89PNG', width=5)",
    "link": "a, b = w.IntText(1), w.IntText(2)\nl = w.link((a, 'value'), (b, 'value')); b.value, l",
    "jslink": "w.jslink((a, 'value'), (b, 'value'));",
    "progress": "p = w.IntProgress(max=3)\ndisplay(p)\nfor i in range(4): p.value = i",
    "layout": "w.Label('x', layout=w.Layout(width='50%'), style={'text_color': 'red'})",
    "closed": "s.close()\ns",
    "kernel's comms": "m = get_ipython().kernel.comm_manager\nm.register_target('target', print)\n"
    "list(m.targets), m.get_comm('none')",
    "kernel's own comm": "from comm import create_comm\nown = create_comm(target_name='t')\n"
    "m.get_comm(own.comm_id) is own",
    "own comm": "from comm import create_comm\n"
    "c = create_comm(target_name='own', data={'a': 1}); c.send({'b': 2}); c.close()\n"
    "type(c).__module__",
}

OTHERS = {
    "ipywidgets": _WIDGETS,
    "tqdm": {
        "text": "from tqdm import tqdm, trange\nfor i in tqdm(range(3), bar_format='{l_bar}{bar}{n}'): pass",
        "to stdout": "import sys\nfor i in trange(3, file=sys.stdout, bar_format='{n}'): pass",
        "notebook": "from tqdm.notebook import tqdm as nbtqdm\nfor i in nbtqdm(range(3), bar_format='{n}'): pass",
        "notebook left": "for i in nbtqdm(range(3), leave=False, bar_format='{n}'): pass",
        "auto": "from tqdm.auto import tqdm as auto\nauto.__module__, auto.__name__",
        "auto used": "for i in auto(range(2), bar_format='{n}', desc='d'): pass",
        "write": "tqdm.write('written')",
        "error": "for i in nbtqdm(range(3), bar_format='{n}'):\n    1 / 0",
    },
    "plotly": {
        "import": "import plotly.graph_objects as go\nimport plotly.io as pio\npio.renderers.default",
        "figure": "fig = go.Figure(go.Scatter(y=[1, 2]))\nfig",
        "show": "fig.show()",
        "express": "import plotly.express as px\npx.bar(x=['a'], y=[1])",
        "renderer": "fig.show(renderer='notebook_connected')",
        "html": "from IPython.display import HTML\nHTML(fig.to_html(include_plotlyjs=False, div_id='d'))",
        "widget": "go.FigureWidget(fig)",
    },
    "altair": {
        "chart": "import altair as alt\nimport pandas as pd\n"
        "c = alt.Chart(pd.DataFrame({'a': [1, 2]})).mark_bar().encode(x='a:O', y='a:Q')\nc",
        "display": "c.display()",
        "layer": "c + c",
        "invalid": "alt.Chart('x.csv').mark_bar().encode(x='no type')",
    },
    "bokeh": {
        "import": "from bokeh.plotting import figure, show\nfrom bokeh.io import output_notebook\n"
        "output_notebook(hide_banner=True)",
        "show": "p = figure(width=100, height=100); p.line([1, 2], [2, 1])\nshow(p)",
        "value": "p",
        "handle": "from bokeh.io import push_notebook\nh = show(p, notebook_handle=True)\ntype(h).__name__",
        "push": "p.title.text = 'later'; push_notebook(handle=h)",
        "banner": "output_notebook()",
    },
    "joblib": {
        "loky": "from joblib import Parallel, delayed\ndef square(n): return n * n\n"
        "Parallel(n_jobs=2)(delayed(square)(i) for i in range(4))",
        "prints": "import time\ndef told(n): print('told', n)\n"
        "r = Parallel(n_jobs=2)(delayed(told)(0) for _ in range(1)); time.sleep(0.5)",
        "threads": "Parallel(n_jobs=2, prefer='threads')(delayed(square)(i) for i in range(4))",
        "processes": "Parallel(n_jobs=2, backend='multiprocessing')(delayed(square)(i) for i in range(4))",
        "raises": "def falls(n): raise ValueError('in a job')\nParallel(n_jobs=2)(delayed(falls)(i) for i in range(2))",
        "memory": "from joblib import Memory\nm = Memory('cache', verbose=0)\n@m.cache\ndef slow(n):\n"
        "    print('computed'); return n\nslow(1), slow(1)",
    },
    "sympy": {
        "value": "import sympy as sp\nx = sp.symbols('x')\nsp.init_printing()\nsp.Integral(x ** 2, x)",
        "latex": "sp.init_printing(use_latex='mathjax')\nsp.Matrix([[x, 1]])",
        "plain": "sp.init_printing(pretty_print=False)\nx / 2",
        "list": "[x, x ** 2]",
    },
    "seaborn": {
        "plot": "import seaborn as sns, pandas as pd, numpy as np\nsns.set_theme()\n"
        "df = pd.DataFrame({'a': [1, 2, 3], 'b': [3, 1, 2], 'c': list('xyx')})\n"
        "sns.scatterplot(df, x='a', y='b', hue='c')",
        "grid": "sns.relplot(df, x='a', y='b', col='c', height=2)",
        "palette": "sns.color_palette('husl', 4)",
        "objects": "import seaborn.objects as so\nso.Plot(df, 'a', 'b').add(so.Dot())",
        "objects shown": "so.Plot(df, 'a', 'b').add(so.Line()).show()",
        "cluster": "sns.heatmap(np.eye(3), annot=True)",
    },
    "sklearn": {
        "estimator": "from sklearn.linear_model import LogisticRegression\n"
        "from sklearn.pipeline import make_pipeline\nfrom sklearn.preprocessing import StandardScaler\n"
        "p = make_pipeline(StandardScaler(), LogisticRegression())\nprint(p)",
        "diagram": "p",
        "fitted": "p.fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]); p.predict([[0.5], [2.5]])",
        "text": "from sklearn import set_config\nset_config(display='text')\np",
        "forest": "from sklearn.ensemble import RandomForestClassifier\n"
        "RandomForestClassifier(5, random_state=0, n_jobs=2).fit([[0.0], [1.0]] * 9, [0, 1] "
        "* 9).score([[0.0], [1.0]], [0, 1])",
        "convergence": "LogisticRegression(max_iter=1).fit([[0.0, 5], [1.0, 3], [2, 9]], [0, 1, 1]);",
        "display": "set_config(display='diagram')\nfrom sklearn.metrics import ConfusionMatrixDisplay\n"
        "ConfusionMatrixDisplay.from_predictions([0, 1], [0, 1])",
    },
}
