"""Stored bytes as answers: compressed once, revalidated by a strong ETag, sent only if they have changed."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from flask import Response, request
from werkzeug.http import parse_accept_header

#: Kept by the browser, asked for again at every look: looking is one cheap revalidation.
REVALIDATE = "private, no-cache"
IMMUTABLE = "private, max-age=31536000, immutable"
_LONGEST_CONDITION = 4096


def stored(gzipped: bytes, digest: str, *, mime: str, cache: str = REVALIDATE) -> Response:
    """Compressed bytes, for whoever takes gzip as they are; 304 if the client has them.

    The two encodings are two representations, so their ETags differ.
    """
    etag = f"{digest}-gzip" if _takes_gzip() else digest
    headers = {"ETag": f'"{etag}"', "Cache-Control": cache, "Vary": "Accept-Encoding"}
    return _unchanged(headers) if _is_known(etag) else compressed(gzipped, mime, headers)


def raw(data: bytes, digest: str, *, mime: str, cache: str = REVALIDATE) -> Response:
    """Bytes that are compressed already by their own format; 304 if the client has them."""
    headers = {"ETag": f'"{digest}"', "Cache-Control": cache}
    return _unchanged(headers) if _is_known(digest) else Response(data, headers=headers, content_type=mime)


def compressed(gzipped: bytes, mime: str, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    """Compressed bytes, as they are or unpacked for a client that does not take gzip."""
    if not _takes_gzip():
        return Response(gzip.decompress(gzipped), headers=headers, content_type=mime)
    return Response(gzipped, headers={**headers, "Content-Encoding": "gzip"}, content_type=mime)


def _takes_gzip() -> bool:
    return _includes_gzip(request.headers.get("Accept-Encoding", ""))


@lru_cache(64)
def _includes_gzip(accepted: str) -> bool:
    return parse_accept_header(accepted).quality("gzip") > 0


def _is_known(etag: str) -> bool:
    """Whether If-None-Match names the ETag; a proxy may have made it a weak one."""
    known = request.headers.get("If-None-Match", "")
    if not known or len(known) > _LONGEST_CONDITION:
        return False
    return request.if_none_match.contains_weak(etag)


def _unchanged(headers: Mapping[str, str]) -> Response:
    response = Response(status=304, headers=headers)
    del response.headers["Content-Type"]
    return response
