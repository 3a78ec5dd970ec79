"""What the guard tells the edge: whose a key or a token is, and whether it is good here.

The edge asks before it passes a request on (Traefik's forwardAuth), with the two headers that may hold a key or a
token and nothing else. The answer is 200 with the user's name as a header, or what the client is to get: 401 for who
is not known, 403 for who is not let in here.

Where there is a login by an OpenID provider, it asks with the cookies too, and is answered those without the session's,
which is all that an engine gets of them.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pulumi_tts.plan.auth import (
    COOKIES_PATH,
    EDGE_HEADER,
    EMAIL_HEADER,
    JWT_PATH,
    KEYS_PATH,
    LIMITED_PATH,
    LONGEST_KEY,
    SESSION_PATH,
    SIGNED_OUT_PATH,
    USER_HEADER,
    GuardAuthPlan,
    JwtPlan,
)
from pulumi_tts.render.envoy_parts import Tree, address, extension, resources, to_json, typed, watched

ROUTES = "auth"
"""Of the route table, and of its file, which the courier itself moves into place: the keeper has no part in it."""
EDGE = "edge"
"""Of the filter that lets nobody but the edge ask, and of its file, which comes as the former's does."""
LIMITED_AGAIN = "1"
"""Seconds after which a client may come again that had too many requests under way."""

_PROVIDER = "tokens"
_JWKS = "guard_jwks"
_LUA = "envoy.filters.http.lua"
_JWT = "envoy.filters.http.jwt_authn"
_RBAC = "envoy.filters.http.rbac"
_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
"""Of the image, official or our own."""
_FETCH_SECONDS = 5
_NAME = "[!-~]([ -~]*[!-~])?"
"""What a user may be called: it goes into a header, a log and the key of a limit."""

# Envoy's own filter for API keys has them in the clear. Envoy gives Lua no hash, so here is SHA-256 (FIPS 180-4). Its
# constants are the first 32 bits of the fractional parts of roots of the first primes: computed, they cannot be
# mistyped. Who could measure how long the search in the table takes would learn of the hash, and nothing of a key.
_SHA256 = r"""
local bit = require("bit")
local band, bxor, bnot, ror, shr, tobit = bit.band, bit.bxor, bit.bnot, bit.ror, bit.rshift, bit.tobit
local K, H = {}, {}
local number = 2
while #K < 64 do
  local prime = true
  for divisor = 2, math.floor(math.sqrt(number)) do prime = prime and number % divisor ~= 0 end
  if prime then
    K[#K + 1] = tobit(math.floor(number ^ (1 / 3) % 1 * 2 ^ 32))
    if #H < 8 then H[#H + 1] = tobit(math.floor(math.sqrt(number) % 1 * 2 ^ 32)) end
  end
  number = number + 1
end

-- Of less than 512 MiB, in hexadecimal digits.
local function sha256(text)
  local length, state, w = #text * 8, {unpack(H)}, {}
  text = text .. "\128" .. string.rep("\0", (55 - #text) % 64 + 4)
  for shift = 24, 0, -8 do text = text .. string.char(band(shr(length, shift), 255)) end
  for block = 1, #text, 64 do
    for i = 1, 16 do
      local one, two, three, four = text:byte(block + i * 4 - 4, block + i * 4 - 1)
      w[i] = one * 2 ^ 24 + two * 2 ^ 16 + three * 2 ^ 8 + four
    end
    for i = 17, 64 do
      local x, y = w[i - 15], w[i - 2]
      local early, late = bxor(ror(x, 7), ror(x, 18), shr(x, 3)), bxor(ror(y, 17), ror(y, 19), shr(y, 10))
      w[i] = tobit(w[i - 16] + early + w[i - 7] + late)
    end
    local a, b, c, d, e, f, g, h = unpack(state)
    for i = 1, 64 do
      local one = h + bxor(ror(e, 6), ror(e, 11), ror(e, 25)) + bxor(band(e, f), band(bnot(e), g)) + K[i] + w[i]
      local two = bxor(ror(a, 2), ror(a, 13), ror(a, 22)) + bxor(band(a, b), band(a, c), band(b, c))
      a, b, c, d, e, f, g, h = tobit(one + two), a, b, c, tobit(d + one), e, f, g
    end
    for i, word in ipairs({a, b, c, d, e, f, g, h}) do state[i] = tobit(state[i] + word) end
  end
  for i, word in ipairs(state) do state[i] = bit.tohex(word) end
  return table.concat(state)
end
"""

# A key is shown once, in one way: what could be read in two ways is read in none.
_CHECK = """
local function shown(headers)
  local bearer, plain = headers:getNumValues("authorization"), headers:getNumValues("x-api-key")
  if bearer + plain == 0 then return nil, "this needs an API key: Authorization: Bearer KEY" end
  if bearer + plain > 1 then return nil, "this was shown two API keys, and takes one" end
  if plain == 1 then return headers:get("x-api-key") end
  local scheme, key = headers:get("authorization"):match("^(%a+) ([^ ]+)$")
  if scheme and scheme:lower() == "bearer" then return key end
  return nil, "this needs an API key as Authorization: Bearer KEY, and was shown something else"
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local key, wrong = shown(headers)
  local found = key and #key <= LONGEST and handle:filterContext():get(sha256(key))
  if not found then
    handle:respond({[":status"] = "401"}, wrong or "this API key is not known here")
  elseif found.pools and not found.pools[headers:get(":path"):sub(FIRST)] then
    handle:respond({[":status"] = "403"}, "this API key is not for this pool")
  else
    headers:replace("USER", found.name)
  end
end
"""
KEY_CHECK = _SHA256 + (
    _CHECK.replace("LONGEST", str(LONGEST_KEY))
    .replace("FIRST", str(len(KEYS_PATH) + 1))
    .replace("USER", USER_HEADER.lower())
)


# Browsers write cookies in one way: what is parted otherwise is no session, and goes on whole.
_COOKIES = """
local function left(headers)
  local kept = {}
  for at = 0, headers:getNumValues("cookie") - 1 do
    for pair in headers:getAtIndex("cookie", at):gmatch("[^;]+") do
      pair = pair:match("^%s*(.-)%s*$")
      if pair ~= "" and pair:sub(1, #"SESSION") ~= "SESSION" then kept[#kept + 1] = pair end
    end
  end
  return #kept > 0 and table.concat(kept, "; ") or nil
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local answer = {[":status"] = "200", ["cookie"] = left(headers)}
  if headers:get(":path") == "PATH" then
    local name = headers:getNumValues("EMAIL") == 1 and headers:get("EMAIL")
    if not name or not name:match("^[!-~][ -~]*$") then
      handle:respond({[":status"] = "401"}, "this session says not whose it is")
      return
    end
    answer["USER"] = name
  end
  handle:respond(answer, "")
end
"""
_SIGNED_OUT = """<!doctype html>
<html lang="en"><title>Signed out</title>
<p>You are signed out here. Where you sign in, you may still be signed in: whoever opens a page now comes in without
being asked. Sign out there too, if others use this browser.</p></html>
"""


def _cookie_check(session_cookie: str) -> str:
    names = {"SESSION": session_cookie, "PATH": SESSION_PATH, "EMAIL": EMAIL_HEADER.lower()}
    script = _COOKIES.replace("USER", USER_HEADER.lower())
    for name, value in names.items():
        script = script.replace(name, value)
    return script


def only_the_edge(files: str) -> Tree:
    """The first filter of whatever is for the edge alone; what it compares with is a file in the folder ``files``.

    Whoever runs beside the guard reaches its ports too, and could name a pool that is not theirs.
    """
    return {
        "name": EDGE,
        "config_discovery": {
            "config_source": watched(f"{files}/{EDGE}.json"),
            "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"],
        },
    }


def edge_file(token: str) -> str:
    """That file; ``token`` is what the edge and the guard share."""
    shown = {"header": {"name": EDGE_HEADER, "string_match": {"exact": token}}}
    policies = {"edge": {"permissions": [{"any": True}], "principals": [shown]}}
    rules = {**typed("extensions.filters.http.rbac.v3.RBAC"), "rules": {"action": "ALLOW", "policies": policies}}
    return resources([{**typed("config.core.v3.TypedExtensionConfig"), "name": EDGE, "typed_config": rules}])


def auth_manager(auth: GuardAuthPlan, files: str) -> Tree:
    """The connection manager in which the edge asks; its routes are a file in the folder ``files``."""
    return {
        "stat_prefix": "auth",
        "codec_type": "HTTP1",
        "rds": {"route_config_name": ROUTES, "config_source": watched(f"{files}/{ROUTES}.json")},
        "use_remote_address": True,
        "common_http_protocol_options": {"headers_with_underscores_action": "DROP_HEADER"},
        "request_headers_timeout": "10s",
        "generate_request_id": False,
        "early_header_mutation_extensions": [
            extension(
                "envoy.http.early_header_mutation.header_mutation",
                "http.early_header_mutation.header_mutation.v3.HeaderMutation",
                mutations=[{"remove": USER_HEADER}],
            )
        ],
        "http_filters": [
            only_the_edge(files),
            # Before the others: it takes the name away that another has found.
            *([_token_filter(auth.jwt)] if auth.jwt else []),
            extension(_LUA, "filters.http.lua.v3.Lua", source_codes=_scripts(auth)),
            extension(_RBAC, "filters.http.rbac.v3.RBAC"),
            extension("envoy.filters.http.router", "filters.http.router.v3.Router"),
        ],
        "local_reply_config": {
            "mappers": [
                _refusal(401, "unauthorized", "Bearer"),
                _refusal(403, "forbidden", 'Bearer error="insufficient_scope"'),
            ],
        },
    }


def _scripts(auth: GuardAuthPlan) -> Tree:
    scripts = {"keys": KEY_CHECK}
    if auth.session_cookie:
        scripts["cookies"] = _cookie_check(auth.session_cookie)
    return {name: {"inline_string": script} for name, script in scripts.items()}


def auth_clusters(auth: GuardAuthPlan) -> list[Tree]:
    """The server that publishes the keys of tokens, if they are fetched."""
    if not (auth.jwt and auth.jwt.url):
        return []
    url = urlsplit(auth.jwt.url)
    host = str(url.hostname)
    secure = url.scheme == "https"
    endpoint = {"endpoint": {"address": address(host, url.port or (443 if secure else 80))}}
    return [
        {
            **typed("config.cluster.v3.Cluster"),
            "name": _JWKS,
            "type": "STRICT_DNS",
            "dns_lookup_family": "V4_PREFERRED",
            "connect_timeout": f"{_FETCH_SECONDS}s",
            "load_assignment": {"cluster_name": _JWKS, "endpoints": [{"lb_endpoints": [endpoint]}]},
            **({"transport_socket": _secured(host)} if secure else {}),
        }
    ]


def auth_file(auth: GuardAuthPlan, hashes: Mapping[str, str]) -> str:
    """The routes by which the edge asks, with the keys: ``hashes`` has the SHA-256 of each by its name."""
    keys = {
        hashes[key.name]: {"name": key.name, **({"pools": dict.fromkeys(key.pools, True)} if key.pools else {})}
        for key in auth.keys
    }
    routes = [
        {
            "match": {"prefix": KEYS_PATH},
            **_good(),
            "typed_per_filter_config": {
                _LUA: {**typed("extensions.filters.http.lua.v3.LuaPerRoute"), "name": "keys", "filter_context": keys},
                # Envoy goes on with a request where a script fails; who has no name by then is not let in.
                _RBAC: _only("named", {"header": {"name": USER_HEADER, "present_match": True}}),
            },
        },
        *([_token_route(auth.jwt)] if auth.jwt else []),
        *(_session_routes() if auth.session_cookie else []),
        _limited_route(),
    ]
    table = {
        **typed("config.route.v3.RouteConfiguration"),
        "name": ROUTES,
        "virtual_hosts": [{"name": ROUTES, "domains": ["*"], "routes": routes}],
    }
    return resources([table])


def _good() -> Tree:
    """What the edge is told of somebody who may come in: who it is."""
    name = {"header": {"key": USER_HEADER, "value": f"%REQ({USER_HEADER})%"}}
    return {"direct_response": {"status": 200}, "response_headers_to_add": [name]}


def _refusal(status: int, code: str, challenge: str) -> Tree:
    """Envoy's own words, in the form that clients of OpenAI's API read; ``challenge`` as RFC 6750 has it."""
    comparison = {"op": "EQ", "value": {"default_value": status, "runtime_key": f"pulumi_tts.{code}"}}
    error = {"message": "%LOCAL_REPLY_BODY%", "code": code, "type": "login"}
    return {
        "filter": {"status_code_filter": {"comparison": comparison}},
        "body_format_override": {"json_format": {"error": error}},
        "headers_to_add": [_header("WWW-Authenticate", challenge)],
    }


def _limited_route() -> Tree:
    said = f"too many requests: come back in {LIMITED_AGAIN} s (Retry-After)"
    error = {"error": {"message": said, "code": "limited", "type": "limits"}}
    return {
        "match": {"path": LIMITED_PATH},
        "direct_response": {"status": 200, "body": {"inline_string": to_json(error)}},
        "response_headers_to_add": [
            _header("Retry-After", LIMITED_AGAIN),
            _header("Content-Type", "application/json"),
        ],
    }


def _header(name: str, value: str) -> Tree:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


# ---- sessions


def _session_routes() -> list[Tree]:
    script = {_LUA: {**typed("extensions.filters.http.lua.v3.LuaPerRoute"), "name": "cookies"}}
    # The script answers; where it fails, nobody is let in.
    asked = [
        {"match": {"path": path}, "direct_response": {"status": 500}, "typed_per_filter_config": script}
        for path in (SESSION_PATH, COOKIES_PATH)
    ]
    page = {"status": 200, "body": {"inline_string": _SIGNED_OUT}}
    headers = [_header("Content-Type", "text/html; charset=utf-8"), _header("Cache-Control", "no-store")]
    return [
        *asked,
        {"match": {"path": SIGNED_OUT_PATH}, "direct_response": page, "response_headers_to_add": headers},
    ]


# ---- tokens


def _token_filter(jwt: JwtPlan) -> Tree:
    provider: dict[str, Any] = {
        "issuer": jwt.issuer,
        "audiences": list(jwt.audiences),
        "require_expiration": True,
        "clock_skew_seconds": jwt.skew,
        # Not in a query, where Envoy looks by itself too: addresses are logged.
        "from_headers": [{"name": "Authorization", "value_prefix": "Bearer "}],
        "claim_to_headers": [{"header_name": USER_HEADER, "claim_name": jwt.user}],
        "payload_in_metadata": "claims",
        "normalize_payload_in_metadata": {"space_delimited_claims": ["scope", "scp"]},
        "jwt_cache_config": {},
        **_key_source(jwt),
    }
    return extension(
        _JWT,
        "filters.http.jwt_authn.v3.JwtAuthentication",
        providers={_PROVIDER: provider},
        rules=[{"match": {"path": JWT_PATH}, "requires": {"provider_name": _PROVIDER}}],
    )


def _key_source(jwt: JwtPlan) -> Tree:
    if not jwt.url:
        return {"local_jwks": {"inline_string": jwt.keys}}
    return {
        "remote_jwks": {
            "http_uri": {"uri": jwt.url, "cluster": _JWKS, "timeout": f"{_FETCH_SECONDS}s"},
            "cache_duration": f"{jwt.cache}s",
            # Before the first request needs them, and again when they are old: nobody waits for it.
            "async_fetch": {"fast_listener": True},
            "retry_policy": {"num_retries": 3},
        }
    }


def _token_route(jwt: JwtPlan) -> Tree:
    """Only for tokens that say who it is, and have the claims that they must have."""
    named = {"header": {"name": USER_HEADER, "string_match": {"safe_regex": {"regex": _NAME}}}}
    wanted = [named, *(_has_claim(claim, value) for claim, value in jwt.claims)]
    return {
        "match": {"path": JWT_PATH},
        **_good(),
        "typed_per_filter_config": {_RBAC: _only("claims", {"and_ids": {"ids": wanted}})},
    }


def _only(policy: str, principal: Tree) -> Tree:
    """What lets one kind of request pass on a route, and no other."""
    rules = {
        "action": "ALLOW",
        "policies": {policy: {"permissions": [{"any": True}], "principals": [principal]}},
    }
    return {**typed("extensions.filters.http.rbac.v3.RBACPerRoute"), "rbac": {"rules": rules}}


def _has_claim(claim: str, value: str) -> Tree:
    """Whether a claim is, or has in its list, this value."""
    exactly = {"string_match": {"exact": value}}
    path = [{"key": key} for key in ("claims", *_steps(claim))]
    found = [exactly, {"list_match": {"one_of": exactly}}]
    matchers = [{"metadata_matcher": {"filter": _JWT, "path": path, "value": each}} for each in found]
    return {"or_ids": {"ids": [{"sourced_metadata": matcher} for matcher in matchers]}}


def _steps(claim: str) -> list[str]:
    """The way to a claim inside others, `a.b`; a claim that is named by an address has dots of its own."""
    return [claim] if re.search("[:/]", claim) else claim.split(".")


def _secured(host: str) -> Tree:
    trusted = {"trusted_ca": {"filename": _AUTHORITIES}}
    names = {"match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": host}}]}
    context = {"validation_context": {**trusted, **names}}
    return extension(
        "envoy.transport_sockets.tls",
        "transport_sockets.tls.v3.UpstreamTlsContext",
        sni=host,
        common_tls_context=context,
    )
