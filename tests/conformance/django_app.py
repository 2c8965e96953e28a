"""Relying parties on mozilla-django-oidc and on authlib, in one Django project.

    DJANGO='{"port", "issuer", "folder", "mozilla": {…}, "authlib": {…}}' python django_app.py
"""

import json
import os
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings

given = json.loads(os.environ["DJANGO"])
issuer, port = given["issuer"], given["port"]
base = f"http://localhost:{port}"

settings.configure(
    DEBUG=True,
    SECRET_KEY="a secret of this relying party",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "mozilla_django_oidc"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    AUTHENTICATION_BACKENDS=["mozilla_django_oidc.auth.OIDCAuthenticationBackend"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(given["folder"], "django.sqlite3")}},
    SESSION_COOKIE_NAME="django_session",
    OIDC_RP_CLIENT_ID=given["mozilla"]["client_id"],
    OIDC_RP_CLIENT_SECRET=given["mozilla"]["client_secret"],
    OIDC_RP_SIGN_ALGO="RS256",
    OIDC_RP_SCOPES=given["mozilla"]["scope"],
    OIDC_USE_PKCE=True,
    OIDC_STORE_ID_TOKEN=True,
    OIDC_OP_AUTHORIZATION_ENDPOINT=f"{issuer}/oauth/authorize",
    OIDC_OP_TOKEN_ENDPOINT=f"{issuer}/oauth/token",
    OIDC_OP_USER_ENDPOINT=f"{issuer}/oauth/userinfo",
    OIDC_OP_JWKS_ENDPOINT=f"{issuer}/oauth/jwks",
    OIDC_OP_LOGOUT_URL_METHOD=f"{__name__}.logout_url",
    ALLOW_LOGOUT_GET_METHOD=True,
    LOGIN_REDIRECT_URL="/me",
    LOGOUT_REDIRECT_URL="/after",
)
django.setup()

from authlib.integrations.django_client import OAuth  # noqa: E402
from authlib.oauth2.rfc7523 import PrivateKeyJWT  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponseRedirect, JsonResponse  # noqa: E402
from django.urls import include, path  # noqa: E402
from django.utils.http import urlencode  # noqa: E402

oauth = OAuth()
oauth.register(
    "provider",
    client_id=given["authlib"]["client_id"],
    # A key in the place of a secret: the client proves itself with assertions.
    client_secret=given["authlib"]["private_key"],
    client_auth_methods=[PrivateKeyJWT(f"{issuer}/oauth/token")],
    server_metadata_url=f"{issuer}/.well-known/openid-configuration",
    client_kwargs={
        "scope": given["authlib"]["scope"],
        "code_challenge_method": "S256",
        "token_endpoint_auth_method": "private_key_jwt",
    },
)


def logout_url(request):
    """Where mozilla-django-oidc sends people who sign out."""
    return end_session(request.session.get("oidc_id_token"))


def end_session(id_token):
    return f"{issuer}/oauth/logout?" + urlencode({"id_token_hint": id_token, "post_logout_redirect_uri": f"{base}/after"})


def me(request):
    return JsonResponse({"email": request.user.email} if request.user.is_authenticated else None, safe=False)


def after(_):
    return JsonResponse("signed out", safe=False)


def authlib_login(request):
    return oauth.provider.authorize_redirect(request, f"{base}/authlib/callback")


def authlib_callback(request):
    token = oauth.provider.authorize_access_token(request)
    userinfo = oauth.provider.userinfo(token=token)
    assert userinfo["sub"] == token["userinfo"]["sub"]
    request.session["authlib"] = {"email": userinfo["email"], "id_token": token["id_token"]}
    return HttpResponseRedirect("/authlib/me")


def authlib_me(request):
    person = request.session.get("authlib")
    return JsonResponse({"email": person["email"]} if person else None, safe=False)


def authlib_logout(request):
    person = request.session.pop("authlib")
    return HttpResponseRedirect(end_session(person["id_token"]))


urlpatterns = [
    path("oidc/", include("mozilla_django_oidc.urls")),
    path("me", me),
    path("after", after),
    path("authlib/login", authlib_login),
    path("authlib/callback", authlib_callback),
    path("authlib/me", authlib_me),
    path("authlib/logout", authlib_logout),
]


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


call_command("migrate", verbosity=0, interactive=False)
with make_server("127.0.0.1", port, get_wsgi_application(), handler_class=Quiet) as server:
    print(f"listening on {base}", flush=True)
    server.serve_forever()
