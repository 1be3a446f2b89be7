"""Calls Doorward as the readers of the five tutorials do, with requests.

Reads {"url", "password", "tutorials"} as JSON from stdin, and prints an object as JSON: for each
step its status, body and the headers that a tutorial shows. Everything is done three times: by
single calls, in a session that keeps its cookies, and in one with the headers of Postman.
"""

import io
import json
import sys

import requests

told = json.load(sys.stdin)
url, password = told["url"], told["password"]
POSTMAN = {
    "User-Agent": "PostmanRuntime/7.44.1",
    "Accept": "*/*",
    "Cache-Control": "no-cache",
    "Postman-Token": "9d2c5c3a-4a53-4a6b-9a53-5f0f2f3d7b11",
    "Accept-Encoding": "gzip, deflate, br",
    "Connection": "keep-alive",
}
# "Café – 5 €" in the encoding that Windows writes.
REPORT = "Café – 5 €\r\n".encode("cp1252")
steps = {}


def note(name, response):
    steps[name] = {
        "status": response.status_code,
        "body": response.text,
        "challenge": response.headers.get("WWW-Authenticate"),
        "cookies": sorted(cookie.name for cookie in response.cookies),
    }
    try:
        return response.json()
    except requests.JSONDecodeError:
        return {}


def form_data(fields):
    """What Postman calls "form-data"."""
    return {name: (None, value) for name, value in fields.items()}


def tutorial_x_access_token(client, name):
    ada = {"name": name, "email": name + "@example.com", "password": password}
    note("signup", client.post(url + "/signup", data=ada))
    note("signup again", client.post(url + "/signup", files=form_data(ada)))
    login = {"email": ada["email"], "password": password}
    note("login without fields", client.post(url + "/login"))
    note("login with a wrong password", client.post(url + "/login", data={**login, "password": "canary-wrong-one"}))
    note("login by form-data", client.post(url + "/login", files=form_data(login)))
    token = note("login", client.post(url + "/login", data=login)).get("token")
    note("user", client.get(url + "/user", headers={"x-access-token": token}))
    note("user without a token", client.get(url + "/user"))
    note("user with a bad token", client.get(url + "/user", headers={"x-access-token": "x.y.z"}))


def tutorial_query_token(client, name):
    client.post(url + "/api/v1/signup", json={"username": name, "email": name + "@example.com", "password": password})
    note("public", client.get(url + "/public"))
    login = {"username": name, "password": password}
    note("login with a wrong password", client.post(url + "/login", data={**login, "password": "123456"}))
    token = note("login", client.post(url + "/login", data=login)).get("token")
    note("auth", client.get(url + "/auth", params={"token": token}))
    note("auth without a token", client.get(url + "/auth"))
    note("auth with a bad token", client.get(url + "/auth?token=x.y.z"))
    note("login by form-data", client.post(url + "/login", files=form_data(login)))


def tutorial_api_v1(client, name):
    note("root", client.get(url + "/"))
    ada = {"username": name, "email": name + "@example.com", "password": password}
    note("signup without a field", client.post(url + "/api/v1/signup", json={"username": name}))
    note("signup", client.post(url + "/api/v1/signup", json=ada))
    note("signup again", client.post(url + "/api/v1/signup", json=ada))
    login = {"username": name, "password": password}
    note("login with a wrong password", client.post(url + "/api/v1/login", json={**login, "password": "canary-wrong-one"}))
    token = note("login", client.post(url + "/api/v1/login", json=login)).get("token")
    for path in ["/need_login", "/api/v1/need_login"]:
        note(path, client.get(url + path, headers={"Authorization": token}))
    note("need_login without a token", client.get(url + "/need_login"))
    note("need_login with a bad token", client.get(url + "/need_login", headers={"Authorization": "x.y.z"}))


def tutorial_basic_upload(client, name):
    client.post(url + "/signup", json={"username": name, "password": password})
    note("login without credentials", client.get(url + "/login"))
    note("login with a wrong password", client.get(url + "/login", auth=(name, "123456")))
    token = note("login", client.get(url + "/login", auth=(name, password))).get("token")
    note("page", client.get(url + "/", params={"token": token}))
    note("page with an empty token", client.get(url + "/?token="))
    note("page with a bad token", client.get(url + "/?token=x.y.z"))
    to = url + "/upload?token=" + str(token)
    upload = lambda named, content, data: client.post(to, files={"inputFile": (named, content)}, data=data)
    note("upload", upload("report.txt", io.BytesIO(REPORT), {"description": name + " report"}))
    note("upload with the same description", upload("other.txt", b"other", {"description": name + " report"}))
    note("upload of two megabytes", upload("large.bin", bytes(2_000_000), {"description": name + " large"}))
    note("upload of markup", upload("<b>.html", b"<script>", {"description": name + " markup"}))
    note("upload without a description", upload("a.txt", b"a", {}))
    note("upload without a file", client.post(to, files={"inputFile": ("", b"")}, data={"description": name + " none"}))
    note("upload of fields alone", client.post(to, files=form_data({"description": name + " none"})))
    note("upload without a token", client.post(url + "/upload", files={"inputFile": ("a.txt", b"a")}, data={"description": "x"}))


def tutorial_flask_jwt(client, name):
    ada = {"username": name, "password": password}
    note("signup", client.post(url + "/signup", json=ada))
    note("signup again", client.post(url + "/signup", json=ada))
    note("auth with a wrong password", client.post(url + "/auth", json={**ada, "password": "canary-wrong-one"}))
    token = note("auth", client.post(url + "/auth", json=ada)).get("access_token")
    jwt = {"Authorization": "JWT " + str(token)}
    note("work added", client.post(url + "/work", json={"title": "Wind the clocks"}, headers=jwt))
    for path in ["/work", "/workitems"]:
        note(path, client.get(url + path, headers=jwt))
    note("work without a token", client.get(url + "/work"))
    for header in ["Bearer " + str(token), "JWT", "JWT a b", "JWT x", "JWT x.y.z"]:
        named = header if len(header) < 10 else "Bearer"
        note(named, client.get(url + "/work", headers={"Authorization": header}))
    note("a changed signature", client.get(url + "/work", headers={"Authorization": jwt["Authorization"][:-9] + "AAAAAAAAA"}))


def postman():
    client = requests.Session()
    client.headers.update(POSTMAN)
    return client


done = {}
clients = {"calls": lambda: requests, "session": requests.Session, "postman": postman}
for tutorial in told["tutorials"]:
    for called, client in clients.items():
        steps = {}
        globals()["tutorial_" + tutorial](client(), tutorial + called)
        done[tutorial + " " + called] = steps
json.dump(done, sys.stdout)
