"""Writes files of accounts as other programs have them, their passwords hashed by the libraries
that those programs use, into the folder that is named: all of them for one password.

    PYTHONPATH=target/foreign/hashes python3 tests/foreign/hashes.py FOLDER PASSWORD
"""

import csv
import json
import os
import sqlite3
import sys

import argon2
import bcrypt
from argon2.low_level import Type
from django.conf import settings
from passlib.apache import HtpasswdFile
from passlib.hash import bcrypt as passlib_bcrypt
from passlib.hash import bcrypt_sha256, pbkdf2_sha1, pbkdf2_sha256, pbkdf2_sha512
from passlib.hash import scrypt, sha256_crypt, sha512_crypt
from werkzeug.security import generate_password_hash

DJANGO = [
    "PBKDF2PasswordHasher",
    "PBKDF2SHA1PasswordHasher",
    "BCryptSHA256PasswordHasher",
    "BCryptPasswordHasher",
    "Argon2PasswordHasher",
    "ScryptPasswordHasher",
]
settings.configure(PASSWORD_HASHERS=["django.contrib.auth.hashers." + name for name in DJANGO])

from django.contrib.auth.hashers import make_password  # noqa: E402

folder, password = sys.argv[1:]
in_bytes = password.encode()

hashes = {
    "werkzeug-scrypt": generate_password_hash(password),
    "werkzeug-pbkdf2": generate_password_hash(password, "pbkdf2"),
    "werkzeug-pbkdf2-old": generate_password_hash(password, "pbkdf2:sha256:150000", 8),
    "werkzeug-pbkdf2-sha1": generate_password_hash(password, "pbkdf2:sha1:1000"),
    "werkzeug-pbkdf2-sha512": generate_password_hash(password, "pbkdf2:sha512:1000"),
    "bcrypt-2b": bcrypt.hashpw(in_bytes, bcrypt.gensalt(4)).decode(),
    "bcrypt-2a": bcrypt.hashpw(in_bytes, bcrypt.gensalt(4, b"2a")).decode(),
    "bcrypt-2y": passlib_bcrypt.using(rounds=4, ident="2y").hash(password),
    "passlib-bcrypt-sha256": bcrypt_sha256.using(rounds=4).hash(password),
    "passlib-bcrypt-sha256-old": bcrypt_sha256.using(rounds=4, version=1).hash(password),
    "passlib-pbkdf2-sha1": pbkdf2_sha1.using(rounds=1000).hash(password),
    "passlib-pbkdf2-sha256": pbkdf2_sha256.hash(password),
    "passlib-pbkdf2-sha512": pbkdf2_sha512.hash(password),
    "passlib-scrypt": scrypt.using(rounds=14).hash(password),
    "crypt-sha256": sha256_crypt.using(rounds=5000).hash(password),
    "crypt-sha512": sha512_crypt.using(rounds=20000).hash(password),
    "argon2-id": argon2.PasswordHasher().hash(password),
    "argon2-i": argon2.PasswordHasher(type=Type.I, memory_cost=8192).hash(password),
    "argon2-d": argon2.PasswordHasher(type=Type.D, memory_cost=8192).hash(password),
    "django-pbkdf2": make_password(password),
    "django-pbkdf2-sha1": make_password(password, hasher="pbkdf2_sha1"),
    "django-bcrypt": make_password(password, hasher="bcrypt"),
    "django-bcrypt-sha256": make_password(password, hasher="bcrypt_sha256"),
    "django-argon2": make_password(password, hasher="argon2"),
    "django-scrypt": make_password(password, hasher="scrypt"),
}


def path(name):
    return os.path.join(folder, name)


with open(path("users.csv"), "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["id", "username", "password_hash"])
    writer.writerows([at, *row] for at, row in enumerate(hashes.items()))

with open(path("users.jsonl"), "w") as file:
    for username, password_hash in hashes.items():
        print(json.dumps({"user": username, "password": password_hash}), file=file)

# As Django's dumpdata writes them, with rows of other tables between.
with open(path("dumpdata.json"), "w") as file:
    json.dump(
        [
            {"model": "auth.permission", "pk": 1, "fields": {"name": "x", "codename": "y"}},
            *(
                {
                    "model": "auth.user",
                    "pk": at,
                    "fields": {
                        "username": username,
                        "password": password_hash,
                        "email": "",
                        "is_active": True,
                        "is_superuser": False,
                        "date_joined": "2024-03-01T12:00:00.123Z",
                        "groups": [],
                    },
                }
                for at, (username, password_hash) in enumerate(hashes.items())
            ),
        ],
        file,
        indent=2,
    )

htpasswd = HtpasswdFile(path("users.htpasswd"), new=True, default_scheme="bcrypt")
htpasswd.set_password("bcrypt", password)
htpasswd.context.update(default="apr_md5_crypt")
htpasswd.set_password("apr1", password)
htpasswd.context.update(default="ldap_sha1")
htpasswd.set_password("sha1", password)
htpasswd.save()

# The tables of well-known tutorials.
werkzeug = hashes["werkzeug-scrypt"]
for name, table, columns, row in [
    (
        "flask-email.db",
        "user",
        "id INTEGER PRIMARY KEY, public_id VARCHAR(50) UNIQUE, name VARCHAR(100), "
        "email VARCHAR(70) UNIQUE, password VARCHAR(80)",
        (1, "f3b1e9a0", "Ada Lovelace", "ada@example.com", werkzeug),
    ),
    (
        "flask-name.db",
        "user",
        "id INTEGER PRIMARY KEY, public_id VARCHAR(50) UNIQUE, name VARCHAR(50), "
        "password VARCHAR(80), admin BOOLEAN",
        (1, "f3b1e9a0", "ada", werkzeug, 1),
    ),
    (
        "flask-username.db",
        "users",
        "id INTEGER PRIMARY KEY, username TEXT, email TEXT, password_hash TEXT, created_at DATETIME",
        (1, "ada", "ada@example.com", werkzeug, "2024-02-29 12:30:00.123456"),
    ),
]:
    with sqlite3.connect(path(name)) as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        database.execute(f'CREATE TABLE "{table}" ({columns})')
        marks = ", ".join("?" * len(row))
        database.execute(f'INSERT INTO "{table}" VALUES ({marks})', row)
