"""Stored bytes as answers: compressed once, revalidated by a strong ETag, sent only if they have changed."""

from __future__ import annotations

import gzip

from flask import Response, request

#: Kept by the browser, asked for again at every look: looking is one cheap revalidation.
REVALIDATE = "private, no-cache"
IMMUTABLE = "private, max-age=31536000, immutable"
_LONGEST_CONDITION = 4096


def stored(gzipped: bytes, digest: str, *, mime: str, cache: str = REVALIDATE) -> Response:
    """Compressed bytes, for whoever takes gzip as they are; 304 if the client has them.

    The two encodings are two representations, so their ETags differ.
    """
    zipped = _takes_gzip()
    etag = f"{digest}-gzip" if zipped else digest
    response = _unchanged() if _is_known(etag) else compressed(gzipped, mime)
    return _revalidated(response, etag, cache, vary=True)


def raw(data: bytes, digest: str, *, mime: str, cache: str = REVALIDATE) -> Response:
    """Bytes that are compressed already by their own format; 304 if the client has them."""
    response = _unchanged() if _is_known(digest) else Response(data, content_type=mime)
    return _revalidated(response, digest, cache, vary=False)


def compressed(gzipped: bytes, mime: str) -> Response:
    """Compressed bytes, as they are or unpacked for a client that does not take gzip."""
    if not _takes_gzip():
        return Response(gzip.decompress(gzipped), content_type=mime)
    response = Response(gzipped, content_type=mime)
    response.headers["Content-Encoding"] = "gzip"
    return response


def _takes_gzip() -> bool:
    return request.accept_encodings.quality("gzip") > 0


def _is_known(etag: str) -> bool:
    """Whether If-None-Match names the ETag; a proxy may have made it a weak one."""
    if len(request.headers.get("If-None-Match", "")) > _LONGEST_CONDITION:
        return False
    return request.if_none_match.contains_weak(etag)


def _unchanged() -> Response:
    response = Response(status=304)
    del response.headers["Content-Type"]
    return response


def _revalidated(response: Response, etag: str, cache: str, *, vary: bool) -> Response:
    response.set_etag(etag)
    response.headers["Cache-Control"] = cache
    if vary:
        response.headers["Vary"] = "Accept-Encoding"
    return response
