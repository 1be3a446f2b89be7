"""Verifies tokens with PyJWT, as a program behind Doorward would.

Reads {"keys" or "secret", "algorithm", "issuer", "tokens"} as JSON from stdin, prints a line for
each token: "accepted" and the account, or "refused" and why.
"""

import json
import sys

import jwt

told = json.load(sys.stdin)
keys = jwt.PyJWKClient(told["keys"]) if "keys" in told else None

for token in told["tokens"]:
    try:
        verified = jwt.decode_complete(
            token,
            keys.get_signing_key_from_jwt(token) if keys else told["secret"],
            algorithms=[told["algorithm"]],
            issuer=told["issuer"],
            audience=told["issuer"],
            options={"require": ["exp", "iat", "nbf", "iss", "aud", "sub"]},
        )
        # PyJWT leaves this to whoever calls it.
        if verified["header"].get("typ") != "at+jwt":
            raise jwt.InvalidTokenError("typ")
        print("accepted", verified["payload"]["sub"])
    except jwt.PyJWTError as error:
        print("refused", type(error).__name__, error)
