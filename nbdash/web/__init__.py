"""The web layer: HTTP in, HTTP out, nothing else.

What is shown comes from :class:`nbdash.publisher.viewing.Pages`, what is done goes to
:class:`nbdash.publisher.publication.Publisher`.  Every rule about what a request may be and what every
answer must carry is in :mod:`nbdash.web.safety`.
"""

from __future__ import annotations

from flask import Flask

from nbdash.config import Settings
from nbdash.store import Store, open_store
from nbdash.web import accounts, addresses, api, inputs, managing, problems, proxies, routes, safety, system, uploads
from nbdash.web.site import EXTENSION, make_site


def create_app(settings: Settings, *, store: Store | None = None) -> Flask:
    """The WSGI application for a data directory; opens its store unless one is given.

    Raises OptionError for a base URL that cannot work, StoreError for a data directory that cannot be used.
    """
    app = Flask(__name__, static_folder=None, template_folder=None)
    app.request_class = uploads.UploadRequest
    app.config.update(MAX_CONTENT_LENGTH=inputs.MAX_BODY, MAX_FORM_MEMORY_SIZE=inputs.MAX_BODY)
    app.extensions[EXTENSION] = make_site(settings, store or open_store(settings.data))
    addresses.prepare_addresses(app, settings.base_url)
    proxies.believe_proxies(app, settings)
    accounts.prepare_accounts(app, settings)
    safety.guard(app)
    problems.handle_errors(app)
    for blueprint in (routes.blueprint, managing.blueprint, api.blueprint, accounts.blueprint, system.blueprint):
        app.register_blueprint(blueprint)
    return app
