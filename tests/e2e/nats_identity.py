#!/usr/bin/env python3
"""nats_identity FOLDER: an operator, an account and a user of NATS, signed by each other, as `nsc` would make them: FOLDER/accounts.conf for a
server's configuration, FOLDER/user.creds for a client. Keys are made and used by openssl; the formats are those of github.com/nats-io/nkeys and jwt (v2)."""
import base64, json, os, subprocess, sys, time

PREFIX = {"operator": 14 << 3, "account": 0, "user": 20 << 3, "seed": 18 << 3}


def openssl(*args, given=None):
    return subprocess.run(["openssl", *args], input=given, stdout=subprocess.PIPE, check=True).stdout


def crc16(data):  # XMODEM
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return crc.to_bytes(2, "little")


def text(data):
    return base64.b32encode(data + crc16(data)).decode().rstrip("=")


def url64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Key:
    def __init__(self, folder, kind, name):
        self.kind = kind
        self.file = os.path.join(folder, name + ".key")
        openssl("genpkey", "-algorithm", "ed25519", "-out", self.file)
        public = openssl("pkey", "-in", self.file, "-pubout", "-outform", "DER")[-32:]
        self.id = text(bytes([PREFIX[kind]]) + public)

    def seed(self):
        secret = openssl("pkey", "-in", self.file, "-outform", "DER")[-32:]
        kind = PREFIX[self.kind]
        return text(bytes([PREFIX["seed"] | kind >> 5, (kind & 31) << 3]) + secret)

    def sign(self, subject, more):
        head = {"typ": "JWT", "alg": "ed25519-nkey"}
        now = int(time.time())
        claims = {"jti": str(now), "iat": now, "iss": self.id, "sub": subject.id, "name": subject.kind, "nats": {"type": subject.kind, "version": 2, **more}}
        signed = ".".join(url64(json.dumps(part).encode()) for part in (head, claims))
        message = self.file + ".message"
        with open(message, "w") as f:
            f.write(signed)
        return signed + "." + url64(openssl("pkeyutl", "-sign", "-inkey", self.file, "-rawin", "-in", message))


def main(folder):
    operator, system, hubs = Key(folder, "operator", "operator"), Key(folder, "account", "system"), Key(folder, "account", "hubs")
    user = Key(folder, "user", "user")
    every = {name: -1 for name in ("subs", "data", "payload", "imports", "exports", "conn", "leaf")}
    kept = {name: -1 for name in ("mem_storage", "disk_storage", "streams", "consumer")}
    with open(os.path.join(folder, "accounts.conf"), "w") as f:
        f.write(f"operator: {operator.sign(operator, {'system_account': system.id})}\nresolver: MEMORY\nresolver_preload: {{\n"
                f"  {system.id}: {operator.sign(system, {'limits': every})}\n  {hubs.id}: {operator.sign(hubs, {'limits': {**every, **kept}})}\n}}\n")
    with open(os.path.join(folder, "user.creds"), "w") as f:
        f.write(f"-----BEGIN NATS USER JWT-----\n{hubs.sign(user, {'subs': -1, 'data': -1, 'payload': -1})}\n------END NATS USER JWT------\n\n"
                f"-----BEGIN USER NKEY SEED-----\n{user.seed()}\n------END USER NKEY SEED------\n")


main(sys.argv[1])
